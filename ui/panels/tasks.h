// ui/panels/tasks.h: scores of task runs: a card for each task, scoring a predictions file, results.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct TasksPanel {
  std::string task = "cmdgen", data_path, predictions_path;
  int browse = 0;                // a file dialog is wanted for: 1 data, 2 predictions
  bool only_failures = false;
  int64_t wanted_sample = -1;    // a link leads to it; -1: none does
  float list_width = 420;        // design pixels
};
void draw(TasksPanel& panel, const app::TasksView& view, const app::StatusView& status, app::App& app, Ui& ui);

}  // namespace ui
