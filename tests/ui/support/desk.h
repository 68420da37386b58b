// tests/ui/support/desk.h: the whole window over a fake App, at a fixed time.
#pragma once
#include <memory>
#include <string>

#include "tests/ui/support/headless.h"
#include "ui/shell.h"

namespace ui_test {

constexpr app::Ticks desk_now = app::unix_epoch_ticks + 1'773'486'000LL * app::ticks_per_second;   // 2026-03-14 11:00

struct Desk {
  explicit Desk(ui::Screen screen, float width = 1400, float height = 900) : h(width, height), app({}) {
    shell = std::make_unique<ui::Shell>(app, h.fonts, ui::ShellOptions{.about = "test", .wake = {}, .clock = [] { return desk_now; }, .theme = "dark", .ui_scale = 1});
    shell->screen = screen;
  }
  void show(int frames = 3) { h.show(*shell, frames); }
  bool shows(const std::string& text) { return h.shows(text); }

  Headless h;
  app::App app;
  std::unique_ptr<ui::Shell> shell;
};

}  // namespace ui_test
