#include "engine/model/load_sigma.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/files/model_file.h"
#include "engine/model/memory_need.h"
#include "engine/model/sigma_weights.h"

namespace engine {
namespace {

std::shared_ptr<const SigmaModel> load_on(std::unique_ptr<Backend> backend, std::shared_ptr<const ModelFile> file,
                                          const std::function<void(double)>& on_progress, std::stop_token stop,
                                          const LoadPlan& plan) {
  const SigmaConfig config = read_sigma_config(*file);
  CacheTypes types = default_cache_types(*file);
  types = {plan.k.value_or(types.k), plan.v.value_or(types.v)};
  if (!backend->is_gpu()) {
    types = {cpu_cache_type(types.k), cpu_cache_type(types.v)};
  } else if (types.k != types.v) {
    fail(ErrorKind::unsupported, "keys of %s beside values of %s are not run on the GPU", cache_type_name(types.k), cache_type_name(types.v));
  }
  const int n_ctx = config.n_ctx_trained > 0 ? std::min(plan.n_ctx, config.n_ctx_trained) : plan.n_ctx;
  const MemoryNeed need = memory_need(*file, config, *backend, types);
  if (backend->is_gpu()) {
    // The buffers of a pass are taken when they are needed.
    backend->require_memory(need.weights + need.cache(n_ctx), format("%s with a cache of %d tokens", file->path().c_str(), n_ctx));
  } else {
    require_memory(need, n_ctx, file->path());
  }
  return SigmaModel::load(std::move(file), std::move(backend), on_progress, std::move(stop));
}

}  // namespace

std::shared_ptr<const SigmaModel> load_sigma(std::shared_ptr<const ModelFile> file, const BackendOptions& options,
                                             const std::function<void(double)>& on_progress, std::stop_token stop,
                                             const LoadPlan& plan) {
  if (options.gpu != GpuMode::automatic) {
    return load_on(make_backend(options), std::move(file), on_progress, std::move(stop), plan);
  }
  auto backend = make_backend(options);
  const bool on_gpu = backend->is_gpu();
  try {
    return load_on(std::move(backend), file, on_progress, stop, plan);
  } catch (const Error& e) {
    const bool gpu_may_be_why = e.kind() == ErrorKind::device || e.kind() == ErrorKind::out_of_memory ||
                                e.kind() == ErrorKind::unsupported;
    if (!on_gpu || !gpu_may_be_why) throw;
    log_warning("the model runs on the CPU: %s", e.what());
  }
  return load_on(make_cpu_backend(options.cpu), std::move(file), on_progress, std::move(stop), plan);
}

}  // namespace engine
