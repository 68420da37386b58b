// make-series and scan.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/kql/datetime.h"
#include "app/kql/exec/grouper.h"
#include "app/kql/json.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

class Series : public Node {
 public:
  static constexpr int64_t max_points = 1'048'576;

  // Rows are grouped by key and point of the axis; then every key gets an array over all points.
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    Batch all = run_to_one(*child, context);
    Evaluator evaluator(context.now, context.options.stop);
    const ColumnPtr axis = evaluator.column(*plan.axis, all);
    const bool real = axis->type() == Type::real;
    const double step = real ? plan.step.d : static_cast<double>(plan.step.i);
    Value from = plan.from, to = plan.to;
    bool to_included = plan.to_included;
    for (size_t row = 0; row < all.n_rows(); ++row) {  // open ends come from the data
      if (axis->is_null(row)) continue;
      const Value v = get(*axis, row);
      if (plan.from.null && (from.null || compare(v, from) < 0)) from = v;
      if (plan.to.null && (to.null || compare(v, to) > 0)) to = v, to_included = true;
    }
    if (plan.from.null && !from.null) {
      if (real) from.d = std::floor(from.d / step) * step;
      else from.i = floor_to(from.i, plan.step.i);
    }
    int64_t n_points = 0;
    if (!from.null && !to.null) {
      const double span = (real ? to.d - from.d : static_cast<double>(__int128{to.i} - from.i)) / step;
      const double points = !(span >= 0) ? 0 : to_included ? std::floor(span + 1e-9) + 1 : std::ceil(span - 1e-9);
      if (points > max_points) engine::fail(engine::ErrorKind::invalid_input, "make-series would make %.0f points a series, and 1048576 is the most; use a larger step", points);
      n_points = static_cast<int64_t>(points);
    }

    Rows inside;
    std::vector<int64_t> points;
    for (uint32_t row = 0; row < all.n_rows() && n_points > 0; ++row) {
      if (axis->is_null(row)) continue;
      int64_t point = 0;
      if (real) {
        const double at = std::floor((axis->f64(row) - from.d) / step + 1e-12);
        if (!(at >= 0 && at < static_cast<double>(n_points))) continue;
        point = static_cast<int64_t>(at);
      } else {
        if (axis->i64(row) < from.i || __builtin_sub_overflow(axis->i64(row), from.i, &point)) continue;
        point /= plan.step.i;
      }
      if (point >= n_points) continue;
      inside.push_back(row);
      points.push_back(point);
    }
    all.keep(inside);
    std::vector<Vec> keys;
    for (const BoundPtr& key : plan.keys) keys.push_back(evaluator.eval(*key, all));
    Grouper by_key(plan.keys.size());
    Rows groups, fresh;
    by_key.group(keys, all.n_rows(), groups, &fresh);
    const size_t n_keys = plan.keys.empty() ? 1 : by_key.n_groups();
    // Cells that have rows, numbered.
    IntTable cells;
    Rows cell(all.n_rows());
    std::vector<std::pair<uint32_t, int64_t>> places;
    for (size_t row = 0; row < all.n_rows(); ++row) {
      cell[row] = cells.insert((static_cast<uint64_t>(groups[row]) << 32) | static_cast<uint64_t>(points[row]));
      if (cell[row] == places.size()) places.emplace_back(groups[row], points[row]);
    }
    std::vector<ColumnPtr> out;
    for (const Vec& key : keys) {
      Column column(key.column->type());
      for (const uint32_t row : fresh) push(column, get(*key.column, key.at(row)));
      out.push_back(share(std::move(column)));
    }
    Batch results = aggregate_cells(all, evaluator, cell, places.size());
    for (size_t k = 0; k < plan.values.size(); ++k) {
      const ColumnPtr value_column = evaluator.column(*plan.values[k], results);
      const Column& values = *value_column;
      context.charge(n_keys * static_cast<size_t>(n_points) * 8);
      const Json missing = to_json(convert(plan.defaults[k], plan.defaults[k].type));
      std::vector<std::vector<Json>> series(n_keys, std::vector<Json>(static_cast<size_t>(n_points), missing));
      for (size_t c = 0; c < places.size(); ++c) series[places[c].first][static_cast<size_t>(places[c].second)] = to_json(get(values, c));
      Column column(Type::dynamic);
      for (std::vector<Json>& items : series) {
        Json array = Json::array();
        array.items = std::move(items);
        column.push_text(json_text(array));
      }
      out.push_back(share(std::move(column)));
    }
    Json axis_points = Json::array();
    for (int64_t p = 0; p < n_points; ++p) {
      Value v = from;
      if (real) v.d += static_cast<double>(p) * step;
      else v.i += p * plan.step.i;
      axis_points.items.push_back(to_json(v));
    }
    const std::string axis_text = json_text(axis_points);
    Column axis_column(Type::dynamic);
    for (size_t k = 0; k < n_keys; ++k) axis_column.push_text(axis_text);
    out.push_back(share(std::move(axis_column)));
    return one_batch(Batch::of(std::move(out), n_keys));
  }

  // The results of all aggregates, a row a cell; cell[row] is that of each row.
  Batch aggregate_cells(Batch& all, Evaluator& evaluator, const Rows& cell, size_t n_cells) const {
    std::vector<ColumnPtr> results;
    for (const AggregateCall& call : plan.aggregates) {
      const std::unique_ptr<Aggregator> state = call.function->make(call);
      std::vector<Vec> args;
      for (const BoundPtr& arg : call.args) args.push_back(evaluator.eval(*arg, all));
      state->update(args, cell, n_cells);
      for (Column& result : state->finish(n_cells)) results.push_back(share(std::move(result)));
    }
    return Batch::of(std::move(results), n_cells);
  }

  NodePtr child;
  SeriesPlan plan;
};

}  // namespace

NodePtr make_series(NodePtr child, columns::Schema schema, SeriesPlan plan) {
  auto node = std::make_shared<Series>();
  node->schema = std::move(schema);
  node->child = std::move(child);
  node->plan = std::move(plan);
  return node;
}

}  // namespace app::kql
