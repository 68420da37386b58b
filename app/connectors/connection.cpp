#include "app/connectors/connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "app/connectors/servers.h"
#include "app/kql/lexer.h"
#include "app/kql/query.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using engine::ErrorKind;
using engine::fail;
using nlohmann::json;

std::string connections_file(const std::string& folder) { return folder + "/connections.json"; }
std::string keyring_file(const std::string& folder) { return folder + "/keyring.json"; }

// The file's object, or an empty one where there is no file.
json read_object(const std::string& path, const std::string& text) {
  if (text.empty()) return json::object();
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) fail(ErrorKind::invalid_input, "%s: this is not a JSON object; mend it or remove it", path.c_str());
  return object;
}

std::string text_of(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// Beside the file first, then in its place: a crash leaves the old one or the new one.
void replace_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string next = path + ".new";
  ::unlink(next.c_str());
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  bool ok = fd >= 0 && ::fchmod(fd, mode) == 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ok = ::close(fd) == 0 && ok;
  if (!ok || ::rename(next.c_str(), path.c_str()) != 0) fail(ErrorKind::io, "%s: cannot write it (%s)", path.c_str(), std::strerror(error));
}

// The keyring's text, once it is sure that nobody else can read it; empty where there is none.
std::string read_keyring(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return {};
    fail(ErrorKind::invalid_input, "%s: cannot read it (%s); it must be a file of yours and no link", path.c_str(), std::strerror(errno));
  }
  struct Closed {
    int fd;
    ~Closed() { ::close(fd); }
  } closed{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) fail(ErrorKind::invalid_input, "%s: this is not a file", path.c_str());
  if ((info.st_mode & 077) != 0) {
    fail(ErrorKind::invalid_input, "%s: others can read the passwords in it (mode %04o); run: chmod 600 '%s'", path.c_str(),
         static_cast<unsigned>(info.st_mode & 07777), path.c_str());
  }
  if (info.st_uid != ::geteuid()) fail(ErrorKind::invalid_input, "%s: it belongs to another user; remove it and add the connection again", path.c_str());
  std::string text(static_cast<size_t>(info.st_size), '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

struct UrlParts {
  std::string scheme, host;
};
UrlParts parts_of(const std::string& url) {
  UrlParts parts;
  const size_t colon = url.find("://");
  if (colon == std::string::npos) return parts;
  parts.scheme = engine::to_lower_ascii(url.substr(0, colon));
  std::string rest = url.substr(colon + 3);
  rest.resize(std::min(rest.size(), rest.find_first_of("/?#")));
  if (const size_t at = rest.rfind('@'); at != std::string::npos) rest = "@" + rest.substr(at + 1);
  if (!rest.empty() && rest[0] == '[') parts.host = rest.substr(0, rest.find(']') + 1);
  else parts.host = rest.substr(0, rest.find(':'));
  return parts;
}

bool is_this_machine(const std::string& host) {
  const bool numeric = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || (numeric && host.substr(0, 4) == "127.");
}

}  // namespace

std::vector<Connection> load_connections(const std::string& data_folder) {
  const std::string path = connections_file(data_folder);
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  const json object = read_object(path, text.str());
  std::vector<Connection> out;
  for (const auto& [name, item] : object.items()) {
    if (!item.is_object()) fail(ErrorKind::invalid_input, "%s: the connection '%s' is no object; mend it or remove it", path.c_str(), name.c_str());
    Connection c{name, text_of(item, "kind"), text_of(item, "url"), text_of(item, "user"), text_of(item, "database"), text_of(item, "ca_file"), false};
    c.plain_secret = item.value("plain_secret", json()).is_boolean() && item["plain_secret"].get<bool>();
    out.push_back(std::move(c));
  }
  return out;
}

void save_connections(const std::string& data_folder, std::vector<Connection> connections) {
  json object = json::object();
  for (const Connection& c : connections) {
    json item = {{"kind", c.kind}, {"url", c.url}};
    if (!c.user.empty()) item["user"] = c.user;
    if (!c.database.empty()) item["database"] = c.database;
    if (!c.ca_file.empty()) item["ca_file"] = c.ca_file;
    if (c.plain_secret) item["plain_secret"] = true;
    object[c.name] = std::move(item);
  }
  std::filesystem::create_directories(data_folder);
  replace_file(connections_file(data_folder), object.dump(2) + "\n", 0644);
}

void check_connection(const Connection& c, bool has_secret) {
  const auto plain = [](char k) { return (k >= 'a' && k <= 'z') || (k >= 'A' && k <= 'Z') || (k >= '0' && k <= '9') || k == '-' || k == '_'; };
  if (c.name.empty() || !std::all_of(c.name.begin(), c.name.end(), plain)) {
    fail(ErrorKind::invalid_input, "the connection's name '%s' may have letters, digits, - and _ only", engine::escape_invalid_utf8(c.name).c_str());
  }
  const std::vector<std::string> kinds = server_kinds();
  if (std::find(kinds.begin(), kinds.end(), c.kind) == kinds.end()) {
    std::string list;
    for (const std::string& kind : kinds) list += (list.empty() ? "" : ", ") + kind;
    fail(ErrorKind::invalid_input, "connection '%s': there is no kind '%s'; kinds are %s", c.name.c_str(), c.kind.c_str(), list.c_str());
  }
  const UrlParts url = parts_of(c.url);
  if ((url.scheme != "http" && url.scheme != "https") || url.host.empty()) {
    fail(ErrorKind::invalid_input, "connection '%s': '%s' is no address of a server; write https://host:port", c.name.c_str(), c.url.c_str());
  }
  if (url.host[0] == '@') {
    fail(ErrorKind::invalid_input, "connection '%s': leave user and password out of the address; give --user, and the password is asked for", c.name.c_str());
  }
  if (has_secret && url.scheme == "http" && !is_this_machine(url.host) && !c.plain_secret) {
    fail(ErrorKind::invalid_input, "connection '%s': over http:// everybody on the way could read the password; use https://, or --plain-secret in a network you trust", c.name.c_str());
  }
}

bool leaves_machine(const Connection& connection) { return !is_this_machine(parts_of(connection.url).host); }

std::vector<std::string> clusters_named(const std::string& query) {
  std::set<std::string> names;
  const std::vector<kql::Token> tokens = kql::lex(query);
  for (size_t i = 0; i + 2 < tokens.size(); ++i)
    if (tokens[i].is_word("cluster") && tokens[i + 1].is("(") && tokens[i + 2].kind == kql::TokenKind::string) names.insert(tokens[i + 2].text);
  return {names.begin(), names.end()};
}

std::string load_secret(const std::string& data_folder, const std::string& name) {
  const std::string path = keyring_file(data_folder);
  return text_of(read_object(path, read_keyring(path)), name.c_str());
}

void save_secret(const std::string& data_folder, const std::string& name, const std::string& secret) {
  const std::string path = keyring_file(data_folder);
  json object = read_object(path, read_keyring(path));
  if (secret.empty() && !object.contains(name)) return;
  if (secret.empty()) object.erase(name);
  else object[name] = secret;
  std::filesystem::create_directories(data_folder);
  replace_file(path, object.dump(2, ' ', false, json::error_handler_t::replace) + "\n", 0600);
}

std::vector<std::string> server_kinds() { return {"clickhouse", "kusto", "loganalytics", "loki", "elasticsearch"}; }

std::shared_ptr<const Server> make_server(const Connection& connection, Secret secret) {
  const bool has_secret = false;  // looked at when it is read: see ServerAddress::request
  check_connection(connection, has_secret);
  if (connection.kind == "clickhouse") return make_clickhouse(connection, std::move(secret));
  if (connection.kind == "loki") return make_loki(connection, std::move(secret));
  if (connection.kind == "elasticsearch") return make_elasticsearch(connection, std::move(secret));
  return make_kusto(connection, std::move(secret));
}

std::string add_connections(kql::Tables& tables, const std::string& data_folder) {
  std::string problem;
  const auto tried = [&](const std::function<void()>& f) {
    try {
      f();
    } catch (const engine::Error& e) {
      problem += (problem.empty() ? "" : "; ") + std::string(e.what());
    }
  };
  tried([&] {
    for (const Connection& c : load_connections(data_folder)) {
      tried([&] { tables.add_cluster(c.name, make_server(c, [data_folder, name = c.name] { return load_secret(data_folder, name); })); });
    }
  });
  return problem;
}

}  // namespace app::connectors
