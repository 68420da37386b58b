// engine/model/memory_need.h: what a model takes in memory, known before any of it is taken. The parts
// are those that loading and a forward pass allocate, counted as they count them; tests and
// `sigmactl bench memory` hold the sum to the peak that the system measured.
#pragma once
#include <cstdint>
#include <string>

#include "engine/model/kv_pool.h"

namespace engine {

class Backend;
class ModelFile;
struct SigmaConfig;

struct MemoryNeed {
  uint64_t weights = 0;       // as the backend holds them; a tied embedding is there once
  uint64_t k_per_token = 0;   // of context, all layers
  uint64_t v_per_token = 0;
  uint64_t work = 0;          // buffers of the forward pass and of sampling, at a full block of a prompt
  uint64_t tokenizer = 0;
  uint64_t program = 0;       // code and what it holds before a model is loaded
  uint64_t work_per_token = 0;  // of context: scores of selective V

  uint64_t kv_per_token() const { return k_per_token + v_per_token; }
  uint64_t cache(int n_ctx) const;  // in whole blocks
  uint64_t total(int n_ctx) const;
  // The largest context, in whole blocks, whose total is within bytes; 0: none is.
  int context_for(uint64_t bytes) const;
};

// Layers of a model that one backend has; the last ones have the output matrix.
struct LayerRange {
  int first = 0, n = 0;
};

// Reads metadata and shapes only. Throws as read_sigma_config does. The second form is of some layers.
MemoryNeed memory_need(const ModelFile& file, const SigmaConfig& config, const Backend& backend, CacheTypes types);
MemoryNeed memory_need(const ModelFile& file, const SigmaConfig& config, const Backend& backend, CacheTypes types, LayerRange layers);

// f32 for models of f32 weights alone, else f16.
CacheTypes default_cache_types(const ModelFile& file);

// By its name: "f16", "q8_0", ... Throws Error{invalid_input} that lists those there are.
CacheType cache_type(const std::string& name);

// Throws Error{out_of_memory} where that is more than there is now, with the parts and what would fit.
void require_memory(const MemoryNeed& need, int n_ctx, const std::string& name);
void require_memory(const MemoryNeed& need, int n_ctx, const std::string& name, uint64_t free_bytes);  // for tests

}  // namespace engine
