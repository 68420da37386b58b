// atom and red, in global and shared memory. Lanes of a warp take turns in lane order.
#include <cmath>

#include "tests/support/ptx/addressing.h"
#include "tests/support/ptx/decoder.h"

namespace ptx {

namespace {

enum Operation : uint8_t { add, min, max, exch, cas, bit_and, bit_or, bit_xor, inc, dec };

template <class T>
typename T::value combine(uint8_t operation, typename T::value old, typename T::value b, typename T::value c) {
  using V = typename T::value;
  switch (operation) {
    case add:
      if constexpr (T::is_float) return static_cast<V>(old + b);
      else return static_cast<V>(static_cast<std::make_unsigned_t<V>>(old) + static_cast<std::make_unsigned_t<V>>(b));
    case min: return b < old ? b : old;
    case max: return old < b ? b : old;
    case exch: return b;
    case cas: return old == b ? c : old;
    default: break;
  }
  if constexpr (!T::is_float) {
    switch (operation) {
      case bit_and: return static_cast<V>(old & b);
      case bit_or: return static_cast<V>(old | b);
      case bit_xor: return static_cast<V>(old ^ b);
      case inc: return old >= b ? V{0} : static_cast<V>(old + 1);
      case dec: return old == 0 || old > b ? b : static_cast<V>(old - 1);
      default: break;
    }
  }
  return old;
}

// Memory holds n bytes a value; the lanes may be wider (f16).
template <class T, class Memory>
void atomic(Warp& w, const Op& op, Mask on) {
  using Lane = typename T::lane;
  uint64_t address[n_lanes];
  uint8_t* pointers[n_lanes];
  lane_addresses(w, op, 1, address);
  const Lane* b = w.in<Lane>(op.a[2]);
  const Lane* c = op.a[3] == ref_none ? b : w.in<Lane>(op.a[3]);
  alignas(64) Lane old[n_lanes] = {};
  resolve(w, {op.space, sizeof(Memory), true, true}, address, on, pointers);
  // Other blocks run on other threads: one at a time. Shared memory belongs to this thread.
  std::unique_lock lock(w.block->launch.mutex, std::defer_lock);
  const bool global = op.space == Space::global || (op.space == Space::none && address[__builtin_ctz(on)] < shared_window);
  if (global) lock.lock();
  each_lane(on, [&](int l) {
    Memory m;
    std::memcpy(&m, pointers[l], sizeof m);
    old[l] = m;
    m = static_cast<Memory>(T::put(combine<T>(op.mode, T::get(old[l]), T::get(b[l]), T::get(c[l]))));
    std::memcpy(pointers[l], &m, sizeof m);
    if (global) synchronise_at(*w.block, address[l]);
  });
  write_lanes(w, op.a[0], old, on);
}

// Two f16 or bf16 in a word.
template <class T>
void atomic_pair_add(Warp& w, const Op& op, Mask on) {
  uint64_t address[n_lanes];
  uint8_t* pointers[n_lanes];
  lane_addresses(w, op, 1, address);
  const uint32_t* b = w.in<uint32_t>(op.a[2]);
  uint32_t old[n_lanes] = {};
  resolve(w, {op.space, 4, true, true}, address, on, pointers);
  const std::lock_guard lock(w.block->launch.mutex);
  each_lane(on, [&](int l) {
    std::memcpy(&old[l], pointers[l], 4);
    const uint32_t low = T::put(T::get(old[l]) + T::get(b[l])), high = T::put(T::get(old[l] >> 16) + T::get(b[l] >> 16));
    const uint32_t sum = low | high << 16;
    std::memcpy(pointers[l], &sum, 4);
  });
  write_lanes(w, op.a[0], old, on);
}

}  // namespace

bool decode_atomic(Decoder& d, Op& op) {
  const bool returns = d.in->parts[0] == "atom";
  if (!returns && d.in->parts[0] != "red") return false;
  if (d.has("async") || d.has("v2") || d.has("v4")) d.unsupported();
  static const std::pair<const char*, Operation> operations[] = {
      {"add", add}, {"min", min}, {"max", max}, {"exch", exch}, {"cas", cas},
      {"and", bit_and}, {"or", bit_or}, {"xor", bit_xor}, {"inc", inc}, {"dec", dec}};
  bool known = false;
  for (const auto& [name, operation] : operations)
    if (d.has(name)) {
      op.mode = operation;
      known = true;
    }
  if (!known) d.unsupported();
  const std::string& t = d.type();
  if (t == "f32") op.execute = atomic<F32, uint32_t>;
  else if (t == "f64") op.execute = atomic<F64, uint64_t>;
  else if (t == "f16") op.execute = atomic<F16, uint16_t>;
  else if (t == "bf16") op.execute = atomic<BF16, uint16_t>;
  else if (t == "f16x2" && op.mode == add) op.execute = atomic_pair_add<F16>;
  else if (t == "bf16x2" && op.mode == add) op.execute = atomic_pair_add<BF16>;
  else if (t == "b16" || t == "u16") op.execute = atomic<U16, uint16_t>;
  else if (t == "u32" || t == "b32") op.execute = atomic<U32, uint32_t>;
  else if (t == "s32") op.execute = atomic<S32, uint32_t>;
  else if (t == "u64" || t == "b64") op.execute = atomic<U64, uint64_t>;
  else if (t == "s64") op.execute = atomic<S64, uint64_t>;
  else d.unsupported();
  const int bits = type_bits(t) == 64 ? 64 : 32;
  const size_t first = returns ? 1 : 0;
  if (returns) op.a[0] = d.destination(d.operand(0));
  d.address(d.operand(first), op, 1);
  op.a[2] = d.source(d.operand(first + 1), bits);
  if (op.mode == cas) op.a[3] = d.source(d.operand(first + 2), bits);
  else if (d.in->operands.size() > first + 2) d.unsupported("cache policies aren't");
  op.space = d.has("shared") || d.has("shared::cta") ? Space::shared : d.has("global") ? Space::global : Space::none;
  op.op_class = op.space == Space::shared ? OpClass::shared : OpClass::global;
  return true;
}

}  // namespace ptx
