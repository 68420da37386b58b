// app/kql/json.h: values of type dynamic. Members keep their order; integers and reals stay apart.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/value.h"

namespace app::kql {

struct Json {
  enum class Kind : uint8_t { null, boolean, integer, real, string, array, object };
  Kind kind = Kind::null;
  int64_t i = 0;
  double d = 0;
  std::string s;
  std::vector<std::string> keys;  // of an object, one for each item
  std::vector<Json> items;

  bool is_array() const { return kind == Kind::array; }
  bool is_object() const { return kind == Kind::object; }
  bool is_string() const { return kind == Kind::string; }
  bool is_null() const { return kind == Kind::null; }
  bool is_number() const { return kind == Kind::integer || kind == Kind::real; }
  double number() const { return kind == Kind::integer ? static_cast<double>(i) : d; }
  const Json* find(std::string_view key) const;
  void set(std::string_view key, Json value);  // replaces or appends

  static Json of(bool b);
  static Json of(int64_t v);
  static Json of(double v);
  static Json of(std::string v);
  static Json array();
  static Json object();
};

bool operator==(const Json& a, const Json& b);  // 1 equals 1.0; member order does not count

// Strict JSON; none where the text is not JSON (or nests deeper than 200).
std::optional<Json> parse_json(std::string_view text);
void write_json(const Json& json, std::string& out);  // compact
std::string json_text(const Json& json);
void write_json_string(std::string_view text, std::string& out);

// A column's value as a member of a dynamic, and back with the type it then has.
Json to_json(const Value& value);
Value from_json(const Json& json);              // Value of type dynamic
Json dynamic_value(const Value& value);         // parses a dynamic's text; other types as to_json
std::string dynamic_as_text(std::string_view json);  // tostring(): a JSON string without quotes

}  // namespace app::kql
