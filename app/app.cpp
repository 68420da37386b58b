#include "app/app.h"

#include <algorithm>
#include <cctype>
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
constexpr const char* running_since_key = "running_since";
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

// "Disk full on db-2.sigma", or with a number where that is there already.
std::string free_name(const std::string& folder, std::string title) {
  for (char& c : title)
    if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c)) && c != ' ' && c != '-' && c != '.') c = '-';
  if (title.empty() || title.front() == '.') title = "session " + title;
  std::string path = folder + "/" + title + ".sigma";
  for (int i = 2; std::filesystem::exists(path); ++i) path = folder + "/" + title + " " + std::to_string(i) + ".sigma";
  return path;
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
  s.session_errors = s.sessions->states("error");
  int64_t last = 0;
  if (const auto found = stored.find(last_session_key); found != stored.end()) last = std::atoll(found->second.c_str());
  // Before a session is shown, which takes up what it had left.
  if (!s.database->was_closed_cleanly()) {
    const auto since = stored.find(running_since_key);
    s.find_recovered(since == stored.end() ? 0 : std::atoll(since->second.c_str()), last);
  }
  s.sessions->set_setting(running_since_key, std::to_string(store::now_ticks()));
  const std::vector<SessionInfo> all = s.sessions->list();
  if (all.empty() && s.options.open_sample) {
    s.open_sample();
  } else if (last != 0 && s.sessions->info(last)) {
    s.open_session(last);
  } else if (!all.empty()) {
    s.open_session(all.front().id);
  } else {
    s.new_session(untitled);
  }
  s.publish_sessions();
  s.with_session([&s] {
    for (const std::string& note : s.database->notes()) s.set_notice(*s.current, note);
  });
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

void App::State::later(std::function<void()> work) {
  {
    const std::lock_guard lock(view_mutex);
    for_ui.push_back(std::move(work));
  }
  changed();
}

void App::finish_jobs() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(state_->view_mutex);
    work.swap(state_->for_ui);
  }
  for (const auto& piece : work) piece();
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
    view.opening = opening;
    view.last_deleted = last_deleted;
    view.errors = session_errors;
    view.recovered = recovered;
    view.hits = search_hits;
  }
  view.sessions = sessions->list(store::ListFilter::all);
  // A search was made by its own job; what it found is listed with the facts of now.
  if (!view.search.empty()) {
    const std::lock_guard lock(view_mutex);
    std::erase_if(view.sessions, [&](const SessionInfo& info) { return !search_found.contains(info.id); });
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
    view.unusual = session.unusual;
    view.evidence = session.evidence;
    view.evidence_templates = session.evidence_templates;
    view.evidence_templates.resize(view.evidence.size(), no_template);
    const std::vector<size_t> shown = shown_messages(session);
    for (const size_t place : shown) view.messages.push_back(session.messages[place]);
    view.branches = branches_of(session, shown);
    for (const size_t place : shown)
      if (const auto found = session.attached.find(place); found != session.attached.end()) view.attachments[session.messages[place].id] = found->second;
    view.pinned_answer = session.pinned_answer;
    view.streaming_text = session.streaming_text;
    view.streaming_stage = session.streaming_stage;
    view.answering = session.answering;
    view.checks_running = session.checks_running;
    view.draft = session.draft;
    view.notice = session.notice;
    view.error = session.error;
    view.notes = session.reading_notes;
    view.notes.insert(view.notes.end(), session.check_notes.begin(), session.check_notes.end());
    view.lines_only = session.lines_only;
    view.packing = session.packing;
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
    // Behind those of columns, before the parsed fields.
    if (Facet templates = template_facet(session.filtered.template_counts, session.groups); !templates.values.empty()) {
      const auto fields = std::find_if(view.facets.begin(), view.facets.end(), [](const Facet& f) { return f.kind == FilterChip::Kind::field; });
      view.facets.insert(fields, std::move(templates));
    }
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

void App::State::new_session(const std::string& title) {
  stop_opening();
  show_session(read_session(sessions->create(title), nullptr));
}

void App::new_session() {
  state_->guard("New session", [&] { state_->new_session(untitled); });
}

void App::open_sample() {
  state_->guard("Opening the sample", [&] { state_->open_sample(); });
}

void App::open_session(int64_t id) {
  state_->guard("Opening the session", [&] { state_->open_session(id); });
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

// Copying a log of millions of lines takes seconds: a job, whose result is shown by finish_jobs().
void App::State::copy_session(int64_t id, const std::string& ending, std::optional<int64_t> up_to_message) {
  const SessionPtr known = open[id].lock();
  const auto info = sessions->info(id);
  if (!info) return;
  jobs->start("copy", "copy", "Copying \"" + info->title + "\"", [this, known, id, title = info->title + ending, up_to_message](Job&) {
    if (known) known->log->flush();
    const int64_t copy = sessions->duplicate(id, title, up_to_message);
    for (const char* key : {"sample", "error", "reading"}) keep_state(copy, key, "");  // these are the original's
    later([this, copy] { guard("Opening the copy", [&] { open_session(copy); }); });
  }, {}, id);
}

void App::duplicate_session(int64_t id) {
  state_->guard("Duplicating", [&] { state_->copy_session(id, " (copy)", std::nullopt); });
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
      s.show_none();
      left.empty() ? s.new_session(untitled) : s.open_session(left.front().id);
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
    s.open_session(id);
  });
}

void App::search_sessions(const std::string& text) {
  State& s = *state_;
  s.jobs->cancel_kind("search");
  if (text.find_first_not_of(' ') == std::string::npos) {
    {
      const std::lock_guard lock(s.view_mutex);
      s.session_search.clear();
      s.search_hits.clear();
      s.search_found.clear();
    }
    return s.guard("Searching", [&] { s.publish_sessions(); });
  }
  // It reads every conversation and query that is stored.
  s.jobs->start("search", "search", "Searching the sessions", [&s, text](Job& job) {
    std::set<int64_t> found;
    std::map<int64_t, std::string> hits;
    try {
      for (const store::SearchHit& hit : s.sessions->search(text)) {
        found.insert(hit.session.id);
        if (!hit.where.empty() && hit.where != "title") hits[hit.session.id] = hit.where + ": " + hit.text;
      }
    } catch (const engine::Error& e) {
      // Half-typed filters ("before:20") are normal while the user writes.
      engine::log_info("session search: %s", e.what());
      for (const SessionInfo& info : s.sessions->list(store::ListFilter::all)) found.insert(info.id);
    }
    if (job.stop().stop_requested()) return;
    {
      const std::lock_guard lock(s.view_mutex);
      s.session_search = text;
      s.search_found = std::move(found);
      s.search_hits = std::move(hits);
    }
    s.publish_sessions();
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

void App::export_sessions(const std::vector<int64_t>& ids, const std::string& folder) {
  State& s = *state_;
  std::vector<std::pair<int64_t, SessionPtr>> chosen;
  for (const int64_t id : ids) chosen.emplace_back(id, s.open[id].lock());
  s.jobs->start("work", "export", "Exporting to " + folder, [&s, chosen, folder](Job& job) {
    std::filesystem::create_directories(folder);
    size_t n_done = 0;
    for (const auto& [id, known] : chosen) {
      if (job.stop().stop_requested()) break;
      const auto info = s.sessions->info(id);
      if (!info) continue;
      if (known) known->log->flush();
      job.progress(double(n_done) / double(chosen.size()), info->title, std::to_string(n_done + 1) + " of " + std::to_string(chosen.size()));
      ++n_done;
      store::export_session(*s.database, id, free_name(folder, info->title));
    }
  });
}

void App::import_session(const std::string& path) {
  State& s = *state_;
  s.jobs->start("copy", "import", "Importing " + path, [&s, path](Job&) {
    const int64_t id = store::import_session(*s.database, path);
    s.later([&s, id] { s.guard("Opening the session", [&] { s.open_session(id); }); });
  });
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

void App::cancel_job(int64_t id) {
  if (id == state_->opening_job) state_->guard("Cancelling", [&] { state_->stop_opening(); });
  else state_->jobs->cancel(id);
}

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
