// app/kql/series_models.h: what stands behind the series_ functions that model a series: Fourier
// transform, polynomials, periods, seasonal decomposition, outliers. Plain numbers, NaN where there is none.
#pragma once
#include <complex>
#include <string_view>
#include <vector>

namespace app::kql::series {

using Numbers = std::vector<double>;

// Any length, in O(n log n). The inverse divides by n.
std::vector<std::complex<double>> fourier(const std::vector<std::complex<double>>& in, bool inverse);

// Least squares; coefficients from the highest power down. Empty where the points cannot carry the degree.
Numbers fit_polynomial(const Numbers& x, const Numbers& y, int degree);
double polynomial_at(const Numbers& coefficients, double x);

// Autocorrelation at every lag up to the last, each lag weighed by its number of pairs.
Numbers autocorrelation(const Numbers& y);
struct Periods {
  Numbers periods, scores;  // best first; scores 0..1
};
Periods detect_periods(const Numbers& y, double min_period, double max_period, size_t most);
double period_score(const Numbers& y, double period);

// The median of the values at each phase of the period, over the first n_fit values, repeated.
Numbers seasonal(const Numbers& y, size_t period, size_t n_fit);

enum class Trend { none, average, line };
struct Decomposed {
  Numbers baseline, seasonal, trend, residual;
};
// period 0: no season; below 0: found, where its score reaches the threshold. The last n_test values
// are not learned from.
Decomposed decompose(const Numbers& y, int period, Trend trend, size_t n_test, double threshold);

// How far outside of two percentiles' range each value lies, in ranges; 0 inside.
Numbers outliers(const Numbers& y, double low_percent, double high_percent, size_t n_test);

}  // namespace app::kql::series
