// ui/panels/answer.h: one answer of the conversation: its text with a chip for each claim, how it was
// made, and what can be done with it. A part of the Incident screen.
#pragma once
#include "app/app.h"
#include "ui/panels/incident.h"
#include "ui/ui.h"

namespace ui {

// message.answer must be there.
void draw_answer(IncidentPanel& panel, const app::IncidentView& view, const app::Message& message, app::App& app, Ui& ui);

// "‹ 2/3 ›": the other wordings of a question and the other tries of an answer; nothing where there are none.
void draw_branch(const app::IncidentView& view, int64_t message, app::App& app, Ui& ui);

}  // namespace ui
