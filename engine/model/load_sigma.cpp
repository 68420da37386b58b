#include "engine/model/load_sigma.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/files/model_file.h"
#include "engine/model/memory_need.h"
#include "engine/model/sigma_weights.h"

namespace engine {
namespace {

// What a file and a plan ask for.
struct Wanted {
  SigmaConfig config;
  CacheTypes types;
  int n_ctx;
};

Wanted wanted(const ModelFile& file, const LoadPlan& plan) {
  Wanted w{.config = read_sigma_config(file), .types = default_cache_types(file), .n_ctx = plan.n_ctx};
  w.types = {plan.k.value_or(w.types.k), plan.v.value_or(w.types.v)};
  if (w.config.n_ctx_trained > 0) w.n_ctx = std::min(w.n_ctx, w.config.n_ctx_trained);
  return w;
}

CacheTypes on_cpu(CacheTypes types) { return {cpu_cache_type(types.k), cpu_cache_type(types.v)}; }

std::shared_ptr<const SigmaModel> load_on(std::unique_ptr<Backend> backend, std::shared_ptr<const ModelFile> file,
                                          const std::function<void(double)>& on_progress, std::stop_token stop,
                                          const LoadPlan& plan) {
  Wanted w = wanted(*file, plan);
  if (!backend->is_gpu()) {
    w.types = on_cpu(w.types);
  } else if (w.types.k != w.types.v) {
    fail(ErrorKind::unsupported, "keys of %s beside values of %s are not run on the GPU", cache_type_name(w.types.k), cache_type_name(w.types.v));
  }
  const MemoryNeed need = memory_need(*file, w.config, *backend, w.types);
  if (backend->is_gpu()) {
    // The buffers of a pass are taken when they are needed.
    backend->require_memory(need.weights + need.cache(w.n_ctx), format("%s with a cache of %d tokens", file->path().c_str(), w.n_ctx));
  } else {
    require_memory(need, w.n_ctx, file->path());
  }
  return SigmaModel::load(std::move(file), std::move(backend), on_progress, std::move(stop));
}

// The most layers at the end of the model whose weights and caches, with the output matrix and a pass's buffers, fit the
// GPU's memory now; a share of it is left to the driver.
int layers_on_gpu(const ModelFile& file, const Wanted& w, const Backend& gpu) {
  const uint64_t free = gpu.free_bytes() - gpu.free_bytes() / 32;
  for (int n = w.config.n_layers; n > 0; --n) {
    const MemoryNeed need = memory_need(file, w.config, gpu, w.types, {w.config.n_layers - n, n});
    if (need.weights + need.cache(w.n_ctx) + need.work <= free) return n;
  }
  return 0;
}

// Null where all fits the GPU, or nothing of it, or this model cannot be split.
std::shared_ptr<const SigmaModel> load_split(std::unique_ptr<Backend>& gpu, const std::shared_ptr<const ModelFile>& file,
                                             const BackendOptions& options, const std::function<void(double)>& on_progress,
                                             std::stop_token stop, const LoadPlan& plan) {
  const Wanted w = wanted(*file, plan);
  if (w.config.needs_row_operations() || w.types.k != w.types.v || w.types.k == CacheType::q4_0) return nullptr;
  const MemoryNeed all = memory_need(*file, w.config, *gpu, w.types);
  const int n_gpu = layers_on_gpu(*file, w, *gpu), n_host = w.config.n_layers - n_gpu;
  if (n_gpu == 0 || n_host == 0) return nullptr;
  HostLayers host{.backend = make_cpu_backend(options.cpu), .n_layers = n_host};
  require_memory(memory_need(*file, w.config, *host.backend, on_cpu(w.types), {0, n_host}), w.n_ctx,
                 format("%s, %d of %d layers beside the GPU's,", file->path().c_str(), n_host, w.config.n_layers));
  log_warning("the GPU has %.1f MB free and the model needs %.1f: it runs %d of %d layers, the CPU the first %d",
              double(gpu->free_bytes()) / 1e6, double(all.weights + all.cache(w.n_ctx) + all.work) / 1e6, n_gpu, w.config.n_layers, n_host);
  return SigmaModel::load(file, std::move(gpu), on_progress, std::move(stop), std::move(host));
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
    auto split = on_gpu ? load_split(backend, file, options, on_progress, stop, plan) : nullptr;
    return split ? split : load_on(std::move(backend), file, on_progress, stop, plan);
  } catch (const Error& e) {
    const bool gpu_may_be_why = e.kind() == ErrorKind::device || e.kind() == ErrorKind::out_of_memory ||
                                e.kind() == ErrorKind::unsupported;
    if (!on_gpu || !gpu_may_be_why) throw;
    log_warning("the model runs on the CPU: %s", e.what());
  }
  return load_on(make_cpu_backend(options.cpu), std::move(file), on_progress, std::move(stop), plan);
}

}  // namespace engine
