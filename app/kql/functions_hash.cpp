// hash functions: MD5, SHA-1, SHA-256 (RFC 1321, FIPS 180-4) and xxHash64.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "app/kql/kernel_help.h"
#include "app/kql/sketches.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

std::string hex(const std::vector<uint8_t>& bytes) {
  std::string out;
  for (const uint8_t b : bytes) out += engine::format("%02x", b);
  return out;
}

// The message padded to blocks of 64 bytes, with its length in bits at the end.
std::vector<uint8_t> padded(std::string_view text, bool big_endian) {
  std::vector<uint8_t> m(text.begin(), text.end());
  const uint64_t bits = text.size() * 8;
  m.push_back(0x80);
  while (m.size() % 64 != 56) m.push_back(0);
  for (int k = 0; k < 8; ++k) m.push_back(static_cast<uint8_t>(bits >> (big_endian ? 56 - 8 * k : 8 * k)));
  return m;
}
uint32_t big32(const uint8_t* p) { return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3]; }

std::string md5(std::string_view text) {
  constexpr int shifts[] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
  uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const std::vector<uint8_t> m = padded(text, false);
  for (size_t block = 0; block < m.size(); block += 64) {
    uint32_t w[16];
    std::memcpy(w, m.data() + block, 64);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3];
    for (uint32_t i = 0; i < 64; ++i) {
      uint32_t f = 0, g = 0;
      if (i < 16) f = (b & c) | (~b & d), g = i;
      else if (i < 32) f = (d & b) | (~d & c), g = (5 * i + 1) % 16;
      else if (i < 48) f = b ^ c ^ d, g = (3 * i + 5) % 16;
      else f = c ^ (b | ~d), g = 7 * i % 16;
      const auto k = static_cast<uint32_t>(std::floor(std::fabs(std::sin(static_cast<double>(i + 1))) * 4294967296.0));
      const uint32_t next = b + std::rotl(a + f + k + w[g], shifts[i / 16 * 4 + i % 4]);
      a = d, d = c, c = b, b = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d;
  }
  std::vector<uint8_t> bytes(16);
  std::memcpy(bytes.data(), h, 16);
  return hex(bytes);
}

std::string sha1(std::string_view text) {
  uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  const std::vector<uint8_t> m = padded(text, true);
  for (size_t block = 0; block < m.size(); block += 64) {
    uint32_t w[80];
    for (int i = 0; i < 16; ++i) w[i] = big32(m.data() + block + static_cast<size_t>(i) * 4);
    for (int i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; ++i) {
      const uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      const uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
      const uint32_t t = std::rotl(a, 5) + f + e + k + w[i];
      e = d, d = c, c = std::rotl(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  std::string out;
  for (const uint32_t x : h) out += engine::format("%08x", x);
  return out;
}

// The first 32 bits of the fractions of the cube roots of the first primes.
std::array<uint32_t, 64> sha256_constants() {
  std::array<uint32_t, 64> k{};
  int n = 0;
  for (int p = 2; n < 64; ++p) {
    bool prime = true;
    for (int d = 2; d * d <= p; ++d) prime &= p % d != 0;
    if (!prime) continue;
    const long double root = std::cbrt(static_cast<long double>(p));
    k[static_cast<size_t>(n++)] = static_cast<uint32_t>((root - std::floor(root)) * 4294967296.0L);
  }
  return k;
}
std::string sha256(std::string_view text) {
  static const std::array<uint32_t, 64> k = sha256_constants();
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::vector<uint8_t> m = padded(text, true);
  for (size_t block = 0; block < m.size(); block += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i) w[i] = big32(m.data() + block + static_cast<size_t>(i) * 4);
    for (int i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::memcpy(v, h, sizeof v);
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
      const uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
      const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
      const uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1, v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i) h[i] += v[i];
  }
  std::string out;
  for (const uint32_t x : h) out += engine::format("%08x", x);
  return out;
}

constexpr uint64_t p1 = 11400714785074694791ull, p2 = 14029467366897019727ull, p3 = 1609587929392839161ull, p4 = 9650029242287828579ull, p5 = 2870177450012600261ull;
uint64_t xxhash64(std::string_view text, uint64_t seed = 0) {
  const auto read64 = [&](size_t at) { uint64_t v; std::memcpy(&v, text.data() + at, 8); return v; };
  const auto read32 = [&](size_t at) { uint32_t v; std::memcpy(&v, text.data() + at, 4); return v; };
  const auto round = [](uint64_t acc, uint64_t v) { return std::rotl(acc + v * p2, 31) * p1; };
  size_t at = 0;
  uint64_t h = seed + p5;
  if (text.size() >= 32) {
    uint64_t v[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    for (; at + 32 <= text.size(); at += 32) {
      for (size_t k = 0; k < 4; ++k) v[k] = round(v[k], read64(at + k * 8));
    }
    h = std::rotl(v[0], 1) + std::rotl(v[1], 7) + std::rotl(v[2], 12) + std::rotl(v[3], 18);
    for (const uint64_t x : v) h = (h ^ round(0, x)) * p1 + p4;
  }
  h += text.size();
  for (; at + 8 <= text.size(); at += 8) h = std::rotl(h ^ round(0, read64(at)), 27) * p1 + p4;
  if (at + 4 <= text.size()) h = std::rotl(h ^ (read32(at) * p1), 23) * p2 + p3, at += 4;
  for (; at < text.size(); ++at) h = std::rotl(h ^ (static_cast<uint8_t>(text[at]) * p5), 11) * p1;
  h = (h ^ (h >> 33)) * p2;
  h = (h ^ (h >> 29)) * p3;
  return h ^ (h >> 32);
}

void hash_md5(CallState&, Args a, Value& out) { out.s = md5(to_text(a[0])); }
void hash_sha1(CallState&, Args a, Value& out) { out.s = sha1(to_text(a[0])); }
void hash_sha256(CallState&, Args a, Value& out) { out.s = sha256(to_text(a[0])); }
// The bytes hashed are the value's storage: text as UTF-8, numbers as 8 bytes.
std::string hash_bytes(const Value& v) {
  if (columns::is_text(v.type)) return to_text(v);
  std::string bytes(v.type == Type::int32 ? 4 : v.type == Type::boolean ? 1 : 8, '\0');
  if (v.type == Type::real) std::memcpy(bytes.data(), &v.d, 8);
  else std::memcpy(bytes.data(), &v.i, bytes.size());
  return bytes;
}
void hash_(CallState&, Args a, Value& out) {
  const auto h = static_cast<int64_t>(xxhash64(hash_bytes(a[0])));
  const int64_t mod = integer_at(a, 1, 0);
  out.i = mod <= 0 ? h : h % mod < 0 ? h % mod + mod : h % mod;
}

constexpr Function table[] = {
    {"hash_md5", "*", Result::string, hash_md5}, {"hash_sha1", "*", Result::string, hash_sha1}, {"hash_sha256", "*", Result::string, hash_sha256},
    {"hash", "*?i", Result::int64, hash_}, {"hash_xxhash64", "*?i", Result::int64, hash_},
};

}  // namespace

uint64_t hash_of(const Value& value) { return xxhash64(hash_bytes(value)); }

std::span<const Function> hash_functions() { return table; }

}  // namespace app::kql
