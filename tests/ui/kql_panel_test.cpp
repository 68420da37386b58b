// The screen for queries: completion, help, fixes, layout, tabs, history, grid and chart.
#include <doctest/doctest.h>

#include "tests/ui/support/desk.h"

using namespace ui;
using ui_test::Desk;
using ui_test::fake;

namespace {

// The editor with the keyboard and this text.
void type_query(Desk& desk, const std::string& text) {
  desk.show(1);
  set_text(desk.shell->kql.editor(), text);
  desk.shell->kql.editor().focus = true;
  desk.show(4);
}

app::kql::Suggestion column(const char* name) {
  app::kql::Suggestion s;
  s.text = s.insert = name;
  s.kind = "column";
  s.detail = "string";
  s.doc = "INFO, ERROR";
  return s;
}

// What the app would answer for the text and the caret as they are.
void answer_completion(Desk& desk, size_t begin, std::vector<app::kql::Suggestion> items) {
  EditorState& editor = desk.shell->kql.editor();
  fake().help.text = editor.text;
  fake().help.offset = editor.caret;
  fake().help.suggestions = {begin, editor.caret, std::move(items)};
}

}  // namespace

TEST_CASE("ui/kql: typing opens the list of completions, arrows choose, Enter takes, Ctrl+Z takes back") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  desk.show();
  type_query(desk, "Logs | where ");
  REQUIRE(desk.shell->kql.editor().active);
  desk.h.type("L");
  CHECK(fake().called("complete_query Logs | where L @14"));
  answer_completion(desk, 13, {column("Level"), column("Line")});
  desk.show();
  CHECK(desk.h.find("completion", "Level") != nullptr);
  CHECK(desk.shows("INFO, ERROR"));
  desk.h.press(Key::down);
  CHECK(desk.shell->kql.editor().chosen == 1);
  desk.h.press(Key::enter);
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where Line");
  CHECK(desk.shell->kql.editor().caret == 17);
  desk.h.press(Key::z, ctrl);
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where L");
  desk.h.press(Key::y, ctrl);
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where Line");
}

TEST_CASE("ui/kql: Esc closes the list and keeps the text; Ctrl+Space opens it again") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "Lo");
  desk.h.type("g");
  answer_completion(desk, 0, {column("Logs")});
  desk.show();
  REQUIRE(desk.shell->kql.editor().list_open);
  desk.h.press(Key::escape);
  desk.show();
  CHECK_FALSE(desk.shell->kql.editor().list_open);
  CHECK(desk.shell->kql.editor().text == "Log");
  desk.h.press(Key::space, ctrl);
  desk.show();
  CHECK(desk.shell->kql.editor().list_open);
  CHECK(desk.shell->kql.editor().text == "Log");
  REQUIRE(desk.h.click("completion", "Logs"));
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs");
}

TEST_CASE("ui/kql: help names the argument at the caret, hovering says what a word is") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "print bin(");
  EditorState& editor = desk.shell->kql.editor();
  fake().help.text = editor.text;
  fake().help.offset = editor.caret;
  app::kql::CallHelp call;
  call.name = "bin";
  call.parameters = {"x", "step"};
  call.doc = "Down to a multiple of the step.";
  fake().help.call = call;
  desk.show();
  CHECK(desk.shows("Down to a multiple of the step."));
}

TEST_CASE("ui/kql: a fault offers its fix, by a click and by Ctrl+.") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "Logs | where Levle == 1");
  desk.shell->kql.checked = "Logs | where Levle == 1";
  fake().kql.diagnostics = {{{13, 18}, app::kql::DiagnosticSeverity::error, "there is no column 'Levle'", "did you mean Level?"}};
  fake().help.checked = desk.shell->kql.checked;
  fake().help.diagnostics = fake().kql.diagnostics;
  fake().help.fixes = {{"Change to Level", {13, 18}, "Level", 0}};
  desk.show();
  CHECK(desk.shows("there is no column 'Levle'"));
  desk.h.press(Key::period, ctrl);
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where Level == 1");
  editor_undo(desk.shell->kql.editor());
  desk.shell->kql.checked = fake().help.checked;
  desk.shell->kql.check_at = 0;
  desk.show(1);
  desk.shell->kql.checked = fake().help.checked;
  desk.show(1);
  REQUIRE(desk.h.click("quick_fix", "Change to Level"));
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where Level == 1");
}

TEST_CASE("ui/kql: Shift+Enter runs without a line break, Alt+Shift+F lays out, Ctrl+/ comments") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "Logs|take 1");
  desk.h.press(Key::enter, shift);
  CHECK(fake().called("run_query Logs|take 1"));
  CHECK(desk.shell->kql.editor().text == "Logs|take 1");
  desk.h.press(Key::f, alt | shift);
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs\n| take 1");
  desk.shell->kql.editor().selection_begin = desk.shell->kql.editor().selection_end = desk.shell->kql.editor().caret = 0;
  toggle_comment(desk.shell->kql.editor());
  CHECK(desk.shell->kql.editor().text == "// Logs\n| take 1");
  desk.shell->kql.editor().caret = 0;
  desk.shell->kql.editor().selection_begin = desk.shell->kql.editor().selection_end = 0;
  toggle_comment(desk.shell->kql.editor());
  CHECK(desk.shell->kql.editor().text == "Logs\n| take 1");
}

TEST_CASE("ui/kql: F8 shows the last result without running it, from another screen too") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::f8);
  desk.show();
  CHECK(desk.shell->screen == Screen::kql);
  CHECK(desk.shell->kql.result_only);
  CHECK(desk.shows("4 rows  ·  3 columns"));
  CHECK(desk.h.find("editor") == nullptr);
  desk.h.press(Key::f8);
  desk.show();
  CHECK(desk.h.find("editor") != nullptr);
  for (const std::string& call : fake().calls) CHECK(call.rfind("run_query", 0) != 0);
}

TEST_CASE("ui/kql: tabs keep their texts with the session") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "Logs | take 1");
  desk.h.press(Key::t, ctrl);
  desk.show();
  REQUIRE(desk.shell->kql.tabs.size() == 2);
  set_text(desk.shell->kql.editor(), "Logs | count");
  KqlPanel again;
  set_tabs(again, tabs_text(desk.shell->kql));
  REQUIRE(again.tabs.size() == 2);
  CHECK(again.tab == 1);
  CHECK(again.tabs[0].editor.text == "Logs | take 1");
  CHECK(again.tabs[1].editor.text == "Logs | count");
  set_tabs(again, "");
  CHECK(again.tabs.size() == 1);
}

TEST_CASE("ui/kql: history says rows, time and whether the log changed since") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  fake().kql.history = {{1, "Logs | count", ui_test::desk_now, 1, 0.012, "", 2000}};
  fake().kql.n_log_rows = 2400;
  desk.show();
  CHECK(desk.shows("log changed since"));
  fake().kql.history[0].data_version = 2400;
  desk.show();
  CHECK_FALSE(desk.shows("log changed since"));
}

TEST_CASE("ui/kql: the tables show types and example values, and a click puts a name into the query") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  fake().help.tables = {{"Logs", "the log", {{"Level", "string", {"INFO", "ERROR"}}, {"Pid", "long", {}}}}};
  type_query(desk, "Logs | where ");
  desk.show();
  CHECK(desk.shows("INFO, ERROR"));
  REQUIRE(desk.h.click("schema_column", "Pid"));
  desk.show();
  CHECK(desk.shell->kql.editor().text == "Logs | where Pid");
}

TEST_CASE("ui/kql: words become a query in the editor, and nothing runs") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("words"));
  desk.h.type("how many errors");
  desk.h.press(Key::enter);
  CHECK(fake().called("ask_in_words how many errors"));
  fake().words.question = "how many errors";
  fake().words.answer.kql = "Logs | where Level == \"ERROR\" | count";
  fake().words.answer.by = "rules";
  fake().words.answer.understood = {"errors -> Level == \"ERROR\""};
  desk.show();
  CHECK(desk.shell->kql.editor().text == fake().words.answer.kql);
  CHECK(desk.shows("errors -> Level"));
  for (const std::string& call : fake().calls) CHECK(call.rfind("run_query", 0) != 0);
}

TEST_CASE("ui/kql: every attempt of a model is shown, and with run at once the answer runs") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  desk.show();
  desk.shell->kql.run_at_once = true;
  REQUIRE(desk.h.click("words"));
  desk.h.type("how many errors");
  desk.h.press(Key::enter);
  app::nl2kql::Attempt draft, mended;
  draft.by = mended.by = "model";
  draft.stage = "draft";
  draft.kql = "Logs | where Levl == 1";
  draft.errors.push_back({{13, 17}, app::kql::DiagnosticSeverity::error, "there is no column Levl", "did you mean Level?"});
  mended.stage = "repaired";
  mended.kql = "Logs | count";
  mended.n_rows = 1;
  mended.used = true;
  fake().words.question = "how many errors";
  fake().words.answer.kql = mended.kql;
  fake().words.answer.by = "model";
  fake().words.answer.attempts = {draft, mended};
  desk.show();
  CHECK(desk.shows("there is no column Levl"));
  CHECK(desk.shows("repaired"));
  CHECK(fake().called("run_query Logs | count"));
}

TEST_CASE("ui/kql: Explain says line by line what the query does and follows what is typed") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  type_query(desk, "Logs | where Level == \"ERROR\" | count");
  REQUIRE(desk.h.click("button", "Explain"));
  desk.show();
  CHECK(desk.shows("Keep the rows where Level is \"ERROR\""));
  CHECK(desk.shows("Count the rows"));
  type_query(desk, "Logs | take 5");
  CHECK(desk.shows("Keep 5 rows"));
}

TEST_CASE("ui/kql: no rows names the operator that left none and takes it out") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  auto empty = std::make_shared<app::kql::ResultTable>();
  empty->columns = {{"A", app::columns::Type::string}};
  fake().kql.result = empty;
  fake().kql.text = "Logs | where Level == \"x\" | take 5";
  fake().kql.empty = app::kql::EmptyReason{{5, 26}, "where Level == \"x\"", {}, 7, "Logs | take 5"};
  type_query(desk, fake().kql.text);
  CHECK(desk.shows("7 rows came up to here, and this left none:  where Level == \"x\""));
  REQUIRE(desk.h.click("button", "Take it out and run"));
  CHECK(desk.shell->kql.editor().text == "Logs | take 5");
  CHECK(fake().called("run_query Logs | take 5"));
}

TEST_CASE("ui/kql: the grid filters rows, gives statistics and opens a row; the chart draws the same result") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  desk.show();
  desk.shell->kql.grid.filter = "CRITICAL";
  desk.show();
  CHECK(desk.shows("showing 1"));
  desk.shell->kql.grid.filter.clear();
  desk.show();
  REQUIRE(desk.h.click("cell"));
  desk.h.press(Key::down, shift);
  desk.show();
  CHECK(desk.shows("count 2   distinct 2"));
  desk.h.press(Key::enter);
  desk.show();
  CHECK(desk.h.find("expanded_cell") != nullptr);
  desk.shell->kql.grid.expanded = false;
  desk.shell->kql.chart_kind = ChartKind::column;
  desk.show();
  CHECK(desk.h.find("chart", "Column") != nullptr);
  auto rendered = std::make_shared<app::kql::ResultTable>(*fake().kql.result);
  rendered->render.kind = "piechart";
  fake().kql.result = rendered;
  desk.show();
  CHECK(desk.h.find("chart", "Pie") != nullptr);
}

TEST_CASE("ui/grid: statistics count, sum and name the ends") {
  app::columns::Column name(app::columns::Type::string), n(app::columns::Type::int64);
  for (int i = 0; i < 4; ++i) {
    name.push_text(i == 3 ? "" : "b");
    i == 2 ? n.push_null() : n.push_i64(i * 10);
  }
  auto chunk = std::make_shared<app::columns::Chunk>();
  chunk->columns = {name, n};
  chunk->n_rows = 4;
  app::kql::ResultTable table;
  table.columns = {{"Name", app::columns::Type::string}, {"N", app::columns::Type::int64}};
  table.chunks = {chunk};
  table.n_rows = 4;
  CHECK(statistics_text(cell_statistics(table, {0, 1, 2, 3}, 0, 3, {1})) == "count 4   distinct 3   empty 1   sum 40   mean 13.3333   min 0   max 30");
  CHECK(statistics_text(cell_statistics(table, {0, 1, 2, 3}, 0, 3, {0})) == "count 4   distinct 2   empty 1   min b   max b");
  CHECK(statistics_text(cell_statistics(table, {0, 1, 2, 3}, 2, 1, {0})).empty());
}
