// Where links lead to: what they are about, and showing it on its screen.
#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/shell.h"
#include "ui/widgets/basics.h"

namespace ui {
namespace {

using Kind = Link::Kind;

constexpr size_t most_bytes = 600;   // of a preview

template <class List>
auto by_id(const List& list, int64_t id) -> decltype(list.data()) {
  for (const auto& item : list)
    if (item.id == id) return &item;
  return nullptr;
}

std::string cut(std::string text) {
  if (text.size() <= most_bytes) return text;
  size_t end = most_bytes;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;   // not within a character
  return text.substr(0, end) + "…";
}

std::optional<std::string> about_claim(const app::IncidentView& view, const Link& link) {
  const app::Message* message = by_id(view.messages, link.id);
  if (message == nullptr || !message->answer || link.part < 1 || size_t(link.part) > message->answer->citations.size()) return std::nullopt;
  const app::Citation& claim = message->answer->citations[size_t(link.part) - 1];
  const std::string& text = message->answer->text;
  return text.substr(std::min(claim.begin, text.size()), claim.end - std::min(claim.begin, claim.end));
}

std::optional<std::string> about_config_line(const app::ConfigsView& view, const Link& link) {
  const app::ConfigReview* review = by_id(view.reviews, link.id);
  if (review == nullptr || link.part < 1) return std::nullopt;
  const auto lines = engine::split(review->masked.empty() ? review->text : review->masked, '\n');
  if (size_t(link.part) > lines.size()) return std::nullopt;
  return engine::format("%s:%lld\n", review->file.c_str(), static_cast<long long>(link.part)) + std::string(lines[size_t(link.part) - 1]);
}

std::optional<std::string> about_evidence(const app::IncidentView& view, int64_t id) {
  for (const app::Evidence& piece : view.evidence)
    if (piece.id == "E" + std::to_string(id)) return piece.reason + (piece.lines.empty() ? "" : "\n" + piece.lines.front().text);
  return std::nullopt;
}

}  // namespace

Screen screen_of(const Link& link) {
  switch (link.kind) {
    case Kind::line: case Kind::template_: return Screen::logs;
    case Kind::query_row: return Screen::kql;
    case Kind::claim: case Kind::finding: case Kind::evidence: return Screen::incident;
    case Kind::config_line: return Screen::configs;
    case Kind::run_sample: return Screen::tasks;
  }
  return Screen::incident;
}

// Line numbers count within a source: the first that has the line is meant.
std::optional<app::RowId> Shell::row_of_line(int64_t line) const {
  const auto log = app.incident()->log;
  if (line < 1) return std::nullopt;
  for (const app::Source& source : log->sources())
    if (uint64_t(line) <= source.n_lines)
      if (const auto row = log->find_line(source.id, uint64_t(line))) return row;
  return std::nullopt;
}

std::optional<std::string> Shell::about_link(const Link& link) const {
  const auto number = static_cast<unsigned long long>(link.part);
  switch (link.kind) {
    case Kind::line: {
      const auto log = app.incident()->log;
      for (const app::Source& source : log->sources())
        if (link.id >= 1 && uint64_t(link.id) <= source.n_lines) return "line " + with_commas(uint64_t(link.id)) + " of " + source.name;
      return std::nullopt;
    }
    case Kind::template_: {
      const auto log = app.incident()->log;
      if (link.id < 0 || size_t(link.id) >= log->templates().size()) return std::nullopt;
      const app::Template& t = log->templates()[size_t(link.id)];
      return cut(t.pattern) + "\n" + with_commas(t.count) + (t.count == 1 ? " line" : " lines");
    }
    case Kind::query_row: {
      const auto view = app.kql();
      const app::QueryHistoryItem* query = by_id(view->history, link.id);
      if (query == nullptr || link.part < 1 || uint64_t(link.part) > query->n_rows) return std::nullopt;
      return cut(query->text) + engine::format("\nrow %llu of ", number) + with_commas(query->n_rows);
    }
    case Kind::claim: return about_claim(*app.incident(), link);
    case Kind::finding: {
      const auto view = app.incident();
      const app::Finding* finding = by_id(view->findings, link.id);
      return finding == nullptr ? std::nullopt : std::optional(finding->title + (finding->cause.empty() ? "" : "\n" + cut(finding->cause)));
    }
    case Kind::evidence: return about_evidence(*app.incident(), link.id);
    case Kind::config_line: return about_config_line(*app.configs(), link);
    case Kind::run_sample: {
      const auto view = app.tasks();
      const app::store::TaskRun* run = by_id(view->runs, link.id);
      if (run == nullptr || link.part < 0 || uint64_t(link.part) > run->n_samples) return std::nullopt;
      return engine::format("sample %llu of %s, %s", number, run->task.c_str(), run->dataset.c_str());
    }
  }
  return std::nullopt;
}

// The screen is there already. What is gone by now is said.
void Shell::show_link(const Link& link) {
  if (!about_link(link)) return ui.toast("What the link led to is not there any more");
  ui.flash(link);
  switch (link.kind) {
    case Kind::line: break;   // jumps lead to rows
    case Kind::template_:
      logs.show_side = true;
      logs.side_tab = 0;
      logs.template_search.clear();
      logs.wanted_template = uint32_t(link.id);
      break;
    case Kind::query_row: {
      const auto view = app.kql();
      kql.result_only = false;
      show_query_row(kql, by_id(view->history, link.id)->text, link.part - 1, app);
      break;
    }
    case Kind::claim: case Kind::finding: case Kind::evidence: incident.wanted = link; break;
    case Kind::config_line: {
      const auto view = app.configs();
      configs.chosen = link.id;
      configs.chosen_file = by_id(view->reviews, link.id)->file;
      configs.chosen_line = int(link.part);
      configs.scroll_to_line = true;
      configs.flashed_at = ui.now;
      break;
    }
    case Kind::run_sample:
      app.show_run(link.id);
      tasks.only_failures = false;
      tasks.wanted_sample = link.part;
      break;
  }
}

}  // namespace ui
