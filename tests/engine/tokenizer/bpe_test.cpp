#include "engine/tokenizer/bpe.h"

#include <doctest/doctest.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/gguf.h"
#include "engine/files/model_file.h"
#include "engine/tokenizer/byte_level.h"
#include "tests/support/gguf_bytes.h"

using engine::BpeDescription;
using engine::Error;
using engine::SplitStep;
using engine::TokenKind;
using Ids = std::vector<int32_t>;

namespace {

// All 256 bytes, then the merges' results, then <|im_end|> (control) and <tab> (user-defined).
BpeDescription small_description() {
  BpeDescription d;
  d.name = "small";
  for (int b = 0; b < 256; ++b) d.pieces.push_back(engine::byte_level_encode(std::string(1, static_cast<char>(b))));
  const std::pair<const char*, const char*> merges[] = {{"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"},
                                                        {"a", "a"}, {"aa", "aa"}};
  for (const auto& [left, right] : merges) {
    d.merges.emplace_back(left, right);
    d.pieces.push_back(std::string(left) + right);
  }
  d.kinds.assign(d.pieces.size(), TokenKind::normal);
  d.pieces.push_back("<|im_end|>");
  d.kinds.push_back(TokenKind::control);
  d.pieces.push_back("<tab>");
  d.kinds.push_back(TokenKind::user_defined);
  d.pre_tokenizer = {SplitStep::gpt2};
  return d;
}

constexpr int32_t he = 256, ll = 257, hello = 259, aa = 260, aaaa = 261, im_end = 262, tab = 263;

}  // namespace

TEST_CASE("tokenizer/bpe: merges join by rank, leftmost first") {
  const auto t = make_bpe_tokenizer(small_description());
  CHECK(t->encode("hello", false) == Ids{hello});
  CHECK(t->encode("he", false) == Ids{he});
  CHECK(t->encode("aaa", false) == Ids{aa, 'a'});
  CHECK(t->encode("aaaaaaa", false) == Ids{aaaa, aa, 'a'});
  CHECK(t->encode("hell", false).size() == 1);
  CHECK(t->encode("", false).empty());
  CHECK(t->encode("hlle", false) == Ids{'h', ll, 'e'});
}

TEST_CASE("tokenizer/bpe: any bytes come back") {
  const auto t = make_bpe_tokenizer(small_description());
  std::string text;
  uint32_t x = 1;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>((x = x * 1664525u + 1013904223u) >> 24);
  CHECK(t->decode(t->encode(text, false)) == text);
  CHECK(t->decode(t->encode(std::string("\0a\0", 3), true)) == std::string("\0a\0", 3));
}

TEST_CASE("tokenizer/bpe: control tokens are parsed only when asked, user-defined ones always") {
  const auto t = make_bpe_tokenizer(small_description());
  CHECK(t->encode("hello<|im_end|>hello", true) == Ids{hello, im_end, hello});
  CHECK(t->encode("<|im_end|>", false).size() > 1);
  CHECK(t->encode("a<tab>a", false) == Ids{'a', tab, 'a'});
  CHECK(t->encode("<|im_en<|im_end|>", true).back() == im_end);
  CHECK(t->bytes(im_end) == "");
  CHECK(t->bytes(tab) == "<tab>");
  CHECK(t->decode(Ids{hello, im_end}) == "hello");
  CHECK(t->decode(Ids{hello, im_end}, true) == "hello<|im_end|>");
}

TEST_CASE("tokenizer/bpe: the longest added token at a place wins") {
  BpeDescription d = small_description();
  d.pieces.push_back("<tab><tab>");
  d.kinds.push_back(TokenKind::user_defined);
  const auto t = make_bpe_tokenizer(std::move(d));
  CHECK(t->encode("<tab><tab><tab>", false) == Ids{264, tab});
}

TEST_CASE("tokenizer/bpe: end of generation is EOS and the known end-of-turn pieces") {
  BpeDescription d = small_description();
  d.eos = 'x';
  const auto t = make_bpe_tokenizer(std::move(d));
  CHECK(t->ends_generation('x'));
  CHECK(t->ends_generation(im_end));
  CHECK_FALSE(t->ends_generation(tab));
  CHECK_FALSE(t->ends_generation(-1));
}

TEST_CASE("tokenizer/bpe: a word of a million letters is merged in n log n") {
  const auto t = make_bpe_tokenizer(small_description());
  const Ids ids = t->encode(std::string(1'000'000, 'a'), false);
  CHECK(ids.size() == 250'000);
}

TEST_CASE("tokenizer/bpe: ids outside the vocabulary are refused or give nothing") {
  BpeDescription d = small_description();
  d.bos = 1000;
  CHECK_THROWS_AS(make_bpe_tokenizer(std::move(d)), Error);
  BpeDescription short_kinds = small_description();
  short_kinds.kinds.pop_back();
  CHECK_THROWS_AS(make_bpe_tokenizer(std::move(short_kinds)), Error);
  const auto t = make_bpe_tokenizer(small_description());
  CHECK(t->piece(-1) == "");
  CHECK(t->bytes(1 << 30) == "");
}

TEST_CASE("tokenizer/bpe: ignore_merges takes a whole word, merges outside the vocabulary are left out") {
  BpeDescription d = small_description();
  d.pieces.push_back("xyz");
  d.kinds.push_back(TokenKind::normal);
  d.merges.emplace_back("q", "nothing");
  d.ignore_merges = true;
  const auto t = make_bpe_tokenizer(std::move(d));
  CHECK(t->encode("xyz", false) == Ids{264});
}

TEST_CASE("tokenizer/utf8_stream: cut sequences wait, wrong bytes show as U+FFFD") {
  engine::Utf8Stream s;
  CHECK(s.add("a\xe4") == "a");
  CHECK(s.add("\xb8") == "");
  CHECK(s.add("\x96!") == "\u4e16!");
  CHECK(s.add("\xff" "b") == "\uFFFD" "b");
  CHECK(s.add("\xf0\x9f") == "");
  CHECK(engine::is_valid_utf8(s.finish()));
  CHECK(s.finish() == "");
}

TEST_CASE("tokenizer/gguf: wrong vocabularies give one error") {
  using test_support::GgufBytes;
  const auto problem = [](const GgufBytes& b) -> std::string {
    try {
      engine::Tokenizer::load(*engine::parse_gguf(b.span(), "m.gguf"));
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const auto tokens = [](GgufBytes& b) -> GgufBytes& {
    b.value_string("tokenizer.ggml.model", "gpt2");
    return b.string("tokenizer.ggml.tokens").u32(9).u32(8).u64(2).string("a").string("b");
  };
  const auto merges = [](GgufBytes& b, const char* merge) -> GgufBytes& {
    return b.string("tokenizer.ggml.merges").u32(9).u32(8).u64(1).string(merge);
  };
  CHECK(contains(problem(GgufBytes().header(0, 0)), "no tokenizer"));
  CHECK(contains(problem(GgufBytes().header(0, 1).value_string("tokenizer.ggml.model", "none")), "no tokenizer"));
  CHECK(contains(problem(GgufBytes().header(0, 1).value_string("tokenizer.ggml.model", "rwkv")), "\"rwkv\""));
  CHECK(contains(problem(GgufBytes().header(0, 1).value_string("tokenizer.ggml.model", "gpt2")), "tokens is missing"));
  GgufBytes no_merges, bad_merge, pre, id, types;
  CHECK(contains(problem(tokens(no_merges.header(0, 2))), "no tokenizer.ggml.merges"));
  CHECK(contains(problem(merges(tokens(bad_merge.header(0, 3)), "ab")), "merge 0"));
  CHECK(contains(problem(merges(tokens(pre.header(0, 4)), "a b").value_string("tokenizer.ggml.pre", "other")), "\"other\""));
  CHECK(contains(problem(merges(tokens(id.header(0, 4)), "a b").value_u32("tokenizer.ggml.eos_token_id", 2)),
                 "eos_token_id is 2"));
  merges(tokens(types.header(0, 4)), "a b").string("tokenizer.ggml.token_type").u32(9).u32(5).u64(1).u32(1);
  CHECK(contains(problem(types), "1 token types for 2 tokens"));
}

TEST_CASE("tokenizer/hf: a tokenizer.json is read") {
  const auto t = engine::Tokenizer::from_hf_json(R"({
    "added_tokens": [{"id": 6, "content": "<s>", "special": true}],
    "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false}]},
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ã": 3, "©": 4, "1": 5},
              "merges": [["a", "b"], "Ã ©"]}})", "t.json");
  CHECK(t->n_vocab() == 7);
  CHECK(t->encode("ab", false) == Ids{2});
  CHECK(t->encode("<s>1", true) == Ids{6, 5});
  CHECK(t->encode("e\u0301", false) == Ids{3, 4});  // composed to U+00E9
  CHECK(t->adds_bos());
  CHECK(t->bos() == 6);
}

TEST_CASE("tokenizer/hf: what is wrong or not read is said") {
  const auto problem = [](const char* text) -> std::string {
    try {
      engine::Tokenizer::from_hf_json(text, "t.json");
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(contains(problem("{"), "not valid JSON"));
  CHECK(contains(problem("[]"), "no model"));
  CHECK(contains(problem(R"({"model":{"type":"WordLevel"}})"), "WordLevel"));
  CHECK(contains(problem(R"({"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}})"), "outside"));
  CHECK(contains(problem(R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})"), "token id"));
  CHECK(contains(problem(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})"), "merge 0"));
  CHECK(contains(problem(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Whitespace"}})"),
                 "Whitespace"));
  CHECK(contains(problem(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":
    {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated"},{"type":"ByteLevel"}]}})"),
                 "split pattern"));
}
