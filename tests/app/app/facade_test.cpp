// What the screens ask of App beyond the main job: branches of a conversation, help while a query is
// typed, two parts of a log compared, a format taught, view state that comes back.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "app/app.h"
#include "tests/app/app/app_fixture.h"

using namespace app;

namespace {

constexpr const char* small_log =
    "2026-03-14T09:00:00Z INFO web: GET /a took 3 ms\n"
    "2026-03-14T09:00:01Z INFO web: GET /b took 4 ms\n"
    "2026-03-14T09:10:00Z ERROR web: upstream timed out\n"
    "2026-03-14T09:10:01Z ERROR web: upstream timed out\n"
    "2026-03-14T09:10:02Z INFO web: GET /c took 9 ms\n";

}  // namespace

TEST_CASE("app/facade: a question asked in other words stands beside the first, and both reopen") {
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
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
  App again(options_for(folder));
  wait_for_opening(again);
  REQUIRE(again.incident()->messages.size() == 4);
  CHECK(again.incident()->messages[0].text == "what broke?");
  CHECK(again.incident()->branches.at(again.incident()->messages[0].id).count == 2);
  again.fork_session(again.incident()->messages[1].id);
  CHECK(wait_until([&] {
    again.finish_jobs();
    return again.incident()->messages.size() == 2;
  }));
}

TEST_CASE("app/facade: help for a query comes with the columns' types and example values") {
  const TemporaryFolder folder;
  App app(options_for(folder));
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
  const TemporaryFolder folder;
  App app(options_for(folder));
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
  const TemporaryFolder folder;
  {
    App app(options_for(folder));
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
    CHECK(app.format()->samples[0].time.substr(0, 19) == "2026-03-14T09:00:00");
    app.preview_format({"odd", "{time", 0, ""});
    REQUIRE(wait_until([&] { return !app.format()->error.empty(); }));
    app.save_format({"../bad", draft.pattern, 0, ""});
    CHECK(app.format()->error.find("cannot name") != std::string::npos);
    app.save_format(draft);
    CHECK(app.format()->error.empty());
    CHECK(std::filesystem::exists(folder.path() + "/log_formats/odd.json"));
  }
  App again(options_for(folder));
  again.new_session();
  again.ingest_text("odd", "@@ 2026-03-14T09:00:00Z ~ ERROR ~ disk gone\n@@ 2026-03-14T09:00:01Z ~ INFO ~ fine\n");
  REQUIRE(wait_until([&] { return idle(again) && again.incident()->log->n_rows() == 2; }));
  CHECK(again.incident()->log->sources()[0].format == "odd");
}

TEST_CASE("app/facade: a taught format carries the zone and the year that its log leaves out") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const std::string text = "@@ Mar 14 09:00:00 ~ ERROR ~ disk gone\n@@ Mar 14 09:00:01 ~ INFO ~ fine\n";
  app.ingest_text("odd", text);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 2; }));
  FormatDraft draft;
  draft.name = "odd";
  draft.pattern = "@@ {time:syslog} ~ {level} ~ {message}";
  draft.time_zone = "+02:00";
  draft.year = 2021;
  app.preview_format(draft);
  REQUIRE(wait_until([&] { return !app.format()->samples.empty(); }));
  CHECK(app.format()->samples[0].time.substr(0, 19) == "2021-03-14T07:00:00");
  app.save_format(draft);
  REQUIRE(app.format()->error.empty());
  app.new_session();
  app.ingest_text("odd", text);
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 2; }));
  const auto log = app.incident()->log;
  CHECK(log->sources()[0].format == "odd");
  CHECK(log->row(0).time == unix_epoch_ticks + 1'615'705'200LL * ticks_per_second);
  CHECK(log->sources()[0].time_zone == "assumed +02:00");
  draft.time_zone = "Berlin";
  app.save_format(draft);
  CHECK(app.format()->error.find("+02:00") != std::string::npos);
}

TEST_CASE("app/facade: view state comes back, and only for its session") {
  const TemporaryFolder folder;
  int64_t id = 0;
  {
    App app(options_for(folder));
    id = app.incident()->session;
    app.set_view_state("logs.bookmarks", "1,5,9");
    app.new_session();
    CHECK(app.view_state("logs.bookmarks").empty());
  }
  App again(options_for(folder));
  again.open_session(id);
  wait_for_opening(again);
  CHECK(again.view_state("logs.bookmarks") == "1,5,9");
  again.set_view_state("logs.bookmarks", "");
  CHECK(again.view_state("logs.bookmarks").empty());
}

TEST_CASE("app/facade: the filter leaves the whole log's histogram, the zoom counts anew, fields follow") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += R"({"time":"2026-03-14T09:00:)" + std::to_string(i + 10) + R"(Z","level":)" + (i % 2 == 0 ? "\"error\"" : "\"info\"") + R"(,"msg":"took )" + std::to_string(i) +
            R"( ms","code":)" + std::to_string(i % 4) + "}\n";
  app.ingest_text("json", text);
  REQUIRE(wait_until([&] { return idle(app) && app.logs()->log->n_rows() == 40; }));
  const auto has_code = [&] {
    const auto view = app.logs();
    for (const Facet& facet : view->facets)
      if (facet.name == "code" && facet.kind == FilterChip::Kind::field) return facet.values.size() == 4 || facet.values.size() == 2;
    return false;
  };
  REQUIRE(wait_until(has_code));
  LogFilter filter;
  FilterChip errors;
  errors.kind = FilterChip::Kind::level;
  errors.value = "ERROR";
  filter.chips = {errors};
  app.set_filter(filter);
  REQUIRE(wait_until([&] { return idle(app) && app.logs()->rows && app.logs()->histogram.n_records == 20 && !app.logs()->counting_fields; }));
  const auto view = app.logs();
  CHECK(view->whole.n_records == 40);
  CHECK(view->whole.begin == view->histogram.begin);
  CHECK(view->whole.buckets.size() == view->histogram.buckets.size());
  for (const Facet& facet : view->facets)
    if (facet.name == "code") CHECK(facet.values.size() == 2);
  const Ticks begin = view->log->row(10).time, end = view->log->row(12).time;
  app.zoom_histogram(begin, end);
  REQUIRE(wait_until([&] { return app.logs()->zoomed.n_records == 1; }));
  CHECK(app.logs()->zoomed.bucket_ticks < view->histogram.bucket_ticks);
  app.zoom_histogram(no_time, no_time);
  REQUIRE(wait_until([&] { return app.logs()->zoomed.buckets.empty(); }));

  REQUIRE(!view->log->templates().empty());
  app.count_parameters({0});
  REQUIRE(wait_until([&] { return !app.parameters()->running && !app.parameters()->templates.empty(); }));
  CHECK(app.parameters()->templates[0].n_rows == 20);
  CHECK(app.parameters()->rows == view->rows);
}

TEST_CASE("app/facade: a file in an old encoding is guessed and read again as the user chose") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/old.log";
  {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    for (int i = 0; i < 5; ++i) std::fprintf(file, "2026-03-14T09:00:0%dZ ERROR \xCF\xDB\xC9\xC2\xCB\xC1 \xC4\xC9\xD3\xCB\xC1\n", i);   // KOI8-R: oshibka diska
    std::fclose(file);
  }
  App app(options_for(folder));
  app.ingest_paths({path});
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 5; }));
  const int64_t first = app.incident()->session;
  app.guess_encodings(app.logs()->log->sources()[0].id);
  REQUIRE(wait_until([&] { return !app.encodings()->running && !app.encodings()->guesses.empty(); }));
  REQUIRE(app.encodings()->guesses[0].name == "KOI8-R");
  app.read_as(app.logs()->log->sources()[0].id, "KOI8-R");
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->session != first && app.incident()->log->n_rows() == 5; }));
  CHECK(app.incident()->log->row(0).message.find("ошибка диска") != std::string::npos);
  CHECK(app.incident()->log->sources()[0].encoding == "koi8-r");
  app.ingest_text("pasted", "a line\n");
  REQUIRE(wait_until([&] { return idle(app) && app.logs()->log->sources().size() == 2; }));
  app.guess_encodings(app.logs()->log->sources()[1].id);
  REQUIRE(wait_until([&] { return !app.encodings()->running && !app.encodings()->error.empty(); }));
  CHECK(app.encodings()->error.find("save it as a file") != std::string::npos);
}

TEST_CASE("app/facade: a model file's SHA-256 is computed, and said to be wrong where another is known") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const auto file = [&](const char* name) {
    const std::string path = folder.path() + "/" + name;
    std::FILE* out = std::fopen(path.c_str(), "wb");
    REQUIRE(out != nullptr);
    std::fputs("abc", out);
    std::fclose(out);
    return path;
  };
  const std::string other = file("other.gguf"), known = file("SmolLM2-135M-Instruct.Q4_1.gguf"), none = folder.path() + "/none.gguf";
  const auto state = [&](const std::string& path) {
    const auto view = app.models();
    const auto found = view->checks.find(path);
    return found == view->checks.end() ? ModelCheck() : found->second;
  };
  for (const std::string& path : {other, known, none}) app.check_model(path);
  REQUIRE(wait_until([&] { return state(none).state == ModelCheck::State::failed; }));
  CHECK(state(other).state == ModelCheck::State::unknown);
  CHECK(state(other).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(state(known).state == ModelCheck::State::wrong);
  CHECK(state(none).error.find("none.gguf") != std::string::npos);
}

TEST_CASE("app/facade: a config's secrets come masked beside its text, line for line") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const std::string text =
      "services:\n  db:\n    image: postgres:16.2\n    environment:\n      POSTGRES_PASSWORD: hunter2-secret\n      URL: postgres://app:s3cr3tpw@db/x\n"
      "# -----BEGIN RSA PRIVATE KEY-----\n# MIIEow\n# -----END RSA PRIVATE KEY-----\n";
  app.review_config_text("docker-compose.yml", text);
  REQUIRE(wait_until([&] { return !app.configs()->reviews.empty(); }));
  const ConfigReview review = app.configs()->reviews[0];
  CHECK(review.n_secrets >= 2);
  CHECK(review.masked.find("hunter2-secret") == std::string::npos);
  CHECK(review.masked.find("s3cr3tpw") == std::string::npos);
  CHECK(review.masked.find("MIIEow") == std::string::npos);
  CHECK(std::count(review.masked.begin(), review.masked.end(), '\n') == std::count(text.begin(), text.end(), '\n'));
  CHECK(review.text == text);
}

TEST_CASE("app/facade: a finding's fix comes as the whole file, with secrets masked beside it") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.review_config_text("Dockerfile", "FROM debian:12.5\nENV DB_PASSWORD=hunter2-secret\nRUN sudo true\n");
  REQUIRE(wait_until([&] { return !app.configs()->reviews.empty() && idle(app); }));
  const ConfigReview review = app.configs()->reviews[0];
  const auto index = [&](const std::string& rule) {
    return size_t(std::find_if(review.findings.begin(), review.findings.end(), [&](const ConfigFinding& f) { return f.rule == rule; }) - review.findings.begin());
  };
  app.make_fix(review.id, review.file, index("dockerfile/sudo"));
  app.make_fix(review.id, review.file, index("dockerfile/no-user"));
  REQUIRE(wait_until([&] { return app.configs()->reviews[0].fixes.size() == 2; }));
  auto fixes = app.configs()->reviews[0].fixes;
  CHECK(fixes[index("dockerfile/sudo")].text == "FROM debian:12.5\nENV DB_PASSWORD=hunter2-secret\nRUN true\n");
  CHECK(fixes[index("dockerfile/sudo")].masked.find("hunter2-secret") == std::string::npos);
  CHECK(fixes[index("dockerfile/no-user")].text.empty());   // which user, only a person knows
}

TEST_CASE("app/facade: versions of a config stay beside the newest, also when the session is opened again") {
  const TemporaryFolder folder;
  const auto texts = [](const std::vector<ConfigReview>& reviews) {
    std::vector<std::string> out;
    for (const ConfigReview& r : reviews) out.push_back(r.text);
    return out;
  };
  const std::vector<std::string> newest = {"FROM debian:12\n"}, before = {"FROM debian:11\n", "FROM debian\n"};
  {
    App app(options_for(folder));
    for (const std::string& text : {before[1], before[0], before[0], newest[0]}) {
      app.review_config_text("Dockerfile", text);
      REQUIRE(wait_until([&] { return idle(app) && !app.configs()->reviews.empty() && app.configs()->reviews[0].text == text; }));
    }
    CHECK(texts(app.configs()->reviews) == newest);
    CHECK(texts(app.configs()->earlier) == before);
  }
  App again(options_for(folder));
  wait_for_opening(again);
  CHECK(texts(again.configs()->reviews) == newest);
  CHECK(texts(again.configs()->earlier) == before);
}

TEST_CASE("app/facade: a config's finding is linked to the log lines that name its path") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.ingest_text("pasted", "2026-03-14T09:00:00Z ERROR open /srv/data/orders: permission denied\n2026-03-14T09:00:01Z INFO fine\n");
  REQUIRE(wait_until([&] { return idle(app) && app.incident()->log->n_rows() == 2; }));
  app.review_config_text("Dockerfile", "FROM debian:12.5\nRUN chmod 777 /srv/data/orders && cd /srv/data/orders && wget http://x.example/a\n");
  REQUIRE(wait_until([&] { return !app.configs()->reviews.empty() && idle(app); }));
  const ConfigReview review = app.configs()->reviews[0];
  REQUIRE(!review.findings.empty());
  app.cross_check(review.id, review.file);
  REQUIRE(wait_until([&] { return app.configs()->reviews[0].cross_checked; }));
  const auto cross = app.configs()->reviews[0].cross;
  REQUIRE(!cross.empty());
  CHECK(cross[0].term == "/srv/data/orders");
  CHECK(cross[0].n_lines == 1);
  CHECK(cross[0].rows == std::vector<RowId>{0});
}
