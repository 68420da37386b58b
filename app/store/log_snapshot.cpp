// What every LogSnapshot can do with its chunks, and the schema of a log.
#include <algorithm>

#include "app/store/log_parts.h"
#include "app/store/log_store.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

const columns::Column& column_of(const columns::Chunk& chunk, LogColumn which) {
  return chunk.columns[static_cast<size_t>(which)];
}

}  // namespace

const columns::Schema& log_schema() {
  using columns::Type;
  static const columns::Schema schema = {
      {"Timestamp", Type::datetime}, {"Level", Type::string},     {"Source", Type::string},
      {"Host", Type::string},        {"Process", Type::string},   {"Pid", Type::int64},
      {"TemplateId", Type::int64},   {"Message", Type::string},   {"Raw", Type::string},
      {"Line", Type::int64},         {"File", Type::string},      {"Properties", Type::dynamic},
      {"LineCount", Type::int64},    {"SourceId", Type::int64},
  };
  return schema;
}

std::shared_ptr<const columns::Chunk> LogSnapshot::partial_chunk(size_t chunk_number,
                                                                 LogColumnSet) const {
  return chunk(chunk_number);
}

std::shared_ptr<const columns::Column> LogSnapshot::column(size_t chunk_number, LogColumn which) const {
  const auto some = partial_chunk(chunk_number, column_bit(which));
  return {some, &some->columns[static_cast<size_t>(which)]};
}

bool LogSnapshot::may_hold_line(size_t, uint32_t, uint64_t) const { return true; }
bool LogSnapshot::may_hold_term(size_t, std::string_view) const { return true; }

size_t LogSnapshot::chunk_of(RowId row) const {
  size_t low = 0, high = n_chunks();  // the chunk lies in [low, high)
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    (info(middle).first_row <= row ? low : high) = middle;
  }
  return low;
}

LogRow LogSnapshot::row(RowId row) const {
  if (row >= n_rows()) {
    engine::fail(engine::ErrorKind::invalid_input, "there is no row %llu; the log has %llu rows",
                 static_cast<unsigned long long>(row), static_cast<unsigned long long>(n_rows()));
  }
  const size_t number = chunk_of(row);
  return row_of(*chunk(number), row - info(number).first_row, row);
}

LineRef LogSnapshot::line_ref(RowId row_id, uint32_t line_in_record) const {
  const LogRow record = row(row_id);
  std::string_view text = record.raw;
  for (uint32_t i = 0; i < line_in_record; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      engine::fail(engine::ErrorKind::invalid_input, "row %llu has %u lines, there is no line %u of it",
                   static_cast<unsigned long long>(row_id), i + 1, line_in_record + 1);
    }
    text.remove_prefix(end + 1);
  }
  LineRef ref;
  ref.row = row_id;
  ref.source = record.source;
  if (record.source < sources().size()) {
    const Source& source = sources()[record.source];
    ref.file = source.path.empty() ? source.name : source.path;
  }
  ref.line = record.line + line_in_record;
  ref.text = std::string(text.substr(0, text.find('\n')));
  return ref;
}

std::optional<RowId> LogSnapshot::find_line(uint32_t source, uint64_t line) const {
  constexpr LogColumnSet needed = column_bit(LogColumn::line) | column_bit(LogColumn::n_lines) |
                                  column_bit(LogColumn::source_id);
  for (size_t number = 0; number < n_chunks(); ++number) {
    if (!may_hold_line(number, source, line)) continue;
    const auto chunk = partial_chunk(number, needed);
    const std::vector<int64_t>& lines = column_of(*chunk, LogColumn::line).i64s();
    const std::vector<int64_t>& n_lines = column_of(*chunk, LogColumn::n_lines).i64s();
    const std::vector<int64_t>& sources = column_of(*chunk, LogColumn::source_id).i64s();
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      const auto first = static_cast<uint64_t>(lines[row]);
      if (sources[row] != int64_t{source} || line < first) continue;
      if (line - first < static_cast<uint64_t>(std::max<int64_t>(n_lines[row], 1))) {
        return info(number).first_row + row;
      }
    }
  }
  return std::nullopt;
}

}  // namespace app::store
