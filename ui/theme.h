// ui/theme.h: colours, spacing and the marks of levels. Every colour on screen comes from here.
// A level is a shape and a colour, so that it can be told without seeing colour.
#pragma once
#include <string>

#include "app/types.h"
#include "imgui.h"

namespace ui {

enum class ThemeKind { dark, light, high_contrast };

// "dark", "light", "high_contrast"; "system" and anything else follow the desktop (dark where it
// does not say).
ThemeKind theme_from_name(const std::string& name);

struct Theme {
  ThemeKind kind = ThemeKind::dark;
  float scale = 1;  // pixels on screen for one pixel of the design

  ImU32 window, panel, raised, hovered, selected, border, border_strong;  // areas, back to front
  ImU32 text, dim, faint, link, accent, on_accent;
  ImU32 good, warning, bad;
  ImU32 selection, flash, chip, chip_hovered;
  ImU32 levels[app::n_levels];
  ImU32 series[8];      // charts, search terms
  ImU32 shadow;

  float px(float design_pixels) const;  // rounded to a whole pixel on screen, at least 1
  float gap() const { return px(8); }
};

Theme make_theme(ThemeKind kind, float scale);
// Gives ImGui's style these colours and sizes.
void apply(const Theme& theme);

ImU32 with_alpha(ImU32 color, float alpha);    // alpha times the colour's own
ImU32 mix(ImU32 a, ImU32 b, float share_of_b);
float contrast_ratio(ImU32 a, ImU32 b);        // WCAG 2.1, 1..21; alpha is ignored

// The level's shape: diamond critical, disc error, triangle warning, ring notice, dot info,
// square outline debug, dash trace, nothing for none.
void draw_level_mark(ImDrawList& list, ImVec2 center, float radius, app::Level level,
                     const Theme& theme);
ImU32 severity_color(app::Severity severity, const Theme& theme);
app::Level severity_level(app::Severity severity);

}  // namespace ui
