// ui/panels/configs.h: reviewed configuration files: findings, and the source with marks beside it.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct ConfigsPanel {
  int64_t chosen = 0;             // review shown; 0: the newest
  std::string chosen_file;
  int chosen_line = 0;            // from 1; 0: none
  bool scroll_to_line = false;
  double flashed_at = -10;
  float list_width = 380;         // design pixels
  int min_severity = 0;           // app::Severity and worse are listed
  std::string paste_text, paste_name;
  bool paste_open = false;
};
void draw(ConfigsPanel& panel, const app::ConfigsView& view, const app::StatusView& status, app::App& app, Ui& ui);

}  // namespace ui
