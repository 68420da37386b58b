// app/models/catalog.h: the model files there are, without loading any weights.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/models/fit.h"
#include "app/types.h"

namespace app::models {

// Every *.gguf file and every folder with a config.json in the folders given, by name; a folder that
// does not exist holds none. A model that cannot be loaded is listed with its reason in `error`.
std::vector<ModelInfo> list_models(const std::vector<std::string>& folders);

// One model; never throws for what is wrong with the file: `error` says it.
ModelInfo describe_model(const std::string& path);

// Bytes that a token of context takes, by number format of the cache: f16, q8_0, q4_0. Empty for a
// model that cannot be loaded.
std::map<std::string, uint64_t> cache_bytes_per_token(const std::string& path);

// The model that is fetched on set-up: assets/models.json. Throws Error{invalid_input}.
struct DefaultModel {
  std::string name, file, sha256, licence;
  std::string package, version;  // of the PyPI package that holds the file
  uint64_t n_bytes = 0;
};
DefaultModel read_default_model(const std::string& assets_folder);

// Path of the default model in the first of the folders that holds a file of its name and size, else
// of the first loadable model there is; empty where there is none.
std::string find_default_model(const std::string& assets_folder, const std::vector<std::string>& folders);

}  // namespace app::models
