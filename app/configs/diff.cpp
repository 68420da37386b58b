#include "app/configs/diff.h"

#include <algorithm>
#include <unordered_map>

#include "engine/base/error.h"

namespace app::configs {
namespace {

using Kind = DiffLine::Kind;

constexpr int max_edits = 2000;  // the paths kept for them take 16 MB

std::vector<std::string_view> lines_with_ends(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

// Lines as numbers, equal where the lines are equal.
class Numbers {
 public:
  std::vector<int> of(const std::vector<std::string_view>& lines) {
    std::vector<int> out;
    for (const std::string_view line : lines) out.push_back(seen_.emplace(line, int(seen_.size())).first->second);
    return out;
  }

 private:
  std::unordered_map<std::string_view, int> seen_;
};

// The kinds of an edit script from a to b; the two begin and end differently.
class EditScript {
 public:
  EditScript(const int* a, int n_a, const int* b, int n_b) : a_(a), b_(b), n_a_(n_a), n_b_(n_b) {}

  std::vector<Kind> find() {
    std::vector<int> reach(2 * max_edits + 3, 0);  // by diagonal: how far in a
    for (int d = 0; d <= std::min(max_edits, n_a_ + n_b_); ++d) {
      paths_.emplace_back(reach.begin() + middle - d, reach.begin() + middle + d + 1);
      for (int k = -d; k <= d; k += 2) {
        const bool down = k == -d || (k != d && reach[size_t(middle + k - 1)] < reach[size_t(middle + k + 1)]);
        int x = down ? reach[size_t(middle + k + 1)] : reach[size_t(middle + k - 1)] + 1;
        while (x < n_a_ && x - k < n_b_ && a_[x] == b_[x - k]) ++x;
        reach[size_t(middle + k)] = x;
        if (x >= n_a_ && x - k >= n_b_) return walk_back(d);
      }
    }
    std::vector<Kind> whole(size_t(n_a_), Kind::removed);
    whole.insert(whole.end(), size_t(n_b_), Kind::added);
    return whole;
  }

 private:
  static constexpr int middle = max_edits + 1;

  // paths_[d] holds the diagonals -d..d as they were before step d.
  std::vector<Kind> walk_back(int d) const {
    std::vector<Kind> kinds;
    int x = n_a_, y = n_b_;
    for (; d > 0; --d) {
      const std::vector<int>& before = paths_[size_t(d)];
      const auto reach = [&](int k) { return before[size_t(k + d)]; };
      const int k = x - y;
      const bool down = k == -d || (k != d && reach(k - 1) < reach(k + 1));
      const int from_x = reach(down ? k + 1 : k - 1);
      const int from_y = from_x - (down ? k + 1 : k - 1);
      while (x > from_x && y > from_y && !(down ? x == from_x : y == from_y)) --x, --y, kinds.push_back(Kind::same);
      kinds.push_back(down ? Kind::added : Kind::removed);
      x = from_x, y = from_y;
    }
    kinds.insert(kinds.end(), size_t(x), Kind::same);
    std::reverse(kinds.begin(), kinds.end());
    return kinds;
  }

  const int *a_, *b_;
  int n_a_, n_b_;
  std::vector<std::vector<int>> paths_;
};

// "-3,4 +3,5": where a hunk lies in both texts.
std::string hunk_range(const std::vector<DiffLine>& diff, size_t begin, size_t end) {
  int first[2] = {}, count[2] = {};
  for (size_t i = 0; i < end; ++i) {
    const int lines[2] = {diff[i].before, diff[i].after};
    for (int side = 0; side < 2; ++side) {
      if (lines[side] == 0) continue;
      if (i < begin) first[side] = lines[side];  // stays where the side has no line in the hunk
      else if (count[side]++ == 0) first[side] = lines[side];
    }
  }
  return engine::format("@@ -%d,%d +%d,%d @@\n", first[0], count[0], first[1], count[1]);
}

}  // namespace

std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after) {
  const auto a = lines_with_ends(before), b = lines_with_ends(after);
  Numbers numbers;
  const std::vector<int> a_numbers = numbers.of(a), b_numbers = numbers.of(b);
  size_t head = 0, tail = 0;
  const size_t shorter = std::min(a.size(), b.size());
  while (head < shorter && a_numbers[head] == b_numbers[head]) ++head;
  while (tail < shorter - head && a_numbers[a.size() - 1 - tail] == b_numbers[b.size() - 1 - tail]) ++tail;

  std::vector<Kind> kinds(head, Kind::same);
  const std::vector<Kind> changed =
      EditScript(a_numbers.data() + head, int(a.size() - head - tail), b_numbers.data() + head, int(b.size() - head - tail)).find();
  kinds.insert(kinds.end(), changed.begin(), changed.end());
  kinds.insert(kinds.end(), tail, Kind::same);

  std::vector<DiffLine> diff;
  size_t x = 0, y = 0;
  for (const Kind kind : kinds) {
    DiffLine line{kind, 0, 0, kind == Kind::added ? b[y] : a[x]};
    if (kind != Kind::added) line.before = int(++x);
    if (kind != Kind::removed) line.after = int(++y);
    diff.push_back(line);
  }
  return diff;
}

std::string unified_diff(const std::string& before_name, const std::string& after_name, std::string_view before, std::string_view after, int context) {
  const std::vector<DiffLine> diff = diff_lines(before, after);
  const auto around = size_t(std::max(context, 0));
  std::string out;
  for (size_t i = 0; i < diff.size();) {
    if (diff[i].kind == Kind::same) {
      ++i;
      continue;
    }
    // From here to the last change that is no more than two contexts from the one before it.
    const size_t begin = i - std::min(i, around);
    size_t last = i;
    for (size_t j = i; j < diff.size() && j <= last + 2 * around + 1; ++j)
      if (diff[j].kind != Kind::same) last = j;
    const size_t end = std::min(diff.size(), last + around + 1);
    if (out.empty()) out = "--- " + before_name + "\n+++ " + after_name + "\n";
    out += hunk_range(diff, begin, end);
    for (size_t j = begin; j < end; ++j) {
      out += diff[j].kind == Kind::same ? ' ' : diff[j].kind == Kind::removed ? '-' : '+';
      out += diff[j].text;
      if (!diff[j].text.ends_with('\n')) out += "\n\\ No newline at end of file\n";
    }
    i = end;
  }
  return out;
}

std::vector<std::pair<int, int>> side_by_side(const std::vector<DiffLine>& diff) {
  std::vector<std::pair<int, int>> rows;
  for (size_t i = 0; i < diff.size();) {
    if (diff[i].kind == Kind::same) {
      rows.emplace_back(int(i), int(i));
      ++i;
      continue;
    }
    std::vector<int> removed, added;
    for (; i < diff.size() && diff[i].kind != Kind::same; ++i) (diff[i].kind == Kind::removed ? removed : added).push_back(int(i));
    for (size_t row = 0; row < std::max(removed.size(), added.size()); ++row)
      rows.emplace_back(row < removed.size() ? removed[row] : -1, row < added.size() ? added[row] : -1);
  }
  return rows;
}

}  // namespace app::configs
