// app/connectors/clickhouse_expr.h: bound expressions as SQL with the same value for every row.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/connectors/clickhouse_sql.h"

namespace app::connectors::clickhouse {

// A condition as two expressions that are never null: where it is true, and where it is false.
struct Truth {
  std::string yes, no;
  bool nullable = false;      // neither may hold
};

class Translator {
 public:
  Translator(const std::vector<SqlExpr>& columns, Parameters& parameters) : columns_(columns), parameters_(parameters) {}
  // None where the server cannot give the same.
  std::optional<SqlExpr> value(const kql::Bound& e);
  std::optional<Truth> truth(const kql::Bound& e);
  std::optional<SqlExpr> aggregate(const kql::AggregateCall& call);

 private:
  using Args = const std::vector<kql::BoundPtr>&;
  std::optional<SqlExpr> call(const kql::Bound& e);
  std::optional<SqlExpr> arithmetic(const kql::Bound& e);
  std::optional<SqlExpr> bin(const kql::Bound& e);
  std::optional<SqlExpr> chosen(const kql::Bound& e);
  std::optional<SqlExpr> coalesce(const kql::Bound& e);
  std::optional<SqlExpr> strcat(const kql::Bound& e);
  std::optional<SqlExpr> conversion(const kql::Bound& e);
  std::optional<Truth> comparison(const std::string& op, const kql::Bound& a, const kql::Bound& b);
  std::optional<Truth> time_comparison(const std::string& op, const SqlExpr& column, int64_t ticks);
  std::optional<Truth> between(Args args);
  std::optional<Truth> text_test(std::string op, Args args);
  std::optional<Truth> in_list(Args args, bool ignore_case);
  std::optional<Truth> has_list(Args args, bool all);
  std::optional<std::string> term_test(const std::string& sql, const std::string& term, bool ignore_case, bool left, bool right);
  std::string text(const std::string& value) { return parameters_.of(kql::Value::text(value)); }
  std::string number(int64_t value) { return parameters_.of(kql::Value::int64(value)); }

  const std::vector<SqlExpr>& columns_;
  Parameters& parameters_;
};

}  // namespace app::connectors::clickhouse
