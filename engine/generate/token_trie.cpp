#include "engine/generate/token_trie.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

size_t common_length(std::string_view a, std::string_view b) {
  const size_t n = std::min(a.size(), b.size());
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin());
}

}  // namespace

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : n_vocab_(tokenizer.n_vocab()) {
  for (int32_t token = 0; token < n_vocab_; ++token) {
    if (tokenizer.ends_generation(token)) {
      ends_.push_back(token);
      continue;
    }
    const std::string_view bytes = tokenizer.bytes(token);
    if (bytes.empty()) continue;
    entries_.push_back({bytes, token});
    if (bytes.size() == 1) single_.set(static_cast<unsigned char>(bytes[0]));
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.bytes != b.bytes ? a.bytes < b.bytes : a.token < b.token; });
  add_nodes();
}

// An entry opens the nodes of the bytes that it does not share with the one before; those that are open
// and not shared end there.
void TokenTrie::add_nodes() {
  size_t n_bytes = 0;
  std::string_view before;
  for (const Entry& entry : entries_) {
    n_bytes += entry.bytes.size() - common_length(before, entry.bytes);
    before = entry.bytes;
  }
  CHECK_INVARIANT(n_bytes < UINT32_MAX && entries_.size() < UINT32_MAX);
  nodes_.reserve(n_bytes);
  std::vector<uint32_t> open;
  before = {};
  for (size_t i = 0; i < entries_.size(); ++i) {
    const std::string_view bytes = entries_[i].bytes;
    const size_t n_common = i > 0 ? common_length(before, bytes) : 0;
    for (; open.size() > n_common; open.pop_back()) nodes_[open.back()].end = static_cast<uint32_t>(nodes_.size());
    while (open.size() < bytes.size()) {
      open.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(i), static_cast<uint32_t>(open.size()), 0,
                        static_cast<uint8_t>(bytes[open.size() - 1])});
    }
    depth_ = std::max(depth_, static_cast<uint32_t>(bytes.size()));
    ++nodes_[open.back()].n_tokens;
    before = bytes;
  }
  for (const uint32_t node : open) nodes_[node].end = static_cast<uint32_t>(nodes_.size());
}

int32_t TokenTrie::longest_token(std::string_view text) const {
  for (size_t n = std::min<size_t>(text.size(), 64); n > 0; --n) {
    const std::string_view wanted = text.substr(0, n);
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), wanted,
                                     [](const Entry& entry, std::string_view bytes) { return entry.bytes < bytes; });
    if (at != entries_.end() && at->bytes == wanted) return at->token;
  }
  return -1;
}

}  // namespace engine
