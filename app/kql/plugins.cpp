#include "app/kql/plugins.h"

#include <algorithm>
#include <cmath>

#include "app/kql/functions.h"

namespace app::kql {

PluginCall::PluginCall(Binder& binder, const Operator&, const Expr& call, NodePtr input, const EnvPtr& env)
    : binder_(binder), call_(call), input_(std::move(input)), env_(env) {
  for (const ExprPtr& arg : call.args) {
    if (arg->names.empty() || arg->kind != ExprKind::literal) positional_.push_back(arg.get());
  }
}

bool PluginCall::is_column(size_t k) const {
  return has(k) && positional_[k]->kind == ExprKind::name && binder_.find_column(input_->schema, positional_[k]->name).has_value();
}
bool PluginCall::is_table(size_t k) const { return has(k) && !is_column(k) && binder_.is_tabular(*positional_[k], env_); }
size_t PluginCall::column(size_t k) const {
  if (!has(k)) fail(name() + "() needs a column as argument " + std::to_string(k + 1));
  return binder_.column_index(*positional_[k], input_->schema);
}
size_t PluginCall::axis(size_t k) const {
  const size_t index = column(k);
  const Type type = input_->schema[index].type;
  if (type == Type::datetime || type == Type::timespan || type == Type::real || is_integer(type)) return index;
  fail("the column '" + input_->schema[index].name + "' that " + name() + "() counts along is a " + columns::type_name(type) +
           ", not a time or a number",
       "convert it before: extend " + input_->schema[index].name + " = todatetime(" + input_->schema[index].name + ")");
}
std::vector<size_t> PluginCall::columns_from(size_t k) const {
  std::vector<size_t> out;
  for (; k < n_args(); ++k) out.push_back(column(k));
  return out;
}
Value PluginCall::constant(size_t k) const {
  if (!has(k)) fail(name() + "() needs more arguments");
  return binder_.constant(*positional_[k], env_);
}
Value PluginCall::constant(size_t k, Type type, const char* what) const {
  Value value = convert(constant(k), type);
  if (value.null) fail("the " + std::string(what) + " of " + name() + "() must be a " + columns::type_name(type));
  return value;
}
int64_t PluginCall::ticks(size_t k, const char* what) const {
  const Value value = constant(k);
  if (value.type == Type::datetime || value.type == Type::timespan || is_integer(value.type)) {
    if (!value.null) return value.i;
  }
  fail("the " + std::string(what) + " of " + name() + "() must be a time, a timespan or a whole number");
}
NodePtr PluginCall::table(size_t k) const {
  if (!has(k)) fail(name() + "() needs a table as argument " + std::to_string(k + 1));
  return binder_.table(*positional_[k], env_);
}
BoundPtr PluginCall::condition(size_t k) const {
  if (!has(k)) fail(name() + "() needs a condition as argument " + std::to_string(k + 1));
  Scope scope;
  scope.schema = &input_->schema;
  scope.env = env_;
  BoundPtr bound = binder_.condition(*positional_[k], scope);
  if (!binder_.errors_.empty()) throw BindFailed{};
  return bound;
}
std::string PluginCall::result_name(size_t k, const char* otherwise) const {
  if (!has(k)) return otherwise;
  if (!positional_[k]->names.empty()) return positional_[k]->names[0];
  const std::string own = binder_.natural_name(*positional_[k]);
  return own.empty() ? otherwise : own;
}
std::optional<Value> PluginCall::option(const char* name) const {
  for (const ExprPtr& arg : call_.args) {
    if (!arg->names.empty() && arg->names[0] == name) return binder_.constant(*arg, env_);
  }
  return std::nullopt;
}
bool PluginCall::flag(const char* name, bool otherwise) const {
  const std::optional<Value> value = option(name);
  return value ? !value->null && value->i != 0 : otherwise;
}
size_t PluginCall::column_of(const columns::Schema& schema, size_t k) const {
  if (!has(k)) fail(name() + "() needs a column as argument " + std::to_string(k + 1));
  return binder_.column_index(*positional_[k], schema);
}
const columns::Schema& PluginCall::schema() const { return input_->schema; }
const Batch& PluginCall::rows() {
  if (!rows_) rows_ = run_to_one(*input_, binder_.context_);
  return *rows_;
}
Batch PluginCall::run(const NodePtr& table) const { return run_to_one(*table, binder_.context_); }
void PluginCall::check_stop() const { binder_.context_.check_stop(); }
int64_t PluginCall::now() const { return binder_.context_.now; }
void PluginCall::fail(const std::string& message, const std::string& hint) const { binder_.fail(call_.span, message, hint); }

int64_t tick_of(const Value& value) {
  if (value.type != Type::real) return value.i;
  constexpr double limit = 0x1p62;
  if (!(value.d > -limit)) return -(int64_t{1} << 62);  // what is no number too
  return static_cast<int64_t>(std::floor(std::min(value.d, limit)));
}
void push_tick(columns::Column& column, int64_t ticks) {
  column.type() == Type::real ? column.push_f64(static_cast<double>(ticks)) : column.push_i64(ticks);
}

const Plugin* find_plugin(std::string_view name) {
  for (const std::span<const Plugin> part : {activity_plugins(), cluster_plugins(), lookup_plugins(), pattern_plugins(), window_plugins()}) {
    for (const Plugin& plugin : part) {
      if (plugin.name == name) return &plugin;
    }
  }
  return nullptr;
}
std::vector<std::string> plugin_names() {
  std::vector<std::string> names = {"bag_unpack", "pivot", "narrow", "preview", "ipv4_lookup", "activity_counts_metrics"};
  for (const std::span<const Plugin> part : {activity_plugins(), cluster_plugins(), lookup_plugins(), pattern_plugins(), window_plugins()}) {
    for (const Plugin& plugin : part) names.emplace_back(plugin.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}
std::string plugin_refusal(std::string_view name) {
  for (const std::string_view code : {"python", "r", "csharp"}) {
    if (name == code) return "code of other languages does not run inside a query; write it with operators, or export the rows";
  }
  for (const std::string_view web : {"http_request", "http_request_post", "sql_request", "mysql_request", "postgresql_request", "cosmosdb_sql_request",
                                     "dax_request", "azure_digital_twins_query_request", "ai_embed_text", "ai_embeddings", "ai_chat_completion",
                                     "ai_chat_completion_prompt"}) {
    if (name == web) return "a query here reaches no other server; fetch the data first and load the file";
  }
  if (name == "infer_storage_schema" || name == "infer_storage_schema_with_suggestions") return "load the file and use getschema";
  if (name == "execute_query" || name == "execute_show_command") return "nothing is run on other servers; use the query itself";
  if (name == "external_datatable") return "load the file as a table, or use datatable";
  if (name == "estimate_rows_count") return "count gives the exact number";
  if (name == "diffpatterns_text") return "use reduce on each side";
  return {};
}

NodePtr Binder::plugin_named(const Operator& o, const Expr& call, NodePtr input, const EnvPtr& env) {
  const Plugin* plugin = find_plugin(call.name);
  if (!plugin) {
    const std::string why = plugin_refusal(call.name);
    std::string names;
    for (const std::string& n : plugin_names()) names += (names.empty() ? "" : ", ") + n;
    fail(call.span, "the plugin '" + call.name + "' is not supported here", why.empty() ? "plugins here: " + names : why);
  }
  if (check_only_ || !errors_.empty()) throw BindFailed{};
  PluginCall use(*this, o, call, std::move(input), env);
  return plugin->make(use);
}

NodePtr TableMaker::table() {
  columns::Schema schema;
  std::vector<ColumnPtr> shared;
  const size_t n = columns_.empty() ? 0 : columns_[0].n_rows();
  for (size_t k = 0; k < columns_.size(); ++k) {
    std::string name = schema_[k].name;
    const auto taken = [&] { return std::any_of(schema.begin(), schema.end(), [&](const columns::ColumnInfo& c) { return c.name == name; }); };
    for (int number = 1; taken(); ++number) name = schema_[k].name + std::to_string(number);
    schema.push_back({name, schema_[k].type});
    shared.push_back(share(std::move(columns_[k])));
  }
  return make_rows(std::move(schema), Batch::of(std::move(shared), n));
}

}  // namespace app::kql
