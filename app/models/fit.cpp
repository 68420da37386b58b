#include "app/models/fit.h"

#include "engine/backend/backend.h"
#include "engine/base/free_memory.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"

namespace app::models {

MemoryNeed estimate_memory(const engine::ModelFile& file, const std::string& k_cache, const std::string& v_cache, int n_threads) {
  const engine::SigmaConfig config = engine::read_sigma_config(file);
  const auto backend = engine::make_cpu_backend({.n_threads = n_threads});
  engine::CacheTypes types = engine::default_cache_types(file);
  if (!k_cache.empty()) types.k = engine::cache_type(k_cache);
  if (!v_cache.empty()) types.v = engine::cache_type(v_cache);
  return engine::memory_need(file, config, *backend, types);
}

uint64_t free_memory_bytes() {
  const uint64_t bytes = engine::free_memory_bytes();
  return bytes == engine::unknown_memory ? 0 : bytes;
}

}  // namespace app::models
