#include "app/kql/value.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "app/kql/datetime.h"
#include "app/kql/decimal.h"
#include "app/kql/json.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// A dynamic holds a scalar: convert that scalar.
Value scalar_of_dynamic(const Value& value) {
  const Json json = dynamic_value(value);
  switch (json.kind) {
    case Json::Kind::boolean: return Value::boolean(json.i != 0);
    case Json::Kind::integer: return Value::int64(json.i);
    case Json::Kind::real: return Value::real(json.d);
    case Json::Kind::string: return Value::text(json.s);
    default: return Value::none(Type::int64);
  }
}

Value integer(const Value& value, Type to) {
  const std::optional<int64_t> v = to_int64(value);
  if (!v || (to == Type::int32 && (*v > INT32_MAX || *v < INT32_MIN))) return Value::none(to);
  return {to, false, *v, 0, {}};
}

Value to_boolean(const Value& value) {
  if (value.type == Type::string) {
    const std::string lower = engine::to_lower_ascii(engine::trim(value.s));
    if (lower == "true") return Value::boolean(true);
    if (lower == "false") return Value::boolean(false);
    const std::optional<int64_t> number = parse_int64(lower);
    return number ? Value::boolean(*number != 0) : Value::none(Type::boolean);
  }
  if (value.type == Type::real) return Value::boolean(value.d != 0);
  const std::optional<int64_t> number = to_int64(value);
  return number ? Value::boolean(*number != 0) : Value::none(Type::boolean);
}

Value to_decimal(const Value& value) {
  if (value.type == Type::real && !std::isfinite(value.d)) return Value::none(Type::decimal);
  const std::optional<Decimal> d = parse_decimal(to_text(value));
  return d ? Value::decimal(decimal_text(*d)) : Value::none(Type::decimal);
}

Value to_datetime(const Value& value) {
  if (value.type == Type::string) {
    const std::optional<int64_t> t = parse_datetime(value.s);
    return t ? Value::datetime(*t) : Value::none(Type::datetime);
  }
  if (is_integer(value.type) && value.i >= 0 && value.i <= max_datetime) return Value::datetime(value.i);
  return Value::none(Type::datetime);
}

Value to_timespan(const Value& value) {
  if (value.type == Type::string) {
    const std::optional<int64_t> t = parse_timespan(value.s);
    return t ? Value::timespan(*t) : Value::none(Type::timespan);
  }
  if (is_integer(value.type)) return Value::timespan(value.i);
  return Value::none(Type::timespan);
}

}  // namespace

Value Value::none(Type type) {
  Value value;
  value.type = type;
  value.null = type != Type::string;
  return value;
}

Value get(const columns::Column& column, size_t row) {
  Value value;
  value.type = column.type();
  if (column.is_null(row)) {
    value.null = value.type != Type::string;
  } else if (columns::is_text(value.type)) {
    value.s = column.text(row);
  } else if (value.type == Type::real) {
    value.d = column.f64(row);
  } else {
    value.i = column.i64(row);
  }
  return value;
}

void push(columns::Column& column, const Value& value) {
  if (value.null) return column.push_null();
  if (columns::is_text(column.type())) return column.push_text(value.s);
  if (column.type() == Type::real) return column.push_f64(value.d);
  column.push_i64(value.i);
}

std::optional<Type> type_from_name(std::string_view name) {
  struct Name {
    std::string_view name;
    Type type;
  };
  constexpr Name names[] = {
      {"bool", Type::boolean},     {"boolean", Type::boolean},   {"int", Type::int32},
      {"int32", Type::int32},      {"long", Type::int64},        {"int64", Type::int64},
      {"real", Type::real},        {"double", Type::real},       {"float", Type::real},
      {"decimal", Type::decimal},  {"string", Type::string},     {"datetime", Type::datetime},
      {"date", Type::datetime},    {"timespan", Type::timespan}, {"time", Type::timespan},
      {"guid", Type::guid},        {"uuid", Type::guid},         {"uniqueid", Type::guid},
      {"dynamic", Type::dynamic},  {"int8", Type::int32},        {"uint8", Type::int32},
      {"int16", Type::int32},      {"uint16", Type::int32},      {"uint", Type::int64},
      {"uint32", Type::int64},     {"ulong", Type::int64},       {"uint64", Type::int64}};
  for (const Name& n : names) {
    if (n.name == name) return n.type;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_int64(std::string_view text) {
  text = engine::trim(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'x';
  if (hex) text.remove_prefix(2);
  uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, hex ? 16 : 10);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (hex) return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  if (magnitude > static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

std::optional<double> parse_real(std::string_view text) {
  text = engine::trim(text);
  const std::string lower = engine::to_lower_ascii(text);
  if (lower == "nan") return std::nan("");
  if (lower == "inf" || lower == "+inf" || lower == "infinity") return HUGE_VAL;
  if (lower == "-inf" || lower == "-infinity") return -HUGE_VAL;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && error == std::errc{} && end == text.data() + text.size()) return value;
  if (const std::optional<int64_t> whole = parse_int64(text)) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<std::string> parse_guid(std::string_view text) {
  text = engine::trim(text);
  if (text.size() >= 2 && (text.front() == '{' || text.front() == '(')) text = text.substr(1, text.size() - 2);
  std::string digits;
  for (size_t k = 0; k < text.size(); ++k) {
    if (std::isxdigit(static_cast<unsigned char>(text[k]))) {
      digits += static_cast<char>(std::tolower(text[k]));
    } else if (text[k] != '-' || (k != 8 && k != 13 && k != 18 && k != 23)) {
      return std::nullopt;
    }
  }
  if (digits.size() != 32 || (text.size() != 32 && text.size() != 36)) return std::nullopt;
  for (const size_t at : {8, 13, 18, 23}) digits.insert(at, "-");
  return digits;
}

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[64];
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e15);  // as .NET writes them
  const auto result = std::to_chars(text, text + sizeof text, value, plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string out(text, result.ptr);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  for (char& c : out) {
    if (c == 'e') c = 'E';
  }
  return out;
}

std::string to_text(const Value& value) {
  if (value.null) return {};
  switch (value.type) {
    case Type::boolean: return value.i ? "True" : "False";
    case Type::int32: case Type::int64: return std::to_string(value.i);
    case Type::real: return real_text(value.d);
    case Type::datetime: return datetime_text(value.i);
    case Type::timespan: return timespan_text(value.i);
    case Type::dynamic: return dynamic_as_text(value.s);
    default: return value.s;
  }
}

std::optional<int64_t> to_int64(const Value& value) {
  if (value.null) return std::nullopt;
  switch (value.type) {
    case Type::real:
      if (!(value.d >= -0x1p63 && value.d < 0x1p63)) return std::nullopt;
      return static_cast<int64_t>(value.d);
    case Type::decimal: return to_int64(Value::real(decimal_to_real(*parse_decimal(value.s))));
    case Type::string: {
      if (const std::optional<int64_t> v = parse_int64(value.s)) return v;
      const std::optional<double> real = parse_real(value.s);
      return real && std::isfinite(*real) ? to_int64(Value::real(*real)) : std::nullopt;
    }
    case Type::dynamic: return to_int64(scalar_of_dynamic(value));
    case Type::guid: return std::nullopt;
    default: return value.i;
  }
}

std::optional<double> to_real(const Value& value) {
  if (value.null) return std::nullopt;
  switch (value.type) {
    case Type::real: return value.d;
    case Type::decimal: return decimal_to_real(*parse_decimal(value.s));
    case Type::string: return parse_real(value.s);
    case Type::dynamic: return to_real(scalar_of_dynamic(value));
    case Type::guid: return std::nullopt;
    default: return static_cast<double>(value.i);
  }
}

Value convert(const Value& value, Type to) {
  if (value.type == to) return value;
  if (value.null) return Value::none(to);
  if (value.type == Type::dynamic && to != Type::string && to != Type::dynamic) {
    const Value scalar = scalar_of_dynamic(value);
    return scalar.type == to ? scalar : convert(scalar, to);
  }
  switch (to) {
    case Type::boolean: return to_boolean(value);
    case Type::int32: case Type::int64: return integer(value, to);
    case Type::real: {
      const std::optional<double> v = to_real(value);
      return v ? Value::real(*v) : Value::none(to);
    }
    case Type::decimal: return to_decimal(value);
    case Type::string: return Value::text(to_text(value));
    case Type::datetime: return to_datetime(value);
    case Type::timespan: return to_timespan(value);
    case Type::guid: {
      std::optional<std::string> text = parse_guid(to_text(value));
      if (!text) return Value::none(to);
      return {Type::guid, false, 0, 0, std::move(*text)};
    }
    case Type::dynamic: return from_json(to_json(value));
  }
  return Value::none(to);
}

bool is_null(const Value& value) { return value.null || (value.type == Type::dynamic && value.s == "null"); }

int compare(const Value& a, const Value& b) {
  if (a.type == Type::decimal) return compare(*parse_decimal(a.s), *parse_decimal(b.s));
  if (a.type == Type::dynamic) {
    const Json x = dynamic_value(a), y = dynamic_value(b);
    if (x.kind == Json::Kind::integer && y.kind == Json::Kind::integer) return x.i < y.i ? -1 : x.i > y.i;
    if (x.is_number() && y.is_number()) return x.number() < y.number() ? -1 : x.number() > y.number();
    const std::string l = to_text(a), r = to_text(b);
    return l < r ? -1 : l > r;
  }
  if (columns::is_text(a.type)) return a.s < b.s ? -1 : a.s > b.s;
  if (a.type == Type::real) {  // NaN sorts first, as the smallest
    if (std::isnan(a.d) || std::isnan(b.d)) return std::isnan(b.d) - std::isnan(a.d);
    return a.d < b.d ? -1 : a.d > b.d;
  }
  return a.i < b.i ? -1 : a.i > b.i;
}

void append_key(std::string& key, const columns::Column& column, size_t row) {
  if (column.is_null(row)) {
    key += '\0';
    return;
  }
  key += '\1';
  if (columns::is_text(column.type())) {
    const std::string_view text = column.text(row);
    const auto length = static_cast<uint32_t>(text.size());
    key.append(reinterpret_cast<const char*>(&length), sizeof length);
    key += text;
    return;
  }
  int64_t bits = 0;
  if (column.type() == Type::real) {
    const double value = column.f64(row) == 0 ? 0 : column.f64(row);  // -0 is 0
    std::memcpy(&bits, &value, sizeof bits);
  } else {
    bits = column.i64(row);
  }
  key.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

}  // namespace app::kql
