// Products of many tokens on tensor cores. pack_* norms x and rounds it to 16 bits, once for all products that share it;
// gemm_* multiplies.
//
// A CTA makes 128 rows of y for 128 tokens, a warp 32 x 64. Weights come straight from memory into registers, in fragment
// order and a block of 64 columns ahead; x comes through a cp.async pipeline of three stages. bf16 weights take x in bf16;
// all others are f16 there: codes become exact f16 numbers that are multiplied by their scale (2^-11), and x is scaled by a
// power of two a token.
#include "kernels/cuda/skinny.cuh"

namespace kernels::cuda {
namespace {

constexpr int gemm_threads = 256, gemm_rows = 128, gemm_tokens = 128, gemm_stages = 3;
constexpr int warp_tiles = 2, warp_columns = 8;  // 16-row tiles and 8-token tiles of a warp

SIGMA_DEVICE uint32_t fma_f16x2(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t r;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
constexpr uint32_t ones_f16 = 0x3c003c00u, minus_zeros_f16 = 0x80008000u;

// Bytes 0 and 2 of a word less 128, nibbles 0 and 4 less 8 (or as they are), as an exact f16 pair: 1024 + code, less 1024 + offset.
template <uint32_t mask, uint32_t minus>
SIGMA_DEVICE uint32_t codes_to_f16(uint32_t v) {
  uint32_t m;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(m) : "r"(v), "r"(mask), "r"(0x64006400u));
  return fma_f16x2(m, ones_f16, minus);
}

// The right operand's type and the four registers of a step, scaled.
template <class W> struct Dense {  // bf16, f16
  using Type = typename W::Type;
  static SIGMA_DEVICE void fragment(const typename W::Block& b, int step, uint32_t (&a)[4]) { W::fragment(b, step, a); }
};
template <class Block>
SIGMA_DEVICE void scale_fragment(const Block& b, bool with_min, int half, uint32_t (&a)[4]) {
  const uint32_t s = half ? b.scales.y : b.scales.x, m = with_min ? (half ? b.mins.y : b.mins.x) : 0;
  const uint32_t low = __byte_perm(s, 0, 0x1010), high = __byte_perm(s, 0, 0x3232);
  const uint32_t low_min = with_min ? __byte_perm(m, 0, 0x1010) : minus_zeros_f16;
  const uint32_t high_min = with_min ? __byte_perm(m, 0, 0x3232) : minus_zeros_f16;
  a[0] = fma_f16x2(a[0], low, low_min);
  a[1] = fma_f16x2(a[1], high, high_min);
  a[2] = fma_f16x2(a[2], low, low_min);
  a[3] = fma_f16x2(a[3], high, high_min);
}
template <bool min> struct Dense<Int8Weights<min>> {
  using Type = F16;
  static SIGMA_DEVICE void fragment(const typename Int8Weights<min>::Block& b, int step, uint32_t (&a)[4]) {
    const uint4 w = b.half[step >> 1];
    const uint32_t first = step & 1 ? w.z : w.x, second = step & 1 ? w.w : w.y;
    a[0] = codes_to_f16<0x00ff00ffu, 0xe480e480u>(first);  // -1152
    a[1] = codes_to_f16<0x00ff00ffu, 0xe480e480u>(first >> 8);
    a[2] = codes_to_f16<0x00ff00ffu, 0xe480e480u>(second);
    a[3] = codes_to_f16<0x00ff00ffu, 0xe480e480u>(second >> 8);
    scale_fragment(b, min, step >> 1, a);
  }
};
template <bool min> struct Dense<Int4Weights<min>> {
  using Type = F16;
  static SIGMA_DEVICE void fragment(const typename Int4Weights<min>::Block& b, int step, uint32_t (&a)[4]) {
    constexpr uint32_t minus = min ? 0xe400e400u : 0xe408e408u;  // -1024, -1032
    const uint32_t w = step == 0 ? b.words.x : step == 1 ? b.words.y : step == 2 ? b.words.z : b.words.w;
#pragma unroll
    for (int j = 0; j < 4; ++j) a[j] = codes_to_f16<0x000f000fu, minus>(w >> (4 * j));
    scale_fragment(b, min, step >> 1, a);
  }
};

// Chunk c of a staged row r: two neighbouring rows use different halves of the banks, as lanes read two rows at once.
SIGMA_DEVICE int staged_chunk(int r, int c) { return c ^ (((r & 1) << 2) | ((r >> 1) & 3)); }

template <class W>
SIGMA_DEVICE void gemm(const GemmParams& p) {
  using T = typename Dense<W>::Type;
  extern __shared__ __align__(128) unsigned char dynamic[];
  uint16_t* const staged = reinterpret_cast<uint16_t*>(dynamic);  // [stage][token][64]
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  const int first_token = int(blockIdx.y) * gemm_tokens, warp_token = (warp >> 2) * 64;
  const int first_tile = int(blockIdx.x) * (gemm_rows / tile_rows) + (warp & 3) * warp_tiles;
  const int n_tiles = (p.n_out + tile_rows - 1) / tile_rows, n_blocks = p.n_padded / tile_columns;
  const SkinnyPart part{p.weights, p.scales, p.mins, p.y, p.n_out, 0};

  const auto load_x = [&](int block) {
    uint16_t* to = staged + (block % gemm_stages) * gemm_tokens * tile_columns;
#pragma unroll
    for (int i = 0; i < gemm_tokens * 8 / gemm_threads; ++i) {
      const int at = i * gemm_threads + threadIdx.x, r = at >> 3, c = at & 7, token = first_token + r;
      const bool real = token < p.n_tokens;
      copy_async16(to + r * tile_columns + staged_chunk(r, c) * 8,
                   p.x + int64_t(real ? token : 0) * p.n_padded + block * tile_columns + c * 8, real);
    }
  };
  // A tile beyond the last row reads the last one's weights; its rows are not stored.
  const auto load_w = [&](int block, typename W::Block (&w)[warp_tiles]) {
#pragma unroll
    for (int i = 0; i < warp_tiles; ++i) {
      w[i] = W::load(part, int64_t(min(first_tile + i, n_tiles - 1)) * n_blocks + block, lane);
    }
  };

  typename W::Block next[warp_tiles], w[warp_tiles];
#pragma unroll
  for (int i = 0; i < gemm_stages - 1; ++i) {
    if (i < n_blocks) load_x(i);
    copy_commit();
  }
  load_w(0, next);
  float sum[warp_tiles][warp_columns][4] = {};
  for (int block = 0; block < n_blocks; ++block) {
    copy_wait<gemm_stages - 2>();
    __syncthreads();
    if (block + gemm_stages - 1 < n_blocks) load_x(block + gemm_stages - 1);
    copy_commit();
#pragma unroll
    for (int i = 0; i < warp_tiles; ++i) w[i] = next[i];
    if (block + 1 < n_blocks) load_w(block + 1, next);
    const uint16_t* x = staged + (block % gemm_stages) * gemm_tokens * tile_columns;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      uint32_t a[2][warp_tiles][4];
#pragma unroll
      for (int i = 0; i < warp_tiles; ++i) {
        Dense<W>::fragment(w[i], half * 2, a[0][i]);
        Dense<W>::fragment(w[i], half * 2 + 1, a[1][i]);
      }
#pragma unroll
      for (int j = 0; j < warp_columns; ++j) {
        const int r = warp_token + j * 8 + g;
        const uint4 b = *reinterpret_cast<const uint4*>(x + r * tile_columns + staged_chunk(r, half * 4 + t) * 8);
#pragma unroll
        for (int i = 0; i < warp_tiles; ++i) {
          mma(T{}, sum[i][j], a[0][i], b.x, b.y);
          mma(T{}, sum[i][j], a[1][i], b.z, b.w);
        }
      }
    }
  }
  copy_wait<0>();

#pragma unroll
  for (int j = 0; j < warp_columns; ++j) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int token = first_token + warp_token + j * 8 + t * 2 + e;
      if (token >= p.n_tokens) continue;
      const float back = p.unscale[token];
#pragma unroll
      for (int i = 0; i < warp_tiles; ++i) {
#pragma unroll
        for (int upper = 0; upper < 2; ++upper) {
          const int row = (first_tile + i) * tile_rows + g + upper * 8;
          if (row >= p.n_out) continue;
          float* y = p.y + int64_t(token) * p.n_out + row;
          *y = (p.epilogue == epilogue_add ? *y : 0.0f) + sum[i][j][upper * 2 + e] * back;
        }
      }
    }
  }
}

// A CTA has one token.
template <class T>
SIGMA_DEVICE void pack(const PackParams& p) {
  __shared__ float sums[8], tops[8];
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const float* x = p.x + int64_t(blockIdx.x) * p.n_in;
  float sum = 0, top = 0;
  for (int k = threadIdx.x; k < p.n_in; k += 256) {
    const float v = x[k];
    sum += v * v;
    top = fmaxf(top, fabsf(p.norm ? v * p.norm[k] : v));
  }
  sum = warp_sum(sum);
  top = warp_max(top);
  if (lane == 0) {
    sums[warp] = sum;
    tops[warp] = top;
  }
  __syncthreads();
  sum = top = 0;
  for (int i = 0; i < 8; ++i) {
    sum += sums[i];
    top = fmaxf(top, tops[i]);
  }
  const float norm = p.norm ? rsqrtf(sum / p.n_in + p.eps) : 1.0f;
  const float scale = T::is_f16 ? scale_to_f16(top * norm) : 1.0f, factor = norm * scale;
  uint32_t* to = reinterpret_cast<uint32_t*>(p.packed + int64_t(blockIdx.x) * p.n_padded);
  for (int k = threadIdx.x * 2; k < p.n_padded; k += 512) {
    const float a = k < p.n_in ? x[k] * (p.norm ? p.norm[k] : 1.0f) * factor : 0.0f;
    const float b = k + 1 < p.n_in ? x[k + 1] * (p.norm ? p.norm[k + 1] : 1.0f) * factor : 0.0f;
    to[k / 2] = pack2(T{}, a, b);
  }
  if (threadIdx.x == 0) p.unscale[blockIdx.x] = inverse_of_power(scale);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) pack_bf16(const PackParams p) { pack<BF16>(p); }
extern "C" __global__ void __launch_bounds__(256) pack_f16(const PackParams p) { pack<F16>(p); }

#define SIGMA_GEMM(name, weights) \
  extern "C" __global__ void __launch_bounds__(gemm_threads) gemm_##name(const GemmParams p) { gemm<weights>(p); }
SIGMA_GEMM(bf16, PlainWeights<BF16>)
SIGMA_GEMM(f16, PlainWeights<F16>)
SIGMA_GEMM(w8, Int8Weights<false>)
SIGMA_GEMM(w8m, Int8Weights<true>)
SIGMA_GEMM(w4, Int4Weights<false>)
SIGMA_GEMM(w4m, Int4Weights<true>)

}  // namespace kernels::cuda
