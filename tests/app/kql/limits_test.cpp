// Every operator that holds rows keeps to the memory limit, and looks at the stop request often enough: what
// is counted is looks, not time.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>

#include "app/kql/expr.h"
#include "app/kql/query.h"
#include "engine/base/error.h"

namespace {

using app::columns::Chunk;
using app::columns::Column;
using app::columns::Type;
using app::kql::ResultTable;
using app::kql::RunOptions;
using app::kql::Tables;

constexpr size_t n_parts = 20, rows_a_part = 8192, n_all = n_parts * rows_a_part;

// Rows made when they are read, so that whatever memory a query takes is its own.
class MadeRows : public app::kql::Table {
 public:
  std::function<void(size_t chunk)> on_read;

  const app::columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return n_parts; }
  std::shared_ptr<const Chunk> chunk(size_t index) const override {
    if (on_read) on_read(index);
    auto chunk = std::make_shared<Chunk>();
    chunk->n_rows = rows_a_part;
    for (const auto& c : schema_) chunk->columns.emplace_back(c.type);
    for (size_t k = 0; k < rows_a_part; ++k) {
      const auto id = static_cast<int64_t>(index * rows_a_part + k);
      const int64_t mixed = id * 7919 % static_cast<int64_t>(n_all);
      chunk->columns[0].push_i64(mixed);
      chunk->columns[1].push_text("user " + std::to_string(mixed) + " asked for a page");
      chunk->columns[2].push_text("[" + std::to_string(id) + ",2,3]");
      chunk->columns[3].push_i64(638'000'000'000'000'000 + id * 10'000'000);
      chunk->columns[4].push_text("{\"k" + std::to_string(mixed) + "\":1}");
    }
    return chunk;
  }

 private:
  app::columns::Schema schema_ = {{"Id", Type::int64}, {"Text", Type::string}, {"Items", Type::dynamic}, {"Time", Type::datetime}, {"Bag", Type::dynamic}};
};

struct Question {
  std::string name, query;
  bool works_behind = false;  // on all rows once the last is read
};
const Question questions[] = {
    {"summarize by a number", "T | summarize count() by Id | count"},
    {"summarize by a text", "T | summarize count() by Text | count"},
    {"summarize with a set", "T | summarize make_set(Id) | count"},
    {"summarize with a list", "T | summarize make_list(Text) | count"},
    {"summarize with a bag", "T | summarize make_bag(Bag) | count"},
    {"summarize with percentiles", "T | summarize percentile(Id, 90)"},
    {"dcount", "T | summarize dcount(Text)"},
    {"arg_max", "T | summarize arg_max(Time, *) by Id | count"},
    {"distinct", "T | distinct Text | count"},
    {"join", "T | join kind=inner (T | project Id, Other = Text) on Id | count"},
    {"join that keeps the first of a key", "T | join (T | take 10 | project Id) on Id | count"},
    {"lookup", "T | lookup (T | project Id, Other = Text) on Id | count"},
    {"sort by a text", "T | sort by Text asc | count", true},
    {"sort by a number", "T | sort by Id asc | serialize n = row_number() | count", true},
    {"top that holds all", "T | top 160000 by Id | count"},
    {"serialize", "T | serialize p = prev(Text) | count", true},
    {"mv-expand of all in one list", "T | summarize l = make_list(Text) | mv-expand l | count", true},
    {"mv-expand and sort", "T | mv-expand Items to typeof(long) | sort by Items asc | count", true},
    {"mv-expand into the result", "T | mv-expand Items"},
    {"make-series with a series a key", "T | make-series count() on Time step 2d by Id | count", true},
    {"make-series of many points", "T | make-series count() on Time step 1s | count"},
    {"partition", "T | partition hint.strategy=native by Id (count) | count", true},
    {"top-nested", "T | top-nested of Text by count(), top-nested of Id by count() | count", true},
    {"scan", "T | serialize | scan declare (s: long = 0) with (step a: true => s = a.s + Id;) | count", true},
    {"materialize", "let m = materialize(T); m | join kind=leftanti (m | where Id < 0) on Id | count"},
    {"the result itself", "T"},
};

RunOptions with_memory(size_t bytes) {
  RunOptions options;
  options.memory_limit_bytes = bytes;
  options.row_limit = UINT64_MAX;
  return options;
}

}  // namespace

TEST_CASE("kql/limits: an operator that needs more than the memory limit ends with one error that says so") {
  Tables tables;
  tables.add("T", std::make_shared<MadeRows>());
  for (const Question& q : questions) {
    CAPTURE(q.name);
    try {
      app::kql::run(q.query, tables, with_memory(2 << 20));
      FAIL_CHECK("it held 163,840 rows in 2 MiB");
    } catch (const engine::Error& e) {
      CHECK(e.kind() == engine::ErrorKind::out_of_memory);
      CHECK(std::string(e.what()).find("more than its memory limit of 2 MiB") != std::string::npos);
    }
  }
}

TEST_CASE("kql/limits: what streams needs no memory for its rows") {
  Tables tables;
  tables.add("T", std::make_shared<MadeRows>());
  for (const char* query : {"T | where Id > 5 | extend x = Id + 1 | count", "T | mv-expand Items | count", "T | summarize count() by Id % 7", "T | top 10 by Id", "T | parse Text with * 'user ' n:long ' ' * | summarize sum(n)",
                            "T | mv-apply Items on (summarize s = count()) | count", "T | take 5"}) {
    CAPTURE(query);
    CHECK_NOTHROW(app::kql::run(query, tables, with_memory(40 << 20)));
  }
}

TEST_CASE("kql/limits: a stop request while rows are read is seen within a chunk a thread") {
  for (const Question& q : questions) {
    std::stop_source source;
    std::atomic<size_t> read_after = 0;
    auto rows = std::make_shared<MadeRows>();
    rows->on_read = [&](size_t chunk) {
      if (source.stop_requested()) ++read_after;
      if (chunk == 9) source.request_stop();
    };
    Tables tables;
    tables.add("T", rows);
    RunOptions options = with_memory(4ull << 30);
    options.stop = source.get_token();
    CAPTURE(q.name);
    bool cancelled = false;
    try {
      app::kql::run(q.query, tables, options);
    } catch (const engine::Error& e) {
      cancelled = e.kind() == engine::ErrorKind::cancelled;
    }
    if (q.name == "join that keeps the first of a key") continue;  // its 10 rows are one chunk's
    CHECK(cancelled);
    CHECK(read_after <= 4);
  }
}

// A row costs less than a microsecond in every operator, so a look in 65,536 rows is one in less than 100 ms.
TEST_CASE("kql/limits: behind the last row read an operator still looks at the stop request") {
  for (const Question& q : questions) {
    if (!q.works_behind) continue;
    CAPTURE(q.name);
    uint64_t at_last_row = 0;
    auto rows = std::make_shared<MadeRows>();
    rows->on_read = [&](size_t chunk) {
      if (chunk + 1 == n_parts) at_last_row = app::kql::n_stop_checks();
    };
    Tables tables;
    tables.add("T", rows);
    app::kql::run(q.query, tables, with_memory(8ull << 30));
    CHECK(app::kql::n_stop_checks() - at_last_row >= 10);
  }
}
