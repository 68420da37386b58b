#include "kernels/cuda/weights.h"

#include <algorithm>
#include <vector>

#include "kernels/cuda/params.h"

namespace kernels::cuda {
namespace {

int64_t blocks_of(int64_t n_in) { return (n_in + tile_columns - 1) / tile_columns; }
int64_t round_256(int64_t n) { return (n + 255) / 256 * 256; }
bool has_scales(WeightKind kind) { return kind != WeightKind::f32 && kind != WeightKind::bf16 && kind != WeightKind::f16; }
bool has_mins(WeightKind kind) { return kind == WeightKind::w8m || kind == WeightKind::w4m; }

// 16 rows before they go into fragments: 16-bit numbers, or codes with a scale and a minimum a 32 columns. Padded with
// what multiplies to zero.
struct TileRows {
  int64_t n_columns;
  std::vector<uint16_t> values;
  std::vector<uint16_t> scales, mins;  // [row][n_columns / 32]

  TileRows(WeightKind kind, int64_t n_in) : n_columns(blocks_of(n_in) * tile_columns) {
    const uint16_t zero = kind == WeightKind::w8 || kind == WeightKind::w8m ? 128 : kind == WeightKind::w4 ? 8 : 0;
    values.assign(size_t(tile_rows * n_columns), zero);
    scales.assign(size_t(tile_rows * n_columns / scale_columns), 0);
    mins = scales;
  }
  uint16_t at(int row, int64_t column) const { return values[size_t(row * n_columns + column)]; }
};

// round to nearest even; infinities stay, NaN stays NaN
uint16_t f32_to_bf16(float value) {
  const uint32_t bits = f32_to_bits(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return uint16_t((bits >> 16) | 0x40);
  return uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

void read_float_row(WeightType type, WeightKind kind, const uint8_t* row, int64_t n_in, uint16_t* to) {
  if (type == WeightType::f16 || type == WeightType::bf16) {
    for (int64_t i = 0; i < n_in; ++i) to[i] = uint16_t(row[2 * i] | (row[2 * i + 1] << 8));
    return;
  }
  std::vector<float> values(static_cast<size_t>(n_in));
  dequantize_row(type, row, values.data(), n_in);
  for (int64_t i = 0; i < n_in; ++i) {
    to[i] = kind == WeightKind::bf16 ? f32_to_bf16(values[size_t(i)]) : f32_to_f16(values[size_t(i)]);
  }
}

void read_coded_row(WeightType type, const uint8_t* row, int64_t n_in, TileRows& rows, int r) {
  const BlockSize size = block_size(type);
  const bool adds_min = type == WeightType::q4_1 || type == WeightType::q5_1;
  // Codes of w8 are stored + 128: Q5_0 counts from 16, Q5_1 and Q5_K from 0; Q8_0, IQ4_NL and all of 4 bits fit as they are.
  const int shift = type == WeightType::q5_0 ? 112 : type == WeightType::q5_1 || type == WeightType::q5_k ? 128 : 0;
  DecodedBlock block;
  for (int64_t begin = 0; begin < n_in; begin += size.n_elements) {
    decode_block(type, row + begin / size.n_elements * size.n_bytes, block);
    for (int i = 0; i < size.n_elements; ++i) rows.values[size_t(r * rows.n_columns + begin + i)] = uint16_t(block.q[i] + shift);
    for (int g = 0; g < size.n_elements / scale_columns; ++g) {
      const size_t at = size_t((r * rows.n_columns + begin) / scale_columns + g);
      rows.scales[at] = block.scale[g] == 1 ? block.d : f32_to_f16(f16_to_f32(block.d) * float(block.scale[g]));
      const float min = f16_to_f32(block.dmin) * (adds_min ? 1.0f : -float(block.min[g]));
      rows.mins[at] = f32_to_f16(min);
    }
  }
}

// Column of a block that element e (0, 1) of a[j] of a step is, for lane t of four.
int fragment_column(int t, int step, int j, int e) { return (step >> 1) * 32 + t * 8 + (step & 1) * 4 + (j >> 1) * 2 + e; }

void write_word(uint8_t* to, uint32_t word) {
  for (int i = 0; i < 4; ++i) to[i] = uint8_t(word >> (8 * i));
}

// One block of 16 rows x 64 columns in fragment order.
void write_block(WeightKind kind, const TileRows& rows, int64_t block, uint8_t* to) {
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane >> 2, t = lane & 3;
    for (int step = 0; step < 4; ++step) {
      uint32_t code[4][2];
      for (int j = 0; j < 4; ++j) {
        for (int e = 0; e < 2; ++e) code[j][e] = rows.at(g + (j & 1) * 8, block * tile_columns + fragment_column(t, step, j, e));
      }
      if (!has_scales(kind)) {
        for (int j = 0; j < 4; ++j) write_word(to + (step * 32 + lane) * 16 + j * 4, code[j][0] | (code[j][1] << 16));
      } else if (kind == WeightKind::w8 || kind == WeightKind::w8m) {
        uint8_t* half = to + ((step >> 1) * 32 + lane) * 16 + (step & 1) * 8;
        for (int j = 0; j < 4; j += 2) {
          write_word(half + j * 2, code[j][0] | (code[j + 1][0] << 8) | (code[j][1] << 16) | (code[j + 1][1] << 24));
        }
      } else {
        uint32_t word = 0;
        for (int j = 0; j < 4; ++j) word |= (code[j][0] << (4 * j)) | (code[j][1] << (16 + 4 * j));
        write_word(to + lane * 16 + step * 4, word);
      }
    }
  }
}

void write_scales(const TileRows& rows, const std::vector<uint16_t>& from, int64_t block, uint16_t* to) {
  for (int g = 0; g < 8; ++g) {
    for (int half = 0; half < 2; ++half) {
      for (int upper = 0; upper < 2; ++upper) {
        const int64_t row = g + upper * 8;
        to[g * 4 + half * 2 + upper] = from[size_t(row * rows.n_columns / scale_columns + block * 2 + half)];
      }
    }
  }
}

}  // namespace

const char* weight_kind_name(WeightKind kind) {
  static constexpr const char* names[] = {"f32", "bf16", "f16", "w8", "w8m", "w4", "w4m"};
  return names[int(kind)];
}

WeightKind weight_kind(WeightType type) {
  switch (type) {
    case WeightType::f32: return WeightKind::f32;
    case WeightType::bf16: return WeightKind::bf16;
    case WeightType::q4_0: return WeightKind::w4;
    case WeightType::q4_1:
    case WeightType::q4_k: return WeightKind::w4m;
    case WeightType::q5_0:
    case WeightType::q8_0:
    case WeightType::iq4_nl: return WeightKind::w8;
    case WeightType::q5_1:
    case WeightType::q5_k: return WeightKind::w8m;
    default: return WeightKind::f16;
  }
}

int64_t tile_weight_bytes(WeightKind kind, int64_t n_in) {
  if (kind == WeightKind::f32) return tile_rows * n_in * 4;
  const int64_t n = blocks_of(n_in) * tile_rows * tile_columns;
  return !has_scales(kind) ? n * 2 : kind == WeightKind::w8 || kind == WeightKind::w8m ? n : n / 2;
}

int64_t tile_scale_bytes(WeightKind kind, int64_t n_in) {
  return has_scales(kind) ? blocks_of(n_in) * (tile_columns / scale_columns) * tile_rows * 2 : 0;
}

TiledSizes tiled_sizes(WeightKind kind, int64_t n_out, int64_t n_in) {
  if (kind == WeightKind::f32) return {round_256(n_out * n_in * 4), 0, 0};
  const int64_t n_tiles = (n_out + tile_rows - 1) / tile_rows;
  const int64_t scale_bytes = round_256(n_tiles * tile_scale_bytes(kind, n_in));
  return {round_256(n_tiles * tile_weight_bytes(kind, n_in)), scale_bytes, has_mins(kind) ? scale_bytes : 0};
}

void tile_weights(WeightType type, const uint8_t* rows, int64_t n_out, int64_t n_in, int64_t tile_begin, int64_t tile_end,
                  uint8_t* weights, uint16_t* scales, uint16_t* mins) {
  const WeightKind kind = weight_kind(type);
  const BlockSize size = block_size(type);
  const int64_t row_bytes = n_in / size.n_elements * size.n_bytes;
  if (kind == WeightKind::f32) {
    const int64_t first = tile_begin * tile_rows, end = std::min(n_out, tile_end * tile_rows);
    std::copy(rows + first * row_bytes, rows + end * row_bytes, weights);
    return;
  }
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    TileRows tile_rows_in(kind, n_in);
    for (int r = 0; r < tile_rows && tile * tile_rows + r < n_out; ++r) {
      const uint8_t* row = rows + (tile * tile_rows + r) * row_bytes;
      if (has_scales(kind)) read_coded_row(type, row, n_in, tile_rows_in, r);
      else read_float_row(type, kind, row, n_in, tile_rows_in.values.data() + r * tile_rows_in.n_columns);
    }
    const int64_t n_blocks = blocks_of(n_in), index = tile - tile_begin;
    uint8_t* to = weights + index * tile_weight_bytes(kind, n_in);
    const int64_t block_bytes = tile_weight_bytes(kind, n_in) / n_blocks;
    for (int64_t block = 0; block < n_blocks; ++block) {
      write_block(kind, tile_rows_in, block, to + block * block_bytes);
      const int64_t scale_at = (index * n_blocks + block) * 32;
      if (scales && has_scales(kind)) write_scales(tile_rows_in, tile_rows_in.scales, block, scales + scale_at);
      if (mins && has_mins(kind)) write_scales(tile_rows_in, tile_rows_in.mins, block, mins + scale_at);
    }
  }
}

}  // namespace kernels::cuda
