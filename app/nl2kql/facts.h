// app/nl2kql/facts.h: what a question may be about: the tables at hand, their columns with sample
// values, the log's times and templates.
#pragma once
#include <stop_token>
#include <string>
#include <vector>

#include "app/columns/column.h"
#include "app/kql/query.h"
#include "app/types.h"

namespace app::nl2kql {

struct ColumnFacts {
  std::string name;
  columns::Type type = columns::Type::string;
  std::vector<std::string> values;  // of columns with few different ones, the frequent ones first
};
struct TableFacts {
  std::string name;
  uint64_t n_rows = 0;
  std::vector<ColumnFacts> columns;
};

// What the rules and the prompt may know of the log at hand.
struct LogFacts {
  Ticks first_time = no_time, last_time = no_time;  // "the last hour" counts back from last_time
  std::vector<std::string> hosts, processes, sources;  // values, the frequent ones
  std::vector<TableFacts> tables;                      // with rows; Logs first
  std::vector<std::string> templates;                  // patterns, the frequent ones
};

// By a few queries over the tables; Logs may be missing.
LogFacts gather_facts(const kql::Tables& tables, std::stop_token stop = {});

}  // namespace app::nl2kql
