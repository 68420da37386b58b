#include "tests/support/ptx/shared_memory.h"

#include <algorithm>

namespace ptx {

namespace {

constexpr FindingKind fine = FindingKind::misuse;
constexpr uint8_t several_lanes = 32;
constexpr uint8_t all_bytes = 15;

}  // namespace

void Clocks::reset(int n_warps) {
  n_ = static_cast<size_t>(n_warps);
  latest_ = 1;
  own_.assign(n_, 1);
  seen_.assign(n_ * n_, 0);
}

void Clocks::block_barrier(uint32_t arrived, uint32_t waited) {
  std::vector<uint32_t> joint(n_, 0);
  for (size_t w = 0; w < n_; ++w) {
    if (!(arrived >> w & 1)) continue;
    for (size_t x = 0; x < n_; ++x) joint[x] = std::max(joint[x], seen_[w * n_ + x]);
    joint[w] = std::max(joint[w], own_[w]);
  }
  const uint32_t next = ++latest_;
  for (size_t w = 0; w < n_; ++w) {
    if (waited >> w & 1)
      for (size_t x = 0; x < n_; ++x) seen_[w * n_ + x] = std::max(seen_[w * n_ + x], joint[x]);
    if ((arrived | waited) >> w & 1) own_[w] = next;
  }
}

void SharedMemory::reset(uint32_t size_bytes) {
  bytes_.assign(size_bytes, 0xff);
  chunks_.assign((size_bytes + 15) / 16, Cell{});
  words_.resize(chunks_.size() * 4);
  split_.assign(chunks_.size(), 0);
}

FindingKind SharedMemory::touch_cell(Cell& cell, uint8_t bytes, const Access& access, const Clocks& clocks) {
  FindingKind found = fine;
  if (cell.in_flight & bytes) found = FindingKind::async_copy;
  else if (!access.store && (cell.written & bytes) != bytes) found = FindingKind::unwritten_shared;

  const uint32_t now = clocks.now(access.warp);
  const auto lane = static_cast<uint8_t>(access.lane);
  const auto other_lane = [&](const uint8_t* lanes) {
    for (int i = 0; i < 4; ++i)
      if ((bytes >> i & 1) && lanes[i] != lane) return true;
    return false;
  };
  // Against the last write.
  if ((cell.write_bytes & bytes) && !(cell.atomic && access.atomic)) {
    const bool ordered = clocks.ordered(cell.write_warp, cell.write_clock, access.warp);
    if (!ordered && (cell.write_warp != access.warp || other_lane(cell.write_lane))) found = FindingKind::shared_race;
  }
  if (!access.store) {
    if (cell.read_warp != access.warp || cell.read_clock != now) cell.read_bytes = 0;
    for (int i = 0; i < 4; ++i)
      if (bytes >> i & 1)
        cell.read_lane[i] = (cell.read_bytes >> i & 1) && cell.read_lane[i] != lane ? several_lanes : lane;
    cell.read_bytes |= bytes;
    cell.read_warp = static_cast<uint8_t>(access.warp);
    cell.read_clock = std::max(cell.read_clock, now);
    cell.read_warps |= 1u << access.warp;
    return found;
  }
  // A write against the reads since the last one.
  for (uint32_t readers = cell.read_warps; readers; readers &= readers - 1) {
    const int reader = __builtin_ctz(readers);
    if (clocks.ordered(reader, cell.read_clock, access.warp)) continue;
    if (reader == access.warp) {
      const bool mine = reader == cell.read_warp && !((cell.read_bytes & bytes) && other_lane(cell.read_lane));
      if (mine || clocks.ordered(reader, cell.read_clock, reader)) continue;
    }
    if (reader != access.warp && reader == cell.read_warp && !(cell.read_bytes & bytes)) continue;
    found = FindingKind::shared_race;
  }
  if (cell.write_warp != access.warp || cell.write_clock != now) cell.write_bytes = 0;
  for (int i = 0; i < 4; ++i)
    if (bytes >> i & 1) cell.write_lane[i] = lane;
  cell.write_bytes |= bytes;
  cell.write_warp = static_cast<uint8_t>(access.warp);
  cell.write_clock = now;
  cell.written |= bytes;
  cell.atomic = access.atomic;
  // Part of the bytes may still have readers of this clock.
  if ((cell.read_bytes & ~bytes) == 0) {
    cell.read_warps = 0;
    cell.read_bytes = 0;
  }
  return found;
}

template <class Visit>
void SharedMemory::each_cell(uint32_t offset, uint32_t n, Visit visit) {
  for (uint32_t at = offset; at < offset + n;) {
    const uint32_t chunk = at / 16;
    const uint32_t end = std::min(offset + n, chunk * 16 + 16);
    if (at % 16 == 0 && end - at == 16 && !split_[chunk]) {
      visit(chunks_[chunk], all_bytes);
    } else {
      if (!split_[chunk]) {
        std::fill_n(words_.begin() + chunk * 4, 4, chunks_[chunk]);
        split_[chunk] = 1;
      }
      for (uint32_t word = at / 4; word * 4 < end; ++word) {
        const uint32_t first = std::max(at, word * 4) - word * 4, last = std::min(end, word * 4 + 4) - word * 4;
        visit(words_[word], static_cast<uint8_t>(((1u << last) - 1) & ~((1u << first) - 1)));
      }
    }
    at = end;
  }
}

FindingKind SharedMemory::touch_parts(uint32_t offset, uint32_t n, const Access& access, const Clocks& clocks) {
  FindingKind found = fine;
  each_cell(offset, n, [&](Cell& cell, uint8_t bytes) {
    const FindingKind one = touch_cell(cell, bytes, access, clocks);
    if (one != fine) found = one;
  });
  // Sixteen bytes written as one are used together again.
  if (access.store && n == 16 && offset % 16 == 0 && split_[offset / 16]) {
    chunks_[offset / 16] = words_[offset / 4];
    split_[offset / 16] = 0;
  }
  return found;
}

FindingKind SharedMemory::begin_async(uint32_t offset, uint32_t n, const Access& access, const Clocks& clocks) {
  // The bytes may arrive from now on: as a store it must not race with what others did before.
  FindingKind found = fine;
  each_cell(offset, n, [&](Cell& cell, uint8_t bytes) {
    Cell probe = cell;
    const FindingKind one = touch_cell(probe, bytes, access, clocks);
    if (one != fine) found = one;
    cell.in_flight |= bytes;
  });
  return found;
}

void SharedMemory::end_async(uint32_t offset, uint32_t n) {
  each_cell(offset, n, [](Cell& cell, uint8_t bytes) { cell.in_flight &= static_cast<uint8_t>(~bytes); });
}

}  // namespace ptx
