// app/views.h: what the screens show. Each view is an immutable snapshot that App publishes when
// something changed; a panel reads it once a frame and keeps no copy of its facts.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/connectors/connection.h"
#include "app/kql/complete.h"
#include "app/kql/explain.h"
#include "app/kql/query.h"
#include "app/nl2kql/ask.h"
#include "app/log_filter.h"
#include "app/logs/histogram.h"
#include "app/logs/transcode.h"
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
  int64_t session = 0;    // that it works for; 0: none
};

// Alternatives of one question: the message shown is number index of count.
struct BranchView {
  int index = 0, count = 1;
  int64_t previous = 0, next = 0;   // the message to show instead, for App::show_branch
};

// What the last run of the program left behind when it ended without closing.
struct Recovered {
  std::vector<int64_t> sessions;       // that it had worked on, newest first
  std::vector<std::string> edits;      // what was begun and not finished, a sentence each
};

struct SessionsView {
  std::vector<SessionInfo> sessions;   // newest first, pinned on top; those the search found
  int64_t current = 0;                 // 0: none, only while the first one is being opened
  int64_t opening = 0;                 // being read by a job, shown when it is there; 0: none
  std::string search;
  std::map<int64_t, std::string> hits;    // where the search found its words: "question: why did db-2 …"
  std::map<int64_t, std::string> errors;  // of sessions whose last work failed: why
  int64_t last_deleted = 0;            // undo_delete_session() brings it back; 0: none
  Recovered recovered;                 // until opened or discarded
};

// How evidence goes into a prompt that cannot hold all of it.
struct Packing {
  enum class Mode : uint8_t {
    by_template,                       // a line of each template first, the least relevant pieces go
    range,                             // only lines of the range
    cut,                               // in order of relevance, cut where the room ends
  } mode = Mode::by_template;
  uint32_t source = 0;                 // range: lines first_line..last_line of this source
  uint64_t first_line = 0, last_line = 0;
  friend bool operator==(const Packing&, const Packing&) = default;
};

// Something that stands out, with the lines that show it.
struct Unusual {
  Anomaly anomaly;
  std::vector<LineRef> lines;          // up to 3
};

struct IncidentView {
  int64_t session = 0;
  std::string title;
  std::shared_ptr<const store::LogSnapshot> log;  // never null
  std::vector<Finding> findings;                  // best first
  std::vector<CheckResult> checks;                // all of them, "0 found" included
  std::vector<Anomaly> anomalies;
  std::vector<Unusual> unusual;                   // the first of the anomalies, a dozen
  std::vector<Evidence> evidence;                 // of the last answer, else of the findings
  std::vector<uint32_t> evidence_templates;       // of each piece's lines; no_template where it is not known
  std::vector<Message> messages;                  // oldest first
  std::string streaming_text;                     // of the answer being written
  std::string streaming_stage;                    // "loading model", "reading evidence 40 %", "writing"
  bool answering = false;
  bool checks_running = false;
  std::string draft;                              // the question being typed, as last saved
  std::map<int64_t, BranchView> branches;         // of messages that have alternatives
  std::map<int64_t, std::vector<uint32_t>> attachments;  // sources that came with a question, by message
  int64_t pinned_answer = 0;                      // the message that reports show; 0: the last answer
  std::string notice;                             // one line: "stored sample, not generated now"
  std::string error;                              // why the last question failed, with the next step
  std::vector<std::string> notes;                 // what reading and checks left out, a sentence each
  bool lines_only = false;                        // a source was too large for the checks that read lines together
  Packing packing;                                // of the next question
};

struct LogsView {
  std::shared_ptr<const store::LogSnapshot> log;        // never null
  std::shared_ptr<const std::vector<RowId>> rows;       // that pass the filter; null: all rows do
  LogFilter filter;
  logs::Histogram histogram;                            // of the rows that pass
  logs::Histogram whole;                                // of all rows, in the same buckets
  logs::Histogram zoomed;                               // of the rows that pass, in zoom_histogram()'s range; else empty
  std::vector<Facet> facets;                            // parsed fields last
  bool counting_fields = false;                         // their facets are still to come
  std::vector<Anomaly> anomalies;
  bool filtering = false;
  std::string error;                                    // bad regular expression, with the place
  uint64_t n_shown() const { return rows ? rows->size() : log->n_rows(); }
};

// What stood in the wildcards of templates, over the rows that passed the filter.
struct ParametersView {
  std::vector<uint32_t> template_ids;                   // that were asked for
  std::vector<ParameterValues> templates;
  std::shared_ptr<const std::vector<RowId>> rows;       // that were counted; null: all n_log_rows
  RowId n_log_rows = 0;
  bool running = false;
  std::string error;
};

// Templates of two parts of the log, side by side.
struct CompareView {
  struct Row {
    uint32_t template_id = no_template;
    uint64_t n_a = 0, n_b = 0;
    double score = 0;             // how far the shares differ (log-likelihood ratio); 0: not at all
  };
  FilterChip a, b;
  uint64_t n_a = 0, n_b = 0;      // rows of each part
  std::vector<Row> rows;          // most surprising first
  bool running = false;
  std::string error;              // bad choice, with the next step
};

// A log format that the user teaches by marking a line.
struct FormatDraft {
  std::string name, pattern;      // the pattern language of assets/log_formats
  uint32_t source = 0;            // whose lines it is tried on
  std::string example;            // the line that was marked
  std::string time_zone = {};     // "+02:00", of times that carry none; empty: as in the settings
  int year = 0;                   // of the last line, where dates carry none; 0: from the file's time
};
struct FormatView {
  FormatDraft draft;              // that the rest is about
  uint64_t n_lines = 0, n_matched = 0;
  struct Sample {
    std::string line, time, level, host, process, message;   // time: in UTC as it is understood, or empty
  };
  std::vector<Sample> samples;    // the first lines that fit
  std::vector<std::string> misses;  // the first 20 that do not
  std::string error;              // what is wrong with the pattern
  std::string saved;              // file it was written to
};

// What the bytes of a source may be encoded in.
struct EncodingView {
  uint32_t source = 0;
  std::vector<logs::EncodingChoice> guesses;
  bool running = false;
  std::string error;              // why there are none, with the next step
};

struct QueryHistoryItem {
  int64_t id = 0;
  std::string text;
  Ticks time = no_time;
  uint64_t n_rows = 0;
  double seconds = 0;
  std::string error;
  uint64_t data_version = 0;                            // rows of the log when it ran
};

// What the editor of queries asked for last, and the tables with example values.
struct QueryHelpView {
  int64_t session = 0;
  RowId n_rows = 0;                                     // of the log that tables was read from
  struct TableColumn {
    std::string name, type;
    std::vector<std::string> examples;                  // of columns with few different values
  };
  struct TableInfo {
    std::string name, about;
    std::vector<TableColumn> columns;
  };
  std::vector<TableInfo> tables;
  std::string text;                                     // completion and call are about this
  size_t offset = 0;
  kql::Suggestions suggestions;
  std::optional<kql::CallHelp> call;
  std::string hover_text;
  size_t hover_offset = 0;
  std::optional<kql::Hover> hover;
  std::string checked;                                  // diagnostics and fixes are about this
  std::vector<kql::Diagnostic> diagnostics;
  std::vector<kql::QuickFix> fixes;
};

// The question last asked in words, and the query it became, with every attempt on the way.
struct WordsView {
  std::string question;
  bool running = false;
  std::string error;
  nl2kql::AskResult answer;                             // without its rows; kql empty: none yet
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
  std::optional<kql::EmptyReason> empty;                // what left no rows, where there are none
  uint64_t n_log_rows = 0;                              // now; history items of fewer: "log changed since"
};

// Lines of the log that name what a finding's line is about.
struct CrossCheck {
  size_t finding = 0;                                   // index
  std::string term;                                     // path, host, ":8080"
  uint64_t n_lines = 0;
  std::vector<RowId> rows;                              // the first few
};

// What the fix of a finding makes of its file.
struct ConfigFix {
  std::string text;                                     // the whole file; empty: no edit mends it by itself
  std::string masked;                                   // with secrets masked, line by line; empty: none are in it
};

struct ConfigReview {
  int64_t id = 0;
  Ticks time = no_time;
  std::string file, kind, text;
  std::string masked;                                   // text with secrets masked, line by line; empty: none are in it
  size_t n_secrets = 0;                                 // different ones
  bool checked_for_secrets = false;
  std::vector<CrossCheck> cross;                        // by finding; those found in the log
  bool cross_checked = false;
  std::map<size_t, ConfigFix> fixes;                    // by finding; those asked for
  std::vector<ConfigFinding> findings;                  // by line
  std::vector<std::string> notes;
  std::string error;
};
struct ConfigsView {
  std::vector<ConfigReview> reviews;                    // newest first, one a file
  std::vector<ConfigReview> earlier;                    // the files' versions before, newest first
  bool running = false;
};

// What came of asking a server who it is.
struct ConnectionTest {
  enum class State { none, running, good, failed } state = State::none;
  std::string text;                                     // one line
};
struct ConnectionView {
  connectors::Connection connection;
  bool has_secret = false;                              // one is kept for it
  bool leaves_machine = false;                          // it is on another machine
  ConnectionTest test;
};
struct ConnectionsView {
  std::vector<ConnectionView> items;                    // by name
  std::string error;                                    // why they cannot be read, or the last change not made
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

// The SHA-256 of a model file against the one that is known for it.
struct ModelCheck {
  enum class State { unchecked, running, good, wrong, unknown, failed } state = State::unchecked;   // unknown: nothing to compare with
  std::string sha256, error;
};
// How fast a model was on this machine: three prompts, no guessing ahead.
struct ModelTest {
  double prefill_tok_s = 0, decode_tok_s = 0, first_token_ms = 0;   // the last: median
  uint64_t peak_bytes = 0;                              // the most memory the program has held
  Ticks time = no_time;
};

struct ModelsView {
  std::vector<ModelInfo> models;
  std::string loaded_path, loading_path;                // empty: none
  std::string loading_stage;
  double loading_fraction = -1;
  uint64_t free_memory_bytes = 0;                       // now, cgroup limit included
  int n_ctx = 0;
  std::map<std::string, ModelCheck> checks;             // by path
  std::map<std::string, ModelTest> tests;
  std::map<std::string, std::map<std::string, uint64_t>> cache_bytes;   // of a token, by path and number format of the cache
  bool testing = false;
  std::string folder;                                   // where model files are looked for
  std::string gpu, no_gpu;                              // its name; else why there is none that can be used
  uint64_t gpu_bytes = 0, gpu_free_bytes = 0;
  std::string failed_path;                              // the file that error is about; empty: none
  std::string error;
};

struct StatusView {
  std::vector<JobView> jobs;                            // running first, then the last few ended
  std::string model, device;                            // empty: no model loaded
  int context_used = 0, context_total = 0;
  double tokens_per_second = 0, first_token_ms = 0;
  uint64_t free_memory_bytes = 0;
  int n_connections = 0;                                // sockets of this process to elsewhere
  std::vector<std::string> connections;                 // each of them: "tcp 127.0.0.1:8080 listening"
  std::vector<std::string> remote;                      // connections to other machines that are being asked now
};

}  // namespace app
