// Patterns in graphs: every way to lay the parts of a pattern over nodes and edges, found depth first; and
// shortest paths, breadth first.
#include <algorithm>

#include "app/kql/graph.h"
#include "app/kql/json.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

using columns::Column;
using Kind = GraphPart::Kind;

// One match: a row of nodes or edges for each part; for a path its number among the paths.
struct Matches {
  size_t n_parts = 0;
  std::vector<uint32_t> at;                        // n_parts each
  std::vector<std::vector<uint32_t>> path_edges, path_nodes;  // of each path: its edges; the nodes between them
  size_t n() const { return n_parts == 0 ? 0 : at.size() / n_parts; }
};

class Matcher {
 public:
  Matcher(const GraphMatch& plan, const GraphData& data, const Batch& nodes, ExecContext& context) : plan_(plan), data_(data), context_(context) {
    found_.n_parts = plan.parts.size();
    at_.assign(plan.parts.size(), 0);
    node_uses_.assign(nodes.n_rows(), 0);
    edge_uses_.assign(data.edges.n_rows(), 0);
    Evaluator evaluator(context.now);
    for (const GraphMatch::Part& part : plan.parts) {
      const Batch& rows = part.kind == Kind::node ? nodes : data.edges;
      std::vector<char> fits(rows.n_rows(), 1);
      for (const BoundPtr& condition : part.conditions) {
        std::vector<char> holds(rows.n_rows(), 0);
        for (const uint32_t row : evaluator.filter(*condition, rows)) holds[row] = 1;
        for (size_t row = 0; row < fits.size(); ++row) fits[row] = static_cast<char>(fits[row] & holds[row]);
      }
      fits_.push_back(std::move(fits));
    }
  }

  Matches run() {
    plan_.shortest ? shortest() : step(0);
    return std::move(found_);
  }

 private:
  // --- any pattern
  void step(size_t k) {
    if (++n_steps_ % 4096 == 0) context_.check_stop();
    if (k == plan_.parts.size()) return emit();
    const GraphMatch::Part& part = plan_.parts[k];
    if (part.kind != Kind::node) return part.ranged ? path(k, at_[k - 1], 0) : edge(k);
    // The first node of a pattern: one that an earlier pattern has found, or any.
    if (part.same_as != k) {
      at_[k] = at_[part.same_as];
      return step(k + 1);
    }
    for (uint32_t node = 0; node < data_.nodes.n_rows(); ++node) {
      if (fits_[k][node]) with_node(k, node);
    }
  }

  // Part k is this node; then what follows.
  void with_node(size_t k, uint32_t node) {
    const GraphMatch::Part& part = plan_.parts[k];
    if (part.same_as != k) {
      if (at_[part.same_as] != node) return;
      at_[k] = node;
      return step(k + 1);
    }
    if (!fits_[k][node] || (plan_.cycles == GraphMatch::Cycles::none && node_uses_[node] > 0)) return;
    at_[k] = node;
    ++node_uses_[node];
    step(k + 1);
    --node_uses_[node];
  }

  template <typename F>
  void each_edge(size_t k, uint32_t from, F f) {
    const Kind kind = plan_.parts[k].kind;
    if (kind != Kind::backward) {
      for (const uint32_t e : data_.out[from]) f(e, data_.target[e]);
    }
    if (kind == Kind::forward) return;
    for (const uint32_t e : data_.in[from]) {
      if (kind == Kind::either && data_.source[e] == data_.target[e]) continue;  // met among those that go out
      f(e, data_.source[e]);
    }
  }
  bool may_use(size_t k, uint32_t e) const { return fits_[k][e] && (plan_.cycles == GraphMatch::Cycles::all || edge_uses_[e] == 0); }

  void edge(size_t k) {
    each_edge(k, at_[k - 1], [&](uint32_t e, uint32_t node) {
      if (!may_use(k, e)) return;
      at_[k] = e;
      ++edge_uses_[e];
      with_node(k + 1, node);
      --edge_uses_[e];
    });
  }

  // A path that has come to a node with so many edges; path_ holds them.
  void path(size_t k, uint32_t node, int64_t length) {
    if (++n_steps_ % 4096 == 0) context_.check_stop();
    const GraphMatch::Part& part = plan_.parts[k];
    const size_t begin = path_.size() - static_cast<size_t>(length);
    if (length >= part.least) end_path(k, node, begin);
    if (length >= part.most) return;
    // The node is now inside the path, and with cycles=none no other part may be it.
    const bool inside = length > 0;
    if (inside && plan_.cycles == GraphMatch::Cycles::none && node_uses_[node] > 0) return;
    if (inside) ++node_uses_[node];
    each_edge(k, node, [&](uint32_t e, uint32_t other) {
      if (!may_use(k, e)) return;
      ++edge_uses_[e];
      path_.push_back({e, other});
      path(k, other, length + 1);
      path_.pop_back();
      --edge_uses_[e];
    });
    if (inside) --node_uses_[node];
  }

  void end_path(size_t k, uint32_t node, size_t begin) {
    // What follows may hold paths of its own.
    std::vector<std::pair<uint32_t, uint32_t>> kept(path_.begin() + static_cast<long>(begin), path_.end());
    const size_t before = pending_.size();
    at_[k] = static_cast<uint32_t>(before);
    pending_.push_back(std::move(kept));
    std::vector<std::pair<uint32_t, uint32_t>> outer;
    outer.swap(path_);
    with_node(k + 1, node);
    path_.swap(outer);
    pending_.pop_back();
  }

  void emit() {
    if (found_.n() >= UINT32_MAX) engine::fail(engine::ErrorKind::out_of_memory, "the pattern has more matches than can be held; add conditions to its where");
    size_t bytes = 4 * at_.size();
    for (size_t k = 0; k < at_.size(); ++k) {
      if (plan_.parts[k].kind == Kind::node || !plan_.parts[k].ranged) {
        found_.at.push_back(at_[k]);
        continue;
      }
      const auto& steps = pending_[at_[k]];
      found_.at.push_back(static_cast<uint32_t>(found_.path_edges.size()));
      bytes += keep_path(steps);
    }
    context_.charge(bytes);
  }

  size_t keep_path(const std::vector<std::pair<uint32_t, uint32_t>>& steps) {
    std::vector<uint32_t> edges, nodes;
    for (const auto& [e, node] : steps) edges.push_back(e), nodes.push_back(node);
    if (!nodes.empty()) nodes.pop_back();
    found_.path_edges.push_back(std::move(edges));
    found_.path_nodes.push_back(std::move(nodes));
    return 8 * steps.size() + 64;
  }

  // --- (a)-[e*least..most]->(b): from each a to each b once, or along every path of that length
  void shortest() {
    const GraphMatch::Part& part = plan_.parts[1];
    for (uint32_t start = 0; start < data_.nodes.n_rows(); ++start) {
      if (!fits_[0][start]) continue;
      context_.check_stop();
      std::vector<int64_t> distance(data_.nodes.n_rows(), -1);
      std::vector<std::vector<std::pair<uint32_t, uint32_t>>> from(data_.nodes.n_rows());  // edge, node before
      distance[start] = 0;
      std::vector<uint32_t> level = {start};
      for (int64_t d = 1; d <= part.most && !level.empty(); ++d) {
        std::vector<uint32_t> next;
        for (const uint32_t node : level) {
          each_edge(1, node, [&](uint32_t e, uint32_t other) {
            if (!fits_[1][e] || (distance[other] >= 0 && distance[other] < d)) return;
            if (distance[other] < 0) distance[other] = d, next.push_back(other);
            else if (!plan_.all_shortest) return;
            from[other].push_back({e, node});
          });
        }
        level = std::move(next);
      }
      for (uint32_t end = 0; end < data_.nodes.n_rows(); ++end) {
        if (distance[end] < std::max<int64_t>(part.least, 1) || !fits_[2][end]) continue;
        at_ = {start, 0, end};
        std::vector<std::pair<uint32_t, uint32_t>> back;
        trace(from, start, end, end, back);
      }
    }
  }

  void trace(const std::vector<std::vector<std::pair<uint32_t, uint32_t>>>& from, uint32_t start, uint32_t end, uint32_t node,
             std::vector<std::pair<uint32_t, uint32_t>>& back) {
    if (node == start) {
      std::vector<std::pair<uint32_t, uint32_t>> steps(back.rbegin(), back.rend());
      found_.at.insert(found_.at.end(), {start, static_cast<uint32_t>(found_.path_edges.size()), end});
      context_.charge(keep_path(steps) + 12);
      return;
    }
    for (const auto& [e, before] : from[node]) {
      back.push_back({e, node});
      trace(from, start, end, before, back);
      back.pop_back();
    }
  }

  const GraphMatch& plan_;
  const GraphData& data_;
  ExecContext& context_;
  std::vector<std::vector<char>> fits_;   // of each part: which nodes or edges its conditions allow
  std::vector<uint32_t> at_, node_uses_, edge_uses_;
  std::vector<std::pair<uint32_t, uint32_t>> path_;  // edge, node it leads to
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> pending_;  // whole paths of the match being made
  Matches found_;
  uint64_t n_steps_ = 0;
};

class MatchNode : public Node {
 public:
  std::unique_ptr<Stream> open(ExecContext& context) const override {
    const std::shared_ptr<const GraphData> data = graph->graph(context);
    Batch nodes = data->nodes;
    for (const auto* edges_of : {&data->in, &data->out}) {
      Column degree(Type::int64);
      for (const auto& edges : *edges_of) degree.push_i64(static_cast<int64_t>(edges.size()));
      nodes.add_column(share(std::move(degree)));
    }
    const Matches found = Matcher(plan, *data, nodes, context).run();
    std::vector<ColumnPtr> columns;
    Evaluator evaluator(context.now);
    for (const GraphColumn& c : plan.columns) columns.push_back(column_of(c, found, *data, nodes, evaluator));
    return make_rows(schema, Batch::of(std::move(columns), found.n()))->open(context);
  }

  GraphPtr graph;
  GraphMatch plan;

 private:
  ColumnPtr column_of(const GraphColumn& c, const Matches& found, const GraphData& data, const Batch& nodes, Evaluator& evaluator) const {
    const bool of_nodes = c.kind == GraphColumn::Kind::nodes || c.kind == GraphColumn::Kind::any_node || c.kind == GraphColumn::Kind::all_nodes ||
                          (c.kind == GraphColumn::Kind::property && plan.parts[c.part].kind == Kind::node);
    const ColumnPtr values = evaluator.column(*c.expr, of_nodes ? nodes : data.edges);
    const auto at = [&](size_t match) { return found.at[match * found.n_parts + c.part]; };
    if (c.kind == GraphColumn::Kind::property) {
      Rows rows;
      for (size_t i = 0; i < found.n(); ++i) rows.push_back(at(i));
      return share(values->take(rows));
    }
    Column out(c.type);
    for (size_t i = 0; i < found.n(); ++i) {
      const std::vector<uint32_t>& steps = of_nodes ? found.path_nodes[at(i)] : found.path_edges[at(i)];
      switch (c.kind) {
        case GraphColumn::Kind::any_edge: case GraphColumn::Kind::any_node:
          out.push_i64(std::any_of(steps.begin(), steps.end(), [&](uint32_t k) { return !values->is_null(k) && values->i64(k) != 0; }));
          break;
        case GraphColumn::Kind::all_edges: case GraphColumn::Kind::all_nodes:
          out.push_i64(std::all_of(steps.begin(), steps.end(), [&](uint32_t k) { return !values->is_null(k) && values->i64(k) != 0; }));
          break;
        default: {
          Json list = Json::array();
          for (const uint32_t k : steps) list.items.push_back(dynamic_value(get(*values, k)));
          push(out, from_json(list));
        }
      }
    }
    return share(std::move(out));
  }
};

}  // namespace

NodePtr make_graph_match(GraphPtr graph, columns::Schema schema, GraphMatch match) {
  auto made = std::make_shared<MatchNode>();
  made->graph = std::move(graph);
  made->plan = std::move(match);
  made->schema = std::move(schema);
  return made;
}

}  // namespace app::kql
