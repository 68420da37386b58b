// Operators that pass rows on as they come: where, project and extend, take, distinct, union,
// materialize.
#include <algorithm>

#include "app/kql/exec/grouper.h"
#include "app/kql/exec/pipeline.h"
#include "app/kql/functions.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

// A node with one child.
class Unary : public Node {
 public:
  explicit Unary(NodePtr c) : child(std::move(c)) {
    schema = child->schema;
    ordered = child->ordered;
  }
  NodePtr child;
};

class BatchesStream : public Stream {
 public:
  explicit BatchesStream(std::vector<Batch> batches) : batches_(std::move(batches)) {}
  bool next(Batch& out) override {
    if (at_ == batches_.size()) return false;
    out = batches_[at_++];
    return true;
  }

 private:
  std::vector<Batch> batches_;
  size_t at_ = 0;
};

// Rows handed on through a function of a batch; window expressions see all rows at once.
template <typename Apply>
class Mapped : public Stream {
 public:
  Mapped(const Node& child, ExecContext& context, bool all_at_once, Apply apply)
      : context_(context), child_(child), all_(all_at_once), apply_(std::move(apply)) {
    if (!all_) stream_ = child.open(context);
  }
  bool next(Batch& out) override {
    if (all_) {
      if (done_) return false;
      done_ = true;
      out = run_to_one(child_, context_);
      apply_(out);
      return true;
    }
    if (!stream_->next(out)) return false;
    context_.check_stop();
    apply_(out);
    return true;
  }

 private:
  ExecContext& context_;
  const Node& child_;
  bool all_, done_ = false;
  Apply apply_;
  std::unique_ptr<Stream> stream_;
};
template <typename Apply>
std::unique_ptr<Stream> mapped(const Node& child, ExecContext& context, bool all, Apply apply) {
  return std::make_unique<Mapped<Apply>>(child, context, all, std::move(apply));
}

class Filter : public Unary {
 public:
  using Unary::Unary;
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    if (mapped_child()) return open_mapped(*this, context);
    return mapped(*child, context, condition->window,
                  [this, evaluator = std::make_shared<Evaluator>(context.now, context.options.stop)](Batch& batch) { apply(batch, *evaluator); });
  }
  const Node* mapped_child() const override { return condition->window || !is_pure(*condition) ? nullptr : child.get(); }
  void apply(Batch& batch, Evaluator& evaluator) const override {
    const Rows rows = evaluator.filter(*condition, batch);
    if (rows.size() < batch.n_rows()) batch.keep(rows);
  }
  // A server may do the later conditions of a where although it cannot do this one.
  NodePtr with_filter(const BoundPtr& other) const override {
    NodePtr pushed = mapped_child() ? child->with_filter(other) : nullptr;
    return pushed ? over(std::move(pushed)) : nullptr;
  }
  NodePtr with_columns(const std::vector<size_t>& needed) const override {
    std::vector<size_t> all = needed;
    collect_columns(*condition, all);
    NodePtr pruned = child->with_columns(all);
    return pruned ? over(std::move(pruned)) : nullptr;
  }
  NodePtr over(NodePtr other_child) const {
    auto copy = std::make_shared<Filter>(*this);
    copy->child = std::move(other_child);
    return copy;
  }
  BoundPtr condition;
};

class Compute : public Unary {
 public:
  using Unary::Unary;
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    if (mapped_child()) return open_mapped(*this, context);
    const bool window = std::any_of(exprs.begin(), exprs.end(), [](const BoundPtr& e) { return e->window; });
    return mapped(*child, context, window,
                  [this, evaluator = std::make_shared<Evaluator>(context.now, context.options.stop)](Batch& batch) { apply(batch, *evaluator); });
  }
  const Node* mapped_child() const override {
    return is_simple() ? child.get() : nullptr;
  }
  // sort | project | take: only the first rows are sorted for.
  NodePtr with_limit(uint64_t n_rows) const override {
    NodePtr limited = is_simple() ? child->with_limit(n_rows) : nullptr;
    if (!limited) return nullptr;
    auto copy = std::make_shared<Compute>(*this);
    copy->child = std::move(limited);
    return copy;
  }
  bool is_simple() const {
    return std::all_of(exprs.begin(), exprs.end(), [](const BoundPtr& e) { return !e->window && is_pure(*e); });
  }
  // Plain columns keep their place in the batch (nothing is copied); the rest is appended, then chosen.
  void apply(Batch& batch, Evaluator& evaluator) const override {
    std::vector<size_t> chosen;
    const Batch input = batch;
    for (const BoundPtr& e : exprs) {
      if (e->kind == Bound::Kind::column) {
        chosen.push_back(e->column);
      } else {
        chosen.push_back(batch.n_columns());
        batch.add_column(evaluator.column(*e, input));
      }
    }
    batch.choose_columns(chosen);
  }
  NodePtr with_columns(const std::vector<size_t>& needed) const override {
    std::vector<size_t> all;
    for (const size_t k : needed) collect_columns(*exprs[k], all);
    NodePtr pruned = child->with_columns(all);
    if (!pruned) return nullptr;
    auto copy = std::make_shared<Compute>(*this);
    copy->child = std::move(pruned);
    return copy;
  }
  std::vector<BoundPtr> exprs;
};

class Take : public Unary {
 public:
  using Unary::Unary;
  class Head : public Stream {
   public:
    Head(const Node& child, ExecContext& context, uint64_t n) : stream_(n > 0 ? child.open(context) : nullptr), left_(n) {}
    bool next(Batch& out) override {
      if (left_ == 0 || !stream_->next(out)) return false;
      if (out.n_rows() > left_) {
        Rows rows(left_);
        for (size_t k = 0; k < rows.size(); ++k) rows[k] = static_cast<uint32_t>(k);
        out.keep(rows);
      }
      left_ -= out.n_rows();
      if (left_ == 0) stream_.reset();  // stops what reads ahead
      return true;
    }

   private:
    std::unique_ptr<Stream> stream_;
    uint64_t left_;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Head>(*child, context, n_rows); }
  NodePtr with_columns(const std::vector<size_t>& needed) const override {
    NodePtr pruned = child->with_columns(needed);
    if (!pruned) return nullptr;
    auto copy = std::make_shared<Take>(*this);
    copy->child = std::move(pruned);
    return copy;
  }
  uint64_t n_rows = 0;
};

// Rows spread evenly over the input by a fixed generator: the same sample each time.
class Sample : public Unary {
 public:
  using Unary::Unary;
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    Batch all = run_to_one(*child, context);
    Rows rows;
    uint64_t seed = 0x2545F4914F6CDD1Dull;
    for (uint32_t row = 0; row < all.n_rows(); ++row) {
      if (rows.size() < n_rows) {
        rows.push_back(row);
        continue;
      }
      seed = seed * 6364136223846793005ull + 1442695040888963407ull;
      const uint64_t at = (seed >> 16) % (row + 1ull);
      if (at < n_rows) rows[at] = row;
    }
    std::sort(rows.begin(), rows.end());
    all.keep(rows);
    return std::make_unique<BatchesStream>(std::vector<Batch>{all});
  }
  uint64_t n_rows = 0;
};

class Distinct : public Unary {
 public:
  using Unary::Unary;
  // The threads that read drop what they have seen before; the reader what another has.
  class Fresh : public Stream {
   public:
    Fresh(const Distinct& node, ExecContext& context) : context_(context), n_columns_(node.schema.size()), seen_(n_columns_) {
      for (size_t w = 0; w < max_workers(context); ++w) workers_.emplace_back(n_columns_);
      mostly_fresh_.resize(workers_.size());
      items_ = open_items(*node.child, context, [this](Batch& batch, Evaluator&, size_t worker) {
        keep_fresh(batch, worker);
        return std::shared_ptr<void>();
      });
    }
    bool next(Batch& out) override {
      Item item;
      if (!items_->next(item)) return false;
      context_.check_stop();
      out = std::move(item.batch);
      keep_unseen(seen_, out);
      out.forget_row_ids();
      const size_t bytes = seen_.size_bytes();
      if (bytes > charged_) context_.charge(bytes - charged_), charged_ = bytes;
      return true;
    }

   private:
    void keep_fresh(Batch& batch, size_t worker) {
      if (mostly_fresh_[worker] != 0) return;  // looking twice would be for nothing
      const size_t n_rows = batch.n_rows();
      keep_unseen(workers_[worker], batch);
      mostly_fresh_[worker] = batch.n_rows() > 1000 && batch.n_rows() > n_rows / 4;
      if (mostly_fresh_[worker] != 0) workers_[worker] = Grouper(n_columns_);
    }
    void keep_unseen(Grouper& grouper, Batch& batch) const {
      std::vector<Vec> keys;
      for (size_t k = 0; k < n_columns_; ++k) keys.push_back({batch.column(k), false});
      Rows groups, fresh;
      grouper.group(keys, batch.n_rows(), groups, &fresh);
      if (fresh.size() < batch.n_rows()) batch.keep(fresh);
    }

    ExecContext& context_;
    size_t n_columns_;
    Grouper seen_;
    std::vector<Grouper> workers_;
    std::vector<uint8_t> mostly_fresh_;
    size_t charged_ = 0;
    std::unique_ptr<ItemStream> items_;  // the last: its threads end first
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Fresh>(*this, context); }
};

class Ordered : public Unary {
 public:
  explicit Ordered(NodePtr c) : Unary(std::move(c)) { ordered = true; }
  std::unique_ptr<Stream> open(ExecContext& context) const override { return child->open(context); }
};

class Materialized : public Unary {
 public:
  using Unary::Unary;
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    auto& rows = context.materialized[this];
    if (!rows) rows = std::make_shared<const std::vector<Batch>>(run_all(*child, context));
    return std::make_unique<BatchesStream>(*rows);
  }
};

class Union : public Node {
 public:
  class Legs : public Stream {
   public:
    Legs(const Union& node, ExecContext& context) : node_(node), context_(context) {}
    bool next(Batch& out) override {
      while (leg_ < node_.children.size()) {
        if (!stream_) stream_ = node_.children[leg_]->open(context_);
        Batch batch;
        if (!stream_->next(batch)) {
          stream_.reset();
          ++leg_;
          continue;
        }
        std::vector<size_t> chosen;
        for (size_t k = 0; k < node_.schema.size(); ++k) {
          const int from = node_.column_of[leg_][k];
          if (from >= 0) {
            chosen.push_back(static_cast<size_t>(from));
            continue;
          }
          Column column(node_.schema[k].type);
          if (static_cast<int>(k) == node_.source_column) {
            column.push_text(node_.source_names[leg_]);
          } else {
            column.push_null();
          }
          chosen.push_back(batch.n_columns());
          batch.add_column(share(repeat(column, 0, batch.n_rows())));
        }
        batch.choose_columns(chosen);
        out = std::move(batch);
        return true;
      }
      return false;
    }

   private:
    const Union& node_;
    ExecContext& context_;
    size_t leg_ = 0;
    std::unique_ptr<Stream> stream_;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Legs>(*this, context); }

  std::vector<NodePtr> children;
  std::vector<std::vector<int>> column_of;
  std::vector<std::string> source_names;
  int source_column = -1;
};

}  // namespace

NodePtr make_filter(NodePtr child, BoundPtr condition) {
  if (NodePtr pushed = child->with_filter(condition)) return pushed;
  auto node = std::make_shared<Filter>(std::move(child));
  node->condition = std::move(condition);
  return node;
}

NodePtr make_compute(NodePtr child, columns::Schema schema, std::vector<BoundPtr> exprs) {
  if (NodePtr done = child->with_compute(schema, exprs)) return done;
  std::vector<size_t> needed;
  for (const BoundPtr& e : exprs) collect_columns(*e, needed);
  if (NodePtr pruned = child->with_columns(needed)) child = std::move(pruned);
  auto node = std::make_shared<Compute>(std::move(child));
  node->schema = std::move(schema);
  node->exprs = std::move(exprs);
  return node;
}

NodePtr make_take(NodePtr child, uint64_t n_rows) {
  if (NodePtr limited = n_rows > 0 ? child->with_limit(n_rows) : nullptr) return limited;
  auto node = std::make_shared<Take>(std::move(child));
  node->n_rows = n_rows;
  return node;
}

NodePtr make_sample(NodePtr child, uint64_t n_rows) {
  auto node = std::make_shared<Sample>(std::move(child));
  node->n_rows = n_rows;
  return node;
}

NodePtr make_distinct(NodePtr child) {
  if (NodePtr done = child->with_distinct()) return done;
  return std::make_shared<Distinct>(std::move(child));
}
NodePtr make_ordered(NodePtr child) { return std::make_shared<Ordered>(std::move(child)); }
NodePtr make_materialized(NodePtr child) { return std::make_shared<Materialized>(std::move(child)); }

NodePtr make_union(std::vector<NodePtr> children, columns::Schema schema, std::vector<std::vector<int>> column_of,
                   std::vector<std::string> source_names, int source_column) {
  auto node = std::make_shared<Union>();
  node->children = std::move(children);
  node->schema = std::move(schema);
  node->column_of = std::move(column_of);
  node->source_names = std::move(source_names);
  node->source_column = source_column;
  return node;
}

}  // namespace app::kql
