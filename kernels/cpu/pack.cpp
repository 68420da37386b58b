#include "kernels/cpu/pack.h"

namespace kernels {
namespace {

int iq4_nl_index(uint8_t value_plus_128) {
  int index = 0;
  while (index < 15 && iq4_nl_values[index] + 128 != value_plus_128) ++index;
  return index;
}

// Row r of a tile's block.
void put_block(WeightType type, PackedType t, PackedOffsets at, const DecodedBlock& block, int r,
               uint8_t* out) {
  std::memcpy(out + r * 2, &block.d, 2);
  if (t.has_min) std::memcpy(out + at.dmin + r * 2, &block.dmin, 2);
  if (t.scaled) {
    for (int g = 0; g < t.block / 32 * t.groups; ++g) {
      out[at.scale + g * tile_rows + r] = uint8_t(int8_t(block.scale[g]));
      if (t.has_min) out[at.min + g * tile_rows + r] = block.min[g];
    }
  }
  const int low_mask = (1 << t.low_bits) - 1;
  const int a_chunk = 8 / t.low_bits, a_high = t.high_bits ? 8 / t.high_bits : 1;
  for (int i = 0; i < t.block; ++i) {
    const int q = type == WeightType::iq4_nl ? iq4_nl_index(block.q[i]) : block.q[i];
    uint8_t* quants = out + at.quants + i / 32 * at.quants_stride;
    const int group = i % 32 / 4, byte = r * 4 + i % 4;
    quants[group / a_chunk * tile_chunk + byte] |=
        uint8_t((q & low_mask) << (group % a_chunk * t.low_bits));
    if (t.high_bits) {
      quants[at.high + group / a_high * tile_chunk + byte] |=
          uint8_t((q >> t.low_bits) << (group % a_high * t.high_bits));
    }
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
  DecodedBlock block;
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    uint8_t* out = tiles + tile * bytes;
    std::memset(out, 0, size_t(bytes));
    if (is_float(type)) {
      pack_float_tile(size.n_bytes, rows, n_rows, n_in, tile, out);
      continue;
    }
    const int64_t n_blocks = n_in / t.block;
    for (int64_t r = 0; r < tile_rows && tile * tile_rows + r < n_rows; ++r) {
      const uint8_t* row = rows + (tile * tile_rows + r) * n_blocks * size.n_bytes;
      for (int64_t b = 0; b < n_blocks; ++b) {
        decode_block(type, row + b * size.n_bytes, block);
        put_block(type, t, at, block, int(r), out + b * at.size);
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
  for (int64_t i = 0; i < n_in; ++i) {
    const uint8_t* block = tile + i / t.block * at.size;
    const int in_block = int(i % t.block), g = in_block / (32 / t.groups);
    uint16_t half[2] = {};
    std::memcpy(&half[0], block + r * 2, 2);
    if (t.has_min) std::memcpy(&half[1], block + at.dmin + r * 2, 2);
    const int scale = t.scaled ? int8_t(block[at.scale + g * tile_rows + r]) : 1;
    const int low = t.scaled && t.has_min ? block[at.min + g * tile_rows + r] : t.has_min ? -1 : 0;
    const uint8_t* quants = block + at.quants + in_block / 32 * at.quants_stride;
    const int group = in_block % 32 / 4, byte = r * 4 + in_block % 4, a_chunk = 8 / t.low_bits;
    int q = (quants[group / a_chunk * tile_chunk + byte] >> (group % a_chunk * t.low_bits)) &
            ((1 << t.low_bits) - 1);
    if (t.high_bits) {
      const int a_high = 8 / t.high_bits;
      q |= ((quants[at.high + group / a_high * tile_chunk + byte] >> (group % a_high * t.high_bits)) &
            ((1 << t.high_bits) - 1)) << t.low_bits;
    }
    if (type == WeightType::iq4_nl) q = iq4_nl_values[q] + 128;
    out[i] = f16_to_f32(half[0]) * float(scale) * float(q - t.offset) - f16_to_f32(half[1]) * float(low);
  }
}

}  // namespace kernels
