#include "app/kql/aggregates.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "app/kql/decimal.h"
#include "app/kql/exec/grouper.h"
#include "app/kql/json.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

using columns::Column;
using Made = std::unique_ptr<Aggregator>;

Column from_values(Type type, const std::vector<Value>& values, size_t n) {
  Column column(type);
  column.reserve(n);
  for (size_t k = 0; k < n; ++k) push(column, k < values.size() ? values[k] : Value::none(type));
  return column;
}

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

 private:
  struct State {
    double n = 0, mean = 0, m2 = 0;
  };
  bool population_, root_;
  std::vector<State> states_;
};

// ---------------------------------------------------------------- choosing values

class Extreme : public Aggregator {
 public:
  Extreme(Type type, bool max) : type_(type), max_(max) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    best_.resize(n_groups, Value::none(type_));
    any_.resize(n_groups);
    const Column& c = *args[0].column;
    const bool ints = !columns::is_text(c.type()) && c.type() != Type::real;
    for (size_t row = 0; row < groups.size(); ++row) {
      const size_t at = args[0].at(row);
      if (c.is_null(at)) continue;
      const uint32_t g = groups[row];
      if (any_[g] && ints) {
        const int64_t v = c.i64(at);
        if (max_ ? v > best_[g].i : v < best_[g].i) best_[g].i = v;
        continue;
      }
      Value v = get(c, at);
      if (v.type == Type::dynamic && v.s == "null") continue;
      if (!any_[g] || (max_ ? compare(v, best_[g]) > 0 : compare(v, best_[g]) < 0)) best_[g] = std::move(v);
      any_[g] = true;
    }
  }
  std::vector<Column> finish(size_t n) override { return {from_values(type_, best_, n)}; }

 private:
  Type type_;
  bool max_;
  std::vector<Value> best_;
  std::vector<uint8_t> any_;
};

// take_any: prefers a value over null or the empty string.
class Any : public Aggregator {
 public:
  explicit Any(const AggregateCall& call) : types_(call.outputs), values_(call.outputs.size()) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    for (size_t k = 0; k < types_.size(); ++k) {
      values_[k].resize(n_groups, Value::none(types_[k]));
      for (size_t row = 0; row < groups.size(); ++row) {
        Value& v = values_[k][groups[row]];
        const bool missing = v.null || (columns::is_text(types_[k]) && v.s.empty());
        if (missing && !args[k].is_null(row)) v = get(*args[k].column, args[k].at(row));
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    std::vector<Column> out;
    for (size_t k = 0; k < types_.size(); ++k) out.push_back(from_values(types_[k], values_[k], n));
    return out;
  }

 private:
  std::vector<Type> types_;
  std::vector<std::vector<Value>> values_;
};

// arg_max(key, values...): the row with the greatest key; the first of equals.
class ArgExtreme : public Aggregator {
 public:
  ArgExtreme(const AggregateCall& call, bool max) : max_(max), types_(call.outputs) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    rows_.resize(n_groups);
    // The winner of each group within the batch first, so that only winners are copied.
    winner_.assign(n_groups, UINT32_MAX);
    const Column& key = *args[0].column;
    const bool ints = !columns::is_text(key.type()) && key.type() != Type::real;
    for (uint32_t row = 0; row < groups.size(); ++row) {
      uint32_t& w = winner_[groups[row]];
      if (w == UINT32_MAX) {
        w = row;
        continue;
      }
      const size_t a = args[0].at(row), b = args[0].at(w);
      if (key.is_null(a)) continue;
      if (key.is_null(b)) {
        w = row;
      } else if (ints) {
        if (max_ ? key.i64(a) > key.i64(b) : key.i64(a) < key.i64(b)) w = row;
      } else if (const int o = compare(get(key, a), get(key, b)); max_ ? o > 0 : o < 0) {
        w = row;
      }
    }
    for (size_t g = 0; g < n_groups; ++g) {
      if (winner_[g] == UINT32_MAX) continue;
      const uint32_t row = winner_[g];
      std::vector<Value>& best = rows_[g];
      const Value v = get(key, args[0].at(row));
      if (!best.empty()) {
        if (v.null) continue;
        if (!best[0].null && (max_ ? compare(v, best[0]) <= 0 : compare(v, best[0]) >= 0)) continue;
      }
      best.clear();
      for (const Vec& arg : args) best.push_back(get(*arg.column, arg.at(row)));
    }
  }
  std::vector<Column> finish(size_t n) override {
    rows_.resize(n);
    std::vector<Column> out;
    for (size_t k = 0; k < types_.size(); ++k) {
      Column column(types_[k]);
      for (size_t g = 0; g < n; ++g) push(column, rows_[g].empty() ? Value::none(types_[k]) : rows_[g][k]);
      out.push_back(std::move(column));
    }
    return out;
  }

 private:
  bool max_;
  std::vector<Type> types_;
  std::vector<std::vector<Value>> rows_;
  Rows winner_;
};

// ---------------------------------------------------------------- sets and lists

class DistinctCount : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    counts_.resize(n_groups);
    Rows numbers;
    values_.number(args[0], groups.size(), numbers);
    for (size_t row = 0; row < groups.size(); ++row) {
      if (args[0].is_null(row)) continue;
      const uint32_t before = pairs_.size();
      if (pairs_.insert((static_cast<uint64_t>(groups[row]) << 32) | numbers[row]) == before) ++counts_[groups[row]];
    }
  }
  std::vector<Column> finish(size_t n) override {
    counts_.resize(n);
    return {Column::from_i64(Type::int64, counts_)};
  }
  size_t size_bytes() const override { return pairs_.size_bytes() + values_.size_bytes(); }

 private:
  ValueTable values_;
  IntTable pairs_;
  std::vector<int64_t> counts_;
};

class MakeList : public Aggregator {
 public:
  MakeList(const AggregateCall& call, bool set, bool nulls) : set_(set), nulls_(nulls) {
    if (!call.constants.empty()) limit_ = static_cast<size_t>(std::clamp<int64_t>(to_int64(call.constants[0]).value_or(1048576), 0, 1048576));
  }
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    texts_.resize(n_groups);
    counts_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) {
      const Value v = get(*args[0].column, args[0].at(row));
      const bool null = is_null(v);
      if (null && !nulls_) continue;
      if (set_ && v.type == Type::dynamic && v.s[0] == '[') {  // a set takes an array's elements
        for (const Json& item : dynamic_value(v).items) {
          if (!item.is_null()) append(groups[row], json_text(item));
        }
      } else {
        append(groups[row], null ? "null" : v.type == Type::dynamic ? v.s : json_text(to_json(v)));
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    Column out(Type::dynamic);
    texts_.resize(n);
    for (std::string& text : texts_) out.push_text("[" + text + "]");
    return {std::move(out)};
  }
  size_t size_bytes() const override { return bytes_ + seen_.size_bytes(); }

 private:
  void append(uint32_t group, const std::string& item) {
    if (counts_[group] >= limit_) return;
    if (set_) {
      const uint32_t before = seen_.size();
      if (seen_.insert((static_cast<uint64_t>(group) << 32) | values_.number_text(item, false)) != before) return;
    }
    if (counts_[group]++) texts_[group] += ',';
    texts_[group] += item;
    bytes_ += item.size() + 1;
  }
  bool set_, nulls_;
  size_t limit_ = 1048576, bytes_ = 0;
  std::vector<std::string> texts_;
  std::vector<size_t> counts_;
  ValueTable values_;
  IntTable seen_;
};

class MakeBag : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    bags_.resize(n_groups, Json::object());
    for (size_t row = 0; row < groups.size(); ++row) {
      const Json json = dynamic_value(get(*args[0].column, args[0].at(row)));
      for (size_t k = 0; k < json.keys.size(); ++k) {
        if (!bags_[groups[row]].find(json.keys[k])) bags_[groups[row]].set(json.keys[k], json.items[k]);
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    bags_.resize(n, Json::object());
    Column out(Type::dynamic);
    for (const Json& bag : bags_) out.push_text(json_text(bag));
    return {std::move(out)};
  }

 private:
  std::vector<Json> bags_;
};

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

// buildschema: the types seen under each member, as the language words them.
class BuildSchema : public Aggregator {
 public:
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    schemas_.resize(n_groups);
    for (size_t row = 0; row < groups.size(); ++row) note(schemas_[groups[row]], dynamic_value(get(*args[0].column, args[0].at(row))));
  }
  std::vector<Column> finish(size_t n) override {
    schemas_.resize(n);
    Column out(Type::dynamic);
    for (const Shape& shape : schemas_) out.push_text(json_text(describe_shape(shape)));
    return {std::move(out)};
  }

 private:
  struct Shape {
    std::vector<std::string> types;
    std::vector<std::pair<std::string, std::unique_ptr<Shape>>> members;
    std::unique_ptr<Shape> items;
  };
  static void note(Shape& shape, const Json& json) {
    if (json.is_object()) {
      for (size_t k = 0; k < json.keys.size(); ++k) {
        auto at = std::find_if(shape.members.begin(), shape.members.end(), [&](const auto& m) { return m.first == json.keys[k]; });
        if (at == shape.members.end()) at = shape.members.insert(shape.members.end(), {json.keys[k], std::make_unique<Shape>()});
        note(*at->second, json.items[k]);
      }
      return;
    }
    if (json.is_array()) {
      if (!shape.items) shape.items = std::make_unique<Shape>();
      for (const Json& item : json.items) note(*shape.items, item);
      return;
    }
    const char* type = json.kind == Json::Kind::boolean ? "bool" : json.kind == Json::Kind::integer ? "long"
                       : json.kind == Json::Kind::real  ? "double" : json.kind == Json::Kind::string ? "string" : nullptr;
    if (type && std::find(shape.types.begin(), shape.types.end(), type) == shape.types.end()) shape.types.emplace_back(type);
  }
  static Json describe_shape(const Shape& shape) {
    Json all = Json::array();
    for (const std::string& type : shape.types) all.items.push_back(Json::of(type));
    if (!shape.members.empty() || shape.items) {
      Json bag = Json::object();
      if (shape.items) bag.set("`indexer`", describe_shape(*shape.items));
      for (const auto& [name, member] : shape.members) bag.set(name, describe_shape(*member));
      all.items.push_back(std::move(bag));
    }
    if (all.items.size() == 1) return all.items[0];
    return all;
  }
  std::vector<Shape> schemas_;
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

 private:
  Made inner_;
};

Made make_count(const AggregateCall&) { return std::make_unique<Count>(); }
Made make_sum(const AggregateCall& c) { return std::make_unique<Sum>(c.outputs[0], false); }
Made make_avg(const AggregateCall& c) { return std::make_unique<Sum>(c.outputs[0], true); }
Made make_min(const AggregateCall& c) { return std::make_unique<Extreme>(c.outputs[0], false); }
Made make_max(const AggregateCall& c) { return std::make_unique<Extreme>(c.outputs[0], true); }
Made make_any(const AggregateCall& c) { return std::make_unique<Any>(c); }
Made make_arg_max(const AggregateCall& c) { return std::make_unique<ArgExtreme>(c, true); }
Made make_arg_min(const AggregateCall& c) { return std::make_unique<ArgExtreme>(c, false); }
Made make_dcount(const AggregateCall&) { return std::make_unique<DistinctCount>(); }
Made make_make_list(const AggregateCall& c) { return std::make_unique<MakeList>(c, false, false); }
Made make_list_nulls(const AggregateCall& c) { return std::make_unique<MakeList>(c, false, true); }
Made make_make_set(const AggregateCall& c) { return std::make_unique<MakeList>(c, true, false); }
Made make_make_bag(const AggregateCall&) { return std::make_unique<MakeBag>(); }
Made make_variance(const AggregateCall&) { return std::make_unique<Variance>(false, false); }
Made make_variancep(const AggregateCall&) { return std::make_unique<Variance>(true, false); }
Made make_stdev(const AggregateCall&) { return std::make_unique<Variance>(false, true); }
Made make_stdevp(const AggregateCall&) { return std::make_unique<Variance>(true, true); }
Made make_percentiles(const AggregateCall& c) { return std::make_unique<Percentiles>(c, false, false); }
Made make_percentilesw(const AggregateCall& c) { return std::make_unique<Percentiles>(c, true, false); }
Made make_percentiles_array(const AggregateCall& c) { return std::make_unique<Percentiles>(c, false, true); }
Made make_percentilesw_array(const AggregateCall& c) { return std::make_unique<Percentiles>(c, true, true); }
Made make_all_and(const AggregateCall&) { return std::make_unique<Bits>('&'); }
Made make_all_or(const AggregateCall&) { return std::make_unique<Bits>('|'); }
Made make_all_xor(const AggregateCall&) { return std::make_unique<Bits>('^'); }
Made make_covariance(const AggregateCall&) { return std::make_unique<Covariance>(false); }
Made make_covariancep(const AggregateCall&) { return std::make_unique<Covariance>(true); }
Made make_schema(const AggregateCall&) { return std::make_unique<BuildSchema>(); }

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
    {"make_dictionary", "y?C", Result::dynamic, "bag_", make_make_bag},
    {"make_bag_if", "yb?C", Result::dynamic, "bag_", make_if<make_make_bag>},
    {"arg_max", "**+", Result::special, nullptr, make_arg_max},
    {"arg_min", "**+", Result::special, nullptr, make_arg_min},
    {"argmax", "**+", Result::special, "max_", make_arg_max},
    {"argmin", "**+", Result::special, "min_", make_arg_min},
    {"take_any", "*+", Result::special, nullptr, make_any},
    {"any", "*+", Result::special, "any_", make_any},
    {"anyif", "*b", Result::special, "any_", make_if<make_any>},
    {"take_anyif", "*b", Result::special, nullptr, make_if<make_any>},
    {"stdev", "*", Result::real, "stdev_", make_stdev},
    {"stdevif", "*b", Result::real, "stdevif_", make_if<make_stdev>},
    {"stdevp", "*", Result::real, "stdevp_", make_stdevp},
    {"variance", "*", Result::real, "variance_", make_variance},
    {"varianceif", "*b", Result::real, "varianceif_", make_if<make_variance>},
    {"variancep", "*", Result::real, "variancep_", make_variancep},
    {"variancepif", "*b", Result::real, "variancepif_", make_if<make_variancep>},
    {"covariance", "**", Result::real, "covariance_", make_covariance},
    {"covariancep", "**", Result::real, "covariancep_", make_covariancep},
    {"covarianceif", "**b", Result::real, "covarianceif_", make_if<make_covariance>},
    {"percentile", "*C", Result::special, "percentile_", make_percentiles},
    {"percentiles", "*C+", Result::special, "percentile_", make_percentiles},
    {"percentilew", "**C", Result::special, "percentilew_", make_percentilesw},
    {"percentilesw", "**C+", Result::special, "percentilew_", make_percentilesw},
    {"percentiles_array", "*C+", Result::dynamic, "percentiles_", make_percentiles_array},
    {"percentilesw_array", "**C+", Result::dynamic, "percentilesw_", make_percentilesw_array},
    {"binary_all_and", "i", Result::int64, "binary_all_and_", make_all_and},
    {"binary_all_or", "i", Result::int64, "binary_all_or_", make_all_or},
    {"binary_all_xor", "i", Result::int64, "binary_all_xor_", make_all_xor},
    {"buildschema", "y", Result::dynamic, "schema_", make_schema},
};

}  // namespace

const AggregateFunction* find_aggregate(std::string_view name) {
  for (const AggregateFunction& f : table) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

std::vector<std::string> aggregate_names() {
  std::vector<std::string> names;
  for (const AggregateFunction& f : table) names.emplace_back(f.name);
  return names;
}

}  // namespace app::kql
