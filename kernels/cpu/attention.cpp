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

// n_rows rows by `width` vectors of columns; scales of q8_0 begin at v + scales_at.
template <Value type, int n_rows, int width>
INLINE void weigh_tile(const uint8_t* v, int64_t stride, int n_keys, const float* p,
                       int64_t p_tile_stride, int64_t scales_at, float* acc, int64_t acc_stride) {
  F32 sums[n_rows][width];
  for (int r = 0; r < n_rows; ++r) {
    for (int c = 0; c < width; ++c) sums[r][c] = load(acc + r * acc_stride + c * 16);
  }
  for (int key = 0; key < n_keys; ++key, v += stride) {
    const float* weights = p + key / tile_rows * p_tile_stride + key % tile_rows;
    prefetch(v + 4 * stride + 512);
    F32 values[width];
    for (int c = 0; c < width; ++c) {
      values[c] = load_value<type>(v + c * 16 * value_bytes<type>);
      if constexpr (type == Value::q8_0) {
        uint16_t half;
        __builtin_memcpy(&half, v + scales_at + c / 2 * 2, 2);
        values[c] = mul(values[c], set1(f16_to_f32(half)));
      }
    }
    for (int r = 0; r < n_rows; ++r) {
      const F32 weight = set1(weights[r * tile_rows]);
      for (int c = 0; c < width; ++c) sums[r][c] = fma(weight, values[c], sums[r][c]);
    }
  }
  for (int r = 0; r < n_rows; ++r) {
    for (int c = 0; c < width; ++c) store(acc + r * acc_stride + c * 16, sums[r][c]);
  }
}

template <Value type, int n_rows>
void weigh_rows(const uint8_t* v, int64_t stride, int n_keys, const float* p, int64_t p_tile_stride,
                int n_columns, float* acc) {
  constexpr int width = 4;
  int c = 0;
  for (; c + 16 * width <= n_columns; c += 16 * width) {
    weigh_tile<type, n_rows, width>(v + c * value_bytes<type>, stride, n_keys, p, p_tile_stride,
                                    n_columns - c + c / 16, acc + c, n_columns);
  }
  for (; c + 32 <= n_columns; c += 32) {
    weigh_tile<type, n_rows, 2>(v + c * value_bytes<type>, stride, n_keys, p, p_tile_stride,
                                n_columns - c + c / 16, acc + c, n_columns);
  }
  for (; c < n_columns; c += 16) {
    weigh_tile<type, n_rows, 1>(v + c * value_bytes<type>, stride, n_keys, p, p_tile_stride,
                                n_columns - c + c / 16, acc + c, n_columns);
  }
}

template <Value type, int n_rows>
INLINE void weigh_rest(const uint8_t* v, int64_t stride, int n_keys, const float* p,
                       int64_t p_tile_stride, int rest, int n_columns, float* acc) {
  if constexpr (n_rows > 0) {
    if (rest == n_rows) return weigh_rows<type, n_rows>(v, stride, n_keys, p, p_tile_stride, n_columns, acc);
    weigh_rest<type, n_rows - 1>(v, stride, n_keys, p, p_tile_stride, rest, n_columns, acc);
  }
}

template <Value type>
void weigh_values(const uint8_t* v, int64_t v_stride_bytes, int n_keys, const float* p,
                  int64_t p_tile_stride, int n_rows, int n_columns, float* acc) {
  int row = 0;
  for (; row + max_value_rows <= n_rows; row += max_value_rows) {
    weigh_rows<type, max_value_rows>(v, v_stride_bytes, n_keys, p + row * tile_rows, p_tile_stride,
                                     n_columns, acc + int64_t(row) * n_columns);
  }
  weigh_rest<type, max_value_rows - 1>(v, v_stride_bytes, n_keys, p + row * tile_rows, p_tile_stride,
                                       n_rows - row, n_columns, acc + int64_t(row) * n_columns);
}

}  // namespace

void add_attention(CpuKernels& table) {
  table.softmax_block = softmax_block;
  table.scale_row = scale_row;
  table.weigh_values[0] = weigh_values<Value::f32>;
  table.weigh_values[1] = weigh_values<Value::f16>;
  table.weigh_values[2] = weigh_values<Value::q8_0>;
}

}  // namespace kernels::SIGMA_ISA
