// Functions of numeric arrays ("series").
#include <algorithm>
#include <cmath>

#include "app/kql/kernel_help.h"

namespace app::kql {
namespace {

struct Numbers {
  std::vector<double> values;   // NaN where the item is no number
  bool ok = false, integers = true;
};
Numbers numbers(const Value& v) {
  Numbers out;
  const Json json = dynamic_value(v);
  out.ok = json.is_array();
  for (const Json& item : json.items) {
    const bool flag = item.kind == Json::Kind::boolean;
    out.values.push_back(item.is_number() ? item.number() : flag ? static_cast<double>(item.i) : std::nan(""));
    out.integers &= item.kind == Json::Kind::integer || item.is_null();
  }
  return out;
}
Json item_of(double v, bool integer = false) {
  if (std::isnan(v)) return {};
  return integer && std::fabs(v) < 9e15 ? Json::of(static_cast<int64_t>(v)) : Json::of(v);
}
Json array_of(const std::vector<double>& values, bool integers = false) {
  Json json = Json::array();
  for (const double v : values) json.items.push_back(item_of(v, integers));
  return json;
}

using Unary = double (*)(double);
template <Unary f, bool keeps_integers = false>
void each(CallState&, Args a, Value& out) {
  Numbers x = numbers(a[0]);
  if (!x.ok) return set_null(out);
  for (double& v : x.values) v = f(v);
  set(out, array_of(x.values, keeps_integers && x.integers));
}
double s_abs(double x) { return std::fabs(x); }
double s_ceil(double x) { return std::ceil(x); }
double s_floor(double x) { return std::floor(x); }
double s_sign(double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); }
double s_exp(double x) { return std::exp(x); }
double s_log(double x) { return std::log(x); }
double s_sin(double x) { return std::sin(x); }
double s_cos(double x) { return std::cos(x); }
double s_tan(double x) { return std::tan(x); }
double s_asin(double x) { return std::asin(x); }
double s_acos(double x) { return std::acos(x); }
double s_atan(double x) { return std::atan(x); }

// Item by item; a number stands for a whole series; what is missing on one side gives null.
using Binary = double (*)(double, double);
template <Binary f, bool comparison = false, bool division = false>
void pairs(CallState&, Args a, Value& out) {
  Numbers x = numbers(a[0]), y = numbers(a[1]);
  if (!x.ok && !y.ok) return set_null(out);
  const auto spread = [](Numbers& n, const Value& v, size_t size) {
    if (!n.ok) n.values.assign(size, to_real(v).value_or(std::nan(""))), n.integers = is_integer(v.type);
  };
  spread(x, a[0], y.values.size()), spread(y, a[1], x.values.size());
  Json json = Json::array();
  for (size_t k = 0; k < std::max(x.values.size(), y.values.size()); ++k) {
    const double l = k < x.values.size() ? x.values[k] : std::nan(""), r = k < y.values.size() ? y.values[k] : std::nan("");
    if (std::isnan(l) || std::isnan(r)) json.items.emplace_back();
    else if (comparison) json.items.push_back(Json::of(f(l, r) != 0));
    else json.items.push_back(item_of(f(l, r), !division && x.integers && y.integers));
  }
  set(out, json);
}
double p_add(double x, double y) { return x + y; }
double p_sub(double x, double y) { return x - y; }
double p_mul(double x, double y) { return x * y; }
double p_div(double x, double y) { return x / y; }
double p_pow(double x, double y) { return std::pow(x, y); }
double p_less(double x, double y) { return x < y; }
double p_less_equal(double x, double y) { return x <= y; }
double p_greater(double x, double y) { return x > y; }
double p_greater_equal(double x, double y) { return x >= y; }
double p_equal(double x, double y) { return x == y; }
double p_not_equal(double x, double y) { return x != y; }

double dot(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0;
  for (size_t k = 0; k < std::min(x.size(), y.size()); ++k) sum += x[k] * y[k];
  return sum;
}
void series_dot_product(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]), y = numbers(a[1]);
  if (!x.ok && !y.ok) return set_null(out);
  const std::vector<double> l = x.ok ? x.values : std::vector<double>(y.values.size(), real_at(a, 0, NAN));
  out.d = dot(l, y.ok ? y.values : std::vector<double>(l.size(), real_at(a, 1, NAN)));
}
void series_magnitude(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]);
  x.ok ? void(out.d = std::sqrt(dot(x.values, x.values))) : set_null(out);
}
void series_sum(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]);
  if (!x.ok) return set_null(out);
  for (const double v : x.values) out.d += v;
}
void series_product(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]);
  if (!x.ok) return set_null(out);
  out.d = 1;
  for (const double v : x.values) out.d *= v;
}
void series_cosine_similarity(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]), y = numbers(a[1]);
  if (!x.ok || !y.ok || x.values.size() != y.values.size()) return set_null(out);
  const double l = real_at(a, 2, std::sqrt(dot(x.values, x.values))), r = real_at(a, 3, std::sqrt(dot(y.values, y.values)));
  out.d = dot(x.values, y.values) / (l * r);
}
void series_pearson_correlation(CallState&, Args a, Value& out) {
  Numbers x = numbers(a[0]), y = numbers(a[1]);
  const size_t n = x.values.size();
  if (!x.ok || !y.ok || n != y.values.size() || n == 0) return set_null(out);
  double mx = 0, my = 0;
  for (size_t k = 0; k < n; ++k) mx += x.values[k] / static_cast<double>(n), my += y.values[k] / static_cast<double>(n);
  for (size_t k = 0; k < n; ++k) x.values[k] -= mx, y.values[k] -= my;
  out.d = dot(x.values, y.values) / std::sqrt(dot(x.values, x.values) * dot(y.values, y.values));
}

// ---------------------------------------------------------------- filling holes

bool is_hole(const Json& item, const Args& a) {
  if (a.size() > 1 && !a[1].null) return item == to_json(a[1]);
  return item.is_null();
}
void fill_forward(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  for (size_t k = 1; k < json.items.size(); ++k) if (is_hole(json.items[k], a)) json.items[k] = json.items[k - 1];
  set(out, json);
}
void fill_backward(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  for (size_t k = json.items.size(); k-- > 1;) if (is_hole(json.items[k - 1], a)) json.items[k - 1] = json.items[k];
  set(out, json);
}
void fill_const(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  for (Json& item : json.items) {
    if (a.size() > 2 && !a[2].null ? item == to_json(a[2]) : item.is_null()) item = to_json(a[1]);
  }
  set(out, json);
}
// fill_linear(series, hole, fill edges, constant for a series of holes)
void fill_linear(CallState&, Args a, Value& out) {
  Json json = dynamic_value(a[0]);
  if (!json.is_array()) return set_null(out);
  const bool edges = bool_at(a, 2, true);
  const Json constant = a.size() > 3 ? to_json(a[3]) : Json::of(int64_t{0});
  std::vector<size_t> known;
  bool integers = true;
  for (size_t k = 0; k < json.items.size(); ++k) {
    if (is_hole(json.items[k], a)) continue;
    known.push_back(k);
    integers &= json.items[k].kind == Json::Kind::integer;
  }
  if (known.empty()) {
    if (edges) for (Json& item : json.items) item = constant;
    return set(out, json);
  }
  for (size_t j = 0; j + 1 < known.size(); ++j) {
    const double x = json.items[known[j]].number(), y = json.items[known[j + 1]].number();
    for (size_t k = known[j] + 1; k < known[j + 1]; ++k) {
      const double v = x + (y - x) * static_cast<double>(k - known[j]) / static_cast<double>(known[j + 1] - known[j]);
      json.items[k] = integers ? Json::of(static_cast<int64_t>(v)) : Json::of(v);
    }
  }
  if (edges) {
    for (size_t k = 0; k < known.front(); ++k) json.items[k] = json.items[known.front()];
    for (size_t k = known.back() + 1; k < json.items.size(); ++k) json.items[k] = json.items[known.back()];
  }
  set(out, json);
}

// ---------------------------------------------------------------- filters and statistics

// series_fir(series, filter, normalize, center)
void series_fir(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]);
  Numbers f = numbers(a[1]);
  if (!x.ok || !f.ok) return set_null(out);
  double sum = 0;
  bool negative = false;
  for (const double v : f.values) sum += v, negative |= v < 0;
  if (bool_at(a, 2, !negative) && sum != 0) for (double& v : f.values) v /= sum;
  const auto n = static_cast<int64_t>(x.values.size()), shift = bool_at(a, 3, false) ? static_cast<int64_t>(f.values.size() / 2) : 0;
  std::vector<double> y(x.values.size());
  for (int64_t k = 0; k < n; ++k) {
    for (size_t j = 0; j < f.values.size(); ++j) {
      const int64_t at = k - static_cast<int64_t>(j) + shift;
      if (at >= 0 && at < n) y[static_cast<size_t>(k)] += f.values[j] * x.values[static_cast<size_t>(at)];
    }
  }
  set(out, array_of(y));
}
// series_iir(series, numerators, denominators)
void series_iir(CallState&, Args a, Value& out) {
  const Numbers x = numbers(a[0]), b = numbers(a[1]), d = numbers(a[2]);
  if (!x.ok || !b.ok || !d.ok || d.values.empty() || d.values[0] == 0) return set_null(out);
  std::vector<double> y(x.values.size());
  for (size_t k = 0; k < y.size(); ++k) {
    for (size_t j = 0; j < b.values.size() && j <= k; ++j) y[k] += b.values[j] * x.values[k - j];
    for (size_t j = 1; j < d.values.size() && j <= k; ++j) y[k] -= d.values[j] * y[k - j];
    y[k] /= d.values[0];
  }
  set(out, array_of(y));
}
struct Stats {
  double min = 0, max = 0, mean = 0, variance = 0, n = 0;
  size_t min_at = 0, max_at = 0;
};
Stats stats_of(const std::vector<double>& x) {
  Stats s;
  double m2 = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    if (std::isnan(x[k])) continue;
    if (s.n == 0 || x[k] < s.min) s.min = x[k], s.min_at = k;
    if (s.n == 0 || x[k] > s.max) s.max = x[k], s.max_at = k;
    s.n += 1;
    const double delta = x[k] - s.mean;
    s.mean += delta / s.n;
    m2 += delta * (x[k] - s.mean);
  }
  s.variance = s.n > 1 ? m2 / (s.n - 1) : 0;
  return s;
}
// What is no finite number is left out where the second argument says so; otherwise there is no answer.
bool usable(Args a, Numbers& x) {
  if (!x.ok || x.values.empty()) return false;
  const bool skip = bool_at(a, 1, false);
  for (double& v : x.values) {
    if (std::isfinite(v)) continue;
    if (!skip) return false;
    v = std::nan("");
  }
  return true;
}
void series_stats(CallState&, Args a, Value& out) {
  Numbers x = numbers(a[0]);
  if (!usable(a, x)) return set_null(out);
  const Stats s = stats_of(x.values);
  Json json = Json::array();
  json.items = {Json::of(s.min), Json::of(static_cast<int64_t>(s.min_at)), Json::of(s.max), Json::of(static_cast<int64_t>(s.max_at)),
                Json::of(s.mean), Json::of(std::sqrt(s.variance)), Json::of(s.variance)};
  set(out, json);
}
void series_stats_dynamic(CallState&, Args a, Value& out) {
  Numbers x = numbers(a[0]);
  if (!usable(a, x)) return set_null(out);
  const Stats s = stats_of(x.values);
  Json json = Json::object();
  json.set("min", Json::of(s.min)), json.set("min_idx", Json::of(static_cast<int64_t>(s.min_at)));
  json.set("max", Json::of(s.max)), json.set("max_idx", Json::of(static_cast<int64_t>(s.max_at)));
  json.set("avg", Json::of(s.mean)), json.set("stdev", Json::of(std::sqrt(s.variance))), json.set("variance", Json::of(s.variance));
  double sum = 0;
  for (const double v : x.values) if (!std::isnan(v)) sum += v;
  json.set("sum", Json::of(sum)), json.set("len", Json::of(static_cast<int64_t>(x.values.size())));
  set(out, json);
}

// Least squares over x[begin, end).
struct Line {
  double slope = 0, intercept = 0, variance = 0, residual = 0, r2 = 0;
};
Line fit(const std::vector<double>& y, size_t begin, size_t end) {
  const auto n = static_cast<double>(end - begin);
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (size_t k = begin; k < end; ++k) {
    const auto x = static_cast<double>(k);
    sx += x, sy += y[k], sxx += x * x, sxy += x * y[k];
  }
  Line line;
  const double d = n * sxx - sx * sx;
  line.slope = d == 0 ? 0 : (n * sxy - sx * sy) / d;
  line.intercept = n == 0 ? 0 : (sy - line.slope * sx) / n;
  double total = 0, rest = 0;
  for (size_t k = begin; k < end; ++k) {
    const double fitted = line.slope * static_cast<double>(k) + line.intercept;
    total += (y[k] - sy / n) * (y[k] - sy / n);
    rest += (y[k] - fitted) * (y[k] - fitted);
  }
  line.variance = n > 1 ? total / (n - 1) : 0;
  line.residual = n > 1 ? rest / (n - 1) : 0;
  line.r2 = total == 0 ? 1 : 1 - rest / total;
  return line;
}
// An array's items under names.
Json named_parts(const Json& parts, std::initializer_list<const char*> names) {
  Json bag = Json::object();
  size_t k = 0;
  for (const char* name : names) bag.set(name, parts.items[k++]);
  return bag;
}
void series_fit_line(CallState&, Args a, Value& out) {
  const Numbers y = numbers(a[0]);
  if (!y.ok || y.values.empty()) return set_null(out);
  const Line l = fit(y.values, 0, y.values.size());
  std::vector<double> fitted;
  for (size_t k = 0; k < y.values.size(); ++k) fitted.push_back(l.slope * static_cast<double>(k) + l.intercept);
  Json json = Json::array();
  json.items = {Json::of(l.r2), Json::of(l.slope), Json::of(l.variance), Json::of(l.residual), Json::of(l.intercept), array_of(fitted)};
  set(out, json);
}
void series_fit_line_dynamic(CallState& s, Args a, Value& out) {
  series_fit_line(s, a, out);
  if (!out.null) set(out, named_parts(dynamic_value(out), {"rsquare", "slope", "variance", "rvariance", "interception", "line_fit"}));
}
void series_fit_2lines(CallState&, Args a, Value& out) {
  const Numbers y = numbers(a[0]);
  const size_t n = y.values.size();
  if (!y.ok || n < 4) return set_null(out);
  const Line whole = fit(y.values, 0, n);
  size_t best = 2;
  double best_rest = HUGE_VAL;
  for (size_t split = 2; split + 2 <= n; ++split) {
    const Line l = fit(y.values, 0, split), r = fit(y.values, split, n);
    const double rest = l.residual * static_cast<double>(split - 1) + r.residual * static_cast<double>(n - split - 1);
    if (rest < best_rest) best_rest = rest, best = split;
  }
  const Line l = fit(y.values, 0, best), r = fit(y.values, best, n);
  std::vector<double> fitted;
  for (size_t k = 0; k < n; ++k) fitted.push_back((k < best ? l.slope : r.slope) * static_cast<double>(k) + (k < best ? l.intercept : r.intercept));
  const double total = whole.variance * static_cast<double>(n - 1);
  Json json = Json::array();
  json.items = {Json::of(total == 0 ? 1.0 : 1 - best_rest / total), Json::of(static_cast<int64_t>(best)), Json::of(whole.variance),
                Json::of(best_rest / static_cast<double>(n - 1)), array_of(fitted), Json::of(r.r2), Json::of(r.slope), Json::of(r.intercept),
                Json::of(r.variance), Json::of(r.residual), Json::of(l.r2), Json::of(l.slope), Json::of(l.intercept), Json::of(l.variance), Json::of(l.residual)};
  set(out, json);
}
void series_fit_2lines_dynamic(CallState& s, Args a, Value& out) {
  series_fit_2lines(s, a, out);
  if (out.null) return;
  set(out, named_parts(dynamic_value(out), {"rsquare", "split_idx", "variance", "rvariance", "line_fit", "right_rsquare", "right_slope", "right_interception",
                                            "right_variance", "right_rvariance", "left_rsquare", "left_slope", "left_interception", "left_variance", "left_rvariance"}));
}

constexpr Function table[] = {
    {"series_fit_line_dynamic", "y", Result::dynamic, series_fit_line_dynamic}, {"series_fit_2lines_dynamic", "y", Result::dynamic, series_fit_2lines_dynamic},
    {"series_abs", "y", Result::dynamic, each<s_abs, true>}, {"series_ceiling", "y", Result::dynamic, each<s_ceil>}, {"series_floor", "y", Result::dynamic, each<s_floor>},
    {"series_sign", "y", Result::dynamic, each<s_sign, true>}, {"series_exp", "y", Result::dynamic, each<s_exp>}, {"series_log", "y", Result::dynamic, each<s_log>},
    {"series_sin", "y", Result::dynamic, each<s_sin>}, {"series_cos", "y", Result::dynamic, each<s_cos>}, {"series_tan", "y", Result::dynamic, each<s_tan>},
    {"series_asin", "y", Result::dynamic, each<s_asin>}, {"series_acos", "y", Result::dynamic, each<s_acos>}, {"series_atan", "y", Result::dynamic, each<s_atan>},
    {"series_add", "**", Result::dynamic, pairs<p_add>}, {"series_subtract", "**", Result::dynamic, pairs<p_sub>}, {"series_multiply", "**", Result::dynamic, pairs<p_mul>},
    {"series_divide", "**", Result::dynamic, pairs<p_div, false, true>}, {"series_pow", "**", Result::dynamic, pairs<p_pow, false, true>},
    {"series_less", "**", Result::dynamic, pairs<p_less, true>}, {"series_less_equals", "**", Result::dynamic, pairs<p_less_equal, true>},
    {"series_greater", "**", Result::dynamic, pairs<p_greater, true>}, {"series_greater_equals", "**", Result::dynamic, pairs<p_greater_equal, true>},
    {"series_equals", "**", Result::dynamic, pairs<p_equal, true>}, {"series_not_equals", "**", Result::dynamic, pairs<p_not_equal, true>},
    {"series_dot_product", "**", Result::real, series_dot_product}, {"series_magnitude", "y", Result::real, series_magnitude},
    {"series_sum", "y", Result::real, series_sum}, {"series_product", "y", Result::real, series_product},
    {"series_cosine_similarity", "yy?nn", Result::real, series_cosine_similarity}, {"series_pearson_correlation", "yy", Result::real, series_pearson_correlation},
    {"series_fill_forward", "y?*", Result::dynamic, fill_forward, sees_nulls}, {"series_fill_backward", "y?*", Result::dynamic, fill_backward, sees_nulls},
    {"series_fill_const", "y*?*", Result::dynamic, fill_const, sees_nulls}, {"series_fill_linear", "y?*b*", Result::dynamic, fill_linear, sees_nulls},
    {"series_fir", "yy?bb", Result::dynamic, series_fir}, {"series_iir", "yyy", Result::dynamic, series_iir}, {"series_stats", "y?b", Result::dynamic, series_stats},
    {"series_stats_dynamic", "y?b", Result::dynamic, series_stats_dynamic}, {"series_fit_line", "y", Result::dynamic, series_fit_line},
    {"series_fit_2lines", "y", Result::dynamic, series_fit_2lines},
};

}  // namespace

std::span<const Function> series_functions() { return table; }

}  // namespace app::kql
