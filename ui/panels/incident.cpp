#include "ui/panels/incident.h"

#include <algorithm>
#include <cctype>

#include "engine/base/error.h"
#include "imgui_stdlib.h"
#include "ui/panels/findings.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr int attachment_lines = 20;   // a paste longer than this is a log, not a question

std::string citation_label(const app::Citation& citation) {
  if (citation.state == app::CitationState::not_found) return "✗ not in the log";
  return (citation.state == app::CitationState::matched ? "✓ L" : "~ L") +
         std::to_string(citation.line.line);
}

ImU32 citation_color(const Ui& ui, app::CitationState state) {
  switch (state) {
    case app::CitationState::matched: return ui.theme.good;
    case app::CitationState::moved: return ui.theme.warning;
    case app::CitationState::not_found: return ui.theme.bad;
  }
  return ui.theme.text;
}

std::string answer_markdown(const app::Answer& answer) {
  std::string out;
  size_t at = 0;
  for (const app::Citation& c : answer.citations) {
    const size_t end = std::min(c.end, answer.text.size());
    if (end < at) continue;
    out.append(answer.text, at, end - at);
    out += c.state == app::CitationState::not_found
               ? " *(not supported by the log)*"
               : engine::format(" [%s:%llu]", c.line.file.c_str(),
                                static_cast<unsigned long long>(c.line.line));
    at = end;
  }
  out.append(answer.text, at);
  return out + "\n";
}

void citation_tooltip(Ui& ui, const app::Citation& citation) {
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 40);
  switch (citation.state) {
    case app::CitationState::matched: ImGui::TextUnformatted("Supported by this line"); break;
    case app::CitationState::moved:
      ImGui::TextUnformatted("The quote stands on another line than the one cited; the link leads there");
      break;
    case app::CitationState::not_found:
      ImGui::TextUnformatted("Not supported by the log: no line says this");
      break;
  }
  if (citation.state != app::CitationState::not_found) {
    ImGui::TextDisabled("%s:%llu", citation.line.file.c_str(),
                        static_cast<unsigned long long>(citation.line.line));
    const WithFace mono(ui, Face::mono);
    ui.fonts.note_text(citation.line.text);
    ImGui::TextUnformatted(citation.line.text.substr(0, 600).c_str());
  }
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

std::string meta_text(const app::Answer& answer) {
  if (!answer.from_model) return "Written by code from the findings, no model";
  std::string text = answer.model;
  if (answer.tokens_per_second > 0) text += engine::format("  ·  %.1f tok/s", answer.tokens_per_second);
  if (answer.first_token_ms > 0) text += "  ·  first token " + seconds_text(answer.first_token_ms / 1000);
  text += engine::format("  ·  %d + %d tokens  ·  seed %llu", answer.prompt_tokens,
                         answer.generated_tokens, static_cast<unsigned long long>(answer.seed));
  if (!answer.stop_reason.empty()) text += "  ·  " + answer.stop_reason;
  return text;
}

// "‹ 2/3 ›": the other wordings of a question and the other tries of an answer.
void draw_branch(const app::IncidentView& view, int64_t message, app::App& app, Ui& ui) {
  const auto found = view.branches.find(message);
  if (found == view.branches.end()) return;
  const app::BranchView& branch = found->second;
  if (branch.previous != 0) {
    if (chip(ui, "previous", "‹", ui.theme.link, "branch_previous")) app.show_branch(branch.previous);
    ImGui::SameLine(0, 2);
  }
  const std::string place = engine::format("%d/%d", branch.index + 1, branch.count);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy({text_width(ui, place), ImGui::GetTextLineHeight()});
  draw_text(ui, *ImGui::GetWindowDrawList(), at, ui.theme.dim, place);
  if (branch.next != 0) {
    ImGui::SameLine(0, 2);
    if (chip(ui, "next", "›", ui.theme.link, "branch_next")) app.show_branch(branch.next);
  }
}

// The question that an answer follows.
const app::Message* question_of(const app::IncidentView& view, int64_t answer) {
  const app::Message* question = nullptr;
  for (const app::Message& message : view.messages) {
    if (message.role == "user") question = &message;
    if (message.id == answer) break;
  }
  return question;
}

void draw_answer(IncidentPanel& panel, const app::IncidentView& view, const app::Message& message, app::App& app, Ui& ui) {
  const app::Answer& answer = *message.answer;
  const bool all = answer.n_supported == answer.n_claims;
  const ImU32 edge = answer.n_claims == 0 || answer.inconclusive ? ui.theme.border_strong
                     : all                                      ? ui.theme.good
                                                                : ui.theme.warning;
  const Card card(ui, "answer", edge);
  std::string title = answer.inconclusive ? "Inconclusive" : "Answer";
  if (answer.partial) title += " (partial)";
  const std::string claims =
      answer.n_claims == 0
          ? "no claims to check"
          : engine::format("%d of %d claims supported", answer.n_supported, answer.n_claims);
  const Span head[] = {{title, ui.theme.text, Face::bold},
                       {"   "},
                       {claims, answer.n_claims == 0 ? ui.theme.dim : all ? ui.theme.good : ui.theme.warning}};
  rich_text(ui, "head", head, {.width = card.inner_width(), .probe = "claims"});

  std::vector<Mark> marks;
  std::vector<std::pair<size_t, size_t>> faint;
  for (size_t i = 0; i < answer.citations.size(); ++i) {
    const app::Citation& c = answer.citations[i];
    marks.push_back({c.end, citation_label(c), citation_color(ui, c.state), int(i)});
    if (c.state == app::CitationState::not_found) faint.emplace_back(c.begin, c.end);
  }
  const MarkdownStyle style{.color = ui.theme.text, .code_color = ui.theme.link,
                            .dim_color = ui.theme.faint, .faint = faint};
  const auto spans = markdown_spans(answer.text, marks, style);
  const TextResult result = rich_text(ui, "text", spans, {.width = card.inner_width(), .chip_probe = "citation"});
  if (result.hovered_chip >= 0) citation_tooltip(ui, answer.citations[size_t(result.hovered_chip)]);
  if (result.clicked_chip >= 0) {
    const app::Citation& c = answer.citations[size_t(result.clicked_chip)];
    if (c.state != app::CitationState::not_found) ui.jump_to(c.line.row);
    else ui.toast("No line of the log supports this sentence");
  }
  for (const std::string& sentence : answer.left_out)
    text(ui, sentence.c_str(), "Left out: " + sentence, ui.theme.warning, Face::regular, {.width = card.inner_width()});
  text(ui, "meta", meta_text(answer), ui.theme.faint, Face::regular, {.width = card.inner_width()});
  if (button(ui, "Copy as Markdown")) {
    ui.copy(answer_markdown(answer));
    ui.toast("Copied the answer with its links");
  }
  // Beside the one before where it fits, else on a new line.
  const float right = ImGui::GetCursorScreenPos().x + card.inner_width();
  const auto beside = [&](const char* label) {
    if (ImGui::GetItemRectMax().x + ImGui::GetStyle().ItemSpacing.x + button_width(label) <= right) ImGui::SameLine();
  };
  if (const app::Message* question = question_of(view, message.id); question != nullptr) {
    beside("Ask again");
    if (button(ui, "Ask again", ButtonKind::normal, "The same question with another seed; this answer stays as a branch", Command::none,
               view.answering ? "An answer is being written" : nullptr))
      app.ask_again(question->id, question->text, true);
  }
  std::string& rating = panel.ratings[message.id];
  const auto rate = [&](const char* shown, const char* value, const char* tip) {
    ImGui::PushStyleColor(ImGuiCol_Text, rating == value ? ui.theme.accent : ui.theme.faint);
    const bool clicked = button(ui, shown, ButtonKind::quiet, tip);
    ImGui::PopStyleColor();
    if (!clicked) return;
    rating = rating == value ? "" : value;
    app.set_view_state("rating." + std::to_string(message.id), rating);
  };
  beside("▲▲▼▼");
  rate("▲", "good", "A good answer; kept with the session");
  ImGui::SameLine(0, 2);
  rate("▼", "bad", "A bad answer; kept with the session");
  const bool pinned = view.pinned_answer == message.id;
  beside(pinned ? "Pinned to the report" : "Pin to report");
  if (button(ui, pinned ? "Pinned to the report" : "Pin to report", ButtonKind::quiet, "Reports show this answer instead of the last one"))
    app.pin_answer(pinned ? 0 : message.id);
  beside("Fork");
  if (button(ui, "Fork", ButtonKind::quiet, "A new session with everything up to here")) app.fork_session(message.id);
}

void draw_message(IncidentPanel& panel, const app::IncidentView& view, const app::Message& message, app::App& app, Ui& ui) {
  draw_branch(view, message.id, app, ui);
  if (message.answer) return draw_answer(panel, view, message, app, ui);
  const bool mine = message.role == "user";
  const Card card(ui, "message", mine ? ui.theme.accent : 0);
  const std::string time = time_text(message.time).substr(0, 16);
  const Span head[] = {{mine ? "You" : message.role == "system" ? "Note" : "Answer", ui.theme.text, Face::bold},
                       {"   "},
                       {time, ui.theme.faint}};
  rich_text(ui, "head", head, {.width = card.inner_width(), .menu = false});
  text(ui, "text", message.text, ui.theme.text, Face::regular, {.width = card.inner_width()});
  if (mine) {
    if (button(ui, "Edit and ask again", ButtonKind::quiet)) {
      panel.input = message.text;
      ++panel.input_generation;
      panel.focus_input = true;
      panel.editing = message.id;
    }
  }
}

void draw_streaming(const app::IncidentView& view, Ui& ui) {
  const Card card(ui, "streaming", ui.theme.accent);
  const std::string stage = view.streaming_stage.empty() ? "working" : view.streaming_stage;
  const Span head[] = {{"Answer", ui.theme.text, Face::bold}, {"   "}, {stage, ui.theme.dim},
                       {"   dim until verified", ui.theme.faint}};
  rich_text(ui, "head", head, {.width = card.inner_width(), .menu = false, .probe = "streaming"});
  if (!view.streaming_text.empty())
    text(ui, "text", view.streaming_text, ui.theme.dim, Face::regular, {.width = card.inner_width()});
  ui.animate(0.1);
}

// Only messages in sight are laid out; the others keep the height they had.
void draw_messages(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  const float width = ImGui::GetContentRegionAvail().x;
  if (width != panel.heights_width) {
    panel.heights.clear();
    panel.heights_width = width;
  }
  const float top = ImGui::GetScrollY(), bottom = top + ImGui::GetWindowHeight();
  for (const app::Message& message : view.messages) {
    const float y = ImGui::GetCursorPosY();
    const auto known = panel.heights.find(message.id);
    // One that was never in sight is taken for a few lines high.
    const float height = known != panel.heights.end() ? known->second : ImGui::GetTextLineHeight() * 8;
    if (y + height < top || y > bottom) {
      ImGui::Dummy({width, height});
      continue;
    }
    ImGui::PushID(int(message.id));
    ImGui::BeginGroup();
    draw_message(panel, view, message, app, ui);
    ImGui::EndGroup();
    ImGui::PopID();
    panel.heights[message.id] = ImGui::GetItemRectSize().y;
    ImGui::Dummy({1, ui.theme.px(2)});
  }
}

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

// What fills the context, part by part: instructions, findings, lines, question, room for the answer.
void draw_context_bar(const app::PromptPreview& preview, const app::StatusView& status, Ui& ui) {
  const int total = preview.n_ctx > 0 ? preview.n_ctx : status.context_total;
  if (total <= 0 || (preview.parts.empty() && status.context_total <= 0)) return;
  struct Piece {
    const char* name;
    int n_tokens;
    ImU32 color;
  };
  Piece pieces[] = {{"system", 0, ui.theme.series[5]}, {"checks", 0, ui.theme.series[2]}, {"lines", 0, ui.theme.series[0]}, {"question", 0, ui.theme.series[1]},
                    {"answer room", preview.n_answer_tokens, ui.theme.border_strong}};
  for (const app::PromptPreview::Part& part : preview.parts) {
    const bool line = !part.name.empty() && part.name[0] == 'E' && part.name.size() > 1 && std::isdigit(static_cast<unsigned char>(part.name[1]));
    pieces[part.name == "findings" ? 1 : line ? 2 : part.name == "question" ? 3 : 0].n_tokens += part.n_tokens;
  }
  ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(2));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, height = ui.theme.px(5);
  ImGui::InvisibleButton("context_bar", {width, height + ui.theme.px(3)});
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(at, {at.x + width, at.y + height}, ui.theme.raised, ui.theme.px(2));
  float x = at.x;
  std::string tip = engine::format("Context of %s tokens", with_commas(uint64_t(total)).c_str());
  int used = 0;
  for (const Piece& piece : pieces) {
    if (piece.n_tokens <= 0) continue;
    const float end = std::min(x + width * float(piece.n_tokens) / float(total), at.x + width);
    list.AddRectFilled({x, at.y}, {std::max(end - 1, x + 1), at.y + height}, piece.color);
    x = end;
    used += piece.n_tokens;
    tip += engine::format("\n%s: %d", piece.name, piece.n_tokens);
  }
  tip += engine::format("\nfree: %d", std::max(total - used, 0));
  for (const std::string& sentence : preview.left_out) tip += "\nleft out: " + sentence;
  ui.probe("context_bar", tip, at, {at.x + width, at.y + height});
  if (ImGui::IsItemHovered()) {
    ui.fonts.note_text(tip);
    ImGui::SetTooltip("%s\nCtrl+I shows the whole prompt", tip.c_str());
  }
}

std::string question_now(const IncidentPanel& panel, const app::IncidentView& view) {
  if (!panel.input.empty()) return panel.input;
  for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
    if (it->role == "user") return it->text;
  return "What broke?";
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

void draw_input(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
                app::App& app, Ui& ui) {
  keep_prepared(panel, view, app, ui);
  draw_context_bar(*app.preview(), status, ui);
  if (panel.editing != 0) {
    text(ui, "editing", "Asking in other words: the first wording stays as a branch", ui.theme.accent);
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
}

void draw_preview(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  const std::shared_ptr<const app::PromptPreview> shown = app.preview();
  const app::PromptPreview& preview = *shown;
  if (ui.take(Command::preview_prompt)) {
    app.prepare_preview(question_now(panel, view));
    ImGui::OpenPopup("What the model will see");
  }
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.8f, ui.theme.px(860)), screen.y * 0.8f});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal("What the model will see", &open,
                              ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings))
    return;
  if (preview.question != question_now(panel, view)) draw_running(ui, "preparing", "Putting the prompt together", "", -1, false);
  text(ui, "sum",
       engine::format("%d of %d tokens%s", preview.n_tokens, preview.n_ctx,
                      preview.n_masked_secrets > 0
                          ? engine::format(", %d secrets masked", preview.n_masked_secrets).c_str()
                          : ", no secrets found"),
       ui.theme.dim);
  meter(ui, {ImGui::GetContentRegionAvail().x, ui.theme.px(5)},
        preview.n_ctx > 0 ? double(preview.n_tokens) / preview.n_ctx : 0, ui.theme.accent);
  for (const std::string& sentence : preview.left_out)
    draw_notice(ui, sentence.c_str(), "Left out: " + sentence, ui.theme.warning);
  for (const std::string& sentence : preview.masked) draw_notice(ui, sentence.c_str(), "Masked: " + sentence, ui.theme.good);
  ImGui::BeginChild("parts", {0, -ImGui::GetFrameHeightWithSpacing()}, false);
  for (size_t i = 0; i < preview.parts.size(); ++i) {
    const auto& part = preview.parts[i];
    ImGui::PushID(int(i));
    {
      const Card card(ui, "part");
      heading(ui, part.name, engine::format("%d tokens", part.n_tokens));
      text(ui, "text", part.text, ui.theme.text, Face::mono, {.width = card.inner_width()});
    }
    ImGui::PopID();
    ImGui::Dummy({1, 1});
  }
  ImGui::EndChild();
  if (button(ui, "Copy all")) {
    std::string all;
    for (const auto& part : preview.parts) all += part.text + "\n\n";
    ui.copy(all);
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

void draw_welcome(app::App& app, Ui& ui) {
  const int clicked = draw_empty(ui, "welcome",
                                 {"What broke?",
                                  "Paste a log anywhere with Ctrl+V, drop files on the window, or open them. "
                                  "The checks run at once; then ask.",
                                  {"Paste a log", "Open files", "Open the sample"}});
  if (clicked == 0) ui.give(Command::paste);
  if (clicked == 1) ui.give(Command::open_files);
  if (clicked == 2) app.open_sample();
}

void draw_conversation(IncidentPanel& panel, const app::IncidentView& view,
                       const app::StatusView& status, const app::ModelsView& models, app::App& app,
                       Ui& ui) {
  heading(ui, view.title.empty() ? "Incident" : view.title);
  if (!view.notice.empty()) draw_notice(ui, "notice", view.notice, ui.theme.accent);
  // The first start: the three things to do stand above the sample.
  if (view.title.starts_with("Sample") && view.messages.size() <= 2) {
    if (button(ui, "Paste a log", ButtonKind::primary, "The clipboard, from anywhere", Command::paste)) ui.give(Command::paste);
    ImGui::SameLine();
    if (button(ui, "Open files", ButtonKind::normal, "Files, folders, archives", Command::open_files)) ui.give(Command::open_files);
    ImGui::SameLine();
    if (button(ui, "Try a question", ButtonKind::normal, "Puts one into the field below; Enter sends it")) {
      panel.input = "What filled the disk, and what failed because of it?";
      ++panel.input_generation;
      panel.focus_input = true;
    }
  }
  if (!view.error.empty() &&
      draw_notice(ui, "error", view.error, ui.theme.bad, models.loaded_path.empty() ? "Models" : nullptr))
    ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  if (!models.error.empty() && status.model.empty()) {
    draw_notice(ui, "model_error", "The model was not loaded: " + models.error, ui.theme.bad);
    if (button(ui, "Smaller context", ButtonKind::normal, "Half the tokens, about half the memory beside the weights", Command::none,
               app.settings().n_ctx <= 512 ? "The context is as small as it can be" : nullptr)) {
      app::Settings changed = app.settings();
      changed.n_ctx = std::max(512, changed.n_ctx / 2);
      app.change_settings(changed);
      if (!changed.model_path.empty()) app.load_model(changed.model_path);
    }
    ImGui::SameLine();
    if (button(ui, "Another model")) ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  } else if (status.model.empty() && models.loading_path.empty() &&
      draw_notice(ui, "no_model", "Checks, logs and KQL work now. To get explanations, add a model file.",
                  ui.theme.border_strong, "Models"))
    ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  if (!models.loading_path.empty() &&
      draw_running(ui, "loading", "Loading the model: " + models.loading_stage, "", models.loading_fraction))
    app.stop_loading();

  const bool empty = view.messages.empty() && !view.answering;
  ImGui::BeginChild("messages", {0, -(input_height(panel, ui) + ui.theme.px(18))}, false);
  if (empty && view.log->n_rows() == 0) {
    draw_welcome(app, ui);
  } else if (empty) {
    const bool found = !view.findings.empty();
    const int clicked = draw_empty(
        ui, "ask",
        {"No question yet",
         found ? "The checks found something: see the right side. Ask for an explanation in your own words."
               : "The checks found nothing they know. Ask about what you see, or look at the log.",
         {"What broke?", "Show the log"}});
    if (clicked == 0) app.ask("What broke?");
    if (clicked == 1) ui.give(Command::show_logs);
  } else {
    draw_messages(panel, view, app, ui);
    if (view.answering) draw_streaming(view, ui);
    const bool at_end = ImGui::GetScrollY() >= ImGui::GetScrollMaxY() - ui.theme.px(4);
    if (ImGui::GetIO().MouseWheel != 0 && ImGui::IsWindowHovered()) panel.follow = at_end;
    if (view.messages.size() != panel.n_messages_seen && panel.n_messages_seen != 0) {
      panel.follow = true;
      panel.settle_frames = 4;   // the new message's height is known only after it was drawn
    }
    panel.n_messages_seen = view.messages.size();
    if (panel.follow && (view.answering || panel.settle_frames > 0)) ImGui::SetScrollHereY(1.f);
    if (panel.settle_frames > 0) {
      --panel.settle_frames;
      ui.animate(0);
    }
  }
  ImGui::EndChild();
  draw_input(panel, view, status, app, ui);
}

void draw_evidence(const app::IncidentView& view, Ui& ui) {
  heading(ui, "Evidence", with_commas(view.evidence.size()));
  ImGui::BeginChild("evidence_list", {0, 0}, false);
  if (view.evidence.empty())
    draw_empty(ui, "none", {"No evidence yet", "The lines that prove a finding or an answer stand here.", {}});
  for (const app::Evidence& item : view.evidence) {
    ImGui::PushID(item.id.c_str());
    {
      const Card card(ui, "card");
      const Span head[] = {{item.id, ui.theme.link, Face::bold}, {"   "}, {item.reason, ui.theme.dim}};
      rich_text(ui, "head", head, {.width = card.inner_width()});
      for (size_t i = 0; i < item.lines.size(); ++i)
        draw_line_ref(ui, int(i), item.lines[i], card.inner_width(), "evidence_line");
    }
    ImGui::PopID();
    ImGui::Dummy({1, ui.theme.px(1)});
  }
  ImGui::EndChild();
}

}  // namespace

void add_to_question(IncidentPanel& panel, const std::string& added) {
  if (!panel.input.empty() && panel.input.back() != '\n') panel.input += '\n';
  panel.input += added;
  ++panel.input_generation;
  panel.focus_input = true;
}

void draw(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
          const app::ModelsView& models, app::App& app, Ui& ui) {
  if (panel.session != view.session) {
    panel.session = view.session;
    panel.input = view.draft;
    ++panel.input_generation;
    panel.heights.clear();
    panel.follow = true;
    panel.n_messages_seen = 0;
    panel.editing = 0;
    panel.prepared_for = 0;
    panel.ratings.clear();
  }
  for (const app::Message& message : view.messages)
    if (message.answer && panel.ratings.count(message.id) == 0) panel.ratings[message.id] = app.view_state("rating." + std::to_string(message.id));
  if (ui.take(Command::regenerate)) {
    for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
      if (it->role == "user") {
        if (!view.answering) app.ask_again(it->id, it->text, true);
        break;
      }
  }
  // Narrow windows give the evidence up first, then the checks.
  const float room = ImGui::GetContentRegionAvail().x;
  const bool with_checks = room > ui.theme.px(560);
  const bool with_evidence = room > ui.theme.px(900);
  const float bars = ui.theme.px(6) * float(int(with_checks) + int(with_evidence));
  const float most = room / ui.theme.scale * 0.4f;
  const float checks = with_checks ? ui.theme.px(std::min(panel.checks_width, most)) : 0;
  const float evidence = with_evidence ? ui.theme.px(std::min(panel.evidence_width, most)) : 0;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
  const float conversation = std::max(room - checks - evidence - bars, ui.theme.px(120));
  {
    const Pane pane(ui, "conversation", {conversation, 0}, true, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_conversation(panel, view, status, models, app, ui);
    draw_preview(panel, view, app, ui);
    ImGui::PopStyleVar();
  }
  if (with_evidence) {
    ImGui::SameLine();
    splitter(ui, "split_evidence", true, &panel.evidence_width, 180, most, -1);
    ImGui::SameLine();
    const Pane pane(ui, "evidence", {evidence, 0});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_evidence(view, ui);
    ImGui::PopStyleVar();
  }
  if (with_checks) {
    ImGui::SameLine();
    splitter(ui, "split_checks", true, &panel.checks_width, 200, most, -1);
    ImGui::SameLine();
    const Pane pane(ui, "checks", {0, 0});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_findings(view, status, panel.show_all_checks, app, ui);
    ImGui::PopStyleVar();
  }
  ImGui::PopStyleVar();
}

}  // namespace ui
