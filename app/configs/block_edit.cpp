// Edits of texts with braces: Terraform and nginx.
#include <algorithm>
#include <optional>

#include "app/configs/text_edit.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t none = size_t(-1);

struct Block {
  size_t begin = 0, end = 0;  // lines of its { and }; of the whole text: none and the line behind it
};

// The braces of a line outside quotes and comments, in order.
std::string braces_of(const std::string& line) {
  std::string out;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#' || line.compare(i, 2, "//") == 0) {
      break;
    } else if (c == '{' || c == '}') {
      out += c;
    }
  }
  return out;
}

// Blocks of several lines; one-line blocks are taken as any other text.
std::vector<Block> blocks_of(const Lines& lines) {
  std::vector<Block> closed;
  std::vector<size_t> open;
  for (size_t i = 0; i < lines.size(); ++i) {
    for (const char c : braces_of(lines[i])) {
      if (c == '{') {
        open.push_back(i);
      } else if (!open.empty()) {
        if (open.back() < i) closed.push_back({open.back(), i});
        open.pop_back();
      }
    }
  }
  return closed;
}

// The lines of a block that belong to no block inside it.
std::vector<size_t> own_lines(const std::vector<Block>& blocks, const Block& block) {
  std::vector<size_t> out;
  for (size_t i = block.begin == none ? 0 : block.begin + 1; i < block.end; ++i) {
    const bool inside = std::any_of(blocks.begin(), blocks.end(), [&](const Block& b) {
      return b.begin != block.begin && (block.begin == none || b.begin > block.begin) && b.begin < i && i <= b.end && b.end <= block.end;
    });
    if (!inside) out.push_back(i);
  }
  return out;
}

bool names(const std::string& line, const std::string& name) {
  const std::string_view text = engine::trim(line);
  return text.starts_with(name) && (text.size() == name.size() || text[name.size()] == ' ' || text[name.size()] == '=' || text[name.size()] == '{');
}

std::string indent_in(const Lines& lines, const Block& block) {
  if (block.begin == none) return "";
  for (size_t i = block.begin + 1; i < block.end; ++i)
    if (!engine::trim(lines[i]).empty()) return lines[i].substr(0, lines[i].find_first_not_of(" \t"));
  return lines[block.begin].substr(0, lines[block.begin].find_first_not_of(" \t")) + "  ";
}

std::optional<Lines> set_in_block(Lines lines, const std::vector<Block>& blocks, const Block& block, const std::vector<std::string>& path, size_t from,
                                  const std::string& value, const BraceStyle& style) {
  const bool last = from + 1 == path.size();
  for (const size_t i : own_lines(blocks, block)) {
    if (!names(lines[i], path[from])) continue;
    if (!last) {
      for (const Block& inner : blocks)
        if (inner.begin == i) return set_in_block(lines, blocks, inner, path, from + 1, value, style);
      return std::nullopt;
    }
    const std::string_view text = engine::trim(lines[i]);
    if (text.ends_with('{') || text.ends_with('[') || text.ends_with('(') || text.find("<<") != std::string_view::npos || !text.ends_with(style.end)) return std::nullopt;
    const size_t at = lines[i].find(path[from]) + path[from].size();
    const size_t begin = lines[i].find_first_not_of(style.end.empty() ? " \t=" : " \t", at);
    lines[i] = lines[i].substr(0, begin) + value + std::string(style.end);
    return lines;
  }
  std::string indent = indent_in(lines, block);
  Lines added;
  for (size_t i = from; i < path.size(); ++i, indent += "  ")
    added.push_back(indent + path[i] + (i + 1 == path.size() ? std::string(style.between) + value + std::string(style.end) : " {"));
  for (size_t i = path.size() - from; i-- > 1;) {
    indent.resize(indent.size() - 2);
    added.push_back(indent.substr(0, indent.size() - 2) + "}");
  }
  // Terraform's order means nothing, nginx's settings stand on top.
  const size_t at = block.begin == none ? 0 : style.end.empty() ? block.end : block.begin + 1;
  lines.insert(lines.begin() + std::ptrdiff_t(at), added.begin(), added.end());
  return lines;
}

// "x {}" as two lines, so that there is a place between them.
Lines with_empty_block_opened(Lines lines, size_t line) {
  const std::string text(engine::trim(lines[line]));
  if (!text.ends_with("{}")) return lines;
  const size_t indent = lines[line].find_first_not_of(" \t");
  lines[line].resize(lines[line].rfind('}'));
  lines.insert(lines.begin() + std::ptrdiff_t(line) + 1, std::string(indent, ' ') + "}");
  return lines;
}

}  // namespace

std::vector<Lines> set_in_blocks(const Lines& text, size_t line, const std::vector<std::string>& path, const std::string& value, const BraceStyle& style) {
  const Lines lines = with_empty_block_opened(text, line);
  const std::vector<Block> blocks = blocks_of(lines);
  std::vector<Block> around;
  for (const Block& block : blocks)
    if (block.begin <= line && line <= block.end) around.push_back(block);  // inner ones are closed first
  if (!style.end.empty()) around.push_back({none, lines.size()});
  std::vector<Lines> out;
  for (const Block& block : around)
    if (auto changed = set_in_block(lines, blocks, block, path, 0, value, style)) out.push_back(std::move(*changed));
  return out;
}

}  // namespace app::configs
