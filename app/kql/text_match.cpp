#include "app/kql/text_match.h"

#include <re2/re2.h>

#include <cstring>
#include <cwctype>

#include "app/columns/term_filter.h"
#include "app/kql/expr.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

size_t find_ignoring_case(std::string_view text, std::string_view part) {
  if (part.size() > text.size()) return std::string_view::npos;
  const char first = lower(part[0]);
  const char other = first >= 'a' && first <= 'z' ? static_cast<char>(first - 32) : first;
  const size_t last = text.size() - part.size();
  for (size_t at = 0; at <= last; ++at) {
    const char c = text[at];
    if (c != first && c != other) continue;
    size_t k = 1;
    while (k < part.size() && lower(text[at + k]) == lower(part[k])) ++k;
    if (k == part.size()) return at;
  }
  return std::string_view::npos;
}

// Every place of part in text, until accept says yes.
template <typename Accept>
bool any_place(std::string_view text, std::string_view part, bool ignore_case, Accept accept) {
  size_t from = 0;
  while (from <= text.size()) {
    const size_t at = find_text(text.substr(from), part, ignore_case);
    if (at == std::string_view::npos) return false;
    if (accept(from + at)) return true;
    from += at + 1;
  }
  return false;
}

template <typename Change>
std::string change_case(std::string_view text, Change change) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      out += static_cast<char>(change(static_cast<wint_t>(text[at++])));
    } else {
      engine::append_utf8(out, static_cast<char32_t>(change(static_cast<wint_t>(engine::decode_utf8(text, at)))));
    }
  }
  return out;
}

// Latin-1, Latin Extended-A, Greek and Cyrillic: without depending on the process's locale.
wint_t to_lower(wint_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c >= 0x100 && c <= 0x17F && c != 0x130 && c != 0x131 && c != 0x138 && c != 0x149 && c != 0x178 && c != 0x17F) {
    const bool even_is_upper = (c < 0x139) || (c >= 0x14A && c < 0x178);
    return even_is_upper ? c | 1 : (c % 2 ? c + 1 : c);
  }
  if (c >= 0x391 && c <= 0x3A9) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

wint_t to_upper(wint_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if (c == 0xDF || c == 0xFF || c == 0xF7 || c == 0x131) return c;
  if (c >= 0xE0 && c <= 0xFE) return c - 32;
  if (c >= 0x100 && c <= 0x17F && c != 0x130 && c != 0x138 && c != 0x149 && c != 0x178 && c != 0x17F) {
    const bool even_is_upper = (c < 0x139) || (c >= 0x14A && c < 0x178);
    return even_is_upper ? c & ~1u : (c % 2 ? c : c - 1);
  }
  if (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) return c - 32;
  if (c >= 0x430 && c <= 0x44F) return c - 32;
  if (c >= 0x450 && c <= 0x45F) return c - 80;
  return c;
}

}  // namespace

bool is_term_char(char c) {
  return columns::is_term_byte(c);  // the chunks' lists of terms are made by the same rule
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); ++k) {
    if (lower(a[k]) != lower(b[k])) {
      const bool ascii = static_cast<unsigned char>(a[k]) < 0x80 && static_cast<unsigned char>(b[k]) < 0x80;
      return !ascii && lower_text(a) == lower_text(b);
    }
  }
  return true;
}

size_t find_text(std::string_view text, std::string_view part, bool ignore_case) {
  if (part.empty()) return 0;
  if (ignore_case) return find_ignoring_case(text, part);
  if (part.size() > text.size()) return std::string_view::npos;
  const void* at = memmem(text.data(), text.size(), part.data(), part.size());
  return at ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

bool contains_term(std::string_view text, std::string_view term, bool ignore_case) {
  if (term.empty()) return true;
  return any_place(text, term, ignore_case, [&](size_t at) {
    const size_t end = at + term.size();
    return (at == 0 || !is_term_char(text[at - 1]) || !is_term_char(term.front())) &&
           (end == text.size() || !is_term_char(text[end]) || !is_term_char(term.back()));
  });
}

bool contains_prefix(std::string_view text, std::string_view prefix, bool ignore_case) {
  if (prefix.empty()) return true;
  return any_place(text, prefix, ignore_case,
                   [&](size_t at) { return at == 0 || !is_term_char(text[at - 1]) || !is_term_char(prefix.front()); });
}

bool contains_suffix(std::string_view text, std::string_view suffix, bool ignore_case) {
  if (suffix.empty()) return true;
  return any_place(text, suffix, ignore_case, [&](size_t at) {
    const size_t end = at + suffix.size();
    return end == text.size() || !is_term_char(text[end]) || !is_term_char(suffix.back());
  });
}

bool starts_with(std::string_view text, std::string_view part, bool ignore_case) {
  const std::string_view head = text.substr(0, part.size());
  return ignore_case ? equals_ignoring_case(head, part) : head == part;
}

bool ends_with(std::string_view text, std::string_view part, bool ignore_case) {
  if (part.size() > text.size()) return false;
  const std::string_view tail = text.substr(text.size() - part.size());
  return ignore_case ? equals_ignoring_case(tail, part) : tail == part;
}

const re2::RE2& compiled(CallState& state, const std::string& pattern) {
  if (!state.cache || state.cache_key != pattern) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(64 << 20);
    auto regex = std::make_shared<re2::RE2>(pattern, options);
    if (!regex->ok()) {
      engine::fail(engine::ErrorKind::invalid_input, "the regular expression '%s' cannot be used: %s; the syntax is RE2's",
                   pattern.substr(0, 200).c_str(), regex->error().c_str());
    }
    state.cache = std::move(regex);
    state.cache_key = pattern;
  }
  return *static_cast<const re2::RE2*>(state.cache.get());
}

bool matches_pattern(CallState& state, std::string_view text, const std::string& pattern) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled(state, pattern));
}

std::string lower_text(std::string_view text) { return change_case(text, to_lower); }
std::string upper_text(std::string_view text) { return change_case(text, to_upper); }

}  // namespace app::kql
