#include "ui/panels/logs.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
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

void clear_filter(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  if (view.filter.chips.empty()) return;
  panel.filter_message = "Filter cleared";
  app.set_filter({});
  (void)ui;
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

void draw_filter_bar(LogsPanel& panel, const LogsView& view, app::App& app, Ui& ui) {
  // The two fields share what the rest leaves.
  const std::string shown = "showing " + with_commas(view.n_shown()) + " of " + with_commas(view.log->n_rows());
  const float fixed = text_width(ui, shown) + button_width("Views") + button_width("Wrap") + button_width("Details") + button_width("Side") + ui.theme.px(60);
  const float fields = std::clamp(ImGui::GetContentRegionAvail().x - fixed, ui.theme.px(160), ui.theme.px(460));
  const float input_width = fields * 0.6f;
  if (input_text("##filter", "Filter: text, -text, /regex/", &panel.new_chip, input_width,
                 ImGuiInputTextFlags_EnterReturnsTrue) &&
      !panel.new_chip.empty()) {
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
  if (input_text("##find", "Find (n, N)", &panel.find, fields * 0.4f,
                 ImGuiInputTextFlags_EnterReturnsTrue))
    ui.give(Command::find_next);
  ImGui::SameLine();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = text_width(ui, shown);
  ImGui::Dummy({width, ImGui::GetFrameHeight()});
  draw_text(ui, *ImGui::GetWindowDrawList(), {at.x, at.y + ImGui::GetStyle().FramePadding.y},
            view.rows ? ui.theme.warning : ui.theme.dim, shown);
  ui.probe("showing", shown, at, {at.x + width, at.y + ImGui::GetFrameHeight()});

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
  const float toggles = button_width("Views") + ui.theme.px(2) + button_width("Wrap") + button_width("Details") + button_width("Side") + ui.theme.px(8);
  ImGui::SameLine();
  const float toggles_x = ImGui::GetWindowContentRegionMax().x - toggles;
  if (toggles_x > ImGui::GetCursorPosX()) ImGui::SetCursorPosX(toggles_x);
  if (button(ui, "Views", ButtonKind::quiet, "Saved filters")) ImGui::OpenPopup("views");
  draw_views(panel, view, app, ui);
  ImGui::SameLine(0, ui.theme.px(2));
  if (toggle("Wrap", &panel.list.wrap, "Break long lines")) panel.list.heights.clear();
  ImGui::SameLine(0, ui.theme.px(2));
  toggle("Details", &panel.show_details, "Fields and full text of the current line");
  ImGui::SameLine(0, ui.theme.px(2));
  toggle("Side", &panel.show_side, "Templates, facets and anomalies");

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

void draw_histogram(LogsPanel& panel, const LogsView& view, app::Ticks current, app::App& app, Ui& ui) {
  app::Ticks begin = app::no_time, end = app::no_time;
  for (const FilterChip& c : view.filter.chips)
    if (c.kind == FilterChip::Kind::time_range && c.enabled && !c.exclude) begin = c.begin, end = c.end;
  const HistogramResult result =
      histogram(ui, "histogram", panel.histogram, view.histogram, begin, end, current,
                {ImGui::GetContentRegionAvail().x, ui.theme.px(panel.histogram_height)});
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
    if (panel.find.empty()) {
      ui.toast("Nothing to find: type a word in Find (Ctrl+F)");
      continue;
    }
    FindRequest request;
    request.what = What::text;
    request.text = panel.find;
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
      by_template.value = std::to_string(row->template_id);
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

// The remark on a line: shown, or a field while it is written.
void draw_note(LogsPanel& panel, app::RowId current, app::App& app, Ui& ui) {
  if (panel.noting != current) {
    const auto found = panel.notes.find(current);
    if (found == panel.notes.end()) return;
    const Span spans[] = {{"Note  ", ui.theme.warning, Face::bold}, {found->second, ui.theme.text}};
    rich_text(ui, "note", spans, {.row = current, .probe = "note"});
    return;
  }
  std::string& note = panel.notes[current];
  if (panel.focus_note) {
    ImGui::SetKeyboardFocusHere();
    panel.focus_note = false;
  }
  const bool entered = input_text("##note", "Note; Enter keeps it, empty removes it", &note, -1, ImGuiInputTextFlags_EnterReturnsTrue);
  if (!entered && !ImGui::IsItemDeactivated()) return;
  panel.noting = app::no_row;
  if (note.empty()) panel.notes.erase(current);
  app.set_view_state("logs.notes", map_to_text(panel.notes));
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

void draw_details(LogsPanel& panel, const LogsView& view, app::RowId current, app::App& app, Ui& ui) {
  if (current == app::no_row) {
    draw_empty(ui, "none", {"No line chosen", "Click a line to see its fields and its full text.", {}});
    return;
  }
  const auto row = panel.cache.row(current);
  if (!row) {
    draw_running(ui, "reading", "Reading the line", "", -1, false);
    return;
  }
  const std::string title = "Line " + with_commas(row->line) + " of " + std::string(row->source_name);
  heading(ui, title, row->time == app::no_time ? "no time" : time_text(row->time));
  const bool hidden = view.rows != nullptr;
  if (hidden) {
    if (button(ui, "Show in context", ButtonKind::normal, "Take the filter off and stay at this line")) {
      clear_filter(panel, view, app, ui);
      panel.wanted_row = current;
    }
    ImGui::SameLine();
  }
  const std::string quoted = engine::format("> %.*s:%llu %.*s\n", int(row->file.size()), row->file.data(),
                                            static_cast<unsigned long long>(row->line),
                                            int(std::min<size_t>(row->raw.size(), 400)), row->raw.data());
  if (button(ui, "Ask about this")) ui.ask({Request::Kind::ask, quoted, current});
  ImGui::SameLine();
  if (button(ui, "Only this template", ButtonKind::normal, nullptr, Command::filter_in,
             row->template_id == app::no_template ? "The line has no template yet" : nullptr))
    ui.give(Command::filter_in);
  ImGui::SameLine();
  if (button(ui, panel.bookmarks.count(current) > 0 ? "Remove bookmark" : "Bookmark", ButtonKind::normal, nullptr,
             Command::bookmark))
    ui.give(Command::bookmark);
  ImGui::SameLine();
  if (button(ui, "Note", ButtonKind::normal, "A remark on this line, kept with the session", Command::toggle_note)) ui.give(Command::toggle_note);
  ImGui::SameLine();
  if (button(ui, "To KQL", ButtonKind::normal, "A query for lines of this template"))
    ui.ask({Request::Kind::query, row->template_id == app::no_template ? engine::format("Logs\n| where Line == %llu", static_cast<unsigned long long>(row->line))
                                                                       : engine::format("Logs\n| where TemplateId == %u\n| project Timestamp, Level, Process, Message\n| take 200", row->template_id)});
  ImGui::SameLine();
  if (button(ui, "Teach", ButtonKind::quiet, "Teach the format of this log by marking this line", Command::teach_format)) ui.give(Command::teach_format);
  draw_note(panel, current, app, ui);
  ImGui::BeginChild("fields", {0, 0}, false);
  text(ui, "raw", row->raw.substr(0, 256 * 1024), ui.theme.text, Face::mono, {.row = current, .probe = "details"});
  const auto field = [&](const char* name, std::string_view value) {
    if (value.empty()) return;
    const Span spans[] = {{name, ui.theme.faint}, {"  "}, {value, ui.theme.text, Face::mono}};
    rich_text(ui, name, spans, {.row = current});
  };
  field("level", app::level_names[int(row->level)]);
  field("host", row->host);
  field("process", row->process);
  field("file", row->file);
  for (const app::Template& t : view.log->templates())
    if (t.id == row->template_id) field("template", t.pattern);
  field("fields", row->properties);
  // What stood around the line, whatever the filter hides.
  constexpr app::RowId around = 5;
  const app::RowId first = current > around ? current - around : 0, last = std::min(current + around, view.log->n_rows() - 1);
  ImGui::Dummy({1, ui.theme.px(2)});
  heading(ui, "Lines around it");
  for (app::RowId near = first; near <= last; ++near) {
    const auto line = panel.cache.row(near);
    if (!line) continue;
    ImGui::PushID(int(near - first));
    const std::string number = "L" + std::to_string(line->line);
    const Span spans[] = {{number, near == current ? ui.theme.text : ui.theme.link, Face::regular, near == current ? -1 : 0}, {"  "},
                          {first_line(line->raw).substr(0, 300), near == current ? ui.theme.text : ui.theme.dim, Face::mono}};
    if (rich_text(ui, "near", spans, {.wrap = false, .row = near, .chip_probe = "near_line"}).clicked_chip == 0) ui.jump_to(near);
    ImGui::PopID();
  }
  ImGui::EndChild();
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
      body = "T" + c.value;
      for (const app::Template& t : view.log->templates())
        if (std::to_string(t.id) == c.value) body += " " + t.pattern.substr(0, 40);
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
    if (c.kind == added.kind && c.value == added.value && c.kind != FilterChip::Kind::time_range) {
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
  std::set<app::RowId> evidence;
  for (const app::Finding& finding : incident.findings)
    for (const app::LineRef& line : finding.evidence) evidence.insert(line.row);
  std::vector<SearchTerm> terms;
  if (!panel.find.empty()) terms.push_back({panel.find, ui.theme.series[1]});
  for (const FilterChip& c : view.filter.chips)
    if (c.kind == FilterChip::Kind::text && c.enabled && !c.exclude)
      terms.push_back({c.value, ui.theme.series[(terms.size() + 1) % 8]});
  const LineListInput input{.cache = panel.cache,
                            .log = *view.log,
                            .rows = view.rows.get(),
                            .session = incident.session,
                            .terms = terms,
                            .bookmarks = &panel.bookmarks,
                            .evidence = &evidence,
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
  const float side = with_side ? ui.theme.px(panel.side_width) + ui.theme.px(6) : 0;
  {
    const Pane main(ui, "main", {room - side, 0}, true,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    if (ingest != nullptr && draw_running(ui, "ingest", ingest->title, ingest->count, ingest->fraction))
      app.cancel_job(ingest->id);
    for (const app::Source& source : view.log->sources())
      for (const std::string& note : source.notes) {
        if (&source != &view.log->sources().front()) break;
        text(ui, note.c_str(), note, ui.theme.faint);
      }
    if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
    draw_filter_bar(panel, view, app, ui);
    if (view.filtering) draw_running(ui, "filtering", "Filtering", "", -1, false);
    app::Ticks current_time = app::no_time;
    if (panel.list.has_selection && n_listed(input) > 0 && panel.list.selected < n_listed(input))
      if (const auto row = panel.cache.row(row_at(input, panel.list.selected))) current_time = row->time;
    draw_histogram(panel, view, current_time, app, ui);

    const float room_below = ImGui::GetContentRegionAvail().y;
    const bool with_details = panel.show_details && room_below > ui.theme.px(220);
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
