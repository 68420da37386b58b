// Several texts that take their steps in one pass get what each would get alone.
#include <doctest/doctest.h>

#include <random>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

struct Text {
  std::unique_ptr<KvCache> together, alone;
  std::vector<float> logits, expected;
};

std::vector<int32_t> some_tokens(std::mt19937& random, int n, int n_vocab) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& t : tokens) t = int32_t(random() % unsigned(n_vocab));
  return tokens;
}

std::shared_ptr<const SigmaModel> load(const SigmaConfig& config, TinyType type) {
  const TempFolder folder;
  write_tiny_gguf(make_tiny_model(config, 5), folder.file("tiny.gguf"), type);
  return SigmaModel::load(ModelFile::open(folder.file("tiny.gguf")), make_cpu_backend({.n_threads = 2}));
}

// Texts of very different lengths, some with a common beginning, take a few steps of one to four tokens.
void check_together(const SigmaModel& model, CacheTypes types, int n_texts) {
  std::mt19937 random(7);
  const int n_vocab = model.config().n_vocab, n_ctx = 700;
  const auto pool = std::make_shared<KvPool>(model.config(), model.backend(), types);
  const auto apart = std::make_shared<KvPool>(model.config(), model.backend(), types);
  const std::vector<int32_t> beginning = some_tokens(random, 150, n_vocab);
  std::vector<Text> texts(static_cast<size_t>(n_texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t> prompt = i % 2 ? beginning : std::vector<int32_t>();
    const std::vector<int32_t> more = some_tokens(random, i == 0 ? 600 : 1 + int(random() % 200), n_vocab);
    prompt.insert(prompt.end(), more.begin(), more.end());
    for (auto& [cache, from] : {std::pair{&texts[i].together, pool}, {&texts[i].alone, apart}}) {
      *cache = std::make_unique<KvCache>(from, n_ctx);
      forward(model, **cache, prompt, LogitsWanted::none, {});
    }
  }
  for (int step = 0; step < 5; ++step) {
    std::vector<std::vector<int32_t>> tokens;
    std::vector<BatchStep> steps;
    for (Text& text : texts) {
      tokens.push_back(some_tokens(random, step == 0 ? 1 : 1 + int(random() % 4), n_vocab));
      text.logits.assign(tokens.back().size() * size_t(n_vocab), 0);
      text.expected = text.logits;
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      steps.push_back({texts[i].together.get(), tokens[i], texts[i].logits});
      forward_exact(model, *texts[i].alone, tokens[i], texts[i].expected);
    }
    forward_batch(model, steps);
    for (size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(step);
      CAPTURE(i);
      CHECK(texts[i].logits == texts[i].expected);
      CHECK(texts[i].together->n_tokens() == texts[i].alone->n_tokens());
    }
  }
}

}  // namespace

TEST_CASE("model/batch: each text's logits are those it gets alone, to the last bit") {
  for (const TinyType type : {TinyType::f32, TinyType::f16, TinyType::q8_0}) {
    const auto model = load(tiny_config(), type);
    for (const CacheType cache : {CacheType::f32, CacheType::f16, CacheType::q8_0, CacheType::q4_0}) {
      CAPTURE(int(type));
      CAPTURE(int(cache));
      check_together(*model, {cache, cache}, 3);
    }
  }
}

TEST_CASE("model/batch: more texts than rows of logits are computed at once, and selective V") {
  SigmaConfig config = tiny_config();
  config.selective_v_top_k = 20;
  check_together(*load(config, TinyType::q8_0), {CacheType::f16, CacheType::q8_0}, 30);
}

TEST_CASE("model/batch: after a stop no text has changed, and all can go on") {
  const auto model = load(tiny_config(), TinyType::q8_0);
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), CacheTypes{});
  KvCache a(pool, 64), b(pool, 64);
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> first(3 * size_t(model->config().n_vocab)), second = first;
  const BatchStep steps[] = {{&a, tokens, first}, {&b, tokens, second}};
  std::stop_source stop;
  stop.request_stop();
  try {
    forward_batch(*model, steps, stop.get_token());
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::cancelled);
  }
  CHECK(a.n_tokens() == 0);
  CHECK(b.n_tokens() == 0);
  forward_batch(*model, steps);
  CHECK(a.n_tokens() == 3);
  CHECK(first == second);
}

TEST_CASE("model/batch: a text without room is an error before any is computed") {
  const auto model = load(tiny_config(), TinyType::q8_0);
  const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), CacheTypes{});
  KvCache a(pool, 64), b(pool, 2);
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> first(3 * size_t(model->config().n_vocab)), second = first;
  const BatchStep steps[] = {{&a, tokens, first}, {&b, tokens, second}};
  CHECK_THROWS_AS(forward_batch(*model, steps), Error);
  CHECK(a.n_tokens() == 0);
}
