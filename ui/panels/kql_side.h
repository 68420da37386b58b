// ui/panels/kql_side.h: beside the editor of queries: the tables with types and example values, and
// the history.
#pragma once
#include "ui/panels/kql.h"

namespace ui {

void draw_kql_side(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, app::App& app, Ui& ui);

}  // namespace ui
