#include "ui/panels/gpu.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 3> choices = {
    {{"auto", "GPU where it serves"}, {"off", "CPU alone"}, {"require", "GPU required"}}};

void choose_mode(app::App& app, Ui& ui) {
  const app::Settings before = app.settings();
  const char* shown = before.gpu.c_str();
  for (const auto& [key, title] : choices)
    if (before.gpu == key) shown = title;
  ImGui::SetNextItemWidth(ui.theme.px(190));
  if (!ImGui::BeginCombo("##gpu", shown)) return;
  for (const auto& [key, title] : choices) {
    if (!ImGui::Selectable(title, before.gpu == key) || before.gpu == key) continue;
    app::Settings changed = before;
    changed.gpu = key;
    app.change_settings(changed);
    ui.toast(std::string(title) + " from the next load on", [&app, before] { app.change_settings(before); },
             [&app, changed] { app.change_settings(changed); });
  }
  ImGui::EndCombo();
}

}  // namespace

void draw_gpu(const app::ModelsView& view, app::App& app, Ui& ui) {
  choose_mode(app, ui);
  tooltip(ui, "Where models run. Where the GPU fails in the middle of an answer, the CPU goes on with it, unless the GPU is required.");
  ImGui::SameLine();
  ImGui::BeginGroup();
  const float width = ImGui::GetContentRegionAvail().x;
  if (view.gpu.empty()) {
    ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ui.theme.px(3));  // beside the choice's text
    text(ui, "gpu", "No GPU is used: " + view.no_gpu, ui.theme.dim, Face::regular, {.width = width, .probe = "gpu"});
  } else {
    const uint64_t used = view.gpu_bytes - std::min(view.gpu_free_bytes, view.gpu_bytes);
    text(ui, "gpu", view.gpu + engine::format("  ·  %s of %s used", bytes_text(used).c_str(), bytes_text(view.gpu_bytes).c_str()),
         ui.theme.text, Face::regular, {.width = width, .probe = "gpu"});
    const double share = view.gpu_bytes == 0 ? 0 : double(used) / double(view.gpu_bytes);
    meter(ui, {width, ui.theme.px(7)}, share, share < 0.9 ? ui.theme.good : ui.theme.warning);
  }
  ImGui::EndGroup();
}

}  // namespace ui
