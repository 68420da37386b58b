// Texts packed and named in other ways: gzip, zlib, base64, URLs, punycode, versions.
#include <zlib.h>

#include <algorithm>

#include "app/kql/kernel_help.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

// ---------------------------------------------------------------- gzip and zlib

constexpr size_t max_unpacked_bytes = 64u << 20;  // a bomb gives null
constexpr std::string_view base64_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (size_t k = 0; k < bytes.size(); k += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - k);
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < n ? static_cast<uint8_t>(bytes[k + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= n ? base64_letters[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}
std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int n_bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  for (const char c : text) {
    const size_t value = base64_letters.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFFFF;
    if ((n_bits += 6) >= 8) out += static_cast<char>(bits >> (n_bits -= 8) & 255);
  }
  return out;
}

// One of zlib's containers around a text, or none.
enum class Container { zlib, gzip };
std::string raw_deflate(std::string_view text) {
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? z.total_out : 0);
  deflateEnd(&z);
  return out;
}
std::string little_endian(uint32_t v, int n_bytes) {
  std::string out;
  for (int k = 0; k < n_bytes; ++k) out += static_cast<char>(v >> (8 * k) & 255);
  return out;
}
std::string packed(std::string_view text, Container container) {
  std::string body = raw_deflate(text);
  // Texts that packing makes hardly shorter are stored as they are.
  if (text.size() < 65536 && body.size() + 16 > text.size()) {
    const auto n = static_cast<uint32_t>(text.size());
    body = '\1' + little_endian(n, 2) + little_endian(~n, 2) + std::string(text);
  }
  const auto* bytes = reinterpret_cast<const Bytef*>(text.data());
  const auto size = static_cast<uInt>(text.size());
  if (container == Container::gzip) {
    return std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) + body + little_endian(static_cast<uint32_t>(crc32(0, bytes, size)), 4) + little_endian(size, 4);
  }
  const std::string sum = little_endian(static_cast<uint32_t>(adler32(adler32(0, nullptr, 0), bytes, size)), 4);
  return "\x78\x01" + body + std::string(sum.rbegin(), sum.rend());
}
std::optional<std::string> unpacked(const std::string& bytes, Container container) {
  z_stream z{};
  if (inflateInit2(&z, container == Container::gzip ? 15 + 16 : 15) != Z_OK) return std::nullopt;
  std::string out;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  while (status == Z_OK && out.size() < max_unpacked_bytes) {
    const size_t begin = out.size();
    out.resize(begin + 65536);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + begin);
    z.avail_out = 65536;
    status = inflate(&z, Z_NO_FLUSH);
    out.resize(begin + 65536 - z.avail_out);
    if (status == Z_OK && z.avail_in == 0 && z.avail_out > 0) break;  // cut off
  }
  inflateEnd(&z);
  return status == Z_STREAM_END ? std::optional<std::string>(std::move(out)) : std::nullopt;
}
template <Container container>
void compress_to_base64(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  if (text.size() < max_unpacked_bytes) out.s = to_base64(packed(text, container));
}
template <Container container>
void decompress_from_base64(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = from_base64(to_text(a[0]));
  if (const auto text = bytes ? unpacked(*bytes, container) : std::nullopt; text && engine::is_valid_utf8(*text)) out.s = *text;
}

// ---------------------------------------------------------------- punycode (RFC 3492)

constexpr uint32_t puny_base = 36, puny_tmin = 1, puny_tmax = 26, puny_skew = 38, puny_damp = 700, puny_bias = 72, puny_first = 128;

uint32_t adapted(uint32_t delta, uint32_t n_points, bool first) {
  delta = first ? delta / puny_damp : delta / 2;
  delta += delta / n_points;
  uint32_t k = 0;
  for (; delta > (puny_base - puny_tmin) * puny_tmax / 2; k += puny_base) delta /= puny_base - puny_tmin;
  return k + (puny_base - puny_tmin + 1) * delta / (delta + puny_skew);
}
uint32_t threshold(uint32_t k, uint32_t bias) { return k <= bias ? puny_tmin : std::min(k - bias, puny_tmax) < puny_tmin ? puny_tmin : std::min(k - bias, puny_tmax); }

std::vector<uint32_t> code_points(std::string_view text) {
  std::vector<uint32_t> out;
  for (size_t at = 0; at < text.size();) out.push_back(engine::decode_utf8(text, at));
  return out;
}

std::optional<std::string> to_punycode(std::string_view text) {
  const std::vector<uint32_t> points = code_points(text);
  std::string out;
  for (const uint32_t c : points) if (c < puny_first) out += static_cast<char>(c);
  auto done = static_cast<uint32_t>(out.size());
  const uint32_t n_basic = done;
  if (done > 0) out += '-';
  uint32_t n = puny_first, delta = 0, bias = puny_bias;
  while (done < points.size()) {
    uint32_t next = UINT32_MAX;
    for (const uint32_t c : points) if (c >= n) next = std::min(next, c);
    const uint64_t grown = delta + uint64_t{next - n} * (done + 1);
    if (grown > UINT32_MAX / 2) return std::nullopt;
    delta = static_cast<uint32_t>(grown), n = next;
    for (const uint32_t c : points) {
      if (c < n) ++delta;
      if (c != n) continue;
      uint32_t q = delta;
      for (uint32_t k = puny_base;; k += puny_base) {
        const uint32_t t = threshold(k, bias);
        const uint32_t digit = q < t ? q : t + (q - t) % (puny_base - t);
        out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + digit - 26);
        if (q < t) break;
        q = (q - t) / (puny_base - t);
      }
      bias = adapted(delta, done + 1, done == n_basic);
      delta = 0;
      ++done;
    }
    ++delta, ++n;
  }
  return out;
}
std::optional<std::string> from_punycode(std::string_view text) {
  std::vector<uint32_t> points;
  const size_t cut = text.rfind('-');
  const std::string_view basic = cut == std::string_view::npos ? std::string_view() : text.substr(0, cut);
  for (const char c : basic) {
    if (static_cast<uint8_t>(c) >= puny_first) return std::nullopt;
    points.push_back(static_cast<uint8_t>(c));
  }
  if (cut != std::string_view::npos) text.remove_prefix(cut + 1);
  uint32_t n = puny_first, i = 0, bias = puny_bias;
  for (size_t at = 0; at < text.size();) {
    const uint32_t before = i;
    uint64_t weight = 1;
    for (uint32_t k = puny_base;; k += puny_base) {
      if (at >= text.size()) return std::nullopt;
      const char c = text[at++];
      const int digit = c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' : c >= '0' && c <= '9' ? c - '0' + 26 : -1;
      if (digit < 0) return std::nullopt;
      const uint64_t sum = i + static_cast<uint64_t>(digit) * weight;
      if (sum > INT32_MAX) return std::nullopt;
      i = static_cast<uint32_t>(sum);
      const uint32_t t = threshold(k, bias);
      if (static_cast<uint32_t>(digit) < t) break;
      weight *= puny_base - t;
      if (weight > INT32_MAX) return std::nullopt;
    }
    const auto size = static_cast<uint32_t>(points.size() + 1);
    bias = adapted(i - before, size, before == 0);
    n += i / size;
    i %= size;
    if (n > 0x10FFFF || (n >= 0xD800 && n < 0xE000)) return std::nullopt;
    points.insert(points.begin() + i++, n);
  }
  std::string out;
  for (const uint32_t c : points) engine::append_utf8(out, c);
  return out;
}
void punycode_from_string(CallState&, Args a, Value& out) {
  if (const auto text = to_punycode(to_text(a[0]))) out.s = *text;
}
void punycode_to_string(CallState&, Args a, Value& out) {
  if (const auto text = from_punycode(to_text(a[0]))) out.s = *text;
}
// Label by label; what is not encoded stays as it is.
void punycode_domain_from_string(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  std::string decoded;
  for (const std::string_view label : engine::split(text, '.')) {
    if (label.data() != text.data()) decoded += '.';
    const bool encoded = engine::to_lower_ascii(label.substr(0, 4)) == "xn--";
    const auto plain = encoded ? from_punycode(label.substr(4)) : std::optional<std::string>(label);
    if (!plain) return;
    decoded += *plain;
  }
  out.s = decoded;
}
void punycode_domain_to_string(CallState& s, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  if (engine::to_lower_ascii(text).find("xn--") != std::string::npos) return punycode_domain_from_string(s, a, out);
  std::string encoded;
  for (const std::string_view label : engine::split(text, '.')) {
    if (label.data() != text.data()) encoded += '.';
    const bool plain = std::all_of(label.begin(), label.end(), [](char c) { return static_cast<uint8_t>(c) < puny_first; });
    const auto code = plain ? std::optional<std::string>(label) : to_punycode(label);
    if (!code) return;
    encoded += plain ? *code : "xn--" + *code;
  }
  out.s = encoded;
}

// ---------------------------------------------------------------- base64 and URLs

void base64_encode(CallState&, Args a, Value& out) { out.s = to_base64(to_text(a[0])); }
void base64_decode(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = from_base64(to_text(a[0]));
  if (bytes && engine::is_valid_utf8(*bytes)) out.s = *bytes;
}
void base64_decode_toarray(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = from_base64(to_text(a[0]));
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
  if (engine::is_valid_utf8(bytes)) out.s = to_base64(bytes);
}
// A GUID's first two fields are little endian in its bytes, as the service prints them.
constexpr int guid_order[] = {3, 2, 1, 0, 5, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
void base64_decode_toguid(CallState&, Args a, Value& out) {
  const std::optional<std::string> bytes = from_base64(to_text(a[0]));
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
  out.s = to_base64(bytes);
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

// ---------------------------------------------------------------- versions

// Up to four parts of at most eight digits, so that versions compare as numbers do.
void parse_version(CallState&, Args a, Value& out) {
  const std::string text = to_text(a[0]);
  const std::vector<std::string_view> parts = engine::split(text, '.');
  if (text.empty() || parts.size() > 4) return set_null(out);
  std::string digits;
  for (size_t k = 0; k < 4; ++k) {
    const std::string_view part = k < parts.size() ? parts[k] : std::string_view("0");
    if (part.empty() || part.size() > 8 || part.find_first_not_of("0123456789") != std::string_view::npos) return set_null(out);
    digits += std::string(8 - part.size(), '0') + std::string(part);
  }
  out = convert(Value::text(digits), Type::decimal);
}

constexpr Function table[] = {
    {"gzip_compress_to_base64_string", "s", Result::string, compress_to_base64<Container::gzip>},
    {"gzip_decompress_from_base64_string", "s", Result::string, decompress_from_base64<Container::gzip>},
    {"zlib_compress_to_base64_string", "s", Result::string, compress_to_base64<Container::zlib>},
    {"zlib_decompress_from_base64_string", "s", Result::string, decompress_from_base64<Container::zlib>},
    {"base64_encode_tostring", "s", Result::string, base64_encode},
    {"base64_encodestring", "s", Result::string, base64_encode},
    {"base64_decode_tostring", "s", Result::string, base64_decode},
    {"base64_decodestring", "s", Result::string, base64_decode},
    {"base64_decode_toarray", "s", Result::dynamic, base64_decode_toarray},
    {"base64_encode_fromarray", "y", Result::string, base64_encode_fromarray},
    {"base64_decode_toguid", "s", Result::guid, base64_decode_toguid},
    {"base64_encode_fromguid", "*", Result::string, base64_encode_fromguid},
    {"url_encode", "s", Result::string, url_encode},
    {"url_encode_component", "s", Result::string, url_encode_component},
    {"url_decode", "s", Result::string, url_decode},
    {"punycode_from_string", "s", Result::string, punycode_from_string},
    {"punycode_to_string", "s", Result::string, punycode_to_string},
    {"punycode_domain_from_string", "s", Result::string, punycode_domain_from_string},
    {"punycode_domain_to_string", "s", Result::string, punycode_domain_to_string},
    {"parse_version", "s", Result::decimal, parse_version},
};

}  // namespace

std::span<const Function> codec_functions() { return table; }

}  // namespace app::kql
