#include "engine/generate/language_model.h"

#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/files/model_file.h"
#include "engine/generate/token_trie.h"
#include "engine/model/load_sigma.h"
#include "engine/model/memory_need.h"

namespace engine {
namespace {

std::string model_name(const ModelFile& file) {
  const auto name = file.format() == ModelFormat::gguf ? file.string("general.name") : std::nullopt;
  if (name && !name->empty()) return std::string(name->substr(0, 200));
  std::filesystem::path path(file.path());
  if (path.filename().empty()) path = path.parent_path();
  return file.format() == ModelFormat::gguf ? path.stem().string() : path.filename().string();
}

LoadPlan load_plan(const LoadOptions& options) {
  LoadPlan plan{.n_ctx = options.n_ctx, .k = {}, .v = {}};
  if (!options.session.k_cache.empty()) plan.k = cache_type(options.session.k_cache);
  if (!options.session.v_cache.empty()) plan.v = cache_type(options.session.v_cache);
  return plan;
}

}  // namespace

std::shared_ptr<LanguageModel> LanguageModel::load(const std::string& path, const LoadOptions& options,
                                                   std::stop_token stop) {
  const auto report = [&](const char* stage, double fraction) {
    if (options.on_progress) options.on_progress(stage, fraction);
  };
  report("reading the file", 0);
  const std::shared_ptr<const ModelFile> file = ModelFile::open(path, stop);

  report("reading the tokenizer", 0);
  std::unique_ptr<Tokenizer> tokenizer;
  std::string no_tokenizer;
  try {
    tokenizer = Tokenizer::load(*file, stop);
  } catch (const Error& e) {
    // A model without one still gives logits for token ids; a damaged one is an error.
    if (e.kind() != ErrorKind::unsupported) throw;
    no_tokenizer = e.what();
  }
  report("loading the weights", 0);
  BackendOptions backend;
  backend.cpu.n_threads = options.n_threads;
  backend.gpu = options.gpu;
  std::shared_ptr<const SigmaModel> model =
      load_sigma(file, backend, [&](double fraction) { report("loading the weights", fraction); }, stop, load_plan(options));
  if (tokenizer != nullptr && tokenizer->n_vocab() > model->config().n_vocab) {
    fail(ErrorKind::invalid_input, "%s: the tokenizer has %d tokens but the model only %d; its files do not belong "
         "together", path.c_str(), tokenizer->n_vocab(), model->config().n_vocab);
  }
  return std::make_shared<LoadedModel>(std::move(model), std::move(tokenizer), std::move(no_tokenizer),
                                       model_name(*file), backend, options.cache_budget_bytes);
}

LoadedModel::LoadedModel(std::shared_ptr<const SigmaModel> model, std::unique_ptr<Tokenizer> tokenizer,
                         std::string no_tokenizer, std::string name, const BackendOptions& backend,
                         uint64_t cache_budget_bytes)
    : config_(model->config()),
      backend_(backend),
      model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      no_tokenizer_(std::move(no_tokenizer)),
      name_(std::move(name)),
      cache_budget_bytes_(cache_budget_bytes) {
  if (tokenizer_ == nullptr) return;
  family_ = detect_chat_family(tokenizer_->chat_template());
  if (family_ == ChatFamily::plain && !tokenizer_->chat_template().empty()) {
    log_warning("%s: its chat template is of no known family; questions are put as plain text, \"User: ...\"",
                name_.c_str());
  }
  for (int32_t i = 0; i < tokenizer_->n_vocab(); ++i) {
    if (tokenizer_->kind(i) == TokenKind::control) control_pieces_.push_back(tokenizer_->piece(i));
  }
}

LoadedModel::~LoadedModel() = default;

const Tokenizer& LoadedModel::tokenizer() const {
  if (tokenizer_ == nullptr) fail(ErrorKind::unsupported, "%s", no_tokenizer_.c_str());
  return *tokenizer_;
}

const TokenTrie& LoadedModel::token_trie() const {
  std::call_once(trie_once_, [&] { trie_ = std::make_unique<TokenTrie>(tokenizer()); });
  return *trie_;
}

std::shared_ptr<const SigmaModel> LoadedModel::model() const {
  const std::lock_guard<std::mutex> lock(place_mutex_);
  return model_;
}

LoadedModel::Place LoadedModel::place(CacheTypes types) const {
  const std::lock_guard<std::mutex> lock(place_mutex_);
  if (!model_->backend().is_gpu()) types = {cpu_cache_type(types.k), cpu_cache_type(types.v)};
  Shared& shared = shared_[{types.k, types.v}];
  if (shared.pool == nullptr) {
    shared.pool = model_->make_pool(types, cache_budget_bytes_);
    shared.batcher = std::make_shared<StepBatcher>();
  }
  return {model_, shared.pool, shared.batcher};
}

bool LoadedModel::cpu_may_take_over(const SigmaModel& failed, const Error& error) const {
  if (backend_.gpu != GpuMode::automatic || !failed.backend().is_gpu()) return false;
  return error.kind() == ErrorKind::device || error.kind() == ErrorKind::out_of_memory ||
         error.kind() == ErrorKind::unsupported;
}

void LoadedModel::move_to_cpu(const std::shared_ptr<const SigmaModel>& failed, const std::string& why,
                              std::stop_token stop) const {
  const std::lock_guard<std::mutex> moving(move_mutex_);
  if (model() != failed) return;
  log_warning("the CPU goes on with %s: %s", name_.c_str(), why.c_str());
  BackendOptions options = backend_;
  options.gpu = GpuMode::off;
  auto on_cpu = load_sigma(failed->shared_file(), options, {}, std::move(stop));
  const std::lock_guard<std::mutex> lock(place_mutex_);
  shared_.clear();  // sessions that are at work keep theirs
  model_ = std::move(on_cpu);
}

std::string LoadedModel::apply_chat_template(std::span<const ChatMessage> messages) const {
  const Tokenizer& t = tokenizer();
  std::vector<ChatMessage> safe(messages.begin(), messages.end());
  for (ChatMessage& m : safe) {
    m.role = break_pieces(m.role, control_pieces_);
    m.content = break_pieces(m.content, control_pieces_);
  }
  const std::string text = format_chat(family_, t.chat_template(), safe);
  return t.adds_bos() ? std::string(t.piece(*t.bos())) + text : text;
}

std::vector<int32_t> LoadedModel::tokenize(std::string_view text, bool parse_special) const {
  return tokenizer().encode(text, parse_special);
}

}  // namespace engine
