// sigmactl bench memory: loads a model, takes its first token, fills a context and compares the process's
// peak with what was said beforehand. Keys and values of the middle of the context are zeros: they take
// the same memory, and computing 16 K tokens of a large model would take minutes. Its last block, a
// batch of drafts and a drawn token are computed, at their full depth.
#include "tools/ctl/bench_memory.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/models/fit.h"
#include "engine/base/error.h"
#include "engine/base/free_memory.h"
#include "engine/files/model_file.h"
#include "engine/generate/language_model.h"
#include "engine/generate/sampler.h"

namespace ctl {
namespace {

using Clock = std::chrono::steady_clock;
using engine::LogitsWanted;

constexpr int n_drafts = 16;

std::vector<int32_t> some_tokens(int n, int n_vocab) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  uint32_t state = 1;
  for (int32_t& token : tokens) {
    state = state * 1664525u + 1013904223u;
    token = static_cast<int32_t>(state >> 8) % n_vocab;
  }
  return tokens;
}

// Tokens whose keys and values are zeros.
void fill(engine::KvCache& cache, std::span<const int32_t> tokens) {
  const std::vector<std::byte> zeros(cache.pool().block_bytes());
  for (size_t done = 0; done < tokens.size();) {
    const size_t n = std::min(tokens.size() - done, static_cast<size_t>(engine::KvPool::block_tokens));
    cache.prepare(static_cast<int>(n));
    for (size_t part = 0; part < cache.pool().parts().size(); ++part) {
      const engine::KvPart& share = cache.pool().parts()[part];
      share.backend->upload(cache.block(cache.n_tokens() / engine::KvPool::block_tokens, part), 0, std::span(zeros).first(share.block_bytes()));
    }
    cache.append(tokens.subspan(done, n));
    done += n;
  }
}

struct Measured {
  double first_token_s = 0;
  engine::ResidentMemory before, first_token, full;
};

Measured measure(const MemoryBenchOptions& options, int& n_ctx) {
  Measured m;
  m.before = engine::resident_memory();
  const auto start = Clock::now();
  engine::LoadOptions load;
  load.n_threads = options.threads;
  load.n_ctx = n_ctx;
  load.session = {options.k_cache, options.v_cache};
  load.gpu = engine::GpuMode::off;
  const auto loaded = std::dynamic_pointer_cast<const engine::LoadedModel>(engine::LanguageModel::load(options.model, load));
  const std::shared_ptr<const engine::SigmaModel> on_cpu = loaded->model();
  const engine::SigmaModel& model = *on_cpu;
  n_ctx = std::max(n_ctx, engine::prompt_block_tokens + n_drafts);
  engine::CacheTypes types = model.default_cache_types();
  if (!options.k_cache.empty()) types.k = engine::cache_type(options.k_cache);
  if (!options.v_cache.empty()) types.v = engine::cache_type(options.v_cache);
  engine::KvCache cache(loaded->place(types).pool, n_ctx);
  const int n_vocab = model.config().n_vocab;
  const std::vector<int32_t> tokens = some_tokens(n_ctx, n_vocab);
  const std::span<const int32_t> all(tokens);
  std::vector<float> logits(static_cast<size_t>(n_vocab));
  engine::forward(model, cache, all.first(8), LogitsWanted::last, logits);
  m.first_token_s = std::chrono::duration<double>(Clock::now() - start).count();
  m.first_token = engine::resident_memory();

  const auto n_filled = static_cast<size_t>(n_ctx - engine::prompt_block_tokens - n_drafts);
  cache.truncate(0);
  fill(cache, all.first(n_filled));
  engine::forward(model, cache, all.subspan(n_filled, static_cast<size_t>(engine::prompt_block_tokens)), LogitsWanted::last, logits);
  logits.resize(static_cast<size_t>(n_vocab) * n_drafts);
  engine::forward_exact(model, cache, all.last(n_drafts), logits);
  engine::Sampler().sample(std::span(logits).first(static_cast<size_t>(n_vocab)), {.temperature = 1}, {}, 0);
  m.full = engine::resident_memory();
  return m;
}

}  // namespace

int run_memory_bench(const MemoryBenchOptions& options) {
  int n_ctx = options.n_ctx;
  app::models::MemoryNeed need;
  uint64_t file_bytes = 0;
  {
    const auto file = engine::ModelFile::open(options.model);
    need = app::models::estimate_memory(*file, options.k_cache, options.v_cache, options.threads);
    file_bytes = file->size_bytes();
  }
  const Measured m = measure(options, n_ctx);
  const double estimate = double(need.total(n_ctx)), peak = double(m.full.peak);
  const double resident_to_file = double(m.first_token.now - std::min(m.first_token.now, m.before.now)) / double(std::max<uint64_t>(1, file_bytes));
  if (options.json) {
    const nlohmann::ordered_json out = {
        {"model", options.model}, {"context", n_ctx}, {"file_bytes", file_bytes},
        {"estimate", {{"weights", need.weights}, {"cache", need.cache(n_ctx)}, {"work", need.work}, {"tokenizer", need.tokenizer},
                      {"program", need.program}, {"total", need.total(n_ctx)}}},
        {"first_token_s", m.first_token_s},
        {"before", m.before.now}, {"first_token", m.first_token.now}, {"first_token_peak", m.first_token.peak},
        {"first_token_mapped", m.first_token.mapped_now}, {"peak", m.full.peak}, {"full_mapped", m.full.mapped_now},
        {"estimate_to_peak", estimate / peak}, {"resident_to_file", resident_to_file}};
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  const auto mb = [](uint64_t bytes) { return double(bytes) / 1e6; };
  std::printf("%s, context %d\n", options.model.c_str(), n_ctx);
  std::printf("estimate  %9.1f MB: weights %.1f, cache %.1f, buffers %.1f, tokenizer %.1f, program %.1f\n", estimate / 1e6,
              mb(need.weights), mb(need.cache(n_ctx)), mb(need.work), mb(need.tokenizer), mb(need.program));
  std::printf("peak      %9.1f MB (estimate %+.1f %%), of it %.1f MB pages of files\n", peak / 1e6, 100 * (estimate / peak - 1),
              mb(m.full.mapped_now));
  std::printf("load and first token %.2f s: %.1f MB resident, peak %.1f MB; the file has %.1f MB (growth %.2f of it)\n", m.first_token_s,
              mb(m.first_token.now), mb(m.first_token.peak), mb(file_bytes), resident_to_file);
  return 0;
}

CLI::App* add_memory_bench(CLI::App& bench, const std::shared_ptr<MemoryBenchOptions>& options) {
  CLI::App* command = bench.add_subcommand("memory", "What a model was said to take, and what it takes with a full context");
  command->add_option("--model", options->model, "GGUF file or folder of a Hugging Face model")->required();
  command->add_option("--ctx", options->n_ctx, "Context in tokens")->check(CLI::Range(2, 1 << 24));
  command->add_option("--cache-k", options->k_cache, "Number format of cached keys");
  command->add_option("--cache-v", options->v_cache, "Number format of cached values");
  command->add_option("--threads", options->threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_flag("--json", options->json, "One JSON document on standard output");
  return command;
}

}  // namespace ctl
