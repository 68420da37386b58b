// Binding of the operators that look through several tables, or give several: search, find, fork,
// facet, and partition by value.
#include <algorithm>
#include <set>

#include "app/kql/binder.h"
#include "app/kql/functions.h"

namespace app::kql {
namespace {

using Legs = std::vector<std::pair<std::string, NodePtr>>;

// Names that an expression takes for columns.
void add_names(const Expr& e, std::vector<std::string>& out) {
  if (e.kind == ExprKind::name && std::find(out.begin(), out.end(), e.name) == out.end()) out.push_back(e.name);
  for (const ExprPtr& arg : e.args) add_names(*arg, out);
}

bool has_column(const columns::Schema& schema, const columns::ColumnInfo& column) {
  return std::any_of(schema.begin(), schema.end(), [&](const auto& c) { return c.name == column.name && c.type == column.type; });
}

}  // namespace

// ---------------------------------------------------------------- what search and find look for

// The * of search and find: any column, read as text.
BoundPtr Binder::any_column(const char* function, const Expr& term, Scope& scope) {
  std::vector<BoundPtr> args;
  for (size_t k = 0; k < scope.schema->size(); ++k) args.push_back(bound_column(k, (*scope.schema)[k].type));
  args.push_back(bound_constant(Value::text(to_text(constant(term, scope.env)))));
  return make_call(function, std::move(args), term.span);
}

// * has "abc" and the like: true where any column's text fits; * !has "abc" where none does.
BoundPtr Binder::star_condition(const Expr& e, Scope& scope) {
  std::string op = e.name == ":" ? "has" : e.name;
  const bool negated = op[0] == '!';
  if (negated) op = op == "!=" ? "==" : op == "!~" ? "=~" : op.substr(1);
  if (!scope.schema || !(op == "matches regex" || find_function("any " + op))) fail(e.span, "* cannot be used with '" + e.name + "' here", "name a column");
  BoundPtr found;
  if (op == "matches regex") {
    const BoundPtr pattern = expr(*e.args[1], scope);
    std::vector<BoundPtr> each;
    for (size_t k = 0; k < scope.schema->size(); ++k) {
      each.push_back(make_call("matches regex", {to_type(bound_column(k, (*scope.schema)[k].type), Type::string), pattern}, e.span));
    }
    found = make_call("or", std::move(each), e.span);
  } else {
    found = any_column(find_function("any " + op)->name, *e.args[1], scope);
  }
  return negated ? make_call("not", {std::move(found)}, e.span) : found;
}

// "abc" is a term, "abc*" a prefix, "*abc" a suffix, "*abc*" a part.
BoundPtr Binder::search_term(const Expr& term, Scope& scope, bool case_sensitive) {
  const std::string text = to_text(constant(term, scope.env));
  const bool front = !text.empty() && text.front() == '*', back = text.size() > 1 && text.back() == '*';
  if (!front && !back) return any_column(case_sensitive ? "any has_cs" : "any has", term, scope);
  if (text == "*") return bound_constant(Value::boolean(true));
  Expr cut;
  cut.kind = ExprKind::literal;
  cut.value = Value::text(text.substr(front, text.size() - front - back));
  cut.span = term.span;
  return any_column(front && back ? "any contains" : front ? "any hassuffix" : "any hasprefix", cut, scope);
}

BoundPtr Binder::search_condition(const Expr& e, Scope& scope, bool case_sensitive) {
  if (e.kind == ExprKind::star) return bound_constant(Value::boolean(true));
  if (e.kind == ExprKind::literal) return search_term(e, scope, case_sensitive);
  if (e.kind == ExprKind::all_of || e.kind == ExprKind::any_of) {
    std::vector<BoundPtr> args;
    for (const ExprPtr& arg : e.args) args.push_back(search_condition(*arg, scope, case_sensitive));
    return make_call(e.kind == ExprKind::all_of ? "and" : "or", std::move(args), e.span);
  }
  if (e.kind == ExprKind::call && e.name == "not" && e.args.size() == 1) {
    return make_call("not", {search_condition(*e.args[0], scope, case_sensitive)}, e.span);
  }
  if (e.kind == ExprKind::binary && e.args[0]->kind == ExprKind::star) return star_condition(e, scope);
  if (e.kind == ExprKind::binary && e.args[0]->kind == ExprKind::name && !find_column(*scope.schema, e.args[0]->name) &&
      !scope.env->find(e.args[0]->name)) {
    return bound_constant(Value::boolean(false));  // a table without the column has no match
  }
  return condition(e, scope);
}

Legs Binder::searched_tables(const Operator& o, const EnvPtr& env) {
  if (o.queries.empty()) return tables_like("*", env);
  Legs legs;
  for (const auto& leg : o.queries) {
    const Expr& source = *leg->source;
    if (source.kind == ExprKind::wildcard || source.kind == ExprKind::star) {
      for (auto& m : tables_like(source.kind == ExprKind::star ? "*" : source.name, env)) legs.push_back(std::move(m));
    } else {
      legs.emplace_back(source.kind == ExprKind::name ? source.name : "", table(source, env));
    }
  }
  return legs;
}

NodePtr Binder::op_search(const Operator& o, NodePtr input, const EnvPtr& env) {
  Legs legs;
  if (input) legs.emplace_back(piped_name_, input);
  else legs = searched_tables(o, env);
  if (legs.empty()) fail(o.keyword, "there is no table to search");
  const Expr* kind = o.param("kind");
  const bool case_sensitive = kind && kind->name == "case_sensitive";
  for (auto& [name, node] : legs) {
    Scope scope;
    scope.schema = &node->schema;
    scope.env = env;
    node = make_filter(node, search_condition(*o.exprs[0], scope, case_sensitive));
  }
  return unite(std::move(legs), false, "$table");
}

// ---------------------------------------------------------------- find

// Of each table: its name, the columns asked for (or those that the condition names and that all
// tables have), and the rest as one bag.
NodePtr Binder::op_find(const Operator& o, NodePtr input, const EnvPtr& env) {
  if (input) fail(o.keyword, "find begins a query", "write find in (Table) where ..., or use where");
  Legs legs = searched_tables(o, env);
  if (legs.empty()) fail(o.keyword, "there is no table to look in");
  for (auto& [name, node] : legs) {
    Scope scope;
    scope.schema = &node->schema;
    scope.env = env;
    node = make_filter(node, search_condition(*o.exprs[0], scope, false));
  }
  std::vector<std::string> mentioned;
  add_names(*o.exprs[0], mentioned);
  std::set<std::string> away;
  for (const ExprPtr& e : o.by) away.insert(e->name);
  const bool any_rest = !o.has_columns || o.star;
  Legs shown;
  for (const auto& searched : legs) {
    const std::string& name = searched.first;
    const NodePtr& node = searched.second;
    std::vector<Named> list;
    std::vector<bool> taken(node->schema.size());
    const auto add = [&](size_t k, std::optional<Type> type) {
      taken[k] = true;
      const columns::ColumnInfo& column = node->schema[k];
      if (away.count(column.name)) return;
      BoundPtr value = bound_column(k, column.type);
      list.push_back({column.name, type ? to_type(std::move(value), *type) : std::move(value)});
    };
    if (o.has_columns) {
      for (const ColumnDecl& c : o.columns) {
        const std::optional<size_t> at = find_column(node->schema, c.name);
        if (at && !taken[*at]) add(*at, c.type.empty() ? std::nullopt : std::optional<Type>(type_named(c.type, c.span)));
      }
    } else {
      for (const std::string& column : mentioned) {
        const std::optional<size_t> at = find_column(node->schema, column);
        if (at && !taken[*at]) add(*at, std::nullopt);
      }
      for (size_t k = 0; k < taken.size(); ++k) {
        const bool common = std::all_of(legs.begin(), legs.end(), [&](const auto& leg) {
          return leg.second == node || has_column(leg.second->schema, node->schema[k]);
        });
        if (!taken[k] && common) add(k, std::nullopt);
      }
    }
    std::vector<BoundPtr> rest;
    for (size_t k = 0; any_rest && k < taken.size(); ++k) {
      if (taken[k] || away.count(node->schema[k].name)) continue;
      rest.push_back(bound_constant(Value::text(node->schema[k].name)));
      rest.push_back(bound_column(k, node->schema[k].type));
    }
    if (!rest.empty()) list.push_back({"pack_", make_call("bag_pack", std::move(rest), o.keyword)});
    shown.emplace_back(name, compute(node, list));
  }
  const Expr* source = o.param("withsource") ? o.param("withsource") : o.param("with_source");
  return unite(std::move(shown), false, source ? source->name.empty() ? to_text(source->value) : source->name : "source_");
}

// ---------------------------------------------------------------- several tables

NodePtr Binder::op_fork(const Operator& o, NodePtr input, const EnvPtr& env) {
  const NodePtr rows = make_materialized(std::move(input));
  NodePtr first;
  for (size_t k = 0; k < o.queries.size(); ++k) {
    const std::string name = o.names[k].empty() ? "GenericResult_" + std::to_string(k + 1) : o.names[k];
    NodePtr leg = query(*o.queries[k], env, rows);
    if (k == 0) first = std::move(leg), first_name_ = name;
    else further_.emplace_back(name, std::move(leg));
  }
  return first;
}

// How often each value of each column occurs; then the rows themselves through the query of `with`.
NodePtr Binder::op_facet(const Operator& o, NodePtr input, const EnvPtr& env) {
  const NodePtr rows = make_materialized(std::move(input));
  NodePtr first;
  for (const ExprPtr& e : o.by) {
    const size_t k = column_index(*e, rows->schema);
    const columns::ColumnInfo& column = rows->schema[k];
    AggregateCall call;
    call.function = find_aggregate("count");
    call.outputs = {Type::int64};
    std::vector<AggregateCall> calls;
    calls.push_back(std::move(call));
    NodePtr counts = make_summarize(rows, {column, {"count_" + column.name, Type::int64}}, {bound_column(k, column.type)}, std::move(calls));
    if (!first) first = std::move(counts), first_name_ = column.name;
    else further_.emplace_back(column.name, std::move(counts));
  }
  for (const auto& q : o.queries) further_.emplace_back("with", query(*q, env, rows));
  return first;
}

NodePtr Binder::op_reduce(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  double threshold = 0.1;
  std::string separators;
  for (const ExprPtr& e : o.exprs) {
    const std::string name = e->names.empty() ? "" : e->names[0];
    Expr plain;
    plain.kind = e->kind;
    plain.value = e->value;
    plain.span = e->span;
    if (e->kind != ExprKind::literal) fail(e->span, "reduce needs a constant here", "with threshold=0.1, characters='-'");
    if (name == "threshold") threshold = to_real(plain.value).value_or(0.1);
    else if (name == "characters") separators = to_text(plain.value);
    else fail(e->span, "reduce has no option '" + name + "'", "its options are threshold and characters");
  }
  if (const Expr* kind = o.param("kind"); kind && kind->name != "summary") {
    fail(kind->span, "reduce kind=" + kind->name + " is not supported here", "reduce by gives the patterns with their counts");
  }
  if (!(threshold >= 0 && threshold <= 1)) fail(o.keyword, "the threshold of reduce is a share between 0 and 1");
  BoundPtr text = to_type(expr(*o.by[0], scope), Type::string);
  AggregateCall call;
  call.function = find_aggregate("count");
  call.outputs = {Type::int64};
  std::vector<AggregateCall> calls;
  calls.push_back(std::move(call));
  NodePtr counted = make_summarize(std::move(input), {{"text", Type::string}, {"n", Type::int64}}, {std::move(text)}, std::move(calls));
  return make_reduce(std::move(counted), threshold, std::move(separators));
}

// partition by Key { T | ... }: the query runs once for each value, which the name Key stands for.
std::vector<Value> Binder::partition_keys(const Operator& o, NodePtr input, const BoundPtr& key, const char* instead) {
  constexpr size_t max_parts = 64;
  std::vector<Value> values;
  const NodePtr keys = make_distinct(make_compute(std::move(input), {{"key", key->type}}, {key}));
  for (const Batch& batch : run_all(*keys, context_)) {
    const ColumnPtr column = batch.column(0);
    for (size_t row = 0; row < batch.n_rows(); ++row) values.push_back(get(*column, row));
  }
  if (values.size() > max_parts) fail(o.keyword, "this partition has more than 64 values here", instead);
  return values;
}

NodePtr Binder::partition_by_value(const Operator& o, NodePtr input, BoundPtr key, const EnvPtr& env) {
  const std::string name = natural_name(*o.by[0]);
  std::vector<Value> values;
  if (check_only_ || !errors_.empty()) values.push_back(Value::none(key->type));
  else values = partition_keys(o, std::move(input), key, "write the subquery in ( ) instead of { }");
  Legs legs;
  for (const Value& value : values) {
    const auto inside = std::make_shared<Env>(env);
    inside->entries[name].scalar = bound_constant(value);
    legs.emplace_back("", query(*o.queries[0], inside, nullptr));
  }
  if (legs.empty()) fail(o.keyword, "there are no rows to part");
  return legs.size() == 1 ? legs[0].second : unite(std::move(legs), false, "");
}

// The body bound anew over the rows of each key: what it runs while it is bound sees the rows of its part.
NodePtr Binder::partition_by_binding(const Operator& o, NodePtr input, BoundPtr key, const EnvPtr& env) {
  const NodePtr rows = make_materialized(std::move(input));
  Legs legs;
  for (const Value& value : partition_keys(o, rows, key, "leave toscalar() and evaluate out of the subquery")) {
    BoundPtr is_key = value.null ? make_call("isnull", {key}, o.keyword) : make_call("==", {key, bound_constant(value)}, o.keyword);
    legs.emplace_back("", query(*o.queries[0], env, make_filter(rows, std::move(is_key))));
  }
  if (legs.empty()) fail(o.keyword, "there are no rows to part");
  return legs.size() == 1 ? legs[0].second : unite(std::move(legs), false, "");
}

}  // namespace app::kql
