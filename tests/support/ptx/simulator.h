// tests/support/ptx/simulator.h: a PTX module ready to run: parsed, its variables in device memory, its kernels decoded.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/ptx/machine.h"

namespace ptx {

class LoadedModule {
 public:
  // Throws ParseError naming the first thing that isn't simulated, or out of device memory.
  LoadedModule(std::string_view text, DeviceMemory& memory);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  const Kernel* find(std::string_view name) const;
  uint64_t variable(std::string_view name) const;  // its address; 0: none
  const std::vector<std::unique_ptr<Kernel>>& kernels() const { return kernels_; }
  int target() const { return target_; }

 private:
  DeviceMemory& memory_;
  int target_ = 0;
  Symbols symbols_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

// The bytes of a launch's parameters from the addresses of its values, as cuLaunchKernel gets them.
std::vector<uint8_t> pack_parameters(const Kernel& kernel, void* const* values);

}  // namespace ptx
