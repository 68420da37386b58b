#include "app/diagnosis/yaml_lines.h"

#include <algorithm>
#include <cctype>

#include "engine/base/text.h"

namespace app::diagnosis {
namespace {

using engine::trim;
constexpr size_t max_depth = 60;

// Where a comment begins: '#' at the start or after a blank, outside quotes.
std::string_view without_comment(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (quote) {
      if (text[i] == quote) quote = 0;
    } else if ((text[i] == '"' || text[i] == '\'') && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '[' || text[i - 1] == ',')) {
      quote = text[i];
    } else if (text[i] == '#' && (i == 0 || text[i - 1] == ' ')) {
      return text.substr(0, i);
    }
  }
  return text;
}

std::string unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0]) text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// Splits "a, {b: c}, [d]" at its outer commas.
std::vector<std::string_view> split_flow(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  char quote = 0;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (quote) {
      if (c == '\\') i++;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      depth++;
    } else if (c == ']' || c == '}') {
      depth--;
    } else if (c == ',' && depth == 0) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// The colon that ends a key: followed by a blank or the end, outside quotes.
size_t key_end(std::string_view text) {
  if (text.empty()) return std::string_view::npos;
  size_t from = 0;
  if (text[0] == '"' || text[0] == '\'') {
    from = text.find(text[0], 1);
    if (from == std::string_view::npos) return from;
  }
  for (size_t i = from; i < text.size(); i++)
    if (text[i] == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return i;
  return std::string_view::npos;
}

void parse_flow(YamlNode& node, std::string_view text, size_t depth) {
  text = trim(text);
  bool list = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  bool map = text.size() >= 2 && text.front() == '{' && text.back() == '}';
  if ((!list && !map) || depth > max_depth) {
    node.value = unquoted(text);
    return;
  }
  for (std::string_view part : split_flow(text.substr(1, text.size() - 2))) {
    part = trim(part);
    if (part.empty()) continue;
    YamlNode child{.line = node.line, .is_item = list};
    size_t colon = map ? key_end(part) : std::string_view::npos;
    if (colon != std::string_view::npos) {
      child.key = unquoted(part.substr(0, colon));
      part = part.substr(colon + 1);
    }
    parse_flow(child, part, depth + 1);
    node.children.push_back(std::move(child));
  }
}

class Parser {
 public:
  Parser(const std::vector<std::string_view>& lines, size_t end) : lines_(lines), end_(end) {}

  // The entries at the indentation of line `at`, until one stands further left.
  // With list_only a key at that indentation ends it too: "ports:\n- port: 80\nselector:".
  size_t parse_block(size_t at, size_t min_indent, YamlNode& parent, size_t depth, bool list_only = false) {
    size_t indent = std::string_view::npos;
    while (at < end_) {
      std::string_view text = trim(without_comment(lines_[at]));
      if (text.empty()) {
        at++;
        continue;
      }
      size_t here = lines_[at].find_first_not_of(' ');
      if (indent == std::string_view::npos && here >= min_indent) indent = here;
      if (indent == std::string_view::npos || here < indent) return at;
      if (list_only && here == indent && text[0] != '-') return at;
      at = here > indent || depth > max_depth ? at + 1 : parse_entry(at, here, text, parent, depth);
    }
    return at;
  }

 private:
  size_t parse_entry(size_t at, size_t indent, std::string_view text, YamlNode& parent, size_t depth) {
    if (text == "-" || text.starts_with("- ")) {
      parent.children.push_back({.line = at, .is_item = true});
      YamlNode& item = parent.children.back();
      if (depth > max_depth) return at + 1;  // "- - - -" goes deeper on one line
      std::string_view rest = trim(text.substr(1));
      if (rest.empty()) return parse_block(at + 1, indent + 1, item, depth + 1);
      if (key_end(rest) == std::string_view::npos || rest[0] == '[' || rest[0] == '{')
        return parse_value(at, indent, rest, item, depth);
      // "- name: x": a map whose first key stands on the item's own line.
      size_t column = lines_[at].find_first_not_of(' ', indent + 1);
      size_t next = parse_entry(at, column, rest, item, depth + 1);
      return parse_siblings(next, column, item, depth + 1);
    }
    size_t colon = key_end(text);
    if (colon == std::string_view::npos) return at + 1;
    parent.children.push_back({.key = unquoted(text.substr(0, colon)), .line = at});
    YamlNode& node = parent.children.back();
    std::string_view rest = trim(text.substr(colon + 1));
    if (!rest.empty()) return parse_value(at, indent, rest, node, depth);
    // A list may stand at the same indentation as its key.
    size_t next = at + 1;
    while (next < end_ && trim(without_comment(lines_[next])).empty()) next++;
    if (next >= end_) return next;
    bool list = trim(lines_[next]).starts_with("-");
    return parse_block(at + 1, list ? indent : indent + 1, node, depth + 1, list);
  }

  size_t parse_siblings(size_t at, size_t column, YamlNode& item, size_t depth) {
    while (at < end_) {
      std::string_view text = trim(without_comment(lines_[at]));
      if (text.empty()) {
        at++;
        continue;
      }
      if (lines_[at].find_first_not_of(' ') != column || text.starts_with("- ") || depth > max_depth) return at;
      at = parse_entry(at, column, text, item, depth);
    }
    return at;
  }

  size_t parse_value(size_t at, size_t indent, std::string_view rest, YamlNode& node, size_t depth) {
    if (rest[0] != '|' && rest[0] != '>') {
      parse_flow(node, rest, depth);
      return at + 1;
    }
    size_t next = at + 1;
    for (; next < end_; next++) {
      std::string_view line = lines_[next];
      size_t column = line.find_first_not_of(' ');
      if (column != std::string_view::npos && column <= indent) break;
      if (node.value.size() < 8192) node.value += std::string(trim(line)) + "\n";
    }
    return next;
  }

  const std::vector<std::string_view>& lines_;
  size_t end_;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view path) const {
  const YamlNode* node = this;
  for (size_t begin = 0; node && begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    std::string_view part = path.substr(begin, end - begin);
    auto it = std::find_if(node->children.begin(), node->children.end(), [&](const YamlNode& c) { return c.key == part; });
    node = it == node->children.end() ? nullptr : &*it;
    begin = end + 1;
  }
  return node;
}

std::string YamlNode::get(std::string_view path) const {
  const YamlNode* node = find(path);
  return node ? node->value : "";
}

std::vector<const YamlNode*> YamlNode::items(std::string_view path) const {
  std::vector<const YamlNode*> out;
  if (const YamlNode* node = find(path))
    for (const YamlNode& child : node->children) out.push_back(&child);
  return out;
}

YamlNode parse_yaml_lines(const std::vector<std::string_view>& lines, size_t begin, size_t end) {
  YamlNode root{.line = begin};
  Parser parser(lines, end);
  for (size_t at = begin; at < end;) {
    size_t next = parser.parse_block(at, 0, root, 0);
    at = next > at ? next : at + 1;
  }
  return root;
}

}  // namespace app::diagnosis
