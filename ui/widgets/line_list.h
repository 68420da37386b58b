// ui/widgets/line_list.h: the log as a list of lines: any of millions at once, folded events,
// wrapped or not, coloured search terms, marks beside its own scroll bar.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ui/row_cache.h"
#include "ui/ui.h"
#include "ui/widgets/height_index.h"

namespace ui {

// What the user is doing with the list. Indices count listed rows; they change with the filter.
struct LineListState {
  HeightIndex heights;
  uint64_t anchor = 0;             // the first row shown, even if in part
  double anchor_pixels = 0;        // how much of it is above the top edge
  uint64_t selected = 0, selected_from = 0;   // the current row and the other end of the range
  bool has_selection = false;
  bool wrap = false;
  bool raw = false;                // lines of JSON as they stand; else their message and fields
  float scroll_x = 0;
  std::set<app::RowId> unfolded;
  float measured_width = 0;        // heights hold for this width
  const void* measured_rows = nullptr;
  int64_t session = -1;
  std::optional<uint64_t> scroll_to;   // brought to the middle in the next frame
  bool dragging_bar = false;
  float longest = 0;               // widest line drawn so far, for the horizontal limits
};

struct SearchTerm {
  std::string text;
  ImU32 color = 0;
};

struct LineListInput {
  RowCache& cache;
  const app::store::LogSnapshot& log;
  const std::vector<app::RowId>* rows = nullptr;   // null: all
  int64_t session = 0;
  std::span<const SearchTerm> terms = {};
  const std::set<app::RowId>* bookmarks = nullptr;
  const std::set<app::RowId>* evidence = nullptr;   // that answers and the user cite
  const std::set<app::RowId>* checks = nullptr;     // that prove a finding
  bool show_source = false;        // more than one source
};

struct LineListResult {
  bool focused = false;
  bool selection_changed = false;
  app::RowId current = app::no_row;   // the selected row
  bool activated = false;             // Enter or a double click
};

uint64_t n_listed(const LineListInput& input);
app::RowId row_at(const LineListInput& input, uint64_t index);
// Index of a row in the list, or none where the filter hides it.
std::optional<uint64_t> index_of(const LineListInput& input, app::RowId row);
void select(LineListState& state, uint64_t index, bool bring_to_middle);

LineListResult line_list(Ui& ui, const char* id, LineListState& state, const LineListInput& input,
                         ImVec2 size);

// A line of JSON as people read it: "process: message  key=value ..."; empty for other lines.
std::string readable(const RowText& row);

// The first line of a record and whether more follow.
std::string_view first_line(std::string_view raw);

}  // namespace ui
