#include "ui/panels/status_bar.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

// A text field of the bar: label drawn as is, with a tooltip; the popup of the same name opens on a click.
bool field(Ui& ui, const char* id, std::string_view shown, ImU32 color, const char* tip) {
  const float pad = ui.theme.px(8);
  const float width = text_width(ui, shown) + pad * 2;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool clicked = ImGui::InvisibleButton(id, {width, ImGui::GetTextLineHeight() + ui.theme.px(6)});
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 end = ImGui::GetItemRectMax();
  if (ImGui::IsItemHovered()) list.AddRectFilled(at, end, ui.theme.hovered, ui.theme.px(3));
  draw_text(ui, list, {at.x + pad, at.y + ui.theme.px(3)}, color, shown);
  ui.probe("status", shown, at, end);
  tooltip(ui, tip);
  ImGui::PushID(id);
  if (ImGui::BeginPopupContextItem("copy")) {
    if (menu_item(ui, "Copy")) ui.copy(shown);
    ImGui::EndPopup();
  }
  ImGui::PopID();
  ImGui::SameLine(0, ui.theme.px(2));
  return clicked;
}

std::string context_text(const app::StatusView& view) {
  return engine::format("context %s / %s", with_commas(uint64_t(view.context_used)).c_str(), with_commas(uint64_t(view.context_total)).c_str());
}

std::string badge_text(const app::StatusView& view) {
  if (view.remote.size() == 1) return "Asking " + view.remote[0];
  if (view.remote.size() > 1) return engine::format("Asking %zu servers", view.remote.size());
  return view.n_connections == 0 ? "Offline · 0 connections" : engine::format("%d connections", view.n_connections);
}

float context_width(const app::StatusView& view, const Ui& ui) { return ui.theme.px(64) + text_width(ui, context_text(view)) + ui.theme.px(18); }

// Tokens of the last prompt and answer against what the model holds.
void draw_context(const app::StatusView& view, Ui& ui) {
  if (view.context_total <= 0) return;
  const double share = double(view.context_used) / double(view.context_total);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ui.theme.px(64), height = ui.theme.px(6);
  const float y = at.y + (ImGui::GetTextLineHeight() + ui.theme.px(6) - height) / 2;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled({at.x, y}, {at.x + width, y + height}, ui.theme.border, height / 2);
  const ImU32 color = share > 0.95 ? ui.theme.bad : share > 0.8 ? ui.theme.warning : ui.theme.accent;
  const float filled = width * float(std::clamp(share, 0.0, 1.0));
  if (filled >= 1) list.AddRectFilled({at.x, y}, {at.x + std::max(filled, height), y + height}, color, height / 2);
  ui.probe("context_meter", engine::format("%.0f %%", share * 100), {at.x, y}, {at.x + width, y + height});
  ImGui::Dummy({width, ImGui::GetTextLineHeight() + ui.theme.px(6)});
  ImGui::SameLine(0, 0);
  field(ui, "context", context_text(view), ui.theme.dim, "Tokens used by the last prompt and answer, of those the model holds");
}

void draw_jobs(const app::StatusView& view, app::App& app, Ui& ui) {
  size_t n_running = 0;
  const app::JobView* first = nullptr;
  for (const app::JobView& job : view.jobs)
    if (job.running) {
      ++n_running;
      if (first == nullptr) first = &job;
    }
  std::string shown = "idle";
  if (first != nullptr) {
    shown = n_running > 1 ? engine::format("%zu jobs: ", n_running) : "";
    shown += first->title;
    if (!first->stage.empty()) shown += ", " + first->stage;
    if (first->fraction >= 0) shown += engine::format(" %.0f %%", first->fraction * 100);
    ui.animate(0.25);
  }
  if (field(ui, "jobs", fit_text(ui, shown, ui.theme.px(360)), first != nullptr ? ui.theme.accent : ui.theme.dim, "Jobs: click to list them"))
    ImGui::OpenPopup("jobs_list");
  if (!ImGui::BeginPopup("jobs_list")) return;
  if (view.jobs.empty()) ImGui::TextDisabled("no jobs yet");
  for (const app::JobView& job : view.jobs) {
    ImGui::PushID(int(job.id));
    if (job.running) {
      ImGui::BeginChild("job", {ui.theme.px(420), ImGui::GetFrameHeight() + ui.theme.px(4)}, false);
      if (draw_running(ui, "run", job.title + (job.stage.empty() ? "" : ": " + job.stage), job.count, job.fraction)) app.cancel_job(job.id);
      ImGui::EndChild();
    } else {
      const std::string end = !job.error.empty() ? "failed: " + job.error : job.cancelled ? "cancelled" : "done in " + seconds_text(job.seconds);
      const Span spans[] = {{job.title, ui.theme.text}, {"   "}, {end, job.error.empty() ? ui.theme.faint : ui.theme.bad}};
      rich_text(ui, "ended", spans, {.width = ui.theme.px(420)});
    }
    ImGui::PopID();
  }
  ImGui::EndPopup();
}

}  // namespace

float status_bar_height(const Ui& ui) { return ImGui::GetFontSize() + ui.theme.px(12); }

void draw(StatusBarPanel& panel, const app::StatusView& view, const app::ModelsView& models, app::App& app, Ui& ui) {
  // A job that failed is said once, wherever the user is.
  int64_t newest = panel.seen_failure;
  for (const app::JobView& job : view.jobs)
    if (!job.running && !job.error.empty() && job.id > panel.seen_failure) {
      ui.toast(job.title + ": " + job.error);
      newest = std::max(newest, job.id);
    }
  panel.seen_failure = newest;

  draw_jobs(view, app, ui);
  std::string model = view.model.empty() ? "no model" : view.model;
  if (!models.loading_path.empty()) model = "loading model " + models.loading_stage;
  if (!view.device.empty()) model += "  ·  " + view.device;
  if (field(ui, "model", fit_text(ui, model, ui.theme.px(380)), view.model.empty() ? ui.theme.faint : ui.theme.dim, "The model and where it runs"))
    ui.ask({Request::Kind::show_screen, {}, app::no_row, Screen::models});
  // From the right: offline badge, memory. They keep their place; where the window is too narrow for
  // all, the speed goes first, then the context.
  const bool quiet = view.n_connections == 0 && view.remote.empty();
  const std::string offline = badge_text(view);
  const std::string memory = view.free_memory_bytes > 0 ? bytes_text(view.free_memory_bytes) + " free" : "";
  const std::string speed = view.tokens_per_second > 0 ? engine::format("%.1f tok/s  ·  first %s", view.tokens_per_second, seconds_text(view.first_token_ms / 1000).c_str()) : "";
  const float pads = ui.theme.px(8) * 2;
  const float right = text_width(ui, offline) + pads + (memory.empty() ? 0 : text_width(ui, memory) + pads) + ui.theme.px(28);
  const float x = ImGui::GetWindowWidth() - right;
  if (ImGui::GetCursorPosX() + context_width(view, ui) < x) draw_context(view, ui);
  if (!speed.empty() && ImGui::GetCursorPosX() + text_width(ui, speed) + pads < x) field(ui, "speed", speed, ui.theme.dim, "Of the last answer");
  if (x > ImGui::GetCursorPosX()) ImGui::SetCursorPosX(x);
  if (!memory.empty()) field(ui, "memory", memory, ui.theme.dim, "Memory that is free now");
  const ImVec2 dot = ImGui::GetCursorScreenPos();
  ImGui::GetWindowDrawList()->AddCircleFilled({dot.x + ui.theme.px(4), dot.y + ui.theme.px(3) + ImGui::GetFontSize() / 2}, ui.theme.px(3.5f),
                                              quiet ? ui.theme.good : ui.theme.warning);
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() + ui.theme.px(6));
  if (field(ui, "offline", offline, quiet ? ui.theme.dim : ui.theme.warning,
            quiet ? "Sockets that this process holds to anywhere. Nothing is sent and nothing is fetched. Click: list them"
                  : "Something goes to a server that you have set up. Click: which, and over which sockets"))
    ImGui::OpenPopup("sockets");
  if (ImGui::BeginPopup("sockets")) {
    for (const std::string& name : view.remote) text(ui, name.c_str(), "The connection '" + name + "' is being asked: what the query needs leaves this machine.", ui.theme.warning, Face::regular, {.width = ui.theme.px(420)});
    heading(ui, "Internet sockets of this process", with_commas(view.connections.size()));
    std::string list;
    for (const std::string& line : view.connections) list += line + "\n";
    text(ui, "list", list.empty() ? "None: no TCP or UDP socket is open, listening or not." : list, ui.theme.text, Face::mono, {.width = ui.theme.px(420)});
    ImGui::EndPopup();
  }
}

}  // namespace ui
