// The preset of one model, in its card of the Models screen.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "ui/panels/models.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/text.h"

namespace ui {
namespace {

constexpr struct {
  const char *name, *shown;
} caches[] = {{"", "as the engine chooses"}, {"f16", "f16"}, {"q8_0", "q8_0, half of f16"}, {"q4_0", "q4_0, a quarter; less exact"}};

// The ready-made choice that these values are, or null.
const app::SamplingChoice* choice_of(const app::ModelPreset& preset) {
  for (const app::SamplingChoice& choice : app::sampling_choices)
    if (std::abs(choice.temperature - preset.temperature) < 0.005f && std::abs(choice.top_p - preset.top_p) < 0.005f) return &choice;
  return nullptr;
}

std::string summary(const app::ModelPreset& preset) {
  const app::SamplingChoice* choice = choice_of(preset);
  std::string out = choice != nullptr ? choice->name : engine::format("temperature %.2f, top-p %.2f", double(preset.temperature), double(preset.top_p));
  out += engine::format("  ·  answers up to %d tokens  ·  seed %llu  ·  context %s", preset.max_answer_tokens, static_cast<unsigned long long>(preset.seed), with_commas(uint64_t(preset.n_ctx)).c_str());
  if (!preset.cache.empty()) out += " in " + preset.cache;
  if (!preset.instructions.empty()) out += "  ·  instructions of your own";
  return out;
}

// As one step of undo. null: the model goes back to what the settings say for all.
void keep(const app::ModelInfo& model, const app::ModelPreset* preset, app::App& app, Ui& ui) {
  const app::Settings before = app.settings();
  app::Settings changed = before;
  if (preset != nullptr) changed.model_presets[model.path] = *preset;
  else changed.model_presets.erase(model.path);
  app.change_settings(changed);
  const bool reload = app::preset_of(before, model.path).n_ctx != app::preset_of(changed, model.path).n_ctx || app::preset_of(before, model.path).cache != app::preset_of(changed, model.path).cache;
  ui.toast(std::string(preset != nullptr ? "Preset changed" : "Preset reset") + (reload ? "; context and cache from the next load on" : ""), [&app, before] { app.change_settings(before); },
           [&app, changed] { app.change_settings(changed); });
}

// A labelled row; true when its value is to be kept.
template <typename Draw>
bool row(Ui& ui, const char* label, const char* tip, const Draw& draw) {
  ImGui::AlignTextToFramePadding();
  text(ui, label, label, ui.theme.dim, Face::regular, {.width = ui.theme.px(130)});
  tooltip(ui, tip);
  ImGui::SameLine(ui.theme.px(150));
  ImGui::SetNextItemWidth(ui.theme.px(280));
  draw();
  return ImGui::IsItemDeactivatedAfterEdit();
}

bool draw_sampling(app::ModelPreset& edited, Ui& ui) {
  bool done = false;
  const app::SamplingChoice* now = choice_of(edited);
  for (const app::SamplingChoice& choice : app::sampling_choices) {
    if (button(ui, choice.name, now == &choice ? ButtonKind::primary : ButtonKind::normal, choice.about)) {
      edited.temperature = choice.temperature;
      edited.top_p = choice.top_p;
      done = true;
    }
    ImGui::SameLine();
  }
  ImGui::NewLine();
  done |= row(ui, "Temperature", "0: the most likely word each time.", [&] { ImGui::SliderFloat("##temperature", &edited.temperature, 0, 1.5f, "%.2f"); });
  done |= row(ui, "Top-p", "Only the likeliest words that together have this probability are drawn from; 1: all.", [&] { ImGui::SliderFloat("##top_p", &edited.top_p, 0.05f, 1, "%.2f"); });
  return done;
}

bool draw_cache(app::ModelPreset& edited, Ui& ui) {
  bool done = false;
  row(ui, "Cache", "Number format of what the model keeps of the context. Smaller ones make room for more of it.", [&] {
    const auto* now = std::find_if(std::begin(caches), std::end(caches), [&](const auto& c) { return edited.cache == c.name; });
    if (!ImGui::BeginCombo("##cache", now == std::end(caches) ? edited.cache.c_str() : now->shown)) return;
    for (const auto& cache : caches) {
      if (!ImGui::Selectable(cache.shown, edited.cache == cache.name)) continue;
      edited.cache = cache.name;
      done = true;
    }
    ImGui::EndCombo();
  });
  return done;
}

}  // namespace

void draw_preset(ModelsPanel& panel, const app::ModelInfo& model, app::App& app, Ui& ui) {
  const app::Settings& settings = app.settings();
  const bool own = settings.model_presets.contains(model.path), open = panel.open_preset == model.path;
  const app::ModelPreset now = app::preset_of(settings, model.path);
  const std::string line = std::string(own ? "preset of its own: " : "as in the settings: ") + summary(now) + "  ";
  const Span spans[] = {{line, ui.theme.dim}, {open ? "close" : "change", ui.theme.link, Face::regular, 0}};
  if (rich_text(ui, "preset", spans, {.probe = "model_preset", .chip_probe = "preset_open"}).clicked_chip == 0) panel.open_preset = open ? "" : model.path;
  if (!open) return;
  // What is being typed or dragged is not yet in the settings.
  if (!ImGui::IsAnyItemActive()) panel.edited = now;
  app::ModelPreset& edited = panel.edited;
  bool done = draw_sampling(edited, ui);
  done |= row(ui, "Longest answer", "In tokens.", [&] { ImGui::SliderInt("##answer", &edited.max_answer_tokens, 32, 2048, "%d tokens", ImGuiSliderFlags_Logarithmic); });
  done |= row(ui, "Seed", "The same seed gives the same answer.", [&] { ImGui::InputScalar("##seed", ImGuiDataType_U64, &edited.seed); });
  done |= row(ui, "Context", "Room for question, evidence and answer; from the next load on.",
              [&] { ImGui::SliderInt("##ctx", &edited.n_ctx, 512, 32768, "%d tokens", ImGuiSliderFlags_Logarithmic); });
  done |= draw_cache(edited, ui);
  done |= row(ui, "Instructions", "Put behind the program's own: a language to answer in, what your systems are called.",
              [&] { input_multiline("##instructions", &edited.instructions, {ui.theme.px(420), ui.theme.px(64)}); });
  if (done && !(edited == now)) keep(model, &edited, app, ui);
  if (button(ui, "Reset", ButtonKind::quiet, "Answer as the settings say for all models", Command::none, own ? nullptr : "It answers as the settings say for all models")) keep(model, nullptr, app, ui);
}

}  // namespace ui
