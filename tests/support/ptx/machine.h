// tests/support/ptx/machine.h: runs decoded kernels, block after block, and counts what they do.
// Blocks run in a shuffled order on a few host threads, the warps of a block in a shuffled order between
// barriers; the lanes of a warp at the lowest instruction go first. Findings go to a list; those that leave nothing
// to go on with (an address outside all memory, a barrier that can't be passed) end the launch.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/ptx/findings.h"
#include "tests/support/ptx/kernel.h"
#include "tests/support/ptx/memory.h"

namespace ptx {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

struct LaunchConfig {
  Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  std::vector<uint8_t> params;  // laid out as Kernel::params says
  uint32_t seed = 1;
  int n_threads = 2;            // of the host
  uint64_t max_instructions = uint64_t{1} << 28;  // of one warp
};

// What one instruction did, over all warps of the launches it was part of.
struct OpCount {
  uint64_t executed = 0;  // by warps
  uint64_t requests = 0;  // global or shared memory requests of warps
  uint64_t bytes = 0;     // that lanes asked for
  uint64_t sectors = 0;   // of 32 bytes, global memory
  uint64_t waves = 0;     // of 32 banks, shared memory; waves_ideal without conflicts
  uint64_t waves_ideal = 0;
  OpCount& operator+=(const OpCount& other);
};

struct LaunchCounts {
  uint64_t launches = 0;
  std::vector<OpCount> ops;  // one for each instruction of the kernel
  LaunchCounts& operator+=(const LaunchCounts& other);
};

// The same, by class of instruction, with names a test can print.
struct KernelCounts {
  uint64_t launches = 0, instructions = 0;
  std::array<uint64_t, n_op_classes> by_class{};
  uint64_t global_loaded_bytes = 0, global_stored_bytes = 0;
  uint64_t async_loaded_bytes = 0;     // of the loaded, by cp.async
  uint64_t streamed_loaded_bytes = 0;  // of the loaded, past the first cache (L1::no_allocate): weights
  uint64_t global_sectors = 0, global_sectors_ideal = 0;
  uint64_t shared_waves = 0, shared_waves_ideal = 0;
};
KernelCounts summarise(const Kernel& kernel, const LaunchCounts& counts);

// True: all blocks ended. False: the launch was abandoned for the last finding.
bool run_launch(const Kernel& kernel, const LaunchConfig& config, DeviceMemory& memory, Findings& findings,
                LaunchCounts& counts);

}  // namespace ptx
