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

struct GridState {
  const void* shown = nullptr;      // the table that order was made for
  int sort_column = -1;
  bool descending = false;
  std::vector<uint32_t> order;
  int64_t selected_row = -1;        // of the table, not of the order
  int selected_column = -1;
  bool hide_empty = false;
  std::vector<bool> empty_columns;
};

enum class CopyFormat { tsv, csv, json, markdown };
std::string rows_as(const app::kql::ResultTable& table, CopyFormat format, const std::vector<uint32_t>& rows);

void grid(Ui& ui, const char* id, GridState& state, const app::kql::ResultTable& table, ImVec2 size);

}  // namespace ui
