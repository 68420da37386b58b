// engine/backend/quantize_search.h: finding the scales of a block; shared by quantize.cpp (types of
// 32 numbers) and quantize_k.cpp (types of 256).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace engine::quantize {

inline void put_u16(std::byte* p, uint16_t x) { std::memcpy(p, &x, 2); }
inline int round_clamped(float x, int low, int high) {
  return static_cast<int>(std::lrint(std::clamp(x, static_cast<float>(low), static_cast<float>(high))));
}
inline float inverse_or_zero(float x) { return x == 0 ? 0 : 1 / x; }

// Squared weights of the error: x^2 + mean(x^2). w is as long as x.
void importance(std::span<const float> x, std::span<float> w);

// The scale d for which x (at most 32 numbers) is nearest to d * q, q in [low, high]. Tries scales
// around the one that maps the number of largest magnitude to `low`, and improves each by least
// squares over its own q.
float best_scale(std::span<const float> x, int low, int high);

struct ScaleAndMin {
  float scale = 0, min = 0;  // x is about scale * q - min, min >= 0
};
// Least squares over scale and minimum in turns with rounding to q in 0..q_max, from several first
// scales. At most 32 numbers.
ScaleAndMin fit_scale_and_min(std::span<const float> x, int q_max);

// One block of 256 numbers of a K type.
void block_q2_k(const float* x, std::byte* out);
void block_q3_k(const float* x, std::byte* out);
void block_q4_k(const float* x, std::byte* out);
void block_q5_k(const float* x, std::byte* out);
void block_q6_k(const float* x, std::byte* out);

}  // namespace engine::quantize
