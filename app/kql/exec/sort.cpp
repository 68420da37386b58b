// sort and top: all rows are numbered and ordered through their key columns; top keeps only its
// best rows from each batch, so that it never sorts, or holds, the whole input.
#include <algorithm>
#include <atomic>
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
  // With a batch, rows whose keys are equal come in the order of its row ids.
  RowOrder(const std::vector<SortKey>& keys, std::vector<ColumnPtr> columns, const ExecContext& context, const Batch* ids = nullptr)
      : keys_(keys), columns_(std::move(columns)), context_(context), ids_(ids) {}
  bool operator()(uint32_t a, uint32_t b) const {
    if ((++n_compared_ & 0xFFFF) == 0) context_.check_stop();
    for (size_t k = 0; k < keys_.size(); ++k) {
      if (const int o = compare_cells(*columns_[k], a, b, keys_[k])) return o < 0;
    }
    return ids_ ? ids_->row_id(a) < ids_->row_id(b) : a < b;
  }

 private:
  const std::vector<SortKey>& keys_;
  std::vector<ColumnPtr> columns_;
  const ExecContext& context_;
  const Batch* ids_;
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

// Sorts all rows of a text column, eight bytes at a time: rows that these leave equal are sorted by the
// next eight. Comparing whole texts of ten million log lines, which begin alike, takes three times as long.
class TextSort {
 public:
  TextSort(std::vector<KeyedRow>& rows, const Column& texts, bool down, const RowOrder& before, const ExecContext& context)
      : rows_(rows), texts_(texts), down_(down), before_(before), context_(context) {}
  // The keys of the first eight bytes are there.
  void run() {
    parts_ = {{0, rows_.size(), 0}};
    while (!parts_.empty()) {
      const Part part = parts_.back();
      parts_.pop_back();
      sort_part(part, [](const KeyedRow& a, const KeyedRow& b) { return a.key < b.key; });
      size_t begin = part.begin;
      for (size_t k = begin + 1; k <= part.end; ++k) {
        if (k < part.end && rows_[k].key == rows_[begin].key) continue;
        if (k - begin > 1) split({begin, k, part.at + 8});
        begin = k;
      }
    }
  }

 private:
  struct Part {
    size_t begin, end, at;  // rows, and the byte that tells next
  };
  void split(const Part& part) {
    constexpr size_t few = 8;
    bool any_left = false;
    for (size_t k = part.begin; k < part.end && !any_left; ++k) any_left = texts_.text(rows_[k].row).size() > part.at;
    if (!any_left || part.end - part.begin <= few) {
      return sort_part(part, [this](const KeyedRow& a, const KeyedRow& b) { return before_(a.row, b.row); });
    }
    for (size_t k = part.begin; k < part.end; ++k) {
      const std::string_view text = texts_.text(rows_[k].row);
      const int64_t key = text_prefix(text.substr(std::min(part.at, text.size())));
      rows_[k].key = down_ ? ~key : key;
    }
    parts_.push_back(part);
  }
  template <typename Before>
  void sort_part(const Part& part, Before before) {
    std::sort(rows_.begin() + static_cast<std::ptrdiff_t>(part.begin), rows_.begin() + static_cast<std::ptrdiff_t>(part.end),
              [&](const KeyedRow& a, const KeyedRow& b) {
                if ((++n_compared_ & 0xFFFF) == 0) context_.check_stop();
                return before(a, b);
              });
  }

  std::vector<KeyedRow>& rows_;
  const Column& texts_;
  const bool down_;
  const RowOrder& before_;
  const ExecContext& context_;
  std::vector<Part> parts_;
  uint64_t n_compared_ = 0;
};

// What top knows while it reads: so many rows were found whose first key, as KeyedRow has it, is at most
// this, that a row with a greater one is not among the best.
using KeyBound = std::atomic<int64_t>;

class Sort : public Node {
 public:
  // The first limit rows of a batch in key order; equal rows keep theirs, or come by their row ids.
  Rows order(const Batch& batch, Evaluator& evaluator, const ExecContext& context, KeyBound* bound = nullptr, bool by_id = false) const {
    std::vector<ColumnPtr> columns;
    for (const SortKey& key : keys) columns.push_back(evaluator.column(*key.expr, batch));
    const Column& first = *columns[0];
    const bool text = first.type() == Type::string;
    const bool integers = text || (!columns::is_text(first.type()) && first.type() != Type::real && !first.has_nulls());
    const size_t n_wanted = std::min<uint64_t>(limit, batch.n_rows());
    const RowOrder before(keys, columns, context, by_id ? &batch : nullptr);
    if (!integers) {
      Rows rows(batch.n_rows());
      std::iota(rows.begin(), rows.end(), 0u);
      sort_first(rows, n_wanted, std::cref(before));
      return rows;
    }
    std::vector<KeyedRow> keyed(batch.n_rows());
    const bool down = keys[0].descending;
    const auto key_of = [&](uint32_t row) {
      const int64_t value = text ? text_prefix(first.text(row)) : first.i64(row);
      return down ? ~value : value;
    };
    const int64_t worst = bound ? bound->load() : INT64_MAX;
    size_t n_keyed = 0;
    for (uint32_t row = 0; row < batch.n_rows(); ++row) {
      const int64_t key = key_of(row);
      keyed[n_keyed] = {key, row};
      n_keyed += key <= worst;
    }
    keyed.resize(n_keyed);
    uint64_t n_compared = 0;
    const auto in_order = [&](const KeyedRow& a, const KeyedRow& b) {
      if ((++n_compared & 0xFFFF) == 0) context.check_stop();
      return a.key != b.key ? a.key < b.key : before(a.row, b.row);
    };
    if (text && n_wanted >= keyed.size() && !std::is_sorted(keyed.begin(), keyed.end(), in_order)) {
      TextSort(keyed, first, down, before, context).run();
    } else {
      sort_first(keyed, std::min(n_wanted, keyed.size()), in_order);
    }
    if (bound && keyed.size() >= limit && limit > 0) {
      const int64_t last = key_of(keyed[limit - 1].row);  // sorting texts may have left a key of later bytes
      int64_t known = bound->load();
      while (last < known && !bound->compare_exchange_weak(known, last)) {}
    }
    Rows rows(keyed.size());
    for (size_t k = 0; k < rows.size(); ++k) rows[k] = keyed[k].row;
    return rows;
  }

  template <typename T, typename Before>
  static void sort_first(std::vector<T>& rows, size_t n_wanted, Before before) {
    if (std::is_sorted(rows.begin(), rows.end(), before)) return rows.resize(n_wanted);  // logs mostly are
    if (n_wanted < rows.size()) {
      std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(n_wanted), rows.end(), before);
      rows.resize(n_wanted);
    }
    std::sort(rows.begin(), rows.end(), before);
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
      ChunkOrder order = best_chunks_first();
      const bool by_id = !order.chunks.empty();
      const auto cut = [&] {
        Batch all = concat(std::move(best), node_.schema);
        all.keep(node_.order(all, evaluator, context_, nullptr, by_id));
        n_held = all.n_rows();
        best = {std::move(all)};
      };
      const auto keep_best = [this](Batch& batch, Evaluator& worker, size_t) {
        batch.keep(node_.order(batch, worker, context_, &worst_));
        return std::shared_ptr<void>();
      };
      const auto items = open_items(*node_.child, context_, keep_best, std::move(order));
      for (Item item; items->next(item);) {
        if (item.batch.n_rows() == 0) continue;
        n_held += item.batch.n_rows();
        best.push_back(std::move(item.batch));
        if (n_held > 4 * node_.limit + columns::chunk_rows) cut();
      }
      cut();
      out = std::move(best[0]);
    }

    // Where the source knows the bounds of the first key in all of its chunks: by these, and without
    // those that have no row among the best. The newest rows of a log are in its last chunk.
    ChunkOrder best_chunks_first() {
      ChunkOrder order;
      const SortKey& key = node_.keys[0];
      if (node_.child->mapped_child() || key.expr->kind != Bound::Kind::column || max_workers(context_) < 2) return order;
      const std::unique_ptr<ChunkSource> source = node_.child->chunks(context_);
      if (!source || source->n_chunks() <= 2) return order;
      std::vector<int64_t> best(source->n_chunks());
      for (size_t chunk = 0; chunk < best.size(); ++chunk) {
        const auto range = source->range(chunk, key.expr->column);
        if (!range && chunk + 1 < best.size()) return order;
        // The open chunk at the end of a log may not tell.
        best[chunk] = !range ? INT64_MIN : key.descending ? ~range->second : range->first;
      }
      order.chunks.resize(best.size());
      std::iota(order.chunks.begin(), order.chunks.end(), size_t{0});
      std::stable_sort(order.chunks.begin(), order.chunks.end(), [&](size_t a, size_t b) { return best[a] < best[b]; });
      order.skip = [this, best = std::move(best)](size_t chunk) { return best[chunk] > worst_.load(); };
      return order;
    }

    const Sort& node_;
    ExecContext& context_;
    KeyBound worst_ = INT64_MAX;
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
