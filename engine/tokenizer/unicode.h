// engine/tokenizer/unicode.h: the few properties of code points that tokenizers ask for.
#pragma once
#include <string>
#include <string_view>

namespace engine {

// As the regular expressions of tokenizers see a code point: \p{L}, \p{N}, \s (White_Space), or none.
enum class CharClass : unsigned char { other, letter, number, space };

CharClass char_class(char32_t code_point);

// Canonical composition (NFC). Malformed bytes stay as they are.
std::string to_nfc(std::string_view text);

}  // namespace engine
