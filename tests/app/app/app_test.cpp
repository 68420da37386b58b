// The whole way from a pasted log to a stored answer, without a model and without a window.
#include "app/app.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "engine/base/error.h"
#include "tests/app/app/app_fixture.h"

using namespace app;

namespace {

const char* const oom_log =
    "2026-03-01T10:00:00Z web-1 systemd[1]: Started shop.service\n"
    "2026-03-01T10:00:05Z web-1 kernel: Out of memory: Killed process 4242 (java) total-vm:8123456kB, "
    "anon-rss:7123456kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:15000kB oom_score_adj:0\n"
    "2026-03-01T10:00:06Z web-1 systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL\n";

}  // namespace

TEST_CASE("app: a pasted log gives findings, a question an answer with verified lines, and both reopen") {
  const TemporaryFolder folder;
  int64_t session = 0;
  std::string answer;
  {
    App app(options_for(folder));
    app.ingest_text("pasted", oom_log);
    REQUIRE(wait_until([&] { return !app.incident()->findings.empty() && idle(app); }));
    const auto incident = app.incident();
    session = incident->session;
    CHECK(incident->findings[0].title.find("emory") != std::string::npos);
    CHECK(incident->log->n_rows() == 3);
    REQUIRE(!incident->findings[0].evidence.empty());
    CHECK(incident->findings[0].evidence[0].line == 2);

    app.ask("what broke?");
    REQUIRE(wait_until([&] { return app.incident()->messages.size() == 2; }));
    const Message reply = app.incident()->messages[1];
    REQUIRE(reply.answer);
    CHECK_FALSE(reply.answer->from_model);
    CHECK(reply.answer->n_supported > 0);
    answer = reply.text;
  }
  App again(options_for(folder));
  wait_for_opening(again);
  const auto incident = again.incident();
  CHECK(incident->session == session);
  CHECK(incident->log->n_rows() == 3);
  REQUIRE(incident->messages.size() == 2);
  CHECK(incident->messages[1].text == answer);
  CHECK(!incident->findings.empty());
}

TEST_CASE("app: the first start shows the sample incident with findings") {
  const TemporaryFolder folder;
  App app(options_for(folder, true));
  REQUIRE(wait_until([&] { return !app.incident()->findings.empty(); }));
  CHECK(app.incident()->title.find("Sample") == 0);
  CHECK(!app.incident()->notice.empty());
  app.open_sample();
  CHECK(app.sessions()->sessions.size() == 1);
}

TEST_CASE("app: a second instance on the same folder is refused with a clear message") {
  const TemporaryFolder folder;
  const App first(options_for(folder));
  CHECK_THROWS_AS(App second(options_for(folder)), engine::Error);
}

TEST_CASE("app: a log that does not exist becomes an error of the session, not a crash") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_paths({folder.path() + "/none.log"});
  REQUIRE(wait_until([&] { return !app.incident()->error.empty(); }));
  CHECK(app.incident()->error.find("none.log") != std::string::npos);
}

TEST_CASE("app: a query over the session's log gives a table and enters the history") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("pasted", oom_log);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 3; }));
  app.run_query("Logs | where Process == 'kernel' | count");
  REQUIRE(wait_until([&] { return app.kql()->result != nullptr; }));
  CHECK(app.kql()->result->text(0, 0) == "1");
  CHECK(wait_until([&] { return app.kql()->history.size() == 1; }));  // it is written after the result is shown
}

TEST_CASE("app: a deleted session comes back with undo") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const int64_t id = app.incident()->session;
  app.delete_session(id);
  CHECK(app.incident()->session != id);
  app.undo_delete_session();
  wait_for_opening(app);
  CHECK(app.incident()->session == id);
}

TEST_CASE("app: a filter narrows the rows and the histogram") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("pasted", oom_log);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 3; }));
  LogFilter filter;
  FilterChip chip;
  chip.value = "systemd";
  filter.chips.push_back(chip);
  app.set_filter(filter);
  REQUIRE(wait_until([&] { return !app.logs()->filtering && app.logs()->rows != nullptr; }));
  CHECK(app.logs()->n_shown() == 2);
  CHECK(app.logs()->histogram.n_records == 2);
}

TEST_CASE("app: reviewed configs stay with the session") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
    app.review_config_text("pod.yaml",
                           "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n"
                           "  - name: web\n    image: nginx:latest\n    securityContext:\n      privileged: true\n");
    REQUIRE(wait_until([&] { return !app.configs()->reviews.empty(); }));
    CHECK(!app.configs()->reviews[0].findings.empty());
  }
  App again(options_for(folder));
  wait_for_opening(again);
  REQUIRE(again.configs()->reviews.size() == 1);
  CHECK(again.configs()->reviews[0].kind == "kubernetes");
  CHECK(!again.configs()->reviews[0].findings.empty());
}
