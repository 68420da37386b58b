// engine/base/text.h: UTF-8 and small string helpers.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

constexpr char32_t replacement_character = 0xFFFD;

// Decodes one code point at text[offset] and advances offset past it. A malformed byte gives
// replacement_character and advances by one byte. offset must be < text.size().
char32_t decode_utf8(std::string_view text, size_t& offset);

void append_utf8(std::string& out, char32_t code_point);

bool is_valid_utf8(std::string_view text);

// The first bytes of a text, most_bytes at most, that do not end within a character. Looks back three
// bytes, as far as a character can reach: bytes that are not UTF-8 are cut where they are.
std::string_view utf8_prefix(std::string_view text, size_t most_bytes);

// Every malformed byte becomes \xNN and control characters other than tab and line feed become
// \xNN too, so that nothing of the input is lost and it can be shown.
std::string escape_invalid_utf8(std::string_view text);

std::string_view trim(std::string_view text);                          // ASCII white space
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
std::string to_lower_ascii(std::string_view text);
bool contains_ignoring_case(std::string_view text, std::string_view part);  // ASCII case

}  // namespace engine
