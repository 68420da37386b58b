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

// ---- values as f32 and f16

enum class Value { f32, f16, q8_0, q4_0 };

template <Value type>
constexpr bool is_float_value = type == Value::f32 || type == Value::f16;

template <Value type>
INLINE F32 load_value(const uint8_t* p) {
  if constexpr (type == Value::f32) return load(reinterpret_cast<const float*>(p));
  else return load_f16(p);
}
template <Value type>
constexpr int value_bytes = type == Value::f32 ? 4 : 2;

// n_rows rows by `width` vectors of columns beginning at `column`.
template <Value type, int n_rows, int width>
INLINE void weigh_columns(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride,
                          int n_columns, int column, float* acc) {
  constexpr int bytes = value_bytes<type>;
  const int64_t stride = int64_t(n_columns) * bytes;
  F32 sums[n_rows][width];
  each<n_rows>(EACH(r) {
    each<width>(EACH(c) { sums[r][c] = load(acc + r * n_columns + column + c * 16); });
  });
  const uint8_t* row = v + column * bytes;
  for (int begin = 0; begin < n_keys; begin += tile_rows, p += p_tile_stride) {
    const int n = n_keys - begin < tile_rows ? n_keys - begin : tile_rows;
    for (int key = 0; key < n; ++key, row += stride) {
      F32 values[width];
      each<width>(EACH(c) { values[c] = load_value<type>(row + c * 16 * bytes); });
      each<n_rows>(EACH(r) {
        const F32 weight = set1(p[r * tile_rows + key]);
        each<width>(EACH(c) { sums[r][c] = fma(weight, values[c], sums[r][c]); });
      });
    }
  }
  each<n_rows>(EACH(r) {
    each<width>(EACH(c) { store(acc + r * n_columns + column + c * 16, sums[r][c]); });
  });
}

// ---- values of 8 and 4 bits
//
// Four keys' bytes lie beside each other, so an integer dot product adds up four keys for 16 columns.
// The weights, times the scales of their keys, become 16-bit numbers relative to the largest of 128
// keys (an error of 2^-16 of it; that of f16 is up to 2^-12), taken as a high and a low byte.

constexpr int keys_at_once = 128;  // value_tile

template <Value type>
constexpr int value_block = type == Value::q8_0 ? 256 + 4096 : 256 + 2048;  // value_block_bytes
template <Value type>
constexpr int offset_bits = type == Value::q8_0 ? 7 : 3;  // numbers are stored plus 128 or 8

struct Weights16 {
  alignas(64) int8_t high[keys_at_once], low[keys_at_once];
  int32_t minus_high, minus_low;  // minus their sums
  float step;
};

// p of one row.
INLINE void split_weights(const float* p, int64_t p_tile_stride, const uint8_t* scales, int n_keys,
                          Weights16& out) {
  alignas(64) float scaled[keys_at_once];
  F32 largest = zero();
  for (int begin = 0; begin < n_keys; begin += tile_rows, p += p_tile_stride) {
    F32 a = mul(load(p), load_f16(scales + begin * 2));
    // Scales past the last key may be anything.
    if (n_keys - begin < tile_rows) a = keep_first(a, zero(), n_keys - begin);
    store(scaled + begin, a);
    largest = max(largest, abs(a));
  }
  constexpr float range = 127 * 256;
  const float top = max_lane(largest);
  out.step = top / range;
  const F32 inverse = set1(top > 1e-30f ? range / top : 0.0f);
  // w = 256 high + low; the low byte of w is low, -128..127, where high is rounded up from half.
  constexpr int32_t half = 128;
  I32 high_sums{}, sums{};
  for (int begin = 0; begin < n_keys; begin += tile_rows) {
    const I32 w = round_to_i32(mul(load(scaled + begin), inverse));
    const I32 high = shift_right<8>(add(w, set1(&half)));
    store_low_bytes(out.high + begin, high);
    store_low_bytes(out.low + begin, w);
    high_sums = add(high_sums, high);
    sums = add(sums, w);
  }
  const int32_t high_sum = sum(high_sums);
  out.minus_high = -high_sum;
  out.minus_low = 256 * high_sum - sum(sums);
}

template <Value type, int quad>
INLINE Bytes load_quad(const uint8_t* quants, Bytes mask) {
  if constexpr (type == Value::q8_0) return load_bytes(quants + quad * 128);
  else return bits<quad % 2 * 4>(load_bytes(quants + quad / 2 * 128), mask);
}

// n_rows rows by the 32 columns of one block; n_keys <= keys_at_once.
template <Value type, int n_rows>
INLINE void weigh_block(const uint8_t* block, int n_keys, const float* p, int64_t p_tile_stride,
                        int n_columns, float* acc) {
  Weights16 weights[n_rows];
  I32 high[n_rows][2], low[n_rows][2];
  for (int r = 0; r < n_rows; ++r) split_weights(p + r * tile_rows, p_tile_stride, block, n_keys, weights[r]);
  each<n_rows>(EACH(r) {
    high[r][0] = high[r][1] = shift_left<offset_bits<type>>(set1(&weights[r].minus_high));
    low[r][0] = low[r][1] = shift_left<offset_bits<type>>(set1(&weights[r].minus_low));
  });
  const Bytes mask = set1_bytes(15);
  const uint8_t* quants = block + keys_at_once * 2;
  for (int begin = 0; begin < n_keys; begin += tile_rows, quants += type == Value::q8_0 ? 512 : 256) {
    each<4>(EACH(quad) {
      const Bytes first = load_quad<type, quad>(quants, mask), second = load_quad<type, quad>(quants + 64, mask);
      each<n_rows>(EACH(r) {
        constexpr bool wide = type == Value::q8_0;
        const int8_t *h = weights[r].high + begin + quad * 4, *l = weights[r].low + begin + quad * 4;
        high[r][0] = dot4<wide>(high[r][0], first, h);
        high[r][1] = dot4<wide>(high[r][1], second, h);
        low[r][0] = dot4<wide>(low[r][0], first, l);
        low[r][1] = dot4<wide>(low[r][1], second, l);
      });
    });
  }
  each<n_rows>(EACH(r) {
    each<2>(EACH(c) {
      float* to = acc + int64_t(r) * n_columns + c * 16;
      const F32 whole = fma(to_f32(high[r][c]), set1(256.0f), to_f32(low[r][c]));
      store(to, fma(whole, set1(weights[r].step), load(to)));
    });
  });
}

// ---- both

template <Value type, int n_rows>
void weigh_rows(const uint8_t* v, int n_keys, const float* p, int64_t p_tile_stride, int n_columns,
                float* acc) {
  int c = 0;
  if constexpr (is_float_value<type>) {
    for (; c + 64 <= n_columns; c += 64) {
      weigh_columns<type, n_rows, 4>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
    }
    for (; c + 32 <= n_columns; c += 32) {
      weigh_columns<type, n_rows, 2>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
    }
    if (c < n_columns) weigh_columns<type, n_rows, 1>(v, n_keys, p, p_tile_stride, n_columns, c, acc);
  } else {
    for (int begin = 0; begin < n_keys; begin += keys_at_once, p += keys_at_once / tile_rows * p_tile_stride) {
      const int n = n_keys - begin < keys_at_once ? n_keys - begin : keys_at_once;
      for (c = 0; c < n_columns; c += 32, v += value_block<type>) {
        weigh_block<type, n_rows>(v, n, p, p_tile_stride, n_columns, acc + c);
      }
    }
  }
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
  if constexpr (is_float_value<type>) {
    constexpr int bytes = value_bytes<type>;
    const uint8_t* row = v_tile + int64_t(lane) * n_columns * bytes;
    for (int c = 0; c < n_columns; c += 16) {
      store(acc + c, fma(set1(weight), load_value<type>(row + c * bytes), load(acc + c)));
    }
  } else {
    // A dot product with a one at this key's place takes its byte out of each four.
    alignas(4) int8_t pick[4] = {};
    pick[lane % 4] = 1;
    constexpr bool wide = type == Value::q8_0;
    const F32 offset = set1(float(1 << offset_bits<type>));
    const int quad = lane / 4;  // of the tile's 128 keys
    for (int c = 0; c < n_columns; c += 32, v_tile += value_block<type>) {
      uint16_t half;
      __builtin_memcpy(&half, v_tile + lane * 2, 2);
      const F32 scaled = set1(weight * f16_to_f32(half));
      for (int part = 0; part < 2; ++part) {
        const uint8_t* at = v_tile + keys_at_once * 2 + part * 64 + (wide ? quad : quad / 2) * 128;
        Bytes w = load_bytes(at);
        if constexpr (!wide) w = quad % 2 ? bits<4>(w, set1_bytes(15)) : bits<0>(w, set1_bytes(15));
        const F32 value = sub(to_f32(dot4<wide>(I32{}, w, pick)), offset);
        float* to = acc + c + part * 16;
        store(to, fma(scaled, value, load(to)));
      }
    }
  }
}

// ---- selective V

void tile_maxima(const float* s, int64_t tile_stride, int64_t n_keys, float* tile_max) {
  for (int64_t begin = 0; begin < n_keys; begin += tile_rows, s += tile_stride) {
    F32 a = max(load(s), set1(minus_infinity));  // NaN becomes the second
    if (n_keys - begin < tile_rows) a = keep_first(a, set1(minus_infinity), int(n_keys - begin));
    *tile_max++ = max_lane(a);
  }
}

double sum_exp(const float* s, int64_t tile_stride, int64_t n_keys, float shift) {
  double total = 0;
  const F32 shifts = set1(shift);
  for (int64_t begin = 0; begin < n_keys;) {
    F32 part = zero();  // of 16 tiles
    for (int tile = 0; tile < 16 && begin < n_keys; ++tile, begin += tile_rows, s += tile_stride) {
      F32 e = exp(sub(load(s), shifts));
      if (n_keys - begin < tile_rows) e = keep_first(e, zero(), int(n_keys - begin));
      part = add(part, e);
    }
    total += double(sum(part));
  }
  return total;
}

}  // namespace

void add_attention(CpuKernels& table) {
  table.softmax_block = softmax_block;
  table.scale_row = scale_row;
  table.tile_maxima = tile_maxima;
  table.sum_exp = sum_exp;
  table.weigh_values[0] = weigh_values<Value::f32>;
  table.weigh_values[1] = weigh_values<Value::f16>;
  table.weigh_values[2] = weigh_values<Value::q8_0>;
  table.weigh_values[3] = weigh_values<Value::q4_0>;
  table.weigh_row[0] = weigh_row<Value::f32>;
  table.weigh_row[1] = weigh_row<Value::f16>;
  table.weigh_row[2] = weigh_row<Value::q8_0>;
  table.weigh_row[3] = weigh_row<Value::q4_0>;
}

}  // namespace kernels::SIGMA_ISA
