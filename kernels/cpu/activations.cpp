// What happens to activations between products: the norm, their packing into tiles, and the storing
// of a product's results.
#include "kernels/cpu/isa.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/simd.h"

namespace kernels::SIGMA_ISA {
namespace {

void rms_norm(const float* x, const float* w, float* y, int64_t n, float eps) {
  F32 squares[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (int c = 0; c < 4; ++c) {
      const F32 a = load(x + i + 16 * c);
      squares[c] = fma(a, a, squares[c]);
    }
  }
  float total = sum(add(add(squares[0], squares[1]), add(squares[2], squares[3])));
  for (; i < n; ++i) total += x[i] * x[i];
  const float scale = 1.0f / __builtin_sqrtf(total / float(n) + eps);
  const F32 scales = set1(scale);
  for (i = 0; i + 16 <= n; i += 16) store(y + i, mul(mul(load(x + i), scales), load(w + i)));
  for (; i < n; ++i) y[i] = x[i] * scale * w[i];
}

// Largest |x| becomes 127. d is kept in f32.
INLINE float quantize(const float* x, int8_t* q) {
  const F32 a = load(x), b = load(x + 16);
  const float largest = max_lane(max(abs(a), abs(b)));
  const float d = largest / 127.0f;
  // A scale below 1e-35 would overflow its reciprocal: such numbers are zero beside any other.
  const F32 inverse = set1(d > 1e-35f ? 1.0f / d : 0.0f);
  store_s8(q, mul(a, inverse));
  store_s8(q + 16, mul(b, inverse));
  return d;
}

void pack_int8(const float* x, int64_t stride, int n_tokens, int64_t n_in, void* out) {
  uint8_t* to = static_cast<uint8_t*>(out);
  for (int64_t k = 0; k < n_in; k += 32, to += int8_record_bytes(n_tokens)) {
    float* d = reinterpret_cast<float*>(to + n_tokens * 32);
    int32_t* sums = reinterpret_cast<int32_t*>(to + n_tokens * 40);
    for (int t = 0; t < n_tokens; ++t) {
      alignas(64) int8_t q[32];
      d[t] = quantize(x + t * stride + k, q);
      int32_t first = 0, second = 0;
      for (int i = 0; i < 16; ++i) {
        first += q[i];
        second += q[16 + i];
      }
      for (int g = 0; g < 8; ++g) __builtin_memcpy(to + (g * n_tokens + t) * 4, q + 4 * g, 4);
      d[n_tokens + t] = d[t] * float(first + second);
      sums[t] = -(first + second);
      sums[n_tokens + t] = -first;
      sums[2 * n_tokens + t] = -second;
    }
  }
}

void pack_f32(const float* x, int64_t stride, int n_tokens, int64_t n_in, void* out) {
  float* to = static_cast<float*>(out);
  if (n_tokens == 1) {
    __builtin_memcpy(to, x, size_t(n_in) * 4);
    return;
  }
  for (int64_t k = 0; k < n_in; ++k) {
    for (int t = 0; t < n_tokens; ++t) *to++ = x[t * stride + k];
  }
}

void store_tile(const float* tile, int n_tokens, int n_rows, float* y, int64_t stride, Store how) {
  for (int t = 0; t < n_tokens; ++t, tile += tile_rows, y += stride) {
    if (n_rows == tile_rows) {
      const F32 a = load(tile);
      store(y, how == Store::add ? add(load(y), a) : a);
    } else {
      for (int r = 0; r < n_rows; ++r) y[r] = how == Store::add ? y[r] + tile[r] : tile[r];
    }
  }
}

void silu_mul_tile(const float* gate, const float* up, int n_tokens, int n_rows, float* y,
                   int64_t stride) {
  for (int t = 0; t < n_tokens; ++t, gate += tile_rows, up += tile_rows, y += stride) {
    const F32 g = load(gate);
    const F32 silu = div(g, add(set1(1.0f), exp(sub(zero(), g))));
    const F32 a = mul(silu, load(up));
    if (n_rows == tile_rows) {
      store(y, a);
    } else {
      alignas(64) float all[tile_rows];
      store(all, a);
      for (int r = 0; r < n_rows; ++r) y[r] = all[r];
    }
  }
}

void quantize_32(const float* x, int8_t* q, uint16_t* scale) {
  const F32 a = load(x), b = load(x + 16);
  // Divide by the scale as it will be read back, so that only the quants round.
  const uint16_t half = f32_to_f16(max_lane(max(abs(a), abs(b))) / 127.0f);
  const float d = f16_to_f32(half);
  const F32 inverse = set1(d > 0 ? 1.0f / d : 0.0f), limit = set1(127.0f);
  store_s8(q, min(max(mul(a, inverse), sub(zero(), limit)), limit));
  store_s8(q + 16, min(max(mul(b, inverse), sub(zero(), limit)), limit));
  *scale = half;
}

// The number furthest from zero becomes -8, as in Q4_0 files.
void quantize_32_q4(const float* x, int8_t* q, uint16_t* scale) {
  const F32 a = load(x), b = load(x + 16);
  const float highest = max_lane(max(a, b)), lowest = -max_lane(max(sub(zero(), a), sub(zero(), b)));
  const uint16_t half = f32_to_f16((highest > -lowest ? highest : lowest) / -8.0f);
  const float d = f16_to_f32(half);
  const F32 inverse = set1(d != 0 ? 1.0f / d : 0.0f), offset = set1(8.0f), limit = set1(15.0f);
  store_s8(q, min(max(add(mul(a, inverse), offset), zero()), limit));
  store_s8(q + 16, min(max(add(mul(b, inverse), offset), zero()), limit));
  *scale = half;
}

void to_f16(const float* x, uint16_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) store_f16(y + i, load(x + i));
  for (; i < n; ++i) y[i] = f32_to_f16(x[i]);
}

}  // namespace

void add_activations(CpuKernels& table) {
  table.rms_norm = rms_norm;
  table.pack_int8 = pack_int8;
  table.pack_f32 = pack_f32;
  table.store_tile = store_tile;
  table.silu_mul_tile = silu_mul_tile;
  table.quantize_32 = quantize_32;
  table.quantize_32_q4 = quantize_32_q4;
  table.to_f16 = to_f16;
}

}  // namespace kernels::SIGMA_ISA
