// app/connectors/connection.h: the servers the user has set up, and their secrets.
//
// In the data folder: connections.json has a name, kind, address and user each, and no secret.
// keyring.json has a password or token for each name; it must be the user's own and readable by
// nobody else (mode 0600), or it is refused. Neither file is there until the user adds a connection,
// and no server is asked for anything until a query or a command names it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/kql/cluster.h"

namespace app::kql {
class Tables;
}

namespace app::connectors {

struct Connection {
  std::string name;          // letters, digits, - and _
  std::string kind;          // clickhouse, kusto, loganalytics, loki, elasticsearch
  std::string url;           // http:// or https://
  std::string user;
  std::string database;      // where a query names none; of loganalytics: the workspace
  std::string ca_file;       // PEM file of the authorities to trust; empty: the system's
  bool plain_secret = false; // the secret may go over http:// to another machine
  friend bool operator==(const Connection&, const Connection&) = default;
};

// Sorted by name; none where there is no file. Throws Error{invalid_input} where the file is damaged.
std::vector<Connection> load_connections(const std::string& data_folder);
void save_connections(const std::string& data_folder, std::vector<Connection> connections);
// Throws Error{invalid_input} saying what is wrong with it.
void check_connection(const Connection& connection, bool has_secret);

// Whether what is sent there leaves this machine: its address is not localhost.
bool leaves_machine(const Connection& connection);
// Names in cluster("...") of a query's text, whether or not it parses; sorted, each once.
std::vector<std::string> clusters_named(const std::string& query);

// The secret of a connection, or empty. Throws Error{invalid_input} where others can read the file.
std::string load_secret(const std::string& data_folder, const std::string& name);
void save_secret(const std::string& data_folder, const std::string& name, const std::string& secret);  // empty: removes it

// A server behind a connection.
class Server : public kql::Cluster {
 public:
  // One line on who answers, such as "ClickHouse 18.16.1, 3 tables in default". Throws as a query would.
  virtual std::string greet(const std::stop_token& stop) const = 0;
};

using Secret = std::function<std::string()>;   // looked up when the server is first asked
std::shared_ptr<const Server> make_server(const Connection& connection, Secret secret);
std::vector<std::string> server_kinds();

// What cluster("name") means, for every connection of the data folder. Asks nobody. What cannot be
// used is left out, so that other queries go on; gives a sentence on it, or nothing.
std::string add_connections(kql::Tables& tables, const std::string& data_folder);

}  // namespace app::connectors
