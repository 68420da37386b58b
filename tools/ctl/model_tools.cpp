// sigmactl model convert, quantize, synth: makes model files. sigmactl perplexity: measures one.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/models/transform.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/generate/generation.h"
#include "engine/generate/perplexity.h"
#include "tools/ctl/command.h"
#include "tools/ctl/gpu_option.h"

namespace ctl {
namespace {

struct Choices {
  std::string file, type, out, shape, text, gpu = "auto";
  int n_threads = 0, n_ctx = 512;
  bool json = false;
};

constexpr const char* number_formats = "F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K, Q5_0, Q5_1, Q4_0, Q4_1, IQ4_NL";

engine::DType parse_type(const std::string& name) {
  const auto type = engine::dtype_from_name(name);
  if (!type) {
    engine::fail(engine::ErrorKind::usage, "no number format is called \"%s\"; there are %s", name.substr(0, 40).c_str(),
                 number_formats);
  }
  return *type;
}

app::models::TransformOptions options(const Choices& c) {
  app::models::TransformOptions o;
  o.n_threads = c.n_threads;
  o.on_progress = [shown = -1](double fraction) mutable {
    const int tenth = static_cast<int>(fraction * 10);
    if (tenth == shown) return;
    shown = tenth;
    std::fprintf(stderr, "%d %%\n", tenth * 10);
  };
  return o;
}

int print_report(const Choices& c, const app::models::QuantizeReport& r) {
  if (c.json) {
    nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
    for (const auto& t : r.tensors) {
      tensors.push_back({{"name", t.name}, {"from", engine::dtype_name(t.from)}, {"to", engine::dtype_name(t.to)},
                         {"relative_rms", t.relative_rms}});
    }
    std::printf("%s\n", nlohmann::ordered_json({{"path", c.out}, {"bytes_before", r.n_bytes_before}, {"bytes", r.n_bytes_after},
                                                {"relative_rms", r.relative_rms}, {"tensors", tensors}}).dump().c_str());
    return 0;
  }
  const app::models::QuantizedTensor* worst = nullptr;
  for (const auto& t : r.tensors) {
    if (worst == nullptr || t.relative_rms > worst->relative_rms) worst = &t;
  }
  std::printf("%s: %.1f MB from %.1f MB; round-trip error %.3f %% of the weights' size\n", c.out.c_str(),
              static_cast<double>(r.n_bytes_after) / 1e6, static_cast<double>(r.n_bytes_before) / 1e6, r.relative_rms * 100);
  if (worst != nullptr) std::printf("largest in %s (%s): %.3f %%\n", worst->name.c_str(), engine::dtype_name(worst->to), worst->relative_rms * 100);
  return 0;
}

int run_perplexity(const Choices& c) {
  std::ifstream in(c.text, std::ios::binary);
  if (!in) engine::fail(engine::ErrorKind::not_found, "%s: cannot open it", c.text.c_str());
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  engine::LoadOptions load;
  load.n_threads = c.n_threads;
  load.gpu = engine::gpu_mode(c.gpu);
  const auto model = engine::LanguageModel::load(c.file, load);
  const engine::Perplexity p = engine::measure_perplexity(*model, text, c.n_ctx);
  if (c.json) {
    std::printf("%s\n", nlohmann::ordered_json({{"perplexity", p.value}, {"tokens", p.n_tokens}, {"scored", p.n_scored},
                                                {"context", c.n_ctx}, {"standard_error", p.standard_error}}).dump().c_str());
  } else {
    std::printf("perplexity %.4f +- %.4f over %lld of %lld tokens, windows of %d\n", p.value, p.standard_error,
                static_cast<long long>(p.n_scored), static_cast<long long>(p.n_tokens), c.n_ctx);
  }
  return 0;
}

}  // namespace

void add_model_tools(Program& program, CLI::App& model) {
  const auto c = std::make_shared<Choices>();
  const auto common = [c](CLI::App* command) {
    command->add_option("-o", c->out, "GGUF file to write")->required();
    command->add_option("--threads", c->n_threads, "0: one for each core")->capture_default_str();
    command->add_flag("--json", c->json, "One JSON document");
  };
  CLI::App* convert = model.add_subcommand("convert", "An HF folder (llama or sigma) to GGUF");
  convert->add_option("HF_DIR", c->file, "Folder with config.json and safetensors")->required();
  convert->add_option("--type", c->type, "Number format; default: as it stands");
  common(convert);
  convert->callback(chosen(program, [c] {
    const auto file = engine::ModelFile::open(c->file);
    const auto type = c->type.empty() ? std::nullopt : std::optional(parse_type(c->type));
    return print_report(*c, app::models::convert_model(*file, type, c->out, options(*c)));
  }));

  CLI::App* quantize = model.add_subcommand("quantize", "A model in another number format, with the round-trip error");
  quantize->add_option("FILE", c->file, "GGUF file or HF folder")->required();
  quantize->add_option("TYPE", c->type, number_formats)->required();
  common(quantize);
  quantize->callback(chosen(program, [c] {
    const engine::DType type = parse_type(c->type);
    return print_report(*c, app::models::quantize_model(*engine::ModelFile::open(c->file), type, c->out, options(*c)));
  }));

  CLI::App* synth = model.add_subcommand("synth", "Random weights of a named shape, for benchmarks");
  synth->add_option("SHAPE", c->shape, "sigma-1.5b, gqa-1.5b, sigma-10b or tiny")->required();
  synth->add_option("TYPE", c->type, number_formats)->required();
  common(synth);
  synth->callback(chosen(program, [c] {
    app::models::synthesize_model(c->shape, parse_type(c->type), c->out, options(*c));
    std::printf("%s is written\n", c->out.c_str());
    return 0;
  }));

  CLI::App* perplexity = program.cli.add_subcommand("perplexity", "How well a model predicts a text; lower is better");
  perplexity->add_option("--model", c->file, "GGUF file or HF folder")->required();
  perplexity->add_option("TEXTFILE", c->text, "UTF-8 text")->required();
  perplexity->add_option("--ctx", c->n_ctx, "Window in tokens; its second half is scored")->capture_default_str();
  perplexity->add_option("--threads", c->n_threads, "0: one for each core")->capture_default_str();
  add_gpu_option(*perplexity, c->gpu);
  perplexity->add_flag("--json", c->json, "One JSON document");
  perplexity->callback(chosen(program, [c] { return run_perplexity(*c); }));
}

}  // namespace ctl
