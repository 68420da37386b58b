#include "ui/panels/log_state.h"

#include <algorithm>
#include <cstdlib>

namespace ui {
namespace {

constexpr const char* kind_names[] = {"text", "regex", "level", "template", "host", "process", "source", "time", "field", "parameter"};

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
           time_text_of(chip.end) + "\t" + escaped(chip.value) + (chip.name.empty() ? "" : "\t" + escaped(chip.name)) + "\n";
  return out;
}

app::LogFilter filter_from_text(const std::string& text) {
  app::LogFilter filter;
  const std::vector<std::string> lines = split(text, '\n');
  filter.any = !lines.empty() && lines[0] == "any";
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = split(lines[i], '\t');
    if (fields.size() != 6 && fields.size() != 7) continue;
    for (size_t kind = 0; kind < std::size(kind_names); ++kind) {
      if (fields[0] != kind_names[kind]) continue;
      app::FilterChip chip;
      chip.kind = app::FilterChip::Kind(kind);
      chip.exclude = fields[1] == "not";
      chip.enabled = fields[2] == "on";
      chip.begin = time_from(fields[3]);
      chip.end = time_from(fields[4]);
      chip.value = unescaped(fields[5]);
      if (fields.size() == 7) chip.name = unescaped(fields[6]);
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

void TemplateEdits::merge(uint32_t a, uint32_t b) {
  if (a == b) return;
  std::vector<uint32_t> all;
  const auto take = [&](uint32_t id) {
    const auto group = std::find_if(merged.begin(), merged.end(), [&](const auto& g) { return std::find(g.begin(), g.end(), id) != g.end(); });
    const std::vector<uint32_t> ids = group == merged.end() ? std::vector<uint32_t>{id} : *group;
    if (group != merged.end()) merged.erase(group);
    for (const uint32_t one : ids)
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  };
  take(a);
  take(b);
  // Values belong to one pattern: what is merged is no longer split.
  std::erase_if(split, [&](const TemplateSplit& s) { return std::find(all.begin(), all.end(), s.id) != all.end(); });
  merged.push_back(std::move(all));
}

void TemplateEdits::take_apart(uint32_t id) {
  std::erase_if(merged, [&](const auto& g) { return std::find(g.begin(), g.end(), id) != g.end(); });
  std::erase_if(split, [&](const TemplateSplit& s) { return s.id == id; });
}

const std::vector<uint32_t>* TemplateEdits::group_of(uint32_t id) const {
  for (const auto& group : merged)
    if (std::find(group.begin(), group.end(), id) != group.end()) return &group;
  return nullptr;
}

const TemplateSplit* TemplateEdits::split_of(uint32_t id) const {
  for (const TemplateSplit& s : split)
    if (s.id == id) return &s;
  return nullptr;
}

std::string edits_to_text(const TemplateEdits& edits) {
  std::string out;
  for (const auto& group : edits.merged) {
    out += "merged";
    for (const uint32_t id : group) out += "\t" + std::to_string(id);
    out += "\n";
  }
  for (const TemplateSplit& s : edits.split) {
    out += "split\t" + std::to_string(s.id) + "\t" + std::to_string(s.parameter) + "\t" + std::to_string(s.n_rows);
    for (const auto& [value, n] : s.values) out += "\t" + escaped(value) + "\t" + std::to_string(n);
    out += "\n";
  }
  return out;
}

TemplateEdits edits_from_text(const std::string& text) {
  TemplateEdits edits;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> fields = split(line, '\t');
    const auto number = [&](size_t at) { return std::strtoull(fields[at].c_str(), nullptr, 10); };
    if (fields[0] == "merged" && fields.size() >= 3) {
      std::vector<uint32_t> group;
      for (size_t i = 1; i < fields.size(); ++i) group.push_back(uint32_t(number(i)));
      edits.merged.push_back(std::move(group));
    }
    if (fields[0] == "split" && fields.size() >= 4) {
      TemplateSplit s{uint32_t(number(1)), uint32_t(number(2)), number(3), {}};
      for (size_t i = 4; i + 1 < fields.size(); i += 2) s.values.emplace_back(unescaped(fields[i]), number(i + 1));
      edits.split.push_back(std::move(s));
    }
  }
  return edits;
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
