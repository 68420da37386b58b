// app/store/session_store.h: sessions as the user knows them: what was asked, found and answered.
//
// A session owns its log (log_store.h), findings, conversation, queries, config reviews, drafts
// and view state; all of it reopens as it was. Every call is one transaction and may come from any
// thread. Calls that name a session that is not there throw Error{not_found}.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/types.h"

namespace app::store {

class Database;

using Clock = std::function<Ticks()>;
Ticks now_ticks();  // the system's clock

// A KQL query that was run: one row of the history.
struct StoredQuery {
  int64_t id = 0;
  std::string text;
  std::string question;       // in words, where it was made from one
  Ticks time = no_time;
  double ms = 0;
  uint64_t n_rows = 0;        // of the result
  uint64_t data_version = 0;  // rows of the log when it ran; less than now: "log changed since"
  std::string error;          // why it failed, or empty
  friend bool operator==(const StoredQuery&, const StoredQuery&) = default;
};

struct ConfigFile {
  std::string name, kind, text;
};

struct ConfigReview {
  int64_t id = 0;
  Ticks time = no_time;
  std::vector<ConfigFile> files;
  std::vector<ConfigFinding> findings;
};

// Everything of one session but its log, as it is shown.
struct Session {
  SessionInfo info;
  std::vector<Finding> findings;      // best first
  std::vector<CheckResult> checks;
  std::vector<Anomaly> anomalies;
  std::vector<Message> messages;      // in order
  std::vector<StoredQuery> queries;   // newest first
  std::vector<ConfigReview> reviews;  // newest first
  std::map<std::string, std::string> state;  // drafts and view state by key
};

enum class ListFilter { active, archived, removed, all };  // all: active and archived

struct SearchHit {
  SessionInfo session;
  std::string where;  // title, message, source, finding, query, config; empty: only filters matched
  std::string text;   // what matched, cut around the match
};

class SessionStore {
 public:
  explicit SessionStore(Database& database, Clock clock = now_ticks);

  // --- the list
  int64_t create(std::string_view title);
  std::optional<SessionInfo> info(int64_t session) const;
  // Pinned first, then by last change, newest first.
  std::vector<SessionInfo> list(ListFilter filter = ListFilter::active) const;
  void rename(int64_t session, std::string_view title);
  void set_pinned(int64_t session, bool pinned);
  void set_archived(int64_t session, bool archived);
  void set_tags(int64_t session, const std::vector<std::string>& tags);  // trimmed, sorted, once each
  void remove(int64_t session);    // out of every list; undone by restore()
  void restore(int64_t session);
  void purge(int64_t session);     // for ever; the session must be removed first
  size_t purge_removed(Ticks before);  // all that were removed before this moment; how many
  // A copy of everything, log included. With up_to_message, the conversation ends after that message.
  int64_t duplicate(int64_t session, std::string_view title,
                    std::optional<int64_t> up_to_message = std::nullopt);

  // Words must all occur, in title, messages, source names, findings, queries or config findings;
  // case is ignored. "two words" in quotes stay together. Filters: tag:T  file:PART  has:evidence
  // has:findings  is:pinned  is:archived  before:2026-01-31  after:2026-01-01. Archived sessions are
  // found too. Throws Error{invalid_input} for a filter it cannot read.
  std::vector<SearchHit> search(std::string_view query) const;

  // --- what belongs to a session
  Session load(int64_t session) const;
  // Replaces findings, checks and anomalies by these; findings get their ids.
  void save_findings(int64_t session, std::vector<Finding>& findings,
                     const std::vector<CheckResult>& checks, const std::vector<Anomaly>& anomalies);
  std::vector<Finding> findings(int64_t session) const;
  std::vector<CheckResult> checks(int64_t session) const;
  std::vector<Anomaly> anomalies(int64_t session) const;
  std::vector<Source> sources(int64_t session) const;

  // Adds the message (id 0) or replaces it (id given) with its answer, citations and, where given,
  // the evidence that the model was shown. Gives the id.
  int64_t save_message(int64_t session, const Message& message,
                       const std::vector<Evidence>* evidence = nullptr);
  std::vector<Message> messages(int64_t session) const;
  std::vector<Evidence> evidence(int64_t message) const;  // that this answer was given
  void remove_message(int64_t session, int64_t message);

  int64_t save_query(int64_t session, const StoredQuery& query);  // adds (id 0) or replaces
  std::vector<StoredQuery> queries(int64_t session) const;        // newest first
  int64_t save_review(int64_t session, const ConfigReview& review);  // adds (id 0) or replaces
  std::vector<ConfigReview> reviews(int64_t session) const;          // newest first

  // Drafts and view state: small texts by key ("draft", "logs.filter"). Empty removes the key.
  void set_state(int64_t session, std::string_view key, std::string_view value);
  std::map<std::string, std::string> state(int64_t session) const;
  std::map<int64_t, std::string> states(std::string_view key) const;  // by session, of those that have it

  // Writes everything but the log of `session` as it stands in `value` (its id is session.info.id,
  // 0 creates one). Gives the id.
  int64_t save(Session& session);

  // --- settings of the whole application
  void set_setting(std::string_view key, std::string_view value);  // empty removes the key
  std::map<std::string, std::string> settings() const;

 private:
  void touch(int64_t session);  // changed = now; throws Error{not_found}
  Database& database_;
  Clock clock_;
};

// --- one session as one file, an SQLite database of the same schema
struct ExportOptions {
  // Applied to every stored text that may hold log or user text; empty: texts go out as they are.
  std::function<std::string(std::string_view)> redact;
};
// Throws Error{io} where the file exists already or cannot be written; nothing half written stays.
void export_session(Database& from, int64_t session, const std::string& file,
                    const ExportOptions& options = {});
// The file is not trusted: its schema, its sizes and every stored chunk are checked before anything
// is copied. Gives the id of the new session. Throws Error{invalid_input} saying what is wrong with it.
int64_t import_session(Database& to, const std::string& file, const Clock& clock = now_ticks);

}  // namespace app::store
