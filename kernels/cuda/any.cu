// What takes every shape: products of f32 weights, rotary positions with the caches' stores, and attention of any head
// counts and widths, for models that the specialised kernels have no instance of. f32 throughout, one warp a dot product.
#include "kernels/cuda/cache.cuh"

namespace kernels::cuda {
namespace {

constexpr int any_threads = 256, any_warps = 8, any_tokens = 8;

// A warp makes one row of up to 8 tokens; a CTA 8 rows.
template <bool gated>
SIGMA_DEVICE void any_product(const SkinnyParams& p) {
  __shared__ float factor[any_tokens];
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const int first_token = int(blockIdx.y) * any_tokens, n_tokens = min(any_tokens, p.n_tokens - first_token);

  // A warp finds the norm of one token; those without a token write too, as the loop below may read ahead.
  float squares = 0;
  if (p.norm && warp < n_tokens) {
    const float* x = p.x + int64_t(first_token + warp) * p.n_in;
    for (int k = lane; k < p.n_in; k += 32) squares += x[k] * x[k];
    squares = warp_sum(squares);
  }
  if (lane == 0) factor[warp] = p.norm ? 1.0f / sqrtf(squares / p.n_in + p.eps) : 1.0f;
  __syncthreads();

  int index = 0;
  if (!gated) {
    if (p.n_parts > 1 && int(blockIdx.x) >= p.part[1].first_tile) index = 1;
    if (p.n_parts > 2 && int(blockIdx.x) >= p.part[2].first_tile) index = 2;
  }
  const SkinnyPart part = p.part[index];
  const int row = (int(blockIdx.x) - part.first_tile) * any_warps + warp;
  if (row >= part.n_out) return;
  const float* w = static_cast<const float*>(part.weights) + int64_t(row) * p.n_in;
  const float* w2 = gated ? static_cast<const float*>(p.part[1].weights) + int64_t(row) * p.n_in : nullptr;

  float sum[any_tokens] = {}, sum2[any_tokens] = {};
  for (int k = lane; k < p.n_in; k += 32) {
    const float a = w[k], b = gated ? w2[k] : 0.0f, norm = p.norm ? p.norm[k] : 1.0f;
#pragma unroll
    for (int token = 0; token < any_tokens; ++token) {
      if (token >= n_tokens) continue;
      const float x = p.x[int64_t(first_token + token) * p.n_in + k] * factor[token] * norm;
      sum[token] += a * x;
      if (gated) sum2[token] += b * x;
    }
  }
#pragma unroll
  for (int token = 0; token < any_tokens; ++token) {
    if (token >= n_tokens) continue;
    const float total = warp_sum(sum[token]), total2 = gated ? warp_sum(sum2[token]) : 0.0f;
    float* y = part.y + int64_t(first_token + token) * part.n_out + row;
    if (lane == 0) {
      if (gated) *y = silu(total) * total2;
      else *y = (p.epilogue == epilogue_add ? *y : 0.0f) + total;
    }
  }
}

// ---- RoPE and the caches' stores: a CTA has one head of one token

constexpr int rope_threads = 64;

SIGMA_DEVICE void store_row(CacheF32, const PageRows& page, int row, int dim, const float* values) {
  for (int d = threadIdx.x; d < dim; d += rope_threads) reinterpret_cast<float*>(page.rows)[row * dim + d] = values[d];
}
SIGMA_DEVICE void store_row(CacheF16, const PageRows& page, int row, int dim, const float* values) {
  for (int d = threadIdx.x; d < dim; d += rope_threads) {
    reinterpret_cast<__half*>(page.rows)[row * dim + d] = __float2half_rn(values[d]);
  }
}
SIGMA_DEVICE void store_row(CacheQ8, const PageRows& page, int row, int dim, const float* values) {
  float top = 0;
  for (int d = 0; d < dim; ++d) top = fmaxf(top, fabsf(values[d]));
  const __half scale = __float2half_rn(top / 127.0f);
  const float rounded = __half2float(scale), inverse = rounded > 0 ? 1.0f / rounded : 0.0f;
  if (threadIdx.x == 0) page.scales[row] = scale;
  for (int d = threadIdx.x; d < dim; d += rope_threads) {
    const float q = fminf(fmaxf(rintf(values[d] * inverse), -127.0f), 127.0f);
    reinterpret_cast<signed char*>(page.rows)[row * dim + d] = static_cast<signed char>(int(q));
  }
}

SIGMA_DEVICE void store_row(CacheBF16, const PageRows& page, int row, int dim, const float* values) {
  for (int d = threadIdx.x; d < dim; d += rope_threads) {
    reinterpret_cast<__nv_bfloat16*>(page.rows)[row * dim + d] = __float2bfloat16_rn(values[d]);
  }
}
SIGMA_DEVICE void store_row(CacheFP8, const PageRows& page, int row, int dim, const float* values) {
  for (int d = threadIdx.x; d < dim; d += rope_threads) page.rows[row * dim + d] = to_fp8(values[d]);
}

// Where dimension pairs stand: (i, i + half), or (2i, 2i + 1).
SIGMA_DEVICE void turn_row(const float* x, const float* turns, bool interleaved, int dim, float* to) {
  const int half = dim / 2;
  for (int i = threadIdx.x; i < half; i += rope_threads) {
    const int a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + half;
    const float cosine = turns[2 * i], sine = turns[2 * i + 1], xa = x[a], xb = x[b];
    to[a] = xa * cosine - xb * sine;
    to[b] = xb * cosine + xa * sine;
  }
}

template <class C>
SIGMA_DEVICE void rope_store(const RopeStoreParams& p) {
  extern __shared__ __align__(128) float row_values[];
  const int token = int(blockIdx.x), index = int(blockIdx.y);
  const int position = p.lengths ? p.lengths[token] - 1 : p.state->first_position + token;
  const int64_t table = int64_t(token) * p.block_stride;
  const float* turns = p.turns + int64_t(token) * p.dim_k;
  if (index < p.n_heads_q) {
    float* q = p.q + (int64_t(token) * p.n_heads_q + index) * p.dim_k;
    turn_row(q, turns, p.interleaved != 0, p.dim_k, q);
  } else if (index < p.n_heads_q + p.n_heads_k) {
    const int head = index - p.n_heads_q;
    turn_row(p.k + (int64_t(token) * p.n_heads_k + head) * p.dim_k, turns, p.interleaved != 0, p.dim_k, row_values);
    __syncthreads();
    const PageRows page = find_page(p.k_pool, table, p.n_heads_k, head, position, p.dim_k * C::element_bytes);
    store_row(C{}, page, position % page_tokens, p.dim_k, row_values);
  } else {
    const int head = index - p.n_heads_q - p.n_heads_k;
    const PageRows page = find_page(p.v_pool, table, p.n_heads_v, head, position, p.dim_v * C::element_bytes);
    store_row(C{}, page, position % page_tokens, p.dim_v, p.v + (int64_t(token) * p.n_heads_v + head) * p.dim_v);
  }
}

// ---- attention: a CTA has one Q head of one query and one split

constexpr int attention_threads = 128, attention_warps = 4;

template <class C>
SIGMA_DEVICE void attend_any(const AttentionParams& p) {
  extern __shared__ __align__(128) float shared_floats[];  // q [dim_k], out [dim_v]
  __shared__ float scores[page_tokens];
  const int query = int(blockIdx.z), head = int(blockIdx.y), split = int(blockIdx.x);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const SplitRange range = split_range(p, query, split);
  if (range.begin >= range.end) return;
  float* q = shared_floats;
  float* out = shared_floats + p.dim_k;
  const int64_t table = int64_t(query) * p.block_stride;
  const int head_k = head / (p.n_heads_q / p.n_heads_k), head_v = head / (p.n_heads_q / p.n_heads_v);

  for (int d = threadIdx.x; d < p.dim_k; d += attention_threads) {
    q[d] = p.q[(int64_t(query) * p.n_heads_q + head) * p.dim_k + d] * p.scale_log2;
  }
  for (int d = threadIdx.x; d < p.dim_v; d += attention_threads) out[d] = 0;
  __syncthreads();

  float top = -INFINITY, sum = 0;
  for (int first = range.begin; first < range.end; first += page_tokens) {
    const int n = min(page_tokens, range.end - first);
    const PageRows keys = find_page(p.k_pool, table, p.n_heads_k, head_k, first, p.dim_k * C::element_bytes);
    const PageRows values = find_page(p.v_pool, table, p.n_heads_v, head_v, first, p.dim_v * C::element_bytes);
    for (int i = warp; i < n; i += attention_warps) {
      float dot = 0;
      for (int d = lane; d < p.dim_k; d += 32) dot += q[d] * C::load(keys, i, p.dim_k, d);
      dot = warp_sum(dot);
      if (lane == 0) scores[i] = dot;
    }
    __syncthreads();
    float new_top = top, page_sum = 0;
    for (int i = 0; i < n; ++i) new_top = fmaxf(new_top, scores[i]);
    const float rescale = exp2_fast(top - new_top);
    for (int i = 0; i < n; ++i) page_sum += exp2_fast(scores[i] - new_top);
    sum = sum * rescale + page_sum;
    top = new_top;
    for (int d = threadIdx.x; d < p.dim_v; d += attention_threads) {
      float value = out[d] * rescale;
      for (int i = 0; i < n; ++i) value += exp2_fast(scores[i] - top) * C::load(values, i, p.dim_v, d);
      out[d] = value;
    }
    __syncthreads();
  }

  const int64_t result = int64_t(query) * p.n_heads_q + head;
  const bool alone = range.n_splits == 1;
  float* to = alone ? p.out + result * p.dim_v : p.partial_out + (result * p.max_splits + split) * p.dim_v;
  for (int d = threadIdx.x; d < p.dim_v; d += attention_threads) to[d] = alone ? out[d] / sum : out[d];
  if (alone) return;
  if (threadIdx.x == 0) {
    float* max_sum = p.partial_max_sum + (result * p.max_splits + split) * 2;
    max_sum[0] = top;
    max_sum[1] = sum;
  }
  combine_splits(p, query, head, 1, range.n_splits);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(any_threads) any_f32(const SkinnyParams p) { any_product<false>(p); }
extern "C" __global__ void __launch_bounds__(any_threads) any_f32_gated(const SkinnyParams p) { any_product<true>(p); }

extern "C" __global__ void __launch_bounds__(256) silu_mul(const SiluMulParams p) {
  const int64_t i = int64_t(blockIdx.x) * 256 + threadIdx.x;
  if (i < p.n) p.y[i] = silu(p.gate[i]) * p.up[i];
}

#define SIGMA_CACHE_TYPE(name, type)                                                                         \
  extern "C" __global__ void __launch_bounds__(rope_threads) rope_store_##name(const RopeStoreParams p) {    \
    rope_store<type>(p);                                                                                     \
  }                                                                                                          \
  extern "C" __global__ void __launch_bounds__(attention_threads) dq_any_##name(const AttentionParams p) {   \
    attend_any<type>(p);                                                                                     \
  }
SIGMA_CACHE_TYPE(f32, CacheF32)
SIGMA_CACHE_TYPE(f16, CacheF16)
SIGMA_CACHE_TYPE(q8, CacheQ8)
SIGMA_CACHE_TYPE(bf16, CacheBF16)
SIGMA_CACHE_TYPE(fp8, CacheFP8)

}  // namespace kernels::cuda
