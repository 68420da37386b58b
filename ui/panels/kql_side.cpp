#include "ui/panels/kql_side.h"

#include <algorithm>

#include "engine/base/text.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

void insert_at_caret(KqlPanel& panel, const std::string& name) {
  EditorState& editor = panel.editor();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
  const std::string written = plain ? name : "['" + name + "']";
  const size_t at = std::min(editor.caret, editor.text.size());
  const bool blank = at > 0 && (std::isalnum(static_cast<unsigned char>(editor.text[at - 1])) || editor.text[at - 1] == ',');
  replace_range(editor, at, at, (blank ? " " : "") + written);
  editor.focus = true;
  panel.check_at = 1e-9;
}

void draw_column(KqlPanel& panel, const app::QueryHelpView::TableColumn& column, Ui& ui) {
  const float width = ImGui::GetContentRegionAvail().x;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushID(column.name.c_str());
  const float line = ImGui::GetTextLineHeight();
  const bool with_examples = !column.examples.empty();
  if (ImGui::Selectable("##column", false, 0, {width, line * (with_examples ? 2 : 1)})) insert_at_caret(panel, column.name);
  std::string examples;
  for (const std::string& value : column.examples) examples += (examples.empty() ? "" : ", ") + value;
  if (ImGui::IsItemHovered())
    ImGui::SetTooltip("%s: %s\n%sClick: into the query", column.name.c_str(), column.type.c_str(), examples.empty() ? "" : (examples + "\n").c_str());
  item_menu(ui, "column_menu", column.name);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float type_width = text_width(ui, column.type);
  draw_text(ui, list, at, ui.theme.text, fit_text(ui, column.name, width - type_width - ui.theme.px(8)));
  draw_text(ui, list, {at.x + width - type_width, at.y}, ui.theme.faint, column.type);
  if (with_examples) draw_text(ui, list, {at.x + ui.theme.px(8), at.y + line}, ui.theme.dim, fit_text(ui, examples, width - ui.theme.px(10)));
  ui.probe("schema_column", column.name, at, {at.x + width, at.y + line});
  ImGui::PopID();
}

void draw_tables(KqlPanel& panel, const app::QueryHelpView& help, Ui& ui) {
  heading(ui, "Tables", with_commas(help.tables.size()));
  input_text("##tables", "Find a column", &panel.table_search, ImGui::GetContentRegionAvail().x);
  if (help.tables.empty()) text(ui, "none", "The tables appear when a log is read.", ui.theme.faint);
  for (const auto& table : help.tables) {
    std::vector<const app::QueryHelpView::TableColumn*> shown;
    for (const auto& column : table.columns)
      if (panel.table_search.empty() || engine::contains_ignoring_case(column.name, panel.table_search)) shown.push_back(&column);
    if (shown.empty() && !panel.table_search.empty()) continue;
    ui.fonts.note_text(table.name);
    ImGui::SetNextItemOpen(table.name == "Logs" || !panel.table_search.empty(), panel.table_search.empty() ? ImGuiCond_Once : ImGuiCond_Always);
    const bool open = ImGui::TreeNodeEx(table.name.c_str(), ImGuiTreeNodeFlags_OpenOnArrow | ImGuiTreeNodeFlags_NoAutoOpenOnLog);
    const bool toggled = ImGui::IsItemToggledOpen();
    if (ImGui::IsItemClicked() && !toggled) insert_at_caret(panel, table.name);
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s%sClick: into the query", table.about.c_str(), table.about.empty() ? "" : "\n");
    ui.note_drawn(table.name);
    if (!open) continue;
    for (const auto* column : shown) draw_column(panel, *column, ui);
    ImGui::TreePop();
  }
}

void draw_history(KqlPanel& panel, const app::KqlView& view, Ui& ui) {
  heading(ui, "History", with_commas(view.history.size()));
  for (size_t i = 0; i < std::min<size_t>(view.history.size(), 100); ++i) {
    const app::QueryHistoryItem& item = view.history[i];
    ImGui::PushID(int(i) + 100);
    const float width = ImGui::GetContentRegionAvail().x;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float line = ImGui::GetTextLineHeight();
    if (ImGui::Selectable("##item", false, 0, {width, line * 2 + ui.theme.px(2)})) {
      set_text(panel.editor(), item.text);
      panel.check_at = 1e-9;
    }
    const bool changed = item.data_version != view.n_log_rows && item.error.empty();
    const std::string versions = with_commas(item.data_version) + " lines in the log then" + (changed ? ", " + with_commas(view.n_log_rows) + " now: log changed since" : ", as now");
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s\n\n%s\n%s\nClick: into the editor", item.text.c_str(), time_text(item.time).substr(0, 19).c_str(), versions.c_str());
    item_menu(ui, "history_menu", item.text);
    std::string one = item.text;
    std::replace(one.begin(), one.end(), '\n', ' ');
    draw_text(ui, *ImGui::GetWindowDrawList(), at, ui.theme.text, fit_text(ui, one, width, Face::mono), Face::mono);
    std::string facts = item.error.empty() ? with_commas(item.n_rows) + (item.n_rows == 1 ? " row  ·  " : " rows  ·  ") + seconds_text(item.seconds) : "failed: " + item.error;
    if (changed) facts += "  ·  log changed since";
    draw_text(ui, *ImGui::GetWindowDrawList(), {at.x, at.y + line}, !item.error.empty() ? ui.theme.bad : changed ? ui.theme.warning : ui.theme.faint,
              fit_text(ui, facts, width));
    ui.probe("history", item.text, at, {at.x + width, at.y + line * 2});
    ImGui::PopID();
  }
}

}  // namespace

void draw_kql_side(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, app::App& app, Ui& ui) {
  (void)app;
  draw_tables(panel, help, ui);
  ImGui::Dummy({1, ui.theme.px(4)});
  draw_history(panel, view, ui);
}

}  // namespace ui
