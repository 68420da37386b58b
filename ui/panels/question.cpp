#include "ui/panels/question.h"

#include <algorithm>

#include "engine/base/error.h"
#include "imgui_stdlib.h"
#include "ui/panels/attachments.h"
#include "ui/panels/prompt_preview.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr int attachment_lines = 20;   // a paste longer than this is a log, not a question

struct InputHelp {
  IncidentPanel* panel;
};

// A long paste is taken out of the question again and handed on as a log.
int on_input(ImGuiInputTextCallbackData* data) {
  auto& panel = *static_cast<InputHelp*>(data->UserData)->panel;
  if (data->EventFlag != ImGuiInputTextFlags_CallbackEdit) return 0;
  const std::string_view now(data->Buf, size_t(data->BufTextLen));
  const std::string& before = panel.input;
  if (now.size() < before.size() + attachment_lines) return 0;
  size_t head = 0;
  while (head < before.size() && before[head] == now[head]) ++head;
  size_t tail = 0;
  while (tail < before.size() - head && before[before.size() - 1 - tail] == now[now.size() - 1 - tail]) ++tail;
  const std::string_view added = now.substr(head, now.size() - head - tail);
  if (std::count(added.begin(), added.end(), '\n') <= attachment_lines) return 0;
  panel.pasted = added;
  data->DeleteChars(int(head), int(added.size()));
  return 0;
}

// Two to eight lines, and never less than the two buttons beside it.
float input_height(const IncidentPanel& panel, const Ui& ui) {
  const auto n_lines = float(std::clamp<long>(std::count(panel.input.begin(), panel.input.end(), '\n') + 1, 2, 8));
  return std::max(n_lines * ImGui::GetTextLineHeight() + ImGui::GetStyle().FramePadding.y * 2,
                  ImGui::GetFrameHeight() * 2 + ui.theme.px(6));
}

// The prompt is put together anew when the question rests or the findings changed, off this thread.
void keep_prepared(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  constexpr uint64_t most_rows = 2'000'000;   // of larger logs only on Ctrl+I: gathering evidence takes seconds
  if (view.log->n_rows() == 0 || view.log->n_rows() > most_rows || view.answering || view.checks_running) return;
  if (panel.prepared_for != view.findings.size() + 1) {
    panel.prepared_for = view.findings.size() + 1;
    panel.prepare_at = ui.now + 0.3;
  }
  if (panel.prepare_at == 0) return;
  ui.animate(panel.prepare_at - ui.now + 0.01);
  if (ui.now < panel.prepare_at) return;
  panel.prepare_at = 0;
  app.prepare_preview(question_now(panel, view));
}

}  // namespace

void draw_question(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
                   app::App& app, Ui& ui) {
  const float top = ImGui::GetCursorPosY();
  keep_prepared(panel, view, app, ui);
  draw_attachments(panel, view, status, app, ui);
  draw_packing(panel, view, app, ui);
  draw_context_bar(*app.preview(), status, ui);
  if (panel.editing != 0) {
    const float room = ImGui::GetContentRegionAvail().x - button_width("Ask anew instead") - ui.theme.px(12);
    text(ui, "editing", "Asking in other words: the first wording stays as a branch", ui.theme.accent, Face::regular, {.width = room});
    ImGui::SameLine();
    if (button(ui, "Ask anew instead", ButtonKind::quiet)) panel.editing = 0;
  }
  const char* send_label = view.answering ? "Stop" : "Send";
  const float side = button_width("What it sees") + ui.theme.px(8);
  const ImVec2 size{ImGui::GetContentRegionAvail().x - side, input_height(panel, ui)};
  // Enter sends, Shift+Enter breaks the line.
  ImGuiInputTextFlags flags = ImGuiInputTextFlags_CallbackEdit;
  if (!ImGui::GetIO().KeyShift)
    flags |= ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_CtrlEnterForNewLine;
  ImGui::PushID(panel.input_generation);
  if (panel.focus_input) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_input = false;
  }
  InputHelp help{&panel};
  const std::string before = panel.input;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool returned = ImGui::InputTextMultiline("##question", &panel.input, size, flags, on_input, &help);
  // Without the flag the field returns true for each edit, a capital letter as much as a line break.
  const bool entered = returned && (flags & ImGuiInputTextFlags_EnterReturnsTrue) != 0;
  const bool focused = ImGui::IsItemActive();
  ui.probe("question", panel.input, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  if (panel.input.empty())
    draw_text(ui, *ImGui::GetWindowDrawList(),
              {at.x + ImGui::GetStyle().FramePadding.x, at.y + ImGui::GetStyle().FramePadding.y},
              ui.theme.faint, fit_text(ui, "Ask: what broke? Enter sends, Shift+Enter breaks the line", size.x - ui.theme.px(20)));
  ImGui::PopID();
  if (panel.input != before) {
    app.set_draft(panel.input);
    panel.prepare_at = ui.now + 1.5;
  }
  // Up in an empty field brings the last question back.
  if (focused && panel.input.empty() && pressed(Key::up, no_mods)) {
    for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
      if (it->role == "user") {
        panel.input = it->text;
        ++panel.input_generation;
        panel.focus_input = true;
        panel.editing = it->id;
        break;
      }
  }
  ImGui::SameLine(0, ui.theme.px(8));
  ImGui::BeginGroup();
  const bool blank = panel.input.find_first_not_of(" \n\t") == std::string::npos;
  const bool clicked =
      button(ui, send_label, view.answering ? ButtonKind::danger : ButtonKind::primary,
             view.answering ? "Stop the answer; what there is stays" : "Send the question",
             view.answering ? Command::stop : Command::none,
             !view.answering && blank ? "Type a question first" : nullptr);
  if (button(ui, "What it sees", ButtonKind::quiet, "What the model will see: the exact prompt", Command::preview_prompt))
    ui.give(Command::preview_prompt);
  ImGui::EndGroup();
  if (view.answering && (clicked || ui.take(Command::stop))) {
    app.stop_answer();
  } else if (!view.answering && !blank && (clicked || entered)) {
    if (panel.editing != 0) app.ask_again(panel.editing, panel.input, false);
    else app.ask(panel.input);
    panel.editing = 0;
    panel.input.clear();
    ++panel.input_generation;
    panel.focus_input = true;
    panel.follow = true;
    app.set_draft("");
  }
  const float height = ImGui::GetCursorPosY() - top;
  if (height != panel.question_height) ui.animate(0);
  panel.question_height = height;
}

void add_to_question(IncidentPanel& panel, const std::string& added) {
  if (!panel.input.empty() && panel.input.back() != '\n') panel.input += '\n';
  panel.input += added;
  ++panel.input_generation;
  panel.focus_input = true;
}

}  // namespace ui
