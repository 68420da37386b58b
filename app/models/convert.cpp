// HF folder to GGUF. Names and keys of both schemes are listed in engine/model/sigma_weights.h.
#include <algorithm>
#include <array>
#include <cmath>
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

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> layer_names = {{
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
    {"pre_feedforward_layernorm", "ffn_norm"},  // these two and the next line: gemma3
    {"post_feedforward_layernorm", "post_ffw_norm"},
}};
constexpr std::string_view gemma_post_attention = "post_attention_layernorm";  // elsewhere the feed-forward's norm

// Empty where the tensor has no place in GGUF.
std::string gguf_name(std::string_view name, bool gemma) {
  if (name == "lm_head.weight") return "output.weight";
  if (name.substr(0, 6) == "model.") name.remove_prefix(6);
  if (name == "embed_tokens.weight") return "token_embd.weight";
  if (name == "norm.weight") return "output_norm.weight";
  constexpr std::string_view layers = "layers.";
  const std::string_view what = name.ends_with(".bias") ? ".bias" : ".weight";
  if (name.substr(0, layers.size()) != layers) return "";
  name.remove_prefix(layers.size());
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return "";
  const std::string_view number = name.substr(0, dot);
  std::string_view rest = name.substr(dot + 1);
  if (!rest.ends_with(what)) return "";
  rest.remove_suffix(what.size());
  const std::string begin = "blk." + std::string(number) + ".";
  if (gemma && rest == gemma_post_attention) return begin + "post_attention_norm" + std::string(what);
  for (const auto& [hf, gguf] : layer_names) {
    if (rest == hf) return begin + std::string(gguf) + std::string(what);
  }
  return "";
}

// GGUF says of local layers only how many tokens they see and how often another one stands between.
void write_window(engine::GgufWriter& out, const engine::SigmaConfig& c, const engine::ModelFile& folder) {
  if (c.local_layers.empty()) return;
  const auto not_said = [&](const char* what) {
    fail(ErrorKind::unsupported, "%s: %s, which a GGUF file cannot say", folder.path().c_str(), what);
  };
  if (c.architecture != "gemma3") not_said("it has sliding windows");
  if (c.rope_theta_local != 10000) not_said("its local layers have a rotary base other than 10000");
  const auto first_full = std::find(c.local_layers.begin(), c.local_layers.end(), false);
  const auto period = first_full == c.local_layers.end() ? c.local_layers.size() + 1
                                                         : static_cast<size_t>(first_full - c.local_layers.begin()) + 1;
  for (size_t i = 0; i < c.local_layers.size(); ++i) {
    if (c.local_layers[i] != ((i + 1) % period != 0)) not_said("its local layers come in no regular order");
  }
  out.set_u32("gemma3.attention.sliding_window", static_cast<uint32_t>(c.sliding_window));
  if (period != 6) out.set_u32("gemma3.attention.sliding_window_pattern", static_cast<uint32_t>(period));
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
  write_window(out, c, folder);
}

// Stretched rotary positions: "linear" has keys of its own, other kinds become divisors of each
// frequency (rope_freqs.weight). Returns the divisors, empty where there are none.
std::vector<float> write_rope_scaling(engine::GgufWriter& out, const engine::SigmaConfig& c, const engine::ModelFile& folder) {
  std::vector<float> divisors;
  const std::vector<double> scaled = engine::rope_frequencies(folder, c);
  bool all_equal = true, all_one = true;
  for (size_t i = 0; i < scaled.size(); ++i) {
    const double plain = std::pow(double(c.rope_theta), -2.0 * double(i) / c.head_dim_k);
    divisors.push_back(static_cast<float>(plain / scaled[i]));
    all_one = all_one && std::abs(plain / scaled[i] - 1) < 1e-12;
    all_equal = all_equal && std::abs(divisors[i] - divisors[0]) <= 1e-6f * divisors[0];
  }
  if (all_one) return {};
  if (!all_equal) return divisors;
  out.set_string(c.architecture + ".rope.scaling.type", "linear");
  out.set_f32(c.architecture + ".rope.scaling.factor", divisors[0]);
  return {};
}

const char* pre_tokenizer_name(const engine::PreTokenizer& steps) {
  for (const char* name : {"smollm", "gpt-2", "llama-bpe", "qwen2"}) {
    if (*engine::pre_tokenizer_by_name(name) == steps) return name;
  }
  return nullptr;
}

// Merges by rank over characters become scores: the earlier a piece is made, the better it is.
std::vector<float> scores_of_merges(const engine::BpeDescription& d) {
  std::map<std::string_view, size_t> ids;
  for (size_t i = 0; i < d.pieces.size(); ++i) ids.emplace(d.pieces[i], i);
  std::vector<float> scores(d.pieces.size(), -1e9f);
  for (size_t i = 0; i < d.kinds.size(); ++i) {
    if (d.kinds[i] != engine::TokenKind::normal) scores[i] = 0;
  }
  float rank = 0;
  for (const auto& [left, right] : d.merges) {
    const auto joined = ids.find(left + right);
    if (joined == ids.end() || scores[joined->second] != -1e9f) continue;
    scores[joined->second] = -rank;
    rank += 1;
  }
  return scores;
}

void write_sentencepiece(engine::GgufWriter& out, const engine::BpeDescription& d) {
  using Description = engine::BpeDescription;
  const bool unigram = d.kind == Description::Kind::unigram;
  const bool plain = !d.nfc && !d.nfkc && d.escapes_spaces && !(d.splits_at_spaces && !unigram);
  if (!plain) fail(ErrorKind::unsupported, "%s: GGUF cannot say how it prepares text", d.name.c_str());
  out.set_string("tokenizer.ggml.model", unigram ? "t5" : "llama");
  out.set_f32s("tokenizer.ggml.scores", unigram ? d.scores : scores_of_merges(d));
  out.set_bool("tokenizer.ggml.add_space_prefix", d.space_prefix != Description::Prefix::never);
}

void write_byte_level(engine::GgufWriter& out, const engine::BpeDescription& d) {
  const char* pre = pre_tokenizer_name(d.pre_tokenizer);
  if (pre == nullptr) fail(ErrorKind::unsupported, "%s: GGUF has no name for its pre-tokenizer", d.name.c_str());
  out.set_string("tokenizer.ggml.model", "gpt2");
  out.set_string("tokenizer.ggml.pre", pre);
  std::vector<std::string> merges;
  for (const auto& [left, right] : d.merges) merges.push_back(left + " " + right);
  const std::vector<std::string_view> views(merges.begin(), merges.end());
  out.set_strings("tokenizer.ggml.merges", views);
  out.set_bool("tokenizer.ggml.add_space_prefix", d.add_prefix_space);
}

void write_tokenizer(engine::GgufWriter& out, const engine::BpeDescription& d) {
  if (d.kind == engine::BpeDescription::Kind::byte_level) write_byte_level(out, d);
  else write_sentencepiece(out, d);
  const std::vector<std::string_view> pieces(d.pieces.begin(), d.pieces.end());
  out.set_strings("tokenizer.ggml.tokens", pieces);
  std::vector<int32_t> types;
  for (const engine::TokenKind kind : d.kinds) types.push_back(static_cast<int32_t>(kind) + 1);
  out.set_i32s("tokenizer.ggml.token_type", types);
  if (d.bos) out.set_u32("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(*d.bos));
  if (d.eos) out.set_u32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(*d.eos));
  if (d.unknown) out.set_u32("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(*d.unknown));
  if (!d.ends.empty()) out.set_u32("tokenizer.ggml.eot_token_id", static_cast<uint32_t>(d.ends.back()));
  out.set_bool("tokenizer.ggml.add_bos_token", d.adds_bos);
  if (!d.chat_template.empty()) out.set_string("tokenizer.chat_template", d.chat_template);
}

// A reader of the GGUF file scales queries by one over the square root of this; what the model wants
// beyond that goes into the norm before it.
float query_factor(const engine::SigmaConfig& c) {
  const float assumed = c.n_layers == 62 ? static_cast<float>(c.dim) / static_cast<float>(c.n_heads_q) : static_cast<float>(c.head_dim_k);
  const float factor = c.query_scale * std::sqrt(assumed);
  return std::abs(factor - 1) < 1e-6f ? 1.0f : factor;
}

// divisors must live until the file is written.
TensorWriter::Planned frequency_divisors(const std::vector<float>& divisors) {
  engine::Tensor tensor;
  tensor.n_dims = 1;
  tensor.dims[0] = static_cast<int64_t>(divisors.size());
  tensor.data = reinterpret_cast<const std::byte*>(divisors.data());
  tensor.size_bytes = divisors.size() * 4;
  return {.name = "rope_freqs.weight", .source = tensor, .type = engine::DType::f32};
}

}  // namespace

QuantizeReport convert_model(const engine::ModelFile& folder, std::optional<engine::DType> type,
                             const std::string& target, const TransformOptions& options) {
  if (folder.format() != engine::ModelFormat::hf_folder) {
    fail(ErrorKind::invalid_input, "%s: already a GGUF file; `model quantize` changes its number format", folder.path().c_str());
  }
  const engine::SigmaConfig config = engine::read_sigma_config(folder);
  const bool is_llama = config.architecture == "llama", is_gemma = config.architecture == "gemma3";
  engine::GgufWriter out(target);
  write_config(out, config, folder);
  const std::vector<float> divisors = write_rope_scaling(out, config, folder);
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
    const std::string name = gguf_name(named.name, is_gemma);
    if (name.empty()) {
      if (named.name.find("rotary_emb") != std::string::npos) continue;  // follows from rope_theta
      fail(ErrorKind::unsupported, "%s: tensor %s has no place in a %s file", folder.path().c_str(), named.name.c_str(),
           config.architecture.c_str());
    }
    if (config.tied_embeddings && name == "output.weight") continue;  // a second copy of the embedding
    TensorWriter::Planned planned{.name = name, .source = named.tensor, .type = named.tensor.dtype};
    if (type) {
      planned.type = stored_type(named.tensor, name, *type);
    } else if (named.tensor.n_dims < 2) {
      planned.type = engine::DType::f32;
    }
    if (is_llama && name.ends_with(".attn_q.weight")) planned.permute_heads = config.n_heads_q;
    if (is_llama && name.ends_with(".attn_k.weight")) planned.permute_heads = config.n_heads_k;
    if (is_gemma && name.ends_with("_norm.weight")) planned.plus = 1;  // the folder holds them less 1
    if (is_gemma && name.ends_with(".attn_q_norm.weight")) planned.factor = query_factor(config);
    writer.plan(std::move(planned));
  }
  if (!divisors.empty()) writer.plan(frequency_divisors(divisors));
  QuantizeReport report = writer.write_all();
  out.finish();
  report.n_bytes_before = folder.size_bytes();
  report.n_bytes_after = out.n_bytes_written();
  return report;
}

}  // namespace app::models
