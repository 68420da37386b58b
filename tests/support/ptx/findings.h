// tests/support/ptx/findings.h: what a kernel, or the host around it, did wrong.
// Equal findings (same kind, kernel and instruction) are counted, not repeated.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace ptx {

enum class FindingKind : uint8_t {
  shared_race,       // two threads on one cell, at least one writing, no barrier between
  global_race,       // the same across blocks, or across warps of one block
  barrier,           // a barrier or warp operation not reached by all its threads
  out_of_bounds,     // outside every allocation, or outside the block's shared memory
  use_after_free,
  host_pointer,      // a host address used by a kernel, or a device address by the host
  misaligned,
  unwritten_shared,  // reads bytes that nothing has written
  unwritten_global,
  async_copy,        // reads or overwrites the target of a cp.async that was not waited for; exits with one
  undefined_result,  // shuffle from an inactive lane, division by zero
  hang,              // more instructions than any kernel of ours needs
  trap,
  unsupported,       // an instruction that the simulator lacks
  free_in_flight,    // host: memory freed under queued work
  leak,              // host: memory, modules, streams or graphs left at the end
  misuse,            // host: an argument or an order of calls that the driver forbids
};
const char* finding_name(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::misuse;
  std::string kernel;       // empty: a host call
  std::string instruction;  // PTX text
  std::string where;        // "decode.cu:120 (PTX line 845)"
  std::string detail;       // addresses, threads
  int pc = -1;
  uint64_t count = 1;
  std::string text() const;  // one line with all of it
};

class Findings {
 public:
  void add(Finding finding);
  std::vector<Finding> take();  // and forget them
  bool empty() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Finding> all_;
};

}  // namespace ptx
