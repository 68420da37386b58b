#include "app/aimicius/model_answer.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
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
    give_back(take_session());  // what does not fit is said before the first sample
  }

  TaskAnswer answer(const TaskPrompt& prompt) {
    const std::vector<engine::ChatMessage> messages = {{"system", prompt.system}, {"user", prompt.user}};
    const std::vector<int32_t> tokens = model_->tokenize(model_->apply_chat_template(messages), true);
    engine::GenerateOptions options;
    options.sampling.temperature = options_.temperature;
    options.sampling.seed = options_.seed;
    options.grammar = grammar_of(prompt.json_schema);
    options.max_tokens = prompt.max_tokens;
    std::unique_ptr<engine::GenerationSession> session = take_session();
    try {
      const engine::Generation said = generate(*session, tokens, options);
      give_back(std::move(session));
      return {.text = said.text,
              .prompt_tokens = said.prompt_tokens,
              .generated_tokens = static_cast<int>(said.tokens.size()),
              .complete = said.finish_reason != engine::FinishReason::cancelled};
    } catch (...) {
      give_back(std::move(session));
      throw;
    }
  }

 private:
  engine::Generation generate(engine::GenerationSession& session, const std::vector<int32_t>& tokens, engine::GenerateOptions& options) const {
    const int room = session.n_ctx() - static_cast<int>(tokens.size());
    if (room < least_answer_tokens) {
      engine::fail(engine::ErrorKind::invalid_input, "the prompt has %zu tokens and the context %d; choose a longer context",
                   tokens.size(), session.n_ctx());
    }
    options.max_tokens = std::min(options.max_tokens, room);
    return session.generate(tokens, options, {}, options_.stop);
  }

  std::unique_ptr<engine::GenerationSession> new_session() const {
    const int trained = model_->n_ctx_trained();
    return engine::GenerationSession::create(model_, trained > 0 ? std::min(options_.n_ctx, trained) : options_.n_ctx);
  }
  // A context that is not at work, or one more; where memory is short for that, the next one given back.
  std::unique_ptr<engine::GenerationSession> take_session() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      given_back_.wait(lock, [&] { return !idle_.empty() || n_sessions_ < most_sessions_; });
      if (!idle_.empty()) {
        std::unique_ptr<engine::GenerationSession> session = std::move(idle_.back());
        idle_.pop_back();
        return session;
      }
      ++n_sessions_;
      lock.unlock();
      try {
        return new_session();
      } catch (const engine::Error& e) {
        lock.lock();
        --n_sessions_;
        if (n_sessions_ == 0 || e.kind() != engine::ErrorKind::out_of_memory) throw;
        most_sessions_ = n_sessions_;
      }
    }
  }
  void give_back(std::unique_ptr<engine::GenerationSession> session) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(session));
    given_back_.notify_one();
  }
  const engine::Grammar* grammar_of(const std::string& schema) {
    if (schema.empty()) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = grammars_.find(schema);
    if (known != grammars_.end()) return &known->second;
    return &grammars_.emplace(schema, engine::Grammar::from_json_schema(schema)).first->second;
  }

  std::shared_ptr<engine::LanguageModel> model_;
  AnswerOptions options_;
  std::mutex mutex_;  // of all below
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<engine::GenerationSession>> idle_;
  size_t n_sessions_ = 0, most_sessions_ = SIZE_MAX;
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
