#include "engine/files/model_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/files/gguf.h"
#include "engine/files/hf_folder.h"

namespace engine {
namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  BlockShape block;
};

// Block sizes follow the structs of ggml's public type list.
constexpr DTypeRow dtype_rows[] = {
    {DType::f32, "F32", {1, 4}},       {DType::f16, "F16", {1, 2}},
    {DType::bf16, "BF16", {1, 2}},     {DType::i32, "I32", {1, 4}},
    {DType::q4_0, "Q4_0", {32, 18}},   {DType::q4_1, "Q4_1", {32, 20}},
    {DType::q5_0, "Q5_0", {32, 22}},   {DType::q5_1, "Q5_1", {32, 24}},
    {DType::q8_0, "Q8_0", {32, 34}},   {DType::iq4_nl, "IQ4_NL", {32, 18}},
    {DType::q2_k, "Q2_K", {256, 84}},  {DType::q3_k, "Q3_K", {256, 110}},
    {DType::q4_k, "Q4_K", {256, 144}}, {DType::q5_k, "Q5_K", {256, 176}},
    {DType::q6_k, "Q6_K", {256, 210}},
};

const DTypeRow& row_of(DType dtype) {
  for (const DTypeRow& row : dtype_rows) {
    if (row.dtype == dtype) return row;
  }
  fail(ErrorKind::internal, "number format %d has no row in the table", static_cast<int>(dtype));
}

template <typename T>
T load_number(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

const char* dtype_name(DType dtype) { return row_of(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : dtype_rows) {
    if (to_lower_ascii(name) == to_lower_ascii(row.name)) return row.dtype;
  }
  return std::nullopt;
}

BlockShape block_shape(DType dtype) { return row_of(dtype).block; }

std::optional<uint64_t> tensor_bytes(DType dtype, std::span<const int64_t> dims) {
  const BlockShape block = block_shape(dtype);
  int64_t n = 1;
  for (const int64_t dim : dims) {
    if (dim < 1 || __builtin_mul_overflow(n, dim, &n)) return std::nullopt;
  }
  const int64_t row = dims.empty() ? 1 : dims[0];
  if (row % block.n_elements != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(n / block.n_elements, int64_t{block.n_bytes}, &bytes)) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

std::shared_ptr<const ModelFile> ModelFile::open(const std::string& path, std::stop_token stop) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path where(path);
  if (fs::is_directory(where, ignored)) return open_hf_folder(path, stop);
  if (where.filename() == "config.json") {
    const fs::path folder = where.parent_path();
    return open_hf_folder(folder.empty() ? "." : folder.string(), stop);
  }
  return open_gguf(path, stop);
}

std::string ModelFile::architecture() const {
  const char* key = format() == ModelFormat::gguf ? "general.architecture" : "model_type";
  return std::string(string(key).value_or(""));
}

std::string ModelFile::key(std::string_view suffix) const {
  if (format() == ModelFormat::hf_folder) return std::string(suffix);
  return architecture() + "." + std::string(suffix);
}

void ModelFile::index_tensors() {
  tensors_by_name_.resize(tensors_.size());
  std::iota(tensors_by_name_.begin(), tensors_by_name_.end(), 0u);
  std::sort(tensors_by_name_.begin(), tensors_by_name_.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  for (size_t i = 1; i < tensors_by_name_.size(); ++i) {
    const std::string& name = tensors_[tensors_by_name_[i]].name;
    if (name == tensors_[tensors_by_name_[i - 1]].name) {
      fail(ErrorKind::invalid_input, "%s: tensor %s stands twice; the file is damaged, fetch it again",
           path_.c_str(), escape_invalid_utf8(name).c_str());
    }
  }
}

void ModelFile::index_values() {
  values_by_key_.resize(values_.size());
  std::iota(values_by_key_.begin(), values_by_key_.end(), 0u);
  std::sort(values_by_key_.begin(), values_by_key_.end(),
            [&](uint32_t a, uint32_t b) { return values_[a].key < values_[b].key; });
  for (size_t i = 1; i < values_by_key_.size(); ++i) {
    const std::string_view key = values_[values_by_key_[i]].key;
    if (key == values_[values_by_key_[i - 1]].key) {
      fail(ErrorKind::invalid_input, "%s: key %s stands twice; the file is damaged, fetch it again",
           path_.c_str(), escape_invalid_utf8(key.substr(0, 100)).c_str());
    }
  }
}

const Tensor* ModelFile::find(std::string_view name) const {
  const auto at = std::lower_bound(
      tensors_by_name_.begin(), tensors_by_name_.end(), name,
      [&](uint32_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  if (at == tensors_by_name_.end() || tensors_[*at].name != name) return nullptr;
  return &tensors_[*at].tensor;
}

const ModelFile::Value* ModelFile::find_value(std::string_view key) const {
  const auto at =
      std::lower_bound(values_by_key_.begin(), values_by_key_.end(), key,
                       [&](uint32_t i, std::string_view wanted) { return values_[i].key < wanted; });
  if (at == values_by_key_.end() || values_[*at].key != key) return nullptr;
  return &values_[*at];
}

const char* ModelFile::value_type_name(ValueType type) {
  static constexpr const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                          "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<size_t>(type)];
}

size_t ModelFile::value_type_bytes(ValueType type) {
  static constexpr size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<size_t>(type)];
}

void ModelFile::wrong_type(const Value& value, const char* wanted) const {
  const std::string key(value.key.substr(0, 100));
  fail(ErrorKind::invalid_input, "%s: key %s holds %s%s (%s) where %s belongs; the file is damaged or "
       "was written by a faulty converter", path_.c_str(), escape_invalid_utf8(key).c_str(),
       value.is_array ? "an array of " : "", value_type_name(value.type),
       show_value(value.key, 40).c_str(), wanted);
}

const ModelFile::Value* ModelFile::scalar(std::string_view key) const {
  const Value* value = find_value(key);
  if (value != nullptr && value->is_array) wrong_type(*value, "one value");
  return value;
}

const ModelFile::Value* ModelFile::array(std::string_view key) const {
  const Value* value = find_value(key);
  if (value != nullptr && !value->is_array) wrong_type(*value, "an array");
  return value;
}

namespace {

// Calls use(number) with the number at p in its own type; false for strings and booleans.
template <typename Use>
bool with_number(uint32_t type, const std::byte* p, Use use) {
  switch (type) {
    case 0: use(load_number<uint8_t>(p)); return true;
    case 1: use(load_number<int8_t>(p)); return true;
    case 2: use(load_number<uint16_t>(p)); return true;
    case 3: use(load_number<int16_t>(p)); return true;
    case 4: use(load_number<uint32_t>(p)); return true;
    case 5: use(load_number<int32_t>(p)); return true;
    case 6: use(load_number<float>(p)); return true;
    case 10: use(load_number<uint64_t>(p)); return true;
    case 11: use(load_number<int64_t>(p)); return true;
    case 12: use(load_number<double>(p)); return true;
    default: return false;
  }
}

std::optional<int64_t> to_i64(uint32_t type, const std::byte* p) {
  std::optional<int64_t> result;
  with_number(type, p, [&](auto number) {
    if constexpr (std::is_integral_v<decltype(number)>) {
      if (std::in_range<int64_t>(number)) result = static_cast<int64_t>(number);
    }
  });
  return result;
}

std::optional<double> to_f64(uint32_t type, const std::byte* p) {
  std::optional<double> result;
  with_number(type, p, [&](auto number) {
    const double x = static_cast<double>(number);
    if (std::isfinite(x)) result = x;
  });
  return result;
}

// The string at offset, which was checked when the file was read; advances past it.
std::string_view string_at(std::span<const std::byte> bytes, size_t& offset) {
  const auto n = static_cast<size_t>(load_number<uint64_t>(bytes.data() + offset));
  const auto* text = reinterpret_cast<const char*>(bytes.data() + offset + 8);
  offset += 8 + n;
  return {text, n};
}

}  // namespace

std::optional<uint64_t> ModelFile::u64(std::string_view key) const {
  const Value* value = scalar(key);
  if (value == nullptr) return std::nullopt;
  if (value->type == ValueType::u64) return load_number<uint64_t>(value->bytes.data());
  const auto number = to_i64(static_cast<uint32_t>(value->type), value->bytes.data());
  if (!number || *number < 0) wrong_type(*value, "a whole number from 0");
  return static_cast<uint64_t>(*number);
}

std::optional<int64_t> ModelFile::i64(std::string_view key) const {
  const Value* value = scalar(key);
  if (value == nullptr) return std::nullopt;
  const auto number = to_i64(static_cast<uint32_t>(value->type), value->bytes.data());
  if (!number) wrong_type(*value, "a whole number");
  return number;
}

std::optional<double> ModelFile::f64(std::string_view key) const {
  const Value* value = scalar(key);
  if (value == nullptr) return std::nullopt;
  const auto number = to_f64(static_cast<uint32_t>(value->type), value->bytes.data());
  if (!number) wrong_type(*value, "a finite number");
  return number;
}

std::optional<bool> ModelFile::boolean(std::string_view key) const {
  const Value* value = scalar(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != ValueType::boolean) wrong_type(*value, "true or false");
  return value->bytes[0] != std::byte{0};
}

std::optional<std::string_view> ModelFile::string(std::string_view key) const {
  const Value* value = scalar(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != ValueType::string) wrong_type(*value, "a string");
  size_t offset = 0;
  return string_at(value->bytes, offset);
}

std::optional<std::vector<int64_t>> ModelFile::i64_array(std::string_view key) const {
  const Value* value = array(key);
  if (value == nullptr) return std::nullopt;
  const size_t width = value_type_bytes(value->type);
  std::vector<int64_t> numbers;
  for (uint64_t i = 0; i < value->n; ++i) {
    const auto number = width == 0 ? std::nullopt
                                   : to_i64(static_cast<uint32_t>(value->type),
                                            value->bytes.data() + i * width);
    if (!number) wrong_type(*value, "an array of whole numbers");
    if (numbers.empty()) numbers.reserve(value->n);
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<std::vector<double>> ModelFile::f64_array(std::string_view key) const {
  const Value* value = array(key);
  if (value == nullptr) return std::nullopt;
  const size_t width = value_type_bytes(value->type);
  std::vector<double> numbers;
  for (uint64_t i = 0; i < value->n; ++i) {
    const auto number = width == 0 ? std::nullopt
                                   : to_f64(static_cast<uint32_t>(value->type),
                                            value->bytes.data() + i * width);
    if (!number) wrong_type(*value, "an array of finite numbers");
    if (numbers.empty()) numbers.reserve(value->n);
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<std::vector<std::string_view>> ModelFile::string_array(std::string_view key) const {
  const Value* value = array(key);
  if (value == nullptr) return std::nullopt;
  if (value->n > 0 && value->type != ValueType::string) wrong_type(*value, "an array of strings");
  std::vector<std::string_view> strings;
  strings.reserve(value->n);
  size_t offset = 0;
  for (uint64_t i = 0; i < value->n; ++i) strings.push_back(string_at(value->bytes, offset));
  return strings;
}

std::optional<uint64_t> ModelFile::array_size(std::string_view key) const {
  const Value* value = array(key);
  if (value == nullptr) return std::nullopt;
  return value->n;
}

std::optional<ModelFile::RawValue> ModelFile::raw(std::string_view key) const {
  const Value* value = find_value(key);
  if (value == nullptr) return std::nullopt;
  return RawValue{static_cast<uint32_t>(value->type), value->is_array, value->n, value->bytes};
}

std::vector<std::string_view> ModelFile::keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(values_.size());
  for (const Value& value : values_) keys.push_back(value.key);
  return keys;
}

std::string ModelFile::show_value(std::string_view key, size_t max_chars) const {
  const Value* value = find_value(key);
  if (value == nullptr) return "";
  std::string text;
  size_t offset = 0;
  for (uint64_t i = 0; i < value->n && text.size() <= max_chars; ++i) {
    if (i > 0) text += ", ";
    if (value->type == ValueType::string) {
      text += escape_invalid_utf8(string_at(value->bytes, offset).substr(0, max_chars + 1));
    } else if (value->type == ValueType::boolean) {
      text += value->bytes[i] != std::byte{0} ? "true" : "false";
    } else {
      const std::byte* p = value->bytes.data() + i * value_type_bytes(value->type);
      with_number(static_cast<uint32_t>(value->type), p, [&](auto number) {
        if constexpr (std::is_integral_v<decltype(number)>) {
          text += std::to_string(number);
        } else {
          text += engine::format("%g", static_cast<double>(number));
        }
      });
    }
  }
  if (text.size() > max_chars) {
    size_t cut = max_chars;  // not within a code point
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text = text.substr(0, cut) + "...";
  }
  if (value->is_array) text = engine::format("[%llu] ", static_cast<unsigned long long>(value->n)) + text;
  return text;
}

}  // namespace engine
