// Plugins about who comes, stays and goes: active_users_count, activity_metrics, activity_engagement,
// new_activity_metrics, funnel_sequence_completion, dcount_intersect.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/kql/datetime.h"
#include "app/kql/plugins.h"
#include "app/kql/sketches.h"

namespace app::kql {
namespace {

using Ids = std::set<std::string>;

std::string key_of(const Batch& rows, const std::vector<size_t>& columns, size_t row) {
  std::string key;
  for (const size_t k : columns) append_key(key, *rows.column(k), row);
  return key;
}
void push_share(columns::Column& column, double part, double whole) { whole > 0 ? column.push_f64(part / whole) : column.push_null(); }

// Ids by window of time, for each combination of the dimensions.
struct Activity {
  size_t first_row = 0;
  std::map<int64_t, Ids> windows;
};
std::vector<Activity> activities(PluginCall& call, size_t id, size_t time, int64_t start, int64_t end, int64_t step, const std::vector<size_t>& dimensions) {
  if (step <= 0) call.fail("the window of " + call.name() + "() must be greater than zero");
  const Batch& rows = call.rows();
  std::vector<Activity> out;
  std::map<std::string, size_t> known;
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    if (rows.column(time)->is_null(row)) continue;
    const int64_t t = tick_of(get(*rows.column(time), row));
    if (t < start || t > end) continue;
    const auto [at, added] = known.emplace(key_of(rows, dimensions, row), out.size());
    if (added) out.push_back({row, {}});
    out[at->second].windows[start + floor_to(t - start, step)].insert(key_of(rows, {id}, row));
  }
  return out;
}
size_t n_common(const Ids& a, const Ids& b) {
  size_t n = 0;
  for (const std::string& id : a) n += b.count(id);
  return n;
}
void push_dimensions(TableMaker& out, size_t at, PluginCall& call, const std::vector<size_t>& dimensions, size_t row) {
  for (size_t k = 0; k < dimensions.size(); ++k) push(out.at(at + k), get(*call.rows().column(dimensions[k]), row));
}

// active_users_count(id, time, start, end, look back, period, active periods, bin, dimensions...): ids
// that were seen in so many periods of the window that ends with their appearance.
NodePtr active_users_count(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const int64_t start = call.ticks(2, "start"), end = call.ticks(3, "end"), look_back = call.ticks(4, "window"), period = call.ticks(5, "period");
  const int64_t needed = call.ticks(6, "number of periods"), bin = call.ticks(7, "bin");
  if (bin <= 0 || look_back <= 0) call.fail("the bin and the window of active_users_count() must be greater than zero");
  const std::vector<size_t> dimensions = call.columns_from(8);
  TableMaker out;
  out.add_column(call.schema()[time]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  out.add_column("dcount", Type::int64);
  // Periods count from the start, those before it too.
  const int64_t first = start - ((look_back + period - 1) / std::max<int64_t>(period, 1)) * period;
  for (const Activity& activity : activities(call, id, time, first, end, period, dimensions)) {
    std::map<std::string, std::vector<int64_t>> seen;
    for (const auto& [t, ids] : activity.windows) for (const std::string& one : ids) seen[one].push_back(t);
    std::map<int64_t, Ids> active;
    for (const auto& [one, times] : seen) {
      for (size_t k = 0, from = 0; k < times.size(); ++k) {
        while (times[from] <= times[k] - look_back) ++from;
        if (times[k] >= start && static_cast<int64_t>(k - from + 1) >= needed) active[start + floor_to(times[k] - start, bin)].insert(one);
      }
    }
    for (const auto& [t, ids] : active) {
      push_tick(out.at(0), t);
      push_dimensions(out, 1, call, dimensions, activity.first_row);
      out.at(1 + dimensions.size()).push_i64(static_cast<int64_t>(ids.size()));
    }
  }
  return out.table();
}

// activity_metrics(id, time, [start, end,] window, dimensions...)
NodePtr activity_metrics(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const bool bounded = call.n_args() >= 5 && !call.is_column(3);
  const int64_t start = bounded ? call.ticks(2, "start") : 0, end = bounded ? call.ticks(3, "end") : INT64_MAX;
  const size_t window_at = bounded ? 4 : 2;
  const int64_t window = call.ticks(window_at, "window");
  const std::vector<size_t> dimensions = call.columns_from(window_at + 1);
  TableMaker out;
  out.add_column(call.schema()[time]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  const size_t at = 1 + dimensions.size();
  out.add_column("dcount_values", Type::int64);
  out.add_column("dcount_newvalues", Type::int64);
  out.add_column("retention_rate", Type::real);
  out.add_column("churn_rate", Type::real);
  for (const Activity& activity : activities(call, id, time, start, end, window, dimensions)) {
    Ids known;
    for (const auto& [t, ids] : activity.windows) {
      push_tick(out.at(0), t);
      push_dimensions(out, 1, call, dimensions, activity.first_row);
      out.at(at).push_i64(static_cast<int64_t>(ids.size()));
      out.at(at + 1).push_i64(static_cast<int64_t>(ids.size() - n_common(ids, known)));
      const auto before = activity.windows.find(t - window);
      const double n_before = before == activity.windows.end() ? 0 : static_cast<double>(before->second.size());
      const double stayed = n_before > 0 ? static_cast<double>(n_common(before->second, ids)) : 0;
      push_share(out.at(at + 2), stayed, n_before);
      push_share(out.at(at + 3), n_before - stayed, n_before);
      known.insert(ids.begin(), ids.end());
    }
  }
  return out.table();
}

// activity_engagement(id, time, [start, end,] inner window, outer window, dimensions...): ids of a window
// against those of the longer window that ends with it.
NodePtr activity_engagement(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const bool bounded = call.n_args() >= 6 && !call.is_column(4) && !call.is_column(5);
  const size_t at_inner = bounded ? 4 : 2;
  const int64_t inner = call.ticks(at_inner, "inner window"), outer = call.ticks(at_inner + 1, "outer window");
  const int64_t start = bounded ? call.ticks(2, "start") : 0, end = bounded ? call.ticks(3, "end") : INT64_MAX;
  if (inner <= 0 || outer < inner) call.fail("the outer window of activity_engagement() must hold the inner one");
  const std::vector<size_t> dimensions = call.columns_from(at_inner + 2);
  TableMaker out;
  out.add_column(call.schema()[time]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  const size_t at = 1 + dimensions.size();
  out.add_column("dcount_activities_inner", Type::int64);
  out.add_column("dcount_activities_outer", Type::int64);
  out.add_column("activity_ratio", Type::real);
  const int64_t first = bounded ? start - (outer - inner) / inner * inner : 0;
  for (const Activity& activity : activities(call, id, time, first, end, inner, dimensions)) {
    for (const auto& [t, ids] : activity.windows) {
      if (t < start) continue;
      Ids around;
      for (auto w = activity.windows.upper_bound(t + inner - outer - 1); w != activity.windows.end() && w->first <= t; ++w) around.insert(w->second.begin(), w->second.end());
      push_tick(out.at(0), t);
      push_dimensions(out, 1, call, dimensions, activity.first_row);
      out.at(at).push_i64(static_cast<int64_t>(ids.size()));
      out.at(at + 1).push_i64(static_cast<int64_t>(around.size()));
      push_share(out.at(at + 2), static_cast<double>(ids.size()), static_cast<double>(around.size()));
    }
  }
  return out.table();
}

// new_activity_metrics(id, time, start, end, window [, cohort] , dimensions... [, look back table]): of
// the ids first seen in one window, how many are there in each later one.
NodePtr new_activity_metrics(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const int64_t start = call.ticks(2, "start"), end = call.ticks(3, "end"), window = call.ticks(4, "window");
  size_t k = 5;
  std::optional<int64_t> cohort;
  if (call.has(k) && !call.is_column(k) && !call.is_table(k)) cohort = call.ticks(k++, "cohort");
  std::vector<size_t> dimensions;
  for (; call.is_column(k); ++k) dimensions.push_back(call.column(k));
  Ids earlier;  // ids with their dimensions that are not new
  if (call.has(k)) {
    const NodePtr table = call.table(k);
    const Batch rows = call.run(table);
    std::vector<size_t> columns;
    const auto named = [&](const std::string& name) {
      for (size_t c = 0; c < table->schema.size(); ++c) if (table->schema[c].name == name) return columns.push_back(c);
      call.fail("the look back table of new_activity_metrics() lacks the column '" + name + "'");
    };
    named(call.schema()[id].name);
    for (const size_t d : dimensions) named(call.schema()[d].name);
    for (size_t row = 0; row < rows.n_rows(); ++row) earlier.insert(key_of(rows, columns, row));
  }
  TableMaker out;
  out.add_column("from_" + call.schema()[time].name, call.schema()[time].type);
  out.add_column("to_" + call.schema()[time].name, call.schema()[time].type);
  for (const size_t d : dimensions) out.add_column(call.schema()[d]);
  const size_t at = 2 + dimensions.size();
  for (const char* name : {"dcount_new_values", "dcount_retained_values", "dcount_churn_values"}) out.add_column(name, Type::int64);
  for (const char* name : {"retention_rate", "churn_rate"}) out.add_column(name, Type::real);
  for (const Activity& activity : activities(call, id, time, start, end, window, dimensions)) {
    const std::string dimension_key = key_of(call.rows(), dimensions, activity.first_row);
    Ids known;
    for (auto from = activity.windows.begin(); from != activity.windows.end(); ++from) {
      Ids fresh;
      for (const std::string& one : from->second) if (!known.count(one) && !earlier.count(one + dimension_key)) fresh.insert(one);
      known.insert(from->second.begin(), from->second.end());
      if (cohort && from->first != start + floor_to(*cohort - start, window)) continue;
      for (auto to = from; to != activity.windows.end(); ++to) {
        const size_t kept = n_common(fresh, to->second), n_new = to == from ? fresh.size() : to->second.size() - n_common(to->second, known);
        push_tick(out.at(0), from->first);
        push_tick(out.at(1), to->first);
        push_dimensions(out, 2, call, dimensions, activity.first_row);
        out.at(at).push_i64(static_cast<int64_t>(n_new));
        out.at(at + 1).push_i64(static_cast<int64_t>(kept));
        out.at(at + 2).push_i64(static_cast<int64_t>(fresh.size() - kept));
        push_share(out.at(at + 3), static_cast<double>(kept), static_cast<double>(fresh.size()));
        push_share(out.at(at + 4), static_cast<double>(fresh.size() - kept), static_cast<double>(fresh.size()));
      }
    }
  }
  return out.table();
}

// funnel_sequence_completion(id, time, start, end, bin, state, sequence, longest periods): ids that went
// through the first states of the sequence in order within a period.
NodePtr funnel_sequence_completion(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1), state = call.column(5);
  const int64_t start = call.ticks(2, "start"), end = call.ticks(3, "end"), bin = call.ticks(4, "bin");
  if (bin <= 0) call.fail("the bin of funnel_sequence_completion() must be greater than zero");
  std::vector<std::string> sequence;
  for (const Json& item : dynamic_value(call.constant(6)).items) sequence.push_back(item.is_string() ? item.s : json_text(item));
  std::vector<int64_t> periods;
  for (const Json& item : dynamic_value(call.constant(7)).items) {
    const Value period = item.is_string() ? convert(Value::text(item.s), Type::timespan) : Value::int64(item.i);
    if (period.null || period.i <= 0) call.fail("the periods of funnel_sequence_completion() must be timespans or whole numbers");
    periods.push_back(period.i);
  }
  if (sequence.empty() || periods.empty()) call.fail("funnel_sequence_completion() needs a sequence of states and of periods");
  struct Event {
    int64_t time;
    size_t state;
  };
  const Batch& rows = call.rows();
  std::map<std::string, std::vector<Event>> events;
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    if (rows.column(time)->is_null(row)) continue;
    const int64_t t = tick_of(get(*rows.column(time), row));
    const auto step = std::find(sequence.begin(), sequence.end(), to_text(get(*rows.column(state), row)));
    if (t >= start && t <= end && step != sequence.end()) events[key_of(rows, {id}, row)].push_back({t, static_cast<size_t>(step - sequence.begin())});
  }
  std::map<int64_t, std::map<std::pair<size_t, size_t>, Ids>> done;  // by bin, then (period, state)
  for (auto& [one, list] : events) {
    std::stable_sort(list.begin(), list.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
    for (size_t first = 0; first < list.size(); ++first) {
      if (list[first].state != 0) continue;
      for (size_t p = 0; p < periods.size(); ++p) {
        size_t reached = 0;
        auto& bins = done[start + floor_to(list[first].time - start, bin)];
        bins[{p, 0}].insert(one);
        for (size_t k = first + 1; k < list.size() && list[k].time - list[first].time <= periods[p]; ++k) {
          if (list[k].state == reached + 1) bins[{p, ++reached}].insert(one);
        }
      }
    }
  }
  TableMaker out;
  out.add_column(call.schema()[time]);
  out.add_column(call.schema()[state].name, Type::string);
  out.add_column("Period", call.schema()[time].type == Type::datetime ? Type::timespan : Type::int64);
  out.add_column("dcount", Type::int64);
  for (const auto& [t, reached] : done) {
    for (size_t p = 0; p < periods.size(); ++p) {
      std::string path;
      for (size_t s = 0; s < sequence.size(); ++s) {
        path += (s ? " -> " : "") + sequence[s];
        const auto found = reached.find({p, s});
        push_tick(out.at(0), t);
        out.at(1).push_text(path);
        out.at(2).push_i64(periods[p]);
        out.at(3).push_i64(found == reached.end() ? 0 : static_cast<int64_t>(found->second.size()));
      }
    }
  }
  return out.table();
}

// dcount_intersect(hll, hll, ...): how many values the first has, the first two share, and so on.
NodePtr dcount_intersect(PluginCall& call) {
  const std::vector<size_t> sketches = call.columns_from(0);
  if (sketches.size() < 2) call.fail("dcount_intersect() needs at least two columns of hll()");
  const Batch& rows = call.rows();
  TableMaker out;
  for (const columns::ColumnInfo& c : call.schema()) out.add_column(c);
  for (size_t k = 0; k < sketches.size(); ++k) out.add_column("s" + std::to_string(k), Type::int64);
  const size_t n = call.schema().size();
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    for (size_t k = 0; k < n; ++k) push(out.at(k), get(*rows.column(k), row));
    std::vector<Hll> list;
    for (const size_t k : sketches) list.push_back(Hll::from_json(dynamic_value(get(*rows.column(k), row))).value_or(Hll()));
    // |A and B| from unions, by inclusion and exclusion over the first sketches.
    for (size_t last = 0; last < sketches.size(); ++last) {
      double common = 0;
      for (size_t mask = 1; last < 12 && mask < size_t{1} << (last + 1); ++mask) {
        std::optional<Hll> joined;
        int members = 0;
        for (size_t k = 0; k <= last; ++k) {
          if (!(mask >> k & 1)) continue;
          joined ? joined->merge(list[k]) : void(joined = list[k]);
          ++members;
        }
        common += (members % 2 ? 1.0 : -1.0) * static_cast<double>(joined->count());
      }
      out.at(n + last).push_i64(std::max<int64_t>(0, std::llround(common)));
    }
  }
  return out.table();
}

constexpr Plugin table[] = {{"active_users_count", active_users_count}, {"activity_metrics", activity_metrics}, {"activity_engagement", activity_engagement},
                            {"new_activity_metrics", new_activity_metrics}, {"funnel_sequence_completion", funnel_sequence_completion}, {"dcount_intersect", dcount_intersect}};

}  // namespace

std::span<const Plugin> activity_plugins() { return table; }

}  // namespace app::kql
