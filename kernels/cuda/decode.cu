// DiffQKV attention of one token (of each of a batch) over f16 caches on tensor cores, specialised by head widths and by
// how many V heads share a K head: Sigma's four, GQA's one, and two between.
//
// A CTA takes up to 8 Q heads that share one K head, their V heads, and one split of the tokens. K and V rows come through
// a cp.async pipeline once for all of them; 16-byte chunks are swizzled, so that ldmatrix reads all banks. Its four warps
// are V heads x token ways: a warp forms the scores of all 8 Q heads over its tokens of a tile, keeps their online softmax
// in registers and multiplies by its V head: the pipeline's is the only barrier of the loop. The tensor core has 16
// rows: the lower 8 hold the Q heads, the upper 8 what rounding them (and later the weights) to f16 left over.
#include "kernels/cuda/cache.cuh"

namespace kernels::cuda {
namespace {

constexpr int decode_threads = 128, most_heads = 8;

// Where chunk c (16 bytes) of row r stands in a tile whose rows have n chunks.
template <int n>
SIGMA_DEVICE int swizzle(int r, int c) { return n >= 8 ? c ^ (r & 7) : c ^ ((r >> 1) & 3); }

template <int dim_k, int dim_v, int n_v, int tile, int stages>
SIGMA_DEVICE void attend_decode(const AttentionParams& p) {
  constexpr int ways = 4 / n_v, tokens = tile / ways;  // of a tile, a warp's
  constexpr int k_chunks = dim_k / 8, v_chunks = dim_v / 8;
  static_assert(page_tokens % tile == 0 && tokens % 16 == 0 && k_chunks % 4 == 0 && v_chunks % 8 == 0, "tile");
  extern __shared__ __align__(128) unsigned char dynamic[];
  __half* const shared_k = reinterpret_cast<__half*>(dynamic);          // [stage][tile][dim_k]
  __half* const shared_v = shared_k + stages * tile * dim_k;            // [stage][V head][tile][dim_v]
  __shared__ float max_sum[4][most_heads][2];

  const int query = int(blockIdx.z), split = int(blockIdx.x), first_head = int(blockIdx.y) * p.heads_per_cta;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  const int my_v = warp / ways, way = warp % ways;
  const SplitRange range = split_range(p, query, split);
  if (range.begin >= range.end) return;
  const int head_k = first_head / (p.n_heads_q / p.n_heads_k), head_v = first_head / (p.n_heads_q / p.n_heads_v);
  const int64_t table = int64_t(query) * p.block_stride;
  const int n_tiles = (range.end - range.begin + tile - 1) / tile;

  const auto load = [&](int i) {
    const int first = range.begin + i * tile, stage = i % stages, row0 = first % page_tokens;
    const unsigned char* k = find_page(p.k_pool, table, p.n_heads_k, head_k, first, dim_k * 2).rows + row0 * dim_k * 2;
    const unsigned char* v = find_page(p.v_pool, table, p.n_heads_v, head_v, first, dim_v * 2).rows + row0 * dim_v * 2;
    __half* to_k = shared_k + stage * tile * dim_k;
    __half* to_v = shared_v + stage * n_v * tile * dim_v;
#pragma unroll
    for (int j = 0; j < tile * k_chunks / decode_threads; ++j) {
      const int at = j * decode_threads + threadIdx.x, r = at / k_chunks, c = at % k_chunks;
      copy_async16(to_k + r * dim_k + swizzle<k_chunks>(r, c) * 8, k + (r * k_chunks + c) * 16, first + r < range.end);
    }
#pragma unroll
    for (int j = 0; j < n_v * tile * v_chunks / decode_threads; ++j) {
      const int at = j * decode_threads + threadIdx.x, h = at / (tile * v_chunks), r = at / v_chunks % tile, c = at % v_chunks;
      // V heads of a page follow each other.
      copy_async16(to_v + (h * tile + r) * dim_v + swizzle<v_chunks>(r, c) * 8,
                   v + ((h * page_tokens + r) * v_chunks + c) * 16, first + r < range.end);
    }
  };
#pragma unroll
  for (int i = 0; i < stages - 1; ++i) {
    if (i < n_tiles) load(i);
    copy_commit();
  }

  // Q: scaled to log2 units and to the middle of f16's range, a power of two for each head; value and remainder.
  uint32_t q[dim_k / 16][4];
  float back;
  {
    const bool real = g < p.heads_per_cta;
    const float* row = p.q + (int64_t(query) * p.n_heads_q + first_head + (real ? g : 0)) * dim_k;
    float top = 0;
#pragma unroll
    for (int i = 0; i < dim_k / 8; ++i) {
      const float2 x = *reinterpret_cast<const float2*>(row + i * 8 + t * 2);
      top = fmaxf(top, fmaxf(fabsf(x.x), fabsf(x.y)));
    }
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2));
    const float scale = scale_to_f16(top * p.scale_log2), factor = real ? scale * p.scale_log2 : 0.0f;
    back = inverse_of_power(scale);
#pragma unroll
    for (int i = 0; i < dim_k / 16; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 x = *reinterpret_cast<const float2*>(row + i * 16 + half * 8 + t * 2);
        q[i][2 * half] = pack2(F16{}, x.x * factor, x.y * factor);
        q[i][2 * half + 1] = remainder2(F16{}, x.x * factor, x.y * factor, q[i][2 * half]);
      }
    }
  }

  float out[dim_v / 8][4] = {}, top = -INFINITY, sum = 0;
  for (int i = 0; i < n_tiles; ++i) {
    copy_wait<stages - 2>();
    __syncthreads();
    if (i + stages - 1 < n_tiles) load(i + stages - 1);
    copy_commit();
    const __half* k = shared_k + (i % stages) * tile * dim_k;
    const __half* v = shared_v + ((i % stages) * n_v + my_v) * tile * dim_v;
    const int first_row = way * tokens, first = range.begin + i * tile + first_row;

    float s[tokens / 8][2];
    float new_top = top;
#pragma unroll
    for (int j = 0; j < tokens / 8; ++j) {
      float d[4] = {};
#pragma unroll
      for (int c = 0; c < k_chunks; c += 4) {
        uint32_t b[4];
        const int r = first_row + j * 8 + (lane & 7);
        load_matrix4(b, k + r * dim_k + swizzle<k_chunks>(r, c + (lane >> 3)) * 8);
        mma(F16{}, d, q[c / 2], b[0], b[1]);
        mma(F16{}, d, q[c / 2 + 1], b[2], b[3]);
      }
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        s[j][e] = first + j * 8 + t * 2 + e < range.end ? (d[e] + d[e + 2]) * back : -INFINITY;
        new_top = fmaxf(new_top, s[j][e]);
      }
    }
    new_top = fmaxf(new_top, shuffle_xor(new_top, 1));
    new_top = fmaxf(new_top, shuffle_xor(new_top, 2));
    const float base = new_top == -INFINITY ? 0.0f : new_top, rescale = exp2_fast(top - base);
    top = new_top;
    float tile_sum = 0;
#pragma unroll
    for (int j = 0; j < tokens / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) tile_sum += s[j][e] = exp2_fast(s[j][e] - base);
    }
    sum = sum * rescale + tile_sum;
#pragma unroll
    for (int c = 0; c < dim_v / 8; ++c) {
#pragma unroll
      for (int e = 0; e < 4; ++e) out[c][e] *= rescale;
    }
#pragma unroll
    for (int j = 0; j < tokens / 16; ++j) {
      uint32_t a[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float* w = s[2 * j + half];
        a[2 * half] = pack2(F16{}, w[0], w[1]);
        a[2 * half + 1] = remainder2(F16{}, w[0], w[1], a[2 * half]);
      }
#pragma unroll
      for (int c = 0; c < v_chunks; c += 2) {
        uint32_t b[4];
        const int r = first_row + j * 16 + (lane & 15);
        load_matrix4_transposed(b, v + r * dim_v + swizzle<v_chunks>(r, c + (lane >> 4)) * 8);
        mma(F16{}, out[c], a, b[0], b[1]);
        mma(F16{}, out[c + 1], a, b[2], b[3]);
      }
    }
  }
  sum += shuffle_xor(sum, 1);
  sum += shuffle_xor(sum, 2);

  // The warps of a V head saw different tokens: their results meet in shared memory, where the tiles were.
  copy_wait<0>();
  __syncthreads();
  float* const results = reinterpret_cast<float*>(dynamic);  // [warp][head][dim_v]
#pragma unroll
  for (int c = 0; c < dim_v / 8; ++c) {
    *reinterpret_cast<float2*>(results + (warp * most_heads + g) * dim_v + c * 8 + t * 2) =
        make_float2(out[c][0] + out[c][2], out[c][1] + out[c][3]);
  }
  if (t == 0) {
    max_sum[warp][g][0] = top;
    max_sum[warp][g][1] = sum;
  }
  __syncthreads();
  const int heads_per_v = p.heads_per_cta / n_v > 0 ? p.heads_per_cta / n_v : 1;
  const bool alone = range.n_splits == 1;
  for (int i = threadIdx.x; i < p.heads_per_cta * dim_v; i += decode_threads) {
    const int head = i / dim_v, d = i % dim_v, warp0 = head / heads_per_v * ways;
    float most = -INFINITY, total = 0, value = 0;
#pragma unroll
    for (int w = 0; w < ways; ++w) most = fmaxf(most, max_sum[warp0 + w][head][0]);
#pragma unroll
    for (int w = 0; w < ways; ++w) {
      const float weight = exp2_fast(max_sum[warp0 + w][head][0] - most);
      total += weight * max_sum[warp0 + w][head][1];
      value += weight * results[((warp0 + w) * most_heads + head) * dim_v + d];
    }
    const int64_t at = int64_t(query) * p.n_heads_q + first_head + head;
    if (alone) {
      p.out[at * dim_v + d] = value / total;
    } else {
      p.partial_out[(at * p.max_splits + split) * dim_v + d] = value;
      if (d == 0) {
        p.partial_max_sum[(at * p.max_splits + split) * 2] = most;
        p.partial_max_sum[(at * p.max_splits + split) * 2 + 1] = total;
      }
    }
  }
  if (!alone) combine_splits(p, query, first_head, p.heads_per_cta, range.n_splits);
}

}  // namespace

// Widths, V heads of a CTA, tokens of a tile, stages; decode_shapes.h gives the host the shared memory of each.
#define SIGMA_DECODE(dim_k, dim_v, n_v, tile, stages)                                        \
  extern "C" __global__ void __launch_bounds__(decode_threads)                               \
      dq_decode_f16_k##dim_k##_v##dim_v##_h##n_v(const AttentionParams p) {                  \
    attend_decode<dim_k, dim_v, n_v, tile, stages>(p);                                       \
  }
#include "kernels/cuda/decode_list.h"

}  // namespace kernels::cuda
