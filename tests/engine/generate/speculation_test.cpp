// Guessing tokens ahead changes how fast an answer comes and nothing else.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/generate/prompt_lookup.h"
#include "engine/model/sigma_config.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using Ids = std::vector<int32_t>;

namespace {

// forgetful: without attention, so that each token alone decides the next and the text soon repeats.
std::shared_ptr<LanguageModel> load(uint64_t seed, test_support::TinyType type = test_support::TinyType::q8_0, int n_threads = 2,
                                    bool forgetful = false) {
  const test_support::TempFolder folder;
  const std::string path = folder.file("tiny.gguf");
  engine::SigmaConfig config = test_support::tiny_config();
  config.selective_v_top_k = seed % 2 == 0 ? 0 : 12;
  test_support::TinyModel tiny = test_support::make_tiny_model(config, seed);
  for (auto& [name, weights] : tiny.weights) {
    if (forgetful && name.find("o_proj") != std::string::npos) std::fill(weights.begin(), weights.end(), 0.f);
  }
  write_tiny_gguf(tiny, path, type);
  LoadOptions options;
  options.n_threads = n_threads;
  return LanguageModel::load(path, options);
}

GenerateOptions up_to(int n, const SamplingOptions& sampling = {}) {
  GenerateOptions options;
  options.sampling = sampling;
  options.max_tokens = n;
  return options;
}

Generation answer(const std::shared_ptr<LanguageModel>& model, const std::string& prompt, GenerateOptions options, bool speculative,
                  int n_ctx = 400) {
  options.speculative = speculative;
  return GenerationSession::create(model, n_ctx)->generate(model->tokenize(prompt, false), options);
}

// Both ways; CHECKs that nothing but the work differs. Returns the tokens that guessing saved.
int same_answer(const std::shared_ptr<LanguageModel>& model, const std::string& prompt, const GenerateOptions& options, int n_ctx = 400) {
  const Generation with = answer(model, prompt, options, true, n_ctx), without = answer(model, prompt, options, false, n_ctx);
  CHECK(with.tokens == without.tokens);
  CHECK(with.text == without.text);
  CHECK(with.finish_reason == without.finish_reason);
  CHECK(without.drafted_tokens == 0);
  CHECK(with.accepted_tokens <= with.drafted_tokens);
  CHECK(with.n_passes + with.accepted_tokens >= without.n_passes);
  return without.n_passes - with.n_passes;
}

}  // namespace

TEST_CASE("generate/speculation: the answer is that of plain decoding, token for token") {
  int n_saved = 0;
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const auto model = load(seed, test_support::TinyType::q8_0, 2, seed > 2);
    for (const char* prompt : {"a", "disk full, disk full, disk full", "abcabcabcabcabc", "2024-01-01 error 17\n2024-01-01 error 18\n"}) {
      CAPTURE(seed);
      CAPTURE(prompt);
      n_saved += same_answer(model, prompt, up_to(120));
      same_answer(model, prompt, up_to(60, {.repetition_penalty = 1.2f}));
      // The seed and the step decide a draw, so that sampled answers are the same too.
      same_answer(model, prompt, up_to(60, {.temperature = 0.7f, .top_k = 5, .seed = seed}));
    }
  }
  CHECK(n_saved > 100);
}

TEST_CASE("generate/speculation: it ends where plain decoding ends") {
  const auto model = load(2, test_support::TinyType::q8_0, 2, true);
  const std::string prompt = "abcabcabcabc";
  for (const int n : {1, 2, 3, 7, 8, 20}) same_answer(model, prompt, up_to(n));
  for (const int n_ctx : {14, 15, 16, 17, 25, 40}) same_answer(model, prompt, up_to(100), n_ctx);
  const std::string text = answer(model, prompt, up_to(40), false).text;
  for (size_t at = 0; at + 3 < text.size(); at += 5) {
    GenerateOptions options = up_to(40);
    options.stop = {text.substr(at, 3)};
    same_answer(model, prompt, options);
  }
  // And a session goes on from there.
  const auto a = GenerationSession::create(model, 200), b = GenerationSession::create(model, 200);
  for (int turn = 0; turn < 3; ++turn) {
    const Ids ids = model->tokenize(prompt + std::string(size_t(turn) * 20, 'x'), false);
    GenerateOptions plain = up_to(30);
    plain.speculative = false;
    CHECK(a->generate(ids, up_to(30)).tokens == b->generate(ids, plain).tokens);
  }
}

TEST_CASE("generate/speculation: what a grammar leaves no choice about is not computed token by token") {
  const auto model = load(1);
  const Grammar grammar = Grammar::from_gbnf(R"GBNF(root ::= "{\"finding\":{\"severity\":\"" [a-c] "\",\"evidence\":[" [0-9]{2} "]}}")GBNF");
  GenerateOptions options = up_to(100);
  options.grammar = &grammar;
  for (const float temperature : {0.f, 1.f}) {
    options.sampling = {.temperature = temperature, .seed = 3};
    CHECK(same_answer(model, "x", options) > 30);
  }
  const Generation g = answer(model, "x", options, true);
  CHECK(g.finish_reason == FinishReason::end_of_text);
  CHECK(g.tokens.size() == 44);  // a byte each
  CHECK(g.n_passes <= 10);
}

TEST_CASE("generate/speculation: models of float weights, which gain nothing, do not try") {
  const Generation g = answer(load(1, test_support::TinyType::f32), "abcabcabc", up_to(30), true);
  CHECK(g.drafted_tokens == 0);
}

TEST_CASE("generate/session: the same text for a seed and number of threads, every time; greedy for any number") {
  GenerateOptions options = up_to(80, {.temperature = 1, .seed = 11});
  const Generation one = answer(load(3), "disk", options, true);
  for (int i = 0; i < 3; ++i) CHECK(answer(load(3), "disk", options, true).tokens == one.tokens);
  CHECK(answer(load(3, test_support::TinyType::q8_0, 1), "disk", options, true).tokens == one.tokens);
  CHECK(answer(load(3, test_support::TinyType::q8_0, 3), "disk", options, true).tokens == one.tokens);
}

TEST_CASE("generate/session: an answer that reuses nothing is the same whatever was asked before") {
  const auto model = load(1);
  GenerateOptions options = up_to(60);
  options.reuse_prefix = false;
  const std::string prompt = std::string(150, 'a') + " disk";
  const Generation first = answer(model, prompt, options, true);
  const auto session = GenerationSession::create(model, 400);
  session->generate(model->tokenize(prompt + " full", false), options);
  for (int i = 0; i < 3; ++i) {
    const Generation again = session->generate(model->tokenize(prompt, false), options);
    CHECK(again.reused_tokens == 0);
    CHECK(again.tokens == first.tokens);
  }
}

TEST_CASE("generate/session: another session's prompt is found, also after it was closed") {
  const auto model = load(2);
  const std::string system(300, 's');
  const GenerateOptions options = up_to(5);
  const Generation fresh = answer(model, system + "one", options, true);
  CHECK(fresh.reused_tokens == 0);
  const auto other = GenerationSession::create(model, 800);
  const Generation found = other->generate(model->tokenize(system + "two", false), options);
  CHECK(found.reused_tokens == 300);
  // Between two prompts in turn, both stay.
  other->generate(model->tokenize(std::string(280, 'q'), false), options);
  CHECK(other->generate(model->tokenize(system + "two!", false), options).reused_tokens >= 256);
}

TEST_CASE("generate/session: a saved session goes on as it would have") {
  const test_support::TempFolder folder;
  const auto model = load(4);
  const std::string prompt(200, 'p');
  const GenerateOptions options = up_to(20);
  const auto session = GenerationSession::create(model, 400, {.k_cache = "q8_0", .v_cache = "f16"});
  const Generation first = session->generate(model->tokenize(prompt, false), options);
  session->save(folder.file("s.kv"));

  const auto again = load(4);
  const auto restored = GenerationSession::create(again, 400, {.k_cache = "q8_0", .v_cache = "f16"});
  CHECK(restored->restore(folder.file("s.kv")) == 219);
  const Ids next = model->tokenize(prompt + first.text + " and", false);
  const Generation a = session->generate(next, options), b = restored->generate(next, options);
  CHECK(a.reused_tokens > 199);
  CHECK(b.reused_tokens == a.reused_tokens);
  CHECK(a.tokens == b.tokens);
  CHECK_THROWS_AS(GenerationSession::create(load(2), 400, {.k_cache = "q8_0", .v_cache = "f16"})->restore(folder.file("s.kv")), Error);
  CHECK_THROWS_WITH_AS(GenerationSession::create(model, 400, {.k_cache = "q7"}), doctest::Contains("\"q7\"; there are f32, f16"), Error);
}

TEST_CASE("generate/prompt_lookup: goes on as the longest agreeing place did, the latest of equals") {
  PromptLookup lookup;
  lookup.add(Ids{1, 2, 3, 10, 11, 12, 9, 2, 3, 20, 21, 22, 8, 1, 2, 3});
  CHECK(lookup.guess(3) == Ids{10, 11, 12});
  lookup.clear();
  lookup.add(Ids{2, 3, 20, 21, 22, 5, 2, 3, 30, 31, 32, 7, 2, 3});
  CHECK(lookup.guess(2) == Ids{30, 31});
  CHECK(lookup.guess(0).empty());
  CHECK(lookup.guess(100).size() == 3);  // a pair alone is a weak hint
}

TEST_CASE("generate/prompt_lookup: guesses nothing without a precedent and goes on through a repetition") {
  PromptLookup lookup;
  CHECK(lookup.guess(4).empty());
  lookup.add(5);
  CHECK(lookup.guess(4).empty());
  lookup.add(Ids{6, 7});
  CHECK(lookup.guess(4).empty());
  lookup.add(Ids{5, 6, 7, 5, 6, 7});
  CHECK(lookup.guess(7) == Ids{5, 6, 7, 5, 6, 7, 5});
}

TEST_CASE("generate/prompt_lookup: guesses grow while they hold and rest where they do not") {
  PromptLookup lookup;
  const size_t begin = lookup.length();
  lookup.checked(begin, begin);
  CHECK(lookup.length() > begin);
  for (int i = 0; i < 10; ++i) lookup.checked(lookup.length(), lookup.length());
  CHECK(lookup.length() <= 15);
  for (int i = 0; i < 4; ++i) lookup.checked(3, 0);
  CHECK(lookup.length() == 0);
  lookup.add(Ids(12, 1));
  CHECK(lookup.length() == 3);
}
