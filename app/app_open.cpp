// Opening a session: a job reads it, the frame's thread shows it. What the user asks of it meanwhile is
// done when it is there.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "app/app_state.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {
namespace {

constexpr const char* untitled = "New incident";
constexpr const char* last_session_key = "last_session";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

void say(Job* job, double fraction, const std::string& stage, const std::string& count = {}) {
  if (job == nullptr) return;
  if (job->stop().stop_requested()) engine::fail(engine::ErrorKind::cancelled, "opening was cancelled");
  job->progress(fraction, stage, count);
}

// A job that just ended may still be writing the log's last rows: its claim ends with that.
std::unique_ptr<store::LogStore> open_log(store::Database& database, int64_t id, Job* job) {
  constexpr auto pause = std::chrono::milliseconds(20);
  constexpr int most_tries = 500;
  for (int n = 1;; ++n) {
    try {
      return store::open_log_store(database, id);
    } catch (const engine::Error& e) {
      if (e.kind() != engine::ErrorKind::busy || job == nullptr || n == most_tries) throw;
    }
    say(job, -1, "waiting for its last lines to be written");
    std::this_thread::sleep_for(pause);
  }
}

void take_stored(OpenSession& session, store::Session stored) {
  session.title = stored.info.title;
  session.findings = std::move(stored.findings);
  session.checks = std::move(stored.checks);
  session.anomalies = std::move(stored.anomalies);
  session.messages = std::move(stored.messages);
  session.draft = stored.state["draft"];
  session.notice = stored.state["notice"];
  session.error = stored.state["error"];
  session.reading_notes = lines_of(stored.state["notes.reading"]);
  session.check_notes = lines_of(stored.state["notes.checks"]);
  session.lines_only = !stored.state["lines_only"].empty();
  session.packing = packing_from_text(stored.state["packing"]);
  if (const std::string& cut_off = stored.state["reading"]; !cut_off.empty()) {
    session.cut_off = true;
    session.notice = cut_off + " was not read to its end, as the program ended before: " +
                      std::to_string(session.log->snapshot()->n_rows()) + " records are here.";
  }
  branches_from_text(session, stored.state["branches"]);
  attached_from_text(session, stored.state["attached"]);
  session.groups = TemplateGroups::from_text(stored.state[template_edits_key]);
  if (const std::string& pinned = stored.state["report.answer"]; !pinned.empty()) {
    const size_t place = static_cast<size_t>(std::atoll(pinned.c_str()));
    if (place < session.messages.size()) session.pinned_answer = session.messages[place].id;
  }
  session.view_state = std::move(stored.state);
  for (const store::StoredQuery& query : stored.queries) {
    session.kql.history.push_back({query.id, query.text, query.time, query.n_rows, query.ms / 1000, query.error, query.data_version});
  }
  for (const store::ConfigReview& review : stored.reviews) {
    for (const store::ConfigFile& file : review.files) {
      ConfigReview shown;
      shown.id = review.id;
      shown.file = file.name;
      shown.kind = file.kind;
      shown.text = file.text;
      for (const ConfigFinding& finding : review.findings) {
        if (finding.file == file.name) shown.findings.push_back(finding);
      }
      shown.time = review.time;
      mask_secrets(shown);
      add_older_review(session, std::move(shown));
    }
  }
}

}  // namespace

SessionPtr App::State::read_session(int64_t id, Job* job) {
  {
    const std::lock_guard lock(view_mutex);
    if (SessionPtr known = last_read.lock(); known && known->id == id) return known;
  }
  auto session = std::make_shared<OpenSession>();
  session->id = id;
  say(job, 0, "conversation and findings");
  store::Session stored = sessions->load(id);
  say(job, 0.4, "log", std::to_string(stored.info.n_records) + " records");
  session->log = open_log(*database, id, job);
  say(job, 0.8, "evidence");
  take_stored(*session, std::move(stored));
  for (auto message = session->messages.rbegin(); message != session->messages.rend(); ++message) {
    if (!message->answer) continue;
    session->evidence = sessions->evidence(message->id);
    break;
  }
  say(job, 1, "ready");
  const std::lock_guard lock(view_mutex);
  last_read = session;
  return session;
}

void App::State::open_session(int64_t id) {
  if (const SessionPtr known = open[id].lock()) {
    stop_opening();
    return show_session(known);
  }
  {
    const std::lock_guard lock(view_mutex);
    if (opening == id) return;
  }
  const auto info = sessions->info(id);
  if (!info) engine::fail(engine::ErrorKind::not_found, "session %lld is not there any more", static_cast<long long>(id));
  if (opening_job != 0) jobs->cancel(opening_job);
  {
    const std::lock_guard lock(view_mutex);
    opening = id;
  }
  opening_job = jobs->start(
      "open", "open", "Opening \"" + info->title + "\"",
      [this, id](Job& job) {
        const SessionPtr session = read_session(id, &job);
        later([this, session, number = job.id()] { guard("Opening the session", [&] { opened(number, session); }); });
      },
      [this, id](const std::string& error) {
        later([this, id, error] {
          guard("Opening the session", [&] {
            {
              const std::lock_guard lock(view_mutex);
              session_errors[id] = error;
              if (opening != id) return;
            }
            stop_opening();
            if (current) set_error(*current, "A session could not be opened: " + error);
          });
        });
      },
      id);
  publish_sessions();
}

// By then the user may want another one.
void App::State::opened(int64_t job, const SessionPtr& session) {
  if (job != opening_job) return;
  opening_job = 0;
  {
    const std::lock_guard lock(view_mutex);
    opening = 0;
  }
  show_session(session);
  for (const auto& work : std::exchange(after_opening, {})) work();
}

void App::State::stop_opening() {
  if (opening_job == 0) return;
  jobs->cancel(std::exchange(opening_job, 0));
  {
    const std::lock_guard lock(view_mutex);
    opening = 0;
  }
  const auto work = std::exchange(after_opening, {});
  if (!current && !work.empty()) new_session(untitled);
  else if (!current) show_none();
  for (const auto& piece : work) piece();
  publish_sessions();
}

void App::State::with_session(std::function<void()> work) {
  if (opening_job != 0) return after_opening.push_back(std::move(work));
  if (!current) guard("New session", [&] { new_session(untitled); });
  if (current) work();
}

void App::State::show_session(const SessionPtr& session) {
  open[session->id] = session;
  current = session;
  {
    const std::lock_guard lock(view_mutex);
    current_id = session->id;
  }
  // What was asked of the session before belongs to that one.
  set(compare_view, CompareView());
  set(format_view, FormatView());
  set(query_help_view, QueryHelpView());
  set(preview_view, PromptPreview());
  set(report_view, ReportPreview());
  sessions->set_setting(last_session_key, std::to_string(session->id));
  publish_all(*session);
  start_filter(session);
  if (std::exchange(session->cut_off, false)) {
    sessions->set_state(session->id, "reading", "");
    set_notice(*session, session->notice);
    start_checks(session, false);
  }
}

// Nothing is open: the one shown is gone and the next is being read, or that was cancelled.
void App::State::show_none() {
  current.reset();
  {
    const std::lock_guard lock(view_mutex);
    current_id = 0;
  }
  const auto log = store::make_memory_log_store()->snapshot();
  IncidentView incident;
  incident.log = log;
  set(incident_view, std::move(incident));
  LogsView logs;
  logs.log = log;
  set(logs_view, std::move(logs));
  set(kql_view, KqlView());
  set(configs_view, ConfigsView());
  publish_sessions();
}

}  // namespace app
