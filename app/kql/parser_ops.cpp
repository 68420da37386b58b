// The tabular operators: what stands behind a pipe, and what can begin a query.
#include <algorithm>

#include "app/kql/parser_impl.h"
#include "app/kql/json.h"
#include "engine/base/error.h"

namespace app::kql {

const std::vector<OperatorName>& operator_names() {
  static const std::vector<OperatorName> names = {
      {"where", "where"}, {"filter", "where"}, {"project", "project"}, {"project-away", "project-away"},
      {"project-keep", "project-keep"}, {"project-rename", "project-rename"}, {"project-reorder", "project-reorder"},
      {"project-smart", "project-smart"}, {"project-by-names", "project-by-names"}, {"extend", "extend"},
      {"summarize", "summarize"}, {"sort", "sort"}, {"order", "sort"}, {"take", "take"}, {"limit", "take"}, {"top", "top"},
      {"distinct", "distinct"}, {"count", "count"}, {"join", "join"}, {"lookup", "lookup"}, {"union", "union"},
      {"mv-expand", "mv-expand"}, {"mvexpand", "mv-expand"}, {"mv-apply", "mv-apply"}, {"mvapply", "mv-apply"},
      {"parse", "parse"}, {"parse-where", "parse-where"}, {"parse-kv", "parse-kv"}, {"make-series", "make-series"},
      {"render", "render"}, {"serialize", "serialize"}, {"range", "range"}, {"print", "print"}, {"as", "as"},
      {"invoke", "invoke"}, {"top-nested", "top-nested"}, {"top-hitters", "top-hitters"}, {"sample", "sample"},
      {"sample-distinct", "sample-distinct"}, {"partition", "partition"}, {"__partitionby", "partition"},
      {"scan", "scan"}, {"evaluate", "evaluate"}, {"find", "find"}, {"search", "search"}, {"fork", "fork"},
      {"facet", "facet"}, {"getschema", "getschema"}, {"reduce", "reduce"}, {"consume", "consume"},
      {"make-graph", "make-graph"}, {"graph-match", "graph-match"}, {"graph-to-table", "graph-to-table"},
      {"graph-shortest-paths", "graph-shortest-paths"}, {"graph-mark-components", "graph-mark-components"},
      {"graph-merge", "graph-merge"}, {"graph-where-nodes", "graph-where-nodes"}, {"graph-where-edges", "graph-where-edges"},
      {"graph", "graph"}, {"macro-expand", "macro-expand"}, {"assert-schema", "assert-schema"},
      {"execute-and-cache", "execute-and-cache"}, {"__executeAndCache", "execute-and-cache"}};
  return names;
}

namespace {

// Parameters written name=value before an operator's own text.
bool is_param(std::string_view op, std::string_view name) {
  if (name.substr(0, 2) == "__" || name == "hint") return true;
  const auto any = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (op == "join" || op == "lookup") return any({"kind", "flags"});
  if (op == "union") return any({"kind", "isfuzzy", "withsource", "with_source"});
  if (op == "mv-expand" || op == "mv-apply") return any({"kind", "bagexpansion", "with_itemindex"});
  if (op == "find" || op == "search") return any({"kind", "isfuzzy", "withsource", "with_source"});
  if (op == "parse" || op == "parse-where") return any({"kind", "flags"});
  if (op == "make-series" || op == "reduce" || op == "facet") return any({"kind"});
  if (op == "summarize" || op == "sort" || op == "top" || op == "distinct") return any({"bin_legacy", "decodeblocks"});
  if (op == "scan") return any({"with_match_id", "with_step_name", "kind"});
  if (op == "consume") return any({"decodeblocks"});
  if (op == "evaluate") return any({"kind"});
  if (op == "partition") return any({"kind", "id"});
  if (op == "macro-expand") return any({"kind", "isfuzzy", "withsource", "with_source"});
  if (op == "graph-match" || op == "graph-shortest-paths") return any({"cycles", "output"});
  if (op == "graph-mark-components") return any({"kind", "with_component_id"});
  if (op == "graph-to-table") return any({"with_node_id", "with_source_id", "with_target_id"});
  return false;
}

}  // namespace

// ---------------------------------------------------------------- pipelines

bool Parser::at_source_operator() const {
  const Token& token = peek();
  if (token.kind != TokenKind::name) return false;
  const Token& after = peek(1);
  const bool operand = after.kind == TokenKind::name || after.kind == TokenKind::string || after.kind == TokenKind::typed ||
                       after.kind == TokenKind::number_long || after.kind == TokenKind::number_real ||
                       after.kind == TokenKind::timespan || after.is("(") || after.is("[") || after.is("*") || after.is("-");
  if (token.text == "print") return operand;
  if (token.text == "range") return (after.kind == TokenKind::name || after.is("[")) && !after.is_word("and");
  if (token.text == "union") return operand;
  if (token.text == "search" || token.text == "find") return operand;
  if (token.text == "evaluate") return after.kind == TokenKind::name;
  return token.text == "macro-expand" || (token.text == "graph" && peek(1).is("("));
}

ExprPtr Parser::query_or_expr() {
  const Nesting level(*this);
  const size_t begin = peek().span.begin;
  auto query = std::make_unique<Query>();
  query->span.begin = begin;
  if (at_source_operator()) {
    query->ops.push_back(query_operator());
  } else {
    query->source = named_expr();
    if (!peek().is("|")) return std::move(query->source);
  }
  piped_operators(*query);
  query->span.end = last_end();
  ExprPtr e = make(ExprKind::query, begin);
  e->query = std::move(query);
  return e;
}

void Parser::piped_operators(Query& query) {
  while (take("|")) {
    try {
      query.ops.push_back(query_operator());
      const Token& token = peek();
      if (!token.is("|") && !token.is(";") && !token.is(")") && !token.is("}") && !at_end()) {
        const std::string& op = query.ops.back().op;
        const bool list = op == "mv-expand" || op == "project" || op == "extend" || op == "summarize" || op == "print";
        std::string hint;
        if (token.is_word("LIKE") || token.is_word("like")) hint = "use has, contains or matches regex";
        if (token.is_word("IS") || token.is_word("is")) hint = "use isnotempty(x), isempty(x), isnull(x)";
        if (token.kind == TokenKind::bad && token.text.find("character &") != std::string::npos) {
          error(token.span, token.text, "write and");
          throw Skip{};
        }
        if (token.kind == TokenKind::name) {
          for (const OperatorName& name : operator_names()) {
            if (token.text == name.keyword) hint = "put a | before " + token.text;
          }
        }
        if (token.is("=")) hint = "compare with ==";
        fail_here(list ? "expected , or |" : "expected | or ;", hint);
      }
    } catch (const Skip&) {
      skip_to_pipe();
    }
  }
}

std::unique_ptr<Query> Parser::pipeline(bool starts_with_operator) {
  const Nesting level(*this);
  auto query = std::make_unique<Query>();
  query->span.begin = peek().span.begin;
  if (starts_with_operator) {
    query->ops.push_back(query_operator());
    piped_operators(*query);
  } else {
    ExprPtr e = query_or_expr();
    if (e->kind == ExprKind::query && !e->parenthesised) return std::move(e->query);
    query->source = std::move(e);
  }
  query->span.end = last_end();
  return query;
}

std::unique_ptr<Query> Parser::sub_pipeline(std::string_view open, std::string_view close) {
  expect(open);
  std::unique_ptr<Query> query = pipeline(true);
  expect(close);
  return query;
}

Operator Parser::query_operator() {
  const Token token = peek();
  if (token.kind == TokenKind::bad) fail_here(token.text);
  std::vector<std::string> keywords;
  for (const OperatorName& name : operator_names()) {
    if (token.is_word(name.keyword)) {
      Operator op;
      op.op = name.op;
      op.keyword = token.span;
      op.span.begin = token.span.begin;
      next();
      op_body(op);
      op.span.end = last_end();
      return op;
    }
    keywords.emplace_back(name.keyword);
  }
  if (token.kind != TokenKind::name) fail_here("a query operator is missing here", token.is("|") ? "remove one of the two |, or write or" : "");
  const std::string lower = token.text;
  std::string hint;
  if (lower == "GROUP" || lower == "group") hint = "use summarize ... by ...";
  else if (lower == "having" || lower == "HAVING") hint = "use where after summarize";
  else if (const std::string near = nearest_name(lower, keywords); !near.empty()) hint = "did you mean " + near + "?";
  error(token.span, "'" + token.text + "' is not a query operator", hint);
  throw Skip{};
}

// kind=inner hint.strategy=broadcast ...
void Parser::params(Operator& op, bool named_too) {
  while (peek().kind == TokenKind::name && is_param(op.op, peek().text)) {
    size_t k = 1;
    while (peek(k).is(".") && peek(k + 1).kind == TokenKind::name) k += 2;
    if (!peek(k).is("=")) return;
    if (!named_too && peek().text != "hint" && peek().text.substr(0, 2) != "__") return;
    Parameter p;
    p.name = next().text;
    while (take(".")) p.name += "." + next().text;
    expect("=");
    p.value = param_value();
    op.params.push_back(std::move(p));
  }
}

ExprPtr Parser::param_value() {
  if (peek().kind == TokenKind::name && peek().text != "dynamic") {
    ExprPtr e = make(ExprKind::name, peek().span.begin);
    e->name = next().text;
    while (peek().is(".") && peek(1).kind == TokenKind::name) next(), e->name += "." + next().text;
    e->span.end = last_end();
    return e;
  }
  if (peek().is("[") || peek().is("(")) return primary();
  return literal();
}

void Parser::op_body(Operator& op) {
  const std::string& name = op.op;
  params(op, true);
  if (name == "where") {
    op.exprs.push_back(named_expr());
  } else if (name == "project" || name == "project-rename" || name == "serialize") {
    if (!peek().is("|") && !peek().is(";") && !peek().is(")") && !at_end()) op.exprs = named_list();
    else if (name == "project" && at_end()) missing_expression();
  } else if (name == "extend" || name == "print") {
    op.exprs = named_list();
  } else if (name == "distinct") {
    if (peek().is("*")) {
      next();
      op.star = true;
      return;
    }
    op.exprs = named_list();
  } else if (name == "project-away" || name == "project-keep" || name == "project-reorder" || name == "project-by-names") {
    if (name != "project-keep" && (peek().is("|") || peek().is(";") || at_end())) return;
    do {
      op.exprs.push_back(name == "project-by-names" ? expr() : name_or_wildcard());
      ExprPtr& e = op.exprs.back();
      if (take_word("asc") || take_word("granny-asc")) e->order = Expr::Order::asc;
      else if (take_word("desc") || take_word("granny-desc")) e->order = Expr::Order::desc;
    } while (take(","));
  } else if (name == "take" || name == "sample") {
    op.count = named_expr();
  } else if (name == "sample-distinct" || name == "top-hitters") {
    op.count = named_expr();
    expect_word("of");
    op.exprs.push_back(named_expr());
    if (name == "top-hitters" && take_word("by")) op.by.push_back(ordered_expr());
  } else if (name == "sort") {
    expect_word("by");
    op.by = ordered_list();
  } else if (name == "top") {
    op.count = named_expr();
    expect_word("by");
    op.by = ordered_list();
  } else if (name == "count") {
    if (take_word("as")) op.names.push_back(any_name("a name"));
  } else if (name == "summarize") {
    op_summarize(op);
  } else if (name == "join" || name == "lookup") {
    op_join(op);
  } else if (name == "union") {
    op_union(op);
  } else if (name == "parse" || name == "parse-where") {
    op_parse(op);
  } else if (name == "parse-kv") {
    op_parse_kv(op);
  } else if (name == "mv-expand" || name == "mv-apply") {
    op_mv(op);
  } else if (name == "make-series") {
    op_make_series(op);
  } else if (name == "range") {
    op.names.push_back(any_name("a column name"));
    expect_word("from");
    op.from = expr();
    expect_word("to");
    op.to = expr();
    expect_word("step");
    op.step = expr();
  } else if (name == "as") {
    op.names.push_back(any_name("a name"));
  } else if (name == "invoke") {
    ExprPtr e = postfix();
    if (e->kind != ExprKind::call) {
      error(e->span, "invoke needs a function call", "write invoke name(arguments)");
      throw Skip{};
    }
    op.exprs.push_back(std::move(e));
  } else if (name == "top-nested") {
    op_top_nested(op);
  } else if (name == "partition") {
    op_partition(op);
  } else if (name == "scan") {
    op_scan(op);
  } else if (name == "evaluate") {
    op_evaluate(op);
  } else if (name == "render") {
    op_render(op);
  } else if (name == "find") {
    op_find(op);
  } else if (name == "search") {
    op_search(op);
  } else if (name == "fork") {
    op_fork(op);
  } else if (name == "facet") {
    expect_word("by");
    op.by = named_list();
    if (take_word("with")) op.queries.push_back(peek().is("(") ? sub_pipeline("(", ")") : pipeline(true));
  } else if (name == "reduce") {
    op_reduce(op);
  } else if (name == "macro-expand") {
    op_macro_expand(op);
  } else if (name == "assert-schema") {
    op.has_columns = true;
    op.columns = row_schema(true, op.columns_star);
  } else if (name.find("graph") != std::string::npos) {
    op_graph(op);
  }
}

void Parser::op_summarize(Operator& op) {
  if (!peek().is_word("by") && !peek().is("|") && !peek().is(";") && !peek().is(")") && !at_end()) op.exprs = named_list();
  if (!take_word("by")) {
    if (op.exprs.empty() && at_end()) missing_expression();
    return;
  }
  op.has_by = true;
  op.by = named_list();
  if (peek().is_word("bin") && peek(1).is("=")) {
    next();
    next();
    op.step = literal();
  }
}

void Parser::op_join(Operator& op) {
  auto right = std::make_unique<Query>();
  right->span.begin = peek().span.begin;
  right->source = postfix();
  right->span.end = last_end();
  op.queries.push_back(std::move(right));
  params(op, true);
  if (op.op == "join" && take_word("where")) {
    op.exprs.push_back(expr());
    return;
  }
  op_lookup_on(op, op.op == "lookup");
}

void Parser::op_lookup_on(Operator& op, bool required) {
  if (!take_word("on")) {
    if (required) fail_here("expected on", "name the columns to match: on Key");
    return;
  }
  if (peek().is("|") || peek().is(";") || peek().is(")") || at_end()) missing_expression();
  do op.on.push_back(expr());
  while (take(","));
}

void Parser::op_union(Operator& op) {
  do {
    params(op, true);
    auto leg = std::make_unique<Query>();
    leg->span.begin = peek().span.begin;
    if (peek().is("*")) {
      leg->source = name_or_wildcard();
    } else if (peek().kind == TokenKind::name && peek(1).is("*") && !peek(1).space_before) {
      leg->source = name_or_wildcard();
    } else {
      leg->source = postfix();
    }
    leg->span.end = last_end();
    op.queries.push_back(std::move(leg));
  } while (take(","));
}

void Parser::op_parse(Operator& op) {
  op.exprs.push_back(expr());
  expect_word("with");
  while (true) {
    const Token token = peek();
    PatternPart part;
    part.span = token.span;
    if (take("*")) {
      part.kind = PatternPart::Kind::star;
    } else if (token.kind == TokenKind::string) {
      part.kind = PatternPart::Kind::text;
      while (peek().kind == TokenKind::string) part.text += next().text;
    } else if (at_any_name()) {
      part.kind = PatternPart::Kind::column;
      part.text = any_name("a column name", &part.span);
      if (take(":")) part.type = type_word("a type name");
    } else {
      break;
    }
    op.pattern.push_back(std::move(part));
  }
  if (op.pattern.empty()) fail_here("a pattern is missing here", "a pattern reads: * \"text\" column \"text\" *");
}

void Parser::op_parse_kv(Operator& op) {
  op.exprs.push_back(expr());
  expect_word("as");
  op.has_columns = true;
  op.columns = row_schema(false, op.columns_star);
  if (!take_word("with")) return;
  expect("(");
  while (!peek().is(")")) {
    Parameter p;
    p.name = any_name("a property");
    expect("=");
    p.value = param_value();
    op.properties.push_back(std::move(p));
    if (!take(",")) break;
  }
  expect(")");
}

void Parser::op_mv(Operator& op) {
  do {
    ExprPtr e = named_expr();
    if (take_word("to")) {
      if (peek().kind != TokenKind::typed || peek().word != "typeof") fail_here("expected typeof(...)");
      e->to_type = next().text;
    }
    op.exprs.push_back(std::move(e));
  } while (take(","));
  if (take_word("limit")) op.count = literal();
  if (take_word("id")) literal();
  if (op.op == "mv-apply") {
    expect_word("on");
    op.queries.push_back(sub_pipeline("(", ")"));
  }
}

void Parser::op_make_series(Operator& op) {
  do {
    ExprPtr e = named_expr();
    if (take_word("default")) {
      expect("=");
      e->extra = named_expr();
    }
    op.exprs.push_back(std::move(e));
  } while (take(","));
  expect_word("on");
  op.on.push_back(named_expr());
  if (take_word("in")) {
    expect_word("range");
    expect("(");
    op.from = named_expr();
    expect(",");
    op.to = named_expr();
    expect(",");
    op.step = named_expr();
    expect(")");
    op.star = true;  // in range(): both ends included
  } else {
    if (take_word("from")) op.from = named_expr();
    if (take_word("to")) op.to = named_expr();
    if (!peek().is_word("step")) fail_here("expected in range or step");
    next();
    op.step = named_expr();
  }
  if (take_word("by")) {
    op.has_by = true;
    op.by = named_list();
  }
}

void Parser::op_top_nested(Operator& op) {
  Operator* part = &op;
  while (true) {
    if (!peek().is_word("of")) part->count = named_expr();
    expect_word("of");
    part->exprs.push_back(named_expr());
    if (take_word("with")) {
      expect_word("others");
      expect("=");
      part->with_others = named_expr();
    }
    expect_word("by");
    part->by.push_back(ordered_expr());
    if (!peek().is(",")) return;
    next();
    expect_word("top-nested");
    op.parts.emplace_back();
    part = &op.parts.back();
  }
}

void Parser::op_scan(Operator& op) {
  if (take_word("order")) {
    expect_word("by");
    op.by = ordered_list();
  }
  if (take_word("partition")) {
    expect_word("by");
    do op.on.push_back(expr());
    while (take(","));
  }
  if (take_word("declare")) {
    expect("(");
    do {
      const FunctionParam p = function_param();
      ColumnDecl c;
      c.name = p.name;
      c.type = p.type;
      op.columns.push_back(c);
      if (p.default_value) {
        ExprPtr value = make(ExprKind::literal, peek().span.begin);
        value->value = p.default_value->value;
        value->names = {p.name};
        op.exprs.push_back(std::move(value));
      }
    } while (take(","));
    expect(")");
  }
  expect_word("with");
  expect("(");
  while (peek().is_word("step")) {
    next();
    ScanStep step;
    step.name = any_name("a step name");
    step.optional = take_word("optional");
    if (take_word("output")) {
      expect("=");
      step.output = any_name("all, last or none");
    }
    expect(":");
    step.condition = expr();
    if (take("=>")) {
      do {
        std::string target = any_name("a column name");
        expect("=");
        ExprPtr e = expr();
        e->names = {std::move(target)};
        step.assignments.push_back(std::move(e));
      } while (take(","));
    }
    expect(";");
    op.steps.push_back(std::move(step));
  }
  if (op.steps.empty()) fail_here("a scan needs at least one step", "write with (step s1: condition;)");
  expect(")");
}

void Parser::op_render(Operator& op) {
  if (peek().kind != TokenKind::name) fail_here("a chart kind is missing here", "such as table, timechart, barchart, piechart");
  op.names.push_back(next().text);
  const auto property_value = [&](Parameter& p) {
    const bool list = p.name == "series" || p.name == "ycolumns" || p.name == "xcolumns" || p.name == "anomalycolumns";
    p.value = peek().kind == TokenKind::name && !peek(1).is("(") && !peek(1).is("[") ? param_value() : named_expr();
    while (list && peek().is(",") && !peek(2).is("=")) {
      next();
      Span span;
      p.value->names.push_back(any_name("a column name", &span));
    }
  };
  if (take_word("with") && peek().is("(")) {
    next();
    while (!peek().is(")")) {
      if (take(",")) continue;
      Parameter p;
      p.name = any_name("a property");
      expect("=");
      property_value(p);
      op.properties.push_back(std::move(p));
      if (!peek().is(",") && !peek().is(")")) fail_here("expected )");
    }
    expect(")");
    return;
  }
  while (peek().kind == TokenKind::name && (peek(1).is("=") || peek().is_word("by"))) {
    Parameter p;
    p.name = next().text;
    take("=");
    property_value(p);
    op.properties.push_back(std::move(p));
  }
}

void Parser::op_find(Operator& op) {
  if (take_word("datascope")) expect("="), next();
  params(op, true);
  if (peek().is_word("in") && peek(1).is("(")) {
    next();
    next();
    do {
      auto leg = std::make_unique<Query>();
      leg->source = peek().is("*") || (peek(1).is("*") && !peek(1).space_before) ? name_or_wildcard() : query_or_expr();
      op.queries.push_back(std::move(leg));
    } while (take(","));
    expect(")");
  }
  take_word("where");
  op.exprs.push_back(expr());
  if (take_word("project")) {
    do {
      if (peek().is_word("pack") && peek(1).is("(")) next(), next(), expect("*"), expect(")"), op.star = true;
      else {
        ColumnDecl c;
        c.name = any_name("a column name", &c.span);
        if (take(":")) c.type = type_word("a type name");
        op.columns.push_back(c);
      }
    } while (take(","));
    op.has_columns = true;
  } else if (take_word("project-smart")) {
    op.names.push_back("smart");
  }
  if (take_word("project-away")) {
    do op.by.push_back(name_or_wildcard());
    while (take(","));
  }
}

void Parser::op_search(Operator& op) {
  params(op, true);
  if (peek().is_word("in") && peek(1).is("(")) {
    next();
    next();
    do {
      auto leg = std::make_unique<Query>();
      leg->source = peek().is("*") || (peek(1).is("*") && !peek(1).space_before) ? name_or_wildcard() : query_or_expr();
      op.queries.push_back(std::move(leg));
    } while (take(","));
    expect(")");
  }
  params(op, true);
  op.exprs.push_back(expr());
}

void Parser::op_partition(Operator& op) {
  expect_word("by");
  ExprPtr key = make(ExprKind::name, peek().span.begin);
  key->name = any_name("a column name", &key->name_span, &key->escaped_name);
  key->span = key->name_span;
  while (take(".")) {
    ExprPtr path = make(ExprKind::path, key->span.begin);
    path->name = any_name("a name", &path->name_span);
    path->args.push_back(std::move(key));
    key = std::move(path);
  }
  op.by.push_back(std::move(key));
  if (take_word("id")) literal();
  if (take_word("in")) op.exprs.push_back(expr());
  if (peek().is("{")) {
    next();
    op.queries.push_back(pipeline(false));
    expect("}");
    op.star = true;
    return;
  }
  op.queries.push_back(sub_pipeline("(", ")"));
}

void Parser::op_fork(Operator& op) {
  while (peek().is("(") || at_name_equals()) {
    std::string name;
    if (at_name_equals()) {
      name = any_name("a name");
      expect("=");
    }
    op.queries.push_back(sub_pipeline("(", ")"));
    op.names.push_back(name);
  }
  if (op.queries.empty()) fail_here("expected (", "fork needs bracketed queries");
}

void Parser::op_evaluate(Operator& op) {
  if (peek().kind != TokenKind::name || !peek(1).is("(")) fail_here("a plugin call is missing here", "such as bag_unpack(column)");
  const Token name = next();
  op.exprs.push_back(call(name));
  if (!take(":")) return;
  op.has_columns = true;
  op.columns = row_schema(true, op.columns_star);
}

void Parser::op_reduce(Operator& op) {
  expect_word("by");
  op.by.push_back(named_expr());
  if (take_word("with")) op.exprs = named_list();
}

void Parser::op_macro_expand(Operator& op) {
  op.exprs.push_back(expr());
  expect_word("as");
  op.names.push_back(any_name("a name"));
  expect("(");
  std::vector<Statement> statements;
  do {
    if (peek().is(")")) break;
    statement(statements);
  } while (take(";"));
  expect(")");
}

}  // namespace app::kql
