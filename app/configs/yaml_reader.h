// app/configs/yaml_reader.h: YAML and JSON text into Documents, with the place of every node.
// Aliases share the node of their anchor and are never expanded; a text whose aliases would expand
// to more than a million nodes, or that nests deeper than 200 levels, is refused.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/node.h"

namespace app::configs {

struct ParseError {
  int line = 0, column = 0;  // from 1
  std::string message;       // one sentence
};

struct YamlText {
  YamlText() = default;
  YamlText(YamlText&&) noexcept = default;
  YamlText& operator=(YamlText&&) noexcept = default;
  YamlText(const YamlText&) = delete;

  std::deque<Document> documents;  // those read before an error too; empty ones are left out
  std::vector<int> start_lines;    // of each document
  std::optional<ParseError> error;
};

YamlText read_yaml(std::string_view text);

// Reads a JSON text that stands inside another file into `document`; line and column are those of
// every node. nullptr where it is not JSON.
const Node* read_json_into(Document& document, std::string_view text, int line, int column);

}  // namespace app::configs
