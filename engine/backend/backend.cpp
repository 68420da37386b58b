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

void Backend::rope_and_store_runs(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                                  std::span<const KvRun> runs) {
  int64_t row = 0;
  for (const KvRun& run : runs) {
    rope_and_store(shape, rope, q + row * shape.n_heads_q * shape.head_dim_k, k + row * shape.n_heads_k * shape.head_dim_k,
                   v + row * shape.n_heads_v * shape.head_dim_v, run.cache, run.first_position, run.n_tokens);
    row += run.n_tokens;
  }
}

void Backend::attend_runs(const AttentionShape& shape, const float* q, std::span<const KvRun> runs, float* out) {
  int64_t row = 0;
  for (const KvRun& run : runs) {
    attention(shape, q + row * shape.n_heads_q * shape.head_dim_k, run.cache, out + row * shape.n_heads_q * shape.head_dim_v,
              run.first_position, run.n_tokens);
    row += run.n_tokens;
  }
}

}  // namespace engine
