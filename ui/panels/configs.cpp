#include "ui/panels/configs.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "app/configs/review.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/panels/logs.h"
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

app::Ticks wall_now() {
  return app::unix_epoch_ticks + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count() / 100;
}

app::configs::ReviewedFile file_of(const app::ConfigReview& review) { return {review.file, review.kind, review.text, review.findings}; }

void keep_suppressions(ConfigsPanel& panel, std::vector<app::configs::Suppression> changed, const std::string& message, app::App& app, Ui& ui) {
  const auto set = [&panel, &app, session = panel.session](const std::vector<app::configs::Suppression>& list) {
    if (panel.session != session) return;
    panel.suppressions = list;
    app.set_view_state("configs.suppressed", app::configs::suppressions_to_text(list));
  };
  const auto before = panel.suppressions;
  set(changed);
  ui.toast(message, [set, before] { set(before); }, [set, changed] { set(changed); });
}

// The reason and for how long, then the finding is gone from the list.
void draw_suppress(ConfigsPanel& panel, const app::ConfigReview& review, const app::ConfigFinding& finding, app::App& app, Ui& ui) {
  if (button(ui, "Suppress ...", ButtonKind::quiet, "Hide this finding, with a reason that exports carry")) {
    panel.reason.clear();
    ImGui::OpenPopup("suppress");
  }
  if (!ImGui::BeginPopup("suppress")) return;
  if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
  const bool entered = input_text("##reason", "Why is this no fault here?", &panel.reason, ui.theme.px(340), ImGuiInputTextFlags_EnterReturnsTrue);
  ImGui::SetNextItemWidth(ui.theme.px(160));
  ImGui::Combo("##days", &panel.days, "For good\0For a week\0For a month\0For three months\0");
  ImGui::SameLine();
  const char* why_not = panel.reason.empty() ? "Type a reason first" : nullptr;
  if ((button(ui, "Suppress", ButtonKind::primary, nullptr, Command::none, why_not) || entered) && why_not == nullptr) {
    constexpr int days[] = {0, 7, 30, 90};
    const app::Ticks until = panel.days == 0 ? app::no_time : wall_now() + app::Ticks(days[panel.days]) * 86400 * app::ticks_per_second;
    auto changed = panel.suppressions;
    changed.push_back(app::configs::suppress(file_of(review), finding, panel.reason, until));
    keep_suppressions(panel, std::move(changed), "Suppressed: " + finding.rule, app, ui);
    ImGui::CloseCurrentPopup();
  }
  if (ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

// Lines of the log that the finding may explain.
void draw_cross(const app::CrossCheck& cross, float width, app::App& app, Ui& ui) {
  ImGui::PushID(cross.term.c_str());
  const std::string n = with_commas(cross.n_lines) + (cross.n_lines == 1 ? " line" : " lines") + " of the log name ";
  std::vector<std::string> labels;
  for (const app::RowId row : cross.rows) labels.push_back("row " + with_commas(row + 1));
  std::vector<Span> spans = {{n, ui.theme.dim}, {cross.term, ui.theme.text, Face::mono}, {"  "}};
  for (size_t i = 0; i < labels.size(); ++i) {
    spans.push_back({labels[i], ui.theme.link, Face::regular, int(i)});
    spans.push_back({" "});
  }
  spans.push_back({"all", ui.theme.link, Face::regular, int(labels.size())});
  const int clicked = rich_text(ui, "cross", spans, {.width = width, .probe = "cross_check", .chip_probe = "cross_row"}).clicked_chip;
  if (clicked >= 0 && size_t(clicked) < cross.rows.size()) ui.jump_to(cross.rows[size_t(clicked)]);
  if (clicked == int(labels.size())) {
    app::FilterChip chip_added;
    chip_added.value = cross.term;
    add_chip(*app.logs(), chip_added, app);
    ui.ask({.kind = Request::Kind::show_screen, .text = {}, .screen = Screen::logs});
  }
  ImGui::PopID();
}

void choose_line(ConfigsPanel& panel, int line, Ui& ui) {
  panel.chosen_line = line;
  panel.scroll_to_line = true;
  panel.flashed_at = ui.now;
}

// suppressed: the entry that hides it, or null.
void draw_finding(ConfigsPanel& panel, const app::ConfigReview& review, const app::ConfigFinding& finding, const app::configs::Suppression* suppressed, int index,
                  app::App& app, Ui& ui) {
  ImGui::PushID(index);
  {
    const Card card(ui, "finding", suppressed != nullptr ? ui.theme.border : severity_color(finding.severity, ui.theme));
    const float width = card.inner_width();
    const std::string place = finding.line > 0 ? engine::format("L%d", finding.line) : "file";
    const Span head[] = {{place, ui.theme.link, Face::regular, 0},
                         {"  "},
                         {app::severity_names[int(finding.severity)], severity_color(finding.severity, ui.theme), Face::bold},
                         {"  "},
                         {finding.rule, ui.theme.dim, Face::mono}};
    const TextResult head_result = rich_text(ui, "head", head, {.width = width, .chip_probe = "config_line"});
    if (head_result.clicked_chip == 0) choose_line(panel, finding.line, ui);
    text(ui, "message", finding.message, suppressed != nullptr ? ui.theme.dim : ui.theme.text, Face::regular, {.width = width, .probe = "config_finding"});
    if (!finding.subject.empty()) text(ui, "subject", finding.subject, ui.theme.faint, Face::regular, {.width = width});
    if (!finding.fix.empty()) {
      const Span fix[] = {{"→ ", ui.theme.faint}, {finding.fix, ui.theme.good}};
      rich_text(ui, "fix", fix, {.width = width});
    }
    if (const app::configs::Rule* rule = app::configs::find_rule(finding.rule); rule != nullptr && !rule->docs.empty()) {
      ImGui::AlignTextToFramePadding();   // a button follows
      ImGui::TextDisabled("why?");
      if (ImGui::IsItemHovered()) {
        ImGui::BeginTooltip();
        ImGui::PushTextWrapPos(ImGui::GetFontSize() * 36);
        ImGui::TextUnformatted(rule->docs.c_str());
        ImGui::PopTextWrapPos();
        ImGui::EndTooltip();
      }
      if (!review.fixes.contains(size_t(index))) ImGui::SameLine();   // a button follows, not a diff
    }
    for (const app::CrossCheck& cross : review.cross)
      if (cross.finding == size_t(index)) draw_cross(cross, width, app, ui);
    if (suppressed != nullptr) {
      const std::string until = suppressed->until == app::no_time ? "" : ", until " + day_text(suppressed->until);
      if (button(ui, "Show again", ButtonKind::quiet)) {
        auto changed = panel.suppressions;
        changed.erase(changed.begin() + (suppressed - panel.suppressions.data()));
        keep_suppressions(panel, std::move(changed), "No longer suppressed: " + finding.rule, app, ui);
      } else {
        text(ui, "reason", "Suppressed" + until + ": " + suppressed->reason, ui.theme.dim, Face::regular, {.width = width, .probe = "suppressed"});
      }
    } else {
      draw_fix(panel.diffs, review, size_t(index), panel.show_secrets, width, app, ui);
      draw_suppress(panel, review, finding, app, ui);
    }
  }
  ImGui::PopID();
  ImGui::Dummy({1, 1});
}

// For each finding the entry that hides it, or null.
std::vector<const app::configs::Suppression*> suppressed_in(const ConfigsPanel& panel, const app::ConfigReview& review) {
  std::vector<const app::configs::Suppression*> out(review.findings.size(), nullptr);
  if (panel.suppressions.empty()) return out;
  const app::configs::ReviewedFile file = file_of(review);
  const app::Ticks now = wall_now();
  for (size_t i = 0; i < out.size(); ++i) out[i] = app::configs::suppression_of(file, review.findings[i], panel.suppressions, now);
  return out;
}

// The findings that are listed, in the order chosen.
std::vector<const app::ConfigFinding*> listed(const ConfigsPanel& panel, const app::ConfigReview& review, const std::vector<const app::configs::Suppression*>& suppressed) {
  std::vector<const app::ConfigFinding*> out;
  for (size_t i = 0; i < review.findings.size(); ++i)
    if (int(review.findings[i].severity) >= panel.min_severity && (panel.show_suppressed || suppressed[i] == nullptr)) out.push_back(&review.findings[i]);
  if (panel.group_by == 1) std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->severity > b->severity; });
  if (panel.group_by == 2) std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->rule < b->rule; });
  return out;
}

// ] and [: the next and the previous line with a finding.
void take_findings_keys(ConfigsPanel& panel, const std::vector<const app::ConfigFinding*>& findings, Ui& ui) {
  const bool next = ui.take(Command::next_finding);
  if (!next && !ui.take(Command::previous_finding)) return;
  int best = 0;
  for (const app::ConfigFinding* f : findings) {
    if (f->line < 1) continue;
    if (next && f->line > panel.chosen_line && (best == 0 || f->line < best)) best = f->line;
    if (!next && f->line < panel.chosen_line && f->line > best) best = f->line;
  }
  if (best == 0) return ui.toast(next ? "No further finding" : "No earlier finding");
  choose_line(panel, best, ui);
}

void draw_export(const ConfigsPanel& panel, const app::ConfigsView& view, Ui& ui) {
  if (button(ui, "Export", ButtonKind::normal, "All files reviewed, what is suppressed with its reason")) ImGui::OpenPopup("export");
  if (!ImGui::BeginPopup("export")) return;
  const struct {
    const char *name, *file;
    std::string (*make)(const std::vector<app::configs::ReviewedFile>&, const app::configs::ExportOptions&);
  } kinds[] = {{"Markdown", "config-review.md", app::configs::to_markdown}, {"JSON", "config-review.json", app::configs::to_json}, {"SARIF", "config-review.sarif", app::configs::to_sarif}};
  for (const auto& kind : kinds) {
    if (!menu_item(ui, kind.name)) continue;
    std::vector<app::configs::ReviewedFile> files;
    for (const app::ConfigReview& review : view.reviews) files.push_back(file_of(review));
    ui.ask({.kind = Request::Kind::save, .text = kind.file, .make = [files, make = kind.make, options = app::configs::ExportOptions{panel.suppressions, wall_now(), {}}] { return make(files, options); }});
  }
  ImGui::EndPopup();
}

void draw_source(ConfigsPanel& panel, const app::ConfigReview& review, Ui& ui) {
  heading(ui, review.file, review.kind);
  if (review.n_secrets > 0 && draw_notice(ui, "secrets", engine::format("%zu secret%s %s", review.n_secrets, review.n_secrets == 1 ? "" : "s", panel.show_secrets ? "shown" : "masked"),
                                          ui.theme.dim, panel.show_secrets ? "Mask" : "Show"))
    panel.show_secrets = !panel.show_secrets;
  const auto lines = engine::split(panel.show_secrets || review.masked.empty() ? review.text : review.masked, '\n');
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
      item_menu(ui, "menu", line, app::no_row, reference_text({Link::Kind::config_line, review.id, i + 1}));
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
  if (const int64_t session = app.incident()->session; panel.session != session) {
    panel.session = session;
    panel.suppressions = app::configs::suppressions_from_text(app.view_state("configs.suppressed"));
    panel.show_secrets = false;
    panel.diffs = {};
  }
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
    ImGui::SameLine();
    draw_compare_button(panel.diffs, *shown, view, ui);
    ImGui::SameLine();
    draw_export(panel, view, ui);
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
    const std::vector<const app::configs::Suppression*> suppressed = suppressed_in(panel, *shown);
    const std::vector<const app::ConfigFinding*> findings = listed(panel, *shown, suppressed);
    take_findings_keys(panel, findings, ui);
    ImGui::SetNextItemWidth(ui.theme.px(140));
    ImGui::Combo("##group", &panel.group_by, "By line\0By severity\0By rule\0");
    const size_t n_suppressed = suppressed.size() - size_t(std::count(suppressed.begin(), suppressed.end(), nullptr));
    ImGui::SameLine();
    if (button(ui, "Cross-check", ButtonKind::normal, "Look in the session's log for the paths, hosts and ports that the findings name", Command::none,
               app.logs()->log->n_rows() == 0 ? "There is no log in this session" : job != nullptr ? "A review is running" : nullptr))
      app.cross_check(shown->id, shown->file);
    if (shown->cross_checked && shown->cross.empty()) text(ui, "no_cross", "No line of the log names a path, host or port of these findings.", ui.theme.dim);
    if (n_suppressed > 0) {
      ImGui::SameLine();
      if (chip(ui, "suppressed", engine::format("%zu suppressed", n_suppressed), panel.show_suppressed ? ui.theme.text : ui.theme.link, "suppressed_count"))
        panel.show_suppressed = !panel.show_suppressed;
      tooltip(ui, panel.show_suppressed ? "Hide them" : "Show them too");
    }
    if (!shown->error.empty()) draw_notice(ui, "error", shown->error, ui.theme.bad);
    for (const std::string& note : shown->notes) draw_notice(ui, note.c_str(), note, ui.theme.warning);
    ImGui::BeginChild("list", {0, 0}, false);
    if (shown->findings.empty() && shown->error.empty())
      draw_empty(ui, "clean", {"0 findings", "No rule of this kind found a fault in the file.", {}});
    std::string group;
    for (const app::ConfigFinding* f : findings) {
      const auto index = size_t(f - shown->findings.data());
      const std::string its_group = panel.group_by == 1 ? app::severity_names[int(f->severity)] : panel.group_by == 2 ? f->rule : std::string();
      if (its_group != group) heading(ui, its_group);
      group = its_group;
      draw_finding(panel, *shown, *f, suppressed[index], int(index), app, ui);
    }
    ImGui::EndChild();
    draw_paste(panel, app, ui);
  }
  ImGui::SameLine(0, 0);
  splitter(ui, "split", true, &panel.list_width, 220, room / ui.theme.scale * 0.6f);
  ImGui::SameLine(0, 0);
  {
    const Pane pane(ui, "source_pane", {0, 0});
    if (const app::ConfigReview* before = compared_with(panel.diffs, *shown, view)) draw_comparison(panel.diffs, *before, *shown, panel.show_secrets, ui);
    else draw_source(panel, *shown, ui);
  }
}

}  // namespace ui
