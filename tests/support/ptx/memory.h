// tests/support/ptx/memory.h: the device's global memory.
// Addresses come from a reserved range that the host can't touch: using one there is a segmentation fault.
// No address is given out twice, there is a gap behind every allocation, so a stray access is always seen.
// New memory holds 0xff bytes (NaN); one bit a byte says what has been written.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace ptx {

// Who wrote a byte last, in the launch that is running: block, fence count, warp, lane, clock; 0 nobody.
using WriteCell = std::atomic<uint64_t>;
constexpr uint64_t write_page_bytes = 1024;

struct Allocation {
  uint64_t base = 0, size_bytes = 0;
  uint8_t* bytes = nullptr;  // null once freed
  std::vector<std::atomic<uint64_t>> written;           // bit i of word w: byte 64w + i
  std::vector<std::atomic<WriteCell*>> writers;         // one array a page, made at the first store
  std::atomic<uint64_t> loaded_bytes{0}, stored_bytes{0};  // by kernels
  bool module_variable = false;

  bool contains(uint64_t address, uint64_t n) const {
    return address >= base && n <= size_bytes && address - base <= size_bytes - n;
  }
  uint8_t* at(uint64_t address) const { return bytes + (address - base); }
  void mark_written(uint64_t begin, uint64_t end);        // offsets
  bool is_written(uint64_t begin, uint64_t end) const;
};

class DeviceMemory {
 public:
  explicit DeviceMemory(uint64_t limit_bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void set_limit(uint64_t bytes) { limit_bytes_ = bytes; }
  uint64_t limit_bytes() const { return limit_bytes_; }
  uint64_t used_bytes() const { return used_bytes_; }

  uint64_t allocate(uint64_t size_bytes);  // 0: over the limit
  bool free(uint64_t address);             // false: not the start of a live allocation
  Allocation* find(uint64_t address) const;  // live or freed; null outside all
  bool owns(uint64_t address) const { return address >= begin_ && address < end_; }
  const std::vector<std::unique_ptr<Allocation>>& allocations() const { return allocations_; }

  // n bytes at address lie in one live allocation.
  Allocation* find_live(uint64_t address, uint64_t n) const;

 private:
  uint64_t limit_bytes_, used_bytes_ = 0;
  uint64_t begin_ = 0, end_ = 0, next_ = 0;
  std::vector<std::unique_ptr<Allocation>> allocations_;  // ascending, freed ones stay
};

}  // namespace ptx
