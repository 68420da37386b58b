// summarize: hash aggregation. The threads that read chunks evaluate keys and arguments and number
// the groups; the reader joins their numbers in the order of the rows, so that an answer does not depend
// on the threads. Aggregates whose answer does not depend on the order either are updated on those
// threads, a state each, and merged at the end; the others by the reader.
#include "app/kql/exec/grouper.h"
#include "app/kql/exec/pipeline.h"
#include "app/kql/plan.h"

namespace app::kql {
namespace {

using columns::Column;

// What a worker makes of a batch: its rows' groups in the worker's own numbers, the keys of groups
// that are new to it, and the aggregates' arguments.
struct Grouped {
  size_t worker = 0;
  size_t n_rows = 0;
  Rows groups;
  std::vector<ColumnPtr> fresh_keys;
  size_t n_fresh = 0;
  std::vector<Vec> keys;    // in place of all these, where most rows are groups of their own
  bool keys_given = false;
  std::vector<std::vector<Vec>> args;
  size_t worker_bytes = 0;  // what the worker holds by now
};

class Summarize : public Node {
 public:
  class Groups : public Stream {
   public:
    Groups(const Summarize& node, ExecContext& context) : node_(node), context_(context), grouper_(node.keys.size()) {
      for (size_t w = 0; w < max_workers(context); ++w) workers_.emplace_back(node.keys.size());
      global_of_.resize(workers_.size());
      worker_bytes_.resize(workers_.size());
      mostly_fresh_.resize(workers_.size());
      for (const AggregateCall& call : node.aggregates) {
        states_.push_back(call.function->make(call));
        all_local_ &= states_.back()->is_mergeable();
      }
      worker_states_.resize(workers_.size());
      for (auto& states : worker_states_) {
        for (const AggregateCall& call : node.aggregates) states.push_back(call.function->make(call));
      }
      for (const BoundPtr& key : node.keys) key_columns_.emplace_back(key->type);
    }

    bool next(Batch& out) override {
      if (done_) return false;
      done_ = true;
      const auto items = open_items(*node_.child, context_, [this](Batch& batch, Evaluator& evaluator, size_t worker) {
        return prepare(batch, evaluator, worker);
      });
      for (Item item; items->next(item);) {
        context_.check_stop();
        add(*std::static_pointer_cast<Grouped>(item.extra));
      }
      // Without keys there is one row even where there was no input.
      const size_t n_groups = node_.keys.empty() ? 1 : grouper_.n_groups();
      for (size_t w = 0; w < workers_.size(); ++w) {
        context_.check_stop();
        for (size_t k = 0; k < states_.size(); ++k) {
          if (states_[k]->is_mergeable()) states_[k]->merge(*worker_states_[w][k], global_of_[w], n_groups);
          worker_states_[w][k].reset();
        }
      }
      std::vector<ColumnPtr> columns;
      for (Column& column : key_columns_) columns.push_back(share(std::move(column)));
      for (const auto& state : states_) {
        for (Column& column : state->finish(n_groups)) columns.push_back(share(std::move(column)));
      }
      out = Batch::of(std::move(columns), n_groups);
      return true;
    }

   private:
    // On the worker's thread.
    std::shared_ptr<void> prepare(Batch& batch, Evaluator& evaluator, size_t worker) {
      auto out = std::make_shared<Grouped>();
      out->worker = worker;
      out->n_rows = batch.n_rows();
      std::vector<Vec> key_values;
      for (const BoundPtr& key : node_.keys) key_values.push_back(evaluator.eval(*key, batch));
      if (mostly_fresh_[worker] != 0) {
        out->keys = std::move(key_values);
        out->keys_given = true;
      } else {
        Rows fresh;
        workers_[worker].group(key_values, batch.n_rows(), out->groups, &fresh);
        out->n_fresh = fresh.size();
        for (const Vec& key : key_values) {
          out->fresh_keys.push_back(share(key.constant ? repeat(*key.column, 0, fresh.size()) : key.column->take(fresh)));
        }
        // Numbering them twice would be for nothing.
        mostly_fresh_[worker] = fresh.size() > 1000 && fresh.size() > batch.n_rows() / 4;
      }
      out->worker_bytes = workers_[worker].size_bytes();
      for (size_t k = 0; k < states_.size(); ++k) {
        std::vector<Vec> args;
        for (const BoundPtr& arg : node_.aggregates[k].args) args.push_back(evaluator.eval(*arg, batch));
        Aggregator& own = *worker_states_[worker][k];
        if (out->keys_given || !own.is_mergeable()) {
          out->args.push_back(std::move(args));
        } else {
          own.update(args, out->groups, workers_[worker].n_groups());
          out->args.emplace_back();
        }
        out->worker_bytes += own.size_bytes();
      }
      if (!out->keys_given && mostly_fresh_[worker] != 0) workers_[worker] = Grouper(node_.keys.size());
      if (all_local_ && !out->keys_given) out->groups = Rows();
      batch = Batch();  // its columns are done with, but for those in the arguments
      return out;
    }

    // On the reader's thread, in the order of the batches: groups get their numbers for all workers.
    void add(Grouped& grouped) {
      if (grouped.keys_given) {
        number(grouped.keys, grouped.n_rows, grouped.groups);
      } else {
        Rows& global_of = global_of_[grouped.worker];
        if (grouped.n_fresh > 0) {
          std::vector<Vec> key_values;
          for (const ColumnPtr& key : grouped.fresh_keys) key_values.push_back({key, false});
          Rows numbers;
          number(key_values, grouped.n_fresh, numbers);
          global_of.insert(global_of.end(), numbers.begin(), numbers.end());
        }
        for (uint32_t& group : grouped.groups) group = global_of[group];
      }
      size_t bytes = grouper_.size_bytes() + key_text_bytes_ + key_columns_.size() * grouper_.n_groups() * 8;
      worker_bytes_[grouped.worker] = grouped.worker_bytes;
      for (const size_t n : worker_bytes_) bytes += n;
      for (size_t k = 0; k < states_.size(); ++k) {
        if (grouped.keys_given || !states_[k]->is_mergeable()) states_[k]->update(grouped.args[k], grouped.groups, grouper_.n_groups());
        bytes += states_[k]->size_bytes();
      }
      if (bytes > charged_) context_.charge(bytes - charged_), charged_ = bytes;
    }

    void number(const std::vector<Vec>& key_values, size_t n_rows, Rows& groups) {
      Rows first_rows;
      grouper_.group(key_values, n_rows, groups, &first_rows);
      for (size_t k = 0; k < key_values.size(); ++k) {
        const Column& from = *key_values[k].column;
        Column& to = key_columns_[k];
        for (const uint32_t row : first_rows) {
          const size_t at = key_values[k].at(row);
          if (from.type() != to.type()) push(to, get(from, at));
          else if (from.is_null(at)) to.push_null();
          else if (columns::is_text(from.type())) to.push_text(from.text(at)), key_text_bytes_ += from.text(at).size();
          else from.type() == Type::real ? to.push_f64(from.f64(at)) : to.push_i64(from.i64(at));
        }
      }
    }

    const Summarize& node_;
    ExecContext& context_;
    Grouper grouper_;
    std::vector<Grouper> workers_;
    std::vector<Rows> global_of_;  // of each worker's groups
    std::vector<std::unique_ptr<Aggregator>> states_;
    std::vector<std::vector<std::unique_ptr<Aggregator>>> worker_states_;
    bool all_local_ = true;        // no aggregate needs the rows in order
    std::vector<Column> key_columns_;
    size_t key_text_bytes_ = 0;
    std::vector<size_t> worker_bytes_;
    std::vector<uint8_t> mostly_fresh_;
    size_t charged_ = 0;
    bool done_ = false;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Groups>(*this, context); }

  NodePtr child;
  std::vector<BoundPtr> keys;
  std::vector<AggregateCall> aggregates;
};

}  // namespace

NodePtr make_summarize(NodePtr child, columns::Schema schema, std::vector<BoundPtr> keys, std::vector<AggregateCall> aggregates) {
  if (NodePtr done = child->with_summarize(schema, keys, aggregates)) return done;
  std::vector<size_t> needed;
  for (const BoundPtr& key : keys) collect_columns(*key, needed);
  for (const AggregateCall& call : aggregates) {
    for (const BoundPtr& arg : call.args) collect_columns(*arg, needed);
  }
  if (NodePtr pruned = child->with_columns(needed)) child = std::move(pruned);
  auto node = std::make_shared<Summarize>();
  node->schema = std::move(schema);
  node->child = std::move(child);
  node->keys = std::move(keys);
  node->aggregates = std::move(aggregates);
  return node;
}

}  // namespace app::kql
