// engine/generate/token_trie.h: a vocabulary by its bytes, so that a walk over all tokens shares the work
// of their common beginnings and passes over what begins with bytes that do not fit.
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

  // A token that stands for bytes; those of equal bytes stand together.
  struct Entry {
    std::string_view bytes;
    int32_t token;
  };
  // The nodes in the order of a walk that goes deep first. A node's tokens are n_tokens entries from
  // `entry` on; of all entries below it, too, the first is there, the last before that of `end`.
  struct Node {
    uint32_t end;        // the first node that is not below this one
    uint32_t entry;
    uint32_t depth;      // bytes from the root, 1 and up
    uint32_t n_tokens;   // of exactly these bytes
    uint8_t byte;        // the last of them
  };
  const std::vector<Entry>& entries() const { return entries_; }     // in the order of their bytes
  const std::vector<Node>& nodes() const { return nodes_; }
  uint32_t depth() const { return depth_; }                          // of the longest token
  const std::vector<int32_t>& ends() const { return ends_; }         // tokens that end generation
  const std::bitset<256>& single_bytes() const { return single_; }   // those that are a token of their own
  int n_vocab() const { return n_vocab_; }
  // Entries [entry of node i, this) are below node i or its own.
  uint32_t entries_end(const Node& node) const {
    return node.end < nodes_.size() ? nodes_[node.end].entry : static_cast<uint32_t>(entries_.size());
  }
  // The longest token at the beginning of text; -1: none.
  int32_t longest_token(std::string_view text) const;

 private:
  void add_nodes();

  std::vector<Entry> entries_;
  std::vector<Node> nodes_;
  std::vector<int32_t> ends_;
  std::bitset<256> single_;
  uint32_t depth_ = 0;
  int n_vocab_ = 0;
};

}  // namespace engine
