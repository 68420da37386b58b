#include "engine/generate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/error.h"
#include "engine/generate/language_model.h"

namespace engine {
namespace {

// -log softmax(logits)[token], summed in double.
double surprise(std::span<const float> logits, int32_t token) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(double(x) - double(top));
  return std::log(sum) + double(top) - double(logits[static_cast<size_t>(token)]);
}

}  // namespace

Perplexity measure_perplexity(const LanguageModel& model, std::string_view text, int n_ctx, std::stop_token stop,
                              const std::function<void(double)>& on_progress) {
  const auto* loaded = dynamic_cast<const LoadedModel*>(&model);
  CHECK_INVARIANT(loaded != nullptr);
  if (n_ctx < 4) fail(ErrorKind::invalid_input, "a window of %d tokens is too small; take 4 or more", n_ctx);
  const Tokenizer& tokenizer = model.tokenizer();
  std::vector<int32_t> tokens = tokenizer.encode(text, false);
  if (tokenizer.adds_bos()) tokens.insert(tokens.begin(), *tokenizer.bos());
  const auto window = static_cast<size_t>(n_ctx);
  const size_t n_windows = tokens.size() / window;
  if (n_windows == 0) {
    fail(ErrorKind::invalid_input, "the text has %zu tokens, fewer than one window of %d; give a longer text or a "
         "smaller --ctx", tokens.size(), n_ctx);
  }
  const std::shared_ptr<const SigmaModel> kept = loaded->model();
  const SigmaModel& sigma = *kept;
  KvCache cache(sigma.make_pool(sigma.default_cache_types()), n_ctx);
  const auto n_vocab = static_cast<size_t>(sigma.config().n_vocab);
  std::vector<float> logits(n_vocab);
  double sum = 0, sum_squares = 0;
  Perplexity result;
  result.n_tokens = static_cast<int64_t>(tokens.size());
  // The first half fills the cache at once; the scored half runs in short pieces, so that their
  // logits do not fill the memory.
  constexpr size_t kPiece = 16;
  logits.resize(n_vocab * kPiece);
  for (size_t w = 0; w < n_windows; ++w) {
    std::vector<int32_t> part(tokens.begin() + static_cast<std::ptrdiff_t>(w * window),
                              tokens.begin() + static_cast<std::ptrdiff_t>((w + 1) * window));
    if (tokenizer.adds_bos()) part[0] = *tokenizer.bos();
    cache.truncate(0);
    const size_t first = window / 2;
    forward(sigma, cache, std::span(part).first(first), LogitsWanted::none, {}, stop);
    for (size_t at = first; at + 1 < window; at += kPiece) {
      const size_t n = std::min(kPiece, window - 1 - at);
      forward(sigma, cache, std::span(part).subspan(at, n), LogitsWanted::all, std::span(logits).first(n * n_vocab), stop);
      for (size_t i = 0; i < n; ++i) {
        const double x = surprise(std::span(logits).subspan(i * n_vocab, n_vocab), part[at + i + 1]);
        sum += x;
        sum_squares += x * x;
        ++result.n_scored;
      }
    }
    if (on_progress) on_progress(static_cast<double>(w + 1) / static_cast<double>(n_windows));
  }
  const auto n = static_cast<double>(result.n_scored);
  const double mean = sum / n;
  result.value = std::exp(mean);
  if (n > 1) result.standard_error = result.value * std::sqrt(std::max(0.0, sum_squares / n - mean * mean) / (n - 1));
  return result;
}

}  // namespace engine
