// tools/bench/kernels_bench.cpp: speed of the CPU kernels on one thread, in this thread's own time,
// so that other work on the machine hardly matters. Not installed.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/pack.h"

namespace {

double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// Best of several runs of about 10 ms.
template <class Function>
double seconds_a_call(Function&& function) {
  int n = 1;
  double best = 1e9;
  for (int round = 0; round < 9;) {
    const double start = thread_seconds();
    for (int i = 0; i < n; ++i) function();
    const double took = thread_seconds() - start;
    if (took < 0.01) {
      n = n * 2;
      continue;
    }
    best = std::min(best, took / n);
    ++round;
  }
  return best;
}

void bench_tile_dots(const kernels::CpuKernels& table) {
  using enum kernels::WeightType;
  const int64_t n_in = 2048, n_rows = 64;
  std::mt19937 random(1);
  std::printf("%-8s %-6s %8s %12s %14s\n", table.name, "type", "tokens", "Gop/s", "weights GB/s");
  for (const auto type : {f32, f16, bf16, q4_0, q4_1, q8_0, q4_k, q5_k, q6_k, q2_k, q3_k, iq4_nl}) {
    static const char* const names[31] = {"f32", "f16", "q4_0", "q4_1", "", "", "q5_0", "q5_1", "q8_0", "", "q2_k", "q3_k",
                                          "q4_k", "q5_k", "q6_k", "", "", "", "", "", "iq4_nl", "", "", "", "", "", "", "",
                                          "", "", "bf16"};
    std::vector<uint8_t> tiles(size_t(kernels::tile_bytes(type, n_in) * n_rows / 16), 1);
    const bool as_f32 = kernels::is_float(type);
    const int widest = as_f32 ? table.tokens_f32 : table.tokens_int8;
    for (const int n : {1, 4, 8, widest}) {
      if (n > widest) continue;
      std::vector<float> x(size_t(n * n_in));
      for (float& v : x) v = std::normal_distribution<float>()(random);
      std::vector<uint8_t> packed(size_t(n * n_in * 4 + 64));
      (as_f32 ? table.pack_f32 : table.pack_int8)(x.data(), n_in, n, n_in, packed.data());
      alignas(64) float out[12 * 16];
      const double s = seconds_a_call([&] {
        for (int64_t tile = 0; tile < n_rows / 16; ++tile) {
          table.tile_dot[int(type)][n](tiles.data() + tile * kernels::tile_bytes(type, n_in), packed.data(), n_in, out);
        }
      });
      std::printf("%-8s %-6s %8d %12.1f %14.1f\n", table.name, names[int(type)], n, 2e-9 * double(n * n_in * n_rows) / s,
                  1e-9 * double(tiles.size()) / s);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 0; i < kernels::n_cpu_kernels(); ++i) {
    const kernels::CpuKernels& table = kernels::cpu_kernels(i);
    if (argc < 2 || table.name == std::string_view(argv[1])) bench_tile_dots(table);
  }
}
