// cp.async: bytes move only when their group is waited for, so that a missing wait reads what was there before,
// and is reported besides.
#include <algorithm>

#include "tests/support/ptx/addressing.h"
#include "tests/support/ptx/decoder.h"

namespace ptx {

namespace {

// a[0]: shared address, a[1]: global address (offset in the list), a[2]: bytes to read (none: all); bytes: the size
void copy(Warp& w, const Op& op, Mask on) {
  Block& block = *w.block;
  uint64_t to[n_lanes], from[n_lanes];
  lane_addresses(w, op, 0, to);
  const uint64_t* base = w.in<uint64_t>(op.a[1]);
  for (int l = 0; l < n_lanes; ++l) from[l] = base[l] + block.kernel.lists[op.list];
  const uint32_t* n_read = op.a[2] == ref_none ? nullptr : w.in<uint32_t>(op.a[2]);
  const bool ignore = op.a[3] != ref_none;
  const Mask ignored = ignore ? w.predicate(op.a[3]) : 0;

  Mask reading = 0;
  each_lane(on, [&](int l) {
    const uint32_t n = ignored >> l & 1 ? 0 : n_read ? n_read[l] : op.bytes;
    if (n > op.bytes) fault(w, FindingKind::misuse, l, "cp.async reads more bytes than it writes");
    if (to[l] % op.bytes) fault(w, FindingKind::misaligned, l, "shared byte " + std::to_string(to[l]));
    if (to[l] > block.shared.size_bytes() || block.shared.size_bytes() - to[l] < op.bytes)
      fault(w, FindingKind::out_of_bounds, l, "shared byte " + std::to_string(to[l]) + " of " + std::to_string(block.shared.size_bytes()));
    const auto offset = static_cast<uint32_t>(to[l]);
    const FindingKind found = block.shared.begin_async(offset, op.bytes, {w.index, l, true, false}, block.clocks);
    if (found != FindingKind::misuse) report(w, found, l, "shared byte " + std::to_string(offset));
    w.copies.push_back({l, w.pc, w.copy_group[l], offset, from[l], n, op.bytes});
    if (n) reading |= 1u << l;
  });
  // Whole reads are checked and counted together; a shorter one byte by byte, as it may be of any length.
  Mask whole = 0;
  each_lane(reading, [&](int l) { whole |= Mask{!n_read || n_read[l] == op.bytes} << l; });
  uint8_t* pointers[n_lanes];
  if (whole) access_global(w, from, whole, {op.bytes, false, false, true}, pointers);
  each_lane(reading & ~whole, [&](int l) {
    uint64_t at[n_lanes];
    for (uint32_t i = 0; i < n_read[l]; ++i) {
      at[l] = from[l] + i;
      access_global(w, at, 1u << l, {1, false, false, false}, pointers);
    }
  });
}

void commit(Warp& w, const Op&, Mask on) {
  each_lane(on, [&](int l) { ++w.copy_group[l]; });
}

void wait_group(Warp& w, const Op& op, Mask on) { finish_copies(w, on, static_cast<uint32_t>(op.imm), false); }
void wait_all(Warp& w, const Op&, Mask on) { finish_copies(w, on, 0, true); }

}  // namespace

void finish_copies(Warp& warp, Mask on, uint32_t keep_groups, bool uncommitted) {
  Block& block = *warp.block;
  const auto finished = [&](const AsyncCopy& c) {
    if (!(on >> c.lane & 1)) return false;
    const uint32_t open = warp.copy_group[c.lane];  // groups below are committed
    if (!uncommitted && (c.group >= open || open - c.group <= keep_groups)) return false;
    block.shared.end_async(c.shared_offset, c.n_total);
    const FindingKind found = block.shared.touch(c.shared_offset, c.n_total, {warp.index, c.lane, true, false}, block.clocks);
    if (found != FindingKind::misuse) report(warp, found, c.lane, "cp.async arrives at shared byte " + std::to_string(c.shared_offset));
    uint8_t* to = block.shared.at(c.shared_offset);
    if (c.n_bytes) {
      const Allocation* a = block.recent && block.recent->contains(c.from, c.n_bytes) ? block.recent : block.launch.memory.find_live(c.from, c.n_bytes);
      std::memcpy(to, a->at(c.from), c.n_bytes);  // checked when it was issued
    }
    std::memset(to + c.n_bytes, 0, c.n_total - c.n_bytes);
    return true;
  };
  warp.copies.erase(std::remove_if(warp.copies.begin(), warp.copies.end(), finished), warp.copies.end());
}

void check_no_copies(Warp& warp, Mask leaving) {
  for (const AsyncCopy& c : warp.copies) {
    if (!(leaving >> c.lane & 1)) continue;
    report(warp, FindingKind::async_copy, c.lane, "exits with the copy to shared byte " + std::to_string(c.shared_offset) + " in flight");
    break;
  }
  warp.copies.erase(std::remove_if(warp.copies.begin(), warp.copies.end(),
                                   [&](const AsyncCopy& c) { return leaving >> c.lane & 1; }),
                    warp.copies.end());
}

bool decode_async(Decoder& d, Op& op) {
  const auto& p = d.in->parts;
  if (p[0] != "cp") return false;
  if (p.size() < 3 || p[1] != "async") d.unsupported();
  op.op_class = OpClass::sync;
  if (d.has("commit_group")) {
    op.execute = commit;
    return true;
  }
  if (d.has("wait_all")) {
    op.execute = wait_all;
    return true;
  }
  if (d.has("wait_group")) {
    op.execute = wait_group;
    op.imm = d.operand(0).value;
    return true;
  }
  if ((!d.has("ca") && !d.has("cg")) || d.has("bulk") || d.has("mbarrier")) d.unsupported();
  op.execute = copy;
  op.op_class = OpClass::global;
  op.bytes = static_cast<uint8_t>(d.operand(2).value);
  if (op.bytes != 4 && op.bytes != 8 && op.bytes != 16) d.unsupported();
  d.address(d.operand(1), op, 1);
  if (op.a[1] == ref_none || !(op.wide & 2)) d.unsupported();
  op.list = d.add_list({static_cast<Ref>(op.imm)});
  op.imm = 0;
  d.address(d.operand(0), op, 0);
  if (d.in->operands.size() > 3) {
    const TextOperand& last = d.operand(3);
    if (d.register_bits(last) == 1) op.a[3] = d.source(last, 1);
    else op.a[2] = d.source(last, 32);
  }
  if (d.in->operands.size() > 4) d.unsupported("cache policies aren't");
  return true;
}

}  // namespace ptx
