// engine/model/kv_pool.h: the memory behind the key-value caches of one model, in blocks of 128
// tokens. Caches whose texts begin alike share the blocks of that beginning; a cache that goes on
// differently from inside a block takes a copy of it. What no cache uses any more stays, so that a
// later text with that beginning finds it, until its memory is wanted: then the block goes that was
// left alone longest.
//
// A block holds all layers' keys and then all layers' values, the two never interleaved:
//   [layer] what Backend::k_cache_bytes says for 128 tokens, [layer] the same for v
// Where layers are split between backends, each has its own layers' share of every block.
//
// Blocks that are full, or left behind, stand in a tree: the children of a block are what came after
// it. They never change any more. Safe from any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace engine {

struct SigmaConfig;

struct CacheTypes {
  CacheType k = CacheType::f16, v = CacheType::f16;
};

// So many layers, following those of the place before, compute on this backend.
struct LayerPlace {
  Backend* backend = nullptr;
  int n_layers = 0;
};

// What one of these places has of each block.
struct KvPart {
  Backend* backend = nullptr;
  int first_layer = 0, n_layers = 0;
  CacheTypes types;  // of the pool, or what the CPU has in their place
  size_t k_layer_bytes = 0, v_layer_bytes = 0;

  size_t block_bytes() const { return (k_layer_bytes + v_layer_bytes) * size_t(n_layers); }
  size_t values_offset() const { return k_layer_bytes * size_t(n_layers); }  // where the first layer's values begin
};

// Keys and values of up to KvPool::block_tokens tokens. Whoever made it writes it until it is
// published.
struct KvBlock {
  std::vector<std::unique_ptr<Buffer>> data;       // of each part
  std::vector<int32_t> tokens;                     // once published: those it holds
  std::vector<std::shared_ptr<KvBlock>> children;  // of the tree
  KvBlock* parent = nullptr;                       // in the tree; null: not published
  uint64_t last_used = 0;
};

class KvPool {
 public:
  static constexpr int block_tokens = kv_block_step;

  // budget_bytes bounds what blocks take, those that no cache uses included; 0: as much as the
  // caches that were alive at one time may need. Caches get their blocks even where they need more
  // than the budget. The backends must live longer.
  KvPool(const SigmaConfig& config, Backend& backend, CacheTypes types, uint64_t budget_bytes = 0);
  KvPool(const SigmaConfig& config, std::span<const LayerPlace> places, CacheTypes types, uint64_t budget_bytes = 0);

  CacheTypes types() const { return types_; }
  std::span<const KvPart> parts() const { return parts_; }
  size_t part_of(int layer) const;
  size_t block_bytes() const { return block_bytes_; }  // of all parts
  static int n_blocks_for(int n_tokens) { return (n_tokens + block_tokens - 1) / block_tokens; }
  // Bytes of a cache of n_ctx tokens that shares nothing.
  static uint64_t cache_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend, CacheTypes types);

  struct Usage {
    size_t n_blocks = 0, n_idle = 0;  // idle: used by no cache
    uint64_t size_bytes = 0;          // of all, and of memory kept for the next ones
  };
  Usage usage() const;
  void forget();  // gives back what no cache uses

 private:
  friend class KvCache;
  using Ref = std::shared_ptr<KvBlock>;

  // A cache of so many blocks begins or ends. Throws Error{out_of_memory} naming `what`.
  void reserve(int n_blocks, const std::string& what);
  void release(int n_blocks);

  Ref take_block();                           // empty; for one cache alone
  void give_back(Ref block);                  // the caller's reference; its memory if it was the last
  // Puts a block of these tokens behind `parent` (null: at the beginning) and returns the block that
  // stands there for them: this one, or one that was there before.
  Ref publish(const Ref& block, std::span<const int32_t> tokens, const Ref& parent);
  // Published blocks from the beginning on that hold the longest beginning of tokens; of the last
  // one perhaps not all. n_found: tokens.
  std::vector<Ref> find(std::span<const int32_t> tokens, size_t& n_found);
  // Where only the tree and n_mine references of the caller hold a block that nothing comes after
  // and memory is short, takes it out of the tree: it can be written again.
  bool reclaim(const Ref& block, long n_mine);

  using Memory = std::vector<std::unique_ptr<Buffer>>;  // of each part
  Memory allocate_locked();
  void give_back_locked(Ref& block);
  Ref evict_locked();   // the idle block unused longest, out of the tree; null: there is none
  size_t limit_locked() const;

  CacheTypes types_;
  std::vector<KvPart> parts_;
  size_t block_bytes_ = 0;
  uint64_t budget_bytes_;

  mutable std::mutex mutex_;
  KvBlock root_;
  std::vector<Memory> free_;
  size_t n_blocks_ = 0;                      // that hold memory, without free_
  size_t n_reserved_ = 0, most_reserved_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace engine
