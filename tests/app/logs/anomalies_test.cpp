#include "app/logs/anomalies.h"

#include <doctest/doctest.h>

#include "app/logs/templates.h"
#include "app/logs/timestamps.h"

using namespace app;
using namespace app::logs;

namespace {

struct Event {
  double second;
  std::string message;
  Level level = Level::info;
};

// One hour of steady messages, two a second.
std::vector<Event> steady_hour() {
  std::vector<Event> events;
  for (int i = 0; i < 7200; ++i)
    events.push_back({i * 0.5, i % 4 ? "request served in 5 ms" : "connection from 10.0.0.1"});
  return events;
}

std::vector<Anomaly> find(std::vector<Event> events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.second < b.second; });
  const Ticks begin = ticks_from_date(2026, 1, 31);
  TemplateMiner miner;
  ActivityCounter counter;
  RecordBatch batch;
  for (const Event& e : events) {
    Record& r = batch.records.emplace_back();
    r.raw = r.message = e.message;
    r.level = e.level;
    r.time = begin + Ticks(e.second * double(ticks_per_second));
  }
  RowId row = 0;
  const auto count = [&](RecordBatch&& b) {
    counter.add(b.records, row);
    row += b.records.size();
  };
  miner.add(std::move(batch), count);
  miner.flush(count);
  return counter.find(miner.templates());
}

const Anomaly* of_kind(const std::vector<Anomaly>& all, const std::string& kind) {
  for (const Anomaly& a : all) {
    if (a.kind == kind) return &a;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("logs/anomalies: a steady log has none") {
  CHECK(find(steady_hour()).empty());
  CHECK(find({}).empty());
}

TEST_CASE("logs/anomalies: a message that first appears late is new, and errors lead") {
  std::vector<Event> events = steady_hour();
  for (int i = 0; i < 40; ++i) events.push_back({3000.0 + i, "I/O error on sda", Level::error});
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "new_template");
  REQUIRE(a != nullptr);
  CHECK(a->text.find("\"I/O error on sda\" appears first at 2026-01-31 00:50:00") == 0);
  CHECK(a->text.find("40 times") != std::string::npos);
  CHECK_FALSE(a->rows.empty());
  CHECK(got.front().score >= a->score);
}

TEST_CASE("logs/anomalies: a message that occurs once in thousands is rare") {
  std::vector<Event> events = steady_hour();
  events.push_back({10, "certificate expired", Level::error});
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "rare_template");
  REQUIRE(a != nullptr);
  CHECK(a->text == "\"certificate expired\" occurs once in 7201 records.");
  CHECK(a->rows.size() == 1);
}

TEST_CASE("logs/anomalies: a burst names its place and the usual rate") {
  std::vector<Event> events = steady_hour();
  for (int i = 0; i < 60; ++i) events.push_back({i * 60.0, "retrying upload", Level::warning});
  for (int i = 0; i < 300; ++i)
    events.push_back({1800 + i * 0.1, "retrying upload", Level::warning});
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "burst");
  REQUIRE(a != nullptr);
  CHECK(a->text.find("\"retrying upload\"") == 0);
  CHECK(a->begin >= ticks_from_date(2026, 1, 31) + 1700 * ticks_per_second);
  CHECK(a->end <= ticks_from_date(2026, 1, 31) + 1900 * ticks_per_second);
}

TEST_CASE("logs/anomalies: silence is a gap with its two ends") {
  std::vector<Event> events = steady_hour();
  std::erase_if(events, [](const Event& e) { return e.second > 1000 && e.second < 1600; });
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "gap");
  REQUIRE(a != nullptr);
  CHECK(a->text.find("No record for 10 min") == 0);
  REQUIRE(a->rows.size() == 2);
  CHECK(a->rows[1] == a->rows[0] + 1);
}

TEST_CASE("logs/anomalies: a steady message that stops is gone") {
  std::vector<Event> events = steady_hour();
  for (int i = 0; i < 240; ++i) events.push_back({i * 10.0, "heartbeat ok"});
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "gone_template");
  REQUIRE(a != nullptr);
  CHECK(a->text.find("\"heartbeat ok\" came every 10.0 s (240 times)") == 0);
}

TEST_CASE("logs/anomalies: the stretch with more errors is found with its shares") {
  std::vector<Event> events = steady_hour();
  for (Event& e : events) {
    if (e.second >= 2000 && e.second < 2400 && int(e.second * 2) % 2)
      e.level = Level::error;
    else if (int(e.second * 2) % 100 == 0)
      e.level = Level::error;
  }
  const std::vector<Anomaly> got = find(events);
  const Anomaly* a = of_kind(got, "error_share");
  REQUIRE(a != nullptr);
  const Ticks begin = ticks_from_date(2026, 1, 31);
  CHECK(a->begin >= begin + 1850 * ticks_per_second);
  CHECK(a->end <= begin + 2550 * ticks_per_second);
  CHECK_FALSE(a->rows.empty());
}

TEST_CASE("logs/anomalies: records without times make none and do no harm") {
  ActivityCounter counter;
  std::vector<Record> records(1000);
  counter.add(records, 0);
  CHECK(counter.find({}).empty());
}
