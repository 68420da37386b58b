// RoPE, cache and attention of the CPU backend against the reference, over one table of shapes.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "kernels/reference/reference.h"

using namespace engine;

namespace {

struct Case {
  AttentionShape shape;
  int n_past, n_tokens;
};

// Head counts in every order, head widths at and beside vector widths, lengths at and beside a tile
// of 16 keys, a block of 128 and a split of 512.
const Case cases[] = {
    {{1, 1, 1, 2, 1}, 0, 1},          {{8, 1, 4, 64, 64}, 0, 5},       {{8, 4, 1, 64, 64}, 15, 2},
    {{32, 4, 16, 64, 64}, 127, 3},    {{32, 16, 16, 64, 64}, 511, 1},  {{32, 4, 16, 64, 64}, 512, 1},
    {{32, 4, 16, 64, 64}, 1500, 1},   {{6, 3, 2, 10, 33}, 16, 40},     {{6, 2, 3, 34, 17}, 700, 1},
    {{9, 3, 3, 64, 64}, 0, 130},      {{4, 4, 4, 128, 128}, 129, 17},  {{5, 1, 1, 80, 96}, 31, 33},
    {{16, 1, 1, 32, 48}, 600, 2},     {{8, 2, 4, 16, 32, 3}, 20, 4},   {{8, 4, 2, 16, 16, 5}, 0, 9},
    {{32, 4, 16, 64, 64, 100}, 640, 1}, {{4, 2, 2, 8, 8, 1}, 3, 1},
};

std::vector<float> random_floats(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> v(n);
  for (float& x : v) x = normal(random);
  return v;
}

struct Outputs {
  std::vector<float> got, expected;
};

Outputs run(Backend& backend, const Case& c, CacheType type, bool interleaved) {
  const AttentionShape& s = c.shape;
  const int n = c.n_past + c.n_tokens, n_ctx = n + 3;
  const auto k_size = backend.k_cache_bytes(s, type, n_ctx), v_size = backend.v_cache_bytes(s, type, n_ctx);
  const auto k_memory = backend.allocate(k_size, "k"), v_memory = backend.allocate(v_size, "v");
  // Rows past the end may hold anything: 0xFF is NaN in f16 and f32.
  std::fill_n(k_memory->data(), k_size, std::byte{0xFF});
  std::fill_n(v_memory->data(), v_size, std::byte{0xFF});
  const KvLayer cache{k_memory->data(), v_memory->data(), type, type, n_ctx};

  std::vector<double> frequencies(size_t(s.head_dim_k / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = std::pow(10000.0, -2.0 * double(i) / s.head_dim_k);
  std::vector<float> q = random_floats(size_t(n * s.n_heads_q * s.head_dim_k), 1);
  std::vector<float> k = random_floats(size_t(n * s.n_heads_k * s.head_dim_k), 2);
  std::vector<float> v = random_floats(size_t(n * s.n_heads_v * s.head_dim_v), 3);

  Outputs o;
  o.got.resize(size_t(c.n_tokens * s.n_heads_q * s.head_dim_v));
  std::vector<float> rotated = q;
  const auto store = [&](int from, int count) {
    backend.rope_and_store(s, {frequencies, interleaved}, rotated.data() + int64_t(from) * s.n_heads_q * s.head_dim_k,
                           k.data() + int64_t(from) * s.n_heads_k * s.head_dim_k,
                           v.data() + int64_t(from) * s.n_heads_v * s.head_dim_v, cache, from, count);
  };
  if (c.n_past > 0) store(0, c.n_past);
  store(c.n_past, c.n_tokens);
  backend.attention(s, rotated.data() + int64_t(c.n_past) * s.n_heads_q * s.head_dim_k, cache, o.got.data(), c.n_past, c.n_tokens);

  kernels::reference::rope(q.data(), frequencies.data(), interleaved, s.n_heads_q, s.head_dim_k, 0, n);
  kernels::reference::rope(k.data(), frequencies.data(), interleaved, s.n_heads_k, s.head_dim_k, 0, n);
  if (type == CacheType::f16) {
    for (float& x : k) x = kernels::f16_to_f32(kernels::f32_to_f16(x));
    for (float& x : v) x = kernels::f16_to_f32(kernels::f32_to_f16(x));
  }
  o.expected.resize(o.got.size());
  kernels::reference::attention({s.n_heads_q, s.n_heads_k, s.n_heads_v, s.head_dim_k, s.head_dim_v, s.selective_v_top_k},
                                q.data() + int64_t(c.n_past) * s.n_heads_q * s.head_dim_k, k.data(), v.data(),
                                o.expected.data(), c.n_past, c.n_tokens);
  return o;
}

}  // namespace

TEST_CASE("attention: f32 and f16 caches keep to the reference for every shape and instruction set") {
  for (const char* isa : {"", "avx2", "plain"}) {
    std::unique_ptr<Backend> backend;
    try {
      backend = make_cpu_backend({.n_threads = 2, .isa = isa});
    } catch (const std::exception&) {
      MESSAGE("skipped: this processor lacks ", std::string(isa));
      continue;
    }
    for (const Case& c : cases) {
      for (const CacheType type : {CacheType::f32, CacheType::f16}) {
        CAPTURE(isa);
        CAPTURE(cache_type_name(type));
        CAPTURE(c.shape.n_heads_q);
        CAPTURE(c.shape.n_heads_k);
        CAPTURE(c.shape.head_dim_k);
        CAPTURE(c.n_past);
        const Outputs o = run(*backend, c, type, c.n_past % 2 == 1);
        // Scores are sums of up to 128 products in f32 (1e-6), a weight's relative error is that of
        // its score; an f16 key may round the other way where ours and the reference's rotated
        // keys differ by an ulp of f32: 2^-11 of one product in a thousand.
        const float tolerance = type == CacheType::f32 ? 2e-5f : 1e-3f;
        for (size_t i = 0; i < o.got.size(); ++i) {
          CAPTURE(i);
          REQUIRE(std::fabs(o.got[i] - o.expected[i]) <= tolerance);
        }
      }
    }
  }
}

TEST_CASE("attention: quantised caches stay as close to an exact one as their bits allow") {
  for (const char* isa : {"", "avx2", "plain"}) {
    std::unique_ptr<Backend> backend;
    try {
      backend = make_cpu_backend({.n_threads = 2, .isa = isa});
    } catch (const std::exception&) {
      MESSAGE("skipped: this processor lacks ", std::string(isa));
      continue;
    }
    for (const Case& c : cases) {
      if (c.shape.selective_v_top_k > 0) continue;  // another choice of keys is a jump, not an error
      for (const CacheType type : {CacheType::q8_0, CacheType::q4_0}) {
        CAPTURE(isa);
        CAPTURE(cache_type_name(type));
        CAPTURE(c.shape.n_heads_q);
        CAPTURE(c.shape.head_dim_k);
        CAPTURE(c.n_past);
        const Outputs o = run(*backend, c, type, false);
        double error = 0, size = 0;
        for (size_t i = 0; i < o.got.size(); ++i) {
          error += std::pow(double(o.got[i]) - double(o.expected[i]), 2);
          size += std::pow(double(o.expected[i]), 2);
        }
        // int8 with a scale for 32 numbers of normal distribution: rms error 0.6 % of a number. Scores
        // (sum of 64 such products / 8) are off by 0.9 % of 1, weights by as much; values by 0.6 %.
        // 4 bits have steps 16 times as large.
        CHECK(std::sqrt(error / size) < (type == CacheType::q8_0 ? 0.025 : 0.4));
      }
    }
  }
}

TEST_CASE("attention: selective V of quantised caches sums the rows that it chose") {
  // With more rows kept than there are keys it is plain attention, whatever the format.
  const auto backend = make_cpu_backend({.n_threads = 2});
  for (const CacheType type : {CacheType::f16, CacheType::q8_0, CacheType::q4_0}) {
    CAPTURE(cache_type_name(type));
    const Outputs all = run(*backend, {{8, 2, 4, 64, 64, 0}, 700, 1}, type, false);
    const Outputs nearly = run(*backend, {{8, 2, 4, 64, 64, 700}, 700, 1}, type, false);  // one left out
    double error = 0, size = 0;
    for (size_t i = 0; i < all.got.size(); ++i) {
      error += std::pow(double(all.got[i]) - double(nearly.got[i]), 2);
      size += std::pow(double(all.got[i]), 2);
    }
    CHECK(std::sqrt(error / size) < 5e-3);
  }
}

TEST_CASE("attention: results do not depend on the number of threads") {
  const Case c{{32, 4, 16, 64, 64}, 1500, 1};
  const auto one = make_cpu_backend({.n_threads = 1}), three = make_cpu_backend({.n_threads = 3});
  CHECK(run(*one, c, CacheType::f16, false).got == run(*three, c, CacheType::f16, false).got);
}

TEST_CASE("attention: of equal scores selective V keeps the earlier key") {
  const auto backend = make_cpu_backend({.n_threads = 1});
  const AttentionShape s{1, 1, 1, 2, 16, 2};
  const int n = 5;
  const auto k_memory = backend->allocate(backend->k_cache_bytes(s, CacheType::f32, n), "k");
  const auto v_memory = backend->allocate(backend->v_cache_bytes(s, CacheType::f32, n), "v");
  const KvLayer cache{k_memory->data(), v_memory->data(), CacheType::f32, CacheType::f32, n};
  std::vector<float> q(size_t(n) * 2, 0.0f), k(size_t(n) * 2, 1.0f), v(size_t(n) * 16), out(16);
  for (int t = 0; t < n; ++t) std::fill_n(v.begin() + t * 16, 16, float(1 << t));
  const double frequencies[] = {0.0};
  backend->rope_and_store(s, {frequencies, false}, q.data(), k.data(), v.data(), cache, 0, n);
  backend->attention(s, q.data() + (n - 1) * 2, cache, out.data(), n - 1, 1);
  CHECK(out[0] == doctest::Approx((1 + 2) / 5.0));  // keys 0 and 1, weights of a fifth each
}
