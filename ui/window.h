// ui/window.h: the window: GLFW, OpenGL 3 and ImGui's backends behind one class, sleeping when idle.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ui/fonts.h"

struct GLFWwindow;

namespace ui {

class Window {
 public:
  struct Options {
    std::string title = "Sigma Desk";
    int width = 1400, height = 900;
    bool hidden = false;
  };
  // Throws Error{unsupported}: there is no display, or no OpenGL 3; the message says what to do.
  explicit Window(const Options& options);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  float content_scale() const;       // of the screen; 1 for about 96 dots an inch
  bool should_close() const;
  void set_title(const std::string& title);
  void size(int* width, int* height) const;
  void set_size(int width, int height);   // no larger than the screen

  // Sleeps until there is input, a wake or the time is over; draws a few frames after each input.
  void wait(double at_most_seconds);
  void wake();                       // from any thread
  // Builds the font texture when it must be, then begins a frame / draws and shows it.
  void begin_frame(Fonts& fonts, float font_pixels);
  void end_frame(unsigned background, bool keep_picture = false);
  std::vector<std::string> take_dropped();

  struct Picture {
    int width = 0, height = 0;
    std::vector<unsigned char> rgb;  // rows from the top
  };
  const Picture& picture() const { return picture_; }  // of the last frame that kept it

 private:
  friend struct WindowCallbacks;
  GLFWwindow* window_ = nullptr;
  int frames_left_ = 3;
  double last_frame_ = 0;
  bool fonts_uploaded_ = false;
  std::atomic<bool> woken_{false};
  // Keys and characters in the order they came. ImGui before 1.87 sees only what is down when a frame
  // begins, so a key that was pressed and let go between two frames is spread over both.
  struct KeyEvent {
    int key, scancode, action, mods;
    unsigned character;            // not 0: a character, and the rest is unused
  };
  void feed_keys();
  std::vector<KeyEvent> keys_;
  std::vector<std::string> dropped_;
  Picture picture_;
};

// Throws Error{io}.
void save_png(const std::string& path, const Window::Picture& picture);

}  // namespace ui
