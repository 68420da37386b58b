#include "engine/backend/backend.h"

#include "engine/base/error.h"

namespace engine {

const char* cache_type_name(CacheType type) {
  switch (type) {
    case CacheType::f32: return "f32";
    case CacheType::f16: return "f16";
    case CacheType::q8_0: return "q8_0";
    case CacheType::q4_0: return "q4_0";
    case CacheType::bf16: return "bf16";
    case CacheType::fp8: return "fp8";
  }
  return "?";
}

CacheType cpu_cache_type(CacheType type) {
  return type == CacheType::bf16 ? CacheType::f16 : type == CacheType::fp8 ? CacheType::q8_0 : type;
}

// Never called: has_row_operations() is asked first.
void Backend::add_bias(const float*, float*, int, int) { CHECK_INVARIANT(has_row_operations()); }
void Backend::norm_rows(Norm, float*, int, int) { CHECK_INVARIANT(has_row_operations()); }
void Backend::norm_and_add(Norm, const float*, float*, int, int) { CHECK_INVARIANT(has_row_operations()); }
void Backend::scale(float, float*, int64_t) { CHECK_INVARIANT(has_row_operations()); }
void Backend::gelu_mul(const float*, float*, int64_t) { CHECK_INVARIANT(has_row_operations()); }

}  // namespace engine
