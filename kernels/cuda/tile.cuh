// kernels/cuda/tile.cuh: tiles of K and V rows in shared memory, and how they become operands of the tensor core, for each type of
// cache. The attention kernels are written once over these.
//
// A tile is rows of 16-byte chunks whose places are swizzled, so that what a warp reads at once lies in all banks. Which of a head's
// numbers stand at which place of a product is the type's own choice (q_dims, store): rows of bytes are read in the order in which
// they become pairs of f16 without being moved.
#pragma once
#include "kernels/cuda/cache.cuh"

namespace kernels::cuda {

template <class N>
struct Tiles16 {  // f16, bf16
  using Number = N;  // of Q, of the weights and of both operands
  static constexpr int element_bytes = 2;
  static constexpr bool scaled = false;
  template <int dim> static constexpr int steps_at_once() { return 2; }  // of 16 numbers, that keys() gives

  template <int n_chunks> static SIGMA_DEVICE int k_place(int r, int c) { return n_chunks >= 8 ? c ^ (r & 7) : c ^ ((r >> 1) & 3); }
  template <int n_chunks> static SIGMA_DEVICE int v_place(int r, int c) { return k_place<n_chunks>(r, c); }

  // The pair of Q's numbers that a lane has in half `half` of step `step`.
  template <int dim> static SIGMA_DEVICE float2 q_pair(const float* row, int step, int half, int t) {
    return *reinterpret_cast<const float2*>(row + step * 16 + half * 8 + t * 2);
  }
  // Operands of 8 keys from first_row on, of steps 2 group and 2 group + 1.
  template <int dim> static SIGMA_DEVICE void keys(uint32_t (&b)[2][2], const unsigned char* k, int first_row, int group, int lane) {
    const int r = first_row + (lane & 7);
    uint32_t w[4];
    load_matrix4(w, k + r * dim * 2 + k_place<dim / 8>(r, group * 4 + (lane >> 3)) * 16);
    b[0][0] = w[0]; b[0][1] = w[1]; b[1][0] = w[2]; b[1][1] = w[3];
  }
  // Operands of 16 rows of V from first_row on: 32 numbers of each, four columns of 8.
  template <int dim> static SIGMA_DEVICE void values(uint32_t (&b)[4][2], const unsigned char* v, const __half*, int first_row, int c32, int lane) {
    const int r = first_row + (lane & 15);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      uint32_t w[4];
      load_matrix4_transposed(w, v + r * dim * 2 + v_place<dim / 8>(r, c32 * 4 + i * 2 + (lane >> 4)) * 16);
      b[2 * i][0] = w[0]; b[2 * i][1] = w[1]; b[2 * i + 1][0] = w[2]; b[2 * i + 1][1] = w[3];
    }
  }
  // A lane's results of the columns of 8 number 2i (a) and 2i + 1 (b).
  static SIGMA_DEVICE void store(float* row, int i, int t, float a0, float a1, float b0, float b1) {
    *reinterpret_cast<float2*>(row + i * 16 + t * 2) = make_float2(a0, a1);
    *reinterpret_cast<float2*>(row + i * 16 + 8 + t * 2) = make_float2(b0, b1);
  }
};

using Tiles_f16 = Tiles16<F16>;
using Tiles_bf16 = Tiles16<BF16>;

SIGMA_DEVICE uint32_t times_f16x2(uint32_t a, uint32_t b) {
  uint32_t r;
  asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}

// Bytes 0 and 2 of a word as f16. int8: 1024 + (code ^ 128), less 1152. A row's scale goes with it: K's into the scores, V's into
// the operands.
struct Int8Codes {
  static constexpr bool scaled = true;
  static SIGMA_DEVICE uint32_t to_f16(uint32_t w) {
    uint32_t m, r;
    asm("lop3.b32 %0, %1, %2, %3, 0x6a;" : "=r"(m) : "r"(w), "r"(0x00ff00ffu), "r"(0x64806480u));  // (w & b) ^ c
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(m), "r"(0xe480e480u));
    return r;
  }
};
// fp8: the same bits in f16 are 2^8 smaller.
struct Fp8Codes {
  static constexpr bool scaled = false;
  static SIGMA_DEVICE uint32_t to_f16(uint32_t w) {
    return times_f16x2((w & 0x00800080u) << 8 | (w & 0x007f007fu) << 7, 0x5c005c00u);
  }
};

template <class Codes>
struct Tiles8 {
  using Number = F16;
  static constexpr int element_bytes = 1;
  static constexpr bool scaled = Codes::scaled;
  template <int dim> static constexpr int steps_at_once() { return dim >= 64 ? 4 : dim / 16; }

  // Keys are read 16 bytes a lane, 4 lanes a row; values by ldmatrix, a chunk of 8 rows at once.
  template <int n_chunks> static SIGMA_DEVICE int k_place(int r, int c) {
    return n_chunks >= 8 ? c ^ ((r & 1) << 2) : n_chunks == 4 ? c ^ ((r >> 1) & 3) : c;
  }
  template <int n_chunks> static SIGMA_DEVICE int v_place(int r, int c) { return n_chunks >= 8 ? c ^ (r & 7) : c ^ ((r >> 1) & 3); }

  // A lane has 4 steps' bytes of a row side by side: of each word bytes 0 and 2, then 1 and 3.
  template <int dim> static SIGMA_DEVICE float2 q_pair(const float* row, int step, int half, int t) {
    constexpr int steps = steps_at_once<dim>();
    const float4 x = *reinterpret_cast<const float4*>(row + (step / steps) * (steps * 16) + t * (steps * 4) + (step % steps) * 4);
    return half ? make_float2(x.y, x.w) : make_float2(x.x, x.z);
  }
  template <int dim>
  static SIGMA_DEVICE void keys(uint32_t (&b)[steps_at_once<dim>()][2], const unsigned char* k, int first_row, int group, int lane) {
    constexpr int steps = steps_at_once<dim>();
    const int r = first_row + (lane >> 2), t = lane & 3;
    uint32_t w[steps];
    if constexpr (steps == 4) {
      const uint4 x = *reinterpret_cast<const uint4*>(k + r * dim + k_place<dim / 16>(r, group * 4 + t) * 16);
      w[0] = x.x; w[1] = x.y; w[2] = x.z; w[3] = x.w;
    } else {
      static_assert(dim == 32, "two words a lane");
      const uint2 x = *reinterpret_cast<const uint2*>(k + r * dim + t * 8);
      w[0] = x.x; w[1] = x.y;
    }
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      b[s][0] = Codes::to_f16(w[s]);
      b[s][1] = Codes::to_f16(w[s] >> 8);
    }
  }
  // ldmatrix moves pairs of bytes, neighbours in a row: the even and the odd numbers of 16 become a column of 8 each.
  template <int dim>
  static SIGMA_DEVICE void values(uint32_t (&b)[4][2], const unsigned char* v, const __half* scales, int first_row, int c32, int lane) {
    const int r = first_row + (lane & 15);
    uint32_t w[4];
    [[maybe_unused]] uint32_t s[2];
    load_matrix4_transposed(w, v + r * dim + v_place<dim / 16>(r, c32 * 2 + (lane >> 4)) * 16);
    if constexpr (scaled) {
#pragma unroll
      for (int i = 0; i < 2; ++i) s[i] = *reinterpret_cast<const uint32_t*>(scales + first_row + i * 8 + (lane & 3) * 2);
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        b[2 * i][half] = Codes::to_f16(w[2 * i + half]);
        b[2 * i + 1][half] = Codes::to_f16(w[2 * i + half] >> 8);
        if constexpr (scaled) {
          b[2 * i][half] = times_f16x2(b[2 * i][half], s[half]);
          b[2 * i + 1][half] = times_f16x2(b[2 * i + 1][half], s[half]);
        }
      }
    }
  }
  static SIGMA_DEVICE void store(float* row, int i, int t, float a0, float a1, float b0, float b1) {
    *reinterpret_cast<float4*>(row + i * 16 + t * 4) = make_float4(a0, b0, a1, b1);
  }
};

using Tiles_q8 = Tiles8<Int8Codes>;
using Tiles_fp8 = Tiles8<Fp8Codes>;

// A pipeline's stages in shared memory: K rows, V rows of n_v heads, scales of both where the type has them.
template <class T, int dim_k, int dim_v, int n_v, int tile, int stages>
struct TileStages {
  static constexpr int k_bytes = tile * dim_k * T::element_bytes, v_bytes = tile * dim_v * T::element_bytes;
  static constexpr int k_chunks = dim_k * T::element_bytes / 16, v_chunks = dim_v * T::element_bytes / 16;
  static_assert(page_tokens % tile == 0 && k_chunks % 2 == 0 && v_chunks % 4 == 0, "tile");
  unsigned char* base;

  SIGMA_DEVICE unsigned char* k(int stage) const { return base + stage * k_bytes; }
  SIGMA_DEVICE unsigned char* v(int stage, int head) const { return base + stages * k_bytes + (stage * n_v + head) * v_bytes; }
  SIGMA_DEVICE __half* k_scales(int stage) const {
    return reinterpret_cast<__half*>(base + stages * (k_bytes + n_v * v_bytes)) + stage * tile;
  }
  SIGMA_DEVICE __half* v_scales(int stage, int head) const { return k_scales(stages) + (stage * n_v + head) * tile; }

  // Copies rows [first, first + tile) into a stage; those from `end` on become zeros and are not read.
  template <int threads>
  SIGMA_DEVICE void load(const AttentionParams& p, int64_t table, int head_k, int head_v, int first, int end, int stage) const {
    const int row0 = first % page_tokens, n_threads = threads > 0 ? threads : int(blockDim.x);
    const PageRows k_page = find_page(p.k_pool, table, p.n_heads_k, head_k, first, dim_k * T::element_bytes);
    const PageRows v_page = find_page(p.v_pool, table, p.n_heads_v, head_v, first, dim_v * T::element_bytes);
    const unsigned char* from_k = k_page.rows + row0 * dim_k * T::element_bytes;
    const unsigned char* from_v = v_page.rows + row0 * dim_v * T::element_bytes;
    unsigned char *to_k = k(stage), *to_v = v(stage, 0);
    for (int at = threadIdx.x; at < tile * k_chunks; at += n_threads) {
      const int r = at / k_chunks, c = at % k_chunks;
      copy_async16(to_k + (r * k_chunks + T::template k_place<k_chunks>(r, c)) * 16, from_k + (r * k_chunks + c) * 16, first + r < end);
    }
    for (int at = threadIdx.x; at < n_v * tile * v_chunks; at += n_threads) {
      const int h = at / (tile * v_chunks), r = at / v_chunks % tile, c = at % v_chunks;
      // V heads of a page follow each other.
      copy_async16(to_v + ((h * tile + r) * v_chunks + T::template v_place<v_chunks>(r, c)) * 16,
                   from_v + ((h * page_tokens + r) * v_chunks + c) * 16, first + r < end);
    }
    if constexpr (T::scaled) {  // 8 rows' scales a copy
      constexpr int per_head = tile / 8;
      for (int at = threadIdx.x; at < (1 + n_v) * per_head; at += n_threads) {
        const int h = at / per_head - 1, r = at % per_head * 8;
        const __half* from = (h < 0 ? k_page.scales : v_page.scales + h * page_tokens) + row0 + r;
        __half* to = h < 0 ? k_scales(stage) : v_scales(stage, h);
        copy_async_part(to + r, from, min(max(end - first - r, 0), 8) * 2);
      }
    }
  }
};

}  // namespace kernels::cuda
