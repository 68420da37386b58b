// kernels/cpu/simd_avx512.h: 16 lanes in one 512-bit register. See simd.h for what each means.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace kernels::SIGMA_ISA {

constexpr int max_tokens_int8 = 12, max_tokens_f32 = 12, max_value_rows = 6;

struct F32 { __m512 v; };
struct I32 { __m512i v; };
struct Bytes { __m512i v; };

#define INLINE inline __attribute__((always_inline))

INLINE F32 zero() { return {_mm512_setzero_ps()}; }
INLINE F32 set1(float x) { return {_mm512_set1_ps(x)}; }
INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
INLINE F32 load_f16(const void* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)))};
}
INLINE F32 load_bf16(const void* p) {
  const __m256i h = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
}
INLINE F32 load_s8(const void* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))))};
}
INLINE F32 load_u8(const void* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))))};
}
INLINE void store_f16(void* p, F32 a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
INLINE F32 add(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
INLINE F32 sub(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
INLINE F32 mul(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
INLINE F32 div(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
INLINE F32 fnma(F32 a, F32 b, F32 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
INLINE F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
INLINE float sum(F32 a) { return _mm512_reduce_add_ps(a.v); }
INLINE float max_lane(F32 a) { return _mm512_reduce_max_ps(a.v); }
INLINE F32 keep_first(F32 a, F32 other, int n) {
  const __mmask16 mask = n >= 16 ? 0xFFFF : n <= 0 ? 0 : __mmask16((1u << n) - 1);
  return {_mm512_mask_blend_ps(mask, other.v, a.v)};
}
INLINE F32 round_even(F32 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT)}; }
INLINE F32 times_2_to(F32 a, F32 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
INLINE void store_s8(int8_t* p, F32 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(a.v)));
}

INLINE I32 round_to_i32(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }
INLINE I32 add(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
template <int n>
INLINE I32 shift_right(I32 a) { return {_mm512_srai_epi32(a.v, n)}; }
INLINE int32_t sum(I32 a) { return _mm512_reduce_add_epi32(a.v); }
INLINE void store_low_bytes(int8_t* p, I32 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
INLINE F32 to_f32(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
INLINE I32 set1(const int32_t* p) { return {_mm512_set1_epi32(*p)}; }
template <int n>
INLINE I32 shift_left(I32 a) { return {_mm512_slli_epi32(a.v, n)}; }

INLINE Bytes load_bytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
INLINE void store_bytes(uint8_t* p, Bytes a) { _mm512_storeu_si512(p, a.v); }
// (a >> n) & mask in each byte; bits that cross into a neighbour are masked off.
template <int n>
INLINE Bytes bits(Bytes a, Bytes mask) {
  if constexpr (n == 0) return {_mm512_and_si512(a.v, mask.v)};
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, n), mask.v)};
}
// low | ((high shifted right by n, left if negative) & mask)
template <int n>
INLINE Bytes with_bits(Bytes low, Bytes high, Bytes mask) {
  __m512i moved = high.v;
  if constexpr (n > 0) moved = _mm512_srli_epi16(high.v, n);
  if constexpr (n < 0) moved = _mm512_slli_epi16(high.v, -n);
  return {_mm512_ternarylogic_epi64(low.v, moved, mask.v, 0xF8)};
}
INLINE Bytes set1_bytes(uint8_t x) { return {_mm512_set1_epi8(char(x))}; }
struct Table { __m512i v; };
INLINE Table load_table(const uint8_t* p16) {
  return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p16)))};
}
INLINE Bytes look_up(Table t, Bytes i) { return {_mm512_shuffle_epi8(t.v, i.v)}; }
// Each 32-bit lane of acc gains the dot product of four u8 of w and the four s8 at x.
template <bool wide>
INLINE I32 dot4(I32 acc, Bytes w, const void* x) {
  return {_mm512_dpbusd_epi32(acc.v, w.v, _mm512_set1_epi32(*static_cast<const int32_t*>(x)))};
}
constexpr bool sums_pairs = false;  // dot4 is one instruction, or none
INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace
