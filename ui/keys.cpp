#include "ui/keys.h"

#include "imgui.h"

namespace ui {
namespace {

// One row a command. The order is that of the key help.
constexpr Binding bindings[] = {
    {Command::palette, "Command palette", Where::anywhere, Key::p, ctrl | shift, Key::f1, 0},
    {Command::search_all, "Search everything", Where::anywhere, Key::k, ctrl},
    {Command::show_incident, "Show Incident", Where::anywhere, Key::n1, ctrl},
    {Command::show_logs, "Show Logs", Where::anywhere, Key::n2, ctrl},
    {Command::show_kql, "Show KQL", Where::anywhere, Key::n3, ctrl},
    {Command::show_configs, "Show Configs", Where::anywhere, Key::n4, ctrl},
    {Command::show_tasks, "Show Tasks", Where::anywhere, Key::n5, ctrl},
    {Command::show_models, "Show Models", Where::anywhere, Key::n6, ctrl},
    {Command::show_settings, "Show Settings", Where::anywhere, Key::n7, ctrl, Key::comma, ctrl},
    {Command::new_session, "New session", Where::anywhere, Key::n, ctrl},
    {Command::close_session, "Archive session", Where::anywhere, Key::w, ctrl},
    {Command::last_session, "Last session", Where::anywhere, Key::tab, ctrl},
    {Command::rename, "Rename session", Where::anywhere, Key::f2},
    {Command::paste, "Paste as log or config", Where::app, Key::v, ctrl},
    {Command::open_files, "Open files", Where::anywhere, Key::o, ctrl},
    {Command::find, "Find in the log", Where::anywhere, Key::f, ctrl},
    {Command::find_next, "Next hit", Where::anywhere, Key::f3},
    {Command::go_to_line, "Go to line or time", Where::anywhere, Key::g, ctrl},
    {Command::back, "Back along links", Where::anywhere, Key::left, alt},
    {Command::forward, "Forward along links", Where::anywhere, Key::right, alt},
    {Command::toggle_sidebar, "Show or hide the sidebar", Where::anywhere, Key::b, ctrl},
    {Command::preview_prompt, "What the model will see", Where::anywhere, Key::i, ctrl},
    {Command::regenerate, "Ask the last question again", Where::anywhere, Key::r, ctrl},
    {Command::export_report, "Export a report", Where::anywhere, Key::e, ctrl | shift},
    {Command::undo, "Undo", Where::app, Key::z, ctrl},
    {Command::redo, "Redo", Where::app, Key::y, ctrl},
    {Command::larger, "Larger text", Where::anywhere, Key::equal, ctrl, Key::keypad_add, ctrl},
    {Command::smaller, "Smaller text", Where::anywhere, Key::minus, ctrl, Key::keypad_subtract,
     ctrl},
    {Command::normal_size, "Normal text size", Where::anywhere, Key::n0, ctrl},
    {Command::copy_selection, "Copy the selection", Where::app, Key::c, ctrl},
    {Command::stop, "Stop, cancel, close", Where::anywhere, Key::escape},
    {Command::show_keys, "Show the keys", Where::app, Key::slash, shift},
    {Command::run_query, "Run the query", Where::anywhere, Key::f5},
    {Command::show_last_result, "Show the last result", Where::anywhere, Key::f8},
    {Command::next_problem, "Next problem", Where::anywhere, Key::f8, alt},
    {Command::previous_problem, "Previous problem", Where::anywhere, Key::f8, alt | shift},
    {Command::next_error, "Next error", Where::logs, Key::e},
    {Command::previous_error, "Previous error", Where::logs, Key::e, shift},
    {Command::next_warning, "Next warning", Where::logs, Key::w},
    {Command::previous_warning, "Previous warning", Where::logs, Key::w, shift},
    {Command::next_match, "Next match", Where::logs, Key::n},
    {Command::previous_match, "Previous match", Where::logs, Key::n, shift},
    {Command::bookmark, "Bookmark the line", Where::logs, Key::m},
    {Command::list_bookmarks, "Next bookmark", Where::logs, Key::m, shift},
    {Command::filter_in, "Show only lines of this template", Where::logs, Key::i},
    {Command::filter_out, "Hide lines of this template", Where::logs, Key::o},
    {Command::clear_filter, "Clear the filter", Where::logs, Key::x},
    {Command::open_sample, "Open the sample incident", Where::anywhere},
    {Command::load_model, "Load the default model", Where::anywhere},
    {Command::unload_model, "Unload the model", Where::anywhere},
    {Command::theme_dark, "Theme: dark", Where::anywhere},
    {Command::theme_light, "Theme: light", Where::anywhere},
    {Command::theme_contrast, "Theme: high contrast", Where::anywhere},
    {Command::quit, "Quit", Where::anywhere, Key::q, ctrl},
};

// What each key is called, its GLFW number (ImGui before 1.87 counts keys so) and ImGui's own name.
struct KeyName {
  Key key;
  const char* text;
  int glfw;
  int imgui;
};

#if IMGUI_VERSION_NUM >= 18700
#define SIGMA_KEY(name) ImGuiKey_##name
#else
#define SIGMA_KEY(name) 0
#endif

constexpr KeyName named_keys[] = {
    {Key::f1, "F1", 290, SIGMA_KEY(F1)},
    {Key::f2, "F2", 291, SIGMA_KEY(F2)},
    {Key::f3, "F3", 292, SIGMA_KEY(F3)},
    {Key::f4, "F4", 293, SIGMA_KEY(F4)},
    {Key::f5, "F5", 294, SIGMA_KEY(F5)},
    {Key::f6, "F6", 295, SIGMA_KEY(F6)},
    {Key::f7, "F7", 296, SIGMA_KEY(F7)},
    {Key::f8, "F8", 297, SIGMA_KEY(F8)},
    {Key::escape, "Esc", 256, SIGMA_KEY(Escape)},
    {Key::enter, "Enter", 257, SIGMA_KEY(Enter)},
    {Key::tab, "Tab", 258, SIGMA_KEY(Tab)},
    {Key::left, "←", 263, SIGMA_KEY(LeftArrow)},
    {Key::right, "→", 262, SIGMA_KEY(RightArrow)},
    {Key::up, "↑", 265, SIGMA_KEY(UpArrow)},
    {Key::down, "↓", 264, SIGMA_KEY(DownArrow)},
    {Key::page_up, "PgUp", 266, SIGMA_KEY(PageUp)},
    {Key::page_down, "PgDn", 267, SIGMA_KEY(PageDown)},
    {Key::home, "Home", 268, SIGMA_KEY(Home)},
    {Key::end, "End", 269, SIGMA_KEY(End)},
    {Key::comma, ",", ',', SIGMA_KEY(Comma)},
    {Key::period, ".", '.', SIGMA_KEY(Period)},
    {Key::equal, "=", '=', SIGMA_KEY(Equal)},
    {Key::minus, "-", '-', SIGMA_KEY(Minus)},
    {Key::slash, "/", '/', SIGMA_KEY(Slash)},
    {Key::keypad_add, "Num +", 334, SIGMA_KEY(KeypadAdd)},
    {Key::keypad_subtract, "Num -", 333, SIGMA_KEY(KeypadSubtract)},
    {Key::left_bracket, "[", '[', SIGMA_KEY(LeftBracket)},
    {Key::right_bracket, "]", ']', SIGMA_KEY(RightBracket)},
};

const KeyName* find_name(Key key) {
  for (const KeyName& name : named_keys)
    if (name.key == key) return &name;
  return nullptr;
}

std::string chord_text(Key key, unsigned mods) {
  if (key == Key::slash && mods == shift) return "?";
  std::string text;
  if (mods & ctrl) text += "Ctrl+";
  if (mods & shift) {
    if (mods == shift && key >= Key::a && key <= Key::z)
      return std::string(1, char('A' + int(key) - int(Key::a)));
    text += "Shift+";
  }
  if (mods & alt) text += "Alt+";
  if (key >= Key::a && key <= Key::z)
    text += char((mods == 0 ? 'a' : 'A') + int(key) - int(Key::a));
  else if (key >= Key::n0 && key <= Key::n9)
    text += char('0' + int(key) - int(Key::n0));
  else if (const KeyName* name = find_name(key))
    text += name->text;
  return text;
}

bool acts(Where where, Where screen, bool typing) {
  switch (where) {
    case Where::anywhere: return true;
    case Where::app: return !typing;
    default: return !typing && where == screen;
  }
}

}  // namespace

const char* where_name(Where where) {
  switch (where) {
    case Where::anywhere: return "Everywhere";
    case Where::app: return "Outside text fields";
    case Where::incident: return "Incident";
    case Where::logs: return "Logs";
    case Where::kql: return "KQL";
    case Where::configs: return "Configs";
  }
  return "";
}

std::span<const Binding> all_bindings() { return bindings; }

const Binding* binding_of(Command command) {
  for (const Binding& binding : bindings)
    if (binding.command == command) return &binding;
  return nullptr;
}

std::string keys_text(const Binding& binding) {
  if (binding.key == Key::none) return {};
  std::string text = chord_text(binding.key, binding.mods);
  if (binding.key2 != Key::none) text += ", " + chord_text(binding.key2, binding.mods2);
  return text;
}

std::string keys_text(Command command) {
  const Binding* binding = binding_of(command);
  return binding == nullptr ? std::string() : keys_text(*binding);
}

int imgui_key(Key key) {
#if IMGUI_VERSION_NUM >= 18700
  if (key >= Key::a && key <= Key::z) return ImGuiKey_A + int(key) - int(Key::a);
  if (key >= Key::n0 && key <= Key::n9) return ImGuiKey_0 + int(key) - int(Key::n0);
  const KeyName* name = find_name(key);
  return name == nullptr ? 0 : name->imgui;
#else
  if (key >= Key::a && key <= Key::z) return 'A' + int(key) - int(Key::a);
  if (key >= Key::n0 && key <= Key::n9) return '0' + int(key) - int(Key::n0);
  const KeyName* name = find_name(key);
  return name == nullptr ? 0 : name->glfw;
#endif
}

bool pressed(Key key, unsigned mods, bool repeat) {
  if (key == Key::none) return false;
  const ImGuiIO& io = ImGui::GetIO();
  if (io.KeyCtrl != ((mods & ctrl) != 0) || io.KeyAlt != ((mods & alt) != 0) ||
      io.KeyShift != ((mods & shift) != 0))
    return false;
#if IMGUI_VERSION_NUM >= 18700
  return ImGui::IsKeyPressed(ImGuiKey(imgui_key(key)), repeat);
#else
  return ImGui::IsKeyPressed(imgui_key(key), repeat);
#endif
}

bool key_down_now(Key key) {
#if IMGUI_VERSION_NUM >= 18700
  return ImGui::IsKeyDown(ImGuiKey(imgui_key(key)));
#else
  return ImGui::IsKeyDown(imgui_key(key));
#endif
}

std::optional<Command> pressed_command(Where screen, bool typing) {
  for (const Binding& binding : bindings) {
    if (!acts(binding.where, screen, typing)) continue;
    if (pressed(binding.key, binding.mods) || pressed(binding.key2, binding.mods2))
      return binding.command;
  }
  return std::nullopt;
}

}  // namespace ui
