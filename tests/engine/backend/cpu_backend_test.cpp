#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/base/error.h"
#include "engine/base/thread_pool.h"
#include "kernels/reference/reference.h"

using namespace engine;

namespace {

std::vector<float> random_floats(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> v(n);
  for (float& x : v) x = normal(random);
  return v;
}

Tensor matrix_of(const std::vector<float>& values, int n_in, int n_out) {
  return {.dtype = DType::f32, .n_dims = 2, .dims = {n_in, n_out, 1, 1},
          .data = reinterpret_cast<const std::byte*>(values.data()), .size_bytes = values.size() * 4};
}

const uint8_t* bytes(const std::vector<float>& v) { return reinterpret_cast<const uint8_t*>(v.data()); }

void check_close(const std::vector<float>& got, const std::vector<float>& expected, float tolerance) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    REQUIRE(std::fabs(got[i] - expected[i]) <= tolerance);
  }
}

}  // namespace

TEST_CASE("thread pool: every item runs once, whatever the threads") {
  for (const int n_threads : {1, 2, 5}) {
    ThreadPool pool(n_threads);
    for (const int n : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
      pool.run(n, [&](int64_t item, int thread) {
        CHECK_MESSAGE((thread >= 0 && thread < n_threads), "thread index");
        ++seen[size_t(item)];
      });
      for (const auto& count : seen) REQUIRE(count == 1);
    }
  }
}

TEST_CASE("thread pool: many short loops lose no item, also after a sleep") {
  ThreadPool pool(3);
  int64_t sum = 0;
  for (int round = 0; round < 3000; ++round) {
    std::atomic<int64_t> total{0};
    pool.run(7, [&](int64_t item, int) { total += item; });
    sum += total;
    if (round % 1000 == 999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(sum == 3000 * 21);
}

TEST_CASE("cpu backend: products with a norm keep to the reference at ragged sizes") {
  for (const char* isa : {"", "plain"}) {
    const auto backend = make_cpu_backend({.n_threads = 2, .isa = isa});
    for (const int n_out : {1, 15, 16, 17, 100}) {
      for (const int n_tokens : {1, 2, 11, 12, 13, 25}) {
        CAPTURE(isa);
        CAPTURE(n_out);
        CAPTURE(n_tokens);
        const int n_in = 70;
        const auto w = random_floats(size_t(n_in * n_out), 1), x = random_floats(size_t(n_in * n_tokens), 2);
        const auto norm = random_floats(size_t(n_in), 3);
        const auto matrix = backend->load_matrix(matrix_of(w, n_in, n_out), "w");
        std::vector<float> normed(x.size()), expected(size_t(n_out * n_tokens)), got(expected.size());
        kernels::reference::rms_norm(x.data(), norm.data(), normed.data(), n_in, n_tokens, 1e-5f);
        kernels::reference::matmul(kernels::WeightType::f32, bytes(w), normed.data(), expected.data(), n_out, n_in, n_tokens);
        const Projection projection[] = {{matrix.get(), got.data()}};
        backend->matmul(projection, x.data(), {norm.data(), 1e-5f}, n_tokens);
        check_close(got, expected, 1e-4f);  // 70 terms of about 3, 2^-24 each, and the norm's own
      }
    }
  }
}

TEST_CASE("cpu backend: gate and up may be of different kinds") {
  const auto backend = make_cpu_backend({.n_threads = 2});
  const int n_in = 64, n_out = 40, n_tokens = 5;
  const auto gate = random_floats(size_t(n_in * n_out), 4), x = random_floats(size_t(n_in * n_tokens), 5);
  // An up matrix of Q8_0 whose values are small integers, so that its dequantised form is exact.
  std::vector<uint8_t> q8(size_t(n_out * n_in / 32 * 34));
  for (size_t i = 0; i < q8.size(); ++i) q8[i] = uint8_t(int(i % 34 % 7) - 3);
  for (size_t i = 0; i < q8.size(); i += 34) q8[i] = 0, q8[i + 1] = 0x3C;
  const Tensor up{.dtype = DType::q8_0, .n_dims = 2, .dims = {n_in, n_out, 1, 1},
                  .data = reinterpret_cast<const std::byte*>(q8.data()), .size_bytes = q8.size()};
  std::vector<float> gates(size_t(n_out * n_tokens)), ups(gates.size()), expected(gates.size()), got(gates.size());
  kernels::reference::matmul(kernels::WeightType::f32, bytes(gate), x.data(), gates.data(), n_out, n_in, n_tokens);
  kernels::reference::matmul(kernels::WeightType::q8_0, q8.data(), x.data(), ups.data(), n_out, n_in, n_tokens);
  kernels::reference::silu_mul(gates.data(), ups.data(), expected.data(), int64_t(expected.size()));
  const auto g = backend->load_matrix(matrix_of(gate, n_in, n_out), "gate");
  const auto u = backend->load_matrix(up, "up");
  backend->gated_matmul(*g, *u, x.data(), {}, got.data(), n_tokens);
  // up: 64 weights of at most 3, half an int8 step of x (|x| < 4) each, in the worst case 3; seen
  // through a gate below 30. Typically a hundredth of that.
  check_close(got, expected, 8.0f);
  double error = 0, size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    error += std::pow(got[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  CHECK(std::sqrt(error / size) < 0.02);  // int8 activations: 1/254 of the block's largest, rms
}

TEST_CASE("cpu backend: an unknown instruction set is named") {
  CHECK_THROWS_WITH_AS(make_cpu_backend({.isa = "mmx"}),
                       doctest::Contains("no instruction set \"mmx\""), Error);
}

TEST_CASE("cpu backend: memory that is not there is an error that names what and how much") {
  const auto backend = make_cpu_backend();
  try {
    backend->allocate(size_t(1) << 50, "the cache for 9 tokens");
    FAIL("a petabyte was promised");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::out_of_memory);
    CHECK(std::string(e.what()).find("the cache for 9 tokens needs") != std::string::npos);
  }
}

TEST_CASE("cpu backend: a stop ends loading with cancelled") {
  const auto backend = make_cpu_backend({.n_threads = 2});
  std::stop_source stop;
  stop.request_stop();
  backend->set_stop(stop.get_token());
  const auto w = random_floats(64 * 64, 1);
  try {
    backend->load_matrix(matrix_of(w, 64, 64), "w");
    FAIL("was not cancelled");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::cancelled);
  }
}
