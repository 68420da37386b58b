#include "engine/base/text.h"

#include <doctest/doctest.h>

#include "engine/base/error.h"

using namespace engine;

TEST_CASE("base/text: a code point survives encode and decode") {
  for (const char32_t c : {U'a', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFD', U'\x10000', U'\x10FFFF'}) {
    std::string text;
    append_utf8(text, c);
    size_t offset = 0;
    CHECK(decode_utf8(text, offset) == c);
    CHECK(offset == text.size());
  }
}

TEST_CASE("base/text: overlong forms, surrogates and cut sequences are malformed") {
  for (const char* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("base/text: a prefix ends before a character that does not fit") {
  CHECK(utf8_prefix("abc", 5) == "abc");
  CHECK(utf8_prefix("a\xE2\x82\xAC!", 4) == "a\xE2\x82\xAC");
  for (const size_t most : {1, 2, 3}) CHECK(utf8_prefix("a\xE2\x82\xAC!", most) == "a");
  CHECK(utf8_prefix("\xF0\x9F\x98\x80", 3).empty());
  CHECK(utf8_prefix("abc", 0).empty());
}

TEST_CASE("base/text: a prefix of bytes that are no characters does not look back further than one reaches") {
  CHECK(utf8_prefix(std::string(100, '\x80'), 50).size() == 50);
  CHECK(utf8_prefix(std::string(100, '\x80'), 2).size() == 2);
}

TEST_CASE("base/text: escaping keeps good text and shows every bad byte") {
  CHECK(escape_invalid_utf8("caf\xC3\xA9\tok") == "caf\xC3\xA9\tok");
  CHECK(escape_invalid_utf8(std::string_view("a\0b\xFFz", 5)) == "a\\x00b\\xFFz");
}

TEST_CASE("base/error: fail formats its message and keeps its kind") {
  try {
    fail(ErrorKind::invalid_input, "%s: byte %d", "x.gguf", 7);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::invalid_input);
    CHECK(std::string(e.what()) == "x.gguf: byte 7");
    return;
  }
  FAIL("fail did not throw");
}
