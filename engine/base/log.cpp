#include "engine/base/log.h"

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <deque>
#include <mutex>

namespace engine {
namespace {

constexpr size_t kRingSize = 500;
const auto start = std::chrono::steady_clock::now();
std::atomic<bool> verbose = false;
std::mutex mutex;
std::deque<LogMessage> ring;

void write(LogLevel level, const char* format, va_list args) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, args);
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start;
  const std::lock_guard lock(mutex);
  ring.push_back({level, since.count(), text});
  if (ring.size() > kRingSize) ring.pop_front();
  if (level == LogLevel::info && !verbose) return;
  const char* name = level == LogLevel::info ? "" : level == LogLevel::warning ? "warning: " : "error: ";
  std::fprintf(stderr, "%s%s\n", name, text);
}

}  // namespace

void log_info(const char* format, ...) {
  va_list args;
  va_start(args, format);
  write(LogLevel::info, format, args);
  va_end(args);
}

void log_warning(const char* format, ...) {
  va_list args;
  va_start(args, format);
  write(LogLevel::warning, format, args);
  va_end(args);
}

void log_error(const char* format, ...) {
  va_list args;
  va_start(args, format);
  write(LogLevel::error, format, args);
  va_end(args);
}

void set_log_verbose(bool on) { verbose = on; }

std::vector<LogMessage> recent_log_messages() {
  const std::lock_guard lock(mutex);
  return {ring.begin(), ring.end()};
}

}  // namespace engine
