#include "engine/backend/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "kernels/quant.h"

namespace engine {
namespace {

using kernels::f16_to_f32;
using kernels::f32_to_f16;
using kernels::WeightType;

void put_u16(std::byte* p, uint16_t x) { std::memcpy(p, &x, 2); }

int round_clamped(float x, int low, int high) {
  return static_cast<int>(std::lrint(std::clamp(x, static_cast<float>(low), static_cast<float>(high))));
}

// Squared weights of the error: see the header.
void importance(std::span<const float> x, std::span<float> w) {
  float sum = 0;
  for (const float v : x) sum += v * v;
  const float mean = sum / static_cast<float>(x.size());
  for (size_t i = 0; i < x.size(); ++i) w[i] = x[i] * x[i] + mean;
}

// The scale d for which x is nearest to d * q, q in [low, high]. Tries scales around the one that
// maps the number of largest magnitude to `low`, and improves each by least squares over its own q.
float best_scale(std::span<const float> x, int low, int high) {
  float extreme = 0;
  for (const float v : x) {
    if (std::abs(v) > std::abs(extreme)) extreme = v;
  }
  if (extreme == 0) return 0;
  std::array<float, 32> w;
  importance(x, w);
  float best = extreme / static_cast<float>(low), best_gain = -1;
  for (int step = -9; step <= 9; ++step) {
    const float inverse = (static_cast<float>(low) + 0.1f * static_cast<float>(step)) / extreme;
    float sum_xq = 0, sum_qq = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const auto q = static_cast<float>(round_clamped(x[i] * inverse, low, high));
      sum_xq += w[i] * x[i] * q;
      sum_qq += w[i] * q * q;
    }
    // The error is sum(w x^2) - sum_xq^2 / sum_qq at the best d for these q.
    if (sum_qq > 0 && sum_xq * sum_xq > best_gain * sum_qq) {
      best_gain = sum_xq * sum_xq / sum_qq;
      best = sum_xq / sum_qq;
    }
  }
  return best;
}

float inverse_or_zero(float x) { return x == 0 ? 0 : 1 / x; }

void pack_nibbles(const uint8_t* q, std::byte* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::byte>(q[i] | q[i + 16] << 4);
}

void quantize_q8_0(const float* x, std::byte* out) {
  float top = 0;
  for (int i = 0; i < 32; ++i) top = std::max(top, std::abs(x[i]));
  const uint16_t half = f32_to_f16(top / 127);
  const float inverse = inverse_or_zero(f16_to_f32(half));
  put_u16(out, half);
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<std::byte>(round_clamped(x[i] * inverse, -127, 127));
}

void quantize_q4_0(const float* x, std::byte* out) {
  const uint16_t half = f32_to_f16(best_scale({x, 32}, -8, 7));
  const float inverse = inverse_or_zero(f16_to_f32(half));
  uint8_t q[32];
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(round_clamped(x[i] * inverse, -8, 7) + 8);
  put_u16(out, half);
  pack_nibbles(q, out + 2);
}

struct ScaleAndMin {
  float scale = 0, min = 0;  // x is about scale * q - min, q in 0..15, min >= 0
};

// Least squares over scale and minimum in turns with rounding, from several first scales.
ScaleAndMin fit_32(std::span<const float> x) {
  const auto [lowest, highest] = std::minmax_element(x.begin(), x.end());
  const float low = std::min(*lowest, 0.f), high = *highest;
  if (high - low <= 0) return {0, -low};
  std::array<float, 32> w;
  importance(x, w);
  ScaleAndMin best;
  float best_error = INFINITY;
  for (int step = 0; step <= 12; ++step) {
    ScaleAndMin now = {(high - low) / (15 + 0.3f * static_cast<float>(step - 6)), -low};
    for (int turn = 0; turn < 3; ++turn) {
      float sw = 0, sq = 0, sqq = 0, sx = 0, sqx = 0, error = 0;
      const float inverse = inverse_or_zero(now.scale);
      for (size_t i = 0; i < x.size(); ++i) {
        const auto q = static_cast<float>(round_clamped((x[i] + now.min) * inverse, 0, 15));
        const float off = now.scale * q - now.min - x[i];
        error += w[i] * off * off;
        sw += w[i], sq += w[i] * q, sqq += w[i] * q * q, sx += w[i] * x[i], sqx += w[i] * q * x[i];
      }
      if (error < best_error) {
        best_error = error;
        best = now;
      }
      const float determinant = sw * sqq - sq * sq;
      if (determinant <= 0) break;
      now.scale = (sw * sqx - sq * sx) / determinant;
      now.min = (sq * sqx - sqq * sx) / determinant;
      if (now.min < 0) {  // the format has no negative minimum
        now.min = 0;
        now.scale = sqq > 0 ? sqx / sqq : 0;
      }
      if (now.scale <= 0) break;
    }
  }
  return best;
}

void quantize_q4_k(const float* x, std::byte* out) {
  ScaleAndMin fit[8];
  float top_scale = 0, top_min = 0;
  for (int j = 0; j < 8; ++j) {
    fit[j] = fit_32({x + 32 * j, 32});
    top_scale = std::max(top_scale, fit[j].scale);
    top_min = std::max(top_min, fit[j].min);
  }
  const uint16_t d_half = f32_to_f16(top_scale / 63), dmin_half = f32_to_f16(top_min / 63);
  const float d = f16_to_f32(d_half), dmin = f16_to_f32(dmin_half);
  put_u16(out, d_half);
  put_u16(out + 2, dmin_half);
  uint8_t packed[12] = {};
  uint8_t q[256];
  for (int j = 0; j < 8; ++j) {
    const auto scale = static_cast<uint8_t>(round_clamped(fit[j].scale * inverse_or_zero(d), 0, 63));
    const auto min = static_cast<uint8_t>(round_clamped(fit[j].min * inverse_or_zero(dmin), 0, 63));
    if (j < 4) {
      packed[j] |= scale;
      packed[j + 4] |= min;
    } else {
      packed[j + 4] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
      packed[j - 4] |= static_cast<uint8_t>((scale >> 4) << 6);
      packed[j] |= static_cast<uint8_t>((min >> 4) << 6);
    }
    const float inverse = inverse_or_zero(d * scale);
    for (int i = 32 * j; i < 32 * j + 32; ++i) {
      q[i] = static_cast<uint8_t>(round_clamped((x[i] + dmin * min) * inverse, 0, 15));
    }
  }
  std::memcpy(out + 4, packed, 12);
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 32; ++i) out[16 + 32 * j + i] = static_cast<std::byte>(q[64 * j + i] | q[64 * j + 32 + i] << 4);
  }
}

void quantize_q6_k(const float* x, std::byte* out) {
  float scales[16], top = 0;
  for (int j = 0; j < 16; ++j) {
    scales[j] = best_scale({x + 16 * j, 16}, -32, 31);
    if (std::abs(scales[j]) > std::abs(top)) top = scales[j];
  }
  // The largest scale becomes -128, as far as s8 goes.
  const uint16_t d_half = f32_to_f16(top / -128);
  const float d = f16_to_f32(d_half);
  uint8_t q[256];
  for (int j = 0; j < 16; ++j) {
    const int scale = round_clamped(scales[j] * inverse_or_zero(d), -128, 127);
    out[192 + j] = static_cast<std::byte>(scale);
    const float inverse = inverse_or_zero(d * static_cast<float>(scale));
    for (int i = 16 * j; i < 16 * j + 16; ++i) q[i] = static_cast<uint8_t>(round_clamped(x[i] * inverse, -32, 31) + 32);
  }
  put_u16(out + 208, d_half);
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

void quantize_q4_1(const float* x, std::byte* out) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const uint16_t d_half = f32_to_f16((*high - *low) / 15), m_half = f32_to_f16(*low);
  const float inverse = inverse_or_zero(f16_to_f32(d_half)), m = f16_to_f32(m_half);
  uint8_t q[32];
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(round_clamped((x[i] - m) * inverse, 0, 15));
  put_u16(out, d_half);
  put_u16(out + 2, m_half);
  pack_nibbles(q, out + 4);
}

// To nearest, ties to even.
uint16_t f32_to_bf16(float x) {
  const uint32_t bits = kernels::f32_to_bits(x);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

void quantize_block(DType dtype, const float* x, std::byte* out) {
  switch (dtype) {
    case DType::f32: std::memcpy(out, x, 4); return;
    case DType::f16: return put_u16(out, f32_to_f16(*x));
    case DType::bf16: return put_u16(out, f32_to_bf16(*x));
    case DType::q8_0: return quantize_q8_0(x, out);
    case DType::q4_0: return quantize_q4_0(x, out);
    case DType::q4_1: return quantize_q4_1(x, out);
    case DType::q4_k: return quantize_q4_k(x, out);
    case DType::q6_k: return quantize_q6_k(x, out);
    default: CHECK_INVARIANT(can_quantize(dtype));
  }
}

}  // namespace

void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> out) {
  const auto type = static_cast<WeightType>(dtype);
  const auto block = kernels::block_size(type);
  CHECK_INVARIANT(block.n_elements > 0 && out.size() % static_cast<size_t>(block.n_elements) == 0 &&
                  row.size() == out.size() / static_cast<size_t>(block.n_elements) * static_cast<size_t>(block.n_bytes));
  kernels::dequantize_row(type, reinterpret_cast<const uint8_t*>(row.data()), out.data(), static_cast<int64_t>(out.size()));
}

bool can_quantize(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::q8_0:
    case DType::q4_0:
    case DType::q4_1:
    case DType::q4_k:
    case DType::q6_k: return true;
    default: return false;
  }
}

void quantize_row(DType dtype, std::span<const float> row, std::span<std::byte> out) {
  const auto block = kernels::block_size(static_cast<WeightType>(dtype));
  const auto n = static_cast<size_t>(block.n_elements), n_bytes = static_cast<size_t>(block.n_bytes);
  CHECK_INVARIANT(can_quantize(dtype) && row.size() % n == 0 && out.size() == row.size() / n * n_bytes);
  std::array<float, 256> clean;
  for (size_t i = 0; i < row.size(); i += n) {
    for (size_t j = 0; j < n; ++j) clean[j] = std::isfinite(row[i + j]) ? row[i + j] : 0;
    quantize_block(dtype, clean.data(), out.data() + i / n * n_bytes);
  }
}

}  // namespace engine
