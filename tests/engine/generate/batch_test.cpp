// Sessions that decode at the same time share passes through the model, and nobody can tell from the answers.
#include <doctest/doctest.h>

#include <thread>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/generate/language_model.h"
#include "tests/support/tiny_model.h"

using namespace engine;

namespace {

std::shared_ptr<LanguageModel> load(test_support::TinyType type = test_support::TinyType::q8_0) {
  const test_support::TempFolder folder;
  const std::string path = folder.file("tiny.gguf");
  write_tiny_gguf(test_support::make_tiny_model(test_support::tiny_config(), 3), path, type);
  LoadOptions options;
  options.n_threads = 2;
  options.gpu = GpuMode::off;
  return LanguageModel::load(path, options);
}

Generation answer(const std::shared_ptr<LanguageModel>& model, int which, std::stop_token stop = {}) {
  GenerateOptions options;
  options.max_tokens = 40 + which;
  options.sampling.temperature = which % 2 ? 0.8f : 0.f;
  options.sampling.seed = uint64_t(which);
  options.speculative = which % 3 == 0;
  const std::string prompt = "error " + std::to_string(which) + " disk full, error " + std::to_string(which);
  return GenerationSession::create(model, 300)->generate(model->tokenize(prompt, false), options, {}, std::move(stop));
}

StepBatcher::Usage usage(const std::shared_ptr<LanguageModel>& model) {
  const auto& loaded = dynamic_cast<const LoadedModel&>(*model);
  return loaded.place(loaded.model()->default_cache_types()).batcher->usage();
}

}  // namespace

TEST_CASE("generate/batch: answers of sessions at the same time are those of each alone, in fewer passes") {
  constexpr int n = 6;
  std::vector<Generation> alone, together(n);
  const auto model = load();
  for (int i = 0; i < n; ++i) alone.push_back(answer(model, i));
  const StepBatcher::Usage before = usage(model);
  CHECK(before.n_passes == before.n_steps);
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back([&, i] { together[size_t(i)] = answer(model, i); });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < size_t(n); ++i) {
    CAPTURE(i);
    CHECK(together[i].tokens == alone[i].tokens);
    CHECK(together[i].text == alone[i].text);
    CHECK(together[i].finish_reason == alone[i].finish_reason);
  }
  const StepBatcher::Usage after = usage(model);
  CHECK(after.n_steps - before.n_steps == before.n_steps);
  CHECK(after.n_passes - before.n_passes < before.n_passes);
}

TEST_CASE("generate/batch: one that is stopped leaves the others as they are") {
  const auto model = load();
  const Generation expected = answer(model, 4);
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::stop_source stop;
    Generation stopped, going;
    std::thread first([&] { stopped = answer(model, 2, stop.get_token()); });
    std::thread second([&] { going = answer(model, 4); });
    std::this_thread::sleep_for(std::chrono::milliseconds(attempt));
    stop.request_stop();
    first.join();
    second.join();
    CHECK(going.tokens == expected.tokens);
    CHECK(going.finish_reason == expected.finish_reason);
  }
}

TEST_CASE("generate/batch: a step that fails fails alone") {
  const auto model = load();
  const auto& loaded = dynamic_cast<const LoadedModel&>(*model);
  const auto place = loaded.place({});
  const auto n_vocab = size_t(model->config().n_vocab);
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<float> good(3 * n_vocab), bad(3 * n_vocab);
  KvCache enough(place.pool, 64), short_one(place.pool, 2);
  const StepBatcher::Member first(place.batcher), second(place.batcher);
  std::string error;
  std::thread other([&] {
    try {
      place.batcher->step(*place.model, short_one, tokens, bad, {});
    } catch (const Error& e) {
      error = e.what();
    }
  });
  place.batcher->step(*place.model, enough, tokens, good, {});
  other.join();
  CHECK(error.find("do not fit") != std::string::npos);
  CHECK(enough.n_tokens() == 3);
}
