// Caches that share blocks: what they give is what a full forward pass gives, whatever was shared,
// copied, cut off or evicted; and batches whose rows are those of single tokens to the last bit.
#include "engine/model/kv_cache.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

using Ids = std::vector<int32_t>;

std::shared_ptr<const SigmaModel> load(const SigmaConfig& config, TinyType type = TinyType::f32, const std::string& isa = "") {
  const TempFolder folder;
  write_tiny_gguf(make_tiny_model(config, 42), folder.file("tiny.gguf"), type);
  return SigmaModel::load(ModelFile::open(folder.file("tiny.gguf")), make_cpu_backend({.n_threads = 2, .isa = isa}));
}

SigmaConfig small_config() {
  SigmaConfig c = tiny_config();
  c.n_layers = 1;
  c.augmented_q_dim = 0;
  c.n_vocab = 50;
  return c;
}

std::vector<float> last_logits(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens) {
  std::vector<float> logits(size_t(model.config().n_vocab));
  forward(model, cache, tokens, LogitsWanted::last, logits);
  return logits;
}

// Of the last token of a text, in a cache of its own.
std::vector<float> fresh_logits(const SigmaModel& model, std::span<const int32_t> tokens, CacheTypes types) {
  KvCache cache(model.config(), int(tokens.size()), model.backend(), types);
  return last_logits(model, cache, tokens);
}

float relative_error(const std::vector<float>& got, const std::vector<float>& expected) {
  float error = 0, top = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::fabs(got[i] - expected[i]));
    top = std::max(top, std::fabs(expected[i]));
  }
  return error / top;
}

constexpr CacheTypes exact{CacheType::f32, CacheType::f32};
constexpr int block = KvPool::block_tokens;

Ids joined(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("kv_cache: two caches share the blocks of a common beginning, and each goes on by itself") {
  const auto model = load(small_config());
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), exact);
  const Ids common = random_tokens(2 * block + 40, 50, 1);
  const Ids one = joined(common, random_tokens(30, 50, 2)), two = joined(common, random_tokens(30, 50, 3));

  KvCache a(pool, 600), b(pool, 600);
  last_logits(*model, a, one);
  CHECK(pool->usage().n_blocks == 3);
  a.begin(Ids{});  // ends the first text; its blocks stay
  CHECK(a.n_tokens() == 0);
  CHECK(pool->usage().n_idle == 3);

  CHECK(a.begin(two) == int(common.size()));
  CHECK(b.begin(one) == int(one.size()));
  CHECK(pool->usage().n_blocks == 3);  // shared: a's third is still the first text's
  const auto of_two = last_logits(*model, a, std::span(two).subspan(common.size()));
  CHECK(pool->usage().n_blocks == 4);  // and was copied before it was written
  CHECK(relative_error(of_two, fresh_logits(*model, two, exact)) < 1e-4f);
  b.truncate(int(one.size()) - 1);
  CHECK(relative_error(last_logits(*model, b, std::span(one).last(1)), fresh_logits(*model, one, exact)) < 1e-4f);
}

TEST_CASE("kv_cache: a cut inside a shared block leaves the others' tokens as they are") {
  const auto model = load(small_config());
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), exact);
  const Ids text = random_tokens(block + 60, 50, 4), other = random_tokens(90, 50, 5);
  KvCache a(pool, 400), b(pool, 400);
  last_logits(*model, a, text);
  last_logits(*model, a, Ids{1});  // the first block is full and left to the pool
  CHECK(b.begin(text) == block);
  b.truncate(50);
  last_logits(*model, b, other);
  a.truncate(int(text.size()) - 1);
  CHECK(relative_error(last_logits(*model, a, std::span(text).last(1)), fresh_logits(*model, text, exact)) < 1e-4f);
  CHECK(relative_error(last_logits(*model, b, Ids{3}),
                       fresh_logits(*model, joined(joined(Ids(text.begin(), text.begin() + 50), other), {3}), exact)) < 1e-4f);
}

TEST_CASE("kv_cache: texts left behind go when memory is wanted, the one unused longest first") {
  const auto model = load(small_config());
  const KvPool measure(model->config(), model->backend(), exact);
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), exact, 4 * measure.block_bytes());
  const auto text = [](uint64_t seed) { return random_tokens(block + 1, 50, seed); };
  KvCache cache(pool, 2 * block);
  for (const uint64_t seed : {1, 2, 3}) {
    cache.begin(text(seed));
    last_logits(*model, cache, text(seed));
  }
  // Three full blocks and the third text's second, which is the cache's own.
  CHECK(pool->usage().n_blocks == 4);
  CHECK(cache.begin(text(1)) == block);  // used again: the second is now the oldest
  CHECK(cache.begin(text(4)) == 0);
  last_logits(*model, cache, text(4));
  CHECK(pool->usage().size_bytes <= 4 * measure.block_bytes());
  CHECK(cache.begin(text(2)) == 0);
  CHECK(cache.begin(text(1)) == block);
  cache.begin(Ids{});
  pool->forget();
  CHECK(pool->usage().size_bytes == 0);
  CHECK(cache.begin(text(1)) == 0);
}

TEST_CASE("kv_cache: what is wanted beyond the budget is had, and given back afterwards") {
  const auto model = load(small_config());
  const KvPool measure(model->config(), model->backend(), exact);
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), exact, measure.block_bytes());
  {
    KvCache a(pool, 3 * block), b(pool, 3 * block);
    last_logits(*model, a, random_tokens(3 * block, 50, 1));
    last_logits(*model, b, random_tokens(3 * block, 50, 2));
    CHECK(pool->usage().n_blocks == 6);
  }
  KvCache c(pool, block);
  last_logits(*model, c, random_tokens(block, 50, 3));
  CHECK(pool->usage().n_idle <= 6);
  CHECK(relative_error(last_logits(*model, *std::make_unique<KvCache>(pool, 2 * block), random_tokens(block + 5, 50, 3)),
                       fresh_logits(*model, random_tokens(block + 5, 50, 3), exact)) < 1e-4f);
}

TEST_CASE("kv_cache: random texts on several caches of one pool equal a full forward pass") {
  std::mt19937 random(11);
  const auto pick = [&](std::initializer_list<int> list) { return *(list.begin() + random() % list.size()); };
  for (int round = 0; round < 8; ++round) {
    SigmaConfig c = small_config();
    c.n_heads_q = 8;
    c.n_heads_k = pick({1, 2, 4, 8});
    c.n_heads_v = pick({1, 2, 4, 8});
    c.head_dim_k = pick({2, 10, 16});
    c.head_dim_v = c.head_dim_k + pick({0, 5, 8});
    c.dim = 32;
    c.augmented_q_dim = pick({0, 12});
    c.augmented_q_residual = round % 2 == 0;
    c.selective_v_top_k = pick({0, 0, 3});
    const CacheType type = std::array{CacheType::f32, CacheType::f16, CacheType::q8_0}[size_t(round) % 3];
    CAPTURE(round);
    CAPTURE(cache_type_name(type));
    const auto model = load(c);
    const CacheTypes types{type, type};
    const KvPool measure(c, model->backend(), types);
    const auto pool = std::make_shared<KvPool>(c, model->backend(), types, uint64_t(pick({0, 3, 7})) * measure.block_bytes());
    constexpr int n_ctx = 420;
    KvCache caches[] = {{pool, n_ctx}, {pool, n_ctx}, {pool, n_ctx}};
    std::vector<Ids> texts = {random_tokens(n_ctx, 50, random())};
    for (int step = 0; step < 30; ++step) {
      KvCache& cache = caches[random() % 3];
      // A beginning of some text so far, and something new behind it.
      const Ids& known = texts[random() % texts.size()];
      Ids text(known.begin(), known.begin() + int(random() % known.size()));
      const int room = n_ctx - int(text.size());
      text = joined(text, random_tokens(1 + int(random() % unsigned(std::min(room, 150))), 50, random()));
      texts.push_back(text);
      cache.begin(std::span(text).first(text.size() - 1));
      if (cache.n_tokens() > 3 && random() % 4 == 0) cache.truncate(cache.n_tokens() - int(random() % 3));
      std::vector<float> got;
      while (cache.n_tokens() < int(text.size())) {
        const size_t from = size_t(cache.n_tokens()), n = std::min(text.size() - from, size_t(1 + random() % 200));
        got = last_logits(*model, cache, std::span(text).subspan(from, n));
      }
      if (step % 3 != 0) continue;
      // As in sigma_test.cpp: where a cache rounds, a key at the edge may fall the other way.
      const bool jumps = c.selective_v_top_k > 0 && type != CacheType::f32;
      CHECK(relative_error(got, fresh_logits(*model, text, types)) <
            (type == CacheType::f32 ? 1e-4f : jumps ? 0.5f : type == CacheType::f16 ? 5e-3f : 0.05f));
    }
  }
}

TEST_CASE("kv_cache: rows of an exact batch are those of single tokens to the last bit") {
  SigmaConfig c = tiny_config();
  c.n_layers = 2;
  struct Case {
    TinyType weights;
    CacheType cache;
    const char* isa;
    int n_heads_k, n_heads_v, top_k;
  };
  std::vector<Case> cases = {
      {TinyType::q8_0, CacheType::f16, "", 2, 4, 0}, {TinyType::q8_0, CacheType::q8_0, "", 8, 8, 0},
      {TinyType::q8_0, CacheType::f16, "", 8, 2, 0}, {TinyType::q8_0, CacheType::f16, "", 1, 1, 20},
      {TinyType::f16, CacheType::f16, "", 2, 4, 0},  {TinyType::f32, CacheType::f32, "", 4, 4, 0},
      {TinyType::q8_0, CacheType::f16, "plain", 2, 4, 0}};
  for (const Case& one : cases) {
    c.n_heads_k = one.n_heads_k;
    c.n_heads_v = one.n_heads_v;
    c.selective_v_top_k = one.top_k;
    const auto model = load(c, one.weights, one.isa);
    CHECK(model->exact_batches_pay() == (one.weights == TinyType::q8_0));
    const auto n_vocab = size_t(c.n_vocab);
    const CacheTypes types{one.cache, one.cache};
    // Across the edges of a block, and of the ranges of keys that one token's attention is cut into.
    for (const int start : {3, 120, 506, 1020}) {
      CAPTURE(start);
      const Ids tokens = random_tokens(start + 19, c.n_vocab, 9);
      KvCache single(c, start + 19, model->backend(), types), batch(c, start + 19, model->backend(), types);
      const auto text = std::span(tokens);
      forward(*model, single, text.first(size_t(start)), LogitsWanted::none, {});
      forward(*model, batch, text.first(size_t(start)), LogitsWanted::none, {});
      std::vector<float> expected, got(19 * n_vocab);
      for (size_t i = 0; i < 19; ++i) {
        const std::vector<float> row = last_logits(*model, single, text.subspan(size_t(start) + i, 1));
        expected.insert(expected.end(), row.begin(), row.end());
      }
      for (size_t i = 0, n = 2; i < 19; i += n, n = std::min(n + 3, 19 - i)) {
        forward_exact(*model, batch, text.subspan(size_t(start) + i, n), std::span(got).subspan(i * n_vocab, n * n_vocab));
      }
      CHECK(got == expected);
    }
  }
}
