#include "engine/files/gguf.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/base/text.h"
#include "engine/files/model_file.h"

namespace engine {
namespace {

constexpr uint64_t kMinValueBytes = 8 + 4 + 1;               // empty key, type, one byte
constexpr uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;      // empty name, one dimension
constexpr size_t kMaxKeyBytes = 65535;                       // as gguf.md says
constexpr size_t kMaxTensorNameBytes = 255;                  // gguf.md says 64; some writers use more
constexpr uint64_t kMaxAlignment = 65536;

unsigned long long ull(uint64_t x) { return x; }

// A place in the file that only moves forward over bytes that are there.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  size_t offset() const { return offset_; }
  size_t left() const { return bytes_.size() - offset_; }

  std::span<const std::byte> take(uint64_t n, const char* what) {
    if (n > left()) {
      fail(ErrorKind::invalid_input, "%s: %s at byte %zu needs %llu bytes but %zu are left; the file is "
           "cut off or damaged, fetch it again", name_.c_str(), what, offset_, ull(n), left());
    }
    const auto part = bytes_.subspan(offset_, static_cast<size_t>(n));
    offset_ += static_cast<size_t>(n);
    return part;
  }

  template <typename T>
  T number(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::string_view string(const char* what) {
    const auto n = number<uint64_t>(what);
    const auto bytes = take(n, what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  [[noreturn]] void bad(size_t at, const std::string& cause) const {
    fail(ErrorKind::invalid_input, "%s: byte %zu: %s; the file is damaged, fetch it again",
         name_.c_str(), at, cause.c_str());
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
  size_t offset_ = 0;
};

// What a file that is no GGUF looks like, so that the message can say it.
std::string describe_start(std::span<const std::byte> bytes) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min<size_t>(bytes.size(), 64));
  const auto begins = [&](std::string_view text) { return start.substr(0, text.size()) == text; };
  if (start.empty()) return "the file is empty";
  if (begins("version https://git-lfs")) return "it is a Git LFS pointer, not the model itself";
  if (begins("<!") || begins("<html")) return "it is a web page, not a model";
  if (begins("PK")) return "it is a ZIP archive (a PyTorch checkpoint?); convert it to GGUF first";
  if (begins("ggml") || begins("lmgg") || begins("tjgg")) {
    return "it is a GGML file from before GGUF; convert it to GGUF first";
  }
  if (start.size() > 9 && start[8] == '{') {
    return "it looks like a safetensors file; give the folder that also holds its config.json";
  }
  return "it does not begin with the letters GGUF";
}

std::string dtype_problem(uint32_t type) {
  // Names of ggml types that exist and that this program does not compute with.
  static constexpr struct {
    uint32_t type;
    const char* name;
  } others[] = {{9, "Q8_1"},     {15, "Q8_K"},    {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
                {19, "IQ1_S"},   {21, "IQ3_S"},   {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},
                {25, "I16"},     {27, "I64"},     {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},
                {35, "TQ2_0"},   {39, "MXFP4"}};
  for (const auto& other : others) {
    if (other.type == type) return other.name;
  }
  return "";
}

std::optional<DType> dtype_from_number(uint32_t type) {
  for (const DType dtype : {DType::f32, DType::f16, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                            DType::q8_0, DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k,
                            DType::q6_k, DType::iq4_nl, DType::i32, DType::bf16}) {
    if (static_cast<uint32_t>(dtype) == type) return dtype;
  }
  return std::nullopt;
}

class GgufFile final : public ModelFile {
 public:
  explicit GgufFile(MappedFile map) : map_(std::move(map)) { bytes_ = map_->bytes(); }
  explicit GgufFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  ModelFormat format() const override { return ModelFormat::gguf; }
  std::vector<std::span<const std::byte>> mapped() const override { return {bytes_}; }
  bool is_file_map() const override { return map_.has_value(); }

  void read(const std::string& name, std::stop_token stop);

 private:
  struct Pending {  // a tensor whose data is not located yet
    uint64_t offset = 0;
    uint64_t n_bytes = 0;
    size_t at = 0;  // byte of its record
  };

  void read_header(Cursor& cursor);
  void read_value(Cursor& cursor);
  void read_array(Cursor& cursor, Value& value);
  uint64_t read_alignment(const Cursor& cursor) const;
  Pending read_tensor(Cursor& cursor, uint64_t alignment);
  void place_tensors(const Cursor& cursor, std::span<const Pending> pending, uint64_t alignment);
  void check_stop();

  std::optional<MappedFile> map_;
  std::span<const std::byte> bytes_;
  std::stop_token stop_;
  uint64_t n_tensors_ = 0, n_values_ = 0;
};

void GgufFile::check_stop() {
  if (stop_.stop_requested()) fail(ErrorKind::cancelled, "%s: loading was cancelled", path_.c_str());
}

void GgufFile::read(const std::string& name, std::stop_token stop) {
  path_ = name;
  size_bytes_ = bytes_.size();
  stop_ = stop;
  Cursor cursor(bytes_, path_);
  read_header(cursor);

  for (uint64_t i = 0; i < n_values_; ++i) read_value(cursor);
  index_values();
  if (has("split.count") && u64("split.count").value_or(1) > 1) {
    fail(ErrorKind::unsupported, "%s: one part of a model split over %llu files; merge them into one "
         "GGUF file first", path_.c_str(), ull(*u64("split.count")));
  }

  const uint64_t alignment = read_alignment(cursor);
  std::vector<Pending> pending;
  for (uint64_t i = 0; i < n_tensors_; ++i) pending.push_back(read_tensor(cursor, alignment));
  index_tensors();
  place_tensors(cursor, pending, alignment);
  stop_ = {};
}

void GgufFile::read_header(Cursor& cursor) {
  if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
    if (bytes_.size() >= 4 && std::memcmp(bytes_.data(), "FUGG", 4) == 0) {
      fail(ErrorKind::unsupported, "%s: a byte-swapped GGUF file; fetch the little-endian one",
           path_.c_str());
    }
    fail(ErrorKind::invalid_input, "%s: not a GGUF model: %s", path_.c_str(),
         describe_start(bytes_).c_str());
  }
  cursor.take(4, "the magic");
  const auto version = cursor.number<uint32_t>("the version");
  if (version != 0 && (version & 0xFFFF) == 0) {
    fail(ErrorKind::unsupported, "%s: a big-endian GGUF file; fetch the little-endian one",
         path_.c_str());
  }
  if (version != 2 && version != 3) {
    fail(ErrorKind::unsupported, "%s: GGUF version %u; versions 2 and 3 are read here, convert it again "
         "with a current tool", path_.c_str(), version);
  }
  n_tensors_ = cursor.number<uint64_t>("the tensor count");
  n_values_ = cursor.number<uint64_t>("the metadata count");
  if (n_values_ > cursor.left() / kMinValueBytes) {
    cursor.bad(16, engine::format("%llu metadata entries cannot fit the %zu bytes that follow",
                                  ull(n_values_), cursor.left()));
  }
  if (n_tensors_ > cursor.left() / kMinTensorBytes) {
    cursor.bad(8, engine::format("%llu tensors cannot fit the %zu bytes that follow", ull(n_tensors_),
                                 cursor.left()));
  }
}

void GgufFile::read_value(Cursor& cursor) {
  check_stop();
  const size_t at = cursor.offset();
  Value value;
  value.key = cursor.string("a metadata key");
  if (value.key.empty() || value.key.size() > kMaxKeyBytes || !is_valid_utf8(value.key)) {
    cursor.bad(at, "a metadata key is empty, too long or not UTF-8");
  }
  const auto type = cursor.number<uint32_t>("a metadata type");
  if (type > static_cast<uint32_t>(ValueType::f64)) {
    cursor.bad(at, engine::format("metadata type %u does not exist", type));
  }
  value.type = static_cast<ValueType>(type);
  const size_t begin = cursor.offset();
  if (value.type == ValueType::array) {
    read_array(cursor, value);
  } else if (value.type == ValueType::string) {
    cursor.string("a metadata string");
    value.bytes = bytes_.subspan(begin, cursor.offset() - begin);
  } else {
    value.bytes = cursor.take(value_type_bytes(value.type), "a metadata value");
    if (value.type == ValueType::boolean && value.bytes[0] > std::byte{1}) {
      cursor.bad(begin, "a boolean is neither 0 nor 1");
    }
  }
  values_.push_back(value);
}

void GgufFile::read_array(Cursor& cursor, Value& value) {
  const size_t at = cursor.offset();
  const auto type = cursor.number<uint32_t>("an array's type");
  value.n = cursor.number<uint64_t>("an array's length");
  value.is_array = true;
  if (type > static_cast<uint32_t>(ValueType::f64)) {
    cursor.bad(at, engine::format("array type %u does not exist", type));
  }
  value.type = static_cast<ValueType>(type);
  if (value.type == ValueType::array) {
    fail(ErrorKind::unsupported, "%s: byte %zu: an array of arrays, which no model needs; convert it "
         "again with a current tool", path_.c_str(), at);
  }
  const bool is_string = value.type == ValueType::string;
  const size_t min_bytes = is_string ? 8 : value_type_bytes(value.type);
  if (value.n > cursor.left() / min_bytes) {
    cursor.bad(at, engine::format("an array of %llu elements cannot fit the %zu bytes that follow",
                                  ull(value.n), cursor.left()));
  }
  const size_t begin = cursor.offset();
  if (is_string) {
    for (uint64_t i = 0; i < value.n; ++i) {
      if (i % 4096 == 0) check_stop();
      cursor.string("a string of an array");
    }
  } else {
    cursor.take(value.n * min_bytes, "an array");
  }
  value.bytes = bytes_.subspan(begin, cursor.offset() - begin);
  if (value.type == ValueType::boolean) {
    const auto bad = [](std::byte b) { return b > std::byte{1}; };
    if (std::any_of(value.bytes.begin(), value.bytes.end(), bad)) {
      cursor.bad(begin, "an array of booleans holds a byte that is neither 0 nor 1");
    }
  }
}

uint64_t GgufFile::read_alignment(const Cursor& cursor) const {
  for (const Value& value : values_) {
    if (value.key != "general.alignment") continue;
    if (value.is_array || value.type != ValueType::u32) {
      cursor.bad(static_cast<size_t>(value.bytes.data() - bytes_.data()),
                 "general.alignment is not a u32");
    }
    const uint64_t alignment = *u64("general.alignment");
    if (alignment == 0 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
      cursor.bad(static_cast<size_t>(value.bytes.data() - bytes_.data()),
                 engine::format("general.alignment is %llu; it must be a power of two from 1 to 65536",
                                ull(alignment)));
    }
    return alignment;
  }
  return 32;
}

GgufFile::Pending GgufFile::read_tensor(Cursor& cursor, uint64_t alignment) {
  check_stop();
  Pending pending;
  pending.at = cursor.offset();
  NamedTensor named;
  named.name = std::string(cursor.string("a tensor name").substr(0, kMaxTensorNameBytes + 1));
  if (named.name.empty() || named.name.size() > kMaxTensorNameBytes || !is_valid_utf8(named.name)) {
    cursor.bad(pending.at, "a tensor name is empty, too long or not UTF-8");
  }
  const std::string shown = escape_invalid_utf8(named.name);
  const auto n_dims = cursor.number<uint32_t>("a tensor's dimension count");
  if (n_dims < 1 || n_dims > 4) {
    cursor.bad(pending.at, engine::format("tensor %s has %u dimensions; 1 to 4 are possible",
                                          shown.c_str(), n_dims));
  }
  Tensor& tensor = named.tensor;
  tensor.n_dims = static_cast<int>(n_dims);
  for (uint32_t i = 0; i < n_dims; ++i) {
    const auto dim = cursor.number<uint64_t>("a tensor dimension");
    if (dim < 1 || dim > static_cast<uint64_t>(INT64_MAX)) {
      cursor.bad(pending.at, engine::format("dimension %u of tensor %s is %llu", i, shown.c_str(), ull(dim)));
    }
    tensor.dims[i] = static_cast<int64_t>(dim);
  }
  const auto type = cursor.number<uint32_t>("a tensor type");
  const auto dtype = dtype_from_number(type);
  if (!dtype) {
    const std::string known = dtype_problem(type);
    if (known.empty()) {
      cursor.bad(pending.at, engine::format("tensor %s has type %u, which does not exist", shown.c_str(), type));
    }
    fail(ErrorKind::unsupported, "%s: tensor %s is stored as %s, which is not computed with here; use a "
         "file in Q8_0, Q4_0 or one of Q2_K to Q6_K", path_.c_str(), shown.c_str(), known.c_str());
  }
  tensor.dtype = *dtype;
  const auto n_bytes = tensor_bytes(*dtype, {tensor.dims.data(), n_dims});
  if (!n_bytes || *n_bytes > bytes_.size()) {
    cursor.bad(pending.at, engine::format("the dimensions of tensor %s (%s) do not fit its blocks or the file",
                                          shown.c_str(), dtype_name(*dtype)));
  }
  pending.n_bytes = *n_bytes;
  pending.offset = cursor.number<uint64_t>("a tensor offset");
  if (pending.offset % alignment != 0) {
    cursor.bad(pending.at, engine::format("tensor %s begins at offset %llu, no multiple of the alignment %llu",
                                          shown.c_str(), ull(pending.offset), ull(alignment)));
  }
  tensors_.push_back(std::move(named));
  return pending;
}

void GgufFile::place_tensors(const Cursor& cursor, std::span<const Pending> pending, uint64_t alignment) {
  if (pending.empty()) return;
  const uint64_t begin = (cursor.offset() + alignment - 1) / alignment * alignment;
  const uint64_t n_data = begin <= bytes_.size() ? bytes_.size() - begin : 0;
  std::vector<size_t> order(pending.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    const Pending& p = pending[i];
    Tensor& tensor = tensors_[i].tensor;
    const char* name = tensors_[i].name.c_str();
    if (p.offset > n_data || p.n_bytes > n_data - p.offset) {
      uint64_t end = 0;
      const bool over = __builtin_add_overflow(begin + p.n_bytes, p.offset, &end);
      fail(ErrorKind::invalid_input, "%s: tensor %s ends at byte %llu but the file has %zu; it is cut off, "
           "fetch it again", path_.c_str(), name, over ? ull(UINT64_MAX) : ull(end), bytes_.size());
    }
    tensor.data = bytes_.data() + begin + p.offset;
    tensor.size_bytes = static_cast<size_t>(p.n_bytes);
    // f32 and i32 are read in place; the blocks hold 16-bit scales.
    const size_t need = tensor.dtype == DType::f32 || tensor.dtype == DType::i32 ? 4 : 2;
    if ((begin + p.offset) % need != 0) {
      cursor.bad(p.at, engine::format("tensor %s begins at an address that its numbers cannot have", name));
    }
  }
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return pending[a].offset < pending[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const Pending& before = pending[order[i - 1]];
    if (before.offset + before.n_bytes > pending[order[i]].offset) {
      cursor.bad(pending[order[i]].at,
                 engine::format("tensor %s overlaps tensor %s", tensors_[order[i]].name.c_str(),
                                tensors_[order[i - 1]].name.c_str()));
    }
  }
}

}  // namespace

std::shared_ptr<const ModelFile> open_gguf(const std::string& path, std::stop_token stop) {
  auto file = std::make_shared<GgufFile>(MappedFile(path));
  file->read(path, stop);
  return file;
}

std::shared_ptr<const ModelFile> parse_gguf(std::span<const std::byte> bytes, const std::string& name,
                                            std::stop_token stop) {
  auto file = std::make_shared<GgufFile>(bytes);
  file->read(name, stop);
  return file;
}

}  // namespace engine
