#include "app/store/connection.h"

#include <cerrno>
#include <cstring>

#include "engine/base/error.h"

namespace app::store {

using engine::ErrorKind;

void fail_damaged(const std::string& path, const std::string& why) {
  engine::fail(ErrorKind::invalid_input,
               "%s is damaged (%s); it was left as it is. Restore a backup over it, or move it away "
               "with `sigmactl db set-aside` and start with a new one",
               path.c_str(), why.c_str());
}

Connection::Connection(std::string shown_path, const std::string& uri, int flags,
                       int busy_timeout_ms)
    : path(std::move(shown_path)) {
  const int code = sqlite3_open_v2(uri.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    try {
      fail(code, "opening it");
    } catch (...) {
      sqlite3_close_v2(handle);
      throw;
    }
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  // A schema from elsewhere (an imported file) must not run functions or rewrite itself.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

Connection::~Connection() { sqlite3_close_v2(handle); }

void Connection::fail(int code, const char* doing) const {
  const char* file = path.c_str();
  const char* why = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  const int system_error = handle ? sqlite3_system_errno(handle) : 0;
  const char* cause = system_error != 0 ? std::strerror(system_error) : why;
  switch (code & 0xff) {
    case SQLITE_FULL:
      engine::fail(ErrorKind::io, "%s: the disk is full while %s; free some space and try again. "
                   "What was saved before is safe", file, doing);
    case SQLITE_IOERR:
      if (system_error == ENOSPC || system_error == EDQUOT) fail(SQLITE_FULL, doing);
      engine::fail(ErrorKind::io, "%s: reading or writing failed while %s (%s); check the disk", file,
                   doing, cause);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      engine::fail(ErrorKind::busy, "%s is in use by another program (%s while %s); close it and try "
                   "again", file, why, doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: fail_damaged(path, why);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      engine::fail(ErrorKind::io, "%s cannot be written (%s); make it and its folder writable or "
                   "choose another folder with --data-folder", file, cause);
    case SQLITE_CANTOPEN:
      engine::fail(ErrorKind::io, "%s cannot be opened (%s); check the folder and its permissions, or "
                   "choose another one with --data-folder", file, cause);
    case SQLITE_NOMEM:
      engine::fail(ErrorKind::out_of_memory, "%s: out of memory while %s; close other programs", file,
                   doing);
    case SQLITE_TOOBIG:
      engine::fail(ErrorKind::invalid_input, "%s: a value is too large to be stored (limit 1 GB) "
                   "while %s", file, doing);
    case SQLITE_INTERRUPT: engine::fail(ErrorKind::cancelled, "%s: cancelled while %s", file, doing);
    default: break;
  }
  if (code == SQLITE_CONSTRAINT_FOREIGNKEY) {
    engine::fail(ErrorKind::not_found, "%s: what this belongs to is not stored any more; reload the "
                 "list of sessions", file);
  }
  engine::fail(ErrorKind::internal, "%s: %s while %s; please report it", file, why, doing);
}

void Connection::execute(const char* sql) {
  const std::lock_guard guard(mutex);
  const int code = sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(sqlite3_extended_errcode(handle), "running a statement");
}

int64_t Connection::number(const char* sql) {
  const std::lock_guard guard(mutex);
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
  int64_t value = 0;
  if (code == SQLITE_OK) {
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) value = sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) fail(code, "reading its state");
  return value;
}

}  // namespace app::store
