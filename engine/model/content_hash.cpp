#include "engine/model/content_hash.h"

#include <array>
#include <cstring>

namespace engine {
namespace {

// Odd numbers with as many ones as zeros, without a pattern: the fractional parts of square roots.
constexpr std::array<uint64_t, 8> keys = {
    0x6A09E667F3BCC909ull, 0xBB67AE8584CAA73Bull, 0x3C6EF372FE94F82Bull, 0xA54FF53A5F1D36F1ull,
    0x510E527FADE682D1ull, 0x9B05688C2B3E6C1Full, 0x1F83D9ABFB41BD6Bull, 0x5BE0CD19137E2179ull};

// Both halves of a 128-bit product: every bit of the result depends on every bit of both factors.
uint64_t fold(uint64_t x, uint64_t y) {
  const unsigned __int128 product = static_cast<unsigned __int128>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t word(const std::byte* p) {
  uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

}  // namespace

ContentHash content_hash(std::span<const std::byte> bytes, ContentHash before) {
  // Four streams, so that four products are under way at once.
  std::array<uint64_t, 4> sums = {before.a ^ keys[0], before.b ^ keys[1], before.a ^ keys[2], before.b ^ keys[3]};
  const auto take = [&](const std::byte* p) {
    for (size_t i = 0; i < 4; ++i) {
      // The sum is outside the product too: a factor of zero does not lose it.
      sums[i] = (sums[i] << 23 | sums[i] >> 41) ^ fold(word(p + 16 * i) ^ keys[i], word(p + 16 * i + 8) ^ sums[i]);
    }
  };
  size_t at = 0;
  for (; at + 64 <= bytes.size(); at += 64) take(bytes.data() + at);
  std::array<std::byte, 64> rest{};
  if (at < bytes.size()) std::memcpy(rest.data(), bytes.data() + at, bytes.size() - at);
  take(rest.data());
  const uint64_t length = bytes.size();
  ContentHash hash;
  hash.a = fold(fold(sums[0] ^ keys[4], sums[1] ^ length), fold(sums[2] ^ keys[5], sums[3] ^ keys[6])) ^ sums[0];
  hash.b = fold(fold(sums[3] ^ keys[7], sums[0] ^ length), fold(sums[1] ^ keys[6], sums[2] ^ keys[4])) ^ sums[2];
  return hash;
}

}  // namespace engine
