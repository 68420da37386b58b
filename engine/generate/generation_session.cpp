#include <algorithm>
#include <chrono>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/generate/grammar_machine.h"
#include "engine/generate/language_model.h"
#include "engine/generate/sampler.h"
#include "engine/generate/stop_strings.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class LocalSession final : public GenerationSession {
 public:
  LocalSession(std::shared_ptr<const LoadedModel> model, int n_ctx)
      : model_(std::move(model)),
        cache_(model_->config(), n_ctx, model_->model().backend(), model_->model().default_cache_types()),
        logits_(static_cast<size_t>(model_->config().n_vocab)) {}

  int n_ctx() const override { return cache_.n_ctx(); }
  Generation generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                      const std::function<void(std::string_view)>& on_text, std::stop_token stop,
                      const std::function<void(double)>& on_prefill) override;

 private:
  void check_prompt(std::span<const int32_t> prompt) const;
  size_t keep_common_prefix(std::span<const int32_t> prompt);
  // Runs tokens through the model; logits_ are those of the last. False where it was cancelled.
  bool run(std::span<const int32_t> tokens, std::stop_token stop, const std::function<void(size_t)>& on_done);
  GrammarMachine* machine_for(const Grammar* grammar);
  void decode(Generation& result, const GenerateOptions& options, StopStrings& text, std::stop_token stop,
              Clock::time_point start);

  std::shared_ptr<const LoadedModel> model_;
  KvCache cache_;
  std::vector<int32_t> tokens_;  // those of the cache
  std::vector<float> logits_;
  Sampler sampler_;
  // The last grammar used: its states and masks serve the next answer too.
  std::shared_ptr<const GrammarRules> grammar_rules_;
  std::unique_ptr<GrammarMachine> machine_;
};

void LocalSession::check_prompt(std::span<const int32_t> prompt) const {
  if (prompt.empty()) fail(ErrorKind::invalid_input, "the prompt has no tokens; give some text");
  for (const int32_t token : prompt) {
    if (token < 0 || token >= model_->config().n_vocab) {
      fail(ErrorKind::invalid_input, "token id %d is outside the vocabulary of %d tokens", token,
           model_->config().n_vocab);
    }
  }
  if (prompt.size() >= static_cast<size_t>(n_ctx())) {
    fail(ErrorKind::invalid_input, "the prompt has %zu tokens but the context holds %d with the answer; shorten "
         "the prompt or take a larger context", prompt.size(), n_ctx());
  }
}

// The last token of the prompt always runs again: its logits are wanted.
size_t LocalSession::keep_common_prefix(std::span<const int32_t> prompt) {
  const size_t n_most = std::min(prompt.size() - 1, tokens_.size());
  size_t n = 0;
  while (n < n_most && tokens_[n] == prompt[n]) ++n;
  cache_.truncate(static_cast<int>(n));
  tokens_.resize(n);
  return n;
}

bool LocalSession::run(std::span<const int32_t> tokens, std::stop_token stop,
                       const std::function<void(size_t)>& on_done) {
  const auto begin = static_cast<size_t>(cache_.n_tokens());
  bool complete = true;
  try {
    forward(model_->model(), cache_, tokens, LogitsWanted::last, logits_, stop, on_done);
  } catch (const Error& e) {
    // What was computed before a stop or a failure is in the cache and can be used again.
    const auto n_done = static_cast<size_t>(cache_.n_tokens()) - begin;
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n_done));
    if (e.kind() != ErrorKind::cancelled) throw;
    return false;
  }
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return complete;
}

Generation LocalSession::generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                                  const std::function<void(std::string_view)>& on_text, std::stop_token stop,
                                  const std::function<void(double)>& on_prefill) {
  check_sampling_options(options.sampling);
  check_prompt(prompt);
  machine_for(options.grammar);  // a grammar that cannot be is said before the prompt is computed
  const Clock::time_point start = Clock::now();
  Generation result;
  result.prompt_tokens = static_cast<int>(prompt.size());
  const size_t n_reused = keep_common_prefix(prompt);
  result.reused_tokens = static_cast<int>(n_reused);
  StopStrings text(options.stop, on_text);

  const double n_new = static_cast<double>(prompt.size() - n_reused);
  const auto on_done = [&](size_t n_done) {
    if (on_prefill) on_prefill(static_cast<double>(n_done) / n_new);
  };
  const bool complete = run(prompt.subspan(n_reused), stop, on_done);
  result.prefill_seconds = seconds_since(start);
  if (complete) {
    decode(result, options, text, stop, start);
  } else {
    result.finish_reason = FinishReason::cancelled;
  }
  result.text = text.text();
  return result;
}

GrammarMachine* LocalSession::machine_for(const Grammar* grammar) {
  if (grammar == nullptr) return nullptr;
  if (grammar->rules() != grammar_rules_) {
    machine_.reset();
    grammar_rules_.reset();
    machine_ = std::make_unique<GrammarMachine>(grammar->rules(), model_->token_trie());
    grammar_rules_ = grammar->rules();
  }
  return machine_.get();
}

void LocalSession::decode(Generation& result, const GenerateOptions& options, StopStrings& text,
                          std::stop_token stop, Clock::time_point start) {
  Utf8Stream utf8;
  Clock::time_point decode_start = Clock::now();
  result.finish_reason = FinishReason::max_tokens;
  const bool has_tokenizer = model_->has_tokenizer();
  bool stopped_by_string = false;
  GrammarMachine* const machine = machine_for(options.grammar);
  int32_t state = machine != nullptr ? machine->start() : 0;
  for (int i = 0; i < options.max_tokens; ++i) {
    if (stop.stop_requested()) {
      result.finish_reason = FinishReason::cancelled;
      break;
    }
    if (machine != nullptr) machine->apply(state, logits_);
    const int32_t token = sampler_.sample(logits_, options.sampling, tokens_, static_cast<uint64_t>(i));
    if (i == 0) {
      result.first_token_seconds = seconds_since(start);
      decode_start = Clock::now();
    }
    if (token < 0 || (has_tokenizer && model_->tokenizer().ends_generation(token))) {
      result.finish_reason = FinishReason::end_of_text;
      break;
    }
    result.tokens.push_back(token);
    if (machine != nullptr) {
      state = machine->step(state, model_->tokenizer().bytes(token));
      CHECK_INVARIANT(state != GrammarMachine::dead);
    }
    if (has_tokenizer && text.add(utf8.add(model_->tokenizer().bytes(token)))) {
      result.finish_reason = FinishReason::stop_string;
      stopped_by_string = true;
      break;
    }
    if (i + 1 == options.max_tokens) break;
    if (cache_.n_tokens() >= n_ctx()) {
      result.finish_reason = FinishReason::context_full;
      break;
    }
    if (!run({&token, 1}, stop, {})) {
      result.finish_reason = FinishReason::cancelled;
      break;
    }
  }
  if (!stopped_by_string) {
    text.add(utf8.finish());
    text.finish();
  }
  result.decode_seconds = seconds_since(decode_start);
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  static constexpr const char* names[] = {"end_of_text", "stop_string", "max_tokens", "cancelled", "context_full"};
  return names[static_cast<int>(reason)];
}

std::unique_ptr<GenerationSession> GenerationSession::create(std::shared_ptr<LanguageModel> model, int n_ctx) {
  auto loaded = std::dynamic_pointer_cast<const LoadedModel>(model);
  CHECK_INVARIANT(loaded != nullptr);
  if (n_ctx < 2) fail(ErrorKind::invalid_input, "a context of %d tokens is too small; take 2 or more", n_ctx);
  return std::make_unique<LocalSession>(std::move(loaded), n_ctx);
}

}  // namespace engine
