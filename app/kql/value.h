// app/kql/value.h: one typed value, for constants, row-wise kernels and group keys; and the
// conversions of the language (a conversion that fails gives null, never an error).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/columns/column.h"
#include "app/types.h"

namespace app::kql {

using columns::Type;

struct Value {
  Type type = Type::string;
  bool null = false;   // a string is never null: null strings are empty
  int64_t i = 0;       // bool, int, long, datetime, timespan
  double d = 0;        // real
  std::string s;       // string, decimal, guid, dynamic (compact JSON)

  static Value none(Type type);
  static Value boolean(bool b) { return {Type::boolean, false, b ? 1 : 0, 0, {}}; }
  static Value int64(int64_t v) { return {Type::int64, false, v, 0, {}}; }
  static Value int32(int64_t v) { return {Type::int32, false, v, 0, {}}; }
  static Value real(double v) { return {Type::real, false, 0, v, {}}; }
  static Value text(std::string v) { return {Type::string, false, 0, 0, std::move(v)}; }
  static Value datetime(int64_t t) { return {Type::datetime, false, t, 0, {}}; }
  static Value timespan(int64_t t) { return {Type::timespan, false, t, 0, {}}; }
  static Value dynamic(std::string json) { return {Type::dynamic, false, 0, 0, std::move(json)}; }
  static Value decimal(std::string v) { return {Type::decimal, false, 0, 0, std::move(v)}; }
};

Value get(const columns::Column& column, size_t row);
void push(columns::Column& column, const Value& value);  // value.type must be the column's

// --- type names: "long", "int64", "double", ...
std::optional<Type> type_from_name(std::string_view name);
constexpr bool is_number(Type t) {
  return t == Type::int32 || t == Type::int64 || t == Type::real || t == Type::decimal;
}
constexpr bool is_integer(Type t) { return t == Type::int32 || t == Type::int64; }

// --- conversions: tolong(), tostring(), ...
Value convert(const Value& value, Type to);
std::string to_text(const Value& value);           // tostring(); null is empty
std::optional<int64_t> to_int64(const Value& value);
std::optional<double> to_real(const Value& value);
std::string real_text(double value);               // shortest text that reads back, "NaN", "Infinity"
std::optional<double> parse_real(std::string_view text);
std::optional<int64_t> parse_int64(std::string_view text);   // decimal or 0x
std::optional<std::string> parse_guid(std::string_view text);  // canonical 36 characters

// Sort order of two values of one type, nulls apart: <0, 0, >0. Strings by byte.
int compare(const Value& a, const Value& b);
bool is_null(const Value& value);  // isnull(): a dynamic null counts

// Bytes that are equal exactly where the values are: for hash tables of groups, joins, distinct.
void append_key(std::string& key, const columns::Column& column, size_t row);

}  // namespace app::kql
