// app/aimicius/model_answer.h: a language model as what answers a task.
#pragma once
#include <memory>
#include <stop_token>

#include "app/aimicius/task.h"

namespace engine {
class LanguageModel;
}

namespace app::aimicius {

struct AnswerOptions {
  int n_ctx = 4096;        // no more than the model was trained for is used
  float temperature = 0;   // 0: greedy
  uint64_t seed = 1;
  std::stop_token stop{};
};

// Each sample is a conversation of its own, through the model's chat template; a schema becomes a grammar that the
// answer is held to. A prompt that leaves no room for an answer gives Error{invalid_input} with both lengths.
// Calls from several threads have a context each, and decode together. Throws Error{out_of_memory} where one does not fit.
AnswerTask answer_with(std::shared_ptr<engine::LanguageModel> model, const AnswerOptions& options);

// The options as a JSON object, for the run's manifest.
std::string settings_of(const AnswerOptions& options);

}  // namespace app::aimicius
