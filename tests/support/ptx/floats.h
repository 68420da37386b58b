// tests/support/ptx/floats.h: the small float formats of PTX, in plain integer arithmetic.
// Everything is branch-free where a loop over 32 lanes is meant to vectorise. Conversions round to
// nearest even unless the name says otherwise; a NaN becomes the format's canonical NaN.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ptx {

inline float as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t as_bits(float x) { return std::bit_cast<uint32_t>(x); }
inline double as_double(uint64_t bits) { return std::bit_cast<double>(bits); }
inline uint64_t as_bits(double x) { return std::bit_cast<uint64_t>(x); }

inline float f16_to_float(uint32_t h) {
  // Shifting the exponent by a multiplication treats subnormals alike; infinity is set apart.
  const uint32_t magnitude = (h & 0x7fffu) << 13;
  const float scaled = as_float(magnitude) * as_float(0x77800000u);  // 2^112
  const uint32_t special = magnitude >= 0x0f800000u ? 0x7f800000u | magnitude : as_bits(scaled);
  return as_float(special | (h & 0x8000u) << 16);
}

inline uint32_t float_to_f16(float x) {
  const uint32_t bits = as_bits(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  // Normal results: rebias, round to nearest even on the 13 dropped bits.
  const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  // Subnormal results: the addition of 0.5 lets the float unit round at the right bit.
  const uint32_t subnormal = as_bits(as_float(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  const uint32_t clipped = magnitude >= 0x477ff000u ? 0x7c00u : finite;
  return magnitude > 0x7f800000u ? 0x7fffu : sign | clipped;
}

inline float bf16_to_float(uint32_t h) { return as_float(h << 16); }

inline uint32_t float_to_bf16(float x) {
  const uint32_t bits = as_bits(x);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : rounded & 0xffffu;
}

// Rounded to odd: a second rounding to a shorter format then gives what one rounding would have.
inline float double_to_float_odd(double x) {
  const float nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) == x || x != x || std::isinf(nearest)) return nearest;
  uint32_t bits = as_bits(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(x)) --bits;  // toward zero
  return as_float(bits | 1u);
}
inline uint32_t double_to_f16(double x) { return float_to_f16(double_to_float_odd(x)); }
inline uint32_t double_to_bf16(double x) { return float_to_bf16(double_to_float_odd(x)); }

// e4m3 has no infinity: 0x7f is NaN, 448 the largest; e5m2 is a short f16.
inline float e4m3_to_float(uint32_t b) {
  const uint32_t magnitude = b & 0x7fu, exponent = magnitude >> 3, mantissa = magnitude & 7u;
  if (magnitude == 0x7fu) return std::numeric_limits<float>::quiet_NaN();
  const float x = exponent ? as_float((exponent + 120u) << 23 | mantissa << 20)
                           : static_cast<float>(mantissa) * 0x1p-9f;
  return b & 0x80u ? -x : x;
}

// Saturates to the largest finite value (.satfinite is the only form PTX has).
inline uint32_t float_to_e4m3(float x) {
  if (x != x) return 0x7f;
  const uint32_t sign = as_bits(x) >> 24 & 0x80u;
  const float magnitude = std::fabs(x);
  if (magnitude >= 464.0f) return sign | 0x7eu;
  if (magnitude < 0x1p-6f)  // subnormal: a multiple of 2^-9; 8 of them are the first normal
    return sign | static_cast<uint32_t>(std::nearbyint(magnitude * 0x1p9f));
  const uint32_t bits = as_bits(magnitude);
  const uint32_t rounded = (bits + 0x7ffffu + (bits >> 20 & 1u)) >> 20;
  const uint32_t code = rounded - (120u << 3);
  return sign | (code > 0x7eu ? 0x7eu : code);
}

inline float e5m2_to_float(uint32_t b) { return f16_to_float(b << 8); }

inline uint32_t float_to_e5m2(float x) {
  if (x != x) return 0x7f;
  const uint32_t sign = as_bits(x) >> 24 & 0x80u;
  const float magnitude = std::fabs(x);
  if (magnitude >= 61440.0f) return sign | 0x7bu;
  if (magnitude < 0x1p-14f)
    return sign | static_cast<uint32_t>(std::nearbyint(magnitude * 0x1p16f));
  const uint32_t bits = as_bits(magnitude);
  const uint32_t rounded = (bits + 0xfffffu + (bits >> 21 & 1u)) >> 21;
  const uint32_t code = rounded - (112u << 2);
  return sign | (code > 0x7bu ? 0x7bu : code);
}

// tf32: the low 13 bits of a float rounded away (to nearest, ties away from zero: cvt.rna).
inline float float_to_tf32(float x) {
  const uint32_t bits = as_bits(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  return as_float((bits + 0x1000u) & 0xffffe000u);
}

inline float flush_subnormal(float x) {
  const uint32_t bits = as_bits(x);
  return as_float((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

// ex2.approx within its 2 ulp, written so that a lane loop vectorises. The degree 7 Taylor polynomial on
// [-0.5, 0.5] errs by 5e-9 relative, below the f32 rounding of its own evaluation.
inline float exp2_approx(float x) {
  const float clamped = x > -126.0f ? (x < 128.0f ? x : 128.0f) : -126.0f;  // a NaN too
  const float whole = (clamped + 12582912.0f) - 12582912.0f;  // rounds to an integer
  const float t = (clamped - whole) * 0.69314718056f;
  float p = 1.0f / 5040.0f;
  p = p * t + 1.0f / 720.0f;
  p = p * t + 1.0f / 120.0f;
  p = p * t + 1.0f / 24.0f;
  p = p * t + 1.0f / 6.0f;
  p = p * t + 0.5f;
  p = p * t + 1.0f;
  p = p * t + 1.0f;
  // 2^whole in two factors, as 2^128 is not a float.
  const int32_t half = static_cast<int32_t>(whole) / 2, rest = static_cast<int32_t>(whole) - half;
  const float scaled = p * as_float(static_cast<uint32_t>(half + 127) << 23) *
                       as_float(static_cast<uint32_t>(rest + 127) << 23);
  const float in_range = x >= -126.0f ? scaled : 0.0f;  // subnormal results are flushed
  const float overflowed = x >= 128.0f ? std::numeric_limits<float>::infinity() : in_range;
  return x != x ? x : overflowed;
}

}  // namespace ptx
