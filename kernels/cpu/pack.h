// kernels/cpu/pack.h: weights of a file into the tiles of packed.h.
#pragma once
#include "kernels/cpu/packed.h"

namespace kernels {

// Tiles [tile_begin, tile_end) of a matrix of n_rows rows of n_in numbers, rows as a file has them.
// tiles points at tile 0 of the destination.
void pack_tiles(WeightType type, const uint8_t* rows, int64_t n_rows, int64_t n_in,
                int64_t tile_begin, int64_t tile_end, uint8_t* tiles);

// Row `row` of a packed matrix back into f32.
void unpack_row(WeightType type, const uint8_t* tiles, int64_t row, int64_t n_in, float* out);

}  // namespace kernels
