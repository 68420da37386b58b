#include "engine/tokenizer/unicode.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace engine {
namespace {

CharClass look_up(char32_t c) {
  // White_Space of PropList.txt; it cuts across the general categories.
  const bool space = (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                     (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                     c == 0x205F || c == 0x3000;
  if (space) return CharClass::space;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CharClass::number;
    default: return CharClass::other;
  }
}

std::array<CharClass, 128> ascii_table() {
  std::array<CharClass, 128> table;
  for (char32_t c = 0; c < 128; ++c) table[c] = look_up(c);
  return table;
}

const std::array<CharClass, 128> ascii = ascii_table();

// text must be valid UTF-8.
std::string mapped(std::string_view text, int options) {
  utf8proc_uint8_t* out = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &out,
                              static_cast<utf8proc_option_t>(options));
  if (n < 0) fail(ErrorKind::out_of_memory, "Unicode normalisation of %zu bytes: %s", text.size(), utf8proc_errmsg(n));
  std::string composed(reinterpret_cast<const char*>(out), static_cast<size_t>(n));
  std::free(out);
  return composed;
}

}  // namespace

CharClass char_class(char32_t c) { return c < 128 ? ascii[c] : look_up(c); }

namespace {

std::string to_composed(std::string_view text, int options) {
  std::string out;
  size_t begin = 0, at = 0;
  bool all_ascii = true;
  for (const char c : text) all_ascii = all_ascii && static_cast<unsigned char>(c) < 0x80;
  if (all_ascii) return std::string(text);
  while (at < text.size()) {
    const size_t here = at;
    const bool malformed = decode_utf8(text, at) == replacement_character && at - here == 1;
    if (!malformed) continue;
    out += mapped(text.substr(begin, here - begin), options);
    out += text[here];
    begin = at;
  }
  return out + mapped(text.substr(begin), options);
}

}  // namespace

bool is_unicode_punctuation(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_unicode_other(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_CN || (category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO);
}

std::string without_marks(std::string_view text) {
  const std::string decomposed = mapped(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  std::string out;
  for (size_t at = 0; at < decomposed.size();) {
    const char32_t c = decode_utf8(decomposed, at);
    if (utf8proc_category(static_cast<utf8proc_int32_t>(c)) != UTF8PROC_CATEGORY_MN) append_utf8(out, c);
  }
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(decode_utf8(text, at)))));
  }
  return out;
}

std::string to_nfc(std::string_view text) { return to_composed(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); }
std::string to_nfkc(std::string_view text) { return to_composed(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT); }

}  // namespace engine
