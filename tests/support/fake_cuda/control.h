// tests/support/fake_cuda/control.h: a libcuda.so.1 without a GPU. It implements the driver API that the engine uses on the
// PTX simulator, with more order and less mercy than a driver: work runs only when it is waited for, memory starts as NaN,
// addresses fault on the host. A test finds it on LD_LIBRARY_PATH in place of the real one, and speaks to it through this.
//
// Without a test that asks, the environment sets the limits: FAKE_CUDA_MEMORY_MB, FAKE_CUDA_VANISH_AFTER (launches),
// FAKE_CUDA_DRIVER (13000), FAKE_CUDA_COMPUTE (89), FAKE_CUDA_THREADS, FAKE_CUDA_SEED. Findings that nobody took are
// printed when the process ends, which then exits with status 86.
#pragma once
#include <dlfcn.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/ptx/findings.h"
#include "tests/support/ptx/machine.h"

namespace fake_cuda {

constexpr int exit_status_of_findings = 86;

struct Limits {
  uint64_t memory_bytes = uint64_t{4} << 30;
  int64_t vanish_after_launches = -1;  // then every call fails as if the device had fallen off the bus
  int64_t fault_at_launch = -1;        // the kernel that is run after so many fails; the context is of no use from then on
  int64_t refuse_launches_after = -1;  // then launches, also of graphs, are refused; all else goes on
  int driver_version = 13000;
  int n_devices = 1;
  int compute = 89;                    // 89: capability 8.9
  int n_multiprocessors = 4;
  uint32_t shared_optin_bytes = 99 << 10;
  int n_threads = 2;                   // of the host, for one launch
  uint32_t seed = 1;                   // order of blocks and warps
};

class Control {
 public:
  virtual ~Control() = default;
  // Forgets findings, counts and any broken context; what is allocated stays.
  virtual void reset(const Limits& limits) = 0;
  virtual Limits limits() const = 0;
  // Modules loaded from now on are what this makes of their PTX: mutants of real kernels. Empty: as they are.
  virtual void edit_modules(std::function<std::string(std::string ptx)> edit) = 0;
  virtual std::vector<ptx::Finding> take_findings() = 0;
  virtual std::map<std::string, ptx::KernelCounts> counts() const = 0;  // by kernel, since the reset
  virtual uint64_t n_launches() const = 0;
  virtual uint64_t n_graph_launches() const = 0;
  virtual uint64_t used_bytes() const = 0;  // device memory held now
  // Bytes that kernels loaded from the allocation at this address.
  virtual uint64_t loaded_bytes(uint64_t address) const = 0;
  // Instructions of a kernel with what each moved, most bytes first, as text.
  virtual std::string profile(const std::string& kernel, int n_lines) const = 0;
};

// Null where libcuda.so.1 is a real driver or missing.
inline Control* control() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return nullptr;
  using Get = Control* (*)();
  const auto get = reinterpret_cast<Get>(dlsym(library, "sigma_fake_cuda_control"));
  return get ? get() : nullptr;
}

}  // namespace fake_cuda
