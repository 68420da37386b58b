// tools/ctl/bench_memory.h: `sigmactl bench memory`: what the estimate says and what a full context took.
#pragma once
#include <memory>
#include <string>

#include "tools/ctl/command.h"

namespace ctl {

struct MemoryBenchOptions {
  std::string model, k_cache, v_cache;
  int n_ctx = 4096, threads = 0;
  bool json = false;
};

CLI::App* add_memory_bench(CLI::App& bench, const std::shared_ptr<MemoryBenchOptions>& options);
int run_memory_bench(const MemoryBenchOptions& options);

}  // namespace ctl
