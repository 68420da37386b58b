// Export and import: one session as one file, an SQLite database of the same schema.
#include <algorithm>
#include <filesystem>

#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/session_copy.h"
#include "app/store/session_rows.h"
#include "app/store/session_store.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

namespace fs = std::filesystem;
using engine::ErrorKind;

// What a database leaves beside itself.
constexpr const char* companions[] = {"", "-wal", "-shm", ".lock"};

// Removes a half-written export unless it was completed.
struct PartFile {
  std::string path;
  ~PartFile() {
    std::error_code ignored;
    for (const char* suffix : companions) fs::remove(path + suffix, ignored);
  }
};

// The row of a session, title and all. The copy is active, whatever the original was.
int64_t insert_session(const Database& from, int64_t session, Database& to, bool hidden,
                       const std::function<std::string(std::string_view)>& on_text) {
  Statement row = from.prepare_read(
      "select title, created, changed, pinned, archived from session where id = ?");
  if (!row.with(session).step()) {
    engine::fail(ErrorKind::not_found, "session %lld is not there; `sigmactl session list` shows those "
                 "that are", static_cast<long long>(session));
  }
  const std::string title = on_text ? on_text(row.text(0)) : row.text(0);
  Statement insert = to.prepare(
      "insert into session (title, created, changed, pinned, archived, removed) "
      "values (?, ?, ?, ?, ?, ?)");
  insert.with(title, row.i64(1), row.i64(2), row.i64(3), row.i64(4));
  hidden ? insert.bind(6, now_ticks()) : insert.bind_null(6);
  insert.run();
  return to.last_insert_id();
}

void write_export(Database& from, int64_t session, const std::string& path,
                  const ExportOptions& options) {
  Database to(path);
  Transaction transaction(to);
  const int64_t copy = insert_session(from, session, to, false, options.redact);
  copy_session_rows(from, session, to, copy, {.with_log = !options.redact, .on_text = options.redact});
  transaction.commit();
  if (!options.redact) return;
  const auto log = load_log_snapshot(from, session);
  copy_log(*log, *open_log_store(to, copy), options.redact);
}

std::string checked_text(std::string_view text) {
  if (!engine::is_valid_utf8(text)) {
    engine::fail(ErrorKind::invalid_input, "a stored text is not UTF-8; the file is damaged or was not "
                 "made by Sigma Desk");
  }
  return std::string(text);
}

std::vector<std::string> schema_of(const Database& database) {
  Statement row = database.prepare_read(
      "select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema order by 1");
  std::vector<std::string> schema;
  while (row.step()) schema.push_back(row.text(0));
  return schema;
}

std::unique_ptr<Database> open_import(const std::string& file) {
  try {
    return std::make_unique<Database>(file, DatabaseOptions{.read_only = true});
  } catch (const engine::Error& e) {
    if (e.kind() != ErrorKind::invalid_input) throw;
    engine::fail(e.kind(), "%s is not a whole session file, or none; it was not imported. Take one that "
                 "`sigmactl session export` wrote", file.c_str());
  }
}

// A schema that is not ours could hold views and triggers that do anything; then the structure.
int64_t check_import(const Database& file) {
  if (schema_of(file) != schema_of(*Database::in_memory())) {
    engine::fail(ErrorKind::invalid_input, "%s: its tables are not those of a Sigma Desk session; it was "
                 "not imported", file.path().c_str());
  }
  const DatabaseCheck check = file.check();
  if (!check.ok) {
    engine::fail(ErrorKind::invalid_input, "%s is damaged (%s); it was not imported. Export the session "
                 "again", file.path().c_str(), check.problems.front().c_str());
  }
  Statement row = file.prepare_read("select count(*), max(id) from session where removed is null");
  row.step();
  if (row.i64(0) != 1) {
    engine::fail(ErrorKind::invalid_input, "%s holds %lld sessions; a session file holds one. Start with "
                 "--data-folder to look into a whole data folder", file.path().c_str(),
                 static_cast<long long>(row.i64(0)));
  }
  return row.i64(1);
}

}  // namespace

void export_session(Database& from, int64_t session, const std::string& file,
                    const ExportOptions& options) {
  require_session(from, session);
  if (fs::exists(file)) {
    engine::fail(ErrorKind::io, "%s is there already; choose another name", file.c_str());
  }
  const PartFile part{file + ".part"};
  { const PartFile leftover{part.path}; }
  write_export(from, session, part.path, options);
  std::error_code error;
  fs::rename(part.path, file, error);
  if (error) {
    engine::fail(ErrorKind::io, "%s cannot be written (%s)", file.c_str(), error.message().c_str());
  }
}

int64_t import_session(Database& to, const std::string& file, const Clock& clock) {
  const std::unique_ptr<Database> opened = open_import(file);
  const Database& from = *opened;
  const int64_t session = check_import(from);
  // Hidden until it is whole: what a crash leaves behind is purged like any removed session.
  const int64_t copy = insert_session(from, session, to, true, checked_text);
  try {
    (void)SessionStore(*opened).load(session);  // every choice and list reads well
    copy_log(*load_log_snapshot(from, session), *open_log_store(to, copy), checked_text);
    Transaction transaction(to);
    copy_session_rows(from, session, to, copy, {.with_log = false, .on_text = checked_text});
    to.prepare("update session set removed = null, changed = ? where id = ?").with(clock(), copy).run();
    transaction.commit();
  } catch (const engine::Error& e) {
    SessionStore(to).purge(copy);
    engine::fail(e.kind(), "%s was not imported: %s", file.c_str(), e.what());
  }
  return copy;
}

}  // namespace app::store
