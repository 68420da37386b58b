// sigmactl connect: the servers that queries can name with cluster("name"). Nothing is asked of one
// but by `connect test` and by a query that names it.
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/connectors/connection.h"
#include "app/settings.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "tools/ctl/command.h"

namespace ctl {
namespace {

using app::connectors::Connection;
using engine::ErrorKind;
using engine::fail;

std::string data_folder_of(const Program& program) {
  return program.data_folder.empty() ? app::default_data_folder() : program.data_folder;
}

// A line from the terminal that does not show there, or the first line of what is piped in.
std::string read_secret(const std::string& what) {
  termios before{};
  const bool terminal = ::isatty(STDIN_FILENO) && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    std::fprintf(stderr, "%s: ", what.c_str());
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::fprintf(stderr, "\n");
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
  return line;
}

std::vector<Connection>::iterator find_named(std::vector<Connection>& all, const std::string& name) {
  return std::find_if(all.begin(), all.end(), [&](const Connection& c) { return c.name == name; });
}

Connection named(const std::string& folder, const std::string& name) {
  std::vector<Connection> all = app::connectors::load_connections(folder);
  const auto at = find_named(all, name);
  if (at == all.end()) fail(ErrorKind::not_found, "there is no connection '%s'; see sigmactl connect list", name.c_str());
  return *at;
}

int add(const std::string& folder, const Connection& connection, bool with_secret) {
  app::connectors::check_connection(connection, with_secret);
  const std::string secret = with_secret ? read_secret((connection.user.empty() ? "token of " : "password of " + connection.user + " at ") + connection.name) : std::string();
  std::vector<Connection> all = app::connectors::load_connections(folder);
  if (const auto at = find_named(all, connection.name); at != all.end()) *at = connection;
  else all.push_back(connection);
  app::connectors::save_secret(folder, connection.name, secret);
  app::connectors::save_connections(folder, all);
  std::fprintf(stderr, "added %s; a query reaches it as cluster(\"%s\").database(\"...\").Table\n", connection.name.c_str(), connection.name.c_str());
  return 0;
}

int remove(const std::string& folder, const std::string& name) {
  named(folder, name);
  std::vector<Connection> all = app::connectors::load_connections(folder);
  all.erase(find_named(all, name));
  app::connectors::save_secret(folder, name, {});
  app::connectors::save_connections(folder, all);
  return 0;
}

int list(const std::string& folder, bool as_json) {
  nlohmann::json items = nlohmann::json::array();
  for (const Connection& c : app::connectors::load_connections(folder)) {
    if (!as_json) std::printf("%-16s %-14s %s%s%s\n", c.name.c_str(), c.kind.c_str(), c.url.c_str(), c.user.empty() ? "" : ("  user " + c.user).c_str(), c.database.empty() ? "" : ("  database " + c.database).c_str());
    items.push_back({{"name", c.name}, {"kind", c.kind}, {"url", c.url}, {"user", c.user}, {"database", c.database}, {"ca_file", c.ca_file}});
  }
  if (as_json) std::printf("%s\n", nlohmann::json({{"connections", items}}).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return 0;
}

int test(const std::string& folder, const std::string& name) {
  const auto server = app::connectors::make_server(named(folder, name), [&] { return app::connectors::load_secret(folder, name); });
  std::printf("%s\n", server->greet({}).c_str());
  return 0;
}

}  // namespace

void add_connect(Program& program) {
  CLI::App* connect = program.cli.add_subcommand("connect", "Servers that queries can name: ClickHouse, Kusto, Log Analytics, Loki, Elasticsearch");
  connect->require_subcommand(1);
  struct Options {
    Connection connection;
    std::string name;
    bool secret = false, json = false;
  };
  const auto o = std::make_shared<Options>();

  CLI::App* a = connect->add_subcommand("add", "Set up a connection, or change one");
  a->add_option("NAME", o->connection.name, "What queries call it: cluster(\"NAME\")")->required();
  a->add_option("KIND", o->connection.kind, "clickhouse, kusto, loganalytics, loki or elasticsearch")->required();
  a->add_option("URL", o->connection.url, "https://host:port")->required();
  a->add_option("--user", o->connection.user, "User name; the password is asked for, or read from standard input");
  a->add_flag("--token", o->secret, "A token or password without a user: asked for, or read from standard input");
  a->add_option("--database", o->connection.database, "Database where a query names none; the workspace of Log Analytics");
  a->add_option("--ca", o->connection.ca_file, "PEM file of the authorities to trust, in place of the system's");
  a->add_flag("--plain-secret", o->connection.plain_secret, "Let the password go over http:// to another machine");
  a->callback(chosen(program, [o, &program] {
    return add(data_folder_of(program), o->connection, o->secret || !o->connection.user.empty());
  }));

  CLI::App* l = connect->add_subcommand("list", "What is set up");
  l->add_flag("--json", o->json, "As one JSON document");
  l->callback(chosen(program, [o, &program] { return list(data_folder_of(program), o->json); }));

  CLI::App* t = connect->add_subcommand("test", "Ask the server who it is");
  t->add_option("NAME", o->name, "The connection")->required();
  t->callback(chosen(program, [o, &program] { return test(data_folder_of(program), o->name); }));

  CLI::App* r = connect->add_subcommand("remove", "Forget a connection and its password");
  r->add_option("NAME", o->name, "The connection")->required();
  r->callback(chosen(program, [o, &program] { return remove(data_folder_of(program), o->name); }));
}

}  // namespace ctl
