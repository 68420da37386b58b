#include "engine/generate/prompt_lookup.h"

#include <algorithm>

namespace engine {
namespace {

constexpr size_t least = 3, longest = 15;
constexpr size_t most_places = 64;      // looked at for one guess
constexpr size_t most_agreeing = 32;    // tokens compared backwards
constexpr size_t wrong_in_a_row = 4, rest_passes = 12;

uint64_t pair_key(int32_t a, int32_t b) { return uint64_t{static_cast<uint32_t>(a)} << 32 | static_cast<uint32_t>(b); }

}  // namespace

void PromptLookup::clear() { *this = PromptLookup(); }

void PromptLookup::add(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) {
    if (rest_ > 0) --rest_;
    tokens_.push_back(token);
    before_.resize(tokens_.size() + 1);
    if (tokens_.size() < 2) continue;
    const auto end = static_cast<uint32_t>(tokens_.size());
    const auto [at, is_new] = latest_.try_emplace(pair_key(tokens_[end - 2], token), end);
    if (!is_new) {
      before_[end] = at->second;
      at->second = end;
    }
  }
}

// Tokens before `end` that are those before the end of the text.
size_t PromptLookup::n_agreeing(size_t end) const {
  size_t n = 0;
  while (n < most_agreeing && n < end && tokens_[end - 1 - n] == tokens_[tokens_.size() - 1 - n]) ++n;
  return n;
}

std::vector<int32_t> PromptLookup::guess(size_t most) const {
  size_t best = 0, best_agreeing = 0, n_places = 0;
  // The latest place of the last pair is the end itself: begin with the one before.
  for (uint32_t end = before_.empty() ? 0 : before_.back(); end != 0 && n_places < most_places; end = before_[end]) {
    const size_t n = n_agreeing(end);
    if (n > best_agreeing) {
      best = end;
      best_agreeing = n;
    }
    ++n_places;
  }
  std::vector<int32_t> out;
  if (best == 0) return out;
  // A pair alone is weak: it is worth a short guess.
  most = std::min(most, best_agreeing < 3 ? least : longest);
  const size_t period = tokens_.size() - best;
  while (out.size() < most) {
    out.push_back(out.size() < period ? tokens_[best + out.size()] : out[out.size() - period]);
  }
  return out;
}

void PromptLookup::checked(size_t n_guessed, size_t n_right) {
  if (n_guessed == 0) return;
  n_wrong_ = n_right == 0 ? n_wrong_ + 1 : 0;
  if (n_wrong_ >= wrong_in_a_row) {
    rest_ = rest_passes;
    n_wrong_ = 0;
  }
  length_ = n_right == n_guessed ? std::min(longest, std::max(length_, n_guessed) * 2) : std::max(least, n_right + 1);
}

}  // namespace engine
