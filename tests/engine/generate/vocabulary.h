// tests/engine/generate/vocabulary.h: a small vocabulary whose tokens cut texts in awkward places.
#pragma once
#include <memory>

#include "engine/generate/token_trie.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/byte_level.h"

namespace test_support {

// All bytes, some longer tokens that cross JSON's borders and cut characters, and an end token.
inline std::unique_ptr<engine::Tokenizer> make_vocabulary(bool with_long = false) {
  using namespace engine;
  BpeDescription d;
  d.name = "test";
  for (int b = 0; b < 256; ++b) d.pieces.push_back(byte_level_encode(std::string(1, static_cast<char>(b))));
  for (const char* text : {"{\"", "\":", "\": ", "\",", ", \"", "\"}", "}}", "[]", "],", "true", "false", "null", "12", "34.", "e+",
                           "name", "a\"b", "\\u00", "\xe4\xb8", "\x96z", "\n  ", "  ", "-1", "0,", "yes", "no"}) {
    d.pieces.push_back(byte_level_encode(text));
  }
  if (with_long) {
    // Longer than what masks over repetitions share.
    for (const char* text : {"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa", "ab1ab1ab1ab1ab1ab1ab1", "                    ",
                             "aaaaaaaaaaaaaaaaaaaa\"", "aaaaaaaaaaaaaaa\"", "xxxxxxxxxxxxxxxxxxxxy", "abab", "bbbb"}) {
      d.pieces.push_back(byte_level_encode(text));
    }
  }
  d.kinds.assign(d.pieces.size(), TokenKind::normal);
  d.pieces.push_back("<end>");
  d.kinds.push_back(TokenKind::control);
  d.eos = static_cast<int32_t>(d.pieces.size() - 1);
  d.pre_tokenizer = {SplitStep::gpt2};
  return make_bpe_tokenizer(std::move(d));
}

inline const engine::Tokenizer& vocabulary() {
  static const auto one = make_vocabulary();
  return *one;
}
inline const engine::TokenTrie& trie() {
  static const engine::TokenTrie one(vocabulary());
  return one;
}
inline const engine::Tokenizer& long_vocabulary() {
  static const auto one = make_vocabulary(true);
  return *one;
}
inline const engine::TokenTrie& long_trie() {
  static const engine::TokenTrie one(long_vocabulary());
  return one;
}

}  // namespace test_support
