// kernels/cpu/simd_plain.h: 16 lanes as arrays, for processors without AVX2 and for other
// architectures; the compiler makes of it what it can. See simd.h for what each means.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/quant.h"

namespace kernels::SIGMA_ISA {

constexpr int max_tokens_int8 = 2, max_tokens_f32 = 2, max_value_rows = 1;

struct F32 { float v[16]; };
struct I32 { int32_t v[16]; };
struct Bytes { uint8_t v[64]; };

#define INLINE inline __attribute__((always_inline))
#define LANES for (int i = 0; i < 16; ++i)

INLINE F32 set1(float x) { F32 r; LANES r.v[i] = x; return r; }
INLINE F32 zero() { return set1(0.0f); }
INLINE F32 load(const float* p) { F32 r; std::memcpy(r.v, p, 64); return r; }
INLINE void store(float* p, F32 a) { std::memcpy(p, a.v, 64); }
INLINE uint16_t half_at(const void* p, int i) {
  uint16_t h;
  std::memcpy(&h, static_cast<const uint8_t*>(p) + 2 * i, 2);
  return h;
}
INLINE F32 load_f16(const void* p) { F32 r; LANES r.v[i] = f16_to_f32(half_at(p, i)); return r; }
INLINE F32 load_bf16(const void* p) { F32 r; LANES r.v[i] = bf16_to_f32(half_at(p, i)); return r; }
INLINE F32 load_s8(const void* p) { F32 r; LANES r.v[i] = static_cast<const int8_t*>(p)[i]; return r; }
INLINE F32 load_u8(const void* p) { F32 r; LANES r.v[i] = static_cast<const uint8_t*>(p)[i]; return r; }
INLINE void store_f16(void* p, F32 a) {
  LANES {
    const uint16_t h = f32_to_f16(a.v[i]);
    std::memcpy(static_cast<uint8_t*>(p) + 2 * i, &h, 2);
  }
}
INLINE F32 add(F32 a, F32 b) { LANES a.v[i] += b.v[i]; return a; }
INLINE F32 sub(F32 a, F32 b) { LANES a.v[i] -= b.v[i]; return a; }
INLINE F32 mul(F32 a, F32 b) { LANES a.v[i] *= b.v[i]; return a; }
INLINE F32 div(F32 a, F32 b) { LANES a.v[i] /= b.v[i]; return a; }
INLINE F32 max(F32 a, F32 b) { LANES a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
INLINE F32 min(F32 a, F32 b) { LANES a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
INLINE F32 fma(F32 a, F32 b, F32 c) { LANES c.v[i] += a.v[i] * b.v[i]; return c; }
INLINE F32 fnma(F32 a, F32 b, F32 c) { LANES c.v[i] -= a.v[i] * b.v[i]; return c; }
INLINE F32 abs(F32 a) { LANES a.v[i] = std::fabs(a.v[i]); return a; }
INLINE float sum(F32 a) { float s = 0; LANES s += a.v[i]; return s; }
INLINE float max_lane(F32 a) { float m = a.v[0]; LANES m = a.v[i] > m ? a.v[i] : m; return m; }
INLINE F32 keep_first(F32 a, F32 other, int n) { LANES if (i >= n) a.v[i] = other.v[i]; return a; }
// Adding 1.5 * 2^23 leaves no room for a fraction; |a| < 2^22.
INLINE F32 round_even(F32 a) {
  LANES {
    const volatile float shifted = a.v[i] + 12582912.0f;
    a.v[i] = shifted - 12582912.0f;
  }
  return a;
}
INLINE F32 times_2_to(F32 a, F32 n) {  // n in -126..127
  LANES a.v[i] *= bits_to_f32(uint32_t(int32_t(n.v[i]) + 127) << 23);
  return a;
}
INLINE void store_s8(int8_t* p, F32 a) {
  a = round_even(a);
  LANES p[i] = int8_t(a.v[i] > 127 ? 127 : a.v[i] < -128 ? -128 : int(a.v[i]));
}

INLINE I32 round_to_i32(F32 a) {
  a = round_even(a);
  I32 r;
  LANES r.v[i] = int32_t(a.v[i]);
  return r;
}
INLINE I32 add(I32 a, I32 b) { LANES a.v[i] += b.v[i]; return a; }
template <int n>
INLINE I32 shift_right(I32 a) { LANES a.v[i] >>= n; return a; }
INLINE int32_t sum(I32 a) { int32_t s = 0; LANES s += a.v[i]; return s; }
INLINE void store_low_bytes(int8_t* p, I32 a) { LANES p[i] = int8_t(uint8_t(a.v[i])); }
INLINE F32 to_f32(I32 a) { F32 r; LANES r.v[i] = float(a.v[i]); return r; }
INLINE I32 set1(const int32_t* p) { I32 r; LANES r.v[i] = *p; return r; }
template <int n>
INLINE I32 shift_left(I32 a) { LANES a.v[i] = int32_t(uint32_t(a.v[i]) << n); return a; }

INLINE Bytes load_bytes(const uint8_t* p) { Bytes r; std::memcpy(r.v, p, 64); return r; }
INLINE void store_bytes(uint8_t* p, Bytes a) { std::memcpy(p, a.v, 64); }
template <int n>
INLINE Bytes bits(Bytes a, Bytes mask) {
  for (int i = 0; i < 64; ++i) a.v[i] = uint8_t((a.v[i] >> n) & mask.v[i]);
  return a;
}
template <int n>
INLINE Bytes with_bits(Bytes low, Bytes high, Bytes mask) {
  for (int i = 0; i < 64; ++i) {
    low.v[i] |= uint8_t((n >= 0 ? high.v[i] >> (n > 0 ? n : 0) : high.v[i] << (n < 0 ? -n : 0)) & mask.v[i]);
  }
  return low;
}
INLINE Bytes set1_bytes(uint8_t x) { Bytes r; std::memset(r.v, x, 64); return r; }
struct Table { uint8_t v[16]; };
INLINE Table load_table(const uint8_t* p16) { Table t; std::memcpy(t.v, p16, 16); return t; }
INLINE Bytes look_up(Table t, Bytes b) {
  for (int i = 0; i < 64; ++i) b.v[i] = t.v[b.v[i] & 15];
  return b;
}
template <bool wide>
INLINE I32 dot4(I32 acc, Bytes w, const void* x) {
  const int8_t* q = static_cast<const int8_t*>(x);
  LANES acc.v[i] += w.v[4 * i] * q[0] + w.v[4 * i + 1] * q[1] + w.v[4 * i + 2] * q[2] + w.v[4 * i + 3] * q[3];
  return acc;
}
constexpr bool sums_pairs = false;  // dot4 is one instruction, or none
INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

#undef LANES

}  // namespace
