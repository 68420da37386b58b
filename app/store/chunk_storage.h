// app/store/chunk_storage.h: where a log's encoded chunks lie: in the database or in memory.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/store/chunk_builder.h"
#include "app/store/log_parts.h"

namespace app::store {

class Database;

struct EncodedChunk {
  ChunkMeta meta;
  std::vector<LogPart> parts;
};

// A batch of rows after the last full chunk.
struct EncodedTail {
  RowId first_row = 0;
  size_t n_rows = 0;
  std::string bytes;
};

// What one transaction writes.
struct LogWrite {
  size_t first_chunk = 0;               // number of chunks.front()
  std::vector<EncodedChunk> chunks;
  std::optional<EncodedTail> tail;
  bool tail_replaces_all = false;       // the tail's earlier batches are in this one
  RowId tail_begin = 0;                 // batches before this row are in chunks now
  std::optional<std::vector<Source>> sources;      // those that changed
  std::optional<std::vector<Template>> templates;  // all of them

  bool empty() const { return chunks.empty() && !tail && !sources && !templates; }
};

// What a stored log holds when it is opened.
struct StoredLog {
  std::vector<ChunkMeta> chunks;
  std::vector<std::string> tail;  // in order
  std::vector<Source> sources;    // by id, from 0
  std::vector<Template> templates;
};

class ChunkStorage {
 public:
  virtual ~ChunkStorage() = default;
  virtual bool keeps_tail() const = 0;  // false: rows in memory are as safe as they get
  virtual void check_writable() const = 0;   // throws Error{io} where it can only be read
  virtual void write(const LogWrite& write) = 0;
  virtual void sync() = 0;
  virtual std::vector<LogPart> read(size_t chunk, LogColumnSet wanted) const = 0;  // any thread
  virtual std::string read_terms(size_t chunk) const = 0;  // any thread; empty: it has none
};

std::unique_ptr<ChunkStorage> make_memory_chunk_storage();
std::unique_ptr<ChunkStorage> make_database_chunk_storage(Database& database, int64_t session);
std::unique_ptr<ChunkStorage> make_read_only_chunk_storage(const Database& database, int64_t session);
// Throws Error{not_found} for an unknown session, Error{invalid_input} where rows are missing.
StoredLog load_stored_log(const Database& database, int64_t session);
std::vector<Source> load_sources(const Database& database, int64_t session);

}  // namespace app::store
