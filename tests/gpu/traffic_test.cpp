// What kernels move, counted by the simulator, against what they must: the floors that the roofline table is made of.
#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;
using namespace test_support;

namespace {

constexpr CacheTypes half{CacheType::f16, CacheType::f16};

// The 1.5B model's attention: 32 Q, 4 K and 16 V heads of 64, in one layer with little else.
SigmaConfig attention_config() {
  SigmaConfig c = tiny_config();
  c.n_layers = 1;
  c.dim = 64;
  c.ffn_dim = 64;
  c.n_heads_q = 32;
  c.n_heads_k = 4;
  c.n_heads_v = 16;
  c.head_dim_k = c.head_dim_v = 64;
  c.augmented_q_dim = 0;
  c.n_vocab = 32;
  return c;
}

ptx::KernelCounts find_counts(const std::map<std::string, ptx::KernelCounts>& all, const std::string& prefix) {
  for (const auto& [name, counts] : all)
    if (name.rfind(prefix, 0) == 0) return counts;
  FAIL("no kernel ", prefix, " ran");
  return {};
}

std::string describe(const ptx::KernelCounts& c) {
  return format("%llu instructions, %llu bytes loaded, %llu of %llu sectors, %llu of %llu waves", (unsigned long long)c.instructions,
                (unsigned long long)c.global_loaded_bytes, (unsigned long long)c.global_sectors, (unsigned long long)c.global_sectors_ideal,
                (unsigned long long)c.shared_waves, (unsigned long long)c.shared_waves_ideal);
}

// A decoded token of a sequence of 256: K and V rows, and what int8 rows have of scales.
void check_decode(CacheType type, const char* kernel, double row_bytes) {
  const SimulatedGpu gpu;
  const SigmaConfig c = attention_config();
  const TinyFile file(c);
  const auto model = file.on_gpu();
  constexpr int n_tokens = 256;
  const auto tokens = random_tokens(n_tokens, c.n_vocab, 3);
  KvCache cache(c, n_tokens, model->backend(), {type, type});
  std::vector<float> logits(static_cast<size_t>(c.n_vocab));
  forward(*model, cache, std::span(tokens).first(n_tokens - 1), LogitsWanted::none, {});
  model->backend().wait();
  gpu.fake().reset({});
  forward(*model, cache, std::span(tokens).last(1), LogitsWanted::last, logits);

  const auto counts = find_counts(gpu.fake().counts(), kernel);
  INFO(describe(counts) << "\n" << gpu.fake().profile(kernel, 60));
  // K and V come by cp.async, and nothing else does.
  const double ideal = row_bytes * n_tokens * (c.n_heads_k + c.n_heads_v);
  CHECK(static_cast<double>(counts.async_loaded_bytes) >= ideal);
  CHECK(static_cast<double>(counts.async_loaded_bytes) <= 1.02 * ideal);
  // Q for each warp, the page table, the partial results
  CHECK(static_cast<double>(counts.global_loaded_bytes) <= ideal + 0.15 * 128 * n_tokens * (c.n_heads_k + c.n_heads_v));
  // For int8 rows each warp reads Q, twice, 16 bytes of a sector at a time, which is much beside so few tokens.
  const double sectors = static_cast<double>(counts.global_sectors) - (type == CacheType::q8_0 ? 2.0 * 4 * c.n_heads_q * c.head_dim_k * 4 / 32 : 0);
  CHECK(sectors <= 1.02 * static_cast<double>(counts.global_sectors_ideal));
  // An H100 at its full bandwidth gets 3.6 bytes for each instruction that its warps can issue; 256 tokens are mostly ends.
  if (type == CacheType::f16) CHECK(static_cast<double>(counts.async_loaded_bytes) >= 5.4 * static_cast<double>(counts.instructions));
  CHECK(static_cast<double>(counts.shared_waves) <= 1.12 * static_cast<double>(counts.shared_waves_ideal));  // 1.10: the results at the end
}

}  // namespace

TEST_CASE("traffic: decoding attention reads every row of K and V once, in whole sectors; f16") {
  if (!has_simulator()) return;
  check_decode(CacheType::f16, "dq_decode_f16_k64_v64_h4", 2 * 64);
}

TEST_CASE("traffic: decoding attention reads every row of K and V once, in whole sectors; int8") {
  if (!has_simulator()) return;
  check_decode(CacheType::q8_0, "dq_decode_q8_k64_v64_h4", 64 + 2);
}

TEST_CASE("traffic: a prompt's attention reads K and V once for each run of tokens, in whole sectors") {
  if (!has_simulator()) return;
  const SimulatedGpu gpu;
  SigmaConfig c = attention_config();
  c.n_heads_q = 8;  // of the 1.5B model's four equal groups one
  c.n_heads_k = 1;
  c.n_heads_v = 4;
  const TinyFile file(c);
  const auto model = file.on_gpu();
  constexpr int n_past = 256, n_prompt = 64, run = 32;
  const auto tokens = random_tokens(n_past + n_prompt, c.n_vocab, 3);
  KvCache cache(c, n_past + n_prompt, model->backend(), half);
  std::vector<float> logits(static_cast<size_t>(n_prompt * c.n_vocab));
  forward(*model, cache, std::span(tokens).first(n_past), LogitsWanted::none, {});
  model->backend().wait();
  gpu.fake().reset({});
  forward(*model, cache, std::span(tokens).last(n_prompt), LogitsWanted::all, logits);

  const auto counts = find_counts(gpu.fake().counts(), "dq_prefill_f16_k64_v64_h4");
  INFO(describe(counts) << "\n" << gpu.fake().profile("dq_prefill_f16_k64_v64_h4", 60));
  double rows = 0;
  for (int first = 0; first < n_prompt; first += run) rows += n_past + first + run;
  const double ideal = 2.0 * rows * (c.n_heads_k * c.head_dim_k + c.n_heads_v * c.head_dim_v);
  CHECK(static_cast<double>(counts.async_loaded_bytes) >= ideal);
  CHECK(static_cast<double>(counts.async_loaded_bytes) <= 1.02 * ideal);
  // Q twice: for its largest, and to be rounded.
  const double queries = 2 * 4.0 * n_prompt * c.n_heads_q * c.head_dim_k;
  CHECK(static_cast<double>(counts.global_loaded_bytes) <= 1.05 * (ideal + queries));
  // All rows in whole sectors; each warp reads a tile's two addresses, 8 bytes a sector, from the table of blocks.
  CHECK(static_cast<double>(counts.global_sectors) <= 1.04 * static_cast<double>(counts.global_sectors_ideal));
  CHECK(static_cast<double>(counts.shared_waves) <= 1.05 * static_cast<double>(counts.shared_waves_ideal));
}

TEST_CASE("traffic: a decoded token reads each weight once") {
  if (!has_simulator()) return;
  struct Case {
    TinyType type;
    const char* kernel;
  };
  for (const Case& one : {Case{TinyType::f16, "skinny_f16_n4"}, Case{TinyType::q8_0, "skinny_w8_n4"}}) {
    CAPTURE(one.kernel);
    const SimulatedGpu gpu;
    SigmaConfig c = attention_config();
    c.n_heads_q = 8;
    c.n_heads_k = 2;
    c.n_heads_v = 4;
    c.dim = 512;
    c.ffn_dim = 512;
    const TinyFile file(c, one.type);
    const auto model = file.on_gpu();
    KvCache cache(c, 8, model->backend(), half);
    std::vector<float> logits(static_cast<size_t>(c.n_vocab));
    const auto tokens = random_tokens(2, c.n_vocab, 3);
    forward(*model, cache, std::span(tokens).first(1), LogitsWanted::last, logits);
    gpu.fake().reset({});
    forward(*model, cache, std::span(tokens).last(1), LogitsWanted::last, logits);

    const auto all = gpu.fake().counts();
    const auto skinny = find_counts(all, one.kernel), gated = find_counts(all, std::string("gated") + (one.kernel + 6));
    INFO(describe(skinny) << "\n" << gpu.fake().profile(one.kernel, 30));
    // Every CTA of 16 rows reads its input, too: n_out / 16 times n_in floats.
    const auto weights = static_cast<double>(model->bytes_per_token());
    const double loaded = static_cast<double>(skinny.global_loaded_bytes + gated.global_loaded_bytes);
    const double rows = c.n_heads_q * c.head_dim_k + c.n_heads_k * c.head_dim_k + c.n_heads_v * c.head_dim_v + c.n_vocab;
    const double norms = 2;  // each input is read for its norm and again for the product, and the norm's weights
    const double inputs = 4.0 * (rows + 2 * c.ffn_dim) / 16 * c.dim * (1 + norms) +
                          4.0 * c.dim / 16 * (c.n_heads_q * c.head_dim_v + c.ffn_dim) * (1 + norms);
    CHECK(loaded >= weights * 0.98);
    CHECK(loaded <= weights * 1.02 + inputs);
    // The rows of x are staged with four-way conflicts, once a CTA; the products' reads have none.
    CHECK(static_cast<double>(skinny.shared_waves) <= 1.35 * static_cast<double>(skinny.shared_waves_ideal));
  }
}
