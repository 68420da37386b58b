#include "ui/widgets/basics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "imgui_internal.h"
#include "imgui_stdlib.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

struct DateTime {
  int year, month, day;
  int64_t ticks_of_day;
};

DateTime split_time(app::Ticks time) {
  using namespace std::chrono;
  const int64_t ticks_per_day = app::ticks_per_second * 86400;
  const int64_t since_epoch = time - app::unix_epoch_ticks;
  int64_t days = since_epoch / ticks_per_day, rest = since_epoch % ticks_per_day;
  if (rest < 0) {
    rest += ticks_per_day;
    --days;
  }
  const year_month_day date{sys_days{std::chrono::days{days}}};
  return {int(date.year()), int(unsigned(date.month())), int(unsigned(date.day())), rest};
}

int draw_state(Ui& ui, const char* id, const StateBox& box, ImU32 mark) {
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float width = std::clamp(room.x - ui.theme.px(24), ui.theme.px(80), ui.theme.px(460));
  const float text_h = text_height(ui, box.text, width);
  const float height = ImGui::GetTextLineHeight() * 2.2f + text_h +
                       (box.buttons.empty() ? 0 : ImGui::GetFrameHeight() + ui.theme.px(10));
  const ImVec2 start = ImGui::GetCursorPos();
  const float x = start.x + std::max(0.f, (room.x - width) / 2);
  const float y = start.y + std::max(0.f, (room.y - height) * 0.42f);
  ImGui::PushID(id);
  ImGui::SetCursorPos({x, y});
  const float title_width = text_width(ui, box.title, Face::bold);
  ImGui::SetCursorPosX(x + std::max(0.f, (width - title_width) / 2));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  if (mark != 0)
    ImGui::GetWindowDrawList()->AddCircleFilled(
        {at.x - ui.theme.px(12), at.y + ImGui::GetFontSize() / 2}, ui.theme.px(4), mark);
  label(ui, "title", box.title, ui.theme.text, title_width + 1, Face::bold);
  ImGui::SetCursorPosX(x + std::max(0.f, (width - text_width(ui, box.text)) / 2));
  const TextOptions options{.width = width};
  text(ui, "text", box.text, ui.theme.dim, Face::regular, options);
  int clicked = -1;
  if (!box.buttons.empty()) {
    float total = ui.theme.px(8) * float(box.buttons.size() - 1);
    for (const char* name : box.buttons) total += button_width(name);
    ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(6));
    // Side by side where they fit, else one under the other.
    const bool beside = total <= width;
    for (size_t i = 0; i < box.buttons.size(); ++i) {
      const float own = beside ? total : button_width(box.buttons[i]);
      if (i > 0 && beside) ImGui::SameLine(0, ui.theme.px(8));
      else ImGui::SetCursorPosX(x + std::max(0.f, (width - own) / 2));
      if (button(ui, box.buttons[i], i == 0 ? ButtonKind::primary : ButtonKind::normal))
        clicked = int(i);
    }
  }
  ImGui::PopID();
  return clicked;
}

}  // namespace

int draw_empty(Ui& ui, const char* id, const StateBox& box) { return draw_state(ui, id, box, 0); }

int draw_failed(Ui& ui, const char* id, const StateBox& box) {
  return draw_state(ui, id, box, ui.theme.bad);
}

bool draw_running(Ui& ui, const char* id, std::string_view what, std::string_view count,
                  double fraction, bool can_cancel) {
  ImGui::PushID(id);
  bool cancelled = false;
  const float cancel_width = can_cancel ? button_width("Cancel") + ui.theme.px(8) : 0;
  const float width = ImGui::GetContentRegionAvail().x - cancel_width;
  ImGui::AlignTextToFramePadding();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  std::string line(what);
  if (!count.empty()) line += "  ·  " + std::string(count);
  if (fraction >= 0) line += engine::format("  ·  %.0f %%", fraction * 100);
  const float y = at.y + ImGui::GetStyle().FramePadding.y;
  ImGui::Dummy({std::max(width, 1.f), ImGui::GetFrameHeight()});
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_text(ui, list, {at.x, y - ui.theme.px(1)}, ui.theme.dim, fit_text(ui, line, width));
  ui.note_drawn(line);
  const float bar_y = at.y + ImGui::GetFrameHeight() - ui.theme.px(3);
  const ImVec2 a{at.x, bar_y}, b{at.x + width, bar_y + ui.theme.px(3)};
  list.AddRectFilled(a, b, ui.theme.border, ui.theme.px(2));
  if (fraction >= 0) {
    list.AddRectFilled(a, {a.x + width * float(std::min(fraction, 1.0)), b.y}, ui.theme.accent,
                       ui.theme.px(2));
  } else {
    const float phase = ui.reduce_motion ? 0.4f : float(std::fmod(ui.now * 0.6, 1.0));
    const float x0 = a.x + width * std::max(0.f, phase * 1.3f - 0.3f);
    const float x1 = a.x + width * std::min(1.f, phase * 1.3f);
    list.AddRectFilled({x0, a.y}, {x1, b.y}, ui.theme.accent, ui.theme.px(2));
    ui.animate(ui.reduce_motion ? 0.5 : 0.033);
  }
  if (can_cancel) {
    ImGui::SameLine(0, ui.theme.px(8));
    cancelled = button(ui, "Cancel", ButtonKind::normal, "Stop; what is done so far stays");
  }
  ImGui::PopID();
  return cancelled;
}

bool draw_notice(Ui& ui, const char* id, std::string_view content, ImU32 color,
                 const char* button_label) {
  ImGui::PushID(id);
  const float pad = ui.theme.px(8);
  const float width = ImGui::GetContentRegionAvail().x;
  const float wanted = button_label != nullptr ? button_width(button_label) + pad : 0;
  // Beside the text where that leaves it room, else below.
  const bool below = wanted > width * 0.4f;
  const float extra = below ? 0 : wanted;
  const float inner = width - pad * 2 - ui.theme.px(4) - extra;
  const float text_h = text_height(ui, content, inner);
  const float button_h = button_label != nullptr ? ImGui::GetFrameHeight() : 0.f;
  const float height = (below ? text_h + button_h + ui.theme.px(4) : std::max(text_h, button_h)) + ui.theme.px(6);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(at, {at.x + width, at.y + height}, mix(ui.theme.panel, color, 0.10f),
                     ui.theme.px(4));
  list.AddRectFilled(at, {at.x + ui.theme.px(3), at.y + height}, color, ui.theme.px(2));
  const ImVec2 local = ImGui::GetCursorPos();
  // In the middle where the button beside it is higher.
  const float text_dy = below ? 0 : std::max(0.f, (button_h - text_h) / 2);
  ImGui::SetCursorPos({local.x + pad + ui.theme.px(2), local.y + ui.theme.px(3) + text_dy});
  const TextOptions options{.width = inner};
  text(ui, "text", content, ui.theme.text, Face::regular, options);
  bool clicked = false;
  if (button_label != nullptr) {
    if (below) ImGui::SetCursorPos({local.x + pad, local.y + ui.theme.px(5) + text_h});
    else ImGui::SetCursorPos({local.x + width - button_width(button_label) - ui.theme.px(4),
                              local.y + (height - ImGui::GetFrameHeight()) / 2});
    clicked = button(ui, button_label);
  }
  ImGui::SetCursorPos(local);
  ImGui::Dummy({width, height});
  ImGui::PopID();
  return clicked;
}

float button_width(const char* text_shown) {
  const char* end = std::strstr(text_shown, "##");
  return ImGui::CalcTextSize(text_shown, end).x + ImGui::GetStyle().FramePadding.x * 2;
}

bool button(Ui& ui, const char* text_shown, ButtonKind kind, const char* tip, Command command,
            const char* disabled_reason) {
  int pushed = 0;
  if (disabled_reason != nullptr) kind = ButtonKind::normal;
  if (kind == ButtonKind::primary) {
    ImGui::PushStyleColor(ImGuiCol_Button, ui.theme.accent);
    ImGui::PushStyleColor(ImGuiCol_ButtonHovered, mix(ui.theme.accent, ui.theme.text, 0.2f));
    ImGui::PushStyleColor(ImGuiCol_ButtonActive, mix(ui.theme.accent, ui.theme.text, 0.35f));
    ImGui::PushStyleColor(ImGuiCol_Text, ui.theme.on_accent);
    pushed = 4;
  } else if (kind == ButtonKind::quiet) {
    ImGui::PushStyleColor(ImGuiCol_Button, IM_COL32(0, 0, 0, 0));
    ImGui::PushStyleColor(ImGuiCol_Border, IM_COL32(0, 0, 0, 0));
    pushed = 2;
  } else if (kind == ButtonKind::danger) {
    ImGui::PushStyleColor(ImGuiCol_Text, ui.theme.bad);
    pushed = 1;
  }
  if (disabled_reason != nullptr) ImGui::BeginDisabled();
  const bool clicked = ImGui::Button(text_shown);
  if (disabled_reason != nullptr) ImGui::EndDisabled();
  ImGui::PopStyleColor(pushed);
  const char* end = std::strstr(text_shown, "##");
  const std::string_view shown = end != nullptr ? std::string_view(text_shown, size_t(end - text_shown)) : text_shown;
  ui.note_drawn(shown);
  ui.probe("button", shown, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  if (disabled_reason != nullptr) {
    if (ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled))
      ImGui::SetTooltip("%s", disabled_reason);
  } else if (tip != nullptr || command != Command::none) {
    tooltip(ui, tip != nullptr ? tip : "", command);
  }
  return clicked;
}

void tooltip(Ui&, const char* content, Command command) {
  if (!ImGui::IsItemHovered()) return;
  const std::string keys = command == Command::none ? std::string() : keys_text(command);
  if (*content == 0 && keys.empty()) return;
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 28);
  if (*content != 0) ImGui::TextUnformatted(content);
  if (!keys.empty()) ImGui::TextDisabled("%s", keys.c_str());
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

bool chip(Ui& ui, const char* id, std::string_view content, ImU32 color, const char* probe,
          app::RowId row) {
  const float pad = ui.theme.px(7);
  const ImVec2 size{text_width(ui, content) + pad * 2, ImGui::GetTextLineHeight() + ui.theme.px(4)};
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushID(id);
  const bool clicked = ImGui::InvisibleButton("chip", size);
  const bool hovered = ImGui::IsItemHovered();
  if (hovered) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 end{at.x + size.x, at.y + size.y};
  list.AddRectFilled(at, end, hovered ? ui.theme.chip_hovered : ui.theme.chip, ui.theme.px(4));
  draw_text(ui, list, {at.x + pad, at.y + ui.theme.px(2)}, color, content);
  ui.probe(probe, content, at, end, row);
  ImGui::PopID();
  return clicked;
}

Card::Card(Ui& ui, const char* id, ImU32 edge) : ui_(ui), edge_(edge) {
  ImGui::PushID(id);
  start_ = ImGui::GetCursorScreenPos();
  width_ = ImGui::GetContentRegionAvail().x;
  const float pad = ui.theme.px(10);
  inner_ = width_ - pad * 2;
  layers_.Split(ImGui::GetWindowDrawList(), 2);
  layers_.SetCurrentChannel(ImGui::GetWindowDrawList(), 1);
  ImGui::BeginGroup();
  ImGui::Dummy({width_, ui.theme.px(8) - ImGui::GetStyle().ItemSpacing.y});
  ImGui::Indent(pad);
  ImGui::PushItemWidth(inner_);
}

Card::~Card() {
  const float pad = ui_.theme.px(10);
  ImGui::PopItemWidth();
  ImGui::Unindent(pad);
  ImGui::Dummy({1, std::max(1.f, ui_.theme.px(8) - ImGui::GetStyle().ItemSpacing.y)});
  ImGui::EndGroup();
  const ImVec2 end{start_.x + width_, ImGui::GetItemRectMax().y};
  ImDrawList& list = *ImGui::GetWindowDrawList();
  layers_.SetCurrentChannel(&list, 0);
  list.AddRectFilled(start_, end, ui_.theme.raised, ui_.theme.px(6));
  if (ui_.theme.kind != ThemeKind::dark) list.AddRect(start_, end, ui_.theme.border, ui_.theme.px(6));
  if (edge_ != 0)
    list.AddRectFilled(start_, {start_.x + ui_.theme.px(3), end.y}, edge_, ui_.theme.px(2));
  layers_.Merge(&list);
  ImGui::PopID();
}

Pane::Pane(Ui& ui, const char* id, ImVec2 size, bool filled, ImGuiWindowFlags flags) {
  ImGui::PushStyleColor(ImGuiCol_ChildBg, filled ? ui.theme.panel : ui.theme.window);
  ImGui::PushStyleColor(ImGuiCol_Border, ui.theme.border);
#if IMGUI_VERSION_NUM >= 19000
  ImGui::BeginChild(id, size, filled ? ImGuiChildFlags_Borders : ImGuiChildFlags_None, flags);
#else
  ImGui::BeginChild(id, size, filled, flags);
#endif
}

Pane::~Pane() {
  ImGui::EndChild();
  ImGui::PopStyleColor(2);
}

void heading(Ui& ui, std::string_view content, std::string_view right) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_text(ui, list, at, ui.theme.text, content, Face::bold);
  if (!right.empty()) {
    const float used = text_width(ui, content, Face::bold) + ui.theme.px(12);
    const std::string shown = fit_text(ui, right, std::max(width - used, 0.f));
    draw_text(ui, list, {at.x + width - text_width(ui, shown), at.y}, ui.theme.dim, shown);
  }
  ImGui::Dummy({width, ImGui::GetTextLineHeight() + ui.theme.px(2)});
}

void splitter(Ui& ui, const char* id, bool vertical, float* size, float least, float most,
              float sign) {
  const float thick = ui.theme.px(6);
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const ImVec2 extent = vertical ? ImVec2(thick, std::max(room.y, 1.f))
                                 : ImVec2(std::max(room.x, 1.f), thick);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton(id, extent);
  const bool hot = ImGui::IsItemHovered() || ImGui::IsItemActive();
  if (hot)
    ImGui::SetMouseCursor(vertical ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
  if (ImGui::IsItemActive()) {
    const ImVec2 moved = ImGui::GetIO().MouseDelta;
    *size += (vertical ? moved.x : moved.y) * sign / ui.theme.scale;
  }
  *size = std::clamp(*size, least, std::max(least, most));
  if (!hot) return;
  const float middle = std::round(thick / 2) - 1;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (vertical) {
    list.AddRectFilled({at.x + middle, at.y}, {at.x + middle + ui.theme.px(2), at.y + extent.y},
                       ui.theme.accent);
  } else {
    list.AddRectFilled({at.x, at.y + middle}, {at.x + extent.x, at.y + middle + ui.theme.px(2)},
                       ui.theme.accent);
  }
}

void sparkline(Ui&, ImVec2 size, const std::vector<uint32_t>& values, ImU32 color) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy(size);
  if (values.empty()) return;
  const uint32_t most = std::max<uint32_t>(*std::max_element(values.begin(), values.end()), 1);
  // One bar for each pixel column or value, whichever are fewer; each is its highest value.
  const size_t n_bars = std::min<size_t>(values.size(), std::max<size_t>(size_t(size.x / 2), 1));
  const float step = size.x / float(n_bars);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (size_t bar = 0; bar < n_bars; ++bar) {
    const size_t begin = bar * values.size() / n_bars;
    const size_t end = std::max((bar + 1) * values.size() / n_bars, begin + 1);
    uint32_t top = 0;
    for (size_t i = begin; i < end; ++i) top = std::max(top, values[i]);
    if (top == 0) continue;
    const float h = std::max(1.5f, size.y * float(top) / float(most));
    const float x = at.x + float(bar) * step;
    list.AddRectFilled({x, at.y + size.y - h}, {x + std::max(step - 1, 1.f), at.y + size.y}, color);
  }
}

void meter(Ui& ui, ImVec2 size, double share, ImU32 color) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy(size);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(at, {at.x + size.x, at.y + size.y}, ui.theme.border, size.y / 2);
  const float filled = size.x * float(std::clamp(share, 0.0, 1.0));
  if (filled >= 1)
    list.AddRectFilled(at, {at.x + std::max(filled, size.y), at.y + size.y}, color, size.y / 2);
}

std::string with_commas(uint64_t n) {
  std::string text = std::to_string(n);
  for (int at = int(text.size()) - 3; at > 0; at -= 3) text.insert(size_t(at), ",");
  return text;
}

std::string bytes_text(uint64_t n) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  double value = double(n);
  int unit = 0;
  while (value >= 1000 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  return engine::format(unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

std::string seconds_text(double seconds) {
  if (seconds < 0.95) return engine::format("%.0f ms", seconds * 1000);
  if (seconds < 100) return engine::format("%.1f s", seconds);
  return engine::format("%d min %02d s", int(seconds) / 60, int(seconds) % 60);
}

std::string day_text(app::Ticks time) {
  if (time == app::no_time) return {};
  const DateTime t = split_time(time);
  return engine::format("%04d-%02d-%02d", t.year, t.month, t.day);
}

std::string short_time_text(app::Ticks time) {
  if (time == app::no_time) return {};
  const int64_t of_day = split_time(time).ticks_of_day;
  const int64_t s = of_day / app::ticks_per_second;
  const int ms = int(of_day % app::ticks_per_second / 10'000);
  return engine::format("%02d:%02d:%02d.%03d", int(s / 3600), int(s / 60 % 60), int(s % 60), ms);
}

std::string time_text(app::Ticks time) {
  return time == app::no_time ? std::string() : day_text(time) + " " + short_time_text(time);
}

std::string range_text(app::Ticks begin, app::Ticks end) {
  if (begin == app::no_time) return "no times";
  if (end == app::no_time || end == begin) return time_text(begin);
  const bool same_day = day_text(begin) == day_text(end);
  std::string from = time_text(begin), to = same_day ? short_time_text(end) : time_text(end);
  // Over ten seconds the milliseconds only hide the rest.
  if (end - begin > 10 * app::ticks_per_second) {
    from.resize(from.size() - 4);
    to.resize(to.size() - 4);
  }
  return from + " – " + to;
}

bool input_text(const char* id, const char* hint, std::string* content, float width,
                ImGuiInputTextFlags flags) {
  ImGui::SetNextItemWidth(width);
  const float room = (width > 0 ? width : ImGui::GetContentRegionAvail().x + width) - ImGui::GetStyle().FramePadding.x * 2;
  if (!content->empty() || ImGui::CalcTextSize(hint).x <= room) return ImGui::InputTextWithHint(id, hint, content, flags);
  // A hint that does not fit ends in "…", not in the middle of a letter.
  std::string cut = hint;
  while (!cut.empty() && ImGui::CalcTextSize((cut + "…").c_str()).x > room) {
    while (cut.size() > 1 && (cut.back() & 0xC0) == 0x80) cut.pop_back();
    cut.pop_back();
  }
  return ImGui::InputTextWithHint(id, (cut + "…").c_str(), content, flags);
}

bool input_multiline(const char* id, std::string* content, ImVec2 size,
                     ImGuiInputTextFlags flags) {
  return ImGui::InputTextMultiline(id, content, size, flags);
}

}  // namespace ui
