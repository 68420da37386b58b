#include "app/kql/binder.h"

#include <algorithm>

#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/parser.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

constexpr int max_depth = 64;             // of functions and queries within each other
constexpr size_t max_bound = 200'000;     // expressions, functions expanded

// Text with * against a name.
bool matches_wildcard(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] != '*') return !name.empty() && pattern[0] == name[0] && matches_wildcard(pattern.substr(1), name.substr(1));
  for (size_t skip = 0; skip <= name.size(); ++skip) {
    if (matches_wildcard(pattern.substr(1), name.substr(skip))) return true;
  }
  return false;
}

}  // namespace

Entry* Env::find(const std::string& name) {
  for (Env* env = this; env; env = env->parent.get()) {
    const auto at = env->entries.find(name);
    if (at != env->entries.end()) return &at->second;
  }
  return nullptr;
}

void Binder::error(Span span, std::string message, std::string hint) {
  if (call_span_.end != 0) span = call_span_;  // inside a function: point at its call
  for (const Diagnostic& d : errors_) {
    if (d.span.begin == span.begin && d.message == message) return;
  }
  if (errors_.size() < 50) errors_.push_back({span, DiagnosticSeverity::error, std::move(message), std::move(hint)});
}

void Binder::fail(Span span, std::string message, std::string hint) {
  error(span, std::move(message), std::move(hint));
  throw BindFailed{};
}

BoundPtr Binder::bad(Span span) { return bound_constant(Value::none(Type::dynamic), span); }

// What is wrong in a saved function is not to be found in the query's text: it is said in one sentence.
void Binder::bind_saved_functions(const EnvPtr& env) {
  if (tables_.functions().empty()) return;
  saved_ = parse(tables_.functions());
  for (const Statement& s : saved_.statements) {
    try {
      if (saved_.errors.empty()) statement(s, env);
    } catch (const BindFailed&) {
      depth_ = 0;
      call_span_ = {};
    }
  }
  errors_.insert(errors_.begin(), saved_.errors.begin(), saved_.errors.end());
  if (errors_.empty()) return;
  const std::string what = errors_[0].message;
  errors_.clear();
  error({0, 0}, "a saved function cannot be used: " + what, "mend or remove it");
}

NodePtr Binder::bind(const Script& script) {
  const auto saved = std::make_shared<Env>(nullptr);
  bind_saved_functions(saved);
  const auto env = std::make_shared<Env>(saved);
  NodePtr last;
  bool any_query = false;
  for (const Statement& s : script.statements) {
    try {
      if (s.kind != Statement::Kind::query) {
        statement(s, env);
        continue;
      }
      any_query = true;
      if (is_tabular(*s.expr, env)) {
        last = table(*s.expr, env);
        if (is_graph(last)) fail(s.span, "the query ends in a graph, which has no rows", "add graph-match, graph-shortest-paths or graph-to-table");
      } else {  // a plain expression: one row
        Scope scope;
        scope.env = env;
        const BoundPtr value = expr(*s.expr, scope);
        last = compute(make_rows({}, Batch::one_row()), {{s.expr->names.empty() ? "Column1" : s.expr->names[0], value}});
      }
    } catch (const BindFailed&) {
      depth_ = 0;
      call_span_ = {};
    }
  }
  if (!any_query && errors_.empty()) {
    error({0, 0}, "there is no query to run", "end with a table or an expression behind the let statements");
  }
  return errors_.empty() ? last : nullptr;
}

void Binder::statement(const Statement& s, const EnvPtr& env) {
  switch (s.kind) {
    case Statement::Kind::let_function: {
      Entry entry;
      entry.function = s.function;
      // The body may name what stands before it, not itself; a copy also keeps the two from owning each other.
      entry.function_env = std::make_shared<Env>(*env);
      env->entries[s.name] = std::move(entry);
      return;
    }
    case Statement::Kind::pattern: {
      Entry entry;
      entry.pattern = s.pattern;
      entry.function_env = std::make_shared<Env>(*env);
      env->entries[s.name] = std::move(entry);
      return;
    }
    case Statement::Kind::let_value: return let(s, env);
    case Statement::Kind::set:  // most client options change nothing of an answer here
      if (s.expr) settings_[s.name] = s.expr.get();
      return;
    case Statement::Kind::declare:
      for (const FunctionParam& p : s.params) {
        if (!p.default_value) fail(s.span, "the parameter '" + p.name + "' has no value", "give it a default: " + p.name + ":" + p.type + " = ...");
        Entry entry;
        entry.scalar = bound_constant(convert(p.default_value->value, type_named(p.type, s.span)));
        env->entries[p.name] = std::move(entry);
      }
      return;
    default: fail(s.span, "'" + s.name + "' is not supported here", "use let statements");
  }
}

void Binder::let(const Statement& s, const EnvPtr& env) {
  Entry entry;
  if (is_tabular(*s.expr, env)) {
    entry.table_expr = s.expr.get();
    entry.table_env = std::make_shared<Env>(*env);  // as things stand now: a later let may reuse a name
  } else {
    Scope scope;
    scope.env = env;
    entry.scalar = expr(*s.expr, scope);
  }
  env->entries[s.name] = std::move(entry);
}

bool Binder::is_tabular(const Expr& e, const EnvPtr& env, int depth) {
  if (depth > max_depth) return false;
  switch (e.kind) {
    case ExprKind::query: case ExprKind::datatable: case ExprKind::externaldata: case ExprKind::wildcard: return true;
    case ExprKind::name: {
      const Entry* entry = env->find(e.name);
      if (!entry) return true;  // an unknown name at this place can only be a table
      if (entry->function) return entry->function->params.empty() && entry->function->body && is_tabular(*entry->function->body, entry->function_env, depth + 1);
      return !entry->scalar;
    }
    case ExprKind::path: case ExprKind::element: return e.args[0]->kind == ExprKind::call && is_tabular(*e.args[0], env, depth + 1);
    case ExprKind::call: {
      if (e.name == "materialize" || e.name == "totable" || e.name == "table" || e.name == "cluster" || e.name == "database" ||
          e.name == "workspace" || e.name == "app" || e.name == "resource" || e.name == "adx" || e.name == "arg" || e.name == "entity_group" ||
          e.name == "external_table" || e.name == "materialized_view" || e.name == "stored_query_result" || e.name == "view") {
        return true;
      }
      const Entry* entry = env->find(e.name);
      if (entry && entry->pattern) return true;
      if (!entry || !entry->function || !entry->function->body) return false;
      // Parameters that are tables make the names in the body tabular.
      const auto inner = std::make_shared<Env>(entry->function_env);
      for (const FunctionParam& p : entry->function->params) {
        Entry param;
        if (!p.tabular) param.scalar = bad(e.span);
        inner->entries[p.name] = param;
      }
      for (const Statement& s : entry->function->statements) {
        Entry local;
        if (s.kind == Statement::Kind::let_function) {
          local.function = s.function;
          local.function_env = inner;
        } else if (s.expr && !is_tabular(*s.expr, inner, depth + 1)) {
          local.scalar = bad(e.span);
        }
        inner->entries[s.name] = local;
      }
      return is_tabular(*entry->function->body, inner, depth + 1);
    }
    default: return false;
  }
}

std::optional<size_t> Binder::find_column(const columns::Schema& schema, const std::string& name) const {
  for (size_t k = 0; k < schema.size(); ++k) {
    if (schema[k].name == name) return k;
  }
  return std::nullopt;
}

std::vector<std::string> Binder::column_names(const columns::Schema& schema) const {
  std::vector<std::string> names;
  for (const columns::ColumnInfo& c : schema) names.push_back(c.name);
  return names;
}

size_t Binder::column_index(const Expr& e, const columns::Schema& schema) {
  if (e.kind != ExprKind::name) fail(e.span, "a column name is needed here");
  if (const std::optional<size_t> k = find_column(schema, e.name)) return *k;
  const std::string near = nearest_name(e.name, column_names(schema));
  fail(e.span, "there is no column '" + e.name + "'", near.empty() ? "" : "did you mean " + near + "?");
}

// ---------------------------------------------------------------- tables

NodePtr Binder::table(const Expr& e, const EnvPtr& env) {
  if (pattern_call(e, env)) return pattern_table(e, env);
  if (const std::optional<ClusterTable> at = cluster_table(e, env)) return remote_table(*at, e.span);
  struct Level {
    Binder& b;
    explicit Level(Binder& binder) : b(binder) { ++b.depth_; }
    ~Level() { --b.depth_; }
  } level(*this);
  if (depth_ > max_depth) fail(e.span, "queries and functions nest too deeply here");
  switch (e.kind) {
    case ExprKind::query: return query(*e.query, env, nullptr);
    case ExprKind::datatable: return datatable(e, env);
    case ExprKind::name: return table_named(e, env);
    case ExprKind::call: return table_call(e, env);
    case ExprKind::externaldata: fail(e.span, "externaldata is not supported here: nothing is fetched", "load the file as a table, or use datatable");
    case ExprKind::wildcard: return unite(tables_like(e.name, env), false, "");
    case ExprKind::path:
      if (e.args[0]->kind == ExprKind::call) {
        fail(e.span, "other clusters and databases cannot be reached from here", "set the server up with sigmactl connect add, or load the data as a table and use its name");
      }
      [[fallthrough]];
    default: fail(e.span, "a table is needed here");
  }
}

NodePtr Binder::table_named(const Expr& e, const EnvPtr& env) {
  if (Entry* entry = env->find(e.name)) {
    if (entry->table) return entry->table;
    if (entry->table_expr) {
      const Expr* table_expr = entry->table_expr;
      const EnvPtr table_env = entry->table_env;
      NodePtr node = table(*table_expr, table_env);
      if (Entry* again = env->find(e.name); again && again->table_expr == table_expr) again->table = node;
      return node;
    }
    if (entry->function) {
      Expr call;
      call.kind = ExprKind::call;
      call.name = e.name;
      call.span = e.span;
      return call_function(call, *entry, env, nullptr, nullptr, nullptr);
    }
    fail(e.span, "'" + e.name + "' is a value, and a table is needed here");
  }
  if (const TableEntry* found = tables_.find(e.name)) return make_scan(found->table);
  std::vector<std::string> names = tables_.names();
  for (const Env* at = env.get(); at; at = at->parent.get()) {
    for (const auto& [name, entry] : at->entries) names.push_back(name);
  }
  const std::string near = nearest_name(e.name, names);
  std::string hint = near.empty() ? "" : "did you mean " + near + "?";
  if (near.empty() && !tables_.names().empty()) {
    hint = "tables here:";
    for (const std::string& name : tables_.names()) hint += " " + name;
  }
  fail(e.span, "there is no table '" + e.name + "'", hint);
}

NodePtr Binder::table_call(const Expr& e, const EnvPtr& env) {
  if (e.name == "materialize" || e.name == "totable") {
    if (e.args.size() != 1) fail(e.span, e.name + "() takes one query");
    NodePtr inner = table(*e.args[0], env);
    return make_materialized(std::move(inner));
  }
  if (e.name == "table") {
    if (e.args.empty()) fail(e.span, "table() takes a table's name");
    Expr named;
    named.kind = ExprKind::name;
    named.name = to_text(constant(*e.args[0], env));
    named.span = e.span;
    return table_named(named, env);
  }
  if (e.method || e.name == "cluster" || e.name == "database" || e.name == "workspace" || e.name == "app" || e.name == "resource" ||
      e.name == "adx" || e.name == "arg" || e.name == "external_table" || e.name == "materialized_view") {
    fail(e.span, e.name + "() is not supported here: other clusters and databases cannot be reached", "set the server up with sigmactl connect add, or load the data as a table and use its name");
  }
  Entry* entry = env->find(e.name);
  if (!entry || !entry->function) {
    fail(e.name_span.end ? e.name_span : e.span, "there is no function '" + e.name + "' that gives a table");
  }
  return call_function(e, *entry, env, nullptr, nullptr, nullptr);
}

// Binds a user function's body with its parameters in place. A scalar body gives *scalar.
NodePtr Binder::call_function(const Expr& call, const Entry& entry_in, const EnvPtr& env, NodePtr piped, const Scope* row_scope, BoundPtr* scalar) {
  const Entry entry = entry_in;  // env may move it while the body is bound
  const FunctionDecl& f = *entry.function;
  if (++depth_ > max_depth) fail(call.span, "functions call each other too deeply here");
  const auto inner = std::make_shared<Env>(entry.function_env);
  size_t next_arg = 0;
  std::vector<const Expr*> named_args(f.params.size(), nullptr);
  std::vector<const Expr*> positional;
  for (const ExprPtr& arg : call.args) {
    if (arg->names.empty()) {
      positional.push_back(arg.get());
      continue;
    }
    bool found = false;
    for (size_t k = 0; k < f.params.size(); ++k) {
      if (f.params[k].name == arg->names[0]) named_args[k] = arg.get(), found = true;
    }
    if (!found) fail(arg->span, "the function '" + call.name + "' has no parameter '" + arg->names[0] + "'");
  }
  for (size_t k = 0; k < f.params.size(); ++k) {
    const FunctionParam& p = f.params[k];
    Entry param;
    if (k == 0 && piped) {
      param.table = piped;
      inner->entries[p.name] = std::move(param);
      continue;
    }
    const Expr* arg = named_args[k] ? named_args[k] : next_arg < positional.size() ? positional[next_arg++] : nullptr;
    if (!arg && !p.default_value) fail(call.span, "the function '" + call.name + "' needs its parameter '" + p.name + "'");
    if (p.tabular) {
      param.table = table(*arg, env);
    } else {
      const Type type = type_named(p.type, call.span);
      if (arg) {
        Scope scope;
        if (row_scope) scope = *row_scope;
        scope.env = env;
        param.scalar = to_type(expr(*arg, scope), type);
      } else {
        param.scalar = bound_constant(convert(p.default_value->value, type));
      }
    }
    inner->entries[p.name] = std::move(param);
  }
  if (next_arg < positional.size()) fail(call.span, "the function '" + call.name + "' takes " + std::to_string(f.params.size()) + " arguments");
  if (!f.body) fail(call.span, "the function '" + call.name + "' has no result");
  const Span outer_call = call_span_;
  if (call_span_.end == 0) call_span_ = call.span;
  NodePtr node;
  for (const Statement& s : f.statements) statement(s, inner);
  if (scalar && !is_tabular(*f.body, inner)) {
    Scope scope;
    if (row_scope) scope.schema = nullptr, scope.ordered = row_scope->ordered;
    scope.env = inner;
    *scalar = expr(*f.body, scope);
  } else {
    node = table(*f.body, inner);
  }
  call_span_ = outer_call;
  --depth_;
  return node;
}

NodePtr Binder::datatable(const Expr& e, const EnvPtr& env) {
  (void)env;
  columns::Schema schema;
  for (const ColumnDecl& c : e.columns) schema.push_back({c.name, type_named(c.type, c.span)});
  if (schema.empty()) fail(e.span, "a datatable needs a column");
  if (e.args.size() % schema.size() != 0) {
    fail(e.span, "a datatable of " + std::to_string(schema.size()) + " columns cannot hold " + std::to_string(e.args.size()) + " values",
         "the number of values must be a multiple of the number of columns");
  }
  std::vector<columns::Column> columns;
  for (const columns::ColumnInfo& c : schema) columns.emplace_back(c.type);
  for (size_t k = 0; k < e.args.size(); ++k) {
    columns::Column& column = columns[k % schema.size()];
    const Value& value = e.args[k]->value;
    if (!e.args[k]->name.empty() && value.null && e.args[k]->name != "now") error(e.args[k]->span, "'" + e.args[k]->name + "' cannot be read as " + columns::type_name(value.type));
    push(column, convert(value, column.type()));
  }
  std::vector<ColumnPtr> shared;
  for (columns::Column& column : columns) shared.push_back(share(std::move(column)));
  return make_rows(schema, Batch::of(std::move(shared), e.args.size() / schema.size()));
}

std::vector<std::pair<std::string, NodePtr>> Binder::tables_like(const std::string& pattern, const EnvPtr& env) {
  std::vector<std::pair<std::string, NodePtr>> legs;
  for (const std::string& name : tables_.names()) {
    const TableEntry& entry = *tables_.find(name);
    // Rows that another of these tables gives are not given twice.
    const bool twice = !entry.part_of.empty() && matches_wildcard(pattern, entry.part_of) && tables_.find(entry.part_of);
    if (entry.apart && pattern == "*") continue;
    if (matches_wildcard(pattern, name) && !twice) legs.emplace_back(name, make_scan(entry.table));
  }
  for (Env* at = env.get(); at; at = at->parent.get()) {
    for (auto& [name, entry] : at->entries) {
      const bool view = entry.function && entry.function->view && entry.function->params.empty();
      if (!view || !matches_wildcard(pattern, name)) continue;
      Expr named;
      named.kind = ExprKind::name;
      named.name = name;
      legs.emplace_back(name, table_named(named, env));
    }
  }
  return legs;
}

NodePtr Binder::query(const Query& q, const EnvPtr& outer, NodePtr input) {
  const auto env = std::make_shared<Env>(outer);  // `as` names live as long as the query
  NodePtr node = std::move(input);
  size_t n_done = 0;  // operators that a server does as they are written
  if (q.source) {
    if (!is_tabular(*q.source, env)) {
      if (q.ops.empty()) fail(q.span, "a table is needed here");
      Scope scope;  // print-like: a value piped on
      scope.env = env;
      node = compute(make_rows({}, Batch::one_row()), {{"Column1", expr(*q.source, scope)}});
    } else {
      node = leading_operators(q, env, n_done);
      if (!node) {
        node = table(*q.source, env);
        note_step(q.source->span, nullptr, *node);
      }
    }
  }
  struct Depth {
    explicit Depth(int& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
    int& depth;
  } inside(query_depth_);
  for (size_t k = n_done; k < q.ops.size(); ++k) {
    const Operator& o = q.ops[k];
    if (++n_bound_ > max_bound) fail(o.span, "the query is too large once its functions are expanded");
    if (o.op == "fork" || o.op == "facet") {  // several tables: only a whole query can give them
      if (query_depth_ > 1) fail(o.keyword, "'" + o.op + "' gives several tables, and one is needed here", "use it at the end of the query");
      if (&o != &q.ops.back() && (&o)[1].op != "render") fail((&o)[1].keyword, "only render can follow " + o.op, "put it into each branch");
    }
    const NodePtr before = node;
    piped_name_ = q.source && q.source->kind == ExprKind::name ? q.source->name : "";
    node = op(o, std::move(node), env);
    if (before) note_step(o.span, before.get(), *node);
  }
  return node;
}

Type Binder::type_named(const std::string& name, Span span) {
  if (const std::optional<Type> type = type_from_name(name)) return *type;
  fail(span, "'" + name + "' is not a type", "types are bool, int, long, real, decimal, string, datetime, timespan, guid, dynamic");
}

}  // namespace app::kql
