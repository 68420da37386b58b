// app/logs/continuation.h: which lines belong to the event above them.
#pragma once
#include <string_view>

namespace app::logs {

// "Traceback (most recent call last):", "java.io.IOException: ...", "panic: ...": what follows is
// likely a stack trace.
bool begins_trace(std::string_view line);
// "\tat a.b.C(D.java:1)", "Caused by: ...", "... 12 more", "goroutine 1 [running]:", "File "x",
// line 3".
bool inside_trace(std::string_view line);
inline bool is_indented(std::string_view line) {
  return !line.empty() && (line[0] == ' ' || line[0] == '\t');
}

}  // namespace app::logs
