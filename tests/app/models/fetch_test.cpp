// Downloads from a small HTTP server of the test's own, on the loopback.
#include "app/models/fetch.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "app/models/sha256.h"
#include "engine/base/error.h"

using app::models::fetch_model;
using app::models::Sha256;
using engine::Error;
namespace fs = std::filesystem;

namespace {

std::string digest(const std::string& text) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text.data(), text.size())));
  return hash.hex();
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Serves one body; may ignore ranges, break off after some bytes, or answer with a status.
class Server {
 public:
  explicit Server(std::string body) : body_(std::move(body)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t n = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &n);
    port_ = ntohs(address.sin_port);
    ::listen(socket_, 4);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(socket_, SHUT_RDWR);
    ::close(socket_);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/m.gguf"; }

  std::atomic<bool> ranges = true;
  std::atomic<size_t> break_after = SIZE_MAX;
  std::atomic<int> status = 0;
  std::atomic<int> n_requests = 0, n_ranged = 0;

 private:
  void serve() {
    for (;;) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      char request[4096] = "";
      const auto n = ::recv(client, request, sizeof request - 1, 0);
      ++n_requests;
      if (n > 0) answer(client, std::string(request, static_cast<size_t>(n)));
      ::close(client);
    }
  }
  void answer(int client, const std::string& request) {
    const size_t at = request.find("Range: bytes=");
    const size_t from = at == std::string::npos || !ranges ? 0 : std::stoul(request.substr(at + 13));
    if (from > 0) ++n_ranged;
    const std::string rest = body_.substr(std::min(from, body_.size()));
    const int code = status ? status.load() : from > 0 ? 206 : 200;
    std::string out = "HTTP/1.1 " + std::to_string(code) + " x\r\nContent-Length: " + std::to_string(rest.size()) +
                      "\r\nConnection: close\r\n\r\n" + rest.substr(0, break_after);
    (void)!::send(client, out.data(), out.size(), MSG_NOSIGNAL);
  }

  std::string body_;
  int socket_ = -1;
  int port_ = 0;
  std::thread thread_;
};

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("sigma_fetch_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

std::string problem(const std::string& url, const std::string& sha, const std::string& target) {
  try {
    fetch_model(url, sha, target);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

std::string some_bytes() {
  std::string body;
  for (int i = 0; i < 200'000; ++i) body += static_cast<char>(i * 7 + i / 251);
  return body;
}

}  // namespace

TEST_CASE("models/sha256: the standard's examples, in pieces too") {
  CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i) hash.add(std::as_bytes(std::span(piece.data(), piece.size())));
  CHECK(hash.hex() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("models/fetch: a download is checked and gets its name") {
  const Folder folder;
  const std::string body = some_bytes(), target = folder.path / "sub" / "m.gguf";
  const Server server(body);
  double last = 0;
  fetch_model(server.url(), digest(body), target, {}, [&](const app::models::FetchProgress& p) {
    if (std::string(p.stage) == "downloading") last = static_cast<double>(p.n_done) / static_cast<double>(p.n_total);
  });
  CHECK(last == 1);
  CHECK(read(target) == body);
  CHECK_FALSE(fs::exists(target + ".part"));
  fetch_model(server.url(), digest(body), target);  // it is there: nothing is asked for
  CHECK(server.n_requests == 1);
  CHECK(contains(problem(server.url(), digest("other"), target), "another checksum"));
}

TEST_CASE("models/fetch: a broken download goes on where it stopped, where the server can") {
  const Folder folder;
  const std::string body = some_bytes(), target = folder.path / "m.gguf";
  for (const bool ranges : {true, false}) {
    CAPTURE(ranges);
    Server server(body);
    server.ranges = ranges;
    server.break_after = 70'000;
    CHECK(contains(problem(server.url(), digest(body), target), "broke off"));
    CHECK(fs::file_size(target + ".part") == 70'000);
    server.break_after = SIZE_MAX;
    CHECK(problem(server.url(), digest(body), target) == "no error");
    CHECK(read(target) == body);
    CHECK(server.n_ranged == (ranges ? 1 : 0));
    fs::remove(target);
  }
}

TEST_CASE("models/fetch: a wrong checksum, an error answer and no server are one clear line") {
  const Folder folder;
  const std::string target = folder.path / "m.gguf";
  std::string gone;
  {
    Server server("abc");
    gone = server.url();
    CHECK(contains(problem(server.url(), digest("abd"), target), "SHA-256 is ba78"));
    CHECK_FALSE(fs::exists(target + ".part"));
    server.status = 404;
    CHECK(contains(problem(server.url(), digest("abc"), target), "404"));
  }
  CHECK(contains(problem(gone, digest("abc"), target), "does the server run there"));
  CHECK(contains(problem("ftp://x/y", digest("abc"), target), "not an http"));
  CHECK(contains(problem(gone, "12", target), "64 hexadecimal digits"));
  CHECK_FALSE(fs::exists(target));
}

TEST_CASE("models/fetch: file addresses work and resume") {
  const Folder folder;
  const std::string body = some_bytes(), source = folder.path / "source.gguf", target = folder.path / "m.gguf";
  std::ofstream(source, std::ios::binary) << body;
  std::ofstream(target + ".part", std::ios::binary) << body.substr(0, 1000);
  fetch_model("file://" + source, digest(body), target);
  CHECK(read(target) == body);
}

TEST_CASE("models/fetch: a stop request ends it and keeps what has come") {
  const Folder folder;
  const Server server("abc");
  std::stop_source stop;
  stop.request_stop();
  try {
    fetch_model(server.url(), digest("abc"), folder.path / "m.gguf", stop.get_token());
    FAIL("fetched");
  } catch (const Error& e) {
    CHECK(e.kind() == engine::ErrorKind::cancelled);
  }
}
