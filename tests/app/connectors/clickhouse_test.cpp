// The ClickHouse connector against a real clickhouse-server: the same queries over the same rows
// there and here, and what goes wrong on the way.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "app/connectors/connection.h"
#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "app/kql/query.h"
#include "app/kql/value.h"
#include "engine/base/error.h"
#include "tests/support/clickhouse_server.h"

namespace {

using namespace app;
using columns::Column;
using columns::Type;
using connectors::Connection;
using kql::ResultTable;
using kql::Value;
using Clock = std::chrono::steady_clock;

constexpr int64_t epoch = 621'355'968'000'000'000, second = 10'000'000, day = 864'000'000'000;

#define NEEDS_SERVER()                                                              \
  if (!ClickHouseServer::available()) {                                             \
    MESSAGE("skipped: there is no clickhouse-server here (apt-get install clickhouse-server)"); \
    return;                                                                         \
  }

// One server for the tests that leave it as it is.
ClickHouseServer& shared_server() {
  static ClickHouseServer server;
  static const bool once = [] {
    server.run("CREATE DATABASE IF NOT EXISTS t");
    return true;
  }();
  (void)once;
  return server;
}

kql::Tables tables_of(const std::string& url, const std::string& user = "plain", const std::string& password = "", const std::string& ca = "") {
  Connection c{"ch", "clickhouse", url, user, "t", ca, false};
  if (std::getenv("SIGMA_CLICKHOUSE_URL")) c.user.clear();
  kql::Tables tables;
  tables.add_cluster("ch", connectors::make_server(c, [password] { return password; }));
  return tables;
}

// ---------------------------------------------------------------- the same rows there and here

struct ColumnSpec {
  const char* name;
  Type type;
  const char* there;
};
constexpr ColumnSpec specs[] = {
    {"Id", Type::int64, "Int64"}, {"Timestamp", Type::datetime, "DateTime('Asia/Tokyo')"}, {"Day", Type::datetime, "Date"},
    {"Level", Type::string, "LowCardinality(String)"}, {"Host", Type::string, "String"}, {"Message", Type::string, "String"},
    {"N", Type::int64, "Int64"}, {"Small", Type::int32, "Int8"}, {"R", Type::real, "Float64"}, {"Nr", Type::real, "Nullable(Float64)"},
    {"Ni", Type::int32, "Nullable(Int32)"}, {"Nj", Type::int32, "Nullable(Int16)"}, {"Key", Type::guid, "UUID"}, {"Tags", Type::dynamic, "Array(String)"},
    {"Price", Type::decimal, "Decimal(18, 4)"}, {"Fixed", Type::string, "FixedString(4)"}, {"Kind", Type::string, "Enum8('a' = 1, 'b' = 2)"},
    {"Big", Type::int64, "UInt64"}, {"Maybe", Type::string, "Nullable(String)"}};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\t') out += "\\t";
    else if (c == '\n') out += "\\n";
    else if (c == '\\') out += "\\\\";
    else out += c;
  }
  return out;
}

// A row as values here and as tab-separated text there.
struct Row {
  std::vector<Value> values;
  std::string text;
  void add(Value v, const std::string& there) {
    text += (text.empty() ? "" : "\t") + there;
    values.push_back(std::move(v));
  }
  void add(int64_t i, Type type) { add({type, false, i, 0, {}}, std::to_string(i)); }
  void add(const std::string& s) { add(Value::text(s), escaped(s)); }
  void none(Type type) { add(Value::none(type), "\\N"); }
};

Row make_row(int64_t k) {
  static const std::vector<std::string> messages = {
      "disk full on sda", "Disk quota: 7.25 of 8 GB", "TIMEOUT, connection refused", "user a.b logged-in", "café crème", "CAFÉ noir",
      "", "line one\nline two", "quote ' and \\ slash \t tab", "disk", "predisk diskette", "{p1:String} %41 ; --", "x_disk_y"};
  static const std::vector<double> reals = {0.0, -0.0, 1.5, -2.25, 1e300, 3.0000001, INFINITY, -INFINITY, NAN, 0.1};
  Row r;
  r.add(k, Type::int64);
  const int64_t unix_time = 1'700'000'000 + k * 7;
  r.add(Value::datetime(epoch + unix_time * second), std::to_string(unix_time));
  const int64_t midnight = epoch + (19'000 + k % 40) * day;
  r.add(Value::datetime(midnight), kql::datetime_text(midnight).substr(0, 10));
  r.add(std::vector<std::string>{"INFO", "ERROR", "Warn", "error"}[static_cast<size_t>(k % 7) % 4]);
  r.add("host-" + std::to_string(k % 5));
  r.add(messages[static_cast<size_t>(k) % messages.size()]);
  r.add(k == 99 ? INT64_MAX : k == 98 ? INT64_MIN : k - 50, Type::int64);
  r.add(k == 97 ? -128 : k == 96 ? 127 : (k * 3) % 100 - 50, Type::int32);
  const double real = k < 20 ? reals[static_cast<size_t>(k) % reals.size()] : static_cast<double>(k) / 8 - 6;
  const auto spelt = [](double v) { return std::isnan(v) ? std::string("nan") : std::isinf(v) ? (v > 0 ? "inf" : "-inf") : kql::real_text(v); };
  r.add(Value::real(real), spelt(real));
  if (k % 4 == 0) r.none(Type::real);
  else if (k % 11 == 5) r.add(Value::real(NAN), "nan");
  else r.add(Value::real(static_cast<double>(k % 9) / 2), kql::real_text(static_cast<double>(k % 9) / 2));
  if (k % 3 == 0) r.none(Type::int32);
  else r.add(k % 10 - 4, Type::int32);
  if (k % 5 == 0) r.none(Type::int32);
  else r.add(k % 6 - 2, Type::int32);
  char guid[40];
  std::snprintf(guid, sizeof guid, "00000000-0000-0000-0000-%012d", static_cast<int>(k));
  r.add({Type::guid, false, 0, 0, guid}, guid);
  const std::string tag = k % 2 ? "it's" : "b";
  r.add(Value::dynamic("[\"" + tag + "\",\"" + std::to_string(k % 3) + "\"]"), "['" + std::string(k % 2 ? "it\\'s" : "b") + "','" + std::to_string(k % 3) + "']");
  const std::string price = std::to_string(k - 20) + (k % 2 ? ".25" : ".5");
  r.add(kql::convert(Value::text(price), Type::decimal), price);
  r.add(k % 3 ? "ab" : "abcd");
  r.add(k % 2 ? "a" : "b");
  if (k % 10 == 9) r.add(Value::none(Type::int64), "18446744073709551" + std::to_string(600 + k % 10));
  else r.add(k, Type::int64);
  r.values.push_back(Value::text(k % 4 ? "m" + std::to_string(k % 4) : ""));
  r.text += k % 4 ? "\tm" + std::to_string(k % 4) : "\t\\N";
  return r;
}

// Makes t.logs there; gives the same table as T here.
std::shared_ptr<const kql::Table> make_logs(ClickHouseServer& server, int64_t n_rows) {
  std::string declared, rows;
  columns::Schema schema;
  auto chunk = std::make_shared<columns::Chunk>();
  for (const ColumnSpec& spec : specs) {
    declared += (declared.empty() ? "" : ", ") + std::string(spec.name) + " " + spec.there;
    schema.push_back({spec.name, spec.type});
    chunk->columns.emplace_back(spec.type);
  }
  for (int64_t k = 0; k < n_rows; ++k) {
    const Row row = make_row(k);
    rows += row.text + "\n";
    for (size_t c = 0; c < row.values.size(); ++c) push(chunk->columns[c], row.values[c]);
  }
  chunk->n_rows = static_cast<size_t>(n_rows);
  server.run("DROP TABLE IF EXISTS t.logs");
  server.run("CREATE TABLE t.logs (" + declared + ") ENGINE = MergeTree ORDER BY Timestamp");
  server.run("INSERT INTO t.logs FORMAT TabSeparated\n" + rows);
  return kql::make_memory_table(schema, {chunk});
}

// Reals to twelve digits: their sums depend on the order of the rows.
std::string row_text(const ResultTable& result, const columns::Chunk& chunk, size_t row) {
  std::string out;
  for (size_t c = 0; c < chunk.columns.size(); ++c) {
    char text[64];
    const Column& column = chunk.columns[c];
    if (column.type() == Type::real && !column.is_null(row)) {
      std::snprintf(text, sizeof text, "%.12g", column.f64(row) == 0 ? 0.0 : column.f64(row));
      out += std::string(text) + "|";
    } else {
      out += kql::cell_json(column, row) + "|";
    }
  }
  (void)result;
  return out;
}
std::vector<std::string> rows_of(const ResultTable& result, bool in_order) {
  std::vector<std::string> rows;
  for (const auto& chunk : result.chunks) {
    for (size_t row = 0; row < chunk->n_rows; ++row) rows.push_back(row_text(result, *chunk, row));
  }
  if (!in_order) std::sort(rows.begin(), rows.end());
  return rows;
}

std::string errors_of(const ResultTable& result) {
  std::string out;
  for (const kql::Diagnostic& d : result.diagnostics) out += d.message + " " + d.hint + "; ";
  return out;
}

ResultTable run_there(const kql::Tables& tables, const std::string& query, const kql::RunOptions& options = {}) {
  return kql::run("let T = cluster('ch').database('t').logs; " + query, tables, options);
}

template <typename F>
std::string thrown_by(F f, engine::ErrorKind kind) {
  try {
    f();
  } catch (const engine::Error& e) {
    CHECK(e.kind() == kind);
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("clickhouse: every column is read as it was written") {
  NEEDS_SERVER();
  kql::Tables tables = tables_of(shared_server().url());
  tables.add("T", make_logs(shared_server(), 200));
  const ResultTable here = kql::run("T", tables, {}), there = run_there(tables, "T");
  REQUIRE_MESSAGE(!there.failed(), errors_of(there));
  REQUIRE(there.columns.size() == here.columns.size());
  for (size_t c = 0; c < here.columns.size(); ++c) {
    CAPTURE(here.columns[c].name);
    CHECK(there.columns[c].name == here.columns[c].name);
    CHECK(there.columns[c].type == here.columns[c].type);
  }
  const std::vector<std::string> a = rows_of(here, false), b = rows_of(there, false);
  REQUIRE(a.size() == b.size());
  for (size_t k = 0; k < a.size(); ++k) CHECK(a[k] == b[k]);
}

TEST_CASE("clickhouse: the same queries over the same rows give the same answers there and here") {
  NEEDS_SERVER();
  kql::Tables tables = tables_of(shared_server().url());
  tables.add("T", make_logs(shared_server(), 200));
  std::ifstream in(SIGMA_TEST_CASES "/clickhouse/queries.txt");
  size_t n_queries = 0;
  std::string frozen;
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    REQUIRE(tab != std::string::npos);
    const int n_expected = std::stoi(line.substr(0, tab));
    const std::string query = line.substr(tab + 1);
    CAPTURE(query);
    ++n_queries;
    const ResultTable here = kql::run(query, tables, {}), there = run_there(tables, query);
    REQUIRE_MESSAGE(!here.failed(), errors_of(here));
    REQUIRE_MESSAGE(!there.failed(), errors_of(there));
    const bool in_order = query.find(" sort by ") != std::string::npos || query.find(" order by ") != std::string::npos || query.find(" top ") != std::string::npos;
    CHECK(rows_of(here, in_order) == rows_of(there, in_order));
    // How much of it the server did must not become less.
    const kql::Explanation e = kql::explain("let T = cluster('ch').database('t').logs; " + query, tables, {});
    const auto n_there = std::count_if(e.steps.begin(), e.steps.end(), [](const kql::ExplainStep& s) { return s.where == "ClickHouse ch"; });
    CHECK(n_there >= n_expected);
    frozen += std::to_string(n_there) + "\t" + query + "\n";
  }
  CHECK(n_queries >= 100);
  if (const char* file = std::getenv("SIGMA_WRITE_QUERIES")) std::ofstream(file) << frozen;
}

TEST_CASE("clickhouse: text of a query never becomes SQL") {
  NEEDS_SERVER();
  kql::Tables tables = tables_of(shared_server().url());
  tables.add("T", make_logs(shared_server(), 50));
  for (const std::string text : {"'", "\\", "'; DROP TABLE t.logs; --", "\\'", "{p1:String}", "%27", "`", "\n\t", "unhex('41')"}) {
    CAPTURE(text);
    std::string quoted;
    kql::write_json_string(text, quoted);
    const std::string query = "T | where Message contains " + quoted + " or Host == " + quoted + " | count";
    const ResultTable here = kql::run(query, tables, {}), there = run_there(tables, query);
    REQUIRE_MESSAGE(!there.failed(), errors_of(there));
    CHECK(rows_of(here, false) == rows_of(there, false));
    const kql::Explanation e = kql::explain("cluster('ch').database('t').logs | where Host == " + quoted + " | project Id", tables, {});
    REQUIRE(e.statements.size() == 1);
    CHECK(e.statements[0].text.find(text == "`" ? "'`'" : text + "'") == std::string::npos);
  }
}

TEST_CASE("clickhouse: a hundred million rows are counted there, not here") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.big");
  shared_server().run("CREATE VIEW t.big AS SELECT number FROM system.numbers_mt LIMIT 100000000");
  const kql::Tables tables = tables_of(shared_server().url());
  uint64_t n_bytes = 0;
  kql::RunOptions options;
  options.on_progress = [&](const kql::RemoteProgress& p) { n_bytes = std::max(n_bytes, p.n_bytes_received); };
  const ResultTable r = kql::run("cluster('ch').database('t').big | where number % 2 == 0 | count", tables, options);
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(r.text(0, 0) == "50000000");
  CHECK(n_bytes > 0);
  CHECK(n_bytes < 1000);
}

TEST_CASE("clickhouse: rows stream through little memory") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.wide");
  shared_server().run("CREATE VIEW t.wide AS SELECT number, concat('a text of some length, number ', toString(number)) AS text FROM system.numbers LIMIT 2000000");
  const kql::Tables tables = tables_of(shared_server().url());
  const auto peak_mb = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  };
  const long before = peak_mb();
  uint64_t n_bytes = 0;
  kql::RunOptions options;
  options.on_progress = [&](const kql::RemoteProgress& p) { n_bytes = p.n_bytes_received; };
  const ResultTable r = kql::run("cluster('ch').database('t').wide | extend hash = hash_md5(text) | where hash endswith 'ff' | summarize count(), max(number)", tables, options);
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(std::stoll(r.text(0, 0)) > 5'000);
  CHECK(n_bytes > 80'000'000);
  CHECK(peak_mb() - before < 50);
}

TEST_CASE("clickhouse: a cancel is quick, and ends the query on the server") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.slow");
  shared_server().run("CREATE VIEW t.slow AS SELECT number, sleep(0.2) AS s FROM system.numbers LIMIT 1000000000");
  const kql::Tables tables = tables_of(shared_server().url());
  for (const char* query : {"cluster('ch').database('t').slow | where number + s < 0 | count", "cluster('ch').database('t').slow | extend h = hash_md5(tostring(number)) | where h == 'x'"}) {
    CAPTURE(query);
    // The best of three: other programs may have the processor in between.
    Clock::duration best = std::chrono::hours(1);
    for (int k = 0; k < 3; ++k) {
      std::stop_source stop;
      kql::RunOptions options;
      options.stop = stop.get_token();
      Clock::time_point asked;
      std::jthread canceller([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        asked = Clock::now();
        stop.request_stop();
      });
      thrown_by([&] { kql::run(query, tables, options); }, engine::ErrorKind::cancelled);
      const Clock::time_point ended = Clock::now();
      canceller.join();
      best = std::min(best, ended - asked);
    }
    MESSAGE("cancelled within ", std::chrono::duration_cast<std::chrono::microseconds>(best).count(), " us");
    CHECK(best < std::chrono::milliseconds(100));
    // The server is done with it soon after.
    std::string left = "1";
    for (int k = 0; k < 100 && left.substr(0, 1) != "0"; ++k) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      left = shared_server().run("SELECT count() FROM system.processes WHERE query_id LIKE 'sigmadesk-%'");
    }
    CHECK(left.substr(0, 1) == "0");
  }
}

TEST_CASE("clickhouse: take stops reading, and the server stops too") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.endless");
  shared_server().run("CREATE VIEW t.endless AS SELECT number FROM system.numbers");
  const kql::Tables tables = tables_of(shared_server().url());
  const ResultTable r = kql::run("cluster('ch').database('t').endless | extend h = tohex(number) | where h endswith '7' | take 3", tables, {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(r.n_rows == 3);
  std::string left = "1";
  for (int k = 0; k < 100 && left.substr(0, 1) != "0"; ++k) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    left = shared_server().run("SELECT count() FROM system.processes WHERE query_id LIKE 'sigmadesk-%'");
  }
  CHECK(left.substr(0, 1) == "0");
}

TEST_CASE("clickhouse: a slow server is waited for, and says how far it is") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.slowly");
  shared_server().run("CREATE VIEW t.slowly AS SELECT number, sleep(0.3) AS s FROM system.numbers LIMIT 300000");
  const kql::Tables tables = tables_of(shared_server().url());
  uint64_t n_rows = 0;
  int n_calls = 0;
  kql::RunOptions options;
  options.on_progress = [&](const kql::RemoteProgress& p) { n_rows = std::max(n_rows, p.n_rows_read), ++n_calls; };
  const ResultTable r = kql::run("cluster('ch').database('t').slowly | summarize count(), sum(s)", tables, options);
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(r.text(0, 0) == "300000");
  CHECK(n_calls > 1);
  CHECK(n_rows >= 65'536);
}

TEST_CASE("clickhouse: a server that dies in mid-query is said, not taken for the end of the rows") {
  NEEDS_SERVER();
  if (std::getenv("SIGMA_CLICKHOUSE_URL")) return;
  ClickHouseServer server;
  server.run("CREATE DATABASE t");
  server.run("CREATE VIEW t.endless AS SELECT number FROM system.numbers");
  const kql::Tables tables = tables_of(server.url());
  kql::RunOptions options;
  bool killed = false;
  options.on_rows = [&](const kql::ResultTable&) {
    if (!killed) server.kill();
    killed = true;
  };
  options.row_limit = UINT64_MAX;
  const std::string message = thrown_by([&] { kql::run("cluster('ch').database('t').endless", tables, options); }, engine::ErrorKind::io);
  CHECK(killed);
  CHECK(message.find("connection 'ch'") != std::string::npos);
  // And afterwards it cannot be reached.
  const std::string next = thrown_by([&] { kql::run("cluster('ch').database('t').endless | count", tables, {}); }, engine::ErrorKind::io);
  CHECK(next.find("cannot reach it") != std::string::npos);
}

TEST_CASE("clickhouse: an error behind the first rows is the answer") {
  NEEDS_SERVER();
  shared_server().run("DROP TABLE IF EXISTS t.failing");
  shared_server().run("CREATE VIEW t.failing AS SELECT number, intDiv(number, 2000000 - number) AS bad FROM system.numbers LIMIT 5000000");
  const kql::Tables tables = tables_of(shared_server().url());
  const std::string message = thrown_by([&] { kql::run("cluster('ch').database('t').failing | extend h = tohex(bad) | summarize count() by h", tables, {}); }, engine::ErrorKind::io);
  CHECK(message.find("code 153") != std::string::npos);
}

TEST_CASE("clickhouse: a wrong password is said with what to do; the right one works") {
  NEEDS_SERVER();
  if (std::getenv("SIGMA_CLICKHOUSE_URL")) return;
  make_logs(shared_server(), 20);
  const ResultTable wrong = kql::run("cluster('ch').database('t').logs | count", tables_of(shared_server().url(), "guarded", "guess"), {});
  REQUIRE(wrong.failed());
  CHECK(wrong.diagnostics[0].message.find("refuses the password of user 'guarded'") != std::string::npos);
  CHECK(wrong.diagnostics[0].message.find("sigmactl connect add") != std::string::npos);
  CHECK(wrong.diagnostics[0].message.find("guess") == std::string::npos);
  const ResultTable right = kql::run("cluster('ch').database('t').logs | count", tables_of(shared_server().url(), "guarded", "s3cret pass"), {});
  REQUIRE_MESSAGE(!right.failed(), errors_of(right));
  CHECK(right.text(0, 0) == "20");
}

TEST_CASE("clickhouse: a user who may change no setting can query") {
  NEEDS_SERVER();
  if (std::getenv("SIGMA_CLICKHOUSE_URL")) return;
  make_logs(shared_server(), 20);
  const ResultTable r = kql::run("cluster('ch').database('t').logs | where N < -40 | count", tables_of(shared_server().url(), "reader"), {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(r.text(0, 0) == "10");
}

TEST_CASE("clickhouse: over TLS the certificate decides") {
  NEEDS_SERVER();
  const ClickHouseServer server(true), other(true, "elsewhere.example");
  server.run("CREATE DATABASE t");
  server.run("CREATE VIEW t.one AS SELECT 1 AS x");
  const std::string query = "cluster('ch').database('t').one | count";
  const ResultTable trusted = kql::run(query, tables_of(server.tls_url(), "guarded", "s3cret pass", server.certificate()), {});
  REQUIRE_MESSAGE(!trusted.failed(), errors_of(trusted));
  CHECK(trusted.text(0, 0) == "1");
  const std::string unknown = thrown_by([&] { kql::run(query, tables_of(server.tls_url(), "plain"), {}); }, engine::ErrorKind::io);
  CHECK(unknown.find("certificate cannot be trusted") != std::string::npos);
  const std::string foreign = thrown_by([&] { kql::run(query, tables_of(server.tls_url(), "plain", "", other.certificate()), {}); }, engine::ErrorKind::io);
  CHECK(foreign.find("certificate cannot be trusted") != std::string::npos);
  const std::string misnamed = thrown_by([&] { kql::run(query, tables_of(other.tls_url(), "plain", "", other.certificate()), {}); }, engine::ErrorKind::io);
  CHECK(misnamed.find("certificate cannot be trusted") != std::string::npos);
}

TEST_CASE("clickhouse: a misspelt table or connection names the nearest") {
  NEEDS_SERVER();
  make_logs(shared_server(), 5);
  const kql::Tables tables = tables_of(shared_server().url());
  const ResultTable table = kql::run("cluster('ch').database('t').logz | count", tables, {});
  REQUIRE(table.failed());
  CHECK(table.diagnostics[0].message.find("did you mean logs?") != std::string::npos);
  const ResultTable cluster = kql::run("cluster('cg').database('t').logs | count", tables, {});
  REQUIRE(cluster.failed());
  CHECK(cluster.diagnostics[0].hint == "did you mean ch?");
  const ResultTable column = kql::run("cluster('ch').database('t').logs | where Levle == 'x'", tables, {});
  REQUIRE(column.failed());
  CHECK(column.diagnostics[0].hint == "did you mean Level?");
}

TEST_CASE("clickhouse: only columns that are read are sent") {
  NEEDS_SERVER();
  make_logs(shared_server(), 5);
  const kql::Tables tables = tables_of(shared_server().url());
  const kql::Explanation e = kql::explain("cluster('ch').database('t').logs | extend h = hash_md5(Host) | where N > 1 | summarize count() by h", tables, {});
  REQUIRE(e.statements.size() == 1);
  CHECK(e.statements[0].text.find("`Host`") != std::string::npos);
  CHECK(e.statements[0].text.find("`Message`") == std::string::npos);
  CHECK(e.statements[0].text.find("`Tags`") == std::string::npos);
}
