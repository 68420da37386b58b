#include "app/connectors/http.h"

#include <curl/curl.h>

#include <exception>
#include <memory>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using engine::ErrorKind;
using engine::fail;

struct Transfer {
  const HttpRequest& request;
  const std::function<void(const HttpResponse&, std::string_view)>& on_data;
  std::stop_token stop;
  CURL* curl = nullptr;
  bool want_error_body = false;
  HttpResponse response;
  bool head_seen = false;
  std::exception_ptr thrown;  // by on_data; must not cross the C library
};

void read_head(Transfer& t) {
  t.head_seen = true;
  curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &t.response.status);
  curl_off_t length = -1;
  curl_easy_getinfo(t.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  const bool is_file = t.response.status == 0;
  t.response.resumed = t.request.resume_from > 0 && (t.response.status == 206 || is_file);
  if (length >= 0) {
    t.response.n_total = static_cast<uint64_t>(length) + (t.response.resumed ? t.request.resume_from : 0);
  }
}

size_t on_body(char* data, size_t size, size_t n, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  try {
    if (!t.head_seen) read_head(t);
    if (t.response.status < 400 || t.want_error_body) t.on_data(t.response, {data, size * n});
    return size * n;
  } catch (...) {
    t.thrown = std::current_exception();
    return 0;
  }
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop.stop_requested() ? 1 : 0;
}

[[noreturn]] void give_up(const Transfer& t, CURLcode code, const char* detail) {
  const std::string url = engine::escape_invalid_utf8(t.request.url);
  const char* cause = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  if (t.thrown) std::rethrow_exception(t.thrown);
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: fail(ErrorKind::cancelled, "%s: the transfer was cancelled", url.c_str());
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      fail(ErrorKind::invalid_input, "%s: not an http, https or file address", url.c_str());
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      fail(ErrorKind::io, "%s: cannot reach it (%s); is this machine offline? Start again when there is a network",
           url.c_str(), cause);
    case CURLE_FILE_COULDNT_READ_FILE: fail(ErrorKind::io, "%s: cannot read that file", url.c_str());
    default:
      fail(ErrorKind::io, "%s: the transfer broke off (%s); start again, a download goes on where it stopped",
           url.c_str(), cause);
  }
}

void set_options(CURL* curl, const HttpRequest& r, Transfer& t) {
  curl_easy_setopt(curl, CURLOPT_URL, r.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(r.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(r.stall_timeout_ms / 1000));
  // CURLOPT_RESUME_FROM would call a server's answer with the whole file an error; a range does not.
  const std::string range = std::to_string(r.resume_from) + "-";  // curl copies it
  if (r.resume_from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  if (r.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r.body.c_str());
  }
  if (!r.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, r.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, r.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &t);
}

HttpResponse perform(Transfer& t) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (curl == nullptr) fail(ErrorKind::out_of_memory, "cannot start an HTTP transfer");
  t.curl = curl.get();
  set_options(curl.get(), t.request, t);
  curl_slist* list = nullptr;
  for (const std::string& header : t.request.headers) list = curl_slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
  if (list != nullptr) curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list);
  char detail[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail);

  const CURLcode code = curl_easy_perform(curl.get());
  if (!t.head_seen) read_head(t);
  if (code != CURLE_OK) give_up(t, code, detail);
  return std::move(t.response);
}

}  // namespace

HttpResponse http_stream(const HttpRequest& request,
                         const std::function<void(const HttpResponse&, std::string_view)>& on_data,
                         std::stop_token stop) {
  Transfer transfer{request, on_data, stop, nullptr, false, {}, false, nullptr};
  return perform(transfer);
}

HttpResponse http_request(const HttpRequest& request, size_t max_bytes, std::stop_token stop) {
  std::string body;
  const std::function<void(const HttpResponse&, std::string_view)> collect =
      [&](const HttpResponse&, std::string_view bytes) {
        if (bytes.size() > max_bytes - body.size()) {
          fail(ErrorKind::io, "%s: the answer is longer than %zu bytes", request.url.c_str(), max_bytes);
        }
        body += bytes;
      };
  Transfer transfer{request, collect, stop, nullptr, true, {}, false, nullptr};
  HttpResponse response = perform(transfer);
  response.body = std::move(body);
  return response;
}

}  // namespace app::connectors
