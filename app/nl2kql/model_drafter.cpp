// A language model as what drafts queries.
#include <algorithm>

#include "app/nl2kql/ask.h"
#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"

namespace app::nl2kql {
namespace {

constexpr int least_answer_tokens = 32;

class ModelDrafter {
 public:
  ModelDrafter(std::shared_ptr<engine::LanguageModel> model, int n_ctx, std::stop_token stop) : model_(std::move(model)), stop_(std::move(stop)) {
    const int trained = model_->n_ctx_trained();
    session_ = engine::GenerationSession::create(model_, trained > 0 ? std::min(n_ctx, trained) : n_ctx);
  }

  std::string draft(const DraftRequest& request) {
    std::vector<ChatTurn> turns = request.turns;
    std::vector<int32_t> tokens = tokens_of(turns);
    // Where the context is short the examples go first, the farthest before the nearer.
    while (session_->n_ctx() - static_cast<int>(tokens.size()) < std::min(request.max_tokens, session_->n_ctx() / 4) && turns.size() > 3 && turns[1].role == "user") {
      turns.erase(turns.begin() + 1, turns.begin() + 3);
      tokens = tokens_of(turns);
    }
    const int room = session_->n_ctx() - static_cast<int>(tokens.size());
    if (room < least_answer_tokens) {
      engine::fail(engine::ErrorKind::invalid_input, "the tables' description has %zu tokens and the model's context %d; choose a longer context", tokens.size(), session_->n_ctx());
    }
    engine::GenerateOptions options;
    options.max_tokens = std::min(request.max_tokens, room);
    std::optional<engine::Grammar> grammar;
    if (!request.grammar.empty()) {
      grammar = engine::Grammar::from_gbnf(request.grammar, "kql.gbnf");
      options.grammar = &*grammar;
    }
    const engine::Generation said = session_->generate(tokens, options, {}, stop_);
    if (said.finish_reason == engine::FinishReason::cancelled) engine::fail(engine::ErrorKind::cancelled, "the question was stopped");
    return said.text;
  }

 private:
  std::vector<int32_t> tokens_of(const std::vector<ChatTurn>& turns) const {
    std::vector<engine::ChatMessage> messages;
    for (const ChatTurn& turn : turns) messages.push_back({turn.role, turn.text});
    return model_->tokenize(model_->apply_chat_template(messages), true);
  }

  std::shared_ptr<engine::LanguageModel> model_;
  std::stop_token stop_;
  std::unique_ptr<engine::GenerationSession> session_;
};

}  // namespace

Drafter draft_with(std::shared_ptr<engine::LanguageModel> model, int n_ctx, std::stop_token stop) {
  return [drafter = std::make_shared<ModelDrafter>(std::move(model), n_ctx, std::move(stop))](const DraftRequest& request) { return drafter->draft(request); };
}

}  // namespace app::nl2kql
