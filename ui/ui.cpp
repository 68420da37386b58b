#include "ui/ui.h"

#include <algorithm>

namespace ui {

void Ui::begin_frame() {
  now = ImGui::GetTime();
  redraw_within = 1e9;
  probes.clear();
  drawn.clear();
  list_focus = Where::app;
  // A command that nobody took is dropped after the frame in which it could be taken.
  if (command_ != Command::none && ++command_age_ > 1) command_ = Command::none;
  if (command_ == Command::none) command_age_ = 0;
  std::erase_if(toasts, [&](const Toast& t) { return t.until <= now; });
  for (const Toast& t : toasts) animate(t.until - now + 0.01);
  if (flash_share(flashed_row) > 0 || flash_share(flashed_link) > 0) animate(reduce_motion ? 0.25 : 0.03);
}

bool Ui::take(Command command) {
  if (command_ != command || command == Command::none) return false;
  command_ = Command::none;
  return true;
}

void Ui::flash(app::RowId row) {
  flashed_row = row;
  flashed_at = now;
  animate(0);
}

float Ui::flash_share(app::RowId row) const {
  if (row == app::no_row || row != flashed_row) return 0;
  const double age = now - flashed_at;
  if (age >= 1) return 0;
  return reduce_motion ? 1.f : float(1 - age * age);
}

void Ui::flash(const Link& link) {
  flashed_link = link;
  link_flashed_at = now;
  animate(0);
}

float Ui::flash_share(const Link& link) const {
  const double age = now - link_flashed_at;
  if (!(link == flashed_link) || age >= 1) return 0;
  return reduce_motion ? 1.f : float(1 - age * age);
}

void Ui::toast(std::string text, std::function<void()> undo, std::function<void()> redo) {
  const double life = undo ? 10 : 4;
  if (toasts.size() >= 4) toasts.erase(toasts.begin());
  uint64_t step = 0;
  if (undo) {
    step = next_step_++;
    constexpr size_t most_steps = 100;
    if (done.size() >= most_steps) done.erase(done.begin());
    done.push_back({text, undo, std::move(redo), step});
    undone.clear();
  }
  toasts.push_back({std::move(text), now + life, std::move(undo), step});
  animate(0);
}

void Ui::undo() {
  if (done.empty()) return toast("Nothing to undo");
  undo_step(done.back().id);
}

void Ui::undo_step(uint64_t id) {
  const auto found = std::find_if(done.begin(), done.end(), [&](const UndoStep& s) { return s.id == id; });
  if (found == done.end()) return;
  UndoStep step = std::move(*found);
  done.erase(found);
  std::erase_if(toasts, [&](const Toast& t) { return t.step == id; });
  step.undo();
  const std::string text = step.text;
  if (step.redo) undone.push_back(std::move(step));
  toast("Undone: " + text);
}

void Ui::redo() {
  if (undone.empty()) return toast("Nothing to redo");
  UndoStep step = std::move(undone.back());
  undone.pop_back();
  step.redo();
  toast("Done again: " + step.text);
  done.push_back(std::move(step));
}

void Ui::copy(std::string_view text) {
  copied = text;
  ImGui::SetClipboardText(copied.c_str());
}

void Ui::note_drawn(std::string_view text) {
  if (!recording) return;
  drawn += text;
  drawn += '\n';
}

void Ui::probe(const char* kind, std::string_view text, ImVec2 min, ImVec2 max, app::RowId row) {
  if (!recording) return;
  probes.push_back({kind, std::string(text), min, max, row});
}

ImFont* font_of(const Ui& ui, Face face) {
  ImFont* font = face == Face::bold   ? ui.fonts.bold()
                 : face == Face::mono ? ui.fonts.mono()
                                      : ui.fonts.regular();
  return font != nullptr ? font : ImGui::GetFont();
}

WithFace::WithFace(const Ui& ui, Face face) {
#if IMGUI_VERSION_NUM >= 19200
  ImGui::PushFont(font_of(ui, face), 0.f);
#else
  ImGui::PushFont(font_of(ui, face));
#endif
}

WithFace::~WithFace() { ImGui::PopFont(); }

float text_width(const Ui& ui, std::string_view text, Face face) {
  if (text.empty()) return 0;
  return font_of(ui, face)
      ->CalcTextSizeA(ImGui::GetFontSize(), 1e9f, 0, text.data(), text.data() + text.size())
      .x;
}

std::string fit_text(const Ui& ui, std::string_view text, float width, Face face) {
  if (text_width(ui, text, face) <= width) return std::string(text);
  const float room = width - text_width(ui, "…", face);
  const char* end = nullptr;
  font_of(ui, face)->CalcTextSizeA(ImGui::GetFontSize(), std::max(room, 0.f), 0, text.data(),
                                   text.data() + text.size(), &end);
  if (end == nullptr || end < text.data()) end = text.data();
  return std::string(text.substr(0, size_t(end - text.data()))) + "…";
}

void draw_text(Ui& ui, ImDrawList& list, ImVec2 position, ImU32 color, std::string_view text,
               Face face) {
  if (text.empty()) return;
  ui.fonts.note_text(text);
  const char* begin = text.data();
  const char* end = begin + text.size();
  list.AddText(font_of(ui, face), ImGui::GetFontSize(), position, color, begin, end);
  ui.note_drawn(text);
}

}  // namespace ui
