#include "ui/panels/teach.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "engine/base/error.h"
#include "imgui_stdlib.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

int on_line(ImGuiInputTextCallbackData* data) {
  auto& panel = *static_cast<TeachPanel*>(data->UserData);
  if (data->SelectionStart != data->SelectionEnd) {
    panel.selection[0] = std::min(data->SelectionStart, data->SelectionEnd);
    panel.selection[1] = std::max(data->SelectionStart, data->SelectionEnd);
  }
  return 0;
}

void changed(TeachPanel& panel, Ui& ui) {
  panel.pattern = pattern_of(panel.line, panel.marks);
  panel.try_at = ui.now;
}

void mark(TeachPanel& panel, const std::string& field, Ui& ui) {
  size_t begin = size_t(std::max(panel.selection[0], 0)), end = std::min(size_t(std::max(panel.selection[1], 0)), panel.line.size());
  // Blanks at the edges belong to what stands between the fields.
  while (begin < end && panel.line[begin] == ' ') ++begin;
  while (end > begin && panel.line[end - 1] == ' ') --end;
  if (begin >= end) return ui.toast("Select a part of the line first, with the mouse or Shift and the arrows");
  std::erase_if(panel.marks, [&](const TeachPanel::Mark& m) { return m.field == field || (m.begin < end && m.end > begin); });
  panel.marks.push_back({begin, end, field});
  std::sort(panel.marks.begin(), panel.marks.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  changed(panel, ui);
}

void draw_marks(TeachPanel& panel, Ui& ui) {
  // The line again, with its marks in colour.
  std::vector<Span> spans;
  size_t at = 0;
  for (size_t i = 0; i < panel.marks.size(); ++i) {
    const TeachPanel::Mark& m = panel.marks[i];
    spans.push_back({std::string_view(panel.line).substr(at, m.begin - at), ui.theme.dim, Face::mono});
    spans.push_back({std::string_view(panel.line).substr(m.begin, m.end - m.begin), ui.theme.series[i % 8], Face::mono});
    at = m.end;
  }
  spans.push_back({std::string_view(panel.line).substr(at), ui.theme.dim, Face::mono});
  rich_text(ui, "marked", spans, {.menu = false, .probe = "taught_line"});
  for (size_t i = 0; i < panel.marks.size(); ++i) {
    if (i > 0) ImGui::SameLine();
    ImGui::PushID(int(i));
    if (chip(ui, "mark", panel.marks[i].field + "  ×", ui.theme.series[i % 8], "taught_mark")) {
      panel.marks.erase(panel.marks.begin() + long(i));
      changed(panel, ui);
      ImGui::PopID();
      break;
    }
    ImGui::PopID();
  }
}

app::FormatDraft draft_of(const TeachPanel& panel) {
  return {panel.name, panel.pattern, panel.source, panel.line, panel.time_zone, std::atoi(panel.year.c_str())};
}

// What the log leaves out of its times.
void draw_time_defaults(TeachPanel& panel, Ui& ui) {
  bool typed = input_text("##zone", "+02:00", &panel.time_zone, ui.theme.px(90));
  ui.probe("teach_zone", panel.time_zone, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  ImGui::SameLine();
  label(ui, "zone_name", "zone of times without one", ui.theme.dim, ui.theme.px(190));
  ImGui::SameLine();
  typed |= input_text("##year", "2026", &panel.year, ui.theme.px(70), ImGuiInputTextFlags_CharsDecimal);
  ui.probe("teach_year", panel.year, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  ImGui::SameLine();
  label(ui, "year_name", "year of the last line, where dates have none", ui.theme.dim, ui.theme.px(320));
  if (typed) panel.try_at = ui.now + 0.4;
}

void draw_outcome(const app::FormatView& view, Ui& ui) {
  if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
  if (view.n_lines > 0) {
    const double share = 100.0 * double(view.n_matched) / double(view.n_lines);
    text(ui, "rate", engine::format("%.1f %% of %s lines fit", share, with_commas(view.n_lines).c_str()), share > 90 ? ui.theme.good : ui.theme.warning, Face::bold,
         {.probe = "match_rate"});
  }
  ImGui::BeginChild("outcome", {0, -ImGui::GetFrameHeightWithSpacing() * 2}, true);
  for (size_t i = 0; i < view.samples.size(); ++i) {
    const auto& s = view.samples[i];
    const std::string facts = (s.time.empty() ? std::string("no time") : s.time.substr(0, 19) + " UTC") + (s.level.empty() ? "" : "  ·  " + s.level) + (s.host.empty() ? "" : "  ·  host " + s.host) +
                              (s.process.empty() ? "" : "  ·  process " + s.process) + "  ·  " + s.message;
    ImGui::PushID(int(i));
    const Span spans[] = {{s.line, ui.theme.dim, Face::mono}, {"\n"}, {facts, ui.theme.text}};
    rich_text(ui, "sample", spans);
    ImGui::PopID();
  }
  if (!view.misses.empty()) heading(ui, "Lines that do not fit", engine::format("the first %zu", view.misses.size()));
  for (size_t i = 0; i < view.misses.size(); ++i) {
    ImGui::PushID(int(i) + 1000);
    text(ui, "miss", view.misses[i], ui.theme.warning, Face::mono);
    ImGui::PopID();
  }
  ImGui::EndChild();
}

}  // namespace

std::string pattern_of(const std::string& line, const std::vector<TeachPanel::Mark>& marks) {
  std::string out;
  size_t at = 0;
  const auto fixed = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const char c = line[i];
      // Braces begin a field in the pattern language: what stands there is read and thrown away.
      if (c == '{' || c == '}') out += "{_}";
      else if (c == ' ' && !out.empty() && out.back() == ' ') continue;
      else out += c;
    }
  };
  for (const TeachPanel::Mark& m : marks) {
    if (m.begin < at || m.end > line.size()) continue;
    fixed(at, m.begin);
    const std::string inside = line.substr(m.begin, m.end - m.begin);
    const bool digits = std::all_of(inside.begin(), inside.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
    const bool blanks = inside.find(' ') != std::string::npos;
    if (m.field == "time" || m.field == "level" || m.field == "message" || m.field == "pid") out += "{" + m.field + "}";
    else out += "{" + m.field + (digits ? ":int" : blanks ? ":text" : "") + "}";
    at = m.end;
  }
  // What stands behind the last mark is the rest of the message, or fixed text that must follow.
  if (!marks.empty() && marks.back().field == "message") return out;
  fixed(at, line.size());
  return out;
}

void teach(TeachPanel& panel, const std::string& line, uint32_t source) {
  const std::string name = panel.name;
  panel = TeachPanel();
  panel.name = name;
  panel.open = true;
  panel.line = line.substr(0, line.find('\n')).substr(0, 2000);
  panel.source = source;
}

void draw(TeachPanel& panel, const app::FormatView& view, app::App& app, Ui& ui) {
  if (!panel.open) return;
  constexpr const char* title = "Teach a log format";
  if (!ImGui::IsPopupOpen(title)) ImGui::OpenPopup(title);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.9f, ui.theme.px(880)), std::min(screen.y * 0.85f, ui.theme.px(640))});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal(title, &open, ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings)) {
    panel.open = open;
    return;
  }
  text(ui, "how", "Select a part of the line below and say what it is. The last part is usually the message.", ui.theme.dim);
  ImGui::SetNextItemWidth(-1);
  {
    const WithFace mono(ui, Face::mono);
    ImGui::InputText("##line", &panel.line, ImGuiInputTextFlags_ReadOnly | ImGuiInputTextFlags_CallbackAlways, on_line, &panel);
    ui.probe("teach_line", panel.line, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  }
  for (const char* field : {"time", "level", "host", "process", "pid", "message"}) {
    if (button(ui, field)) mark(panel, field, ui);
    ImGui::SameLine();
  }
  input_text("##field", "other field", &panel.field, ui.theme.px(120));
  ImGui::SameLine();
  if (button(ui, "Mark", ButtonKind::normal, "The selection is this field", Command::none, panel.field.empty() ? "Type the field's name first" : nullptr)) mark(panel, panel.field, ui);
  draw_marks(panel, ui);
  text(ui, "pattern_title", "Pattern, it may be edited", ui.theme.dim);
  if (input_text("##pattern", "{time} {level} {message}", &panel.pattern, -1)) panel.try_at = ui.now + 0.4;
  if (panel.try_at > 0 && ui.now >= panel.try_at) {
    panel.try_at = 0;
    if (!panel.pattern.empty()) app.preview_format(draft_of(panel));
  } else if (panel.try_at > 0) {
    ui.animate(panel.try_at - ui.now + 0.01);
  }
  draw_time_defaults(panel, ui);
  draw_outcome(view, ui);
  input_text("##name", "name", &panel.name, ui.theme.px(200));
  ImGui::SameLine();
  if (button(ui, "Save the format", ButtonKind::primary, "A file in the data folder; logs read from now on use it where it fits best", Command::none,
             panel.pattern.empty() ? "Mark at least one part first" : nullptr))
    app.save_format(draft_of(panel));
  ImGui::SameLine();
  if (button(ui, "Read this log again", ButtonKind::normal, "Into a new session, with the saved format", Command::none, view.saved.empty() ? "Save the format first" : nullptr)) {
    app.read_again(panel.source);
    panel.open = false;
    ImGui::CloseCurrentPopup();
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop) || !open) {
    panel.open = false;
    ImGui::CloseCurrentPopup();
  }
  if (!view.saved.empty()) text(ui, "saved", "Saved as " + view.saved, ui.theme.good);
  ImGui::EndPopup();
}

}  // namespace ui
