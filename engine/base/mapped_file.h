// engine/base/mapped_file.h: a whole file, read-only, mapped into memory.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace engine {

class MappedFile {
 public:
  // Throws Error{not_found} or Error{io} naming the path. An empty file gives an empty span.
  // A file truncated by someone else while mapped raises SIGBUS on access, as with any map.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
};

}  // namespace engine
