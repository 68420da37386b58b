// tests/support/scripted_http.h: an HTTP server on loopback that plays recorded exchanges: each
// request must be the next one of the script, and gets its answer.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct ScriptedRequest {
  std::string method, target, body;       // target: path and query as they came
  std::string head;                       // all header lines
  std::string header(const std::string& name) const;  // its value, or empty
};

struct ScriptedAnswer {
  int status = 200;
  std::string body = {};
  std::string more_headers = {};          // "Name: value\r\n"
  int delay_ms = 0;                       // before it
  size_t cut_at = SIZE_MAX;               // the connection ends behind so many bytes of the body
};

class ScriptedHttp {
 public:
  using Handler = std::function<ScriptedAnswer(const ScriptedRequest&)>;
  // handler runs on the server's thread, one request at a time.
  explicit ScriptedHttp(Handler handler);
  ~ScriptedHttp();
  ScriptedHttp(const ScriptedHttp&) = delete;
  ScriptedHttp& operator=(const ScriptedHttp&) = delete;

  const std::string& url() const { return url_; }
  std::vector<ScriptedRequest> requests() const;   // so far

 private:
  void serve();
  void answer(int client);
  Handler handler_;
  int listener_ = -1;
  std::string url_;
  mutable std::mutex mutex_;
  std::vector<ScriptedRequest> requests_;
  std::thread thread_;
};
