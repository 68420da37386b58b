// ui/panels/sidebar.h: the sessions, by day, with search, pin, rename, delete and undo.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct SidebarPanel {
  std::string search;
  int64_t renaming = 0;         // session whose title is being edited
  std::string new_title;
  bool focus_rename = false, focus_search = false;
  bool show_archived = false;
  int64_t exporting = 0;        // the shell asks for the path
  int64_t tagging = 0;          // session whose tags are being edited
  std::string tags;
  bool focus_tags = false;
};
// today: midnight of the day shown as "Today".
void draw(SidebarPanel& panel, const app::SessionsView& view, const app::StatusView& status,
          app::App& app, Ui& ui, app::Ticks today);

}  // namespace ui
