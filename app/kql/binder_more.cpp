// Binding of the operators with a text or a plan of their own: parse, make-series, top-nested, scan, evaluate.
#include <re2/re2.h>

#include <algorithm>
#include <functional>

#include "app/kql/binder.h"
#include "app/kql/datetime.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"

namespace app::kql {

// ---------------------------------------------------------------- parse

NodePtr Binder::op_parse(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  ParsePlan plan;
  plan.source = to_type(expr(*o.exprs[0], scope), Type::string);
  plan.drop_unmatched = o.op == "parse-where";
  const Expr* kind = o.param("kind");
  const bool regex = kind && kind->name == "regex";
  plan.relaxed = kind && kind->name == "relaxed";
  columns::Schema schema = input->schema;

  // Text must be met as it is; a star skips as little as it can; a column takes what is between.
  std::string pattern = "(?s";
  const Expr* flags = o.param("flags");
  pattern += (flags && flags->name.find('i') != std::string::npos ? "i" : "") + std::string(flags && flags->name.find('U') != std::string::npos ? "U" : "") + ")";
  int group = 0;
  for (size_t k = 0; k < o.pattern.size(); ++k) {
    const PatternPart& part = o.pattern[k];
    const bool last = k + 1 == o.pattern.size();
    const bool before_star = !last && o.pattern[k + 1].kind == PatternPart::Kind::star;
    if (part.kind == PatternPart::Kind::star) {
      pattern += last ? ".*" : ".*?";
    } else if (part.kind == PatternPart::Kind::text) {
      if (regex) {
        const re2::RE2 piece(part.text, re2::RE2::Quiet);
        if (!piece.ok()) fail(part.span, "this pattern cannot be used: " + piece.error(), "the syntax is RE2's");
        group += piece.NumberOfCapturingGroups();
        pattern += "(?:" + part.text + ")";
      } else {
        pattern += re2::RE2::QuoteMeta(part.text);
      }
    } else {
      ParseColumn column;
      column.type = part.type.empty() ? Type::string : type_named(part.type, part.span);
      if (is_integer(column.type) && !plan.relaxed) pattern += "\\s*([-+]?[0-9]+)\\s*";
      else if (column.type == Type::real && !plan.relaxed) pattern += "\\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\\s*";
      else if (is_number(column.type) && before_star) pattern += "([-+.0-9A-Za-z_]*)";
      else pattern += last ? "(.*)" : "(.*?)";
      plan.groups.push_back(++group);
      if (const std::optional<size_t> at = find_column(schema, part.text)) {
        column.target = *at;
        schema[*at].type = column.type;
      } else {
        column.target = schema.size();
        schema.push_back({part.text, column.type});
      }
      plan.columns.push_back(column);
    }
  }
  plan.regex = pattern;
  return make_parse(std::move(input), std::move(schema), std::move(plan));
}

NodePtr Binder::op_parse_kv(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  const BoundPtr source = to_type(expr(*o.exprs[0], scope), Type::string);
  std::string pair_delimiter = " ", kv_delimiter = "=", quote, escape, regex;
  bool greedy = false;
  for (const Parameter& p : o.properties) {
    const std::string text = p.value->kind == ExprKind::name ? p.value->name : to_text(constant(*p.value, env));
    if (p.name == "pair_delimiter") pair_delimiter = text;
    else if (p.name == "kv_delimiter") kv_delimiter = text;
    else if (p.name == "quote") quote = text;
    else if (p.name == "escape") escape = text;
    else if (p.name == "greedy") greedy = text == "true" || text == "True";
    else if (p.name == "regex") regex = text;
    else fail(o.keyword, "parse-kv has no property '" + p.name + "'");
  }
  std::vector<BoundPtr> args = {source, bound_constant(Value::text(pair_delimiter)), bound_constant(Value::text(kv_delimiter)),
                                bound_constant(Value::text(quote)), bound_constant(Value::text(escape)), bound_constant(Value::boolean(greedy)),
                                bound_constant(Value::text(regex))};
  const BoundPtr bag = make_call("parse_kv_bag", std::move(args), o.keyword);
  std::vector<Named> list;
  for (size_t k = 0; k < input->schema.size(); ++k) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  for (const ColumnDecl& c : o.columns) {
    const BoundPtr value = to_type(make_call("member", {bag, bound_constant(Value::text(c.name))}, c.span), type_named(c.type, c.span));
    const auto at = std::find_if(list.begin(), list.end(), [&](const Named& n) { return n.name == c.name; });
    if (at == list.end()) list.push_back({c.name, value});
    else at->expr = value;
  }
  return compute(std::move(input), list);
}

// ---------------------------------------------------------------- make-series

NodePtr Binder::op_make_series(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope rows;
  rows.schema = &input->schema;
  rows.env = env;
  SeriesPlan plan;
  columns::Schema schema;
  size_t n_unnamed = 1;
  std::vector<Named> keys;
  for (const ExprPtr& e : o.by) {
    for (Named& n : named(*e, rows, n_unnamed)) keys.push_back(std::move(n));
  }
  for (const Named& key : keys) {
    plan.keys.push_back(key.expr);
    schema.push_back({key.name, key.expr->type});
  }
  const Named axis = named(*o.on[0], rows, n_unnamed)[0];
  plan.axis = axis.expr;
  AggregateScope aggregates;
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.aggregates = &aggregates;
  for (const ExprPtr& e : o.exprs) {
    for (const Named& out : named(*e, scope, n_unnamed)) {
      schema.push_back({unique_name(out.name, schema), Type::dynamic});
      plan.values.push_back(out.expr);
      plan.defaults.push_back(e->extra ? constant(*e->extra, env) : Value::int64(0));
    }
  }
  plan.aggregates = std::move(aggregates.calls);
  schema.push_back({unique_name(axis.name, schema), Type::dynamic});
  const auto bound = [&](const ExprPtr& e, Type type) { return e ? convert(constant(*e, env), type) : Value::none(type); };
  const Type axis_type = plan.axis->type;
  plan.from = bound(o.from, axis_type);
  plan.to = bound(o.to, axis_type);
  plan.step = constant(*o.step, env);
  if (is_number(axis_type)) plan.step = convert(plan.step, axis_type);
  const bool positive = plan.step.type == Type::real ? plan.step.d > 0 : plan.step.i > 0;
  if (plan.step.null || !positive) fail(o.step->span, "the step of make-series must be greater than zero");
  plan.to_included = o.star;
  return make_series(std::move(input), std::move(schema), std::move(plan));
}

// ---------------------------------------------------------------- tops

NodePtr Binder::op_top_hitters(const Operator& o, NodePtr input, const EnvPtr& env) {
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  size_t n_unnamed = 1;
  const Named key = named(*o.exprs[0], scope, n_unnamed)[0];
  AggregateCall call;
  call.function = find_aggregate(o.by.empty() ? "count" : "sum");
  std::string weight = "approximate_count_" + key.name;
  Type type = Type::int64;
  if (!o.by.empty()) {
    call.args = {expr(*o.by[0], scope)};
    type = call.args[0]->type == Type::real ? Type::real : Type::int64;
    weight = "approximate_sum_" + natural_name(*o.by[0]);
  }
  call.outputs = {type};
  std::vector<AggregateCall> calls;
  calls.push_back(std::move(call));
  NodePtr grouped = make_summarize(std::move(input), {{key.name, key.expr->type}, {weight, type}}, {key.expr}, std::move(calls));
  return make_sort(std::move(grouped), {{bound_column(1, type), true, false}}, static_cast<uint64_t>(count_of(*o.count, env, "top-hitters")));
}

// Level by level: the best values of each level within their parents, by its own aggregate.
NodePtr Binder::op_top_nested(const Operator& o, NodePtr input, const EnvPtr& env) {
  std::vector<const Operator*> levels = {&o};
  for (const Operator& part : o.parts) levels.push_back(&part);
  NodePtr result;
  NodePtr rows = input;
  std::vector<std::string> key_names;
  size_t n_unnamed = 1;
  std::vector<std::pair<std::string, NodePtr>> others;  // of each level: what was not among its best; empty below it
  for (const Operator* level : levels) {
    Scope scope;
    scope.schema = &rows->schema;
    scope.env = env;
    std::vector<Named> group;
    for (const std::string& name : key_names) {
      const size_t k = *find_column(rows->schema, name);
      group.push_back({name, bound_column(k, rows->schema[k].type)});
    }
    const Named key = named(*level->exprs[0], scope, n_unnamed)[0];
    group.push_back(key);
    AggregateScope aggregates;
    for (const Named& g : group) aggregates.keys.push_back(g.name), aggregates.key_types.push_back(g.expr->type);
    Scope agg_scope = scope;
    agg_scope.aggregates = &aggregates;
    const ExprPtr& by = level->by[0];
    const BoundPtr value = expr(*by, agg_scope);
    const std::string value_name = by->names.empty() ? "aggregated_" + key.name : by->names[0];
    columns::Schema schema;
    std::vector<BoundPtr> key_exprs;
    for (const Named& g : group) schema.push_back({g.name, g.expr->type}), key_exprs.push_back(g.expr);
    columns::Schema raw = schema;
    raw.insert(raw.end(), aggregates.outputs.begin(), aggregates.outputs.end());
    NodePtr level_rows = make_summarize(rows, raw, key_exprs, std::move(aggregates.calls));
    std::vector<Named> out;
    for (size_t k = 0; k < group.size(); ++k) out.push_back({group[k].name, bound_column(k, group[k].expr->type)});
    out.push_back({value_name, value});
    level_rows = compute(std::move(level_rows), out);
    const bool descending = by->order != Expr::Order::asc;
    const std::vector<SortKey> order = {{bound_column(group.size(), value->type), descending, !descending}};
    const uint64_t limit = level->count ? static_cast<uint64_t>(count_of(*level->count, env, "top-nested")) : UINT64_MAX;
    if (group.size() == 1) {
      level_rows = make_sort(std::move(level_rows), order, limit);
    } else {  // within each parent
      std::vector<BoundPtr> parent;
      for (size_t k = 0; k + 1 < group.size(); ++k) parent.push_back(make_call("tostring", {bound_column(k, group[k].expr->type)}, {}));
      parent.insert(parent.begin(), bound_constant(Value::text("\x1f")));
      const int slot = next_slot_++;
      const columns::Schema part_schema = level_rows->schema;
      level_rows = make_partition(level_rows, make_call("strcat_delim", parent, {}), make_sort(make_slot(part_schema, slot), order, limit), slot);
    }
    level_rows = make_materialized(level_rows);
    // The rows that go on are those of the chosen values.
    const size_t n_keys = group.size();
    std::vector<BoundPtr> left_keys, right_keys;
    for (size_t k = 0; k < n_keys; ++k) left_keys.push_back(group[k].expr), right_keys.push_back(bound_column(k, group[k].expr->type));
    if (!find_column(rows->schema, key.name)) {
      std::vector<Named> with_key;
      for (size_t k = 0; k < rows->schema.size(); ++k) with_key.push_back({rows->schema[k].name, bound_column(k, rows->schema[k].type)});
      with_key.push_back(key);
      rows = compute(rows, with_key);
    }
    const std::vector<std::string> parents = key_names;
    NodePtr rest;
    if (level->with_others) {
      const NodePtr left_out = make_join(rows, level_rows, JoinKind::leftanti, left_keys, right_keys, rows->schema, {}, NullKeys::match_each_other);
      rest = top_nested_others(*level, left_out, parents, key, value_name, value->type, env);
    }
    rows = make_join(rows, level_rows, JoinKind::leftsemi, left_keys, right_keys, rows->schema, {}, NullKeys::match_each_other);
    if (rest && result) {  // with what the levels above say of the parent
      columns::Schema joined = result->schema;
      std::vector<BoundPtr> l, r;
      for (size_t k = 0; k < parents.size(); ++k) {
        const size_t a = *find_column(result->schema, parents[k]);
        l.push_back(bound_column(a, result->schema[a].type)), r.push_back(bound_column(k, rest->schema[k].type));
      }
      const std::vector<size_t> new_columns = {parents.size(), parents.size() + 1};
      for (const size_t k : new_columns) joined.push_back(rest->schema[k]);
      rest = make_join(result, rest, JoinKind::inner, l, r, joined, new_columns, NullKeys::match_each_other);
    }
    if (rest) others.emplace_back("", std::move(rest));
    if (!result) {
      result = level_rows;
    } else {
      columns::Schema joined = result->schema;
      std::vector<BoundPtr> l, r;
      for (const std::string& name : key_names) {
        const size_t a = *find_column(result->schema, name), b = *find_column(level_rows->schema, name);
        l.push_back(bound_column(a, result->schema[a].type)), r.push_back(bound_column(b, level_rows->schema[b].type));
      }
      std::vector<size_t> new_columns = {n_keys - 1, n_keys};
      for (const size_t k : new_columns) joined.push_back(level_rows->schema[k]);
      result = make_join(result, level_rows, JoinKind::inner, l, r, joined, new_columns, NullKeys::match_each_other);
    }
    key_names.push_back(key.name);
  }
  if (others.empty()) return result;
  others.insert(others.begin(), {"", result});
  return unite(std::move(others), false, "");
}

// For each of the parents one row over what is left: the parent's keys, the name given for it, its aggregate.
NodePtr Binder::top_nested_others(const Operator& level, NodePtr rows, const std::vector<std::string>& parents, const Named& key, const std::string& value_name, Type value_type,
                                  const EnvPtr& env) {
  AggregateScope aggregates;
  columns::Schema schema;
  std::vector<BoundPtr> keys;
  for (const std::string& name : parents) {
    const size_t k = *find_column(rows->schema, name);
    schema.push_back(rows->schema[k]);
    keys.push_back(bound_column(k, rows->schema[k].type));
    aggregates.keys.push_back(name);
    aggregates.key_types.push_back(rows->schema[k].type);
  }
  Scope scope;
  scope.schema = &rows->schema;
  scope.env = env;
  scope.aggregates = &aggregates;
  const BoundPtr value = expr(*level.by[0], scope);
  AggregateCall count;
  count.function = find_aggregate("count");
  count.outputs = {Type::int64};
  const size_t count_column = parents.size() + aggregates.outputs.size();
  aggregates.calls.push_back(std::move(count));
  columns::Schema raw = schema;
  raw.insert(raw.end(), aggregates.outputs.begin(), aggregates.outputs.end());
  raw.push_back({"# rows", Type::int64});
  NodePtr grouped = make_summarize(std::move(rows), raw, keys, std::move(aggregates.calls));
  grouped = make_filter(std::move(grouped), make_call(">", {bound_column(count_column, Type::int64), bound_constant(Value::int64(0))}, {}));
  const Value name = convert(constant(*level.with_others, env), key.expr->type);
  if (name.null) fail(level.with_others->span, "the others of " + key.name + " need a name of its type, " + columns::type_name(key.expr->type));
  std::vector<Named> out;
  for (size_t k = 0; k < parents.size(); ++k) out.push_back({parents[k], bound_column(k, schema[k].type)});
  out.push_back({key.name, bound_constant(name)});
  out.push_back({value_name, to_type(value, value_type)});
  return compute(std::move(grouped), out);
}

// ---------------------------------------------------------------- scan

NodePtr Binder::op_scan(const Operator& o, NodePtr input, const EnvPtr& env) {
  if (!o.by.empty()) input = make_sort(input, sort_keys(o, *input, env));
  ScanPlan plan_of_all;
  Scope row_scope;
  row_scope.schema = &input->schema;
  row_scope.env = env;
  for (const ExprPtr& key : o.on) plan_of_all.partition.push_back(expr(*key, row_scope));
  columns::Schema schema = input->schema;
  for (const ColumnDecl& c : o.columns) {
    const Type type = type_named(c.type, o.keyword);
    Value value = Value::none(type);
    for (const ExprPtr& e : o.exprs) {
      if (e->names[0] == c.name) value = convert(e->value, type);
    }
    plan_of_all.initial.push_back(value);
    schema.push_back({unique_name(c.name, schema), type});
  }
  // A step sees the row, and every step's state as step.column: laid out behind each other.
  columns::Schema seen = schema;
  for (const ScanStep& step : o.steps) {
    for (const columns::ColumnInfo& c : schema) seen.push_back({step.name + "." + c.name, c.type});
  }
  const auto rewrite = [&](auto&& self, const Expr& e) -> ExprPtr {  // s1.x becomes the column "s1.x"
    auto copy = std::make_unique<Expr>();
    copy->kind = e.kind;
    copy->span = e.span;
    copy->name = e.name;
    copy->name_span = e.name_span;
    copy->value = e.value;
    copy->method = e.method;
    copy->names = e.names;
    if (e.kind == ExprKind::path && e.args[0]->kind == ExprKind::name && find_column(seen, e.args[0]->name + "." + e.name)) {
      copy->kind = ExprKind::name;
      copy->name = e.args[0]->name + "." + e.name;
      return copy;
    }
    for (const ExprPtr& arg : e.args) copy->args.push_back(self(self, *arg));
    return copy;
  };
  Scope scope;
  scope.schema = &seen;
  scope.env = env;
  for (const ScanStep& step : o.steps) {
    ScanStepPlan plan;
    plan.name = step.name;
    plan.optional = step.optional;
    const ExprPtr c = rewrite(rewrite, *step.condition);
    plan.condition = condition(*c, scope);
    for (const ExprPtr& a : step.assignments) {
      const std::optional<size_t> target = find_column(schema, a->names[0]);
      if (!target || *target < input->schema.size()) fail(a->span, "'" + a->names[0] + "' is not declared by this scan", "declare it: scan declare (" + a->names[0] + ":long)");
      const ExprPtr value = rewrite(rewrite, *a);
      plan.assignments.emplace_back(*target, to_type(expr(*value, scope), schema[*target].type));
    }
    plan.output_last = step.output == "last";
    plan.output_none = step.output == "none";
    if (!step.output.empty() && step.output != "all" && !plan.output_last && !plan.output_none) {
      error(o.keyword, "'" + step.output + "' is not an output of a scan step", "write output=all, last or none");
    }
    plan_of_all.steps.push_back(std::move(plan));
  }
  columns::Schema out = schema;
  const auto add_column = [&](const char* param, Type type) {
    const Expr* name = o.param(param);
    if (name) out.push_back({unique_name(name->name.empty() ? to_text(name->value) : name->name, out), type});
    return name != nullptr;
  };
  plan_of_all.match_id = add_column("with_match_id", Type::int64);
  plan_of_all.step_name = add_column("with_step_name", Type::string);
  return make_scan_steps(std::move(input), std::move(out), std::move(plan_of_all));
}

// ---------------------------------------------------------------- evaluate

NodePtr Binder::op_evaluate(const Operator& o, NodePtr input, const EnvPtr& env) {
  const Expr& call = *o.exprs[0];
  const std::string& n = call.name;
  if (n == "bag_unpack") return plugin_bag_unpack(o, call, std::move(input), env);
  if (n == "pivot") return plugin_pivot(o, call, std::move(input), env);
  if (n == "narrow") return plugin_narrow(call, std::move(input));
  if (n == "ipv4_lookup") return plugin_ipv4_lookup(o, call, std::move(input), env);
  if (n == "activity_counts_metrics") return plugin_activity_counts(call, std::move(input), env);
  if (n == "preview") {  // some rows, and how many there are
    if (call.args.size() != 1) fail(call.span, "preview() takes the number of rows to show");
    const NodePtr rows = make_materialized(std::move(input));
    further_.emplace_back("Count", op_count(o, rows));
    first_name_ = "Rows";
    return make_take(rows, static_cast<uint64_t>(count_of(*call.args[0], env, "preview")));
  }
  return plugin_named(o, call, std::move(input), env);
}

namespace {

// The type all values of a member share, or string where they differ.
Type type_of_json(const Json& json) {
  switch (json.kind) {
    case Json::Kind::boolean: return Type::boolean;
    case Json::Kind::integer: return Type::int64;
    case Json::Kind::real: return Type::real;
    case Json::Kind::string: return Type::string;
    default: return Type::dynamic;
  }
}

std::string argument_text(const Expr& call, const char* name, size_t position, const std::function<std::string(const Expr&)>& text, std::string missing) {
  size_t k = 0;
  for (const ExprPtr& arg : call.args) {
    if (!arg->names.empty()) {
      if (arg->names[0] == name) return text(*arg);
    } else if (k++ == position) {
      return text(*arg);
    }
  }
  return missing;
}

}  // namespace

NodePtr Binder::plugin_bag_unpack(const Operator& o, const Expr& call, NodePtr input, const EnvPtr& env) {
  if (call.args.empty()) fail(call.span, "bag_unpack() needs a column");
  const size_t bag_column = column_index(*call.args[0], input->schema);
  const auto text = [&](const Expr& e) { return to_text(constant(e, env)); };
  const std::string prefix = argument_text(call, "OutputColumnPrefix", 1, text, "");
  const std::string conflict = argument_text(call, "columnsConflict", 2, text, "error");
  std::vector<std::string> ignored;
  for (const ExprPtr& arg : call.args) {
    if (arg->names.empty() || arg->names[0] != "ignoredProperties") continue;
    for (const Json& item : dynamic_value(constant(*arg, env)).items) ignored.push_back(item.s);
  }
  const NodePtr rows = make_materialized(input);
  // Which members there are is only known from the rows, unless the query says.
  std::map<std::string, Type> members;
  std::vector<std::string> order;
  if (o.has_columns) {
    for (const ColumnDecl& c : o.columns) {
      members[c.name] = type_named(c.type, c.span);
      order.push_back(c.name);
    }
  } else {
    if (check_only_ || !errors_.empty()) throw BindFailed{};
    for (const Batch& batch : run_all(*rows, context_)) {
      const ColumnPtr bags = batch.column(bag_column);
      for (size_t row = 0; row < batch.n_rows(); ++row) {
        const Json bag = dynamic_value(get(*bags, row));
        for (size_t k = 0; k < bag.keys.size(); ++k) {
          if (bag.items[k].is_null() || std::find(ignored.begin(), ignored.end(), bag.keys[k]) != ignored.end()) continue;
          const Type type = type_of_json(bag.items[k]);
          const auto [at, added] = members.emplace(bag.keys[k], type);
          if (!added && at->second != type) at->second = is_number(at->second) && is_number(type) ? widest(at->second, type) : Type::dynamic;
        }
      }
    }
    for (const auto& [name, type] : members) order.push_back(name);  // by name
  }
  std::vector<Named> list;
  const bool keep_all = !o.has_columns || o.columns_star;
  for (size_t k = 0; keep_all && k < input->schema.size(); ++k) {
    if (k != bag_column) list.push_back({input->schema[k].name, bound_column(k, input->schema[k].type)});
  }
  for (const std::string& member : order) {
    if (!keep_all) {
      if (const std::optional<size_t> own = find_column(input->schema, member); own && *own != bag_column) {
        list.push_back({member, bound_column(*own, input->schema[*own].type)});
        continue;
      }
    }
    const std::string key = o.has_columns && !prefix.empty() && member.substr(0, prefix.size()) == prefix ? member.substr(prefix.size()) : member;
    const std::string name = o.has_columns ? member : prefix + member;
    const BoundPtr value = to_type(make_call("member", {bound_column(bag_column, Type::dynamic), bound_constant(Value::text(key))}, call.span), members[member]);
    const auto at = std::find_if(list.begin(), list.end(), [&](const Named& n) { return n.name == name; });
    if (at == list.end()) {
      list.push_back({name, value});
    } else if (conflict == "replace_source") {
      at->expr = value;
    } else if (conflict != "keep_source") {
      fail(call.span, "the member '" + name + "' has the name of a column", "add columnsConflict='replace_source' or 'keep_source', or a prefix");
    }
  }
  return compute(rows, list);
}

NodePtr Binder::plugin_pivot(const Operator& o, const Expr& call, NodePtr input, const EnvPtr& env) {
  if (call.args.empty()) fail(call.span, "pivot() needs a column");
  if (check_only_ || !errors_.empty()) throw BindFailed{};
  (void)o;
  const size_t pivot = column_index(*call.args[0], input->schema);
  Expr count;
  count.kind = ExprKind::call;
  count.name = "count";
  const Expr& aggregate_expr = call.args.size() > 1 ? *call.args[1] : count;
  // Group by the named columns, or by all that the call does not use.
  std::vector<size_t> keys;
  if (call.args.size() > 2) {
    for (size_t k = 2; k < call.args.size(); ++k) keys.push_back(column_index(*call.args[k], input->schema));
  } else {
    std::vector<std::string> used = {input->schema[pivot].name};
    for (const ExprPtr& arg : aggregate_expr.args) used.push_back(natural_name(*arg));
    for (size_t k = 0; k < input->schema.size(); ++k) {
      if (std::find(used.begin(), used.end(), input->schema[k].name) == used.end()) keys.push_back(k);
    }
  }
  std::vector<BoundPtr> key_exprs;
  columns::Schema schema;
  AggregateScope aggregates;
  for (const size_t k : keys) {
    key_exprs.push_back(bound_column(k, input->schema[k].type));
    schema.push_back(input->schema[k]);
    aggregates.keys.push_back(input->schema[k].name);
    aggregates.key_types.push_back(input->schema[k].type);
  }
  key_exprs.push_back(bound_column(pivot, input->schema[pivot].type));
  schema.push_back({"\x1f pivot", input->schema[pivot].type});
  aggregates.keys.push_back("\x1f pivot");
  aggregates.key_types.push_back(input->schema[pivot].type);
  Scope scope;
  scope.schema = &input->schema;
  scope.env = env;
  scope.aggregates = &aggregates;
  const BoundPtr value = expr(aggregate_expr, scope);
  if (value->kind != Bound::Kind::column || !errors_.empty()) fail(call.span, "pivot() needs one plain aggregate");
  schema.insert(schema.end(), aggregates.outputs.begin(), aggregates.outputs.end());
  const NodePtr grouped = make_summarize(input, schema, key_exprs, std::move(aggregates.calls));
  const Batch rows = run_to_one(*grouped, context_);
  std::map<std::string, size_t> names;
  const ColumnPtr pivots = rows.column(keys.size()), values = rows.column(value->column);
  for (size_t row = 0; row < rows.n_rows(); ++row) names.emplace(to_text(get(*pivots, row)), 0);
  // One output row for each combination of the keys.
  std::map<std::string, size_t> row_of;
  std::vector<size_t> first_rows;
  std::vector<std::map<std::string, Value>> cells;
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    std::string key;
    for (size_t k = 0; k < keys.size(); ++k) append_key(key, *rows.column(k), row);
    const auto [at, added] = row_of.emplace(key, cells.size());
    if (added) first_rows.push_back(row), cells.emplace_back();
    cells[at->second][to_text(get(*pivots, row))] = get(*values, row);
  }
  columns::Schema out_schema;
  std::vector<ColumnPtr> out;
  for (size_t k = 0; k < keys.size(); ++k) {
    columns::Column column(schema[k].type);
    for (const size_t row : first_rows) push(column, get(*rows.column(k), row));
    out_schema.push_back(schema[k]);
    out.push_back(share(std::move(column)));
  }
  const bool zero = aggregate_expr.name == "count" || aggregate_expr.name == "dcount" || aggregate_expr.name == "sum" || aggregate_expr.name == "countif";
  for (const auto& [name, unused] : names) {
    columns::Column column(value->type);
    for (const auto& row : cells) {
      const auto at = row.find(name);
      Value missing = Value::none(value->type);
      if (zero) missing.null = false;
      push(column, at == row.end() ? missing : at->second);
    }
    out_schema.push_back({unique_name(name, out_schema), value->type});
    out.push_back(share(std::move(column)));
  }
  return make_rows(std::move(out_schema), Batch::of(std::move(out), cells.size()));
}

// A row for each cell: row number, column name, value as text.
NodePtr Binder::plugin_narrow(const Expr& call, NodePtr input) {
  if (check_only_ || !errors_.empty()) throw BindFailed{};
  (void)call;
  const Batch rows = run_to_one(*input, context_);
  columns::Column number(Type::int64), name(Type::string), value(Type::string);
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    for (size_t k = 0; k < input->schema.size(); ++k) {
      number.push_i64(static_cast<int64_t>(row));
      name.push_text(input->schema[k].name);
      value.push_text(to_text(get(*rows.column(k), row)));
    }
  }
  const size_t n = number.n_rows();
  return make_rows({{"Row", Type::int64}, {"Column", Type::string}, {"Value", Type::string}}, Batch::of({share(std::move(number)), share(std::move(name)), share(std::move(value))}, n));
}

// Each row with the lookup rows whose network holds its address; longest prefix first.
NodePtr Binder::plugin_ipv4_lookup(const Operator& o, const Expr& call, NodePtr input, const EnvPtr& env) {
  (void)o;
  if (call.args.size() < 3) fail(call.span, "ipv4_lookup() takes a table, an address column and a network column");
  if (check_only_ || !errors_.empty()) throw BindFailed{};
  const NodePtr lookup = table(*call.args[0], env);
  const size_t address = column_index(*call.args[1], input->schema), network = column_index(*call.args[2], lookup->schema);
  bool keep_unmatched = false;
  for (const ExprPtr& arg : call.args) {
    if (!arg->names.empty() && arg->names[0] == "return_unmatched") keep_unmatched = constant(*arg, env).i != 0;
  }
  const Batch rows = run_to_one(*input, context_), networks = run_to_one(*lookup, context_);
  Rows left, right;
  for (uint32_t row = 0; row < rows.n_rows(); ++row) {
    bool any = false;
    for (uint32_t k = 0; k < networks.n_rows(); ++k) {
      const BoundPtr hit = make_call("ipv4_is_in_range", {bound_constant(get(*rows.column(address), row)), bound_constant(get(*networks.column(network), k))}, call.span);
      if (hit->value.null || !hit->value.i) continue;
      left.push_back(row), right.push_back(k);
      any = true;
    }
    if (!any && keep_unmatched) left.push_back(row), right.push_back(UINT32_MAX);
  }
  columns::Schema schema = input->schema;
  std::vector<ColumnPtr> out;
  for (size_t k = 0; k < input->schema.size(); ++k) out.push_back(share(rows.column(k)->take(left)));
  for (size_t k = 0; k < lookup->schema.size(); ++k) {
    schema.push_back({unique_name(lookup->schema[k].name, schema), lookup->schema[k].type});
    out.push_back(share(networks.column(k)->take(right)));
  }
  return make_rows(std::move(schema), Batch::of(std::move(out), left.size()));
}

// Counts of ids a window of time: all, distinct, new since the start, distinct so far.
NodePtr Binder::plugin_activity_counts(const Expr& call, NodePtr input, const EnvPtr& env) {
  if (call.args.size() < 5) fail(call.span, "activity_counts_metrics() takes an id, a time, start, end and window");
  if (check_only_ || !errors_.empty()) throw BindFailed{};
  const size_t id = column_index(*call.args[0], input->schema), time = column_index(*call.args[1], input->schema);
  const Value start = convert(constant(*call.args[2], env), Type::datetime), end = convert(constant(*call.args[3], env), Type::datetime);
  const Value window = constant(*call.args[4], env);
  if (start.null || end.null || window.type != Type::timespan || window.i <= 0) fail(call.span, "the window of activity_counts_metrics() must be a timespan");
  std::vector<size_t> dimensions;
  for (size_t k = 5; k < call.args.size(); ++k) dimensions.push_back(column_index(*call.args[k], input->schema));
  const Batch rows = run_to_one(*input, context_);
  struct Counts {
    int64_t all = 0, fresh = 0, so_far = 0;
    std::vector<std::string> ids;
    size_t row = 0;
  };
  std::map<std::string, std::map<int64_t, Counts>> groups;  // by dimensions, then by window
  for (size_t row = 0; row < rows.n_rows(); ++row) {
    if (rows.column(time)->is_null(row)) continue;
    const int64_t t = rows.column(time)->i64(row);
    if (t < start.i || t > end.i) continue;
    std::string key;
    for (const size_t k : dimensions) append_key(key, *rows.column(k), row);
    Counts& c = groups[key][start.i + floor_to(t - start.i, window.i)];
    c.row = row;
    ++c.all;
    std::string id_key;
    append_key(id_key, *rows.column(id), row);
    if (std::find(c.ids.begin(), c.ids.end(), id_key) == c.ids.end()) c.ids.push_back(id_key);
  }
  columns::Schema schema = {{input->schema[time].name, Type::datetime}};
  std::vector<columns::Column> out;
  out.emplace_back(Type::datetime);
  for (const size_t k : dimensions) schema.push_back(input->schema[k]), out.emplace_back(input->schema[k].type);
  for (const char* name : {"count", "dcount", "new_dcount", "aggregated_dcount"}) schema.push_back({name, Type::int64}), out.emplace_back(Type::int64);
  for (auto& [key, windows] : groups) {
    std::vector<std::string> known;
    for (auto& [t, c] : windows) {
      for (const std::string& one : c.ids) {
        if (std::find(known.begin(), known.end(), one) == known.end()) known.push_back(one), ++c.fresh;
      }
      out[0].push_i64(t);
      for (size_t k = 0; k < dimensions.size(); ++k) push(out[1 + k], get(*rows.column(dimensions[k]), c.row));
      const size_t at = 1 + dimensions.size();
      out[at].push_i64(c.all);
      out[at + 1].push_i64(static_cast<int64_t>(c.ids.size()));
      out[at + 2].push_i64(c.fresh);
      out[at + 3].push_i64(static_cast<int64_t>(known.size()));
    }
  }
  const size_t n = out[0].n_rows();
  std::vector<ColumnPtr> shared;
  for (columns::Column& c : out) shared.push_back(share(std::move(c)));
  return make_rows(std::move(schema), Batch::of(std::move(shared), n));
}

}  // namespace app::kql
