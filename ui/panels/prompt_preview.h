// ui/panels/prompt_preview.h: what the model will see: the bar that shows what fills its context, the
// choices where not everything fits, and the exact prompt part by part. Parts of the Incident screen.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/panels/incident.h"
#include "ui/ui.h"

namespace ui {

// The question that a prompt would be made for now: the one typed, else the last one asked.
std::string question_now(const IncidentPanel& panel, const app::IncidentView& view);

void draw_context_bar(const app::PromptPreview& preview, const app::StatusView& status, Ui& ui);
// Nothing where everything fits and nothing else was chosen.
void draw_packing(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui);
// The dialog that Ctrl+I opens.
void draw_prompt_preview(IncidentPanel& panel, const app::IncidentView& view, app::App& app, Ui& ui);

}  // namespace ui
