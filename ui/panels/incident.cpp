#include "ui/panels/incident.h"

#include <algorithm>

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

void draw_answer(const app::Answer& answer, Ui& ui) {
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
  ImGui::SameLine();
  if (button(ui, "Ask again", ButtonKind::normal, "The last question once more", Command::regenerate))
    ui.give(Command::regenerate);
}

void draw_message(IncidentPanel& panel, const app::Message& message, Ui& ui) {
  if (message.answer) return draw_answer(*message.answer, ui);
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
void draw_messages(IncidentPanel& panel, const app::IncidentView& view, Ui& ui) {
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
    draw_message(panel, message, ui);
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

void draw_context_bar(const app::StatusView& status, Ui& ui) {
  if (status.context_total <= 0) return;
  const double share = double(status.context_used) / double(status.context_total);
  ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(2));
  meter(ui, {ImGui::GetContentRegionAvail().x, ui.theme.px(3)}, share,
        share > 0.9 ? ui.theme.warning : ui.theme.accent);
  if (ImGui::IsItemHovered())
    ImGui::SetTooltip("Context: %d of %d tokens used", status.context_used, status.context_total);
}

void draw_input(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
                app::App& app, Ui& ui) {
  draw_context_bar(status, ui);
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
  if (panel.input != before) app.set_draft(panel.input);
  // Up in an empty field brings the last question back.
  if (focused && panel.input.empty() && pressed(Key::up, no_mods)) {
    for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
      if (it->role == "user") {
        panel.input = it->text;
        ++panel.input_generation;
        panel.focus_input = true;
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
    app.ask(panel.input);
    panel.input.clear();
    ++panel.input_generation;
    panel.focus_input = true;
    panel.follow = true;
    app.set_draft("");
  }
}

void draw_preview(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  if (ui.take(Command::preview_prompt)) {
    std::string question = panel.input;
    if (question.empty()) {
      for (const app::Message& message : view.messages)
        if (message.role == "user") question = message.text;
    }
    panel.preview = app.preview_prompt(question.empty() ? "What broke?" : question);
    ImGui::OpenPopup("What the model will see");
  }
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.8f, ui.theme.px(860)), screen.y * 0.8f});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal("What the model will see", &open,
                              ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings))
    return;
  const app::PromptPreview& preview = panel.preview;
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
  if (!view.error.empty() &&
      draw_notice(ui, "error", view.error, ui.theme.bad, models.loaded_path.empty() ? "Models" : nullptr))
    ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  if (status.model.empty() && models.loading_path.empty() &&
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
    draw_messages(panel, view, ui);
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
  }
  if (ui.take(Command::regenerate)) {
    for (auto it = view.messages.rbegin(); it != view.messages.rend(); ++it)
      if (it->role == "user") {
        app.ask(it->text);
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
