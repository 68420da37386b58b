#include "app/store/database.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "app/store/connection.h"
#include "app/store/lock_file.h"
#include "app/store/statement_impl.h"
#include "engine/base/error.h"

namespace app::store {
namespace {

namespace fs = std::filesystem;
using engine::ErrorKind;

constexpr int64_t application_id = 0x53674465;  // "SgDe", in the file's header
constexpr std::string_view sqlite_magic("SQLite format 3\0", 16);

std::string as_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += engine::format("%%%02X", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri;
}

void make_folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return;
  fs::create_directories(folder, error);
  if (error) {
    engine::fail(ErrorKind::io, "%s: the folder cannot be made (%s); choose another one with "
                 "--data-folder", folder.c_str(), error.message().c_str());
  }
}

// What can be told from the first bytes, before SQLite would write anything beside the file.
void check_header(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  if (!fs::is_regular_file(path, error)) {
    engine::fail(ErrorKind::invalid_input, "%s is not a file; move it away", path.c_str());
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    engine::fail(ErrorKind::io, "%s cannot be read (%s); check its permissions", path.c_str(),
                 std::strerror(errno));
  }
  std::array<char, 100> header{};
  in.read(header.data(), header.size());
  const auto n = static_cast<size_t>(in.gcount());
  if (n == 0) return;  // empty: a new database
  if (n < header.size()) fail_damaged(path, "it is shorter than its header");
  if (std::string_view(header.data(), sqlite_magic.size()) != sqlite_magic) {
    fail_damaged(path, "it is no SQLite database");
  }
}

int latest(std::span<const Migration> schema) {
  return schema.empty() ? 0 : schema.back().version;
}

// The name of a new file: PATH.SUFFIX, PATH.SUFFIX-2, ...
std::string unused_name(const std::string& path, const std::string& suffix) {
  std::string name = path + "." + suffix;
  for (int i = 2; fs::exists(name); ++i) name = path + "." + suffix + "-" + std::to_string(i);
  return name;
}

void back_up(Connection& from, const std::string& to) {
  sqlite3* target = nullptr;
  int code = sqlite3_open_v2(to.c_str(), &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  if (code == SQLITE_OK) {
    sqlite3_backup* backup = sqlite3_backup_init(target, "main", from.handle, "main");
    if (backup != nullptr) {
      sqlite3_backup_step(backup, -1);
      code = sqlite3_backup_finish(backup);
    } else {
      code = sqlite3_errcode(target);
    }
  }
  const std::string why = code == SQLITE_OK ? "" : sqlite3_errstr(code);
  sqlite3_close_v2(target);
  if (code == SQLITE_OK) return;
  std::error_code ignored;
  fs::remove(to, ignored);
  engine::fail(ErrorKind::io, "%s: the copy to %s before the upgrade failed (%s); free some space and "
               "try again. The file was not changed", from.path.c_str(), to.c_str(), why.c_str());
}

void apply(Connection& connection, const Migration& step) {
  connection.execute("begin immediate");
  try {
    connection.execute(step.sql);
    if (connection.number("select count(*) from pragma_foreign_key_check") != 0) {
      engine::fail(ErrorKind::internal, "%s: the upgrade to version %d would break links between rows; "
                   "please report it. The file was not changed", connection.path.c_str(), step.version);
    }
    connection.execute(engine::format("pragma user_version = %d", step.version).c_str());
    connection.execute("commit");
  } catch (...) {
    if (sqlite3_get_autocommit(connection.handle) == 0) {
      sqlite3_exec(connection.handle, "rollback", nullptr, nullptr, nullptr);
    }
    throw;
  }
}

bool is_empty_database(Connection& connection) {
  return connection.number("select count(*) from sqlite_schema") == 0;
}

// Refuses files of others and of newer programs; gives the version.
int check_identity(Connection& connection, std::span<const Migration> schema) {
  const auto id = connection.number("pragma application_id");
  const auto version = static_cast<int>(connection.number("pragma user_version"));
  if (is_empty_database(connection) && version == 0) return 0;
  if (id != application_id) {
    engine::fail(ErrorKind::invalid_input, "%s is a database of another program; it was left as it "
                 "is. Choose another folder with --data-folder", connection.path.c_str());
  }
  if (version > latest(schema)) {
    engine::fail(ErrorKind::unsupported, "%s was written by a newer Sigma Desk (its version is %d, this "
                 "program knows up to %d); start that one, or choose another folder with --data-folder",
                 connection.path.c_str(), version, latest(schema));
  }
  return version;
}

}  // namespace

struct Database::Impl {
  std::string path;
  bool read_only = false;
  int version = 0;
  std::vector<std::string> notes;
  std::unique_ptr<LockFile> lock;
  std::unique_ptr<Connection> writer;
  std::unique_ptr<Connection> reader;  // null: the writer reads too
  std::mutex claims_mutex;
  std::set<int64_t> claimed_logs;

  Connection& for_reading() { return reader ? *reader : *writer; }
  void open_for_reading(const DatabaseOptions& options);
  void open_for_writing(const DatabaseOptions& options);
  void migrate(std::span<const Migration> schema);
};

void Database::Impl::open_for_reading(const DatabaseOptions& options) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    engine::fail(ErrorKind::not_found, "%s is not there; nothing was stored in this folder yet",
                 path.c_str());
  }
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  writer = std::make_unique<Connection>(path, as_uri(path), flags, options.busy_timeout_ms);
  try {
    (void)writer->number("select count(*) from sqlite_schema");
  } catch (const engine::Error& e) {
    // In a folder that cannot be written SQLite cannot make its index of the log. Where no log is
    // waiting, the file alone is complete.
    const bool log_waits = fs::exists(path + "-wal", error) && fs::file_size(path + "-wal", error) > 0;
    if (e.kind() != ErrorKind::io || log_waits) throw;
    writer = std::make_unique<Connection>(path, as_uri(path) + "?immutable=1", flags,
                                          options.busy_timeout_ms);
  }
  version = check_identity(*writer, options.schema);
  if (version < latest(options.schema)) {
    engine::fail(ErrorKind::unsupported, "%s is of an older version (%d, this program writes %d); open "
                 "it once for writing to upgrade it", path.c_str(), version, latest(options.schema));
  }
}

void Database::Impl::open_for_writing(const DatabaseOptions& options) {
  writer = std::make_unique<Connection>(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                        options.busy_timeout_ms);
  version = check_identity(*writer, options.schema);
  // NORMAL: a commit is written to the log without waiting for the disk; only checkpoints wait. A
  // killed process loses nothing that it committed; a power cut may lose the last commits but never
  // leaves half of one, and sync() is there for what must not be lost. FULL would wait for the disk
  // at every commit, several times a second while a log is read, for nothing that kill -9 can take.
  // Before the first table: pages of deleted sessions can be given back to the disk (shrink()).
  if (version == 0) writer->execute("pragma auto_vacuum = incremental");
  writer->execute(
      "pragma journal_mode = wal;"
      "pragma synchronous = normal;"
      "pragma wal_autocheckpoint = 4000;"
      "pragma journal_size_limit = 67108864;"
      "pragma cache_size = -16384;");
  migrate(options.schema);
  writer->execute("pragma foreign_keys = on");
  if (path == ":memory:") return;
  reader = std::make_unique<Connection>(path, path, SQLITE_OPEN_READONLY, options.busy_timeout_ms);
}

void Database::Impl::migrate(std::span<const Migration> schema) {
  if (version == latest(schema)) return;
  const bool is_new = version == 0;
  if (is_new) {
    writer->execute(engine::format("pragma application_id = %lld",
                                   static_cast<long long>(application_id)).c_str());
  } else {
    const std::string copy = unused_name(path, engine::format("v%d.backup", version));
    back_up(*writer, copy);
    notes.push_back(engine::format("The data file was of version %d; it was copied to %s before the "
                                   "upgrade to version %d.", version, copy.c_str(), latest(schema)));
  }
  // As SQLite advises for steps that rebuild tables: links are off, and checked before each commit.
  writer->execute("pragma foreign_keys = off");
  for (const Migration& step : schema) {
    if (step.version <= version) continue;
    CHECK_INVARIANT(step.version == version + 1);
    apply(*writer, step);
    version = step.version;
  }
}

Database::Database(const std::string& path, const DatabaseOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->read_only = options.read_only;
  if (options.read_only) {
    check_header(path);
    impl_->open_for_reading(options);
    return;
  }
  if (path == ":memory:") {
    impl_->open_for_writing(options);
    return;
  }
  make_folder_of(path);
  impl_->lock = std::make_unique<LockFile>(path + ".lock");
  check_header(path);
  impl_->open_for_writing(options);
}

Database::~Database() = default;

std::unique_ptr<Database> Database::in_memory() {
  return std::make_unique<Database>(":memory:", DatabaseOptions{});
}

const std::string& Database::path() const { return impl_->path; }
bool Database::is_read_only() const { return impl_->read_only; }
int Database::version() const { return impl_->version; }
const std::vector<std::string>& Database::notes() const { return impl_->notes; }

bool Database::was_closed_cleanly() const {
  return !impl_->lock || impl_->lock->holder_ended_cleanly();
}

Statement Database::prepare(std::string_view sql) {
  return Statement(Statement::make(*impl_->writer, sql));
}

Statement Database::prepare_read(std::string_view sql) const {
  return Statement(Statement::make(impl_->for_reading(), sql));
}

void Database::execute(std::string_view sql) { impl_->writer->execute(std::string(sql).c_str()); }

int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(impl_->writer->handle);
}

int64_t Database::n_changes() const { return sqlite3_changes64(impl_->writer->handle); }

std::recursive_mutex& Database::write_lock() const { return impl_->writer->mutex; }

void Database::sync() {
  if (impl_->read_only || !impl_->reader) return;
  const std::string log = impl_->path + "-wal";
  const int file = ::open(log.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;  // nothing was committed since the last checkpoint
  const int code = ::fdatasync(file);
  const int error = errno;
  ::close(file);
  if (code != 0) {
    engine::fail(ErrorKind::io, "%s could not be written to the disk (%s); check the disk", log.c_str(),
                 std::strerror(error));
  }
}

void Database::shrink() {
  execute("pragma incremental_vacuum; pragma wal_checkpoint(truncate)");
}

DatabaseCheck Database::check() const {
  DatabaseCheck result;
  Statement integrity = prepare_read("pragma integrity_check(100)");
  while (integrity.step()) {
    if (integrity.text(0) != "ok") result.problems.push_back(integrity.text(0));
  }
  Statement links = prepare_read(
      "select \"table\", rowid, parent from pragma_foreign_key_check limit 100");
  while (links.step()) {
    result.problems.push_back("a row of " + links.text(0) + " (" + links.text(1) +
                              ") belongs to a missing row of " + links.text(2));
  }
  result.ok = result.problems.empty();
  return result;
}

void Database::claim_log(int64_t session_id) {
  const std::lock_guard guard(impl_->claims_mutex);
  if (!impl_->claimed_logs.insert(session_id).second) {
    engine::fail(ErrorKind::busy, "the log of session %lld is being written already; wait for that to "
                 "end", static_cast<long long>(session_id));
  }
}

void Database::release_log(int64_t session_id) {
  const std::lock_guard guard(impl_->claims_mutex);
  impl_->claimed_logs.erase(session_id);
}

Transaction::Transaction(Database& database)
    : database_(database), lock_(database.impl_->writer->mutex) {
  Connection& writer = *database_.impl_->writer;
  if (writer.transaction_depth == 0) {
    writer.execute("begin immediate");
    writer.rollback_only = false;
  }
  ++writer.transaction_depth;
}

void Transaction::commit() {
  Connection& writer = *database_.impl_->writer;
  CHECK_INVARIANT(!done_ && !writer.rollback_only);
  if (writer.transaction_depth == 1) writer.execute("commit");
  --writer.transaction_depth;
  done_ = true;
  lock_.unlock();
}

Transaction::~Transaction() {
  if (done_) return;
  Connection& writer = *database_.impl_->writer;
  --writer.transaction_depth;
  writer.rollback_only = true;
  // A full disk makes SQLite roll back by itself.
  if (writer.transaction_depth == 0 && sqlite3_get_autocommit(writer.handle) == 0) {
    sqlite3_exec(writer.handle, "rollback", nullptr, nullptr, nullptr);
  }
}

std::string set_aside_database(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    engine::fail(ErrorKind::not_found, "%s is not there", path.c_str());
  }
  const LockFile lock(path + ".lock");
  const std::string name = unused_name(path, "damaged");
  for (const char* part : {"", "-wal", "-shm"}) {
    if (*part != '\0' && !fs::exists(path + part, error)) continue;
    fs::rename(path + part, name + part, error);
    if (error) {
      engine::fail(ErrorKind::io, "%s cannot be renamed to %s (%s)", (path + part).c_str(),
                   (name + part).c_str(), error.message().c_str());
    }
  }
  return name;
}

}  // namespace app::store
