// IP addresses, and key-value texts.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "app/kql/kernel_help.h"
#include "app/kql/text_match.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

struct Ipv4 {
  uint32_t address = 0;
  int prefix = 32;
};
std::optional<Ipv4> parse_v4(std::string_view text) {
  text = engine::trim(text);
  Ipv4 out;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::optional<int64_t> prefix = parse_int64(text.substr(slash + 1));
    if (!prefix || *prefix < 0 || *prefix > 32) return std::nullopt;
    out.prefix = static_cast<int>(*prefix);
    text = text.substr(0, slash);
  }
  const std::vector<std::string_view> parts = engine::split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  for (const std::string_view part : parts) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || part.size() > 3 || error != std::errc{} || end != part.data() + part.size() || value < 0 || value > 255) return std::nullopt;
    out.address = out.address << 8 | static_cast<uint32_t>(value);
  }
  return out;
}
uint32_t mask_of(int prefix) { return prefix <= 0 ? 0 : ~uint32_t{0} << (32 - std::min(prefix, 32)); }
std::string v4_text(uint32_t a) { return engine::format("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255); }

struct Ipv6 {
  std::array<uint8_t, 16> bytes{};
  int prefix = 128;
};
std::optional<Ipv6> parse_v6(std::string_view text) {
  text = engine::trim(text);
  Ipv6 out;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::optional<int64_t> prefix = parse_int64(text.substr(slash + 1));
    const bool v4 = text.find(':') == std::string_view::npos;
    if (!prefix || *prefix < 0 || *prefix > (v4 ? 32 : 128)) return std::nullopt;
    out.prefix = static_cast<int>(*prefix) + (v4 ? 96 : 0);
    text = text.substr(0, slash);
  }
  if (const size_t zone = text.find('%'); zone != std::string_view::npos) text = text.substr(0, zone);
  if (text.find(':') == std::string_view::npos) {
    const std::optional<Ipv4> v4 = parse_v4(text);
    if (!v4) return std::nullopt;
    out.bytes[10] = out.bytes[11] = 0xFF;
    for (int k = 0; k < 4; ++k) out.bytes[static_cast<size_t>(12 + k)] = static_cast<uint8_t>(v4->address >> (24 - 8 * k));
    return out;
  }
  std::vector<uint8_t> front, back;
  bool gap = false;
  const size_t two = text.find("::");
  const auto read = [](std::string_view part, std::vector<uint8_t>& bytes) {
    if (part.empty()) return true;
    const std::vector<std::string_view> groups = engine::split(part, ':');
    for (size_t k = 0; k < groups.size(); ++k) {
      if (k + 1 == groups.size() && groups[k].find('.') != std::string_view::npos) {
        const std::optional<Ipv4> v4 = parse_v4(groups[k]);
        if (!v4) return false;
        for (int b = 0; b < 4; ++b) bytes.push_back(static_cast<uint8_t>(v4->address >> (24 - 8 * b)));
        continue;
      }
      uint32_t value = 0;
      const auto [end, error] = std::from_chars(groups[k].data(), groups[k].data() + groups[k].size(), value, 16);
      if (groups[k].empty() || groups[k].size() > 4 || error != std::errc{} || end != groups[k].data() + groups[k].size()) return false;
      bytes.push_back(static_cast<uint8_t>(value >> 8));
      bytes.push_back(static_cast<uint8_t>(value));
    }
    return true;
  };
  if (two != std::string_view::npos) {
    gap = true;
    if (!read(text.substr(0, two), front) || !read(text.substr(two + 2), back)) return std::nullopt;
  } else if (!read(text, front)) {
    return std::nullopt;
  }
  const size_t n = front.size() + back.size();
  if (gap ? n > 14 : n != 16) return std::nullopt;
  if (front.empty() && back.size() == 4 && text.find('.') != std::string_view::npos) {  // ::1.2.3.4 is the mapped form
    out.bytes[10] = out.bytes[11] = 0xFF;
    if (out.prefix <= 32) out.prefix += 96;
  }
  std::copy(front.begin(), front.end(), out.bytes.begin());
  std::copy(back.begin(), back.end(), out.bytes.end() - static_cast<int64_t>(back.size()));
  return out;
}
void apply_prefix(Ipv6& ip, int prefix) {
  for (int bit = std::max(prefix, 0); bit < 128; ++bit) ip.bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
}
std::string v6_text(const Ipv6& ip) {
  std::string out;
  for (size_t k = 0; k < 16; k += 2) out += engine::format("%s%02x%02x", k ? ":" : "", ip.bytes[k], ip.bytes[k + 1]);
  return out;
}

void parse_ipv4(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0]));
  ip ? void(out.i = ip->address & mask_of(ip->prefix)) : set_null(out);
}
void parse_ipv4_mask(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0]));
  ip ? void(out.i = ip->address & mask_of(static_cast<int>(std::min<int64_t>(ip->prefix, integer_at(a, 1, 32))))) : set_null(out);
}
void ipv4_compare(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> x = parse_v4(to_text(a[0])), y = parse_v4(to_text(a[1]));
  if (!x || !y) return set_null(out);
  const uint32_t mask = mask_of(static_cast<int>(std::min<int64_t>({x->prefix, y->prefix, integer_at(a, 2, 32)})));
  const uint32_t l = x->address & mask, r = y->address & mask;
  out.i = l < r ? -1 : l > r;
}
void ipv4_is_match(CallState& s, Args a, Value& out) {
  Value order = Value::int64(0);
  ipv4_compare(s, a, order);
  order.null ? set_null(out) : void(out.i = order.i == 0);
}
void ipv4_is_in_range(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0])), net = parse_v4(to_text(a[1]));
  if (!ip || !net) return set_null(out);
  const uint32_t mask = mask_of(net->prefix);
  out.i = (ip->address & mask) == (net->address & mask);
}
std::vector<std::string> texts_from(Args a, size_t first) {
  std::vector<std::string> out;
  for (size_t k = first; k < a.size(); ++k) {
    const Json json = dynamic_value(a[k]);
    if (json.is_array()) for (const Json& item : json.items) out.push_back(item.s);
    else out.push_back(to_text(a[k]));
  }
  return out;
}
void ipv4_is_in_any_range(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0]));
  if (!ip) return set_null(out);
  out.i = 0;
  for (const std::string& range : texts_from(a, 1)) {
    const std::optional<Ipv4> net = parse_v4(range);
    if (net && (ip->address & mask_of(net->prefix)) == (net->address & mask_of(net->prefix))) out.i = 1;
  }
}
void ipv4_is_private(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0]));
  if (!ip) return set_null(out);
  const auto within = [&](uint32_t net, int prefix) { return ip->prefix >= prefix && (ip->address & mask_of(prefix)) == net; };
  out.i = within(0x0A000000, 8) || within(0xAC100000, 12) || within(0xC0A80000, 16);
}
void ipv4_netmask_suffix(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> ip = parse_v4(to_text(a[0]));
  ip ? void(out.i = ip->prefix) : set_null(out);
}
void format_ipv4(CallState&, Args a, Value& out) {
  const int prefix = static_cast<int>(std::clamp<int64_t>(integer_at(a, 1, 32), 0, 32));
  std::optional<Ipv4> ip;
  if (is_integer(a[0].type)) ip = Ipv4{static_cast<uint32_t>(a[0].i), 32};
  else ip = parse_v4(to_text(a[0]));
  if (ip) out.s = v4_text(ip->address & mask_of(std::min(prefix, ip->prefix)));
}
void format_ipv4_mask(CallState& s, Args a, Value& out) {
  format_ipv4(s, a, out);
  if (!out.s.empty()) out.s += "/" + std::to_string(std::clamp<int64_t>(integer_at(a, 1, 32), 0, 32));
}
void ipv4_range_to_cidr_list(CallState&, Args a, Value& out) {
  const std::optional<Ipv4> first = parse_v4(to_text(a[0])), last = parse_v4(to_text(a[1]));
  if (!first || !last || first->address > last->address) return set_null(out);
  Json json = Json::array();
  uint64_t at = first->address;
  const uint64_t end = uint64_t{last->address} + 1;
  while (at < end) {
    int prefix = 32;
    while (prefix > 0 && (at & ((uint64_t{1} << (33 - prefix)) - 1)) == 0 && at + (uint64_t{1} << (33 - prefix)) <= end) --prefix;
    json.items.push_back(Json::of(v4_text(static_cast<uint32_t>(at)) + "/" + std::to_string(prefix)));
    at += uint64_t{1} << (32 - prefix);
  }
  set(out, json);
}

void parse_ipv6(CallState&, Args a, Value& out) {
  std::optional<Ipv6> ip = parse_v6(to_text(a[0]));
  if (!ip) return;
  apply_prefix(*ip, ip->prefix);
  out.s = v6_text(*ip);
}
// A number of bits may be said of the IPv4 form (up to 32) or of the IPv6 one.
int prefix_argument(Args a, size_t k) { return static_cast<int>(std::clamp<int64_t>(integer_at(a, k, 128), 0, 128)); }
void parse_ipv6_mask(CallState&, Args a, Value& out) {
  std::optional<Ipv6> ip = parse_v6(to_text(a[0]));
  if (!ip) return;
  apply_prefix(*ip, std::min(ip->prefix, prefix_argument(a, 1)));
  out.s = v6_text(*ip);
}
void ipv6_compare(CallState&, Args a, Value& out) {
  std::optional<Ipv6> x = parse_v6(to_text(a[0])), y = parse_v6(to_text(a[1]));
  if (!x || !y) return set_null(out);
  const int prefix = std::min({x->prefix, y->prefix, prefix_argument(a, 2)});
  apply_prefix(*x, prefix), apply_prefix(*y, prefix);
  out.i = x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}
void ipv6_is_match(CallState& s, Args a, Value& out) {
  Value order = Value::int64(0);
  ipv6_compare(s, a, order);
  order.null ? set_null(out) : void(out.i = order.i == 0);
}
bool v6_within(Ipv6 ip, const std::string& range) {
  std::optional<Ipv6> net = parse_v6(range);
  if (!net) return false;
  apply_prefix(ip, net->prefix), apply_prefix(*net, net->prefix);
  return ip.bytes == net->bytes;
}
void ipv6_is_in_range(CallState&, Args a, Value& out) {
  const std::optional<Ipv6> ip = parse_v6(to_text(a[0]));
  if (!ip || !parse_v6(to_text(a[1]))) return set_null(out);
  out.i = v6_within(*ip, to_text(a[1]));
}
void ipv6_is_in_any_range(CallState&, Args a, Value& out) {
  const std::optional<Ipv6> ip = parse_v6(to_text(a[0]));
  if (!ip) return set_null(out);
  out.i = 0;
  for (const std::string& range : texts_from(a, 1)) out.i |= v6_within(*ip, range);
}

// The addresses of a text: dotted quads with no letter, digit or dot around them.
std::vector<std::string> addresses_in(const std::string& text) {
  std::vector<std::string> found;
  for (size_t at = 0; at < text.size();) {
    if (!std::isdigit(static_cast<unsigned char>(text[at])) || (at > 0 && (is_term_char(text[at - 1]) || text[at - 1] == '.'))) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.')) ++end;
    size_t stop = end;
    while (stop > at && text[stop - 1] == '.') --stop;
    if (stop == end ? end == text.size() || !is_term_char(text[end]) : true) {
      const std::string word = text.substr(at, stop - at);
      if (parse_v4(word)) found.push_back(word);
    }
    at = std::max(end, at + 1);
  }
  return found;
}
void has_ipv4(CallState&, Args a, Value& out) {
  const std::vector<std::string> found = addresses_in(to_text(a[0]));
  out.i = 0;
  for (const std::string& wanted : texts_from(a, 1)) {
    if (parse_v4(wanted)) out.i |= std::find(found.begin(), found.end(), wanted) != found.end();
  }
}
void has_ipv4_prefix(CallState&, Args a, Value& out) {
  const std::vector<std::string> found = addresses_in(to_text(a[0]));
  out.i = 0;
  for (const std::string& prefix : texts_from(a, 1)) {
    const bool whole = parse_v4(prefix).has_value();
    if (!whole && (prefix.empty() || prefix.back() != '.')) continue;
    for (const std::string& ip : found) out.i |= whole ? ip == prefix : ip.compare(0, prefix.size(), prefix) == 0;
  }
}

// parse_kv_bag(text, pair delimiter, key-value delimiter, quotes, escape, greedy, regex): a bag of texts.
void parse_kv_bag(CallState& s, Args a, Value& out) {
  const std::string text = to_text(a[0]), pair = to_text(a[1]), kv = to_text(a[2]), quotes = to_text(a[3]), escape = to_text(a[4]), regex = to_text(a[6]);
  Json bag = Json::object();
  if (!regex.empty()) {
    const re2::RE2& pattern = compiled(s, regex);
    if (pattern.NumberOfCapturingGroups() < 2) return set_null(out);
    re2::StringPiece groups[3];
    for (size_t from = 0; from <= text.size() && pattern.Match(text, from, text.size(), re2::RE2::UNANCHORED, groups, 3);) {
      bag.set(std::string(groups[1]), Json::of(std::string(groups[2])));
      from = static_cast<size_t>(groups[0].data() - text.data()) + std::max<size_t>(1, groups[0].size());
    }
    return set(out, bag);
  }
  const char open = quotes.empty() ? '\0' : quotes[0], close = quotes.size() > 1 ? quotes[1] : open;
  const auto quoted_end = [&](size_t at) {  // past the closing quote
    for (size_t k = at + 1; k < text.size(); ++k) {
      if (!escape.empty() && text[k] == escape[0]) ++k;
      else if (text[k] == close) return k + 1;
    }
    return text.size();
  };
  const auto bare = [&](std::string word) {
    word = std::string(engine::trim(word));
    if (open && word.size() >= 2 && word.front() == open && word.back() == close) word = word.substr(1, word.size() - 2);
    if (escape.empty()) return word;
    std::string plain;
    for (size_t k = 0; k < word.size(); ++k) {
      if (word[k] == escape[0] && k + 1 < word.size()) ++k;
      plain += word[k];
    }
    return plain;
  };
  const bool greedy = a[5].i != 0;
  size_t at = 0;
  while (at < text.size()) {
    const size_t key_begin = at;
    size_t key_end = open && text[at] == open ? quoted_end(at) : at;
    key_end = text.find(kv, key_end);
    if (key_end == std::string::npos) break;
    // A key never reaches over a pair delimiter: what is before it has no value.
    size_t begin = key_begin;
    for (size_t p = text.find(pair, begin); p != std::string::npos && p < key_end && !pair.empty(); p = text.find(pair, begin)) begin = p + pair.size();
    const std::string key = bare(text.substr(begin, key_end - begin));
    size_t value_begin = key_end + kv.size(), value_end = 0;
    size_t quote_at = value_begin;
    while (quote_at < text.size() && text[quote_at] == ' ' && pair != " ") ++quote_at;
    if (open && quote_at < text.size() && text[quote_at] == open) value_end = text.find(pair, quoted_end(quote_at));
    else value_end = text.find(pair, value_begin);
    if (greedy && value_end != std::string::npos) {  // up to the last delimiter before the next key
      const size_t next_kv = text.find(kv, value_end);
      value_end = next_kv == std::string::npos ? std::string::npos : text.rfind(pair, next_kv);
    }
    if (value_end == std::string::npos) value_end = text.size();
    if (!bag.find(key)) bag.set(key, Json::of(bare(text.substr(value_begin, value_end - value_begin))));
    at = value_end + pair.size();
  }
  set(out, bag);
}

constexpr Function table[] = {
    {"parse_ipv4", "s", Result::int64, parse_ipv4}, {"parse_ipv4_mask", "si", Result::int64, parse_ipv4_mask},
    {"ipv4_compare", "ss?i", Result::int64, ipv4_compare}, {"ipv4_is_match", "ss?i", Result::boolean, ipv4_is_match},
    {"ipv4_is_in_range", "ss", Result::boolean, ipv4_is_in_range}, {"ipv4_is_in_any_range", "s*+", Result::boolean, ipv4_is_in_any_range},
    {"ipv4_is_private", "s", Result::boolean, ipv4_is_private}, {"ipv4_netmask_suffix", "s", Result::int64, ipv4_netmask_suffix},
    {"format_ipv4", "*?i", Result::string, format_ipv4}, {"format_ipv4_mask", "*?i", Result::string, format_ipv4_mask},
    {"ipv4_range_to_cidr_list", "ss", Result::dynamic, ipv4_range_to_cidr_list}, {"parse_ipv6", "s", Result::string, parse_ipv6},
    {"parse_ipv6_mask", "si", Result::string, parse_ipv6_mask}, {"ipv6_compare", "ss?i", Result::int64, ipv6_compare},
    {"ipv6_is_match", "ss?i", Result::boolean, ipv6_is_match}, {"ipv6_is_in_range", "ss", Result::boolean, ipv6_is_in_range},
    {"ipv6_is_in_any_range", "s*+", Result::boolean, ipv6_is_in_any_range}, {"has_ipv4", "s*", Result::boolean, has_ipv4},
    {"has_any_ipv4", "s*+", Result::boolean, has_ipv4}, {"has_ipv4_prefix", "s*", Result::boolean, has_ipv4_prefix},
    {"has_any_ipv4_prefix", "s*+", Result::boolean, has_ipv4_prefix}, {"parse_kv_bag", "sssssbs", Result::dynamic, parse_kv_bag},
};

}  // namespace

std::span<const Function> net_functions() { return table; }

}  // namespace app::kql
