#include "ui/panels/logs.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "app/logs/parameters.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "ui/panels/log_details.h"
#include "ui/panels/log_side.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

using app::FilterChip;
using app::LogFilter;
using app::LogsView;

const app::JobView* running_job(const app::StatusView& status, const char* kind) {
  for (const app::JobView& job : status.jobs)
    if (job.running && job.kind == kind) return &job;
  return nullptr;
}

FilterChip chip_from_text(std::string text) {
  FilterChip chip;
  if (text.starts_with("-") && text.size() > 1) {
    chip.exclude = true;
    text.erase(0, 1);
  }
  if (text.size() > 2 && text.front() == '/' && text.back() == '/') {
    chip.kind = FilterChip::Kind::regex;
    chip.value = text.substr(1, text.size() - 2);
  } else {
    chip.value = text;
  }
  return chip;
}

// One chip of the filter: a click switches it on and off, × removes it.
void draw_chip(const LogsView& view, size_t index, app::App& app, Ui& ui) {
  const FilterChip& filter_chip = view.filter.chips[index];
  const std::string shown = chip_text(filter_chip, view) +
                            (view.filtering ? "" : "  " + with_commas(filter_chip.n_hits));
  ImGui::PushID(int(index));
  const ImU32 color = !filter_chip.enabled    ? ui.theme.faint
                      : filter_chip.exclude ? ui.theme.bad
                                            : ui.theme.text;
  if (chip(ui, "toggle", shown, color, "filter_chip")) {
    LogFilter changed = view.filter;
    changed.chips[index].enabled = !filter_chip.enabled;
    app.set_filter(changed);
  }
  if (ImGui::IsItemHovered())
    ImGui::SetTooltip("%s matches %s lines by itself.\nClick: switch it %s. Right-click: more.",
                      chip_text(filter_chip, view).c_str(), with_commas(filter_chip.n_hits).c_str(),
                      filter_chip.enabled ? "off" : "on");
  if (ImGui::BeginPopupContextItem("chip_menu")) {
    LogFilter changed = view.filter;
    if (menu_item(ui, filter_chip.exclude ? "Show instead of hide" : "Hide instead of show")) {
      changed.chips[index].exclude = !filter_chip.exclude;
      app.set_filter(changed);
    }
    if (menu_item(ui, "Remove")) {
      changed.chips.erase(changed.chips.begin() + long(index));
      app.set_filter(changed);
    }
    if (menu_item(ui, "Copy")) ui.copy(filter_chip.value);
    ImGui::EndPopup();
  }
  ImGui::SameLine(0, 1);
  if (chip(ui, "remove", "×", ui.theme.dim, "filter_remove")) {
    LogFilter changed = view.filter;
    changed.chips.erase(changed.chips.begin() + long(index));
    app.set_filter(changed);
  }
  ImGui::PopID();
}

void draw_views(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui);

// Some source writes its lines as JSON.
bool has_structured(const LogsView& view) {
  for (const app::Source& source : view.log->sources())
    if (source.format.find("json") != std::string::npos || source.format.find("journal") != std::string::npos) return true;
  return false;
}

void draw_filter_bar(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  const ScrollMarks marks = panel.cache.marks();
  std::string shown = "showing " + with_commas(view.n_shown()) + " of " + with_commas(view.log->n_rows());
  if (!find_terms(panel.find).empty()) shown += "  ·  " + with_commas(marks.n_all_matches) + (marks.matches_complete ? " found" : " found so far");
  // The two fields share what the rest leaves; in a narrow window the count goes to the next line.
  const float toggles = button_width("Views") + button_width("Wrap") + button_width("Details") + button_width("Side") + ui.theme.px(14) +
                        (has_structured(view) ? button_width("Raw") + ui.theme.px(2) : 0);
  const float room = ImGui::GetContentRegionAvail().x - toggles - ui.theme.px(24);
  const float shown_width = text_width(ui, shown);
  const bool narrow = room - shown_width < ui.theme.px(300);
  // In a very narrow one the switches go there too.
  const bool very_narrow = room < ui.theme.px(260);
  const float fields = very_narrow ? ImGui::GetContentRegionAvail().x - ui.theme.px(10) : std::clamp(narrow ? room : room - shown_width, ui.theme.px(160), ui.theme.px(560));
  if (input_text("##filter", "Filter: text, -text, /regex/", &panel.new_chip, fields * 0.55f, ImGuiInputTextFlags_EnterReturnsTrue) && !panel.new_chip.empty()) {
    add_chip(view, chip_from_text(panel.new_chip), app);
    panel.new_chip.clear();
  }
  ui.probe("filter_input", panel.new_chip, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  tooltip(ui, "Enter adds a condition. -word hides lines with the word, /…/ is a regular expression.");
  ImGui::SameLine();
  if (panel.focus_find) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_find = false;
  }
  if (input_text("##find", "Find: a | b  (n, N)", &panel.find, fields * 0.45f, ImGuiInputTextFlags_EnterReturnsTrue)) ui.give(Command::find_next);
  ui.probe("find_input", panel.find, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
  tooltip(ui, "Nothing is hidden. Several terms, each in its colour: disk full | timeout. n and N go from one to the next.");
  const auto draw_shown = [&] {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::Dummy({shown_width, ImGui::GetFrameHeight()});
    draw_text(ui, *ImGui::GetWindowDrawList(), {at.x, at.y + ImGui::GetStyle().FramePadding.y}, view.rows ? ui.theme.warning : ui.theme.dim, shown);
    ui.probe("showing", shown, at, {at.x + shown_width, at.y + ImGui::GetFrameHeight()});
  };
  if (!narrow) {
    ImGui::SameLine();
    draw_shown();
  }

  const auto toggle = [&](const char* name, bool* value, const char* tip) {
    ImGui::PushStyleColor(ImGuiCol_Text, *value ? ui.theme.text : ui.theme.faint);
    const bool clicked = button(ui, name, ButtonKind::quiet, tip);
    ImGui::PopStyleColor();
    const ImVec2 a = ImGui::GetItemRectMin(), b = ImGui::GetItemRectMax();
    if (*value)
      ImGui::GetWindowDrawList()->AddRectFilled({a.x + ui.theme.px(6), b.y - ui.theme.px(2)}, {b.x - ui.theme.px(6), b.y}, ui.theme.accent);
    if (clicked) *value = !*value;
    return clicked;
  };
  if (very_narrow) {
    draw_shown();
    if (shown_width + toggles < ImGui::GetContentRegionAvail().x) ImGui::SameLine();
  } else {
    ImGui::SameLine();
  }
  const float toggles_x = ImGui::GetWindowContentRegionMax().x - toggles;
  if (toggles_x > ImGui::GetCursorPosX()) ImGui::SetCursorPosX(toggles_x);
  if (button(ui, "Views", ButtonKind::quiet, "Saved filters")) ImGui::OpenPopup("views");
  draw_views(panel, view, app, ui);
  ImGui::SameLine(0, ui.theme.px(2));
  if (toggle("Wrap", &panel.list.wrap, "Break long lines")) panel.list.heights.clear();
  ImGui::SameLine(0, ui.theme.px(2));
  if (has_structured(view)) {
    if (toggle("Raw", &panel.list.raw, "Lines as they stand in the file, or their message with its fields")) panel.list.heights.clear();
    ImGui::SameLine(0, ui.theme.px(2));
  }
  toggle("Details", &panel.show_details, "Fields and full text of the current line");
  ImGui::SameLine(0, ui.theme.px(2));
  toggle("Side", &panel.show_side, "Templates, facets and anomalies");

  if (narrow && !very_narrow) {
    draw_shown();
    if (!view.filter.chips.empty()) {
      ImGui::SameLine();
      const float first = text_width(ui, chip_text(view.filter.chips[0], view)) + ui.theme.px(90);
      if (ImGui::GetContentRegionAvail().x < first) ImGui::NewLine();
    }
  }
  if (!view.filter.chips.empty()) {
    const float line_start = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
    for (size_t i = 0; i < view.filter.chips.size(); ++i) {
      if (i > 0) {
        const float width_next = text_width(ui, chip_text(view.filter.chips[i], view)) + ui.theme.px(90);
        ImGui::SameLine();
        if (ImGui::GetCursorScreenPos().x + width_next > line_start) ImGui::NewLine();
      }
      draw_chip(view, i, app, ui);
    }
    ImGui::SameLine();
    if (view.filter.chips.size() > 1) {
      if (button(ui, view.filter.any ? "any of these" : "all of these", ButtonKind::quiet,
                 "Lines must fulfil all conditions, or any one")) {
        LogFilter changed = view.filter;
        changed.any = !changed.any;
        app.set_filter(changed);
      }
      ImGui::SameLine();
    }
    if (button(ui, "Clear", ButtonKind::quiet, "Take all conditions off", Command::clear_filter))
      ui.give(Command::clear_filter);
  }
}

// A zoom is counted anew in finer buckets once the wheel rests.
void follow_zoom(LogsPanel& panel, app::App& app, Ui& ui) {
  constexpr double rest = 0.2;
  const app::Ticks begin = panel.histogram.view_begin, end = panel.histogram.view_end;
  if (begin == panel.zoom_asked_begin && end == panel.zoom_asked_end) return;
  if (begin != panel.zoom_seen_begin) {
    panel.zoom_seen_begin = begin;
    panel.zoom_at = ui.now;
  }
  if (begin != app::no_time && ui.now < panel.zoom_at + rest) return ui.animate(panel.zoom_at + rest - ui.now + 0.01);
  panel.zoom_asked_begin = begin;
  panel.zoom_asked_end = end;
  app.zoom_histogram(begin, end);
}

void draw_histogram(LogsPanel& panel, const LogsView& view, app::Ticks current, app::App& app, Ui& ui) {
  app::Ticks begin = app::no_time, end = app::no_time;
  for (const FilterChip& c : view.filter.chips)
    if (c.kind == FilterChip::Kind::time_range && c.enabled && !c.exclude) begin = c.begin, end = c.end;
  const HistogramResult result =
      histogram(ui, "histogram", panel.histogram, {view.histogram, &view.whole, &view.zoomed}, begin, end, current,
                {ImGui::GetContentRegionAvail().x, ui.theme.px(panel.histogram_height)});
  follow_zoom(panel, app, ui);
  if (!result.selected && !result.cleared) return;
  LogFilter changed = view.filter;
  std::erase_if(changed.chips, [](const FilterChip& c) { return c.kind == FilterChip::Kind::time_range; });
  if (result.selected) {
    FilterChip range;
    range.kind = FilterChip::Kind::time_range;
    range.begin = result.begin;
    range.end = result.end;
    changed.chips.push_back(range);
    panel.histogram.view_begin = panel.histogram.view_end = app::no_time;
  }
  app.set_filter(changed);
}

// e, E, w, W, n, N, m, i, o, x and F3.
void take_list_commands(LogsPanel& panel, const LogsView& view, const LineListInput& input,
                        app::App& app, Ui& ui) {
  const auto find = [&](FindRequest request) {
    if (n_listed(input) == 0) return;
    // Without a current line the search takes the first line in too.
    request.from = panel.list.has_selection ? panel.list.selected
                   : request.backwards     ? n_listed(input) - 1
                                           : uint64_t(-1);
    panel.cache.find(request);
  };
  using What = FindRequest::What;
  const auto find_level = [&](app::Level level, bool backwards) {
    FindRequest request;
    request.what = What::level;
    request.level = level;
    request.backwards = backwards;
    find(request);
  };
  if (ui.take(Command::next_error)) find_level(app::Level::error, false);
  if (ui.take(Command::previous_error)) find_level(app::Level::error, true);
  if (ui.take(Command::next_warning)) find_level(app::Level::warning, false);
  if (ui.take(Command::previous_warning)) find_level(app::Level::warning, true);
  for (const Command command : {Command::next_match, Command::previous_match, Command::find_next}) {
    if (!ui.take(command)) continue;
    if (find_terms(panel.find).empty()) {
      ui.toast("Nothing to find: type a word in Find (Ctrl+F)");
      continue;
    }
    FindRequest request;
    request.what = What::text;
    request.terms = find_terms(panel.find);
    request.backwards = command == Command::previous_match;
    find(request);
  }
  const bool has_row = panel.list.has_selection && n_listed(input) > 0;
  const app::RowId current = has_row ? row_at(input, panel.list.selected) : app::no_row;
  if (ui.take(Command::bookmark) && has_row) {
    if (panel.bookmarks.erase(current) == 0) panel.bookmarks.insert(current);
    app.set_view_state("logs.bookmarks", rows_to_text(panel.bookmarks));
  }
  if (ui.take(Command::list_bookmarks)) {
    if (panel.bookmarks.empty() && panel.notes.empty()) ui.toast("No bookmarks: m sets one on the current line");
    else panel.open_bookmarks = true;
  }
  if (ui.take(Command::toggle_note) && has_row) {
    panel.noting = current;
    panel.focus_note = panel.show_details = true;
  }
  if (ui.take(Command::use_as_evidence) && has_row) {
    if (const auto row = panel.cache.row(current)) ui.ask({Request::Kind::add_evidence, std::string(row->raw.substr(0, 400)), current});
  }
  if (ui.take(Command::teach_format)) {
    const auto row = has_row ? panel.cache.row(current) : std::nullopt;
    if (row) teach(panel.teaching, std::string(row->raw), row->source);
    else ui.toast("Choose a line first: it becomes the example");
  }
  if (const bool in = ui.take(Command::filter_in); in || ui.take(Command::filter_out)) {
    const auto row = has_row ? panel.cache.row(current) : std::nullopt;
    if (row && row->template_id != app::no_template) {
      FilterChip by_template;
      by_template.kind = FilterChip::Kind::template_id;
      by_template.value = ids_text(panel, row->template_id);
      by_template.exclude = !in;
      add_chip(view, by_template, app);
    } else {
      ui.toast("This line has no template yet");
    }
  }
  if (ui.take(Command::clear_filter)) clear_filter(panel, view, app, ui);

  if (const auto found = panel.cache.take_found()) {
    const FindRequest& r = found->request;
    const char* what = r.what == What::text             ? "match"
                       : r.level == app::Level::warning ? "warning"
                                                        : "error";
    if (found->index) {
      select(panel.list, *found->index, true);
      ui.flash(row_at(input, *found->index));
    } else {
      ui.toast(engine::format("No %s %s", r.backwards ? "earlier" : "further", what));
    }
  }
}

std::optional<uint64_t> index_at_or_after(const LineListInput& input, app::RowId row) {
  if (input.rows == nullptr) return row < input.log.n_rows() ? std::optional<uint64_t>(row) : std::nullopt;
  const auto at = std::lower_bound(input.rows->begin(), input.rows->end(), row);
  if (at == input.rows->end()) return std::nullopt;
  return uint64_t(at - input.rows->begin());
}

// "1203": that line of the first source. "09:12" or "09:12:07": the first bucket at that time.
void go_to(LogsPanel& panel, const LineListInput& input, const LogsView& view, Ui& ui) {
  const std::string& wanted = panel.go_to;
  uint64_t line = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), line);
  if (error == std::errc() && end == wanted.data() + wanted.size()) {
    const auto& sources = view.log->sources();
    const auto row = view.log->find_line(sources.empty() ? 0 : sources.front().id, line);
    const auto index = row ? index_at_or_after(input, *row) : std::nullopt;
    if (!index) return ui.toast("No line " + with_commas(line) + " in this list");
    select(panel.list, *index, true);
    return ui.flash(row_at(input, *index));
  }
  int h = 0, m = 0, s = 0;
  if (std::sscanf(wanted.c_str(), "%d:%d:%d", &h, &m, &s) < 2)
    return ui.toast("Type a line number, or a time as 09:12 or 09:12:07");
  // Chunks know their times; the row inside is found by its own time.
  const int64_t of_day = (int64_t(h) * 3600 + m * 60 + s) * app::ticks_per_second;
  constexpr int64_t day = 86400 * app::ticks_per_second;
  for (size_t chunk = 0; chunk < view.log->n_chunks(); ++chunk) {
    const app::store::ChunkInfo info = view.log->info(chunk);
    if (info.min_time == app::no_time) continue;
    app::Ticks target = info.min_time / day * day + of_day;
    if (target < info.min_time) target += day;
    if (target > info.max_time) continue;
    const auto data = view.log->chunk(chunk);
    for (size_t i = 0; i < info.n_rows; ++i) {
      const RowText row = read_row(data, i);
      if (row.time == app::no_time || row.time < target) continue;
      if (const auto index = index_at_or_after(input, info.first_row + i)) {
        select(panel.list, *index, true);
        return ui.flash(row_at(input, *index));
      }
    }
  }
  ui.toast("No line at or after " + wanted + " in this list");
}

void draw_go_to(LogsPanel& panel, const LineListInput& input, const LogsView& view, Ui& ui) {
  if (panel.open_go_to) {
    ImGui::OpenPopup("go_to");
    panel.go_to.clear();
  }
  if (!ImGui::BeginPopup("go_to")) return;
  if (panel.open_go_to) ImGui::SetKeyboardFocusHere();
  panel.open_go_to = false;
  if (input_text("##where", "Line number, or time 09:12:07", &panel.go_to, ui.theme.px(260),
                 ImGuiInputTextFlags_EnterReturnsTrue)) {
    go_to(panel, input, view, ui);
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

// M: the lines with bookmarks and notes, to be jumped to.
void draw_bookmarks(LogsPanel& panel, const LineListInput& input, app::App& app, Ui& ui) {
  if (panel.open_bookmarks) ImGui::OpenPopup("bookmarks");
  panel.open_bookmarks = false;
  ImGui::SetNextWindowSizeConstraints({ui.theme.px(320), 0}, {ui.theme.px(720), ui.theme.px(420)});
  if (!ImGui::BeginPopup("bookmarks")) return;
  std::set<app::RowId> rows = panel.bookmarks;
  for (const auto& [row, note] : panel.notes) rows.insert(row);
  if (ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  heading(ui, "Bookmarks and notes", with_commas(rows.size()));
  for (const app::RowId row : rows) {
    ImGui::PushID(int(row));
    const auto read = panel.cache.row(row);
    const auto note = panel.notes.find(row);
    const std::string shown = (read ? "L" + with_commas(read->line) + "  " + std::string(first_line(read->raw).substr(0, 90)) : "row " + with_commas(row + 1)) +
                              (note == panel.notes.end() ? "" : "   — " + note->second);
    if (menu_item(ui, shown.c_str())) {
      if (const auto index = index_of(input, row)) select(panel.list, *index, true);
      else show_row(panel, row, app, ui);
      ui.flash(row);
    }
    ImGui::PopID();
  }
  ImGui::EndPopup();
}

// Filters by name, to come back to.
void draw_views(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  if (!ImGui::BeginPopup("views")) return;
  if (ui.take(Command::stop)) ImGui::CloseCurrentPopup();
  const auto keep = [&] { app.set_view_state("logs.views", views_to_text(panel.views)); };
  for (size_t i = 0; i < panel.views.size(); ++i) {
    ImGui::PushID(int(i));
    if (menu_item(ui, panel.views[i].name.c_str())) app.set_filter(panel.views[i].filter);
    if (ImGui::BeginPopupContextItem("view_menu")) {
      if (menu_item(ui, "Delete the view")) {
        const SavedView deleted = panel.views[i];
        panel.views.erase(panel.views.begin() + long(i));
        keep();
        ui.toast("View deleted: " + deleted.name, [&panel, &app, deleted] {
          panel.views.push_back(deleted);
          app.set_view_state("logs.views", views_to_text(panel.views));
        });
      }
      ImGui::EndPopup();
    }
    ImGui::PopID();
  }
  if (panel.views.empty()) ImGui::TextDisabled("no saved views yet");
  ImGui::Separator();
  const bool entered = input_text("##name", "Name for this filter", &panel.view_name, ui.theme.px(200), ImGuiInputTextFlags_EnterReturnsTrue);
  ImGui::SameLine();
  const char* why_not = view.filter.chips.empty() ? "There is no filter to save" : panel.view_name.empty() ? "Type a name first" : nullptr;
  if ((button(ui, "Save", ButtonKind::primary, nullptr, Command::none, why_not) || entered) && why_not == nullptr) {
    std::erase_if(panel.views, [&](const SavedView& v) { return v.name == panel.view_name; });
    panel.views.push_back({panel.view_name, view.filter});
    keep();
    ui.toast("View saved: " + panel.view_name);
    panel.view_name.clear();
  }
  ImGui::EndPopup();
}

void draw_empty_log(const app::StatusView& status, app::App& app, Ui& ui) {
  for (const app::JobView& job : status.jobs)
    if (!job.running && job.kind == "ingest" && !job.error.empty()) {
      if (draw_failed(ui, "failed", {"The log could not be read", job.error, {"Open files"}}) == 0)
        ui.give(Command::open_files);
      return;
    }
  const int clicked = draw_empty(
      ui, "empty",
      {"No log in this session",
       "Drop files or folders here, or paste. Known: syslog, journald, JSON lines, logfmt, klog, log4j, Python, "
       "nginx, Apache, dmesg, NCCL, Kubernetes events, and any other text by line order; gzip, zstd and tar too.",
       {"Paste a log", "Open files", "Open the sample"}});
  if (clicked == 0) ui.give(Command::paste);
  if (clicked == 1) ui.give(Command::open_files);
  if (clicked == 2) app.open_sample();
}

}  // namespace

void clear_filter(LogsPanel& panel, const LogsView& view, app::App& app, Ui&) {
  if (view.filter.chips.empty()) return;
  panel.filter_message = "Filter cleared";
  app.set_filter({});
}

std::vector<std::string> find_terms(const std::string& text) {
  std::vector<std::string> terms;
  for (const std::string_view part : engine::split(text, '|'))
    if (const std::string_view term = engine::trim(part); !term.empty()) terms.emplace_back(term);
  return terms;
}

std::string chip_text(const FilterChip& c, const LogsView& view) {
  std::string body;
  switch (c.kind) {
    case FilterChip::Kind::text: body = "\"" + c.value + "\""; break;
    case FilterChip::Kind::regex: body = "/" + c.value + "/"; break;
    case FilterChip::Kind::level: body = "level " + (c.value.empty() ? "none" : c.value); break;
    case FilterChip::Kind::host: body = "host " + c.value; break;
    case FilterChip::Kind::process: body = "process " + c.value; break;
    case FilterChip::Kind::source: body = "file " + c.value; break;
    case FilterChip::Kind::time_range: body = range_text(c.begin, c.end); break;
    case FilterChip::Kind::template_id: {
      const std::vector<uint32_t> ids = app::logs::template_ids_of(c.value);
      for (const uint32_t id : ids) body += (body.empty() ? "T" : ", T") + std::to_string(id);
      if (!ids.empty() && ids.front() < view.log->templates().size()) body += " " + view.log->templates()[ids.front()].pattern.substr(0, 40);
      break;
    }
    case FilterChip::Kind::field: body = c.name + " = " + c.value; break;
    case FilterChip::Kind::parameter: {
      unsigned id = 0, parameter = 0;
      std::sscanf(c.name.c_str(), "%u.%u", &id, &parameter);
      std::string context = id < view.log->templates().size() ? app::logs::ParameterReader(view.log->templates()[id].pattern).context(parameter) : "";
      const size_t place = context.find("<*>");
      if (place == std::string::npos) context += " " + c.value;
      else context.replace(place, 3, c.value);
      body = "T" + std::to_string(id) + " " + context;
      break;
    }
  }
  return c.exclude ? "not " + body : body;
}

std::string template_name(const LogsPanel& panel, const app::Template& t) {
  const auto named = panel.template_names.find(t.id);
  return named == panel.template_names.end() ? t.pattern : named->second;
}

void follow_session(LogsPanel& panel, const LogsView& view, int64_t session, app::App& app, Ui& ui) {
  if (panel.filter_session != session) {
    panel.filter_session = session;
    panel.filter_expected = "-";   // no filter reads like that
    panel.bookmarks = rows_from_text(app.view_state("logs.bookmarks"));
    panel.notes = map_from_text(app.view_state("logs.notes"));
    panel.template_names = map_from_text(app.view_state("logs.template_names"));
    panel.views = views_from_text(app.view_state("logs.views"));
    panel.edits = edits_from_text(app.view_state("logs.template_edits"));
    ++panel.edits_generation;
    panel.merging = panel.values_of = app::no_template;
    panel.filter_text = filter_to_text(view.filter);
    const std::string kept = app.view_state("logs.filter");
    if (panel.filter_text.empty() && !kept.empty()) {
      panel.filter_expected = filter_to_text(filter_from_text(kept));
      app.set_filter(filter_from_text(kept));
      ui.toast("The filter of last time is on again", [&panel, &app] {
        panel.filter_expected = "";
        app.set_filter({});
      });
    }
    return;
  }
  const std::string now = filter_to_text(view.filter);
  if (now == panel.filter_text) return;
  const std::string before = std::exchange(panel.filter_text, now);
  app.set_view_state("logs.filter", now);
  std::string message = std::exchange(panel.filter_message, {});
  if (now == panel.filter_expected) {
    panel.filter_expected = "-";   // no filter reads like that
    return;
  }
  if (message.empty()) message = view.filter.chips.empty() ? "Filter cleared" : "Filter changed";
  const auto back_to = [&panel, &app, session](const std::string& text) {
    return [&panel, &app, text, session] {
      if (panel.filter_session != session) return;   // it was another session's filter
      panel.filter_expected = text;
      app.set_filter(filter_from_text(text));
    };
  };
  ui.toast(message, back_to(before), back_to(now));
}

void add_chip(const LogsView& view, FilterChip added, app::App& app) {
  LogFilter changed = view.filter;
  for (FilterChip& c : changed.chips)
    if (c.kind == added.kind && c.value == added.value && c.name == added.name && c.kind != FilterChip::Kind::time_range) {
      c.exclude = added.exclude;
      c.enabled = true;
      return app.set_filter(changed);
    }
  changed.chips.push_back(std::move(added));
  app.set_filter(changed);
}

void show_row(LogsPanel& panel, app::RowId row, app::App& app, Ui& ui) {
  const auto view = app.logs();
  if (row == app::no_row) return;
  panel.wanted_row = row;
  if (view->rows && !std::binary_search(view->rows->begin(), view->rows->end(), row)) {
    panel.filter_message = "The filter hid that line and was taken off";
    app.set_filter({});
    (void)ui;
  }
}

void draw(LogsPanel& panel, const LogsView& view, const app::IncidentView& incident,
          const app::StatusView& status, app::App& app, Ui& ui) {
  if (panel.session != incident.session) {
    panel.session = incident.session;
    panel.find.clear();
    panel.histogram = {};
    panel.zoom_asked_begin = panel.zoom_asked_end = panel.zoom_seen_begin = app::no_time;
    panel.hide_notes = false;
    panel.values_asked.clear();
    panel.noting = app::no_row;
    panel.part_a = panel.part_b = {};
  }
  if (ui.take(Command::compare_parts)) {
    panel.show_side = true;
    panel.side_tab = 3;
  }
  panel.cache.show(incident.session, view.log, view.rows);
  if (ui.take(Command::find)) panel.focus_find = true;
  if (ui.take(Command::go_to_line)) panel.open_go_to = true;

  const app::JobView* ingest = running_job(status, "ingest");
  if (view.log->n_rows() == 0) {
    const Pane pane(ui, "empty", {0, 0});
    if (ingest != nullptr) {
      if (draw_running(ui, "ingest", ingest->title, ingest->count, ingest->fraction)) app.cancel_job(ingest->id);
    } else {
      draw_empty_log(status, app, ui);
    }
    return;
  }

  // The lines that prove something are marked in the list.
  std::set<app::RowId> checks, evidence;
  for (const app::Finding& finding : incident.findings)
    for (const app::LineRef& line : finding.evidence) checks.insert(line.row);
  for (const app::Evidence& item : incident.evidence)
    for (const app::LineRef& line : item.lines)
      if (checks.count(line.row) == 0) evidence.insert(line.row);
  std::vector<SearchTerm> terms;
  const std::vector<std::string> found = find_terms(panel.find);
  for (const std::string& term : found) terms.push_back({term, ui.theme.series[(terms.size() + 2) % 8]});
  panel.cache.mark_terms(found);
  for (const FilterChip& c : view.filter.chips)
    if (c.kind == FilterChip::Kind::text && c.enabled && !c.exclude)
      terms.push_back({c.value, ui.theme.series[(terms.size() + 2) % 8]});
  const LineListInput input{.cache = panel.cache,
                            .log = *view.log,
                            .rows = view.rows.get(),
                            .session = incident.session,
                            .terms = terms,
                            .bookmarks = &panel.bookmarks,
                            .evidence = &evidence,
                            .checks = &checks,
                            .show_source = view.log->sources().size() > 1};
  if (panel.wanted_row != app::no_row) {
    if (const auto index = index_of(input, panel.wanted_row)) {
      select(panel.list, *index, true);
      ui.flash(panel.wanted_row);
      panel.wanted_row = app::no_row;
    }
  }
  take_list_commands(panel, view, input, app, ui);

  const float room = ImGui::GetContentRegionAvail().x;
  const bool with_side = panel.show_side && room > ui.theme.px(620);
  // The lines keep the larger part of a narrow window.
  const float side = with_side ? std::min(ui.theme.px(panel.side_width), room * 0.4f) + ui.theme.px(6) : 0;
  {
    const Pane main(ui, "main", {room - side, 0}, true,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    if (ingest != nullptr && draw_running(ui, "ingest", ingest->title, ingest->count, ingest->fraction))
      app.cancel_job(ingest->id);
    draw_notes(panel, view, app, ui);
    if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
    draw_filter_bar(panel, view, app, ui);
    if (view.filtering) draw_running(ui, "filtering", "Filtering", "", -1, false);
    app::Ticks current_time = app::no_time;
    if (panel.list.has_selection && n_listed(input) > 0 && panel.list.selected < n_listed(input))
      if (const auto row = panel.cache.row(row_at(input, panel.list.selected))) current_time = row->time;
    draw_histogram(panel, view, current_time, app, ui);

    const float room_below = ImGui::GetContentRegionAvail().y;
    // Without a line there are no details: the list has the room.
    const bool with_details = panel.show_details && panel.list.has_selection && room_below > ui.theme.px(220);
    const float details = with_details
                              ? std::min(ui.theme.px(panel.details_height), room_below * 0.55f) + ui.theme.px(12)
                              : 0;
    app::RowId current = app::no_row;
    if (n_listed(input) == 0) {
      ImGui::BeginChild("no_rows", {0, room_below - details}, false);
      if (draw_empty(ui, "none", {"No line passes the filter", "Take a condition off to see lines again.", {"Clear the filter"}}) == 0)
        ui.give(Command::clear_filter);
      ImGui::EndChild();
    } else {
      const LineListResult result =
          line_list(ui, "lines", panel.list, input, {ImGui::GetContentRegionAvail().x, room_below - details});
      current = result.current;
      if (result.focused) ui.list_focus = Where::logs;
      if (result.activated) panel.show_details = true;
    }
    if (with_details) {
      splitter(ui, "split_details", false, &panel.details_height, 90, room_below / ui.theme.scale * 0.55f, -1);
      ImGui::BeginChild("details", {0, 0}, false);
      draw_details(panel, view, current, app, ui);
      ImGui::EndChild();
    }
    draw_go_to(panel, input, view, ui);
    draw_bookmarks(panel, input, app, ui);
    draw(panel.teaching, *app.format(), app, ui);
    draw_encodings(panel, *app.encodings(), app, ui);
    panel.current_time = current_time;
  }
  if (with_side) {
    ImGui::SameLine(0, 0);
    splitter(ui, "split_side", true, &panel.side_width, 200, room / ui.theme.scale * 0.5f, -1);
    ImGui::SameLine(0, 0);
    const Pane pane(ui, "side", {0, 0});
    draw_log_side(panel, view, app, ui);
  }
}

}  // namespace ui
