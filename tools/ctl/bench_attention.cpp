// What one decoded token costs in the attention layers of two model shapes: the paper's three parts
// (arXiv:2501.13629, section 4): putting keys and values into the cache, attention over it (which
// here reads it in the same pass), and augmented Q. Caches and weights are random, one set a layer
// as far as memory allows, so that they come from memory and not from a cache of the processor.
#include "tools/ctl/bench_attention.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
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

struct Costs {
  double kv_cache_ms = 0, attention_ms = 0, augmented_q_ms = 0;  // a token, all layers
  double total_ms() const { return kv_cache_ms + attention_ms + augmented_q_ms; }
};

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

class Bench {
 public:
  Bench(const AttentionBenchOptions& options, const Layers& layers, Backend& backend)
      : options_(options), layers_(layers), backend_(backend), shape_(layers.shape) {
    shape_.selective_v_top_k = options.selective_v;
    type_ = options.cache == "q8" ? CacheType::q8_0 : options.cache == "f32" ? CacheType::f32 : CacheType::f16;
    n_ctx_ = options.prefix + options.output;
    for (int i = 0; i < shape_.head_dim_k / 2; ++i) frequencies_.push_back(std::pow(50000.0, -2.0 * i / shape_.head_dim_k));
    const size_t k_bytes = backend.k_cache_bytes(shape_, type_, n_ctx_), v_bytes = backend.v_cache_bytes(shape_, type_, n_ctx_);
    for (int i = 0; i < layers.n_layers; ++i) {
      try {
        Layer layer;
        layer.k = backend.allocate(k_bytes, "the cache of a layer (keys)");
        layer.v = backend.allocate(v_bytes, "the cache of a layer (values)");
        if (layers.augmented_q_dim > 0) add_weights(layer);
        layers_held_.push_back(std::move(layer));
        fill(layers_held_.back());
      } catch (const Error&) {
        if (layers_held_.size() < 2) throw;  // one set would be measured out of the processor's cache
        break;
      }
    }
    q_ = random_floats(size_t(shape_.n_heads_q * shape_.head_dim_k));
    augmented_.resize(size_t(std::max(1, layers.augmented_q_dim)));
    out_.resize(size_t(shape_.n_heads_q * shape_.head_dim_v));
  }

  size_t n_held() const { return layers_held_.size(); }
  double kv_bytes_per_token() const {
    return double(layers_.n_layers) / n_ctx_ *
           double(backend_.k_cache_bytes(shape_, type_, n_ctx_) + backend_.v_cache_bytes(shape_, type_, n_ctx_));
  }

  // Mean of the output tokens.
  Costs run() {
    Costs costs;
    const std::vector<float> kv = random_floats(size_t(std::max(shape_.n_heads_k * shape_.head_dim_k, shape_.n_heads_v * shape_.head_dim_v)));
    const Rope rope{frequencies_, false};
    for (int token = 0; token < options_.output; ++token) {
      const int position = options_.prefix + token;
      for (int i = 0; i < layers_.n_layers; ++i) {
        Layer& layer = layers_held_[size_t(i) % layers_held_.size()];
        std::vector<float>& q = q_;
        auto start = std::chrono::steady_clock::now();
        if (layers_.augmented_q_dim > 0) {
          backend_.gated_matmul(*layer.gate, *layer.up, q.data(), {}, augmented_.data(), 1);
          const Projection down[] = {{layer.down.get(), out_.data()}};
          backend_.matmul(down, augmented_.data(), {}, 1);
          costs.augmented_q_ms += ms_since(start);
          start = std::chrono::steady_clock::now();
        }
        const KvLayer cache = view(layer);
        backend_.rope_and_store(shape_, rope, q.data(), kv.data(), kv.data(), cache, position, 1);
        costs.kv_cache_ms += ms_since(start);
        start = std::chrono::steady_clock::now();
        backend_.attention(shape_, q.data(), cache, out_.data(), position, 1);
        costs.attention_ms += ms_since(start);
      }
    }
    costs.augmented_q_ms /= options_.output;
    costs.kv_cache_ms /= options_.output;
    costs.attention_ms /= options_.output;
    return costs;
  }

 private:
  struct Layer {
    std::unique_ptr<Buffer> k, v;
    std::unique_ptr<Matrix> gate, up, down;
  };

  KvLayer view(const Layer& layer) const { return {layer.k->data(), layer.v->data(), type_, type_, n_ctx_}; }

  void add_weights(Layer& layer) {
    const int q_width = shape_.n_heads_q * shape_.head_dim_k;
    const auto make = [&](int n_in, int n_out) {
      const DType type = options_.weights == "f16" ? DType::f16 : options_.weights == "q4_0" ? DType::q4_0 : DType::q8_0;
      const size_t block = type == DType::f16 ? 2 : type == DType::q4_0 ? 18 : 34;
      const size_t n_blocks = size_t(n_in) * size_t(n_out) / (type == DType::f16 ? 1 : 32);
      std::vector<std::byte> bytes(n_blocks * block);
      uint32_t state = 1;
      for (std::byte& b : bytes) b = std::byte((state = state * 1664525u + 1013904223u) >> 24);
      // Scales (and f16 weights) of about 0.01.
      for (size_t i = 0; i < n_blocks; ++i) bytes[i * block + 1] = std::byte(0x21);
      const Tensor tensor{.dtype = type, .n_dims = 2, .dims = {n_in, n_out, 1, 1}, .data = bytes.data(), .size_bytes = bytes.size()};
      return backend_.load_matrix(tensor, "augmented Q");
    };
    layer.gate = make(q_width, layers_.augmented_q_dim);
    layer.up = make(q_width, layers_.augmented_q_dim);
    layer.down = make(layers_.augmented_q_dim, q_width);
  }

  void fill(Layer& layer) {
    constexpr int n = 256;
    std::vector<float> q(size_t(n * shape_.n_heads_q * shape_.head_dim_k));
    const std::vector<float> k = random_floats(size_t(n * shape_.n_heads_k * shape_.head_dim_k));
    const std::vector<float> v = random_floats(size_t(n * shape_.n_heads_v * shape_.head_dim_v));
    AttentionShape few = shape_;
    few.n_heads_q = std::max(shape_.n_heads_k, shape_.n_heads_v);  // their rotation is not needed here
    for (int position = 0; position < options_.prefix; position += n) {
      backend_.rope_and_store(few, {frequencies_, false}, q.data(), k.data(), v.data(), view(layer), position,
                              std::min(n, options_.prefix - position));
    }
  }

  const AttentionBenchOptions& options_;
  const Layers& layers_;
  Backend& backend_;
  AttentionShape shape_;
  CacheType type_ = CacheType::f16;
  int n_ctx_ = 0;
  std::vector<double> frequencies_;
  std::vector<Layer> layers_held_;
  std::vector<float> q_, augmented_, out_;
};

Costs median_of(std::vector<Costs> runs) {
  std::sort(runs.begin(), runs.end(), [](const Costs& a, const Costs& b) { return a.total_ms() < b.total_ms(); });
  return runs[runs.size() / 2];
}

void print_costs(const char* key, const Layers& layers, const Costs& c, const Bench& bench) {
  std::printf("\"%s\": {\"name\": \"%s\", \"kv_cache_ms\": %.4f, \"attention_ms\": %.4f, \"augmented_q_ms\": %.4f, \"total_ms\": %.4f, "
              "\"kv_bytes_per_token\": %.0f, \"layers_held\": %zu}, ",
              key, layers.name, c.kv_cache_ms, c.attention_ms, c.augmented_q_ms, c.total_ms(), bench.kv_bytes_per_token(), bench.n_held());
}

}  // namespace

CLI::App* add_attention_bench(CLI::App& bench, const std::shared_ptr<AttentionBenchOptions>& options) {
  CLI::App* command = bench.add_subcommand(
      "attention", "Milliseconds a decoded token costs in the attention layers of two shapes: cache, attention, augmented Q");
  command->add_option("--prefix", options->prefix, "Tokens in the context at the start")->check(CLI::Range(0, 1 << 22));
  command->add_option("--output", options->output, "Tokens decoded")->check(CLI::Range(1, 1 << 20));
  command->add_option("--shape", options->shape, "sigma-1.5b, gqa-1.5b, sigma-10b or gqa-10b");
  command->add_option("--versus", options->versus, "The shape it is compared with");
  command->add_option("--kv", options->cache, "Number format of both caches")->check(CLI::IsMember({"f32", "f16", "q8"}));
  command->add_option("--weights", options->weights, "Number format of augmented Q")->check(CLI::IsMember({"f16", "q8_0", "q4_0"}));
  command->add_option("--selective-v", options->selective_v, "Values fetched for each head; 0: all")->check(CLI::Range(0, 1 << 22));
  command->add_option("--threads", options->threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_option("--repetitions", options->repetitions, "Of each shape, taking turns")->check(CLI::Range(1, 1000));
  command->add_flag("--json", options->json, "One JSON document on standard output");
  return command;
}

int run_attention_bench(const AttentionBenchOptions& options) {
  const auto backend = make_cpu_backend({.n_threads = options.threads});
  const Layers &a = find_layers(options.shape), &b = find_layers(options.versus);
  AttentionBenchOptions plain = options;  // selective V is the shape's, not its rival's
  plain.selective_v = 0;
  Bench first(options, a, *backend), second(plain, b, *backend);
  std::vector<Costs> ours, theirs;
  for (int i = 0; i < options.repetitions; ++i) {
    ours.push_back(first.run());
    theirs.push_back(second.run());
  }
  const Costs x = median_of(ours), y = median_of(theirs);
  const double reduction = 1 - x.total_ms() / y.total_ms();
  if (options.json) {
    std::printf("{");
    print_costs("shape", a, x, first);
    print_costs("versus", b, y, second);
    std::printf("\"reduction\": %.4f, \"prefix\": %d, \"output\": %d, \"kv\": \"%s\", \"weights\": \"%s\", \"backend\": \"%s\", \"repetitions\": %d}\n",
                reduction, options.prefix, options.output, options.cache.c_str(), options.weights.c_str(), backend->name().c_str(),
                options.repetitions);
    return 0;
  }
  std::printf("%s, prefix %d, output %d, %s cache; ms a token\n", backend->name().c_str(), options.prefix, options.output, options.cache.c_str());
  std::printf("%-12s %10s %10s %12s %10s\n", "", "cache", "attention", "augmented Q", "total");
  std::printf("%-12s %10.3f %10.3f %12.3f %10.3f\n", a.name, x.kv_cache_ms, x.attention_ms, x.augmented_q_ms, x.total_ms());
  std::printf("%-12s %10.3f %10.3f %12.3f %10.3f\n", b.name, y.kv_cache_ms, y.attention_ms, y.augmented_q_ms, y.total_ms());
  std::printf("reduction %.1f %%\n", 100 * reduction);
  return 0;
}

}  // namespace ctl
