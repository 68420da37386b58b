#include "app/logs/encoding.h"

#include <cstring>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {

bool is_text_byte(unsigned char c) {
  return c >= 0x20 ? c != 0x7F : c == '\t' || c == '\n' || c == '\r' || c == 0x1B || c == '\f';
}

// The 32 places 0x80..0x9F of Windows-1252; 0: not assigned.
constexpr uint16_t windows_1252_high[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

void append_hex_byte(std::string& out, unsigned byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += "\\x";
  out += digits[byte >> 4 & 15];
  out += digits[byte & 15];
}

// Most text in UTF-16 has one zero byte in nearly every pair, always on the same side.
bool zeros_suggest_utf16(std::string_view head, Encoding& out) {
  const size_t n_pairs = head.size() / 2;
  if (n_pairs < 4) return false;
  size_t zero_even = 0, zero_odd = 0;
  for (size_t i = 0; i + 1 < head.size(); i += 2) {
    zero_even += head[i] == 0;
    zero_odd += head[i + 1] == 0;
  }
  if (zero_odd > n_pairs * 6 / 10 && zero_even <= n_pairs / 20) {
    out = Encoding::utf16le;
    return true;
  }
  if (zero_even > n_pairs * 6 / 10 && zero_odd <= n_pairs / 20) {
    out = Encoding::utf16be;
    return true;
  }
  return false;
}

}  // namespace

EncodingGuess guess_encoding(std::string_view head) {
  EncodingGuess guess;
  if (head.starts_with("\xEF\xBB\xBF")) {
    guess.bom_bytes = 3;
    guess.multi_byte = true;
    return guess;
  }
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
    guess.encoding = head[0] == '\xFF' ? Encoding::utf16le : Encoding::utf16be;
    guess.bom_bytes = 2;
    return guess;
  }
  if (zeros_suggest_utf16(head, guess.encoding)) return guess;

  size_t n_junk = 0;
  for (size_t i = 0; i < head.size();) {
    const unsigned char c = static_cast<unsigned char>(head[i]);
    if (c < 0x80) {
      n_junk += !is_text_byte(c);
      ++i;
      continue;
    }
    const size_t begin = i;
    const char32_t code = engine::decode_utf8(head, i);
    if (code != engine::replacement_character || i - begin > 1) {
      guess.multi_byte = true;
    } else if (head.size() - begin >= 4) {  // not merely cut by the end of the sample
      n_junk += 1;
    }
  }
  guess.junk_share = head.empty() ? 0 : double(n_junk) / double(head.size());
  return guess;
}

void Utf16Decoder::put(uint32_t unit, std::string& out) {
  if (high_surrogate_ != 0) {
    if (unit >= 0xDC00 && unit <= 0xDFFF) {
      engine::append_utf8(out, static_cast<char32_t>(0x10000 + ((high_surrogate_ - 0xD800) << 10) +
                                                     (unit - 0xDC00)));
      high_surrogate_ = 0;
      return;
    }
    out += engine::format("\\u%04X", high_surrogate_);
    high_surrogate_ = 0;
  }
  if (unit >= 0xD800 && unit <= 0xDBFF) {
    high_surrogate_ = unit;
  } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
    out += engine::format("\\u%04X", unit);
  } else if (unit < 0x80) {
    out += static_cast<char>(unit);
  } else {
    engine::append_utf8(out, static_cast<char32_t>(unit));
  }
}

void Utf16Decoder::decode(std::string_view bytes, std::string& out) {
  const auto unit_of = [this](unsigned first, unsigned second) {
    return big_endian_ ? first << 8 | second : second << 8 | first;
  };
  size_t i = 0;
  if (odd_byte_ >= 0 && !bytes.empty()) {
    put(unit_of(unsigned(odd_byte_), static_cast<unsigned char>(bytes[0])), out);
    odd_byte_ = -1;
    i = 1;
  }
  for (; i + 1 < bytes.size(); i += 2) {
    put(unit_of(static_cast<unsigned char>(bytes[i]), static_cast<unsigned char>(bytes[i + 1])),
        out);
  }
  if (i < bytes.size()) odd_byte_ = static_cast<unsigned char>(bytes[i]);
}

void Utf16Decoder::finish(std::string& out) {
  if (high_surrogate_ != 0) out += engine::format("\\u%04X", high_surrogate_);
  if (odd_byte_ >= 0) append_hex_byte(out, unsigned(odd_byte_));
  high_surrogate_ = 0;
  odd_byte_ = -1;
}

bool is_plain_ascii(std::string_view text) {
  constexpr uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t w;
    std::memcpy(&w, text.data() + i, 8);
    if (w & highs) return false;
    // A byte below 0x20 borrows into its high bit; 0x7F is looked for by itself.
    const uint64_t below = (w - ones * 0x20) & ~w & highs;
    const uint64_t del = (w ^ ones * 0x7F);
    if (((del - ones) & ~del & highs) != 0) return false;
    if (below == 0) continue;
    for (size_t k = i; k < i + 8; ++k) {
      const unsigned char c = static_cast<unsigned char>(text[k]);
      if (c < 0x20 && c != '\t' && c != '\n') return false;
    }
  }
  for (; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x7F || (c < 0x20 && c != '\t' && c != '\n')) return false;
  }
  return true;
}

bool looks_like_windows_1252(std::string_view text) {
  size_t n_high = 0;
  for (const char raw : text) {
    const unsigned char c = static_cast<unsigned char>(raw);
    if (c < 0x80) {
      if (!is_text_byte(c)) return false;
      continue;
    }
    if (c < 0xA0 && windows_1252_high[c - 0x80] == 0) return false;
    ++n_high;
  }
  return n_high > 0 && n_high * 4 <= text.size();
}

bool has_multi_byte_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    engine::decode_utf8(text, i);
    if (i - begin > 1) return true;
  }
  return false;
}

std::string windows_1252_to_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char raw : text) {
    const unsigned char c = static_cast<unsigned char>(raw);
    if (c < 0x80) {
      out += raw;
    } else if (c >= 0xA0) {
      engine::append_utf8(out, c);
    } else if (windows_1252_high[c - 0x80] != 0) {
      engine::append_utf8(out, windows_1252_high[c - 0x80]);
    } else {
      append_hex_byte(out, c);
    }
  }
  return out;
}

std::string without_ansi(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\x1B' && i + 1 < text.size() && text[i + 1] == '[') {
      size_t end = i + 2;
      while (end < text.size() && (text[end] < 0x40 || text[end] > 0x7E) && end - i < 32) ++end;
      i = end < text.size() ? end + 1 : end;
      continue;
    }
    out += text[i++];
  }
  return out;
}

}  // namespace app::logs
