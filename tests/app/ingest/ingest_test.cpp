#include "app/ingest.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "app/store/database.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "tests/app/store/temp_folder.h"

using namespace app;

namespace {

const logs::FormatSet& formats() {
  static const logs::FormatSet all = logs::FormatSet::load(SIGMA_ASSETS "/log_formats");
  return all;
}

std::string line(int i) {
  char text[160];
  std::snprintf(text, sizeof text, "2026-01-31T10:%02d:%02d.%03dZ node-%02d sshd[%d] %s session %d closed",
                i / 60000 % 60, i / 1000 % 60, i % 1000, i % 40, 1000 + i % 60,
                i % 100 == 99 ? "ERROR" : "INFO", i);
  return text;
}

std::string lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += line(i) + "\n";
  return text;
}

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string joined(const std::vector<std::string>& notes) {
  std::string all;
  for (const std::string& note : notes) all += note + "\n";
  return all;
}

}  // namespace

TEST_CASE("ingest: a pasted log gets records, templates, counts and its source") {
  const auto store = store::make_memory_log_store();
  const IngestSummary summary = ingest_text(*store, lines(1000), "pasted", formats());
  CHECK(summary.n_records == 1000);
  CHECK(summary.n_lines == 1000);
  CHECK(summary.n_bytes == lines(1000).size());
  CHECK(summary.n_templates >= 1);
  CHECK_FALSE(summary.cancelled);
  const auto log = store->snapshot();
  REQUIRE(log->n_rows() == 1000);
  CHECK(log->sources().at(0).name == "pasted");
  CHECK(log->sources().at(0).n_records == 1000);
  for (const RowId row : {0, 1, 499, 999}) {
    CHECK(log->line_ref(row).text == line(static_cast<int>(row)));
    CHECK(log->find_line(0, row + 1) == row);
    CHECK(log->row(row).template_id < summary.n_templates);
    CHECK(log->row(row).time != no_time);
  }
  CHECK(log->row(99).level == Level::error);
}

TEST_CASE("ingest: templates count every record once and show its rows") {
  const auto store = store::make_memory_log_store();
  ingest_text(*store, lines(1000), "pasted", formats());
  const auto log = store->snapshot();
  uint64_t n = 0;
  for (const Template& t : log->templates()) {
    n += t.count;
    for (const RowId row : t.samples) CHECK(log->row(row).template_id == t.id);
  }
  CHECK(n == 1000);
}

TEST_CASE("ingest: files, folders and a second ingest into the same store") {
  const TempFolder folder;
  write(folder.file("logs/a.log"), lines(100));
  write(folder.file("logs/deep/b.log"), lines(50));
  const auto store = store::make_memory_log_store();
  const IngestSummary first = ingest(*store, {folder.file("logs")}, formats());
  CHECK(first.n_records == 150);
  CHECK(first.sources.size() == 2);
  const IngestSummary second = ingest_text(*store, lines(10), "pasted", formats());
  CHECK(second.first_row == 150);
  CHECK(second.n_records == 10);
  const auto log = store->snapshot();
  CHECK(log->n_rows() == 160);
  CHECK(log->line_ref(150).file == "pasted");
  CHECK(log->row(150).template_id == log->row(0).template_id);  // the same shape, the same template
  CHECK(log->find_line(second.sources.at(0), 10) == 159);
}

TEST_CASE("ingest: progress rises to all bytes and lines") {
  const TempFolder folder;
  write(folder.file("a.log"), lines(30'000));
  write(folder.file("b.log"), lines(30'000));
  const auto store = store::make_memory_log_store();
  uint64_t last = 0, n_calls = 0;
  IngestProgress end;
  ingest(*store, {folder.file("a.log"), folder.file("b.log")}, formats(), {}, [&](const IngestProgress& p) {
    CHECK(p.n_bytes_done >= last);
    last = p.n_bytes_done;
    end = p;
    ++n_calls;
  });
  CHECK(n_calls > 1);
  CHECK(end.n_bytes_total == 2 * lines(30'000).size());
  CHECK(end.n_bytes_done == end.n_bytes_total);
  CHECK(end.source == "b.log");
}

TEST_CASE("ingest: cancelling keeps what was read, and the source says that it is partial") {
  const auto store = store::make_memory_log_store();
  std::stop_source stop;
  const IngestSummary summary =
      ingest_text(*store, lines(300'000), "pasted", formats(), {}, [&](const IngestProgress& p) {
        if (p.n_lines > 10'000) stop.request_stop();
      }, stop.get_token());
  CHECK(summary.cancelled);
  const auto log = store->snapshot();
  CHECK(log->n_rows() == summary.n_records);
  CHECK(log->n_rows() < 300'000);
  for (RowId row = 0; row < log->n_rows(); row += 999) {
    CHECK(log->line_ref(row).text == line(static_cast<int>(row)));
  }
  CHECK(joined(log->sources().at(0).notes).find("Partial") != std::string::npos);
}

TEST_CASE("ingest: a stop before the start reads nothing and is no error") {
  const auto store = store::make_memory_log_store();
  std::stop_source stop;
  stop.request_stop();
  CHECK(ingest_text(*store, lines(10), "pasted", formats(), {}, {}, stop.get_token()).cancelled);
}

TEST_CASE("ingest: a missing file among others is a note, alone it is an error") {
  const TempFolder folder;
  write(folder.file("a.log"), lines(10));
  const auto store = store::make_memory_log_store();
  const IngestSummary summary =
      ingest(*store, {folder.file("missing.log"), folder.file("a.log")}, formats());
  CHECK(summary.n_records == 10);
  CHECK(joined(summary.notes).find("missing.log") != std::string::npos);
  CHECK_THROWS_AS(ingest(*store, {folder.file("missing.log")}, formats()), engine::Error);
  CHECK(store->snapshot()->n_rows() == 10);
}

TEST_CASE("ingest: odd inputs give no records or whole ones, never a crash") {
  const TempFolder folder;
  write(folder.file("empty.log"), "");
  write(folder.file("nul.log"), std::string("a\0b\nc\n", 6));
  write(folder.file("one.log"), "no line feed at the end");
  write(folder.file("long.log"), std::string(3 << 20, 'x') + "\nshort\n");
  const auto store = store::make_memory_log_store();
  CHECK(ingest(*store, {folder.file("empty.log")}, formats()).n_records == 0);
  CHECK(ingest(*store, {folder.file("nul.log")}, formats()).n_lines == 2);
  const IngestSummary one = ingest(*store, {folder.file("one.log")}, formats());
  CHECK(store->snapshot()->line_ref(one.first_row).text == "no line feed at the end");
  const IngestSummary two = ingest(*store, {folder.file("long.log")}, formats());
  const auto log = store->snapshot();
  CHECK(log->row(log->n_rows() - 1).raw.ends_with("short"));
  CHECK(two.n_records >= 1);
}

TEST_CASE("ingest: a full disk ends it with the store's error, not as a note") {
  const TempFolder folder;
  store::Database database(folder.file("sigmadesk.db"));
  const int64_t session = store::SessionStore(database).create("t");
  const auto store = store::open_log_store(database, session);
  database.execute("pragma max_page_count = 120");
  try {
    ingest_text(*store, lines(200'000), "pasted", formats());
    FAIL("the disk never filled up");
  } catch (const engine::Error& e) {
    CHECK(std::string(e.what()).find("disk is full") != std::string::npos);
  }
  database.execute("pragma max_page_count = 1000000");
}

TEST_CASE("ingest: an unknown format is refused by name") {
  const auto store = store::make_memory_log_store();
  IngestOptions options;
  options.format = "no-such-format";
  CHECK_THROWS_AS(ingest_text(*store, lines(10), "pasted", formats(), options), engine::Error);
}
