// Reading tables, constant rows and ranges. A scan knows the filters above it: chunks that cannot
// hold a match are never read, and two threads filter ahead of the reader.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "app/kql/datetime.h"
#include "app/kql/functions.h"
#include "app/kql/plan.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;

// column OP constant, as a range of i64 storage.
struct ColumnRange {
  size_t column = 0;
  int64_t min = INT64_MIN, max = INT64_MAX;
};

bool is_i64(Type t) { return !columns::is_text(t) && t != Type::real; }

void collect_ranges(const Bound& e, std::vector<ColumnRange>& out) {
  if (e.kind != Bound::Kind::call) return;
  const std::string_view name = e.function->name;
  if (name == "and") {
    for (const BoundPtr& arg : e.args) collect_ranges(*arg, out);
    return;
  }
  if (e.args.size() < 2 || e.args[0]->kind != Bound::Kind::column || !is_i64(e.args[0]->type)) return;
  for (size_t k = 1; k < e.args.size(); ++k) {
    if (!is_constant(*e.args[k]) || e.args[k]->value.null || !is_i64(e.args[k]->type)) return;
  }
  ColumnRange range{e.args[0]->column};
  const int64_t value = e.args[1]->value.i;
  if (name == "==") range.min = range.max = value;
  else if (name == ">=" || name == ">") range.min = value;
  else if (name == "<=" || name == "<") range.max = value;
  else if (name == "between") range.min = value, range.max = e.args[2]->value.i;
  else return;
  out.push_back(range);
}

class Scan : public Node {
 public:
  explicit Scan(std::shared_ptr<const Table> t) : table(std::move(t)) { schema = table->schema(); }
  std::unique_ptr<Stream> open(ExecContext& context) const override;
  NodePtr with_filter(const BoundPtr& condition) const override {
    if (condition->window) return nullptr;
    auto copy = std::make_shared<Scan>(*this);
    copy->filters.push_back(condition);
    return copy;
  }

  std::shared_ptr<const Table> table;
  std::vector<BoundPtr> filters;
};

// Reads and filters one chunk; used by one thread at a time.
class ChunkReader {
 public:
  ChunkReader(const Scan& scan, int64_t now) : scan_(scan), evaluator_(now) {
    for (const BoundPtr& filter : scan.filters) collect_ranges(*filter, ranges_);
  }
  std::optional<Batch> read(size_t chunk) {
    for (const ColumnRange& range : ranges_) {
      if (!scan_.table->may_hold(chunk, range.column, range.min, range.max)) return std::nullopt;
    }
    Batch batch = Batch::of(scan_.table->chunk(chunk), scan_.table->first_row(chunk));
    for (const BoundPtr& filter : scan_.filters) {
      if (batch.n_rows() == 0) return std::nullopt;
      const Rows rows = evaluator_.filter(*filter, batch);
      if (rows.size() < batch.n_rows()) batch.keep(rows);
    }
    return batch;
  }

 private:
  const Scan& scan_;
  Evaluator evaluator_;
  std::vector<ColumnRange> ranges_;
};

class SerialScan : public Stream {
 public:
  SerialScan(const Scan& scan, ExecContext& context) : scan_(scan), context_(context), reader_(scan, context.now) {}
  bool next(Batch& out) override {
    while (chunk_ < scan_.table->n_chunks()) {
      context_.check_stop();
      std::optional<Batch> batch = reader_.read(chunk_++);
      if (!batch) continue;
      out = std::move(*batch);
      return true;
    }
    return false;
  }

 private:
  const Scan& scan_;
  ExecContext& context_;
  ChunkReader reader_;
  size_t chunk_ = 0;
};

// Workers filter chunks ahead; batches are handed out in the order of the chunks.
class ParallelScan : public Stream {
 public:
  ParallelScan(const Scan& scan, ExecContext& context) : scan_(scan), context_(context) {
    const int n = context.options.n_threads;
    for (int k = 0; k < n; ++k) workers_.emplace_back([this] { work(); });
  }
  ~ParallelScan() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    workers_.clear();  // joins
  }
  bool next(Batch& out) override {
    std::unique_lock lock(mutex_);
    while (next_out_ < scan_.table->n_chunks()) {
      ready_.wait(lock, [this] { return error_ || (!done_.empty() && done_.front().ready); });
      if (error_) std::rethrow_exception(error_);
      Slot slot = std::move(done_.front());
      done_.pop_front();
      ++next_out_;
      room_.notify_all();
      if (!slot.batch) continue;
      out = std::move(*slot.batch);
      return true;
    }
    return false;
  }

 private:
  struct Slot {
    bool ready = false;
    std::optional<Batch> batch;
  };
  static constexpr size_t max_ahead = 8;

  void work() {
    ChunkReader reader(scan_, context_.now);
    while (true) {
      size_t chunk = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return stopping_ || error_ || done_.size() < max_ahead; });
        if (stopping_ || error_ || next_in_ >= scan_.table->n_chunks()) return;
        chunk = next_in_++;
        done_.emplace_back();
      }
      std::optional<Batch> batch;
      std::exception_ptr error;
      try {
        context_.check_stop();
        batch = reader.read(chunk);
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      if (error && !error_) error_ = error;
      if (!error) {
        Slot& slot = done_[chunk - next_out_];
        slot.batch = std::move(batch);
        slot.ready = true;
      }
      ready_.notify_all();
    }
  }

  const Scan& scan_;
  ExecContext& context_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Slot> done_;         // of chunks next_out_ ..
  size_t next_in_ = 0, next_out_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> workers_;
};

std::unique_ptr<Stream> Scan::open(ExecContext& context) const {
  if (context.options.n_threads > 1 && table->n_chunks() > 2 && !filters.empty()) {
    return std::make_unique<ParallelScan>(*this, context);
  }
  return std::make_unique<SerialScan>(*this, context);
}

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
  std::unique_ptr<Stream> open(ExecContext&) const override { return std::make_unique<Once>(rows); }
  Batch rows;
};

class SlotNode : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override { return std::make_unique<Once>(context.slots.at(slot)); }
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

NodePtr make_scan(std::shared_ptr<const Table> table) { return std::make_shared<Scan>(std::move(table)); }

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
  if (options.stop.stop_requested()) engine::fail(engine::ErrorKind::cancelled, "the query was cancelled");
}

void ExecContext::charge(size_t bytes) {
  used_bytes_ += bytes;
  if (used_bytes_ <= options.memory_limit_bytes) return;
  engine::fail(engine::ErrorKind::out_of_memory,
               "the query needs more than its memory limit of %zu MiB; filter earlier, summarize into fewer groups, or raise the limit",
               options.memory_limit_bytes >> 20);
}

void ExecContext::release(size_t bytes) { used_bytes_ -= std::min(bytes, used_bytes_); }

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

Batch run_to_one(const Node& node, ExecContext& context) { return concat(run_all(node, context), node.schema); }

}  // namespace app::kql
