// engine/files/gguf_writer.h: writes a GGUF v3 file, tensor data streamed in order.
//
//   GgufWriter out("model.gguf");
//   out.set_string("general.architecture", "sigma");
//   out.add_tensor("output_norm.weight", DType::f32, {2048});
//   out.write(bytes);  ...  out.finish();
//
// Writes beside the target as model.gguf.part and renames in finish(), so that a file of the target's
// name is always whole; the part is removed when the writer ends before that.
#pragma once
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/files/model_file.h"

namespace engine {

class GgufWriter {
 public:
  // Throws Error{io} where the file cannot be made.
  explicit GgufWriter(const std::string& path);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  // Metadata, before the first write(). A key set again replaces the first.
  void set_u32(std::string_view key, uint32_t value);
  void set_u64(std::string_view key, uint64_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string_view> values);
  void set_i32s(std::string_view key, std::span<const int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  void set_raw(std::string_view key, const ModelFile::RawValue& value);

  // Tensors in the order in which their data will come, before the first write().
  void add_tensor(std::string_view name, DType dtype, std::span<const int64_t> dims);

  // The next bytes of the data, in pieces of any size; padding between tensors is added here.
  // Throws Error{io} (disk full), Error{internal} where more comes than the tensors hold.
  void write(std::span<const std::byte> bytes);
  // All data must have been written. Syncs and renames.
  void finish();
  uint64_t n_bytes_written() const { return n_written_; }

 private:
  struct Entry {
    std::string key, encoded;
  };
  struct Planned {
    std::string name;
    Tensor shape;
    uint64_t offset = 0;
  };
  void set(std::string_view key, std::string encoded);
  void write_header();
  void put(const void* data, size_t n);
  void pad_to_alignment();

  std::string path_, part_path_;
  std::FILE* file_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<Planned> tensors_;
  uint64_t next_offset_ = 0;
  uint64_t n_written_ = 0;
  size_t current_ = 0;          // tensor that write() is filling
  uint64_t left_in_current_ = 0;
  bool header_written_ = false;
};

}  // namespace engine
