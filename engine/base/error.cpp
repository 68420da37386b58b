#include "engine/base/error.h"

#include <cstdarg>
#include <cstdio>

namespace engine {
namespace {

std::string format_list(const char* format, va_list args) {
  va_list copy;
  va_copy(copy, args);
  const int n = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (n <= 0) return {};
  std::string text(static_cast<size_t>(n), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, args);
  return text;
}

}  // namespace

void fail(ErrorKind kind, const char* format, ...) {
  va_list args;
  va_start(args, format);
  const std::string text = format_list(format, args);
  va_end(args);
  throw Error(kind, text);
}

std::string format(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = format_list(format, args);
  va_end(args);
  return text;
}

void check_failed(const char* condition, const char* file, int line) {
  fail(ErrorKind::internal, "internal fault: %s does not hold at %s:%d; please report it", condition,
       file, line);
}

}  // namespace engine
