#include "app/models/catalog.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/files/json_input.h"
#include "engine/files/model_file.h"
#include "engine/model/sigma_config.h"
#include "engine/model/sigma_weights.h"

namespace app::models {
namespace {

namespace fs = std::filesystem;

// The number format that holds most of the weights.
std::string weight_type(const engine::ModelFile& file) {
  std::map<engine::DType, uint64_t> bytes;
  for (const auto& named : file.tensors()) bytes[named.tensor.dtype] += named.tensor.size_bytes;
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : engine::dtype_name(most->first);
}

uint64_t n_parameters(const engine::ModelFile& file) {
  uint64_t n = 0;
  for (const auto& named : file.tensors()) {
    const auto& d = named.tensor.dims;
    n += static_cast<uint64_t>(d[0] * d[1] * d[2] * d[3]);
  }
  return n;
}

bool is_model(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (entry.is_directory(ignored)) return fs::exists(entry.path() / "config.json", ignored);
  return entry.path().extension() == ".gguf";
}

}  // namespace

ModelInfo describe_model(const std::string& path) {
  ModelInfo info;
  info.path = path;
  const fs::path where(path);
  info.name = (where.has_filename() ? where.filename() : where.parent_path().filename()).string();
  std::error_code ignored;
  if (fs::is_regular_file(where, ignored)) info.n_bytes = fs::file_size(where, ignored);
  try {
    const auto file = engine::ModelFile::open(path);
    info.n_bytes = file->size_bytes();
    info.architecture = file->architecture();
    if (const auto name = file->string("general.name"); name && !name->empty()) info.name = std::string(*name);
    info.licence = std::string(file->string("general.license").value_or(""));
    info.weight_type = weight_type(*file);
    info.n_parameters = n_parameters(*file);
    const MemoryNeed need = estimate_memory(*file);
    info.n_ctx_trained = engine::read_sigma_config(*file).n_ctx_trained;
    info.weights_bytes = need.weights;
    info.kv_bytes_per_token = need.kv_per_token();
    info.work_bytes = need.work + need.tokenizer + need.program;
  } catch (const engine::Error& e) {
    info.error = e.what();
  }
  return info;
}

std::map<std::string, uint64_t> cache_bytes_per_token(const std::string& path) {
  std::map<std::string, uint64_t> bytes;
  try {
    const auto file = engine::ModelFile::open(path);
    for (const char* cache : {"f16", "q8_0", "q4_0"}) bytes[cache] = estimate_memory(*file, cache, cache).kv_per_token();
  } catch (const engine::Error&) {
    // describe_model says why it cannot be loaded.
  }
  return bytes;
}

std::vector<ModelInfo> list_models(const std::vector<std::string>& folders) {
  std::vector<ModelInfo> models;
  for (const std::string& folder : folders) {
    std::error_code error;
    std::vector<std::string> paths;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (is_model(*it)) paths.push_back(it->path().string());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) models.push_back(describe_model(path));
  }
  return models;
}

DefaultModel read_default_model(const std::string& assets_folder) {
  const engine::MappedFile map(assets_folder + "/models.json");
  const std::string_view text(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
  const nlohmann::json root = engine::parse_json_input(text, map.path());
  try {
    const auto& d = root.at("default");
    return {d.at("name"), d.at("file"), d.at("sha256"), d.at("licence"), d.at("package"), d.at("version"),
            d.at("bytes").get<uint64_t>()};
  } catch (const nlohmann::json::exception&) {
    engine::fail(engine::ErrorKind::invalid_input, "%s: \"default\" needs name, file, bytes, sha256, licence, "
                 "package and version", map.path().c_str());
  }
}

std::string find_default_model(const std::string& assets_folder, const std::vector<std::string>& folders) {
  const DefaultModel wanted = read_default_model(assets_folder);
  for (const std::string& folder : folders) {
    const fs::path path = fs::path(folder) / wanted.file;
    std::error_code error;
    if (fs::file_size(path, error) == wanted.n_bytes && !error) return path.string();
  }
  for (const ModelInfo& model : list_models(folders)) {
    if (model.error.empty()) return model.path;
  }
  return "";
}

}  // namespace app::models
