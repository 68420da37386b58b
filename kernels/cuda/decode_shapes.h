// kernels/cuda/decode_shapes.h: which instance of the attention kernels, for decoding and for prompts, fits a model's heads.
#pragma once

namespace kernels::cuda {

// Prompts: threads of a CTA at most, and tokens of a warp: as many as registers hold.
constexpr int prefill_threads = 256;
constexpr int prefill_tokens_of_warp(int dim_v) { return dim_v > 64 ? 16 : 32; }

enum class CacheNumbers { f16, q8, bf16, fp8 };
constexpr int cache_number_bytes(CacheNumbers n) { return n == CacheNumbers::f16 || n == CacheNumbers::bf16 ? 2 : 1; }

struct DecodeInstance {
  CacheNumbers numbers;
  int dim_k, dim_v, n_v, tile, stages;
  const char* name;          // of the kernel for one token,
  const char* prefill_name;  // and for many
  // A CTA's warps and tokens, where it has so many Q heads: a warp has one of them.
  static constexpr int prefill_ways(int heads) { return prefill_threads / 32 / heads; }
  constexpr int prefill_tokens(int heads) const { return prefill_ways(heads) * prefill_tokens_of_warp(dim_v); }
  constexpr int prefill_shared_bytes() const {
    const int scales = numbers == CacheNumbers::q8 ? (1 + n_v) * 2 : 0;  // of int8 rows, 2 bytes each
    return stages * tile * ((dim_k + n_v * dim_v) * cache_number_bytes(numbers) + scales);
  }
  // Tiles of all stages; the warps' results lie in the same memory at the end.
  constexpr int shared_bytes() const {
    const int tiles = prefill_shared_bytes(), results = 4 * 8 * dim_v * 4;
    return tiles > results ? tiles : results;
  }
};

inline constexpr DecodeInstance decode_instances[] = {
#define SIGMA_DECODE(type, dim_k, dim_v, n_v, tile, stages)                                                      \
  {CacheNumbers::type, dim_k, dim_v, n_v, tile, stages, "dq_decode_" #type "_k" #dim_k "_v" #dim_v "_h" #n_v, \
   "dq_prefill_" #type "_k" #dim_k "_v" #dim_v "_h" #n_v},
#include "kernels/cuda/decode_list.h"
};

// Q heads that a CTA takes: as many of those that share a K head as fit (8), so that their V heads are whole.
// 0: no such number.
constexpr int decode_heads_per_cta(int n_heads_q, int n_heads_k, int n_heads_v, int n_v) {
  const int per_k = n_heads_q / n_heads_k, per_v = n_heads_q / n_heads_v;
  for (int n = 8; n >= 1; --n) {
    if (per_k % n != 0) continue;
    if (n_v == 1 ? per_v % n == 0 : n == per_v * n_v) return n;
  }
  return 0;
}
static_assert(decode_heads_per_cta(32, 4, 16, 4) == 8 && decode_heads_per_cta(32, 16, 16, 1) == 2);
static_assert(decode_heads_per_cta(9, 3, 3, 1) == 3 && decode_heads_per_cta(32, 1, 1, 1) == 8);

// The instance that reads K least often; null: dq_any takes this shape.
constexpr const DecodeInstance* find_decode_instance(CacheNumbers numbers, int n_heads_q, int n_heads_k, int n_heads_v, int dim_k,
                                                     int dim_v) {
  const DecodeInstance* best = nullptr;
  int most = 0;
  for (const DecodeInstance& d : decode_instances) {
    if (d.numbers != numbers || d.dim_k != dim_k || d.dim_v != dim_v) continue;
    const int heads = decode_heads_per_cta(n_heads_q, n_heads_k, n_heads_v, d.n_v);
    if (heads > most) {
      most = heads;
      best = &d;
    }
  }
  return best;
}

}  // namespace kernels::cuda
