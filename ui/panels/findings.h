// ui/panels/findings.h: what the checks found, as cards, and the list of all checks. A part of the
// Incident screen.
#pragma once
#include "app/app.h"
#include "ui/ui.h"

namespace ui {

void draw_findings(const app::IncidentView& view, const app::StatusView& status,
                   bool& show_all_checks, app::App& app, Ui& ui);

// A log line as proof: a chip that leads to it and its text.
void draw_line_ref(Ui& ui, int index, const app::LineRef& line, float width, const char* probe);

}  // namespace ui
