// DiffQKV attention of one token (of each of a batch) over 16-bit and 8-bit caches on tensor cores, specialised by head widths and by
// how many V heads share a K head: Sigma's four, GQA's one, and two between.
//
// A CTA takes up to 8 Q heads that share one K head, their V heads, and one split of the tokens. K and V rows come through
// a cp.async pipeline once for all of them; 16-byte chunks are swizzled, so that ldmatrix reads all banks. Its four warps
// are V heads x token ways: a warp forms the scores of all 8 Q heads over its tokens of a tile, keeps their online softmax
// in registers and multiplies by its V head: the pipeline's is the only barrier of the loop. The tensor core has 16
// rows: the lower 8 hold the Q heads, the upper 8 what rounding them (and later the weights) to f16 left over.
#include "kernels/cuda/tile.cuh"

namespace kernels::cuda {
namespace {

constexpr int decode_threads = 128, most_heads = 8;

template <class T, int dim_k, int dim_v, int n_v, int tile, int stages>
SIGMA_DEVICE void attend_decode(const AttentionParams& p) {
  constexpr int ways = 4 / n_v, tokens = tile / ways;  // of a tile, a warp's
  constexpr int steps = T::template steps_at_once<dim_k>();
  static_assert(tokens % 16 == 0, "tile");
  extern __shared__ __align__(128) unsigned char dynamic[];
  const TileStages<T, dim_k, dim_v, n_v, tile, stages> staged{dynamic};
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
    staged.template load<decode_threads>(p, table, head_k, head_v, range.begin + i * tile, range.end, i % stages);
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
      const float2 x = T::template q_pair<dim_k>(row, i / 2, i & 1, t);
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
        const float2 x = T::template q_pair<dim_k>(row, i, half, t);
        q[i][2 * half] = pack2(typename T::Number{}, x.x * factor, x.y * factor);
        q[i][2 * half + 1] = remainder2(typename T::Number{}, x.x * factor, x.y * factor, q[i][2 * half]);
      }
    }
  }

  float out[dim_v / 8][4] = {}, top = -INFINITY, sum = 0;
  for (int i = 0; i < n_tiles; ++i) {
    copy_wait<stages - 2>();
    __syncthreads();
    if (i + stages - 1 < n_tiles) load(i + stages - 1);
    copy_commit();
    const int stage = i % stages;
    const unsigned char *k = staged.k(stage), *v = staged.v(stage, my_v);
    const __half *k_scales = staged.k_scales(stage), *v_scales = staged.v_scales(stage, my_v);
    const int first_row = way * tokens, first = range.begin + i * tile + first_row;

    float s[tokens / 8][2];
    float new_top = top;
#pragma unroll
    for (int j = 0; j < tokens / 8; ++j) {
      float d[4] = {};
#pragma unroll
      for (int group = 0; group < dim_k / 16 / steps; ++group) {
        uint32_t b[steps][2];
        T::template keys<dim_k>(b, k, first_row + j * 8, group, lane);
#pragma unroll
        for (int step = 0; step < steps; ++step) mma(typename T::Number{}, d, q[group * steps + step], b[step][0], b[step][1]);
      }
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const float scale = T::scaled ? back * __half2float(k_scales[first_row + j * 8 + t * 2 + e]) : back;
        s[j][e] = first + j * 8 + t * 2 + e < range.end ? (d[e] + d[e + 2]) * scale : -INFINITY;
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
        a[2 * half] = pack2(typename T::Number{}, w[0], w[1]);
        a[2 * half + 1] = remainder2(typename T::Number{}, w[0], w[1], a[2 * half]);
      }
#pragma unroll
      for (int c = 0; c < dim_v / 32; ++c) {
        uint32_t b[4][2];
        T::template values<dim_v>(b, v, v_scales, first_row + j * 16, c, lane);
#pragma unroll
        for (int n = 0; n < 4; ++n) mma(typename T::Number{}, out[c * 4 + n], a, b[n][0], b[n][1]);
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
  for (int i = 0; i < dim_v / 16; ++i) {
    const float(&a)[4] = out[2 * i], (&b)[4] = out[2 * i + 1];
    T::store(results + (warp * most_heads + g) * dim_v, i, t, a[0] + a[2], a[1] + a[3], b[0] + b[2], b[1] + b[3]);
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

// Type of cache, widths, V heads of a CTA, tokens of a tile, stages; decode_shapes.h gives the host the shared memory of each.
// CTAs of a multiprocessor that registers must leave room for: without it the compiler spills in some to have four, or takes
// too many in others.
constexpr int resident(int element_bytes, int dim_k, int dim_v, int n_v) {
  return dim_v > 64 || n_v > 2 ? 1 : dim_k < 64 && element_bytes == 2 ? 5 : 4;
}

#define SIGMA_DECODE(type, dim_k, dim_v, n_v, tile, stages)                                  \
  extern "C" __global__ void __launch_bounds__(decode_threads, resident(Tiles_##type::element_bytes, dim_k, dim_v, n_v)) \
      dq_decode_##type##_k##dim_k##_v##dim_v##_h##n_v(const AttentionParams p) {             \
    attend_decode<Tiles_##type, dim_k, dim_v, n_v, tile, stages>(p);                         \
  }
#include "kernels/cuda/decode_list.h"

}  // namespace kernels::cuda
