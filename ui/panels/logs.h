// ui/panels/logs.h: histogram, filter chips, the lines, templates and facets, details of a line.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/panels/log_state.h"
#include "ui/panels/teach.h"
#include "ui/row_cache.h"
#include "ui/ui.h"
#include "ui/widgets/histogram.h"
#include "ui/widgets/line_list.h"

namespace ui {

// A line of the list of templates: one (or the leader of merged ones), or a part of a split one.
struct TemplateEntry {
  uint32_t id = 0;
  int part = -1;
};

struct LogsPanel {
  explicit LogsPanel(std::function<void()> on_rows_ready = {}) : cache(std::move(on_rows_ready)) {}

  RowCache cache;
  LineListState list;
  HistogramState histogram;
  std::string new_chip, find;          // being typed
  bool focus_find = false, open_go_to = false;
  std::string go_to;
  int side_tab = 0;                    // 0 templates, 1 facets, 2 anomalies, 3 compare
  float side_width = 330, details_height = 190, histogram_height = 110;   // design pixels
  bool show_details = true, show_side = true;
  int template_order = 0;              // 0 count, 1 first seen, 2 rare first
  std::string template_search;
  std::vector<TemplateEntry> entries;  // sorted and searched
  std::string order_key;               // what entries was made for
  TemplateEdits edits;
  uint64_t edits_generation = 0;       // counts changes of edits
  uint32_t wanted_template = app::no_template;   // a link leads to it: brought into sight
  uint32_t linked_template = app::no_template;   // that a link led to last: stays marked
  uint32_t merging = app::no_template;    // waits for the one to be merged with
  uint32_t values_of = app::no_template;  // whose parameters are shown
  std::string values_asked;            // what the values were last asked for
  std::set<app::RowId> bookmarks;
  std::map<uint64_t, std::string> notes;           // by row
  std::map<uint64_t, std::string> template_names;  // by template, given by the user
  std::vector<SavedView> views;
  std::string view_name;               // being typed
  app::RowId noting = app::no_row;     // the row whose note is being written
  bool focus_note = false, open_bookmarks = false;
  uint32_t renaming = app::no_template;
  bool focus_rename = false;
  app::FilterChip part_a, part_b;      // to be compared
  app::Ticks current_time = app::no_time;   // of the current line
  TeachPanel teaching;
  std::string filter_text;             // the filter as last seen, for undo and for the session
  std::string filter_expected;         // an undo set it: no step of its own
  std::string filter_message;          // what the toast about the next change says
  int64_t filter_session = -1;
  int64_t session = -1;
  app::RowId wanted_row = app::no_row; // a link leads here
  app::Ticks zoom_asked_begin = app::no_time, zoom_asked_end = app::no_time;   // the last zoom_histogram
  app::Ticks zoom_seen_begin = app::no_time;
  double zoom_at = 0;                  // when the wheel last turned
  bool encoding_open = false;          // the window of other encodings
  bool hide_notes = false;             // what was assumed while reading, for this session
};

void draw(LogsPanel& panel, const app::LogsView& view, const app::IncidentView& incident,
          const app::StatusView& status, app::App& app, Ui& ui);

// Shows a row: selects it and brings it to the middle; a filter that hides it is taken off first,
// with an undo.
void show_row(LogsPanel& panel, app::RowId row, app::App& app, Ui& ui);
void add_chip(const app::LogsView& view, app::FilterChip chip, app::App& app);
std::string template_name(const LogsPanel& panel, const app::Template& t);
// Once a frame on any screen: a changed filter becomes a step of undo and is kept with the session;
// another session brings its filter, bookmarks, notes and views.
void follow_session(LogsPanel& panel, const app::LogsView& view, int64_t session, app::App& app, Ui& ui);
std::string chip_text(const app::FilterChip& chip, const app::LogsView& view);
void clear_filter(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);
// The terms of the find field: "disk full | timeout" are two.
std::vector<std::string> find_terms(const std::string& text);

}  // namespace ui
