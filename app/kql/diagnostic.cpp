#include "app/kql/diagnostic.h"

#include <algorithm>

#include "engine/base/text.h"

namespace app::kql {

Position position_at(const std::string& text, size_t offset) {
  Position p;
  size_t at = 0;
  while (at < text.size() && at < offset) {
    const char32_t c = engine::decode_utf8(text, at);
    const int units = c > 0xFFFF ? 2 : 1;
    p.utf16_offset += static_cast<size_t>(units);
    if (c == '\n') {
      ++p.line;
      p.column = 1;
    } else {
      p.column += units;
    }
  }
  return p;
}

std::string nearest_name(const std::string& wrong, const std::vector<std::string>& candidates) {
  const std::string w = engine::to_lower_ascii(wrong);
  std::string best;
  size_t best_distance = w.size() / 3 + 2;
  for (const std::string& candidate : candidates) {
    const std::string c = engine::to_lower_ascii(candidate);
    if (c.size() > w.size() + 4 || w.size() > c.size() + 4) continue;
    std::vector<size_t> row(c.size() + 1);
    for (size_t j = 0; j <= c.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= w.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= c.size(); ++j) {
        const size_t above = row[j];
        row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (w[i - 1] != c[j - 1])});
        diagonal = above;
      }
    }
    if (row[c.size()] < best_distance) {
      best_distance = row[c.size()];
      best = candidate;
    }
  }
  return best;
}

}  // namespace app::kql
