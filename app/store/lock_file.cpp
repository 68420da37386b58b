#include "app/store/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/base/error.h"

namespace app::store {
namespace {

std::string content_of(int file) {
  char text[32] = {};
  const ssize_t n = ::pread(file, text, sizeof text - 1, 0);
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

}  // namespace

LockFile::LockFile(const std::string& path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) {
    engine::fail(engine::ErrorKind::io,
                 "%s cannot be written (%s); make its folder writable or choose another one with "
                 "--data-folder",
                 path.c_str(), std::strerror(errno));
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    std::string holder = content_of(file_);
    ::close(file_);
    if (error != EWOULDBLOCK) {
      engine::fail(engine::ErrorKind::io, "%s cannot be locked (%s); choose a local folder with "
                   "--data-folder", path.c_str(), std::strerror(error));
    }
    if (holder.empty()) holder = "of unknown number";
    engine::fail(engine::ErrorKind::busy,
                 "Sigma Desk is already open on this data folder (process %s holds %s); close it, or "
                 "choose another folder with --data-folder",
                 holder.c_str(), path.c_str());
  }
  clean_ = content_of(file_).empty();
  const std::string pid = std::to_string(::getpid());
  // The number is for people; that it cannot be written (a full disk) does not unlock anything.
  if (::ftruncate(file_, 0) == 0 && ::pwrite(file_, pid.data(), pid.size(), 0) < 0) clean_ = true;
}

LockFile::~LockFile() {
  if (::ftruncate(file_, 0) != 0) clean_ = false;  // the next start then says "not closed cleanly"
  ::close(file_);
}

}  // namespace app::store
