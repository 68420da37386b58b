#include "engine/model/kv_cache.h"

#include "engine/base/error.h"
#include "engine/model/sigma_config.h"

namespace engine {
namespace {

AttentionShape shape_of(const SigmaConfig& config) {
  return {config.n_heads_q, config.n_heads_k, config.n_heads_v, config.head_dim_k, config.head_dim_v,
          config.selective_v_top_k};
}

constexpr int max_context = 1 << 26;

}  // namespace

KvCache::KvCache(const SigmaConfig& config, int n_ctx, Backend& backend, CacheTypes types)
    : n_ctx_(n_ctx), types_(types) {
  if (n_ctx < 1 || n_ctx > max_context) {
    fail(ErrorKind::invalid_input, "a context of %d tokens was asked for; it must be 1 to %d", n_ctx,
         max_context);
  }
  const AttentionShape shape = shape_of(config);
  k_layer_bytes_ = backend.k_cache_bytes(shape, types.k, n_ctx);
  v_layer_bytes_ = backend.v_cache_bytes(shape, types.v, n_ctx);
  const std::string what = format("the cache for %d tokens", n_ctx);
  k_ = backend.allocate(k_layer_bytes_ * size_t(config.n_layers), what + " (keys)");
  v_ = backend.allocate(v_layer_bytes_ * size_t(config.n_layers), what + " (values)");
}

uint64_t KvCache::size_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend,
                             CacheTypes types) {
  const AttentionShape shape = shape_of(config);
  return uint64_t(config.n_layers) *
         (backend.k_cache_bytes(shape, types.k, n_ctx) + backend.v_cache_bytes(shape, types.v, n_ctx));
}

KvLayer KvCache::layer(int layer) const {
  return {.k = k_->data() + k_layer_bytes_ * size_t(layer),
          .v = v_->data() + v_layer_bytes_ * size_t(layer),
          .k_type = types_.k,
          .v_type = types_.v,
          .n_ctx = n_ctx_};
}

void KvCache::truncate(int n_tokens) {
  CHECK_INVARIANT(n_tokens >= 0 && n_tokens <= n_tokens_);
  n_tokens_ = n_tokens;
}

void KvCache::append(int n_tokens) {
  CHECK_INVARIANT(n_tokens >= 0 && n_tokens <= n_ctx_ - n_tokens_);
  n_tokens_ += n_tokens;
}

}  // namespace engine
