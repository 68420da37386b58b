#include "engine/model/load_sigma.h"

#include "engine/base/error.h"
#include "engine/base/log.h"

namespace engine {

std::shared_ptr<const SigmaModel> load_sigma(std::shared_ptr<const ModelFile> file, const BackendOptions& options,
                                             const std::function<void(double)>& on_progress, std::stop_token stop) {
  if (options.gpu != GpuMode::automatic) {
    return SigmaModel::load(std::move(file), make_backend(options), on_progress, std::move(stop));
  }
  auto backend = make_backend(options);
  const bool on_gpu = backend->name().rfind("cuda", 0) == 0;
  try {
    return SigmaModel::load(file, std::move(backend), on_progress, stop);
  } catch (const Error& e) {
    const bool gpu_may_be_why = e.kind() == ErrorKind::device || e.kind() == ErrorKind::out_of_memory ||
                                e.kind() == ErrorKind::unsupported;
    if (!on_gpu || !gpu_may_be_why) throw;
    log_warning("the model runs on the CPU: %s", e.what());
  }
  return SigmaModel::load(std::move(file), make_cpu_backend(options.cpu), on_progress, std::move(stop));
}

}  // namespace engine
