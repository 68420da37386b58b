// Binding of the tabular operators, one function each.
#include <algorithm>

#include "app/kql/binder.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "engine/base/error.h"

namespace app::kql {

NodePtr Binder::op(const Operator& o, NodePtr input, const EnvPtr& env) {
  const std::string& n = o.op;
  if (n == "print") return op_print(o, env);
  if (n == "range") return op_range(o, env);
  if (n == "union") return op_union(o, std::move(input), env);
  if (n == "search") return op_search(o, std::move(input), env);
  if (n == "find") return op_find(o, std::move(input), env);
  if (!input) fail(o.keyword, "'" + n + "' needs a table before it", "write Table | " + n + " ...");
  if (n == "make-graph" || n.compare(0, 6, "graph-") == 0) return op_graph(o, std::move(input), env);
  if (is_graph(input)) fail(o.keyword, "'" + n + "' works on rows, and this is a graph", "put graph-match or graph-to-table before it");
  if (n == "where") return op_where(o, std::move(input), env);
  if (n == "project") return op_project(o, std::move(input), env);
  if (n == "extend") return op_extend(o, std::move(input), env);
  if (n == "project-away" || n == "project-keep") return op_project_names(o, std::move(input));
  if (n == "project-rename") return op_project_rename(o, std::move(input));
  if (n == "project-by-names") return op_project_by_names(o, std::move(input), env);
  if (n == "project-reorder") return op_project_reorder(o, std::move(input));
  if (n == "take") return op_take(o, std::move(input), env);
  if (n == "sample") return make_sample(std::move(input), static_cast<uint64_t>(count_of(*o.count, env, "sample")));
  if (n == "sort" || n == "top") return op_sort(o, std::move(input), env);
  if (n == "summarize") return op_summarize(o, std::move(input), env);
  if (n == "distinct") return op_distinct(o, std::move(input), env);
  if (n == "count") return op_count(o, std::move(input));
  if (n == "join" || n == "lookup") return op_join(o, std::move(input), env);
  if (n == "parse" || n == "parse-where") return op_parse(o, std::move(input), env);
  if (n == "parse-kv") return op_parse_kv(o, std::move(input), env);
  if (n == "mv-expand" || n == "mv-apply") return op_mv(o, std::move(input), env);
  if (n == "make-series") return op_make_series(o, std::move(input), env);
  if (n == "partition") return op_partition(o, std::move(input), env);
  if (n == "top-nested") return op_top_nested(o, std::move(input), env);
  if (n == "top-hitters") return op_top_hitters(o, std::move(input), env);
  if (n == "sample-distinct") return op_sample_distinct(o, std::move(input), env);
  if (n == "scan") return op_scan(o, std::move(input), env);
  if (n == "evaluate") return op_evaluate(o, std::move(input), env);
  if (n == "getschema") return op_getschema(std::move(input));
  if (n == "serialize") {
    if (o.exprs.empty()) return make_ordered(std::move(input));
    return op_extend(o, make_ordered(std::move(input)), env);
  }
  if (n == "render") {
    note_render(o, env);
    return input;
  }
  if (n == "as") {
    Entry entry;
    entry.table = make_materialized(input);
    env->entries[o.names[0]] = entry;
    return entry.table;
  }
  if (n == "invoke") {
    const Entry* entry = env->find(o.exprs[0]->name);
    if (!entry || !entry->function) fail(o.exprs[0]->span, "there is no function '" + o.exprs[0]->name + "'", "define it: let " + o.exprs[0]->name + " = (T:(*)) { ... };");
    return call_function(*o.exprs[0], *entry, env, input, nullptr, nullptr);
  }
  if (n == "fork") return op_fork(o, std::move(input), env);
  if (n == "facet") return op_facet(o, std::move(input), env);
  if (n == "reduce") return op_reduce(o, std::move(input), env);
  if (n == "consume") return make_take(std::move(input), 0);
  if (n == "assert-schema" || n == "execute-and-cache") return input;
  static const std::map<std::string, const char*> nearest = {
      {"project-smart", "use project"}, {"macro-expand", "use union"}, {"graph", "there are no stored graphs; use make-graph"}};
  const auto at = nearest.find(n);
  fail(o.keyword, "the operator '" + n + "' is not supported here", at == nearest.end() ? "" : at->second);
}

void Binder::note_render(const Operator& o, const EnvPtr& env) {
  render_.kind = o.names[0];
  for (const Parameter& p : o.properties) {
    std::string text;
    if (p.value->kind == ExprKind::name) {
      text = p.value->name;
      for (const std::string& more : p.value->names) text += "," + more;
    } else {
      text = to_text(constant(*p.value, env));
    }
    render_.properties[p.name] = text;
  }
}

// ---------------------------------------------------------------- columns

NodePtr Binder::op_where(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.ordered = input->ordered;
  BoundPtr c = condition(*o.exprs[0], scope);
  // A conjunction is pushed down part by part.
  if (c->kind == Bound::Kind::call && std::string_view(c->function->name) == "and" && !c->window) {
    for (const BoundPtr& part : c->args) input = make_filter(std::move(input), part);
    return input;
  }
  return make_filter(std::move(input), std::move(c));
}

NodePtr Binder::op_project(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.ordered = input->ordered;
  std::vector<Named> list;
  std::vector<std::string> given_names;  // a name taken by an unnamed result gives way: tostring(x), x are x and x1
  size_t n_unnamed = 1;
  for (const ExprPtr& e : o.exprs) {
    if (e->kind == ExprKind::star && e->names.empty()) {
      for (size_t k = 0; k < input->schema.size(); ++k) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
      continue;
    }
    for (Named& n : named(*e, scope, n_unnamed)) {
      const bool explicit_name = !e->names.empty() || e->kind == ExprKind::name;
      const bool taken = std::any_of(list.begin(), list.end(), [&](const Named& other) { return other.name == n.name; });
      const bool given = std::find(given_names.begin(), given_names.end(), n.name) != given_names.end();
      if (given && explicit_name) error(e->span, "the column '" + n.name + "' is projected twice", "give one of them another name");
      if (explicit_name) given_names.push_back(n.name);
      if (taken) n.name = unique_name(n.name, list);
      list.push_back(std::move(n));
    }
  }
  return compute(std::move(input), list);
}

NodePtr Binder::op_extend(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.ordered = input->ordered;
  std::vector<Named> list;
  for (size_t k = 0; k < input->schema.size(); ++k) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  size_t n_unnamed = 1;
  for (const ExprPtr& e : o.exprs) {
    while (find_column(input->schema, "Column" + std::to_string(n_unnamed))) ++n_unnamed;
    for (Named& n : named(*e, scope, n_unnamed)) {
      const auto at = std::find_if(list.begin(), list.end(), [&](const Named& other) { return other.name == n.name; });
      if (at == list.end()) list.push_back(std::move(n));
      else at->expr = std::move(n.expr);
    }
  }
  return compute(std::move(input), list);
}

namespace {

bool like(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] != '*') return !name.empty() && pattern[0] == name[0] && like(pattern.substr(1), name.substr(1));
  for (size_t skip = 0; skip <= name.size(); ++skip) {
    if (like(pattern.substr(1), name.substr(skip))) return true;
  }
  return false;
}

}  // namespace

NodePtr Binder::op_project_names(const Operator& o, NodePtr input) {
  std::vector<bool> named_here(input->schema.size());
  for (const ExprPtr& e : o.exprs) {
    if (e->kind == ExprKind::name) {
      named_here[column_index(*e, input->schema)] = true;
      continue;
    }
    for (size_t k = 0; k < input->schema.size(); ++k) {
      if (like(e->name, input->schema[k].name)) named_here[k] = true;
    }
  }
  std::vector<Named> list;
  for (size_t k = 0; k < input->schema.size(); ++k) {
    if (named_here[k] == (o.op == "project-keep")) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  }
  return compute(std::move(input), list);
}

// Names, patterns and arrays of both, as values.
NodePtr Binder::op_project_by_names(const Operator& o, NodePtr input, const EnvPtr& env) {
  std::vector<std::string> patterns;
  for (const ExprPtr& e : o.exprs) {
    const Value value = constant(*e, env);
    const Json json = dynamic_value(value);
    if (!json.is_array()) patterns.push_back(to_text(value));
    for (const Json& item : json.items) patterns.push_back(item.s);
  }
  std::vector<Named> list;
  for (const std::string& pattern : patterns) {
    for (size_t k = 0; k < input->schema.size(); ++k) {
      const std::string& name = input->schema[k].name;
      const bool taken = std::any_of(list.begin(), list.end(), [&](const Named& n) { return n.name == name; });
      if (!taken && like(pattern, name)) list.push_back({name, bound_column(k, input->schema[k].type)});
    }
  }
  return compute(std::move(input), list);
}

NodePtr Binder::op_project_rename(const Operator& o, NodePtr input) {
  std::vector<Named> list;
  for (size_t k = 0; k < input->schema.size(); ++k) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  for (const ExprPtr& e : o.exprs) {
    if (e->names.size() != 1) fail(e->span, "project-rename needs new = old");
    Expr old;
    old.kind = e->kind;
    old.name = e->name;
    old.span = e->span;
    const size_t k = column_index(old, input->schema);
    for (const Named& n : list) {
      if (n.name == e->names[0] && &n != &list[k]) error(e->span, "there already is a column '" + n.name + "'");
    }
    list[k].name = e->names[0];
  }
  return compute(std::move(input), list);
}

NodePtr Binder::op_project_reorder(const Operator& o, NodePtr input) {
  std::vector<size_t> order;
  const auto add = [&](size_t k) {
    if (std::find(order.begin(), order.end(), k) == order.end()) order.push_back(k);
  };
  for (const ExprPtr& e : o.exprs) {
    if (e->kind == ExprKind::name) {
      add(column_index(*e, input->schema));
      continue;
    }
    std::vector<size_t> hits;
    for (size_t k = 0; k < input->schema.size(); ++k) {
      if (like(e->name, input->schema[k].name)) hits.push_back(k);
    }
    if (e->order != Expr::Order::none) {
      std::sort(hits.begin(), hits.end(), [&](size_t a, size_t b) { return input->schema[a].name < input->schema[b].name; });
      if (e->order == Expr::Order::desc) std::reverse(hits.begin(), hits.end());
    }
    for (const size_t k : hits) add(k);
  }
  for (size_t k = 0; k < input->schema.size(); ++k) add(k);
  std::vector<Named> list;
  for (const size_t k : order) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  return compute(std::move(input), list);
}

NodePtr Binder::op_getschema(NodePtr input) {
  columns::Column name(Type::string), ordinal(Type::int64), data(Type::string), type(Type::string);
  static const char* data_types[] = {"System.SByte", "System.Int32", "System.Int64", "System.Double", "System.Data.SqlTypes.SqlDecimal",
                                     "System.String", "System.DateTime", "System.TimeSpan", "System.Guid", "System.Object"};
  for (size_t k = 0; k < input->schema.size(); ++k) {
    name.push_text(input->schema[k].name);
    ordinal.push_i64(static_cast<int64_t>(k));
    data.push_text(data_types[static_cast<int>(input->schema[k].type)]);
    type.push_text(columns::type_name(input->schema[k].type));
  }
  const size_t n = input->schema.size();
  return make_rows({{"ColumnName", Type::string}, {"ColumnOrdinal", Type::int64}, {"DataType", Type::string}, {"ColumnType", Type::string}},
                   Batch::of({share(std::move(name)), share(std::move(ordinal)), share(std::move(data)), share(std::move(type))}, n));
}

// ---------------------------------------------------------------- rows

NodePtr Binder::op_take(const Operator& o, NodePtr input, const EnvPtr& env) {
  return make_take(std::move(input), static_cast<uint64_t>(count_of(*o.count, env, "take")));
}

std::vector<SortKey> Binder::sort_keys(const Operator& o, const Node& input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input.schema;
  scope.env = env;
  scope.ordered = input.ordered;
  std::vector<SortKey> keys;
  for (const ExprPtr& e : o.by) {
    SortKey key;
    key.expr = expr(*e, scope);
    key.descending = e->order != Expr::Order::asc;
    key.nulls_first = e->nulls == Expr::Nulls::none ? !key.descending : e->nulls == Expr::Nulls::first;
    keys.push_back(std::move(key));
  }
  return keys;
}

NodePtr Binder::op_sort(const Operator& o, NodePtr input, const EnvPtr& env) {
  std::vector<SortKey> keys = sort_keys(o, *input, env);
  const uint64_t limit = o.op == "top" ? static_cast<uint64_t>(count_of(*o.count, env, "top")) : UINT64_MAX;
  return make_sort(std::move(input), std::move(keys), limit);
}

NodePtr Binder::op_distinct(const Operator& o, NodePtr input, const EnvPtr& env) {
  if (o.star) return make_distinct(std::move(input));
  return make_distinct(op_project(o, std::move(input), env));
}

NodePtr Binder::op_count(const Operator& o, NodePtr input) {
  AggregateCall call;
  call.function = find_aggregate("count");
  call.outputs = {Type::int64};
  std::vector<AggregateCall> calls;
  calls.push_back(std::move(call));
  return make_summarize(std::move(input), {{o.names.empty() ? "Count" : o.names[0], Type::int64}}, {}, std::move(calls));
}

NodePtr Binder::op_sample_distinct(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  size_t n_unnamed = 1;
  const std::vector<Named> list = named(*o.exprs[0], scope, n_unnamed);
  return make_take(make_distinct(compute(std::move(input), list)), static_cast<uint64_t>(count_of(*o.count, env, "sample-distinct")));
}

NodePtr Binder::op_summarize(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope rows;
  rows.schema = &input->schema;
  rows.env = env;
  std::vector<Named> keys;
  size_t n_unnamed = 1;
  for (const ExprPtr& e : o.by) {
    for (Named& n : named(*e, rows, n_unnamed)) {
      n.name = unique_name(n.name, keys);
      keys.push_back(std::move(n));
    }
  }
  AggregateScope aggregates;
  for (const Named& key : keys) {
    aggregates.keys.push_back(key.name);
    aggregates.key_types.push_back(key.expr->type);
  }
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.aggregates = &aggregates;
  std::vector<Named> out;
  for (size_t k = 0; k < keys.size(); ++k) out.push_back({keys[k].name, bound_column(k, keys[k].expr->type)});
  for (const ExprPtr& e : o.exprs) {
    for (Named& n : named(*e, scope, n_unnamed)) {
      n.name = unique_name(n.name, out);
      out.push_back(std::move(n));
    }
  }
  std::vector<BoundPtr> key_exprs;
  columns::Schema schema;
  for (const Named& key : keys) {
    key_exprs.push_back(key.expr);
    schema.push_back({key.name, key.expr->type});
  }
  schema.insert(schema.end(), aggregates.outputs.begin(), aggregates.outputs.end());
  return compute(make_summarize(std::move(input), std::move(schema), std::move(key_exprs), std::move(aggregates.calls)), out);
}

// ---------------------------------------------------------------- joins and unions

NodePtr Binder::op_join(const Operator& o, NodePtr left, const EnvPtr& env) {
  NodePtr right = table(*o.queries[0]->source, env);
  const bool lookup = o.op == "lookup";
  std::string kind_name = lookup ? "leftouter" : "innerunique";
  if (const Expr* kind = o.param("kind")) kind_name = kind->name.empty() ? to_text(kind->value) : kind->name;
  static const std::map<std::string, JoinKind> kinds = {
      {"innerunique", JoinKind::innerunique}, {"inner", JoinKind::inner}, {"leftouter", JoinKind::leftouter}, {"rightouter", JoinKind::rightouter},
      {"fullouter", JoinKind::fullouter}, {"leftanti", JoinKind::leftanti}, {"anti", JoinKind::leftanti}, {"leftantisemi", JoinKind::leftanti},
      {"rightanti", JoinKind::rightanti}, {"rightantisemi", JoinKind::rightanti}, {"leftsemi", JoinKind::leftsemi}, {"semi", JoinKind::leftsemi}, {"rightsemi", JoinKind::rightsemi}};
  const auto at = kinds.find(kind_name);
  if (at == kinds.end()) fail(o.keyword, "'" + kind_name + "' is not a kind of join", "kinds are innerunique, inner, leftouter, rightouter, fullouter, leftsemi, rightsemi, leftanti, rightanti");
  if (!o.exprs.empty()) fail(o.keyword, "join ... where is not supported here", "use join ... on, then where");
  if (o.on.empty()) fail(o.keyword, "this join names no column to match", "add on Column");
  std::vector<BoundPtr> left_keys, right_keys;
  std::vector<size_t> same_name_keys;
  std::vector<const Expr*> conditions;
  for (const ExprPtr& e : o.on) {
    if (e->kind == ExprKind::all_of) for (const ExprPtr& part : e->args) conditions.push_back(part.get());
    else conditions.push_back(e.get());
  }
  for (const Expr* e : conditions) {
    if (e->kind == ExprKind::name) {
      const size_t l = column_index(*e, left->schema), r = column_index(*e, right->schema);
      left_keys.push_back(bound_column(l, left->schema[l].type));
      right_keys.push_back(bound_column(r, right->schema[r].type));
      same_name_keys.push_back(r);
    } else if (e->kind == ExprKind::binary && e->name == "==") {
      Scope scope;
      scope.schema = &left->schema;
      scope.right = &right->schema;
      scope.env = env;
      BoundPtr a = expr(*e->args[0], scope), b = expr(*e->args[1], scope);
      const auto side = [&](const Bound& x) {
        std::vector<size_t> used;
        collect_columns(x, used);
        return used.empty() ? -1 : used.front() >= left->schema.size() ? 1 : used.back() < left->schema.size() ? 0 : -1;
      };
      if (side(*a) == 1 && side(*b) == 0) std::swap(a, b);
      if (side(*a) != 0 || side(*b) != 1) fail(e->span, "a join matches a column of the left with one of the right", "write $left.a == $right.b");
      // The right expression counts its columns behind the left's: move them to their own table.
      const auto moved = [&](auto&& self, const BoundPtr& x) -> BoundPtr {
        if (x->kind == Bound::Kind::column) return bound_column(x->column - left->schema.size(), x->type, x->span);
        auto copy = std::make_shared<Bound>(*x);
        for (BoundPtr& arg : copy->args) arg = self(self, arg);
        return copy;
      };
      if (lookup && b->kind == Bound::Kind::column) same_name_keys.push_back(b->column - left->schema.size());
      left_keys.push_back(std::move(a));
      right_keys.push_back(moved(moved, b));
    } else {
      fail(e->span, "a join condition is a column's name or $left.a == $right.b");
    }
    BoundPtr &l = left_keys.back(), &r = right_keys.back();
    if (l->type != r->type) {
      if (is_number(l->type) && is_number(r->type)) {
        const Type type = widest(l->type, r->type);
        l = to_type(l, type), r = to_type(r, type);
      } else if (l->type == Type::dynamic || r->type == Type::dynamic) {
        const Type type = l->type == Type::dynamic ? r->type : l->type;
        l = to_type(l, type), r = to_type(r, type);
      } else {
        check_comparable("join", *l, *r, e->span);
      }
    }
  }
  const JoinKind kind = at->second;
  columns::Schema schema = left->schema;
  std::vector<size_t> right_columns;
  if (kind == JoinKind::rightsemi || kind == JoinKind::rightanti) {
    schema = right->schema;
  } else if (kind != JoinKind::leftsemi && kind != JoinKind::leftanti) {
    for (size_t k = 0; k < right->schema.size(); ++k) {
      if (lookup && std::find(same_name_keys.begin(), same_name_keys.end(), k) != same_name_keys.end()) continue;
      right_columns.push_back(k);
      // A new name is none that either side has: a joined with a, a1 gives a, a2, a1.
      const std::string& own = right->schema[k].name;
      std::string name = own;
      for (int n = 1; find_column(schema, name) || (name != own && find_column(right->schema, name)); ++n) name = own + std::to_string(n);
      schema.push_back({name, right->schema[k].type});
    }
  }
  return make_join(std::move(left), std::move(right), kind, std::move(left_keys), std::move(right_keys), std::move(schema), std::move(right_columns));
}

// Columns merge by name and type; one name with two types becomes name_type for each.
NodePtr Binder::unite(std::vector<std::pair<std::string, NodePtr>> legs, bool inner, const std::string& source_column) {
  columns::Schema schema;
  int source_index = -1;
  if (!source_column.empty()) {
    source_index = 0;
    schema.push_back({source_column, Type::string});
  }
  const auto has = [](const Node& node, const columns::ColumnInfo& c) {
    return std::any_of(node.schema.begin(), node.schema.end(), [&](const columns::ColumnInfo& o) { return o.name == c.name && o.type == c.type; });
  };
  columns::Schema merged;
  for (const auto& leg : legs) {
    for (const columns::ColumnInfo& c : leg.second->schema) {
      const bool known = std::any_of(merged.begin(), merged.end(), [&](const columns::ColumnInfo& o) { return o.name == c.name && o.type == c.type; });
      const bool everywhere = std::all_of(legs.begin(), legs.end(), [&](const auto& l) { return has(*l.second, c); });
      if (known || (inner && !everywhere)) continue;
      // The types of one name stand together.
      const auto same_name = std::find_if(merged.rbegin(), merged.rend(), [&](const columns::ColumnInfo& o) { return o.name == c.name; });
      merged.insert(same_name == merged.rend() ? merged.end() : same_name.base(), c);
    }
  }
  const size_t first = schema.size();
  for (const columns::ColumnInfo& c : merged) {
    const auto n = std::count_if(merged.begin(), merged.end(), [&](const columns::ColumnInfo& o) { return o.name == c.name; });
    schema.push_back({unique_name(n > 1 ? c.name + "_" + columns::type_name(c.type) : c.name, schema), c.type});
  }
  std::vector<NodePtr> children;
  std::vector<std::vector<int>> column_of;
  std::vector<std::string> names;
  for (auto& [name, node] : legs) {
    std::vector<int> from(schema.size(), -1);
    for (size_t k = 0; k < merged.size(); ++k) {
      for (size_t j = 0; j < node->schema.size(); ++j) {
        if (node->schema[j].name == merged[k].name && node->schema[j].type == merged[k].type) from[first + k] = static_cast<int>(j);
      }
    }
    column_of.push_back(std::move(from));
    names.push_back(name);
    children.push_back(node);
  }
  return make_union(std::move(children), std::move(schema), std::move(column_of), std::move(names), source_index);
}

NodePtr Binder::op_union(const Operator& o, NodePtr input, const EnvPtr& env) {
  std::vector<std::pair<std::string, NodePtr>> legs;
  if (input) legs.emplace_back("union_arg0", input);
  const Expr* fuzzy_param = o.param("isfuzzy");
  const bool fuzzy = fuzzy_param && (fuzzy_param->name == "true" || fuzzy_param->value.i != 0);
  for (const auto& leg : o.queries) {
    const Expr& source = *leg->source;
    if (source.kind == ExprKind::wildcard || source.kind == ExprKind::star) {
      auto more = tables_like(source.kind == ExprKind::star ? "*" : source.name, env);
      if (more.empty() && !fuzzy) fail(source.span, "no table is named like this");
      for (auto& m : more) legs.push_back(std::move(m));
      continue;
    }
    const std::string name = source.kind == ExprKind::name ? source.name : "union_arg" + std::to_string(legs.size());
    const std::vector<Diagnostic> before = errors_;
    const int depth = depth_;
    try {
      legs.emplace_back(name, table(source, env));
    } catch (const BindFailed&) {
      if (!fuzzy) throw;
      errors_ = before;  // isfuzzy: a leg that is not there is left out
      depth_ = depth;
    }
  }
  if (legs.empty()) fail(o.keyword, "this union has no table");
  const Expr* kind = o.param("kind");
  const Expr* source = o.param("withsource") ? o.param("withsource") : o.param("with_source");
  return unite(std::move(legs), kind && kind->name == "inner", source ? source->name.empty() ? to_text(source->value) : source->name : "");
}

NodePtr Binder::op_print(const Operator& o, const EnvPtr& env) {
  Scope scope;
  scope.env = env;
  std::vector<Named> list;
  size_t position = 0;
  for (const ExprPtr& e : o.exprs) {
    size_t n = position;
    for (Named& one : named(*e, scope, n, "print_")) {
      one.name = unique_name(one.name, list);
      list.push_back(std::move(one));
    }
    ++position;
  }
  return compute(make_rows({}, Batch::one_row()), list);
}

NodePtr Binder::op_range(const Operator& o, const EnvPtr& env) {
  Value from = constant(*o.from, env), to = constant(*o.to, env), step = constant(*o.step, env);
  Type type = from.type;
  if (is_number(from.type)) {
    type = widest(widest(from.type, to.type), step.type);
    if (type == Type::int32) type = Type::int64;
    if (type == Type::decimal) type = Type::real;
    step = convert(step, type);
  } else if (step.type != Type::timespan || (type != Type::datetime && type != Type::timespan)) {
    fail(o.keyword, "range needs numbers, or times with a timespan step");
  }
  from = convert(from, type);
  to = convert(to, type);
  if (from.null || to.null || step.null) return make_rows({{o.names[0], type}}, concat(std::vector<Batch>{}, {{o.names[0], type}}));
  if (type == Type::real ? step.d == 0 : step.i == 0) fail(o.step->span, "the step of a range cannot be zero");
  return make_range(o.names[0], std::move(from), std::move(to), std::move(step));
}

// ---------------------------------------------------------------- expansion

NodePtr Binder::op_mv(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  columns::Schema schema = input->schema;
  ExpandOptions options;
  std::vector<std::string> expanded_names;
  size_t n_unnamed = 1;
  for (const ExprPtr& e : o.exprs) {
    ExpandColumn column;
    column.expr = expr(*e, scope);
    if (column.expr->type == Type::string && o.op == "mv-expand") {
      error(e->span, "mv-expand works on dynamic values, and this is a text", "write parse_json(...) or split(...) around it");
    }
    std::string result = !e->names.empty() ? e->names[0] : natural_name(*e);
    if (result.empty()) result = "Column" + std::to_string(n_unnamed++);
    const bool plain = e->kind == ExprKind::name;
    column.type = e->to_type.empty() ? column.expr->type == Type::dynamic ? Type::dynamic : column.expr->type : type_named(e->to_type, e->span);
    const std::optional<size_t> at = find_column(schema, result);
    if (at && (plain || !e->names.empty())) {
      column.target = *at;
      schema[*at].type = column.type;
    } else {
      column.target = schema.size();
      schema.push_back({unique_name(result, schema), column.type});
    }
    expanded_names.push_back(schema[column.target].name);
    options.columns.push_back(std::move(column));
  }
  const Expr* expansion = o.param("bagexpansion") ? o.param("bagexpansion") : o.param("kind");
  options.bags_as_arrays = expansion && expansion->name == "array";
  if (const Expr* index = o.param("with_itemindex")) {
    options.index_column = static_cast<int>(schema.size());
    schema.push_back({unique_name(index->name, schema), Type::int64});
    expanded_names.push_back(schema.back().name);
  }
  if (o.count) options.limit = static_cast<uint64_t>(count_of(*o.count, env, "limit"));
  if (o.op == "mv-expand") return make_expand(std::move(input), std::move(schema), std::move(options));

  const int slot = next_slot_++;
  const NodePtr body = [&] {
    try {
      return query(*o.queries[0], env, make_slot(schema, slot));
    } catch (const SlotUnset& unset) {
      if (unset.slot != slot) throw;
      fail(o.keyword, "toscalar() and evaluate over the rows of mv-apply are not supported here", "use summarize and join inside, or mv-expand and partition");
    }
  }();
  // The outer columns that the body does not give itself come first.
  columns::Schema out;
  std::vector<size_t> outer, inner;
  for (size_t k = 0; k < input->schema.size(); ++k) {
    const std::string& column = input->schema[k].name;
    if (std::find(expanded_names.begin(), expanded_names.end(), column) != expanded_names.end()) continue;
    if (find_column(body->schema, column)) continue;
    outer.push_back(k);
    out.push_back(input->schema[k]);
  }
  std::vector<size_t> body_order;
  for (size_t k = 0; k < body->schema.size(); ++k) body_order.push_back(k);
  // A body column that is an outer one keeps the outer order, in front of what is new.
  std::stable_sort(body_order.begin(), body_order.end(), [&](size_t a, size_t b) {
    const auto rank = [&](size_t k) { return find_column(input->schema, body->schema[k].name) ? 0 : 1; };
    return rank(a) < rank(b);
  });
  for (const size_t k : body_order) {
    inner.push_back(k);
    out.push_back({unique_name(body->schema[k].name, out), body->schema[k].type});
  }
  return make_apply(std::move(input), std::move(schema), std::move(options), body, slot, std::move(out), std::move(outer), std::move(inner));
}

NodePtr Binder::op_partition(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  BoundPtr key = expr(*o.by[0], scope);
  if (o.star) return partition_by_value(o, std::move(input), std::move(key), env);
  const int slot = next_slot_++;
  const int depth = depth_, query_depth = query_depth_;
  try {
    NodePtr body = query(*o.queries[0], env, make_slot(input->schema, slot));
    return make_partition(std::move(input), std::move(key), std::move(body), slot);
  } catch (const SlotUnset& unset) {  // the body asks for its rows while it is bound: toscalar, evaluate
    if (unset.slot != slot) throw;
    depth_ = depth;
    query_depth_ = query_depth;
    return partition_by_binding(o, std::move(input), std::move(key), env);
  }
}

}  // namespace app::kql
