#include "engine/model/kv_pool.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/sigma_config.h"

namespace engine {
namespace {

AttentionShape shape_of(const SigmaConfig& config) {
  return {config.n_heads_q, config.n_heads_k, config.n_heads_v, config.head_dim_k, config.head_dim_v,
          config.selective_v_top_k};
}

constexpr size_t round_up_64(size_t n) { return (n + 63) / 64 * 64; }

size_t common_length(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t n = std::min(a.size(), b.size());
  return size_t(std::mismatch(a.begin(), a.begin() + std::ptrdiff_t(n), b.begin()).first - a.begin());
}

}  // namespace

KvPool::KvPool(const SigmaConfig& config, Backend& backend, CacheTypes types, uint64_t budget_bytes)
    : KvPool(config, std::vector<LayerPlace>{{&backend, config.n_layers}}, types, budget_bytes) {}

KvPool::KvPool(const SigmaConfig& config, std::span<const LayerPlace> places, CacheTypes types, uint64_t budget_bytes)
    : types_(types), budget_bytes_(budget_bytes) {
  const AttentionShape shape = shape_of(config);
  int first_layer = 0;
  for (const LayerPlace& place : places) {
    KvPart part{.backend = place.backend, .first_layer = first_layer, .n_layers = place.n_layers, .types = types};
    if (places.size() > 1 && !place.backend->is_gpu()) part.types = {cpu_cache_type(types.k), cpu_cache_type(types.v)};
    part.k_layer_bytes = round_up_64(place.backend->k_cache_bytes(shape, part.types.k, block_tokens));
    part.v_layer_bytes = round_up_64(place.backend->v_cache_bytes(shape, part.types.v, block_tokens));
    block_bytes_ += part.block_bytes();
    first_layer += place.n_layers;
    parts_.push_back(part);
  }
  CHECK_INVARIANT(first_layer == config.n_layers);
}

size_t KvPool::part_of(int layer) const {
  size_t part = 0;
  while (layer >= parts_[part].first_layer + parts_[part].n_layers) ++part;
  return part;
}

uint64_t KvPool::cache_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend, CacheTypes types) {
  const AttentionShape shape = shape_of(config);
  const uint64_t layer = round_up_64(backend.k_cache_bytes(shape, types.k, block_tokens)) +
                         round_up_64(backend.v_cache_bytes(shape, types.v, block_tokens));
  return layer * uint64_t(config.n_layers) * uint64_t(n_blocks_for(n_ctx));
}

KvPool::Usage KvPool::usage() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Usage usage{.n_blocks = n_blocks_, .size_bytes = (n_blocks_ + free_.size()) * block_bytes_};
  std::vector<const KvBlock*> open = {&root_};
  while (!open.empty()) {
    const KvBlock* at = open.back();
    open.pop_back();
    for (const Ref& child : at->children) {
      usage.n_idle += child.use_count() == 1;
      open.push_back(child.get());
    }
  }
  return usage;
}

void KvPool::forget() {
  const std::lock_guard<std::mutex> lock(mutex_);
  while (evict_locked()) {
  }
  free_.clear();
}

size_t KvPool::limit_locked() const {
  return std::max(budget_bytes_ > 0 ? size_t(budget_bytes_ / block_bytes_) : most_reserved_, n_reserved_);
}

void KvPool::reserve(int n_blocks, const std::string& what) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // Idle blocks make room, so only what lies beyond the memory held already must be free.
  const size_t held = n_blocks_ + free_.size(), wanted = n_reserved_ + size_t(n_blocks);
  for (const KvPart& part : parts_) {
    if (wanted > held) part.backend->require_memory(uint64_t(wanted - held) * part.block_bytes(), what);
  }
  n_reserved_ = wanted;
  most_reserved_ = std::max(most_reserved_, n_reserved_);
}

void KvPool::release(int n_blocks) {
  const std::lock_guard<std::mutex> lock(mutex_);
  n_reserved_ -= size_t(n_blocks);
}

KvPool::Ref KvPool::take_block() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty() && n_blocks_ >= limit_locked()) evict_locked();
  auto block = std::make_shared<KvBlock>();
  if (!free_.empty()) {
    block->data = std::move(free_.back());
    free_.pop_back();
  } else {
    block->data = allocate_locked();
  }
  ++n_blocks_;
  return block;
}

// What no cache uses makes room where the device has no more.
KvPool::Memory KvPool::allocate_locked() {
  try {
    Memory data;
    for (const KvPart& part : parts_) data.push_back(part.backend->allocate(part.block_bytes(), "a block of the key-value cache"));
    return data;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::out_of_memory || evict_locked() == nullptr) throw;
  }
  Memory data = std::move(free_.back());
  free_.pop_back();
  return data;
}

void KvPool::give_back(Ref block) {
  const std::lock_guard<std::mutex> lock(mutex_);
  give_back_locked(block);
}

void KvPool::give_back_locked(Ref& block) {
  if (block == nullptr) return;
  block->last_used = ++clock_;
  if (block->parent == nullptr && block.use_count() == 1) {
    free_.push_back(std::move(block->data));
    --n_blocks_;
  }
  block.reset();
}

KvPool::Ref KvPool::evict_locked() {
  KvBlock* oldest = nullptr;
  std::vector<KvBlock*> open = {&root_};
  while (!open.empty()) {
    KvBlock* at = open.back();
    open.pop_back();
    for (const Ref& child : at->children) {
      if (!child->children.empty()) {
        open.push_back(child.get());
      } else if (child.use_count() == 1 && (oldest == nullptr || child->last_used < oldest->last_used)) {
        oldest = child.get();
      }
    }
  }
  if (oldest == nullptr) return nullptr;
  auto& siblings = oldest->parent->children;
  const auto at = std::find_if(siblings.begin(), siblings.end(), [&](const Ref& one) { return one.get() == oldest; });
  Ref block = std::move(*at);
  siblings.erase(at);
  block->parent = nullptr;
  free_.push_back(std::move(block->data));
  --n_blocks_;
  return block;
}

KvPool::Ref KvPool::publish(const Ref& block, std::span<const int32_t> tokens, const Ref& parent) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK_INVARIANT(block->parent == nullptr && !tokens.empty() && tokens.size() <= size_t(block_tokens));
  KvBlock& above = parent != nullptr ? *parent : root_;
  for (const Ref& child : above.children) {
    // One that holds these tokens and more serves as well.
    if (common_length(child->tokens, tokens) == tokens.size()) return child;
  }
  // What it holds the beginning of is not needed beside it, unless somebody uses it.
  std::erase_if(above.children, [&](Ref& child) {
    const bool covered = child->children.empty() && child.use_count() == 1 &&
                         common_length(child->tokens, tokens) == child->tokens.size();
    if (covered) {
      free_.push_back(std::move(child->data));
      --n_blocks_;
    }
    return covered;
  });
  block->tokens.assign(tokens.begin(), tokens.end());
  block->parent = &above;
  block->last_used = ++clock_;
  above.children.push_back(block);
  return block;
}

std::vector<KvPool::Ref> KvPool::find(std::span<const int32_t> tokens, size_t& n_found) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Ref> path;
  n_found = 0;
  for (KvBlock* at = &root_; n_found < tokens.size();) {
    Ref best;
    size_t n_best = 0;
    for (const Ref& child : at->children) {
      const size_t n = common_length(child->tokens, tokens.subspan(n_found));
      if (n > n_best) {
        n_best = n;
        best = child;
      }
    }
    if (best == nullptr) break;
    best->last_used = ++clock_;
    n_found += n_best;
    at = best.get();
    path.push_back(std::move(best));
    if (n_best < size_t(block_tokens)) break;
  }
  return path;
}

bool KvPool::reclaim(const Ref& block, long n_mine) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!free_.empty() || n_blocks_ < limit_locked()) return false;
  if (block->parent == nullptr || !block->children.empty() || block.use_count() != n_mine + 1) return false;
  std::erase(block->parent->children, block);
  block->parent = nullptr;
  block->tokens.clear();
  return true;
}

}  // namespace engine
