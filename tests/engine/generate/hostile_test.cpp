// The front door against files and arguments made to break it: one Error each, or an answer, and never
// anything else. The tests of files/, tokenizer/ and kv_file hold each parser to its classes; here a
// whole model file is damaged in every place, and the numbers of the public calls are pushed to their
// ends.
#include <doctest/doctest.h>

#include <chrono>
#include <climits>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/model/sigma_config.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;
using Ids = std::vector<int32_t>;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string tiny_file() {
  static const std::string bytes = [] {
    const TempFolder folder;
    SigmaConfig c = tiny_config();
    c.n_layers = 1;
    c.dim = 32;
    c.ffn_dim = 32;
    c.augmented_q_dim = 32;
    write_tiny_gguf(make_tiny_model(c, 1), folder.file("t.gguf"), TinyType::q8_0);
    return read_file(folder.file("t.gguf"));
  }();
  return bytes;
}

// What loading these bytes and generating from them comes to: an error's text, or "".
std::string outcome(const TempFolder& folder, const std::string& bytes) {
  const std::string path = folder.file("m.gguf");
  write_file(path, bytes);
  try {
    LoadOptions options;
    options.n_threads = 1;
    const auto model = LanguageModel::load(path, options);
    GenerateOptions generate;
    generate.max_tokens = 2;
    const auto session = GenerationSession::create(model, 8);
    const Generation g = session->generate(Ids{0}, generate);
    CHECK(is_valid_utf8(g.text));
    const ChatMessage message{"user", "x"};
    model->tokenize(model->apply_chat_template({&message, 1}), true);
  } catch (const Error& e) {
    CHECK(e.kind() != ErrorKind::internal);
    const std::string text = e.what();
    CHECK_FALSE(text.empty());
    return text;
  }
  return "";
}

// Where the value of a metadata key stands: behind its text and type number.
size_t value_at(const std::string& bytes, const std::string& key) {
  const size_t at = bytes.find(key);
  REQUIRE(at != std::string::npos);
  return at + key.size() + 4;
}

template <typename T>
std::string with(std::string bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("hostile: a model file with any byte of its header changed loads or gives one error") {
  const TempFolder folder;
  const std::string bytes = tiny_file();
  REQUIRE(outcome(folder, bytes).empty());
  const size_t data = bytes.find("output_norm.weight");  // the last tensor's record: the data comes soon behind
  REQUIRE(data != std::string::npos);
  std::mt19937 random(5);
  int n_refused = 0;
  for (int round = 0; round < 250; ++round) {
    std::string damaged = bytes;
    for (int n = 1 + int(random() % 3); n > 0; --n) {
      const size_t at = random() % data;
      if (random() % 3 == 0 && at + 8 < data) {
        const uint64_t values[] = {0, UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 32, 0x7FFFFFFF, 0x80000000};
        std::memcpy(damaged.data() + at, &values[random() % 6], random() % 2 ? 8 : 4);
      } else {
        damaged[at] = static_cast<char>(random());
      }
    }
    n_refused += !outcome(folder, damaged).empty();
  }
  CHECK(n_refused > 50);
}

TEST_CASE("hostile: a model file cut anywhere gives one error") {
  const TempFolder folder;
  const std::string bytes = tiny_file();
  for (size_t n = 0; n < bytes.size(); n += 1 + bytes.size() / 150) CHECK_FALSE(outcome(folder, bytes.substr(0, n)).empty());
}

TEST_CASE("hostile: shapes that no model has are named before memory is taken for them") {
  const TempFolder folder;
  const std::string bytes = tiny_file();
  for (const char* key : {"sigma.block_count", "sigma.embedding_length", "sigma.feed_forward_length", "sigma.attention.head_count",
                          "sigma.attention.head_count_k", "sigma.attention.head_count_v", "sigma.attention.key_length",
                          "sigma.attention.value_length", "sigma.attention.augmented_q_length"}) {
    CAPTURE(key);
    const size_t at = value_at(bytes, key);
    for (const uint32_t value : {0u, 1u << 20, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
      if (value == 0 && contains(key, "augmented")) continue;  // none: its tensors are then too many
      CHECK_FALSE(outcome(folder, with(bytes, at, value)).empty());
    }
  }
}

TEST_CASE("hostile: special token ids outside the vocabulary are refused") {
  const TempFolder folder;
  const std::string bytes = tiny_file();
  const size_t at = value_at(bytes, "tokenizer.ggml.eos_token_id");
  for (const uint32_t id : {260u, 0x7FFFFFFFu, 0xFFFFFFFEu}) {
    const std::string said = outcome(folder, with(bytes, at, id));
    CAPTURE(said);
    CHECK(contains(said, "eos_token_id"));
  }
}

TEST_CASE("hostile: weights that are no numbers give an answer and an end") {
  const TempFolder folder;
  std::string bytes = tiny_file();
  for (size_t at = bytes.size() / 2; at + 2 < bytes.size(); at += 34) {
    bytes[at] = '\xff';
    bytes[at + 1] = '\x7f';  // NaN as f16
  }
  CHECK(outcome(folder, bytes).empty());
}

TEST_CASE("hostile: numbers of the public calls at and beyond their ends") {
  const TempFolder folder;
  write_file(folder.file("m.gguf"), tiny_file());
  const auto model = LanguageModel::load(folder.file("m.gguf"));
  for (const int n_ctx : {INT_MIN, -1, 0, 1, INT_MAX}) CHECK_THROWS_AS(GenerationSession::create(model, n_ctx), Error);
  const auto session = GenerationSession::create(model, 16);
  GenerateOptions options;
  options.max_tokens = 3;
  const auto refused = [&](auto change) {
    GenerateOptions bad = options;
    change(bad.sampling);
    CHECK_THROWS_AS(session->generate(Ids{1}, bad), Error);
  };
  const float nan = std::nanf(""), infinite = std::numeric_limits<float>::infinity();
  for (const float wrong : {nan, infinite, -infinite, -1.f}) {
    refused([&](SamplingOptions& s) { s.temperature = wrong; });
    refused([&](SamplingOptions& s) { s.top_p = wrong; });
    refused([&](SamplingOptions& s) { s.min_p = wrong; });
    refused([&](SamplingOptions& s) { s.repetition_penalty = wrong; });
  }
  refused([](SamplingOptions& s) { s.top_k = INT_MIN; });
  refused([](SamplingOptions& s) { s.repetition_window = -1; });
  for (const int32_t token : {INT32_MIN, -1, 260, INT32_MAX}) CHECK_THROWS_AS(session->generate(Ids{1, token}, options), Error);
  for (const int n : {INT_MIN, -1, 0}) {
    options.max_tokens = n;
    CHECK(session->generate(Ids{1}, options).tokens.empty());
  }
  options.max_tokens = INT_MAX;
  options.sampling = {.temperature = 100, .top_k = INT_MAX, .repetition_window = INT_MAX, .seed = UINT64_MAX};
  CHECK(session->generate(Ids{1}, options).tokens.size() <= 16);
}

TEST_CASE("hostile: messages and prompts of any bytes and a million equal characters") {
  const TempFolder folder;
  write_file(folder.file("m.gguf"), tiny_file());
  const auto model = LanguageModel::load(folder.file("m.gguf"));
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 37);
  const ChatMessage odd[] = {{std::string("u\0ser\n", 6), bytes}, {"", ""}};
  CHECK(model->tokenizer().decode(model->tokenize(bytes, true)) == bytes);
  CHECK_FALSE(model->tokenize(model->apply_chat_template(odd), true).empty());
  const auto start = std::chrono::steady_clock::now();
  CHECK(model->tokenize(std::string(1'000'000, 'a'), false).size() == 1'000'000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("hostile: grammars and schemas that stack, loop or overflow elsewhere") {
  const auto refused = [](const std::string& text, bool schema) {
    try {
      if (schema) {
        Grammar::from_json_schema(text);
      } else {
        Grammar::from_gbnf(text);
      }
    } catch (const Error& e) {
      return e.kind() == ErrorKind::invalid_input || e.kind() == ErrorKind::unsupported;
    }
    return false;
  };
  CHECK(refused("root ::= " + std::string(200'000, '(') + "\"a\"", false));
  CHECK(refused("root ::= \"a\"{1,99999999999999999999}", false));
  CHECK(refused("root ::= " + std::string(30, ' ') + std::string(70, '(') + "\"a\"", false));
  CHECK(refused("root ::= \"\\U7FFFFFFF\"", false));
  CHECK(refused(std::string("root ::= \"\0", 11), false));
  CHECK(refused(std::string(300'000, '['), true));
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += R"({"anyOf":[)";
  CHECK(refused(deep, true));
  CHECK(refused(R"({"type":"string","maxLength":1e300})", true));
  CHECK(refused(R"({"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807})", true));
  CHECK(refused(R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/missing"}}})", true));
}

TEST_CASE("hostile: every class of attack that the README lists names tests that there are") {
  const std::string root = std::string(SIGMA_SOURCE_ROOT) + "/";
  const std::string readme = read_file(root + "engine/README.md");
  const size_t begin = readme.find("| class | tests |");
  REQUIRE(begin != std::string::npos);
  std::string sources;
  for (const char* file : {"files/gguf_test.cpp", "files/hf_folder_test.cpp", "tokenizer/bpe_test.cpp", "tokenizer/sentencepiece_test.cpp",
                           "tokenizer/pre_tokenizer_test.cpp", "tokenizer/chat_template_test.cpp", "model/kv_file_test.cpp",
                           "model/sigma_config_test.cpp", "generate/hostile_test.cpp", "generate/grammar_test.cpp",
                           "generate/grammar_random_test.cpp"}) {
    sources += read_file(root + "tests/engine/" + file);
  }
  int n_classes = 0, n_tests = 0;
  for (const std::string_view line : split(std::string_view(readme).substr(begin), '\n')) {
    if (line.substr(0, 2) != "| ") break;
    if (contains(std::string(line), "| class |") || contains(std::string(line), "| --- |")) continue;
    ++n_classes;
    // Names stand between backquotes.
    const std::vector<std::string_view> parts = split(line, '`');
    CHECK(parts.size() >= 3);
    for (size_t i = 1; i < parts.size(); i += 2, ++n_tests) {
      CAPTURE(std::string(parts[i]));
      CHECK(sources.find("TEST_CASE(\"" + std::string(parts[i]) + "\")") != std::string::npos);
    }
  }
  CHECK(n_classes == 17);
  CHECK(n_tests >= 17);
}
