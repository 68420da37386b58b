// tests/support/clickhouse_server.h: a clickhouse-server of its own for a test, on loopback, with a
// folder of its own, gone at the end. Users: "plain" without a password, "guarded" with "s3cret pass",
// and "reader", who may change no setting.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

class ClickHouseServer {
 public:
  // False where the machine has none: the test says so and skips. SIGMA_CLICKHOUSE_URL names a server
  // that runs already, to hold other versions to the same tests.
  static bool available();
  // with_tls: https too, with a certificate for certified_name.
  explicit ClickHouseServer(bool with_tls = false, const std::string& certified_name = "127.0.0.1");

  const std::string& url() const { return url_; }
  const std::string& tls_url() const { return tls_url_; }
  std::string certificate() const { return folder_.path() + "/server.crt"; }
  // Runs a statement as plain; gives the answer. Throws where it is an error.
  std::string run(const std::string& statement) const;
  void kill();                       // at once, as a crash does
  std::string log() const;

 private:
  void start(int http_port, int tls_port);
  TemporaryFolder folder_;
  std::string url_, tls_url_;
  std::unique_ptr<ChildProcess> process_;
};
