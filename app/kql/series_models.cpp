#include "app/kql/series_models.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace app::kql::series {
namespace {

using Complex = std::complex<double>;

// In place; the size is a power of two.
void fourier_power_of_two(std::vector<Complex>& v, bool inverse) {
  const size_t n = v.size();
  for (size_t k = 1, j = 0; k < n; ++k) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (k < j) std::swap(v[k], v[j]);
  }
  for (size_t length = 2; length <= n; length <<= 1) {
    const double angle = (inverse ? 2 : -2) * M_PI / static_cast<double>(length);
    for (size_t k = 0; k < length / 2; ++k) {
      const Complex w = std::polar(1.0, angle * static_cast<double>(k));
      for (size_t start = k; start < n; start += length) {
        const Complex a = v[start], b = v[start + length / 2] * w;
        v[start] = a + b, v[start + length / 2] = a - b;
      }
    }
  }
}

Numbers finite_only(const Numbers& y) {
  Numbers out;
  for (const double v : y) if (std::isfinite(v)) out.push_back(v);
  return out;
}
double mean_of(const Numbers& y) { return y.empty() ? 0 : std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(y.size()); }
double median_of(Numbers y) {
  if (y.empty()) return 0;
  std::sort(y.begin(), y.end());
  const size_t n = y.size();
  return n % 2 ? y[n / 2] : (y[n / 2 - 1] + y[n / 2]) / 2;
}
// Between the two nearest ranks.
double percentile_of(const Numbers& sorted, double percent) {
  const double at = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

}  // namespace

std::vector<Complex> fourier(const std::vector<Complex>& in, bool inverse) {
  const size_t n = in.size();
  std::vector<Complex> out = in;
  if (n == 0) return out;
  if ((n & (n - 1)) == 0) {
    fourier_power_of_two(out, inverse);
  } else {
    // Bluestein: a convolution with a chirp, done with powers of two.
    size_t size = 1;
    while (size < 2 * n) size <<= 1;
    std::vector<Complex> chirp(n), a(size), b(size);
    for (size_t k = 0; k < n; ++k) {
      const double angle = M_PI * static_cast<double>(k * k % (2 * n)) / static_cast<double>(n);
      chirp[k] = std::polar(1.0, inverse ? angle : -angle);
      a[k] = in[k] * chirp[k];
      b[k] = std::conj(chirp[k]);
      if (k > 0) b[size - k] = b[k];
    }
    fourier_power_of_two(a, false), fourier_power_of_two(b, false);
    for (size_t k = 0; k < size; ++k) a[k] *= b[k];
    fourier_power_of_two(a, true);
    for (size_t k = 0; k < n; ++k) out[k] = a[k] / static_cast<double>(size) * chirp[k];
  }
  if (inverse) for (Complex& v : out) v /= static_cast<double>(n);
  return out;
}

// Orthogonal columns by Gram-Schmidt, twice for accuracy, on x moved into [-1, 1].
Numbers fit_polynomial(const Numbers& x, const Numbers& y, int degree) {
  const size_t n = x.size(), m = static_cast<size_t>(degree) + 1;
  if (n < m || y.size() != n) return {};
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const double middle = (*low + *high) / 2, half = std::max((*high - *low) / 2, 1e-300);
  std::vector<Numbers> q(m, Numbers(n));
  std::vector<Numbers> r(m, Numbers(m));
  Numbers projected(m);
  for (size_t c = 0; c < m; ++c) {
    for (size_t k = 0; k < n; ++k) q[c][k] = std::pow((x[k] - middle) / half, static_cast<double>(c));
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t b = 0; b < c; ++b) {
        const double d = std::inner_product(q[b].begin(), q[b].end(), q[c].begin(), 0.0);
        r[b][c] += d;
        for (size_t k = 0; k < n; ++k) q[c][k] -= d * q[b][k];
      }
    }
    r[c][c] = std::sqrt(std::inner_product(q[c].begin(), q[c].end(), q[c].begin(), 0.0));
    if (!(r[c][c] > 1e-10)) return {};
    for (double& v : q[c]) v /= r[c][c];
    projected[c] = std::inner_product(q[c].begin(), q[c].end(), y.begin(), 0.0);
  }
  Numbers scaled(m);  // lowest power first, of (x - middle) / half
  for (size_t c = m; c-- > 0;) {
    double v = projected[c];
    for (size_t b = c + 1; b < m; ++b) v -= r[c][b] * scaled[b];
    scaled[c] = v / r[c][c];
  }
  // Multiply out, from the highest power: p = p * (x - middle) / half + next.
  Numbers plain(m, 0.0);
  for (size_t c = m; c-- > 0;) {
    for (size_t k = m; k-- > 0;) plain[k] = (k > 0 ? plain[k - 1] / half : 0) - plain[k] * middle / half;
    plain[0] += scaled[c];
  }
  std::reverse(plain.begin(), plain.end());
  return plain;
}
double polynomial_at(const Numbers& coefficients, double x) {
  double v = 0;
  for (const double c : coefficients) v = v * x + c;
  return v;
}

Numbers autocorrelation(const Numbers& y) {
  const size_t n = y.size();
  size_t size = 1;
  while (size < 2 * n) size <<= 1;
  const double mean = mean_of(finite_only(y));
  std::vector<Complex> v(size);
  for (size_t k = 0; k < n; ++k) v[k] = std::isfinite(y[k]) ? y[k] - mean : 0;
  fourier_power_of_two(v, false);
  for (Complex& c : v) c = std::norm(c);
  fourier_power_of_two(v, true);
  Numbers out(n, 0.0);
  const double all = v.empty() ? 0 : v[0].real();
  for (size_t k = 0; all > 0 && k < n; ++k) out[k] = v[k].real() / all * static_cast<double>(n) / static_cast<double>(n - k);
  return out;
}

namespace {
// Of a lag between whole ones; 0 off a peak.
double score_at(const Numbers& correlation, double period) {
  const auto lag = static_cast<size_t>(std::lround(period));
  if (lag < 1 || lag * 2 > correlation.size()) return 0;
  const double here = correlation[lag];
  const bool peak = here >= correlation[lag - 1] && (lag + 1 >= correlation.size() || here >= correlation[lag + 1]);
  return peak ? std::clamp(here, 0.0, 1.0) : 0;
}
}  // namespace

double period_score(const Numbers& y, double period) {
  if (!(period >= 1) || period > static_cast<double>(y.size())) return 0;
  return score_at(autocorrelation(y), period);
}
Periods detect_periods(const Numbers& y, double min_period, double max_period, size_t most) {
  const Numbers correlation = autocorrelation(y);
  std::vector<std::pair<double, size_t>> found;
  for (size_t lag = 2; lag * 2 <= y.size(); ++lag) {
    const auto period = static_cast<double>(lag);
    if (period < min_period || period > max_period) continue;
    if (const double score = score_at(correlation, period); score > 0.1) found.emplace_back(score, lag);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  Periods out;
  for (const auto& [score, lag] : found) {
    // A multiple of a period that is already there says nothing new.
    const bool multiple = std::any_of(out.periods.begin(), out.periods.end(), [lag = lag](double p) { return lag % static_cast<size_t>(p) == 0; });
    if (multiple || out.periods.size() >= most) continue;
    out.periods.push_back(static_cast<double>(lag));
    out.scores.push_back(score);
  }
  return out;
}

Numbers seasonal(const Numbers& y, size_t period, size_t n_fit) {
  Numbers out(y.size(), 0.0);
  if (period == 0 || period > y.size()) return out;
  for (size_t phase = 0; phase < period; ++phase) {
    Numbers values;
    for (size_t k = phase; k < n_fit; k += period) if (std::isfinite(y[k])) values.push_back(y[k]);
    const double middle = median_of(std::move(values));
    for (size_t k = phase; k < y.size(); k += period) out[k] = middle;
  }
  return out;
}

Decomposed decompose(const Numbers& y, int period, Trend trend, size_t n_test, double threshold) {
  const size_t n = y.size(), n_fit = n - std::min(n_test, n);
  Numbers learned(y.begin(), y.begin() + static_cast<int64_t>(n_fit));
  Decomposed out;
  out.trend.assign(n, 0.0);
  if (trend == Trend::average) {
    out.trend.assign(n, mean_of(finite_only(learned)));
  } else if (trend == Trend::line) {
    Numbers x, v;
    for (size_t k = 0; k < n_fit; ++k) if (std::isfinite(y[k])) x.push_back(static_cast<double>(k)), v.push_back(y[k]);
    const Numbers line = fit_polynomial(x, v, 1);
    for (size_t k = 0; k < n && !line.empty(); ++k) out.trend[k] = polynomial_at(line, static_cast<double>(k));
  }
  Numbers flat(n);
  for (size_t k = 0; k < n; ++k) flat[k] = y[k] - out.trend[k];
  size_t length = period > 0 ? static_cast<size_t>(period) : 0;
  if (period < 0) {
    Numbers to_search(flat.begin(), flat.begin() + static_cast<int64_t>(n_fit));
    const Periods found = detect_periods(to_search, 2, static_cast<double>(n_fit) / 2, 1);
    if (!found.periods.empty() && found.scores[0] >= threshold) length = static_cast<size_t>(found.periods[0]);
  }
  out.seasonal = seasonal(flat, length, n_fit);
  out.baseline.resize(n), out.residual.resize(n);
  for (size_t k = 0; k < n; ++k) {
    out.baseline[k] = out.seasonal[k] + out.trend[k];
    out.residual[k] = y[k] - out.baseline[k];
  }
  return out;
}

Numbers outliers(const Numbers& y, double low_percent, double high_percent, size_t n_test) {
  const size_t n_fit = y.size() - std::min(n_test, y.size());
  Numbers sorted = finite_only(Numbers(y.begin(), y.begin() + static_cast<int64_t>(n_fit)));
  Numbers out(y.size(), 0.0);
  if (sorted.empty()) return out;
  std::sort(sorted.begin(), sorted.end());
  const double low = percentile_of(sorted, low_percent), high = percentile_of(sorted, high_percent);
  for (size_t k = 0; k < y.size(); ++k) {
    const double beyond = y[k] > high ? y[k] - high : y[k] < low ? y[k] - low : 0;
    if (beyond != 0 && std::isfinite(beyond)) out[k] = high > low ? beyond / (high - low) : beyond > 0 ? 1e3 : -1e3;
  }
  return out;
}

}  // namespace app::kql::series
