// ui/panels/logs.h: histogram, filter chips, the lines, templates and facets, details of a line.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/row_cache.h"
#include "ui/ui.h"
#include "ui/widgets/histogram.h"
#include "ui/widgets/line_list.h"

namespace ui {

struct LogsPanel {
  explicit LogsPanel(std::function<void()> on_rows_ready = {}) : cache(std::move(on_rows_ready)) {}

  RowCache cache;
  LineListState list;
  HistogramState histogram;
  std::string new_chip, find;          // being typed
  bool focus_find = false, open_go_to = false;
  std::string go_to;
  int side_tab = 0;                    // 0 templates, 1 facets, 2 anomalies
  float side_width = 330, details_height = 190, histogram_height = 110;   // design pixels
  bool show_details = true, show_side = true;
  int template_order = 0;              // 0 count, 1 first seen, 2 rare first
  std::string template_search;
  std::vector<uint32_t> order;         // indices of templates, sorted and searched
  std::string order_key;               // what order was made for
  std::set<app::RowId> bookmarks;
  int64_t session = -1;
  app::RowId wanted_row = app::no_row; // a link leads here
  app::LogFilter undone;               // the filter before the last clear
};

void draw(LogsPanel& panel, const app::LogsView& view, const app::IncidentView& incident,
          const app::StatusView& status, app::App& app, Ui& ui);

// Shows a row: selects it and brings it to the middle; a filter that hides it is taken off first,
// with an undo.
void show_row(LogsPanel& panel, app::RowId row, app::App& app, Ui& ui);
void add_chip(const app::LogsView& view, app::FilterChip chip, app::App& app);
std::string chip_text(const app::FilterChip& chip, const app::LogsView& view);

}  // namespace ui
