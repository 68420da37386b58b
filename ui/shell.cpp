#include "ui/shell.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "app/configs/review.h"
#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// All screens, in the order of the tabs. A new panel is one line here.
struct PanelEntry {
  Screen screen;
  const char* name;
  Command command;
  void (*draw)(Shell& shell);
};
const PanelEntry panels[] = {
    {Screen::incident, "Incident", Command::show_incident,
     [](Shell& s) { draw(s.incident, *s.app.incident(), *s.app.status(), *s.app.models(), s.app, s.ui); }},
    {Screen::logs, "Logs", Command::show_logs,
     [](Shell& s) { draw(s.logs, *s.app.logs(), *s.app.incident(), *s.app.status(), s.app, s.ui); }},
    {Screen::kql, "KQL", Command::show_kql, [](Shell& s) { draw(s.kql, *s.app.kql(), *s.app.query_help(), s.app, s.ui); }},
    {Screen::configs, "Configs", Command::show_configs,
     [](Shell& s) { draw(s.configs, *s.app.configs(), *s.app.status(), s.app, s.ui); }},
    {Screen::tasks, "Tasks", Command::show_tasks,
     [](Shell& s) { draw(s.tasks, *s.app.tasks(), *s.app.status(), s.app, s.ui); }},
    {Screen::models, "Models", Command::show_models, [](Shell& s) { draw(s.models, *s.app.models(), s.app, s.ui); }},
    {Screen::connections, "Connections", Command::show_connections, [](Shell& s) { draw(s.connections, *s.app.connections(), s.app, s.ui); }},
    {Screen::settings, "Settings", Command::show_settings, nullptr},   // needs the shell's own texts
};

app::Ticks system_now() {
  using namespace std::chrono;
  const auto since_epoch = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  return app::unix_epoch_ticks + since_epoch / 100;
}

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

Where where_of(Screen screen) {
  switch (screen) {
    case Screen::incident: return Where::incident;
    case Screen::logs: return Where::logs;
    case Screen::kql: return Where::kql;
    case Screen::configs: return Where::configs;
    default: return Where::app;
  }
}

}  // namespace

Shell::Shell(app::App& shared_app, Fonts& fonts, ShellOptions options)
    : app(shared_app), ui(fonts), logs(options.wake), options_(std::move(options)), preview_rows_(options_.wake) {
  if (!options_.clock) options_.clock = system_now;
  ui.line_preview = [this](app::RowId row) { draw_line_preview(row); };
  ui.about_link = [this](const Link& link) { return about_link(link); };
  sidebar_width_ = app.settings().sidebar_width;
  logs.list.wrap = app.settings().wrap_lines;
}

float Shell::scale(float content_scale) const {
  const float wanted = options_.ui_scale > 0 ? options_.ui_scale : app.settings().ui_scale;
  return std::clamp(wanted, 0.75f, 3.f) * std::max(content_scale, 0.5f);
}

float Shell::font_pixels(float content_scale) const {
  return std::round(std::clamp(app.settings().font_size, 9.f, 32.f) * scale(content_scale));
}

void Shell::apply_look(float content_scale) {
  const app::Settings& s = app.settings();
  const std::string& theme = options_.theme.empty() ? s.theme : options_.theme;
  const std::string look = theme + engine::format(" %.3f", double(scale(content_scale)));
  ui.reduce_motion = s.reduce_motion;
  ui.compact_rows = s.compact_rows;
  if (look == look_) return;
  look_ = look;
  ui.theme = make_theme(theme_from_name(theme), scale(content_scale));
  apply(ui.theme);
  logs.list.heights.clear();
  incident.heights.clear();
}

void Shell::drop_files(const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  // What the user looks at says what dropped files are; elsewhere their names do.
  const bool all_configs = std::all_of(paths.begin(), paths.end(), [](const std::string& path) {
    return !app::configs::detect_kind(path.substr(path.rfind('/') + 1), "").empty();
  });
  if (screen == Screen::models && paths.size() == 1) {
    app.add_model_file(paths.front());
    ui.toast("Adding " + paths.front());
  } else if (screen == Screen::configs || all_configs) {
    app.review_config_paths(paths);
    go({Screen::configs}, true);
  } else {
    app.ingest_paths(paths);
    ui.toast(paths.size() == 1 ? "Reading " + paths.front() : engine::format("Reading %zu files", paths.size()));
  }
}

void Shell::paste_text(std::string text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    ui.toast("The clipboard holds no text");
    return;
  }
  const std::string time = short_time_text(options_.clock()).substr(0, 5);
  if (screen == Screen::configs || !app::configs::detect_kind("", text).empty()) {
    app.review_config_text("pasted " + time, text);
    configs.chosen = 0;
    go({Screen::configs}, true);
    return;
  }
  ui.toast(engine::format("Reading a pasted log of %s", bytes_text(text.size()).c_str()));
  app.ingest_text("pasted " + time, std::move(text));
}

void Shell::go(Place place, bool remember) {
  if (remember && !(place == place_)) {
    back_.push_back(place_);
    if (back_.size() > 200) back_.erase(back_.begin());
    forward_.clear();
  }
  place_ = place;
  screen = place.screen;
  if (place.row != app::no_row) show_row(logs, place.row, app, ui);
  if (place.link) show_link(*place.link);
}

// The first row of a log, which may not be its first line.
void Shell::show_source(uint32_t source) {
  const auto log = app.incident()->log;
  constexpr uint64_t most_lines = 64;
  for (uint64_t line = 1; line <= most_lines; ++line)
    if (const auto row = log->find_line(source, line)) return go({Screen::logs, *row}, true);
  go({Screen::logs}, true);
}

// A line and those around it, for tooltips.
void Shell::draw_line_preview(app::RowId row) {
  static const auto no_rows = std::make_shared<const std::vector<app::RowId>>();
  const auto incident_view = app.incident();
  // No rows are listed: nothing is counted, only what is asked for is read.
  preview_rows_.show(incident_view->session, incident_view->log, no_rows);
  constexpr app::RowId around = 2;
  const app::RowId first = row > around ? row - around : 0;
  const app::RowId end = std::min<app::RowId>(row + around + 1, incident_view->log->n_rows());
  const WithFace mono(ui, Face::mono);
  for (app::RowId at = first; at < end; ++at) {
    const auto read = preview_rows_.row(at);
    const std::string number = read ? engine::format("%6llu  ", static_cast<unsigned long long>(read->line)) : "        ";
    const std::string shown = number + (read ? std::string(read->raw.substr(0, std::min<size_t>(read->raw.find('\n'), 300))) : "…");
    ui.fonts.note_text(shown);
    ui.note_drawn(shown);
    ImGui::PushStyleColor(ImGuiCol_Text, at == row ? ui.theme.text : ui.theme.faint);
    ImGui::TextUnformatted(shown.c_str(), shown.c_str() + shown.size());
    ImGui::PopStyleColor();
  }
}

void Shell::change_scale(float factor) {
  options_.ui_scale = 0;
  app::Settings s = app.settings();
  s.ui_scale = factor == 0 ? 1.f : std::clamp(std::round(s.ui_scale * factor * 20) / 20, 0.75f, 3.f);
  if (factor > 1 && s.ui_scale <= app.settings().ui_scale) s.ui_scale = std::min(3.f, app.settings().ui_scale + 0.05f);
  if (factor != 0 && factor < 1 && s.ui_scale >= app.settings().ui_scale) s.ui_scale = std::max(0.75f, app.settings().ui_scale - 0.05f);
  app.change_settings(s);
  ui.toast(engine::format("UI scale %.0f %%", double(s.ui_scale * 100)));
}

void Shell::change_theme(const char* name) {
  options_.theme.clear();
  const app::Settings before = app.settings();
  app::Settings s = before;
  s.theme = name;
  app.change_settings(s);
  ui.toast("Theme changed", [this, before] { app.change_settings(before); }, [this, s] { app.change_settings(s); });
}

void Shell::ask_report_path() {
  std::string name = app.incident()->title.empty() ? "report" : app.incident()->title;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
  const bool mask = report.mask_secrets;
  open_dialog(files, "Write the report (.md, .html or .json)", true, name + report.extension, [this, mask](const std::string& path) {
    app.export_report(path, mask);
    ui.toast("Writing " + path + (mask ? " with secrets masked" : " with its secrets"));
  });
}

void Shell::ask_session_path(int64_t id) {
  std::string name = "session";
  const auto sessions = app.sessions();
  for (const app::SessionInfo& session : sessions->sessions)
    if (session.id == id) name = session.title;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
  open_dialog(files, "Export the session, its log included, as one file", true, name + ".sigma", [this, id](const std::string& path) {
    app.export_session(id, path);
    ui.toast("Writing " + path);
  });
}

void Shell::take_own_keys() {
  if (own_keys_ == app.settings().keys) return;
  own_keys_ = app.settings().keys;
  for (const std::string& note : set_own_keys(own_keys_)) ui.toast(note);
}

void Shell::take_keys() {
  take_own_keys();
  if (settings.learning != Command::none) return;   // the next keys are being chosen
  const bool typing = ImGui::GetIO().WantTextInput;
  if (const auto command = pressed_command(ui.list_focus, typing)) ui.give(*command);
}

void Shell::take_commands() {
  for (const PanelEntry& panel : panels)
    if (ui.take(panel.command)) go({panel.screen}, true);
  const auto reach = [&](Screen where) {
    if (screen != where) go({where}, true);
  };
  switch (ui.command()) {
    case Command::find: case Command::find_next: case Command::go_to_line: reach(Screen::logs); break;
    case Command::compare_parts: case Command::teach_format: reach(Screen::logs); break;
    case Command::run_query: case Command::new_tab: case Command::format_query: case Command::quick_fix: reach(Screen::kql); break;
    case Command::show_last_result:
      // From elsewhere the key leads to the result; there it makes it larger.
      if (screen != Screen::kql) {
        ui.take(Command::show_last_result);
        kql.result_only = app.kql()->result != nullptr;
        if (!kql.result_only) ui.toast("No result to show: F5 runs the query");
        reach(Screen::kql);
      }
      break;
    case Command::preview_prompt: case Command::regenerate: reach(Screen::incident); break;
    default: break;
  }
  if (ui.take(Command::palette)) palette.open = true;
  if (ui.take(Command::search_all)) palette.open = true;
  if (ui.take(Command::show_keys)) palette.keys_open = true;
  if (ui.take(Command::quit)) quit_ = true;
  if (ui.take(Command::new_session)) {
    app.new_session();
    go({Screen::incident}, true);
  }
  if (ui.take(Command::close_session)) {
    const int64_t id = app.incident()->session;
    app.archive_session(id, true);
    app.new_session();
    ui.toast("Session archived", [this, id] {
      app.archive_session(id, false);
      app.open_session(id);
    }, [this, id] { app.archive_session(id, true); });
  }
  if (ui.take(Command::last_session) && last_session_ != 0) app.open_session(last_session_);
  if (ui.take(Command::open_sample)) app.open_sample();
  if (ui.take(Command::toggle_sidebar)) {
    app::Settings s = app.settings();
    s.sidebar_open = !s.sidebar_open;
    app.change_settings(s);
  }
  if (ui.take(Command::paste)) {
    const char* text = ImGui::GetClipboardText();
    paste_text(text == nullptr ? "" : text);
  }
  if (ui.take(Command::open_files))
    open_dialog(files, "Open files", false, "", [this](const std::string& path) { drop_files({path}); });
  if (ui.take(Command::export_report)) open_report(report, app);
  if (ui.take(Command::export_session)) ask_session_path(app.incident()->session);
  if (ui.take(Command::import_session))
    open_dialog(files, "Open a session that was exported", false, "", [this](const std::string& path) { app.import_session(path); });
  if (ui.take(Command::fork_session)) app.duplicate_session(app.incident()->session);
  if (ui.take(Command::undo)) ui.undo();
  if (ui.take(Command::redo)) ui.redo();
  if (ui.take(Command::larger)) change_scale(1.1f);
  if (ui.take(Command::smaller)) change_scale(1 / 1.1f);
  if (ui.take(Command::normal_size)) change_scale(0);
  if (ui.take(Command::theme_dark)) change_theme("dark");
  if (ui.take(Command::theme_light)) change_theme("light");
  if (ui.take(Command::theme_contrast)) change_theme("high_contrast");
  if (ui.take(Command::unload_model)) app.unload_model();
  if (ui.take(Command::load_model)) {
    const auto view = app.models();
    if (view->models.empty()) go({Screen::models}, true);
    else app.load_model(view->models.front().path);
  }
  if (ui.take(Command::back) && !back_.empty()) {
    const Place place = back_.back();
    back_.pop_back();
    forward_.push_back(place_);
    go(place, false);
  }
  if (ui.take(Command::forward) && !forward_.empty()) {
    const Place place = forward_.back();
    forward_.pop_back();
    back_.push_back(place_);
    go(place, false);
  }
}

void Shell::take_requests() {
  std::vector<Request> requests;
  requests.swap(ui.requests);
  for (const Request& request : requests) {
    switch (request.kind) {
      case Request::Kind::jump: go({Screen::logs, request.row}, true); break;
      case Request::Kind::show_screen: go({request.screen}, true); break;
      case Request::Kind::save: {
        const auto make = request.make;
        open_dialog(files, "Save as", true, request.text, [this, make](const std::string& path) {
          app.save_file(path, make);
          ui.toast("Writing " + path);
        });
        break;
      }
      case Request::Kind::query:
        set_text(kql.editor(), request.text);
        kql.result_only = false;
        go({Screen::kql}, true);
        break;
      case Request::Kind::add_to_query: {
        const std::string before = kql.editor().text;
        const bool empty = before.find_first_not_of(" \t\r\n") == std::string::npos;
        set_text(kql.editor(), (empty ? std::string("Logs") : before.substr(0, before.find_last_not_of(" \t\r\n;") + 1)) + "\n| where " + request.text);
        ui.toast("Added to the query (" + keys_text(Command::show_kql) + ")", [this, before] { set_text(kql.editor(), before); });
        break;
      }
      case Request::Kind::follow:
        if (request.link.kind != Link::Kind::line) go({screen_of(request.link), app::no_row, request.link}, true);
        else if (const auto row = row_of_line(request.link.id)) go({Screen::logs, *row, {}}, true);
        break;
      case Request::Kind::show_source: show_source(uint32_t(std::atoll(request.text.c_str()))); break;
      case Request::Kind::open_files: ui.give(Command::open_files); break;
      case Request::Kind::ask:
        add_to_question(incident, request.text);
        go({Screen::incident}, true);
        break;
      case Request::Kind::add_evidence:
        add_to_question(incident, engine::format("> row %llu: ", static_cast<unsigned long long>(request.row)) +
                                      first_line_of(request.text).substr(0, 400) + "\n");
        ui.toast("The line was put into the question: it is shown to the model as evidence");
        break;
      case Request::Kind::filter_in:
      case Request::Kind::filter_out: {
        app::FilterChip chip;
        chip.value = first_line_of(request.text);
        chip.exclude = request.kind == Request::Kind::filter_out;
        add_chip(*app.logs(), chip, app);
        go({Screen::logs}, true);
        break;
      }
    }
  }
  if (!incident.pasted.empty()) {
    std::string text;
    text.swap(incident.pasted);
    paste_text(std::move(text));
  }
  if (tasks.browse != 0) {
    std::string* target = tasks.browse == 1 ? &tasks.data_path : &tasks.predictions_path;
    tasks.browse = 0;
    open_dialog(files, "Choose a file", false, "", [target](const std::string& path) { *target = path; });
  }
  if (report.write) {
    report.write = false;
    ask_report_path();
  }
  if (sidebar.export_many) {
    sidebar.export_many = false;
    open_dialog(files, "Choose a folder; each session becomes a file in it", true, "sigma-sessions", [this](const std::string& path) {
      app.export_sessions({sidebar.chosen.begin(), sidebar.chosen.end()}, path);
      ui.toast(engine::format("Writing %zu sessions to %s", sidebar.chosen.size(), path.c_str()));
      sidebar.chosen.clear();
    });
  }
  if (sidebar.exporting != 0) {
    ask_session_path(sidebar.exporting);
    sidebar.exporting = 0;
  }
  if (models.browse) {
    models.browse = false;
    open_dialog(files, "Add a model file", false, "", [this](const std::string& path) { app.add_model_file(path); });
  }
}

void Shell::draw_tabs() {
  const float height = ImGui::GetFrameHeight() + ui.theme.px(4);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const auto tab = [&](const char* name, bool chosen, Command command) {
    const float width = text_width(ui, name) + ui.theme.px(26);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::PushID(name);
    const bool clicked = ImGui::InvisibleButton("tab", {width, height});
    const bool hovered = ImGui::IsItemHovered();
    tooltip(ui, "", command);
    ImGui::PopID();
    const ImVec2 end{at.x + width, at.y + height};
    if (hovered) list.AddRectFilled(at, end, ui.theme.hovered, ui.theme.px(4));
    if (chosen) list.AddRectFilled({at.x + ui.theme.px(6), end.y - ui.theme.px(3)}, {end.x - ui.theme.px(6), end.y}, ui.theme.accent, ui.theme.px(2));
    draw_text(ui, list, {at.x + ui.theme.px(13), at.y + (height - ImGui::GetFontSize()) / 2}, chosen ? ui.theme.text : ui.theme.dim, name);
    ui.probe("tab", name, at, end);
    ImGui::SameLine(0, ui.theme.px(2));
    return clicked;
  };
  if (tab("☰", app.settings().sidebar_open, Command::toggle_sidebar)) ui.give(Command::toggle_sidebar);
  for (const PanelEntry& panel : panels)
    if (tab(panel.name, screen == panel.screen, panel.command)) go({panel.screen}, true);
  const float right = button_width("Paste a log") + button_width("Open files") + button_width("Commands") + ui.theme.px(36);
  const float x = ImGui::GetWindowWidth() - right;
  if (x > ImGui::GetCursorPosX()) {
    ImGui::SetCursorPosX(x);
    ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(2));
    if (button(ui, "Commands", ButtonKind::quiet, "Every command by its name", Command::palette)) ui.give(Command::palette);
    ImGui::SameLine();
    if (button(ui, "Open files", ButtonKind::normal, "Files or folders; dropping them on the window works too", Command::open_files)) ui.give(Command::open_files);
    ImGui::SameLine();
    if (button(ui, "Paste a log", ButtonKind::normal, "The clipboard as a log or a config", Command::paste)) ui.give(Command::paste);
  } else {
    ImGui::NewLine();
  }
}

// A session that takes its time to open stands above the screen, with how far it is.
void Shell::draw_opening() {
  const int64_t opening = app.sessions()->opening;
  if (opening == 0) return;
  constexpr double soon = 0.15;   // seconds; most are there before, and nothing should flicker
  const auto status = app.status();
  for (const app::JobView& job : status->jobs) {
    if (!job.running || job.kind != "open" || job.session != opening) continue;
    ui.animate(0.1);
    if (job.seconds > soon && draw_running(ui, "opening", job.title + (job.stage.empty() ? "" : ": " + job.stage), job.count, job.fraction)) app.cancel_job(job.id);
  }
}

// Nothing is open: the first session is still being read, or that was stopped. True where that is shown.
bool Shell::draw_none() {
  const bool of_session = screen == Screen::incident || screen == Screen::logs || screen == Screen::kql || screen == Screen::configs;
  const auto sessions = app.sessions();
  if (!of_session || sessions->current != 0 || app.incident()->session != 0) return false;
  if (sessions->opening != 0) return true;   // its progress stands above
  if (sessions->sessions.empty()) return false;
  const int clicked = draw_empty(ui, "no_session", {"No session is open", "Choose one in the list, or begin a new one: paste a log, open files.", {"New session", "Open files", "Open the sample"}});
  if (clicked == 0) ui.give(Command::new_session);
  if (clicked == 1) ui.give(Command::open_files);
  if (clicked == 2) app.open_sample();
  return true;
}

void Shell::draw_screen() {
  draw_opening();
  if (draw_none()) return;
  for (const PanelEntry& panel : panels) {
    if (panel.screen != screen) continue;
    ImGui::PushID(panel.name);
    if (panel.draw != nullptr) panel.draw(*this);
    else ui::draw(settings, app, ui, options_.about);
    ImGui::PopID();
  }
}

void Shell::draw_toasts() {
  const ImVec2 display = ImGui::GetIO().DisplaySize;
  float y = display.y - status_bar_height(ui) - ui.theme.px(14);
  uint64_t undo = 0;
  for (size_t i = ui.toasts.size(); i-- > 0;) {
    const Toast& toast = ui.toasts[i];
    ImGui::SetNextWindowPos({display.x - ui.theme.px(16), y}, ImGuiCond_Always, {1, 1});
    ImGui::SetNextWindowSizeConstraints({ui.theme.px(160), 0}, {std::min(display.x * 0.8f, ui.theme.px(560)), display.y});
    ImGui::PushStyleColor(ImGuiCol_WindowBg, ui.theme.raised);
    ImGui::PushStyleColor(ImGuiCol_Border, ui.theme.border_strong);
    constexpr ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoSavedSettings |
                                       ImGuiWindowFlags_NoFocusOnAppearing | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoMove;
    if (ImGui::Begin(engine::format("##toast%zu", i).c_str(), nullptr, flags)) {
      const float width = std::min(text_width(ui, toast.text) + 2, ui.theme.px(420));
      text(ui, "text", toast.text, ui.theme.text, Face::regular, {.width = width, .probe = "toast"});
      if (toast.undo) {
        ImGui::SameLine();
        if (button(ui, "Undo", ButtonKind::normal, nullptr, Command::undo)) {
          undo = toast.step;
          ui.toasts[i].until = 0;
        }
      }
      y -= ImGui::GetWindowHeight() + ui.theme.px(8);
    }
    ImGui::End();
    ImGui::PopStyleColor(2);
  }
  if (undo != 0) ui.undo_step(undo);
}

void Shell::draw() {
  ui.begin_frame();
  app.finish_jobs();
  // Focus of the last frame decides which single-letter keys act.
  ui.list_focus = Where::app;
  const int64_t now_open = app.incident()->session;
  if (now_open != session_) {
    last_session_ = session_;
    session_ = now_open;
    back_.clear();
    forward_.clear();
  }
  follow_session(logs, *app.logs(), now_open, app, ui);
  // A list on the current screen has the keyboard unless a field or a popup took it.
  if (!ImGui::GetIO().WantTextInput && !ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel))
    ui.list_focus = where_of(screen);
  take_keys();
  take_commands();

  const ImVec2 display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(display);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 0.f);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0.f);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ui.theme.px(6), ui.theme.px(4)});
  constexpr ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoBringToFrontOnFocus |
                                     ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoScrollWithMouse;
  ImGui::Begin("Sigma Desk", nullptr, flags);
  ImGui::PopStyleVar(3);
  draw_tabs();

  const float bar = status_bar_height(ui);
  const float body = std::max(ImGui::GetContentRegionAvail().y - bar, ui.theme.px(60));
  const bool with_sidebar = app.settings().sidebar_open && display.x > ui.theme.px(700);
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  ImGui::BeginChild("body", {0, body}, false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  if (with_sidebar) {
    {
      const Pane pane(ui, "sidebar", {ui.theme.px(sidebar_width_), 0});
      ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
      constexpr app::Ticks day = 86400 * app::ticks_per_second;
      ui::draw(sidebar, *app.sessions(), *app.status(), app, ui, options_.clock() / day * day);
      ImGui::PopStyleVar();
    }
    ImGui::SameLine();
    const float before = sidebar_width_;
    splitter(ui, "split_sidebar", true, &sidebar_width_, 180, 480);
    if (before == sidebar_width_ && !ImGui::IsMouseDown(0) && sidebar_width_ != app.settings().sidebar_width) {
      app::Settings s = app.settings();
      s.sidebar_width = sidebar_width_;
      app.change_settings(s);
    }
    ImGui::SameLine();
  }
  ImGui::BeginChild("screen", {0, 0}, false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {ui.theme.px(8), ui.theme.px(6)});
  draw_screen();
  ImGui::PopStyleVar();
  ImGui::EndChild();
  ImGui::EndChild();
  ImGui::PopStyleVar();
  ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(3));
  ui::draw(status_bar, *app.status(), *app.models(), app, ui);
  ImGui::NewLine();
  ui::draw(palette, *app.sessions(), app, ui);
  ui::draw(report, *app.report(), app, ui);
  ui::draw(files, ui);
  ImGui::End();
  draw_toasts();
  // Text that is selected in any block; lists and grids have taken the command before.
  if (!ui.selection.text.empty() && ui.take(Command::copy_selection)) {
    ui.copy(ui.selection.text);
    ui.toast("Copied the selected text");
  }
  // Esc that nobody took stops the answer from any screen.
  if (ui.take(Command::stop) && app.incident()->answering) app.stop_answer();
  take_requests();
}

}  // namespace ui
