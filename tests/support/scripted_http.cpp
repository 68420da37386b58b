#include "tests/support/scripted_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void send_all(int fd, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<size_t>(n);
  }
}

}  // namespace

std::string ScriptedRequest::header(const std::string& name) const {
  const std::string key = "\r\n" + lower(name) + ":";
  const size_t at = lower(head).find(key);
  if (at == std::string::npos) return {};
  size_t begin = at + key.size();
  while (begin < head.size() && head[begin] == ' ') ++begin;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

ScriptedHttp::ScriptedHttp(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no port on loopback");
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { serve(); });
}

ScriptedHttp::~ScriptedHttp() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::vector<ScriptedRequest> ScriptedHttp::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedHttp::serve() {
  for (int client; (client = ::accept(listener_, nullptr, nullptr)) >= 0;) {
    answer(client);
    ::close(client);
  }
}

void ScriptedHttp::answer(int client) {
  std::string bytes;
  char buffer[65536];
  size_t head_end = std::string::npos, length = 0;
  ScriptedRequest request;
  while (head_end == std::string::npos || bytes.size() < head_end + 4 + length) {
    const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
    if (n <= 0) return;
    bytes.append(buffer, static_cast<size_t>(n));
    if (head_end != std::string::npos || (head_end = bytes.find("\r\n\r\n")) == std::string::npos) continue;
    request.head = bytes.substr(0, head_end + 2);
    const size_t space = bytes.find(' ');
    request.method = bytes.substr(0, space);
    request.target = bytes.substr(space + 1, bytes.find(' ', space + 1) - space - 1);
    const std::string size = request.header("Content-Length");
    length = size.empty() ? 0 : std::stoul(size);
  }
  request.body = bytes.substr(head_end + 4);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const ScriptedAnswer a = handler_(request);
  if (a.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(a.delay_ms));
  send_all(client, "HTTP/1.1 " + std::to_string(a.status) + " X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(a.body.size()) + "\r\n" + a.more_headers + "\r\n" + a.body.substr(0, a.cut_at));
}
