#include "ui/panels/log_state.h"

#include <cstdlib>

namespace ui {
namespace {

constexpr const char* kind_names[] = {"text", "regex", "level", "template", "host", "process", "source", "time"};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(by, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string time_text_of(app::Ticks time) { return time == app::no_time ? "-" : std::to_string(time); }
app::Ticks time_from(const std::string& text) { return text == "-" || text.empty() ? app::no_time : std::strtoll(text.c_str(), nullptr, 10); }

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else out += c;
  }
  return out;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return out;
}

std::string filter_to_text(const app::LogFilter& filter) {
  if (filter.chips.empty()) return {};
  std::string out = filter.any ? "any\n" : "all\n";
  for (const app::FilterChip& chip : filter.chips)
    out += std::string(kind_names[int(chip.kind)]) + (chip.exclude ? "\tnot" : "\tis") + (chip.enabled ? "\ton\t" : "\toff\t") + time_text_of(chip.begin) + "\t" +
           time_text_of(chip.end) + "\t" + escaped(chip.value) + "\n";
  return out;
}

app::LogFilter filter_from_text(const std::string& text) {
  app::LogFilter filter;
  const std::vector<std::string> lines = split(text, '\n');
  filter.any = !lines.empty() && lines[0] == "any";
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = split(lines[i], '\t');
    if (fields.size() != 6) continue;
    for (size_t kind = 0; kind < std::size(kind_names); ++kind) {
      if (fields[0] != kind_names[kind]) continue;
      app::FilterChip chip;
      chip.kind = app::FilterChip::Kind(kind);
      chip.exclude = fields[1] == "not";
      chip.enabled = fields[2] == "on";
      chip.begin = time_from(fields[3]);
      chip.end = time_from(fields[4]);
      chip.value = unescaped(fields[5]);
      filter.chips.push_back(std::move(chip));
    }
  }
  return filter;
}

std::string rows_to_text(const std::set<app::RowId>& rows) {
  std::string out;
  for (const app::RowId row : rows) out += (out.empty() ? "" : ",") + std::to_string(row);
  return out;
}

std::set<app::RowId> rows_from_text(const std::string& text) {
  std::set<app::RowId> rows;
  if (text.empty()) return rows;
  for (const std::string& part : split(text, ',')) {
    char* end = nullptr;
    const unsigned long long row = std::strtoull(part.c_str(), &end, 10);
    if (end != part.c_str() && *end == '\0') rows.insert(row);
  }
  return rows;
}

std::string map_to_text(const std::map<uint64_t, std::string>& map) {
  std::string out;
  for (const auto& [key, value] : map) out += std::to_string(key) + "\t" + escaped(value) + "\n";
  return out;
}

std::map<uint64_t, std::string> map_from_text(const std::string& text) {
  std::map<uint64_t, std::string> map;
  for (const std::string& line : split(text, '\n')) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    map[std::strtoull(line.c_str(), nullptr, 10)] = unescaped(line.substr(tab + 1));
  }
  return map;
}

std::string views_to_text(const std::vector<SavedView>& views) {
  std::string out;
  for (const SavedView& view : views) out += escaped(view.name) + "\t" + escaped(filter_to_text(view.filter)) + "\n";
  return out;
}

std::vector<SavedView> views_from_text(const std::string& text) {
  std::vector<SavedView> views;
  for (const std::string& line : split(text, '\n')) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) views.push_back({unescaped(line.substr(0, tab)), filter_from_text(unescaped(line.substr(tab + 1)))});
  }
  return views;
}

}  // namespace ui
