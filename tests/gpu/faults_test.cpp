// Faults of a GPU under the program's own sessions: the CPU takes over, the text goes on, and one line says it.
// What is claimed of the numbers: the tokens before a fault are the GPU's, those behind it are what the CPU gives for the text
// so far. These models have f32 weights and caches, where both give the same greedy text, so the whole of it is compared.
#include "engine/generate/generation.h"
#include "engine/model/memory_need.h"
#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;
using namespace test_support;

namespace {

constexpr int n_answer = 14;
const GenerateOptions greedy_options{.sampling = {}, .max_tokens = n_answer, .stop = {}, .speculative = false};

struct Fixture {
  TinyFile file{tiny_config(), TinyType::f32};
  std::vector<int32_t> prompt = random_tokens(120, file.tiny.config.n_vocab, 11);  // the answer needs another block of the cache

  std::shared_ptr<LanguageModel> load(GpuMode mode, int n_ctx = 0) const {
    LoadOptions options;
    options.n_threads = 1;
    options.n_ctx = n_ctx;
    options.gpu = mode;
    return LanguageModel::load(file.folder.file("tiny.gguf"), options);
  }
  std::vector<int32_t> expected() const {
    return GenerationSession::create(load(GpuMode::off), 256)->generate(prompt, greedy_options).tokens;
  }
};

bool on_cpu(const LanguageModel& model) { return model.device().rfind("cpu", 0) == 0; }

// Launches of an answer's prefill and of all of it, so that a fault can be put between.
struct Launches {
  int64_t prefill = 0, all = 0;
};
Launches count_launches(const Fixture& f) {
  const SimulatedGpu gpu;
  const auto session = GenerationSession::create(f.load(GpuMode::require), 256);
  Launches n;
  session->generate(f.prompt, greedy_options, {}, {}, [&](double) { n.prefill = static_cast<int64_t>(gpu.fake().n_launches()); });
  n.all = static_cast<int64_t>(gpu.fake().n_launches());
  return n;
}

// An answer under these limits is the CPU's, in whole; the next one is too.
void check_takeover(const Fixture& f, const fake_cuda::Limits& limits, const char* reason) {
  const SimulatedGpu gpu(limits);
  const auto model = f.load(GpuMode::automatic);
  REQUIRE(!on_cpu(*model));
  const auto session = GenerationSession::create(model, 256);
  const Generation g = session->generate(f.prompt, greedy_options);
  CHECK(g.tokens == f.expected());
  CHECK(g.finish_reason == FinishReason::max_tokens);
  CHECK(g.moved_to_cpu.find(reason) != std::string::npos);
  CHECK(g.moved_to_cpu.find('\n') == std::string::npos);
  CHECK(on_cpu(*model));
  const Generation again = session->generate(f.prompt, greedy_options);
  CHECK(again.tokens == g.tokens);
  CHECK(again.moved_to_cpu.empty());
  CHECK(again.reused_tokens > 0);  // what the CPU computed is kept
}

}  // namespace

TEST_CASE("gpu faults, old driver: the model runs on the CPU") {
  if (!has_simulator()) return;
  const Fixture f;
  fake_cuda::Limits limits;
  limits.driver_version = 12080;
  const SimulatedGpu gpu(limits);
  CHECK(on_cpu(*f.load(GpuMode::automatic)));
  CHECK_THROWS_AS(f.load(GpuMode::require), Error);
  CHECK(find_gpu().why_not.find("CUDA 12.8") != std::string::npos);
}

TEST_CASE("gpu faults, unsupported device: the model runs on the CPU") {
  if (!has_simulator()) return;
  const Fixture f;
  fake_cuda::Limits limits;
  limits.compute = 75;
  const SimulatedGpu gpu(limits);
  CHECK(on_cpu(*f.load(GpuMode::automatic)));
  CHECK_THROWS_AS(f.load(GpuMode::require), Error);
}

TEST_CASE("gpu faults, vanish in mid-answer: the CPU goes on with the same text") {
  if (!has_simulator()) return;
  const Fixture f;
  const Launches n = count_launches(f);
  for (const int64_t at : {n.prefill + 1, (n.prefill + n.all) / 2, n.all - 1}) {
    CAPTURE(at);
    fake_cuda::Limits limits;
    limits.vanish_after_launches = at;
    check_takeover(f, limits, "CUDA_ERROR_UNKNOWN");
  }
}

TEST_CASE("gpu faults, vanish in the prompt: the CPU starts it again") {
  if (!has_simulator()) return;
  const Fixture f;
  fake_cuda::Limits limits;
  limits.vanish_after_launches = 5;
  check_takeover(f, limits, "CUDA_ERROR_UNKNOWN");
}

TEST_CASE("gpu faults, failed launch: a kernel that faults, and launches that are refused") {
  if (!has_simulator()) return;
  const Fixture f;
  const Launches n = count_launches(f);
  fake_cuda::Limits faults, refuses;
  faults.fault_at_launch = (n.prefill + n.all) / 2;
  check_takeover(f, faults, "CUDA_ERROR_LAUNCH_FAILED");
  // Calls: each of the prompt's and of the first step's, those of recording the graph, then one a token.
  for (const int64_t more : {1, 30, 45}) {
    CAPTURE(more);
    refuses.refuse_launches_after = n.prefill + more;
    check_takeover(f, refuses, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES");
  }
}

TEST_CASE("gpu faults, out of memory at load: weights and cache that do not fit go to the CPU") {
  if (!has_simulator()) return;
  const Fixture f;
  uint64_t used = 0;
  {
    const SimulatedGpu gpu;
    const auto model = f.load(GpuMode::require);
    used = gpu.fake().used_bytes();
  }
  fake_cuda::Limits limits;
  limits.memory_bytes = used / 2;
  {
    const SimulatedGpu gpu(limits);
    CHECK(on_cpu(*f.load(GpuMode::automatic)));
    CHECK_THROWS_AS(f.load(GpuMode::require), Error);
    CHECK(gpu.fake().used_bytes() == 0);
  }
  limits.memory_bytes = used + (used / 4);  // the weights alone fit
  const SimulatedGpu gpu(limits);
  CHECK(!on_cpu(*f.load(GpuMode::automatic)));
  CHECK(on_cpu(*f.load(GpuMode::automatic, 100000)));
  const auto model = f.load(GpuMode::automatic);
  const auto session = GenerationSession::create(model, 100000);  // the cache is asked for later
  CHECK(on_cpu(*model));
  CHECK(session->generate(f.prompt, greedy_options).tokens == f.expected());
}

TEST_CASE("gpu faults, out of memory while the context grows: the CPU goes on with the same text") {
  if (!has_simulator()) return;
  const Fixture f;
  const SimulatedGpu gpu;
  const auto model = f.load(GpuMode::automatic);
  const auto session = GenerationSession::create(model, 256);
  // Somebody else takes the rest of the memory once the prompt is there.
  const Generation g = session->generate(f.prompt, greedy_options, {}, {}, [&](double) {
    fake_cuda::Limits limits;
    limits.memory_bytes = gpu.fake().used_bytes() + (16 << 10);
    gpu.fake().reset(limits);
  });
  CHECK(g.moved_to_cpu.find("of the GPU's memory") != std::string::npos);
  CHECK(g.tokens == f.expected());
  CHECK(on_cpu(*model));
  CHECK(gpu.fake().used_bytes() == 0);  // the last session that was there has left
}

TEST_CASE("gpu faults: caches that GPUs alone hold become the CPU's next when it takes over") {
  if (!has_simulator()) return;
  const Fixture f;
  for (const char* type : {"bf16", "fp8"}) {
    CAPTURE(type);
    const SimulatedGpu gpu;
    const auto model = f.load(GpuMode::automatic);
    const auto session = GenerationSession::create(model, 256, {.k_cache = type, .v_cache = type});
    const Generation g = session->generate(f.prompt, greedy_options, {}, {}, [&](double) {
      fake_cuda::Limits limits;
      limits.vanish_after_launches = 20;
      gpu.fake().reset(limits);
    });
    CHECK(!g.moved_to_cpu.empty());
    CHECK(g.tokens.size() == size_t(n_answer));
    CHECK(on_cpu(*model));
  }
}

TEST_CASE("gpu faults: texts that no session uses any more make room before the CPU takes over") {
  if (!has_simulator()) return;
  const Fixture f;
  const SimulatedGpu gpu;
  const auto model = f.load(GpuMode::automatic);
  GenerationSession::create(model, 256)->generate(random_tokens(200, f.file.tiny.config.n_vocab, 5), greedy_options);
  const auto session = GenerationSession::create(model, 256);
  const auto kept = GenerationSession::create(model, 256);  // so that the pool may grow
  const Generation g = session->generate(f.prompt, greedy_options, {}, {}, [&](double) {
    fake_cuda::Limits limits;
    limits.memory_bytes = gpu.fake().used_bytes() + (16 << 10);
    gpu.fake().reset(limits);
  });
  CHECK(g.moved_to_cpu.empty());
  CHECK(!on_cpu(*model));
}

TEST_CASE("gpu faults: a session of the same model that was at rest goes on by the CPU, too") {
  if (!has_simulator()) return;
  const Fixture f;
  const SimulatedGpu gpu;
  const auto model = f.load(GpuMode::automatic);
  const auto first = GenerationSession::create(model, 256), second = GenerationSession::create(model, 256);
  GenerateOptions few = greedy_options;
  few.max_tokens = 2;
  second->generate(f.prompt, few);
  fake_cuda::Limits limits;
  limits.vanish_after_launches = 0;
  gpu.fake().reset(limits);
  CHECK(first->generate(f.prompt, greedy_options).tokens == f.expected());
  const Generation g = second->generate(f.prompt, greedy_options);
  CHECK(g.tokens == f.expected());
  CHECK(g.moved_to_cpu.empty());
}

TEST_CASE("gpu faults: a GPU that was required fails with one error, and the session stays of use") {
  if (!has_simulator()) return;
  const Fixture f;
  const SimulatedGpu gpu;
  const auto model = f.load(GpuMode::require);
  const auto session = GenerationSession::create(model, 256);
  fake_cuda::Limits limits;
  limits.vanish_after_launches = 0;
  gpu.fake().reset(limits);
  for (int i = 0; i < 2; ++i) {
    try {
      session->generate(f.prompt, greedy_options);
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::device);
    }
  }
  CHECK(!on_cpu(*model));
}

namespace {

// A model of 6 layers and a GPU that holds so many of them beside the output matrix and the buffers of a pass.
struct SplitFixture {
  TinyFile file;
  std::vector<int32_t> prompt;
  explicit SplitFixture(SigmaConfig config = config_of_width(64)) : file((config.n_layers = 6, config), TinyType::f32) {
    prompt = random_tokens(120, config.n_vocab, 11);
  }
  std::string path() const { return file.folder.file("tiny.gguf"); }
  uint64_t bytes_for(int n_layers) const {
    const SimulatedGpu gpu;
    const auto backend = make_cuda_backend();
    const auto model = ModelFile::open(path());
    const MemoryNeed need = memory_need(*model, file.tiny.config, *backend, {CacheType::f32, CacheType::f32}, {6 - n_layers, n_layers});
    return need.weights + need.cache(256) + need.work;
  }
  std::shared_ptr<LanguageModel> load(GpuMode mode) const {
    LoadOptions options;
    options.n_threads = 1;
    options.n_ctx = 256;
    options.gpu = mode;
    return LanguageModel::load(path(), options);
  }
};

}  // namespace

TEST_CASE("gpu faults, short of memory: the CPU takes the layers that do not fit, and the text is the same") {
  if (!has_simulator()) return;
  const SplitFixture f;
  const auto expected = GenerationSession::create(f.load(GpuMode::off), 256)->generate(f.prompt, greedy_options).tokens;
  for (const int n_layers : {1, 4}) {
    CAPTURE(n_layers);
    fake_cuda::Limits limits;
    limits.memory_bytes = f.bytes_for(n_layers) * 32 / 31 + 4096;
    const SimulatedGpu gpu(limits);
    const auto model = f.load(GpuMode::automatic);
    CHECK(model->device().find(std::to_string(n_layers) + " of 6 layers") != std::string::npos);
    CHECK(GenerationSession::create(model, 256)->generate(f.prompt, greedy_options).tokens == expected);
    CHECK(gpu.fake().n_graph_launches() > 4);
    CHECK_THROWS_AS(f.load(GpuMode::require), Error);
  }
}

TEST_CASE("gpu faults, vanish under a split model: the CPU takes all layers and goes on") {
  if (!has_simulator()) return;
  const SplitFixture f;
  const auto expected = GenerationSession::create(f.load(GpuMode::off), 256)->generate(f.prompt, greedy_options).tokens;
  fake_cuda::Limits limits;
  limits.memory_bytes = f.bytes_for(3) * 32 / 31 + 4096;
  limits.vanish_after_launches = 60;
  const SimulatedGpu gpu(limits);
  const auto model = f.load(GpuMode::automatic);
  REQUIRE(model->device().find("3 of 6 layers") != std::string::npos);
  const Generation g = GenerationSession::create(model, 256)->generate(f.prompt, greedy_options);
  CHECK(g.tokens == expected);
  CHECK(!g.moved_to_cpu.empty());
  CHECK(on_cpu(*model));
}
