// ui/panels/settings.h: choices, each applied at once and with undo; diagnostics of the program.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct SettingsPanel {
  std::string search;
  app::Settings edited;          // while a slider is held
  bool editing = false;
  Command learning = Command::none;   // the next chord becomes this command's key
};
void draw(SettingsPanel& panel, app::App& app, Ui& ui, const std::string& about);

// The facts a report of a fault needs: version, fonts, screen, memory.
std::string system_summary(const Ui& ui, const app::App& app, const std::string& about);

}  // namespace ui
