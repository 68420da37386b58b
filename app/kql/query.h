// app/kql/query.h: the front door of the query language: text and tables in, a result table out.
//
//   kql::Tables tables;
//   tables.add("Logs", kql::make_log_table(store.snapshot()));
//   kql::ResultTable result = kql::run("Logs | where Level == 'ERROR' | take 10", tables, {});
//
// A query that cannot run gives diagnostics and no rows; it never answers something else. Thrown:
// Error{cancelled} at a stop request, Error{out_of_memory} at the memory limit, and what a table
// throws while it is read.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/columns/column.h"
#include "app/kql/cluster.h"
#include "app/kql/diagnostic.h"
#include "app/types.h"

namespace app::kql {

// A named source of chunks. Read from one query's threads at a time or several: must be const-safe.
class Table {
 public:
  virtual ~Table() = default;
  virtual const columns::Schema& schema() const = 0;
  virtual size_t n_chunks() const = 0;
  virtual std::shared_ptr<const columns::Chunk> chunk(size_t index) const = 0;
  // One column of a chunk: what a query reads, so that a table decodes no more than that.
  virtual std::shared_ptr<const columns::Column> column(size_t index, size_t column) const;
  // The rows of the chunk that are this table's, or null: all of them.
  virtual std::shared_ptr<const std::vector<uint32_t>> rows_of(size_t index) const;
  // False only where no row of the chunk has a value of that column (i64 storage) in [min, max].
  virtual bool may_hold(size_t index, size_t column, int64_t min, int64_t max) const;
  // Row id of the chunk's first row, no_row for tables that are not the log.
  virtual RowId first_row(size_t index) const;
  // False only where no row has a null in that column, and every value is in [min, max].
  virtual bool may_differ(size_t index, size_t column, int64_t min, int64_t max) const;
  // The least and the greatest value in that column (i64 storage), where they are known without reading it
  // and no row has a null there.
  virtual std::optional<std::pair<int64_t, int64_t>> range(size_t index, size_t column) const;
  // False only where no row's text in that column holds this word, in whatever case. A word is a run
  // of ASCII letters and digits that stands between other characters. any_column: no column's value has
  // it, when all of them are read as text.
  static constexpr size_t any_column = SIZE_MAX;
  virtual bool may_hold_word(size_t index, size_t column, std::string_view word) const;
  // False only where no row of the chunk has this text in that column.
  virtual bool may_hold_text(size_t index, size_t column, std::string_view text) const;
  // Rows in the chunk (before rows_of) without reading it, or none.
  virtual std::optional<size_t> n_rows(size_t index) const;
};

// Chunks held in memory.
std::shared_ptr<const Table> make_memory_table(
    columns::Schema schema, std::vector<std::shared_ptr<const columns::Chunk>> chunks);

struct TableEntry {
  std::shared_ptr<const Table> table;
  std::string about;  // one line for the schema tree
  std::string part_of;  // the table whose rows these are too: search, find and union * read them once
  bool apart = false;   // not part of what is looked into, as another database in Kusto: read where it is named only
};

class Tables {
 public:
  void add(std::string name, std::shared_ptr<const Table> table, std::string about = {}, std::string part_of = {});
  void add_apart(std::string name, std::shared_ptr<const Table> table, std::string about = {});
  const TableEntry* find(std::string_view name) const;  // null where there is none; case counts
  std::vector<std::string> names() const;               // sorted
  // let statements that every query sees before its own: the user's saved functions.
  void set_functions(std::string let_statements) { functions_ = std::move(let_statements); }
  const std::string& functions() const { return functions_; }
  // What cluster("name") means. Nothing is asked of it here.
  void add_cluster(std::string name, std::shared_ptr<const Cluster> cluster) { clusters_[std::move(name)] = std::move(cluster); }
  const Cluster* cluster(std::string_view name) const;     // null where there is none
  std::vector<std::string> cluster_names() const;          // sorted

 private:
  std::string functions_;
  std::map<std::string, TableEntry, std::less<>> entries_;
  std::map<std::string, std::shared_ptr<const Cluster>, std::less<>> clusters_;
};

// What a parse alone tells: `sigmactl kql check`.
struct CheckResult {
  std::vector<Diagnostic> errors;      // in order of the text; empty: valid
  std::vector<std::string> tables;     // named and not defined by the query itself
  std::vector<std::string> columns;    // names that can only be columns
  std::vector<std::string> operators;  // tabular operators, each once
};
CheckResult check_syntax(const std::string& text);

// What is wrong with let statements that are to be saved as functions, or nothing; and each of them.
struct SavedFunction {
  std::string name, text;  // text: "let name = ...", without a semicolon
};
std::vector<Diagnostic> check_functions(const std::string& let_statements, std::vector<SavedFunction>* functions = nullptr);

// Parse and bind: syntax errors, unknown names, wrong types, unsupported parts. Empty: it can run.
std::vector<Diagnostic> check(const std::string& text, const Tables& tables);

// How the query asked to be drawn: `render timechart with (title="x")`.
struct RenderHint {
  std::string kind;  // empty: no render operator
  std::map<std::string, std::string> properties;
};

struct ResultTable {
  columns::Schema columns;
  std::vector<std::shared_ptr<const columns::Chunk>> chunks;
  uint64_t n_rows = 0;             // held in chunks
  bool truncated = false;          // more rows than the limit asked for
  std::vector<RowId> row_ids;      // the log row behind each row, while rows still are log rows
  double seconds = 0;
  std::vector<Diagnostic> diagnostics;  // an error among them: no result
  RenderHint render;
  std::string name;                     // of a branch of fork, or what a facet counts; mostly empty
  std::vector<ResultTable> more;        // fork and facet: the tables behind this one

  bool failed() const;
  // Chunk and row in it of a result row.
  std::pair<const columns::Chunk*, size_t> locate(uint64_t row) const;
  // A cell as text: datetime ISO-8601 with 7 decimals and Z, timespan [-][d.]hh:mm:ss[.fffffff],
  // dynamic as JSON; null as the empty string.
  std::string text(uint64_t row, size_t column) const;
  bool is_null(uint64_t row, size_t column) const;
};

struct RunOptions {
  uint64_t row_limit = 500'000;             // rows kept in the result
  size_t memory_limit_bytes = 4ull << 30;   // of sorts, groups, joins and the result
  Ticks now = no_time;                      // no_time: the clock
  std::stop_token stop;
  int n_threads = 2;
  // Called with the result so far whenever rows were added to it; same thread as run().
  std::function<void(const ResultTable& so_far)> on_rows;
  // Called while a server works at a part of the query; same thread as run().
  std::function<void(const RemoteProgress&)> on_progress;
};

ResultTable run(const std::string& text, const Tables& tables, const RunOptions& options);

// One cell as JSON (null, bool, number, string; dynamic as it is) and as shown text.
std::string cell_json(const columns::Column& column, size_t row);
std::string cell_text(const columns::Column& column, size_t row);

// What can follow at a byte offset: for the editor's completion list.
struct Completion {
  std::string text, kind, detail;  // kind: table, column, operator, function, keyword, type
};
struct CompletionList {
  size_t begin = 0;  // the word being typed starts here
  std::vector<Completion> items;
};
CompletionList complete(const std::string& text, size_t offset, const Tables& tables);

// Short documentation of an operator or function, or empty.
std::string describe(std::string_view name);

}  // namespace app::kql
