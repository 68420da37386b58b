// tests/support/ptx/lanes.h: element types of PTX and loops over the lanes of a warp.
// A type says how its values lie in a register: 32-bit lanes for everything up to 32 bits, else 64-bit.
#pragma once
#include <cstring>
#include <type_traits>

#include "tests/support/ptx/floats.h"
#include "tests/support/ptx/warp.h"

namespace ptx {

template <class Value, class Lane>
struct IntegerType {
  using value = Value;
  using lane = Lane;
  static constexpr bool is_float = false;
  static constexpr int bits = sizeof(Value) * 8;
  static Value get(Lane x) { return static_cast<Value>(x); }
  static Lane put(Value x) { return static_cast<Lane>(static_cast<std::make_unsigned_t<Value>>(x)); }
};
using U8 = IntegerType<uint8_t, uint32_t>;
using S8 = IntegerType<int8_t, uint32_t>;
using U16 = IntegerType<uint16_t, uint32_t>;
using S16 = IntegerType<int16_t, uint32_t>;
using U32 = IntegerType<uint32_t, uint32_t>;
using S32 = IntegerType<int32_t, uint32_t>;
using U64 = IntegerType<uint64_t, uint64_t>;
using S64 = IntegerType<int64_t, uint64_t>;

struct F32 {
  using value = float;
  using lane = uint32_t;
  static constexpr bool is_float = true;
  static float get(uint32_t x) { return as_float(x); }
  static uint32_t put(float x) { return as_bits(x); }
};
struct F32Flush {  // .ftz
  using value = float;
  using lane = uint32_t;
  static constexpr bool is_float = true;
  static float get(uint32_t x) { return flush_subnormal(as_float(x)); }
  static uint32_t put(float x) { return as_bits(flush_subnormal(x)); }
};
struct F64 {
  using value = double;
  using lane = uint64_t;
  static constexpr bool is_float = true;
  static double get(uint64_t x) { return as_double(x); }
  static uint64_t put(double x) { return as_bits(x); }
};
// Computed in double, which holds any product of two exactly; rounded once.
struct F16 {
  using value = double;
  using lane = uint32_t;
  static constexpr bool is_float = true;
  static double get(uint32_t x) { return static_cast<double>(f16_to_float(x & 0xffffu)); }
  static uint32_t put(double x) { return double_to_f16(x); }
};
struct BF16 {
  using value = double;
  using lane = uint32_t;
  static constexpr bool is_float = true;
  static double get(uint32_t x) { return static_cast<double>(bf16_to_float(x & 0xffffu)); }
  static uint32_t put(double x) { return double_to_bf16(x); }
};

template <class T>
struct Tag {
  using type = T;
};
// pick(Tag<T>) for the integer type of this name; null where it isn't one. Untyped bits are unsigned.
template <class Pick>
Execute for_integer(const std::string& type, Pick pick) {
  if (type == "u16" || type == "b16") return pick(Tag<U16>{});
  if (type == "s16") return pick(Tag<S16>{});
  if (type == "u32" || type == "b32") return pick(Tag<U32>{});
  if (type == "s32") return pick(Tag<S32>{});
  if (type == "u64" || type == "b64") return pick(Tag<U64>{});
  if (type == "s64") return pick(Tag<S64>{});
  return nullptr;
}

// Stores 32 results for the lanes of `on`.
template <class Lane>
inline void write_lanes(Warp& warp, Ref to, const Lane* values, Mask on) {
  if (to == ref_none) return;
  Lane* out = warp.out<Lane>(to);
  if (on == all_lanes) {
    std::memcpy(out, values, sizeof(Lane) * n_lanes);
    return;
  }
  for (int l = 0; l < n_lanes; ++l) out[l] = on >> l & 1 ? values[l] : out[l];
}

inline void write_predicate(Warp& warp, Ref to, Mask value, Mask on) {
  if (to == ref_none) return;
  Mask* out = warp.out<Mask>(to);
  *out = (*out & ~on) | (value & on);
}

// One operand's lanes, those of a 64-bit register cut to 32 bits where a 32-bit type reads it.
inline const uint32_t* lanes32(const Warp& warp, const Op& op, int i, uint32_t* room) {
  if (!(op.wide >> i & 1)) return warp.in<uint32_t>(op.a[i]);
  const uint64_t* from = warp.in<uint64_t>(op.a[i]);
  for (int l = 0; l < n_lanes; ++l) room[l] = static_cast<uint32_t>(from[l]);
  return room;
}

template <class T, class F>
inline void map1(Warp& warp, const Op& op, Mask on, F f) {
  const auto* a = warp.in<typename T::lane>(op.a[1]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) r[l] = T::put(static_cast<typename T::value>(f(T::get(a[l]))));
  write_lanes(warp, op.a[0], r, on);
}
template <class T, class F>
inline void map2(Warp& warp, const Op& op, Mask on, F f) {
  const auto* a = warp.in<typename T::lane>(op.a[1]);
  const auto* b = warp.in<typename T::lane>(op.a[2]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) r[l] = T::put(static_cast<typename T::value>(f(T::get(a[l]), T::get(b[l]))));
  write_lanes(warp, op.a[0], r, on);
}
template <class T, class F>
inline void map3(Warp& warp, const Op& op, Mask on, F f) {
  const auto* a = warp.in<typename T::lane>(op.a[1]);
  const auto* b = warp.in<typename T::lane>(op.a[2]);
  const auto* c = warp.in<typename T::lane>(op.a[3]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l)
    r[l] = T::put(static_cast<typename T::value>(f(T::get(a[l]), T::get(b[l]), T::get(c[l]))));
  write_lanes(warp, op.a[0], r, on);
}

// Two halves of a word, each by F on the values of T (F16 or BF16).
template <class T, class F>
inline void map_pair(Warp& warp, const Op& op, Mask on, int n_inputs, F f) {
  const uint32_t* in[3];
  for (int i = 0; i < 3; ++i) in[i] = warp.in<uint32_t>(op.a[i < n_inputs ? i + 1 : 1]);
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const uint32_t low = T::put(f(T::get(in[0][l]), T::get(in[1][l]), T::get(in[2][l])));
    const uint32_t high = T::put(f(T::get(in[0][l] >> 16), T::get(in[1][l] >> 16), T::get(in[2][l] >> 16)));
    r[l] = low | high << 16;
  }
  write_lanes(warp, op.a[0], r, on);
}

// Calls f(lane) for each lane of on.
template <class F>
inline void each_lane(Mask on, F f) {
  for (Mask m = on; m; m &= m - 1) f(__builtin_ctz(m));
}

}  // namespace ptx
