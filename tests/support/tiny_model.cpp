#include "tests/support/tiny_model.h"

#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/gguf_writer.h"
#include "kernels/reference/reference.h"

namespace test_support {
namespace {

using engine::SigmaConfig;

struct Entry {
  std::string hf, gguf;
  int n_in, n_out;  // n_out 1: a norm
};

// Every tensor of the model, in the file's order.
std::vector<Entry> entries_of(const SigmaConfig& c) {
  const int q = c.n_heads_q * c.head_dim_k, v = c.n_heads_q * c.head_dim_v;
  std::vector<Entry> all = {{"model.embed_tokens.weight", "token_embd.weight", c.dim, c.n_vocab}};
  for (int i = 0; i < c.n_layers; ++i) {
    const std::string hf = "model.layers." + std::to_string(i) + ".", gguf = "blk." + std::to_string(i) + ".";
    const auto add = [&](const char* a, const char* b, int n_in, int n_out) {
      all.push_back({hf + a + ".weight", gguf + b + ".weight", n_in, n_out});
    };
    add("input_layernorm", "attn_norm", c.dim, 1);
    add("self_attn.q_proj", "attn_q", c.dim, q);
    if (c.augmented_q_dim > 0) {
      add("self_attn.q_gate_proj", "attn_q_gate", q, c.augmented_q_dim);
      add("self_attn.q_up_proj", "attn_q_up", q, c.augmented_q_dim);
      add("self_attn.q_down_proj", "attn_q_down", c.augmented_q_dim, q);
    }
    add("self_attn.k_proj", "attn_k", c.dim, c.n_heads_k * c.head_dim_k);
    add("self_attn.v_proj", "attn_v", c.dim, c.n_heads_v * c.head_dim_v);
    add("self_attn.o_proj", "attn_output", v, c.dim);
    add("post_attention_layernorm", "ffn_norm", c.dim, 1);
    add("mlp.gate_proj", "ffn_gate", c.dim, c.ffn_dim);
    add("mlp.up_proj", "ffn_up", c.dim, c.ffn_dim);
    add("mlp.down_proj", "ffn_down", c.ffn_dim, c.dim);
  }
  all.push_back({"model.norm.weight", "output_norm.weight", c.dim, 1});
  if (!c.tied_embeddings) all.push_back({"lm_head.weight", "output.weight", c.dim, c.n_vocab});
  return all;
}

// GPT-2's characters for bytes: printable ones stand for themselves, the rest from U+0100 on.
std::string byte_character(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255); };
  int code = byte, moved = 0;
  if (!printable(byte)) {
    for (int b = 0; b < byte; ++b) moved += printable(b) ? 0 : 1;
    code = 256 + moved;
  }
  std::string text;
  engine::append_utf8(text, char32_t(code));
  return text;
}

void set_tokenizer(engine::GgufWriter& out, int n_vocab) {
  std::vector<std::string> pieces;
  std::vector<int32_t> types;
  for (int i = 0; i < n_vocab; ++i) {
    pieces.push_back(i < 256 ? byte_character(i) : i == 256 ? "<|endoftext|>" : "<unused" + std::to_string(i) + ">");
    types.push_back(i < 256 ? 1 : 3);
  }
  const std::vector<std::string_view> views(pieces.begin(), pieces.end());
  out.set_string("tokenizer.ggml.model", "gpt2");
  out.set_string("tokenizer.ggml.pre", "gpt-2");
  out.set_strings("tokenizer.ggml.tokens", views);
  out.set_i32s("tokenizer.ggml.token_type", types);
  out.set_strings("tokenizer.ggml.merges", {});
  if (n_vocab > 256) out.set_u32("tokenizer.ggml.eos_token_id", 256);
}

std::vector<std::byte> encode(const std::vector<float>& values, TinyType type) {
  std::vector<std::byte> bytes;
  const auto put = [&](const void* data, size_t n) {
    const auto* p = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), p, p + n);
  };
  if (type == TinyType::f32) put(values.data(), values.size() * 4);
  if (type == TinyType::f16) {
    for (const float v : values) {
      const uint16_t half = kernels::f32_to_f16(v);
      put(&half, 2);
    }
  }
  if (type == TinyType::q8_0) {
    for (size_t i = 0; i < values.size(); i += 32) {
      float largest = 0;
      for (size_t j = i; j < i + 32; ++j) largest = std::max(largest, std::fabs(values[j]));
      const uint16_t half = kernels::f32_to_f16(largest / 127);
      put(&half, 2);
      const float d = kernels::f16_to_f32(half);
      for (size_t j = i; j < i + 32; ++j) {
        const int8_t q = int8_t(std::clamp(d > 0 ? std::lround(values[j] / d) : 0L, -127L, 127L));
        put(&q, 1);
      }
    }
  }
  return bytes;
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sigma-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) engine::fail(engine::ErrorKind::io, "%s: cannot be made", pattern.c_str());
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SigmaConfig tiny_config() {
  SigmaConfig c;
  c.architecture = "sigma";
  c.n_layers = 2;
  c.dim = 64;
  c.ffn_dim = 160;
  c.n_heads_q = 8;
  c.n_heads_k = 2;
  c.n_heads_v = 4;
  c.head_dim_k = c.head_dim_v = 16;
  c.augmented_q_dim = 96;
  c.n_vocab = 260;
  c.n_ctx_trained = 512;
  return c;
}

TinyModel make_tiny_model(const SigmaConfig& config, uint64_t seed) {
  TinyModel model{config, {}};
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (const Entry& e : entries_of(config)) {
    std::vector<float> values(size_t(e.n_in) * size_t(e.n_out));
    const float scale = e.hf.find("embed") != std::string::npos ? 1.0f : 1.6f / std::sqrt(float(e.n_in));
    for (float& v : values) v = e.n_out == 1 ? 1 + 0.1f * normal(random) : scale * normal(random);
    model.weights[e.hf] = std::move(values);
  }
  return model;
}

void write_tiny_gguf(const TinyModel& model, const std::string& path, TinyType type) {
  const SigmaConfig& c = model.config;
  engine::GgufWriter out(path);
  const auto set = [&](const char* key, int value) { out.set_u32(std::string("sigma.") + key, uint32_t(value)); };
  out.set_string("general.architecture", "sigma");
  out.set_string("general.name", "tiny");
  set("block_count", c.n_layers);
  set("embedding_length", c.dim);
  set("feed_forward_length", c.ffn_dim);
  set("context_length", c.n_ctx_trained);
  set("vocab_size", c.n_vocab);
  set("attention.head_count", c.n_heads_q);
  set("attention.head_count_k", c.n_heads_k);
  set("attention.head_count_v", c.n_heads_v);
  set("attention.key_length", c.head_dim_k);
  set("attention.value_length", c.head_dim_v);
  set("attention.augmented_q_length", c.augmented_q_dim);
  out.set_bool("sigma.attention.augmented_q_residual", c.augmented_q_residual);
  set("attention.selective_v_top_k", c.selective_v_top_k);
  out.set_f32("sigma.attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  out.set_f32("sigma.rope.freq_base", c.rope_theta);
  set_tokenizer(out, c.n_vocab);

  const std::vector<Entry> entries = entries_of(c);
  const engine::DType matrices = type == TinyType::f32   ? engine::DType::f32
                                 : type == TinyType::f16 ? engine::DType::f16
                                                         : engine::DType::q8_0;
  for (const Entry& e : entries) {
    const std::vector<int64_t> dims = e.n_out == 1 ? std::vector<int64_t>{e.n_in} : std::vector<int64_t>{e.n_in, e.n_out};
    out.add_tensor(e.gguf, e.n_out == 1 ? engine::DType::f32 : matrices, dims);
  }
  for (const Entry& e : entries) out.write(encode(model.weights.at(e.hf), e.n_out == 1 ? TinyType::f32 : type));
  out.finish();
}

void write_tiny_hf_folder(const TinyModel& model, const std::string& folder) {
  const SigmaConfig& c = model.config;
  std::ofstream(folder + "/config.json") << engine::format(
      R"({"architectures": ["SigmaForCausalLM"], "model_type": "sigma", "hidden_size": %d, "intermediate_size": %d,
 "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_heads": %d, "num_value_heads": %d, "head_dim": %d,
 "key_head_dim": %d, "augmented_q_dim": %d, "augmented_q_residual": %s, "selective_v_top_k": %d, "rope_theta": %.9g,
 "rms_norm_eps": %.9g, "vocab_size": %d, "max_position_embeddings": %d, "tie_word_embeddings": %s})",
      c.dim, c.ffn_dim, c.n_layers, c.n_heads_q, c.n_heads_k, c.n_heads_v, c.head_dim_v, c.head_dim_k, c.augmented_q_dim,
      c.augmented_q_residual ? "true" : "false", c.selective_v_top_k, double(c.rope_theta), double(c.rms_norm_eps), c.n_vocab,
      c.n_ctx_trained, c.tied_embeddings ? "true" : "false");

  std::string header = "{";
  uint64_t offset = 0;
  const std::vector<Entry> entries = entries_of(c);
  for (const Entry& e : entries) {
    const uint64_t end = offset + model.weights.at(e.hf).size() * 4;
    const std::string shape = e.n_out == 1 ? engine::format("%d", e.n_in) : engine::format("%d, %d", e.n_out, e.n_in);
    header += engine::format(R"(%s"%s": {"dtype": "F32", "shape": [%s], "data_offsets": [%llu, %llu]})", offset ? ", " : "",
                             e.hf.c_str(), shape.c_str(), static_cast<unsigned long long>(offset),
                             static_cast<unsigned long long>(end));
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::ofstream out(folder + "/model.safetensors", std::ios::binary);
  const uint64_t n = header.size();
  out.write(reinterpret_cast<const char*>(&n), 8);
  out << header;
  for (const Entry& e : entries) {
    const std::vector<float>& values = model.weights.at(e.hf);
    out.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * 4));
  }
}

std::vector<float> reference_logits(const TinyModel& model, std::span<const int32_t> tokens) {
  namespace ref = kernels::reference;
  const SigmaConfig& c = model.config;
  const int n = int(tokens.size());
  const auto weights = [&](const std::string& name) { return model.weights.at(name + ".weight").data(); };
  const auto product = [&](const std::string& name, const std::vector<float>& x, int n_in, int n_out) {
    std::vector<float> y(size_t(n) * size_t(n_out));
    ref::matmul(kernels::WeightType::f32, reinterpret_cast<const uint8_t*>(weights(name)), x.data(), y.data(), n_out, n_in, n);
    return y;
  };
  const auto normed = [&](const std::string& name, const std::vector<float>& x) {
    std::vector<float> y(x.size());
    ref::rms_norm(x.data(), weights(name), y.data(), c.dim, n, c.rms_norm_eps);
    return y;
  };
  const auto add = [](std::vector<float>& x, const std::vector<float>& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  const auto gated = [&](const std::string& gate, const std::string& up, const std::vector<float>& x, int n_in, int n_out) {
    std::vector<float> y(size_t(n) * size_t(n_out));
    ref::silu_mul(product(gate, x, n_in, n_out).data(), product(up, x, n_in, n_out).data(), y.data(), int64_t(y.size()));
    return y;
  };
  std::vector<double> frequencies(size_t(c.head_dim_k / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = std::pow(double(c.rope_theta), -2.0 * double(i) / c.head_dim_k);

  std::vector<float> x;
  for (const int32_t token : tokens) {
    const float* row = weights("model.embed_tokens") + int64_t(token) * c.dim;
    x.insert(x.end(), row, row + c.dim);
  }
  const int q_width = c.n_heads_q * c.head_dim_k;
  for (int layer = 0; layer < c.n_layers; ++layer) {
    const std::string p = "model.layers." + std::to_string(layer) + ".", a = p + "self_attn.";
    const std::vector<float> h = normed(p + "input_layernorm", x);
    std::vector<float> q = product(a + "q_proj", h, c.dim, q_width);
    if (c.augmented_q_dim > 0) {
      const std::vector<float> wide = gated(a + "q_gate_proj", a + "q_up_proj", q, q_width, c.augmented_q_dim);
      const std::vector<float> augmented = product(a + "q_down_proj", wide, c.augmented_q_dim, q_width);
      if (c.augmented_q_residual) add(q, augmented);
      else q = augmented;
    }
    std::vector<float> k = product(a + "k_proj", h, c.dim, c.n_heads_k * c.head_dim_k);
    const std::vector<float> v = product(a + "v_proj", h, c.dim, c.n_heads_v * c.head_dim_v);
    ref::rope(q.data(), frequencies.data(), c.rope_interleaved, c.n_heads_q, c.head_dim_k, 0, n);
    ref::rope(k.data(), frequencies.data(), c.rope_interleaved, c.n_heads_k, c.head_dim_k, 0, n);
    std::vector<float> o(size_t(n) * size_t(c.n_heads_q) * size_t(c.head_dim_v));
    ref::attention({c.n_heads_q, c.n_heads_k, c.n_heads_v, c.head_dim_k, c.head_dim_v, c.selective_v_top_k}, q.data(), k.data(),
                   v.data(), o.data(), 0, n);
    add(x, product(a + "o_proj", o, c.n_heads_q * c.head_dim_v, c.dim));
    const std::vector<float> g = normed(p + "post_attention_layernorm", x);
    add(x, product(p + "mlp.down_proj", gated(p + "mlp.gate_proj", p + "mlp.up_proj", g, c.dim, c.ffn_dim), c.ffn_dim, c.dim));
  }
  x = normed("model.norm", x);
  return product(c.tied_embeddings ? "model.embed_tokens" : "lm_head", x, c.dim, c.n_vocab);
}

std::vector<int32_t> random_tokens(int n, int n_vocab, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& token : tokens) token = int32_t(random() % uint64_t(n_vocab));
  return tokens;
}

}  // namespace test_support
