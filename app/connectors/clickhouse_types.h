// app/connectors/clickhouse_types.h: what a ClickHouse column is in KQL, and the SQL that reads it so.
//
//   Bool                                  bool          Date, Date32, DateTime          datetime
//   (U)Int8, (U)Int16, Int32              int           DateTime64(p)                   datetime, cut to 100 ns
//   UInt32, Int64                         long          Decimal, (U)Int128, (U)Int256   decimal
//   UInt64                                long, null above its greatest value
//   Float32, Float64, BFloat16            real          UUID                            guid
//   String, FixedString, Enum, IPv4/6     string        Array, Tuple, Map, JSON, ...    dynamic
//
// Nullable and LowCardinality are looked through. In SQL a datetime and a timespan are Int64 ticks
// (100 ns since 0001-01-01), a decimal, guid or dynamic is its text, and text is never null: there
// every operation is exact, and nothing depends on time zones.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"

namespace app::connectors::clickhouse {

// Major and minor of the server: 18.16 is {18, 16}.
struct Version {
  int major = 0, minor = 0;
  bool at_least(int a, int b) const { return major > a || (major == a && minor >= b); }
  bool has_parameters() const { return at_least(19, 14); }   // {p1:String}
  bool has_json_text() const { return at_least(21, 11); }    // toJSONString of whatever there is
};
Version parse_version(std::string_view text);

// What a value is stored as, where a comparison can use the server's indexes.
enum class RawTime : uint8_t { none, seconds, days, fraction };

// An expression of the server with the KQL type of its values.
struct SqlExpr {
  std::string sql;
  columns::Type type = columns::Type::string;
  bool nullable = false;
  RawTime raw_kind = RawTime::none;
  std::string raw;                      // the bare column, where raw_kind is not none
  bool json = true;                     // of dynamic: its text is JSON, else ClickHouse's own
};

struct ColumnPlan {
  std::string name;
  std::optional<SqlExpr> expr;          // none: it has no value to show
  std::string note;                     // what is not as in the table; mostly empty
};
// type is as system.columns gives it: "LowCardinality(Nullable(String))".
ColumnPlan plan_column(const std::string& name, const std::string& type, const Version& version);

std::string quoted_identifier(std::string_view name);

// A value in ClickHouse's own text, as arrays and tuples are shown, as JSON: "['a',1]" is ["a",1].
// None where it is not such a text.
std::optional<std::string> json_of_text(std::string_view text);

}  // namespace app::connectors::clickhouse
