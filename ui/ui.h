// ui/ui.h: what all panels and widgets share within a frame: theme, fonts, commands, links, toasts,
// the selected text, and a record of what was drawn where for tests and the automation log.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/types.h"
#include "imgui.h"
#include "ui/fonts.h"
#include "ui/keys.h"
#include "ui/references.h"
#include "ui/theme.h"

namespace ui {

enum class Screen { incident, logs, kql, configs, tasks, models, settings, connections };
constexpr int n_screens = 8;

// One place that links lead to and Alt+Left returns to.
struct Place {
  Screen screen = Screen::incident;
  app::RowId row = app::no_row;
  std::optional<Link> link = {};   // what else a link led to
  friend bool operator==(const Place&, const Place&) = default;
};

// Something worth finding again on screen: drawn text of a kind, with its rectangle in pixels.
struct Probe {
  std::string kind, text;   // "citation", "L1203"
  ImVec2 min, max;
  app::RowId row = app::no_row;
};

// What a right-click menu or a chip asked for; the shell carries it out.
struct Request {
  enum class Kind { ask, filter_in, filter_out, jump, open_files, add_evidence, show_screen, save, query,
                    add_to_query, show_source, follow } kind;
  std::string text;             // save: the file's name to begin with; query: KQL for the editor;
                                // add_to_query: a condition; show_source: its id
  app::RowId row = app::no_row;
  Screen screen = Screen::incident;
  std::function<std::string()> make = {};   // save: the text, made on another thread
  Link link = {};                      // follow: where it leads
};

struct Toast {
  std::string text;
  double until = 0;
  std::function<void()> undo;   // empty: nothing to undo
  uint64_t step = 0;            // the undo step that the toast is about; 0: none
};

// Something the user did that can be taken back and done again.
struct UndoStep {
  std::string text;             // "Filter cleared"
  std::function<void()> undo, redo;
  uint64_t id = 0;
};

// The selected part of one block of text.
struct TextSelection {
  ImGuiID owner = 0;
  size_t anchor = 0, caret = 0;
  std::string text;             // as it would be copied
};

class Ui {
 public:
  explicit Ui(Fonts& shared_fonts) : fonts(shared_fonts) {}

  // Call first in a frame, after ImGui::NewFrame.
  void begin_frame();

  // --- commands: given by a key, the palette or a button, taken by who carries them out
  void give(Command command) { command_ = command; }
  bool take(Command command);
  Command command() const { return command_; }

  // --- links
  void jump_to(app::RowId row) { ask({Request::Kind::jump, {}, row, Screen::logs}); }
  void follow(const Link& link) { ask({.kind = Request::Kind::follow, .text = {}, .link = link}); }
  void ask(Request request) { requests.push_back(std::move(request)); }
  void flash(app::RowId row);
  float flash_share(app::RowId row) const;   // 1 just now .. 0 after one second
  void flash(const Link& link);
  float flash_share(const Link& link) const;

  // With undo: a step of undo() as well, that lasts longer than the toast.
  void toast(std::string text, std::function<void()> undo = {}, std::function<void()> redo = {});
  void undo();                  // the last step; says so where there is none
  void redo();
  void undo_step(uint64_t id);  // that one
  // Draw again within this time even if nothing happens.
  void animate(double seconds) { if (seconds < redraw_within) redraw_within = seconds; }
  void copy(std::string_view text);

  // While recording: what was drawn as text, and where something of a kind stands.
  void note_drawn(std::string_view text);
  void probe(const char* kind, std::string_view text, ImVec2 min, ImVec2 max,
             app::RowId row = app::no_row);

  // Lines of the log around a row, for tooltips: set by the shell, which has the log at hand.
  std::function<void(app::RowId)> line_preview = {};
  // What a link leads to, in a few lines; none where nothing is there. Set by the shell.
  std::function<std::optional<std::string>(const Link&)> about_link = {};

  Theme theme;
  Fonts& fonts;
  double now = 0;               // seconds, ImGui's clock
  bool reduce_motion = false, compact_rows = false;
  std::vector<Request> requests;
  std::vector<Toast> toasts;
  std::vector<UndoStep> undone, done;   // to be redone, to be undone; the last first to go
  TextSelection selection;
  app::RowId flashed_row = app::no_row;
  double flashed_at = -10;
  Link flashed_link;
  double link_flashed_at = -10;
  double redraw_within = 1e9;   // reset each frame
  bool recording = false;       // the two below are kept only then, for the current frame
  std::vector<Probe> probes;
  std::string drawn;            // a line for each piece of text
  Where list_focus = Where::app;  // the screen whose list has the keyboard
  std::string copied;           // last text given to the clipboard

 private:
  Command command_ = Command::none;
  int command_age_ = 0;
  uint64_t next_step_ = 1;
};

enum class Face { regular, bold, mono };
ImFont* font_of(const Ui& ui, Face face);

// Pushes a face at the current size for the life of the object; a null font is left alone.
class WithFace {
 public:
  WithFace(const Ui& ui, Face face);
  ~WithFace();
  WithFace(const WithFace&) = delete;
  WithFace& operator=(const WithFace&) = delete;
};

// Width of text in a face at the current size.
float text_width(const Ui& ui, std::string_view text, Face face = Face::regular);
// The longest beginning that fits, with "…" where something was cut.
std::string fit_text(const Ui& ui, std::string_view text, float width, Face face = Face::regular);
// Draws on a list; also noted for glyphs and, while recording, as drawn.
void draw_text(Ui& ui, ImDrawList& list, ImVec2 position, ImU32 color, std::string_view text,
               Face face = Face::regular);

}  // namespace ui
