// engine/tokenizer/merges.h: the parts that tokenizers are made of: a table of merges, the joining of
// one word, and finding pieces in text.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engine {

// (left token, right token) -> rank and joined token; open addressing, built once.
class MergeTable {
 public:
  struct Merge {
    uint64_t pair = kEmpty;
    int32_t rank = 0;
    int32_t joined = 0;
  };

  explicit MergeTable(size_t n) {
    size_t size = 16;
    while (size < n * 2) size *= 2;
    slots_.resize(size);
  }
  // The first of equal pairs stays: it has the better rank.
  void add(int32_t left, int32_t right, int32_t rank, int32_t joined) {
    Merge& slot = slots_[place(key(left, right))];
    if (slot.pair == kEmpty) slot = {key(left, right), rank, joined};
  }
  const Merge* find(int32_t left, int32_t right) const {
    const Merge& slot = slots_[place(key(left, right))];
    return slot.pair == kEmpty ? nullptr : &slot;
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // no pair: ids are below 2^31

  static uint64_t key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t pair) const {
    // The finaliser of splitmix64; seeded by an address, so that no file can aim at collisions.
    uint64_t h = pair ^ reinterpret_cast<uintptr_t>(slots_.data());
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ull;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBull;
    h ^= h >> 31;
    const size_t mask = slots_.size() - 1;
    size_t at = h & mask;
    while (slots_[at].pair != kEmpty && slots_[at].pair != pair) at = (at + 1) & mask;
    return at;
  }

  std::vector<Merge> slots_;
};

// Pieces of added tokens, to be found in text: the longest that begins at a position.
class PieceTrie {
 public:
  PieceTrie() : nodes_(1) { begins_.fill(false); }

  void add(std::string_view piece, int32_t token) {
    if (piece.empty()) return;
    begins_[static_cast<unsigned char>(piece[0])] = true;
    size_t node = 0;
    for (const char c : piece) {
      const uint64_t edge = static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(c);
      const auto [at, is_new] = edges_.try_emplace(edge, nodes_.size());
      if (is_new) nodes_.push_back(-1);
      node = at->second;
    }
    nodes_[node] = token;
  }

  struct Match {
    int32_t token = -1;
    size_t length = 0;
  };
  Match longest_at(std::string_view text, size_t at) const {
    Match best;
    if (!begins_[static_cast<unsigned char>(text[at])]) return best;
    size_t node = 0;
    for (size_t i = at; i < text.size(); ++i) {
      const auto edge = edges_.find(static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(text[i]));
      if (edge == edges_.end()) break;
      node = edge->second;
      if (nodes_[node] >= 0) best = {nodes_[node], i + 1 - at};
    }
    return best;
  }
  // Every piece that begins there, shortest first: each(token, length).
  template <typename Each>
  void each_at(std::string_view text, size_t at, const Each& each) const {
    if (!begins_[static_cast<unsigned char>(text[at])]) return;
    size_t node = 0;
    for (size_t i = at; i < text.size(); ++i) {
      const auto edge = edges_.find(static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(text[i]));
      if (edge == edges_.end()) return;
      node = edge->second;
      if (nodes_[node] >= 0) each(nodes_[node], i + 1 - at);
    }
  }

 private:
  std::vector<int32_t> nodes_;  // token that ends here, or -1
  std::unordered_map<uint64_t, size_t> edges_;
  std::array<bool, 256> begins_;
};

// Joins the symbols of one word, best rank first, leftmost among equals. A heap over a linked list:
// n log n however long the word is.
class WordMerger {
 public:
  explicit WordMerger(const MergeTable& merges) : merges_(merges) {}

  // symbols: token ids of the single bytes. Appends the result to out.
  void merge(const std::vector<int32_t>& symbols, std::vector<int32_t>& out) {
    const auto n = static_cast<int32_t>(symbols.size());
    nodes_.resize(symbols.size());
    candidates_.clear();
    for (int32_t i = 0; i < n; ++i) nodes_[i] = {symbols[i], i - 1, i + 1 < n ? i + 1 : -1};
    for (int32_t i = 0; i + 1 < n; ++i) offer(i, false);
    std::make_heap(candidates_.begin(), candidates_.end(), later);
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end(), later);
      const Candidate best = candidates_.back();
      candidates_.pop_back();
      if (still_there(best)) join(best);
    }
    for (int32_t i = 0; i >= 0 && n > 0; i = nodes_[i].next) out.push_back(nodes_[i].token);
  }

 private:
  struct Node {
    int32_t token, previous, next;  // token -1: swallowed by its left neighbour
  };
  struct Candidate {
    int32_t rank, position, left, right, joined;
  };
  static bool later(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  }

  void offer(int32_t position, bool keep_heap) {
    const Node& node = nodes_[position];
    if (node.next < 0) return;
    const int32_t right = nodes_[node.next].token;
    const auto* merge = merges_.find(node.token, right);
    if (merge == nullptr) return;
    candidates_.push_back({merge->rank, position, node.token, right, merge->joined});
    if (keep_heap) std::push_heap(candidates_.begin(), candidates_.end(), later);
  }

  bool still_there(const Candidate& c) const {
    const Node& node = nodes_[c.position];
    return node.token == c.left && node.next >= 0 && nodes_[node.next].token == c.right;
  }

  void join(const Candidate& c) {
    Node& node = nodes_[c.position];
    Node& right = nodes_[node.next];
    node.token = c.joined;
    node.next = right.next;
    right.token = -1;
    if (node.next >= 0) nodes_[node.next].previous = c.position;
    offer(c.position, true);
    if (node.previous >= 0) offer(node.previous, true);
  }

  const MergeTable& merges_;
  std::vector<Node> nodes_;
  std::vector<Candidate> candidates_;
};

}  // namespace engine
