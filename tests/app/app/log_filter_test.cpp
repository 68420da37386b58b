#include "app/log_filter.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/base/error.h"

using namespace app;

namespace {

constexpr Ticks start = unix_epoch_ticks + 20'000 * 86'400 * ticks_per_second;

// Row i: a message "request i", every third an ERROR of "web", the others INFO of "db".
std::shared_ptr<const store::LogSnapshot> sample_log(size_t n_rows) {
  const auto log = store::make_memory_log_store();
  Source source;
  source.name = "test";
  const uint32_t id = log->add_source(source);
  std::vector<std::string> texts(n_rows);
  std::vector<Record> records(n_rows);
  for (size_t i = 0; i < n_rows; ++i) {
    texts[i] = "request " + std::to_string(i);
    records[i].time = start + static_cast<Ticks>(i) * ticks_per_second;
    records[i].level = i % 3 == 0 ? Level::error : Level::info;
    records[i].source = id;
    records[i].line = i + 1;
    records[i].raw = records[i].message = texts[i];
    records[i].process = i % 3 == 0 ? "web" : "db";
  }
  log->append(records);
  return log->snapshot();
}

FilterChip chip(FilterChip::Kind kind, const std::string& value, bool exclude = false) {
  FilterChip made;
  made.kind = kind;
  made.value = value;
  made.exclude = exclude;
  return made;
}

}  // namespace

TEST_CASE("app/log_filter: no chip lets all rows through and counts every facet") {
  const FilterResult result = apply_filter(*sample_log(9), {});
  CHECK(result.rows == nullptr);
  CHECK(result.histogram.n_records == 9);
  REQUIRE(result.facets.size() >= 2);
  CHECK(result.facets[0].name == "Level");
  CHECK(result.facets[0].values[0].value == "INFO");
  CHECK(result.facets[0].values[0].count == 6);
}

TEST_CASE("app/log_filter: text ignores case and chips combine with AND or OR") {
  const auto log = sample_log(30);
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::text, "REQUEST 2"), chip(FilterChip::Kind::level, "ERROR")};
  FilterResult both = apply_filter(*log, filter);
  CHECK(*both.rows == std::vector<RowId>{21, 24, 27});
  CHECK(both.chip_hits == std::vector<uint64_t>{11, 10});
  filter.any = true;
  CHECK(apply_filter(*log, filter).rows->size() == 18);
}

TEST_CASE("app/log_filter: a chip that is off changes nothing but keeps its hit count") {
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::process, "web")};
  filter.chips[0].enabled = false;
  const FilterResult result = apply_filter(*sample_log(30), filter);
  CHECK(result.rows == nullptr);
  CHECK(result.chip_hits[0] == 10);
}

TEST_CASE("app/log_filter: exclude, regex and time range") {
  const auto log = sample_log(30);
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::regex, "request 1\\d$"), chip(FilterChip::Kind::level, "ERROR", true)};
  FilterChip range;
  range.kind = FilterChip::Kind::time_range;
  range.begin = start + 13 * ticks_per_second;
  range.end = start + 17 * ticks_per_second;
  filter.chips.push_back(range);
  CHECK(*apply_filter(*log, filter).rows == std::vector<RowId>{13, 14, 16});
}

TEST_CASE("app/log_filter: rows beyond the first chunk keep their ids") {
  const size_t n = columns::chunk_rows + 10;
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::text, "request " + std::to_string(n - 1))};
  CHECK(*apply_filter(*sample_log(n), filter).rows == std::vector<RowId>{n - 1});
}

TEST_CASE("app/log_filter: a bad regular expression is one clear error") {
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::regex, "a(b")};
  CHECK_THROWS_WITH_AS(apply_filter(*sample_log(1), filter), doctest::Contains("cannot be read"), engine::Error);
}

TEST_CASE("app/log_filter: a stop request ends it as cancelled") {
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(apply_filter(*sample_log(10), {}, stop.get_token()), engine::Error);
}
