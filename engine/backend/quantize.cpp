#include "engine/backend/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/backend/quantize_search.h"
#include "engine/base/error.h"
#include "kernels/quant.h"

namespace engine {
namespace quantize {

void importance(std::span<const float> x, std::span<float> w) {
  float sum = 0;
  for (const float v : x) sum += v * v;
  const float mean = sum / static_cast<float>(x.size());
  for (size_t i = 0; i < x.size(); ++i) w[i] = x[i] * x[i] + mean;
}

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

ScaleAndMin fit_scale_and_min(std::span<const float> x, int q_max) {
  const auto [lowest, highest] = std::minmax_element(x.begin(), x.end());
  const float low = std::min(*lowest, 0.f), high = *highest;
  if (high - low <= 0) return {0, -low};
  std::array<float, 32> w;
  importance(x, w);
  const float levels = static_cast<float>(q_max), step_size = 0.08f * std::sqrt(levels);
  ScaleAndMin best;
  float best_error = INFINITY;
  for (int step = 0; step <= 12; ++step) {
    ScaleAndMin now = {(high - low) / (levels + step_size * static_cast<float>(step - 6)), -low};
    for (int turn = 0; turn < 3; ++turn) {
      float sw = 0, sq = 0, sqq = 0, sx = 0, sqx = 0, error = 0;
      const float inverse = inverse_or_zero(now.scale);
      for (size_t i = 0; i < x.size(); ++i) {
        const auto q = static_cast<float>(round_clamped((x[i] + now.min) * inverse, 0, q_max));
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

}  // namespace quantize

namespace {

using kernels::f16_to_f32;
using kernels::f32_to_f16;
using kernels::WeightType;
using namespace quantize;

void pack_nibbles(const uint8_t* q, std::byte* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::byte>((q[i] & 15) | (q[i + 16] & 15) << 4);
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

// d and m of a type that stores x as d q + m, then q in 0..q_max.
void put_scale_and_min(const float* x, int q_max, uint8_t* q, std::byte* out) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const uint16_t d_half = f32_to_f16((*high - *low) / static_cast<float>(q_max)), m_half = f32_to_f16(*low);
  const float inverse = inverse_or_zero(f16_to_f32(d_half)), m = f16_to_f32(m_half);
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(round_clamped((x[i] - m) * inverse, 0, q_max));
  put_u16(out, d_half);
  put_u16(out + 2, m_half);
}

void quantize_q4_1(const float* x, std::byte* out) {
  uint8_t q[32];
  put_scale_and_min(x, 15, q, out);
  pack_nibbles(q, out + 4);
}

// Bit 4 of each number, in a word.
void put_fifth_bits(const uint8_t* q, std::byte* out) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(q[i] >> 4) << i;
  std::memcpy(out, &bits, 4);
}

void quantize_q5_0(const float* x, std::byte* out) {
  const uint16_t half = f32_to_f16(best_scale({x, 32}, -16, 15));
  const float inverse = inverse_or_zero(f16_to_f32(half));
  uint8_t q[32];
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(round_clamped(x[i] * inverse, -16, 15) + 16);
  put_u16(out, half);
  put_fifth_bits(q, out + 2);
  pack_nibbles(q, out + 6);
}

void quantize_q5_1(const float* x, std::byte* out) {
  uint8_t q[32];
  put_scale_and_min(x, 31, q, out);
  put_fifth_bits(q, out + 4);
  pack_nibbles(q, out + 8);
}

// The index of the table's value that is nearest to v.
uint8_t nearest_iq4_nl(float v) {
  int index = 0;
  while (index < 15 && v > 0.5f * static_cast<float>(kernels::iq4_nl_values[index] + kernels::iq4_nl_values[index + 1])) ++index;
  return static_cast<uint8_t>(index);
}

// As best_scale, over the table's uneven values.
void quantize_iq4_nl(const float* x, std::byte* out) {
  float extreme = 0;
  for (int i = 0; i < 32; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  std::array<float, 32> w;
  importance({x, 32}, w);
  float best = 0, best_gain = -1;
  for (int step = -7; step <= 7 && extreme != 0; ++step) {
    const float inverse = static_cast<float>(kernels::iq4_nl_values[0] + 4 * step) / extreme;
    float sum_xq = 0, sum_qq = 0;
    for (size_t i = 0; i < 32; ++i) {
      const auto q = static_cast<float>(kernels::iq4_nl_values[nearest_iq4_nl(x[i] * inverse)]);
      sum_xq += w[i] * x[i] * q;
      sum_qq += w[i] * q * q;
    }
    if (sum_qq > 0 && sum_xq * sum_xq > best_gain * sum_qq) {
      best_gain = sum_xq * sum_xq / sum_qq;
      best = sum_xq / sum_qq;
    }
  }
  const uint16_t half = f32_to_f16(best);
  const float inverse = inverse_or_zero(f16_to_f32(half));
  uint8_t q[32];
  for (int i = 0; i < 32; ++i) q[i] = nearest_iq4_nl(x[i] * inverse);
  put_u16(out, half);
  pack_nibbles(q, out + 2);
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
    case DType::q5_0: return quantize_q5_0(x, out);
    case DType::q5_1: return quantize_q5_1(x, out);
    case DType::iq4_nl: return quantize_iq4_nl(x, out);
    case DType::q2_k: return block_q2_k(x, out);
    case DType::q3_k: return block_q3_k(x, out);
    case DType::q4_k: return block_q4_k(x, out);
    case DType::q5_k: return block_q5_k(x, out);
    case DType::q6_k: return block_q6_k(x, out);
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
  return dtype != DType::i32 && kernels::block_size(static_cast<WeightType>(dtype)).n_bytes > 0;
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
