// sort and top: all rows are numbered and ordered through their key columns; top keeps only its
// best rows from each batch, so that it never sorts, or holds, the whole input.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

int compare_cells(const Column& c, size_t a, size_t b, const SortKey& key) {
  const bool null_a = c.is_null(a), null_b = c.is_null(b);
  if (null_a || null_b) {
    if (null_a && null_b) return 0;
    return null_a == key.nulls_first ? -1 : 1;
  }
  int order = 0;
  if (c.type() == Type::string || c.type() == Type::guid) {
    order = c.text(a).compare(c.text(b));
  } else if (c.type() == Type::real) {
    order = compare(Value::real(c.f64(a)), Value::real(c.f64(b)));
  } else if (columns::is_text(c.type())) {
    order = compare(get(c, a), get(c, b));
  } else {
    order = c.i64(a) < c.i64(b) ? -1 : c.i64(a) > c.i64(b);
  }
  return key.descending ? -order : order;
}

class Sort : public Node {
 public:
  // The first limit rows of a batch in key order; equal rows keep theirs.
  Rows order(const Batch& batch, Evaluator& evaluator) const {
    std::vector<ColumnPtr> columns;
    for (const SortKey& key : keys) columns.push_back(evaluator.column(*key.expr, batch));
    Rows rows(batch.n_rows());
    std::iota(rows.begin(), rows.end(), 0u);
    const auto before = [&](uint32_t a, uint32_t b) {
      for (size_t k = 0; k < keys.size(); ++k) {
        if (const int o = compare_cells(*columns[k], a, b, keys[k])) return o < 0;
      }
      return a < b;
    };
    if (limit < rows.size()) {
      std::partial_sort(rows.begin(), rows.begin() + static_cast<int64_t>(limit), rows.end(), before);
      rows.resize(limit);
    } else {
      std::sort(rows.begin(), rows.end(), before);
    }
    return rows;
  }

  class Sorted : public Stream {
   public:
    Sorted(const Sort& node, ExecContext& context) : node_(node), context_(context) {}
    bool next(Batch& out) override {
      if (done_) return false;
      done_ = true;
      Evaluator evaluator(context_.now);
      if (node_.limit == UINT64_MAX) {
        out = run_to_one(*node_.child, context_);
        out.keep(node_.order(out, evaluator));
        return true;
      }
      // Batches are gathered until they outgrow a few limits, then cut back to the best.
      std::vector<Batch> best;
      size_t n_held = 0;
      const auto cut = [&] {
        Batch all = concat(best, node_.schema);
        all.keep(node_.order(all, evaluator));
        n_held = all.n_rows();
        best = {std::move(all)};
      };
      const std::unique_ptr<Stream> stream = node_.child->open(context_);
      for (Batch batch; stream->next(batch); batch = Batch()) {
        context_.check_stop();
        if (batch.n_rows() > node_.limit) batch.keep(node_.order(batch, evaluator));
        n_held += batch.n_rows();
        best.push_back(std::move(batch));
        if (n_held > 4 * node_.limit + columns::chunk_rows) cut();
      }
      cut();
      out = best.empty() ? concat({}, node_.schema) : best[0];
      return true;
    }

   private:
    const Sort& node_;
    ExecContext& context_;
    bool done_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Sorted>(*this, context); }

  NodePtr child;
  std::vector<SortKey> keys;
  uint64_t limit = UINT64_MAX;
};

}  // namespace

NodePtr make_sort(NodePtr child, std::vector<SortKey> keys, uint64_t limit) {
  auto node = std::make_shared<Sort>();
  node->schema = child->schema;
  node->child = std::move(child);
  node->keys = std::move(keys);
  node->limit = limit;
  node->ordered = true;
  return node;
}

}  // namespace app::kql
