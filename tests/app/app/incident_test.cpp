// Sessions as an on-call engineer leans on them: work goes on when another one is shown, what failed
// stays said, a crash loses nothing silently, and the prompt and the report hold what was chosen.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "app/app.h"
#include "tests/app/app/app_fixture.h"

using namespace app;

namespace {

std::string log_text(int n_lines) {
  std::string text;
  for (int i = 0; i < n_lines; ++i)
    text += "2026-03-01T10:00:" + std::string(i % 60 < 10 ? "0" : "") + std::to_string(i % 60) + "Z web-1 app[12]: request " + std::to_string(i) + " served in 3 ms\n";
  return text + "2026-03-01T10:01:00Z web-1 kernel: Out of memory: Killed process 4242 (java) total-vm:8123456kB\n";
}

// Runs work in a process of its own that ends without closing anything.
void crash_after(const std::function<void()>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
}

}  // namespace

TEST_CASE("app/incident: after a crash the draft and the session are counted, and Discard can be taken back") {
  const TemporaryFolder folder;
  crash_after([&] {
    App* app = new App(options_for(folder));
    app->ingest_text("pasted 10:42", log_text(10));
    if (!wait_until(*app, [&] { return !app->incident()->findings.empty() && idle(*app); })) ::_exit(1);
    app->set_draft("what ate the memory");
  });
  App app(options_for(folder));
  wait_for_opening(app);
  const auto sessions = app.sessions();
  REQUIRE(sessions->recovered.sessions.size() == 1);
  REQUIRE(sessions->recovered.edits.size() == 1);
  CHECK(sessions->recovered.edits[0] == "pasted 10:42: question not sent: \"what ate the memory\"");
  CHECK(app.incident()->draft == "what ate the memory");
  app.discard_recovered();
  CHECK(app.incident()->draft.empty());
  CHECK(app.sessions()->recovered.sessions.empty());
  app.restore_recovered();
  CHECK(app.incident()->draft == "what ate the memory");
}

TEST_CASE("app/incident: a session opened again shows the evidence of its findings, though nothing was asked") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
    app.ingest_text("pasted", log_text(10));
    REQUIRE(wait_until(app, [&] { return !app.incident()->findings.empty() && idle(app); }));
    CHECK_FALSE(app.incident()->evidence.empty());
  }
  App again(options_for(folder));
  REQUIRE(wait_until(again, [&] { return !again.incident()->evidence.empty(); }));
  CHECK(again.incident()->evidence[0].lines[0].text.find("Out of memory") != std::string::npos);
}

TEST_CASE("app/incident: the program can be closed at any moment of reading") {
  for (int ms = 0; ms < 60; ms += 3) {
    CAPTURE(ms);
    const TemporaryFolder folder;
    App app(options_for(folder, true));
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  }
}

TEST_CASE("app/incident: closed properly, nothing is recovered") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
    app.ingest_text("pasted", log_text(10));
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 11; }));
    app.set_draft("typed");
  }
  App again(options_for(folder));
  wait_for_opening(again);
  CHECK(again.sessions()->recovered.sessions.empty());
  CHECK(again.incident()->draft == "typed");
}

TEST_CASE("app/incident: a reading cut off by a crash is said, and the checks run over what is there") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/big.log";
  std::ofstream(path) << log_text(0) << log_text(400'000);
  crash_after([&] {
    App* app = new App(options_for(folder));
    app->ingest_paths({path});
    // Killed once some of it has been written; on a slow machine that takes a while.
    const auto written = [&] {
      std::error_code none;
      const auto size = std::filesystem::file_size(folder.path() + "/sigmadesk.db-wal", none);
      return !none && size > 2'000'000;
    };
    if (!wait_until(*app, [&] { return written() || idle(*app); })) ::_exit(1);
  });
  App app(options_for(folder));
  wait_for_opening(app);
  const auto view = app.incident();
  if (view->notice.empty()) {
    MESSAGE("SKIPPED: the machine read the whole log before it could be stopped");
    return;
  }
  CHECK(view->notice.find("big.log was not read to its end") == 0);
  CHECK(app.sessions()->recovered.edits.size() == 1);
  REQUIRE(view->log->n_rows() > 0);
  CHECK(wait_until(app, [&] { return !app.incident()->findings.empty(); }));
}

TEST_CASE("app/incident: reading and checking go on while another session is shown") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const int64_t first = app.incident()->session;
  app.ingest_text("pasted", log_text(60'000));
  app.new_session();
  const int64_t second = app.incident()->session;
  CHECK(second != first);
  bool seen = false;
  const auto status = app.status();
  for (const JobView& job : status->jobs) seen = seen || (job.kind == "ingest" && job.session == first);
  CHECK(seen);
  REQUIRE(wait_until(app, [&] { return idle(app); }));
  CHECK(app.incident()->findings.empty());
  const auto sessions = app.sessions();
  for (const SessionInfo& info : sessions->sessions)
    if (info.id == first) CHECK(info.n_findings > 0);
  app.open_session(first);
  wait_for_opening(app);
  CHECK_FALSE(app.incident()->findings.empty());
  CHECK(app.incident()->log->n_rows() == 60'001);
}

TEST_CASE("app/incident: why a session's work failed stays with it until it is dismissed") {
  const TemporaryFolder folder;
  int64_t failed = 0;
  {
    App app(options_for(folder));
    failed = app.incident()->session;
    app.ingest_paths({folder.path() + "/none.log"});
    REQUIRE(wait_until(app, [&] { return app.sessions()->errors.contains(failed); }));
    app.new_session();
    CHECK(app.incident()->error.empty());
  }
  App again(options_for(folder));
  REQUIRE(again.sessions()->errors.contains(failed));
  again.open_session(failed);
  wait_for_opening(again);
  CHECK(again.incident()->error.find("none.log") != std::string::npos);
  again.dismiss_notice();
  CHECK(again.incident()->error.empty());
  CHECK_FALSE(again.sessions()->errors.contains(failed));
}

TEST_CASE("app/incident: a copy is made by a job and shown when it is there") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("pasted", log_text(100));
  REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 101; }));
  const int64_t original = app.incident()->session;
  app.duplicate_session(original);
  REQUIRE(wait_until(app, [&] { return app.incident()->session != original; }));
  CHECK(app.incident()->title == "pasted (copy)");
  CHECK(app.incident()->log->n_rows() == 101);
}

TEST_CASE("app/incident: a log pasted while the sample is shown begins a session of its own") {
  const TemporaryFolder folder;
  App app(options_for(folder, true));
  REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
  const int64_t sample = app.incident()->session;
  const uint64_t n_rows = app.incident()->log->n_rows();
  app.ingest_text("pasted", log_text(5));
  CHECK(app.incident()->session != sample);
  REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 6; }));
  app.open_session(sample);
  wait_for_opening(app);
  CHECK(app.incident()->log->n_rows() == n_rows);
}

TEST_CASE("app/incident: what was cut while reading is said, and still said after a restart") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
    app.ingest_text("pasted", log_text(3) + "2026-03-01T10:02:00Z web-1 app[12]: " + std::string(100'000, 'x') + "\n");
    REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
    REQUIRE_FALSE(app.incident()->notes.empty());
    CHECK(app.incident()->notes.back().find("longer than 64 KiB") != std::string::npos);
  }
  App again(options_for(folder));
  wait_for_opening(again);
  REQUIRE_FALSE(again.incident()->notes.empty());
  CHECK(again.incident()->notes.back().find("longer than 64 KiB") != std::string::npos);
}

TEST_CASE("app/incident: a chosen range is all that the prompt shows of the log, and the choice is kept") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
    app.ingest_text("pasted", log_text(200));
    REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
    const uint32_t source = app.incident()->log->sources().front().id;
    app.set_packing({Packing::Mode::range, source, 20, 22});
    const PromptPreview preview = app.preview_prompt("what is slow?");
    std::string lines;
    for (const PromptPreview::Part& part : preview.parts)
      if (part.name[0] == 'E') lines += part.text;
    CHECK(lines.find("request 19 ") != std::string::npos);
    CHECK(lines.find("request 21 ") != std::string::npos);
    CHECK(lines.find("Out of memory") == std::string::npos);
    CHECK(lines.find("request 22 ") == std::string::npos);
  }
  App again(options_for(folder));
  wait_for_opening(again);
  CHECK(again.incident()->packing.mode == Packing::Mode::range);
  CHECK(again.incident()->packing.last_line == 22);
}

TEST_CASE("app/incident: the report shows secrets masked or not as chosen, and the queries with what they give") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("pasted", log_text(5) + "2026-03-01T10:01:01Z web-1 kernel: Out of memory: Killed process 7 (password=hunter2secret)\n");
  REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
  app.run_query("Logs | summarize n = count() by Process");
  REQUIRE(wait_until(app, [&] { return app.kql()->history.size() == 1; }));
  app.prepare_report(".md", true);
  REQUIRE(wait_until(app, [&] { return !app.report()->text.empty(); }));
  CHECK(app.report()->text.find("hunter2secret") == std::string::npos);
  CHECK_FALSE(app.report()->masked.empty());
  CHECK(app.report()->text.find("summarize n = count() by Process") != std::string::npos);
  CHECK(app.report()->text.find("kernel\t2") != std::string::npos);
  app.prepare_report(".md", false);
  REQUIRE(wait_until(app, [&] { return !app.report()->mask_secrets; }));
  CHECK(app.report()->text.find("hunter2secret") != std::string::npos);
  CHECK_FALSE(app.report()->masked.empty());
}

TEST_CASE("app/incident: a search finds sessions by what was asked in them and says where") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const int64_t asked = app.incident()->session;
  app.ingest_text("pasted", log_text(5));
  REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
  app.ask("which zebra ate the memory?");
  REQUIRE(wait_until(app, [&] { return app.incident()->messages.size() == 2; }));
  app.new_session();
  app.search_sessions("zebra");
  REQUIRE(wait_until(app, [&] { return app.sessions()->search == "zebra"; }));
  const auto view = app.sessions();
  REQUIRE(view->sessions.size() == 1);
  CHECK(view->sessions[0].id == asked);
  CHECK(view->hits.at(asked).find("zebra") != std::string::npos);
  app.search_sessions("");
  CHECK(app.sessions()->sessions.size() == 2);
}

TEST_CASE("app/incident: several sessions are exported as files of their own, none over another") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("same name", log_text(5));
  const int64_t first = app.incident()->session;
  REQUIRE(wait_until(app, [&] { return idle(app) && !app.incident()->findings.empty(); }));
  app.new_session();
  const int64_t second = app.incident()->session;
  app.rename_session(second, "same name");
  const std::string target = folder.path() + "/out";
  app.export_sessions({first, second}, target);
  REQUIRE(wait_until(app, [&] { return idle(app); }));
  CHECK(std::filesystem::exists(target + "/same name.sigma"));
  CHECK(std::filesystem::exists(target + "/same name 2.sigma"));
  app.import_session(target + "/same name.sigma");
  REQUIRE(wait_until(app, [&] { return app.incident()->session != second; }));
  CHECK(app.incident()->log->n_rows() == 6);
}
