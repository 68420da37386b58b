// tests/support/ptx/warp.h: the state that instructions work on, for the files that implement them.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/support/ptx/machine.h"
#include "tests/support/ptx/shared_memory.h"

namespace ptx {

// Generic addresses of shared and local memory; no host and no device allocation lies there.
constexpr uint64_t shared_window = uint64_t{0x00f1} << 48;
constexpr uint64_t local_window = uint64_t{0x00f2} << 48;
constexpr uint64_t window_bytes = uint64_t{1} << 32;

// Ends the launch; the finding is already in the list.
struct LaunchFault {};

struct Block;

// Lanes that run together.
struct Fragment {
  int pc = 0;
  Mask mask = 0;
  bool parked = false;  // at an instruction that needs lanes which are elsewhere
};

struct AsyncCopy {
  int lane = 0, pc = 0;
  uint32_t group = 0, shared_offset = 0;
  uint64_t from = 0;
  uint32_t n_bytes = 0, n_total = 0;  // the rest is zeros
};

struct Warp {
  const uint8_t* banks[2] = {};  // registers, constants
  uint8_t* registers = nullptr;
  Block* block = nullptr;
  int index = 0, pc = 0;
  Mask live = 0;
  int waiting_at = -1;  // named barrier
  Ref barrier_result = ref_none;
  std::vector<Fragment> fragments;
  uint64_t executed = 0;

  uint32_t copy_group[n_lanes] = {};
  std::vector<AsyncCopy> copies;

  template <class T>
  const T* in(Ref ref) const { return reinterpret_cast<const T*>(banks[ref >> 31] + (ref & ref_offset)); }
  template <class T>
  T* out(Ref ref) const { return reinterpret_cast<T*>(registers + (ref & ref_offset)); }
  Mask predicate(Ref ref) const {
    const Mask m = *in<Mask>(ref);
    return ref & ref_negated ? ~m : m;
  }
};

// One kernel read of global memory, kept to compare with the stores of other blocks.
struct ReadNote {
  uint64_t begin = 0;
  uint32_t n_bytes = 0, block = 0, fence = 0;
  int pc = 0;
};

// Which fence count of which block has been made visible by an atomic on some address.
using Seen = std::unordered_map<uint32_t, uint32_t>;

struct Launch {
  Launch(const Kernel& k, const LaunchConfig& c, DeviceMemory& m, Findings& f) : kernel(k), config(c), memory(m), findings(f) {}
  const Kernel& kernel;
  const LaunchConfig& config;
  DeviceMemory& memory;
  Findings& findings;
  uint32_t shared_bytes = 0;
  std::atomic<bool> abandoned{false};
  std::mutex mutex;                               // atomics on global memory and what follows
  std::unordered_map<uint64_t, Seen> released;    // by address
  std::unordered_map<uint32_t, Seen> seen;        // by block, at its end
  std::vector<ReadNote> reads;
  std::vector<std::pair<Allocation*, size_t>> write_pages;
};

struct NamedBarrier {
  uint32_t arrived_lanes = 0, expected = 0;
  uint32_t arrived_warps = 0, waiting_warps = 0;
  uint32_t votes_true = 0;
  uint8_t reduction = 0;  // 0 none, 1 popc, 2 and, 3 or
};

// One block while it runs; a host thread uses one again and again.
struct Block {
  explicit Block(Launch& l) : launch(l), kernel(l.kernel) {}
  Launch& launch;
  const Kernel& kernel;
  uint32_t linear = 0;
  Dim3 index;
  int n_threads = 0;
  std::vector<Warp> warps;
  std::vector<uint8_t> register_file, local;
  SharedMemory shared;
  Clocks clocks;
  NamedBarrier barriers[16];
  uint32_t fence = 1;
  Seen seen;
  std::vector<OpCount> counts;
  std::vector<ReadNote> reads;
  Allocation* recent = nullptr;  // last allocation touched
};

// Notes a finding at the instruction that runs; lane -1: the whole warp.
void report(const Warp& warp, FindingKind kind, int lane, const std::string& detail);
[[noreturn]] void fault(const Warp& warp, FindingKind kind, int lane, const std::string& detail);

// Global memory (global_access.cpp). Fills pointers for the lanes of `on`; ends the launch on a bad address.
struct GlobalAccess {
  uint32_t n_bytes = 0;  // of one lane
  bool store = false, atomic = false, counted = true;
};
void access_global(Warp& warp, const uint64_t* address, Mask on, const GlobalAccess& access, uint8_t** pointers);
// Shared memory, offsets within the block's; likewise.
void access_shared(Warp& warp, const uint64_t* offset, Mask on, uint32_t n_bytes, bool store, bool atomic, uint8_t** pointers);
// Compares the launch's reads with its stores and frees the notes.
void finish_races(Launch& launch);
// Makes what block has fenced visible to who touches address next, and takes what others left there. Launch::mutex held.
void synchronise_at(Block& block, uint64_t address);

// cp.async groups (async_copy.cpp).
void finish_copies(Warp& warp, Mask on, uint32_t keep_groups, bool uncommitted);
void check_no_copies(Warp& warp, Mask leaving);

}  // namespace ptx
