#include "app/store/run_store.h"

#include "app/store/database.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

constexpr const char* run_columns =
    "select id, task, dataset, dataset_hash, model, state, error, started, finished, n_samples, metrics, "
    "manifest, (select count(*) from task_sample where run_id = task_run.id) from task_run ";

TaskRun run_at(const Statement& row) {
  TaskRun run;
  run.id = row.i64(0);
  run.task = row.text(1);
  run.dataset = row.text(2);
  run.dataset_hash = row.text(3);
  run.model = row.text(4);
  run.state = row.text(5);
  run.error = row.text(6);
  run.started = row.i64(7);
  run.finished = row.i64(8);
  run.n_samples = row.u64(9);
  run.metrics = row.text(10);
  run.manifest = row.text(11);
  run.n_done = row.u64(12);
  return run;
}

constexpr const char* sample_columns =
    "select number, input, expected, output, parse_state, failure, details, score, ms, prompt_tokens, "
    "generated_tokens from task_sample ";

TaskSample sample_at(const Statement& row) {
  TaskSample sample;
  sample.number = row.u64(0);
  sample.input = row.text(1);
  sample.expected = row.text(2);
  sample.output = row.text(3);
  sample.parse_state = row.text(4);
  sample.failure = row.text(5);
  sample.details = row.text(6);
  sample.score = row.real(7);
  sample.ms = row.real(8);
  sample.prompt_tokens = static_cast<int>(row.i64(9));
  sample.generated_tokens = static_cast<int>(row.i64(10));
  return sample;
}

[[noreturn]] void fail_missing(int64_t run) {
  engine::fail(engine::ErrorKind::not_found, "run %lld is not there; `sigmactl task list` shows those "
               "that are", static_cast<long long>(run));
}

}  // namespace

RunStore::RunStore(Database& database) : database_(database) {}

int64_t RunStore::create(const TaskRun& run) {
  Transaction transaction(database_);
  database_
      .prepare("insert into task_run (task, dataset, dataset_hash, model, state, error, started, "
               "finished, n_samples, metrics, manifest) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(run.task, run.dataset, run.dataset_hash, run.model, run.state, run.error, run.started,
            run.finished, run.n_samples, run.metrics, run.manifest)
      .run();
  const int64_t id = database_.last_insert_id();
  transaction.commit();
  return id;
}

void RunStore::update(const TaskRun& run) {
  Transaction transaction(database_);
  database_
      .prepare("update task_run set task = ?, dataset = ?, dataset_hash = ?, model = ?, state = ?, "
               "error = ?, started = ?, finished = ?, n_samples = ?, metrics = ?, manifest = ? "
               "where id = ?")
      .with(run.task, run.dataset, run.dataset_hash, run.model, run.state, run.error, run.started,
            run.finished, run.n_samples, run.metrics, run.manifest, run.id)
      .run();
  if (database_.n_changes() == 0) fail_missing(run.id);
  transaction.commit();
}

void RunStore::add_samples(int64_t run, const std::vector<TaskSample>& samples) {
  Transaction transaction(database_);
  if (!this->run(run)) fail_missing(run);
  Statement insert = database_.prepare(
      "insert or replace into task_sample (run_id, number, input, expected, output, parse_state, "
      "failure, details, score, ms, prompt_tokens, generated_tokens) "
      "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const TaskSample& s : samples) {
    insert
        .with(run, s.number, s.input, s.expected, s.output, s.parse_state, s.failure, s.details, s.score,
              s.ms, s.prompt_tokens, s.generated_tokens)
        .run();
  }
  transaction.commit();
}

std::vector<TaskRun> RunStore::list(const std::string& task) const {
  Statement row = database_.prepare(std::string(run_columns) +
                                    "where ?1 = '' or task = ?1 order by id desc");
  std::vector<TaskRun> runs;
  for (row.with(task); row.step();) runs.push_back(run_at(row));
  return runs;
}

std::optional<TaskRun> RunStore::run(int64_t id) const {
  Statement row = database_.prepare(std::string(run_columns) + "where id = ?");
  if (!row.with(id).step()) return std::nullopt;
  return run_at(row);
}

std::vector<TaskSample> RunStore::samples(int64_t run) const {
  Statement row = database_.prepare(std::string(sample_columns) + "where run_id = ? order by number");
  std::vector<TaskSample> samples;
  for (row.with(run); row.step();) samples.push_back(sample_at(row));
  return samples;
}

std::optional<TaskSample> RunStore::sample(int64_t run, uint64_t number) const {
  Statement row = database_.prepare(std::string(sample_columns) + "where run_id = ? and number = ?");
  if (!row.with(run, number).step()) return std::nullopt;
  return sample_at(row);
}

void RunStore::remove(int64_t run) {
  Transaction transaction(database_);
  database_.prepare("delete from task_run where id = ?").with(run).run();
  if (database_.n_changes() == 0) fail_missing(run);
  transaction.commit();
}

size_t RunStore::close_interrupted() {
  Transaction transaction(database_);
  database_
      .prepare("update task_run set state = 'cancelled', finished = ?, "
               "error = 'interrupted: the program ended before the run did' where state = 'running'")
      .with(now_ticks())
      .run();
  const auto n = static_cast<size_t>(database_.n_changes());
  transaction.commit();
  return n;
}

}  // namespace app::store
