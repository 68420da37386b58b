#include "ui/panels/configs.h"

#include <algorithm>
#include <cmath>

#include "app/configs/review.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr size_t max_source_lines = 50'000;

size_t count_of(const app::ConfigReview& review, app::Severity severity) {
  return size_t(std::count_if(review.findings.begin(), review.findings.end(),
                              [&](const app::ConfigFinding& f) { return f.severity == severity; }));
}

void choose_kind(const app::ConfigReview& review, app::App& app) {
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * 11);
  if (!ImGui::BeginCombo("##kind", review.kind.empty() ? "choose its kind" : review.kind.c_str())) return;
  for (const std::string& kind : app::configs::kind_names())
    if (ImGui::Selectable(kind.c_str(), kind == review.kind)) app.review_config_text(review.file, review.text, kind);
  ImGui::EndCombo();
}

void draw_finding(ConfigsPanel& panel, const app::ConfigFinding& finding, int index, Ui& ui) {
  ImGui::PushID(index);
  {
    const Card card(ui, "finding", severity_color(finding.severity, ui.theme));
    const float width = card.inner_width();
    const std::string place = finding.line > 0 ? engine::format("L%d", finding.line) : "file";
    const Span head[] = {{place, ui.theme.link, Face::regular, 0},
                         {"  "},
                         {app::severity_names[int(finding.severity)], severity_color(finding.severity, ui.theme), Face::bold},
                         {"  "},
                         {finding.rule, ui.theme.dim, Face::mono}};
    const TextResult head_result = rich_text(ui, "head", head, {.width = width, .chip_probe = "config_line"});
    if (head_result.clicked_chip == 0) {
      panel.chosen_line = finding.line;
      panel.scroll_to_line = true;
      panel.flashed_at = ui.now;
    }
    text(ui, "message", finding.message, ui.theme.text, Face::regular, {.width = width, .probe = "config_finding"});
    if (!finding.subject.empty()) text(ui, "subject", finding.subject, ui.theme.faint, Face::regular, {.width = width});
    if (!finding.fix.empty()) {
      const Span fix[] = {{"→ ", ui.theme.faint}, {finding.fix, ui.theme.good}};
      rich_text(ui, "fix", fix, {.width = width});
    }
    if (const app::configs::Rule* rule = app::configs::find_rule(finding.rule); rule != nullptr && !rule->docs.empty()) {
      ImGui::TextDisabled("why?");
      if (ImGui::IsItemHovered()) {
        ImGui::BeginTooltip();
        ImGui::PushTextWrapPos(ImGui::GetFontSize() * 36);
        ImGui::TextUnformatted(rule->docs.c_str());
        ImGui::PopTextWrapPos();
        ImGui::EndTooltip();
      }
    }
  }
  ImGui::PopID();
  ImGui::Dummy({1, 1});
}

void draw_source(ConfigsPanel& panel, const app::ConfigReview& review, Ui& ui) {
  heading(ui, review.file, review.kind);
  const auto lines = engine::split(review.text, '\n');
  std::vector<const app::ConfigFinding*> worst(lines.size() + 1, nullptr);
  for (const app::ConfigFinding& f : review.findings) {
    if (f.line < 1 || size_t(f.line) > lines.size()) continue;
    const app::ConfigFinding*& slot = worst[size_t(f.line)];
    if (slot == nullptr || f.severity > slot->severity) slot = &f;
  }
  ImGui::BeginChild("source", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
  const float line_height = std::round(ImGui::GetFontSize() * 1.4f);
  const float char_width = text_width(ui, "0", Face::mono);
  const float gutter = ui.theme.px(22) + char_width * float(std::to_string(lines.size()).size()) + ui.theme.px(10);
  if (panel.scroll_to_line && panel.chosen_line > 0) {
    ImGui::SetScrollY(std::max(0.f, float(panel.chosen_line - 1) * line_height - ImGui::GetWindowHeight() / 2));
    panel.scroll_to_line = false;
  }
  const int n = int(std::min(lines.size(), max_source_lines));
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  ImGuiListClipper clipper;
  clipper.Begin(n, line_height);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const std::string_view line = lines[size_t(i)];
      const ImVec2 at = ImGui::GetCursorScreenPos();
      const float width = std::max(gutter + text_width(ui, line, Face::mono) + ui.theme.px(10), ImGui::GetContentRegionAvail().x);
      ImGui::PushID(i);
      ImGui::InvisibleButton("line", {width, line_height});
      if (ImGui::IsItemClicked()) panel.chosen_line = i + 1;
      const app::ConfigFinding* finding = worst[size_t(i) + 1];
      if (finding != nullptr) {
        list.AddRectFilled(at, {at.x + width, at.y + line_height}, with_alpha(severity_color(finding->severity, ui.theme), 0.10f));
        draw_level_mark(list, {at.x + ui.theme.px(10), at.y + line_height / 2}, ui.theme.px(4), severity_level(finding->severity), ui.theme);
        if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s\n%s", finding->rule.c_str(), finding->message.c_str());
      }
      if (i + 1 == panel.chosen_line) {
        const double age = ui.now - panel.flashed_at;
        const float share = age < 1 ? float(1 - age) : 0.f;
        list.AddRectFilled(at, {at.x + width, at.y + line_height}, share > 0 ? with_alpha(ui.theme.flash, share) : with_alpha(ui.theme.selected, 0.6f));
        if (share > 0) ui.animate(0.03);
        ui.probe("config_current_line", line, at, {at.x + width, at.y + line_height});
      }
      const std::string number = std::to_string(i + 1);
      const float dy = std::round((line_height - ImGui::GetFontSize()) / 2);
      draw_text(ui, list, {at.x + gutter - ui.theme.px(10) - text_width(ui, number, Face::mono), at.y + dy}, ui.theme.faint, number, Face::mono);
      draw_text(ui, list, {at.x + gutter, at.y + dy}, ui.theme.text, line.substr(0, 4000), Face::mono);
      item_menu(ui, "menu", line);
      ImGui::PopID();
    }
  }
  ImGui::PopStyleVar();
  if (lines.size() > max_source_lines)
    text(ui, "cut", engine::format("first %zu of %zu lines shown; all were reviewed", max_source_lines, lines.size()), ui.theme.warning);
  ImGui::EndChild();
}

void draw_paste(ConfigsPanel& panel, app::App& app, Ui& ui) {
  if (panel.paste_open) ImGui::OpenPopup("Review a text");
  panel.paste_open = false;
  ImGui::SetNextWindowSize({ui.theme.px(720), ui.theme.px(520)}, ImGuiCond_Appearing);
  bool open = true;
  if (!ImGui::BeginPopupModal("Review a text", &open, ImGuiWindowFlags_NoSavedSettings)) return;
  input_text("##name", "File name (nginx.conf, deploy.yaml, Dockerfile): tells the kind", &panel.paste_name, -1);
  {
    const WithFace mono(ui, Face::mono);
    input_multiline("##text", &panel.paste_text, {-1, -ImGui::GetFrameHeightWithSpacing()});
  }
  if (button(ui, "Review", ButtonKind::primary, nullptr, Command::none,
             panel.paste_text.empty() ? "Paste a text first" : nullptr)) {
    app.review_config_text(panel.paste_name.empty() ? "pasted" : panel.paste_name, panel.paste_text);
    panel.chosen = 0;
    panel.paste_text.clear();
    ImGui::CloseCurrentPopup();
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

}  // namespace

void draw(ConfigsPanel& panel, const app::ConfigsView& view, const app::StatusView& status, app::App& app, Ui& ui) {
  const app::JobView* job = nullptr;
  const app::JobView* failed = nullptr;
  for (const app::JobView& j : status.jobs) {
    if (j.kind != "config") continue;
    if (j.running && job == nullptr) job = &j;
    if (!j.running && !j.error.empty() && failed == nullptr) failed = &j;
  }
  if (view.reviews.empty()) {
    const Pane pane(ui, "empty", {0, 0});
    if (view.running || job != nullptr) {
      if (draw_running(ui, "running", job != nullptr ? job->title : "Reviewing", job != nullptr ? job->count : "",
                       job != nullptr ? job->fraction : -1, job != nullptr))
        app.cancel_job(job->id);
    } else if (failed != nullptr) {
      if (draw_failed(ui, "failed", {"The review failed", failed->error, {"Open files"}}) == 0) ui.give(Command::open_files);
    } else {
      const int clicked = draw_empty(ui, "none",
                                     {"No config reviewed yet",
                                      "Kubernetes, nginx, Dockerfile, Docker Compose, systemd, Prometheus rules and Terraform "
                                      "files are checked by rules, with no model and no network.",
                                      {"Open files", "Paste a text"}});
      if (clicked == 0) ui.give(Command::open_files);
      if (clicked == 1) panel.paste_open = true;
    }
    draw_paste(panel, app, ui);
    return;
  }
  const app::ConfigReview* shown = &view.reviews.front();
  for (const app::ConfigReview& review : view.reviews)
    if (review.id == panel.chosen && review.file == panel.chosen_file) shown = &review;

  const float room = ImGui::GetContentRegionAvail().x;
  const float list_width = std::min(ui.theme.px(panel.list_width), room * 0.6f);
  {
    const Pane pane(ui, "findings", {list_width, 0});
    if (button(ui, "Open files", ButtonKind::normal, nullptr, Command::open_files)) ui.give(Command::open_files);
    ImGui::SameLine();
    if (button(ui, "Paste a text")) panel.paste_open = true;
    if (job != nullptr && draw_running(ui, "running", job->title, job->count, job->fraction)) app.cancel_job(job->id);
    if (failed != nullptr) draw_notice(ui, "failed", failed->title + ": " + failed->error, ui.theme.bad);
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x);
    if (ImGui::BeginCombo("##file", engine::format("%s  (%zu)", shown->file.c_str(), shown->findings.size()).c_str())) {
      for (size_t i = 0; i < view.reviews.size(); ++i) {
        const app::ConfigReview& review = view.reviews[i];
        if (ImGui::Selectable(engine::format("%s  (%zu)##%zu", review.file.c_str(), review.findings.size(), i).c_str(), &review == shown)) {
          panel.chosen = review.id;
          panel.chosen_file = review.file;
          panel.chosen_line = 0;
        }
      }
      ImGui::EndCombo();
    }
    choose_kind(*shown, app);
    ImGui::SameLine();
    ImGui::SetNextItemWidth(-1);
    ImGui::Combo("##severity", &panel.min_severity, "All severities\0Warnings and worse\0Errors and worse\0Critical\0");
    const std::string sum = engine::format("%zu findings: %zu critical, %zu errors, %zu warnings, %zu notes", shown->findings.size(),
                                           count_of(*shown, app::Severity::critical), count_of(*shown, app::Severity::error),
                                           count_of(*shown, app::Severity::warning), count_of(*shown, app::Severity::info));
    text(ui, "sum", sum, ui.theme.dim, Face::regular, {.probe = "config_sum"});
    if (!shown->error.empty()) draw_notice(ui, "error", shown->error, ui.theme.bad);
    for (const std::string& note : shown->notes) draw_notice(ui, note.c_str(), note, ui.theme.warning);
    ImGui::BeginChild("list", {0, 0}, false);
    if (shown->findings.empty() && shown->error.empty())
      draw_empty(ui, "clean", {"0 findings", "No rule of this kind found a fault in the file.", {}});
    for (size_t i = 0; i < shown->findings.size(); ++i)
      if (int(shown->findings[i].severity) >= panel.min_severity) draw_finding(panel, shown->findings[i], int(i), ui);
    ImGui::EndChild();
    draw_paste(panel, app, ui);
  }
  ImGui::SameLine(0, 0);
  splitter(ui, "split", true, &panel.list_width, 220, room / ui.theme.scale * 0.6f);
  ImGui::SameLine(0, 0);
  {
    const Pane pane(ui, "source_pane", {0, 0});
    draw_source(panel, *shown, ui);
  }
}

}  // namespace ui
