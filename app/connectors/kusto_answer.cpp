#include "app/connectors/kusto_answer.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "app/kql/json.h"
#include "app/kql/value.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors {
namespace {

using columns::Column;
using columns::Type;
using engine::ErrorKind;
using engine::fail;
using kql::Value;
using nlohmann::json;

constexpr size_t max_depth = 200;     // of a dynamic value
constexpr size_t max_columns = 10'000;

// A cell of JSON as a value of the column's type: longs and reals as numbers, the rest as text.
Value cell_value(const Value& cell, Type type) {
  if (cell.null) return Value::none(type);
  if (type == Type::dynamic && cell.type == Type::string) {
    // Text within a dynamic may be JSON of its own: a bag or an array is.
    const std::string_view text = engine::trim(cell.s);
    if (!text.empty() && (text[0] == '{' || text[0] == '[')) {
      if (const auto parsed = kql::parse_json(text)) return Value::dynamic(kql::json_text(*parsed));
    }
  }
  return kql::convert(cell, type);
}

std::string lower_key(const std::string& key) { return engine::to_lower_ascii(key); }

// Listens to the parser. A stack of what is open; below "rows" each array is a row.
class Listener {
 public:
  KustoAnswer take() {
    if (!has_result_) fail(ErrorKind::io, "the answer has no result table");
    if (!error_.empty()) fail(ErrorKind::io, "the query failed on the way: %s", error_.c_str());
    flush();
    return std::move(answer_);
  }

  // --- the parser's calls
  bool null() { return scalar(Value::none(Type::int64), "null"); }
  bool boolean(bool v) { return scalar(Value::boolean(v), v ? "true" : "false"); }
  bool number_integer(json::number_integer_t v) { return scalar(Value::int64(v), std::to_string(v)); }
  bool number_unsigned(json::number_unsigned_t v) {
    if (v <= static_cast<uint64_t>(INT64_MAX)) return number_integer(static_cast<int64_t>(v));
    return scalar(Value::decimal(std::to_string(v)), std::to_string(v));
  }
  bool number_float(json::number_float_t v, const std::string& text) { return scalar(Value::real(v), text); }
  bool string(std::string& v) {
    std::string quoted;
    if (capture_) kql::write_json_string(v, quoted);
    return scalar(Value::text(v), quoted);
  }
  bool binary(json::binary_t&) { return false; }
  bool key(std::string& k) {
    if (capture_) {
      comma();
      kql::write_json_string(k, captured_);
      captured_ += ':';
      after_key_ = true;
    }
    key_ = lower_key(k);
    return true;
  }
  bool start_object(size_t) { return open('{'); }
  bool end_object() { return close('}'); }
  bool start_array(size_t) { return open('['); }
  bool end_array() { return close(']'); }
  bool parse_error(size_t at, const std::string&, const json::exception&) {
    fail(ErrorKind::io, "the answer is no JSON (byte %zu)", at);
  }

 private:
  struct Open {
    char bracket;
    std::string key;   // under which it stands; lower case
  };

  bool in_rows() const { return stack_.size() >= 2 && stack_[stack_.size() - 2].key == "rows" && stack_.back().bracket == '['; }

  void comma() {
    if (!captured_.empty() && captured_.back() != '[' && captured_.back() != '{' && !after_key_) captured_ += ',';
    after_key_ = false;
  }

  bool scalar(const Value& v, const std::string& text) {
    if (capture_) {
      comma();
      captured_ += text;
      return true;
    }
    if (in_rows()) {
      cell(v);
    } else if (in_errors()) {
      if (key_ == "@message" || (key_ == "message" && error_.empty())) error_ = v.s;
    } else if (!stack_.empty() && stack_.back().bracket == '{') {
      field(v);
    }
    key_.clear();
    return true;
  }

  bool in_errors() const {
    for (const Open& o : stack_) {
      if (o.key == "oneapierrors" || o.key == "error") return true;
    }
    return false;
  }

  // A member of a table, of a column, or of the whole.
  void field(const Value& v) {
    const bool of_column = stack_.size() >= 2 && stack_[stack_.size() - 2].key == "columns";
    if (of_column) {
      if (key_ == "columnname" || key_ == "name") column_name_ = v.s;
      if (key_ == "columntype" || key_ == "type") column_type_ = v.s;
      return;
    }
    if (key_ == "tablekind" || (key_ == "name" && kind_.empty())) kind_ = lower_key(v.s);
    if (key_ == "haserrors" && v.i != 0 && error_.empty()) error_ = "the server says no more";
    if (key_ == "cancelled" && v.i != 0) error_ = "it was cancelled on the server";
  }

  void cell(const Value& v) {
    if (!wanted_) return;
    if (next_cell_ >= columns_.size()) fail(ErrorKind::io, "a row of more than %zu cells", columns_.size());
    push(columns_[next_cell_], cell_value(v, columns_[next_cell_].type()));
    ++next_cell_;
  }

  bool open(char bracket) {
    if (stack_.size() > max_depth) fail(ErrorKind::io, "the answer nests too deeply");
    if (!capture_ && in_rows()) capture_ = true, captured_.clear(), after_key_ = true, capture_depth_ = stack_.size();
    if (capture_) {
      comma();
      captured_ += bracket;
      stack_.push_back({bracket, {}});
      return true;
    }
    stack_.push_back({bracket, std::move(key_)});
    key_.clear();
    if (bracket == '[' && stack_.back().key == "columns") declared_.clear();
    if (bracket == '[' && stack_.back().key == "rows") begin_rows();
    const bool row_object = bracket == '{' && stack_.size() >= 2 && stack_[stack_.size() - 2].key == "rows";
    if (row_object) stack_.back().key = "error";  // in the place of a row: what went wrong behind the rows so far
    return true;
  }

  bool close(char bracket) {
    const Open was = stack_.back();
    stack_.pop_back();
    if (capture_) {
      captured_ += bracket;
      after_key_ = false;
      if (stack_.size() > capture_depth_) return true;
      capture_ = false;
      cell(Value::dynamic(std::move(captured_)));
      captured_.clear();
      return true;
    }
    const bool in_columns = !stack_.empty() && stack_.back().key == "columns";
    if (bracket == '}' && in_columns) {
      if (declared_.size() >= max_columns) fail(ErrorKind::io, "a table of more than %zu columns", max_columns);
      declared_.emplace_back(column_name_, column_type_);
      column_name_.clear(), column_type_.clear();
    }
    const bool row = bracket == ']' && !stack_.empty() && stack_.back().key == "rows";
    if (row && wanted_) end_row();
    if (bracket == '}' && !in_columns && (was.key.empty() || was.key == "tables")) kind_.clear(), declared_.clear(), wanted_ = false;
    return true;
  }

  // Only the result counts; the other tables say how the query went.
  void begin_rows() {
    wanted_ = !has_result_ && (kind_ == "primaryresult" || kind_.empty());
    if (!wanted_) return;
    has_result_ = true;
    for (const auto& [name, type] : declared_) {
      const std::optional<Type> t = kql::type_from_name(engine::to_lower_ascii(type));
      if (!t) fail(ErrorKind::io, "a column of type '%s'", engine::escape_invalid_utf8(type).c_str());
      answer_.columns.push_back({name, *t});
      columns_.emplace_back(*t);
    }
  }
  void end_row() {
    if (next_cell_ != columns_.size()) fail(ErrorKind::io, "a row of %zu cells, where the table has %zu columns", next_cell_, columns_.size());
    next_cell_ = 0;
    if (++n_rows_ == columns::chunk_rows) flush();
  }
  void flush() {
    if (n_rows_ == 0) return;
    auto chunk = std::make_shared<columns::Chunk>();
    chunk->n_rows = n_rows_;
    chunk->columns = std::move(columns_);
    columns_.clear();
    for (const columns::ColumnInfo& c : answer_.columns) columns_.emplace_back(c.type);
    answer_.chunks.push_back(std::move(chunk));
    n_rows_ = 0;
  }

  KustoAnswer answer_;
  std::vector<Open> stack_;
  std::string key_, kind_, column_name_, column_type_, error_, captured_;
  std::vector<std::pair<std::string, std::string>> declared_;
  std::vector<Column> columns_;
  size_t n_rows_ = 0, next_cell_ = 0, capture_depth_ = 0;
  bool has_result_ = false, wanted_ = false, capture_ = false, after_key_ = false;
};

}  // namespace

KustoAnswer read_kusto_answer(std::string_view body) {
  Listener listener;
  if (!json::sax_parse(body.begin(), body.end(), &listener)) fail(ErrorKind::io, "the answer is no JSON");
  return listener.take();
}

std::string kusto_error(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("error") || !answer["error"].is_object()) return {};
  // The innermost words say most: "error" wraps "innererror" wraps ...
  std::string message;
  const json* at = &answer["error"];
  for (int depth = 0; at->is_object() && depth < 10; ++depth) {
    for (const char* key : {"@message", "message"}) {
      const auto text = at->find(key);
      if (text != at->end() && text->is_string()) {
        message = text->get<std::string>();
        break;
      }
    }
    const auto inner = at->find("innererror");
    if (inner == at->end()) break;
    at = &*inner;
  }
  return engine::escape_invalid_utf8(message.substr(0, 500));
}

}  // namespace app::connectors
