// The scan operator: a state machine over the ordered rows. Each step holds at most one sequence: its
// last row with the declared columns. A row is offered to the last step first; a step extends its own
// sequence or takes over the one of the step before.
#include "app/kql/exec/grouper.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;
using Values = std::vector<Value>;

// The sequences of one partition.
class Sequences {
 public:
  Sequences(const ScanPlan& plan, const columns::Schema& schema, size_t n_in, int64_t now)
      : plan_(plan), n_in_(n_in), n_columns_(n_in + plan.initial.size()), evaluator_(now) {
    for (size_t k = 0; k < n_columns_; ++k) empty_.push_back(k < n_in ? Value::none(schema[k].type) : plan.initial[k - n_in]);
    states_.assign(plan.steps.size(), State{});
    for (State& s : states_) s.values = empty_;
  }

  void offer(const Values& row, std::vector<Values>& out, int64_t& next_match) {
    for (size_t step = plan_.steps.size(); step-- > 0;) {
      if (states_[step].active && advance(row, step, step, out)) return;
      const std::optional<size_t> before = step_before(step);
      if (before && advance(row, step, *before, out)) return;
      if (!before && can_start(step) && start(row, step, out, next_match)) return;
    }
  }
  // The rows that wait for their sequence to go on.
  void end(std::vector<Values>& out) {
    for (State& s : states_) release(s, out);
  }

 private:
  struct State {
    bool active = false;
    int64_t match = 0;
    Values values;
    std::optional<Values> pending;  // of output=last
  };

  // The step whose sequence this one can take over; optional steps without one are passed over.
  std::optional<size_t> step_before(size_t step) const {
    while (step-- > 0) {
      if (states_[step].active) return step;
      if (!plan_.steps[step].optional) return std::nullopt;
    }
    return std::nullopt;
  }
  bool can_start(size_t step) const {
    while (step-- > 0) {
      if (!plan_.steps[step].optional) return false;
    }
    return true;
  }

  Batch seen(const Values& row, const Values& declared, size_t step, const Values* own) const {
    std::vector<ColumnPtr> columns;
    const auto add = [&](const Value& v) {
      Column c(v.type);
      push(c, v);
      columns.push_back(share(std::move(c)));
    };
    for (size_t k = 0; k < n_columns_; ++k) add(k < n_in_ ? row[k] : declared[k]);
    for (size_t s = 0; s < states_.size(); ++s) {
      for (const Value& v : s == step && own ? *own : states_[s].values) add(v);
    }
    return Batch::of(std::move(columns), 1);
  }

  // The row with the step's assignments, or nothing where its condition does not hold.
  std::optional<Values> extended(const Values& row, const Values& declared, size_t step, bool own) {
    const ScanStepPlan& plan = plan_.steps[step];
    const Values* const state = own ? nullptr : &declared;
    if (evaluator_.filter(*plan.condition, seen(row, declared, step, state)).empty()) return std::nullopt;
    Values next = row;
    next.insert(next.end(), declared.begin() + static_cast<std::ptrdiff_t>(n_in_), declared.end());
    for (const auto& [target, value] : plan.assignments) {
      next[target] = get(*evaluator_.column(*value, seen(row, next, step, state)), 0);
    }
    return next;
  }

  bool advance(const Values& row, size_t step, size_t from, std::vector<Values>& out) {
    const std::optional<Values> next = extended(row, states_[from].values, step, from == step);
    if (!next) return false;
    const int64_t match = states_[from].match;
    if (from != step) {
      release(states_[step], out);
      release(states_[from], out);
      states_[from] = State{};
      states_[from].values = empty_;
    }
    settle(step, *next, match, out);
    return true;
  }

  bool start(const Values& row, size_t step, std::vector<Values>& out, int64_t& next_match) {
    const std::optional<Values> next = extended(row, empty_, step, false);
    if (!next) return false;
    release(states_[step], out);
    settle(step, *next, next_match++, out);
    return true;
  }

  void settle(size_t step, const Values& values, int64_t match, std::vector<Values>& out) {
    State& s = states_[step];
    s.active = true;
    s.match = match;
    s.values = values;
    const ScanStepPlan& plan = plan_.steps[step];
    if (plan.output_none) return;
    Values shown = values;
    if (plan_.match_id) shown.push_back(Value::int64(match));
    if (plan_.step_name) shown.push_back(Value::text(plan.name));
    if (plan.output_last) s.pending = std::move(shown);
    else out.push_back(std::move(shown));
  }

  static void release(State& s, std::vector<Values>& out) {
    if (s.pending) out.push_back(std::move(*s.pending));
    s.pending.reset();
  }

  const ScanPlan& plan_;
  size_t n_in_, n_columns_;
  Evaluator evaluator_;
  Values empty_;
  std::vector<State> states_;
};

class ScanSteps : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    const Batch rows = run_to_one(*child, context);
    const size_t n_in = child->schema.size();
    std::vector<ColumnPtr> in;
    for (size_t k = 0; k < n_in; ++k) in.push_back(rows.column(k));
    std::vector<Values> output;
    int64_t next_match = 0;
    for (const Rows& part : parts(rows, context)) {
      Sequences sequences(plan, schema, n_in, context.now);
      Values row(n_in);
      for (const uint32_t at : part) {
        context.check_stop();
        for (size_t k = 0; k < n_in; ++k) row[k] = get(*in[k], at);
        const size_t n_before = output.size();
        sequences.offer(row, output, next_match);
        if (output.size() > n_before) context.charge((output.size() - n_before) * schema.size() * sizeof(Value));
      }
      sequences.end(output);
    }
    std::vector<ColumnPtr> out;
    for (size_t k = 0; k < schema.size(); ++k) {
      Column column(schema[k].type);
      for (const Values& values : output) push(column, values[k]);
      out.push_back(share(std::move(column)));
    }
    return one_batch(Batch::of(std::move(out), output.size()));
  }

  NodePtr child;
  ScanPlan plan;

 private:
  // The rows of each partition, in their order; partitions in order of appearance.
  std::vector<Rows> parts(const Batch& rows, ExecContext& context) const {
    Evaluator evaluator(context.now, context.options.stop);
    std::vector<Vec> keys;
    for (const BoundPtr& key : plan.partition) keys.push_back(evaluator.eval(*key, rows));
    Grouper grouper(keys.size());
    Rows groups;
    grouper.group(keys, rows.n_rows(), groups);
    std::vector<Rows> out(grouper.n_groups());
    for (uint32_t row = 0; row < groups.size(); ++row) out[groups[row]].push_back(row);
    return out;
  }
};

}  // namespace

NodePtr make_scan_steps(NodePtr child, columns::Schema schema, ScanPlan plan) {
  auto node = std::make_shared<ScanSteps>();
  node->schema = std::move(schema);
  node->child = std::move(child);
  node->plan = std::move(plan);
  node->ordered = true;
  return node;
}

}  // namespace app::kql
