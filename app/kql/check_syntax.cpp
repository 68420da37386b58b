// What a parse alone tells about a query: its tables, columns and operators.
#include <algorithm>
#include <set>

#include "app/kql/parser.h"
#include "app/kql/query.h"

namespace app::kql {
namespace {

class Collector {
 public:
  CheckResult result;

  void statements(const std::vector<Statement>& list) {
    for (const Statement& s : list) {
      if (s.function) {
        const std::set<std::string> outer = defined_;
        for (const FunctionParam& p : s.function->params) defined_.insert(p.name);
        statements(s.function->statements);
        if (s.function->body) top(*s.function->body);
        defined_ = outer;
      } else if (s.expr) {
        top(*s.expr);
      }
      if (!s.name.empty()) defined_.insert(s.name);
    }
  }

 private:
  void add(std::vector<std::string>& list, const std::string& name) {
    if (!name.empty() && std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }

  void top(const Expr& e) { e.kind == ExprKind::name ? table(e) : expr(e); }

  void table(const Expr& e) {
    if (e.kind == ExprKind::name || e.kind == ExprKind::wildcard) {
      if (!defined_.count(e.name)) add(result.tables, e.name);
    } else {
      expr(e);
    }
  }

  void query(const Query& q) {
    if (q.source) table(*q.source);
    for (const Operator& op : q.ops) one(op);
  }

  void one(const Operator& op) {
    add(result.operators, op.op);
    for (const auto* list : {&op.exprs, &op.by, &op.on}) {
      for (const ExprPtr& e : *list) expr(*e);
    }
    for (const ExprPtr* e : {&op.count, &op.from, &op.to, &op.step, &op.with_others}) {
      if (*e) expr(**e);
    }
    for (const auto& q : op.queries) query(*q);
    if (op.op == "top-nested") {
      for (const Operator& part : op.parts) one(part);
    }
    if (op.condition) expr(*op.condition);
    for (const PatternPart& p : op.pattern) {
      if (p.kind == PatternPart::Kind::column) defined_.insert(p.text);
    }
  }

  void expr(const Expr& e) {
    if (e.query) query(*e.query);
    if (e.kind == ExprKind::name && !defined_.count(e.name) && e.name[0] != '$') add(result.columns, e.name);
    if (e.kind == ExprKind::call && (e.name == "toscalar" || e.name == "materialize" || e.name == "totable")) {
      for (const ExprPtr& a : e.args) top(*a);
    } else if (e.kind == ExprKind::call && (e.name == "table") && e.args.size() == 1 && e.args[0]->kind == ExprKind::literal) {
      add(result.tables, e.args[0]->value.s);
    } else {
      for (const ExprPtr& a : e.args) expr(*a);
    }
    if (e.extra) expr(*e.extra);
    for (const std::string& name : e.names) defined_.insert(name);
  }

  std::set<std::string> defined_;
};

}  // namespace

CheckResult check_syntax(const std::string& text) {
  const Script script = parse(text);
  Collector collector;
  collector.statements(script.statements);
  collector.result.errors = script.errors;
  return std::move(collector.result);
}

}  // namespace app::kql
