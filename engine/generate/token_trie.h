// engine/generate/token_trie.h: a vocabulary in the order of its bytes, so that a walk over all tokens
// shares the work of their common beginnings.
#pragma once
#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

namespace engine {

class Tokenizer;

class TokenTrie {
 public:
  explicit TokenTrie(const Tokenizer& tokenizer);  // which must live longer

  struct Entry {
    std::string_view bytes;
    int32_t token;
    uint32_t n_common;  // bytes shared with the entry before
  };
  const std::vector<Entry>& entries() const { return entries_; }     // tokens that stand for bytes
  const std::vector<int32_t>& ends() const { return ends_; }         // tokens that end generation
  const std::bitset<256>& single_bytes() const { return single_; }   // those that are a token of their own
  int n_vocab() const { return n_vocab_; }
  // The longest token at the beginning of text; -1: none.
  int32_t longest_token(std::string_view text) const;

 private:
  std::vector<Entry> entries_;
  std::vector<int32_t> ends_;
  std::bitset<256> single_;
  int n_vocab_ = 0;
};

}  // namespace engine
