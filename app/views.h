// app/views.h: what the screens show. Each view is an immutable snapshot that App publishes when
// something changed; a panel reads it once a frame and keeps no copy of its facts.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/kql/query.h"
#include "app/log_filter.h"
#include "app/logs/histogram.h"
#include "app/store/log_store.h"
#include "app/store/run_store.h"
#include "app/types.h"

namespace app {

// Work in progress. Shown in the status bar and in the panel it belongs to.
struct JobView {
  int64_t id = 0;
  std::string kind;       // ingest, filter, answer, query, config, task, model, export
  std::string title;      // "Reading syslog"
  std::string stage;      // "checks"
  double fraction = -1;   // 0..1, below 0: unknown
  std::string count;      // "48,210 lines"
  double seconds = 0;     // since it began
  bool running = true;
  bool cancelled = false;
  std::string error;      // why it failed, with the next step; empty: it did not
};

struct SessionsView {
  std::vector<SessionInfo> sessions;   // newest first, pinned on top; those the search found
  int64_t current = 0;
  std::string search;
  int64_t last_deleted = 0;            // undo_delete_session() brings it back; 0: none
};

struct IncidentView {
  int64_t session = 0;
  std::string title;
  std::shared_ptr<const store::LogSnapshot> log;  // never null
  std::vector<Finding> findings;                  // best first
  std::vector<CheckResult> checks;                // all of them, "0 found" included
  std::vector<Anomaly> anomalies;
  std::vector<Evidence> evidence;                 // of the last answer, else of the findings
  std::vector<Message> messages;                  // oldest first
  std::string streaming_text;                     // of the answer being written
  std::string streaming_stage;                    // "loading model", "reading evidence 40 %", "writing"
  bool answering = false;
  bool checks_running = false;
  std::string draft;                              // the question being typed, as last saved
  std::string notice;                             // one line: "stored sample, not generated now"
  std::string error;                              // why the last question failed, with the next step
};

struct LogsView {
  std::shared_ptr<const store::LogSnapshot> log;        // never null
  std::shared_ptr<const std::vector<RowId>> rows;       // that pass the filter; null: all rows do
  LogFilter filter;
  logs::Histogram histogram;                            // of the rows that pass
  std::vector<Facet> facets;
  std::vector<Anomaly> anomalies;
  bool filtering = false;
  std::string error;                                    // bad regular expression, with the place
  uint64_t n_shown() const { return rows ? rows->size() : log->n_rows(); }
};

struct QueryHistoryItem {
  int64_t id = 0;
  std::string text;
  Ticks time = no_time;
  uint64_t n_rows = 0;
  double seconds = 0;
  std::string error;
};

struct KqlView {
  std::string text;                                     // of the result below
  std::shared_ptr<const kql::ResultTable> result;       // null: none yet
  std::vector<kql::Diagnostic> diagnostics;             // of the text last checked or run
  std::vector<QueryHistoryItem> history;                // newest first
  std::vector<std::pair<std::string, columns::Schema>> tables;  // for the schema tree
  bool running = false;
  bool log_changed = false;                             // rows were added since the result
  std::string error;
};

struct ConfigReview {
  int64_t id = 0;
  std::string file, kind, text;
  std::vector<ConfigFinding> findings;                  // by line
  std::vector<std::string> notes;
  std::string error;
};
struct ConfigsView {
  std::vector<ConfigReview> reviews;                    // newest first
  bool running = false;
};

struct TasksView {
  struct Card {
    std::string task, title, input_format;              // input_format: what its files hold
  };
  std::vector<Card> cards;
  std::vector<store::TaskRun> runs;                     // newest first
  std::shared_ptr<const store::TaskRun> shown;          // null: none chosen
  std::shared_ptr<const std::vector<store::TaskSample>> samples;  // of the shown run
  bool running = false;
  std::string error;
};

struct ModelsView {
  std::vector<ModelInfo> models;
  std::string loaded_path, loading_path;                // empty: none
  std::string loading_stage;
  double loading_fraction = -1;
  uint64_t free_memory_bytes = 0;                       // now, cgroup limit included
  int n_ctx = 0;
  std::string folder;                                   // where model files are looked for
  std::string error;
};

struct StatusView {
  std::vector<JobView> jobs;                            // running first, then the last few ended
  std::string model, device;                            // empty: no model loaded
  int context_used = 0, context_total = 0;
  double tokens_per_second = 0, first_token_ms = 0;
  uint64_t free_memory_bytes = 0;
  int n_connections = 0;                                // sockets of this process to elsewhere
};

}  // namespace app
