// Plugins that look for combinations of values: basket.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "app/kql/plugins.h"

namespace app::kql {
namespace {

constexpr size_t most_columns = 40;
constexpr size_t most_patterns = 100'000;

using Items = std::vector<uint32_t>;  // ascending; one of a column at most

// One value of one column.
struct Item {
  size_t column = 0;
  size_t row = 0;      // where it stands first
};

// Every argument may be left open with "~".
std::optional<Value> given(PluginCall& call, size_t k) {
  if (!call.has(k)) return std::nullopt;
  const Value value = call.constant(k);
  if (value.type == Type::string && value.s == "~") return std::nullopt;
  return value;
}

class Basket {
 public:
  Basket(PluginCall& call, std::vector<size_t> columns, std::vector<double> weights, double least, size_t most_dimensions)
      : rows_(call.rows()), columns_(std::move(columns)), weights_(std::move(weights)), least_(least), most_dimensions_(most_dimensions) {
    std::vector<std::unordered_map<std::string, uint32_t>> known(columns_.size());
    items_of_.resize(rows_.n_rows());
    for (size_t c = 0; c < columns_.size(); ++c) {
      const ColumnPtr column = rows_.column(columns_[c]);
      for (size_t row = 0; row < rows_.n_rows(); ++row) {
        std::string key;
        append_key(key, *column, row);
        const auto [at, is_new] = known[c].emplace(std::move(key), static_cast<uint32_t>(items.size()));
        if (is_new) items.push_back({c, row});
        items_of_[row].push_back(at->second);
      }
    }
  }

  std::vector<Item> items;

  // Apriori: a combination is looked at only where every part of it is frequent.
  std::vector<std::pair<Items, double>> frequent(PluginCall& call) {
    std::vector<std::pair<Items, double>> found;
    std::set<Items> level;
    for (size_t size = 1; size <= std::min(most_dimensions_, columns_.size()); ++size) {
      std::map<Items, double> counts;
      Items chosen;
      for (size_t row = 0; row < items_of_.size(); ++row) {
        choose(items_of_[row], 0, size, level, chosen, [&](const Items& combination) { counts[combination] += weights_.empty() ? 1 : weights_[row]; });
        if (counts.size() > 10 * most_patterns) call.fail("basket() meets too many combinations", "choose fewer columns, or a higher threshold");
      }
      std::set<Items> next;
      for (const auto& [combination, count] : counts) {
        if (count < least_) continue;
        next.insert(combination);
        found.emplace_back(combination, count);
      }
      if (found.size() > most_patterns) call.fail("basket() finds more than 100,000 patterns", "choose a higher threshold");
      if (next.empty()) break;
      level = std::move(next);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return found;
  }

 private:
  // Combinations of this size whose parts one smaller are all in the level before.
  template <typename F>
  void choose(const Items& from, size_t begin, size_t size, const std::set<Items>& level, Items& chosen, F f) {
    if (chosen.size() == size) {
      if (size > 1) {
        for (size_t skip = 0; skip < size; ++skip) {
          Items part;
          for (size_t k = 0; k < size; ++k) {
            if (k != skip) part.push_back(chosen[k]);
          }
          std::sort(part.begin(), part.end());
          if (level.count(part) == 0) return;
        }
      }
      Items sorted = chosen;
      std::sort(sorted.begin(), sorted.end());
      f(sorted);
      return;
    }
    for (size_t k = begin; k < from.size(); ++k) {
      if (size > 1 && size == 2 && level.count({from[k]}) == 0) continue;
      chosen.push_back(from[k]);
      choose(from, k + 1, size, level, chosen, f);
      chosen.pop_back();
    }
  }

  const Batch& rows_;
  std::vector<size_t> columns_;
  std::vector<double> weights_;
  double least_;
  size_t most_dimensions_;
  std::vector<Items> items_of_;
};

// basket([threshold, weight column, most dimensions, wildcards ...]): every combination of values that stands in at
// least that share of the rows.
NodePtr basket(PluginCall& call) {
  double threshold = 0.05;
  if (const auto value = given(call, 0)) threshold = to_real(*value).value_or(-1);
  if (!(threshold >= 0.015 && threshold <= 1)) call.fail("the threshold of basket() is a share from 0.015 to 1");
  std::optional<size_t> weight;
  if (call.has(1) && call.is_column(1)) weight = call.column(1);
  size_t most_dimensions = 5;
  if (const auto value = given(call, 2)) {
    const std::optional<int64_t> n = to_int64(*value);
    if (!n || *n < 1) call.fail("the most dimensions of basket() are a whole number from 1");
    most_dimensions = static_cast<size_t>(*n);
  }
  std::vector<size_t> columns;
  for (size_t k = 0; k < call.schema().size(); ++k) {
    if (k != weight) columns.push_back(k);
  }
  if (columns.size() > most_columns) call.fail("basket() looks at no more than 40 columns", "choose some with project before");

  const Batch& rows = call.rows();
  std::vector<double> weights;
  double total = static_cast<double>(rows.n_rows());
  if (weight) {
    total = 0;
    for (size_t row = 0; row < rows.n_rows(); ++row) weights.push_back(to_real(get(*rows.column(*weight), row)).value_or(0)), total += weights.back();
  }
  Basket all(call, columns, std::move(weights), threshold * total, most_dimensions);
  const auto found = total > 0 ? all.frequent(call) : std::vector<std::pair<Items, double>>();

  TableMaker made;
  made.add_column("SegmentId", Type::int64);
  made.add_column("Count", Type::int64);
  made.add_column("Percent", Type::real);
  for (const size_t k : columns) made.add_column(call.schema()[k]);
  int64_t id = 0;
  for (const auto& [pattern, count] : found) {
    push(made.at(0), Value::int64(id++));
    push(made.at(1), Value::int64(static_cast<int64_t>(count)));
    push(made.at(2), Value::real(100 * count / total));
    for (size_t c = 0; c < columns.size(); ++c) {
      const Type type = call.schema()[columns[c]].type;
      const auto item = std::find_if(pattern.begin(), pattern.end(), [&](uint32_t i) { return all.items[i].column == c; });
      Value value = Value::none(type);
      if (item != pattern.end()) value = get(*rows.column(columns[c]), all.items[*item].row);
      else if (const auto wildcard = given(call, 3 + c)) value = convert(*wildcard, type);
      push(made.at(3 + c), value);
    }
  }
  return made.table();
}

constexpr Plugin table[] = {{"basket", basket}};

}  // namespace

std::span<const Plugin> pattern_plugins() { return table; }

}  // namespace app::kql
