// ui/panels/sidebar.h: the sessions, by day, with what runs or failed in each; search, pin, rename,
// tags, copies, archive, export, delete, each with undo where it changes something.
#pragma once
#include <set>
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
  std::set<int64_t> chosen;     // by Ctrl+click, for what is done to many at once
  bool export_many = false;     // the shell asks for the folder
};
// today: midnight of the day shown as "Today".
void draw(SidebarPanel& panel, const app::SessionsView& view, const app::StatusView& status,
          app::App& app, Ui& ui, app::Ticks today);

}  // namespace ui
