// A saved key-value cache with any bytes: restored whole, or one error and an empty cache. The input
// may ask for its own checksum to be put right (first byte odd), so that what lies behind it is
// reached too.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

#include "engine/base/error.h"
#include "engine/model/kv_file.h"

namespace {

engine::SigmaConfig small_config() {
  engine::SigmaConfig c;
  c.n_layers = 1;
  c.n_heads_q = 2;
  c.n_heads_k = 1;
  c.n_heads_v = 2;
  c.head_dim_k = 2;
  c.head_dim_v = 3;
  c.n_vocab = 100;
  return c;
}

std::string with_checksum(std::string bytes, size_t block_bytes) {
  if (bytes.size() < 128) return bytes;
  uint32_t n_tokens;
  std::memcpy(&n_tokens, bytes.data() + 28, 4);
  const size_t tokens_end = (72 + size_t{n_tokens} * 4 + 63) / 64 * 64;
  if (tokens_end > bytes.size()) return bytes;
  const auto part = [&](size_t begin, size_t end) { return std::as_bytes(std::span(bytes).subspan(begin, end - begin)); };
  engine::ContentHash sum = engine::content_hash(part(72, tokens_end), engine::content_hash(part(0, 56)));
  for (size_t at = tokens_end; at + block_bytes <= bytes.size(); at += block_bytes) {
    sum = engine::content_hash(part(at, at + block_bytes), sum);
  }
  std::memcpy(bytes.data() + 56, &sum, sizeof sum);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const engine::SigmaConfig config = small_config();
  static const auto backend = engine::make_cpu_backend({.n_threads = 1, .isa = "plain"});
  engine::KvCache cache(config, 200, *backend);
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) bytes = with_checksum(std::move(bytes), cache.pool().block_bytes());
  std::istringstream in(bytes);
  try {
    const int n = read_kv_file(in, "fuzz.kv", cache, {config, {1, 2}});
    if (n != cache.n_tokens()) std::abort();
    for (const int32_t token : cache.tokens()) {
      if (token < 0 || token >= config.n_vocab) std::abort();
    }
    std::ostringstream out;
    write_kv_file(out, "fuzz.kv", cache, {config, {1, 2}});
  } catch (const engine::Error&) {
    if (cache.n_tokens() != 0) std::abort();
  }
  return 0;
}
