#include "app/diagnosis/literal_matcher.h"

#include <algorithm>
#include <cctype>
#include <deque>

namespace app::diagnosis {
namespace {

constexpr uint32_t has_output = 0x8000'0000;
constexpr uint32_t no_state = 0x7fff'ffff;

uint8_t folded(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 128 ? static_cast<uint8_t>(std::tolower(byte)) : byte;
}

}  // namespace

LiteralMatcher::LiteralMatcher(const std::vector<std::string>& literals) {
  for (const std::string& literal : literals)
    for (char c : literal)
      if (class_of_[folded(c)] == 0) class_of_[folded(c)] = static_cast<uint8_t>(n_classes_++);
  for (int c = 'A'; c <= 'Z'; c++) class_of_[c] = class_of_[std::tolower(c)];

  // The trie of all literals.
  auto new_state = [&] {
    next_.insert(next_.end(), n_classes_, no_state);
    outputs_.emplace_back();
    return static_cast<uint32_t>(outputs_.size() - 1);
  };
  new_state();
  for (size_t i = 0; i < literals.size(); i++) {
    if (literals[i].empty()) continue;
    uint32_t state = 0;
    for (char c : literals[i]) {
      size_t edge = state * n_classes_ + class_of_[folded(c)];
      if (next_[edge] == no_state) {
        uint32_t made = new_state();
        next_[edge] = made;
      }
      state = next_[edge];
    }
    outputs_[state].push_back(static_cast<int>(i));
  }

  // Breadth first: a missing edge is the one of the longest proper suffix that is a state.
  std::vector<uint32_t> suffix(outputs_.size(), 0);
  std::deque<uint32_t> queue{0};
  while (!queue.empty()) {
    uint32_t state = queue.front();
    queue.pop_front();
    for (size_t c = 0; c < n_classes_; c++) {
      uint32_t& target = next_[state * n_classes_ + c];
      uint32_t by_suffix = state == 0 ? 0 : next_[suffix[state] * n_classes_ + c];
      if (target == no_state) {
        target = by_suffix;
        continue;
      }
      suffix[target] = by_suffix;
      const auto& inherited = outputs_[by_suffix];
      outputs_[target].insert(outputs_[target].end(), inherited.begin(), inherited.end());
      queue.push_back(target);
    }
  }
  for (uint32_t& target : next_)
    if (!outputs_[target].empty()) target |= has_output;
}

void LiteralMatcher::find(std::string_view text, std::vector<int>& found) const {
  found.clear();
  if (next_.empty()) return;
  uint32_t state = 0;
  for (char c : text) {
    uint32_t next = next_[state * n_classes_ + class_of_[static_cast<unsigned char>(c)]];
    state = next & ~has_output;
    if (next & has_output) found.insert(found.end(), outputs_[state].begin(), outputs_[state].end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

}  // namespace app::diagnosis
