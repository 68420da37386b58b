#include "engine/generate/token_set.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace engine {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

TokenSet::TokenSet(std::span<const uint64_t> bits) {
  size_t n = 0;
  for (const uint64_t word : bits) n += static_cast<size_t>(std::popcount(word));
  if (n > bits.size()) {  // more than one of 64
    bits_.assign(bits.begin(), bits.end());
    return;
  }
  few_.reserve(n);
  for (size_t i = 0; i < bits.size(); ++i) {
    for (uint64_t word = bits[i]; word != 0; word &= word - 1) {
      few_.push_back(static_cast<int32_t>(i * 64 + static_cast<size_t>(std::countr_zero(word))));
    }
  }
}

void TokenSet::add_to(std::span<uint64_t> bits) const {
  for (const int32_t token : few_) bits[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
  for (size_t i = 0; i < bits_.size(); ++i) bits[i] |= bits_[i];
}

void TokenSet::keep(std::span<float> logits) const {
  if (bits_.empty()) {
    size_t next = 0;
    for (const int32_t token : few_) {
      if (static_cast<size_t>(token) >= logits.size()) break;
      std::fill(logits.begin() + static_cast<std::ptrdiff_t>(next), logits.begin() + token, never);
      next = static_cast<size_t>(token) + 1;
    }
    std::fill(logits.begin() + static_cast<std::ptrdiff_t>(std::min(next, logits.size())), logits.end(), never);
    return;
  }
  for (size_t begin = 0; begin < logits.size(); begin += 64) {
    const uint64_t word = begin / 64 < bits_.size() ? bits_[begin / 64] : 0;
    if (word == ~uint64_t{0}) continue;
    const std::span<float> part = logits.subspan(begin, std::min<size_t>(64, logits.size() - begin));
    if (word == 0) {
      std::fill(part.begin(), part.end(), never);
      continue;
    }
    for (uint64_t out = ~word; out != 0; out &= out - 1) {
      const auto i = static_cast<size_t>(std::countr_zero(out));
      if (i >= part.size()) break;
      part[i] = never;
    }
  }
}

}  // namespace engine
