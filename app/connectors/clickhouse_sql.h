// app/connectors/clickhouse_sql.h: the part of a plan that ClickHouse can run, as one SELECT.
//
// An operator goes into the SELECT only where the server's answer is Kusto's for every input: nulls,
// case, terms, bins below zero, division and NaN are translated, not hoped for. What cannot be said
// exactly is declined, and runs here. The one thing left open is the order in which reals are added
// up: sums and averages of reals may differ in their last digit, as they do between two runs of Kusto.
//
// Values of the query are bound parameters ({p1:String}). Servers before 19.14 have none: there a
// value is a constant of digits, text in hexadecimal, so that no byte of it can be read as SQL.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/connectors/clickhouse_types.h"
#include "app/kql/plan.h"

namespace app::connectors::clickhouse {

struct SqlParameter {
  std::string name, type; // name: "p1"; of a value that is not bound the constant itself
  std::string value;      // as the server reads it: escaped as in tab-separated text
  std::string shown;      // for people
};

// Values of the query on their way into SQL.
class Parameters {
 public:
  explicit Parameters(bool bind) : bind_(bind) {}
  std::string of(const kql::Value& value);   // "{p1:String}", or a constant of digits
  const std::vector<SqlParameter>& list() const { return list_; }

 private:
  bool bind_;
  std::vector<SqlParameter> list_;
  std::map<std::pair<std::string, std::string>, std::string> known_;  // type and value: how it is spelt
};

// A column as it is sent: only these types cross the wire.
struct WireColumn {
  size_t target = 0;                         // column of the schema; SIZE_MAX: counts rows only
  columns::Type type = columns::Type::string;
  bool nullable = false;
  bool json = true;
  std::string server_type() const;           // "Nullable(Int64)"
};

class SqlQuery {
 public:
  // columns are expressions over the table; names are those of all its columns, which no alias may have.
  SqlQuery(std::string from, std::vector<SqlExpr> columns, const std::vector<std::string>& names, bool bind_parameters);

  // Each gives false where the server would answer otherwise; the query is then no longer to be used.
  bool filter(const kql::Bound& condition);
  bool compute(const std::vector<kql::BoundPtr>& exprs);
  bool summarize(const std::vector<kql::BoundPtr>& keys, const std::vector<kql::AggregateCall>& aggregates);
  bool sort(const std::vector<kql::SortKey>& keys, uint64_t limit);
  bool limit(uint64_t n_rows);
  bool distinct();
  bool ordered() const { return !order_by_.empty(); }

  // needed: columns that are read, sorted. Gives the SELECT and what it sends.
  std::string text(const std::vector<size_t>& needed, std::vector<WireColumn>& wire) const;
  const Parameters& parameters() const { return parameters_; }
  size_t n_columns() const { return columns_.size(); }

 private:
  bool nest();               // everything so far as the table of a new SELECT
  bool nest_where_long();    // before expressions grow out of hand
  std::string alias(size_t column) const;
  std::string clauses() const;

  std::string from_;
  std::vector<SqlExpr> columns_;
  std::vector<std::string> where_, group_by_, order_by_;
  bool grouped_ = false, distinct_ = false;
  uint64_t limit_ = UINT64_MAX;
  std::string alias_prefix_;
  int level_ = 0;
  Parameters parameters_;
};

}  // namespace app::connectors::clickhouse
