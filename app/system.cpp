#include "app/system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/base/error.h"

namespace app {
namespace {

using engine::ErrorKind;
using engine::fail;

// Inode numbers of this process's sockets, from links such as "socket:[4711]".
std::set<std::string> own_socket_inodes() {
  std::set<std::string> inodes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    char target[64] = {};
    if (::readlink(entry.path().c_str(), target, sizeof target - 1) < 0) continue;
    const std::string_view link = target;
    if (link.starts_with("socket:[") && link.ends_with("]")) inodes.emplace(link.substr(8, link.size() - 9));
  }
  return inodes;
}

// "0100007F:1F90" is 127.0.0.1:8080; IPv6 addresses stay hexadecimal.
std::string address_text(const std::string& hex) {
  unsigned address = 0, port = 0;
  const size_t colon = hex.find(':');
  if (colon == std::string::npos || std::sscanf(hex.c_str() + colon + 1, "%x", &port) != 1) return hex;
  if (colon != 8) return "[" + hex.substr(0, colon) + "]:" + std::to_string(port);
  if (std::sscanf(hex.c_str(), "%8x", &address) != 1) return hex;
  return engine::format("%u.%u.%u.%u:%u", address & 255u, (address >> 8) & 255u, (address >> 16) & 255u, address >> 24, port);
}

}  // namespace

std::vector<std::string> list_internet_sockets() {
  const std::set<std::string> own = own_socket_inodes();
  std::vector<std::string> sockets;
  if (own.empty()) return sockets;
  for (const char* protocol : {"tcp", "tcp6", "udp", "udp6"}) {
    std::ifstream in(std::string("/proc/self/net/") + protocol);
    std::string line;
    std::getline(in, line);  // the header
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::vector<std::string> field(10);
      for (std::string& f : field) fields >> f;  // the tenth is the inode (proc(5))
      if (own.count(field[9]) == 0) continue;
      const bool listening = field[3] == "0A";
      std::string shown = std::string(protocol) + " " + address_text(field[1]);
      shown += listening ? " listening" : " to " + address_text(field[2]);
      sockets.push_back(std::move(shown));
    }
  }
  return sockets;
}

int count_internet_sockets() { return static_cast<int>(list_internet_sockets().size()); }

void write_whole_file(const std::string& path, std::string_view text) {
  const std::string beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail(ErrorKind::io, "%s: cannot be written: %s; choose another place", path.c_str(), std::strerror(errno));
  size_t done = 0;
  bool good = true;
  while (done < text.size() && good) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    good = n > 0;
    if (good) done += static_cast<size_t>(n);
  }
  good = good && ::fsync(fd) == 0;
  int error = errno;
  ::close(fd);
  if (good && ::rename(beside.c_str(), path.c_str()) != 0) {
    good = false;
    error = errno;
  }
  if (!good) {
    ::unlink(beside.c_str());
    fail(ErrorKind::io, "%s: cannot be written: %s", path.c_str(), std::strerror(error));
  }
}

std::string read_whole_file(const std::string& path, size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io, "%s: cannot open: %s", path.c_str(), std::strerror(errno));
  }
  std::string text;
  char block[1 << 16];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) != 0;) {
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      fail(ErrorKind::io, "%s: cannot be read: %s", path.c_str(), std::strerror(error));
    }
    text.append(block, static_cast<size_t>(n));
    if (text.size() > max_bytes) {
      ::close(fd);
      fail(ErrorKind::invalid_input, "%s: larger than %zu bytes, which is more than such a file can sensibly hold",
           path.c_str(), max_bytes);
    }
  }
  ::close(fd);
  return text;
}

}  // namespace app
