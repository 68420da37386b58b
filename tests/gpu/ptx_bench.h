// tests/gpu/ptx_bench.h: one small kernel in PTX text on the simulator: out, in and n are its parameters.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/ptx/simulator.h"

namespace gpu_tests {

struct PtxRun {
  bool finished = false;
  std::vector<uint32_t> out;
  std::vector<ptx::Finding> findings;
  ptx::KernelCounts counts;

  bool found(ptx::FindingKind kind) const {
    for (const ptx::Finding& f : findings)
      if (f.kind == kind) return true;
    return false;
  }
  std::string text() const {
    std::string all;
    for (const ptx::Finding& f : findings) all += f.text() + "\n";
    return all;
  }
};

struct PtxSetup {
  uint32_t blocks = 1, threads = 32, n = 0, dynamic_shared = 0, seed = 1;
  std::vector<uint32_t> in = {};   // written to the device; empty: 64 words that nothing wrote
  size_t n_out = 64;               // words
  bool out_written = false;        // filled with zeros first
};

// The declarations that bodies use: %r0-39, %rd0-19, %f0-19, %p0-9, %h0-9, shared s (1024 bytes) and dynamic d.
// %rd0 is out, %rd1 in, %r0 the thread, %r1 the block, %r2 n, %rd2 = out + 4 * (thread + threads * block).
inline std::string ptx_module(const std::string& body) {
  return ".version 9.0\n.target sm_80\n.address_size 64\n.extern .shared .align 16 .b8 d[];\n"
         ".visible .entry k(.param .u64 p_out, .param .u64 p_in, .param .u32 p_n)\n{\n"
         ".reg .pred %p<10>;\n.reg .b16 %h<10>;\n.reg .b32 %r<40>;\n.reg .f32 %f<20>;\n.reg .b64 %rd<20>;\n"
         ".shared .align 16 .b8 s[1024];\n"
         "ld.param.u64 %rd0, [p_out];\nld.param.u64 %rd1, [p_in];\nld.param.u32 %r2, [p_n];\n"
         "mov.u32 %r0, %tid.x;\nmov.u32 %r1, %ctaid.x;\nmov.u32 %r3, %ntid.x;\n"
         "mad.lo.s32 %r3, %r1, %r3, %r0;\nmul.wide.u32 %rd2, %r3, 4;\nadd.s64 %rd2, %rd0, %rd2;\n" +
         body + "\nret;\n}\n";
}

// Throws ptx::ParseError.
inline PtxRun run_ptx(const std::string& body, const PtxSetup& setup = {}) {
  ptx::DeviceMemory memory(uint64_t{1} << 30);
  ptx::Findings findings;
  ptx::LaunchCounts counts;
  ptx::LoadedModule module(ptx_module(body), memory);
  const ptx::Kernel& kernel = *module.find("k");

  uint64_t out = memory.allocate(4 * setup.n_out), in = memory.allocate(4 * (setup.in.empty() ? 64 : setup.in.size()));
  if (!setup.in.empty()) {
    ptx::Allocation* a = memory.find(in);
    std::memcpy(a->bytes, setup.in.data(), 4 * setup.in.size());
    a->mark_written(0, 4 * setup.in.size());
  }
  if (setup.out_written) {
    ptx::Allocation* a = memory.find(out);
    std::memset(a->bytes, 0, a->size_bytes);
    a->mark_written(0, a->size_bytes);
  }
  uint32_t n = setup.n;
  void* values[] = {&out, &in, &n};
  ptx::LaunchConfig config;
  config.grid.x = setup.blocks;
  config.block.x = setup.threads;
  config.dynamic_shared_bytes = setup.dynamic_shared;
  config.seed = setup.seed;
  config.max_instructions = 100000;
  config.params = ptx::pack_parameters(kernel, values);

  PtxRun run;
  run.finished = ptx::run_launch(kernel, config, memory, findings, counts);
  run.out.resize(setup.n_out);
  std::memcpy(run.out.data(), memory.find(out)->bytes, 4 * setup.n_out);
  run.findings = findings.take();
  run.counts = ptx::summarise(kernel, counts);
  return run;
}

}  // namespace gpu_tests
