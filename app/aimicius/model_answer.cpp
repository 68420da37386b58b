#include "app/aimicius/model_answer.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"

namespace app::aimicius {
namespace {

constexpr int least_answer_tokens = 16;

class ModelAnswerer {
 public:
  ModelAnswerer(std::shared_ptr<engine::LanguageModel> model, const AnswerOptions& options)
      : model_(std::move(model)), options_(options) {
    const int trained = model_->n_ctx_trained();
    session_ = engine::GenerationSession::create(model_, trained > 0 ? std::min(options.n_ctx, trained) : options.n_ctx);
  }

  TaskAnswer answer(const TaskPrompt& prompt) {
    const std::vector<engine::ChatMessage> messages = {{"system", prompt.system}, {"user", prompt.user}};
    const std::vector<int32_t> tokens = model_->tokenize(model_->apply_chat_template(messages), true);
    const int room = session_->n_ctx() - static_cast<int>(tokens.size());
    if (room < least_answer_tokens) {
      engine::fail(engine::ErrorKind::invalid_input, "the prompt has %zu tokens and the context %d; choose a longer context",
                   tokens.size(), session_->n_ctx());
    }
    engine::GenerateOptions options;
    options.max_tokens = std::min(prompt.max_tokens, room);
    options.sampling.temperature = options_.temperature;
    options.sampling.seed = options_.seed;
    options.grammar = grammar_of(prompt.json_schema);
    const engine::Generation said = session_->generate(tokens, options, {}, options_.stop);
    return {.text = said.text,
            .prompt_tokens = said.prompt_tokens,
            .generated_tokens = static_cast<int>(said.tokens.size()),
            .complete = said.finish_reason != engine::FinishReason::cancelled};
  }

 private:
  const engine::Grammar* grammar_of(const std::string& schema) {
    if (schema.empty()) return nullptr;
    const auto known = grammars_.find(schema);
    if (known != grammars_.end()) return &known->second;
    return &grammars_.emplace(schema, engine::Grammar::from_json_schema(schema)).first->second;
  }

  std::shared_ptr<engine::LanguageModel> model_;
  AnswerOptions options_;
  std::unique_ptr<engine::GenerationSession> session_;
  std::map<std::string, engine::Grammar> grammars_;
};

}  // namespace

AnswerTask answer_with(std::shared_ptr<engine::LanguageModel> model, const AnswerOptions& options) {
  return [answerer = std::make_shared<ModelAnswerer>(std::move(model), options)](const TaskPrompt& prompt) {
    return answerer->answer(prompt);
  };
}

std::string settings_of(const AnswerOptions& options) {
  return nlohmann::json{{"context", options.n_ctx}, {"temperature", options.temperature}, {"seed", options.seed}}.dump();
}

}  // namespace app::aimicius
