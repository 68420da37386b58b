#include "engine/files/gguf_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/error.h"

namespace engine {
namespace {

constexpr uint64_t kAlignment = 32;

// GGUF's type numbers.
constexpr uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9, kU64 = 10;

template <typename T>
void append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_string(std::string& out, std::string_view text) {
  append(out, static_cast<uint64_t>(text.size()));
  out += text;
}

template <typename T>
std::string encode_scalar(uint32_t type, T value) {
  std::string out;
  append(out, type);
  append(out, value);
  return out;
}

std::string array_head(uint32_t type, size_t n) {
  std::string out;
  append(out, kArray);
  append(out, type);
  append(out, static_cast<uint64_t>(n));
  return out;
}

uint64_t aligned(uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

GgufWriter::GgufWriter(const std::string& path) : path_(path), part_path_(path + ".part") {
  file_ = std::fopen(part_path_.c_str(), "wb");
  if (file_ == nullptr) {
    fail(ErrorKind::io, "%s: cannot write: %s", part_path_.c_str(), std::strerror(errno));
  }
}

GgufWriter::~GgufWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(part_path_.c_str());
}

void GgufWriter::set(std::string_view key, std::string encoded) {
  CHECK_INVARIANT(!header_written_);
  for (Entry& entry : entries_) {
    if (entry.key == key) {
      entry.encoded = std::move(encoded);
      return;
    }
  }
  entries_.push_back({std::string(key), std::move(encoded)});
}

void GgufWriter::set_u32(std::string_view key, uint32_t value) { set(key, encode_scalar(kU32, value)); }
void GgufWriter::set_u64(std::string_view key, uint64_t value) { set(key, encode_scalar(kU64, value)); }
void GgufWriter::set_f32(std::string_view key, float value) { set(key, encode_scalar(kF32, value)); }
void GgufWriter::set_bool(std::string_view key, bool value) {
  set(key, encode_scalar(kBool, static_cast<uint8_t>(value)));
}

void GgufWriter::set_string(std::string_view key, std::string_view value) {
  std::string out;
  append(out, kString);
  append_string(out, value);
  set(key, std::move(out));
}

void GgufWriter::set_strings(std::string_view key, std::span<const std::string_view> values) {
  std::string out = array_head(kString, values.size());
  for (const std::string_view value : values) append_string(out, value);
  set(key, std::move(out));
}

void GgufWriter::set_i32s(std::string_view key, std::span<const int32_t> values) {
  std::string out = array_head(kI32, values.size());
  for (const int32_t value : values) append(out, value);
  set(key, std::move(out));
}

void GgufWriter::set_f32s(std::string_view key, std::span<const float> values) {
  std::string out = array_head(kF32, values.size());
  for (const float value : values) append(out, value);
  set(key, std::move(out));
}

void GgufWriter::set_raw(std::string_view key, const ModelFile::RawValue& value) {
  std::string out;
  if (value.is_array) {
    out = array_head(value.type, value.n);
  } else {
    append(out, value.type);
  }
  out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  set(key, std::move(out));
}

void GgufWriter::add_tensor(std::string_view name, DType dtype, std::span<const int64_t> dims) {
  CHECK_INVARIANT(!header_written_);
  const auto n_bytes = tensor_bytes(dtype, dims);
  if (dims.empty() || dims.size() > 4 || !n_bytes) {
    fail(ErrorKind::invalid_input, "%s: tensor %.*s cannot be stored as %s: its rows are no multiple of %d "
         "numbers", path_.c_str(), static_cast<int>(name.size()), name.data(), dtype_name(dtype),
         block_shape(dtype).n_elements);
  }
  Planned planned;
  planned.name = std::string(name);
  planned.shape.dtype = dtype;
  planned.shape.n_dims = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), planned.shape.dims.begin());
  planned.shape.size_bytes = static_cast<size_t>(*n_bytes);
  planned.offset = next_offset_;
  next_offset_ += aligned(*n_bytes);
  tensors_.push_back(std::move(planned));
}

void GgufWriter::put(const void* data, size_t n) {
  if (n > 0 && std::fwrite(data, 1, n, file_) != n) {
    fail(ErrorKind::io, "%s: cannot write on after %llu bytes: %s; free some space", part_path_.c_str(),
         static_cast<unsigned long long>(n_written_), std::strerror(errno));
  }
  n_written_ += n;
}

void GgufWriter::pad_to_alignment() {
  static constexpr char zeros[kAlignment] = {};
  put(zeros, static_cast<size_t>(aligned(n_written_) - n_written_));
}

void GgufWriter::write_header() {
  header_written_ = true;
  std::string out = "GGUF";
  append(out, uint32_t{3});
  append(out, static_cast<uint64_t>(tensors_.size()));
  append(out, static_cast<uint64_t>(entries_.size()));
  for (const Entry& entry : entries_) {
    append_string(out, entry.key);
    out += entry.encoded;
  }
  for (const Planned& tensor : tensors_) {
    append_string(out, tensor.name);
    append(out, static_cast<uint32_t>(tensor.shape.n_dims));
    for (int i = 0; i < tensor.shape.n_dims; ++i) append(out, static_cast<uint64_t>(tensor.shape.dims[i]));
    append(out, static_cast<uint32_t>(tensor.shape.dtype));
    append(out, tensor.offset);
  }
  put(out.data(), out.size());
  pad_to_alignment();
  if (!tensors_.empty()) left_in_current_ = tensors_[0].shape.size_bytes;
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  if (!header_written_) write_header();
  while (!bytes.empty()) {
    CHECK_INVARIANT(current_ < tensors_.size());
    const size_t n = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_in_current_));
    put(bytes.data(), n);
    bytes = bytes.subspan(n);
    left_in_current_ -= n;
    if (left_in_current_ > 0) continue;
    pad_to_alignment();
    ++current_;
    left_in_current_ = current_ < tensors_.size() ? tensors_[current_].shape.size_bytes : 0;
  }
}

void GgufWriter::finish() {
  if (!header_written_) write_header();
  CHECK_INVARIANT(current_ == tensors_.size());
  const bool flushed = std::fflush(file_) == 0 && ::fsync(fileno(file_)) == 0;
  const int error = errno;
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (!flushed || !closed || std::rename(part_path_.c_str(), path_.c_str()) != 0) {
    const int cause = flushed ? errno : error;
    std::remove(part_path_.c_str());
    fail(ErrorKind::io, "%s: cannot finish the file: %s", path_.c_str(), std::strerror(cause));
  }
}

}  // namespace engine
