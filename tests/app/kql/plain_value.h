// tests/app/kql/plain_value.h: values and tables as the plain evaluator of random queries has them. It
// shares no code with the engine that it judges.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace plain {

enum class Type { boolean, int32, integer, real, decimal, text, time, span, guid, dynamic };

// A value within a dynamic.
struct Json {
  enum class Kind { null, boolean, integer, real, text, array, bag };
  Kind kind = Kind::null;
  int64_t i = 0;
  double d = 0;
  std::string s;
  std::vector<std::string> keys;  // of a bag, one for each item
  std::vector<Json> items;

  const Json* find(const std::string& key) const;
  void set(const std::string& key, Json item);
};
bool operator==(const Json& a, const Json& b);

struct Value {
  Type type = Type::integer;
  bool null = false;
  int64_t i = 0;   // boolean, int32, integer; ticks of time and span; decimal: ten-thousandths
  double d = 0;    // real
  std::string s;   // text, guid
  std::shared_ptr<const Json> json;  // dynamic, null where the value is
};
bool operator<(const Value& a, const Value& b);   // any order that is one
bool operator==(const Value& a, const Value& b);
int order(const Value& a, const Value& b);        // of the language, of two values that are there: -1, 0, 1
std::string show(const Value& value);             // as a result table shows it; null as "null"
std::string to_text(const Value& value);          // tostring(); null is empty
std::string json_text(const Json& json);

Value null_of(Type type);                         // for texts the empty one
Value of(bool b);
Value of(int64_t i);
Value of_int32(int64_t i);
Value of(double d);
Value of(std::string s);
Value of_time(int64_t ticks);
Value of_span(int64_t ticks);
Value of_json(Json json);
Json json_of(bool b);
Json json_of(int64_t i);
Json json_of(double d);
Json json_of(std::string s);
Json array_of(std::vector<Json> items);
Json to_json(const Value& value);                 // as the member of an array
const Json& json(const Value& value);             // of a dynamic; null where it is
const char* type_name(Type type);

constexpr int64_t ticks_per_second = 10'000'000, ticks_per_day = 86'400 * ticks_per_second;
constexpr int64_t first_time = 639'028'224'000'000'000;  // 2026-01-01
constexpr int64_t last_time = 3'155'378'975'999'999'999;
int64_t floor_to(int64_t value, int64_t step);
struct Date {
  int64_t year = 1;
  int month = 1, day = 1;
};
Date date_of(int64_t ticks);
int64_t ticks_of(const Date& date);

struct Column {
  std::string name;
  Type type = Type::integer;
  // Sums and quotients of many reals: right to some digits only, so no key, condition or argument.
  bool rounded = false;
};
using Row = std::vector<Value>;
struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
  bool ordered = false;  // the query says in which order its rows come
  int unique = -1;       // a column whose values are all different, where one is known
};

// Two tables to ask, of n_rows rows: T (all types, with nulls) and U (a smaller one).
Table make_table(const std::string& name, size_t n_rows, uint32_t seed);

}  // namespace plain
