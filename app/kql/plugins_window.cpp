// Plugins over an ordered axis: rolling_percentile, sliding_window_counts, session_count, rows_near,
// sequence_detect.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/kql/datetime.h"
#include "app/kql/plugins.h"

namespace app::kql {
namespace {

constexpr int64_t max_windows = 1'000'000;

std::string key_of(const Batch& rows, const std::vector<size_t>& columns, size_t row) {
  std::string key;
  for (const size_t k : columns) append_key(key, *rows.column(k), row);
  return key;
}
// Rows of each combination of values, in order of first sight.
struct Group {
  size_t first = 0;
  std::vector<size_t> rows;
};
std::vector<Group> groups_of(const Batch& rows, const std::vector<size_t>& columns) {
  std::vector<Group> out;
  std::map<std::string, size_t> known;
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    const auto [at, added] = known.emplace(key_of(rows, columns, row), out.size());
    if (added) out.push_back({row, {}});
    out[at->second].rows.push_back(row);
  }
  if (out.empty() && columns.empty()) out.emplace_back();
  return out;
}
// The start of the bin so many bins before; the first place there is where that lies before it.
int64_t back_from(int64_t at, int64_t n_bins, int64_t bin) {
  int64_t out = 0;
  return __builtin_mul_overflow(n_bins, bin, &out) || __builtin_sub_overflow(at, out, &out) ? INT64_MIN : out;
}
// Between two places, the later one first.
int64_t span_of(int64_t later, int64_t earlier) {
  int64_t out = 0;
  return __builtin_sub_overflow(later, earlier, &out) ? INT64_MAX : out;
}
int64_t positive(const PluginCall& call, int64_t step, const char* what) {
  if (step <= 0) call.fail("the " + std::string(what) + " of " + call.name() + "() must be greater than zero");
  return step;
}

// rolling_percentile(value, percent, index, bin, bins per window, dimensions...)
NodePtr rolling_percentile(PluginCall& call) {
  const size_t value = call.column(0), index = call.axis(2);
  const Value percent = call.constant(1);
  const double share_wanted = to_real(percent).value_or(-1);
  if (!(share_wanted >= 0 && share_wanted <= 100)) call.fail("the percentile of rolling_percentile() must be between 0 and 100");
  const int64_t bin = positive(call, call.ticks(3, "bin"), "bin"), n_bins = positive(call, call.ticks(4, "number of bins"), "number of bins");
  const std::vector<size_t> dimensions = call.columns_from(5);
  const Batch& rows = call.rows();
  TableMaker out;
  out.add_column(call.schema()[index]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  out.add_column("rolling_" + std::to_string(n_bins) + "_percentile_" + call.schema()[value].name + "_" + to_text(percent), call.schema()[value].type);
  for (const Group& group : groups_of(rows, dimensions)) {
    std::map<int64_t, std::vector<Value>> bins;
    for (const size_t row : group.rows) {
      if (rows.column(index)->is_null(row) || rows.column(value)->is_null(row)) continue;
      bins[floor_to(tick_of(get(*rows.column(index), row)), bin)].push_back(get(*rows.column(value), row));
    }
    for (auto last = bins.begin(); last != bins.end(); ++last) {
      std::vector<Value> window;
      for (auto at = bins.lower_bound(back_from(last->first, n_bins - 1, bin)); at != bins.end() && at->first <= last->first; ++at) {
        window.insert(window.end(), at->second.begin(), at->second.end());
      }
      const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(share_wanted / 100 * static_cast<double>(window.size()) - 1e-9)));
      std::nth_element(window.begin(), window.begin() + static_cast<int64_t>(rank - 1), window.end(), [](const Value& a, const Value& b) { return compare(a, b) < 0; });
      push_tick(out.at(0), last->first);
      for (size_t k = 0; k < dimensions.size(); ++k) push(out.at(1 + k), get(*rows.column(dimensions[k]), group.first));
      push(out.at(1 + dimensions.size()), window[rank - 1]);
    }
  }
  return out.table();
}

// sliding_window_counts(id, time, start, end, look back, step, dimensions...): for each step, the rows
// and the different ids in the window that ends with it.
NodePtr sliding_window_counts(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const int64_t start = call.ticks(2, "start"), end = call.ticks(3, "end");
  const int64_t look_back = positive(call, call.ticks(4, "window"), "window"), step = positive(call, call.ticks(5, "step"), "step");
  if ((end - start) / step > max_windows) call.fail("sliding_window_counts() would make more than a million windows", "choose a greater step");
  const std::vector<size_t> dimensions = call.columns_from(6);
  const Batch& rows = call.rows();
  TableMaker out;
  out.add_column(call.schema()[time]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  out.add_column("Count", Type::int64);
  out.add_column("Dcount", Type::int64);
  for (const Group& group : groups_of(rows, dimensions)) {
    // Events by the step that they belong to; a window holds look_back / step of them.
    std::map<int64_t, std::vector<std::string>> steps;
    for (const size_t row : group.rows) {
      if (rows.column(time)->is_null(row)) continue;
      const int64_t t = tick_of(get(*rows.column(time), row));
      if (t >= start - look_back && t <= end) steps[start + floor_to(t - start, step)].push_back(key_of(rows, {id}, row));
    }
    std::map<std::string, int64_t> inside;
    int64_t count = 0;
    auto entering = steps.begin(), leaving = steps.begin();
    for (int64_t t = start; t <= end; t += step) {
      for (; entering != steps.end() && entering->first <= t; ++entering) {
        for (const std::string& one : entering->second) ++inside[one], ++count;
      }
      for (; leaving != entering && leaving->first <= t - look_back; ++leaving) {
        for (const std::string& one : leaving->second) {
          --count;
          if (--inside[one] == 0) inside.erase(one);
        }
      }
      if (count == 0) continue;
      push_tick(out.at(0), t);
      for (size_t k = 0; k < dimensions.size(); ++k) push(out.at(1 + k), get(*rows.column(dimensions[k]), group.first));
      out.at(1 + dimensions.size()).push_i64(count);
      out.at(2 + dimensions.size()).push_i64(static_cast<int64_t>(inside.size()));
    }
  }
  return out.table();
}

// session_count(id, time, start, end, bin, look back, dimensions...): a session is a run of events of one
// id without a gap above look back; it counts in every bin where it has an event.
NodePtr session_count(PluginCall& call) {
  const size_t id = call.column(0), time = call.axis(1);
  const int64_t start = call.ticks(2, "start"), end = call.ticks(3, "end");
  const int64_t bin = positive(call, call.ticks(4, "bin"), "bin"), look_back = call.ticks(5, "window");
  const std::vector<size_t> dimensions = call.columns_from(6);
  const Batch& rows = call.rows();
  TableMaker out;
  out.add_column(call.schema()[time]);
  for (const size_t k : dimensions) out.add_column(call.schema()[k]);
  out.add_column("count_sessions", Type::int64);
  for (const Group& group : groups_of(rows, dimensions)) {
    std::map<std::string, std::vector<int64_t>> times;
    for (const size_t row : group.rows) {
      if (rows.column(time)->is_null(row)) continue;
      const int64_t t = tick_of(get(*rows.column(time), row));
      if (t >= start && t <= end) times[key_of(rows, {id}, row)].push_back(t);
    }
    std::map<int64_t, int64_t> counts;
    for (auto& [one, list] : times) {
      std::sort(list.begin(), list.end());
      int64_t last_bin = INT64_MIN;
      for (size_t k = 0; k < list.size(); ++k) {
        const int64_t at = start + floor_to(list[k] - start, bin);
        const bool fresh = k == 0 || list[k] - list[k - 1] > look_back;
        if (fresh || at != last_bin) ++counts[at];
        last_bin = at;
      }
    }
    for (const auto& [t, n] : counts) {
      push_tick(out.at(0), t);
      for (size_t k = 0; k < dimensions.size(); ++k) push(out.at(1 + k), get(*rows.column(dimensions[k]), group.first));
      out.at(1 + dimensions.size()).push_i64(n);
    }
  }
  return out.table();
}

// rows_near(condition, before [, after]): rows where it holds and those around them, each once.
NodePtr rows_near(PluginCall& call) {
  const BoundPtr condition = call.condition(0);
  const int64_t before = call.ticks(1, "number of rows"), after = call.has(2) ? call.ticks(2, "number of rows") : before;
  if (before < 0 || after < 0) call.fail("rows_near() takes numbers of rows that are not negative");
  Batch rows = call.rows();
  Evaluator evaluator(call.now());
  const auto n = static_cast<int64_t>(rows.n_rows());
  Rows kept;
  int64_t next = 0;  // the first row that is not kept yet
  for (const uint32_t hit : evaluator.filter(*condition, rows)) {
    for (int64_t row = std::max(next, int64_t{hit} - std::min(before, n)); row < n && row <= int64_t{hit} + std::min(after, n); ++row) {
      kept.push_back(static_cast<uint32_t>(row));
      next = row + 1;
    }
  }
  rows.keep(kept);
  return make_ordered(make_rows(call.schema(), std::move(rows)));
}

// sequence_detect(time, longest step, longest span, condition..., dimensions...): rows that meet the
// conditions one behind the other.
NodePtr sequence_detect(PluginCall& call) {
  const size_t time = call.axis(0);
  const int64_t longest_step = call.ticks(1, "longest step"), longest_span = call.ticks(2, "longest span");
  const Batch& rows = call.rows();
  Evaluator evaluator(call.now());
  std::vector<BoundPtr> conditions;  // the evaluator knows them by address
  std::vector<std::set<size_t>> hits;
  TableMaker out;
  size_t k = 3;
  std::vector<std::string> names;
  for (; call.has(k) && !call.is_column(k); ++k) {
    conditions.push_back(call.condition(k));
    const Rows found = evaluator.filter(*conditions.back(), rows);
    hits.emplace_back(found.begin(), found.end());
    names.push_back(call.result_name(k, "Column") + "_" + call.schema()[time].name);
  }
  if (hits.empty()) call.fail("sequence_detect() needs conditions behind the spans");
  const std::vector<size_t> dimensions = call.columns_from(k);
  for (const size_t d : dimensions) out.add_column(call.schema()[d]);
  for (const std::string& name : names) out.add_column(name, call.schema()[time].type);
  out.add_column("Duration", Type::timespan);
  for (const Group& group : groups_of(rows, dimensions)) {
    std::vector<std::pair<int64_t, size_t>> order;
    for (const size_t row : group.rows) if (!rows.column(time)->is_null(row)) order.emplace_back(tick_of(get(*rows.column(time), row)), row);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int64_t> matched;
    for (const auto& [t, row] : order) {
      if (!matched.empty() && (span_of(t, matched.back()) > longest_step || span_of(t, matched.front()) > longest_span)) matched.clear();
      if (hits[matched.size()].count(row)) {
        matched.push_back(t);
      } else if (hits[0].count(row)) {
        matched = {t};  // a later beginning is nearer to what follows
      }
      if (matched.size() < hits.size()) continue;
      for (size_t d = 0; d < dimensions.size(); ++d) push(out.at(d), get(*rows.column(dimensions[d]), group.first));
      for (size_t j = 0; j < matched.size(); ++j) push_tick(out.at(dimensions.size() + j), matched[j]);
      out.at(dimensions.size() + matched.size()).push_i64(span_of(matched.back(), matched.front()));
      matched.clear();
    }
  }
  return out.table();
}

constexpr Plugin table[] = {{"rolling_percentile", rolling_percentile}, {"sliding_window_counts", sliding_window_counts}, {"session_count", session_count},
                            {"rows_near", rows_near}, {"sequence_detect", sequence_detect}};

}  // namespace

std::span<const Plugin> window_plugins() { return table; }

}  // namespace app::kql
