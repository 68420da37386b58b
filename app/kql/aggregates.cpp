#include "app/kql/aggregates.h"

#include <cmath>

#include "app/kql/aggregates_make.h"
#include "app/kql/decimal.h"

namespace app::kql {
namespace {

using columns::Column;

// ---------------------------------------------------------------- counting and sums

class Count : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    counts_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      if (args.empty() || !args[0].is_null(row)) ++counts_[groups[row]];
    }
  }
  std::vector<Column> finish(size_t n) override {
    counts_.resize(n);
    return {Column::from_i64(Type::int64, counts_)};
  }
  size_t size_bytes() const override { return counts_.size() * 8; }
  bool is_mergeable() const override { return true; }
  void merge(const Aggregator& other, const Rows& to, size_t n_groups) override {
    counts_.resize(n_groups);
    const auto& from = static_cast<const Count&>(other).counts_;
    for (size_t g = 0; g < from.size(); ++g) counts_[to[g]] += from[g];
  }

 private:
  std::vector<int64_t> counts_;
};

// sum and avg, in the type of the result.
class Sum : public Aggregator {
 public:
  Sum(Type type, bool mean) : type_(type), mean_(mean) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    counts_.resize(n_groups);
    if (type_ == Type::real) reals_.resize(n_groups);
    else if (type_ == Type::decimal) decimals_.resize(n_groups);
    else integers_.resize(n_groups);
    const Column& c = *args[0].column;
    const bool stored_ints = !columns::is_text(c.type()) && c.type() != Type::real;
    for (size_t row = 0; row < groups.size(); ++row) {
      const size_t at = args[0].at(row);
      if (c.is_null(at)) continue;
      const uint32_t g = groups[row];
      if (type_ == Type::real) {
        const std::optional<double> v = c.type() == Type::real ? c.f64(at) : stored_ints ? static_cast<double>(c.i64(at)) : to_real(get(c, at));
        if (!v) continue;
        reals_[g] += *v;
      } else if (type_ == Type::decimal) {
        const Value v = convert(get(c, at), Type::decimal);
        if (v.null) continue;
        decimals_[g] = add(decimals_[g], *parse_decimal(v.s)).value_or(Decimal{});
      } else {
        const std::optional<int64_t> v = stored_ints ? c.i64(at) : to_int64(get(c, at));
        if (!v) continue;
        integers_[g] = static_cast<int64_t>(static_cast<uint64_t>(integers_[g]) + static_cast<uint64_t>(*v));
        if (mean_) reals_.resize(n_groups), reals_[g] += static_cast<double>(*v);
      }
      ++counts_[g];
    }
  }
  std::vector<Column> finish(size_t n) override {
    counts_.resize(n), reals_.resize(n), integers_.resize(n), decimals_.resize(n);
    Column out(type_);
    for (size_t g = 0; g < n; ++g) {
      const int64_t count = counts_[g];
      if (mean_ && count == 0) {
        out.push_null();
      } else if (type_ == Type::real) {
        out.push_f64(mean_ ? reals_[g] / static_cast<double>(count) : reals_[g]);
      } else if (type_ == Type::decimal) {
        const Decimal by{count, 0};
        out.push_text(decimal_text(mean_ ? divide(decimals_[g], by).value_or(Decimal{}) : decimals_[g]));
      } else {
        out.push_i64(mean_ ? static_cast<int64_t>(reals_[g] / static_cast<double>(count)) : integers_[g]);
      }
    }
    return {std::move(out)};
  }
  size_t size_bytes() const override { return (counts_.size() + integers_.size() + reals_.size()) * 8 + decimals_.size() * sizeof(Decimal); }
  // A sum of reals depends on their order.
  bool is_mergeable() const override { return !mean_ && type_ != Type::real && type_ != Type::decimal; }
  void merge(const Aggregator& other, const Rows& to, size_t n_groups) override {
    counts_.resize(n_groups), integers_.resize(n_groups);
    const auto& from = static_cast<const Sum&>(other);
    for (size_t g = 0; g < from.counts_.size(); ++g) {
      counts_[to[g]] += from.counts_[g];
      integers_[to[g]] = static_cast<int64_t>(static_cast<uint64_t>(integers_[to[g]]) + static_cast<uint64_t>(from.integers_[g]));
    }
  }

 private:
  Type type_;
  bool mean_;
  std::vector<int64_t> counts_, integers_;
  std::vector<double> reals_;
  std::vector<Decimal> decimals_;
};

class Variance : public Aggregator {
 public:
  Variance(bool population, bool root) : population_(population), root_(root) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    states_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      const std::optional<double> v = to_real(get(*args[0].column, args[0].at(row)));
      if (!v) continue;
      State& s = states_[groups[row]];
      s.n += 1;
      const double delta = *v - s.mean;
      s.mean += delta / s.n;
      s.m2 += delta * (*v - s.mean);
    }
  }
  std::vector<Column> finish(size_t n) override {
    states_.resize(n);
    std::vector<double> out(n);
    for (size_t g = 0; g < n; ++g) {
      const double by = population_ ? states_[g].n : states_[g].n - 1;
      out[g] = by > 0 ? states_[g].m2 / by : 0;
      if (root_) out[g] = std::sqrt(out[g]);
    }
    return {Column::from_f64(std::move(out))};
  }
  size_t size_bytes() const override { return states_.size() * sizeof(State); }

 private:
  struct State {
    double n = 0, mean = 0, m2 = 0;
  };
  bool population_, root_;
  std::vector<State> states_;
};

class Bits : public Aggregator {
 public:
  explicit Bits(char op) : op_(op) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    bits_.resize(n_groups, op_ == '&' ? -1 : 0);
    any_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      const std::optional<int64_t> v = to_int64(get(*args[0].column, args[0].at(row)));
      if (!v) continue;
      int64_t& b = bits_[groups[row]];
      b = op_ == '&' ? b & *v : op_ == '|' ? b | *v : b ^ *v;
      any_[groups[row]] = 1;
    }
  }
  std::vector<Column> finish(size_t n) override {
    bits_.resize(n), any_.resize(n);
    return {Column::from_i64(Type::int64, bits_, any_)};
  }

 private:
  char op_;
  std::vector<int64_t> bits_;
  std::vector<uint8_t> any_;
};

// covariance(x, y) and covariancep.
class Covariance : public Aggregator {
 public:
  explicit Covariance(bool population) : population_(population) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    states_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      const std::optional<double> x = to_real(get(*args[0].column, args[0].at(row))), y = to_real(get(*args[1].column, args[1].at(row)));
      if (!x || !y) continue;
      State& s = states_[groups[row]];
      s.n += 1;
      const double dx = *x - s.x;
      s.x += dx / s.n;
      s.y += (*y - s.y) / s.n;
      s.c += dx * (*y - s.y);
    }
  }
  std::vector<Column> finish(size_t n) override {
    states_.resize(n);
    std::vector<double> out(n);
    for (size_t g = 0; g < n; ++g) {
      const double by = population_ ? states_[g].n : states_[g].n - 1;
      out[g] = by > 0 ? states_[g].c / by : 0;
    }
    return {Column::from_f64(std::move(out))};
  }

 private:
  struct State {
    double n = 0, x = 0, y = 0, c = 0;
  };
  bool population_;
  std::vector<State> states_;
};

// xxxif(args..., condition): the same aggregate over the rows where the condition holds.
class If : public Aggregator {
 public:
  explicit If(Made inner) : inner_(std::move(inner)) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    const Vec& condition = args.back();
    Rows rows, kept;
    for (uint32_t row = 0; row < groups.size(); ++row) {
      if (condition.is_null(row) || condition.column->i64(condition.at(row)) == 0) continue;
      rows.push_back(row);
      kept.push_back(groups[row]);
    }
    std::vector<Vec> inner_args;
    for (const Vec& arg : args.first(args.size() - 1)) inner_args.push_back(arg.constant ? arg : Vec{share(arg.column->take(rows)), false});
    inner_->update(inner_args, kept, n_groups);
  }
  std::vector<Column> finish(size_t n) override { return inner_->finish(n); }
  size_t size_bytes() const override { return inner_->size_bytes(); }
  bool is_mergeable() const override { return inner_->is_mergeable(); }
  void merge(const Aggregator& other, const Rows& to, size_t n_groups) override { inner_->merge(*static_cast<const If&>(other).inner_, to, n_groups); }

 private:
  Made inner_;
};

Made make_count(const AggregateCall&) { return std::make_unique<Count>(); }
Made make_sum(const AggregateCall& c) { return std::make_unique<Sum>(c.outputs[0], false); }
Made make_avg(const AggregateCall& c) { return std::make_unique<Sum>(c.outputs[0], true); }
Made make_variance(const AggregateCall&) { return std::make_unique<Variance>(false, false); }
Made make_variancep(const AggregateCall&) { return std::make_unique<Variance>(true, false); }
Made make_stdev(const AggregateCall&) { return std::make_unique<Variance>(false, true); }
Made make_stdevp(const AggregateCall&) { return std::make_unique<Variance>(true, true); }
Made make_all_and(const AggregateCall&) { return std::make_unique<Bits>('&'); }
Made make_all_or(const AggregateCall&) { return std::make_unique<Bits>('|'); }
Made make_all_xor(const AggregateCall&) { return std::make_unique<Bits>('^'); }
Made make_covariance(const AggregateCall&) { return std::make_unique<Covariance>(false); }
Made make_covariancep(const AggregateCall&) { return std::make_unique<Covariance>(true); }

template <Made (*inner)(const AggregateCall&)>
Made make_if(const AggregateCall& c) {
  return std::make_unique<If>(inner(c));
}

constexpr AggregateFunction table[] = {
    {"count", "?*", Result::int64, "count_", make_count},
    {"countif", "b", Result::int64, "countif_", make_if<make_count>},
    {"sum", "*", Result::widest, "sum_", make_sum},
    {"sumif", "*b", Result::widest, "sumif_", make_if<make_sum>},
    {"avg", "*", Result::real, "avg_", make_avg},
    {"avgif", "*b", Result::real, "avgif_", make_if<make_avg>},
    {"min", "*", Result::first, "min_", make_min},
    {"minif", "*b", Result::first, "minif_", make_if<make_min>},
    {"max", "*", Result::first, "max_", make_max},
    {"maxif", "*b", Result::first, "maxif_", make_if<make_max>},
    {"dcount", "*?C", Result::int64, "dcount_", make_dcount},
    {"dcountif", "*b?C", Result::int64, "dcountif_", make_if<make_dcount>},
    {"count_distinct", "*", Result::int64, "count_distinct_", make_dcount},
    {"count_distinctif", "*b", Result::int64, "count_distinctif_", make_if<make_dcount>},
    {"make_list", "*?C", Result::dynamic, "list_", make_make_list},
    {"makelist", "*?C", Result::dynamic, "list_", make_make_list},
    {"make_list_if", "*b?C", Result::dynamic, "list_", make_if<make_make_list>},
    {"make_list_with_nulls", "*?C", Result::dynamic, "list_", make_list_nulls},
    {"make_set", "*?C", Result::dynamic, "set_", make_make_set},
    {"makeset", "*?C", Result::dynamic, "set_", make_make_set},
    {"make_set_if", "*b?C", Result::dynamic, "set_", make_if<make_make_set>},
    {"make_bag", "y?C", Result::dynamic, "bag_", make_make_bag},
    {"make_dictionary", "y?C", Result::dynamic, "dictionary_", make_make_bag},
    {"make_bag_if", "yb?C", Result::dynamic, "bag_", make_if<make_make_bag>},
    {"arg_max", "**+", Result::special, nullptr, make_arg_max},
    {"arg_min", "**+", Result::special, nullptr, make_arg_min},
    {"argmax", "**+", Result::special, "max_", make_arg_max},
    {"argmin", "**+", Result::special, "min_", make_arg_min},
    {"take_any", "*+", Result::special, nullptr, make_any},
    {"any", "*+", Result::special, "any_", make_any},
    {"anyif", "*b", Result::special, "anyif_", make_if<make_any>},
    {"take_anyif", "*b", Result::special, nullptr, make_if<make_any>},
    {"stdev", "*", Result::real, "stdev_", make_stdev},
    {"stdevif", "*b", Result::real, "stdevif_", make_if<make_stdev>},
    {"stdevp", "*", Result::real, "stdevp_", make_stdevp},
    {"stdevpif", "*b", Result::real, "stdevpif_", make_if<make_stdevp>},
    {"variance", "*", Result::real, "variance_", make_variance},
    {"varianceif", "*b", Result::real, "varianceif_", make_if<make_variance>},
    {"variancep", "*", Result::real, "variancep_", make_variancep},
    {"variancepif", "*b", Result::real, "variancepif_", make_if<make_variancep>},
    {"covariance", "**", Result::real, "covariance_", make_covariance},
    {"covariancep", "**", Result::real, "covariancep_", make_covariancep},
    {"covariancepif", "**b", Result::real, "covariancepif_", make_if<make_covariancep>},
    {"covarianceif", "**b", Result::real, "covarianceif_", make_if<make_covariance>},
    {"percentile", "*C", Result::special, "percentile_", make_percentiles},
    {"percentiles", "*C+", Result::special, "percentile_", make_percentiles},
    {"percentilew", "**C", Result::special, "percentile_", make_percentilesw},
    {"percentilesw", "**C+", Result::special, "percentile_", make_percentilesw},
    {"percentiles_array", "*C+", Result::dynamic, "percentiles_", make_percentiles_array},
    {"percentilesw_array", "**C+", Result::dynamic, "percentiles_", make_percentilesw_array},
    {"binary_all_and", "i", Result::int64, "", make_all_and},
    {"binary_all_or", "i", Result::int64, "", make_all_or},
    {"binary_all_xor", "i", Result::int64, "", make_all_xor},
    {"buildschema", "y", Result::dynamic, "schema_", make_schema},
};

}  // namespace

const AggregateFunction* find_aggregate(std::string_view name) {
  for (const std::span<const AggregateFunction> part : {std::span<const AggregateFunction>(table), sketch_aggregates()}) {
    for (const AggregateFunction& f : part) {
      if (f.name == name) return &f;
    }
  }
  return nullptr;
}

std::vector<std::string> aggregate_names() {
  std::vector<std::string> names;
  for (const AggregateFunction& f : table) names.emplace_back(f.name);
  for (const AggregateFunction& f : sketch_aggregates()) names.emplace_back(f.name);
  return names;
}

}  // namespace app::kql
