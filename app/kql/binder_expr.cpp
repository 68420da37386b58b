// Binding of expressions: names to columns, operators and functions to kernels, constants folded.
#include <algorithm>
#include <array>

#include "app/kql/binder.h"
#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/result_names.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

// Functions whose several results become several columns, with the suffix of each.
struct Results {
  const char* name;
  std::vector<std::pair<const char*, Type>> parts;
};
// Functions of texts that take numbers, times and the rest as well, and read them as tostring() gives them.
bool reads_any_scalar(std::string_view function) {
  static constexpr std::array names = {"indexof_regex", "isascii", "isutf8", "parse_command_line", "regex_quote", "split", "strcat_delim", "strcmp",
                                       "strrep", "substring", "to_utf8", "tolower", "toupper", "unicode_codepoints_from_string"};
  return std::find(names.begin(), names.end(), function) != names.end();
}

const std::vector<Results>& several_results() {
  static const std::vector<Results> list = {
      {"series_fit_line", {{"rsquare", Type::real}, {"slope", Type::real}, {"variance", Type::real}, {"rvariance", Type::real}, {"interception", Type::real}, {"line_fit", Type::dynamic}}},
      {"series_fit_2lines", {{"rsquare", Type::real}, {"split_idx", Type::int64}, {"variance", Type::real}, {"rvariance", Type::real}, {"line_fit", Type::dynamic}, {"right_rsquare", Type::real}, {"right_slope", Type::real}, {"right_interception", Type::real}, {"right_variance", Type::real}, {"right_rvariance", Type::real}, {"left_rsquare", Type::real}, {"left_slope", Type::real}, {"left_interception", Type::real}, {"left_variance", Type::real}, {"left_rvariance", Type::real}}},
      {"series_stats", {{"min", Type::real}, {"min_idx", Type::int64}, {"max", Type::real}, {"max_idx", Type::int64}, {"avg", Type::real}, {"stdev", Type::real}, {"variance", Type::real}}},
      {"series_decompose", {{"baseline", Type::dynamic}, {"seasonal", Type::dynamic}, {"trend", Type::dynamic}, {"residual", Type::dynamic}}},
      {"series_decompose_anomalies", {{"ad_flag", Type::dynamic}, {"ad_score", Type::dynamic}, {"baseline", Type::dynamic}}},
      {"series_periods_validate", {{"periods", Type::dynamic}, {"scores", Type::dynamic}}},
      {"series_periods_detect", {{"periods", Type::dynamic}, {"scores", Type::dynamic}}},
      {"series_decompose_forecast", {{"baseline", Type::dynamic}, {"seasonal", Type::dynamic}, {"trend", Type::dynamic}, {"residual", Type::dynamic}}},
      {"series_fft", {{"real", Type::dynamic}, {"imag", Type::dynamic}}},
      {"series_ifft", {{"real", Type::dynamic}, {"imag", Type::dynamic}}},
      {"series_fit_poly", {{"rsquare", Type::real}, {"coefficients", Type::dynamic}, {"variance", Type::real}, {"rvariance", Type::real}, {"poly_fit", Type::dynamic}}}};
  return list;
}

const Results* results_of(const Expr& e) {
  if (e.kind != ExprKind::call) return nullptr;
  for (const Results& r : several_results()) {
    if (e.name == r.name) return &r;
  }
  return nullptr;
}

bool is_bad(const Bound& e) { return is_constant(e) && e.value.null && e.type == Type::dynamic; }

}  // namespace

// ---------------------------------------------------------------- types

Type Binder::arithmetic_type(std::string_view op, Type a, Type b) {
  const bool time_a = a == Type::datetime, time_b = b == Type::datetime;
  const bool span_a = a == Type::timespan, span_b = b == Type::timespan;
  if (op == "+") {
    if ((time_a && span_b) || (span_a && time_b)) return Type::datetime;
    if (span_a && span_b) return Type::timespan;
  } else if (op == "-") {
    if (time_a && time_b) return Type::timespan;
    if (time_a && span_b) return Type::datetime;
    if (span_a && span_b) return Type::timespan;
  } else if (op == "*") {
    if ((span_a && (is_number(b) || b == Type::dynamic)) || (span_b && (is_number(a) || a == Type::dynamic))) return Type::timespan;
  } else if (op == "/") {
    if (span_a && span_b) return Type::real;
    if (span_a && (is_number(b) || b == Type::dynamic)) return Type::timespan;
  } else if (op == "%") {
    if ((time_a || span_a) && span_b) return Type::timespan;
  }
  if (is_number(a) && is_number(b)) return widest(a, b);
  return Type::string;  // no such arithmetic
}

BoundPtr Binder::to_type(BoundPtr e, Type type) {
  if (e->type == type) return e;
  const char* names[] = {"tobool", "toint", "tolong", "toreal", "todecimal", "tostring", "todatetime", "totimespan", "toguid", "todynamic_value"};
  const Span span = e->span;
  return make_call(names[static_cast<int>(type)], {std::move(e)}, span);
}

BoundPtr Binder::make_call(const char* function, std::vector<BoundPtr> args, Span span) {
  const Function* f = find_function(function);
  CHECK_INVARIANT(f != nullptr);
  return apply(*f, std::move(args), span, nullptr);
}

// The call with its result type; folded where everything is constant.
BoundPtr Binder::apply(const Function& f, std::vector<BoundPtr> args, Span span, Scope* scope) {
  auto e = std::make_shared<Bound>();
  e->kind = Bound::Kind::call;
  e->function = &f;
  e->span = span;
  if (f.flags & window) {
    if (scope && !scope->ordered) error(span, std::string(f.name) + "() needs rows in a set order", "put serialize, sort or order by before it");
    e->window = true;
  }
  switch (f.result) {
    case Result::first: e->type = args[0]->type; break;
    case Result::widest:
      e->type = args[0]->type;
      for (const BoundPtr& arg : args) e->type = is_number(e->type) && is_number(arg->type) ? widest(e->type, arg->type) : e->type;
      if (e->type == Type::int32 && std::string_view(f.name) != "max_of" && std::string_view(f.name) != "min_of") e->type = Type::int64;
      break;
    case Result::common: {
      std::optional<Type> type;
      for (const BoundPtr& arg : args) {
        if (is_bad(*arg)) continue;
        if (!type) type = arg->type;
        else if (*type != arg->type) type = is_number(*type) && is_number(arg->type) ? widest(*type, arg->type) : Type::dynamic;
      }
      e->type = type.value_or(Type::dynamic);
      break;
    }
    case Result::special: e->type = Type::dynamic; break;
    default: e->type = static_cast<Type>(f.result);
  }
  bool constant = !(f.flags & (impure | window));
  for (const BoundPtr& arg : args) {
    constant &= is_constant(*arg);
    e->window |= arg->window;
  }
  e->args = std::move(args);
  if (!constant) return e;
  try {
    return bound_constant(constant_value(*e, context_.now), span);
  } catch (const engine::Error& problem) {  // a pattern that cannot be compiled
    if (problem.kind() != engine::ErrorKind::invalid_input) throw;
    error(span, problem.what());
    return bad(span);
  }
}

// ---------------------------------------------------------------- expressions

BoundPtr Binder::expr(const Expr& e, Scope& scope) {
  if (++n_bound_ > 500'000) fail(e.span, "the query is too large once its functions are expanded");
  if (scope.graph) {
    if (BoundPtr value = e.kind == ExprKind::call ? graph_call(e, scope) : graph_name(e, scope)) return value;
  }
  if (scope.degrees && e.kind == ExprKind::call && e.args.empty() && (e.name == "node_degree_in" || e.name == "node_degree_out")) return degree_of_row(e, scope);
  switch (e.kind) {
    case ExprKind::literal:
      if (!e.name.empty()) {
        if (e.name == "now") return bound_constant(Value::datetime(context_.now), e.span);
        error(e.span, "'" + e.name + "' cannot be read as " + columns::type_name(e.value.type));
      }
      return bound_constant(e.value, e.span);
    case ExprKind::name: return name(e, scope);
    case ExprKind::path: {
      if (e.args[0]->kind == ExprKind::name && (e.args[0]->name == "$left" || e.args[0]->name == "$right") && scope.right) {
        const bool right = e.args[0]->name == "$right";
        Expr column;
        column.kind = ExprKind::name;
        column.name = e.name;
        column.span = e.span;
        const size_t k = column_index(column, right ? *scope.right : *scope.schema);
        return bound_column(right ? k + scope.schema->size() : k, right ? (*scope.right)[k].type : (*scope.schema)[k].type, e.span);
      }
      BoundPtr base = expr(*e.args[0], scope);
      if (base->type != Type::dynamic) {
        if (base->type == Type::string) error(e.span, "a text has no members", "write parse_json(...)." + e.name);
        else error(e.span, std::string("a value of type ") + columns::type_name(base->type) + " has no members");
        return bad(e.span);
      }
      return make_call("member", {std::move(base), bound_constant(Value::text(e.name))}, e.span);
    }
    case ExprKind::element: {
      BoundPtr base = expr(*e.args[0], scope);
      if (base->type != Type::dynamic) {
        error(e.span, std::string("a value of type ") + columns::type_name(base->type) + " has no elements", "write parse_json(...) around it");
        return bad(e.span);
      }
      return make_call("member", {std::move(base), expr(*e.args[1], scope)}, e.span);
    }
    case ExprKind::call: return call(e, scope);
    case ExprKind::unary: {
      BoundPtr operand = expr(*e.args[0], scope);
      if (!is_number(operand->type) && operand->type != Type::timespan && operand->type != Type::dynamic) {
        error(e.span, std::string("a value of type ") + columns::type_name(operand->type) + " has no sign");
        return bad(e.span);
      }
      if (e.name == "+") return operand;
      if (operand->type == Type::dynamic) operand = to_type(std::move(operand), Type::real);
      return make_call("negate", {std::move(operand)}, e.span);
    }
    case ExprKind::binary: return binary(e, scope);
    case ExprKind::all_of: case ExprKind::any_of: {
      std::vector<BoundPtr> args;
      for (const ExprPtr& arg : e.args) args.push_back(condition(*arg, scope));
      return make_call(e.kind == ExprKind::all_of ? "and" : "or", std::move(args), e.span);
    }
    case ExprKind::list: return list(e, scope);
    case ExprKind::between: {
      BoundPtr value = expr(*e.args[0], scope), low = expr(*e.args[1], scope), high = expr(*e.args[2], scope);
      if (value->type == Type::datetime && low->type == Type::datetime && high->type == Type::timespan) {
        const Value& span = high->value;  // mostly a constant: then the bounds are two times, as the scan knows them
        if (!is_constant(*high) || span.null || span.i < 0) return make_call((e.name + " span").c_str(), {std::move(value), std::move(low), std::move(high)}, e.span);
        high = make_call("datetime_plus", {low, std::move(high)}, e.span);
      }
      check_comparable("between", *value, *low, e.span);
      check_comparable("between", *value, *high, e.span);
      return make_call(e.name == "between" ? "between" : "!between", {std::move(value), std::move(low), std::move(high)}, e.span);
    }
    case ExprKind::query:
      if (is_tabular(e, scope.env)) return scalar_query(e, scope.env);
      [[fallthrough]];
    case ExprKind::datatable: return scalar_query(e, scope.env);
    case ExprKind::type: error(e.span, "typeof() cannot stand here"); return bad(e.span);
    default: error(e.span, "a value is needed here"); return bad(e.span);
  }
}

BoundPtr Binder::name(const Expr& e, Scope& scope) {
  if (scope.aggregates) {
    for (size_t k = 0; k < scope.aggregates->keys.size(); ++k) {
      if (scope.aggregates->keys[k] == e.name) return bound_column(k, scope.aggregates->key_types[k], e.span);
    }
  } else if (scope.schema) {
    if (const std::optional<size_t> k = find_column(*scope.schema, e.name)) return bound_column(*k, (*scope.schema)[*k].type, e.span);
  }
  if (const Entry* entry = scope.env->find(e.name)) {
    if (entry->scalar) return entry->scalar;
    if (entry->function && entry->function->params.empty()) {
      BoundPtr value;
      const NodePtr node = call_function(e, *entry, scope.env, nullptr, &scope, &value);
      if (value) return value;
    }
    return scalar_query(e, scope.env);
  }
  std::vector<std::string> names;
  if (scope.schema) names = column_names(*scope.schema);
  const std::string near = nearest_name(e.name, names);
  std::string hint = near.empty() ? "" : "did you mean " + near + "?";
  if (scope.aggregates && scope.schema && find_column(*scope.schema, e.name)) {
    error(e.span, "the column '" + e.name + "' is neither grouped by nor inside an aggregate", "add it after by, or use take_any(" + e.name + ")");
  } else if (find_function(e.name) || find_aggregate(e.name)) {
    error(e.span, "'" + e.name + "' is a function", "write " + e.name + "(...)");
  } else {
    error(e.span, "there is no column or variable '" + e.name + "'", hint);
  }
  return bad(e.span);
}

void Binder::check_comparable(const std::string& op, const Bound& a, const Bound& b, Span span) {
  const Type x = a.type, y = b.type;
  if (x == y || x == Type::dynamic || y == Type::dynamic || (is_number(x) && is_number(y))) return;
  if ((x == Type::boolean && is_integer(y)) || (y == Type::boolean && is_integer(x))) return;
  if ((x == Type::guid && y == Type::string) || (x == Type::string && y == Type::guid)) return;
  std::string hint;
  if (x == Type::datetime && y == Type::string) hint = "write datetime(...) around the text";
  else if (x == Type::string && is_number(y)) hint = "write the number in quotes, or tolong() around the text";
  else if (is_number(x) && y == Type::string) hint = "leave the quotes out, or tostring() around the number";
  error(span, "'" + op + "' cannot compare " + columns::type_name(x) + " with " + columns::type_name(y), hint);
}

BoundPtr Binder::binary(const Expr& e, Scope& scope) {
  std::string op = e.name;
  if (e.args[0]->kind == ExprKind::star) return star_condition(e, scope);
  BoundPtr a = expr(*e.args[0], scope), b = expr(*e.args[1], scope);
  static const std::map<std::string, const char*> other_names = {
      {"containscs", "contains_cs"}, {"notcontains", "!contains"}, {"notcontainscs", "!contains_cs"}, {":", "has"}};
  if (const auto at = other_names.find(op); at != other_names.end()) op = at->second;
  if (op == "like" || op == "notlike" || op == "likecs" || op == "notlikecs") {
    error(e.span, "'" + op + "' is not supported here", "use has, contains, startswith or matches regex");
    return bad(e.span);
  }
  const Function* f = find_function(op);
  CHECK_INVARIANT(f != nullptr);
  if (f->result == Result::special) {
    Type type = arithmetic_type(op, a->type, b->type);
    if (type == Type::string && (a->type == Type::dynamic || b->type == Type::dynamic)) {
      // One side is dynamic: it is read as the other side's kind.
      Type other = a->type == Type::dynamic ? b->type : a->type;
      if (other == Type::dynamic) other = Type::real;
      const Type as = other == Type::datetime && op == "-" ? Type::datetime : other == Type::datetime ? Type::timespan : other;
      if (a->type == Type::dynamic) a = to_type(std::move(a), as);
      if (b->type == Type::dynamic) b = to_type(std::move(b), as);
      type = arithmetic_type(op, a->type, b->type);
    }
    if (type == Type::string) {
      error(e.span, "'" + op + "' cannot be used between " + columns::type_name(a->type) + " and " + columns::type_name(b->type),
            a->type == Type::string || b->type == Type::string ? "join texts with strcat()" : "");
      return bad(e.span);
    }
    if (op == "/" && type == Type::int32) type = Type::int64;
    if ((is_integer(a->type) || is_integer(b->type)) && type == Type::int32) type = Type::int64;
    auto call = std::make_shared<Bound>();
    call->kind = Bound::Kind::call;
    call->type = type;
    call->function = f;
    call->span = e.span;
    call->window = a->window || b->window;
    call->args = {a, b};
    if (is_constant(*a) && is_constant(*b)) return bound_constant(constant_value(*call, context_.now), e.span);
    return call;
  }
  const bool compares = op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">=";
  if (compares) {
    check_comparable(op, *a, *b, e.span);
  } else {
    for (BoundPtr* side : {&a, &b}) {
      const Type type = (*side)->type;
      if (type == Type::string || type == Type::dynamic) continue;
      if (side == &a && type == Type::guid) continue;
      if (e.name == ":" && side == &b) {
        *side = to_type(std::move(*side), Type::string);
        continue;
      }
      error((*side)->span.end ? (*side)->span : e.span, "'" + op + "' works on text, and this is " + columns::type_name(type), "write tostring(...) around it");
    }
  }
  return apply(*f, {std::move(a), std::move(b)}, e.span, &scope);
}

BoundPtr Binder::condition(const Expr& e, Scope& scope) {
  BoundPtr value = expr(e, scope);
  if (value->type == Type::boolean) return value;
  if (value->type == Type::dynamic) return to_type(std::move(value), Type::boolean);
  error(e.span, std::string("a condition must be a bool, and this is ") + columns::type_name(value->type), e.names.empty() ? "compare it with something" : "compare with ==, not =");
  return bound_constant(Value::boolean(false), e.span);
}

BoundPtr Binder::list(const Expr& e, Scope& scope) {
  std::vector<BoundPtr> args = {expr(*e.args[0], scope)};
  for (size_t k = 1; k < e.args.size(); ++k) {
    const Expr& item = *e.args[k];
    const bool table_like = item.kind == ExprKind::query || item.kind == ExprKind::datatable ||
                            ((item.kind == ExprKind::name || item.kind == ExprKind::call) && is_tabular(item, scope.env) &&
                             !(scope.schema && find_column(*scope.schema, item.name)));
    args.push_back(table_like ? in_table(item, scope.env) : expr(item, scope));
    if (args.back()->type != Type::dynamic && (e.name == "in" || e.name == "!in")) check_comparable(e.name, *args[0], *args.back(), item.span);
  }
  if (e.name[0] == 'h' && args[0]->type != Type::string && args[0]->type != Type::dynamic) {
    error(e.span, "'" + e.name + "' works on text, and this is " + columns::type_name(args[0]->type), "write tostring(...) around it");
  }
  return make_call(e.name.c_str(), std::move(args), e.span);
}

// The first column of a query as a constant list.
BoundPtr Binder::in_table(const Expr& e, const EnvPtr& env) {
  const NodePtr node = table(e, env);
  if (node->schema.empty()) fail(e.span, "this query has no column to look in");
  if (check_only_ || !errors_.empty()) return bad(e.span);
  const Batch rows = run_to_one(*node, context_);
  const ColumnPtr column = rows.column(0);
  std::string json = "[";
  for (size_t row = 0; row < column->n_rows(); ++row) {
    if (row) json += ',';
    write_json(to_json(get(*column, row)), json);
  }
  return bound_constant(Value::dynamic(json + "]"), e.span);
}

// toscalar(): the first cell.
BoundPtr Binder::scalar_query(const Expr& e, const EnvPtr& env) {
  const NodePtr node = table(e, env);
  if (node->schema.empty()) fail(e.span, "this query has no column");
  if (check_only_ || !errors_.empty()) return bound_constant(Value::none(node->schema[0].type), e.span);
  const std::unique_ptr<Stream> stream = node->open(context_);
  for (Batch batch; stream->next(batch);) {
    if (batch.n_rows() > 0) return bound_constant(get(*batch.column(0), 0), e.span);
  }
  return bound_constant(Value::none(node->schema[0].type), e.span);
}

Value Binder::constant(const Expr& e, const EnvPtr& env) {
  Scope scope;
  scope.env = env;
  const BoundPtr value = expr(e, scope);
  if (!is_constant(*value)) fail(e.span, "a constant is needed here");
  return value->value;
}

int64_t Binder::count_of(const Expr& e, const EnvPtr& env, const char* what) {
  const std::optional<int64_t> n = to_int64(constant(e, env));
  if (!n || *n < 0) {
    if (errors_.empty()) error(e.span, std::string(what) + " needs a number of rows");
    return 0;
  }
  return *n;
}

// ---------------------------------------------------------------- calls

BoundPtr Binder::call(const Expr& e, Scope& scope) {
  bool handled = false;
  BoundPtr special = special_call(e, scope, handled);
  if (handled) return special;
  if (const Entry* entry = scope.env->find(e.name); entry && entry->function) {
    BoundPtr value;
    const NodePtr node = call_function(e, *entry, scope.env, nullptr, &scope, &value);
    return value ? value : scalar_query(e, scope.env);
  }
  const AggregateFunction* agg = find_aggregate(e.name);
  const Function* f = find_function(e.name);
  if (agg && scope.aggregates) return aggregate(e, scope);
  if (!f) {
    if (agg) {
      error(e.span, e.name + "() is an aggregate", "use it in summarize");
    } else {
      std::vector<std::string> names = function_names();
      for (const std::string& n : aggregate_names()) names.push_back(n);
      const std::string near = nearest_name(e.name, names), why = function_refusal(e.name);
      error(e.name_span.end ? e.name_span : e.span, "the function '" + e.name + (why.empty() ? "' is not known here" : "' is not supported here"),
            !why.empty() ? why : near.empty() ? "" : "did you mean " + near + "()?");
    }
    for (const ExprPtr& arg : e.args) {
      if (arg->kind != ExprKind::star && arg->kind != ExprKind::type) expr(*arg, scope);
    }
    return bad(e.span);
  }
  // Arguments against the signature.
  std::vector<BoundPtr> args;
  const std::string_view signature = f->signature;
  size_t at = 0;
  for (const ExprPtr& arg : e.args) {
    if (at < signature.size() && signature[at] == '?') ++at;
    if (at >= signature.size()) {
      error(arg->span, e.name + "() takes fewer arguments");
      return bad(e.span);
    }
    const char letter = signature[at];
    const bool repeats = at + 1 < signature.size() && signature[at + 1] == '+';
    if (letter == 'T' || arg->kind == ExprKind::type) {
      args.push_back(bound_constant(Value::text(arg->kind == ExprKind::type ? arg->name : ""), arg->span));
    } else if (arg->kind == ExprKind::star) {
      error(arg->span, e.name + "() does not take *");
      return bad(e.span);
    } else {
      args.push_back(expr(*arg, scope));
      if (letter == 's' && reads_any_scalar(e.name)) args.back() = to_type(args.back(), Type::string);
      if (!fits(letter, args.back()->type)) {
        static const std::map<char, const char*> kinds = {{'s', "a text"}, {'i', "an integer"}, {'n', "a number"}, {'m', "a number or a timespan"}, {'b', "a bool"}, {'t', "a datetime"}, {'p', "a timespan"}, {'y', "a dynamic"}};
        error(arg->span, e.name + "() needs " + kinds.at(letter) + " here, and this is " + columns::type_name(args.back()->type),
              letter == 's' ? "write tostring(...) around it" : letter == 'y' ? "write parse_json(...) around it" : "");
        return bad(e.span);
      }
      if (args.back()->type == Type::dynamic) {  // a dynamic is read as what the function needs
        static const std::map<char, Type> needed = {{'i', Type::int64}, {'n', Type::real}, {'m', Type::real}, {'b', Type::boolean}, {'t', Type::datetime}, {'p', Type::timespan}};
        if (const auto want = needed.find(letter); want != needed.end()) args.back() = to_type(args.back(), want->second);
      }
    }
    if (!repeats) ++at;
  }
  size_t n_needed = 0;
  for (size_t k = 0; k < signature.size() && signature[k] != '?'; ++k) n_needed += signature[k] != '+';
  if (e.args.size() < n_needed) {
    error(e.span, e.name + "() needs more arguments");
    return bad(e.span);
  }
  return apply(*f, std::move(args), e.span, &scope);
}

// Functions that need more than a kernel: other result types, queries, all columns.
BoundPtr Binder::special_call(const Expr& e, Scope& scope, bool& handled) {
  handled = true;
  const std::string& f = e.name;
  if (f == "toscalar") {
    if (e.args.size() != 1) fail(e.span, "toscalar() takes one query");
    if (!is_tabular(*e.args[0], scope.env)) return expr(*e.args[0], scope);
    return scalar_query(*e.args[0], scope.env);
  }
  if (f == "materialize") return scalar_query(e, scope.env);
  if (f == "now" || f == "ago" || f == "ingestion_time") {
    if (f == "ingestion_time") fail(e.span, "ingestion_time() is not supported here", "use the log's own time column");
    BoundPtr now = bound_constant(Value::datetime(context_.now), e.span);
    if (e.args.empty()) return now;
    BoundPtr offset = expr(*e.args[0], scope);
    if (offset->type == Type::dynamic) offset = to_type(std::move(offset), Type::timespan);
    if (offset->type != Type::timespan) {
      error(e.span, f + "() needs a timespan such as 1h or 7d");
      return bad(e.span);
    }
    return make_call(f == "now" ? "datetime_plus" : "datetime_minus", {std::move(now), std::move(offset)}, e.span);
  }
  if (f == "bin" || f == "floor") {
    if (f == "floor" && e.args.size() == 1) {
      handled = false;
      return nullptr;
    }
    if (e.args.size() != 2) fail(e.span, f + "() takes a value and a step");
    BoundPtr value = expr(*e.args[0], scope), step = expr(*e.args[1], scope);
    if (value->type == Type::dynamic) value = to_type(std::move(value), step->type == Type::timespan ? Type::datetime : step->type);
    if ((value->type == Type::datetime || value->type == Type::timespan) && is_number(step->type)) step = to_type(make_call("*", {bound_constant(Value::timespan(864000000000)), to_type(std::move(step), Type::real)}, e.span), Type::timespan);
    if (is_integer(value->type) && (step->type == Type::real || step->type == Type::decimal)) value = to_type(std::move(value), Type::real), step = to_type(std::move(step), Type::real);
    if (value->type == Type::real || value->type == Type::decimal) value = to_type(std::move(value), Type::real), step = to_type(std::move(step), Type::real);
    if (!is_number(value->type) && value->type != Type::datetime && value->type != Type::timespan) {
      error(e.span, std::string("bin() works on numbers and times, and this is ") + columns::type_name(value->type));
      return bad(e.span);
    }
    return make_call("bin", {std::move(value), std::move(step)}, e.span);
  }
  if (f == "iff" || f == "iif" || f == "case") {
    if (e.args.size() < 3 || e.args.size() % 2 == 0 || (f != "case" && e.args.size() != 3)) {
      error(e.span, f == "case" ? "case() takes pairs of condition and value, then the value for none" : f + "() takes a condition and two values");
      return bad(e.span);
    }
    std::vector<BoundPtr> args;
    std::vector<BoundPtr> values;
    for (size_t k = 0; k < e.args.size(); ++k) {
      const bool is_condition = k % 2 == 0 && k + 1 < e.args.size();
      args.push_back(is_condition ? condition(*e.args[k], scope) : expr(*e.args[k], scope));
      if (!is_condition) values.push_back(args.back());
    }
    Type type = Type::dynamic;
    bool any = false;
    for (const BoundPtr& v : values) {
      if (is_bad(*v)) continue;
      if (!any) type = v->type, any = true;
      else if (type != v->type) type = is_number(type) && is_number(v->type) ? widest(type, v->type) : Type::dynamic;
    }
    for (size_t k = 0; k < args.size(); ++k) {
      if (!(k % 2 == 0 && k + 1 < args.size())) args[k] = to_type(args[k], type);
    }
    auto call = std::make_shared<Bound>();
    call->kind = Bound::Kind::call;
    call->type = type;
    call->function = find_function("case");
    call->span = e.span;
    bool constant = true;
    for (const BoundPtr& arg : args) call->window |= arg->window, constant &= is_constant(*arg);
    call->args = std::move(args);
    return constant ? bound_constant(constant_value(*call, context_.now), e.span) : call;
  }
  if (f == "coalesce") {
    std::vector<BoundPtr> args;
    Type type = Type::dynamic;
    bool any = false;
    for (const ExprPtr& arg : e.args) {
      args.push_back(expr(*arg, scope));
      if (is_bad(*args.back())) continue;
      if (!any) type = args.back()->type, any = true;
      else if (type != args.back()->type) type = is_number(type) && is_number(args.back()->type) ? widest(type, args.back()->type) : Type::dynamic;
    }
    if (args.empty()) fail(e.span, "coalesce() needs arguments");
    for (BoundPtr& arg : args) arg = to_type(arg, type);
    return make_call("coalesce", std::move(args), e.span);
  }
  if (f == "pack_all" || f == "bag_pack_columns" || f == "pack_dictionary_all") {
    if (!scope.schema || scope.aggregates) fail(e.span, f + "() needs a table's columns", scope.aggregates ? "use it inside an aggregate: make_list(" + f + "())" : "");
    std::vector<BoundPtr> args;
    if (f == "pack_all") {
      const bool skip = !e.args.empty() && e.args[0]->kind == ExprKind::literal && e.args[0]->value.i != 0;
      args.push_back(bound_constant(Value::boolean(skip)));
      for (size_t k = 0; k < scope.schema->size(); ++k) {
        args.push_back(bound_constant(Value::text((*scope.schema)[k].name)));
        args.push_back(bound_column(k, (*scope.schema)[k].type));
      }
      return make_call("pack_named", std::move(args), e.span);
    }
    args.push_back(bound_constant(Value::boolean(false)));
    for (const ExprPtr& arg : e.args) {
      args.push_back(bound_constant(Value::text(natural_name(*arg))));
      args.push_back(expr(*arg, scope));
    }
    return make_call("pack_named", std::move(args), e.span);
  }
  if (f == "column_ifexists" || f == "columnifexists") {
    if (e.args.size() != 2) fail(e.span, f + "() takes a column's name and a value");
    Expr column;
    column.kind = ExprKind::name;
    column.name = to_text(constant(*e.args[0], scope.env));
    if (scope.schema && find_column(*scope.schema, column.name)) return name(column, scope);
    return expr(*e.args[1], scope);
  }
  if ((f == "iscolumnexists" || f == "gettype") && e.args.size() != 1) fail(e.span, f + "() takes one argument");
  if (f == "iscolumnexists") {
    return bound_constant(Value::boolean(scope.schema && find_column(*scope.schema, to_text(constant(*e.args.at(0), scope.env)))), e.span);
  }
  if (f == "column_names_of") {
    if (e.args.size() != 1) fail(e.span, "column_names_of() takes a table");
    Json names = Json::array();
    for (const std::string& column : column_names(table(*e.args[0], scope.env)->schema)) names.items.push_back(Json::of(column));
    return bound_constant(from_json(names), e.span);
  }
  if (f == "assert") {
    if (e.args.size() != 2) fail(e.span, "assert() takes a condition and a message");
    const BoundPtr holds = condition(*e.args[0], scope);
    if (!is_constant(*holds)) fail(e.span, "assert() needs a constant condition");
    if (!check_only_ && errors_.empty() && (holds->value.null || !holds->value.i)) fail(e.span, "assert() failed: " + to_text(constant(*e.args[1], scope.env)));
    return bound_constant(Value::boolean(true), e.span);
  }
  if (f == "around") {
    if (e.args.size() != 3) fail(e.span, "around() takes a value, a centre and a distance");
    std::vector<BoundPtr> args;
    for (const ExprPtr& arg : e.args) args.push_back(expr(*arg, scope));
    return make_call("around", std::move(args), e.span);
  }
  if (f == "gettype") {
    const BoundPtr value = expr(*e.args.at(0), scope);
    if (value->type != Type::dynamic) return bound_constant(Value::text(columns::type_name(value->type)), e.span);
    return make_call("gettype", {value}, e.span);
  }
  if ((f == "extract" && e.args.size() == 4) || ((f == "extractjson" || f == "extract_json") && e.args.size() == 3)) {
    const Expr& type_arg = *e.args.back();
    if (type_arg.kind != ExprKind::type) fail(type_arg.span, "the type is written typeof(long)");
    std::vector<BoundPtr> args;
    for (size_t k = 0; k + 1 < e.args.size(); ++k) args.push_back(expr(*e.args[k], scope));
    return to_type(make_call(f == "extract" ? "extract" : "extractjson", std::move(args), e.span), type_named(type_arg.name, type_arg.span));
  }
  if (f == "percentile_tdigest" && e.args.size() == 3 && e.args[2]->kind == ExprKind::type) {
    BoundPtr digest = expr(*e.args[0], scope), percent = to_type(expr(*e.args[1], scope), Type::real);
    return to_type(make_call("percentile_tdigest", {std::move(digest), std::move(percent)}, e.span), type_named(e.args[2]->name, e.args[2]->span));
  }
  if (f == "estimate_data_size" && e.args.size() == 1 && e.args[0]->kind == ExprKind::star && scope.schema) {
    std::vector<BoundPtr> args;
    for (size_t k = 0; k < scope.schema->size(); ++k) args.push_back(bound_column(k, (*scope.schema)[k].type));
    return make_call("estimate_data_size", std::move(args), e.span);
  }
  if (f == "prev" || f == "next") {
    if (!scope.ordered) error(e.span, f + "() needs rows in a set order", "put serialize, sort or order by before it");
    if (e.args.empty() || e.args.size() > 3) fail(e.span, f + "() takes a column, an offset and a default");
    BoundPtr value = expr(*e.args[0], scope);
    BoundPtr offset = e.args.size() > 1 ? expr(*e.args[1], scope) : bound_constant(Value::int64(1));
    BoundPtr missing = e.args.size() > 2 ? to_type(expr(*e.args[2], scope), value->type) : bound_constant(Value::none(value->type));
    return apply(*find_function(f), {std::move(value), std::move(offset), std::move(missing)}, e.span, &scope);
  }
  if ((f == "max_of" || f == "min_of") && e.args.size() > 1) {
    std::vector<BoundPtr> args;
    Type type = Type::string;
    for (const ExprPtr& arg : e.args) {
      args.push_back(expr(*arg, scope));
      type = args.size() == 1 ? args[0]->type : is_number(type) && is_number(args.back()->type) ? widest(type, args.back()->type) : type;
    }
    for (BoundPtr& arg : args) arg = to_type(arg, type);
    return make_call(f.c_str(), std::move(args), e.span);
  }
  if (f == "array_sort_asc" || f == "array_sort_desc") {
    if (e.args.empty()) fail(e.span, f + "() takes an array");
    std::vector<BoundPtr> args;
    for (const ExprPtr& arg : e.args) args.push_back(expr(*arg, scope));
    return make_call(f.c_str(), std::move(args), e.span);
  }
  if (f == "not") {
    if (e.args.size() != 1) fail(e.span, "not() takes one condition");
    return make_call("not", {condition(*e.args[0], scope)}, e.span);
  }
  if (f == "bin_auto") {
    const auto size = settings_.find("query_bin_auto_size"), at = settings_.find("query_bin_auto_at");
    if (e.args.size() != 1) fail(e.span, "bin_auto() takes one value");
    if (size == settings_.end()) fail(e.span, "bin_auto() needs the size of its steps", "put set query_bin_auto_size=1h; in front, or write bin() with the step");
    BoundPtr value = expr(*e.args[0], scope), step = expr(*size->second, scope);
    if (at == settings_.end()) return make_call("bin", {std::move(value), std::move(step)}, e.span);
    BoundPtr origin = expr(*at->second, scope);
    if (is_number(value->type)) {
      const Type type = widest(widest(value->type, step->type), origin->type);
      value = to_type(value, type), step = to_type(step, type), origin = to_type(origin, type);
    }
    return make_call("bin_at", {value, step, origin}, e.span);
  }
  if (f == "bin_at") {
    if (e.args.size() != 3) fail(e.span, "bin_at() takes a value, a step and a fixed point");
    BoundPtr value = expr(*e.args[0], scope), step = expr(*e.args[1], scope), at = expr(*e.args[2], scope);
    if (is_number(value->type)) {
      const Type type = widest(widest(value->type, step->type), at->type);
      value = to_type(value, type), step = to_type(step, type), at = to_type(at, type);
    }
    return make_call("bin_at", {value, step, at}, e.span);
  }
  handled = false;
  return nullptr;
}

// ---------------------------------------------------------------- aggregates

namespace {

// The name of result k of an aggregate that has one for each argument.
std::string output_name(const AggregateFunction& f, const std::vector<std::string>& args, size_t k) {
  const std::string_view name = f.name;
  const bool picks_row = name.substr(0, 3) == "arg";
  if (picks_row && !f.prefix) {  // arg_max, arg_min
    if (!args[k].empty()) return args[k];
    const std::string prefix = name == "arg_max" ? "max_" : "min_";
    return k == 0 ? prefix : prefix + args[0] + "_arg" + std::to_string(k);
  }
  if (f.signature == std::string_view("*b")) return (f.prefix ? f.prefix : "") + args[k];  // anyif, take_anyif
  const std::string own = args[k].empty() && k + picks_row > 0 ? "arg" + std::to_string(k) : args[k];
  if (picks_row) return f.prefix + args[0] + (k == 0 ? "" : "_" + own);
  if (args[k].empty() && f.prefix && args.size() == 1) return f.prefix;
  if (args[k].empty()) return "any_arg" + std::to_string(k);
  return f.prefix ? f.prefix + own : own;
}

}  // namespace

// Binds one aggregate call; its output columns' numbers behind the keys, and their own names.
std::vector<size_t> Binder::aggregate_columns(const Expr& e, Scope& scope, std::vector<std::string>& names) {
  AggregateScope& agg = *scope.aggregates;
  const AggregateFunction& f = *find_aggregate(e.name);
  Scope inner;
  inner.schema = scope.schema;
  inner.env = scope.env;
  AggregateCall call;
  call.function = &f;
  std::vector<std::string> arg_names;
  std::vector<std::string> constant_names;
  const std::string_view signature = f.signature;
  size_t at = 0, n_needed = 0;
  for (size_t k = 0; k < signature.size() && signature[k] != '?'; ++k) n_needed += signature[k] != '+';
  if (f.result == Result::special && signature == "**+") n_needed = 1;
  std::string prefix = f.prefix ? f.prefix : "";
  for (const ExprPtr& arg : e.args) {
    if (at < signature.size() && signature[at] == '?') ++at;
    if (at >= signature.size()) fail(arg->span, e.name + "() takes fewer arguments");
    if (arg->kind == ExprKind::star) {
      if (f.result != Result::special) fail(arg->span, e.name + "() does not take *");
      std::vector<std::string> taken = arg_names;
      for (size_t k = 0; k < scope.schema->size(); ++k) {
        const std::string& column = (*scope.schema)[k].name;
        if (std::find(taken.begin(), taken.end(), column) != taken.end() || std::find(agg.keys.begin(), agg.keys.end(), column) != agg.keys.end()) continue;
        call.args.push_back(bound_column(k, (*scope.schema)[k].type));
        arg_names.push_back(column);
      }
      continue;
    }
    if (signature[at] == 'C') {
      call.constants.push_back(constant(*arg, scope.env));
      constant_names.push_back(to_text(call.constants.back()));
    } else {
      call.args.push_back(signature[at] == 'b' ? condition(*arg, inner) : expr(*arg, inner));
      const Type type = call.args.back()->type;
      if (!fits(signature[at], type)) fail(arg->span, e.name + "() cannot take a value of type " + columns::type_name(type));
      arg_names.push_back(!arg->names.empty() ? arg->names[0] : natural_name(*arg));
    }
    if (at + 1 < signature.size() && signature[at + 1] == '+') continue;
    ++at;
  }
  if (e.args.size() < n_needed) fail(e.span, e.name + "() needs more arguments");
  const std::string first_name = arg_names.empty() ? "" : arg_names[0];
  const Type first = call.args.empty() ? Type::int64 : call.args[0]->type;
  const bool per_argument = f.result == Result::special && signature[0] == '*' && signature.find('C') == std::string_view::npos;
  if (per_argument) {
    const size_t n = signature.back() == 'b' ? 1 : call.args.size();
    for (size_t k = 0; k < n; ++k) {
      call.outputs.push_back(call.args[k]->type);
      names.push_back(output_name(f, arg_names, k));
    }
  } else if (f.result == Result::special) {  // percentiles: one column a percent
    std::vector<Value> percents;
    for (const Value& v : call.constants) {
      if (v.type != Type::dynamic) percents.push_back(v);
      else for (const Json& item : dynamic_value(v).items) percents.push_back(item.kind == Json::Kind::integer ? Value::int64(item.i) : Value::real(item.number()));
    }
    call.constants = percents;
    for (const Value& percent : percents) {
      call.outputs.push_back(first == Type::dynamic || first == Type::int32 ? (first == Type::dynamic ? Type::real : Type::int64) : first);
      std::string text = to_text(percent);
      if (percent.type == Type::real && text.size() > 2 && text.substr(text.size() - 2) == ".0") text.resize(text.size() - 2);
      std::replace(text.begin(), text.end(), '.', '_');
      names.push_back(prefix + first_name + "_" + text);
    }
  } else {
    Type type = static_cast<Type>(f.result);
    const std::string base = e.name.substr(0, 3);
    if (f.result == Result::first) type = first;
    if (f.result == Result::widest) type = first == Type::int32 || first == Type::boolean ? Type::int64 : first == Type::dynamic ? Type::real : first;
    if (base == "avg" && (first == Type::timespan || first == Type::datetime || first == Type::decimal)) type = first;
    if (f.result == Result::widest && !is_number(type) && type != Type::timespan) fail(e.span, e.name + "() adds numbers, and this is " + columns::type_name(first));
    if (base == "avg" && !is_number(first) && first != Type::timespan && first != Type::datetime && first != Type::dynamic) fail(e.span, e.name + "() needs numbers, and this is " + columns::type_name(first));
    call.outputs.push_back(type);
    names.push_back(prefix + first_name);
  }
  std::vector<size_t> columns;
  for (const Type type : call.outputs) {
    columns.push_back(agg.keys.size() + agg.outputs.size());
    agg.outputs.push_back({"", type});
  }
  agg.calls.push_back(std::move(call));
  return columns;
}

BoundPtr Binder::aggregate(const Expr& e, Scope& scope) {
  std::vector<std::string> names;
  const std::vector<size_t> columns = aggregate_columns(e, scope, names);
  return bound_column(columns[0], scope.aggregates->outputs[columns[0] - scope.aggregates->keys.size()].type, e.span);
}

// ---------------------------------------------------------------- names of results

std::string Binder::natural_name(const Expr& e) const {
  switch (e.kind) {
    case ExprKind::name: return e.name;
    case ExprKind::path: {
      if (e.args[0]->kind == ExprKind::name && e.args[0]->name[0] == '$') return e.name;
      const std::string base = natural_name(*e.args[0]);
      return base.empty() ? e.name : base + "_" + e.name;
    }
    case ExprKind::element: {
      const std::string base = natural_name(*e.args[0]);
      const std::string index = e.args[1]->kind == ExprKind::literal ? to_text(e.args[1]->value) : "";
      return base.empty() ? index : base + "_" + index;
    }
    case ExprKind::call: {
      const NameRule rule = name_rule(e.name, e.args.size());
      const std::string first = e.args.empty() || rule.kind == NameRule::Kind::none ? "" : natural_name(*e.args[0]);
      if (rule.kind == NameRule::Kind::only) return e.args.size() == 1 ? first : "";
      if (rule.kind == NameRule::Kind::first) return first;
      return std::string(rule.prefix) + (rule.kind == NameRule::Kind::with_first ? first : "");
    }
    default: return {};
  }
}

std::string Binder::unique_name(const std::string& name, const columns::Schema& schema) {
  std::string candidate = name;
  const auto taken = [&](const std::string& text) {
    return std::any_of(schema.begin(), schema.end(), [&](const columns::ColumnInfo& c) { return c.name == text; });
  };
  for (int n = 1; taken(candidate); ++n) candidate = name + std::to_string(n);
  return candidate;
}

std::string Binder::unique_name(const std::string& name, const std::vector<Named>& list) {
  std::string candidate = name;
  const auto taken = [&](const std::string& text) { return std::any_of(list.begin(), list.end(), [&](const Named& n) { return n.name == text; }); };
  for (int n = 1; taken(candidate); ++n) candidate = name + std::to_string(n);
  return candidate;
}

std::vector<Binder::Named> Binder::named(const Expr& e, Scope& scope, size_t& n_unnamed, const char* prefix) {
  std::vector<Named> out;
  const bool print = std::string_view(prefix) == "print_";
  const auto automatic = [&] { return prefix + std::to_string(n_unnamed++); };
  // Aggregates with several outputs.
  if (scope.aggregates && e.kind == ExprKind::call && find_aggregate(e.name) && !scope.env->find(e.name)) {
    std::vector<std::string> names;
    const std::vector<size_t> columns = aggregate_columns(e, scope, names);
    for (size_t k = 0; k < columns.size(); ++k) {
      const Type type = scope.aggregates->outputs[columns[k] - scope.aggregates->keys.size()].type;
      out.push_back({k < e.names.size() ? e.names[k] : names[k].empty() ? automatic() : names[k], bound_column(columns[k], type, e.span)});
    }
    return out;
  }
  if (const Results* results = results_of(e)) {
    const BoundPtr value = expr(e, scope);
    const std::string base = e.args.empty() ? "" : natural_name(*e.args[0]);
    // Those without a given name keep their own; print gives only the named ones.
    const size_t n = e.names.empty() || !print ? results->parts.size() : std::min(e.names.size(), results->parts.size());
    for (size_t k = 0; k < n; ++k) {
      const std::string own = std::string(e.name) + "_" + base + "_" + results->parts[k].first;
      const std::string given = k < e.names.size() ? e.names[k] : own;
      out.push_back({given, to_type(make_call("member", {value, bound_constant(Value::int64(static_cast<int64_t>(k)))}, e.span), results->parts[k].second)});
    }
    return out;
  }
  const bool sorts = e.kind == ExprKind::call && (e.name == "array_sort_asc" || e.name == "array_sort_desc");
  size_t n_arrays = 0;
  if (sorts) {
    for (const ExprPtr& arg : e.args) n_arrays += !(arg->kind == ExprKind::literal && arg->value.type == Type::boolean);
  }
  BoundPtr value = expr(e, scope);
  if (sorts && (n_arrays > 1 || (e.names.empty() && !print))) {
    for (size_t k = 0; k < n_arrays && (e.names.empty() || !print || k < e.names.size()); ++k) {
      std::string own = natural_name(*e.args[k]);
      own = (own.empty() ? "array" + std::to_string(k) : own) + "_sorted";
      BoundPtr one = n_arrays == 1 ? value : make_call("member", {value, bound_constant(Value::int64(static_cast<int64_t>(k)))}, e.span);
      out.push_back({k < e.names.size() ? e.names[k] : own, std::move(one)});
    }
    return out;
  }
  if (e.names.size() > 1) {
    for (size_t k = 0; k < e.names.size(); ++k) {
      out.push_back({e.names[k], value->type == Type::dynamic ? make_call("member", {value, bound_constant(Value::int64(static_cast<int64_t>(k)))}, e.span) : value});
    }
    return out;
  }
  std::string own = print ? "" : natural_name(e);
  const bool if_exists = e.kind == ExprKind::call && (e.name == "column_ifexists" || e.name == "columnifexists");
  if (if_exists && !print && value->kind == Bound::Kind::column && scope.schema) own = (*scope.schema)[value->column].name;
  out.push_back({!e.names.empty() ? e.names[0] : own.empty() ? automatic() : own, std::move(value)});
  return out;
}

NodePtr Binder::compute(NodePtr input, const std::vector<Named>& list) {
  columns::Schema schema;
  std::vector<BoundPtr> exprs;
  for (const Named& n : list) {
    schema.push_back({n.name, n.expr->type});
    exprs.push_back(n.expr);
  }
  return make_compute(std::move(input), std::move(schema), std::move(exprs));
}

}  // namespace app::kql
