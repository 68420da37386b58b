// The desktop program: command line, window, one loop.
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/app.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "ui/automation_log.h"
#include "ui/shell.h"
#include "ui/window.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string data_folder, screenshot, automation_log, screen, ask, theme;
  std::vector<std::string> paths;
  bool sample = false, safe_gpu = false, verbose = false, no_model = false;
  double screenshot_wait = 20, scale = 0;
  int width = 0, height = 0;
};

void add_options(CLI::App& cli, Arguments& arguments) {
  cli.add_option("PATH", arguments.paths, "Logs or configs to open: files, folders, .gz, .zst, .tar archives");
  cli.add_option("--data-folder", arguments.data_folder, "Where sessions are kept (default: your data folder)");
  cli.add_flag("--sample", arguments.sample, "Open the sample incident");
  cli.add_flag("--no-model", arguments.no_model, "Do not load a model at the start");
  cli.add_flag("--safe-gpu", arguments.safe_gpu, "Draw with the processor, where the graphics driver fails");
  cli.add_option("--screen", arguments.screen, "First screen: incident, logs, kql, configs, tasks, models, settings")
      ->check(CLI::IsMember({"incident", "logs", "kql", "configs", "tasks", "models", "settings"}));
  cli.add_option("--ask", arguments.ask, "Ask this question as soon as the log is read");
  cli.add_option("--theme", arguments.theme, "For this start: dark, light, high_contrast")
      ->check(CLI::IsMember({"dark", "light", "high_contrast"}));
  cli.add_option("--scale", arguments.scale, "UI scale for this start, 0.75 to 3")->check(CLI::Range(0.75, 3.0));
  cli.add_option("--width", arguments.width, "Window width in pixels")->check(CLI::Range(480, 16384));
  cli.add_option("--height", arguments.height, "Window height in pixels")->check(CLI::Range(320, 16384));
  cli.add_option("--screenshot", arguments.screenshot, "Save the window as a PNG once all work has ended, then quit");
  cli.add_option("--screenshot-wait", arguments.screenshot_wait, "Seconds to wait for that work at most (20)");
  cli.add_option("--automation-log", arguments.automation_log, "Write what the window shows as JSON lines: for tests and fault reports");
  cli.add_flag("--verbose", arguments.verbose, "Progress messages on standard error");
}

ui::Screen screen_from(const std::string& name) {
  const char* names[] = {"incident", "logs", "kql", "configs", "tasks", "models", "settings", "connections"};
  for (int i = 0; i < ui::n_screens; ++i)
    if (name == names[i]) return ui::Screen(i);
  return ui::Screen::incident;
}

bool busy(const app::App& app) {
  const auto status = app.status();  // a temporary would be gone before the loop's first round
  for (const app::JobView& job : status->jobs)
    if (job.running) return true;
  return false;
}

// The window's rest of the life: a frame a turn.
void run(ui::Window& window, app::App& app, const Arguments& arguments, Clock::time_point started) {
  ui::Fonts fonts(ui::find_font_files(app::find_assets_folder()));
  if (const std::string missing = ui::missing_text(fonts.files()); !missing.empty()) engine::log_warning("%s", missing.c_str());
  ui::Shell shell(app, fonts, {.about = "Sigma Desk " SIGMA_VERSION,
                             .wake = [&window] { window.wake(); },
                             .clock = {},
                             .theme = arguments.theme,
                             .ui_scale = float(arguments.scale)});
  std::unique_ptr<ui::AutomationLog> automation;
  if (!arguments.automation_log.empty()) {
    automation = std::make_unique<ui::AutomationLog>(arguments.automation_log, started);
    shell.ui.recording = true;
  }
  if (!arguments.screen.empty()) shell.screen = screen_from(arguments.screen);
  if (!arguments.paths.empty()) shell.drop_files(arguments.paths);

  std::string question = arguments.ask, title;
  uint64_t frame = 0, quiet_frames = 0;
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - started).count(); };
  while (!window.should_close() && !shell.wants_quit()) {
    shell.apply_look(window.content_scale());
    window.begin_frame(fonts, shell.font_pixels(window.content_scale()));
    if (const auto dropped = window.take_dropped(); !dropped.empty()) shell.drop_files(dropped);
    shell.draw();
    window.end_frame(shell.ui.theme.window, !arguments.screenshot.empty());
    ++frame;
    if (frame == 1) {
      engine::log_info("first frame after %.0f ms", seconds() * 1000);
      if (automation) automation->event("first_frame");
    }
    if (automation) automation->state(shell, frame);
    if (const std::string now = app.incident()->title; now != title) {
      title = now;
      window.set_title(title.empty() ? "Sigma Desk" : title + " – Sigma Desk");
    }
    const bool working = busy(app) || app.incident()->answering;
    quiet_frames = working ? 0 : quiet_frames + 1;
    if (!question.empty() && quiet_frames > 2) {
      app.ask(std::exchange(question, {}));
      quiet_frames = 0;
    }
    // Ten quiet frames: text that was new to the font texture is in it by then.
    if (!arguments.screenshot.empty() && (quiet_frames > 10 || seconds() > arguments.screenshot_wait)) {
      ui::save_png(arguments.screenshot, window.picture());
      return;
    }
    double wait = shell.ui.redraw_within;
    if (ImGui::GetIO().WantTextInput) wait = std::min(wait, 0.5);   // the caret blinks
    if (fonts.needs_build(fonts.size())) wait = 0;
    if (!arguments.screenshot.empty()) wait = std::min(wait, 0.05);
    window.wait(wait);
  }
  int width = 0, height = 0;
  window.size(&width, &height);
  app::Settings settings = app.settings();
  if (arguments.width == 0 && width > 0 && (width != settings.window_width || height != settings.window_height)) {
    settings.window_width = width;
    settings.window_height = height;
    app.change_settings(settings);
  }
  if (automation) automation->event("closed");
}

int start(const Arguments& arguments, Clock::time_point started) {
  if (arguments.safe_gpu) setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
  engine::set_log_verbose(arguments.verbose);
  ui::Window::Options options;
  if (arguments.width > 0) options.width = arguments.width;
  if (arguments.height > 0) options.height = arguments.height;
  // The window first: without one there is no reason to touch the data folder.
  ui::Window window(options);
  const auto ms = [&] { return std::chrono::duration<double, std::milli>(Clock::now() - started).count(); };
  engine::log_info("window after %.0f ms", ms());
  app::AppOptions app_options;
  app_options.data_folder = arguments.data_folder;
  app_options.load_model = !arguments.no_model;
  app_options.on_change = [&window] { window.wake(); };
  app_options.open_sample = arguments.paths.empty();
  app::App app(app_options);
  engine::log_info("data folder open after %.0f ms", ms());
  if (arguments.sample) app.open_sample();
  if (arguments.width == 0 && arguments.height == 0) window.set_size(app.settings().window_width, app.settings().window_height);
  run(window, app, arguments, started);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Clock::time_point started = Clock::now();
  Arguments arguments;
  CLI::App cli{"Sigma Desk: paste a log, read what broke, ask about it; offline.", "sigmadesk"};
  cli.set_version_flag("--version", "sigmadesk " SIGMA_VERSION);
  add_options(cli, arguments);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : 2;
  }
  try {
    return start(arguments, started);
  } catch (const engine::Error& error) {
    std::fprintf(stderr, "sigmadesk: %s\n", error.what());
    return error.kind() == engine::ErrorKind::internal ? 3 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sigmadesk: %s. This is a fault of the program.\n", error.what());
    return 3;
  }
}
