// Global memory: bounds, alignment, bytes never written, sectors, and races between blocks.
#include <algorithm>
#include <cstdio>

#include "tests/support/ptx/warp.h"

namespace ptx {

namespace {

std::string hex(uint64_t n) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

// A store is remembered as: atomic 1 | block 23 | fence 12 | warp 5 | lane 5 | clock 18 bits; never 0, as fences start at 1.
struct Writer {
  bool atomic = false;
  uint32_t block = 0, fence = 0, warp = 0, lane = 0, clock = 0;
};
constexpr uint32_t fence_mask = 0xfff, clock_mask = 0x3ffff, block_mask = 0x7fffff;

uint64_t pack(const Writer& w) {
  return uint64_t{w.atomic} << 63 | uint64_t{w.block & block_mask} << 40 | uint64_t{w.fence & fence_mask} << 28 |
         uint64_t{w.warp} << 23 | uint64_t{w.lane} << 18 | (w.clock & clock_mask);
}

Writer unpack(uint64_t cell) {
  return {cell >> 63 != 0, static_cast<uint32_t>(cell >> 40) & block_mask, static_cast<uint32_t>(cell >> 28) & fence_mask,
          static_cast<uint32_t>(cell >> 23) & 31, static_cast<uint32_t>(cell >> 18) & 31, static_cast<uint32_t>(cell) & clock_mask};
}

bool has_seen(const Seen& seen, uint32_t block, uint32_t fence) {
  const auto found = seen.find(block);
  return found != seen.end() && found->second > fence;
}

[[noreturn]] void bad_address(const Warp& warp, uint64_t address, uint32_t n, int lane) {
  const DeviceMemory& memory = warp.block->launch.memory;
  const Allocation* a = memory.find(address);
  if (a && !a->bytes) fault(warp, FindingKind::use_after_free, lane, hex(address) + " was freed");
  if (!memory.owns(address) && address >> 47 == 0 && address >= 4096)
    fault(warp, FindingKind::host_pointer, lane, hex(address) + " is an address of the host");
  std::string where = hex(address) + ", " + std::to_string(n) + " bytes";
  for (const auto& one : memory.allocations()) {
    if (!one->bytes || address + n <= one->base || address >= one->base + one->size_bytes + 4096) continue;
    where += ", reaches " + std::to_string(address + n - one->base) + " bytes into an allocation of " + std::to_string(one->size_bytes);
  }
  fault(warp, FindingKind::out_of_bounds, lane, where);
}

WriteCell* cells_of(Block& block, Allocation& a, uint64_t page) {
  std::atomic<WriteCell*>& slot = a.writers[page];
  if (WriteCell* known = slot.load(std::memory_order_acquire)) return known;
  const std::lock_guard lock(block.launch.mutex);
  if (WriteCell* known = slot.load(std::memory_order_acquire)) return known;
  auto* fresh = new WriteCell[write_page_bytes]();
  slot.store(fresh, std::memory_order_release);
  block.launch.write_pages.emplace_back(&a, page);
  return fresh;
}

// Whether a store by this lane conflicts with the one that the cell remembers.
bool conflicts(const Block& block, uint64_t cell, const Writer& me) {
  const Writer w = unpack(cell);
  if (w.atomic && me.atomic) return false;
  if (w.block != me.block) return !has_seen(block.seen, w.block, w.fence);
  if (w.warp == me.warp && w.lane == me.lane) return false;
  return !block.clocks.ordered(static_cast<int>(w.warp), w.clock, static_cast<int>(me.warp));
}

void note_store(Warp& warp, Allocation& a, uint64_t begin, uint32_t n, int lane, bool atomic) {
  Block& block = *warp.block;
  // What an atomic stores is visible to whoever meets it by another atomic, without a fence.
  const Writer me{atomic, block.linear, block.fence - (atomic ? 1 : 0), static_cast<uint32_t>(warp.index), static_cast<uint32_t>(lane),
                  block.clocks.now(warp.index)};
  const uint64_t mine = pack(me);
  for (uint64_t at = begin; at < begin + n; ++at) {
    WriteCell& cell = cells_of(block, a, at / write_page_bytes)[at % write_page_bytes];
    const uint64_t before = cell.load(std::memory_order_relaxed);
    if (before && before != mine && conflicts(block, before, me)) {
      const Writer other = unpack(before);
      report(warp, FindingKind::global_race, lane,
             "also written by thread " + std::to_string(other.warp * 32 + other.lane) + " of block " + std::to_string(other.block));
    }
    cell.store(mine, std::memory_order_relaxed);
  }
}

// A read of what another warp of this block stored since their last barrier.
void check_load(Warp& warp, Allocation& a, uint64_t begin, uint32_t n, int lane) {
  const WriteCell* cells = a.writers[begin / write_page_bytes].load(std::memory_order_acquire);
  if (!cells) return;
  Block& block = *warp.block;
  for (uint64_t at = begin; at < begin + n; at += 2) {
    if (at / write_page_bytes != begin / write_page_bytes) return;
    const uint64_t cell = cells[at % write_page_bytes].load(std::memory_order_relaxed);
    if (!cell) continue;
    const Writer w = unpack(cell);
    if (w.block != block.linear || (static_cast<int>(w.warp) == warp.index && static_cast<int>(w.lane) == lane)) continue;
    if (w.atomic || block.clocks.ordered(static_cast<int>(w.warp), w.clock, warp.index)) continue;
    report(warp, FindingKind::global_race, lane,
           "written by thread " + std::to_string(w.warp * 32 + w.lane) + " of the same block without a barrier between");
    return;
  }
}

// Neighbouring lanes' bytes, joined.
struct Run {
  uint64_t begin = 0, end = 0;
};

int join(const uint64_t* address, Mask on, uint32_t n, Run* runs) {
  int n_runs = 0;
  for (Mask m = on; m; m &= m - 1) {
    const uint64_t a = address[__builtin_ctz(m)];
    if (n_runs && runs[n_runs - 1].end == a) runs[n_runs - 1].end = a + n;
    else if (n_runs && runs[n_runs - 1].begin <= a && a + n <= runs[n_runs - 1].end) continue;  // the same again
    else runs[n_runs++] = {a, a + n};
  }
  return n_runs;
}

// Distinct 32-byte sectors of the runs.
uint64_t count_sectors(const Run* runs, int n_runs) {
  uint64_t firsts[n_lanes * 2], n = 0;
  bool ascending = true;
  uint64_t total = 0, last = 0;
  for (int i = 0; i < n_runs; ++i) {
    const uint64_t first = runs[i].begin / 32, end = (runs[i].end + 31) / 32;
    if (i && first < last) {
      if (first + 1 == last) {  // shares the sector the run before ended in
        total += end - last;
        last = end;
        continue;
      }
      ascending = false;
      break;
    }
    total += end - first;
    last = end;
  }
  if (ascending) return total;
  for (int i = 0; i < n_runs; ++i)
    for (uint64_t s = runs[i].begin / 32; s * 32 < runs[i].end && n < n_lanes * 2; ++s) firsts[n++] = s;
  std::sort(firsts, firsts + n);
  return static_cast<uint64_t>(std::unique(firsts, firsts + n) - firsts);
}

}  // namespace

void access_global(Warp& warp, const uint64_t* address, Mask on, const GlobalAccess& access, uint8_t** pointers) {
  Block& block = *warp.block;
  const uint32_t n = access.n_bytes;
  Run runs[n_lanes];
  const int n_runs = join(address, on, n, runs);
  for (Mask m = on; m; m &= m - 1) {
    const int lane = __builtin_ctz(m);
    const uint64_t a = address[lane];
    if (a & (n - 1)) fault(warp, FindingKind::misaligned, lane, hex(a) + " for " + std::to_string(n) + " bytes");
    if (!block.recent || !block.recent->bytes || !block.recent->contains(a, n)) {
      Allocation* found = block.launch.memory.find_live(a, n);
      if (!found) bad_address(warp, a, n, lane);
      block.recent = found;
    }
    pointers[lane] = block.recent->at(a);
    if (access.store) note_store(warp, *block.recent, a - block.recent->base, n, lane, access.atomic);
    else if (block.recent->writers[(a - block.recent->base) / write_page_bytes].load(std::memory_order_relaxed))
      check_load(warp, *block.recent, a - block.recent->base, n, lane);
  }
  uint64_t bytes = 0;
  for (int i = 0; i < n_runs; ++i) {
    const uint64_t size = runs[i].end - runs[i].begin;
    Allocation* a = block.recent->contains(runs[i].begin, size) ? block.recent : block.launch.memory.find_live(runs[i].begin, size);
    bytes += size;
    if (!a) continue;  // neighbours in two allocations; each lane was checked
    const uint64_t begin = runs[i].begin - a->base;
    if (!access.store || access.atomic) {
      if (!a->is_written(begin, begin + size))
        report(warp, FindingKind::unwritten_global, -1,
               std::to_string(size) + " bytes from byte " + std::to_string(begin) + " of an allocation of " + std::to_string(a->size_bytes));
      a->loaded_bytes.fetch_add(size, std::memory_order_relaxed);
      if (!access.atomic)
        block.reads.push_back({runs[i].begin, static_cast<uint32_t>(size), block.linear, block.fence, warp.pc});
    }
    if (access.store) {
      a->mark_written(begin, begin + size);
      a->stored_bytes.fetch_add(size, std::memory_order_relaxed);
    }
  }
  if (!access.counted) return;
  OpCount& count = block.counts[static_cast<size_t>(warp.pc)];
  ++count.requests;
  count.bytes += bytes;
  count.sectors += count_sectors(runs, n_runs);
}

void synchronise_at(Block& block, uint64_t address) {
  Seen& here = block.launch.released[address];
  for (const auto& [other, fence] : here) {
    uint32_t& known = block.seen[other];
    known = std::max(known, fence);
  }
  for (const auto& [other, fence] : block.seen) {
    uint32_t& known = here[other];
    known = std::max(known, fence);
  }
  uint32_t& mine = here[block.linear];
  mine = std::max(mine, block.fence);
}

void finish_races(Launch& launch) {
  static const Seen nothing;
  const auto seen_by = [&](uint32_t block) -> const Seen& {
    const auto found = launch.seen.find(block);
    return found == launch.seen.end() ? nothing : found->second;
  };
  if (!launch.write_pages.empty() && launch.config.grid.count() > 1) {
    Allocation* a = nullptr;
    for (const ReadNote& read : launch.reads) {
      if (!a || !a->contains(read.begin, read.n_bytes)) a = launch.memory.find_live(read.begin, read.n_bytes);
      if (!a) continue;
      const uint64_t begin = read.begin - a->base;
      for (uint64_t at = begin; at < begin + read.n_bytes; ++at) {
        const WriteCell* cells = a->writers[at / write_page_bytes].load(std::memory_order_relaxed);
        if (!cells) {
          at |= write_page_bytes - 1;
          continue;
        }
        const uint64_t cell = cells[at % write_page_bytes].load(std::memory_order_relaxed);
        if (!cell) continue;
        const Writer w = unpack(cell);
        if (w.block == (read.block & block_mask)) continue;
        if (has_seen(seen_by(read.block), w.block, w.fence) || has_seen(seen_by(w.block), read.block, read.fence)) continue;
        const auto pc = static_cast<size_t>(read.pc);
        launch.findings.add({FindingKind::global_race, launch.kernel.name, launch.kernel.source[pc].text, launch.kernel.where(read.pc),
                             "block " + std::to_string(read.block) + " reads byte " + std::to_string(at) + " of an allocation of " +
                                 std::to_string(a->size_bytes) + " that block " + std::to_string(w.block) + " writes",
                             read.pc});
        break;
      }
    }
  }
  for (const auto& [a, page] : launch.write_pages) delete[] a->writers[page].exchange(nullptr);
  launch.write_pages.clear();
  launch.reads.clear();
}

}  // namespace ptx
