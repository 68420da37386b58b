// tests/ui/support/headless.h: panels drawn without a window: ImGui with a font texture in memory,
// simulated mouse and keys, the drawn text and the places of what was drawn.
#pragma once
#include <functional>
#include <string>

#include "tests/ui/support/fake_app.h"
#include "ui/shell.h"

namespace ui_test {

class Headless {
 public:
  explicit Headless(float width = 1400, float height = 900);
  ~Headless();
  Headless(const Headless&) = delete;
  Headless& operator=(const Headless&) = delete;

  // Frames of draw alone in a window that fills the screen.
  void show(const std::function<void()>& draw, int n_frames = 3);
  // Frames of the whole shell.
  void show(ui::Shell& shell, int n_frames = 3);
  // The text of one more frame, a line for each piece: that of our widgets, buttons and menus.
  std::string text();
  bool shows(const std::string& part);

  const ui::Probe* find(const std::string& kind, const std::string& text_part = {}) const;
  bool click(const std::string& kind, const std::string& text_part = {}, int mouse_button = 0);
  bool hover(const std::string& kind, const std::string& text_part = {});
  void click_at(float x, float y, int mouse_button = 0);
  void drag(float x0, float y0, float x1, float y1);
  void wheel(float x, float y, float amount);
  void press(ui::Key key, unsigned mods = 0);
  void type(const std::string& text);
  size_t n_vertices() const { return n_vertices_; }

  ui::Fonts fonts;
  ui::Ui ui;
  std::string clipboard;

 private:
  void frame();
  void move(float x, float y);
  void button(int which, bool down);
  void key(ui::Key which, bool down);

  std::function<void()> draw_;
  ui::Ui* shown_ = nullptr;
  size_t n_vertices_ = 0;
};

}  // namespace ui_test
