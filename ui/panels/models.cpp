#include "ui/panels/models.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ui/panels/gpu.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr uint64_t headroom_bytes = 1'000'000'000;   // left to the rest of the machine

void draw_fit(const Fit& fit, float width, Ui& ui) {
  const ImU32 color = fit.state == Fit::State::fits    ? ui.theme.good
                      : fit.state == Fit::State::tight ? ui.theme.warning
                                                       : ui.theme.bad;
  const double share = fit.free == 0 ? 1 : double(fit.needed) / double(fit.free);
  meter(ui, {width, ui.theme.px(7)}, share, color);
  const std::string sum = engine::format("weights %s + cache %s + work %s + headroom %s = %s; free now %s", bytes_text(fit.weights).c_str(),
                                         bytes_text(fit.cache).c_str(), bytes_text(fit.work).c_str(), bytes_text(fit.headroom).c_str(),
                                         bytes_text(fit.needed).c_str(), bytes_text(fit.free).c_str());
  const char* verdict = fit.state == Fit::State::fits ? "fits" : fit.state == Fit::State::tight ? "tight" : "does not fit";
  const Span spans[] = {{verdict, color, Face::bold}, {"   "}, {sum, ui.theme.dim}};
  rich_text(ui, "fit", spans, {.width = width, .probe = "fit"});
}

// Whether the file is the one it says to be.
void draw_check(const app::ModelInfo& model, const app::ModelsView& view, float width, app::App& app, Ui& ui) {
  using State = app::ModelCheck::State;
  const auto found = view.checks.find(model.path);
  const app::ModelCheck check = found == view.checks.end() ? app::ModelCheck() : found->second;
  if (check.state == State::unchecked) {
    if (chip(ui, "check", "unchecked: compute its SHA-256", ui.theme.link, "model_check")) app.check_model(model.path);
    return;
  }
  const char* what = check.state == State::running   ? "computing its SHA-256"
                     : check.state == State::good    ? "checked: its SHA-256 is the one known for it"
                     : check.state == State::wrong   ? "wrong: its SHA-256 is not the one known for it; fetch it again"
                     : check.state == State::unknown ? "no SHA-256 is known for it to compare with"
                                                     : "the check failed";
  const ImU32 color = check.state == State::good ? ui.theme.good : check.state == State::wrong || check.state == State::failed ? ui.theme.bad : ui.theme.dim;
  const std::string tail = check.error.empty() ? check.sha256 : check.error;
  const Span spans[] = {{what, color}, {"   "}, {tail, ui.theme.faint, Face::mono}};
  rich_text(ui, "check_result", spans, {.width = width, .probe = "model_check_result"});
}

void draw_test(const app::ModelInfo& model, const app::ModelsView& view, float width, Ui& ui) {
  const auto found = view.tests.find(model.path);
  if (found == view.tests.end()) return;
  const app::ModelTest& t = found->second;
  const std::string shown = engine::format("quick test of %s: reads %.0f tokens/s, writes %.1f tokens/s, first token after %s, program's peak memory %s", day_text(t.time).c_str(), t.prefill_tok_s,
                                           t.decode_tok_s, seconds_text(t.first_token_ms / 1000).c_str(), bytes_text(t.peak_bytes).c_str());
  text(ui, "test", shown, ui.theme.dim, Face::regular, {.width = width, .probe = "model_test"});
}

// Of a token of context in this number format; 0: the engine's own choice, or not known.
uint64_t cache_bytes(const app::ModelsView& view, const std::string& path, const std::string& cache) {
  const auto model = view.cache_bytes.find(path);
  if (cache.empty() || model == view.cache_bytes.end()) return 0;
  const auto bytes = model->second.find(cache);
  return bytes == model->second.end() ? 0 : bytes->second;
}

void draw_model(ModelsPanel& panel, const app::ModelInfo& model, const app::ModelsView& view, app::App& app, Ui& ui) {
  const bool loaded = !view.loaded_path.empty() && model.path == view.loaded_path;
  const bool loading = !view.loading_path.empty() && model.path == view.loading_path;
  ImGui::PushID(model.path.c_str());
  {
    const Card card(ui, "model", loaded ? ui.theme.good : model.error.empty() ? 0 : ui.theme.bad);
    const float width = card.inner_width();
    const Span head[] = {{model.name.empty() ? std::string_view(model.path) : std::string_view(model.name), ui.theme.text, Face::bold},
                         {loaded ? "   loaded" : "", ui.theme.good}};
    rich_text(ui, "name", head, {.width = width, .probe = "model"});
    std::string facts = bytes_text(model.n_bytes);
    if (!model.architecture.empty()) facts += "  ·  " + model.architecture;
    if (!model.weight_type.empty()) facts += "  ·  " + model.weight_type;
    if (model.n_parameters > 0) facts += engine::format("  ·  %.0f M parameters", double(model.n_parameters) / 1e6);
    if (model.n_ctx_trained > 0) facts += engine::format("  ·  trained for %s tokens", with_commas(uint64_t(model.n_ctx_trained)).c_str());
    if (!model.licence.empty()) facts += "  ·  " + model.licence;
    text(ui, "facts", facts, ui.theme.dim, Face::regular, {.width = width});
    text(ui, "path", model.path, ui.theme.faint, Face::mono, {.width = width});
    if (!model.error.empty()) {
      text(ui, "error", model.error, ui.theme.bad, Face::regular, {.width = width});
    } else {
      // What unloading frees can be used by the model that takes its place.
      uint64_t free = view.free_memory_bytes;
      for (const app::ModelInfo& other : view.models)
        if (other.path == view.loaded_path) free += other.weights_bytes + other.kv_bytes_per_token * uint64_t(view.n_ctx) + other.work_bytes;
      const auto own = app.settings().model_presets.find(model.path);
      const app::ModelPreset* preset = own == app.settings().model_presets.end() ? nullptr : panel.open_preset == model.path ? &panel.edited : &own->second;
      draw_fit(model_fit(model, preset != nullptr ? preset->n_ctx : panel.n_ctx, free, preset != nullptr ? cache_bytes(view, model.path, preset->cache) : 0), width, ui);
      draw_preset(panel, model, app, ui);
      draw_check(model, view, width, app, ui);
      draw_test(model, view, width, ui);
      if (loading) {
        if (draw_running(ui, "loading", "Loading: " + view.loading_stage, "", view.loading_fraction)) app.stop_loading();
      } else if (loaded) {
        if (button(ui, "Unload")) app.unload_model();
        ImGui::SameLine();
        if (button(ui, "Quick test", ButtonKind::normal, "Three prompts: speed, first token, memory", Command::none, view.testing ? "The test is running" : nullptr)) app.test_model();
      } else if (button(ui, "Load", ButtonKind::primary, nullptr, Command::none, view.loading_path.empty() ? nullptr : "Another model is being loaded")) {
        app.load_model(model.path);
      }
    }
  }
  ImGui::PopID();
  ImGui::Dummy({1, 1});
}

}  // namespace

Fit model_fit(const app::ModelInfo& model, int n_ctx, uint64_t free_memory_bytes, uint64_t kv_bytes_per_token) {
  Fit fit;
  fit.weights = model.weights_bytes != 0 ? model.weights_bytes : model.n_bytes;
  fit.cache = (kv_bytes_per_token != 0 ? kv_bytes_per_token : model.kv_bytes_per_token) * uint64_t(std::max(n_ctx, 0));
  fit.work = model.work_bytes;
  fit.headroom = headroom_bytes;
  fit.free = free_memory_bytes;
  const uint64_t bare = fit.weights + fit.cache + fit.work;
  fit.needed = bare + fit.headroom;
  fit.state = fit.needed <= fit.free ? Fit::State::fits : bare <= fit.free ? Fit::State::tight : Fit::State::too_big;
  return fit;
}

void draw(ModelsPanel& panel, const app::ModelsView& view, app::App& app, Ui& ui) {
  const Pane pane(ui, "models", {0, 0});
  if (panel.n_ctx == 0) panel.n_ctx = std::max(app.settings().n_ctx, 256);
  heading(ui, "Models", view.free_memory_bytes > 0 ? bytes_text(view.free_memory_bytes) + " memory free" : "");
  if (button(ui, "Add a model file", ButtonKind::normal, "GGUF file or a folder with config.json and safetensors")) panel.browse = true;
  ImGui::SameLine();
  if (button(ui, "Look again", ButtonKind::normal, "Read the models folder once more")) app.refresh_models();
  ImGui::SameLine();
  ImGui::SetNextItemWidth(ui.theme.px(240));
  if (ImGui::SliderInt("##context", &panel.n_ctx, 512, 32768, "context %d tokens", ImGuiSliderFlags_Logarithmic))
    panel.n_ctx = std::max(panel.n_ctx / 256 * 256, 256);
  if (ImGui::IsItemDeactivatedAfterEdit()) {
    app::Settings settings = app.settings();
    const app::Settings before = settings;
    settings.n_ctx = panel.n_ctx;
    app.change_settings(settings);
    ui.toast(engine::format("Context %d from the next load on", panel.n_ctx), [&app, before] { app.change_settings(before); });
  }
  tooltip(ui, "Room for question, evidence and answer. The bars below follow; it takes effect at the next load.");
  if (!view.error.empty()) draw_notice(ui, "error", view.error, ui.theme.bad);
  draw_gpu(view, app, ui);
  text(ui, "folder", "Folder: " + view.folder, ui.theme.faint);
  if (view.models.empty()) {
    const int clicked = draw_empty(
        ui, "none",
        {"No model file yet",
         "Everything but written explanations works without one. Put a GGUF file into " + view.folder + ", or add one from elsewhere.",
         {"Add a model file", "Copy the folder's path"}});
    if (clicked == 0) panel.browse = true;
    if (clicked == 1) ui.copy(view.folder);
    return;
  }
  ImGui::BeginChild("list", {0, 0}, false);
  for (const app::ModelInfo& model : view.models) draw_model(panel, model, view, app, ui);
  ImGui::EndChild();
}

}  // namespace ui
