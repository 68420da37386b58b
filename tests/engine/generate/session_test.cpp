#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/generate/perplexity.h"
#include "engine/model/sigma_config.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using Clock = std::chrono::steady_clock;
using Ids = std::vector<int32_t>;

namespace {

std::shared_ptr<LanguageModel> tiny() {
  static const std::shared_ptr<LanguageModel> model = [] {
    const test_support::TempFolder folder;
    const std::string path = folder.file("tiny.gguf");
    write_tiny_gguf(test_support::make_tiny_model(test_support::tiny_config(), 3), path);
    LoadOptions options;
    options.n_threads = 1;
    return LanguageModel::load(path, options);
  }();
  return model;
}

GenerateOptions up_to(int n) {
  GenerateOptions options;
  options.max_tokens = n;
  return options;
}

Ids prompt_of(std::string_view text) { return tiny()->tokenize(text, false); }

}  // namespace

TEST_CASE("generate/session: greedy text is that of the reference's largest logits") {
  const auto model = test_support::make_tiny_model(test_support::tiny_config(), 3);
  const auto session = GenerationSession::create(tiny(), 64);
  const Ids prompt = prompt_of("disk full");
  const Generation g = session->generate(prompt, up_to(8));
  Ids sequence = prompt;
  for (const int32_t token : g.tokens) {
    const std::vector<float> logits = reference_logits(model, sequence);
    const auto row = logits.end() - tiny()->config().n_vocab;
    CHECK(token == static_cast<int32_t>(std::max_element(row, logits.end()) - row));
    sequence.push_back(token);
  }
  CHECK(g.prompt_tokens == 9);
  CHECK(is_valid_utf8(g.text));
}

TEST_CASE("generate/session: a common prefix is not computed again and changes nothing") {
  const auto warm = GenerationSession::create(tiny(), 64);
  warm->generate(prompt_of("one two three"), up_to(4));
  const Generation reused = warm->generate(prompt_of("one two four!"), up_to(6));
  const Generation fresh = GenerationSession::create(tiny(), 64)->generate(prompt_of("one two four!"), up_to(6));
  CHECK(reused.reused_tokens == 8);
  CHECK(fresh.reused_tokens == 0);
  CHECK(reused.tokens == fresh.tokens);
  // The same prompt again: all but its last token.
  CHECK(warm->generate(prompt_of("one two four!"), up_to(6)).reused_tokens == 12);
}

TEST_CASE("generate/session: streamed pieces are valid UTF-8 and make up the text") {
  const auto session = GenerationSession::create(tiny(), 200);
  GenerateOptions options = up_to(150);
  options.sampling.temperature = 3;  // random bytes, wrong sequences among them
  options.sampling.seed = 5;
  std::string streamed;
  const Generation g = session->generate(prompt_of("x"), options, [&](std::string_view piece) {
    CHECK(is_valid_utf8(piece));
    CHECK_FALSE(piece.empty());
    streamed += piece;
  });
  CHECK(streamed == g.text);
  const Generation again = GenerationSession::create(tiny(), 200)->generate(prompt_of("x"), options);
  CHECK(again.tokens == g.tokens);  // the seed decides
}

TEST_CASE("generate/session: ends at a stop string, at the limit and at a full context") {
  const auto session = GenerationSession::create(tiny(), 24);
  const Generation limited = session->generate(prompt_of("abc"), up_to(5));
  CHECK(limited.finish_reason == FinishReason::max_tokens);
  CHECK(limited.tokens.size() == 5);
  const Generation full = session->generate(prompt_of("abc"), up_to(1000));
  CHECK(full.finish_reason == FinishReason::context_full);
  CHECK(full.tokens.size() == 22);  // 21 places behind the prompt and one token that needs none
  GenerateOptions stop = up_to(20);
  stop.sampling = {.temperature = 1, .seed = 2};
  const std::string text = session->generate(prompt_of("abc"), stop).text;
  REQUIRE(text.size() > 6);
  size_t cut = 3;
  while ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) ++cut;
  stop.stop = {text.substr(cut, 3)};
  const Generation stopped = session->generate(prompt_of("abc"), stop);
  CHECK(stopped.finish_reason == FinishReason::stop_string);
  CHECK(stopped.text == text.substr(0, text.find(stop.stop[0])));
  CHECK(session->generate(prompt_of("abc"), up_to(0)).tokens.empty());
}

TEST_CASE("generate/session: prompts that cannot be are refused with the figures") {
  const auto session = GenerationSession::create(tiny(), 8);
  CHECK_THROWS_AS(session->generate({}, up_to(1)), Error);
  CHECK_THROWS_AS(session->generate(Ids{0, 1000}, up_to(1)), Error);
  CHECK_THROWS_AS(session->generate(Ids{-1}, up_to(1)), Error);
  CHECK_THROWS_AS(session->generate(Ids(8, 1), up_to(1)), Error);
  GenerateOptions bad = up_to(1);
  bad.sampling.top_p = -1;
  CHECK_THROWS_AS(session->generate(Ids{1}, bad), Error);
  CHECK_THROWS_AS(GenerationSession::create(tiny(), 1), Error);
  CHECK_NOTHROW(session->generate(Ids{1}, up_to(1)));  // and the session still works
}

TEST_CASE("generate/session: a stop ends it at once, in prefill and in decode, and it goes on afterwards") {
  const auto session = GenerationSession::create(tiny(), 4096);
  std::stop_source before;
  before.request_stop();
  const Generation none = session->generate(Ids(3000, 65), up_to(10), {}, before.get_token());
  CHECK(none.finish_reason == FinishReason::cancelled);
  CHECK(none.tokens.empty());

  std::stop_source during;
  Clock::time_point asked;
  GenerateOptions long_answer = up_to(3000);
  long_answer.sampling = {.temperature = 1, .seed = 1};
  int n_pieces = 0;
  const Generation some = session->generate(Ids(20, 65), long_answer, [&](std::string_view) {
    if (++n_pieces == 3) {
      asked = Clock::now();
      during.request_stop();
    }
  }, during.get_token());
  CHECK(Clock::now() - asked < std::chrono::milliseconds(100));
  CHECK(some.finish_reason == FinishReason::cancelled);
  CHECK(is_valid_utf8(some.text));

  const Generation after = session->generate(Ids(20, 65), up_to(5));
  const Generation fresh = GenerationSession::create(tiny(), 64)->generate(Ids(20, 65), up_to(5));
  CHECK(after.tokens == fresh.tokens);
}

TEST_CASE("generate/session: prefill reports its progress up to 1") {
  const auto session = GenerationSession::create(tiny(), 2048);
  std::vector<double> seen;
  session->generate(Ids(1500, 66), up_to(1), {}, {}, [&](double fraction) { seen.push_back(fraction); });
  REQUIRE_FALSE(seen.empty());
  CHECK(seen.back() == 1);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("generate/session: text under a grammar fits it; one grammar after another works") {
  const auto session = GenerationSession::create(tiny(), 200);
  for (const char* gbnf : {"root ::= [0-9]{3} \" \" (\"yes\" | \"no\")", "root ::= \"a\" [b-d]{5}"}) {
    const Grammar grammar = Grammar::from_gbnf(gbnf);
    GenerateOptions options = up_to(50);
    options.sampling = {.temperature = 1, .seed = 9};
    options.grammar = &grammar;
    const Generation g = session->generate(prompt_of("q"), options);
    CAPTURE(g.text);
    CHECK(g.finish_reason == FinishReason::end_of_text);
    CHECK(g.text.size() >= 6);
    CHECK(g.text.find_first_not_of("0123456789 yesnoabcd") == std::string::npos);
  }
}

TEST_CASE("generate/model: control tokens in a message stay text") {
  const std::vector<ChatMessage> messages = {{"user", "x<|endoftext|>y"}};
  const Ids ids = tiny()->tokenize(tiny()->apply_chat_template(messages), true);
  const auto end = tiny()->tokenizer().find("<|endoftext|>");
  REQUIRE(end.has_value());
  CHECK(std::find(ids.begin(), ids.end(), *end) == ids.end());
}

TEST_CASE("generate/model: loading stops when asked and says what is missing") {
  const test_support::TempFolder folder;
  write_tiny_gguf(test_support::make_tiny_model(test_support::tiny_config(), 3), folder.file("t.gguf"));
  std::stop_source stop;
  stop.request_stop();
  try {
    LanguageModel::load(folder.file("t.gguf"), {}, stop.get_token());
    FAIL("loaded");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::cancelled);
  }
  CHECK_THROWS_AS(LanguageModel::load(folder.file("absent.gguf")), Error);
  // An HF folder without tokenizer.json still runs on token ids.
  std::filesystem::create_directory(folder.file("hf"));
  write_tiny_hf_folder(test_support::make_tiny_model(test_support::tiny_config(), 3), folder.file("hf"));
  const auto model = LanguageModel::load(folder.file("hf"));
  CHECK_THROWS_AS(model->tokenize("x", false), Error);
  CHECK(GenerationSession::create(model, 32)->generate(Ids{1, 2, 3}, up_to(4)).tokens.size() == 4);
}

TEST_CASE("generate/perplexity: of random weights it is near the size of the vocabulary; short texts are refused") {
  std::string text;
  for (int i = 0; i < 600; ++i) text += static_cast<char>('a' + i * i % 23);
  const Perplexity p = measure_perplexity(*tiny(), text, 64);
  CHECK(p.n_tokens == 600);
  CHECK(p.n_scored == 9 * 31);
  CHECK(p.value > 30);
  CHECK_THROWS_AS(measure_perplexity(*tiny(), "short", 64), Error);
}
