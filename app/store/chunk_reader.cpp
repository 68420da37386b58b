#include "app/store/chunk_reader.h"

#include <unistd.h>

#include <algorithm>

namespace app::store {
namespace {

uint64_t size_of(const columns::Chunk& chunk) {
  uint64_t size = 0;
  const std::string* counted = nullptr;  // Message and Raw share their text
  for (const columns::Column& column : chunk.columns) {
    size += column.size_bytes();
    const std::string* bytes = column.bytes().get();
    if (bytes != nullptr && bytes == counted) size -= bytes->size();
    counted = bytes;
  }
  return size;
}

uint64_t default_budget() {
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  const uint64_t memory = pages > 0 && page_bytes > 0 ? uint64_t(pages) * uint64_t(page_bytes) : 0;
  return std::clamp<uint64_t>(memory / 6, 256ull << 20, 4ull << 30);
}

}  // namespace

ChunkReader::ChunkReader(std::unique_ptr<ChunkStorage> storage, uint64_t cache_bytes)
    : storage_(std::move(storage)), budget_(cache_bytes != 0 ? cache_bytes : default_budget()) {}

std::shared_ptr<const columns::Chunk> ChunkReader::chunk(ChunkEntry& entry, LogColumnSet wanted) {
  {
    const std::lock_guard guard(entry.mutex);
    if (entry.unwritten) return entry.unwritten;
  }
  wanted = with_companions(wanted);
  if (auto found = find(entry.number, wanted)) return found;
  // Two threads may decode the same chunk at once; that costs time, not truth.
  auto chunk = decode(entry, wanted);
  keep(entry.number, wanted, chunk);
  return chunk;
}

bool ChunkReader::may_hold_term(ChunkEntry& entry, std::string_view term) {
  const std::lock_guard guard(entry.mutex);
  if (entry.unwritten) return true;
  if (!entry.terms_known) {
    const std::string bytes = storage_->read_terms(entry.number);
    if (!bytes.empty()) entry.terms = columns::TermFilter::decode(bytes);
    entry.terms_known = true;
  }
  return !entry.terms || entry.terms->may_hold(term);
}

void ChunkReader::written(ChunkEntry& entry) {
  const std::lock_guard guard(entry.mutex);
  keep(entry.number, all_log_columns, entry.unwritten);
  entry.unwritten.reset();
}

uint64_t ChunkReader::cached_bytes() const {
  const std::lock_guard guard(mutex_);
  return n_bytes_;
}

std::shared_ptr<const columns::Chunk> ChunkReader::find(size_t number, LogColumnSet wanted) {
  const std::lock_guard guard(mutex_);
  const auto [begin, end] = by_number_.equal_range(number);
  for (auto it = begin; it != end; ++it) {
    if ((wanted & ~it->second->columns) != 0) continue;
    forms_.splice(forms_.begin(), forms_, it->second);
    return it->second->chunk;
  }
  return nullptr;
}

std::shared_ptr<const columns::Chunk> ChunkReader::decode(const ChunkEntry& entry,
                                                          LogColumnSet wanted) {
  auto chunk = std::make_shared<columns::Chunk>();
  chunk->n_rows = entry.meta.info.n_rows;
  chunk->columns.resize(n_log_columns);
  LogColumnSet have = 0;
  for (const LogPart& part : storage_->read(entry.number, wanted)) {
    decode_log_part(part.part, part.bytes, *chunk);
    have |= with_companions(1u << part.part);
  }
  // A missing blob leaves an empty column; place() has checked all the others.
  for (size_t i = 0; i < n_log_columns; ++i) {
    if ((wanted & ~have) >> i & 1) decode_log_part(static_cast<int>(i), {}, *chunk);
  }
  return chunk;
}

void ChunkReader::keep(size_t number, LogColumnSet columns,
                       std::shared_ptr<const columns::Chunk> chunk) {
  const uint64_t n_bytes = size_of(*chunk);
  const std::lock_guard guard(mutex_);
  // Forms that this one makes superfluous.
  const auto [begin, end] = by_number_.equal_range(number);
  for (auto it = begin; it != end;) {
    const auto form = (it++)->second;
    if ((form->columns & ~columns) == 0) drop(form);
  }
  forms_.push_front({number, columns, n_bytes, std::move(chunk)});
  by_number_.emplace(number, forms_.begin());
  n_bytes_ += n_bytes;
  // The newest stays, be it larger than the budget.
  while (n_bytes_ > budget_ && forms_.size() > 1) drop(std::prev(forms_.end()));
}

void ChunkReader::drop(Forms::iterator form) {
  n_bytes_ -= form->n_bytes;
  const auto [begin, end] = by_number_.equal_range(form->number);
  for (auto it = begin; it != end; ++it) {
    if (it->second == form) {
      by_number_.erase(it);
      break;
    }
  }
  forms_.erase(form);
}

}  // namespace app::store
