// Operations between the lanes of a warp: shuffles, votes, match, reductions; and what waits or ends.
#include <algorithm>
#include <cstdio>

#include "tests/support/ptx/decoder.h"
#include "tests/support/ptx/lanes.h"

namespace ptx {

namespace {

// The lanes an instruction names must be the ones that run it.
void check_members(Warp& w, Ref ref, Mask on) {
  const uint32_t* members = w.in<uint32_t>(ref);
  each_lane(on, [&](int l) {
    if ((members[l] & w.live) == on && (members[l] >> l & 1)) return;
    char text[96];
    std::snprintf(text, sizeof text, "lanes 0x%08x are named, 0x%08x arrive", members[l], on);
    fault(w, FindingKind::barrier, l, text);
  });
}

enum Shuffle : uint8_t { up, down, butterfly, index };

// a: destination, value, lane, clamp, members; imm: reference of the predicate destination
void shuffle(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[4], on);
  const uint32_t *value = w.in<uint32_t>(op.a[1]), *by = w.in<uint32_t>(op.a[2]), *clamp = w.in<uint32_t>(op.a[3]);
  alignas(64) uint32_t r[n_lanes] = {};
  Mask inside = 0;
  each_lane(on, [&](int l) {
    const int b = static_cast<int>(by[l] & 31), c = static_cast<int>(clamp[l] & 31), segment = static_cast<int>(clamp[l] >> 8 & 31);
    const int highest = (l & segment) | (c & ~segment), lowest = l & segment;
    int from = l;
    bool valid = false;
    switch (op.mode) {
      case up: from = l - b; valid = from >= highest; break;
      case down: from = l + b; valid = from <= highest; break;
      case butterfly: from = l ^ b; valid = from <= highest; break;
      default: from = lowest | (b & ~segment); valid = from <= highest; break;
    }
    if (!valid) from = l;
    if (!(on >> from & 1)) report(w, FindingKind::undefined_result, l, "shuffles from lane " + std::to_string(from) + ", which does not take part");
    r[l] = value[from];
    inside |= Mask{valid} << l;
  });
  write_lanes(w, op.a[0], r, on);
  write_predicate(w, static_cast<Ref>(op.imm), inside, on);
}

enum Vote : uint8_t { all, any, uniform, ballot };

void vote(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[2], on);
  const Mask yes = w.predicate(op.a[1]) & on;
  if (op.mode == ballot) {
    uint32_t r[n_lanes];
    std::fill(r, r + n_lanes, yes);
    write_lanes(w, op.a[0], r, on);
    return;
  }
  const bool result = op.mode == all ? yes == on : op.mode == any ? yes != 0 : yes == on || yes == 0;
  write_predicate(w, op.a[0], result ? all_lanes : 0, on);
}

// mode 0: lanes with my value; 1: all lanes have the same. imm: predicate destination
template <class Lane>
void match(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[2], on);
  const Lane* value = w.in<Lane>(op.a[1]);
  uint32_t r[n_lanes] = {};
  bool same = true;
  each_lane(on, [&](int l) {
    each_lane(on, [&](int other) { r[l] |= Mask{value[other] == value[l]} << other; });
    same = same && r[l] == on;
  });
  if (op.mode == 1) {
    std::fill(r, r + n_lanes, same ? on : 0);
    write_predicate(w, static_cast<Ref>(op.imm), same ? all_lanes : 0, on);
  }
  write_lanes(w, op.a[0], r, on);
}

enum Reduction : uint8_t { add, min_s, max_s, min_u, max_u, bit_and, bit_or, bit_xor };

void reduce(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[2], on);
  const uint32_t* value = w.in<uint32_t>(op.a[1]);
  const int first = __builtin_ctz(on);
  uint32_t r = value[first];
  each_lane(on & ~(1u << first), [&](int l) {
    const uint32_t x = value[l];
    const auto a = static_cast<int32_t>(r), b = static_cast<int32_t>(x);
    switch (op.mode) {
      case add: r += x; break;
      case min_s: r = b < a ? x : r; break;
      case max_s: r = b > a ? x : r; break;
      case min_u: r = std::min(r, x); break;
      case max_u: r = std::max(r, x); break;
      case bit_and: r &= x; break;
      case bit_or: r |= x; break;
      default: r ^= x;
    }
  });
  uint32_t lanes[n_lanes];
  std::fill(lanes, lanes + n_lanes, r);
  write_lanes(w, op.a[0], lanes, on);
}

void active_mask(Warp& w, const Op& op, Mask on) {
  uint32_t r[n_lanes];
  std::fill(r, r + n_lanes, on);
  write_lanes(w, op.a[0], r, on);
}

// One lane of those that are named: the lowest. imm: predicate destination
void elect(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[2], on);
  uint32_t r[n_lanes];
  std::fill(r, r + n_lanes, static_cast<uint32_t>(__builtin_ctz(on)));
  write_lanes(w, op.a[0], r, on);
  write_predicate(w, static_cast<Ref>(op.imm), on & (0u - on), on);
}

void warp_barrier(Warp& w, const Op& op, Mask on) {
  check_members(w, op.a[0], on);
  w.block->clocks.warp_barrier(w.index);
}

void trap(Warp& w, const Op&, Mask on) { fault(w, FindingKind::trap, __builtin_ctz(on), "the kernel stops itself"); }
void nothing(Warp&, const Op&, Mask) {}

Ref pair_of(Decoder& d, const TextOperand& operand) {
  if (operand.pair < 0) return ref_none;
  TextOperand second;
  second.kind = TextOperand::Kind::reg;
  second.reg = operand.pair;
  return d.destination(second);
}

bool decode_exchange(Decoder& d, Op& op) {
  const std::string& name = d.in->parts[0];
  if (name == "shfl") {
    op.execute = shuffle;
    op.mode = d.has("up") ? up : d.has("down") ? down : d.has("bfly") ? butterfly : index;
    d.plain(op, 4, 32);
    op.imm = pair_of(d, d.operand(0));
  } else if (name == "vote") {
    op.execute = vote;
    op.mode = d.has("all") ? all : d.has("any") ? any : d.has("uni") ? uniform : ballot;
    op.a[0] = d.destination(d.operand(0));
    op.a[1] = d.source(d.operand(1), 1);
    op.a[2] = d.source(d.operand(2), 32);
  } else if (name == "match") {
    const bool wide = d.type() == "b64";
    op.execute = wide ? match<uint64_t> : match<uint32_t>;
    op.mode = d.has("all") ? 1 : 0;
    op.a[0] = d.destination(d.operand(0));
    op.imm = pair_of(d, d.operand(0));
    op.a[1] = d.source(d.operand(1), wide ? 64 : 32);
    op.a[2] = d.source(d.operand(2), 32);
  } else if (name == "redux") {
    const bool is_signed = d.type() == "s32";
    op.execute = reduce;
    op.mode = d.has("add") ? add : d.has("min") ? (is_signed ? min_s : min_u) : d.has("max") ? (is_signed ? max_s : max_u)
              : d.has("and") ? bit_and : d.has("or") ? bit_or : bit_xor;
    if (d.type() == "f32") d.unsupported();
    d.plain(op, 2, 32);
  } else if (name == "elect") {
    op.execute = elect;
    op.a[0] = d.destination(d.operand(0));
    op.imm = pair_of(d, d.operand(0));
    op.a[2] = d.source(d.operand(1), 32);
  } else if (name == "bar" && d.has("warp")) {
    op.execute = warp_barrier;
    op.a[0] = d.source(d.operand(0), 32);
  } else {
    return false;
  }
  if (name != "bar" && !d.has("sync")) d.unsupported();
  op.flow = Flow::sync;
  op.op_class = OpClass::sync;
  return true;
}

// bar.sync a{, b}; bar.arrive a, b; bar.red.op p, a{, b}, c. a[1]: barrier, a[2]: threads, a[3]: vote, a[0]: result
bool decode_barrier(Decoder& d, Op& op) {
  const auto& p = d.in->parts;
  if (p[0] != "bar" && p[0] != "barrier") return false;
  if (d.has("cluster")) d.unsupported();
  op.flow = Flow::barrier;
  op.op_class = OpClass::sync;
  const auto& operands = d.in->operands;
  if (d.has("red")) {
    op.mode = d.has("popc") ? 1 : d.has("and") ? 2 : 3;
    op.a[0] = d.destination(d.operand(0));
    op.a[1] = d.source(d.operand(1), 32);
    if (operands.size() > 3) op.a[2] = d.source(d.operand(2), 32);
    op.a[3] = d.source(operands.back(), 1);
    return true;
  }
  op.mode = d.has("arrive") ? 4 : 0;
  op.a[1] = d.source(d.operand(0), 32);
  if (operands.size() > 1) op.a[2] = d.source(d.operand(1), 32);
  return true;
}

}  // namespace

bool decode_warp(Decoder& d, Op& op) {
  const auto& p = d.in->parts;
  const std::string& name = p[0];
  if (decode_exchange(d, op) || decode_barrier(d, op)) return true;
  op.op_class = OpClass::control;
  if (name == "activemask") {
    op.execute = active_mask;
    op.a[0] = d.destination(d.operand(0));
  } else if (name == "ret" || name == "exit") {
    op.flow = Flow::exit;
  } else if (name == "trap") {
    op.execute = trap;
  } else if (name == "nanosleep" || name == "brkpt" || name == "griddepcontrol") {
    op.execute = nothing;  // launches here never overlap, so a dependent one has nothing to wait for
  } else {
    return false;
  }
  return true;
}

}  // namespace ptx
