// Tile products of every instruction set against the reference's double sums.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/pack.h"
#include "kernels/reference/reference.h"

using kernels::WeightType;

namespace {

// Random weights of any type: quants are random bits, scales are halves near 0.01.
std::vector<uint8_t> random_rows(WeightType type, int64_t n_rows, int64_t n_in, std::mt19937& random) {
  const kernels::BlockSize size = kernels::block_size(type);
  std::vector<uint8_t> rows(size_t(n_in / size.n_elements * size.n_bytes * n_rows));
  std::normal_distribution<float> normal;
  if (kernels::is_float(type)) {
    for (size_t i = 0; i < rows.size(); i += size_t(size.n_bytes)) {
      const float v = normal(random);
      const uint32_t bits = kernels::f32_to_bits(v);
      const uint16_t half = type == WeightType::f16 ? kernels::f32_to_f16(v) : uint16_t(bits >> 16);
      std::memcpy(rows.data() + i, type == WeightType::f32 ? static_cast<const void*>(&bits) : &half, size_t(size.n_bytes));
    }
    return rows;
  }
  for (uint8_t& b : rows) b = uint8_t(random());
  const int where = type == WeightType::q2_k ? 80 : type == WeightType::q3_k ? 108 : type == WeightType::q6_k ? 208 : 0;
  const bool two = type == WeightType::q4_1 || type == WeightType::q5_1 || type == WeightType::q2_k ||
                   type == WeightType::q4_k || type == WeightType::q5_k;
  for (size_t block = 0; block < rows.size(); block += size_t(size.n_bytes)) {
    for (int i = 0; i < (two ? 2 : 1); ++i) {
      const uint16_t d = kernels::f32_to_f16(0.01f * (1.5f + normal(random) * 0.3f) * (i == 1 && random() % 2 ? -1.0f : 1.0f));
      std::memcpy(rows.data() + block + size_t(where + 2 * i), &d, 2);
    }
  }
  return rows;
}

void check_products(const kernels::CpuKernels& table, WeightType type, int64_t n_in, std::mt19937& random) {
  const bool as_f32 = kernels::is_float(type);
  const int n_rows = 16, widest = as_f32 ? table.tokens_f32 : table.tokens_int8;
  const std::vector<uint8_t> rows = random_rows(type, n_rows, n_in, random);
  std::vector<uint8_t> tile(size_t(kernels::tile_bytes(type, n_in)) + 64);
  kernels::pack_tiles(type, rows.data(), n_rows, n_in, 0, 1, tile.data());
  std::vector<float> w(size_t(n_in * n_rows));
  kernels::dequantize_row(type, rows.data(), w.data(), n_in * n_rows);

  for (int n = 1; n <= widest; ++n) {
    std::vector<float> x(size_t(n * n_in)), expected(size_t(n * n_rows));
    std::normal_distribution<float> normal;
    for (float& v : x) v = normal(random);
    kernels::reference::matmul(type, rows.data(), x.data(), expected.data(), n_rows, int(n_in), n);
    std::vector<uint8_t> packed(size_t(n * n_in * 4 + 256));
    (as_f32 ? table.pack_f32 : table.pack_int8)(x.data(), n_in, n, n_in, packed.data());
    alignas(64) float got[16 * kernels::max_tile_tokens];
    table.tile_dot[int(type)][n](tile.data(), packed.data(), n_in, got);

    for (int t = 0; t < n; ++t) {
      for (int r = 0; r < n_rows; ++r) {
        // Rounding of f32 sums: n_in steps, each at most 2^-24 of the largest partial sum. Terms are
        // as large as the whole range of q, though a minimum may take most of it away again.
        double largest_w = 0, largest_x = 0, rounding_of_x = 0;
        for (int64_t k = 0; k < n_in; k += 32) {
          double block_x = 0, block_w = 0;
          for (int64_t i = k; i < std::min(n_in, k + 32); ++i) {
            block_x = std::max(block_x, double(std::fabs(x[size_t(t * n_in + i)])));
            block_w += std::fabs(w[size_t(r * n_in + i)]);
            largest_w = std::max(largest_w, double(std::fabs(w[size_t(r * n_in + i)])));
          }
          largest_x = std::max(largest_x, block_x);
          rounding_of_x += block_w * block_x / 254;  // half a step of an int8 activation
        }
        double tolerance = 2 * double(n_in + 8) * 0x1p-24 * double(n_in) / 4 * largest_w * largest_x + 1e-6;
        if (!as_f32) tolerance += rounding_of_x;
        CAPTURE(r);
        CAPTURE(t);
        CAPTURE(n);
        REQUIRE(std::fabs(got[t * 16 + r] - expected[size_t(t * n_rows + r)]) <= tolerance);
      }
    }
  }
}

}  // namespace

TEST_CASE("matmul: tile products keep to the reference in every type, width and instruction set") {
  using enum WeightType;
  std::mt19937 random(11);
  for (int isa = 0; isa < kernels::n_cpu_kernels(); ++isa) {
    const kernels::CpuKernels& table = kernels::cpu_kernels(isa);
    CAPTURE(table.name);
    for (const WeightType type : {f32, f16, bf16}) {
      for (const int64_t n_in : {1, 2, 3, 15, 16, 17, 64, 576}) {
        CAPTURE(int(type));
        CAPTURE(n_in);
        check_products(table, type, n_in, random);
      }
    }
    for (const WeightType type : {q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl}) {
      for (const int64_t n_in : {32, 64, 96, 576}) {
        CAPTURE(int(type));
        CAPTURE(n_in);
        check_products(table, type, n_in, random);
      }
    }
    for (const WeightType type : {q2_k, q3_k, q4_k, q5_k, q6_k}) {
      for (const int64_t n_in : {256, 512, 2048}) {
        CAPTURE(int(type));
        CAPTURE(n_in);
        check_products(table, type, n_in, random);
      }
    }
  }
}

TEST_CASE("matmul: int8 activations hold exact integers and their sums") {
  for (int isa = 0; isa < kernels::n_cpu_kernels(); ++isa) {
    const kernels::CpuKernels& table = kernels::cpu_kernels(isa);
    CAPTURE(table.name);
    std::vector<float> x(64);
    for (int i = 0; i < 64; ++i) x[size_t(i)] = i < 32 ? float(i * 4) : 0.0f;
    x[31] = -127;  // the largest: d = 1 in the first block, 0 in the second
    std::vector<uint8_t> packed(size_t(kernels::int8_activation_bytes(64, 1)));
    table.pack_int8(x.data(), 64, 1, 64, packed.data());
    int sum = 0;
    for (int i = 0; i < 32; ++i) {
      CHECK(int(int8_t(packed[size_t(i)])) == int(x[size_t(i)]));
      sum += int(x[size_t(i)]);
    }
    float d;
    int32_t negative;
    std::memcpy(&d, packed.data() + 32, 4);
    std::memcpy(&negative, packed.data() + 40, 4);
    CHECK(d == 1.0f);
    CHECK(negative == -sum);
    std::memcpy(&d, packed.data() + 52 + 32, 4);
    CHECK(d == 0.0f);
  }
}
