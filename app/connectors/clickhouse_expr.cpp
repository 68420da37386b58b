#include "app/connectors/clickhouse_expr.h"

#include <algorithm>
#include <cmath>

#include "app/kql/datetime.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors::clickhouse {
namespace {

using columns::Type;
using kql::Bound;
using kql::BoundPtr;
using kql::Value;
using kql::is_constant;
using kql::is_integer;

constexpr int64_t epoch_ticks = 621'355'968'000'000'000;
constexpr size_t max_list = 1000;     // items of in (...): beyond, the rows are filtered here

SqlExpr plain(std::string sql, Type type, bool nullable) { return {std::move(sql), type, nullable, RawTime::none, {}, true}; }

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Truth of_test(const std::string& sql) { return {sql, "NOT (" + sql + ")", false}; }

// A test that is null where one of its values is: then it is neither true nor false.
Truth of_nullable(const std::string& sql, bool nullable) {
  if (!nullable) return of_test(sql);
  return {"ifNull(" + sql + ", 0)", "ifNull(NOT (" + sql + "), 0)", true};
}

Truth constant_truth(bool value) { return {value ? "1" : "0", value ? "0" : "1", false}; }

std::string joined(const std::vector<std::string>& parts, const char* with) {
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : with) + p;
  return "(" + out + ")";
}

// The items of a list operator: constants, dynamic arrays spread out.
bool constant_items(const std::vector<BoundPtr>& args, std::vector<Value>& out) {
  for (size_t k = 1; k < args.size(); ++k) {
    if (!is_constant(*args[k])) return false;
    if (args[k]->type != Type::dynamic) {
      out.push_back(args[k]->value);
      continue;
    }
    const kql::Json json = kql::dynamic_value(args[k]->value);
    if (!json.is_array()) return false;
    for (const kql::Json& item : json.items) {
      if (item.is_string()) out.push_back(Value::text(item.s));
      else if (item.kind == kql::Json::Kind::integer) out.push_back(Value::int64(item.i));
      else return false;
    }
  }
  return out.size() <= max_list;
}

// A text's bytes as a pattern; with ignore_case ASCII letters in either case, and no others.
std::string literal_pattern(const std::string& text, bool ignore_case) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && ignore_case) out += {'[', static_cast<char>(c & ~32), static_cast<char>(c | 32), ']'};
    else if (letter || (c >= '0' && c <= '9') || byte >= 0x80) out += c;
    else out += engine::format("\\x%02x", byte);
  }
  return out;
}

bool is_term_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

// What may stand beside a term: the ASCII characters that are neither letter nor digit.
constexpr const char* no_term = "[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f]";

bool stored_as_integer(Type t) { return t != Type::real && !columns::is_text(t); }

}  // namespace

// ---------------------------------------------------------------- values

std::optional<SqlExpr> Translator::value(const Bound& e) {
  switch (e.kind) {
    case Bound::Kind::column: return columns_[e.column];
    case Bound::Kind::constant: {
      if (e.type == Type::dynamic || e.type == Type::decimal) return std::nullopt;
      return plain(parameters_.of(e.value), e.type, e.value.null);
    }
    case Bound::Kind::call: break;
  }
  if (e.window || !kql::is_pure(e)) return std::nullopt;
  if (e.type != Type::boolean) return call(e);
  const std::optional<Truth> t = truth(e);
  if (!t) return std::nullopt;
  if (!t->nullable) return plain("toUInt8(" + t->yes + ")", Type::boolean, false);
  return plain("multiIf(" + t->yes + ", toUInt8(1), " + t->no + ", toUInt8(0), NULL)", Type::boolean, true);
}

std::optional<SqlExpr> Translator::call(const Bound& e) {
  const std::string_view f = e.function->name;
  if (f == "+" || f == "-" || f == "*" || f == "/" || f == "%" || f == "negate") return arithmetic(e);
  if (f == "bin") return bin(e);
  if (f == "case") return chosen(e);
  if (f == "coalesce") return coalesce(e);
  if (f == "strcat") return strcat(e);
  if (f == "tostring" || f == "tolong" || f == "toint" || f == "toreal" || f == "todouble") return conversion(e);
  if (e.args.empty()) return std::nullopt;
  const std::optional<SqlExpr> a = value(*e.args[0]);
  if (!a) return std::nullopt;
  const bool time = a->type == Type::datetime && e.args.size() == 1;
  if (f == "startofday" && time) return plain("(" + a->sql + " - " + a->sql + " % 864000000000)", e.type, a->nullable);
  if (f == "hourofday" && time) return plain("toInt32(intDiv(" + a->sql + ", 36000000000) % 24)", e.type, a->nullable);
  if (f == "dayofweek" && time) return plain("((intDiv(" + a->sql + ", 864000000000) + 1) % 7 * 864000000000)", e.type, a->nullable);
  if (f == "string_size" && a->type == Type::string) return plain("toInt64(length(" + a->sql + "))", e.type, false);
  if (f == "abs" && is_integer(a->type)) return plain((e.type == Type::int32 ? "toInt32(abs(" : "toInt64(abs(") + a->sql + "))", e.type, a->nullable);
  if (f == "abs" && a->type == Type::real) return plain("abs(" + a->sql + ")", e.type, a->nullable);
  return std::nullopt;
}

std::optional<SqlExpr> Translator::arithmetic(const Bound& e) {
  const std::string_view f = e.function->name;
  std::optional<SqlExpr> a = value(*e.args[0]);
  if (!a) return std::nullopt;
  if (f == "negate") {
    if (e.type == Type::real) return plain("negate(" + a->sql + ")", e.type, a->nullable);
    if (!is_integer(e.type) && e.type != Type::timespan) return std::nullopt;
    return plain((e.type == Type::int32 ? "toInt32(0 - " : "toInt64(0 - ") + a->sql + ")", e.type, a->nullable);
  }
  std::optional<SqlExpr> b = value(*e.args[1]);
  if (!b) return std::nullopt;
  const bool nullable = a->nullable || b->nullable;
  const bool times = a->type == Type::timespan || a->type == Type::datetime || b->type == Type::timespan || b->type == Type::datetime;
  const auto real = [](const SqlExpr& x) { return x.type == Type::real ? x.sql : "toFloat64(" + x.sql + ")"; };
  if (e.type == Type::real) {
    const bool numbers = stored_as_integer(a->type) || a->type == Type::real;
    if (!numbers || !(stored_as_integer(b->type) || b->type == Type::real) || f == "%") return std::nullopt;
    if (times && f != "/") return std::nullopt;
    return plain("(" + real(*a) + " " + std::string(f) + " " + real(*b) + ")", e.type, nullable);
  }
  if (!stored_as_integer(a->type) || !stored_as_integer(b->type) || !stored_as_integer(e.type) || e.type == Type::boolean) return std::nullopt;
  if (f == "+" || f == "-" || (f == "*" && !times)) {
    const std::string sum = "(" + a->sql + " " + std::string(f) + " " + b->sql + ")";
    if (e.type == Type::int32) return plain("toInt32" + sum, e.type, nullable);
    if (e.type != Type::datetime) return plain("toInt64" + sum, e.type, nullable);
    return plain("if(" + sum + " < 0 OR " + sum + " > " + std::to_string(kql::max_datetime) + ", NULL, " + sum + ")", e.type, true);
  }
  // Division is by a constant that cannot fail.
  const bool divisor = is_constant(*e.args[1]) && !b->nullable && e.args[1]->value.i > 0 && e.args[1]->value.i < (INT64_C(1) << 62);
  if (!divisor || (times && f == "/")) return std::nullopt;
  const std::string cast = e.type == Type::int32 ? "toInt32(" : "toInt64(";
  if (f == "/") return plain(cast + "intDiv(" + a->sql + ", " + b->sql + "))", e.type, nullable);
  return plain(cast + "(" + a->sql + " % " + b->sql + " + " + b->sql + ") % " + b->sql + ")", e.type, nullable);
}

std::optional<SqlExpr> Translator::bin(const Bound& e) {
  const Bound& step = *e.args[1];
  const std::optional<SqlExpr> a = value(*e.args[0]);
  if (!a || a->type != e.type || !is_constant(step) || step.value.null) return std::nullopt;
  if (e.type == Type::real) {
    if (step.type != Type::real || !(step.value.d > 0)) return std::nullopt;
    const std::string by = parameters_.of(step.value);
    return plain("(floor(" + a->sql + " / " + by + ") * " + by + ")", e.type, a->nullable);
  }
  if (!stored_as_integer(e.type) || e.type == Type::boolean || !stored_as_integer(step.type)) return std::nullopt;
  const int64_t by = step.value.i;
  if (by <= 0 || by >= (INT64_C(1) << 62)) return std::nullopt;
  const std::string n = number(by);
  const std::string cast = e.type == Type::int32 ? "toInt32(" : "toInt64(";
  if (e.type == Type::datetime) return plain("(" + a->sql + " - " + a->sql + " % " + n + ")", e.type, a->nullable);
  return plain(cast + a->sql + " - (" + a->sql + " % " + n + " + " + n + ") % " + n + ")", e.type, a->nullable);
}

// iff() and case(): the value behind the first condition that is true.
std::optional<SqlExpr> Translator::chosen(const Bound& e) {
  if (e.type == Type::dynamic || e.type == Type::decimal) return std::nullopt;
  std::string sql = "multiIf(";
  bool nullable = false;
  for (size_t k = 0; k < e.args.size(); ++k) {
    const bool condition = k % 2 == 0 && k + 1 < e.args.size();
    if (condition) {
      const std::optional<Truth> t = truth(*e.args[k]);
      if (!t) return std::nullopt;
      sql += t->yes + ", ";
      continue;
    }
    const std::optional<SqlExpr> v = value(*e.args[k]);
    if (!v || v->type != e.type) return std::nullopt;
    nullable |= v->nullable;
    sql += v->sql + (k + 1 < e.args.size() ? ", " : ")");
  }
  return plain(sql, e.type, nullable);
}

std::optional<SqlExpr> Translator::coalesce(const Bound& e) {
  if (e.type == Type::dynamic || e.type == Type::decimal) return std::nullopt;
  std::vector<SqlExpr> values;
  for (const BoundPtr& arg : e.args) {
    const std::optional<SqlExpr> v = value(*arg);
    if (!v || v->type != e.type) return std::nullopt;
    values.push_back(*v);
  }
  std::string sql;
  if (e.type == Type::string) {
    for (const SqlExpr& v : values) sql += v.sql + " != '', " + v.sql + ", ";
    return plain("multiIf(" + sql + "'')", e.type, false);
  }
  bool nullable = true;
  for (const SqlExpr& v : values) {
    sql += (sql.empty() ? "" : ", ") + v.sql;
    nullable &= v.nullable;
  }
  return plain(values.size() == 1 ? sql : "coalesce(" + sql + ")", e.type, nullable);
}

std::optional<SqlExpr> Translator::strcat(const Bound& e) {
  std::vector<std::string> parts;
  for (const BoundPtr& arg : e.args) {
    const std::optional<SqlExpr> v = value(*arg);
    if (!v || (v->type != Type::string && !is_integer(v->type))) return std::nullopt;
    const std::string text = v->type == Type::string ? v->sql : "toString(" + v->sql + ")";
    parts.push_back(v->nullable ? "ifNull(" + text + ", '')" : text);
  }
  if (parts.size() == 1) return plain(parts[0], Type::string, false);
  return plain("concat" + joined(parts, ", "), Type::string, false);
}

std::optional<SqlExpr> Translator::conversion(const Bound& e) {
  if (e.args.size() != 1) return std::nullopt;
  const std::optional<SqlExpr> a = value(*e.args[0]);
  if (!a) return std::nullopt;
  if (a->type == e.type) return a;
  if (e.type == Type::string) {
    if (!is_integer(a->type) && a->type != Type::guid) return std::nullopt;
    return plain(a->nullable ? "ifNull(toString(" + a->sql + "), '')" : "toString(" + a->sql + ")", e.type, false);
  }
  if (!is_integer(a->type)) return std::nullopt;
  if (e.type == Type::int64) return plain("toInt64(" + a->sql + ")", e.type, a->nullable);
  if (e.type == Type::real) return plain("toFloat64(" + a->sql + ")", e.type, a->nullable);
  if (e.type != Type::int32) return std::nullopt;
  return plain("if(" + a->sql + " < -2147483648 OR " + a->sql + " > 2147483647, NULL, toInt32(" + a->sql + "))", e.type, true);
}

// ---------------------------------------------------------------- conditions

std::optional<Truth> Translator::truth(const Bound& e) {
  if (e.type != Type::boolean || e.window || !kql::is_pure(e)) return std::nullopt;
  if (e.kind == Bound::Kind::constant) return e.value.null ? Truth{"0", "0", true} : constant_truth(e.value.i != 0);
  if (e.kind == Bound::Kind::column) {
    const SqlExpr& c = columns_[e.column];
    return of_nullable("(" + c.sql + " != 0)", c.nullable);
  }
  const std::string f = e.function->name;
  const auto& args = e.args;
  if (f == "and" || f == "or") {
    std::vector<std::string> yes, no;
    bool nullable = false;
    for (const BoundPtr& arg : args) {
      const std::optional<Truth> t = truth(*arg);
      if (!t) return std::nullopt;
      yes.push_back(t->yes);
      no.push_back(t->no);
      nullable |= t->nullable;
    }
    return f == "and" ? Truth{joined(yes, " AND "), joined(no, " OR "), nullable} : Truth{joined(yes, " OR "), joined(no, " AND "), nullable};
  }
  if (f == "not") {
    std::optional<Truth> t = truth(*args[0]);
    if (t) std::swap(t->yes, t->no);
    return t;
  }
  const bool negated = f.size() > 1 && f[0] == '!' && f != "!=";
  const std::string positive = negated ? f.substr(1) : f;
  std::optional<Truth> t;
  if (f == "!=" || f == "==") {
    t = comparison("=", *args[0], *args[1]);
    if (t && f == "!=") std::swap(t->yes, t->no);
    return t;
  }
  if (f == "<" || f == "<=" || f == ">" || f == ">=") return comparison(f, *args[0], *args[1]);
  if (f == "isnan" || f == "isinf" || f == "isfinite") {
    const std::optional<SqlExpr> a = value(*args[0]);
    if (!a || a->type != Type::real) return std::nullopt;
    return of_nullable((f == "isnan" ? "isNaN(" : f == "isinf" ? "isInfinite(" : "isFinite(") + a->sql + ")", a->nullable);
  }
  if (f == "isnull" || f == "isnotnull" || f == "notnull" || f == "isempty" || f == "isnotempty" || f == "notempty") {
    const std::optional<SqlExpr> a = value(*args[0]);
    if (!a || a->type == Type::dynamic) return std::nullopt;
    const bool empty = f.find("empty") != std::string::npos;
    if (a->type == Type::string) t = empty ? of_test("(" + a->sql + " = '')") : constant_truth(false);
    else t = a->nullable ? of_test("isNull(" + a->sql + ")") : constant_truth(false);
    if (f[0] == 'n' || f.substr(0, 5) == "isnot") std::swap(t->yes, t->no);
    return t;
  }
  if (positive == "between") t = between(args);
  else if (positive == "in" || positive == "in~") t = in_list(args, positive == "in~");
  else if (f == "has_any" || f == "has_all") t = has_list(args, f == "has_all");
  else t = text_test(positive == "~" ? "=~" : positive, args);  // !~
  if (t && negated) std::swap(t->yes, t->no);
  return t;
}

std::optional<Truth> Translator::comparison(const std::string& op, const Bound& x, const Bound& y) {
  std::optional<SqlExpr> a = value(x), b = value(y);
  if (!a || !b) return std::nullopt;
  const auto number = [](Type t) { return is_integer(t) || t == Type::real; };
  if (a->type != b->type) {
    if (!number(a->type) || !number(b->type)) return std::nullopt;
    // A long and a real are compared as reals.
    if (a->type == Type::real && b->type != Type::real) b->sql = "toFloat64(" + b->sql + ")";
    if (b->type == Type::real && a->type != Type::real) a->sql = "toFloat64(" + a->sql + ")";
  } else if (a->type == Type::decimal || a->type == Type::dynamic) {
    return std::nullopt;
  }
  if (a->type == Type::datetime && !a->raw.empty() && is_constant(y) && !y.value.null) return time_comparison(op, *a, y.value.i);
  if (b->type == Type::datetime && !b->raw.empty() && is_constant(x) && !x.value.null) {
    const std::string turned = op == "<" ? ">" : op == "<=" ? ">=" : op == ">" ? "<" : op == ">=" ? "<=" : op;
    return time_comparison(turned, *b, x.value.i);
  }
  const std::string sql = "(" + a->sql + " " + op + " " + b->sql + ")";
  const bool nullable = a->nullable || b->nullable;
  if (op != "=" || !nullable) return of_nullable(sql, nullable);
  // One null is not equal; two are neither equal nor not.
  return Truth{"ifNull(" + sql + ", 0)", "ifNull(NOT " + sql + ", isNull(" + a->sql + ") != isNull(" + b->sql + "))", a->nullable && b->nullable};
}

// Against the stored column, so that the server's indexes help. A DateTime or Date is a whole number
// of seconds or days: x >= t there is x >= t rounded up.
std::optional<Truth> Translator::time_comparison(const std::string& op, const SqlExpr& column, int64_t ticks) {
  const SqlExpr exact = plain(column.sql, Type::datetime, column.nullable);
  const auto general = [&] {
    const std::string sql = "(" + exact.sql + " " + op + " " + parameters_.of(Value::datetime(ticks)) + ")";
    if (op != "=") return of_nullable(sql, exact.nullable);
    return exact.nullable ? Truth{"ifNull(" + sql + ", 0)", "ifNull(NOT " + sql + ", 1)", false} : of_test(sql);
  };
  const int64_t since = ticks - epoch_ticks;
  const int64_t unit = column.raw_kind == RawTime::days ? kql::ticks_per_day : kql::ticks_per_sec;
  const int64_t last = column.raw_kind == RawTime::days ? 65'535 : 4'294'967'295;
  const int64_t whole = kql::floor_to(since, unit) / unit;
  if (whole < 0 || whole >= last) return general();
  const auto at = [&](int64_t n) { return (column.raw_kind == RawTime::days ? "toDate(" : "toDateTime(") + number(n) + ")"; };
  const int64_t up = whole + (since % unit != 0 ? 1 : 0);
  if (column.raw_kind == RawTime::fraction) {  // the seconds around it help to skip; ticks decide
    Truth t = general();
    if (op == ">" || op == ">=") t.yes = "(" + column.raw + " >= toDateTime(" + number(whole) + ") AND " + t.yes + ")";
    if ((op == "<" || op == "<=") && up < last) t.yes = "(" + column.raw + " <= toDateTime(" + number(up) + ") AND " + t.yes + ")";
    if (column.nullable) t.yes = "ifNull(" + t.yes + ", 0)";
    return t;
  }
  if (op == "=") {
    if (since % unit != 0) return general();
    const std::string sql = "(" + column.raw + " = " + at(whole) + ")";
    return exact.nullable ? Truth{"ifNull(" + sql + ", 0)", "ifNull(NOT " + sql + ", 1)", false} : of_test(sql);
  }
  if (op == ">=") return of_nullable("(" + column.raw + " >= " + at(up) + ")", exact.nullable);
  if (op == "<") return of_nullable("(" + column.raw + " < " + at(up) + ")", exact.nullable);
  if (op == ">") return of_nullable("(" + column.raw + " > " + at(whole) + ")", exact.nullable);
  return of_nullable("(" + column.raw + " <= " + at(whole) + ")", exact.nullable);
}

std::optional<Truth> Translator::between(Args args) {
  const std::optional<Truth> low = comparison(">=", *args[0], *args[1]), high = comparison("<=", *args[0], *args[2]);
  if (!low || !high) return std::nullopt;
  const std::string yes = "(" + low->yes + " AND " + high->yes + ")";
  if (!low->nullable && !high->nullable) return of_test(yes);
  // Neither where a value or a bound is null.
  std::vector<std::string> known;
  for (const BoundPtr& arg : args) {
    const std::optional<SqlExpr> v = value(*arg);
    if (v->nullable) known.push_back("isNotNull(" + v->sql + ")");
  }
  known.push_back("NOT " + yes);
  return Truth{yes, joined(known, " AND "), true};
}

std::optional<std::string> Translator::term_test(const std::string& sql, const std::string& term, bool ignore_case, bool left, bool right) {
  if (term.empty()) return "1";
  if (!engine::is_valid_utf8(term)) return std::nullopt;
  std::string pattern;
  if (left && is_term_char(term.front())) pattern += std::string("(?:^|") + no_term + ")";
  pattern += literal_pattern(term, ignore_case);
  if (right && is_term_char(term.back())) pattern += std::string("(?:$|") + no_term + ")";
  // The plain search is the quick one and leaves few rows for the pattern.
  const std::string found = !ignore_case ? "position(" + sql + ", " + text(term) + ") > 0"
                            : is_ascii(term) ? "positionCaseInsensitive(" + sql + ", " + text(term) + ") > 0"
                                             : "position(lower(" + sql + "), lower(" + text(term) + ")) > 0";
  return "(" + found + " AND match(" + sql + ", " + text(pattern) + "))";
}

std::optional<Truth> Translator::text_test(std::string op, Args args) {
  if (args.size() != 2 || args[0]->type != Type::string || args[1]->type != Type::string || !is_constant(*args[1])) return std::nullopt;
  const std::optional<SqlExpr> a = value(*args[0]);
  if (!a) return std::nullopt;
  const std::string& part = args[1]->value.s;
  const std::string& s = a->sql;
  if (op == "matches regex") return of_test("match(" + s + ", " + text("(?-s)" + part) + ")");  // there a dot takes line feeds too
  const bool exact_case = op.size() > 3 && op.compare(op.size() - 3, 3, "_cs") == 0;
  if (exact_case) op.resize(op.size() - 3);
  const bool any = op == "contains" || op == "startswith" || op == "endswith";
  if (any && part.empty()) return constant_truth(true);
  const std::string lower = engine::to_lower_ascii(part);
  if (op == "=~" && is_ascii(part)) return of_test("(lower(" + s + ") = " + text(lower) + ")");
  if (op == "contains") {
    if (exact_case) return of_test("(position(" + s + ", " + text(part) + ") > 0)");
    if (is_ascii(part)) return of_test("(positionCaseInsensitive(" + s + ", " + text(part) + ") > 0)");
    return of_test("(position(lower(" + s + "), " + text(lower) + ") > 0)");
  }
  if (op == "startswith") {
    if (exact_case) return of_test("startsWith(" + s + ", " + text(part) + ")");
    if (is_ascii(part)) return of_test("(lower(substring(" + s + ", 1, " + std::to_string(part.size()) + ")) = " + text(lower) + ")");
  }
  if (op == "endswith") {
    if (exact_case) return of_test("endsWith(" + s + ", " + text(part) + ")");
    if (is_ascii(part)) return of_test("endsWith(lower(" + s + "), " + text(lower) + ")");
  }
  if (op == "has" || op == "hasprefix" || op == "hassuffix") {
    const std::optional<std::string> test = term_test(s, part, !exact_case, op != "hassuffix", op != "hasprefix");
    return test ? std::optional<Truth>(of_test(*test)) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<Truth> Translator::in_list(Args args, bool ignore_case) {
  std::vector<Value> items;
  if (args.size() < 2 || !constant_items(args, items)) return std::nullopt;
  const std::optional<SqlExpr> a = value(*args[0]);
  if (!a) return std::nullopt;
  const bool text_column = a->type == Type::string || (a->type == Type::guid && !ignore_case);
  const bool integers = stored_as_integer(a->type) && a->type != Type::boolean && !ignore_case;
  if (!text_column && !integers) return std::nullopt;
  std::vector<std::string> list;
  for (Value& item : items) {
    if (item.null) continue;
    if (text_column) {
      if (item.type != Type::string && item.type != a->type) return std::nullopt;
      if (ignore_case && !is_ascii(item.s)) return std::nullopt;
      list.push_back(text(ignore_case ? engine::to_lower_ascii(item.s) : item.s));
    } else {
      const bool same = item.type == a->type || (is_integer(item.type) && is_integer(a->type));
      if (!same) return std::nullopt;
      list.push_back(number(item.i));
    }
  }
  if (list.empty()) return constant_truth(false);
  const std::string left = ignore_case ? "lower(" + a->sql + ")" : a->sql;
  const std::string sql = "(" + left + " IN " + joined(list, ", ") + ")";
  // A null is in no list, and that is certain.
  return of_test(a->nullable ? "ifNull(" + sql + ", 0)" : sql);
}

std::optional<Truth> Translator::has_list(Args args, bool all) {
  std::vector<Value> items;
  if (args.size() < 2 || args[0]->type != Type::string || !constant_items(args, items) || items.size() > 50) return std::nullopt;
  const std::optional<SqlExpr> a = value(*args[0]);
  if (!a) return std::nullopt;
  std::vector<std::string> tests;
  for (const Value& item : items) {
    if (item.type != Type::string) return std::nullopt;
    const std::optional<std::string> test = term_test(a->sql, item.s, true, true, true);
    if (!test) return std::nullopt;
    tests.push_back(*test);
  }
  if (tests.empty()) return constant_truth(all);
  return of_test(joined(tests, all ? " AND " : " OR "));
}

// ---------------------------------------------------------------- aggregates

std::optional<SqlExpr> Translator::aggregate(const kql::AggregateCall& call) {
  std::string f = call.function->name;
  if (call.outputs.size() != 1) return std::nullopt;
  const Type out = call.outputs[0];
  size_t n_args = call.args.size();
  // xxxif(x, condition): over the rows where it is true.
  std::optional<Truth> only;
  static const char* const conditional[] = {"countif", "sumif", "avgif", "minif", "maxif", "dcountif", "count_distinctif"};
  if (std::any_of(std::begin(conditional), std::end(conditional), [&](const char* name) { return f == name; })) {
    only = n_args > 0 ? truth(*call.args[--n_args]) : std::nullopt;
    if (!only) return std::nullopt;
    f.resize(f.size() - 2);
  }
  if (f == "count" && n_args == 0) return plain(only ? "toInt64(countIf(" + only->yes + "))" : "toInt64(count())", out, false);
  if (n_args != 1) return std::nullopt;
  std::optional<SqlExpr> x = value(*call.args[0]);
  if (!x || x->type == Type::dynamic || x->type == Type::decimal) return std::nullopt;
  if (only) {
    // Not the server's minIf and the like: older ones give 0 of no rows, where null is meant.
    x->sql = "if(" + only->yes + ", toNullable(" + x->sql + "), NULL)";
    x->nullable = true;
  }
  const std::string& sql = x->sql;
  const bool integer = is_integer(x->type);
  const auto or_zero = [&](const std::string& total) { return x->nullable ? "ifNull(" + total + ", 0)" : total; };
  if (f == "count") return plain("toInt64(count(" + sql + "))", out, false);
  if (f == "sum") {
    if (!(integer && is_integer(out)) && !(x->type == Type::timespan && out == x->type) && !(x->type == Type::real && out == x->type)) return std::nullopt;
    const std::string total = or_zero("sum(" + sql + ")");
    return plain(out == Type::real ? total : (out == Type::int32 ? "toInt32(" : "toInt64(") + total + ")", out, false);
  }
  if (f == "avg" && out == Type::real && (integer || x->type == Type::real)) {
    const std::string real = x->type == Type::real ? sql : "toFloat64(" + sql + ")";
    return plain("if(count(" + sql + ") = 0, NULL, sum(" + real + ") / count(" + sql + "))", out, true);
  }
  if (f == "dcount" || f == "count_distinct") {
    if (x->type == Type::real) return std::nullopt;  // -0 and NaN
    return plain("toInt64(" + or_zero("uniqExact(" + sql + ")") + ")", out, false);
  }
  if ((f != "min" && f != "max") || x->type != out) return std::nullopt;
  if (x->type == Type::string) return plain(x->nullable ? "ifNull(" + f + "(" + sql + "), '')" : f + "(" + sql + ")", out, false);
  if (x->type != Type::real) return plain(f + "(toNullable(" + sql + "))", out, true);
  // NaN is the least of reals.
  const std::string is_nan = x->nullable ? "ifNull(isNaN(" + sql + "), 0)" : "isNaN(" + sql + ")";
  const std::string n_nan = "countIf(" + is_nan + ")";
  const std::string best = f + "(if(NOT " + is_nan + ", toNullable(" + sql + "), NULL))";
  if (f == "min") return plain("if(" + n_nan + " > 0, nan, " + best + ")", out, true);
  return plain("if(" + n_nan + " > 0 AND " + n_nan + " = count(" + sql + "), nan, " + best + ")", out, true);
}

}  // namespace app::connectors::clickhouse
