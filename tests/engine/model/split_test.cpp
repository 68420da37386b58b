// A model whose first layers run on another backend computes what it computes on one.
#include <doctest/doctest.h>

#include <fstream>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/memory_need.h"
#include "engine/model/sigma.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

struct Models {
  TempFolder folder;
  SigmaConfig config;

  explicit Models(int n_layers) : config(tiny_config()) {
    config.n_layers = n_layers;
    write_tiny_gguf(make_tiny_model(config, 11), folder.file("tiny.gguf"), TinyType::q8_0);
  }
  std::shared_ptr<const SigmaModel> load(int n_host_layers) const {
    HostLayers host{.backend = make_cpu_backend({.n_threads = 1}), .n_layers = n_host_layers};
    return SigmaModel::load(ModelFile::open(folder.file("tiny.gguf")), make_cpu_backend({.n_threads = 2}), {}, {}, std::move(host));
  }
};

std::vector<float> logits_of(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens, size_t n_prefill) {
  const auto n_vocab = size_t(model.config().n_vocab);
  std::vector<float> all(tokens.size() * n_vocab);
  forward(model, cache, tokens.first(n_prefill), LogitsWanted::all, std::span(all).first(n_prefill * n_vocab));
  for (size_t t = n_prefill; t < tokens.size(); ++t) {
    forward(model, cache, tokens.subspan(t, 1), LogitsWanted::last, std::span(all).subspan(t * n_vocab, n_vocab));
  }
  return all;
}

}  // namespace

TEST_CASE("model/split: logits are those of one backend, wherever the model is cut") {
  const Models models(4);
  const auto whole = models.load(0);
  const auto tokens = random_tokens(160, models.config.n_vocab, 3);
  KvCache cache(whole->make_pool({}), 200);
  const std::vector<float> expected = logits_of(*whole, cache, tokens, 150);
  for (const int n_host : {1, 2, 3}) {
    CAPTURE(n_host);
    const auto split = models.load(n_host);
    CHECK(split->places().size() == 2);
    CHECK(split->device().find(std::to_string(4 - n_host) + " of 4 layers") != std::string::npos);
    KvCache parts(split->make_pool({}), 200);
    CHECK(logits_of(*split, parts, tokens, 150) == expected);
    // A cache that goes on differently takes a copy of its last block, of both parts.
    KvCache other(std::make_shared<KvPool>(split->config(), split->places(), CacheTypes{}), 200);
    forward(*split, other, std::span(tokens).first(150), LogitsWanted::none, {});
    CHECK(other.n_tokens() == 150);
  }
}

TEST_CASE("model/split: texts with a common beginning share blocks, and one that turns off takes a copy of both parts") {
  const Models models(3);
  const auto split = models.load(1);
  const auto pool = split->make_pool({});
  const auto tokens = random_tokens(100, models.config.n_vocab, 5);
  auto turned = tokens;
  turned[90] = (turned[90] + 1) % models.config.n_vocab;
  KvCache first(pool, 200), second(pool, 200), alone(split->make_pool({}), 200);
  const auto before = logits_of(*split, first, tokens, 95);
  first.begin({});
  CHECK(second.begin(turned) == 90);
  const auto n_vocab = size_t(models.config.n_vocab);
  const auto rest = std::span<const int32_t>(turned).subspan(90);
  std::vector<float> got(rest.size() * n_vocab);
  forward_exact(*split, second, rest, got);
  forward(*split, alone, std::span<const int32_t>(tokens).first(90), LogitsWanted::none, {});
  std::vector<float> expected(got.size());
  forward_exact(*split, alone, rest, expected);
  CHECK(first.begin(tokens) == 100);
  first.truncate(99);
  std::vector<float> last(n_vocab);
  forward(*split, first, std::span<const int32_t>(tokens).last(1), LogitsWanted::last, last);
  for (size_t i = 0; i < n_vocab; ++i) CHECK(last[i] == doctest::Approx(before[99 * n_vocab + i]).epsilon(1e-3));
  double difference = 0;
  for (size_t i = 0; i < got.size(); ++i) difference = std::max(difference, double(std::abs(got[i] - expected[i])));
  CHECK(difference < 2e-2);
}

TEST_CASE("model/split: a cache comes back from its file, and only where the model is cut alike") {
  const Models models(4);
  const auto split = models.load(2), elsewhere = models.load(1), whole = models.load(0);
  const auto tokens = random_tokens(140, models.config.n_vocab, 3);
  const std::string path = models.folder.file("kv");
  KvCache cache(split->make_pool({}), 200), back(split->make_pool({}), 200);
  const auto expected = logits_of(*split, cache, tokens, 139);
  cache.truncate(139);
  split->save_cache(cache, path);
  CHECK(split->restore_cache(back, path) == 139);
  std::vector<float> last(size_t(models.config.n_vocab));
  forward(*split, back, std::span(tokens).last(1), LogitsWanted::last, last);
  CHECK(std::equal(last.begin(), last.end(), expected.end() - std::ptrdiff_t(last.size())));
  for (const auto& other : {elsewhere, whole}) {
    KvCache no(other->make_pool({}), 200);
    CHECK_THROWS_AS(other->restore_cache(no, path), Error);
    CHECK(no.n_tokens() == 0);
  }
}

TEST_CASE("model/split: what each side needs adds up to the whole") {
  const Models models(4);
  const auto file = ModelFile::open(models.folder.file("tiny.gguf"));
  const auto backend = make_cpu_backend({.n_threads = 1});
  const MemoryNeed whole = memory_need(*file, models.config, *backend, {});
  const MemoryNeed first = memory_need(*file, models.config, *backend, {}, {0, 3}), rest = memory_need(*file, models.config, *backend, {}, {3, 1});
  CHECK(first.weights + rest.weights == whole.weights);
  CHECK(first.cache(1000) + rest.cache(1000) == whole.cache(1000));
  CHECK(rest.weights > whole.weights / 4);  // it has the output matrix
}
