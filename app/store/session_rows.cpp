#include "app/store/session_rows.h"

#include "engine/base/error.h"

namespace app::store {

void bind_line(Statement& statement, int parameter, const LineRef& line) {
  statement.bind(parameter, uint64_t{line.row})
      .bind(parameter + 1, line.source)
      .bind(parameter + 2, line.file)
      .bind(parameter + 3, line.line)
      .bind(parameter + 4, line.text);
}

LineRef line_at(const Statement& row, int column) {
  LineRef line;
  line.row = row.u64(column);
  line.source = static_cast<uint32_t>(row.i64(column + 1));
  line.file = row.text(column + 2);
  line.line = row.u64(column + 3);
  line.text = row.text(column + 4);
  return line;
}

void fail_bad_enum(int64_t number) {
  engine::fail(engine::ErrorKind::invalid_input,
               "a stored choice has the impossible number %lld; check the file with `sigmactl db check`",
               static_cast<long long>(number));
}

void require_session(Database& database, int64_t session) {
  Statement known = database.prepare("select 1 from session where id = ?");
  if (known.with(session).step()) return;
  engine::fail(engine::ErrorKind::not_found, "session %lld is not there; `sigmactl session list` shows "
               "those that are", static_cast<long long>(session));
}

}  // namespace app::store
