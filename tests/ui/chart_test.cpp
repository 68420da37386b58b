// Charts: what is made of a result, and that every kind draws, empty and odd values too.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <limits>

#include "tests/ui/support/headless.h"
#include "ui/widgets/chart.h"

using namespace ui;
using app::columns::Column;
using app::columns::Type;
using ui_test::Headless;

namespace {

constexpr app::Ticks start = app::unix_epoch_ticks + 1'773'478'800LL * app::ticks_per_second;   // 2026-03-14 09:00

app::kql::ResultTable table_of(app::columns::Schema schema, std::vector<Column> columns) {
  app::kql::ResultTable table;
  auto chunk = std::make_shared<app::columns::Chunk>();
  chunk->n_rows = columns.empty() ? 0 : columns[0].n_rows();
  chunk->columns = std::move(columns);
  table.columns = std::move(schema);
  table.n_rows = chunk->n_rows;
  table.chunks = {chunk};
  return table;
}

// summarize count() by bin(Timestamp, 1m), Level: two series, one place missing in the second.
app::kql::ResultTable counts_over_time() {
  Column time(Type::datetime), level(Type::string), n(Type::int64);
  for (int minute = 0; minute < 5; ++minute)
    for (const char* name : {"INFO", "ERROR"}) {
      if (minute == 2 && name[0] == 'E') continue;
      time.push_i64(start + minute * 60 * app::ticks_per_second);
      level.push_text(name);
      n.push_i64(minute + (name[0] == 'E' ? 100 : 1));
    }
  return table_of({{"Timestamp", Type::datetime}, {"Level", Type::string}, {"count_", Type::int64}}, {time, level, n});
}

app::kql::ResultTable counts_by_name(size_t n_rows) {
  Column name(Type::string), n(Type::int64);
  for (size_t i = 0; i < n_rows; ++i) {
    name.push_text("name " + std::to_string(i));
    n.push_i64(int64_t(n_rows - i));
  }
  return table_of({{"Name", Type::string}, {"n", Type::int64}}, {name, n});
}

}  // namespace

TEST_CASE("ui/chart: a time, a text and a number make a series for each text over time") {
  const auto table = counts_over_time();
  CHECK(best_chart(table) == ChartKind::time);
  const ChartData data = chart_data(table, ChartKind::time);
  CHECK(data.error.empty());
  CHECK(data.x_is_time);
  REQUIRE(data.x.size() == 5);
  REQUIRE(data.series.size() == 2);
  CHECK(data.series[0].name == "INFO");
  CHECK(data.series[1].y[1] == 101);
  CHECK(std::isnan(data.series[1].y[2]));
  CHECK(data.x_title == "Timestamp");
  CHECK(chart_csv(data).rfind("Timestamp,INFO,ERROR\n2026-03-14 09:00:00.000,1,100\n", 0) == 0);
}

TEST_CASE("ui/chart: make-series arrays become series over their times") {
  Column time(Type::dynamic), n(Type::dynamic), host(Type::string);
  time.push_text("[\"2026-03-14T09:00:00.0000000Z\",\"2026-03-14T10:00:00.0000000Z\"]");
  n.push_text("[3,null]");
  host.push_text("db-2");
  const auto table = table_of({{"Timestamp", Type::dynamic}, {"n", Type::dynamic}, {"Host", Type::string}}, {time, n, host});
  const ChartData data = chart_data(table, chart_of_render("timechart"));
  REQUIRE(data.x.size() == 2);
  CHECK(app::Ticks(data.x[1] - data.x[0]) == 3600 * app::ticks_per_second);
  CHECK(std::abs(data.x[0] - double(start)) < 1e4);
  REQUIRE(data.series.size() == 1);
  CHECK(data.series[0].name == "db-2");
  CHECK(data.series[0].y[0] == 3);
  CHECK(std::isnan(data.series[0].y[1]));
}

TEST_CASE("ui/chart: render's properties choose columns, title and stacking") {
  auto table = counts_over_time();
  table.render = {"columnchart", {{"xcolumn", "Level"}, {"ycolumns", "count_"}, {"title", "Lines"}}};
  const ChartData data = chart_data(table, ChartKind::column);
  CHECK(data.title == "Lines");
  REQUIRE(data.labels.size() == 2);
  CHECK(data.labels[0] == "INFO");
  CHECK(data.series[0].y[0] == 1 + 2 + 3 + 4 + 5);
  CHECK(chart_of_render("columnchart", "stacked100") == ChartKind::stacked);
  CHECK(chart_of_render("no such chart") == ChartKind::table);
}

TEST_CASE("ui/chart: a pie keeps the largest sectors and says what the rest is") {
  const ChartData data = chart_data(counts_by_name(40), ChartKind::pie);
  REQUIRE(data.labels.size() == max_pie_sectors);
  CHECK(data.labels.front() == "name 0");
  CHECK(data.labels.back() == "29 others");
  double sum = 0;
  for (const double y : data.series[0].y) sum += y;
  CHECK(sum == 40 * 41 / 2);
}

TEST_CASE("ui/chart: too many labels and no numbers are said, never silent") {
  CHECK(chart_data(counts_by_name(500), ChartKind::bar).note.find("80 of 500 rows") != std::string::npos);
  Column name(Type::string);
  name.push_text("a");
  const auto texts = table_of({{"Name", Type::string}}, {name});
  CHECK(chart_data(texts, ChartKind::column).error.find("no column of numbers") != std::string::npos);
  app::kql::ResultTable none;
  CHECK_FALSE(chart_data(none, ChartKind::time).error.empty());
  const ChartData card = chart_data(counts_by_name(1), ChartKind::card);
  REQUIRE(card.cards.size() == 2);
  CHECK(card.cards[1] == std::pair<std::string, std::string>("n", "1"));
}

TEST_CASE("ui/chart: numbers and ticks are round") {
  CHECK(number_text(1234567) == "1.23 M");
  CHECK(number_text(0) == "0");
  CHECK(number_text(-4200) == "-4,200");
  CHECK(number_text(12.5) == "12.5");
  CHECK(round_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(round_ticks(3, 3, 5).size() == 1);
  CHECK(round_ticks(-1, std::numeric_limits<double>::infinity(), 5).size() == 1);
}

TEST_CASE("ui/chart: every kind draws on screen and as SVG, odd values too") {
  Headless h;
  Column x(Type::real), y(Type::real);
  for (const double v : {1.0, -5.0, 0.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300}) {
    x.push_f64(v == v ? v : 2);
    y.push_f64(v);
  }
  const auto odd = table_of({{"x", Type::real}, {"y", Type::real}}, {x, y});
  const std::vector<app::kql::ResultTable> tables = {counts_over_time(), counts_by_name(1), counts_by_name(30), odd};
  for (size_t t = 0; t < tables.size(); ++t)
    for (int kind = 1; kind < n_chart_kinds; ++kind) {
      CAPTURE(t);
      CAPTURE(chart_name(ChartKind(kind)));
      ChartState state;
      const ChartData data = chart_data(tables[t], ChartKind(kind));
      for (const ImVec2 size : {ImVec2(800, 400), ImVec2(60, 40)}) h.show([&] { chart(h.ui, "c", state, data, size); }, 2);
      CHECK(h.n_vertices() > 0);
      std::string svg;
      h.show([&] { svg = chart_svg(h.ui, data, 600, 300); }, 1);
      CHECK(svg.rfind("<svg ", 0) == 0);
      CHECK(svg.find("</svg>") != std::string::npos);
    }
}

TEST_CASE("ui/chart: as PNG it is a picture of the asked size with the series' colours in it") {
  Headless h;
  const ChartData data = chart_data(counts_over_time(), ChartKind::column);
  std::string png;
  ImU32 color = 0;
  h.show([&] {
    png = chart_png(h.ui, data, 600, 300);
    color = h.ui.theme.series[0];
  }, 1);
  REQUIRE(png.size() > 100);
  CHECK(png.substr(0, 8) == std::string("\x89PNG\r\n\x1a\n", 8));
  const auto number = [&](size_t at) { return (uint32_t(uint8_t(png[at])) << 24) | (uint32_t(uint8_t(png[at + 1])) << 16) | (uint32_t(uint8_t(png[at + 2])) << 8) | uint8_t(png[at + 3]); };
  CHECK(png.substr(12, 4) == "IHDR");
  CHECK(number(16) == 600);
  CHECK(number(20) == 300);
  REQUIRE(png.substr(37, 4) == "IDAT");
  std::string rows(300 * (600 * 3 + 1), '\0');
  uLongf size = rows.size();
  REQUIRE(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size, reinterpret_cast<const Bytef*>(png.data() + 41), number(33)) == Z_OK);
  REQUIRE(size == rows.size());
  size_t n_series = 0, n_dark = 0;
  for (size_t y = 0; y < 300; ++y)
    for (size_t x = 0; x < 600; ++x) {
      const auto* p = reinterpret_cast<const uint8_t*>(&rows[y * (600 * 3 + 1) + 1 + x * 3]);
      n_series += p[0] == ((color >> IM_COL32_R_SHIFT) & 255u) && p[1] == ((color >> IM_COL32_G_SHIFT) & 255u) && p[2] == ((color >> IM_COL32_B_SHIFT) & 255u);
      n_dark += p[0] < 110 && p[1] < 110 && p[2] < 110;
    }
  CHECK(n_series > 500);   // the bars
  CHECK(n_dark > 100);     // the texts
}

TEST_CASE("ui/chart: a drag over a time chart chooses a range, the legend hides a series") {
  Headless h;
  ChartState state;
  const ChartData data = chart_data(counts_over_time(), ChartKind::time);
  ChartResult last;
  h.show([&] {
    const ChartResult now = chart(h.ui, "c", state, data, {900, 400});
    if (now.brushed) last = now;
  });
  const Probe* probe = h.find("chart");
  REQUIRE(probe != nullptr);
  const Probe at = *probe;
  h.drag(at.min.x + 200, at.min.y + 150, at.min.x + 500, at.min.y + 150);
  REQUIRE(last.brushed);
  CHECK(last.begin > start);
  CHECK(last.end < start + 4 * 60 * app::ticks_per_second);
  CHECK(last.begin < last.end);
  REQUIRE(h.click("chart_series", "ERROR"));
  CHECK(state.hidden.count("ERROR") == 1);
}
