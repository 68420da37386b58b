#include "kernels/cpu/pack.h"

#include "kernels/block_values.h"

namespace kernels {
namespace {

struct Iq4NlIndices {
  uint8_t of[256] = {};  // by value + 128
  constexpr Iq4NlIndices() {
    for (int i = 0; i < 16; ++i) of[iq4_nl_values[i] + 128] = uint8_t(i);
  }
};
constexpr Iq4NlIndices iq4_nl_indices;

constexpr uint32_t in_each_byte(int bits) { return 0x01010101u * ((1u << bits) - 1); }

// Scales and minima of row r as six bits each; see packed.h.
void put_six_bits(const DecodedBlock& block, const PackedOffsets& at, int r, uint8_t* out) {
  for (int g = 0; g < 4; ++g) {
    const int here = g * tile_rows + r, scale = block.scale[g + 4], min = block.min[g + 4];
    out[at.scale + here] = uint8_t(block.scale[g] | scale >> 4 << 6);
    out[at.min + here] = uint8_t(block.min[g] | min >> 4 << 6);
    out[at.nibbles + here] = uint8_t((scale & 15) | (min & 15) << 4);
  }
}
void get_six_bits(const uint8_t* tile, const PackedOffsets& at, int r, DecodedBlock& block) {
  for (int g = 0; g < 4; ++g) {
    const int here = g * tile_rows + r;
    const int a = tile[at.scale + here], b = tile[at.min + here], c = tile[at.nibbles + here];
    block.scale[g] = int16_t(a & 63);
    block.min[g] = uint8_t(b & 63);
    block.scale[g + 4] = int16_t((c & 15) | a >> 6 << 4);
    block.min[g + 4] = uint8_t(c >> 4 | b >> 6 << 4);
  }
}

// Row r of a tile's block. Four neighbouring numbers are a 32-bit word, and so is what they become in
// a chunk: a block is moved by words (6 times as fast as by numbers; loading waits for this).
template <WeightType type>
void put_block(const DecodedBlock& block, int r, uint8_t* out) {
  constexpr PackedType t = packed_type(type);
  constexpr PackedOffsets at = packed_offsets(t);
  std::memcpy(out + r * 2, &block.d, 2);
  if constexpr (t.has_min) std::memcpy(out + at.dmin + r * 2, &block.dmin, 2);
  if constexpr (t.six_bits) {
    put_six_bits(block, at, r, out);
  } else if constexpr (t.scaled) {
    for (int g = 0; g < t.block / 32 * t.groups; ++g) {
      out[at.scale + g * tile_rows + r] = uint8_t(int8_t(block.scale[g]));
      if constexpr (t.has_min) out[at.min + g * tile_rows + r] = block.min[g];
    }
  }
  for (int part = 0; part < t.block / 32; ++part) {
    uint8_t* quants = out + at.quants + part * at.quants_stride + r * 4;
    uint32_t q[8];
    std::memcpy(q, block.q + part * 32, 32);
    if constexpr (type == WeightType::iq4_nl) {
      uint8_t index[32];
      for (int i = 0; i < 32; ++i) index[i] = iq4_nl_indices.of[block.q[i]];
      std::memcpy(q, index, 32);
    }
    constexpr int a_chunk = 8 / t.low_bits;
    for (int chunk = 0; chunk < 8 / a_chunk; ++chunk) {
      uint32_t word = 0;
      for (int i = 0; i < a_chunk; ++i) word |= (q[chunk * a_chunk + i] & in_each_byte(t.low_bits)) << (i * t.low_bits);
      std::memcpy(quants + chunk * tile_chunk, &word, 4);
    }
    if constexpr (t.high_bits > 0) {
      constexpr int a_high = 8 / t.high_bits;
      for (int chunk = 0; chunk < 8 / a_high; ++chunk) {
        uint32_t word = 0;
        for (int i = 0; i < a_high; ++i) {
          word |= ((q[chunk * a_high + i] >> t.low_bits) & in_each_byte(t.high_bits)) << (i * t.high_bits);
        }
        std::memcpy(quants + at.high + chunk * tile_chunk, &word, 4);
      }
    }
  }
}

// What put_block put there.
void get_block(WeightType type, PackedType t, PackedOffsets at, const uint8_t* tile, int r, DecodedBlock& block) {
  block.dmin = 0;
  std::memcpy(&block.d, tile + r * 2, 2);
  if (t.has_min) std::memcpy(&block.dmin, tile + at.dmin + r * 2, 2);
  if (t.six_bits) get_six_bits(tile, at, r, block);
  for (int g = 0; !t.six_bits && g < t.block / 32 * t.groups; ++g) {
    block.scale[g] = t.scaled ? int8_t(tile[at.scale + g * tile_rows + r]) : int16_t(1);
    block.min[g] = t.scaled && t.has_min ? tile[at.min + g * tile_rows + r] : uint8_t(1);
  }
  const int a_chunk = 8 / t.low_bits, a_high = t.high_bits ? 8 / t.high_bits : 1;
  const uint32_t low_mask = in_each_byte(t.low_bits), high_mask = t.high_bits ? in_each_byte(t.high_bits) : 0;
  const uint8_t* quants = tile + at.quants + r * 4;
  for (int group = 0; group < t.block / 4; ++group) {
    const uint8_t* part = quants + group / 8 * at.quants_stride;
    const int i = group % 8;
    uint32_t word, q;
    std::memcpy(&word, part + i / a_chunk * tile_chunk, 4);
    q = (word >> (i % a_chunk * t.low_bits)) & low_mask;
    if (t.high_bits) {
      std::memcpy(&word, part + at.high + i / a_high * tile_chunk, 4);
      q |= ((word >> (i % a_high * t.high_bits)) & high_mask) << t.low_bits;
    }
    std::memcpy(block.q + group * 4, &q, 4);
  }
  if (type == WeightType::iq4_nl) {
    for (int i = 0; i < t.block; ++i) block.q[i] = uint8_t(iq4_nl_values[block.q[i]] + 128);
  }
}

using PutBlock = void (*)(const DecodedBlock& block, int r, uint8_t* out);
PutBlock put_block_of(WeightType type) {
  switch (type) {
    case WeightType::q4_0: return put_block<WeightType::q4_0>;
    case WeightType::q4_1: return put_block<WeightType::q4_1>;
    case WeightType::q5_0: return put_block<WeightType::q5_0>;
    case WeightType::q5_1: return put_block<WeightType::q5_1>;
    case WeightType::q8_0: return put_block<WeightType::q8_0>;
    case WeightType::q2_k: return put_block<WeightType::q2_k>;
    case WeightType::q3_k: return put_block<WeightType::q3_k>;
    case WeightType::q4_k: return put_block<WeightType::q4_k>;
    case WeightType::q5_k: return put_block<WeightType::q5_k>;
    case WeightType::q6_k: return put_block<WeightType::q6_k>;
    case WeightType::iq4_nl: return put_block<WeightType::iq4_nl>;
    default: return nullptr;  // floats
  }
}

void pack_float_tile(int size, const uint8_t* rows, int64_t n_rows, int64_t n_in, int64_t tile,
                     uint8_t* out) {
  const int n_here = int(n_rows - tile * tile_rows < tile_rows ? n_rows - tile * tile_rows : tile_rows);
  for (int r = 0; r < n_here; ++r) {
    const uint8_t* row = rows + (tile * tile_rows + r) * n_in * size;
    if (size == 4) {
      for (int64_t k = 0; k < n_in; ++k) std::memcpy(out + (k * tile_rows + r) * 4, row + k * 4, 4);
    } else {
      for (int64_t k = 0; k < n_in; ++k) std::memcpy(out + (k * tile_rows + r) * 2, row + k * 2, 2);
    }
  }
}

}  // namespace

void pack_tiles(WeightType type, const uint8_t* rows, int64_t n_rows, int64_t n_in,
                int64_t tile_begin, int64_t tile_end, uint8_t* tiles) {
  const int64_t bytes = tile_bytes(type, n_in);
  const BlockSize size = block_size(type);
  const PackedType t = packed_type(type);
  const PackedOffsets at = packed_offsets(t);
  const PutBlock put = put_block_of(type);
  DecodedBlock block;
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    uint8_t* out = tiles + tile * bytes;
    if ((tile + 1) * tile_rows > n_rows) std::memset(out, 0, size_t(bytes));
    if (is_float(type)) {
      pack_float_tile(size.n_bytes, rows, n_rows, n_in, tile, out);
      continue;
    }
    const int64_t n_blocks = n_in / t.block;
    for (int64_t r = 0; r < tile_rows && tile * tile_rows + r < n_rows; ++r) {
      const uint8_t* row = rows + (tile * tile_rows + r) * n_blocks * size.n_bytes;
      for (int64_t b = 0; b < n_blocks; ++b) {
        decode_block(type, row + b * size.n_bytes, block);
        put(block, int(r), out + b * at.size);
      }
    }
  }
}

void unpack_row(WeightType type, const uint8_t* tiles, int64_t row, int64_t n_in, float* out) {
  const uint8_t* tile = tiles + row / tile_rows * tile_bytes(type, n_in);
  const int r = int(row % tile_rows);
  if (is_float(type)) {
    const int size = block_size(type).n_bytes;
    for (int64_t k = 0; k < n_in; ++k) {
      dequantize_row(type, tile + (k * tile_rows + r) * size, out + k, 1);
    }
    return;
  }
  const PackedType t = packed_type(type);
  const PackedOffsets at = packed_offsets(t);
  DecodedBlock block;
  for (int64_t k = 0; k < n_in; k += t.block, tile += at.size) {
    get_block(type, t, at, tile, r, block);
    block_values(type, block, out + k);
  }
}

}  // namespace kernels
