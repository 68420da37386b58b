// Norm, activation, softmax and value sums of every instruction set against the reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/reference/reference.h"
#include "kernels/shapes.h"

namespace {

std::vector<float> random_floats(size_t n, std::mt19937& random, float scale = 1) {
  std::vector<float> v(n);
  std::normal_distribution<float> normal(0, scale);
  for (float& x : v) x = normal(random);
  return v;
}

template <class Function>
void for_each_isa(Function&& function) {
  for (int isa = 0; isa < kernels::n_cpu_kernels(); ++isa) {
    CAPTURE(kernels::cpu_kernels(isa).name);
    function(kernels::cpu_kernels(isa));
  }
}

}  // namespace

TEST_CASE("rms_norm: equals the reference at odd widths and in place") {
  std::mt19937 random(3);
  for_each_isa([&](const kernels::CpuKernels& table) {
    for (const int n : {1, 2, 15, 16, 17, 63, 64, 65, 576, 2048}) {
      CAPTURE(n);
      std::vector<float> x = random_floats(size_t(n), random), w = random_floats(size_t(n), random), expected(x.size());
      kernels::reference::rms_norm(x.data(), w.data(), expected.data(), n, 1, 1e-5f);
      table.rms_norm(x.data(), w.data(), x.data(), n, 1e-5f);
      // The sum of n squares rounds n / 16 times a lane, then a root, a division, two products.
      for (int i = 0; i < n; ++i) {
        REQUIRE(std::fabs(x[size_t(i)] - expected[size_t(i)]) <= (8 + n / 16) * 0x1p-24 * std::fabs(expected[size_t(i)]) + 1e-12);
      }
    }
  });
}

TEST_CASE("silu_mul: equals the reference, also far out, and writes no row too many") {
  for_each_isa([&](const kernels::CpuKernels& table) {
    alignas(64) float gate[16], up[16];
    for (int i = 0; i < 16; ++i) {
      gate[i] = float(i - 8) * 15;  // -120 .. 105
      up[i] = 1.5f;
    }
    gate[8] = 0.5f;
    for (const int n_rows : {1, 15, 16}) {
      float y[17], expected[16];
      std::fill(y, y + 17, -77.0f);
      kernels::reference::silu_mul(gate, up, expected, 16);
      table.silu_mul_tile(gate, up, 1, n_rows, y, 16);
      for (int i = 0; i < 17; ++i) {
        CAPTURE(i);
        // exp is good to 2e-7; below -87 it is cut off, where silu is under 1e-35.
        if (i < n_rows) CHECK(std::fabs(y[i] - expected[i]) <= 1e-6f * std::fabs(expected[i]) + 1e-34f);
        else CHECK(y[i] == -77.0f);
      }
    }
  });
}

TEST_CASE("softmax_block: two blocks give the softmax of both, with rows that see less") {
  std::mt19937 random(5);
  for_each_isa([&](const kernels::CpuKernels& table) {
    const int n_rows = 3, n_tiles = 2, n_keys = 64;
    std::vector<float> s = random_floats(size_t(n_rows * n_keys), random, 3);
    const std::vector<float> scores = s;  // [block][tile][row][16]
    const int seen[n_rows] = {1, 37, 64};
    float max[n_rows], sum[n_rows] = {}, rescale[n_rows] = {}, first_rescale[n_rows];
    std::fill(max, max + n_rows, -INFINITY);
    for (int block = 0; block < 2; ++block) {
      int visible[n_rows];
      for (int r = 0; r < n_rows; ++r) visible[r] = std::clamp(seen[r] - 32 * block, 0, 32);
      table.softmax_block(s.data() + block * n_tiles * n_rows * 16, n_rows * 16, n_rows, n_tiles, visible, max, sum, rescale);
      if (block == 0) std::copy(rescale, rescale + n_rows, first_rescale);
    }
    for (int r = 0; r < n_rows; ++r) {
      double top = -1e30, total = 0;
      const auto score = [&](const std::vector<float>& from, int key) { return from[size_t(((key / 16) * n_rows + r) * 16 + key % 16)]; };
      for (int key = 0; key < seen[r]; ++key) top = std::max(top, double(score(scores, key)));
      for (int key = 0; key < seen[r]; ++key) total += std::exp(double(score(scores, key)) - top);
      CHECK(double(max[r]) == top);
      CHECK(std::fabs(double(sum[r]) - total) <= 1e-6 * total);
      for (int key = 0; key < n_keys; ++key) {
        const double p = double(score(s, key)) * (key < 32 ? double(rescale[r]) : 1.0);
        const double expected = key < seen[r] ? std::exp(double(score(scores, key)) - top) : 0;
        CHECK(std::fabs(p - expected) <= 1e-6);
      }
      CHECK(first_rescale[r] >= 0);
    }
  });
}

namespace {

using kernels::CacheKind;

// Writes one token's values into a tile of any format and returns what the tile then holds.
std::vector<float> put_values(const kernels::CpuKernels& table, CacheKind kind, uint8_t* tile, int lane, int width,
                              std::mt19937& random) {
  std::vector<float> held(size_t(width), 0.0f);
  for (int c = 0; c < width; c += 32) {
    const std::vector<float> part = random_floats(32, random);
    const int n = std::min(32, width - c);
    if (kind == CacheKind::f32) {
      std::memcpy(tile + (lane * width + c) * 4, part.data(), size_t(n) * 4);
      std::copy_n(part.data(), n, held.begin() + c);
    } else if (kind == CacheKind::f16) {
      table.to_f16(part.data(), reinterpret_cast<uint16_t*>(tile + (lane * width + c) * 2), n);
      for (int i = 0; i < n; ++i) held[size_t(c + i)] = kernels::f16_to_f32(kernels::f32_to_f16(part[size_t(i)]));
    } else {
      const bool bytes = kind == CacheKind::q8_0;
      int8_t q[32];
      uint16_t scale;
      (bytes ? table.quantize_32 : table.quantize_32_q4)(part.data(), q, &scale);
      uint8_t* block = tile + c / 32 * kernels::value_block_bytes(kind);
      std::memcpy(block + lane * 2, &scale, 2);
      for (int i = 0; i < 32; ++i) {
        uint8_t& at = block[kernels::value_tile(kind) * 2 + kernels::quant_byte(kind, lane, i, 32)];
        const int shift = kernels::quant_shift(kind, lane);
        if (bytes) at = uint8_t(q[i] + 128);
        else at = uint8_t((at & (0xF0 >> shift)) | (q[i] << shift));
        const float d = kernels::f16_to_f32(scale);
        held[size_t(c + i)] = float(bytes ? q[i] : q[i] - 8) * d;
        // Half a step, a little more where the rounded scale cuts the largest off; of q4_0 a whole one
        // at the end that is not the furthest.
        REQUIRE(std::fabs(held[size_t(c + i)] - part[size_t(i)]) <= (bytes ? 0.56f : 1.01f) * std::fabs(d));
      }
    }
  }
  return held;
}

}  // namespace

TEST_CASE("weigh_values: sums rows of every format, widths and row counts") {
  std::mt19937 random(6);
  for_each_isa([&](const kernels::CpuKernels& table) {
    for (const auto kind : {CacheKind::f32, CacheKind::f16, CacheKind::q8_0, CacheKind::q4_0}) {
      for (const int width : {16, 32, 48, 64, 80, 128}) {
        if (kernels::is_quantised(kind) && width % 32) continue;
        for (const int n_rows : {1, 2, 5, 6, 7, 13}) {
          for (const int n_keys : {1, 16, 33, 150}) {
            CAPTURE(int(kind));
            CAPTURE(width);
            CAPTURE(n_rows);
            CAPTURE(n_keys);
            const int64_t tile_bytes = kernels::value_tile_bytes(kind, width);
            const int n_tiles = (n_keys + 15) / 16, value_tile = kernels::value_tile(kind);
            std::vector<uint8_t> v(size_t(kernels::value_head_bytes(kind, width, n_keys)) + 64, 0xFF);  // NaN behind the last key
            std::vector<float> plain;
            for (int key = 0; key < n_keys; ++key) {
              const std::vector<float> held = put_values(table, kind, v.data() + key / value_tile * tile_bytes, key % value_tile, width, random);
              plain.insert(plain.end(), held.begin(), held.end());
            }
            const std::vector<float> p = random_floats(size_t(n_tiles * n_rows * 16), random);
            std::vector<float> acc = random_floats(size_t(n_rows * width), random), expected = acc;
            for (int r = 0; r < n_rows; ++r) {
              for (int c = 0; c < width; ++c) {
                double sum = acc[size_t(r * width + c)];
                for (int key = 0; key < n_keys; ++key) {
                  sum += double(p[size_t(((key / 16) * n_rows + r) * 16 + key % 16)]) * plain[size_t(key * width + c)];
                }
                expected[size_t(r * width + c)] = float(sum);
              }
            }
            table.weigh_values[int(kind)](v.data(), n_keys, p.data(), n_rows * 16, n_rows, width, acc.data());
            // n_keys products of numbers near 1, each rounding to 2^-24 of a sum below 100. Of quantised
            // values a weight is rounded to 2^-16 of the largest (4): 6e-5 a product, 150 of them.
            const float tolerance = kernels::is_quantised(kind) ? 2e-3f : 5e-5f;
            for (size_t i = 0; i < acc.size(); ++i) REQUIRE(std::fabs(acc[i] - expected[i]) <= tolerance);

            std::vector<float> one(size_t(width), 1.0f);
            const int key = n_keys - 1;
            table.weigh_row[int(kind)](v.data() + key / value_tile * tile_bytes, key % value_tile, 0.25f, width, one.data());
            for (int c = 0; c < width; ++c) REQUIRE(std::fabs(one[size_t(c)] - (1 + 0.25f * plain[size_t(key * width + c)])) <= 1e-6f);
          }
        }
      }
    }
  });
}

TEST_CASE("tile_maxima and sum_exp: leave out what stands behind the last key, and what is no number") {
  std::mt19937 random(8);
  for_each_isa([&](const kernels::CpuKernels& table) {
    for (const int n_keys : {1, 15, 16, 40, 300}) {
      const int n_tiles = (n_keys + 15) / 16, stride = 48;
      std::vector<float> s = random_floats(size_t(n_tiles * stride), random), maxima(size_t(n_tiles), 0.0f);
      for (int key = n_keys; key < n_tiles * 16; ++key) s[size_t(key / 16 * stride + key % 16)] = 100;
      table.tile_maxima(s.data(), stride, n_keys, maxima.data());
      double sum = 0;
      for (int tile = 0; tile < n_tiles; ++tile) {
        float top = -INFINITY;
        for (int key = tile * 16; key < std::min(n_keys, tile * 16 + 16); ++key) {
          top = std::max(top, s[size_t(tile * stride + key % 16)]);
          sum += std::exp(double(s[size_t(tile * stride + key % 16)]) - 3);
        }
        CHECK(maxima[size_t(tile)] == top);
      }
      CHECK(table.sum_exp(s.data(), stride, n_keys, 3) == doctest::Approx(sum).epsilon(1e-5));
      s[0] = NAN;
      table.tile_maxima(s.data(), stride, n_keys, maxima.data());
      CHECK(maxima[0] == maxima[0]);
    }
  });
}
