// A trained model on the simulated GPU: the default model's first tokens are the CPU's. SIGMA_TEST_MODEL names the GGUF file;
// else the one that tools/fetch_model.py put into the data folder. Skips aloud without either.
#include <cstdlib>
#include <filesystem>

#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;

namespace {

std::string find_model() {
  if (const char* named = std::getenv("SIGMA_TEST_MODEL")) return named;
  const char *data = std::getenv("SIGMADESK_DATA"), *xdg = std::getenv("XDG_DATA_HOME"), *home = std::getenv("HOME");
  const std::string folder = data ? data : xdg ? std::string(xdg) + "/sigmadesk" : std::string(home ? home : ".") + "/.local/share/sigmadesk";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/models", ignored))
    if (entry.path().extension() == ".gguf") return entry.path().string();
  return {};
}

}  // namespace

TEST_CASE("gpu: the default model's greedy tokens are the CPU's") {
  if (!has_kernels()) return;
  const std::string path = find_model();
  if (path.empty()) {
    MESSAGE("skipped: no model; run tools/fetch_model.py, or name one in SIGMA_TEST_MODEL");
    return;
  }
  const SimulatedGpu gpu;
  constexpr CacheTypes half{CacheType::f16, CacheType::f16};
  const std::vector<int32_t> prompt = {504, 3575, 282, 4649, 314};  // "The capital of France is" in SmolLM2's tokens
  const auto load = [&](std::unique_ptr<Backend> backend) { return SigmaModel::load(ModelFile::open(path), std::move(backend)); };
  const auto expected = greedy(*load(make_cpu_backend({.n_threads = 2})), prompt, 4, half);
  CHECK(greedy(*load(make_cuda_backend()), prompt, 4, half) == expected);
  if (gpu.simulated()) CHECK(gpu.fake().n_graph_launches() >= 2);
}
