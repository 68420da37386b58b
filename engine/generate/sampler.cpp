#include "engine/generate/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace engine {
namespace {

constexpr size_t sorted_first = 256;

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

void penalise_repetition(std::span<float> logits, const SamplingOptions& options,
                         std::span<const int32_t> recent) {
  if (options.repetition_penalty == 1 || options.repetition_window <= 0) return;
  const auto window = static_cast<size_t>(options.repetition_window);
  if (recent.size() > window) recent = recent.subspan(recent.size() - window);
  std::vector<int32_t> seen(recent.begin(), recent.end());
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const int32_t token : seen) {
    if (token < 0 || static_cast<size_t>(token) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / options.repetition_penalty : logit * options.repetition_penalty;
  }
}

int32_t largest(std::span<const float> logits) {
  int32_t best = -1;
  float top = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > top) {  // NaN never is
      top = logits[i];
      best = static_cast<int32_t>(i);
    }
  }
  return best;
}

}  // namespace

double random_unit(uint64_t seed, uint64_t step) {
  return static_cast<double>(mix(mix(seed) ^ step) >> 11) * 0x1p-53;
}

void check_sampling_options(const SamplingOptions& o) {
  const auto bad = [](const char* what, double value, const char* range) {
    fail(ErrorKind::invalid_input, "%s is %g; it must be %s", what, value, range);
  };
  if (!(o.temperature >= 0 && o.temperature <= 100)) bad("temperature", o.temperature, "from 0 to 100");
  if (o.top_k < 0) bad("top_k", o.top_k, "0 (off) or more");
  if (!(o.top_p > 0 && o.top_p <= 1)) bad("top_p", o.top_p, "above 0 and at most 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) bad("min_p", o.min_p, "from 0 to 1");
  if (!(o.repetition_penalty > 0 && o.repetition_penalty <= 100)) {
    bad("repetition_penalty", o.repetition_penalty, "above 0 and at most 100");
  }
  if (o.repetition_window < 0) bad("repetition_window", o.repetition_window, "0 (off) or more");
}

int32_t Sampler::sample(std::span<float> logits, const SamplingOptions& options,
                        std::span<const int32_t> recent, uint64_t step) {
  penalise_repetition(logits, options, recent);
  if (options.temperature == 0) return largest(logits);

  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -std::numeric_limits<float>::infinity()) {
      candidates_.push_back({logits[i] / options.temperature, static_cast<int32_t>(i)});
    }
  }
  if (candidates_.empty()) return -1;

  // Best first, of equal ones the lowest id, so that the draw does not depend on the sort.
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  // Sorting 128 K candidates takes 10 ms, and nearly all of a draw's share lies in the first few hundred:
  // they are sorted as they are looked at, each part ten times the one before.
  size_t n_sorted = 0;
  const auto sort_more = [&](size_t wanted) {
    const size_t end = std::min(candidates_.size(), std::max(wanted, n_sorted * 10));
    std::partial_sort(candidates_.begin() + static_cast<std::ptrdiff_t>(n_sorted), candidates_.begin() + static_cast<std::ptrdiff_t>(end),
                      candidates_.end(), better);
    n_sorted = end;
  };
  if (options.top_k > 0) {
    sort_more(static_cast<size_t>(options.top_k));
    candidates_.resize(n_sorted);
  } else {
    sort_more(sorted_first);
  }

  const float top = candidates_[0].logit;
  const auto weight = [&](const Candidate& c) { return std::isinf(top) ? double(c.logit == top) : std::exp(double(c.logit) - double(top)); };
  // In f32: of 128 K candidates' exponentials this is what a draw takes its time for.
  double total = 0;
  for (const Candidate& c : candidates_) total += std::isinf(top) ? weight(c) : double(std::exp(c.logit - top));
  const double random = random_unit(options.seed, step);
  // top-p keeps the shortest head whose share reaches it; min-p what has that share of the best. Where
  // neither is on, the head is all, and its end need not be looked for.
  size_t n = candidates_.size();
  double sum = total;
  if (options.top_p < 1 || options.min_p > 0) {
    for (n = 0, sum = 0; n < candidates_.size(); ++n) {
      if (n == n_sorted) sort_more(n + 1);
      const double w = weight(candidates_[n]);
      if (n > 0 && (sum >= options.top_p * total || w < options.min_p)) break;
      sum += w;
    }
  }
  double left = random * sum;
  for (size_t i = 0; i < n; ++i) {
    if (i == n_sorted) sort_more(i + 1);
    left -= weight(candidates_[i]);
    if (left < 0) return candidates_[i].token;
  }
  return candidates_[n - 1].token;
}

}  // namespace engine
