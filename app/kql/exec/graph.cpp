// Graphs: how they are made from tables, marked, filtered, and made tables again. Patterns: graph_match.cpp.
#include "app/kql/graph.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace app::kql {
namespace {

using columns::Column;

std::vector<ColumnPtr> columns_of(const Batch& batch) {
  std::vector<ColumnPtr> all;
  for (size_t k = 0; k < batch.n_columns(); ++k) all.push_back(batch.column(k));
  return all;
}

void link(GraphData& data) {
  data.out.assign(data.nodes.n_rows(), {});
  data.in.assign(data.nodes.n_rows(), {});
  for (uint32_t e = 0; e < data.edges.n_rows(); ++e) {
    data.out[data.source[e]].push_back(e);
    data.in[data.target[e]].push_back(e);
  }
}

class MadeGraph : public GraphNode {
 public:
  std::shared_ptr<const GraphData> graph(ExecContext& context) const override {
    Maker maker{*this, context, {}, {}};
    for (const columns::ColumnInfo& c : node_schema) maker.nodes.emplace_back(c.type);
    for (const GraphKey& key : keys) maker.add_table(key);
    return maker.finish(run_to_one(*edges, context));
  }

  NodePtr edges;
  size_t source = 0, target = 0, node_key = 0;
  std::vector<GraphKey> keys;

 private:
  struct Maker {
    const MadeGraph& plan;
    ExecContext& context;
    std::vector<Column> nodes;
    std::unordered_map<std::string, uint32_t> known;

    // The first row of a key is the node.
    void add_table(const GraphKey& from) {
      const Batch rows = run_to_one(*from.table, context);
      const ColumnPtr key_column = rows.column(from.key);
      for (size_t row = 0; row < rows.n_rows(); ++row) {
        if (row % 65536 == 0) context.check_stop();
        std::string key;
        append_key(key, *key_column, row);
        if (key_column->is_null(row) || !known.emplace(key, static_cast<uint32_t>(known.size())).second) continue;
        for (size_t k = 0; k < nodes.size(); ++k) {
          const int at = from.column_of[k];
          push(nodes[k], at < 0 ? Value::none(plan.node_schema[k].type) : get(*rows.column(static_cast<size_t>(at)), row));
        }
      }
    }

    // A node that no table has: its key alone.
    uint32_t node_of(const Column& column, size_t row) {
      std::string key;
      append_key(key, column, row);
      const auto [at, is_new] = known.emplace(key, static_cast<uint32_t>(known.size()));
      if (is_new) {
        for (size_t k = 0; k < nodes.size(); ++k) push(nodes[k], k == plan.node_key ? get(column, row) : Value::none(plan.node_schema[k].type));
      }
      return at->second;
    }

    std::shared_ptr<const GraphData> finish(Batch rows) {
      auto data = std::make_shared<GraphData>();
      const ColumnPtr from = rows.column(plan.source), to = rows.column(plan.target);
      Rows kept;
      for (uint32_t row = 0; row < rows.n_rows(); ++row) {
        if (row % 65536 == 0) context.check_stop();
        if (from->is_null(row) || to->is_null(row)) continue;
        kept.push_back(row);
        data->source.push_back(node_of(*from, row));
        data->target.push_back(node_of(*to, row));
      }
      if (kept.size() < rows.n_rows()) rows.keep(kept);
      data->edges = std::move(rows);
      std::vector<ColumnPtr> shared;
      for (Column& column : nodes) shared.push_back(share(std::move(column)));
      data->nodes = Batch::of(std::move(shared), known.size());
      link(*data);
      context.charge(data->nodes.size_bytes() + data->edges.size_bytes() + 64 * (known.size() + kept.size()));
      return data;
    }
  };
};

// --- components

std::vector<uint32_t> weak_components(const GraphData& data) {
  std::vector<uint32_t> parent(data.nodes.n_rows());
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](uint32_t node) {
    while (parent[node] != node) node = parent[node] = parent[parent[node]];
    return node;
  };
  for (size_t e = 0; e < data.source.size(); ++e) parent[root(data.source[e])] = root(data.target[e]);
  for (uint32_t node = 0; node < parent.size(); ++node) parent[node] = root(node);
  return parent;
}

// Tarjan's algorithm, its stack kept apart so that long chains are no deep recursion.
std::vector<uint32_t> strong_components(const GraphData& data) {
  const size_t n = data.nodes.n_rows();
  constexpr uint32_t unseen = UINT32_MAX;
  std::vector<uint32_t> index(n, unseen), low(n), component(n, unseen), stack;
  std::vector<std::pair<uint32_t, size_t>> calls;  // node, its next edge
  uint32_t next_index = 0;
  for (uint32_t start = 0; start < n; ++start) {
    if (index[start] != unseen) continue;
    calls.push_back({start, 0});
    while (!calls.empty()) {
      const uint32_t node = calls.back().first;
      if (calls.back().second == 0) {
        index[node] = low[node] = next_index++;
        stack.push_back(node);
      }
      bool deeper = false;
      while (calls.back().second < data.out[node].size()) {
        const uint32_t other = data.target[data.out[node][calls.back().second++]];
        if (index[other] == unseen) {
          calls.push_back({other, 0});
          deeper = true;
          break;
        }
        if (component[other] == unseen) low[node] = std::min(low[node], index[other]);
      }
      if (deeper) continue;
      if (low[node] == index[node]) {
        uint32_t member = 0;
        do {
          member = stack.back();
          stack.pop_back();
          component[member] = node;
        } while (member != node);
      }
      calls.pop_back();
      if (!calls.empty()) low[calls.back().first] = std::min(low[calls.back().first], low[node]);
    }
  }
  return component;
}

class Components : public GraphNode {
 public:
  std::shared_ptr<const GraphData> graph(ExecContext& context) const override {
    auto data = std::make_shared<GraphData>(*parent->graph(context));
    const std::vector<uint32_t> of = strong ? strong_components(*data) : weak_components(*data);
    std::unordered_map<uint32_t, int64_t> numbers;  // in the order in which the nodes come
    Column ids(Type::int64);
    for (const uint32_t component : of) ids.push_i64(numbers.emplace(component, static_cast<int64_t>(numbers.size())).first->second);
    data->nodes.add_column(share(std::move(ids)));
    return data;
  }
  GraphPtr parent;
  bool strong = false;
};

class Filtered : public GraphNode {
 public:
  std::shared_ptr<const GraphData> graph(ExecContext& context) const override {
    const std::shared_ptr<const GraphData> whole = parent->graph(context);
    Evaluator evaluator(context.now);
    auto data = std::make_shared<GraphData>();
    data->nodes = whole->nodes;
    data->edges = whole->edges;
    std::vector<uint32_t> place(whole->nodes.n_rows());
    std::iota(place.begin(), place.end(), 0u);
    if (nodes) {
      const Rows kept = evaluator.filter(*nodes, whole->nodes);
      place.assign(place.size(), UINT32_MAX);
      for (uint32_t i = 0; i < kept.size(); ++i) place[kept[i]] = i;
      data->nodes.keep(kept);
    }
    Rows wanted(whole->edges.n_rows());
    std::iota(wanted.begin(), wanted.end(), 0u);
    if (edges) wanted = evaluator.filter(*edges, whole->edges);
    std::erase_if(wanted, [&](uint32_t e) { return place[whole->source[e]] == UINT32_MAX || place[whole->target[e]] == UINT32_MAX; });
    for (const uint32_t e : wanted) {
      data->source.push_back(place[whole->source[e]]);
      data->target.push_back(place[whole->target[e]]);
    }
    data->edges.keep(wanted);
    link(*data);
    return data;
  }
  GraphPtr parent;
  BoundPtr nodes, edges;
};

// --- back to a table

class GraphTable : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    const std::shared_ptr<const GraphData> data = graph->graph(context);
    const Batch& rows = nodes ? data->nodes : data->edges;
    std::vector<ColumnPtr> columns = columns_of(rows);
    const auto numbers = [&](const std::vector<uint32_t>& of) {
      Column column(Type::int64);
      for (const uint32_t n : of) column.push_i64(n);
      return share(std::move(column));
    };
    // The numbers that tell nodes apart stand behind the properties.
    if (nodes && schema.size() > columns.size()) {
      std::vector<uint32_t> all(rows.n_rows());
      std::iota(all.begin(), all.end(), 0u);
      columns.push_back(numbers(all));
    }
    if (!nodes && with_source) columns.push_back(numbers(data->source));
    if (!nodes && with_target) columns.push_back(numbers(data->target));
    return make_rows(schema, Batch::of(std::move(columns), rows.n_rows()))->open(context);
  }
  GraphPtr graph;
  bool nodes = false, with_source = false, with_target = false;
};

}  // namespace

std::unique_ptr<Stream> GraphNode::open(ExecContext& context) const { return make_rows({}, Batch::of(std::vector<ColumnPtr>(), 0))->open(context); }

GraphPtr make_graph(NodePtr edges, size_t source, size_t target, std::vector<GraphKey> nodes, columns::Schema node_schema, size_t node_key) {
  auto made = std::make_shared<MadeGraph>();
  made->edge_schema = edges->schema;
  made->edges = std::move(edges);
  made->source = source;
  made->target = target;
  made->keys = std::move(nodes);
  made->node_schema = std::move(node_schema);
  made->node_key = node_key;
  return made;
}

GraphPtr make_graph_components(GraphPtr graph, std::string column, bool strong) {
  auto made = std::make_shared<Components>();
  made->node_schema = graph->node_schema;
  made->node_schema.push_back({std::move(column), Type::int64});
  made->edge_schema = graph->edge_schema;
  made->parent = std::move(graph);
  made->strong = strong;
  return made;
}

GraphPtr make_graph_filter(GraphPtr graph, BoundPtr nodes, BoundPtr edges) {
  auto made = std::make_shared<Filtered>();
  made->node_schema = graph->node_schema;
  made->edge_schema = graph->edge_schema;
  made->parent = std::move(graph);
  made->nodes = std::move(nodes);
  made->edges = std::move(edges);
  return made;
}

NodePtr make_graph_table(GraphPtr graph, bool nodes, columns::Schema schema, bool with_source, bool with_target) {
  auto made = std::make_shared<GraphTable>();
  made->graph = std::move(graph);
  made->nodes = nodes;
  made->with_source = with_source;
  made->with_target = with_target;
  made->schema = std::move(schema);
  return made;
}

columns::Schema with_degrees(const columns::Schema& nodes) {
  columns::Schema schema = nodes;
  schema.push_back({"# in", Type::int64});
  schema.push_back({"# out", Type::int64});
  return schema;
}

}  // namespace app::kql
