// RoPE, the caches and attention on the GPU. A cache's block is K rows [page of 64 tokens][head][64][dim] of a layer, int8
// rows with their scales behind them, and V likewise.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/backend/cuda_backend.h"
#include "engine/base/error.h"

namespace engine {

using namespace kernels::cuda;

namespace {

// As in the kernels' names; null: caches that the GPU does not read.
const char* cache_name(CacheType type) {
  switch (type) {
    case CacheType::f32: return "f32";
    case CacheType::f16: return "f16";
    case CacheType::q8_0: return "q8";
    case CacheType::bf16: return "bf16";
    case CacheType::fp8: return "fp8";
    case CacheType::q4_0: break;
  }
  return nullptr;
}

int element_bytes(CacheType type) {
  return type == CacheType::f32 ? 4 : type == CacheType::f16 || type == CacheType::bf16 ? 2 : 1;
}

CacheNumbers cache_numbers(CacheType type) {
  return type == CacheType::f16    ? CacheNumbers::f16
         : type == CacheType::q8_0 ? CacheNumbers::q8
         : type == CacheType::bf16 ? CacheNumbers::bf16
                                   : CacheNumbers::fp8;
}

int64_t whole_pages(int n_tokens) { return (int64_t(n_tokens) + page_tokens - 1) / page_tokens * page_tokens; }

int64_t row_bytes_of(CacheType type, int n_heads, int dim, int n_tokens) {
  return (whole_pages(n_tokens) * n_heads * dim * element_bytes(type) + 255) / 256 * 256;
}

size_t cache_bytes(CacheType type, int n_heads, int dim, int n_tokens) {
  if (cache_name(type) == nullptr) {
    fail(ErrorKind::unsupported, "a cache of %s is not run on the GPU; take f16 or q8_0, or --gpu off", cache_type_name(type));
  }
  const int64_t scales = type == CacheType::q8_0 ? (whole_pages(n_tokens) * n_heads * 2 + 255) / 256 * 256 : 0;
  return size_t(row_bytes_of(type, n_heads, dim, n_tokens) + scales);
}

void check_types(const KvLayer& cache) {
  if (cache.k_type == cache.v_type) return;
  fail(ErrorKind::unsupported, "keys of %s beside values of %s are not run on the GPU; take one type, or --gpu off",
       cache_type_name(cache.k_type), cache_type_name(cache.v_type));
}

// n queries from one on.
AttentionParams from_query(AttentionParams p, int query, int n) {
  p.q += int64_t(query) * p.n_heads_q * p.dim_k;
  p.out += int64_t(query) * p.n_heads_q * p.dim_v;
  p.first_token += query;
  if (p.lengths) {
    p.lengths += query;
    p.k_pool.blocks += int64_t(query) * p.block_stride;
    p.v_pool.blocks += int64_t(query) * p.block_stride;
  }
  p.n_queries = n;
  return p;
}

constexpr int split_tokens = 4 * page_tokens;  // the least that a split has
constexpr int most_decoded_tokens = 8;         // more at once are a prompt

}  // namespace

size_t CudaBackend::k_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const {
  return cache_bytes(type, shape.n_heads_k, shape.head_dim_k, n_ctx);
}

size_t CudaBackend::v_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const {
  return cache_bytes(type, shape.n_heads_v, shape.head_dim_v, n_ctx);
}

uint32_t CudaBackend::cache_layout() const { return 0x43554401; }  // "CUD", 1

CachePool CudaBackend::pool(const KvLayer& cache, bool keys, const AttentionShape& shape, const Scratch& blocks) const {
  const CacheType type = keys ? cache.k_type : cache.v_type;
  const int n_heads = keys ? shape.n_heads_k : shape.n_heads_v, dim = keys ? shape.head_dim_k : shape.head_dim_v;
  CachePool p{};
  p.blocks = cache.blocks ? reinterpret_cast<const uint64_t*>(blocks.buffer->data()) : nullptr;
  p.base = cache.blocks ? (keys ? cache.k_offset : cache.v_offset) : reinterpret_cast<uint64_t>(keys ? cache.k : cache.v);
  p.scales_at = row_bytes_of(type, n_heads, dim, cache.piece_tokens());
  p.block_tokens = int(whole_pages(cache.piece_tokens()));
  return p;
}

// The cache's blocks up to n_tokens, sent where they are not those sent last.
void CudaBackend::prepare_blocks(const KvLayer& cache, int n_tokens) {
  if (cache.blocks == nullptr) return;
  CHECK_INVARIANT(cache.block_tokens > 0 && cache.block_tokens % page_tokens == 0);
  const size_t n = size_t((n_tokens + cache.block_tokens - 1) / cache.block_tokens);
  const size_t room = size_t((cache.n_ctx + cache.block_tokens - 1) / cache.block_tokens);
  if (blocks_sent_.size() >= n && std::equal(cache.blocks, cache.blocks + n, blocks_sent_.begin())) return;
  scratch(blocks_, std::max(n, room) * sizeof(uint64_t), "the cache's table of blocks");
  blocks_sent_.assign(cache.blocks, cache.blocks + n);
  if (step_read_) queue_.flush();
  queue_.upload_early(blocks_.buffer->address(), blocks_sent_.data(), n * sizeof(uint64_t));
}

// Cosine and sine of each pair at each position.
std::vector<float> CudaBackend::turns_of(const Rope& rope, std::span<const int32_t> positions) const {
  std::vector<float> turns;
  turns.reserve(positions.size() * rope.frequencies.size() * 2);
  for (const int32_t position : positions) {
    for (const double frequency : rope.frequencies) {
      const double angle = double(position) * frequency;
      turns.push_back(float(std::cos(angle)));
      turns.push_back(float(std::sin(angle)));
    }
  }
  return turns;
}

// All layers of a pass stand at the same tokens: what they need is sent once.
void CudaBackend::prepare_step(const Rope& rope, const KvLayer& cache, int first_position, int n_tokens) {
  prepare_blocks(cache, first_position + n_tokens);
  const bool same_turns = std::equal(rope.frequencies.begin(), rope.frequencies.end(), turn_frequencies_.begin(),
                                     turn_frequencies_.end());
  if (same_turns && state_position_ == first_position && state_tokens_ == n_tokens) return;
  if (step_read_) queue_.flush();
  std::vector<int32_t> positions(static_cast<size_t>(n_tokens));
  std::iota(positions.begin(), positions.end(), first_position);
  const std::vector<float> turns = turns_of(rope, positions);
  scratch(state_, sizeof(StepState), "the state of a step");
  scratch(turns_, turns.size() * sizeof(float), "rotary positions");
  const StepState state{first_position, n_tokens};
  queue_.upload_early(turns_.buffer->address(), turns.data(), turns.size() * sizeof(float));
  queue_.upload_early(state_.buffer->address(), &state, sizeof(state));
  turn_frequencies_.assign(rope.frequencies.begin(), rope.frequencies.end());
  state_position_ = first_position;
  state_tokens_ = n_tokens;
}

// A token's table has room for the longest context, so that it lies at the same place from step to step.
void CudaBackend::prepare_batch(const Rope& rope, std::span<const KvRun> runs) {
  int stride = 0;
  for (const KvRun& run : runs) {
    CHECK_INVARIANT(run.cache.blocks != nullptr && run.cache.block_tokens > 0 && run.cache.block_tokens % page_tokens == 0);
    stride = std::max(stride, (run.cache.n_ctx + run.cache.block_tokens - 1) / run.cache.block_tokens);
  }
  std::vector<int32_t> lengths, positions;
  std::vector<uint64_t> tables;
  for (const KvRun& run : runs) {
    const auto n_blocks = size_t((run.first_position + run.n_tokens + run.cache.block_tokens - 1) / run.cache.block_tokens);
    for (int i = 0; i < run.n_tokens; ++i) {
      positions.push_back(run.first_position + i);
      lengths.push_back(run.first_position + i + 1);
      for (size_t b = 0; b < size_t(stride); ++b) {
        tables.push_back(b < n_blocks ? reinterpret_cast<uint64_t>(run.cache.blocks[b]) : 0);
      }
    }
  }
  const bool same_turns = std::equal(rope.frequencies.begin(), rope.frequencies.end(), batch_frequencies_.begin(), batch_frequencies_.end());
  const bool same_tables = tables == tables_sent_ && stride == table_stride_;
  if (same_turns && same_tables && lengths == lengths_sent_) return;
  if (step_read_) queue_.flush();
  if (!same_tables) {
    scratch(tables_, tables.size() * sizeof(uint64_t), "the caches' tables of blocks");
    queue_.upload_early(tables_.buffer->address(), tables.data(), tables.size() * sizeof(uint64_t));
    tables_sent_ = std::move(tables);
    table_stride_ = stride;
  }
  const std::vector<float> turns = turns_of(rope, positions);
  scratch(lengths_, lengths.size() * sizeof(int32_t), "the lengths of a batch");
  scratch(batch_turns_, turns.size() * sizeof(float), "rotary positions");
  queue_.upload_early(lengths_.buffer->address(), lengths.data(), lengths.size() * sizeof(int32_t));
  queue_.upload_early(batch_turns_.buffer->address(), turns.data(), turns.size() * sizeof(float));
  lengths_sent_ = std::move(lengths);
  batch_frequencies_.assign(rope.frequencies.begin(), rope.frequencies.end());
}

void CudaBackend::store(const AttentionShape& shape, const Rope& rope, const KvLayer& cache, RopeStoreParams& p, int n_tokens) {
  step_read_ = true;
  p.n_heads_q = shape.n_heads_q;
  p.n_heads_k = shape.n_heads_k;
  p.n_heads_v = shape.n_heads_v;
  p.dim_k = shape.head_dim_k;
  p.dim_v = shape.head_dim_v;
  p.interleaved = rope.interleaved ? 1 : 0;
  const unsigned heads = unsigned(shape.n_heads_q + shape.n_heads_k + shape.n_heads_v);
  queue_.launch("any", std::string("rope_store_") + cache_name(cache.k_type),
                {.grid = {unsigned(n_tokens), heads, 1}, .threads = 64, .shared_bytes = unsigned(shape.head_dim_k) * 4}, p);
}

void CudaBackend::rope_and_store(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                                 const KvLayer& cache, int first_position, int n_tokens) {
  if (n_tokens == 0 || stopped()) return;
  check_types(cache);
  CHECK_INVARIANT(int(rope.frequencies.size()) * 2 == shape.head_dim_k);
  prepare_step(rope, cache, first_position, n_tokens);
  RopeStoreParams p{};
  p.q = q;
  p.k = k;
  p.v = v;
  p.turns = reinterpret_cast<const float*>(turns_.buffer->data());
  p.k_pool = pool(cache, true, shape, blocks_);
  p.v_pool = pool(cache, false, shape, blocks_);
  p.state = reinterpret_cast<const StepState*>(state_.buffer->data());
  store(shape, rope, cache, p, n_tokens);
}

void CudaBackend::rope_and_store_runs(const AttentionShape& shape, const Rope& rope, float* q, const float* k, const float* v,
                                      std::span<const KvRun> runs) {
  if (runs.size() == 1) {
    return rope_and_store(shape, rope, q, k, v, runs[0].cache, runs[0].first_position, runs[0].n_tokens);
  }
  if (stopped()) return;
  for (const KvRun& run : runs) check_types(run.cache);
  CHECK_INVARIANT(int(rope.frequencies.size()) * 2 == shape.head_dim_k);
  prepare_batch(rope, runs);
  RopeStoreParams p{};
  p.q = q;
  p.k = k;
  p.v = v;
  p.turns = reinterpret_cast<const float*>(batch_turns_.buffer->data());
  p.k_pool = pool(runs[0].cache, true, shape, tables_);
  p.v_pool = pool(runs[0].cache, false, shape, tables_);
  p.lengths = reinterpret_cast<const int32_t*>(lengths_.buffer->data());
  p.block_stride = table_stride_;
  store(shape, rope, runs[0].cache, p, int(lengths_sent_.size()));
}

void CudaBackend::attention(const AttentionShape& shape, const float* q, const KvLayer& cache, float* out,
                            int first_position, int n_tokens) {
  if (n_tokens == 0 || stopped()) return;
  CHECK_INVARIANT(state_position_ >= 0 && first_position >= state_position_);
  AttentionParams p{};
  p.q = q;
  p.out = out;
  p.k_pool = pool(cache, true, shape, blocks_);
  p.v_pool = pool(cache, false, shape, blocks_);
  p.state = reinterpret_cast<const StepState*>(state_.buffer->data());
  p.first_token = first_position - state_position_;
  p.n_queries = n_tokens;
  attend(shape, cache, p, cache.n_ctx, first_position + n_tokens);
}

// Of the tokens that rope_and_store_runs stored last: each is a query with a length and a table of its own.
void CudaBackend::attend_runs(const AttentionShape& shape, const float* q, std::span<const KvRun> runs, float* out) {
  if (runs.size() == 1) return attention(shape, q, runs[0].cache, out, runs[0].first_position, runs[0].n_tokens);
  if (stopped()) return;
  AttentionParams p{};
  int n_ctx = 0, n_keys = 0;
  for (const KvRun& run : runs) {
    p.n_queries += run.n_tokens;
    n_ctx = std::max(n_ctx, run.cache.n_ctx);
    n_keys = std::max(n_keys, run.first_position + run.n_tokens);
  }
  CHECK_INVARIANT(size_t(p.n_queries) == lengths_sent_.size());
  p.q = q;
  p.out = out;
  p.k_pool = pool(runs[0].cache, true, shape, tables_);
  p.v_pool = pool(runs[0].cache, false, shape, tables_);
  p.lengths = reinterpret_cast<const int32_t*>(lengths_.buffer->data());
  p.block_stride = table_stride_;
  attend(shape, runs[0].cache, p, n_ctx, n_keys);
}

void CudaBackend::attend(const AttentionShape& shape, const KvLayer& cache, AttentionParams& p, int n_ctx, int n_keys) {
  const int n_tokens = p.n_queries;
  p.scale_log2 = float(1.4426950408889634 / std::sqrt(double(shape.head_dim_k)));
  p.n_heads_q = shape.n_heads_q;
  p.n_heads_k = shape.n_heads_k;
  p.n_heads_v = shape.n_heads_v;
  p.dim_k = shape.head_dim_k;
  p.dim_v = shape.head_dim_v;
  if (shape.selective_v_top_k > 0 && exact_ && n_tokens > 1) {
    // Alone, a token with few enough keys takes another way than one with more.
    for (int query = 0; query < n_tokens; ++query) {
      AttentionParams one = from_query(p, query, 1);
      attend(shape, cache, one, n_ctx, p.lengths ? lengths_sent_[size_t(query)] : n_keys - n_tokens + query + 1);
    }
    return;
  }
  if (shape.selective_v_top_k > 0 && shape.selective_v_top_k < n_keys) {
    return attend_selected(p, shape.selective_v_top_k, cache.k_type, n_ctx, n_keys);
  }
  const DecodeInstance* const instance =
      cache.k_type != CacheType::f32
          ? find_decode_instance(cache_numbers(cache.k_type), p.n_heads_q, p.n_heads_k, p.n_heads_v, p.dim_k, p.dim_v) : nullptr;
  p.heads_per_cta = instance ? decode_heads_per_cta(p.n_heads_q, p.n_heads_k, p.n_heads_v, instance->n_v) : 1;
  if (instance && n_tokens > most_decoded_tokens && !exact_ && p.lengths == nullptr) return attend_prompt(p, *instance);

  // Two CTAs for each multiprocessor, and never less than a split's least, whatever the context has room for: the same
  // grid then serves every step of a decoding graph.
  const int n_groups = shape.n_heads_q / p.heads_per_cta;
  const int room = int((int64_t(n_ctx) + split_tokens - 1) / split_tokens);
  const int wanted = device_.n_multiprocessors() * 2 / std::max(1, n_groups * (exact_ ? 1 : n_tokens));
  p.max_splits = std::clamp(wanted, 1, room);
  const size_t n_results = size_t(n_tokens) * size_t(shape.n_heads_q) * size_t(p.max_splits);
  const size_t out_bytes = n_results * size_t(shape.head_dim_v) * 4;
  std::byte* const partials = scratch(partials_, out_bytes + n_results * 8, "partial attention");
  p.partial_out = reinterpret_cast<float*>(partials);
  p.partial_max_sum = reinterpret_cast<float*>(partials + out_bytes);
  const size_t arrived_bytes = size_t(n_tokens) * size_t(n_groups) * 4;
  const std::byte* const before = arrived_.buffer ? arrived_.buffer->data() : nullptr;
  p.arrived = reinterpret_cast<int32_t*>(scratch(arrived_, arrived_bytes, "attention counters"));
  if (arrived_.buffer->data() != before || arrived_zeroed_ < arrived_bytes) {
    queue_.zero(arrived_.buffer->address(), arrived_.buffer->size_bytes());  // kernels leave them at zero
    arrived_zeroed_ = arrived_.buffer->size_bytes();
  }
  const unsigned shared = instance ? unsigned(instance->shared_bytes()) : unsigned(p.dim_k + p.dim_v) * 4;
  const std::string name = instance ? instance->name : std::string("dq_any_") + cache_name(cache.k_type);
  queue_.launch(instance ? "decode" : "any", name,
                {.grid = {unsigned(p.max_splits), unsigned(n_groups), unsigned(n_tokens)}, .threads = 128, .shared_bytes = shared}, p);
}

// A run of tokens reads K and V once, and each Q head of a CTA has a warp or more.
void CudaBackend::attend_prompt(const AttentionParams& p, const DecodeInstance& instance) {
  const int heads = p.heads_per_cta, at_once = instance.prefill_tokens(heads);
  const unsigned n_blocks = unsigned((p.n_queries + at_once - 1) / at_once), n_groups = unsigned(p.n_heads_q / heads);
  queue_.launch("prefill_attention", instance.prefill_name,
                {.grid = {n_blocks, n_groups, 1}, .threads = unsigned(heads * DecodeInstance::prefill_ways(heads) * 32),
                 .shared_bytes = unsigned(instance.prefill_shared_bytes())}, p);
}

// Selective V: scores of all keys, the largest of each head, their rows of V. Queries go in groups whose scores fit.
void CudaBackend::attend_selected(const AttentionParams& all, int top_k, CacheType cache_type, int n_ctx, int n_keys) {
  constexpr size_t most_score_bytes = size_t(64) << 20;
  const unsigned n_heads = unsigned(all.n_heads_q);
  SelectParams p{};
  p.top_k = top_k;
  // A decoding step's grid is that of the whole context, so that its graph serves every length.
  p.max_tokens = int(whole_pages(all.n_queries == 1 || all.lengths ? std::max(n_ctx, n_keys) : n_keys));
  const size_t query_bytes = size_t(n_heads) * size_t(p.max_tokens) * 4;
  const int at_once = int(std::clamp<size_t>(most_score_bytes / query_bytes, 1, size_t(all.n_queries)));
  const size_t chosen_bytes = size_t(at_once) * n_heads * size_t(top_k) * 4;
  std::byte* const memory = scratch(selected_, query_bytes * size_t(at_once) + 2 * chosen_bytes, "selected values");
  p.scores = reinterpret_cast<float*>(memory);
  p.chosen = reinterpret_cast<int32_t*>(memory + query_bytes * size_t(at_once));
  p.weights = reinterpret_cast<float*>(memory + query_bytes * size_t(at_once) + chosen_bytes);
  const std::string type = cache_name(cache_type);
  for (int query = 0; query < all.n_queries; query += at_once) {
    const unsigned n = unsigned(std::min(at_once, all.n_queries - query));
    p.a = from_query(all, query, int(n));
    queue_.launch("select", "select_scores_" + type,
                  {.grid = {unsigned((p.max_tokens + 255) / 256), n_heads, n}, .threads = 128, .shared_bytes = unsigned(all.dim_k) * 4}, p);
    queue_.launch("select", "select_top", {.grid = {n_heads, n, 1}, .threads = 256}, p);
    queue_.launch("select", "select_gather_" + type, {.grid = {n_heads, n, 1}, .threads = 128}, p);
  }
}

}  // namespace engine
