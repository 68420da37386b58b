// engine/base/error.h: the one exception of the project, and how to throw it.
// Thrown where a job cannot go on; caught by the job runner in app/, by main(), and by callbacks
// handed to C libraries. The message names the thing, the place, the cause and the next step.
#pragma once
#include <stdexcept>
#include <string>

namespace engine {

enum class ErrorKind {
  invalid_input,   // the file, text or argument is wrong: exit status 1
  usage,           // the command line is wrong: exit status 2
  internal,        // a fault of ours: exit status 3
  not_found,
  out_of_memory,
  io,              // disk full, permission, network
  unsupported,     // understood, but not something this program does
  cancelled,
  busy,            // another process holds it
  device,          // the GPU failed at work; the CPU can go on
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Throws Error with a printf-formatted message.
[[noreturn]] void fail(ErrorKind kind, const char* format, ...) __attribute__((format(printf, 2, 3)));

// printf into a std::string.
std::string format(const char* format, ...) __attribute__((format(printf, 1, 2)));

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace engine

// An invariant of our own code; checked in release builds too. Throws Error{internal}.
#define CHECK_INVARIANT(condition) \
  (static_cast<bool>(condition) ? (void)0 : ::engine::check_failed(#condition, __FILE__, __LINE__))
