// DiffQKV attention of many tokens of a prompt over f16 caches on tensor cores; instances by head widths and by how many V
// heads share a K head, as for decoding (decode_list.h).
//
// A CTA takes a run of tokens, up to 8 Q heads that share one K head, and their V heads. K and V rows come through a cp.async
// pipeline once for all of them, 16-byte chunks swizzled so that ldmatrix reads all banks. A warp has one Q head and 16 or 32
// of the tokens: it forms their scores 32 keys at a time, keeps their online softmax in registers and multiplies by its
// V head, so the pipeline's barrier is the only one. Scores and weights are rounded to f16 once (2^-11), sums are f32.
// Tokens that see most keys begin first.
#include "kernels/cuda/cache.cuh"
#include "kernels/cuda/decode_shapes.h"

namespace kernels::cuda {
namespace {

constexpr int keys_at_once = 32;

// Where chunk c (16 bytes) of row r stands in a tile whose rows have n chunks.
template <int n>
SIGMA_DEVICE int swizzle(int r, int c) { return n >= 8 ? c ^ (r & 7) : c ^ ((r >> 1) & 3); }

// What a warp holds of 16 of its tokens. Of each pair: rows g and g + 8 of the tile.
template <int dim_k, int dim_v>
struct Rows {
  uint32_t q[dim_k / 16][4];
  float out[dim_v / 8][4] = {};
  float back[2], top[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  int position[2];  // the last key that the token sees
};

// Q in log2 units and in the middle of f16's range: a power of two for each row.
template <int dim_k, int dim_v>
SIGMA_DEVICE void load_q(Rows<dim_k, dim_v>& rows, const float* const (&row)[2], float scale_log2, int t) {
#pragma unroll
  for (int upper = 0; upper < 2; ++upper) {
    float top = 0;
#pragma unroll
    for (int i = 0; i < dim_k / 8; ++i) {
      const float2 x = *reinterpret_cast<const float2*>(row[upper] + i * 8 + t * 2);
      top = fmaxf(top, fmaxf(fabsf(x.x), fabsf(x.y)));
    }
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2));
    const float scale = scale_to_f16(top * scale_log2), factor = scale * scale_log2;
    rows.back[upper] = inverse_of_power(scale);
#pragma unroll
    for (int i = 0; i < dim_k / 8; ++i) {
      const float2 x = *reinterpret_cast<const float2*>(row[upper] + i * 8 + t * 2);
      rows.q[i / 2][(i & 1) * 2 + upper] = pack2(F16{}, x.x * factor, x.y * factor);
    }
  }
}

// Scores of 32 keys become weights: masked, over a new maximum, the results so far rescaled.
template <int dim_k, int dim_v>
SIGMA_DEVICE void soften(Rows<dim_k, dim_v>& rows, float (&s)[keys_at_once / 8][4], int first_key, bool mask, int t) {
#pragma unroll
  for (int upper = 0; upper < 2; ++upper) {
    float new_top = rows.top[upper];
#pragma unroll
    for (int j = 0; j < keys_at_once / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float& x = s[j][upper * 2 + e];
        x = mask && first_key + j * 8 + t * 2 + e > rows.position[upper] ? -INFINITY : x * rows.back[upper];
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

template <int dim_k, int dim_v, int n_v, int tile, int stages>
SIGMA_DEVICE void attend_prefill(const AttentionParams& p) {
  constexpr int m_tiles = prefill_tokens_of_warp(dim_v) / 16, warp_tokens = m_tiles * 16;
  constexpr int k_chunks = dim_k / 8, v_chunks = dim_v / 8;
  static_assert(page_tokens % tile == 0 && tile % keys_at_once == 0 && k_chunks % 4 == 0 && v_chunks % 8 == 0, "tile");
  extern __shared__ __align__(128) unsigned char dynamic[];
  __half* const shared_k = reinterpret_cast<__half*>(dynamic);  // [stage][tile][dim_k]
  __half* const shared_v = shared_k + stages * tile * dim_k;    // [stage][V head][tile][dim_v]

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

  const auto load = [&](int i) {
    const int first = i * tile, stage = i % stages, row0 = first % page_tokens;
    const unsigned char* k = find_page(p.k_pool, 0, p.n_heads_k, head_k, first, dim_k * 2).rows + row0 * dim_k * 2;
    const unsigned char* v = find_page(p.v_pool, 0, p.n_heads_v, head_v, first, dim_v * 2).rows + row0 * dim_v * 2;
    __half* to_k = shared_k + stage * tile * dim_k;
    __half* to_v = shared_v + stage * n_v * tile * dim_v;
    for (int at = threadIdx.x; at < tile * k_chunks; at += blockDim.x) {
      const int r = at / k_chunks, c = at % k_chunks;
      copy_async16(to_k + r * dim_k + swizzle<k_chunks>(r, c) * 8, k + (r * k_chunks + c) * 16, first + r < end);
    }
    for (int at = threadIdx.x; at < n_v * tile * v_chunks; at += blockDim.x) {
      const int h = at / (tile * v_chunks), r = at / v_chunks % tile, c = at % v_chunks;
      // V heads of a page follow each other.
      copy_async16(to_v + (h * tile + r) * dim_v + swizzle<v_chunks>(r, c) * 8,
                   v + ((h * page_tokens + r) * v_chunks + c) * 16, first + r < end);
    }
  };
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
    load_q(rows[m], row, p.scale_log2, t);
  }

  for (int i = 0; i < n_tiles; ++i) {
    copy_wait<stages - 2>();
    __syncthreads();
    if (i + stages - 1 < n_tiles) load(i + stages - 1);
    copy_commit();
    const __half* k = shared_k + (i % stages) * tile * dim_k;
    const __half* v = shared_v + ((i % stages) * n_v + my_v) * tile * dim_v;
#pragma unroll 1
    for (int first_row = 0; first_row < tile; first_row += keys_at_once) {
      const int first_key = i * tile + first_row;
      if (!real || first_key > my_last) break;
      float s[m_tiles][keys_at_once / 8][4] = {};
#pragma unroll
      for (int j = 0; j < keys_at_once / 8; ++j) {
#pragma unroll
        for (int c = 0; c < k_chunks; c += 4) {
          uint32_t b[4];
          const int r = first_row + j * 8 + (lane & 7);
          load_matrix4(b, k + r * dim_k + swizzle<k_chunks>(r, c + (lane >> 3)) * 8);
#pragma unroll
          for (int m = 0; m < m_tiles; ++m) {
            mma(F16{}, s[m][j], rows[m].q[c / 2], b[0], b[1]);
            mma(F16{}, s[m][j], rows[m].q[c / 2 + 1], b[2], b[3]);
          }
        }
      }
      const bool mask = first_key + keys_at_once - 1 > base + my_query;
#pragma unroll
      for (int m = 0; m < m_tiles; ++m) soften(rows[m], s[m], first_key, mask, t);
#pragma unroll
      for (int j = 0; j < keys_at_once / 16; ++j) {
        uint32_t a[m_tiles][4];
#pragma unroll
        for (int m = 0; m < m_tiles; ++m) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const float* w = s[m][2 * j + (e >> 1)] + (e & 1) * 2;
            a[m][e] = pack2(F16{}, w[0], w[1]);
          }
        }
#pragma unroll
        for (int c = 0; c < v_chunks; c += 2) {
          uint32_t b[4];
          const int r = first_row + j * 16 + (lane & 15);
          load_matrix4_transposed(b, v + r * dim_v + swizzle<v_chunks>(r, c + (lane >> 4)) * 8);
#pragma unroll
          for (int m = 0; m < m_tiles; ++m) {
            mma(F16{}, rows[m].out[c], a[m], b[0], b[1]);
            mma(F16{}, rows[m].out[c + 1], a[m], b[2], b[3]);
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
      for (int c = 0; c < dim_v / 8; ++c) {
        *reinterpret_cast<float2*>(to + c * 8 + t * 2) = make_float2(rows[m].out[c][upper * 2] / sum, rows[m].out[c][upper * 2 + 1] / sum);
      }
    }
  }
}

}  // namespace

#define SIGMA_DECODE(dim_k, dim_v, n_v, tile, stages)                              \
  extern "C" __global__ void __launch_bounds__(prefill_threads)                    \
      dq_prefill_f16_k##dim_k##_v##dim_v##_h##n_v(const AttentionParams p) {       \
    attend_prefill<dim_k, dim_v, n_v, tile, stages>(p);                            \
  }
#include "kernels/cuda/decode_list.h"

}  // namespace kernels::cuda
