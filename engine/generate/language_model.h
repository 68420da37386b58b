// engine/generate/language_model.h: what LanguageModel::load gives; the session needs its insides.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/generate/generation.h"
#include "engine/model/sigma.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {

class TokenTrie;  // token_trie.h

class LoadedModel final : public LanguageModel {
 public:
  // tokenizer may be null: then no_tokenizer says why.
  LoadedModel(std::shared_ptr<const SigmaModel> model, std::unique_ptr<Tokenizer> tokenizer,
              std::string no_tokenizer, std::string name, uint64_t cache_budget_bytes = 0);
  ~LoadedModel() override;

  const SigmaConfig& config() const override { return model_->config(); }
  const Tokenizer& tokenizer() const override;
  std::string name() const override { return name_; }
  std::string device() const override { return model_->backend().name(); }
  int n_ctx_trained() const override { return model_->config().n_ctx_trained; }
  std::string apply_chat_template(std::span<const ChatMessage> messages) const override;
  std::vector<int32_t> tokenize(std::string_view text, bool parse_special) const override;

  const SigmaModel& model() const { return *model_; }
  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  const TokenTrie& token_trie() const;  // made at the first call; safe from any thread
  // The memory of all caches with these number formats; safe from any thread.
  std::shared_ptr<KvPool> pool(CacheTypes types) const;

 private:
  std::shared_ptr<const SigmaModel> model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::string no_tokenizer_, name_;
  ChatFamily family_ = ChatFamily::plain;
  std::vector<std::string_view> control_pieces_;
  mutable std::once_flag trie_once_;
  mutable std::unique_ptr<TokenTrie> trie_;
  uint64_t cache_budget_bytes_;
  mutable std::mutex pools_mutex_;
  mutable std::map<std::pair<CacheType, CacheType>, std::shared_ptr<KvPool>> pools_;
};

}  // namespace engine
