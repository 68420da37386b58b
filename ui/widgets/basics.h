// ui/widgets/basics.h: the small parts that all panels are made of.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/types.h"
#include "ui/ui.h"

namespace ui {

// --- states: what a panel shows instead of its content. Drawn in the middle of what is left.
struct StateBox {
  const char* title = "";
  std::string text;                 // one or two sentences
  std::vector<const char*> buttons;
};
int draw_empty(Ui& ui, const char* id, const StateBox& box);    // the button clicked, or -1
int draw_failed(Ui& ui, const char* id, const StateBox& box);   // the same, marked as an error
// A progress line with what, how far, and Cancel; true when Cancel was clicked.
// fraction below 0: unknown, drawn as a moving bar. height is one line and a half.
bool draw_running(Ui& ui, const char* id, std::string_view what, std::string_view count,
                  double fraction, bool can_cancel = true);
// One line on what was cut, skipped or assumed, with an optional button.
bool draw_notice(Ui& ui, const char* id, std::string_view text, ImU32 color,
                 const char* button = nullptr);

// --- buttons
enum class ButtonKind { normal, primary, quiet, danger };
// keys: shown in the tooltip beside tip. A disabled button says why in the tooltip.
bool button(Ui& ui, const char* label, ButtonKind kind = ButtonKind::normal,
            const char* tip = nullptr, Command command = Command::none,
            const char* disabled_reason = nullptr);
float button_width(const char* label);
// A chip in a line of its own items (not inside text): returns true when clicked.
bool chip(Ui& ui, const char* id, std::string_view text, ImU32 color, const char* probe = "chip",
          app::RowId row = app::no_row);
void tooltip(Ui& ui, const char* text, Command command = Command::none);  // of the last item

// --- areas
// A card with a filled, rounded background as high as its content.
class Card {
 public:
  Card(Ui& ui, const char* id, ImU32 edge = 0);
  ~Card();
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;
  float inner_width() const { return inner_; }

 private:
  Ui& ui_;
  ImVec2 start_;
  float width_, inner_;
  ImU32 edge_;
  ImDrawListSplitter layers_;   // the background is drawn when the height is known
};
// A child window with the panel's background. Ended by the destructor.
class Pane {
 public:
  Pane(Ui& ui, const char* id, ImVec2 size, bool filled = true, ImGuiWindowFlags flags = 0);
  ~Pane();
  Pane(const Pane&) = delete;
  Pane& operator=(const Pane&) = delete;
};
// The heading of a pane with an optional count at its right.
void heading(Ui& ui, std::string_view text, std::string_view right = {});
// A bar between two panes that changes *size when dragged; sizes are in design pixels.
void splitter(Ui& ui, const char* id, bool vertical, float* size, float least, float most,
              float sign = 1);

// --- small charts
void sparkline(Ui& ui, ImVec2 size, const std::vector<uint32_t>& values, ImU32 color);
void meter(Ui& ui, ImVec2 size, double share, ImU32 color);   // a filled bar, 0..1

// --- numbers and times as text
std::string with_commas(uint64_t n);
std::string bytes_text(uint64_t n);                 // "1.4 GB"
std::string seconds_text(double seconds);           // "0.8 s", "2 min 04 s"
std::string time_text(app::Ticks time);             // "2026-07-31 09:12:07.120", "" for no_time
std::string short_time_text(app::Ticks time);       // "09:12:07.120"
std::string day_text(app::Ticks time);              // "2026-07-31"
std::string range_text(app::Ticks begin, app::Ticks end);   // days said once

// ImGui::InputText over a std::string. hint: shown while empty.
bool input_text(const char* id, const char* hint, std::string* text, float width,
                ImGuiInputTextFlags flags = 0);
bool input_multiline(const char* id, std::string* text, ImVec2 size, ImGuiInputTextFlags flags = 0);

}  // namespace ui
