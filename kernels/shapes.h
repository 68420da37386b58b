// kernels/shapes.h: index arithmetic of the key and value caches; plain constexpr, so that it is
// tested by itself.
//
// K of one head: tiles of 16 tokens, each with the 16 tokens beside each other for every dimension,
//   f32, f16   [n_ctx / 16][head_dim_k][16 tokens]
//   q8_0       [n_ctx / 16][head_dim_k / 32] blocks of 544 bytes: f16 d[16 tokens], u8 (value + 128)
//              [8][16 tokens][4]
//   q4_0       the same in blocks of 288 bytes: u4 (value + 8), bytes of two such groups of 4
//              dimensions in one (the earlier in the low bits), as packed.h has Q4_0 weights
// so that scores of 16 keys are one vector. V of one head:
//   f32, f16   rows [n_ctx][head_dim_v]
//   q8_0       tiles of 128 tokens: [n_ctx / 128][head_dim_v / 32] blocks of 4352 bytes: f16 d[128
//              tokens], u8 (value + 128) [32][32 dimensions][4 tokens], so that four tokens' products
//              are one instruction
//   q4_0       the same in blocks of 2304 bytes, two groups of 4 tokens in the bytes of one
// Dimensions are padded: K of q8_0 and q4_0 to 32, V to 16 (q8_0, q4_0: 32). Padding of K is zero, of
// V unused.
#pragma once
#include <cstdint>

namespace kernels {

constexpr int key_tile = 16;

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

enum class CacheKind { f32, f16, q8_0, q4_0 };

constexpr bool is_quantised(CacheKind kind) { return kind == CacheKind::q8_0 || kind == CacheKind::q4_0; }

constexpr int padded_k(CacheKind kind, int dim) { return is_quantised(kind) ? int(round_up(dim, 32)) : dim; }
constexpr int padded_v(CacheKind kind, int dim) {
  return int(round_up(dim, is_quantised(kind) ? 32 : 16));
}
// Tokens whose values lie together.
constexpr int value_tile(CacheKind kind) { return is_quantised(kind) ? 128 : 16; }

// 32 dimensions of a quantised tile: its tokens' scales, then their numbers.
constexpr int quantised_block_bytes(CacheKind kind, int n_tokens) {
  return n_tokens * (kind == CacheKind::q8_0 ? 2 + 32 : 2 + 16);
}
constexpr int key_block_bytes(CacheKind kind) { return quantised_block_bytes(kind, key_tile); }
constexpr int value_block_bytes(CacheKind kind) { return quantised_block_bytes(kind, value_tile(kind)); }

constexpr int64_t key_tile_bytes(CacheKind kind, int dim) {
  const int64_t padded = padded_k(kind, dim);
  return is_quantised(kind) ? padded / 32 * key_block_bytes(kind) : padded * key_tile * (kind == CacheKind::f32 ? 4 : 2);
}
constexpr int64_t key_head_bytes(CacheKind kind, int dim, int n_ctx) {
  return round_up(n_ctx, key_tile) / key_tile * key_tile_bytes(kind, dim);
}

constexpr int64_t value_tile_bytes(CacheKind kind, int dim) {
  const int64_t padded = padded_v(kind, dim);
  return is_quantised(kind) ? padded / 32 * value_block_bytes(kind)
                            : padded * value_tile(kind) * (kind == CacheKind::f32 ? 4 : 2);
}
constexpr int64_t value_head_bytes(CacheKind kind, int dim, int n_ctx) {
  return round_up(n_ctx, value_tile(kind)) / value_tile(kind) * value_tile_bytes(kind, dim);
}

// Byte (behind the scales) and shift of a quantised block's number. For K: outer is the dimension of
// 32, inner the token of 16; for V outer is the token of 128, inner the dimension of 32.
constexpr int quant_byte(CacheKind kind, int outer, int inner, int n_inner) {
  const int group = kind == CacheKind::q8_0 ? outer / 4 : outer / 8;
  return group * n_inner * 4 + inner * 4 + outer % 4;
}
constexpr int quant_shift(CacheKind kind, int outer) {
  return kind == CacheKind::q8_0 ? 0 : outer / 4 % 2 * 4;
}

static_assert(key_head_bytes(CacheKind::f16, 64, 17) == 2 * 16 * 64 * 2);
static_assert(key_tile_bytes(CacheKind::q8_0, 64) == 16 * 68);
static_assert(value_tile_bytes(CacheKind::q8_0, 40) == 128 * (64 + 4));
static_assert(key_tile_bytes(CacheKind::q4_0, 64) == 16 * 36 && value_tile_bytes(CacheKind::q4_0, 64) == 128 * 36);
static_assert(quant_byte(CacheKind::q8_0, 31, 15, 16) == 511 && quant_byte(CacheKind::q4_0, 31, 15, 16) == 255);
static_assert(quant_byte(CacheKind::q8_0, 127, 31, 32) == 4095 && quant_byte(CacheKind::q4_0, 127, 31, 32) == 2047);

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
