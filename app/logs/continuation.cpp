#include "app/logs/continuation.h"

#include "engine/base/text.h"

namespace app::logs {
namespace {

bool is_name_byte(char c) {
  return unsigned((c | 32) - 'a') < 26 || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '$';
}

// A class name that ends in Exception, Error, Throwable or the like, alone or before a colon.
bool begins_with_exception(std::string_view line) {
  size_t end = 0;
  while (end < line.size() && is_name_byte(line[end])) ++end;
  const std::string_view name = line.substr(0, end);
  if (end < line.size() && line[end] != ':') return false;
  const size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  // A bare "Error:" heads many plain lines; a trace names what went wrong.
  for (const std::string_view tail :
       {"Exception", "Error", "Throwable", "Failure", "Interrupt", "Warning"}) {
    if (last.size() > tail.size() && last.ends_with(tail)) return true;
  }
  return false;
}

// at org.acme.Thing.run(Thing.java:12), at Object.<anonymous> (/app/x.js:1:2)
bool is_frame(std::string_view line) {
  if (!line.starts_with("at ")) return false;
  line.remove_prefix(3);
  return line.find('(') != std::string_view::npos || line.find(':') != std::string_view::npos ||
         line.find('/') != std::string_view::npos;
}

// #0 /srv/app/Kernel.php(120): handle()   #3  0x00007f1c in raise () from libc.so.6; not the steps
// of a build: #5 [2/4] RUN make
bool is_numbered_frame(std::string_view line) {
  size_t at = 1;
  while (at < line.size() && line[at] >= '0' && line[at] <= '9') ++at;
  if (!line.starts_with('#') || at == 1) return false;
  const std::string_view place = engine::trim(line.substr(at));
  for (const std::string_view head : {"/", "0x", "{main}", "[internal function]"}) {
    if (place.starts_with(head)) return true;
  }
  return false;
}

}  // namespace

bool begins_trace(std::string_view line) {
  return line.starts_with("Traceback (most recent call last)") || line.starts_with("panic: ") ||
         line.starts_with("fatal error: ") || line.starts_with("Exception in thread ") ||
         line.starts_with("thread '") || begins_with_exception(line);
}

bool inside_trace(std::string_view line) {
  const std::string_view text = engine::trim(line);
  if (is_frame(text) || is_numbered_frame(text)) return true;
  for (const std::string_view head :
       {"Caused by:", "Suppressed:", "During handling of the above exception",
        "The above exception was the direct cause", "goroutine ", "created by ", "File \"",
        "Traceback (most recent call last)", "stack backtrace:", "[signal ",
        "[stacktrace]", "[previous exception]", "Stack trace:", "---> ", "--- End of"}) {
    if (text.starts_with(head)) return true;
  }
  return text.starts_with("... ") && (text.ends_with(" more") || text.ends_with("omitted"));
}

}  // namespace app::logs
