// summarize: hash aggregation. Groups are numbered, then every aggregate updates its own arrays.
#include "app/kql/exec/grouper.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

class Summarize : public Node {
 public:
  class Groups : public Stream {
   public:
    Groups(const Summarize& node, ExecContext& context) : node_(node), context_(context) {}
    bool next(Batch& out) override {
      if (done_) return false;
      done_ = true;
      Evaluator evaluator(context_.now);
      Grouper grouper(node_.keys.size());
      std::vector<std::unique_ptr<Aggregator>> states;
      for (const AggregateCall& call : node_.aggregates) states.push_back(call.function->make(call));
      std::vector<Column> key_columns;
      for (const BoundPtr& key : node_.keys) key_columns.emplace_back(key->type);
      size_t charged = 0;

      const std::unique_ptr<Stream> stream = node_.child->open(context_);
      for (Batch batch; stream->next(batch); batch = Batch()) {
        context_.check_stop();
        if (batch.n_rows() == 0) continue;
        std::vector<Vec> keys;
        for (const BoundPtr& key : node_.keys) keys.push_back(evaluator.eval(*key, batch));
        Rows groups, fresh;
        grouper.group(keys, batch.n_rows(), groups, &fresh);
        for (size_t k = 0; k < keys.size(); ++k) {
          for (const uint32_t row : fresh) push(key_columns[k], get(*keys[k].column, keys[k].at(row)));
        }
        size_t bytes = grouper.size_bytes();
        for (size_t k = 0; k < states.size(); ++k) {
          std::vector<Vec> args;
          for (const BoundPtr& arg : node_.aggregates[k].args) args.push_back(evaluator.eval(*arg, batch));
          states[k]->update(args, groups, grouper.n_groups());
          bytes += states[k]->size_bytes();
        }
        if (bytes > charged) context_.charge(bytes - charged), charged = bytes;
      }

      // Without keys there is one row even where there was no input.
      const size_t n_groups = node_.keys.empty() ? 1 : grouper.n_groups();
      std::vector<ColumnPtr> columns;
      for (Column& column : key_columns) columns.push_back(share(std::move(column)));
      for (const auto& state : states) {
        for (Column& column : state->finish(n_groups)) columns.push_back(share(std::move(column)));
      }
      out = Batch::of(std::move(columns), n_groups);
      return true;
    }

   private:
    const Summarize& node_;
    ExecContext& context_;
    bool done_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Groups>(*this, context); }

  NodePtr child;
  std::vector<BoundPtr> keys;
  std::vector<AggregateCall> aggregates;
};

}  // namespace

NodePtr make_summarize(NodePtr child, columns::Schema schema, std::vector<BoundPtr> keys, std::vector<AggregateCall> aggregates) {
  auto node = std::make_shared<Summarize>();
  node->schema = std::move(schema);
  node->child = std::move(child);
  node->keys = std::move(keys);
  node->aggregates = std::move(aggregates);
  return node;
}

}  // namespace app::kql
