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
  const int64_t end = length < 0 ? n : std::min(n, start + length);
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
  const int64_t end = length < 0 ? n : std::min(n, start + length);
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

constexpr char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
std::string base64(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t v = static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])) << 16;
    if (at + 1 < bytes.size()) v |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 8;
    if (at + 2 < bytes.size()) v |= static_cast<unsigned char>(bytes[at + 2]);
    out += base64_letters[v >> 18];
    out += base64_letters[v >> 12 & 63];
    out += at + 1 < bytes.size() ? base64_letters[v >> 6 & 63] : '=';
    out += at + 2 < bytes.size() ? base64_letters[v & 63] : '=';
  }
  return out;
}
std::optional<std::string> unbase64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int n = 0;
  for (const char c : text) {
    if (c == '=') break;
    const char* at = std::find(std::begin(base64_letters), std::end(base64_letters) - 1, c);
    if (*at == '\0') return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(at - base64_letters);
    if (++n % 4 != 1) out += static_cast<char>(bits >> (6 - 2 * ((n - 1) % 4)));
  }
  if (n % 4 == 1) return std::nullopt;
  return out;
}
void base64_encode(CallState&, Args a, Value& out) { out.s = base64(to_text(a[0])); }
void base64_decode(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = unbase64(to_text(a[0]));
  if (bytes && engine::is_valid_utf8(*bytes)) out.s = *bytes;
}
void base64_decode_toarray(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = unbase64(to_text(a[0]));
  if (!bytes) return set_null(out);
  Json json = Json::array();
  for (const char c : *bytes) json.items.push_back(Json::of(static_cast<int64_t>(static_cast<unsigned char>(c))));
  set(out, json);
}
void base64_encode_fromarray(CallState&, Args a, Value& out) {
  const Json json = dynamic_value(a[0]);
  std::string bytes;
  for (const Json& item : json.items) {
    if (item.kind != Json::Kind::integer || item.i < 0 || item.i > 255) return;
    bytes += static_cast<char>(item.i);
  }
  if (engine::is_valid_utf8(bytes)) out.s = base64(bytes);
}
// A GUID's first two fields are little endian in its bytes, as the service prints them.
constexpr int guid_order[] = {3, 2, 1, 0, 5, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
void base64_decode_toguid(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = unbase64(to_text(a[0]));
  if (!bytes || bytes->size() != 16) return set_null(out);
  std::string hex;
  for (const int k : guid_order) hex += engine::format("%02x", static_cast<unsigned char>((*bytes)[static_cast<size_t>(k)]));
  out.s = parse_guid(hex).value_or("");
}
void base64_encode_fromguid(CallState&, Args a, Value& out) {
  const Value guid = convert(a[0], Type::guid);
  std::string digits, bytes(16, '\0');
  for (const char c : guid.s) if (c != '-') digits += c;
  if (digits.size() != 32) return;
  for (size_t k = 0; k < 16; ++k) bytes[static_cast<size_t>(guid_order[k])] = static_cast<char>(std::stoi(digits.substr(k * 2, 2), nullptr, 16));
  out.s = base64(bytes);
}

void url_encode(CallState&, Args a, Value& out) {
  for (const char c : to_text(a[0])) {
    if (std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-_.~").find(c) != std::string_view::npos) out.s += c;
    else if (c == ' ') out.s += '+';
    else out.s += engine::format("%%%02X", static_cast<unsigned char>(c));
  }
}
void url_encode_component(CallState& s, Args a, Value& out) {
  url_encode(s, a, out);
  for (size_t at = out.s.find('+'); at != std::string::npos; at = out.s.find('+', at)) out.s.replace(at, 1, "%20");
}
void url_decode(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  for (size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '%' && k + 2 < text.size() + 0 && std::isxdigit(static_cast<unsigned char>(text[k + 1])) && std::isxdigit(static_cast<unsigned char>(text[k + 2]))) {
      out.s += static_cast<char>(std::stoi(text.substr(k + 1, 2), nullptr, 16));
      k += 2;
    } else {
      out.s += text[k] == '+' ? ' ' : text[k];
    }
  }
  if (!engine::is_valid_utf8(out.s)) out.s = engine::escape_invalid_utf8(out.s);
}

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

// parse_csv of one record.
void parse_csv(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  Json json = Json::array();
  std::string field;
  bool quoted = false;
  for (size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quoted) {
      if (c == '"' && k + 1 < text.size() && text[k + 1] == '"') field += '"', ++k;
      else if (c == '"') quoted = false;
      else field += c;
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      json.items.push_back(Json::of(field));
      field.clear();
    } else if (c == '\n' || c == '\r') {
      break;
    } else {
      field += c;
    }
  }
  json.items.push_back(Json::of(field));
  set(out, json);
}
// Windows rules: quotes group, \" is a quote.
void parse_command_line(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  Json json = Json::array();
  std::string word;
  bool quoted = false, any = false;
  for (size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (c == '\\') {
      size_t n = 0;
      while (k + n < text.size() && text[k + n] == '\\') ++n;
      if (k + n < text.size() && text[k + n] == '"') {
        word.append(n / 2, '\\');
        k += n - 1;
        if (n % 2) word += '"', ++k;
      } else {
        word.append(n, '\\');
        k += n - 1;
      }
      any = true;
    } else if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (any) json.items.push_back(Json::of(word));
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) json.items.push_back(Json::of(word));
  json.items.empty() ? set_null(out) : set(out, json);
}
void parse_path(CallState&, Args a, Value& out) {
  const std::string path = to_text(a[0]);
  Json json = Json::object();
  std::string scheme, rest = path, root, stream;
  if (const size_t at = path.find("://"); at != std::string::npos && at > 1) scheme = path.substr(0, at), rest = path.substr(at + 3);
  std::string before = rest;
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos && colon > 1) stream = rest.substr(colon + 1), before = rest.substr(0, colon);
  const size_t slash = before.find_last_of("/\\");
  const std::string file = slash == std::string::npos ? before : before.substr(slash + 1);
  const std::string directory = slash == std::string::npos ? "" : before.substr(0, slash);
  const size_t dot = file.rfind('.');
  if (before.size() > 1 && before[1] == ':') root = before.substr(0, 2);
  else if (!scheme.empty()) root = before.substr(0, before.find_first_of("/\\"));
  else if (before.size() > 2 && before.substr(0, 2) == "\\\\") root = before.substr(0, before.find('\\', 2));
  const size_t last = directory.find_last_of("/\\");
  json.set("Scheme", Json::of(scheme));
  json.set("RootPath", Json::of(root));
  json.set("DirectoryPath", Json::of(directory));
  json.set("DirectoryName", Json::of(last == std::string::npos ? directory : directory.substr(last + 1)));
  json.set("Filename", Json::of(file));
  json.set("Extension", Json::of(dot == std::string::npos ? "" : file.substr(dot + 1)));
  json.set("AlternateDataStreamName", Json::of(stream));
  set(out, json);
}
std::string url_part(const std::string& text) {
  std::string out;
  for (size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '%' && k + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[k + 1])) && std::isxdigit(static_cast<unsigned char>(text[k + 2]))) {
      out += static_cast<char>(std::stoi(text.substr(k + 1, 2), nullptr, 16));
      k += 2;
    } else {
      out += text[k];
    }
  }
  return engine::is_valid_utf8(out) ? out : text;
}
Json query_bag(const std::string& query) {
  Json bag = Json::object();
  for (const std::string_view pair : engine::split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    bag.set(url_part(std::string(pair.substr(0, equals))), Json::of(equals == std::string_view::npos ? "" : url_part(std::string(pair.substr(equals + 1)))));
  }
  return bag;
}
void parse_url(CallState&, Args a, Value& out) {
  std::string rest = to_text(a[0]);
  Json json = Json::object();
  std::string scheme, host, port, path, user, password, fragment;
  Json query = Json::object();
  if (const size_t at = rest.find("://"); at != std::string::npos) scheme = rest.substr(0, at), rest = rest.substr(at + 3);
  else if (const size_t colon = rest.find(':'); colon != std::string::npos) scheme = rest.substr(0, colon), rest = rest.substr(colon + 1);
  if (const size_t at = rest.find('#'); at != std::string::npos) fragment = rest.substr(at + 1), rest.resize(at);
  if (const size_t at = rest.find('?'); at != std::string::npos) query = query_bag(rest.substr(at + 1)), rest.resize(at);
  const size_t slash = rest.find('/');
  if (slash != std::string::npos) path = rest.substr(slash);
  std::string authority = rest.substr(0, slash);
  if (const size_t at = authority.rfind('@'); at != std::string::npos) {
    user = authority.substr(0, at);
    authority = authority.substr(at + 1);
    if (const size_t colon = user.find(':'); colon != std::string::npos) password = user.substr(colon + 1), user.resize(colon);
  }
  if (const size_t colon = authority.rfind(':'); colon != std::string::npos && authority.find(']', colon) == std::string::npos) port = authority.substr(colon + 1), authority.resize(colon);
  host = authority;
  json.set("Scheme", Json::of(scheme));
  json.set("Host", Json::of(host));
  json.set("Port", Json::of(port));
  json.set("Path", Json::of(path));
  json.set("Username", Json::of(user));
  json.set("Password", Json::of(password));
  json.set("Query Parameters", query);
  json.set("Fragment", Json::of(fragment));
  set(out, json);
}
void parse_urlquery(CallState&, Args a, Value& out) {
  std::string text = to_text(a[0]);
  if (!text.empty() && text[0] == '?') text.erase(0, 1);
  Json json = Json::object();
  json.set("Query Parameters", query_bag(text));
  set(out, json);
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
    {"base64_encode_tostring", "s", Result::string, base64_encode}, {"base64_encodestring", "s", Result::string, base64_encode},
    {"base64_decode_tostring", "s", Result::string, base64_decode}, {"base64_decodestring", "s", Result::string, base64_decode},
    {"base64_decode_toarray", "s", Result::dynamic, base64_decode_toarray}, {"base64_encode_fromarray", "y", Result::string, base64_encode_fromarray},
    {"base64_decode_toguid", "s", Result::guid, base64_decode_toguid}, {"base64_encode_fromguid", "*", Result::string, base64_encode_fromguid},
    {"url_encode", "s", Result::string, url_encode}, {"url_encode_component", "s", Result::string, url_encode_component},
    {"url_decode", "s", Result::string, url_decode}, {"unicode_codepoints_from_string", "s", Result::dynamic, unicode_from},
    {"to_utf8", "s", Result::dynamic, unicode_from}, {"unicode_codepoints_to_string", "*+", Result::string, unicode_to},
    {"make_string", "*+", Result::string, unicode_to}, {"parse_csv", "s", Result::dynamic, parse_csv},
    {"parse_command_line", "s?s", Result::dynamic, parse_command_line}, {"parse_path", "s", Result::dynamic, parse_path},
    {"parse_url", "s", Result::dynamic, parse_url}, {"parseurl", "s", Result::dynamic, parse_url},
    {"parse_urlquery", "s", Result::dynamic, parse_urlquery}, {"parseurlquery", "s", Result::dynamic, parse_urlquery}, {"format_bytes", "n?is", Result::string, format_bytes},
    {"tohex", "i?i", Result::string, tohex}, {"jaccard_index", "yy", Result::real, jaccard_words},
};

}  // namespace

std::span<const Function> string_functions() { return table; }

}  // namespace app::kql
