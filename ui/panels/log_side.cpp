#include "ui/panels/log_side.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/error.h"
#include "ui/panels/log_values.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::FilterChip;
using app::LogsView;

bool tab(Ui& ui, const char* name, bool chosen) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool clicked = button(ui, name, ButtonKind::quiet);
  if (chosen)
    ImGui::GetWindowDrawList()->AddRectFilled({at.x, ImGui::GetItemRectMax().y - ui.theme.px(2)},
                                              ImGui::GetItemRectMax(), ui.theme.accent);
  return clicked;
}

// The name of a value: that of the template where it is one.
std::string value_name(const LogsPanel& panel, const app::Facet& facet, const std::string& value, const LogsView& view) {
  if (value.empty()) return "(none)";
  if (facet.kind != FilterChip::Kind::template_id) return value;
  const size_t id = std::strtoul(value.c_str(), nullptr, 10);
  const auto n_more = std::count(value.begin(), value.end(), ',');
  const std::string number = "T" + std::to_string(id) + (n_more > 0 ? engine::format(" +%td", n_more) : "");
  return id < view.log->templates().size() ? number + "  " + template_name(panel, view.log->templates()[id]) : number;
}

void draw_facet(const LogsPanel& panel, const app::Facet& facet, const LogsView& view, app::App& app, Ui& ui) {
  ImGui::PushID(facet.name.c_str());
  const bool is_field = facet.kind == FilterChip::Kind::field;
  const size_t n_values = facet.values.size();
  heading(ui, facet.name, with_commas(n_values) + (facet.n_others > 0 ? "+" : "") + (n_values == 1 ? " value" : " values"));
  if (is_field && facet.n_rows < view.n_shown())
    text(ui, "rows", "in " + with_commas(facet.n_rows) + " of " + with_commas(view.n_shown()) + " lines", ui.theme.faint);
  uint64_t most = 1;
  for (const app::FacetValue& v : facet.values) most = std::max(most, v.count);
  const size_t shown = is_field ? 8 : 12;
  for (size_t i = 0; i < std::min(n_values, shown); ++i) {
    const app::FacetValue& v = facet.values[i];
    ValueRow row{int(i), value_name(panel, facet, v.value, view), v.count, most, -1, is_field ? "field_value" : "facet_value"};
    if (facet.kind == FilterChip::Kind::level)
      for (int level = 0; level < app::n_levels; ++level)
        if (v.value == app::level_names[level]) row.level = level;
    const ValueClick clicked = value_row(ui, row);
    if (clicked == ValueClick::none) continue;
    FilterChip added;
    added.kind = facet.kind;
    added.value = v.value;
    if (is_field) added.name = facet.name;
    added.exclude = clicked == ValueClick::out;
    add_chip(view, added, app);
  }
  const uint64_t n_more = n_values > shown ? n_values - shown : 0;
  if (n_more > 0 || facet.n_others > 0)
    text(ui, "more", "and " + (n_more > 0 ? with_commas(n_more) + " more values" : std::string("more")) +
                         (facet.n_others > 0 ? ", " + with_commas(facet.n_others) + " lines with further ones" : ""),
         ui.theme.faint);
  ImGui::Dummy({1, ui.theme.px(4)});
  ImGui::PopID();
}

void draw_facets(const LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  ImGui::BeginChild("facets", {0, 0}, false);
  if (view.facets.empty()) draw_empty(ui, "none", {"No facets yet", "They are counted with the filter.", {}});
  for (const app::Facet& facet : view.facets) draw_facet(panel, facet, view, app, ui);
  if (view.counting_fields) draw_running(ui, "fields", "Counting parsed fields", "", -1, false);
  ImGui::EndChild();
}

void draw_anomalies(const LogsView& view, Ui& ui) {
  heading(ui, "What is unusual", with_commas(view.anomalies.size()));
  ImGui::BeginChild("anomalies", {0, 0}, false);
  if (view.anomalies.empty())
    draw_empty(ui, "none", {"Nothing unusual", "New, rare or vanished templates, bursts, gaps and rising error shares stand here.", {}});
  for (size_t i = 0; i < view.anomalies.size(); ++i) {
    const app::Anomaly& anomaly = view.anomalies[i];
    ImGui::PushID(int(i));
    {
      const Card card(ui, "card", mix(ui.theme.border, ui.theme.warning, float(anomaly.score)));
      std::string kind = anomaly.kind;
      std::replace(kind.begin(), kind.end(), '_', ' ');
      const std::string when = anomaly.begin == app::no_time ? "" : range_text(anomaly.begin, anomaly.end);
      const Span spans[] = {{kind, ui.theme.warning, Face::bold}, {"   "}, {when, ui.theme.faint}, {"\n"}, {anomaly.text, ui.theme.text}};
      rich_text(ui, "text", spans, {.width = card.inner_width()});
      if (anomaly.template_id != app::no_template) {
        link_chip(ui, "template", {Link::Kind::template_, anomaly.template_id, 0});
        if (!anomaly.rows.empty()) ImGui::SameLine();
      }
      for (size_t r = 0; r < std::min<size_t>(anomaly.rows.size(), 4); ++r) {
        if (r > 0) ImGui::SameLine();
        if (chip(ui, std::to_string(r).c_str(), "row " + with_commas(anomaly.rows[r] + 1), ui.theme.link, "anomaly_row", anomaly.rows[r]))
          ui.jump_to(anomaly.rows[r]);
      }
    }
    ImGui::PopID();
  }
  ImGui::EndChild();
}

}  // namespace

ValueClick value_row(Ui& ui, const ValueRow& row) {
  ImGui::PushID(row.id);
  const float width = ImGui::GetContentRegionAvail().x;
  const float height = ImGui::GetTextLineHeight() + ui.theme.px(6);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float room = width - (text_width(ui, "+") + text_width(ui, "−") + ui.theme.px(14) * 2 + ui.theme.px(4));
  ImGui::InvisibleButton("value", {room, height});
  const bool hovered = ImGui::IsItemHovered();
  item_menu(ui, "menu", row.shown);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float bar = room * float(double(row.count) / double(std::max<uint64_t>(row.most, 1)));
  list.AddRectFilled(at, {at.x + std::max(bar, 2.f), at.y + height}, with_alpha(ui.theme.accent, 0.16f), ui.theme.px(3));
  const std::string count = with_commas(row.count);
  const float count_width = text_width(ui, count);
  float x = at.x + ui.theme.px(6);
  if (row.level >= 0) {
    draw_level_mark(list, {x + ui.theme.px(4), at.y + height / 2}, ui.theme.px(4), app::Level(row.level), ui.theme);
    x += ui.theme.px(14);
  }
  const std::string fitted = fit_text(ui, row.shown, room - count_width - (x - at.x) - ui.theme.px(14));
  draw_text(ui, list, {x, at.y + ui.theme.px(3)}, ui.theme.text, fitted);
  draw_text(ui, list, {at.x + room - count_width - ui.theme.px(6), at.y + ui.theme.px(3)}, ui.theme.dim, count);
  ui.probe(row.probe, row.shown, at, {at.x + room, at.y + height});
  if (hovered && fitted != row.shown) ImGui::SetTooltip("%s", row.shown.substr(0, 2000).c_str());
  ValueClick clicked = ValueClick::none;
  ImGui::SameLine(0, ui.theme.px(2));
  if (chip(ui, "in", "+", ui.theme.link, "facet_in")) clicked = ValueClick::in;
  tooltip(ui, "Show only lines with this value");
  ImGui::SameLine(0, ui.theme.px(2));
  if (chip(ui, "out", "−", ui.theme.link, "facet_out")) clicked = ValueClick::out;
  tooltip(ui, "Hide lines with this value");
  ImGui::PopID();
  return clicked;
}

std::string template_tag(const LogsView& view, uint32_t template_id) {
  for (const app::Anomaly& anomaly : view.anomalies) {
    if (anomaly.template_id != template_id) continue;
    if (anomaly.kind == "new_template") return "New";
    if (anomaly.kind == "rare_template") return "Rare";
    if (anomaly.kind == "gone_template") return "Gone";
    if (anomaly.kind == "burst") return "Burst";
  }
  return {};
}

void draw_log_side(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  const char* const names[] = {"Templates", "Facets", "Anomalies", "Compare"};
  for (int i = 0; i < 4; ++i) {
    if (i > 0) ImGui::SameLine(0, 0);
    if (tab(ui, names[i], panel.side_tab == i)) panel.side_tab = i;
  }
  ImGui::Dummy({1, 1});
  if (panel.side_tab == 0) draw_templates(panel, view, app, ui);
  if (panel.side_tab == 1) draw_facets(panel, view, app, ui);
  if (panel.side_tab == 2) draw_anomalies(view, ui);
  if (panel.side_tab == 3) draw_compare(panel, view, app, ui);
}

}  // namespace ui
