#include "engine/tokenizer/wordpiece.h"

#include <doctest/doctest.h>

#include "engine/base/error.h"

using engine::Error;
using engine::TokenKind;
using Ids = std::vector<int32_t>;

namespace {

constexpr const char* vocabulary = R"("vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"un":4,"##able":5,"##a":6,"a":7,
  ",":8,"caf":9,"##e":10,"\u4e2d":11,"\u6587":12,"##b":13,"ab":14})";

std::string json(const std::string& normalizer, const std::string& vocab = vocabulary) {
  return R"({"normalizer":)" + normalizer + R"(,"pre_tokenizer":{"type":"BertPreTokenizer"},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,)" + vocab + "}}";
}
constexpr const char* uncased = R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true})";

}  // namespace

TEST_CASE("tokenizer/wordpiece: the longest pieces from the left, or the whole word unknown") {
  const auto t = engine::Tokenizer::from_hf_json(json(uncased), "t.json");
  CHECK(t->encode("unable", false) == Ids{4, 5});
  CHECK(t->encode("ab aab", false) == Ids{14, 7, 6, 13});
  CHECK(t->encode("unx a", false) == Ids{1, 7});
  CHECK(t->encode("aaaaaaaaaaa", false) == Ids{1});  // 11 characters
  CHECK(t->encode("aaaaaaaaaa", false).size() == 10);
  CHECK(t->encode("", false).empty());
}

TEST_CASE("tokenizer/wordpiece: case, accents, control characters and ideographs as the file asks") {
  const auto t = engine::Tokenizer::from_hf_json(json(uncased), "t.json");
  CHECK(t->encode("CAF\u00C9,A", false) == Ids{9, 10, 8, 7});
  CHECK(t->encode("a\u00ADb\u200B \x01", false) == Ids{14});  // soft hyphen and zero-width space go
  CHECK(t->encode("\u4e2d\u6587", false) == Ids{11, 12});
  CHECK(t->encode("a\tb\u00A0a", false) == Ids{7, 1, 7});
  const auto cased = engine::Tokenizer::from_hf_json(json(R"({"type":"BertNormalizer","lowercase":false})"), "t.json");
  CHECK(cased->encode("A a", false) == Ids{1, 7});
}

TEST_CASE("tokenizer/wordpiece: control tokens are never made from text; pieces read back as text") {
  const auto t = engine::Tokenizer::from_hf_json(json(uncased), "t.json");
  for (const int32_t id : t->encode("[CLS] [SEP]", true)) CHECK(t->kind(id) != TokenKind::control);
  CHECK(t->bos() == 2);
  CHECK(t->eos() == 3);
  CHECK(t->decode(Ids{2, 4, 5, 7, 3}) == "unable a");
  CHECK(t->bytes(99).empty());
}

TEST_CASE("tokenizer/wordpiece: wrong vocabularies and other normalizers are refused") {
  const auto problem = [](const std::string& text) -> std::string {
    try {
      engine::Tokenizer::from_hf_json(text, "t.json");
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK(problem(json(uncased, R"("vocab":{"a":0})")).find("[CLS]") != std::string::npos);
  CHECK(problem(json(uncased, R"("vocab":{"a":0,"b":0})")).find("ids") != std::string::npos);
  CHECK(problem(json(uncased, R"("vocab":{"a":4294967296})")).find("ids") != std::string::npos);
  CHECK(problem(json(uncased, R"("vocab":[])")).find("no pieces") != std::string::npos);
  CHECK(problem(json(R"({"type":"NFKC"})")).find("normalizer") != std::string::npos);
}
