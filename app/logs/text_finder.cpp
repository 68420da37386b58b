#include "app/logs/text_finder.h"

#include "engine/base/text.h"

namespace app::logs {

TextFinder::TextFinder(const std::string& needle) : lower_(engine::to_lower_ascii(needle)) {}

bool TextFinder::in(std::string_view text) const {
  if (lower_.empty()) return true;
  if (text.size() < lower_.size()) return false;
  const char first = lower_[0];
  const char upper = first >= 'a' && first <= 'z' ? static_cast<char>(first - 32) : first;
  const size_t last = text.size() - lower_.size();
  for (size_t i = 0; i <= last; ++i) {
    if (text[i] != first && text[i] != upper) continue;
    if (same(text.data() + i)) return true;
  }
  return false;
}

bool TextFinder::same(const char* p) const {
  for (size_t i = 1; i < lower_.size(); ++i) {
    const char c = p[i] >= 'A' && p[i] <= 'Z' ? static_cast<char>(p[i] + 32) : p[i];
    if (c != lower_[i]) return false;
  }
  return true;
}

}  // namespace app::logs
