#include "app/store/session_store.h"

#include <doctest/doctest.h>

#include <cmath>

#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/run_store.h"
#include "engine/base/error.h"
#include "tests/app/store/temp_folder.h"

using namespace app;
using namespace app::store;

namespace {

struct Fixture {
  std::unique_ptr<Database> database = Database::in_memory();
  Ticks now = 1000;
  SessionStore sessions{*database, [this] { return now++; }};
};

LineRef line(uint64_t number, const std::string& text) {
  LineRef ref;
  ref.row = number - 1;
  ref.source = 1;
  ref.file = "/var/log/app.log";
  ref.line = number;
  ref.text = text;
  return ref;
}

Finding oom_finding() {
  Finding f;
  f.check = "oom_killer";
  f.title = "The kernel killed java (pid 4242)";
  f.cause = "memory ran out";
  f.severity = Severity::critical;
  f.score = 0.93;
  f.n_matches = UINT64_MAX;
  f.first_time = 17;
  f.evidence = {line(5, "Out of memory: Killed process 4242"), line(6, "")};
  f.next_steps = {{"Look at memory", "free -m", false}, {"Restart", "systemctl restart app", true}};
  f.consequence_of = "disk_full";
  return f;
}

Message answered() {
  Answer a;
  a.text = "The OOM killer stopped java [E1].";
  Citation good, bad;
  good.begin = 4;
  good.end = 20;
  good.evidence_id = "E1";
  good.state = CitationState::moved;
  good.line = line(5, "Out of memory: Killed process 4242");
  bad.state = CitationState::not_found;
  a.citations = {good, bad};
  a.n_claims = 2;
  a.n_supported = 1;
  a.partial = a.from_model = true;
  a.model = "tiny";
  a.stop_reason = "stop";
  a.prompt_tokens = 100;
  a.generated_tokens = 12;
  a.first_token_ms = 1.25;
  a.tokens_per_second = 33.3;
  a.seed = UINT64_MAX;
  a.left_out = {"12 lines of \"app.log\""};
  Message m;
  m.role = "assistant";
  m.text = a.text;
  m.time = 99;
  m.answer = a;
  return m;
}

void check_same(const Finding& a, const Finding& b) {
  CHECK(a.check == b.check);
  CHECK(a.title == b.title);
  CHECK(a.cause == b.cause);
  CHECK(a.severity == b.severity);
  CHECK(a.score == b.score);
  CHECK(a.n_matches == b.n_matches);
  CHECK(a.first_time == b.first_time);
  CHECK(a.last_time == b.last_time);
  CHECK(a.evidence == b.evidence);
  REQUIRE(a.next_steps.size() == b.next_steps.size());
  for (size_t i = 0; i < a.next_steps.size(); ++i) {
    CHECK(a.next_steps[i].text == b.next_steps[i].text);
    CHECK(a.next_steps[i].command == b.next_steps[i].command);
    CHECK(a.next_steps[i].changes_state == b.next_steps[i].changes_state);
  }
  CHECK(a.consequence_of == b.consequence_of);
}

void check_same(const Answer& a, const Answer& b) {
  CHECK(a.text == b.text);
  REQUIRE(a.citations.size() == b.citations.size());
  for (size_t i = 0; i < a.citations.size(); ++i) {
    CHECK(a.citations[i].begin == b.citations[i].begin);
    CHECK(a.citations[i].end == b.citations[i].end);
    CHECK(a.citations[i].evidence_id == b.citations[i].evidence_id);
    CHECK(a.citations[i].state == b.citations[i].state);
    CHECK(a.citations[i].line == b.citations[i].line);
  }
  CHECK(a.n_claims == b.n_claims);
  CHECK(a.n_supported == b.n_supported);
  CHECK(a.inconclusive == b.inconclusive);
  CHECK(a.partial == b.partial);
  CHECK(a.from_model == b.from_model);
  CHECK(a.model == b.model);
  CHECK(a.stop_reason == b.stop_reason);
  CHECK(a.prompt_tokens == b.prompt_tokens);
  CHECK(a.generated_tokens == b.generated_tokens);
  CHECK(a.first_token_ms == b.first_token_ms);
  CHECK(a.tokens_per_second == b.tokens_per_second);
  CHECK(a.seed == b.seed);
  CHECK(a.left_out == b.left_out);
}

std::vector<std::string> titles(const std::vector<SessionInfo>& list) {
  std::vector<std::string> titles;
  for (const SessionInfo& info : list) titles.push_back(info.title);
  return titles;
}

std::vector<std::string> found(const SessionStore& sessions, const std::string& query) {
  std::vector<std::string> titles;
  for (const SearchHit& hit : sessions.search(query)) titles.push_back(hit.session.title);
  return titles;
}

using Titles = std::vector<std::string>;

}  // namespace

TEST_CASE("store/session_store: the list shows pinned sessions first, then the newest") {
  Fixture f;
  const int64_t a = f.sessions.create("a"), b = f.sessions.create("b"), c = f.sessions.create("c");
  CHECK(titles(f.sessions.list()) == Titles{"c", "b", "a"});
  f.sessions.rename(a, "a2");
  CHECK(titles(f.sessions.list()) == Titles{"a2", "c", "b"});
  f.sessions.set_pinned(b, true);
  CHECK(titles(f.sessions.list()) == Titles{"b", "a2", "c"});
  f.sessions.set_archived(c, true);
  CHECK(titles(f.sessions.list()) == Titles{"b", "a2"});
  CHECK(titles(f.sessions.list(ListFilter::archived)) == Titles{"c"});
  CHECK(titles(f.sessions.list(ListFilter::all)) == Titles{"b", "a2", "c"});
}

TEST_CASE("store/session_store: a removed session comes back by restore and goes by purge") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  CHECK_THROWS_AS(f.sessions.purge(a), engine::Error);  // in use
  f.sessions.remove(a);
  CHECK(f.sessions.list(ListFilter::all).empty());
  CHECK(f.sessions.search("").empty());
  f.sessions.restore(a);
  CHECK(f.sessions.list().size() == 1);
  std::vector<Finding> findings = {oom_finding()};
  f.sessions.save_findings(a, findings, {}, {});
  f.sessions.remove(a);
  CHECK(f.sessions.purge_removed(0) == 0);
  CHECK(f.sessions.purge_removed(f.now) == 1);
  CHECK_FALSE(f.sessions.info(a).has_value());
  Statement left = f.database->prepare("select count(*) from finding_line");
  REQUIRE(left.step());
  CHECK(left.i64(0) == 0);
}

TEST_CASE("store/session_store: calls that name a session that is not there say so") {
  Fixture f;
  std::vector<Finding> none;
  CHECK_THROWS_AS(f.sessions.rename(7, "x"), engine::Error);
  CHECK_THROWS_AS(f.sessions.save_findings(7, none, {}, {}), engine::Error);
  CHECK_THROWS_AS((void)f.sessions.save_message(7, {}), engine::Error);
  CHECK_THROWS_AS(f.sessions.set_state(7, "k", "v"), engine::Error);
  CHECK_THROWS_AS((void)f.sessions.load(7), engine::Error);
  const int64_t a = f.sessions.create("a");
  Message m;
  m.id = 99;
  CHECK_THROWS_AS((void)f.sessions.save_message(a, m), engine::Error);
  CHECK_THROWS_AS((void)f.sessions.save_query(a, {.id = 99, .text = "", .question = "", .error = ""}),
                  engine::Error);
}

TEST_CASE("store/session_store: findings, checks and anomalies come back field for field") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  Finding second;
  second.check = "dns";
  second.score = std::nan("");
  std::vector<Finding> findings = {oom_finding(), second};
  Anomaly anomaly;
  anomaly.kind = "burst";
  anomaly.text = "12 times in a minute";
  anomaly.begin = 3;
  anomaly.score = 0.5;
  anomaly.rows = {0, 5, no_row};
  f.sessions.save_findings(a, findings, {{"oom_killer", "OOM", "looks for it", 3}}, {anomaly});
  CHECK(findings[0].id != 0);
  const std::vector<Finding> back = f.sessions.findings(a);
  REQUIRE(back.size() == 2);
  CHECK(back[0].id == findings[0].id);
  check_same(back[0], oom_finding());
  CHECK(back[1].check == "dns");
  CHECK(std::isnan(back[1].score));
  const Anomaly b = f.sessions.anomalies(a).at(0);
  CHECK(b.kind == "burst");
  CHECK(b.text == anomaly.text);
  CHECK(b.begin == 3);
  CHECK(b.end == no_time);
  CHECK(b.score == 0.5);
  CHECK(b.template_id == no_template);
  CHECK(b.rows == anomaly.rows);
  CHECK(f.sessions.checks(a).at(0).n_found == 3);
  CHECK(f.sessions.info(a)->worst == Severity::critical);
  // A second run of the checks takes the place of the first.
  std::vector<Finding> none;
  f.sessions.save_findings(a, none, {}, {});
  CHECK(f.sessions.findings(a).empty());
  CHECK(f.sessions.anomalies(a).empty());
}

TEST_CASE("store/session_store: messages, answers, citations and evidence come back field for field") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  Message question;
  question.role = "user";
  question.text = "what broke?";
  question.time = 98;
  f.sessions.save_message(a, question);
  Evidence piece;
  piece.id = "E1";
  piece.reason = "finding oom_killer";
  piece.score = 0.75;
  piece.lines = {line(5, "Out of memory"), line(6, "tab\tand \"quotes\"")};
  const std::vector<Evidence> evidence = {piece};
  const int64_t id = f.sessions.save_message(a, answered(), &evidence);
  const std::vector<Message> back = f.sessions.messages(a);
  REQUIRE(back.size() == 2);
  CHECK(back[0].text == "what broke?");
  CHECK_FALSE(back[0].answer.has_value());
  REQUIRE(back[1].answer.has_value());
  CHECK(back[1].id == id);
  CHECK(back[1].time == 99);
  check_same(*back[1].answer, *answered().answer);
  const std::vector<Evidence> shown = f.sessions.evidence(id);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].id == "E1");
  CHECK(shown[0].reason == piece.reason);
  CHECK(shown[0].score == 0.75);
  CHECK(shown[0].lines == piece.lines);

  Message longer = answered();
  longer.id = id;
  longer.answer->text += " And more.";
  CHECK(f.sessions.save_message(a, longer) == id);
  CHECK(f.sessions.messages(a).size() == 2);
  CHECK(f.sessions.messages(a)[1].answer->text == longer.answer->text);
  CHECK(f.sessions.evidence(id).size() == 1);  // not given: stays
  f.sessions.remove_message(a, id);
  CHECK(f.sessions.messages(a).size() == 1);
  CHECK(f.sessions.evidence(id).empty());
}

TEST_CASE("store/session_store: queries and config reviews come back, newest first") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  StoredQuery q{.id = 0, .text = "Logs | count", .question = "how many?", .time = 5, .ms = 1.5,
                .n_rows = 1, .data_version = 48'210, .error = ""};
  q.id = f.sessions.save_query(a, q);
  StoredQuery bad{.id = 0, .text = "Logs | conut", .question = "", .time = 6, .error = "unknown"};
  bad.id = f.sessions.save_query(a, bad);
  CHECK(f.sessions.queries(a) == std::vector<StoredQuery>{bad, q});
  q.n_rows = 2;
  f.sessions.save_query(a, q);
  CHECK(f.sessions.queries(a)[1].n_rows == 2);

  ConfigReview review;
  review.time = 8;
  review.files = {{"nginx.conf", "nginx", "server {}\n"}};
  ConfigFinding finding;
  finding.file = "nginx.conf";
  finding.line = 3;
  finding.column = 5;
  finding.rule = "alias-traversal";
  finding.covers = {"gixy:alias_traversal"};
  finding.severity = Severity::error;
  finding.fix = "+ alias /x/;";
  review.findings = {finding};
  review.id = f.sessions.save_review(a, review);
  CHECK(f.sessions.save_review(a, review) == review.id);  // replaced, not doubled
  const std::vector<ConfigReview> back = f.sessions.reviews(a);
  REQUIRE(back.size() == 1);
  CHECK(back[0].files.at(0).text == "server {}\n");
  const ConfigFinding& b = back[0].findings.at(0);
  CHECK(b.file == finding.file);
  CHECK(b.line == 3);
  CHECK(b.column == 5);
  CHECK(b.rule == finding.rule);
  CHECK(b.covers == finding.covers);
  CHECK(b.severity == Severity::error);
  CHECK(b.fix == finding.fix);
}

TEST_CASE("store/session_store: a session saved as a whole reopens as it was") {
  const TempFolder folder;
  int64_t id = 0;
  {
    Database database(folder.file("sigmadesk.db"));
    SessionStore sessions(database);
    Session s;
    s.info.title = "disk full on db-2";
    s.info.pinned = true;
    s.info.tags = {"db", " disk ", "db"};
    s.findings = {oom_finding()};
    s.messages = {answered()};
    s.queries = {{.id = 0, .text = "second", .question = "", .error = ""},
                 {.id = 0, .text = "first", .question = "", .error = ""}};
    s.state = {{"draft", "why did"}, {"logs.filter", "level:error"}};
    id = sessions.save(s);
    s.state.erase("draft");
    sessions.save(s);  // a second save changes, and doubles nothing
  }
  Database database(folder.file("sigmadesk.db"));
  const Session back = SessionStore(database).load(id);
  CHECK(back.info.title == "disk full on db-2");
  CHECK(back.info.pinned);
  CHECK(back.info.tags == std::vector<std::string>{"db", "disk"});
  REQUIRE(back.findings.size() == 1);
  check_same(back.findings[0], oom_finding());
  REQUIRE(back.messages.size() == 1);
  check_same(*back.messages[0].answer, *answered().answer);
  REQUIRE(back.queries.size() == 2);
  CHECK(back.queries[0].text == "second");
  CHECK(back.state == std::map<std::string, std::string>{{"logs.filter", "level:error"}});
}

TEST_CASE("store/session_store: search finds words in titles, messages, sources, findings and queries") {
  Fixture f;
  const int64_t a = f.sessions.create("Störung in Köln"), b = f.sessions.create("web"),
                c = f.sessions.create("other");
  f.sessions.save_message(a, answered());
  std::vector<Finding> findings = {oom_finding()};
  f.sessions.save_findings(b, findings, {}, {});
  f.sessions.save_query(c, {.id = 0, .text = "Logs | where Host == 'db-2'", .question = "", .error = ""});
  {
    const auto log = open_log_store(*f.database, c);
    Source source;
    source.name = "nginx.log";
    source.path = "/srv/nginx.log";
    log->add_source(source);
  }
  CHECK(found(f.sessions, "KÖLN") == Titles{"Störung in Köln"});
  CHECK(found(f.sessions, "oom killer") == Titles{"Störung in Köln"});
  CHECK(found(f.sessions, "kernel killed") == Titles{"web"});
  CHECK(found(f.sessions, "nginx") == Titles{"other"});
  CHECK(found(f.sessions, "db-2 nginx") == Titles{"other"});  // in two places of one session
  CHECK(found(f.sessions, "\"db-2 nginx\"") == Titles{});
  CHECK(found(f.sessions, "nowhere") == Titles{});
  CHECK(f.sessions.search("killed")[0].where == "finding");
  CHECK(f.sessions.search("killed")[0].text.find("killed java") != std::string::npos);
}

TEST_CASE("store/session_store: search filters by tag, file, evidence and date") {
  Fixture f;
  constexpr Ticks day = 86'400 * ticks_per_second;
  f.now = unix_epoch_ticks + 20'000 * day;  // 2024-10-04
  const int64_t a = f.sessions.create("a");
  f.now += 10 * day;
  const int64_t b = f.sessions.create("b");
  f.sessions.set_tags(a, {"Prod"});
  const std::vector<Evidence> evidence(1);
  f.sessions.save_message(b, answered(), &evidence);
  f.sessions.set_archived(b, true);
  CHECK(found(f.sessions, "tag:prod") == Titles{"a"});
  CHECK(found(f.sessions, "has:evidence") == Titles{"b"});
  CHECK(found(f.sessions, "is:archived") == Titles{"b"});
  CHECK(found(f.sessions, "before:2024-10-10") == Titles{"a"});
  CHECK(found(f.sessions, "after:2024-10-10") == Titles{"b"});
  CHECK(found(f.sessions, "file:x") == Titles{});
  CHECK(found(f.sessions, "10.0.0.1:443") == Titles{});  // a colon alone makes no filter
  for (const char* bad : {"before:soon", "before:2024-13-01", "before:", "has:money", "is:gone"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS((void)f.sessions.search(bad), engine::Error);
  }
}

TEST_CASE("store/session_store: a duplicate has everything under new ids, a fork ends at its message") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  std::vector<Finding> findings = {oom_finding()};
  f.sessions.save_findings(a, findings, {{"c", "t", "a", 1}}, {});
  const std::vector<Evidence> evidence(1);
  const int64_t first = f.sessions.save_message(a, answered(), &evidence);
  f.sessions.save_message(a, answered());
  f.sessions.set_tags(a, {"x"});
  {
    const auto log = open_log_store(*f.database, a);
    log->add_source({});
    Record record;
    record.raw = "hello";
    record.line = 1;
    log->append({&record, 1});
  }
  const int64_t copy = f.sessions.duplicate(a, "copy");
  const Session s = f.sessions.load(copy);
  CHECK(s.info.title == "copy");
  CHECK(s.info.tags == std::vector<std::string>{"x"});
  REQUIRE(s.findings.size() == 1);
  CHECK(s.findings[0].id != findings[0].id);
  check_same(s.findings[0], oom_finding());
  REQUIRE(s.messages.size() == 2);
  check_same(*s.messages[0].answer, *answered().answer);
  CHECK(f.sessions.evidence(s.messages[0].id).size() == 1);
  CHECK(open_log_store(*f.database, copy)->snapshot()->row(0).raw == "hello");
  CHECK(f.sessions.load(f.sessions.duplicate(a, "fork", first)).messages.size() == 1);
  CHECK(f.sessions.load(a).messages.size() == 2);
  CHECK(f.database->check().ok);
}

TEST_CASE("store/session_store: settings and drafts keep their last value, an empty one removes them") {
  Fixture f;
  const int64_t a = f.sessions.create("a");
  f.sessions.set_setting("theme", "dark");
  f.sessions.set_setting("theme", "light");
  f.sessions.set_state(a, "draft", "why");
  f.sessions.set_state(a, "draft", "why?");
  CHECK(f.sessions.settings().at("theme") == "light");
  CHECK(f.sessions.state(a).at("draft") == "why?");
  f.sessions.set_setting("theme", "");
  f.sessions.set_state(a, "draft", "");
  CHECK(f.sessions.settings().empty());
  CHECK(f.sessions.state(a).empty());
}

TEST_CASE("store/run_store: runs and samples come back field for field") {
  const auto database = Database::in_memory();
  RunStore runs(*database);
  TaskRun run;
  run.task = "cmdgen";
  run.dataset = "pairs.jsonl";
  run.dataset_hash = "ab";
  run.model = "tiny.gguf";
  run.started = 7;
  run.n_samples = 3;
  run.manifest = "{\"seed\":1}";
  run.id = runs.create(run);
  TaskSample sample;
  sample.number = 2;
  sample.input = "list files";
  sample.expected = "ls";
  sample.output = "ls -l\n";
  sample.parse_state = "ok";
  sample.failure = "extra flag";
  sample.details = "{\"edit\":3}";
  sample.score = 0.5;
  sample.ms = 12.5;
  sample.prompt_tokens = 10;
  sample.generated_tokens = 3;
  TaskSample other = sample;
  other.number = 0;
  runs.add_samples(run.id, {sample, other});
  sample.score = 1;
  runs.add_samples(run.id, {sample});
  CHECK(runs.samples(run.id) == std::vector<TaskSample>{other, sample});
  CHECK(runs.sample(run.id, 2) == sample);
  CHECK_FALSE(runs.sample(run.id, 1).has_value());
  run.state = "done";
  run.metrics = "{\"exact\":0.5}";
  run.finished = 9;
  runs.update(run);
  run.n_done = 2;
  CHECK(runs.run(run.id) == run);
  CHECK(runs.list("cmdgen").size() == 1);
  CHECK(runs.list("nl2kql").empty());
  runs.remove(run.id);
  CHECK(runs.list().empty());
  CHECK(runs.samples(run.id).empty());
}

TEST_CASE("store/run_store: an interrupted run is closed as cancelled, an unknown one is refused") {
  const auto database = Database::in_memory();
  RunStore runs(*database);
  TaskRun run;
  run.task = "cmdgen";
  const int64_t id = runs.create(run);
  CHECK(runs.close_interrupted() == 1);
  CHECK(runs.close_interrupted() == 0);
  CHECK(runs.run(id)->state == "cancelled");
  CHECK(runs.run(id)->error.find("interrupted") != std::string::npos);
  CHECK_THROWS_AS(runs.add_samples(99, {{}}), engine::Error);
  CHECK_THROWS_AS(runs.remove(99), engine::Error);
}
