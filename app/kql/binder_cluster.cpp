// cluster("name").database("name").Table: tables of servers, and the operators that a server which
// runs KQL itself gets as they are written.
#include <algorithm>

#include "app/kql/binder.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

bool opens_cluster(const std::string& name) {
  return name == "cluster" || name == "database" || name == "workspace" || name == "app" || name == "adx";
}

// Every expression of an operator, the nested queries' apart.
template <typename See>
void each_expr(const Operator& o, See see) {
  const auto all = [&](const std::vector<ExprPtr>& list) {
    for (const ExprPtr& e : list) see(*e);
  };
  all(o.exprs), all(o.by), all(o.on);
  for (const ExprPtr* e : {&o.count, &o.from, &o.to, &o.step, &o.with_others}) {
    if (*e) see(**e);
  }
  for (const Parameter& p : o.params) {
    if (p.value) see(*p.value);
  }
  for (const ScanStep& s : o.steps) {
    if (s.condition) see(*s.condition);
    all(s.assignments);
  }
  for (const Operator& part : o.parts) each_expr(part, see);
}

std::string quoted_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

// A table's name as the server's KQL spells it.
std::string quoted_name(const std::string& name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && std::all_of(name.begin(), name.end(), plain) && !(name[0] >= '0' && name[0] <= '9')) return name;
  return "[" + quoted_text(name) + "]";
}

// The node that reads from a server below operators that change a batch at a time, or null.
const Node* server_below(const Node* node) {
  while (node && node->server().empty()) node = node->mapped_child();
  return node;
}

}  // namespace

std::optional<Binder::ClusterTable> Binder::cluster_table(const Expr& e, const EnvPtr& env) {
  const bool path = e.kind == ExprKind::path && e.args[0]->kind == ExprKind::call;
  const bool quoted = e.kind == ExprKind::element && e.args[0]->kind == ExprKind::call && e.args[1]->kind == ExprKind::literal;  // .['name']
  const bool call = e.kind == ExprKind::call && e.method && e.name == "table" && e.args.size() == 2 && e.args[0]->kind == ExprKind::call;
  if ((!path && !call && !quoted) || tables_.cluster_names().empty()) return std::nullopt;
  const Expr* from = e.args[0].get();
  ClusterTable at;
  at.table = path ? e.name : "";
  if (from->method && from->name == "database" && from->args.size() == 2) {
    at.database = to_text(constant(*from->args[1], env));
    from = from->args[0].get();
  }
  if (from->kind != ExprKind::call || from->method || !opens_cluster(from->name) || from->args.size() != 1) return std::nullopt;
  if (!path) at.table = to_text(constant(*e.args[1], env));
  at.name = to_text(constant(*from->args[0], env));
  at.cluster = tables_.cluster(at.name);
  if (!at.cluster) {
    const std::string near = nearest_name(at.name, tables_.cluster_names());
    std::string hint = near.empty() ? "connections here:" : "did you mean " + near + "?";
    if (near.empty()) {
      for (const std::string& name : tables_.cluster_names()) hint += " " + name;
    }
    fail(from->span, "there is no connection '" + at.name + "'", hint);
  }
  return at;
}

NodePtr Binder::remote_table(const ClusterTable& at, Span span) {
  // Typing a query asks no server: what is not known yet is not checked.
  if (check_only_) {
    NodePtr known = at.cluster->known_table(at.database, at.table);
    if (!known) throw BindFailed{};
    return known;
  }
  try {
    return at.cluster->table(at.database, at.table, context_.options.stop);
  } catch (const engine::Error& e) {
    if (e.kind() != engine::ErrorKind::invalid_input && e.kind() != engine::ErrorKind::unsupported) throw;
    fail(span, e.what());
  }
}

// True where the operator needs nothing but the server's own tables. Their spellings for the server
// (without cluster("...")) go into replaced.
bool Binder::names_only_server(const Operator& o, const EnvPtr& env, const ClusterTable& at, std::vector<std::pair<Span, std::string>>& replaced) {
  if (o.op == "render" || o.op == "as" || o.op == "fork" || o.op == "facet") return false;
  bool ok = true;
  const auto see = [&](auto&& self, const Expr& e) -> void {
    if ((e.kind == ExprKind::name || e.kind == ExprKind::call) && env->find(e.name)) ok = false;
    if (e.query || opens_cluster(e.name)) ok = false;
    if (e.extra) self(self, *e.extra);
    for (const ExprPtr& arg : e.args) self(self, *arg);
  };
  each_expr(o, [&](const Expr& e) { see(see, e); });
  for (const std::unique_ptr<Query>& q : o.queries) {
    const Query* inner = q.get();
    while (inner && inner->source && inner->source->kind == ExprKind::query && inner->ops.empty()) inner = inner->source->query.get();
    if (!inner || !inner->source) return false;
    const std::optional<ClusterTable> source = cluster_table(*inner->source, env);
    if (!source || source->cluster != at.cluster) return false;
    const std::string database = source->database.empty() ? at.database : source->database;
    replaced.push_back({inner->source->span, (database.empty() ? "" : "database(" + quoted_text(database) + ").") + quoted_name(source->table)});
    for (const Operator& nested : inner->ops) ok = ok && names_only_server(nested, env, at, replaced);
  }
  return ok;
}

// The source and its first operators as one question to a server that runs KQL, or null.
NodePtr Binder::leading_operators(const Query& q, const EnvPtr& env, size_t& n_done) {
  if (!text_ || check_only_ || call_span_.end != 0) return nullptr;
  const std::optional<ClusterTable> at = cluster_table(*q.source, env);
  if (!at || !at->cluster->runs_kql()) return nullptr;
  std::vector<std::pair<Span, std::string>> replaced = {{q.source->span, quoted_name(at->table)}};
  size_t n = 0;
  for (; n < q.ops.size(); ++n) {
    std::vector<std::pair<Span, std::string>> more = replaced;
    if (!names_only_server(q.ops[n], env, *at, more)) break;
    replaced = std::move(more);
  }
  const size_t end = n == 0 ? q.source->span.end : q.ops[n - 1].span.end;
  std::sort(replaced.begin(), replaced.end(), [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
  std::string text;
  size_t from = q.source->span.begin;
  for (const auto& [span, with] : replaced) {
    text += text_->substr(from, span.begin - from) + with;
    from = span.end;
  }
  text += text_->substr(from, end - from);
  try {
    NodePtr node = at->cluster->run_kql(at->database, text, context_.options.stop);
    note_step(q.source->span, nullptr, *node);
    for (size_t k = 0; k < n; ++k) note_step(q.ops[k].span, node.get(), *node);
    n_done = n;
    return node;
  } catch (const engine::Error& e) {
    if (e.kind() != engine::ErrorKind::invalid_input && e.kind() != engine::ErrorKind::unsupported) throw;
    fail({q.source->span.begin, end}, e.what());
  }
}

void Binder::note_step(Span span, const Node* before, const Node& after) {
  if (!context_.statements || call_span_.end != 0) return;
  std::string where = after.server();
  if (where.empty()) {
    const Node *was = server_below(before), *is = server_below(&after);
    where = was && is && was != is ? is->server() + ", rest here" : "here";
  }
  steps_.push_back({span, where});
}

}  // namespace app::kql
