// app/diagnosis/wording.h: fills captured values into the wording of a check.
//   {name}          the value seen most often; {name|text} gives text where there is none
//   {name*}         up to four different values, "a, b, c and 3 more"
//   [[ ... ]]       dropped as a whole where a value inside is missing
// Anything else stands as it is. An unclosed brace or bracket stands as it is too.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app::diagnosis {

// Captured values by name, with how often each was seen, in order of first sight.
class Values {
 public:
  void add(const std::string& name, std::string_view value);
  void set(const std::string& name, std::string value);  // the only value from now on
  void add_missing(const Values& other);                 // the names that this one lacks
  bool has(const std::string& name) const;
  std::string first(const std::string& name) const;      // seen most often; "" where none
  std::string list(const std::string& name) const;
  size_t n_different(const std::string& name) const;

 private:
  std::map<std::string, std::vector<std::pair<std::string, size_t>>> values_;
};

enum class Escape {
  none,
  shell,  // a value that is not a plain word becomes <name>: a command is never built from log text
};
std::string render(std::string_view wording, const Values& values, Escape escape = Escape::none);

// At most max_bytes of a line around [begin, begin + length), cut at UTF-8 borders, "..." where cut.
std::string excerpt(std::string_view line, size_t begin, size_t length, size_t max_bytes);

// "1 line", "3 lines".
std::string counted(uint64_t n, const char* noun);

}  // namespace app::diagnosis
