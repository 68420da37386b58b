#include "app/app.h"

#include <filesystem>
#include <utility>

#include "app/app_state.h"
#include "app/models/catalog.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace app {
namespace {

constexpr const char* settings_key = "settings";
constexpr const char* last_session_key = "last_session";
constexpr const char* untitled = "New incident";
// Removed sessions are kept this long for undo, then leave the disk.
constexpr Ticks removed_kept = 7 * 86400 * ticks_per_second;

std::string make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    engine::fail(engine::ErrorKind::io, "%s: cannot be created: %s; choose another place with --data-folder",
                 folder.c_str(), error.message().c_str());
  }
  return folder;
}

std::shared_ptr<const store::LogSnapshot> empty_log() {
  static const std::shared_ptr<const store::LogSnapshot> empty = store::make_memory_log_store()->snapshot();
  return empty;
}

}  // namespace

App::State::State(AppOptions chosen) : options(std::move(chosen)) {
  if (!options.on_change) options.on_change = [] {};
  data_folder = make_folder(options.data_folder.empty() ? default_data_folder() : options.data_folder);
  assets_folder = options.assets_folder.empty() ? find_assets_folder() : options.assets_folder;
  database = std::make_unique<store::Database>(data_folder + "/sigmadesk.db");
  sessions = std::make_unique<store::SessionStore>(*database);
  runs = std::make_unique<store::RunStore>(*database);
  runs->close_interrupted();
  sessions->purge_removed(store::now_ticks() - removed_kept);
  auto known_formats = std::make_shared<logs::FormatSet>(logs::FormatSet::load(assets_folder + "/log_formats"));
  add_taught_formats(*known_formats, data_folder);
  formats = std::move(known_formats);
  checks = diagnosis::CheckSet::load(assets_folder + "/checks");
  instructions = diagnosis::load_instructions(assets_folder);

  std::vector<std::string> notes;
  const auto stored = sessions->settings();
  if (const auto found = stored.find(settings_key); found != stored.end()) {
    settings = settings_from_json(found->second, &notes);
  }
  for (const std::string& note : notes) engine::log_warning("%s", note.c_str());

  IncidentView incident;
  incident.log = empty_log();
  incident_view = std::make_shared<const IncidentView>(std::move(incident));
  LogsView logs;
  logs.log = empty_log();
  logs_view = std::make_shared<const LogsView>(std::move(logs));
  jobs = std::make_unique<JobRunner>([this] { changed(); });
}

App::App(AppOptions options) : state_(std::make_unique<State>(std::move(options))) {
  State& s = *state_;
  const auto stored = s.sessions->settings();
  int64_t last = 0;
  if (const auto found = stored.find(last_session_key); found != stored.end()) last = std::atoll(found->second.c_str());
  const std::vector<SessionInfo> all = s.sessions->list();
  if (all.empty() && s.options.open_sample) {
    s.open_sample();
  } else if (last != 0 && s.sessions->info(last)) {
    s.show_session(last);
  } else if (!all.empty()) {
    s.show_session(all.front().id);
  } else {
    s.new_session(untitled);
  }
  if (!s.database->was_closed_cleanly() && s.current) {
    const std::lock_guard lock(s.current->mutex);
    if (s.current->notice.empty()) s.current->notice = "Recovered after an unclean end: everything up to the last second is here.";
  }
  if (s.current) s.publish_all(*s.current);
  s.publish_tasks();
  if (s.options.load_model) {
    refresh_models();
    std::string path = s.settings.model_path;
    if (path.empty() || !std::filesystem::exists(path)) {
      path = models::find_default_model(s.assets_folder, model_folders(s.data_folder, s.assets_folder));
    }
    if (!path.empty()) load_model(path);
  } else {
    refresh_models();
  }
}

App::~App() {
  state_->language.reset();
  // Not reset(): a job that is ending may still reach for the runner to start the next one.
  state_->jobs->close();
}

void App::State::guard(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& e) {
    engine::log_error("%s: %s", what, e.what());
    if (!current) return;
    {
      const std::lock_guard lock(current->mutex);
      current->error = std::string(what) + ": " + e.what();
    }
    publish_incident(*current);
  }
}

// --- views

std::shared_ptr<const SessionsView> App::sessions() const { return state_->get(state_->sessions_view); }
std::shared_ptr<const IncidentView> App::incident() const { return state_->get(state_->incident_view); }
std::shared_ptr<const LogsView> App::logs() const { return state_->get(state_->logs_view); }
std::shared_ptr<const KqlView> App::kql() const { return state_->get(state_->kql_view); }
std::shared_ptr<const ConfigsView> App::configs() const { return state_->get(state_->configs_view); }
std::shared_ptr<const TasksView> App::tasks() const { return state_->get(state_->tasks_view); }
std::shared_ptr<const ModelsView> App::models() const { return state_->get(state_->models_view); }
const Settings& App::settings() const { return state_->settings; }
const std::string& App::data_folder() const { return state_->data_folder; }

Settings App::State::settings_now() const {
  const std::lock_guard lock(view_mutex);
  return settings;
}

bool App::State::is_current(const OpenSession& session) const {
  const std::lock_guard lock(view_mutex);
  return current_id == session.id;
}

void App::State::publish_sessions() {
  SessionsView view;
  {
    const std::lock_guard lock(view_mutex);
    view.search = session_search;
    view.current = current_id;
    view.last_deleted = last_deleted;
  }
  if (view.search.empty()) {
    view.sessions = sessions->list(store::ListFilter::all);
  } else {
    try {
      for (store::SearchHit& hit : sessions->search(view.search)) view.sessions.push_back(std::move(hit.session));
    } catch (const engine::Error& e) {
      // Half-typed filters ("before:20") are normal while the user writes.
      engine::log_info("session search: %s", e.what());
      view.sessions = sessions->list(store::ListFilter::all);
    }
  }
  set(sessions_view, std::move(view));
}

void App::State::publish_incident(OpenSession& session) {
  if (!is_current(session)) return;
  IncidentView view;
  view.session = session.id;
  view.log = session.log->snapshot();
  {
    const std::lock_guard lock(session.mutex);
    view.title = session.title;
    view.findings = session.findings;
    view.checks = session.checks;
    view.anomalies = session.anomalies;
    view.evidence = session.evidence;
    const std::vector<size_t> shown = shown_messages(session);
    for (const size_t place : shown) view.messages.push_back(session.messages[place]);
    view.branches = branches_of(session, shown);
    view.pinned_answer = session.pinned_answer;
    view.streaming_text = session.streaming_text;
    view.streaming_stage = session.streaming_stage;
    view.answering = session.answering;
    view.checks_running = session.checks_running;
    view.draft = session.draft;
    view.notice = session.notice;
    view.error = session.error;
  }
  set(incident_view, std::move(view));
}

void App::State::publish_logs(OpenSession& session) {
  if (!is_current(session)) return;
  LogsView view;
  view.log = session.log->snapshot();
  {
    const std::lock_guard lock(session.mutex);
    view.filter = session.filter;
    view.rows = session.filtered.rows;
    view.histogram = session.filtered.histogram;
    view.whole = session.whole;
    view.zoomed = session.zoomed;
    view.facets = session.filtered.facets;
    view.counting_fields = session.counting_fields;
    for (size_t c = 0; c < view.filter.chips.size() && c < session.filtered.chip_hits.size(); ++c) {
      view.filter.chips[c].n_hits = session.filtered.chip_hits[c];
    }
    view.anomalies = session.anomalies;
    view.filtering = session.filtering;
    view.error = session.filter_error;
  }
  set(logs_view, std::move(view));
}

void App::State::publish_all(OpenSession& session) {
  publish_sessions();
  publish_incident(session);
  publish_logs(session);
  publish_kql(session);
  publish_configs(session);
}

// --- sessions

SessionPtr App::State::open_session(int64_t id) {
  if (SessionPtr known = open[id].lock()) return known;
  store::Session stored = sessions->load(id);
  auto session = std::make_shared<OpenSession>();
  session->id = id;
  session->log = store::open_log_store(*database, id);
  session->title = stored.info.title;
  session->findings = std::move(stored.findings);
  session->checks = std::move(stored.checks);
  session->anomalies = std::move(stored.anomalies);
  session->messages = std::move(stored.messages);
  session->draft = stored.state["draft"];
  session->notice = stored.state["notice"];
  branches_from_text(*session, stored.state["branches"]);
  if (const std::string& pinned = stored.state["report.answer"]; !pinned.empty()) {
    const size_t place = static_cast<size_t>(std::atoll(pinned.c_str()));
    if (place < session->messages.size()) session->pinned_answer = session->messages[place].id;
  }
  session->view_state = std::move(stored.state);
  for (auto message = session->messages.rbegin(); message != session->messages.rend(); ++message) {
    if (!message->answer) continue;
    session->evidence = sessions->evidence(message->id);
    break;
  }
  for (const store::StoredQuery& query : stored.queries) {
    session->kql.history.push_back({query.id, query.text, query.time, query.n_rows, query.ms / 1000, query.error, query.data_version});
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
      session->reviews.push_back(std::move(shown));
    }
  }
  open[id] = session;
  return session;
}

SessionPtr App::State::show_session(int64_t id) {
  SessionPtr session = open_session(id);
  current = session;
  {
    const std::lock_guard lock(view_mutex);
    current_id = id;
  }
  // What was asked of the session before belongs to that one.
  set(compare_view, CompareView());
  set(format_view, FormatView());
  set(query_help_view, QueryHelpView());
  set(preview_view, PromptPreview());
  sessions->set_setting(last_session_key, std::to_string(id));
  publish_all(*session);
  start_filter(session);
  return session;
}

void App::State::new_session(const std::string& title) { show_session(sessions->create(title)); }

void App::new_session() {
  state_->guard("New session", [&] { state_->new_session(untitled); });
}

void App::open_sample() {
  state_->guard("Opening the sample", [&] { state_->open_sample(); });
}

void App::open_session(int64_t id) {
  state_->guard("Opening the session", [&] { state_->show_session(id); });
}

void App::rename_session(int64_t id, const std::string& title) {
  state_->guard("Renaming", [&] {
    state_->sessions->rename(id, title);
    if (state_->current && state_->current->id == id) {
      {
        const std::lock_guard lock(state_->current->mutex);
        state_->current->title = title;
      }
      state_->publish_incident(*state_->current);
    }
    state_->publish_sessions();
  });
}

void App::pin_session(int64_t id, bool pinned) {
  state_->guard("Pinning", [&] {
    state_->sessions->set_pinned(id, pinned);
    state_->publish_sessions();
  });
}

void App::archive_session(int64_t id, bool archived) {
  state_->guard("Archiving", [&] {
    state_->sessions->set_archived(id, archived);
    state_->publish_sessions();
  });
}

void App::tag_session(int64_t id, const std::vector<std::string>& tags) {
  state_->guard("Tagging", [&] {
    state_->sessions->set_tags(id, tags);
    state_->publish_sessions();
  });
}

void App::duplicate_session(int64_t id) {
  state_->guard("Duplicating", [&] {
    const auto info = state_->sessions->info(id);
    if (!info) return;
    if (const SessionPtr known = state_->open[id].lock()) known->log->flush();
    state_->show_session(state_->sessions->duplicate(id, info->title + " (copy)"));
  });
}

void App::delete_session(int64_t id) {
  state_->guard("Deleting", [&] {
    State& s = *state_;
    s.sessions->remove(id);
    {
      const std::lock_guard lock(s.view_mutex);
      s.last_deleted = id;
    }
    if (s.current && s.current->id == id) {
      const std::vector<SessionInfo> left = s.sessions->list();
      left.empty() ? s.new_session(untitled) : (void)s.show_session(left.front().id);
    }
    s.publish_sessions();
  });
}

void App::undo_delete_session() {
  state_->guard("Undo", [&] {
    State& s = *state_;
    int64_t id = 0;
    {
      const std::lock_guard lock(s.view_mutex);
      id = std::exchange(s.last_deleted, 0);
    }
    if (id == 0) return;
    s.sessions->restore(id);
    s.show_session(id);
  });
}

void App::search_sessions(const std::string& text) {
  state_->guard("Searching", [&] {
    {
      const std::lock_guard lock(state_->view_mutex);
      state_->session_search = text;
    }
    state_->publish_sessions();
  });
}

void App::export_session(int64_t id, const std::string& path) {
  State& s = *state_;
  if (const SessionPtr known = s.open[id].lock()) {
    s.guard("Exporting", [&] { known->log->flush(); });
  }
  s.jobs->start("work", "export", "Exporting to " + path,
                [&s, id, path](Job&) { store::export_session(*s.database, id, path); });
}

void App::import_session(const std::string& path) {
  state_->guard("Importing", [&] { state_->show_session(store::import_session(*state_->database, path)); });
}

void App::set_draft(const std::string& text) {
  State& s = *state_;
  if (!s.current) return;
  s.guard("Saving the draft", [&] {
    {
      const std::lock_guard lock(s.current->mutex);
      if (s.current->draft == text) return;
      s.current->draft = text;
    }
    s.sessions->set_state(s.current->id, "draft", text);
  });
}

void App::cancel_job(int64_t id) { state_->jobs->cancel(id); }

void App::change_settings(const Settings& settings) {
  state_->guard("Saving the settings", [&] {
    {
      const std::lock_guard lock(state_->view_mutex);
      state_->settings = settings;
    }
    state_->sessions->set_setting(settings_key, to_json(settings));
  });
  state_->changed();
}

}  // namespace app
