// app/logs/parameters.h: what stood in the wildcards of a template in one message, and the leaves of
// a record's parsed fields: the values that people filter and count by.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace app::logs {

// Reads the values of a pattern's wildcards ("size <*> bytes") from messages of that shape. A
// wildcard takes as little text as lets the rest of the pattern fit, at least one byte where it can;
// one blank of the pattern stands for any number of blanks.
class ParameterReader {
 public:
  explicit ParameterReader(std::string_view pattern);

  size_t n_parameters() const { return literals_.empty() ? 0 : literals_.size() - 1; }
  // One view into message for each wildcard; false (and none) where the message has another shape.
  bool read(std::string_view message, std::vector<std::string_view>& out) const;
  // The words around a wildcard, for naming it: "size <*> bytes".
  std::string context(size_t parameter) const;

 private:
  bool fit(std::string_view message, size_t at, size_t literal, int& budget,
           std::vector<std::string_view>& out) const;

  std::vector<std::string> literals_;  // around the wildcards: one more than there are
};

// Mined templates look at so much of a message: its first line, and of that this many bytes.
constexpr size_t max_template_bytes = 4096;
std::string_view template_part(std::string_view message);

// A regular expression (RE2, .NET) for messages of the pattern whose one group is that parameter.
std::string parameter_regex(std::string_view pattern, size_t parameter);

// "3,7" as numbers; parts that are none are left out.
std::vector<uint32_t> template_ids_of(const std::string& value);

// Calls on_field("outer.inner", value) for each leaf of a JSON object, in order. Strings come without
// quotes and escapes, the rest as written; arrays are leaves; null and empty text are left out.
void each_field(std::string_view properties,
                const std::function<void(std::string_view path, std::string_view value)>& on_field);

}  // namespace app::logs
