// ui/panels/report.h: the dialog in which a report is looked at before it is written: its format,
// whether secrets are masked and which, and its text.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct ReportPanel {
  bool open = false;
  std::string extension = ".md";
  bool mask_secrets = true;
  bool write = false;            // "Write it" was clicked: the shell asks for the path
};
void open_report(ReportPanel& panel, app::App& app);
void draw(ReportPanel& panel, const app::ReportPreview& preview, app::App& app, Ui& ui);

}  // namespace ui
