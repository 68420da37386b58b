// app/store/database.h: one SQLite file, opened, locked, migrated; statements and transactions.
//
// The file lives in the user's data folder as sigmadesk.db, in write-ahead-log mode:
//   sigmadesk.db, sigmadesk.db-wal, sigmadesk.db-shm   SQLite's
//   sigmadesk.db.lock                                  held (flock) by the one process that writes
//   sigmadesk.db.v3.backup                             the file as it was before a migration from 3
//
// One connection writes. A Statement or Transaction on it holds the database's lock while it
// lives, so keep them short; any thread may make them, and one thread may nest them. Statements of
// prepare_read() run on a second connection and wait for no writer.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace app::store {

// A step of the schema: `sql` turns version `version - 1` into `version`.
struct Migration {
  int version = 0;
  const char* sql = "";
};
std::span<const Migration> migrations();  // of Sigma Desk, from version 1, without gaps

struct DatabaseOptions {
  bool read_only = false;      // no lock taken: several readers beside the one writer
  int busy_timeout_ms = 5000;  // how long to wait for another program (the sqlite3 shell, say)
  std::span<const Migration> schema = migrations();
};

struct Connection;

// One prepared statement. Parameters count from 1, columns from 0.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& bind(int parameter, int64_t value);
  Statement& bind(int parameter, int value) { return bind(parameter, int64_t{value}); }
  Statement& bind(int parameter, uint32_t value) { return bind(parameter, int64_t{value}); }
  Statement& bind(int parameter, uint64_t value) {  // stored as the same 64 bits
    return bind(parameter, static_cast<int64_t>(value));
  }
  Statement& bind(int parameter, bool value) { return bind(parameter, int64_t{value}); }
  Statement& bind(int parameter, double value);
  // Text and blobs are borrowed: they must live until the statement is reset.
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, const std::string& text) {
    return bind(parameter, std::string_view(text));
  }
  Statement& bind(int parameter, const char* text) { return bind(parameter, std::string_view(text)); }
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);
  Statement& bind_value(int parameter, const Statement& row, int column);  // as it is stored there

  // Binds all parameters in order.
  template <typename... Values>
  Statement& with(const Values&... values) {
    int parameter = 0;
    (bind(++parameter, values), ...);
    return *this;
  }

  bool step();  // true: there is a row. Throws Error naming the file and the cause.
  void run();   // step to the end and reset, for use again
  void reset();

  int64_t i64(int column) const;
  uint64_t u64(int column) const { return static_cast<uint64_t>(i64(column)); }
  double real(int column) const;
  bool boolean(int column) const { return i64(column) != 0; }
  std::string text(int column) const;
  std::string_view blob(int column) const;  // until the next step
  bool is_null(int column) const;
  bool is_text(int column) const;
  int n_columns() const;

 private:
  friend class Database;
  struct Impl;
  static std::unique_ptr<Impl> make(Connection& connection, std::string_view sql);
  explicit Statement(std::unique_ptr<Impl> impl);
  Statement& checked(int code);
  std::unique_ptr<Impl> impl_;
};

class Database;

// Rolls back unless committed. Nested ones join the outermost.
class Transaction {
 public:
  explicit Transaction(Database& database);  // takes the write lock at once (BEGIN IMMEDIATE)
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();  // and lets go of the lock

 private:
  Database& database_;
  std::unique_lock<std::recursive_mutex> lock_;
  bool done_ = false;
};

struct DatabaseCheck {
  bool ok = true;
  std::vector<std::string> problems;  // as SQLite words them, at most 100
};

class Database {
 public:
  // Opens the file, creating it and its folder where missing, and brings its schema up to date;
  // before a change of version the file is copied beside itself (see notes()).
  // Throws Error{busy} naming the process that has it open, Error{io} for a folder or file that
  // cannot be written, Error{unsupported} for a file of a newer version, Error{invalid_input} for
  // a damaged or foreign file, which is left as it is. Each says what to do next.
  explicit Database(const std::string& path, const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  static std::unique_ptr<Database> in_memory();  // with the schema; for tests and one-shot commands

  const std::string& path() const;  // ":memory:" for in_memory()
  bool is_read_only() const;
  int version() const;
  // False where the process that had the file last was killed or lost power.
  bool was_closed_cleanly() const;
  // What opening did that the user should read, a sentence each: created, migrated, backed up.
  const std::vector<std::string>& notes() const;

  Statement prepare(std::string_view sql);             // on the writing connection
  Statement prepare_read(std::string_view sql) const;  // sees what is committed
  void execute(std::string_view sql);                  // one or several statements, no rows
  int64_t last_insert_id() const;
  int64_t n_changes() const;  // rows that the last statement changed

  // Commits reach the operating system at once (they survive kill -9) and the disk at the next
  // checkpoint; after sync() everything committed so far survives a power cut too.
  void sync();
  void shrink();  // gives the room of what was deleted back to the disk
  DatabaseCheck check() const;  // PRAGMA integrity_check and foreign_key_check

  // Held by whoever has a Statement or Transaction on the writing connection.
  std::recursive_mutex& write_lock() const;

  // One writer of a session's log at a time; throws Error{busy} where one is open already.
  void claim_log(int64_t session_id);
  void release_log(int64_t session_id);

 private:
  friend class Transaction;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Moves a damaged file and its companions aside (NAME.damaged-1, ...) so that a new one can be
// started; nothing is deleted. Gives the new name. Throws Error{io}, or Error{busy} where it is open.
std::string set_aside_database(const std::string& path);

}  // namespace app::store
