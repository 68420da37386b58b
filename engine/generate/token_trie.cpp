#include "engine/generate/token_trie.h"

#include <algorithm>

#include "engine/tokenizer/tokenizer.h"

namespace engine {

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : n_vocab_(tokenizer.n_vocab()) {
  for (int32_t token = 0; token < n_vocab_; ++token) {
    if (tokenizer.ends_generation(token)) {
      ends_.push_back(token);
      continue;
    }
    const std::string_view bytes = tokenizer.bytes(token);
    if (bytes.empty()) continue;
    entries_.push_back({bytes, token, 0});
    if (bytes.size() == 1) single_.set(static_cast<unsigned char>(bytes[0]));
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.bytes < b.bytes; });
  for (size_t i = 1; i < entries_.size(); ++i) {
    const std::string_view a = entries_[i - 1].bytes, b = entries_[i].bytes;
    const auto end = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
    entries_[i].n_common = static_cast<uint32_t>(end.first - a.begin());
  }
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
