// KQL, config reviews and task runs of the current session.
#include <algorithm>
#include <utility>

#include "app/aimicius/task.h"
#include "app/app_state.h"
#include "app/configs/review.h"
#include "app/kql/log_table.h"
#include "app/system.h"
#include "engine/base/error.h"

namespace app {
namespace {

constexpr size_t max_config_bytes = 32u << 20;
constexpr uint64_t shown_rows = 500'000;

using columns::Column;
using columns::Type;

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

std::shared_ptr<const kql::Table> finding_table(const std::vector<Finding>& findings) {
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

std::shared_ptr<const kql::Table> config_table(const std::vector<ConfigReview>& reviews) {
  Column file(Type::string), kind(Type::string), line(Type::int64), rule(Type::string), severity(Type::string),
      message(Type::string);
  for (const ConfigReview& review : reviews) {
    for (const ConfigFinding& f : review.findings) {
      file.push_text(f.file);
      kind.push_text(f.kind);
      line.push_i64(f.line);
      rule.push_text(f.rule);
      severity.push_text(severity_names[static_cast<int>(f.severity)]);
      message.push_text(f.message);
    }
  }
  return one_chunk_table({{"File", Type::string}, {"Kind", Type::string}, {"Line", Type::int64}, {"Rule", Type::string},
                          {"Severity", Type::string}, {"Message", Type::string}},
                         {file, kind, line, rule, severity, message});
}

kql::Tables tables_of(OpenSession& session) {
  const std::shared_ptr<const store::LogSnapshot> log = session.log->snapshot();
  kql::Tables tables;
  tables.add("Logs", kql::make_log_table(log), "every record of this session");
  tables.add("Templates", template_table(log->templates()), "mined message shapes");
  const std::lock_guard lock(session.mutex);
  tables.add("Findings", finding_table(session.findings), "what the checks found");
  tables.add("Configs", config_table(session.reviews), "findings of config reviews");
  return tables;
}

}  // namespace

// --- KQL

void App::State::publish_kql(OpenSession& session) {
  if (!is_current(session)) return;
  KqlView view;
  const kql::Tables tables = tables_of(session);
  {
    const std::lock_guard lock(session.mutex);
    view = session.kql;
    view.log_changed = view.result != nullptr && session.log->snapshot()->n_rows() != session.kql_rows;
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
  const auto finish = [&s, session, text](std::shared_ptr<const kql::ResultTable> result, const std::string& error) {
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
      }
      view.history.insert(view.history.begin(),
                          {stored.id, text, stored.time, stored.n_rows, stored.ms / 1000, stored.error});
      session->kql_rows = stored.data_version;
    }
    s.publish_kql(*session);
  };
  s.jobs->start(
      "query", "query", "Running the query",
      [session, text, finish](Job& job) {
        kql::RunOptions options;
        options.row_limit = shown_rows;
        options.stop = job.stop();
        finish(std::make_shared<const kql::ResultTable>(kql::run(text, tables_of(*session), options)), {});
      },
      [finish](const std::string& error) { finish(nullptr, error); });
}

void App::check_query(const std::string& text) {
  State& s = *state_;
  if (!s.current) return;
  s.guard("Checking the query", [&] {
    std::vector<kql::Diagnostic> found = kql::check(text, tables_of(*s.current));
    {
      const std::lock_guard lock(s.current->mutex);
      s.current->kql.diagnostics = std::move(found);
    }
    s.publish_kql(*s.current);
  });
}

void App::stop_query() { state_->jobs->cancel_kind("query"); }

// --- configs

void App::State::publish_configs(OpenSession& session) {
  if (!is_current(session)) return;
  ConfigsView view;
  {
    const std::lock_guard lock(session.mutex);
    view.reviews = session.reviews;
    view.running = session.reviewing;
  }
  set(configs_view, std::move(view));
}

namespace {

ConfigReview review_one(const std::string& name, const std::string& text, const std::string& kind) {
  ConfigReview review;
  review.file = name;
  review.text = text;
  try {
    configs::ReviewResult result = configs::review(name, text, kind);
    review.kind = result.kind;
    review.findings = std::move(result.findings);
    review.notes = std::move(result.notes);
    if (review.kind.empty()) review.error = name + ": no known kind of config; choose its kind";
  } catch (const engine::Error& e) {
    review.error = e.what();
  }
  return review;
}

}  // namespace

void App::review_config_paths(const std::vector<std::string>& paths) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session || paths.empty()) return;
  {
    const std::lock_guard lock(session->mutex);
    session->reviewing = true;
  }
  s.publish_configs(*session);
  s.jobs->start("work", "config", "Reviewing configs", [&s, session, paths](Job& job) {
    for (size_t i = 0; i < paths.size() && !job.stop().stop_requested(); ++i) {
      job.progress(static_cast<double>(i) / static_cast<double>(paths.size()));
      ConfigReview review;
      try {
        review = review_one(paths[i], read_whole_file(paths[i], max_config_bytes), {});
      } catch (const engine::Error& e) {
        review.file = paths[i];
        review.error = e.what();
      }
      s.keep_review(*session, std::move(review));
    }
    {
      const std::lock_guard lock(session->mutex);
      session->reviewing = false;
    }
    s.publish_configs(*session);
  });
}

void App::review_config_text(const std::string& name, const std::string& text, const std::string& kind) {
  State& s = *state_;
  const SessionPtr session = s.current;
  if (!session) return;
  s.jobs->start("work", "config", "Reviewing " + name, [&s, session, name, text, kind](Job&) {
    s.keep_review(*session, review_one(name, text, kind));
  });
}

void App::State::keep_review(OpenSession& session, ConfigReview review) {
  if (review.error.empty()) {
    store::ConfigReview stored;
    stored.time = store::now_ticks();
    stored.files = {{review.file, review.kind, review.text}};
    stored.findings = review.findings;
    review.id = sessions->save_review(session.id, stored);
  }
  {
    const std::lock_guard lock(session.mutex);
    std::erase_if(session.reviews, [&](const ConfigReview& old) { return old.file == review.file; });
    session.reviews.insert(session.reviews.begin(), std::move(review));
  }
  publish_configs(session);
}

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
