// engine/model/load_sigma.h: a model on the GPU where there is one, as much of it as fits there; else on the CPU.
#pragma once
#include <optional>

#include "engine/backend/choose_backend.h"
#include "engine/model/sigma.h"

namespace engine {

// What will be asked of the model, so that memory for it is looked for before anything is read.
struct LoadPlan {
  int n_ctx = 0;                        // tokens of context; 0: the weights and buffers alone
  std::optional<CacheType> k, v;        // number formats of the cache; nothing: the model's own choice
};

// As SigmaModel::load. Error{out_of_memory} where all of it together is more than is free now, on the CPU with what would
// fit. GpuMode::automatic: where the GPU has too little memory for weights and cache, the CPU takes the first layers, as
// many as it must; where the GPU cannot be used, has no memory for any layer, or fails while they are loaded, the CPU takes
// all. One line of the log says so. Other modes pass the error on.
std::shared_ptr<const SigmaModel> load_sigma(std::shared_ptr<const ModelFile> file, const BackendOptions& options,
                                             const std::function<void(double)>& on_progress = {},
                                             std::stop_token stop = {}, const LoadPlan& plan = {});

}  // namespace engine
