// Queries and config reviews of a session.
#include "app/store/database.h"
#include "app/store/lists.h"
#include "app/store/session_rows.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

[[noreturn]] void fail_missing(const char* what, int64_t id, int64_t session) {
  engine::fail(engine::ErrorKind::not_found, "%s %lld of session %lld is not there", what,
               static_cast<long long>(id), static_cast<long long>(session));
}

void insert_review_parts(Database& database, int64_t id, const ConfigReview& review) {
  Statement file = database.prepare(
      "insert into config_file (review_id, position, name, kind, text) values (?, ?, ?, ?, ?)");
  for (size_t i = 0; i < review.files.size(); ++i) {
    const ConfigFile& f = review.files[i];
    file.with(id, uint64_t{i}, f.name, f.kind, f.text).run();
  }
  Statement finding = database.prepare(
      "insert into config_finding (review_id, position, file, line, column, kind, rule, covers, "
      "severity, message, fix, subject) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < review.findings.size(); ++i) {
    const ConfigFinding& f = review.findings[i];
    const std::string covers = encode_list(f.covers);
    finding
        .with(id, uint64_t{i}, f.file, f.line, f.column, f.kind, f.rule, covers,
              static_cast<int>(f.severity), f.message, f.fix, f.subject)
        .run();
  }
}

ConfigFinding config_finding_at(const Statement& row) {
  ConfigFinding f;
  f.file = row.text(0);
  f.line = static_cast<int>(row.i64(1));
  f.column = static_cast<int>(row.i64(2));
  f.kind = row.text(3);
  f.rule = row.text(4);
  f.covers = decode_texts(row.text(5));
  f.severity = enum_at(row, 6, Severity::critical);
  f.message = row.text(7);
  f.fix = row.text(8);
  f.subject = row.text(9);
  return f;
}

}  // namespace

int64_t SessionStore::save_query(int64_t session, const StoredQuery& query) {
  Transaction transaction(database_);
  touch(session);
  int64_t id = query.id;
  if (id == 0) {
    database_.prepare("insert into query (session_id, text, question, time, ms, n_rows, data_version, "
                      "error) values (?, ?, ?, ?, ?, ?, ?, ?)")
        .with(session, query.text, query.question, query.time, query.ms, query.n_rows,
              query.data_version, query.error)
        .run();
    id = database_.last_insert_id();
  } else {
    database_.prepare("update query set text = ?, question = ?, time = ?, ms = ?, n_rows = ?, "
                      "data_version = ?, error = ? where id = ? and session_id = ?")
        .with(query.text, query.question, query.time, query.ms, query.n_rows, query.data_version,
              query.error, id, session)
        .run();
    if (database_.n_changes() == 0) fail_missing("query", id, session);
  }
  transaction.commit();
  return id;
}

std::vector<StoredQuery> SessionStore::queries(int64_t session) const {
  Statement row = database_.prepare(
      "select id, text, question, time, ms, n_rows, data_version, error from query "
      "where session_id = ? order by id desc");
  std::vector<StoredQuery> queries;
  for (row.with(session); row.step();) {
    queries.push_back({.id = row.i64(0), .text = row.text(1), .question = row.text(2),
                       .time = row.i64(3), .ms = row.real(4), .n_rows = row.u64(5),
                       .data_version = row.u64(6), .error = row.text(7)});
  }
  return queries;
}

int64_t SessionStore::save_review(int64_t session, const ConfigReview& review) {
  Transaction transaction(database_);
  touch(session);
  int64_t id = review.id;
  if (id == 0) {
    database_.prepare("insert into config_review (session_id, time) values (?, ?)")
        .with(session, review.time)
        .run();
    id = database_.last_insert_id();
  } else {
    database_.prepare("update config_review set time = ? where id = ? and session_id = ?")
        .with(review.time, id, session)
        .run();
    if (database_.n_changes() == 0) fail_missing("config review", id, session);
    database_.prepare("delete from config_file where review_id = ?").with(id).run();
    database_.prepare("delete from config_finding where review_id = ?").with(id).run();
  }
  insert_review_parts(database_, id, review);
  transaction.commit();
  return id;
}

std::vector<ConfigReview> SessionStore::reviews(int64_t session) const {
  Statement row = database_.prepare(
      "select id, time from config_review where session_id = ? order by id desc");
  Statement file = database_.prepare(
      "select name, kind, text from config_file where review_id = ? order by position");
  Statement finding = database_.prepare(
      "select file, line, column, kind, rule, covers, severity, message, fix, subject "
      "from config_finding where review_id = ? order by position");
  std::vector<ConfigReview> reviews;
  for (row.with(session); row.step();) {
    ConfigReview review;
    review.id = row.i64(0);
    review.time = row.i64(1);
    for (file.with(review.id); file.step();) {
      review.files.push_back({file.text(0), file.text(1), file.text(2)});
    }
    file.reset();
    for (finding.with(review.id); finding.step();) {
      review.findings.push_back(config_finding_at(finding));
    }
    finding.reset();
    reviews.push_back(std::move(review));
  }
  return reviews;
}

}  // namespace app::store
