// tools/ctl/bench_attention.h: `sigmactl bench attention`: one prefix and output, or a grid of them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tools/ctl/command.h"

namespace ctl {

struct AttentionBenchOptions {
  std::string shape = "sigma-1.5b", versus = "gqa-1.5b", cache = "f16", versus_cache, weights = "q8_0";
  std::string csv, svg;  // files of the grid
  int prefix = 65536, output = 64, threads = 0, repetitions = 3, selective_v = 0;
  bool json = false, grid = false;
};

struct AttentionCosts {
  double kv_cache_ms = 0, attention_ms = 0, augmented_q_ms = 0;  // a token, all layers
  double total_ms() const { return kv_cache_ms + attention_ms + augmented_q_ms; }
  double without_augmented_q_ms() const { return kv_cache_ms + attention_ms; }
};

// Mean costs of a token where `output` of them follow a prefix.
struct AttentionGridCell {
  int prefix = 0, output = 0;
  AttentionCosts shape, versus;
  double reduction() const { return 1 - shape.total_ms() / versus.total_ms(); }
  double reduction_without_augmented_q() const {
    return 1 - shape.without_augmented_q_ms() / versus.without_augmented_q_ms();
  }
};
std::string attention_grid_csv(const std::vector<AttentionGridCell>& cells);
// Cells by rows of one output; a square a cell, its reduction in it.
std::string attention_grid_svg(const std::vector<AttentionGridCell>& cells, const std::string& title);

CLI::App* add_attention_bench(CLI::App& bench, const std::shared_ptr<AttentionBenchOptions>& options);
int run_attention_bench(const AttentionBenchOptions& options);

}  // namespace ctl
