#include "app/kql/query.h"

#include <doctest/doctest.h>

#include <mutex>

#include "engine/base/error.h"

using namespace app::kql;
using app::columns::Chunk;
using app::columns::Column;
using app::columns::Type;

namespace {

// Three chunks of a log: times 0..9, 10..19, 20..29 (ticks), with row ids and chunk ranges.
class SmallLog : public Table {
 public:
  SmallLog() : schema_{{"Timestamp", Type::datetime}, {"Level", Type::string}, {"Text", Type::string}} {
    const auto levels = std::make_shared<const app::columns::Dictionary>(app::columns::Dictionary{{"INFO", "ERROR"}});
    for (int c = 0; c < 3; ++c) {
      auto chunk = std::make_shared<Chunk>();
      chunk->n_rows = 10;
      Column time(Type::datetime), text(Type::string);
      std::vector<uint32_t> codes;
      for (int row = 0; row < 10; ++row) {
        time.push_i64(c * 10 + row);
        codes.push_back(row % 5 == 0 ? 1 : 0);
        text.push_text("row " + std::to_string(c * 10 + row));
      }
      chunk->columns = {std::move(time), Column::from_dictionary(Type::string, levels, codes), std::move(text)};
      chunks_.push_back(chunk);
    }
  }
  const app::columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return chunks_.size(); }
  std::shared_ptr<const Chunk> chunk(size_t index) const override {
    const std::lock_guard lock(mutex_);
    read.push_back(index);
    return chunks_[index];
  }
  bool may_hold(size_t index, size_t column, int64_t min, int64_t max) const override {
    const auto first = static_cast<int64_t>(index) * 10;
    return column != 0 || (min <= first + 9 && max >= first);
  }
  app::RowId first_row(size_t index) const override { return index * 10; }

  mutable std::vector<size_t> read;

 private:
  mutable std::mutex mutex_;  // scans read on several threads
  app::columns::Schema schema_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
};

RunOptions one_thread() {
  RunOptions options;
  options.n_threads = 1;
  return options;
}

}  // namespace

TEST_CASE("kql/query: a time filter skips the chunks that cannot match") {
  const auto log = std::make_shared<SmallLog>();
  Tables tables;
  tables.add("Logs", log);
  const ResultTable r = run("Logs | where Timestamp between (datetime(0001-01-01 00:00:00.0000012) .. datetime(0001-01-01 00:00:00.0000014)) | project Text", tables, one_thread());
  REQUIRE_FALSE(r.failed());
  CHECK(r.n_rows == 3);
  CHECK(log->read == std::vector<size_t>{1});
  CHECK(r.row_ids == std::vector<app::RowId>{12, 13, 14});
}

TEST_CASE("kql/query: rows keep their row ids through where, extend, sort and take, and lose them in groups") {
  Tables tables;
  tables.add("Logs", std::make_shared<SmallLog>());
  const ResultTable top = run("Logs | where Level == 'ERROR' | extend n = strlen(Text) | sort by Timestamp desc | take 2", tables, {});
  CHECK(top.row_ids == std::vector<app::RowId>{25, 20});
  CHECK(top.text(0, 2) == "row 25");
  const ResultTable groups = run("Logs | summarize count() by Level | sort by Level asc", tables, {});
  CHECK(groups.row_ids.empty());
  CHECK(groups.text(0, 1) == "6");
}

TEST_CASE("kql/query: two threads give the rows of one, in the same order") {
  Tables tables;
  tables.add("Logs", std::make_shared<SmallLog>());
  for (const char* query : {"Logs | where Text has '7' or Level == 'ERROR'", "Logs | where Level != 'ERROR' | summarize n = count() by bin(Timestamp, 1tick)"}) {
    const ResultTable one = run(query, tables, one_thread()), two = run(query, tables, {});
    REQUIRE(one.n_rows == two.n_rows);
    for (uint64_t row = 0; row < one.n_rows; ++row) CHECK(one.text(row, 0) == two.text(row, 0));
  }
}

TEST_CASE("kql/query: a stop request ends a query with Error{cancelled}") {
  std::stop_source source;
  source.request_stop();
  RunOptions options;
  options.stop = source.get_token();
  try {
    run("range x from 1 to 100000000 step 1 | summarize count()", Tables(), options);
    FAIL("the query did not stop");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::cancelled);
  }
}

TEST_CASE("kql/query: the memory limit is an error that says what to do") {
  RunOptions options;
  options.memory_limit_bytes = 1 << 20;
  try {
    run("range x from 1 to 10000000 step 1 | sort by x desc", Tables(), options);
    FAIL("the query took more than its limit");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::out_of_memory);
    CHECK(std::string(e.what()).find("memory limit of 1 MiB") != std::string::npos);
  }
}

TEST_CASE("kql/query: the row limit cuts the result and says so") {
  RunOptions options;
  options.row_limit = 7;
  const ResultTable r = run("range x from 1 to 100 step 1", Tables(), options);
  CHECK(r.n_rows == 7);
  CHECK(r.truncated);
}

TEST_CASE("kql/query: check finds unknown names without running anything") {
  Tables tables;
  tables.add("Logs", std::make_shared<SmallLog>());
  const std::vector<Diagnostic> found = check("Logs | where Levl == 'x' | project Txet", tables);
  REQUIRE(found.size() == 2);
  CHECK(found[0].message == "there is no column or variable 'Levl'");
  CHECK(found[0].hint == "did you mean Level?");
  CHECK(check("Log | take 1", tables).at(0).hint == "did you mean Logs?");
  CHECK(check("Logs | where Text has toscalar(Logs | take 1 | project Text)", tables).empty());
}

TEST_CASE("kql/query: completion offers operators behind a pipe and columns in an expression") {
  Tables tables;
  tables.add("Logs", std::make_shared<SmallLog>(), "the log");
  const CompletionList operators = complete("Logs | su", 9, tables);
  REQUIRE_FALSE(operators.items.empty());
  CHECK(operators.begin == 7);
  CHECK(operators.items[0].text == "summarize");
  const CompletionList columns = complete("Logs | where Te", 15, tables);
  REQUIRE_FALSE(columns.items.empty());
  CHECK(columns.items[0].text == "Text");
  CHECK(columns.items[0].kind == "column");
  CHECK(complete("L", 1, tables).items[0].text == "Logs");
  CHECK(complete("", 0, Tables()).items.size() > 0);
}

TEST_CASE("kql/query: render is kept as a wish, with its properties") {
  const ResultTable r = run("print x = 1 | render timechart with (title='a b', ycolumns=x)", Tables(), {});
  CHECK(r.render.kind == "timechart");
  CHECK(r.render.properties.at("title") == "a b");
  CHECK(r.render.properties.at("ycolumns") == "x");
}
