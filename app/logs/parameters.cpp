#include "app/logs/parameters.h"

#include <algorithm>
#include <cstdlib>

#include "app/logs/json_scan.h"
#include "engine/base/text.h"

namespace app::logs {
namespace {

constexpr std::string_view wildcard = "<*>";
constexpr int max_depth = 6;
// Tries for one message; patterns of many wildcards over a hostile text would go on for ever.
constexpr int fit_budget = 4000;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Length of the part of text from at on that the literal stands for, or npos.
size_t literal_length(std::string_view text, size_t at, std::string_view literal) {
  const size_t begin = at;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (is_blank(literal[i])) {
      if (at >= text.size() || !is_blank(text[at])) return std::string_view::npos;
      while (at < text.size() && is_blank(text[at])) ++at;
    } else if (at >= text.size() || text[at++] != literal[i]) {
      return std::string_view::npos;
    }
  }
  return at - begin;
}

void add_fields(std::string_view object, const std::string& prefix, int depth,
                const std::function<void(std::string_view, std::string_view)>& on_field) {
  std::string path;
  scan_json_object(object, [&](std::string_view key, const JsonValue& value) {
    path = prefix;
    path += key;
    switch (value.kind) {
      case JsonValue::Kind::object:
        if (depth < max_depth) return add_fields(value.text, path + ".", depth + 1, on_field);
        break;
      case JsonValue::Kind::string:
        if (value.escaped) return on_field(path, unescape_json(value.text));
        break;
      case JsonValue::Kind::word:
        if (value.text == "null") return;
        break;
      default: break;
    }
    if (!value.text.empty()) on_field(path, value.text);
  });
}

}  // namespace

ParameterReader::ParameterReader(std::string_view pattern) {
  for (;;) {
    const size_t at = pattern.find(wildcard);
    literals_.emplace_back(pattern.substr(0, at));
    if (at == std::string_view::npos) return;
    pattern.remove_prefix(at + wildcard.size());
  }
}

// The literal at `at`, then the wildcards and literals that follow it.
bool ParameterReader::fit(std::string_view message, size_t at, size_t literal, int& budget,
                          std::vector<std::string_view>& out) const {
  const size_t length = literal_length(message, at, literals_[literal]);
  if (length == std::string_view::npos) return false;
  at += length;
  const bool last = literal + 1 == literals_.size();
  if (last) {
    while (at < message.size() && is_blank(message[at])) ++at;
    return at == message.size();
  }
  const std::string& next = literals_[literal + 1];
  const bool to_end = literal + 2 == literals_.size();
  // What the wildcard takes: from one byte on; none is the last resort.
  const auto takes = [&](size_t n) {
    if (--budget < 0) return false;
    out.push_back(message.substr(at, n));
    if (fit(message, at + n, literal + 1, budget, out)) return true;
    out.pop_back();
    return false;
  };
  if (to_end && next.empty()) {  // all that is left
    std::string_view rest = message.substr(at);
    while (!rest.empty() && is_blank(rest.back())) rest.remove_suffix(1);
    out.push_back(rest);
    return true;
  }
  for (size_t n = 1; at + n <= message.size(); ++n) {
    if (next.empty()) {
      if (takes(n)) return true;
      if (budget < 0) return false;
      continue;
    }
    // Only where the literal's first byte stands is it worth trying.
    const char first = next.front();
    while (at + n < message.size() && message[at + n] != first &&
           !(is_blank(first) && is_blank(message[at + n])))
      ++n;
    if (at + n >= message.size()) break;
    if (takes(n)) return true;
    if (budget < 0) return false;
  }
  return takes(0);
}

bool ParameterReader::read(std::string_view message, std::vector<std::string_view>& out) const {
  out.clear();
  size_t at = 0;
  while (at < message.size() && is_blank(message[at])) ++at;
  message.remove_prefix(at);
  int budget = fit_budget;
  if (fit(message, 0, 0, budget, out)) return true;
  out.clear();
  return false;
}

std::string ParameterReader::context(size_t parameter) const {
  if (parameter >= n_parameters()) return {};
  constexpr size_t before = 24, after = 14;
  std::string_view left = literals_[parameter], right = literals_[parameter + 1];
  if (left.size() > before) {
    left.remove_prefix(left.size() - before);
    // Whole words, and no half of a UTF-8 character.
    const size_t blank = left.find(' ');
    if (blank != std::string_view::npos && blank + 1 < left.size()) left.remove_prefix(blank + 1);
    while (!left.empty() && (static_cast<unsigned char>(left.front()) & 0xC0) == 0x80) left.remove_prefix(1);
  }
  if (right.size() > after) {
    right = engine::utf8_prefix(right, after);
    const size_t blank = right.rfind(' ');
    if (blank != std::string_view::npos && blank > 0) right = right.substr(0, blank);
  }
  while (!left.empty() && is_blank(left.front())) left.remove_prefix(1);
  while (!right.empty() && is_blank(right.back())) right.remove_suffix(1);
  return std::string(left) + std::string(wildcard) + std::string(right);
}

std::string_view template_part(std::string_view message) {
  return message.substr(0, std::min(message.find('\n'), max_template_bytes));
}

std::string parameter_regex(std::string_view pattern, size_t parameter) {
  std::string out = "^\\s*";
  size_t index = 0;
  while (!pattern.empty()) {
    if (pattern.substr(0, wildcard.size()) == wildcard) {
      const bool last = pattern.size() == wildcard.size();
      const char* any = last ? ".*" : ".*?";
      out += index++ == parameter ? std::string("(") + any + ")" : std::string(any);
      pattern.remove_prefix(wildcard.size());
      continue;
    }
    const char c = pattern.front();
    if (is_blank(c)) out += "\\s+";
    else if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += {'\\', c};
    else out += c;
    pattern.remove_prefix(1);
  }
  return out + "\\s*$";
}

std::vector<uint32_t> template_ids_of(const std::string& value) {
  std::vector<uint32_t> ids;
  for (const std::string_view part : engine::split(value, ',')) {
    const std::string text(part);
    char* end = nullptr;
    const unsigned long id = std::strtoul(text.c_str(), &end, 10);
    if (!text.empty() && *end == '\0' && text[0] >= '0' && text[0] <= '9') ids.push_back(static_cast<uint32_t>(id));
  }
  return ids;
}

void each_field(std::string_view properties,
                const std::function<void(std::string_view, std::string_view)>& on_field) {
  if (!properties.empty()) add_fields(properties, {}, 0, on_field);
}

}  // namespace app::logs
