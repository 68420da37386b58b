// app/kql/text_match.h: how text is compared: terms (has), parts (contains), case, patterns (RE2).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

// The compiled pattern, kept in the call site while the pattern stays the same. Throws
// Error{invalid_input} naming the pattern and what is wrong with it.
const re2::RE2& compiled(CallState& state, const std::string& pattern);
std::string lower_text(std::string_view text);  // all of Unicode's simple case pairs
std::string upper_text(std::string_view text);

}  // namespace app::kql
