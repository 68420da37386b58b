// The architectures beside llama and sigma, and stretched rotary positions, against logits of the
// transformers package (architecture_cases.h): as one prompt, token by token, and in two numbers of
// threads.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "engine/model/sigma_weights.h"
#include "tests/engine/model/architecture_cases.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using test_support::TempFolder;

namespace {

struct Shape {
  std::string name;
  int n_out, n_in;  // n_in 0: a vector
};

// splitmix64 of the name's FNV-1a hash plus the index, in [-1, 1); times 1/4, norms plus 1.
std::vector<float> formula(const std::string& name, size_t n, bool gemma) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  const bool is_norm = name.find("norm") != std::string::npos;
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) {
    uint64_t x = hash + i * 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    x ^= x >> 31;
    values[i] = (static_cast<float>(x >> 40) * 0x1p-23f - 1) * 0.25f + (is_norm && !gemma ? 1.0f : 0.0f);
  }
  return values;
}

struct Case {
  std::string architecture;  // model_type
  std::string config;        // more of config.json
  int n_layers, head_dim;
  bool biases, head_norms, tied;
};

std::vector<Shape> shapes(const Case& c) {
  constexpr int dim = 32, ffn = 48, n_q = 4, n_kv = 2, n_vocab = 48;
  const bool gemma = c.architecture == "gemma3_text";
  std::vector<Shape> all = {{"model.embed_tokens.weight", n_vocab, dim}, {"model.norm.weight", dim, 0}};
  if (!c.tied) all.push_back({"lm_head.weight", n_vocab, dim});
  for (int i = 0; i < c.n_layers; ++i) {
    const std::string l = "model.layers." + std::to_string(i) + ".";
    const std::pair<const char*, int> heads[] = {{"q_proj", n_q}, {"k_proj", n_kv}, {"v_proj", n_kv}};
    for (const auto& [name, n] : heads) {
      all.push_back({l + "self_attn." + name + ".weight", n * c.head_dim, dim});
      if (c.biases) all.push_back({l + "self_attn." + name + ".bias", n * c.head_dim, 0});
    }
    if (c.head_norms) all.push_back({l + "self_attn.q_norm.weight", c.head_dim, 0});
    if (c.head_norms) all.push_back({l + "self_attn.k_norm.weight", c.head_dim, 0});
    all.push_back({l + "self_attn.o_proj.weight", dim, n_q * c.head_dim});
    all.push_back({l + "mlp.gate_proj.weight", ffn, dim});
    all.push_back({l + "mlp.up_proj.weight", ffn, dim});
    all.push_back({l + "mlp.down_proj.weight", dim, ffn});
    all.push_back({l + "input_layernorm.weight", dim, 0});
    all.push_back({l + "post_attention_layernorm.weight", dim, 0});
    if (gemma) all.push_back({l + "pre_feedforward_layernorm.weight", dim, 0});
    if (gemma) all.push_back({l + "post_feedforward_layernorm.weight", dim, 0});
  }
  return all;
}

// All tensors, in so many shards with an index.
void write_folder(const Case& c, const std::string& folder, size_t n_shards) {
  const std::vector<Shape> all = shapes(c);
  std::string index;
  for (size_t shard = 0; shard < n_shards; ++shard) {
    const std::string name = n_shards == 1 ? "model.safetensors" : "part-" + std::to_string(shard) + ".safetensors";
    std::string header, data;
    for (size_t i = shard; i < all.size(); i += n_shards) {
      const Shape& s = all[i];
      const auto n = static_cast<size_t>(s.n_out) * static_cast<size_t>(std::max(1, s.n_in));
      const std::vector<float> values = formula(s.name, n, c.architecture == "gemma3_text");
      header += (header.empty() ? "" : ",") + ("\"" + s.name + "\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(s.n_out)) +
                (s.n_in > 0 ? "," + std::to_string(s.n_in) : "") + "],\"data_offsets\":[" + std::to_string(data.size()) + "," +
                std::to_string(data.size() + n * 4) + "]}";
      data.append(reinterpret_cast<const char*>(values.data()), n * 4);
      index += (index.empty() ? "\"" : ",\"") + s.name + "\":\"" + name + "\"";
    }
    header = "{" + header + "}";
    const uint64_t n_header = header.size();
    std::ofstream out(folder + "/" + name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&n_header), 8);
    out << header << data;
  }
  if (n_shards > 1) std::ofstream(folder + "/model.safetensors.index.json") << "{\"weight_map\":{" + index + "}}";
  std::ofstream(folder + "/config.json")
      << R"({"vocab_size":48,"hidden_size":32,"intermediate_size":48,"num_attention_heads":4,"num_key_value_heads":2,
             "max_position_embeddings":512,"rms_norm_eps":1e-6,"num_hidden_layers":)" + std::to_string(c.n_layers) +
             ",\"tie_word_embeddings\":" + (c.tied ? "true" : "false") + ",\"model_type\":\"" + c.architecture + "\"" +
             (c.config.empty() ? "" : ",") + c.config + "}";
}

const Case qwen2{"qwen2", R"("rope_parameters":{"rope_theta":10000.0,"rope_type":"default"})", 2, 8, true, false, true};
const Case qwen3{"qwen3", R"("head_dim":16,"rope_theta":10000.0)", 2, 16, false, true, false};
const Case gemma3{"gemma3_text", R"("head_dim":16,"query_pre_attn_scalar":20,"sliding_window":37,"sliding_window_pattern":6,
  "rope_local_base_freq":10000.0,"rope_theta":1000000.0,"rope_scaling":{"rope_type":"linear","factor":8.0},
  "hidden_activation":"gelu_pytorch_tanh")", 7, 16, false, true, true};
const Case llama3_rope{"llama", R"("rope_theta":10000.0,"rope_scaling":{"type":"llama3","rope_type":"llama3","factor":8.0,
  "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64})", 2, 8, false, false, false};
const Case linear_rope{"llama", R"("rope_scaling":{"type":"linear","factor":4.0})", 2, 8, false, false, false};

std::vector<int32_t> tokens() {
  std::vector<int32_t> list;
  for (int i = 0; i < architecture_cases::n_tokens; ++i) list.push_back((7 * i * i + 3 * i) % 48);
  return list;
}

using Expected = float[architecture_cases::n_positions][architecture_cases::n_logits];

void check(const Case& c, const Expected& expected, size_t n_shards) {
  const TempFolder folder;
  write_folder(c, folder.path(), n_shards);
  const auto model = SigmaModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 2}));
  const std::vector<int32_t> text = tokens();
  constexpr CacheTypes exact{CacheType::f32, CacheType::f32};
  std::vector<float> at_once(text.size() * 48), one(48);
  KvCache whole(model->config(), architecture_cases::n_tokens, model->backend(), exact);
  KvCache steps(model->config(), architecture_cases::n_tokens, model->backend(), exact);
  forward(*model, whole, text, LogitsWanted::all, at_once);
  for (size_t t = 0; t < text.size(); ++t) {
    forward(*model, steps, std::span(text).subspan(t, 1), LogitsWanted::last, one);
    for (size_t i = 0; i < 48; ++i) REQUIRE(std::fabs(one[i] - at_once[t * 48 + i]) < 2e-5f);
  }
  for (int p = 0; p < architecture_cases::n_positions; ++p) {
    for (int i = 0; i < architecture_cases::n_logits; ++i) {
      const size_t at = static_cast<size_t>(architecture_cases::positions[p]) * 48 + static_cast<size_t>(i);
      CAPTURE(p);
      CHECK(std::fabs(at_once[at] - expected[p][i]) < 2e-5f);
    }
  }
}

std::string refusal(const Case& c) {
  const TempFolder folder;
  write_folder(c, folder.path(), 1);
  try {
    SigmaModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 1}));
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unsupported);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("architectures: qwen2 adds its biases") { check(qwen2, architecture_cases::qwen2, 1); }
TEST_CASE("architectures: qwen3 norms the heads of Q and K; weights in shards") { check(qwen3, architecture_cases::qwen3, 3); }
TEST_CASE("architectures: gemma3 has windows, two rotary bases, GeGLU, four norms, a scaled embedding") {
  check(gemma3, architecture_cases::gemma3, 1);
}
TEST_CASE("architectures: rotary positions stretched as Llama 3.1 does and linearly") {
  check(llama3_rope, architecture_cases::llama3_rope, 1);
  check(linear_rope, architecture_cases::linear_rope, 1);
}

TEST_CASE("architectures: variants that would change the result are refused by name") {
  Case c = qwen3;
  c.config += R"(,"attention_bias":true)";
  CHECK(refusal(c).find("attention_bias") != std::string::npos);
  c = linear_rope;
  c.config = R"("rope_scaling":{"rope_type":"yarn","factor":4.0})";
  CHECK(refusal(c).find("\"yarn\"") != std::string::npos);
  c = linear_rope;
  c.config = R"("partial_rotary_factor":0.5)";
  CHECK(refusal(c).find("partial_rotary_factor") != std::string::npos);
  c = gemma3;
  c.config += R"(,"final_logit_softcapping":30.0)";
  CHECK(refusal(c).find("final_logit_softcapping") != std::string::npos);
  c = gemma3;
  c.config += R"(,"layer_types":["chunked_attention","a","b","c","d","e","f"])";
  CHECK(refusal(c).find("chunked_attention") != std::string::npos);
  c = qwen2;
  c.architecture = "mamba";
  CHECK(refusal(c).find("\"mamba\"; llama, qwen2, qwen3, gemma3 and sigma") != std::string::npos);
}
