// app/kql/plan.h: what runs: a tree of nodes, immutable once made, so that a let statement's table
// can be shared by everything that names it. open() gives a stream of batches; a parent pulls from
// its child. Making a filter pushes it down to the scan where it can.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/kql/aggregates.h"
#include "app/kql/ast.h"
#include "app/kql/batch.h"
#include "app/kql/expr.h"
#include "app/kql/query.h"

namespace app::kql {

// One run's limits and shared results. Streams of one run may use it from several threads.
class ExecContext {
 public:
  ExecContext(const RunOptions& run_options, int64_t query_now) : options(run_options), now(query_now) {}
  // Throws Error{cancelled} or Error{out_of_memory}.
  void check_stop() const;
  void charge(size_t bytes);     // memory held until the run ends or is released
  void release(size_t bytes);

  const RunOptions& options;
  int64_t now;
  std::map<const void*, std::shared_ptr<const std::vector<Batch>>> materialized;
  std::map<int, Batch> slots;    // tables of mv-apply and partition, by slot number
  // Where not null, tables give no rows, and servers' nodes say here what they would ask for.
  std::vector<RemoteStatement>* statements = nullptr;

 private:
  std::atomic<size_t> used_bytes_ = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // The next rows, or false at the end. An empty batch is allowed.
  virtual bool next(Batch& out) = 0;
};

// Chunks that can be read on several threads, each with its own evaluator.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual size_t n_chunks() const = 0;
  // False where the chunk has no rows to give.
  virtual bool read(size_t chunk, Evaluator& evaluator, Batch& out) const = 0;
  // Bounds of a column's values in the chunk, where they are known and all its rows have row ids.
  virtual std::optional<std::pair<int64_t, int64_t>> range(size_t, size_t) const { return std::nullopt; }
};

class Node;
using NodePtr = std::shared_ptr<const Node>;
struct SortKey;
class Node {
 public:
  virtual ~Node() = default;
  virtual std::unique_ptr<Stream> open(ExecContext& context) const = 0;
  // A node that does the filtering itself, or null.
  virtual NodePtr with_filter(const BoundPtr&) const { return nullptr; }
  // A node that gives only its first rows, or null: sort, of which top is a part.
  virtual NodePtr with_limit(uint64_t) const { return nullptr; }
  // What reads from a server may be done by the server: the node for that, or null where it cannot do
  // it exactly as it would be done here.
  virtual NodePtr with_compute(const columns::Schema&, const std::vector<BoundPtr>&) const { return nullptr; }
  virtual NodePtr with_summarize(const columns::Schema&, const std::vector<BoundPtr>&, const std::vector<AggregateCall>&) const { return nullptr; }
  virtual NodePtr with_sort(const std::vector<SortKey>&, uint64_t) const { return nullptr; }
  virtual NodePtr with_distinct() const { return nullptr; }
  // The same rows where only these columns (sorted) are read and the others may hold anything, or
  // null: nothing is gained.
  virtual NodePtr with_columns(const std::vector<size_t>&) const { return nullptr; }
  virtual std::string server() const { return {}; }  // "ClickHouse ch" of a node that a server does

  // Where each batch of this node comes from one batch of a child through apply() alone, in any order
  // and on any thread: that child. Otherwise null.
  virtual const Node* mapped_child() const { return nullptr; }
  virtual void apply(Batch&, Evaluator&) const {}
  virtual std::unique_ptr<ChunkSource> chunks(ExecContext&) const { return nullptr; }

  columns::Schema schema;
  bool ordered = false;          // rows come in a set order: after sort, top, range, serialize
};

std::vector<Batch> run_all(const Node& node, ExecContext& context);
Batch run_to_one(const Node& node, ExecContext& context);
// The stream of a batch that is there.
std::unique_ptr<Stream> one_batch(Batch batch);

struct SortKey {
  BoundPtr expr;
  bool descending = true;
  bool nulls_first = false;
};

NodePtr make_scan(std::shared_ptr<const Table> table);
NodePtr make_rows(columns::Schema schema, Batch rows);
NodePtr make_slot(columns::Schema schema, int slot);
// Thrown where a slot is read that holds no rows yet: a body of partition or mv-apply is run while it is bound.
struct SlotUnset {
  int slot = 0;
};
NodePtr make_range(std::string name, Value from, Value to, Value step);
NodePtr make_filter(NodePtr child, BoundPtr condition);
// Each output column is an expression over the child's columns.
NodePtr make_compute(NodePtr child, columns::Schema schema, std::vector<BoundPtr> exprs);
NodePtr make_take(NodePtr child, uint64_t n_rows);
NodePtr make_sample(NodePtr child, uint64_t n_rows);
NodePtr make_sort(NodePtr child, std::vector<SortKey> keys, uint64_t limit = UINT64_MAX);
NodePtr make_ordered(NodePtr child);  // serialize: only marks the rows as ordered
NodePtr make_summarize(NodePtr child, columns::Schema schema, std::vector<BoundPtr> keys, std::vector<AggregateCall> aggregates);
NodePtr make_distinct(NodePtr child);
NodePtr make_materialized(NodePtr child);
NodePtr make_union(std::vector<NodePtr> children, columns::Schema schema, std::vector<std::vector<int>> column_of,
                   std::vector<std::string> source_names, int source_column);

enum class JoinKind : uint8_t { innerunique, inner, leftouter, rightouter, fullouter, leftanti, rightanti, leftsemi, rightsemi };
// A null key matches nothing, as in Kusto, unless the two sides are groups of the same rows: there a null
// is a key like others.
enum class NullKeys : uint8_t { match_nothing, match_each_other };
NodePtr make_join(NodePtr left, NodePtr right, JoinKind kind, std::vector<BoundPtr> left_keys, std::vector<BoundPtr> right_keys,
                  columns::Schema schema, std::vector<size_t> right_columns, NullKeys null_keys = NullKeys::match_nothing);

struct ExpandColumn {
  BoundPtr expr;
  Type type = Type::dynamic;
  size_t target = 0;             // output column
};
struct ExpandOptions {
  std::vector<ExpandColumn> columns;
  int index_column = -1;
  bool bags_as_arrays = false;
  uint64_t limit = INT64_MAX;
};
// Output columns below the child's count carry the child's values.
NodePtr make_expand(NodePtr child, columns::Schema schema, ExpandOptions options);
// For each row of child, expanded: runs body over the slot's table; output: outer columns, then body's.
NodePtr make_apply(NodePtr child, columns::Schema expanded, ExpandOptions options, NodePtr body, int slot,
                   columns::Schema schema, std::vector<size_t> outer_columns, std::vector<size_t> body_columns);
NodePtr make_partition(NodePtr child, BoundPtr key, NodePtr body, int slot);

struct ParseColumn {
  size_t target = 0;
  Type type = Type::string;
};
struct ParsePlan {
  BoundPtr source;
  std::vector<PatternPart> pattern;
  std::vector<ParseColumn> columns;  // one for each column part, in order
  std::string regex;                 // kind=regex: the whole pattern; empty: simple
  bool relaxed = false, drop_unmatched = false;
  std::vector<int> groups;           // of regex: capture group of each column
};
NodePtr make_parse(NodePtr child, columns::Schema schema, ParsePlan plan);

struct SeriesPlan {
  std::vector<BoundPtr> keys;
  BoundPtr axis;
  Value from, to, step;              // null: from the data
  bool to_included = false;
  std::vector<AggregateCall> aggregates;
  std::vector<BoundPtr> values;      // one a series, over the results of all aggregates
  std::vector<Value> defaults;
};
NodePtr make_series(NodePtr child, columns::Schema schema, SeriesPlan plan);

// Patterns of texts: the child's columns are a text and the number of its rows.
NodePtr make_reduce(NodePtr child, double threshold, std::string separators);

struct ScanStepPlan {
  std::string name;
  BoundPtr condition;
  std::vector<std::pair<size_t, BoundPtr>> assignments;  // declared column, value
  bool output_last = false, output_none = false, optional = false;
};
// Sequences of rows that go through steps. Columns of schema: the child's, the declared ones, then a
// match's number and a step's name where they are asked for. In a step's expressions the columns are
// the child's and the declared ones, then those of each step's state.
struct ScanPlan {
  std::vector<Value> initial;        // of the declared columns
  std::vector<ScanStepPlan> steps;
  std::vector<BoundPtr> partition;   // each combination of these has its own sequences
  bool match_id = false, step_name = false;
};
NodePtr make_scan_steps(NodePtr child, columns::Schema schema, ScanPlan plan);

}  // namespace app::kql
