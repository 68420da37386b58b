// app/diagnosis/check_library.h: the checks of assets/checks, compiled.
//
// A file holds {"checks": [...], "tables": {...}}; a check is
//   id, area, name  "oom_killer", "kernel", "Out-of-memory killer"
//   title, cause    wording, see wording.h; {name} is a capture of the matched lines
//   severity        info, warning, error, critical
//   specific        0..1: how much a match names the root cause and not a symptom (default 0.6)
//   patterns        regular expressions with named captures, each a string or an object {regex,
//                   unless, title, cause, severity, specific, min_level, support}; a line is matched
//                   by itself. support: proves more, but is not enough alone
//   unless          expressions that void a match on the same line
//   min_count       matches that it takes (default 1)
//   min_share       share of all lines that must match, 0..1
//   window_seconds  with min_count: so many matches within so many seconds
//   group_by        capture; each of its values gives a finding of its own
//   lookup          {table, key}: the row of a table whose key is that capture; its fields become
//                   captures too, and its "severity" the finding's
//   trust_level     true: where all matching lines are of level info or lower, so is the finding
//   explains        ids of checks that are a consequence when both are found, "*" at the end allowed
//   topics          words of a question that point at this check
//   next_steps      {text, command, changes_state}
//   algorithm       one sentence on how it decides
//   samples         {positive, negative}: lines that tests hold the check to
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/diagnosis/pattern_set.h"
#include "app/types.h"

namespace app::diagnosis {

using Row = std::map<std::string, std::string>;     // field -> text
using Table = std::map<std::string, Row>;           // key -> row

struct CheckPattern {
  size_t check = 0;               // index into CheckLibrary::checks
  std::vector<Regex> unless;
  std::optional<Severity> severity;
  std::optional<double> specific;
  std::string title, cause;       // instead of the check's, where not empty
  Level min_level = Level::none;  // of the record
  bool support = false;
};

struct DataCheck {
  std::string id, area, name, title, cause, algorithm, group_by;
  Severity severity = Severity::error;
  double specific = 0.6;
  std::vector<int> patterns;      // indices into CheckLibrary::patterns and pattern_set
  std::vector<Regex> unless;
  uint64_t min_count = 1;
  double min_share = 0, window_seconds = 0;
  bool trust_level = false;
  std::string lookup_table, lookup_key;
  std::vector<std::string> explains, topics;
  std::vector<NextStep> next_steps;
  std::vector<std::string> positive, negative;
};

struct CheckLibrary {
  std::vector<DataCheck> checks;
  std::vector<CheckPattern> patterns;
  PatternSet pattern_set;         // one expression for each of patterns, same index
  std::map<std::string, Table> tables;

  // The index of a check, or -1.
  int find(const std::string& id) const;
  void add_json(const std::string& text, const std::string& name);
  void compile();                 // after the last add_json
};

// "oom_*" fits "oom_killer".
bool fits_check_id(const std::string& pattern, const std::string& id);

}  // namespace app::diagnosis
