#include "engine/backend/choose_backend.h"

#include "engine/backend/cuda_backend.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace engine {

GpuMode gpu_mode(const std::string& name) {
  if (name == "auto") return GpuMode::automatic;
  if (name == "off") return GpuMode::off;
  if (name == "require") return GpuMode::require;
  fail(ErrorKind::usage, "--gpu %s is not known; it is auto, off or require", name.c_str());
}

GpuInfo find_gpu() {
  GpuInfo info;
  try {
    const CudaDevice device;
    info = {.usable = true, .name = device.name(), .why_not = {}, .total_bytes = device.total_bytes(),
            .free_bytes = device.free_bytes()};
  } catch (const Error& e) {
    info.why_not = e.what();
  }
  return info;
}

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<CudaBackend>(); }

std::unique_ptr<Backend> make_backend(const BackendOptions& options) {
  if (options.gpu == GpuMode::off) return make_cpu_backend(options.cpu);
  try {
    return make_cuda_backend();
  } catch (const Error& e) {
    if (options.gpu == GpuMode::require) {
      fail(ErrorKind::unsupported, "--gpu require, but the GPU cannot be used: %s", e.what());
    }
    log_info("the model runs on the CPU: %s", e.what());
  }
  return make_cpu_backend(options.cpu);
}

}  // namespace engine
