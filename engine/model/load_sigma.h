// engine/model/load_sigma.h: a model on the GPU where there is one and it fits, else on the CPU.
#pragma once
#include "engine/backend/choose_backend.h"
#include "engine/model/sigma.h"

namespace engine {

// As SigmaModel::load. GpuMode::automatic: where the GPU cannot be used, has too little memory for the weights, or fails
// while they are loaded, the CPU takes them, and one line of the log says why; other modes pass the error on.
std::shared_ptr<const SigmaModel> load_sigma(std::shared_ptr<const ModelFile> file, const BackendOptions& options,
                                             const std::function<void(double)>& on_progress = {},
                                             std::stop_token stop = {});

}  // namespace engine
