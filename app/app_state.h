// app/app_state.h: what App owns; private to app/app*.cpp.
//
// Threads: public methods of App come from the UI's thread; jobs run on these lanes:
//   ingest   reads logs, runs checks, writes the log          (one log writer)
//   filter   log filters and histograms
//   model    loads and unloads models, writes answers         (the one thread that owns the model)
//   query    KQL
//   work     configs, tasks, files
// A session's facts are guarded by its mutex; a view is built from them and swapped in whole.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/app.h"
#include "app/diagnosis/checks.h"
#include "app/diagnosis/diagnose.h"
#include "app/diagnosis/report.h"
#include "app/jobs.h"
#include "app/language_service.h"
#include "app/template_groups.h"
#include "app/logs/format.h"
#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/run_store.h"
#include "app/store/session_store.h"
#include "engine/generate/generation.h"

namespace app {

// A session that is open: shown, or still worked on by a job.
struct OpenSession {
  int64_t id = 0;
  std::unique_ptr<store::LogStore> log;

  std::mutex mutex;  // guards all below
  std::string title;
  std::vector<Finding> findings;
  std::vector<CheckResult> checks;
  std::vector<Anomaly> anomalies;
  std::vector<Unusual> unusual;
  std::vector<Evidence> evidence;
  std::vector<uint32_t> evidence_templates;   // of each piece
  std::vector<Message> messages;         // of all branches, in the order they came
  std::map<size_t, size_t> branch_parents;  // message -> the one it follows, where that is not the one before; by place
  std::map<size_t, std::vector<uint32_t>> attached;  // sources that came with a question, by its place
  TemplateGroups groups;                 // of view_state, for jobs
  size_t branch_leaf = SIZE_MAX;         // last message of the branch shown; SIZE_MAX: the last of all
  std::map<std::string, std::string> view_state;  // by the UI's thread alone
  int64_t pinned_answer = 0;
  std::string draft, notice, error;
  std::vector<std::string> reading_notes, check_notes;  // what they left out
  bool lines_only = false;
  Packing packing;
  bool cut_off = false;                  // its reading ended with the program: the checks have still to run
  std::string streaming_text, streaming_stage;
  bool answering = false, checks_running = false;
  LogFilter filter;
  FilterResult filtered;
  bool filtering = false, counting_fields = false;
  std::string filter_error;
  logs::Histogram whole, zoomed;         // of all rows; of the range below
  Ticks zoom_begin = no_time, zoom_end = no_time;
  KqlView kql;
  std::string kql_checked;               // the text that kql.diagnostics are of
  RowId kql_rows = 0;  // rows of the log when the result was made
  std::vector<ConfigReview> reviews;     // newest first, one a file
  std::vector<ConfigReview> earlier;     // versions of those files with another text, newest first
  bool reviewing = false;
};
using SessionPtr = std::shared_ptr<OpenSession>;

// --- app_configs.cpp
// A review from before those that the session holds. Called with the mutex held, or before others see it.
void add_older_review(OpenSession& session, ConfigReview review);
void mask_secrets(ConfigReview& review);   // once for each review

// --- app_formats.cpp
std::string taught_formats_folder(const std::string& data_folder);
void add_taught_formats(logs::FormatSet& formats, const std::string& data_folder);

// --- app_branches.cpp: a conversation whose questions may have alternatives. Under session.mutex.
constexpr size_t no_message = SIZE_MAX;
size_t parent_of(const OpenSession& session, size_t message);
std::vector<size_t> shown_messages(const OpenSession& session);      // places, oldest first
std::map<int64_t, BranchView> branches_of(const OpenSession& session, const std::vector<size_t>& shown);
std::string branches_to_text(const OpenSession& session);
void branches_from_text(OpenSession& session, const std::string& text);

// Sources by the question that they came with, by its place: "0:0,1 4:2".
std::string attached_to_text(const OpenSession& session);
void attached_from_text(OpenSession& session, const std::string& text);
// What came since the last question, or with the one of which the new one is another wording.
std::vector<uint32_t> new_attachments(const OpenSession& session, size_t parent, size_t n_sources);

// --- app_answer.cpp
std::string packing_to_text(const Packing& packing);
Packing packing_from_text(const std::string& text);

struct App::State {
  explicit State(AppOptions chosen);

  // The log, what was found in it and the app's own database, as tables for queries; with the saved functions.
  kql::Tables tables_of(OpenSession& session);

  // --- fixed after construction
  AppOptions options;
  std::string data_folder, assets_folder;
  std::string instructions;          // the system text of a diagnosis
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::SessionStore> sessions;
  std::unique_ptr<store::RunStore> runs;
  std::shared_ptr<const logs::FormatSet> formats;  // bundled and taught; swapped under view_mutex
  diagnosis::CheckSet checks;

  Settings settings;              // written by the UI thread under view_mutex; jobs take settings_now()

  // --- UI thread only
  SessionPtr current;                              // null only while the first one is being opened
  int64_t opening_job = 0;                         // reads the session that is to be shown; 0: none does
  std::vector<std::function<void()>> after_opening;  // asked for meanwhile, of the session that is to come
  std::map<int64_t, std::weak_ptr<OpenSession>> open;
  std::chrono::steady_clock::time_point measured;  // when the next two were
  uint64_t free_memory_bytes = 0;
  std::vector<std::string> connections;

  // --- the model; written on the model lane, read under model_mutex
  std::mutex model_mutex;
  std::shared_ptr<engine::LanguageModel> model;
  std::unique_ptr<engine::GenerationSession> generation;  // model lane only
  std::string model_path, loading_path, loading_stage, model_error, failed_path;
  double loading_fraction = -1;
  int n_ctx = 0, context_used = 0;
  double tokens_per_second = 0, first_token_ms = 0;
  std::map<std::string, ModelCheck> model_checks;  // by path
  std::map<std::string, ModelTest> model_tests;
  bool model_tests_read = false, testing_model = false;

  // --- servers that queries can name, under connections_mutex
  struct KnownServer {
    connectors::Connection connection;
    std::shared_ptr<const connectors::Server> server;
  };
  // Counts as "something leaves this machine" while it lives.
  class RemoteUse {
   public:
    RemoteUse(State& state, std::vector<std::string> names);
    ~RemoteUse();
    RemoteUse(const RemoteUse&) = delete;
    RemoteUse& operator=(const RemoteUse&) = delete;

   private:
    State& state_;
    std::vector<std::string> names_;
  };
  mutable std::mutex connections_mutex;
  std::map<std::string, KnownServer> servers;
  std::map<std::string, ConnectionTest> connection_tests;
  std::map<std::string, int> remote_uses;   // by name, of connections to other machines
  std::optional<std::pair<connectors::Connection, std::string>> removed_connection;   // with its secret
  std::string connections_error;
  std::shared_ptr<const ConnectionsView> connections_view = std::make_shared<ConnectionsView>();   // under view_mutex
  void publish_connections();
  void change_connections(const std::string& title, std::function<void()> change);
  std::string add_servers(kql::Tables& tables);   // what cluster("name") means; gives what cannot be used
  std::vector<std::string> servers_elsewhere(const std::string& query) const;

  // --- views, swapped under view_mutex
  mutable std::mutex view_mutex;
  std::shared_ptr<const SessionsView> sessions_view = std::make_shared<SessionsView>();
  std::shared_ptr<const IncidentView> incident_view;
  std::shared_ptr<const LogsView> logs_view;
  std::shared_ptr<const KqlView> kql_view = std::make_shared<KqlView>();
  std::shared_ptr<const QueryHelpView> query_help_view = std::make_shared<QueryHelpView>();
  std::shared_ptr<const WordsView> words_view = std::make_shared<WordsView>();
  std::shared_ptr<const CompareView> compare_view = std::make_shared<CompareView>();
  std::shared_ptr<const ParametersView> parameters_view = std::make_shared<ParametersView>();
  std::shared_ptr<const FormatView> format_view = std::make_shared<FormatView>();
  std::shared_ptr<const EncodingView> encoding_view = std::make_shared<EncodingView>();
  std::shared_ptr<const PromptPreview> preview_view = std::make_shared<PromptPreview>();
  std::weak_ptr<OpenSession> language_session;  // whose tables the language service reads
  std::shared_ptr<const ConfigsView> configs_view = std::make_shared<ConfigsView>();
  std::shared_ptr<const TasksView> tasks_view = std::make_shared<TasksView>();
  std::shared_ptr<const ModelsView> models_view = std::make_shared<ModelsView>();
  int64_t current_id = 0;  // of the session whose views are shown
  int64_t opening = 0;     // of the one that is being read
  std::weak_ptr<OpenSession> last_read;  // by the job that reads sessions, perhaps not yet taken over
  std::string session_search;
  std::map<int64_t, std::string> search_hits;
  std::set<int64_t> search_found;
  std::map<int64_t, std::string> session_errors;
  std::vector<std::function<void()>> for_ui;  // left by jobs for finish_jobs()
  int64_t last_deleted = 0;
  Recovered recovered;
  std::map<int64_t, std::string> discarded_drafts;  // of discard_recovered(), for its undo; UI thread only
  std::shared_ptr<const ReportPreview> report_view = std::make_shared<ReportPreview>();

  // Last, so that its threads end before anything they use.
  std::unique_ptr<JobRunner> jobs;
  std::unique_ptr<LanguageService> language;  // made when first asked

  // --- app.cpp
  template <typename View>
  std::shared_ptr<const View> get(const std::shared_ptr<const View>& slot) const {
    const std::lock_guard lock(view_mutex);
    return slot;
  }
  template <typename View>
  void set(std::shared_ptr<const View>& slot, View&& view) {
    auto next = std::make_shared<const std::decay_t<View>>(std::forward<View>(view));
    {
      const std::lock_guard lock(view_mutex);
      slot = std::move(next);
    }
    changed();
  }
  void changed() const { options.on_change(); }
  Settings settings_now() const;
  bool is_current(const OpenSession& session) const;
  void publish_sessions();
  void publish_incident(OpenSession& session);
  void publish_logs(OpenSession& session);
  void publish_all(OpenSession& session);
  void new_session(const std::string& title);
  void later(std::function<void()> work);        // by finish_jobs()
  void copy_session(int64_t id, const std::string& ending, std::optional<int64_t> up_to_message);
  // Shown with the session, also after another one was shown or the program was started again.
  void keep_state(int64_t session, const char* key, const std::string& value);  // any thread; what fails is logged
  void set_error(OpenSession& session, const std::string& error);
  void set_notice(OpenSession& session, const std::string& notice);
  void discard_recovered();
  void find_recovered(Ticks since, int64_t last_shown);
  // What goes wrong in a call from the UI is logged and shown as the session's error.
  void guard(const char* what, const std::function<void()>& work);

  // --- app_open.cpp
  SessionPtr read_session(int64_t id, Job* job);   // any thread; throws Error{cancelled} between its steps
  void open_session(int64_t id);                   // at once where it is open already, else by a job
  void show_session(const SessionPtr& session);
  void show_none();
  void stop_opening();                             // what was shown stays; where nothing was, a new session is
  void opened(int64_t job, const SessionPtr& session);
  // At once, or of the session that is being opened when it is there.
  void with_session(std::function<void()> work);

  // --- app_logs.cpp
  std::vector<uint32_t> templates_of(const std::vector<Evidence>& evidence, const store::LogSnapshot& log, std::stop_token stop);
  // Where a question is given, it is asked once the checks are done, and answered without a model.
  // encoding: one of iconv's names; empty: guessed.
  void ingest(std::vector<std::string> paths, std::string name, std::string text, std::string question = {}, std::string encoding = {});
  void run_checks(const SessionPtr& session, Job& job, bool every_source = false);
  void read_unusual(OpenSession& session, std::stop_token stop);
  void complete_reopened(OpenSession& session, std::stop_token stop);
  void start_checks(const SessionPtr& session, bool every_source);
  void start_filter(const SessionPtr& session);
  void filter(const SessionPtr& session, Job& job);
  void zoom(const SessionPtr& session, Job& job);
  void open_sample();
  void leave_sample();

  // --- app_answer.cpp
  // parent: place of the message that the question follows; no_message: the last one shown.
  void ask(const SessionPtr& session, const std::string& question, bool use_model, size_t parent = no_message,
           uint64_t seed_offset = 0, bool as_first = false);
  void answer(const SessionPtr& session, const std::string& question, bool use_model, size_t asked, uint64_t seed, Job& job);
  PromptPreview make_preview(const SessionPtr& session, const std::string& question);
  void publish_models();
  void add_model_facts(ModelsView& view);          // app_models.cpp
  std::string model_name() const;
  void start_loading(const std::string& path);

  // --- app_report.cpp
  std::vector<diagnosis::QueryRecord> report_queries(OpenSession& session, Job& job);
  std::string make_report(const SessionPtr& session, const std::string& extension, bool mask_secrets, Job& job);

  // --- app_language.cpp
  void ask_language(LanguageService::Question question);
  nl2kql::AskResult answer_in_words(OpenSession& session, const std::string& question, bool with_model, const std::stop_token& stop);

  // --- app_compare.cpp
  void compare(const FilterChip& a, const FilterChip& b);

  // --- app_branches.cpp
  void take_groups(const std::string& edits);
  void save_branches(OpenSession& session);

  // --- app_tools.cpp
  void publish_kql(OpenSession& session);
  void publish_configs(OpenSession& session);
  void review_paths(const std::vector<std::string>& paths);
  void review_text(const std::string& name, const std::string& text, const std::string& kind);
  void keep_review(OpenSession& session, ConfigReview review);
  void publish_tasks(const std::string& error = {});
  bool scoring = false;           // UI thread and work lane, under view_mutex
  int64_t shown_run = 0;
};

}  // namespace app
