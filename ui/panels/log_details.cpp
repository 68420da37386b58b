#include "ui/panels/log_details.h"

#include <algorithm>

#include "app/logs/parameters.h"
#include "engine/base/error.h"
#include "ui/panels/log_side.h"
#include "ui/panels/log_values.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::FilterChip;
using app::LogsView;

// The remark on a line: shown, or a field while it is written.
void draw_note(LogsPanel& panel, app::RowId current, app::App& app, Ui& ui) {
  if (panel.noting != current) {
    const auto found = panel.notes.find(current);
    if (found == panel.notes.end()) return;
    const Span spans[] = {{"Note  ", ui.theme.warning, Face::bold}, {found->second, ui.theme.text}};
    rich_text(ui, "note", spans, {.row = current, .probe = "note"});
    return;
  }
  std::string& note = panel.notes[current];
  if (panel.focus_note) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_note = false;
  }
  const bool entered = input_text("##note", "Note; Enter keeps it, empty removes it", &note, -1, ImGuiInputTextFlags_EnterReturnsTrue);
  if (!entered && !ImGui::IsItemDeactivated()) return;
  panel.noting = app::no_row;
  if (note.empty()) panel.notes.erase(current);
  app.set_view_state("logs.notes", map_to_text(panel.notes));
}

// Puts the next button on this line where it still fits.
void flow(const char* label) {
  ImGui::SameLine();
  if (ImGui::GetContentRegionAvail().x < button_width(label)) ImGui::NewLine();
}

struct Field {
  std::string name, value;
  FilterChip chip;             // + and −; name and value empty: none
  std::string condition;       // in KQL; empty: none
};

void draw_field(const Field& field, int id, app::RowId row, const LogsView& view, app::App& app, Ui& ui) {
  ImGui::PushID(id);
  const bool filters = !field.chip.value.empty();
  const auto add = [&](bool exclude) {
    FilterChip added = field.chip;
    added.exclude = exclude;
    add_chip(view, added, app);
  };
  const float name_width = ui.theme.px(104);
  const float chips = text_width(ui, "+−KQLCopy") + ui.theme.px(4 * 14 + 3 * 2 + 14);
  const float left = ImGui::GetCursorPosX();
  label(ui, "name", field.name, ui.theme.faint, name_width);
  ImGui::SameLine(left + name_width + ui.theme.px(6));
  if (filters) {
    if (chip(ui, "in", "+", ui.theme.link, "detail_in")) add(false);
    tooltip(ui, "Show only lines with this value");
    ImGui::SameLine(0, ui.theme.px(2));
    if (chip(ui, "out", "−", ui.theme.link, "detail_out")) add(true);
    tooltip(ui, "Hide lines with this value");
    ImGui::SameLine(0, ui.theme.px(2));
  }
  if (!field.condition.empty()) {
    if (chip(ui, "kql", "KQL", ui.theme.link, "detail_kql")) ui.ask({Request::Kind::add_to_query, field.condition, row});
    tooltip(ui, "Add it to the query as a condition");
    ImGui::SameLine(0, ui.theme.px(2));
  }
  if (chip(ui, "copy", "Copy", ui.theme.link, "detail_copy")) {
    ui.copy(field.value);
    ui.toast("Copied the value of " + field.name);
  }
  ImGui::SameLine(left + name_width + chips);
  rich_text(ui, "value", std::vector<Span>{{field.value, ui.theme.text, Face::mono}}, {.width = std::max(ImGui::GetContentRegionAvail().x, ui.theme.px(60)), .row = row, .probe = "detail_value"});
  ImGui::PopID();
}

// Inside @"...": only the quote is doubled.
std::string kql_verbatim(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out;
}

// Queries know merged templates by their leader.
uint32_t id_in_queries(const LogsPanel& panel, uint32_t id) {
  const std::vector<uint32_t>* group = panel.edits.group_of(id);
  return group != nullptr ? group->front() : id;
}

std::vector<Field> fields_of(const LogsPanel& panel, const RowText& row, const LogsView& view) {
  std::vector<Field> fields;
  const auto add = [&](const char* name, std::string_view value, FilterChip::Kind kind, const char* column) {
    if (value.empty()) return;
    Field field{name, std::string(value), {}, std::string(column) + " == " + kql_text(value)};
    field.chip.kind = kind;
    field.chip.value = field.value;
    fields.push_back(std::move(field));
  };
  add("level", app::level_names[int(row.level)], FilterChip::Kind::level, "Level");
  add("host", row.host, FilterChip::Kind::host, "Host");
  add("process", row.process, FilterChip::Kind::process, "Process");
  if (row.pid >= 0) fields.push_back({"pid", std::to_string(row.pid), {}, "Pid == " + std::to_string(row.pid)});
  add("source", row.source_name, FilterChip::Kind::source, "Source");
  if (!row.file.empty() && row.file != row.source_name) fields.push_back({"file", std::string(row.file), {}, {}});
  app::logs::each_field(row.properties, [&](std::string_view path, std::string_view value) {
    Field field{std::string(path), std::string(value), {}, kql_field_condition(path, value)};
    field.chip.kind = FilterChip::Kind::field;
    field.chip.name = field.name;
    field.chip.value = field.value;
    fields.push_back(std::move(field));
  });
  const auto& templates = view.log->templates();
  if (row.template_id >= templates.size()) return fields;
  const std::string& pattern = templates[row.template_id].pattern;
  const uint32_t queried = id_in_queries(panel, row.template_id);
  Field shape{"template", pattern, template_chip(ids_text(panel, row.template_id), false), engine::format("TemplateId == %u", queried)};
  fields.push_back(std::move(shape));
  const app::logs::ParameterReader reader(pattern);
  std::vector<std::string_view> values;
  if (!reader.read(app::logs::template_part(row.message), values)) return fields;
  for (size_t p = 0; p < values.size(); ++p) {
    if (values[p].empty()) continue;
    fields.push_back({reader.context(p), std::string(values[p]), parameter_chip(row.template_id, uint32_t(p), std::string(values[p]), false),
                      engine::format("TemplateId == %u and extract(@\"", queried) + kql_verbatim(app::logs::parameter_regex(pattern, p)) + "\", 1, Message) == " + kql_text(values[p])});
  }
  return fields;
}

void draw_actions(LogsPanel& panel, const RowText& row, const LogsView& view, app::RowId current, app::App& app, Ui& ui) {
  if (view.rows != nullptr) {
    if (button(ui, "Show in context", ButtonKind::normal, "Take the filter off and stay at this line")) {
      clear_filter(panel, view, app, ui);
      panel.wanted_row = current;
    }
    flow("Ask about this");
  }
  const std::string quoted = engine::format("> %.*s:%llu %.*s\n", int(row.file.size()), row.file.data(), static_cast<unsigned long long>(row.line),
                                            int(std::min<size_t>(row.raw.size(), 400)), row.raw.data());
  if (button(ui, "Ask about this")) ui.ask({Request::Kind::ask, quoted, current});
  flow("Use as evidence");
  if (button(ui, "Use as evidence", ButtonKind::normal, "Put the line into the question, for the model to see", Command::use_as_evidence)) ui.give(Command::use_as_evidence);
  flow("Only this template");
  if (button(ui, "Only this template", ButtonKind::normal, nullptr, Command::filter_in, row.template_id == app::no_template ? "The line has no template yet" : nullptr))
    ui.give(Command::filter_in);
  const char* mark = panel.bookmarks.count(current) > 0 ? "Remove bookmark" : "Bookmark";
  flow(mark);
  if (button(ui, mark, ButtonKind::normal, nullptr, Command::bookmark)) ui.give(Command::bookmark);
  flow("Note");
  if (button(ui, "Note", ButtonKind::normal, "A remark on this line, kept with the session", Command::toggle_note)) ui.give(Command::toggle_note);
  flow("To KQL");
  if (button(ui, "To KQL", ButtonKind::normal, "A query for lines of this template"))
    ui.ask({Request::Kind::query, row.template_id == app::no_template ? engine::format("Logs\n| where Line == %llu", static_cast<unsigned long long>(row.line))
                                                                      : engine::format("Logs\n| where TemplateId == %u\n| project Timestamp, Level, Process, Message\n| take 200", id_in_queries(panel, row.template_id))});
  flow("Teach");
  if (button(ui, "Teach", ButtonKind::quiet, "Teach the format of this log by marking this line", Command::teach_format)) ui.give(Command::teach_format);
}

// What stood around the line, whatever the filter hides.
void draw_neighbours(LogsPanel& panel, const LogsView& view, app::RowId current, Ui& ui) {
  constexpr app::RowId around = 5;
  const app::RowId first = current > around ? current - around : 0, last = std::min(current + around, view.log->n_rows() - 1);
  ImGui::Dummy({1, ui.theme.px(2)});
  heading(ui, "Lines around it");
  for (app::RowId near = first; near <= last; ++near) {
    const auto line = panel.cache.row(near);
    if (!line) continue;
    ImGui::PushID(int(near - first));
    const std::string number = "L" + std::to_string(line->line);
    const Span spans[] = {{number, near == current ? ui.theme.text : ui.theme.link, Face::regular, near == current ? -1 : 0}, {"  "},
                          {first_line(line->raw).substr(0, 300), near == current ? ui.theme.text : ui.theme.dim, Face::mono}};
    if (rich_text(ui, "near", spans, {.wrap = false, .row = near, .chip_probe = "near_line"}).clicked_chip == 0) ui.jump_to(near);
    ImGui::PopID();
  }
}

}  // namespace

std::string kql_text(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else if (c == '\t') out += "\\t";
    else out += c;
  }
  return out + "\"";
}

std::string kql_field_condition(std::string_view path, std::string_view value) {
  std::string place = "Properties";
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('.'));
    place += "[" + kql_text(key) + "]";
    path.remove_prefix(std::min(key.size() + 1, path.size()));
  }
  return "tostring(" + place + ") == " + kql_text(value);
}

void draw_details(LogsPanel& panel, const LogsView& view, app::RowId current, app::App& app, Ui& ui) {
  if (current == app::no_row) {
    draw_empty(ui, "none", {"No line chosen", "Click a line to see its fields and its full text.", {}});
    return;
  }
  const auto row = panel.cache.row(current);
  if (!row) {
    draw_running(ui, "reading", "Reading the line", "", -1, false);
    return;
  }
  const std::string title = "Line " + with_commas(row->line) + " of " + std::string(row->source_name);
  heading(ui, title, row->time == app::no_time ? "no time" : time_text(row->time));
  draw_actions(panel, *row, view, current, app, ui);
  draw_note(panel, current, app, ui);
  ImGui::BeginChild("fields", {0, 0}, false);
  text(ui, "raw", row->raw.substr(0, 256 * 1024), ui.theme.text, Face::mono, {.row = current, .probe = "details"});
  ImGui::Dummy({1, ui.theme.px(2)});
  int id = 0;
  for (const Field& field : fields_of(panel, *row, view)) draw_field(field, id++, current, view, app, ui);
  draw_neighbours(panel, view, current, ui);
  ImGui::EndChild();
}

}  // namespace ui
