#include "app/store/chunk_storage.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "app/store/database.h"
#include "app/store/lists.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

using engine::ErrorKind;

// Three u64 a source: id, first line, last line.
std::string encode_lines(const std::vector<LineRange>& ranges) {
  std::string out;
  for (const LineRange& range : ranges) {
    const uint64_t numbers[] = {range.source, range.first, range.last};
    out.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  }
  return out;
}

std::vector<LineRange> decode_lines(std::string_view bytes) {
  uint64_t numbers[3];
  std::vector<LineRange> ranges;
  for (; bytes.size() >= sizeof numbers; bytes.remove_prefix(sizeof numbers)) {
    std::memcpy(numbers, bytes.data(), sizeof numbers);
    ranges.push_back({static_cast<uint32_t>(numbers[0]), numbers[1], numbers[2]});
  }
  return ranges;
}

// The column `levels` has a bit more: every row of the chunk has a time.
constexpr uint32_t all_timed_bit = 1u << 31;

class MemoryStorage : public ChunkStorage {
 public:
  bool keeps_tail() const override { return false; }
  void check_writable() const override {}
  void write(const LogWrite& write) override {
    const std::lock_guard guard(mutex_);
    CHECK_INVARIANT(write.chunks.empty() || write.first_chunk == chunks_.size());
    for (const EncodedChunk& chunk : write.chunks) {
      chunks_.push_back(std::make_shared<const std::vector<LogPart>>(chunk.parts));
    }
  }
  void sync() override {}
  std::vector<LogPart> read(size_t chunk, LogColumnSet wanted) const override {
    std::shared_ptr<const std::vector<LogPart>> all;
    {
      const std::lock_guard guard(mutex_);
      all = chunks_.at(chunk);
    }
    std::vector<LogPart> parts;
    for (const LogPart& part : *all) {
      if (is_wanted(part.part, wanted)) parts.push_back(part);
    }
    return parts;
  }
  std::string read_terms(size_t chunk) const override {
    const std::lock_guard guard(mutex_);
    for (const LogPart& part : *chunks_.at(chunk)) {
      if (part.part == terms_part) return part.bytes;
    }
    return {};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const std::vector<LogPart>>> chunks_;
};

class ReadOnlyStorage : public ChunkStorage {
 public:
  ReadOnlyStorage(const Database& database, int64_t session)
      : database_(database), session_(session) {}

  bool keeps_tail() const override { return true; }
  void check_writable() const override {
    engine::fail(ErrorKind::io, "%s was opened for reading only; nothing can be added to its logs",
                 database_.path().c_str());
  }
  void write(const LogWrite&) override { check_writable(); }
  void sync() override {}
  std::vector<LogPart> read(size_t chunk, LogColumnSet wanted) const override;
  std::string read_terms(size_t chunk) const override;

 protected:
  const Database& database_;
  const int64_t session_;
};

class DatabaseStorage : public ReadOnlyStorage {
 public:
  DatabaseStorage(Database& database, int64_t session)
      : ReadOnlyStorage(database, session), writable_(database) {}

  void check_writable() const override {
    if (database_.is_read_only()) ReadOnlyStorage::check_writable();
  }
  void write(const LogWrite& write) override;
  void sync() override { writable_.sync(); }

 private:
  void write_chunks(const LogWrite& write);
  void write_tail(const LogWrite& write);
  void write_sources(const std::vector<Source>& sources);
  void write_templates(const std::vector<Template>& templates);

  Database& writable_;
};

void DatabaseStorage::write(const LogWrite& write) {
  Transaction transaction(writable_);
  if (write.sources) write_sources(*write.sources);
  write_chunks(write);
  write_tail(write);
  if (write.templates) write_templates(*write.templates);
  transaction.commit();
}

void DatabaseStorage::write_chunks(const LogWrite& write) {
  Statement chunk = writable_.prepare(
      "insert into log_chunk (session_id, number, first_row, n_rows, min_time, max_time, levels, lines) "
      "values (?, ?, ?, ?, ?, ?, ?, ?)");
  Statement column = writable_.prepare("insert into log_column (chunk_id, part, data) values (?, ?, ?)");
  size_t number = write.first_chunk;
  for (const EncodedChunk& encoded : write.chunks) {
    const ChunkInfo& info = encoded.meta.info;
    const std::string lines = encode_lines(encoded.meta.lines);
    chunk.with(session_, uint64_t{number++}, uint64_t{info.first_row}, uint64_t{info.n_rows},
               info.min_time, info.max_time, info.levels | (info.all_timed ? all_timed_bit : 0));
    chunk.bind_blob(8, lines).run();
    const int64_t id = writable_.last_insert_id();
    for (const LogPart& part : encoded.parts) {
      column.bind(1, id).bind(2, part.part).bind_blob(3, part.bytes).run();
    }
  }
}

void DatabaseStorage::write_tail(const LogWrite& write) {
  if (write.tail_replaces_all) {
    writable_.prepare("delete from log_tail where session_id = ?").with(session_).run();
  } else if (!write.chunks.empty()) {
    writable_.prepare("delete from log_tail where session_id = ? and first_row < ?")
        .with(session_, uint64_t{write.tail_begin})
        .run();
  }
  if (!write.tail) return;
  writable_.prepare("insert into log_tail (session_id, first_row, n_rows, data) values (?, ?, ?, ?)")
      .with(session_, uint64_t{write.tail->first_row}, uint64_t{write.tail->n_rows})
      .bind_blob(4, write.tail->bytes)
      .run();
}

void DatabaseStorage::write_sources(const std::vector<Source>& sources) {
  Statement insert = writable_.prepare(
      "insert or replace into source (session_id, id, name, path, kind, encoding, format, "
      "format_match, time_zone, n_bytes, n_lines, n_records, n_without_time, first_time, last_time, "
      "notes) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Source& s : sources) {
    const std::string notes = encode_list(s.notes);
    insert.with(session_, s.id, s.name, s.path, s.kind, s.encoding, s.format, s.format_match,
                s.time_zone, s.n_bytes, s.n_lines, s.n_records, s.n_without_time, s.first_time,
                s.last_time, notes);
    insert.run();
  }
}

void DatabaseStorage::write_templates(const std::vector<Template>& templates) {
  writable_.prepare("delete from template where session_id = ?").with(session_).run();
  Statement insert = writable_.prepare(
      "insert into template (session_id, id, pattern, count, first_row, last_row, first_time, "
      "last_time, by_level, samples, timeline) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Template& t : templates) {
    const std::string by_level = encode_list(std::vector<uint64_t>(t.by_level, t.by_level + n_levels));
    const std::string samples = encode_list(std::vector<uint64_t>(t.samples));
    const std::string timeline =
        encode_list(std::vector<uint64_t>(t.timeline.begin(), t.timeline.end()));
    insert.with(session_, t.id, t.pattern, t.count, uint64_t{t.first_row}, uint64_t{t.last_row},
                t.first_time, t.last_time, by_level, samples, timeline);
    insert.run();
  }
}

std::vector<LogPart> ReadOnlyStorage::read(size_t chunk, LogColumnSet wanted) const {
  Statement select = database_.prepare_read(
      "select part, data from log_column where chunk_id = "
      "(select id from log_chunk where session_id = ? and number = ?) and (? >> part) & 1");
  select.with(session_, uint64_t{chunk}, with_companions(wanted));  // a blob that is not wanted is not read
  std::vector<LogPart> parts;
  while (select.step()) parts.push_back({static_cast<int>(select.i64(0)), std::string(select.blob(1))});
  return parts;
}

std::string ReadOnlyStorage::read_terms(size_t chunk) const {
  Statement select = database_.prepare_read(
      "select data from log_column where chunk_id = "
      "(select id from log_chunk where session_id = ? and number = ?) and part = ?");
  select.with(session_, uint64_t{chunk}, terms_part);
  return select.step() ? std::string(select.blob(0)) : std::string();
}

std::vector<Template> load_templates(const Database& database, int64_t session) {
  Statement select = database.prepare_read(
      "select id, pattern, count, first_row, last_row, first_time, last_time, by_level, samples, "
      "timeline from template where session_id = ? order by id");
  select.with(session);
  std::vector<Template> templates;
  while (select.step()) {
    Template t;
    t.id = static_cast<uint32_t>(select.i64(0));
    t.pattern = select.text(1);
    t.count = select.u64(2);
    t.first_row = select.u64(3);
    t.last_row = select.u64(4);
    t.first_time = select.i64(5);
    t.last_time = select.i64(6);
    const std::vector<uint64_t> by_level = decode_numbers(select.text(7));
    std::copy_n(by_level.begin(), std::min<size_t>(by_level.size(), n_levels), t.by_level);
    t.samples = decode_numbers(select.text(8));
    const std::vector<uint64_t> timeline = decode_numbers(select.text(9));
    t.timeline.assign(timeline.begin(), timeline.end());
    templates.push_back(std::move(t));
  }
  return templates;
}

RowId end_of(const ChunkInfo& info) { return info.first_row + info.n_rows; }

[[noreturn]] void fail_missing_rows(const Database& database, int64_t session, RowId row) {
  engine::fail(ErrorKind::invalid_input, "%s: rows from %llu on are missing from the log of session "
               "%lld; check the file with `sigmactl db check`", database.path().c_str(),
               static_cast<unsigned long long>(row), static_cast<long long>(session));
}

std::vector<ChunkMeta> load_chunks(const Database& database, int64_t session) {
  Statement select = database.prepare_read(
      "select number, first_row, n_rows, min_time, max_time, levels, lines from log_chunk "
      "where session_id = ? order by number");
  select.with(session);
  std::vector<ChunkMeta> chunks;
  RowId expected = 0;
  while (select.step()) {
    ChunkMeta meta;
    meta.info = {.first_row = select.u64(1),
                 .n_rows = select.u64(2),
                 .min_time = select.i64(3),
                 .max_time = select.i64(4),
                 .levels = static_cast<uint32_t>(select.i64(5)) & ~all_timed_bit,
                 .all_timed = (static_cast<uint32_t>(select.i64(5)) & all_timed_bit) != 0};
    meta.lines = decode_lines(select.blob(6));
    if (select.u64(0) != chunks.size() || meta.info.first_row != expected || meta.info.n_rows == 0 ||
        meta.info.n_rows > columns::chunk_rows) {
      fail_missing_rows(database, session, expected);
    }
    expected = end_of(meta.info);
    chunks.push_back(std::move(meta));
  }
  return chunks;
}

}  // namespace

std::unique_ptr<ChunkStorage> make_memory_chunk_storage() { return std::make_unique<MemoryStorage>(); }

std::unique_ptr<ChunkStorage> make_database_chunk_storage(Database& database, int64_t session) {
  return std::make_unique<DatabaseStorage>(database, session);
}

std::vector<Source> load_sources(const Database& database, int64_t session) {
  Statement select = database.prepare_read(
      "select id, name, path, kind, encoding, format, format_match, time_zone, n_bytes, n_lines, "
      "n_records, n_without_time, first_time, last_time, notes from source where session_id = ? "
      "order by id");
  select.with(session);
  std::vector<Source> sources;
  while (select.step()) {
    Source s;
    s.id = static_cast<uint32_t>(select.i64(0));
    s.name = select.text(1);
    s.path = select.text(2);
    s.kind = select.text(3);
    s.encoding = select.text(4);
    s.format = select.text(5);
    s.format_match = select.real(6);
    s.time_zone = select.text(7);
    s.n_bytes = select.u64(8);
    s.n_lines = select.u64(9);
    s.n_records = select.u64(10);
    s.n_without_time = select.u64(11);
    s.first_time = select.i64(12);
    s.last_time = select.i64(13);
    s.notes = decode_texts(select.text(14));
    if (s.id != sources.size()) {
      engine::fail(ErrorKind::invalid_input, "%s: source %zu of session %lld is missing; check the file "
                   "with `sigmactl db check`", database.path().c_str(), sources.size(),
                   static_cast<long long>(session));
    }
    sources.push_back(std::move(s));
  }
  return sources;
}

std::unique_ptr<ChunkStorage> make_read_only_chunk_storage(const Database& database, int64_t session) {
  return std::make_unique<ReadOnlyStorage>(database, session);
}

StoredLog load_stored_log(const Database& database, int64_t session) {
  Statement known = database.prepare_read("select 1 from session where id = ?");
  if (!known.with(session).step()) {
    engine::fail(ErrorKind::not_found, "session %lld is not there; `sigmactl session list` shows those "
                 "that are", static_cast<long long>(session));
  }
  StoredLog log;
  log.chunks = load_chunks(database, session);
  log.sources = load_sources(database, session);
  log.templates = load_templates(database, session);
  RowId expected = log.chunks.empty() ? 0 : end_of(log.chunks.back().info);
  Statement tail = database.prepare_read(
      "select first_row, n_rows, data from log_tail where session_id = ? order by first_row");
  tail.with(session);
  for (; tail.step(); expected += tail.u64(1)) {
    if (tail.u64(0) != expected) fail_missing_rows(database, session, expected);
    log.tail.emplace_back(tail.blob(2));
  }
  return log;
}

}  // namespace app::store
