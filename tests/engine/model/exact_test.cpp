// Products of every quantised type, in every instruction set there is: in exact batches each row has the
// bits of its token alone. Speculative decoding stands on it.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "engine/backend/backend.h"
#include "engine/backend/quantize.h"
#include "engine/base/error.h"

using namespace engine;

namespace {

// f16, bytes a block, numbers a block, as the formats describe them.
struct Format {
  DType type;
  int n_elements, n_bytes;
};
constexpr Format formats[] = {{DType::q4_0, 32, 18},   {DType::q4_1, 32, 20},   {DType::q5_0, 32, 22},   {DType::q5_1, 32, 24},
                              {DType::q8_0, 32, 34},   {DType::iq4_nl, 32, 18}, {DType::q2_k, 256, 84},  {DType::q3_k, 256, 110},
                              {DType::q4_k, 256, 144}, {DType::q5_k, 256, 176}, {DType::q6_k, 256, 210}, {DType::f16, 1, 2},
                              {DType::bf16, 1, 2},     {DType::f32, 1, 4}};

std::vector<float> random_numbers(size_t n, uint64_t seed) {
  std::mt19937 random(static_cast<uint32_t>(seed));
  std::vector<float> out(n);
  for (float& x : out) x = std::normal_distribution<float>()(random);
  return out;
}

struct Weights {
  std::vector<std::byte> bytes;
  std::unique_ptr<Matrix> matrix;
};

Weights make(Backend& backend, const Format& format, int n_in, int n_out, uint64_t seed) {
  Weights w;
  const size_t row_bytes = size_t(n_in / format.n_elements) * size_t(format.n_bytes);
  w.bytes.resize(row_bytes * size_t(n_out));
  const std::vector<float> numbers = random_numbers(size_t(n_in) * size_t(n_out), seed);
  for (size_t row = 0; row < size_t(n_out); ++row) {
    quantize_row(format.type, std::span(numbers).subspan(row * size_t(n_in), size_t(n_in)),
                 std::span(w.bytes).subspan(row * row_bytes, row_bytes));
  }
  w.matrix = backend.load_matrix({format.type, 2, {n_in, n_out, 1, 1}, w.bytes.data(), w.bytes.size()}, "w");
  return w;
}

}  // namespace

TEST_CASE("backend/exact: rows of a product of several tokens have the bits of single ones, for all types") {
  constexpr int n_in = 512, n_a = 40, n_b = 17, most = 19;
  for (const char* isa : {"avx512", "avx2", "plain"}) {
    std::unique_ptr<Backend> backend;
    try {
      backend = make_cpu_backend({.n_threads = 2, .isa = isa});
    } catch (const Error&) {
      continue;  // not on this processor
    }
    const std::vector<float> x = random_numbers(size_t(n_in) * most, 1), norm = random_numbers(n_in, 2), start = random_numbers(n_a * most, 3);
    for (const Format& format : formats) {
      CAPTURE(isa);
      CAPTURE(int(format.type));
      const Weights a = make(*backend, format, n_in, n_a, 4), b = make(*backend, format, n_in, n_b, 5), c = make(*backend, format, n_in, n_a, 6);
      const Norm normed{norm.data(), 1e-5f};
      std::vector<float> y(n_a * most), z(n_b * most), sum, gated(n_a * most), y1 = y, z1 = z, sum1 = start, gated1 = gated;
      const auto run = [&](int from, int n, std::vector<float>& ys, std::vector<float>& zs, std::vector<float>& sums, std::vector<float>& gates) {
        const float* in = x.data() + from * n_in;
        const Projection both[] = {{a.matrix.get(), ys.data() + from * n_a}, {b.matrix.get(), zs.data() + from * n_b}};
        backend->matmul(both, in, normed, n);
        backend->matmul_add(*a.matrix, in, sums.data() + from * n_a, n);
        backend->gated_matmul(*a.matrix, *c.matrix, in, normed, gates.data() + from * n_a, n);
      };
      for (int t = 0; t < most; ++t) run(t, 1, y1, z1, sum1, gated1);
      backend->set_exact(true);
      for (const int n : {2, 3, 5, 8, 13, 16, most}) {
        CAPTURE(n);
        sum = start;
        for (int t = 0; t < most; t += n) run(t, std::min(n, most - t), y, z, sum, gated);
        CHECK(y == y1);
        CHECK(z == z1);
        CHECK(sum == sum1);
        CHECK(gated == gated1);
      }
      backend->set_exact(false);
    }
  }
}

// Where products are added up in 16 bits before 32, none may pass what fits: the largest numbers of each type and of the
// activations, all of one sign.
TEST_CASE("backend/exact: products of the largest numbers do not overflow, in every type and instruction set") {
  constexpr int n_in = 512, n_out = 16;
  for (const char* isa : {"avx512", "avx2", "plain"}) {
    std::unique_ptr<Backend> backend;
    try {
      backend = make_cpu_backend({.n_threads = 1, .isa = isa});
    } catch (const Error&) {
      continue;  // not on this processor
    }
    for (const Format& format : formats) {
      for (const float weight : {1.0f, -1.0f}) {
        for (const float activation : {1.0f, -1.0f}) {
          CAPTURE(isa);
          CAPTURE(int(format.type));
          CAPTURE(weight);
          CAPTURE(activation);
          // One other number in each block keeps the type's range open to both ends.
          std::vector<float> numbers(n_in, weight), x(n_in, activation);
          for (size_t i = 0; i < numbers.size(); i += 32) numbers[i] = -weight;
          Weights w;
          const size_t row_bytes = size_t(n_in / format.n_elements) * size_t(format.n_bytes);
          w.bytes.resize(row_bytes * n_out);
          for (size_t row = 0; row < n_out; ++row) quantize_row(format.type, numbers, std::span(w.bytes).subspan(row * row_bytes, row_bytes));
          w.matrix = backend->load_matrix({format.type, 2, {n_in, n_out, 1, 1}, w.bytes.data(), w.bytes.size()}, "w");
          std::vector<float> y(n_out);
          const Projection product[] = {{w.matrix.get(), y.data()}};
          backend->matmul(product, x.data(), {}, 1);
          const double expected = double(weight) * activation * (n_in - 2 * n_in / 32);
          for (const float got : y) CHECK(std::abs(got - expected) < 0.2 * n_in);
        }
      }
    }
  }
}
