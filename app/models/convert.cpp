// HF folder to GGUF. Names and keys of both schemes are listed in engine/model/sigma_weights.h.
#include <array>
#include <filesystem>
#include <map>

#include "app/models/tensor_writer.h"
#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"
#include "engine/tokenizer/bpe.h"

namespace app::models {
namespace {

using engine::ErrorKind;
using engine::fail;

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> layer_names = {{
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.q_gate_proj", "attn_q_gate"},
    {"self_attn.q_up_proj", "attn_q_up"},
    {"self_attn.q_down_proj", "attn_q_down"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
}};

// Empty where the tensor has no place in GGUF.
std::string gguf_name(std::string_view name) {
  if (name == "lm_head.weight") return "output.weight";
  if (name.substr(0, 6) == "model.") name.remove_prefix(6);
  if (name == "embed_tokens.weight") return "token_embd.weight";
  if (name == "norm.weight") return "output_norm.weight";
  constexpr std::string_view layers = "layers.", weight = ".weight";
  if (name.substr(0, layers.size()) != layers) return "";
  name.remove_prefix(layers.size());
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || name.size() < weight.size()) return "";
  const std::string_view number = name.substr(0, dot);
  std::string_view rest = name.substr(dot + 1);
  if (rest.size() < weight.size() || rest.substr(rest.size() - weight.size()) != weight) return "";
  rest.remove_suffix(weight.size());
  for (const auto& [hf, gguf] : layer_names) {
    if (rest == hf) return "blk." + std::string(number) + "." + std::string(gguf) + ".weight";
  }
  return "";
}

void write_config(engine::GgufWriter& out, const engine::SigmaConfig& c, const engine::ModelFile& folder) {
  const std::string a = c.architecture;
  const auto u = [](int n) { return static_cast<uint32_t>(n); };
  const std::filesystem::path path(folder.path());
  out.set_string("general.architecture", a);
  out.set_string("general.name", (path.has_filename() ? path.filename() : path.parent_path().filename()).string());
  out.set_u32("general.quantization_version", 2);
  out.set_u32(a + ".block_count", u(c.n_layers));
  out.set_u32(a + ".context_length", u(c.n_ctx_trained));
  out.set_u32(a + ".embedding_length", u(c.dim));
  out.set_u32(a + ".feed_forward_length", u(c.ffn_dim));
  out.set_u32(a + ".vocab_size", u(c.n_vocab));
  out.set_u32(a + ".attention.head_count", u(c.n_heads_q));
  if (a == "sigma") {
    out.set_u32(a + ".attention.head_count_k", u(c.n_heads_k));
    out.set_u32(a + ".attention.head_count_v", u(c.n_heads_v));
    out.set_u32(a + ".attention.augmented_q_length", u(c.augmented_q_dim));
    out.set_bool(a + ".attention.augmented_q_residual", c.augmented_q_residual);
    out.set_u32(a + ".attention.selective_v_top_k", u(c.selective_v_top_k));
  } else {
    out.set_u32(a + ".attention.head_count_kv", u(c.n_heads_k));
    out.set_u32(a + ".rope.dimension_count", u(c.head_dim_k));
  }
  out.set_u32(a + ".attention.key_length", u(c.head_dim_k));
  out.set_u32(a + ".attention.value_length", u(c.head_dim_v));
  out.set_f32(a + ".attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  out.set_f32(a + ".rope.freq_base", c.rope_theta);
}

const char* pre_tokenizer_name(const engine::PreTokenizer& steps) {
  for (const char* name : {"smollm", "gpt-2", "llama-bpe", "qwen2"}) {
    if (*engine::pre_tokenizer_by_name(name) == steps) return name;
  }
  return nullptr;
}

void write_tokenizer(engine::GgufWriter& out, const engine::BpeDescription& d) {
  const char* pre = pre_tokenizer_name(d.pre_tokenizer);
  if (pre == nullptr) fail(ErrorKind::unsupported, "%s: GGUF has no name for its pre-tokenizer", d.name.c_str());
  out.set_string("tokenizer.ggml.model", "gpt2");
  out.set_string("tokenizer.ggml.pre", pre);
  const std::vector<std::string_view> pieces(d.pieces.begin(), d.pieces.end());
  out.set_strings("tokenizer.ggml.tokens", pieces);
  std::vector<int32_t> types;
  for (const engine::TokenKind kind : d.kinds) types.push_back(static_cast<int32_t>(kind) + 1);
  out.set_i32s("tokenizer.ggml.token_type", types);
  std::vector<std::string> merges;
  for (const auto& [left, right] : d.merges) merges.push_back(left + " " + right);
  const std::vector<std::string_view> views(merges.begin(), merges.end());
  out.set_strings("tokenizer.ggml.merges", views);
  if (d.bos) out.set_u32("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(*d.bos));
  if (d.eos) out.set_u32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(*d.eos));
  if (d.unknown) out.set_u32("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(*d.unknown));
  if (!d.ends.empty()) out.set_u32("tokenizer.ggml.eot_token_id", static_cast<uint32_t>(d.ends.back()));
  out.set_bool("tokenizer.ggml.add_bos_token", d.adds_bos);
  out.set_bool("tokenizer.ggml.add_space_prefix", d.add_prefix_space);
  if (!d.chat_template.empty()) out.set_string("tokenizer.chat_template", d.chat_template);
}

}  // namespace

QuantizeReport convert_model(const engine::ModelFile& folder, std::optional<engine::DType> type,
                             const std::string& target, const TransformOptions& options) {
  if (folder.format() != engine::ModelFormat::hf_folder) {
    fail(ErrorKind::invalid_input, "%s: already a GGUF file; `model quantize` changes its number format", folder.path().c_str());
  }
  const engine::SigmaConfig config = engine::read_sigma_config(folder);
  const bool is_llama = config.architecture != "sigma";
  engine::GgufWriter out(target);
  write_config(out, config, folder);
  const std::filesystem::path json = std::filesystem::path(folder.path()) / "tokenizer.json";
  if (std::filesystem::exists(json)) {
    const engine::MappedFile map(json.string());
    engine::BpeDescription d = engine::read_hf_tokenizer(
        {reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()}, map.path());
    engine::read_hf_tokenizer_config(folder.path(), d);
    write_tokenizer(out, d);
  }

  TensorWriter writer(out, options);
  for (const engine::NamedTensor& named : folder.tensors()) {
    const std::string name = gguf_name(named.name);
    if (name.empty()) {
      if (named.name.find("rotary_emb") != std::string::npos) continue;  // follows from rope_theta
      fail(ErrorKind::unsupported, "%s: tensor %s has no place in a %s file", folder.path().c_str(), named.name.c_str(),
           config.architecture.c_str());
    }
    if (config.tied_embeddings && name == "output.weight") continue;  // a second copy of the embedding
    TensorWriter::Planned planned{name, named.tensor, named.tensor.dtype, 0};
    if (type) {
      planned.type = stored_type(named.tensor, name, *type);
    } else if (named.tensor.n_dims < 2) {
      planned.type = engine::DType::f32;
    }
    if (is_llama && name.ends_with(".attn_q.weight")) planned.permute_heads = config.n_heads_q;
    if (is_llama && name.ends_with(".attn_k.weight")) planned.permute_heads = config.n_heads_k;
    writer.plan(std::move(planned));
  }
  QuantizeReport report = writer.write_all();
  out.finish();
  report.n_bytes_before = folder.size_bytes();
  report.n_bytes_after = out.n_bytes_written();
  return report;
}

}  // namespace app::models
