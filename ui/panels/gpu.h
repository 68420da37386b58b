// ui/panels/gpu.h: the line of the Models screen about the GPU: whether it is used, its name, and how full its memory is.
#pragma once
#include "app/app.h"
#include "ui/ui.h"

namespace ui {

void draw_gpu(const app::ModelsView& view, app::App& app, Ui& ui);

}  // namespace ui
