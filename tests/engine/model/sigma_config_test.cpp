#include <doctest/doctest.h>

#include <fstream>

#include "engine/base/error.h"
#include "engine/files/gguf.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "engine/model/sigma_weights.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

std::string refusal(const std::string& folder) {
  try {
    read_sigma_config(*ModelFile::open(folder));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("config: GGUF and HF folder of one model read alike") {
  const TempFolder folder;
  SigmaConfig c = tiny_config();
  c.selective_v_top_k = 7;
  c.augmented_q_residual = true;
  const TinyModel model = make_tiny_model(c, 1);
  write_tiny_gguf(model, folder.file("tiny.gguf"));
  write_tiny_hf_folder(model, folder.path());
  const SigmaConfig a = read_sigma_config(*ModelFile::open(folder.file("tiny.gguf")));
  const SigmaConfig b = read_sigma_config(*ModelFile::open(folder.path()));
  for (const SigmaConfig& read : {a, b}) {
    CHECK(read.n_layers == c.n_layers);
    CHECK(read.n_heads_k == c.n_heads_k);
    CHECK(read.n_heads_v == c.n_heads_v);
    CHECK(read.head_dim_k == c.head_dim_k);
    CHECK(read.augmented_q_dim == c.augmented_q_dim);
    CHECK(read.augmented_q_residual);
    CHECK(read.selective_v_top_k == 7);
    CHECK_FALSE(read.rope_interleaved);
    CHECK(read.rope_theta == c.rope_theta);
    CHECK(read.n_vocab == c.n_vocab);
  }
}

TEST_CASE("config: impossible values are refused with their name") {
  const auto message = [](auto change) -> std::string {
    SigmaConfig c = tiny_config();
    change(c);
    try {
      c.check("m.gguf");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::invalid_input);
      return e.what();
    }
    return "accepted";
  };
  CHECK(message([](SigmaConfig&) {}) == "accepted");
  CHECK(message([](SigmaConfig& c) { c.n_layers = 0; }).find("number of layers is 0") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.dim = 1 << 30; }).find("width") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.n_heads_k = 3; }).find("cannot share 3 key heads") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.n_heads_v = 0; }).find("value heads is 0") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.head_dim_k = 15; }).find("even") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.head_dim_v = 1 << 28; }).find("value head width") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.n_heads_q = 4096, c.head_dim_k = 4096; }).find("all query heads") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.rope_theta = -1; }).find("rotary base") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.rms_norm_eps = 2; }).find("epsilon") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.selective_v_top_k = -1; }).find("top k") != std::string::npos);
  CHECK(message([](SigmaConfig& c) { c.n_vocab = 0; }).find("vocabulary") != std::string::npos);
}

TEST_CASE("config: the other model called Sigma is refused by name") {
  const TempFolder folder;
  write_tiny_hf_folder(make_tiny_model(tiny_config(), 1), folder.path());
  const std::string config = folder.file("config.json");
  const std::string common =
      R"("model_type": "sigma", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
         "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 200019)";
  std::ofstream(config) << R"({"architectures": ["SigmaForCausalLM"], "n_routed_experts": 64, )" + common + "}";
  CHECK(refusal(folder.path()).find("Microsoft's mixture-of-experts") != std::string::npos);
  std::ofstream(config) << R"({"architectures": ["SigmaV2ForCausalLM"], "num_key_heads": 2, )" + common + "}";
  CHECK(refusal(folder.path()).find("SigmaV2ForCausalLM") != std::string::npos);
  std::ofstream(config) << R"({"architectures": ["SigmaForCausalLM"], )" + common + "}";
  CHECK(refusal(folder.path()).find("vocab_size 200019") != std::string::npos);
  std::ofstream(config) << R"({"architectures": ["SigmaV2ForCausalLM"], "model_type": "sigma_v2", "num_key_heads": 2})";
  CHECK(refusal(folder.path()).find("Microsoft's mixture-of-experts") != std::string::npos);
}

TEST_CASE("config: the other Sigma is refused as a GGUF file too, by its numbers, tensors or architecture") {
  const TempFolder folder;
  const std::string path = folder.file("m.gguf");
  const auto refused = [&](const test_support::GgufBytes& b) {
    std::ofstream(path, std::ios::binary) << b.bytes;
    return refusal(path).find("Microsoft's mixture-of-experts") != std::string::npos;
  };
  const auto sigma = [](uint64_t n_tensors, uint64_t n_values, const char* name = "sigma") {
    test_support::GgufBytes b;
    b.header(n_tensors, n_values).value_string("general.architecture", name);
    return b;
  };
  CHECK(refused(sigma(0, 2).value_u32("sigma.expert_count", 64)));
  CHECK(refused(sigma(0, 2).value_u32("sigma.attention.kv_lora_rank", 512)));
  CHECK(refused(sigma(0, 1, "sigma-moe")));
  CHECK(refused(sigma(1, 1).tensor("blk.0.ffn_gate_exps.weight", {8}, 0, 0).pad().data(32)));
  CHECK_FALSE(refused(sigma(0, 2).value_u32("sigma.expert_count", 0)));  // and fails for what is missing
}

TEST_CASE("config: an architecture that is not run here is named with those that are") {
  const TempFolder folder;
  write_tiny_hf_folder(make_tiny_model(tiny_config(), 1), folder.path());
  std::ofstream(folder.file("config.json")) << R"({"model_type": "mamba"})";
  CHECK(refusal(folder.path()).find("\"mamba\"; llama, qwen2, qwen3, gemma3 and sigma") != std::string::npos);
}

TEST_CASE("weights: a tensor that disagrees with the metadata is named") {
  const TempFolder folder;
  SigmaConfig c = tiny_config();
  c.n_heads_v = 2;
  write_tiny_hf_folder(make_tiny_model(c, 1), folder.path());
  std::ifstream in(folder.file("config.json"));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  text.replace(text.find("\"num_value_heads\": 2"), 20, "\"num_value_heads\": 4");
  in.close();
  std::ofstream(folder.file("config.json")) << text;
  try {
    SigmaModel::load(ModelFile::open(folder.path()), make_cpu_backend());
    FAIL("loaded");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::invalid_input);
    CHECK(std::string(e.what()).find("v_proj.weight is 32 x 64 where the model's shape needs 64 x 64") != std::string::npos);
  }
}

TEST_CASE("config: counts of layers that the model has not, and periods of none, change nothing and break nothing") {
  const auto config = [](const char* name, const char* key, uint32_t value) {
    const std::string a = name;
    test_support::GgufBytes b;
    b.header(0, 9).value_string("general.architecture", name).value_u32(a + ".block_count", 3);
    b.value_u32(a + ".embedding_length", 64).value_u32(a + ".feed_forward_length", 96).value_u32(a + ".attention.head_count", 4);
    b.value_u32(a + ".attention.head_count_kv", 2).value_u32(a + ".vocab_size", 32).value_u32(a + ".attention.sliding_window", 8);
    b.value_u32(a + key, value);
    return engine::read_sigma_config(*engine::parse_gguf(b.span(), "m.gguf"));
  };
  for (const uint32_t value : {0u, 1u, 3u, 4u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    CAPTURE(value);
    CHECK(config("llama", ".nextn_predict_layers", value).n_layers == 3);
    if (value <= 1u << 30) CHECK(config("gemma3", ".attention.sliding_window_pattern", value).local_layers.size() == 3);
    else CHECK_THROWS_AS(config("gemma3", ".attention.sliding_window_pattern", value), engine::Error);
  }
}
