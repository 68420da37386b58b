// ui/widgets/chart_data.h: what a chart shows, made from a query's result without running anything
// again. No drawing here.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/kql/query.h"

namespace ui {

enum class ChartKind { table, time, line, column, stacked, bar, area, stacked_area, pie, scatter, card };
constexpr int n_chart_kinds = 11;
const char* chart_name(ChartKind kind);                 // "Time"
// "timechart" and its like; ChartKind::table for none and for those that are not known.
ChartKind chart_of_render(const std::string& render_kind, const std::string& sub_kind = {});
// What fits the columns of a result: a time and a number make a time chart, one row a card ...
ChartKind best_chart(const app::kql::ResultTable& table);

struct ChartSeries {
  std::string name;
  std::vector<double> y;           // one for each place; NaN: no value there
};

struct ChartData {
  ChartKind kind = ChartKind::table;
  std::string title, x_title, y_title;
  bool x_is_time = false, x_is_number = false;   // neither: labels
  std::vector<double> x;           // places: ticks or numbers, ascending; of labels 0, 1, 2 ...
  std::vector<std::string> labels; // of the places, where they are not numbers
  std::vector<ChartSeries> series;
  std::vector<uint64_t> rows;      // the first result row of each place
  std::vector<std::pair<std::string, std::string>> cards;   // of a card: name and value
  std::string note;                // what was left out, or empty
  std::string error;               // why there is nothing to draw, and what would be
};

constexpr size_t max_chart_series = 24, max_chart_labels = 80, max_pie_sectors = 12;
ChartData chart_data(const app::kql::ResultTable& table, ChartKind kind);

// A number for people: 1,234, 12.5 K, 0.031.
std::string number_text(double value);
// About n round numbers that cover low .. high.
std::vector<double> round_ticks(double low, double high, int n);

}  // namespace ui
