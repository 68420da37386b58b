// engine/generate/token_set.h: some tokens of a vocabulary: a list while they are few, else a bit for each.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

class TokenSet {
 public:
  TokenSet() = default;
  // bits: one for each token of the vocabulary, 64 a word.
  explicit TokenSet(std::span<const uint64_t> bits);

  void add_to(std::span<uint64_t> bits) const;
  // -infinity wherever a token is not in the set.
  void keep(std::span<float> logits) const;
  size_t size_bytes() const { return few_.size() * sizeof(int32_t) + bits_.size() * sizeof(uint64_t); }

 private:
  std::vector<int32_t> few_;
  std::vector<uint64_t> bits_;  // empty: they are in few_
};

}  // namespace engine
