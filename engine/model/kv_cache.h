// engine/model/kv_cache.h: keys and values of past tokens, one buffer each.
// DiffQKV (arXiv:2501.13629) lets K have fewer or smaller heads than V, so the two buffers have
// their own shapes and number formats and are never interleaved. Inside a layer each head's tokens
// lie in one stream: decoding reads every byte of it once, in order.
#pragma once
#include <cstdint>
#include <memory>

#include "engine/backend/backend.h"

namespace engine {

struct SigmaConfig;

struct CacheTypes {
  CacheType k = CacheType::f16, v = CacheType::f16;
};

class KvCache {
 public:
  // Room for n_ctx tokens in every layer, in the backend's memory; freed with the cache. The
  // backend must live longer. Throws Error{out_of_memory} naming the bytes asked for and
  // Error{invalid_input} where n_ctx is below 1 or absurd.
  KvCache(const SigmaConfig& config, int n_ctx, Backend& backend, CacheTypes types = {});

  // Bytes such a cache takes, before it is made.
  static uint64_t size_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend,
                             CacheTypes types = {});

  KvLayer layer(int layer) const;           // borrowed
  int n_ctx() const { return n_ctx_; }
  int n_tokens() const { return n_tokens_; }  // held now, 0..n_ctx
  CacheTypes types() const { return types_; }
  void truncate(int n_tokens);              // forget everything from this position on
  void append(int n_tokens);                // these were stored; the forward pass calls it

 private:
  int n_ctx_ = 0, n_tokens_ = 0;
  CacheTypes types_;
  size_t k_layer_bytes_ = 0, v_layer_bytes_ = 0;
  std::unique_ptr<Buffer> k_, v_;
};

}  // namespace engine
