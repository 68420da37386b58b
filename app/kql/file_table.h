// app/kql/file_table.h: a file of rows as a table: CSV and TSV with a line of names (RFC 4180: fields
// in quotes may hold separators, line ends and doubled quotes), JSONL with one object a line.
//
// A column's type is the narrowest that fits all its values: bool, long, real, datetime, otherwise
// string; nested JSON is dynamic. Empty fields and missing members are null.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "app/kql/query.h"

namespace app::kql {

enum class FileFormat : uint8_t { csv, tsv, jsonl };
// By the end of the name: .csv, .tsv, .jsonl or .ndjson; none for other names.
std::optional<FileFormat> file_format(std::string_view path);

// name is only for errors: Error{invalid_input} says the file, the line and what is wrong there.
std::shared_ptr<const Table> make_text_table(std::string_view text, FileFormat format, const std::string& name);
// Reads the file. Throws as above, and Error{not_found} or Error{io}.
std::shared_ptr<const Table> load_file_table(const std::string& path);
// "web access-2.csv" -> "web_access_2": a name that a query can use.
std::string table_name_of(std::string_view path);

}  // namespace app::kql
