#include "plain_expr.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace plain {
namespace {

const std::vector<std::string> words = {"error", "Disk", "disk full", "a", "", "ok", "r", "WARN x", "1", "on"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// The only letters beyond ASCII that the tables hold are O with dots and e with an accent.
std::string with_case(std::string s, bool up) {
  for (size_t k = 0; k < s.size(); ++k) {
    if (up ? s[k] >= 'a' && s[k] <= 'z' : s[k] >= 'A' && s[k] <= 'Z') s[k] = static_cast<char>(s[k] ^ 32);
    if (k > 0 && s[k - 1] == '\xC3' && (s[k] == '\x96' || s[k] == '\xB6')) s[k] = up ? '\x96' : '\xB6';
    if (k > 0 && s[k - 1] == '\xC3' && (s[k] == '\x89' || s[k] == '\xA9')) s[k] = up ? '\x89' : '\xA9';
  }
  return s;
}
std::string lower(const std::string& s) { return with_case(s, false); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || static_cast<unsigned char>(c) >= 0x80; }
bool is_inner(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }  // of a character of several bytes

// A part that begins (begin) or ends (end) where a word does.
bool has_word(const std::string& text, const std::string& part, bool begin, bool end) {
  if (part.empty()) return true;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    const bool before = !begin || at == 0 || !is_word(text[at - 1]);
    const bool after = !end || at + part.size() == text.size() || !is_word(text[at + part.size()]);
    if (before && after) return true;
  }
  return false;
}
bool starts(const std::string& s, const std::string& part) { return s.compare(0, part.size(), part) == 0; }
bool ends(const std::string& s, const std::string& part) { return s.size() >= part.size() && s.compare(s.size() - part.size(), part.size(), part) == 0; }

std::vector<std::string> characters(const std::string& s) {
  std::vector<std::string> out;
  for (const char c : s) {
    if (is_inner(c) && !out.empty()) out.back() += c;
    else out.emplace_back(1, c);
  }
  return out;
}
std::string joined(const std::vector<std::string>& parts, size_t begin, size_t end) {
  std::string out;
  for (size_t k = begin; k < std::min(end, parts.size()); ++k) out += parts[k];
  return out;
}
std::string replaced(const std::string& s, const std::string& from, const std::string& to) {
  std::string out;
  for (size_t at = 0; at < s.size();) {
    if (s.compare(at, from.size(), from) == 0) out += to, at += from.size();
    else out += s[at++];
  }
  return out;
}
std::vector<std::string> split(const std::string& s, char by) {
  std::vector<std::string> out(1);
  for (const char c : s) {
    if (c == by) out.emplace_back();
    else out.back() += c;
  }
  return out;
}

std::string quoted(const std::string& s) { return "'" + s + "'"; }
uint64_t bits(const Value& v) { return static_cast<uint64_t>(v.i); }
Value wrapped(uint64_t v) { return of(static_cast<int64_t>(v)); }

// A scalar within a dynamic as a number: what tolong() and toreal() make of it.
std::optional<int64_t> whole_of(const std::string& s) {
  size_t at = !s.empty() && s[0] == '-' ? 1 : 0;
  if (at == s.size() || s.size() > 15) return std::nullopt;
  const size_t point = std::min(s.find('.'), s.size());  // a fraction is cut off
  for (size_t k = at; k < s.size(); ++k) {
    if (!is_digit(s[k]) && k != point) return std::nullopt;
  }
  if (point == at || point + 1 == s.size()) return std::nullopt;
  return std::stoll(s.substr(0, point));
}
Value long_of(const Json& j) {
  switch (j.kind) {
    case Json::Kind::boolean: case Json::Kind::integer: return of(j.i);
    case Json::Kind::real: return std::fabs(j.d) < 9e18 ? of(static_cast<int64_t>(j.d)) : null_of(Type::integer);
    case Json::Kind::text: {
      const std::optional<int64_t> i = whole_of(j.s);
      return i ? of(*i) : null_of(Type::integer);
    }
    default: return null_of(Type::integer);
  }
}

}  // namespace

Expr Expressions::call(Type type, std::string text, std::vector<Expr> args, Kernel kernel, bool sees_nulls) {
  return {std::move(text), type, [type, args = std::move(args), kernel = std::move(kernel), sees_nulls](const Row& row) {
            std::vector<Value> values;
            values.reserve(args.size());
            for (const Expr& arg : args) {
              values.push_back(arg.eval(row));
              if (values.back().null && !sees_nulls) return null_of(type);
            }
            return kernel(values);
          }};
}

std::vector<size_t> Expressions::columns_of(Type type) const {
  std::vector<size_t> out;
  for (size_t k = 0; k < table_.columns.size(); ++k) {
    if (table_.columns[k].type == type && !table_.columns[k].rounded) out.push_back(k);
  }
  return out;
}
Expr Expressions::column(size_t k) const { return {table_.columns[k].name, table_.columns[k].type, [k](const Row& row) { return row[k]; }}; }

Type Expressions::any_type() {
  static const std::vector<Type> types = {Type::boolean, Type::int32, Type::integer, Type::integer, Type::real, Type::decimal, Type::text, Type::text, Type::time, Type::span, Type::guid, Type::dynamic};
  return dice_.one_of(types);
}
Type Expressions::key_type() {
  static const std::vector<Type> types = {Type::boolean, Type::int32, Type::integer, Type::integer, Type::real, Type::decimal, Type::text, Type::text, Type::text, Type::time, Type::span, Type::guid};
  return dice_.one_of(types);
}

Expr Expressions::literal(Type type) {
  Value v = null_of(type);
  std::string text;
  const std::string name = type_name(type);
  const int n = dice_.below(24);
  switch (type) {
    case Type::boolean: v = of(n % 2 == 0), text = v.i ? "true" : "false"; break;
    case Type::int32: v = of_int32(n), text = "int(" + std::to_string(n) + ")"; break;
    case Type::integer: v = of(static_cast<int64_t>(n == 0 ? 1'000'000'007 : n / 2)), text = std::to_string(v.i); break;
    case Type::real: v = of(n / 4.0), text = show(v); break;
    case Type::decimal: v.null = false, v.i = n * 2500, text = "decimal(" + show(v) + ")"; break;
    case Type::text: v = of(dice_.one_of(words)), text = quoted(v.s); break;
    case Type::time: v = of_time(first_time + n * 160 * ticks_per_second), text = "datetime(" + show(v) + ")"; break;
    case Type::span: v = of_span(n * 450 * ticks_per_second), text = std::to_string(n * 450) + "s"; break;
    case Type::guid: v.null = false, v.s = n % 2 ? "ffffffff-ffff-ffff-ffff-ffffffffffff" : "11111111-2222-3333-4444-555555555555", text = "guid(" + v.s + ")"; break;
    case Type::dynamic: {
      static const std::vector<std::pair<std::string, Json>> list = {
          {"dynamic([1,2,3])", array_of({json_of(int64_t{1}), json_of(int64_t{2}), json_of(int64_t{3})})}, {"dynamic([])", array_of({})},
          {"dynamic(['a',null,2.5])", array_of({json_of(std::string("a")), {}, json_of(2.5)})}, {"dynamic(4)", json_of(int64_t{4})}};
      const auto& one = dice_.one_of(list);
      v = of_json(one.second), text = one.first;
    }
  }
  if (dice_.one_in(12) && type != Type::text) v = null_of(type), text = name + "(null)";
  return {text, type, [v](const Row&) { return v; }};
}

Expr Expressions::leaf(Type type) {
  const std::vector<size_t> columns = columns_of(type);
  if (!columns.empty() && !dice_.one_in(4)) return column(dice_.one_of(columns));
  for (const Expr& constant : constants_) {
    if (constant.type == type && dice_.one_in(2)) return constant;
  }
  return literal(type);
}

Expr Expressions::user_call(const UserFunction& f, int depth) {
  std::vector<Expr> args;
  std::string text;
  for (const Type type : f.params) {
    args.push_back(any(type, depth - 2));
    text += (text.empty() ? "" : ", ") + args.back().text;
  }
  return call(f.body.type, f.name + "(" + text + ")", std::move(args), [body = f.body](const std::vector<Value>& v) { return body.eval(v); }, true);
}

// iff, case, coalesce: of any type.
Expr Expressions::conditional(Type type, int depth) {
  const Expr a = any(type, depth - 1), b = any(type, depth - 1);
  if (dice_.one_in(3)) {
    return call(type, "coalesce(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return v[0].null || (v[0].type == Type::text && v[0].s.empty()) ? v[1] : v[0]; }, true);
  }
  const Expr c = boolean(depth - 1);
  const auto holds = [](const Value& v) { return !v.null && v.i; };
  if (dice_.one_in(3)) {
    const Expr d = boolean(depth - 1), e = any(type, depth - 1);
    return call(type, "case(" + c.text + ", " + a.text + ", " + d.text + ", " + b.text + ", " + e.text + ")", {c, a, d, b, e},
                [holds](const std::vector<Value>& v) { return holds(v[0]) ? v[1] : holds(v[2]) ? v[3] : v[4]; }, true);
  }
  return call(type, "iff(" + c.text + ", " + a.text + ", " + b.text + ")", {c, a, b}, [holds](const std::vector<Value>& v) { return holds(v[0]) ? v[1] : v[2]; }, true);
}

Expr Expressions::any(Type type, int depth) {
  if (depth <= 0 || dice_.one_in(6)) return leaf(type);
  if (dice_.one_in(7)) return conditional(type, depth);
  for (const UserFunction& f : functions_) {
    if (f.body.type == type && depth > 1 && dice_.one_in(3)) return user_call(f, depth);
  }
  switch (type) {
    case Type::boolean: return boolean(depth);
    case Type::int32: return int32(depth);
    case Type::integer: return integer(depth);
    case Type::real: return real(depth);
    case Type::decimal: return decimal(depth);
    case Type::text: return text(depth);
    case Type::time: return time(depth);
    case Type::span: return span(depth);
    case Type::guid: return guid(depth);
    case Type::dynamic: return dynamic(depth);
  }
  return leaf(type);
}

// ---------------------------------------------------------------- bool

Expr Expressions::boolean(int depth) {
  if (depth <= 0) return leaf(Type::boolean);
  switch (dice_.below(10)) {
    case 0: case 1: {
      const Expr a = boolean(depth - 1), b = boolean(depth - 1);
      const bool is_and = dice_.one_in(2);
      return call(Type::boolean, "(" + a.text + (is_and ? " and " : " or ") + b.text + ")", {a, b}, [is_and](const std::vector<Value>& v) {
        for (const Value& x : v) {
          if (!x.null && (x.i != 0) != is_and) return of(!is_and);
        }
        return v[0].null || v[1].null ? null_of(Type::boolean) : of(is_and);
      }, true);
    }
    case 2: {
      const Expr a = boolean(depth - 1);
      return call(Type::boolean, "not(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of(v[0].i == 0); });
    }
    case 3: {
      const Expr a = any(any_type(), depth - 1);
      const bool negated = dice_.one_in(2), empty = dice_.one_in(3);
      const char* const name = empty ? negated ? "isnotempty(" : "isempty(" : negated ? "isnotnull(" : "isnull(";
      return call(Type::boolean, name + a.text + ")", {a}, [negated, empty](const std::vector<Value>& v) { return of((v[0].null || (empty && to_text(v[0]).empty())) != negated); }, true);
    }
    case 4: return membership(depth);
    case 5: case 6: return text_test(depth);
    case 7: {
      static const std::vector<Type> types = {Type::integer, Type::int32, Type::real, Type::time, Type::span, Type::decimal};
      const Type type = dice_.one_of(types);
      const Expr a = any(type, depth - 1), b = any(type, depth - 2), c = any(type, depth - 2);
      const bool negated = dice_.one_in(3);
      return call(Type::boolean, "(" + a.text + (negated ? " !between (" : " between (") + b.text + " .. " + c.text + "))", {a, b, c},
                  [negated](const std::vector<Value>& v) {
                    const bool low = !v[0].null && !v[1].null, high = !v[0].null && !v[2].null;  // known
                    const bool out = (low && order(v[0], v[1]) < 0) || (high && order(v[0], v[2]) > 0);
                    return out ? of(negated) : low && high ? of(!negated) : null_of(Type::boolean);
                  }, true);
    }
    case 8: {
      const Expr a = dynamic(depth - 1);
      return call(Type::boolean, "bag_has_key(" + a.text + ", 'a')", {a}, [](const std::vector<Value>& v) {
        return json(v[0]).kind == Json::Kind::bag ? of(json(v[0]).find("a") != nullptr) : null_of(Type::boolean);
      });
    }
    default: return comparison(depth);
  }
}

Expr Expressions::comparison(int depth) {
  static const std::vector<Type> types = {Type::integer, Type::integer, Type::text, Type::time, Type::span, Type::real, Type::int32, Type::decimal, Type::guid, Type::boolean};
  const Type type = dice_.one_of(types);
  Expr a = any(type, depth - 1), b = any(type, depth - 1);
  if (type == Type::real && dice_.one_in(4)) {  // with infinity and NaN
    const Expr c = a, d = any(type, depth - 2);
    a = call(Type::real, "(" + c.text + " / " + d.text + ")", {c, d}, [](const std::vector<Value>& v) { return of(v[0].d / v[1].d); });
  }
  static const std::vector<std::string> ops = {"==", "!=", "<", "<=", ">", ">="};
  const bool only_equal = type == Type::text || type == Type::guid || type == Type::boolean;
  const std::string op = only_equal ? ops[static_cast<size_t>(dice_.below(2))] : dice_.one_of(ops);
  return call(Type::boolean, "(" + a.text + " " + op + " " + b.text + ")", {a, b}, [op](const std::vector<Value>& v) {
    const Value &x = v[0], &y = v[1];
    if (x.null && y.null) return null_of(Type::boolean);
    if (x.null || y.null) return op == "==" ? of(false) : op == "!=" ? of(true) : null_of(Type::boolean);
    if (x.type == Type::real && (std::isnan(x.d) || std::isnan(y.d))) return of(op == "!=");
    const int o = order(x, y);
    return of(op == "==" ? o == 0 : op == "!=" ? o != 0 : op == "<" ? o < 0 : op == "<=" ? o <= 0 : op == ">" ? o > 0 : o >= 0);
  }, true);
}

Expr Expressions::membership(int depth) {
  static const std::vector<Type> types = {Type::integer, Type::int32, Type::text, Type::text, Type::real, Type::time, Type::guid, Type::decimal};
  const Type type = dice_.one_of(types);
  std::vector<Expr> args = {any(type, depth - 1)};
  std::string list;
  for (int k = 1 + dice_.below(3); k > 0; --k) {
    args.push_back(dice_.one_in(6) ? any(type, 1) : literal(type));
    list += (list.empty() ? "" : ", ") + args.back().text;
  }
  const bool negated = dice_.one_in(3), any_case = type == Type::text && dice_.one_in(2);
  const std::string op = std::string(negated ? "!" : "") + (any_case ? "in~" : "in");
  return call(Type::boolean, "(" + args[0].text + " " + op + " (" + list + "))", args, [negated, any_case](const std::vector<Value>& v) {
    bool found = false;
    for (size_t k = 1; k < v.size(); ++k) {
      if (v[0].null || v[k].null) continue;
      found |= any_case ? lower(v[0].s) == lower(v[k].s) : order(v[0], v[k]) == 0;
    }
    return of(found != negated);
  }, true);
}

Expr Expressions::text_test(int depth) {
  const Expr a = text(depth - 1);
  const std::string part = dice_.one_of(words);
  if (dice_.one_in(6)) {
    const std::string other = dice_.one_of(words);
    const bool all = dice_.one_in(2);
    return call(Type::boolean, "(" + a.text + (all ? " has_all (" : " has_any (") + quoted(part) + ", " + quoted(other) + "))", {a}, [part, other, all](const std::vector<Value>& v) {
      const std::string t = lower(v[0].s);
      const bool x = has_word(t, lower(part), true, true), y = has_word(t, lower(other), true, true);
      return of(all ? x && y : x || y);
    });
  }
  if (dice_.one_in(6) && !part.empty()) {
    const int at = dice_.below(3);
    const std::string pattern = at == 0 ? "^" + part : at == 1 ? part + "$" : part + "|[0-9]+";
    return call(Type::boolean, "(" + a.text + " matches regex @" + quoted(pattern) + ")", {a}, [part, at](const std::vector<Value>& v) {
      const std::string& s = v[0].s;
      return of(at == 0 ? starts(s, part) : at == 1 ? ends(s, part) : s.find(part) != std::string::npos || std::any_of(s.begin(), s.end(), is_digit));
    });
  }
  static const std::vector<std::string> names = {"has", "hasprefix", "hassuffix", "contains", "startswith", "endswith", "=~"};
  const std::string name = dice_.one_of(names);
  const bool negated = dice_.one_in(3), with_cs = name != "=~" && dice_.one_in(3);
  const std::string op = name == "=~" && negated ? "!~" : (negated ? "!" : "") + name + (with_cs ? "_cs" : "");
  return call(Type::boolean, "(" + a.text + " " + op + " " + quoted(part) + ")", {a}, [part, name, negated, with_cs](const std::vector<Value>& v) {
    const std::string s = with_cs ? v[0].s : lower(v[0].s), p = with_cs ? part : lower(part);
    bool hit = s == p;
    if (name == "has") hit = has_word(s, p, true, true);
    if (name == "hasprefix") hit = has_word(s, p, true, false);
    if (name == "hassuffix") hit = has_word(s, p, false, true);
    if (name == "contains") hit = s.find(p) != std::string::npos;
    if (name == "startswith") hit = starts(s, p);
    if (name == "endswith") hit = ends(s, p);
    return of(hit != negated);
  });
}

// ---------------------------------------------------------------- numbers

Expr Expressions::arithmetic(int depth) {
  const Expr a = integer(depth - 1), b = integer(depth - 1);
  const char op = "+-*%/"[dice_.below(5)];
  return call(Type::integer, "(" + a.text + " " + op + " " + b.text + ")", {a, b}, [op](const std::vector<Value>& v) {
    const int64_t x = v[0].i, y = v[1].i;
    if (op == '+') return wrapped(bits(v[0]) + bits(v[1]));
    if (op == '-') return wrapped(bits(v[0]) - bits(v[1]));
    if (op == '*') return wrapped(bits(v[0]) * bits(v[1]));
    if (y == 0 || (op == '/' && y == -1 && x == INT64_MIN)) return null_of(Type::integer);
    if (op == '/') return of(x / y);
    const int64_t rest = y == -1 ? 0 : x % y;
    return of(rest < 0 ? rest + (y < 0 ? -y : y) : rest);
  });
}

Expr Expressions::integer(int depth) {
  if (depth <= 0) return leaf(Type::integer);
  const auto over_text = [&](const std::string& name, const std::string& more, std::function<int64_t(const std::string&)> f) {
    const Expr a = text(depth - 1);
    return call(Type::integer, name + "(" + a.text + more + ")", {a}, [f](const std::vector<Value>& v) { return of(f(v[0].s)); });
  };
  const std::string part = dice_.one_of(words);
  switch (dice_.below(18)) {
    case 0: return leaf(Type::integer);
    case 1: return conditional(Type::integer, depth);
    case 2: return over_text("strlen", "", [](const std::string& s) { return static_cast<int64_t>(characters(s).size()); });
    case 3: return over_text("string_size", "", [](const std::string& s) { return static_cast<int64_t>(s.size()); });
    case 4: return over_text("countof", ", " + quoted(part), [part](const std::string& s) {
      int64_t n = 0;
      for (size_t at = 0; !part.empty() && (at = s.find(part, at)) != std::string::npos; ++at) ++n;
      return n;
    });
    case 5: return over_text("indexof", ", " + quoted(part), [part](const std::string& s) {
      const size_t at = s.find(part);
      return at == std::string::npos ? int64_t{-1} : static_cast<int64_t>(characters(s.substr(0, at)).size());
    });
    case 6: {
      const Expr a = integer(depth - 1);
      const int64_t by = 1 + dice_.below(9);
      return call(Type::integer, "bin(" + a.text + ", " + std::to_string(by) + ")", {a}, [by](const std::vector<Value>& v) { return wrapped(bits(v[0]) - static_cast<uint64_t>((v[0].i % by + by) % by)); });
    }
    case 7: {
      const Expr a = integer(depth - 1);
      switch (dice_.below(3)) {
        case 0: return call(Type::integer, "abs(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return v[0].i < 0 ? wrapped(0 - bits(v[0])) : v[0]; });
        case 1: return call(Type::integer, "binary_not(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of(~v[0].i); });
        default: return call(Type::integer, "(-" + a.text + ")", {a}, [](const std::vector<Value>& v) { return wrapped(0 - bits(v[0])); });
      }
    }
    case 8: {
      const Expr a = integer(depth - 1), b = integer(depth - 1);
      static const std::vector<std::string> names = {"and", "or", "xor", "shift_left", "shift_right"};
      const std::string name = dice_.one_of(names);
      return call(Type::integer, "binary_" + name + "(" + a.text + ", " + b.text + ")", {a, b}, [name](const std::vector<Value>& v) {
        if (name == "and") return of(v[0].i & v[1].i);
        if (name == "or") return of(v[0].i | v[1].i);
        if (name == "xor") return of(v[0].i ^ v[1].i);
        return name == "shift_left" ? wrapped(bits(v[0]) << (v[1].i & 63)) : of(v[0].i >> (v[1].i & 63));
      });
    }
    case 9: {
      const Expr a = integer(depth - 1), b = integer(depth - 1);
      const bool max = dice_.one_in(2);
      return call(Type::integer, (max ? "max_of(" : "min_of(") + a.text + ", " + b.text + ")", {a, b}, [max](const std::vector<Value>& v) {
        if (v[0].null || v[1].null) return v[0].null ? v[1] : v[0];
        return (v[0].i < v[1].i) == max ? v[1] : v[0];
      }, true);
    }
    case 10: {
      const Expr a = dynamic(depth - 1);
      if (dice_.one_in(2)) return call(Type::integer, "tolong(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return long_of(json(v[0])); });
      return call(Type::integer, "array_length(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        return json(v[0]).kind == Json::Kind::array ? of(static_cast<int64_t>(json(v[0]).items.size())) : null_of(Type::integer);
      });
    }
    case 11: {
      const Expr a = array(depth - 1), b = integer(depth - 1);
      return call(Type::integer, "array_index_of(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) {
        const std::vector<Json>& items = json(v[0]).items;
        const auto at = std::find(items.begin(), items.end(), to_json(v[1]));
        return of(at == items.end() ? int64_t{-1} : static_cast<int64_t>(at - items.begin()));
      });
    }
    case 12: {
      const Expr a = time(depth - 1), b = time(depth - 1);
      static const std::vector<std::pair<std::string, int64_t>> units = {{"day", ticks_per_day}, {"hour", ticks_per_day / 24}, {"minute", ticks_per_day / 1440}, {"second", ticks_per_second}};
      const auto unit = dice_.one_of(units);
      const int64_t size = unit.second;
      return call(Type::integer, "datetime_diff('" + unit.first + "', " + a.text + ", " + b.text + ")", {a, b}, [size](const std::vector<Value>& v) { return of(v[0].i / size - v[1].i / size); });
    }
    case 13: {
      const Expr a = real(depth - 1);
      return call(Type::integer, "tolong(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        return std::fabs(v[0].d) < 9.2e18 ? of(static_cast<int64_t>(v[0].d)) : null_of(Type::integer);
      });
    }
    case 14: {
      const Expr a = int32(depth - 1);
      return call(Type::integer, "tolong(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of(v[0].i); });
    }
    default: return arithmetic(depth);
  }
}

Expr Expressions::int32(int depth) {
  if (depth <= 0) return leaf(Type::int32);
  switch (dice_.below(6)) {
    case 0: {
      const Expr a = integer(depth - 1);
      return call(Type::int32, "toint(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return v[0].i == static_cast<int32_t>(v[0].i) ? of_int32(v[0].i) : null_of(Type::int32); });
    }
    case 1: {
      const Expr a = time(depth - 1);
      static const std::vector<std::string> names = {"getyear", "getmonth", "dayofmonth", "hourofday", "dayofyear"};
      const std::string name = dice_.one_of(names);
      return call(Type::int32, name + "(" + a.text + ")", {a}, [name](const std::vector<Value>& v) {
        const Date date = date_of(v[0].i);
        if (name == "getyear") return of_int32(date.year);
        if (name == "getmonth") return of_int32(date.month);
        if (name == "dayofmonth") return of_int32(date.day);
        if (name == "hourofday") return of_int32(v[0].i % ticks_per_day / (ticks_per_day / 24));
        return of_int32((v[0].i - ticks_of({date.year, 1, 1})) / ticks_per_day + 1);
      });
    }
    case 2: {
      const Expr a = text(depth - 1), b = text(depth - 1);
      return call(Type::int32, "strcmp(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of_int32(order(v[0], v[1])); });
    }
    case 3: {
      const Expr a = integer(depth - 1);
      return call(Type::int32, "sign(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of_int32(v[0].i > 0 ? 1 : v[0].i < 0 ? -1 : 0); });
    }
    case 4: {
      const Expr a = leaf(Type::int32);
      return call(Type::int32, "bin(" + a.text + ", 3)", {a}, [](const std::vector<Value>& v) { return of_int32(floor_to(v[0].i, 3)); });
    }
    default: return leaf(Type::int32);
  }
}

// Quarters and eighths of numbers that do not grow: right to the last bit in any order.
Expr Expressions::real(int depth) {
  if (depth <= 0) return leaf(Type::real);
  const auto with = [&](const std::string& before, const std::string& after, std::function<double(double)> f) {
    const Expr a = real(depth - 1);
    return call(Type::real, before + a.text + after, {a}, [f](const std::vector<Value>& v) { return of(f(v[0].d)); });
  };
  switch (dice_.below(9)) {
    case 0: {
      const Expr a = real(depth - 1), b = real(depth - 1);
      const bool plus = dice_.one_in(2);
      return call(Type::real, "(" + a.text + (plus ? " + " : " - ") + b.text + ")", {a, b}, [plus](const std::vector<Value>& v) { return of(plus ? v[0].d + v[1].d : v[0].d - v[1].d); });
    }
    case 1: return with("(0.5 * ", ")", [](double x) { return 0.5 * x; });
    case 2: return with("(floor(", ") + 0.0)", [](double x) { return std::floor(x) + 0.0; });
    case 3: return with("(ceiling(", ") + 0.0)", [](double x) { return std::ceil(x) + 0.0; });
    case 4: return with("abs(", ")", [](double x) { return std::fabs(x); });
    case 5: return with("bin(", ", 1.5)", [](double x) { return std::floor(x / 1.5) * 1.5; });
    case 6: {
      const Expr a = dice_.one_in(2) ? int32(depth - 1) : leaf(Type::int32);
      return call(Type::real, "toreal(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of(static_cast<double>(v[0].i)); });
    }
    case 7: {
      const Expr a = leaf(Type::span);
      return call(Type::real, "bin(" + a.text + " / 1h, 0.5)", {a}, [](const std::vector<Value>& v) { return of(std::floor(static_cast<double>(v[0].i) / static_cast<double>(ticks_per_day / 24) / 0.5) * 0.5); });
    }
    default: {
      const Expr a = real(depth - 1), b = int32(depth - 1);
      return call(Type::real, "(" + a.text + " + " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of(v[0].d + static_cast<double>(v[1].i)); });
    }
  }
}

Expr Expressions::decimal(int depth) {
  if (depth <= 0) return leaf(Type::decimal);
  switch (dice_.below(4)) {
    case 0: {
      const Expr a = int32(depth - 1);
      return call(Type::decimal, "todecimal(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        Value out = null_of(Type::decimal);
        out.null = false, out.i = v[0].i * 10'000;
        return out;
      });
    }
    case 1: {
      const Expr a = decimal(depth - 1);
      return call(Type::decimal, "abs(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        Value out = v[0];
        out.i = std::abs(out.i);
        return out;
      });
    }
    default: {
      const Expr a = decimal(depth - 1), b = decimal(depth - 1);
      const bool plus = dice_.one_in(2);
      return call(Type::decimal, "(" + a.text + (plus ? " + " : " - ") + b.text + ")", {a, b}, [plus](const std::vector<Value>& v) {
        Value out = v[0];
        out.i = plus ? out.i + v[1].i : out.i - v[1].i;
        return out;
      });
    }
  }
}

// ---------------------------------------------------------------- text

Expr Expressions::text(int depth) {
  if (depth <= 0) return leaf(Type::text);
  const auto with = [&](const std::string& before, const std::string& after, std::function<std::string(const std::string&)> f) {
    const Expr a = text(depth - 1);
    return call(Type::text, before + a.text + after, {a}, [f](const std::vector<Value>& v) { return of(f(v[0].s)); });
  };
  const std::string part = dice_.one_of(words), other = dice_.one_of(words);
  switch (dice_.below(19)) {
    case 0: {
      const Expr a = text(depth - 1), b = any(any_type(), depth - 1);
      if (b.type == Type::real) return a;  // a sum may be -0.0
      if (dice_.one_in(3)) return call(Type::text, "strcat_delim('-', " + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of(v[0].s + "-" + to_text(v[1])); }, true);
      return call(Type::text, "strcat(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of(v[0].s + to_text(v[1])); }, true);
    }
    case 1: case 2: {
      const Expr a = any(any_type(), depth - 1);
      if (a.type == Type::real) return call(Type::text, "tostring(" + a.text + " + 0.0)", {a}, [](const std::vector<Value>& v) { return of(to_text(of(v[0].d + 0.0))); });
      return call(Type::text, "tostring(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of(to_text(v[0])); });
    }
    case 3: return conditional(Type::text, depth);
    case 4: return with("tolower(", ")", [](const std::string& s) { return lower(s); });
    case 5: return with("toupper(", ")", [](const std::string& s) { return with_case(s, true); });
    case 6: {
      const int begin = dice_.below(5), n = dice_.below(6);
      return with("substring(", ", " + std::to_string(begin) + ", " + std::to_string(n) + ")", [begin, n](const std::string& s) { return joined(characters(s), static_cast<size_t>(begin), static_cast<size_t>(begin + n)); });
    }
    case 7: {
      const int from_end = 1 + dice_.below(5);
      return with("substring(", ", -" + std::to_string(from_end) + ")", [from_end](const std::string& s) {
        const std::vector<std::string> all = characters(s);
        return joined(all, all.size() - std::min(all.size(), static_cast<size_t>(from_end)), all.size());
      });
    }
    case 8: if (!part.empty()) return with("replace_string(", ", " + quoted(part) + ", " + quoted(other) + ")", [part, other](const std::string& s) { return replaced(s, part, other); });
      [[fallthrough]];
    case 9: return with("reverse(", ")", [](const std::string& s) {
      std::vector<std::string> all = characters(s);
      std::reverse(all.begin(), all.end());
      return joined(all, 0, all.size());
    });
    case 10: {
      const int n = dice_.below(4);
      return with("strrep(", ", " + std::to_string(n) + ", '/')", [n](const std::string& s) {
        std::string out;
        for (int k = 0; k < n; ++k) out += (k ? "/" : "") + s;
        return out;
      });
    }
    case 11: return with("translate('abr', 'xyz', ", ")", [](std::string s) {
      for (char& c : s) c = c == 'a' ? 'x' : c == 'b' ? 'y' : c == 'r' ? 'z' : c;
      return s;
    });
    case 12: {
      const bool front = !dice_.one_in(3), back = !front || dice_.one_in(2);
      const std::string name = front && back ? "trim" : front ? "trim_start" : "trim_end";
      return with(name + "('[ea ]+', ", ")", [front, back](const std::string& s) {
        size_t begin = 0, end = s.size();
        const auto out = [&](size_t at) { return s[at] == 'e' || s[at] == 'a' || s[at] == ' '; };
        while (front && begin < end && out(begin)) ++begin;
        while (back && end > begin && out(end - 1)) --end;
        return s.substr(begin, end - begin);
      });
    }
    case 13: return with("extract(@'(\\d+)', 1, ", ")", [](const std::string& s) {
      const auto begin = std::find_if(s.begin(), s.end(), is_digit);
      return std::string(begin, std::find_if_not(begin, s.end(), is_digit));
    });
    case 14: return with("replace_regex(", ", @'\\d+', '#')", [](const std::string& s) {
      std::string out;
      for (size_t k = 0; k < s.size(); ++k) {
        if (!is_digit(s[k])) out += s[k];
        else if (k == 0 || !is_digit(s[k - 1])) out += '#';
      }
      return out;
    });
    case 15: return with("base64_decode_tostring(base64_encode_tostring(", "))", [](const std::string& s) { return s; });
    case 16: return with("url_decode(url_encode(", "))", [](const std::string& s) { return s; });
    case 17: {
      const Expr a = integer(depth - 1);
      return call(Type::text, "tohex(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        std::string out;
        uint64_t rest = bits(v[0]);
        do out.insert(out.begin(), "0123456789abcdef"[rest & 15]);
        while (rest >>= 4);
        return of(out);
      });
    }
    default: {
      const Expr a = array(depth - 1);
      return call(Type::text, "strcat_array(" + a.text + ", '+')", {a}, [](const std::vector<Value>& v) {
        std::string out;
        for (size_t k = 0; k < json(v[0]).items.size(); ++k) out += (k ? "+" : "") + to_text(of_json(json(v[0]).items[k]));
        return of(out);
      });
    }
  }
}

Expr Expressions::guid(int depth) {
  if (depth <= 0 || dice_.one_in(2)) return leaf(Type::guid);
  const Expr a = guid(depth - 1);
  return call(Type::guid, "toguid(toupper(tostring(" + a.text + ")))", {a}, [](const std::vector<Value>& v) { return v[0]; });
}

// ---------------------------------------------------------------- times

Expr Expressions::time(int depth) {
  if (depth <= 0) return leaf(Type::time);
  const Expr a = time(depth - 1);
  const int64_t n = 1 + dice_.below(900);
  const auto checked = [](int64_t ticks) { return ticks < 0 || ticks > last_time ? null_of(Type::time) : of_time(ticks); };
  switch (dice_.below(7)) {
    case 0: return call(Type::time, "bin(" + a.text + ", " + std::to_string(n) + "s)", {a}, [n](const std::vector<Value>& v) { return of_time(floor_to(v[0].i, n * ticks_per_second)); });
    case 1: return call(Type::time, "(" + a.text + " + " + std::to_string(n) + "s)", {a}, [n, checked](const std::vector<Value>& v) { return checked(v[0].i + n * ticks_per_second); });
    case 2: {
      const Expr b = span(depth - 1);
      const bool plus = dice_.one_in(2);
      return call(Type::time, "(" + a.text + (plus ? " + " : " - ") + b.text + ")", {a, b}, [plus, checked](const std::vector<Value>& v) {
        return checked(static_cast<int64_t>(plus ? bits(v[0]) + bits(v[1]) : bits(v[0]) - bits(v[1])));
      });
    }
    case 3: {
      static const std::vector<std::string> names = {"startofday", "startofweek", "startofmonth", "startofyear", "endofday"};
      const std::string name = dice_.one_of(names);
      return call(Type::time, name + "(" + a.text + ")", {a}, [name](const std::vector<Value>& v) {
        const int64_t day = floor_to(v[0].i, ticks_per_day);
        const Date date = date_of(v[0].i);
        if (name == "startofweek") return of_time(std::max<int64_t>(0, day - (day / ticks_per_day + 1) % 7 * ticks_per_day));
        if (name == "startofmonth") return of_time(ticks_of({date.year, date.month, 1}));
        if (name == "startofyear") return of_time(ticks_of({date.year, 1, 1}));
        return of_time(name == "endofday" ? day + ticks_per_day - 1 : day);
      });
    }
    case 4: {
      const bool hours = dice_.one_in(2);
      const int64_t by = n - 450;
      return call(Type::time, std::string("datetime_add('") + (hours ? "hour" : "minute") + "', " + std::to_string(by) + ", " + a.text + ")", {a},
                  [hours, by, checked](const std::vector<Value>& v) { return checked(v[0].i + by * (hours ? 60 : 1) * 60 * ticks_per_second); });
    }
    case 5: {
      const Expr b = int32(depth - 1);
      return call(Type::time, "unixtime_seconds_todatetime(" + b.text + ")", {b}, [checked](const std::vector<Value>& v) { return checked(621'355'968'000'000'000 + v[0].i * ticks_per_second); });
    }
    default: return call(Type::time, "todatetime(tostring(" + a.text + "))", {a}, [](const std::vector<Value>& v) { return v[0]; });
  }
}

Expr Expressions::span(int depth) {
  if (depth <= 0) return leaf(Type::span);
  switch (dice_.below(7)) {
    case 0: case 1: {
      const Expr a = time(depth - 1), b = time(depth - 1);
      return call(Type::span, "(" + a.text + " - " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of_span(v[0].i - v[1].i); });
    }
    case 2: {
      const Expr a = span(depth - 1), b = span(depth - 1);
      const bool plus = dice_.one_in(2);
      return call(Type::span, "(" + a.text + (plus ? " + " : " - ") + b.text + ")", {a, b}, [plus](const std::vector<Value>& v) {
        return of_span(static_cast<int64_t>(plus ? bits(v[0]) + bits(v[1]) : bits(v[0]) - bits(v[1])));
      });
    }
    case 3: {
      const Expr a = leaf(Type::span), b = leaf(Type::int32);
      return call(Type::span, "(" + a.text + " * " + b.text + ")", {a, b}, [](const std::vector<Value>& v) {
        int64_t out = 0;
        return __builtin_mul_overflow(v[0].i, v[1].i, &out) ? null_of(Type::span) : of_span(out);
      });
    }
    case 4: {
      const Expr a = span(depth - 1);
      return call(Type::span, "bin(" + a.text + ", 7m)", {a}, [](const std::vector<Value>& v) { return of_span(floor_to(v[0].i, 420 * ticks_per_second)); });
    }
    case 5: {
      const Expr a = time(depth - 1);
      return call(Type::span, "dayofweek(" + a.text + ")", {a}, [](const std::vector<Value>& v) { return of_span((v[0].i / ticks_per_day + 1) % 7 * ticks_per_day); });
    }
    default: {
      const Expr a = span(depth - 1);
      return call(Type::span, "totimespan(tostring(" + a.text + "))", {a}, [](const std::vector<Value>& v) { return v[0]; });
    }
  }
}

// ---------------------------------------------------------------- dynamic

// An array, never null.
Expr Expressions::array(int depth) {
  if (depth <= 0) {
    const Expr a = leaf(Type::integer), b = leaf(Type::text);
    return call(Type::dynamic, "pack_array(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of_json(array_of({to_json(v[0]), to_json(v[1])})); }, true);
  }
  const auto with = [&](const std::string& before, const std::string& after, std::function<std::vector<Json>(std::vector<Json>)> f) {
    const Expr a = array(depth - 1);
    return call(Type::dynamic, before + a.text + after, {a}, [f](const std::vector<Value>& v) { return of_json(array_of(f(json(v[0]).items))); });
  };
  const auto holds = [](const std::vector<Json>& items, const Json& item) { return std::find(items.begin(), items.end(), item) != items.end(); };
  switch (dice_.below(9)) {
    case 0: {
      const Expr a = array(depth - 1), b = array(depth - 1);
      return call(Type::dynamic, "array_concat(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) {
        std::vector<Json> items = json(v[0]).items;
        items.insert(items.end(), json(v[1]).items.begin(), json(v[1]).items.end());
        return of_json(array_of(std::move(items)));
      });
    }
    case 1: return with("array_reverse(", ")", [](std::vector<Json> items) {
      std::reverse(items.begin(), items.end());
      return items;
    });
    case 2: {
      const int begin = dice_.below(3), end = dice_.below(4);
      return with("array_slice(", ", " + std::to_string(begin) + ", " + std::to_string(end) + ")", [begin, end](const std::vector<Json>& items) {
        std::vector<Json> out;
        for (int k = begin; k <= end && k < static_cast<int>(items.size()); ++k) out.push_back(items[static_cast<size_t>(k)]);
        return out;
      });
    }
    case 3: {
      const Expr a = text(depth - 1);
      return call(Type::dynamic, "split(" + a.text + ", ' ')", {a}, [](const std::vector<Value>& v) {
        std::vector<Json> items;
        for (const std::string& s : split(v[0].s, ' ')) items.push_back(json_of(s));
        return of_json(array_of(std::move(items)));
      });
    }
    case 4: {
      const Expr a = array(depth - 1), b = array(depth - 1);
      static const std::vector<std::string> names = {"union", "intersect", "difference"};
      const std::string name = dice_.one_of(names);
      return call(Type::dynamic, "set_" + name + "(" + a.text + ", " + b.text + ")", {a, b}, [name, holds](const std::vector<Value>& v) {
        const std::vector<Json>&x = json(v[0]).items, &y = json(v[1]).items;
        std::vector<Json> out;
        for (const Json& item : x) {
          if (!holds(out, item) && (name == "union" || holds(y, item) == (name == "intersect"))) out.push_back(item);
        }
        for (const Json& item : y) {
          if (name == "union" && !holds(out, item)) out.push_back(item);
        }
        return of_json(array_of(std::move(out)));
      });
    }
    case 5: {
      const int from = dice_.below(3), to = dice_.below(7), step = 1 + dice_.below(2);
      return {"range(" + std::to_string(from) + ", " + std::to_string(to) + ", " + std::to_string(step) + ")", Type::dynamic, [from, to, step](const Row&) {
                std::vector<Json> items;
                for (int64_t k = from; k <= to; k += step) items.push_back(json_of(k));
                return of_json(array_of(std::move(items)));
              }};
    }
    case 6: {
      const Expr a = array(depth - 1);
      const int by = dice_.below(4) - 1;
      return call(Type::dynamic, "array_shift_left(" + a.text + ", " + std::to_string(by) + ")", {a}, [by](const std::vector<Value>& v) {
        const std::vector<Json>& items = json(v[0]).items;
        std::vector<Json> out;
        for (int k = 0; k < static_cast<int>(items.size()); ++k) out.push_back(k + by >= 0 && k + by < static_cast<int>(items.size()) ? items[static_cast<size_t>(k + by)] : Json{});
        return of_json(array_of(std::move(out)));
      });
    }
    case 7: {
      const Expr a = any(any_type(), depth - 1);
      if (a.type == Type::real) return array(depth - 1);  // -0.0
      return call(Type::dynamic, "repeat(" + a.text + ", 2)", {a}, [](const std::vector<Value>& v) { return of_json(array_of({to_json(v[0]), to_json(v[0])})); }, true);
    }
    default: {
      const Expr a = any(any_type(), depth - 1), b = any(Type::text, depth - 1);
      if (a.type == Type::real) return array(depth - 1);
      return call(Type::dynamic, "pack_array(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) { return of_json(array_of({to_json(v[0]), to_json(v[1])})); }, true);
    }
  }
}

Expr Expressions::dynamic(int depth) {
  if (depth <= 0) return leaf(Type::dynamic);
  switch (dice_.below(8)) {
    case 0: case 1: return array(depth);
    case 2: {
      const Expr a = dynamic(depth - 1);
      const int index = dice_.below(4) - 1;
      return call(Type::dynamic, a.text + "[" + std::to_string(index) + "]", {a}, [index](const std::vector<Value>& v) {
        if (json(v[0]).kind != Json::Kind::array) return null_of(Type::dynamic);
        const std::vector<Json>& items = json(v[0]).items;
        const int at = index < 0 ? index + static_cast<int>(items.size()) : index;
        return at >= 0 && at < static_cast<int>(items.size()) ? of_json(items[static_cast<size_t>(at)]) : null_of(Type::dynamic);
      });
    }
    case 3: {
      const Expr a = dynamic(depth - 1);
      const std::string key = dice_.one_in(2) ? "a" : "c";
      return call(Type::dynamic, a.text + "['" + key + "']", {a}, [key](const std::vector<Value>& v) {
        const Json* found = json(v[0]).kind == Json::Kind::bag ? json(v[0]).find(key) : nullptr;
        return found ? of_json(*found) : null_of(Type::dynamic);
      });
    }
    case 4: {
      const Expr a = any(Type::integer, depth - 1), b = any(Type::text, depth - 1);
      return call(Type::dynamic, "bag_pack('a', " + a.text + ", 'z', " + b.text + ")", {a, b}, [](const std::vector<Value>& v) {
        Json bag;
        bag.kind = Json::Kind::bag;
        bag.set("a", to_json(v[0])), bag.set("z", to_json(v[1]));
        return of_json(std::move(bag));
      }, true);
    }
    case 5: {
      const Expr a = dynamic(depth - 1);
      return call(Type::dynamic, "bag_keys(" + a.text + ")", {a}, [](const std::vector<Value>& v) {
        if (json(v[0]).kind != Json::Kind::bag) return null_of(Type::dynamic);
        std::vector<Json> keys;
        for (const std::string& key : json(v[0]).keys) keys.push_back(json_of(key));
        return of_json(array_of(std::move(keys)));
      });
    }
    case 6: {
      const Expr a = dynamic(depth - 1), b = dynamic(depth - 1);
      return call(Type::dynamic, "bag_merge(" + a.text + ", " + b.text + ")", {a, b}, [](const std::vector<Value>& v) {
        Json bag;
        bag.kind = Json::Kind::bag;
        bool any = false;
        for (const Value& one : v) {
          if (json(one).kind != Json::Kind::bag) continue;
          any = true;
          for (size_t k = 0; k < json(one).keys.size(); ++k) {
            if (!bag.find(json(one).keys[k])) bag.set(json(one).keys[k], json(one).items[k]);
          }
        }
        return any ? of_json(std::move(bag)) : null_of(Type::dynamic);
      }, true);
    }
    default: return leaf(Type::dynamic);
  }
}

}  // namespace plain
