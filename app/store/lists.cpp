#include "app/store/lists.h"

#include <charconv>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

// A cursor over the few shapes of JSON that this file writes.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) {}

  bool accept(char c) {
    skip_space();
    if (at_ >= json_.size() || json_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) damaged();
  }
  void expect_end() {
    skip_space();
    if (at_ != json_.size()) damaged();
  }
  uint64_t number() {
    skip_space();
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(json_.data() + at_, json_.data() + json_.size(), value);
    if (error != std::errc()) damaged();
    at_ = static_cast<size_t>(end - json_.data());
    return value;
  }
  std::string text() {
    expect('"');
    std::string out;
    for (;;) {
      const char c = next();
      if (c == '"') return out;
      c == '\\' ? escape(out) : out.push_back(c);
    }
  }

 private:
  [[noreturn]] static void damaged() {
    engine::fail(engine::ErrorKind::invalid_input,
                 "a stored list is damaged; check the file with `sigmactl db check`");
  }
  void skip_space() {
    while (at_ < json_.size() && (json_[at_] == ' ' || json_[at_] == '\n' || json_[at_] == '\t')) ++at_;
  }
  char next() {
    if (at_ >= json_.size()) damaged();
    return json_[at_++];
  }
  void escape(std::string& out) {
    const char c = next();
    switch (c) {
      case 'n': out += '\n'; return;
      case 't': out += '\t'; return;
      case 'r': out += '\r'; return;
      case '"':
      case '\\':
      case '/': out += c; return;
      case 'u': break;
      default: damaged();
    }
    uint32_t code = 0;
    if (json_.size() - at_ < 4) damaged();
    const char* begin = json_.data() + at_;
    if (std::from_chars(begin, begin + 4, code, 16).ptr != begin + 4) damaged();
    at_ += 4;
    engine::append_utf8(out, code);
  }

  std::string_view json_;
  size_t at_ = 0;
};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += engine::format("\\u%04x", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

template <typename T, typename Append>
std::string encode(const std::vector<T>& values, Append append) {
  std::string out = "[";
  for (const T& value : values) {
    if (out.size() > 1) out += ',';
    append(out, value);
  }
  return out + "]";
}

template <typename T, typename Read>
std::vector<T> decode(std::string_view json, Read read) {
  Scanner in(json);
  std::vector<T> values;
  in.expect('[');
  if (!in.accept(']')) {
    do values.push_back(read(in));
    while (in.accept(','));
    in.expect(']');
  }
  in.expect_end();
  return values;
}

}  // namespace

std::string encode_list(const std::vector<std::string>& values) {
  return encode(values, append_quoted);
}

std::string encode_list(const std::vector<uint64_t>& values) {
  return encode(values, [](std::string& out, uint64_t value) { out += std::to_string(value); });
}

std::vector<std::string> decode_texts(std::string_view json) {
  return decode<std::string>(json, [](Scanner& in) { return in.text(); });
}

std::vector<uint64_t> decode_numbers(std::string_view json) {
  return decode<uint64_t>(json, [](Scanner& in) { return in.number(); });
}

}  // namespace app::store
