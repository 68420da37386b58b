#include "kernels/quant.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/cpu/pack.h"

using kernels::WeightType;

namespace {

constexpr WeightType all_types[] = {WeightType::f32,  WeightType::f16,  WeightType::bf16, WeightType::q4_0, WeightType::q4_1,
                                    WeightType::q5_0, WeightType::q5_1, WeightType::q8_0, WeightType::q2_k, WeightType::q3_k,
                                    WeightType::q4_k, WeightType::q5_k, WeightType::q6_k, WeightType::iq4_nl};

std::vector<float> dequantized(WeightType type, const std::vector<uint8_t>& block) {
  std::vector<float> out(size_t(kernels::block_size(type).n_elements));
  kernels::dequantize_row(type, block.data(), out.data(), int64_t(out.size()));
  return out;
}

}  // namespace

TEST_CASE("quant: every finite half converts to f32 and back to itself") {
  for (uint32_t h = 0; h < 65536; ++h) {
    if ((h & 0x7C00) == 0x7C00) continue;
    CAPTURE(h);
    REQUIRE(kernels::f32_to_f16(kernels::f16_to_f32(uint16_t(h))) == h);
  }
}

TEST_CASE("quant: f32 rounds to the nearest half, ties to even, and overflows to infinity") {
  CHECK(kernels::f32_to_f16(1.0f) == 0x3C00);
  CHECK(kernels::f32_to_f16(1.0f + 0x1p-11f) == 0x3C00);            // half way: even
  CHECK(kernels::f32_to_f16(1.0f + 3 * 0x1p-11f) == 0x3C02);
  CHECK(kernels::f32_to_f16(65504.0f) == 0x7BFF);
  CHECK(kernels::f32_to_f16(65520.0f) == 0x7C00);
  CHECK(kernels::f32_to_f16(-1e30f) == 0xFC00);
  CHECK(kernels::f32_to_f16(0x1p-24f) == 1);
  CHECK(kernels::f32_to_f16(0x1p-26f) == 0);
  CHECK((kernels::f32_to_f16(NAN) & 0x7FFF) > 0x7C00);
}

TEST_CASE("quant: Q4_0 holds low nibbles first, less 8") {
  std::vector<uint8_t> block(18, 0x88);
  block[0] = 0x00, block[1] = 0x40;  // d = 2
  block[2] = 0xF1;
  const std::vector<float> v = dequantized(WeightType::q4_0, block);
  CHECK(v[0] == -14.0f);
  CHECK(v[16] == 14.0f);
  CHECK(v[1] == 0.0f);
}

TEST_CASE("quant: Q4_1 adds its minimum") {
  std::vector<uint8_t> block(20, 0);
  block[1] = 0x3C, block[3] = 0xBC;  // d = 1, m = -1
  block[4] = 0x52;
  const std::vector<float> v = dequantized(WeightType::q4_1, block);
  CHECK(v[0] == 1.0f);
  CHECK(v[16] == 4.0f);
  CHECK(v[5] == -1.0f);
}

TEST_CASE("quant: Q5_0 takes the fifth bit from its own word") {
  std::vector<uint8_t> block(22, 0);
  block[1] = 0x3C;
  block[2] = 0x01, block[5] = 0x80;  // bits 0 and 31
  const std::vector<float> v = dequantized(WeightType::q5_0, block);
  CHECK(v[0] == 0.0f);
  CHECK(v[31] == 0.0f);
  CHECK(v[1] == -16.0f);
}

TEST_CASE("quant: Q4_K's later scales are put together from two places") {
  std::vector<uint8_t> block(144, 0);
  block[1] = 0x3C, block[3] = 0x3C;  // d = dmin = 1
  block[4] = 0xC5;       // scale 0 is 5; high bits of scale 4 are 3
  block[4 + 4] = 0x82;   // min 0 is 2; high bits of min 4 are 2
  block[4 + 8] = 0x97;   // scale 4: low 7; min 4: low 9
  block[16] = 0x03;      // number 0 is 3
  block[16 + 64] = 0x01; // number 128 (group 4) is 1
  const std::vector<float> v = dequantized(WeightType::q4_k, block);
  CHECK(v[0] == 5 * 3 - 2);
  CHECK(v[1] == -2.0f);
  CHECK(v[128] == (0x37 * 1) - 0x29);
}

TEST_CASE("quant: Q6_K joins four low and two high bits, less 32") {
  std::vector<uint8_t> block(210, 0);
  block[209] = 0x3C;           // d = 1
  for (int i = 0; i < 16; ++i) block[size_t(192 + i)] = uint8_t(i == 0 ? 0xFF : 1);  // scale 0 is -1
  block[0] = 0x5A;             // numbers 0 (low A) and 64 (low 5)
  block[128] = 0x33;           // high bits of numbers 0, 32, 64, 96: 3, 0, 3, 0
  const std::vector<float> v = dequantized(WeightType::q6_k, block);
  CHECK(v[0] == -(0x3A - 32));
  CHECK(v[64] == 0x35 - 32);
  CHECK(v[32] == -32.0f);
}

TEST_CASE("quant: Q3_K's scales are six bits less 32, its third bit is inverted") {
  std::vector<uint8_t> block(110, 0);
  block[109] = 0x3C;
  block[96] = 0x03;        // scale 0: low 3, scale 8: low 0
  block[96 + 8] = 0x02;    // scale 0: high 2
  block[0] = 0x01;         // number 0 has its third bit, number 32 has not
  block[32] = 0x02;        // number 0: 2
  const std::vector<float> v = dequantized(WeightType::q3_k, block);
  CHECK(v[0] == (0x23 - 32) * 2);
  CHECK(v[1] == (0x23 - 32) * -4);
}

TEST_CASE("quant: IQ4_NL looks its values up") {
  std::vector<uint8_t> block(18, 0);
  block[1] = 0x3C;
  block[2] = 0xF8;
  const std::vector<float> v = dequantized(WeightType::iq4_nl, block);
  CHECK(v[0] == 1.0f);
  CHECK(v[16] == 113.0f);
  CHECK(v[1] == -127.0f);
}

TEST_CASE("pack: a packed row reads back as the file's row means, in every type") {
  std::mt19937 random(7);
  for (const WeightType type : all_types) {
    const kernels::BlockSize size = kernels::block_size(type);
    const int64_t n_in = size.n_elements == 256 ? 512 : 96;
    for (const int64_t n_rows : {1, 15, 16, 17, 40}) {
      CAPTURE(int(type));
      CAPTURE(n_rows);
      const int64_t row_bytes = n_in / size.n_elements * size.n_bytes;
      std::vector<uint8_t> rows(size_t(row_bytes * n_rows));
      // Random bits, but no float is infinite or NaN: exponents are cut by clearing one of their bits.
      for (uint8_t& b : rows) b = uint8_t(random()) & (type == WeightType::f32 || type == WeightType::bf16 ? 0xBF : 0xFF);
      if (!kernels::is_float(type) || type == WeightType::f16) {
        for (size_t i = 1; i < rows.size(); i += 2) rows[i] &= 0xBF;
      }
      std::vector<uint8_t> tiles(size_t(kernels::tile_bytes(type, n_in) * kernels::n_tiles(n_rows)));
      kernels::pack_tiles(type, rows.data(), n_rows, n_in, 0, kernels::n_tiles(n_rows), tiles.data());
      std::vector<float> expected(static_cast<size_t>(n_in)), got(static_cast<size_t>(n_in));
      for (int64_t r = 0; r < n_rows; ++r) {
        kernels::dequantize_row(type, rows.data() + r * row_bytes, expected.data(), n_in);
        kernels::unpack_row(type, tiles.data(), r, n_in, got.data());
        for (size_t i = 0; i < got.size(); ++i) {
          if (std::isnan(expected[i])) CHECK(std::isnan(got[i]));
          else REQUIRE(got[i] == expected[i]);
        }
      }
    }
  }
}
