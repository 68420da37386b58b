// sigmactl model: what a model file is, whether it is whole, and fetching one.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/models/catalog.h"
#include "app/models/fetch.h"
#include "app/models/sha256.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"
#include "engine/tokenizer/tokenizer.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Choices {
  std::string file, url, sha256, out, k_cache, v_cache;
  int n_ctx = 4096;
  bool json = false;
};

Json config_json(const engine::SigmaConfig& c) {
  return {{"n_layers", c.n_layers},
          {"dim", c.dim},
          {"ffn_dim", c.ffn_dim},
          {"n_heads_q", c.n_heads_q},
          {"n_heads_k", c.n_heads_k},
          {"n_heads_v", c.n_heads_v},
          {"head_dim_k", c.head_dim_k},
          {"head_dim_v", c.head_dim_v},
          {"augmented_q_dim", c.augmented_q_dim},
          {"augmented_q_residual", c.augmented_q_residual},
          {"selective_v_top_k", c.selective_v_top_k},
          {"rope_theta", c.rope_theta},
          {"rms_norm_eps", c.rms_norm_eps},
          {"n_vocab", c.n_vocab},
          {"n_ctx_trained", c.n_ctx_trained},
          {"tied_embeddings", c.tied_embeddings},
          {"qkv_bias", c.qkv_bias},
          {"qk_norm", c.qk_norm},
          {"sliding_window", c.sliding_window},
          {"n_local_layers", std::count(c.local_layers.begin(), c.local_layers.end(), true)}};
}

Json info_json(const engine::ModelFile& file, const app::ModelInfo& info, int n_ctx, const Choices& c) {
  const app::models::MemoryNeed need = app::models::estimate_memory(file, c.k_cache, c.v_cache);
  const uint64_t free_bytes = app::models::free_memory_bytes();
  Json tensors = Json::array();
  for (const auto& named : file.tensors()) {
    const engine::Tensor& t = named.tensor;
    std::vector<int64_t> dims(t.dims.begin(), t.dims.begin() + t.n_dims);
    tensors.push_back({{"name", named.name}, {"type", engine::dtype_name(t.dtype)}, {"dims", dims}, {"bytes", t.size_bytes}});
  }
  return {{"path", info.path},
          {"name", info.name},
          {"architecture", info.architecture},
          {"parameters", info.n_parameters},
          {"bytes", info.n_bytes},
          {"weight_type", info.weight_type},
          {"licence", info.licence},
          {"config", config_json(engine::read_sigma_config(file))},
          {"memory",
           {{"weights", need.weights},
            {"kv_per_token", need.kv_per_token()},
            {"k_per_token", need.k_per_token},
            {"v_per_token", need.v_per_token},
            {"cache", need.cache(n_ctx)},
            {"work", need.work},
            {"tokenizer", need.tokenizer},
            {"program", need.program},
            {"context", n_ctx},
            {"total", need.total(n_ctx)},
            {"free", free_bytes},
            {"fits", need.total(n_ctx) <= free_bytes}}},
          {"tensors", tensors}};
}

void print_info(const Json& j) {
  const auto mb = [](const Json& bytes) { return bytes.get<double>() / 1e6; };
  const auto& c = j["config"];
  const auto& m = j["memory"];
  std::printf("%s\n", j["path"].get<std::string>().c_str());
  std::printf("  name           %s\n", j["name"].get<std::string>().c_str());
  std::printf("  architecture   %s, %.1f M parameters, %s, %.1f MB\n", j["architecture"].get<std::string>().c_str(),
              j["parameters"].get<double>() / 1e6, j["weight_type"].get<std::string>().c_str(), mb(j["bytes"]));
  std::printf("  layers         %d of width %d, feed-forward %d\n", c["n_layers"].get<int>(), c["dim"].get<int>(),
              c["ffn_dim"].get<int>());
  std::printf("  heads          %d Q, %d K of %d, %d V of %d%s\n", c["n_heads_q"].get<int>(), c["n_heads_k"].get<int>(),
              c["head_dim_k"].get<int>(), c["n_heads_v"].get<int>(), c["head_dim_v"].get<int>(),
              c["augmented_q_dim"].get<int>() > 0 ? ", augmented Q" : "");
  std::printf("  vocabulary     %d, trained for %d tokens of context\n", c["n_vocab"].get<int>(), c["n_ctx_trained"].get<int>());
  std::printf("  memory         %.1f MB weights, %.1f KB a token of context (K %.1f, V %.1f), %.1f MB work\n", mb(m["weights"]),
              m["kv_per_token"].get<double>() / 1e3, m["k_per_token"].get<double>() / 1e3,
              m["v_per_token"].get<double>() / 1e3, mb(m["work"]));
  std::printf("  at %d tokens %.1f MB of %.1f MB free: %s\n", m["context"].get<int>(), mb(m["total"]), mb(m["free"]),
              m["fits"].get<bool>() ? "fits" : "does not fit");
}

int run_info(const Choices& c) {
  const auto file = engine::ModelFile::open(c.file);
  const app::ModelInfo info = app::models::describe_model(c.file);
  if (!info.error.empty()) engine::fail(engine::ErrorKind::invalid_input, "%s", info.error.c_str());
  const int n_trained = info.n_ctx_trained > 0 ? info.n_ctx_trained : c.n_ctx;
  const Json j = info_json(*file, info, std::min(c.n_ctx, n_trained), c);
  if (c.json) {
    std::printf("%s\n", j.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print_info(j);
  }
  return 0;
}

// Every structural check that loading makes, and the checksum of what was checked.
int run_verify(const Choices& c) {
  const auto file = engine::ModelFile::open(c.file);
  engine::read_sigma_config(*file);
  std::string tokenizer = "ok";
  try {
    engine::Tokenizer::load(*file);
  } catch (const engine::Error& e) {
    if (e.kind() != engine::ErrorKind::unsupported) throw;
    tokenizer = e.what();
  }
  const bool is_file = std::filesystem::is_regular_file(c.file);
  app::models::Sha256 hash;
  for (const auto bytes : file->mapped()) hash.add(bytes);
  const std::string sha = hash.hex();
  if (!c.sha256.empty() && sha != c.sha256) {
    engine::fail(engine::ErrorKind::invalid_input, "%s: its SHA-256 is %s, not %s; fetch it again", c.file.c_str(),
                 sha.c_str(), c.sha256.c_str());
  }
  if (c.json) {
    std::printf("%s\n", Json({{"path", c.file}, {"valid", true}, {"tensors", file->tensors().size()},
                              {"bytes", file->size_bytes()}, {"sha256", sha}, {"tokenizer", tokenizer}}).dump().c_str());
  } else {
    std::printf("%s: whole: %zu tensors, %.1f MB; tokenizer: %s\nSHA-256 of the %s: %s\n", c.file.c_str(),
                file->tensors().size(), static_cast<double>(file->size_bytes()) / 1e6, tokenizer.c_str(),
                is_file ? "file" : "weights", sha.c_str());
  }
  return 0;
}

int run_fetch(const Choices& c) {
  int shown = -1;
  const auto show = [&](const app::models::FetchProgress& p) {
    const int percent = p.n_total == 0 ? 0 : static_cast<int>(100.0 * static_cast<double>(p.n_done) / static_cast<double>(p.n_total));
    if (percent / 5 == shown) return;
    shown = percent / 5;
    std::fprintf(stderr, "%s: %d %%\n", p.stage, percent);
  };
  app::models::fetch_model(c.url, c.sha256, c.out, {}, show);
  if (c.json) {
    std::printf("%s\n", Json({{"path", c.out}, {"bytes", std::filesystem::file_size(c.out)}, {"sha256", c.sha256}}).dump().c_str());
  } else {
    std::printf("%s is here and its checksum is right\n", c.out.c_str());
  }
  return 0;
}

}  // namespace

void add_model_tools(Program& program, CLI::App& model);  // model_tools.cpp

void add_model_command(Program& program) {
  CLI::App* model = program.cli.add_subcommand("model", "Model files: info, verify, fetch, convert, quantize, synth");
  model->require_subcommand(1);
  const auto c = std::make_shared<Choices>();

  CLI::App* info = model->add_subcommand("info", "Shape of a model and the memory it needs, without loading it");
  info->add_option("FILE", c->file, "GGUF file or HF folder")->required();
  info->add_option("--ctx", c->n_ctx, "Context to count the memory for")->capture_default_str()->check(CLI::PositiveNumber);
  info->add_option("--cache-k", c->k_cache, "Number format of cached keys: f16, q8_0, q4_0; default: f16 (f32 for f32 weights)");
  info->add_option("--cache-v", c->v_cache, "Number format of cached values");
  info->add_flag("--json", c->json, "One JSON document");
  info->callback(chosen(program, [c] { return run_info(*c); }));

  CLI::App* verify = model->add_subcommand("verify", "All structural checks, and the SHA-256");
  verify->add_option("FILE", c->file, "GGUF file or HF folder")->required();
  verify->add_option("--sha256", c->sha256, "The checksum it must have");
  verify->add_flag("--json", c->json, "One JSON document");
  verify->callback(chosen(program, [c] { return run_verify(*c); }));

  CLI::App* fetch = model->add_subcommand("fetch", "Download a model; goes on where it stopped, checks the SHA-256");
  fetch->add_option("URL", c->url, "http, https or file address")->required();
  fetch->add_option("--sha256", c->sha256, "The checksum it must have")->required();
  fetch->add_option("-o", c->out, "File to write")->required();
  fetch->add_flag("--json", c->json, "One JSON document");
  fetch->callback(chosen(program, [c] { return run_fetch(*c); }));

  add_model_tools(program, *model);
}

}  // namespace ctl
