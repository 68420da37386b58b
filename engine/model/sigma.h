// engine/model/sigma.h: a DiffQKV decoder (arXiv:2501.13629): weights on a backend and the forward
// pass over them. GQA models of the Llama family are the case of equal head counts without
// augmented Q.
//
//   auto file = ModelFile::open(path);
//   auto model = SigmaModel::load(*file, make_cpu_backend());
//   KvCache cache(model->make_pool(model->default_cache_types()), 4096);
//   std::vector<float> logits(model->config().n_vocab);
//   forward(*model, cache, tokens, LogitsWanted::last, logits);
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/content_hash.h"
#include "engine/model/kv_cache.h"
#include "engine/model/sigma_config.h"

namespace engine {

class ModelFile;

struct SigmaWeights;  // sigma_weights.h

// The first layers of a model, where its own backend has no memory for all: they run on this one, the host's. Activations
// go over once a pass.
struct HostLayers {
  std::unique_ptr<Backend> backend;
  int n_layers = 0;  // 0: none; fewer than all
};

class SigmaModel {
 public:
  // Reads GGUF (`llama`, `sigma`) and HF folders; sigma_weights.h lists names and keys. Keeps the
  // file: the embedding table is read from its map. on_progress gets 0..1 on this thread. Throws
  // Error{unsupported} naming the architecture, Error{invalid_input} naming the key or tensor that
  // is wrong, Error{out_of_memory}, Error{cancelled} within 100 ms of a stop.
  static std::shared_ptr<const SigmaModel> load(
      std::shared_ptr<const ModelFile> file, std::unique_ptr<Backend> backend,
      const std::function<void(double)>& on_progress = {}, std::stop_token stop = {}, HostLayers host = {});
  ~SigmaModel();

  const SigmaConfig& config() const { return config_; }
  Backend& backend() const { return *backend_; }  // of the last layers and the logits
  std::span<const LayerPlace> places() const { return places_; }
  std::string device() const;  // the backends' names, with their layers where there are two
  // For the caches of this model, on its backends.
  std::shared_ptr<KvPool> make_pool(CacheTypes types, uint64_t budget_bytes = 0) const;
  const ModelFile& file() const { return *file_; }
  std::shared_ptr<const ModelFile> shared_file() const { return file_; }
  // f32 for models of f32 weights, whose results then depend on nothing but f32 sums; else f16.
  CacheTypes default_cache_types() const;
  uint64_t weight_bytes() const;         // of the backend's copy
  uint64_t bytes_per_token() const;      // of weights that one decoded token reads
  // Does a small batch of forward_exact read the weights once? (Quantised ones.)
  bool exact_batches_pay() const;

  // Of all bytes of the model's files, which it reads at the first call. Safe from any thread.
  ContentHash content_hash() const;
  // A cache of this model to and from disk (kv_file.h). The file is for this user alone and is there
  // whole or not at all. Throws Error{io}; restoring also what read_kv_file does.
  void save_cache(const KvCache& cache, const std::string& path) const;
  int restore_cache(KvCache& cache, const std::string& path) const;  // tokens; replaces what it holds

 private:
  SigmaModel();
  friend class ForwardPass;

  SigmaConfig config_;
  std::shared_ptr<const ModelFile> file_;
  std::unique_ptr<Backend> backend_, host_backend_;  // host_backend_: null without host layers
  std::vector<LayerPlace> places_;
  std::unique_ptr<SigmaWeights> weights_;
  struct Workspace;
  mutable std::mutex mutex_;  // one forward pass at a time: backends and workspaces are shared
  mutable std::vector<std::unique_ptr<Workspace>> workspaces_;  // of each place
  mutable std::once_flag hash_once_;
  mutable ContentHash hash_;
};

// Tokens that go through the layers together: enough that a weight read from memory serves many,
// few enough that activations stay in the caches. Rows of logits computed at once where all are wanted.
constexpr int prompt_block_tokens = 512, prompt_block_logits = 24;

enum class LogitsWanted { none, last, all };

// Appends tokens to the cache. logits: n_vocab numbers for `last`, n_vocab for each token for `all`.
// Long input runs in blocks, so memory does not grow with it. on_progress gets the tokens done,
// once a block. Safe from any thread; a second call on the same model waits.
// Throws Error{invalid_input} where a token is outside the vocabulary or the cache is too small,
// before anything is computed. A stop throws Error{cancelled} within 100 ms; the cache then holds
// the blocks that were complete.
void forward(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens,
             LogitsWanted wanted, std::span<float> logits, std::stop_token stop = {},
             const std::function<void(size_t n_done)>& on_progress = {});

// As forward with LogitsWanted::all, but logits and cache are, to the last bit, what the tokens give
// when run one at a time. For a few tokens at once.
void forward_exact(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens,
                   std::span<float> logits, std::stop_token stop = {});

// What one of several texts goes on with.
struct BatchStep {
  KvCache* cache = nullptr;         // no two alike; all of one pool
  std::span<const int32_t> tokens;  // together at most prompt_block_tokens
  std::span<float> logits;          // n_vocab for each token
};

// forward_exact of each, in one pass through the weights: decoding is bound by reading them, so that several texts cost
// little more than one. After a stop no cache has changed.
void forward_batch(const SigmaModel& model, std::span<const BatchStep> steps, std::stop_token stop = {});

}  // namespace engine
