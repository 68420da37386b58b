#include "tests/support/clickhouse_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <stdexcept>

#include "app/connectors/http.h"

namespace {

// A port that nobody listens on. Another program may take it before the server does: then the start is tried again.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) address.sin_port = 0;
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string program() {
  for (const char* path : {"/usr/bin/clickhouse-server", "/usr/sbin/clickhouse-server", "/usr/local/bin/clickhouse-server"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

constexpr const char* users = R"(<yandex>
<profiles><default><max_memory_usage>4000000000</max_memory_usage></default><fixed><readonly>1</readonly></fixed></profiles>
<quotas><default></default></quotas>
<users>
<default><password>unused</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<plain><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></plain>
<guarded><password>s3cret pass</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></guarded>
<reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>fixed</profile><quota>default</quota></reader>
</users></yandex>)";

}  // namespace

bool ClickHouseServer::available() {
  return std::getenv("SIGMA_CLICKHOUSE_URL") != nullptr || !program().empty();
}

ClickHouseServer::ClickHouseServer(bool with_tls, const std::string& certified_name) {
  if (const char* running = std::getenv("SIGMA_CLICKHOUSE_URL"); running != nullptr && !with_tls) {
    url_ = running;
    return;
  }
  if (with_tls) {
    const std::string name = certified_name.find_first_not_of("0123456789.") == std::string::npos ? "IP:" + certified_name : "DNS:" + certified_name;
    const std::string command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=" + name + " -keyout " +
                                folder_.path() + "/server.key -out " + certificate() + " 2>/dev/null";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl makes no certificate");
  }
  for (int attempt = 0; attempt < 3 && url_.empty(); ++attempt) start(free_port(), with_tls ? free_port() : 0);
  if (url_.empty()) throw std::runtime_error("clickhouse-server does not start: " + log());
}

void ClickHouseServer::start(int http_port, int tls_port) {
  const std::string& folder = folder_.path();
  std::string config = "<yandex><logger><level>warning</level><log>" + folder + "/log</log><errorlog>" + folder + "/errors</errorlog></logger>"
                       "<listen_host>127.0.0.1</listen_host><http_port>" + std::to_string(http_port) + "</http_port>";
  if (tls_port != 0) {
    config += "<https_port>" + std::to_string(tls_port) + "</https_port><openSSL><server><certificateFile>" + certificate() + "</certificateFile>"
              "<privateKeyFile>" + folder + "/server.key</privateKeyFile><verificationMode>none</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile></server></openSSL>";
  }
  config += "<path>" + folder + "/data/</path><tmp_path>" + folder + "/tmp/</tmp_path><mark_cache_size>5368709</mark_cache_size>"
            "<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database></yandex>";
  folder_.write("users.xml", users);
  const std::string path = folder_.write("config.xml", config);
  process_ = std::make_unique<ChildProcess>(std::vector<std::string>{program(), "--config-file=" + path}, folder + "/output");
  const std::string url = "http://127.0.0.1:" + std::to_string(http_port);
  for (int k = 0; k < 600 && process_->running(); ++k) {
    try {
      app::connectors::HttpRequest ping;
      ping.url = url + "/";
      if (app::connectors::http_request(ping, 1000).status == 200) {
        url_ = url;
        tls_url_ = tls_port != 0 ? "https://127.0.0.1:" + std::to_string(tls_port) : "";
        return;
      }
    } catch (const std::exception&) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  process_.reset();
}

std::string ClickHouseServer::run(const std::string& statement) const {
  app::connectors::HttpRequest request;
  request.url = url_ + "/?user=plain&allow_experimental_low_cardinality_type=1";
  if (std::getenv("SIGMA_CLICKHOUSE_URL")) request.url = url_ + "/";
  request.method = "POST";
  request.body = statement;
  const app::connectors::HttpResponse r = app::connectors::http_request(request, 64 << 20);
  if (r.status != 200) throw std::runtime_error(statement.substr(0, 200) + ": " + r.body);
  return r.body;
}

void ClickHouseServer::kill() {
  if (process_) process_->end(SIGKILL);
}

std::string ClickHouseServer::log() const {
  std::ifstream in(folder_.path() + "/output");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
