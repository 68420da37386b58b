// The whole forward pass: against the reference kernels, cached against uncached, cancelled.
#include "engine/model/sigma.h"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

struct Loaded {
  TempFolder folder;
  TinyModel tiny;
  std::shared_ptr<const SigmaModel> model;

  explicit Loaded(const SigmaConfig& config, TinyType type = TinyType::f32, int n_threads = 2)
      : tiny(make_tiny_model(config, 42)) {
    write_tiny_gguf(tiny, folder.file("tiny.gguf"), type);
    model = SigmaModel::load(ModelFile::open(folder.file("tiny.gguf")), make_cpu_backend({.n_threads = n_threads}));
  }
};

std::vector<float> all_logits(const SigmaModel& model, std::span<const int32_t> tokens, CacheTypes types) {
  KvCache cache(model.config(), int(tokens.size()), model.backend(), types);
  std::vector<float> logits(tokens.size() * size_t(model.config().n_vocab));
  forward(model, cache, tokens, LogitsWanted::all, logits);
  return logits;
}

// Largest difference relative to the largest number.
float relative_error(const std::vector<float>& got, const std::vector<float>& expected) {
  float error = 0, top = 0;
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    error = std::max(error, std::fabs(got[i] - expected[i]));
    top = std::max(top, std::fabs(expected[i]));
  }
  return error / top;
}

constexpr CacheTypes exact{CacheType::f32, CacheType::f32};

// Any shape the architecture allows.
SigmaConfig random_config(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> list) { return *(list.begin() + random() % list.size()); };
  SigmaConfig c = tiny_config();
  c.n_layers = pick({1, 2, 3});
  c.n_heads_k = pick({1, 2, 3, 4});
  c.n_heads_v = pick({1, 2, 4, 6});
  c.n_heads_q = 12 * pick({1, 2});
  c.head_dim_k = pick({2, 6, 16, 20});
  c.head_dim_v = pick({1, 7, 16, 24});
  c.augmented_q_dim = pick({0, 5, 64});
  c.augmented_q_residual = random() % 2;
  c.selective_v_top_k = pick({0, 0, 1, 6});
  c.dim = pick({33, 64});
  c.ffn_dim = pick({17, 96});
  c.n_vocab = pick({1, 50, 131});
  c.tied_embeddings = random() % 2;
  return c;
}

}  // namespace

TEST_CASE("sigma: logits of f32 weights equal the reference's within 1e-4 in random shapes") {
  std::mt19937 random(2024);
  for (int round = 0; round < 25; ++round) {
    const SigmaConfig config = random_config(random);
    CAPTURE(round);
    const Loaded loaded(config);
    const std::vector<int32_t> tokens = random_tokens(23, config.n_vocab, random());
    const std::vector<float> expected = reference_logits(loaded.tiny, tokens);
    CHECK(relative_error(all_logits(*loaded.model, tokens, exact), expected) < 1e-4f);
  }
}

TEST_CASE("sigma: decoding over the cache equals one pass, for random shapes, caches, splits and truncations") {
  std::mt19937 random(7);
  for (int round = 0; round < 25; ++round) {
    const SigmaConfig config = random_config(random);
    const CacheType type = std::array{CacheType::f32, CacheType::f16, CacheType::q8_0}[random() % 3];
    CAPTURE(round);
    CAPTURE(cache_type_name(type));
    const Loaded loaded(config);
    const SigmaModel& model = *loaded.model;
    const size_t n_vocab = size_t(config.n_vocab);
    const std::vector<int32_t> tokens = random_tokens(40, config.n_vocab, random());
    const std::vector<float> expected = all_logits(model, tokens, {type, type});

    KvCache cache(config, 40, model.backend(), {type, type});
    std::vector<float> logits(n_vocab), got;
    std::vector<float> want;
    while (cache.n_tokens() < 40) {
      if (cache.n_tokens() > 5 && random() % 4 == 0) cache.truncate(cache.n_tokens() - int(random() % 5));
      const int from = cache.n_tokens(), n = std::min(40 - from, int(1 + random() % 6));
      forward(model, cache, std::span(tokens).subspan(size_t(from), size_t(n)), LogitsWanted::last, logits);
      got.insert(got.end(), logits.begin(), logits.end());
      const auto row = expected.begin() + int64_t(from + n - 1) * int64_t(n_vocab);
      want.insert(want.end(), row, row + int64_t(n_vocab));
    }
    // Sums run in another order; where a cache rounds, a number at the edge may fall the other way
    // (f16 5e-4, int8 4e-3 of a key), and selective V may then choose another of two near keys.
    const bool jumps = config.selective_v_top_k > 0 && type != CacheType::f32;
    CHECK(relative_error(got, want) < (type == CacheType::f32 ? 1e-4f : jumps ? 0.5f : type == CacheType::f16 ? 5e-3f : 0.05f));
  }
}

TEST_CASE("sigma: quantised weights and f16 caches stay near the exact model") {
  SigmaConfig config = tiny_config();
  config.augmented_q_dim = 0;  // of random weights it cubes the queries, and every error with them
  for (const TinyType type : {TinyType::f16, TinyType::q8_0}) {
    const Loaded loaded(config, type);
    const std::vector<int32_t> tokens = random_tokens(30, config.n_vocab, 3);
    const std::vector<float> expected = reference_logits(loaded.tiny, tokens);
    const std::vector<float> got = all_logits(*loaded.model, tokens, {});
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      error += std::pow(double(got[i]) - double(expected[i]), 2);
      size += std::pow(double(expected[i]), 2);
    }
    // rms: f16 weights are off by 2^-13 of themselves, int8 weights and activations by 0.6 % each;
    // a few such errors add up in two layers, and sharp softmaxes of random scores enlarge them.
    CHECK(std::sqrt(error / size) < (type == TinyType::f16 ? 0.003 : 0.1));
    CHECK(error > 0);
  }
}

TEST_CASE("sigma: a long prompt in blocks equals the reference") {
  SigmaConfig config = tiny_config();
  config.n_layers = 1;
  const Loaded loaded(config);
  const std::vector<int32_t> tokens = random_tokens(530, config.n_vocab, 3);
  CHECK(relative_error(all_logits(*loaded.model, tokens, exact), reference_logits(loaded.tiny, tokens)) < 1e-4f);
}

TEST_CASE("sigma: results do not depend on the number of threads") {
  const Loaded one(tiny_config(), TinyType::q8_0, 1), three(tiny_config(), TinyType::q8_0, 3);
  const std::vector<int32_t> tokens = random_tokens(50, 260, 3);
  CHECK(all_logits(*one.model, tokens, {}) == all_logits(*three.model, tokens, {}));
}

TEST_CASE("sigma: a token outside the vocabulary or a full context is refused before anything runs") {
  const Loaded loaded(tiny_config());
  KvCache cache(loaded.model->config(), 4, loaded.model->backend());
  std::vector<float> logits(260);
  const std::vector<int32_t> outside = {1, 260}, negative = {-1}, five = {1, 2, 3, 4, 5};
  CHECK_THROWS_WITH_AS(forward(*loaded.model, cache, outside, LogitsWanted::last, logits),
                       doctest::Contains("token 260 is outside"), Error);
  CHECK_THROWS_WITH_AS(forward(*loaded.model, cache, negative, LogitsWanted::last, logits),
                       doctest::Contains("token -1 is outside"), Error);
  CHECK_THROWS_WITH_AS(forward(*loaded.model, cache, five, LogitsWanted::last, logits),
                       doctest::Contains("5 tokens do not fit"), Error);
  CHECK(cache.n_tokens() == 0);
}

TEST_CASE("sigma: a cache that does not fit into memory is an error that says how much it needs") {
  const Loaded loaded(tiny_config());
  SigmaConfig huge = tiny_config();
  huge.n_layers = 4096;
  huge.n_heads_k = huge.n_heads_v = huge.n_heads_q = 1024;
  huge.head_dim_k = huge.head_dim_v = 1024;
  try {
    KvCache cache(huge, 1 << 20, loaded.model->backend());
    FAIL("was made");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::out_of_memory);
    CHECK(std::string(e.what()).find("the cache for 1048576 tokens (keys and values) needs") != std::string::npos);
  }
  CHECK_THROWS_AS(KvCache(huge, 0, loaded.model->backend()), Error);
}

TEST_CASE("sigma: a stop during prefill ends it within 100 ms and keeps whole blocks only") {
  SigmaConfig config = tiny_config();
  config.n_layers = 8;
  const Loaded loaded(config);
  const std::vector<int32_t> tokens = random_tokens(60000, config.n_vocab, 3);
  KvCache cache(config, 60000, loaded.model->backend());
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  bool cancelled = false;
  try {
    forward(*loaded.model, cache, tokens, LogitsWanted::none, {}, stop.get_token());
  } catch (const Error& e) {
    cancelled = e.kind() == ErrorKind::cancelled;
  }
  const auto end = std::chrono::steady_clock::now();
  stopper.join();
  CHECK(cancelled);
  CHECK(end - asked < std::chrono::milliseconds(100));
  CHECK(cache.n_tokens() % 512 == 0);
  // And the model goes on working.
  std::vector<float> logits(260);
  forward(*loaded.model, cache, std::span(tokens).first(3), LogitsWanted::last, logits);
}
