#include "engine/model/sigma.h"

#include <algorithm>
#include <cstring>

#include "engine/backend/host_memory.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_weights.h"

namespace engine {
namespace {

constexpr size_t rows_until_release = 8;  // of the embedding table; each may bring a megabyte of pages
constexpr int block_tokens = prompt_block_tokens, block_logits = prompt_block_logits;

// The backends obey a stop token, and are exact, only while a pass runs.
class StopScope {
 public:
  StopScope(std::span<const LayerPlace> places, const std::stop_token& stop, bool exact = false) : places_(places) {
    set(stop, exact);
  }
  ~StopScope() { set({}, false); }
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  void set(const std::stop_token& stop, bool exact) const {
    for (const LayerPlace& place : places_) {
      place.backend->set_stop(stop);
      place.backend->set_exact(exact);
    }
  }
  std::span<const LayerPlace> places_;
};

}  // namespace

// Activations of one block, in the backend's memory.
struct SigmaModel::Workspace {
  int n_tokens = 0;
  size_t n_embedded = 0;  // rows read from the file's map since its pages were given back
  std::unique_ptr<Buffer> x, q, augmented, augmented_q, k, v, attention, ffn, ffn_up, added, logits;

  Workspace(const SigmaConfig& c, Backend& backend, int n, bool with_logits) : n_tokens(n) {
    const auto rows = [&](int64_t width, const char* what) {
      return backend.allocate(size_t(n) * size_t(width) * 4, what);
    };
    x = rows(c.dim, "activations");
    q = rows(int64_t(c.n_heads_q) * c.head_dim_k, "activations (queries)");
    if (c.augmented_q_dim > 0) {
      augmented = rows(c.augmented_q_dim, "activations (augmented queries)");
      augmented_q = rows(int64_t(c.n_heads_q) * c.head_dim_k, "activations (queries)");
    }
    k = rows(int64_t(c.n_heads_k) * c.head_dim_k, "activations (keys)");
    v = rows(int64_t(c.n_heads_v) * c.head_dim_v, "activations (values)");
    attention = rows(int64_t(c.n_heads_q) * c.head_dim_v, "activations (attention)");
    ffn = rows(c.ffn_dim, "activations (feed-forward)");
    if (c.gelu) ffn_up = rows(c.ffn_dim, "activations (feed-forward)");
    if (c.post_norms) added = rows(c.dim, "activations");
    if (with_logits) logits = backend.allocate(size_t(std::min(n, block_logits)) * size_t(c.n_vocab) * 4, "logits");
  }
};

SigmaModel::SigmaModel() = default;
SigmaModel::~SigmaModel() = default;

std::shared_ptr<const SigmaModel> SigmaModel::load(std::shared_ptr<const ModelFile> file,
                                                   std::unique_ptr<Backend> backend,
                                                   const std::function<void(double)>& on_progress,
                                                   std::stop_token stop, HostLayers host) {
  std::shared_ptr<SigmaModel> model(new SigmaModel);
  model->config_ = read_sigma_config(*file);
  model->file_ = std::move(file);
  model->backend_ = std::move(backend);
  if (model->config_.needs_row_operations() && !model->backend_->has_row_operations()) {
    fail(ErrorKind::unsupported, "%s: models of architecture %s run on the CPU alone, not on %s", model->file_->path().c_str(),
         model->config_.architecture.c_str(), model->backend_->name().c_str());
  }
  CHECK_INVARIANT(host.n_layers >= 0 && host.n_layers < model->config_.n_layers);
  if (host.n_layers > 0) {
    model->host_backend_ = std::move(host.backend);
    model->places_.push_back({model->host_backend_.get(), host.n_layers});
  }
  model->places_.push_back({model->backend_.get(), model->config_.n_layers - host.n_layers});
  model->workspaces_.resize(model->places_.size());
  const StopScope scope(model->places_, stop);
  model->weights_ = std::make_unique<SigmaWeights>(
      load_sigma_weights(*model->file_, model->config_, model->places_, on_progress));
  log_info("loaded %s: %.1f MB of weights on %s", model->file_->path().c_str(),
           double(model->weights_->size_bytes) / 1e6, model->device().c_str());
  return model;
}

std::string SigmaModel::device() const {
  if (places_.size() == 1) return backend_->name();
  return format("%s, %d of %d layers, and %s, %d layers", backend_->name().c_str(), places_[1].n_layers, config_.n_layers,
                host_backend_->name().c_str(), places_[0].n_layers);
}

std::shared_ptr<KvPool> SigmaModel::make_pool(CacheTypes types, uint64_t budget_bytes) const {
  return std::make_shared<KvPool>(config_, places_, types, budget_bytes);
}

CacheTypes SigmaModel::default_cache_types() const {
  return weights_->all_f32 ? CacheTypes{CacheType::f32, CacheType::f32} : CacheTypes{};
}

uint64_t SigmaModel::weight_bytes() const { return weights_->size_bytes; }

// All but the embedding table, which is read from the file's map and is no part of size_bytes.
uint64_t SigmaModel::bytes_per_token() const { return weights_->size_bytes; }

class ForwardPass {
 public:
  ForwardPass(const SigmaModel& model, size_t n_tokens)
      : model_(model), c_(model.config_), weights_(*model.weights_) {
    const int room = int(std::min<size_t>(n_tokens, block_tokens));
    for (size_t i = 0; i < model.places_.size(); ++i) {
      std::unique_ptr<SigmaModel::Workspace>& w = model.workspaces_[i];
      if (w && w->n_tokens >= room) continue;
      w.reset();
      w = std::make_unique<SigmaModel::Workspace>(c_, *model.places_[i].backend, room, i + 1 == model.places_.size());
    }
  }

  struct Part {
    KvCache* cache;
    std::span<const int32_t> tokens;
  };

  // Blocks of one text or several through all layers; their keys and values are in the caches afterwards, but not counted.
  // Returns how many rows at the end of x the last layer was finished for: with several texts, all.
  int run_layers(std::span<const Part> parts, LogitsWanted wanted) {
    CHECK_INVARIANT(parts.size() == 1 || wanted == LogitsWanted::all);
    parts_ = parts;
    runs_.resize(parts.size());
    int n = 0;
    for (const Part& part : parts) {
      CHECK_INVARIANT(part.cache->pool().parts().size() == model_.places_.size());
      part.cache->prepare(int(part.tokens.size()));
      n += int(part.tokens.size());
    }
    int layer = 0;
    for (size_t place = 0; place < model_.places_.size(); ++place) {
      enter(place, n);
      for (const int end = layer + model_.places_[place].n_layers; layer < end; ++layer) {
        const bool last = layer + 1 == c_.n_layers;
        const int n_needed = !last || wanted == LogitsWanted::all ? n : wanted == LogitsWanted::last ? 1 : 0;
        run_layer(*w_, layer, n, n_needed);
        if (backend_->stopped()) fail(ErrorKind::cancelled, "the computation was cancelled");
      }
    }
    return wanted == LogitsWanted::all ? n : wanted == LogitsWanted::last ? 1 : 0;
  }

  // The head is a fifth of a token's bytes. Screening its rows in few bits and computing exactly only those
  // that could still be the largest was tried (tools/bench/head_screen.py): with a bound that holds
  // (Cauchy-Schwarz on each block's rounding error) 4 bits leave 99 % of SmolLM2's 49 K rows and 5 bits
  // 9 %: the best logit is ahead by 0.8 in the median, and rounding to 4 bits may move one by 13. 6 bits
  // leave 0.1 %, which would save a quarter of a Q8_0 head (of a token 3 % in sigma-1.5b, 7 % in the
  // default model, for greedy choices without grammar or penalty) and nothing of a Q6_K one. So all rows
  // are computed.
  void logits(int first_row, int n_rows, float* out) {
    const int64_t width = c_.n_vocab;
    for (int row = 0; row < n_rows;) {
      const int n = compute_logits(first_row + row, n_rows - row);
      const std::span<float> to(out + row * width, size_t(n * width));
      backend_->download(std::as_writable_bytes(to), *w_->logits, 0);
      row += n;
    }
  }

  // Of all rows of x, each to its own place.
  void logits(std::span<float* const> rows) {
    const auto width = size_t(c_.n_vocab);
    for (int row = 0; row < int(rows.size());) {
      const int n = compute_logits(row, int(rows.size()) - row);
      for (int i = 0; i < n; ++i) {
        backend_->download(std::as_writable_bytes(std::span(rows[size_t(row + i)], width)), *w_->logits, size_t(i) * width * sizeof(float));
      }
      row += n;
    }
  }

 private:
  // The layers of this place come next: x is there, from the tokens or from the place before.
  void enter(size_t place, int n) {
    Backend* const before = backend_;
    const SigmaModel::Workspace* const w_before = w_;
    backend_ = model_.places_[place].backend;
    w_ = model_.workspaces_[place].get();
    backend_->begin_pass(n == 1 || parts_.size() > 1);
    if (before != nullptr) {
      std::vector<std::byte> rows(size_t(n) * size_t(c_.dim) * sizeof(float));
      before->download(rows, *w_before->x, 0);
      return backend_->upload(*w_->x, 0, rows);
    }
    int64_t row = 0;
    for (const Part& part : parts_) {
      embed(*w_, part.tokens, w_->x->floats() + row * c_.dim);
      row += int64_t(part.tokens.size());
    }
    if (c_.embedding_scale != 1) backend_->scale(c_.embedding_scale, w_->x->floats(), int64_t(n) * c_.dim);
  }

  // Of as many rows from `row` on as there is room for; returns their number.
  int compute_logits(int row, int n_rows) {
    const int n = std::min({w_->n_tokens, block_logits, n_rows});
    const Projection head[] = {{weights_.head.get(), w_->logits->floats()}};
    backend_->matmul(head, w_->x->floats() + int64_t(row) * c_.dim, norm(*weights_.final_norm), n);
    if (backend_->stopped()) fail(ErrorKind::cancelled, "the computation was cancelled");
    return n;
  }

  void embed(SigmaModel::Workspace& w, std::span<const int32_t> tokens, float* x) {
    if (c_.tied_embeddings && model_.places_.size() == 1 && backend_->embed_from(*weights_.head, tokens, x)) return;
    for (size_t done = 0; done < tokens.size(); done += rows_until_release) {
      const size_t n = std::min(tokens.size() - done, rows_until_release);
      backend_->embed(weights_.embedding, tokens.subspan(done, n), x + done * size_t(c_.dim));
      // Each row brings the pages around it; they are the file's and may go again.
      w.n_embedded += n;
      if (!weights_.embedding_is_mapped || w.n_embedded < rows_until_release) continue;
      w.n_embedded = 0;
      release_mapped_pages(weights_.embedding.data, weights_.embedding.size_bytes);
    }
  }

  Norm norm(const Buffer& weights) const { return {weights.floats(), c_.rms_norm_eps}; }

  // Only the last n_needed tokens are wanted from this layer; keys and values are stored for all.
  void run_layer(SigmaModel::Workspace& w, int index, int n, int n_needed) {
    const SigmaLayer& layer = weights_.layers[size_t(index)];
    const bool local = c_.is_local(index);
    const AttentionShape shape{c_.n_heads_q, c_.n_heads_k, c_.n_heads_v, c_.head_dim_k, c_.head_dim_v,
                               c_.selective_v_top_k, local ? c_.sliding_window : 0};
    const std::vector<double>& frequencies =
        local && !weights_.rope_frequencies_local.empty() ? weights_.rope_frequencies_local : weights_.rope_frequencies;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const KvCache& cache = *parts_[i].cache;
      runs_[i] = {cache.layer(index), cache.n_tokens(), int(parts_[i].tokens.size())};
    }
    float* x = w.x->floats();

    const Projection qkv[] = {{layer.q.get(), w.q->floats()}, {layer.k.get(), w.k->floats()}, {layer.v.get(), w.v->floats()}};
    backend_->matmul(qkv, x, norm(*layer.attention_norm), n);
    bias_and_norm_heads(w, layer, n);
    float* q = augment(w, layer, n);
    backend_->rope_and_store_runs(shape, {frequencies, c_.rope_interleaved}, q, w.k->floats(), w.v->floats(), runs_);
    if (n_needed == 0) return;

    const int skip = n - n_needed;  // of one text
    x += int64_t(skip) * c_.dim;
    q += int64_t(skip) * c_.n_heads_q * c_.head_dim_k;
    runs_[0].first_position += skip;
    runs_[0].n_tokens -= skip;
    backend_->attend_runs(shape, q, runs_, w.attention->floats());
    add_product(w, *layer.output, w.attention->floats(), layer.post_attention_norm.get(), x, n_needed);
    if (c_.gelu) {
      const Projection both[] = {{layer.gate.get(), w.ffn->floats()}, {layer.up.get(), w.ffn_up->floats()}};
      backend_->matmul(both, x, norm(*layer.ffn_norm), n_needed);
      backend_->gelu_mul(w.ffn_up->floats(), w.ffn->floats(), int64_t(n_needed) * c_.ffn_dim);
    } else {
      backend_->gated_matmul(*layer.gate, *layer.up, x, norm(*layer.ffn_norm), w.ffn->floats(), n_needed);
    }
    add_product(w, *layer.down, w.ffn->floats(), layer.post_ffn_norm.get(), x, n_needed);
  }

  // x += W y, normed first where the architecture does so.
  void add_product(SigmaModel::Workspace& w, const Matrix& weights, const float* y, const Buffer* post_norm, float* x, int n) {
    if (!post_norm) return backend_->matmul_add(weights, y, x, n);
    const Projection product[] = {{&weights, w.added->floats()}};
    backend_->matmul(product, y, {}, n);
    backend_->norm_and_add(norm(*post_norm), w.added->floats(), x, c_.dim, n);
  }

  void bias_and_norm_heads(SigmaModel::Workspace& w, const SigmaLayer& layer, int n) {
    if (layer.q_bias) {
      backend_->add_bias(layer.q_bias->floats(), w.q->floats(), c_.n_heads_q * c_.head_dim_k, n);
      backend_->add_bias(layer.k_bias->floats(), w.k->floats(), c_.n_heads_k * c_.head_dim_k, n);
      backend_->add_bias(layer.v_bias->floats(), w.v->floats(), c_.n_heads_v * c_.head_dim_v, n);
    }
    if (layer.q_norm) {
      backend_->norm_rows(norm(*layer.q_norm), w.q->floats(), c_.head_dim_k, n * c_.n_heads_q);
      backend_->norm_rows(norm(*layer.k_norm), w.k->floats(), c_.head_dim_k, n * c_.n_heads_k);
    }
  }

  // q = W_down(silu(W_gate q) * (W_up q)), plus q itself in the residual form.
  float* augment(SigmaModel::Workspace& w, const SigmaLayer& layer, int n) {
    float* q = w.q->floats();
    if (c_.augmented_q_dim == 0) return q;
    backend_->gated_matmul(*layer.q_gate, *layer.q_up, q, {}, w.augmented->floats(), n);
    if (c_.augmented_q_residual) {
      backend_->matmul_add(*layer.q_down, w.augmented->floats(), q, n);
      return q;
    }
    const Projection down[] = {{layer.q_down.get(), w.augmented_q->floats()}};
    backend_->matmul(down, w.augmented->floats(), {}, n);
    return w.augmented_q->floats();
  }

  const SigmaModel& model_;
  const SigmaConfig& c_;
  const SigmaWeights& weights_;
  // At work now; null before the first place.
  Backend* backend_ = nullptr;
  SigmaModel::Workspace* w_ = nullptr;
  std::span<const Part> parts_;
  std::vector<KvRun> runs_;  // of the parts, in the layer at work

 public:
  static void run(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens,
                  LogitsWanted wanted, std::span<float> logits, std::stop_token stop, bool exact,
                  const std::function<void(size_t)>& on_progress) {
    const SigmaConfig& c = model.config_;
    const std::lock_guard<std::mutex> lock(model.mutex_);
    const StopScope scope(model.places_, stop, exact);
    for (size_t done = 0; done < tokens.size();) {
      ForwardPass pass(model, tokens.size());
      const size_t n = std::min(tokens.size() - done, size_t(block_tokens));
      const bool last = done + n == tokens.size();
      const LogitsWanted here = wanted == LogitsWanted::last && !last ? LogitsWanted::none : wanted;
      const Part part[] = {{&cache, tokens.subspan(done, n)}};
      const int n_rows = pass.run_layers(part, here);
      float* out = wanted == LogitsWanted::all ? logits.data() + done * size_t(c.n_vocab) : logits.data();
      pass.logits(int(n) - n_rows, n_rows, out);
      cache.append(tokens.subspan(done, n));
      done += n;
      if (on_progress) on_progress(done);
    }
  }

  static void run_batch(const SigmaModel& model, std::span<const BatchStep> steps, std::stop_token stop) {
    const std::lock_guard<std::mutex> lock(model.mutex_);
    const StopScope scope(model.places_, stop, true);
    std::vector<Part> parts;
    size_t n_tokens = 0;
    for (const BatchStep& step : steps) {
      parts.push_back({step.cache, step.tokens});
      n_tokens += step.tokens.size();
    }
    CHECK_INVARIANT(n_tokens <= size_t(block_tokens));
    ForwardPass pass(model, n_tokens);
    pass.run_layers(parts, LogitsWanted::all);
    std::vector<float*> rows;  // of logits, where each goes
    for (const BatchStep& step : steps) {
      for (size_t i = 0; i < step.tokens.size(); ++i) rows.push_back(step.logits.data() + i * size_t(model.config_.n_vocab));
    }
    pass.logits(rows);
    for (const BatchStep& step : steps) step.cache->append(step.tokens);
  }
};

bool SigmaModel::exact_batches_pay() const {
  int layer = 0;
  return std::all_of(places_.begin(), places_.end(), [&](const LayerPlace& place) {
    const SigmaLayer& first = weights_->layers[size_t(layer)];
    layer += place.n_layers;
    return place.backend->exact_batches_pay(*first.up) && place.backend->exact_batches_pay(*first.down);
  });
}

namespace {

void check_input(const SigmaModel& model, const KvCache& cache, std::span<const int32_t> tokens, size_t n_logits,
                 size_t n_rows) {
  const SigmaConfig& c = model.config();
  if (tokens.size() > size_t(cache.n_ctx() - cache.n_tokens())) {
    fail(ErrorKind::invalid_input, "%zu tokens do not fit: the context holds %d of %d; choose a larger context or a shorter text",
         tokens.size(), cache.n_tokens(), cache.n_ctx());
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= c.n_vocab) {
      fail(ErrorKind::invalid_input, "token %d is outside the model's vocabulary of %d", token, c.n_vocab);
    }
  }
  CHECK_INVARIANT(n_logits >= n_rows * size_t(c.n_vocab));
}

}  // namespace

void forward(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens, LogitsWanted wanted,
             std::span<float> logits, std::stop_token stop, const std::function<void(size_t)>& on_progress) {
  if (tokens.empty()) return;
  const size_t n_rows = wanted == LogitsWanted::all ? tokens.size() : wanted == LogitsWanted::last ? 1 : 0;
  check_input(model, cache, tokens, logits.size(), n_rows);
  ForwardPass::run(model, cache, tokens, wanted, logits, std::move(stop), false, on_progress);
}

void forward_exact(const SigmaModel& model, KvCache& cache, std::span<const int32_t> tokens, std::span<float> logits,
                   std::stop_token stop) {
  if (tokens.empty()) return;
  check_input(model, cache, tokens, logits.size(), tokens.size());
  ForwardPass::run(model, cache, tokens, LogitsWanted::all, logits, std::move(stop), true, {});
}

void forward_batch(const SigmaModel& model, std::span<const BatchStep> steps, std::stop_token stop) {
  for (const BatchStep& step : steps) {
    CHECK_INVARIANT(!step.tokens.empty() && &step.cache->pool() == &steps[0].cache->pool());
    check_input(model, *step.cache, step.tokens, step.logits.size(), step.tokens.size());
  }
  if (!steps.empty()) ForwardPass::run_batch(model, steps, std::move(stop));
}

}  // namespace engine
