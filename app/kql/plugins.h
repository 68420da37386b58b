// app/kql/plugins.h: what evaluate runs. A plugin sees its whole input at once and makes a new table;
// it is run while the query is bound, as its columns often come from the data.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/binder.h"

namespace app::kql {

// One use of a plugin: its arguments, bound as it asks for them. Problems are thrown as notes of the binder.
class PluginCall {
 public:
  PluginCall(Binder& binder, const Operator& op, const Expr& call, NodePtr input, const EnvPtr& env);

  const std::string& name() const { return call_.name; }
  // Arguments without a name= in front, from 0; and those with one.
  size_t n_args() const { return positional_.size(); }
  bool has(size_t k) const { return k < positional_.size(); }
  bool is_column(size_t k) const;              // names a column of the input
  bool is_table(size_t k) const;
  size_t column(size_t k) const;               // of the input
  size_t axis(size_t k) const;                 // a column of times or numbers of the input, to count along
  std::vector<size_t> columns_from(size_t k) const;
  Value constant(size_t k) const;
  Value constant(size_t k, Type type, const char* what) const;  // converted; not null
  int64_t ticks(size_t k, const char* what) const;              // of a datetime, timespan or number
  NodePtr table(size_t k) const;
  BoundPtr condition(size_t k) const;          // over the input's rows
  std::string result_name(size_t k, const char* otherwise) const;
  std::optional<Value> option(const char* name) const;
  bool flag(const char* name, bool otherwise) const;
  size_t column_of(const columns::Schema& schema, size_t k) const;  // argument k as a column of a lookup table

  const columns::Schema& schema() const;       // of the input
  const Batch& rows();                         // all of them
  Batch run(const NodePtr& table) const;
  int64_t now() const;
  void check_stop() const;
  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const;

 private:
  Binder& binder_;
  const Expr& call_;
  NodePtr input_;
  EnvPtr env_;
  std::vector<const Expr*> positional_;
  std::optional<Batch> rows_;
};

struct Plugin {
  const char* name;
  NodePtr (*make)(PluginCall& call);
};
// Null where there is no such plugin.
const Plugin* find_plugin(std::string_view name);
std::vector<std::string> plugin_names();
// Why a plugin that the language has is not here, and what to do instead; empty where it is unknown.
std::string plugin_refusal(std::string_view name);

std::span<const Plugin> activity_plugins();
std::span<const Plugin> cluster_plugins();
std::span<const Plugin> lookup_plugins();
std::span<const Plugin> pattern_plugins();
std::span<const Plugin> window_plugins();

// The place of a value on its axis, and a place put into a column of the axis' type.
int64_t tick_of(const Value& value);
void push_tick(columns::Column& column, int64_t ticks);

// A table built row by row.
class TableMaker {
 public:
  void add_column(std::string name, Type type) {
    schema_.push_back({std::move(name), type});
    columns_.emplace_back(type);
  }
  void add_column(const columns::ColumnInfo& like) { add_column(like.name, like.type); }
  columns::Column& at(size_t k) { return columns_[k]; }
  size_t n_columns() const { return columns_.size(); }
  // Names that are there twice are numbered.
  NodePtr table();

 private:
  columns::Schema schema_;
  std::vector<columns::Column> columns_;
};

}  // namespace app::kql
