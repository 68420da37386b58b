// ui/keys.h: every command of the app with its keys, in one table (keys.cpp). The palette, the
// key help and the tooltips read the same table.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ui {

enum class Command {
  none, palette, search_all, show_incident, show_logs, show_kql, show_configs, show_tasks,
  show_models, show_settings, show_connections, new_session, close_session, last_session, paste, open_files, find,
  find_next, go_to_line, back, forward, toggle_sidebar, send, stop, run_query, show_last_result,
  next_problem, previous_problem, next_error, previous_error, next_warning, previous_warning,
  next_match, previous_match, bookmark, list_bookmarks, filter_in, filter_out, clear_filter,
  preview_prompt, regenerate, export_report, undo, redo, larger, smaller, normal_size, rename,
  show_keys, open_sample, load_model, unload_model, theme_dark, theme_light, theme_contrast,
  copy_selection, quit, quick_fix, format_query, comment_lines, next_tab, new_tab, close_tab, toggle_note,
  use_as_evidence, export_session, import_session, fork_session, teach_format, compare_parts, next_finding,
  previous_finding
};

// Where keys act. anywhere: also while typing. app: when no text field has focus. The rest: when a
// list of that screen has focus and no text field does.
enum class Where { anywhere, app, incident, logs, kql, configs };
const char* where_name(Where where);

enum class Key : unsigned char {
  none, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
  n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, f1, f2, f3, f4, f5, f6, f7, f8, escape, enter, tab,
  left, right, up, down, page_up, page_down, home, end, comma, period, equal, minus, slash, space, del,
  keypad_add, keypad_subtract, left_bracket, right_bracket
};
enum Mods : unsigned { no_mods = 0, ctrl = 1, shift = 2, alt = 4 };

struct Binding {
  Command command;
  const char* id;               // in the settings file: "next_error"
  const char* text;             // "Next error"
  Where where;
  Key key = Key::none;          // none: only in the palette
  unsigned mods = 0;
  Key key2 = Key::none;         // a second key for the same
  unsigned mods2 = 0;
};
std::span<const Binding> all_bindings();     // with the user's own keys in place of the usual ones
// The user's own keys: "find=Ctrl+F;next_error=e, F4;". Names that are not known and keys that cannot
// be read are left out; gives a sentence on each.
std::vector<std::string> set_own_keys(const std::string& text);
std::string own_keys_text(Command command, const std::string& keys, const std::string& old);  // old with this one changed
// "Ctrl+Shift+P, F1" into a binding; false where it cannot be read.
bool read_keys(const std::string& text, Binding* binding);
// Other commands with one of the same keys where both act.
std::vector<Command> conflicts(const Binding& binding);
// The chord that is pressed in this frame, for a field that learns keys; empty: none.
std::string chord_pressed();
const Binding* usual_binding(Command command);
const Binding* binding_of(Command command);
std::string keys_text(const Binding& binding);   // "Ctrl+Shift+P, F1"
std::string keys_text(Command command);          // empty where it has none

// Was this chord pressed in this frame? Reads ImGui's input state.
bool pressed(Key key, unsigned mods, bool repeat = false);
bool key_down_now(Key key);
// The number under which ImGui's input state knows the key (GLFW's before 1.87).
int imgui_key(Key key);

// The command whose keys were pressed in this frame, if any. screen: the focused list's screen
// (Where::app for none); typing: a text field has the keyboard.
std::optional<Command> pressed_command(Where screen, bool typing);

}  // namespace ui
