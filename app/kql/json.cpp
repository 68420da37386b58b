#include "app/kql/json.h"

#include <charconv>
#include <cmath>

#include "app/kql/datetime.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

constexpr int max_depth = 200;

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  std::optional<Json> all() {
    Json json;
    if (!read(json, 0)) return std::nullopt;
    skip();
    if (at_ != text_.size()) return std::nullopt;
    return json;
  }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  bool read(Json& out, int depth) {
    if (depth > max_depth) return false;
    skip();
    if (at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '"') return out.kind = Json::Kind::string, read_string(out.s);
    if (c == '[') return read_array(out, depth);
    if (c == '{') return read_object(out, depth);
    if (word("null")) return true;
    if (word("true")) return out = Json::of(true), true;
    if (word("false")) return out = Json::of(false), true;
    return read_number(out);
  }

  bool read_array(Json& out, int depth) {
    ++at_;
    out.kind = Json::Kind::array;
    if (take(']')) return true;
    do {
      out.items.emplace_back();
      if (!read(out.items.back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool read_object(Json& out, int depth) {
    ++at_;
    out.kind = Json::Kind::object;
    if (take('}')) return true;
    do {
      skip();
      std::string key;
      if (at_ >= text_.size() || text_[at_] != '"' || !read_string(key) || !take(':')) return false;
      Json item;
      if (!read(item, depth + 1)) return false;
      out.keys.push_back(std::move(key));
      out.items.push_back(std::move(item));
    } while (take(','));
    return take('}');
  }

  bool read_number(Json& out) {
    const size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    bool real = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c >= '0' && c <= '9') {
      } else if (c == '.' || c == 'e' || c == 'E' || ((c == '+' || c == '-') && real)) {
        real = true;
      } else {
        break;
      }
      ++at_;
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    if (first == last) return false;
    if (!real) {
      const auto [end, error] = std::from_chars(first, last, out.i);
      out.kind = Json::Kind::integer;
      if (error == std::errc{} && end == last) return true;
    }
    const auto [end, error] = std::from_chars(first, last, out.d);
    out.kind = Json::Kind::real;
    return error == std::errc{} && end == last;
  }

  bool read_string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) return false;
      const char e = text_[at_++];
      constexpr std::string_view letters = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
      if (const size_t k = letters.find(e); k != std::string_view::npos) {
        out += values[k];
      } else if (e == 'u') {
        uint32_t unit = 0;
        if (!hex4(unit)) return false;
        char32_t code = unit;
        if (unit >= 0xD800 && unit < 0xDC00 && text_.substr(at_, 2) == "\\u") {
          at_ += 2;
          uint32_t low = 0;
          if (!hex4(low)) return false;
          code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                                               : engine::replacement_character;
        } else if (unit >= 0xD800 && unit < 0xE000) {
          code = engine::replacement_character;
        }
        engine::append_utf8(out, code);
      } else {
        return false;
      }
    }
    return false;
  }

  bool hex4(uint32_t& unit) {
    if (at_ + 4 > text_.size()) return false;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, unit, 16);
    at_ += 4;
    return error == std::errc{} && end == text_.data() + at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view key) const {
  for (size_t k = 0; k < keys.size(); ++k) {
    if (keys[k] == key) return &items[k];
  }
  return nullptr;
}

void Json::set(std::string_view key, Json value) {
  for (size_t k = 0; k < keys.size(); ++k) {
    if (keys[k] == key) {
      items[k] = std::move(value);
      return;
    }
  }
  keys.emplace_back(key);
  items.push_back(std::move(value));
}

Json Json::of(bool b) {
  Json j;
  j.kind = Kind::boolean;
  j.i = b;
  return j;
}
Json Json::of(int64_t v) {
  Json j;
  j.kind = Kind::integer;
  j.i = v;
  return j;
}
Json Json::of(double v) {
  Json j;
  j.kind = Kind::real;
  j.d = v;
  return j;
}
Json Json::of(std::string v) {
  Json j;
  j.kind = Kind::string;
  j.s = std::move(v);
  return j;
}
Json Json::array() {
  Json j;
  j.kind = Kind::array;
  return j;
}
Json Json::object() {
  Json j;
  j.kind = Kind::object;
  return j;
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    return a.kind == b.kind && a.kind == Json::Kind::integer ? a.i == b.i : a.number() == b.number();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Json::Kind::null: return true;
    case Json::Kind::boolean: return a.i == b.i;
    case Json::Kind::string: return a.s == b.s;
    case Json::Kind::array: return a.items == b.items;
    default: break;
  }
  if (a.items.size() != b.items.size()) return false;
  for (size_t k = 0; k < a.keys.size(); ++k) {
    const Json* other = b.find(a.keys[k]);
    if (!other || !(*other == a.items[k])) return false;
  }
  return true;
}

std::optional<Json> parse_json(std::string_view text) { return JsonReader(text).all(); }

void write_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          constexpr char hex[] = "0123456789abcdef";
          out += "\\u00";
          out += hex[c >> 4];
          out += hex[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void write_json(const Json& json, std::string& out) {
  switch (json.kind) {
    case Json::Kind::null: out += "null"; return;
    case Json::Kind::boolean: out += json.i ? "true" : "false"; return;
    case Json::Kind::integer: out += std::to_string(json.i); return;
    case Json::Kind::real:
      if (std::isfinite(json.d)) {
        out += real_text(json.d);
      } else {
        write_json_string(real_text(json.d), out);
      }
      return;
    case Json::Kind::string: write_json_string(json.s, out); return;
    case Json::Kind::array:
      out += '[';
      for (size_t k = 0; k < json.items.size(); ++k) {
        if (k) out += ',';
        write_json(json.items[k], out);
      }
      out += ']';
      return;
    case Json::Kind::object:
      out += '{';
      for (size_t k = 0; k < json.items.size(); ++k) {
        if (k) out += ',';
        write_json_string(json.keys[k], out);
        out += ':';
        write_json(json.items[k], out);
      }
      out += '}';
  }
}

std::string json_text(const Json& json) {
  std::string out;
  write_json(json, out);
  return out;
}

Json to_json(const Value& value) {
  if (value.null) return {};
  switch (value.type) {
    case Type::boolean: return Json::of(value.i != 0);
    case Type::int32: case Type::int64: return Json::of(value.i);
    case Type::real: return Json::of(value.d);
    case Type::dynamic: return dynamic_value(value);
    default: return Json::of(to_text(value));
  }
}

Value from_json(const Json& json) {
  if (json.is_null()) return Value::none(Type::dynamic);
  return Value::dynamic(json_text(json));
}

Json dynamic_value(const Value& value) {
  if (value.type != Type::dynamic) return to_json(value);
  if (value.null) return {};
  std::optional<Json> json = parse_json(value.s);
  return json ? std::move(*json) : Json{};
}

std::string dynamic_as_text(std::string_view json) {
  if (json.empty() || json == "null") return {};
  if (json[0] != '"') return std::string(json);
  const std::optional<Json> parsed = parse_json(json);
  return parsed ? parsed->s : std::string(json);
}

}  // namespace app::kql
