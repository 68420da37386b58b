#include "ui/panels/incident.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/base/error.h"
#include "ui/panels/answer.h"
#include "ui/panels/attachments.h"
#include "ui/panels/findings.h"
#include "ui/panels/models.h"
#include "ui/panels/prompt_preview.h"
#include "ui/panels/question.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

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
  linked_text(ui, "text", message.text, ui.theme.text, {.width = card.inner_width()});
  if (const auto came = view.attachments.find(message.id); came != view.attachments.end())
    draw_attached(panel, view, came->second, card.inner_width(), ui);
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
    if (panel.wanted.kind == Link::Kind::claim && panel.wanted.id == message.id) {
      panel.wanted = {};
      panel.follow = false;
      panel.settle_frames = 0;
      ImGui::SetScrollFromPosY(y - top + ImGui::GetWindowHeight() * 0.2f, 0.2f);
      ui.animate(0);
    }
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

// After a crash: what was brought back, and what to do with it.
void draw_recovered(IncidentPanel& panel, app::App& app, Ui& ui) {
  const auto sessions = app.sessions();
  const app::Recovered& recovered = sessions->recovered;
  if (recovered.sessions.empty()) return;
  const auto counted = [](size_t n, const char* one, const char* many) { return engine::format("%zu %s", n, n == 1 ? one : many); };
  ImGui::PushID("recovered");
  const std::string what = "Recovered " + counted(recovered.sessions.size(), "session", "sessions") + ", " +
                           counted(recovered.edits.size(), "unsaved edit", "unsaved edits") + ": the program had ended without closing.";
  draw_notice(ui, "what", what, ui.theme.warning);
  for (size_t i = 0; i < std::min<size_t>(recovered.edits.size(), 5); ++i) {
    ImGui::PushID(int(i));
    text(ui, "edit", "•  " + recovered.edits[i], ui.theme.dim);
    ImGui::PopID();
  }
  if (button(ui, "Open", ButtonKind::primary, "The session that was worked on last")) {
    app.open_recovered();
    panel.session = -1;
  }
  ImGui::SameLine();
  if (button(ui, "Discard", ButtonKind::normal, "Drop the questions that were not sent; logs and answers stay")) {
    app.discard_recovered();
    panel.session = -1;   // takes the draft from the view again
    ui.toast("Discarded what was not finished", [&panel, &app] {
      app.restore_recovered();
      panel.session = -1;
    });
  }
  ImGui::PopID();
}

// The sum that says why a model does not fit.
std::string fit_text_of(const app::ModelsView& models, const app::Settings& settings) {
  for (const app::ModelInfo& model : models.models) {
    if (model.path != models.failed_path || !model.error.empty()) continue;
    const Fit fit = model_fit(model, settings.n_ctx, models.free_memory_bytes);
    return engine::format("It needs %s: weights %s + cache %s for %s tokens + work %s + headroom %s. Free now: %s.", bytes_text(fit.needed).c_str(),
                          bytes_text(fit.weights).c_str(), bytes_text(fit.cache).c_str(), with_commas(uint64_t(settings.n_ctx)).c_str(),
                          bytes_text(fit.work).c_str(), bytes_text(fit.headroom).c_str(), bytes_text(fit.free).c_str());
  }
  return {};
}

void draw_model_failed(const app::ModelsView& models, app::App& app, Ui& ui) {
  draw_notice(ui, "model_error", "The model was not loaded: " + models.error, ui.theme.bad);
  if (const std::string sum = fit_text_of(models, app.settings()); !sum.empty()) text(ui, "sum", sum, ui.theme.dim);
  const std::string path = models.failed_path.empty() ? app.settings().model_path : models.failed_path;
  constexpr int least_ctx = 512;
  if (button(ui, "Smaller context", ButtonKind::normal, "Half the tokens, about half the memory beside the weights", Command::none,
             app.settings().n_ctx <= least_ctx ? "The context is as small as it can be" : path.empty() ? "No model was chosen" : nullptr)) {
    const app::Settings before = app.settings();
    app::Settings changed = before;
    changed.n_ctx = std::max(least_ctx, changed.n_ctx / 2);
    app.change_settings(changed);
    ui.toast(engine::format("Context of %d tokens instead of %d", changed.n_ctx, before.n_ctx), [&app, before] { app.change_settings(before); },
             [&app, changed] { app.change_settings(changed); });
    app.load_model(path);
  }
  if (!models.gpu.empty() && app.settings().gpu != "off") {
    ImGui::SameLine();
    if (button(ui, "On the CPU", ButtonKind::normal, "Slower, with the machine's memory instead of the GPU's")) {
      const app::Settings before = app.settings();
      app::Settings changed = before;
      changed.gpu = "off";
      app.change_settings(changed);
      ui.toast("Models run on the CPU from now on", [&app, before] { app.change_settings(before); }, [&app, changed] { app.change_settings(changed); });
      if (!path.empty()) app.load_model(path);
    }
  }
  ImGui::SameLine();
  if (button(ui, "Try again", ButtonKind::normal, "Memory may be free by now", Command::none, path.empty() ? "No model was chosen" : nullptr)) app.load_model(path);
  ImGui::SameLine();
  if (button(ui, "Other model")) ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
}

void draw_model_state(const app::StatusView& status, const app::ModelsView& models, app::App& app, Ui& ui) {
  if (!models.error.empty() && status.model.empty()) {
    draw_model_failed(models, app, ui);
  } else if (status.model.empty() && models.loading_path.empty()) {
    const std::string what = "Checks, logs and KQL work now. To get explanations, add a model file" +
                             (models.folder.empty() ? std::string(".") : " to " + models.folder + ".");
    if (draw_notice(ui, "no_model", what, ui.theme.border_strong, "Models")) ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  }
  if (!models.loading_path.empty() && draw_running(ui, "loading", "Loading the model: " + models.loading_stage, "", models.loading_fraction))
    app.stop_loading();
}

// What has to be said above the conversation. It scrolls where it would take the conversation's room.
void draw_head(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status, const app::ModelsView& models,
               app::App& app, Ui& ui) {
  const float most = ImGui::GetContentRegionAvail().y * 0.4f;
  const float height = std::max(std::min(panel.head_height, most), 1.f);
  if (panel.head_height > 0) ImGui::BeginChild("head", {0, height}, false);
  const float top = ImGui::GetCursorPosY();
  draw_recovered(panel, app, ui);
  if (!view.notice.empty() && draw_notice(ui, "notice", view.notice, ui.theme.accent, "Dismiss")) app.dismiss_notice();
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
  if (!view.error.empty() && draw_notice(ui, "error", view.error, ui.theme.bad, "Dismiss")) app.dismiss_notice();
  draw_model_state(status, models, app, ui);

  const float drawn = ImGui::GetCursorPosY() - top;
  if (panel.head_height > 0) ImGui::EndChild();
  if (std::abs(drawn - panel.head_height) > 0.5f) ui.animate(0);
  panel.head_height = drawn;
}

void draw_conversation(IncidentPanel& panel, const app::IncidentView& view,
                       const app::StatusView& status, const app::ModelsView& models, app::App& app,
                       Ui& ui) {
  heading(ui, view.title.empty() ? "Incident" : view.title);
  draw_head(panel, view, status, models, app, ui);
  const bool empty = view.messages.empty() && !view.answering;
  const float below = panel.question_height > 0 ? panel.question_height : ImGui::GetFrameHeight() * 3;
  ImGui::BeginChild("messages", {0, -(below + ImGui::GetStyle().ItemSpacing.y)}, false);
  if (empty && view.log->n_rows() == 0) {
    draw_welcome(app, ui);
  } else if (empty) {
    const bool found = !view.findings.empty();
    const int clicked = draw_empty(
        ui, "ask",
        {"No question yet",
         view.checks_running ? "The checks are running: what they find comes up on the right side. A question can be asked meanwhile."
         : found ? "The checks found something: see the right side. Ask for an explanation in your own words."
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
  draw_question(panel, view, status, app, ui);
}

// "finding disk_full": the finding of that check.
const app::Finding* finding_of(const app::IncidentView& view, const std::string& reason) {
  for (const app::Finding& finding : view.findings)
    if (finding.id > 0 && reason == "finding " + finding.check) return &finding;
  return nullptr;
}

// What a piece of evidence belongs to, as chips beside its head.
// right: where the card's inner part ends; those that do not fit beside it stand below it.
void draw_evidence_links(const app::IncidentView& view, size_t index, float right, Ui& ui) {
  const app::Evidence& item = view.evidence[index];
  const auto add = [&](const char* id, const Link& link) {
    if (!ui.about_link || !ui.about_link(link)) return;
    const float width = text_width(ui, reference_text(link)) + ui.theme.px(14), gap = ui.theme.px(6);
    if (ImGui::GetItemRectMax().x + gap + width <= right) ImGui::SameLine(0, gap);
    link_chip(ui, id, link);
  };
  if (const app::Finding* finding = finding_of(view, item.reason)) add("finding", {Link::Kind::finding, finding->id, 0});
  const uint32_t shape = index < view.evidence_templates.size() ? view.evidence_templates[index] : app::no_template;
  if (shape != app::no_template) add("template", {Link::Kind::template_, shape, 0});
}

void draw_evidence(IncidentPanel& panel, const app::IncidentView& view, Ui& ui) {
  heading(ui, "Evidence", with_commas(view.evidence.size()));
  ImGui::BeginChild("evidence_list", {0, 0}, false);
  if (view.evidence.empty())
    draw_empty(ui, "none", {"No evidence yet", "The lines that prove a finding or an answer stand here.", {}});
  for (const app::Evidence& item : view.evidence) {
    ImGui::PushID(item.id.c_str());
    const Link link{Link::Kind::evidence, std::atoll(item.id.c_str() + 1), 0};
    if (take_wanted(panel, link)) ImGui::SetScrollFromPosY(ImGui::GetCursorPosY() - ImGui::GetScrollY(), 0.2f);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    {
      const Card card(ui, "card");
      const Span head[] = {{item.id, ui.theme.link, Face::bold}, {"   "}, {item.reason, ui.theme.dim}};
      const float right = ImGui::GetCursorScreenPos().x + card.inner_width();
      const float head_width = text_width(ui, item.id, Face::bold) + text_width(ui, "   ") + text_width(ui, item.reason) + 1;
      rich_text(ui, "head", head, {.width = std::min(head_width, card.inner_width()), .reference = item.id});
      draw_evidence_links(view, size_t(&item - view.evidence.data()), right, ui);
      for (size_t i = 0; i < item.lines.size(); ++i)
        draw_line_ref(ui, int(i), item.lines[i], card.inner_width(), "evidence_line");
    }
    draw_link_flash(ui, link, at, {at.x + width, ImGui::GetItemRectMax().y});
    ImGui::PopID();
    ImGui::Dummy({1, ui.theme.px(1)});
  }
  ImGui::EndChild();
}

}  // namespace

bool take_wanted(IncidentPanel& panel, const Link& link) {
  if (panel.wanted.id == 0 || !(panel.wanted == link)) return false;
  panel.wanted = {};
  return true;
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
  // Narrow windows give the evidence up first, then the checks; the conversation keeps the most room.
  const float room = ImGui::GetContentRegionAvail().x;
  const bool with_checks = room > ui.theme.px(560);
  const bool with_evidence = room > ui.theme.px(900) && (!view.evidence.empty() || view.log->n_rows() > 0);
  const float bars = ui.theme.px(6) * float(int(with_checks) + int(with_evidence));
  const float most_checks = room / ui.theme.scale * (with_evidence ? 0.33f : 0.45f), most_evidence = room / ui.theme.scale * 0.26f;
  const float checks = with_checks ? ui.theme.px(std::min(panel.checks_width, most_checks)) : 0;
  const float evidence = with_evidence ? ui.theme.px(std::min(panel.evidence_width, most_evidence)) : 0;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, 0));
  const float conversation = std::max(room - checks - evidence - bars, ui.theme.px(120));
  {
    const Pane pane(ui, "conversation", {conversation, 0}, true, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_conversation(panel, view, status, models, app, ui);
    draw_prompt_preview(panel, view, app, ui);
    ImGui::PopStyleVar();
  }
  if (with_evidence) {
    ImGui::SameLine();
    splitter(ui, "split_evidence", true, &panel.evidence_width, 180, most_evidence, -1);
    ImGui::SameLine();
    const Pane pane(ui, "evidence", {evidence, 0});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_evidence(panel, view, ui);
    ImGui::PopStyleVar();
  }
  if (with_checks) {
    ImGui::SameLine();
    splitter(ui, "split_checks", true, &panel.checks_width, 200, most_checks, -1);
    ImGui::SameLine();
    const Pane pane(ui, "checks", {0, 0});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
    draw_findings(panel, view, status, app, ui);
    ImGui::PopStyleVar();
  }
  ImGui::PopStyleVar();
}

}  // namespace ui
