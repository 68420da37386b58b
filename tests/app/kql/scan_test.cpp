// What a query reads of a table: no chunk that cannot match, no column that nobody asks for.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "app/kql/query.h"
#include "app/log_tables.h"
#include "app/store/log_store.h"
#include "engine/base/error.h"

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

// A log with two full chunks; words that are rare stand in single rows, some within a parameter of the
// message, some only in the line around it.
std::shared_ptr<const app::store::LogSnapshot> long_log() {
  const auto store = app::store::make_memory_log_store();
  app::Source source;
  source.name = "app.log";
  const uint32_t id = store->add_source(source);
  std::vector<Record> records;
  std::vector<std::string> texts;
  std::mt19937 random(3);
  constexpr size_t n = 2 * app::columns::chunk_rows + 100;
  texts.reserve(n);
  for (size_t k = 0; k < n; ++k) {
    std::string message = "user u" + std::to_string(random() % 5000) + " asked for /api/v" + std::to_string(random() % 3) + "/item";
    if (k == 70000) message = "volume=Vol-XK7Q/data Caf\xC3\xA9\x31 failed";
    if (k == 5) message = "job nightlyRun9 done";
    texts.push_back("pre" + message + (k == 6 ? "tail7z" : " end"));
    Record r;
    r.source = id;
    r.line = k + 1;
    r.time = app::unix_epoch_ticks + static_cast<int64_t>(k) * 10000;
    r.host = k == 100000 ? "dbhost77" : "web";
    r.raw = texts.back();
    r.message = std::string_view(texts.back()).substr(3, message.size());
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

TEST_CASE("kql/run: the first rows are handed on before the rest is read") {
  const auto table = std::make_shared<WatchedTable>();
  Tables tables;
  tables.add("T", table);
  RunOptions options;
  options.n_threads = 1;
  std::vector<std::pair<uint64_t, size_t>> seen;  // rows so far, columns read by then
  options.on_rows = [&](const ResultTable& so_far) {
    CHECK(so_far.columns.size() == 1);
    seen.emplace_back(so_far.n_rows, table->read.size());
  };
  CHECK(run("T | where Number >= 0 | project Text", tables, options).n_rows == 8000);
  REQUIRE(seen.size() == 8);
  CHECK(seen.front() == std::pair<uint64_t, size_t>{1000, 2});
}

TEST_CASE("kql/scan: threads do not change an answer") {
  for (const char* query : {"T | summarize n = count(), make_list(Number, 3), take_any(Text) by b = Number % 13", "T | where Number > 10 | extend h = Number % 9 | distinct h",
                            "T | sort by Number desc | take 50", "T | where Text endswith '9' | summarize count() by bin(Time, 100tick), Number % 3",
                            "T | top 300 by Number % 10 asc, Time desc | project Text", "T | join kind=inner (T | take 50) on Number | project Text, Text1",
                            "T | join kind=leftouter (T | where Number % 3 == 0) on Text | summarize n = count(), s = sum(Number1), dcount(Text1)", "T | join kind=rightanti (T | take 70) on Number | project Text",
                            "T | join kind=inner (T | extend k = tostring(Number % 400) | take 1000) on $left.Text == $right.k", "T | extend l = iff(Number % 2 == 0, 'a', 'b') | join kind=leftsemi (T | take 3 | extend l = 'a') on l | count",
                            "T | summarize dcount(Number % 7), dcount(Text), count(), countif(Number > 5), sum(Number), min(Number), max(Time), avg(Number), dcountif(Text, Number < 99) by b = Number % 13",
                            "T | summarize dcount(Text), dcount(Time), n = count(), s = sum(Number)", "T | where Number < 0 | summarize dcount(Text), count(), min(Time)", "T | summarize dcount(Number), max(Number) by Text",
                            "T | summarize n = count() by a = Number % 1500, b = Number % 1100", "T | distinct Number", "T | extend m = Number % 7, t = tostring(Number % 3) | distinct m, t", "T | top 5 by Number % 3 desc",
                            "T | top 400 by Text asc", "T | summarize make_set(Number % 5), make_set(tostring(Number % 4)) by b = Number % 2"}) {
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

TEST_CASE("kql/log_tables: the terms of a full chunk are known, and those of its dictionaries too") {
  const auto log = long_log();
  REQUIRE(log->n_chunks() == 3);
  CHECK(log->may_hold_term(0, "nightlyrun9"));
  CHECK(log->may_hold_term(1, "XK7Q"));
  CHECK(log->may_hold_term(1, "dbhost77"));
  CHECK(log->may_hold_term(2, "anything"));  // the open chunk has no list
  CHECK_FALSE(log->may_hold_term(0, "xk7q"));
  CHECK_FALSE(log->may_hold_term(1, "nightlyrun9"));
  CHECK_FALSE(log->may_hold_term(0, "absentword"));
}

TEST_CASE("kql/log_tables: with lists of terms a search finds what a plain look at each row finds") {
  const Tables tables = app::make_log_tables(long_log());
  const std::vector<std::string> parts = {"nightlyRun9", "NIGHTLYRUN9", "nightlyRun", "xk7q", "Vol-XK7Q", "vol-xk7q/data", "caf\xC3\xA9\x31", "caf", "user", "u77",
                                          "itemtail7z", "item", "prejob", "preuser", "job", "v1/item end", "dbhost77", "absentword", "7q/da", "/api/v2/", "", "-", "1970"};
  for (const std::string& part : parts) {
    for (const std::string op : {"has", "has_cs", "contains", "contains_cs", "==", "=~", "has_any", "has_all", "!has"}) {
      for (const std::string column : {"Message", "Raw", "Host"}) {
        const std::string list = op == "has_any" || op == "has_all" ? "('" + part + "', 'zz9')" : "'" + part + "'";
        const std::string condition = column + " " + op + " " + list;
        CAPTURE(condition);
        // A computed column is filtered after the scan, which then cannot skip a chunk.
        CHECK(run("Logs | where " + condition + " | count", tables, {}).text(0, 0) ==
              run("Logs | extend hit = " + condition + " | where hit | count", tables, {}).text(0, 0));
      }
    }
    if (part.empty()) continue;
    CAPTURE(part);
    CHECK(run("Logs | search '" + part + "' | count", tables, {}).text(0, 0) ==
          run("Logs | extend hit = Message has '" + part + "' or Raw has '" + part + "' or Host has '" + part + "' or tostring(Timestamp) has '" + part +
                  "' or tostring(Line) has '" + part + "' or Source has '" + part + "' | where hit | count", tables, {}).text(0, 0));
  }
}

TEST_CASE("kql/search: a column of any type is searched as the text that tostring() gives") {
  const std::string table =
      "let T = datatable(S:string, D:datetime, L:long, I:int, R:real, B:bool, P:timespan, Y:dynamic, M:decimal, G:guid)["
      "'alpha-12', datetime(2026-01-31 12:34:56.7), -12, 7, 1.5, true, 1d, dynamic({'k':'beta 12'}), decimal(3.25), guid(74be27de-1e4e-49d9-b579-fe0b331d3642),"
      "'', datetime(null), long(null), int(null), real(nan), bool(null), time(null), dynamic(null), decimal(null), guid(null),"
      "'Gamma', datetime(0001-01-01), 120, -7, -0.001, false, -12s, dynamic('12 true'), decimal(12), guid(00000000-0000-0000-0000-000000000012),"
      "'true', datetime(9999-12-31), 9223372036854775807, 12, 1e300, true, time(12:00:00), dynamic([1,'x\\ny',12]), decimal(0.12), guid(null)]; ";
  for (const std::string part : {"12", "-12", "7", "true", "True", "null", "beta", "beta 12", "nan", "1e", "e300", "2026", "31T12", "56", "7000000Z", "z", "ny", "x", "00", "fe0b331d3642", "b579-fe",
                                 "3.25", "25", "[1", "k", "alpha", "ALPHA", "mma", "9223372036854775807", "12:00", "."}) {
    for (const std::string op : {"has", "has_cs", "contains", "contains_cs", "startswith", "endswith", "==", "=~", "hasprefix", "hassuffix"}) {
      std::string each;
      for (const char* column : {"S", "D", "L", "I", "R", "B", "P", "Y", "M", "G"}) each += (each.empty() ? "" : " or ") + ("tostring(" + std::string(column) + ") " + op + " '" + part + "'");
      const ResultTable found = run(table + "T | search * " + op + " '" + part + "' | count", {}, {});
      CAPTURE(op);
      CAPTURE(part);
      REQUIRE_FALSE(found.failed());
      CHECK(found.text(0, 0) == run(table + "T | where " + each + " | count", {}, {}).text(0, 0));
    }
  }
}

TEST_CASE("kql/join: a key with many matches gives its rows in pieces, and all of them") {
  const std::string left = "range x from 1 to 300 step 1 | extend k = iff(x <= 299, 1, 2)", right = "(range y from 1 to 300 step 1 | extend k = iff(y <= 298, 1, 3))";
  const auto count = [&](const std::string& kind) {
    return run(left + " | join kind=" + kind + " " + right + " on k | summarize n = count(), sx = sum(x), sy = sum(y) | project strcat(n, ' ', sx, ' ', sy)", {}, {}).text(0, 0);
  };
  CHECK(count("inner") == "89102 13365300 13320749");      // 299 x 298 pairs
  CHECK(count("leftouter") == "89103 13365600 13320749");
  CHECK(count("fullouter") == "89105 13365600 13321348");
  CHECK(run(left + " | join kind=rightsemi " + right + " on k | count", {}, {}).text(0, 0) == "298");
  CHECK(run(left + " | join kind=rightanti " + right + " on k | count", {}, {}).text(0, 0) == "2");
  CHECK(run(left + " | join kind=leftsemi " + right + " on k | count", {}, {}).text(0, 0) == "299");
}

TEST_CASE("kql/join: more matches than memory is an error, not a crash") {
  RunOptions options;
  options.memory_limit_bytes = 32 << 20;
  const std::string many = "range x from 1 to 30000 step 1 | extend k = 1 ";
  try {
    run(many + "| join kind=inner (" + many + ") on k | sort by x asc", {}, options);
    FAIL("900 million rows were held in 32 MiB");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::out_of_memory);
  }
}

TEST_CASE("kql/mv-expand: rows that become many come in pieces; the expression is evaluated once a row") {
  CHECK(run("range x from 1 to 40 step 1 | mv-expand y = range(1, 10000) to typeof(long) | summarize strcat(count(), ' ', sum(y))", {}, {}).text(0, 0) == "400000 2000200000");
  CHECK(run("range x from 1 to 20000 step 1 | mv-apply y = range(1, 2) to typeof(long) on (summarize s = sum(y)) | summarize sum(s)", {}, {}).text(0, 0) == "60000");
}

TEST_CASE("kql/sort: a limit behind a project reaches the sort; texts order by all of their bytes") {
  const ResultTable r = run("range x from 1 to 100000 step 1 | extend s = strcat('same begin ', x % 1000, ' ', x) | sort by s desc | project t = s, x | take 3", {}, {});
  REQUIRE(r.n_rows == 3);
  CHECK(r.text(0, 0) == "same begin 999 99999");
  CHECK(r.text(1, 0) == "same begin 999 9999");
  CHECK(run("datatable(s:string)['b', '', 'abcdefghz', 'abcdefgh', 'abcdefg', '\xC3\xA9', 'B'] | sort by s asc | summarize make_list(s)", {}, {}).text(0, 0) ==
        "[\"\",\"B\",\"abcdefg\",\"abcdefgh\",\"abcdefghz\",\"b\",\"\xC3\xA9\"]");
}

TEST_CASE("kql/sort: texts that begin alike, end early or hold zeros order as whole texts do") {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    Column text(Type::string), number(Type::int64);
    std::vector<std::pair<std::string, int64_t>> rows;
    for (int64_t k = 0; k < 400; ++k) {
      std::string value = std::string("the same beginning of all of them").substr(0, random() % 34);
      for (size_t more = random() % 4; more > 0; --more) value += std::string_view("a\0b\xC3\xFFz", 6)[random() % 6];
      rows.emplace_back(value, static_cast<int64_t>(random() % 5));
      text.push_text(value);
      number.push_i64(rows.back().second);
    }
    auto chunk = std::make_shared<Chunk>();
    chunk->n_rows = rows.size();
    chunk->columns = {text, number};
    Tables tables;
    tables.add("T", make_memory_table({{"S", Type::string}, {"N", Type::int64}}, {chunk}));
    const bool down = round % 2 == 1;
    std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      return a.first != b.first ? (down ? a.first > b.first : a.first < b.first) : a.second < b.second;
    });
    const ResultTable r = run(down ? "T | sort by S desc, N asc" : "T | sort by S asc, N asc", tables, {});
    REQUIRE(r.n_rows == rows.size());
    for (uint64_t k = 0; k < r.n_rows; ++k) {
      REQUIRE(r.text(k, 0) == rows[k].first);
      REQUIRE(r.text(k, 1) == std::to_string(rows[k].second));
    }
  }
}

namespace {

// Chunks whose bounds are known and overlap; many rows have the same key.
class BoundedTable : public Table {
 public:
  explicit BoundedTable(uint32_t seed) : schema_{{"Key", Type::int64}, {"Id", Type::int64}} {
    std::mt19937 random(seed);
    for (size_t c = 0; c < 9; ++c) {
      auto chunk = std::make_shared<Chunk>();
      chunk->n_rows = n_rows_a_chunk;
      Column key(Type::int64), id(Type::int64);
      const int64_t base = static_cast<int64_t>(random() % 60) - 30;
      for (size_t row = 0; row < chunk->n_rows; ++row) {
        key.push_i64(base + static_cast<int64_t>(random() % 12));
        id.push_i64(static_cast<int64_t>(c * n_rows_a_chunk + row));
      }
      const auto [low, high] = std::minmax_element(key.i64s().begin(), key.i64s().end());
      bounds_.emplace_back(*low, *high);
      chunk->columns = {std::move(key), std::move(id)};
      chunks_.push_back(chunk);
    }
  }
  const app::columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return chunks_.size(); }
  std::shared_ptr<const Chunk> chunk(size_t index) const override { return chunks_[index]; }
  std::optional<std::pair<int64_t, int64_t>> range(size_t index, size_t column) const override {
    return column == 0 ? std::optional(bounds_[index]) : std::nullopt;
  }
  app::RowId first_row(size_t index) const override { return index * n_rows_a_chunk; }
  std::optional<size_t> n_rows(size_t) const override { return n_rows_a_chunk; }

 private:
  static constexpr size_t n_rows_a_chunk = 200;
  app::columns::Schema schema_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
  std::vector<std::pair<int64_t, int64_t>> bounds_;
};

}  // namespace

TEST_CASE("kql/top: the best chunks first and the others not at all gives what sorting everything does") {
  for (uint32_t seed = 1; seed < 40; ++seed) {
    Tables tables;
    tables.add("T", std::make_shared<BoundedTable>(seed));
    for (const std::string order : {"Key asc", "Key desc", "Key desc, Id desc", "Key asc, Id % 3 asc"}) {
      for (const char* n : {"1", "7", "150", "900", "5000"}) {
        const std::string filter = seed % 2 ? "T " : "T | where Id % 5 != 0 ";
        RunOptions one;
        one.n_threads = 1;
        const ResultTable best = run(filter + "| top " + n + " by " + order, tables, {}), all = run(filter + "| sort by " + order + " | serialize | where row_number() <= " + n, tables, one);
        CAPTURE(seed);
        CAPTURE(order);
        REQUIRE(best.n_rows == all.n_rows);
        for (uint64_t row = 0; row < best.n_rows; ++row) REQUIRE(best.text(row, 1) == all.text(row, 1));
        CHECK(best.row_ids.size() == best.n_rows);
      }
    }
  }
}

TEST_CASE("kql/extract: a column at a time gives what each row alone does") {
  const std::string rows = "range x from 1 to 500 step 1 | extend t = case(x % 5 == 0, strcat('user u', x, ' from 10.0.0.', x), x % 5 == 1, '', x % 5 == 2, 'USER U7 from', x % 5 == 3, "
                           "'\xE2\x84\xAA user \xC5\xBF from', strcat(x, ' port ', x, ' port 9')) ";
  for (const std::string pattern : {"user (\\w+)", "(?i)user (\\w+) from", "port (\\d+)", "(\\d+)$", "(a)|(user)", "nothing (x)?", "(?i)k (u)ser", "", "user ([^ ]*)( from)?"}) {
    for (const char* group : {"0", "1", "2", "9", "-1"}) {
      CAPTURE(pattern);
      CAPTURE(group);
      const std::string fixed = "extract(@'" + pattern + "', " + group + ", t)", by_row = "extract(p, " + std::string(group) + ", t)";
      CHECK(run(rows + "| extend p = @'" + pattern + "' | extend p = iff(x < 0, '', p) | where " + fixed + " != " + by_row + " | count", {}, {}).text(0, 0) == "0");
    }
  }
}

// The wall time that passes until a query gives up. SIGMA_CANCEL_MS sets the bound for a quiet machine.
TEST_CASE("kql/run: a stop request ends any long query soon") {
  const char* const set = std::getenv("SIGMA_CANCEL_MS");
  const Tables tables = app::make_log_tables(long_log());
  const std::string all = "Logs | join kind=inner (range i from 1 to 200 step 1 | extend SourceId = 0) on SourceId ";
  for (const std::string& query : {
           all + "| count", all + "| summarize count() by strcat(Message, i)", all + "| sort by Message asc | count", all + "| sort by Line desc, i asc | count", all + "| distinct Line, i | count",
           all + "| where Message matches regex '([a-z]+ )+[0-9]{3}.*[xyz]q' | count", all + "| extend e = extract('([a-z]+) /', 1, Message) | summarize dcount(e)",
           all + "| parse Message with * 'user ' u ' asked' * | summarize dcount(u)", all + "| extend j = parse_json(strcat('{\"a\":[1,2,', i, ']}')) | mv-expand j.a | count",
           all + "| serialize p = prev(Message) | count", all + "| make-series count() on Timestamp step 1s | count", std::string("range x from 1 to 2000000000 step 1 | extend y = sqrt(x) | summarize avg(y)"),
           std::string("Logs | join kind=inner (Logs) on SourceId | count"), std::string("range x from 1 to 100000 step 1 | mv-expand range(1, 100000) | count")}) {
    std::stop_source source;
    RunOptions options;
    options.stop = source.get_token();
    options.memory_limit_bytes = 2ull << 30;
    bool cancelled = false;
    std::jthread runner([&] {
      try {
        run(query, tables, options);
      } catch (const engine::Error& e) {
        cancelled = e.kind() == engine::ErrorKind::cancelled;
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    const auto asked = std::chrono::steady_clock::now();
    source.request_stop();
    runner.join();
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - asked).count();
    if (set) MESSAGE(query << ": " << ms << " ms");
    CAPTURE(query);
    CHECK(cancelled);
    if (set) CHECK(ms < std::atof(set));  // a time says as much of the machine: only where it is asked for
  }
}
