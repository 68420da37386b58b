#include "app/kql/functions.h"

namespace app::kql {
std::span<const Function> geo_functions() { return {}; }
}  // namespace app::kql
