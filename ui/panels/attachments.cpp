#include "ui/panels/attachments.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/panels/question.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr size_t most_chips = 4;   // the others are counted

// "09:12–11:40", "03-14 23:50 – 03-15 01:10", over a year "2025-12-31 – 2026-01-02".
std::string short_range(app::Ticks first, app::Ticks last) {
  if (first == app::no_time) return {};
  if (last == app::no_time) last = first;
  const std::string from = time_text(first).substr(0, 16), to = time_text(last).substr(0, 16);
  if (from.substr(0, 10) == to.substr(0, 10)) return from.substr(11) + "–" + to.substr(11);
  if (from.substr(0, 4) == to.substr(0, 4)) return from.substr(5) + " – " + to.substr(5);
  return from.substr(0, 10) + " – " + to.substr(0, 10);
}

void source_tooltip(const app::Source& source, Ui& ui) {
  if (!ImGui::IsItemHovered()) return;
  std::string tip = source.path.empty() ? source.name : source.path;
  tip += "\n" + with_commas(source.n_lines) + " lines, " + with_commas(source.n_records) + " records, " + bytes_text(source.n_bytes);
  tip += "\nformat " + source.format + engine::format(", %.0f %% of its lines fit", source.format_match * 100) + ", " + source.encoding;
  if (source.first_time != app::no_time) tip += "\n" + range_text(source.first_time, source.last_time) + ", " + source.time_zone;
  if (source.n_without_time > 0) tip += "\n" + with_commas(source.n_without_time) + " records without a time";
  for (const std::string& note : source.notes) tip += "\n" + note;
  tip += "\n\nClick: open it in Logs";
  ui.fonts.note_text(tip);
  ImGui::SetTooltip("%s", tip.c_str());
}

// Chips stand side by side as far as the width goes.
void next_chip(Ui& ui, std::string_view shown, float right) {
  const float width = text_width(ui, shown) + ui.theme.px(14);
  const float next = ImGui::GetItemRectMax().x + ui.theme.px(6);
  if (next + width <= right) ImGui::SameLine(0, ui.theme.px(6));
}

void draw_source(IncidentPanel& panel, const app::Source& source, float width, const char* probe, Ui& ui) {
  const std::string shown = fit_text(ui, attachment_text(source), width - ui.theme.px(14));
  ImGui::PushID(int(source.id));
  if (chip(ui, "source", shown, ui.theme.link, probe)) ui.ask({Request::Kind::show_source, std::to_string(source.id)});
  source_tooltip(source, ui);
  if (ImGui::BeginPopupContextItem("menu")) {
    if (menu_item(ui, "Open in Logs")) ui.ask({Request::Kind::show_source, std::to_string(source.id)});
    if (menu_item(ui, "Ask about this log")) add_to_question(panel, "In " + source.name + ": ");
    if (menu_item(ui, "Copy")) ui.copy(attachment_text(source));
    if (!source.path.empty() && menu_item(ui, "Copy the path")) ui.copy(source.path);
    ImGui::EndPopup();
  }
  ImGui::PopID();
}

bool was_sent(const app::IncidentView& view, uint32_t source) {
  return std::any_of(view.attachments.begin(), view.attachments.end(),
                     [&](const auto& one) { return std::find(one.second.begin(), one.second.end(), source) != one.second.end(); });
}

}  // namespace

std::string attachment_text(const app::Source& source) {
  std::string shown = source.name + ", " + with_commas(source.n_lines) + (source.n_lines == 1 ? " line" : " lines");
  const std::string range = short_range(source.first_time, source.last_time);
  if (range.empty()) return shown + ", no times";
  shown += ", " + range;
  constexpr std::string_view assumed = "assumed ";
  if (source.time_zone.starts_with(assumed)) return shown + ", " + source.time_zone.substr(assumed.size()) + "?";
  return source.time_zone.empty() ? shown : shown + ", " + source.time_zone;
}

void draw_attached(IncidentPanel& panel, const app::IncidentView& view, const std::vector<uint32_t>& sources, float width, Ui& ui) {
  ImGui::PushID("attached");
  const float right = ImGui::GetCursorScreenPos().x + width;
  size_t shown = 0;
  for (const app::Source& source : view.log->sources()) {
    if (std::find(sources.begin(), sources.end(), source.id) == sources.end()) continue;
    if (shown == most_chips) {
      const std::string more = engine::format("and %zu more", sources.size() - shown);
      next_chip(ui, more, right);
      if (chip(ui, "more", more, ui.theme.dim, "attached")) ui.give(Command::show_logs);
      break;
    }
    if (shown++ > 0) next_chip(ui, fit_text(ui, attachment_text(source), width - ui.theme.px(14)), right);
    draw_source(panel, source, width, "attached", ui);
  }
  ImGui::PopID();
}

void draw_attachments(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status, app::App& app, Ui& ui) {
  ImGui::PushID("attachments");
  const float width = ImGui::GetContentRegionAvail().x;
  const float right = ImGui::GetCursorScreenPos().x + width;
  bool first = true;
  const auto place = [&](std::string_view shown) {
    if (!first) next_chip(ui, shown, right);
    first = false;
  };
  // The newest are what the next question is about.
  const std::vector<app::Source>& sources = view.log->sources();
  const bool reading = std::any_of(status.jobs.begin(), status.jobs.end(), [&](const app::JobView& job) {
    return job.running && job.kind == "ingest" && job.session == view.session && job.stage != "checks";
  });
  size_t shown = 0, n_sent = 0, n_new = 0;
  for (size_t i = sources.size(); i-- > 0;) {
    // Those of earlier questions stand with them. One that is still being read stands below, with its progress.
    if (was_sent(view, sources[i].id)) {
      ++n_sent;
      continue;
    }
    if ((reading && sources[i].n_lines == 0) || ++n_new > most_chips) continue;
    place(fit_text(ui, attachment_text(sources[i]), width - ui.theme.px(14)));
    draw_source(panel, sources[i], width, "attachment", ui);
    ++shown;
  }
  const std::string more = n_new > shown ? engine::format("and %zu more", n_new - shown) : std::string();
  const std::string sent = n_sent == 0 ? std::string() : engine::format("%s%zu %s of earlier questions", shown > 0 ? "and " : "", n_sent, n_sent == 1 ? "log" : "logs");
  for (const std::string& rest : {more, sent}) {
    if (rest.empty()) continue;
    place(rest);
    if (chip(ui, rest.c_str(), rest, ui.theme.dim, "attachment")) ui.give(Command::show_logs);
    tooltip(ui, "Click: all logs of the session; a question is about all of them");
  }
  for (const app::JobView& job : status.jobs) {
    if (!job.running || job.kind != "ingest" || job.session != view.session || job.stage == "checks") continue;
    std::string what = job.title + (job.count.empty() ? "" : ", " + job.count);
    if (job.fraction >= 0) what += engine::format(", %.0f %%", job.fraction * 100);
    what += "  ×";
    place(what);
    ImGui::PushID(int(job.id));
    if (chip(ui, "reading", fit_text(ui, what, width - ui.theme.px(14)), ui.theme.accent, "attachment_reading")) app.cancel_job(job.id);
    tooltip(ui, "Click: stop reading; what was read stays");
    ImGui::PopID();
    ui.animate(0.25);
  }
  ImGui::PopID();
}

}  // namespace ui
