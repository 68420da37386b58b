// Aggregates that choose a value: min, max, take_any, arg_max, arg_min.
#include "app/kql/aggregates_make.h"


namespace app::kql {
namespace {

using columns::Column;

Column from_values(Type type, const std::vector<Value>& values, size_t n) {
  Column column(type);
  column.reserve(n);
  for (size_t k = 0; k < n; ++k) push(column, k < values.size() ? values[k] : Value::none(type));
  return column;
}

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
      if (!any_[g] || (max_ ? compare(v, best_[g]) > 0 : compare(v, best_[g]) < 0)) {
        text_bytes_ += v.s.size();
        best_[g] = std::move(v);
      }
      any_[g] = true;
    }
  }
  std::vector<Column> finish(size_t n) override { return {from_values(type_, best_, n)}; }
  size_t size_bytes() const override { return best_.size() * sizeof(Value) + text_bytes_; }
  // Equal integers are the same value; of equal reals or dynamics it is the first that counts.
  bool is_mergeable() const override { return !columns::is_text(type_) && type_ != Type::real; }
  void merge(const Aggregator& other, const Rows& to, size_t n_groups) override {
    best_.resize(n_groups, Value::none(type_));
    any_.resize(n_groups);
    const auto& from = static_cast<const Extreme&>(other);
    for (size_t g = 0; g < from.best_.size(); ++g) {
      if (!from.any_[g]) continue;
      Value& best = best_[to[g]];
      if (!any_[to[g]] || (max_ ? from.best_[g].i > best.i : from.best_[g].i < best.i)) best = from.best_[g];
      any_[to[g]] = true;
    }
  }

 private:
  Type type_;
  bool max_;
  size_t text_bytes_ = 0;  // of all texts that were ever best: an upper bound
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
        if (!missing || args[k].is_null(row)) continue;
        v = get(*args[k].column, args[k].at(row));
        text_bytes_ += v.s.size();
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    std::vector<Column> out;
    for (size_t k = 0; k < types_.size(); ++k) out.push_back(from_values(types_[k], values_[k], n));
    return out;
  }
  size_t size_bytes() const override {
    size_t bytes = text_bytes_;
    for (const auto& values : values_) bytes += values.size() * sizeof(Value);
    return bytes;
  }

 private:
  size_t text_bytes_ = 0;
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
      for (const Value& old : best) text_bytes_ -= old.s.size();
      best.clear();
      for (const Vec& arg : args) {
        best.push_back(get(*arg.column, arg.at(row)));
        text_bytes_ += best.back().s.size();
      }
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
  size_t size_bytes() const override { return rows_.size() * (sizeof(std::vector<Value>) + (types_.size() + 1) * sizeof(Value)) + text_bytes_; }

 private:
  bool max_;
  size_t text_bytes_ = 0;
  std::vector<Type> types_;
  std::vector<std::vector<Value>> rows_;
  Rows winner_;
};

}  // namespace

Made make_min(const AggregateCall& c) { return std::make_unique<Extreme>(c.outputs[0], false); }
Made make_max(const AggregateCall& c) { return std::make_unique<Extreme>(c.outputs[0], true); }
Made make_any(const AggregateCall& c) { return std::make_unique<Any>(c); }
Made make_arg_max(const AggregateCall& c) { return std::make_unique<ArgExtreme>(c, true); }
Made make_arg_min(const AggregateCall& c) { return std::make_unique<ArgExtreme>(c, false); }

}  // namespace app::kql
