// engine/backend/gpu_mode.h: whether a GPU is used, and what there is. Free of everything else of the backends.
#pragma once
#include <cstdint>
#include <string>

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

}  // namespace engine
