// tools/ctl/gpu_option.h: --gpu, the same for every command that runs a language model. Its value goes through
// engine::gpu_mode. (Sentence encoders, `sigmactl embed`, run on the CPU alone.)
#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace ctl {

inline void add_gpu_option(CLI::App& command, std::string& gpu) {
  command.add_option("--gpu", gpu, "auto: the GPU where there is one and the model fits it, else the CPU; off; require")
      ->check(CLI::IsMember({"auto", "off", "require"}));
}

}  // namespace ctl
