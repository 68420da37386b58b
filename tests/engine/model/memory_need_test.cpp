// What is said before loading against what the system then measured of this process.
#include "engine/model/memory_need.h"

#include <doctest/doctest.h>

#include <malloc.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/base/free_memory.h"
#include "engine/files/gguf_writer.h"
#include "engine/files/model_file.h"
#include "engine/model/load_sigma.h"
#include "engine/model/sigma_weights.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using test_support::TempFolder;

namespace {

// A sanitizer's own memory would be among what is measured.
bool can_measure() {
#if defined(__SANITIZE_ADDRESS__)
  const bool alone = false;
#else
  const bool alone = true;
#endif
  malloc_trim(0);  // what earlier tests gave back would be used again unseen
  if (alone && reset_resident_peak()) return true;
  MESSAGE("this process's memory cannot be measured");
  return false;
}

struct Shape {
  int n_layers = 8, dim = 512, ffn_dim = 2048, n_vocab = 4096;
  bool tied = true;
  DType type = DType::q8_0;
};

// A llama file whose weights are zeros: of the size of one, and quickly written.
void write_file(const Shape& s, const std::string& path) {
  GgufWriter out(path);
  out.set_string("general.architecture", "llama");
  const auto u = [](int n) { return static_cast<uint32_t>(n); };
  out.set_u32("llama.block_count", u(s.n_layers));
  out.set_u32("llama.embedding_length", u(s.dim));
  out.set_u32("llama.feed_forward_length", u(s.ffn_dim));
  out.set_u32("llama.attention.head_count", 8);
  out.set_u32("llama.attention.head_count_kv", 4);
  out.set_u32("llama.context_length", 16384);
  out.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  std::vector<uint64_t> sizes;
  const auto add = [&](const std::string& name, DType type, std::vector<int64_t> dims) {
    out.add_tensor(name, type, dims);
    sizes.push_back(*tensor_bytes(type, dims));
  };
  add("token_embd.weight", s.type, {s.dim, s.n_vocab});
  for (int i = 0; i < s.n_layers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    for (const char* norm : {"attn_norm", "ffn_norm"}) add(b + norm + ".weight", DType::f32, {s.dim});
    for (const char* square : {"attn_q", "attn_output"}) add(b + square + ".weight", s.type, {s.dim, s.dim});
    for (const char* half : {"attn_k", "attn_v"}) add(b + half + ".weight", s.type, {s.dim, s.dim / 2});
    for (const char* wide : {"ffn_gate", "ffn_up"}) add(b + wide + ".weight", s.type, {s.dim, s.ffn_dim});
    add(b + "ffn_down.weight", s.type, {s.ffn_dim, s.dim});
  }
  add("output_norm.weight", DType::f32, {s.dim});
  if (!s.tied) add("output.weight", s.type, {s.dim, s.n_vocab});
  for (const uint64_t n : sizes) out.write(std::vector<std::byte>(n));
  out.finish();
}

// Takes a full context: zeros as keys and values of its first part, a computed block behind them.
void fill(const SigmaModel& model, KvCache& cache) {
  const std::vector<int32_t> tokens = test_support::random_tokens(cache.n_ctx(), model.config().n_vocab, 1);
  const std::span<const int32_t> all(tokens);
  const std::vector<std::byte> zeros(cache.pool().block_bytes());
  const size_t n_filled = all.size() - prompt_block_tokens;
  for (size_t done = 0; done < n_filled; done += KvPool::block_tokens) {
    cache.prepare(KvPool::block_tokens);
    model.backend().upload(cache.block(int(done) / KvPool::block_tokens), 0, zeros);
    cache.append(all.subspan(done, KvPool::block_tokens));
  }
  std::vector<float> logits(size_t(model.config().n_vocab));
  forward(model, cache, all.subspan(n_filled), LogitsWanted::last, logits);
}

uint64_t growth_of_peak(uint64_t before) { return resident_memory().peak - std::min(resident_memory().peak, before); }

}  // namespace

TEST_CASE("memory_need: the estimate is within 5 % of the measured peak, for every cache type") {
  if (!can_measure()) return;
  const TempFolder folder;
  for (const DType type : {DType::q8_0, DType::q4_k}) {
    write_file({.type = type}, folder.file("m.gguf"));
    for (const CacheType cache_type : {CacheType::f16, CacheType::q8_0, CacheType::q4_0}) {
      CAPTURE(std::string(dtype_name(type)));
      CAPTURE(std::string(cache_type_name(cache_type)));
      constexpr int n_ctx = 4096;
      REQUIRE(can_measure());
      const uint64_t before = resident_memory().now;
      auto backend = make_cpu_backend({.n_threads = 2});
      const std::shared_ptr<const ModelFile> file = ModelFile::open(folder.file("m.gguf"));
      const CacheTypes types{cache_type, cache_type};
      const MemoryNeed need = memory_need(*file, read_sigma_config(*file), *backend, types);
      const auto model = SigmaModel::load(file, std::move(backend));
      KvCache cache(model->config(), n_ctx, model->backend(), types);
      fill(*model, cache);
      const double measured = double(growth_of_peak(before)), said = double(need.total(n_ctx) - need.program);
      CAPTURE(said / 1e6);
      CAPTURE(measured / 1e6);
      CHECK(std::abs(said / measured - 1) < 0.05);
    }
  }
}

TEST_CASE("memory_need: weights are in memory once, while they are loaded too") {
  if (!can_measure()) return;
  const TempFolder folder;
  // One matrix is nearly all of the file.
  write_file({.n_layers = 1, .n_vocab = 131072}, folder.file("m.gguf"));
  const auto file = ModelFile::open(folder.file("m.gguf"));
  REQUIRE(reset_resident_peak());
  const uint64_t before = resident_memory().now;
  const auto model = SigmaModel::load(file, make_cpu_backend({.n_threads = 2}));
  CAPTURE(file->size_bytes());
  CHECK(double(growth_of_peak(before)) < 1.1 * double(file->size_bytes()));
}

TEST_CASE("memory_need: of an embedding table of its own only the rows of the text are read") {
  if (!can_measure()) return;
  const TempFolder folder;
  write_file({.n_layers = 1, .dim = 256, .ffn_dim = 256, .n_vocab = 262144, .tied = false}, folder.file("m.gguf"));
  const auto file = ModelFile::open(folder.file("m.gguf"));
  const uint64_t head_bytes = uint64_t{262144} * 256 / 32 * 34;
  REQUIRE(file->size_bytes() > 2 * head_bytes);
  REQUIRE(reset_resident_peak());
  const uint64_t before = resident_memory().now;
  const auto model = SigmaModel::load(file, make_cpu_backend({.n_threads = 1}));
  KvCache cache(model->config(), 1024, model->backend());
  std::vector<float> logits(262144);
  // Rows all over the table.
  forward(*model, cache, test_support::random_tokens(1000, 262144, 3), LogitsWanted::last, logits);
  const uint64_t work = memory_need(*file, model->config(), model->backend(), {}).work;
  CHECK(growth_of_peak(before) < head_bytes + head_bytes / 4 + work);
}

TEST_CASE("memory_need: what does not fit is refused before it is taken, with what would") {
  const MemoryNeed need{.weights = 1'000'000'000, .k_per_token = 10'000, .v_per_token = 40'000, .work = 50'000'000,
                        .tokenizer = 0, .program = 10'000'000, .work_per_token = 0};
  CHECK(need.cache(1) == 128 * 50'000);
  CHECK(need.total(4096) == 1'060'000'000 + 4096 * 50'000);
  CHECK(need.context_for(need.total(4096)) == 4096);
  CHECK(need.context_for(need.total(4096) - 1) == 4096 - 128);
  CHECK(need.context_for(1) == 0);
  require_memory(need, 4096, "m.gguf", 2'000'000'000);
  const auto said = [&](uint64_t free_bytes) -> std::string {
    try {
      require_memory(need, 4096, "m.gguf", free_bytes);
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::out_of_memory);
      return e.what();
    }
    return "";
  };
  CHECK(said(1'100'000'000).find("m.gguf needs 1254.8 MB (weights 1000.0, cache of 4096 tokens 204.8, buffers 50.0) and 1100.0 MB are "
                                 "free; a context of 896 tokens fits") == 0);
  CHECK(said(900'000'000).find("smaller model") != std::string::npos);
}

TEST_CASE("memory_need: a context larger than memory is refused by load_sigma before the weights are read") {
  const TempFolder folder;
  Shape shape{.n_layers = 2, .dim = 256, .ffn_dim = 256};
  write_file(shape, folder.file("m.gguf"));
  const std::shared_ptr<const ModelFile> file = ModelFile::open(folder.file("m.gguf"));
  const MemoryNeed need = memory_need(*file, read_sigma_config(*file), *make_cpu_backend({.n_threads = 1}), {});
  // K and V of 2 layers, 4 heads of 32, f16.
  CHECK(need.kv_per_token() == 2 * 2 * 4 * 32 * 2);
  CHECK(need.weights < file->size_bytes());
  if (free_memory_bytes() == unknown_memory) return;
  // 16,384 tokens are all that such a model is made for.
  const auto model = load_sigma(file, {.cpu = {.n_threads = 1}, .gpu = GpuMode::off}, {}, {}, {.n_ctx = 1 << 30, .k = {}, .v = {}});
  CHECK(model->config().n_ctx_trained == 16384);
}
