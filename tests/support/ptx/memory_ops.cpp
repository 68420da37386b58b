// ld, st, prefetch, fences.
#include "tests/support/ptx/addressing.h"
#include "tests/support/ptx/decoder.h"

namespace ptx {

namespace {

// Destinations of a load or sources of a store: one operand or the list in braces.
const Ref* elements(const Warp& w, const Op& op, int at, int& n) {
  n = op.n_list ? op.n_list : 1;
  return op.n_list ? &w.block->kernel.lists[op.list] : &op.a[at];
}

template <class Memory, class Lane>
void load_elements(Warp& w, const Op& op, Mask on, uint8_t* const* pointers) {
  int n = 0;
  const Ref* to = elements(w, op, 0, n);
  for (int i = 0; i < n; ++i) {
    if (to[i] == ref_none) continue;
    Lane* out = w.out<Lane>(to[i]);
    each_lane(on, [&](int l) {
      Memory x;
      std::memcpy(&x, pointers[l] + static_cast<size_t>(i) * sizeof(Memory), sizeof x);
      out[l] = static_cast<Lane>(x);
    });
  }
}

template <class Memory, class Lane>
void store_elements(Warp& w, const Op& op, Mask on, uint8_t* const* pointers) {
  int n = 0;
  const Ref* from = elements(w, op, 0, n);
  for (int i = 0; i < n; ++i) {
    const Lane* in = w.in<Lane>(from[i]);
    each_lane(on, [&](int l) {
      const auto x = static_cast<Memory>(in[l]);
      std::memcpy(pointers[l] + static_cast<size_t>(i) * sizeof(Memory), &x, sizeof x);
    });
  }
}

// Op::wide bit 0: the register side is 64 bits wide; bit 1: the address is.
void move_in(Warp& w, const Op& op, Mask on, uint8_t* const* p) {
  const bool wide = op.wide & 1;
  switch (op.bytes) {
    case 1:
      if (op.is_signed) wide ? load_elements<int8_t, uint64_t>(w, op, on, p) : load_elements<int8_t, uint32_t>(w, op, on, p);
      else wide ? load_elements<uint8_t, uint64_t>(w, op, on, p) : load_elements<uint8_t, uint32_t>(w, op, on, p);
      return;
    case 2:
      if (op.is_signed) wide ? load_elements<int16_t, uint64_t>(w, op, on, p) : load_elements<int16_t, uint32_t>(w, op, on, p);
      else wide ? load_elements<uint16_t, uint64_t>(w, op, on, p) : load_elements<uint16_t, uint32_t>(w, op, on, p);
      return;
    case 4:
      if (wide && op.is_signed) load_elements<int32_t, uint64_t>(w, op, on, p);
      else wide ? load_elements<uint32_t, uint64_t>(w, op, on, p) : load_elements<uint32_t, uint32_t>(w, op, on, p);
      return;
    default: load_elements<uint64_t, uint64_t>(w, op, on, p);
  }
}

void move_out(Warp& w, const Op& op, Mask on, uint8_t* const* p) {
  const bool wide = op.wide & 1;
  switch (op.bytes) {
    case 1: wide ? store_elements<uint8_t, uint64_t>(w, op, on, p) : store_elements<uint8_t, uint32_t>(w, op, on, p); return;
    case 2: wide ? store_elements<uint16_t, uint64_t>(w, op, on, p) : store_elements<uint16_t, uint32_t>(w, op, on, p); return;
    case 4: wide ? store_elements<uint32_t, uint64_t>(w, op, on, p) : store_elements<uint32_t, uint32_t>(w, op, on, p); return;
    default: store_elements<uint64_t, uint64_t>(w, op, on, p);
  }
}

uint32_t request_bytes(const Op& op) { return static_cast<uint32_t>(op.bytes) * (op.n_list ? op.n_list : 1u); }

void load(Warp& w, const Op& op, Mask on) {
  uint64_t address[n_lanes];
  uint8_t* pointers[n_lanes];
  lane_addresses(w, op, 1, address);
  resolve(w, {op.space, request_bytes(op), false, false}, address, on, pointers);
  move_in(w, op, on, pointers);
  if (op.mode) {  // acquire
    const std::lock_guard lock(w.block->launch.mutex);
    each_lane(on, [&](int l) { synchronise_at(*w.block, address[l]); });
  }
}

void store(Warp& w, const Op& op, Mask on) {
  uint64_t address[n_lanes];
  uint8_t* pointers[n_lanes];
  lane_addresses(w, op, 1, address);
  if (op.mode) {  // release
    ++w.block->fence;
    const std::lock_guard lock(w.block->launch.mutex);
    each_lane(on, [&](int l) { synchronise_at(*w.block, address[l]); });
  }
  resolve(w, {op.space, request_bytes(op), true, op.mode != 0}, address, on, pointers);
  move_out(w, op, on, pointers);
}

void load_parameter(Warp& w, const Op& op, Mask on) {
  uint64_t address[n_lanes];
  const uint8_t* pointers[n_lanes];
  lane_addresses(w, op, 1, address);
  const auto& params = w.block->launch.config.params;
  const uint32_t n = request_bytes(op);
  each_lane(on, [&](int l) {
    if (address[l] % n) fault(w, FindingKind::misaligned, l, "parameter byte " + std::to_string(address[l]));
    if (address[l] > params.size() || params.size() - address[l] < n)
      fault(w, FindingKind::out_of_bounds, l, "parameter byte " + std::to_string(address[l]));
    pointers[l] = params.data() + address[l];
  });
  move_in(w, op, on, const_cast<uint8_t* const*>(pointers));
}

void nothing(Warp&, const Op&, Mask) {}

void fence(Warp& w, const Op&, Mask) { ++w.block->fence; }

Space space_in(const Decoder& d) {
  if (d.has("shared") || d.has("shared::cta")) return Space::shared;
  if (d.has("global") || d.has("const")) return Space::global;
  if (d.has("local")) return Space::local;
  if (d.has("param") || d.has("param::entry")) return Space::param;
  return Space::none;
}

void decode_operands(Decoder& d, Op& op, const TextOperand& data, const TextOperand& where, bool is_load) {
  const int bits = type_bits(d.type());
  if (bits < 8 || bits > 64) d.unsupported();
  op.bytes = static_cast<uint8_t>(bits / 8);
  op.is_signed = d.type()[0] == 's';
  op.space = space_in(d);
  const auto one = [&](const TextOperand& item) -> Ref {
    if (d.register_bits(item) == 64 || (d.register_bits(item) == 0 && bits == 64)) op.wide |= 1;
    return is_load ? d.destination(item) : d.source(item, bits == 64 ? 64 : 32);
  };
  if (data.kind == TextOperand::Kind::vector) {
    std::vector<Ref> refs;
    for (const TextOperand& item : data.items) refs.push_back(one(item));
    const bool counted = (d.has("v2") && refs.size() == 2) || (d.has("v4") && refs.size() == 4);
    if (!counted || static_cast<size_t>(op.bytes) * refs.size() > 16) d.unsupported();
    op.list = d.add_list(refs);
    op.n_list = static_cast<uint8_t>(refs.size());
  } else {
    op.a[0] = one(data);
  }
  d.address(where, op, 1);
}

}  // namespace

bool decode_memory(Decoder& d, Op& op) {
  const std::string& name = d.in->parts[0];
  if (name == "prefetch" || name == "prefetchu" || name == "applypriority" || name == "discard") {
    op.execute = nothing;
    op.op_class = OpClass::other_memory;
    return true;
  }
  if (name == "membar" || name == "fence") {
    op.execute = fence;
    op.op_class = OpClass::sync;
    return true;
  }
  const bool is_load = name == "ld" || name == "ldu";
  if (!is_load && name != "st") return false;
  if (d.in->operands.size() != 2) d.unsupported("cache policies aren't");
  decode_operands(d, op, d.operand(is_load ? 0 : 1), d.operand(is_load ? 1 : 0), is_load);
  if (op.space == Space::param && !is_load) d.unsupported();
  op.op_class = op.space == Space::shared ? OpClass::shared
                : op.space == Space::global || op.space == Space::none ? OpClass::global
                                                                       : OpClass::other_memory;
  op.execute = op.space == Space::param ? load_parameter : is_load ? load : store;
  op.mode = d.has("acquire") || d.has("release") ? 1 : 0;
  return true;
}

}  // namespace ptx
