// engine/tokenizer/byte_level.h: GPT-2's alphabet that writes any byte as a printable character:
// '!'..'~', U+00A1..U+00AC and U+00AE..U+00FF stand for themselves, the other 68 bytes for
// U+0100.. in their order (a space is U+0120).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace engine {

std::string byte_level_encode(std::string_view bytes);
// Nothing where a character is not of the alphabet.
std::optional<std::string> byte_level_decode(std::string_view text);

}  // namespace engine
