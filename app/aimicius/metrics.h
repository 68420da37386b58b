// app/aimicius/metrics.h: shares and means with the interval that the number of samples allows.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace app::aimicius {

struct Metric {
  double value = 0;
  size_t n = 0;
  double low = 0, high = 0;  // 95 % interval
};

// A share of n samples; Wilson's score interval (E. B. Wilson, JASA 22, 1927).
Metric share(size_t n_right, size_t n);

// The mean of values; normal interval from the sample deviation, cut to [lowest, highest] seen.
Metric mean(const std::vector<double>& values);

std::string to_json(const std::map<std::string, Metric>& metrics);

}  // namespace app::aimicius
