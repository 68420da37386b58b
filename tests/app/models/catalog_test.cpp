#include "app/models/catalog.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/free_memory.h"
#include "engine/files/gguf_writer.h"

using namespace app::models;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sigma_catalog_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
  }
  std::string operator/(const char* name) const { return (path / name).string(); }
  fs::path path;
};

constexpr uint64_t mega = 1 << 20;

}  // namespace

TEST_CASE("models/catalog: files that cannot be loaded are listed with their reason") {
  const Folder folder;
  folder.write("b.gguf", "GGUF");
  folder.write("a.gguf", "");
  folder.write("notes.txt", "");
  folder.write("hf/config.json", "{}");
  const auto models = list_models({folder.path.string(), folder / "absent"});
  REQUIRE(models.size() == 3);
  CHECK(models[0].path == folder / "a.gguf");
  CHECK(models[0].error.find("empty") != std::string::npos);
  CHECK(models[1].error.find("version") != std::string::npos);
  CHECK(models[2].error.find("model.safetensors") != std::string::npos);
}

TEST_CASE("models/catalog: a model's shape, type and need are read without its weights") {
  const Folder folder;
  {
    engine::GgufWriter out(folder / "m.gguf");
    out.set_string("general.architecture", "llama");
    out.set_string("general.name", "Small");
    out.set_u32("llama.block_count", 1);
    out.set_u32("llama.embedding_length", 64);
    out.set_u32("llama.feed_forward_length", 96);
    out.set_u32("llama.attention.head_count", 4);
    out.set_u32("llama.attention.head_count_kv", 2);
    out.set_u32("llama.context_length", 128);
    out.set_u32("llama.vocab_size", 32);
    out.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    const int64_t dims[] = {64, 32};
    out.add_tensor("token_embd.weight", engine::DType::q8_0, dims);
    const std::vector<std::byte> data(64 * 32 / 32 * 34);
    out.write(data);
    out.finish();
  }
  const app::ModelInfo info = describe_model(folder / "m.gguf");
  CHECK(info.error == "");
  CHECK(info.name == "Small");
  CHECK(info.architecture == "llama");
  CHECK(info.weight_type == "Q8_0");
  CHECK(info.n_parameters == 64 * 32);
  CHECK(info.n_ctx_trained == 128);
  CHECK(info.kv_bytes_per_token == 2 * (2 * 16) * 2);  // K and V, heads times width, f16
  const auto cache = cache_bytes_per_token(folder / "m.gguf");
  CHECK(cache.at("f16") == info.kv_bytes_per_token);
  CHECK(cache.at("q4_0") < cache.at("q8_0"));   // q8_0 is larger than f16 here: heads of 16 are padded to blocks of 32
}

TEST_CASE("models/catalog: the default model is pinned") {
  const DefaultModel d = read_default_model(SIGMA_ASSETS);
  CHECK(d.sha256.size() == 64);
  CHECK(d.n_bytes > 0);
  CHECK(d.file.find(".gguf") != std::string::npos);
  const Folder folder;
  CHECK(find_default_model(SIGMA_ASSETS, {folder.path.string()}) == "");
}

TEST_CASE("models/free_memory: MemAvailable, less where a control group limits") {
  const Folder root;
  root.write("proc/meminfo", "MemTotal:  16000 kB\nMemFree: 10 kB\nMemAvailable:    8192 kB\n");
  root.write("proc/self/cgroup", "0::/a/b\n");
  const auto free_bytes = [&] { return engine::free_memory_bytes(root / "proc", root / "cg"); };
  CHECK(free_bytes() == 8 * mega);
  root.write("cg/a/b/memory.max", "max\n");
  root.write("cg/a/b/memory.current", "1\n");
  CHECK(free_bytes() == 8 * mega);
  root.write("cg/a/memory.max", std::to_string(6 * mega));
  root.write("cg/a/memory.current", std::to_string(5 * mega));
  CHECK(free_bytes() == 1 * mega);
  root.write("cg/a/memory.stat", "anon 5\ninactive_file " + std::to_string(2 * mega) + "\n");
  CHECK(free_bytes() == 3 * mega);  // page cache can be dropped
  root.write("proc/self/cgroup", "4:cpu,memory:/x\n");
  root.write("cg/memory/x/memory.limit_in_bytes", std::to_string(2 * mega));
  root.write("cg/memory/x/memory.usage_in_bytes", std::to_string(3 * mega));
  CHECK(free_bytes() == 0);
  CHECK(engine::free_memory_bytes(root / "none", root / "none") == engine::unknown_memory);
}
