#include <doctest/doctest.h>

#include <fstream>

#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "tests/app/store/temp_folder.h"

using namespace app;
using namespace app::store;

namespace {

// A session with a log of two chunks, a finding and a message.
struct Exported {
  TempFolder folder;
  std::unique_ptr<Database> database = std::make_unique<Database>(folder.file("a/sigmadesk.db"));
  SessionStore sessions{*database};
  int64_t session = sessions.create("secret of node-7");
  std::string file = folder.file("session.sigma");

  Exported() {
    const auto log = open_log_store(*database, session);
    Source source;
    source.name = "app";
    source.path = "/home/alice/app.log";
    source.notes = {"read by alice"};
    log->add_source(source);
    for (uint64_t i = 0; i < 70'000; ++i) {
      const std::string raw = "line " + std::to_string(i) + " by alice";
      Record record;
      record.raw = record.message = raw;
      record.line = i + 1;
      record.time = static_cast<Ticks>(i);
      log->append({&record, 1});
    }
    log->set_templates({Template{.id = 0, .pattern = "line <*> by alice", .count = 70'000, .samples = {},
                                 .timeline = {}}});
    log->flush();
    Finding finding;
    finding.check = "who";
    finding.title = "alice did it";
    LineRef line;
    line.row = 5;
    line.text = "line 5 by alice";
    finding.evidence = {line};
    std::vector<Finding> findings = {finding};
    sessions.save_findings(session, findings, {}, {});
    Message message;
    message.role = "user";
    message.text = "was it alice?";
    sessions.save_message(session, message);
  }

  void export_it(const ExportOptions& options = {}) { export_session(*database, session, file, options); }
  // Opens the exported file for a change that its maker would not have made.
  void tamper(const std::string& sql) {
    Database other(file);
    other.execute("pragma foreign_keys = off");
    other.execute(sql);
  }
  std::string import_error() {
    const size_t n_before = sessions.list(ListFilter::all).size();
    try {
      import_session(*database, file);
    } catch (const engine::Error& e) {
      CHECK(sessions.list(ListFilter::all).size() == n_before);
      CHECK(sessions.list(ListFilter::removed).empty());
      return e.what();
    }
    return {};
  }
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("store/session_file: an exported session is one file and imports as it was") {
  Exported e;
  e.export_it();
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(e.folder.path)) {
    n_files += entry.is_regular_file();
  }
  CHECK(n_files == 1);
  Database other(e.folder.file("b/sigmadesk.db"));
  const int64_t id = import_session(other, e.file);
  const Session back = SessionStore(other).load(id);
  CHECK(back.info.title == "secret of node-7");
  CHECK(back.findings.at(0).evidence.at(0).text == "line 5 by alice");
  CHECK(back.messages.at(0).text == "was it alice?");
  const auto log = open_log_store(other, id)->snapshot();
  CHECK(log->n_rows() == 70'000);
  CHECK(log->row(69'999).raw == "line 69999 by alice");
  CHECK(log->find_line(0, 70'000) == 69'999);
  CHECK(log->sources().at(0).notes == std::vector<std::string>{"read by alice"});
  CHECK(log->templates().at(0).pattern == "line <*> by alice");
  CHECK(other.check().ok);
}

TEST_CASE("store/session_file: a redacted export holds nothing of what was taken out") {
  Exported e;
  e.export_it({.redact = [](std::string_view text) {
    std::string out(text);
    for (size_t at; (at = out.find("alice")) != std::string::npos;) out.replace(at, 5, "[user 1]");
    return out;
  }});
  CHECK(bytes_of(e.file).find("alice") == std::string::npos);
  const int64_t id = import_session(*e.database, e.file);
  const Session back = e.sessions.load(id);
  CHECK(back.findings.at(0).title == "[user 1] did it");
  const auto log = open_log_store(*e.database, id)->snapshot();
  CHECK(log->row(65'540).raw == "line 65540 by [user 1]");
  CHECK(log->sources().at(0).path == "/home/[user 1]/app.log");
  CHECK(log->sources().at(0).notes.at(0) == "read by [user 1]");
}

TEST_CASE("store/session_file: an export never writes over a file, and leaves none behind when it fails") {
  Exported e;
  std::ofstream(e.file) << "mine";
  CHECK_THROWS_AS(e.export_it(), engine::Error);
  CHECK(bytes_of(e.file) == "mine");
  CHECK_THROWS_AS(export_session(*e.database, 99, e.folder.file("x")), engine::Error);
  CHECK_THROWS_AS(export_session(*e.database, e.session, e.folder.file("x"),
                                 {.redact = [](std::string_view) -> std::string {
                                   engine::fail(engine::ErrorKind::io, "disk full");
                                 }}),
                  engine::Error);
  CHECK_FALSE(std::filesystem::exists(e.folder.file("x")));
  CHECK_FALSE(std::filesystem::exists(e.folder.file("x.part")));
}

TEST_CASE("store/session_file: a file that was tampered with is refused and nothing of it stays") {
  const char* changes[] = {
      "create view trick as select 1",
      "create trigger trick after insert on setting begin delete from session; end",
      "drop table config_file",
      "insert into session (title, created, changed) values ('second', 0, 0)",
      "delete from session",
      "update log_column set data = x'00' where part = 7",
      "update log_column set data = zeroblob(100000) where part = 0",
      "delete from log_column where part = 8",
      "update log_chunk set n_rows = 1000000000",
      "update log_chunk set first_row = 5",
      "delete from log_chunk",
      "update log_tail set data = x'ffffffff'",
      "update finding set severity = 77",
      "update source set notes = 'no list'",
      "update source set id = 9",
      "update message set text = cast(x'ff00fe' as text)",
      "insert into session_tag values (55, 'orphan')",
      "pragma user_version = 999",
      "pragma application_id = 5",
  };
  for (const char* change : changes) {
    CAPTURE(change);
    Exported e;
    e.export_it();
    e.tamper(change);
    const std::string error = e.import_error();
    CAPTURE(error);
    // Deleting part 8 changes nothing: raw lines lie with the messages.
    CHECK(error.empty() == (std::string(change) == "delete from log_column where part = 8"));
    if (!error.empty()) CHECK(error.find("session.sigma") != std::string::npos);
  }
}

TEST_CASE("store/session_file: a file cut anywhere or of another kind is refused") {
  Exported e;
  e.export_it();
  const std::string good = bytes_of(e.file);
  for (const size_t n : {size_t{0}, size_t{50}, size_t{4096}, good.size() / 2, good.size() - 4096}) {
    CAPTURE(n);
    std::ofstream(e.file, std::ios::binary) << good.substr(0, n);
    CHECK_FALSE(e.import_error().empty());
  }
  std::ofstream(e.file, std::ios::binary) << std::string(100'000, 'x');
  CHECK_FALSE(e.import_error().empty());
  std::filesystem::remove(e.file);
  CHECK_FALSE(e.import_error().empty());
}
