// ui/widgets/grid.h: a result table: sort, select, copy as TSV, CSV, JSON or Markdown, links to lines.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/kql/query.h"
#include "ui/ui.h"

namespace ui {

constexpr uint64_t max_grid_rows = 10'000;   // shown; the total is always said, copies are complete
constexpr size_t max_grid_columns = 60;      // of ImGui's 64

// What a selection of cells holds.
struct CellStatistics {
  uint64_t n_cells = 0, n_empty = 0, n_distinct = 0, n_numbers = 0;
  double sum = 0, least = 0, greatest = 0;        // of the numbers
  std::string text_least, text_greatest;          // of texts and times, where there are no numbers
};

struct GridState {
  const void* shown = nullptr;      // the table that order was made for
  int sort_column = -1;
  bool descending = false;
  std::vector<uint32_t> order;      // rows of the table that pass the filter, as sorted
  std::string filter, filtered_for; // typed; a row stays where a cell holds it, any case
  int64_t selected_row = -1;        // of the table, not of the order
  int selected_column = -1;
  int64_t at = -1, anchor = -1;     // places in order of the selection's two ends
  int at_column = -1, anchor_column = -1;   // places among the shown columns
  CellStatistics statistics;
  bool hide_empty = false, expanded = false;      // expanded: the row's cells in full below
  std::vector<size_t> hidden;       // columns taken out of sight
  int64_t wanted_row = -1;          // of the table: a link leads to it; -1: none does
  int64_t query = 0;                // that gave the table, for references to its rows; 0: not known
  bool focus_row = false;           // bring it into sight
  std::vector<bool> empty_columns;
};

enum class CopyFormat { tsv, csv, json, markdown };
std::string rows_as(const app::kql::ResultTable& table, CopyFormat format, const std::vector<uint32_t>& rows);

struct GridResult {
  std::string add_to_query;         // an operator that the user asked for: "| summarize count() by Level"
};
GridResult grid(Ui& ui, const char* id, GridState& state, const app::kql::ResultTable& table, ImVec2 size);

// Of the cells [first, last] of the order in these columns of the table.
CellStatistics cell_statistics(const app::kql::ResultTable& table, const std::vector<uint32_t>& order, size_t first, size_t last,
                               const std::vector<size_t>& columns);
std::string statistics_text(const CellStatistics& statistics);

}  // namespace ui
