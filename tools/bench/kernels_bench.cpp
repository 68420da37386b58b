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
#include "kernels/shapes.h"

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

// Scores and value sums of one block of 128 keys in L1/L2: bytes of keys and values a second.
void bench_attention(const kernels::CpuKernels& table) {
  const int n_keys = 128, width = 64;
  std::printf("%-8s %-8s %6s %12s %12s %12s\n", table.name, "cache", "rows", "keys GB/s", "values GB/s", "softmax ns");
  for (const auto kind : {kernels::CacheKind::f16, kernels::CacheKind::q8_0, kernels::CacheKind::q4_0}) {
    const bool as_int8 = kernels::is_quantised(kind);
    const auto type = !as_int8                             ? kernels::WeightType::f16
                      : kind == kernels::CacheKind::q8_0 ? kernels::WeightType::q8_0
                                                         : kernels::WeightType::q4_0;
    const char* const name = !as_int8 ? "f16" : kind == kernels::CacheKind::q8_0 ? "q8_0" : "q4_0";
    const int64_t tile = kernels::key_tile_bytes(kind, width), value_bytes = kernels::value_head_bytes(kind, width, n_keys);
    std::vector<uint8_t> keys(size_t(tile * n_keys / 16), 1), values(size_t(value_bytes) + 64, 1);
    for (const int rows : {1, 2, 8, 12}) {
      if (rows > (as_int8 ? table.tokens_int8 : table.tokens_f32)) continue;
      std::vector<float> q(size_t(rows * width), 1.0f), scores(size_t(rows * n_keys)), acc(size_t(rows * width));
      std::vector<uint8_t> packed(q.size() * 4 + 256);
      (as_int8 ? table.pack_int8 : table.pack_f32)(q.data(), width, rows, width, packed.data());
      const double k = seconds_a_call([&] {
        for (int t = 0; t < n_keys / 16; ++t) {
          table.tile_dot[int(type)][rows](keys.data() + t * tile, packed.data(), width, scores.data() + t * rows * 16);
        }
      });
      std::fill(scores.begin(), scores.end(), 0.5f);
      const double v = seconds_a_call([&] {
        table.weigh_values[int(kind)](values.data(), n_keys, scores.data(), rows * 16, rows, width, acc.data());
      });
      std::vector<int> visible(size_t(rows), n_keys);
      std::vector<float> max(size_t(rows), 0.0f), sum(max), rescale(max);
      const double s = seconds_a_call([&] {
        table.softmax_block(scores.data(), rows * 16, rows, n_keys / 16, visible.data(), max.data(), sum.data(), rescale.data());
      });
      std::printf("%-8s %-8s %6d %12.1f %12.1f %12.1f\n", table.name, name, rows,
                  1e-9 * double(keys.size()) / k, 1e-9 * double(value_bytes) / v, 1e9 * s);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 0; i < kernels::n_cpu_kernels(); ++i) {
    const kernels::CpuKernels& table = kernels::cpu_kernels(i);
    if (argc < 2 || table.name == std::string_view(argv[1])) {
      bench_attention(table);
      bench_tile_dots(table);
    }
  }
}
