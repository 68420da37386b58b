// kernels/cpu/packed.h: the layout in which the CPU kernels read weights and int8 keys.
// 16 rows make a tile, so that the 16 32-bit lanes of a 512-bit register are 16 rows and a dot
// product needs no sum over lanes. A tile is a row of blocks along k, in the order in which they
// are read; rows past the last one are zero.
//
//   f32, f16, bf16    [k][16 rows]
//   quantised         a block of 32 or 256 k as in the file:
//     f16 d[16], then f16 dmin[16] where the type has minima
//     K types: s8 scale[groups][16], then u8 min[groups][16] where there are; Q4_K and Q5_K keep
//     theirs as six bits, for g in 0..3 and each row:
//       a[g] = scale[g] | scale[g + 4] >> 4 << 6      b[g] = min[g] | min[g + 4] >> 4 << 6
//       c[g] = scale[g + 4] & 15 | (min[g + 4] & 15) << 4
//     for each 32 k: the low bits of q (2, 4 or 8), then the high bits (0, 1 or 2)
//
// q is unsigned. Number k of row r within its 32 stands at byte r * 4 + k % 4 of a 64-byte chunk;
// k / 4 says which chunk and which bits of it: chunk n holds 8 / bits values of k / 4, lowest bits
// first. Bytes of four neighbouring k make the 32-bit lane that a dot-product instruction takes.
// Bytes a weight are those of the file but for Q2_K and Q3_K, whose packed scales are spread to bytes.
#pragma once
#include "kernels/quant.h"

namespace kernels {

constexpr int tile_rows = 16;
constexpr int tile_chunk = 64;  // bytes

struct PackedType {
  int block;      // k a block: 32 or 256
  int groups;     // scales in each 32 k: 1 or 2
  int low_bits, high_bits;
  int offset;     // subtracted from q
  bool has_min;   // value has a term -dmin * min, or +m
  bool scaled;    // integer scales (K types)
  bool six_bits = false;  // scales and minima share bytes
};
constexpr PackedType packed_type(WeightType type) {
  switch (type) {
    case WeightType::q4_0: return {32, 1, 4, 0, 8, false, false};
    case WeightType::q4_1: return {32, 1, 4, 0, 0, true, false};
    case WeightType::q5_0: return {32, 1, 4, 1, 16, false, false};
    case WeightType::q5_1: return {32, 1, 4, 1, 0, true, false};
    case WeightType::q8_0: return {32, 1, 8, 0, 128, false, false};
    case WeightType::iq4_nl: return {32, 1, 4, 0, 128, false, false};  // q by table look-up
    case WeightType::q2_k: return {256, 2, 2, 0, 0, true, true};
    case WeightType::q3_k: return {256, 2, 2, 1, 4, false, true};
    case WeightType::q4_k: return {256, 1, 4, 0, 0, true, true, true};
    case WeightType::q5_k: return {256, 1, 4, 1, 0, true, true, true};
    case WeightType::q6_k: return {256, 2, 4, 2, 32, false, true};
    default: return {1, 0, 0, 0, 0, false, false};
  }
}

// Byte offsets inside a tile's block.
struct PackedOffsets {
  int dmin, scale, min, nibbles, quants, quants_stride, high, size;
};
constexpr PackedOffsets packed_offsets(PackedType t) {
  const int groups = t.block / 32 * t.groups;
  const int scale_rows = t.six_bits ? groups / 2 : groups;
  PackedOffsets o{};
  o.dmin = tile_rows * 2;
  o.scale = o.dmin + (t.has_min ? tile_rows * 2 : 0);
  o.min = o.scale + (t.scaled ? scale_rows * tile_rows : 0);
  o.nibbles = o.min + (t.scaled && t.has_min ? scale_rows * tile_rows : 0);
  o.quants = o.nibbles + (t.six_bits ? scale_rows * tile_rows : 0);
  o.high = tile_rows * 32 * t.low_bits / 8;
  o.quants_stride = o.high + tile_rows * 32 * t.high_bits / 8;
  o.size = o.quants + t.block / 32 * o.quants_stride;
  return o;
}
static_assert(packed_offsets(packed_type(WeightType::q4_0)).size == 16 * 18);
static_assert(packed_offsets(packed_type(WeightType::q8_0)).size == 16 * 34);
static_assert(packed_offsets(packed_type(WeightType::q4_k)).size == 16 * 144);
static_assert(packed_offsets(packed_type(WeightType::q5_k)).size == 16 * 176);
static_assert(packed_offsets(packed_type(WeightType::q6_k)).size == 16 * 210);

constexpr int64_t n_tiles(int64_t n_rows) { return (n_rows + tile_rows - 1) / tile_rows; }

// Bytes of a tile of n_in columns; n_in is a multiple of the type's block.
constexpr int64_t tile_bytes(WeightType type, int64_t n_in) {
  if (is_float(type)) return n_in * tile_rows * block_size(type).n_bytes;
  const PackedType t = packed_type(type);
  return n_in / t.block * packed_offsets(t).size;
}

// Activations of up to max_tile_tokens tokens beside each other, as a product reads them:
//   f32    [k][n]
//   int8   for each 32 k: s8 q[8][n][4], f32 d[n], f32 d*sum[n], s32 -sum[3][n] (all, first half,
//          second half)
// where sums are over q. n is the tokens in this tile: a short tile is narrower, not padded.
constexpr int max_tile_tokens = 12;
constexpr int64_t int8_record_bytes(int n) { return int64_t(n) * 52; }
constexpr int64_t int8_activation_bytes(int64_t n_in, int64_t n_tokens) {
  return n_in / 32 * int8_record_bytes(int(n_tokens));
}
static_assert(int8_activation_bytes(64, 3) == 2 * 3 * (32 + 4 + 4 + 12));

// Tokens split into tiles of nearly equal width: tile i of `tiles` over n tokens begins here.
constexpr int n_token_tiles(int n_tokens, int width) { return (n_tokens + width - 1) / width; }
constexpr int token_tile_begin(int tile, int tiles, int n_tokens) {
  return int(int64_t(tile) * n_tokens / tiles);
}

}  // namespace kernels
