// ui/widgets/histogram.h: records over time, stacked by level. Drag selects a range, the wheel
// zooms, a double click shows all. Draws counts only; it does not count: who shows it counts the
// zoomed range anew (HistogramState::view_*) and gives it as zoomed.
#pragma once
#include <optional>

#include "app/logs/histogram.h"
#include "ui/ui.h"

namespace ui {

struct HistogramState {
  app::Ticks view_begin = app::no_time, view_end = app::no_time;   // no_time: all of it
  bool dragging = false;
  float drag_from = 0;
};

struct HistogramResult {
  bool selected = false;                 // a drag ended: the range begins and ends here
  app::Ticks begin = app::no_time, end = app::no_time;
  bool cleared = false;                  // double click: no range
};

struct HistogramCounts {
  const app::logs::Histogram& counts;                  // of the rows that are shown
  const app::logs::Histogram* whole = nullptr;         // of all rows, drawn faint behind
  const app::logs::Histogram* zoomed = nullptr;        // like counts, finer, of a part
};

// marked_*: the range that is selected now, no_time for none. at: the time of the current line.
HistogramResult histogram(Ui& ui, const char* id, HistogramState& state, const HistogramCounts& shown,
                          app::Ticks marked_begin, app::Ticks marked_end, app::Ticks at, ImVec2 size);

}  // namespace ui
