#include "tests/support/ptx/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace ptx {

namespace {

constexpr uint64_t alignment = 512;           // as cuMemAlloc
constexpr uint64_t gap = 4096;
constexpr uint64_t largest_reserve = uint64_t{1} << 42;
constexpr uint64_t smallest_reserve = uint64_t{1} << 32;

uint64_t align_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

// Bits begin..end of one word.
uint64_t bits(uint64_t begin, uint64_t end) {
  const uint64_t high = end >= 64 ? ~uint64_t{0} : (uint64_t{1} << end) - 1;
  return high & ~((uint64_t{1} << begin) - 1);
}

}  // namespace

void Allocation::mark_written(uint64_t begin, uint64_t end) {
  for (uint64_t w = begin / 64; w * 64 < end; ++w) {
    const uint64_t mask = bits(std::max(begin, w * 64) - w * 64, std::min(end, w * 64 + 64) - w * 64);
    if (mask == ~uint64_t{0}) written[w].store(mask, std::memory_order_relaxed);
    else if ((written[w].load(std::memory_order_relaxed) & mask) != mask)
      written[w].fetch_or(mask, std::memory_order_relaxed);
  }
}

bool Allocation::is_written(uint64_t begin, uint64_t end) const {
  for (uint64_t w = begin / 64; w * 64 < end; ++w) {
    const uint64_t mask = bits(std::max(begin, w * 64) - w * 64, std::min(end, w * 64 + 64) - w * 64);
    if ((written[w].load(std::memory_order_relaxed) & mask) != mask) return false;
  }
  return true;
}

DeviceMemory::DeviceMemory(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {
  // Address space only: no page of it is ever backed.
  for (uint64_t size = largest_reserve; size >= smallest_reserve; size /= 2) {
    void* p = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) continue;
    begin_ = reinterpret_cast<uint64_t>(p);
    end_ = begin_ + size;
    next_ = align_up(begin_ + gap, alignment);
    return;
  }
  throw std::bad_alloc();
}

DeviceMemory::~DeviceMemory() {
  for (const auto& a : allocations_) free(a->base);
  munmap(reinterpret_cast<void*>(begin_), end_ - begin_);
}

uint64_t DeviceMemory::allocate(uint64_t size_bytes) {
  if (size_bytes == 0 || size_bytes > limit_bytes_ || used_bytes_ > limit_bytes_ - size_bytes) return 0;
  if (end_ - next_ < size_bytes + alignment + gap) return 0;
  auto a = std::make_unique<Allocation>();
  a->base = next_;
  a->size_bytes = size_bytes;
  a->bytes = static_cast<uint8_t*>(::operator new(size_bytes, std::align_val_t{256}, std::nothrow));
  if (!a->bytes) return 0;
  std::memset(a->bytes, 0xff, size_bytes);
  a->written = std::vector<std::atomic<uint64_t>>((size_bytes + 63) / 64);
  a->writers = std::vector<std::atomic<WriteCell*>>((size_bytes + write_page_bytes - 1) / write_page_bytes);
  next_ = align_up(next_ + size_bytes + gap, alignment);
  used_bytes_ += size_bytes;
  allocations_.push_back(std::move(a));
  return allocations_.back()->base;
}

bool DeviceMemory::free(uint64_t address) {
  Allocation* a = find(address);
  if (!a || a->base != address || !a->bytes) return false;
  ::operator delete(a->bytes, std::align_val_t{256});
  a->bytes = nullptr;
  used_bytes_ -= a->size_bytes;
  std::vector<std::atomic<uint64_t>>().swap(a->written);
  for (auto& page : a->writers) delete[] page.load();
  std::vector<std::atomic<WriteCell*>>().swap(a->writers);
  return true;
}

Allocation* DeviceMemory::find(uint64_t address) const {
  const auto above = std::upper_bound(allocations_.begin(), allocations_.end(), address,
                                      [](uint64_t x, const auto& a) { return x < a->base; });
  if (above == allocations_.begin()) return nullptr;
  Allocation* a = (above - 1)->get();
  return a->contains(address, 1) ? a : nullptr;
}

Allocation* DeviceMemory::find_live(uint64_t address, uint64_t n) const {
  Allocation* a = find(address);
  return a && a->bytes && a->contains(address, n) ? a : nullptr;
}

}  // namespace ptx
