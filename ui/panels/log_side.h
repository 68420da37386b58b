// ui/panels/log_side.h: templates, facets and anomalies, beside the lines of the Logs screen.
#pragma once
#include "ui/panels/logs.h"

namespace ui {

void draw_log_side(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);

// New, Rare, Gone or Burst where an anomaly says so about the template; else empty.
std::string template_tag(const app::LogsView& view, uint32_t template_id);

// "3,7" of a merged template, else its own number: as FilterChip::template_id takes it.
std::string ids_text(const LogsPanel& panel, uint32_t id);

void draw_compare(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);

// What was assumed, cut or skipped while reading, in one line above the list, with the way to other
// encodings; and their window.
void draw_notes(LogsPanel& panel, const app::LogsView& view, app::App& app, Ui& ui);
void draw_encodings(LogsPanel& panel, const app::EncodingView& view, app::App& app, Ui& ui);

}  // namespace ui
