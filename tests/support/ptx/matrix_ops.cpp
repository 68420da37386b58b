// ldmatrix, stmatrix and mma.sync. Fragment layouts are those of the PTX manual, "Matrix Fragments for mma.m16n8k*":
// with e elements in a register, lane 4g + t holds in register i of A row g + 8(i & 1), columns 4e(i / 2) + te and on;
// of B column g, rows 4ei + te and on; of C and D row g + 8(i / 2), column 2t + (i & 1).
#include <algorithm>

#include "tests/support/ptx/addressing.h"
#include "tests/support/ptx/decoder.h"

namespace ptx {

namespace {

void need_all(Warp& w, Mask on) {
  if (on != all_lanes) fault(w, FindingKind::barrier, -1, "needs all 32 lanes of the warp");
}

// a[1]: address of a row of 8 halves, one a lane; list: n matrices. mode: transposed
void load_matrix(Warp& w, const Op& op, Mask on) {
  need_all(w, on);
  uint64_t address[n_lanes];
  uint8_t* rows[n_lanes];
  lane_addresses(w, op, 1, address);
  if (op.space == Space::none)
    for (uint64_t& a : address) a -= shared_window;
  const Ref* items = &w.block->kernel.lists[op.list];
  const Mask used = op.n_list == 4 ? all_lanes : (1u << (8 * op.n_list)) - 1;
  access_shared(w, address, used, 16, false, false, rows);
  for (int m = 0; m < op.n_list; ++m) {
    alignas(64) uint32_t r[n_lanes];
    for (int l = 0; l < n_lanes; ++l) {
      if (!op.mode) {
        std::memcpy(&r[l], rows[8 * m + l / 4] + 4 * (l % 4), 4);
      } else {
        uint16_t low, high;
        std::memcpy(&low, rows[8 * m + 2 * (l % 4)] + 2 * (l / 4), 2);
        std::memcpy(&high, rows[8 * m + 2 * (l % 4) + 1] + 2 * (l / 4), 2);
        r[l] = low | static_cast<uint32_t>(high) << 16;
      }
    }
    write_lanes(w, items[m], r, on);
  }
}

void store_matrix(Warp& w, const Op& op, Mask on) {
  need_all(w, on);
  uint64_t address[n_lanes];
  uint8_t* rows[n_lanes];
  lane_addresses(w, op, 1, address);
  if (op.space == Space::none)
    for (uint64_t& a : address) a -= shared_window;
  const Ref* items = &w.block->kernel.lists[op.list];
  const Mask used = op.n_list == 4 ? all_lanes : (1u << (8 * op.n_list)) - 1;
  access_shared(w, address, used, 16, true, false, rows);
  for (int m = 0; m < op.n_list; ++m) {
    const uint32_t* x = w.in<uint32_t>(items[m]);
    for (int l = 0; l < n_lanes; ++l) {
      if (!op.mode) {
        std::memcpy(rows[8 * m + l / 4] + 4 * (l % 4), &x[l], 4);
      } else {
        const auto low = static_cast<uint16_t>(x[l]), high = static_cast<uint16_t>(x[l] >> 16);
        std::memcpy(rows[8 * m + 2 * (l % 4)] + 2 * (l / 4), &low, 2);
        std::memcpy(rows[8 * m + 2 * (l % 4) + 1] + 2 * (l / 4), &high, 2);
      }
    }
  }
}

// How the elements of a 32-bit register become numbers; n of them.
struct HalfElement {
  using number = float;
  static constexpr int n = 2;
  static float get(uint32_t x, int i) { return f16_to_float(x >> (16 * i) & 0xffffu); }
};
struct BrainElement {
  using number = float;
  static constexpr int n = 2;
  static float get(uint32_t x, int i) { return as_float(i ? x & 0xffff0000u : x << 16); }
};
struct Tf32Element {
  using number = float;
  static constexpr int n = 1;
  static float get(uint32_t x, int) { return as_float(x & 0xffffe000u); }
};
struct E4m3Element {
  using number = float;
  static constexpr int n = 4;
  static float get(uint32_t x, int i) { return e4m3_to_float(x >> (8 * i) & 0xffu); }
};
struct E5m2Element {
  using number = float;
  static constexpr int n = 4;
  static float get(uint32_t x, int i) { return e5m2_to_float(x >> (8 * i) & 0xffu); }
};
struct SignedByte {
  using number = int32_t;
  static constexpr int n = 4;
  static int32_t get(uint32_t x, int i) { return static_cast<int8_t>(x >> (8 * i) & 0xffu); }
};
struct UnsignedByte {
  using number = int32_t;
  static constexpr int n = 4;
  static int32_t get(uint32_t x, int i) { return static_cast<int32_t>(x >> (8 * i) & 0xffu); }
};

// Lane 4g + t's n elements in lane order are row (or column) g, elements 4n of k, contiguous.
template <class E>
void unpack_register(const uint32_t* reg, typename E::number* out) {
  for (int l = 0; l < n_lanes; ++l)
    for (int i = 0; i < E::n; ++i) out[l * E::n + i] = E::get(reg[l], i);
}

template <class Number>
Number from_bits(uint32_t x) {
  if constexpr (std::is_same_v<Number, float>) return as_float(x);
  else return static_cast<int32_t>(x);
}
template <class Number>
uint32_t to_bits(Number x) {
  if constexpr (std::is_same_v<Number, float>) return as_bits(x);
  else return static_cast<uint32_t>(x);
}

// n_k: 4 E::n or 8 E::n elements of k, that is 1 or 2 registers of B. half: C and D are f16.
template <class A, class B, int n_halves, bool half>
void multiply(Warp& w, const Op& op, Mask on) {
  using Number = typename A::number;
  constexpr int run = 4 * A::n;  // elements of k in one register
  need_all(w, on);
  const Ref* items = &w.block->kernel.lists[op.list];
  constexpr int n_d = half ? 2 : 4;
  const Ref *d = items, *a = d + n_d, *b = a + 2 * n_halves, *c = b + n_halves;

  alignas(64) Number as[2 * n_halves][8 * run], column[8 * run], bs[n_halves * run][8], sum[16][8];
  for (int i = 0; i < 2 * n_halves; ++i) unpack_register<A>(w.in<uint32_t>(a[i]), as[i]);
  for (int i = 0; i < n_halves; ++i) {
    unpack_register<B>(w.in<uint32_t>(b[i]), column);
    for (int k = 0; k < run; ++k)
      for (int n = 0; n < 8; ++n) bs[i * run + k][n] = column[n * run + k];
  }
  for (int i = 0; i < n_d; ++i) {
    const uint32_t* x = w.in<uint32_t>(c[i]);
    for (int l = 0; l < n_lanes; ++l) {
      if constexpr (half) {
        sum[l / 4 + 8 * i][2 * (l % 4)] = f16_to_float(x[l] & 0xffffu);
        sum[l / 4 + 8 * i][2 * (l % 4) + 1] = f16_to_float(x[l] >> 16);
      } else {
        sum[l / 4 + 8 * (i / 2)][2 * (l % 4) + i % 2] = from_bits<Number>(x[l]);
      }
    }
  }
  for (int row = 0; row < 16; ++row) {
    Number acc[8];
    for (int n = 0; n < 8; ++n) acc[n] = sum[row][n];
    for (int i = 0; i < n_halves; ++i) {
      const Number* x = as[2 * i + row / 8] + (row % 8) * run;
      for (int k = 0; k < run; ++k)
        for (int n = 0; n < 8; ++n) acc[n] += x[k] * bs[i * run + k][n];
    }
    for (int n = 0; n < 8; ++n) sum[row][n] = acc[n];
  }
  for (int i = 0; i < n_d; ++i) {
    uint32_t* r = w.out<uint32_t>(d[i]);
    for (int l = 0; l < n_lanes; ++l) {
      if constexpr (half)
        r[l] = float_to_f16(sum[l / 4 + 8 * i][2 * (l % 4)]) | float_to_f16(sum[l / 4 + 8 * i][2 * (l % 4) + 1]) << 16;
      else
        r[l] = to_bits<Number>(sum[l / 4 + 8 * (i / 2)][2 * (l % 4) + i % 2]);
    }
  }
}

template <class A, class B>
Execute by_depth(int k) {
  if (k == 4 * A::n) return multiply<A, B, 1, false>;
  if (k == 8 * A::n) return multiply<A, B, 2, false>;
  return nullptr;
}

// mma.sync.aligned.m16n8kK.row.col{.satfinite}.D.A.B.C
Execute find_product(const Decoder& d, int& k) {
  const auto& p = d.in->parts;
  if (p.size() < 9 || p[3].rfind("m16n8k", 0) != 0 || d.has("sp") || d.has("satfinite")) return nullptr;
  k = std::atoi(p[3].c_str() + 6);
  const std::string &dt = p[p.size() - 4], &at = p[p.size() - 3], &bt = p[p.size() - 2], &ct = p[p.size() - 1];
  if (dt == "f16" && ct == "f16" && at == "f16" && bt == "f16") {
    if (k == 16) return multiply<HalfElement, HalfElement, 2, true>;
    return k == 8 ? multiply<HalfElement, HalfElement, 1, true> : nullptr;
  }
  if (dt == "f32" && ct == "f32") {
    if (at == "f16" && bt == "f16") return by_depth<HalfElement, HalfElement>(k);
    if (at == "bf16" && bt == "bf16") return by_depth<BrainElement, BrainElement>(k);
    if (at == "tf32" && bt == "tf32") return by_depth<Tf32Element, Tf32Element>(k);
    if (at == "e4m3" && bt == "e4m3") return by_depth<E4m3Element, E4m3Element>(k);
    if (at == "e4m3" && bt == "e5m2") return by_depth<E4m3Element, E5m2Element>(k);
    if (at == "e5m2" && bt == "e4m3") return by_depth<E5m2Element, E4m3Element>(k);
    if (at == "e5m2" && bt == "e5m2") return by_depth<E5m2Element, E5m2Element>(k);
  }
  if (dt == "s32" && ct == "s32") {
    if (at == "s8" && bt == "s8") return by_depth<SignedByte, SignedByte>(k);
    if (at == "s8" && bt == "u8") return by_depth<SignedByte, UnsignedByte>(k);
    if (at == "u8" && bt == "s8") return by_depth<UnsignedByte, SignedByte>(k);
    if (at == "u8" && bt == "u8") return by_depth<UnsignedByte, UnsignedByte>(k);
  }
  return nullptr;
}

void decode_product(Decoder& d, Op& op) {
  int k = 0;
  op.execute = find_product(d, k);
  if (!op.execute) d.unsupported();
  std::vector<Ref> refs;
  for (size_t i = 0; i < 4; ++i) {
    const TextOperand& o = d.operand(i);
    const std::vector<TextOperand> items = o.kind == TextOperand::Kind::vector ? o.items : std::vector<TextOperand>{o};
    for (const TextOperand& item : items) refs.push_back(i == 0 ? d.destination(item) : d.source(item, 32));
  }
  const std::string& at = d.in->parts[d.in->parts.size() - 3];
  const int elements = at == "tf32" ? 1 : type_bits(at) == 16 ? 2 : 4;
  const size_t n_halves = static_cast<size_t>(k / (4 * elements)), n_d = d.type() == "f16" ? 2 : 4;
  if (refs.size() != 2 * n_d + 3 * n_halves) d.unsupported("this number of registers is not; the form");
  for (size_t i = 0; i < n_d; ++i)
    if (refs[i] == ref_none) d.unsupported();
  op.list = d.add_list(refs);
  op.op_class = OpClass::tensor;
}

}  // namespace

bool decode_matrix(Decoder& d, Op& op) {
  const std::string& name = d.in->parts[0];
  const bool is_load = name == "ldmatrix";
  if (name == "mma") {
    decode_product(d, op);
  } else if (is_load || name == "stmatrix") {
    if (!d.has("m8n8") || d.type() != "b16") d.unsupported();
    const TextOperand& data = d.operand(is_load ? 0 : 1);
    std::vector<Ref> refs;
    for (const TextOperand& item : data.items) refs.push_back(is_load ? d.destination(item) : d.source(item, 32));
    const size_t n = d.has("x4") ? 4 : d.has("x2") ? 2 : 1;
    if (refs.size() != n) d.unsupported();
    op.list = d.add_list(refs);
    op.n_list = static_cast<uint8_t>(n);
    op.mode = d.has("trans") ? 1 : 0;
    op.space = d.has("shared") || d.has("shared::cta") ? Space::shared : Space::none;
    d.address(d.operand(is_load ? 1 : 0), op, 1);
    op.execute = is_load ? load_matrix : store_matrix;
    op.op_class = OpClass::shared;
  } else {
    return false;
  }
  op.flow = Flow::sync;
  return true;
}

}  // namespace ptx
