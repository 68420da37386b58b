#include "ui/window.h"

#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "engine/base/error.h"
#include "imgui.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace ui {
namespace {

std::string last_glfw_error;

void on_glfw_error(int, const char* text) { last_glfw_error = text; }

constexpr int frames_after_input = 3;      // hover and popups settle within these
constexpr double least_frame_seconds = 1 / 120.0;

[[noreturn]] void fail_display(const char* what) {
  const bool has_display = std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  const std::string cause = last_glfw_error.empty() ? "no cause given" : last_glfw_error;
  if (!has_display)
    engine::fail(engine::ErrorKind::unsupported,
                 "%s: no display (DISPLAY and WAYLAND_DISPLAY are not set). On a machine without a screen use "
                 "`sigmactl diagnose FILE`, which does the same in a terminal.",
                 what);
  engine::fail(engine::ErrorKind::unsupported,
               "%s: %s. Try `sigmadesk --safe-gpu` (draws with the processor), or `sigmactl diagnose FILE` in a terminal.", what,
               cause.c_str());
}

void fit_to_screen(int* width, int* height) {
  GLFWmonitor* monitor = glfwGetPrimaryMonitor();
  if (monitor == nullptr) return;
  int x = 0, y = 0, room_w = 0, room_h = 0;
  glfwGetMonitorWorkarea(monitor, &x, &y, &room_w, &room_h);
  if (room_w > 0 && room_h > 0) *width = std::min(*width, room_w), *height = std::min(*height, room_h);
}

}  // namespace

struct WindowCallbacks {
  static Window& of(GLFWwindow* window) { return *static_cast<Window*>(glfwGetWindowUserPointer(window)); }
  static void touched(GLFWwindow* window) { of(window).frames_left_ = frames_after_input; }

  static void install(GLFWwindow* window) {
    glfwSetKeyCallback(window, [](GLFWwindow* w, int key, int scancode, int action, int mods) {
      touched(w);
      of(w).keys_.push_back({key, scancode, action, mods, 0});
    });
    glfwSetCharCallback(window, [](GLFWwindow* w, unsigned character) {
      touched(w);
      of(w).keys_.push_back({0, 0, 0, 0, character});
    });
    glfwSetMouseButtonCallback(window, [](GLFWwindow* w, int button, int action, int mods) {
      touched(w);
      ImGui_ImplGlfw_MouseButtonCallback(w, button, action, mods);
    });
    glfwSetScrollCallback(window, [](GLFWwindow* w, double x, double y) {
      touched(w);
      ImGui_ImplGlfw_ScrollCallback(w, x, y);
    });
    glfwSetCursorPosCallback(window, [](GLFWwindow* w, [[maybe_unused]] double x, [[maybe_unused]] double y) {
      touched(w);
#if IMGUI_VERSION_NUM >= 18700
      ImGui_ImplGlfw_CursorPosCallback(w, x, y);
#endif
    });
    glfwSetCursorEnterCallback(window, [](GLFWwindow* w, int entered) {
      touched(w);
      ImGui_ImplGlfw_CursorEnterCallback(w, entered);
    });
    glfwSetWindowFocusCallback(window, [](GLFWwindow* w, int focused) {
      touched(w);
      ImGui_ImplGlfw_WindowFocusCallback(w, focused);
    });
    glfwSetFramebufferSizeCallback(window, [](GLFWwindow* w, int, int) { touched(w); });
    glfwSetWindowRefreshCallback(window, [](GLFWwindow* w) { touched(w); });
    glfwSetWindowCloseCallback(window, [](GLFWwindow* w) { touched(w); });
    glfwSetDropCallback(window, [](GLFWwindow* w, int n, const char** paths) {
      touched(w);
      for (int i = 0; i < n; ++i) of(w).dropped_.emplace_back(paths[i]);
    });
  }
};

Window::Window(const Options& options) {
  glfwSetErrorCallback(on_glfw_error);
  if (!glfwInit()) fail_display("cannot open a window");
  glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 0);
  glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
  glfwWindowHint(GLFW_VISIBLE, options.hidden ? GLFW_FALSE : GLFW_TRUE);
#ifdef GLFW_X11_CLASS_NAME
  glfwWindowHintString(GLFW_X11_CLASS_NAME, "sigmadesk");
  glfwWindowHintString(GLFW_X11_INSTANCE_NAME, "sigmadesk");
#endif
  int width = options.width, height = options.height;
  fit_to_screen(&width, &height);
  window_ = glfwCreateWindow(std::max(width, 320), std::max(height, 240), options.title.c_str(), nullptr, nullptr);
  if (window_ == nullptr) {
    const std::string cause = last_glfw_error;
    glfwTerminate();
    last_glfw_error = cause;
    fail_display("cannot use OpenGL 3");
  }
  glfwSetWindowSizeLimits(window_, 480, 320, GLFW_DONT_CARE, GLFW_DONT_CARE);
  glfwMakeContextCurrent(window_);
  glfwSwapInterval(1);
  glfwSetWindowUserPointer(window_, this);

  IMGUI_CHECKVERSION();
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;           // our settings keep what is worth keeping
  io.ConfigInputTextCursorBlink = true;
  io.ConfigWindowsMoveFromTitleBarOnly = true;
  ImGui_ImplGlfw_InitForOpenGL(window_, false);
  WindowCallbacks::install(window_);
  if (!ImGui_ImplOpenGL3_Init("#version 130")) {
    ImGui_ImplGlfw_Shutdown();
    ImGui::DestroyContext();
    glfwDestroyWindow(window_);
    glfwTerminate();
    fail_display("cannot use OpenGL 3");
  }
}

Window::~Window() {
  ImGui_ImplOpenGL3_Shutdown();
  ImGui_ImplGlfw_Shutdown();
  ImGui::DestroyContext();
  glfwDestroyWindow(window_);
  glfwTerminate();
}

float Window::content_scale() const {
  float x = 1, y = 1;
  glfwGetWindowContentScale(window_, &x, &y);
  return std::clamp(std::max(x, y), 0.5f, 4.f);
}

bool Window::should_close() const { return glfwWindowShouldClose(window_) != 0; }

void Window::set_title(const std::string& title) { glfwSetWindowTitle(window_, title.c_str()); }

void Window::size(int* width, int* height) const { glfwGetWindowSize(window_, width, height); }

void Window::set_size(int width, int height) {
  fit_to_screen(&width, &height);
  int old_width = 0, old_height = 0;
  glfwGetWindowSize(window_, &old_width, &old_height);
  if (width != old_width || height != old_height) glfwSetWindowSize(window_, std::max(width, 480), std::max(height, 320));
}

void Window::wake() {
  if (!woken_.exchange(true)) glfwPostEmptyEvent();
}

void Window::wait(double at_most_seconds) {
  if (frames_left_ > 0) {
    --frames_left_;
    glfwPollEvents();
  } else if (woken_) {
    glfwPollEvents();
  } else if (at_most_seconds > 3600) {
    glfwWaitEvents();
  } else {
    glfwWaitEventsTimeout(std::max(at_most_seconds, least_frame_seconds));
  }
  woken_ = false;
  // Without a screen's rhythm (software drawing, a hidden window) frames would follow at any speed.
  const double since = glfwGetTime() - last_frame_;
  if (since < least_frame_seconds)
    std::this_thread::sleep_for(std::chrono::duration<double>(least_frame_seconds - since));
  // Nothing to see: nothing to draw.
  while (glfwGetWindowAttrib(window_, GLFW_ICONIFIED) && !should_close()) glfwWaitEventsTimeout(1);
}

void Window::begin_frame(Fonts& fonts, float font_pixels) {
  last_frame_ = glfwGetTime();
  if (fonts.needs_build(font_pixels)) {
    fonts.build(font_pixels);
    fonts_uploaded_ = false;
  }
#if IMGUI_VERSION_NUM < 19200
  if (!fonts_uploaded_) {
    ImGui_ImplOpenGL3_DestroyFontsTexture();
    ImGui_ImplOpenGL3_CreateFontsTexture();
    fonts_uploaded_ = true;
  }
#endif
  feed_keys();
  ImGui_ImplOpenGL3_NewFrame();
  ImGui_ImplGlfw_NewFrame();
  ImGui::NewFrame();
}

void Window::feed_keys() {
  bool pressed = false;
  size_t n = 0;
  for (; n < keys_.size(); ++n) {
    const KeyEvent& event = keys_[n];
    if (event.character != 0) {
      ImGui_ImplGlfw_CharCallback(window_, event.character);
      continue;
    }
    // What was pressed for this frame is let go in the next.
    if (event.action == GLFW_RELEASE && pressed) break;
    pressed |= event.action == GLFW_PRESS;
    ImGui_ImplGlfw_KeyCallback(window_, event.key, event.scancode, event.action, event.mods);
  }
  keys_.erase(keys_.begin(), keys_.begin() + long(n));
  if (!keys_.empty()) frames_left_ = frames_after_input;
}

void Window::end_frame(unsigned background, bool keep_picture) {
  ImGui::Render();
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  glViewport(0, 0, width, height);
  const ImVec4 color = ImGui::ColorConvertU32ToFloat4(background);
  glClearColor(color.x, color.y, color.z, 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  if (keep_picture) {
    // From the back buffer: what the front one holds after a swap is up to the driver.
    const auto w = size_t(width), h = size_t(height);
    std::vector<unsigned char> bottom_up(w * h * 3);
    picture_ = {width, height, std::vector<unsigned char>(w * h * 3)};
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadPixels(0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE, bottom_up.data());
    for (size_t y = 0; y < h; ++y)
      std::copy_n(bottom_up.begin() + long((h - 1 - y) * w * 3), w * 3, picture_.rgb.begin() + long(y * w * 3));
  }
  glfwSwapBuffers(window_);
}

std::vector<std::string> Window::take_dropped() {
  std::vector<std::string> out;
  out.swap(dropped_);
  return out;
}

void save_png(const std::string& path, const Window::Picture& picture) {
  if (stbi_write_png(path.c_str(), picture.width, picture.height, 3, picture.rgb.data(), picture.width * 3) == 0)
    engine::fail(engine::ErrorKind::io, "%s: the screenshot cannot be written; choose another place", path.c_str());
}

}  // namespace ui
