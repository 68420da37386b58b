// app/connectors/http.h: HTTP through libcurl, the only module that includes it.
#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace app::connectors {

struct HttpRequest {
  std::string url;                   // http, https or file
  std::string method = "GET";        // GET or POST
  std::string body;                  // of a POST
  std::vector<std::string> headers;  // "Name: value"
  std::string user, password;        // basic authentication where user is not empty
  uint64_t resume_from = 0;          // bytes that are here already; asks for the rest
  int connect_timeout_ms = 15'000;
  int stall_timeout_ms = 60'000;     // without a byte
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
// cannot be reached or the transfer breaks, Error{cancelled} within a second of a stop.
HttpResponse http_stream(const HttpRequest& request,
                         const std::function<void(const HttpResponse&, std::string_view)>& on_data,
                         std::stop_token stop = {});

// The same with the body collected (of error answers as well), at most max_bytes of it.
HttpResponse http_request(const HttpRequest& request, size_t max_bytes, std::stop_token stop = {});

}  // namespace app::connectors
