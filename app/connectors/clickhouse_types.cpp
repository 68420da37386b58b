#include "app/connectors/clickhouse_types.h"

#include <charconv>

#include "app/kql/json.h"
#include "engine/base/text.h"

namespace app::connectors::clickhouse {
namespace {

using columns::Type;

// "Name(arguments)": the name, and what stands within the brackets.
struct TypeText {
  std::string_view name, arguments;
};
TypeText split_type(std::string_view text) {
  text = engine::trim(text);
  const size_t open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') return {text, {}};
  return {engine::trim(text.substr(0, open)), text.substr(open + 1, text.size() - open - 2)};
}

// Behind the first comma that is in no brackets and no quotes.
std::string_view behind_first(std::string_view arguments) {
  int depth = 0;
  bool quoted = false;
  for (size_t k = 0; k < arguments.size(); ++k) {
    const char c = arguments[k];
    if (quoted && c == '\\') ++k;
    else if (c == '\'') quoted = !quoted;
    else if (!quoted && c == '(') ++depth;
    else if (!quoted && c == ')') --depth;
    else if (!quoted && c == ',' && depth == 0) return engine::trim(arguments.substr(k + 1));
  }
  return {};
}

constexpr const char* epoch = "621355968000000000";  // 1970-01-01 in ticks

std::string times_and_epoch(const std::string& number, const char* factor) {
  return "(" + number + " * " + factor + " + " + epoch + ")";
}

SqlExpr datetime64(const std::string& name, std::string_view arguments) {
  int precision = 3;
  std::from_chars(arguments.data(), arguments.data() + arguments.size(), precision);
  SqlExpr e{"", Type::datetime, false, RawTime::fraction, name, true};
  if (precision <= 6) {
    e.sql = times_and_epoch("toUnixTimestamp64Micro(" + name + ")", "10");
  } else if (precision == 7) {
    e.sql = "(reinterpretAsInt64(" + name + ") + " + epoch + ")";
  } else {  // down to whole ticks, before 1970 too
    const std::string raw = "reinterpretAsInt64(" + name + ")", step = precision == 8 ? "10" : "100";
    e.sql = "(intDiv(" + raw + " - (" + raw + " % " + step + " + " + step + ") % " + step + ", " + step + ") + " + epoch + ")";
  }
  return e;
}

SqlExpr text(std::string sql) { return {std::move(sql), Type::string, false, RawTime::none, {}, true}; }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const std::string_view n : names) {
    if (n == name) return true;
  }
  return false;
}

// Of the type within Nullable and LowCardinality; none where there is nothing to show.
std::optional<SqlExpr> plain_expr(const std::string& name, const TypeText& type, bool nullable, bool low_cardinality, const Version& version, std::string& note) {
  const std::string_view t = type.name;
  const std::string as_text = nullable ? "ifNull(CAST(" + name + " AS Nullable(String)), '')" : "CAST(" + name + " AS String)";
  const auto of = [&](std::string sql, Type kql) { return SqlExpr{std::move(sql), kql, nullable, RawTime::none, {}, true}; };
  if (t == "Bool") return of("toUInt8(" + name + ")", Type::boolean);
  if (is_one_of(t, {"UInt8", "Int8", "UInt16", "Int16", "Int32"})) return of("toInt32(" + name + ")", Type::int32);
  if (is_one_of(t, {"UInt32", "Int64"})) return of("toInt64(" + name + ")", Type::int64);
  if (t == "UInt64") {
    return SqlExpr{"if(" + name + " > 9223372036854775807, NULL, toInt64(" + name + "))", Type::int64, true, RawTime::none, {}, true};
  }
  if (is_one_of(t, {"Float32", "Float64", "BFloat16"})) return of("toFloat64(" + name + ")", Type::real);
  if (is_one_of(t, {"UInt128", "Int128", "UInt256", "Int256", "Decimal", "Decimal32", "Decimal64", "Decimal128", "Decimal256"})) return of("toString(" + name + ")", Type::decimal);
  if (t == "String") return text(nullable || low_cardinality ? as_text : name);
  if (t == "FixedString") return text("replaceRegexpOne(" + as_text + ", '\\\\x00+$', '')");
  if (is_one_of(t, {"Enum8", "Enum16", "IPv4", "IPv6"})) return text(nullable ? "ifNull(toString(" + name + "), '')" : "toString(" + name + ")");
  if (t == "UUID") return of("toString(" + name + ")", Type::guid);
  if (t == "Date") {
    SqlExpr e = of(times_and_epoch("toInt64(toUInt16(" + name + "))", "864000000000"), Type::datetime);
    e.raw_kind = RawTime::days;
    e.raw = name;
    return e;
  }
  if (t == "Date32") return of(times_and_epoch("toInt64(toInt32(" + name + "))", "864000000000"), Type::datetime);
  if (t == "DateTime" || t == "DateTime32") {
    SqlExpr e = of(times_and_epoch("toInt64(toUInt32(" + name + "))", "10000000"), Type::datetime);
    e.raw_kind = RawTime::seconds;
    e.raw = name;
    return e;
  }
  if (t == "DateTime64") {
    SqlExpr e = datetime64(name, type.arguments);
    e.nullable = nullable;
    return e;
  }
  if (is_one_of(t, {"Array", "Tuple", "Map", "JSON", "Object", "Nested", "Variant", "Dynamic", "Point", "Ring", "Polygon", "MultiPolygon", "LineString", "MultiLineString"})) {
    SqlExpr e{"toJSONString(" + name + ")", Type::dynamic, true, RawTime::none, {}, true};
    if (!version.has_json_text()) e.sql = "toString(" + name + ")", e.json = false;
    return e;
  }
  if (is_one_of(t, {"AggregateFunction", "Nothing"})) {
    note = "is left out: " + std::string(t) + " has no value to show";
    return std::nullopt;
  }
  note = "comes as text: " + std::string(t) + " is no type of KQL";
  return text(nullable ? "ifNull(toString(" + name + "), '')" : "toString(" + name + ")");
}

}  // namespace

Version parse_version(std::string_view text) {
  Version v;
  text = engine::trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v.major);
  if (error == std::errc{} && end != text.data() + text.size() && *end == '.') std::from_chars(end + 1, text.data() + text.size(), v.minor);
  return v;
}

ColumnPlan plan_column(const std::string& name, const std::string& type, const Version& version) {
  ColumnPlan plan;
  plan.name = name;
  bool nullable = false, low_cardinality = false;
  TypeText t = split_type(type);
  while (t.name == "Nullable" || t.name == "LowCardinality" || t.name == "SimpleAggregateFunction") {
    nullable |= t.name == "Nullable";
    low_cardinality |= t.name == "LowCardinality";
    t = split_type(t.name == "SimpleAggregateFunction" ? behind_first(t.arguments) : t.arguments);
  }
  plan.expr = plain_expr(quoted_identifier(name), t, nullable, low_cardinality, version, plan.note);
  if (t.name == "UInt64") plan.note = "is a long: null where it is above 9223372036854775807";
  const bool fine = t.name == "DateTime64" && (t.arguments.substr(0, 1) == "8" || t.arguments.substr(0, 1) == "9");
  if (fine) plan.note = "is cut to ticks of 100 ns";
  return plan;
}

std::string quoted_identifier(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`' || c == '\\') out += '\\';
    out += c;
  }
  return out + "`";
}

namespace {

// Values nest in [] and (); texts stand in single quotes with backslashes; the rest is bare.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}
  std::optional<std::string> read() {
    std::string out;
    if (!value(out, 0) || at_ != text_.size()) return std::nullopt;
    return out;
  }

 private:
  static constexpr int max_depth = 100;
  bool value(std::string& out, int depth) {
    if (depth > max_depth || at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '[' || c == '(') return list(out, depth, c == '[' ? ']' : ')');
    if (c == '\'') return quoted(out);
    return bare(out);
  }
  bool list(std::string& out, int depth, char close) {
    out += '[';
    ++at_;
    for (bool first = true; at_ < text_.size() && text_[at_] != close; first = false) {
      if (!first) {
        if (text_[at_] != ',') return false;
        ++at_;
        out += ',';
      }
      if (!value(out, depth + 1)) return false;
    }
    if (at_ >= text_.size()) return false;
    ++at_;
    out += ']';
    return true;
  }
  bool quoted(std::string& out) {
    std::string content;
    for (++at_; at_ < text_.size() && text_[at_] != '\''; ++at_) {
      char c = text_[at_];
      if (c == '\\') {
        if (++at_ == text_.size()) return false;
        c = text_[at_];
        switch (c) {
          case 'n': c = '\n'; break;
          case 't': c = '\t'; break;
          case 'r': c = '\r'; break;
          case 'b': c = '\b'; break;
          case 'f': c = '\f'; break;
          case '0': c = '\0'; break;
          default: break;
        }
      }
      content += c;
    }
    if (at_ >= text_.size()) return false;
    ++at_;
    kql::write_json_string(content, out);
    return true;
  }
  bool bare(std::string& out) {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ']' && text_[at_] != ')' && text_[at_] != '[' && text_[at_] != '(' && text_[at_] != '\'') ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return false;
    if (word == "NULL" || word == "nan" || word == "inf" || word == "-inf") {
      out += "null";
    } else if (kql::parse_json(word)) {
      out += word;
    } else {
      kql::write_json_string(word, out);
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::string> json_of_text(std::string_view text) { return TextReader(text).read(); }

}  // namespace app::connectors::clickhouse
