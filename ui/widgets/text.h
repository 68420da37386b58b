// ui/widgets/text.h: text that wraps, can be selected with the mouse, copied, and holds chips.
// All prose and all facts on screen go through it; ImGui's own text cannot be selected.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ui/ui.h"

namespace ui {

struct Span {
  std::string_view text;      // borrowed for the call
  ImU32 color = 0;            // 0: the theme's text colour
  Face face = Face::regular;
  int chip = -1;              // 0 and up: a chip with this number, drawn as a button
};

struct TextOptions {
  float width = 0;            // 0: what is left of the window
  bool wrap = true;           // false: lines break only at '\n'
  bool menu = true;           // right-click menu
  app::RowId row = app::no_row;   // the log row it shows, for the menu's filter and evidence lines
  const char* probe = nullptr;    // kind of the block's probe; null: none
  const char* chip_probe = "chip";
  std::string_view reference = {};  // "F31": what the menu copies as a reference to the block; empty: nothing
};

struct TextResult {
  int clicked_chip = -1, hovered_chip = -1;
  bool hovered = false;
  float height = 0;
  std::vector<std::pair<int, float>> chip_places = {};   // chips with where their lines begin, below the block's top
  float chip_y(int chip) const;                          // 0 where there is no such chip
};

TextResult rich_text(Ui& ui, const char* id, std::span<const Span> spans,
                     const TextOptions& options = {});
TextResult text(Ui& ui, const char* id, std::string_view text, ImU32 color = 0,
                Face face = Face::regular, const TextOptions& options = {});

// One line cut to the width with "…", whole text in a tooltip; right-click copies.
void label(Ui& ui, const char* id, std::string_view text, ImU32 color, float width,
           Face face = Face::regular);

// The right-click menu of the item just drawn.
// Copy, Copy as Markdown, Ask about this, Filter in, Filter out, Add to evidence.
// reference: "C2:18", how to refer to it in a question; empty: there is no way.
void item_menu(Ui& ui, const char* id, std::string_view text, app::RowId row = app::no_row, std::string_view reference = {});

// A line of any right-click menu.
bool menu_item(Ui& ui, const char* shown, const char* keys = nullptr);

// Height that rich_text would take at this width.
float text_height(Ui& ui, std::string_view text, float width, Face face = Face::regular);

// Answers as models write them: headings, bullets, `code`, **bold**, fences; cut into spans.
// Spans point into text or into storage, which must outlive them.
struct Mark {
  size_t at = 0;              // byte of the text that the chip follows
  std::string label;
  ImU32 color = 0;
  int chip = 0;
  size_t length = 0;          // bytes of the text that the chip stands for instead; 0: none
};
struct MarkdownStyle {
  ImU32 color = 0, code_color = 0, dim_color = 0;
  std::span<const std::pair<size_t, size_t>> faint = {};   // byte ranges drawn in dim_color, ascending
};
std::vector<Span> markdown_spans(std::string_view text, std::span<const Mark> marks,
                                 const MarkdownStyle& style);

}  // namespace ui
