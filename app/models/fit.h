// app/models/fit.h: what a model would take in memory, and what is free, before it is loaded.
#pragma once
#include <cstdint>
#include <string>

#include "engine/model/memory_need.h"

namespace app::models {

using engine::MemoryNeed;

// On the CPU, as engine::memory_need says. Reads metadata and shapes only. k_cache and v_cache name
// number formats of the cache ("q8_0"); empty: those that the engine would take. Throws
// Error{invalid_input} or {unsupported} as loading would.
MemoryNeed estimate_memory(const engine::ModelFile& file, const std::string& k_cache = {}, const std::string& v_cache = {},
                           int n_threads = 0);

// Bytes that a new allocation can have now without swapping (engine/base/free_memory.h). 0 where
// nothing is known.
uint64_t free_memory_bytes();

}  // namespace app::models
