#include "engine/model/sigma_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <span>
#include <string>

#include "engine/backend/host_memory.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"

namespace engine {
namespace {

// ---- configuration

int int_of(const ModelFile& file, const std::string& key, uint64_t value) {
  if (value > uint64_t(1) << 30) {
    fail(ErrorKind::invalid_input, "%s: %s is %llu, which no model has; the file is damaged",
         file.path().c_str(), key.c_str(), static_cast<unsigned long long>(value));
  }
  return int(value);
}

std::optional<int> optional_int(const ModelFile& file, const std::string& key) {
  const std::optional<uint64_t> value = file.u64(key);
  return value ? std::optional<int>(int_of(file, key, *value)) : std::nullopt;
}

int required_int(const ModelFile& file, const std::string& key) {
  const std::optional<int> value = optional_int(file, key);
  if (!value) {
    fail(ErrorKind::invalid_input, "%s: %s is missing, so the model's shape is unknown; convert or fetch it again",
         file.path().c_str(), key.c_str());
  }
  return *value;
}

[[noreturn]] void not_supported(const ModelFile& file, const std::string& what) {
  fail(ErrorKind::unsupported, "%s: %s", file.path().c_str(), what.c_str());
}

// Each `period`-th layer sees everything, the others the window.
void set_local_layers(SigmaConfig& c, int period) {
  c.local_layers.resize(size_t(std::clamp(c.n_layers, 0, 4096)));
  for (size_t i = 0; i < c.local_layers.size(); ++i) c.local_layers[i] = period > 0 && (i + 1) % size_t(period) != 0;
}

// What follows from the architecture's name alone.
void set_family(SigmaConfig& c) {
  const std::string& a = c.architecture;
  c.qkv_bias = a == "qwen2";
  c.qk_norm = a == "qwen3" || a == "gemma3";
  if (a != "gemma3") return;
  c.post_norms = c.gelu = true;
  c.embedding_scale = std::sqrt(float(c.dim));
}

SigmaConfig read_gguf_config(const ModelFile& file) {
  const auto key = [&](const char* suffix) { return file.key(suffix); };
  SigmaConfig c;
  c.architecture = file.architecture();
  if (optional_int(file, key("expert_count")).value_or(0) > 0) {
    not_supported(file, "is a mixture of experts, which is not run here; use a dense model");
  }
  c.n_layers = required_int(file, key("block_count"));
  c.dim = required_int(file, key("embedding_length"));
  c.ffn_dim = required_int(file, key("feed_forward_length"));
  c.n_heads_q = required_int(file, key("attention.head_count"));
  if (c.n_heads_q == 0) c.check(file.path());
  const int n_kv = optional_int(file, key("attention.head_count_kv")).value_or(c.n_heads_q);
  c.n_heads_k = c.n_heads_v = n_kv;
  if (c.architecture == "sigma") {
    c.n_heads_k = optional_int(file, key("attention.head_count_k")).value_or(n_kv);
    c.n_heads_v = optional_int(file, key("attention.head_count_v")).value_or(n_kv);
    c.augmented_q_dim = optional_int(file, key("attention.augmented_q_length")).value_or(0);
    c.augmented_q_residual = file.boolean(key("attention.augmented_q_residual")).value_or(false);
    c.selective_v_top_k = optional_int(file, key("attention.selective_v_top_k")).value_or(0);
  }
  c.rope_interleaved = c.architecture == "llama";
  c.head_dim_k = optional_int(file, key("attention.key_length")).value_or(c.dim / c.n_heads_q);
  c.head_dim_v = optional_int(file, key("attention.value_length")).value_or(c.dim / c.n_heads_q);
  const int turned = optional_int(file, key("rope.dimension_count")).value_or(c.head_dim_k);
  if (turned != c.head_dim_k) {
    not_supported(file, format("turns %d of %d dimensions of a head; only full rotary positions are run here",
                               turned, c.head_dim_k));
  }
  c.rope_theta = float(file.f64(key("rope.freq_base")).value_or(c.architecture == "gemma3" ? 1e6 : 1e4));
  c.rms_norm_eps = float(file.f64(key("attention.layer_norm_rms_epsilon")).value_or(1e-5));
  c.n_ctx_trained = optional_int(file, key("context_length")).value_or(2048);
  const Tensor* embedding = file.find("token_embd.weight");
  const int rows = embedding ? int(std::min<int64_t>(embedding->dims[1], 1 << 30)) : 0;
  c.n_vocab = optional_int(file, key("vocab_size")).value_or(rows);
  c.tied_embeddings = file.find("output.weight") == nullptr;
  if (c.architecture == "gemma3") {
    c.sliding_window = optional_int(file, key("attention.sliding_window")).value_or(0);
    if (c.sliding_window > 0) set_local_layers(c, optional_int(file, key("attention.sliding_window_pattern")).value_or(6));
    c.rope_theta_local = 10000;
    // The file does not say it, but the largest of the family scales by dim / n_heads_q.
    if (c.n_layers == 62) c.query_scale = 1 / std::sqrt(float(c.dim) / float(c.n_heads_q));
  }
  set_family(c);
  return c;
}

// Microsoft's later mixture-of-experts models carry the same architecture name.
void refuse_other_sigma(const ModelFile& file) {
  static const char* const hf_marks[] = {
      "n_routed_experts", "num_experts", "num_local_experts", "n_shared_experts", "moe_intermediate_size",
      "first_k_dense_replace", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "num_experts_per_tok"};
  static const char* const gguf_marks[] = {"expert_count", "expert_used_count", "expert_shared_count",
                                           "expert_feed_forward_length", "leading_dense_block_count",
                                           "attention.kv_lora_rank", "attention.q_lora_rank"};
  const bool gguf = file.format() == ModelFormat::gguf;
  std::string found = file.architecture() == "sigma" ? "" : "architecture " + file.architecture().substr(0, 60);
  for (const char* mark : gguf ? std::span<const char* const>(gguf_marks) : std::span<const char* const>(hf_marks)) {
    const std::string key = gguf ? file.key(mark) : mark;
    if (found.empty() && file.has(key) && file.u64(key).value_or(1) > 0) found = key;
  }
  for (const NamedTensor& t : file.tensors()) {
    const bool expert = t.name.find("_exps.") != std::string::npos || t.name.find(".experts.") != std::string::npos ||
                        t.name.find("kv_a_proj") != std::string::npos || t.name.find("attn_kv_a") != std::string::npos;
    if (found.empty() && expert) found = "tensor " + t.name.substr(0, 80);
  }
  const auto names = gguf ? std::nullopt : file.string_array("architectures");
  const bool second = names && std::find(names->begin(), names->end(), "SigmaV2ForCausalLM") != names->end();
  if (found.empty() && second) found = "SigmaV2ForCausalLM";
  if (found.empty() && !gguf && !file.has("num_key_heads")) {
    found = file.u64("vocab_size").value_or(0) == 200019 ? "vocab_size 200019" : "no num_key_heads";
  }
  if (found.empty()) return;
  not_supported(file, "is not the DiffQKV Sigma (arXiv:2501.13629) that is run here but another model of that "
                      "name, such as Microsoft's mixture-of-experts SigmaForCausalLM / SigmaV2ForCausalLM (seen by: " +
                      found + ")");
}

// Rotary settings moved from "rope_scaling" and the top level to "rope_parameters" (transformers 5),
// where a model with two kinds of layers has one object for each.
std::string rope_key(const ModelFile& file, const std::string& name) {
  for (const char* place : {"rope_parameters.full_attention.", "rope_parameters.", "rope_scaling."}) {
    if (file.has(place + name)) return place + name;
  }
  return name;
}

// "layer_types": ["sliding_attention", "full_attention", ...], or one layer of so many is full.
void read_local_layers(const ModelFile& file, SigmaConfig& c) {
  const bool gemma = c.architecture == "gemma3";
  if (!gemma && !file.boolean("use_sliding_window").value_or(false)) return;
  c.sliding_window = optional_int(file, "sliding_window").value_or(gemma ? 4096 : 0);
  const auto types = file.string_array("layer_types");
  if (!types) {
    if (!gemma) not_supported(file, "use_sliding_window is set but no layer_types; which layers are local is unknown");
    const char* period = file.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
    return set_local_layers(c, optional_int(file, period).value_or(6));
  }
  if (types->size() != size_t(c.n_layers)) {
    fail(ErrorKind::invalid_input, "%s: layer_types names %zu layers of %d; convert or fetch it again",
         file.path().c_str(), types->size(), c.n_layers);
  }
  for (const std::string_view type : *types) {
    if (type != "sliding_attention" && type != "full_attention") {
      not_supported(file, "a layer is of type \"" + std::string(type.substr(0, 40)) + "\"; sliding and full attention are run here");
    }
    c.local_layers.push_back(type == "sliding_attention");
  }
}

void read_gemma3(const ModelFile& file, SigmaConfig& c) {
  const char* local = "rope_parameters.sliding_attention.rope_theta";
  c.rope_theta_local = float(file.f64(local).value_or(file.f64("rope_local_base_freq").value_or(10000)));
  const double scalar = file.f64("query_pre_attn_scalar").value_or(256);
  if (!(scalar > 0)) not_supported(file, "query_pre_attn_scalar is not positive");
  c.query_scale = float(1 / std::sqrt(scalar));
  for (const char* cap : {"final_logit_softcapping", "attn_logit_softcapping"}) {
    if (file.f64(cap).value_or(0) != 0) not_supported(file, std::string(cap) + " is set; soft caps are not run here");
  }
  if (file.boolean("use_bidirectional_attention").value_or(false)) {
    not_supported(file, "use_bidirectional_attention is set; it is no model that writes text");
  }
}

void refuse_hf_variants(const ModelFile& file, const SigmaConfig& c) {
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (file.boolean(bias).value_or(false)) not_supported(file, std::string(bias) + " is set; biases are not run here");
  }
  const bool gemma = c.architecture == "gemma3";
  const char* key = file.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  const std::string activation(file.string(key).value_or(gemma ? "gelu_pytorch_tanh" : "silu"));
  const bool fits = gemma ? activation == "gelu_pytorch_tanh" : activation == "silu" || activation == "swish";
  if (!fits) not_supported(file, std::string(key) + " is \"" + activation + "\", which no " + c.architecture + " model as it is run here has");
  if (file.f64(rope_key(file, "partial_rotary_factor")).value_or(1) != 1) {
    not_supported(file, "partial_rotary_factor is set; only full rotary positions are run here");
  }
}

SigmaConfig read_hf_config(const ModelFile& file) {
  SigmaConfig c;
  c.architecture = file.architecture() == "gemma3_text" ? "gemma3" : file.architecture();
  const bool sigma = c.architecture == "sigma", gemma = c.architecture == "gemma3";
  if (gemma && file.has("text_config.hidden_size")) {
    not_supported(file, "carries a vision part; only text models (model_type gemma3_text) are run here");
  }
  refuse_hf_variants(file, c);
  c.n_layers = required_int(file, "num_hidden_layers");
  c.dim = required_int(file, "hidden_size");
  c.ffn_dim = required_int(file, "intermediate_size");
  c.n_heads_q = required_int(file, "num_attention_heads");
  if (c.n_heads_q == 0) c.check(file.path());
  if (sigma) {
    c.n_heads_k = required_int(file, "num_key_heads");
    c.n_heads_v = required_int(file, "num_value_heads");
    c.augmented_q_dim = optional_int(file, "augmented_q_dim").value_or(0);
    c.augmented_q_residual = file.boolean("augmented_q_residual").value_or(false);
    c.selective_v_top_k = optional_int(file, "selective_v_top_k").value_or(0);
  } else {
    c.n_heads_k = c.n_heads_v = optional_int(file, "num_key_value_heads").value_or(c.n_heads_q);
  }
  const int head_dim = gemma ? 256 : c.architecture == "qwen3" ? 128 : c.dim / c.n_heads_q;
  c.head_dim_v = optional_int(file, "head_dim").value_or(head_dim);
  c.head_dim_k = optional_int(file, "key_head_dim").value_or(c.head_dim_v);
  c.rope_theta = float(file.f64(rope_key(file, "rope_theta")).value_or(gemma ? 1e6 : 1e4));
  c.rms_norm_eps = float(file.f64("rms_norm_eps").value_or(1e-6));
  c.n_ctx_trained = optional_int(file, "max_position_embeddings").value_or(2048);
  c.n_vocab = required_int(file, "vocab_size");
  const bool no_head = file.find("lm_head.weight") == nullptr;
  c.tied_embeddings = file.boolean("tie_word_embeddings").value_or(gemma || no_head);
  read_local_layers(file, c);
  if (gemma) read_gemma3(file, c);
  set_family(c);
  return c;
}

// ---- rotary frequencies

// Llama 3.1's stretching: long waves are slowed by `factor`, short ones stay, between is a blend.
double llama3_frequency(const ModelFile& file, double frequency) {
  const double factor = file.f64(rope_key(file, "factor")).value_or(8);
  const double low = file.f64(rope_key(file, "low_freq_factor")).value_or(1);
  const double high = file.f64(rope_key(file, "high_freq_factor")).value_or(4);
  const double trained = file.f64(rope_key(file, "original_max_position_embeddings")).value_or(8192);
  if (!(factor > 0) || !(low > 0) || !(high > low) || !(trained > 0)) {
    fail(ErrorKind::invalid_input, "%s: rope_scaling has impossible numbers; convert or fetch it again",
         file.path().c_str());
  }
  const double turns = trained * frequency / (2 * 3.14159265358979323846);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const double blend = (turns - low) / (high - low);
  return (1 - blend) * frequency / factor + blend * frequency;
}

}  // namespace

std::vector<double> rope_frequencies(const ModelFile& file, const SigmaConfig& config) {
  std::vector<double> frequencies(size_t(config.head_dim_k / 2));
  const bool gguf = file.format() == ModelFormat::gguf;
  std::string type_key = gguf ? file.key("rope.scaling.type") : rope_key(file, "rope_type");
  if (!gguf && type_key == "rope_type") type_key = "rope_scaling.type";
  const std::string type(file.string(type_key).value_or("none"));
  if (type != "none" && type != "default" && type != "linear" && (gguf || type != "llama3")) {
    not_supported(file, type_key + " is \"" + type + "\"; only linear" + (gguf ? "" : " and llama3") + " are run here");
  }
  double factor = 1;
  if (type == "linear") {
    factor = file.f64(gguf ? file.key("rope.scaling.factor") : rope_key(file, "factor")).value_or(1);
    if (!(factor > 0)) not_supported(file, "the rotary scaling factor is not positive");
  }
  const Tensor* divisors = gguf ? file.find("rope_freqs.weight") : nullptr;
  if (divisors && (divisors->dtype != DType::f32 || divisors->dims[0] != int64_t(frequencies.size()))) {
    fail(ErrorKind::invalid_input, "%s: tensor rope_freqs.weight is not %zu numbers of F32; convert or fetch it again",
         file.path().c_str(), frequencies.size());
  }
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double f = std::pow(double(config.rope_theta), -2.0 * double(i) / config.head_dim_k) / factor;
    if (type == "llama3") f = llama3_frequency(file, f);
    if (divisors) {
      float divisor;
      std::memcpy(&divisor, divisors->data + i * 4, 4);
      f = divisor > 0 ? f / divisor : f;
    }
    frequencies[i] = f;
  }
  return frequencies;
}

std::vector<double> local_rope_frequencies(const SigmaConfig& config) {
  std::vector<double> frequencies;
  if (config.rope_theta_local == 0) return frequencies;
  for (int i = 0; i < config.head_dim_k / 2; ++i) {
    frequencies.push_back(std::pow(double(config.rope_theta_local), -2.0 * i / config.head_dim_k));
  }
  return frequencies;
}

namespace {

// ---- tensors

struct Names {
  const char *gguf, *hf;  // within a layer
};
constexpr Names attention_norm{"attn_norm", "input_layernorm"}, ffn_norm{"ffn_norm", "post_attention_layernorm"},
    q_proj{"attn_q", "self_attn.q_proj"}, q_gate{"attn_q_gate", "self_attn.q_gate_proj"},
    q_up{"attn_q_up", "self_attn.q_up_proj"}, q_down{"attn_q_down", "self_attn.q_down_proj"},
    k_proj{"attn_k", "self_attn.k_proj"}, v_proj{"attn_v", "self_attn.v_proj"},
    o_proj{"attn_output", "self_attn.o_proj"}, gate_proj{"ffn_gate", "mlp.gate_proj"},
    up_proj{"ffn_up", "mlp.up_proj"}, down_proj{"ffn_down", "mlp.down_proj"}, q_norm{"attn_q_norm", "self_attn.q_norm"},
    k_norm{"attn_k_norm", "self_attn.k_norm"},
    // gemma3 has a norm before and behind each part.
    post_attention_norm{"post_attention_norm", "post_attention_layernorm"},
    pre_ffn_norm{"ffn_norm", "pre_feedforward_layernorm"}, post_ffn_norm{"post_ffw_norm", "post_feedforward_layernorm"};

class Loader {
 public:
  Loader(const ModelFile& file, const SigmaConfig& config, Backend& backend, SigmaWeights& weights,
         const std::function<void(double)>& on_progress)
      : file_(file), config_(config), backend_(&backend), weights_(weights), on_progress_(on_progress),
        gguf_(file.format() == ModelFormat::gguf) {}

  void use(Backend& backend) { backend_ = &backend; }  // for what comes next

  const Tensor& find(const std::string& name, int64_t n_in, int64_t n_out) {
    const Tensor* tensor = file_.find(name);
    if (!tensor) {
      fail(ErrorKind::invalid_input, "%s: tensor %s is missing; the file is not complete, fetch or convert it again",
           file_.path().c_str(), name.c_str());
    }
    used_.insert(name);
    const bool fits = tensor->dims[0] == n_in && tensor->dims[1] == n_out && tensor->dims[2] == 1 && tensor->dims[3] == 1;
    if (!fits) {
      fail(ErrorKind::invalid_input,
           "%s: tensor %s is %lld x %lld where the model's shape needs %lld x %lld; file and metadata disagree",
           file_.path().c_str(), name.c_str(), static_cast<long long>(tensor->dims[1]),
           static_cast<long long>(tensor->dims[0]), static_cast<long long>(n_out), static_cast<long long>(n_in));
    }
    return *tensor;
  }

  std::unique_ptr<Matrix> matrix(const std::string& name, int n_in, int n_out) {
    const Tensor& tensor = find(name, n_in, n_out);
    auto matrix = backend_->load_matrix(tensor, name, is_mapped(tensor));
    weights_.all_f32 = weights_.all_f32 && tensor.dtype == DType::f32;
    count(tensor.size_bytes, matrix->size_bytes());
    return matrix;
  }
  std::unique_ptr<Matrix> matrix(int layer, Names names, int n_in, int n_out) {
    return matrix(in_layer(layer, names), n_in, n_out);
  }

  // Norms and biases are used as f32 whatever the file has; times `factor`.
  std::unique_ptr<Buffer> vector(const std::string& name, int width, float plus = 0, float factor = 1) {
    const Tensor& tensor = find(name, width, 1);
    std::vector<float> values(static_cast<size_t>(width));
    to_f32(tensor, values, name);
    for (float& v : values) v = (v + plus) * factor;
    auto buffer = backend_->allocate(values.size() * 4, name);
    backend_->upload(*buffer, 0, std::as_bytes(std::span<const float>(values)));
    count(tensor.size_bytes, values.size() * 4);
    return buffer;
  }
  // HF folders of gemma3 hold a norm's weights less 1.
  std::unique_ptr<Buffer> norm(const std::string& name, int width, float factor = 1) {
    return vector(name, width, !gguf_ && config_.architecture == "gemma3" ? 1.0f : 0.0f, factor);
  }
  std::unique_ptr<Buffer> norm(int layer, Names names) { return norm(in_layer(layer, names), config_.dim); }
  std::unique_ptr<Buffer> bias(int layer, Names names, int width) {
    return vector(in_layer(layer, names, "bias"), width);
  }

  std::string in_layer(int layer, Names names, const char* what = "weight") const {
    return gguf_ ? format("blk.%d.%s.%s", layer, names.gguf, what) : format("model.layers.%d.%s.%s", layer, names.hf, what);
  }
  std::string top(const char* gguf, const char* hf) const { return gguf_ ? gguf : hf; }

  // What is left would change the result if it were ignored.
  void check_all_used() {
    for (const NamedTensor& t : file_.tensors()) {
      const bool harmless = t.name.find("rotary_emb.inv_freq") != std::string::npos || t.name == "rope_freqs.weight" ||
                            (config_.tied_embeddings && t.name == "lm_head.weight");
      if (used_.count(t.name) || harmless) continue;
      not_supported(file_, "tensor " + t.name + " is not part of a " + config_.architecture + " model as it is run here");
    }
  }

  // Tensors that lie misaligned in their file are copies in memory: given back, those would read as
  // zeros, and an embedding is read again.
  bool is_mapped(const Tensor& tensor) const {
    if (!file_.is_file_map()) return false;
    for (const std::span<const std::byte> map : file_.mapped()) {
      if (tensor.data >= map.data() && tensor.data < map.data() + map.size()) return true;
    }
    return false;
  }

  // What was read between the matrices (norms, names) brought its neighbours' pages back.
  void release_file() const {
    if (!file_.is_file_map()) return;
    for (const std::span<const std::byte> map : file_.mapped()) release_mapped_pages(map.data(), map.size());
  }

 private:
  void to_f32(const Tensor& tensor, std::vector<float>& values, const std::string& name) {
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t bits = 0;
      if (tensor.dtype == DType::f32) {
        std::memcpy(&bits, tensor.data + i * 4, 4);
      } else if (tensor.dtype == DType::bf16 || tensor.dtype == DType::f16) {
        uint16_t half;
        std::memcpy(&half, tensor.data + i * 2, 2);
        if (tensor.dtype == DType::bf16) {
          bits = uint32_t(half) << 16;
        } else {
          const int exponent = (half >> 10) & 31;
          const float magnitude = exponent == 0 ? std::ldexp(float(half & 1023), -24)
                                                : std::ldexp(float(1024 + (half & 1023)), exponent - 25);
          values[i] = half & 0x8000 ? -magnitude : magnitude;
          continue;
        }
      } else {
        fail(ErrorKind::unsupported, "%s: tensor %s is %s; F32, F16 and BF16 are read", file_.path().c_str(), name.c_str(),
             dtype_name(tensor.dtype));
      }
      std::memcpy(&values[i], &bits, 4);
    }
  }

  void count(size_t file_bytes, size_t backend_bytes) {
    weights_.size_bytes += backend_bytes;
    done_ += file_bytes;
    if (on_progress_) on_progress_(std::min(1.0, double(done_) / double(std::max<uint64_t>(1, file_.size_bytes()))));
  }

  const ModelFile& file_;
  const SigmaConfig& config_;
  Backend* backend_;
  SigmaWeights& weights_;
  const std::function<void(double)>& on_progress_;
  bool gguf_;
  std::set<std::string> used_;
  uint64_t done_ = 0;
};

// What only some architectures have.
void load_extras(Loader& load, const SigmaConfig& c, int i, SigmaLayer& layer) {
  if (c.qkv_bias) {
    layer.q_bias = load.bias(i, q_proj, c.n_heads_q * c.head_dim_k);
    layer.k_bias = load.bias(i, k_proj, c.n_heads_k * c.head_dim_k);
    layer.v_bias = load.bias(i, v_proj, c.n_heads_v * c.head_dim_v);
  }
  if (c.qk_norm) {
    // Attention divides by sqrt(head_dim_k); another scale goes into the norm before it.
    const float scale = c.query_scale == 0 ? 1 : c.query_scale * std::sqrt(float(c.head_dim_k));
    layer.q_norm = load.norm(load.in_layer(i, q_norm), c.head_dim_k, scale);
    layer.k_norm = load.norm(load.in_layer(i, k_norm), c.head_dim_k);
  }
  if (c.post_norms) {
    layer.post_attention_norm = load.norm(i, post_attention_norm);
    layer.post_ffn_norm = load.norm(i, post_ffn_norm);
  }
}

}  // namespace

SigmaConfig read_sigma_config(const ModelFile& file) {
  const std::string name = file.architecture();
  if (name.empty()) {
    fail(ErrorKind::invalid_input, "%s: says nowhere which architecture it has; it is not a language model's file",
         file.path().c_str());
  }
  const bool gguf = file.format() == ModelFormat::gguf;
  static const char* const run_here[] = {"llama", "sigma", "qwen2", "qwen3", "gemma3"};
  const bool known = std::find(std::begin(run_here), std::end(run_here), name) != std::end(run_here) ||
                     (!gguf && name == "gemma3_text");
  if (name.rfind("sigma", 0) == 0) refuse_other_sigma(file);
  if (!known) {
    not_supported(file, "has the architecture \"" + name.substr(0, 60) +
                            "\"; llama, qwen2, qwen3, gemma3 and sigma (DiffQKV) are run here");
  }
  SigmaConfig config = gguf ? read_gguf_config(file) : read_hf_config(file);
  config.check(file.path());
  return config;
}

int layer_of_tensor(const std::string& name) {
  for (const std::string_view before : {"blk.", "model.layers."}) {
    if (name.rfind(before, 0) == 0) return std::atoi(name.c_str() + before.size());
  }
  return -1;
}

SigmaWeights load_sigma_weights(const ModelFile& file, const SigmaConfig& c, std::span<const LayerPlace> places,
                                const std::function<void(double)>& on_progress) {
  SigmaWeights w;
  Loader load(file, c, *places[0].backend, w, on_progress);
  const int q_width = c.n_heads_q * c.head_dim_k, v_width = c.n_heads_q * c.head_dim_v;
  w.rope_frequencies = rope_frequencies(file, c);
  w.rope_frequencies_local = local_rope_frequencies(c);

  const std::string embedding = load.top("token_embd.weight", "model.embed_tokens.weight");
  w.embedding = load.find(embedding, c.dim, c.n_vocab);
  w.embedding_is_mapped = load.is_mapped(w.embedding);
  w.layers.resize(size_t(c.n_layers));
  int next_place = places[0].n_layers;  // the layer that it begins with
  for (int i = 0; i < c.n_layers; ++i) {
    if (i == next_place) {
      places = places.subspan(1);
      next_place += places[0].n_layers;
      load.use(*places[0].backend);
    }
    SigmaLayer& layer = w.layers[size_t(i)];
    layer.attention_norm = load.norm(i, attention_norm);
    layer.q = load.matrix(i, q_proj, c.dim, q_width);
    if (c.augmented_q_dim > 0) {
      layer.q_gate = load.matrix(i, q_gate, q_width, c.augmented_q_dim);
      layer.q_up = load.matrix(i, q_up, q_width, c.augmented_q_dim);
      layer.q_down = load.matrix(i, q_down, c.augmented_q_dim, q_width);
    }
    layer.k = load.matrix(i, k_proj, c.dim, c.n_heads_k * c.head_dim_k);
    layer.v = load.matrix(i, v_proj, c.dim, c.n_heads_v * c.head_dim_v);
    layer.output = load.matrix(i, o_proj, v_width, c.dim);
    layer.ffn_norm = load.norm(i, c.post_norms ? pre_ffn_norm : ffn_norm);
    layer.gate = load.matrix(i, gate_proj, c.dim, c.ffn_dim);
    layer.up = load.matrix(i, up_proj, c.dim, c.ffn_dim);
    layer.down = load.matrix(i, down_proj, c.ffn_dim, c.dim);
    load_extras(load, c, i, layer);
  }
  w.final_norm = load.norm(load.top("output_norm.weight", "model.norm.weight"), c.dim);
  w.head = load.matrix(c.tied_embeddings ? embedding : load.top("output.weight", "lm_head.weight"), c.dim, c.n_vocab);
  load.check_all_used();
  load.release_file();
  return w;
}

}  // namespace engine
