#include "ui/panels/findings.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr size_t shown_lines = 3;

void draw_steps(Ui& ui, const app::Finding& finding, float width) {
  for (size_t i = 0; i < finding.next_steps.size(); ++i) {
    const app::NextStep& step = finding.next_steps[i];
    ImGui::PushID(int(i) + 1000);
    const Span what[] = {{"→ ", ui.theme.faint}, {step.text, ui.theme.text}};
    rich_text(ui, "text", what, {.width = width});
    if (!step.command.empty()) {
      const float copy_width = button_width("Copy") + ui.theme.px(8);
      const Span command[] = {{step.command, ui.theme.link, Face::mono},
                              {step.changes_state ? "   changes state" : "   read-only",
                               step.changes_state ? ui.theme.warning : ui.theme.faint}};
      rich_text(ui, "command", command, {.width = width - copy_width});
      ImGui::SameLine(0, ui.theme.px(8));
      if (button(ui, "Copy", ButtonKind::quiet, "Copy the command; this program never runs it")) {
        ui.copy(step.command);
        ui.toast(step.changes_state ? "Copied; this command changes state" : "Copied the command");
      }
    }
    ImGui::PopID();
  }
}

void draw_finding(Ui& ui, const app::Finding& finding, int index) {
  ImGui::PushID(index);
  {
    const ImU32 color = severity_color(finding.severity, ui.theme);
    const Card card(ui, "finding", color);
    const float width = card.inner_width();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float mark = ui.theme.px(16);
    draw_level_mark(*ImGui::GetWindowDrawList(),
                    {at.x + ui.theme.px(5), at.y + ImGui::GetTextLineHeight() * 0.625f}, ui.theme.px(5),
                    severity_level(finding.severity), ui.theme);
    ImGui::SetCursorPosX(ImGui::GetCursorPosX() + mark);
    text(ui, "title", finding.title, ui.theme.text, Face::bold, {.width = width - mark, .probe = "finding"});
    std::string facts = with_commas(finding.n_matches) + (finding.n_matches == 1 ? " line" : " lines");
    if (finding.first_time != app::no_time) facts += "  ·  " + range_text(finding.first_time, finding.last_time);
    facts += "  ·  " + std::string(app::severity_names[int(finding.severity)]);
    text(ui, "facts", facts, ui.theme.dim, Face::regular, {.width = width});
    if (!finding.cause.empty()) text(ui, "cause", finding.cause, ui.theme.text, Face::regular, {.width = width});
    for (size_t i = 0; i < std::min(finding.evidence.size(), shown_lines); ++i)
      draw_line_ref(ui, int(i), finding.evidence[i], width, "finding_line");
    if (finding.evidence.size() > shown_lines)
      text(ui, "more", engine::format("and %zu more lines as evidence", finding.evidence.size() - shown_lines),
           ui.theme.faint, Face::regular, {.width = width});
    draw_steps(ui, finding, width);
  }
  ImGui::PopID();
  ImGui::Dummy({1, ui.theme.px(1)});
}

void draw_all_checks(Ui& ui, const app::IncidentView& view, bool& open) {
  const auto n_hit = std::count_if(view.checks.begin(), view.checks.end(),
                                   [](const app::CheckResult& c) { return c.n_found > 0; });
  const std::string title =
      engine::format("%s All checks: %zu, %zu found something###all", open ? "▾" : "▸", view.checks.size(), size_t(n_hit));
  if (button(ui, title.c_str(), ButtonKind::quiet, "Each check with how it decides, also those that found nothing"))
    open = !open;
  if (!open) return;
  const float width = ImGui::GetContentRegionAvail().x;
  for (size_t i = 0; i < view.checks.size(); ++i) {
    const app::CheckResult& check = view.checks[i];
    ImGui::PushID(int(i) + 5000);
    const std::string found = check.n_found == 0 ? "0 found" : with_commas(check.n_found) + " found";
    const Span line[] = {{check.title, ui.theme.text, Face::bold}, {"   "},
                         {found, check.n_found == 0 ? ui.theme.faint : ui.theme.warning},
                         {"\n"}, {check.algorithm, ui.theme.dim}};
    rich_text(ui, "check", line, {.width = width, .probe = "check"});
    ImGui::PopID();
  }
}

const app::JobView* running_job(const app::StatusView& status, const char* kind) {
  for (const app::JobView& job : status.jobs)
    if (job.running && job.kind == kind) return &job;
  return nullptr;
}

}  // namespace

void draw_line_ref(Ui& ui, int index, const app::LineRef& line, float width, const char* probe) {
  ImGui::PushID(index);
  const std::string number = "L" + std::to_string(line.line);
  const Span spans[] = {{number, ui.theme.link, Face::regular, 0}, {"  "},
                        {std::string_view(line.text).substr(0, 400), ui.theme.dim, Face::mono}};
  const TextResult result =
      rich_text(ui, "line", spans, {.width = width, .row = line.row, .chip_probe = probe});
  if (result.clicked_chip == 0) ui.jump_to(line.row);
  if (result.hovered_chip == 0) {
    ImGui::BeginTooltip();
    ImGui::TextDisabled("%s:%llu   click to show it in the log", line.file.c_str(),
                        static_cast<unsigned long long>(line.line));
    ImGui::EndTooltip();
  }
  ImGui::PopID();
}

void draw_findings(const app::IncidentView& view, const app::StatusView& status,
                   bool& show_all_checks, app::App& app, Ui& ui) {
  heading(ui, "Findings", view.checks_running ? "checking…" : with_commas(view.findings.size()));
  for (const char* kind : {"ingest", "checks"})
    if (const app::JobView* job = running_job(status, kind))
      if (draw_running(ui, kind, job->title + (job->stage.empty() ? "" : ": " + job->stage), job->count,
                       job->fraction))
        app.cancel_job(job->id);
  for (const app::JobView& job : status.jobs)
    if (!job.running && job.kind == "ingest" && !job.error.empty()) {
      ImGui::PushID(int(job.id));
      draw_notice(ui, "failed", job.title + ": " + job.error, ui.theme.bad);
      ImGui::PopID();
      break;
    }
  ImGui::BeginChild("findings_list", {0, 0}, false);
  if (view.findings.empty() && !view.checks_running) {
    if (view.log->n_rows() == 0) {
      draw_empty(ui, "none", {"No log yet", "Findings appear here as soon as a log is read.", {}});
    } else {
      const Card card(ui, "nothing", ui.theme.good);
      text(ui, "title", "0 findings", ui.theme.text, Face::bold, {.width = card.inner_width()});
      text(ui, "text",
           engine::format("%zu checks ran over %s lines and none of them found what it looks for. "
                          "That is not proof that nothing broke.",
                          view.checks.size(), with_commas(view.log->n_rows()).c_str()),
           ui.theme.dim, Face::regular, {.width = card.inner_width()});
    }
  }
  for (size_t i = 0; i < view.findings.size(); ++i) draw_finding(ui, view.findings[i], int(i));
  if (!view.checks.empty()) draw_all_checks(ui, view, show_all_checks);
  ImGui::EndChild();
}

}  // namespace ui
