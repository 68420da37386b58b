// app/connectors/paged.h: tables of servers that give rows page by page and can leave some out: Loki,
// Elasticsearch. What the server can use of a filter goes along with the question; every filter is
// applied here again, so that the answer is Kusto's whatever the server makes of it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/kql/plan.h"

namespace app::connectors {

// Bounds and texts that rows must satisfy; the server may give more rows, never fewer.
struct PageRequest {
  std::vector<kql::BoundPtr> filters;      // over the table's columns
  std::vector<size_t> columns;             // that are read, sorted
};

class PageReader {
 public:
  virtual ~PageReader() = default;
  // The next rows, all columns of the schema, or none at the end. What nobody reads may be null.
  virtual std::optional<columns::Chunk> next(const std::stop_token& stop) = 0;
};

// A table as a server has it. Any thread.
class PagedTable {
 public:
  virtual ~PagedTable() = default;
  virtual const columns::Schema& schema() const = 0;
  virtual std::string server() const = 0;  // "Loki lk"
  // True where the server can make use of this filter.
  virtual bool can_use(const kql::Bound& filter) const = 0;
  virtual std::unique_ptr<PageReader> read(const PageRequest& request, const kql::ExecContext& context) const = 0;
  // What it would be asked first.
  virtual kql::RemoteStatement statement(const PageRequest& request, const kql::ExecContext& context) const = 0;
  virtual bool in_order() const { return false; }   // of time
};

kql::NodePtr make_paged_scan(std::shared_ptr<const PagedTable> table);

// What a filter says about one column, where it says it alone: column op constant.
struct Comparison {
  size_t column = 0;
  std::string op;            // as functions are named: "==", "has", "between"
  kql::Value value, upper;   // upper: of between
};
std::optional<Comparison> comparison_of(const kql::Bound& filter);

// The range of an integer column that the filters leave, bounds included.
struct Range {
  int64_t min = INT64_MIN, max = INT64_MAX;
  bool has_min() const { return min != INT64_MIN; }
  bool has_max() const { return max != INT64_MAX; }
};
Range range_of(const std::vector<kql::BoundPtr>& filters, size_t column);

}  // namespace app::connectors
