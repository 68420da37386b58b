// tests/support/gguf_bytes.h: GGUF files built byte by byte, the wrong ones too.
#pragma once
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace test_support {

class GgufBytes {
 public:
  template <typename T>
  GgufBytes& number(T value) {
    const auto* p = reinterpret_cast<const char*>(&value);
    bytes.append(p, sizeof value);
    return *this;
  }
  GgufBytes& u32(uint32_t value) { return number(value); }
  GgufBytes& u64(uint64_t value) { return number(value); }
  GgufBytes& string(std::string_view text) {
    u64(text.size());
    bytes += text;
    return *this;
  }
  GgufBytes& header(uint64_t n_tensors, uint64_t n_values, uint32_t version = 3) {
    bytes += "GGUF";
    return u32(version).u64(n_tensors).u64(n_values);
  }
  GgufBytes& value_u32(std::string_view key, uint32_t value) { return string(key).u32(4).u32(value); }
  GgufBytes& value_string(std::string_view key, std::string_view value) {
    return string(key).u32(8).string(value);
  }
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> dims, uint32_t type,
                    uint64_t offset) {
    string(name).u32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) u64(dim);
    return u32(type).u64(offset);
  }
  GgufBytes& pad(size_t alignment = 32) {
    while (bytes.size() % alignment != 0) bytes.push_back('\0');
    return *this;
  }
  GgufBytes& data(size_t n, char fill = 1) {
    bytes.append(n, fill);
    return *this;
  }
  std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes.data(), bytes.size())); }

  std::string bytes;
};

}  // namespace test_support
