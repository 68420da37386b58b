// engine/base/free_memory.h: what memory there is now, and what this process takes.
#pragma once
#include <cstdint>
#include <string>

namespace engine {

constexpr uint64_t unknown_memory = uint64_t{1} << 62;

// Bytes that a new allocation can have now without swapping: the kernel's MemAvailable, less where a
// control group (v1 or v2, any level) limits this process. unknown_memory where the system does not say.
uint64_t free_memory_bytes();
uint64_t free_memory_bytes(const std::string& proc_root, const std::string& cgroup_root);  // for tests

// Of this process, as /proc/self/status says; zeros where there is no such file. Mapped pages can be had
// back from their file at any time and are not lost to others.
struct ResidentMemory {
  uint64_t peak = 0, now = 0;       // VmHWM, VmRSS
  uint64_t mapped_now = 0;          // the part of now that is pages of files
};
ResidentMemory resident_memory();
// Forgets the peak: from here on it is that of what comes. False where the system does not let us.
bool reset_resident_peak();

}  // namespace engine
