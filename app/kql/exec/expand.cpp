// mv-expand, mv-apply and partition.
#include "app/kql/datetime.h"
#include "app/kql/exec/grouper.h"
#include "app/kql/json.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

// The items a dynamic expands to. A bag gives one bag (or pair) a member; null gives one null.
std::vector<Json> items_of(const Value& value, bool bags_as_arrays) {
  Json json = dynamic_value(value);
  if (json.is_array()) return std::move(json.items);
  if (!json.is_object()) return {json};
  std::vector<Json> items;
  for (size_t k = 0; k < json.keys.size(); ++k) {
    if (bags_as_arrays) {
      Json pair = Json::array();
      pair.items.push_back(Json::of(json.keys[k]));
      pair.items.push_back(std::move(json.items[k]));
      items.push_back(std::move(pair));
    } else {
      Json bag = Json::object();
      bag.set(json.keys[k], std::move(json.items[k]));
      items.push_back(std::move(bag));
    }
  }
  return items;
}

// What is expanded of a batch, evaluated once for all of its rows.
std::vector<ColumnPtr> expanded_columns(const Batch& batch, const ExpandOptions& options, Evaluator& evaluator) {
  std::vector<ColumnPtr> sources;
  for (const ExpandColumn& column : options.columns) sources.push_back(evaluator.column(*column.expr, batch));
  return sources;
}

// Expands rows [begin, end) of a batch, and fewer where they become many: end is set to the row after
// the last one.
Batch expand(const Batch& batch, const std::vector<ColumnPtr>& sources, size_t begin, size_t& end, const columns::Schema& schema,
             const ExpandOptions& options) {
  std::vector<Column> out;
  for (const ExpandColumn& column : options.columns) out.emplace_back(column.type);
  Column index(Type::int64);
  Rows rows;
  for (size_t row = begin; row < end; ++row) {
    if (rows.size() >= columns::chunk_rows) end = row + 1;
    std::vector<std::vector<Json>> items;
    size_t n = 0;
    for (const ColumnPtr& source : sources) {
      items.push_back(items_of(get(*source, row), options.bags_as_arrays));
      n = std::max(n, items.back().size());
    }
    n = std::min<size_t>(n, options.limit);
    for (size_t k = 0; k < n; ++k) {
      rows.push_back(static_cast<uint32_t>(row));
      index.push_i64(static_cast<int64_t>(k));
      for (size_t c = 0; c < items.size(); ++c) {
        const Value item = k < items[c].size() ? from_json(items[c][k]) : Value::none(Type::dynamic);
        push(out[c], convert(item, options.columns[c].type));
      }
    }
  }
  Batch result = batch;
  result.keep(rows);
  std::vector<size_t> chosen(schema.size());
  for (size_t k = 0; k < schema.size(); ++k) chosen[k] = k;
  for (size_t c = 0; c < out.size(); ++c) {
    chosen[options.columns[c].target] = result.n_columns();
    result.add_column(share(std::move(out[c])));
  }
  if (options.index_column >= 0) {
    chosen[static_cast<size_t>(options.index_column)] = result.n_columns();
    result.add_column(share(std::move(index)));
  }
  result.choose_columns(chosen);
  return result;
}

constexpr size_t expand_step = 4096;  // input rows at a time, since each may become many

class Expand : public Node {
 public:
  class Expanded : public Stream {
   public:
    Expanded(const Expand& node, ExecContext& context) : node_(node), context_(context), evaluator_(context.now, context.options.stop), stream_(node.child->open(context)) {}
    bool next(Batch& out) override {
      while (at_ >= batch_.n_rows()) {
        at_ = 0;
        batch_ = Batch();
        if (!stream_->next(batch_)) return false;
        sources_ = expanded_columns(batch_, node_.options, evaluator_);
      }
      context_.check_stop();
      size_t end = std::min(batch_.n_rows(), at_ + expand_step);
      out = expand(batch_, sources_, at_, end, node_.schema, node_.options);
      at_ = end;
      return true;
    }

   private:
    const Expand& node_;
    ExecContext& context_;
    Evaluator evaluator_;
    std::unique_ptr<Stream> stream_;
    Batch batch_;
    std::vector<ColumnPtr> sources_;
    size_t at_ = 0;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Expanded>(*this, context); }
  NodePtr child;
  ExpandOptions options;
};

class Apply : public Node {
 public:
  class Applied : public Stream {
   public:
    Applied(const Apply& node, ExecContext& context) : node_(node), context_(context), evaluator_(context.now, context.options.stop), stream_(node.child->open(context)) {}
    bool next(Batch& out) override {
      while (at_ >= batch_.n_rows()) {
        at_ = 0;
        batch_ = Batch();
        if (!stream_->next(batch_)) return false;
        sources_ = expanded_columns(batch_, node_.options, evaluator_);
      }
      std::vector<Batch> results;
      const size_t end = std::min<size_t>(batch_.n_rows(), at_ + 256);
      for (; at_ < end; ++at_) {
        context_.check_stop();
        size_t row_end = at_ + 1;
        context_.slots[node_.slot] = expand(batch_, sources_, at_, row_end, node_.expanded, node_.options);
        Batch found = concat(run_all(*node_.body, context_), node_.body->schema);
        std::vector<ColumnPtr> columns;
        for (const size_t k : node_.outer_columns) columns.push_back(share(repeat(*batch_.column(k), at_, found.n_rows())));
        for (const size_t k : node_.body_columns) columns.push_back(found.column(k));
        results.push_back(Batch::of(std::move(columns), found.n_rows()));
      }
      out = concat(results, node_.schema);
      return true;
    }

   private:
    const Apply& node_;
    ExecContext& context_;
    Evaluator evaluator_;
    std::unique_ptr<Stream> stream_;
    Batch batch_;
    std::vector<ColumnPtr> sources_;
    size_t at_ = 0;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Applied>(*this, context); }
  NodePtr child, body;
  columns::Schema expanded;
  ExpandOptions options;
  int slot = 0;
  std::vector<size_t> outer_columns, body_columns;
};

class Partition : public Node {
 public:
  class Parts : public Stream {
   public:
    Parts(const Partition& node, ExecContext& context) : node_(node), context_(context) {}
    bool next(Batch& out) override {
      if (!started_) start();
      if (at_ == parts_.size()) return false;
      context_.check_stop();
      Batch part = all_;
      part.keep(parts_[at_++]);
      context_.slots[node_.slot] = std::move(part);
      out = run_to_one(*node_.body, context_);
      return true;
    }

   private:
    void start() {
      started_ = true;
      all_ = run_to_one(*node_.child, context_);
      Evaluator evaluator(context_.now, context_.options.stop);
      Grouper grouper(1);
      Rows groups;
      grouper.group({evaluator.eval(*node_.key, all_)}, all_.n_rows(), groups);
      parts_.resize(grouper.n_groups());
      for (uint32_t row = 0; row < groups.size(); ++row) parts_[groups[row]].push_back(row);
    }
    const Partition& node_;
    ExecContext& context_;
    Batch all_;
    std::vector<Rows> parts_;
    size_t at_ = 0;
    bool started_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Parts>(*this, context); }
  NodePtr child, body;
  BoundPtr key;
  int slot = 0;
};

}  // namespace

NodePtr make_expand(NodePtr child, columns::Schema schema, ExpandOptions options) {
  auto node = std::make_shared<Expand>();
  node->schema = std::move(schema);
  node->ordered = child->ordered;
  node->child = std::move(child);
  node->options = std::move(options);
  return node;
}

NodePtr make_apply(NodePtr child, columns::Schema expanded, ExpandOptions options, NodePtr body, int slot, columns::Schema schema,
                   std::vector<size_t> outer_columns, std::vector<size_t> body_columns) {
  auto node = std::make_shared<Apply>();
  node->schema = std::move(schema);
  node->ordered = child->ordered;
  node->child = std::move(child);
  node->expanded = std::move(expanded);
  node->options = std::move(options);
  node->body = std::move(body);
  node->slot = slot;
  node->outer_columns = std::move(outer_columns);
  node->body_columns = std::move(body_columns);
  return node;
}

NodePtr make_partition(NodePtr child, BoundPtr key, NodePtr body, int slot) {
  auto node = std::make_shared<Partition>();
  node->schema = body->schema;
  node->child = std::move(child);
  node->key = std::move(key);
  node->body = std::move(body);
  node->slot = slot;
  return node;
}

}  // namespace app::kql
