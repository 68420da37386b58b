// app/kql/graph.h: graphs while a query runs: nodes and edges are tables, a node a row. What comes out of
// a pattern is a table again, with just the columns that the query reads.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/kql/ast.h"
#include "app/kql/plan.h"

namespace app::kql {

struct GraphData {
  Batch nodes, edges;
  std::vector<uint32_t> source, target;             // of each edge: a row of nodes
  std::vector<std::vector<uint32_t>> out, in;       // of each node: rows of edges
};

// What a pipeline holds between make-graph and what turns it into rows. As a table it has no columns.
class GraphNode : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override;  // of no rows; the binder does not get here
  virtual std::shared_ptr<const GraphData> graph(ExecContext& context) const = 0;

  columns::Schema node_schema, edge_schema;
};
using GraphPtr = std::shared_ptr<const GraphNode>;

// nodes: tables with the column that holds the key of each, which is the key of source and target too.
// Without any the nodes are the keys that the edges name.
struct GraphKey {
  NodePtr table;
  size_t key = 0;
  std::vector<int> column_of;   // of node_schema: the table's column, or -1
};
GraphPtr make_graph(NodePtr edges, size_t source, size_t target, std::vector<GraphKey> nodes, columns::Schema node_schema, size_t node_key);
GraphPtr make_graph_components(GraphPtr graph, std::string column, bool strong);
GraphPtr make_graph_filter(GraphPtr graph, BoundPtr nodes, BoundPtr edges);  // either may be null
// schema: the columns of nodes or edges, then those with a number for each node that are asked for.
NodePtr make_graph_table(GraphPtr graph, bool nodes, columns::Schema schema, bool with_source, bool with_target);

// A column of what a pattern gives.
struct GraphColumn {
  enum class Kind : uint8_t {
    property,       // of a variable that is one node or one edge: expr over its row
    edges, nodes,   // of a variable that is a path: expr over each of its edges, or of the nodes inside it, as a list
    any_edge, all_edges, any_node, all_nodes,  // likewise, of a condition
  } kind = Kind::property;
  size_t part = 0;      // of the flattened parts
  BoundPtr expr;        // over edge_schema, or node_schema with the degrees (in, out) behind it
  Type type = Type::dynamic;
};

struct GraphMatch {
  struct Part {
    GraphPart::Kind kind = GraphPart::Kind::node;
    size_t same_as = 0;          // of a node: the first part with its name, or itself
    bool begins = false;         // a node that begins a pattern
    bool ranged = false;
    int64_t least = 1, most = 1;
    std::vector<BoundPtr> conditions;   // on this node, this edge, or each edge of the path
  };
  std::vector<Part> parts;       // of all patterns, one behind the other
  std::vector<GraphColumn> columns;
  enum class Cycles : uint8_t { unique_edges, none, all } cycles = Cycles::unique_edges;
  bool shortest = false, all_shortest = false;
};
NodePtr make_graph_match(GraphPtr graph, columns::Schema schema, GraphMatch match);
// The schema that expressions over a node see: its columns, then how many edges come in and go out.
columns::Schema with_degrees(const columns::Schema& nodes);

}  // namespace app::kql
