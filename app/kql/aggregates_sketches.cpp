// hll, hll_merge, tdigest, tdigest_merge: sketches as dynamics, a group each.
#include "app/kql/aggregates_make.h"
#include "app/kql/json.h"
#include "app/kql/sketches.h"

namespace app::kql {
namespace {

using columns::Column;

bool holds(const Vec* condition, size_t row) {
  return !condition || (!condition->is_null(row) && condition->column->i64(condition->at(row)) != 0);
}

class MakeHll : public Aggregator {
 public:
  MakeHll(const AggregateCall& call, bool conditional, bool merging) : conditional_(conditional), merging_(merging) {
    if (!call.constants.empty()) precision_ = Hll::precision_of_accuracy(to_int64(call.constants[0]).value_or(1));
  }
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    grow(n_groups);
    const Vec* condition = conditional_ ? &args[1] : nullptr;
    for (size_t row = 0; row < groups.size(); ++row) {
      if (args[0].is_null(row) || !holds(condition, row)) continue;
      const Value v = get(*args[0].column, args[0].at(row));
      if (!merging_) {
        sketches_[groups[row]].add(hash_of(v));
      } else if (const auto other = Hll::from_json(dynamic_value(v))) {
        sketches_[groups[row]].merge(*other);
      }
    }
  }
  std::vector<Column> finish(size_t n) override {
    grow(n);
    Column out(Type::dynamic);
    for (size_t g = 0; g < n; ++g) out.push_text(json_text(sketches_[g].to_json()));
    return {std::move(out)};
  }
  size_t size_bytes() const override {
    size_t bytes = 0;
    for (const Hll& s : sketches_) bytes += s.size_bytes() + sizeof(Hll);
    return bytes;
  }

 private:
  void grow(size_t n) {
    while (sketches_.size() < n) sketches_.emplace_back(precision_);
  }
  bool conditional_, merging_;
  int precision_ = 14;
  std::vector<Hll> sketches_;
};

class MakeDigest : public Aggregator {
 public:
  MakeDigest(const AggregateCall& call, bool merging) : type_(call.args.empty() ? Type::real : call.args[0]->type), merging_(merging) {}
  void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) override {
    digests_.resize(n_groups, Digest(type_ == Type::dynamic ? Type::real : type_));
    const bool times = type_ == Type::datetime || type_ == Type::timespan;
    for (size_t row = 0; row < groups.size(); ++row) {
      if (args[0].is_null(row)) continue;
      const Value v = get(*args[0].column, args[0].at(row));
      if (merging_) {
        if (const auto other = Digest::from_json(dynamic_value(v))) digests_[groups[row]].merge(*other);
        continue;
      }
      const std::optional<double> number = times ? static_cast<double>(v.i) : to_real(v);
      const double weight = args.size() > 1 ? to_real(get(*args[1].column, args[1].at(row))).value_or(0) : 1;
      if (number) digests_[groups[row]].add(*number, weight);
    }
  }
  std::vector<Column> finish(size_t n) override {
    digests_.resize(n, Digest(type_ == Type::dynamic ? Type::real : type_));
    Column out(Type::dynamic);
    for (Digest& d : digests_) out.push_text(json_text(d.to_json()));
    return {std::move(out)};
  }
  size_t size_bytes() const override {
    size_t bytes = 0;
    for (const Digest& d : digests_) bytes += d.size_bytes() + sizeof(Digest);
    return bytes;
  }

 private:
  Type type_;
  bool merging_;
  std::vector<Digest> digests_;
};

Made make_hll(const AggregateCall& c) { return std::make_unique<MakeHll>(c, false, false); }
Made make_hll_if(const AggregateCall& c) { return std::make_unique<MakeHll>(c, true, false); }
Made make_hll_merge(const AggregateCall& c) { return std::make_unique<MakeHll>(c, false, true); }
Made make_tdigest(const AggregateCall& c) { return std::make_unique<MakeDigest>(c, false); }
Made make_tdigest_merge(const AggregateCall& c) { return std::make_unique<MakeDigest>(c, true); }

constexpr AggregateFunction table[] = {
    {"hll", "*?C", Result::dynamic, "hll_", make_hll},
    {"hll_if", "*b?C", Result::dynamic, "hll_if_", make_hll_if},
    {"hll_merge", "y", Result::dynamic, "hll_merge_", make_hll_merge},
    {"tdigest", "*?n", Result::dynamic, "tdigest_", make_tdigest},
    {"tdigest_merge", "y", Result::dynamic, "merge_tdigests_", make_tdigest_merge},
    {"merge_tdigest", "y", Result::dynamic, "merge_tdigests_", make_tdigest_merge},
};

}  // namespace

std::span<const AggregateFunction> sketch_aggregates() { return table; }

}  // namespace app::kql
