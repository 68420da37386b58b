#include "ui/panels/answer.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/panels/findings.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

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
    preview_line(ui, citation.line);
  }
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

// The reason that code gave for not using the model's text, which stands in the answer's text.
std::string unused_reason(const app::Answer& answer) {
  constexpr std::string_view mark = "## Text of the model (not used: ";
  const size_t at = answer.text.rfind(mark);
  if (answer.from_model || at == std::string::npos) return {};
  const size_t begin = at + mark.size(), end = answer.text.find(")\n", begin);
  return answer.text.substr(begin, (end == std::string::npos ? answer.text.size() : end) - begin);
}

std::string stop_text(const app::Answer& answer) {
  if (answer.stop_reason == "cancelled") return "stopped by you";
  if (answer.stop_reason == "max_tokens") return "at its limit of tokens";
  if (answer.stop_reason == "error") return "broken off by an error";
  if (answer.stop_reason == "context_full") return "context full";
  return answer.stop_reason == "end_of_text" || answer.stop_reason == "stop_string" ? "ended by itself" : answer.stop_reason;
}

// Model, device, speed, first token, tokens, seed, why it ended.
std::string meta_text(const app::Answer& answer) {
  if (answer.model.empty()) return "Written by code from the findings, no model";
  std::string meta = answer.from_model ? answer.model : "Written by code from the findings; tried with " + answer.model;
  if (answer.tokens_per_second > 0) meta += engine::format("  ·  %.1f tok/s", answer.tokens_per_second);
  if (answer.first_token_ms > 0) meta += "  ·  first token " + seconds_text(answer.first_token_ms / 1000);
  meta += engine::format("  ·  %d + %d tokens  ·  seed %llu", answer.prompt_tokens,
                         answer.generated_tokens, static_cast<unsigned long long>(answer.seed));
  if (!answer.stop_reason.empty()) meta += "  ·  " + stop_text(answer);
  return meta;
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

// The commands that an answer proposes: code in a line that says what it does to the machine.
struct ProposedCommand {
  size_t end = 0;             // byte of the text behind it
  std::string text;
  bool changes_state = false;
};

std::vector<ProposedCommand> commands_of(const std::string& text) {
  std::vector<ProposedCommand> commands;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    const bool changes = line.find("changes state") != std::string_view::npos;
    if (changes || line.find("read-only") != std::string_view::npos) {
      for (size_t open = line.find('`'); open != std::string_view::npos;) {
        const size_t close = line.find('`', open + 1);
        if (close == std::string_view::npos) break;
        if (close > open + 1) commands.push_back({begin + close + 1, std::string(line.substr(open + 1, close - open - 1)), changes});
        open = line.find('`', close + 1);
      }
    }
    begin = end + 1;
  }
  return commands;
}

// What is wrong with an answer, and the way to a better one.
void draw_faults(const app::IncidentView& view, const app::Message& message, app::App& app, Ui& ui) {
  const app::Answer& answer = *message.answer;
  const app::Message* question = question_of(view, message.id);
  if (question == nullptr || view.answering) return;
  if (const std::string reason = unused_reason(answer); !reason.empty()) {
    if (draw_notice(ui, "unused", "Bad output: the model's text was not used, as " + reason + ". It is kept below, labelled; the answer is composed from the findings.",
                    ui.theme.warning, "Retry with another seed"))
      app.ask_again(question->id, question->text, true);
  } else if (answer.from_model && answer.stop_reason == "max_tokens") {
    const app::Settings now = app.settings();
    if (draw_notice(ui, "cut", engine::format("The answer was cut at its limit of %s tokens.", with_commas(uint64_t(answer.generated_tokens)).c_str()), ui.theme.warning,
                    "Retry with twice as many")) {
      app::Settings changed = now;
      changed.max_answer_tokens = std::min(std::max(answer.generated_tokens, now.max_answer_tokens) * 2, std::max(now.n_ctx / 2, 64));
      app.change_settings(changed);
      ui.toast(engine::format("Answers may now have %d tokens", changed.max_answer_tokens), [&app, now] { app.change_settings(now); },
               [&app, changed] { app.change_settings(changed); });
      app.ask_again(question->id, question->text, false);
    }
  }
}

// What the chips within an answer do, by their numbers: citations first, then commands, then references.
struct AnswerChips {
  std::vector<Mark> marks;
  std::vector<ProposedCommand> commands;
  std::vector<Link> links;
};

AnswerChips chips_of(const app::Answer& answer, const Ui& ui) {
  AnswerChips chips;
  chips.commands = commands_of(answer.text);
  const auto& citations = answer.citations;
  for (size_t i = 0; i < citations.size(); ++i)
    chips.marks.push_back({citations[i].end, citation_label(citations[i]), citation_color(ui, citations[i].state), int(i)});
  for (const ProposedCommand& command : chips.commands) chips.marks.push_back({command.end, "Copy", ui.theme.dim, int(chips.marks.size())});
  for (const Reference& reference : find_references(answer.text)) {
    if (!ui.about_link || !ui.about_link(reference.link)) continue;
    chips.marks.push_back({reference.begin, reference_text(reference.link), ui.theme.link,
                           int(chips.marks.size()), reference.end - reference.begin});
    chips.links.push_back(reference.link);
  }
  std::stable_sort(chips.marks.begin(), chips.marks.end(), [](const Mark& a, const Mark& b) { return a.at < b.at; });
  return chips;
}

void take_chip(const app::Answer& answer, const AnswerChips& chips, const TextResult& result, Ui& ui) {
  const size_t n_citations = answer.citations.size(), n_before_links = n_citations + chips.commands.size();
  if (result.hovered_chip >= 0) {
    const auto hovered = size_t(result.hovered_chip);
    if (hovered >= n_before_links) link_tooltip(ui, chips.links[hovered - n_before_links]);
    else if (hovered >= n_citations) ImGui::SetTooltip("Copy the command; this program never runs it");
    else citation_tooltip(ui, answer.citations[hovered]);
  }
  if (result.clicked_chip < 0) return;
  const auto clicked = size_t(result.clicked_chip);
  if (clicked >= n_before_links) return ui.follow(chips.links[clicked - n_before_links]);
  if (clicked >= n_citations) {
    const ProposedCommand& command = chips.commands[clicked - n_citations];
    ui.copy(command.text);
    return ui.toast(command.changes_state ? "Copied; this command changes state" : "Copied the command");
  }
  const app::Citation& c = answer.citations[clicked];
  if (c.state != app::CitationState::not_found) ui.jump_to(c.line.row);
  else ui.toast("No line of the log supports this sentence");
}

// The text with its chips. The menu of a claim copies how to refer to it.
void draw_answer_text(IncidentPanel& panel, const app::Message& message, float width, Ui& ui) {
  const app::Answer& answer = *message.answer;
  const AnswerChips chips = chips_of(answer, ui);
  std::vector<std::pair<size_t, size_t>> faint;
  for (const app::Citation& c : answer.citations)
    if (c.state == app::CitationState::not_found) faint.emplace_back(c.begin, c.end);
  const MarkdownStyle style{.color = ui.theme.text, .code_color = ui.theme.link,
                            .dim_color = ui.theme.faint, .faint = faint};
  const auto spans = markdown_spans(answer.text, chips.marks, style);
  const bool claim_menu = panel.hovered_message == message.id && panel.hovered_claim >= 0;
  const std::string reference = claim_menu ? reference_text({Link::Kind::claim, message.id, panel.hovered_claim + 1}) : std::string();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const TextResult result = rich_text(ui, "text", spans, {.width = width, .chip_probe = "citation", .reference = reference});
  // While a menu is open the claim that it is about stays.
  if (result.hovered) {
    panel.hovered_message = message.id;
    panel.hovered_claim = result.hovered_chip < int(answer.citations.size()) ? result.hovered_chip : -1;
  }
  for (size_t i = 0; i < answer.citations.size(); ++i) {
    const Link link{Link::Kind::claim, message.id, int64_t(i) + 1};
    if (ui.flash_share(link) <= 0) continue;
    draw_link_flash(ui, link, {at.x, at.y + result.chip_y(int(i))}, {at.x + width, at.y + result.chip_y(int(i)) + ImGui::GetTextLineHeight() * 1.25f});
  }
  take_chip(answer, chips, result, ui);
}

}  // namespace

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
  draw_faults(view, message, app, ui);

  draw_answer_text(panel, message, card.inner_width(), ui);
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

}  // namespace ui
