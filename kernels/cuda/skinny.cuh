// kernels/cuda/skinny.cuh: products with few tokens, y = W norm(x), which read every weight once and are as fast as memory.
//
// A CTA makes 16 rows of y; its 8 warps share the columns (block of 64 i goes to warp i mod 8) and add up in shared memory.
// x is normed and split into two 16-bit halves (value and remainder, 16 significant bits for bf16) once, in shared
// memory. The 8 columns of the tensor core's right operand are the halves of up to 4 tokens (n4), two such operands
// those of 8 (n8): the precision of nearly f32 activations costs no instruction. Weights of a tile lie in fragment
// order, so that a lane reads 16 bytes at a time and a warp 512 in a row, straight into registers:
//   bf16, f16  [tile][64 columns][step 4][lane] 16 bytes: a[0..3] of a step
//   w8, w8m    [tile][64 columns][2][lane] 16 bytes: two words a step; bytes 0, 2 are a[0], 1, 3 a[1] (a[2], a[3])
//   w4, w4m    [tile][64 columns][lane] 16 bytes: a word a step; nibbles j and j + 4 are a[j]
// Steps 0, 1 cover columns 0..31 of the 64 (one scale), steps 2, 3 the rest; lane t of four owns columns 8t..8t+7 of each
// half, four a step, so that its part of x is 16 bytes as well. Scales: [tile][64 columns][row g][g half 0, g+8 half 0,
// g half 1, g+8 half 1] f16. Numbers of w8 are stored + 128, of w4 + 8 (w4m: as they are).
#pragma once
#include "kernels/cuda/device.cuh"

namespace kernels::cuda {

constexpr int skinny_threads = 256, skinny_warps = 8;

template <class T>
struct PlainWeights {  // bf16, f16
  using Type = T;
  static constexpr bool scaled = false, with_min = false;
  struct Block { uint4 step[4]; };
  static SIGMA_DEVICE Block load(const SkinnyPart& part, int64_t block, int lane) {
    const uint4* p = static_cast<const uint4*>(part.weights) + block * 128 + lane;
    return {{load_stream(p), load_stream(p + 32), load_stream(p + 64), load_stream(p + 96)}};
  }
  static SIGMA_DEVICE void fragment(const Block& b, int step, uint32_t (&a)[4]) {
    a[0] = b.step[step].x; a[1] = b.step[step].y; a[2] = b.step[step].z; a[3] = b.step[step].w;
  }
};

// Two bytes of a word (0 and 2) + 128 -> bf16 pair, exactly: the low seven bits become 128 + low, the eighth decides
// whether 256 or 128 goes.
SIGMA_DEVICE uint32_t bytes_to_bf16(uint32_t v) {
  uint32_t low, high, r;
  asm("lop3.b32 %0, %1, 0x007f007f, 0x43004300, 0xea;" : "=r"(low) : "r"(v));
  asm("lop3.b32 %0, %1, 0x00800080, 0xc380c380, 0x6a;" : "=r"(high) : "r"(v));
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(low), "r"(0x3f803f80u), "r"(high));
  return r;
}
// Nibbles 0 and 4 of a word less `offset` (8: 0xc308, 0: 0xc300, as -(128 + offset)) -> bf16 pair, exactly.
template <uint32_t minus>
SIGMA_DEVICE uint32_t nibbles_to_bf16(uint32_t v) {
  uint32_t m, r;
  asm("lop3.b32 %0, %1, 0x000f000f, 0x43004300, 0xea;" : "=r"(m) : "r"(v));
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(m), "r"(0x3f803f80u), "r"(minus));
  return r;
}

template <bool min>
struct Int8Weights {
  using Type = BF16;
  static constexpr bool scaled = true, with_min = min;
  struct Block { uint4 half[2]; uint2 scales, mins; };
  static SIGMA_DEVICE Block load(const SkinnyPart& part, int64_t block, int lane) {
    const uint4* p = static_cast<const uint4*>(part.weights) + block * 64 + lane;
    Block b;
    b.half[0] = load_stream(p);
    b.half[1] = load_stream(p + 32);
    b.scales = load_stream8(static_cast<const uint2*>(part.scales) + block * 8 + (lane >> 2));
    if (min) b.mins = load_stream8(static_cast<const uint2*>(part.mins) + block * 8 + (lane >> 2));
    return b;
  }
  static SIGMA_DEVICE void fragment(const Block& b, int step, uint32_t (&a)[4]) {
    const uint4 w = b.half[step >> 1];
    const uint32_t first = step & 1 ? w.z : w.x, second = step & 1 ? w.w : w.y;
    a[0] = bytes_to_bf16(first);
    a[1] = bytes_to_bf16(first >> 8);
    a[2] = bytes_to_bf16(second);
    a[3] = bytes_to_bf16(second >> 8);
  }
};

template <bool min>
struct Int4Weights {
  using Type = BF16;
  static constexpr bool scaled = true, with_min = min;
  static constexpr uint32_t minus = min ? 0xc300c300u : 0xc308c308u;
  struct Block { uint4 words; uint2 scales, mins; };
  static SIGMA_DEVICE Block load(const SkinnyPart& part, int64_t block, int lane) {
    Block b;
    b.words = load_stream(static_cast<const uint4*>(part.weights) + block * 32 + lane);
    b.scales = load_stream8(static_cast<const uint2*>(part.scales) + block * 8 + (lane >> 2));
    if (min) b.mins = load_stream8(static_cast<const uint2*>(part.mins) + block * 8 + (lane >> 2));
    return b;
  }
  static SIGMA_DEVICE void fragment(const Block& b, int step, uint32_t (&a)[4]) {
    const uint32_t w = step == 0 ? b.words.x : step == 1 ? b.words.y : step == 2 ? b.words.z : b.words.w;
    a[0] = nibbles_to_bf16<minus>(w);
    a[1] = nibbles_to_bf16<minus>(w >> 4);
    a[2] = nibbles_to_bf16<minus>(w >> 8);
    a[3] = nibbles_to_bf16<minus>(w >> 12);
  }
};

// Two threads' worth of x (8 columns from k) normed; zeros beyond n_in.
SIGMA_DEVICE void load_x8(const SkinnyParams& p, int token, int k, float factor, float (&v)[8]) {
  const float* x = p.x + int64_t(token) * p.n_in;
  if ((p.n_in & 3) == 0 && k + 8 <= p.n_in) {
    const float4 a = *reinterpret_cast<const float4*>(x + k), b = *reinterpret_cast<const float4*>(x + k + 4);
    v[0] = a.x; v[1] = a.y; v[2] = a.z; v[3] = a.w; v[4] = b.x; v[5] = b.y; v[6] = b.z; v[7] = b.w;
    if (p.norm) {
      const float4 c = *reinterpret_cast<const float4*>(p.norm + k), d = *reinterpret_cast<const float4*>(p.norm + k + 4);
      v[0] *= c.x; v[1] *= c.y; v[2] *= c.z; v[3] *= c.w; v[4] *= d.x; v[5] *= d.y; v[6] *= d.z; v[7] *= d.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = k + i < p.n_in ? x[k + i] * (p.norm ? p.norm[k + i] : 1.0f) : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) v[i] *= factor;
}

// What norm and 16-bit scaling multiply each token's x (times the norm's weights) by, and what undoes the scaling.
template <class T, int max_tokens>
SIGMA_DEVICE void find_factors(const SkinnyParams& p, float (&factor)[max_tokens], float (&unscale)[max_tokens]) {
  constexpr bool f16 = T::is_f16;
  __shared__ float sums[max_tokens][skinny_warps], tops[max_tokens][skinny_warps];
  for (int t = threadIdx.x; t < max_tokens; t += skinny_threads) factor[t] = unscale[t] = 1.0f;
  if (!p.norm && !f16) return;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  for (int token = 0; token < p.n_tokens; ++token) {
    const float* x = p.x + int64_t(token) * p.n_in;
    float sum = 0, top = 0;
    for (int k = threadIdx.x; k < p.n_in; k += skinny_threads) {
      const float v = x[k];
      sum += v * v;
      if (f16) top = fmaxf(top, fabsf(p.norm ? v * p.norm[k] : v));
    }
    sum = warp_sum(sum);
    if (f16) top = warp_max(top);
    if (lane == 0) {
      sums[token][warp] = sum;
      tops[token][warp] = top;
    }
  }
  __syncthreads();
  for (int token = threadIdx.x; token < p.n_tokens; token += skinny_threads) {
    float sum = 0, top = 0;
    for (int i = 0; i < skinny_warps; ++i) {
      sum += sums[token][i];
      top = fmaxf(top, tops[token][i]);
    }
    const float norm = p.norm ? rsqrtf(sum / p.n_in + p.eps) : 1.0f;
    const float scale = f16 ? scale_to_f16(top * norm) : 1.0f;
    factor[token] = norm * scale;
    unscale[token] = inverse_of_power(scale);
  }
}

// Row of the staged x: halves of n4 alternate (column 2 token + half), of n8 stand after each other.
template <bool wide>
SIGMA_DEVICE int staged_row(int token, int half, int n_tokens) {
  return wide ? half * n_tokens + token : 2 * token + half;
}

template <class W, bool wide, bool gated>
SIGMA_DEVICE void skinny_product(const SkinnyParams& p) {
  using T = typename W::Type;
  constexpr int max_tokens = wide ? 8 : 4, n_operands = wide ? 2 : 1, n_products = gated ? 2 : 1;
  constexpr int row_stride = wide ? 20 : 24;  // of partial sums: keeps the stores of a warp apart
  extern __shared__ __align__(128) unsigned char dynamic[];
  __shared__ float factor[max_tokens], unscale[max_tokens];
  __shared__ float partial[n_products][skinny_warps][max_tokens * row_stride];

  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  int index = 0;
  if (!gated) {
    if (p.n_parts > 1 && int(blockIdx.x) >= p.part[1].first_tile) index = 1;
    if (p.n_parts > 2 && int(blockIdx.x) >= p.part[2].first_tile) index = 2;
  }
  const SkinnyPart part = p.part[index], second = p.part[1];
  const int tile = int(blockIdx.x) - part.first_tile;
  const int n_blocks = (p.n_in + tile_columns - 1) / tile_columns;

  find_factors<T, max_tokens>(p, factor, unscale);
  __syncthreads();

  // Staged x: rows of k_chunk numbers, 64 bytes more apart: lanes of two rows then read all banks once.
  uint16_t* staged = reinterpret_cast<uint16_t*>(dynamic);
  const int stride = p.k_chunk + 32, n_rows = 2 * p.n_tokens;
  float* group_sums = reinterpret_cast<float*>(staged + n_rows * stride);  // [token][k_chunk / 32], with_min only

  float sum[n_products][n_operands][4] = {};
  for (int k0 = 0; k0 < n_blocks * tile_columns; k0 += p.k_chunk) {
    const int n_columns = min(p.k_chunk, n_blocks * tile_columns - k0), n_pieces = n_columns / 8;
    if (k0 > 0) __syncthreads();
    for (int i = threadIdx.x; i < p.n_tokens * n_pieces; i += skinny_threads) {
      const int token = i / n_pieces, k = (i - token * n_pieces) * 8;
      float v[8];
      load_x8(p, token, k0 + k, factor[token], v);
      uint4 value, rest;
      value.x = pack2(T{}, v[0], v[1]); rest.x = remainder2(T{}, v[0], v[1], value.x);
      value.y = pack2(T{}, v[2], v[3]); rest.y = remainder2(T{}, v[2], v[3], value.y);
      value.z = pack2(T{}, v[4], v[5]); rest.z = remainder2(T{}, v[4], v[5], value.z);
      value.w = pack2(T{}, v[6], v[7]); rest.w = remainder2(T{}, v[6], v[7], value.w);
      *reinterpret_cast<uint4*>(staged + staged_row<wide>(token, 0, p.n_tokens) * stride + k) = value;
      *reinterpret_cast<uint4*>(staged + staged_row<wide>(token, 1, p.n_tokens) * stride + k) = rest;
    }
    __syncthreads();
    if (W::with_min) {
      for (int i = threadIdx.x; i < p.n_tokens * (n_columns / 32); i += skinny_threads) {
        const int token = i / (n_columns / 32), group = i - token * (n_columns / 32);
        float total = 0;
        for (int half = 0; half < 2; ++half) {
          const uint4* x = reinterpret_cast<const uint4*>(staged + staged_row<wide>(token, half, p.n_tokens) * stride + group * 32);
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            const float2 a = unpack2(T{}, x[j].x), b = unpack2(T{}, x[j].y), c = unpack2(T{}, x[j].z), d = unpack2(T{}, x[j].w);
            total += (a.x + a.y) + (b.x + b.y) + (c.x + c.y) + (d.x + d.y);
          }
        }
        group_sums[token * (p.k_chunk / 32) + group] = total;
      }
      __syncthreads();
    }

    const int64_t first_block = int64_t(tile) * n_blocks + k0 / tile_columns;
#pragma unroll 2
    for (int block = warp; block < n_columns / tile_columns; block += skinny_warps) {
      typename W::Block w[n_products];
      w[0] = W::load(part, first_block + block, lane);
      if (gated) w[n_products - 1] = W::load(second, first_block + block, lane);
#pragma unroll
      for (int half = 0; half < 2; ++half) {  // 32 columns, one scale
        uint32_t x[n_operands][4] = {};
#pragma unroll
        for (int o = 0; o < n_operands; ++o) {
          const int row = wide ? o * p.n_tokens + g : g;
          if (g < (wide ? p.n_tokens : n_rows)) {
            const uint4 v = *reinterpret_cast<const uint4*>(staged + row * stride + block * tile_columns + half * 32 + t * 8);
            x[o][0] = v.x; x[o][1] = v.y; x[o][2] = v.z; x[o][3] = v.w;
          }
        }
#pragma unroll
        for (int i = 0; i < n_products; ++i) {
          float d[n_operands][4] = {};
#pragma unroll
          for (int step = 0; step < 2; ++step) {
            uint32_t a[4];
            W::fragment(w[i], half * 2 + step, a);
#pragma unroll
            for (int o = 0; o < n_operands; ++o) {
              if (W::scaled) mma(T{}, d[o], a, x[o][2 * step], x[o][2 * step + 1]);
              else mma(T{}, sum[i][o], a, x[o][2 * step], x[o][2 * step + 1]);
            }
          }
          if constexpr (W::scaled) {
            const float2 s = unpack2(F16{}, half ? w[i].scales.y : w[i].scales.x);
#pragma unroll
            for (int o = 0; o < n_operands; ++o) {
              sum[i][o][0] += s.x * d[o][0]; sum[i][o][1] += s.x * d[o][1];
              sum[i][o][2] += s.y * d[o][2]; sum[i][o][3] += s.y * d[o][3];
            }
            if constexpr (W::with_min) {
              // The minimum goes with the column's sum; the value's half of a token takes it all.
              const float2 m = unpack2(F16{}, half ? w[i].mins.y : w[i].mins.x);
              const int group = block * 2 + half;
#pragma unroll
              for (int e = 0; e < (wide ? 2 : 1); ++e) {
                const int token = wide ? 2 * t + e : t;
                if (token < p.n_tokens) {
                  const float x_sum = group_sums[token * (p.k_chunk / 32) + group];
                  sum[i][0][e] += m.x * x_sum;
                  sum[i][0][2 + e] += m.y * x_sum;
                }
              }
            }
          }
        }
      }
    }
  }

#pragma unroll
  for (int i = 0; i < n_products; ++i) {
    float* to = partial[i][warp];
    if (wide) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        to[(2 * t + e) * row_stride + g] = sum[i][0][e] + sum[i][n_operands - 1][e];
        to[(2 * t + e) * row_stride + g + 8] = sum[i][0][2 + e] + sum[i][n_operands - 1][2 + e];
      }
    } else {
      to[t * row_stride + g] = sum[i][0][0] + sum[i][0][1];
      to[t * row_stride + g + 8] = sum[i][0][2] + sum[i][0][3];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < p.n_tokens * tile_rows; i += skinny_threads) {
    const int token = i / tile_rows, r = i % tile_rows, row = tile * tile_rows + r;
    if (row >= part.n_out) continue;
    float total[n_products] = {};
    for (int w = 0; w < skinny_warps; ++w) {
#pragma unroll
      for (int j = 0; j < n_products; ++j) total[j] += partial[j][w][token * row_stride + r];
    }
    const float back = unscale[token];
    float* y = part.y + int64_t(token) * part.n_out + row;
    if (gated) *y = silu(total[0] * back) * (total[n_products - 1] * back);
    else *y = (p.epilogue == epilogue_add ? *y : 0.0f) + total[0] * back;
  }
}

#define SIGMA_SKINNY(prefix, name, weights, gated)                                                        \
  extern "C" __global__ void __launch_bounds__(skinny_threads, 2) prefix##_##name##_n4(const SkinnyParams p) { \
    skinny_product<weights, false, gated>(p);                                                             \
  }                                                                                                       \
  extern "C" __global__ void __launch_bounds__(skinny_threads, 2) prefix##_##name##_n8(const SkinnyParams p) { \
    skinny_product<weights, true, gated>(p);                                                              \
  }
#define SIGMA_SKINNY_ALL(prefix, gated)                          \
  SIGMA_SKINNY(prefix, bf16, PlainWeights<BF16>, gated)          \
  SIGMA_SKINNY(prefix, f16, PlainWeights<F16>, gated)            \
  SIGMA_SKINNY(prefix, w8, Int8Weights<false>, gated)            \
  SIGMA_SKINNY(prefix, w8m, Int8Weights<true>, gated)            \
  SIGMA_SKINNY(prefix, w4, Int4Weights<false>, gated)            \
  SIGMA_SKINNY(prefix, w4m, Int4Weights<true>, gated)

}  // namespace kernels::cuda
