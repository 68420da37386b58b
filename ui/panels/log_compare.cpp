// Two parts of the log side by side: chosen by time, file or host; templates that are new in B, gone
// from A, or whose share changed, most surprising first.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "ui/panels/log_side.h"
#include "ui/panels/logs.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::FilterChip;

// What can be a part: before and after the current line, the range of the filter, each file, each host.
std::vector<FilterChip> choices(const LogsPanel& panel, const app::LogsView& view) {
  std::vector<FilterChip> list;
  const auto range = [&](app::Ticks begin, app::Ticks end) {
    FilterChip chip;
    chip.kind = FilterChip::Kind::time_range;
    chip.begin = begin;
    chip.end = end;
    list.push_back(chip);
  };
  app::Ticks first = app::no_time, last = app::no_time;
  for (const app::Source& source : view.log->sources()) {
    if (source.first_time != app::no_time && (first == app::no_time || source.first_time < first)) first = source.first_time;
    if (source.last_time != app::no_time && (last == app::no_time || source.last_time > last)) last = source.last_time;
  }
  if (first != app::no_time) {
    const app::Ticks cut = panel.current_time != app::no_time ? panel.current_time : first + (last - first) / 2;
    range(first, cut);
    range(cut, last + 1);
  }
  for (const FilterChip& chip : view.filter.chips)
    if (chip.kind == FilterChip::Kind::time_range) range(chip.begin, chip.end);
  for (const app::Facet& facet : view.facets) {
    if (facet.kind != FilterChip::Kind::source && facet.kind != FilterChip::Kind::host) continue;
    if (facet.values.size() < 2) continue;
    for (const app::FacetValue& value : facet.values) {
      FilterChip chip;
      chip.kind = facet.kind;
      chip.value = value.value;
      list.push_back(chip);
    }
  }
  return list;
}

bool part_combo(Ui& ui, const char* id, FilterChip& part, const std::vector<FilterChip>& list, const app::LogsView& view) {
  bool changed = false;
  const bool chosen = !part.value.empty() || part.begin != app::no_time;
  const std::string shown = chosen ? chip_text(part, view) : "choose";
  ui.fonts.note_text(shown);
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x);
  if (!ImGui::BeginCombo(id, shown.c_str())) return false;
  for (size_t i = 0; i < list.size(); ++i) {
    ImGui::PushID(int(i));
    if (menu_item(ui, chip_text(list[i], view).c_str())) {
      part = list[i];
      changed = true;
    }
    ImGui::PopID();
  }
  ImGui::EndCombo();
  return changed;
}

void draw_row(const LogsPanel& panel, Ui& ui, const app::CompareView& compare, const app::CompareView::Row& row, const std::string& pattern, const app::LogsView& view, app::App& app) {
  const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight(), height = line * 2 + ui.theme.px(10);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushID(int(row.template_id));
  const auto filter = [&](bool exclude) {
    FilterChip chip;
    chip.kind = FilterChip::Kind::template_id;
    chip.value = ids_text(panel, row.template_id);
    chip.exclude = exclude;
    add_chip(view, chip, app);
  };
  if (ImGui::InvisibleButton("row", {width, height})) filter(false);
  const bool hovered = ImGui::IsItemHovered();
  item_menu(ui, "menu", pattern);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (hovered) list.AddRectFilled(at, {at.x + width, at.y + height}, ui.theme.hovered, ui.theme.px(4));
  const float x = at.x + ui.theme.px(6);
  draw_text(ui, list, {x, at.y + ui.theme.px(3)}, ui.theme.text, fit_text(ui, pattern, width - ui.theme.px(12), Face::mono), Face::mono);
  const double share_a = compare.n_a == 0 ? 0 : 100.0 * double(row.n_a) / double(compare.n_a), share_b = compare.n_b == 0 ? 0 : 100.0 * double(row.n_b) / double(compare.n_b);
  const std::vector<uint32_t>* group = panel.edits.group_of(row.template_id);
  std::string tag, facts = "T" + std::to_string(row.template_id) + (group != nullptr ? engine::format(" +%zu", group->size() - 1) : "") + "  ·  " + with_commas(row.n_a) + " → " + with_commas(row.n_b);
  ImU32 color = ui.theme.dim;
  if (row.n_a == 0) tag = "New in B", color = ui.theme.warning;
  else if (row.n_b == 0) tag = "Gone in B", color = ui.theme.series[3];
  else tag = engine::format("share %+.0f %%", 100 * (share_b - share_a) / std::max(share_a, 1e-9));
  facts += engine::format("  ·  score %.3g", row.score);
  draw_text(ui, list, {x, at.y + ui.theme.px(5) + line}, ui.theme.dim, fit_text(ui, facts, width - text_width(ui, tag) - ui.theme.px(24)));
  draw_text(ui, list, {at.x + width - text_width(ui, tag) - ui.theme.px(6), at.y + ui.theme.px(5) + line}, color, tag, Face::regular);
  if (hovered)
    ImGui::SetTooltip("%s\nA: %s of %s lines (%.2f %%)\nB: %s of %s lines (%.2f %%)\nClick: show its lines", pattern.c_str(), with_commas(row.n_a).c_str(),
                      with_commas(compare.n_a).c_str(), share_a, with_commas(row.n_b).c_str(), with_commas(compare.n_b).c_str(), share_b);
  ui.probe("compare_row", pattern, at, {at.x + width, at.y + height});
  ImGui::PopID();
}

}  // namespace

void draw_compare(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui) {
  const std::shared_ptr<const app::CompareView> shown = app.compare();
  const app::CompareView& compare = *shown;
  const std::vector<FilterChip> list = choices(panel, view);
  if (list.size() < 2) {
    draw_empty(ui, "none", {"Nothing to compare", "The lines carry no times and come from one file and one host.", {}});
    return;
  }
  text(ui, "a", "A, how it was", ui.theme.dim);
  part_combo(ui, "##a", panel.part_a, list, view);
  text(ui, "b", "B, what is looked at", ui.theme.dim);
  part_combo(ui, "##b", panel.part_b, list, view);
  if (button(ui, "Compare", ButtonKind::primary, "Counts every line of both parts; nothing is sampled")) app.compare_logs(panel.part_a, panel.part_b);
  ImGui::SameLine();
  if (button(ui, "Before and after this line", ButtonKind::normal, "The current line parts the log in two")) {
    panel.part_a = list[0];
    panel.part_b = list[1];
    app.compare_logs(panel.part_a, panel.part_b);
  }
  if (compare.running) draw_running(ui, "comparing", "Comparing", "", -1, false);
  if (!compare.error.empty()) draw_notice(ui, "error", compare.error, ui.theme.bad);
  if (compare.rows.empty()) {
    if (!compare.running && compare.error.empty()) draw_empty(ui, "hint", {"Choose two parts", "New, gone and changed templates stand here, most surprising first.", {}});
    return;
  }
  text(ui, "totals", "A " + with_commas(compare.n_a) + " lines, B " + with_commas(compare.n_b) + " lines; score: log-likelihood ratio of the two shares", ui.theme.faint);
  ImGui::BeginChild("rows", {0, 0}, false);
  const auto& templates = view.log->templates();
  ImGuiListClipper clipper;
  clipper.Begin(int(compare.rows.size()), ImGui::GetTextLineHeight() * 2 + ui.theme.px(10) + ImGui::GetStyle().ItemSpacing.y);
  while (clipper.Step())
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const auto& row = compare.rows[size_t(i)];
      // Templates stand at the place of their id.
      const std::string pattern = row.template_id < templates.size() ? template_name(panel, templates[row.template_id]) : "template " + std::to_string(row.template_id);
      draw_row(panel, ui, compare, row, pattern, view, app);
    }
  ImGui::EndChild();
}

}  // namespace ui
