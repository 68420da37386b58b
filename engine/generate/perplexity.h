// engine/generate/perplexity.h: exp of the mean negative log-likelihood of a text's tokens.
#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace engine {

class LanguageModel;

struct Perplexity {
  double value = 0;
  double standard_error = 0;
  int64_t n_tokens = 0, n_scored = 0;
};

// The text is cut into windows of n_ctx tokens, each run by itself (with BOS first where the model
// wants one); of each the second half is scored, so that every scored token has at least n_ctx / 2
// before it. This is how llama.cpp's perplexity tool counts. Throws Error{invalid_input} where the
// text is shorter than one window.
Perplexity measure_perplexity(const LanguageModel& model, std::string_view text, int n_ctx, std::stop_token stop = {},
                              const std::function<void(double)>& on_progress = {});

}  // namespace engine
