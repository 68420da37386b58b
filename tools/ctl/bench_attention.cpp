// What one decoded token costs in the attention layers of two model shapes: the paper's three parts
// (arXiv:2501.13629, section 4): putting keys and values into the cache, attention over it (which
// here reads it in the same pass), and augmented Q. Caches and weights are random, one set a layer
// as far as memory allows, so that they come from memory and not from a cache of the processor.
#include "tools/ctl/bench_attention.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/base/error.h"

namespace ctl {
namespace {

using namespace engine;

struct Layers {
  const char* name;
  int n_layers, dim;
  AttentionShape shape;
  int augmented_q_dim;
};
// Of a grid, so that its longest context fits and is filled in a minute. With 4 the processor's cache
// held enough of the shape without augmented Q to read 40 GB/s where memory gives 29.
constexpr int layers_of_grid = 12;

// The paper's shapes: Sigma-1.5B and its baseline, and the 10 B pair.
constexpr Layers known[] = {
    {"sigma-1.5b", 26, 2048, {32, 4, 16, 64, 64, 0}, 3072},
    {"gqa-1.5b", 26, 2048, {32, 16, 16, 64, 64, 0}, 0},
    {"sigma-10b", 32, 4096, {32, 4, 16, 128, 128, 0}, 6144},
    {"gqa-10b", 32, 4096, {32, 16, 16, 128, 128, 0}, 0},
};

const Layers& find_layers(const std::string& name) {
  std::string names;
  for (const Layers& layers : known) {
    if (name == layers.name) return layers;
    names += std::string(names.empty() ? "" : ", ") + layers.name;
  }
  fail(ErrorKind::invalid_input, "no shape is called \"%s\"; there are %s", name.c_str(), names.c_str());
}

using Costs = AttentionCosts;

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

std::vector<float> random_floats(size_t n) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

CacheType cache_type(const std::string& name) {
  return name == "q8" || name == "q8_0"   ? CacheType::q8_0
         : name == "q4" || name == "q4_0" ? CacheType::q4_0
         : name == "f32"                  ? CacheType::f32
                                          : CacheType::f16;
}

// One shape with caches of n_ctx tokens in blocks, as the engine keeps them: all layers of a block's
// tokens behind each other.
class Bench {
 public:
  Bench(const AttentionBenchOptions& options, const Layers& layers, CacheType type, int n_ctx, int most_layers, Backend& backend)
      : options_(options), layers_(layers), backend_(backend), shape_(layers.shape), type_(type) {
    n_ctx_ = (n_ctx + kv_block_step - 1) / kv_block_step * kv_block_step;
    for (int i = 0; i < shape_.head_dim_k / 2; ++i) frequencies_.push_back(std::pow(50000.0, -2.0 * i / shape_.head_dim_k));
    k_bytes_ = backend.k_cache_bytes(shape_, type_, kv_block_step);
    v_bytes_ = backend.v_cache_bytes(shape_, type_, kv_block_step);
    // As many layers as half of the free memory holds: two shapes are measured beside each other.
    const uint64_t a_layer = uint64_t(k_bytes_ + v_bytes_) * uint64_t(n_ctx_ / kv_block_step);
    n_held_ = std::min(layers.n_layers, most_layers);
    while (n_held_ > 2) {
      try {
        backend.require_memory(a_layer * uint64_t(n_held_) * 2, "the caches");
        break;
      } catch (const Error&) {
        --n_held_;  // fewer stand for all; one alone would be measured out of the processor's cache
      }
    }
    for (int i = 0; i < n_ctx_ / kv_block_step; ++i) {
      buffers_.push_back(backend.allocate((k_bytes_ + v_bytes_) * size_t(n_held_), "the caches of 128 tokens"));
      blocks_.push_back(buffers_.back()->data());
    }
    for (int i = 0; i < n_held_; ++i) {
      if (layers.augmented_q_dim > 0) add_weights();
      fill(i, n_ctx);
    }
    shape_.selective_v_top_k = options.selective_v;
    q_ = random_floats(size_t(shape_.n_heads_q * shape_.head_dim_k));
    kv_ = random_floats(size_t(std::max(shape_.n_heads_k * shape_.head_dim_k, shape_.n_heads_v * shape_.head_dim_v)));
    augmented_.resize(size_t(std::max(1, layers.augmented_q_dim)));
    augmented_q_.resize(q_.size());
    out_.resize(size_t(shape_.n_heads_q * shape_.head_dim_v));
  }

  int n_held() const { return n_held_; }
  CacheType type() const { return type_; }
  double kv_bytes_per_token() const { return double(layers_.n_layers) * double(k_bytes_ + v_bytes_) / kv_block_step; }

  // The token at this position.
  Costs run_token(int position) {
    Costs costs;
    const Rope rope{frequencies_, false};
    for (int i = 0; i < n_held_; ++i) {
      auto start = std::chrono::steady_clock::now();
      if (layers_.augmented_q_dim > 0) {
        const Weights& w = weights_[size_t(i)];
        backend_.gated_matmul(*w.gate, *w.up, q_.data(), {}, augmented_.data(), 1);
        const Projection down[] = {{w.down.get(), augmented_q_.data()}};
        backend_.matmul(down, augmented_.data(), {}, 1);
        costs.augmented_q_ms += ms_since(start);
        start = std::chrono::steady_clock::now();
      }
      backend_.rope_and_store(shape_, rope, q_.data(), kv_.data(), kv_.data(), view(i), position, 1);
      costs.kv_cache_ms += ms_since(start);
      start = std::chrono::steady_clock::now();
      backend_.attention(shape_, q_.data(), view(i), out_.data(), position, 1);
      costs.attention_ms += ms_since(start);
    }
    return scaled(costs, double(layers_.n_layers) / n_held_);
  }

  // Mean of the output tokens.
  Costs run() {
    Costs sum;
    for (int token = 0; token < options_.output; ++token) {
      const Costs c = run_token(options_.prefix + token);
      sum.kv_cache_ms += c.kv_cache_ms;
      sum.attention_ms += c.attention_ms;
      sum.augmented_q_ms += c.augmented_q_ms;
    }
    return scaled(sum, 1.0 / options_.output);
  }

 private:
  struct Weights {
    std::unique_ptr<Matrix> gate, up, down;
  };

  static Costs scaled(const Costs& c, double factor) {
    return {c.kv_cache_ms * factor, c.attention_ms * factor, c.augmented_q_ms * factor};
  }

  KvLayer view(int layer) const {
    const size_t at = size_t(layer) * (k_bytes_ + v_bytes_);
    return {.k_type = type_, .v_type = type_, .n_ctx = n_ctx_, .blocks = blocks_.data(), .k_offset = at,
            .v_offset = at + k_bytes_, .block_tokens = kv_block_step};
  }

  void add_weights() {
    const int q_width = shape_.n_heads_q * shape_.head_dim_k;
    const auto make = [&](int n_in, int n_out) {
      const DType type = options_.weights == "f16" ? DType::f16 : options_.weights == "q4_0" ? DType::q4_0 : options_.weights == "q4_k" ? DType::q4_k : DType::q8_0;
      const size_t block = type == DType::f16 ? 2 : type == DType::q4_0 ? 18 : type == DType::q4_k ? 144 : 34;
      const size_t n_blocks = size_t(n_in) * size_t(n_out) / (type == DType::f16 ? 1 : type == DType::q4_k ? 256 : 32);
      std::vector<std::byte> bytes(n_blocks * block);
      uint32_t state = 1;
      for (std::byte& b : bytes) b = std::byte((state = state * 1664525u + 1013904223u) >> 24);
      // Scales (and f16 weights) of about 0.01.
      for (size_t i = 0; i < n_blocks; ++i) {
        bytes[i * block + 1] = std::byte(0x21);
        if (type == DType::q4_k) bytes[i * block + 3] = std::byte(0x21);
      }
      const Tensor tensor{.dtype = type, .n_dims = 2, .dims = {n_in, n_out, 1, 1}, .data = bytes.data(), .size_bytes = bytes.size()};
      return backend_.load_matrix(tensor, "augmented Q");
    };
    Weights w;
    w.gate = make(q_width, layers_.augmented_q_dim);
    w.up = make(q_width, layers_.augmented_q_dim);
    w.down = make(layers_.augmented_q_dim, q_width);
    weights_.push_back(std::move(w));
  }

  void fill(int layer, int n_tokens) {
    constexpr int n = 256;
    std::vector<float> q(size_t(n * shape_.n_heads_q * shape_.head_dim_k));
    const std::vector<float> k = random_floats(size_t(n * shape_.n_heads_k * shape_.head_dim_k));
    const std::vector<float> v = random_floats(size_t(n * shape_.n_heads_v * shape_.head_dim_v));
    AttentionShape few = shape_;
    few.n_heads_q = std::max(shape_.n_heads_k, shape_.n_heads_v);  // their rotation is not needed here
    for (int position = 0; position < n_tokens; position += n) {
      backend_.rope_and_store(few, {frequencies_, false}, q.data(), k.data(), v.data(), view(layer), position,
                              std::min(n, n_tokens - position));
    }
  }

  const AttentionBenchOptions& options_;
  const Layers& layers_;
  Backend& backend_;
  AttentionShape shape_;
  CacheType type_;
  int n_ctx_ = 0, n_held_ = 0;
  size_t k_bytes_ = 0, v_bytes_ = 0;
  std::vector<double> frequencies_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::byte*> blocks_;
  std::vector<Weights> weights_;
  std::vector<float> q_, kv_, augmented_, augmented_q_, out_;
};

Costs median_of(std::vector<Costs> runs) {
  std::sort(runs.begin(), runs.end(), [](const Costs& a, const Costs& b) { return a.total_ms() < b.total_ms(); });
  return runs[runs.size() / 2];
}

void print_costs(const char* key, const Layers& layers, const Costs& c, const Bench& bench) {
  std::printf("\"%s\": {\"name\": \"%s\", \"kv_cache_ms\": %.4f, \"attention_ms\": %.4f, \"augmented_q_ms\": %.4f, \"total_ms\": %.4f, "
              "\"kv_bytes_per_token\": %.0f, \"layers_held\": %d}, ",
              key, layers.name, c.kv_cache_ms, c.attention_ms, c.augmented_q_ms, c.total_ms(), bench.kv_bytes_per_token(), bench.n_held());
}

// Costs at some context lengths, in between by straight lines: every part grows with what it reads.
struct Curve {
  std::vector<int> lengths;
  std::vector<Costs> costs;

  // Mean over positions begin .. begin + n - 1.
  Costs mean(int begin, int n) const {
    Costs sum;
    double weight = 0;
    for (size_t i = 0; i + 1 < lengths.size(); ++i) {
      const double low = std::max(begin, lengths[i]), high = std::min(begin + n, lengths[i + 1]);
      if (low >= high) continue;
      const double middle = ((low + high) / 2 - lengths[i]) / (lengths[i + 1] - lengths[i]), w = high - low;
      const Costs &a = costs[i], &b = costs[i + 1];
      sum.kv_cache_ms += w * (a.kv_cache_ms + middle * (b.kv_cache_ms - a.kv_cache_ms));
      sum.attention_ms += w * (a.attention_ms + middle * (b.attention_ms - a.attention_ms));
      sum.augmented_q_ms += w * (a.augmented_q_ms + middle * (b.augmented_q_ms - a.augmented_q_ms));
      weight += w;
    }
    return {sum.kv_cache_ms / weight, sum.attention_ms / weight, sum.augmented_q_ms / weight};
  }
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) fail(ErrorKind::invalid_input, "%s cannot be written; choose another place", path.c_str());
}

// 0 (where wanted), then doubling up to most.
std::vector<int> doubling(int most, bool with_zero) {
  std::vector<int> values;
  for (int n = most; n >= std::max(1, most / 16); n /= 2) values.push_back(n);
  if (with_zero) values.push_back(0);
  std::reverse(values.begin(), values.end());
  return values;
}

int run_grid(const AttentionBenchOptions& options, Bench& first, Bench& second, const std::string& backend) {
  Curve ours{.lengths = doubling(options.prefix + options.output, true), .costs = {}};
  Curve theirs = ours;
  for (const int length : ours.lengths) {
    std::vector<Costs> a, b;
    const int position = std::max(0, length - 1);
    for (int i = 0; i < options.repetitions; ++i) {
      a.push_back(first.run_token(position));
      b.push_back(second.run_token(position));
    }
    ours.costs.push_back(median_of(std::move(a)));
    theirs.costs.push_back(median_of(std::move(b)));
  }
  std::vector<AttentionGridCell> cells;
  for (const int output : doubling(options.output, false)) {
    for (const int prefix : doubling(options.prefix, true)) {
      cells.push_back({prefix, output, ours.mean(prefix, output), theirs.mean(prefix, output)});
    }
  }
  const std::string csv = attention_grid_csv(cells);
  const std::string title = options.shape + " (" + cache_type_name(first.type()) + " cache" +
                            (options.selective_v > 0 ? format(", %d values", options.selective_v) : std::string()) + ") against " +
                            options.versus + " (" + cache_type_name(second.type()) + "), " + backend;
  if (!options.csv.empty()) write_file(options.csv, csv);
  if (!options.svg.empty()) write_file(options.svg, attention_grid_svg(cells, title));
  std::printf("%s", csv.c_str());
  return 0;
}

}  // namespace

CLI::App* add_attention_bench(CLI::App& bench, const std::shared_ptr<AttentionBenchOptions>& options) {
  const std::vector<std::string> cache_names = {"f32", "f16", "q8", "q8_0", "q4", "q4_0"};
  CLI::App* command = bench.add_subcommand(
      "attention", "Milliseconds a decoded token costs in the attention layers of two shapes: cache, attention, augmented Q");
  command->add_option("--prefix", options->prefix, "Tokens in the context at the start")->check(CLI::Range(0, 1 << 22));
  command->add_option("--output", options->output, "Tokens decoded")->check(CLI::Range(1, 1 << 20));
  command->add_option("--shape", options->shape, "sigma-1.5b, gqa-1.5b, sigma-10b or gqa-10b");
  command->add_option("--versus", options->versus, "The shape it is compared with");
  command->add_option("--kv,--cache", options->cache, "Number format of both caches")->check(CLI::IsMember(cache_names));
  command->add_option("--versus-cache", options->versus_cache, "Number format of the other shape's caches, where it differs")->check(CLI::IsMember(cache_names));
  command->add_option("--weights", options->weights, "Number format of augmented Q")->check(CLI::IsMember({"f16", "q8_0", "q4_0", "q4_k"}));
  command->add_option("--selective-v", options->selective_v, "Values fetched for each head; 0: all")->check(CLI::Range(0, 1 << 22));
  command->add_option("--threads", options->threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_option("--repetitions", options->repetitions, "Of each shape, taking turns")->check(CLI::Range(1, 1000));
  command->add_flag("--grid", options->grid, "Prefixes and outputs up to the ones given, as CSV: few layers are held, so that much context fits");
  command->add_option("--csv", options->csv, "Write the grid to this file, too");
  command->add_option("--svg", options->svg, "Draw the grid into this file");
  command->add_flag("--json", options->json, "One JSON document on standard output");
  return command;
}

int run_attention_bench(const AttentionBenchOptions& options) {
  const auto backend = make_cpu_backend({.n_threads = options.threads});
  const Layers &a = find_layers(options.shape), &b = find_layers(options.versus);
  AttentionBenchOptions plain = options;  // selective V is the shape's, not its rival's
  plain.selective_v = 0;
  const bool grid = options.grid || !options.csv.empty() || !options.svg.empty();
  const int n_ctx = options.prefix + options.output, most_layers = grid ? layers_of_grid : a.n_layers + b.n_layers;
  Bench first(options, a, cache_type(options.cache), n_ctx, most_layers, *backend);
  Bench second(plain, b, cache_type(options.versus_cache.empty() ? options.cache : options.versus_cache), n_ctx, most_layers, *backend);
  if (grid) return run_grid(options, first, second, backend->name());
  std::vector<Costs> ours, theirs;
  for (int i = 0; i < options.repetitions; ++i) {
    ours.push_back(first.run());
    theirs.push_back(second.run());
  }
  const Costs x = median_of(ours), y = median_of(theirs);
  const double reduction = 1 - x.total_ms() / y.total_ms();
  const double without = 1 - x.without_augmented_q_ms() / y.without_augmented_q_ms();
  if (options.json) {
    std::printf("{");
    print_costs("shape", a, x, first);
    print_costs("versus", b, y, second);
    std::printf("\"reduction\": %.4f, \"reduction_without_augmented_q\": %.4f, \"prefix\": %d, \"output\": %d, \"kv\": \"%s\", \"weights\": \"%s\", \"backend\": \"%s\", \"repetitions\": %d}\n",
                reduction, without, options.prefix, options.output, options.cache.c_str(), options.weights.c_str(), backend->name().c_str(),
                options.repetitions);
    return 0;
  }
  std::printf("%s, prefix %d, output %d, %s cache; ms a token\n", backend->name().c_str(), options.prefix, options.output,
              cache_type_name(first.type()) == std::string(cache_type_name(second.type())) ? cache_type_name(first.type()) : (cache_type_name(first.type()) + std::string(" and ") + cache_type_name(second.type())).c_str());
  std::printf("%-12s %10s %10s %12s %10s\n", "", "cache", "attention", "augmented Q", "total");
  std::printf("%-12s %10.3f %10.3f %12.3f %10.3f\n", a.name, x.kv_cache_ms, x.attention_ms, x.augmented_q_ms, x.total_ms());
  std::printf("%-12s %10.3f %10.3f %12.3f %10.3f\n", b.name, y.kv_cache_ms, y.attention_ms, y.augmented_q_ms, y.total_ms());
  std::printf("reduction %.1f %%, without augmented Q %.1f %%\n", 100 * reduction, 100 * without);
  return 0;
}

}  // namespace ctl
