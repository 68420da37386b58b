#include <limits>

#include "app/store/connection.h"
#include "app/store/database.h"
#include "app/store/statement_impl.h"
#include "engine/base/error.h"

namespace app::store {

std::unique_ptr<Statement::Impl> Statement::make(Connection& connection, std::string_view sql) {
  auto impl = std::make_unique<Impl>(connection);
  const int code = sqlite3_prepare_v2(connection.handle, sql.data(), static_cast<int>(sql.size()),
                                      &impl->handle, nullptr);
  if (code != SQLITE_OK) connection.fail(code, "preparing a statement");
  return impl;
}

Statement::Statement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::checked(int code) {
  if (code != SQLITE_OK) impl_->connection.fail(code, "binding a value");
  return *this;
}

Statement& Statement::bind(int parameter, int64_t value) {
  return checked(sqlite3_bind_int64(impl_->handle, parameter, value));
}

Statement& Statement::bind(int parameter, double value) {
  return checked(sqlite3_bind_double(impl_->handle, parameter, value));
}

Statement& Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL; the empty text is not that.
  return checked(sqlite3_bind_text64(impl_->handle, parameter, text.data() ? text.data() : "",
                                     text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  return checked(sqlite3_bind_blob64(impl_->handle, parameter, bytes.data() ? bytes.data() : "",
                                     bytes.size(), SQLITE_STATIC));
}

Statement& Statement::bind_null(int parameter) {
  return checked(sqlite3_bind_null(impl_->handle, parameter));
}

Statement& Statement::bind_value(int parameter, const Statement& row, int column) {
  return checked(sqlite3_bind_value(impl_->handle, parameter,
                                    sqlite3_column_value(row.impl_->handle, column)));
}

bool Statement::step() {
  const int code = sqlite3_step(impl_->handle);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  // Reset first: it ends the statement's implicit transaction. The message stays.
  sqlite3_reset(impl_->handle);
  impl_->connection.fail(code, "reading or writing rows");
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(impl_->handle); }

int64_t Statement::i64(int column) const { return sqlite3_column_int64(impl_->handle, column); }

double Statement::real(int column) const {
  // SQLite has no NaN; it stores one as null.
  if (is_null(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(impl_->handle, column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(impl_->handle, column));
  return text ? std::string(text, static_cast<size_t>(sqlite3_column_bytes(impl_->handle, column)))
              : std::string();
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(impl_->handle, column));
  return {bytes, bytes ? static_cast<size_t>(sqlite3_column_bytes(impl_->handle, column)) : 0};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(impl_->handle, column) == SQLITE_NULL;
}

bool Statement::is_text(int column) const {
  return sqlite3_column_type(impl_->handle, column) == SQLITE_TEXT;
}

int Statement::n_columns() const { return sqlite3_column_count(impl_->handle); }

}  // namespace app::store
