#include "app/store/log_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "app/columns/encoding.h"
#include "app/store/chunk_reader.h"
#include "app/store/database.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app::store {
namespace {

using columns::Chunk;

// Full chunks that may wait to be written before append() waits too: 64 K rows are some 15 MB.
constexpr size_t max_waiting_chunks = 4;
// Batches of the tail before they are rewritten as one.
constexpr int max_tail_batches = 64;

// --- a snapshot: shared entries, and a copy of the open chunk's rows
struct OpenChunk {
  ChunkMeta meta;
  std::shared_ptr<const Chunk> chunk;
};

class Snapshot : public LogSnapshot {
 public:
  std::shared_ptr<ChunkReader> reader;
  std::vector<std::shared_ptr<ChunkEntry>> entries;
  std::shared_ptr<const OpenChunk> open;  // null: no rows after the full chunks
  std::shared_ptr<const std::vector<Source>> all_sources;
  std::shared_ptr<const std::vector<Template>> all_templates;
  RowId end_row = 0;

  RowId n_rows() const override { return end_row; }
  size_t n_chunks() const override { return entries.size() + (open ? 1 : 0); }
  ChunkInfo info(size_t number) const override { return meta(number).info; }
  std::shared_ptr<const Chunk> chunk(size_t number) const override {
    return partial_chunk(number, all_log_columns);
  }
  std::shared_ptr<const Chunk> partial_chunk(size_t number, LogColumnSet wanted) const override {
    CHECK_INVARIANT(number < n_chunks());
    return number == entries.size() ? open->chunk : reader->chunk(*entries[number], wanted);
  }
  const std::vector<Source>& sources() const override { return *all_sources; }
  const std::vector<Template>& templates() const override { return *all_templates; }
  bool may_hold_line(size_t number, uint32_t source, uint64_t line) const override {
    const std::vector<LineRange>& lines = meta(number).lines;
    return std::any_of(lines.begin(), lines.end(), [&](const LineRange& range) {
      return range.source == source && range.first <= line && line <= range.last;
    });
  }
  bool may_hold_term(size_t number, std::string_view term) const override {
    CHECK_INVARIANT(number < n_chunks());
    return number == entries.size() || reader->may_hold_term(*entries[number], term);
  }

 private:
  const ChunkMeta& meta(size_t number) const {
    CHECK_INVARIANT(number < n_chunks());
    return number == entries.size() ? open->meta : entries[number]->meta;
  }
};

// --- the store: append() fills the open chunk; a thread encodes and writes behind it
class Store : public LogStore {
 public:
  Store(std::unique_ptr<ChunkStorage> storage, StoredLog stored, const LogStoreOptions& options);
  ~Store() override;

  uint32_t add_source(const Source& source) override;
  void update_source(const Source& source) override;
  RowId append(std::span<const Record> records) override;
  void set_templates(std::vector<Template> templates) override;
  void flush() override;
  std::shared_ptr<const LogSnapshot> snapshot() const override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void load(StoredLog stored);
  void restore_tail(const std::vector<std::string>& batches);
  void seal(Lock& lock);
  void throw_failure(Lock& lock);
  std::vector<Source>& change_sources();
  bool has_work() const;
  // One round of the writing thread.
  struct Job {
    LogWrite write;
    std::vector<std::shared_ptr<ChunkEntry>> entries;
    Chunk tail;
    uint64_t round = 0;
  };
  Job take_job();
  void encode(Job& job) const;
  void finish(Job& job);
  void put_back(const Job& job);
  void write_behind();

  const LogStoreOptions options_;
  const std::shared_ptr<ChunkReader> reader_;

  mutable std::mutex mutex_;
  std::condition_variable work_, progress_;
  ChunkBuilder builder_;
  std::vector<std::shared_ptr<ChunkEntry>> entries_;
  std::shared_ptr<std::vector<Source>> sources_;
  std::shared_ptr<const std::vector<Template>> templates_;
  mutable std::shared_ptr<const OpenChunk> open_copy_;  // of the rows it had at the last snapshot

  size_t n_written_chunks_ = 0;        // entries before this one are stored
  RowId n_written_rows_ = 0;           // rows before this one are stored, in chunks or in the tail
  int n_tail_batches_ = 0;
  std::chrono::steady_clock::time_point last_tail_{};
  std::vector<bool> source_changed_;
  bool templates_changed_ = false;
  uint64_t rounds_wanted_ = 0, rounds_done_ = 0;  // flush() waits for a round that began after it
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread writer_;
};

Store::Store(std::unique_ptr<ChunkStorage> storage, StoredLog stored, const LogStoreOptions& options)
    : options_(options),
      reader_(std::make_shared<ChunkReader>(std::move(storage), options.cache_bytes)),
      sources_(std::make_shared<std::vector<Source>>()),
      templates_(std::make_shared<const std::vector<Template>>()) {
  load(std::move(stored));
  writer_ = std::thread([this] { write_behind(); });
}

Store::~Store() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  writer_.join();
}

void Store::load(StoredLog stored) {
  RowId end_row = 0;
  for (ChunkMeta& meta : stored.chunks) {
    auto entry = std::make_shared<ChunkEntry>();
    entry->number = entries_.size();
    entry->meta = std::move(meta);
    end_row += entry->meta.info.n_rows;
    entries_.push_back(std::move(entry));
  }
  sources_ = std::make_shared<std::vector<Source>>(std::move(stored.sources));
  source_changed_.assign(sources_->size(), false);
  templates_ = std::make_shared<const std::vector<Template>>(std::move(stored.templates));
  builder_ = ChunkBuilder(end_row);
  restore_tail(stored.tail);
  n_written_chunks_ = entries_.size();
  n_written_rows_ = builder_.end_row();
  n_tail_batches_ = static_cast<int>(stored.tail.size());
}

void Store::restore_tail(const std::vector<std::string>& batches) {
  for (const std::string& bytes : batches) {
    const Chunk chunk = decode_log_tail(bytes);
    for (size_t i = 0; i < chunk.n_rows; ++i) {
      const Record record = record_of(chunk, i);
      if (!builder_.has_room_for(record)) {
        engine::fail(engine::ErrorKind::invalid_input, "the end of a stored log holds more rows than it "
                     "can; check the file with `sigmactl db check`");
      }
      builder_.add(record);
    }
  }
}

// The copy that snapshots hold stays as it is.
std::vector<Source>& Store::change_sources() {
  if (sources_.use_count() > 1) sources_ = std::make_shared<std::vector<Source>>(*sources_);
  std::atomic_thread_fence(std::memory_order_acquire);  // after the reads of a snapshot just dropped
  return *sources_;
}

uint32_t Store::add_source(const Source& source) {
  Lock lock(mutex_);
  throw_failure(lock);
  std::vector<Source>& sources = change_sources();
  const auto id = static_cast<uint32_t>(sources.size());
  sources.push_back(source);
  sources.back().id = id;
  source_changed_.push_back(true);
  return id;
}

void Store::update_source(const Source& source) {
  Lock lock(mutex_);
  CHECK_INVARIANT(source.id < sources_->size());
  change_sources()[source.id] = source;
  source_changed_[source.id] = true;
}

RowId Store::append(std::span<const Record> records) {
  Lock lock(mutex_);
  throw_failure(lock);
  reader_->storage().check_writable();
  const RowId first = builder_.end_row();
  for (const Record& record : records) {
    if (!builder_.has_room_for(record)) seal(lock);
    builder_.add(record);
  }
  return first;
}

// Turns the open chunk into a full one and starts the next.
void Store::seal(Lock& lock) {
  progress_.wait(lock, [&] {
    return entries_.size() - n_written_chunks_ < max_waiting_chunks || failure_;
  });
  throw_failure(lock);
  auto entry = std::make_shared<ChunkEntry>();
  entry->number = entries_.size();
  entry->meta = builder_.meta();
  entry->unwritten = std::make_shared<const Chunk>(builder_.rows_from(0, *sources_));
  entries_.push_back(std::move(entry));
  builder_ = ChunkBuilder(builder_.end_row());
  open_copy_.reset();
  work_.notify_all();
}

// The rows stay where they are and are tried again: the next call may find room on the disk.
void Store::throw_failure(Lock&) {
  if (!failure_) return;
  const std::exception_ptr failure = std::exchange(failure_, nullptr);
  work_.notify_all();
  std::rethrow_exception(failure);
}

void Store::set_templates(std::vector<Template> templates) {
  auto shared = std::make_shared<const std::vector<Template>>(std::move(templates));
  const std::lock_guard guard(mutex_);
  templates_ = std::move(shared);
  templates_changed_ = true;
}

void Store::flush() {
  {
    Lock lock(mutex_);
    throw_failure(lock);
    const uint64_t round = ++rounds_wanted_;
    work_.notify_all();
    progress_.wait(lock, [&] { return rounds_done_ >= round || failure_; });
    throw_failure(lock);
  }
  reader_->storage().sync();
}

std::shared_ptr<const LogSnapshot> Store::snapshot() const {
  auto snapshot = std::make_shared<Snapshot>();
  const std::lock_guard guard(mutex_);
  snapshot->reader = reader_;
  snapshot->entries = entries_;
  snapshot->all_sources = sources_;
  snapshot->all_templates = templates_;
  snapshot->end_row = builder_.end_row();
  if (builder_.n_rows() > 0) {
    if (!open_copy_ || open_copy_->meta.info.n_rows != builder_.n_rows()) {
      open_copy_ = std::make_shared<const OpenChunk>(OpenChunk{
          builder_.meta(), std::make_shared<const Chunk>(builder_.rows_from(0, *sources_))});
    }
    snapshot->open = open_copy_;
  }
  return snapshot;
}

// --- the writing thread

bool Store::has_work() const {
  if (failure_) return false;
  return stop_ || rounds_wanted_ > rounds_done_ || n_written_chunks_ < entries_.size();
}

void Store::write_behind() {
  const auto interval = std::chrono::milliseconds(options_.flush_interval_ms);
  for (bool last = false; !last;) {
    Job job;
    {
      Lock lock(mutex_);
      work_.wait_for(lock, interval, [&] { return has_work() || stop_; });
      last = stop_;
      if (failure_ && !last) continue;
      job = take_job();
    }
    try {
      encode(job);
      if (!job.write.empty()) reader_->storage().write(job.write);
      finish(job);
    } catch (...) {
      const std::lock_guard guard(mutex_);
      put_back(job);
      failure_ = std::current_exception();
      if (last) engine::log_error("the end of a log could not be saved; the disk may be full");
    }
    progress_.notify_all();
  }
}

Store::Job Store::take_job() {
  Job job;
  LogWrite& write = job.write;
  job.round = rounds_wanted_;
  job.entries.assign(entries_.begin() + static_cast<std::ptrdiff_t>(n_written_chunks_), entries_.end());
  write.first_chunk = n_written_chunks_;
  write.tail_begin = builder_.meta().info.first_row;
  if (!job.entries.empty()) n_tail_batches_ = 0;

  // Under load full chunks follow each other faster than this, and most rows are written once.
  const auto now = std::chrono::steady_clock::now();
  const bool due = stop_ || rounds_wanted_ > rounds_done_ ||
                   now - last_tail_ >= std::chrono::milliseconds(options_.flush_interval_ms) * 3 / 4;
  RowId from = std::max(n_written_rows_, write.tail_begin);
  if (due && reader_->storage().keeps_tail() && from < builder_.end_row()) {
    last_tail_ = now;
    write.tail_replaces_all = n_tail_batches_ >= max_tail_batches;
    if (write.tail_replaces_all) from = write.tail_begin;
    job.tail = builder_.rows_from(from - write.tail_begin, *sources_);
    write.tail = EncodedTail{.first_row = from, .n_rows = job.tail.n_rows, .bytes = {}};
  }
  if (std::find(source_changed_.begin(), source_changed_.end(), true) != source_changed_.end()) {
    write.sources.emplace();
    for (size_t id = 0; id < source_changed_.size(); ++id) {
      if (source_changed_[id]) write.sources->push_back((*sources_)[id]);
    }
    source_changed_.assign(source_changed_.size(), false);
  }
  if (templates_changed_) write.templates = *templates_;
  templates_changed_ = false;
  return job;
}

void Store::encode(Job& job) const {
  for (const std::shared_ptr<ChunkEntry>& entry : job.entries) {
    job.write.chunks.push_back(
        {entry->meta, encode_log_chunk(*reader_->chunk(*entry, all_log_columns), options_.zstd_level)});
  }
  if (job.write.tail) job.write.tail->bytes = columns::encode_chunk(job.tail, options_.zstd_level);
}

void Store::finish(Job& job) {
  for (const std::shared_ptr<ChunkEntry>& entry : job.entries) reader_->written(*entry);
  const std::lock_guard guard(mutex_);
  n_written_chunks_ += job.entries.size();
  n_written_rows_ = std::max(n_written_rows_, job.write.tail_begin);
  if (job.write.tail) {
    n_written_rows_ = job.write.tail->first_row + job.write.tail->n_rows;
    n_tail_batches_ = job.write.tail_replaces_all ? 1 : n_tail_batches_ + 1;
  }
  rounds_done_ = job.round;
}

void Store::put_back(const Job& job) {
  if (job.write.sources) {
    for (const Source& source : *job.write.sources) source_changed_[source.id] = true;
  }
  if (job.write.templates) templates_changed_ = true;
}

// Keeps a second writer out.
class LogClaim {
 public:
  LogClaim(Database& database, int64_t session) : database_(database), session_(session) {
    database_.claim_log(session_);
  }
  ~LogClaim() { database_.release_log(session_); }
  LogClaim(const LogClaim&) = delete;
  LogClaim& operator=(const LogClaim&) = delete;

 protected:
  Database& database_;
  int64_t session_;
};

// The claim is the first base, so it ends after the store has written its last rows.
class DatabaseStore : private LogClaim, public Store {
 public:
  DatabaseStore(Database& database, int64_t session, const LogStoreOptions& options)
      : LogClaim(database, session),
        Store(make_database_chunk_storage(database, session), load_stored_log(database, session),
              options) {}
};

}  // namespace

std::unique_ptr<LogStore> open_log_store(Database& database, int64_t session_id,
                                         const LogStoreOptions& options) {
  return std::make_unique<DatabaseStore>(database, session_id, options);
}

// A snapshot shares what it needs; the store around it may go.
std::shared_ptr<const LogSnapshot> load_log_snapshot(const Database& database, int64_t session_id,
                                                     const LogStoreOptions& options) {
  return Store(make_read_only_chunk_storage(database, session_id), load_stored_log(database, session_id),
               options)
      .snapshot();
}

std::unique_ptr<LogStore> make_memory_log_store(const LogStoreOptions& options) {
  return std::make_unique<Store>(make_memory_chunk_storage(), StoredLog{}, options);
}

}  // namespace app::store
