// sigmactl bench: prefill and decode speed of a model file. Repetitions take turns (prefill, decode,
// prefill, ...), so that a slow minute of the machine touches both; medians are reported.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "engine/backend/read_bandwidth.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/load_sigma.h"
#include "tools/ctl/bench_attention.h"
#include "tools/ctl/bench_grammar.h"
#include "tools/ctl/bench_memory.h"
#include "tools/ctl/bench_roofline.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {

struct BenchOptions {
  std::string model, isa, cache = "f16", gpu = "auto";
  int n_prompt = 512, n_generate = 64, depth = 0, threads = 0, repetitions = 5, batch = 1;
  bool json = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// (largest - smallest) / median
double spread(const std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return (*high - *low) / std::max(median(values), 1e-9);
}

// Any tokens do: the work does not depend on which.
std::vector<int32_t> some_tokens(int n, int n_vocab) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  uint32_t state = 1;
  for (int32_t& token : tokens) {
    state = state * 1664525u + 1013904223u;
    token = int32_t(state >> 8) % n_vocab;
  }
  return tokens;
}

struct Speeds {
  std::vector<double> prefill, decode;  // tokens/s, one a repetition
  std::vector<double> bandwidth;        // bytes/s that memory gave beside them; empty on a GPU
};

// One for each text that decodes.
using Caches = std::vector<std::unique_ptr<engine::KvCache>>;

// The same tokens in every text: the work does not depend on which.
void decode(const engine::SigmaModel& model, const Caches& caches, std::span<const int32_t> tokens, std::vector<float>& logits) {
  const auto n_vocab = static_cast<size_t>(model.config().n_vocab);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::span<const int32_t> token = tokens.subspan(i, 1);
    if (caches.size() == 1) {
      engine::forward(model, *caches[0], token, engine::LogitsWanted::last, logits);
      continue;
    }
    std::vector<engine::BatchStep> steps;
    for (size_t text = 0; text < caches.size(); ++text) {
      steps.push_back({caches[text].get(), token, std::span(logits).subspan(text * n_vocab, n_vocab)});
    }
    engine::forward_batch(model, steps);
  }
}

Speeds measure(const engine::SigmaModel& model, const Caches& caches, const BenchOptions& options,
               engine::ReadBandwidth* bandwidth) {
  using engine::LogitsWanted;
  const int n_vocab = model.config().n_vocab;
  engine::KvCache& cache = *caches[0];
  std::vector<float> logits(static_cast<size_t>(n_vocab) * caches.size());
  const std::vector<int32_t> context = some_tokens(options.depth, n_vocab);
  const std::vector<int32_t> prompt = some_tokens(options.n_prompt, n_vocab);
  const std::vector<int32_t> generated = some_tokens(options.n_generate, n_vocab);
  for (const auto& each : caches) engine::forward(model, *each, context, LogitsWanted::none, {});

  Speeds speeds;
  for (int i = -1; i < options.repetitions; ++i) {  // the first warms up
    if (options.n_prompt > 0) {
      cache.truncate(options.depth);
      const auto start = std::chrono::steady_clock::now();
      engine::forward(model, cache, prompt, LogitsWanted::last, logits);
      if (i >= 0) speeds.prefill.push_back(options.n_prompt / seconds_since(start));
    }
    if (options.n_generate > 0) {
      for (const auto& each : caches) each->truncate(options.depth);
      const auto start = std::chrono::steady_clock::now();
      decode(model, caches, generated, logits);
      if (i >= 0) speeds.decode.push_back(options.n_generate * double(caches.size()) / seconds_since(start));
    }
    if (bandwidth && i >= 0) speeds.bandwidth.push_back(bandwidth->measure());
  }
  return speeds;
}

engine::CacheType cache_type(const std::string& name) {
  return name == "q8" || name == "q8_0"   ? engine::CacheType::q8_0
         : name == "q4" || name == "q4_0" ? engine::CacheType::q4_0
         : name == "f32"                  ? engine::CacheType::f32
         : name == "bf16"                 ? engine::CacheType::bf16
         : name == "fp8"                  ? engine::CacheType::fp8
                                          : engine::CacheType::f16;
}

int run_bench(const BenchOptions& options) {
  if (options.model.empty()) engine::fail(engine::ErrorKind::usage, "--model is missing: which file is to be measured?");
  const auto file = engine::ModelFile::open(options.model);
  const auto model = engine::load_sigma(file, {.cpu = {.n_threads = options.threads, .isa = options.isa},
                                               .gpu = engine::gpu_mode(options.gpu)});
  const engine::CacheType type = cache_type(options.cache);
  const int n_ctx = options.depth + std::max({options.n_prompt, options.n_generate, 1});
  const auto pool = model->make_pool({type, type});
  Caches caches;
  for (int i = 0; i < options.batch; ++i) caches.push_back(std::make_unique<engine::KvCache>(pool, n_ctx));
  const std::string backend = model->device();
  std::unique_ptr<engine::ReadBandwidth> bandwidth;
  if (options.n_generate > 0 && backend.rfind("cpu", 0) == 0) bandwidth = std::make_unique<engine::ReadBandwidth>(options.threads);
  const Speeds speeds = measure(*model, caches, options, bandwidth.get());
  // What a decoding step reads: all weights, and each text's cache halfway through.
  const uint64_t kv_bytes = engine::KvCache::size_bytes(model->config(), std::max(1, options.depth + options.n_generate / 2),
                                                        model->backend(), {type, type});
  const double bytes_read = double(model->bytes_per_token()) / options.batch + double(kv_bytes), memory = median(speeds.bandwidth);  // for a token
  const double used = memory > 0 ? bytes_read * median(speeds.decode) / memory : 0;
  const int threads = options.threads > 0 ? options.threads : int(std::thread::hardware_concurrency());
  if (options.json) {
    std::printf(
        "{\"prefill_tok_s\": %.3f, \"decode_tok_s\": %.3f, \"threads\": %d, \"depth\": %d, \"kv\": \"%s\", "
        "\"repetitions\": %d, \"spread\": {\"prefill\": %.4f, \"decode\": %.4f}, \"backend\": \"%s\", "
        "\"weight_bytes\": %llu, \"bytes_per_token\": %llu, \"kv_bytes_per_token\": %llu, \"read_bandwidth\": %.0f, \"bandwidth_used\": %.4f, "
        "\"prompt\": %d, \"generate\": %d, \"batch\": %d}\n",
        median(speeds.prefill), median(speeds.decode), threads, options.depth, options.cache.c_str(),
        options.repetitions, spread(speeds.prefill), spread(speeds.decode), backend.c_str(),
        static_cast<unsigned long long>(model->weight_bytes()),
        static_cast<unsigned long long>(model->bytes_per_token()), static_cast<unsigned long long>(kv_bytes), memory, used,
        options.n_prompt, options.n_generate, options.batch);
    return 0;
  }
  std::printf("%s, depth %d, %s cache, median of %d\n", backend.c_str(), options.depth, options.cache.c_str(),
              options.repetitions);
  if (options.n_prompt > 0) {
    std::printf("prefill %d: %8.1f tokens/s  (spread %.0f %%)\n", options.n_prompt, median(speeds.prefill),
                100 * spread(speeds.prefill));
  }
  if (options.n_generate > 0) {
    if (options.batch > 1) std::printf("%d texts at once: ", options.batch);
    std::printf("decode  %d: %8.1f tokens/s  (spread %.0f %%), %.1f GB/s of weights and cache", options.n_generate,
                median(speeds.decode), 100 * spread(speeds.decode), bytes_read * median(speeds.decode) / 1e9);
    if (memory > 0) std::printf("; memory gives %.1f GB/s: %.0f %% used", memory / 1e9, 100 * used);
    std::printf("\n");
  }
  return 0;
}

}  // namespace

void add_bench_command(Program& program) {
  auto* command = program.cli.add_subcommand("bench", "Speed of a model on this machine");
  auto options = std::make_shared<BenchOptions>();
  command->add_option("--model", options->model, "GGUF file or folder of a Hugging Face model");
  command->add_option("-p", options->n_prompt, "Tokens of the prompt; 0: no prefill")->check(CLI::Range(0, 1 << 20));
  command->add_option("-n", options->n_generate, "Tokens to decode; 0: none")->check(CLI::Range(0, 1 << 20));
  command->add_option("--batch", options->batch, "Texts that decode together; tokens/s are all of theirs")->check(CLI::Range(1, 256));
  command->add_option("--depth", options->depth, "Tokens already in the context")->check(CLI::Range(0, 1 << 24));
  command->add_option("--kv,--cache", options->cache, "Number format of the cache")->check(CLI::IsMember({"f32", "f16", "q8", "q8_0", "q4", "q4_0", "bf16", "fp8"}));
  command->add_option("--threads", options->threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_option("--repetitions", options->repetitions, "Of each, besides a warm-up")->check(CLI::Range(1, 1000));
  command->add_option("--isa", options->isa, "Instruction set: avx512, avx2 or plain; default: the widest there is");
  add_gpu_option(*command, options->gpu);
  command->add_flag("--json", options->json, "One JSON document on standard output");
  auto attention = std::make_shared<AttentionBenchOptions>();
  const CLI::App* of_attention = add_attention_bench(*command, attention);
  auto roofline = std::make_shared<RooflineOptions>();
  const CLI::App* of_roofline = add_roofline_bench(*command, roofline);
  auto memory = std::make_shared<MemoryBenchOptions>();
  const CLI::App* of_memory = add_memory_bench(*command, memory);
  auto grammar = std::make_shared<GrammarBenchOptions>();
  const CLI::App* of_grammar = add_grammar_bench(*command, grammar);
  command->callback(chosen(program, [options, attention, of_attention, roofline, of_roofline, memory, of_memory, grammar, of_grammar] {
    if (of_grammar->parsed()) return run_grammar_bench(*grammar);
    if (of_memory->parsed()) return run_memory_bench(*memory);
    if (of_roofline->parsed()) return run_roofline_bench(*roofline);
    return of_attention->parsed() ? run_attention_bench(*attention) : run_bench(*options);
  }));
}

}  // namespace ctl
