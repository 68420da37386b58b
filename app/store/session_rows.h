// app/store/session_rows.h: small helpers of the files that write and read a session's tables.
// Inside app/store only.
#pragma once
#include <cstdint>
#include <string>

#include "app/store/database.h"
#include "app/types.h"

namespace app::store {

// Binds row, source, file, line, text from parameter on: the five columns of a LineRef.
void bind_line(Statement& statement, int parameter, const LineRef& line);
LineRef line_at(const Statement& row, int column);

// An enumerator that was stored as its number; throws Error{invalid_input} for one that is none.
template <typename Enum>
Enum enum_at(const Statement& row, int column, Enum last);
[[noreturn]] void fail_bad_enum(int64_t number);

template <typename Enum>
Enum enum_at(const Statement& row, int column, Enum last) {
  const int64_t number = row.i64(column);
  if (number < 0 || number > static_cast<int64_t>(last)) fail_bad_enum(number);
  return static_cast<Enum>(number);
}

// Throws Error{not_found} naming the session where it is not stored.
void require_session(Database& database, int64_t session);

}  // namespace app::store
