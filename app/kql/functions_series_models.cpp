// Functions that model a series: Fourier transform, polynomials, periods, decomposition, outliers.
#include <algorithm>
#include <cmath>

#include "app/kql/kernel_help.h"
#include "app/kql/series_models.h"

namespace app::kql {
namespace {

using series::Numbers;

// NaN where an item is no number; none where the value is no array. Times count in ticks.
std::optional<Numbers> numbers_of(const Value& value) {
  const Json json = dynamic_value(value);
  if (!json.is_array()) return std::nullopt;
  Numbers out;
  for (const Json& item : json.items) out.push_back(item.is_number() ? item.number() : to_real(from_json(item)).value_or(NAN));
  return out;
}
Json array_of(const Numbers& values) {
  Json json = Json::array();
  for (const double v : values) json.items.push_back(std::isnan(v) ? Json{} : Json::of(v));
  return json;
}
Json list_of(std::vector<Json> items) {
  Json json = Json::array();
  json.items = std::move(items);
  return json;
}

template <bool inverse>
void series_fourier(CallState&, Args a, Value& out) {
  const auto real = numbers_of(a[0]);
  const auto imaginary = a.size() > 1 ? numbers_of(a[1]) : std::optional<Numbers>(Numbers());
  if (!real || !imaginary || (!imaginary->empty() && imaginary->size() != real->size())) return set_null(out);
  std::vector<std::complex<double>> in;
  for (size_t k = 0; k < real->size(); ++k) in.emplace_back((*real)[k], imaginary->empty() ? 0 : (*imaginary)[k]);
  Numbers x, y;
  for (const auto& c : series::fourier(in, inverse)) x.push_back(c.real()), y.push_back(c.imag());
  set(out, list_of({array_of(x), array_of(y)}));
}

// series_fit_poly(y [, x [, degree]])
void series_fit_poly(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  if (!y || y->empty()) return set_null(out);
  Numbers x;
  size_t degree_at = 1;
  if (const auto given = a.size() > 1 ? numbers_of(a[1]) : std::nullopt) {
    x = *given;
    degree_at = 2;
  } else {
    for (size_t k = 0; k < y->size(); ++k) x.push_back(static_cast<double>(k));
  }
  const int64_t degree = integer_at(a, degree_at, 2);
  if (degree < 1 || degree > 7 || x.size() != y->size()) return set_null(out);
  Numbers known_x, known_y;
  for (size_t k = 0; k < x.size(); ++k) {
    if (std::isfinite(x[k]) && std::isfinite((*y)[k])) known_x.push_back(x[k]), known_y.push_back((*y)[k]);
  }
  const Numbers coefficients = series::fit_polynomial(known_x, known_y, static_cast<int>(degree));
  if (coefficients.empty()) return set_null(out);
  Numbers fitted;
  for (const double v : x) fitted.push_back(series::polynomial_at(coefficients, v));
  double mean = 0, total = 0, rest = 0;
  const auto n = static_cast<double>(known_y.size());
  for (const double v : known_y) mean += v / n;
  for (size_t k = 0; k < known_y.size(); ++k) {
    const double off = known_y[k] - series::polynomial_at(coefficients, known_x[k]);
    total += (known_y[k] - mean) * (known_y[k] - mean), rest += off * off;
  }
  const double by = n > 1 ? n - 1 : 1;
  set(out, list_of({Json::of(total == 0 ? 1.0 : 1 - rest / total), array_of(coefficients), Json::of(total / by), Json::of(rest / by), array_of(fitted)}));
}

void periods_detect(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  const int64_t most = integer_at(a, 3, 0);
  if (!y || most < 1) return set_null(out);
  const series::Periods found = series::detect_periods(*y, real_at(a, 1, 0), real_at(a, 2, 0), static_cast<size_t>(std::min<int64_t>(most, 1000)));
  set(out, list_of({array_of(found.periods), array_of(found.scores)}));
}
void periods_validate(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  if (!y) return set_null(out);
  Numbers periods, scores;
  for (size_t k = 1; k < a.size(); ++k) {
    periods.push_back(real_at(a, k, 0));
    scores.push_back(series::period_score(*y, periods.back()));
  }
  set(out, list_of({array_of(periods), array_of(scores)}));
}

size_t tests_at(Args a, size_t k, size_t n) { return static_cast<size_t>(std::clamp<int64_t>(integer_at(a, k, 0), 0, static_cast<int64_t>(n))); }
void series_seasonal(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  if (!y) return set_null(out);
  const size_t n_test = tests_at(a, 2, y->size());
  int64_t period = integer_at(a, 1, -1);
  if (period < 0) {
    const series::Periods found = series::detect_periods(*y, 2, static_cast<double>(y->size()) / 2, 1);
    period = found.periods.empty() ? 0 : static_cast<int64_t>(found.periods[0]);
  }
  set(out, array_of(series::seasonal(*y, static_cast<size_t>(std::max<int64_t>(period, 0)), y->size() - n_test)));
}
std::optional<series::Trend> trend_at(Args a, size_t k) {
  const std::string text = text_at(a, k, "avg");
  if (text == "avg") return series::Trend::average;
  if (text == "linefit") return series::Trend::line;
  return text == "none" ? std::optional<series::Trend>(series::Trend::none) : std::nullopt;
}
int period_at(Args a, size_t k) { return static_cast<int>(std::clamp<int64_t>(integer_at(a, k, -1), -1, 1'000'000'000)); }
void set_decomposed(Value& out, const series::Decomposed& d) {
  set(out, list_of({array_of(d.baseline), array_of(d.seasonal), array_of(d.trend), array_of(d.residual)}));
}
// series_decompose(series [, period [, trend [, test points [, threshold]]]])
void series_decompose(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  const auto trend = trend_at(a, 2);
  if (!y || y->empty() || !trend) return set_null(out);
  set_decomposed(out, series::decompose(*y, period_at(a, 1), *trend, tests_at(a, 3, y->size()), real_at(a, 4, 0.6)));
}
// series_decompose_forecast(series, points [, period [, trend [, threshold]]])
void series_decompose_forecast(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  const auto trend = a.size() > 3 ? trend_at(a, 3) : std::optional<series::Trend>(series::Trend::line);
  if (!y || y->empty() || !trend) return set_null(out);
  set_decomposed(out, series::decompose(*y, period_at(a, 2), *trend, tests_at(a, 1, y->size()), real_at(a, 4, 0.6)));
}
struct Range {
  double low = 10, high = 90;
};
std::optional<Range> range_of(const std::string& kind) {
  if (kind == "tukey") return Range{25, 75};
  return kind == "ctukey" ? std::optional<Range>(Range{}) : std::nullopt;
}
// series_decompose_anomalies(series [, threshold [, period [, trend [, test points [, method [, threshold]]]]]])
void series_decompose_anomalies(CallState&, Args a, Value& out) {
  const auto y = numbers_of(a[0]);
  const auto trend = trend_at(a, 3);
  const auto range = range_of(text_at(a, 5, "ctukey"));
  if (!y || y->empty() || !trend || !range) return set_null(out);
  const size_t n_test = tests_at(a, 4, y->size());
  const series::Decomposed d = series::decompose(*y, period_at(a, 2), *trend, n_test, real_at(a, 6, 0.6));
  const Numbers scores = series::outliers(d.residual, range->low, range->high, n_test);
  const double threshold = real_at(a, 1, 1.5);
  Json flags = Json::array();
  for (const double s : scores) flags.items.push_back(Json::of(int64_t{s > threshold ? 1 : s < -threshold ? -1 : 0}));
  set(out, list_of({std::move(flags), array_of(scores), array_of(d.baseline)}));
}
// series_outliers(series [, kind [, ignored value [, low percent [, high percent [, test points]]]]])
void series_outliers(CallState&, Args a, Value& out) {
  auto y = numbers_of(a[0]);
  auto range = range_of(text_at(a, 1, "ctukey"));
  if (!y || !range) return set_null(out);
  if (const auto ignored = a.size() > 2 ? to_real(a[2]) : std::nullopt) {
    for (double& v : *y) if (v == *ignored) v = NAN;
  }
  range->low = real_at(a, 3, range->low), range->high = real_at(a, 4, range->high);
  if (!(range->low >= 0 && range->low < range->high && range->high <= 100)) return set_null(out);
  set(out, array_of(series::outliers(*y, range->low, range->high, tests_at(a, 5, y->size()))));
}

constexpr Function table[] = {
    {"series_fft", "y?y", Result::dynamic, series_fourier<false>},
    {"series_ifft", "y?y", Result::dynamic, series_fourier<true>},
    {"series_fit_poly", "y?**", Result::dynamic, series_fit_poly},
    {"series_periods_detect", "ynni", Result::dynamic, periods_detect},
    {"series_periods_validate", "yn+", Result::dynamic, periods_validate},
    {"series_seasonal", "y?ii", Result::dynamic, series_seasonal},
    {"series_decompose", "y?isin", Result::dynamic, series_decompose},
    {"series_decompose_forecast", "yi?isn", Result::dynamic, series_decompose_forecast},
    {"series_decompose_anomalies", "y?nisisn", Result::dynamic, series_decompose_anomalies},
    {"series_outliers", "y?s*nni", Result::dynamic, series_outliers, sees_nulls},
};

}  // namespace

std::span<const Function> series_model_functions() { return table; }

}  // namespace app::kql
