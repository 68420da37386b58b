// engine/generate/language_model.h: what LanguageModel::load gives; the session needs its insides.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/backend/choose_backend.h"
#include "engine/base/error.h"
#include "engine/generate/generation.h"
#include "engine/generate/step_batcher.h"
#include "engine/model/sigma.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {

class TokenTrie;  // token_trie.h

class LoadedModel final : public LanguageModel {
 public:
  // tokenizer may be null: then no_tokenizer says why. backend: what the model was loaded with.
  LoadedModel(std::shared_ptr<const SigmaModel> model, std::unique_ptr<Tokenizer> tokenizer, std::string no_tokenizer,
              std::string name, const BackendOptions& backend, uint64_t cache_budget_bytes = 0);
  ~LoadedModel() override;

  const SigmaConfig& config() const override { return config_; }
  const Tokenizer& tokenizer() const override;
  std::string name() const override { return name_; }
  std::string device() const override { return model()->device(); }
  int n_ctx_trained() const override { return config_.n_ctx_trained; }
  std::string apply_chat_template(std::span<const ChatMessage> messages) const override;
  std::vector<int32_t> tokenize(std::string_view text, bool parse_special) const override;

  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  const TokenTrie& token_trie() const;  // made at the first call; safe from any thread

  // Where the model computes now. Whoever has a cache keeps its place for as long, also when the model has moved on.
  struct Place {
    std::shared_ptr<const SigmaModel> model;
    std::shared_ptr<KvPool> pool;  // the memory of all caches with the same number formats; goes before the model
    std::shared_ptr<StepBatcher> batcher;  // of the sessions with such caches
  };
  // Both safe from any thread.
  std::shared_ptr<const SigmaModel> model() const;
  Place place(CacheTypes types) const;
  // Whether the CPU goes on where a call on `failed` threw this: a fault or a shortage of a GPU that was not required.
  bool cpu_may_take_over(const SigmaModel& failed, const Error& error) const;
  // Loads the weights on the CPU, where no other call has since it failed, and says why in one line of the log. Throws what
  // load_sigma does.
  void move_to_cpu(const std::shared_ptr<const SigmaModel>& failed, const std::string& why, std::stop_token stop) const;

 private:
  SigmaConfig config_;
  BackendOptions backend_;
  mutable std::mutex place_mutex_, move_mutex_;  // of the next two; one moves, others wait
  mutable std::shared_ptr<const SigmaModel> model_;
  struct Shared {
    std::shared_ptr<KvPool> pool;
    std::shared_ptr<StepBatcher> batcher;
  };
  mutable std::map<std::pair<CacheType, CacheType>, Shared> shared_;  // of model_
  std::unique_ptr<Tokenizer> tokenizer_;
  std::string no_tokenizer_, name_;
  ChatFamily family_ = ChatFamily::plain;
  std::vector<std::string_view> control_pieces_;
  mutable std::once_flag trie_once_;
  mutable std::unique_ptr<TokenTrie> trie_;
  uint64_t cache_budget_bytes_;
};

}  // namespace engine
