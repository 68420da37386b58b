// ui/panels/question.h: where a question is typed, with the logs that go with it and what fills the
// model's context. The lower end of the Incident screen's conversation.
#pragma once
#include "app/app.h"
#include "ui/panels/incident.h"
#include "ui/ui.h"

namespace ui {

// Leaves its height in panel.question_height, for the conversation above it in the next frame.
void draw_question(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
                   app::App& app, Ui& ui);

}  // namespace ui
