#include "app/store/session_copy.h"

#include <algorithm>
#include <map>
#include <vector>

#include "app/store/database.h"
#include "app/store/lists.h"
#include "app/store/log_parts.h"
#include "app/store/log_store.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::store {
namespace {

// A table that belongs to a session, directly or through a row of another table.
struct Table {
  const char* name;
  const char* parent;   // the table that key points into
  const char* key;
  bool has_id;          // its own column id, which others point to: numbered anew
  const char* columns;  // all others
  bool is_log = false;
};

// Parents before children.
constexpr Table tables[] = {
    {"session_tag", "session", "session_id", false, "tag"},
    {"session_state", "session", "session_id", false, "key, value"},
    {"source", "session", "session_id", false,
     "id, name, path, kind, encoding, format, format_match, time_zone, n_bytes, n_lines, n_records, "
     "n_without_time, first_time, last_time, notes", true},
    {"template", "session", "session_id", false,
     "id, pattern, count, first_row, last_row, first_time, last_time, by_level, samples, timeline", true},
    {"log_chunk", "session", "session_id", true,
     "number, first_row, n_rows, min_time, max_time, levels, lines", true},
    {"log_column", "log_chunk", "chunk_id", false, "part, data", true},
    {"log_tail", "session", "session_id", false, "first_row, n_rows, data", true},
    {"finding", "session", "session_id", true,
     "position, check_id, title, cause, severity, score, n_matches, first_time, last_time, "
     "consequence_of"},
    {"finding_line", "finding", "finding_id", false, "position, row_id, source, file, line, text"},
    {"finding_step", "finding", "finding_id", false, "position, text, command, changes_state"},
    {"check_result", "session", "session_id", false, "position, check_id, title, algorithm, n_found"},
    {"anomaly", "session", "session_id", false,
     "position, kind, text, begin_time, end_time, score, template_id, samples"},
    {"message", "session", "session_id", true, "role, text, time"},
    {"answer", "message", "message_id", false,
     "text, n_claims, n_supported, inconclusive, partial, from_model, model, stop_reason, prompt_tokens, "
     "generated_tokens, first_token_ms, tokens_per_second, seed, left_out"},
    {"citation", "message", "message_id", false,
     "position, begin_byte, end_byte, evidence_id, state, row_id, source, file, line, text"},
    {"evidence", "message", "message_id", false, "position, name, reason, score"},
    {"evidence_line", "message", "message_id", false,
     "evidence, position, row_id, source, file, line, text"},
    {"query", "session", "session_id", true,
     "text, question, time, ms, n_rows, data_version, error"},
    {"config_review", "session", "session_id", true, "time"},
    {"config_file", "config_review", "review_id", false, "position, name, kind, text"},
    {"config_finding", "config_review", "review_id", false,
     "position, file, line, column, kind, rule, covers, severity, message, fix, subject"},
};

using TextFunction = std::function<std::string(std::string_view)>;
using Ids = std::map<int64_t, int64_t>;  // old to new, in the order they were made

// Texts inside a JSON list go through one by one, so that the list stays one.
std::string changed_text(const std::string& text, bool is_list, const TextFunction& on_text) {
  if (!is_list) return on_text(text);
  std::vector<std::string> values = decode_texts(text);
  for (std::string& value : values) value = on_text(value);
  return encode_list(values);
}

struct Copier {
  const Database& from;
  Database& to;
  const CopyOptions& options;
  std::map<std::string, Ids> ids;

  void copy(const Table& table);
  void copy_rows(const Table& table, Statement& select, Statement& insert, int64_t old_key,
                 int64_t new_key);
};

void Copier::copy(const Table& table) {
  const std::string columns = table.columns;
  const auto n_columns = 1 + std::count(columns.begin(), columns.end(), ',');
  std::string select_sql = "select " + columns + (table.has_id ? ", id" : "") + " from " + table.name +
                           " where " + table.key + " = ?";
  if (table.name == std::string_view("message") && options.up_to_message) {
    select_sql += " and id <= " + std::to_string(*options.up_to_message);
  }
  if (table.has_id) select_sql += " order by id";
  std::string insert_sql = "insert into " + std::string(table.name) + " (" + columns + ", " + table.key +
                           ") values (";
  for (int i = 0; i < n_columns; ++i) insert_sql += "?, ";
  Statement select = from.prepare_read(select_sql);
  Statement insert = to.prepare(insert_sql + "?)");
  for (const auto& [old_key, new_key] : ids[table.parent]) {
    copy_rows(table, select, insert, old_key, new_key);
  }
}

void Copier::copy_rows(const Table& table, Statement& select, Statement& insert, int64_t old_key,
                       int64_t new_key) {
  // Lists of texts; other lists hold numbers.
  const std::string columns = std::string(table.columns) + ",";
  const auto list_column = [&](const char* name) {
    const size_t at = columns.find(std::string(name) + ",");
    if (at == std::string::npos) return -1;
    return static_cast<int>(std::count(columns.begin(), columns.begin() + static_cast<long>(at), ','));
  };
  const int lists[] = {list_column("notes"), list_column("left_out"), list_column("covers")};
  const int n_columns = select.n_columns() - (table.has_id ? 1 : 0);
  std::vector<std::string> texts(static_cast<size_t>(n_columns));
  for (select.bind(1, old_key); select.step();) {
    for (int i = 0; i < n_columns; ++i) {
      if (options.on_text && select.is_text(i)) {
        const bool is_list = std::find(std::begin(lists), std::end(lists), i) != std::end(lists);
        std::string& text = texts[static_cast<size_t>(i)];
        text = changed_text(select.text(i), is_list, options.on_text);
        insert.bind(i + 1, text);
      } else {
        insert.bind_value(i + 1, select, i);
      }
    }
    insert.bind(n_columns + 1, new_key).run();
    if (table.has_id) ids[table.name].emplace(select.i64(n_columns), to.last_insert_id());
  }
  select.reset();
}

}  // namespace

void copy_session_rows(const Database& from, int64_t from_session, Database& to, int64_t to_session,
                       const CopyOptions& options) {
  Copier copier{from, to, options, {}};
  copier.ids["session"].emplace(from_session, to_session);
  for (const Table& table : tables) {
    if (options.with_log || !table.is_log) copier.copy(table);
  }
}

void copy_log(const LogSnapshot& from, LogStore& to, const TextFunction& on_text) {
  for (Source source : from.sources()) {
    source.name = on_text(source.name);
    source.path = on_text(source.path);
    for (std::string& note : source.notes) note = on_text(note);
    to.add_source(source);
  }
  for (size_t number = 0; number < from.n_chunks(); ++number) {
    const auto chunk = from.chunk(number);
    for (size_t row = 0; row < chunk->n_rows; ++row) {
      Record record = record_of(*chunk, row);
      if (record.source >= from.sources().size() || record.n_lines == 0) {
        engine::fail(engine::ErrorKind::invalid_input, "row %llu of the log names source %u, which is not "
                     "there; the file is damaged",
                     static_cast<unsigned long long>(from.info(number).first_row + row), record.source);
      }
      const std::string raw = on_text(record.raw), message = on_text(record.message),
                        host = on_text(record.host), process = on_text(record.process),
                        properties = on_text(record.properties);
      record.raw = raw;
      record.message = message;
      record.host = host;
      record.process = process;
      record.properties = properties;
      to.append({&record, 1});
    }
  }
  std::vector<Template> templates = from.templates();
  for (Template& t : templates) t.pattern = on_text(t.pattern);
  to.set_templates(std::move(templates));
  to.flush();
}

}  // namespace app::store
