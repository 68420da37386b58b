#include "engine/tokenizer/byte_level.h"

#include <array>

#include "engine/base/text.h"

namespace engine {
namespace {

struct Alphabet {
  std::array<char32_t, 256> to_char = {};
  std::array<int, 512> to_byte = {};

  Alphabet() {
    to_byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool itself = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      to_char[b] = itself ? b : next++;
      to_byte[to_char[b]] = static_cast<int>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet one;
  return one;
}

}  // namespace

std::string byte_level_encode(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(out, alphabet().to_char[static_cast<unsigned char>(c)]);
  return out;
}

std::optional<std::string> byte_level_decode(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_utf8(text, at);
    if (c >= alphabet().to_byte.size() || alphabet().to_byte[c] < 0) return std::nullopt;
    out += static_cast<char>(alphabet().to_byte[c]);
  }
  return out;
}

}  // namespace engine
