// KQL and task runs of the current session.
#include <algorithm>
#include <utility>

#include "app/aimicius/task.h"
#include "app/app_state.h"
#include "app/kql/explain.h"
#include "app/log_tables.h"
#include "app/system.h"
#include "engine/base/error.h"

namespace app {
namespace {

constexpr uint64_t shown_rows = 500'000;

}  // namespace

namespace {

// Without a look into the database: what the frame's thread may ask for.
kql::Tables session_tables(OpenSession& session) {
  TemplateGroups groups;
  {
    const std::lock_guard lock(session.mutex);
    groups = session.groups;
  }
  kql::Tables tables = make_log_tables(session.log->snapshot(), groups);
  const std::lock_guard lock(session.mutex);
  std::vector<ConfigFinding> configs;
  for (const ConfigReview& review : session.reviews) configs.insert(configs.end(), review.findings.begin(), review.findings.end());
  add_finding_tables(tables, session.findings, configs);
  return tables;
}

}  // namespace

kql::Tables App::State::tables_of(OpenSession& session) {
  kql::Tables tables = session_tables(session);
  add_application_tables(tables, *database);
  tables.set_functions(saved_functions(data_folder));
  add_servers(tables);
  return tables;
}

// --- KQL

void App::State::publish_kql(OpenSession& session) {
  if (!is_current(session)) return;
  KqlView view;
  const kql::Tables tables = session_tables(session);
  {
    const std::lock_guard lock(session.mutex);
    view = session.kql;
    view.n_log_rows = session.log->snapshot()->n_rows();
    view.log_changed = view.result != nullptr && view.n_log_rows != session.kql_rows;
  }
  for (const std::string& name : tables.names()) view.tables.emplace_back(name, tables.find(name)->table->schema());
  set(kql_view, std::move(view));
}

void App::run_query(const std::string& text) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session || text.empty()) return;
  s.jobs->cancel_kind("query");
  {
    const std::lock_guard lock(session->mutex);
    session->kql.running = true;
    session->kql.error.clear();
  }
  s.publish_kql(*session);
  const auto shown = std::make_shared<bool>(false);  // the first rows are in the view
  const auto finish = [&s, session, text, shown](std::shared_ptr<const kql::ResultTable> result, const std::string& error) {
    store::StoredQuery stored;
    stored.text = text;
    stored.time = store::now_ticks();
    stored.data_version = session->log->snapshot()->n_rows();
    stored.error = error;
    if (result) {
      stored.ms = result->seconds * 1000;
      stored.n_rows = result->n_rows;
      if (result->failed() && !result->diagnostics.empty()) stored.error = result->diagnostics.front().message;
    }
    stored.id = s.sessions->save_query(session->id, stored);
    {
      const std::lock_guard lock(session->mutex);
      KqlView& view = session->kql;
      view.text = text;
      view.running = false;
      view.error = error;
      if (result) {
        view.diagnostics = result->diagnostics;
        view.result = std::move(result);
      } else if (*shown) {
        view.result.reset();  // rows of a query that failed are no answer
      }
      view.history.insert(view.history.begin(),
                          {stored.id, text, stored.time, stored.n_rows, stored.ms / 1000, stored.error, stored.data_version});
      session->kql_rows = stored.data_version;
    }
    s.publish_kql(*session);
  };
  s.jobs->start(
      "query", "query", "Running the query",
      [&s, session, text, shown, finish](Job& job) {
        kql::RunOptions options;
        options.row_limit = shown_rows;
        options.stop = job.stop();
        // The first rows are there to be read while the others are still looked for.
        options.on_rows = [&](const kql::ResultTable& so_far) {
          if (std::exchange(*shown, true)) return;
          {
            const std::lock_guard lock(session->mutex);
            session->kql.text = text;
            session->kql.diagnostics.clear();
            session->kql.result = std::make_shared<const kql::ResultTable>(so_far);
          }
          s.publish_kql(*session);
        };
        const kql::Tables tables = s.tables_of(*session);
        const State::RemoteUse use(s, s.servers_elsewhere(text));
        auto result = std::make_shared<const kql::ResultTable>(kql::run(text, tables, options));
        std::optional<kql::EmptyReason> empty;
        if (kql::found_nothing(*result)) empty = kql::why_empty(text, tables, options);
        {
          const std::lock_guard lock(session->mutex);
          session->kql.empty = std::move(empty);
        }
        finish(std::move(result), {});
      },
      [finish](const std::string& error) { finish(nullptr, error); });
}

std::function<std::shared_ptr<const kql::ResultTable>()> App::whole_result(const std::string& text) const {
  return [state = state_.get(), session = state_->current, text]() -> std::shared_ptr<const kql::ResultTable> {
    if (!session) engine::fail(engine::ErrorKind::not_found, "there is no session to run the query over; open one");
    kql::RunOptions options;
    options.row_limit = UINT32_MAX;
    const kql::Tables tables = state->tables_of(*session);
    const State::RemoteUse use(*state, state->servers_elsewhere(text));
    auto result = std::make_shared<const kql::ResultTable>(kql::run(text, tables, options));
    if (result->failed()) engine::fail(engine::ErrorKind::invalid_input, "the query does not run any more: %s", result->diagnostics.front().message.c_str());
    return result;
  };
}

void App::save_file(const std::string& path, std::function<std::string()> make) {
  state_->jobs->start("work", "export", "Writing " + path, [path, make = std::move(make)](Job&) { write_whole_file(path, make()); });
}

void App::stop_query() { state_->jobs->cancel_kind("query"); }

// --- tasks

void App::State::publish_tasks(const std::string& error) {
  TasksView view;
  for (const aimicius::TaskInfo& task : aimicius::tasks()) view.cards.push_back({task.name, task.title, task.input_format});
  view.runs = runs->list();
  int64_t shown = 0;
  {
    const std::lock_guard lock(view_mutex);
    view.running = scoring;
    shown = shown_run;
  }
  for (const store::TaskRun& run : view.runs) {
    if (run.id != shown) continue;
    view.shown = std::make_shared<const store::TaskRun>(run);
    view.samples = std::make_shared<const std::vector<store::TaskSample>>(runs->samples(run.id));
  }
  view.error = error;
  set(tasks_view, std::move(view));
}

void App::score_predictions(const std::string& task, const std::string& data_path, const std::string& predictions_path) {
  State& s = *state_;
  const auto set_scoring = [&s](bool on) {
    const std::lock_guard lock(s.view_mutex);
    s.scoring = on;
  };
  set_scoring(true);
  s.publish_tasks();
  s.jobs->start(
      "work", "task", "Scoring " + task,
      [&s, set_scoring, task, data_path, predictions_path](Job& job) {
        aimicius::RunRequest request;
        request.task = task;
        request.data_path = data_path;
        request.predictions_path = predictions_path;
        request.stop = job.stop();
        const store::TaskRun run = aimicius::run_task(request, *s.runs);
        {
          const std::lock_guard lock(s.view_mutex);
          s.shown_run = run.id;
        }
        set_scoring(false);
        s.publish_tasks();
      },
      [&s, set_scoring](const std::string& message) {
        set_scoring(false);
        s.publish_tasks(message);
      });
}

void App::show_run(int64_t run) {
  State& s = *state_;
  {
    const std::lock_guard lock(s.view_mutex);
    s.shown_run = run;
  }
  s.guard("Showing the run", [&] { s.publish_tasks(); });
}

}  // namespace app
