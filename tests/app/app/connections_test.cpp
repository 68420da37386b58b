// Connections as the screen sees them: kept, tested and asked through the one door of app/.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "app/app.h"
#include "tests/support/scripted_http.h"
#include "tests/app/app/app_fixture.h"

using namespace app;
using connectors::Connection;

namespace {

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Two lines of Loki, and who it is.
ScriptedAnswer loki(const ScriptedRequest& r) {
  if (r.target == "/loki/api/v1/labels") return {200, R"({"status":"success","data":["app","pod"]})"};
  return {200, R"({"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"api"},"values":[["1700000000000000000","one"],["1700000001000000000","two"]]}],"stats":{}}})"};
}

const std::string loki_query = ".api | where Timestamp between (datetime(2023-11-14 22:13:20) .. 5s) | project Line";

}  // namespace

TEST_CASE("app/connections: one is kept with its secret apart, changed without typing it again, removed and brought back") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  const auto items = [&] { return app.connections()->items; };
  app.save_connection("", Connection{"ch", "clickhouse", "https://db.example:8443", "me", "logs", "", false}, "hunter2");
  REQUIRE(wait_until([&] { return items().size() == 1; }));
  CHECK(items()[0].has_secret);
  CHECK(items()[0].leaves_machine);
  CHECK(read(folder.path() + "/connections.json").find("hunter2") == std::string::npos);
  struct stat info {};
  REQUIRE(::stat((folder.path() + "/keyring.json").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);

  app.save_connection("ch", Connection{"db", "clickhouse", "https://db.example:9443", "me", "logs", "", false}, std::nullopt);
  REQUIRE(wait_until([&] { return items().size() == 1 && items()[0].connection.name == "db"; }));
  CHECK(connectors::load_secret(folder.path(), "db") == "hunter2");
  CHECK(connectors::load_secret(folder.path(), "ch").empty());

  app.remove_connection("db");
  REQUIRE(wait_until([&] { return items().empty() && idle(app); }));
  CHECK(connectors::load_secret(folder.path(), "db").empty());
  app.restore_connection();
  REQUIRE(wait_until([&] { return items().size() == 1; }));
  CHECK(connectors::load_secret(folder.path(), "db") == "hunter2");
}

TEST_CASE("app/connections: one that cannot be is refused, said in the view, and nothing is written") {
  const TemporaryFolder folder;
  App app(options_for(folder));
  app.save_connection("", Connection{"x", "clickhouse", "ftp://db", "", "", "", false}, std::nullopt);
  REQUIRE(wait_until([&] { return !app.connections()->error.empty(); }));
  CHECK(app.connections()->error.find("is no address of a server") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/connections.json"));
}

TEST_CASE("app/connections: a test says who answers, or one line on why nobody does") {
  const TemporaryFolder folder;
  ScriptedHttp server(loki);
  App app(options_for(folder));
  app.save_connection("", Connection{"good", "loki", server.url(), "", "", "", false}, std::nullopt);
  app.save_connection("", Connection{"nobody", "loki", "http://127.0.0.1:1", "", "", "", false}, std::nullopt);
  REQUIRE(wait_until([&] { return app.connections()->items.size() == 2 && idle(app); }));
  CHECK(server.requests().empty());   // setting one up asks nobody
  app.test_connection("good");
  app.test_connection("nobody");
  using State = ConnectionTest::State;
  const auto test_of = [&](size_t i) { return app.connections()->items[i].test; };
  REQUIRE(wait_until([&] { return test_of(0).state == State::good && test_of(1).state == State::failed; }));
  CHECK(test_of(0).text == "Loki, 2 labels: app pod");
  CHECK(test_of(1).text.find("127.0.0.1") != std::string::npos);
  CHECK(test_of(1).text.find("does the server run there") != std::string::npos);   // not: is this machine offline
  CHECK(test_of(1).text.find('\n') == std::string::npos);
}

TEST_CASE("app/connections: a table there is a table of KQL here, in queries and in completion") {
  const TemporaryFolder folder;
  ScriptedHttp server(loki);
  App app(options_for(folder));
  app.new_session();
  app.save_connection("", Connection{"here", "loki", server.url(), "", "", "", false}, std::nullopt);
  REQUIRE(wait_until([&] { return app.connections()->items.size() == 1 && idle(app); }));
  app.run_query("cluster('here')" + loki_query);
  REQUIRE(wait_until([&] { return idle(app) && app.kql()->result != nullptr && !app.kql()->running; }));
  CHECK(app.kql()->result->n_rows == 2);
  const auto suggests = [&](const std::string& text, const std::string& wanted) {
    app.complete_query(text, text.size());
    return wait_until([&] {
      const auto help = app.query_help();
      return help->text == text && std::any_of(help->suggestions.items.begin(), help->suggestions.items.end(), [&](const auto& s) { return s.text == wanted; });
    });
  };
  CHECK(suggests("cluster('here').api | where Li", "Line"));
}

TEST_CASE("app/connections: while a server on another machine is asked, the status names it, and not before or after") {
  const TemporaryFolder folder;
  ScriptedHttp server([](const ScriptedRequest& r) {
    ScriptedAnswer answer = loki(r);
    answer.delay_ms = 300;
    return answer;
  });
  // An address that is not known as this machine's own, and is answered here.
  const std::string far = "http://0.0.0.0" + server.url().substr(server.url().rfind(':'));
  App app(options_for(folder));
  app.new_session();
  app.save_connection("", Connection{"far", "loki", far, "", "", "", false}, std::nullopt);
  REQUIRE(wait_until([&] { return app.connections()->items.size() == 1 && idle(app); }));
  CHECK(app.status()->remote.empty());
  app.run_query("cluster('far')" + loki_query);
  CHECK(wait_until([&] { return app.status()->remote == std::vector<std::string>{"far"}; }));
  REQUIRE(wait_until([&] { return idle(app); }));
  CHECK(app.status()->remote.empty());
  app.run_query("print 1 // cluster('far') is only spoken of");
  REQUIRE(wait_until([&] { return idle(app); }));
  CHECK(server.requests().size() == 1);
}
