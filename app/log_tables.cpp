#include "app/log_tables.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

namespace app {
namespace {

using columns::Column;
using columns::Type;
using store::LogColumn;

// The log as it lies in its chunks.
class LogTable : public kql::Table {
 public:
  explicit LogTable(std::shared_ptr<const store::LogSnapshot> log) : log_(std::move(log)) {}
  const columns::Schema& schema() const override { return store::log_schema(); }
  size_t n_chunks() const override { return log_->n_chunks(); }
  std::shared_ptr<const columns::Chunk> chunk(size_t index) const override { return log_->chunk(index); }
  std::shared_ptr<const Column> column(size_t index, size_t column) const override {
    return log_->column(index, static_cast<LogColumn>(column));
  }
  bool may_hold(size_t index, size_t column, int64_t min, int64_t max) const override {
    if (column != static_cast<size_t>(LogColumn::timestamp)) return true;
    const store::ChunkInfo info = log_->info(index);
    return info.min_time != no_time && info.min_time <= max && info.max_time >= min;
  }
  bool may_differ(size_t index, size_t column, int64_t min, int64_t max) const override {
    if (column != static_cast<size_t>(LogColumn::timestamp)) return true;
    const store::ChunkInfo info = log_->info(index);
    return !info.all_timed || info.min_time < min || info.max_time > max;
  }
  bool may_hold_text(size_t index, size_t column, std::string_view text) const override {
    if (column != static_cast<size_t>(LogColumn::level)) return true;
    const auto* level = std::find(std::begin(level_names), std::end(level_names), text);
    return level != std::end(level_names) && (log_->info(index).levels >> (level - level_names) & 1) != 0;
  }
  RowId first_row(size_t index) const override { return log_->info(index).first_row; }
  std::optional<size_t> n_rows(size_t index) const override { return log_->info(index).n_rows; }

 protected:
  std::shared_ptr<const store::LogSnapshot> log_;
};

// The records of one source.
class SourceTable final : public LogTable {
 public:
  SourceTable(std::shared_ptr<const store::LogSnapshot> log, uint32_t source) : LogTable(std::move(log)), source_(source) {}
  std::shared_ptr<const std::vector<uint32_t>> rows_of(size_t index) const override {
    const auto source = log_->column(index, LogColumn::source_id);
    const std::vector<int64_t>& ids = source->i64s();
    if (std::all_of(ids.begin(), ids.end(), [this](int64_t id) { return id == source_; })) return nullptr;
    auto rows = std::make_shared<std::vector<uint32_t>>();
    for (size_t row = 0; row < ids.size(); ++row) {
      if (ids[row] == source_) rows->push_back(static_cast<uint32_t>(row));
    }
    return rows;
  }

 private:
  int64_t source_;
};

// "nginx-access.log" -> "nginx_access_log"; a name that starts with a digit gets an underscore.
std::string identifier(const std::string& name) {
  std::string out;
  for (const char c : name) out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) != 0) out.insert(0, "_");
  return out;
}

// One chunk of rows as a table.
std::shared_ptr<const kql::Table> one_chunk_table(columns::Schema schema, std::vector<Column> values) {
  auto chunk = std::make_shared<columns::Chunk>();
  chunk->n_rows = values.empty() ? 0 : values.front().n_rows();
  chunk->columns = std::move(values);
  return kql::make_memory_table(std::move(schema), {chunk});
}

std::shared_ptr<const kql::Table> template_table(const std::vector<Template>& templates) {
  Column id(Type::int64), pattern(Type::string), count(Type::int64), first(Type::datetime), last(Type::datetime);
  for (const Template& t : templates) {
    id.push_i64(t.id);
    pattern.push_text(t.pattern);
    count.push_i64(static_cast<int64_t>(t.count));
    t.first_time == no_time ? first.push_null() : first.push_i64(t.first_time);
    t.last_time == no_time ? last.push_null() : last.push_i64(t.last_time);
  }
  return one_chunk_table({{"TemplateId", Type::int64}, {"Pattern", Type::string}, {"Count", Type::int64},
                          {"FirstTime", Type::datetime}, {"LastTime", Type::datetime}},
                         {id, pattern, count, first, last});
}

std::shared_ptr<const kql::Table> finding_table(std::span<const Finding> findings) {
  Column check(Type::string), title(Type::string), cause(Type::string), severity(Type::string), score(Type::real),
      matches(Type::int64), first(Type::datetime), last(Type::datetime), file(Type::string), line(Type::int64);
  for (const Finding& f : findings) {
    check.push_text(f.check);
    title.push_text(f.title);
    cause.push_text(f.cause);
    severity.push_text(severity_names[static_cast<int>(f.severity)]);
    score.push_f64(f.score);
    matches.push_i64(static_cast<int64_t>(f.n_matches));
    f.first_time == no_time ? first.push_null() : first.push_i64(f.first_time);
    f.last_time == no_time ? last.push_null() : last.push_i64(f.last_time);
    file.push_text(f.evidence.empty() ? "" : f.evidence.front().file);
    f.evidence.empty() ? line.push_null() : line.push_i64(static_cast<int64_t>(f.evidence.front().line));
  }
  return one_chunk_table(
      {{"Check", Type::string}, {"Title", Type::string}, {"Cause", Type::string}, {"Severity", Type::string},
       {"Score", Type::real}, {"Matches", Type::int64}, {"FirstTime", Type::datetime}, {"LastTime", Type::datetime},
       {"File", Type::string}, {"Line", Type::int64}},
      {check, title, cause, severity, score, matches, first, last, file, line});
}

std::shared_ptr<const kql::Table> config_table(std::span<const ConfigFinding> findings) {
  Column file(Type::string), kind(Type::string), line(Type::int64), rule(Type::string), severity(Type::string),
      message(Type::string);
  for (const ConfigFinding& f : findings) {
    file.push_text(f.file);
    kind.push_text(f.kind);
    line.push_i64(f.line);
    rule.push_text(f.rule);
    severity.push_text(severity_names[static_cast<int>(f.severity)]);
    message.push_text(f.message);
  }
  return one_chunk_table({{"File", Type::string}, {"Kind", Type::string}, {"Line", Type::int64}, {"Rule", Type::string},
                          {"Severity", Type::string}, {"Message", Type::string}},
                         {file, kind, line, rule, severity, message});
}

}  // namespace

kql::Tables make_log_tables(std::shared_ptr<const store::LogSnapshot> log) {
  kql::Tables tables;
  std::set<std::string> taken = {"Logs", "Templates", "Findings", "Configs"};
  tables.add("Logs", std::make_shared<LogTable>(log), "every record of this session");
  tables.add("Templates", template_table(log->templates()), "mined message shapes");
  for (const Source& source : log->sources()) {
    const std::string base = identifier(source.name);
    std::string name = base;
    for (int n = 2; !taken.insert(name).second; ++n) name = base + "_" + std::to_string(n);
    tables.add(name, std::make_shared<SourceTable>(log, source.id), "records of " + (source.path.empty() ? source.name : source.path), "Logs");
  }
  return tables;
}

void add_finding_tables(kql::Tables& tables, std::span<const Finding> findings, std::span<const ConfigFinding> configs) {
  tables.add("Findings", finding_table(findings), "what the checks found");
  tables.add("Configs", config_table(configs), "findings of config reviews");
}

}  // namespace app
