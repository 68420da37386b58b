// DiffQKV attention of many tokens of a prompt over 16-bit and 8-bit caches on tensor cores; instances by head widths and by how many V
// heads share a K head, as for decoding (decode_list.h).
//
// A CTA takes a run of tokens, up to 8 Q heads that share one K head, and their V heads. K and V rows come through a cp.async
// pipeline once for all of them, 16-byte chunks swizzled so that ldmatrix reads all banks. A warp has one Q head and 16 or 32
// of the tokens: it forms their scores 32 keys at a time, keeps their online softmax in registers and multiplies by its
// V head, so the pipeline's barrier is the only one. Scores and weights are rounded to f16 once (2^-11), sums are f32.
// Tokens that see most keys begin first.
#include "kernels/cuda/decode_shapes.h"
#include "kernels/cuda/tile.cuh"

namespace kernels::cuda {
namespace {

constexpr int keys_at_once = 32;

// What a warp holds of 16 of its tokens. Of each pair: rows g and g + 8 of the tile.
template <int dim_k, int dim_v>
struct Rows {
  uint32_t q[dim_k / 16][4];
  float out[dim_v / 8][4] = {};
  float back[2], top[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  int position[2];  // the last key that the token sees
};

// Q in log2 units and in the middle of f16's range: a power of two for each row.
template <class T, int dim_k, int dim_v>
SIGMA_DEVICE void load_q(Rows<dim_k, dim_v>& rows, const float* const (&row)[2], float scale_log2, int t) {
#pragma unroll
  for (int upper = 0; upper < 2; ++upper) {
    float top = 0;
#pragma unroll
    for (int i = 0; i < dim_k / 8; ++i) {
      const float2 x = T::template q_pair<dim_k>(row[upper], i / 2, i & 1, t);
      top = fmaxf(top, fmaxf(fabsf(x.x), fabsf(x.y)));
    }
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2));
    const float scale = scale_to_f16(top * scale_log2), factor = scale * scale_log2;
    rows.back[upper] = inverse_of_power(scale);
#pragma unroll
    for (int i = 0; i < dim_k / 8; ++i) {
      const float2 x = T::template q_pair<dim_k>(row[upper], i / 2, i & 1, t);
      rows.q[i / 2][(i & 1) * 2 + upper] = pack2(typename T::Number{}, x.x * factor, x.y * factor);
    }
  }
}

// Scores of 32 keys become weights: masked, over a new maximum, the results so far rescaled.
template <class T, int dim_k, int dim_v>
SIGMA_DEVICE void soften(Rows<dim_k, dim_v>& rows, float (&s)[keys_at_once / 8][4], const __half* k_scales, int first_key, bool mask,
                         int t) {
#pragma unroll
  for (int upper = 0; upper < 2; ++upper) {
    float new_top = rows.top[upper];
#pragma unroll
    for (int j = 0; j < keys_at_once / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float& x = s[j][upper * 2 + e];
        const float scale = T::scaled ? rows.back[upper] * __half2float(k_scales[j * 8 + t * 2 + e]) : rows.back[upper];
        x = mask && first_key + j * 8 + t * 2 + e > rows.position[upper] ? -INFINITY : x * scale;
        new_top = fmaxf(new_top, x);
      }
    }
    new_top = fmaxf(new_top, shuffle_xor(new_top, 1));
    new_top = fmaxf(new_top, shuffle_xor(new_top, 2));
    const float rescale = exp2_fast(rows.top[upper] - new_top);  // every row sees key 0, so new_top is finite
    rows.top[upper] = new_top;
    float sum = 0;
#pragma unroll
    for (int j = 0; j < keys_at_once / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) sum += s[j][upper * 2 + e] = exp2_fast(s[j][upper * 2 + e] - new_top);
    }
    rows.sum[upper] = rows.sum[upper] * rescale + sum;
#pragma unroll
    for (int c = 0; c < dim_v / 8; ++c) {
#pragma unroll
      for (int e = 0; e < 2; ++e) rows.out[c][upper * 2 + e] *= rescale;
    }
  }
}

template <class T, int dim_k, int dim_v, int n_v, int tile, int stages>
SIGMA_DEVICE void attend_prefill(const AttentionParams& p) {
  constexpr int m_tiles = prefill_tokens_of_warp(dim_v) / 16, warp_tokens = m_tiles * 16;
  constexpr int steps = T::template steps_at_once<dim_k>();
  static_assert(tile % keys_at_once == 0, "tile");
  extern __shared__ __align__(128) unsigned char dynamic[];
  const TileStages<T, dim_k, dim_v, n_v, tile, stages> staged{dynamic};

  const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, n_heads = p.heads_per_cta;
  const int my_head = (threadIdx.x >> 5) % n_heads, way = (threadIdx.x >> 5) / n_heads, n_ways = (blockDim.x >> 5) / n_heads;
  const int first_head = int(blockIdx.y) * n_heads;
  const int my_v = n_v == 1 ? 0 : my_head / (n_heads / n_v);
  const int head_k = first_head / (p.n_heads_q / p.n_heads_k), head_v = first_head / (p.n_heads_q / p.n_heads_v);
  const int first_query = int(gridDim.x - 1 - blockIdx.x) * n_ways * warp_tokens, my_query = first_query + way * warp_tokens;
  const int base = p.state->first_position + p.first_token;  // position of query 0
  const int end = base + min(first_query + n_ways * warp_tokens, p.n_queries);  // keys that somebody here sees
  const int my_last = base + min(my_query + warp_tokens, p.n_queries) - 1;
  const bool real = my_query < p.n_queries;
  const int n_tiles = (end + tile - 1) / tile;

  const auto load = [&](int i) { staged.template load<0>(p, 0, head_k, head_v, i * tile, end, i % stages); };
#pragma unroll
  for (int i = 0; i < stages - 1; ++i) {
    if (i < n_tiles) load(i);
    copy_commit();
  }

  // Rows beyond the last token are that token again; they are not stored.
  Rows<dim_k, dim_v> rows[m_tiles];
#pragma unroll
  for (int m = 0; m < m_tiles; ++m) {
    const float* row[2];
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      const int query = min(my_query + m * 16 + g + upper * 8, p.n_queries - 1);
      rows[m].position[upper] = base + query;
      row[upper] = p.q + (int64_t(query) * p.n_heads_q + first_head + my_head) * dim_k;
    }
    load_q<T>(rows[m], row, p.scale_log2, t);
  }

  for (int i = 0; i < n_tiles; ++i) {
    copy_wait<stages - 2>();
    __syncthreads();
    if (i + stages - 1 < n_tiles) load(i + stages - 1);
    copy_commit();
    const int stage = i % stages;
    const unsigned char *k = staged.k(stage), *v = staged.v(stage, my_v);
    const __half *k_scales = staged.k_scales(stage), *v_scales = staged.v_scales(stage, my_v);
#pragma unroll 1
    for (int first_row = 0; first_row < tile; first_row += keys_at_once) {
      const int first_key = i * tile + first_row;
      if (!real || first_key > my_last) break;
      float s[m_tiles][keys_at_once / 8][4] = {};
#pragma unroll
      for (int j = 0; j < keys_at_once / 8; ++j) {
#pragma unroll
        for (int group = 0; group < dim_k / 16 / steps; ++group) {
          uint32_t b[steps][2];
          T::template keys<dim_k>(b, k, first_row + j * 8, group, lane);
#pragma unroll
          for (int step = 0; step < steps; ++step) {
#pragma unroll
            for (int m = 0; m < m_tiles; ++m) mma(typename T::Number{}, s[m][j], rows[m].q[group * steps + step], b[step][0], b[step][1]);
          }
        }
      }
      const bool mask = first_key + keys_at_once - 1 > base + my_query;
#pragma unroll
      for (int m = 0; m < m_tiles; ++m) soften<T>(rows[m], s[m], k_scales + first_row, first_key, mask, t);
#pragma unroll
      for (int j = 0; j < keys_at_once / 16; ++j) {
        uint32_t a[m_tiles][4];
#pragma unroll
        for (int m = 0; m < m_tiles; ++m) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const float* w = s[m][2 * j + (e >> 1)] + (e & 1) * 2;
            a[m][e] = pack2(typename T::Number{}, w[0], w[1]);
          }
        }
#pragma unroll
        for (int c = 0; c < dim_v / 32; ++c) {
          uint32_t b[4][2];
          T::template values<dim_v>(b, v, v_scales, first_row + j * 16, c, lane);
#pragma unroll
          for (int n = 0; n < 4; ++n) {
#pragma unroll
            for (int m = 0; m < m_tiles; ++m) mma(typename T::Number{}, rows[m].out[c * 4 + n], a[m], b[n][0], b[n][1]);
          }
        }
      }
    }
  }
  copy_wait<0>();

#pragma unroll
  for (int m = 0; m < m_tiles; ++m) {
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      float sum = rows[m].sum[upper];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const int query = my_query + m * 16 + g + upper * 8;
      if (query >= p.n_queries) continue;
      float* to = p.out + (int64_t(query) * p.n_heads_q + first_head + my_head) * dim_v;
#pragma unroll
      for (int i = 0; i < dim_v / 16; ++i) {
        const float *a = rows[m].out[2 * i] + upper * 2, *b = rows[m].out[2 * i + 1] + upper * 2;
        T::store(to, i, t, a[0] / sum, a[1] / sum, b[0] / sum, b[1] / sum);
      }
    }
  }
}

}  // namespace

#define SIGMA_DECODE(type, dim_k, dim_v, n_v, tile, stages)                          \
  extern "C" __global__ void __launch_bounds__(prefill_threads)                      \
      dq_prefill_##type##_k##dim_k##_v##dim_v##_h##n_v(const AttentionParams p) {    \
    attend_prefill<Tiles_##type, dim_k, dim_v, n_v, tile, stages>(p);                \
  }
#include "kernels/cuda/decode_list.h"

}  // namespace kernels::cuda
