// Blocks of 256 numbers: small integer scales (and minima) of 16 or 32 numbers each, under one or
// two halves for the block. kernels/quant.h has the layouts.
#include <algorithm>
#include <cmath>

#include "engine/backend/quantize_search.h"
#include "kernels/quant.h"

namespace engine::quantize {
namespace {

using kernels::f16_to_f32;
using kernels::f32_to_f16;

// The block's scale and minimum as stored, and each group's as integers times those.
template <int n_groups>
struct Scales {
  uint16_t d_half = 0, dmin_half = 0;
  float d = 0, dmin = 0;
  uint8_t scale[n_groups] = {}, min[n_groups] = {};
};

// Fits scale and minimum of each group of 256 / n_groups numbers, rounds them to 0..level, and writes
// the numbers as q in 0..q_max against what is then stored.
template <int n_groups>
Scales<n_groups> with_minima(const float* x, int level, int q_max, uint8_t* q) {
  constexpr int n = 256 / n_groups;
  ScaleAndMin fit[n_groups];
  float top_scale = 0, top_min = 0;
  for (int j = 0; j < n_groups; ++j) {
    fit[j] = fit_scale_and_min({x + n * j, n}, q_max);
    top_scale = std::max(top_scale, fit[j].scale);
    top_min = std::max(top_min, fit[j].min);
  }
  Scales<n_groups> s;
  s.d_half = f32_to_f16(top_scale / static_cast<float>(level));
  s.dmin_half = f32_to_f16(top_min / static_cast<float>(level));
  s.d = f16_to_f32(s.d_half);
  s.dmin = f16_to_f32(s.dmin_half);
  for (int j = 0; j < n_groups; ++j) {
    s.scale[j] = static_cast<uint8_t>(round_clamped(fit[j].scale * inverse_or_zero(s.d), 0, level));
    s.min[j] = static_cast<uint8_t>(round_clamped(fit[j].min * inverse_or_zero(s.dmin), 0, level));
    const float inverse = inverse_or_zero(s.d * s.scale[j]);
    for (int i = n * j; i < n * j + n; ++i) {
      q[i] = static_cast<uint8_t>(round_clamped((x[i] + s.dmin * s.min[j]) * inverse, 0, q_max));
    }
  }
  return s;
}

// Groups of 16 with a signed scale in [-level, level - 1] under d, q in [low, high] stored from 0.
struct SignedScales {
  uint16_t d_half = 0;
  int scale[16] = {};
};
SignedScales without_minima(const float* x, int level, int low, int high, uint8_t* q) {
  float scales[16], top = 0;
  for (int j = 0; j < 16; ++j) {
    scales[j] = best_scale({x + 16 * j, 16}, low, high);
    if (std::abs(scales[j]) > std::abs(top)) top = scales[j];
  }
  SignedScales s;
  s.d_half = f32_to_f16(top / static_cast<float>(-level));  // the largest becomes -level
  const float d = f16_to_f32(s.d_half);
  for (int j = 0; j < 16; ++j) {
    s.scale[j] = round_clamped(scales[j] * inverse_or_zero(d), -level, level - 1);
    const float inverse = inverse_or_zero(d * static_cast<float>(s.scale[j]));
    for (int i = 16 * j; i < 16 * j + 16; ++i) {
      q[i] = static_cast<uint8_t>(round_clamped(x[i] * inverse, low, high) - low);
    }
  }
  return s;
}

// d, dmin, then 8 scales and 8 minima of 6 bits in 12 bytes: how Q4_K and Q5_K begin.
void put_scales_k4(const Scales<8>& s, std::byte* out) {
  put_u16(out, s.d_half);
  put_u16(out + 2, s.dmin_half);
  uint8_t packed[12] = {};
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<uint8_t>(s.scale[j] | (s.scale[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<uint8_t>(s.min[j] | (s.min[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<uint8_t>((s.scale[j + 4] & 15) | (s.min[j + 4] & 15) << 4);
  }
  std::memcpy(out + 4, packed, 12);
}

// The low four bits of 64 numbers in 32 bytes, four times.
void put_nibbles_256(const uint8_t* q, std::byte* out) {
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 32; ++i) {
      out[32 * j + i] = static_cast<std::byte>((q[64 * j + i] & 15) | (q[64 * j + 32 + i] & 15) << 4);
    }
  }
}

// The low two bits of 128 numbers in 32 bytes, twice.
void put_two_bits_256(const uint8_t* q, std::byte* out) {
  for (int half = 0; half < 2; ++half) {
    const uint8_t* p = q + 128 * half;
    for (int i = 0; i < 32; ++i) {
      out[32 * half + i] = static_cast<std::byte>((p[i] & 3) | (p[i + 32] & 3) << 2 | (p[i + 64] & 3) << 4 |
                                                  (p[i + 96] & 3) << 6);
    }
  }
}

// Bit `bit` of each number: numbers i, i + 32, .. i + 224 in byte i.
void put_bit_256(const uint8_t* q, int bit, std::byte* out) {
  for (int i = 0; i < 32; ++i) {
    int byte = 0;
    for (int j = 0; j < 8; ++j) byte |= ((q[32 * j + i] >> bit) & 1) << j;
    out[i] = static_cast<std::byte>(byte);
  }
}

}  // namespace

void block_q2_k(const float* x, std::byte* out) {
  uint8_t q[256];
  const Scales<16> s = with_minima<16>(x, 15, 3, q);
  for (int j = 0; j < 16; ++j) out[j] = static_cast<std::byte>(s.scale[j] | s.min[j] << 4);
  put_two_bits_256(q, out + 16);
  put_u16(out + 80, s.d_half);
  put_u16(out + 82, s.dmin_half);
}

void block_q3_k(const float* x, std::byte* out) {
  uint8_t q[256];
  const SignedScales s = without_minima(x, 32, -4, 3, q);
  put_bit_256(q, 2, out);
  put_two_bits_256(q, out + 32);
  uint8_t packed[12] = {};
  for (int j = 0; j < 16; ++j) {
    const int scale = s.scale[j] + 32;
    packed[j % 8] = static_cast<uint8_t>(packed[j % 8] | (scale & 15) << (j < 8 ? 0 : 4));
    packed[8 + j % 4] = static_cast<uint8_t>(packed[8 + j % 4] | (scale >> 4) << (2 * (j / 4)));
  }
  std::memcpy(out + 96, packed, 12);
  put_u16(out + 108, s.d_half);
}

void block_q4_k(const float* x, std::byte* out) {
  uint8_t q[256];
  put_scales_k4(with_minima<8>(x, 63, 15, q), out);
  put_nibbles_256(q, out + 16);
}

void block_q5_k(const float* x, std::byte* out) {
  uint8_t q[256];
  put_scales_k4(with_minima<8>(x, 63, 31, q), out);
  put_bit_256(q, 4, out + 16);
  put_nibbles_256(q, out + 48);
}

void block_q6_k(const float* x, std::byte* out) {
  uint8_t q[256];
  const SignedScales s = without_minima(x, 128, -32, 31, q);
  for (int j = 0; j < 16; ++j) out[192 + j] = static_cast<std::byte>(s.scale[j]);
  put_u16(out + 208, s.d_half);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* p = q + 128 * half;
    for (int i = 0; i < 32; ++i) {
      out[64 * half + i] = static_cast<std::byte>((p[i] & 15) | (p[i + 64] & 15) << 4);
      out[64 * half + 32 + i] = static_cast<std::byte>((p[i + 32] & 15) | (p[i + 96] & 15) << 4);
      out[128 + 32 * half + i] =
          static_cast<std::byte>(p[i] >> 4 | (p[i + 32] >> 4) << 2 | (p[i + 64] >> 4) << 4 | (p[i + 96] >> 4) << 6);
    }
  }
}

}  // namespace engine::quantize
