#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "engine/files/json_input.h"
#include "engine/files/model_file.h"
#include "engine/files/safetensors.h"
#include <nlohmann/json.hpp>

using engine::Error;
namespace fs = std::filesystem;

namespace {

std::string safetensors(const std::string& header, size_t n_data) {
  const uint64_t n = header.size();
  std::string bytes(reinterpret_cast<const char*>(&n), 8);
  return bytes + header + std::string(n_data, '\2');
}

std::string problem(const std::string& bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  try {
    engine::parse_safetensors(std::as_bytes(std::span(copy.data(), copy.size())), "m.safetensors");
  } catch (const Error& e) {
    CHECK(e.kind() == engine::ErrorKind::invalid_input);
    CHECK(std::string(e.what()).find("m.safetensors") == 0);
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

struct Folder {
  Folder() : path(fs::temp_directory_path() / "sigma_hf_folder_test") {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const char* name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
  }
  std::string error() const {
    try {
      engine::ModelFile::open(path.string());
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path path;
};

constexpr const char* two = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                            R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})";

}  // namespace

TEST_CASE("files/safetensors: tensors come with dims reversed, fastest first") {
  const std::string bytes = safetensors(two, 32);
  const auto entries = engine::parse_safetensors(std::as_bytes(std::span(bytes.data(), bytes.size())), "m");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].tensor.name == "a");
  CHECK(entries[0].tensor.tensor.dims[0] == 3);
  CHECK(entries[0].tensor.tensor.dims[1] == 2);
  CHECK(entries[1].tensor.tensor.dtype == engine::DType::bf16);
}

TEST_CASE("files/safetensors: cut at any byte gives one error") {
  const std::string whole = safetensors(two, 32);
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(problem(whole.substr(0, n)) != "no error");
  }
  CHECK(problem(whole) == "no error");
  CHECK(contains(problem(whole + "x"), "end at byte"));
}

TEST_CASE("files/safetensors: the reference's rules on headers and offsets") {
  std::string huge(8, '\xff');
  CHECK(contains(problem(huge + "{}"), "does not fit"));
  const auto entry = [](const char* rest) { return std::string(R"({"a":{"dtype":"F32",)") + rest + "}}"; };
  CHECK(contains(problem(safetensors(entry(R"("shape":[2],"data_offsets":[8,0])"), 8)), "backwards"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[3],"data_offsets":[0,8])"), 8)), "do not fill"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[2],"data_offsets":[4,12])"), 12)), "hole"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[2],"data_offsets":[0,8])"), 4)), "behind the end"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[4294967296,4294967296,4],"data_offsets":[0,8])"), 8)),
                 "overflows"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[-2],"data_offsets":[0,8])"), 8)), "not a size"));
  CHECK(contains(problem(safetensors(entry(R"("shape":[2],"data_offsets":[0,1e1])"), 8)), "pair"));
  CHECK(contains(problem(safetensors(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8)), "dtype"));
  CHECK(contains(problem(safetensors(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8)), "no dtype"));
  CHECK(contains(problem(safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                     R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12)),
                 "overlaps"));
  CHECK(contains(problem(safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                     R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8)),
                 "stands twice"));
  CHECK(contains(problem(safetensors("[]", 0)), "not a JSON object"));
  CHECK(contains(problem(safetensors("{", 0)), "not valid JSON"));
}

TEST_CASE("files/json_input: nesting is limited without recursion") {
  CHECK_THROWS_AS(engine::parse_json_input(std::string(5'000'000, '['), "x"), Error);
  std::string objects;
  for (int i = 0; i < 100; ++i) objects += "{\"a\":";
  CHECK_THROWS_AS(engine::parse_json_input(objects, "x"), Error);
  CHECK(engine::parse_json_input("{\"a\":[1,{\"b\":2}]}", "x")["a"][1]["b"] == 2);
}

TEST_CASE("files/hf_folder: config values by dotted key, weights from one file") {
  const Folder folder;
  folder.write("config.json", R"({"model_type":"sigma","n":5,"neg":-3,"x":1.5,"on":true,"none":null,)"
                              R"("list":[1,2],"mixed":[1,"a"],"deep":{"er":{"k":"v"}}})");
  folder.write("model.safetensors", safetensors(two, 32));
  const auto file = engine::ModelFile::open(folder.path.string());
  CHECK(file->architecture() == "sigma");
  CHECK(file->key("hidden_size") == "hidden_size");
  CHECK(file->u64("n") == 5);
  CHECK(file->i64("neg") == -3);
  CHECK(file->f64("x") == 1.5);
  CHECK(file->boolean("on") == true);
  CHECK_FALSE(file->has("none"));
  CHECK_FALSE(file->has("mixed"));
  CHECK(file->i64_array("list") == std::vector<int64_t>{1, 2});
  CHECK(file->string("deep.er.k") == "v");
  CHECK_THROWS_AS(file->u64("neg"), Error);
  // Whatever the header's length, numbers lie where they can be read.
  CHECK(reinterpret_cast<uintptr_t>(file->find("a")->data) % 4 == 0);
}

TEST_CASE("files/hf_folder: shards join; an index that lies is refused") {
  const Folder folder;
  folder.write("config.json", "{}");
  folder.write("s1.safetensors", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
  folder.write("s2.safetensors", safetensors(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  const auto file = engine::ModelFile::open(folder.path.string());
  CHECK(file->tensors().size() == 2);
  CHECK(file->find("b") != nullptr);

  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"s2.safetensors"}})");
  CHECK(contains(folder.error(), "does not hold it"));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"../s1.safetensors"}})");
  CHECK(contains(folder.error(), "names no file of this folder"));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"gone.safetensors"}})");
  CHECK(contains(folder.error(), "gone.safetensors"));
  folder.write("s2.safetensors", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"s1.safetensors","c":"s2.safetensors"}})");
  CHECK(contains(folder.error(), "does not hold it"));
}

TEST_CASE("files/hf_folder: what is missing is said") {
  const Folder folder;
  CHECK(contains(folder.error(), "no config.json"));
  folder.write("config.json", "{\"a\":1,\"a\":2}");
  CHECK(contains(folder.error(), "stands twice"));
  folder.write("config.json", "{}");
  CHECK(contains(folder.error(), "no model.safetensors"));
}

TEST_CASE("files/safetensors: a header of 100,000 entries is read or refused at once") {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    const std::string at = std::to_string(i * 4), end = std::to_string(i * 4 + 4);
    header += (i > 0 ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" + at + "," + end + "]}";
  }
  header += "}";
  CHECK(problem(safetensors(header, 400'000)) == "no error");
  CHECK(problem(safetensors(header, 399'996)) != "no error");
}
