// app/kql/cluster.h: data that lies on a server, as cluster("name") reaches it, and how much of a
// query is done there. A cluster is asked for nothing before a query names it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/diagnostic.h"

namespace app::kql {

class Node;
struct RunOptions;
class Tables;

class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual std::string kind() const = 0;  // "ClickHouse"
  // A node (plan.h) that reads a table; the server is asked what the table is. Nodes made from it may
  // be done by the server too. database: empty is the connection's own. Throws Error{invalid_input}
  // where there is no such table, Error{io} where the server cannot be asked.
  virtual std::shared_ptr<const Node> table(const std::string& database, const std::string& table, const std::stop_token& stop) const = 0;
  // The same from what was learned before, or null: for checks while the user types.
  virtual std::shared_ptr<const Node> known_table(const std::string& database, const std::string& table) const {
    (void)database, (void)table;
    return nullptr;
  }

  // True for a server that runs KQL itself: leading operators go there as they are written.
  virtual bool runs_kql() const { return false; }
  virtual std::shared_ptr<const Node> run_kql(const std::string& database, const std::string& text, const std::stop_token& stop) const {
    (void)database, (void)text, (void)stop;
    return nullptr;
  }
};

// How far a server is with what it was asked.
struct RemoteProgress {
  std::string_view cluster;
  uint64_t n_rows_read = 0, n_rows_total = 0;  // by the server; total 0: not known
  uint64_t n_bytes_received = 0;
};

// What a server is asked for.
struct RemoteStatement {
  std::string cluster;                  // "ClickHouse ch"
  std::string text;                     // SQL, KQL, or what else the server speaks
  std::vector<std::string> parameters;  // "p1 = 'ERROR' (String)"
  std::vector<std::string> notes;       // what the server cannot give as it is
};

// Where each part of a query runs. Nothing of it is run, but the servers are asked about their tables.
struct ExplainStep {
  Span span;          // the operator, or the source
  std::string where;  // "ClickHouse ch", "here", "ClickHouse ch, rest here"
};
struct Explanation {
  std::vector<Diagnostic> diagnostics;  // an error among them: nothing else
  std::vector<ExplainStep> steps;
  std::vector<RemoteStatement> statements;
};
Explanation explain(const std::string& text, const Tables& tables, const RunOptions& options);

}  // namespace app::kql
