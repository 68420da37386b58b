// app/store/log_parts.h: a log chunk as the blobs that are stored, one a column, so that a query
// reads only the columns it names. Message and Raw share their text and one blob. One more blob holds
// the terms of all texts (app/columns/term_filter.h); chunks stored by earlier versions have none.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"
#include "app/columns/term_filter.h"
#include "app/store/log_store.h"

namespace app::store {

// The part of the terms: no column, so that reading columns never reads it.
constexpr int terms_part = 31;

struct LogPart {
  int part = 0;  // the number of its (first) LogColumn, or terms_part
  std::string bytes;
};

std::vector<LogPart> encode_log_chunk(const columns::Chunk& chunk, int zstd_level);
// The terms of all its text columns; none where they cannot be told from the stored texts.
std::optional<columns::TermFilter> terms_of(const columns::Chunk& chunk);
// The columns that come with the wanted ones.
LogColumnSet with_companions(LogColumnSet wanted);
bool is_wanted(int part, LogColumnSet wanted);
// Puts the part's columns into their places of chunk (n_log_columns columns, chunk.n_rows given).
// Throws Error{invalid_input} where the bytes do not hold what they should.
void decode_log_part(int part, std::string_view bytes, columns::Chunk& chunk);

// A whole log chunk out of one blob of encode_chunk (a batch of the log's tail). Throws as above.
columns::Chunk decode_log_tail(std::string_view bytes);

// One row, borrowed from the chunk, and copied out of it; all columns must be there.
Record record_of(const columns::Chunk& chunk, size_t row);
LogRow row_of(const columns::Chunk& chunk, size_t row, RowId id);

}  // namespace app::store
