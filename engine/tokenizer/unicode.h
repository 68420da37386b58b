// engine/tokenizer/unicode.h: the few properties of code points that tokenizers ask for.
#pragma once
#include <string>
#include <string_view>

namespace engine {

// As the regular expressions of tokenizers see a code point: \p{L}, \p{N}, \s (White_Space), or none.
enum class CharClass : unsigned char { other, letter, number, space };

CharClass char_class(char32_t code_point);

bool is_unicode_punctuation(char32_t code_point);  // general category P*
bool is_unicode_other(char32_t code_point);        // C*: control, format, unassigned, private use
std::string without_marks(std::string_view text);  // NFD, less the non-spacing marks; text is valid UTF-8
std::string to_lower(std::string_view text);       // one code point for one

// Canonical composition (NFC). Malformed bytes stay as they are.
std::string to_nfc(std::string_view text);
// Compatibility composition (NFKC), as to_nfc.
std::string to_nfkc(std::string_view text);

}  // namespace engine
