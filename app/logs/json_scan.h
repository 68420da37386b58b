// app/logs/json_scan.h: the keys and values of one JSON object on one line, without building a
// tree.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace app::logs {

struct JsonValue {
  enum class Kind { string, number, object, array, word } kind;  // word: true, false, null
  std::string_view text;  // as written; of a string without its quotes, escapes still in place
  bool escaped = false;   // a string that holds escapes
};

// Calls on_member(key, value) for each member of the object that text is, in order, keys as
// written. False: text is not one whole JSON object (members seen before the fault were given).
// Objects and arrays inside are checked and given as they are written.
bool scan_json_object(std::string_view text,
                      const std::function<void(std::string_view, const JsonValue&)>& on_member);

// The text that a JSON string stands for; broken escapes stay as they are.
std::string unescape_json(std::string_view text);
void append_json_string(std::string& out, std::string_view text);  // with its quotes

}  // namespace app::logs
