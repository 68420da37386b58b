#include "ui/panels/report.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr const char* title = "Export a report";

void draw_choices(ReportPanel& panel, app::App& app, Ui& ui) {
  const auto format = [&](const char* name, const char* extension) {
    const bool chosen = panel.extension == extension;
    if (button(ui, (std::string(chosen ? "● " : "○ ") + name).c_str(), chosen ? ButtonKind::normal : ButtonKind::quiet) && !chosen) {
      panel.extension = extension;
      app.prepare_report(panel.extension, panel.mask_secrets);
    }
    ImGui::SameLine();
  };
  format("Markdown", ".md");
  format("HTML", ".html");
  format("JSON", ".json");
  if (ImGui::Checkbox("Mask secrets", &panel.mask_secrets)) app.prepare_report(panel.extension, panel.mask_secrets);
  ui.note_drawn("Mask secrets");
  ui.probe("mask_secrets", panel.mask_secrets ? "on" : "off", ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
}

void draw_secrets(const ReportPanel& panel, const app::ReportPreview& preview, Ui& ui) {
  if (preview.masked.empty()) {
    text(ui, "no_secrets", "No secrets found: passwords, tokens, keys, credentials in addresses", ui.theme.dim);
    return;
  }
  const std::string what = engine::format("%zu %s %s", preview.masked.size(), preview.masked.size() == 1 ? "secret" : "secrets",
                                          panel.mask_secrets ? "masked; the same one always by the same name" : "will be in the report as they are");
  draw_notice(ui, "secrets", what, panel.mask_secrets ? ui.theme.good : ui.theme.bad);
  constexpr size_t most_shown = 4;
  for (size_t i = 0; i < std::min(preview.masked.size(), most_shown); ++i) {
    ImGui::PushID(int(i));
    text(ui, "masked", preview.masked[i], ui.theme.dim);
    ImGui::PopID();
  }
  if (preview.masked.size() > most_shown) text(ui, "more", engine::format("and %zu more", preview.masked.size() - most_shown), ui.theme.faint);
}

// Lines are drawn as far as they show: a report has thousands.
void draw_text_preview(const app::ReportPreview& preview, Ui& ui) {
  ImGui::BeginChild("preview", {0, -ImGui::GetFrameHeightWithSpacing()}, true);
  constexpr size_t most_bytes = 24'000;
  const std::string_view all = preview.text;
  size_t end = all.size();
  if (end > most_bytes) end = std::min(all.rfind('\n', most_bytes), most_bytes);
  text(ui, "text", all.substr(0, end), ui.theme.text, Face::mono, {.width = ImGui::GetContentRegionAvail().x - ui.theme.px(6)});
  if (end < preview.n_bytes)
    text(ui, "rest", engine::format("… the rest of %s is written too", bytes_text(preview.n_bytes).c_str()), ui.theme.faint);
  ImGui::EndChild();
}

}  // namespace

void open_report(ReportPanel& panel, app::App& app) {
  panel.open = true;
  panel.mask_secrets = app.settings().mask_secrets;
  app.prepare_report(panel.extension, panel.mask_secrets);
}

void draw(ReportPanel& panel, const app::ReportPreview& preview, app::App& app, Ui& ui) {
  if (!panel.open) return;
  if (!ImGui::IsPopupOpen(title)) ImGui::OpenPopup(title);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowSize({std::min(screen.x * 0.9f, ui.theme.px(860)), screen.y * 0.85f});
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  bool open = true;
  if (!ImGui::BeginPopupModal(title, &open, ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings)) {
    panel.open = false;
    return;
  }
  draw_choices(panel, app, ui);
  const bool ready = preview.extension == panel.extension && preview.mask_secrets == panel.mask_secrets;
  if (!ready) {
    draw_running(ui, "preparing", "Putting the report together", "", -1, false);
    ImGui::BeginChild("waiting", {0, -ImGui::GetFrameHeightWithSpacing()}, false);
    ImGui::EndChild();
  } else if (!preview.error.empty()) {
    draw_notice(ui, "error", preview.error, ui.theme.bad);
    ImGui::BeginChild("failed", {0, -ImGui::GetFrameHeightWithSpacing()}, false);
    ImGui::EndChild();
  } else {
    draw_secrets(panel, preview, ui);
    draw_text_preview(preview, ui);
  }
  if (button(ui, "Write it…", ButtonKind::primary, "Choose the file's name", Command::none, ready && preview.error.empty() ? nullptr : "The report is not ready")) {
    panel.write = true;
    open = false;
  }
  ImGui::SameLine();
  if (button(ui, "Copy", ButtonKind::normal, "The text that is shown above", Command::none, ready && preview.n_bytes == preview.text.size() ? nullptr : "Too long for the clipboard: write it")) {
    ui.copy(preview.text);
    ui.toast("Copied the report");
  }
  ImGui::SameLine();
  if (button(ui, "Close") || ui.take(Command::stop)) open = false;
  if (!open) {
    panel.open = false;
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

}  // namespace ui
