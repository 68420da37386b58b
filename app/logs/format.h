// app/logs/format.h: log formats as data: one JSON file each in assets/log_formats.
//
//   {
//     "name": "rfc3164",                  also the value of Source::format
//     "title": "Syslog, RFC 3164",
//     "kind": "pattern",                  pattern | json | logfmt
//     "patterns": ["{time:syslog} {host} {process}{?[{pid}]?}: {message}"],   first that fits wins
//     "weight": 1.0,                      optional; tie-break between formats that fit as well
//     "levels": {"crit": "CRITICAL"},     optional; on top of the usual words and numbers
//     "level_from": "status",             optional; level from an HTTP status field
//     "time_zone": "+02:00",              optional; of times that carry none
//     "year": 2025,                       optional; of dates that carry none: the year of the last line
//     "inner": true,                      optional; the message is a line of another format (CRI,
//     docker) "keys": {"time": ["ts"], ...},      json, logfmt: key names of time, level, message,
//     host, process,
//                                         pid, best first; "log.level" is level inside the object
//                                         log
//     "required": ["PRIORITY"],           json, logfmt: keys that must be there, optional
//     "samples": [{"line": "...", "time": "2026-01-31T10:20:30.0000000Z", "level": "ERROR",
//                  "host": "", "process": "", "pid": 1, "message": "..."}]    tested
//   }
//
// The pattern language: literal text stands for itself, a space for one or more blanks, {?...?} for
// an optional part. {name} or {name:kind} is a field; its kinds:
//   time[:shape]  a timestamp (timestamps.h)      level    a level word or letter
//   word          no blanks, up to the literal that follows           int    digits, optional sign
//   text          up to the literal that follows, blanks too          hex    hexadecimal digits
//   rest          everything that is left, may be empty               quoted "..." with \" inside
//   age           5m12s, 3d                     here     {message:here}: from here to the end of
//   the
//                                                        line, which the next fields read too
// time, level, host, process, pid and message are fields of Record (message is of kind rest, pid of
// kind int); `header` and `_` are thrown away; any other name goes to Record::properties.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/logs/level.h"
#include "app/logs/timestamps.h"
#include "app/types.h"

namespace app::logs {

// What a format read from one line. Views point into the line or into owned.
struct Fields {
  bool has_time = false;
  WrittenTime time;
  Level level = Level::none;
  std::string_view host, process, message;
  int64_t pid = -1;
  // Further fields; json: the value is JSON text already (json, logfmt numbers), else plain text.
  struct Extra {
    std::string_view name, value;
    bool json = false;
  };
  std::vector<Extra> extra;
  double detail = 0;     // how much the fit says about the line
  std::string owned[4];  // unescaped text, where a view cannot be a slice of the line

  void clear();
};

class Format {
 public:
  virtual ~Format() = default;
  virtual bool match(std::string_view line, Fields& out) const = 0;

  std::string name, title;
  double weight = 1.0;
  bool has_time = false;  // some pattern of it reads a time
  std::optional<int> utc_offset_minutes;  // of times that carry no zone; none: the reader's choice
  int year = 0;           // of the last line, where dates carry none; 0: from the file's time
  bool inner = false;     // its message is a log line of another format
  struct Sample {
    std::string line, time, level, host, process, message;
    int64_t pid = -1;
  };
  std::vector<Sample> samples;
};

struct FormatMatch {
  const Format* format = nullptr;
  double rate = 0;   // share of the lines that fit
  double score = 0;  // rate, weighed by how much the format says about a line
};

class FormatSet {
 public:
  FormatSet() = default;
  // Every *.json of the folder. Throws Error{not_found} or Error{invalid_input} naming the file,
  // the field and the mistake.
  static FormatSet load(const std::string& folder);
  // Adds one; throws Error{invalid_input} as load does.
  void add_json(std::string_view json_text, const std::string& file_name);

  const std::vector<std::shared_ptr<const Format>>& formats() const { return formats_; }
  const Format* named(std::string_view name) const;  // nullptr: none
  // Formats that fit some of the lines, best first.
  std::vector<FormatMatch> detect(const std::vector<std::string_view>& lines) const;

 private:
  std::vector<std::shared_ptr<const Format>> formats_;
};

}  // namespace app::logs
