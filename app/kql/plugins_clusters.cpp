// Plugins that sum up rows in a few combinations of values: autocluster and diffpatterns.
//
// autocluster follows the published idea (seed and expand): a pattern begins as one row with all of its values
// and gives them up one by one, each time the one that brings most rows; the best of the way there is kept, by
// share of rows ^ w * share of columns that keep a value ^ (1 - w). How the service picks its seeds and thins out
// its patterns is not published: here the seeds are the most frequent rows, and a pattern is left out when less
// than half of its rows are news.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/kql/plugins.h"

namespace app::kql {
namespace {

using Weights = std::vector<double>;
using Numbers = std::vector<uint32_t>;  // one a column: a value's number, or wild
constexpr uint32_t wild = 0;            // nulls and empty texts too, which look like it in the answer
constexpr size_t most_columns = 40;

// The arguments behind the first ones may be left open with "~".
std::optional<Value> given(PluginCall& call, size_t k) {
  if (!call.has(k)) return std::nullopt;
  const Value value = call.constant(k);
  if (value.type == Type::string && value.s == "~") return std::nullopt;
  return value;
}

double number(PluginCall& call, size_t k, double otherwise, double least, double most, const char* what) {
  const std::optional<Value> value = given(call, k);
  if (!value) return otherwise;
  const double v = to_real(*value).value_or(least - 1);
  if (!(v >= least && v <= most)) call.fail("the " + std::string(what) + " of " + call.name() + "() is a number from " + real_text(least) + " to " + real_text(most));
  return v;
}

std::optional<size_t> weight_column(PluginCall& call, size_t k) {
  return call.has(k) && call.is_column(k) ? std::optional<size_t>(call.column(k)) : std::nullopt;
}

// The distinct rows of some columns, each with its weight in one or two sets.
class DistinctRows {
 public:
  // set_of[row]: 0 or 1, or 2: not of either.
  DistinctRows(PluginCall& call, std::vector<size_t> columns, std::optional<size_t> weight, const std::vector<uint8_t>& set_of) : columns_(std::move(columns)), values_(columns_.size()) {
    if (columns_.empty()) call.fail(call.name() + "() needs a column to look at");
    if (columns_.size() > most_columns) call.fail(call.name() + "() looks at no more than 40 columns", "choose some with project before");
    const Batch& batch = call.rows();
    std::vector<std::map<std::string, uint32_t>> known(columns_.size());
    std::map<Numbers, size_t> place;
    std::vector<ColumnPtr> read;
    for (const size_t k : columns_) read.push_back(batch.column(k));
    for (size_t row = 0; row < batch.n_rows(); ++row) {
      if (row % 4096 == 0) call.check_stop();
      if (set_of[row] > 1) continue;
      Numbers numbers;
      for (size_t c = 0; c < columns_.size(); ++c) numbers.push_back(number_of(*read[c], row, known[c], values_[c]));
      const auto [at, is_new] = place.emplace(std::move(numbers), rows.size());
      if (is_new) rows.push_back(at->first), weights[0].push_back(0), weights[1].push_back(0);
      const double w = weight ? to_real(get(*batch.column(*weight), row)).value_or(0) : 1;
      weights[set_of[row]][at->second] += w;
      totals[set_of[row]] += w;
    }
  }

  size_t n_columns() const { return columns_.size(); }
  // A pattern's values behind n_before columns; where it has none, the wildcard of the arguments from k on.
  void write(PluginCall& call, TableMaker& made, size_t n_before, const Numbers& pattern, size_t first_wildcard) const {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const Type type = call.schema()[columns_[c]].type;
      Value value = Value::none(type);
      if (pattern[c] != wild) value = values_[c][pattern[c] - 1];
      else if (const auto wildcard = given(call, first_wildcard + c)) value = convert(*wildcard, type);
      push(made.at(n_before + c), value);
    }
  }
  void add_columns(PluginCall& call, TableMaker& made) const {
    for (const size_t k : columns_) made.add_column(call.schema()[k]);
  }
  bool holds(const Numbers& pattern, size_t row) const {
    for (size_t c = 0; c < pattern.size(); ++c) {
      if (pattern[c] != wild && pattern[c] != rows[row][c]) return false;
    }
    return true;
  }
  double weight_of(const Numbers& pattern, size_t set) const {
    double sum = 0;
    for (size_t row = 0; row < rows.size(); ++row) sum += holds(pattern, row) ? weights[set][row] : 0;
    return sum;
  }

  std::vector<Numbers> rows;
  Weights weights[2];          // of each of them
  double totals[2] = {0, 0};

 private:
  static uint32_t number_of(const columns::Column& column, size_t row, std::map<std::string, uint32_t>& known, std::vector<Value>& values) {
    Value value = get(column, row);
    if (is_null(value) || (value.type == Type::string && value.s.empty())) return wild;
    std::string key;
    append_key(key, column, row);
    const auto [at, is_new] = known.emplace(std::move(key), static_cast<uint32_t>(values.size() + 1));
    if (is_new) values.push_back(std::move(value));
    return at->second;
  }

  std::vector<size_t> columns_;
  std::vector<std::vector<Value>> values_;  // of each column, by number - 1
};

struct Pattern {
  Numbers values;
  double score = 0, weight = 0;
};

size_t n_fixed(const Numbers& pattern) { return pattern.size() - static_cast<size_t>(std::count(pattern.begin(), pattern.end(), wild)); }

// The best pattern on the way from one row to no value at all.
Pattern expand(const DistinctRows& all, const Numbers& seed, double size_weight) {
  Pattern best, at{seed, 0, 0};
  Numbers n_differ(all.rows.size(), 0);
  for (size_t row = 0; row < all.rows.size(); ++row) {
    for (size_t c = 0; c < seed.size(); ++c) n_differ[row] += seed[c] != wild && all.rows[row][c] != seed[c];
    if (n_differ[row] == 0) at.weight += all.weights[0][row];
  }
  for (size_t left = n_fixed(seed); left > 0; --left) {
    const double columns = static_cast<double>(left) / static_cast<double>(seed.size());
    at.score = std::pow(at.weight / all.totals[0], size_weight) * std::pow(columns, 1 - size_weight);
    if (at.score > best.score) best = at;
    // What giving up each column would bring: the rows that differ in it alone.
    std::vector<double> gain(seed.size(), 0);
    for (size_t row = 0; row < all.rows.size(); ++row) {
      if (n_differ[row] != 1) continue;
      size_t c = 0;
      while (at.values[c] == wild || all.rows[row][c] == at.values[c]) ++c;
      gain[c] += all.weights[0][row];
    }
    size_t given_up = seed.size();
    for (size_t c = 0; c < seed.size(); ++c) {
      if (at.values[c] != wild && (given_up == seed.size() || gain[c] > gain[given_up])) given_up = c;
    }
    for (size_t row = 0; row < all.rows.size(); ++row) n_differ[row] -= all.rows[row][given_up] != at.values[given_up];
    at.weight += gain[given_up];
    at.values[given_up] = wild;
  }
  return best;
}

// autocluster([size weight, weight column, seeds, wildcards ...])
NodePtr autocluster(PluginCall& call) {
  const double size_weight = number(call, 0, 0.5, 0, 1, "size weight");
  const std::optional<size_t> weight = weight_column(call, 1);
  const auto n_seeds = static_cast<size_t>(number(call, 2, 25, 1, 1000, "number of seeds"));
  std::vector<size_t> columns;
  for (size_t k = 0; k < call.schema().size(); ++k) {
    if (k != weight) columns.push_back(k);
  }
  const DistinctRows all(call, columns, weight, std::vector<uint8_t>(call.rows().n_rows(), 0));
  std::vector<size_t> seeds(all.rows.size());
  for (size_t k = 0; k < seeds.size(); ++k) seeds[k] = k;
  std::stable_sort(seeds.begin(), seeds.end(), [&](size_t a, size_t b) { return all.weights[0][a] > all.weights[0][b]; });
  if (seeds.size() > n_seeds) seeds.resize(n_seeds);

  std::map<Numbers, Pattern> found;
  for (const size_t seed : seeds) {
    call.check_stop();
    Pattern pattern = expand(all, all.rows[seed], size_weight);
    if (pattern.score > 0) found.emplace(pattern.values, std::move(pattern));
  }
  std::vector<Pattern> ranked;
  for (auto& [values, pattern] : found) ranked.push_back(std::move(pattern));
  std::stable_sort(ranked.begin(), ranked.end(), [](const Pattern& a, const Pattern& b) { return a.score > b.score; });

  TableMaker made;
  made.add_column("SegmentId", Type::int64), made.add_column("Count", Type::int64), made.add_column("Percent", Type::real);
  all.add_columns(call, made);
  std::vector<uint8_t> seen(all.rows.size(), 0);
  int64_t id = 0;
  for (const Pattern& pattern : ranked) {
    double news = 0;
    for (size_t row = 0; row < all.rows.size(); ++row) news += !seen[row] && all.holds(pattern.values, row) ? all.weights[0][row] : 0;
    if (news * 2 < pattern.weight) continue;
    for (size_t row = 0; row < all.rows.size(); ++row) seen[row] |= all.holds(pattern.values, row);
    push(made.at(0), Value::int64(id++));
    push(made.at(1), Value::int64(static_cast<int64_t>(pattern.weight)));
    push(made.at(2), Value::real(100 * pattern.weight / all.totals[0]));
    all.write(call, made, 3, pattern.values, 3);
  }
  return made.table();
}

struct Difference {
  Numbers values;
  double a = 0, b = 0, share_a = 0, share_b = 0;
  double size() const { return std::fabs(share_a - share_b); }
};

Difference measure(const DistinctRows& all, Numbers pattern) {
  Difference out{std::move(pattern), 0, 0, 0, 0};
  out.a = all.weight_of(out.values, 0), out.b = all.weight_of(out.values, 1);
  out.share_a = out.a / all.totals[0], out.share_b = out.b / all.totals[1];
  return out;
}

// Combinations that are frequent enough in one set, grown a value at a time from the smaller ones.
std::vector<Difference> differences(PluginCall& call, const DistinctRows& all, double threshold, size_t most_dimensions) {
  constexpr size_t most = 20'000;
  std::vector<Difference> found;
  std::vector<Numbers> level;
  std::vector<std::set<uint32_t>> single(all.n_columns());
  for (size_t size = 1; size <= std::min(most_dimensions, all.n_columns()); ++size) {
    std::set<Numbers> candidates;
    if (size == 1) {
      for (const Numbers& row : all.rows) {
        for (size_t c = 0; c < row.size(); ++c) {
          Numbers one(row.size(), wild);
          one[c] = row[c];
          if (row[c] != wild) candidates.insert(std::move(one));
        }
      }
    }
    for (const Numbers& pattern : level) {  // a value in a column behind its last one
      size_t c = pattern.size();
      while (c > 0 && pattern[c - 1] == wild) --c;
      for (; c < pattern.size(); ++c) {
        for (const uint32_t value : single[c]) {
          Numbers next = pattern;
          next[c] = value;
          candidates.insert(std::move(next));
        }
      }
    }
    level.clear();
    for (const Numbers& pattern : candidates) {
      call.check_stop();
      Difference d = measure(all, pattern);
      if (std::max(d.share_a, d.share_b) < threshold) continue;
      if (size == 1) {
        for (size_t c = 0; c < pattern.size(); ++c) {
          if (pattern[c] != wild) single[c].insert(pattern[c]);
        }
      }
      level.push_back(pattern);
      if (d.size() >= threshold) found.push_back(std::move(d));
      if (found.size() + level.size() > most) call.fail("diffpatterns() meets too many combinations", "choose fewer columns, or a higher threshold");
    }
  }
  return found;
}

// A pattern with fewer values and one with more of the same tell of the same rows: of such a pair one is enough.
bool is_part(const Numbers& general, const Numbers& special) {
  for (size_t c = 0; c < general.size(); ++c) {
    if (general[c] != wild && general[c] != special[c]) return false;
  }
  return true;
}

// diffpatterns(split column, value a, value b, [weight column, threshold, most dimensions, wildcards ...]): combinations
// whose shares of the two sets of rows differ.
NodePtr diffpatterns(PluginCall& call) {
  const size_t split = call.column(0);
  const std::string a = to_text(call.constant(1)), b = to_text(call.constant(2));
  const std::optional<size_t> weight = weight_column(call, 3);
  const double threshold = number(call, 4, 0.05, 0.015, 1, "threshold");
  const auto most_dimensions = static_cast<size_t>(number(call, 5, most_columns, 1, most_columns, "most dimensions"));
  std::vector<size_t> columns;
  for (size_t k = 0; k < call.schema().size(); ++k) {
    if (k != split && k != weight) columns.push_back(k);
  }
  std::vector<uint8_t> set_of;
  const ColumnPtr split_values = call.rows().column(split);
  for (size_t row = 0; row < call.rows().n_rows(); ++row) {
    const std::string value = to_text(get(*split_values, row));
    set_of.push_back(value == a ? 0 : value == b ? 1 : 2);
  }
  const DistinctRows all(call, columns, weight, set_of);
  std::vector<Difference> found;
  if (all.totals[0] > 0 && all.totals[1] > 0) found = differences(call, all, threshold, most_dimensions);
  std::stable_sort(found.begin(), found.end(), [](const Difference& x, const Difference& y) {
    if (x.size() != y.size()) return x.size() > y.size();
    return n_fixed(x.values) > n_fixed(y.values);  // of what differs alike, what says more
  });

  TableMaker made;
  made.add_column("SegmentId", Type::int64), made.add_column("CountA", Type::int64), made.add_column("CountB", Type::int64);
  made.add_column("PercentA", Type::real), made.add_column("PercentB", Type::real), made.add_column("PercentDiffAB", Type::real);
  all.add_columns(call, made);
  std::vector<const Difference*> kept;
  for (const Difference& d : found) {
    const bool told = std::any_of(kept.begin(), kept.end(), [&](const Difference* k) { return is_part(k->values, d.values) || is_part(d.values, k->values); });
    if (told) continue;
    kept.push_back(&d);
    push(made.at(0), Value::int64(static_cast<int64_t>(kept.size()) - 1));
    push(made.at(1), Value::int64(static_cast<int64_t>(d.a)));
    push(made.at(2), Value::int64(static_cast<int64_t>(d.b)));
    push(made.at(3), Value::real(100 * d.share_a));
    push(made.at(4), Value::real(100 * d.share_b));
    push(made.at(5), Value::real(100 * d.size()));
    all.write(call, made, 6, d.values, 6);
  }
  return made.table();
}

constexpr Plugin table[] = {{"autocluster", autocluster}, {"diffpatterns", diffpatterns}};

}  // namespace

std::span<const Plugin> cluster_plugins() { return table; }

}  // namespace app::kql
