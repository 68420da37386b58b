// ui/panels/configs.h: reviewed configuration files: findings, grouped, suppressed with a reason and
// exported; the source with marks beside it and its secrets masked.
#pragma once
#include <string>
#include <vector>

#include "app/app.h"
#include "app/configs/export.h"
#include "ui/panels/config_diff.h"
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
  int group_by = 1;               // 0 line, 1 severity: the worst first, 2 rule
  bool show_suppressed = false, show_secrets = false;
  std::vector<app::configs::Suppression> suppressions;   // kept with the session
  int64_t session = -1;           // that they are of
  std::string reason;             // being typed
  int days = 0;                   // 0 for good, 1 a week, 2 a month, 3 three months
  std::string paste_text, paste_name;
  bool paste_open = false;
  ConfigDiffs diffs;              // fixes and versions
};
void draw(ConfigsPanel& panel, const app::ConfigsView& view, const app::StatusView& status, app::App& app, Ui& ui);

}  // namespace ui
