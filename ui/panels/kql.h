// ui/panels/kql.h: a query over the session's log: editor, faults, result grid, history, schema.
#pragma once
#include <string>

#include "app/app.h"
#include "ui/ui.h"
#include "ui/widgets/editor.h"
#include "ui/widgets/grid.h"

namespace ui {

struct KqlPanel {
  EditorState editor;
  GridState grid;
  int64_t session = -1;
  float editor_height = 150, side_width = 250;   // design pixels
  size_t run_begin = 0;          // where the text last run or checked begins in the editor
  std::string checked;           // text that was last checked
  double check_at = 0;           // when to check what is being typed; 0: nothing to check
  int problem = -1;              // last problem that Alt+F8 went to
};
void draw(KqlPanel& panel, const app::KqlView& view, app::App& app, Ui& ui);

}  // namespace ui
