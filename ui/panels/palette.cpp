#include "ui/panels/palette.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

namespace fs = std::filesystem;

struct Hit {
  int score;
  std::string name, detail;
  Command command = Command::none;
  int64_t session = 0;
};

std::vector<Hit> hits_for(const std::string& wanted, const app::SessionsView& sessions) {
  std::vector<Hit> hits;
  for (const Binding& binding : all_bindings())
    if (const int score = match_score(binding.text, wanted); score >= 0)
      hits.push_back({score, binding.text, keys_text(binding), binding.command, 0});
  for (const app::SessionInfo& session : sessions.sessions)
    if (const int score = match_score(session.title, wanted); score >= 0 && !wanted.empty())
      hits.push_back({score - 1, session.title, "session", Command::none, session.id});
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  return hits;
}

void draw_keys(PalettePanel& panel, Ui& ui) {
  if (panel.keys_open && !ImGui::IsPopupOpen("Keys")) ImGui::OpenPopup("Keys");
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  ImGui::SetNextWindowSize({std::min(screen.x * 0.9f, ui.theme.px(620)), screen.y * 0.8f});
  bool open = true;
  if (!ImGui::BeginPopupModal("Keys", &open, ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoResize)) return;
  ImGui::BeginChild("list", {0, -ImGui::GetFrameHeightWithSpacing()}, false);
  for (const Where where : {Where::anywhere, Where::app, Where::incident, Where::logs, Where::kql, Where::configs}) {
    bool first = true;
    for (const Binding& binding : all_bindings()) {
      const std::string keys = keys_text(binding);
      if (binding.where != where || keys.empty()) continue;
      if (first) {
        ImGui::Dummy({1, ui.theme.px(4)});
        heading(ui, where == Where::logs ? "In the list of log lines" : where_name(where));
        first = false;
      }
      const ImVec2 at = ImGui::GetCursorScreenPos();
      const float width = ImGui::GetContentRegionAvail().x;
      draw_text(ui, *ImGui::GetWindowDrawList(), {at.x + ui.theme.px(8), at.y}, ui.theme.link, keys, Face::mono);
      draw_text(ui, *ImGui::GetWindowDrawList(), {at.x + ui.theme.px(230), at.y}, ui.theme.text, binding.text);
      ImGui::Dummy({width, ImGui::GetTextLineHeight() + ui.theme.px(2)});
    }
  }
  ImGui::EndChild();
  if (button(ui, "Close") || ui.take(Command::stop) || !open) {
    panel.keys_open = false;
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
  if (!open) panel.keys_open = false;
}

void list_folder(FileDialogPanel& panel) {
  panel.listed = panel.folder;
  panel.entries.clear();
  panel.error.clear();
  std::error_code error;
  fs::directory_iterator it(panel.folder, fs::directory_options::skip_permission_denied, error);
  if (error) {
    panel.error = panel.folder + ": " + error.message();
    return;
  }
  for (; it != fs::directory_iterator() && panel.entries.size() < 5000; it.increment(error)) {
    if (error) break;
    std::error_code ignored;
    FileDialogPanel::Entry entry;
    entry.name = it->path().filename().string();
    entry.is_folder = it->is_directory(ignored);
    if (!entry.is_folder) entry.n_bytes = uint64_t(it->file_size(ignored));
    panel.entries.push_back(std::move(entry));
  }
  std::sort(panel.entries.begin(), panel.entries.end(), [](const auto& a, const auto& b) {
    const bool a_hidden = a.name.starts_with("."), b_hidden = b.name.starts_with(".");
    if (a_hidden != b_hidden) return b_hidden;
    if (a.is_folder != b.is_folder) return a.is_folder;
    return a.name < b.name;
  });
}

}  // namespace

int match_score(const std::string& name, const std::string& wanted) {
  if (wanted.empty()) return 0;
  const auto lower = [](char c) { return char(std::tolower(static_cast<unsigned char>(c))); };
  int score = 0;
  size_t at = 0;
  bool follows = false;
  for (char w : wanted) {
    if (w == ' ') continue;
    bool found = false;
    for (; at < name.size(); ++at) {
      if (lower(name[at]) != lower(w)) {
        follows = false;
        continue;
      }
      // The beginning of a word and runs of letters count more.
      if (at == 0 || name[at - 1] == ' ') score += 8;
      if (follows) score += 5;
      score += 1;
      follows = found = true;
      ++at;
      break;
    }
    if (!found) return -1;
  }
  return score * 4 - int(name.size()) / 8 + 100;
}

void draw(PalettePanel& panel, const app::SessionsView& sessions, app::App& app, Ui& ui) {
  draw_keys(panel, ui);
  if (panel.open && !ImGui::IsPopupOpen("palette")) {
    ImGui::OpenPopup("palette");
    panel.text.clear();
    panel.chosen = 0;
  }
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const float width = std::min(screen.x * 0.9f, ui.theme.px(560));
  ImGui::SetNextWindowPos({screen.x / 2, screen.y * 0.14f}, ImGuiCond_Always, {0.5f, 0});
  ImGui::SetNextWindowSize({width, 0});
  if (!ImGui::BeginPopup("palette", ImGuiWindowFlags_NoMove)) {
    panel.open = false;
    return;
  }
  if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
  const std::string before = panel.text;
  const bool entered = input_text("##command", "Type a command or a session", &panel.text, width - ImGui::GetStyle().WindowPadding.x * 2,
                                  ImGuiInputTextFlags_EnterReturnsTrue);
  if (panel.text != before) panel.chosen = 0;
  const std::vector<Hit> hits = hits_for(panel.text, sessions);
  if (pressed(Key::down, no_mods, true)) ++panel.chosen;
  if (pressed(Key::up, no_mods, true)) --panel.chosen;
  panel.chosen = std::clamp(panel.chosen, 0, std::max(0, int(hits.size()) - 1));
  const float row = ImGui::GetTextLineHeight() + ui.theme.px(8);
  ImGui::BeginChild("hits", {0, row * float(std::clamp<size_t>(hits.size(), 1, 12)) + ui.theme.px(4)}, false);
  int run = -1;
  if (hits.empty()) ImGui::TextDisabled("Nothing matches");
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  for (int i = 0; i < int(hits.size()); ++i) {
    const Hit& hit = hits[size_t(i)];
    ImGui::PushID(i);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x;
    if (ImGui::InvisibleButton("hit", {room, row})) run = i;
    ImDrawList& list = *ImGui::GetWindowDrawList();
    if (i == panel.chosen || ImGui::IsItemHovered())
      list.AddRectFilled(at, {at.x + room, at.y + row}, i == panel.chosen ? ui.theme.selected : ui.theme.hovered, ui.theme.px(4));
    if (i == panel.chosen && (pressed(Key::down, no_mods, true) || pressed(Key::up, no_mods, true))) ImGui::SetScrollHereY();
    const float detail = text_width(ui, hit.detail);
    draw_text(ui, list, {at.x + ui.theme.px(8), at.y + ui.theme.px(4)}, ui.theme.text, fit_text(ui, hit.name, room - detail - ui.theme.px(28)));
    draw_text(ui, list, {at.x + room - detail - ui.theme.px(8), at.y + ui.theme.px(4)}, ui.theme.faint, hit.detail);
    ui.probe("palette_hit", hit.name, at, {at.x + room, at.y + row});
    ImGui::PopID();
  }
  ImGui::PopStyleVar();
  ImGui::EndChild();
  if (entered && !hits.empty()) run = panel.chosen;
  if (run >= 0) {
    const Hit& hit = hits[size_t(run)];
    if (hit.session != 0) app.open_session(hit.session);
    else ui.give(hit.command);
  }
  if (run >= 0 || ui.take(Command::stop)) {
    panel.open = false;
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

void open_dialog(FileDialogPanel& panel, std::string title, bool saving, std::string name,
                 std::function<void(const std::string&)> chosen) {
  panel.open = true;
  panel.title = std::move(title);
  panel.saving = saving;
  panel.name = std::move(name);
  panel.chosen = std::move(chosen);
  panel.listed.clear();
  if (panel.folder.empty()) {
    const char* home = std::getenv("HOME");
    std::error_code error;
    panel.folder = home != nullptr ? home : fs::current_path(error).string();
    if (panel.folder.empty()) panel.folder = "/";
  }
}

void draw(FileDialogPanel& panel, Ui& ui) {
  if (!panel.open) return;
  const std::string id = panel.title + "###file_dialog";
  if (!ImGui::IsPopupOpen(id.c_str())) ImGui::OpenPopup(id.c_str());
  if (panel.listed != panel.folder) list_folder(panel);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Appearing, {0.5f, 0.5f});
  ImGui::SetNextWindowSize({std::min(screen.x * 0.9f, ui.theme.px(680)), std::min(screen.y * 0.85f, ui.theme.px(520))}, ImGuiCond_Appearing);
  bool open = true;
  if (!ImGui::BeginPopupModal(id.c_str(), &open, ImGuiWindowFlags_NoSavedSettings)) {
    if (!open) panel.open = false;
    return;
  }
  std::string done;
  const auto full = [&](const std::string& name) { return (fs::path(panel.folder) / name).lexically_normal().string(); };
  if (button(ui, "Up")) panel.folder = fs::path(panel.folder).parent_path().string();
  ImGui::SameLine();
  text(ui, "folder", panel.folder, ui.theme.dim, Face::mono, {.wrap = false});
  ImGui::BeginChild("entries", {0, -ImGui::GetFrameHeightWithSpacing() * 2 - ui.theme.px(4)}, true);
  if (!panel.error.empty()) draw_notice(ui, "error", panel.error, ui.theme.bad);
  ImGuiListClipper clipper;
  clipper.Begin(int(panel.entries.size()));
  std::string enter;
  while (clipper.Step())
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const auto& entry = panel.entries[size_t(i)];
      ImGui::PushID(i);
      const ImVec2 at = ImGui::GetCursorScreenPos();
      const float width = ImGui::GetContentRegionAvail().x;
      if (ImGui::Selectable("##entry", panel.name == entry.name, ImGuiSelectableFlags_AllowDoubleClick | ImGuiSelectableFlags_DontClosePopups)) {
        if (entry.is_folder) enter = full(entry.name);
        else panel.name = entry.name;
        if (!entry.is_folder && ImGui::IsMouseDoubleClicked(0)) done = full(entry.name);
      }
      ImDrawList& list = *ImGui::GetWindowDrawList();
      const std::string size = entry.is_folder ? "folder" : bytes_text(entry.n_bytes);
      const float size_width = text_width(ui, size);
      draw_text(ui, list, at, entry.is_folder ? ui.theme.link : ui.theme.text, fit_text(ui, entry.name, width - size_width - ui.theme.px(20)));
      draw_text(ui, list, {at.x + width - size_width, at.y}, ui.theme.faint, size);
      ImGui::PopID();
    }
  ImGui::EndChild();
  if (!enter.empty()) panel.folder = enter;
  const bool entered = input_text("##name", panel.saving ? "File name" : "Name, or a whole path", &panel.name, -1, ImGuiInputTextFlags_EnterReturnsTrue);
  const char* action = panel.saving ? "Save" : "Open";
  const bool clicked = button(ui, action, ButtonKind::primary, nullptr, Command::none, panel.name.empty() ? "Choose a file or type its name" : nullptr);
  if ((clicked || entered) && !panel.name.empty()) done = panel.name.front() == '/' ? panel.name : full(panel.name);
  ImGui::SameLine();
  if (!panel.saving) {
    if (button(ui, "Open this folder", ButtonKind::normal, "All files in it")) done = panel.folder;
    ImGui::SameLine();
  }
  const bool cancelled = button(ui, "Cancel") || ui.take(Command::stop);
  if (!done.empty() || cancelled || !open) {
    panel.open = false;
    ImGui::CloseCurrentPopup();
    if (!done.empty() && panel.chosen) panel.chosen(done);
  }
  ImGui::EndPopup();
}

}  // namespace ui
