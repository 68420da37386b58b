// app/logs/pattern.h: the pattern language of format files (format.h), compiled to a list of steps
// and matched with bounded backtracking. A hand-written matcher because a regular expression with
// captures costs a microsecond or more a line, this about a tenth of it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/logs/format.h"

namespace app::logs {

using LevelMap = std::map<std::string, Level, std::less<>>;  // lower-case word -> level

class Pattern {
 public:
  // Throws Error{invalid_input} naming the place in text.
  Pattern(std::string_view text, const LevelMap& levels);

  // levels: the format's own words, looked at before the usual ones. out must be clear.
  bool match(std::string_view line, const LevelMap& levels, Fields& out) const;
  double detail() const { return detail_; }  // how much a fit says: times and levels count most
  bool has_time() const { return has_time_; }

 private:
  enum class Kind : uint8_t {
    literal,
    blank,
    time,
    level,
    word,
    text,
    rest,
    integer,
    hex,
    quoted,
    age,
    here,
    optional,
    end_optional
  };
  enum class Role : uint8_t { none, host, process, pid, message, priority, extra };
  struct Step {
    Kind kind = Kind::literal;
    Role role = Role::none;
    TimeShape shape = TimeShape::any;
    std::string text;           // literal, or the name of an extra field
    size_t after_optional = 0;  // optional: index of the step behind it
    bool stop[256] = {};        // word, text: characters that may follow
    bool may_end = false;       // word, text: may stand at the end of the line
  };
  struct Match;

  void compile(std::string_view text);
  void add_field(std::string_view field, std::string_view pattern_text);
  void find_stops(size_t from, size_t field);
  bool run(size_t step, size_t at, Match& m) const;
  bool try_ends(size_t step, size_t at, Match& m) const;
  void assign(const Step& step, std::string_view value, Match& m) const;

  std::vector<Step> steps_;
  double detail_ = 0;
  bool has_time_ = false;
};

}  // namespace app::logs
