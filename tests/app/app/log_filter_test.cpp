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

namespace {

// Row i: "took I ms for user U" of template 0 with parsed fields, every fourth of template 1 without.
std::shared_ptr<const store::LogSnapshot> fields_log(size_t n_rows) {
  const auto log = store::make_memory_log_store();
  Source source;
  source.name = "test";
  const uint32_t id = log->add_source(source);
  std::vector<std::string> texts(n_rows), properties(n_rows);
  std::vector<Record> records(n_rows);
  for (size_t i = 0; i < n_rows; ++i) {
    const bool other = i % 4 == 3;
    texts[i] = other ? "started" : "took " + std::to_string(i) + " ms for user " + (i % 2 == 0 ? "ann" : "bob");
    if (!other) properties[i] = R"({"http":{"status":)" + std::to_string(i % 3 == 0 ? 500 : 200) + R"(},"trace":"t)" + std::to_string(i) + "\"}";
    records[i].time = start + static_cast<Ticks>(i) * ticks_per_second;
    records[i].source = id;
    records[i].line = i + 1;
    records[i].raw = records[i].message = texts[i];
    records[i].properties = properties[i];
    records[i].template_id = other ? 1 : 0;
  }
  log->append(records);
  Template took, started;
  took.pattern = "took <*> ms for user <*>";
  started.id = 1;
  started.pattern = "started";
  log->set_templates({took, started});
  return log->snapshot();
}

}  // namespace

TEST_CASE("app/log_filter: parsed fields are counted under the filter and filter themselves") {
  const auto log = fields_log(12);  // rows 3, 7, 11 have no fields
  const std::vector<Facet> all = count_fields(*log, nullptr);
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "http.status");
  CHECK(all[0].kind == FilterChip::Kind::field);
  CHECK(all[0].n_rows == 9);
  CHECK(all[0].values[0].value == "200");
  CHECK(all[0].values[0].count == 6);
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::field, "500")};
  filter.chips[0].name = "http.status";
  const FilterResult failed = apply_filter(*log, filter);
  CHECK(*failed.rows == std::vector<RowId>{0, 6, 9});
  const std::vector<Facet> of_failed = count_fields(*log, failed.rows.get());
  CHECK(of_failed[0].values.size() == 1);
  CHECK(of_failed[0].values[0].count == 3);
  filter.chips[0].exclude = true;
  CHECK(apply_filter(*log, filter).rows->size() == 9);
}

TEST_CASE("app/log_filter: the values of a template's wildcards, and one of them as a chip") {
  const auto log = fields_log(12);
  const auto counted = count_parameters(*log, nullptr, {0, 1, 99});
  REQUIRE(counted.size() == 2);
  CHECK(counted[0].n_rows == 9);
  CHECK(counted[0].n_unread == 0);
  REQUIRE(counted[0].parameters.size() == 2);
  CHECK(counted[0].parameters[0].numeric);
  CHECK(counted[0].parameters[0].least == 0);
  CHECK(counted[0].parameters[0].median == 5);
  CHECK(counted[0].parameters[0].most == 10);
  CHECK(counted[0].parameters[1].top[0].value == "ann");
  CHECK(counted[0].parameters[1].top[0].count == 6);
  CHECK(counted[0].parameters[1].context == "ms for user <*>");
  CHECK(counted[1].parameters.empty());
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::parameter, "bob")};
  filter.chips[0].name = "0.1";
  const FilterResult bob = apply_filter(*log, filter);
  CHECK(*bob.rows == std::vector<RowId>{1, 5, 9});
  CHECK(count_parameters(*log, bob.rows.get(), {0})[0].n_rows == 3);
  filter.chips[0].name = "nonsense";
  CHECK_THROWS_AS(apply_filter(*log, filter), engine::Error);
}

TEST_CASE("app/log_filter: several templates in one chip, merged by the user") {
  const auto log = fields_log(12);
  LogFilter filter;
  filter.chips = {chip(FilterChip::Kind::template_id, "1,0")};
  CHECK(apply_filter(*log, filter).rows->size() == 12);
  filter.chips = {chip(FilterChip::Kind::template_id, "1")};
  CHECK(apply_filter(*log, filter).rows->size() == 3);
  filter.chips = {chip(FilterChip::Kind::template_id, "x")};
  CHECK_THROWS_AS(apply_filter(*log, filter), engine::Error);
}
