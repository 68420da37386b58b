// app/kql/binder.h: names and types. Turns a parsed script into the plan of its last query, or
// into diagnostics. What needs data to be bound (toscalar, bag_unpack, pivot) is run while binding,
// unless only a check is asked for.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/kql/ast.h"
#include "app/kql/plan.h"
#include "app/kql/query.h"

namespace app::kql {

class GraphNode;
struct GraphColumn;
struct GraphKey;
struct GraphScope;        // binder_graph.cpp

struct BindFailed {};     // the query cannot be bound further; an error is noted

class Env;
using EnvPtr = std::shared_ptr<Env>;

// What a name of a let statement or a parameter stands for.
struct Entry {
  BoundPtr scalar;
  NodePtr table;
  const Expr* table_expr = nullptr;     // bound when first named
  EnvPtr table_env;
  std::shared_ptr<FunctionDecl> function;
  EnvPtr function_env;
  std::shared_ptr<PatternDecl> pattern;  // its cases are bound in function_env
};

class Env {
 public:
  explicit Env(EnvPtr p) : parent(std::move(p)) {}
  Entry* find(const std::string& name);
  std::map<std::string, Entry> entries;
  EnvPtr parent;
};

// Aggregates met while binding the expressions of a summarize.
struct AggregateScope {
  std::vector<AggregateCall> calls;
  std::vector<columns::ColumnInfo> outputs;  // a column each, behind the keys
  std::vector<std::string> keys;             // group keys by name, in front
  std::vector<Type> key_types;
};

// What names mean inside an expression.
struct Scope {
  const columns::Schema* schema = nullptr;       // null: no columns
  const columns::Schema* right = nullptr;        // of a join's condition: $right
  EnvPtr env;
  AggregateScope* aggregates = nullptr;          // aggregates may be called here
  bool ordered = false;                          // window functions may be called here
  GraphScope* graph = nullptr;            // inside a graph pattern: its variables
  bool degrees = false;                          // rows are nodes of a path, with their degrees behind
};

class Binder {
 public:
  // text: what the script was parsed from, where servers that run KQL are to get it as it is written.
  Binder(const Tables& tables, ExecContext& context, bool check_only, const std::string* text = nullptr)
      : tables_(tables), context_(context), check_only_(check_only), text_(text) {}
  // Null where there is no query to run or errors() is not empty.
  NodePtr bind(const Script& script);
  const std::vector<Diagnostic>& errors() const { return errors_; }
  const RenderHint& render() const { return render_; }
  // The tables of fork and facet beside the first, which bind() gives.
  const std::vector<std::pair<std::string, NodePtr>>& further() const { return further_; }
  const std::string& first_name() const { return first_name_; }
  const std::vector<ExplainStep>& steps() const { return steps_; }

 private:
  friend class PluginCall;

  // --- names and errors
  void error(Span span, std::string message, std::string hint = {});
  [[noreturn]] void fail(Span span, std::string message, std::string hint = {});
  BoundPtr bad(Span span);
  void statement(const Statement& s, const EnvPtr& env);
  void let(const Statement& s, const EnvPtr& env);
  bool is_tabular(const Expr& e, const EnvPtr& env, int depth = 0);
  std::optional<size_t> find_column(const columns::Schema& schema, const std::string& name) const;
  size_t column_index(const Expr& e, const columns::Schema& schema);
  std::vector<std::string> column_names(const columns::Schema& schema) const;

  // --- tables
  NodePtr table(const Expr& e, const EnvPtr& env);
  NodePtr table_named(const Expr& e, const EnvPtr& env);
  // p("a"), p("a").b and p("a").["b"] of a declared pattern; null where e is something else.
  const Expr* pattern_call(const Expr& e, const EnvPtr& env) const;
  NodePtr pattern_table(const Expr& e, const EnvPtr& env);
  NodePtr table_call(const Expr& e, const EnvPtr& env);
  NodePtr query(const Query& q, const EnvPtr& env, NodePtr input);
  NodePtr datatable(const Expr& e, const EnvPtr& env);
  NodePtr call_function(const Expr& call, const Entry& entry, const EnvPtr& env, NodePtr piped, const Scope* row_scope, BoundPtr* scalar);
  // --- tables of servers (binder_cluster.cpp)
  struct ClusterTable {
    const Cluster* cluster = nullptr;
    std::string name, database, table;
  };
  std::optional<ClusterTable> cluster_table(const Expr& e, const EnvPtr& env);
  NodePtr remote_table(const ClusterTable& at, Span span);
  NodePtr leading_operators(const Query& q, const EnvPtr& env, size_t& n_done);
  bool names_only_server(const Operator& o, const EnvPtr& env, const ClusterTable& at, std::vector<std::pair<Span, std::string>>& replaced);
  void note_step(Span span, const Node* before, const Node& after);
  std::vector<std::pair<std::string, NodePtr>> tables_like(const std::string& pattern, const EnvPtr& env);

  // --- operators
  NodePtr op(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_where(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_project(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_extend(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_project_names(const Operator& op, NodePtr input);
  NodePtr op_project_by_names(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_project_rename(const Operator& op, NodePtr input);
  NodePtr op_project_reorder(const Operator& op, NodePtr input);
  NodePtr op_take(const Operator& op, NodePtr input, const EnvPtr& env);
  std::vector<SortKey> sort_keys(const Operator& op, const Node& input, const EnvPtr& env);
  NodePtr op_sort(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_summarize(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_distinct(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_count(const Operator& op, NodePtr input);
  NodePtr op_join(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_union(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_print(const Operator& op, const EnvPtr& env);
  NodePtr op_range(const Operator& op, const EnvPtr& env);
  NodePtr op_parse(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_parse_kv(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_mv(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_make_series(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_partition(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_search(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_fork(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_facet(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_reduce(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr partition_by_value(const Operator& op, NodePtr input, BoundPtr key, const EnvPtr& env);
  NodePtr partition_by_binding(const Operator& op, NodePtr input, BoundPtr key, const EnvPtr& env);
  std::vector<Value> partition_keys(const Operator& op, NodePtr input, const BoundPtr& key, const char* instead);
  BoundPtr star_condition(const Expr& e, Scope& scope);
  std::vector<std::pair<std::string, NodePtr>> searched_tables(const Operator& op, const EnvPtr& env);
  BoundPtr search_condition(const Expr& e, Scope& scope, bool case_sensitive);
  BoundPtr search_term(const Expr& term, Scope& scope, bool case_sensitive);
  BoundPtr any_column(const char* function, const Expr& term, Scope& scope);
  NodePtr op_find(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_top_nested(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_top_hitters(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_scan(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_evaluate(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_getschema(NodePtr input);
  static bool is_graph(const NodePtr& input);
  NodePtr op_graph(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr op_make_graph(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr partitioned_graph(const Operator& op, NodePtr edges, size_t source, size_t target, std::vector<GraphKey> tables, columns::Schema schema,
                            size_t node_key, const EnvPtr& env);
  NodePtr op_graph_match(const Operator& op, const std::shared_ptr<const GraphNode>& graph, const EnvPtr& env);
  NodePtr op_graph_to_table(const Operator& op, const std::shared_ptr<const GraphNode>& graph);
  void push_graph_condition(const Expr& e, GraphScope& g, const EnvPtr& env);
  BoundPtr graph_name(const Expr& e, Scope& scope);
  BoundPtr graph_call(const Expr& e, Scope& scope);
  BoundPtr graph_value(GraphScope& g, size_t part, BoundPtr expr, Span span);
  BoundPtr graph_column(GraphScope& g, GraphColumn column, Span span);
  BoundPtr degree_of_row(const Expr& e, const Scope& scope);
  NodePtr op_sample_distinct(const Operator& op, NodePtr input, const EnvPtr& env);
  NodePtr unite(std::vector<std::pair<std::string, NodePtr>> legs, bool inner, const std::string& source_column);
  NodePtr plugin_bag_unpack(const Operator& op, const Expr& call, NodePtr input, const EnvPtr& env);
  NodePtr plugin_pivot(const Operator& op, const Expr& call, NodePtr input, const EnvPtr& env);
  NodePtr plugin_narrow(const Expr& call, NodePtr input);
  NodePtr plugin_ipv4_lookup(const Operator& op, const Expr& call, NodePtr input, const EnvPtr& env);
  NodePtr plugin_activity_counts(const Expr& call, NodePtr input, const EnvPtr& env);
  NodePtr plugin_named(const Operator& op, const Expr& call, NodePtr input, const EnvPtr& env);
  void note_render(const Operator& op, const EnvPtr& env);

  // --- expressions
  BoundPtr expr(const Expr& e, Scope& scope);
  BoundPtr name(const Expr& e, Scope& scope);
  BoundPtr call(const Expr& e, Scope& scope);
  BoundPtr special_call(const Expr& e, Scope& scope, bool& handled);
  BoundPtr aggregate(const Expr& e, Scope& scope);
  std::vector<size_t> aggregate_columns(const Expr& e, Scope& scope, std::vector<std::string>& names);
  BoundPtr binary(const Expr& e, Scope& scope);
  BoundPtr list(const Expr& e, Scope& scope);
  BoundPtr in_table(const Expr& e, const EnvPtr& env);
  BoundPtr scalar_query(const Expr& e, const EnvPtr& env);
  BoundPtr make_call(const char* function, std::vector<BoundPtr> args, Span span);
  BoundPtr apply(const Function& f, std::vector<BoundPtr> args, Span span, Scope* scope);
  BoundPtr to_type(BoundPtr e, Type type);
  Type arithmetic_type(std::string_view op, Type a, Type b);
  void check_comparable(const std::string& op, const Bound& a, const Bound& b, Span span);
  BoundPtr condition(const Expr& e, Scope& scope);
  Value constant(const Expr& e, const EnvPtr& env);
  int64_t count_of(const Expr& e, const EnvPtr& env, const char* what);
  Type type_named(const std::string& name, Span span);
  // --- names of results
  std::string natural_name(const Expr& e) const;   // of an unnamed expression, or empty
  struct Named {
    std::string name;
    BoundPtr expr;
  };
  std::vector<Named> graph_properties(GraphScope& g);
  NodePtr top_nested_others(const Operator& level, NodePtr rows, const std::vector<std::string>& parents, const Named& key, const std::string& value_name, Type value_type,
                            const EnvPtr& env);
  // One expression, or several where it has several results or names.
  std::vector<Named> named(const Expr& e, Scope& scope, size_t& n_unnamed, const char* prefix = "Column");
  static std::string unique_name(const std::string& name, const columns::Schema& schema);
  static std::string unique_name(const std::string& name, const std::vector<Named>& taken);
  NodePtr compute(NodePtr input, const std::vector<Named>& list);

  void bind_saved_functions(const EnvPtr& env);

  const Tables& tables_;
  std::map<std::string, const Expr*> settings_;   // of set statements; the script is kept by who binds it
  Script saved_;               // of tables_.functions(); entries point into it
  ExecContext& context_;
  bool check_only_;
  const std::string* text_;
  std::vector<ExplainStep> steps_;
  std::vector<Diagnostic> errors_;
  RenderHint render_;
  std::vector<std::pair<std::string, NodePtr>> further_;
  std::string first_name_;
  std::string piped_name_;     // of the table that begins the pipeline being bound; empty where it has none
  int query_depth_ = 0;
  int depth_ = 0, next_slot_ = 0;
  size_t n_bound_ = 0;
  Span call_span_;             // of the outermost user function being expanded
};

}  // namespace app::kql
