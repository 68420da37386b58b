// What ClickHouse sends, byte by byte, without a server.
#include <doctest/doctest.h>

#include <cstring>

#include "app/connectors/clickhouse_native.h"
#include "app/connectors/clickhouse_types.h"
#include "engine/base/error.h"

namespace {

using namespace app::connectors::clickhouse;
using app::columns::Column;
using app::columns::Type;

std::string text(const std::string& s) { return std::string(1, static_cast<char>(s.size())) + s; }
template <typename T>
std::string number(T v) {
  std::string out(sizeof v, '\0');
  std::memcpy(out.data(), &v, sizeof v);
  return out;
}

const std::vector<WireColumn> wire = {{0, Type::int64, false, true}, {1, Type::string, false, true}, {2, Type::real, true, true}, {3, Type::dynamic, true, false}};

std::string block() {
  std::string out = {4, 3};
  out += text("a") + text("Int64") + number<int64_t>(-1) + number<int64_t>(2) + number<int64_t>(INT64_MAX);
  out += text("b") + text("String") + text("x") + text("") + text("\xc3\xa9");
  out += text("c") + text("Nullable(Float64)") + std::string({0, 1, 0}) + number(1.5) + number(9.0) + number(-2.0);
  out += text("d") + text("Nullable(String)") + std::string({0, 0, 1}) + text("['a',1]") + text("nothing JSON") + text("");
  return out;
}

}  // namespace

TEST_CASE("native: a block is read however its bytes arrive") {
  const std::string bytes = block() + block();
  for (const size_t step : {size_t{1}, size_t{7}, size_t{50}, bytes.size()}) {
    CAPTURE(step);
    BlockReader reader(wire);
    std::vector<Column> columns;
    size_t n_rows = 0, n_blocks = 0;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      while (reader.next(columns, n_rows)) {
        ++n_blocks;
        REQUIRE(n_rows == 3);
        CHECK(columns[0].i64(0) == -1);
        CHECK(columns[0].i64(2) == INT64_MAX);
        CHECK(columns[1].text(2) == "\xc3\xa9");
        CHECK(columns[2].f64(0) == 1.5);
        CHECK(columns[2].is_null(1));
        CHECK(columns[3].text(0) == "[\"a\",1]");
        CHECK(columns[3].text(1) == "\"nothing JSON\"");
        CHECK(columns[3].is_null(2));
      }
    }
    CHECK(n_blocks == 2);
    CHECK(reader.at_boundary());
  }
}

TEST_CASE("native: a time outside the calendar is no time") {
  BlockReader reader({{0, Type::datetime, false, true}});
  const std::string type = WireColumn{0, Type::datetime, false, true}.server_type();
  reader.feed(std::string({1, 3}) + text("t") + text(type) + number<int64_t>(INT64_MIN) + number<int64_t>(0) + number<int64_t>(INT64_MAX));
  std::vector<Column> columns;
  size_t n_rows = 0;
  REQUIRE(reader.next(columns, n_rows));
  CHECK(columns[0].is_null(0));
  CHECK_FALSE(columns[0].is_null(1));
  CHECK(columns[0].is_null(2));
}

TEST_CASE("native: a block cut anywhere is not taken for a whole one") {
  const std::string bytes = block();
  for (size_t n = 1; n < bytes.size(); ++n) {
    BlockReader reader(wire);
    std::vector<Column> columns;
    size_t n_rows = 0;
    reader.feed(std::string_view(bytes).substr(0, n));
    CHECK_FALSE(reader.next(columns, n_rows));
    CHECK_FALSE(reader.at_boundary());
  }
}

TEST_CASE("native: other columns, types and sizes than those asked for are refused") {
  const auto refused = [](std::string bytes) {
    BlockReader reader(wire);
    std::vector<Column> columns;
    size_t n_rows = 0;
    reader.feed(bytes);
    CHECK_THROWS_AS(reader.next(columns, n_rows), engine::Error);
  };
  std::string other = block();
  other[0] = 5;
  refused(other);
  other = block();
  other.replace(other.find("Int64"), 5, "Int32");
  refused(other);
  refused(std::string({4}) + std::string(9, '\xff') + '\x7f');
  refused("Code: 395, e.displayText() = DB::Exception: stopped");
}

TEST_CASE("clickhouse types: wrappers are looked through, and what has no place in KQL is said") {
  const Version modern{24, 8}, old{18, 16};
  const auto type = [&](const std::string& t) { return plan_column("x", t, modern).expr->type; };
  CHECK(type("LowCardinality(Nullable(String))") == Type::string);
  CHECK(type("Nullable(UInt8)") == Type::int32);
  CHECK(type("UInt32") == Type::int64);
  CHECK(type("SimpleAggregateFunction(sum, UInt64)") == Type::int64);
  CHECK(type("Decimal(38, 10)") == Type::decimal);
  CHECK(type("DateTime64(9, 'UTC')") == Type::datetime);
  CHECK(type("Map(String, Array(UInt8))") == Type::dynamic);
  CHECK(type("Tuple(a String, b Nullable(Int64))") == Type::dynamic);
  CHECK(type("Enum8('a)' = 1, 'b' = 2)") == Type::string);
  CHECK(plan_column("x", "Nullable(Int64)", modern).expr->nullable);
  CHECK_FALSE(plan_column("x", "Int64", modern).expr->nullable);
  CHECK(plan_column("x", "DateTime64(9)", modern).note.find("100 ns") != std::string::npos);
  CHECK(plan_column("x", "Time64(3)", modern).note.find("Time64") != std::string::npos);
  CHECK(plan_column("x", "Time64(3)", modern).expr->type == Type::string);
  CHECK_FALSE(plan_column("x", "AggregateFunction(uniq, UInt64)", modern).expr.has_value());
  CHECK(plan_column("x", "Array(String)", modern).expr->sql.find("toJSONString") == 0);
  CHECK(plan_column("x", "Array(String)", old).expr->sql.find("toString") == 0);
  CHECK(plan_column("a`b\\c", "Int64", modern).expr->sql == "toInt64(`a\\`b\\\\c`)");
}

TEST_CASE("clickhouse types: its own text of arrays is JSON here") {
  CHECK(json_of_text("[]") == "[]");
  CHECK(json_of_text("['it\\'s','a\\nb',NULL]") == "[\"it's\",\"a\\nb\",null]");
  CHECK(json_of_text("(1,'x',[2.5,nan],('y'))") == "[1,\"x\",[2.5,null],[\"y\"]]");
  CHECK(json_of_text("[2020-01-01]") == "[\"2020-01-01\"]");
  for (const char* bad : {"[", "]", "[1", "[1,", "['a", "[1]x", "", "[,]", "['a\\"}) {
    CAPTURE(bad);
    CHECK_FALSE(json_of_text(bad).has_value());
  }
  CHECK_FALSE(json_of_text(std::string(5000, '[')).has_value());
}
