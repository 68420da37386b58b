// Selective V: softmax over all keys, but only the values of the T largest weights of each Q head are read; they are not
// renormalised, and of equal ones the earlier token counts. Three kernels: the scores of every key; the T largest and their
// weights; the sum of those rows of V. V's traffic then no longer grows with the context.
#include "kernels/cuda/cache.cuh"

namespace kernels::cuda {
namespace {

constexpr int score_threads = 128, score_warps = 4, score_tokens = 256, top_threads = 256, top_warps = 8, gather_threads = 128;

SIGMA_DEVICE int length_of(const AttentionParams& p, int query) {
  return p.lengths ? p.lengths[query] : p.state->first_position + p.first_token + query + 1;
}
SIGMA_DEVICE float* scores_of(const SelectParams& p, int query, int head) {
  return p.scores + (int64_t(query) * p.a.n_heads_q + head) * p.max_tokens;
}

// A CTA scores 256 keys of one Q head, a warp one at a time.
template <class C>
SIGMA_DEVICE void score_keys(const SelectParams& p) {
  extern __shared__ __align__(128) float query_row[];
  const AttentionParams& a = p.a;
  const int query = int(blockIdx.z), head = int(blockIdx.y), begin = int(blockIdx.x) * score_tokens;
  const int end = min(begin + score_tokens, length_of(a, query)), warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  if (begin >= end) return;
  for (int d = threadIdx.x; d < a.dim_k; d += score_threads) {
    query_row[d] = a.q[(int64_t(query) * a.n_heads_q + head) * a.dim_k + d] * a.scale_log2;
  }
  __syncthreads();
  float* scores = scores_of(p, query, head);
  const int head_k = head / (a.n_heads_q / a.n_heads_k);
  for (int first = begin; first < end; first += page_tokens) {
    const PageRows keys = find_page(a.k_pool, int64_t(query) * a.block_stride, a.n_heads_k, head_k, first, a.dim_k * C::element_bytes);
    const int n = min(page_tokens, end - first);
    for (int i = warp; i < n; i += score_warps) {
      float dot = 0;
      for (int d = lane; d < a.dim_k; d += 32) dot += query_row[d] * C::load(keys, i, a.dim_k, d);
      dot = warp_sum(dot);
      if (lane == 0) scores[first + i] = dot;
    }
  }
}

// Order of floats as order of integers.
SIGMA_DEVICE uint32_t ordered(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

// How many threads before this one have the flag, and how many in all. Every thread calls.
SIGMA_DEVICE int rank_in_block(bool flag, int (&counts)[top_warps], int& total) {
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const uint32_t flags = __ballot_sync(0xffffffffu, flag);
  __syncthreads();  // the last call's counts were read
  if (lane == 0) counts[warp] = __popc(flags);
  __syncthreads();
  int before = __popc(flags & ((1u << lane) - 1));
  total = 0;
  for (int i = 0; i < top_warps; ++i) {
    if (i < warp) before += counts[i];
    total += counts[i];
  }
  return before;
}

// A CTA has one Q head of one query. The T-th largest score is found digit by digit (8 bits each, from the top).
SIGMA_DEVICE void choose_top(const SelectParams& p) {
  __shared__ int histogram[256], counts[top_warps], digit, remaining;
  __shared__ float tops[top_warps], sums[top_warps];
  const int head = int(blockIdx.x), query = int(blockIdx.y), n = length_of(p.a, query), warp = threadIdx.x >> 5;
  const float* scores = scores_of(p, query, head);
  const int64_t at = (int64_t(query) * p.a.n_heads_q + head) * p.top_k;

  float top = -INFINITY, sum = 0;
  for (int i = threadIdx.x; i < n; i += top_threads) top = fmaxf(top, scores[i]);
  top = warp_max(top);
  if ((threadIdx.x & 31) == 0) tops[warp] = top;
  if (threadIdx.x == 0) remaining = min(p.top_k, n);
  __syncthreads();
  for (int i = 0; i < top_warps; ++i) top = fmaxf(top, tops[i]);
  for (int i = threadIdx.x; i < n; i += top_threads) sum += exp2_fast(scores[i] - top);
  sum = warp_sum(sum);
  if ((threadIdx.x & 31) == 0) sums[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int i = 0; i < top_warps; ++i) sum += sums[i];

  uint32_t prefix = 0, mask = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    histogram[threadIdx.x] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += top_threads) {
      const uint32_t key = ordered(scores[i]);
      if ((key & mask) == prefix) atomicAdd(&histogram[key >> shift & 255], 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int d = 255, left = remaining;
      while (d > 0 && histogram[d] < left) left -= histogram[d--];
      digit = d;
      remaining = left;
    }
    __syncthreads();
    prefix |= uint32_t(digit) << shift;
    mask |= 255u << shift;
  }

  // All above it, and of those equal to it the first that there is room for.
  const int room = remaining;
  int n_taken = 0, n_equal = 0;
  for (int first = 0; first < n; first += top_threads) {
    const int i = first + int(threadIdx.x);
    const float score = i < n ? scores[i] : 0.0f;
    const uint32_t key = ordered(score);
    int equals = 0, taken = 0;
    const bool equal = i < n && key == prefix;
    const int equal_rank = n_equal + rank_in_block(equal, counts, equals);
    const bool take = i < n && (key > prefix || (equal && equal_rank < room));
    const int rank = n_taken + rank_in_block(take, counts, taken);
    if (take) {
      p.chosen[at + rank] = i;
      p.weights[at + rank] = exp2_fast(score - top) / sum;
    }
    n_equal += equals;
    n_taken += taken;
  }
}

template <class C>
SIGMA_DEVICE void gather_values(const SelectParams& p) {
  const AttentionParams& a = p.a;
  const int head = int(blockIdx.x), query = int(blockIdx.y), n = min(p.top_k, length_of(a, query));
  const int64_t row = int64_t(query) * a.n_heads_q + head;
  const int head_v = head / (a.n_heads_q / a.n_heads_v);
  for (int d = threadIdx.x; d < a.dim_v; d += gather_threads) {
    float value = 0;
    for (int i = 0; i < n; ++i) {
      const int token = p.chosen[row * p.top_k + i];
      const PageRows values = find_page(a.v_pool, int64_t(query) * a.block_stride, a.n_heads_v, head_v, token, a.dim_v * C::element_bytes);
      value += p.weights[row * p.top_k + i] * C::load(values, token % page_tokens, a.dim_v, d);
    }
    a.out[row * a.dim_v + d] = value;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(top_threads) select_top(const SelectParams p) { choose_top(p); }

#define SIGMA_SELECT(name, type)                                                                                  \
  extern "C" __global__ void __launch_bounds__(score_threads) select_scores_##name(const SelectParams p) {        \
    score_keys<type>(p);                                                                                          \
  }                                                                                                               \
  extern "C" __global__ void __launch_bounds__(gather_threads) select_gather_##name(const SelectParams p) {       \
    gather_values<type>(p);                                                                                       \
  }
SIGMA_SELECT(f32, CacheF32)
SIGMA_SELECT(f16, CacheF16)
SIGMA_SELECT(q8, CacheQ8)
SIGMA_SELECT(bf16, CacheBF16)
SIGMA_SELECT(fp8, CacheFP8)

}  // namespace kernels::cuda
