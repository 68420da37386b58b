// Comparisons, arithmetic, text predicates, lists: the operators of expressions.
#include <re2/re2.h>

#include <cmath>
#include <unordered_set>

#include "app/kql/datetime.h"
#include "app/kql/decimal.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/text_match.h"

namespace app::kql {
namespace {

using columns::Column;
using Args = std::span<const Value>;

// ---------------------------------------------------------------- comparisons

// Order of two values of whatever types the binder lets through.
int order(const Value& a, const Value& b) {
  if (a.type == b.type && a.type != Type::dynamic) return compare(a, b);
  if (is_integer(a.type) && is_integer(b.type)) return a.i < b.i ? -1 : a.i > b.i;
  if (a.type == Type::decimal || b.type == Type::decimal) {
    const Value x = convert(a, Type::decimal), y = convert(b, Type::decimal);
    if (!x.null && !y.null) return compare(x, y);
  }
  if (is_number(a.type) || is_number(b.type)) {
    const std::optional<double> x = to_real(a), y = to_real(b);
    return !x || !y ? 2 : *x < *y ? -1 : *x > *y;
  }
  const Type type = a.type == Type::dynamic ? b.type : a.type;
  if (type == Type::dynamic) {
    const Json x = dynamic_value(a), y = dynamic_value(b);
    if (x == y) return 0;
    return compare(a, b) < 0 ? -1 : 1;
  }
  const Value x = convert(a, type), y = convert(b, type);
  return x.null || y.null ? 2 : compare(x, y);
}

bool is_nan(const Value& v) { return v.type == Type::real && std::isnan(v.d); }

// One null: not equal; two nulls: unknown. NaN is equal to nothing.
void equal(CallState&, Args a, Value& out) {
  const bool l = is_null(a[0]), r = is_null(a[1]);
  if (l && r) {
    out.null = true;
  } else {
    out.i = !l && !r && !is_nan(a[0]) && !is_nan(a[1]) && order(a[0], a[1]) == 0;
  }
}
void not_equal(CallState& s, Args a, Value& out) {
  equal(s, a, out);
  if (!out.null) out.i = !out.i;
}
template <typename Test>
void ordered(Args a, Value& out, Test test) {
  const int o = order(a[0], a[1]);
  if (o == 2) {
    out.null = true;
  } else {
    const bool nan = (a[0].type == Type::real && std::isnan(a[0].d)) || (a[1].type == Type::real && std::isnan(a[1].d));
    out.i = !nan && test(o);
  }
}
void less(CallState&, Args a, Value& out) { ordered(a, out, [](int o) { return o < 0; }); }
void less_equal(CallState&, Args a, Value& out) { ordered(a, out, [](int o) { return o <= 0; }); }
void greater(CallState&, Args a, Value& out) { ordered(a, out, [](int o) { return o > 0; }); }
void greater_equal(CallState&, Args a, Value& out) { ordered(a, out, [](int o) { return o >= 0; }); }

bool same_i64(Type a, Type b) {
  if (columns::is_text(a) || columns::is_text(b) || a == Type::real || b == Type::real) return false;
  return a == b || (is_integer(a) && is_integer(b));
}

// Comparison of two columns of one storage, without a branch a row; declines other shapes.
template <typename Test>
Vec compare_vec(std::span<const Vec> args, size_t n, bool nulls_differ, Test test) {
  const Column &a = *args[0].column, &b = *args[1].column;
  const bool ints = same_i64(a.type(), b.type());
  const bool reals = a.type() == Type::real && b.type() == Type::real;
  const bool texts = (a.type() == Type::string && b.type() == Type::string) || (a.type() == Type::guid && b.type() == Type::guid);
  if (!ints && !reals && !texts) return {};
  std::vector<int64_t> out(n);
  const size_t step_a = args[0].constant ? 0 : 1, step_b = args[1].constant ? 0 : 1;
  if (ints) {
    const int64_t *x = a.i64s().data(), *y = b.i64s().data();
    for (size_t k = 0; k < n; ++k) out[k] = test(x[k * step_a], y[k * step_b]);
  } else if (reals) {
    const double *x = a.f64s().data(), *y = b.f64s().data();
    for (size_t k = 0; k < n; ++k) out[k] = test(x[k * step_a], y[k * step_b]);
  } else {
    for (size_t k = 0; k < n; ++k) out[k] = test(a.text(k * step_a), b.text(k * step_b));
  }
  std::vector<uint8_t> valid;
  if (a.has_nulls() || b.has_nulls()) {
    valid.assign(n, 1);
    for (size_t k = 0; k < n; ++k) {
      const bool l = args[0].is_null(k), r = args[1].is_null(k);
      if (l && r) {
        valid[k] = 0;
      } else if (l || r) {
        if (nulls_differ) {
          out[k] = test(0, 1);  // not equal
        } else {
          valid[k] = 0;
        }
      }
    }
  }
  return {share(Column::from_i64(Type::boolean, std::move(out), std::move(valid))), false};
}
Vec equal_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, true, [](const auto& x, const auto& y) { return x == y; });
}
Vec not_equal_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, true, [](const auto& x, const auto& y) { return x != y; });
}
Vec less_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, false, [](const auto& x, const auto& y) { return x < y; });
}
Vec less_equal_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, false, [](const auto& x, const auto& y) { return x <= y; });
}
Vec greater_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, false, [](const auto& x, const auto& y) { return x > y; });
}
Vec greater_equal_vec(CallState&, std::span<const Vec> a, size_t n) {
  return compare_vec(a, n, false, [](const auto& x, const auto& y) { return x >= y; });
}

// low <= x and x <= high, and so false where one of them is, whatever the other: 3 between (7 .. null) is false,
// 8 between (7 .. null) is null. As Kusto answers (microsoft/Kusto-Query-Language, issue 161).
void between(CallState&, Args a, Value& out) {
  const bool null = is_null(a[0]), no_low = null || is_null(a[1]), no_high = null || is_null(a[2]);
  const int low = no_low ? 2 : order(a[0], a[1]), high = no_high ? 2 : order(a[0], a[2]);
  if ((!no_low && (low == 2 || low < 0)) || (!no_high && (high == 2 || high > 0))) out.i = 0;
  else if (no_low || no_high) out.null = true;
  else out.i = !is_nan(a[0]) && !is_nan(a[1]) && !is_nan(a[2]);
}
// The upper bound as a timespan behind the lower one; the same issue says what no timespan gives.
void between_span(CallState& s, Args a, Value& out) {
  if (!a[2].null) {
    Value high = Value::none(Type::datetime);
    if (!is_null(a[1])) high = Value::datetime(static_cast<int64_t>(static_cast<uint64_t>(a[1].i) + static_cast<uint64_t>(a[2].i)));
    if (high.i < 0 || high.i > max_datetime) high = Value::none(Type::datetime);
    // A span below zero is one that ends at the lower bound.
    const bool back = a[2].i < 0 && !high.null;
    const Value bounds[] = {a[0], back ? high : a[1], back ? a[1] : high};
    return between(s, bounds, out);
  }
  if (is_null(a[0]) || is_null(a[1]) || order(a[0], a[1]) < 0) out.null = true;
  else out.i = 0;
}
template <RowKernel kernel>
void negated(CallState& s, Args a, Value& out) {
  kernel(s, a, out);
  if (!out.null) out.i = !out.i;
}

// ---------------------------------------------------------------- arithmetic

template <typename Op, typename RealOp, typename DecimalOp>
void arithmetic(CallState& s, Args a, Value& out, Op op, RealOp real_op, DecimalOp decimal_op) {
  if (s.type == Type::real) {
    const std::optional<double> x = to_real(a[0]), y = to_real(a[1]);
    if (!x || !y) return void(out.null = true);
    out.d = real_op(*x, *y);
    return;
  }
  if (s.type == Type::decimal) {
    const Value x = convert(a[0], Type::decimal), y = convert(a[1], Type::decimal);
    const std::optional<Decimal> r = x.null || y.null ? std::nullopt : decimal_op(*parse_decimal(x.s), *parse_decimal(y.s));
    if (!r) return void(out.null = true);
    out.s = decimal_text(*r);
    return;
  }
  out.null = !op(a[0].i, a[1].i, out.i);
  if (s.type == Type::int32) out.i = static_cast<int32_t>(out.i);
}

void in_time_range(CallState& s, Value& out) {
  if (s.type == Type::datetime && (out.i < 0 || out.i > max_datetime)) out.null = true;
}

void plus(CallState& s, Args a, Value& out) {
  arithmetic(s, a, out, [](int64_t x, int64_t y, int64_t& r) { return r = static_cast<int64_t>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)), true; },
             [](double x, double y) { return x + y; }, [](const Decimal& x, const Decimal& y) { return add(x, y); });
  in_time_range(s, out);
}
void minus(CallState& s, Args a, Value& out) {
  arithmetic(s, a, out, [](int64_t x, int64_t y, int64_t& r) { return r = static_cast<int64_t>(static_cast<uint64_t>(x) - static_cast<uint64_t>(y)), true; },
             [](double x, double y) { return x - y; }, [](const Decimal& x, const Decimal& y) { return subtract(x, y); });
  in_time_range(s, out);
}
// A real is turned to ticks only where it fits.
void set_ticks(double ticks, Value& out) {
  if (!(std::fabs(ticks) < 9.2e18)) return void(out.null = true);
  out.i = static_cast<int64_t>(ticks);
}
void times(CallState& s, Args a, Value& out) {
  if (s.type == Type::timespan) {
    const Value &span = a[0].type == Type::timespan ? a[0] : a[1], &factor = a[0].type == Type::timespan ? a[1] : a[0];
    if (is_integer(factor.type)) {
      out.null = __builtin_mul_overflow(span.i, factor.i, &out.i);
    } else {
      const std::optional<double> f = to_real(factor);
      if (!f) return void(out.null = true);
      set_ticks(static_cast<double>(span.i) * *f, out);
    }
    return;
  }
  arithmetic(s, a, out, [](int64_t x, int64_t y, int64_t& r) { return r = static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(y)), true; },
             [](double x, double y) { return x * y; }, [](const Decimal& x, const Decimal& y) { return multiply(x, y); });
}
void divide_by(CallState& s, Args a, Value& out) {
  if (a[0].type == Type::timespan && a[1].type == Type::timespan) {
    out.d = static_cast<double>(a[0].i) / static_cast<double>(a[1].i);
    return;
  }
  if (s.type == Type::timespan) {
    const std::optional<double> by = to_real(a[1]);
    if (!by || *by == 0) return void(out.null = true);
    set_ticks(static_cast<double>(a[0].i) / *by, out);
    return;
  }
  arithmetic(s, a, out, [](int64_t x, int64_t y, int64_t& r) { return y != 0 && !(y == -1 && x == INT64_MIN) ? (r = x / y, true) : false; },
             [](double x, double y) { return x / y; }, [](const Decimal& x, const Decimal& y) { return divide(x, y); });
}
void modulo(CallState& s, Args a, Value& out) {  // never negative
  arithmetic(s, a, out,
             [](int64_t x, int64_t y, int64_t& r) {
               if (y == 0) return false;
               r = y == -1 ? 0 : x % y;
               if (r < 0) r = y < 0 ? r - y : r + y;
               return true;
             },
             [](double x, double y) {
               const double r = std::fmod(x, y);
               return r < 0 ? r + std::fabs(y) : r;
             },
             [](const Decimal& x, const Decimal& y) -> std::optional<Decimal> {
               return parse_decimal(real_text(std::fmod(decimal_to_real(x), decimal_to_real(y))));
             });
}
void negate(CallState& s, Args a, Value& out) {
  if (s.type == Type::real) {
    const std::optional<double> x = to_real(a[0]);
    if (!x) return void(out.null = true);
    out.d = -*x;
  } else if (s.type == Type::decimal) {
    Decimal d = *parse_decimal(a[0].s);
    d.digits = -d.digits;
    out.s = decimal_text(d);
  } else {
    out.i = static_cast<int64_t>(0 - static_cast<uint64_t>(a[0].i));
  }
}

template <typename IntOp, typename RealOp>
Vec arithmetic_vec(CallState& s, std::span<const Vec> args, size_t n, IntOp op, RealOp real_op) {
  const Column &a = *args[0].column, &b = *args[1].column;
  const auto number = [](Type t) { return is_integer(t) || t == Type::real; };
  const bool reals = s.type == Type::real && number(a.type()) && number(b.type());
  const bool ints = s.type == Type::int64 && is_integer(a.type()) && is_integer(b.type());
  if (!reals && !ints) return {};
  std::vector<uint8_t> valid;
  if (a.has_nulls() || b.has_nulls()) {
    valid.resize(n);
    for (size_t k = 0; k < n; ++k) valid[k] = !args[0].is_null(k) && !args[1].is_null(k);
  }
  const size_t step_a = args[0].constant ? 0 : 1, step_b = args[1].constant ? 0 : 1;
  if (ints) {
    std::vector<int64_t> out(n);
    const int64_t *x = a.i64s().data(), *y = b.i64s().data();
    for (size_t k = 0; k < n; ++k) out[k] = op(x[k * step_a], y[k * step_b]);
    return {share(Column::from_i64(Type::int64, std::move(out), std::move(valid))), false};
  }
  const auto value = [](const Column& c, size_t row) { return c.type() == Type::real ? c.f64(row) : static_cast<double>(c.i64(row)); };
  std::vector<double> out(n);
  for (size_t k = 0; k < n; ++k) out[k] = real_op(value(a, k * step_a), value(b, k * step_b));
  return {share(Column::from_f64(std::move(out), std::move(valid))), false};
}
int64_t wrap(uint64_t v) { return static_cast<int64_t>(v); }
Vec plus_vec(CallState& s, std::span<const Vec> a, size_t n) {
  return arithmetic_vec(s, a, n, [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)); },
                        [](double x, double y) { return x + y; });
}
Vec minus_vec(CallState& s, std::span<const Vec> a, size_t n) {
  return arithmetic_vec(s, a, n, [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) - static_cast<uint64_t>(y)); },
                        [](double x, double y) { return x - y; });
}
Vec times_vec(CallState& s, std::span<const Vec> a, size_t n) {
  return arithmetic_vec(s, a, n, [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) * static_cast<uint64_t>(y)); },
                        [](double x, double y) { return x * y; });
}

// ---------------------------------------------------------------- text predicates

using Match = bool (*)(std::string_view text, std::string_view part);

bool m_has(std::string_view t, std::string_view p) { return contains_term(t, p, true); }
bool m_has_cs(std::string_view t, std::string_view p) { return contains_term(t, p, false); }
bool m_prefix(std::string_view t, std::string_view p) { return contains_prefix(t, p, true); }
bool m_prefix_cs(std::string_view t, std::string_view p) { return contains_prefix(t, p, false); }
bool m_suffix(std::string_view t, std::string_view p) { return contains_suffix(t, p, true); }
bool m_suffix_cs(std::string_view t, std::string_view p) { return contains_suffix(t, p, false); }
bool m_contains(std::string_view t, std::string_view p) { return find_text(t, p, true) != std::string_view::npos; }
bool m_contains_cs(std::string_view t, std::string_view p) { return find_text(t, p, false) != std::string_view::npos; }
bool m_starts(std::string_view t, std::string_view p) { return starts_with(t, p, true); }
bool m_starts_cs(std::string_view t, std::string_view p) { return starts_with(t, p, false); }
bool m_ends(std::string_view t, std::string_view p) { return ends_with(t, p, true); }
bool m_ends_cs(std::string_view t, std::string_view p) { return ends_with(t, p, false); }
bool m_equals(std::string_view t, std::string_view p) { return equals_ignoring_case(t, p); }

// Those that search the whole column at once.
struct Search {
  TextMatch how;
  bool ignore_case;
};
constexpr std::optional<Search> search_of(Match match) {
  if (match == m_has || match == m_has_cs) return Search{TextMatch::has, match == m_has};
  if (match == m_prefix || match == m_prefix_cs) return Search{TextMatch::hasprefix, match == m_prefix};
  if (match == m_suffix || match == m_suffix_cs) return Search{TextMatch::hassuffix, match == m_suffix};
  if (match == m_contains || match == m_contains_cs) return Search{TextMatch::contains, match == m_contains};
  return std::nullopt;
}

template <Match match, bool negated>
void text_row(CallState&, Args a, Value& out) {
  out.i = match(to_text(a[0]), to_text(a[1])) != negated;
}
template <Match match, bool negated>
Vec text_vec(CallState&, std::span<const Vec> args, size_t n) {
  const Column &a = *args[0].column, &b = *args[1].column;
  if (a.type() != Type::string || b.type() != Type::string || !args[1].constant) return {};
  const std::string part(b.text(0));
  if (const std::optional<Search> search = search_of(match); search && !args[0].constant) {
    std::vector<int64_t> found = match_rows(a, part, search->how, search->ignore_case);
    if (negated) {
      for (int64_t& f : found) f = !f;
    }
    return {share(Column::from_i64(Type::boolean, std::move(found))), false};
  }
  std::vector<int64_t> out(n);
  for (size_t k = 0; k < n; ++k) out[k] = match(a.text(args[0].at(k)), part) != negated;
  return {share(Column::from_i64(Type::boolean, std::move(out))), false};
}

void matches_regex(CallState& s, Args a, Value& out) {
  out.i = re2::RE2::PartialMatch(to_text(a[0]), compiled(s, to_text(a[1])));
}
Vec matches_regex_vec(CallState& s, std::span<const Vec> args, size_t) {
  const Column& a = *args[0].column;
  if (a.type() != Type::string || !args[1].constant || args[0].constant) return {};
  return {share(Column::from_i64(Type::boolean, match_regex_rows(s, a, std::string(args[1].column->text(0))))), false};
}

// ---------------------------------------------------------------- lists

// The items of a list operator: each argument, dynamic arrays spread out.
std::vector<Value> items(Args a) {
  std::vector<Value> out;
  for (size_t k = 1; k < a.size(); ++k) {
    if (a[k].type != Type::dynamic) {
      out.push_back(a[k]);
      continue;
    }
    const Json json = dynamic_value(a[k]);
    if (json.is_array()) {
      for (const Json& item : json.items) out.push_back(from_json(item));
    } else {
      out.push_back(a[k]);
    }
  }
  return out;
}

// The set of a constant list, built once a call site.
struct ItemSet {
  std::unordered_set<std::string> texts;
  std::unordered_set<int64_t> integers;
  std::vector<Value> values;
};
const ItemSet& item_set(CallState& s, Args a, bool ignore_case) {
  if (s.cache && s.cache_key == "fixed") return *static_cast<const ItemSet*>(s.cache.get());
  auto set = std::make_shared<ItemSet>();
  set->values = items(a);
  for (const Value& v : set->values) {
    set->texts.insert(ignore_case ? lower_text(to_text(v)) : to_text(v));
    if (const std::optional<int64_t> i = v.type == Type::string ? std::nullopt : to_int64(v)) set->integers.insert(*i);
  }
  s.cache = set;
  return *set;
}

template <bool ignore_case, bool negated>
void in_list(CallState& s, Args a, Value& out) {
  const ItemSet& set = item_set(s, a, ignore_case);
  bool found = false;
  if (is_null(a[0])) {
    found = false;
  } else if (a[0].type == Type::string || a[0].type == Type::guid) {
    found = set.texts.count(ignore_case ? lower_text(a[0].s) : a[0].s) > 0;
  } else if (a[0].type == Type::real || a[0].type == Type::decimal || a[0].type == Type::dynamic) {
    for (const Value& v : set.values) {
      if (is_null(v)) continue;
      if (a[0].type == Type::dynamic && ignore_case ? equals_ignoring_case(to_text(a[0]), to_text(v)) : order(a[0], v) == 0) found = true;
    }
  } else if (!set.integers.empty() && same_i64(a[0].type, set.values[0].type)) {
    found = set.integers.count(a[0].i) > 0;
  } else {
    for (const Value& v : set.values) found |= !is_null(v) && order(a[0], v) == 0;
  }
  out.i = found != negated;
}

// Where every list item is constant, the set is fixed: said to the row kernel through the key.
template <bool ignore_case, bool negated>
Vec in_list_vec(CallState& s, std::span<const Vec> args, size_t n) {
  for (size_t k = 1; k < args.size(); ++k) {
    if (!args[k].constant) return {};
  }
  if (s.cache_key != "fixed") {
    std::vector<Value> values(1);
    for (size_t k = 1; k < args.size(); ++k) values.push_back(get(*args[k].column, 0));
    item_set(s, values, ignore_case);
    s.cache_key = "fixed";
  }
  std::vector<int64_t> out(n);
  Value value, result = Value::boolean(false);
  for (size_t k = 0; k < n; ++k) {
    value = get(*args[0].column, args[0].at(k));
    in_list<ignore_case, negated>(s, Args(&value, 1), result);
    out[k] = result.i;
  }
  return {share(Column::from_i64(Type::boolean, std::move(out))), false};
}

template <bool all>
void has_list(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  bool result = all;
  for (const Value& v : items(a)) {
    const bool hit = contains_term(text, to_text(v), true);
    if (hit != all) {
      result = hit;
      break;
    }
  }
  out.i = result;
}
template <bool all>
Vec has_list_vec(CallState&, std::span<const Vec> args, size_t n) {
  std::vector<Value> values(1);
  for (size_t k = 1; k < args.size(); ++k) {
    if (!args[k].constant) return {};
    values.push_back(get(*args[k].column, 0));
  }
  if (args[0].column->type() != Type::string) return {};
  if (args[0].constant) return {};
  std::vector<int64_t> out(n, all);
  for (const Value& v : items(values)) {
    const std::vector<int64_t> found = match_rows(*args[0].column, to_text(v), TextMatch::has, true);
    for (size_t row = 0; row < n; ++row) out[row] = all ? out[row] & found[row] : out[row] | found[row];
  }
  return {share(Column::from_i64(Type::boolean, std::move(out))), false};
}

void logical_row(CallState&, Args, Value& out) { out.null = true; }  // Evaluator::logical does these

// ---------------------------------------------------------------- paths

void member(CallState& s, Args a, Value& out) {
  (void)s;
  const Json json = dynamic_value(a[0]);
  const Json* found = nullptr;
  if (a[1].type == Type::string || a[1].type == Type::dynamic) {
    found = json.is_object() ? json.find(to_text(a[1])) : nullptr;
    if (!found && a[1].type == Type::dynamic && json.is_array()) {
      const std::optional<int64_t> index = to_int64(a[1]);
      if (index && *index >= 0 && *index < static_cast<int64_t>(json.items.size())) found = &json.items[static_cast<size_t>(*index)];
    }
  } else if (json.is_array() && !a[1].null) {
    const auto n = static_cast<int64_t>(json.items.size());
    const int64_t index = a[1].i < 0 ? a[1].i + n : a[1].i;
    if (index >= 0 && index < n) found = &json.items[static_cast<size_t>(index)];
  }
  out = found ? from_json(*found) : Value::none(Type::dynamic);
}

#define TEXT(name, match)                                                               \
  {name, "ss", Result::boolean, text_row<match, false>, sees_nulls, text_vec<match, false>}, \
  {"!" name, "ss", Result::boolean, text_row<match, true>, sees_nulls, text_vec<match, true>}

constexpr Function table[] = {
    {"==", "**", Result::boolean, equal, sees_nulls, equal_vec},
    {"!=", "**", Result::boolean, not_equal, sees_nulls, not_equal_vec},
    {"<", "**", Result::boolean, less, no_flags, less_vec},
    {"<=", "**", Result::boolean, less_equal, no_flags, less_equal_vec},
    {">", "**", Result::boolean, greater, no_flags, greater_vec},
    {">=", "**", Result::boolean, greater_equal, no_flags, greater_equal_vec},
    {"between", "***", Result::boolean, between, sees_nulls},
    {"!between", "***", Result::boolean, negated<between>, sees_nulls},
    {"between span", "***", Result::boolean, between_span, sees_nulls},
    {"!between span", "***", Result::boolean, negated<between_span>, sees_nulls},
    {"+", "**", Result::special, plus, no_flags, plus_vec},
    {"-", "**", Result::special, minus, no_flags, minus_vec},
    {"*", "**", Result::special, times, no_flags, times_vec},
    {"/", "**", Result::special, divide_by, no_flags},
    {"%", "**", Result::special, modulo, no_flags},
    {"negate", "*", Result::first, negate, no_flags},
    {"and", "b+", Result::boolean, logical_row, sees_nulls},
    {"or", "b+", Result::boolean, logical_row, sees_nulls},
    TEXT("has", m_has), TEXT("has_cs", m_has_cs), TEXT("hasprefix", m_prefix), TEXT("hasprefix_cs", m_prefix_cs),
    TEXT("hassuffix", m_suffix), TEXT("hassuffix_cs", m_suffix_cs), TEXT("contains", m_contains),
    TEXT("contains_cs", m_contains_cs), TEXT("startswith", m_starts), TEXT("startswith_cs", m_starts_cs),
    TEXT("endswith", m_ends), TEXT("endswith_cs", m_ends_cs), TEXT("=~", m_equals),
    {"!~", "ss", Result::boolean, text_row<m_equals, true>, sees_nulls, text_vec<m_equals, true>},
    {"matches regex", "ss", Result::boolean, matches_regex, sees_nulls, matches_regex_vec},
    {"in", "**+", Result::boolean, in_list<false, false>, sees_nulls, in_list_vec<false, false>},
    {"!in", "**+", Result::boolean, in_list<false, true>, sees_nulls, in_list_vec<false, true>},
    {"in~", "**+", Result::boolean, in_list<true, false>, sees_nulls, in_list_vec<true, false>},
    {"!in~", "**+", Result::boolean, in_list<true, true>, sees_nulls, in_list_vec<true, true>},
    {"has_any", "s*+", Result::boolean, has_list<false>, sees_nulls, has_list_vec<false>},
    {"has_all", "s*+", Result::boolean, has_list<true>, sees_nulls, has_list_vec<true>},
    {"member", "y*", Result::dynamic, member, no_flags},
};

}  // namespace

std::span<const Function> operator_functions() { return table; }

}  // namespace app::kql
