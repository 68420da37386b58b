#include "app/kql/expr.h"

#include <algorithm>
#include <atomic>

#include "app/kql/functions.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

// A row kernel over n_rows rows; constants are read once.
Column run_rows(const Function& f, CallState& state, std::span<const Vec> args, size_t n_rows) {
  Column out(state.type);
  out.reserve(n_rows);
  std::vector<Value> values(args.size());
  for (size_t k = 0; k < args.size(); ++k) {
    if (args[k].constant) values[k] = get(*args[k].column, 0);
  }
  const bool strict = !(f.flags & sees_nulls);
  Value result;
  for (size_t row = 0; row < n_rows; ++row) {
    check_stop(state.stop, row);
    bool null = false;
    for (size_t k = 0; k < args.size(); ++k) {
      if (!args[k].constant) values[k] = get(*args[k].column, row);
      null |= values[k].null;
    }
    result = Value::none(state.type);
    if (!(null && strict)) {
      if (!result.null || result.type != Type::string) result.null = false;
      result.s.clear();
      f.row(state, values, result);
      if (result.type != state.type) result = convert(result, state.type);
    }
    push(out, result);
  }
  return out;
}

// The dictionary behind the only varying argument, where there is just one such.
const Vec* only_dictionary(std::span<const Vec> args) {
  const Vec* found = nullptr;
  for (const Vec& arg : args) {
    if (arg.constant) continue;
    if (found || !arg.column->is_dictionary()) return nullptr;
    found = &arg;
  }
  return found;
}

// Once for each dictionary value instead of once for each row.
Column run_dictionary(const Function& f, CallState& state, std::span<const Vec> args, const Vec& dictionary) {
  const auto& values = dictionary.column->dictionary();
  const size_t n_values = values->values.size();
  std::vector<uint32_t> codes(n_values);
  for (size_t k = 0; k < n_values; ++k) codes[k] = static_cast<uint32_t>(k);
  std::vector<Vec> over(args.begin(), args.end());
  for (size_t k = 0; k < over.size(); ++k) {
    if (&args[k] == &dictionary) {
      over[k].column = share(Column::from_dictionary(dictionary.column->type(), values, codes));
    }
  }
  const ColumnPtr fast = f.vec ? f.vec(state, over, n_values).column : nullptr;
  return (fast ? *fast : run_rows(f, state, over, n_values)).take(dictionary.column->codes());
}

}  // namespace

namespace {
std::atomic<uint64_t> n_checks = 0;
}

uint64_t n_stop_checks() { return n_checks; }

void check_stop(const std::stop_token& stop) {
  n_checks.fetch_add(1, std::memory_order_relaxed);
  if (stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "the query was cancelled");
}

BoundPtr bound_constant(Value value, Span span) {
  auto e = std::make_shared<Bound>();
  e->type = value.type;
  e->value = std::move(value);
  e->span = span;
  return e;
}

BoundPtr bound_column(size_t column, Type type, Span span) {
  auto e = std::make_shared<Bound>();
  e->kind = Bound::Kind::column;
  e->type = type;
  e->column = column;
  e->span = span;
  return e;
}

bool is_constant(const Bound& e) { return e.kind == Bound::Kind::constant; }

bool is_pure(const Bound& e) {
  if (e.kind == Bound::Kind::call && (e.function->flags & impure)) return false;
  return std::all_of(e.args.begin(), e.args.end(), [](const BoundPtr& arg) { return is_pure(*arg); });
}

void collect_columns(const Bound& e, std::vector<size_t>& out) {
  if (e.kind == Bound::Kind::column) {
    const auto at = std::lower_bound(out.begin(), out.end(), e.column);
    if (at == out.end() || *at != e.column) out.insert(at, e.column);
  }
  for (const BoundPtr& arg : e.args) collect_columns(*arg, out);
}

CallState& Evaluator::state(const Bound& e) {
  const auto [at, added] = states_.try_emplace(&e);
  if (added) {
    at->second.type = e.type;
    at->second.now = now_;
    at->second.stop = stop_;
    at->second.random = 0x9E3779B97F4A7C15ull ^ static_cast<uint64_t>(now_) ^ (e.span.begin * 0xD1B54A32D192ED03ull);
  }
  return at->second;
}

Vec Evaluator::eval(const Bound& e, const Batch& batch) {
  switch (e.kind) {
    case Bound::Kind::constant: {
      CallState& s = state(e);
      if (!s.cache) {
        Column column(e.type);
        push(column, e.value);
        s.cache = std::make_shared<ColumnPtr>(share(std::move(column)));
      }
      return {*static_cast<const ColumnPtr*>(s.cache.get()), true};
    }
    case Bound::Kind::column: return {batch.column(e.column), false};
    case Bound::Kind::call: break;
  }
  const std::string_view name = e.function->name;
  if (name == "and" || name == "or") return logical(e, batch);
  return call(e, batch);
}

Vec Evaluator::call(const Bound& e, const Batch& batch) {
  std::vector<Vec> args;
  args.reserve(e.args.size());
  bool constant = !(e.function->flags & (impure | window));
  for (const BoundPtr& arg : e.args) {
    args.push_back(eval(*arg, batch));
    constant &= args.back().constant;
  }
  const Function& f = *e.function;
  CallState& s = state(e);
  const size_t n_rows = constant ? 1 : batch.n_rows();
  if (!constant && !(f.flags & (impure | window | sees_nulls))) {
    const Vec* dictionary = only_dictionary(args);
    if (dictionary && !dictionary->column->has_nulls() && dictionary->column->dictionary()->values.size() < n_rows) {
      return {share(run_dictionary(f, s, args, *dictionary)), false};
    }
  }
  if (f.vec) {
    Vec out = f.vec(s, args, n_rows);
    out.constant = constant;
    if (out.column) return out;
  }
  return {share(run_rows(f, s, args, n_rows)), constant};
}

// and, or: three-valued, and the right side is only evaluated for rows that still need it.
Vec Evaluator::logical(const Bound& e, const Batch& batch) {
  const bool is_and = e.function->name[0] == 'a';
  const size_t n = batch.n_rows();
  enum : uint8_t { no, yes, unknown };
  std::vector<uint8_t> out(n, is_and ? yes : no);
  Rows open(n);
  for (size_t k = 0; k < n; ++k) open[k] = static_cast<uint32_t>(k);
  Batch rest = batch;
  for (size_t k = 0; k < e.args.size() && !open.empty(); ++k) {
    const Vec v = eval(*e.args[k], rest);
    Rows still, keep;
    for (size_t j = 0; j < open.size(); ++j) {
      const bool null = v.is_null(j);
      const bool value = !null && v.column->i64(v.at(j)) != 0;
      uint8_t& o = out[open[j]];
      if (null) {
        o = unknown;
      } else if (value != is_and) {  // decides: false for and, true for or
        o = is_and ? no : yes;
        continue;
      }
      still.push_back(open[j]);
      keep.push_back(static_cast<uint32_t>(j));
    }
    if (keep.size() < open.size()) {
      rest.keep(keep);
      open = std::move(still);
    }
  }
  std::vector<int64_t> values(n);
  std::vector<uint8_t> valid;
  for (size_t k = 0; k < n; ++k) {
    values[k] = out[k] == yes;
    if (out[k] == unknown) {
      if (valid.empty()) valid.assign(n, 1);
      valid[k] = 0;
    }
  }
  return {share(Column::from_i64(Type::boolean, std::move(values), std::move(valid))), false};
}

ColumnPtr Evaluator::column(const Bound& e, const Batch& batch) {
  const Vec v = eval(e, batch);
  if (!v.constant || batch.n_rows() == 1) return v.column;
  return share(repeat(*v.column, 0, batch.n_rows()));
}

Rows Evaluator::filter(const Bound& e, const Batch& batch) {
  const Vec v = eval(e, batch);
  const size_t n = batch.n_rows();
  Rows rows(n);
  if (v.constant) {
    const bool all = !v.is_null(0) && v.column->i64(0) != 0;
    for (size_t row = 0; row < n; ++row) rows[row] = static_cast<uint32_t>(row);
    if (!all) rows.clear();
    return rows;
  }
  // Every row is written, and stays where it is true: no branch to mispredict.
  const std::vector<int64_t>& values = v.column->i64s();
  const std::vector<uint8_t>& valid = v.column->valid();
  size_t n_kept = 0;
  for (size_t row = 0; row < n; ++row) {
    rows[n_kept] = static_cast<uint32_t>(row);
    n_kept += values[row] != 0 && (valid.empty() || valid[row] != 0);
  }
  rows.resize(n_kept);
  return rows;
}

Value constant_value(const Bound& e, int64_t now) {
  if (e.kind == Bound::Kind::constant) return e.value;
  Evaluator evaluator(now);
  return get(*evaluator.eval(e, Batch::one_row()).column, 0);
}

}  // namespace app::kql
