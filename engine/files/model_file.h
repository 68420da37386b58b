// engine/files/model_file.h: a model on disk as named tensors and typed metadata, all checked.
//
// Two formats give the same view:
//   GGUF v2/v3   one memory-mapped file; metadata keys as they stand ("llama.block_count"),
//                tensor names as they stand ("blk.0.attn_q.weight").
//   HF folder    config.json + model.safetensors or its sharded index; keys are those of
//                config.json, nested ones joined by a dot ("rope_scaling.factor"), tensor names as
//                they stand ("model.layers.0.self_attn.q_proj.weight").
// When open() returns, every count, size, offset, type and alignment was checked against the bytes
// there are: a Tensor can be read from data to data + size_bytes, its size fits its type and
// dimensions, and data is aligned for its numbers. Whether a tensor has the shape that the model
// needs is for the caller to check.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace engine {

enum class ModelFormat { gguf, hf_folder };

struct NamedTensor {
  std::string name;
  Tensor tensor;  // dims[0] the fastest in both formats: a matrix is {n_in, n_out}
};

// Name of a number format as users write it: "Q4_K", "F32". Shape of its blocks in a file.
const char* dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);  // any case
struct BlockShape {
  int n_elements;
  int n_bytes;
};
BlockShape block_shape(DType dtype);
// Bytes of a tensor; nothing where a dimension is below 1, dims[0] is no multiple of the block, or
// the product does not fit 63 bits.
std::optional<uint64_t> tensor_bytes(DType dtype, std::span<const int64_t> dims);

class ModelFile {
 public:
  // path: a GGUF file, a folder of an HF model, or the config.json in it. Throws
  // Error{invalid_input} that names the file, the place and the cause; Error{unsupported} for what
  // is well formed but not read here (big-endian, split GGUF, other versions); Error{cancelled}
  // within 100 ms of a stop.
  static std::shared_ptr<const ModelFile> open(const std::string& path, std::stop_token stop = {});
  virtual ~ModelFile() = default;

  virtual ModelFormat format() const = 0;
  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return size_bytes_; }  // on disk, all shards

  // general.architecture or model_type ("llama", "sigma"); empty where the file has none.
  std::string architecture() const;
  // GGUF: general.architecture + '.' + suffix. HF: suffix alone.
  std::string key(std::string_view suffix) const;

  const Tensor* find(std::string_view name) const;  // null where there is none
  std::span<const NamedTensor> tensors() const { return tensors_; }  // in the file's order
  // Safetensors entries of a type that no weight has (I64, BOOL, ...): checked, not offered.
  std::span<const std::string> skipped_tensors() const { return skipped_; }

  // Typed metadata. Nothing where the key is absent (or JSON null). Throws Error{invalid_input},
  // naming file, key and type found, where the value has another type or does not fit.
  // String views and the file live equally long.
  bool has(std::string_view key) const { return find_value(key) != nullptr; }
  std::optional<uint64_t> u64(std::string_view key) const;  // any integer >= 0
  std::optional<int64_t> i64(std::string_view key) const;   // any integer
  std::optional<double> f64(std::string_view key) const;    // any finite number
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string_view> string(std::string_view key) const;
  std::optional<std::vector<int64_t>> i64_array(std::string_view key) const;  // integers only
  std::optional<std::vector<double>> f64_array(std::string_view key) const;
  std::optional<std::vector<std::string_view>> string_array(std::string_view key) const;
  std::optional<uint64_t> array_size(std::string_view key) const;  // of any element type
  std::vector<std::string_view> keys() const;                      // in the file's order
  std::string show_value(std::string_view key, size_t max_chars = 80) const;  // for people

  // A value as GGUF encodes it (type number, is it an array, elements, bytes), for copying into
  // another file. Nothing where the key is absent.
  struct RawValue {
    uint32_t type = 0;
    bool is_array = false;
    uint64_t n = 1;
    std::span<const std::byte> bytes;
  };
  std::optional<RawValue> raw(std::string_view key) const;

  // The bytes that the map holds; for hashing and prefetching. HF: one span a shard.
  virtual std::vector<std::span<const std::byte>> mapped() const = 0;
  // False where those bytes are the caller's memory: their pages must not be given back.
  virtual bool is_file_map() const { return true; }

 protected:
  // GGUF's metadata value types; JSON values use u64, i64, f64, boolean, string and array.
  enum class ValueType : uint32_t {
    u8 = 0, i8 = 1, u16 = 2, i16 = 3, u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8,
    array = 9, u64 = 10, i64 = 11, f64 = 12,
  };
  // A value where it lies, as GGUF encodes it: numbers little-endian, bool one byte, string a u64
  // length and its bytes, arrays as n elements in a row.
  struct Value {
    std::string_view key;
    ValueType type = ValueType::u32;     // of the value, or of an array's elements
    bool is_array = false;
    uint64_t n = 1;                      // elements
    std::span<const std::byte> bytes;
  };
  static const char* value_type_name(ValueType type);
  static size_t value_type_bytes(ValueType type);  // 0 for string and array

  void index_tensors();  // after tensors_ is filled; throws on a name that stands twice
  void index_values();   // after values_ is filled; throws on a key that stands twice

  std::string path_;
  uint64_t size_bytes_ = 0;
  std::vector<NamedTensor> tensors_;
  std::vector<std::string> skipped_;
  std::vector<Value> values_;

 private:
  const Value* find_value(std::string_view key) const;
  const Value* scalar(std::string_view key) const;
  const Value* array(std::string_view key) const;
  [[noreturn]] void wrong_type(const Value& value, const char* wanted) const;

  std::vector<uint32_t> tensors_by_name_, values_by_key_;  // sorted
};

}  // namespace engine
