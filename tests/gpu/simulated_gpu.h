// tests/gpu/simulated_gpu.h: the engine on the fake driver: tiny models on both backends, findings as failures.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/choose_backend.h"
#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "tests/support/fake_cuda/control.h"
#include "tests/support/ptx/floats.h"
#include "tests/support/tiny_model.h"

namespace gpu_tests {

inline std::string text_of(const std::vector<ptx::Finding>& findings) {
  std::string all;
  for (const ptx::Finding& f : findings) all += f.text() + "\n";
  return all;
}

// One test's use of the fake driver: limits before, no findings after. On a real GPU, which has no limits to set, nothing.
class SimulatedGpu {
 public:
  explicit SimulatedGpu(const fake_cuda::Limits& limits = {}) : fake_(fake_cuda::control()) {
    if (!fake_) return;
    fake_->edit_modules({});
    fake_->reset(limits);
  }
  ~SimulatedGpu() {
    if (!fake_) return;
    const auto findings = fake_->take_findings();
    CHECK_MESSAGE(findings.empty(), text_of(findings));
  }
  bool simulated() const { return fake_ != nullptr; }
  fake_cuda::Control& fake() const {
    REQUIRE_MESSAGE(fake_, "libcuda.so.1 is not the fake driver; run through ctest");
    return *fake_;
  }
  // For tests that expect them.
  std::vector<ptx::Finding> take_findings() const { return fake_->take_findings(); }

 private:
  fake_cuda::Control* fake_;
};

// False, said aloud, where the program was built without nvcc, or has neither the fake driver nor a GPU.
inline bool has_kernels() {
  const std::string why = engine::find_gpu().why_not;
  if (why.empty() || (fake_cuda::control() && why.find("built without CUDA kernels") == std::string::npos)) return true;
  MESSAGE("skipped: ", why);
  return false;
}

// The same for what only the fake driver can be asked for: limits, faults, counts.
inline bool has_simulator() {
  if (!has_kernels()) return false;
  if (fake_cuda::control()) return true;
  MESSAGE("skipped: a real GPU has no limits and counts to test with");
  return false;
}

// Makes every weight one that the type holds exactly, so that the reference computes with the same weights.
inline void round_weights(test_support::TinyModel& model, test_support::TinyType type) {
  for (auto& [name, values] : model.weights) {
    if (name.find("norm") != std::string::npos || type == test_support::TinyType::f32) continue;
    for (size_t i = 0; type == test_support::TinyType::f16 && i < values.size(); ++i)
      values[i] = ptx::f16_to_float(ptx::float_to_f16(values[i]));
    for (size_t block = 0; type == test_support::TinyType::q8_0 && block + 32 <= values.size(); block += 32) {
      float largest = 0;
      for (size_t i = block; i < block + 32; ++i) largest = std::max(largest, std::fabs(values[i]));
      const float scale = ptx::f16_to_float(ptx::float_to_f16(largest / 127));
      for (size_t i = block; i < block + 32; ++i)
        values[i] = scale > 0 ? std::clamp(std::nearbyint(values[i] / scale), -127.0f, 127.0f) * scale : 0.0f;
    }
  }
}

// A tiny model's file, to be loaded on any backend.
struct TinyFile {
  test_support::TempFolder folder;
  test_support::TinyModel tiny;

  explicit TinyFile(const engine::SigmaConfig& config, test_support::TinyType type = test_support::TinyType::f16, uint64_t seed = 42)
      : tiny(test_support::make_tiny_model(config, seed)) {
    round_weights(tiny, type);
    test_support::write_tiny_gguf(tiny, folder.file("tiny.gguf"), type);
  }
  std::shared_ptr<const engine::SigmaModel> load(std::unique_ptr<engine::Backend> backend) const {
    return engine::SigmaModel::load(engine::ModelFile::open(folder.file("tiny.gguf")), std::move(backend));
  }
  std::shared_ptr<const engine::SigmaModel> on_cpu() const { return load(engine::make_cpu_backend({.n_threads = 1})); }
  std::shared_ptr<const engine::SigmaModel> on_gpu() const { return load(engine::make_cuda_backend()); }
};

// Logits of every token: the first n_prefill at once, the rest one by one.
inline std::vector<float> run_tokens(const engine::SigmaModel& model, std::span<const int32_t> tokens, size_t n_prefill,
                                     engine::CacheTypes types) {
  const auto n_vocab = static_cast<size_t>(model.config().n_vocab);
  engine::KvCache cache(model.config(), static_cast<int>(tokens.size()), model.backend(), types);
  std::vector<float> logits(tokens.size() * n_vocab);
  const std::span<float> all(logits);
  engine::forward(model, cache, tokens.first(n_prefill), engine::LogitsWanted::all, all.first(n_prefill * n_vocab));
  for (size_t t = n_prefill; t < tokens.size(); ++t)
    engine::forward(model, cache, tokens.subspan(t, 1), engine::LogitsWanted::last, all.subspan(t * n_vocab, n_vocab));
  return logits;
}

// The tokens that follow, each the likeliest.
inline std::vector<int32_t> greedy(const engine::SigmaModel& model, std::span<const int32_t> prompt, int n, engine::CacheTypes types) {
  const auto n_vocab = static_cast<size_t>(model.config().n_vocab);
  engine::KvCache cache(model.config(), static_cast<int>(prompt.size()) + n, model.backend(), types);
  std::vector<float> logits(n_vocab);
  std::vector<int32_t> out;
  engine::forward(model, cache, prompt, engine::LogitsWanted::last, logits);
  for (int i = 0; i < n; ++i) {
    out.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    if (i + 1 < n) engine::forward(model, cache, std::span(out).last(1), engine::LogitsWanted::last, logits);
  }
  return out;
}

// Norm of the difference over the norm.
inline double relative_error(const std::vector<float>& got, const std::vector<float>& expected) {
  REQUIRE(got.size() == expected.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    difference += d * d;
    norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(difference / norm);
}

// Sigma's proportions with heads of another width.
inline engine::SigmaConfig config_of_width(int head_dim) {
  engine::SigmaConfig c = test_support::tiny_config();
  c.head_dim_k = c.head_dim_v = head_dim;
  c.dim = 128;
  c.ffn_dim = 192;
  c.augmented_q_dim = 96;
  return c;
}

}  // namespace gpu_tests
