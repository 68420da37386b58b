// app/types.h: the nouns that every module of app/ and ui/ shares. Plain data, no behaviour.
//
// Time is a KQL datetime everywhere: int64 ticks of 100 ns since 0001-01-01T00:00:00 UTC.
// Row ids count the records of one session from 0, in the order of ingest, and never change.
// Line numbers count the physical lines of one source from 1.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app {

using Ticks = int64_t;  // 100 ns since 0001-01-01 UTC
constexpr Ticks no_time = std::numeric_limits<int64_t>::min();
constexpr Ticks ticks_per_second = 10'000'000;
constexpr Ticks unix_epoch_ticks = 621'355'968'000'000'000;  // 1970-01-01 in Ticks

using RowId = uint64_t;
constexpr RowId no_row = std::numeric_limits<uint64_t>::max();
constexpr uint32_t no_template = std::numeric_limits<uint32_t>::max();

// Syslog's eight severities folded to seven; none = the line says nothing about its level.
enum class Level : uint8_t { none, trace, debug, info, notice, warning, error, critical };
constexpr int n_levels = 8;
// "", "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRITICAL".
constexpr const char* level_names[n_levels] = {"",       "TRACE", "DEBUG", "INFO",
                                               "NOTICE", "WARN",  "ERROR", "CRITICAL"};

// One log event; it may span several physical lines. All views are borrowed from the batch.
struct Record {
  Ticks time = no_time;
  Level level = Level::none;
  uint32_t source = 0;       // Source::id
  uint64_t line = 0;         // first physical line, from 1
  uint32_t n_lines = 1;      // physical lines, joined by '\n' in raw
  uint32_t template_id = no_template;
  int64_t pid = -1;          // -1: none
  std::string_view raw;      // the whole event as it stood, in valid UTF-8 (bad bytes as \xNN)
  std::string_view message;  // raw without its header; often, not always, a part of raw
  std::string_view host, process;  // process: program, logger, component or tag
  std::string_view properties;     // further parsed fields as one JSON object, or empty
};

struct RecordBatch {
  std::vector<Record> records;
  std::vector<std::shared_ptr<const void>> keep_alive;  // owners of what the views point into
};

// Where records came from: one file, one archive member, one paste, one stdin.
struct Source {
  uint32_t id = 0;
  std::string name;      // shown: "syslog", "pasted 10:42"
  std::string path;      // as given by the user; "archive.tar!member" inside an archive; "" pasted
  std::string kind;      // file, archive_member, paste, stdin
  std::string encoding;  // utf-8, utf-16le, utf-16be, latin-1, binary
  std::string format;    // name of the format in assets/log_formats, or "plain"
  double format_match = 0;  // share of sampled lines that fit it
  std::string time_zone;    // "UTC", "+02:00", "assumed UTC"
  uint64_t n_bytes = 0, n_lines = 0, n_records = 0, n_without_time = 0;
  Ticks first_time = no_time, last_time = no_time;
  std::vector<std::string> notes;  // what was assumed, cut or skipped, a sentence each
};

// A mined message shape; wildcards in pattern stand as "<*>".
struct Template {
  uint32_t id = 0;
  std::string pattern;
  uint64_t count = 0;
  RowId first_row = no_row, last_row = no_row;
  Ticks first_time = no_time, last_time = no_time;
  uint64_t by_level[n_levels] = {};
  std::vector<RowId> samples;        // up to 8 rows, spread over the log
  std::vector<uint32_t> timeline;    // counts in 64 equal slices of the whole time range
};

enum class Severity : uint8_t { info, warning, error, critical };
constexpr const char* severity_names[] = {"info", "warning", "error", "critical"};

struct Anomaly {
  std::string kind;      // new_template, rare_template, gone_template, burst, gap, error_share
  std::string text;      // one sentence with the figures
  Ticks begin = no_time, end = no_time;
  double score = 0;      // 0..1
  uint32_t template_id = no_template;
  std::vector<RowId> rows;  // up to 8
};

// A line that proves something: enough to show it, to link to it and to check it again.
struct LineRef {
  RowId row = no_row;
  uint32_t source = 0;
  std::string file;       // Source::path, or its name where it has none
  uint64_t line = 0;      // physical line of `text`
  std::string text;       // that line exactly as stored
  friend bool operator==(const LineRef&, const LineRef&) = default;
};

struct NextStep {
  std::string text;
  std::string command;           // empty where the step is not a command
  bool changes_state = false;    // false: read-only
};

// What a deterministic check found.
struct Finding {
  int64_t id = 0;                // in the store; 0 before it is saved
  std::string check;             // id of the check: "oom_killer"
  std::string title, cause;
  Severity severity = Severity::info;
  double score = 0;              // 0..1; findings are ordered by it, best first
  uint64_t n_matches = 0;        // records that matched, not only those kept as evidence
  Ticks first_time = no_time, last_time = no_time;
  std::vector<LineRef> evidence;
  std::vector<NextStep> next_steps;
  std::string consequence_of{};  // check id of the finding that explains this one, or empty
};

// A check as the app lists it, "0 found" included.
struct CheckResult {
  std::string check, title, algorithm;  // algorithm: one sentence on how it decides
  uint64_t n_found = 0;
};

// One numbered piece of what the model is shown.
struct Evidence {
  std::string id;                // "E1"
  std::string reason;            // why it is here: "finding oom_killer", "matches the question"
  double score = 0;
  std::vector<LineRef> lines;
};

enum class CitationState : uint8_t { matched, moved, not_found };
constexpr const char* citation_state_names[] = {"matched", "moved", "not_found"};

// A claim of an answer and the line that does, or does not, prove it.
struct Citation {
  size_t begin = 0, end = 0;     // bytes of Answer::text that the citation follows (the claim)
  std::string evidence_id;       // "E1", or empty where the claim cites nothing that exists
  CitationState state = CitationState::not_found;
  LineRef line;                  // where state is not not_found
};

struct Answer {
  std::string text;
  std::vector<Citation> citations;
  int n_claims = 0, n_supported = 0;
  bool inconclusive = false;
  bool partial = false;          // cancelled or cut
  bool from_model = false;       // false: composed by code from the findings
  std::string model, stop_reason;
  int prompt_tokens = 0, generated_tokens = 0;
  double first_token_ms = 0, tokens_per_second = 0;
  uint64_t seed = 0;
  std::vector<std::string> left_out;  // what did not fit the prompt, a sentence each
};

struct Message {
  int64_t id = 0;
  std::string role;              // user, assistant, system
  std::string text;
  Ticks time = no_time;
  std::optional<Answer> answer;  // of an assistant message
};

struct SessionInfo {
  int64_t id = 0;
  std::string title;
  Ticks created = no_time, changed = no_time;
  bool pinned = false, archived = false;
  std::vector<std::string> tags;
  uint64_t n_records = 0, n_findings = 0, n_messages = 0, n_queries = 0;
  Severity worst = Severity::info;
};

struct ConfigFinding {
  std::string file;
  int line = 0, column = 0;      // from 1; 0: the whole file
  std::string kind;              // kubernetes, nginx, dockerfile, ...
  std::string rule;              // our own id
  std::vector<std::string> covers;  // names of the rules of known linters that this one covers
  Severity severity = Severity::warning;
  std::string message, fix;
  std::string subject;           // "Deployment/web container app"
};

// A model file on disk and what it would take to run it.
struct ModelInfo {
  std::string path, name, architecture, weight_type, licence;
  uint64_t n_bytes = 0, n_parameters = 0;
  int n_ctx_trained = 0;
  uint64_t weights_bytes = 0, kv_bytes_per_token = 0, work_bytes = 0;
  std::string error;             // why it cannot be loaded, or empty
};

}  // namespace app
