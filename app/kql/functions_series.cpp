#include "app/kql/functions.h"

namespace app::kql {
std::span<const Function> series_functions() { return {}; }
}  // namespace app::kql
