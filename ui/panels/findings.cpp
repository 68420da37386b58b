#include "ui/panels/findings.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/panels/incident.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/links.h"
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

// How its check decides, in one sentence.
std::string_view algorithm_of(const app::IncidentView& view, const std::string& check) {
  for (const app::CheckResult& result : view.checks)
    if (result.check == check) return result.algorithm;
  return {};
}

void draw_finding(IncidentPanel& panel, const app::IncidentView& view, const app::Finding& finding, int index, Ui& ui) {
  ImGui::PushID(index);
  const Link link{Link::Kind::finding, finding.id, 0};
  if (take_wanted(panel, link)) ImGui::SetScrollFromPosY(ImGui::GetCursorPosY() - ImGui::GetScrollY(), 0.2f);
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float whole = ImGui::GetContentRegionAvail().x;
  const std::string reference = finding.id > 0 ? reference_text(link) : std::string();
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
    text(ui, "title", finding.title, ui.theme.text, Face::bold, {.width = width - mark, .probe = "finding", .reference = reference});
    std::string facts = std::string(app::severity_names[int(finding.severity)]) + "  ·  " + with_commas(finding.n_matches) + (finding.n_matches == 1 ? " line" : " lines");
    if (finding.first_time != app::no_time) facts += "  ·  " + range_text(finding.first_time, finding.last_time);
    text(ui, "facts", facts, ui.theme.dim, Face::regular, {.width = width});
    if (!finding.cause.empty()) text(ui, "cause", finding.cause, ui.theme.text, Face::regular, {.width = width});
    for (size_t i = 0; i < std::min(finding.evidence.size(), shown_lines); ++i)
      draw_line_ref(ui, int(i), finding.evidence[i], width, "finding_line");
    if (finding.evidence.size() > shown_lines)
      text(ui, "more", engine::format("and %zu more lines as evidence", finding.evidence.size() - shown_lines),
           ui.theme.faint, Face::regular, {.width = width});
    if (const std::string_view how = algorithm_of(view, finding.check); !how.empty()) {
      const Span spans[] = {{"How: ", ui.theme.faint, Face::bold}, {how, ui.theme.faint}};
      rich_text(ui, "how", spans, {.width = width, .probe = "algorithm"});
    }
    draw_steps(ui, finding, width);
  }
  draw_link_flash(ui, link, start, {start.x + whole, ImGui::GetItemRectMax().y});
  ImGui::PopID();
  ImGui::Dummy({1, ui.theme.px(1)});
}

// What was cut, skipped, assumed or not looked at: one line that opens, and the one that a button mends.
void draw_notes(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui) {
  std::vector<const std::string*> others;
  for (const std::string& note : view.notes) {
    if (!view.lines_only || note.find("that read lines together") == std::string::npos) {
      others.push_back(&note);
      continue;
    }
    draw_notice(ui, "lines_only", note, ui.theme.warning);
    if (button(ui, "Read it whole", ButtonKind::normal, "The checks again with the whole log in memory, about 200 bytes a record", Command::none,
               view.checks_running ? "The checks are running" : nullptr)) {
      app.check_again(true);
      ui.toast("Checking again, with the whole log in memory");
    }
  }
  if (others.empty()) return;
  const std::string title = engine::format("%s %zu %s on what was cut or assumed###notes", panel.all_notes ? "▾" : "▸", others.size(), others.size() == 1 ? "note" : "notes");
  if (button(ui, title.c_str(), ButtonKind::quiet)) panel.all_notes = !panel.all_notes;
  if (!panel.all_notes) return;
  for (size_t i = 0; i < others.size(); ++i) {
    ImGui::PushID(int(i) + 9000);
    draw_notice(ui, "note", *others[i], ui.theme.warning);
    ImGui::PopID();
  }
}

// --- what stands out by counting

struct UnusualKind {
  const char* kind;
  const char* name;
  const char* algorithm;
};
constexpr UnusualKind unusual_kinds[] = {
    {"burst", "Bursts", "Compares the records of each slice of time with the usual number."},
    {"error_share", "Share of errors", "Compares the share of errors in each slice of time with the whole log's."},
    {"new_template", "New kinds of line", "Finds shapes of lines that are seen for the first time late in the log."},
    {"gone_template", "Gone kinds of line", "Finds shapes of lines that come often and then no more."},
    {"rare_template", "Rare kinds of line", "Finds shapes of lines that come only a few times."},
    {"gap", "Gaps in time", "Finds spans without any record that are much longer than the usual ones."},
};

void draw_unusual(IncidentPanel& panel, const app::IncidentView& view, Ui& ui) {
  const std::string title = engine::format("%s Stands out by counting: %zu###unusual", panel.show_unusual ? "▾" : "▸", view.anomalies.size());
  if (button(ui, title.c_str(), ButtonKind::quiet, "Bursts, gaps, new, gone and rare kinds of line")) panel.show_unusual = !panel.show_unusual;
  if (!panel.show_unusual) return;
  const float width = ImGui::GetContentRegionAvail().x;
  std::string none;
  for (const UnusualKind& kind : unusual_kinds) {
    const auto n = std::count_if(view.anomalies.begin(), view.anomalies.end(), [&](const app::Anomaly& a) { return a.kind == kind.kind; });
    if (n == 0) {
      none += (none.empty() ? "0 found: " : ", ") + std::string(kind.name);
      continue;
    }
    ImGui::PushID(kind.kind);
    {
      const Card card(ui, "unusual", ui.theme.border_strong);
      const float inner = card.inner_width();
      const std::string found = with_commas(uint64_t(n)) + " found";
      const Span head[] = {{kind.name, ui.theme.text, Face::bold}, {"   "}, {found, ui.theme.dim}};
      rich_text(ui, "name", head, {.width = inner, .probe = "unusual"});
      text(ui, "how", kind.algorithm, ui.theme.faint, Face::regular, {.width = inner});
      constexpr int most_shown = 2;
      int shown = 0;
      for (size_t i = 0; i < view.unusual.size() && shown < most_shown; ++i) {
        const app::Unusual& one = view.unusual[i];
        if (one.anomaly.kind != kind.kind) continue;
        ImGui::PushID(int(i));
        text(ui, "text", one.anomaly.text, ui.theme.text, Face::regular, {.width = inner});
        if (one.anomaly.template_id != app::no_template) link_chip(ui, "template", {Link::Kind::template_, one.anomaly.template_id, 0});
        for (size_t l = 0; l < one.lines.size(); ++l) draw_line_ref(ui, int(l), one.lines[l], inner, "unusual_line");
        ImGui::PopID();
        ++shown;
      }
    }
    ImGui::PopID();
    ImGui::Dummy({1, ui.theme.px(1)});
  }
  if (!none.empty()) text(ui, "none", none, ui.theme.faint, Face::regular, {.width = width});
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

const app::JobView* running_job(const app::StatusView& status, const char* kind, int64_t session) {
  for (const app::JobView& job : status.jobs)
    if (job.running && job.kind == kind && (job.session == session || job.session == 0)) return &job;
  return nullptr;
}

}  // namespace

void draw_line_ref(Ui& ui, int index, const app::LineRef& line, float width, const char* probe) {
  ImGui::PushID(index);
  const std::string number = "L" + std::to_string(line.line);
  const Span spans[] = {{number, ui.theme.link, Face::regular, 0}, {"  "},
                        {std::string_view(line.text).substr(0, 400), ui.theme.dim, Face::mono}};
  const TextResult result =
      rich_text(ui, "line", spans, {.width = width, .row = line.row, .chip_probe = probe, .reference = number});
  if (result.clicked_chip == 0) ui.jump_to(line.row);
  if (result.hovered_chip == 0) {
    ImGui::BeginTooltip();
    ImGui::TextDisabled("%s:%llu   click to show it in the log", line.file.c_str(),
                        static_cast<unsigned long long>(line.line));
    preview_line(ui, line);
    ImGui::EndTooltip();
  }
  ImGui::PopID();
}

void preview_line(Ui& ui, const app::LineRef& line) {
  if (ui.line_preview && line.row != app::no_row) return ui.line_preview(line.row);
  const WithFace mono(ui, Face::mono);
  ui.fonts.note_text(line.text);
  ImGui::TextUnformatted(line.text.substr(0, 600).c_str());
}

void draw_findings(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status, app::App& app, Ui& ui) {
  heading(ui, "Findings", view.checks_running ? "checking…" : with_commas(view.findings.size()));
  for (const char* kind : {"ingest", "checks"})
    if (const app::JobView* job = running_job(status, kind, view.session))
      if (draw_running(ui, kind, job->title + (job->stage.empty() ? "" : ": " + job->stage), job->count,
                       job->fraction))
        app.cancel_job(job->id);
  for (const app::JobView& job : status.jobs)
    if (!job.running && job.kind == "ingest" && !job.error.empty() && (job.session == view.session || job.session == 0)) {
      ImGui::PushID(int(job.id));
      draw_notice(ui, "failed", job.title + ": " + job.error, ui.theme.bad);
      ImGui::PopID();
      break;
    }
  ImGui::BeginChild("findings_list", {0, 0}, false);
  draw_notes(panel, view, app, ui);
  if (!view.checks.empty()) draw_all_checks(ui, view, panel.show_all_checks);
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
  for (size_t i = 0; i < view.findings.size(); ++i) draw_finding(panel, view, view.findings[i], int(i), ui);
  if (!view.checks.empty()) draw_unusual(panel, view, ui);
  ImGui::EndChild();
}

}  // namespace ui
