// sigmactl logits: logits of every position, for comparing an engine with another.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/load_sigma.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {

struct LogitsOptions {
  std::string model, isa;
  std::vector<int32_t> tokens;
  int threads = 0;
  std::string cache, gpu = "auto";
  bool json = true;
};

engine::CacheTypes cache_types(const std::string& name, const engine::SigmaModel& model) {
  using engine::CacheType;
  if (name.empty()) return model.default_cache_types();
  if (name == "f32") return {CacheType::f32, CacheType::f32};
  if (name == "f16") return {CacheType::f16, CacheType::f16};
  return {CacheType::q8_0, CacheType::q8_0};
}

void print_rows(const std::vector<float>& logits, size_t n_vocab) {
  std::printf("{\"logits\": [");
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i % n_vocab == 0) std::printf("%s[", i ? "],\n" : "\n");
    // Nine digits give every f32 back.
    std::printf("%s%.9g", i % n_vocab ? "," : "", double(logits[i]));
  }
  std::printf("%s\n]}\n", logits.empty() ? "" : "]");
}

int run_logits(const LogitsOptions& options) {
  const auto file = engine::ModelFile::open(options.model);
  const auto model = engine::load_sigma(file, {.cpu = {.n_threads = options.threads, .isa = options.isa},
                                               .gpu = engine::gpu_mode(options.gpu)});
  const size_t n_vocab = size_t(model->config().n_vocab);
  std::vector<float> logits(options.tokens.size() * n_vocab);
  engine::KvCache cache(model->make_pool(cache_types(options.cache, *model)), std::max(1, int(options.tokens.size())));
  engine::forward(*model, cache, options.tokens, engine::LogitsWanted::all, logits);
  print_rows(logits, n_vocab);
  return 0;
}

}  // namespace

void add_logits_command(Program& program) {
  auto* command = program.cli.add_subcommand("logits", "Logits of every position as JSON");
  auto options = std::make_shared<LogitsOptions>();
  command->add_option("--model", options->model, "GGUF file or folder of a Hugging Face model")->required();
  command->add_option("--tokens", options->tokens, "Token ids, comma-separated")->required()->delimiter(',');
  command->add_option("--threads", options->threads, "Threads; 0: one for each core")->check(CLI::Range(0, 256));
  command->add_option("--kv", options->cache,
                      "Number format of the cache; by default f32 for models of f32 weights (exact), else f16")
      ->check(CLI::IsMember({"f32", "f16", "q8"}));
  command->add_option("--isa", options->isa, "Instruction set: avx512, avx2 or plain; default: the widest there is");
  add_gpu_option(*command, options->gpu);
  command->add_flag("--json", options->json, "The only form there is");
  command->callback(chosen(program, [options] { return run_logits(*options); }));
}

}  // namespace ctl
