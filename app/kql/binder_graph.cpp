// Binding of the graph operators. In a pattern's where and project a.name is a property of the variable a;
// each one that is read becomes a column of what the pattern gives.
#include <algorithm>

#include "app/kql/binder.h"
#include "app/kql/graph.h"

namespace app::kql {

// What names mean inside where and project of a pattern.
struct GraphScope {
  const GraphNode* graph = nullptr;
  GraphMatch match;
  std::vector<std::string> names;     // of each part; empty: none
  columns::Schema schema;             // of match.columns
  // Binding a condition on one part alone: its columns are those of the part's own rows.
  std::optional<size_t> only;
  bool others = false;                // something else was read: the condition is not that part's alone

  std::optional<size_t> part_named(const std::string& name) const {
    for (size_t k = 0; k < names.size(); ++k) {
      if (!name.empty() && names[k] == name) return match.parts[k].same_as;
    }
    return std::nullopt;
  }
  bool is_node(size_t part) const { return match.parts[part].kind == GraphPart::Kind::node; }
};

namespace {

constexpr int64_t most_path_length = 1000;

bool same_expr(const Bound& a, const Bound& b) {
  if (a.kind != b.kind || a.type != b.type) return false;
  if (a.kind == Bound::Kind::column) return a.column == b.column;
  return false;
}

bool is_inner_nodes(const Expr& e) { return e.kind == ExprKind::call && e.name == "inner_nodes" && e.args.size() == 1 && e.args[0]->kind == ExprKind::name; }

}  // namespace

// The column of this kind, made where it is new.
BoundPtr Binder::graph_column(GraphScope& g, GraphColumn column, Span span) {
  for (size_t k = 0; k < g.match.columns.size(); ++k) {
    const GraphColumn& known = g.match.columns[k];
    if (known.kind == column.kind && known.part == column.part && known.type == column.type && same_expr(*known.expr, *column.expr)) return bound_column(k, known.type, span);
  }
  const size_t k = g.match.columns.size();
  g.schema.push_back({"graph" + std::to_string(k), column.type});
  g.match.columns.push_back(std::move(column));
  return bound_column(k, g.match.columns[k].type, span);
}

BoundPtr Binder::graph_value(GraphScope& g, size_t part, BoundPtr expr, Span span) {
  if (g.only) {
    if (*g.only != part || g.match.parts[part].ranged) g.others = true;
    return expr;
  }
  GraphColumn column;
  column.part = part;
  column.type = expr->type;
  column.expr = std::move(expr);
  if (g.match.parts[part].ranged) {
    column.kind = GraphColumn::Kind::edges;
    column.type = Type::dynamic;
  }
  return graph_column(g, std::move(column), span);
}

// a.name, or the variable alone as a bag of its properties; null: e is no such thing.
BoundPtr Binder::graph_name(const Expr& e, Scope& scope) {
  GraphScope& g = *scope.graph;
  const bool path = e.kind == ExprKind::path && e.args[0]->kind == ExprKind::name;
  if (!path && e.kind != ExprKind::name) return nullptr;
  const std::optional<size_t> part = g.part_named(path ? e.args[0]->name : e.name);
  if (!part) return nullptr;
  const columns::Schema& schema = g.is_node(*part) ? g.graph->node_schema : g.graph->edge_schema;
  if (path) {
    Expr column;
    column.kind = ExprKind::name;
    column.name = e.name;
    column.span = e.span;
    const size_t k = column_index(column, schema);
    return graph_value(g, *part, bound_column(k, schema[k].type, e.span), e.span);
  }
  std::vector<BoundPtr> args;
  for (size_t k = 0; k < schema.size(); ++k) {
    args.push_back(bound_constant(Value::text(schema[k].name)));
    args.push_back(bound_column(k, schema[k].type));
  }
  return graph_value(g, *part, make_call("pack_named", std::move(args), e.span), e.span);
}

// map(), any(), all() over a path; node_degree_in(), node_degree_out(); null: e is no such call.
BoundPtr Binder::graph_call(const Expr& e, Scope& scope) {
  GraphScope& g = *scope.graph;
  if (e.name == "labels" || e.name == "node_id") fail(e.span, e.name + "() is not supported here: nodes and edges have no labels of their own", "keep the label in a column and read that");
  if (e.name == "node_degree_in" || e.name == "node_degree_out") {
    if (e.args.size() != 1 || e.args[0]->kind != ExprKind::name) fail(e.span, e.name + "() takes the name of a node of the pattern");
    const std::optional<size_t> part = g.part_named(e.args[0]->name);
    if (!part || !g.is_node(*part)) fail(e.args[0]->span, "'" + e.args[0]->name + "' is no node of the pattern");
    const size_t n = g.graph->node_schema.size();
    return graph_value(g, *part, bound_column(e.name == "node_degree_in" ? n : n + 1, Type::int64, e.span), e.span);
  }
  const bool map = e.name == "map", any = e.name == "any", all = e.name == "all";
  const bool bare = is_inner_nodes(e);
  if (!map && !any && !all && !bare) return nullptr;
  if (!bare && e.args.size() != 2) fail(e.span, e.name + "() takes a path of the pattern and an expression");
  const Expr& path = bare ? e : *e.args[0];
  const bool nodes = is_inner_nodes(path);
  const Expr& variable = nodes ? *path.args[0] : path;
  const std::optional<size_t> part = variable.kind == ExprKind::name ? g.part_named(variable.name) : std::nullopt;
  if (!part || !g.match.parts[*part].ranged) fail(path.span, e.name + "() works on a path of several edges, such as e in -[e*1..3]->");
  g.others |= g.only.has_value() && (*g.only != *part || !all || nodes);
  const columns::Schema rows = nodes ? with_degrees(g.graph->node_schema) : g.graph->edge_schema;
  Scope inner;
  inner.schema = &rows;
  inner.env = scope.env;
  inner.degrees = nodes;
  GraphColumn column;
  column.part = *part;
  if (bare) {
    std::vector<BoundPtr> args;
    for (size_t k = 0; k < g.graph->node_schema.size(); ++k) {
      args.push_back(bound_constant(Value::text(rows[k].name)));
      args.push_back(bound_column(k, rows[k].type));
    }
    column.expr = make_call("pack_named", std::move(args), e.span);
  } else {
    column.expr = map ? expr(*e.args[1], inner) : condition(*e.args[1], inner);
  }
  if (g.only) return column.expr;
  using Kind = GraphColumn::Kind;
  column.kind = nodes ? (any ? Kind::any_node : all ? Kind::all_nodes : Kind::nodes) : any ? Kind::any_edge : all ? Kind::all_edges : Kind::edges;
  column.type = any || all ? Type::boolean : Type::dynamic;
  return graph_column(g, std::move(column), e.span);
}

// node_degree_in() inside map(inner_nodes(e), ...): of the node at hand.
BoundPtr Binder::degree_of_row(const Expr& e, const Scope& scope) {
  const size_t n = scope.schema->size();
  return bound_column(e.name == "node_degree_in" ? n - 2 : n - 1, Type::int64, e.span);
}

namespace {

const GraphPtr graph_of(const NodePtr& input) { return std::dynamic_pointer_cast<const GraphNode>(input); }

}  // namespace

bool Binder::is_graph(const NodePtr& input) { return graph_of(input) != nullptr; }

NodePtr Binder::op_graph(const Operator& o, NodePtr input, const EnvPtr& env) {
  if (o.op == "make-graph") return op_make_graph(o, std::move(input), env);
  const GraphPtr graph = graph_of(input);
  if (!graph) fail(o.keyword, o.op + " works on a graph", "put make-graph before it");
  if (o.op == "graph-match" || o.op == "graph-shortest-paths") return op_graph_match(o, graph, env);
  if (o.op == "graph-to-table") return op_graph_to_table(o, graph);
  if (o.op == "graph-mark-components") {
    const auto word = [&](const char* name, const char* otherwise) {
      const Expr* e = o.param(name);
      return e == nullptr ? std::string(otherwise) : e->kind == ExprKind::literal ? to_text(e->value) : e->name;
    };
    const std::string kind = word("kind", "weak");
    if (kind != "weak" && kind != "strong") fail(o.param("kind")->span, "kind is weak or strong");
    return make_graph_components(graph, unique_name(word("with_component_id", "ComponentId"), graph->node_schema), kind == "strong");
  }
  if (o.op == "graph-where-nodes" || o.op == "graph-where-edges") {
    const bool nodes = o.op == "graph-where-nodes";
    Scope scope;
    scope.schema = nodes ? &graph->node_schema : &graph->edge_schema;
    scope.env = env;
    BoundPtr bound = condition(*o.condition, scope);
    return nodes ? make_graph_filter(graph, std::move(bound), nullptr) : make_graph_filter(graph, nullptr, std::move(bound));
  }
  fail(o.keyword, "the operator '" + o.op + "' is not supported here", "make-graph, graph-match, graph-shortest-paths, graph-mark-components and graph-to-table are");
}

NodePtr Binder::op_make_graph(const Operator& o, NodePtr input, const EnvPtr& env) {
  if (is_graph(input)) fail(o.keyword, "this already is a graph");
  const size_t source = column_index(*o.exprs[0], input->schema), target = column_index(*o.exprs[1], input->schema);
  const Type type = input->schema[source].type;
  if (input->schema[target].type != type) fail(o.exprs[1]->span, "source and target of the edges must be of one type", "convert one of them with extend before");
  std::vector<GraphKey> tables;
  columns::Schema schema;
  size_t node_key = 0;
  if (o.exprs.size() == 2) schema = {{o.names.empty() ? "node_id" : o.names[0], type}};
  for (size_t k = 2; k + 1 < o.exprs.size(); k += 2) {
    GraphKey nodes;
    nodes.table = table(*o.exprs[k], env);
    nodes.key = column_index(*o.exprs[k + 1], nodes.table->schema);
    if (nodes.table->schema[nodes.key].type != type) fail(o.exprs[k + 1]->span, "the nodes' key must be of the type of the edges' ends", "convert it with extend before");
    if (k == 2) node_key = nodes.key;
    for (size_t c = 0; c < nodes.table->schema.size(); ++c) {
      const columns::ColumnInfo& column = nodes.table->schema[c];
      if (c == nodes.key && k > 2) continue;  // the first table names the key
      if (!find_column(schema, column.name)) schema.push_back(column);
    }
    tables.push_back(std::move(nodes));
  }
  for (GraphKey& nodes : tables) {
    for (size_t c = 0; c < schema.size(); ++c) {
      const std::optional<size_t> at = c == node_key ? std::optional<size_t>(nodes.key) : find_column(nodes.table->schema, schema[c].name);
      nodes.column_of.push_back(at && nodes.table->schema[*at].type == schema[c].type ? static_cast<int>(*at) : -1);
    }
  }
  if (o.queries.empty()) return make_graph(std::move(input), source, target, std::move(tables), std::move(schema), node_key);
  return partitioned_graph(o, std::move(input), source, target, std::move(tables), std::move(schema), node_key, env);
}

// One graph for each value of a column of edges and nodes, and the bracketed query over each. The values are
// looked for while the query is bound; each graph is the edges and nodes of one of them.
NodePtr Binder::partitioned_graph(const Operator& o, NodePtr edges, size_t source, size_t target, std::vector<GraphKey> tables, columns::Schema schema,
                                  size_t node_key, const EnvPtr& env) {
  const size_t key = column_index(*o.by[0], edges->schema);
  const Type type = edges->schema[key].type;
  const NodePtr kept = make_materialized(std::move(edges));
  std::vector<Value> values;
  if (!check_only_) {
    AggregateCall none;
    const Batch rows = run_to_one(*make_distinct(make_compute(kept, {{"key", type}}, {bound_column(key, type)})), context_);
    for (size_t row = 0; row < rows.n_rows(); ++row) values.push_back(get(*rows.column(0), row));
  }
  if (values.size() > 1000) fail(o.by[0]->span, "the column has more than 1,000 values to part the graph by", "filter the edges first");
  if (values.empty()) values.push_back(Value::none(type));
  std::vector<std::pair<std::string, NodePtr>> legs;
  for (const Value& value : values) {
    const auto equals = [&](size_t column) { return make_call("==", {bound_column(column, type), bound_constant(value)}, o.by[0]->span); };
    std::vector<GraphKey> own = tables;
    for (GraphKey& nodes : own) {
      if (const auto at = find_column(nodes.table->schema, o.by[0]->name); at && nodes.table->schema[*at].type == type) nodes.table = make_filter(nodes.table, equals(*at));
    }
    const GraphPtr graph = make_graph(make_filter(kept, equals(key)), source, target, std::move(own), schema, node_key);
    legs.emplace_back("", query(*o.queries[0], env, graph));
    if (is_graph(legs.back().second)) fail(o.queries[0]->span, "the query in brackets ends in a graph", "add graph-match or graph-to-table");
  }
  return legs.size() == 1 ? legs[0].second : unite(std::move(legs), false, "");
}

namespace {

void add_parts(const Operator& o, GraphScope& g) {
  for (const auto& pattern : o.patterns) {
    for (size_t i = 0; i < pattern.size(); ++i) {
      const GraphPart& written = pattern[i];
      GraphMatch::Part part;
      part.kind = written.kind;
      part.begins = i == 0;
      part.ranged = written.ranged;
      part.same_as = g.match.parts.size();
      if (written.kind == GraphPart::Kind::node) {
        if (const auto known = g.part_named(written.name)) part.same_as = *known;
      }
      g.match.parts.push_back(std::move(part));
      g.names.push_back(written.name);
    }
  }
}

}  // namespace

NodePtr Binder::op_graph_match(const Operator& o, const GraphPtr& graph, const EnvPtr& env) {
  GraphScope g;
  g.graph = graph.get();
  add_parts(o, g);
  size_t number = 0;
  for (const auto& pattern : o.patterns) {
    for (const GraphPart& written : pattern) {
      GraphMatch::Part& part = g.match.parts[number++];
      if (!written.ranged) continue;
      const auto bound = [&](const ExprPtr& e, int64_t missing) { return e ? to_int64(constant(*e, env)).value_or(-1) : missing; };
      part.least = bound(written.least, 1);
      part.most = bound(written.most, INT64_MAX);
      if (part.least < 0 || part.most < part.least) fail(written.span, "a path needs its least and most number of edges, such as *1..5");
      if (part.most > most_path_length) fail(written.span, "a path may have at most 1,000 edges here", "write its most number of edges, such as *1..5");
    }
  }
  const auto word = [&](const char* name) {
    const Expr* e = o.param(name);
    return e == nullptr ? std::string() : e->kind == ExprKind::literal ? to_text(e->value) : e->name;
  };
  if (o.op == "graph-match") {
    const std::string cycles = word("cycles");
    if (!cycles.empty() && cycles != "all" && cycles != "none" && cycles != "unique_edges") fail(o.param("cycles")->span, "cycles is all, none or unique_edges");
    g.match.cycles = cycles == "all" ? GraphMatch::Cycles::all : cycles == "none" ? GraphMatch::Cycles::none : GraphMatch::Cycles::unique_edges;
  } else {
    const std::string output = word("output");
    if (!output.empty() && output != "any" && output != "all") fail(o.param("output")->span, "output is any or all");
    if (g.match.parts.size() != 3 || !g.match.parts[1].ranged) fail(o.keyword, "graph-shortest-paths takes one path here, such as (a)-[e*1..5]->(b)", "use graph-match for other patterns");
    g.match.shortest = true;
    g.match.all_shortest = output == "all";
  }

  // Conditions on one node or edge alone are looked at while the pattern is laid; the whole afterwards.
  Scope scope;
  scope.env = env;
  scope.graph = &g;
  if (o.condition) {
    const Expr& whole = *o.condition;
    const size_t n = whole.kind == ExprKind::all_of ? whole.args.size() : 1;
    for (size_t i = 0; i < n; ++i) push_graph_condition(whole.kind == ExprKind::all_of ? *whole.args[i] : whole, g, env);
  }
  scope.schema = &g.schema;
  BoundPtr where = o.condition ? condition(*o.condition, scope) : nullptr;
  std::vector<Named> list;
  size_t n_unnamed = 0;
  if (o.exprs.empty()) {
    list = graph_properties(g);
  } else {
    for (const ExprPtr& e : o.exprs) {
      for (Named& one : named(*e, scope, n_unnamed)) {
        if (e->names.empty() && e->kind == ExprKind::call && (e->name == "node_degree_in" || e->name == "node_degree_out")) one.name = e->name;
        one.name = unique_name(one.name, list);
        list.push_back(std::move(one));
      }
    }
  }
  NodePtr node = make_graph_match(graph, g.schema, std::move(g.match));
  if (where) node = make_filter(std::move(node), std::move(where));
  return compute(std::move(node), list);
}

// Without project: every property of every named part.
std::vector<Binder::Named> Binder::graph_properties(GraphScope& g) {
  std::vector<Named> list;
  for (size_t part = 0; part < g.names.size(); ++part) {
    if (g.names[part].empty() || g.match.parts[part].same_as != part) continue;
    const columns::Schema& schema = g.is_node(part) ? g.graph->node_schema : g.graph->edge_schema;
    for (size_t k = 0; k < schema.size(); ++k) {
      list.push_back({unique_name(g.names[part] + "_" + schema[k].name, list), graph_value(g, part, bound_column(k, schema[k].type), {})});
    }
  }
  return list;
}

// Where a condition reads one part and nothing else, it is that part's: bound again over the part's own rows.
void Binder::push_graph_condition(const Expr& e, GraphScope& g, const EnvPtr& env) {
  for (size_t part = 0; part < g.match.parts.size(); ++part) {
    if (g.names[part].empty() || g.match.parts[part].same_as != part) continue;
    if (g.match.parts[part].ranged && !(e.kind == ExprKind::call && e.name == "all")) continue;
    const columns::Schema rows = g.is_node(part) ? with_degrees(g.graph->node_schema) : g.graph->edge_schema;
    GraphScope alone = g;
    alone.only = part;
    Scope scope;
    scope.schema = &rows;
    scope.env = env;
    scope.graph = &alone;
    const size_t n_errors = errors_.size();
    BoundPtr bound;
    try {
      bound = condition(e, scope);
    } catch (const BindFailed&) {
      alone.others = true;
    }
    const bool failed = errors_.size() > n_errors;
    errors_.resize(n_errors);  // said again when the whole is bound
    if (failed || alone.others || !bound || !is_pure(*bound) || is_constant(*bound)) continue;
    g.match.parts[part].conditions.push_back(std::move(bound));
    return;
  }
}

NodePtr Binder::op_graph_to_table(const Operator& o, const GraphPtr& graph) {
  NodePtr first;
  for (const Operator& part : o.parts) {
    const bool nodes = part.op == "nodes";
    columns::Schema schema = nodes ? graph->node_schema : graph->edge_schema;
    for (const char* name : {"with_node_id", "with_source_id", "with_target_id"}) {
      if (const Expr* e = part.param(name)) schema.push_back({unique_name(e->name, schema), Type::int64});
    }
    NodePtr table = make_graph_table(graph, nodes, std::move(schema), part.param("with_source_id") != nullptr, part.param("with_target_id") != nullptr);
    const std::string shown = part.names.empty() ? part.op : part.names[0];
    if (!first) first = std::move(table), first_name_ = o.parts.size() > 1 ? shown : first_name_;
    else further_.emplace_back(shown, std::move(table));
  }
  return first;
}

}  // namespace app::kql
