// SentencePiece's kinds of tokenizer: joining by score or rank over characters, and unigram.
#include <doctest/doctest.h>

#include <limits>

#include "engine/base/error.h"
#include "engine/files/gguf.h"
#include "engine/files/model_file.h"
#include "engine/tokenizer/bpe.h"
#include "tests/support/gguf_bytes.h"

using engine::BpeDescription;
using engine::Error;
using engine::TokenKind;
using Ids = std::vector<int32_t>;
using Kind = BpeDescription::Kind;
using Prefix = BpeDescription::Prefix;

namespace {

// <unk> <s> </s>, the 256 bytes from 3 on, then pieces from 259 on.
BpeDescription description(Kind kind, std::initializer_list<std::pair<const char*, float>> pieces) {
  BpeDescription d;
  d.name = "small";
  d.kind = kind;
  d.pieces = {"<unk>", "<s>", "</s>"};
  d.kinds = {TokenKind::unknown, TokenKind::control, TokenKind::control};
  for (int b = 0; b < 256; ++b) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", b);
    d.pieces.emplace_back(text);
    d.kinds.push_back(TokenKind::byte);
  }
  d.scores.assign(d.pieces.size(), 0.0f);
  for (const auto& [piece, score] : pieces) {
    d.pieces.emplace_back(piece);
    d.kinds.push_back(TokenKind::normal);
    d.scores.push_back(score);
  }
  d.unknown = 0;
  d.bos = 1;
  d.eos = 2;
  d.byte_fallback = true;
  d.escapes_spaces = true;
  d.space_prefix = Prefix::always;
  return d;
}

constexpr int32_t space = 259, a = 260, b = 261, ab = 262, space_a = 263, aba = 264;
BpeDescription scored() {
  return description(Kind::scored, {{"\u2581", -9}, {"a", -8}, {"b", -7}, {"ab", -2}, {"\u2581a", -1}, {"aba", -3}});
}

std::string problem(BpeDescription d) {
  try {
    make_bpe_tokenizer(std::move(d));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("tokenizer/sentencepiece: the best score joins first, leftmost among equals") {
  const auto t = make_bpe_tokenizer(scored());
  CHECK(t->encode("ab", false) == Ids{space_a, b});  // "_a" scores above "ab"
  CHECK(t->encode("bab", false) == Ids{space, b, ab});
  CHECK(t->encode("baba", false) == Ids{space, b, aba});
  CHECK(t->encode("aa", false) == Ids{space_a, a});
}

TEST_CASE("tokenizer/sentencepiece: a space goes before the text, and comes off when read back") {
  const auto t = make_bpe_tokenizer(scored());
  CHECK(t->encode("a a", false) == Ids{space_a, space_a});
  CHECK(t->encode(" a", false) == Ids{space, space_a});
  CHECK(t->decode(t->encode(" a  b", false)) == " a  b");
  CHECK(t->encode("", false).empty());
  BpeDescription none = scored();
  none.space_prefix = Prefix::never;
  CHECK(make_bpe_tokenizer(none)->encode("ab", false) == Ids{ab});
  BpeDescription first = scored();
  first.space_prefix = Prefix::first;
  first.prefix_only_if_missing = true;
  CHECK(make_bpe_tokenizer(first)->encode("a<s>a", true) == Ids{space_a, 1, a});
  CHECK(make_bpe_tokenizer(first)->encode(" a", false) == Ids{space_a});
}

TEST_CASE("tokenizer/sentencepiece: characters outside the vocabulary become bytes, or one unknown token") {
  const auto t = make_bpe_tokenizer(scored());
  CHECK(t->encode("\u00E9", false) == Ids{space, 3 + 0xC3, 3 + 0xA9});
  CHECK(t->decode(t->encode("\xFF\u00E9\n", false)) == "\xFF\u00E9\n");
  CHECK(t->bytes(3 + 0x0A) == "\n");
  CHECK(t->encode("<s>", false) != Ids{1});  // text, not a control token
  CHECK(t->encode("<0x41>", false).size() > 1);
  BpeDescription no_bytes = scored();
  no_bytes.byte_fallback = false;
  no_bytes.fuse_unknown = true;
  CHECK(make_bpe_tokenizer(no_bytes)->encode("xya", false) == Ids{space, 0, a});
}

TEST_CASE("tokenizer/sentencepiece: unigram takes the split of the best total, the earlier start among equals") {
  const auto t = make_bpe_tokenizer(description(
      Kind::unigram, {{"\u2581", -4}, {"a", -5}, {"b", -5}, {"ab", -6}, {"ba", -3}, {"aba", -30}, {"\u2581ab", -7.5f}}));
  CHECK(t->encode("ab", false) == Ids{265});
  CHECK(t->encode("aba", false) == Ids{space, a, 263});  // -12 against -12.5 and -34
  CHECK(t->encode("\u00E9", false) == Ids{space, 3 + 0xC3, 3 + 0xA9});
}

TEST_CASE("tokenizer/sentencepiece: a million equal characters take no recursion and n log n") {
  const std::string text(1 << 20, 'a');
  CHECK(make_bpe_tokenizer(scored())->encode(text, false).size() == 1 << 20);
  const auto unigram = make_bpe_tokenizer(description(Kind::unigram, {{"\u2581", -4}, {"a", -5}, {"aa", -6}}));
  CHECK(unigram->encode(text, false).size() == (1 << 19) + 1);
}

TEST_CASE("tokenizer/sentencepiece: scores that are missing or no numbers, and byte tokens spelled wrong, are refused") {
  BpeDescription d = scored();
  d.scores.pop_back();
  CHECK(problem(d).find("scores") != std::string::npos);
  d = scored();
  d.scores[260] = std::numeric_limits<float>::quiet_NaN();
  CHECK(problem(d).find("scores") != std::string::npos);
  for (const char* wrong : {"<0x-1>", "<0x1>", "<0x100>", "<0xG0>", "<0x 1>", ""}) {
    d = scored();
    d.pieces[10] = wrong;
    CHECK(problem(d).find("token 10 is of type byte") != std::string::npos);
  }
}

TEST_CASE("tokenizer/sentencepiece: merges in a circle end") {
  BpeDescription d = scored();
  d.kind = Kind::characters;
  d.space_prefix = Prefix::never;
  d.merges = {{"a", "b"}, {"ab", "a"}, {"a", "b"}, {"aba", ""}, {"", "aba"}, {"ab", "ab"}};
  CHECK(make_bpe_tokenizer(d)->encode("ababab", false) == Ids{ab, ab, ab});
}

TEST_CASE("tokenizer/sentencepiece: a GGUF file's pieces, scores and types") {
  using test_support::GgufBytes;
  const auto write = [](GgufBytes& g, uint64_t n_scores) -> GgufBytes& {
    g.header(0, 4).value_string("tokenizer.ggml.model", "llama");
    g.string("tokenizer.ggml.tokens").u32(9).u32(8).u64(4).string("<unk>").string("a").string("b").string("ab");
    g.string("tokenizer.ggml.scores").u32(9).u32(6).u64(n_scores);
    for (uint64_t i = 0; i < n_scores; ++i) g.number(-1.0f);
    return g.string("tokenizer.ggml.token_type").u32(9).u32(5).u64(4).u32(2).u32(1).u32(1).u32(1);
  };
  GgufBytes good, bad;
  const auto t = engine::Tokenizer::load(*engine::parse_gguf(write(good, 4).span(), "m.gguf"));
  CHECK(t->encode("ab", false) == Ids{0, 3});
  CHECK(t->adds_space());
  CHECK_THROWS_AS(engine::Tokenizer::load(*engine::parse_gguf(write(bad, 3).span(), "m.gguf")), Error);
}

TEST_CASE("tokenizer/sentencepiece: tokenizer.json of Llama 2, Gemma and unigram models") {
  const std::string vocabulary = R"("vocab":{"<unk>":0,"\u2581":1,"a":2,"b":3,"ab":4,"\u2581ab":5},
    "merges":[["a","b"],["\u2581","ab"]],"unk_token":"<unk>","fuse_unk":true)";
  const auto llama = engine::Tokenizer::from_hf_json(R"({"model":{"type":"BPE",)" + vocabulary + R"(},"normalizer":{"type":"Sequence",
    "normalizers":[{"type":"Prepend","prepend":"\u2581"},{"type":"Replace","pattern":{"String":" "},"content":"\u2581"}]}})", "t.json");
  CHECK(llama->encode("ab ab", false) == Ids{5, 5});
  CHECK(llama->encode("abxyz", false) == Ids{5, 0});
  CHECK(llama->decode(Ids{5, 5}) == "ab ab");
  const auto gemma = engine::Tokenizer::from_hf_json(R"({"model":{"type":"BPE",)" + vocabulary + R"(},
    "normalizer":{"type":"Replace","pattern":{"String":" "},"content":"\u2581"},
    "pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious"}})", "t.json");
  CHECK(gemma->encode("ab ab", false) == Ids{4, 5});
  const auto unigram = engine::Tokenizer::from_hf_json(R"({"model":{"type":"Unigram","unk_id":0,"vocab":
    [["<unk>",0],["\u2581",-2],["a",-3],["ab",-3.5],["\u2581a",-2.5]]},"pre_tokenizer":{"type":"Metaspace",
    "replacement":"\u2581","prepend_scheme":"always","split":true}})", "t.json");
  CHECK(unigram->encode("ab a", false) == Ids{1, 3, 4});
  CHECK_THROWS_AS(engine::Tokenizer::from_hf_json(R"({"model":{"type":"Unigram","vocab":[["a"]]}})", "t.json"), Error);
  CHECK_THROWS_AS(engine::Tokenizer::from_hf_json(R"({"model":{"type":"Unigram","unk_id":7,"vocab":[["a",1]]}})", "t.json"), Error);
}

TEST_CASE("tokenizer/sentencepiece: types of another element type are checked, a table that rewrites text is refused") {
  using test_support::GgufBytes;
  const auto problem = [](const GgufBytes& file) -> std::string {
    try {
      engine::Tokenizer::load(*engine::parse_gguf(file.span(), "m.gguf"));
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const auto begin = [](GgufBytes& g, uint64_t n_values, const char* model) -> GgufBytes& {
    g.header(0, n_values).value_string("tokenizer.ggml.model", model);
    return g.string("tokenizer.ggml.tokens").u32(9).u32(8).u64(2).string("a").string("b");
  };
  // Two bytes where two floats are wanted: read as what they are, never past their end.
  GgufBytes bytes, texts, types, map;
  begin(bytes, 3, "llama").string("tokenizer.ggml.scores").u32(9).u32(0).u64(2).number(uint8_t{1}).number(uint8_t{2});
  CHECK(problem(bytes).find("past") == std::string::npos);
  begin(texts, 3, "llama").string("tokenizer.ggml.scores").u32(9).u32(8).u64(2).string("1").string("2");
  CHECK(problem(texts).find("tokenizer.ggml.scores") != std::string::npos);
  begin(types, 4, "llama").string("tokenizer.ggml.scores").u32(9).u32(6).u64(2).number(0.f).number(0.f);
  types.string("tokenizer.ggml.token_type").u32(9).u32(6).u64(2).number(1.f).number(1.f);
  CHECK(problem(types).find("tokenizer.ggml.token_type") != std::string::npos);
  begin(map, 4, "t5").string("tokenizer.ggml.scores").u32(9).u32(6).u64(2).number(0.f).number(0.f);
  map.string("tokenizer.ggml.precompiled_charsmap").u32(9).u32(0).u64(4).u32(0xFFFFFFFF);
  CHECK(problem(map).find("precompiled_charsmap") != std::string::npos);
}
