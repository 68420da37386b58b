#include "app/logs/encoding.h"

#include <doctest/doctest.h>

using namespace app::logs;
using namespace std::string_view_literals;

TEST_CASE("logs/encoding: a byte order mark decides") {
  CHECK(guess_encoding("\xEF\xBB\xBFhello").bom_bytes == 3);
  CHECK(guess_encoding("\xFF\xFEh\0i\0"sv).encoding == Encoding::utf16le);
  CHECK(guess_encoding("\xFE\xFF\0h\0i"sv).encoding == Encoding::utf16be);
  CHECK(guess_encoding("").encoding == Encoding::utf8);
}

TEST_CASE("logs/encoding: UTF-16 without a mark is seen by its zero bytes") {
  CHECK(guess_encoding("e\0r\0r\0o\0r\0 \0x\0\n\0"sv).encoding == Encoding::utf16le);
  CHECK(guess_encoding("\0e\0r\0r\0o\0r\0 \0x\0\n"sv).encoding == Encoding::utf16be);
  CHECK(guess_encoding("a\0b plain text with one zero"sv).encoding == Encoding::utf8);
}

TEST_CASE("logs/encoding: UTF-16 cut at any byte decodes to the same text") {
  const std::string_view bytes = "\x3D\xD8\x00\xDE\xE4\x00x\0"sv;  // grinning face, a umlaut, x
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    Utf16Decoder decoder(false);
    std::string out;
    decoder.decode(bytes.substr(0, cut), out);
    decoder.decode(bytes.substr(cut), out);
    decoder.finish(out);
    CHECK(out == "\xF0\x9F\x98\x80\xC3\xA4x");
  }
}

TEST_CASE("logs/encoding: half a character at the end of UTF-16 is shown, not lost") {
  Utf16Decoder decoder(false);
  std::string out;
  decoder.decode("x\0\x3D\xD8\x41"sv, out);
  decoder.finish(out);
  CHECK(out == "x\\uD83D\\x41");
}

TEST_CASE("logs/encoding: plain ASCII is told from everything else at every place") {
  const std::string text = "Jan 31 10:20:30\thost app: message\n";
  CHECK(is_plain_ascii(text));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char bad : {'\0', '\r', '\x1B', '\x7F', '\x80', '\xFF'}) {
      std::string changed = text;
      changed[i] = bad;
      CHECK_FALSE(is_plain_ascii(changed));
    }
  }
}

TEST_CASE("logs/encoding: Windows-1252 text becomes UTF-8, bytes without a character are shown") {
  CHECK(looks_like_windows_1252("Zugriff f\xFCr J\xF6rg verweigert"));
  CHECK_FALSE(looks_like_windows_1252("\xFF\xD8\xFF\xE0"));
  CHECK_FALSE(looks_like_windows_1252("plain"));
  CHECK(windows_1252_to_utf8("f\xFCr 5\x80") == "f\xC3\xBCr 5\xE2\x82\xAC");
  CHECK(windows_1252_to_utf8("a\x81z") == "a\\x81z");
}

TEST_CASE("logs/encoding: colours go, the text stays") {
  CHECK(without_ansi("\x1B[31m\x1B[1mWARNING\x1B[0m: x") == "WARNING: x");
  CHECK(without_ansi("no colour") == "no colour");
  CHECK(without_ansi("cut \x1B[") == "cut ");
}
