// app/kql/exec/pipeline.h: operators that change a batch at a time, run on the threads that read the
// chunks: where, extend, project, parse over a table. Batches come out in the order of the chunks.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "app/kql/plan.h"

namespace app::kql {

// A batch and what a Finish made of it.
struct Item {
  Batch batch;
  std::shared_ptr<void> extra;
};

class ItemStream {
 public:
  virtual ~ItemStream() = default;
  virtual bool next(Item& out) = 0;
};

// The last thing done to a batch on its thread. Calls of one worker follow each other, in the order
// of their chunks; workers are numbered from 0 to max_workers() - 1.
using Finish = std::function<std::shared_ptr<void>(Batch& batch, Evaluator& evaluator, size_t worker)>;
size_t max_workers(const ExecContext& context);

// In what order the chunks of the source are read, where not as they lie, and which are not.
struct ChunkOrder {
  std::vector<size_t> chunks;
  std::function<bool(size_t chunk)> skip;  // asked on the worker's thread, just before it is read
};

// The rows of a node, whose mapped steps run on several threads where its source has chunks.
std::unique_ptr<ItemStream> open_items(const Node& node, ExecContext& context, Finish finish = {}, ChunkOrder order = {});
// The same for a node that has nothing to do but apply().
std::unique_ptr<Stream> open_mapped(const Node& node, ExecContext& context);

}  // namespace app::kql
