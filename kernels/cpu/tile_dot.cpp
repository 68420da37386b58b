// Products of one weight tile (16 rows) with one activation tile (1 to 12 tokens): the inner loop of
// both decoding and prefill. Lanes are rows; an activation is broadcast from memory. Int8 sums of
// 32 (or 16) k become f32 once a scale group, so 8 dot instructions cost one conversion, one
// product and one multiply-add a token.
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"

namespace kernels::SIGMA_ISA {
namespace {

constexpr int log2_of(int n) {
  int bits = 0;
  while ((1 << bits) < n) ++bits;
  return bits;
}

// Few tokens wait for memory, and the processor's own prefetching fills a run of it faster than
// instructions do (Zen 4: 23 GB/s a core against 16: they wait for the few buffers of first-level
// misses). Many tokens wait for the arithmetic, and instructions hide every miss.
constexpr int few_tokens = 4;

template <WeightType type>
struct Quants {
  static constexpr PackedType t = packed_type(type);
  static constexpr PackedOffsets at = packed_offsets(t);

  const uint8_t* p;  // the 32 k at hand
  Bytes low_mask, high_mask;
  Table table;

  INLINE Quants() {
    low_mask = set1_bytes(uint8_t((1 << t.low_bits) - 1));
    high_mask = set1_bytes(uint8_t(((1 << t.high_bits) - 1) << t.low_bits));
    if constexpr (type == WeightType::iq4_nl) {
      alignas(16) uint8_t values[16];
      for (int i = 0; i < 16; ++i) values[i] = uint8_t(iq4_nl_values[i] + 128);
      table = load_table(values);
    }
  }
  // q of k = 4 * group .. 4 * group + 3, all 16 rows.
  template <int group>
  INLINE Bytes get() const {
    constexpr int a_chunk = 8 / t.low_bits;  // groups in a chunk
    const Bytes chunk = load_bytes(p + group / a_chunk * tile_chunk);
    if constexpr (t.low_bits == 8) return chunk;
    Bytes q = bits<group % a_chunk * t.low_bits>(chunk, low_mask);
    if constexpr (type == WeightType::iq4_nl) q = look_up(table, q);
    if constexpr (t.high_bits > 0) {
      constexpr int a_high = 8 / t.high_bits;
      const Bytes high = load_bytes(p + at.high + group / a_high * tile_chunk);
      q = with_bits<group % a_high * t.high_bits - t.low_bits>(q, high, high_mask);
    }
    return q;
  }
};

// The scales and minima of a block as bytes, where they are kept as six bits: u8 scale[8][16 rows],
// then u8 min[8][16 rows]. Ten instructions for 256 k, and the file's bytes are all that is read.
INLINE void spread_six_bits(const uint8_t* tile, const PackedOffsets& at, uint8_t* out) {
  const Bytes low_six = set1_bytes(63), low_four = set1_bytes(15), upper_two = set1_bytes(0x30);
  const Bytes a = load_bytes(tile + at.scale), b = load_bytes(tile + at.min), c = load_bytes(tile + at.nibbles);
  store_bytes(out, bits<0>(a, low_six));
  store_bytes(out + 64, with_bits<2>(bits<0>(c, low_four), a, upper_two));
  store_bytes(out + 128, bits<0>(b, low_six));
  store_bytes(out + 192, with_bits<2>(bits<4>(c, low_four), b, upper_two));
}

// q may take all of a byte; less_128 then has its offset taken off.
template <WeightType type>
constexpr bool is_wide = packed_type(type).low_bits == 8 || type == WeightType::iq4_nl;

// Groups whose products with activations fit 16 bits together; 0: the instruction set has no use for it.
template <WeightType type>
constexpr int pairs_room = !sums_pairs || is_wide<type>
                               ? 0 : 32767 / (2 * 127 * ((1 << (packed_type(type).low_bits + packed_type(type).high_bits)) - 1));

template <WeightType type, int n, int group, int end>
INLINE void dot_groups(const Quants<type>& quants, const uint8_t* x, I32* acc) {
  if constexpr (group < end && pairs_room<type> > 1) {
    constexpr int stop = group + pairs_room<type> < end ? group + pairs_room<type> : end;
    const auto first = quants.template get<group>();
    decltype(pairs(first, x)) sums[n];
    each<n>(EACH(i) { sums[i] = pairs(first, x + (group * n + i) * 4); });
    each<stop - group - 1>(EACH(j) {
      constexpr int at = group + 1 + decltype(j)::value;
      const auto w = quants.template get<at>();
      each<n>(EACH(i) { sums[i] = add(sums[i], pairs(w, x + (at * n + i) * 4)); });
    });
    each<n>(EACH(i) { acc[i] = add_pairs(acc[i], sums[i]); });
    dot_groups<type, n, stop, end>(quants, x, acc);
  } else if constexpr (group < end) {
    const auto w = quants.template get<group>();
    if constexpr (sums_pairs && is_wide<type>) {
      const auto lower = less_128(w);
      each<n>(EACH(i) { acc[i] = dot4(acc[i], lower, x + (group * n + i) * 4); });
    } else {
      for (int i = 0; i < n; ++i) acc[i] = dot4<is_wide<type>>(acc[i], w, x + (group * n + i) * 4);
    }
    dot_groups<type, n, group + 1, end>(quants, x, acc);
  }
}

template <WeightType type, int n>
void dot_int8(const uint8_t* tile, const void* activations, int64_t n_in, float* out) {
  constexpr PackedType t = packed_type(type);
  constexpr PackedOffsets at = packed_offsets(t);
  constexpr int n_groups = t.groups, per_block = t.block / 32;
  constexpr int record = int(int8_record_bytes(n));
  const uint8_t* x = static_cast<const uint8_t*>(activations);
  Quants<type> quants;
  alignas(64) uint8_t spread[t.six_bits ? 2 * 8 * tile_rows : 1];
  F32 sums[n];
  for (int i = 0; i < n; ++i) sums[i] = zero();

  for (int64_t block = 0; block < n_in / t.block; ++block, tile += at.size) {
    const F32 d = load_f16(tile);
    F32 dmin = zero();
    if constexpr (t.has_min) dmin = load_f16(tile + at.dmin);
    const uint8_t* scales = tile + at.scale;
    const uint8_t* minima = tile + at.min;
    if constexpr (t.six_bits) {
      spread_six_bits(tile, at, spread);
      scales = spread;
      minima = spread + sizeof spread / 2;
    }
    for (int part = 0; part < per_block; ++part, x += record) {
      quants.p = tile + at.quants + part * at.quants_stride;
      if constexpr (n >= few_tokens) {
        each<(at.quants_stride + tile_chunk - 1) / tile_chunk>(EACH(line) {
          prefetch(quants.p + 2048 + line * tile_chunk);
        });
      }
      const float* xd = reinterpret_cast<const float*>(x + n * 32);
      const int32_t* negative_sums = reinterpret_cast<const int32_t*>(x + n * 40);
      auto add_group = [&](auto which) __attribute__((always_inline)) {
        constexpr int g = decltype(which)::value;
        I32 acc[n];
        for (int i = 0; i < n; ++i) {
          // Start from -offset * sum(x): what the unsigned q is too large by.
          constexpr int from = n_groups == 1 ? 0 : (1 + g);
          if constexpr (t.offset == 0 || (sums_pairs && is_wide<type>)) acc[i] = I32{};
          else acc[i] = shift_left<log2_of(t.offset)>(set1(negative_sums + from * n + i));
        }
        dot_groups<type, n, g * 8 / n_groups, (g + 1) * 8 / n_groups>(quants, x, acc);
        const int index = part * n_groups + g;
        F32 scale = d, low = dmin;
        if constexpr (t.scaled) scale = mul(d, load_s8(scales + index * tile_rows));
        if constexpr (t.scaled && t.has_min) {
          low = mul(dmin, load_u8(minima + index * tile_rows));
        }
        for (int i = 0; i < n; ++i) {
          sums[i] = fma(to_f32(acc[i]), mul(scale, set1(xd[i])), sums[i]);
          if constexpr (t.has_min && n_groups == 1 && !t.scaled) {
            sums[i] = fma(low, set1(xd[n + i]), sums[i]);
          } else if constexpr (t.has_min && n_groups == 1) {
            sums[i] = fnma(low, set1(xd[n + i]), sums[i]);
          } else if constexpr (t.has_min) {
            const float sum = float(negative_sums[(1 + g) * n + i]) * xd[i];
            sums[i] = fma(low, set1(sum), sums[i]);
          }
        }
      };
      struct First { enum { value = 0 }; };
      struct Second { enum { value = 1 }; };
      add_group(First{});
      if constexpr (n_groups == 2) add_group(Second{});
    }
  }
  for (int i = 0; i < n; ++i) store(out + i * tile_rows, sums[i]);
}

template <WeightType type>
INLINE F32 load_row(const uint8_t* p) {
  if constexpr (type == WeightType::f32) return load(reinterpret_cast<const float*>(p));
  else if constexpr (type == WeightType::f16) return load_f16(p);
  else return load_bf16(p);
}

template <WeightType type, int n>
void dot_f32(const uint8_t* tile, const void* activations, int64_t n_in, float* out) {
  constexpr int stride = tile_rows * block_size(type).n_bytes;
  constexpr int chains = n >= 4 ? 1 : 4 / n;  // independent sums, to hide the latency of an fma
  const float* x = static_cast<const float*>(activations);
  F32 sums[chains][n];
  each<chains>(EACH(c) { each<n>(EACH(i) { sums[c][i] = zero(); }); });
  const auto step = [&](auto c) __attribute__((always_inline)) {
    const F32 w = load_row<type>(tile);
    each<n>(EACH(i) { sums[c][i] = fma(w, set1(x[i]), sums[c][i]); });
    tile += stride;
    x += n;
  };
  constexpr int at_once = n >= few_tokens && stride < tile_chunk ? 2 : chains;
  int64_t k = 0;
  for (; k + at_once <= n_in; k += at_once) {
    if constexpr (n >= few_tokens) prefetch(tile + 2048);
    each<at_once>(EACH(c) { step(Index<c % chains>{}); });
  }
  for (; k < n_in; ++k) step(Index<0>{});
  each<n>(EACH(i) {
    each<chains - 1>(EACH(c) { sums[0][i] = add(sums[0][i], sums[c + 1][i]); });
    store(out + i * tile_rows, sums[0][i]);
  });
}

template <WeightType type, int n>
void add_widths(CpuKernels& table) {
  if constexpr (is_float(type)) {
    if constexpr (n <= max_tokens_f32) table.tile_dot[int(type)][n] = dot_f32<type, n>;
  } else {
    if constexpr (n <= max_tokens_int8) table.tile_dot[int(type)][n] = dot_int8<type, n>;
  }
  if constexpr (n > 1) add_widths<type, n - 1>(table);
}

template <WeightType... types>
void add_types(CpuKernels& table) {
  (add_widths<types, max_tile_tokens>(table), ...);
}

}  // namespace

void add_tile_dots(CpuKernels& table) {
  using enum WeightType;
  add_types<f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl>(table);
}

}  // namespace kernels::SIGMA_ISA
