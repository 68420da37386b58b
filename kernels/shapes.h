// kernels/shapes.h: index arithmetic of the key and value caches; plain constexpr, so that it is
// tested by itself.
//
// K of one head: tiles of 16 tokens, each with the 16 tokens beside each other for every dimension,
//   f32, f16   [n_ctx / 16][head_dim_k][16 tokens]
//   q8_0       [n_ctx / 16][head_dim_k / 32] blocks of 544 bytes: f16 d[16 tokens], u8 (value + 128)
//              [8][16 tokens][4]
// so that scores of 16 keys are one vector. V of one head:
//   f32, f16   rows [n_ctx][head_dim_v]
//   q8_0       tiles of 16 tokens: s8 [16 tokens][head_dim_v], f16 d[head_dim_v / 32][16 tokens]; so
//              the scales of 16 tokens are multiplied into their weights at once
// Dimensions are padded: K of q8_0 to 32, V to 16 (q8_0: 32). Padding of K is zero, of V unused.
#pragma once
#include <cstdint>

namespace kernels {

constexpr int key_tile = 16;

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

enum class CacheKind { f32, f16, q8_0 };

constexpr int padded_k(CacheKind kind, int dim) {
  return kind == CacheKind::q8_0 ? int(round_up(dim, 32)) : dim;
}
constexpr int padded_v(CacheKind kind, int dim) {
  return int(round_up(dim, kind == CacheKind::q8_0 ? 32 : 16));
}

constexpr int64_t key_tile_bytes(CacheKind kind, int dim) {
  const int64_t padded = padded_k(kind, dim);
  return kind == CacheKind::q8_0 ? padded / 32 * 544 : padded * key_tile * (kind == CacheKind::f32 ? 4 : 2);
}
constexpr int64_t key_head_bytes(CacheKind kind, int dim, int n_ctx) {
  return round_up(n_ctx, key_tile) / key_tile * key_tile_bytes(kind, dim);
}

// A token's numbers; of q8_0 without its scales.
constexpr int64_t value_row_bytes(CacheKind kind, int dim) {
  return padded_v(kind, dim) * (kind == CacheKind::q8_0 ? 1 : kind == CacheKind::f32 ? 4 : 2);
}
constexpr int64_t value_tile_bytes(CacheKind kind, int dim) {  // 16 tokens
  return key_tile * value_row_bytes(kind, dim) + (kind == CacheKind::q8_0 ? padded_v(kind, dim) : 0);
}
constexpr int64_t value_head_bytes(CacheKind kind, int dim, int n_ctx) {
  return round_up(n_ctx, key_tile) / key_tile * value_tile_bytes(kind, dim);
}
// Where the f16 scale of (token of a tile, column) stands in a q8_0 tile.
constexpr int64_t value_scale_at(int padded, int lane, int column) {
  return int64_t(key_tile) * padded + column / 32 * (key_tile * 2) + lane * 2;
}

static_assert(key_head_bytes(CacheKind::f16, 64, 17) == 2 * 16 * 64 * 2);
static_assert(key_tile_bytes(CacheKind::q8_0, 64) == 16 * 68);
static_assert(value_tile_bytes(CacheKind::q8_0, 40) == 16 * (64 + 4));

// Heads fall into groups that share no K and no V head: gcd(n_heads_k, n_heads_v) of them.
constexpr int n_head_groups(int n_heads_k, int n_heads_v) {
  while (n_heads_v != 0) {
    const int rest = n_heads_k % n_heads_v;
    n_heads_k = n_heads_v;
    n_heads_v = rest;
  }
  return n_heads_k;
}
static_assert(n_head_groups(4, 16) == 4 && n_head_groups(3, 2) == 1 && n_head_groups(1, 1) == 1);

}  // namespace kernels
