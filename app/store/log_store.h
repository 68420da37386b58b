// app/store/log_store.h: the records of one session, as columns in chunks of 64 K rows.
//
// Rows are appended by one writer and never change. A full chunk is compressed and written to the
// session's database (table log_chunk) in the writer's transaction; the open chunk is written too,
// at least once a second, so that kill -9 loses at most the last second. Readers take a snapshot
// and keep it as long as they like, on any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"
#include "app/types.h"

namespace app::store {

class Database;

// Columns of a stored chunk, in this order. Their names and types in KQL are log_schema()'s.
enum class LogColumn : uint8_t {
  timestamp,    // datetime, null where the record has no time
  level,        // string, dictionary: level_names
  source,       // string, dictionary: Source::name
  host,         // string, dictionary
  process,      // string, dictionary
  pid,          // long, null where none
  template_id,  // long, null where none
  message,      // string, slices
  raw,          // string, slices
  line,         // long
  file,         // string, dictionary: Source::path
  properties,   // dynamic
  n_lines,      // long
  source_id,    // long
};
constexpr size_t n_log_columns = 14;
const columns::Schema& log_schema();

// A set of columns, one bit each: column_bit(LogColumn::timestamp) | column_bit(LogColumn::level).
using LogColumnSet = uint32_t;
constexpr LogColumnSet column_bit(LogColumn column) { return 1u << static_cast<int>(column); }
constexpr LogColumnSet all_log_columns = (1u << n_log_columns) - 1;

struct ChunkInfo {
  RowId first_row = 0;
  size_t n_rows = 0;
  Ticks min_time = no_time, max_time = no_time;  // of rows that have one; no_time: none has
  uint32_t levels = 0;                           // bit l set: some row has Level l
  bool all_timed = false;                        // true: every row is known to have a time
};

// One row, copied out.
struct LogRow {
  RowId row = no_row;
  Ticks time = no_time;
  Level level = Level::none;
  uint32_t source = 0;
  uint64_t line = 0;
  uint32_t n_lines = 1;
  uint32_t template_id = no_template;
  int64_t pid = -1;
  std::string raw, message, host, process, properties;
};

class LogSnapshot {
 public:
  virtual ~LogSnapshot() = default;
  virtual RowId n_rows() const = 0;
  virtual size_t n_chunks() const = 0;
  virtual ChunkInfo info(size_t chunk) const = 0;
  // Decodes on first use and keeps recently used chunks within a memory budget. Any thread.
  virtual std::shared_ptr<const columns::Chunk> chunk(size_t chunk) const = 0;
  // The same with at least the wanted columns decoded; the others may be empty (n_rows() 0) at
  // their usual place. What a scan should call: time and level of 10 million rows fit the budget,
  // their text does not.
  virtual std::shared_ptr<const columns::Chunk> partial_chunk(size_t chunk,
                                                              LogColumnSet wanted) const;
  // One column of a chunk, and no more decoded for it than that.
  std::shared_ptr<const columns::Column> column(size_t chunk, LogColumn which) const;
  virtual const std::vector<Source>& sources() const = 0;
  virtual const std::vector<Template>& templates() const = 0;  // as of this snapshot; may be empty
  // False where the chunk certainly has no part of this line; costs no decoding.
  virtual bool may_hold_line(size_t chunk, uint32_t source, uint64_t line) const;
  // False where certainly no text in the chunk's text columns has this term (a maximal run of letters
  // and digits), in whatever case. Reads the chunk's list of terms on first use, never its text.
  virtual bool may_hold_term(size_t chunk, std::string_view term) const;

  // Chunks hold up to columns::chunk_rows rows; those with very long lines hold fewer.
  size_t chunk_of(RowId row) const;                // row must be < n_rows()
  LogRow row(RowId row) const;                     // throws Error{invalid_input} past the end
  LineRef line_ref(RowId row, uint32_t line_in_record = 0) const;  // that physical line's text
  // The row that holds a physical line of a source, or none.
  std::optional<RowId> find_line(uint32_t source, uint64_t line) const;
};

class LogStore {
 public:
  virtual ~LogStore() = default;
  virtual uint32_t add_source(const Source& source) = 0;      // gives the id; source.id is ignored
  virtual void update_source(const Source& source) = 0;       // by id
  virtual RowId append(std::span<const Record> records) = 0;  // row id of the first
  virtual void set_templates(std::vector<Template> templates) = 0;
  virtual void flush() = 0;  // everything appended so far is durable when this returns
  virtual std::shared_ptr<const LogSnapshot> snapshot() const = 0;
};

struct LogStoreOptions {
  uint64_t cache_bytes = 0;             // decoded chunks kept for reading; 0: a sixth of the
                                        // machine's memory, 256 MiB at least, 4 GiB at most
  int flush_interval_ms = 400;          // the longest that an appended row waits to be written
  int zstd_level = 1;
};

// Opens the records of a stored session (an empty one where it has none yet). One writer a session:
// a second one throws Error{busy}. Compression and writing happen on a thread of the store; what
// fails there (a full disk) is thrown by the next append() or flush(). The store and its snapshots
// must not outlive the database. Where the database is read-only, append() throws. append() and
// flush() may wait for the writing thread, so never call them inside a Transaction.
std::unique_ptr<LogStore> open_log_store(Database& database, int64_t session_id,
                                         const LogStoreOptions& options = {});
// A stored log as it lies there now, for reading; the database may be read-only.
std::shared_ptr<const LogSnapshot> load_log_snapshot(const Database& database, int64_t session_id,
                                                     const LogStoreOptions& options = {});
// A store that keeps everything in memory only, full chunks compressed: `sigmactl query`, tests.
std::unique_ptr<LogStore> make_memory_log_store(const LogStoreOptions& options = {});

}  // namespace app::store
