// engine/files/hf_folder.h: a Hugging Face model folder: config.json and model.safetensors, or
// model.safetensors.index.json and the shards that it names.
#pragma once
#include <memory>
#include <stop_token>
#include <string>

namespace engine {

class ModelFile;

std::shared_ptr<const ModelFile> open_hf_folder(const std::string& folder, std::stop_token stop = {});

}  // namespace engine
