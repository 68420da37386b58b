#include "app/log_tables.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "app/kql/json.h"
#include "app/store/run_store.h"
#include "app/store/session_store.h"

namespace app {
namespace {

using columns::Column;
using columns::Type;
using store::LogColumn;

// The log as it lies in its chunks.
class LogTable : public kql::Table {
 public:
  LogTable(std::shared_ptr<const store::LogSnapshot> log, TemplateGroups groups) : log_(std::move(log)), groups_(std::move(groups)) {}
  const columns::Schema& schema() const override { return store::log_schema(); }
  size_t n_chunks() const override { return log_->n_chunks(); }
  std::shared_ptr<const columns::Chunk> chunk(size_t index) const override {
    if (groups_.empty()) return log_->chunk(index);
    auto changed = std::make_shared<columns::Chunk>(*log_->chunk(index));
    Column& ids = changed->columns[static_cast<size_t>(LogColumn::template_id)];
    ids = led(ids);
    return changed;
  }
  std::shared_ptr<const Column> column(size_t index, size_t column) const override {
    auto stored = log_->column(index, static_cast<LogColumn>(column));
    if (groups_.empty() || column != static_cast<size_t>(LogColumn::template_id)) return stored;
    return std::make_shared<const Column>(led(*stored));
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
  std::optional<std::pair<int64_t, int64_t>> range(size_t index, size_t column) const override {
    const store::ChunkInfo info = log_->info(index);
    if (column != static_cast<size_t>(LogColumn::timestamp) || !info.all_timed) return std::nullopt;
    return std::pair(info.min_time, info.max_time);
  }
  bool may_hold_text(size_t index, size_t column, std::string_view text) const override {
    if (column != static_cast<size_t>(LogColumn::level)) return true;
    const auto* level = std::find(std::begin(level_names), std::end(level_names), text);
    return level != std::end(level_names) && (log_->info(index).levels >> (level - level_names) & 1) != 0;
  }
  bool may_hold_word(size_t index, size_t column, std::string_view word) const override {
    const bool text = column != any_column && columns::is_text(schema()[column].type);
    // Times and numbers read as text have digits, and the T and Z of 2026-01-31T12:00:00.0000000Z.
    const bool only_text = text || (column == any_column && word.find_first_not_of("0123456789TtZz") != word.npos);
    return !only_text || log_->may_hold_term(index, word);
  }
  RowId first_row(size_t index) const override { return log_->info(index).first_row; }
  std::optional<size_t> n_rows(size_t index) const override { return log_->info(index).n_rows; }

 protected:
  std::shared_ptr<const store::LogSnapshot> log_;

 private:
  // Template ids with those of merged ones replaced by their leader's.
  Column led(const Column& ids) const {
    Column out(ids.type());
    for (size_t row = 0; row < ids.n_rows(); ++row)
      ids.is_null(row) ? out.push_null() : out.push_i64(groups_.leader_of(static_cast<uint32_t>(ids.i64(row))));
    return out;
  }

  TemplateGroups groups_;
};

// The records of one source.
class SourceTable final : public LogTable {
 public:
  SourceTable(std::shared_ptr<const store::LogSnapshot> log, const TemplateGroups& groups, uint32_t source)
      : LogTable(std::move(log), groups), source_(source) {}
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

// One for each group: counts added up, the whole span of time.
std::vector<Template> merged_templates(const std::vector<Template>& templates, const TemplateGroups& groups) {
  std::vector<Template> merged;
  for (const Template& t : templates) {
    if (groups.leader_of(t.id) != t.id) continue;
    Template& sum = merged.emplace_back(t);
    for (const uint32_t id : groups.members_of(t.id)) {
      if (id == t.id || id >= templates.size()) continue;
      const Template& member = templates[id];
      sum.count += member.count;
      if (member.first_time != no_time && (sum.first_time == no_time || member.first_time < sum.first_time)) sum.first_time = member.first_time;
      sum.last_time = std::max(sum.last_time, member.last_time);
    }
  }
  return merged;
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

Column& push_time(Column& column, Ticks time) {
  time == no_time ? column.push_null() : column.push_i64(time);
  return column;
}

std::shared_ptr<const kql::Table> session_table(const std::vector<SessionInfo>& sessions) {
  Column id(Type::int64), title(Type::string), created(Type::datetime), changed(Type::datetime), pinned(Type::boolean),
      archived(Type::boolean), tags(Type::dynamic), records(Type::int64), findings(Type::int64), messages(Type::int64),
      queries(Type::int64), worst(Type::string);
  for (const SessionInfo& s : sessions) {
    id.push_i64(s.id);
    title.push_text(s.title);
    push_time(created, s.created);
    push_time(changed, s.changed);
    pinned.push_i64(s.pinned);
    archived.push_i64(s.archived);
    kql::Json list = kql::Json::array();
    for (const std::string& tag : s.tags) list.items.push_back(kql::Json::of(tag));
    tags.push_text(kql::json_text(list));
    records.push_i64(static_cast<int64_t>(s.n_records));
    findings.push_i64(static_cast<int64_t>(s.n_findings));
    messages.push_i64(static_cast<int64_t>(s.n_messages));
    queries.push_i64(static_cast<int64_t>(s.n_queries));
    worst.push_text(s.n_findings > 0 ? severity_names[static_cast<int>(s.worst)] : "");
  }
  return one_chunk_table({{"Session", Type::int64}, {"Title", Type::string}, {"Created", Type::datetime}, {"Changed", Type::datetime},
                          {"Pinned", Type::boolean}, {"Archived", Type::boolean}, {"Tags", Type::dynamic}, {"Records", Type::int64},
                          {"Findings", Type::int64}, {"Messages", Type::int64}, {"Queries", Type::int64}, {"Worst", Type::string}},
                         {id, title, created, changed, pinned, archived, tags, records, findings, messages, queries, worst});
}

std::shared_ptr<const kql::Table> run_table(const std::vector<store::TaskRun>& runs) {
  Column id(Type::int64), task(Type::string), dataset(Type::string), model(Type::string), state(Type::string), started(Type::datetime),
      finished(Type::datetime), samples(Type::int64), done(Type::int64), metrics(Type::dynamic), error(Type::string);
  for (const store::TaskRun& r : runs) {
    id.push_i64(r.id);
    task.push_text(r.task);
    dataset.push_text(r.dataset);
    model.push_text(r.model);
    state.push_text(r.state);
    push_time(started, r.started);
    push_time(finished, r.finished);
    samples.push_i64(static_cast<int64_t>(r.n_samples));
    done.push_i64(static_cast<int64_t>(r.n_done));
    metrics.push_text(r.metrics);
    error.push_text(r.error);
  }
  return one_chunk_table({{"Run", Type::int64}, {"Task", Type::string}, {"Dataset", Type::string}, {"Model", Type::string},
                          {"State", Type::string}, {"Started", Type::datetime}, {"Finished", Type::datetime}, {"Samples", Type::int64},
                          {"Done", Type::int64}, {"Metrics", Type::dynamic}, {"Error", Type::string}},
                         {id, task, dataset, model, state, started, finished, samples, done, metrics, error});
}

// The samples of all runs; a run is a chunk (or several), read when it is asked for.
class ResultsTable final : public kql::Table {
 public:
  explicit ResultsTable(store::Database& database)
      : runs_of_(database), schema_{{"Run", Type::int64}, {"Task", Type::string}, {"Number", Type::int64}, {"Input", Type::string},
                                     {"Expected", Type::string}, {"Output", Type::string}, {"ParseState", Type::string},
                                     {"Failure", Type::string}, {"Score", Type::real}, {"Ms", Type::real}, {"Details", Type::dynamic}} {
    runs_ = runs_of_.list();
  }
  const columns::Schema& schema() const override { return schema_; }
  size_t n_chunks() const override { return runs_.size(); }
  bool may_hold(size_t index, size_t column, int64_t min, int64_t max) const override {
    return column != 0 || (min <= runs_[index].id && runs_[index].id <= max);
  }
  std::shared_ptr<const columns::Chunk> chunk(size_t index) const override {
    Column run(Type::int64), task(Type::string), number(Type::int64), input(Type::string), expected(Type::string), output(Type::string),
        parse_state(Type::string), failure(Type::string), score(Type::real), ms(Type::real), details(Type::dynamic);
    for (const store::TaskSample& s : runs_of_.samples(runs_[index].id)) {
      run.push_i64(runs_[index].id);
      task.push_text(runs_[index].task);
      number.push_i64(static_cast<int64_t>(s.number));
      input.push_text(s.input);
      expected.push_text(s.expected);
      output.push_text(s.output);
      parse_state.push_text(s.parse_state);
      failure.push_text(s.failure);
      score.push_f64(s.score);
      ms.push_f64(s.ms);
      details.push_text(s.details);
    }
    auto chunk = std::make_shared<columns::Chunk>();
    chunk->n_rows = run.n_rows();
    chunk->columns = {run, task, number, input, expected, output, parse_state, failure, score, ms, details};
    return chunk;
  }

 private:
  store::RunStore runs_of_;
  columns::Schema schema_;
  std::vector<store::TaskRun> runs_;
};

}  // namespace

kql::Tables make_log_tables(std::shared_ptr<const store::LogSnapshot> log, const TemplateGroups& groups) {
  kql::Tables tables;
  std::set<std::string> taken = {"Logs", "Templates", "Findings", "Configs"};
  tables.add("Logs", std::make_shared<LogTable>(log, groups), "every record of this session");
  tables.add("Templates", template_table(groups.empty() ? log->templates() : merged_templates(log->templates(), groups)), "mined message shapes");
  for (const Source& source : log->sources()) {
    const std::string base = identifier(source.name);
    std::string name = base;
    for (int n = 2; !taken.insert(name).second; ++n) name = base + "_" + std::to_string(n);
    tables.add(name, std::make_shared<SourceTable>(log, groups, source.id), "records of " + (source.path.empty() ? source.name : source.path), "Logs");
  }
  return tables;
}

void add_finding_tables(kql::Tables& tables, std::span<const Finding> findings, std::span<const ConfigFinding> configs) {
  tables.add("Findings", finding_table(findings), "what the checks found");
  tables.add("Configs", config_table(configs), "findings of config reviews");
}

void add_application_tables(kql::Tables& tables, store::Database& database) {
  tables.add_apart("Sessions", session_table(store::SessionStore(database).list(store::ListFilter::all)), "all stored sessions");
  tables.add_apart("TaskRuns", run_table(store::RunStore(database).list()), "benchmark runs");
  tables.add_apart("TaskResults", std::make_shared<ResultsTable>(database), "samples of the benchmark runs");
}

std::string saved_functions(const std::string& data_folder) {
  std::ifstream file(data_folder + "/functions.kql", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace app
