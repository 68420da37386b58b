// app/logs/encoding.h: bytes of any encoding to lines of valid UTF-8, losing nothing.
//
// A byte order mark decides; without one, NUL bytes at every other place mean UTF-16. Everything
// else is read as UTF-8; a line that is not valid UTF-8 is Windows-1252 where it reads like text
// and the input has no multi-byte UTF-8, else its bad bytes are kept as \xNN.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace app::logs {

enum class Encoding : uint8_t { utf8, utf16le, utf16be };

struct EncodingGuess {
  Encoding encoding = Encoding::utf8;
  size_t bom_bytes = 0;
  bool multi_byte = false;  // the sample holds valid multi-byte UTF-8
  double junk_share = 0;    // share of bytes that are neither text nor white space
};
EncodingGuess guess_encoding(std::string_view head);

// UTF-16 to UTF-8. Feed blocks in order; an odd byte or half a surrogate pair waits for the next
// block. A lone surrogate becomes \uXXXX.
class Utf16Decoder {
 public:
  explicit Utf16Decoder(bool big_endian) : big_endian_(big_endian) {}
  void decode(std::string_view bytes, std::string& out);
  void finish(std::string& out);  // what still waits, as \xNN

 private:
  void put(uint32_t unit, std::string& out);
  bool big_endian_;
  int odd_byte_ = -1;
  uint32_t high_surrogate_ = 0;
};

// True where every byte is printable ASCII, a tab or a line feed: nothing to do for a line.
bool is_plain_ascii(std::string_view text);
// True where some valid sequence of several bytes is in it, among whatever else.
bool has_multi_byte_utf8(std::string_view text);
// True where the bytes read like Windows-1252 text: few high bytes, no control bytes.
bool looks_like_windows_1252(std::string_view text);
std::string windows_1252_to_utf8(std::string_view text);
// Removes ANSI colour and cursor sequences (ESC [ ... letter).
std::string without_ansi(std::string_view text);

}  // namespace app::logs
