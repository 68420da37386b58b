// engine/backend/choose_backend.h: the GPU's backend or the CPU's. Without a driver the choice takes under a millisecond.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/backend/backend.h"

namespace engine {

// Whether models run on the GPU: where there is one, never, or not at all without one.
enum class GpuMode { automatic, off, require };
GpuMode gpu_mode(const std::string& name);  // "auto", "off", "require"; throws Error{usage} on others

// The GPU as the Models screen shows it. Under 1 ms where there is no driver.
struct GpuInfo {
  bool usable = false;
  std::string name;     // "NVIDIA H100 80GB HBM3, compute 9.0"
  std::string why_not;  // one line; empty where it is usable
  uint64_t total_bytes = 0, free_bytes = 0;
};
GpuInfo find_gpu();

// Throws Error{unsupported} saying in one line why there is no GPU to use.
std::unique_ptr<Backend> make_cuda_backend();

struct BackendOptions {
  CpuOptions cpu = {};
  GpuMode gpu = GpuMode::automatic;
};
// The GPU's where there is one and the mode allows it, else the CPU's; one line of the log says which and why.
std::unique_ptr<Backend> make_backend(const BackendOptions& options = {});

}  // namespace engine
