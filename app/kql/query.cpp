#include "app/kql/query.h"

#include <algorithm>
#include <chrono>

#include "app/kql/binder.h"
#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "app/kql/parser.h"
#include "engine/base/error.h"

namespace app::kql {
namespace {

class MemoryTable : public Table {
 public:
  MemoryTable(columns::Schema schema, std::vector<std::shared_ptr<const columns::Chunk>> chunks)
      : schema_(std::move(schema)), chunks_(std::move(chunks)) {}
  const columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return chunks_.size(); }
  std::shared_ptr<const columns::Chunk> chunk(size_t index) const override { return chunks_[index]; }
  std::optional<size_t> n_rows(size_t index) const override { return chunks_[index]->n_rows; }

 private:
  columns::Schema schema_;
  std::vector<std::shared_ptr<const columns::Chunk>> chunks_;
};

int64_t clock_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return unix_epoch_ticks + std::chrono::duration_cast<std::chrono::nanoseconds>(since).count() / 100;
}

// Pulls the plan's rows into the result, up to the limit.
void collect(const Node& plan, ExecContext& context, ResultTable& result) {
  const std::unique_ptr<Stream> stream = plan.open(context);
  bool with_ids = true;
  for (Batch batch; stream->next(batch); batch = Batch()) {
    if (batch.n_rows() == 0) continue;
    const uint64_t room = context.options.row_limit - result.n_rows;
    if (batch.n_rows() > room) {
      result.truncated = true;
      Rows rows(room);
      for (size_t k = 0; k < rows.size(); ++k) rows[k] = static_cast<uint32_t>(k);
      batch.keep(rows);
    }
    if (batch.n_rows() > 0) {
      context.charge(batch.size_bytes());
      with_ids &= batch.has_row_ids();
      if (with_ids) {
        for (size_t row = 0; row < batch.n_rows(); ++row) result.row_ids.push_back(batch.row_id(row));
      }
      result.chunks.push_back(std::make_shared<const columns::Chunk>(batch.to_chunk()));
      result.n_rows += batch.n_rows();
      if (context.options.on_rows && result.name.empty()) context.options.on_rows(result);
    }
    if (result.truncated) break;
  }
  if (!with_ids) result.row_ids.clear();
}

}  // namespace

std::shared_ptr<const columns::Column> Table::column(size_t index, size_t column) const {
  const std::shared_ptr<const columns::Chunk> all = chunk(index);
  return {all, &all->columns[column]};
}
std::shared_ptr<const std::vector<uint32_t>> Table::rows_of(size_t) const { return nullptr; }
bool Table::may_hold(size_t, size_t, int64_t, int64_t) const { return true; }
bool Table::may_differ(size_t, size_t, int64_t, int64_t) const { return true; }
std::optional<std::pair<int64_t, int64_t>> Table::range(size_t, size_t) const { return std::nullopt; }
bool Table::may_hold_word(size_t, size_t, std::string_view) const { return true; }
bool Table::may_hold_text(size_t, size_t, std::string_view) const { return true; }
RowId Table::first_row(size_t) const { return no_row; }
std::optional<size_t> Table::n_rows(size_t) const { return std::nullopt; }

std::shared_ptr<const Table> make_memory_table(columns::Schema schema, std::vector<std::shared_ptr<const columns::Chunk>> chunks) {
  return std::make_shared<MemoryTable>(std::move(schema), std::move(chunks));
}

void Tables::add(std::string name, std::shared_ptr<const Table> table, std::string about, std::string part_of) {
  entries_[std::move(name)] = {std::move(table), std::move(about), std::move(part_of)};
}

void Tables::add_apart(std::string name, std::shared_ptr<const Table> table, std::string about) {
  TableEntry& entry = entries_[std::move(name)];
  entry.table = std::move(table);
  entry.about = std::move(about);
  entry.part_of.clear();
  entry.apart = true;
}

const TableEntry* Tables::find(std::string_view name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? nullptr : &at->second;
}

std::vector<std::string> Tables::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const Cluster* Tables::cluster(std::string_view name) const {
  const auto at = clusters_.find(name);
  return at == clusters_.end() ? nullptr : at->second.get();
}

std::vector<std::string> Tables::cluster_names() const {
  std::vector<std::string> names;
  for (const auto& [name, cluster] : clusters_) names.push_back(name);
  return names;
}

std::vector<Diagnostic> check_functions(const std::string& let_statements, std::vector<SavedFunction>* functions) {
  Script script = parse(let_statements);
  for (const Statement& s : script.statements) {
    const bool let = s.kind == Statement::Kind::let_value || s.kind == Statement::Kind::let_function;
    if (let && functions) functions->push_back({s.name, let_statements.substr(s.span.begin, s.span.end - s.span.begin)});
    if (!let && script.errors.empty()) {
      script.errors.push_back({s.span, DiagnosticSeverity::error, "only let statements can be saved", "write let name = (x:long) { ... };"});
    }
  }
  return script.errors;
}

std::vector<Diagnostic> check(const std::string& text, const Tables& tables) {
  const Script script = parse(text);
  if (!script.errors.empty()) return script.errors;
  const RunOptions options;
  ExecContext context(options, clock_now());
  Binder binder(tables, context, true);
  binder.bind(script);
  return binder.errors();
}

ResultTable run(const std::string& text, const Tables& tables, const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  ResultTable result;
  const Script script = parse(text);
  result.diagnostics = script.errors;
  if (result.failed()) return result;
  ExecContext context(options, options.now == no_time ? clock_now() : options.now);
  Binder binder(tables, context, false, &text);
  try {
    const NodePtr plan = binder.bind(script);
    result.diagnostics = binder.errors();
    if (plan && !result.failed()) {
      result.columns = plan->schema;
      result.render = binder.render();
      result.name = binder.first_name();
      collect(*plan, context, result);
      for (const auto& [name, node] : binder.further()) {
        ResultTable& next = result.more.emplace_back();
        next.name = name;
        next.columns = node->schema;
        next.render = result.render;
        collect(*node, context, next);
      }
    }
  } catch (const engine::Error& e) {
    // A value of the data that no constant check could foresee, such as a pattern that is no RE2.
    if (e.kind() != engine::ErrorKind::invalid_input && e.kind() != engine::ErrorKind::unsupported) throw;
    result.diagnostics.push_back({{0, text.size()}, DiagnosticSeverity::error, e.what(), {}});
    result.chunks.clear();
    result.more.clear();
    result.n_rows = 0;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Explanation explain(const std::string& text, const Tables& tables, const RunOptions& options) {
  Explanation out;
  const Script script = parse(text);
  out.diagnostics = script.errors;
  if (!out.diagnostics.empty()) return out;
  ExecContext context(options, options.now == no_time ? clock_now() : options.now);
  context.statements = &out.statements;
  Binder binder(tables, context, false, &text);
  try {
    const NodePtr plan = binder.bind(script);
    out.diagnostics = binder.errors();
    if (!plan) return out;
    out.steps = binder.steps();
    std::vector<const Node*> plans = {plan.get()};
    for (const auto& [name, node] : binder.further()) plans.push_back(node.get());
    // Run without rows: each node that would ask a server says what it would ask.
    for (const Node* node : plans) {
      const std::unique_ptr<Stream> stream = node->open(context);
      for (Batch batch; stream->next(batch); batch = Batch()) context.check_stop();
    }
  } catch (const engine::Error& e) {
    if (e.kind() != engine::ErrorKind::invalid_input && e.kind() != engine::ErrorKind::unsupported) throw;
    out.diagnostics.push_back({{0, text.size()}, DiagnosticSeverity::error, e.what(), {}});
  }
  return out;
}

bool ResultTable::failed() const {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& d) { return d.severity == DiagnosticSeverity::error; });
}

std::pair<const columns::Chunk*, size_t> ResultTable::locate(uint64_t row) const {
  for (const auto& chunk : chunks) {
    if (row < chunk->n_rows) return {chunk.get(), row};
    row -= chunk->n_rows;
  }
  engine::fail(engine::ErrorKind::invalid_input, "the result has no row %llu", static_cast<unsigned long long>(row));
}

std::string ResultTable::text(uint64_t row, size_t column) const {
  const auto [chunk, at] = locate(row);
  return cell_text(chunk->columns[column], at);
}

bool ResultTable::is_null(uint64_t row, size_t column) const {
  const auto [chunk, at] = locate(row);
  return chunk->columns[column].is_null(at);
}

std::string cell_text(const columns::Column& column, size_t row) {
  if (column.is_null(row)) return {};
  const Value value = get(column, row);
  if (value.type == Type::boolean) return value.i ? "true" : "false";
  return value.type == Type::dynamic ? value.s : to_text(value);
}

std::string cell_json(const columns::Column& column, size_t row) {
  if (column.is_null(row)) return "null";
  const Value value = get(column, row);
  switch (value.type) {
    case Type::dynamic: return value.s;
    case Type::decimal: return value.s;
    default: return json_text(to_json(value));
  }
}

}  // namespace app::kql
