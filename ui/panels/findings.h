// ui/panels/findings.h: what the checks found, as cards, and the list of all checks. A part of the
// Incident screen.
#pragma once
#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct IncidentPanel;

void draw_findings(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status, app::App& app, Ui& ui);

// A line in a tooltip: with the lines around it where the log is at hand, else alone.
void preview_line(Ui& ui, const app::LineRef& line);

// A log line as proof: a chip that leads to it and its text.
void draw_line_ref(Ui& ui, int index, const app::LineRef& line, float width, const char* probe);

}  // namespace ui
