// kernels/cpu/simd_avx2.h: 16 lanes in two 256-bit registers. See simd.h for what each means.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace kernels::SIGMA_ISA {

// 16 registers: wider tiles would spill.
constexpr int max_tokens_int8 = 3, max_tokens_f32 = 4, max_value_rows = 1;

struct F32 { __m256 a, b; };
struct I32 { __m256i a, b; };
struct Bytes { __m256i a, b; };

#define INLINE inline __attribute__((always_inline))

INLINE F32 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE F32 set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void store(float* p, F32 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
INLINE F32 load_f16(const void* p) {
  const __m128i* h = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1))};
}
INLINE F32 load_bf16(const void* p) {
  const __m128i* h = static_cast<const __m128i*>(p);
  const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128(h));
  const __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128(h + 1));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}
INLINE F32 load_s8(const void* p) {
  const __m128i h = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(h)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(h, 8)))};
}
INLINE F32 load_u8(const void* p) {
  const __m128i h = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(h)),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(h, 8)))};
}
INLINE void store_f16(void* p, F32 x) {
  __m128i* h = static_cast<__m128i*>(p);
  _mm_storeu_si128(h, _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(h + 1, _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT));
}
INLINE F32 add(F32 x, F32 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
INLINE F32 sub(F32 x, F32 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
INLINE F32 mul(F32 x, F32 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
INLINE F32 div(F32 x, F32 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
INLINE F32 max(F32 x, F32 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
INLINE F32 min(F32 x, F32 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
INLINE F32 fma(F32 x, F32 y, F32 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
INLINE F32 fnma(F32 x, F32 y, F32 z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
INLINE F32 abs(F32 x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
INLINE float sum(F32 x) {
  const __m256 s = _mm256_add_ps(x.a, x.b);
  __m128 h = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  h = _mm_add_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
INLINE float max_lane(F32 x) {
  const __m256 s = _mm256_max_ps(x.a, x.b);
  __m128 h = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  h = _mm_max_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}
INLINE F32 keep_first(F32 x, F32 other, int n) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256 a = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes));
  const __m256 b = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n - 8), lanes));
  return {_mm256_blendv_ps(other.a, x.a, a), _mm256_blendv_ps(other.b, x.b, b)};
}
INLINE F32 round_even(F32 x) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, mode), _mm256_round_ps(x.b, mode)};
}
INLINE F32 times_2_to(F32 x, F32 n) {  // n in -126..127
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i a = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.a), bias), 23);
  const __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.b), bias), 23);
  return {_mm256_mul_ps(x.a, _mm256_castsi256_ps(a)), _mm256_mul_ps(x.b, _mm256_castsi256_ps(b))};
}
INLINE void store_s8(int8_t* p, F32 x) {
  const __m256i w = _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
  const __m256i o = _mm256_permute4x64_epi64(w, 0xD8);
  const __m128i b = _mm_packs_epi16(_mm256_castsi256_si128(o), _mm256_extracti128_si256(o, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), b);
}

INLINE I32 round_to_i32(F32 x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
INLINE I32 add(I32 x, I32 y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
template <int n>
INLINE I32 shift_right(I32 x) { return {_mm256_srai_epi32(x.a, n), _mm256_srai_epi32(x.b, n)}; }
INLINE int32_t sum(I32 x) {
  const __m256i both = _mm256_add_epi32(x.a, x.b);
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
}
INLINE void store_low_bytes(int8_t* p, I32 x) {
  const __m256i low = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                       0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const auto eight = [&](__m256i v) __attribute__((always_inline)) {
    const __m256i b = _mm256_shuffle_epi8(v, low);
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
  };
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_unpacklo_epi64(eight(x.a), eight(x.b)));
}
INLINE F32 to_f32(I32 x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
INLINE I32 set1(const int32_t* p) { return {_mm256_set1_epi32(*p), _mm256_set1_epi32(*p)}; }
template <int n>
INLINE I32 shift_left(I32 x) { return {_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)}; }

INLINE Bytes load_bytes(const uint8_t* p) {
  const __m256i* w = reinterpret_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(w), _mm256_loadu_si256(w + 1)};
}
INLINE void store_bytes(uint8_t* p, Bytes x) {
  __m256i* w = reinterpret_cast<__m256i*>(p);
  _mm256_storeu_si256(w, x.a);
  _mm256_storeu_si256(w + 1, x.b);
}
template <int n>
INLINE Bytes bits(Bytes x, Bytes mask) {
  return {_mm256_and_si256(_mm256_srli_epi16(x.a, n), mask.a),
          _mm256_and_si256(_mm256_srli_epi16(x.b, n), mask.b)};
}
template <int n>
INLINE Bytes with_bits(Bytes low, Bytes high, Bytes mask) {
  __m256i a = high.a, b = high.b;
  if constexpr (n > 0) a = _mm256_srli_epi16(a, n), b = _mm256_srli_epi16(b, n);
  if constexpr (n < 0) a = _mm256_slli_epi16(a, -n), b = _mm256_slli_epi16(b, -n);
  return {_mm256_or_si256(low.a, _mm256_and_si256(a, mask.a)),
          _mm256_or_si256(low.b, _mm256_and_si256(b, mask.b))};
}
INLINE Bytes set1_bytes(uint8_t x) { return {_mm256_set1_epi8(char(x)), _mm256_set1_epi8(char(x))}; }
struct Table { __m256i v; };
INLINE Table load_table(const uint8_t* p16) {
  return {_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p16)))};
}
INLINE Bytes look_up(Table t, Bytes i) {
  return {_mm256_shuffle_epi8(t.v, i.a), _mm256_shuffle_epi8(t.v, i.b)};
}
// maddubs saturates at 32767, which two products 255 * 127 pass; so for 8-bit w the low and high
// half of its range are multiplied apart: w = (w & 127) + (w & 128), and 128 * 127 * 2 fits.
template <bool wide>
INLINE I32 dot4(I32 acc, Bytes w, const void* x) {
  const __m256i xs = _mm256_set1_epi32(*static_cast<const int32_t*>(x));
  const __m256i low = _mm256_set1_epi8(127), one = _mm256_set1_epi16(1);
  auto step = [&](__m256i sum, __m256i ws) __attribute__((always_inline)) {
    if constexpr (!wide) {
      return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(ws, xs), one));
    }
    const __m256i l = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_and_si256(ws, low), xs), one);
    const __m256i h = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_andnot_si256(low, ws), xs), one);
    return _mm256_add_epi32(sum, _mm256_add_epi32(l, h));
  };
  return {step(acc.a, w.a), step(acc.b, w.b)};
}
// The steps of dot4 apart, for weights of few bits: products in pairs stay in 16 bits and several of them are added there,
// which is half of the instructions.
constexpr bool sums_pairs = true;
struct Pairs { __m256i a, b; };  // 32 x s16
INLINE Pairs pairs(Bytes w, const void* x) {
  const __m256i xs = _mm256_set1_epi32(*static_cast<const int32_t*>(x));
  return {_mm256_maddubs_epi16(w.a, xs), _mm256_maddubs_epi16(w.b, xs)};
}
INLINE Pairs add(Pairs x, Pairs y) { return {_mm256_add_epi16(x.a, y.a), _mm256_add_epi16(x.b, y.b)}; }
INLINE I32 add_pairs(I32 acc, Pairs p) {
  const __m256i one = _mm256_set1_epi16(1);
  return {_mm256_add_epi32(acc.a, _mm256_madd_epi16(p.a, one)), _mm256_add_epi32(acc.b, _mm256_madd_epi16(p.b, one))};
}
// Bytes less 128 as sizes and signs: |w| <= 128 against x of its sign, at most 127, does not saturate.
struct SignedBytes { Bytes size, sign; };
INLINE SignedBytes less_128(Bytes w) {
  const __m256i half = _mm256_set1_epi8(char(128));
  const Bytes s = {_mm256_xor_si256(w.a, half), _mm256_xor_si256(w.b, half)};
  return {{_mm256_abs_epi8(s.a), _mm256_abs_epi8(s.b)}, s};
}
INLINE I32 dot4(I32 acc, SignedBytes w, const void* x) {
  const __m256i xs = _mm256_set1_epi32(*static_cast<const int32_t*>(x)), one = _mm256_set1_epi16(1);
  const auto step = [&](__m256i sum, __m256i size, __m256i sign) __attribute__((always_inline)) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_sign_epi8(xs, sign)), one));
  };
  return {step(acc.a, w.size.a, w.sign.a), step(acc.b, w.size.b, w.sign.b)};
}
INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace
