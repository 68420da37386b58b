// Kusto, Log Analytics, Loki and Elasticsearch against recorded exchanges, played on loopback.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/connectors/connection.h"
#include "app/connectors/kusto_answer.h"
#include "app/kql/query.h"
#include "engine/base/error.h"
#include "tests/support/scripted_http.h"

namespace {

using namespace app;
using connectors::Connection;
using kql::ResultTable;
using json = nlohmann::ordered_json;  // members come in the order the servers send them

kql::Tables tables_of(const std::string& kind, const std::string& url, const std::string& database = "", const std::string& user = "", const std::string& secret = "t0ken") {
  kql::Tables tables;
  tables.add_cluster("srv", connectors::make_server({"srv", kind, url, user, database, "", false}, [secret] { return secret; }));
  return tables;
}

std::string errors_of(const ResultTable& result) {
  std::string out;
  for (const kql::Diagnostic& d : result.diagnostics) out += d.message + " ";
  return out;
}

std::string cells(const ResultTable& r) {
  std::string out;
  for (uint64_t row = 0; row < r.n_rows; ++row) {
    for (size_t c = 0; c < r.columns.size(); ++c) {
      const auto [chunk, at] = r.locate(row);
      out += (c ? "|" : "") + kql::cell_json(chunk->columns[c], at);
    }
    out += "\n";
  }
  return out;
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

// ---------------------------------------------------------------- Kusto

json kusto_frame(const json& columns, const json& rows) {
  return {{"FrameType", "DataTable"}, {"TableId", 1}, {"TableKind", "PrimaryResult"}, {"TableName", "PrimaryResult"}, {"Columns", columns}, {"Rows", rows}};
}
std::string kusto_answer(const json& columns, const json& rows, bool errors = false) {
  json completion = {{"FrameType", "DataSetCompletion"}, {"HasErrors", errors}, {"Cancelled", false}};
  if (errors) completion["OneApiErrors"] = json::array({{{"error", {{"code", "LimitsExceeded"}, {"message", "Request aborted"}, {"@message", "memory limit was reached"}}}}});
  const json properties = {{"FrameType", "DataTable"}, {"TableId", 0}, {"TableKind", "QueryProperties"}, {"TableName", "@ExtendedProperties"},
                           {"Columns", json::array({{{"ColumnName", "TableId"}, {"ColumnType", "int"}}, {{"ColumnName", "Key"}, {"ColumnType", "string"}}})},
                           {"Rows", json::array({json::array({1, "Visualization"})})}};
  return json::array({{{"FrameType", "DataSetHeader"}, {"IsProgressive", false}, {"Version", "v2.0"}}, properties, kusto_frame(columns, rows), completion}).dump();
}
json kusto_columns(const std::vector<std::pair<std::string, std::string>>& list) {
  json out = json::array();
  for (const auto& [name, type] : list) out.push_back({{"ColumnName", name}, {"ColumnType", type}});
  return out;
}
std::string kusto_schema(const std::vector<std::pair<std::string, std::string>>& list) {
  json rows = json::array();
  for (const auto& [name, type] : list) rows.push_back({name, rows.size(), "System." + type, type});
  return kusto_answer(kusto_columns({{"ColumnName", "string"}, {"ColumnOrdinal", "int"}, {"DataType", "string"}, {"ColumnType", "string"}}), rows);
}

bool ends_with(const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; }

}  // namespace

TEST_CASE("kusto: leading operators go to the server as they are written, the rest runs here") {
  const std::vector<std::pair<std::string, std::string>> columns = {{"State", "string"}, {"n", "long"}};
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    if (ends_with(json::parse(r.body)["csl"], "getschema")) return {200, kusto_schema(columns)};
    return {200, kusto_answer(kusto_columns(columns), json::array({json::array({"TEXAS", 4701}), json::array({"KANSAS", 3166})}))};
  });
  const kql::Tables tables = tables_of("kusto", server.url(), "Samples");
  const ResultTable r = kql::run("let least = 3500;\ncluster('srv').database('Samples').StormEvents\n| where StartTime > datetime(2007-01-01) // as written\n"
                                 "| summarize n = count() by State\n| where n > least\n| extend x = State", tables, {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(cells(r) == "\"TEXAS\"|4701|\"TEXAS\"\n");
  const std::vector<ScriptedRequest> requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].method == "POST");
  CHECK(requests[1].target == "/v2/rest/query");
  CHECK(requests[1].header("Authorization") == "Bearer t0ken");
  const json body = json::parse(requests[1].body);
  CHECK(body["db"] == "Samples");
  CHECK(body["csl"] == "StormEvents\n| where StartTime > datetime(2007-01-01) // as written\n| summarize n = count() by State");
}

TEST_CASE("kusto: explain says which operators the server gets") {
  const std::vector<std::pair<std::string, std::string>> columns = {{"State", "string"}, {"n", "long"}};
  ScriptedHttp server([&](const ScriptedRequest&) -> ScriptedAnswer { return {200, kusto_schema(columns)}; });
  const kql::Tables tables = tables_of("kusto", server.url(), "db");
  const kql::Explanation e = kql::explain("let k = 1; cluster('srv').T | join kind=inner (cluster('srv').database('other').U | where a > 0) on State | where n > k | take 5", tables, {});
  REQUIRE(e.diagnostics.empty());
  REQUIRE(e.statements.size() == 1);
  CHECK(e.statements[0].text == "T | join kind=inner (database('other').U | where a > 0) on State");
  REQUIRE(e.steps.size() == 4);
  CHECK(e.steps[1].where == "Kusto srv");
  CHECK(e.steps[2].where == "here");
  CHECK(server.requests().size() == 1);  // the schema alone
}

TEST_CASE("kusto: every type of a cell is read") {
  const std::vector<std::pair<std::string, std::string>> columns = {
      {"b", "bool"}, {"i", "int"}, {"l", "long"}, {"r", "real"}, {"m", "decimal"}, {"s", "string"}, {"t", "datetime"}, {"p", "timespan"}, {"g", "guid"}, {"y", "dynamic"}};
  const json rows = json::array({
      json::array({true, 7, 9007199254740993, 1.5, "12.500", "x\ny", "2024-02-29T01:02:03.1234567Z", "1.00:00:00.5000000", "6F9619FF-8B86-D011-B42D-00C04FC964FF", json({{"a", {1, 2}}, {"b", nullptr}})}),
      json::array({nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr}),
      json::array({1, -7, -1, "NaN", 3, "", "2024-01-01T00:00:00Z", "00:00:01", nullptr, "{\"in\": \"text\"}"}),
      json::array({false, 0, 0, "-Infinity", "0", "é", nullptr, "-00:00:01", nullptr, "plain"})});
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    return {200, ends_with(json::parse(r.body)["csl"], "getschema") ? kusto_schema(columns) : kusto_answer(kusto_columns(columns), rows)};
  });
  const ResultTable r = kql::run("cluster('srv').T", tables_of("kusto", server.url(), "db"), {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(cells(r) ==
        "true|7|9007199254740993|1.5|12.5|\"x\\ny\"|\"2024-02-29T01:02:03.1234567Z\"|\"1.00:00:00.5000000\"|\"6f9619ff-8b86-d011-b42d-00c04fc964ff\"|{\"a\":[1,2],\"b\":null}\n"
        "null|null|null|null|null|\"\"|null|null|null|null\n"
        "true|-7|-1|\"NaN\"|3|\"\"|\"2024-01-01T00:00:00.0000000Z\"|\"00:00:01\"|null|{\"in\":\"text\"}\n"
        "false|0|0|\"-Infinity\"|0|\"é\"|null|\"-00:00:01\"|null|\"plain\"\n");
}

TEST_CASE("kusto: what goes wrong is said") {
  const std::vector<std::pair<std::string, std::string>> columns = {{"n", "long"}};
  std::string mode = "semantic";
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    const bool schema = ends_with(json::parse(r.body)["csl"], "getschema");
    if (mode == "semantic") return {400, R"({"error":{"code":"General_BadRequest","message":"Request is invalid","@message":"Semantic error: 'where' operator: Failed to resolve column named 'nope'"}})"};
    if (mode == "token") return {401, ""};
    if (mode == "moved") return {302, "", "Location: http://127.0.0.1:1/\r\n"};
    if (schema) return {200, kusto_schema(columns)};
    if (mode == "partial") return {200, kusto_answer(kusto_columns(columns), json::array({json::array({1})}), true)};
    if (mode == "row error") return {200, kusto_answer(kusto_columns(columns), json::array({json::array({1}), {{"OneApiErrors", json::array({{{"error", {{"@message", "too many rows"}}}}})}}}))};
    if (mode == "cut") return {200, kusto_answer(kusto_columns(columns), json::array({json::array({1})})), "", 0, 300};
    if (mode == "half") return {200, kusto_answer(kusto_columns(columns), json::array({json::array({1})})).substr(0, 300)};
    if (mode == "width") return {200, kusto_answer(kusto_columns(columns), json::array({json::array({1, 2})}))};
    return {200, "<html>"};
  });
  const kql::Tables tables = tables_of("kusto", server.url(), "db");
  const auto run = [&] { return kql::run("cluster('srv').T | where nope == 1", tables, {}); };
  CHECK(errors_of(run()).find("Failed to resolve column named 'nope'") != std::string::npos);
  mode = "token";
  CHECK(errors_of(run()).find("refuses the token") != std::string::npos);
  mode = "moved";
  CHECK(errors_of(run()).find("another address") != std::string::npos);
  CHECK(server.requests().size() == 3);  // the token went nowhere else
  const std::pair<const char*, const char*> broken[] = {
      {"partial", "memory limit was reached"}, {"row error", "too many rows"}, {"cut", "broke off"}, {"half", "no JSON"}, {"width", "more than 1 cells"}, {"other", "no JSON"}};
  for (const auto& answer : broken) {
    mode = answer.first;
    CAPTURE(mode);
    if (mode == "other") {
      CHECK(thrown_by([] { connectors::read_kusto_answer("<html>"); }, engine::ErrorKind::io).find(answer.second) != std::string::npos);
    } else {
      CHECK(thrown_by(run, engine::ErrorKind::io).find(answer.second) != std::string::npos);
    }
  }
}

TEST_CASE("loganalytics: the workspace is in the address, and the v1 answer is read") {
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    const bool schema = ends_with(json::parse(r.body)["query"], "getschema");
    const json columns = schema ? json::array({{{"name", "ColumnName"}, {"type", "string"}}, {{"name", "ColumnType"}, {"type", "string"}}})
                                : json::array({{{"name", "Computer"}, {"type", "string"}}, {{"name", "n"}, {"type", "long"}}});
    const json rows = schema ? json::array({json::array({"Computer", "string"}), json::array({"n", "long"})}) : json::array({json::array({"web-1", 3})});
    return {200, json({{"tables", json::array({{{"name", "PrimaryResult"}, {"columns", columns}, {"rows", rows}}})}}).dump()};
  });
  const ResultTable r = kql::run("cluster('srv').database('1111-2222').Heartbeat | summarize n = count() by Computer", tables_of("loganalytics", server.url()), {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(cells(r) == "\"web-1\"|3\n");
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests()[1].target == "/v1/workspaces/1111-2222/query");
  CHECK(json::parse(server.requests()[1].body)["query"] == "Heartbeat | summarize n = count() by Computer");
}

TEST_CASE("kusto: a cancel does not wait for the server") {
  ScriptedHttp server([&](const ScriptedRequest&) -> ScriptedAnswer { return {200, "[]", "", 1500}; });
  std::stop_source stop;
  kql::RunOptions options;
  options.stop = stop.get_token();
  std::chrono::steady_clock::time_point asked;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  const kql::Tables tables = tables_of("kusto", server.url(), "db");
  thrown_by([&] { kql::run("cluster('srv').T | count", tables, options); }, engine::ErrorKind::cancelled);
  CHECK(std::chrono::steady_clock::now() - asked < std::chrono::milliseconds(100));
}

// ---------------------------------------------------------------- Loki

namespace {

// Lines every second from 2023-11-14T22:13:20Z; answers query_range as Loki does.
ScriptedAnswer loki_range(const ScriptedRequest& r, const std::vector<std::pair<int64_t, std::string>>& lines) {
  const auto number = [&](const std::string& key) {
    const size_t at = r.target.find(key + "=");
    return std::stoll(r.target.substr(at + key.size() + 1));
  };
  const int64_t start = number("start"), end = number("end"), limit = number("limit");
  json even = json::array(), odd = json::array();
  int64_t n = 0;
  for (const auto& [ns, line] : lines) {
    if (ns < start || ns >= end || n == limit) continue;
    (line.back() % 2 ? odd : even).push_back(json::array({std::to_string(ns), line}));
    ++n;
  }
  json result = json::array();
  if (!even.empty()) result.push_back({{"stream", {{"app", "api"}, {"pod", "a"}}}, {"values", even}});
  if (!odd.empty()) result.push_back({{"stream", {{"app", "api"}, {"pod", "b"}}}, {"values", odd}});
  return {200, json({{"status", "success"}, {"data", {{"resultType", "streams"}, {"result", result}, {"stats", json::object()}}}}).dump()};
}

constexpr int64_t loki_begin = 1'700'000'000'000'000'000;

}  // namespace

TEST_CASE("loki: times and searches go to the server, and every condition holds here") {
  const std::vector<std::pair<int64_t, std::string>> lines = {
      {loki_begin, "Error one"}, {loki_begin + 1'000'000'150, "fine"}, {loki_begin + 2'000'000'000, "errors two"}, {loki_begin + 3'000'000'000, "an error three"}, {loki_begin + 9'000'000'000, "error late"}};
  ScriptedHttp server([&](const ScriptedRequest& r) { return loki_range(r, lines); });
  const kql::Tables tables = tables_of("loki", server.url());
  const ResultTable r = kql::run(
      "cluster('srv').database('app').api | where Timestamp between (datetime(2023-11-14 22:13:20) .. 5s) and Line has 'ERROR' | project Timestamp, Line, pod = Labels.pod", tables, {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(cells(r) == "\"2023-11-14T22:13:20.0000000Z\"|\"Error one\"|\"b\"\n\"2023-11-14T22:13:23.0000000Z\"|\"an error three\"|\"b\"\n");
  REQUIRE(server.requests().size() == 1);
  const std::string target = server.requests()[0].target;
  CHECK(target.find("start=1700000000000000000&end=1700000005000000100") != std::string::npos);
  CHECK(target.find("query=%7Bapp%3D%22api%22%7D%20%7C~%20%22%28%3Fi%29ERROR%22") != std::string::npos);
  CHECK(server.requests()[0].header("Authorization") == "Bearer t0ken");
  const ResultTable all = kql::run("cluster('srv').table('{app=\"api\"}') | where Timestamp >= datetime(2023-11-14 22:13:20) and Timestamp < datetime(2023-11-15) | count", tables, {});
  REQUIRE_MESSAGE(!all.failed(), errors_of(all));
  CHECK(cells(all) == "5\n");
}

TEST_CASE("loki: pages join without a line lost or given twice") {
  std::vector<std::pair<int64_t, std::string>> lines;
  for (int64_t k = 0; k < 12'345; ++k) lines.emplace_back(loki_begin + (k / 3) * 1'000'000, "line " + std::to_string(k));
  ScriptedHttp server([&](const ScriptedRequest& r) { return loki_range(r, lines); });
  const ResultTable r = kql::run("cluster('srv').api | where Timestamp > datetime(2023-01-01) and Timestamp < datetime(2024-01-01) | summarize count(), dcount(Line)", tables_of("loki", server.url()), {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  CHECK(cells(r) == "12345|12345\n");
  CHECK(server.requests().size() == 3);
}

TEST_CASE("loki: what it cannot do is said") {
  std::string mode = "ok";
  std::vector<std::pair<int64_t, std::string>> lines;
  for (int k = 0; k < 6000; ++k) lines.emplace_back(loki_begin, "line " + std::to_string(k));
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    if (mode == "parse") return {400, "parse error at line 1, col 2: syntax error"};
    if (mode == "shape") return {200, R"({"status":"success","data":{"resultType":"matrix","result":[]}})"};
    if (mode == "deep") return {200, R"({"data":{"resultType":"streams","result":[{"stream":)" + std::string(100'000, '[') + std::string(100'000, ']') + R"(,"values":[]}]}})"};
    return loki_range(r, lines);
  });
  const kql::Tables tables = tables_of("loki", server.url());
  const std::string query = "cluster('srv').api | where Timestamp > datetime(2023-01-01) | count";
  CHECK(errors_of(kql::run("cluster('srv').api | count", tables, {})).find("where Timestamp > ago(1h)") != std::string::npos);
  CHECK(server.requests().empty());
  CHECK(thrown_by([&] { kql::run(query, tables, {}); }, engine::ErrorKind::io).find("at one instant") != std::string::npos);
  mode = "parse";
  CHECK(errors_of(kql::run(query, tables, {})).find("parse error") != std::string::npos);
  mode = "shape";
  CHECK(thrown_by([&] { kql::run(query, tables, {}); }, engine::ErrorKind::io).find("cannot be read") != std::string::npos);
  mode = "deep";
  CHECK(thrown_by([&] { kql::run(query, tables, {}); }, engine::ErrorKind::io).find("nests too deeply") != std::string::npos);
}

// ---------------------------------------------------------------- Elasticsearch

namespace {

const char* const mapping = R"({"logs-1":{"mappings":{"properties":{"@timestamp":{"type":"date"},"level":{"type":"keyword"},"short":{"type":"keyword","ignore_above":10},
  "message":{"type":"text"},"took":{"type":"long"},"ratio":{"type":"float"},"ok":{"type":"boolean"},"big":{"type":"unsigned_long"},"host":{"properties":{"name":{"type":"keyword"}}}}}}})";

json hit(int k) {
  json source = {{"@timestamp", "2023-11-14T22:13:" + std::to_string(20 + k) + ".123Z"}, {"level", k % 2 ? "error" : "info"}, {"message", "line " + std::to_string(k)},
                 {"took", k * 10}, {"ratio", k / 2.0}, {"ok", k % 2 == 0}, {"host", {{"name", "web-" + std::to_string(k % 3)}}}};
  if (k == 3) source["took"] = json::array({31, 99});
  if (k == 4) source.erase("took");
  if (k == 5) source["@timestamp"] = 1'700'000'005'123;
  if (k == 7) source["@timestamp"] = "281474976710655";  // after the year 9999
  if (k == 6) source["big"] = 18446744073709551615ull;
  return {{"_id", "id" + std::to_string(k)}, {"_source", source}};
}

// A scroll of two pages and an empty one, as Elasticsearch answers.
ScriptedAnswer elastic(const ScriptedRequest& r) {
  if (r.target == "/logs-*/_mapping" || r.target == "/logs-%2A/_mapping" || r.target == "/logs-1/_mapping") return {200, mapping};
  if (r.method == "DELETE") return {200, R"({"succeeded":true,"num_freed":1})"};
  json hits = json::array();
  const json body = json::parse(r.body);
  const bool first = r.target.find("/_search?scroll=") != std::string::npos;
  if (first) for (int k = 0; k < 5; ++k) hits.push_back(hit(k));
  else if (body["scroll_id"] == "s1") for (int k = 5; k < 8; ++k) hits.push_back(hit(k));
  return {200, json({{"_scroll_id", first ? "s1" : "s2"}, {"timed_out", false}, {"_shards", {{"total", 1}, {"failed", 0}}}, {"hits", {{"hits", hits}}}}).dump()};
}

}  // namespace

TEST_CASE("elasticsearch: an index is a table, read page by page, and its scroll is closed") {
  ScriptedHttp server(elastic);
  const kql::Tables tables = tables_of("elasticsearch", server.url(), "", "me", "pw");
  const ResultTable r = kql::run("cluster('srv').['logs-1'] | sort by _id asc | project _id, ['@timestamp'], level, took, ratio, ok, big, host.name", tables, {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  const std::string text = cells(r);
  CHECK(r.n_rows == 8);
  CHECK(text.find("\"id0\"|\"2023-11-14T22:13:20.1230000Z\"|\"info\"|0|0.0|true|null|\"web-0\"\n") != std::string::npos);
  CHECK(text.find("\"id3\"|\"2023-11-14T22:13:23.1230000Z\"|\"error\"|31|1.5|false|null|\"web-0\"\n") != std::string::npos);
  CHECK(text.find("\"id4\"|\"2023-11-14T22:13:24.1230000Z\"|\"info\"|null|") != std::string::npos);
  CHECK(text.find("\"id5\"|\"2023-11-14T22:13:25.1230000Z\"|") != std::string::npos);
  CHECK(text.find("|18446744073709551615|") != std::string::npos);
  CHECK(text.find("\"id7\"|null|") != std::string::npos);
  const std::vector<ScriptedRequest> requests = server.requests();
  REQUIRE(requests.size() == 5);
  CHECK(requests.back().method == "DELETE");
  CHECK(requests[0].header("Authorization") == "Basic bWU6cHc=");
}

TEST_CASE("elasticsearch: bounds and keywords go to the server, and every condition holds here") {
  ScriptedHttp server(elastic);  // it takes no notice of them
  const kql::Tables tables = tables_of("elasticsearch", server.url());
  const ResultTable r = kql::run("cluster('srv').['logs-1'] | where ['@timestamp'] >= datetime(2023-11-14 22:13:21.5) and took < 60 and level == 'error' and short == 'x' or took == 30 | count", tables, {});
  REQUIRE_MESSAGE(!r.failed(), errors_of(r));
  const ResultTable exact = kql::run("cluster('srv').['logs-1'] | where ['@timestamp'] > datetime(2023-11-14 22:13:21.1230001) and took <= 50 and level == 'error' | where message has 'line' | summarize count(), max(took)", tables, {});
  REQUIRE_MESSAGE(!exact.failed(), errors_of(exact));
  CHECK(cells(exact) == "2|50\n");
  std::string body;
  for (const ScriptedRequest& request : server.requests()) {
    if (request.target.find("/_search?scroll=") != std::string::npos) body = request.body;
  }
  const json sent = json::parse(body);
  const json filters = sent["query"]["bool"]["filter"];
  REQUIRE(filters.size() == 3);
  CHECK(filters[0]["range"]["@timestamp"]["gte"] == 1'700'000'001'123);
  CHECK(filters[1]["range"]["took"]["lte"] == 50);
  CHECK(filters[2]["term"]["level"] == "error");
  CHECK(sent["_source"] == json::array({"@timestamp", "level", "message", "took"}));
}

TEST_CASE("elasticsearch: what goes wrong is said") {
  std::string mode;
  ScriptedHttp server([&](const ScriptedRequest& r) -> ScriptedAnswer {
    if (mode == "missing") return {404, R"({"error":{"type":"index_not_found_exception","reason":"no such index [nope]"},"status":404})"};
    if (r.target.find("_mapping") != std::string::npos) return elastic(r);
    if (mode == "shards") return {200, R"({"_scroll_id":"s","timed_out":false,"_shards":{"total":2,"failed":1},"hits":{"hits":[]}})"};
    if (mode == "shape") return {200, R"({"hits":[]})"};
    if (mode == "deep") return {200, R"({"_scroll_id":"s","hits":{"hits":[{"_id":"a","_source":{"host":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}}]}}"};
    return elastic(r);
  });
  const kql::Tables tables = tables_of("elasticsearch", server.url());
  mode = "missing";
  CHECK(errors_of(kql::run("cluster('srv').nope | count", tables, {})).find("no such index [nope]") != std::string::npos);
  mode = "shards";
  CHECK(thrown_by([&] { kql::run("cluster('srv').['logs-1'] | count", tables, {}); }, engine::ErrorKind::io).find("not whole") != std::string::npos);
  mode = "shape";
  CHECK(thrown_by([&] { kql::run("cluster('srv').['logs-1'] | count", tables, {}); }, engine::ErrorKind::io).find("cannot be read") != std::string::npos);
  mode = "deep";
  CHECK(thrown_by([&] { kql::run("cluster('srv').['logs-1'] | count", tables, {}); }, engine::ErrorKind::io).find("nests too deeply") != std::string::npos);
  CHECK(errors_of(kql::run("cluster('srv').table('a/_search') | count", tables, {})).find("is no index") != std::string::npos);
}

TEST_CASE("servers: each says who it is") {
  ScriptedHttp server([](const ScriptedRequest& r) -> ScriptedAnswer {
    if (r.target == "/") return {200, R"({"version":{"number":"2.11.0","distribution":"opensearch"}})"};
    if (r.target == "/loki/api/v1/labels") return {200, R"({"status":"success","data":["app","pod"]})"};
    return {200, kusto_answer(kusto_columns({{"print_0", "long"}}), json::array({json::array({1})}))};
  });
  const auto greet = [&](const std::string& kind) { return connectors::make_server({"s", kind, server.url(), "", "db", "", false}, [] { return std::string(); })->greet({}); };
  CHECK(greet("elasticsearch") == "OpenSearch 2.11.0");
  CHECK(greet("loki") == "Loki, 2 labels: app pod");
  CHECK(greet("kusto").find("Kusto answers at") == 0);
}
