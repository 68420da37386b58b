// Templates: sorted and searched, renamed, merged, split by a parameter; the values of their wildcards.
#include <algorithm>

#include "app/logs/parameters.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/panels/log_side.h"
#include "ui/panels/log_values.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// A button without a picture of its own: what is drawn over it later takes the clicks there.
bool button_behind(const char* id, ImVec2 size) {
#if IMGUI_VERSION_NUM >= 18970
  ImGui::SetNextItemAllowOverlap();
  return ImGui::InvisibleButton(id, size);
#else
  const bool clicked = ImGui::InvisibleButton(id, size);
  ImGui::SetItemAllowOverlap();
  return clicked;
#endif
}

using app::FilterChip;
using app::LogsView;
using app::Template;

constexpr size_t shown_values = 10, split_values = 20;

app::Level worst_level(const Template& t) {
  for (int level = app::n_levels - 1; level > 0; --level)
    if (t.by_level[level] > 0) return app::Level(level);
  return app::Level::none;
}

// The sum of merged templates; the pattern is the leader's.
Template sum_of(const std::vector<Template>& templates, const std::vector<uint32_t>& ids) {
  Template sum;
  bool first = true;
  for (const uint32_t id : ids) {
    if (id >= templates.size()) continue;
    const Template& t = templates[id];
    if (first) {
      sum = t;
      first = false;
      continue;
    }
    sum.count += t.count;
    sum.first_row = std::min(sum.first_row, t.first_row);
    sum.last_row = t.last_row == app::no_row ? sum.last_row : std::max(sum.last_row, t.last_row);
    if (t.first_time != app::no_time && (sum.first_time == app::no_time || t.first_time < sum.first_time)) sum.first_time = t.first_time;
    sum.last_time = std::max(sum.last_time, t.last_time);
    for (int level = 0; level < app::n_levels; ++level) sum.by_level[level] += t.by_level[level];
    sum.timeline.resize(std::max(sum.timeline.size(), t.timeline.size()));
    for (size_t i = 0; i < t.timeline.size(); ++i) sum.timeline[i] += t.timeline[i];
  }
  return sum;
}

// Which templates are listed and in what order; made again only when something changed.
void sort_templates(LogsPanel& panel, const LogsView& view) {
  const auto& templates = view.log->templates();
  const std::string key = engine::format("%p %zu %d %llu ", static_cast<const void*>(&templates), templates.size(), panel.template_order,
                                         static_cast<unsigned long long>(panel.edits_generation)) +
                          panel.template_search;
  if (key == panel.order_key) return;
  panel.order_key = key;
  panel.entries.clear();
  for (size_t i = 0; i < templates.size(); ++i) {
    const std::vector<uint32_t>* group = panel.edits.group_of(uint32_t(i));
    if (group != nullptr && group->front() != i) continue;   // shown with its leader
    const std::string& own_name = template_name(panel, templates[i]);
    if (!panel.template_search.empty() && !engine::contains_ignoring_case(templates[i].pattern, panel.template_search) &&
        !engine::contains_ignoring_case(own_name, panel.template_search))
      continue;
    panel.entries.push_back({uint32_t(i), -1});
  }
  const auto count_of = [&](uint32_t id) {
    const std::vector<uint32_t>* group = panel.edits.group_of(id);
    if (group == nullptr) return templates[id].count;
    uint64_t n = 0;
    for (const uint32_t one : *group) n += one < templates.size() ? templates[one].count : 0;
    return n;
  };
  std::stable_sort(panel.entries.begin(), panel.entries.end(), [&](const TemplateEntry& a, const TemplateEntry& b) {
    if (panel.template_order == 1) return templates[a.id].first_row < templates[b.id].first_row;
    if (panel.template_order == 2) return count_of(a.id) < count_of(b.id);
    return count_of(a.id) > count_of(b.id);
  });
  // The parts of a split template stand below it.
  std::vector<TemplateEntry> with_parts;
  for (const TemplateEntry& entry : panel.entries) {
    with_parts.push_back(entry);
    if (const TemplateSplit* split = panel.edits.split_of(entry.id))
      for (size_t v = 0; v < split->values.size(); ++v) with_parts.push_back({entry.id, int(v)});
  }
  panel.entries.swap(with_parts);
}

void change_edits(LogsPanel& panel, TemplateEdits changed, const std::string& message, app::App& app, Ui& ui) {
  const TemplateEdits before = panel.edits;
  const auto set = [&panel, &app, session = panel.filter_session](const TemplateEdits& edits) {
    if (panel.filter_session != session) return;
    panel.edits = edits;
    ++panel.edits_generation;
    app.set_view_state("logs.template_edits", edits_to_text(edits));
  };
  set(changed);
  ui.toast(message, [set, before] { set(before); }, [set, changed] { set(changed); });
}

void show_values(LogsPanel& panel, uint32_t id) { panel.values_of = panel.values_of == id ? app::no_template : id; }

void template_menu(LogsPanel& panel, const Template& t, const LogsView& view, app::App& app, Ui& ui) {
  if (!ImGui::BeginPopupContextItem("menu")) return;
  if (menu_item(ui, "Filter in", "i")) add_chip(view, template_chip(ids_text(panel, t.id), false), app);
  if (menu_item(ui, "Filter out", "o")) add_chip(view, template_chip(ids_text(panel, t.id), true), app);
  if (menu_item(ui, "Values of its parameters")) panel.values_of = t.id;
  if (menu_item(ui, "Merge with ...")) panel.merging = t.id;
  if (panel.edits.group_of(t.id) != nullptr || panel.edits.split_of(t.id) != nullptr) {
    if (menu_item(ui, "Take apart again")) {
      TemplateEdits changed = panel.edits;
      changed.take_apart(t.id);
      change_edits(panel, changed, "The template is as it was mined", app, ui);
    }
  }
  if (menu_item(ui, "Rename")) {
    panel.renaming = t.id;
    panel.focus_rename = true;
  }
  if (menu_item(ui, "To KQL")) ui.ask({Request::Kind::query, engine::format("Logs\n| where TemplateId == %u\n| take 200", t.id)});
  if (menu_item(ui, "Copy the reference")) ui.copy(reference_text({Link::Kind::template_, t.id, 0}));
  if (menu_item(ui, "Copy")) ui.copy(t.pattern);
  if (menu_item(ui, "Copy as Markdown")) ui.copy("`" + t.pattern + "`");
  if (menu_item(ui, "Ask about this")) ui.ask({Request::Kind::ask, t.pattern});
  if (t.first_row != app::no_row && menu_item(ui, "Show the first line")) ui.jump_to(t.first_row);
  if (t.last_row != app::no_row && menu_item(ui, "Show the last line")) ui.jump_to(t.last_row);
  ImGui::EndPopup();
}

void draw_rename(LogsPanel& panel, const Template& t, float width, float height, app::App& app) {
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
}

void template_tooltip(const LogsPanel& panel, const Template& t, const LogsView& view) {
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 36);
  if (const auto* group = panel.edits.group_of(t.id)) {
    for (const uint32_t id : *group)
      if (id < view.log->templates().size()) ImGui::TextUnformatted(view.log->templates()[id].pattern.c_str());
  } else {
    ImGui::TextUnformatted(t.pattern.c_str());
  }
  ImGui::TextDisabled("first %s\nlast %s\nClick: only its lines. Right-click: values, merge, rename, ...", time_text(t.first_time).c_str(), time_text(t.last_time).c_str());
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

// One part of a split template: the lines with one value.
void draw_part(const TemplateSplit& split, size_t value, const Template& t, float width, const LogsView& view, app::App& app, Ui& ui) {
  const float line = ImGui::GetTextLineHeight(), height = line * 2 + ui.theme.px(12);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const auto& [text, count] = split.values[value];
  ImGui::PushID(int(t.id));
  ImGui::PushID(int(value));
  if (ImGui::InvisibleButton("part", {width, height})) add_chip(view, parameter_chip(t.id, split.parameter, text, false), app);
  const bool hovered = ImGui::IsItemHovered();
  if (ImGui::BeginPopupContextItem("menu")) {
    if (menu_item(ui, "Filter in")) add_chip(view, parameter_chip(t.id, split.parameter, text, false), app);
    if (menu_item(ui, "Filter out")) add_chip(view, parameter_chip(t.id, split.parameter, text, true), app);
    if (menu_item(ui, "Copy")) ui.copy(text);
    ImGui::EndPopup();
  }
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (hovered) list.AddRectFilled(at, {at.x + width, at.y + height}, ui.theme.hovered, ui.theme.px(4));
  const float x = at.x + ui.theme.px(34);
  list.AddLine({at.x + ui.theme.px(24), at.y}, {at.x + ui.theme.px(24), at.y + height}, ui.theme.border_strong);
  std::string context = app::logs::ParameterReader(t.pattern).context(split.parameter);
  if (const size_t place = context.find("<*>"); place != std::string::npos) context.replace(place, 3, text);
  draw_text(ui, list, {x, at.y + ui.theme.px(4)}, ui.theme.text, fit_text(ui, context, width - (x - at.x) - ui.theme.px(6), Face::mono), Face::mono);
  // Counts are of the day of the split; a log that grew since has others.
  const std::string facts = split.n_rows == t.count ? with_commas(count) + engine::format("  ·  %.1f %% of T%u", t.count == 0 ? 0.0 : 100.0 * double(count) / double(t.count), t.id)
                                                    : "the log grew: split again to count";
  draw_text(ui, list, {x, at.y + ui.theme.px(7) + line}, ui.theme.dim, facts);
  ui.probe("template_part", text, at, {at.x + width, at.y + height});
  ImGui::PopID();
  ImGui::PopID();
}

void draw_template(LogsPanel& panel, const Template& t, size_t n_merged, uint64_t n_rows, float width, const LogsView& view, app::App& app, Ui& ui) {
  const float line = ImGui::GetTextLineHeight();
  const float height = line * 2 + ui.theme.px(12);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushID(int(t.id));
  if (panel.renaming == t.id) {
    draw_rename(panel, t, width, height, app);
    ImGui::PopID();
    return;
  }
  if (button_behind("template", {width, height})) {
    if (panel.merging != app::no_template && panel.merging != t.id) {
      TemplateEdits changed = panel.edits;
      changed.merge(panel.merging, t.id);
      change_edits(panel, changed, engine::format("T%u and T%u are shown as one", panel.merging, t.id), app, ui);
      panel.merging = app::no_template;
    } else {
      add_chip(view, template_chip(ids_text(panel, t.id), false), app);
    }
  }
  const bool hovered = ImGui::IsItemHovered();
  template_menu(panel, t, view, app, ui);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (hovered || panel.values_of == t.id || panel.linked_template == t.id) list.AddRectFilled(at, {at.x + width, at.y + height}, hovered ? ui.theme.hovered : ui.theme.selected, ui.theme.px(4));
  const float pad = ui.theme.px(6);
  const app::Level level = worst_level(t);
  draw_level_mark(list, {at.x + pad + ui.theme.px(3), at.y + ui.theme.px(4) + line / 2}, ui.theme.px(4), level, ui.theme);
  const float x = at.x + pad + ui.theme.px(14);
  const float spark = ui.theme.px(84), values = ui.theme.px(22);
  draw_text(ui, list, {x, at.y + ui.theme.px(4)}, ui.theme.text, fit_text(ui, template_name(panel, t), width - (x - at.x) - pad - values, Face::mono), Face::mono);
  const double share = n_rows == 0 ? 0 : 100.0 * double(t.count) / double(n_rows);
  const std::string facts = "T" + std::to_string(t.id) + (n_merged > 1 ? engine::format(" +%zu", n_merged - 1) : "") + "  ·  " + with_commas(t.count) +
                            engine::format(share >= 0.1 ? "  ·  %.1f %%" : "  ·  %.2g %%", share);
  const std::string tag = template_tag(view, t.id);
  const float y2 = at.y + ui.theme.px(7) + line;
  draw_text(ui, list, {x, y2}, ui.theme.dim, fit_text(ui, facts, width - spark - (x - at.x) - pad * 2));
  if (!tag.empty()) draw_text(ui, list, {x + text_width(ui, facts) + ui.theme.px(8), y2}, ui.theme.warning, tag, Face::bold);
  ui.probe("template", t.pattern, at, {at.x + width - values - pad, at.y + height});
  ImGui::SetCursorScreenPos({at.x + width - spark - pad, y2});
  sparkline(ui, {spark, line - ui.theme.px(1)}, t.timeline, level >= app::Level::warning ? ui.theme.levels[int(level)] : ui.theme.series[0]);
  if (t.pattern.find("<*>") != std::string::npos) {
    ImGui::SetCursorScreenPos({at.x + width - values - pad, at.y + ui.theme.px(2)});
    if (chip(ui, "values", panel.values_of == t.id ? "×" : "…", ui.theme.link, "template_values")) show_values(panel, t.id);
    tooltip(ui, "Values of its parameters");
  }
  draw_link_flash(ui, {Link::Kind::template_, t.id, 0}, at, {at.x + width, at.y + height});
  ImGui::SetCursorScreenPos(at);
  ImGui::Dummy({width, height});  // the row again: current Dear ImGui wants an item behind a moved cursor
  if (hovered && !ImGui::IsAnyItemActive() && ImGui::GetIO().MousePos.x < at.x + width - values - pad) template_tooltip(panel, t, view);
  ImGui::PopID();
}

// Asks for the values once for each template, filter and log.
void ask_for_values(LogsPanel& panel, const LogsView& view, app::App& app) {
  const std::string key = engine::format("%u %p %llu %lld", panel.values_of, static_cast<const void*>(view.rows.get()),
                                         static_cast<unsigned long long>(view.log->n_rows()), static_cast<long long>(panel.session));
  if (key == panel.values_asked || view.filtering) return;
  panel.values_asked = key;
  const std::vector<uint32_t>* group = panel.edits.group_of(panel.values_of);
  app.count_parameters(group != nullptr ? *group : std::vector<uint32_t>{panel.values_of});
}

void draw_parameter(LogsPanel& panel, const app::ParameterValues& values, uint32_t p, const LogsView& view, app::App& app, Ui& ui) {
  const auto& parameter = values.parameters[p];
  ImGui::PushID(int(p));
  const std::string n = with_commas(parameter.n_values) + (parameter.n_values == 1 ? " value" : " values");
  heading(ui, parameter.context, n);
  if (parameter.numeric && parameter.n_values > 1)
    text(ui, "range", engine::format("least %g  ·  median %g  ·  most %g", parameter.least, parameter.median, parameter.most), ui.theme.dim);
  const uint64_t most = parameter.top.empty() ? 1 : parameter.top.front().count;
  for (size_t v = 0; v < std::min(parameter.top.size(), shown_values); ++v) {
    const ValueClick clicked = value_row(ui, {int(v), parameter.top[v].value, parameter.top[v].count, most, -1, "parameter_value"});
    if (clicked != ValueClick::none) add_chip(view, parameter_chip(values.template_id, p, parameter.top[v].value, clicked == ValueClick::out), app);
  }
  if (parameter.n_values > shown_values) text(ui, "more", "and " + with_commas(parameter.n_values - shown_values) + " more values", ui.theme.faint);
  const bool merged = panel.edits.group_of(values.template_id) != nullptr;
  if (parameter.n_values > 1 &&
      button(ui, "Split by this", ButtonKind::quiet, "Show the lines of each value as a template of its own", Command::none,
             merged ? "Take the merged templates apart first" : view.rows ? "Clear the filter first: the parts are of the whole log" : nullptr)) {
    TemplateEdits changed = panel.edits;
    changed.take_apart(values.template_id);
    TemplateSplit split{values.template_id, p, values.n_rows, {}};
    for (size_t v = 0; v < std::min(parameter.top.size(), split_values); ++v) split.values.emplace_back(parameter.top[v].value, parameter.top[v].count);
    changed.split.push_back(std::move(split));
    change_edits(panel, changed, engine::format("T%u is split by its values", values.template_id), app, ui);
  }
  ImGui::PopID();
}

void draw_values(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  ask_for_values(panel, view, app);
  const std::shared_ptr<const app::ParametersView> parameters = app.parameters();
  heading(ui, engine::format("Values in T%u", panel.values_of), view.rows ? "of the lines shown" : "of all lines");
  ImGui::SameLine();
  if (chip(ui, "close", "×", ui.theme.dim, "values_close")) panel.values_of = app::no_template;
  ImGui::BeginChild("values", {0, 0}, false);
  if (parameters->running) draw_running(ui, "counting", "Counting values", "", -1, false);
  if (!parameters->error.empty()) draw_notice(ui, "error", parameters->error, ui.theme.bad);
  if (!parameters->running)
    for (const app::ParameterValues& values : parameters->templates) {
      ImGui::PushID(int(values.template_id));
      if (parameters->templates.size() > 1) text(ui, "pattern", values.pattern, ui.theme.dim, Face::mono);
      if (values.n_rows == 0) text(ui, "none", "No line of this template passes the filter.", ui.theme.faint);
      if (values.n_unread > 0)
        draw_notice(ui, "unread", with_commas(values.n_unread) + " of " + with_commas(values.n_rows) + " lines could not be taken apart by the pattern and are not counted", ui.theme.warning);
      for (size_t p = 0; p < values.parameters.size(); ++p) draw_parameter(panel, values, uint32_t(p), view, app, ui);
      ImGui::PopID();
    }
  ImGui::EndChild();
}

// The list scrolls to the template that a link leads to; a merged one stands with its leader.
void bring_into_sight(LogsPanel& panel, float row_height, Ui& ui) {
  if (panel.wanted_template == app::no_template) return;
  const std::vector<uint32_t>* group = panel.edits.group_of(panel.wanted_template);
  const uint32_t shown = group != nullptr ? group->front() : panel.wanted_template;
  if (group != nullptr) ui.flash(Link{Link::Kind::template_, shown, 0});
  const auto entry = std::find_if(panel.entries.begin(), panel.entries.end(), [&](const TemplateEntry& e) { return e.id == shown; });
  if (entry != panel.entries.end()) ImGui::SetScrollY(std::max(0.f, float(entry - panel.entries.begin()) * row_height - ImGui::GetWindowHeight() * 0.3f));
  panel.wanted_template = app::no_template;
  panel.linked_template = shown;
}

}  // namespace

std::string ids_text(const LogsPanel& panel, uint32_t id) {
  const std::vector<uint32_t>* group = panel.edits.group_of(id);
  if (group == nullptr) return std::to_string(id);
  std::string out;
  for (const uint32_t one : *group) out += (out.empty() ? "" : ",") + std::to_string(one);
  return out;
}

FilterChip template_chip(const std::string& ids, bool exclude) {
  FilterChip made;
  made.kind = FilterChip::Kind::template_id;
  made.value = ids;
  made.exclude = exclude;
  return made;
}

FilterChip parameter_chip(uint32_t template_id, uint32_t parameter, const std::string& value, bool exclude) {
  FilterChip made;
  made.kind = FilterChip::Kind::parameter;
  made.name = engine::format("%u.%u", template_id, parameter);
  made.value = value;
  made.exclude = exclude;
  return made;
}

void draw_templates(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  const auto& templates = view.log->templates();
  const std::string hint = "Find in " + with_commas(templates.size()) + " templates";
  input_text("##template_search", hint.c_str(), &panel.template_search, ImGui::GetContentRegionAvail().x - ui.theme.px(118));
  ImGui::SameLine();
  ImGui::SetNextItemWidth(-1);
  ImGui::Combo("##order", &panel.template_order, "Most\0First seen\0Rarest\0");
  if (panel.merging != app::no_template) {
    if (draw_notice(ui, "merging", engine::format("Click the template to be merged with T%u", panel.merging), ui.theme.accent, "Cancel") || ui.take(Command::stop))
      panel.merging = app::no_template;
  }
  sort_templates(panel, view);
  const bool with_values = panel.values_of != app::no_template && panel.values_of < templates.size();
  const float room = ImGui::GetContentRegionAvail().y;
  const float below = with_values ? room * 0.55f : 0;
  ImGui::BeginChild("templates", {0, room - below}, false);
  if (templates.empty())
    draw_empty(ui, "none", {"No templates yet", "They are mined while the log is read.", {}});
  else if (panel.entries.empty())
    draw_empty(ui, "none", {"No template found", "None holds \"" + panel.template_search + "\".", {}});
  const float width = ImGui::GetContentRegionAvail().x;
  const float height = ImGui::GetTextLineHeight() * 2 + ui.theme.px(12) + ImGui::GetStyle().ItemSpacing.y;
  bring_into_sight(panel, height, ui);
  ImGuiListClipper clipper;
  clipper.Begin(int(panel.entries.size()), height);
  while (clipper.Step())
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const TemplateEntry entry = panel.entries[size_t(i)];
      const TemplateSplit* split = entry.part >= 0 ? panel.edits.split_of(entry.id) : nullptr;
      if (split != nullptr && size_t(entry.part) < split->values.size()) {
        draw_part(*split, size_t(entry.part), templates[entry.id], width, view, app, ui);
        continue;
      }
      const std::vector<uint32_t>* group = panel.edits.group_of(entry.id);
      if (group == nullptr) draw_template(panel, templates[entry.id], 1, view.log->n_rows(), width, view, app, ui);
      else draw_template(panel, sum_of(templates, *group), group->size(), view.log->n_rows(), width, view, app, ui);
    }
  ImGui::EndChild();
  if (with_values) {
    ImGui::PushID("values_pane");
    draw_values(panel, view, app, ui);
    ImGui::PopID();
  }
}

}  // namespace ui
