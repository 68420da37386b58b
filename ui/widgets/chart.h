// ui/widgets/chart.h: a chart on screen or as an SVG or PNG file. All are drawn by the same code over a
// small set of shapes, so that what is saved is what was seen.
#pragma once
#include <set>
#include <string>

#include "ui/ui.h"
#include "ui/widgets/chart_data.h"

namespace ui {

struct ChartState {
  std::set<std::string> hidden;       // series switched off in the legend
  bool dragging = false;
  float drag_from = 0;
};

struct ChartResult {
  bool brushed = false;               // a drag over a time axis ended: this range
  app::Ticks begin = app::no_time, end = app::no_time;
  int clicked = -1;                   // place that was clicked: an index of data.rows
};
ChartResult chart(Ui& ui, const char* id, ChartState& state, const ChartData& data, ImVec2 size);

// The same picture as text, on a white ground; width and height in pixels.
std::string chart_svg(const Ui& ui, const ChartData& data, float width, float height);
// The same as a PNG file.
std::string chart_png(const Ui& ui, const ChartData& data, float width, float height);
std::string chart_csv(const ChartData& data);

}  // namespace ui
