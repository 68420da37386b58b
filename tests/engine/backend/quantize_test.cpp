#include "engine/backend/quantize.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using engine::DType;

namespace {

// Sums of four uniforms: bell-shaped, standard deviation about 1.
std::vector<float> numbers(size_t n, uint32_t seed) {
  std::vector<float> x(n);
  for (float& v : x) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
    v = (sum - 2) * 1.73f;
  }
  return x;
}

struct Format {
  DType dtype;
  size_t block, bytes;
  double relative_rms;  // bound: what uniform rounding of bell-shaped numbers leaves, with a third to spare
};

// A step is about 2 * 2.9 sigma (the largest of 32 to 256) over the levels; the error step / sqrt(12).
constexpr Format formats[] = {
    {DType::f32, 1, 4, 0},          {DType::f16, 1, 2, 4e-4},       {DType::bf16, 1, 2, 3e-3},
    {DType::q8_0, 32, 34, 0.007},   {DType::q4_0, 32, 18, 0.11},    {DType::q4_1, 32, 20, 0.09},
    {DType::q4_k, 256, 144, 0.085}, {DType::q6_k, 256, 210, 0.024}, {DType::q5_0, 32, 22, 0.055},
    {DType::q5_1, 32, 24, 0.045},   {DType::q5_k, 256, 176, 0.042}, {DType::iq4_nl, 32, 18, 0.1},
    {DType::q3_k, 256, 110, 0.2},   {DType::q2_k, 256, 84, 0.36},
};

double round_trip_error(const Format& f, const std::vector<float>& x) {
  std::vector<std::byte> packed(x.size() / f.block * f.bytes);
  std::vector<float> back(x.size());
  engine::quantize_row(f.dtype, x, packed);
  engine::dequantize_row(f.dtype, packed, back);
  double error = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += (double(x[i]) - back[i]) * (double(x[i]) - back[i]);
    size += double(x[i]) * x[i];
  }
  return std::sqrt(error / (size > 0 ? size : 1));
}

}  // namespace

TEST_CASE("backend/quantize: what is stored comes back within the format's step") {
  for (const Format& f : formats) {
    CAPTURE(static_cast<int>(f.dtype));
    const double error = round_trip_error(f, numbers(4096, 7));
    CHECK(error <= f.relative_rms);
    // Shifted and scaled rows, as the format's offsets and minima must follow.
    std::vector<float> shifted = numbers(4096, 8);
    for (float& v : shifted) v = v * 0.01f + 0.02f;
    CHECK(round_trip_error(f, shifted) <= f.relative_rms);
  }
}

TEST_CASE("backend/quantize: zeros, one number and numbers that are none") {
  for (const Format& f : formats) {
    CAPTURE(static_cast<int>(f.dtype));
    CHECK(round_trip_error(f, std::vector<float>(256, 0.f)) == 0);
    std::vector<float> one(256, 0.f);
    one[100] = -3;
    // IQ4_NL's table has no zero: 31 numbers are off by 1 of 127.
    CHECK(round_trip_error(f, one) < (f.dtype == DType::iq4_nl ? 0.045 : 0.02));
    std::vector<float> bad(256, 1.f), back(256);
    bad[3] = std::numeric_limits<float>::quiet_NaN();
    bad[4] = std::numeric_limits<float>::infinity();
    std::vector<std::byte> packed(256 / f.block * f.bytes);
    engine::quantize_row(f.dtype, bad, packed);
    engine::dequantize_row(f.dtype, packed, back);
    for (const float v : back) CHECK(std::isfinite(v));
  }
}
