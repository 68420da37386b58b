// Searching columns against looking at every row, letter by letter.
#include <doctest/doctest.h>

#include <random>

#include "app/kql/expr.h"
#include "app/kql/text_match.h"

using namespace app::kql;
using app::columns::Column;
using app::columns::Type;

namespace {

// Slices of one text, with something between them where gap says so.
Column slices(const std::vector<std::string>& rows, const std::string& gap) {
  auto bytes = std::make_shared<std::string>();
  std::vector<uint32_t> begins, lengths;
  for (const std::string& row : rows) {
    *bytes += gap;
    begins.push_back(static_cast<uint32_t>(bytes->size()));
    lengths.push_back(static_cast<uint32_t>(row.size()));
    *bytes += row;
  }
  return Column::from_slices(Type::string, bytes, begins, lengths);
}

std::string random_text(std::mt19937& random, size_t max_length) {
  static constexpr std::string_view letters = "aAbBkK1 ._-\xC3\xA9";
  std::string text(random() % (max_length + 1), ' ');
  for (char& c : text) c = letters[random() % letters.size()];
  return text;
}

bool expected(const std::string& row, const std::string& part, TextMatch how, bool ignore_case) {
  switch (how) {
    case TextMatch::contains: return find_text(row, part, ignore_case) != std::string_view::npos;
    case TextMatch::has: return contains_term(row, part, ignore_case);
    case TextMatch::hasprefix: return contains_prefix(row, part, ignore_case);
    case TextMatch::hassuffix: return contains_suffix(row, part, ignore_case);
  }
  return false;
}

}  // namespace

TEST_CASE("kql/text_search: a column's rows match as each row alone does") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> rows(40);
    for (std::string& row : rows) row = random_text(random, round % 3 == 0 ? 6 : 90);
    const Column column = slices(rows, round % 2 ? "" : "ab");
    const std::string part = random_text(random, 1 + random() % 5);
    for (const TextMatch how : {TextMatch::contains, TextMatch::has, TextMatch::hasprefix, TextMatch::hassuffix}) {
      for (const bool ignore_case : {false, true}) {
        const std::vector<int64_t> found = match_rows(column, part, how, ignore_case);
        for (size_t row = 0; row < rows.size(); ++row) {
          CAPTURE(rows[row]);
          CAPTURE(part);
          CAPTURE(ignore_case);
          CAPTURE(static_cast<int>(how));
          REQUIRE((found[row] != 0) == expected(rows[row], part, how, ignore_case));
        }
      }
    }
  }
}

TEST_CASE("kql/text_search: a text that runs over the end of a row is not found in it") {
  const std::vector<std::string> rows(20, "abc");
  const std::vector<int64_t> found = match_rows(slices(rows, ""), "ca", TextMatch::contains, false);
  CHECK(found == std::vector<int64_t>(20, 0));
}

TEST_CASE("kql/text_search: rows out of order or taken apart are searched too") {
  const std::vector<std::string> rows = {"one error", "two", "an Error here", "errors"};
  Column column = slices(rows, "");
  std::vector<uint32_t> back;
  for (int k = 0; k < 40; ++k) back.push_back(static_cast<uint32_t>(3 - k % 4));
  const std::vector<int64_t> found = match_rows(column.take(back), "error", TextMatch::has, true);
  for (size_t k = 0; k < back.size(); ++k) CHECK((found[k] != 0) == (back[k] == 0 || back[k] == 2));
}

TEST_CASE("kql/text_search: a pattern's literal parts only spare work, never rows") {
  // K and the long s are case pairs of letters beyond ASCII.
  const std::vector<std::string> rows = {"disk sector 12", "DISK SECTOR 9", "sector", "di\xC5\xBFk sector 7", "\xE2\x84\xAA sector 1", "none", "", "sector 1x"};
  std::vector<std::string> many;
  for (int k = 0; k < 5; ++k) many.insert(many.end(), rows.begin(), rows.end());
  for (const std::string pattern : {"(?i)disk sector \\d+", "sector \\d+$", "(?i)k sector", "disk|none", "sector|", "(disk|none).*", "[0-9]+", "^$"}) {
    for (const char* gap : {"", "xyz"}) {
      CallState state, row_state;
      const std::vector<int64_t> found = match_regex_rows(state, slices(many, gap), pattern);
      for (size_t row = 0; row < many.size(); ++row) {
        CAPTURE(pattern);
        CAPTURE(many[row]);
        CHECK((found[row] != 0) == matches_pattern(row_state, many[row], pattern));
      }
    }
  }
}
