// ui/panels/log_side.h: templates, facets and anomalies, beside the lines of the Logs screen.
#pragma once
#include "ui/panels/logs.h"

namespace ui {

void draw_log_side(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);

// New, Rare, Gone or Burst where an anomaly says so about the template; else empty.
std::string template_tag(const app::LogsView& view, uint32_t template_id);

void draw_compare(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);

}  // namespace ui
