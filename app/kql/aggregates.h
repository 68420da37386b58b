// app/kql/aggregates.h: the aggregate functions: one table row each, and the state of many groups.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/expr.h"
#include "app/kql/functions.h"

namespace app::kql {

struct AggregateFunction;

struct AggregateCall {
  const AggregateFunction* function = nullptr;
  std::vector<BoundPtr> args;
  std::vector<Value> constants;      // arguments that must be constants: limits, percents
  std::vector<Type> outputs;         // one column each; arg_max(x, *) and percentiles() give several
};

// The state of all groups of one call.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  // groups[row] is the group of each row, below n_groups.
  virtual void update(std::span<const Vec> args, const Rows& groups, size_t n_groups) = 0;
  // Columns of n_groups rows, one for each output.
  virtual std::vector<columns::Column> finish(size_t n_groups) = 0;
  virtual size_t size_bytes() const { return 0; }
  // True where the answer does not depend on the order of the rows: then each thread may keep a state of
  // its own, and they are merged at the end.
  virtual bool is_mergeable() const { return false; }
  // Takes in a state of the same call: its group g is this one's to[g], below n_groups.
  virtual void merge(const Aggregator&, const Rows& /*to*/, size_t /*n_groups*/) {}
};

struct AggregateFunction {
  const char* name;
  const char* signature;             // as in functions.h; C: a constant
  Result result;
  const char* prefix;                // of the result's name: sum_ of sum(x); null: the argument's own
  std::unique_ptr<Aggregator> (*make)(const AggregateCall& call);
};

const AggregateFunction* find_aggregate(std::string_view name);
std::vector<std::string> aggregate_names();

}  // namespace app::kql
