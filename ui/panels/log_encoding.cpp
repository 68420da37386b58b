// What was assumed, cut or skipped while reading, and the way out where the encoding was guessed wrong:
// three guesses with a preview each.
#include "app/types.h"
#include "engine/base/error.h"
#include "ui/panels/log_side.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// The first file whose bytes may be in another encoding than they were read in.
const app::Source* doubtful(const app::LogsView& view) {
  for (const app::Source& source : view.log->sources()) {
    if (source.kind != "file") continue;
    if (source.encoding == "latin-1" || source.encoding == "binary") return &source;
    for (const std::string& note : source.notes)
      if (note.find("\\xNN") != std::string::npos) return &source;
  }
  return nullptr;
}

void draw_guess(LogsPanel& panel, const app::logs::EncodingChoice& guess, uint32_t source, app::App& app, Ui& ui) {
  const Card card(ui, "guess");
  text(ui, "title", guess.title, ui.theme.text, Face::bold, {.width = card.inner_width(), .probe = "encoding_guess"});
  for (size_t i = 0; i < guess.preview.size(); ++i) {
    ImGui::PushID(int(i));
    text(ui, "line", guess.preview[i], ui.theme.dim, Face::mono, {.width = card.inner_width()});
    ImGui::PopID();
  }
  if (button(ui, "Read it as this", ButtonKind::primary, "The file again, into a new session")) {
    app.read_as(source, guess.name);
    panel.encoding_open = false;
    ImGui::CloseCurrentPopup();
  }
}

}  // namespace

void draw_notes(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui) {
  if (panel.hide_notes) return;
  const bool several = view.log->sources().size() > 1;
  std::vector<std::string> notes;
  for (const app::Source& source : view.log->sources())
    for (const std::string& note : source.notes) notes.push_back(several ? source.name + ": " + note : note);
  if (notes.empty()) return;
  ImGui::PushID("notes");
  const app::Source* source = doubtful(view);
  const std::string more = notes.size() > 1 ? engine::format("and %zu more", notes.size() - 1) : "";
  const char* other = "Other encoding ...";
  const float chips = (more.empty() ? 0 : text_width(ui, more) + ui.theme.px(22)) + (source == nullptr ? 0 : text_width(ui, other) + ui.theme.px(22)) + ui.theme.px(34);
  label(ui, "note", notes.front(), ui.theme.faint, std::min(text_width(ui, notes.front()) + ui.theme.px(2), ImGui::GetContentRegionAvail().x - chips));
  if (!more.empty()) {
    ImGui::SameLine();
    if (chip(ui, "more", more, ui.theme.link, "notes_more")) ImGui::OpenPopup("all");
  }
  if (source != nullptr) {
    ImGui::SameLine();
    if (chip(ui, "encoding", other, ui.theme.link, "other_encoding")) {
      panel.encoding_open = true;
      app.guess_encodings(source->id);
    }
    tooltip(ui, "Some bytes are no text as they were read: see them in other encodings");
  }
  ImGui::SameLine();
  if (chip(ui, "hide", "×", ui.theme.dim, "notes_hide")) panel.hide_notes = true;
  tooltip(ui, "Hide what was assumed while reading");
  ImGui::SetNextWindowSizeConstraints({ui.theme.px(320), 0}, {ui.theme.px(720), ui.theme.px(420)});
  if (ImGui::BeginPopup("all")) {
    if (ui.take(Command::stop)) ImGui::CloseCurrentPopup();
    heading(ui, "Assumed, cut or skipped while reading", with_commas(notes.size()));
    for (size_t i = 0; i < notes.size(); ++i) {
      ImGui::PushID(int(i));
      text(ui, "note", notes[i], ui.theme.text, Face::regular, {.width = ui.theme.px(640)});
      ImGui::PopID();
    }
    ImGui::EndPopup();
  }
  ImGui::PopID();
}

void draw_encodings(LogsPanel& panel, const app::EncodingView& view, app::App& app, Ui& ui) {
  if (!panel.encoding_open) return;
  constexpr const char* title = "Read in another encoding";
  if (!ImGui::IsPopupOpen(title)) ImGui::OpenPopup(title);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.9f, ui.theme.px(760)), std::min(screen.y * 0.85f, ui.theme.px(560))});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal(title, &open, ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings)) {
    panel.encoding_open = open;
    return;
  }
  text(ui, "how", "Lines of the file with characters beyond ASCII, as they read in the encodings that fit best.", ui.theme.dim);
  ImGui::BeginChild("guesses", {0, -ImGui::GetFrameHeightWithSpacing() - ui.theme.px(4)}, false);
  if (view.running) draw_running(ui, "guessing", "Reading the file's bytes", "", -1, false);
  if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
  for (size_t i = 0; i < view.guesses.size(); ++i) {
    ImGui::PushID(int(i));
    draw_guess(panel, view.guesses[i], view.source, app, ui);
    ImGui::PopID();
  }
  ImGui::EndChild();
  if (button(ui, "Close") || ui.take(Command::stop) || !open) {
    panel.encoding_open = false;
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

}  // namespace ui
