#include "app/aimicius/metrics.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace app::aimicius {

constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution

Metric share(size_t n_right, size_t n) {
  Metric metric;
  metric.n = n;
  if (n == 0) return metric;
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(n_right) / count;
  const double scale = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / scale;
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / scale;
  metric.value = p;
  metric.low = std::max(0.0, centre - half);
  metric.high = std::min(1.0, centre + half);
  return metric;
}

Metric mean(const std::vector<double>& values) {
  Metric metric;
  metric.n = values.size();
  if (values.empty()) return metric;
  const auto count = static_cast<double>(values.size());
  metric.value = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (double value : values) squares += (value - metric.value) * (value - metric.value);
  const double half = values.size() > 1 ? z * std::sqrt(squares / (count - 1) / count) : 0;
  metric.low = std::max(*std::min_element(values.begin(), values.end()), metric.value - half);
  metric.high = std::min(*std::max_element(values.begin(), values.end()), metric.value + half);
  return metric;
}

std::string to_json(const std::map<std::string, Metric>& metrics) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, metric] : metrics)
    out[name] = {
        {"value", metric.value}, {"n", metric.n}, {"low", metric.low}, {"high", metric.high}};
  return out.dump();
}

}  // namespace app::aimicius
