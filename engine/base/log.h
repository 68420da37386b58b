// engine/base/log.h: the program's own messages, once a job, with units; never log text or prompts.
// They go to stderr (info only when verbose) and into a ring of the last 500 that the UI can show.
// Safe from any thread.
#pragma once
#include <string>
#include <vector>

namespace engine {

enum class LogLevel { info, warning, error };

struct LogMessage {
  LogLevel level;
  double seconds;  // since the program started
  std::string text;
};

void log_info(const char* format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char* format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char* format, ...) __attribute__((format(printf, 1, 2)));

void set_log_verbose(bool verbose);            // info messages reach stderr too; off at start
std::vector<LogMessage> recent_log_messages();  // oldest first

}  // namespace engine
