#include "app/logs/histogram.h"

#include <algorithm>

#include "engine/base/error.h"

namespace app::logs {
namespace {

using store::LogColumn;

constexpr Ticks ms = ticks_per_second / 1000, second = ticks_per_second, minute = 60 * second,
                hour = 60 * minute, day = 24 * hour;
constexpr Ticks sizes[] = {ms,          2 * ms,      5 * ms,      10 * ms, 20 * ms,    50 * ms,
                           100 * ms,    200 * ms,    500 * ms,    second,  2 * second, 5 * second,
                           10 * second, 15 * second, 30 * second, minute,  2 * minute, 5 * minute,
                           10 * minute, 15 * minute, 30 * minute, hour,    2 * hour,   3 * hour,
                           6 * hour,    12 * hour,   day,         2 * day, 7 * day,    14 * day,
                           30 * day,    90 * day,    365 * day};

// Level of each code of a level column's dictionary.
std::vector<uint8_t> levels_of_codes(const columns::Dictionary& dictionary) {
  std::vector<uint8_t> levels(dictionary.values.size(), 0);
  for (size_t code = 0; code < levels.size(); ++code) {
    for (int level = 0; level < n_levels; ++level) {
      if (dictionary.values[code] == level_names[level]) levels[code] = uint8_t(level);
    }
  }
  return levels;
}

void span_of(const store::LogSnapshot& log, Ticks& begin, Ticks& end) {
  Ticks first = no_time, last = no_time;
  for (size_t c = 0; c < log.n_chunks(); ++c) {
    const store::ChunkInfo info = log.info(c);
    if (info.min_time == no_time) continue;
    if (first == no_time || info.min_time < first) first = info.min_time;
    if (last == no_time || info.max_time > last) last = info.max_time;
  }
  if (begin == no_time) begin = first;
  if (end == no_time && last != no_time) end = last + 1;
}

}  // namespace

Ticks nice_bucket_ticks(Ticks span, size_t n_buckets) {
  n_buckets = std::max<size_t>(1, n_buckets);
  for (const Ticks size : sizes) {
    // One more: the span seldom begins where a bucket does.
    if (span / size + 1 < Ticks(n_buckets)) return size;
  }
  Ticks size = sizes[std::size(sizes) - 1];
  while (span / size + 1 >= Ticks(n_buckets) && size < span) size *= 2;
  return size;
}

Histogram build_histogram(const store::LogSnapshot& log, const HistogramOptions& options,
                          std::stop_token stop) {
  Histogram out;
  Ticks begin = options.begin, end = options.end;
  span_of(log, begin, end);
  if (begin != no_time && end > begin) {
    out.bucket_ticks = nice_bucket_ticks(end - begin, options.n_buckets);
    out.begin = begin / out.bucket_ticks * out.bucket_ticks;
    out.buckets.resize(size_t((end - 1 - out.begin) / out.bucket_ticks + 1), LevelCounts{});
  }

  for (size_t c = 0; c < log.n_chunks(); ++c) {
    if (stop.stop_requested())
      engine::fail(engine::ErrorKind::cancelled, "the histogram was cancelled");
    const store::ChunkInfo info = log.info(c);
    const bool outside =
        info.min_time != no_time && (info.max_time < begin || info.min_time >= end);
    // A chunk outside of the range may still hold records without a time.
    if (outside && options.begin != no_time) continue;
    store::LogColumnSet needed = column_bit(LogColumn::timestamp) | column_bit(LogColumn::level);
    if (options.filter) needed |= options.filter_columns;
    const auto chunk = log.partial_chunk(c, needed);
    const columns::Column& times = chunk->columns[size_t(LogColumn::timestamp)];
    const columns::Column& levels = chunk->columns[size_t(LogColumn::level)];
    const std::vector<uint8_t> wanted =
        options.filter ? options.filter(c, *chunk) : std::vector<uint8_t>();
    const std::vector<uint8_t> level_of =
        levels.is_dictionary() ? levels_of_codes(*levels.dictionary()) : std::vector<uint8_t>();
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      if (!wanted.empty() && wanted[row] == 0) continue;
      const size_t level = level_of.empty() ? 0 : level_of[levels.codes()[row]];
      if (times.is_null(row)) {
        ++out.without_time[level];
        ++out.n_records;
        continue;
      }
      const Ticks time = times.i64(row);
      if (time < begin || time >= end) continue;
      ++out.buckets[size_t((time - out.begin) / out.bucket_ticks)][level];
      ++out.n_records;
    }
  }
  return out;
}

}  // namespace app::logs
