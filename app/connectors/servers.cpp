#include "app/connectors/servers.h"

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {

using engine::ErrorKind;
using engine::fail;

std::string ServerAddress::who() const { return "connection '" + connection_.name + "' (" + connection_.url + ")"; }

std::string ServerAddress::secret() const {
  const std::lock_guard lock(mutex_);
  if (!known_) {
    std::string secret = secret_ ? secret_() : std::string();
    check_connection(connection_, !secret.empty());
    known_ = std::move(secret);
  }
  return *known_;
}

HttpRequest ServerAddress::request(const std::string& path) const {
  HttpRequest request;
  std::string url = connection_.url;
  while (!url.empty() && url.back() == '/') url.pop_back();
  request.url = url + path;
  request.follow_redirects = false;
  request.ca_file = connection_.ca_file;
  request.stall_timeout_ms = 300'000;  // a server may work long before it has anything to say
  return request;
}

void fail_login(const ServerAddress& server) {
  const Connection& c = server.connection();
  fail(ErrorKind::invalid_input, "%s: the server refuses %s; set it again: sigmactl connect add %s %s %s", server.who().c_str(),
       c.user.empty() ? "the token" : ("the password of user '" + c.user + "'").c_str(), c.name.c_str(), c.kind.c_str(), c.url.c_str());
}

nlohmann::json parse_answer(const ServerAddress& server, const std::string& body) {
  using nlohmann::json;
  constexpr int max_depth = 200;
  bool deep = false;
  json answer = json::parse(
      body,
      [&](int depth, json::parse_event_t, json&) {
        deep = deep || depth > max_depth;
        return !deep;
      },
      false);
  if (deep) fail(ErrorKind::io, "%s: the answer nests too deeply", server.who().c_str());
  return answer;
}

void fail_status(const ServerAddress& server, long status, const std::string& body) {
  if (status == 401 || status == 403) fail_login(server);
  if (status >= 300 && status < 400) {
    fail(ErrorKind::invalid_input, "%s: the server sends on to another address (HTTP %ld); set that one up", server.who().c_str(), status);
  }
  std::string shown = engine::escape_invalid_utf8(engine::trim(std::string_view(body).substr(0, 300)));
  for (char& c : shown) {
    if (c == '\n') c = ' ';
  }
  fail(ErrorKind::io, "%s: the server answered HTTP %ld%s%s", server.who().c_str(), status, shown.empty() ? "" : ": ", shown.c_str());
}

}  // namespace app::connectors
