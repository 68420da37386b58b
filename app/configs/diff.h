// app/configs/diff.h: what differs between two texts, line by line, by the shortest edit script
// (Myers, "An O(ND) Difference Algorithm and Its Variations", 1986).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app::configs {

struct DiffLine {
  enum class Kind : uint8_t { same, removed, added } kind = Kind::same;
  int before = 0, after = 0;  // line numbers from 1; 0: the line is not in that text
  std::string_view text;      // with its line end, where it has one; borrowed
};

// Every line of both texts in order. Texts that differ in more than some thousand lines are not
// compared to the end: what is left is then removed and added as a whole.
std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after);

// As patch(1) takes it; empty where the texts are the same. context: unchanged lines around a change.
std::string unified_diff(const std::string& before_name, const std::string& after_name, std::string_view before, std::string_view after, int context = 3);

// The diff as two columns: indices into it, -1 where a side has nothing. Lines removed and added at
// the same place stand beside each other.
std::vector<std::pair<int, int>> side_by_side(const std::vector<DiffLine>& diff);

}  // namespace app::configs
