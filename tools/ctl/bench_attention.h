// tools/ctl/bench_attention.h: `sigmactl bench attention`.
#pragma once
#include <memory>
#include <string>

#include "tools/ctl/command.h"

namespace ctl {

struct AttentionBenchOptions {
  std::string shape = "sigma-1.5b", versus = "gqa-1.5b", cache = "f16", weights = "q8_0";
  int prefix = 65536, output = 64, threads = 0, repetitions = 3, selective_v = 0;
  bool json = false;
};

CLI::App* add_attention_bench(CLI::App& bench, const std::shared_ptr<AttentionBenchOptions>& options);
int run_attention_bench(const AttentionBenchOptions& options);

}  // namespace ctl
