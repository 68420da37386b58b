// The whole engine on the simulated GPU against the CPU's: the very PTX in the program runs, with every check.
#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;
using namespace test_support;

namespace {

constexpr CacheTypes exact{CacheType::f32, CacheType::f32}, half{CacheType::f16, CacheType::f16}, byte{CacheType::q8_0, CacheType::q8_0};

// From the reference's logits: n_prefill tokens at once and 10 one by one.
double error_of(const TinyFile& file, const SigmaModel& model, CacheTypes types, size_t n_prefill = 40) {
  const auto tokens = random_tokens(static_cast<int>(n_prefill) + 10, file.tiny.config.n_vocab, 7);
  return relative_error(run_tokens(model, tokens, n_prefill, types), reference_logits(file.tiny, tokens));
}
constexpr size_t few = 8;  // as many as the decoding kernels take, whose activations are two halves each

}  // namespace

TEST_CASE("gpu: logits are the reference's for heads of 16, 64 and 128, in f32 and f16") {
  if (!has_kernels()) return;
  for (const int width : {16, 64, 128}) {
    CAPTURE(width);
    const SimulatedGpu gpu;
    const TinyFile file(config_of_width(width));
    const auto model = file.on_gpu();
    CHECK(error_of(file, *model, exact, few) < 1e-4);
    // Long prompts round activations to f16, caches K and V: through two layers that no training made robust.
    CHECK(error_of(file, *model, half) < 2e-2);
  }
}

TEST_CASE("gpu: f32 weights and caches give the reference's logits") {
  if (!has_kernels()) return;
  const SimulatedGpu gpu;
  const TinyFile file(tiny_config(), TinyType::f32);
  const auto tokens = random_tokens(30, file.tiny.config.n_vocab, 3);
  CHECK(relative_error(run_tokens(*file.on_gpu(), tokens, 20, exact), reference_logits(file.tiny, tokens)) < 1e-5);
}

TEST_CASE("gpu: 8-bit weights and caches") {
  if (!has_kernels()) return;
  const SimulatedGpu gpu;
  const TinyFile file(config_of_width(64), TinyType::q8_0);
  const auto model = file.on_gpu();
  CHECK(error_of(file, *model, exact, few) < 5e-4);  // products in pairs of bf16
  CHECK(error_of(file, *model, half) < 2e-2);
  CHECK(error_of(file, *model, byte) < 0.15);  // K and V of 8 bits
}

TEST_CASE("gpu: equal head counts and a single K head") {
  if (!has_kernels()) return;
  SigmaConfig c = config_of_width(64);
  for (const std::array<int, 3>& heads : {std::array{4, 4, 4}, std::array{8, 1, 8}, std::array{6, 3, 1}}) {
    const SimulatedGpu gpu;
    c.n_heads_q = heads[0];
    c.n_heads_k = heads[1];
    c.n_heads_v = heads[2];
    CAPTURE(c.n_heads_k);
    c.augmented_q_dim = c.n_heads_k == 4 ? 0 : 64;
    c.augmented_q_residual = c.n_heads_k == 1;
    const TinyFile file(c);
    CHECK(error_of(file, *file.on_gpu(), half) < 2e-2);
  }
}

TEST_CASE("gpu: the greedy text is the CPU's, and decoding replays a graph") {
  if (!has_kernels()) return;
  const SimulatedGpu gpu;
  const TinyFile file(config_of_width(64), TinyType::f32);
  const auto prompt = random_tokens(70, file.tiny.config.n_vocab, 11);
  const auto expected = greedy(*file.on_cpu(), prompt, 12, half);
  CHECK(greedy(*file.on_gpu(), prompt, 12, half) == expected);
  if (gpu.simulated()) CHECK(gpu.fake().n_graph_launches() >= 8);
}

TEST_CASE("gpu: a run repeats to the last bit, whatever order blocks run in") {
  if (!has_kernels()) return;
  const TinyFile file(config_of_width(64));
  const auto tokens = random_tokens(300, file.tiny.config.n_vocab, 5);
  std::vector<float> first;
  for (const uint32_t seed : {1u, 77u}) {
    fake_cuda::Limits limits;
    limits.seed = seed;
    const SimulatedGpu gpu(limits);
    const auto logits = run_tokens(*file.on_gpu(), tokens, 297, half);
    if (first.empty()) first = logits;
    CHECK(logits == first);
  }
}

TEST_CASE("gpu: texts of a batch get what each gets alone, to the last bit, and its steps replay a graph") {
  if (!has_kernels()) return;
  for (const int selective : {0, 40}) {
    CAPTURE(selective);
    const SimulatedGpu gpu;
    SigmaConfig config = config_of_width(64);
    config.selective_v_top_k = selective;
    const TinyFile file(config, TinyType::q8_0);
    const auto model = file.on_gpu();
    const int lengths[] = {30, 128, 150};
    constexpr int n_steps = 5;
    const auto n_vocab = static_cast<size_t>(config.n_vocab);
    const auto pool = std::make_shared<KvPool>(model->config(), model->backend(), half);
    std::vector<std::vector<int32_t>> texts;
    std::vector<std::vector<float>> expected, got(std::size(lengths));
    std::vector<std::unique_ptr<KvCache>> caches;
    for (size_t i = 0; i < std::size(lengths); ++i) {
      texts.push_back(random_tokens(lengths[i] + n_steps, config.n_vocab, static_cast<uint32_t>(i)));
      const auto all = run_tokens(*model, texts[i], static_cast<size_t>(lengths[i]), half);
      expected.emplace_back(all.end() - static_cast<std::ptrdiff_t>(n_steps * n_vocab), all.end());
      got[i].resize(n_steps * n_vocab);
      caches.push_back(std::make_unique<KvCache>(pool, 200 + 100 * static_cast<int>(i)));
      forward(*model, *caches[i], std::span(texts[i]).first(static_cast<size_t>(lengths[i])), LogitsWanted::none, {});
    }
    const auto n_before = gpu.simulated() ? gpu.fake().n_graph_launches() : 0;
    for (size_t step = 0; step < n_steps; ++step) {
      std::vector<BatchStep> steps;
      for (size_t i = 0; i < caches.size(); ++i) {
        steps.push_back({caches[i].get(), std::span(texts[i]).subspan(static_cast<size_t>(lengths[i]) + step, 1),
                         std::span(got[i]).subspan(step * n_vocab, n_vocab)});
      }
      forward_batch(*model, steps);
    }
    for (size_t i = 0; i < caches.size(); ++i) CHECK(got[i] == expected[i]);
    if (gpu.simulated() && selective == 0) CHECK(gpu.fake().n_graph_launches() > n_before);
  }
}

TEST_CASE("gpu: a stop ends a run, and the model goes on working") {
  if (!has_kernels()) return;
  const SimulatedGpu gpu;
  const TinyFile file(tiny_config());
  const auto model = file.on_gpu();
  const auto tokens = random_tokens(8, file.tiny.config.n_vocab, 9);
  std::stop_source stop;
  stop.request_stop();
  KvCache cache(model->config(), 64, model->backend(), half);
  std::vector<float> logits(static_cast<size_t>(model->config().n_vocab));
  CHECK_THROWS_AS(forward(*model, cache, tokens, LogitsWanted::last, logits, stop.get_token()), Error);
  CHECK(cache.n_tokens() == 0);
  forward(*model, cache, tokens, LogitsWanted::last, logits);
  CHECK(cache.n_tokens() == 8);
}

TEST_CASE("gpu: too little memory is an error that names what wanted it, and nothing leaks") {
  if (!has_simulator()) return;
  const TinyFile file(config_of_width(64));
  int refused = 0;
  for (const uint64_t kilobytes : {1, 100, 400, 700, 1000, 1500, 100000}) {
    CAPTURE(kilobytes);
    fake_cuda::Limits limits;
    limits.memory_bytes = kilobytes << 10;
    const SimulatedGpu gpu(limits);
    const auto tokens = random_tokens(100, file.tiny.config.n_vocab, 9);
    try {
      run_tokens(*file.on_gpu(), tokens, 90, half);
    } catch (const Error& e) {
      ++refused;
      CHECK(e.kind() == ErrorKind::out_of_memory);
      CHECK(std::string(e.what()).find("--gpu off") != std::string::npos);
    }
    CHECK(gpu.fake().used_bytes() == 0);
  }
  CHECK(refused >= 3);
  CHECK(refused <= 6);
}

TEST_CASE("gpu: a device that vanishes is one error, at whatever launch") {
  if (!has_simulator()) return;
  const TinyFile file(tiny_config());
  const auto tokens = random_tokens(12, file.tiny.config.n_vocab, 9);
  for (const int64_t launches : {0, 3, 20, 60}) {
    CAPTURE(launches);
    fake_cuda::Limits limits;
    limits.vanish_after_launches = launches;
    const SimulatedGpu gpu(limits);
    const auto model = file.on_gpu();
    for (int attempt = 0; attempt < 2; ++attempt) {  // the second finds it gone from the start
      try {
        run_tokens(*model, tokens, 4, half);
        FAIL("no error");
      } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::device);
        CHECK(std::string(e.what()).find("Simulated GPU") != std::string::npos);
      }
    }
  }
}

TEST_CASE("gpu: without a usable device the CPU is chosen, or its absence is the error") {
  if (!has_simulator()) return;
  struct Case {
    const char* expected;
    fake_cuda::Limits limits;
  };
  fake_cuda::Limits none, old_driver, old_device;
  none.n_devices = 0;
  old_driver.driver_version = 12080;
  old_device.compute = 75;
  const Case cases[] = {{"no CUDA-capable device", none}, {"compute capability 7.5", old_device}, {"release 580", old_driver}};
  for (const Case& c : cases) {
    CAPTURE(c.expected);
    const SimulatedGpu gpu(c.limits);
    CHECK(make_backend({.cpu = {.n_threads = 1}})->name().rfind("cpu", 0) == 0);
    try {
      make_backend({.gpu = GpuMode::require});
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::unsupported);
      CHECK(std::string(e.what()).find(c.expected) != std::string::npos);
    }
  }
}
