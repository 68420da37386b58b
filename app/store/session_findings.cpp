// Findings, check results and anomalies of a session.
#include "app/store/chunk_storage.h"
#include "app/store/database.h"
#include "app/store/lists.h"
#include "app/store/session_rows.h"
#include "app/store/session_store.h"

namespace app::store {
namespace {

void insert_finding(Database& database, int64_t session, size_t position, Finding& finding) {
  database
      .prepare("insert into finding (session_id, position, check_id, title, cause, severity, score, "
               "n_matches, first_time, last_time, consequence_of) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(session, uint64_t{position}, finding.check, finding.title, finding.cause,
            static_cast<int>(finding.severity), finding.score, finding.n_matches, finding.first_time,
            finding.last_time, finding.consequence_of)
      .run();
  finding.id = database.last_insert_id();
  Statement line = database.prepare(
      "insert into finding_line (finding_id, position, row_id, source, file, line, text) "
      "values (?, ?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < finding.evidence.size(); ++i) {
    line.with(finding.id, uint64_t{i});
    bind_line(line, 3, finding.evidence[i]);
    line.run();
  }
  Statement step = database.prepare(
      "insert into finding_step (finding_id, position, text, command, changes_state) "
      "values (?, ?, ?, ?, ?)");
  for (size_t i = 0; i < finding.next_steps.size(); ++i) {
    const NextStep& next = finding.next_steps[i];
    step.with(finding.id, uint64_t{i}, next.text, next.command, next.changes_state).run();
  }
}

void insert_checks(Database& database, int64_t session, const std::vector<CheckResult>& checks) {
  Statement insert = database.prepare(
      "insert into check_result (session_id, position, check_id, title, algorithm, n_found) "
      "values (?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < checks.size(); ++i) {
    const CheckResult& c = checks[i];
    insert.with(session, uint64_t{i}, c.check, c.title, c.algorithm, c.n_found).run();
  }
}

void insert_anomalies(Database& database, int64_t session, const std::vector<Anomaly>& anomalies) {
  Statement insert = database.prepare(
      "insert into anomaly (session_id, position, kind, text, begin_time, end_time, score, template_id, "
      "samples) values (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (size_t i = 0; i < anomalies.size(); ++i) {
    const Anomaly& a = anomalies[i];
    const std::string samples = encode_list(std::vector<uint64_t>(a.rows));
    insert.with(session, uint64_t{i}, a.kind, a.text, a.begin, a.end, a.score, a.template_id, samples)
        .run();
  }
}

}  // namespace

void SessionStore::save_findings(int64_t session, std::vector<Finding>& findings,
                                 const std::vector<CheckResult>& checks,
                                 const std::vector<Anomaly>& anomalies) {
  Transaction transaction(database_);
  touch(session);
  for (const char* table : {"finding", "check_result", "anomaly"}) {
    database_.prepare("delete from " + std::string(table) + " where session_id = ?").with(session).run();
  }
  for (size_t i = 0; i < findings.size(); ++i) insert_finding(database_, session, i, findings[i]);
  insert_checks(database_, session, checks);
  insert_anomalies(database_, session, anomalies);
  transaction.commit();
}

std::vector<Finding> SessionStore::findings(int64_t session) const {
  Statement row = database_.prepare(
      "select id, check_id, title, cause, severity, score, n_matches, first_time, last_time, "
      "consequence_of from finding where session_id = ? order by position");
  Statement line = database_.prepare(
      "select row_id, source, file, line, text from finding_line where finding_id = ? order by position");
  Statement step = database_.prepare(
      "select text, command, changes_state from finding_step where finding_id = ? order by position");
  std::vector<Finding> findings;
  for (row.with(session); row.step();) {
    Finding f;
    f.id = row.i64(0);
    f.check = row.text(1);
    f.title = row.text(2);
    f.cause = row.text(3);
    f.severity = enum_at(row, 4, Severity::critical);
    f.score = row.real(5);
    f.n_matches = row.u64(6);
    f.first_time = row.i64(7);
    f.last_time = row.i64(8);
    f.consequence_of = row.text(9);
    for (line.with(f.id); line.step();) f.evidence.push_back(line_at(line, 0));
    line.reset();
    for (step.with(f.id); step.step();) {
      f.next_steps.push_back({step.text(0), step.text(1), step.boolean(2)});
    }
    step.reset();
    findings.push_back(std::move(f));
  }
  return findings;
}

std::vector<CheckResult> SessionStore::checks(int64_t session) const {
  Statement row = database_.prepare(
      "select check_id, title, algorithm, n_found from check_result where session_id = ? "
      "order by position");
  std::vector<CheckResult> checks;
  for (row.with(session); row.step();) {
    checks.push_back({row.text(0), row.text(1), row.text(2), row.u64(3)});
  }
  return checks;
}

std::vector<Anomaly> SessionStore::anomalies(int64_t session) const {
  Statement row = database_.prepare(
      "select kind, text, begin_time, end_time, score, template_id, samples from anomaly "
      "where session_id = ? order by position");
  std::vector<Anomaly> anomalies;
  for (row.with(session); row.step();) {
    Anomaly a;
    a.kind = row.text(0);
    a.text = row.text(1);
    a.begin = row.i64(2);
    a.end = row.i64(3);
    a.score = row.real(4);
    a.template_id = static_cast<uint32_t>(row.i64(5));
    a.rows = decode_numbers(row.text(6));
    anomalies.push_back(std::move(a));
  }
  return anomalies;
}

std::vector<Source> SessionStore::sources(int64_t session) const {
  return load_sources(database_, session);
}

}  // namespace app::store
