// The graph operators: make-graph a --> b, patterns such as (x)-[e*1..5]->(y), graph-to-table.
#include "app/kql/parser_impl.h"

namespace app::kql {

void Parser::op_graph(Operator& op) {
  if (op.op == "make-graph") return make_graph(op);
  if (op.op == "graph-match" || op.op == "graph-shortest-paths") return graph_match(op);
  if (op.op == "graph-to-table") return graph_to_table(op);
  if (op.op == "graph-where-nodes" || op.op == "graph-where-edges") {
    op.condition = expr();
    return;
  }
  if (op.op == "graph-mark-components") return;
  if (op.op == "graph") {
    expect("(");
    do op.exprs.push_back(named_expr());
    while (take(","));
    return expect(")");
  }
  skip_body();  // refused by name when bound
}

// exprs: the columns of source and target, then tables of nodes with their key column each.
void Parser::make_graph(Operator& op) {
  op.exprs.push_back(postfix());
  expect("-");
  expect("-");
  expect(">");
  op.exprs.push_back(postfix());
  if (take_word("with_node_id")) {
    expect("=");
    op.names.push_back(any_name("a name"));
  } else if (take_word("with")) {
    do {
      op.exprs.push_back(postfix());
      expect_word("on");
      op.exprs.push_back(expr());
    } while (take(","));
  }
  if (take_word("partitioned-by")) {
    ExprPtr key = make(ExprKind::name, peek().span.begin);
    key->name = any_name("a column name", &key->name_span, &key->escaped_name);
    key->span = key->name_span;
    op.by.push_back(std::move(key));
    op.queries.push_back(sub_pipeline("(", ")"));
  }
}

void Parser::graph_match(Operator& op) {
  do op.patterns.push_back(graph_pattern());
  while (take(","));
  if (take_word("where")) op.condition = expr();
  if (take_word("project")) op.exprs = named_list();
}

std::vector<GraphPart> Parser::graph_pattern() {
  std::vector<GraphPart> parts;
  parts.push_back(graph_node());
  while (peek().is("-") || peek().is("<")) {
    parts.push_back(graph_edge());
    parts.push_back(graph_node());
  }
  return parts;
}

GraphPart Parser::graph_node() {
  GraphPart node;
  node.span.begin = peek().span.begin;
  expect("(", "a node of a pattern is written (name)");
  if (!peek().is(")")) node.name = any_name("a name for the node");
  expect(")");
  node.span.end = last_end();
  return node;
}

// -[e]->  <-[e]-  -[e]-  -->  <--  --
GraphPart Parser::graph_edge() {
  GraphPart edge;
  edge.span.begin = peek().span.begin;
  const bool backward = take("<");
  expect("-");
  if (take("[")) {
    if (!peek().is("]") && !peek().is("*")) edge.name = any_name("a name for the edge");
    if (take("*")) {
      edge.ranged = true;
      edge.least = primary();
      expect("..", "how often the edge repeats: [e*1..3]");
      edge.most = primary();
    }
    expect("]");
  }
  expect("-");
  const bool forward = !backward && take(">");
  edge.kind = backward ? GraphPart::Kind::backward : forward ? GraphPart::Kind::forward : GraphPart::Kind::either;
  edge.span.end = last_end();
  return edge;
}

// names: of the tables asked for, "nodes" and "edges" with what each is called; by names of added columns.
void Parser::graph_to_table(Operator& op) {
  do {
    Operator part;
    part.op = peek().text;
    part.keyword = peek().span;
    if (!at_word({"nodes", "edges"})) fail_here("nodes or edges is expected here");
    next();
    const auto options = [&] {
      while (at_word({"with_node_id", "with_source_id", "with_target_id"})) {
        Parameter p;
        p.name = next().text;
        expect("=");
        p.value = make(ExprKind::name, peek().span.begin);
        p.value->name = any_name("a name", &p.value->name_span);
        p.value->span = p.value->name_span;
        part.params.push_back(std::move(p));
      }
    };
    options();
    if (take_word("as")) part.names.push_back(any_name("a name"));
    options();
    op.parts.push_back(std::move(part));
  } while (take(","));
}

// Everything up to the next pipe of this level.
void Parser::skip_body() {
  int open = 0;
  while (!at_end()) {
    const Token& token = peek();
    if (token.is("(") || token.is("[") || token.is("{")) ++open;
    if (token.is(")") || token.is("]") || token.is("}")) {
      if (open == 0) return;
      --open;
    }
    if (open == 0 && (token.is("|") || token.is(";"))) return;
    if (token.kind == TokenKind::bad) fail_here(token.text);
    next();
  }
  if (open > 0) fail_here("expected )");
}

}  // namespace app::kql
