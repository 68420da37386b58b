// app/models/fit.h: what a model would take in memory, and what is free, before it is loaded.
#pragma once
#include <cstdint>
#include <string>

namespace engine {
class ModelFile;
}

namespace app::models {

struct MemoryNeed {
  uint64_t weights = 0;          // as the engine holds them
  uint64_t k_per_token = 0;      // of context, all layers, at the cache types that the engine would take
  uint64_t v_per_token = 0;
  uint64_t work = 0;             // buffers of the forward pass and of sampling
  uint64_t kv_per_token() const { return k_per_token + v_per_token; }
  uint64_t total(int n_ctx) const { return weights + work + kv_per_token() * static_cast<uint64_t>(n_ctx); }
};

// Reads metadata and shapes only. Throws Error{invalid_input} or {unsupported} as loading would.
MemoryNeed estimate_memory(const engine::ModelFile& file);

// Bytes that a new allocation can have now without swapping: the kernel's MemAvailable, less where a
// control group (v1 or v2, any level) limits this process. 0 where nothing is known.
uint64_t free_memory_bytes();
uint64_t free_memory_bytes(const std::string& proc_root, const std::string& cgroup_root);  // for tests

}  // namespace app::models
