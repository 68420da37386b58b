#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/grammar.h"
#include "engine/generate/grammar_machine.h"
#include "engine/generate/language_model.h"
#include "engine/generate/prompt_lookup.h"
#include "engine/generate/sampler.h"
#include "engine/generate/stop_strings.h"
#include "engine/model/memory_need.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Guesses checked in one pass; more would cost more than a pass of one token on two cores.
constexpr size_t most_drafted = 15;
// Candidates tried one by one against a grammar before its mask over all tokens is made.
constexpr int most_tries = 12;

class LocalSession final : public GenerationSession {
 public:
  LocalSession(std::shared_ptr<const LoadedModel> model, int n_ctx, CacheTypes types)
      : model_(std::move(model)), n_ctx_(n_ctx), types_(types) {
    take_place({});
  }

  int n_ctx() const override { return n_ctx_; }
  Generation generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                      const std::function<void(std::string_view)>& on_text, std::stop_token stop,
                      const std::function<void(double)>& on_prefill) override;
  void save(const std::string& path) const override { place_.model->save_cache(*cache_, path); }
  int restore(const std::string& path) override { return place_.model->restore_cache(*cache_, path); }

 private:
  // What one answer is made with.
  struct Answer {
    Generation& result;
    const GenerateOptions& options;
    StopStrings& text;
    std::stop_token stop;
    Clock::time_point start, first_token;
    GrammarMachine* machine = nullptr;
    int32_t state = 0;  // of the machine
    Utf8Stream utf8 = {};
    bool stopped_by_string = false;
  };

  // An empty cache where the model computes now: on the CPU where the GPU has no memory for it.
  void take_place(std::stop_token stop);
  // Runs pass() on the cache; where the GPU fails, the CPU runs the text so far, and pass() again. False where it was
  // cancelled.
  bool run_or_move(std::stop_token stop, const std::function<void()>& pass);
  void move_to_cpu(const Error& error, std::stop_token stop);
  void check_prompt(std::span<const int32_t> prompt) const;
  // Runs tokens through the model; logits_ are those of the last, or of each where there are drafts.
  // False where it was cancelled.
  bool prefill(std::span<const int32_t> tokens, std::stop_token stop, const std::function<void(size_t)>& on_done);
  // Together with what other sessions decode; member stands among them for this one.
  bool run(std::span<const int32_t> tokens, std::stop_token stop, std::optional<StepBatcher::Member>& member);
  std::span<float> row(size_t i) {
    const auto n_vocab = static_cast<size_t>(model_->config().n_vocab);
    return std::span(logits_).subspan(i * n_vocab, n_vocab);
  }
  GrammarMachine* machine_for(const Grammar* grammar);
  void decode(Answer& answer);
  int32_t choose(const Answer& answer, std::span<float> logits, std::span<const int32_t> before);
  // Chooses the token behind `before` and takes it into the answer; nothing where it ends there.
  std::optional<int32_t> next_token(Answer& answer, std::span<float> logits, std::span<const int32_t> before);
  std::vector<int32_t> draft(const Answer& answer);
  std::vector<int32_t> forced_tokens(GrammarMachine& machine, int32_t state) const;

  std::shared_ptr<const LoadedModel> model_;
  int n_ctx_;
  CacheTypes types_;
  LoadedModel::Place place_;
  std::unique_ptr<KvCache> cache_;  // at this place; goes before it
  std::string moved_to_cpu_;        // why, in this answer
  std::vector<float> logits_;
  Sampler sampler_;
  PromptLookup lookup_;
  bool guessed_by_lookup_ = false;
  // The last grammar used: its states and masks serve the next answer too.
  std::shared_ptr<const GrammarRules> grammar_rules_;
  std::unique_ptr<GrammarMachine> machine_;
};

void LocalSession::take_place(std::stop_token stop) {
  LoadedModel::Place place = model_->place(types_);
  std::unique_ptr<KvCache> cache;
  try {
    cache = std::make_unique<KvCache>(place.pool, n_ctx_);
  } catch (const Error& e) {
    if (!model_->cpu_may_take_over(*place.model, e)) throw;
    model_->move_to_cpu(place.model, e.what(), std::move(stop));
    place.pool.reset();
    place = model_->place(types_);
    cache = std::make_unique<KvCache>(place.pool, n_ctx_);
  }
  cache_ = std::move(cache);
  place_.pool.reset();  // its memory is the backend's of its model
  place_ = std::move(place);
}

void LocalSession::move_to_cpu(const Error& error, std::stop_token stop) {
  moved_to_cpu_ = error.what();
  moved_to_cpu_.resize(std::min(moved_to_cpu_.size(), moved_to_cpu_.find(';')));  // the rest is advice for who has no CPU
  try {
    model_->move_to_cpu(place_.model, moved_to_cpu_, stop);
    take_place(stop);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::cancelled) throw;
    fail(e.kind(), "%s; nor can the CPU go on: %s", moved_to_cpu_.c_str(), e.what());
  }
}

bool LocalSession::run_or_move(std::stop_token stop, const std::function<void()>& pass) {
  const auto n_before = static_cast<size_t>(cache_->n_tokens());
  try {
    try {
      pass();
    } catch (const Error& e) {
      if (!model_->cpu_may_take_over(*place_.model, e)) throw;
      const std::vector<int32_t> text(cache_->tokens().begin(), cache_->tokens().begin() + static_cast<std::ptrdiff_t>(n_before));
      move_to_cpu(e, stop);
      forward(*place_.model, *cache_, text, LogitsWanted::none, {}, stop);
      pass();
    }
  } catch (const Error& e) {
    // What was computed before a stop is in the cache and can be used again.
    if (e.kind() != ErrorKind::cancelled) throw;
    return false;
  }
  return true;
}

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

bool LocalSession::prefill(std::span<const int32_t> tokens, std::stop_token stop,
                           const std::function<void(size_t)>& on_done) {
  logits_.resize(static_cast<size_t>(model_->config().n_vocab));
  return run_or_move(stop, [&] { forward(*place_.model, *cache_, tokens, LogitsWanted::last, logits_, stop, on_done); });
}

bool LocalSession::run(std::span<const int32_t> tokens, std::stop_token stop, std::optional<StepBatcher::Member>& member) {
  logits_.resize(static_cast<size_t>(model_->config().n_vocab) * tokens.size());
  return run_or_move(stop, [&] {
    if (!member || member->batcher() != place_.batcher) member.emplace(place_.batcher);
    place_.batcher->step(*place_.model, *cache_, tokens, logits_, stop);
  });
}

Generation LocalSession::generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                                  const std::function<void(std::string_view)>& on_text, std::stop_token stop,
                                  const std::function<void(double)>& on_prefill) {
  check_sampling_options(options.sampling);
  check_prompt(prompt);
  machine_for(options.grammar);  // a grammar that cannot be is said before the prompt is computed
  const Clock::time_point start = Clock::now();
  moved_to_cpu_.clear();
  if (model_->model() != place_.model) take_place(stop);  // another session found that the GPU fails
  Generation result;
  result.prompt_tokens = static_cast<int>(prompt.size());
  // The last token of the prompt always runs again: its logits are wanted.
  const auto n_reused = static_cast<size_t>(cache_->begin(prompt.first(options.reuse_prefix ? prompt.size() - 1 : 0)));
  result.reused_tokens = static_cast<int>(n_reused);
  StopStrings text(options.stop, on_text);

  const double n_new = static_cast<double>(prompt.size() - n_reused);
  const auto on_done = [&](size_t n_done) {
    if (on_prefill) on_prefill(static_cast<double>(n_done) / n_new);
  };
  const bool complete = prefill(prompt.subspan(n_reused), stop, on_done);
  result.prefill_seconds = seconds_since(start);
  if (complete) {
    Answer answer{.result = result, .options = options, .text = text, .stop = stop, .start = start, .first_token = Clock::now()};
    answer.machine = machine_for(options.grammar);
    if (answer.machine != nullptr) answer.state = answer.machine->start();
    decode(answer);
  } else {
    result.finish_reason = FinishReason::cancelled;
  }
  result.text = text.text();
  result.moved_to_cpu = moved_to_cpu_;
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

// A pass runs the last token and what is guessed to follow it, and gives a row of logits for each.
// Tokens are then chosen as ever, row by row, for as long as each is the one that was guessed. Rows
// are those of single tokens to the last bit (forward_exact), so the answer is too.
void LocalSession::decode(Answer& answer) {
  Generation& result = answer.result;
  const bool speculates = answer.options.speculative && place_.model->exact_batches_pay();
  lookup_.clear();
  if (speculates) lookup_.add(cache_->tokens());
  auto n_before = static_cast<size_t>(cache_->n_tokens());  // tokens that the first row follows
  std::vector<int32_t> batch;                              // the last token, then the drafts
  std::optional<StepBatcher::Member> member;
  result.finish_reason = FinishReason::max_tokens;
  if (answer.options.max_tokens > 0) {
    for (;;) {
      const auto drafts = batch.empty() ? std::span<const int32_t>() : std::span<const int32_t>(batch).subspan(1);
      size_t n_right = 0;
      std::optional<int32_t> token;
      for (;; ++n_right) {
        token = next_token(answer, row(n_right), cache_->tokens().first(n_before + n_right));
        if (!token || n_right == drafts.size() || *token != drafts[n_right]) break;
      }
      cache_->truncate(static_cast<int>(n_before + n_right));
      result.accepted_tokens += static_cast<int>(n_right);
      if (guessed_by_lookup_) lookup_.checked(drafts.size(), n_right);
      if (!token) break;
      if (cache_->n_tokens() >= n_ctx()) {
        result.finish_reason = FinishReason::context_full;
        break;
      }
      batch = {*token};
      guessed_by_lookup_ = false;
      if (speculates) {
        lookup_.add(std::span<const int32_t>(result.tokens).last(n_right + 1));
        const std::vector<int32_t> more = draft(answer);
        batch.insert(batch.end(), more.begin(), more.end());
        result.drafted_tokens += static_cast<int>(more.size());
      }
      n_before = static_cast<size_t>(cache_->n_tokens()) + 1;
      ++result.n_passes;
      if (!run(batch, answer.stop, member)) {
        result.finish_reason = FinishReason::cancelled;
        break;
      }
    }
  }
  if (!answer.stopped_by_string) {
    answer.text.add(answer.utf8.finish());
    answer.text.finish();
  }
  result.decode_seconds = seconds_since(answer.first_token);
}

int32_t LocalSession::choose(const Answer& answer, std::span<float> logits, std::span<const int32_t> before) {
  SamplingOptions options = answer.options.sampling;
  const auto step = static_cast<uint64_t>(answer.result.tokens.size());
  if (answer.machine != nullptr && options.temperature == 0) {
    // The likeliest token mostly fits: then the others need not be looked at.
    for (int i = 0; i < most_tries; ++i) {
      const int32_t token = sampler_.sample(logits, options, before, step);
      if (token < 0 || answer.machine->allows(answer.state, model_->tokenizer(), token)) return token;
      logits[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
      options.repetition_penalty = 1;  // it is in the logits now
    }
  }
  if (answer.machine != nullptr) {
    // The k best that fit are those that top-k would leave of the whole mask.
    const bool few = options.temperature > 0 && options.top_k > 0 && options.repetition_penalty == 1 &&
                     answer.machine->keep_best(answer.state, model_->tokenizer(), logits, static_cast<size_t>(options.top_k));
    if (!few) answer.machine->apply(answer.state, logits);
  }
  return sampler_.sample(logits, options, before, step);
}

std::optional<int32_t> LocalSession::next_token(Answer& answer, std::span<float> logits,
                                                std::span<const int32_t> before) {
  Generation& result = answer.result;
  if (answer.stop.stop_requested()) {
    result.finish_reason = FinishReason::cancelled;
    return std::nullopt;
  }
  const int32_t token = choose(answer, logits, before);
  if (result.tokens.empty()) {
    result.first_token_seconds = seconds_since(answer.start);
    answer.first_token = Clock::now();
  }
  const bool has_tokenizer = model_->has_tokenizer();
  if (token < 0 || (has_tokenizer && model_->tokenizer().ends_generation(token))) {
    result.finish_reason = FinishReason::end_of_text;
    return std::nullopt;
  }
  result.tokens.push_back(token);
  if (answer.machine != nullptr) {
    answer.state = answer.machine->step(answer.state, model_->tokenizer().bytes(token));
    CHECK_INVARIANT(answer.state != GrammarMachine::dead);
  }
  if (has_tokenizer && answer.text.add(answer.utf8.add(model_->tokenizer().bytes(token)))) {
    result.finish_reason = FinishReason::stop_string;
    answer.stopped_by_string = true;
    return std::nullopt;
  }
  if (result.tokens.size() == static_cast<size_t>(answer.options.max_tokens)) {
    result.finish_reason = FinishReason::max_tokens;
    return std::nullopt;
  }
  return token;
}

// What may follow the last token: what the grammar leaves no choice about, else what followed
// before. No longer than can be used, and nothing that the grammar rules out.
std::vector<int32_t> LocalSession::draft(const Answer& answer) {
  const auto room = static_cast<size_t>(n_ctx() - cache_->n_tokens() - 1);
  const size_t wanted = static_cast<size_t>(answer.options.max_tokens) - answer.result.tokens.size() - 1;
  const size_t most = std::min({room, wanted, most_drafted});
  std::vector<int32_t> out;
  if (answer.machine != nullptr) out = forced_tokens(*answer.machine, answer.state);
  if (out.empty()) {
    out = lookup_.guess(std::min(most, lookup_.length()));
    guessed_by_lookup_ = !out.empty();
    int32_t state = answer.state;
    for (size_t i = 0; answer.machine != nullptr && i < out.size(); ++i) {
      if (answer.machine->allows(state, model_->tokenizer(), out[i])) {
        state = answer.machine->step(state, model_->tokenizer().bytes(out[i]));
      } else {
        out.resize(i);
      }
    }
  }
  if (out.size() > most) out.resize(most);
  return out;
}

// As the tokenizer would cut the text; where it would add to it, the longest tokens in turn.
std::vector<int32_t> LocalSession::forced_tokens(GrammarMachine& machine, int32_t state) const {
  const std::string forced = machine.forced_bytes(state, 4 * most_drafted);
  if (forced.empty()) return {};
  std::vector<int32_t> tokens = model_->tokenizer().encode(forced, false);
  if (model_->tokenizer().decode(tokens) == forced) return tokens;
  tokens.clear();
  for (std::string_view rest = forced; !rest.empty();) {
    const int32_t token = model_->token_trie().longest_token(rest);
    if (token < 0) break;
    tokens.push_back(token);
    rest.remove_prefix(model_->tokenizer().bytes(token).size());
  }
  return tokens;
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  static constexpr const char* names[] = {"end_of_text", "stop_string", "max_tokens", "cancelled", "context_full"};
  return names[static_cast<int>(reason)];
}

std::unique_ptr<GenerationSession> GenerationSession::create(std::shared_ptr<LanguageModel> model, int n_ctx,
                                                             const SessionOptions& options) {
  auto loaded = std::dynamic_pointer_cast<const LoadedModel>(model);
  CHECK_INVARIANT(loaded != nullptr);
  if (n_ctx < 2) fail(ErrorKind::invalid_input, "a context of %d tokens is too small; take 2 or more", n_ctx);
  const CacheTypes own = loaded->model()->default_cache_types();
  const CacheTypes types{options.k_cache.empty() ? own.k : cache_type(options.k_cache),
                         options.v_cache.empty() ? own.v : cache_type(options.v_cache)};
  return std::make_unique<LocalSession>(std::move(loaded), n_ctx, types);
}

}  // namespace engine
