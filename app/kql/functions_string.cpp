#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "app/kql/datetime.h"
#include "app/kql/kernel_help.h"
#include "app/kql/text_match.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {

size_t text_length(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

size_t byte_of(std::string_view text, size_t code_point) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
    if (code_point-- == 0) return at;
  }
  return text.size();
}

namespace {

void strlen_(CallState&, Args a, Value& out) { out.i = static_cast<int64_t>(text_length(to_text(a[0]))); }
void string_size(CallState&, Args a, Value& out) { out.i = static_cast<int64_t>(to_text(a[0]).size()); }
void tolower_(CallState&, Args a, Value& out) { out.s = lower_text(to_text(a[0])); }
void toupper_(CallState&, Args a, Value& out) { out.s = upper_text(to_text(a[0])); }
void isempty(CallState&, Args a, Value& out) { out.i = a[0].null || to_text(a[0]).empty(); }
void isnotempty(CallState& s, Args a, Value& out) {
  isempty(s, a, out);
  out.i = !out.i;
}
void isnull_(CallState&, Args a, Value& out) { out.i = is_null(a[0]); }
void isnotnull(CallState&, Args a, Value& out) { out.i = !is_null(a[0]); }

void strcat_(CallState&, Args a, Value& out) {
  for (const Value& v : a) out.s += to_text(v);
}
void strcat_delim(CallState&, Args a, Value& out) {
  for (size_t k = 1; k < a.size(); ++k) {
    if (k > 1) out.s += to_text(a[0]);
    out.s += to_text(a[k]);
  }
}
void strrep(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]), delimiter = text_at(a, 2);
  const int64_t n = std::clamp<int64_t>(integer_at(a, 1, 0), 0, 1024);
  for (int64_t k = 0; k < n; ++k) out.s += (k ? delimiter : "") + text;
}
void strcmp_(CallState&, Args a, Value& out) {
  const int order = to_text(a[0]).compare(to_text(a[1]));
  out.i = order < 0 ? -1 : order > 0;
}
void reverse_(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  for (size_t at = text.size(); at > 0;) {
    size_t begin = at - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    out.s.append(text, begin, at - begin);
    at = begin;
  }
}
void substring(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  const auto n = static_cast<int64_t>(text_length(text));
  int64_t start = integer_at(a, 1, 0), length = integer_at(a, 2, n);
  if (start < 0) start = std::max<int64_t>(0, start + n);
  if (start >= n) return;
  if (length < 0) length = std::max<int64_t>(0, n - start + length);
  const size_t begin = byte_of(text, static_cast<size_t>(start));
  out.s = text.substr(begin, byte_of(std::string_view(text).substr(begin), static_cast<size_t>(std::min(length, n))));
}

// indexof(text, lookup, start, length, occurrence): by code points; -1 where it is not.
void indexof(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]), part = to_text(a[1]);
  const auto n = static_cast<int64_t>(text_length(text));
  int64_t start = integer_at(a, 2, 0);
  const int64_t length = integer_at(a, 3, -1), occurrence = integer_at(a, 4, 1);
  out.i = -1;
  if (occurrence < 1 || length < -1) return set_null(out);
  if (start < 0) start = std::max<int64_t>(0, start + n);
  if (start > n) return;
  const int64_t end = length < 0 ? n : start + std::min(length, n - start);
  const size_t first = byte_of(text, static_cast<size_t>(start)), last = byte_of(text, static_cast<size_t>(end));
  // The length counts again from behind each occurrence.
  size_t from = first;
  const size_t window = last - first;
  for (int64_t k = 0; k < occurrence; ++k) {
    const std::string_view range = std::string_view(text).substr(from, window);
    const size_t at = range.find(part);
    if (at == std::string_view::npos) return;
    if (k + 1 == occurrence) out.i = static_cast<int64_t>(text_length(std::string_view(text).substr(0, from + at)));
    from = std::min(text.size(), from + at + 1);
  }
}
void indexof_regex(CallState& s, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  const auto n = static_cast<int64_t>(text_length(text));
  const int64_t start = integer_at(a, 2, 0), length = integer_at(a, 3, -1), occurrence = integer_at(a, 4, 1);
  out.i = -1;
  if (start < 0 || occurrence < 1 || length < -1) return set_null(out);
  if (start > n) return;
  const int64_t end = length < 0 ? n : start + std::min(length, n - start);
  size_t from = byte_of(text, static_cast<size_t>(start));
  const size_t last = byte_of(text, static_cast<size_t>(end));
  const re2::RE2& regex = compiled(s, to_text(a[1]));
  for (int64_t k = 0; k < occurrence; ++k) {
    re2::StringPiece match;
    if (!regex.Match(text, from, last, re2::RE2::UNANCHORED, &match, 1)) return;
    const auto at = static_cast<size_t>(match.data() - text.data());
    if (k + 1 == occurrence) out.i = static_cast<int64_t>(text_length(std::string_view(text).substr(0, at)));
    from = at + std::max<size_t>(1, match.size());
    if (from > last) return;
  }
}

void split_(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]), delimiter = to_text(a[1]);
  std::vector<std::string> parts;
  if (delimiter.empty()) {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      engine::decode_utf8(text, at);
      parts.push_back(text.substr(begin, at - begin));
    }
  } else {
    size_t from = 0;
    for (size_t at; (at = text.find(delimiter, from)) != std::string::npos; from = at + delimiter.size()) parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
  }
  Json json = Json::array();
  if (a.size() > 2) {
    int64_t index = integer_at(a, 2, -1);
    if (index < 0) index += static_cast<int64_t>(parts.size());
    if (index >= 0 && index < static_cast<int64_t>(parts.size())) json.items.push_back(Json::of(parts[static_cast<size_t>(index)]));
  } else {
    for (std::string& part : parts) json.items.push_back(Json::of(std::move(part)));
  }
  set(out, json);
}

// RE2 wants \\1 where the language writes $1 or \\1.
void replace_regex(CallState& s, Args a, Value& out) {
  out.s = to_text(a[0]);
  std::string rewrite = to_text(a[2]), fixed;
  for (size_t k = 0; k < rewrite.size(); ++k) {
    if (rewrite[k] == '$' && k + 1 < rewrite.size() && std::isdigit(static_cast<unsigned char>(rewrite[k + 1]))) fixed += '\\';
    else fixed += rewrite[k];
  }
  re2::RE2::GlobalReplace(&out.s, compiled(s, to_text(a[1])), fixed);
}
std::string replace_all(const std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != std::string::npos; at = hit + from.size()) out += text.substr(at, hit - at) + to;
  return out + text.substr(at);
}
void replace_string(CallState&, Args a, Value& out) { out.s = replace_all(to_text(a[0]), to_text(a[1]), to_text(a[2])); }
void replace_strings(CallState&, Args a, Value& out) {
  const Json from = dynamic_value(a[1]), to = dynamic_value(a[2]);
  const std::string text = to_text(a[0]);
  for (size_t at = 0; at < text.size();) {
    bool hit = false;
    for (size_t k = 0; k < from.items.size() && !hit; ++k) {
      const std::string& part = from.items[k].s;
      if (part.empty() || text.compare(at, part.size(), part) != 0) continue;
      const Json& with = to.is_array() && k < to.items.size() ? to.items[k] : to;
      out.s += with.s;
      at += part.size();
      hit = true;
    }
    if (!hit) out.s += text[at++];
  }
}
void translate(CallState&, Args a, Value& out) {
  const std::string from = to_text(a[0]), to = to_text(a[1]), text = to_text(a[2]);
  const size_t n_to = text_length(to);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    engine::decode_utf8(text, at);
    const std::string_view c = std::string_view(text).substr(begin, at - begin);
    const size_t hit = from.find(c);
    if (hit == std::string::npos) {
      out.s += c;
    } else if (n_to > 0) {
      const size_t index = std::min(text_length(std::string_view(from).substr(0, hit)), n_to - 1);
      const size_t b = byte_of(to, index);
      out.s += to.substr(b, byte_of(std::string_view(to).substr(b), 1));
    }
  }
}

void trim_with(CallState& s, Args a, Value& out, bool front, bool back) {
  // Both ends share one compiled pattern: an alternation anchored at either end.
  const std::string part = "(?:" + to_text(a[0]) + ")";
  std::string pattern;
  if (front) pattern += "\\A" + part;
  if (back) pattern += (front ? "|" : "") + part + "\\z";
  const re2::RE2& regex = compiled(s, pattern);
  const std::string text = to_text(a[1]);
  size_t begin = 0, end = text.size();
  re2::StringPiece match;
  if (front && regex.Match(text, 0, end, re2::RE2::ANCHOR_START, &match, 1) && match.size() > 0) begin = match.size();
  if (back) {
    for (size_t at = begin; at <= end && at <= text.size();) {
      if (!regex.Match(text, at, end, re2::RE2::UNANCHORED, &match, 1)) break;
      const auto where = static_cast<size_t>(match.data() - text.data());
      if (where + match.size() == end && match.size() > 0 && where >= begin && (where > 0 || !front)) {
        end = where;
        break;
      }
      at = where + std::max<size_t>(1, match.size());
    }
  }
  out.s = end > begin ? text.substr(begin, end - begin) : "";
}
void trim_(CallState& s, Args a, Value& out) { trim_with(s, a, out, true, true); }
void trim_start(CallState& s, Args a, Value& out) { trim_with(s, a, out, true, false); }
void trim_end(CallState& s, Args a, Value& out) { trim_with(s, a, out, false, true); }

void extract(CallState& s, Args a, Value& out) {
  const re2::RE2& regex = compiled(s, to_text(a[0]));
  const int64_t group = integer_at(a, 1, 0);
  const int n = regex.NumberOfCapturingGroups() + 1;
  if (group < 0 || group >= n) return;
  std::vector<re2::StringPiece> groups(static_cast<size_t>(n));
  const std::string text = to_text(a[2]);
  if (!regex.Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), n)) return;
  const re2::StringPiece piece = groups[static_cast<size_t>(group)];
  if (piece.data()) out.s.assign(piece.data(), piece.size());
}
Vec extract_vec(CallState& s, std::span<const Vec> args, size_t) {
  const columns::Column &pattern = *args[0].column, &group = *args[1].column, &text = *args[2].column;
  const bool fixed = args[0].constant && args[1].constant && pattern.type() == Type::string && is_integer(group.type()) && !group.is_null(0);
  if (!fixed || args[2].constant || text.type() != Type::string || s.type != Type::string) return {};
  return {share(extract_rows(s, text, std::string(pattern.text(0)), group.i64(0))), false};
}
// extract_all(regex, [groups,] text)
void extract_all(CallState& s, Args a, Value& out) {
  const re2::RE2& regex = compiled(s, to_text(a[0]));
  const int n = regex.NumberOfCapturingGroups() + 1;
  if (n < 2) return set_null(out);
  const std::string text = to_text(a.back());
  std::vector<int> wanted;
  if (a.size() > 2) {
    for (const Json& item : dynamic_value(a[1]).items) {
      int index = static_cast<int>(item.i);
      if (item.is_string()) {
        const auto& named = regex.NamedCapturingGroups();
        const auto at = named.find(item.s);
        index = at == named.end() ? -1 : at->second;
      }
      if (index >= 0 && index < n) wanted.push_back(index);
    }
  } else {
    for (int k = 1; k < n; ++k) wanted.push_back(k);
  }
  Json all = Json::array();
  std::vector<re2::StringPiece> groups(static_cast<size_t>(n));
  for (size_t from = 0; from <= text.size();) {
    if (!regex.Match(text, from, text.size(), re2::RE2::UNANCHORED, groups.data(), n)) break;
    Json one = Json::array();
    for (const int k : wanted) {
      const re2::StringPiece p = groups[static_cast<size_t>(k)];
      one.items.push_back(Json::of(p.data() ? std::string(p.data(), p.size()) : std::string()));
    }
    all.items.push_back(one.items.size() == 1 ? one.items[0] : one);
    from = static_cast<size_t>(groups[0].data() - text.data()) + std::max<size_t>(1, groups[0].size());
  }
  all.items.empty() ? set_null(out) : set(out, all);
}
void countof(CallState& s, Args a, Value& out) {
  const std::string text = to_text(a[0]), part = to_text(a[1]);
  out.i = 0;
  if (text_at(a, 2, "normal") == "regex") {
    const re2::RE2& regex = compiled(s, part);
    re2::StringPiece match;
    for (size_t from = 0; from <= text.size() && regex.Match(text, from, text.size(), re2::RE2::UNANCHORED, &match, 1); ++out.i) {
      from = static_cast<size_t>(match.data() - text.data()) + std::max<size_t>(1, match.size());
    }
    return;
  }
  if (part.empty()) return;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out.i;
}
void has_any_index(CallState&, Args a, Value& out) {
  const Json items = dynamic_value(a[1]);
  const std::string text = to_text(a[0]);
  out.i = -1;
  for (size_t k = 0; k < items.items.size(); ++k) {
    if (contains_term(text, items.items[k].is_string() ? items.items[k].s : json_text(items.items[k]), true)) return void(out.i = static_cast<int64_t>(k));
  }
}
void regex_quote(CallState&, Args a, Value& out) { out.s = re2::RE2::QuoteMeta(to_text(a[0])); }
void isascii_(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  out.i = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
void isutf8(CallState&, Args a, Value& out) { out.i = engine::is_valid_utf8(to_text(a[0])); }

void unicode_from(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  Json json = Json::array();
  for (size_t at = 0; at < text.size();) json.items.push_back(Json::of(static_cast<int64_t>(engine::decode_utf8(text, at))));
  set(out, json);
}
void unicode_to(CallState&, Args a, Value& out) {
  const auto add = [&](const Json& j) {
    if (j.kind == Json::Kind::integer && j.i >= 0 && j.i <= 0x10FFFF && !(j.i >= 0xD800 && j.i < 0xE000)) engine::append_utf8(out.s, static_cast<char32_t>(j.i));
  };
  for (const Value& v : a) {
    const Json json = dynamic_value(v);
    if (json.is_array()) for (const Json& item : json.items) add(item);
    else add(json);
  }
}

void format_bytes(CallState&, Args a, Value& out) {
  const char* units[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
  double value = real_at(a, 0, 0);
  const int64_t precision = integer_at(a, 1, 0);
  const std::string wanted = text_at(a, 2);
  size_t unit = 0;
  for (; unit + 1 < std::size(units) && (wanted.empty() ? std::fabs(value) >= 1024 : wanted != units[unit]); ++unit) value /= 1024;
  const double scale = std::pow(10.0, static_cast<double>(precision));
  value = std::round(value * scale) / scale;
  std::string text = real_text(value);
  if (text.size() > 2 && text.substr(text.size() - 2) == ".0") text.resize(text.size() - 2);
  out.s = text + " " + units[unit];
}
void tohex(CallState&, Args a, Value& out) {
  const auto bits = static_cast<unsigned long long>(integer_at(a, 0, 0));
  out.s = engine::format("%llx", a[0].type == Type::int32 ? bits & 0xffffffff : bits);
  const auto width = static_cast<size_t>(std::clamp<int64_t>(integer_at(a, 1, 0), 0, 1024));
  if (out.s.size() < width) out.s.insert(0, width - out.s.size(), '0');
}
void jaccard_words(CallState&, Args a, Value& out) {
  const Json x = dynamic_value(a[0]), y = dynamic_value(a[1]);
  std::vector<Json> all, both;
  const auto in = [](const std::vector<Json>& list, const Json& j) { return std::find(list.begin(), list.end(), j) != list.end(); };
  for (const Json& j : x.items) {
    if (!in(all, j)) all.push_back(j);
    if (in(y.items, j) && !in(both, j)) both.push_back(j);
  }
  for (const Json& j : y.items) if (!in(all, j)) all.push_back(j);
  out.d = all.empty() ? std::nan("") : static_cast<double>(both.size()) / static_cast<double>(all.size());
}

constexpr Function table[] = {
    {"strlen", "s", Result::int64, strlen_}, {"string_size", "s", Result::int64, string_size},
    {"tolower", "s", Result::string, tolower_}, {"toupper", "s", Result::string, toupper_},
    {"isempty", "*", Result::boolean, isempty, sees_nulls}, {"isnotempty", "*", Result::boolean, isnotempty, sees_nulls},
    {"notempty", "*", Result::boolean, isnotempty, sees_nulls}, {"isnull", "*", Result::boolean, isnull_, sees_nulls},
    {"isnotnull", "*", Result::boolean, isnotnull, sees_nulls}, {"notnull", "*", Result::boolean, isnotnull, sees_nulls},
    {"strcat", "*+", Result::string, strcat_, sees_nulls}, {"strcat_delim", "s*+", Result::string, strcat_delim, sees_nulls},
    {"strrep", "*i?s", Result::string, strrep}, {"strcmp", "ss", Result::int32, strcmp_}, {"reverse", "*", Result::string, reverse_},
    {"substring", "si?i", Result::string, substring}, {"indexof", "**?iii", Result::int64, indexof},
    {"indexof_regex", "ss?iii", Result::int64, indexof_regex}, {"split", "ss?i", Result::dynamic, split_},
    {"replace_regex", "sss", Result::string, replace_regex}, {"replace", "sss", Result::string, replace_regex},
    {"replace_string", "sss", Result::string, replace_string}, {"replace_strings", "syy", Result::string, replace_strings},
    {"translate", "sss", Result::string, translate}, {"trim", "ss", Result::string, trim_}, {"trim_start", "ss", Result::string, trim_start},
    {"trim_end", "ss", Result::string, trim_end}, {"extract", "sis", Result::string, extract, no_flags, extract_vec},
    {"extract_all", "s*?s", Result::dynamic, extract_all}, {"extractall", "s*?s", Result::dynamic, extract_all},
    {"countof", "ss?s", Result::int64, countof}, {"has_any_index", "sy", Result::int64, has_any_index},
    {"regex_quote", "s", Result::string, regex_quote}, {"isascii", "s", Result::boolean, isascii_}, {"isutf8", "s", Result::boolean, isutf8},
    {"unicode_codepoints_from_string", "s", Result::dynamic, unicode_from},
    {"to_utf8", "s", Result::dynamic, unicode_from}, {"unicode_codepoints_to_string", "*+", Result::string, unicode_to},
    {"make_string", "*+", Result::string, unicode_to}, {"format_bytes", "n?is", Result::string, format_bytes},
    {"tohex", "i?i", Result::string, tohex}, {"jaccard_index", "yy", Result::real, jaccard_words},
};

}  // namespace

std::span<const Function> string_functions() { return table; }

}  // namespace app::kql
