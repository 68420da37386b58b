#include "app/models/sha256.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/base/error.h"

namespace app::models {
namespace {

// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

void Sha256::block(const std::byte* p) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    uint32_t x;
    std::memcpy(&x, p + 4 * i, 4);
    w[i] = __builtin_bswap32(x);
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
    const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t add[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state_[i] += add[i];
}

void Sha256::add(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t used = n_bytes_ % 64;
    if (used == 0 && bytes.size() >= 64) {
      block(bytes.data());
      n_bytes_ += 64;
      bytes = bytes.subspan(64);
      continue;
    }
    const size_t n = std::min(bytes.size(), 64 - used);
    std::copy_n(bytes.begin(), n, buffer_.begin() + static_cast<std::ptrdiff_t>(used));
    n_bytes_ += n;
    bytes = bytes.subspan(n);
    if (used + n == 64) block(buffer_.data());
  }
}

std::string Sha256::hex() {
  const uint64_t n_bits = n_bytes_ * 8;
  const std::byte one{0x80}, zero{0};
  add({&one, 1});
  while (n_bytes_ % 64 != 56) add({&zero, 1});
  const uint64_t big = __builtin_bswap64(n_bits);
  add(std::as_bytes(std::span(&big, 1)));
  std::string out;
  for (const uint32_t x : state_) out += engine::format("%08x", x);
  return out;
}

std::string sha256_of_file(const std::string& path, std::stop_token stop,
                           const std::function<void(double)>& on_progress) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) {
    const auto kind = errno == ENOENT ? engine::ErrorKind::not_found : engine::ErrorKind::io;
    engine::fail(kind, "%s: cannot open: %s", path.c_str(), std::strerror(errno));
  }
  std::error_code ignored;
  const double total = static_cast<double>(std::max<uintmax_t>(1, std::filesystem::file_size(path, ignored)));
  Sha256 hash;
  double done = 0;
  std::vector<std::byte> buffer(1 << 20);
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "%s: checking was cancelled", path.c_str());
    hash.add({buffer.data(), n});
    done += static_cast<double>(n);
    if (on_progress) on_progress(done / total);
  }
  if (std::ferror(file.get())) engine::fail(engine::ErrorKind::io, "%s: cannot read: %s", path.c_str(), std::strerror(errno));
  return hash.hex();
}

}  // namespace app::models
