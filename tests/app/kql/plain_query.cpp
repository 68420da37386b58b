#include "plain_query.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "plain_aggregates.h"
#include "plain_expr.h"

namespace plain {
namespace {

using Columns = std::vector<Column>;
constexpr size_t most_rows = 1500;  // what a case may grow to: joins here are two loops

std::string listed(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

bool holds(const Value& v) { return !v.null && v.i != 0; }

class Maker {
 public:
  Maker(uint64_t number, const Table& t, const Table& u) : dice_(number * 0x9E3779B97F4A7C15ull + 1), t_(t), u_(u) {}

  Case make() {
    const std::string source = start();
    std::string query = source;
    const int n = 1 + dice_.below(5);
    for (int k = 0; k < n && table_.rows.size() <= most_rows; ++k) query += "\n| " + step();
    return {lets_ + query, std::move(table_)};
  }

 private:
  std::string fresh() { return "n" + std::to_string(next_name_++); }
  Expr any(Type type, int depth) { return expressions_.any(type, depth); }

  // ---------------------------------------------------------------- where rows come from

  std::string start() {
    table_ = t_;
    table_.ordered = true;
    if (dice_.one_in(3)) {
      const Expr constant = expressions_.literal(expressions_.any_type());
      const std::string name = "k" + fresh();
      lets_ += "let " + name + " = " + constant.text + ";\n";
      expressions_.add_constant({name, constant.type, constant.eval});
    }
    if (dice_.one_in(3)) add_function();
    switch (dice_.below(12)) {
      case 0: {
        table_ = u_;
        table_.ordered = true;
        return "U";
      }
      case 1: return range();
      case 2: {
        const std::string filter = where();
        return "(T | " + filter + ")";
      }
      case 3: {
        const std::string filter = where();
        const bool kept = dice_.one_in(2);
        lets_ += std::string("let t = ") + (kept ? "materialize(" : "") + "T | " + filter + (kept ? ")" : "") + ";\n";
        return "t";
      }
      default: return "T";
    }
  }

  std::string range() {
    const int64_t from = dice_.below(9) - 4, to = from + dice_.below(60), by = 1 + dice_.below(5);
    const std::string name = fresh();
    table_ = {{{name, Type::integer}}, {}, true, 0};
    for (int64_t v = from; v <= to; v += by) table_.rows.push_back({of(v)});
    return "range " + name + " from " + std::to_string(from) + " to " + std::to_string(to) + " step " + std::to_string(by);
  }

  // let f = (a: long, b: string) { ... };
  void add_function() {
    UserFunction f{"f" + fresh(), {}, {}};
    Table params;
    std::string declared;
    for (int k = 1 + dice_.below(2); k > 0; --k) {
      const Type type = expressions_.key_type();
      params.columns.push_back({"p" + fresh(), type});
      f.params.push_back(type);
      declared += (declared.empty() ? "" : ", ") + params.columns.back().name + ": " + type_name(type);
    }
    Expressions over_params(dice_, params);
    f.body = over_params.any(expressions_.any_type(), 2);
    lets_ += "let " + f.name + " = (" + declared + ") { " + f.body.text + " };\n";
    expressions_.add(std::move(f));
  }

  // ---------------------------------------------------------------- operators: each changes table_ and gives its text

  std::string step() {
    switch (dice_.below(31)) {
      case 0: case 1: case 2: case 3: return where();
      case 4: case 5: return extend();
      case 6: case 7: return project();
      case 8: case 9: case 10: case 11: return summarize();
      case 12: case 13: return sort();
      case 14: return distinct();
      case 15: case 16: case 17: return join();
      case 18: return lookup();
      case 19: return innerunique();
      case 20: case 21: return expand();
      case 22: return unite();
      case 23: return columns_by_name();
      case 24: return serialize();
      case 25: return scan();
      case 26: return parse();
      case 27: return partition();
      case 28: return make_series();
      case 29: return dice_.one_in(2) ? top_nested() : count();
      default: return dice_.one_in(2) ? apply() : where_in_query();
    }
  }

  std::string where() {
    const Expr e = any(Type::boolean, 3);
    keep([&](const Row& row) { return holds(e.eval(row)); });
    return "where " + e.text;
  }
  template <typename Test>
  void keep(Test test) {
    std::vector<Row> kept;
    for (Row& row : table_.rows) {
      if (test(row)) kept.push_back(std::move(row));
    }
    table_.rows = std::move(kept);
  }

  // A condition over the answer of another query.
  std::string where_in_query() {
    const int64_t limit = dice_.below(12);
    const std::string other = "U | where Number <= " + std::to_string(limit);
    std::vector<Value> words;
    Value most = null_of(Type::integer);
    for (const Row& row : u_.rows) {
      if (row[1].null || row[1].i > limit) continue;
      words.push_back(row[0]);
      if (most.null || row[1].i > most.i) most = row[1];
    }
    if (dice_.one_in(2)) {
      const Expr e = any(Type::text, 1);
      keep([&](const Row& row) { return std::find(words.begin(), words.end(), e.eval(row)) != words.end(); });
      return "where " + e.text + " in ((" + other + " | project Word))";
    }
    const Expr e = any(Type::integer, 1);
    keep([&](const Row& row) {
      const Value v = e.eval(row);
      return !v.null && !most.null && v.i < most.i;
    });
    return "where " + e.text + " < toscalar(" + other + " | summarize max(Number))";
  }

  std::string extend() {
    const Expr e = any(expressions_.any_type(), 3);
    // Sometimes in the place of a column.
    const std::vector<size_t> same = expressions_.columns_of(e.type);
    if (!same.empty() && dice_.one_in(4)) {
      const size_t k = dice_.one_of(same);
      for (Row& row : table_.rows) row[k] = e.eval(row);
      if (table_.unique == static_cast<int>(k)) table_.unique = -1;
      return "extend " + table_.columns[k].name + " = " + e.text;
    }
    const std::string name = fresh();
    for (Row& row : table_.rows) row.push_back(e.eval(row));
    table_.columns.push_back({name, e.type});
    return "extend " + name + " = " + e.text;
  }

  std::string project() {
    std::vector<Expr> list;
    Columns columns;
    std::vector<std::string> parts;
    int unique = -1;
    if (table_.unique >= 0 && dice_.one_in(2)) {
      list.push_back(expressions_.column(static_cast<size_t>(table_.unique)));
      columns.push_back(table_.columns[static_cast<size_t>(table_.unique)]);
      parts.push_back(columns.back().name);
      unique = 0;
    }
    for (int k = 1 + dice_.below(4); k > 0; --k) {
      list.push_back(any(expressions_.any_type(), 2));
      columns.push_back({fresh(), list.back().type});
      parts.push_back(columns.back().name + " = " + list.back().text);
    }
    for (Row& row : table_.rows) {
      Row next;
      for (const Expr& e : list) next.push_back(e.eval(row));
      row = std::move(next);
    }
    table_.columns = std::move(columns);
    table_.unique = unique;
    return "project " + listed(parts);
  }

  // Only these columns, in this order.
  void choose(const std::vector<size_t>& chosen) {
    Columns columns;
    int unique = -1;
    for (size_t k = 0; k < chosen.size(); ++k) {
      columns.push_back(table_.columns[chosen[k]]);
      if (table_.unique == static_cast<int>(chosen[k])) unique = static_cast<int>(k);
    }
    for (Row& row : table_.rows) {
      Row next;
      for (const size_t k : chosen) next.push_back(row[k]);
      row = std::move(next);
    }
    table_.columns = std::move(columns);
    table_.unique = unique;
  }

  std::string columns_by_name() {
    const size_t n = table_.columns.size(), one = static_cast<size_t>(dice_.below(static_cast<int>(n)));
    const std::string name = table_.columns[one].name;
    std::vector<size_t> others;
    for (size_t k = 0; k < n; ++k) {
      if (k != one) others.push_back(k);
    }
    switch (dice_.below(4)) {
      case 0:
        if (others.empty()) break;
        choose(others);
        return "project-away " + name;
      case 1: {
        std::vector<size_t> kept = {one};
        if (!others.empty()) kept.push_back(dice_.one_of(others));
        std::vector<std::string> names;
        for (const size_t k : kept) names.push_back(table_.columns[k].name);
        std::sort(kept.begin(), kept.end());  // in the table's order
        choose(kept);
        return "project-keep " + listed(names);
      }
      case 2: {
        others.insert(others.begin(), one);
        choose(others);
        return "project-reorder " + name;
      }
      default: break;
    }
    const std::string other = fresh();
    table_.columns[one].name = other;
    return "project-rename " + other + " = " + name;
  }

  std::string count() {
    table_ = {{{"Count", Type::integer}}, {{of(static_cast<int64_t>(table_.rows.size()))}}, false, 0};
    return "count";
  }

  // ---------------------------------------------------------------- groups

  std::string summarize() {
    std::vector<Expr> keys;
    Columns columns;
    std::vector<std::string> by, what;
    for (int k = dice_.below(3); k > 0; --k) {
      keys.push_back(any(expressions_.key_type(), 1));
      columns.push_back({fresh(), keys.back().type});
      by.push_back(columns.back().name + " = " + keys.back().text);
    }
    std::vector<Aggregate> list;
    for (int k = 1 + dice_.below(4); k > 0; --k) {
      list.push_back(random_aggregate(dice_, expressions_, table_.ordered));
      columns.push_back({fresh(), list.back().type, list.back().rounded});
      what.push_back(columns.back().name + " = " + list.back().text);
    }
    if (table_.unique >= 0 && dice_.one_in(4)) {  // the row of the greatest number, which is one
      const auto unique = static_cast<size_t>(table_.unique);
      const Expr e = any(expressions_.any_type(), 1);
      const bool max = dice_.one_in(2);
      const std::string a = fresh(), b = fresh();
      what.push_back("(" + a + ", " + b + ") = " + (max ? "arg_max(" : "arg_min(") + table_.columns[unique].name + ", " + e.text + ")");
      const auto best = [unique, max](const std::vector<const Row*>& rows) {
        const Row* found = nullptr;
        for (const Row* row : rows) {
          if (!found || ((*row)[unique].i > (*found)[unique].i) == max) found = row;
        }
        return found;
      };
      list.push_back({a, table_.columns[unique].type, false, [best, unique](const auto& rows) { return rows.empty() ? null_of(Type::integer) : (*best(rows))[unique]; }});
      list.push_back({b, e.type, false, [best, e](const auto& rows) { return rows.empty() ? null_of(e.type) : e.eval(*best(rows)); }});
      columns.push_back({a, table_.columns[unique].type});
      columns.push_back({b, e.type});
    }
    std::map<Row, std::vector<const Row*>> groups;
    if (keys.empty()) groups[{}];
    for (const Row& row : table_.rows) groups[key_of(keys, row)].push_back(&row);
    std::vector<Row> out;
    for (const auto& [key, rows] : groups) {
      Row row = key;
      for (const Aggregate& a : list) row.push_back(a.eval(rows));
      out.push_back(std::move(row));
    }
    table_ = {std::move(columns), std::move(out), false, keys.size() == 1 && keys[0].type == Type::integer ? 0 : -1};
    if (table_.unique == 0 && std::any_of(table_.rows.begin(), table_.rows.end(), [](const Row& r) { return r[0].null; })) table_.unique = -1;
    return "summarize " + listed(what) + (by.empty() ? "" : " by " + listed(by));
  }
  static Row key_of(const std::vector<Expr>& keys, const Row& row) {
    Row key;
    for (const Expr& e : keys) key.push_back(e.eval(row));
    return key;
  }

  // Columns that can be compared: to group, join or sort by.
  std::vector<size_t> comparable() const {
    std::vector<size_t> out;
    for (size_t k = 0; k < table_.columns.size(); ++k) {
      if (table_.columns[k].type != Type::dynamic && !table_.columns[k].rounded) out.push_back(k);
    }
    return out;
  }

  std::string distinct() {
    std::vector<size_t> chosen;
    Columns columns;
    std::vector<std::string> names;
    for (const size_t k : comparable()) {
      if (chosen.size() == 3 || (!chosen.empty() && dice_.one_in(2))) continue;
      chosen.push_back(k);
      columns.push_back(table_.columns[k]);
      names.push_back(table_.columns[k].name);
    }
    if (chosen.empty()) return where();
    std::set<Row> rows;
    for (const Row& row : table_.rows) {
      Row next;
      for (const size_t k : chosen) next.push_back(row[k]);
      rows.insert(std::move(next));
    }
    table_ = {std::move(columns), {rows.begin(), rows.end()}, false, -1};
    return "distinct " + listed(names);
  }

  std::string top_nested() {
    const Expr first = any(expressions_.key_type(), 1), second = any(expressions_.key_type(), 1);
    const Expr value = any(Type::integer, 1);
    const std::string a = fresh(), b = fresh(), c = fresh(), d = fresh();
    std::map<Row, int64_t> counts;
    std::map<Row, uint64_t> sums;
    for (const Row& row : table_.rows) {
      const Value x = first.eval(row), y = second.eval(row), v = value.eval(row);
      ++counts[{x}];
      sums[{x, y}] += v.null ? 0 : static_cast<uint64_t>(v.i);
    }
    table_ = {{{a, first.type}, {b, Type::integer}, {c, second.type}, {d, Type::integer}}, {}, false, -1};
    for (const auto& [key, sum] : sums) table_.rows.push_back({key[0], of(counts[{key[0]}]), key[1], of(static_cast<int64_t>(sum))});
    return "top-nested of " + a + " = " + first.text + " by " + b + " = count(), top-nested of " + c + " = " + second.text + " by " + d + " = sum(" + value.text + ")";
  }

  std::string make_series() {
    const Expr time = any(Type::time, 1), value = any(Type::integer, 1);
    const std::vector<size_t> keys = comparable();
    const bool grouped = !keys.empty() && dice_.one_in(2);
    const size_t by = grouped ? dice_.one_of(keys) : 0;
    const int64_t from = first_time + dice_.below(600) * ticks_per_second, step = (30 + dice_.below(200)) * ticks_per_second, to = from + dice_.below(1500) * ticks_per_second;
    const std::string a = fresh(), b = fresh(), x = fresh();
    const int64_t n_points = to < from ? 0 : (to - from + step - 1) / step;
    struct Series {
      std::vector<int64_t> counts;
      std::vector<Value> sums;
    };
    std::map<Row, Series> all;
    const Series empty{std::vector<int64_t>(static_cast<size_t>(n_points)), std::vector<Value>(static_cast<size_t>(n_points), of(int64_t{-1}))};
    if (!grouped) all[{}] = empty;
    for (const Row& row : table_.rows) {
      const Value t = time.eval(row), v = value.eval(row);
      if (t.null) continue;
      const int64_t point = floor_to(t.i - from, step) / step;
      if (point < 0 || point >= n_points) continue;
      Series& series = all.try_emplace(grouped ? Row{row[by]} : Row{}, empty).first->second;
      const auto p = static_cast<size_t>(point);
      if (series.counts[p]++ == 0) series.sums[p] = of(int64_t{0});
      if (!v.null) series.sums[p] = of(static_cast<int64_t>(static_cast<uint64_t>(series.sums[p].i) + static_cast<uint64_t>(v.i)));
    }
    std::vector<Json> axis;
    for (int64_t p = 0; p < n_points; ++p) axis.push_back(json_of(to_text(of_time(from + p * step))));
    Table out;
    if (grouped) out.columns.push_back(table_.columns[by]);
    for (const std::string& name : {a, b, x}) out.columns.push_back({name, Type::dynamic});
    for (const auto& [key, series] : all) {
      std::vector<Json> counts, sums;
      for (const int64_t n : series.counts) counts.push_back(json_of(n));
      for (const Value& v : series.sums) sums.push_back(to_json(v));
      Row row = key;
      row.push_back(of_json(array_of(std::move(counts))));
      row.push_back(of_json(array_of(std::move(sums))));
      row.push_back(of_json(array_of(axis)));
      out.rows.push_back(std::move(row));
    }
    const std::string name = grouped ? table_.columns[by].name : "";
    table_ = std::move(out);
    const auto at = [](int64_t ticks) { return "datetime(" + to_text(of_time(ticks)) + ")"; };
    return "make-series " + a + " = count() default=0, " + b + " = sum(" + value.text + ") default=-1 on " + x + " = " + time.text + " from " + at(from) + " to " + at(to) + " step " +
           std::to_string(step / ticks_per_second) + "s" + (grouped ? " by " + name : "");
  }

  // ---------------------------------------------------------------- order

  // By columns that leave no two rows alike, so that the order is one; then sometimes only the first rows.
  std::string sort() {
    std::vector<size_t> by = comparable();
    std::shuffle(by.begin(), by.end(), dice_.random());
    bool total = by.size() == table_.columns.size();
    if (table_.unique >= 0) {
      by.resize(std::min<size_t>(by.size(), static_cast<size_t>(dice_.below(3))));
      by.push_back(static_cast<size_t>(table_.unique));
      total = true;
    }
    if (by.empty()) return where();
    std::vector<bool> descending, nulls_first;
    std::vector<std::string> parts;
    for (const size_t k : by) {
      descending.push_back(dice_.one_in(2));
      nulls_first.push_back(!descending.back());
      std::string part = table_.columns[k].name + (descending.back() ? dice_.one_in(2) ? " desc" : "" : " asc");
      if (dice_.one_in(4)) {
        nulls_first.back() = dice_.one_in(2);
        part += nulls_first.back() ? " nulls first" : " nulls last";
      }
      parts.push_back(part);
    }
    std::stable_sort(table_.rows.begin(), table_.rows.end(), [&](const Row& a, const Row& b) {
      for (size_t j = 0; j < by.size(); ++j) {
        const Value &x = a[by[j]], &y = b[by[j]];
        if (x.null != y.null) return x.null == nulls_first[j];
        if (x.null) continue;
        if (const int o = order(x, y); o != 0) return descending[j] ? o > 0 : o < 0;
      }
      return false;
    });
    table_.ordered = total;
    if (!total || dice_.one_in(2)) return "sort by " + listed(parts);
    const size_t n = static_cast<size_t>(dice_.below(30));
    if (table_.rows.size() > n) table_.rows.resize(n);
    return dice_.one_in(2) ? "sort by " + listed(parts) + " | take " + std::to_string(n) : "top " + std::to_string(n) + " by " + listed(parts);
  }

  // Columns that look at the rows before and behind.
  std::string serialize() {
    if (!table_.ordered) return sort();
    std::vector<std::string> parts;
    Columns columns;
    std::vector<std::vector<Value>> added;
    const size_t n = table_.rows.size();
    for (int j = 1 + dice_.below(3); j > 0; --j) {
      std::vector<Value> out(n);
      const std::string name = fresh();
      switch (dice_.below(4)) {
        case 0: {
          const Expr e = any(expressions_.any_type(), 1);
          const int by = 1 + dice_.below(3);
          const bool before = dice_.one_in(2);
          for (size_t k = 0; k < n; ++k) {
            const int64_t from = static_cast<int64_t>(k) + (before ? -by : by);
            out[k] = from < 0 || from >= static_cast<int64_t>(n) ? null_of(e.type) : e.eval(table_.rows[static_cast<size_t>(from)]);
          }
          parts.push_back(name + (before ? " = prev(" : " = next(") + e.text + ", " + std::to_string(by) + ")");
          columns.push_back({name, e.type});
          break;
        }
        case 1: {
          const int64_t first = dice_.below(3);
          const Expr c = any(Type::boolean, 1);
          int64_t number = first;
          for (size_t k = 0; k < n; ++k) {
            if (holds(c.eval(table_.rows[k]))) number = first;
            out[k] = of(number++);
          }
          parts.push_back(name + " = row_number(" + std::to_string(first) + ", " + c.text + ")");
          columns.push_back({name, Type::integer});
          break;
        }
        case 2: {
          const Expr e = any(Type::integer, 1), c = any(Type::boolean, 1);
          uint64_t sum = 0;
          for (size_t k = 0; k < n; ++k) {
            if (holds(c.eval(table_.rows[k]))) sum = 0;
            const Value v = e.eval(table_.rows[k]);
            sum += v.null ? 0 : static_cast<uint64_t>(v.i);
            out[k] = of(static_cast<int64_t>(sum));
          }
          parts.push_back(name + " = row_cumsum(" + e.text + ", " + c.text + ")");
          columns.push_back({name, Type::integer});
          break;
        }
        default: {
          const Expr e = any(Type::text, 1);
          int64_t rank = 0;
          for (size_t k = 0; k < n; ++k) {
            if (k == 0 || !(e.eval(table_.rows[k]) == e.eval(table_.rows[k - 1]))) ++rank;
            out[k] = of(rank);
          }
          parts.push_back(name + " = row_rank_dense(" + e.text + ")");
          columns.push_back({name, Type::integer});
        }
      }
      added.push_back(std::move(out));
    }
    for (size_t j = 0; j < added.size(); ++j) {
      table_.columns.push_back(columns[j]);
      for (size_t k = 0; k < n; ++k) table_.rows[k].push_back(added[j][k]);
    }
    return "serialize " + listed(parts);
  }

  // A running sum over the rows of one step.
  std::string scan() {
    if (!table_.ordered) return sort();
    const Expr c = any(Type::boolean, 2), e = any(Type::integer, 1);
    const std::string name = fresh();
    Value sum = of(int64_t{0});
    std::vector<Row> out;
    for (Row& row : table_.rows) {
      if (!holds(c.eval(row))) continue;
      const Value v = e.eval(row);
      sum = sum.null || v.null ? null_of(Type::integer) : of(static_cast<int64_t>(static_cast<uint64_t>(sum.i) + static_cast<uint64_t>(v.i)));
      row.push_back(sum);
      out.push_back(std::move(row));
    }
    table_.rows = std::move(out);
    table_.columns.push_back({name, Type::integer});
    return (dice_.one_in(2) ? "serialize | " : "serialize\n| ") + ("scan declare (" + name + ": long = 0) with (step s1: " + c.text + " => " + name + " = s1." + name + " + " + e.text + ";)");
  }

  // ---------------------------------------------------------------- other tables

  // Columns of a right side behind those of the left: a name that is there gets a number.
  void add_columns(const Columns& right) {
    for (Column c : right) {
      const std::string name = c.name;
      const auto known = [&](const std::string& n) { return std::any_of(table_.columns.begin(), table_.columns.end(), [&](const Column& o) { return o.name == n; }); };
      for (int n = 1; known(c.name); ++n) c.name = name + std::to_string(n);
      table_.columns.push_back(std::move(c));
    }
  }
  static Row missing(const Columns& columns) {
    Row out;
    for (const Column& c : columns) out.push_back(null_of(c.type));
    return out;
  }
  static Row together(Row left, const Row& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
  }

  // A part of U to match with: its text, columns and rows; the key is its first column.
  struct Side {
    std::string text;
    Columns columns;
    std::vector<Row> rows;
  };
  Side side(Type type, bool plain_names) {
    const int64_t limit = dice_.below(12);
    Side out;
    const size_t key = type == Type::text ? 0 : type == Type::integer ? 1 : 2;
    const std::string a = plain_names ? u_.columns[key].name : fresh(), b = plain_names ? "Rate" : fresh();
    out.columns = {{a, type}, {b, Type::real}};
    for (const Row& row : u_.rows) {
      if (!row[1].null && row[1].i <= limit) out.rows.push_back({row[key], row[3]});
    }
    out.text = "(U | where Number <= " + std::to_string(limit) + " | project " + (plain_names ? a + ", " + b : a + " = " + u_.columns[key].name + ", " + b + " = Rate") + ")";
    return out;
  }
  // A column of the table with a type that U has too, or none.
  std::optional<size_t> left_key() {
    static const std::vector<Type> types = {Type::text, Type::integer, Type::guid};
    const std::vector<size_t> columns = expressions_.columns_of(dice_.one_of(types));
    return columns.empty() ? std::nullopt : std::optional<size_t>(dice_.one_of(columns));
  }
  static bool match(const Value& a, const Value& b) { return !a.null && !b.null && a == b; }

  std::string join() {
    static const std::vector<std::string> kinds = {"inner", "leftouter", "rightouter", "fullouter", "leftsemi", "leftanti", "rightsemi", "rightanti"};
    const std::string kind = dice_.one_of(kinds);
    const std::optional<size_t> key = left_key();
    if (!key) return where();
    const Side right = side(table_.columns[*key].type, dice_.one_in(4));
    const std::string left_name = table_.columns[*key].name;
    std::vector<bool> met(right.rows.size());
    std::vector<Row> out;
    const bool outer_left = kind == "leftouter" || kind == "fullouter", outer_right = kind == "rightouter" || kind == "fullouter";
    for (const Row& row : table_.rows) {
      bool hit = false;
      for (size_t k = 0; k < right.rows.size(); ++k) {
        if (!match(row[*key], right.rows[k][0])) continue;
        hit = true;
        met[k] = true;
        if (kind == "inner" || outer_left || outer_right) out.push_back(together(row, right.rows[k]));
      }
      if (!hit && outer_left) out.push_back(together(row, missing(right.columns)));
      if ((kind == "leftsemi" && hit) || (kind == "leftanti" && !hit)) out.push_back(row);
    }
    for (size_t k = 0; k < right.rows.size(); ++k) {
      if ((kind == "rightsemi" && met[k]) || (kind == "rightanti" && !met[k])) out.push_back(right.rows[k]);
      if (outer_right && !met[k]) out.push_back(together(missing(table_.columns), right.rows[k]));
    }
    if (kind == "rightsemi" || kind == "rightanti") table_.columns = right.columns;
    else if (kind != "leftsemi" && kind != "leftanti") add_columns(right.columns);
    if (kind != "leftsemi" && kind != "leftanti") table_.unique = -1;
    table_.rows = std::move(out);
    table_.ordered = false;
    return "join kind=" + kind + " " + right.text + " on $left." + left_name + " == $right." + right.columns[0].name;
  }

  std::string lookup() {
    const std::optional<size_t> key = left_key();
    if (!key) return where();
    const bool inner = dice_.one_in(3);
    const Side right = side(table_.columns[*key].type, false);
    std::vector<Row> out;
    for (const Row& row : table_.rows) {
      bool hit = false;
      for (const Row& r : right.rows) {
        if (!match(row[*key], r[0])) continue;
        hit = true;
        out.push_back(together(row, {r[1]}));
      }
      if (!hit && !inner) out.push_back(together(row, {null_of(Type::real)}));
    }
    const std::string name = table_.columns[*key].name;
    add_columns({right.columns[1]});
    table_.rows = std::move(out);
    table_.ordered = false;
    table_.unique = -1;
    return "lookup kind=" + std::string(inner ? "inner " : "leftouter ") + right.text + " on $left." + name + " == $right." + right.columns[0].name;
  }

  // Each key of the left once: which of its rows is not said, so that only the key is looked at.
  std::string innerunique() {
    const std::optional<size_t> key = left_key();
    if (!key) return where();
    const Side right = side(table_.columns[*key].type, false);
    std::set<Row> keys;
    for (const Row& row : table_.rows) keys.insert({row[*key]});
    std::vector<Row> out;
    for (const Row& k : keys) {
      for (const Row& r : right.rows) {
        if (match(k[0], r[0])) out.push_back(together(k, r));
      }
    }
    const Column left = table_.columns[*key];
    table_ = {{left, right.columns[0], right.columns[1]}, std::move(out), false, -1};
    return std::string("join ") + (dice_.one_in(2) ? "kind=innerunique " : "") + right.text + " on $left." + left.name + " == $right." + right.columns[0].name + " | project " + left.name + ", " +
           right.columns[0].name + ", " + right.columns[1].name;
  }

  // With rows of U. Columns of one name and type are one column.
  std::string unite() {
    const int64_t limit = dice_.below(12);
    const bool named = dice_.one_in(3), inner = dice_.one_in(4);
    const std::string extra = fresh();
    Table other;
    other.columns = {{"Number", Type::integer}, {"Word", Type::text}, {extra, Type::real}};
    for (const Row& row : u_.rows) {
      if (!row[1].null && row[1].i >= limit) other.rows.push_back({row[1], row[0], row[3]});
    }
    const auto place = [](const Columns& in, const Column& c) {
      const auto at = std::find_if(in.begin(), in.end(), [&](const Column& o) { return o.name == c.name; });
      return at == in.end() ? -1 : static_cast<int>(at - in.begin());
    };
    for (const Column& c : other.columns) {  // a name of two types would become two columns
      const int at = place(table_.columns, c);
      if (at >= 0 && table_.columns[static_cast<size_t>(at)].type != c.type) return where();
    }
    Columns columns;
    for (const Columns* list : {&table_.columns, &other.columns}) {
      for (const Column& c : *list) {
        if (place(columns, c) >= 0) continue;
        if (!inner || (place(table_.columns, c) >= 0 && place(other.columns, c) >= 0)) columns.push_back(c);
      }
    }
    if (columns.empty()) return where();
    const std::string source = fresh();
    Table out;
    if (named) out.columns.push_back({source, Type::text});
    out.columns.insert(out.columns.end(), columns.begin(), columns.end());
    const auto add = [&](const Table& from, const char* name) {
      for (const Row& row : from.rows) {
        Row next;
        if (named) next.push_back(of(std::string(name)));
        for (const Column& c : columns) next.push_back(place(from.columns, c) < 0 ? null_of(c.type) : row[static_cast<size_t>(place(from.columns, c))]);
        out.rows.push_back(std::move(next));
      }
    };
    add(table_, "union_arg0");
    add(other, "union_arg1");
    table_ = std::move(out);
    return "union " + std::string(inner ? "kind=inner " : "") + (named ? "withsource=" + source + " " : "") + "(U | where Number >= " + std::to_string(limit) + " | project Number, Word, " + extra + " = Rate)";
  }

  // ---------------------------------------------------------------- rows into several, and parts

  // The values that one expands to.
  static std::vector<Json> items_of(const Value& v) {
    const Json& j = json(v);
    if (j.kind == Json::Kind::array) return j.items;
    if (j.kind != Json::Kind::bag) return {j};
    std::vector<Json> out;
    for (size_t k = 0; k < j.keys.size(); ++k) {
      Json one;
      one.kind = Json::Kind::bag;
      one.set(j.keys[k], j.items[k]);
      out.push_back(std::move(one));
    }
    return out;
  }
  static Value item_as(Type type, const std::vector<Json>& items, size_t k) {
    const Json item = k < items.size() ? items[k] : Json{};
    return type == Type::text ? of(to_text(of_json(item))) : of_json(item);
  }

  std::string expand() {
    const Expr a = any(Type::dynamic, 2), b = any(Type::dynamic, 1);
    const bool two = dice_.one_in(3), index = dice_.one_in(3), as_text = dice_.one_in(2);
    const size_t limit = dice_.one_in(4) ? 2 : 1000;
    const std::string x = fresh(), y = fresh(), i = fresh();
    std::vector<Row> out;
    for (const Row& row : table_.rows) {
      const std::vector<Json> xs = items_of(a.eval(row)), ys = two ? items_of(b.eval(row)) : std::vector<Json>{};
      const size_t n = std::min(limit, std::max(xs.size(), ys.size()));
      for (size_t k = 0; k < n; ++k) {
        Row next = row;
        next.push_back(item_as(as_text ? Type::text : Type::dynamic, xs, k));
        if (two) next.push_back(item_as(Type::dynamic, ys, k));
        if (index) next.push_back(of(static_cast<int64_t>(k)));
        out.push_back(std::move(next));
      }
    }
    table_.rows = std::move(out);
    table_.unique = -1;
    table_.columns.push_back({x, as_text ? Type::text : Type::dynamic});
    if (two) table_.columns.push_back({y, Type::dynamic});
    if (index) table_.columns.push_back({i, Type::integer});
    return "mv-expand " + (index ? "with_itemindex=" + i + " " : "") + x + " = " + a.text + (as_text ? " to typeof(string)" : "") + (two ? ", " + y + " = " + b.text : "") + (limit == 2 ? " limit 2" : "");
  }

  // mv-apply: the numbers of an array, counted and summed for each row.
  std::string apply() {
    const Expr a = any(Type::dynamic, 2);
    const std::string x = fresh(), n = fresh(), s = fresh();
    const int64_t least = dice_.below(4);
    for (Row& row : table_.rows) {
      int64_t count = 0, sum = 0;
      for (const Json& item : items_of(a.eval(row))) {
        if (item.kind != Json::Kind::integer || item.i < least) continue;
        ++count;
        sum = static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(item.i));
      }
      row.push_back(of(count));
      row.push_back(of(sum));
    }
    table_.columns.push_back({n, Type::integer});
    table_.columns.push_back({s, Type::integer});
    return "mv-apply " + x + " = " + a.text + " on (where gettype(" + x + ") == 'long' and tolong(" + x + ") >= " + std::to_string(least) + " | summarize " + n + " = count(), " + s + " = sum(tolong(" + x + ")))";
  }

  // The same steps for the rows of each key: the dice fall alike, and so the text is one.
  std::string partition() {
    const std::vector<size_t> keys = comparable();
    if (keys.empty() || in_parts_) return where();
    const size_t key = dice_.one_of(keys);
    const std::string name = table_.columns[key].name;
    std::map<Row, Table> parts;
    Table none = table_;
    none.rows.clear();
    for (Row& row : table_.rows) parts.try_emplace({row[key]}, none).first->second.rows.push_back(std::move(row));
    const Dice before = dice_;
    const int first_name = next_name_;
    in_parts_ = true;
    table_ = none;
    const std::string body = part_step();
    Table out = table_;
    out.rows.clear();
    for (auto& [value, part] : parts) {
      dice_ = before;
      next_name_ = first_name;
      table_ = std::move(part);
      part_step();
      out.rows.insert(out.rows.end(), table_.rows.begin(), table_.rows.end());
    }
    in_parts_ = false;
    table_ = std::move(out);
    table_.ordered = false;
    table_.unique = -1;
    return "partition hint.strategy=native by " + name + " (" + body + ")";
  }
  std::string part_step() {
    switch (dice_.below(4)) {
      case 0: return where();
      case 1: return extend();
      case 2: return count();
      default: return project();
    }
  }

  // parse Text with before 'on' behind
  std::string parse() {
    const std::vector<size_t> texts = expressions_.columns_of(Type::text);
    if (texts.empty()) return where();
    const size_t k = dice_.one_of(texts);
    static const std::vector<std::string> parts = {"on ", " ", "r", "disk"};
    const std::string part = dice_.one_of(parts), a = fresh(), b = fresh();
    const bool only_matching = dice_.one_in(3), star = dice_.one_in(3);
    const std::string name = table_.columns[k].name;
    std::vector<Row> out;
    for (Row& row : table_.rows) {
      const std::string s = row[k].s;
      const size_t at = s.find(part);
      if (at == std::string::npos && only_matching) continue;
      if (!star) row.push_back(of(at == std::string::npos ? "" : s.substr(0, at)));
      row.push_back(of(at == std::string::npos ? "" : s.substr(at + part.size())));
      out.push_back(std::move(row));
    }
    table_.rows = std::move(out);
    if (!star) table_.columns.push_back({a, Type::text});
    table_.columns.push_back({b, Type::text});
    return (only_matching ? "parse-where " : "parse ") + name + " with " + (star ? "*" : a) + " '" + part + "' " + b;
  }

  Dice dice_;
  const Table &t_, &u_;
  Table table_;
  Expressions expressions_{dice_, table_};
  std::string lets_;
  int next_name_ = 0;
  bool in_parts_ = false;
};

}  // namespace

Case random_case(uint64_t number, const Table& t, const Table& u) { return Maker(number, t, u).make(); }

}  // namespace plain
