#include "plain_aggregates.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace plain {
namespace {

using Rows = std::vector<const Row*>;

// The values of an expression that are there.
std::vector<Value> values_of(const Expr& e, const Rows& rows) {
  std::vector<Value> out;
  for (const Row* row : rows) {
    Value v = e.eval(*row);
    if (!v.null) out.push_back(std::move(v));
  }
  return out;
}

Value sum_of(Type type, const std::vector<Value>& values) {
  uint64_t whole = 0;
  double real = 0;
  for (const Value& v : values) {
    whole += static_cast<uint64_t>(v.i);
    real += v.d;
  }
  if (type == Type::real) return of(real);
  Value out = of(static_cast<int64_t>(whole));
  out.type = type;
  return out;
}

Value mean_of(const std::vector<Value>& values) {
  if (values.empty()) return null_of(Type::real);
  long double sum = 0;
  for (const Value& v : values) sum += v.type == Type::real ? static_cast<long double>(v.d) : static_cast<long double>(v.i);
  return of(static_cast<double>(sum / static_cast<long double>(values.size())));
}

Value variance_of(const std::vector<Value>& values, bool population, bool root) {
  const double n = static_cast<double>(values.size()), by = population ? n : n - 1;
  if (by <= 0) return of(0.0);
  long double mean = 0, sum = 0;
  for (const Value& v : values) mean += static_cast<long double>(v.d) / static_cast<long double>(n);
  for (const Value& v : values) sum += (v.d - mean) * (v.d - mean);
  const double variance = static_cast<double>(sum) / by;
  return of(root ? std::sqrt(variance) : variance);
}

Value distinct_of(const std::vector<Value>& values) { return of(static_cast<int64_t>(std::set<Value>(values.begin(), values.end()).size())); }

Value extreme_of(Type type, const std::vector<Value>& values, bool max) {
  Value best = null_of(type);
  bool any = false;
  for (const Value& v : values) {
    if (!any || (max ? order(v, best) > 0 : order(v, best) < 0)) best = v, any = true;
  }
  return best;
}

Value bits_of(const std::vector<Value>& values, char op) {
  if (values.empty()) return null_of(Type::integer);
  int64_t out = values[0].i;
  for (size_t k = 1; k < values.size(); ++k) out = op == '&' ? out & values[k].i : op == '|' ? out | values[k].i : out ^ values[k].i;
  return of(out);
}

Value list_of(const std::vector<Value>& values) {
  std::vector<Json> items;
  for (const Value& v : values) items.push_back(to_json(v));
  return of_json(array_of(std::move(items)));
}

std::string text_of(const std::string& name, const Expr& e, const Expr* condition) {
  return name + (condition ? "if(" : "(") + e.text + (condition ? ", " + condition->text : "") + ")";
}

}  // namespace

Aggregate random_aggregate(Dice& dice, Expressions& expressions, bool ordered) {
  // An aggregate over values, sometimes over those of the rows where a condition holds (sumif).
  const auto over = [&](const std::string& name, const Expr& e, Type type, std::function<Value(const std::vector<Value>&)> f, bool may_if = true) {
    if (!may_if || !dice.one_in(4)) return Aggregate{text_of(name, e, nullptr), type, false, [e, f](const Rows& rows) { return f(values_of(e, rows)); }};
    const Expr c = expressions.any(Type::boolean, 2);
    return Aggregate{text_of(name, e, &c), type, false, [e, c, f](const Rows& rows) {
                       Rows kept;
                       for (const Row* row : rows) {
                         const Value v = c.eval(*row);
                         if (!v.null && v.i) kept.push_back(row);
                       }
                       return f(values_of(e, kept));
                     }};
  };
  switch (dice.below(13)) {
    case 0: return {"count()", Type::integer, false, [](const Rows& rows) { return of(static_cast<int64_t>(rows.size())); }};
    case 1: {
      const Expr c = expressions.any(Type::boolean, 2);
      return {"countif(" + c.text + ")", Type::integer, false, [c](const Rows& rows) {
                return of(static_cast<int64_t>(std::count_if(rows.begin(), rows.end(), [&](const Row* r) {
                  const Value v = c.eval(*r);
                  return !v.null && v.i;
                })));
              }};
    }
    case 2: case 3: {
      static const std::vector<Type> types = {Type::integer, Type::integer, Type::real, Type::span, Type::decimal};
      const Type type = dice.one_of(types);
      return over("sum", expressions.any(type, 2), type, [type](const std::vector<Value>& v) { return sum_of(type, v); });
    }
    case 4: {
      const Expr e = expressions.any(dice.one_in(2) ? Type::int32 : Type::real, 2);
      Aggregate out = over("avg", e, Type::real, mean_of);
      out.rounded = true;
      return out;
    }
    case 5: {
      const Expr e = expressions.any(expressions.key_type(), 2);
      return over("dcount", e, Type::integer, distinct_of);
    }
    case 6: {
      const Expr e = expressions.any(expressions.key_type(), 2);
      return over("count_distinct", e, Type::integer, distinct_of);
    }
    case 7: {
      const Expr e = expressions.any(Type::real, 1);
      const bool population = dice.one_in(2), root = dice.one_in(2);
      Aggregate out = over(std::string(root ? "stdev" : "variance") + (population ? "p" : ""), e, Type::real, [population, root](const std::vector<Value>& v) { return variance_of(v, population, root); });
      out.rounded = true;
      return out;
    }
    case 8: {
      const char op = "&|^"[dice.below(3)];
      return over(op == '&' ? "binary_all_and" : op == '|' ? "binary_all_or" : "binary_all_xor", expressions.any(Type::integer, 2), Type::integer, [op](const std::vector<Value>& v) { return bits_of(v, op); }, false);
    }
    case 9: {
      const Expr e = expressions.any(dice.one_in(2) ? Type::integer : Type::text, 2);
      Aggregate out = over("array_sort_asc(make_set", e, Type::dynamic, [](const std::vector<Value>& v) {
        const std::set<Value> set(v.begin(), v.end());
        return list_of({set.begin(), set.end()});
      }, false);
      out.text += ")";
      return out;
    }
    case 10: {
      const Expr e = expressions.any(dice.one_in(2) ? Type::integer : Type::text, 2);
      Aggregate list = over("make_list", e, Type::dynamic, list_of, false);
      if (ordered) return list;
      return {"array_length(" + list.text + ")", Type::integer, false, [list](const Rows& rows) { return of(static_cast<int64_t>(json(list.eval(rows)).items.size())); }};
    }
    default: {
      const bool max = dice.one_in(2);
      static const std::vector<Type> types = {Type::integer, Type::int32, Type::real, Type::time, Type::span, Type::decimal, Type::text};
      const Type type = dice.one_of(types);
      return over(max ? "max" : "min", expressions.any(type, 2), type, [max, type](const std::vector<Value>& v) { return extreme_of(type, v, max); });
    }
  }
}

}  // namespace plain
