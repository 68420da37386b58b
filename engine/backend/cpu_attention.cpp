// RoPE, the KV cache and attention on the CPU. kernels/shapes.h has the cache's layout.
//
// Query heads that share K or V heads form a group (gcd(n_heads_k, n_heads_v) of them), and a work
// item is a group, a block of tokens and, when decoding, a range of keys. Inside, a block of keys
// gets the scores of all rows (query head, token) of each K head in one pass over its keys, an
// online softmax, and the weighted sums of all rows of each V head in one pass over its values: so
// every key and value row leaves memory once, however many query heads share it. Ranges of keys are
// cut by length alone, never by thread count, and merged in order: results don't depend on threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "engine/backend/cpu_backend.h"
#include "engine/base/error.h"
#include "kernels/quant.h"
#include "kernels/shapes.h"

namespace engine {
namespace {

using kernels::CacheKind;

constexpr int keys_at_once = 128;   // 16 KB of f16 keys of 64: half of L1
constexpr int rows_at_once = 96;    // scores of a block: 48 KB
constexpr int min_split_keys = 512;
constexpr int max_splits = 32;
constexpr float hidden_score = -1e30f;
constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
static_assert(kv_block_step % keys_at_once == 0 && keys_at_once % kernels::value_tile(CacheKind::q8_0) == 0);

static_assert(int(CacheType::q8_0) == int(CacheKind::q8_0) && int(CacheType::f16) == int(CacheKind::f16) &&
              int(CacheType::q4_0) == int(CacheKind::q4_0));
CacheKind kind_of(CacheType type) { return CacheKind(int(type)); }
CacheKind kind_held(CacheType type) {
  if (cpu_cache_type(type) != type) {
    fail(ErrorKind::unsupported, "a cache of %s is held by GPUs alone; take %s", cache_type_name(type), cache_type_name(cpu_cache_type(type)));
  }
  return kind_of(type);
}

kernels::WeightType key_type(CacheType type) {
  switch (type) {
    case CacheType::f32: return kernels::WeightType::f32;
    case CacheType::f16: return kernels::WeightType::f16;
    case CacheType::q8_0: return kernels::WeightType::q8_0;
    case CacheType::q4_0: return kernels::WeightType::q4_0;
    case CacheType::bf16:
    case CacheType::fp8: break;
  }
  return kernels::WeightType::f32;
}

// Puts numbers into a block of a quantised cache as they come.
struct CacheBlock {
  CacheKind kind;
  std::byte* block;
  int n_tokens;

  void put_scale(int token, uint16_t scale) const { std::memcpy(block + token * 2, &scale, 2); }
  // q as the file formats have it: -127..127, or 0..15.
  void put(int outer, int inner, int n_inner, int8_t q) const {
    std::byte& at = block[n_tokens * 2 + kernels::quant_byte(kind, outer, inner, n_inner)];
    if (kind == CacheKind::q8_0) {
      at = std::byte(uint8_t(q) ^ 0x80);
    } else {
      const int shift = kernels::quant_shift(kind, outer);
      at = (at & std::byte(0xF0 >> shift)) | std::byte(uint8_t(q) << shift);
    }
  }
};

}  // namespace

size_t CpuBackend::k_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const {
  return size_t(shape.n_heads_k) * size_t(kernels::key_head_bytes(kind_held(type), shape.head_dim_k, n_ctx));
}

size_t CpuBackend::v_cache_bytes(const AttentionShape& shape, CacheType type, int n_ctx) const {
  return size_t(shape.n_heads_v) * size_t(kernels::value_head_bytes(kind_held(type), shape.head_dim_v, n_ctx));
}

// ---- storing

void CpuBackend::find_turns(const Rope& rope, int first_position, int n_tokens) {
  const std::span<const double> f = rope.frequencies;
  if (turn_position_ == first_position && turn_tokens_ == n_tokens &&
      std::equal(f.begin(), f.end(), turn_frequencies_.begin(), turn_frequencies_.end())) {
    return;
  }
  turn_frequencies_.assign(f.begin(), f.end());
  turn_position_ = first_position;
  turn_tokens_ = n_tokens;
  float* turns = turns_.floats(size_t(n_tokens) * f.size() * 2 + 1, "rope angles");
  for (int t = 0; t < n_tokens; ++t) {
    for (size_t i = 0; i < f.size(); ++i) {
      // The angle as f32 would be off by 1e-3 at position 64 K.
      const double angle = double(first_position + t) * f[i];
      *turns++ = float(std::cos(angle));
      *turns++ = float(std::sin(angle));
    }
  }
}

uint16_t CpuBackend::quantize_for_cache(kernels::CacheKind kind, const float* x, int n, int8_t* q) const {
  alignas(64) float part[32] = {};
  std::copy_n(x, n, part);
  uint16_t scale = 0;
  (kind == CacheKind::q8_0 ? kernels_.quantize_32 : kernels_.quantize_32_q4)(part, q, &scale);
  return scale;
}

void CpuBackend::store_token(const AttentionShape& shape, const KvLayer& cache, const float* k,
                             const float* v, int position) const {
  const int d_k = shape.head_dim_k, d_v = shape.head_dim_v, lane = position % kernels::key_tile;
  const int piece_tokens = cache.piece_tokens(), piece = position / piece_tokens;
  position -= piece * piece_tokens;
  const CacheKind k_kind = kind_of(cache.k_type), v_kind = kind_of(cache.v_type);
  for (int head = 0; head < shape.n_heads_k; ++head, k += d_k) {
    std::byte* tile = cache.k_piece(piece) + head * kernels::key_head_bytes(k_kind, d_k, piece_tokens) +
                      position / kernels::key_tile * kernels::key_tile_bytes(k_kind, d_k);
    if (k_kind == CacheKind::f32) {
      for (int i = 0; i < d_k; ++i) std::memcpy(tile + (i * kernels::key_tile + lane) * 4, k + i, 4);
    } else if (k_kind == CacheKind::f16) {
      for (int i = 0; i < d_k; ++i) {
        const uint16_t half = kernels::f32_to_f16(k[i]);
        std::memcpy(tile + (i * kernels::key_tile + lane) * 2, &half, 2);
      }
    } else {
      for (int i = 0; i < d_k; i += 32, tile += kernels::key_block_bytes(k_kind)) {
        alignas(64) int8_t q[32];
        const CacheBlock block{k_kind, tile, kernels::key_tile};
        block.put_scale(lane, quantize_for_cache(k_kind, k + i, std::min(32, d_k - i), q));
        for (int j = 0; j < 32; ++j) block.put(j, lane, kernels::key_tile, q[j]);
      }
    }
  }
  for (int head = 0; head < shape.n_heads_v; ++head, v += d_v) {
    std::byte* tile = cache.v_piece(piece) + head * kernels::value_head_bytes(v_kind, d_v, piece_tokens) +
                      position / kernels::value_tile(v_kind) * kernels::value_tile_bytes(v_kind, d_v);
    const int padded = kernels::padded_v(v_kind, d_v), in_tile = position % kernels::value_tile(v_kind);
    if (v_kind == CacheKind::f32) {
      std::byte* row = tile + in_tile * padded * 4;
      std::memcpy(row, v, size_t(d_v) * 4);
      std::memset(row + d_v * 4, 0, size_t(padded - d_v) * 4);
    } else if (v_kind == CacheKind::f16) {
      std::byte* row = tile + in_tile * padded * 2;
      kernels_.to_f16(v, reinterpret_cast<uint16_t*>(row), d_v);
      std::memset(row + d_v * 2, 0, size_t(padded - d_v) * 2);
    } else {
      for (int i = 0; i < padded; i += 32, tile += kernels::value_block_bytes(v_kind)) {
        alignas(64) int8_t q[32];
        const CacheBlock block{v_kind, tile, kernels::value_tile(v_kind)};
        block.put_scale(in_tile, quantize_for_cache(v_kind, v + i, std::min(32, d_v - i), q));
        for (int j = 0; j < 32; ++j) block.put(in_tile, j, 32, q[j]);
      }
    }
  }
}

void CpuBackend::rope_and_store(const AttentionShape& shape, const Rope& rope, float* q,
                                const float* k, const float* v, const KvLayer& cache,
                                int first_position, int n_tokens) {
  CHECK_INVARIANT(first_position >= 0 && n_tokens <= cache.n_ctx - first_position);
  CHECK_INVARIANT(int(rope.frequencies.size()) == shape.head_dim_k / 2);
  find_turns(rope, first_position, n_tokens);
  const int d = shape.head_dim_k, half = d / 2;
  const int step = rope.interleaved ? 1 : half, stride = rope.interleaved ? 2 : 1;
  const float* turns = turns_.floats(0, "rope angles");
  const auto turn = [&](const float* from, float* to, int t) {
    const float* angle = turns + int64_t(t) * half * 2;
    for (int i = 0; i < half; ++i) {
      const float a = from[i * stride], b = from[i * stride + step];
      to[i * stride] = a * angle[2 * i] - b * angle[2 * i + 1];
      to[i * stride + step] = b * angle[2 * i] + a * angle[2 * i + 1];
    }
    if (d % 2) to[d - 1] = from[d - 1];
  };
  const int64_t k_width = int64_t(shape.n_heads_k) * d;
  reserve_thread_scratch(size_t(k_width) * 4, "rotated keys");
  // A thread takes whole key tiles: their tokens lie beside each other.
  const int first_tile = first_position / kernels::key_tile;
  const int end = first_position + n_tokens, end_tile = (end - 1) / kernels::key_tile + 1;
  pool_.run(end_tile - first_tile, [&](int64_t item, int thread) {
    const int tile_begin = (first_tile + int(item)) * kernels::key_tile;
    const int from = std::max(first_position, tile_begin);
    const int to = std::min(end, tile_begin + kernels::key_tile);
    float* rotated = thread_scratch_[size_t(thread)].floats(size_t(k_width), "rotated keys");
    for (int position = from; position < to; ++position) {
      const int t = position - first_position;
      float* q_row = q + int64_t(t) * shape.n_heads_q * d;
      for (int head = 0; head < shape.n_heads_q; ++head) turn(q_row + head * d, q_row + head * d, t);
      const float* k_row = k + t * k_width;
      for (int head = 0; head < shape.n_heads_k; ++head) turn(k_row + head * d, rotated + head * d, t);
      store_token(shape, cache, rotated, v + int64_t(t) * shape.n_heads_v * shape.head_dim_v, position);
    }
  });
}

// ---- attention

struct CpuBackend::AttentionJob {
  AttentionShape shape;
  const float* q;
  KvLayer cache;
  float* out;
  int first_position, n_tokens;

  CacheKind k_kind, v_kind;
  int n_groups, heads_q, heads_k, heads_v;  // of a group
  int width_k, width_v;                     // padded head widths
  int block_tokens;
  int n_splits = 1, split_keys = 0;         // 1: a work item sees all keys
  int64_t key_stride, value_stride;         // bytes of a tile
  float* partials = nullptr;                // [split][query head]: max, sum, width_v sums

  // The tile that a key, or its value, is in; the keys behind it up to the next multiple of
  // kv_block_step follow in memory.
  const uint8_t* keys(int head, int64_t key) const {
    const int tokens = cache.piece_tokens();
    return reinterpret_cast<const uint8_t*>(cache.k_piece(key / tokens)) +
           head * kernels::key_head_bytes(k_kind, shape.head_dim_k, tokens) +
           key % tokens / kernels::key_tile * key_stride;
  }
  const uint8_t* values(int head, int64_t key) const {
    const int tokens = cache.piece_tokens();
    return reinterpret_cast<const uint8_t*>(cache.v_piece(key / tokens)) +
           head * kernels::value_head_bytes(v_kind, shape.head_dim_v, tokens) +
           key % tokens / kernels::value_tile(v_kind) * value_stride;
  }
  float* partial(int split, int head_q) const {
    return partials + (int64_t(split) * shape.n_heads_q + head_q) * (width_v + 2);
  }
  int max_rows() const { return heads_q * block_tokens; }
};

// What selective V keeps of one row.
struct SelectedKeys {
  int n = 0;
  float top = minus_infinity;  // the largest score
  double sum = 0;              // of exp(score - top), all keys
};

// One thread's memory for one work item, cut from one block.
struct AttentionScratch {
  float* queries = nullptr;       // (rows, width_k), scaled
  std::byte* packed = nullptr;    // the same as activation tiles
  float* scores = nullptr;
  float* sums = nullptr;          // (rows, width_v)
  float *max = nullptr, *sum = nullptr, *rescale = nullptr;
  int* visible = nullptr;
  int* order = nullptr;           // selective V: keys
  float* tile_max = nullptr;      // selective V: the largest score of each tile of each row, and one row more
  SelectedKeys* kept = nullptr;   // selective V: of each row

  size_t size_bytes = 0;

  // With base null only size_bytes is found.
  AttentionScratch(std::byte* base, size_t rows, size_t width_k, size_t width_v, size_t n_scores,
                   size_t n_order) {
    const auto take = [&](size_t bytes) {
      std::byte* at = base ? base + size_bytes : nullptr;
      size_bytes += (bytes + 63) / 64 * 64;
      return at;
    };
    queries = reinterpret_cast<float*>(take(rows * width_k * 4));
    packed = take(rows * (width_k * 4 + 64));
    scores = reinterpret_cast<float*>(take(n_scores * 4));
    sums = reinterpret_cast<float*>(take(rows * width_v * 4));
    max = reinterpret_cast<float*>(take(rows * 4));
    sum = reinterpret_cast<float*>(take(rows * 4));
    rescale = reinterpret_cast<float*>(take(rows * 4));
    visible = reinterpret_cast<int*>(take(rows * 4));
    order = reinterpret_cast<int*>(take(n_order * 4));
    tile_max = reinterpret_cast<float*>(take(n_order / kernels::key_tile * (rows + 1) * 4));
    kept = reinterpret_cast<SelectedKeys*>(take(rows * sizeof(SelectedKeys)));
  }
};

// Rows are (query head, token), tokens fastest, so that rows of a K head and of a V head are runs.
void CpuBackend::pack_queries(const AttentionJob& job, int group, int first_token, int n_tokens,
                              const AttentionScratch& scratch) const {
  const int d = job.shape.head_dim_k, rows_k = job.heads_q / job.heads_k * n_tokens;
  const float scale = 1.0f / std::sqrt(float(d));
  for (int head = 0; head < job.heads_q; ++head) {
    for (int t = 0; t < n_tokens; ++t) {
      const float* from = job.q + (int64_t(first_token + t) * job.shape.n_heads_q +
                                   group * job.heads_q + head) * d;
      float* to = scratch.queries + (int64_t(head) * n_tokens + t) * job.width_k;
      for (int i = 0; i < d; ++i) to[i] = from[i] * scale;
      std::fill(to + d, to + job.width_k, 0.0f);
    }
  }
  const bool as_int8 = kernels::is_quantised(job.k_kind);
  const int width = as_int8 ? kernels_.tokens_int8 : kernels_.tokens_f32;
  const auto pack_tile = as_int8 ? kernels_.pack_int8 : kernels_.pack_f32;
  const int64_t row_bytes = as_int8 ? kernels::int8_activation_bytes(job.width_k, 1) : job.width_k * 4;
  const int n_tiles = kernels::n_token_tiles(rows_k, width);
  for (int head = 0; head < job.heads_k; ++head) {
    for (int tile = 0; tile < n_tiles; ++tile) {
      const int begin = kernels::token_tile_begin(tile, n_tiles, rows_k);
      const int n = kernels::token_tile_begin(tile + 1, n_tiles, rows_k) - begin;
      const int64_t row = int64_t(head) * rows_k + begin;
      pack_tile(scratch.queries + row * job.width_k, job.width_k, n, job.width_k,
                scratch.packed + row * row_bytes);
    }
  }
}

// scores[tile][row][16] of n_tiles tiles of keys from first_key on, for all rows of the group.
void CpuBackend::score_keys(const AttentionJob& job, int group, int n_tokens, int64_t first_key,
                            int n_tiles, const AttentionScratch& scratch, float* scores) const {
  const int rows_k = job.heads_q / job.heads_k * n_tokens;
  const int64_t stride = int64_t(job.heads_q) * n_tokens * kernels::key_tile;
  const bool as_int8 = kernels::is_quantised(job.k_kind);
  const int width = as_int8 ? kernels_.tokens_int8 : kernels_.tokens_f32;
  const int64_t row_bytes = as_int8 ? kernels::int8_activation_bytes(job.width_k, 1) : job.width_k * 4;
  const int n_row_tiles = kernels::n_token_tiles(rows_k, width);
  const kernels::TileDot* dots = kernels_.tile_dot[int(key_type(job.cache.k_type))];
  for (int head = 0; head < job.heads_k; ++head) {
    const uint8_t* keys = job.keys(group * job.heads_k + head, first_key);
    for (int rows = 0; rows < n_row_tiles; ++rows) {
      const int begin = kernels::token_tile_begin(rows, n_row_tiles, rows_k);
      const int n = kernels::token_tile_begin(rows + 1, n_row_tiles, rows_k) - begin;
      const int64_t row = int64_t(head) * rows_k + begin;
      for (int tile = 0; tile < n_tiles; ++tile) {
        dots[n](keys + tile * job.key_stride, scratch.packed + row * row_bytes, job.width_k,
                scores + tile * stride + row * kernels::key_tile);
      }
    }
  }
}

void CpuBackend::attend(const AttentionJob& job, int group, int block, int split, int thread) {
  const int first_token = block * job.block_tokens;
  const int n_tokens = std::min(job.block_tokens, job.n_tokens - first_token);
  const int rows = job.heads_q * n_tokens, rows_v = rows / job.heads_v;
  const int64_t n_keys = int64_t(job.first_position) + first_token + n_tokens;
  const int64_t split_begin = int64_t(split) * job.split_keys;
  const int64_t end = job.n_splits == 1 ? n_keys : std::min<int64_t>(n_keys, split_begin + job.split_keys);
  // Keys before the window of the block's first token are not looked at; a split may be left with none.
  const int window = job.shape.window;
  const int64_t first_seen = window > 0 ? std::max<int64_t>(0, int64_t(job.first_position) + first_token + 1 - window) : 0;
  const int64_t begin = std::max(split_begin, first_seen / keys_at_once * keys_at_once);
  const AttentionScratch s(thread_scratch_[size_t(thread)].get(0, ""), size_t(job.max_rows()),
                           size_t(job.width_k), size_t(job.width_v),
                           size_t(job.max_rows()) * keys_at_once, 0);
  const int64_t stride = int64_t(rows) * kernels::key_tile;
  pack_queries(job, group, first_token, n_tokens, s);
  std::fill_n(s.max, rows, minus_infinity);
  std::fill_n(s.sum, rows, 0.0f);
  std::fill_n(s.sums, int64_t(rows) * job.width_v, 0.0f);

  for (int64_t key = begin; key < end; key += keys_at_once) {
    if (stopped()) return;
    const int n = int(std::min<int64_t>(keys_at_once, end - key));
    const int n_tiles = (n + kernels::key_tile - 1) / kernels::key_tile;
    score_keys(job, group, n_tokens, key, n_tiles, s, s.scores);
    for (int row = 0; row < rows; ++row) {
      const int64_t seen = int64_t(job.first_position) + first_token + row % n_tokens + 1 - key;
      s.visible[row] = int(std::clamp<int64_t>(seen, 0, n));
      // Finite, so that a row with nothing to see in this block stays a number.
      const int64_t hidden = window > 0 ? std::clamp<int64_t>(seen - window, 0, n) : 0;
      for (int64_t i = 0; i < hidden; ++i) {
        s.scores[i / kernels::key_tile * stride + row * kernels::key_tile + i % kernels::key_tile] = hidden_score;
      }
    }
    kernels_.softmax_block(s.scores, stride, rows, n_tiles, s.visible, s.max, s.sum, s.rescale);
    for (int row = 0; row < rows; ++row) {
      if (s.rescale[row] != 1) kernels_.scale_row(s.sums + int64_t(row) * job.width_v, job.width_v, s.rescale[row]);
    }
    for (int head = 0; head < job.heads_v; ++head) {
      kernels_.weigh_values[int(job.v_kind)](
          job.values(group * job.heads_v + head, key), n,
          s.scores + int64_t(head) * rows_v * kernels::key_tile, stride, rows_v, job.width_v,
          s.sums + int64_t(head) * rows_v * job.width_v);
    }
  }

  for (int row = 0; row < rows; ++row) {
    const int head = group * job.heads_q + row / n_tokens, token = first_token + row % n_tokens;
    const float* sums = s.sums + int64_t(row) * job.width_v;
    if (job.n_splits > 1) {
      float* partial = job.partial(split, head);
      partial[0] = s.max[row];
      partial[1] = s.sum[row];
      std::copy_n(sums, job.width_v, partial + 2);
      continue;
    }
    float* out = job.out + (int64_t(token) * job.shape.n_heads_q + head) * job.shape.head_dim_v;
    const float inverse = 1.0f / s.sum[row];
    for (int i = 0; i < job.shape.head_dim_v; ++i) out[i] = sums[i] * inverse;
  }
}

void CpuBackend::merge_splits(const AttentionJob& job) {
  pool_.run(job.shape.n_heads_q, [&](int64_t head, int) {
    const int d = job.shape.head_dim_v;
    float top = minus_infinity, sum = 0;
    for (int split = 0; split < job.n_splits; ++split) top = std::max(top, job.partial(split, int(head))[0]);
    float* out = job.out + head * d;
    std::fill_n(out, d, 0.0f);
    for (int split = 0; split < job.n_splits; ++split) {
      const float* partial = job.partial(split, int(head));
      const float factor = std::exp(partial[0] - top);
      sum += partial[1] * factor;
      for (int i = 0; i < d; ++i) out[i] += partial[2 + i] * factor;
    }
    for (int i = 0; i < d; ++i) out[i] /= sum;
  });
}

// Selective V fetching: the softmax is over all keys, but only the largest weights' values are read.
void CpuBackend::attend_selected(const AttentionJob& job, int group, int token, int thread) {
  const int64_t n_keys = int64_t(job.first_position) + token + 1;
  const int n_tiles = int((n_keys + kernels::key_tile - 1) / kernels::key_tile);
  const size_t most_keys = size_t(kernels::round_up(job.first_position + job.n_tokens, kernels::key_tile));
  const AttentionScratch s(thread_scratch_[size_t(thread)].get(0, ""), size_t(job.heads_q),
                           size_t(job.width_k), size_t(job.width_v),
                           most_keys * size_t(job.heads_q), most_keys);
  const int64_t stride = int64_t(job.heads_q) * kernels::key_tile;
  pack_queries(job, group, token, 1, s);
  constexpr int tiles_at_once = keys_at_once / kernels::key_tile;
  SelectedKeys* const kept_of = s.kept;
  std::fill_n(kept_of, job.heads_q, SelectedKeys{});
  for (int tile = 0; tile < n_tiles; tile += tiles_at_once) {
    const int64_t first_key = int64_t(tile) * kernels::key_tile;
    score_keys(job, group, 1, first_key, std::min(tiles_at_once, n_tiles - tile), s, s.scores + tile * stride);
    // While they are near: all scores of a long context are more than the second-level cache.
    const int64_t n_here = std::min<int64_t>(keys_at_once, n_keys - first_key);
    for (int head = 0; head < job.heads_q; ++head) {
      take_in_scores(s.scores + tile * stride + head * kernels::key_tile, stride, n_here,
                     s.tile_max + int64_t(head) * n_tiles + tile, kept_of[head]);
    }
  }
  std::fill_n(s.sums, int64_t(job.heads_q) * job.width_v, 0.0f);

  const int value_tile = kernels::value_tile(job.v_kind);
  for (int head = 0; head < job.heads_q; ++head) {
    const float* scores = s.scores + int64_t(head) * kernels::key_tile;
    SelectedKeys& kept = kept_of[head];
    kept.n = select_keys(scores, stride, n_keys, job.shape.selective_v_top_k, s.tile_max + int64_t(head) * n_tiles,
                         s.tile_max + int64_t(job.heads_q) * n_tiles, s.order);
    const int head_v = group * job.heads_v + head / (job.heads_q / job.heads_v);
    float* sums = s.sums + int64_t(head) * job.width_v;
    // Rows lie anywhere: all are asked for before the first is waited for.
    for (int i = 0; i < kept.n; ++i) prefetch_value(job, job.values(head_v, s.order[i]), s.order[i] % value_tile);
    for (int i = 0; i < kept.n; ++i) {
      const int key = s.order[i], lane = key % kernels::key_tile;
      const float weight = float(double(std::exp(scores[key / kernels::key_tile * stride + lane] - kept.top)) / kept.sum);
      kernels_.weigh_row[int(job.v_kind)](job.values(head_v, key), key % value_tile, weight, job.width_v, sums);
    }
    std::copy_n(sums, job.shape.head_dim_v,
                job.out + (int64_t(token) * job.shape.n_heads_q + group * job.heads_q + head) *
                              job.shape.head_dim_v);
  }
}

void CpuBackend::prefetch_value(const AttentionJob& job, const uint8_t* tile, int lane) {
  if (kernels::is_quantised(job.v_kind)) {
    const int block_bytes = kernels::value_block_bytes(job.v_kind);
    for (int i = 0; i < job.width_v; i += 32, tile += block_bytes) {
      const uint8_t* at = tile + kernels::value_tile(job.v_kind) * 2 + kernels::quant_byte(job.v_kind, lane, 0, 32);
      __builtin_prefetch(tile + lane * 2);
      __builtin_prefetch(at);
      __builtin_prefetch(at + 64);
    }
    return;
  }
  const int row_bytes = job.width_v * (job.v_kind == CacheKind::f32 ? 4 : 2);
  for (int i = 0; i < row_bytes; i += 64) __builtin_prefetch(tile + lane * row_bytes + i);
}

// A block of one row's scores: the maxima of its tiles, and the sum of exp(score - largest so far).
void CpuBackend::take_in_scores(const float* scores, int64_t stride, int64_t n_keys, float* tile_max,
                                SelectedKeys& kept) const {
  const int64_t n_tiles = (n_keys + kernels::key_tile - 1) / kernels::key_tile;
  kernels_.tile_maxima(scores, stride, n_keys, tile_max);
  const float top = std::max(kept.top, *std::max_element(tile_max, tile_max + n_tiles));
  if (top == minus_infinity) return;
  if (top != kept.top) kept.sum *= std::exp(double(kept.top) - double(top));
  kept.top = top;
  kept.sum += kernels_.sum_exp(scores, stride, n_keys, top);
}

// The n largest scores of one row, into order by position; of equal ones the earlier key. Returns how
// many. A key among them is no smaller than the n-th largest of the tiles' maxima, so that few need be
// sorted. spare has room for the maxima.
int CpuBackend::select_keys(const float* scores, int64_t stride, int64_t n_keys, int n, const float* tile_max,
                            float* spare, int* order) {
  const int64_t n_tiles = (n_keys + kernels::key_tile - 1) / kernels::key_tile;
  const int n_kept = int(std::min<int64_t>(n, n_keys));
  float bound = minus_infinity;
  if (n_tiles >= n_kept) {
    std::copy_n(tile_max, n_tiles, spare);
    std::nth_element(spare, spare + n_kept - 1, spare + n_tiles, std::greater<>());
    bound = spare[n_kept - 1];
  }

  int n_found = 0;
  for (int64_t tile = 0; tile < n_tiles; ++tile) {
    if (tile_max[tile] < bound) continue;
    const int first = int(tile) * kernels::key_tile, n_here = int(std::min<int64_t>(kernels::key_tile, n_keys - first));
    for (int lane = 0; lane < n_here; ++lane) {
      if (!(scores[tile * stride + lane] < bound)) order[n_found++] = first + lane;
    }
  }
  // Sorting wants an order; what is no number comes last.
  const auto score = [&](int key) {
    const float x = scores[key / kernels::key_tile * stride + key % kernels::key_tile];
    return x == x ? x : minus_infinity;
  };
  if (n_found > n_kept) {
    std::nth_element(order, order + n_kept - 1, order + n_found, [&](int a, int b) {
      return score(a) != score(b) ? score(a) > score(b) : a < b;
    });
  }
  std::sort(order, order + n_kept);  // in the order of memory
  return n_kept;
}

void CpuBackend::attention(const AttentionShape& shape, const float* q, const KvLayer& cache,
                           float* out, int first_position, int n_tokens) {
  if (exact_ && n_tokens > 1) {
    // Cut into ranges of keys as one token's is; the second token finds the keys in the caches.
    for (int t = 0; t < n_tokens; ++t) {
      attention(shape, q + int64_t(t) * shape.n_heads_q * shape.head_dim_k, cache,
                out + int64_t(t) * shape.n_heads_q * shape.head_dim_v, first_position + t, 1);
    }
    return;
  }
  const CacheKind k_kind = kind_of(cache.k_type), v_kind = kind_of(cache.v_type);
  const int n_groups = kernels::n_head_groups(shape.n_heads_k, shape.n_heads_v);
  AttentionJob job{
      .shape = shape, .q = q, .cache = cache, .out = out,
      .first_position = first_position, .n_tokens = n_tokens,
      .k_kind = k_kind, .v_kind = v_kind,
      .n_groups = n_groups, .heads_q = shape.n_heads_q / n_groups,
      .heads_k = shape.n_heads_k / n_groups, .heads_v = shape.n_heads_v / n_groups,
      .width_k = kernels::padded_k(k_kind, shape.head_dim_k),
      .width_v = kernels::padded_v(v_kind, shape.head_dim_v),
      .block_tokens = 1,
      .key_stride = kernels::key_tile_bytes(k_kind, shape.head_dim_k),
      .value_stride = kernels::value_tile_bytes(v_kind, shape.head_dim_v)};
  const int n_keys = first_position + n_tokens;

  if (shape.selective_v_top_k > 0 && shape.selective_v_top_k < n_keys) {
    const size_t most_keys = size_t(kernels::round_up(n_keys, kernels::key_tile));
    const AttentionScratch sizes(nullptr, size_t(job.heads_q), size_t(job.width_k), size_t(job.width_v),
                                 most_keys * size_t(job.heads_q), most_keys);
    reserve_thread_scratch(sizes.size_bytes, "attention scores");
    pool_.run(int64_t(n_groups) * n_tokens, [&](int64_t item, int thread) {
      if (!stopped()) attend_selected(job, int(item % n_groups), int(item / n_groups), thread);
    });
    return;
  }

  job.block_tokens = std::clamp(rows_at_once / job.heads_q, 1, n_tokens);
  const int n_blocks = (n_tokens + job.block_tokens - 1) / job.block_tokens;
  if (n_tokens == 1 && n_keys > min_split_keys) {
    const int fair = int(kernels::round_up((n_keys + max_splits - 1) / max_splits, keys_at_once));
    job.split_keys = std::max(min_split_keys, fair);
    job.n_splits = (n_keys + job.split_keys - 1) / job.split_keys;
    // Heads of a block lie behind each other: with enough ranges for all threads, one work item takes
    // all heads of its range, and memory is read in the longest runs.
    if (job.n_splits >= 2 * pool_.n_threads()) {
      job.n_groups = 1;
      job.heads_q = shape.n_heads_q;
      job.heads_k = shape.n_heads_k;
      job.heads_v = shape.n_heads_v;
    }
    job.partials = partials_.floats(size_t(max_splits) * size_t(shape.n_heads_q) * size_t(job.width_v + 2),
                                    "attention sums");
  }
  const AttentionScratch sizes(nullptr, size_t(job.max_rows()), size_t(job.width_k),
                               size_t(job.width_v), size_t(job.max_rows()) * keys_at_once, 0);
  reserve_thread_scratch(sizes.size_bytes, "attention scores");
  pool_.run(int64_t(job.n_groups) * n_blocks * job.n_splits, [&](int64_t item, int thread) {
    if (stopped()) return;
    const int split = int(item % job.n_splits), rest = int(item / job.n_splits);
    // Later blocks see more keys: they go first, so that no thread is left with one at the end.
    attend(job, rest % job.n_groups, n_blocks - 1 - rest / job.n_groups, split, thread);
  });
  if (job.n_splits > 1) merge_splits(job);
}

}  // namespace engine
