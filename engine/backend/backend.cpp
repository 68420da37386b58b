#include "engine/backend/backend.h"

namespace engine {

const char* cache_type_name(CacheType type) {
  switch (type) {
    case CacheType::f32: return "f32";
    case CacheType::f16: return "f16";
    case CacheType::q8_0: return "q8_0";
  }
  return "?";
}

}  // namespace engine
