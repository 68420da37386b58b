// Constant rows, the tables of mv-apply and partition, ranges; and what every run shares.
#include "app/kql/datetime.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

class Once : public Stream {
 public:
  explicit Once(Batch batch) : batch_(std::move(batch)) {}
  bool next(Batch& out) override {
    if (done_) return false;
    done_ = true;
    out = std::move(batch_);
    return true;
  }

 private:
  Batch batch_;
  bool done_ = false;
};

class RowsNode : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext&) const override { return one_batch(rows); }
  Batch rows;
};

class SlotNode : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    const auto at = context.slots.find(slot);
    if (at == context.slots.end()) throw SlotUnset{slot};
    return one_batch(at->second);
  }
  int slot = 0;
};

class Range : public Node {
 public:
  class Numbers : public Stream {
   public:
    Numbers(const Range& r, ExecContext& c) : range_(r), context_(c) {}
    bool next(Batch& out) override {
      context_.check_stop();
      const Type type = range_.schema[0].type;
      Column column(type);
      while (column.n_rows() < columns::chunk_rows) {
        Value value = Value::none(type);
        value.null = false;
        if (type == Type::real) {
          value.d = range_.from.d + static_cast<double>(at_) * range_.step.d;
          if (range_.step.d >= 0 ? value.d > range_.to.d : value.d < range_.to.d) break;
        } else {
          int64_t offset = 0;
          if (__builtin_mul_overflow(range_.step.i, at_, &offset) || __builtin_add_overflow(range_.from.i, offset, &value.i)) break;
          if (range_.step.i >= 0 ? value.i > range_.to.i : value.i < range_.to.i) break;
        }
        push(column, value);
        ++at_;
      }
      const size_t n = column.n_rows();
      out = Batch::of({share(std::move(column))}, n);
      return n > 0;
    }

   private:
    const Range& range_;
    ExecContext& context_;
    int64_t at_ = 0;
  };
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Numbers>(*this, context); }
  Value from, to, step;
};

}  // namespace

NodePtr make_rows(columns::Schema schema, Batch rows) {
  auto node = std::make_shared<RowsNode>();
  node->schema = std::move(schema);
  node->rows = std::move(rows);
  return node;
}

NodePtr make_slot(columns::Schema schema, int slot) {
  auto node = std::make_shared<SlotNode>();
  node->schema = std::move(schema);
  node->slot = slot;
  node->ordered = true;
  return node;
}

NodePtr make_range(std::string name, Value from, Value to, Value step) {
  auto node = std::make_shared<Range>();
  node->schema = {{std::move(name), from.type}};
  node->from = std::move(from);
  node->to = std::move(to);
  node->step = std::move(step);
  node->ordered = true;
  return node;
}

void ExecContext::check_stop() const {
  kql::check_stop(options.stop);
}

void ExecContext::charge(size_t bytes) {
  if (used_bytes_.fetch_add(bytes) + bytes <= options.memory_limit_bytes) return;
  engine::fail(engine::ErrorKind::out_of_memory,
               "the query needs more than its memory limit of %zu MiB; filter earlier, summarize into fewer groups, or raise the limit",
               options.memory_limit_bytes >> 20);
}

void ExecContext::release(size_t bytes) { used_bytes_ -= bytes; }

std::vector<Batch> run_all(const Node& node, ExecContext& context) {
  std::vector<Batch> batches;
  const std::unique_ptr<Stream> stream = node.open(context);
  for (Batch batch; stream->next(batch);) {
    if (batch.n_rows() == 0) continue;
    context.charge(batch.size_bytes());
    batches.push_back(std::move(batch));
    batch = Batch();
  }
  return batches;
}

std::unique_ptr<Stream> one_batch(Batch batch) { return std::make_unique<Once>(std::move(batch)); }

Batch run_to_one(const Node& node, ExecContext& context) {
  return concat(run_all(node, context), node.schema, [&context](size_t bytes) {
    context.check_stop();
    context.charge(bytes);
  });
}

}  // namespace app::kql
