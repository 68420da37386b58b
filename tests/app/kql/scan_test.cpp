// What a query reads of a table: no chunk that cannot match, no column that nobody asks for.
#include <doctest/doctest.h>

#include <mutex>
#include <set>

#include "app/kql/query.h"
#include "app/log_tables.h"
#include "app/store/log_store.h"

using namespace app::kql;
using app::Level;
using app::Record;
using app::columns::Chunk;
using app::columns::Column;
using app::columns::Type;

namespace {

// Eight chunks of a thousand rows that say how many rows they have, and which of their columns are read.
class WatchedTable : public Table {
 public:
  WatchedTable() : schema_{{"Time", Type::datetime}, {"Number", Type::int64}, {"Text", Type::string}} {
    for (int64_t c = 0; c < 8; ++c) {
      auto chunk = std::make_shared<Chunk>();
      chunk->n_rows = 1000;
      Column time(Type::datetime), number(Type::int64), text(Type::string);
      for (int64_t row = 0; row < 1000; ++row) {
        time.push_i64(c * 1000 + row);
        number.push_i64((c * 1000 + row) * 7919 % 8000);
        text.push_text("row " + std::to_string(c * 1000 + row));
      }
      chunk->columns = {std::move(time), std::move(number), std::move(text)};
      chunks_.push_back(chunk);
    }
  }
  const app::columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return chunks_.size(); }
  std::shared_ptr<const Chunk> chunk(size_t index) const override { return chunks_[index]; }
  std::shared_ptr<const Column> column(size_t index, size_t column) const override {
    const std::lock_guard lock(mutex_);
    read.insert({index, column});
    return Table::column(index, column);
  }
  bool may_hold(size_t index, size_t column, int64_t min, int64_t max) const override {
    const auto first = static_cast<int64_t>(index) * 1000;
    return column != 0 || (min <= first + 999 && max >= first);
  }
  bool may_differ(size_t index, size_t column, int64_t min, int64_t max) const override {
    const auto first = static_cast<int64_t>(index) * 1000;
    return column != 0 || min > first || max < first + 999;
  }
  bool may_hold_word(size_t index, size_t, std::string_view word) const override { return word != "4321" || index == 4; }
  app::RowId first_row(size_t index) const override { return index * 1000; }
  std::optional<size_t> n_rows(size_t) const override { return 1000; }

  mutable std::set<std::pair<size_t, size_t>> read;

 private:
  mutable std::mutex mutex_;
  app::columns::Schema schema_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
};

std::set<std::pair<size_t, size_t>> read_by(const std::string& query, const std::string& answer, int n_threads = 2) {
  const auto table = std::make_shared<WatchedTable>();
  Tables tables;
  tables.add("T", table);
  RunOptions options;
  options.n_threads = n_threads;
  const ResultTable r = run(query, tables, options);
  REQUIRE_FALSE(r.failed());
  REQUIRE(r.n_rows > 0);
  CHECK(r.text(0, 0) == answer);
  return table->read;
}

// A log of two sources whose records alternate.
std::shared_ptr<const app::store::LogSnapshot> two_sources() {
  const auto store = app::store::make_memory_log_store();
  app::Source a, b;
  a.name = "app.log";
  b.name = "kern.log";
  const uint32_t ids[] = {store->add_source(a), store->add_source(b)};
  std::vector<Record> records;
  for (int k = 0; k < 20; ++k) {
    Record r;
    r.source = ids[k % 2];
    r.line = static_cast<uint64_t>(k / 2 + 1);
    r.level = k % 5 == 0 ? Level::error : Level::info;
    r.time = k < 10 ? app::unix_epoch_ticks + k : app::no_time;
    r.raw = r.message = k % 4 == 0 ? "disk failed" : "disk is fine";
    records.push_back(r);
  }
  store->append(records);
  store->flush();
  return store->snapshot();
}

}  // namespace

TEST_CASE("kql/scan: counting reads no column") {
  CHECK(read_by("T | count", "8000").empty());
}

TEST_CASE("kql/scan: a time range reads times only of the chunks that it cuts") {
  const auto read = read_by("T | where Time between (datetime(0001-01-01 00:00:00.0001500) .. datetime(0001-01-01 00:00:00.0004499)) | count", "3000");
  CHECK(read == std::set<std::pair<size_t, size_t>>{{1, 0}, {4, 0}});
}

TEST_CASE("kql/scan: a word that a chunk does not hold spares the chunk") {
  const auto read = read_by("T | where Text has 'row 4321' | project Number", std::to_string(4321 * 7919 % 8000));
  CHECK(read == std::set<std::pair<size_t, size_t>>{{4, 2}, {4, 1}});
}

TEST_CASE("kql/scan: top reads its key, and the rest for the rows that it gives") {
  const auto read = read_by("T | top 1 by Number desc | project Text", "row 6321");
  for (size_t chunk = 0; chunk < 8; ++chunk) {
    CHECK(read.count({chunk, 1}) == 1);
    CHECK(read.count({chunk, 2}) == (chunk == 6 ? 1 : 0));
  }
}

TEST_CASE("kql/scan: take ends the reading") {
  CHECK(read_by("T | project Text | take 5", "row 0", 1) == std::set<std::pair<size_t, size_t>>{{0, 2}});
}

TEST_CASE("kql/scan: threads do not change an answer") {
  for (const char* query : {"T | summarize n = count(), make_list(Number, 3), take_any(Text) by b = Number % 13", "T | where Number > 10 | extend h = Number % 9 | distinct h",
                            "T | sort by Number desc | take 50", "T | where Text endswith '9' | summarize count() by bin(Time, 100tick), Number % 3",
                            "T | top 300 by Number % 10 asc, Time desc | project Text", "T | join kind=inner (T | take 50) on Number | project Text, Text1"}) {
    const auto table = std::make_shared<WatchedTable>();
    Tables tables;
    tables.add("T", table);
    RunOptions one;
    one.n_threads = 1;
    RunOptions three;
    three.n_threads = 3;
    const ResultTable a = run(query, tables, one), b = run(query, tables, three);
    CAPTURE(query);
    REQUIRE_FALSE(a.failed());
    REQUIRE(a.n_rows == b.n_rows);
    CHECK(a.row_ids == b.row_ids);
    for (uint64_t row = 0; row < a.n_rows; ++row) {
      for (size_t k = 0; k < a.columns.size(); ++k) REQUIRE(a.text(row, k) == b.text(row, k));
    }
  }
}

TEST_CASE("kql/log_tables: each source is a table whose rows are rows of the log") {
  const Tables tables = app::make_log_tables(two_sources());
  const ResultTable r = run("kern_log | where Level == 'ERROR' | project Line", tables, {});
  REQUIRE(r.n_rows == 2);
  CHECK(r.row_ids == std::vector<app::RowId>{5, 15});
  CHECK(run("app_log | count", tables, {}).text(0, 0) == "10");
  CHECK(run("Logs | where Level == 'CRITICAL' | count", tables, {}).text(0, 0) == "0");
}

TEST_CASE("kql/log_tables: rows without a time are in no time range, though the chunk's times all are") {
  const Tables tables = app::make_log_tables(two_sources());
  CHECK(run("Logs | where Timestamp > datetime(1969-01-01) | count", tables, {}).text(0, 0) == "10");
  CHECK(run("Logs | where Timestamp between (datetime(1969-01-01) .. datetime(2000-01-01)) | count", tables, {}).text(0, 0) == "10");
}

TEST_CASE("kql/tables: one kept apart is read where it is named and by a pattern of its own, not by search and union *") {
  Tables tables = app::make_log_tables(two_sources());
  tables.add_apart("Elsewhere", tables.find("app_log")->table);
  CHECK(run("Elsewhere | count", tables, {}).text(0, 0) == "10");
  CHECK(run("union Else* | count", tables, {}).text(0, 0) == "10");
  CHECK(run("search 'failed' | count", tables, {}).text(0, 0) == "5");
  CHECK(run("union * | where Message has 'failed' | count", tables, {}).text(0, 0) == "5");
}

TEST_CASE("kql/log_tables: search and union * read a record once") {
  const Tables tables = app::make_log_tables(two_sources());
  CHECK(run("search 'failed' | count", tables, {}).text(0, 0) == "5");
  CHECK(run("union * | where Message has 'failed' | count", tables, {}).text(0, 0) == "5");
  CHECK(run("union withsource=T *_log | summarize count() by T | sort by T asc | project count_", tables, {}).text(0, 0) == "10");
}
