#include "app/models/transform.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/models/catalog.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "tests/support/tiny_model.h"

using namespace app::models;
using engine::DType;
using engine::Error;
using engine::ModelFile;

namespace {

std::vector<float> logits(const std::string& path, const std::vector<int32_t>& tokens) {
  engine::CpuOptions cpu;
  cpu.n_threads = 1;
  const auto model = engine::SigmaModel::load(ModelFile::open(path), engine::make_cpu_backend(cpu));
  engine::KvCache cache(model->config(), 64, model->backend(), model->default_cache_types());
  std::vector<float> out(tokens.size() * static_cast<size_t>(model->config().n_vocab));
  engine::forward(*model, cache, tokens, engine::LogitsWanted::all, out);
  return out;
}

double relative_rms(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    size += double(b[i]) * b[i];
  }
  return std::sqrt(error / size);
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::vector<int32_t> tokens = {1, 50, 200, 7, 7, 255};

}  // namespace

TEST_CASE("models/convert: a Sigma folder becomes a GGUF file with the same logits") {
  const test_support::TempFolder folder;
  std::filesystem::create_directory(folder.file("hf"));
  write_tiny_hf_folder(test_support::make_tiny_model(test_support::tiny_config(), 5), folder.file("hf"));
  const auto report = convert_model(*ModelFile::open(folder.file("hf")), {}, folder.file("m.gguf"));
  CHECK(report.relative_rms == 0);
  CHECK(logits(folder.file("m.gguf"), tokens) == logits(folder.file("hf"), tokens));
  CHECK_THROWS_AS(convert_model(*ModelFile::open(folder.file("m.gguf")), {}, folder.file("n.gguf")), Error);
  CHECK_FALSE(std::filesystem::exists(folder.file("n.gguf")));
}

TEST_CASE("models/convert: a llama folder has its Q and K rows turned to pairs") {
  const test_support::TempFolder folder;
  std::filesystem::create_directory(folder.file("hf"));
  engine::SigmaConfig config = test_support::tiny_config();
  config.architecture = "llama";
  config.n_heads_v = config.n_heads_k;
  config.augmented_q_dim = 0;
  write_tiny_hf_folder(test_support::make_tiny_model(config, 6), folder.file("hf"));
  const auto hf = ModelFile::open(folder.file("hf"));
  convert_model(*hf, {}, folder.file("m.gguf"));
  const auto gguf = ModelFile::open(folder.file("m.gguf"));
  CHECK(gguf->architecture() == hf->architecture());
  CHECK(relative_rms(logits(folder.file("m.gguf"), tokens), logits(folder.file("hf"), tokens)) < 1e-5);
}

TEST_CASE("models/quantize: the file shrinks, the report says what was lost, the model still answers alike") {
  const test_support::TempFolder folder;
  write_tiny_gguf(test_support::make_tiny_model(test_support::tiny_config(), 5), folder.file("m.gguf"));
  const auto before = logits(folder.file("m.gguf"), tokens);
  // Widths of 64 and 96: K types do not fit and become Q8_0.
  for (const DType type : {DType::f16, DType::q8_0, DType::q4_k}) {
    CAPTURE(std::string(engine::dtype_name(type)));
    const auto report = quantize_model(*ModelFile::open(folder.file("m.gguf")), type, folder.file("q.gguf"));
    CHECK(report.n_bytes_after < report.n_bytes_before);
    CHECK(report.relative_rms > 0);
    CHECK(report.relative_rms < 0.01);
    // Random weights make sharp attention: 0.5 % in them is 10 to 20 % in the logits. Logits of other
    // weights (a wrong layout) would be 140 % off.
    CHECK(relative_rms(logits(folder.file("q.gguf"), tokens), before) < 0.5);
    CHECK(ModelFile::open(folder.file("q.gguf"))->find("output_norm.weight")->dtype == DType::f32);
  }
  CHECK_THROWS_AS(quantize_model(*ModelFile::open(folder.file("m.gguf")), DType::i32, folder.file("x.gguf")), Error);
}

TEST_CASE("models/synth: a named shape loads, and the same arguments give the same bytes") {
  const test_support::TempFolder folder;
  for (const DType type : {DType::f32, DType::q8_0, DType::q4_0, DType::q4_k, DType::q6_k}) {
    CAPTURE(std::string(engine::dtype_name(type)));
    synthesize_model("tiny", type, folder.file("a.gguf"));
    const auto info = describe_model(folder.file("a.gguf"));
    CHECK(info.error == "");
    CHECK(info.architecture == "sigma");
    for (const float x : logits(folder.file("a.gguf"), tokens)) REQUIRE(std::isfinite(x));
  }
  synthesize_model("tiny", DType::q6_k, folder.file("b.gguf"));
  CHECK(bytes_of(folder.file("a.gguf")) == bytes_of(folder.file("b.gguf")));
  CHECK_THROWS_AS(synthesize_model("huge", DType::f32, folder.file("c.gguf")), Error);
}

TEST_CASE("models/transform: a stop request leaves no file") {
  const test_support::TempFolder folder;
  std::stop_source stop;
  stop.request_stop();
  TransformOptions options;
  options.stop = stop.get_token();
  CHECK_THROWS_AS(synthesize_model("tiny", DType::f32, folder.file("a.gguf"), options), Error);
  CHECK(std::filesystem::is_empty(folder.path()));
}
