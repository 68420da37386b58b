#include "plain_query.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace plain {
namespace {

using Row = std::vector<Value>;

Value null_of(Type type) { return {type, type != Type::text, 0, {}}; }
Value of(bool b) { return {Type::boolean, false, b, {}}; }
Value of(int64_t i) { return {Type::integer, false, i, {}}; }

// An expression: its text, its type and its value for a row.
struct Expr {
  std::string text;
  Type type;
  std::function<Value(const Row&)> eval;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string lower(std::string s) {
  for (char& c : s) c = lower(c);
  return s;
}
bool is_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

bool has_word(const std::string& text, const std::string& word) {
  if (word.empty()) return true;
  const std::string t = lower(text), w = lower(word);
  for (size_t at = t.find(w); at != std::string::npos; at = t.find(w, at + 1)) {
    const bool before = at == 0 || !is_word(t[at - 1]);
    const bool after = at + w.size() == t.size() || !is_word(t[at + w.size()]);
    if (before && after) return true;
  }
  return false;
}

class Maker {
 public:
  Maker(std::mt19937& random, const Table& t, const Table& u) : random_(random), t_(t), u_(u) {}

  Case make() {
    Case out;
    out.query = "T";
    table_ = t_;
    table_.ordered = true;
    const int n = 1 + below(5);
    for (int k = 0; k < n; ++k) {
      // The plain evaluator is quadratic in places.
      if (table_.rows.size() > 3000) break;
      out.query += "\n| " + step();
    }
    out.expected = std::move(table_);
    return out;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  template <typename T>
  const T& one_of(const std::vector<T>& list) { return list[random_() % list.size()]; }
  std::string fresh() { return "n" + std::to_string(next_name_++); }

  std::vector<size_t> columns_of(Type type) const {
    std::vector<size_t> out;
    for (size_t k = 0; k < table_.columns.size(); ++k) {
      if (table_.columns[k].type == type) out.push_back(k);
    }
    return out;
  }
  Expr column(size_t k) const { return {table_.columns[k].name, table_.columns[k].type, [k](const Row& row) { return row[k]; }}; }

  // --- expressions
  Expr expr(Type type, int depth) {
    switch (type) {
      case Type::boolean: return boolean(depth);
      case Type::integer: return integer(depth);
      case Type::text: return text(depth);
      case Type::time: return time(depth);
    }
    return integer(depth);
  }

  Expr leaf(Type type) {
    const std::vector<size_t> columns = columns_of(type);
    if (!columns.empty() && below(4) != 0) return column(one_of(columns));
    if (type == Type::boolean) return below(2) ? Expr{"true", type, [](const Row&) { return of(true); }} : Expr{"false", type, [](const Row&) { return of(false); }};
    if (type == Type::integer) {
      const int64_t v = below(7) == 0 ? 1000000007 : below(12);
      return {std::to_string(v), type, [v](const Row&) { return of(v); }};
    }
    if (type == Type::text) {
      const std::string s = one_of(words_);
      return {"'" + s + "'", type, [s](const Row&) { return Value{Type::text, false, 0, s}; }};
    }
    const int64_t seconds = below(4000);
    Value v{Type::time, false, base_ticks + seconds * 10'000'000, {}};
    return {"(datetime(2026-01-01) + " + std::to_string(seconds) + "s)", type, [v](const Row&) { return v; }};
  }

  Expr iff(Type type, int depth) {
    const Expr c = boolean(depth - 1), a = expr(type, depth - 1), b = expr(type, depth - 1);
    return {"iff(" + c.text + ", " + a.text + ", " + b.text + ")", type, [c, a, b](const Row& r) {
              const Value test = c.eval(r);
              return !test.null && test.i ? a.eval(r) : b.eval(r);
            }};
  }

  Expr integer(int depth) {
    if (depth <= 0) return leaf(Type::integer);
    switch (below(7)) {
      case 0: return leaf(Type::integer);
      case 1: return iff(Type::integer, depth);
      case 2: {
        const Expr a = text(depth - 1);
        return {"strlen(" + a.text + ")", Type::integer, [a](const Row& r) { return of(static_cast<int64_t>(a.eval(r).s.size())); }};
      }
      case 3: {
        const Expr a = integer(depth - 1);
        const int64_t by = 1 + below(9);
        return {"bin(" + a.text + ", " + std::to_string(by) + ")", Type::integer, [a, by](const Row& r) {
                  Value v = a.eval(r);
                  const int64_t rest = ((v.i % by) + by) % by;
                  v.i -= rest;
                  return v;
                }};
      }
      default: {
        const Expr a = integer(depth - 1), b = integer(depth - 1);
        const char op = "+-*%/"[below(5)];
        return {"(" + a.text + " " + op + " " + b.text + ")", Type::integer, [a, b, op](const Row& r) {
                  const Value x = a.eval(r), y = b.eval(r);
                  if (x.null || y.null) return null_of(Type::integer);
                  const auto ux = static_cast<uint64_t>(x.i), uy = static_cast<uint64_t>(y.i);
                  if (op == '+') return of(static_cast<int64_t>(ux + uy));
                  if (op == '-') return of(static_cast<int64_t>(ux - uy));
                  if (op == '*') return of(static_cast<int64_t>(ux * uy));
                  if (y.i == 0 || (y.i == -1 && x.i == INT64_MIN)) return null_of(Type::integer);
                  if (op == '/') return of(x.i / y.i);
                  const int64_t rest = y.i == -1 ? 0 : x.i % y.i;
                  return of(rest < 0 ? rest + (y.i < 0 ? -y.i : y.i) : rest);
                }};
      }
    }
  }

  Expr text(int depth) {
    if (depth <= 0) return leaf(Type::text);
    switch (below(5)) {
      case 0: {
        const Expr a = text(depth - 1), b = text(depth - 1);
        return {"strcat(" + a.text + ", " + b.text + ")", Type::text, [a, b](const Row& r) { return Value{Type::text, false, 0, a.eval(r).s + b.eval(r).s}; }};
      }
      case 1: {
        const Expr a = integer(depth - 1);
        return {"tostring(" + a.text + ")", Type::text, [a](const Row& r) {
                  const Value v = a.eval(r);
                  return Value{Type::text, false, 0, v.null ? "" : std::to_string(v.i)};
                }};
      }
      case 2: return iff(Type::text, depth);
      case 3: {
        const Expr a = text(depth - 1);
        return {"tolower(" + a.text + ")", Type::text, [a](const Row& r) { return Value{Type::text, false, 0, lower(a.eval(r).s)}; }};
      }
      default: return leaf(Type::text);
    }
  }

  Expr time(int depth) {
    if (depth <= 0 || below(3) == 0) return leaf(Type::time);
    const Expr a = time(depth - 1);
    const int64_t seconds = 1 + below(900);
    if (below(2)) {
      return {"bin(" + a.text + ", " + std::to_string(seconds) + "s)", Type::time, [a, seconds](const Row& r) {
                Value v = a.eval(r);
                v.i -= v.i % (seconds * 10'000'000);
                return v;
              }};
    }
    return {"(" + a.text + " + " + std::to_string(seconds) + "s)", Type::time, [a, seconds](const Row& r) {
              Value v = a.eval(r);
              if (!v.null) v.i += seconds * 10'000'000;
              return v;
            }};
  }

  Expr boolean(int depth) {
    if (depth <= 0) return leaf(Type::boolean);
    switch (below(8)) {
      case 0: case 1: {
        const Expr a = boolean(depth - 1), b = boolean(depth - 1);
        const bool is_and = below(2) == 0;
        return {"(" + a.text + (is_and ? " and " : " or ") + b.text + ")", Type::boolean, [a, b, is_and](const Row& r) {
                  const Value x = a.eval(r), y = b.eval(r);
                  for (const Value& v : {x, y}) {
                    if (!v.null && (v.i != 0) != is_and) return of(!is_and);
                  }
                  return x.null || y.null ? null_of(Type::boolean) : of(is_and);
                }};
      }
      case 2: {
        const Expr a = boolean(depth - 1);
        return {"not(" + a.text + ")", Type::boolean, [a](const Row& r) {
                  const Value v = a.eval(r);
                  return v.null ? v : of(v.i == 0);
                }};
      }
      case 3: {
        const Type type = below(2) ? Type::integer : Type::time;
        const Expr a = expr(type, depth - 1);
        const bool negated = below(2) == 0;
        return {std::string(negated ? "isnotnull(" : "isnull(") + a.text + ")", Type::boolean, [a, negated](const Row& r) { return of(a.eval(r).null != negated); }};
      }
      case 4: {  // a list
        const Expr a = integer(depth - 1);
        std::vector<int64_t> items;
        std::string list;
        for (int k = 1 + below(3); k > 0; --k) {
          items.push_back(below(12));
          list += (list.empty() ? "" : ", ") + std::to_string(items.back());
        }
        const bool negated = below(2) == 0;
        return {"(" + a.text + (negated ? " !in (" : " in (") + list + "))", Type::boolean, [a, items, negated](const Row& r) {
                  const Value v = a.eval(r);
                  return of((!v.null && std::find(items.begin(), items.end(), v.i) != items.end()) != negated);
                }};
      }
      case 5: {
        const Expr a = text(depth - 1);
        const std::string part = one_of(words_);
        static const std::vector<std::string> names = {"has", "!has", "contains", "!contains", "startswith", "endswith", "contains_cs", "=~"};
        const std::string op = one_of(names);
        return {"(" + a.text + " " + op + " '" + part + "')", Type::boolean, [a, part, op](const Row& r) {
                  const std::string s = a.eval(r).s, t = lower(s), p = lower(part);
                  if (op == "has") return of(has_word(s, part));
                  if (op == "!has") return of(!has_word(s, part));
                  if (op == "contains") return of(t.find(p) != std::string::npos);
                  if (op == "!contains") return of(t.find(p) == std::string::npos);
                  if (op == "startswith") return of(t.compare(0, p.size(), p) == 0);
                  if (op == "endswith") return of(t.size() >= p.size() && t.compare(t.size() - p.size(), p.size(), p) == 0);
                  if (op == "contains_cs") return of(s.find(part) != std::string::npos);
                  return of(t == p);
                }};
      }
      default: {
        const std::vector<Type> types = {Type::integer, Type::integer, Type::text, Type::time};
        const Type type = one_of(types);
        const Expr a = expr(type, depth - 1), b = expr(type, depth - 1);
        static const std::vector<std::string> ops = {"==", "!=", "<", "<=", ">", ">="};
        const std::string op = type == Type::text ? ops[static_cast<size_t>(below(2))] : one_of(ops);
        return {"(" + a.text + " " + op + " " + b.text + ")", Type::boolean, [a, b, op](const Row& r) {
                  const Value x = a.eval(r), y = b.eval(r);
                  if (x.null && y.null) return null_of(Type::boolean);
                  if (x.null || y.null) return op == "==" ? of(false) : op == "!=" ? of(true) : null_of(Type::boolean);
                  const int order = x.type == Type::text ? x.s.compare(y.s) : x.i < y.i ? -1 : x.i > y.i;
                  return of(op == "==" ? order == 0 : op == "!=" ? order != 0 : op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0);
                }};
      }
    }
  }

  // --- operators: each changes table_ and gives its text
  std::string step() {
    switch (below(10)) {
      case 0: case 1: case 2: return where();
      case 3: return extend();
      case 4: return project();
      case 5: case 6: return summarize();
      case 7: return sort();
      case 8: return distinct();
      default: return join();
    }
  }

  std::string where() {
    const Expr e = boolean(3);
    std::vector<Row> kept;
    for (Row& row : table_.rows) {
      const Value v = e.eval(row);
      if (!v.null && v.i) kept.push_back(std::move(row));
    }
    table_.rows = std::move(kept);
    return "where " + e.text;
  }

  Type any_type() { return static_cast<Type>(below(4)); }

  std::string extend() {
    const Expr e = expr(any_type(), 3);
    const std::string name = fresh();
    for (Row& row : table_.rows) row.push_back(e.eval(row));
    table_.columns.push_back({name, e.type});
    return "extend " + name + " = " + e.text;
  }

  std::string project() {
    std::vector<Expr> list;
    std::vector<Column> columns;
    std::string out;
    for (int k = 1 + below(4); k > 0; --k) {
      list.push_back(expr(any_type(), 2));
      columns.push_back({fresh(), list.back().type});
      out += (out.empty() ? "" : ", ") + columns.back().name + " = " + list.back().text;
    }
    for (Row& row : table_.rows) {
      Row next;
      for (const Expr& e : list) next.push_back(e.eval(row));
      row = std::move(next);
    }
    table_.columns = std::move(columns);
    return "project " + out;
  }

  struct Aggregate {
    std::string text;
    Type type;
    std::function<Value(const std::vector<const Row*>&)> eval;
  };

  Aggregate aggregate() {
    const int kind = below(6);
    if (kind == 0) return {"count()", Type::integer, [](const auto& rows) { return of(static_cast<int64_t>(rows.size())); }};
    if (kind == 1) {
      const Expr e = boolean(2);
      return {"countif(" + e.text + ")", Type::integer, [e](const auto& rows) {
                return of(static_cast<int64_t>(std::count_if(rows.begin(), rows.end(), [&](const Row* r) { const Value v = e.eval(*r); return !v.null && v.i; })));
              }};
    }
    if (kind == 2) {
      const Expr e = integer(2);
      return {"sum(" + e.text + ")", Type::integer, [e](const auto& rows) {
                uint64_t sum = 0;
                for (const Row* r : rows) {
                  const Value v = e.eval(*r);
                  if (!v.null) sum += static_cast<uint64_t>(v.i);
                }
                return of(static_cast<int64_t>(sum));
              }};
    }
    if (kind == 3) {
      const Expr e = expr(below(2) ? Type::text : Type::integer, 2);
      return {"dcount(" + e.text + ")", Type::integer, [e](const auto& rows) {
                std::set<Value> seen;
                for (const Row* r : rows) {
                  const Value v = e.eval(*r);
                  if (!v.null) seen.insert(v);
                }
                return of(static_cast<int64_t>(seen.size()));
              }};
    }
    const bool max = kind == 4;
    const Expr e = expr(below(2) ? Type::time : Type::integer, 2);
    return {(max ? "max(" : "min(") + e.text + ")", e.type, [e, max](const auto& rows) {
              Value best = null_of(e.type);
              for (const Row* r : rows) {
                const Value v = e.eval(*r);
                if (!v.null && (best.null || (max ? v.i > best.i : v.i < best.i))) best = v;
              }
              return best;
            }};
  }

  std::string summarize() {
    std::vector<Expr> keys;
    std::vector<Column> columns;
    std::string by, what;
    for (int k = below(3); k > 0; --k) {
      keys.push_back(expr(any_type(), 1));
      columns.push_back({fresh(), keys.back().type});
      by += (by.empty() ? " by " : ", ") + columns.back().name + " = " + keys.back().text;
    }
    std::vector<Aggregate> list;
    for (int k = 1 + below(3); k > 0; --k) {
      list.push_back(aggregate());
      columns.push_back({fresh(), list.back().type});
      what += (what.empty() ? "" : ", ") + columns.back().name + " = " + list.back().text;
    }
    std::map<Row, std::vector<const Row*>> groups;
    if (keys.empty()) groups[{}];
    for (const Row& row : table_.rows) {
      Row key;
      for (const Expr& e : keys) key.push_back(e.eval(row));
      groups[key].push_back(&row);
    }
    std::vector<Row> out;
    for (const auto& [key, rows] : groups) {
      Row row = key;
      for (const Aggregate& a : list) row.push_back(a.eval(rows));
      out.push_back(std::move(row));
    }
    table_ = {std::move(columns), std::move(out), false};
    return "summarize " + what + by;
  }

  // By every column, so that the order is one; then sometimes only the first rows.
  std::string sort() {
    std::vector<size_t> order(table_.columns.size());
    for (size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<bool> descending;
    std::string by;
    for (const size_t k : order) {
      descending.push_back(below(2) == 0);
      by += (by.empty() ? "" : ", ") + table_.columns[k].name + (descending.back() ? below(2) ? " desc" : "" : " asc");
    }
    std::stable_sort(table_.rows.begin(), table_.rows.end(), [&](const Row& a, const Row& b) {
      for (size_t j = 0; j < order.size(); ++j) {
        const Value &x = a[order[j]], &y = b[order[j]];
        if (x.null != y.null) return x.null != descending[j];  // ascending: nulls first
        const int o = x.type == Type::text ? x.s.compare(y.s) : x.i < y.i ? -1 : x.i > y.i;
        if (o != 0) return descending[j] ? o > 0 : o < 0;
      }
      return false;
    });
    table_.ordered = true;
    if (below(2)) return "sort by " + by;
    const size_t n = static_cast<size_t>(below(30));
    if (table_.rows.size() > n) table_.rows.resize(n);
    return below(2) ? "sort by " + by + " | take " + std::to_string(n) : "top " + std::to_string(n) + " by " + by;
  }

  std::string distinct() {
    std::vector<size_t> chosen;
    std::vector<Column> columns;
    std::string names;
    for (size_t k = 0; k < table_.columns.size() && chosen.size() < 3; ++k) {
      if (below(2) && chosen.size() + table_.columns.size() - k > 1) continue;
      chosen.push_back(k);
      columns.push_back(table_.columns[k]);
      names += (names.empty() ? "" : ", ") + table_.columns[k].name;
    }
    std::set<Row> rows;
    for (const Row& row : table_.rows) {
      Row next;
      for (const size_t k : chosen) next.push_back(row[k]);
      rows.insert(std::move(next));
    }
    table_ = {std::move(columns), {rows.begin(), rows.end()}, false};
    return "distinct " + names;
  }

  std::string join() {
    static const std::vector<std::string> kinds = {"inner", "leftouter", "rightouter", "fullouter", "leftsemi", "leftanti", "rightsemi", "rightanti"};
    const std::string kind = one_of(kinds);
    const bool by_text = below(2) == 0;
    const Type type = by_text ? Type::text : Type::integer;
    const std::vector<size_t> left_columns = columns_of(type);
    if (left_columns.empty()) return where();
    const size_t left_key = one_of(left_columns);
    const size_t right_key = by_text ? 0 : 1;
    // The right side: U's key and number under new names.
    const std::string a = fresh(), b = fresh();
    const int64_t limit = below(12);
    std::vector<Row> right;
    for (const Row& row : u_.rows) {
      if (!row[1].null && row[1].i <= limit) right.push_back({row[right_key], row[1]});
    }
    const std::vector<Column> right_columns = {{a, type}, {b, Type::integer}};
    std::vector<bool> met(right.size());
    std::vector<Row> out;
    const bool outer_left = kind == "leftouter" || kind == "fullouter", outer_right = kind == "rightouter" || kind == "fullouter";
    for (const Row& row : table_.rows) {
      bool hit = false;
      for (size_t k = 0; k < right.size(); ++k) {
        if (row[left_key].null || right[k][0].null || !(row[left_key] == right[k][0])) continue;
        hit = true;
        met[k] = true;
        if (kind != "inner" && !outer_left && !outer_right) continue;
        Row both = row;
        both.insert(both.end(), right[k].begin(), right[k].end());
        out.push_back(std::move(both));
      }
      if (!hit && outer_left) {
        Row both = row;
        for (const Column& c : right_columns) both.push_back(null_of(c.type));
        out.push_back(std::move(both));
      }
      if ((kind == "leftsemi" && hit) || (kind == "leftanti" && !hit)) out.push_back(row);
    }
    for (size_t k = 0; k < right.size(); ++k) {
      if ((kind == "rightsemi" && met[k]) || (kind == "rightanti" && !met[k])) out.push_back(right[k]);
      if (outer_right && !met[k]) {
        Row both;
        for (const Column& c : table_.columns) both.push_back(null_of(c.type));
        both.insert(both.end(), right[k].begin(), right[k].end());
        out.push_back(std::move(both));
      }
    }
    const std::string left_name = table_.columns[left_key].name;
    if (kind == "rightsemi" || kind == "rightanti") table_.columns = right_columns;
    else if (kind != "leftsemi" && kind != "leftanti") table_.columns.insert(table_.columns.end(), right_columns.begin(), right_columns.end());
    table_.rows = std::move(out);
    table_.ordered = false;
    return "join kind=" + kind + " (U | where Number <= " + std::to_string(limit) + " | project " + a + " = " + (by_text ? "Word" : "Number") + ", " + b +
           " = Number) on $left." + left_name + " == $right." + a;
  }

  static constexpr int64_t base_ticks = 639'028'224'000'000'000;  // 2026-01-01
  const std::vector<std::string> words_ = {"error", "Disk", "disk full", "a", "", "ok", "r", "WARN x", "1"};
  std::mt19937& random_;
  const Table &t_, &u_;
  Table table_;
  int next_name_ = 0;
};

}  // namespace

bool operator==(const Value& a, const Value& b) { return a.type == b.type && a.null == b.null && a.i == b.i && a.s == b.s; }
bool operator<(const Value& a, const Value& b) {
  if (a.null != b.null) return a.null;
  return a.i != b.i ? a.i < b.i : a.s < b.s;
}

std::string show(const Value& value) {
  if (value.null) return "null";
  if (value.type == Type::boolean) return value.i ? "true" : "false";
  return value.type == Type::text ? value.s : std::to_string(value.i);
}

Table make_table(const std::string& name, size_t n_rows, uint32_t seed) {
  std::mt19937 random(seed);
  static const std::vector<std::string> texts = {"error on Disk sda", "disk full", "all ok", "Error: errors follow", "", "WARN x", "a", "r1 1"};
  static const std::vector<std::string> words = {"disk full", "ok", "error", "Disk", "a"};
  Table table;
  if (name == "U") {
    table.columns = {{"Word", Type::text}, {"Number", Type::integer}};
  } else {
    table.columns = {{"Time", Type::time}, {"Word", Type::text}, {"Text", Type::text}, {"Number", Type::integer}, {"Flag", Type::boolean}};
  }
  for (size_t k = 0; k < n_rows; ++k) {
    Value word{Type::text, false, 0, words[random() % words.size()]};
    Value number = of(static_cast<int64_t>(random() % 13) - 2);
    if (random() % 9 == 0) number = null_of(Type::integer);
    if (name == "U") {
      table.rows.push_back({word, number});
      continue;
    }
    Value time{Type::time, false, 639'028'224'000'000'000 + static_cast<int64_t>(k * 20 + random() % 20) * 10'000'000, {}};
    if (random() % 17 == 0) time = null_of(Type::time);
    Value flag = of(random() % 3 == 0);
    if (random() % 7 == 0) flag = null_of(Type::boolean);
    table.rows.push_back({time, word, {Type::text, false, 0, texts[random() % texts.size()]}, number, flag});
  }
  return table;
}

Case random_case(std::mt19937& random, const Table& t, const Table& u) { return Maker(random, t, u).make(); }

}  // namespace plain
