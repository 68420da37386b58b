#include "app/configs/node.h"

#include <charconv>

#include "engine/base/text.h"

namespace app::configs {
namespace {

constexpr int max_merge_depth = 8;  // "<<" of "<<" of ...; real files have one or two

const Node* find_member(const Node& map, std::string_view key, bool want_key, int depth) {
  for (const Node::Member& member : map.members) {
    if (member.first->text == key) return want_key ? member.first : member.second;
  }
  if (depth >= max_merge_depth) return nullptr;
  for (const Node::Member& member : map.members) {
    if (member.first->text != "<<" || member.first->quoted) continue;
    if (member.second->is_map()) return find_member(*member.second, key, want_key, depth + 1);
    for (const Node* item : member.second->items) {
      if (const Node* found = find_member(*item, key, want_key, depth + 1)) return found;
    }
  }
  return nullptr;
}

}  // namespace

const Node& Node::missing() {
  static const Node node;
  return node;
}

bool Node::empty() const {
  switch (kind) {
    case Kind::missing:
    case Kind::null:
      return true;
    case Kind::scalar:
      return text.empty();
    case Kind::list:
      return items.empty();
    case Kind::map:
      return members.empty();
    case Kind::unknown:
      return false;
  }
  return true;
}

bool Node::is_true() const {
  if (!is_scalar()) return false;
  const std::string lower = engine::to_lower_ascii(text);
  return lower == "true" || (!quoted && (lower == "yes" || lower == "on"));
}

bool Node::is_false() const {
  if (!is_scalar()) return false;
  const std::string lower = engine::to_lower_ascii(text);
  return lower == "false" || (!quoted && (lower == "no" || lower == "off"));
}

std::optional<double> Node::number() const {
  if (!is_scalar() || text.empty()) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

const Node& Node::operator[](std::string_view key) const {
  if (!is_map()) return missing();
  const Node* found = find_member(*this, key, false, 0);
  return found ? *found : missing();
}

const Node& Node::key_of(std::string_view key) const {
  if (!is_map()) return missing();
  const Node* found = find_member(*this, key, true, 0);
  return found ? *found : missing();
}

const Node& Node::at(std::string_view dotted_path) const {
  const Node* node = this;
  for (std::string_view part : engine::split(dotted_path, '.')) node = &(*node)[part];
  return *node;
}

const Node& Node::first() const {
  if (!is_list()) return *this;
  return items.empty() ? missing() : *items.front();
}

bool Node::contains(std::string_view item) const {
  if (is_scalar()) return text == item;
  for (const Node* each : items) {
    if (each->is_scalar() && each->text == item) return true;
  }
  return false;
}

std::vector<std::string> Node::strings() const {
  std::vector<std::string> out;
  if (is_scalar()) out.push_back(text);
  for (const Node* each : items) {
    if (each->is_scalar()) out.push_back(each->text);
  }
  return out;
}

Node& Document::add(Node::Kind kind, int line, int column) {
  Node& node = nodes.emplace_back();
  node.kind = kind;
  node.line = line;
  node.column = column;
  return node;
}

}  // namespace app::configs
