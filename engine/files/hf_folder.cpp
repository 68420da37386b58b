#include "engine/files/hf_folder.h"

#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/base/text.h"
#include "engine/files/json_input.h"
#include "engine/files/model_file.h"
#include "engine/files/safetensors.h"

namespace engine {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kMaxConfigBytes = 16 << 20;
constexpr size_t kMaxIndexBytes = 100'000'000;

std::string_view as_text(const MappedFile& file, size_t max_bytes) {
  const auto bytes = file.bytes();
  if (bytes.size() > max_bytes) {
    fail(ErrorKind::invalid_input, "%s: %zu bytes are more than such a file has (at most %zu); is it the "
         "right one?", file.path().c_str(), bytes.size(), max_bytes);
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename T>
void append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

class HfFolder final : public ModelFile {
 public:
  ModelFormat format() const override { return ModelFormat::hf_folder; }
  std::vector<std::span<const std::byte>> mapped() const override {
    std::vector<std::span<const std::byte>> spans;
    for (const MappedFile& shard : shards_) spans.push_back(shard.bytes());
    return spans;
  }
  void read(const std::string& folder, std::stop_token stop);

 private:
  void read_config(const fs::path& file);
  void add_value(const std::string& key, const Json& value);
  bool encode(const Json& value, Value& out, std::string& bytes) const;
  bool encode_array(const Json& array, Value& out, std::string& bytes) const;
  void read_shards(const fs::path& folder, std::stop_token stop);
  void read_shard(const fs::path& file);
  std::map<std::string, std::set<std::string>> read_index(const fs::path& file) const;

  std::deque<std::string> texts_;             // keys and values; addresses stay
  std::deque<MappedFile> shards_;
  std::deque<std::vector<std::byte>> copies_;  // tensors that lie misaligned in their file
};

void HfFolder::read(const std::string& folder, std::stop_token stop) {
  path_ = folder;
  const fs::path where(folder);
  read_config(where / "config.json");
  read_shards(where, stop);
}

void HfFolder::read_config(const fs::path& file) {
  if (!fs::exists(file)) {
    fail(ErrorKind::not_found, "%s: this folder holds no config.json, so it is no HF model; give a folder "
         "with config.json and model.safetensors, or a GGUF file", path_.c_str());
  }
  const MappedFile map(file.string());
  const Json config = parse_json_input(as_text(map, kMaxConfigBytes), map.path());
  if (!config.is_object()) {
    fail(ErrorKind::invalid_input, "%s: not a JSON object; fetch it again", map.path().c_str());
  }
  // An explicit stack: nested objects become dotted keys.
  std::vector<std::pair<std::string, const Json*>> open = {{"", &config}};
  while (!open.empty()) {
    const auto [prefix, object] = open.back();
    open.pop_back();
    for (const auto& [name, value] : object->items()) {
      const std::string key = prefix + name;
      if (value.is_object()) {
        open.emplace_back(key + ".", &value);
      } else {
        add_value(key, value);
      }
    }
  }
  index_values();
}

void HfFolder::add_value(const std::string& key, const Json& value) {
  Value out;
  std::string bytes;
  if (!encode(value, out, bytes)) return;  // null, or a list that no getter could give
  out.key = texts_.emplace_back(key);
  const std::string& kept = texts_.emplace_back(std::move(bytes));
  out.bytes = std::as_bytes(std::span(kept.data(), kept.size()));
  values_.push_back(out);
}

bool HfFolder::encode(const Json& value, Value& out, std::string& bytes) const {
  if (value.is_array()) return encode_array(value, out, bytes);
  if (value.is_boolean()) {
    out.type = ValueType::boolean;
    bytes.push_back(value.get<bool>() ? '\1' : '\0');
  } else if (value.is_number_unsigned()) {
    out.type = ValueType::u64;
    append(bytes, value.get<uint64_t>());
  } else if (value.is_number_integer()) {
    out.type = ValueType::i64;
    append(bytes, value.get<int64_t>());
  } else if (value.is_number_float()) {
    out.type = ValueType::f64;
    append(bytes, value.get<double>());
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    out.type = ValueType::string;
    append(bytes, static_cast<uint64_t>(text.size()));
    bytes += text;
  } else {
    return false;
  }
  return true;
}

bool HfFolder::encode_array(const Json& array, Value& out, std::string& bytes) const {
  const auto all = [&](auto is) { return std::all_of(array.begin(), array.end(), is); };
  const bool scalars = all([](const Json& x) { return x.is_number() || x.is_string() || x.is_boolean(); });
  if (!scalars) return false;
  const bool whole = all([](const Json& x) { return x.is_number_integer(); });
  const bool numbers = all([](const Json& x) { return x.is_number(); });
  Value element;
  for (const Json& x : array) {
    if (numbers && !whole) {
      element.type = ValueType::f64;
      append(bytes, x.get<double>());
    } else if (whole) {
      if (x.is_number_unsigned() && x.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return false;
      element.type = ValueType::i64;
      append(bytes, x.get<int64_t>());
    } else {
      const ValueType before = element.type;
      if (!encode(x, element, bytes)) return false;
      if (&x != &array.front() && element.type != before) return false;  // of mixed types
    }
  }
  out.type = element.type;
  out.is_array = true;
  out.n = array.size();
  return true;
}

std::map<std::string, std::set<std::string>> HfFolder::read_index(const fs::path& file) const {
  const MappedFile map(file.string());
  const Json index = parse_json_input(as_text(map, kMaxIndexBytes), map.path());
  const auto weights = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || weights == index.end() || !weights->is_object()) {
    fail(ErrorKind::invalid_input, "%s: it has no weight_map; fetch it again", map.path().c_str());
  }
  std::map<std::string, std::set<std::string>> tensors_of;
  for (const auto& [tensor, shard] : weights->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
                       name.find('\0') == std::string::npos;
    if (!plain) {
      fail(ErrorKind::invalid_input, "%s: tensor %s names no file of this folder; fetch it again",
           map.path().c_str(), escape_invalid_utf8(tensor.substr(0, 100)).c_str());
    }
    tensors_of[name].insert(tensor);
  }
  return tensors_of;
}

void HfFolder::read_shards(const fs::path& folder, std::stop_token stop) {
  const fs::path index = folder / "model.safetensors.index.json";
  std::map<std::string, std::set<std::string>> tensors_of;
  if (fs::exists(folder / "model.safetensors")) {
    tensors_of["model.safetensors"] = {};
  } else if (fs::exists(index)) {
    tensors_of = read_index(index);
  } else {
    fail(ErrorKind::not_found, "%s: no model.safetensors and no model.safetensors.index.json in this folder; "
         "fetch the weights, or convert other formats to safetensors", path_.c_str());
  }
  for (const auto& [shard, wanted] : tensors_of) {
    if (stop.stop_requested()) fail(ErrorKind::cancelled, "%s: loading was cancelled", path_.c_str());
    const size_t n_before = tensors_.size(), n_skipped_before = skipped_.size();
    read_shard(folder / shard);
    std::set<std::string> missing = wanted;
    for (size_t i = n_before; i < tensors_.size(); ++i) missing.erase(tensors_[i].name);
    for (size_t i = n_skipped_before; i < skipped_.size(); ++i) missing.erase(skipped_[i]);
    if (!missing.empty()) {
      fail(ErrorKind::invalid_input, "%s: the index places tensor %s in %s, which does not hold it; fetch the "
           "files again", path_.c_str(), escape_invalid_utf8(*missing.begin()).c_str(), shard.c_str());
    }
  }
  index_tensors();
}

void HfFolder::read_shard(const fs::path& file) {
  const MappedFile& map = shards_.emplace_back(file.string());
  size_bytes_ += map.bytes().size();
  for (SafetensorsEntry& entry : parse_safetensors(map.bytes(), map.path())) {
    if (!entry.is_weight) {
      skipped_.push_back(std::move(entry.tensor.name));
      continue;
    }
    Tensor& tensor = entry.tensor.tensor;
    const auto need = static_cast<uintptr_t>(block_shape(tensor.dtype).n_bytes);
    if (reinterpret_cast<uintptr_t>(tensor.data) % need != 0) {
      // Old writers did not pad the header. Numbers are read in place, so these get a copy.
      auto& copy = copies_.emplace_back(tensor.data, tensor.data + tensor.size_bytes);
      tensor.data = copy.data();
    }
    tensors_.push_back(std::move(entry.tensor));
  }
}

}  // namespace

std::shared_ptr<const ModelFile> open_hf_folder(const std::string& folder, std::stop_token stop) {
  auto file = std::make_shared<HfFolder>();
  file->read(folder, stop);
  return file;
}

}  // namespace engine
