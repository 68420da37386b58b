// tests/support/ptx/shared_memory.h: a block's shared memory, with who touched which byte when.
// Time is a clock of the block that advances at every barrier and warp barrier. Warp u has seen what warp w
// did at clock c where seen(u, w) >= c; within a warp only what happened before its last barrier is seen
// by other lanes. Bookkeeping is one cell for 16 bytes as long as they are used together, else one for 4.
#pragma once
#include <cstdint>
#include <vector>

#include "tests/support/ptx/findings.h"

namespace ptx {

// Which operations of other warps a warp has seen, by the barriers between them.
class Clocks {
 public:
  void reset(int n_warps);
  uint32_t now(int warp) const { return own_[static_cast<size_t>(warp)]; }
  // What warp did at clock c is ordered before what `by` does now.
  bool ordered(int warp, uint32_t clock, int by) const {
    return warp == by ? clock < own_[static_cast<size_t>(by)]
                      : clock <= seen_[static_cast<size_t>(by) * n_ + static_cast<size_t>(warp)];
  }
  void warp_barrier(int warp) { own_[static_cast<size_t>(warp)] = ++latest_; }
  // A barrier between all warps of `arrived`; those of `waited` go on having seen the others.
  void block_barrier(uint32_t arrived, uint32_t waited);

 private:
  size_t n_ = 0;
  uint32_t latest_ = 0;
  std::vector<uint32_t> own_, seen_;  // seen_[u * n + w]
};

struct Access {
  int warp = 0, lane = 0;
  bool store = false, atomic = false;
};

class SharedMemory {
 public:
  void reset(uint32_t size_bytes);
  uint32_t size_bytes() const { return static_cast<uint32_t>(bytes_.size()); }
  uint8_t* at(uint32_t offset) { return bytes_.data() + offset; }

  // Checks the access against earlier ones and notes it. What is wrong, or nothing: FindingKind::misuse.
  FindingKind touch(uint32_t offset, uint32_t n, const Access& access, const Clocks& clocks) {
    const size_t chunk = offset / 16;
    if (n == 16 && !split_[chunk]) return touch_cell(chunks_[chunk], 15, access, clocks);
    return touch_parts(offset, n, access, clocks);
  }
  // cp.async is on its way into these bytes: reading or writing them now is a finding.
  FindingKind begin_async(uint32_t offset, uint32_t n, const Access& access, const Clocks& clocks);
  void end_async(uint32_t offset, uint32_t n);

 private:
  struct Cell {
    uint32_t write_clock = 0, read_clock = 0;
    uint32_t read_warps = 0;             // all that read since the last write
    uint8_t write_warp = 0, read_warp = 0;
    uint8_t write_bytes = 0, read_bytes = 0;  // bytes of the last writer's and reader's clock
    uint8_t write_lane[4] = {}, read_lane[4] = {};
    uint8_t written = 0;                 // bytes that hold a value
    bool atomic = false;
    uint8_t in_flight = 0;               // cp.async on its way
  };
  FindingKind touch_parts(uint32_t offset, uint32_t n, const Access& access, const Clocks& clocks);
  FindingKind touch_cell(Cell& cell, uint8_t bytes, const Access& access, const Clocks& clocks);
  template <class Visit>
  void each_cell(uint32_t offset, uint32_t n, Visit visit);

  std::vector<uint8_t> bytes_;
  std::vector<Cell> chunks_;  // 16 bytes
  std::vector<Cell> words_;   // 4 bytes; valid where the chunk is split
  std::vector<uint8_t> split_;
};

}  // namespace ptx
