// What the screens ask of App beyond the main job: branches of a conversation, help while a query is
// typed, two parts of a log compared, a format taught, view state that comes back.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "app/app.h"

using namespace app;

namespace {

constexpr const char* small_log =
    "2026-03-14T09:00:00Z INFO web: GET /a took 3 ms\n"
    "2026-03-14T09:00:01Z INFO web: GET /b took 4 ms\n"
    "2026-03-14T09:10:00Z ERROR web: upstream timed out\n"
    "2026-03-14T09:10:01Z ERROR web: upstream timed out\n"
    "2026-03-14T09:10:02Z INFO web: GET /c took 9 ms\n";

class DataFolder {
 public:
  DataFolder() {
    char name[] = "/tmp/sigmadesk-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~DataFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <typename F>
bool wait_until(F condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool idle(const App& app) {
  for (const JobView& job : app.status()->jobs)
    if (job.running) return false;
  return !app.incident()->answering;
}

AppOptions options_for(const std::string& folder) {
  AppOptions options;
  options.data_folder = folder;
  options.assets_folder = SIGMA_ASSETS;
  options.open_sample = false;
  options.load_model = false;
  return options;
}

}  // namespace

TEST_CASE("app/facade: a question asked in other words stands beside the first, and both reopen") {
  const DataFolder folder;
  {
    App app(options_for(folder.path()));
    app.ingest_text("pasted", small_log);
    REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 5; }));
    app.ask("what broke?");
    REQUIRE(wait_until([&] { return app.incident()->messages.size() == 2; }));
    app.ask("and why?");
    REQUIRE(wait_until([&] { return app.incident()->messages.size() == 4; }));
    CHECK(app.incident()->branches.empty());

    const int64_t first = app.incident()->messages[0].id;
    app.ask_again(first, "what is slow?", false);
    REQUIRE(wait_until([&] { return idle(app) && app.incident()->messages.size() == 2; }));
    const auto view = app.incident();
    CHECK(view->messages[0].text == "what is slow?");
    const BranchView branch = view->branches.at(view->messages[0].id);
    CHECK(branch.index == 1);
    CHECK(branch.count == 2);
    CHECK(branch.previous == first);
    app.show_branch(first);
    CHECK(app.incident()->messages.size() == 4);
    CHECK(app.incident()->messages[2].text == "and why?");
  }
  App again(options_for(folder.path()));
  REQUIRE(again.incident()->messages.size() == 4);
  CHECK(again.incident()->messages[0].text == "what broke?");
  CHECK(again.incident()->branches.at(again.incident()->messages[0].id).count == 2);
  again.fork_session(again.incident()->messages[1].id);
  CHECK(again.incident()->messages.size() == 2);
}

TEST_CASE("app/facade: help for a query comes with the columns' types and example values") {
  const DataFolder folder;
  App app(options_for(folder.path()));
  app.ingest_text("pasted", small_log);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 5; }));
  const std::string text = "Logs | where Level == ";
  app.complete_query(text, text.size());
  REQUIRE(wait_until([&] { return app.query_help()->text == text; }));
  REQUIRE_FALSE(app.query_help()->suggestions.items.empty());
  CHECK(app.query_help()->suggestions.items[0].text == "\"INFO\"");
  bool found = false;
  for (const auto& table : app.query_help()->tables)
    for (const auto& column : table.columns)
      if (table.name == "Logs" && column.name == "Level") found = column.examples == std::vector<std::string>{"INFO", "ERROR"};
  CHECK(found);
  app.check_query("Logs | where Levle == 'x'");
  REQUIRE(wait_until([&] { return !app.kql()->diagnostics.empty(); }));
  REQUIRE(wait_until([&] { return !app.query_help()->fixes.empty(); }));
  CHECK(app.query_help()->fixes[0].replacement == "Level");
  app.hover_query("Logs | take 1", 8);
  REQUIRE(wait_until([&] { return app.query_help()->hover.has_value(); }));
  // A run keeps the number of rows that the log had.
  app.run_query("Logs | count");
  REQUIRE(wait_until([&] { return app.kql()->history.size() == 1; }));
  CHECK(app.kql()->history[0].data_version == 5);
}

TEST_CASE("app/facade: two parts of a log differ in what is new and gone") {
  const DataFolder folder;
  App app(options_for(folder.path()));
  app.ingest_text("pasted", small_log);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 5; }));
  FilterChip a, b;
  a.kind = b.kind = FilterChip::Kind::time_range;
  const auto log = app.logs()->log;
  a.begin = log->row(0).time;
  a.end = log->row(2).time;
  b.begin = a.end;
  b.end = log->row(4).time + 1;
  app.compare_logs(a, b);
  REQUIRE(wait_until([&] { return !app.compare()->running && !app.compare()->rows.empty(); }));
  const auto view = app.compare();
  CHECK(view->n_a == 2);
  CHECK(view->n_b == 3);
  CHECK(view->rows[0].score > 0);
  uint64_t sum_a = 0, sum_b = 0;
  for (const CompareView::Row& row : view->rows) sum_a += row.n_a, sum_b += row.n_b;
  CHECK(sum_a == 2);
  CHECK(sum_b == 3);
}

TEST_CASE("app/facade: a taught format is tried, saved and used from then on") {
  const DataFolder folder;
  {
    App app(options_for(folder.path()));
    app.ingest_text("odd", "@@ 2026-03-14T09:00:00Z ~ ERROR ~ disk gone\n@@ 2026-03-14T09:00:01Z ~ INFO ~ fine\nnot like that\n");
    REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() > 0; }));
    FormatDraft draft;
    draft.name = "odd";
    draft.pattern = "@@ {time} ~ {level} ~ {message}";
    app.preview_format(draft);
    REQUIRE(wait_until([&] { return app.format()->n_lines > 0; }));
    CHECK(app.format()->n_matched == 2);
    REQUIRE(app.format()->samples.size() == 2);
    CHECK(app.format()->samples[0].level == "ERROR");
    CHECK(app.format()->samples[0].message == "disk gone");
    app.preview_format({"odd", "{time", 0, ""});
    REQUIRE(wait_until([&] { return !app.format()->error.empty(); }));
    app.save_format({"../bad", draft.pattern, 0, ""});
    CHECK(app.format()->error.find("cannot name") != std::string::npos);
    app.save_format(draft);
    CHECK(app.format()->error.empty());
    CHECK(std::filesystem::exists(folder.path() + "/log_formats/odd.json"));
  }
  App again(options_for(folder.path()));
  again.new_session();
  again.ingest_text("odd", "@@ 2026-03-14T09:00:00Z ~ ERROR ~ disk gone\n@@ 2026-03-14T09:00:01Z ~ INFO ~ fine\n");
  REQUIRE(wait_until([&] { return idle(again) && again.incident()->log->n_rows() == 2; }));
  CHECK(again.incident()->log->sources()[0].format == "odd");
}

TEST_CASE("app/facade: view state comes back, and only for its session") {
  const DataFolder folder;
  int64_t id = 0;
  {
    App app(options_for(folder.path()));
    id = app.incident()->session;
    app.set_view_state("logs.bookmarks", "1,5,9");
    app.new_session();
    CHECK(app.view_state("logs.bookmarks").empty());
  }
  App again(options_for(folder.path()));
  again.open_session(id);
  CHECK(again.view_state("logs.bookmarks") == "1,5,9");
  again.set_view_state("logs.bookmarks", "");
  CHECK(again.view_state("logs.bookmarks").empty());
}
