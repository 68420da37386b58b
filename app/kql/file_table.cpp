#include "app/kql/file_table.h"

#include <algorithm>
#include <map>

#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "app/kql/value.h"
#include "engine/base/error.h"
#include "engine/base/mapped_file.h"

namespace app::kql {
namespace {

using columns::Column;
constexpr size_t max_columns = 4096;

// All values of the file, by row; a value that is not there is none.
struct Cells {
  std::vector<std::string> names;
  std::vector<std::vector<std::optional<Json>>> rows;
};

[[noreturn]] void fail_at(const std::string& name, size_t line, const char* what) {
  engine::fail(engine::ErrorKind::invalid_input, "%s, line %zu: %s", name.c_str(), line, what);
}

// The fields of one record; at moves behind its line end.
std::vector<std::string> next_record(std::string_view text, size_t& at, size_t& line, char separator, const std::string& name) {
  std::vector<std::string> fields(1);
  const size_t first_line = line;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' && fields.back().empty()) {
      for (++at;; ++at) {
        if (at >= text.size()) fail_at(name, first_line, "a quoted field has no closing quote");
        if (text[at] == '"') {
          if (at + 1 >= text.size() || text[at + 1] != '"') break;
          ++at;
        }
        line += text[at] == '\n';
        fields.back() += text[at];
      }
      ++at;
    } else if (c == separator) {
      fields.emplace_back();
      if (fields.size() > max_columns) fail_at(name, line, "there are more than 4096 fields; is this the right separator?");
      ++at;
    } else if (c == '\n') {
      ++at;
      ++line;
      break;
    } else {
      if (c != '\r' || (at + 1 < text.size() && text[at + 1] != '\n')) fields.back() += c;
      ++at;
    }
  }
  return fields;
}

Cells read_separated(std::string_view text, char separator, const std::string& name) {
  Cells cells;
  size_t at = 0, line = 1;
  cells.names = next_record(text, at, line, separator, name);
  while (at < text.size()) {
    const size_t first_line = line;
    std::vector<std::string> fields = next_record(text, at, line, separator, name);
    if (fields.size() == 1 && fields[0].empty()) continue;  // an empty line
    if (fields.size() > cells.names.size()) fail_at(name, first_line, "this row has more fields than the first line has names");
    auto& row = cells.rows.emplace_back();
    for (std::string& field : fields) row.push_back(field.empty() ? std::nullopt : std::optional<Json>(Json::of(std::move(field))));
  }
  return cells;
}

Cells read_objects(std::string_view text, const std::string& name) {
  Cells cells;
  std::map<std::string, size_t, std::less<>> index;
  size_t line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view one = text.substr(at, end - at);
    at = end + 1;
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    std::optional<Json> json = parse_json(one);
    if (!json || !json->is_object()) fail_at(name, line, "expected one JSON object on this line");
    auto& row = cells.rows.emplace_back();
    for (size_t k = 0; k < json->keys.size(); ++k) {
      const auto [found, added] = index.try_emplace(json->keys[k], cells.names.size());
      if (added) cells.names.push_back(json->keys[k]);
      if (cells.names.size() > max_columns) fail_at(name, line, "the objects have more than 4096 members between them");
      if (row.size() <= found->second) row.resize(found->second + 1);
      if (!json->items[k].is_null()) row[found->second] = std::move(json->items[k]);
    }
  }
  return cells;
}

// Texts that are times, not words or numbers that could be read as such.
bool looks_like_time(const std::string& text) {
  const bool shape = text.size() >= 8 && text[0] >= '0' && text[0] <= '9' && text.find_first_of("-/:") != std::string::npos;
  return shape && parse_datetime(text).has_value();
}

bool is_bool(const std::string& text) { return text == "true" || text == "false" || text == "True" || text == "False" || text == "TRUE" || text == "FALSE"; }

bool fits_type(const Json& value, Type type) {
  switch (type) {
    case Type::boolean: return value.kind == Json::Kind::boolean || (value.is_string() && is_bool(value.s));
    case Type::int64: return value.kind == Json::Kind::integer || (value.is_string() && parse_int64(value.s) && value.s.find_first_of("xX") == std::string::npos);
    case Type::real: return value.is_number() || (value.is_string() && parse_real(value.s));
    case Type::datetime: return value.is_string() && looks_like_time(value.s);
    case Type::string: return !value.is_array() && !value.is_object();
    default: return true;
  }
}

// Strings of a JSON file that hold digits are texts: only CSV has no other way to write a number.
Type type_of_column(const Cells& cells, size_t k, bool typed) {
  for (const Type type : {Type::boolean, Type::int64, Type::real, Type::datetime, Type::string}) {
    bool any = false, all = true;
    for (const auto& row : cells.rows) {
      if (k >= row.size() || !row[k]) continue;
      any = true;
      const bool text_number = typed && row[k]->is_string() && type != Type::datetime && type != Type::string;
      all &= !text_number && fits_type(*row[k], type);
      if (!all) break;
    }
    if (all) return any ? type : Type::string;
  }
  return Type::dynamic;
}

void push_cell(Column& column, const Json& json) {
  const Value value = json.is_string() ? Value::text(json.s) : from_json(json);
  const Value as = column.type() == Type::dynamic ? from_json(json) : convert(value, column.type());
  push(column, as);
}

}  // namespace

std::optional<FileFormat> file_format(std::string_view path) {
  const auto ends = [&](std::string_view end) {
    if (path.size() < end.size()) return false;
    return std::equal(end.begin(), end.end(), path.end() - static_cast<std::ptrdiff_t>(end.size()),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
  };
  if (ends(".csv")) return FileFormat::csv;
  if (ends(".tsv")) return FileFormat::tsv;
  if (ends(".jsonl") || ends(".ndjson")) return FileFormat::jsonl;
  return std::nullopt;
}

std::shared_ptr<const Table> make_text_table(std::string_view text, FileFormat format, const std::string& name) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos) {
    engine::fail(engine::ErrorKind::invalid_input, "%s has zero bytes; a table is a text in UTF-8", name.c_str());
  }
  Cells cells = format == FileFormat::jsonl ? read_objects(text, name) : read_separated(text, format == FileFormat::csv ? ',' : '\t', name);
  columns::Schema schema;
  for (size_t k = 0; k < cells.names.size(); ++k) {
    std::string base = cells.names[k].empty() ? "Column" + std::to_string(k + 1) : cells.names[k], own = base;
    const auto taken = [&] { return std::any_of(schema.begin(), schema.end(), [&](const auto& c) { return c.name == own; }); };
    for (int n = 1; taken(); ++n) own = base + std::to_string(n);
    schema.push_back({own, type_of_column(cells, k, format == FileFormat::jsonl)});
  }
  std::vector<std::shared_ptr<const columns::Chunk>> chunks;
  for (size_t begin = 0; begin < cells.rows.size(); begin += columns::chunk_rows) {
    const size_t end = std::min(begin + columns::chunk_rows, cells.rows.size());
    auto chunk = std::make_shared<columns::Chunk>();
    chunk->n_rows = end - begin;
    for (size_t k = 0; k < schema.size(); ++k) {
      Column column(schema[k].type);
      for (size_t row = begin; row < end; ++row) {
        const auto& cell = cells.rows[row];
        if (k < cell.size() && cell[k]) push_cell(column, *cell[k]);
        else column.push_null();
      }
      chunk->columns.push_back(std::move(column));
    }
    chunks.push_back(std::move(chunk));
  }
  return make_memory_table(std::move(schema), std::move(chunks));
}

std::shared_ptr<const Table> load_file_table(const std::string& path) {
  const std::optional<FileFormat> format = file_format(path);
  if (!format) {
    engine::fail(engine::ErrorKind::invalid_input, "%s: a table's file ends in .csv, .tsv, .jsonl or .ndjson", path.c_str());
  }
  const engine::MappedFile file(path);
  const auto bytes = file.bytes();
  return make_text_table({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, *format, path);
}

std::string table_name_of(std::string_view path) {
  std::string_view name = path.substr(path.find_last_of('/') == std::string_view::npos ? 0 : path.find_last_of('/') + 1);
  name = name.substr(0, name.find_last_of('.'));
  std::string out;
  for (const char c : name) out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(0, "_");
  return out;
}

}  // namespace app::kql
