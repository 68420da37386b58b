#include <doctest/doctest.h>
#include <sys/stat.h>

#include "app/connectors/connection.h"
#include "app/kql/query.h"
#include "engine/base/error.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace app;
using connectors::Connection;

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const engine::Error& e) {
    CHECK(e.kind() == engine::ErrorKind::invalid_input);
    return e.what();
  }
  return {};
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

}  // namespace

TEST_CASE("connection: only an address of this machine stays on it") {
  const auto leaves = [](const std::string& url) { return connectors::leaves_machine({"x", "loki", url, "", "", "", false}); };
  for (const char* here : {"http://localhost:3100", "http://127.0.0.1:1", "https://[::1]:9200/x", "http://127.4.5.6"}) {
    CAPTURE(here);
    CHECK_FALSE(leaves(here));
  }
  for (const char* there : {"https://db.example", "http://10.0.0.1:8123", "http://127.0.0.1.example.org", "https://localhost.example"}) {
    CAPTURE(there);
    CHECK(leaves(there));
  }
}

TEST_CASE("connection: the servers that a query names, also while it is half written") {
  CHECK(connectors::clusters_named("union cluster('b').T, cluster( \"a\" ).database('d').T | join (cluster('b').U) on") == std::vector<std::string>{"a", "b"});
  CHECK(connectors::clusters_named("print 'cluster(\"a\")' // cluster('b')").empty());
  CHECK(connectors::clusters_named("T | summarize cluster = count()").empty());
}

TEST_CASE("connection: what is saved is read again, and no secret is in it") {
  const TemporaryFolder folder;
  CHECK(connectors::load_connections(folder.path()).empty());
  connectors::save_connections(folder.path(), {{"ch", "clickhouse", "https://h:8443", "me", "logs", "/ca.pem", false}, {"a", "loki", "http://localhost:3100", "", "", "", true}});
  const std::vector<Connection> all = connectors::load_connections(folder.path());
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "a");
  CHECK(all[0].plain_secret);
  CHECK(all[1].url == "https://h:8443");
  CHECK(all[1].user == "me");
  CHECK(all[1].database == "logs");
  CHECK(all[1].ca_file == "/ca.pem");
}

TEST_CASE("connection: the keyring is made for the user alone, and refused where others can read it") {
  const TemporaryFolder folder;
  const std::string keyring = folder.path() + "/keyring.json";
  CHECK(connectors::load_secret(folder.path(), "ch").empty());
  connectors::save_secret(folder.path(), "ch", "s3cret");
  connectors::save_secret(folder.path(), "other", "x");
  CHECK(mode_of(keyring) == 0600);
  CHECK(connectors::load_secret(folder.path(), "ch") == "s3cret");
  for (const mode_t mode : {0644, 0640, 0604, 0660}) {
    ::chmod(keyring.c_str(), mode);
    const std::string message = message_of([&] { connectors::load_secret(folder.path(), "ch"); });
    CHECK(message.find("chmod 600 '" + keyring + "'") != std::string::npos);
    CHECK(message.find("s3cret") == std::string::npos);
  }
  ::chmod(keyring.c_str(), 0600);
  connectors::save_secret(folder.path(), "ch", "");
  CHECK(connectors::load_secret(folder.path(), "ch").empty());
  CHECK(connectors::load_secret(folder.path(), "other") == "x");
}

TEST_CASE("connection: a keyring behind a link is refused") {
  const TemporaryFolder folder;
  const std::string real = folder.write("real.json", "{}");
  ::chmod(real.c_str(), 0600);
  std::filesystem::create_symlink(real, folder.path() + "/keyring.json");
  CHECK(message_of([&] { connectors::load_secret(folder.path(), "ch"); }).find("no link") != std::string::npos);
}

TEST_CASE("connection: damaged files are said, not half read") {
  const TemporaryFolder folder;
  folder.write("connections.json", "[1]");
  CHECK(message_of([&] { connectors::load_connections(folder.path()); }).find("not a JSON object") != std::string::npos);
  folder.write("connections.json", "{\"a\": 1}");
  CHECK(message_of([&] { connectors::load_connections(folder.path()); }).find("'a' is no object") != std::string::npos);
  const std::string keyring = folder.write("keyring.json", "{");
  ::chmod(keyring.c_str(), 0600);
  CHECK(message_of([&] { connectors::load_secret(folder.path(), "a"); }).find("not a JSON object") != std::string::npos);
}

TEST_CASE("connection: what cannot be used is said and left out, the rest works") {
  const TemporaryFolder folder;
  folder.write("connections.json", R"({"good": {"kind": "loki", "url": "https://h"}, "bad": {"kind": "mysql", "url": "https://h"}})");
  kql::Tables tables;
  CHECK(connectors::add_connections(tables, folder.path()).find("no kind 'mysql'") != std::string::npos);
  CHECK(tables.cluster_names() == std::vector<std::string>{"good"});
  folder.write("connections.json", "{");
  CHECK(connectors::add_connections(tables, folder.path()).find("not a JSON object") != std::string::npos);
  CHECK(connectors::add_connections(tables, folder.path() + "/nowhere").empty());
}

TEST_CASE("connection: what cannot be an address is refused, and a password over plain HTTP too") {
  const auto check = [](const std::string& url, bool secret, bool allowed = false) {
    return message_of([&] { connectors::check_connection({"ch", "clickhouse", url, "me", "", "", allowed}, secret); });
  };
  CHECK(check("https://db.example:8443", true).empty());
  CHECK(check("http://127.0.0.1:8123", true).empty());
  CHECK(check("http://[::1]:8123", true).empty());
  CHECK(check("http://db.example:8123", false).empty());
  CHECK(check("http://db.example:8123", true, true).empty());
  CHECK(check("http://db.example:8123", true).find("use https://") != std::string::npos);
  CHECK(check("http://127.0.0.1.evil.example", true).find("use https://") != std::string::npos);
  CHECK(check("ftp://x", false).find("no address") != std::string::npos);
  CHECK(check("db.example", false).find("no address") != std::string::npos);
  CHECK(check("https://", false).find("no address") != std::string::npos);
  CHECK(check("https://me:pw@db.example", false).find("leave user and password out") != std::string::npos);
  CHECK(message_of([] { connectors::check_connection({"a b", "clickhouse", "https://x", "", "", "", false}, false); }).find("letters, digits") != std::string::npos);
  CHECK(message_of([] { connectors::check_connection({"a", "mysql", "https://x", "", "", "", false}, false); }).find("kinds are clickhouse") != std::string::npos);
}

TEST_CASE("connection: setting one up, listing and typing a query ask nobody") {
  const TemporaryFolder folder;
  // Nobody listens there: any request would be an error.
  connectors::save_connections(folder.path(), {{"ch", "clickhouse", "http://127.0.0.1:1", "", "", "", false}});
  kql::Tables tables;
  connectors::add_connections(tables, folder.path());
  CHECK(tables.cluster_names() == std::vector<std::string>{"ch"});
  CHECK(kql::check("cluster('ch').database('d').T | where x == 1 | count", tables).empty());
  CHECK(kql::check("print 1", tables).empty());
  CHECK_FALSE(kql::check("cluster('no').database('d').T", tables).empty());
  CHECK(kql::run("print 1", tables, {}).n_rows == 1);
  CHECK_THROWS_AS(kql::run("cluster('ch').database('d').T | count", tables, {}), engine::Error);
}

TEST_CASE("connection: without connections cluster() is refused as before") {
  const kql::ResultTable r = kql::run("cluster('x').database('y').T | count", {}, {});
  REQUIRE(r.failed());
  CHECK(r.diagnostics[0].message.find("cannot be reached") != std::string::npos);
}
