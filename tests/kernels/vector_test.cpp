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

TEST_CASE("weigh_values: sums rows of every format, widths and row counts") {
  std::mt19937 random(6);
  for_each_isa([&](const kernels::CpuKernels& table) {
    for (const auto kind : {kernels::CacheKind::f32, kernels::CacheKind::f16, kernels::CacheKind::q8_0}) {
      for (const int width : {16, 32, 48, 64, 80, 128}) {
        if (kind == kernels::CacheKind::q8_0 && width % 32) continue;
        for (const int n_rows : {1, 2, 5, 6, 7, 13}) {
          for (const int n_keys : {1, 16, 33}) {
            CAPTURE(int(kind));
            CAPTURE(width);
            CAPTURE(n_rows);
            CAPTURE(n_keys);
            const int64_t stride = kernels::value_row_bytes(kind, width), tile_bytes = kernels::value_tile_bytes(kind, width);
            std::vector<uint8_t> v(size_t(tile_bytes * ((n_keys + 15) / 16)) + 64);
            std::vector<float> plain(size_t(n_keys * width));  // what v holds, read back
            for (int key = 0; key < n_keys; ++key) {
              uint8_t* tile = v.data() + key / 16 * tile_bytes;
              uint8_t* row = tile + key % 16 * stride;
              for (int c = 0; c < width; c += 32) {
                const std::vector<float> part = random_floats(32, random);
                float* to = plain.data() + key * width + c;
                const int n = std::min(32, width - c);
                if (kind == kernels::CacheKind::f32) {
                  std::memcpy(row + c * 4, part.data(), size_t(n) * 4);
                  std::copy_n(part.data(), n, to);
                } else if (kind == kernels::CacheKind::f16) {
                  table.to_f16(part.data(), reinterpret_cast<uint16_t*>(row + c * 2), n);
                  for (int i = 0; i < n; ++i) to[i] = kernels::f16_to_f32(kernels::f32_to_f16(part[size_t(i)]));
                } else {
                  uint16_t scale;
                  table.quantize_32(part.data(), reinterpret_cast<int8_t*>(row + c), &scale);
                  std::memcpy(tile + kernels::value_scale_at(width, key % 16, c), &scale, 2);
                  for (int i = 0; i < 32; ++i) {
                    to[i] = float(int8_t(row[c + i])) * kernels::f16_to_f32(scale);
                    // Half a step, a little more where the rounded scale cuts the largest off.
                    REQUIRE(std::fabs(to[i] - part[size_t(i)]) <= 0.56f * kernels::f16_to_f32(scale));
                  }
                }
              }
            }
            const int n_tiles = (n_keys + 15) / 16;
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
            // n_keys products of numbers near 1, each rounding to 2^-24 of a sum below 100.
            for (size_t i = 0; i < acc.size(); ++i) REQUIRE(std::fabs(acc[i] - expected[i]) <= 2e-5f);

            std::vector<float> one(size_t(width), 1.0f);
            const int key = n_keys - 1;
            table.weigh_row[int(kind)](v.data() + key / 16 * tile_bytes, key % 16, 0.25f, width, one.data());
            for (int c = 0; c < width; ++c) REQUIRE(std::fabs(one[size_t(c)] - (1 + 0.25f * plain[size_t(key * width + c)])) <= 1e-6f);
          }
        }
      }
    }
  });
}
