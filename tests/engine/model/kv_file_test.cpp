// Saved caches: what was written comes back, and nothing else gets in.
#include "engine/model/kv_file.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma.h"
#include "tests/support/tiny_model.h"

using namespace engine;
using namespace test_support;

namespace {

using Ids = std::vector<int32_t>;

std::shared_ptr<const SigmaModel> model() {
  static const auto one = [] {
    const TempFolder folder;
    write_tiny_gguf(make_tiny_model(tiny_config(), 42), folder.file("tiny.gguf"));
    return SigmaModel::load(ModelFile::open(folder.file("tiny.gguf")), make_cpu_backend({.n_threads = 1}));
  }();
  return one;
}

KvFileContext context() { return {model()->config(), {1, 2}}; }

void run(KvCache& cache, std::span<const int32_t> tokens) { forward(*model(), cache, tokens, LogitsWanted::none, {}); }

std::vector<float> last_logits(KvCache& cache, int32_t token) {
  std::vector<float> logits(size_t(model()->config().n_vocab));
  forward(*model(), cache, {&token, 1}, LogitsWanted::last, logits);
  return logits;
}

std::string saved(const KvCache& cache) {
  std::ostringstream out;
  write_kv_file(out, "test.kv", cache, context());
  return out.str();
}

std::string refusal(const std::string& bytes, KvCache& cache) {
  std::istringstream in(bytes);
  try {
    read_kv_file(in, "test.kv", cache, context());
  } catch (const Error& e) {
    CHECK((e.kind() == ErrorKind::invalid_input || e.kind() == ErrorKind::unsupported));
    CHECK(cache.n_tokens() == 0);
    return e.what();
  }
  return "accepted";
}

template <typename T>
std::string changed(std::string bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("kv_file: a restored cache goes on to the last bit as the saved one, for every number format") {
  for (const CacheType type : {CacheType::f32, CacheType::f16, CacheType::q8_0}) {
    const Ids text = random_tokens(KvPool::block_tokens + 50, 260, 1);
    KvCache cache(model()->config(), 300, model()->backend(), {type, type});
    run(cache, text);
    const std::string bytes = saved(cache);
    KvCache other(model()->config(), 200, model()->backend(), {type, type});
    run(other, random_tokens(20, 260, 2));
    std::istringstream in(bytes);
    CHECK(read_kv_file(in, "test.kv", other, context()) == int(text.size()));
    CHECK(Ids(other.tokens().begin(), other.tokens().end()) == text);
    CHECK(last_logits(other, 7) == last_logits(cache, 7));
  }
}

TEST_CASE("kv_file: an empty cache and a full block are saved and restored too") {
  for (const int n : {0, KvPool::block_tokens}) {
    KvCache cache(model()->config(), 200, model()->backend()), other(model()->config(), 200, model()->backend());
    run(cache, random_tokens(n, 260, 1));
    std::istringstream in(saved(cache));
    CHECK(read_kv_file(in, "test.kv", other, context()) == n);
    CHECK(last_logits(other, 7) == last_logits(cache, 7));
  }
}

TEST_CASE("kv_file: nothing of an earlier text in the same memory is saved") {
  for (const CacheType type : {CacheType::f16, CacheType::q8_0}) {
    const Ids text = random_tokens(37, 260, 3);
    KvCache clean(model()->config(), 128, model()->backend(), {type, type}), used(model()->config(), 128, model()->backend(), {type, type});
    run(clean, text);
    run(used, random_tokens(120, 260, 4));
    used.truncate(0);
    run(used, text);
    CHECK(saved(clean) == saved(used));
  }
}

TEST_CASE("kv_file: a file cut or longer by any number of bytes is refused") {
  KvCache cache(model()->config(), 128, model()->backend()), other(model()->config(), 128, model()->backend());
  run(cache, random_tokens(20, 260, 1));
  const std::string bytes = saved(cache);
  for (size_t n = 0; n < bytes.size(); n += n < 300 ? 1 : 4099) CHECK(contains(refusal(bytes.substr(0, n), other), "cut"));
  CHECK(contains(refusal(bytes + "x", other), "cut or damaged"));
  CHECK(refusal(bytes, other) == "accepted");
}

TEST_CASE("kv_file: every number of the header is held to what the cache has before anything is read") {
  KvCache cache(model()->config(), 128, model()->backend()), other(model()->config(), 100, model()->backend());
  run(cache, random_tokens(20, 260, 1));
  const std::string bytes = saved(cache);
  CHECK(contains(refusal(changed(bytes, 0, 'X'), other), "no saved key-value cache"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 8, 2), other), "another version"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 12, 99), other), "another version"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 16, 0xFFFFFFFF), other), "number formats"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 20, uint32_t(CacheType::q8_0)), other), "number formats"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 24, 0), other), "damaged"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 28, 0xFFFFFFFF), other), "take a context of"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 28, 101), other), "holds 101 tokens but the context only 100"));
  CHECK(contains(refusal(changed<uint32_t>(bytes, 28, 90), other), "cut or damaged"));  // more than are there
  CHECK(contains(refusal(changed<uint64_t>(bytes, 32, ~uint64_t{0}), other), "damaged"));
  CHECK(contains(refusal(changed<uint64_t>(bytes, 40, 9), other), "another model"));
  CHECK(contains(refusal(changed<uint64_t>(bytes, 56, 9), other), "checksum"));
  CHECK(contains(refusal(changed<int32_t>(bytes, 72, -1), other), "outside the model's vocabulary"));
  CHECK(contains(refusal(changed<int32_t>(bytes, 72, 260), other), "outside the model's vocabulary"));
  CHECK(contains(refusal(changed<int32_t>(bytes, 72, 5), other), "checksum"));
}

TEST_CASE("kv_file: one changed bit anywhere is found") {
  KvCache cache(model()->config(), 128, model()->backend()), other(model()->config(), 128, model()->backend());
  run(cache, random_tokens(20, 260, 1));
  const std::string bytes = saved(cache);
  for (size_t i = 0; i < 60; ++i) {
    std::string damaged = bytes;
    const size_t at = 72 + (i * 7919 * 31) % (bytes.size() - 72);
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (i % 8)));
    CAPTURE(at);
    CHECK(refusal(damaged, other) != "accepted");
  }
}

TEST_CASE("kv_file: a file of this model's is restored, one of another model's is refused, none is left half written") {
  const TempFolder folder;
  const std::string path = folder.file("text.kv");
  const auto load = [&](uint64_t seed) {
    const std::string file = folder.file("m" + std::to_string(seed) + ".gguf");
    write_tiny_gguf(make_tiny_model(tiny_config(), seed), file);
    return SigmaModel::load(ModelFile::open(file), make_cpu_backend({.n_threads = 1}));
  };
  const auto one = load(1), two = load(2);
  CHECK(one->content_hash() == load(1)->content_hash());
  CHECK(one->content_hash() != two->content_hash());
  KvCache cache(one->config(), 64, one->backend()), other(two->config(), 64, two->backend());
  forward(*one, cache, random_tokens(30, 260, 1), LogitsWanted::none, {});
  one->save_cache(cache, path);
  CHECK(std::filesystem::status(path).permissions() == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  cache.truncate(0);
  CHECK(one->restore_cache(cache, path) == 30);
  CHECK_THROWS_WITH_AS(two->restore_cache(other, path), doctest::Contains("saved for another model"), Error);
  CHECK_THROWS_WITH_AS(one->restore_cache(cache, folder.file("absent.kv")), doctest::Contains("cannot open"), Error);
  CHECK_THROWS_WITH_AS(one->restore_cache(cache, folder.path()), doctest::Contains("cannot open"), Error);
  CHECK_THROWS_WITH_AS(one->save_cache(cache, folder.file("no/such/text.kv")), doctest::Contains("cannot create"), Error);
  int n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) n_files += entry.path().extension() == ".part";
  CHECK(n_files == 0);
}

TEST_CASE("content_hash: every byte, the length and what came before count") {
  std::string text(200, 'a');
  const auto hash = [](const std::string& s, ContentHash before = {}) { return content_hash(std::as_bytes(std::span(s)), before); };
  const ContentHash whole = hash(text);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = 'b';
    CHECK(hash(other) != whole);
  }
  CHECK(hash(std::string(64, '\0')) != hash(std::string(65, '\0')));
  CHECK(hash("") != hash(std::string(1, '\0')));
  CHECK(hash("b", hash("a")) != hash("a", hash("b")));
}
