// app/store/chunk_reader.h: full chunks of one log, decoded on demand and kept within a budget.
// Shared by the store and all its snapshots; any thread.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "app/store/chunk_storage.h"

namespace app::store {

// A full chunk. Until its blobs are written the columns themselves are here.
struct ChunkEntry {
  size_t number = 0;
  ChunkMeta meta;
  std::mutex mutex;
  std::shared_ptr<const columns::Chunk> unwritten;  // guarded by mutex
  bool terms_known = false;                         // guarded by mutex: terms has been read
  std::optional<columns::TermFilter> terms;         // set once
};

class ChunkReader {
 public:
  ChunkReader(std::unique_ptr<ChunkStorage> storage, uint64_t cache_bytes);

  ChunkStorage& storage() { return *storage_; }
  // A chunk with at least the wanted columns.
  std::shared_ptr<const columns::Chunk> chunk(ChunkEntry& entry, LogColumnSet wanted);
  // False only where no text of the chunk has this term. The terms are read on first use and stay: they
  // are some hundredths of the texts.
  bool may_hold_term(ChunkEntry& entry, std::string_view term);
  // The entry's blobs are in the storage now: its columns move into the cache.
  void written(ChunkEntry& entry);
  uint64_t cached_bytes() const;

 private:
  // One decoded form of a chunk: those columns of it that were asked for together.
  struct Form {
    size_t number = 0;
    LogColumnSet columns = 0;
    uint64_t n_bytes = 0;
    std::shared_ptr<const columns::Chunk> chunk;
  };
  using Forms = std::list<Form>;  // most recently used first

  std::shared_ptr<const columns::Chunk> find(size_t number, LogColumnSet wanted);
  std::shared_ptr<const columns::Chunk> decode(const ChunkEntry& entry, LogColumnSet wanted);
  void keep(size_t number, LogColumnSet columns, std::shared_ptr<const columns::Chunk> chunk);
  void drop(Forms::iterator form);

  std::unique_ptr<ChunkStorage> storage_;
  const uint64_t budget_;
  mutable std::mutex mutex_;
  Forms forms_;
  std::multimap<size_t, Forms::iterator> by_number_;
  uint64_t n_bytes_ = 0;
};

}  // namespace app::store
