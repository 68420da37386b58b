// app/connectors/http.h: HTTP through libcurl, the only module that includes it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace app::connectors {

struct HttpRequest {
  std::string url;                   // http, https or file
  std::string method = "GET";        // GET, POST or DELETE
  std::string body;                  // of a POST or DELETE
  std::vector<std::string> headers;  // "Name: value"
  std::string user, password;        // basic authentication where user is not empty
  uint64_t resume_from = 0;          // bytes that are here already; asks for the rest
  int connect_timeout_ms = 15'000;
  int stall_timeout_ms = 60'000;     // without a byte
  int total_timeout_ms = 0;          // 0: none
  bool follow_redirects = true;      // false where headers carry a secret: it goes to this address alone
  std::string ca_file;               // PEM file of the authorities to trust; empty: the system's
  std::function<void(std::string_view line)> on_header;  // each line of the answer's head, as it comes
  std::function<void()> on_wait;     // called four times a second while nothing comes
};

struct HttpResponse {
  long status = 0;        // 0 for file addresses
  uint64_t n_total = 0;   // bytes of the whole resource; 0 unknown
  bool resumed = false;   // the server sends from resume_from on
  std::string body;       // http_request alone
};

// on_data gets the body of an answer below 400 in pieces, on this thread; what it throws ends the
// transfer and comes out here. A status of 400 or more is returned, not thrown. Throws
// Error{invalid_input} on an address that is none, Error{io} naming the host and what to do where it
// cannot be reached or the transfer breaks, Error{cancelled} at once when asked to stop.
HttpResponse http_stream(const HttpRequest& request,
                         const std::function<void(const HttpResponse&, std::string_view)>& on_data,
                         std::stop_token stop = {});

// The same with the body collected (of error answers as well), at most max_bytes of it.
HttpResponse http_request(const HttpRequest& request, size_t max_bytes, std::stop_token stop = {});

// An answer that is read when the reader wants more of it: what is not read waits at the server.
class HttpStream {
 public:
  // Sends the request and waits for the head of the answer. Throws as http_stream does.
  HttpStream(HttpRequest request, std::stop_token stop);
  ~HttpStream();  // ends the transfer, wherever it is
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  long status() const;
  // Appends the next bytes of the body, or gives false at its end.
  bool read(std::string& out);
  uint64_t n_read() const;  // bytes of the body so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Text as a part of an address: everything but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace app::connectors
