#include "engine/model/bert.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using test_support::TempFolder;

namespace {

// Weights by a formula, as in architecture_test.cpp; expected numbers by tests/support/make_bert_case.py.
void write_folder(const std::string& folder, const std::string& more_config = "", const std::string& left_out = "") {
  constexpr int dim = 32, ffn = 64;
  std::vector<std::pair<std::string, std::vector<int>>> all = {{"embeddings.word_embeddings.weight", {40, dim}},
                                                               {"embeddings.position_embeddings.weight", {24, dim}},
                                                               {"embeddings.token_type_embeddings.weight", {2, dim}}};
  const auto add = [&](const std::string& name, int n_out, int n_in) {
    if (n_in > 0) all.push_back({name + ".weight", {n_out, n_in}});
    else all.push_back({name + ".weight", {n_out}});
    all.push_back({name + ".bias", {n_out}});
  };
  add("embeddings.LayerNorm", dim, 0);
  for (int i = 0; i < 2; ++i) {
    const std::string l = "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}) add(l + part, dim, dim);
    add(l + "attention.output.LayerNorm", dim, 0);
    add(l + "intermediate.dense", ffn, dim);
    add(l + "output.dense", dim, ffn);
    add(l + "output.LayerNorm", dim, 0);
  }
  std::string header, data;
  for (const auto& [name, shape] : all) {
    if (name == left_out) continue;
    const auto n = static_cast<size_t>(shape[0]) * (shape.size() > 1 ? static_cast<size_t>(shape[1]) : 1);
    uint64_t hash = 0xCBF29CE484222325ull;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    const float plus = name.ends_with("LayerNorm.weight") ? 1.0f : 0.0f;
    header += (header.empty() ? "" : ",") + ("\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(shape[0])) +
              (shape.size() > 1 ? "," + std::to_string(shape[1]) : "") + "],\"data_offsets\":[" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + n * 4) + "]}";
    for (size_t i = 0; i < n; ++i) {
      uint64_t x = hash + i * 0x9E3779B97F4A7C15ull;
      x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
      x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
      x ^= x >> 31;
      const float value = (static_cast<float>(x >> 40) * 0x1p-23f - 1) * 0.25f + plus;
      data.append(reinterpret_cast<const char*>(&value), 4);
    }
  }
  header = "{" + header + "}";
  const uint64_t n_header = header.size();
  std::ofstream out(folder + "/model.safetensors", std::ios::binary);
  out.write(reinterpret_cast<const char*>(&n_header), 8);
  out << header << data;
  std::ofstream(folder + "/config.json")
      << R"({"model_type":"bert","vocab_size":40,"hidden_size":32,"num_hidden_layers":2,"num_attention_heads":4,
             "intermediate_size":64,"max_position_embeddings":24,"type_vocab_size":2)" + more_config + "}";
}

std::string problem(const std::string& more_config, const std::string& left_out = "") {
  const TempFolder folder;
  write_folder(folder.path(), more_config, left_out);
  try {
    BertModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 1}));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("bert: the last layer's output equals the transformers package's") {
  constexpr float expected[2][6] = {{-0.6293166f, 0.1625476f, -0.4144374f, 1.471172f, 0.1107613f, -0.5129117f},
                                    {0.6063583f, 0.2610477f, -0.04475129f, 1.175852f, 1.276414f, -0.8720213f}};
  const TempFolder folder;
  write_folder(folder.path());
  const auto model = BertModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 2}));
  std::vector<int32_t> tokens;
  for (int i = 0; i < 20; ++i) tokens.push_back((5 * i + 3) % 40);
  const std::vector<float> rows = model->encode(tokens);
  REQUIRE(rows.size() == 20 * 32);
  for (size_t i = 0; i < 6; ++i) {
    CHECK(std::fabs(rows[i] - expected[0][i]) < 1e-5f);
    CHECK(std::fabs(rows[19 * 32 + i] - expected[1][i]) < 1e-5f);
  }
  CHECK(model->encode({}).empty());
}

TEST_CASE("bert: tokens outside the vocabulary and text that is too long are refused") {
  const TempFolder folder;
  write_folder(folder.path());
  const auto model = BertModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 1}));
  CHECK_THROWS_AS(model->encode(std::vector<int32_t>{40}), Error);
  CHECK_THROWS_AS(model->encode(std::vector<int32_t>{-1}), Error);
  CHECK_THROWS_AS(model->encode(std::vector<int32_t>(25, 1)), Error);
}

TEST_CASE("bert: what is missing, of another shape or not run here is named") {
  CHECK(problem("", "encoder.layer.1.output.dense.bias").find("encoder.layer.1.output.dense.bias is missing") != std::string::npos);
  const TempFolder folder;
  write_folder(folder.path());
  std::ofstream(folder.path() + "/config.json") << R"({"model_type":"bert","vocab_size":41,"hidden_size":32,"num_hidden_layers":2,
    "num_attention_heads":4,"intermediate_size":64,"max_position_embeddings":24,"type_vocab_size":2})";
  CHECK_THROWS_AS(BertModel::load(ModelFile::open(folder.path()), make_cpu_backend({.n_threads = 1})), Error);
  CHECK(problem(R"(,"hidden_act":"relu")").find("relu") != std::string::npos);
  CHECK(problem(R"(,"position_embedding_type":"relative_key")").find("relative_key") != std::string::npos);
}
