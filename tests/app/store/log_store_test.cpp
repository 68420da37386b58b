#include "app/store/log_store.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "app/store/database.h"
#include "engine/base/error.h"
#include "tests/app/store/temp_folder.h"

using namespace app;
using namespace app::store;

namespace {

// Record i of a made-up log: every field depends on i, so a mix-up of rows or columns shows.
struct Made {
  std::string raw, message, host, process, properties;
  Record record;
};

Made made(uint64_t i) {
  Made m;
  m.host = "node-" + std::to_string(i % 40);
  m.process = i % 3 == 0 ? "" : "svc" + std::to_string(i % 7);
  m.message = "request " + std::to_string(i) + " took " + std::to_string(i % 977) + " ms";
  m.raw = std::to_string(i) + " " + m.host + " " + m.message;
  if (i % 50 == 0) m.raw += "\n\tat frame " + std::to_string(i);
  if (i % 11 == 0) m.properties = "{\"status\":" + std::to_string(i % 600) + "}";
  Record& r = m.record;
  r.time = i % 13 == 0 ? no_time : unix_epoch_ticks + static_cast<Ticks>(i) * 12'345;
  r.level = static_cast<Level>(i % n_levels);
  r.source = 0;
  r.line = i * 2 + 1;
  r.n_lines = i % 50 == 0 ? 2 : 1;
  r.template_id = i % 17 == 0 ? no_template : static_cast<uint32_t>(i % 100);
  r.pid = i % 19 == 0 ? -1 : static_cast<int64_t>(i % 5000);
  return m;
}

// Views are set last: moving a Made moves short strings.
void append_made(LogStore& store, uint64_t begin, uint64_t end, uint32_t source = 0) {
  std::vector<Made> batch;
  std::vector<Record> records;
  batch.reserve(4096);
  for (uint64_t i = begin; i < end;) {
    batch.clear();
    records.clear();
    for (; i < end && batch.size() < 4096; ++i) batch.push_back(made(i));
    for (Made& m : batch) {
      m.record.raw = m.raw;
      m.record.message = m.message;
      m.record.host = m.host;
      m.record.process = m.process;
      m.record.properties = m.properties;
      m.record.source = source;
      records.push_back(m.record);
    }
    store.append(records);
  }
}

bool row_is(const LogRow& row, uint64_t i) {
  const Made m = made(i);
  return row.raw == m.raw && row.message == m.message && row.host == m.host &&
         row.process == m.process && row.properties == m.properties && row.time == m.record.time &&
         row.level == m.record.level && row.line == m.record.line && row.n_lines == m.record.n_lines &&
         row.template_id == m.record.template_id && row.pid == m.record.pid;
}

Record line_of(uint64_t line, std::string_view raw, Ticks time = no_time, Level level = Level::none) {
  Record record;
  record.line = line;
  record.raw = raw;
  record.time = time;
  record.level = level;
  return record;
}

Source named(const std::string& name, const std::string& path) {
  Source source;
  source.name = name;
  source.path = path;
  source.kind = "file";
  return source;
}

struct Stored {
  TempFolder folder;
  std::unique_ptr<Database> database = std::make_unique<Database>(folder.file("sigmadesk.db"));
  int64_t session = 0;
  Stored() {
    database->execute("insert into session (title, created, changed) values ('t', 0, 0)");
    session = database->last_insert_id();
  }
  void reopen() {
    database.reset();
    database = std::make_unique<Database>(folder.file("sigmadesk.db"));
  }
};

constexpr uint64_t two_chunks_and_some = 2 * columns::chunk_rows + 1234;

}  // namespace

TEST_CASE("store/log_store: rows of a memory store come back field for field") {
  const auto store = make_memory_log_store();
  store->add_source(named("app", "/var/log/app"));
  append_made(*store, 0, two_chunks_and_some);
  store->flush();
  const auto log = store->snapshot();
  REQUIRE(log->n_rows() == two_chunks_and_some);
  CHECK(log->n_chunks() == 3);
  for (uint64_t i = 0; i < two_chunks_and_some; i += 487) REQUIRE(row_is(log->row(i), i));
  CHECK(row_is(log->row(two_chunks_and_some - 1), two_chunks_and_some - 1));
}

TEST_CASE("store/log_store: rows of a stored log come back after reopening, then appending goes on") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("app", "/var/log/app"));
    append_made(*store, 0, two_chunks_and_some);
  }
  stored.reopen();
  const auto store = open_log_store(*stored.database, stored.session);
  CHECK(store->snapshot()->n_rows() == two_chunks_and_some);
  append_made(*store, two_chunks_and_some, two_chunks_and_some + 100'000);
  store->flush();
  const auto log = store->snapshot();
  REQUIRE(log->n_rows() == two_chunks_and_some + 100'000);
  for (uint64_t i = 0; i < log->n_rows(); i += 911) REQUIRE(row_is(log->row(i), i));
}

TEST_CASE("store/log_store: many small flushes make a short tail, and every row is there") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("app", "/var/log/app"));
    for (uint64_t i = 0; i < 150; ++i) {
      append_made(*store, i, i + 1);
      store->flush();
    }
    Statement tail = stored.database->prepare_read("select count(*), sum(n_rows) from log_tail");
    REQUIRE(tail.step());
    CHECK(tail.i64(0) <= 65);
    CHECK(tail.i64(1) == 150);
  }
  stored.reopen();
  const auto log = open_log_store(*stored.database, stored.session)->snapshot();
  REQUIRE(log->n_rows() == 150);
  for (uint64_t i = 0; i < 150; ++i) REQUIRE(row_is(log->row(i), i));
}

TEST_CASE("store/log_store: sources and templates come back field for field") {
  Stored stored;
  Source source = named("app", "/var/log/app");
  source.format_match = 0.987654321;
  source.first_time = 5;
  source.n_bytes = UINT64_MAX;
  source.notes = {"assumed UTC", "quote \" back \\ line\nfeed \x01 é"};
  Template shape{.id = 7, .pattern = "took <*> ms", .count = UINT64_MAX, .samples = {1, no_row - 1, 3},
                 .timeline = {0, UINT32_MAX}};
  shape.by_level[2] = 9;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    CHECK(store->add_source(named("app", "")) == 0);
    CHECK(store->add_source(named("other", "")) == 1);
    store->update_source(source);
    store->set_templates({shape});
  }
  stored.reopen();
  const auto log = open_log_store(*stored.database, stored.session)->snapshot();
  REQUIRE(log->sources().size() == 2);
  const Source& back = log->sources()[0];
  CHECK(back.path == "/var/log/app");
  CHECK(back.format_match == source.format_match);
  CHECK(back.first_time == 5);
  CHECK(back.last_time == no_time);
  CHECK(back.n_bytes == UINT64_MAX);
  CHECK(back.notes == source.notes);
  CHECK(log->sources()[1].id == 1);
  REQUIRE(log->templates().size() == 1);
  const Template& t = log->templates()[0];
  CHECK(t.pattern == shape.pattern);
  CHECK(t.count == shape.count);
  CHECK(t.first_row == no_row);
  CHECK(t.samples == shape.samples);
  CHECK(t.timeline == shape.timeline);
  CHECK(t.by_level[2] == 9);
}

TEST_CASE("store/log_store: a chunk knows its times, levels and rows") {
  const auto store = make_memory_log_store();
  store->add_source(named("app", ""));
  store->append(std::vector<Record>{line_of(1, "a", 30, Level::error), line_of(2, "b"),
                                    line_of(3, "c", 10, Level::info)});
  const ChunkInfo info = store->snapshot()->info(0);
  CHECK(info.n_rows == 3);
  CHECK(info.min_time == 10);
  CHECK(info.max_time == 30);
  CHECK(info.levels == (1u << int(Level::error) | 1u << int(Level::info) | 1u << int(Level::none)));
}

TEST_CASE("store/log_store: partial_chunk decodes the wanted columns, Message and Raw share their text") {
  Stored stored;
  const auto store = open_log_store(*stored.database, stored.session, {.cache_bytes = 1});
  store->add_source(named("app", "/var/log/app"));
  append_made(*store, 0, two_chunks_and_some);
  store->flush();
  const auto log = store->snapshot();
  const auto times = log->partial_chunk(0, column_bit(LogColumn::timestamp));
  CHECK(times->columns[int(LogColumn::timestamp)].n_rows() == columns::chunk_rows);
  CHECK(times->columns[int(LogColumn::raw)].n_rows() == 0);
  const auto text = log->partial_chunk(0, column_bit(LogColumn::message));
  const auto& message = text->columns[int(LogColumn::message)];
  CHECK(message.text(77) == made(77).message);
  CHECK(message.bytes() == text->columns[int(LogColumn::raw)].bytes());
  const auto all = log->chunk(1);
  CHECK(all->columns[int(LogColumn::file)].text(5) == "/var/log/app");
  CHECK(all->columns[int(LogColumn::source)].text(5) == "app");
  for (size_t i = 0; i < n_log_columns; ++i) {
    CHECK(all->columns[i].type() == log_schema()[i].type);
    CHECK(all->columns[i].n_rows() == columns::chunk_rows);
  }
}

TEST_CASE("store/log_store: find_line and line_ref give exactly the stored physical line") {
  Stored stored;
  const auto store = open_log_store(*stored.database, stored.session);
  store->add_source(named("a", "/a.log"));
  store->add_source(named("pasted", ""));
  append_made(*store, 0, 70'000, 0);
  append_made(*store, 0, 200, 1);
  const auto log = store->snapshot();
  for (const uint64_t i : {0ull, 1ull, 50ull, 65'535ull, 65'536ull, 69'999ull}) {
    CAPTURE(i);
    CHECK(log->find_line(0, i * 2 + 1) == i);
    CHECK(log->line_ref(i).text == made(i).raw.substr(0, made(i).raw.find('\n')));
  }
  CHECK(log->find_line(0, 102) == 50);  // second line of record 50
  const LineRef second = log->line_ref(50, 1);
  CHECK(second.text == "\tat frame 50");
  CHECK(second.line == 102);
  CHECK(second.file == "/a.log");
  CHECK(log->find_line(1, 101) == 70'050);
  CHECK(log->line_ref(70'050).file == "pasted");
  CHECK_FALSE(log->find_line(0, 104).has_value());  // between two records
  CHECK_FALSE(log->find_line(2, 1).has_value());
  CHECK_FALSE(log->find_line(0, 999'999'999).has_value());
}

TEST_CASE("store/log_store: a row or line past the end is refused with the number of rows") {
  const auto store = make_memory_log_store();
  CHECK(store->snapshot()->n_rows() == 0);
  CHECK(store->snapshot()->n_chunks() == 0);
  CHECK_FALSE(store->snapshot()->find_line(0, 1).has_value());
  CHECK_THROWS_WITH_AS(store->snapshot()->row(0), "there is no row 0; the log has 0 rows", engine::Error);
  store->add_source(named("a", ""));
  append_made(*store, 1, 2);
  CHECK_THROWS_AS(store->snapshot()->line_ref(0, 1), engine::Error);
}

TEST_CASE("store/log_store: a snapshot stays as it was while rows are appended") {
  const auto store = make_memory_log_store();
  store->add_source(named("a", "/first"));
  append_made(*store, 0, 10);
  const auto before = store->snapshot();
  append_made(*store, 10, 100'000);
  Source renamed = named("b", "/second");
  store->update_source(renamed);
  CHECK(before->n_rows() == 10);
  CHECK(before->n_chunks() == 1);
  CHECK(before->chunk(0)->n_rows == 10);
  CHECK(before->sources()[0].path == "/first");
  CHECK(store->snapshot()->sources()[0].path == "/second");
}

TEST_CASE("store/log_store: readers on other threads see whole rows while one thread appends") {
  Stored stored;
  const auto store = open_log_store(*stored.database, stored.session, {.cache_bytes = 4 << 20});
  store->add_source(named("a", ""));
  std::atomic<bool> done = false;
  std::atomic<int> n_wrong = 0;
  std::vector<std::thread> readers;
  for (uint64_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      for (uint64_t i = reader; !done; i += 40'503) {
        const auto log = store->snapshot();
        if (log->n_rows() == 0) continue;
        const uint64_t row = i % log->n_rows();
        if (!row_is(log->row(row), row)) ++n_wrong;
      }
    });
  }
  append_made(*store, 0, 300'000);
  store->flush();
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(n_wrong == 0);
}

TEST_CASE("store/log_store: long records make smaller chunks, and one too long is refused") {
  const auto store = make_memory_log_store();
  store->add_source(named("a", ""));
  const std::string text(20u << 20, 'x');
  for (uint64_t i = 0; i < 5; ++i) {
    const Record record = line_of(i + 1, text);
    store->append({&record, 1});
  }
  store->flush();
  const auto log = store->snapshot();
  CHECK(log->n_chunks() == 2);
  CHECK(log->chunk_of(2) == 0);
  CHECK(log->chunk_of(3) == 1);
  CHECK(log->row(4).raw.size() == text.size());
  const std::string huge((256u << 20) + 1, 'x');
  const Record record = line_of(6, huge);
  CHECK_THROWS_AS(store->append({&record, 1}), engine::Error);
  CHECK(store->snapshot()->n_rows() == 5);
}

TEST_CASE("store/log_store: a second writer of a session is refused, an unknown session too") {
  Stored stored;
  const auto store = open_log_store(*stored.database, stored.session);
  CHECK_THROWS_AS((void)open_log_store(*stored.database, stored.session), engine::Error);
  CHECK_THROWS_AS((void)open_log_store(*stored.database, 999), engine::Error);
  CHECK_THROWS_AS((void)open_log_store(*stored.database, 999), engine::Error);  // and not "busy"
}

TEST_CASE("store/log_store: a full disk is said, what was saved stays, and freeing space lets it go on") {
  Stored stored;
  uint64_t n_before = 0;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("a", ""));
    append_made(*store, 0, 1000);
    store->flush();
    n_before = 1000;
    stored.database->execute("pragma max_page_count = 120");
    std::string message;
    try {
      for (uint64_t i = n_before; i < 2'000'000; i += 10'000) append_made(*store, i, i + 10'000);
      store->flush();
    } catch (const engine::Error& e) {
      message = e.what();
      CHECK(e.kind() == engine::ErrorKind::io);
    }
    CHECK(message.find("disk is full") != std::string::npos);
    CHECK(message.find("sigmadesk.db") != std::string::npos);
    const uint64_t n_rows = store->snapshot()->n_rows();
    stored.database->execute("pragma max_page_count = 1000000");
    store->flush();
    CHECK(store->snapshot()->n_rows() == n_rows);
    n_before = n_rows;
  }
  stored.reopen();
  CHECK(stored.database->check().ok);
  const auto log = open_log_store(*stored.database, stored.session)->snapshot();
  CHECK(log->n_rows() == n_before);
  for (uint64_t i = 0; i < n_before; i += 4999) REQUIRE(row_is(log->row(i), i));
}

TEST_CASE("store/log_store: a damaged chunk is said where it is read, the others stay readable") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("a", ""));
    append_made(*store, 0, two_chunks_and_some);
  }
  stored.database->execute(
      "update log_column set data = substr(data, 1, length(data) / 2) where part = 7 and chunk_id = "
      "(select id from log_chunk where number = 0);"
      "delete from log_column where part = 0 and chunk_id = (select id from log_chunk where number = 0)");
  const auto log = open_log_store(*stored.database, stored.session)->snapshot();
  CHECK_THROWS_AS((void)log->row(0), engine::Error);
  CHECK_THROWS_AS((void)log->partial_chunk(0, column_bit(LogColumn::timestamp)), engine::Error);
  CHECK_NOTHROW((void)log->partial_chunk(0, column_bit(LogColumn::level)));
  CHECK(row_is(log->row(70'000), 70'000));
}

TEST_CASE("store/log_store: the terms of a full chunk are stored beside it; without them every term may be there") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("a", "/var/log/app"));
    append_made(*store, 0, two_chunks_and_some);
  }
  const auto open = [&] { return open_log_store(*stored.database, stored.session)->snapshot(); };
  CHECK(open()->may_hold_term(0, "app"));             // of its path
  CHECK_FALSE(open()->may_hold_term(0, "absentword7"));
  CHECK_FALSE(open()->may_hold_term(1, "absentword7"));
  CHECK(open()->may_hold_term(2, "absentword7"));     // the open chunk
  stored.database->execute("delete from log_column where part = 31 and chunk_id = (select id from log_chunk where number = 0)");
  CHECK(open()->may_hold_term(0, "absentword7"));     // as in a session of an earlier version
  CHECK_FALSE(open()->may_hold_term(1, "absentword7"));
  stored.database->execute("update log_column set data = x'0103' where part = 31");
  CHECK_THROWS_AS((void)open()->may_hold_term(1, "absentword7"), engine::Error);
  CHECK(row_is(open()->row(70'000), 70'000));         // its rows are read all the same
}

TEST_CASE("store/log_store: missing chunks are said when the log is opened") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("a", ""));
    append_made(*store, 0, two_chunks_and_some);
  }
  stored.database->execute("delete from log_chunk where number = 0");
  CHECK_THROWS_AS((void)open_log_store(*stored.database, stored.session), engine::Error);
}

TEST_CASE("store/log_store: a log opened for reading only can be read and not appended to") {
  Stored stored;
  {
    const auto store = open_log_store(*stored.database, stored.session);
    store->add_source(named("a", ""));
    append_made(*store, 0, 100);
  }
  Database reader(stored.folder.file("sigmadesk.db"), {.read_only = true});
  const auto store = open_log_store(reader, stored.session);
  CHECK(row_is(store->snapshot()->row(99), 99));
  CHECK_THROWS_AS(append_made(*store, 100, 101), engine::Error);
}
