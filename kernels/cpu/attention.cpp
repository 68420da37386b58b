// The two halves of attention around the score products: an online softmax over a block of scores,
// and the sum of values weighted by it. Score blocks are [16 keys a tile][rows][16].
#include "kernels/cpu/isa.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/simd.h"

namespace kernels::SIGMA_ISA {
namespace {

constexpr float minus_infinity = -__builtin_huge_valf();

void softmax_block(float* s, int64_t tile_stride, int n_rows, int n_tiles, const int* visible,
                   float* max_of, float* sum_of, float* rescale) {
  const F32 hidden = set1(minus_infinity);
  for (int row = 0; row < n_rows; ++row) {
    float* scores = s + row * tile_rows;
    const int n_seen = visible[row], full = n_seen / tile_rows;
    F32 top = hidden;
    for (int tile = 0; tile < n_tiles; ++tile) {
      F32 a = load(scores + tile * tile_stride);
      if (tile >= full) {
        a = keep_first(a, hidden, n_seen - tile * tile_rows);
        store(scores + tile * tile_stride, a);
      }
      top = max(top, a);
    }
    const float old = max_of[row], block = max_lane(top), now = old > block ? old : block;
    if (now == minus_infinity) {  // nothing seen yet
      for (int tile = 0; tile < n_tiles; ++tile) store(scores + tile * tile_stride, zero());
      rescale[row] = 1;
      continue;
    }
    const F32 shift = set1(now);
    F32 total = zero();
    for (int tile = 0; tile < n_tiles; ++tile) {
      float* p = scores + tile * tile_stride;
      F32 e = exp(sub(load(p), shift));
      if (tile >= full) e = keep_first(e, zero(), n_seen - tile * tile_rows);
      store(p, e);
      total = add(total, e);
    }
    float factor = 0;
    if (old != minus_infinity) {
      alignas(64) float lanes[16];
      store(lanes, exp(set1(old - now)));
      factor = lanes[0];
    }
    rescale[row] = factor;
    sum_of[row] = sum_of[row] * factor + sum(total);
    max_of[row] = now;
  }
}

void scale_row(float* x, int64_t n, float factor) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) store(x + i, mul(load(x + i), set1(factor)));
  for (; i < n; ++i) x[i] *= factor;
}

enum class Value { f32, f16, q8_0 };

template <Value type>
INLINE F32 load_value(const uint8_t* p) {
  if constexpr (type == Value::f32) return load(reinterpret_cast<const float*>(p));
  else if constexpr (type == Value::f16) return load_f16(p);
  else return load_s8(p);
}
template <Value type>
constexpr int value_bytes = type == Value::f32 ? 4 : type == Value::f16 ? 2 : 1;

// n_rows rows by `width` vectors of columns beginning at `column`.
template <Value type, int n_rows, int width>
INLINE void weigh_tile(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride,
                       int n_columns, int column, float* acc) {
  constexpr int bytes = value_bytes<type>;
  const int64_t stride = int64_t(n_columns) * bytes;
  F32 sums[n_rows][width];
  for (int r = 0; r < n_rows; ++r) {
    for (int c = 0; c < width; ++c) sums[r][c] = load(acc + r * n_columns + column + c * 16);
  }
  for (int begin = 0; begin < n_keys; begin += tile_rows, p += p_tile_stride) {
    const int n = n_keys - begin < tile_rows ? n_keys - begin : tile_rows;
    const uint8_t* row = v + column * bytes;
    // Of q8_0: weights times the scales of the 16 keys, for each 32 columns.
    constexpr int n_scales = type == Value::q8_0 ? (width + 1) / 2 : 1;
    alignas(64) float scaled[n_scales][n_rows][tile_rows];
    if constexpr (type == Value::q8_0) {
      for (int b = 0; b < n_scales; ++b) {
        const F32 scales = load_f16(v + tile_rows * stride + (column / 32 + b) * (tile_rows * 2));
        for (int r = 0; r < n_rows; ++r) store(scaled[b][r], mul(load(p + r * tile_rows), scales));
      }
    }
    for (int key = 0; key < n; ++key, row += stride) {
      prefetch(row + 8 * stride + 1024);
      F32 values[width];
      for (int c = 0; c < width; ++c) values[c] = load_value<type>(row + c * 16 * bytes);
      for (int r = 0; r < n_rows; ++r) {
        for (int c = 0; c < width; ++c) {
          const float weight = type == Value::q8_0 ? scaled[c / 2][r][key] : p[r * tile_rows + key];
          sums[r][c] = fma(set1(weight), values[c], sums[r][c]);
        }
      }
    }
    v += tile_rows * stride + (type == Value::q8_0 ? n_columns : 0);
  }
  for (int r = 0; r < n_rows; ++r) {
    for (int c = 0; c < width; ++c) store(acc + r * n_columns + column + c * 16, sums[r][c]);
  }
}

template <Value type, int n_rows>
void weigh_rows(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride, int n_columns,
                float* acc) {
  int c = 0;
  for (; c + 64 <= n_columns; c += 64) {
    weigh_tile<type, n_rows, 4>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
  }
  for (; c + 32 <= n_columns; c += 32) {
    weigh_tile<type, n_rows, 2>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
  }
  if (c < n_columns) weigh_tile<type, n_rows, 1>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
}

template <Value type, int n_rows>
INLINE void weigh_rest(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride, int rest,
                       int n_columns, float* acc) {
  if constexpr (n_rows > 0) {
    if (rest == n_rows) return weigh_rows<type, n_rows>(v, n_keys, p, p_tile_stride, n_columns, acc);
    weigh_rest<type, n_rows - 1>(v, n_keys, p, p_tile_stride, rest, n_columns, acc);
  }
}

template <Value type>
void weigh_values(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride, int n_rows,
                  int n_columns, float* acc) {
  int row = 0;
  for (; row + max_value_rows <= n_rows; row += max_value_rows) {
    weigh_rows<type, max_value_rows>(v, n_keys, p + row * tile_rows, p_tile_stride, n_columns,
                                     acc + int64_t(row) * n_columns);
  }
  weigh_rest<type, max_value_rows - 1>(v, n_keys, p + row * tile_rows, p_tile_stride, n_rows - row,
                                       n_columns, acc + int64_t(row) * n_columns);
}

template <Value type>
void weigh_row(const uint8_t* v_tile, int lane, float weight, int n_columns, float* acc) {
  const int64_t stride = int64_t(n_columns) * value_bytes<type>;
  const uint8_t* row = v_tile + lane * stride;
  for (int c = 0; c < n_columns; c += 16) {
    float scaled = weight;
    if constexpr (type == Value::q8_0) {
      uint16_t half;
      __builtin_memcpy(&half, v_tile + tile_rows * stride + c / 32 * (tile_rows * 2) + lane * 2, 2);
      scaled *= f16_to_f32(half);
    }
    store(acc + c, fma(set1(scaled), load_value<type>(row + c * value_bytes<type>), load(acc + c)));
  }
}

}  // namespace

void add_attention(CpuKernels& table) {
  table.softmax_block = softmax_block;
  table.scale_row = scale_row;
  table.weigh_values[0] = weigh_values<Value::f32>;
  table.weigh_values[1] = weigh_values<Value::f16>;
  table.weigh_values[2] = weigh_values<Value::q8_0>;
  table.weigh_row[0] = weigh_row<Value::f32>;
  table.weigh_row[1] = weigh_row<Value::f16>;
  table.weigh_row[2] = weigh_row<Value::q8_0>;
}

}  // namespace kernels::SIGMA_ISA
