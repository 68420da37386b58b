#include "app/logs/histogram.h"

#include <doctest/doctest.h>

#include "app/logs/timestamps.h"
#include "engine/base/error.h"

using namespace app;
using namespace app::logs;

namespace {

// A snapshot of one chunk in memory.
class OneChunk : public store::LogSnapshot {
 public:
  void add(Ticks time, Level level) {
    times_.push_back(time == no_time ? 0 : time);
    valid_.push_back(time != no_time);
    levels_.push_back(uint32_t(level));
    if (time == no_time) return;
    if (info_.min_time == no_time || time < info_.min_time) info_.min_time = time;
    if (info_.max_time == no_time || time > info_.max_time) info_.max_time = time;
  }
  RowId n_rows() const override { return times_.size(); }
  size_t n_chunks() const override { return times_.empty() ? 0 : 1; }
  store::ChunkInfo info(size_t) const override { return info_; }
  std::shared_ptr<const columns::Chunk> chunk(size_t) const override {
    auto chunk = std::make_shared<columns::Chunk>();
    auto names = std::make_shared<columns::Dictionary>();
    for (const char* name : level_names) names->values.push_back(name);
    chunk->columns.resize(store::n_log_columns);
    chunk->columns[size_t(store::LogColumn::timestamp)] =
        columns::Column::from_i64(columns::Type::datetime, times_, valid_);
    chunk->columns[size_t(store::LogColumn::level)] =
        columns::Column::from_dictionary(columns::Type::string, names, levels_);
    chunk->n_rows = times_.size();
    return chunk;
  }
  const std::vector<Source>& sources() const override { return sources_; }
  const std::vector<Template>& templates() const override { return templates_; }

 private:
  std::vector<int64_t> times_;
  std::vector<uint8_t> valid_;
  std::vector<uint32_t> levels_;
  store::ChunkInfo info_;
  std::vector<Source> sources_;
  std::vector<Template> templates_;
};

uint64_t total(const LevelCounts& counts) {
  uint64_t n = 0;
  for (const uint64_t c : counts) n += c;
  return n;
}

const Ticks day = ticks_from_date(2026, 1, 31);

}  // namespace

TEST_CASE("logs/histogram: empty buckets are there, records without a time are apart") {
  OneChunk log;
  log.add(day, Level::info);
  log.add(day + 10 * ticks_per_second, Level::error);
  log.add(no_time, Level::warning);
  HistogramOptions options;
  options.n_buckets = 20;
  const Histogram h = build_histogram(log, options);
  CHECK(h.bucket_ticks == ticks_per_second);
  REQUIRE(h.buckets.size() == 11);
  CHECK(h.begin == day);
  CHECK(h.buckets[0][size_t(Level::info)] == 1);
  CHECK(total(h.buckets[5]) == 0);
  CHECK(h.buckets[10][size_t(Level::error)] == 1);
  CHECK(h.without_time[size_t(Level::warning)] == 1);
  CHECK(h.n_records == 3);
}

TEST_CASE("logs/histogram: a filter and a range count only what passes both") {
  OneChunk log;
  for (int i = 0; i < 100; ++i)
    log.add(day + i * ticks_per_second, i % 2 ? Level::error : Level::info);
  HistogramOptions options;
  options.begin = day + 10 * ticks_per_second;
  options.end = day + 20 * ticks_per_second;
  options.filter = [](size_t, const columns::Chunk& chunk) {
    std::vector<uint8_t> wanted(chunk.n_rows);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = i % 2;
    return wanted;
  };
  const Histogram h = build_histogram(log, options);
  uint64_t n = 0;
  for (const LevelCounts& b : h.buckets) {
    n += total(b);
    CHECK(b[size_t(Level::info)] == 0);
  }
  CHECK(n == 5);
}

TEST_CASE("logs/histogram: no records, no times, one instant") {
  OneChunk none;
  CHECK(build_histogram(none).buckets.empty());
  OneChunk untimed;
  untimed.add(no_time, Level::none);
  CHECK(build_histogram(untimed).n_records == 1);
  OneChunk instant;
  instant.add(day, Level::info);
  CHECK(build_histogram(instant).buckets.size() == 1);
}

TEST_CASE("logs/histogram: bucket sizes are those people count in, and never too many") {
  CHECK(nice_bucket_ticks(60 * ticks_per_second, 70) == ticks_per_second);
  CHECK(nice_bucket_ticks(24 * 3600 * ticks_per_second, 200) == 600 * ticks_per_second);
  for (Ticks span = 1; span < Ticks(1) << 60; span *= 7) {
    CAPTURE(span);
    CHECK(span / nice_bucket_ticks(span, 200) + 1 < 200);
  }
}

TEST_CASE("logs/histogram: a stop request is Error{cancelled}") {
  OneChunk log;
  log.add(day, Level::info);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(build_histogram(log, {}, stop.get_token()), engine::Error);
}
