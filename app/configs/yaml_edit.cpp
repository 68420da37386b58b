// Edits of YAML in block style by indentation; one-line flow mappings are understood as values.
#include <algorithm>
#include <optional>

#include "app/configs/text_edit.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using Lines = std::vector<std::string>;

bool is_blank(const std::string& line) {
  const std::string_view text = engine::trim(line);
  return text.empty() || text.starts_with('#');
}
bool is_separator(const std::string& line) { return line.starts_with("---") || line.starts_with("..."); }

size_t indent_of(const std::string& line) { return std::min(line.find_first_not_of(' '), line.size()); }

// Where the key of a line begins: behind its indentation and the dashes of list items.
size_t key_column(const std::string& line) {
  size_t at = indent_of(line);
  while (line.compare(at, 2, "- ") == 0) at = std::min(line.find_first_not_of(' ', at + 1), line.size());
  return at;
}

// The lines of a block mapping whose keys stand in one column. A first key behind a dash counts.
struct Mapping {
  size_t column = 0, begin = 0, end = 0;
};

Mapping mapping_around(const Lines& lines, size_t line, size_t column) {
  Mapping m{column, line, line + 1};
  if (indent_of(lines[line]) >= column) {
    while (m.begin > 0) {
      const std::string& above = lines[m.begin - 1];
      if (is_separator(above)) break;
      if (is_blank(above) || indent_of(above) >= column) {
        --m.begin;
        continue;
      }
      if (key_column(above) == column) --m.begin;
      break;
    }
  }
  while (m.end < lines.size() && !is_separator(lines[m.end]) && (is_blank(lines[m.end]) || indent_of(lines[m.end]) >= column)) ++m.end;
  while (m.begin < line && is_blank(lines[m.begin])) ++m.begin;
  while (m.end > line + 1 && is_blank(lines[m.end - 1])) --m.end;
  return m;
}

// All mappings that the line is in, the innermost first.
std::vector<Mapping> mappings_around(const Lines& lines, size_t line) {
  std::vector<Mapping> out;
  size_t at = line, column = key_column(lines[line]);
  while (true) {
    out.push_back(mapping_around(lines, at, column));
    if (column == 0) return out;
    size_t above = out.back().begin;
    while (above > 0 && (is_blank(lines[above - 1]) || key_column(lines[above - 1]) >= column)) --above;
    if (above == 0 || is_separator(lines[above - 1])) return out;
    at = above - 1;
    column = key_column(lines[at]);
  }
}

// What follows the key's colon, without a comment; the key itself must stand in the line at column.
std::optional<std::string> value_of(const std::string& line, size_t column, const std::string& key) {
  if (key_column(line) != column) return std::nullopt;
  const std::string_view rest = std::string_view(line).substr(column);
  for (const std::string& written : {key, "\"" + key + "\"", "'" + key + "'"}) {
    if (!rest.starts_with(written + ":")) continue;
    std::string_view value = rest.substr(written.size() + 1);
    if (!value.empty() && value[0] != ' ' && value[0] != '\r') return std::nullopt;
    value = value.substr(0, value.find(" #"));
    return std::string(engine::trim(value));
  }
  return std::nullopt;
}

std::string flow_of(const std::vector<std::string>& path, size_t from, const std::string& value) {
  std::string out = value;
  for (size_t i = path.size(); i-- > from;) out = (i > from ? "{" : "") + path[i] + ": " + out + (i > from ? "}" : "");
  return out;
}

void put_value(std::string& line, size_t column, const std::string& key, const std::string& old, const std::string& value) {
  const size_t colon = line.find(':', column + key.size());
  if (old.empty()) line = line.substr(0, colon + 1) + " " + value + line.substr(colon + 1);
  else line.replace(line.find(old, colon), old.size(), value);
}

std::optional<Lines> set_in_mapping(Lines lines, const Mapping& m, const std::vector<std::string>& path, size_t from, const std::string& value) {
  for (size_t i = m.begin; i < m.end; ++i) {
    const auto old = is_blank(lines[i]) ? std::nullopt : value_of(lines[i], m.column, path[from]);
    if (!old) continue;
    size_t child = i + 1;
    while (child < m.end && is_blank(lines[child])) ++child;
    const bool has_child = child < m.end && indent_of(lines[child]) > m.column && old->empty();
    if (from + 1 == path.size()) {
      if (has_child || *old == value) return std::nullopt;
      put_value(lines[i], m.column, path[from], *old, value);
      return lines;
    }
    if (has_child) {
      if (key_column(lines[child]) != indent_of(lines[child])) return std::nullopt;  // a list
      return set_in_mapping(lines, mapping_around(lines, child, key_column(lines[child])), path, from + 1, value);
    }
    if (old->starts_with('{') && old->ends_with('}') && old->find(path[from + 1] + ":") == std::string::npos) {
      const bool empty = engine::trim(old->substr(1, old->size() - 2)).empty();
      const std::string inner = empty ? "" : std::string(engine::trim(old->substr(1, old->size() - 2))) + ", ";
      put_value(lines[i], m.column, path[from], *old, "{" + inner + flow_of(path, from + 1, value) + "}");
      return lines;
    }
    return std::nullopt;
  }
  Lines added;
  for (size_t i = from; i < path.size(); ++i)
    added.push_back(std::string(m.column + 2 * (i - from), ' ') + path[i] + ":" + (i + 1 == path.size() ? " " + value : ""));
  lines.insert(lines.begin() + std::ptrdiff_t(m.end), added.begin(), added.end());
  return lines;
}

}  // namespace

std::vector<Lines> set_in_yaml(const Lines& lines, size_t line, const std::vector<std::string>& path, const std::string& value) {
  std::vector<Lines> out;
  for (const Mapping& m : mappings_around(lines, line))
    if (auto changed = set_in_mapping(lines, m, path, 0, value)) out.push_back(std::move(*changed));
  return out;
}

// The key of the line with what hangs below it, or the list item; a list left empty goes with its key.
std::vector<Lines> remove_from_yaml(const Lines& lines, size_t line) {
  const size_t indent = indent_of(lines[line]), column = key_column(lines[line]);
  const bool is_key = lines[line].find(':', column) != std::string::npos && value_of(lines[line], column, lines[line].substr(column, lines[line].find(':', column) - column));
  size_t end = line + 1;
  const size_t own = is_key ? column : indent;
  while (end < lines.size() && !is_blank(lines[end]) && (indent_of(lines[end]) > own || (is_key && column == indent && indent_of(lines[end]) == own && lines[end].compare(own, 2, "- ") == 0)))
    ++end;
  Lines changed = lines;
  if (is_key && column > indent) {  // the first key of an item: the next one gets the dash
    if (end >= lines.size() || is_blank(lines[end]) || key_column(lines[end]) != column || indent_of(lines[end]) != column) return {};
    changed[end].replace(0, column, lines[line].substr(0, column));
  }
  changed.erase(changed.begin() + std::ptrdiff_t(line), changed.begin() + std::ptrdiff_t(end));
  if (!is_key && line > 0 && engine::trim(changed[line - 1]).ends_with(':') && key_column(changed[line - 1]) <= indent &&
      (line >= changed.size() || is_blank(changed[line]) || indent_of(changed[line]) < indent || changed[line].compare(indent, 2, "- ") != 0))
    changed.erase(changed.begin() + std::ptrdiff_t(line) - 1);
  return {changed};
}

}  // namespace app::configs
