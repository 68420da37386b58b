// mov (with packing and unpacking), selp, setp.
#include "tests/support/ptx/decoder.h"
#include "tests/support/ptx/lanes.h"

namespace ptx {

namespace {

template <class Lane>
void move(Warp& w, const Op& op, Mask on) { write_lanes(w, op.a[0], w.in<Lane>(op.a[1]), on); }

void move_predicate(Warp& w, const Op& op, Mask on) { write_predicate(w, op.a[0], w.predicate(op.a[1]), on); }

// {a, b, ...} -> one register; imm bits each.
template <class Lane>
void pack(Warp& w, const Op& op, Mask on) {
  const Ref* items = &w.block->kernel.lists[op.list];
  const auto bits = static_cast<uint32_t>(op.imm);
  alignas(64) Lane r[n_lanes] = {};
  for (uint32_t i = 0; i < op.n_list; ++i) {
    const uint32_t* x = w.in<uint32_t>(items[i]);
    const uint32_t mask = bits >= 32 ? ~0u : (1u << bits) - 1;
    for (int l = 0; l < n_lanes; ++l) r[l] |= static_cast<Lane>(static_cast<Lane>(x[l] & mask) << (i * bits));
  }
  write_lanes(w, op.a[0], r, on);
}

template <class Lane>
void unpack(Warp& w, const Op& op, Mask on) {
  const Ref* items = &w.block->kernel.lists[op.list];
  const auto bits = static_cast<uint32_t>(op.imm);
  alignas(64) Lane from[n_lanes];
  std::memcpy(from, w.in<Lane>(op.a[1]), sizeof from);  // the source may be one of the items
  for (uint32_t i = 0; i < op.n_list; ++i) {
    alignas(64) uint32_t r[n_lanes];
    const uint32_t mask = bits >= 32 ? ~0u : (1u << bits) - 1;
    for (int l = 0; l < n_lanes; ++l) r[l] = static_cast<uint32_t>(from[l] >> (i * bits)) & mask;
    write_lanes(w, items[i], r, on);
  }
}

template <class Lane>
void select(Warp& w, const Op& op, Mask on) {
  const Lane *a = w.in<Lane>(op.a[1]), *b = w.in<Lane>(op.a[2]);
  const Mask p = w.predicate(op.a[3]);
  alignas(64) Lane r[n_lanes];
  for (int l = 0; l < n_lanes; ++l) r[l] = p >> l & 1 ? a[l] : b[l];
  write_lanes(w, op.a[0], r, on);
}

enum Compare : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
constexpr uint8_t with_and = 16, with_or = 32, with_xor = 48;

// 32 bytes of 0 or 1 -> bits.
Mask gather_bits(const uint8_t* flags) {
  Mask m = 0;
  for (int i = 0; i < 4; ++i) {
    uint64_t eight;
    std::memcpy(&eight, flags + 8 * i, 8);
    m |= static_cast<Mask>(eight * 0x0102040810204080ull >> 56) << (8 * i);
  }
  return m;
}

template <class T, Compare c>
void compare(Warp& w, const Op& op, Mask on) {
  const auto *a = w.in<typename T::lane>(op.a[1]), *b = w.in<typename T::lane>(op.a[2]);
  alignas(64) uint8_t flags[n_lanes];
  for (int l = 0; l < n_lanes; ++l) {
    const auto x = T::get(a[l]), y = T::get(b[l]);
    bool r = false;
    const bool unordered = T::is_float && (x != x || y != y);
    if constexpr (c == eq) r = x == y;
    else if constexpr (c == ne) r = !unordered && x != y;
    else if constexpr (c == lt) r = x < y;
    else if constexpr (c == le) r = x <= y;
    else if constexpr (c == gt) r = x > y;
    else if constexpr (c == ge) r = x >= y;
    else if constexpr (c == equ) r = unordered || x == y;
    else if constexpr (c == neu) r = unordered || x != y;
    else if constexpr (c == ltu) r = unordered || x < y;
    else if constexpr (c == leu) r = unordered || x <= y;
    else if constexpr (c == gtu) r = unordered || x > y;
    else if constexpr (c == geu) r = unordered || x >= y;
    else if constexpr (c == num) r = !unordered;
    else r = unordered;
    flags[l] = r;
  }
  const Mask r = gather_bits(flags);
  const auto combined = [&](Mask m) {
    if (!op.mode) return m;
    const Mask other = w.predicate(op.a[3]);
    return op.mode == with_and ? m & other : op.mode == with_or ? m | other : m ^ other;
  };
  const Mask first = combined(r), second = combined(~r);  // before writing: a source may share its place
  write_predicate(w, op.a[0], first, on);
  write_predicate(w, op.a[4], second, on);  // p|q: q has the opposite comparison
}

template <class T>
Execute compare_of(const std::string& name) {
  if (name == "eq") return compare<T, eq>;
  if (name == "ne") return compare<T, ne>;
  if (name == "lt" || name == "lo") return compare<T, lt>;
  if (name == "le" || name == "ls") return compare<T, le>;
  if (name == "gt" || name == "hi") return compare<T, gt>;
  if (name == "ge" || name == "hs") return compare<T, ge>;
  if constexpr (T::is_float) {
    if (name == "equ") return compare<T, equ>;
    if (name == "neu") return compare<T, neu>;
    if (name == "ltu") return compare<T, ltu>;
    if (name == "leu") return compare<T, leu>;
    if (name == "gtu") return compare<T, gtu>;
    if (name == "geu") return compare<T, geu>;
    if (name == "num") return compare<T, num>;
    if (name == "nan") return compare<T, nan>;
  }
  return nullptr;
}

void decode_braces(Decoder& d, Op& op, bool packing) {
  const TextOperand& braces = d.operand(packing ? 1 : 0);
  const int total = type_bits(d.type()), n = static_cast<int>(braces.items.size());
  if (n < 2 || n > 4 || total % n || total / n > 32) d.unsupported();
  std::vector<Ref> refs;
  for (const TextOperand& item : braces.items) refs.push_back(packing ? d.source(item, 32) : d.destination(item));
  op.imm = static_cast<uint64_t>(total / n);
  op.list = d.add_list(refs);
  op.n_list = static_cast<uint8_t>(n);
  if (packing) {
    op.execute = total == 64 ? pack<uint64_t> : pack<uint32_t>;
    op.a[0] = d.destination(d.operand(0));
  } else {
    op.execute = total == 64 ? unpack<uint64_t> : unpack<uint32_t>;
    op.a[1] = d.source(d.operand(1), total == 64 ? 64 : 32);
  }
}

}  // namespace

bool decode_move(Decoder& d, Op& op) {
  const std::string &name = d.in->parts[0], &t = d.type();
  op.op_class = OpClass::move;
  if (name == "mov") {
    if (d.operand(0).kind == TextOperand::Kind::vector) {
      decode_braces(d, op, false);
    } else if (d.operand(1).kind == TextOperand::Kind::vector) {
      decode_braces(d, op, true);
    } else if (t == "pred") {
      op.execute = move_predicate;
      d.plain(op, 1, 1);
    } else {
      const bool wide = type_bits(t) == 64;
      op.execute = wide ? move<uint64_t> : move<uint32_t>;
      d.plain(op, 1, wide ? 64 : 32);
    }
    return true;
  }
  if (name == "selp") {
    const bool wide = type_bits(t) == 64;
    op.execute = wide ? select<uint64_t> : select<uint32_t>;
    d.plain(op, 2, wide ? 64 : 32);
    op.a[3] = d.source(d.operand(3), 1);
    return true;
  }
  return false;
}

bool decode_compare(Decoder& d, Op& op) {
  if (d.in->parts[0] != "setp" || d.in->parts.size() < 3) return false;
  const std::string &t = d.type(), &c = d.in->parts[1];
  if (t == "f32") op.execute = d.has("ftz") ? compare_of<F32Flush>(c) : compare_of<F32>(c);
  else if (t == "f64") op.execute = compare_of<F64>(c);
  else if (t == "f16") op.execute = compare_of<F16>(c);
  else if (t == "bf16") op.execute = compare_of<BF16>(c);
  else op.execute = for_integer(t, [&](auto tag) -> Execute { return compare_of<typename decltype(tag)::type>(c); });
  if (!op.execute) return false;
  op.op_class = OpClass::integer;
  d.plain(op, 2, type_bits(t) == 64 ? 64 : 32);
  if (d.operand(0).pair >= 0) {
    TextOperand second;
    second.kind = TextOperand::Kind::reg;
    second.reg = d.operand(0).pair;
    op.a[4] = d.destination(second);
  }
  if (d.has("and")) op.mode = with_and;
  if (d.has("or")) op.mode = with_or;
  if (d.has("xor")) op.mode = with_xor;
  if (op.mode) op.a[3] = d.source(d.operand(3), 1);
  return true;
}

}  // namespace ptx
