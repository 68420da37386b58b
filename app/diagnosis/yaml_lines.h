// app/diagnosis/yaml_lines.h: the block structure of YAML as it stands in a log or a manifest, with
// the line of every key, tolerant of what a strict parser refuses (a cut end, tabs, stray text).
// Understood: nested maps and lists by indentation, quoted and plain scalars, comments, block text
// (| and >), one-line flow lists and maps. Anchors, tags and multi-line flow values are kept as text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace app::diagnosis {

struct YamlNode {
  std::string key{};            // "" for a list item
  std::string value{};           // scalar text without quotes and comment
  size_t line = 0;              // index into the lines given
  bool is_item = false;
  std::vector<YamlNode> children{};

  const YamlNode* find(std::string_view path) const;  // "spec/template/metadata"; null where absent
  std::string get(std::string_view path) const;       // the scalar there, or ""
  std::vector<const YamlNode*> items(std::string_view path) const;  // children of what is there
};

// Lines [begin, end) as one document: a node whose children are the top keys.
YamlNode parse_yaml_lines(const std::vector<std::string_view>& lines, size_t begin, size_t end);

}  // namespace app::diagnosis
