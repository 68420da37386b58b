// app/kql/complete.h: what an editor asks of the language while a query is written: completion with
// types and sample values, help on arguments, hover texts, quick fixes, layout. Pure functions of the
// text, the tables and a few sample values; nothing here runs a query over rows.
#pragma once
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/query.h"

namespace app::kql {

// Values of columns that have few different ones, by column name; most frequent first.
using SampleValues = std::map<std::string, std::vector<std::string>, std::less<>>;
// Looks at a few thousand rows of the table. Stops early, with what it has, on a stop request.
SampleValues sample_values(const Table& table, std::stop_token stop = {});

struct Suggestion {
  std::string text;       // shown
  std::string insert;     // put in place of what was typed
  std::string kind;       // table, column, operator, function, keyword, value, chart
  std::string detail;     // type or signature
  std::string doc;        // one or two sentences, or empty
  size_t caret_back = 0;  // bytes that the caret stands before the end of insert
};
struct Suggestions {
  size_t begin = 0, end = 0;            // bytes of the text that a choice replaces
  std::vector<Suggestion> items;        // best first
};
// values: of the tables' columns, for what follows a comparison.
Suggestions suggest(const std::string& text, size_t offset, const Tables& tables, const SampleValues& values);

// The call around an offset and which of its arguments the offset is in.
struct CallHelp {
  std::string name, result, doc;
  std::vector<std::string> parameters;
  int current = 0;        // the last one where it repeats
  size_t begin = 0;       // of the name
};
std::optional<CallHelp> call_at(const std::string& text, size_t offset);

// What the word at an offset is.
struct Hover {
  Span span;
  std::string title, text;
};
std::optional<Hover> hover_at(const std::string& text, size_t offset, const Tables& tables, const SampleValues& values);

// An edit that mends a diagnostic.
struct QuickFix {
  std::string title;      // "Change to Level"
  Span span;              // replaced
  std::string replacement;
  size_t diagnostic = 0;  // index of what it mends
};
std::vector<QuickFix> quick_fixes(const std::string& text, const std::vector<Diagnostic>& diagnostics);

// The text with one operator a line and even spacing; comments and strings stay as they are. What
// does not parse is laid out by its tokens all the same. The result means the same.
std::string format_query(const std::string& text);

// --- shared by the parts

// Where an offset stands in its statement.
struct Place {
  size_t statement = 0;       // first byte of the statement
  size_t pipeline = 0;        // first byte of the innermost pipeline around the offset
  size_t last_pipe = 0;       // byte of that pipeline's last |, or pipeline where there is none
  bool piped = false;         // there is one
  std::string op;             // the operator the offset is in, or empty
  std::string previous;       // the token before the word being typed, and the one before that
  std::string before_previous;
  std::string call;           // name in front of the innermost open bracket
  bool in_string = false;     // inside a string literal
  size_t string_begin = 0;
  std::vector<std::string> lets;  // names given by let statements above
};
Place place_at(const std::string& text, size_t offset);
// Columns of the rows that reach an operator, as far as the text before it can be bound.
columns::Schema schema_at(const std::string& text, const Place& place, const Tables& tables);

}  // namespace app::kql
