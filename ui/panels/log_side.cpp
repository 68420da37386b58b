#include "ui/panels/log_side.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/widgets/basics.h"
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

app::Level worst_level(const app::Template& t) {
  for (int level = app::n_levels - 1; level > 0; --level)
    if (t.by_level[level] > 0) return app::Level(level);
  return app::Level::none;
}

// Which templates are listed and in what order; made again only when something changed.
void sort_templates(LogsPanel& panel, const LogsView& view) {
  const auto& templates = view.log->templates();
  const std::string key = engine::format("%p %zu %d ", static_cast<const void*>(&templates), templates.size(),
                                         panel.template_order) + panel.template_search;
  if (key == panel.order_key) return;
  panel.order_key = key;
  panel.order.clear();
  for (size_t i = 0; i < templates.size(); ++i)
    if (panel.template_search.empty() ||
        engine::contains_ignoring_case(templates[i].pattern, panel.template_search))
      panel.order.push_back(uint32_t(i));
  std::stable_sort(panel.order.begin(), panel.order.end(), [&](uint32_t a, uint32_t b) {
    const app::Template &x = templates[a], &y = templates[b];
    if (panel.template_order == 1) return x.first_row < y.first_row;
    if (panel.template_order == 2) return x.count < y.count;
    return x.count > y.count;
  });
}

void draw_template(LogsPanel& panel, const app::Template& t, uint64_t n_rows, float width, const LogsView& view,
                   app::App& app, Ui& ui) {
  const float line = ImGui::GetTextLineHeight();
  const float height = line * 2 + ui.theme.px(12);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushID(int(t.id));
  if (panel.renaming == t.id) {
    std::string& name = panel.template_names[t.id];
    if (panel.focus_rename) {
      ImGui::SetKeyboardFocusHere();
      panel.focus_rename = false;
    }
    const bool entered = input_text("##rename", "Name; empty shows the pattern", &name, width, ImGuiInputTextFlags_EnterReturnsTrue);
    if (entered || ImGui::IsItemDeactivated()) {
      panel.renaming = app::no_template;
      if (name.empty()) panel.template_names.erase(t.id);
      app.set_view_state("logs.template_names", map_to_text(panel.template_names));
    }
    ImGui::Dummy({1, height - ImGui::GetFrameHeight()});
    ImGui::PopID();
    return;
  }
  const auto filter = [&](bool exclude) {
    FilterChip chip_added;
    chip_added.kind = FilterChip::Kind::template_id;
    chip_added.value = std::to_string(t.id);
    chip_added.exclude = exclude;
    add_chip(view, chip_added, app);
  };
  if (ImGui::InvisibleButton("template", {width, height})) filter(false);
  const bool hovered = ImGui::IsItemHovered();
  if (ImGui::BeginPopupContextItem("menu")) {
    if (menu_item(ui, "Filter in", "i")) filter(false);
    if (menu_item(ui, "Filter out", "o")) filter(true);
    if (menu_item(ui, "Rename")) {
      panel.renaming = t.id;
      panel.focus_rename = true;
    }
    if (menu_item(ui, "To KQL")) ui.ask({Request::Kind::query, engine::format("Logs\n| where TemplateId == %u\n| take 200", t.id)});
    if (menu_item(ui, "Copy")) ui.copy(t.pattern);
    if (menu_item(ui, "Copy as Markdown")) ui.copy("`" + t.pattern + "`");
    if (menu_item(ui, "Ask about this")) ui.ask({Request::Kind::ask, t.pattern});
    if (t.first_row != app::no_row && menu_item(ui, "Show the first line")) ui.jump_to(t.first_row);
    if (t.last_row != app::no_row && menu_item(ui, "Show the last line")) ui.jump_to(t.last_row);
    ImGui::EndPopup();
  }
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (hovered) list.AddRectFilled(at, {at.x + width, at.y + height}, ui.theme.hovered, ui.theme.px(4));
  const float pad = ui.theme.px(6);
  const app::Level level = worst_level(t);
  draw_level_mark(list, {at.x + pad + ui.theme.px(3), at.y + ui.theme.px(4) + line / 2}, ui.theme.px(4), level, ui.theme);
  const float x = at.x + pad + ui.theme.px(14);
  const float spark = ui.theme.px(90);
  draw_text(ui, list, {x, at.y + ui.theme.px(4)}, ui.theme.text,
            fit_text(ui, template_name(panel, t), width - (x - at.x) - pad, Face::mono), Face::mono);
  const double share = n_rows == 0 ? 0 : 100.0 * double(t.count) / double(n_rows);
  std::string facts = "T" + std::to_string(t.id) + "  ·  " + with_commas(t.count) +
                      engine::format(share >= 0.1 ? "  ·  %.1f %%" : "  ·  %.2g %%", share);
  const std::string tag = template_tag(view, t.id);
  const float y2 = at.y + ui.theme.px(7) + line;
  draw_text(ui, list, {x, y2}, ui.theme.dim, fit_text(ui, facts, width - spark - (x - at.x) - pad * 2));
  if (!tag.empty())
    draw_text(ui, list, {x + text_width(ui, facts) + ui.theme.px(8), y2}, ui.theme.warning, tag, Face::bold);
  ImGui::SetCursorScreenPos({at.x + width - spark - pad, y2});
  sparkline(ui, {spark, line - ui.theme.px(1)}, t.timeline,
            level >= app::Level::warning ? ui.theme.levels[int(level)] : ui.theme.series[0]);
  ImGui::SetCursorScreenPos(at);
  ImGui::Dummy({width, height});  // the row again: current Dear ImGui wants an item behind a moved cursor
  ui.probe("template", t.pattern, at, {at.x + width, at.y + height});
  if (hovered) {
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(ImGui::GetFontSize() * 36);
    ImGui::TextUnformatted(t.pattern.c_str());
    ImGui::TextDisabled("first %s\nlast %s", time_text(t.first_time).c_str(), time_text(t.last_time).c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
  }
  ImGui::PopID();
}

void draw_templates(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  const auto& templates = view.log->templates();
  const std::string hint = "Find in " + with_commas(templates.size()) + " templates";
  input_text("##template_search", hint.c_str(), &panel.template_search,
             ImGui::GetContentRegionAvail().x - ui.theme.px(118));
  ImGui::SameLine();
  ImGui::SetNextItemWidth(-1);
  ImGui::Combo("##order", &panel.template_order, "Most\0First seen\0Rarest\0");
  sort_templates(panel, view);
  ImGui::BeginChild("templates", {0, 0}, false);
  if (templates.empty())
    draw_empty(ui, "none", {"No templates yet", "They are mined while the log is read.", {}});
  else if (panel.order.empty())
    draw_empty(ui, "none", {"No template found", "None holds \"" + panel.template_search + "\".", {}});
  const float width = ImGui::GetContentRegionAvail().x;
  const float height = ImGui::GetTextLineHeight() * 2 + ui.theme.px(12) + ImGui::GetStyle().ItemSpacing.y;
  ImGuiListClipper clipper;
  clipper.Begin(int(panel.order.size()), height);
  while (clipper.Step())
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
      draw_template(panel, templates[panel.order[size_t(i)]], view.log->n_rows(), width, view, app, ui);
  ImGui::EndChild();
}

void draw_facet(const app::Facet& facet, const LogsView& view, app::App& app, Ui& ui) {
  ImGui::PushID(facet.name.c_str());
  heading(ui, facet.name, with_commas(facet.values.size()) + " values");
  uint64_t most = 1;
  for (const app::FacetValue& v : facet.values) most = std::max(most, v.count);
  const float width = ImGui::GetContentRegionAvail().x;
  const float height = ImGui::GetTextLineHeight() + ui.theme.px(6);
  for (size_t i = 0; i < std::min<size_t>(facet.values.size(), 12); ++i) {
    const app::FacetValue& v = facet.values[i];
    ImGui::PushID(int(i));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float sign = ui.theme.px(24);
    ImGui::InvisibleButton("value", {width - sign * 2, height});
    item_menu(ui, "menu", v.value);
    ImDrawList& list = *ImGui::GetWindowDrawList();
    const float bar = (width - sign * 2) * float(double(v.count) / double(most));
    list.AddRectFilled(at, {at.x + std::max(bar, 2.f), at.y + height}, with_alpha(ui.theme.accent, 0.16f), ui.theme.px(3));
    const std::string count = with_commas(v.count);
    const float count_width = text_width(ui, count);
    const bool is_level = facet.kind == FilterChip::Kind::level;
    const std::string name = v.value.empty() ? "(none)" : v.value;
    float x = at.x + ui.theme.px(6);
    if (is_level) {
      for (int level = 0; level < app::n_levels; ++level)
        if (v.value == app::level_names[level])
          draw_level_mark(list, {x + ui.theme.px(4), at.y + height / 2}, ui.theme.px(4), app::Level(level), ui.theme);
      x += ui.theme.px(14);
    }
    const float room = width - sign * 2 - count_width - (x - at.x) - ui.theme.px(14);
    draw_text(ui, list, {x, at.y + ui.theme.px(3)}, ui.theme.text, fit_text(ui, name, room));
    draw_text(ui, list, {at.x + width - sign * 2 - count_width - ui.theme.px(6), at.y + ui.theme.px(3)}, ui.theme.dim, count);
    const auto filter = [&](bool exclude) {
      FilterChip chip_added;
      chip_added.kind = facet.kind;
      chip_added.value = v.value;
      chip_added.exclude = exclude;
      add_chip(view, chip_added, app);
    };
    ImGui::SameLine(0, ui.theme.px(2));
    if (chip(ui, "in", "+", ui.theme.link, "facet_in")) filter(false);
    tooltip(ui, "Show only lines with this value");
    ImGui::SameLine(0, ui.theme.px(2));
    if (chip(ui, "out", "−", ui.theme.link, "facet_out")) filter(true);
    tooltip(ui, "Hide lines with this value");
    ImGui::PopID();
  }
  const uint64_t n_more = facet.values.size() > 12 ? facet.values.size() - 12 : 0;
  if (n_more > 0 || facet.n_others > 0)
    text(ui, "more", engine::format("and %s more values", with_commas(n_more).c_str()) +
                         (facet.n_others > 0 ? ", " + with_commas(facet.n_others) + " lines with further ones" : ""),
         ui.theme.faint);
  ImGui::Dummy({1, ui.theme.px(4)});
  ImGui::PopID();
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
  if (panel.side_tab == 1) {
    ImGui::BeginChild("facets", {0, 0}, false);
    if (view.facets.empty()) draw_empty(ui, "none", {"No facets yet", "They are counted with the filter.", {}});
    for (const app::Facet& facet : view.facets) draw_facet(facet, view, app, ui);
    ImGui::EndChild();
  }
  if (panel.side_tab == 2) draw_anomalies(view, ui);
  if (panel.side_tab == 3) draw_compare(panel, view, app, ui);
}

}  // namespace ui
