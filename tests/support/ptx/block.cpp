#include "tests/support/ptx/block.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>

namespace ptx {

namespace {

constexpr size_t no_fragment = ~size_t{0};

// ---- start

uint64_t special_value(const Block& block, const Warp& warp, const std::string& name, int lane) {
  const Dim3 &size = block.launch.config.block, &grid = block.launch.config.grid;
  const auto thread = static_cast<uint32_t>(warp.index * n_lanes + lane);
  const uint32_t bit = 1u << lane;
  const char axis = name.back();
  const auto of = [&](const Dim3& d) { return axis == 'x' ? d.x : axis == 'y' ? d.y : d.z; };
  if (name.rfind("%tid", 0) == 0) return of({thread % size.x, thread / size.x % size.y, thread / size.x / size.y});
  if (name.rfind("%ntid", 0) == 0) return of(size);
  if (name.rfind("%ctaid", 0) == 0) return of(block.index);
  if (name.rfind("%nctaid", 0) == 0) return of(grid);
  if (name == "%laneid") return static_cast<uint64_t>(lane);
  if (name == "%warpid") return static_cast<uint64_t>(warp.index);
  if (name == "%nwarpid") return block.warps.size();
  if (name == "%lanemask_eq") return bit;
  if (name == "%lanemask_lt") return bit - 1;
  if (name == "%lanemask_le") return bit | (bit - 1);
  if (name == "%lanemask_gt") return ~(bit | (bit - 1));
  if (name == "%lanemask_ge") return ~(bit - 1);
  if (name == "%dynamic_smem_size") return block.launch.config.dynamic_shared_bytes;
  if (name == "%total_smem_size") return block.launch.shared_bytes;
  return name == "%nsmid" ? 1 : 0;  // one multiprocessor, grid 0
}

void start_warp(Block& block, Warp& warp) {
  const int first = warp.index * n_lanes, n = std::min(n_lanes, block.n_threads - first);
  warp.block = &block;
  warp.live = n == n_lanes ? all_lanes : (1u << n) - 1;
  warp.fragments.assign(1, Fragment{0, warp.live, false});
  warp.waiting_at = -1;
  warp.executed = 0;
  warp.copies.clear();
  std::fill(std::begin(warp.copy_group), std::end(warp.copy_group), 0);
  warp.banks[0] = warp.registers;
  warp.banks[1] = block.kernel.constants.data();
  // An unwritten register holds a signalling value: it turns up in results instead of passing for zero.
  std::memset(warp.registers, 0xfb, block.kernel.register_bytes);
  for (const SpecialRegister& s : block.kernel.specials)
    for (int l = 0; l < n_lanes; ++l) {
      const uint64_t value = special_value(block, warp, s.name, l);
      if (s.wide) warp.out<uint64_t>(s.ref)[l] = value;
      else warp.out<uint32_t>(s.ref)[l] = static_cast<uint32_t>(value);
    }
}

void start_block(Block& block, uint32_t linear) {
  const Dim3& grid = block.launch.config.grid;
  block.linear = linear;
  block.index = {linear % grid.x, linear / grid.x % grid.y, linear / grid.x / grid.y};
  block.n_threads = static_cast<int>(block.launch.config.block.count());
  const size_t n_warps = static_cast<size_t>((block.n_threads + n_lanes - 1) / n_lanes);
  const size_t stride = (block.kernel.register_bytes + 255) / 256 * 256;
  block.warps.resize(n_warps);
  block.register_file.resize(stride * n_warps + 64);
  auto base = reinterpret_cast<uintptr_t>(block.register_file.data());
  base = (base + 63) / 64 * 64;
  if (block.kernel.local_bytes) block.local.assign(block.kernel.local_bytes * n_warps * n_lanes, 0xff);
  for (size_t i = 0; i < n_warps; ++i) {
    block.warps[i].index = static_cast<int>(i);
    block.warps[i].registers = reinterpret_cast<uint8_t*>(base) + stride * i;
    start_warp(block, block.warps[i]);
  }
  block.shared.reset(block.launch.shared_bytes);
  block.clocks.reset(static_cast<int>(n_warps));
  for (NamedBarrier& b : block.barriers) b = {};
  block.fence = 1;
  block.seen.clear();
  block.counts.resize(block.kernel.code.size());
}

// ---- lanes that went different ways

// The fragment to run: the lowest instruction of those not parked. Fragments that meet are joined.
size_t choose(Warp& warp) {
  std::vector<Fragment>& f = warp.fragments;
  if (f.size() == 1) return f[0].parked ? no_fragment : 0;
  for (size_t i = 0; i < f.size(); ++i)
    for (size_t k = i + 1; k < f.size();)
      if (f[i].pc == f[k].pc) {
        f[i].mask |= f[k].mask;
        f[i].parked = false;  // it may be complete now
        f.erase(f.begin() + static_cast<std::ptrdiff_t>(k));
      } else {
        ++k;
      }
  size_t best = no_fragment;
  for (size_t i = 0; i < f.size(); ++i)
    if (!f[i].parked && (best == no_fragment || f[i].pc < f[best].pc)) best = i;
  return best;
}

// Which lanes an instruction between lanes wants besides those that are here.
Mask wanted(const Warp& warp, const Op& op, Mask here) {
  if (op.flow == Flow::barrier || op.op_class == OpClass::tensor || op.op_class == OpClass::shared) return warp.live;
  Mask named = 0;
  for (const Ref ref : {op.a[4], op.a[2], op.a[0]}) {  // where shfl, the votes and bar.warp have their members
    if (ref == ref_none) continue;
    named = warp.in<uint32_t>(ref)[__builtin_ctz(here)];
    break;
  }
  return named & warp.live;
}

// ---- block barriers

void check_barrier(Block& block, int id) {
  NamedBarrier& b = block.barriers[id];
  uint32_t live = 0;
  for (const Warp& w : block.warps) live += static_cast<uint32_t>(__builtin_popcount(w.live));
  const uint32_t needed = b.expected ? b.expected : live;
  if (!b.arrived_lanes || b.arrived_lanes < needed) return;
  block.clocks.block_barrier(b.arrived_warps, b.waiting_warps);
  const Mask vote = b.reduction == 2 ? (b.votes_true == b.arrived_lanes ? all_lanes : 0) : (b.votes_true ? all_lanes : 0);
  for (Warp& w : block.warps) {
    if (w.waiting_at != id) continue;
    w.waiting_at = -1;
    if (w.barrier_result == ref_none) continue;
    if (b.reduction == 1)
      for (int l = 0; l < n_lanes; ++l) w.out<uint32_t>(w.barrier_result)[l] = b.votes_true;
    else
      *w.out<Mask>(w.barrier_result) = vote;
  }
  b = {};
}

void arrive(Warp& warp, const Op& op, Mask on) {
  Block& block = *warp.block;
  const int first = __builtin_ctz(on);
  const uint32_t id = warp.in<uint32_t>(op.a[1])[first];
  const uint32_t expected = op.a[2] == ref_none ? 0 : warp.in<uint32_t>(op.a[2])[first];
  if (id > 15) fault(warp, FindingKind::misuse, first, "barrier " + std::to_string(id) + " of 16");
  if (expected % n_lanes) fault(warp, FindingKind::misuse, first, "a barrier of " + std::to_string(expected) + " threads, no multiple of 32");
  NamedBarrier& b = block.barriers[id];
  if (b.arrived_lanes && b.expected != expected)
    fault(warp, FindingKind::barrier, first, "barrier " + std::to_string(id) + " is waited for by " + std::to_string(b.expected) + " and " +
                                                 std::to_string(expected) + " threads at once");
  b.expected = expected;
  // Counted in whole warps where a number of threads is given.
  b.arrived_lanes += expected ? n_lanes : static_cast<uint32_t>(__builtin_popcount(on));
  b.arrived_warps |= 1u << warp.index;
  if (op.mode >= 1 && op.mode <= 3) {
    b.reduction = op.mode;
    b.votes_true += static_cast<uint32_t>(__builtin_popcount(warp.predicate(op.a[3]) & on));
  }
  if (op.mode != 4) {
    b.waiting_warps |= 1u << warp.index;
    warp.waiting_at = static_cast<int>(id);
    warp.barrier_result = op.mode ? op.a[0] : ref_none;
  }
  check_barrier(block, static_cast<int>(id));
}

// ---- running

void leave(Warp& warp, Mask on) {
  check_no_copies(warp, on);
  warp.live &= ~on;
  for (Fragment& f : warp.fragments) f.parked = false;  // what they waited for may have ended
}

void branch(Warp& warp, size_t at, int target, Mask taken) {
  Fragment& f = warp.fragments[at];
  if (taken == f.mask) {
    f.pc = target;
    return;
  }
  ++f.pc;
  if (!taken) return;
  f.mask &= ~taken;
  warp.fragments.push_back({target, taken, false});
}

void branch_indexed(Warp& warp, size_t at, const Op& op, Mask on) {
  const std::vector<int>& table = warp.block->kernel.jump_tables[op.imm];
  const uint32_t* index = warp.in<uint32_t>(op.a[1]);
  const Mask here = warp.fragments[at].mask;
  std::vector<Fragment> parts;
  for (Mask m = on; m; m &= m - 1) {
    const int l = __builtin_ctz(m);
    if (index[l] >= table.size()) fault(warp, FindingKind::out_of_bounds, l, "jump " + std::to_string(index[l]) + " of " + std::to_string(table.size()));
    const int target = table[index[l]];
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const Fragment& f) { return f.pc == target; });
    if (same != parts.end()) same->mask |= 1u << l;
    else parts.push_back({target, 1u << l, false});
  }
  if (here & ~on) parts.push_back({warp.fragments[at].pc + 1, here & ~on, false});
  warp.fragments.erase(warp.fragments.begin() + static_cast<std::ptrdiff_t>(at));
  warp.fragments.insert(warp.fragments.end(), parts.begin(), parts.end());
}

[[noreturn]] void stuck(Warp& warp) {
  std::string where;
  for (const Fragment& f : warp.fragments) {
    char text[64];
    std::snprintf(text, sizeof text, "%slanes 0x%08x at ", where.empty() ? "" : ", ", f.mask);
    where += text + warp.block->kernel.where(f.pc);
  }
  warp.pc = warp.fragments.front().pc;
  fault(warp, FindingKind::barrier, -1, "part of the warp is elsewhere: " + where);
}

// Runs until every lane waits at a barrier or has ended.
void run_warp(Warp& warp) {
  Block& block = *warp.block;
  const std::vector<Op>& code = block.kernel.code;
  const uint64_t limit = block.launch.config.max_instructions;
  size_t at = choose(warp);
  while (warp.live && warp.waiting_at < 0) {
    if (at == no_fragment) stuck(warp);
    Fragment& f = warp.fragments[at];
    if (static_cast<size_t>(f.pc) >= code.size()) {  // the end of the text is a return
      warp.pc = static_cast<int>(code.size()) - 1;
      leave(warp, f.mask);
      warp.fragments.erase(warp.fragments.begin() + static_cast<std::ptrdiff_t>(at));
      at = choose(warp);
      continue;
    }
    const Op& op = code[static_cast<size_t>(f.pc)];
    const Mask on = op.guard == ref_none ? f.mask : f.mask & warp.predicate(op.guard);
    warp.pc = f.pc;
    if ((op.flow == Flow::sync || op.flow == Flow::barrier) && on && warp.fragments.size() > 1 && (wanted(warp, op, on) & ~f.mask)) {
      f.parked = true;  // until the others come, or can't
      at = choose(warp);
      continue;
    }
    ++block.counts[static_cast<size_t>(f.pc)].executed;
    if (++warp.executed > limit) fault(warp, FindingKind::hang, -1, "over " + std::to_string(limit) + " instructions in one warp");
    const bool alone = warp.fragments.size() == 1;
    switch (op.flow) {
      case Flow::plain:
      case Flow::sync:
        ++f.pc;
        if (on) op.execute(warp, op, on);
        break;
      case Flow::branch: branch(warp, at, static_cast<int>(op.imm), on); break;
      case Flow::branch_indexed:
        if (on) branch_indexed(warp, at, op, on);
        else ++f.pc;
        break;
      case Flow::barrier:
        if (on && (on & warp.live) != warp.live)
          fault(warp, FindingKind::barrier, -1, std::to_string(__builtin_popcount(on)) + " of " + std::to_string(__builtin_popcount(warp.live)) + " threads of the warp reach it");
        ++f.pc;
        if (on) arrive(warp, op, on);
        break;
      case Flow::exit:
        leave(warp, on);
        f.mask &= ~on;
        ++f.pc;
        if (!f.mask) warp.fragments.erase(warp.fragments.begin() + static_cast<std::ptrdiff_t>(at));
        else if (!on) break;
        at = warp.fragments.empty() ? no_fragment : choose(warp);
        continue;
    }
    if (!alone || warp.fragments.size() > 1) at = choose(warp);
  }
}

void report_waiting(Block& block) {
  for (Warp& w : block.warps) {
    if (w.waiting_at < 0) continue;
    const NamedBarrier& b = block.barriers[w.waiting_at];
    std::string missing;
    for (const Warp& other : block.warps)
      if (other.live && !(b.arrived_warps >> other.index & 1)) missing += (missing.empty() ? "" : ", ") + std::to_string(other.index);
    fault(w, FindingKind::barrier, -1,
          "barrier " + std::to_string(w.waiting_at) + " has " + std::to_string(b.arrived_lanes) + " threads of " +
              (b.expected ? std::to_string(b.expected) : "all") + "; missing warps: " + (missing.empty() ? "ended ones" : missing));
  }
}

}  // namespace

void run_block(Block& block, uint32_t linear) {
  start_block(block, linear);
  std::mt19937 random(block.launch.config.seed * 2654435761u + linear);
  std::vector<size_t> order(block.warps.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (;;) {
    std::shuffle(order.begin(), order.end(), random);
    bool ran = false, live = false;
    for (const size_t i : order) {
      Warp& warp = block.warps[i];
      if (!warp.live || warp.waiting_at >= 0) continue;
      run_warp(warp);
      ran = true;
    }
    if (block.launch.abandoned.load(std::memory_order_relaxed)) throw LaunchFault{};
    for (int id = 0; id < 16; ++id) check_barrier(block, id);  // threads that ended are no longer waited for
    for (const Warp& w : block.warps) live = live || w.live;
    if (!live) break;
    if (!ran) report_waiting(block);
  }
}

}  // namespace ptx
