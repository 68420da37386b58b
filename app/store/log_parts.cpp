#include "app/store/log_parts.h"

#include <algorithm>
#include <array>

#include "app/columns/encoding.h"
#include "app/columns/term_filter.h"
#include "app/store/chunk_builder.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

using columns::Chunk;
using columns::Column;

constexpr auto message = static_cast<size_t>(LogColumn::message);
constexpr auto raw = static_cast<size_t>(LogColumn::raw);
constexpr LogColumnSet text_columns = column_bit(LogColumn::message) | column_bit(LogColumn::raw);

// One record may be as long as max_record_bytes and have its message beside it.
constexpr columns::DecodeLimits limits{.n_rows = columns::chunk_rows,
                                       .text_bytes = 2 * max_record_bytes + max_chunk_text_bytes};

void place(size_t index, Column column, Chunk& chunk) {
  const columns::ColumnInfo& expected = log_schema()[index];
  if (column.type() != expected.type || column.n_rows() != chunk.n_rows) {
    engine::fail(engine::ErrorKind::invalid_input,
                 "a stored log chunk is damaged: its column %s does not fit; check the file with "
                 "`sigmactl db check`", expected.name.c_str());
  }
  chunk.columns[index] = std::move(column);
}

const Column& column(const Chunk& chunk, LogColumn which) {
  return chunk.columns[static_cast<size_t>(which)];
}

Level level_named(std::string_view name) {
  const auto* found = std::find(std::begin(level_names), std::end(level_names), name);
  return found == std::end(level_names) ? Level::none : static_cast<Level>(found - level_names);
}

// A dynamic that is a string is searched as the text it stands for, which is not the text stored.
bool has_string_values(const Column& dynamics) {
  for (size_t row = 0; row < dynamics.n_rows(); ++row) {
    if (dynamics.text(row).starts_with('"')) return true;
  }
  return false;
}

}  // namespace

std::optional<columns::TermFilter> terms_of(const Chunk& chunk) {
  if (has_string_values(column(chunk, LogColumn::properties))) return std::nullopt;
  columns::TermFilter terms;
  for (const LogColumn which : {LogColumn::level, LogColumn::source, LogColumn::host, LogColumn::process, LogColumn::file, LogColumn::properties, LogColumn::raw}) {
    terms.add_column(column(chunk, which));
  }
  terms.add_parts(column(chunk, LogColumn::message), column(chunk, LogColumn::raw));
  terms.shrink();
  return terms;
}

std::vector<LogPart> encode_log_chunk(const Chunk& chunk, int zstd_level) {
  CHECK_INVARIANT(chunk.columns.size() == n_log_columns);
  std::vector<LogPart> parts;
  for (size_t i = 0; i < n_log_columns; ++i) {
    if (i == raw) continue;
    if (i == message) {
      const Column* both[] = {&chunk.columns[message], &chunk.columns[raw]};
      parts.push_back({static_cast<int>(i), columns::encode_shared_text(both, zstd_level)});
    } else {
      parts.push_back({static_cast<int>(i), columns::encode_column(chunk.columns[i], zstd_level)});
    }
  }
  if (const auto terms = terms_of(chunk)) parts.push_back({terms_part, terms->encode()});
  return parts;
}

LogColumnSet with_companions(LogColumnSet wanted) {
  wanted &= all_log_columns;
  return (wanted & text_columns) != 0 ? wanted | text_columns : wanted;
}

bool is_wanted(int part, LogColumnSet wanted) { return (with_companions(wanted) >> part & 1) != 0; }

void decode_log_part(int part, std::string_view bytes, Chunk& chunk) {
  if (part < 0 || part >= static_cast<int>(n_log_columns) || part == static_cast<int>(raw)) {
    engine::fail(engine::ErrorKind::invalid_input,
                 "a stored log chunk is damaged: it has no column %d; check the file with `sigmactl db "
                 "check`", part);
  }
  if (part != static_cast<int>(message)) {
    return place(static_cast<size_t>(part), columns::decode_column(bytes, limits), chunk);
  }
  std::vector<Column> both = columns::decode_shared_text(bytes, limits);
  both.resize(2);  // one too few then does not fit in length
  place(message, std::move(both[0]), chunk);
  place(raw, std::move(both[1]), chunk);
}

Chunk decode_log_tail(std::string_view bytes) {
  Chunk stored = columns::decode_chunk(bytes, limits);
  stored.columns.resize(n_log_columns);
  Chunk chunk;
  chunk.n_rows = stored.n_rows;
  chunk.columns.resize(n_log_columns);
  for (size_t i = 0; i < n_log_columns; ++i) place(i, std::move(stored.columns[i]), chunk);
  return chunk;
}

Record record_of(const Chunk& chunk, size_t row) {
  const auto number = [&](LogColumn which, int64_t none) {
    const Column& c = column(chunk, which);
    return c.is_null(row) ? none : c.i64(row);
  };
  Record out;
  out.time = number(LogColumn::timestamp, no_time);
  out.level = level_named(column(chunk, LogColumn::level).text(row));
  out.source = static_cast<uint32_t>(number(LogColumn::source_id, 0));
  out.line = static_cast<uint64_t>(number(LogColumn::line, 0));
  out.n_lines = static_cast<uint32_t>(number(LogColumn::n_lines, 1));
  out.template_id = static_cast<uint32_t>(number(LogColumn::template_id, int64_t{no_template}));
  out.pid = number(LogColumn::pid, -1);
  out.raw = column(chunk, LogColumn::raw).text(row);
  out.message = column(chunk, LogColumn::message).text(row);
  out.host = column(chunk, LogColumn::host).text(row);
  out.process = column(chunk, LogColumn::process).text(row);
  out.properties = column(chunk, LogColumn::properties).text(row);
  return out;
}

LogRow row_of(const Chunk& chunk, size_t row, RowId id) {
  const Record r = record_of(chunk, row);
  LogRow out;
  out.row = id;
  out.time = r.time;
  out.level = r.level;
  out.source = r.source;
  out.line = r.line;
  out.n_lines = r.n_lines;
  out.template_id = r.template_id;
  out.pid = r.pid;
  out.raw = r.raw;
  out.message = r.message;
  out.host = r.host;
  out.process = r.process;
  out.properties = r.properties;
  return out;
}

}  // namespace app::store
