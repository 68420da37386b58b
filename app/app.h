// app/app.h: the one door of app/ for ui/. Owns the store, the jobs and the model.
//
// Every method returns at once and is called from one thread (the UI's): work goes to a job, and
// when a view changed App calls on_change from whichever thread changed it. Views are immutable;
// the pointer is never null. Nothing here throws but the constructor: what goes wrong is said in
// the view it belongs to and as a job's error.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "app/types.h"
#include "app/views.h"

namespace app {

struct AppOptions {
  std::string data_folder;            // empty: the user's (XDG_DATA_HOME/sigmadesk)
  std::string assets_folder;          // empty: found beside the program or where it was installed
  std::function<void()> on_change;    // wakes the UI; may be called from any thread
  bool open_sample = true;            // on a data folder without sessions, open the sample incident
  bool load_model = true;             // load the last or the default model in the background
};

// What the model would be sent, for "What the model will see".
struct PromptPreview {
  struct Part {
    std::string name, text;           // "system", "findings", "E3", "question"
    int n_tokens = 0;                 // estimated where no model is loaded
  };
  std::vector<Part> parts;
  std::vector<Part> dropped;          // parts that did not fit
  Packing packing;                    // that it was made with
  std::vector<std::string> left_out;
  int n_tokens = 0, n_ctx = 0;
  int n_masked_secrets = 0;
  std::vector<std::string> masked;    // "password as [PASSWORD_1], 3 times"
  int n_answer_tokens = 0;            // room kept for the answer
  std::string question;               // that it was made for
};

// A report as it would be written.
struct ReportPreview {
  std::string extension;              // ".md", ".html", ".json": that it was made for
  bool mask_secrets = false;          // likewise
  std::string text;                   // its beginning, up to 200 KB
  size_t n_bytes = 0;                 // of the whole
  std::vector<std::string> masked;    // "a secret of 12 characters as <password-1>, 3 times"
  std::string error;                  // why there is none
};

class App {
 public:
  // Throws Error{busy} where another instance holds the data folder, Error{io} where it cannot be
  // written, Error{invalid_input} where the database is damaged; each says what to do.
  explicit App(AppOptions options);
  ~App();  // cancels what runs, writes what is unsaved

  // --- views
  std::shared_ptr<const SessionsView> sessions() const;
  std::shared_ptr<const IncidentView> incident() const;
  std::shared_ptr<const LogsView> logs() const;
  std::shared_ptr<const KqlView> kql() const;
  std::shared_ptr<const QueryHelpView> query_help() const;
  std::shared_ptr<const WordsView> words() const;
  std::shared_ptr<const CompareView> compare() const;
  std::shared_ptr<const ParametersView> parameters() const;
  std::shared_ptr<const FormatView> format() const;
  std::shared_ptr<const EncodingView> encodings() const;
  std::shared_ptr<const PromptPreview> preview() const;   // of the last prepare_preview()
  std::shared_ptr<const ReportPreview> report() const;    // of the last prepare_report()
  std::shared_ptr<const ConfigsView> configs() const;
  std::shared_ptr<const ConnectionsView> connections() const;
  std::shared_ptr<const TasksView> tasks() const;
  std::shared_ptr<const ModelsView> models() const;
  std::shared_ptr<const StatusView> status() const;
  const Settings& settings() const;
  const std::string& data_folder() const;

  // --- sessions
  void new_session();
  void open_sample();
  // Read by a job and shown by finish_jobs() when it is there; until then the one before is. cancel_job()
  // ends it. What is asked of the session meanwhile (logs, configs, questions) is done when it is there.
  void open_session(int64_t id);
  void rename_session(int64_t id, const std::string& title);
  void pin_session(int64_t id, bool pinned);
  void archive_session(int64_t id, bool archived);
  void tag_session(int64_t id, const std::vector<std::string>& tags);
  void delete_session(int64_t id);
  void undo_delete_session();
  void search_sessions(const std::string& text);   // tag: file: has:evidence before:
  void export_session(int64_t id, const std::string& path);
  // Each as one file named after its title, into the folder; files that are there already stay.
  void export_sessions(const std::vector<int64_t>& ids, const std::string& folder);
  // These three make a session as a job, and finish_jobs() shows it.
  void duplicate_session(int64_t id);
  void import_session(const std::string& path);
  void fork_session(int64_t up_to_message);        // a copy of the current one that ends there
  // After an unclean end: opens the newest of the sessions brought back, or drops what was begun in
  // them and not finished. Both end sessions()->recovered; restore_recovered() undoes the dropping.
  void open_recovered();
  void discard_recovered();
  void restore_recovered();
  void dismiss_notice();                           // the notice and the error of the current session
  // What the user did with the current session's screens, kept with it: small texts by key
  // ("logs.bookmarks"). Empty removes the key. Templates merged by "logs.template_edits" count as one in
  // compare(), in the facet Template and in queries.
  std::string view_state(const std::string& key) const;
  void set_view_state(const std::string& key, const std::string& value);

  // --- logs: into the current session; findings follow by themselves
  void ingest_paths(const std::vector<std::string>& paths);
  void ingest_text(const std::string& name, std::string text);
  void set_filter(const LogFilter& filter);
  void zoom_histogram(Ticks begin, Ticks end);     // counted anew in finer buckets; no_time: no zoom
  void count_parameters(const std::vector<uint32_t>& template_ids);   // into parameters()
  void compare_logs(const FilterChip& a, const FilterChip& b);
  void preview_format(const FormatDraft& draft);
  void save_format(const FormatDraft& draft);      // into the data folder; used from then on
  void read_again(uint32_t source);                // its text into a new session, formats detected anew
  void guess_encodings(uint32_t source);           // from its file's bytes, into encodings()
  void read_as(uint32_t source, const std::string& encoding);   // its file again, into a new session
  // The checks again over the whole log. every_source: also those that are too large for the checks
  // that read lines together, whatever memory they take.
  void check_again(bool every_source);

  // --- questions
  void ask(const std::string& question);
  void stop_answer();
  // The question again with another text or seed, beside what it was: both stay, as branches.
  void ask_again(int64_t message, const std::string& question, bool other_seed);
  void show_branch(int64_t message);               // the conversation that this message belongs to
  void pin_answer(int64_t message);                // for reports; 0: none
  void set_draft(const std::string& text);
  PromptPreview preview_prompt(const std::string& question) const;
  void prepare_preview(const std::string& question);   // the same as a job, into preview()
  void set_packing(const Packing& packing);        // of this session's questions; kept with it
  void export_report(const std::string& path, bool mask_secrets);  // .md, .html or .json
  void prepare_report(const std::string& extension, bool mask_secrets);  // as a job, into report()

  // --- KQL over the current session
  void run_query(const std::string& text);
  // Answered by query_help(), from a thread of its own; a newer question replaces an older one.
  void check_query(const std::string& text);       // diagnostics only, also in kql()
  void complete_query(const std::string& text, size_t offset);
  void hover_query(const std::string& text, size_t offset);
  void read_query_tables();
  // A query into words(), by rules and, where asked for, by the loaded model; it is run only to count its rows.
  void ask_in_words(const std::string& question, bool with_model);
  void stop_words();
  void stop_query();
  // What gives every row of the query's answer, beyond what is shown, by running it: for the `make` of save_file,
  // on its job's thread. It throws Error: the query is wrong by now, or its rows do not fit into memory.
  std::function<std::shared_ptr<const kql::ResultTable>()> whole_result(const std::string& text) const;

  // --- configs, tasks
  void review_config_paths(const std::vector<std::string>& paths);
  void review_config_text(const std::string& name, const std::string& text,
                          const std::string& kind = {});
  void cross_check(int64_t review, const std::string& file);   // its findings with the session's log
  void make_fix(int64_t review, const std::string& file, size_t finding);   // into the review's fixes
  void score_predictions(const std::string& task, const std::string& data_path,
                         const std::string& predictions_path);
  void show_run(int64_t run);

  // --- connections: what goes wrong is said in connections()
  void refresh_connections();
  // replaces: the name that the connection had; empty: it is a new one. secret: none keeps the one there is,
  // empty forgets it.
  void save_connection(const std::string& replaces, const connectors::Connection& connection, const std::optional<std::string>& secret);
  void remove_connection(const std::string& name);   // and its secret
  void restore_connection();                         // the one removed last
  void test_connection(const std::string& name);     // asks the server who it is

  // --- models
  void refresh_models();
  void load_model(const std::string& path);
  void stop_loading();
  void unload_model();
  void add_model_file(const std::string& path);    // links it into the models folder and checks it
  void check_model(const std::string& path);       // SHA-256, into models()
  void test_model();                               // three prompts to the loaded one; kept

  // --- all
  void finish_jobs();   // once a frame: shows what jobs made for the screen, such as a copied session
  void cancel_job(int64_t id);
  // Writes a file as a job; make gives its text on the job's thread.
  void save_file(const std::string& path, std::function<std::string()> make);
  void change_settings(const Settings& settings);  // saved at once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace app
