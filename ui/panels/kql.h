// ui/panels/kql.h: a query over the session's log: editor with completion and help, faults with
// fixes, result as a grid or a chart, history, tables with example values.
#pragma once
#include <string>
#include <vector>

#include "app/app.h"
#include "ui/ui.h"
#include "ui/widgets/chart.h"
#include "ui/widgets/editor.h"
#include "ui/widgets/grid.h"

namespace ui {

struct KqlPanel {
  struct Tab {
    EditorState editor;
  };
  std::vector<Tab> tabs{1};
  size_t tab = 0;
  EditorState& editor() { return tabs[tab].editor; }

  GridState grid;
  std::string wanted_query;      // text of the query whose row a link leads to; empty: none does
  int64_t wanted_row = -1;       // of its result
  bool wanted_run = false;       // it was run for that
  int64_t session = -1;
  float editor_height = 170, side_width = 270;   // design pixels
  size_t run_begin = 0;          // where the text last run or checked begins in the editor
  std::string checked;           // text that was last checked
  double check_at = 0;           // when to check what is being typed; 0: nothing to check
  int problem = -1;              // last problem that Alt+F8 went to
  bool result_only = false;      // F8: the result has the whole panel

  std::string words;             // the question in words
  std::string words_taken;       // the one whose query stands in the editor
  bool words_asked = false;      // by this panel; an answer to it is to be taken
  bool with_model = false, run_at_once = false;
  bool explained = false;        // the query in plain words stands below the editor
  std::string explained_text;    // that explanation is of
  std::vector<app::kql::ExplainedLine> explanation;
  std::string table_search;

  std::string helped;            // text and caret that help was asked for
  size_t helped_caret = 0;
  std::string hovered;           // likewise for the word under the pointer
  size_t hovered_at = 0;
  double save_at = 0;            // when to keep the tabs; 0: nothing changed

  ChartState chart_state;
  ChartData chart;               // of the result below
  const void* chart_of = nullptr;
  ChartKind chart_kind = ChartKind::table, chart_made = ChartKind::table;
};
void draw(KqlPanel& panel, const app::KqlView& view, const app::QueryHelpView& help, app::App& app, Ui& ui);

// Shows a row of a query's result; the query is run again where another result stands there.
void show_query_row(KqlPanel& panel, const std::string& query, int64_t row, app::App& app);

// Tabs as one text and back, as they are kept with the session.
std::string tabs_text(const KqlPanel& panel);
void set_tabs(KqlPanel& panel, const std::string& text);

}  // namespace ui
