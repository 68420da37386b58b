#include "ui/panels/kql.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr const char* first_query = "Logs\n| summarize count() by Level";

const char* const examples[] = {
    "Logs | take 100",
    "Logs | summarize count() by Level",
    "Logs | where Level in (\"ERROR\", \"CRITICAL\") | project Timestamp, Process, Message | take 200",
    "Logs | summarize count() by Process | sort by count_ desc",
};

void run(KqlPanel& panel, app::App& app, Ui& ui) {
  const std::string text_run = text_to_run(panel.editor, &panel.run_begin);
  if (text_run.find_first_not_of(" \n\t\r") == std::string::npos) {
    ui.toast("Nothing to run: write a query first");
    return;
  }
  panel.checked = text_run;
  panel.check_at = 0;
  app.run_query(text_run);
}

std::string place_text(const std::string& text_checked, size_t offset) {
  const app::kql::Position at = app::kql::position_at(text_checked, std::min(offset, text_checked.size()));
  return engine::format("%d:%d", at.line, at.column);
}

void go_to_problem(KqlPanel& panel, const app::KqlView& view, bool forward, Ui& ui) {
  const auto n = int(view.diagnostics.size());
  if (n == 0) return ui.toast("No problems");
  panel.problem = panel.problem < 0 ? (forward ? 0 : n - 1) : (panel.problem + (forward ? 1 : n - 1)) % n;
  panel.editor.wanted_caret = panel.run_begin + view.diagnostics[size_t(panel.problem)].span.begin;
  panel.editor.focus = true;
}

void draw_problems(KqlPanel& panel, const app::KqlView& view, Ui& ui) {
  for (size_t i = 0; i < std::min<size_t>(view.diagnostics.size(), 5); ++i) {
    const app::kql::Diagnostic& d = view.diagnostics[i];
    const bool error = d.severity == app::kql::DiagnosticSeverity::error;
    ImGui::PushID(int(i));
    const std::string where = place_text(panel.checked, d.span.begin);
    const std::string hint = d.hint.empty() ? "" : "   " + d.hint;
    const Span spans[] = {{error ? "● " : "▲ ", error ? ui.theme.bad : ui.theme.warning},
                          {where, ui.theme.link, Face::regular, 0},
                          {"  "},
                          {d.message, ui.theme.text},
                          {hint, ui.theme.dim}};
    if (rich_text(ui, "problem", spans, {.probe = "problem"}).clicked_chip == 0) {
      panel.editor.wanted_caret = panel.run_begin + d.span.begin;
      panel.editor.focus = true;
    }
    ImGui::PopID();
  }
}

void draw_side(KqlPanel& panel, const app::KqlView& view, Ui& ui) {
  heading(ui, "Tables");
  for (const auto& [name, schema] : view.tables) {
    ui.fonts.note_text(name);
    const bool open = ImGui::TreeNodeEx(name.c_str(), ImGuiTreeNodeFlags_DefaultOpen | ImGuiTreeNodeFlags_NoAutoOpenOnLog);
    if (!open) continue;
    for (const auto& column : schema) {
      const float width = ImGui::GetContentRegionAvail().x;
      const ImVec2 at = ImGui::GetCursorScreenPos();
      ImGui::PushID(column.name.c_str());
      if (ImGui::Selectable("##column", false, 0, {width, ImGui::GetTextLineHeight()})) {
        const size_t caret = std::min(panel.editor.caret, panel.editor.text.size());
        std::string changed = panel.editor.text;
        changed.insert(caret, (caret > 0 && changed[caret - 1] != ' ' && changed[caret - 1] != '\n' ? " " : "") + column.name);
        set_text(panel.editor, changed);
      }
      tooltip(ui, "Click puts the name into the query");
      const char* type = app::columns::type_name(column.type);
      draw_text(ui, *ImGui::GetWindowDrawList(), at, ui.theme.text, fit_text(ui, column.name, width - ui.theme.px(70)));
      draw_text(ui, *ImGui::GetWindowDrawList(), {at.x + width - text_width(ui, type), at.y}, ui.theme.faint, type);
      ImGui::PopID();
    }
    ImGui::TreePop();
  }
  ImGui::Dummy({1, ui.theme.px(4)});
  heading(ui, "History", with_commas(view.history.size()));
  for (size_t i = 0; i < std::min<size_t>(view.history.size(), 50); ++i) {
    const app::QueryHistoryItem& item = view.history[i];
    ImGui::PushID(int(i) + 100);
    const float width = ImGui::GetContentRegionAvail().x;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float line = ImGui::GetTextLineHeight();
    if (ImGui::Selectable("##item", false, 0, {width, line * 2})) set_text(panel.editor, item.text);
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", item.text.c_str());
    std::string one = item.text;
    std::replace(one.begin(), one.end(), '\n', ' ');
    draw_text(ui, *ImGui::GetWindowDrawList(), at, ui.theme.text, fit_text(ui, one, width, Face::mono), Face::mono);
    const std::string facts = item.error.empty() ? with_commas(item.n_rows) + " rows  ·  " + seconds_text(item.seconds) : "failed: " + item.error;
    draw_text(ui, *ImGui::GetWindowDrawList(), {at.x, at.y + line}, item.error.empty() ? ui.theme.faint : ui.theme.bad,
              fit_text(ui, facts, width));
    ImGui::PopID();
  }
}

void draw_result(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui) {
  if (view.running) {
    if (draw_running(ui, "running", "Running the query", "", -1)) app.stop_query();
  }
  if (!view.error.empty()) {
    draw_notice(ui, "error", view.error, ui.theme.bad);
  }
  if (!view.result) {
    if (view.running || !view.error.empty()) return;
    const int clicked = draw_empty(ui, "none",
                                   {"No result yet", "Write a query over the table Logs and run it with F5 or Shift+Enter.",
                                    {"Count by level", "First 100 lines", "Errors"}});
    if (clicked >= 0) {
      set_text(panel.editor, examples[clicked == 0 ? 1 : clicked == 1 ? 0 : 2]);
      run(panel, app, ui);
    }
    return;
  }
  const app::kql::ResultTable& table = *view.result;
  if (view.log_changed && draw_notice(ui, "changed", "The log changed since this result", ui.theme.warning, "Run again"))
    run(panel, app, ui);
  std::string facts = with_commas(table.n_rows) + (table.n_rows == 1 ? " row" : " rows") +
                      engine::format("  ·  %zu columns  ·  ", table.columns.size()) + seconds_text(table.seconds);
  if (table.truncated) facts += "  ·  cut at the row limit";
  if (table.n_rows > max_grid_rows) facts += "  ·  first 10,000 shown, copies are complete";
  if (table.columns.size() > max_grid_columns) facts += "  ·  first 60 columns shown";
  text(ui, "facts", facts, ui.theme.dim, Face::regular,
       {.width = ImGui::GetContentRegionAvail().x - ui.theme.px(190), .probe = "result_facts"});
  ImGui::SameLine();
  ImGui::Checkbox("Hide empty columns", &panel.grid.hide_empty);
  if (table.n_rows == 0) {
    draw_empty(ui, "zero", {"0 rows", "The query ran and no row passed it. Take a where away to see which one removed them.", {}});
    return;
  }
  grid(ui, "result", panel.grid, table, {0, 0});
}

}  // namespace

void draw(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui) {
  if (panel.editor.text.empty() && panel.editor.generation == 0)
    set_text(panel.editor, view.text.empty() ? first_query : view.text);
  if (ui.take(Command::run_query)) run(panel, app, ui);
  if (view.running && ui.take(Command::stop)) app.stop_query();
  if (ui.take(Command::next_problem)) go_to_problem(panel, view, true, ui);
  if (ui.take(Command::previous_problem)) go_to_problem(panel, view, false, ui);

  const float room = ImGui::GetContentRegionAvail().x;
  const bool with_side = room > ui.theme.px(600);
  const float side = with_side ? ui.theme.px(panel.side_width) + ui.theme.px(6) : 0;
  {
    const Pane main(ui, "main", {room - side, 0}, true, ImGuiWindowFlags_NoScrollbar);
    if (button(ui, "▶ Run", ButtonKind::primary, "Run the selection, or the block at the caret", Command::run_query))
      run(panel, app, ui);
    ImGui::SameLine();
    if (button(ui, "Stop", ButtonKind::normal, nullptr, Command::stop, view.running ? nullptr : "Nothing runs"))
      app.stop_query();
    ImGui::SameLine();
    ImGui::AlignTextToFramePadding();
    ImGui::TextDisabled("F5 or Shift+Enter runs, Esc cancels, Alt+F8 goes to the next problem");

    std::vector<EditorFault> faults;
    for (const app::kql::Diagnostic& d : view.diagnostics)
      faults.push_back({panel.run_begin + d.span.begin, panel.run_begin + std::max(d.span.end, d.span.begin + 1),
                        d.severity == app::kql::DiagnosticSeverity::error ? ui.theme.bad : ui.theme.warning,
                        d.message + (d.hint.empty() ? "" : "\n" + d.hint)});
    const EditorResult edited =
        editor(ui, "editor", panel.editor, faults, {ImGui::GetContentRegionAvail().x, ui.theme.px(panel.editor_height)});
    if (edited.focused && pressed(Key::enter, shift)) {
      // The field took the Enter as a line break before it came here: take it out again.
      if (panel.editor.caret > 0 && panel.editor.text[panel.editor.caret - 1] == '\n') {
        const size_t caret = panel.editor.caret - 1;
        panel.editor.text.erase(caret, 1);
        panel.editor.caret = caret;
        ++panel.editor.generation;
        panel.editor.focus = true;
        panel.editor.wanted_caret = caret;
      }
      run(panel, app, ui);
    } else if (edited.changed) {
      panel.check_at = ui.now + 0.3;
    }
    if (panel.check_at > 0) {
      ui.animate(panel.check_at - ui.now + 0.01);
      if (ui.now >= panel.check_at) {
        panel.check_at = 0;
        panel.checked = text_to_run(panel.editor, &panel.run_begin);
        app.check_query(panel.checked);
      }
    }
    draw_problems(panel, view, ui);
    splitter(ui, "split_editor", false, &panel.editor_height, 60, ImGui::GetWindowHeight() / ui.theme.scale * 0.6f);
    draw_result(panel, view, app, ui);
  }
  if (with_side) {
    ImGui::SameLine(0, 0);
    splitter(ui, "split_side", true, &panel.side_width, 160, room / ui.theme.scale * 0.5f, -1);
    ImGui::SameLine(0, 0);
    const Pane pane(ui, "side", {0, 0});
    draw_side(panel, view, ui);
  }
}

}  // namespace ui
