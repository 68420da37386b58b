#include "engine/files/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/json_input.h"

namespace engine {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference's limit

using Json = nlohmann::json;

struct StoredType {
  const char* name;
  int n_bytes;
  std::optional<DType> dtype;  // nothing: not a weight's type
};

constexpr StoredType stored_types[] = {
    {"F32", 4, DType::f32}, {"F16", 2, DType::f16}, {"BF16", 2, DType::bf16}, {"I32", 4, DType::i32},
    {"F64", 8, {}},         {"I64", 8, {}},         {"U64", 8, {}},           {"U32", 4, {}},
    {"I16", 2, {}},         {"U16", 2, {}},         {"I8", 1, {}},            {"U8", 1, {}},
    {"BOOL", 1, {}},        {"F8_E4M3", 1, {}},     {"F8_E5M2", 1, {}},
};

struct Place {
  uint64_t begin = 0, end = 0;
};

[[noreturn]] void bad(const std::string& file, const std::string& tensor, const char* cause) {
  fail(ErrorKind::invalid_input, "%s: tensor %s: %s; the file is damaged, fetch it again", file.c_str(),
       escape_invalid_utf8(tensor.substr(0, 100)).c_str(), cause);
}

const Json& field(const Json& entry, const char* key, const std::string& file, const std::string& tensor) {
  const auto at = entry.find(key);
  if (at == entry.end()) bad(file, tensor, engine::format("it has no %s", key).c_str());
  return *at;
}

Place read_place(const Json& entry, const std::string& file, const std::string& tensor) {
  const Json& offsets = field(entry, "data_offsets", file, tensor);
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    bad(file, tensor, "data_offsets is not a pair of numbers");
  }
  const Place place = {offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  if (place.begin > place.end) bad(file, tensor, "data_offsets run backwards");
  return place;
}

const StoredType& read_type(const Json& entry, const std::string& file, const std::string& tensor) {
  const Json& dtype = field(entry, "dtype", file, tensor);
  if (!dtype.is_string()) bad(file, tensor, "dtype is not a string");
  for (const StoredType& type : stored_types) {
    if (dtype.get_ref<const std::string&>() == type.name) return type;
  }
  bad(file, tensor, "its dtype is not one that safetensors has");
}

// Also checks that the shape fills the place exactly.
std::vector<uint64_t> read_shape(const Json& entry, const StoredType& type, Place place,
                                 const std::string& file, const std::string& tensor) {
  const Json& dims = field(entry, "shape", file, tensor);
  if (!dims.is_array()) bad(file, tensor, "shape is not a list");
  std::vector<uint64_t> shape;
  uint64_t n_bytes = static_cast<uint64_t>(type.n_bytes);
  for (const Json& dim : dims) {
    if (!dim.is_number_unsigned()) bad(file, tensor, "shape holds something that is not a size");
    shape.push_back(dim.get<uint64_t>());
    if (__builtin_mul_overflow(n_bytes, shape.back(), &n_bytes)) bad(file, tensor, "its shape overflows");
  }
  if (n_bytes != place.end - place.begin) bad(file, tensor, "its shape and type do not fill its data_offsets");
  return shape;
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  uint64_t n_header = 0;
  if (bytes.size() >= 8) std::memcpy(&n_header, bytes.data(), 8);
  if (bytes.size() < 8 || n_header > kMaxHeaderBytes || n_header > bytes.size() - 8) {
    fail(ErrorKind::invalid_input, "%s: a safetensors header of %llu bytes does not fit the file's %zu (the "
         "limit is 100 MB); it is cut off or no safetensors file, fetch it again", name.c_str(),
         static_cast<unsigned long long>(n_header), bytes.size());
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<size_t>(n_header));
  const Json header = parse_json_input(text, name + ", header", 3);
  if (!header.is_object()) {
    fail(ErrorKind::invalid_input, "%s: the header is not a JSON object; fetch it again", name.c_str());
  }

  const auto data = bytes.subspan(8 + static_cast<size_t>(n_header));
  std::vector<std::pair<Place, SafetensorsEntry>> entries;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") continue;
    if (!entry.is_object()) bad(name, key, "its header entry is not an object");
    const Place place = read_place(entry, name, key);
    const StoredType& type = read_type(entry, name, key);
    const std::vector<uint64_t> shape = read_shape(entry, type, place, name, key);
    if (place.end > data.size()) bad(name, key, "it ends behind the end of the file");

    SafetensorsEntry out;
    out.tensor.name = key;
    const bool empty = place.end == place.begin;
    out.is_weight = type.dtype && !shape.empty() && shape.size() <= 4 && !empty;
    if (out.is_weight) {
      Tensor& tensor = out.tensor.tensor;
      tensor.dtype = *type.dtype;
      tensor.n_dims = static_cast<int>(shape.size());
      for (size_t i = 0; i < shape.size(); ++i) {
        tensor.dims[i] = static_cast<int64_t>(shape[shape.size() - 1 - i]);
      }
      tensor.data = data.data() + place.begin;
      tensor.size_bytes = static_cast<size_t>(place.end - place.begin);
    }
    entries.emplace_back(place, std::move(out));
  }

  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  uint64_t end = 0;
  std::vector<SafetensorsEntry> sorted;
  for (auto& [place, entry] : entries) {
    if (place.begin < end) bad(name, entry.tensor.name, "it overlaps the tensor before it");
    if (place.begin > end) bad(name, entry.tensor.name, "there is a hole before it");
    end = place.end;
    sorted.push_back(std::move(entry));
  }
  if (end != data.size()) {
    fail(ErrorKind::invalid_input, "%s: the tensors end at byte %llu of the data but there are %zu; fetch it "
         "again", name.c_str(), static_cast<unsigned long long>(end), data.size());
  }
  return sorted;
}

}  // namespace engine
