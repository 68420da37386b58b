#include "engine/model/kv_cache.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/model/sigma_config.h"

namespace engine {
namespace {

constexpr int max_context = 1 << 26;
constexpr int block_tokens = KvPool::block_tokens;
// A shorter rest of a text is computed again sooner than it is worth a block.
constexpr int least_shared = 16;

}  // namespace

KvCache::KvCache(const SigmaConfig& config, int n_ctx, Backend& backend, CacheTypes types)
    : KvCache(std::make_shared<KvPool>(config, backend, types), n_ctx) {}

KvCache::KvCache(std::shared_ptr<KvPool> pool, int n_ctx) : pool_(std::move(pool)), n_ctx_(n_ctx) {
  if (n_ctx < 1 || n_ctx > max_context) {
    fail(ErrorKind::invalid_input, "a context of %d tokens was asked for; it must be 1 to %d", n_ctx,
         max_context);
  }
  data_.resize(pool_->parts().size());
  pool_->reserve(KvPool::n_blocks_for(n_ctx), format("the cache for %d tokens (keys and values)", n_ctx));
}

KvCache::~KvCache() {
  try {
    leave_to_pool(0);
  } catch (...) {  // no memory to note it: it is forgotten
  }
  drop_blocks(0);
  pool_->release(KvPool::n_blocks_for(n_ctx_));
}

uint64_t KvCache::size_bytes(const SigmaConfig& config, int n_ctx, const Backend& backend,
                             CacheTypes types) {
  return KvPool::cache_bytes(config, n_ctx, backend, types);
}

KvLayer KvCache::layer(int layer) const {
  const size_t index = pool_->part_of(layer);
  const KvPart& part = pool_->parts()[index];
  const auto in_part = size_t(layer - part.first_layer);
  return {.k_type = part.types.k,
          .v_type = part.types.v,
          .n_ctx = n_ctx_,
          .blocks = data_[index].data(),
          .k_offset = part.k_layer_bytes * in_part,
          .v_offset = part.values_offset() + part.v_layer_bytes * in_part,
          .block_tokens = block_tokens};
}

void KvCache::truncate(int n_kept) {
  CHECK_INVARIANT(n_kept >= 0 && n_kept <= n_tokens());
  tokens_.resize(size_t(n_kept));
  drop_blocks(size_t(KvPool::n_blocks_for(n_kept)));
}

void KvCache::append(std::span<const int32_t> tokens) {
  CHECK_INVARIANT(tokens.size() + tokens_.size() <= blocks_.size() * size_t(block_tokens));
  CHECK_INVARIANT(tokens.size() + tokens_.size() <= size_t(n_ctx_));
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

void KvCache::prepare(int n) {
  CHECK_INVARIANT(n >= 0 && n <= n_ctx_ - n_tokens());
  publish_full_blocks();
  const int n_full = n_full_blocks();
  if (n_tokens() % block_tokens != 0) {
    const auto last = size_t(n_full);
    if (blocks_[last]->parent != nullptr) {
      const long n_mine = published_[last] == blocks_[last] ? 2 : 1;
      if (!pool_->reclaim(blocks_[last], n_mine)) {
        Ref copy = pool_->take_block();
        for (size_t i = 0; i < data_.size(); ++i) {
          pool_->parts()[i].backend->copy(*copy->data[i], *blocks_[last]->data[i]);
          data_[i][last] = copy->data[i]->data();
        }
        blocks_[last].swap(copy);
        pool_->give_back(std::move(copy));
      }
    }
    pool_->give_back(std::move(published_[last]));
  }
  while (blocks_.size() < size_t(KvPool::n_blocks_for(n_tokens() + n))) add_block(pool_->take_block(), nullptr);
}

void KvCache::publish_full_blocks() {
  for (size_t i = 0; i < size_t(n_full_blocks()); ++i) {
    if (published_[i] != nullptr) continue;
    const auto tokens = std::span(tokens_).subspan(i * size_t(block_tokens), size_t(block_tokens));
    published_[i] = pool_->publish(blocks_[i], tokens, i > 0 ? published_[i - 1] : nullptr);
  }
}

void KvCache::leave_to_pool(int n_kept) {
  publish_full_blocks();
  const auto last = size_t(n_full_blocks());
  const int n_rest = n_tokens() % block_tokens;
  if (n_rest < least_shared || n_kept == n_tokens() || published_[last] != nullptr) return;
  published_[last] = pool_->publish(blocks_[last], std::span(tokens_).last(size_t(n_rest)),
                                    last > 0 ? published_[last - 1] : nullptr);
}

int KvCache::begin(std::span<const int32_t> tokens) {
  if (tokens.size() > size_t(n_ctx_)) tokens = tokens.first(size_t(n_ctx_));
  const size_t n_most = std::min(tokens.size(), tokens_.size());
  const auto own = size_t(std::mismatch(tokens.begin(), tokens.begin() + std::ptrdiff_t(n_most), tokens_.begin()).first -
                          tokens.begin());
  leave_to_pool(int(own));
  size_t n_found = 0;
  std::vector<Ref> found = pool_->find(tokens, n_found);
  // A few tokens of a block are not worth its copy.
  const size_t n_partial = n_found % size_t(block_tokens);
  if (n_partial > 0 && n_partial < size_t(least_shared)) {
    pool_->give_back(std::move(found.back()));
    found.pop_back();
    n_found -= n_partial;
  }
  if (n_found > own) {
    set_blocks(std::move(found), 0);
    tokens_.assign(tokens.begin(), tokens.begin() + std::ptrdiff_t(n_found));
  } else {
    truncate(int(own));
    for (Ref& block : found) pool_->give_back(std::move(block));
  }
  return n_tokens();
}

void KvCache::set_blocks(std::vector<Ref> blocks, int n_tokens) {
  drop_blocks(0);
  tokens_.resize(size_t(n_tokens));
  for (Ref& block : blocks) {
    Ref published = block;
    add_block(std::move(block), std::move(published));
  }
}

void KvCache::add_block(Ref block, Ref published) {
  for (size_t i = 0; i < data_.size(); ++i) data_[i].push_back(block->data[i]->data());
  blocks_.push_back(std::move(block));
  published_.push_back(std::move(published));
}

void KvCache::drop_blocks(size_t n_kept) {
  while (blocks_.size() > n_kept) {
    // The tree's reference first: the memory of a block goes with its last one.
    pool_->give_back(std::move(published_.back()));
    pool_->give_back(std::move(blocks_.back()));
    published_.pop_back();
    blocks_.pop_back();
    for (auto& data : data_) data.pop_back();
  }
}

}  // namespace engine
