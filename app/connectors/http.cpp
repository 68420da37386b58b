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
  std::exception_ptr thrown;  // by a callback; must not cross the C library
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

size_t on_head_line(char* data, size_t size, size_t n, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  try {
    t.request.on_header(engine::trim({data, size * n}));
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
      fail(ErrorKind::io, "%s: cannot reach it (%s); is the name right, and has this machine a network?", url.c_str(), cause);
    case CURLE_COULDNT_CONNECT:
      fail(ErrorKind::io, "%s: cannot reach it (%s); does the server run there, is the port right and no firewall between?", url.c_str(), cause);
    case CURLE_PEER_FAILED_VERIFICATION:
      fail(ErrorKind::io, "%s: its certificate cannot be trusted (%s); give the file of the authority that signed it, or mend the certificate",
           url.c_str(), cause);
    case CURLE_SSL_CACERT_BADFILE: fail(ErrorKind::io, "%s: cannot read the authorities' file %s", url.c_str(), t.request.ca_file.c_str());
    case CURLE_SSL_CONNECT_ERROR: fail(ErrorKind::io, "%s: no secure connection (%s); does it speak https?", url.c_str(), cause);
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
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, r.follow_redirects ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a cancel does not wait for the resolver's thread
  if (r.total_timeout_ms > 0) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(r.total_timeout_ms));
  if (!r.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, r.ca_file.c_str());
  if (r.on_header) {
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head_line);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &t);
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(r.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(r.stall_timeout_ms / 1000));
  // CURLOPT_RESUME_FROM would call a server's answer with the whole file an error; a range does not.
  const std::string range = std::to_string(r.resume_from) + "-";  // curl copies it
  if (r.resume_from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  if (r.method == "DELETE") curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
  if (r.method != "GET") {
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

// One transfer that goes on only while somebody asks it to; a stop request wakes it.
class Running {
 public:
  explicit Running(Transfer& t)
      : t_(t), curl_(start(), curl_easy_cleanup), multi_(curl_multi_init(), curl_multi_cleanup), headers_(nullptr, curl_slist_free_all) {
    if (curl_ == nullptr || multi_ == nullptr) fail(ErrorKind::out_of_memory, "cannot start an HTTP transfer");
    t_.curl = curl_.get();
    set_options(curl_.get(), t_.request, t_);
    curl_slist* list = nullptr;
    for (const std::string& header : t_.request.headers) list = curl_slist_append(list, header.c_str());
    headers_.reset(list);
    if (list != nullptr) curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl_.get(), CURLOPT_ERRORBUFFER, detail_);
    curl_multi_add_handle(multi_.get(), curl_.get());
    wake_ = std::make_unique<std::stop_callback<Wake>>(t_.stop, Wake{multi_.get()});
  }
  ~Running() {
    wake_.reset();
    curl_multi_remove_handle(multi_.get(), curl_.get());
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // Some of the transfer, waiting for the network where the step before found nothing to do; false at its end.
  bool step() {
    if (done_) return false;
    int n_running = 0;
    int n_ready = 0;
    if (wait_) curl_multi_poll(multi_.get(), nullptr, 0, t_.request.on_wait ? 250 : 1000, &n_ready);
    if (wait_ && n_ready == 0 && t_.request.on_wait && !t_.stop.stop_requested()) t_.request.on_wait();
    wait_ = true;
    if (!t_.stop.stop_requested()) curl_multi_perform(multi_.get(), &n_running);
    if (t_.stop.stop_requested()) give_up(t_, CURLE_ABORTED_BY_CALLBACK, "");
    if (n_running > 0) return true;
    done_ = true;
    int n_left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left);
    const CURLcode code = message != nullptr ? message->data.result : CURLE_RECV_ERROR;
    if (!t_.head_seen) read_head(t_);
    if (code != CURLE_OK) give_up(t_, code, detail_);
    return false;
  }
  // Something came: the next step looks for more before it waits.
  void do_not_wait() { wait_ = false; }

 private:
  struct Wake {
    CURLM* multi;
    void operator()() const { curl_multi_wakeup(multi); }
  };
  static CURL* start() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    return curl_easy_init();
  }

  Transfer& t_;
  std::unique_ptr<CURL, void (*)(CURL*)> curl_;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers_;
  std::unique_ptr<std::stop_callback<Wake>> wake_;
  char detail_[CURL_ERROR_SIZE] = "";
  bool done_ = false, wait_ = false;
};

HttpResponse perform(Transfer& t) {
  Running running(t);
  while (running.step()) {
  }
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

struct HttpStream::State {
  State(HttpRequest r, std::stop_token stop)
      : request(std::move(r)),
        on_data([this](const HttpResponse&, std::string_view bytes) { buffer += bytes; }),
        transfer{request, on_data, std::move(stop), nullptr, true, {}, false, nullptr},
        running(transfer) {}

  HttpRequest request;
  std::string buffer;
  uint64_t n_read = 0;
  std::function<void(const HttpResponse&, std::string_view)> on_data;
  Transfer transfer;
  Running running;
};

HttpStream::HttpStream(HttpRequest request, std::stop_token stop) : state_(std::make_unique<State>(std::move(request), std::move(stop))) {
  while (!state_->transfer.head_seen && state_->running.step()) {
  }
}
HttpStream::~HttpStream() = default;

long HttpStream::status() const { return state_->transfer.response.status; }
uint64_t HttpStream::n_read() const { return state_->n_read; }

bool HttpStream::read(std::string& out) {
  State& s = *state_;
  while (s.buffer.empty() && s.running.step()) {
  }
  if (s.buffer.empty()) return false;
  s.running.do_not_wait();
  s.n_read += s.buffer.size();
  out += s.buffer;
  s.buffer.clear();
  return true;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : engine::format("%%%02X", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace app::connectors
