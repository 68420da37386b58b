// app/kql/text_match.h: how text is compared: terms (has), parts (contains), case, patterns (RE2).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"

namespace re2 {
class RE2;
}

namespace app::kql {

struct CallState;

// A term is a maximal run of letters and digits; any byte of a non-ASCII character counts as one.
bool is_term_char(char c);
bool equals_ignoring_case(std::string_view a, std::string_view b);
// Where part begins in text, or npos.
size_t find_text(std::string_view text, std::string_view part, bool ignore_case);
bool contains_term(std::string_view text, std::string_view term, bool ignore_case);
bool contains_prefix(std::string_view text, std::string_view prefix, bool ignore_case);
bool contains_suffix(std::string_view text, std::string_view suffix, bool ignore_case);
bool starts_with(std::string_view text, std::string_view part, bool ignore_case);
bool ends_with(std::string_view text, std::string_view part, bool ignore_case);

// Searches for one text many times. ASCII letters match in either case where case is ignored.
class TextFinder {
 public:
  TextFinder(std::string_view part, bool ignore_case);
  size_t find(std::string_view text, size_t from = 0) const;  // or npos
  const std::string& part() const { return part_; }

 private:
  bool stands_at(const char* text) const;
  std::string part_;                   // lower case where case is ignored
  bool ignore_case_;
  size_t probe_[2] = {0, 0};           // the two places looked at first: those of its rarest bytes
};

enum class TextMatch : uint8_t { contains, has, hasprefix, hassuffix };
// 1 for each row of a text column in which the part stands, 0 for the others. Where the rows lie one
// after the other, as those of a log do, their bytes are searched in one go.
std::vector<int64_t> match_rows(const columns::Column& column, std::string_view part, TextMatch how, bool ignore_case);
// The same for a pattern; literal texts that the pattern cannot do without are searched for first.
std::vector<int64_t> match_regex_rows(CallState& state, const columns::Column& column, const std::string& pattern);

// What a group of the pattern's first match holds in each row, empty where there is none.
columns::Column extract_rows(CallState& state, const columns::Column& column, const std::string& pattern, int64_t group);

// What a group of the pattern's first match holds in each row of a text column, empty where there is none.
columns::Column extract_rows(CallState& state, const columns::Column& column, const std::string& pattern, int64_t group);

// What a pattern cannot match without: texts that are searched for before it is tried.
class PatternFilter {
 public:
  explicit PatternFilter(const std::string& pattern);
  // 0 for the rows in which the pattern certainly does not match. Any thread.
  std::vector<int64_t> candidates(const columns::Column& column) const;

 private:
  std::vector<std::string> atoms_;  // empty: every row is a candidate
  std::vector<bool> possible_;      // for every set of atoms found, one bit an atom
  bool folds_ = true;               // rows with letters beyond ASCII are always candidates
};

// The compiled pattern, kept in the call site while the pattern stays the same. Throws
// Error{invalid_input} naming the pattern and what is wrong with it.
const re2::RE2& compiled(CallState& state, const std::string& pattern);
bool matches_pattern(CallState& state, std::string_view text, const std::string& pattern);
std::string lower_text(std::string_view text);  // all of Unicode's simple case pairs
std::string upper_text(std::string_view text);

}  // namespace app::kql
