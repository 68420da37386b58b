// app/store/session_copy.h: a session's rows from one database to another, or within one.
// Inside app/store only.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace app::store {

class Database;
class LogStore;
class LogSnapshot;

struct CopyOptions {
  std::optional<int64_t> up_to_message{};  // later messages are left out
  bool with_log = true;                  // sources, chunks, tail
  // Every text passes through it; empty: as they are. May throw to refuse one.
  std::function<std::string(std::string_view)> on_text{};
};

// Copies everything that belongs to session `from_session` to the session `to_session`, which has its
// row in `to` already. Ids of findings, messages and so on become new ones. Call it inside a
// Transaction on `to`; it reads what is committed in `from`.
void copy_session_rows(const Database& from, int64_t from_session, Database& to, int64_t to_session,
                       const CopyOptions& options = {});

// Copies a log row by row, so that what arrives was decoded and encoded anew: sources, records and
// templates. Texts pass through on_text. Throws Error{invalid_input} for rows that cannot be.
void copy_log(const LogSnapshot& from, LogStore& to,
              const std::function<std::string(std::string_view)>& on_text);

}  // namespace app::store
