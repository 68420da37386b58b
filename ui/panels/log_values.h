// ui/panels/log_values.h: values with their counts, as facets and the parameters of templates show
// them: a bar, the count, + to show only these lines, − to hide them.
#pragma once
#include <string>

#include "app/log_filter.h"
#include "ui/panels/logs.h"

namespace ui {

struct ValueRow {
  int id = 0;                       // within its list
  std::string shown;
  uint64_t count = 0, most = 1;     // most: of the longest bar
  int level = -1;                   // its mark is drawn; -1: none
  const char* probe = "value";
};
enum class ValueClick { none, in, out };
ValueClick value_row(Ui& ui, const ValueRow& row);

app::FilterChip template_chip(const std::string& ids, bool exclude);
app::FilterChip parameter_chip(uint32_t template_id, uint32_t parameter, const std::string& value, bool exclude);

// The tab of templates: the list and, below, the values of the one that was chosen for it.
void draw_templates(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);

}  // namespace ui
