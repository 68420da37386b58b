#include "engine/backend/host_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/error.h"
#include "engine/base/free_memory.h"

namespace engine {
namespace {

constexpr size_t heap_limit = size_t(2) << 20;  // below one huge page the C library's heap does

class HostMemory : public Buffer {
 public:
  HostMemory(void* data, size_t size_bytes, size_t mapped) : mapped_(mapped) {
    data_ = static_cast<std::byte*>(data);
    size_bytes_ = size_bytes;
  }
  ~HostMemory() override {
    if (mapped_) munmap(data_, mapped_);
    else std::free(data_);
  }

 private:
  size_t mapped_;  // 0: from the C library's heap
};

[[noreturn]] void no_memory(uint64_t size_bytes, const std::string& what, uint64_t free_bytes) {
  fail(ErrorKind::out_of_memory,
       "%s needs %.1f MB (%llu bytes) and %.1f MB are free; close other programs or choose a smaller "
       "model or context",
       what.c_str(), double(size_bytes) / 1e6, static_cast<unsigned long long>(size_bytes), double(free_bytes) / 1e6);
}

}  // namespace

void require_host_memory(uint64_t size_bytes, const std::string& what) {
  const uint64_t free_bytes = free_memory_bytes();
  if (size_bytes > free_bytes) no_memory(size_bytes, what, free_bytes);
}

std::unique_ptr<Buffer> allocate_host_memory(size_t size_bytes, const std::string& what) {
  if (size_bytes < heap_limit) {
    const size_t rounded = std::max<size_t>(64, (size_bytes + 63) / 64 * 64);
    void* data = std::aligned_alloc(64, rounded);
    if (!data) no_memory(size_bytes, what, free_memory_bytes());
    std::fill_n(static_cast<char*>(data), rounded, char(0));
    return std::make_unique<HostMemory>(data, size_bytes, 0);
  }
  require_host_memory(size_bytes, what);
  // Rounded to ordinary pages: neighbouring maps are joined by the kernel, so huge pages span them,
  // and hundreds of weights don't waste half a huge page each.
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  const size_t mapped = (size_bytes + page - 1) / page * page;
  void* data = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) no_memory(size_bytes, what, free_memory_bytes());
  madvise(data, mapped, MADV_HUGEPAGE);  // a hint: ordinary pages are right too
  return std::make_unique<HostMemory>(data, size_bytes, mapped);
}

void release_mapped_pages(const std::byte* data, size_t size_bytes) {
  const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size_bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace engine
