#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "app/configs/diff.h"

using namespace app::configs;
using Kind = DiffLine::Kind;

namespace {

std::string side(const std::vector<DiffLine>& diff, Kind other) {
  std::string out;
  for (const DiffLine& line : diff)
    if (line.kind != other) out += line.text;
  return out;
}

std::ptrdiff_t n_changes(const std::vector<DiffLine>& diff) {
  return std::count_if(diff.begin(), diff.end(), [](const DiffLine& line) { return line.kind != Kind::same; });
}

// The length of a shortest edit script, by the table of common subsequences.
std::ptrdiff_t fewest_changes(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j)
      common[i][j] = a[i - 1] == b[j - 1] ? common[i - 1][j - 1] + 1 : std::max(common[i - 1][j], common[i][j - 1]);
  return std::ptrdiff_t(a.size() + b.size()) - 2 * common[a.size()][b.size()];
}

std::string as_lines(const std::string& letters) {
  std::string out;
  for (const char c : letters) out += std::string(1, c) + "\n";
  return out;
}

}  // namespace

TEST_CASE("configs/diff: both texts can be read off it, and no shorter one exists") {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string a, b;
    for (unsigned n = random() % 12; n > 0; --n) a += char('a' + random() % 3);
    for (unsigned n = random() % 12; n > 0; --n) b += char('a' + random() % 3);
    CAPTURE(a);
    CAPTURE(b);
    const std::string before = as_lines(a), after = as_lines(b);
    const auto diff = diff_lines(before, after);
    CHECK(side(diff, Kind::added) == before);
    CHECK(side(diff, Kind::removed) == after);
    CHECK(n_changes(diff) == fewest_changes(a, b));
  }
}

TEST_CASE("configs/diff: lines carry their numbers in both texts") {
  const auto diff = diff_lines("a\nb\nc\n", "a\nX\nY\nc\n");
  REQUIRE(diff.size() == 5);
  CHECK(diff[1].before == 2);
  CHECK(diff[1].after == 0);
  CHECK(diff[2].after == 2);
  CHECK(diff[3].after == 3);
  CHECK(diff[4].before == 3);
  CHECK(diff[4].after == 4);
}

TEST_CASE("configs/diff: unified, with three lines around each change and hunks apart") {
  std::string before, after;
  for (int i = 1; i <= 20; ++i) {
    before += std::to_string(i) + "\n";
    after += i == 2 ? "two\n" : i == 19 ? "" : std::to_string(i) + "\n";
  }
  CHECK(unified_diff("a/f", "b/f", before, after) ==
        "--- a/f\n+++ b/f\n"
        "@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n"
        "@@ -16,5 +16,4 @@\n 16\n 17\n 18\n-19\n 20\n");
  CHECK(unified_diff("a", "b", before, before).empty());
}

TEST_CASE("configs/diff: an empty side and a missing line end are written as patch reads them") {
  CHECK(unified_diff("a", "b", "", "x\n") == "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
  CHECK(unified_diff("a", "b", "x", "x\n") == "--- a\n+++ b\n@@ -1,1 +1,1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

TEST_CASE("configs/diff: texts without anything in common are replaced as a whole, at any length") {
  std::string before, after;
  for (int i = 0; i < 3000; ++i) before += "a" + std::to_string(i) + "\n", after += "b" + std::to_string(i) + "\n";
  const auto diff = diff_lines(before, after);
  CHECK(n_changes(diff) == 6000);
  CHECK(side(diff, Kind::added) == before);
  CHECK(side(diff, Kind::removed) == after);
}

TEST_CASE("configs/diff: beside each other stand the lines that took each other's place") {
  const auto diff = diff_lines("a\nb\nc\n", "a\nX\nY\nc\n");
  const auto rows = side_by_side(diff);
  REQUIRE(rows.size() == 4);
  CHECK(diff[size_t(rows[1].first)].text == "b\n");
  CHECK(diff[size_t(rows[1].second)].text == "X\n");
  CHECK(rows[2].first == -1);
  CHECK(diff[size_t(rows[2].second)].text == "Y\n");
  CHECK(rows[3].first == rows[3].second);
}
