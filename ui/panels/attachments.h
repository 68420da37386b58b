// ui/panels/attachments.h: the logs of a session as chips above the question: "nginx.log, 48,210
// lines, 09:12–11:40, UTC?". A click opens one in Logs. A part of the Incident screen.
#pragma once
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/panels/incident.h"
#include "ui/ui.h"

namespace ui {

// Name, lines, span of time and zone; the zone with "?" where it was assumed.
std::string attachment_text(const app::Source& source);

void draw_attachments(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status, app::App& app, Ui& ui);

// The logs that came with a question, as chips below it.
void draw_attached(IncidentPanel& panel, const app::IncidentView& view, const std::vector<uint32_t>& sources, float width, Ui& ui);

}  // namespace ui
