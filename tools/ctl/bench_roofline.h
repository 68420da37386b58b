// tools/ctl/bench_roofline.h: `sigmactl bench roofline`, what a GPU's memory and tensor cores allow at best.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tools/ctl/command.h"

namespace ctl {

struct RooflineOptions {
  std::string gpu = "h100";
  std::vector<std::string> shapes = {"sigma-1.5b", "sigma-10b"};
  int batch = 0;  // of the table of kernels; 0: 1
  bool json = false;
};

CLI::App* add_roofline_bench(CLI::App& bench, const std::shared_ptr<RooflineOptions>& options);
int run_roofline_bench(const RooflineOptions& options);

}  // namespace ctl
