// Floors of decoding on a GPU: the bytes each kernel must move and the operations it must do, from the model's shape and
// our own formats alone; the time is whichever of memory and tensor cores takes longer. Nothing is measured here: floors
// are what measured times are held against, the paper's among them.
#include "tools/ctl/bench_roofline.h"

#include <algorithm>
#include <cstdio>

#include "engine/base/error.h"
#include "engine/model/decode_cost.h"
#include "engine/model/sigma_config.h"

namespace ctl {
namespace {

using engine::ErrorKind;
using engine::fail;
using engine::Floor;
using engine::KernelCost;

struct Gpu {
  const char* name;
  double bytes_per_s, operations_per_s;  // memory; bf16 on tensor cores, dense
};
// Vendors' data sheets.
constexpr Gpu gpus[] = {{"a100", 2.039e12, 312e12}, {"h100", 3.35e12, 989e12}, {"h200", 4.8e12, 989e12},
                        {"b200", 8.0e12, 2250e12},  {"l40s", 0.864e12, 362e12}, {"rtx4090", 1.008e12, 165e12}};

struct Shape {
  const char* name;
  int n_layers, dim, n_heads_q, n_heads_k, n_heads_v, head_dim, augmented_q_dim, ffn_dim, n_vocab;
};
// arXiv:2501.13629; each is compared with its baseline of 16 K and 16 V heads without augmented Q.
constexpr Shape known[] = {{"sigma-1.5b", 26, 2048, 32, 4, 16, 64, 3072, 6144, 128256},
                           {"sigma-10b", 32, 4096, 32, 4, 16, 128, 6144, 14336, 128256}};

Shape baseline_of(Shape shape) {
  shape.n_heads_k = shape.n_heads_v = 16;
  shape.augmented_q_dim = 0;
  return shape;
}

struct WeightFormat {
  const char* name;
  double bytes;  // a weight, scales included
};
constexpr WeightFormat bf16{"bf16", 2}, w4{"W4", 0.5 + 2.0 / 32};
constexpr double cache_bytes = 2;  // f16 or bf16

template <class T, size_t n>
const T& find(const T (&list)[n], const std::string& name, const char* what) {
  std::string names;
  for (const T& item : list) {
    if (name == item.name) return item;
    names += std::string(names.empty() ? "" : ", ") + item.name;
  }
  fail(ErrorKind::invalid_input, "no %s is called \"%s\"; there are %s", what, name.c_str(), names.c_str());
}

engine::SigmaConfig config_of(const Shape& s) {
  engine::SigmaConfig c;
  c.dim = s.dim;
  c.ffn_dim = s.ffn_dim;
  c.n_heads_q = s.n_heads_q;
  c.n_heads_k = s.n_heads_k;
  c.n_heads_v = s.n_heads_v;
  c.head_dim_k = c.head_dim_v = s.head_dim;
  c.augmented_q_dim = s.augmented_q_dim;
  c.n_vocab = s.n_vocab;
  return c;
}

std::vector<KernelCost> layer_kernels(const Shape& shape, double n_tokens) {
  return engine::decode_costs(config_of(shape), n_tokens, cache_bytes);
}

Floor floor_of(const KernelCost& kernel, const Gpu& gpu, const WeightFormat& format, int batch) {
  return engine::floor_of(kernel, format.bytes, batch, gpu.bytes_per_s, gpu.operations_per_s);
}

double layer_us(const Shape& shape, const Gpu& gpu, const WeightFormat& format, int batch, double n_tokens) {
  double us = 0;
  for (const KernelCost& kernel : layer_kernels(shape, n_tokens)) us += floor_of(kernel, gpu, format, batch).us;
  return us;
}

// The length from which a layer of the shape costs less than its baseline's: bisection, as both only grow with it.
double crossover(const Shape& shape, const Gpu& gpu, const WeightFormat& format, int batch) {
  const Shape other = baseline_of(shape);
  double low = 0, high = 1e7;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (layer_us(shape, gpu, format, batch, middle) < layer_us(other, gpu, format, batch, middle) ? high : low) = middle;
  }
  return high;
}

// Table 15 of the paper: the attention kernel's time over 10 tokens x 26 layers of the 1.5 B pair on an H100, in ns.
struct Measured {
  int n_tokens;
  double sigma_ns, baseline_ns;
};
constexpr Measured paper[] = {{4096, 3.49e6, 4.68e6}, {16384, 1.12e7, 1.52e7}, {32768, 2.00e7, 2.75e7}};
constexpr int paper_calls = 260;

constexpr int lengths[] = {2048, 4096, 8192, 16384, 32768, 65536, 131072};
constexpr int batches[] = {1, 4, 8, 16, 32, 64};

void print_kernels(const Shape& shape, const Gpu& gpu, int batch) {
  std::printf("\n%s on %s (%.2f TB/s, %.0f TFLOP/s), one layer, batch %d, 32768 tokens: what each kernel must do\n", shape.name,
              gpu.name, gpu.bytes_per_s / 1e12, gpu.operations_per_s / 1e12, batch);
  std::printf("%-20s %12s %12s %10s %12s %10s\n", "", "MB bf16", "GFLOP", "us bf16", "MB W4", "us W4");
  for (const KernelCost& kernel : layer_kernels(shape, 32768)) {
    const Floor a = floor_of(kernel, gpu, bf16, batch), b = floor_of(kernel, gpu, w4, batch);
    std::printf("%-20s %12.2f %12.3f %10.2f %12.2f %10.2f\n", kernel.name, a.bytes / 1e6, a.operations / 1e9, a.us, b.bytes / 1e6, b.us);
  }
  const KernelCost head = engine::head_cost(config_of(shape));
  const Floor a = floor_of(head, gpu, bf16, batch), b = floor_of(head, gpu, w4, batch);
  std::printf("%-20s %12.2f %12.3f %10.2f %12.2f %10.2f   (once a token)\n", head.name, a.bytes / 1e6, a.operations / 1e9, a.us, b.bytes / 1e6, b.us);
}

void print_attention(const Shape& shape, const Gpu& gpu) {
  const Shape other = baseline_of(shape);
  std::printf("\nfloor of a layer, us: DiffQKV %d/%d against GQA 16/16 (attention alone; whole layer bf16; whole layer W4)\n",
              shape.n_heads_k, shape.n_heads_v);
  std::printf("%6s %8s | %9s %9s %6s | %9s %9s %6s | %9s %9s %6s\n", "batch", "tokens", "DiffQKV", "GQA", "less", "DiffQKV", "GQA", "less", "DiffQKV", "GQA", "less");
  for (const int batch : batches) {
    for (const int n : lengths) {
      const auto attention_us = [&](const Shape& s) {
        for (const KernelCost& kernel : layer_kernels(s, n)) {
          if (kernel.cache_bytes > 0) return floor_of(kernel, gpu, bf16, batch).us;
        }
        return 0.0;
      };
      const double pairs[][2] = {{attention_us(shape), attention_us(other)},
                                 {layer_us(shape, gpu, bf16, batch, n), layer_us(other, gpu, bf16, batch, n)},
                                 {layer_us(shape, gpu, w4, batch, n), layer_us(other, gpu, w4, batch, n)}};
      std::printf("%6d %8d", batch, n);
      for (const auto& pair : pairs) std::printf(" | %9.1f %9.1f %5.1f%%", pair[0], pair[1], 100 * (1 - pair[0] / pair[1]));
      std::printf("\n");
    }
  }
  std::printf("a layer costs less than its baseline's from this many tokens on (augmented Q's weights are paid by then):\n");
  for (const int batch : batches) {
    std::printf("  batch %2d: bf16 %7.0f, W4 %7.0f\n", batch, crossover(shape, gpu, bf16, batch), crossover(shape, gpu, w4, batch));
  }
}

double attention_floor_us(const Shape& shape, const Gpu& gpu, int n_tokens) {
  return double(n_tokens) * (shape.n_heads_k + shape.n_heads_v) * shape.head_dim * cache_bytes / gpu.bytes_per_s * 1e6;
}

void print_paper() {
  const Gpu& gpu = find(gpus, "h100", "GPU");
  const Shape& shape = known[0];
  std::printf("\nthe paper's measured attention kernel (Table 15, H100, 1.5 B, %d calls) against its floor\n", paper_calls);
  std::printf("%8s %14s %10s %8s %14s %10s %8s\n", "tokens", "DiffQKV us", "floor us", "share", "GQA us", "floor us", "share");
  for (const Measured& m : paper) {
    const double a = m.sigma_ns / paper_calls / 1e3, b = m.baseline_ns / paper_calls / 1e3;
    const double fa = attention_floor_us(shape, gpu, m.n_tokens), fb = attention_floor_us(baseline_of(shape), gpu, m.n_tokens);
    std::printf("%8d %14.1f %10.1f %7.0f%% %14.1f %10.1f %7.0f%%\n", m.n_tokens, a, fa, 100 * fa / a, b, fb, 100 * fb / b);
  }
}

void print_json(const Gpu& gpu, const std::vector<Shape>& shapes, int batch) {
  std::printf("{\"gpu\": \"%s\", \"bytes_per_s\": %.4g, \"operations_per_s\": %.4g, \"batch\": %d, \"shapes\": [", gpu.name,
              gpu.bytes_per_s, gpu.operations_per_s, batch);
  for (size_t i = 0; i < shapes.size(); ++i) {
    std::printf("%s{\"name\": \"%s\", \"crossover_bf16\": %.0f, \"crossover_w4\": %.0f, \"kernels\": [", i ? ", " : "", shapes[i].name,
                crossover(shapes[i], gpu, bf16, batch), crossover(shapes[i], gpu, w4, batch));
    bool first = true;
    for (const int n : lengths) {
      for (const KernelCost& kernel : layer_kernels(shapes[i], n)) {
        if (kernel.cache_bytes == 0 && n != lengths[0]) continue;  // the same at every length
        for (const WeightFormat& format : {bf16, w4}) {
          if (kernel.cache_bytes > 0 && format.bytes == w4.bytes) continue;
          const Floor f = floor_of(kernel, gpu, format, batch);
          std::printf("%s{\"name\": \"%s\", \"weights\": \"%s\", \"tokens\": %d, \"bytes\": %.0f, \"operations\": %.0f, \"floor_us\": %.4f}",
                      first ? "" : ", ", kernel.name, kernel.cache_bytes > 0 ? "-" : format.name, kernel.cache_bytes > 0 ? n : 0, f.bytes, f.operations, f.us);
          first = false;
        }
      }
    }
    std::printf("]}");
  }
  std::printf("]}\n");
}

}  // namespace

CLI::App* add_roofline_bench(CLI::App& bench, const std::shared_ptr<RooflineOptions>& options) {
  CLI::App* command = bench.add_subcommand(
      "roofline", "Floors of decoding on a GPU: bytes, operations and least time of each kernel, DiffQKV against GQA");
  command->add_option("--gpu", options->gpu, "a100, h100, h200, b200, l40s or rtx4090");
  command->add_option("--shape", options->shapes, "sigma-1.5b, sigma-10b")->delimiter(',');
  command->add_option("--batch", options->batch, "Sequences decoded together, in the table of kernels")->check(CLI::Range(1, 4096));
  command->add_flag("--json", options->json, "One JSON document on standard output");
  return command;
}

int run_roofline_bench(const RooflineOptions& options) {
  const Gpu& gpu = find(gpus, options.gpu, "GPU");
  std::vector<Shape> shapes;
  for (const std::string& name : options.shapes) shapes.push_back(find(known, name, "shape"));
  const int batch = std::max(1, options.batch);
  if (options.json) {
    print_json(gpu, shapes, batch);
    return 0;
  }
  std::printf("Floors, not measurements: the least time that memory or tensor cores allow.\n");
  for (const Shape& shape : shapes) {
    print_kernels(shape, gpu, batch);
    print_attention(shape, gpu);
  }
  print_paper();
  return 0;
}

}  // namespace ctl
