// kernels/cpu/kernels.h: the CPU's arithmetic as a table of functions, one table for each
// instruction set that was compiled in. They take raw pointers and sizes and don't allocate, throw
// or start threads; the backend splits the work. packed.h describes the layouts.
#pragma once
#include <cstdint>

#include "kernels/cpu/packed.h"

namespace kernels {

// What a tile product does with its results.
enum class Store { set, add };

// out[t * 16 + r] = W[r] . x[t] for the 16 rows of one tile and n tokens of one activation tile
// (f32 for float weights, int8 for the rest).
using TileDot = void (*)(const uint8_t* tile, const void* activations, int64_t n_in, float* out);

// acc[row * n_columns + c] += sum over keys of p(row, key) * v[key][c], for n_rows rows, where
// p(row, key) stands at p[(key / 16) * p_tile_stride + row * 16 + key % 16]. v begins at a tile of one
// head's value cache (shapes.h).
using WeighValues = void (*)(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride,
                             int n_rows, int n_columns, float* acc);
// acc[c] += weight * v[lane][c] of one tile; lane < value_tile
using WeighRow = void (*)(const uint8_t* v_tile, int lane, float weight, int n_columns, float* acc);

constexpr int n_weight_types = 31;
constexpr int n_value_types = 4;  // f32, f16, q8_0, q4_0

struct CpuKernels {
  const char* name = "";
  int tokens_int8 = 0, tokens_f32 = 0;  // widest activation tile, <= max_tile_tokens
  // [weight type][tokens]; null where the type is not a weight's.
  TileDot tile_dot[n_weight_types][max_tile_tokens + 1] = {};

  // y = x / sqrt(mean(x*x) + eps) * w; may be in place
  void (*rms_norm)(const float* x, const float* w, float* y, int64_t n, float eps) = nullptr;
  // Rows x[t * stride] into an int8 activation tile (n_in a multiple of 32) or an f32 one.
  void (*pack_int8)(const float* x, int64_t stride, int n_tokens, int64_t n_in, void* out) = nullptr;
  void (*pack_f32)(const float* x, int64_t stride, int n_tokens, int64_t n_in, void* out) = nullptr;

  // y[t * stride + r] = or += tile[t * 16 + r] for r < n_rows
  void (*store_tile)(const float* tile, int n_tokens, int n_rows, float* y, int64_t stride,
                     Store how) = nullptr;
  // y[t * stride + r] = silu(gate) * up
  void (*silu_mul_tile)(const float* gate, const float* up, int n_tokens, int n_rows, float* y,
                        int64_t stride) = nullptr;

  // One step of an online softmax over a block of scores s[tile * tile_stride + row * 16 + lane]:
  // scores from visible[row] on are left out; s becomes exp(s - max), max and sum (per row) take
  // the block in, rescale[row] is what earlier sums are to be multiplied by.
  void (*softmax_block)(float* s, int64_t tile_stride, int n_rows, int n_tiles, const int* visible,
                        float* max, float* sum, float* rescale) = nullptr;
  void (*scale_row)(float* x, int64_t n, float factor) = nullptr;
  WeighValues weigh_values[n_value_types] = {};  // n_columns a multiple of 16 (of 32 if quantised)
  WeighRow weigh_row[n_value_types] = {};
  // Of n_keys scores s[(key / 16) * tile_stride + key % 16]: the largest of each 16 into tile_max, and
  // the sum of exp(s - shift).
  void (*tile_maxima)(const float* s, int64_t tile_stride, int64_t n_keys, float* tile_max) = nullptr;
  double (*sum_exp)(const float* s, int64_t tile_stride, int64_t n_keys, float shift) = nullptr;
  // 32 numbers at a time, scaled by the f16 written to scale: s8 q[32]; 0..15, that is the number + 8.
  void (*quantize_32)(const float* x, int8_t* q, uint16_t* scale) = nullptr;
  void (*quantize_32_q4)(const float* x, int8_t* q, uint16_t* scale) = nullptr;
  void (*to_f16)(const float* x, uint16_t* y, int64_t n) = nullptr;
};

// The tables there are, widest first; only those that this processor can run.
int n_cpu_kernels();
const CpuKernels& cpu_kernels(int index);

}  // namespace kernels
