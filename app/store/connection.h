// app/store/connection.h: one sqlite3 handle with its lock and its way of failing. Inside app/store
// only; includes SQLite's header, so it is not for headers of others.
#pragma once
#include <sqlite3.h>

#include <mutex>
#include <string>

namespace app::store {

struct Connection {
  std::string path;  // as messages name the file
  sqlite3* handle = nullptr;
  mutable std::recursive_mutex mutex;
  int transaction_depth = 0;
  bool rollback_only = false;  // an inner transaction gave up

  // uri: what sqlite3_open_v2 gets; flags: SQLITE_OPEN_*.
  Connection(std::string shown_path, const std::string& uri, int flags, int busy_timeout_ms);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void execute(const char* sql);  // one or several statements; rows are dropped
  int64_t number(const char* sql);  // the first column of the first row
  [[noreturn]] void fail(int code, const char* doing) const;
};

// Error{invalid_input}: what is wrong, that the file stays, what to do.
[[noreturn]] void fail_damaged(const std::string& path, const std::string& why);

}  // namespace app::store
