// The Incident screen around its conversation: logs as chips, what the model will see, what came back
// after a crash, what was left out, how answers and models fail; and the sessions beside it.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "tests/ui/support/desk.h"
#include "ui/panels/attachments.h"
#include "ui/shell.h"

using namespace ui;
using ui_test::fake;
using ui_test::Desk;

namespace {

app::JobView running_job(const char* kind, int64_t session) {
  app::JobView view;
  view.id = 17;
  view.kind = kind;
  view.title = "Reading syslog";
  view.stage = "reading";
  view.count = "48,210 lines";
  view.fraction = 0.43;
  view.session = session;
  return view;
}

// Of several buttons whose label holds the text, the one that has no other.
bool click_button(Desk& desk, const std::string& label) {
  for (const Probe& probe : desk.shell->ui.probes)
    if (probe.kind == "button" && probe.text == label) {
      desk.h.click_at((probe.min.x + probe.max.x) / 2, (probe.min.y + probe.max.y) / 2);
      return true;
    }
  return false;
}

app::Answer& answer() { return *fake().incident.messages[1].answer; }

}  // namespace

// --- logs as chips

TEST_CASE("ui/attachments: a chip says name, lines, span of time and zone, with ? where it was assumed") {
  app::Source source;
  source.name = "nginx.log";
  source.n_lines = 48210;
  source.first_time = app::unix_epoch_ticks + 1'773'479'520LL * app::ticks_per_second;   // 2026-03-14 09:12
  source.last_time = source.first_time + 148LL * 60 * app::ticks_per_second;
  source.time_zone = "assumed UTC";
  CHECK(attachment_text(source) == "nginx.log, 48,210 lines, 09:12–11:40, UTC?");
  source.time_zone = "+02:00";
  source.last_time += 86400 * app::ticks_per_second;
  CHECK(attachment_text(source) == "nginx.log, 48,210 lines, 03-14 09:12 – 03-15 11:40, +02:00");
  source.first_time = source.last_time = app::no_time;
  CHECK(attachment_text(source) == "nginx.log, 48,210 lines, no times");
}

TEST_CASE("ui/incident: the log of the session stands as a chip above the question and opens in Logs") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.click("attachment", "db-2.log, 2,400 lines"));
  desk.show();
  CHECK(desk.shell->screen == Screen::logs);
  CHECK(desk.shell->logs.list.selected == 0);
  desk.h.press(Key::left, alt);
  CHECK(desk.shell->screen == Screen::incident);
}

TEST_CASE("ui/incident: a log being read is a chip with its progress, and a click stops it") {
  Desk desk(Screen::incident);
  fake().incident.session = 4;
  fake().status.jobs = {running_job("ingest", 4)};
  desk.show();
  CHECK(desk.shows("Reading syslog, 48,210 lines, 43 %"));
  REQUIRE(desk.h.click("attachment_reading"));
  CHECK(fake().called("cancel_job 17"));
  fake().status.jobs = {running_job("ingest", 5)};   // another session's
  desk.show();
  CHECK(desk.h.find("attachment_reading") == nullptr);
}

TEST_CASE("ui/incident: the logs that came with a question are chips below it, and open in Logs") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().incident.attachments = {{fake().incident.messages[0].id, {fake().incident.log->sources()[0].id}}};
  desk.show();
  CHECK(desk.shows("1 log of earlier questions"));   // above the question it has become a count
  REQUIRE(desk.h.click("attached", "db-2.log, 2,400 lines"));
  desk.show();
  CHECK(desk.shell->screen == Screen::logs);
}

TEST_CASE("ui/shell: a session that takes its time to open stands above the screen and can be cancelled") {
  Desk desk(Screen::logs);
  ui_test::fill(fake());
  fake().sessions.opening = 2;
  fake().status.jobs = {running_job("open", 2)};
  fake().status.jobs[0].title = "Opening \"Login failures\"";
  desk.show();
  CHECK(desk.h.find("button", "Cancel") == nullptr);   // most are there before anyone sees it
  fake().status.jobs[0].seconds = 0.5;
  desk.show();
  CHECK(desk.shows("Opening \"Login failures\""));
  REQUIRE(desk.h.click("button", "Cancel"));
  CHECK(fake().called("cancel_job 17"));
}

TEST_CASE("ui/shell: where no session is open the screens of sessions say what to do") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().sessions.current = fake().incident.session = 0;
  desk.show();
  CHECK(desk.shows("No session is open"));
  CHECK_FALSE(desk.shows("What it sees"));
  REQUIRE(desk.h.click("button", "Open the sample"));
  CHECK(fake().called("open_sample"));
  desk.shell->screen = Screen::tasks;
  desk.show();
  CHECK_FALSE(desk.shows("No session is open"));
}

// --- what the model will see

TEST_CASE("ui/incident: too big for the model: packed by template, and the other two ways are a click away") {
  Desk desk(Screen::incident, 1800, 900);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::i, ctrl);
  desk.h.press(Key::escape);
  desk.show(5);
  CHECK(desk.shows("Too big for the model: 12 lines of evidence E4"));
  CHECK(desk.shows("● Pack by template"));
  REQUIRE(desk.h.click("button", "Send anyway with cut"));
  CHECK(fake().called("set_packing cut"));
  desk.show();
  CHECK(desk.shows("● Send anyway with cut"));
  REQUIRE(desk.h.click("button", "Pick range…"));
  desk.show();
  REQUIRE(desk.h.click("button", "Use these lines"));
  CHECK(fake().called("set_packing range " + std::to_string(fake().incident.log->sources()[0].id) + " 1 2400"));
  desk.show();
  CHECK(desk.shows("Only lines 1 to 2,400"));
  REQUIRE(desk.h.click("button", "Pack by template"));
  CHECK(fake().called("set_packing by_template"));
}

TEST_CASE("ui/incident: where the choices do not fit beside each other they are a menu") {
  Desk desk(Screen::incident, 900, 700);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::i, ctrl);
  desk.h.press(Key::escape);
  desk.show(5);
  REQUIRE(desk.h.click("button", "● Pack by template  ▾"));
  desk.show();
  REQUIRE(desk.h.click("menu_item", "Send anyway with cut"));
  CHECK(fake().called("set_packing cut"));
}

TEST_CASE("ui/status_bar: in a narrow window the offline badge stays, the speed goes") {
  Desk desk(Screen::incident, 760, 600);
  ui_test::fill(fake());
  desk.show();
  const Probe* badge = desk.h.find("status", "Offline");
  REQUIRE(badge != nullptr);
  CHECK(badge->max.x <= 760);
  CHECK(desk.h.find("status", "tok/s") == nullptr);
}

TEST_CASE("ui/incident: the bar of the context counts system, checks, lines, question, history and the answer's room") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().preview = {};
  fake().preview.parts = {{"instructions", "", 100}, {"question", "", 20}, {"ending", "", 2}, {"finding disk_full", "", 30}, {"E1", "", 40}, {"E1 line 2", "", 41}};
  fake().preview.n_ctx = 4096;
  fake().preview.n_answer_tokens = 256;
  desk.shell->incident.session = 1;
  desk.shell->incident.prepared_for = fake().incident.findings.size() + 1;
  desk.show();
  const Probe* bar = desk.h.find("context_bar");
  REQUIRE(bar != nullptr);
  for (const char* part : {"system: 102", "checks: 30", "lines: 81", "question: 20", "history: 0", "answer room: 256", "free: 3,607"}) {
    CAPTURE(part);
    CHECK(bar->text.find(part) != std::string::npos);
  }
}

TEST_CASE("ui/incident: parts that did not fit are listed in the preview, each with its size") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::i, ctrl);
  fake().preview.dropped = {{"E9", "[E9] retry 3 of 5 failed", 14}};
  fake().preview.parts.clear();
  desk.show();
  CHECK(desk.shows("Not sent"));
  CHECK(desk.shows("E9   14 tokens, no room"));
}

// --- nothing silent

TEST_CASE("ui/incident: what reading and checks left out is said among the findings, with the button that changes it") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().incident.notes = {"Times without a year: 2026 was assumed.", "Line 4 was cut.",
                           "Every line of a.log was checked, but the 20 checks that read lines together left out 800000 records."};
  fake().incident.lines_only = true;
  desk.show();
  CHECK(desk.shows("left out 800000 records"));
  CHECK_FALSE(desk.shows("2026 was assumed"));
  REQUIRE(desk.h.click("button", "2 notes on what was cut or assumed"));
  desk.show();
  CHECK(desk.shows("2026 was assumed"));
  REQUIRE(desk.h.click("button", "Read it whole"));
  CHECK(fake().called("check_again all"));
}

TEST_CASE("ui/incident: a finding says how its check decides, and what stands out by counting has cards, 0 found too") {
  Desk desk(Screen::incident, 1400, 1600);
  ui_test::fill(fake());
  fake().incident.unusual = {{fake().incident.anomalies[0], {fake().incident.log->line_ref(240)}}};
  desk.show();
  CHECK(desk.shows("How: Lines with ENOSPC or its text"));
  CHECK(desk.shows("New kinds of line   1 found"));
  CHECK(desk.shows("was never seen before"));
  CHECK(desk.shows("0 found: Bursts"));
  REQUIRE(desk.h.click("unusual_line", "L247"));
  CHECK(desk.shell->screen == Screen::logs);
}

TEST_CASE("ui/incident: hovering a line of evidence shows it among its neighbours") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  REQUIRE(desk.h.hover("finding_line", "L247"));
  // The lines are read on a thread of their own.
  for (int i = 0; i < 2000 && !desk.shows("   248  2026-03-14"); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(desk.shows("   246  2026-03-14"));
  CHECK(desk.shows("   247  2026-03-14"));
  CHECK(desk.shows("   248  2026-03-14"));
}

// --- after a crash

TEST_CASE("ui/incident: after a crash a banner counts sessions and unsaved edits; Open opens, Discard can be undone") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().sessions.recovered = {{1}, {"Disk full: question not sent: \"why\"", "Disk full: syslog not read to its end"}};
  desk.show();
  CHECK(desk.shows("Recovered 1 session, 2 unsaved edits"));
  CHECK(desk.shows("question not sent: \"why\""));
  REQUIRE(desk.h.click("button", "Discard"));
  CHECK(fake().called("discard_recovered"));
  desk.show();
  CHECK_FALSE(desk.shows("Recovered 1 session"));
  desk.h.press(Key::z, ctrl);
  CHECK(fake().called("restore_recovered"));
  fake().sessions.recovered = {{1}, {}};
  desk.show();
  CHECK(desk.shows("0 unsaved edits"));
  REQUIRE(click_button(desk, "Open"));
  CHECK(fake().called("open_recovered"));
}

TEST_CASE("ui/incident: a notice and an error go away when they were read") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().incident.error = "syslog.gz: the archive ends in the middle of a block; copy the file again";
  desk.show();
  REQUIRE(desk.h.click("button", "Dismiss"));
  CHECK(fake().called("dismiss_notice"));
  desk.show();
  CHECK_FALSE(desk.shows("copy the file again"));
}

// --- answers and models that fail

TEST_CASE("ui/incident: bad output is kept and labelled, and retried with another seed") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  answer().text = "**Summary.** The disk is full.\n## Text of the model (not used: it repeats itself)\n\nThe the the\n";
  answer().citations.clear();
  answer().from_model = false;
  answer().stop_reason = "max_tokens";
  desk.show();
  CHECK(desk.shows("Bad output: the model's text was not used, as it repeats itself"));
  CHECK(desk.shows("tried with SmolLM2"));
  REQUIRE(desk.h.click("button", "Retry with another seed"));
  CHECK(fake().called("ask_again 1 What broke, and why do the orders time out? other seed"));
}

TEST_CASE("ui/incident: each command of an answer has a copy button, and one that changes state says so again") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  answer().text = "See `not a command` here.\n- Look (read-only): `df -h`\n- Free space (**changes state**): `rm -r /var/tmp/x`\n";
  answer().citations.clear();
  desk.show();
  std::vector<std::pair<float, float>> chips;
  for (const Probe& probe : desk.shell->ui.probes)
    if (probe.kind == "citation" && probe.text == "Copy") chips.emplace_back((probe.min.x + probe.max.x) / 2, (probe.min.y + probe.max.y) / 2);
  REQUIRE(chips.size() == 2);
  desk.h.click_at(chips[0].first, chips[0].second);
  CHECK(desk.shell->ui.copied == "df -h");
  desk.h.click_at(chips[1].first, chips[1].second);
  CHECK(desk.shell->ui.copied == "rm -r /var/tmp/x");
  CHECK(desk.shows("this command changes state"));
}

TEST_CASE("ui/incident: an answer that was cut says so and can be had longer, with undo of the setting") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  answer().stop_reason = "max_tokens";
  answer().generated_tokens = 256;
  desk.show();
  CHECK(desk.shows("cut at its limit of 256 tokens"));
  REQUIRE(desk.h.click("button", "Retry with twice as many"));
  CHECK(fake().settings.max_answer_tokens == 512);
  CHECK(fake().called("ask_again 1 What broke, and why do the orders time out?"));
  desk.h.press(Key::z, ctrl);
  CHECK(fake().settings.max_answer_tokens == 256);
}

TEST_CASE("ui/incident: a model that does not load shows needed against free memory with the sum, and ways on") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().status.model.clear();
  fake().models.loaded_path.clear();
  fake().models.error = "models/large.gguf needs 90 GB and 12 GB are free";
  fake().models.failed_path = "models/large.gguf";
  fake().models.gpu = "NVIDIA H200";
  desk.show();
  CHECK(desk.shows("needs 90 GB and 12 GB are free"));
  CHECK(desk.shows("weights 90.0 GB + cache 94.4 MB for 4,096 tokens + work 40.0 MB + headroom 1.0 GB. Free now: 12.0 GB."));
  REQUIRE(desk.h.click("button", "Smaller context"));
  CHECK(fake().settings.n_ctx == 2048);
  CHECK(fake().called("load_model models/large.gguf"));
  REQUIRE(desk.h.click("button", "On the CPU"));
  CHECK(fake().settings.gpu == "off");
  REQUIRE(desk.h.click("button", "Other model"));
  CHECK(desk.shell->screen == Screen::models);
}

// --- reports

TEST_CASE("ui/report: the dialog shows the text and what is masked before anything is written") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::e, ctrl | shift);
  desk.show();
  CHECK(fake().called("prepare_report .md masked"));
  CHECK(desk.shows("password=<password-1>"));
  CHECK(desk.shows("1 secret masked"));
  REQUIRE(desk.h.click("mask_secrets"));
  desk.show();
  CHECK(fake().called("prepare_report .md"));
  CHECK(desk.shows("password=hunter2"));
  CHECK(desk.shows("will be in the report as they are"));
  REQUIRE(desk.h.click("button", "HTML"));
  desk.show();
  CHECK(fake().called("prepare_report .html"));
  REQUIRE(desk.h.click("button", "Write it…"));
  desk.show(5);
  CHECK(desk.shell->files.open);
  CHECK(desk.shell->files.name.ends_with(".html"));
  desk.shell->files.chosen("out.html");
  CHECK(fake().called("export_report out.html"));
}

// --- the sessions beside it

TEST_CASE("ui/sidebar: each session says what runs in it or why it failed, also those not shown") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().status.jobs = {running_job("ingest", 2)};
  fake().sessions.errors[3] = "big.log: no space left on device";
  desk.show();
  CHECK(desk.shows("reading 43 %  ·  48,210 lines"));
  CHECK(desk.shows("failed: big.log"));
  CHECK(desk.h.find("session_state", "running") != nullptr);
  CHECK(desk.h.find("session_state", "error") != nullptr);
  CHECK(desk.h.find("session_state", "findings") != nullptr);
}

TEST_CASE("ui/sidebar: a search shows where its words were found") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  fake().sessions.search = "orders";
  fake().sessions.hits[1] = "message: What broke, and why do the orders time out?";
  desk.show();
  CHECK(desk.shows("message: What broke"));
}

TEST_CASE("ui/sidebar: Ctrl+click chooses several, to be exported into a folder or archived with undo") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.shell->sidebar.chosen = {1, 2};
  desk.show();
  CHECK(desk.shows("2 chosen"));
  REQUIRE(desk.h.click("button", "Export…"));
  desk.show();
  REQUIRE(desk.shell->files.open);
  desk.shell->files.chosen("backup");
  CHECK(fake().called("export_sessions 1 2 to backup"));
  desk.h.press(Key::escape);
  desk.shell->sidebar.chosen = {1, 2};
  desk.show(5);
  REQUIRE(desk.h.click("button", "Archive"));
  CHECK(fake().called("archive_session 2 1"));
  desk.h.press(Key::z, ctrl);
  CHECK(fake().called("archive_session 2 0"));
}

TEST_CASE("ui/sidebar: a new name can be undone, and without sessions the three ways to begin stand there") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  desk.h.press(Key::f2);
  desk.show();
  desk.h.type("x");
  desk.h.press(Key::enter);
  desk.h.press(Key::z, ctrl);
  CHECK(fake().called("rename_session 1 Disk full on db-2"));
  fake().sessions = {};
  desk.show();
  CHECK(desk.shows("No sessions yet"));
  REQUIRE(desk.h.click("button", "Open the sample"));
  CHECK(fake().called("open_sample"));
}

TEST_CASE("ui/status_bar: the context is a bar of used against total, and every field can be copied") {
  Desk desk(Screen::incident);
  ui_test::fill(fake());
  desk.show();
  const Probe* meter = desk.h.find("context_meter");
  REQUIRE(meter != nullptr);
  CHECK(meter->text == "22 %");
  REQUIRE(desk.h.click("status", "context 908", 1));
  desk.show();
  REQUIRE(desk.h.click("menu_item", "Copy"));
  CHECK(desk.shell->ui.copied == "context 908 / 4,096");
}
