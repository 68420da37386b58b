// sort and top: all rows are numbered and ordered through their key columns; top keeps only its
// best rows from each batch, so that it never sorts, or holds, the whole input.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "app/kql/exec/pipeline.h"
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

// A row's place among others by its keys, then by its number. Looks at the stop token now and then:
// sorting millions of rows takes longer than anybody waits for a cancel.
class RowOrder {
 public:
  RowOrder(const std::vector<SortKey>& keys, std::vector<ColumnPtr> columns, const ExecContext& context)
      : keys_(keys), columns_(std::move(columns)), context_(context) {}
  bool operator()(uint32_t a, uint32_t b) const {
    if ((++n_compared_ & 0xFFFF) == 0) context_.check_stop();
    for (size_t k = 0; k < keys_.size(); ++k) {
      if (const int o = compare_cells(*columns_[k], a, b, keys_[k])) return o < 0;
    }
    return a < b;
  }

 private:
  const std::vector<SortKey>& keys_;
  std::vector<ColumnPtr> columns_;
  const ExecContext& context_;
  mutable uint64_t n_compared_ = 0;
};

// Sorting moves pairs of an integer and a row number where the first key is an integer without nulls
// (times mostly are), and row numbers otherwise. Of a text the integer is its first eight bytes: in
// most comparisons they tell, and the texts, which lie all over the memory, are not looked at.
struct KeyedRow {
  int64_t key;
  uint32_t row;
};

// Orders as the first bytes of the text do.
int64_t text_prefix(std::string_view text) {
  uint64_t bytes = 0;
  for (size_t k = 0; k < 8; ++k) bytes = bytes << 8 | (k < text.size() ? static_cast<unsigned char>(text[k]) : 0u);
  return static_cast<int64_t>(bytes ^ (uint64_t{1} << 63));
}

class Sort : public Node {
 public:
  // The first limit rows of a batch in key order; equal rows keep theirs.
  Rows order(const Batch& batch, Evaluator& evaluator, const ExecContext& context) const {
    std::vector<ColumnPtr> columns;
    for (const SortKey& key : keys) columns.push_back(evaluator.column(*key.expr, batch));
    const Column& first = *columns[0];
    const bool text = first.type() == Type::string;
    const bool integers = text || (!columns::is_text(first.type()) && first.type() != Type::real && !first.has_nulls());
    const size_t n_wanted = std::min<uint64_t>(limit, batch.n_rows());
    const RowOrder before(keys, columns, context);
    if (!integers) {
      Rows rows(batch.n_rows());
      std::iota(rows.begin(), rows.end(), 0u);
      sort_first(rows, n_wanted, std::cref(before));
      return rows;
    }
    std::vector<KeyedRow> keyed(batch.n_rows());
    const bool down = keys[0].descending;
    for (uint32_t row = 0; row < keyed.size(); ++row) {
      const int64_t key = text ? text_prefix(first.text(row)) : first.i64(row);
      keyed[row] = {down ? ~key : key, row};
    }
    uint64_t n_compared = 0;
    sort_first(keyed, n_wanted, [&](const KeyedRow& a, const KeyedRow& b) {
      if ((++n_compared & 0xFFFF) == 0) context.check_stop();
      return a.key != b.key ? a.key < b.key : before(a.row, b.row);
    });
    Rows rows(n_wanted);
    for (size_t k = 0; k < n_wanted; ++k) rows[k] = keyed[k].row;
    return rows;
  }

  template <typename T, typename Before>
  static void sort_first(std::vector<T>& rows, size_t n_wanted, Before before) {
    if (std::is_sorted(rows.begin(), rows.end(), before)) return rows.resize(n_wanted);  // logs mostly are
    if (n_wanted < rows.size()) {
      std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(n_wanted), rows.end(), before);
      rows.resize(n_wanted);
    } else {
      std::sort(rows.begin(), rows.end(), before);
    }
  }

  class Sorted : public Stream {
   public:
    Sorted(const Sort& node, ExecContext& context) : node_(node), context_(context) {}
    bool next(Batch& out) override {
      if (done_) return false;
      done_ = true;
      if (node_.limit < columns::chunk_rows) {
        top(out);
        return true;
      }
      Evaluator evaluator(context_.now, context_.options.stop);
      out = run_to_one(*node_.child, context_);
      context_.charge(out.n_rows() * 2 * sizeof(KeyedRow));
      out.keep(node_.order(out, evaluator, context_));
      context_.release(out.n_rows() * 2 * sizeof(KeyedRow));
      return true;
    }

   private:
    // Each batch is cut to its best rows on the thread that reads it; they are gathered until they
    // outgrow a few limits, then cut back to the best of all.
    void top(Batch& out) {
      Evaluator evaluator(context_.now, context_.options.stop);
      std::vector<Batch> best;
      size_t n_held = 0;
      const auto cut = [&] {
        Batch all = concat(std::move(best), node_.schema);
        all.keep(node_.order(all, evaluator, context_));
        n_held = all.n_rows();
        best = {std::move(all)};
      };
      const auto items = open_items(*node_.child, context_, [this](Batch& batch, Evaluator& worker, size_t) {
        batch.keep(node_.order(batch, worker, context_));
        return std::shared_ptr<void>();
      });
      for (Item item; items->next(item);) {
        n_held += item.batch.n_rows();
        best.push_back(std::move(item.batch));
        if (n_held > 4 * node_.limit + columns::chunk_rows) cut();
      }
      cut();
      out = std::move(best[0]);
    }

    const Sort& node_;
    ExecContext& context_;
    bool done_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Sorted>(*this, context); }
  NodePtr with_limit(uint64_t n_rows) const override {
    auto copy = std::make_shared<Sort>(*this);
    copy->limit = std::min(limit, n_rows);
    return copy;
  }

  NodePtr child;
  std::vector<SortKey> keys;
  uint64_t limit = UINT64_MAX;
};

}  // namespace

NodePtr make_sort(NodePtr child, std::vector<SortKey> keys, uint64_t limit) {
  if (NodePtr done = child->with_sort(keys, limit)) return done;
  auto node = std::make_shared<Sort>();
  node->schema = child->schema;
  node->child = std::move(child);
  node->keys = std::move(keys);
  node->limit = limit;
  node->ordered = true;
  return node;
}

}  // namespace app::kql
