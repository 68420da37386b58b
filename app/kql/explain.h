// app/kql/explain.h: a query in plain words, line by line, and why a query gave no rows. For readers
// who meet the language for the first time: the words say what the text does, never what it may mean.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/kql/query.h"

namespace app::kql {

// One statement or operator. Parts inside brackets (the right side of a join) follow their operator,
// one level deeper.
struct ExplainedLine {
  Span span;            // of the text
  int depth = 0;
  std::string code;     // that text on one line, cut where it is long
  std::string words;    // "Keep the rows where Level is one of ERROR, CRITICAL"
};
// Works on what parses; where the text has errors, their first one is the last line.
std::vector<ExplainedLine> explain_query(const std::string& text);

// The operator behind which no row was left, while rows came up to it.
struct EmptyReason {
  Span span;                 // from its | to the next one
  std::string code;          // "where Level == 'ERROR'"
  Span condition;            // of a where with several conditions: the one that alone leaves nothing; else empty
  uint64_t n_rows_before = 0;
  std::string without;       // the query with the operator (or the condition) taken out
};
// For a query that ran and gave no rows, or a count of 0; none where the source itself has none. Runs parts of it.
// True also of a lone count of 0.
bool found_nothing(const ResultTable& result);
std::optional<EmptyReason> why_empty(const std::string& text, const Tables& tables, RunOptions options);

}  // namespace app::kql
