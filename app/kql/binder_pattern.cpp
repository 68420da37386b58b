// declare pattern: queries that are chosen by constants, as country("Canada").Alberta.
#include "app/kql/binder.h"

namespace app::kql {

const Expr* Binder::pattern_call(const Expr& e, const EnvPtr& env) const {
  const bool within = e.kind == ExprKind::path || e.kind == ExprKind::element;
  const Expr& call = within ? *e.args[0] : e;
  if (call.kind != ExprKind::call) return nullptr;
  const Entry* entry = env->find(call.name);
  return entry && entry->pattern ? &call : nullptr;
}

NodePtr Binder::pattern_table(const Expr& e, const EnvPtr& env) {
  const Expr& call = *pattern_call(e, env);
  const Entry entry = *env->find(call.name);  // env may move it while the body is bound
  const PatternDecl& pattern = *entry.pattern;
  if (pattern.cases.empty()) fail(call.span, "the pattern '" + call.name + "' is declared without its cases", "add = (...) { (...) = { query }; } to it");
  if (call.args.size() != pattern.params.size()) fail(call.span, "the pattern '" + call.name + "' takes " + std::to_string(pattern.params.size()) + " arguments");
  const bool with_path = &call != &e;
  if (with_path != pattern.has_path) fail(e.span, with_path ? "the pattern '" + call.name + "' has no parts" : "the pattern '" + call.name + "' needs a part", with_path ? "" : "write " + call.name + "(...).Part");
  std::vector<std::string> wanted;
  for (const ExprPtr& arg : call.args) wanted.push_back(to_text(constant(*arg, env)));
  if (e.kind == ExprKind::path) wanted.push_back(e.name);
  if (e.kind == ExprKind::element) wanted.push_back(to_text(constant(*e.args[1], env)));
  for (const PatternDecl::Case& one : pattern.cases) {
    std::vector<std::string> values;
    for (const ExprPtr& arg : one.args) values.push_back(to_text(constant(*arg, entry.function_env)));
    if (one.path) values.push_back(to_text(constant(*one.path, entry.function_env)));
    if (values == wanted) return table(*one.body, entry.function_env);
  }
  std::string values;
  for (const std::string& value : wanted) values += (values.empty() ? "" : ", ") + value;
  fail(e.span, "the pattern '" + call.name + "' has no case for " + values);
}

}  // namespace app::kql
