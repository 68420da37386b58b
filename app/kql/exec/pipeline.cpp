#include "app/kql/exec/pipeline.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace app::kql {
namespace {

// A node taken apart: what is applied to each batch of its source, first step first.
struct Steps {
  const Node* source = nullptr;
  std::vector<const Node*> steps;

  explicit Steps(const Node& node) : source(&node) {
    while (const Node* child = source->mapped_child()) {
      steps.push_back(source);
      source = child;
    }
    std::reverse(steps.begin(), steps.end());
  }
  void apply(Batch& batch, Evaluator& evaluator) const {
    for (const Node* step : steps) {
      if (batch.n_rows() > 0) step->apply(batch, evaluator);
    }
  }
};

// One thread: the caller's.
class SerialItems : public ItemStream {
 public:
  SerialItems(Steps steps, ExecContext& context, Finish finish)
      : steps_(std::move(steps)), context_(context), finish_(std::move(finish)), evaluator_(context.now, context.options.stop), stream_(steps_.source->open(context)) {}
  bool next(Item& out) override {
    out = Item();
    while (stream_->next(out.batch)) {
      context_.check_stop();
      steps_.apply(out.batch, evaluator_);
      if (out.batch.n_rows() == 0) continue;
      if (finish_) out.extra = finish_(out.batch, evaluator_, 0);
      return true;
    }
    return false;
  }

 private:
  Steps steps_;
  ExecContext& context_;
  Finish finish_;
  Evaluator evaluator_;
  std::unique_ptr<Stream> stream_;
};

// Workers take chunks in turn and go ahead of the reader by a few.
class ParallelItems : public ItemStream {
 public:
  ParallelItems(Steps steps, std::unique_ptr<ChunkSource> chunks, ExecContext& context, Finish finish, ChunkOrder order)
      : steps_(std::move(steps)), chunks_(std::move(chunks)), context_(context), finish_(std::move(finish)), order_(std::move(order)) {
    for (size_t worker = 0; worker < max_workers(context); ++worker) workers_.emplace_back([this, worker] { work(worker); });
  }
  ~ParallelItems() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    workers_.clear();  // joins
  }
  bool next(Item& out) override {
    std::unique_lock lock(mutex_);
    while (next_out_ < chunks_->n_chunks()) {
      ready_.wait(lock, [this] { return error_ || (!done_.empty() && done_.front().ready); });
      if (error_) std::rethrow_exception(error_);
      Slot slot = std::move(done_.front());
      done_.pop_front();
      ++next_out_;
      room_.notify_all();
      if (!slot.item) continue;
      out = std::move(*slot.item);
      return true;
    }
    return false;
  }

 private:
  struct Slot {
    bool ready = false;
    std::optional<Item> item;
  };
  static constexpr size_t max_ahead = 8;

  std::optional<Item> read(size_t chunk, Evaluator& evaluator, size_t worker) {
    context_.check_stop();
    Item item;
    if (!order_.chunks.empty()) chunk = order_.chunks[chunk];
    if (order_.skip && order_.skip(chunk)) return std::nullopt;
    if (!chunks_->read(chunk, evaluator, item.batch)) return std::nullopt;
    steps_.apply(item.batch, evaluator);
    if (item.batch.n_rows() == 0) return std::nullopt;
    if (finish_) item.extra = finish_(item.batch, evaluator, worker);
    return item;
  }

  void work(size_t worker) {
    Evaluator evaluator(context_.now, context_.options.stop);
    while (true) {
      size_t chunk = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return stopping_ || error_ || done_.size() < max_ahead; });
        if (stopping_ || error_ || next_in_ >= chunks_->n_chunks()) return;
        chunk = next_in_++;
        done_.emplace_back();
      }
      std::optional<Item> item;
      std::exception_ptr error;
      try {
        item = read(chunk, evaluator, worker);
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      if (error && !error_) error_ = error;
      if (!error) {
        Slot& slot = done_[chunk - next_out_];
        slot.item = std::move(item);
        slot.ready = true;
      }
      ready_.notify_all();
    }
  }

  Steps steps_;
  std::unique_ptr<ChunkSource> chunks_;
  ExecContext& context_;
  Finish finish_;
  ChunkOrder order_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Slot> done_;         // of chunks next_out_ ..
  size_t next_in_ = 0, next_out_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> workers_;
};

class MappedStream : public Stream {
 public:
  explicit MappedStream(std::unique_ptr<ItemStream> items) : items_(std::move(items)) {}
  bool next(Batch& out) override {
    Item item;
    if (!items_->next(item)) return false;
    out = std::move(item.batch);
    return true;
  }

 private:
  std::unique_ptr<ItemStream> items_;
};

}  // namespace

size_t max_workers(const ExecContext& context) { return static_cast<size_t>(std::max(1, context.options.n_threads)); }

std::unique_ptr<ItemStream> open_items(const Node& node, ExecContext& context, Finish finish, ChunkOrder order) {
  Steps steps(node);
  if (max_workers(context) > 1) {
    std::unique_ptr<ChunkSource> chunks = steps.source->chunks(context);
    if (chunks && chunks->n_chunks() > 2) {
      return std::make_unique<ParallelItems>(std::move(steps), std::move(chunks), context, std::move(finish), std::move(order));
    }
  }
  return std::make_unique<SerialItems>(std::move(steps), context, std::move(finish));
}

std::unique_ptr<Stream> open_mapped(const Node& node, ExecContext& context) {
  return std::make_unique<MappedStream>(open_items(node, context));
}

}  // namespace app::kql
