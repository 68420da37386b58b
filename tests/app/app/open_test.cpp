// Opening a session beside the frame's thread: shown when it is there, stopped, asked of meanwhile; what
// is stored with it comes back.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "app/app.h"
#include "app/template_groups.h"
#include "tests/app/app/app_fixture.h"

using namespace app;

namespace {

// Without finish_jobs(): as long as the frame's thread does nothing.
bool wait_for_jobs(const App& app) {
  for (int i = 0; i < 6000 && !idle(app); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return idle(app);
}

std::string log_of(int n, const std::string& what) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += "2026-03-01T10:00:" + std::string(i % 60 < 10 ? "0" : "") + std::to_string(i % 60) + "Z web-1 app[12]: " + what + " " + std::to_string(i) + "\n";
  return text;
}

// A folder with two sessions of one log each; the second was shown last.
struct TwoSessions {
  TemporaryFolder folder;
  int64_t first = 0, second = 0;

  TwoSessions() {
    App app(options_for(folder));
    first = app.incident()->session;
    app.ingest_text("one", log_of(10, "request served"));
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 10; }));
    app.new_session();
    second = app.incident()->session;
    app.ingest_text("two", log_of(20, "request served"));
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 20; }));
  }
};

}  // namespace

TEST_CASE("app/open: a session is read by a job, and the one before stays until it is there") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  CHECK(app.incident()->session == 0);   // nothing was waited for
  CHECK(app.sessions()->opening == stored.second);
  REQUIRE(wait_until(app, [&] { return app.incident()->session == stored.second; }));
  CHECK(app.sessions()->opening == 0);
  app.open_session(stored.first);
  CHECK(app.sessions()->opening == stored.first);
  REQUIRE(wait_for_jobs(app));
  CHECK(app.incident()->session == stored.second);
  app.finish_jobs();
  CHECK(app.incident()->session == stored.first);
  CHECK(app.incident()->log->n_rows() == 10);
}

TEST_CASE("app/open: a job says what it reads and of which session, and cancelling it keeps what was shown") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  REQUIRE(wait_until(app, [&] { return app.incident()->session == stored.second; }));
  app.open_session(stored.first);
  int64_t job = 0;
  const auto status = app.status();
  for (const JobView& view : status->jobs)
    if (view.kind == "open" && view.session == stored.first) job = view.id;
  REQUIRE(job != 0);
  app.cancel_job(job);
  CHECK(app.sessions()->opening == 0);
  REQUIRE(wait_for_jobs(app));
  app.finish_jobs();
  CHECK(app.incident()->session == stored.second);
}

TEST_CASE("app/open: a log pasted while the first session is opened goes into that session") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  app.ingest_text("more", log_of(5, "request served"));
  REQUIRE(wait_until(app, [&] { return app.incident()->session == stored.second && app.incident()->log->n_rows() == 25; }));
}

TEST_CASE("app/open: a log pasted before the opening was cancelled is not lost") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  app.ingest_text("more", log_of(5, "request served"));
  const auto status = app.status();
  for (const JobView& view : status->jobs)
    if (view.kind == "open") app.cancel_job(view.id);
  REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 5; }));
  CHECK(app.incident()->session != stored.second);
}

TEST_CASE("app/open: of two that are wanted one after the other the last one is shown") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  for (int i = 0; i < 5; ++i) {
    app.open_session(stored.first);
    app.open_session(stored.second);
    app.open_session(stored.first);
  }
  REQUIRE(wait_until(app, [&] { return app.sessions()->opening == 0; }));
  CHECK(app.incident()->session == stored.first);
  CHECK(app.incident()->error.empty());
}

TEST_CASE("app/open: the program can be closed at any moment of opening") {
  const TwoSessions stored;
  for (int ms = 0; ms < 20; ++ms) {
    CAPTURE(ms);
    App app(options_for(stored.folder));
    app.open_session(stored.first);
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  }
  App app(options_for(stored.folder));
  CHECK(wait_until(app, [&] { return app.incident()->log->n_rows() > 0; }));
}

TEST_CASE("app/open: a session that is not there any more is an error, and the one shown stays") {
  const TwoSessions stored;
  App app(options_for(stored.folder));
  REQUIRE(wait_until(app, [&] { return app.incident()->session == stored.second; }));
  app.open_session(999'999);
  CHECK(app.incident()->session == stored.second);
  CHECK(app.incident()->error.find("not there any more") != std::string::npos);
}

TEST_CASE("app/open: the logs that came with a question stand with it, also in another wording and after reopening") {
  const TemporaryFolder folder;
  const auto attached = [](const App& app, size_t message) {
    const auto view = app.incident();
    const auto found = view->attachments.find(view->messages[message].id);
    return found == view->attachments.end() ? std::vector<uint32_t>() : found->second;
  };
  const auto check = [&](const App& app) {
    REQUIRE(app.incident()->messages.size() == 4);
    CHECK(attached(app, 0) == std::vector<uint32_t>{0});
    CHECK(attached(app, 1).empty());
    CHECK(attached(app, 2) == std::vector<uint32_t>{1, 2});
  };
  {
    App app(options_for(folder));
    app.ingest_text("one", log_of(3, "request served"));
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 3; }));
    app.ask("what broke?");
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->messages.size() == 2; }));
    app.ingest_text("two", log_of(3, "request served"));
    app.ingest_text("three", log_of(3, "request served"));
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 9; }));
    app.ask("and now?");
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->messages.size() == 4; }));
    check(app);
    app.ask_again(app.incident()->messages[2].id, "and then?", false);
    REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->messages.size() == 4 && app.incident()->messages[2].text == "and then?"; }));
    check(app);
  }
  App again(options_for(folder));
  REQUIRE(wait_until(again, [&] { return again.incident()->session != 0; }));
  check(again);
}

TEST_CASE("app/configs: the value of an environment variable is masked by the name on the line above") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.review_config_text("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.25\n    env:\n"
                                     "    - name: DB_PASSWORD\n      value: hunter2secret\n    - name: COLOUR\n      value: blue\n");
  REQUIRE(wait_until(app, [&] { return !app.configs()->reviews.empty(); }));
  const std::string masked = app.configs()->reviews[0].masked;
  CHECK(masked.find("hunter2secret") == std::string::npos);
  CHECK(masked.find("    - name: DB_PASSWORD\n      value: <") != std::string::npos);
  CHECK(masked.find("value: blue") != std::string::npos);
  CHECK(app.configs()->reviews[0].n_secrets == 1);
}

TEST_CASE("app/groups: merged templates are read from what the screen keeps, the first of a line leads") {
  const TemplateGroups groups = TemplateGroups::from_text("merged\t3\t7\t9\nsplit\t4\t0\t10\nmerged\t5\t7\nmerged\t8\n");
  CHECK(groups.leader_of(3) == 3);
  CHECK(groups.leader_of(9) == 3);
  CHECK(groups.leader_of(7) == 3);
  CHECK(groups.leader_of(5) == 5);
  CHECK(groups.leader_of(4) == 4);
  CHECK(groups.ids_text(3) == "3,7,9");
  CHECK(groups.ids_text(4) == "4");
  CHECK(TemplateGroups::from_text("merged\t\n\t\t\nmerged").empty());
}

TEST_CASE("app/groups: merged templates count as one in the facet, in a comparison and in queries, until taken apart") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("one", log_of(6, "request served from cache") + log_of(4, "connection closed by peer after timeout"));
  app.ingest_text("two", log_of(2, "request served from cache"));
  REQUIRE(wait_until(app, [&] { return idle(app) && app.incident()->log->n_rows() == 12; }));
  REQUIRE(app.incident()->log->templates().size() == 2);
  const auto facet = [&] {
    const auto view = app.logs();
    for (const Facet& f : view->facets)
      if (f.kind == FilterChip::Kind::template_id) return f;
    return Facet();
  };
  const auto answer = [&](const std::string& query) {
    const size_t before = app.kql()->history.size();
    app.run_query(query);
    REQUIRE(wait_until(app, [&] { return app.kql()->history.size() > before && !app.kql()->running; }));
    const auto result = app.kql()->result;
    std::string out;
    for (uint64_t row = 0; row < result->n_rows; ++row)
      for (size_t column = 0; column < result->columns.size(); ++column) out += result->text(row, column) + " ";
    return out;
  };
  const auto compare = [&] {
    FilterChip a, b;
    a.kind = b.kind = FilterChip::Kind::source;
    a.value = "one";
    b.value = "two";
    app.compare_logs(a, b);
    REQUIRE(wait_until(app, [&] { return !app.compare()->running && !app.compare()->rows.empty(); }));
  };
  REQUIRE(facet().values.size() == 2);
  CHECK(facet().values[0].count == 8);
  compare();
  CHECK(app.compare()->rows.size() == 2);
  CHECK(answer("Templates | summarize n = count(), all = sum(Count)") == "2 12 ");

  app.set_view_state("logs.template_edits", "merged\t1\t0\n");
  REQUIRE(facet().values.size() == 1);
  CHECK(facet().values[0].value == "1,0");
  CHECK(facet().values[0].count == 12);
  REQUIRE(wait_until(app, [&] { return !app.compare()->running && app.compare()->rows.size() == 1; }));
  CHECK(app.compare()->rows[0].template_id == 1);
  CHECK(app.compare()->rows[0].n_a == 10);
  CHECK(answer("Templates | project TemplateId, Count") == "1 12 ");
  CHECK(answer("Logs | summarize n = count() by TemplateId") == "1 12 ");
  CHECK(answer("Logs | where TemplateId == 1 | count") == "12 ");
  CHECK(answer("one | where TemplateId == 1 | project TemplateId, Line | where Line == 10") == "1 10 ");

  app.set_view_state("logs.template_edits", "");
  CHECK(facet().values.size() == 2);
  REQUIRE(wait_until(app, [&] { return !app.compare()->running && app.compare()->rows.size() == 2; }));
  CHECK(answer("Templates | count") == "2 ");
}
