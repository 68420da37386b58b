// Percentiles: the value at the nearest rank, over all values.
#include "app/kql/aggregates_make.h"

#include <algorithm>

#include "app/kql/json.h"

namespace app::kql {
namespace {

using columns::Column;

// percentile, percentiles, percentilew, ...: nearest rank over all values.
class Percentiles : public Aggregator {
 public:
  Percentiles(const AggregateCall& call, bool weighted, bool as_array) : weighted_(weighted), as_array_(as_array), types_(call.outputs) {
    for (const Value& v : call.constants) {
      if (v.type == Type::dynamic) {
        for (const Json& item : dynamic_value(v).items) percents_.push_back(item.number());
      } else {
        percents_.push_back(to_real(v).value_or(50));
      }
    }
  }
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    values_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      Value v = get(*args[0].column, args[0].at(row));
      if (v.null) continue;
      const double weight = weighted_ ? to_real(get(*args[1].column, args[1].at(row))).value_or(0) : 1;
      if (weight > 0) values_[groups[row]].emplace_back(std::move(v), weight), bytes_ += 72;
    }
  }
  std::vector<Column> finish(size_t n) override {
    values_.resize(n);
    std::vector<Column> out;
    for (const Type type : types_) out.emplace_back(type);
    for (auto& values : values_) {
      std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
      double total = 0;
      for (const auto& v : values) total += v.second;
      Json array = Json::array();
      for (size_t p = 0; p < percents_.size(); ++p) {
        Value found = Value::none(as_array_ ? Type::dynamic : types_[p]);
        double up_to = 0;
        for (const auto& v : values) {
          up_to += v.second;
          if (up_to >= percents_[p] / 100 * total - 1e-9) {
            found = v.first;
            break;
          }
        }
        if (as_array_) array.items.push_back(to_json(found));
        else push(out[p], convert(found, types_[p]));
      }
      if (as_array_) push(out[0], from_json(array));
    }
    return out;
  }
  size_t size_bytes() const override { return bytes_; }

 private:
  bool weighted_, as_array_;
  std::vector<Type> types_;
  std::vector<double> percents_;
  std::vector<std::vector<std::pair<Value, double>>> values_;
  size_t bytes_ = 0;
};

}  // namespace

Made make_percentiles(const AggregateCall& c) { return std::make_unique<Percentiles>(c, false, false); }
Made make_percentilesw(const AggregateCall& c) { return std::make_unique<Percentiles>(c, true, false); }
Made make_percentiles_array(const AggregateCall& c) { return std::make_unique<Percentiles>(c, false, true); }
Made make_percentilesw_array(const AggregateCall& c) { return std::make_unique<Percentiles>(c, true, true); }

}  // namespace app::kql
