#include "ui/keys.h"

#include <algorithm>

#include "imgui.h"

namespace ui {
namespace {

// One row a command. The order is that of the key help.
constexpr Binding usual[] = {
    {Command::palette, "palette", "Command palette", Where::anywhere, Key::p, ctrl | shift, Key::f1, 0},
    {Command::search_all, "search_all", "Search everything", Where::anywhere, Key::k, ctrl},
    {Command::show_incident, "show_incident", "Show Incident", Where::anywhere, Key::n1, ctrl},
    {Command::show_logs, "show_logs", "Show Logs", Where::anywhere, Key::n2, ctrl},
    {Command::show_kql, "show_kql", "Show KQL", Where::anywhere, Key::n3, ctrl},
    {Command::show_configs, "show_configs", "Show Configs", Where::anywhere, Key::n4, ctrl},
    {Command::show_tasks, "show_tasks", "Show Tasks", Where::anywhere, Key::n5, ctrl},
    {Command::show_models, "show_models", "Show Models", Where::anywhere, Key::n6, ctrl},
    {Command::show_settings, "show_settings", "Show Settings", Where::anywhere, Key::n7, ctrl, Key::comma, ctrl},
    {Command::show_connections, "show_connections", "Show Connections", Where::anywhere, Key::n8, ctrl},
    {Command::new_session, "new_session", "New session", Where::anywhere, Key::n, ctrl},
    {Command::close_session, "close_session", "Archive session", Where::anywhere, Key::w, ctrl},
    {Command::last_session, "last_session", "Last session", Where::anywhere, Key::tab, ctrl},
    {Command::rename, "rename", "Rename session", Where::anywhere, Key::f2},
    {Command::paste, "paste", "Paste as log or config", Where::app, Key::v, ctrl},
    {Command::open_files, "open_files", "Open files", Where::anywhere, Key::o, ctrl},
    {Command::find, "find", "Find in the log", Where::anywhere, Key::f, ctrl},
    {Command::find_next, "find_next", "Next hit", Where::anywhere, Key::f3},
    {Command::go_to_line, "go_to_line", "Go to line or time", Where::anywhere, Key::g, ctrl},
    {Command::back, "back", "Back along links", Where::anywhere, Key::left, alt},
    {Command::forward, "forward", "Forward along links", Where::anywhere, Key::right, alt},
    {Command::toggle_sidebar, "toggle_sidebar", "Show or hide the sidebar", Where::anywhere, Key::b, ctrl},
    {Command::preview_prompt, "preview_prompt", "What the model will see", Where::anywhere, Key::i, ctrl},
    {Command::regenerate, "regenerate", "Ask the last question again", Where::anywhere, Key::r, ctrl},
    {Command::export_report, "export_report", "Export a report", Where::anywhere, Key::e, ctrl | shift},
    {Command::undo, "undo", "Undo", Where::app, Key::z, ctrl},
    {Command::redo, "redo", "Redo", Where::app, Key::y, ctrl},
    {Command::larger, "larger", "Larger text", Where::anywhere, Key::equal, ctrl, Key::keypad_add, ctrl},
    {Command::smaller, "smaller", "Smaller text", Where::anywhere, Key::minus, ctrl, Key::keypad_subtract,
     ctrl},
    {Command::normal_size, "normal_size", "Normal text size", Where::anywhere, Key::n0, ctrl},
    {Command::copy_selection, "copy_selection", "Copy the selection", Where::app, Key::c, ctrl},
    {Command::stop, "stop", "Stop, cancel, close", Where::anywhere, Key::escape},
    {Command::show_keys, "show_keys", "Show the keys", Where::app, Key::slash, shift},
    {Command::run_query, "run_query", "Run the query", Where::anywhere, Key::f5},
    {Command::show_last_result, "show_last_result", "Show the last result", Where::anywhere, Key::f8},
    {Command::quick_fix, "quick_fix", "Quick fix", Where::anywhere, Key::period, ctrl},
    {Command::format_query, "format_query", "Format the query", Where::anywhere, Key::f, alt | shift},
    {Command::comment_lines, "comment_lines", "Comment lines in or out", Where::anywhere, Key::slash, ctrl},
    {Command::next_problem, "next_problem", "Next problem", Where::anywhere, Key::f8, alt},
    {Command::previous_problem, "previous_problem", "Previous problem", Where::anywhere, Key::f8, alt | shift},
    {Command::next_finding, "next_finding", "Next finding", Where::configs, Key::right_bracket},
    {Command::previous_finding, "previous_finding", "Previous finding", Where::configs, Key::left_bracket},
    {Command::next_error, "next_error", "Next error", Where::logs, Key::e},
    {Command::previous_error, "previous_error", "Previous error", Where::logs, Key::e, shift},
    {Command::next_warning, "next_warning", "Next warning", Where::logs, Key::w},
    {Command::previous_warning, "previous_warning", "Previous warning", Where::logs, Key::w, shift},
    {Command::next_match, "next_match", "Next match", Where::logs, Key::n},
    {Command::previous_match, "previous_match", "Previous match", Where::logs, Key::n, shift},
    {Command::bookmark, "bookmark", "Bookmark the line", Where::logs, Key::m},
    {Command::list_bookmarks, "list_bookmarks", "Next bookmark", Where::logs, Key::m, shift},
    {Command::filter_in, "filter_in", "Show only lines of this template", Where::logs, Key::i},
    {Command::filter_out, "filter_out", "Hide lines of this template", Where::logs, Key::o},
    {Command::clear_filter, "clear_filter", "Clear the filter", Where::logs, Key::x},
    {Command::toggle_note, "toggle_note", "Note on the line", Where::logs, Key::t},
    {Command::use_as_evidence, "use_as_evidence", "Use the line as evidence", Where::logs, Key::u},
    {Command::compare_parts, "compare_parts", "Compare two parts of the log", Where::anywhere},
    {Command::teach_format, "teach_format", "Teach a log format", Where::anywhere},
    {Command::export_session, "export_session", "Export this session as a file", Where::anywhere},
    {Command::import_session, "import_session", "Import a session from a file", Where::anywhere},
    {Command::fork_session, "fork_session", "Fork this session", Where::anywhere},
    {Command::new_tab, "new_tab", "New query tab", Where::anywhere, Key::t, ctrl},
    {Command::next_tab, "next_tab", "Next query tab", Where::anywhere, Key::page_down, ctrl},
    {Command::close_tab, "close_tab", "Close the query tab", Where::anywhere, Key::f4, ctrl},
    {Command::open_sample, "open_sample", "Open the sample incident", Where::anywhere},
    {Command::load_model, "load_model", "Load the default model", Where::anywhere},
    {Command::unload_model, "unload_model", "Unload the model", Where::anywhere},
    {Command::theme_dark, "theme_dark", "Theme: dark", Where::anywhere},
    {Command::theme_light, "theme_light", "Theme: light", Where::anywhere},
    {Command::theme_contrast, "theme_contrast", "Theme: high contrast", Where::anywhere},
    {Command::quit, "quit", "Quit", Where::anywhere, Key::q, ctrl},
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
    {Key::space, "Space", ' ', SIGMA_KEY(Space)},
    {Key::del, "Del", 261, SIGMA_KEY(Delete)},
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

// "Ctrl+Shift+P", "e", "E" (Shift+e), "?".
bool read_chord(std::string text, Key* key, unsigned* mods) {
  *mods = 0;
  for (const auto& [name, bit] : {std::pair<std::string_view, unsigned>{"Ctrl+", ctrl}, {"Shift+", shift}, {"Alt+", alt}})
    if (text.size() > name.size() && text.compare(0, name.size(), name) == 0) {
      *mods |= bit;
      text.erase(0, name.size());
    }
  if (text == "?") {
    *key = Key::slash;
    *mods |= shift;
    return true;
  }
  if (text.size() == 1 && text[0] >= 'a' && text[0] <= 'z') return *key = Key(int(Key::a) + text[0] - 'a'), true;
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z') {
    *key = Key(int(Key::a) + text[0] - 'A');
    if (*mods == 0) *mods = shift;
    return true;
  }
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '9') return *key = Key(int(Key::n0) + text[0] - '0'), true;
  for (const KeyName& name : named_keys)
    if (text == name.text) return *key = name.key, true;
  return false;
}

std::vector<Binding>& table() {
  static std::vector<Binding> now(std::begin(usual), std::end(usual));
  return now;
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

std::span<const Binding> all_bindings() { return table(); }

const Binding* binding_of(Command command) {
  for (const Binding& binding : table())
    if (binding.command == command) return &binding;
  return nullptr;
}

const Binding* usual_binding(Command command) {
  for (const Binding& binding : usual)
    if (binding.command == command) return &binding;
  return nullptr;
}

bool read_keys(const std::string& text, Binding* binding) {
  Key keys[2] = {Key::none, Key::none};
  unsigned mods[2] = {0, 0};
  size_t at = 0, n = 0;
  while (at < text.size() && n < 2) {
    size_t end = text.find(", ", at);
    if (end == std::string::npos) end = text.size();
    if (!read_chord(text.substr(at, end - at), &keys[n], &mods[n])) return false;
    ++n;
    at = end + 2;
  }
  binding->key = keys[0], binding->mods = mods[0];
  binding->key2 = keys[1], binding->mods2 = mods[1];
  return true;
}

std::vector<std::string> set_own_keys(const std::string& text) {
  std::vector<std::string> notes;
  table().assign(std::begin(usual), std::end(usual));
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(';', at), text.size());
    const std::string item = text.substr(at, end - at);
    at = end + 1;
    const size_t sign = item.find('=');
    if (sign == std::string::npos) continue;
    const std::string id = item.substr(0, sign), keys = item.substr(sign + 1);
    const auto found = std::find_if(table().begin(), table().end(), [&](const Binding& b) { return id == b.id; });
    if (found == table().end()) notes.push_back("keys: no command is called " + id);
    else if (!read_keys(keys, &*found)) notes.push_back("keys: " + keys + " cannot be read; " + id + " keeps its usual ones");
  }
  return notes;
}

std::string own_keys_text(Command command, const std::string& keys, const std::string& old) {
  const Binding* binding = usual_binding(command);
  if (binding == nullptr) return old;
  std::string out;
  const std::string lead = std::string(binding->id) + "=";
  for (size_t at = 0; at < old.size();) {
    const size_t end = std::min(old.find(';', at), old.size());
    const std::string item = old.substr(at, end - at);
    if (!item.empty() && item.rfind(lead, 0) != 0) out += item + ";";
    at = end + 1;
  }
  return keys == keys_text(*binding) ? out : out + lead + keys + ";";
}

std::vector<Command> conflicts(const Binding& binding) {
  std::vector<Command> found;
  const auto same = [](Key a, unsigned a_mods, Key b, unsigned b_mods) { return a != Key::none && a == b && a_mods == b_mods; };
  for (const Binding& other : table()) {
    if (other.command == binding.command) continue;
    const bool keys = same(binding.key, binding.mods, other.key, other.mods) || same(binding.key, binding.mods, other.key2, other.mods2) ||
                      same(binding.key2, binding.mods2, other.key, other.mods) || same(binding.key2, binding.mods2, other.key2, other.mods2);
    const bool meet = binding.where == other.where || binding.where == Where::anywhere || other.where == Where::anywhere || binding.where == Where::app || other.where == Where::app;
    if (keys && meet) found.push_back(other.command);
  }
  return found;
}

std::string chord_pressed() {
  const ImGuiIO& io = ImGui::GetIO();
  const unsigned mods = (io.KeyCtrl ? unsigned(ctrl) : 0u) | (io.KeyShift ? unsigned(shift) : 0u) | (io.KeyAlt ? unsigned(alt) : 0u);
  for (int key = int(Key::a); key <= int(Key::right_bracket); ++key)
    if (pressed(Key(key), mods)) return chord_text(Key(key), mods);
  return {};
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
  for (const Binding& binding : table()) {
    if (!acts(binding.where, screen, typing)) continue;
    if (pressed(binding.key, binding.mods) || pressed(binding.key2, binding.mods2))
      return binding.command;
  }
  return std::nullopt;
}

}  // namespace ui
