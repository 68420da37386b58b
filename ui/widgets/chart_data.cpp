#include "ui/widgets/chart_data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "ui/widgets/basics.h"

namespace ui {
namespace {

using app::columns::Type;
using app::kql::ResultTable;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t most_rows = 200'000;

bool is_number(Type type) { return type == Type::int32 || type == Type::int64 || type == Type::real || type == Type::decimal || type == Type::timespan; }

double number_at(const ResultTable& table, uint64_t row, size_t column) {
  const auto [chunk, at] = table.locate(row);
  const app::columns::Column& c = chunk->columns[column];
  if (c.is_null(at)) return nothing;
  switch (c.type()) {
    case Type::real: return c.f64(at);
    case Type::decimal: {
      double value = nothing;
      const std::string_view text = c.text(at);
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    }
    case Type::timespan: return double(c.i64(at)) / double(app::ticks_per_second);
    case Type::boolean:
    case Type::int32:
    case Type::int64:
    case Type::datetime: return double(c.i64(at));
    default: return nothing;
  }
}

// The elements of a JSON array of numbers, texts and nulls, as texts; empty where it is none.
std::vector<std::string> array_elements(std::string_view json) {
  std::vector<std::string> out;
  if (json.size() < 2 || json.front() != '[' || json.back() != ']') return out;
  size_t at = 1;
  const size_t end = json.size() - 1;
  while (at < end) {
    while (at < end && (json[at] == ' ' || json[at] == ',' || json[at] == '\n')) ++at;
    if (at >= end) break;
    size_t stop = at;
    if (json[at] == '"') {
      for (stop = at + 1; stop < end && json[stop] != '"'; ++stop)
        if (json[stop] == '\\') ++stop;
      out.emplace_back(json.substr(at + 1, std::min(stop, end) - at - 1));
      at = std::min(stop + 1, end);
    } else {
      stop = std::min(json.find(',', at), end);
      out.emplace_back(json.substr(at, stop - at));
      at = stop;
    }
  }
  return out;
}

double number_of(const std::string& text) {
  double value = nothing;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : nothing;
}

// "2026-03-14T09:00:00.0000000Z" as ticks.
double time_of(const std::string& text) {
  int y = 0, mo = 0, d = 0, h = 0, mi = 0;
  double s = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%lf", &y, &mo, &d, &h, &mi, &s) < 5 || mo < 1 || mo > 12 || d < 1 || d > 31) return nothing;
  // Days from the civil calendar (Howard Hinnant's days_from_civil, public domain).
  const int64_t year = y - (mo <= 2), era = (year >= 0 ? year : year - 399) / 400;
  const int64_t of_era = year - era * 400, of_year = (153 * (mo + (mo > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return double(app::unix_epoch_ticks) + (double(days) * 86400 + h * 3600.0 + mi * 60.0 + s) * double(app::ticks_per_second);
}

// Which columns play which part.
struct Roles {
  std::optional<size_t> x;
  std::vector<size_t> y, split;
  bool arrays = false;        // x and y are columns of arrays: make-series
};

std::vector<size_t> named_columns(const ResultTable& table, const std::string& property) {
  std::vector<size_t> found;
  const auto at = table.render.properties.find(property);
  if (at == table.render.properties.end()) return found;
  size_t begin = 0;
  while (begin <= at->second.size()) {
    const size_t end = std::min(at->second.find(',', begin), at->second.size());
    std::string name = at->second.substr(begin, end - begin);
    while (!name.empty() && name.front() == ' ') name.erase(0, 1);
    while (!name.empty() && name.back() == ' ') name.pop_back();
    for (size_t c = 0; c < table.columns.size(); ++c)
      if (table.columns[c].name == name) found.push_back(c);
    begin = end + 1;
  }
  return found;
}

bool holds_array(const ResultTable& table, size_t column) {
  if (table.columns[column].type != Type::dynamic || table.n_rows == 0) return false;
  const std::string text = table.text(0, column);
  return !text.empty() && text.front() == '[';
}

Roles roles_of(const ResultTable& table, ChartKind kind) {
  Roles roles;
  const size_t n = table.columns.size();
  if (const auto x = named_columns(table, "xcolumn"); !x.empty()) roles.x = x.front();
  roles.y = named_columns(table, "ycolumns");
  roles.split = named_columns(table, "series");
  std::vector<size_t> arrays;
  for (size_t c = 0; c < n; ++c)
    if (holds_array(table, c)) arrays.push_back(c);
  bool any_number = false;
  for (size_t c = 0; c < n; ++c) any_number |= is_number(table.columns[c].type);
  if (arrays.size() >= 1 && !any_number) {
    roles.arrays = true;
    // The array of times is x; without one the place in the array is.
    for (const size_t c : arrays) {
      const auto elements = array_elements(table.text(0, c));
      if (!roles.x && !elements.empty() && !std::isnan(time_of(elements.front()))) roles.x = c;
      else if (roles.y.empty() || std::find(roles.y.begin(), roles.y.end(), c) == roles.y.end()) roles.y.push_back(c);
    }
    for (size_t c = 0; c < n; ++c)
      if (std::find(arrays.begin(), arrays.end(), c) == arrays.end()) roles.split.push_back(c);
    return roles;
  }
  if (!roles.x) {
    const bool wants_time = kind == ChartKind::time || kind == ChartKind::line || kind == ChartKind::area || kind == ChartKind::stacked_area;
    for (size_t c = 0; c < n && !roles.x; ++c)
      if (table.columns[c].type == Type::datetime && (wants_time || c == 0)) roles.x = c;
    const bool wants_label = kind == ChartKind::column || kind == ChartKind::bar || kind == ChartKind::pie || kind == ChartKind::stacked;
    for (size_t c = 0; c < n && !roles.x && wants_label; ++c)
      if (!is_number(table.columns[c].type)) roles.x = c;
    if (!roles.x && n > 1) roles.x = 0;
  }
  const auto used = [&](size_t c) { return (roles.x && *roles.x == c) || std::find(roles.split.begin(), roles.split.end(), c) != roles.split.end(); };
  if (roles.y.empty())
    for (size_t c = 0; c < n; ++c)
      if (!used(c) && is_number(table.columns[c].type)) roles.y.push_back(c);
  if (table.render.properties.count("series") == 0)
    for (size_t c = 0; c < n; ++c)
      if (!used(c) && !is_number(table.columns[c].type) && std::find(roles.y.begin(), roles.y.end(), c) == roles.y.end() &&
          table.columns[c].type != Type::datetime && kind != ChartKind::pie)
        roles.split.push_back(c);
  return roles;
}

std::string property(const ResultTable& table, const char* name) {
  const auto at = table.render.properties.find(name);
  return at == table.render.properties.end() ? std::string() : at->second;
}

// Values gathered by place and series.
class Gather {
 public:
  void add(const std::string& series, double x, const std::string& label, double y, uint64_t row) {
    const size_t s = index_of(series);
    auto [place, is_new] = places_.try_emplace(label.empty() ? std::make_pair(x, std::string()) : std::make_pair(0.0, label), order_.size());
    if (is_new) order_.push_back({x, label, row});
    values_[{place->second, s}] += std::isnan(y) ? 0 : y;
    if (std::isnan(y) && values_[{place->second, s}] == 0) gaps_.insert({place->second, s});
    else gaps_.erase({place->second, s});
  }
  void into(ChartData& data, bool sort_by_x) {
    std::vector<size_t> places(order_.size());
    for (size_t i = 0; i < places.size(); ++i) places[i] = i;
    if (sort_by_x) std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) { return order_[a].x < order_[b].x; });
    std::vector<size_t> place_of(order_.size());
    for (size_t i = 0; i < places.size(); ++i) {
      place_of[places[i]] = i;
      const Place& p = order_[places[i]];
      data.x.push_back(sort_by_x ? p.x : double(i));
      data.labels.push_back(p.label);
      data.rows.push_back(p.row);
    }
    for (const std::string& name : names_) data.series.push_back({name, std::vector<double>(places.size(), nothing)});
    for (const auto& [at, value] : values_)
      if (gaps_.count(at) == 0) data.series[at.second].y[place_of[at.first]] = value;
  }
  size_t n_series() const { return names_.size(); }

 private:
  size_t index_of(const std::string& name) {
    const auto [at, is_new] = index_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return at->second;
  }
  struct Place {
    double x;
    std::string label;
    uint64_t row;
  };
  std::vector<Place> order_;
  std::map<std::pair<double, std::string>, size_t> places_;
  std::vector<std::string> names_;
  std::map<std::string, size_t> index_;
  std::map<std::pair<size_t, size_t>, double> values_;
  std::set<std::pair<size_t, size_t>> gaps_;
};

double total_of(const ChartSeries& s) {
  double sum = 0;
  for (const double y : s.y) sum += std::isnan(y) ? 0 : std::abs(y);
  return sum;
}

void add_note(ChartData& data, const std::string& text) { data.note += (data.note.empty() ? "" : "; ") + text; }

// Keeps what can be told apart and says what was left out.
void limit(ChartData& data) {
  if (data.series.size() > max_chart_series) {
    std::stable_sort(data.series.begin(), data.series.end(), [](const ChartSeries& a, const ChartSeries& b) { return total_of(a) > total_of(b); });
    add_note(data, engine::format("the %zu largest of %zu series", max_chart_series, data.series.size()));
    data.series.resize(max_chart_series);
  }
  if (!data.x_is_time && !data.x_is_number && data.x.size() > max_chart_labels && data.kind != ChartKind::pie) {
    add_note(data, engine::format("the first %zu of %zu rows; sort or top chooses them", max_chart_labels, data.x.size()));
    data.x.resize(max_chart_labels);
    data.labels.resize(max_chart_labels);
    data.rows.resize(max_chart_labels);
    for (ChartSeries& s : data.series) s.y.resize(max_chart_labels);
  }
}

void make_pie(ChartData& data) {
  if (data.series.empty()) return;
  std::vector<double>& y = data.series.front().y;
  data.series.resize(1);
  std::vector<size_t> order;
  bool below_zero = false;
  for (size_t i = 0; i < y.size(); ++i) {
    if (std::isnan(y[i]) || y[i] == 0) continue;
    below_zero |= y[i] < 0;
    if (y[i] > 0) order.push_back(i);
  }
  if (below_zero) add_note(data, "values below zero are left out");
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return y[a] > y[b]; });
  ChartData sorted = data;
  sorted.x.clear(), sorted.labels.clear(), sorted.rows.clear(), sorted.series.front().y.clear();
  double others = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i + 1 >= max_pie_sectors && order.size() > max_pie_sectors) {
      others += y[order[i]];
      continue;
    }
    sorted.x.push_back(double(i));
    sorted.labels.push_back(data.labels[order[i]]);
    sorted.rows.push_back(data.rows[order[i]]);
    sorted.series.front().y.push_back(y[order[i]]);
  }
  if (others > 0) {
    sorted.x.push_back(double(sorted.x.size()));
    sorted.labels.push_back(engine::format("%zu others", order.size() - max_pie_sectors + 1));
    sorted.rows.push_back(0);
    sorted.series.front().y.push_back(others);
  }
  data = std::move(sorted);
}

void make_cards(ChartData& data, const ResultTable& table) {
  for (size_t c = 0; c < std::min<size_t>(table.columns.size(), 12); ++c) {
    const double value = number_at(table, 0, c);
    const bool number = is_number(table.columns[c].type) && table.columns[c].type != Type::timespan && !std::isnan(value);
    data.cards.emplace_back(table.columns[c].name, number ? number_text(value) : table.text(0, c));
  }
  if (table.n_rows > 1) add_note(data, "the first of " + with_commas(table.n_rows) + " rows");
  if (table.columns.size() > 12) add_note(data, "the first 12 columns");
}

}  // namespace

const char* chart_name(ChartKind kind) {
  constexpr const char* names[n_chart_kinds] = {"Table", "Time", "Line", "Column", "Stacked", "Bar", "Area", "Stacked area", "Pie", "Scatter", "Card"};
  return names[int(kind)];
}

ChartKind chart_of_render(const std::string& kind, const std::string& sub_kind) {
  const bool stacked = sub_kind.rfind("stacked", 0) == 0;
  if (kind == "timechart") return ChartKind::time;
  if (kind == "linechart") return ChartKind::line;
  if (kind == "columnchart") return stacked ? ChartKind::stacked : ChartKind::column;
  if (kind == "barchart") return ChartKind::bar;
  if (kind == "areachart") return stacked ? ChartKind::stacked_area : ChartKind::area;
  if (kind == "stackedareachart") return ChartKind::stacked_area;
  if (kind == "piechart") return ChartKind::pie;
  if (kind == "scatterchart") return ChartKind::scatter;
  if (kind == "card") return ChartKind::card;
  if (kind == "anomalychart" || kind == "timepivot") return ChartKind::time;
  return ChartKind::table;
}

ChartKind best_chart(const ResultTable& table) {
  bool time = false, label = false;
  size_t numbers = 0;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const Type type = table.columns[c].type;
    time |= type == Type::datetime || holds_array(table, c);
    label |= type == Type::string || type == Type::boolean || type == Type::guid;
    numbers += is_number(type);
  }
  if (table.n_rows == 1 && numbers > 0) return ChartKind::card;
  if (time) return ChartKind::time;
  if (label) return table.n_rows > 12 ? ChartKind::bar : ChartKind::column;
  return numbers > 1 ? ChartKind::scatter : ChartKind::column;
}

ChartData chart_data(const ResultTable& table, ChartKind kind) {
  ChartData data;
  data.kind = kind;
  data.title = property(table, "title");
  if (table.n_rows == 0 || table.columns.empty()) {
    data.error = "The result has no rows to draw.";
    return data;
  }
  if (kind == ChartKind::table) return data;
  if (kind == ChartKind::card) {
    make_cards(data, table);
    return data;
  }
  const Roles roles = roles_of(table, kind);
  if (roles.y.empty()) {
    data.error = "There is no column of numbers to draw; count rows with summarize count() by a column.";
    return data;
  }
  const std::string x_title = property(table, "xtitle"), y_title = property(table, "ytitle");
  data.x_title = !x_title.empty() ? x_title : roles.x ? table.columns[*roles.x].name : "";
  data.y_title = !y_title.empty() ? y_title : roles.y.size() == 1 ? table.columns[roles.y[0]].name : "";
  if (roles.y.size() == 1 && table.columns[roles.y[0]].type == Type::timespan) data.y_title += ", seconds";
  const bool labelled_kind = kind == ChartKind::bar || kind == ChartKind::pie || kind == ChartKind::column || kind == ChartKind::stacked;
  const Type x_type = roles.x ? table.columns[*roles.x].type : Type::int64;
  data.x_is_time = roles.arrays ? roles.x.has_value() : x_type == Type::datetime;
  data.x_is_number = !data.x_is_time && (roles.arrays || !roles.x || is_number(x_type));
  if (kind == ChartKind::time && !data.x_is_time) add_note(data, "no column of times: drawn over " + (data.x_title.empty() ? std::string("the rows") : data.x_title));
  if (labelled_kind && (kind != ChartKind::column || !data.x_is_time)) data.x_is_number = false;
  if (kind == ChartKind::pie || kind == ChartKind::bar) data.x_is_time = false;

  Gather gather;
  const uint64_t n = std::min(table.n_rows, most_rows);
  if (n < table.n_rows) add_note(data, "the first " + with_commas(n) + " of " + with_commas(table.n_rows) + " rows");
  for (uint64_t row = 0; row < n; ++row) {
    std::string split;
    for (const size_t c : roles.split) split += (split.empty() ? "" : ", ") + (table.text(row, c).empty() ? std::string("(empty)") : table.text(row, c));
    for (const size_t c : roles.y) {
      const std::string series = roles.y.size() == 1 ? (split.empty() ? table.columns[c].name : split)
                                                     : (split.empty() ? table.columns[c].name : split + ": " + table.columns[c].name);
      if (roles.arrays) {
        const auto values = array_elements(table.text(row, c));
        const auto times = roles.x ? array_elements(table.text(row, *roles.x)) : std::vector<std::string>();
        for (size_t i = 0; i < values.size(); ++i) {
          const double x = roles.x ? (i < times.size() ? time_of(times[i]) : nothing) : double(i);
          if (!std::isnan(x)) gather.add(series, x, {}, number_of(values[i]), row);
        }
        continue;
      }
      double x = double(row);
      std::string label;
      if (data.x_is_time || data.x_is_number) {
        if (roles.x) x = number_at(table, row, *roles.x);
        if (std::isnan(x)) continue;
      } else {
        label = roles.x ? table.text(row, *roles.x) : std::to_string(row + 1);
        if (roles.x && x_type == Type::datetime && label.size() > 19) label = label.substr(0, 19);
        if (label.empty()) label = "(empty)";
      }
      // A scatter chart draws rows, not sums: each is a place of its own.
      if (kind == ChartKind::scatter && label.empty()) label = "#" + std::to_string(row);
      gather.add(series, x, label, number_at(table, row, c), row);
    }
  }
  gather.into(data, data.x_is_time || data.x_is_number);
  if (data.x.empty()) data.error = "No row has both a place and a value to draw.";
  if (kind == ChartKind::pie) make_pie(data);
  limit(data);
  return data;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "";
  const double size = std::abs(value);
  const auto plain = [](std::string text) {
    if (text.find('.') != std::string::npos) {
      while (text.back() == '0') text.pop_back();
      if (text.back() == '.') text.pop_back();
    }
    return text;
  };
  if (size >= 1e12) return engine::format("%.3g", value);
  if (size >= 1e9) return plain(engine::format("%.2f", value / 1e9)) + " G";
  if (size >= 1e6) return plain(engine::format("%.2f", value / 1e6)) + " M";
  if (size >= 1000 && value == std::floor(value)) return (value < 0 ? "-" : "") + with_commas(uint64_t(size));
  if (size >= 100) return plain(engine::format("%.1f", value));
  if (size >= 1 || value == 0) return plain(engine::format("%.2f", value));
  return engine::format("%.3g", value);
}

std::vector<double> round_ticks(double low, double high, int n) {
  std::vector<double> ticks;
  if (!(high > low) || n < 1 || !std::isfinite(low) || !std::isfinite(high)) return {low};
  const double raw = (high - low) / n, power = std::pow(10, std::floor(std::log10(raw)));
  const double step = (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10) * power;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-6 && ticks.size() < 100; ++i) ticks.push_back(i * step == 0 ? 0 : i * step);
  return ticks;
}

}  // namespace ui
