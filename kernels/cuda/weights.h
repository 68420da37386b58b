// kernels/cuda/weights.h: weights of a file in the tiles that the CUDA kernels read (skinny.cuh draws them), made once at
// upload on the host. Exact but for the scales of K-quants (d * scale rounded to f16, 2^-11) and types with groups of
// 16 (Q2_K, Q3_K, Q6_K), which are held as f16.
#pragma once
#include <cstdint>

#include "kernels/quant.h"

namespace kernels::cuda {

enum class WeightKind { f32, bf16, f16, w8, w8m, w4, w4m };
const char* weight_kind_name(WeightKind kind);  // "w4m", as in the kernels' names
WeightKind weight_kind(WeightType type);

struct TiledSizes {
  int64_t weight_bytes = 0, scale_bytes = 0, min_bytes = 0;  // in this order, each a multiple of 256
  int64_t total() const { return weight_bytes + scale_bytes + min_bytes; }
};
// Of one tile of 16 rows (f32: rows as they are), and of a matrix.
int64_t tile_weight_bytes(WeightKind kind, int64_t n_in);
int64_t tile_scale_bytes(WeightKind kind, int64_t n_in);  // of scales, and of minima where the kind has them
TiledSizes tiled_sizes(WeightKind kind, int64_t n_out, int64_t n_in);

// Rows [16 tile_begin, 16 tile_end) of a matrix of a file (n_out rows of n_in numbers) to where the first of these tiles
// stands; scales and mins are null for kinds without.
void tile_weights(WeightType type, const uint8_t* rows, int64_t n_out, int64_t n_in, int64_t tile_begin, int64_t tile_end,
                  uint8_t* weights, uint16_t* scales, uint16_t* mins);

}  // namespace kernels::cuda
