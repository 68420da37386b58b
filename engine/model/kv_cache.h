// engine/model/kv_cache.h: keys and values of past tokens.
// DiffQKV (arXiv:2501.13629) lets K have fewer or smaller heads than V, so the two have their own
// shapes and number formats and are never interleaved. The memory comes from a KvPool, in blocks
// that caches with a common beginning share; inside a block each head's tokens of a layer lie in one
// stream: decoding reads every byte of it once, in order.
//
// One thread at a time; caches of one pool may be used from several threads.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/kv_pool.h"

namespace engine {

class KvCache {
 public:
  // Room for n_ctx tokens in every layer, in the backend's memory, taken as it is needed. The first
  // form has a pool of its own; the backend must live longer. Throws Error{out_of_memory} naming
  // the bytes where all of it together is more than there is now, and Error{invalid_input} where
  // n_ctx is below 1 or absurd.
  KvCache(const SigmaConfig& config, int n_ctx, Backend& backend, CacheTypes types = {});
  KvCache(std::shared_ptr<KvPool> pool, int n_ctx);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // Bytes such a cache takes when full, before it is made.
  static uint64_t size_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend,
                             CacheTypes types = {});

  int n_ctx() const { return n_ctx_; }
  int n_tokens() const { return int(tokens_.size()); }  // held now, 0..n_ctx
  std::span<const int32_t> tokens() const { return tokens_; }
  CacheTypes types() const { return pool_->types(); }
  const KvPool& pool() const { return *pool_; }

  void truncate(int n_tokens);  // forget everything from this position on
  // Begins a text: keeps the longest beginning of it that this cache, or any other of the pool, has
  // held, and forgets the rest. Returns n_tokens().
  int begin(std::span<const int32_t> tokens);

  // For the forward pass: room for n more tokens in blocks of this cache alone, then layers to
  // write to and read from (borrowed until the next change), then what was stored.
  void prepare(int n);
  KvLayer layer(int layer) const;
  void append(std::span<const int32_t> tokens);

  // For saved caches: what a part of the pool has of block i.
  Buffer& block(int i, size_t part = 0) const { return *blocks_[size_t(i)]->data[part]; }

 private:
  using Ref = std::shared_ptr<KvBlock>;
  int n_full_blocks() const { return n_tokens() / KvPool::block_tokens; }
  void publish_full_blocks();
  void leave_to_pool(int n_kept);  // publishes all; n_kept tokens will be kept
  void set_blocks(std::vector<Ref> blocks, int n_tokens);
  void add_block(Ref block, Ref published);
  void drop_blocks(size_t n_kept);

  std::shared_ptr<KvPool> pool_;
  int n_ctx_ = 0;
  std::vector<int32_t> tokens_;
  std::vector<Ref> blocks_;
  // The tree's block for the tokens of blocks_[i]: the same, another with these tokens, or none yet.
  std::vector<Ref> published_;
  std::vector<std::vector<std::byte*>> data_;  // of blocks_, in each part
};

}  // namespace engine
