// app/connectors/servers.h: what the servers' files share: requests with the connection's
// credentials, and answers that are errors.
#pragma once
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "app/connectors/connection.h"
#include "app/connectors/http.h"

namespace app::connectors {

std::shared_ptr<const Server> make_clickhouse(const Connection& connection, Secret secret);
std::shared_ptr<const Server> make_kusto(const Connection& connection, Secret secret);     // and Log Analytics
std::shared_ptr<const Server> make_loki(const Connection& connection, Secret secret);
std::shared_ptr<const Server> make_elasticsearch(const Connection& connection, Secret secret);

// A connection with its secret. Any thread.
class ServerAddress {
 public:
  ServerAddress(Connection connection, Secret secret) : connection_(std::move(connection)), secret_(std::move(secret)) {}
  const Connection& connection() const { return connection_; }
  // "connection 'ch' (https://host)", to begin a message with.
  std::string who() const;
  // A request to the address and a path behind it, which starts with /. No redirect is followed: the
  // credentials are for this server.
  HttpRequest request(const std::string& path) const;
  std::string secret() const;  // looked up once; throws where it may not be sent

 private:
  Connection connection_;
  Secret secret_;
  mutable std::mutex mutex_;
  mutable std::optional<std::string> known_;
};

// For an answer that is a plain HTTP error: who, what and how to mend it. body is shown in part.
[[noreturn]] void fail_status(const ServerAddress& server, long status, const std::string& body);
[[noreturn]] void fail_login(const ServerAddress& server);

// A JSON answer; discarded() where it is none. Throws Error{io} where it nests more than 200 levels deep, as
// reading such a value recurses.
nlohmann::json parse_answer(const ServerAddress& server, const std::string& body);

}  // namespace app::connectors
