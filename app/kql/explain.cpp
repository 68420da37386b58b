#include "app/kql/explain.h"

#include <algorithm>
#include <cctype>

#include "app/kql/describe.h"
#include "app/kql/explain_words.h"
#include "app/kql/parser.h"
#include "engine/base/text.h"

namespace app::kql {
namespace {

constexpr size_t most_code_bytes = 160;

class Explainer {
 public:
  explicit Explainer(const std::string& text) : text_(text), words_(text) {}

  std::vector<ExplainedLine> run() {
    const Script script = parse(text_);
    for (const Statement& statement : script.statements) explain(statement, 0);
    if (!script.errors.empty()) {
      const Diagnostic& d = script.errors.front();
      add(d.span, 0, "Here the text does not follow the language: " + d.message + (d.hint.empty() ? "" : " (" + d.hint + ")"));
    }
    return std::move(lines_);
  }

 private:
  void add(Span span, int depth, std::string words) {
    span.end = std::min(span.end, text_.size());
    while (span.end > span.begin && std::isspace(static_cast<unsigned char>(text_[span.end - 1])) != 0) --span.end;
    lines_.push_back({span, depth, words_.source(span, most_code_bytes), std::move(words)});
  }

  void explain(const Statement& s, int depth) {
    switch (s.kind) {
      case Statement::Kind::let_function: {
        std::string parameters;
        for (const FunctionParam& p : s.function->params) parameters += (parameters.empty() ? "" : ", ") + p.name;
        add({s.span.begin, s.function->span.begin}, depth,
            "Define the function " + s.name + (parameters.empty() ? " without arguments" : " of " + parameters) + ", for use below");
        for (const Statement& inner : s.function->statements) explain(inner, depth + 1);
        if (s.function->body) tabular(*s.function->body, depth + 1);
        return;
      }
      case Statement::Kind::let_value:
        if (s.expr && (s.expr->kind == ExprKind::query || s.expr->kind == ExprKind::datatable)) {
          add({s.span.begin, s.expr->span.begin}, depth, "Call the following rows " + s.name + ", for use below");
          tabular(*s.expr, depth + 1);
        } else if (s.expr) {
          add(s.span, depth, "Call " + words_.of(*s.expr) + " " + s.name + ", for use below");
        }
        return;
      case Statement::Kind::query:
        if (s.expr) tabular(*s.expr, depth);
        return;
      case Statement::Kind::set: return add(s.span, depth, "Set an option of this run");
      case Statement::Kind::declare: return add(s.span, depth, "Declare what the query takes from outside");
      case Statement::Kind::pattern: return add(s.span, depth, "Name queries by the values they are asked for with");
      case Statement::Kind::other: return add(s.span, depth, "A statement about the database");
    }
  }

  void tabular(const Expr& e, int depth) {
    if (e.kind == ExprKind::query && e.query) return query(*e.query, depth);
    add(e.span, depth, source_words(e));
  }

  void query(const Query& q, int depth) {
    if (q.source) {
      if (q.source->kind == ExprKind::query && q.source->query) query(*q.source->query, depth);
      else add(q.source->span, depth, source_words(*q.source));
    }
    for (const Operator& op : q.ops) {
      // The line ends where a bracketed query begins: that is explained below.
      Span span = op.span;
      const bool nested = op.op == "join" || op.op == "lookup" || op.op == "union" || op.op == "fork" || op.op == "partition" || op.op == "mv-apply";
      if (nested) {
        for (const auto& inner : op.queries) span.end = std::min(span.end, std::max(span.begin + op.op.size(), inner->span.begin));
      }
      add(nested && !op.on.empty() ? op.span : span, depth, words_.of(op));
      if (!nested) continue;
      for (const auto& inner : op.queries) {
        if (inner->ops.empty() && inner->source && inner->source->kind != ExprKind::query) continue;  // a bare name: said in the words
        query(*inner, depth + 1);
      }
    }
  }

  std::string source_words(const Expr& e) {
    if (e.kind == ExprKind::name) return "Take the rows of " + e.name;
    if (e.kind == ExprKind::wildcard) return "Take the rows of all tables named " + e.name;
    if (e.kind == ExprKind::datatable) return "Take the rows written here";
    if (e.kind == ExprKind::externaldata) return "Read rows from a file elsewhere";
    if (e.kind == ExprKind::call && e.name == "materialize" && !e.args.empty()) return "Work out these rows once, for every use: " + words_.of(*e.args[0]);
    if (e.kind == ExprKind::call) return "Take the rows that " + e.name + "(...) gives";
    return "Work out " + words_.of(e);
  }

  const std::string& text_;
  ExplainWords words_;
  std::vector<ExplainedLine> lines_;
};

}  // namespace

std::vector<ExplainedLine> explain_query(const std::string& text) { return Explainer(text).run(); }

// ---------------------------------------------------------------- no rows

namespace {

// The last statement's own query, where it is a plain pipeline.
const Query* last_query(const Script& script) {
  if (script.statements.empty()) return nullptr;
  const Statement& last = script.statements.back();
  if (last.kind != Statement::Kind::query || !last.expr) return nullptr;
  return last.expr->kind == ExprKind::query && last.expr->query && !last.expr->parenthesised ? last.expr->query.get() : nullptr;
}

uint64_t rows_of(const std::string& text, const Tables& tables, const RunOptions& options, bool* failed) {
  const ResultTable part = run(text, tables, options);
  *failed = part.failed();
  return part.n_rows;
}

// The condition of a where that leaves nothing on its own, and the text without it.
void blame_condition(const std::string& text, const Operator& op, const Tables& tables, RunOptions options, EmptyReason& reason) {
  if (op.op != "where" || op.exprs.size() != 1 || op.exprs[0]->kind != ExprKind::all_of) return;
  const std::vector<ExprPtr>& parts = op.exprs[0]->args;
  options.row_limit = 1;
  const std::string before = text.substr(0, reason.span.begin);
  const Expr* guilty = nullptr;
  for (const ExprPtr& part : parts) {
    bool failed = false;
    const uint64_t n = rows_of(before + "\n| where " + text.substr(part->span.begin, part->span.end - part->span.begin) + "\n| take 1", tables, options, &failed);
    if (failed) return;
    if (n > 0) continue;
    if (guilty != nullptr) return;  // several: the whole operator is what to name
    guilty = part.get();
  }
  if (guilty == nullptr) return;
  std::string kept;
  for (const ExprPtr& part : parts) {
    if (part.get() != guilty) kept += (kept.empty() ? "" : " and ") + text.substr(part->span.begin, part->span.end - part->span.begin);
  }
  reason.condition = guilty->span;
  reason.without = text.substr(0, op.exprs[0]->span.begin) + kept + text.substr(op.exprs[0]->span.end);
}

}  // namespace

bool found_nothing(const ResultTable& result) {
  if (result.failed()) return false;
  if (result.n_rows == 0) return true;
  if (result.n_rows != 1 || result.columns.size() != 1 || result.columns[0].type != columns::Type::int64 || result.is_null(0, 0)) return false;
  const auto [chunk, row] = result.locate(0);
  return chunk->columns[0].i64(row) == 0;
}

std::optional<EmptyReason> why_empty(const std::string& text, const Tables& tables, RunOptions options) {
  const Script script = parse(text);
  const Query* query = last_query(script);
  if (!script.errors.empty() || query == nullptr) return std::nullopt;
  std::vector<size_t> pipes;  // where each operator's | stands
  for (const Operator& op : query->ops) {
    const size_t pipe = text.rfind('|', op.span.begin);
    if (pipe == std::string::npos || pipe < query->span.begin) return std::nullopt;  // begins with an operator of its own rows
    pipes.push_back(pipe);
  }
  RunOptions one = options;
  one.row_limit = 1;
  for (size_t i = 0; i < pipes.size(); ++i) {
    const size_t end = i + 1 < pipes.size() ? pipes[i + 1] : std::max(query->ops[i].span.end, pipes[i]);
    bool failed = false;
    const uint64_t n = rows_of(text.substr(0, end) + "\n| take 1", tables, one, &failed);
    if (failed) return std::nullopt;
    if (n > 0) continue;
    EmptyReason reason;
    reason.span = {pipes[i], end};
    reason.code = text.substr(pipes[i] + 1, end - pipes[i] - 1);
    while (!reason.code.empty() && std::isspace(static_cast<unsigned char>(reason.code.back())) != 0) reason.code.pop_back();
    reason.code.erase(0, reason.code.find_first_not_of(" \t\r\n"));
    // How many rows the operator saw: counted, not kept.
    const ResultTable before = run(text.substr(0, pipes[i]) + "\n| count", tables, options);
    if (before.failed() || before.n_rows != 1) return std::nullopt;
    const auto [chunk, row] = before.locate(0);
    reason.n_rows_before = static_cast<uint64_t>(chunk->columns[0].i64(row));
    if (reason.n_rows_before == 0) return std::nullopt;  // nothing came from the source
    reason.without = text.substr(0, pipes[i]) + text.substr(end);
    blame_condition(text, query->ops[i], tables, options, reason);
    return reason;
  }
  return std::nullopt;
}

}  // namespace app::kql
