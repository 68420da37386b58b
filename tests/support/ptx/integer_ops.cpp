// Integer arithmetic and bit operations.
#include <bit>

#include "tests/support/ptx/decoder.h"
#include "tests/support/ptx/lanes.h"

namespace ptx {

namespace {

template <class V>
using Wrap = std::make_unsigned_t<V>;
// Unsigned of at least 32 bits, so that a product of two u16 isn't promoted to int.
template <class V>
using Wide = std::conditional_t<sizeof(V) < 4, uint32_t, Wrap<V>>;

struct Add { template <class V> static V of(V a, V b) { return static_cast<V>(Wide<V>(a) + Wide<V>(b)); } };
struct Sub { template <class V> static V of(V a, V b) { return static_cast<V>(Wide<V>(a) - Wide<V>(b)); } };
struct Mul { template <class V> static V of(V a, V b) { return static_cast<V>(Wide<V>(a) * Wide<V>(b)); } };
struct Min { template <class V> static V of(V a, V b) { return b < a ? b : a; } };
struct Max { template <class V> static V of(V a, V b) { return a < b ? b : a; } };
struct And { template <class V> static V of(V a, V b) { return static_cast<V>(a & b); } };
struct Or { template <class V> static V of(V a, V b) { return static_cast<V>(a | b); } };
struct Xor { template <class V> static V of(V a, V b) { return static_cast<V>(a ^ b); } };
__extension__ typedef __int128 Int128;
struct MulHigh {
  template <class V>
  static V of(V a, V b) {
    if constexpr (sizeof(V) == 8) {
      return static_cast<V>((Int128{a} * Int128{b}) >> 64);
    } else {
      using W = std::conditional_t<std::is_signed_v<V>, int64_t, uint64_t>;
      return static_cast<V>((W{a} * W{b}) >> (sizeof(V) * 8));
    }
  }
};
struct Not { template <class V> static V of(V a) { return static_cast<V>(~a); } };
struct Neg { template <class V> static V of(V a) { return static_cast<V>(Wide<V>(0) - Wide<V>(a)); } };
struct Abs { template <class V> static V of(V a) { return a < 0 ? Neg::of(a) : a; } };
struct CountZeros { template <class V> static uint32_t of(V a) { return static_cast<uint32_t>(std::countl_zero(Wrap<V>(a))); } };
struct CountOnes { template <class V> static uint32_t of(V a) { return static_cast<uint32_t>(std::popcount(Wrap<V>(a))); } };
struct Reverse {
  template <class V>
  static V of(V a) {
    Wrap<V> r = 0;
    for (size_t i = 0; i < sizeof(V) * 8; ++i) r = static_cast<Wrap<V>>(r << 1 | (Wrap<V>(a) >> i & 1));
    return static_cast<V>(r);
  }
};

template <class T, class F>
void unary(Warp& w, const Op& op, Mask on) { map1<T>(w, op, on, [](auto a) { return F::of(a); }); }
template <class T, class F>
void binary(Warp& w, const Op& op, Mask on) { map2<T>(w, op, on, [](auto a, auto b) { return F::of(a, b); }); }
template <class T>
void multiply_add(Warp& w, const Op& op, Mask on) {
  map3<T>(w, op, on, [](auto a, auto b, auto c) { return Add::of(Mul::of(a, b), c); });
}
template <class T>
void multiply_high_add(Warp& w, const Op& op, Mask on) {
  map3<T>(w, op, on, [](auto a, auto b, auto c) { return Add::of(MulHigh::of(a, b), c); });
}
template <class T>
void absolute_difference(Warp& w, const Op& op, Mask on) {
  map3<T>(w, op, on, [](auto a, auto b, auto c) { return Add::of(a < b ? Sub::of(b, a) : Sub::of(a, b), c); });
}

// mul.wide, mad.wide: sources of T, result of twice its width.
template <class T, class To, bool add>
void multiply_wide(Warp& w, const Op& op, Mask on) {
  const auto* a = w.in<typename T::lane>(op.a[1]);
  const auto* b = w.in<typename T::lane>(op.a[2]);
  const auto* c = w.in<typename To::lane>(op.a[add ? 3 : 0]);
  alignas(64) typename To::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    using V = typename To::value;
    const V product = Mul::of(static_cast<V>(T::get(a[l])), static_cast<V>(T::get(b[l])));
    r[l] = To::put(add ? Add::of(product, To::get(c[l])) : product);
  }
  write_lanes(w, op.a[0], r, on);
}

template <class T, bool remainder>
void divide(Warp& w, const Op& op, Mask on) {
  using V = typename T::value;
  const auto* a = w.in<typename T::lane>(op.a[1]);
  const auto* b = w.in<typename T::lane>(op.a[2]);
  typename T::lane r[n_lanes] = {};
  each_lane(on, [&](int l) {
    const V x = T::get(a[l]), y = T::get(b[l]);
    if (y == 0) report(w, FindingKind::undefined_result, l, "division by zero");
    if (y == 0 || (std::is_signed_v<V> && y == static_cast<V>(-1))) r[l] = T::put(remainder ? V{0} : Neg::of(x));
    else r[l] = T::put(static_cast<V>(remainder ? x % y : x / y));
  });
  write_lanes(w, op.a[0], r, on);
}

template <class T, bool right>
void shift(Warp& w, const Op& op, Mask on) {
  using V = typename T::value;
  constexpr uint32_t bits = sizeof(V) * 8;
  const auto* a = w.in<typename T::lane>(op.a[1]);
  const auto* by = w.in<uint32_t>(op.a[2]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const V x = T::get(a[l]);
    const uint32_t n = by[l] < bits ? by[l] : bits - 1;
    const bool over = by[l] >= bits;
    if (right) r[l] = T::put(static_cast<V>(over ? (x < 0 ? static_cast<V>(-1) : V{0}) : static_cast<V>(x >> n)));
    else r[l] = T::put(static_cast<V>(over ? Wide<V>(0) : Wide<V>(x) << n));
  }
  write_lanes(w, op.a[0], r, on);
}

template <bool left, bool wrap>
void funnel(Warp& w, const Op& op, Mask on) {
  const uint32_t *a = w.in<uint32_t>(op.a[1]), *b = w.in<uint32_t>(op.a[2]), *by = w.in<uint32_t>(op.a[3]);
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const uint32_t n = wrap ? by[l] & 31 : (by[l] < 32 ? by[l] : 32);
    const uint64_t both = uint64_t{b[l]} << 32 | a[l];
    r[l] = left ? static_cast<uint32_t>(both << n >> 32) : static_cast<uint32_t>(both >> n);
  }
  write_lanes(w, op.a[0], r, on);
}

void lop3(Warp& w, const Op& op, Mask on) {
  const uint32_t *a = w.in<uint32_t>(op.a[1]), *b = w.in<uint32_t>(op.a[2]), *c = w.in<uint32_t>(op.a[3]);
  alignas(64) uint32_t r[n_lanes] = {};
  for (uint32_t i = 0; i < 8; ++i) {
    if (!(op.imm >> i & 1)) continue;
    const uint32_t x = i & 4 ? 0 : ~0u, y = i & 2 ? 0 : ~0u, z = i & 1 ? 0 : ~0u;
    for (int l = 0; l < n_lanes; ++l) r[l] |= (a[l] ^ x) & (b[l] ^ y) & (c[l] ^ z);
  }
  write_lanes(w, op.a[0], r, on);
}

// Byte i of the result is byte s of {b, a}, s its nibble of the selector; bit 3 spreads the sign instead.
uint32_t permute(uint64_t both, uint32_t selector) {
  uint32_t r = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t s = selector >> (4 * i);
    auto byte = static_cast<uint32_t>(both >> (8 * (s & 7)) & 0xff);
    if (s & 8) byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
}

void prmt(Warp& w, const Op& op, Mask on) {
  const uint32_t *a = w.in<uint32_t>(op.a[1]), *b = w.in<uint32_t>(op.a[2]), *c = w.in<uint32_t>(op.a[3]);
  static constexpr uint16_t modes[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123}, {0x0000, 0x1111, 0x2222, 0x3333},
      {0x3210, 0x3211, 0x3222, 0x3333}, {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l)
    r[l] = permute(uint64_t{b[l]} << 32 | a[l], op.mode ? modes[op.mode - 1][c[l] & 3] : c[l]);
  write_lanes(w, op.a[0], r, on);
}

template <class T>
void bit_field_extract(Warp& w, const Op& op, Mask on) {
  using V = typename T::value;
  constexpr uint32_t bits = sizeof(V) * 8;
  const auto* a = w.in<typename T::lane>(op.a[1]);
  const uint32_t *from = w.in<uint32_t>(op.a[2]), *count = w.in<uint32_t>(op.a[3]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const uint32_t at = from[l] & 0xff, n = count[l] & 0xff;
    const V x = T::get(a[l]);
    const auto u = static_cast<uint64_t>(static_cast<Wrap<V>>(x));
    const uint64_t field = n == 0 || at >= bits ? 0 : (u >> at) & (n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1);
    const uint32_t top = n == 0 ? 0 : (at + n - 1 < bits ? at + n - 1 : bits - 1);
    const bool negative = std::is_signed_v<V> && n && (u >> top & 1);
    const uint64_t fill = negative && n < 64 ? ~uint64_t{0} << (top < at ? 0 : top - at + 1) : 0;
    r[l] = T::put(static_cast<V>(field | (negative && top - at + 1 >= 64 ? 0 : fill)));
  }
  write_lanes(w, op.a[0], r, on);
}

template <class T>
void bit_field_insert(Warp& w, const Op& op, Mask on) {
  using V = typename T::value;
  const auto *a = w.in<typename T::lane>(op.a[1]), *b = w.in<typename T::lane>(op.a[2]);
  const uint32_t *from = w.in<uint32_t>(op.a[3]), *count = w.in<uint32_t>(op.a[4]);
  alignas(64) typename T::lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const uint32_t at = from[l] & 0xff, n = count[l] & 0xff;
    const uint64_t ones = n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
    const uint64_t mask = at >= 64 ? 0 : ones << at;
    const uint64_t moved = at >= 64 ? 0 : uint64_t{T::get(a[l])} << at;
    r[l] = T::put(static_cast<V>((uint64_t{T::get(b[l])} & ~mask) | (moved & mask)));
  }
  write_lanes(w, op.a[0], r, on);
}

template <class T, class F>
void to_u32(Warp& w, const Op& op, Mask on) {
  const auto* a = w.in<typename T::lane>(op.a[1]);
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) r[l] = F::of(T::get(a[l]));
  write_lanes(w, op.a[0], r, on);
}

// Position of the highest bit that differs from the sign; all ones where there is none.
template <class T, bool shift_amount>
void find_top(Warp& w, const Op& op, Mask on) {
  using V = typename T::value;
  const auto* a = w.in<typename T::lane>(op.a[1]);
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const V x = T::get(a[l]);
    const auto u = static_cast<Wrap<V>>(x < 0 ? ~x : x);
    const auto zeros = static_cast<uint32_t>(std::countl_zero(u));
    r[l] = u == 0 ? ~0u : (shift_amount ? zeros : static_cast<uint32_t>(sizeof(V) * 8) - 1 - zeros);
  }
  write_lanes(w, op.a[0], r, on);
}

// dp4a: four products of bytes; mode bit 0: a signed, bit 1: b signed.
void dp4a(Warp& w, const Op& op, Mask on) {
  const uint32_t *a = w.in<uint32_t>(op.a[1]), *b = w.in<uint32_t>(op.a[2]), *c = w.in<uint32_t>(op.a[3]);
  const auto byte = [](uint32_t x, int i, bool is_signed) {
    const uint32_t u = x >> (8 * i) & 0xff;
    return is_signed ? static_cast<int32_t>(static_cast<int8_t>(u)) : static_cast<int32_t>(u);
  };
  alignas(64) uint32_t r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    uint32_t sum = c[l];
    for (int i = 0; i < 4; ++i) sum += static_cast<uint32_t>(byte(a[l], i, op.mode & 1) * byte(b[l], i, op.mode & 2));
    r[l] = sum;
  }
  write_lanes(w, op.a[0], r, on);
}

void predicate_logic(Warp& w, const Op& op, Mask on) {
  const Mask a = w.predicate(op.a[1]), b = op.mode == 3 ? 0 : w.predicate(op.a[2]);
  write_predicate(w, op.a[0], op.mode == 0 ? a & b : op.mode == 1 ? a | b : op.mode == 2 ? a ^ b : ~a, on);
}

template <class F>
Execute binary_of(const std::string& t) {
  return for_integer(t, [](auto tag) -> Execute { return binary<typename decltype(tag)::type, F>; });
}
template <class F>
Execute unary_of(const std::string& t) {
  return for_integer(t, [](auto tag) -> Execute { return unary<typename decltype(tag)::type, F>; });
}

int bits_of(Decoder& d) {
  const int bits = type_bits(d.type());
  return bits == 64 ? 64 : 32;
}

// add, sub, mul, mad, min, max, and, or, xor
bool decode_binary(Decoder& d, Op& op) {
  const std::string &name = d.in->parts[0], &t = d.type();
  if (d.has("cc") || d.has("sat") || (name == "mul" && t.size() > 2 && t.ends_with("x2"))) d.unsupported();
  const bool high = d.has("hi");
  if (name == "add") op.execute = binary_of<Add>(t);
  else if (name == "sub") op.execute = binary_of<Sub>(t);
  else if (name == "mul") op.execute = high ? binary_of<MulHigh>(t) : binary_of<Mul>(t);
  else if (name == "min") op.execute = binary_of<Min>(t);
  else if (name == "max") op.execute = binary_of<Max>(t);
  else if (name == "and") op.execute = binary_of<And>(t);
  else if (name == "or") op.execute = binary_of<Or>(t);
  else if (name == "xor") op.execute = binary_of<Xor>(t);
  else return false;
  if (!op.execute) return false;
  d.plain(op, 2, bits_of(d));
  return true;
}

void decode_wide(Decoder& d, Op& op, bool add) {
  const std::string& t = d.type();
  if (t == "u16") op.execute = add ? multiply_wide<U16, U32, true> : multiply_wide<U16, U32, false>;
  else if (t == "s16") op.execute = add ? multiply_wide<S16, S32, true> : multiply_wide<S16, S32, false>;
  else if (t == "u32") op.execute = add ? multiply_wide<U32, U64, true> : multiply_wide<U32, U64, false>;
  else if (t == "s32") op.execute = add ? multiply_wide<S32, S64, true> : multiply_wide<S32, S64, false>;
  else d.unsupported();
  d.plain(op, 2, 32);
  if (add) op.a[3] = d.source(d.operand(3), type_bits(t) == 16 ? 32 : 64);
}

bool decode_predicate(Decoder& d, Op& op) {
  const std::string& name = d.in->parts[0];
  if (d.type() != "pred") return false;
  if (name == "and") op.mode = 0;
  else if (name == "or") op.mode = 1;
  else if (name == "xor") op.mode = 2;
  else if (name == "not") op.mode = 3;
  else return false;
  op.execute = predicate_logic;
  d.plain(op, op.mode == 3 ? 1 : 2, 1);
  return true;
}

// bfe, bfi, shf, lop3, prmt, dp4a and the like: operands of mixed width.
bool decode_bits(Decoder& d, Op& op) {
  const std::string &name = d.in->parts[0], &t = d.type();
  const int bits = bits_of(d);
  if (name == "bfe") {
    op.execute = for_integer(t, [](auto tag) -> Execute { return bit_field_extract<typename decltype(tag)::type>; });
    d.plain(op, 1, bits);
    op.a[2] = d.source(d.operand(2), 32);
    op.a[3] = d.source(d.operand(3), 32);
  } else if (name == "bfi") {
    op.execute = bits == 64 ? bit_field_insert<U64> : bit_field_insert<U32>;
    d.plain(op, 2, bits);
    op.a[3] = d.source(d.operand(3), 32);
    op.a[4] = d.source(d.operand(4), 32);
  } else if (name == "shf") {
    op.execute = d.has("l") ? (d.has("wrap") ? funnel<true, true> : funnel<true, false>)
                            : (d.has("wrap") ? funnel<false, true> : funnel<false, false>);
    d.plain(op, 3, 32);
  } else if (name == "lop3") {
    if (d.has("BoolOp") || d.in->operands[0].pair >= 0) d.unsupported();
    op.execute = lop3;
    d.plain(op, 3, 32);
    op.imm = d.operand(4).value & 0xff;
  } else if (name == "prmt") {
    static const char* const modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
    for (uint8_t i = 0; i < 6; ++i)
      if (d.has(modes[i])) op.mode = static_cast<uint8_t>(i + 1);
    op.execute = prmt;
    d.plain(op, 3, 32);
  } else if (name == "dp4a") {
    op.execute = dp4a;
    op.mode = static_cast<uint8_t>((d.in->parts[1] == "s32" ? 1 : 0) | (d.in->parts[2] == "s32" ? 2 : 0));
    d.plain(op, 3, 32);
  } else {
    return false;
  }
  return op.execute != nullptr;
}

}  // namespace

bool decode_integer(Decoder& d, Op& op) {
  const std::string &name = d.in->parts[0], &t = d.type();
  if (decode_predicate(d, op)) return true;
  const int bits = bits_of(d);
  op.op_class = OpClass::integer;
  if (d.has("wide") && (name == "mul" || name == "mad")) {
    decode_wide(d, op, name == "mad");
    return true;
  }
  if (decode_binary(d, op) || decode_bits(d, op)) return true;
  const auto form = [&](Execute execute, int n_sources) {
    if (!execute) return false;
    op.execute = execute;
    d.plain(op, n_sources, bits);
    return true;
  };
  if (name == "mad" && d.has("hi"))
    return form(for_integer(t, [](auto tag) -> Execute { return multiply_high_add<typename decltype(tag)::type>; }), 3);
  if (name == "mad" && !d.has("cc"))
    return form(for_integer(t, [](auto tag) -> Execute { return multiply_add<typename decltype(tag)::type>; }), 3);
  if (name == "sad")
    return form(for_integer(t, [](auto tag) -> Execute { return absolute_difference<typename decltype(tag)::type>; }), 3);
  if (name == "div") return form(for_integer(t, [](auto tag) -> Execute { return divide<typename decltype(tag)::type, false>; }), 2);
  if (name == "rem") return form(for_integer(t, [](auto tag) -> Execute { return divide<typename decltype(tag)::type, true>; }), 2);
  if (name == "not") return form(unary_of<Not>(t), 1);
  if (name == "neg" && t[0] == 's') return form(unary_of<Neg>(t), 1);
  if (name == "abs" && t[0] == 's') return form(unary_of<Abs>(t), 1);
  if (name == "brev") return form(unary_of<Reverse>(t), 1);
  if (name == "clz") return form(bits == 64 ? to_u32<U64, CountZeros> : to_u32<U32, CountZeros>, 1);
  if (name == "popc") return form(bits == 64 ? to_u32<U64, CountOnes> : to_u32<U32, CountOnes>, 1);
  if (name == "bfind") {
    if (d.has("shiftamt"))
      return form(for_integer(t, [](auto tag) -> Execute { return find_top<typename decltype(tag)::type, true>; }), 1);
    return form(for_integer(t, [](auto tag) -> Execute { return find_top<typename decltype(tag)::type, false>; }), 1);
  }
  if (name == "shl" || name == "shr") {
    op.execute = name == "shl" ? for_integer(t, [](auto tag) -> Execute { return shift<typename decltype(tag)::type, false>; })
                               : for_integer(t, [](auto tag) -> Execute { return shift<typename decltype(tag)::type, true>; });
    d.plain(op, 1, bits);
    op.a[2] = d.source(d.operand(2), 32);
    return op.execute != nullptr;
  }
  return false;
}

}  // namespace ptx
