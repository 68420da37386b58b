#include "engine/model/memory_need.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/free_memory.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "engine/model/sigma_weights.h"

namespace engine {
namespace {

constexpr uint64_t program_bytes = 17 << 20;  // sigmactl itself; most of it pages of the program
// A piece of the vocabulary with its texts, hash entries, merges: measured with the 49 K of SmolLM2 and
// vocabularies of 128 K.
constexpr uint64_t bytes_of_token = 280;
constexpr uint64_t speculated_rows = 16;      // of logits, checked in one pass
constexpr uint64_t candidate_bytes = 8;       // a token's logit and id while one is drawn

uint64_t u(int64_t n) { return static_cast<uint64_t>(n); }

uint64_t vocabulary_size(const ModelFile& file) {
  if (file.format() == ModelFormat::gguf) return file.array_size("tokenizer.ggml.tokens").value_or(0);
  return file.u64("vocab_size").value_or(0);
}

// What a matrix that is no product's takes: norms and biases are f32.
uint64_t stored_bytes(const Tensor& t, const Backend& backend) {
  return t.n_dims < 2 || t.dims[1] == 1 ? u(t.dims[0]) * 4 : backend.matrix_bytes(t);
}

uint64_t weight_bytes(const ModelFile& file, const SigmaConfig& c, const Backend& backend, LayerRange layers) {
  uint64_t sum = 0;
  for (const NamedTensor& named : file.tensors()) {
    const bool table = named.name == "token_embd.weight" || named.name == "model.embed_tokens.weight";
    const bool unused_head = c.tied_embeddings && named.name == "lm_head.weight";
    // A table that is no output matrix stays in the file; its rows are read from there.
    if ((table && !c.tied_embeddings) || unused_head || named.name == "rope_freqs.weight") continue;
    const int layer = std::max(-1, layer_of_tensor(named.name)), end = layers.first + layers.n;
    if (layer < 0 ? end < c.n_layers : layer < layers.first || layer >= end) continue;
    sum += stored_bytes(named.tensor, backend);
  }
  return sum;
}

// Numbers a token takes in the activations of a pass.
uint64_t activation_width(const SigmaConfig& c) {
  const uint64_t q = u(c.n_heads_q) * u(c.head_dim_k), out = u(c.n_heads_q) * u(c.head_dim_v);
  uint64_t width = u(c.dim) + q + u(c.n_heads_k) * u(c.head_dim_k) + u(c.n_heads_v) * u(c.head_dim_v) + out + u(c.ffn_dim);
  if (c.gelu) width += u(c.ffn_dim);
  if (c.post_norms) width += u(c.dim);
  if (c.augmented_q_dim > 0) width += u(c.augmented_q_dim) + q;
  return width + u(c.head_dim_k);  // cosines and sines
}

// The widest input of a product, as the backend packs it: int8 with scales and sums, or f32.
uint64_t packed_width_bytes(const ModelFile& file, const SigmaConfig& c) {
  bool any_int8 = false, any_float = false;
  for (const NamedTensor& named : file.tensors()) {
    if (named.tensor.n_dims < 2) continue;
    const DType type = named.tensor.dtype;
    const bool is_float = type == DType::f32 || type == DType::f16 || type == DType::bf16;
    (is_float ? any_float : any_int8) = true;
  }
  const uint64_t widest = std::max({u(c.dim), u(c.n_heads_q) * u(c.head_dim_v), u(c.ffn_dim), u(c.augmented_q_dim)});
  return (any_int8 ? widest * 52 / 32 : 0) + (any_float ? widest * 4 : 0);
}

uint64_t thread_bytes(const SigmaConfig& c) {
  constexpr uint64_t rows = 96, keys_at_once = 128, normed_tokens = 12;
  const uint64_t attention = rows * (u(c.head_dim_k) * 8 + u(c.head_dim_v) * 4 + keys_at_once * 4 + 128);
  return std::max(attention, u(c.dim) * 4 * normed_tokens);
}

}  // namespace

uint64_t MemoryNeed::cache(int n_ctx) const {
  return kv_per_token() * u(KvPool::n_blocks_for(std::max(0, n_ctx))) * KvPool::block_tokens;
}

uint64_t MemoryNeed::total(int n_ctx) const {
  return weights + work + tokenizer + program + cache(n_ctx) + work_per_token * u(std::max(0, n_ctx));
}

int MemoryNeed::context_for(uint64_t bytes) const {
  const uint64_t bare = total(0), block = (kv_per_token() + work_per_token) * KvPool::block_tokens;
  if (bytes < bare || block == 0) return 0;
  return static_cast<int>(std::min<uint64_t>((bytes - bare) / block, 1 << 20)) * KvPool::block_tokens;
}

CacheTypes default_cache_types(const ModelFile& file) {
  const auto is_f32 = [](const NamedTensor& named) { return named.tensor.n_dims < 2 || named.tensor.dtype == DType::f32; };
  const bool all = std::all_of(file.tensors().begin(), file.tensors().end(), is_f32);
  return all ? CacheTypes{CacheType::f32, CacheType::f32} : CacheTypes{};
}

CacheType cache_type(const std::string& name) {
  std::string known;
  for (int i = 0; std::string_view(cache_type_name(CacheType(i))) != "?"; ++i) {
    if (name == cache_type_name(CacheType(i))) return CacheType(i);
    known += std::string(known.empty() ? "" : ", ") + cache_type_name(CacheType(i));
  }
  fail(ErrorKind::invalid_input, "there is no cache of type \"%.40s\"; there are %s", name.c_str(), known.c_str());
}

MemoryNeed memory_need(const ModelFile& file, const SigmaConfig& c, const Backend& backend, CacheTypes types) {
  return memory_need(file, c, backend, types, {0, c.n_layers});
}

MemoryNeed memory_need(const ModelFile& file, const SigmaConfig& c, const Backend& backend, CacheTypes types, LayerRange layers) {
  MemoryNeed need;
  need.weights = weight_bytes(file, c, backend, layers);
  const AttentionShape shape{c.n_heads_q, c.n_heads_k, c.n_heads_v, c.head_dim_k, c.head_dim_v, 0};
  need.k_per_token = u(layers.n) * backend.k_cache_bytes(shape, types.k, KvPool::block_tokens) / KvPool::block_tokens;
  need.v_per_token = u(layers.n) * backend.v_cache_bytes(shape, types.v, KvPool::block_tokens) / KvPool::block_tokens;
  const uint64_t n_threads = u(backend.n_threads());
  need.work = u(prompt_block_tokens) * (activation_width(c) * 4 + packed_width_bytes(file, c)) +
              (u(prompt_block_logits) + speculated_rows) * u(c.n_vocab) * 4 + u(c.n_vocab) * candidate_bytes +
              n_threads * thread_bytes(c);
  if (c.selective_v_top_k > 0) need.work_per_token = n_threads * u(c.n_heads_q + 1) * 4;
  need.tokenizer = vocabulary_size(file) * bytes_of_token;
  need.program = program_bytes;
  return need;
}

void require_memory(const MemoryNeed& need, int n_ctx, const std::string& name) {
  require_memory(need, n_ctx, name, free_memory_bytes());
}

void require_memory(const MemoryNeed& need, int n_ctx, const std::string& name, uint64_t free_bytes) {
  // The program is there already.
  const uint64_t wanted = need.total(n_ctx) - need.program;
  if (wanted <= free_bytes) return;
  const int fits = need.context_for(free_bytes + need.program);
  const std::string advice = fits >= KvPool::block_tokens ? format("a context of %d tokens fits", fits)
                                                          : std::string("close other programs or choose a smaller model");
  fail(ErrorKind::out_of_memory,
       "%s needs %.1f MB (weights %.1f, cache of %d tokens %.1f, buffers %.1f) and %.1f MB are free; %s", name.c_str(),
       double(wanted) / 1e6, double(need.weights) / 1e6, n_ctx, double(need.cache(n_ctx)) / 1e6,
       double(wanted - need.weights - need.cache(n_ctx)) / 1e6, double(free_bytes) / 1e6, advice.c_str());
}

}  // namespace engine
