// Attention on the simulated GPU, every instance for every type of cache, against the plain reference: rows in blocks that lie in
// any order of memory, what came before and the tokens themselves, lengths at and beside a page, a tile and a CTA's tokens.
#include <random>

#include "kernels/reference/reference.h"
#include "tests/gpu/simulated_gpu.h"

using namespace engine;
using namespace gpu_tests;

namespace {

struct Case {
  const char* instance;  // of the kernels' names
  AttentionShape shape;
  int n_past, n_tokens;
};

const Case prompts[] = {
    {"k64_v64_h4", {32, 4, 16, 64, 64}, 0, 9},    {"k64_v64_h4", {32, 4, 16, 64, 64}, 63, 33},
    {"k64_v64_h4", {8, 1, 4, 64, 64}, 200, 65},   {"k64_v64_h4", {8, 1, 4, 64, 64}, 448, 64},
    {"k64_v64_h2", {8, 2, 4, 64, 64}, 30, 70},    {"k64_v64_h1", {9, 3, 3, 64, 64}, 1, 130},
    {"k64_v64_h1", {2, 2, 2, 64, 64}, 129, 260},  {"k64_v64_h1", {14, 1, 1, 64, 64}, 64, 10},
    {"k128_v128_h4", {16, 2, 8, 128, 128}, 65, 17}, {"k128_v128_h2", {8, 2, 4, 128, 128}, 64, 30},
    {"k128_v128_h1", {4, 4, 4, 128, 128}, 5, 140}, {"k32_v64_h4", {8, 1, 4, 32, 64}, 10, 40},
    {"k32_v64_h1", {4, 4, 4, 32, 64}, 0, 20},     {"k64_v128_h4", {8, 1, 4, 64, 128}, 40, 25},
    {"k64_v128_h1", {4, 2, 2, 64, 128}, 127, 12},
};

// One token, or a few that run as tokens one by one would.
const Case steps[] = {
    {"k64_v64_h4", {32, 4, 16, 64, 64}, 0, 1},     {"k64_v64_h4", {8, 1, 4, 64, 64}, 300, 1},
    {"k64_v64_h4", {8, 1, 4, 64, 64}, 62, 5},      {"k64_v64_h2", {8, 2, 4, 64, 64}, 511, 1},
    {"k64_v64_h1", {9, 3, 3, 64, 64}, 64, 1},      {"k128_v128_h4", {16, 2, 8, 128, 128}, 100, 1},
    {"k128_v128_h2", {8, 2, 4, 128, 128}, 270, 1}, {"k128_v128_h1", {4, 4, 4, 128, 128}, 31, 2},
    {"k32_v64_h4", {8, 1, 4, 32, 64}, 63, 1},      {"k32_v64_h1", {4, 4, 4, 32, 64}, 40, 1},
    {"k64_v128_h4", {8, 1, 4, 64, 128}, 90, 1},    {"k64_v128_h1", {4, 2, 2, 64, 128}, 17, 1},
};

std::vector<float> random_floats(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = normal(random);
  return v;
}

float to_f16(float x) { return ptx::f16_to_float(ptx::float_to_f16(x)); }

// The nearest of so many bits behind the point, even where two are as near; steps do not get smaller below 2^least.
float round_bits(float x, int n_bits, int least) {
  if (x == 0) return 0;
  const int exponent = std::max(std::ilogb(x), least);
  return std::ldexp(std::nearbyint(std::ldexp(x, n_bits - exponent)), exponent - n_bits);
}

// As the cache holds them: f16, bf16, fp8 (e4m3, by way of f16), or int8 with an f16 scale a row of `dim`.
void round_rows(std::vector<float>& values, CacheType type, int dim) {
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(dim)) {
    const std::span<float> x(values.data() + row, static_cast<size_t>(dim));
    float top = 0;
    for (const float v : x) top = std::max(top, std::fabs(v));
    const float scale = to_f16(top / 127);
    for (float& v : x) {
      v = type == CacheType::f16    ? to_f16(v)
          : type == CacheType::bf16 ? round_bits(v, 7, -126)
          : type == CacheType::fp8  ? round_bits(to_f16(v), 3, -6)
                                    : std::clamp(std::nearbyint(v / scale), -127.0f, 127.0f) * scale;
    }
  }
}

std::unique_ptr<Buffer> on_device(Backend& backend, const std::vector<float>& values) {
  auto buffer = backend.allocate(values.size() * 4, "test");
  backend.upload(*buffer, 0, std::as_bytes(std::span(values)));
  return buffer;
}

// Keys and values of all tokens go into the cache; queries are those of the last n_tokens.
std::vector<float> attend(Backend& backend, const Case& c, CacheType type, const std::vector<float>& q, const std::vector<float>& k,
                          const std::vector<float>& v) {
  const AttentionShape& s = c.shape;
  const int n = c.n_past + c.n_tokens, n_blocks = (n + kv_block_step - 1) / kv_block_step;
  const size_t k_bytes = backend.k_cache_bytes(s, type, kv_block_step);
  std::vector<std::unique_ptr<Buffer>> memory;
  std::vector<std::byte*> blocks(static_cast<size_t>(n_blocks));
  for (int i = n_blocks; i-- > 0;) {
    memory.push_back(backend.allocate(k_bytes + backend.v_cache_bytes(s, type, kv_block_step), "block"));
    blocks[static_cast<size_t>(i)] = memory.back()->data();
  }
  const KvLayer cache{.k_type = type, .v_type = type, .n_ctx = n_blocks * kv_block_step, .blocks = blocks.data(), .k_offset = 0, .v_offset = k_bytes, .block_tokens = kv_block_step};
  const std::vector<double> still(static_cast<size_t>(s.head_dim_k / 2));  // no rotation
  std::vector<float> nothing(static_cast<size_t>(n * s.n_heads_q * s.head_dim_k));
  const auto turned = on_device(backend, nothing), queries = on_device(backend, q), keys = on_device(backend, k), values = on_device(backend, v);
  backend.rope_and_store(s, {still, false}, turned->floats(), keys->floats(), values->floats(), cache, 0, c.n_past);
  backend.rope_and_store(s, {still, false}, queries->floats(), keys->floats() + int64_t(c.n_past) * s.n_heads_k * s.head_dim_k,
                         values->floats() + int64_t(c.n_past) * s.n_heads_v * s.head_dim_v, cache, c.n_past, c.n_tokens);
  std::vector<float> out(static_cast<size_t>(c.n_tokens * s.n_heads_q * s.head_dim_v));
  const auto result = backend.allocate(out.size() * 4, "out");
  backend.attention(s, queries->floats(), cache, result->floats(), c.n_past, c.n_tokens);
  backend.download(std::as_writable_bytes(std::span(out)), *result, 0);
  return out;
}

void check(const Case& c, CacheType type, const char* kernel) {
  const AttentionShape& s = c.shape;
  CAPTURE(c.instance);
  CAPTURE(c.n_past);
  CAPTURE(c.n_tokens);
  const SimulatedGpu gpu;
  const int n = c.n_past + c.n_tokens;
  const auto q = random_floats(int64_t(c.n_tokens) * s.n_heads_q * s.head_dim_k, 1);
  auto k = random_floats(int64_t(n) * s.n_heads_k * s.head_dim_k, 2), v = random_floats(int64_t(n) * s.n_heads_v * s.head_dim_v, 3);
  const auto backend = make_cuda_backend();
  const auto got = attend(*backend, c, type, q, k, v);
  round_rows(k, type, s.head_dim_k);
  round_rows(v, type, s.head_dim_v);
  std::vector<float> expected(got.size());
  kernels::reference::attention({s.n_heads_q, s.n_heads_k, s.n_heads_v, s.head_dim_k, s.head_dim_v, 0}, q.data(), k.data(), v.data(),
                                expected.data(), c.n_past, c.n_tokens);
  // Scores of random rows are near 1, their rounded Q and weights off by 2^-12 each in the mean, in bf16 by 2^-9.
  CHECK(relative_error(got, expected) < (type == CacheType::bf16 ? 8e-3 : 1e-3));
  if (gpu.simulated()) CHECK(gpu.fake().counts().count(std::string(kernel) + c.instance) == 1);
}
}  // namespace

TEST_CASE("gpu attention: many tokens at once, every instance, are the reference's; f16") {
  if (!has_kernels()) return;
  for (const Case& c : prompts) check(c, CacheType::f16, "dq_prefill_f16_");
}

TEST_CASE("gpu attention: many tokens at once, every instance, are the reference's; int8") {
  if (!has_kernels()) return;
  for (const Case& c : prompts) check(c, CacheType::q8_0, "dq_prefill_q8_");
}

TEST_CASE("gpu attention: a token, every instance, is the reference's; f16") {
  if (!has_kernels()) return;
  for (const Case& c : steps) check(c, CacheType::f16, "dq_decode_f16_");
}

TEST_CASE("gpu attention: a token, every instance, is the reference's; int8") {
  if (!has_kernels()) return;
  for (const Case& c : steps) check(c, CacheType::q8_0, "dq_decode_q8_");
}

// These types have instances of the models' own shapes.
bool has_instance(const Case& c) {
  const std::string name = c.instance;
  return name == "k64_v64_h4" || name == "k64_v64_h1" || name == "k128_v128_h4" || name == "k128_v128_h1";
}

TEST_CASE("gpu attention: bf16 and fp8 caches, many tokens and one, are the reference's") {
  if (!has_kernels()) return;
  for (const CacheType type : {CacheType::bf16, CacheType::fp8}) {
    const std::string name = cache_type_name(type);
    CAPTURE(name);
    for (const Case& c : prompts)
      if (has_instance(c)) check(c, type, ("dq_prefill_" + name + "_").c_str());
    for (const Case& c : steps)
      if (has_instance(c)) check(c, type, ("dq_decode_" + name + "_").c_str());
  }
}

TEST_CASE("gpu attention: keys of one type beside values of another are an error that says so") {
  if (!has_kernels()) return;
  const SimulatedGpu gpu;
  const auto backend = make_cuda_backend();
  const AttentionShape s{4, 1, 1, 64, 64};
  const std::vector<double> still(32);
  try {
    backend->rope_and_store(s, {still, false}, nullptr, nullptr, nullptr, {.k_type = CacheType::q8_0, .v_type = CacheType::f16, .n_ctx = 64}, 0, 1);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::unsupported);
    CHECK(std::string(e.what()).find("keys of q8_0 beside values of f16") != std::string::npos);
  }
}

TEST_CASE("gpu attention: queries of any size keep their share of f16") {
  if (!has_kernels()) return;
  const Case c{"k64_v64_h4", {8, 1, 4, 64, 64}, 10, 40};
  for (const float size : {1e-6f, 1e5f}) {  // one scale a row: a large one does not overflow, a small one does not vanish
    CAPTURE(size);
    const SimulatedGpu gpu;
    auto q = random_floats(40 * 8 * 64, 1), k = random_floats(50 * 64, 2), v = random_floats(50 * 4 * 64, 3);
    for (float& x : q) x *= size;
    for (float& x : k) x /= std::max(size, 1.0f);
    round_rows(k, CacheType::f16, 64);
    round_rows(v, CacheType::f16, 64);
    const auto got = attend(*make_cuda_backend(), c, CacheType::f16, q, k, v);
    std::vector<float> expected(got.size());
    kernels::reference::attention({8, 1, 4, 64, 64, 0}, q.data(), k.data(), v.data(), expected.data(), 10, 40);
    CHECK(relative_error(got, expected) < 1e-3);
  }
}
