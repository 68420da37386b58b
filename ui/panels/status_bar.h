// ui/panels/status_bar.h: jobs, model, context, speed, memory, and the proof of being offline.
#pragma once
#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct StatusBarPanel {
  int64_t seen_failure = 0;      // last failed job whose message was shown as a toast
};
void draw(StatusBarPanel& panel, const app::StatusView& view, const app::ModelsView& models, app::App& app, Ui& ui);
float status_bar_height(const Ui& ui);

}  // namespace ui
