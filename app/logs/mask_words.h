// app/logs/mask_words.h: which words of a message are values; the inner part of mask.cpp, in a
// header because it runs for every word of every line.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace app::logs::mask_words {

// --- character classes

enum : uint8_t {
  digit = 1,
  letter = 2,
  upper = 4,
  hex_letter = 8,
  slash = 16,
  dot = 32,
  at_sign = 64,
  other = 128
};
enum class Class : uint8_t { word, space, delimiter };

struct Tables {
  std::array<uint8_t, 256> flags{};
  std::array<Class, 256> classes{};
};

constexpr Tables make_tables() {
  Tables t;
  for (int c = 0; c < 256; ++c) {
    uint8_t f = other;
    if (c >= '0' && c <= '9')
      f = digit;
    else if (c >= 'a' && c <= 'z')
      f = uint8_t(letter | (c <= 'f' ? hex_letter : 0));
    else if (c >= 'A' && c <= 'Z')
      f = uint8_t(letter | upper | (c <= 'F' ? hex_letter : 0));
    else if (c >= 0x80)
      f = letter;
    else if (c == '/' || c == '\\')
      f = slash;
    else if (c == '.')
      f = dot;
    else if (c == '@')
      f = at_sign;
    t.flags[size_t(c)] = f;
    t.classes[size_t(c)] = Class::word;
  }
  for (const char c : {' ', '\t', '\r', '\n'}) t.classes[size_t(c)] = Class::space;
  for (const char c : std::string_view("=,;()[]{}\"'|<>`!?:"))
    t.classes[size_t(c)] = Class::delimiter;
  return t;
}
constexpr Tables tables = make_tables();

inline uint8_t flags_of(char c) { return tables.flags[static_cast<unsigned char>(c)]; }
inline Class class_of(char c) { return tables.classes[static_cast<unsigned char>(c)]; }
inline bool is_digit(char c) { return unsigned(c - '0') < 10; }

// --- what a word is

inline bool is_byte_unit(std::string_view w) {
  if (w == "bytes" || w == "byte" || w == "Bytes") return true;
  if (w.empty() || w.size() > 3 || (w.back() != 'B' && w != "b")) return false;
  if (w.size() == 1) return true;
  const bool prefix = std::string_view("kKMGTP").find(w[0]) != std::string_view::npos;
  return prefix && (w.size() == 2 || w[1] == 'i');
}

inline bool is_date_name(std::string_view w) {
  if (w.size() != 3) return false;
  for (const char* name : {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                           "Nov", "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}) {
    if (w == name) return true;
  }
  return false;
}

// A name that ends in a top-level domain that names of classes and files do not end in.
inline bool is_host_name(std::string_view w) {
  const size_t last_dot = w.rfind('.');
  if (last_dot == std::string_view::npos || last_dot == 0) return false;
  const std::string_view top = w.substr(last_dot + 1);
  const bool another = w.substr(0, last_dot).find('.') != std::string_view::npos;
  for (const char* known : {"com", "net", "org", "edu", "gov", "mil", "local", "internal", "lan",
                            "arpa", "info", "biz", "svc"}) {
    if (top == known) return true;
  }
  const bool lower2 =
      top.size() == 2 && top[0] >= 'a' && top[0] <= 'z' && top[1] >= 'a' && top[1] <= 'z';
  return lower2 && another &&
         std::none_of(w.begin(), w.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Whether a dotted word and the number behind its colon are one value: a host with its port, or a
// place in a program (com.example.Server.accept:120). "heap.used:120" is a name and a value.
inline bool is_numbered_name(std::string_view w, uint8_t flags, std::string_view number) {
  const size_t last_dot = w.rfind('.');
  if (last_dot == 0 || last_dot + 1 == w.size()) return false;
  if (number == "80" || number == "443" || number == "8080" || number == "8443") return true;
  const bool two_dots = w.find('.') != last_dot;
  if (flags & upper) return two_dots;
  return is_host_name(w) || (w.size() - last_dot == 3 && number.size() >= 2);
}

// Names whose digits are not a number: IPv4, SHA256, x86.
inline bool is_name_with_digits(std::string_view w) {
  if (w.size() < 3 || w.size() > 6 || !(flags_of(w[0]) & letter)) return false;
  char lower[6];
  for (size_t i = 0; i < w.size(); ++i) lower[i] = char(w[i] | 32);
  const std::string_view name(lower, w.size());
  for (const char* known : {"ipv4", "ipv6", "sha1", "sha256", "sha512", "md5", "x86", "base64", "http2"}) {
    if (name == known) return true;
  }
  return false;
}

// Whether a word with digits in it is a value as a whole; else only its digits are.
inline bool is_value(std::string_view w, uint8_t flags) {
  if (!(flags & letter)) return true;  // 12  -3.5  10.0.0.1  45%
  if (w.size() > 2 && w[0] == '0' && (w[1] | 32) == 'x') return true;
  size_t n_digits = 0, n_hex = 0, n_changes = 0, n_letters = 0;
  bool was_digit = false;
  for (size_t i = 0; i < w.size(); ++i) {
    const uint8_t f = flags_of(w[i]);
    n_digits += (f & digit) != 0;
    n_letters += (f & letter) != 0;
    n_hex += (f & (digit | hex_letter)) != 0 || w[i] == '-';
    const bool now_digit = (f & digit) != 0;
    if ((f & (digit | letter)) && i > 0) n_changes += now_digit != was_digit;
    if (f & (digit | letter)) was_digit = now_digit;
  }
  if (n_hex == w.size() && w.size() >= 4 && n_digits >= 2) return true;  // hashes, UUIDs
  if (is_digit(w[0]) && n_letters <= 3 && is_digit(w[w.size() - n_letters - 1]))
    return true;  // 12ms 36.1KB 2nd
  if ((w[0] == '-' || w[0] == '+' || w[0] == '.') && n_letters <= 3) return true;
  if (n_changes >= 4 && w.size() >= 8 && n_digits * 4 >= w.size()) return true;  // k2x9f3a8
  if (w.size() >= 20 && n_digits >= 4 && n_changes >= 4) return true;
  return (flags & dot) && is_host_name(w);
}

inline bool is_flag_word(std::string_view w) {
  return w == "true" || w == "false" || w == "null" || w == "True" || w == "False" || w == "None" ||
         w == "TRUE" || w == "FALSE" || w == "NULL";
}

}  // namespace app::logs::mask_words
