// engine/backend/choose_backend.h: the GPU's backend or the CPU's. Without a driver the choice takes under a millisecond.
#pragma once
#include <memory>

#include "engine/backend/backend.h"
#include "engine/backend/gpu_mode.h"

namespace engine {

// Throws Error{unsupported} saying in one line why there is no GPU to use.
std::unique_ptr<Backend> make_cuda_backend();

struct BackendOptions {
  CpuOptions cpu = {};
  GpuMode gpu = GpuMode::automatic;
};
// The GPU's where there is one and the mode allows it, else the CPU's; one line of the log says which and why.
std::unique_ptr<Backend> make_backend(const BackendOptions& options = {});

}  // namespace engine
