#include "ui/theme.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ui {
namespace {

constexpr ImU32 rgb(uint32_t hex, int alpha = 255) {
  return IM_COL32((hex >> 16) & 255, (hex >> 8) & 255, hex & 255, alpha);
}

void set_levels(Theme& theme, const uint32_t (&hex)[app::n_levels]) {
  for (int level = 0; level < app::n_levels; ++level) theme.levels[level] = rgb(hex[level]);
}

void set_series(Theme& theme, const uint32_t (&hex)[8]) {
  for (int i = 0; i < 8; ++i) theme.series[i] = rgb(hex[i]);
}

void set_dark(Theme& t) {
  t.window = rgb(0x12161c), t.panel = rgb(0x181d25), t.raised = rgb(0x212834);
  t.hovered = rgb(0x2a3342), t.selected = rgb(0x21405f), t.border = rgb(0x2b3340);
  t.border_strong = rgb(0x4a566a);
  t.text = rgb(0xe3e8ef), t.dim = rgb(0x9daabb), t.faint = rgb(0x7c899b);
  t.link = rgb(0x74b4ff), t.accent = rgb(0x3d8bfd), t.on_accent = rgb(0x08131f);
  t.good = rgb(0x4cc38a), t.warning = rgb(0xf0b23f), t.bad = rgb(0xff7468);
  t.selection = rgb(0x3d8bfd, 110), t.flash = rgb(0xf0b23f, 120);
  t.chip = rgb(0x24405f), t.chip_hovered = rgb(0x2f5680);
  set_levels(t, {0x7c899b, 0x7c899b, 0x8794a6, 0x7f9fc4, 0x56c2d6, 0xf0b23f, 0xff7468, 0xff5fa2});
  set_series(t, {0x5aa2ff, 0xf0b23f, 0x4cc38a, 0xff7468, 0xb48cff, 0x56c2d6, 0xff8fc7, 0xc3ca5c});
  t.shadow = rgb(0x000000, 130);
}

void set_light(Theme& t) {
  t.window = rgb(0xeef0f4), t.panel = rgb(0xffffff), t.raised = rgb(0xf2f4f8);
  t.hovered = rgb(0xe3e9f2), t.selected = rgb(0xcfe3ff), t.border = rgb(0xd5dae3);
  t.border_strong = rgb(0x98a3b5);
  t.text = rgb(0x1a2029), t.dim = rgb(0x505c6e), t.faint = rgb(0x667184);
  t.link = rgb(0x0a5cc2), t.accent = rgb(0x1667d9), t.on_accent = rgb(0xffffff);
  t.good = rgb(0x137a4b), t.warning = rgb(0x8f5a00), t.bad = rgb(0xc22a1f);
  t.selection = rgb(0x1667d9, 70), t.flash = rgb(0xffc53d, 150);
  t.chip = rgb(0xdce9fb), t.chip_hovered = rgb(0xc4dbf9);
  set_levels(t, {0x667184, 0x667184, 0x667184, 0x456a99, 0x0f7489, 0x9a6200, 0xc22a1f, 0xae1466});
  set_series(t, {0x1667d9, 0xb36d00, 0x137a4b, 0xc22a1f, 0x6d3fd1, 0x0f7489, 0xae1466, 0x6a7000});
  t.shadow = rgb(0x20304a, 60);
}

void set_high_contrast(Theme& t) {
  t.window = rgb(0x000000), t.panel = rgb(0x000000), t.raised = rgb(0x141414);
  t.hovered = rgb(0x333333), t.selected = rgb(0x00478f), t.border = rgb(0x8a8a8a);
  t.border_strong = rgb(0xffffff);
  t.text = rgb(0xffffff), t.dim = rgb(0xe0e0e0), t.faint = rgb(0xc4c4c4);
  t.link = rgb(0x7fd0ff), t.accent = rgb(0xffe14d), t.on_accent = rgb(0x000000);
  t.good = rgb(0x5dff9b), t.warning = rgb(0xffd21f), t.bad = rgb(0xff8a80);
  t.selection = rgb(0x1aa3ff, 150), t.flash = rgb(0xffe14d, 150);
  t.chip = rgb(0x003a66), t.chip_hovered = rgb(0x005c9e);
  set_levels(t, {0xe0e0e0, 0xc4c4c4, 0xc4c4c4, 0x9fd4ff, 0x40f0ff, 0xffd21f, 0xff8a80, 0xff86d3});
  set_series(t, {0x7fd0ff, 0xffd21f, 0x5dff9b, 0xff8a80, 0xd3b5ff, 0x40f0ff, 0xff86d3, 0xe6ff66});
  t.shadow = rgb(0x000000, 200);
}

// The desktop's wish as GTK passes it on; there is no other without a desktop library.
bool desktop_wants_light() {
  const char* gtk = std::getenv("GTK_THEME");
  if (gtk == nullptr || *gtk == 0) return false;
  return std::string(gtk).find("dark") == std::string::npos;
}

float channel(ImU32 color, int shift) {
  float v = float((color >> shift) & 255) / 255.f;
  return v <= 0.03928f ? v / 12.92f : std::pow((v + 0.055f) / 1.055f, 2.4f);
}

float luminance(ImU32 color) {
  return 0.2126f * channel(color, IM_COL32_R_SHIFT) + 0.7152f * channel(color, IM_COL32_G_SHIFT) +
         0.0722f * channel(color, IM_COL32_B_SHIFT);
}

ImVec4 v4(ImU32 color) { return ImGui::ColorConvertU32ToFloat4(color); }

}  // namespace

ThemeKind theme_from_name(const std::string& name) {
  if (name == "dark") return ThemeKind::dark;
  if (name == "light") return ThemeKind::light;
  if (name == "high_contrast") return ThemeKind::high_contrast;
  return desktop_wants_light() ? ThemeKind::light : ThemeKind::dark;
}

float Theme::px(float design_pixels) const {
  return std::max(1.f, std::round(design_pixels * scale));
}

Theme make_theme(ThemeKind kind, float scale) {
  Theme theme{};
  theme.kind = kind;
  theme.scale = scale;
  if (kind == ThemeKind::dark) set_dark(theme);
  if (kind == ThemeKind::light) set_light(theme);
  if (kind == ThemeKind::high_contrast) set_high_contrast(theme);
  return theme;
}

void apply(const Theme& theme) {
  ImGuiStyle style;
  style.WindowPadding = {theme.px(10), theme.px(10)};
  style.FramePadding = {theme.px(9), theme.px(5)};
  style.ItemSpacing = {theme.px(8), theme.px(6)};
  style.ItemInnerSpacing = {theme.px(6), theme.px(4)};
  style.CellPadding = {theme.px(6), theme.px(3)};
  style.IndentSpacing = theme.px(16);
  style.ScrollbarSize = theme.px(12);
  style.GrabMinSize = theme.px(14);
  style.WindowRounding = style.PopupRounding = theme.px(6);
  style.ChildRounding = style.FrameRounding = style.GrabRounding = theme.px(4);
  style.ScrollbarRounding = theme.px(6);
  style.TabRounding = theme.px(4);
  style.WindowBorderSize = style.ChildBorderSize = style.PopupBorderSize = 1;
  style.FrameBorderSize = 1;
  style.DisabledAlpha = 0.55f;

  ImVec4* c = style.Colors;
  c[ImGuiCol_Text] = v4(theme.text);
  c[ImGuiCol_TextDisabled] = v4(theme.dim);
  c[ImGuiCol_WindowBg] = v4(theme.window);
  c[ImGuiCol_ChildBg] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_PopupBg] = v4(theme.panel);
  c[ImGuiCol_Border] = v4(theme.border);
  c[ImGuiCol_BorderShadow] = ImVec4(0, 0, 0, 0);
  // Fields are sunk into what they stand on, whether panel, card or popup.
  const ImU32 frame = theme.kind == ThemeKind::light ? theme.panel : theme.window;
  c[ImGuiCol_FrameBg] = v4(frame);
  c[ImGuiCol_FrameBgHovered] = v4(theme.hovered);
  c[ImGuiCol_FrameBgActive] = v4(theme.hovered);
  c[ImGuiCol_MenuBarBg] = v4(theme.panel);
  c[ImGuiCol_TitleBg] = c[ImGuiCol_TitleBgActive] = c[ImGuiCol_TitleBgCollapsed] = v4(theme.raised);
  c[ImGuiCol_ScrollbarBg] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_ScrollbarGrab] = v4(with_alpha(theme.border_strong, 0.7f));
  c[ImGuiCol_ScrollbarGrabHovered] = v4(theme.border_strong);
  c[ImGuiCol_ScrollbarGrabActive] = v4(theme.accent);
  c[ImGuiCol_CheckMark] = v4(theme.accent);
  c[ImGuiCol_SliderGrab] = v4(with_alpha(theme.accent, 0.6f));
  c[ImGuiCol_SliderGrabActive] = v4(with_alpha(theme.accent, 0.85f));
  c[ImGuiCol_Button] = v4(theme.kind == ThemeKind::light ? theme.hovered
                                                         : mix(theme.raised, theme.hovered, 0.6f));
  c[ImGuiCol_ButtonHovered] = v4(mix(theme.hovered, theme.border_strong, 0.25f));
  c[ImGuiCol_ButtonActive] = v4(theme.selected);
  c[ImGuiCol_Header] = v4(theme.selected);
  c[ImGuiCol_HeaderHovered] = v4(theme.hovered);
  c[ImGuiCol_HeaderActive] = v4(theme.selected);
  c[ImGuiCol_Separator] = v4(theme.border);
  c[ImGuiCol_SeparatorHovered] = v4(theme.accent);
  c[ImGuiCol_SeparatorActive] = v4(theme.accent);
  c[ImGuiCol_ResizeGrip] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_Tab] = v4(theme.panel);
  c[ImGuiCol_TabHovered] = v4(theme.hovered);
  c[ImGuiCol_PlotHistogram] = v4(theme.accent);
  c[ImGuiCol_TableHeaderBg] = v4(theme.raised);
  c[ImGuiCol_TableBorderStrong] = v4(theme.border);
  c[ImGuiCol_TableBorderLight] = v4(theme.border);
  c[ImGuiCol_TableRowBg] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_TableRowBgAlt] = v4(with_alpha(theme.raised, 0.45f));
  c[ImGuiCol_TextSelectedBg] = v4(theme.selection);
  c[ImGuiCol_DragDropTarget] = v4(theme.accent);
  c[ImGuiCol_ModalWindowDimBg] = v4(with_alpha(theme.shadow, 1.f));
  ImGui::GetStyle() = style;
}

ImU32 with_alpha(ImU32 color, float alpha) {
  const float own = float((color >> IM_COL32_A_SHIFT) & 255);
  const auto a = ImU32(std::clamp(own * alpha, 0.f, 255.f));
  return (color & ~IM_COL32_A_MASK) | (a << IM_COL32_A_SHIFT);
}

ImU32 mix(ImU32 a, ImU32 b, float share_of_b) {
  ImU32 out = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    const float x = float((a >> shift) & 255), y = float((b >> shift) & 255);
    out |= ImU32(x + (y - x) * share_of_b + 0.5f) << shift;
  }
  return out;
}

float contrast_ratio(ImU32 a, ImU32 b) {
  const float x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05f) / (std::min(x, y) + 0.05f);
}

void draw_level_mark(ImDrawList& list, ImVec2 c, float r, app::Level level, const Theme& theme) {
  const ImU32 color = theme.levels[int(level)];
  const float line = std::max(1.f, theme.scale * 1.4f);
  switch (level) {
    case app::Level::critical:
      list.AddQuadFilled({c.x, c.y - r * 1.2f}, {c.x + r * 1.2f, c.y}, {c.x, c.y + r * 1.2f},
                         {c.x - r * 1.2f, c.y}, color);
      break;
    case app::Level::error: list.AddCircleFilled(c, r, color); break;
    case app::Level::warning:
      list.AddTriangleFilled({c.x, c.y - r}, {c.x + r, c.y + r * 0.85f}, {c.x - r, c.y + r * 0.85f},
                             color);
      break;
    case app::Level::notice: list.AddCircle(c, r * 0.85f, color, 0, line); break;
    case app::Level::info: list.AddCircleFilled(c, r * 0.5f, color); break;
    case app::Level::debug: {
      const float h = r * 0.6f;
      list.AddRect({c.x - h, c.y - h}, {c.x + h, c.y + h}, color, 0, 0, line);
      break;
    }
    case app::Level::trace:
      list.AddLine({c.x - r * 0.6f, c.y}, {c.x + r * 0.6f, c.y}, color, line);
      break;
    case app::Level::none: break;
  }
}

app::Level severity_level(app::Severity severity) {
  switch (severity) {
    case app::Severity::info: return app::Level::info;
    case app::Severity::warning: return app::Level::warning;
    case app::Severity::error: return app::Level::error;
    case app::Severity::critical: return app::Level::critical;
  }
  return app::Level::none;
}

ImU32 severity_color(app::Severity severity, const Theme& theme) {
  return theme.levels[int(severity_level(severity))];
}

}  // namespace ui
