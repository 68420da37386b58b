// kernels/cuda/cache.cuh: rows of the paged K and V pools, where a query's splits begin and end, and how partial results
// of several CTAs become one.
//
// Splits are cut in whole pages and at least 256 tokens, from the length alone: a launch of a fixed grid
// (a CUDA graph) serves every length, CTAs beyond the last split leave at once, and a run repeats bit for bit, since partial
// results are added in the order of splits by whichever CTA of a head group comes last. That one counter is all the
// order there is between CTAs.
#pragma once
#include "kernels/cuda/device.cuh"

namespace kernels::cuda {

// Rows of the page of 64 tokens that holds `token`, of one head; scales where the type has them.
struct PageRows {
  unsigned char* rows;
  __half* scales;
};
SIGMA_DEVICE PageRows find_page(const CachePool& pool, int64_t first_block, int n_heads, int head, int token, int row_bytes) {
  const int block = token / pool.block_tokens, page = (token - block * pool.block_tokens) / page_tokens;
  const uint64_t start = pool.base + (pool.blocks ? pool.blocks[first_block + block] : 0);
  const int64_t row = (int64_t(page) * n_heads + head) * page_tokens;
  return {reinterpret_cast<unsigned char*>(start + row * row_bytes),
          reinterpret_cast<__half*>(start + pool.scales_at + row * 2)};
}

struct CacheF32 {
  static constexpr int element_bytes = 4;
  static SIGMA_DEVICE float load(const PageRows& page, int row, int dim, int d) {
    return reinterpret_cast<const float*>(page.rows)[row * dim + d];
  }
};
struct CacheF16 {
  static constexpr int element_bytes = 2;
  static SIGMA_DEVICE float load(const PageRows& page, int row, int dim, int d) {
    return __half2float(reinterpret_cast<const __half*>(page.rows)[row * dim + d]);
  }
};
struct CacheQ8 {
  static constexpr int element_bytes = 1;
  static SIGMA_DEVICE float load(const PageRows& page, int row, int dim, int d) {
    return __half2float(page.scales[row]) * float(reinterpret_cast<const signed char*>(page.rows)[row * dim + d]);
  }
};

struct CacheBF16 {
  static constexpr int element_bytes = 2;
  static SIGMA_DEVICE float load(const PageRows& page, int row, int dim, int d) {
    return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(page.rows)[row * dim + d]);
  }
};

// fp8 e4m3, without infinities: f16 has the same steps 2^8 lower, so 7 bits fewer of its number are the code.
SIGMA_DEVICE unsigned char to_fp8(float x) {
  const float clamped = fminf(fmaxf(x, -448.0f), 448.0f);
  const unsigned bits = __half_as_ushort(__float2half_rn(clamped * 0.00390625f)), code = bits & 0x7fffu;
  return static_cast<unsigned char>((bits >> 8 & 0x80u) | ((code + 0x3fu + (code >> 7 & 1u)) >> 7));
}
SIGMA_DEVICE float from_fp8(unsigned code) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>((code & 0x80u) << 8 | (code & 0x7fu) << 7))) * 256.0f;
}
struct CacheFP8 {
  static constexpr int element_bytes = 1;
  static SIGMA_DEVICE float load(const PageRows& page, int row, int dim, int d) { return from_fp8(page.rows[row * dim + d]); }
};

struct SplitRange {
  int length, n_splits, begin, end;  // n_splits in use; end <= begin: nothing to do here
};
SIGMA_DEVICE SplitRange split_range(const AttentionParams& p, int query, int split) {
  const int length = p.lengths ? p.lengths[query] : p.state->first_position + p.first_token + query + 1;
  const int fair = (length + p.max_splits - 1) / p.max_splits;
  const int tokens = (max(fair, 4 * page_tokens) + page_tokens - 1) / page_tokens * page_tokens;
  return {length, (length + tokens - 1) / tokens, split * tokens, min((split + 1) * tokens, length)};
}

// After this CTA wrote its partials of heads [first_head, first_head + n_heads): counts it, and the last one of the
// splits adds them all up in order and writes the result. Called by every thread of the CTA.
SIGMA_DEVICE void combine_splits(const AttentionParams& p, int query, int first_head, int n_heads, int n_splits) {
  __shared__ int last;
  __threadfence();
  __syncthreads();
  int32_t* const arrived = p.arrived + query * int(gridDim.y) + int(blockIdx.y);
  if (threadIdx.x == 0) last = atomicAdd(arrived, 1) == n_splits - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  if (threadIdx.x == 0) *arrived = 0;  // for the next launch
  for (int i = threadIdx.x; i < n_heads * p.dim_v; i += blockDim.x) {
    const int head = i / p.dim_v, d = i - head * p.dim_v;
    const int64_t at = (int64_t(query) * p.n_heads_q + first_head + head) * p.max_splits;
    float top = -INFINITY;
    for (int s = 0; s < n_splits; ++s) top = fmaxf(top, __ldcg(p.partial_max_sum + (at + s) * 2));
    float sum = 0, value = 0;
    for (int s = 0; s < n_splits; ++s) {
      const float weight = exp2_fast(__ldcg(p.partial_max_sum + (at + s) * 2) - top);
      sum += weight * __ldcg(p.partial_max_sum + (at + s) * 2 + 1);
      value += weight * __ldcg(p.partial_out + (at + s) * p.dim_v + d);
    }
    p.out[(int64_t(query) * p.n_heads_q + first_head + head) * p.dim_v + d] = value / sum;
  }
}

}  // namespace kernels::cuda
