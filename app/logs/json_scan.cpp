#include "app/logs/json_scan.h"

#include <cstdint>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {

size_t skip_blanks(std::string_view t, size_t at) {
  while (at < t.size() && (t[at] == ' ' || t[at] == '\t' || t[at] == '\n' || t[at] == '\r')) ++at;
  return at;
}

// Place behind the closing quote of the string that begins at t[at] == '"', or npos.
size_t string_end(std::string_view t, size_t at, bool& escaped) {
  for (++at; at < t.size(); ++at) {
    if (t[at] == '"') return at + 1;
    if (t[at] == '\\') {
      escaped = true;
      ++at;
    }
  }
  return std::string_view::npos;
}

bool is_json_number(std::string_view t) {
  size_t i = t.starts_with('-');
  const auto digits = [&] {
    const size_t begin = i;
    while (i < t.size() && t[i] >= '0' && t[i] <= '9') ++i;
    return i - begin;
  };
  const size_t first = i, n = digits();
  if (n == 0 || (n > 1 && t[first] == '0')) return false;
  if (i < t.size() && t[i] == '.' && (++i, digits() == 0)) return false;
  if (i < t.size() && (t[i] | 32) == 'e') {
    if (++i < t.size() && (t[i] == '+' || t[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == t.size();
}

bool escapes_are_json(std::string_view t) {
  for (size_t i = 0; i < t.size(); ++i) {
    if (t[i] != '\\') continue;
    if (++i >= t.size() || std::string_view("\"\\/bfnrtu").find(t[i]) == std::string_view::npos)
      return false;
    if (t[i] == 'u' &&
        (t.size() - i < 5 ||
         t.substr(i + 1, 4).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos))
      return false;
  }
  return true;
}

bool read_value(std::string_view t, size_t& at, JsonValue& out);

// Place behind the object or array that begins at t[at], or npos where it is not sound JSON: nested
// values are kept as they are written, so they must be.
size_t nested_end(std::string_view t, size_t at, int depth) {
  constexpr int max_depth = 64;
  if (depth > max_depth) return std::string_view::npos;
  const bool object = t[at] == '{';
  const char closer = object ? '}' : ']';
  at = skip_blanks(t, at + 1);
  if (at < t.size() && t[at] == closer) return at + 1;
  while (at < t.size()) {
    JsonValue value;
    if (object) {
      if (t[at] != '"' || !read_value(t, at, value) || !escapes_are_json(value.text))
        return std::string_view::npos;
      at = skip_blanks(t, at);
      if (at >= t.size() || t[at] != ':') return std::string_view::npos;
      at = skip_blanks(t, at + 1);
      if (at >= t.size()) break;
    }
    if (t[at] == '{' || t[at] == '[') {
      at = nested_end(t, at, depth + 1);
      if (at == std::string_view::npos) return at;
    } else if (!read_value(t, at, value) ||
               (value.kind == JsonValue::Kind::string && !escapes_are_json(value.text))) {
      return std::string_view::npos;
    }
    at = skip_blanks(t, at);
    if (at >= t.size()) break;
    if (t[at] == closer) return at + 1;
    if (t[at] != ',') break;
    at = skip_blanks(t, at + 1);
  }
  return std::string_view::npos;
}

bool read_value(std::string_view t, size_t& at, JsonValue& out) {
  if (at >= t.size()) return false;
  const size_t begin = at;
  out.escaped = false;
  if (t[at] == '"') {
    at = string_end(t, at, out.escaped);
    if (at == std::string_view::npos) return false;
    out.kind = JsonValue::Kind::string;
    out.text = t.substr(begin + 1, at - begin - 2);
    return true;
  }
  if (t[at] == '{' || t[at] == '[') {
    out.kind = t[at] == '{' ? JsonValue::Kind::object : JsonValue::Kind::array;
    at = nested_end(t, at, 0);
    if (at == std::string_view::npos) return false;
    out.text = t.substr(begin, at - begin);
    return true;
  }
  while (at < t.size() && t[at] != ',' && t[at] != '}' && t[at] != ']' && t[at] != ' ' &&
         t[at] != '\t')
    ++at;
  out.text = t.substr(begin, at - begin);
  if (out.text == "true" || out.text == "false" || out.text == "null") {
    out.kind = JsonValue::Kind::word;
    return true;
  }
  out.kind = JsonValue::Kind::number;
  return is_json_number(out.text);
}

int hex_value(std::string_view four) {
  int value = 0;
  if (four.size() < 4) return -1;
  for (const char c : four.substr(0, 4)) {
    const int digit = c >= '0' && c <= '9'                 ? c - '0'
                      : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                           : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

bool scan_json_object(std::string_view t,
                      const std::function<void(std::string_view, const JsonValue&)>& on_member) {
  size_t at = skip_blanks(t, 0);
  if (at >= t.size() || t[at] != '{') return false;
  at = skip_blanks(t, at + 1);
  if (at < t.size() && t[at] == '}') return skip_blanks(t, at + 1) == t.size();
  for (;;) {
    JsonValue key, value;
    if (at >= t.size() || t[at] != '"' || !read_value(t, at, key)) return false;
    at = skip_blanks(t, at);
    if (at >= t.size() || t[at] != ':') return false;
    at = skip_blanks(t, at + 1);
    if (!read_value(t, at, value)) return false;
    on_member(key.text, value);
    at = skip_blanks(t, at);
    if (at >= t.size()) return false;
    if (t[at] == '}') return skip_blanks(t, at + 1) == t.size();
    if (t[at] != ',') return false;
    at = skip_blanks(t, at + 1);
  }
}

std::string unescape_json(std::string_view t) {
  std::string out;
  out.reserve(t.size());
  for (size_t i = 0; i < t.size(); ++i) {
    if (t[i] != '\\' || i + 1 == t.size()) {
      out += t[i];
      continue;
    }
    const char c = t[++i];
    constexpr std::string_view names = "nrtbf\"\\/", values = "\n\r\t\b\f\"\\/";
    const size_t known = names.find(c);
    if (known != std::string_view::npos) {
      // Carriage return, backspace and form feed are shown, not obeyed.
      if (c == 'r' || c == 'b' || c == 'f') {
        out += engine::format("\\x%02X", unsigned(values[known]));
      } else {
        out += values[known];
      }
      continue;
    }
    int code = c == 'u' ? hex_value(t.substr(i + 1)) : -1;
    if (code < 0) {
      out += '\\';
      out += c;
      continue;
    }
    i += 4;
    if (code >= 0xD800 && code < 0xDC00 && t.substr(i + 1, 2) == "\\u") {
      const int low = hex_value(t.substr(i + 3));
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
    }
    if ((code < 0x20 && code != '\t' && code != '\n') || (code >= 0xD800 && code < 0xE000) ||
        code == 0x7F) {
      out += engine::format("\\u%04X", unsigned(code));
    } else {
      engine::append_utf8(out, static_cast<char32_t>(code));
    }
  }
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += engine::format("\\u%04X", unsigned(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace app::logs
