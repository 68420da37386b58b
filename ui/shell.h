// ui/shell.h: the window's content: sidebar, tabs, panels, status bar, toasts; carries out commands,
// links and requests. One object for the life of the window.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/panels/configs.h"
#include "ui/panels/connections.h"
#include "ui/panels/incident.h"
#include "ui/panels/kql.h"
#include "ui/panels/logs.h"
#include "ui/panels/models.h"
#include "ui/panels/palette.h"
#include "ui/panels/report.h"
#include "ui/panels/settings.h"
#include "ui/panels/sidebar.h"
#include "ui/panels/status_bar.h"
#include "ui/panels/tasks.h"
#include "ui/ui.h"

namespace ui {

struct ShellOptions {
  std::string about = "Sigma Desk";       // name and version, for Settings
  std::function<void()> wake;             // draws a frame soon; from any thread
  std::function<app::Ticks()> clock;      // now; empty: the system's
  std::string theme;                      // instead of the settings' theme, until it is changed
  float ui_scale = 0;                     // likewise; 0: the settings'
};

// Where what a link leads to stands.
Screen screen_of(const Link& link);

class Shell {
 public:
  Shell(app::App& app, Fonts& fonts, ShellOptions options);

  // The whole window. Between ImGui::NewFrame and ImGui::Render.
  void draw();

  // --- from the window system
  void drop_files(const std::vector<std::string>& paths);
  void paste_text(std::string text);      // as a log or a config, by what it looks like
  bool wants_quit() const { return quit_; }

  // Pixels on screen for a pixel of the design, and the text height; from the settings and the screen.
  float scale(float content_scale) const;
  float font_pixels(float content_scale) const;
  void apply_look(float content_scale);   // before NewFrame, when something of it changed

  app::App& app;
  Ui ui;
  Screen screen = Screen::incident;
  SidebarPanel sidebar;
  IncidentPanel incident;
  LogsPanel logs;
  KqlPanel kql;
  ConfigsPanel configs;
  TasksPanel tasks;
  ModelsPanel models;
  ConnectionsPanel connections;
  SettingsPanel settings;
  StatusBarPanel status_bar;
  PalettePanel palette;
  FileDialogPanel files;
  ReportPanel report;

 private:
  void take_keys();
  void take_commands();
  void take_requests();
  void draw_tabs();
  void draw_screen();
  void draw_opening();
  bool draw_none();
  void draw_toasts();
  void go(Place place, bool remember);
  void change_scale(float factor);
  void change_theme(const char* name);
  void ask_report_path();
  void show_source(uint32_t source);
  void show_link(const Link& link);                               // shell_links.cpp
  std::optional<std::string> about_link(const Link& link) const;  // shell_links.cpp
  std::optional<app::RowId> row_of_line(int64_t line) const;           // shell_links.cpp
  void draw_line_preview(app::RowId row);
  void ask_session_path(int64_t id);
  void take_own_keys();

  ShellOptions options_;
  RowCache preview_rows_;                 // of tooltips
  std::vector<Place> back_, forward_;
  Place place_;
  int64_t session_ = 0, last_session_ = 0;
  bool quit_ = false;
  float sidebar_width_ = 0;
  std::string own_keys_ = "-";            // the user's keys that the table holds
  std::string look_;                      // what apply_look last applied
};

}  // namespace ui
