// ui/panels/models.h: model files, what each needs against what is free, load and unload.
#pragma once
#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct ModelsPanel {
  std::string open_preset;       // path of the model whose preset is shown; empty: none
  app::ModelPreset edited;       // while a slider of it is held
  int n_ctx = 0;                 // of the slider; 0: not touched yet
  bool browse = false;           // a file dialog is wanted
};
void draw(ModelsPanel& panel, const app::ModelsView& view, app::App& app, Ui& ui);

// Bytes a model needs at a context length, and whether that fits the free memory with headroom.
struct Fit {
  uint64_t weights = 0, cache = 0, work = 0, headroom = 0, needed = 0, free = 0;
  enum class State { fits, tight, too_big } state = State::fits;
};
// kv_bytes_per_token 0: the model's own.
Fit model_fit(const app::ModelInfo& model, int n_ctx, uint64_t free_memory_bytes, uint64_t kv_bytes_per_token = 0);

// ui/panels/model_preset.cpp: how a model answers, in a line, and opened to be changed. panel.n_ctx is what the
// slider above holds for models without a preset.
void draw_preset(ModelsPanel& panel, const app::ModelInfo& model, app::App& app, Ui& ui);

}  // namespace ui
