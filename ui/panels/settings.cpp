#include "ui/panels/settings.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// One row: its name at the left, what it does below, the control at the right.
class Row {
 public:
  Row(Ui& ui, const std::string& search, const char* name, const char* about) : shown_(
      search.empty() || engine::contains_ignoring_case(name, search) || engine::contains_ignoring_case(about, search)) {
    if (!shown_) return;
    ImGui::PushID(name);
    const float control = ui.theme.px(300);
    const float width = ImGui::GetContentRegionAvail().x;
    const float x = ImGui::GetCursorPosX(), y = ImGui::GetCursorPosY();
    const float text_room = std::max(width - control - ui.theme.px(16), ui.theme.px(120));
    text(ui, "name", name, ui.theme.text, Face::regular, {.width = text_room});
    ImGui::SetCursorPosY(ImGui::GetCursorPosY() - ui.theme.px(5));
    text(ui, "about", about, ui.theme.dim, Face::regular, {.width = text_room});
    end_y_ = ImGui::GetCursorPosY() + ui.theme.px(6);
    ImGui::SetCursorPos({x + text_room + ui.theme.px(16), y + ui.theme.px(4)});
    ImGui::SetNextItemWidth(control - ui.theme.px(10));
  }
  ~Row() {
    if (!shown_) return;
    ImGui::SetCursorPosY(std::max(end_y_, ImGui::GetCursorPosY()));
    ImGui::Dummy({0, 0});
    ImGui::PopID();
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  explicit operator bool() const { return shown_; }

 private:
  bool shown_;
  float end_y_ = 0;
};

class Editor {
 public:
  Editor(SettingsPanel& panel, app::App& app, Ui& ui) : panel_(panel), app_(app), ui_(ui) {
    if (!panel.editing) panel.edited = app.settings();
  }

  app::Settings& now() { return panel_.edited; }

  // After each control: applied when the user lets go, with undo.
  void done(bool changed, const char* what, bool continuous = false) {
    if (continuous && ImGui::IsItemActive()) {
      panel_.editing = true;
      return;
    }
    if (!changed && !(continuous && ImGui::IsItemDeactivatedAfterEdit())) return;
    panel_.editing = false;
    const app::Settings before = app_.settings();
    app_.change_settings(panel_.edited);
    ui_.toast(std::string(what) + " changed", [this_app = &app_, before] { this_app->change_settings(before); },
              [this_app = &app_, after = panel_.edited] { this_app->change_settings(after); });
  }

 private:
  SettingsPanel& panel_;
  app::App& app_;
  Ui& ui_;
};

bool choose(const char* id, std::string* value, std::initializer_list<std::pair<const char*, const char*>> options) {
  const char* shown = value->c_str();
  for (const auto& [key, title] : options)
    if (*value == key) shown = title;
  bool changed = false;
  if (!ImGui::BeginCombo(id, shown)) return false;
  for (const auto& [key, title] : options)
    if (ImGui::Selectable(title, *value == key)) {
      *value = key;
      changed = true;
    }
  ImGui::EndCombo();
  return changed;
}

void draw_appearance(SettingsPanel& panel, Editor& edit, Ui& ui) {
  heading(ui, "Appearance");
  if (const Row row(ui, panel.search, "Theme", "Levels always have a shape beside their colour."); row)
    edit.done(choose("##theme", &edit.now().theme, {{"system", "As the system"}, {"dark", "Dark"}, {"light", "Light"}, {"high_contrast", "High contrast"}}), "Theme");
  if (const Row row(ui, panel.search, "UI scale", "75 to 300 %; Ctrl+= and Ctrl+- change it too."); row) {
    float percent = edit.now().ui_scale * 100;
    ImGui::SliderFloat("##scale", &percent, 75, 300, "%.0f %%");
    edit.now().ui_scale = std::clamp(percent / 100, 0.75f, 3.f);
    edit.done(false, "UI scale", true);
  }
  if (const Row row(ui, panel.search, "Font size", "Pixels at scale 100 %."); row) {
    ImGui::SliderFloat("##font", &edit.now().font_size, 11, 24, "%.0f px");
    edit.done(false, "Font size", true);
  }
  if (const Row row(ui, panel.search, "Compact rows", "More log lines on the screen."); row)
    edit.done(ImGui::Checkbox("##compact", &edit.now().compact_rows), "Compact rows");
  if (const Row row(ui, panel.search, "Wrap log lines", "Break long lines at the edge of the list."); row)
    edit.done(ImGui::Checkbox("##wrap", &edit.now().wrap_lines), "Wrap log lines");
  if (const Row row(ui, panel.search, "Reduce motion", "No fading and no moving bars."); row)
    edit.done(ImGui::Checkbox("##motion", &edit.now().reduce_motion), "Reduce motion");
}

// There is one table of texts: no choice is offered that would change nothing.
void draw_language(SettingsPanel& panel, Ui& ui) {
  if (const Row row(ui, panel.search, "Language",
                    "The program, its findings and its answers composed by code speak English only; a translation does not exist yet. Logs and questions may be in any "
                    "language. Dates are year-month-day and thousands have commas, whatever the system's language is.");
      row) {
    const char* system = std::getenv("LC_ALL");
    if (system == nullptr || *system == 0) system = std::getenv("LC_MESSAGES");
    if (system == nullptr || *system == 0) system = std::getenv("LANG");
    const std::string_view wanted = system == nullptr ? "" : system;
    const bool english = wanted.empty() || wanted.starts_with("en") || wanted.starts_with("C") || wanted.starts_with("POSIX");
    text(ui, "language", english ? std::string("English") : "English (the system asks for " + std::string(wanted) + ")", ui.theme.text, Face::regular, {.width = ui.theme.px(290), .probe = "language"});
  }
}

void draw_logs(SettingsPanel& panel, Editor& edit, Ui& ui) {
  heading(ui, "Logs");
  if (const Row row(ui, panel.search, "Time zone", "Assumed where a log gives none: UTC or an offset as +02:00."); row) {
    input_text("##zone", "UTC", &edit.now().time_zone, ui.theme.px(290));
    edit.done(false, "Time zone", true);
  }
  if (const Row row(ui, panel.search, "Log memory", "Decoded log kept in memory; more makes scrolling back faster."); row) {
    ImGui::SliderInt("##memory", &edit.now().log_memory_mb, 64, 8192, "%d MB", ImGuiSliderFlags_Logarithmic);
    edit.done(false, "Log memory", true);
  }
}

void draw_model(SettingsPanel& panel, Editor& edit, Ui& ui) {
  heading(ui, "Model");
  if (const Row row(ui, panel.search, "Context", "Tokens for question, evidence and answer; from the next load on."); row) {
    ImGui::SliderInt("##ctx", &edit.now().n_ctx, 512, 32768, "%d tokens", ImGuiSliderFlags_Logarithmic);
    edit.done(false, "Context", true);
  }
  if (const Row row(ui, panel.search, "Threads", "0: one for each core."); row) {
    ImGui::SliderInt("##threads", &edit.now().n_threads, 0, 64);
    edit.done(false, "Threads", true);
  }
  if (const Row row(ui, panel.search, "GPU", "Where there is one and the model fits it, else the CPU; never; or an error without one. From the next load on."); row)
    edit.done(choose("##gpu", &edit.now().gpu, {{"auto", "Use it where it serves"}, {"off", "Never use it"}, {"require", "Require it"}}), "GPU");
  if (const Row row(ui, panel.search, "Temperature", "0: the most likely word each time; the same question gives the same answer."); row) {
    ImGui::SliderFloat("##temperature", &edit.now().temperature, 0, 1.5f, "%.2f");
    edit.done(false, "Temperature", true);
  }
  if (const Row row(ui, panel.search, "Longest answer", "Tokens."); row) {
    ImGui::SliderInt("##answer", &edit.now().max_answer_tokens, 32, 2048, "%d tokens", ImGuiSliderFlags_Logarithmic);
    edit.done(false, "Longest answer", true);
  }
}

void change_keys(Command command, const std::string& keys, app::App& app, Ui& ui) {
  const app::Settings before = app.settings();
  app::Settings changed = before;
  changed.keys = own_keys_text(command, keys, before.keys);
  app.change_settings(changed);
  ui.toast(std::string("Keys changed: ") + usual_binding(command)->text, [&app, before] { app.change_settings(before); }, [&app, changed] { app.change_settings(changed); });
}

// Single letters with Alt, for who presses them by accident.
std::string letters_with_alt() {
  std::string keys;
  for (const Binding& binding : all_bindings()) {
    const Binding* usual = usual_binding(binding.command);
    if (usual->where == Where::logs && usual->mods <= shift && usual->key >= Key::a && usual->key <= Key::z) {
      Binding with_alt = *usual;
      with_alt.mods |= alt;
      keys += std::string(usual->id) + "=" + keys_text(with_alt) + ";";
    }
  }
  return keys;
}

void draw_keys(SettingsPanel& panel, app::App& app, Ui& ui) {
  heading(ui, "Keys");
  if (const Row row(ui, panel.search, "Presets", "Letters with Alt: e, w, n and the other letters of the log list need Alt."); row) {
    const auto preset = [&](const char* name, const std::string& keys) {
      if (!button(ui, name)) return;
      const app::Settings before = app.settings();
      app::Settings changed = before;
      changed.keys = keys;
      app.change_settings(changed);
      ui.toast(std::string("Keys: ") + name, [&app, before] { app.change_settings(before); }, [&app, changed] { app.change_settings(changed); });
    };
    preset("The usual keys", "");
    ImGui::SameLine();
    preset("Letters with Alt", letters_with_alt());
  }
  if (panel.learning != Command::none) {
    if (pressed(Key::escape, no_mods)) {
      panel.learning = Command::none;
    } else if (const std::string chord = chord_pressed(); !chord.empty()) {
      change_keys(panel.learning, chord, app, ui);
      panel.learning = Command::none;
    }
  }
  for (const Binding& binding : all_bindings()) {
    const std::string keys = keys_text(binding);
    std::string about = where_name(binding.where);
    for (const Command other : keys.empty() ? std::vector<Command>() : conflicts(binding)) about += std::string(".  Conflict: ") + binding_of(other)->text + " has the same keys";
    if (const Row row(ui, panel.search, binding.text, about.c_str()); row) {
      const bool learning = panel.learning == binding.command;
      const std::string shown = learning ? "press the keys, Esc leaves" : keys.empty() ? "none" : keys;
      if (button(ui, (shown + "###keys").c_str(), learning ? ButtonKind::primary : ButtonKind::normal, "Click, then press the new keys")) panel.learning = learning ? Command::none : binding.command;
      if (keys != keys_text(*usual_binding(binding.command))) {
        ImGui::SameLine();
        if (button(ui, "Usual", ButtonKind::quiet, keys_text(*usual_binding(binding.command)).c_str())) change_keys(binding.command, keys_text(*usual_binding(binding.command)), app, ui);
      }
    }
  }
}

void draw_program(SettingsPanel& panel, Editor& edit, app::App& app, Ui& ui, const std::string& about) {
  heading(ui, "Privacy");
  if (const Row row(ui, panel.search, "Mask secrets", "Passwords, keys and tokens are masked before the model sees a line and in reports."); row)
    edit.done(ImGui::Checkbox("##mask", &edit.now().mask_secrets), "Mask secrets");
  if (const Row row(ui, panel.search, "Data folder", app.data_folder().c_str()); row)
    if (button(ui, "Copy its path")) ui.copy(app.data_folder());
  heading(ui, "Diagnostics");
  if (const Row row(ui, panel.search, "System summary", "Version, screen, fonts, memory: what a report of a fault needs."); row)
    if (button(ui, "Copy the summary")) {
      ui.copy(system_summary(ui, app, about));
      ui.toast("Copied the system summary");
    }
  if (const std::string missing = missing_text(ui.fonts.files()); !missing.empty()) draw_notice(ui, "fonts", missing, ui.theme.warning);
  heading(ui, "Limits");
  text(ui, "limits",
       "No screen reader support: reports as plain text and the command sigmactl are the other way in. Input methods for composed "
       "characters are incomplete on Linux. Characters beyond the basic plane (emoji) show as �. Right-to-left text is not shaped.",
       ui.theme.dim);
  heading(ui, "Messages of the program");
  std::string log;
  for (const engine::LogMessage& message : engine::recent_log_messages())
    log += engine::format("%9.3f  %s%s\n", message.seconds, message.level == engine::LogLevel::error ? "error: " : message.level == engine::LogLevel::warning ? "warning: " : "", message.text.c_str());
  text(ui, "log", log.empty() ? "none" : log, ui.theme.dim, Face::mono);
}

}  // namespace

std::string system_summary(const Ui& ui, const app::App& app, const std::string& about) {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  const auto status = app.status();
  std::string out = about + "\n";
  out += engine::format("window %.0f x %.0f, scale %.2f, font %.0f px\n", double(size.x), double(size.y), double(ui.theme.scale), double(ui.fonts.size()));
  out += "fonts: " + ui.fonts.files().regular + ", " + ui.fonts.files().mono + "\n";
  out += "memory free: " + bytes_text(status->free_memory_bytes) + "\n";
  out += "model: " + (status->model.empty() ? "none" : status->model) + "\n";
  out += "Dear ImGui " + std::string(ImGui::GetVersion()) + "\n";
  return out;
}

void draw(SettingsPanel& panel, app::App& app, Ui& ui, const std::string& about) {
  const Pane pane(ui, "settings", {0, 0});
  const float room = ImGui::GetContentRegionAvail().x;
  const float width = std::min(room, ui.theme.px(860));
  ImGui::BeginChild("column", {width, 0}, false);
  heading(ui, "Settings", "each change applies at once");
  input_text("##search", "Search settings", &panel.search, ImGui::GetContentRegionAvail().x);
  ImGui::Dummy({1, ui.theme.px(4)});
  Editor edit(panel, app, ui);
  draw_appearance(panel, edit, ui);
  draw_language(panel, ui);
  draw_logs(panel, edit, ui);
  draw_model(panel, edit, ui);
  draw_program(panel, edit, app, ui, about);
  draw_keys(panel, app, ui);
  ImGui::EndChild();
}

}  // namespace ui
