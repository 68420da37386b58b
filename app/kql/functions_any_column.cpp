// The * of search and find: a text looked for in any column, each read as text. Arguments: the columns,
// then the text.
#include <charconv>
#include <optional>
#include <string_view>

#include "app/kql/datetime.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/text_match.h"

namespace app::kql {
namespace {

using columns::Column;
using Args = std::span<const Value>;
using Found = std::vector<int64_t>;

// How the text must stand in a value, and how a whole column is searched for it, where it can be.
struct Search {
  bool (*match)(std::string_view text, std::string_view part);
  std::optional<TextMatch> how;
  bool ignore_case;
};
constexpr Search has{[](std::string_view t, std::string_view p) { return contains_term(t, p, true); }, TextMatch::has, true};
constexpr Search has_cs{[](std::string_view t, std::string_view p) { return contains_term(t, p, false); }, TextMatch::has, false};
constexpr Search contains{[](std::string_view t, std::string_view p) { return find_text(t, p, true) != std::string_view::npos; }, TextMatch::contains, true};
constexpr Search contains_cs{[](std::string_view t, std::string_view p) { return find_text(t, p, false) != std::string_view::npos; }, TextMatch::contains, false};
constexpr Search has_prefix{[](std::string_view t, std::string_view p) { return contains_prefix(t, p, true); }, TextMatch::hasprefix, true};
constexpr Search has_suffix{[](std::string_view t, std::string_view p) { return contains_suffix(t, p, true); }, TextMatch::hassuffix, true};
constexpr Search starts{[](std::string_view t, std::string_view p) { return starts_with(t, p, true); }, std::nullopt, true};
constexpr Search ends{[](std::string_view t, std::string_view p) { return ends_with(t, p, true); }, std::nullopt, true};
constexpr Search equals{[](std::string_view t, std::string_view p) { return t == p; }, std::nullopt, false};
constexpr Search equals_any_case{[](std::string_view t, std::string_view p) { return equals_ignoring_case(t, p); }, std::nullopt, true};

// Characters that the text of such a value may have; empty: any.
std::string_view alphabet(Type type) {
  switch (type) {
    case Type::int32: case Type::int64: return "-0123456789";
    case Type::datetime: return "-0123456789:.TtZz";
    case Type::timespan: return "-0123456789:.";
    case Type::boolean: return "TtRrUuEeFfAaLlSs";
    default: return {};
  }
}

void search_dictionary(const Column& column, const Search& search, std::string_view part, Found& out) {
  enum : uint8_t { untried, no, yes };
  std::vector<uint8_t> known(column.dictionary()->values.size(), untried);
  for (size_t row = 0; row < out.size(); ++row) {
    if (out[row] || column.is_null(row)) continue;
    uint8_t& k = known[column.codes()[row]];
    if (k == untried) k = search.match(to_text(get(column, row)), part) ? yes : no;
    out[row] = k == yes;
  }
}

void search_strings(const Column& column, const Search& search, std::string_view part, Found& out) {
  if (search.how) {
    const Found found = match_rows(column, part, *search.how, search.ignore_case);
    for (size_t row = 0; row < out.size(); ++row) out[row] |= found[row];
    return;
  }
  for (size_t row = 0; row < out.size(); ++row) out[row] = out[row] || search.match(column.text(row), part);
}

// A dynamic is searched as its JSON, but for a string (the text it stands for) and null (nothing).
void search_dynamics(const Column& column, const Search& search, std::string_view part, Found& out) {
  const Found as_json = search.how ? match_rows(column, part, *search.how, search.ignore_case) : Found(out.size(), 1);
  for (size_t row = 0; row < out.size(); ++row) {
    if (out[row] || column.is_null(row)) continue;
    const std::string_view json = column.text(row);
    const bool plain = !json.empty() && json[0] != '"' && json != "null";
    if (plain) out[row] = as_json[row] && (search.how || search.match(json, part));
    else out[row] = search.match(dynamic_as_text(json), part);
  }
}

void search_others(const Column& column, const Search& search, std::string_view part, Found& out) {
  const std::string_view letters = alphabet(column.type());
  if (!letters.empty() && part.find_first_not_of(letters) != part.npos) return;
  char digits[24];
  for (size_t row = 0; row < out.size(); ++row) {
    if (out[row] || column.is_null(row)) continue;
    if (is_integer(column.type())) {
      const char* const end = std::to_chars(digits, digits + sizeof digits, column.i64(row)).ptr;
      out[row] = search.match({digits, static_cast<size_t>(end - digits)}, part);
    } else {
      out[row] = search.match(to_text(get(column, row)), part);
    }
  }
}

template <const Search& search>
void any_row(CallState&, Args a, Value& out) {
  const std::string part = to_text(a.back());
  out.i = 0;
  for (size_t k = 0; k + 1 < a.size() && !out.i; ++k) out.i = search.match(to_text(a[k]), part);
}

template <const Search& search>
Vec any_vec(CallState&, std::span<const Vec> args, size_t n) {
  if (!args.back().constant) return {};
  const std::string part = to_text(get(*args.back().column, 0));
  if (part.empty()) return {};  // stands in values that are empty or null too
  Found out(n, 0);
  for (const Vec& arg : args.first(args.size() - 1)) {
    const Column& column = *arg.column;
    if (arg.constant) {
      if (search.match(to_text(get(column, 0)), part)) out.assign(n, 1);
    } else if (column.is_dictionary()) {
      search_dictionary(column, search, part, out);
    } else if (column.type() == Type::string) {
      search_strings(column, search, part, out);
    } else if (column.type() == Type::dynamic) {
      search_dynamics(column, search, part, out);
    } else {
      search_others(column, search, part, out);
    }
  }
  return {share(Column::from_i64(Type::boolean, std::move(out))), false};
}

#define ANY(name, search) {"any " name, "*+", Result::boolean, any_row<search>, sees_nulls, any_vec<search>}

constexpr Function table[] = {
    ANY("has", has),           ANY("has_cs", has_cs),         ANY("contains", contains),    ANY("contains_cs", contains_cs), ANY("startswith", starts),
    ANY("hasprefix", has_prefix), ANY("hassuffix", has_suffix), ANY("endswith", ends),       ANY("==", equals),               ANY("=~", equals_any_case),
};

}  // namespace

std::span<const Function> any_column_functions() { return table; }

}  // namespace app::kql
