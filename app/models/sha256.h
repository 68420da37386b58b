// app/models/sha256.h: SHA-256 (FIPS 180-4) of data that comes in pieces.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>

namespace app::models {

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  std::string hex();  // of all that was added; lower case. The object is then used up

 private:
  void block(const std::byte* p);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> buffer_ = {};
  uint64_t n_bytes_ = 0;
};

// Throws Error{not_found, io, cancelled}.
std::string sha256_of_file(const std::string& path, std::stop_token stop = {},
                           const std::function<void(double)>& on_progress = {});

}  // namespace app::models
