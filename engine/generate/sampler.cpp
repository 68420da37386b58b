#include "engine/generate/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace engine {
namespace {

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
  const size_t n_kept = options.top_k > 0 ? std::min(candidates_.size(), static_cast<size_t>(options.top_k))
                                          : candidates_.size();
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(n_kept),
                    candidates_.end(), better);
  candidates_.resize(n_kept);

  const float top = candidates_[0].logit;
  weights_.clear();
  double total = 0;
  for (const Candidate& c : candidates_) {
    weights_.push_back(std::isinf(top) ? double(c.logit == top) : std::exp(double(c.logit) - double(top)));
    total += weights_.back();
  }
  // top-p keeps the shortest head whose share reaches it; min-p what has that share of the best.
  size_t n = 0;
  double sum = 0;
  while (n < n_kept && (n == 0 || (sum < options.top_p * total && weights_[n] >= options.min_p))) {
    sum += weights_[n++];
  }
  double left = random_unit(options.seed, step) * sum;
  for (size_t i = 0; i < n; ++i) {
    left -= weights_[i];
    if (left < 0) return candidates_[i].token;
  }
  return candidates_[n - 1].token;
}

}  // namespace engine
