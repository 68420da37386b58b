#include "app/store/session_store.h"

#include <algorithm>
#include <chrono>

#include "app/store/database.h"
#include "app/store/session_copy.h"
#include "app/store/session_rows.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

// One row a session, with what the list shows; counts come from the tables themselves.
constexpr const char* info_columns =
    "select s.id, s.title, s.created, s.changed, s.pinned, s.archived, "
    "(select coalesce(sum(n_rows), 0) from log_chunk where session_id = s.id) + "
    "(select coalesce(sum(n_rows), 0) from log_tail where session_id = s.id), "
    "(select count(*) from finding where session_id = s.id), "
    "(select count(*) from message where session_id = s.id), "
    "(select count(*) from query where session_id = s.id), "
    "(select coalesce(max(severity), 0) from finding where session_id = s.id) "
    "from session s ";

SessionInfo info_at(const Statement& row) {
  SessionInfo info;
  info.id = row.i64(0);
  info.title = row.text(1);
  info.created = row.i64(2);
  info.changed = row.i64(3);
  info.pinned = row.boolean(4);
  info.archived = row.boolean(5);
  info.n_records = row.u64(6);
  info.n_findings = row.u64(7);
  info.n_messages = row.u64(8);
  info.n_queries = row.u64(9);
  info.worst = enum_at(row, 10, Severity::critical);
  return info;
}

std::vector<std::string> tags_of(Database& database, int64_t session) {
  Statement row = database.prepare("select tag from session_tag where session_id = ? order by tag");
  std::vector<std::string> tags;
  for (row.with(session); row.step();) tags.push_back(row.text(0));
  return tags;
}

const char* condition(ListFilter filter) {
  switch (filter) {
    case ListFilter::active: return "where s.removed is null and s.archived = 0 ";
    case ListFilter::archived: return "where s.removed is null and s.archived = 1 ";
    case ListFilter::removed: return "where s.removed is not null ";
    case ListFilter::all: break;
  }
  return "where s.removed is null ";
}

}  // namespace

Ticks now_ticks() {
  using TickDuration = std::chrono::duration<int64_t, std::ratio<1, ticks_per_second>>;
  return unix_epoch_ticks + std::chrono::duration_cast<TickDuration>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count();
}

SessionStore::SessionStore(Database& database, Clock clock)
    : database_(database), clock_(std::move(clock)) {}

void SessionStore::touch(int64_t session) {
  database_.prepare("update session set changed = ? where id = ?").with(clock_(), session).run();
  if (database_.n_changes() == 0) require_session(database_, session);
}

int64_t SessionStore::create(std::string_view title) {
  Transaction transaction(database_);
  const Ticks now = clock_();
  database_.prepare("insert into session (title, created, changed) values (?, ?, ?)")
      .with(title, now, now)
      .run();
  const int64_t id = database_.last_insert_id();
  transaction.commit();
  return id;
}

std::optional<SessionInfo> SessionStore::info(int64_t session) const {
  Statement row = database_.prepare(std::string(info_columns) + "where s.id = ?");
  if (!row.with(session).step()) return std::nullopt;
  SessionInfo info = info_at(row);
  info.tags = tags_of(database_, session);
  return info;
}

std::vector<SessionInfo> SessionStore::list(ListFilter filter) const {
  Statement row = database_.prepare(std::string(info_columns) + condition(filter) +
                                    "order by s.pinned desc, s.changed desc, s.id desc");
  std::vector<SessionInfo> list;
  while (row.step()) {
    list.push_back(info_at(row));
    list.back().tags = tags_of(database_, list.back().id);
  }
  return list;
}

void SessionStore::rename(int64_t session, std::string_view title) {
  Transaction transaction(database_);
  touch(session);
  database_.prepare("update session set title = ? where id = ?").with(title, session).run();
  transaction.commit();
}

// Pinning and archiving order the list; they do not make the session newer.
void SessionStore::set_pinned(int64_t session, bool pinned) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("update session set pinned = ? where id = ?").with(pinned, session).run();
  transaction.commit();
}

void SessionStore::set_archived(int64_t session, bool archived) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("update session set archived = ? where id = ?").with(archived, session).run();
  transaction.commit();
}

void SessionStore::set_tags(int64_t session, const std::vector<std::string>& tags) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("delete from session_tag where session_id = ?").with(session).run();
  Statement insert =
      database_.prepare("insert or ignore into session_tag (session_id, tag) values (?, ?)");
  for (const std::string& tag : tags) {
    const std::string_view trimmed = engine::trim(tag);
    if (!trimmed.empty()) insert.with(session, trimmed).run();
  }
  transaction.commit();
}

void SessionStore::remove(int64_t session) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("update session set removed = ? where id = ?").with(clock_(), session).run();
  transaction.commit();
}

void SessionStore::restore(int64_t session) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("update session set removed = null where id = ?").with(session).run();
  transaction.commit();
}

void SessionStore::purge(int64_t session) {
  Transaction transaction(database_);
  require_session(database_, session);
  database_.prepare("delete from session where id = ? and removed is not null").with(session).run();
  if (database_.n_changes() == 0) {
    engine::fail(engine::ErrorKind::invalid_input, "session %lld is in use; remove it before it is "
                 "deleted for ever", static_cast<long long>(session));
  }
  transaction.commit();
  database_.shrink();
}

size_t SessionStore::purge_removed(Ticks before) {
  Transaction transaction(database_);
  database_.prepare("delete from session where removed < ?").with(before).run();
  const auto n = static_cast<size_t>(database_.n_changes());
  transaction.commit();
  if (n > 0) database_.shrink();
  return n;
}

int64_t SessionStore::duplicate(int64_t session, std::string_view title,
                                std::optional<int64_t> up_to_message) {
  Transaction transaction(database_);
  require_session(database_, session);
  const int64_t copy = create(title);
  copy_session_rows(database_, session, database_, copy, {.up_to_message = up_to_message});
  transaction.commit();
  return copy;
}

Session SessionStore::load(int64_t session) const {
  require_session(database_, session);
  // One moment for all of it: nobody writes while the lock is held.
  const std::lock_guard guard(database_.write_lock());
  Session s;
  s.info = *info(session);
  s.findings = findings(session);
  s.checks = checks(session);
  s.anomalies = anomalies(session);
  s.messages = messages(session);
  s.queries = queries(session);
  s.reviews = reviews(session);
  s.state = state(session);
  return s;
}

int64_t SessionStore::save(Session& s) {
  Transaction transaction(database_);
  if (s.info.id == 0) s.info.id = create(s.info.title);
  const int64_t id = s.info.id;
  rename(id, s.info.title);
  set_pinned(id, s.info.pinned);
  set_archived(id, s.info.archived);
  set_tags(id, s.info.tags);
  save_findings(id, s.findings, s.checks, s.anomalies);
  for (Message& message : s.messages) message.id = save_message(id, message);
  // The newest comes first in memory and last in the table.
  for (auto query = s.queries.rbegin(); query != s.queries.rend(); ++query) {
    query->id = save_query(id, *query);
  }
  for (auto review = s.reviews.rbegin(); review != s.reviews.rend(); ++review) {
    review->id = save_review(id, *review);
  }
  for (const auto& [key, value] : state(id)) {
    if (!s.state.contains(key)) set_state(id, key, "");
  }
  for (const auto& [key, value] : s.state) set_state(id, key, value);
  transaction.commit();
  return id;
}

void SessionStore::set_state(int64_t session, std::string_view key, std::string_view value) {
  Transaction transaction(database_);
  require_session(database_, session);
  if (value.empty()) {
    database_.prepare("delete from session_state where session_id = ? and key = ?")
        .with(session, key)
        .run();
  } else {
    database_.prepare("insert or replace into session_state (session_id, key, value) values (?, ?, ?)")
        .with(session, key, value)
        .run();
  }
  transaction.commit();
}

std::map<std::string, std::string> SessionStore::state(int64_t session) const {
  Statement row = database_.prepare("select key, value from session_state where session_id = ?");
  std::map<std::string, std::string> state;
  for (row.with(session); row.step();) state.emplace(row.text(0), row.text(1));
  return state;
}

std::map<int64_t, std::string> SessionStore::states(std::string_view key) const {
  Statement row = database_.prepare_read("select session_id, value from session_state where key = ?");
  std::map<int64_t, std::string> states;
  for (row.with(key); row.step();) states.emplace(row.i64(0), row.text(1));
  return states;
}

void SessionStore::set_setting(std::string_view key, std::string_view value) {
  Transaction transaction(database_);
  if (value.empty()) {
    database_.prepare("delete from setting where key = ?").with(key).run();
  } else {
    database_.prepare("insert or replace into setting (key, value) values (?, ?)").with(key, value).run();
  }
  transaction.commit();
}

std::map<std::string, std::string> SessionStore::settings() const {
  Statement row = database_.prepare("select key, value from setting");
  std::map<std::string, std::string> settings;
  while (row.step()) settings.emplace(row.text(0), row.text(1));
  return settings;
}

}  // namespace app::store
