// cvt in its many forms, and cvta.
#include <cmath>

#include "tests/support/ptx/decoder.h"
#include "tests/support/ptx/lanes.h"

namespace ptx {

namespace {

// Op::mode of a general conversion.
enum Rounding : uint8_t { exact, to_nearest, to_zero, down, up };
constexpr uint8_t saturate = 8;

// Op::imm of a general conversion: type codes of destination and source.
struct TypeCode {
  char kind = 'u';  // u s f h (f16) b (bf16) d (f64)
  int bits = 32;
};

TypeCode code_of(const std::string& t) {
  if (t == "f16") return {'h', 16};
  if (t == "bf16") return {'b', 16};
  if (t == "f32") return {'f', 32};
  if (t == "f64") return {'d', 64};
  return {t[0] == 's' ? 's' : 'u', type_bits(t)};
}
uint64_t pack_code(TypeCode to, TypeCode from) {
  return static_cast<uint64_t>(to.kind) | static_cast<uint64_t>(to.bits) << 8 | static_cast<uint64_t>(from.kind) << 16 |
         static_cast<uint64_t>(from.bits) << 24;
}

bool is_integer(char kind) { return kind == 'u' || kind == 's'; }

int64_t extend(uint64_t x, TypeCode t) {
  if (t.bits == 64) return static_cast<int64_t>(x);
  const uint64_t low = x & ((uint64_t{1} << t.bits) - 1);
  const bool negative = t.kind == 's' && (low >> (t.bits - 1) & 1);
  return static_cast<int64_t>(negative ? low | ~uint64_t{0} << t.bits : low);
}

double float_value(uint64_t x, TypeCode t) {
  switch (t.kind) {
    case 'h': return static_cast<double>(f16_to_float(static_cast<uint32_t>(x) & 0xffffu));
    case 'b': return static_cast<double>(bf16_to_float(static_cast<uint32_t>(x) & 0xffffu));
    case 'f': return static_cast<double>(as_float(static_cast<uint32_t>(x)));
    default: return as_double(x);
  }
}

uint64_t float_bits(double x, TypeCode t) {
  switch (t.kind) {
    case 'h': return double_to_f16(x);
    case 'b': return double_to_bf16(x);
    case 'f': return as_bits(static_cast<float>(x));
    default: return as_bits(x);
  }
}

double round_as(double x, uint8_t mode) {
  switch (mode & 7) {
    case to_nearest: return std::nearbyint(x);
    case to_zero: return std::trunc(x);
    case down: return std::floor(x);
    case up: return std::ceil(x);
    default: return x;
  }
}

// Out of range goes to the nearest end, a NaN to 0.
uint64_t integer_bits(double x, TypeCode t) {
  if (x != x) return 0;
  const bool is_signed = t.kind == 's';
  const double top = std::ldexp(1.0, t.bits - (is_signed ? 1 : 0)), bottom = is_signed ? -top : 0.0;
  if (x >= top) return is_signed ? (uint64_t{1} << (t.bits - 1)) - 1 : ~uint64_t{0} >> (64 - t.bits);
  if (x <= bottom) return is_signed ? ~uint64_t{0} << (t.bits - 1) : 0;
  return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(x)) : static_cast<uint64_t>(x);
}

uint64_t integer_saturated(int64_t x, TypeCode from, TypeCode to) {
  const bool huge = from.kind == 'u' && x < 0;  // a u64 above the range of int64
  if (to.kind == 's') {
    const int64_t top = to.bits == 64 ? INT64_MAX : (int64_t{1} << (to.bits - 1)) - 1;
    return static_cast<uint64_t>(huge || x > top ? top : (x < -top - 1 ? -top - 1 : x));
  }
  const uint64_t top = ~uint64_t{0} >> (64 - to.bits);
  if (huge) return to.bits == 64 ? static_cast<uint64_t>(x) : top;
  return x < 0 ? 0 : (static_cast<uint64_t>(x) > top ? top : static_cast<uint64_t>(x));
}

uint64_t convert_one(uint64_t x, TypeCode to, TypeCode from, uint8_t mode) {
  const bool sat = mode & saturate;
  if (is_integer(from.kind)) {
    const int64_t value = extend(x, from);
    if (is_integer(to.kind)) return static_cast<uint64_t>(extend(sat ? integer_saturated(value, from, to) : static_cast<uint64_t>(value), to));
    if (to.kind == 'f') {  // 64-bit integers must not be rounded twice
      const float r = from.kind == 'u' ? static_cast<float>(static_cast<uint64_t>(value)) : static_cast<float>(value);
      return as_bits(r);
    }
    const double r = from.kind == 'u' ? static_cast<double>(static_cast<uint64_t>(value)) : static_cast<double>(value);
    return float_bits(r, to);
  }
  double value = round_as(float_value(x, from), mode);
  if (is_integer(to.kind)) return static_cast<uint64_t>(extend(integer_bits(value, to), to));
  if (sat) value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
  return float_bits(value, to);
}

void general(Warp& w, const Op& op, Mask on) {
  const TypeCode to{static_cast<char>(op.imm & 0xff), static_cast<int>(op.imm >> 8 & 0xff)};
  const TypeCode from{static_cast<char>(op.imm >> 16 & 0xff), static_cast<int>(op.imm >> 24 & 0xff)};
  uint64_t r[n_lanes] = {};
  each_lane(on, [&](int l) {
    const uint64_t x = op.wide & 2 ? w.in<uint64_t>(op.a[1])[l] : w.in<uint32_t>(op.a[1])[l];
    r[l] = convert_one(x, to, from, op.mode);
  });
  if (op.wide & 1) {
    write_lanes(w, op.a[0], r, on);
  } else {
    uint32_t narrow[n_lanes];
    for (int l = 0; l < n_lanes; ++l) narrow[l] = static_cast<uint32_t>(r[l]);
    write_lanes(w, op.a[0], narrow, on);
  }
}

// The common forms, in loops that vectorise. From and To say how a lane is read and written.
template <class FromLane, class ToLane, class F>
void lanewise(Warp& w, const Op& op, Mask on, F f) {
  const auto* a = w.in<FromLane>(op.a[1]);
  alignas(64) ToLane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) r[l] = f(a[l]);
  write_lanes(w, op.a[0], r, on);
}
void f32_from_f16(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return as_bits(f16_to_float(x & 0xffffu)); });
}
void f32_from_bf16(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return x << 16; });
}
void f16_from_f32(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return float_to_f16(as_float(x)); });
}
void bf16_from_f32(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return float_to_bf16(as_float(x)); });
}
template <class From>
void f32_from_integer(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return as_bits(static_cast<float>(From::get(x))); });
}
template <class From, class FromLane, class ToLane>
void widen(Warp& w, const Op& op, Mask on) {
  lanewise<FromLane, ToLane>(w, op, on, [](FromLane x) {
    const auto narrow = static_cast<typename From::value>(x);
    if constexpr (std::is_signed_v<typename From::value>) return static_cast<ToLane>(static_cast<int64_t>(narrow));
    else return static_cast<ToLane>(narrow);
  });
}

template <class T>  // cvt.rn.f16x2.f32 d, high, low
void pair_from_f32(Warp& w, const Op& op, Mask on) {
  const uint32_t *high = w.in<uint32_t>(op.a[1]), *low = w.in<uint32_t>(op.a[2]);
  const bool relu = op.mode & 1;
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    float h = as_float(high[l]), x = as_float(low[l]);
    if (relu) {
      h = h < 0 ? 0 : h;
      x = x < 0 ? 0 : x;
    }
    if constexpr (std::is_same_v<T, F16>) r[l] = float_to_f16(x) | float_to_f16(h) << 16;
    else r[l] = float_to_bf16(x) | float_to_bf16(h) << 16;
  }
  write_lanes(w, op.a[0], r, on);
}

uint32_t to_f8(float x, bool e4m3) { return e4m3 ? float_to_e4m3(x) : float_to_e5m2(x); }

// mode bit 0: e4m3 (else e5m2); bit 1: from f16x2 (else from two f32)
void f8_pair(Warp& w, const Op& op, Mask on) {
  const uint32_t *a = w.in<uint32_t>(op.a[1]), *b = w.in<uint32_t>(op.a[op.mode & 2 ? 1 : 2]);
  uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const float high = op.mode & 2 ? f16_to_float(a[l] >> 16) : as_float(a[l]);
    const float low = op.mode & 2 ? f16_to_float(a[l] & 0xffffu) : as_float(b[l]);
    r[l] = to_f8(low, op.mode & 1) | to_f8(high, op.mode & 1) << 8;
  }
  write_lanes(w, op.a[0], r, on);
}
void f16x2_from_f8(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [&](uint32_t x) {
    const auto one = [&](uint32_t b) { return float_to_f16(op.mode & 1 ? e4m3_to_float(b) : e5m2_to_float(b)); };
    return one(x & 0xffu) | one(x >> 8 & 0xffu) << 16;
  });
}
void tf32_from_f32(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [](uint32_t x) { return as_bits(float_to_tf32(as_float(x))); });
}

void add_offset(Warp& w, const Op& op, Mask on) {
  lanewise<uint64_t, uint64_t>(w, op, on, [&](uint64_t x) { return x + op.imm; });
}
void add_offset_narrow(Warp& w, const Op& op, Mask on) {
  lanewise<uint32_t, uint32_t>(w, op, on, [&](uint32_t x) { return x; });
}

bool decode_packed(Decoder& d, Op& op) {
  const auto& p = d.in->parts;
  const std::string &to = p[p.size() - 2], &from = p.back();
  const size_t n = d.in->operands.size();
  if ((to == "f16x2" || to == "bf16x2") && from == "f32" && n == 3) {
    if (d.has("rz")) d.unsupported("only rounding to nearest is");
    op.execute = to == "f16x2" ? pair_from_f32<F16> : pair_from_f32<BF16>;
    op.mode = d.has("relu") ? 1 : 0;
    d.plain(op, 2, 32);
    return true;
  }
  if (to == "e4m3x2" || to == "e5m2x2") {
    const bool pair = from == "f16x2";
    if (!pair && from != "f32") d.unsupported();
    op.execute = f8_pair;
    op.mode = static_cast<uint8_t>((to == "e4m3x2" ? 1 : 0) | (pair ? 2 : 0));
    d.plain(op, pair ? 1 : 2, 32);
    return true;
  }
  if (from == "e4m3x2" || from == "e5m2x2") {
    if (to != "f16x2") d.unsupported();
    op.execute = f16x2_from_f8;
    op.mode = from == "e4m3x2" ? 1 : 0;
    d.plain(op, 1, 32);
    return true;
  }
  if (to == "tf32" && from == "f32") {
    op.execute = tf32_from_f32;
    d.plain(op, 1, 32);
    return true;
  }
  return false;
}

Execute fast_form(const std::string& to, const std::string& from, bool to_wide, bool from_wide) {
  if (!to_wide && !from_wide) {
    if (to == "f32" && from == "f16") return f32_from_f16;
    if (to == "f32" && from == "bf16") return f32_from_bf16;
    if (to == "f16" && from == "f32") return f16_from_f32;
    if (to == "bf16" && from == "f32") return bf16_from_f32;
    if (to == "f32" && from == "s32") return f32_from_integer<S32>;
    if (to == "f32" && from == "u32") return f32_from_integer<U32>;
    if (to == "f32" && from == "s16") return f32_from_integer<S16>;
    if (to == "f32" && from == "u16") return f32_from_integer<U16>;
    if (to == "f32" && from == "s8") return f32_from_integer<S8>;
    if (to == "f32" && from == "u8") return f32_from_integer<U8>;
    const bool to_32 = to == "u32" || to == "s32";
    if (to_32 && from == "u16") return widen<U16, uint32_t, uint32_t>;
    if (to_32 && from == "s16") return widen<S16, uint32_t, uint32_t>;
    if (to_32 && from == "u8") return widen<U8, uint32_t, uint32_t>;
    if (to_32 && from == "s8") return widen<S8, uint32_t, uint32_t>;
    if (to == "u16" && (from == "u32" || from == "s32")) return widen<U16, uint32_t, uint32_t>;
  }
  const bool to_64 = to == "u64" || to == "s64", from_64 = from == "u64" || from == "s64";
  if (to_wide && !from_wide && to_64 && from == "s32") return widen<S32, uint32_t, uint64_t>;
  if (to_wide && !from_wide && to_64 && from == "u32") return widen<U32, uint32_t, uint64_t>;
  if (!to_wide && from_wide && from_64 && (to == "u32" || to == "s32")) return widen<U32, uint64_t, uint32_t>;
  return nullptr;
}

}  // namespace

bool decode_convert(Decoder& d, Op& op) {
  const auto& p = d.in->parts;
  op.op_class = OpClass::convert;
  if (p[0] == "cvta") {
    const bool to_space = d.has("to");
    const uint64_t window = d.has("shared") ? shared_window : d.has("local") ? local_window : 0;
    if (d.has("param") || d.has("const")) d.unsupported();
    op.imm = to_space ? uint64_t{0} - window : window;
    const bool wide = d.type() == "u64";
    op.execute = wide ? add_offset : add_offset_narrow;
    d.plain(op, 1, wide ? 64 : 32);
    return true;
  }
  if (p[0] != "cvt" || p.size() < 3) return false;
  if (decode_packed(d, op)) return true;
  const std::string &to = p[p.size() - 2], &from = p.back();
  if (!type_bits(to) || !type_bits(from) || to.ends_with("x2") || from.ends_with("x2")) return false;

  const TypeCode to_code = code_of(to), from_code = code_of(from);
  d.plain(op, 1, from_code.bits == 64 ? 64 : 32);
  if (d.register_bits(d.operand(0)) == 64) op.wide |= 1;
  const int from_register = d.register_bits(d.operand(1));
  if (from_register == 64 || (from_register == 0 && from_code.bits == 64)) op.wide |= 2;
  op.imm = pack_code(to_code, from_code);
  op.mode = exact;
  if (d.has("rni")) op.mode = to_nearest;
  if (d.has("rzi")) op.mode = to_zero;
  if (d.has("rmi")) op.mode = down;
  if (d.has("rpi")) op.mode = up;
  if (d.has("sat")) op.mode |= saturate;
  for (const char* mode : {"rz", "rm", "rp"})
    if (d.has(mode)) d.unsupported("only rounding to nearest is");
  op.execute = op.mode == exact && !d.has("ftz") ? fast_form(to, from, op.wide & 1, op.wide & 2) : nullptr;
  if (!op.execute) op.execute = general;
  return true;
}

}  // namespace ptx
