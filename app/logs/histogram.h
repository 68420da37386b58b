// app/logs/histogram.h: records over time, stacked by level, for a chart of the whole log.
// Always over all records that pass the filter, never over a page of them; empty buckets are there,
// records without a time are counted apart.
#pragma once
#include <array>
#include <functional>
#include <stop_token>
#include <vector>

#include "app/store/log_store.h"
#include "app/types.h"

namespace app::logs {

using LevelCounts = std::array<uint64_t, n_levels>;

struct Histogram {
  Ticks begin = no_time;   // of the first bucket, a multiple of bucket_ticks
  Ticks bucket_ticks = 0;  // 1 ms .. 30 days, a size that people count in
  std::vector<LevelCounts> buckets;
  LevelCounts without_time = {};
  uint64_t n_records = 0;  // counted, records without a time included
};

struct HistogramOptions {
  Ticks begin = no_time, end = no_time;  // no_time: that of the records
  size_t n_buckets = 200;                // at most
  // Which rows of a chunk count: one entry a row, 0 = no; empty: all count.
  std::function<std::vector<uint8_t>(size_t chunk, const columns::Chunk&)> filter;
  store::LogColumnSet filter_columns = store::all_log_columns;  // that filter looks at
};

// Throws Error{cancelled}.
Histogram build_histogram(const store::LogSnapshot& log, const HistogramOptions& options = {},
                          std::stop_token stop = {});

// The smallest size from 1 ms, 2, 5, 10 ... 1 s, 2, 5, 10, 15, 30 s, 1 min ... 30 days that needs
// at most n_buckets for the span.
Ticks nice_bucket_ticks(Ticks span, size_t n_buckets);

}  // namespace app::logs
