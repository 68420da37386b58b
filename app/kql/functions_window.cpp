// Functions over rows in a set order: each call sees the whole column.
#include <algorithm>

#include "app/kql/functions.h"

namespace app::kql {
namespace {

using columns::Column;

// A constant argument as an integer; a missing one, or none, gives the default.
int64_t integer_of(std::span<const Vec> args, size_t k, int64_t missing) {
  if (k >= args.size() || args[k].column->n_rows() == 0) return missing;
  return to_int64(get(*args[k].column, 0)).value_or(missing);
}

Vec shifted(std::span<const Vec> args, size_t n, int64_t direction) {
  const int64_t by = direction * std::clamp<int64_t>(integer_of(args, 1, 1), -1'000'000'000, 1'000'000'000);
  const Column& values = *args[0].column;
  Column out(values.type());
  const Value missing = args[2].column->n_rows() ? get(*args[2].column, 0) : Value::none(values.type());
  for (size_t row = 0; row < n; ++row) {
    const int64_t from = static_cast<int64_t>(row) + by;
    if (from >= 0 && from < static_cast<int64_t>(n)) push(out, get(values, args[0].at(static_cast<size_t>(from))));
    else push(out, missing);
  }
  return {share(std::move(out)), false};
}
Vec prev_vec(CallState&, std::span<const Vec> args, size_t n) { return shifted(args, n, -1); }
Vec next_vec(CallState&, std::span<const Vec> args, size_t n) { return shifted(args, n, 1); }

bool restarts(std::span<const Vec> args, size_t k, size_t row) {
  return k < args.size() && !args[k].is_null(row) && args[k].column->i64(args[k].at(row)) != 0;
}

Vec row_number(CallState&, std::span<const Vec> args, size_t n) {
  const int64_t start = integer_of(args, 0, 1);
  Column out(Type::int64);
  auto number = static_cast<uint64_t>(start);  // wraps around by definition, as sums do
  for (size_t row = 0; row < n; ++row) {
    if (restarts(args, 1, row)) number = static_cast<uint64_t>(start);
    out.push_i64(static_cast<int64_t>(number++));
  }
  return {share(std::move(out)), false};
}
Vec row_cumsum(CallState& s, std::span<const Vec> args, size_t n) {
  Column out(s.type);
  int64_t whole = 0;
  double real = 0;
  for (size_t row = 0; row < n; ++row) {
    if (restarts(args, 1, row)) whole = 0, real = 0;
    const Value v = get(*args[0].column, args[0].at(row));
    if (s.type == Type::real) {
      real += to_real(v).value_or(0);
      out.push_f64(real);
    } else {
      whole = static_cast<int64_t>(static_cast<uint64_t>(whole) + static_cast<uint64_t>(to_int64(v).value_or(0)));
      out.push_i64(whole);
    }
  }
  return {share(std::move(out)), false};
}
// dense: 1 1 2; min: 1 1 3
Vec rank(std::span<const Vec> args, size_t n, bool dense) {
  Column out(Type::int64);
  int64_t number = 0, position = 0;
  Value before;
  for (size_t row = 0; row < n; ++row) {
    const bool restart = restarts(args, 1, row);
    if (restart) number = position = 0;
    Value v = get(*args[0].column, args[0].at(row));
    ++position;
    const bool same = position > 1 && v.null == before.null && (v.null || compare(v, before) == 0);
    if (!same) number = dense ? number + 1 : position;
    out.push_i64(number);
    before = std::move(v);
  }
  return {share(std::move(out)), false};
}
Vec rank_dense(CallState&, std::span<const Vec> args, size_t n) { return rank(args, n, true); }
Vec rank_min(CallState&, std::span<const Vec> args, size_t n) { return rank(args, n, false); }

// row_window_session(time, longest from the first, longest between neighbours, restart)
Vec window_session(CallState&, std::span<const Vec> args, size_t n) {
  Column out(Type::datetime);
  bool open = false;
  int64_t start = 0, last = 0;
  const int64_t longest = integer_of(args, 1, 0), gap = integer_of(args, 2, 0);
  for (size_t row = 0; row < n; ++row) {
    if (args[0].is_null(row)) {
      out.push_null();
      continue;
    }
    const int64_t t = args[0].column->i64(args[0].at(row));
    if (!open || restarts(args, 3, row) || t - start > longest || t - last > gap) start = t;
    open = true;
    last = t;
    out.push_i64(start);
  }
  return {share(std::move(out)), false};
}

constexpr Function table[] = {
    {"prev", "*?i*", Result::first, nullptr, window | sees_nulls, prev_vec}, {"next", "*?i*", Result::first, nullptr, window | sees_nulls, next_vec},
    {"row_number", "?ib", Result::int64, nullptr, window | sees_nulls, row_number}, {"row_cumsum", "n?b", Result::widest, nullptr, window | sees_nulls, row_cumsum},
    {"row_rank_dense", "*?b", Result::int64, nullptr, window | sees_nulls, rank_dense}, {"row_rank_min", "*?b", Result::int64, nullptr, window | sees_nulls, rank_min},
    {"row_window_session", "tpp?b", Result::datetime, nullptr, window | sees_nulls, window_session},
};

}  // namespace

std::span<const Function> window_functions() { return table; }

}  // namespace app::kql
