// app/store/lock_file.h: the file that says which process writes a database.
// It holds that process's number while the lock is held, and nothing after a clean end; the lock
// itself is flock's, so it goes with the process however that ends.
#pragma once
#include <string>

namespace app::store {

class LockFile {
 public:
  // Takes the lock. Throws Error{busy} naming the holder, Error{io} where the file cannot be made.
  explicit LockFile(const std::string& path);
  ~LockFile();  // leaves the file there, empty
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  bool holder_ended_cleanly() const { return clean_; }  // the one before us

 private:
  int file_ = -1;
  bool clean_ = true;
};

}  // namespace app::store
