// Every panel drawn headless in its four states: empty, running, failed, full; and what its controls ask for.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/ui/support/desk.h"
#include "ui/widgets/basics.h"
#include "ui/automation_log.h"
#include "ui/shell.h"

using namespace ui;
using ui_test::fake;
using ui_test::Desk;
using ui_test::Headless;

namespace {

constexpr app::Ticks now = ui_test::desk_now;

app::JobView job(const char* kind) {
  app::JobView view;
  view.id = 17;
  view.kind = kind;
  view.title = "Reading syslog";
  view.stage = "parse";
  view.count = "48,210 lines";
  view.fraction = 0.43;
  return view;
}

app::JobView failed_job(const char* kind) {
  app::JobView view = job(kind);
  view.running = false;
  view.error = "syslog.gz: the archive ends in the middle of a block; copy the file again";
  return view;
}

}  // namespace

// --- Incident

TEST_CASE("ui/incident: empty shows the three ways to begin, and each asks for the right thing") {
  Desk desk(Screen::incident);
  desk.show();
  CHECK(desk.shows("Paste a log anywhere with Ctrl+V"));
  CHECK(desk.shows("No log yet"));
  REQUIRE(desk.h.click("button", "Open the sample"));
  CHECK(fake().called("open_sample"));
}

TEST_CASE("ui/incident: without a model it says what works and leads to the models") {
  Desk desk(Screen::incident);
  desk.show();
  CHECK(desk.shows("Checks, logs and KQL work now"));
  REQUIRE(desk.h.click("button", "Models"));
  CHECK(desk.shell->screen == Screen::models);
}

TEST_CASE("ui/incident: running shows progress with a count, and Cancel and Stop act") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().status.jobs = {job("ingest")};
  fake().incident.answering = true;
  fake().incident.streaming_stage = "writing";
  fake().incident.streaming_text = "The disk";
  desk.show();
  CHECK(desk.shows("Reading syslog: parse  ·  48,210 lines  ·  43 %"));
  CHECK(desk.shows("dim until verified"));
  REQUIRE(desk.h.click("button", "Stop"));
  CHECK(fake().called("stop_answer"));
  REQUIRE(desk.h.click("button", "Cancel"));
  CHECK(fake().called("cancel_job 17"));
}

TEST_CASE("ui/incident: Esc stops an answer") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().incident.answering = true;
  desk.show();
  desk.h.press(Key::escape);
  CHECK(fake().called("stop_answer"));
}

TEST_CASE("ui/incident: failed says the cause and the next step") {
  Desk desk(Screen::incident);
  fake().incident.error = "The model needs 3.1 GB and 1.2 GB are free; choose a smaller one";
  fake().status.jobs = {failed_job("ingest")};
  desk.show();
  CHECK(desk.shows("choose a smaller one"));
  CHECK(desk.shows("copy the file again"));
}

TEST_CASE("ui/incident: full shows findings, evidence, and an answer whose claims are marked") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  const std::string all = desk.h.text();
  for (const char* part : {"Disk full: writes fail", "df -h /var/lib/postgresql", "read-only", "changes state", "2 of 3 claims supported",
                           "✓ L247", "~ L42", "✗ not in the log", "first token 640 ms", "Left out: 12 lines", "E1", "finding disk_full"}) {
    CAPTURE(part);
    CHECK(all.find(part) != std::string::npos);
  }
}

TEST_CASE("ui/incident: a citation leads to its line, which flashes, and Alt+Left comes back") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("citation", "L247"));
  CHECK(desk.shell->screen == Screen::logs);
  desk.show();
  CHECK(desk.shell->logs.list.selected == 240);
  CHECK(desk.shell->ui.flash_share(240) > 0);
  const Probe* flashed = desk.h.find("flashed_line");
  REQUIRE(flashed != nullptr);
  CHECK(flashed->text.find("No space left on device") != std::string::npos);
  desk.h.press(Key::left, alt);
  CHECK(desk.shell->screen == Screen::incident);
  desk.h.press(Key::right, alt);
  CHECK(desk.shell->screen == Screen::logs);
}

TEST_CASE("ui/incident: a claim that no line supports leads nowhere and says so") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("citation", "not in the log"));
  CHECK(desk.shell->screen == Screen::incident);
  CHECK(desk.shows("No line of the log supports this sentence"));
}

TEST_CASE("ui/incident: Enter sends the question, Shift+Enter breaks the line") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("question"));
  desk.h.type("why");
  desk.h.press(Key::enter, shift);
  CHECK_FALSE(fake().called("ask why"));
  desk.h.type("now");
  CHECK(desk.shell->incident.input == "why\nnow");
  desk.h.press(Key::enter);
  CHECK(fake().called("ask why\nnow"));
  CHECK(desk.shell->incident.input.empty());
  CHECK(fake().called("set_draft why"));
}

TEST_CASE("ui/incident: a long paste into the question becomes a log, a short one stays text") {
  Desk desk(Screen::incident);
  desk.show();
  REQUIRE(desk.h.click("question"));
  desk.h.clipboard = "short text";
  desk.h.press(Key::v, ctrl);
  CHECK(desk.shell->incident.input == "short text");
  std::string log;
  for (int i = 0; i < 50; ++i) log += "2026-03-14 09:00:00 INFO line " + std::to_string(i) + "\n";
  desk.h.clipboard = log;
  desk.h.press(Key::v, ctrl);
  desk.show();
  CHECK(fake().called("ingest_text pasted 11:00 " + std::to_string(log.size())));
  CHECK(desk.shell->incident.input == "short text");
}

TEST_CASE("ui/incident: what the model will see, with what was left out") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::i, ctrl);
  desk.show();
  CHECK(desk.shows("25 of 4096 tokens, 2 secrets masked"));
  CHECK(desk.shows("Left out: 12 lines of evidence E4"));
}

TEST_CASE("ui/incident: all checks are listed with how they decide, those with 0 found too") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.shell->incident.show_all_checks = true;
  desk.show();
  CHECK(desk.shows("The kernel's OOM report"));
  CHECK(desk.shows("0 found"));
}

TEST_CASE("ui/incident: a conversation of 2,000 messages lays out only what shows") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  const auto messages = fake().incident.messages;
  fake().incident.messages.clear();
  for (int i = 0; i < 1000; ++i)
    for (app::Message m : messages) {
      m.id = int64_t(fake().incident.messages.size()) + 1;
      fake().incident.messages.push_back(m);
    }
  desk.show();
  desk.show();
  CHECK(desk.shell->incident.heights.size() < 50);
  CHECK(desk.h.n_vertices() < 60'000);
}

// --- Logs

TEST_CASE("ui/logs: empty names the formats and the ways in") {
  Desk desk(Screen::logs);
  desk.show();
  CHECK(desk.shows("No log in this session"));
  CHECK(desk.shows("journald"));
  desk.h.clipboard = "just a line of a log\nand one more";
  REQUIRE(desk.h.click("button", "Paste a log"));
  CHECK(fake().called("ingest_text pasted 11:00 " + std::to_string(desk.h.clipboard.size())));
}

TEST_CASE("ui/logs: running shows the reading, failed shows why") {
  Desk desk(Screen::logs);
  fake().status.jobs = {job("ingest")};
  desk.show();
  CHECK(desk.shows("Reading syslog  ·  48,210 lines  ·  43 %"));
  REQUIRE(desk.h.click("button", "Cancel"));
  CHECK(fake().called("cancel_job 17"));
  fake().status.jobs = {failed_job("ingest")};
  desk.show();
  CHECK(desk.shows("The log could not be read"));
  CHECK(desk.shows("copy the file again"));
}

TEST_CASE("ui/logs: full shows lines, templates with tags, facets and the count of shown lines") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  CHECK(desk.shows("showing 2,400 of 2,400"));
  CHECK(desk.shows("could not write to file <*>"));
  CHECK(desk.shows("New"));
  REQUIRE(desk.h.click("button", "Facets"));
  CHECK(desk.shows("postgres"));
  REQUIRE(desk.h.click("facet_in"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].kind == app::FilterChip::Kind::level);
  CHECK(fake().filter.chips[0].value == "INFO");
  REQUIRE(desk.h.click("button", "Anomalies"));
  CHECK(desk.shows("was never seen before"));
}

TEST_CASE("ui/logs: a template filters in by a click, e goes to the next error, o hides its template") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("template", "upstream timed out"));
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].value == "1");
  fake().logs.filter = {};
  REQUIRE(desk.h.click("line", "1"));
  desk.h.press(Key::e);
  for (int i = 0; i < 200 && desk.shell->logs.list.selected < 90; ++i) desk.show(1);
  CHECK(desk.shell->logs.list.selected == 97);
  desk.show();
  desk.h.press(Key::o);
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].exclude);
  CHECK(fake().filter.chips[0].value == "4");
}

TEST_CASE("ui/logs: a filter shows as chips that switch off, and x clears with undo") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  app::FilterChip chip;
  chip.value = "disk";
  chip.n_hits = 31;
  fake().logs.filter.chips = {chip};
  fake().logs.rows = std::make_shared<const std::vector<app::RowId>>(std::vector<app::RowId>{240, 259});
  desk.show();
  CHECK(desk.shows("showing 2 of 2,400"));
  CHECK(desk.shows("\"disk\"  31"));
  REQUIRE(desk.h.click("filter_chip", "disk"));
  CHECK_FALSE(fake().filter.chips.at(0).enabled);
  REQUIRE(desk.h.click("line"));
  desk.h.press(Key::x);
  CHECK(fake().filter.chips.empty());
  CHECK(desk.shows("Filter cleared"));
  desk.h.press(Key::z, ctrl);
  CHECK(fake().filter.chips.size() == 1);
  desk.h.press(Key::y, ctrl);
  CHECK(fake().filter.chips.empty());
}

TEST_CASE("ui/logs: text typed into the filter becomes a chip: word, -word, /expression/") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  const auto add = [&](const char* text) {
    fake().logs.filter = {};
    REQUIRE(desk.h.click("filter_input"));
    desk.h.type(text);
    desk.h.press(Key::enter);
    REQUIRE(fake().filter.chips.size() == 1);
    return fake().filter.chips[0];
  };
  CHECK(add("space").value == "space");
  const app::FilterChip hidden = add("-GET");
  CHECK(hidden.exclude);
  CHECK(hidden.value == "GET");
  const app::FilterChip expression = add("/fail(ed)?/");
  CHECK(expression.kind == app::FilterChip::Kind::regex);
  CHECK(expression.value == "fail(ed)?");
}

TEST_CASE("ui/logs: a link to a line that the filter hides takes the filter off, with undo") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  app::FilterChip chip;
  chip.value = "GET";
  fake().logs.filter.chips = {chip};
  fake().logs.rows = std::make_shared<const std::vector<app::RowId>>(std::vector<app::RowId>{1, 2, 3});
  desk.show();
  REQUIRE(desk.h.click("citation", "L247"));
  CHECK(fake().called("set_filter 0"));
  CHECK(desk.shows("The filter hid that line"));
}

TEST_CASE("ui/logs: a bad expression and a filter that lets nothing through say so") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  fake().logs.error = "/fo(o/: missing ) at 4";
  fake().logs.rows = std::make_shared<const std::vector<app::RowId>>();
  desk.show();
  CHECK(desk.shows("missing ) at 4"));
  CHECK(desk.shows("No line passes the filter"));
}

// --- KQL

TEST_CASE("ui/kql: empty offers queries, running can be stopped, failed points at the fault, full shows the table") {
  Desk desk(Screen::kql);
  desk.show();
  CHECK(desk.shows("No result yet"));
  REQUIRE(desk.h.click("button", "Count by level"));
  CHECK(fake().called("run_query Logs | summarize count() by Level"));

  fake().kql.running = true;
  desk.show();
  CHECK(desk.shows("Running the query"));
  REQUIRE(desk.h.click("button", "Stop"));
  CHECK(fake().called("stop_query"));

  fake().kql.running = false;
  fake().kql.diagnostics = {{{7, 11}, app::kql::DiagnosticSeverity::error, "There is no operator summ", "did you mean summarize?"}};
  desk.show();
  CHECK(desk.shows("1:8"));
  CHECK(desk.shows("There is no operator summ"));
  CHECK(desk.shows("did you mean summarize?"));
  fake().kql.error = "The query ran out of its 4 GB of memory; add a where";
  desk.show();
  CHECK(desk.shows("add a where"));

  ui_test::fill(fake());
  fake().kql.error.clear();
  desk.show();
  CHECK(desk.shows("4 rows  ·  3 columns  ·  12 ms"));
  CHECK(desk.shows("CRITICAL"));
  CHECK(desk.shows("there is no operator tke"));
}

TEST_CASE("ui/kql: F5 runs what stands in the editor and 0 rows are said") {
  Desk desk(Screen::kql);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::f5);
  CHECK(fake().called("run_query " + fake().kql.text));
  auto empty = std::make_shared<app::kql::ResultTable>();
  empty->columns = {{"A", app::columns::Type::string}};
  fake().kql.result = empty;
  desk.show();
  CHECK(desk.shows("The query ran and no row passed it"));
}

// --- Configs

TEST_CASE("ui/configs: four states, and a finding leads to its line") {
  Desk desk(Screen::configs);
  desk.show();
  CHECK(desk.shows("No config reviewed yet"));
  fake().status.jobs = {job("config")};
  desk.show();
  CHECK(desk.shows("43 %"));
  fake().status.jobs = {failed_job("config")};
  desk.show();
  CHECK(desk.shows("The review failed"));
  ui_test::fill(fake());
  fake().status.jobs.clear();
  desk.show();
  CHECK(desk.shows("k8s/privileged-container"));
  CHECK(desk.shows("2 findings: 0 critical, 1 errors, 1 warnings, 0 notes"));
  REQUIRE(desk.h.click("config_line", "L12"));
  const Probe* line = desk.h.find("config_current_line");
  REQUIRE(line != nullptr);
  CHECK(line->text == "            privileged: true");
}

TEST_CASE("ui/configs: findings are looked for in the log, and lead to its lines") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  desk.show();
  auto& review = fake().configs.reviews[0];
  REQUIRE(desk.h.click("button", "Cross-check"));
  CHECK(fake().called("cross_check " + std::to_string(review.id) + " " + review.file));
  review.cross_checked = true;
  desk.show();
  CHECK(desk.shows("No line of the log names a path"));
  review.cross = {{1, "/var/lib/pg", 31, {240, 259}}};
  desk.show();
  CHECK(desk.shows("31 lines of the log name "));
  REQUIRE(desk.h.click("cross_row", "all"));
  desk.show();
  CHECK(desk.shell->screen == Screen::logs);
  REQUIRE(fake().filter.chips.size() == 1);
  CHECK(fake().filter.chips[0].value == "/var/lib/pg");
}

TEST_CASE("ui/models: the file is checked, the loaded model tested, and what came of it is shown") {
  Desk desk(Screen::models);
  ui_test::fill(fake());
  auto& view = fake().models;
  REQUIRE(!view.models.empty());
  view.loaded_path = view.models[0].path;
  desk.show();
  REQUIRE(desk.h.click("model_check"));
  CHECK(fake().called("check_model " + view.models[0].path));
  REQUIRE(desk.h.click("button", "Quick test"));
  CHECK(fake().called("test_model"));
  view.checks[view.models[0].path] = {app::ModelCheck::State::wrong, "abc123", ""};
  view.tests[view.models[0].path] = {512, 41.5, 180, 400'000'000, app::unix_epoch_ticks};
  desk.show();
  CHECK(desk.shows("wrong: its SHA-256 is not the one known for it"));
  CHECK(desk.shows("writes 41.5 tokens/s, first token after 180 ms"));
}

TEST_CASE("ui/configs: a finding is suppressed with a reason, kept with the session, exported, and shown again") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  desk.shell->configs.group_by = 0;   // by line: the image stands first
  desk.show();
  REQUIRE(desk.h.click("button", "Suppress ..."));
  desk.show();
  desk.h.type("only in the lab");
  desk.h.press(Key::enter);
  desk.show();
  CHECK_FALSE(desk.shows("The image has no fixed version"));
  CHECK(fake().view_state["configs.suppressed"].find("only in the lab") != std::string::npos);
  REQUIRE(desk.h.click("suppressed_count", "1 suppressed"));
  desk.show();
  CHECK(desk.shows("Suppressed: only in the lab"));
  REQUIRE(desk.h.click("button", "Export"));
  desk.show();
  REQUIRE(desk.h.click("menu_item", "SARIF"));
  desk.show();
  REQUIRE(desk.shell->files.open);
  desk.shell->files.chosen("out.sarif");
  bool exported = false;
  for (const std::string& call : fake().calls) exported |= call.rfind("save_file out.sarif", 0) == 0 && call.find("\"justification\": \"only in the lab\"") != std::string::npos;
  CHECK(exported);
  desk.shell->files.open = false;
  desk.show();
  REQUIRE(desk.h.click("button", "Show again"));
  desk.show();
  CHECK(fake().view_state["configs.suppressed"].empty());
}

TEST_CASE("ui/configs: ] and [ go from finding to finding, by rule they are grouped, secrets are masked") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  auto& review = fake().configs.reviews[0];
  review.masked = review.text;
  review.masked.replace(review.masked.find("privileged: true"), 16, "<password-1>");
  review.n_secrets = 1;
  desk.show();
  CHECK(desk.shows("1 secret masked"));
  CHECK(desk.shows("<password-1>"));
  desk.h.press(Key::right_bracket);
  desk.show();
  CHECK(desk.shell->configs.chosen_line == 10);
  desk.h.press(Key::right_bracket);
  desk.show();
  CHECK(desk.shell->configs.chosen_line == 12);
  desk.h.press(Key::left_bracket);
  desk.show();
  CHECK(desk.shell->configs.chosen_line == 10);
  REQUIRE(desk.h.click("button", "Show"));
  desk.show();
  CHECK(desk.shows("privileged: true"));
  desk.shell->configs.group_by = 2;
  desk.show();
  CHECK(desk.shows("k8s/latest-tag"));
}

TEST_CASE("ui/configs: the worst findings stand first") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.find("config_finding") != nullptr);
  CHECK(desk.h.find("config_finding")->text.find("runs privileged") != std::string::npos);
}

TEST_CASE("ui/configs: a fix is asked for, shown as a diff, copied as a patch, and applied with undo") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  auto& review = fake().configs.reviews[0];
  desk.show();
  REQUIRE(desk.h.click("button", "Show the fix"));
  CHECK(fake().called("make_fix 1 deploy.yaml 1"));
  std::string fixed = review.text;
  fixed.replace(fixed.find("true"), 4, "false");
  review.fixes[1] = {fixed, ""};
  desk.show();
  CHECK(desk.h.find("fix_line", "-   privileged: true") != nullptr);
  CHECK(desk.h.find("fix_line", "+   privileged: false") != nullptr);
  CHECK(desk.h.find("fix_context", "securityContext:") != nullptr);
  CHECK(desk.h.find("fix_context", "apiVersion") == nullptr);
  REQUIRE(desk.h.click("button", "Copy patch"));
  CHECK(desk.h.clipboard.rfind("--- deploy.yaml\n+++ deploy.yaml\n@@ -9,4 +9,4 @@\n", 0) == 0);
  REQUIRE(desk.h.click("button", "Apply"));
  CHECK(fake().called("review_config_text deploy.yaml " + std::to_string(fixed.size()) + " kubernetes"));
  desk.shell->ui.undo();
  desk.show();
  CHECK(fake().called("review_config_text deploy.yaml " + std::to_string(review.text.size()) + " kubernetes"));
}

TEST_CASE("ui/configs: where no edit mends a finding the card says so, and a rule without an edit offers none") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  auto& review = fake().configs.reviews[0];
  review.fixes[1] = {};
  desk.show();
  CHECK(desk.shows("No edit by itself mends it here"));
  CHECK_FALSE(desk.shows("Show the fix"));   // the other finding's rule has none
}

TEST_CASE("ui/configs: two versions stand side by side with the findings that came and went, secrets masked") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  auto& shown = fake().configs.reviews[0];
  app::ConfigReview before = shown;
  before.id = 7;
  before.text += "          password: hunter2\n";
  before.masked = before.text;
  before.masked.replace(before.masked.find("hunter2"), 7, "<password-1>");
  shown.text.replace(shown.text.find("web:latest"), 10, "web:1.2");
  shown.findings.erase(shown.findings.begin());
  fake().configs.earlier = {before};
  desk.show();
  REQUIRE(desk.h.click("button", "Compare"));
  desk.show();
  REQUIRE(desk.h.click("menu_item", "deploy.yaml"));
  desk.show();
  CHECK(desk.shows("1 findings gone, 0 new, 1 in both;  2 lines removed, 1 added"));
  CHECK(desk.h.find("compared_finding", "k8s/latest-tag") != nullptr);
  const Probe *left = desk.h.find("side_before", "image: web:latest"), *right = desk.h.find("side_after", "image: web:1.2");
  REQUIRE(left != nullptr);
  REQUIRE(right != nullptr);
  CHECK(left->min.y == right->min.y);
  CHECK(left->max.x <= right->min.x);
  CHECK(desk.shows("<password-1>"));
  CHECK_FALSE(desk.shows("hunter2"));
  REQUIRE(desk.h.click("button", "Close the comparison"));
  desk.show();
  CHECK(desk.h.find("compare_sum") == nullptr);
}

TEST_CASE("ui/configs: with one file in one version there is nothing to compare") {
  Desk desk(Screen::configs);
  ui_test::fill(fake());
  desk.show();
  desk.h.click("button", "Compare");
  desk.show();
  CHECK(desk.h.find("menu_item", "deploy.yaml") == nullptr);
}

// --- Tasks

TEST_CASE("ui/tasks: four states, and Score asks with the chosen files") {
  Desk desk(Screen::tasks);
  desk.show();
  CHECK(desk.shows("No run yet"));
  CHECK(desk.shows("No run chosen"));
  fake().status.jobs = {job("task")};
  fake().tasks.running = true;
  desk.show();
  CHECK(desk.shows("43 %"));
  REQUIRE(desk.h.click("button", "Cancel"));
  CHECK(fake().called("cancel_job 17"));
  fake().status.jobs.clear();
  fake().tasks.running = false;
  fake().tasks.error = "answers.jsonl:3: no field id";
  desk.show();
  CHECK(desk.shows("answers.jsonl:3: no field id"));
  ui_test::fill(fake());
  fake().tasks.error.clear();
  desk.shell->tasks.data_path = "pairs.jsonl";
  desk.shell->tasks.predictions_path = "answers.jsonl";
  desk.show();
  CHECK(desk.shows("exact_match 0.5"));
  CHECK(desk.shows("kubectl get pods -A"));
  CHECK(desk.shows("other command"));
  REQUIRE(desk.h.click("button", "Score"));
  CHECK(fake().called("score_predictions cmdgen pairs.jsonl answers.jsonl"));
}

// --- Connections

namespace {

app::ConnectionView connection(const std::string& name, const std::string& kind, const std::string& url, bool leaves) {
  app::ConnectionView item;
  item.connection.name = name;
  item.connection.kind = kind;
  item.connection.url = url;
  item.leaves_machine = leaves;
  return item;
}

}  // namespace

TEST_CASE("ui/connections: none, listed with what a test said, and what could not be done") {
  Desk desk(Screen::connections);
  desk.show();
  CHECK(fake().called("refresh_connections"));
  CHECK(desk.shows("Nothing is asked of a server before a query names it"));
  auto& view = fake().connections;
  view.items = {connection("db", "clickhouse", "https://db.example:8443", true), connection("lo", "loki", "http://localhost:3100", false)};
  view.items[0].test = {app::ConnectionTest::State::failed, "connection 'db': the server refuses the password"};
  view.items[1].test = {app::ConnectionTest::State::good, "Loki, 2 labels: app pod"};
  view.error = "keyring.json: others can read the passwords in it";
  desk.show();
  CHECK(desk.h.find("connection", "on another machine") != nullptr);
  CHECK(desk.h.find("connection", "on this machine") != nullptr);
  CHECK(desk.h.find("connection_test", "refuses the password") != nullptr);
  CHECK(desk.h.find("connection_test", "2 labels") != nullptr);
  CHECK(desk.shows("others can read the passwords in it"));
  REQUIRE(desk.h.click("button", "Test"));
  CHECK(fake().called("test_connection db"));
  REQUIRE(desk.h.click("button", "Remove"));
  CHECK(fake().called("remove_connection db"));
  desk.shell->ui.undo();
  CHECK(fake().called("restore_connection"));
}

TEST_CASE("ui/connections: one is changed and keeps its password, which is never shown") {
  Desk desk(Screen::connections);
  fake().connections.items = {connection("db", "clickhouse", "https://db.example:8443", true)};
  fake().connections.items[0].has_secret = true;
  desk.show();
  REQUIRE(desk.h.click("button", "Change"));
  desk.show();
  desk.shell->connections.edited.user = "me";
  REQUIRE(desk.h.click("button", "Save"));
  CHECK(fake().called("save_connection db:db clickhouse https://db.example:8443 me (kept)"));
  desk.show();
  REQUIRE(desk.h.click("button", "Change"));
  desk.show();
  desk.shell->connections.secret = "hunter2";
  desk.show();
  CHECK_FALSE(desk.shows("hunter2"));
  REQUIRE(desk.h.click("button", "Save"));
  CHECK(fake().called("save_connection db:db clickhouse https://db.example:8443  hunter2"));
  CHECK(desk.shell->connections.secret.empty());
}

TEST_CASE("ui/connections: a new one needs a name of its own and an address") {
  Desk desk(Screen::connections);
  fake().connections.items = {connection("db", "clickhouse", "https://db.example:8443", true)};
  desk.show();
  REQUIRE(desk.h.click("button", "Add a connection"));
  desk.show();
  desk.shell->connections.edited.name = "db";
  desk.shell->connections.edited.url = "https://other.example";
  desk.show();
  desk.h.click("button", "Save");
  CHECK(std::none_of(fake().calls.begin(), fake().calls.end(), [](const std::string& c) { return c.rfind("save_connection", 0) == 0; }));
  desk.shell->connections.edited.name = "other";
  desk.show();
  REQUIRE(desk.h.click("button", "Save"));
  CHECK(fake().called("save_connection :other clickhouse https://other.example  "));
}

TEST_CASE("ui/status: the badge is offline, and amber with the server's name while one elsewhere is asked") {
  Desk desk(Screen::kql);
  desk.show();
  CHECK(desk.h.find("status", "Offline · 0 connections") != nullptr);
  fake().status.remote = {"db"};
  desk.show();
  CHECK(desk.h.find("status", "Asking db") != nullptr);
  CHECK(desk.h.find("status", "Offline") == nullptr);
  REQUIRE(desk.h.click("status", "Asking db"));
  desk.show();
  CHECK(desk.shows("leaves this machine"));
}

// --- Models

TEST_CASE("ui/models: four states, fit against free memory, load and unload") {
  Desk desk(Screen::models);
  fake().models.folder = "models";
  desk.show();
  CHECK(desk.shows("No model file yet"));
  ui_test::fill(fake());
  desk.show();
  const std::string all = desk.h.text();
  CHECK(all.find("does not fit") != std::string::npos);
  CHECK(all.find("fits   weights 98.0 MB") != std::string::npos);
  CHECK(all.find("fetch it again") != std::string::npos);
  REQUIRE(desk.h.click("button", "Unload"));
  CHECK(fake().called("unload_model"));
  REQUIRE(desk.h.click("button", "Load"));
  CHECK(fake().called("load_model models/large.gguf"));
  fake().models.loading_path = "models/large.gguf";
  fake().models.loading_stage = "weights";
  fake().models.loading_fraction = 0.43;
  desk.show();
  CHECK(desk.shows("Loading: weights  ·  43 %"));
  REQUIRE(desk.h.click("button", "Cancel"));
  CHECK(fake().called("stop_loading"));
  fake().models.error = "models: the folder cannot be read: permission denied";
  desk.show();
  CHECK(desk.shows("permission denied"));
}

TEST_CASE("ui/models: the GPU's name and how full its memory is, or why there is none") {
  Desk desk(Screen::models);
  ui_test::fill(fake());
  fake().models.no_gpu = "no NVIDIA driver: libcuda.so.1 was not found";
  desk.show();
  CHECK(desk.shows("No GPU is used: no NVIDIA driver"));
  fake().models.gpu = "NVIDIA H200, compute 9.0";
  fake().models.gpu_bytes = 140'000'000'000;
  fake().models.gpu_free_bytes = 100'000'000'000;
  desk.show();
  CHECK(desk.shows("NVIDIA H200, compute 9.0  ·  40.0 GB of 140 GB used"));
}

TEST_CASE("ui/models: a preset is chosen for one model, kept in the settings, undone and reset") {
  Desk desk(Screen::models);
  ui_test::fill(fake());
  const std::string path = fake().models.models[0].path;
  desk.show();
  CHECK(desk.h.find("model_preset", "as in the settings: Precise") != nullptr);
  REQUIRE(desk.h.click("preset_open", "change"));
  desk.show();
  REQUIRE(desk.h.click("button", "Creative"));
  REQUIRE(fake().settings.model_presets.contains(path));
  CHECK(fake().settings.model_presets[path].temperature == doctest::Approx(0.9));
  CHECK(fake().settings.model_presets[path].top_p == doctest::Approx(0.95));
  CHECK(fake().settings.temperature == 0);   // of all others
  desk.show();
  CHECK(desk.h.find("model_preset", "preset of its own: Creative") != nullptr);
  desk.shell->ui.undo();
  CHECK(fake().settings.model_presets.empty());
  desk.shell->ui.redo();
  desk.show();
  REQUIRE(desk.h.click("button", "Reset"));
  CHECK(fake().settings.model_presets.empty());
}

TEST_CASE("ui/models: the fit follows the preset's context and cache") {
  Desk desk(Screen::models);
  ui_test::fill(fake());
  auto& model = fake().models.models[0];
  fake().models.cache_bytes[model.path] = {{"f16", 1'000'000}, {"q4_0", 250'000}};
  fake().settings.model_presets[model.path].n_ctx = 8192;
  fake().settings.model_presets[model.path].cache = "q4_0";
  desk.show();
  CHECK(desk.h.find("fit", "cache " + ui::bytes_text(8192ull * 250'000)) != nullptr);
  CHECK(desk.h.find("model_preset", "context 8,192 in q4_0") != nullptr);
}

TEST_CASE("ui/models: the fit counts weights, cache, work and headroom") {
  app::ModelInfo model;
  model.weights_bytes = 2'000'000'000;
  model.kv_bytes_per_token = 100'000;
  model.work_bytes = 100'000'000;
  const Fit fits = model_fit(model, 10'000, 8'000'000'000);
  CHECK(fits.cache == 1'000'000'000);
  CHECK(fits.needed == 4'100'000'000);
  CHECK(fits.state == Fit::State::fits);
  CHECK(model_fit(model, 10'000, 3'500'000'000).state == Fit::State::tight);
  CHECK(model_fit(model, 10'000, 3'000'000'000).state == Fit::State::too_big);
}

// --- Settings, sidebar, status bar, the window as a whole

TEST_CASE("ui/settings: the one language there is stands there plainly, also where the system asks for another") {
  const char* before = std::getenv("LC_ALL");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("LC_ALL", "de_DE.UTF-8", 1);
  Desk desk(Screen::settings);
  desk.shell->settings.search = "language";
  desk.show();
  CHECK(desk.shows("English (the system asks for de_DE.UTF-8)"));
  ::setenv("LC_ALL", "C.UTF-8", 1);
  desk.show();
  REQUIRE(desk.h.find("language") != nullptr);
  CHECK(desk.h.find("language")->text == "English");
  kept.empty() ? ::unsetenv("LC_ALL") : ::setenv("LC_ALL", kept.c_str(), 1);
}

TEST_CASE("ui/settings: a change applies at once and can be undone; the search narrows the list") {
  Desk desk(Screen::settings);
  desk.show();
  CHECK(desk.shows("High contrast") == false);
  CHECK(desk.shows("UI scale"));
  desk.shell->settings.search = "data folder";
  desk.show();
  CHECK(desk.shows("data-folder"));
  desk.shell->settings.search = "secrets";
  desk.show();
  CHECK_FALSE(desk.shows("UI scale"));
  CHECK(desk.shows("Mask secrets"));
}

TEST_CASE("ui/sidebar: sessions by day, a click opens, rename with F2, delete with undo") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  const std::string all = desk.h.text();
  for (const char* part : {"Pinned", "Today", "Yesterday", "2,400 lines", "2 findings"}) {
    CAPTURE(part);
    CHECK(all.find(part) != std::string::npos);
  }
  REQUIRE(desk.h.click("session", "Login failures"));
  CHECK(fake().called("open_session 2"));
  desk.h.press(Key::f2);
  desk.show();
  CHECK(desk.shell->sidebar.renaming == 1);
  desk.h.type("x");
  desk.h.press(Key::enter);
  CHECK(fake().called("rename_session 1 x"));
}

TEST_CASE("ui/sidebar: no sessions and no hits are said, a search asks the app") {
  Desk desk(Screen::incident);
  fake().sessions.search = "nothing";
  desk.show();
  CHECK(desk.shows("Nothing found"));
  REQUIRE(desk.h.click("search"));
  desk.h.type("tls");
  CHECK(fake().called("search_sessions tls"));
}

TEST_CASE("ui/status_bar: job, model, context, speed, memory and the offline badge") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().status.jobs = {job("ingest")};
  desk.show();
  const std::string all = desk.h.text();
  for (const char* part : {"Reading syslog, parse 43 %", "SmolLM2-135M-Instruct Q4_1  ·  CPU, 8 threads", "context 908 / 4,096",
                           "41.5 tok/s", "12.0 GB free", "Offline · 0 connections"}) {
    CAPTURE(part);
    CHECK(all.find(part) != std::string::npos);
  }
  fake().status.n_connections = 2;
  desk.show();
  CHECK(desk.shows("2 connections"));
}

TEST_CASE("ui/shell: the keys of the screens switch them, ? shows the keys, the palette runs a command") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  const Key digits[] = {Key::n1, Key::n2, Key::n3, Key::n4, Key::n5, Key::n6, Key::n7, Key::n8};
  for (int i = n_screens - 1; i >= 0; --i) {
    desk.h.press(digits[i], ctrl);
    CHECK(desk.shell->screen == Screen(i));
    desk.show();
  }
  desk.h.press(Key::slash, shift);
  desk.show();
  CHECK(desk.shows("Ctrl+Shift+P, F1"));
  desk.h.press(Key::escape);
  desk.show();
  desk.h.press(Key::f1);
  desk.show();
  desk.h.type("kql");
  desk.h.press(Key::enter);
  desk.show();
  CHECK(desk.shell->screen == Screen::kql);
}

TEST_CASE("ui/shell: Ctrl+V outside a text field takes the clipboard as a log, and says when it is empty") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::v, ctrl);
  CHECK(desk.shows("The clipboard holds no text"));
  desk.h.clipboard = "Mar 14 09:00:00 db-2 kernel: out of memory\n";
  desk.h.press(Key::v, ctrl);
  CHECK(fake().called("ingest_text pasted 11:00 43"));
}

TEST_CASE("ui/shell: a pasted Kubernetes manifest is reviewed, dropped files go where they belong") {
  Desk desk(Screen::incident);
  desk.show();
  desk.shell->paste_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: []\n");
  CHECK(desk.shell->screen == Screen::configs);
  CHECK(fake().calls.back().rfind("review_config_text pasted 11:00", 0) == 0);
  desk.shell->screen = Screen::incident;
  desk.shell->drop_files({"logs/syslog"});
  CHECK(fake().called("ingest_paths logs/syslog"));
  desk.shell->drop_files({"Dockerfile"});
  CHECK(fake().called("review_config_paths Dockerfile"));
}

TEST_CASE("ui/shell: larger and smaller text stay within 75 and 300 percent") {
  Desk desk(Screen::incident);
  desk.show();
  for (int i = 0; i < 40; ++i) desk.h.press(Key::equal, ctrl);
  CHECK(fake().settings.ui_scale == doctest::Approx(3));
  for (int i = 0; i < 60; ++i) desk.h.press(Key::minus, ctrl);
  CHECK(fake().settings.ui_scale == doctest::Approx(0.75));
  desk.h.press(Key::n0, ctrl);
  CHECK(fake().settings.ui_scale == doctest::Approx(1));
}

TEST_CASE("ui/shell: every screen is drawn in a small window and at every scale without a fault") {
  for (const ImVec2 size : {ImVec2{480, 320}, ImVec2{900, 500}, ImVec2{2600, 1600}})
    for (int screen = 0; screen < n_screens; ++screen) {
      CAPTURE(size.x);
      CAPTURE(screen);
      Desk desk(Screen(screen), size.x, size.y);
      ui_test::fill(fake());
      desk.show(4);
      CHECK(desk.h.n_vertices() > 100);
    }
}

TEST_CASE("ui/shell: every theme draws every screen") {
  for (const char* theme : {"dark", "light", "high_contrast"})
    for (int screen = 0; screen < n_screens; ++screen) {
      Headless h;
      app::App app({});
      ui_test::fill(fake());
      Shell shell(app, h.fonts, {.about = "test", .wake = {}, .clock = [] { return now; }, .theme = theme, .ui_scale = 1.5f});
      shell.screen = Screen(screen);
      h.show(shell);
      CHECK(h.n_vertices() > 100);
    }
}

TEST_CASE("ui/automation_log: the state names findings, the chosen line and where the links are") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  std::string state = state_json(*desk.shell);
  CHECK(state.find("\"records\":2400") != std::string::npos);
  CHECK(state.find("Disk full: writes fail with \\\"No space left on device\\\"") != std::string::npos);
  CHECK(state.find("{\"kind\":\"citation\",\"text\":\"✓ L247\"") != std::string::npos);
  REQUIRE(desk.h.click("finding_line", "L247"));
  desk.show();
  state = state_json(*desk.shell);
  CHECK(state.find("\"flashed_line\":247") != std::string::npos);
  CHECK(state.find("\"selected_line\":247") != std::string::npos);
}
