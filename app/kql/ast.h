// app/kql/ast.h: the tree of a query text. One node type for expressions and one for operators:
// what a kind uses is said beside it. The tree keeps spans, so that every later stage can point.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/kql/diagnostic.h"
#include "app/kql/value.h"

namespace app::kql {

struct Query;
struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : uint8_t {
  literal,       // value
  type,          // typeof(name), or typeof(a:int, ...) as columns
  name,          // name
  wildcard,      // name with * in it: project-away a*
  star,          // *
  path,          // args[0] . name
  element,       // args[0] [ args[1] ]
  call,          // name ( args ); receiver in args[0] where method is set: cluster("x").database("y")
  unary,         // name (+ or -) args[0]
  binary,        // args[0] name args[1]
  all_of,        // args joined by and
  any_of,        // args joined by or
  list,          // args[0] name (args[1..]): in, !in, in~, !in~, has_any, has_all
  between,       // args[0] name (args[1] .. args[2]): between, !between
  query,         // query: a parenthesised or otherwise nested tabular expression
  datatable,     // columns, args
  externaldata,  // columns, args
};

struct ColumnDecl {
  std::string name, type;
  Span span;
};

struct Expr {
  ExprKind kind = ExprKind::literal;
  Span span;
  std::string name;
  Span name_span;
  Value value;
  std::vector<ExprPtr> args;
  std::unique_ptr<Query> query;
  std::vector<ColumnDecl> columns;
  bool method = false;
  bool parenthesised = false;
  bool escaped_name = false;          // ['name']
  std::vector<std::string> names;     // name = expr, (a, b) = expr
  std::vector<Span> names_spans;
  enum class Order : uint8_t { none, asc, desc } order = Order::none;
  enum class Nulls : uint8_t { none, first, last } nulls = Nulls::none;
  std::string to_type;                // mv-expand x to typeof(long)
  ExprPtr extra;                      // make-series: default = value
};

struct Parameter {
  std::string name;
  ExprPtr value;
};

// A piece of a parse pattern: * or text, then perhaps a column.
struct PatternPart {
  enum class Kind : uint8_t { star, text, column } kind = Kind::star;
  std::string text;  // text, or the column's name
  std::string type;  // of a column; empty: string
  Span span;
};

struct ScanStep {
  std::string name, output;
  bool optional = false;
  ExprPtr condition;
  std::vector<ExprPtr> assignments;
};

// A part of a graph pattern: (name), or -[name*1..5]-> to the next one.
struct GraphPart {
  enum class Kind : uint8_t { node, forward, backward, either } kind = Kind::node;
  std::string name;       // empty: none was given
  Span span;
  bool ranged = false;    // of an edge: a path of least to most edges
  ExprPtr least, most;    // constants; null: 1, and no end
};

// A tabular operator; fields are used as the operator needs.
struct Operator {
  std::string op;  // canonical keyword: "where", "sort", "take", ...
  Span span, keyword;
  std::vector<Parameter> params;       // kind=..., hint.x=...
  std::vector<ExprPtr> exprs;          // the main list
  std::vector<ExprPtr> by;
  bool has_by = false;
  std::vector<ExprPtr> on;
  ExprPtr count, from, to, step, with_others;
  std::vector<std::unique_ptr<Query>> queries;  // right side of join, union legs, subqueries
  std::vector<std::string> names;      // as name, fork names
  std::vector<PatternPart> pattern;
  std::vector<ColumnDecl> columns;
  bool has_columns = false, columns_star = false;
  std::vector<ScanStep> steps;
  std::vector<Parameter> properties;   // render with (...)
  std::vector<Operator> parts;         // further top-nested levels
  std::vector<std::vector<GraphPart>> patterns;  // of graph-match, graph-shortest-paths
  ExprPtr condition;                   // of those: where
  bool star = false;

  const Expr* param(std::string_view name) const {
    for (const Parameter& p : params) {
      if (p.name == name) return p.value.get();
    }
    return nullptr;
  }
};

// source | operator | operator ...; no source where the first operator makes its own rows.
struct Query {
  Span span;
  ExprPtr source;
  std::vector<Operator> ops;
};

struct Statement;
struct FunctionParam {
  std::string name, type;
  bool tabular = false, open_schema = false;
  std::vector<ColumnDecl> columns;
  ExprPtr default_value;
};
struct FunctionDecl {
  Span span;
  std::vector<FunctionParam> params;
  std::vector<Statement> statements;
  ExprPtr body;
  bool view = false;
};

// declare pattern p = (name: type, ...) [ name: type ] { ("value", ...).["value"] = { query }; ... };
struct PatternDecl {
  struct Case {
    std::vector<ExprPtr> args;  // literals
    ExprPtr path;               // null where the pattern has none
    ExprPtr body;
  };
  std::vector<FunctionParam> params;
  bool has_path = false;
  std::vector<Case> cases;
};

struct Statement {
  enum class Kind : uint8_t { let_value, let_function, query, set, declare, pattern, other } kind = Kind::query;
  Span span;
  std::string name;
  Span name_span;
  ExprPtr expr;  // of let_value and query; kind query where it is tabular
  std::shared_ptr<FunctionDecl> function;
  std::vector<FunctionParam> params;  // declare query_parameters
  std::shared_ptr<PatternDecl> pattern;
};

struct Script {
  std::vector<Statement> statements;
  std::vector<Diagnostic> errors;
};

}  // namespace app::kql
