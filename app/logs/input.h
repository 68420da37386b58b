// app/logs/input.h: where log bytes come from: files, folders (recursive), archives, compressed
// files, standard input, pasted text.
//
// Files are read in blocks, not mapped: a log is often rotated (truncated) while it is read, which
// a map answers with SIGBUS; blocks also serve /proc files, pipes and 3 GB files alike, in constant
// memory. Compression (gz, zst, xz, bz2, lz4) and archives (tar, zip), also one inside another, are
// known by their content, never by name.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/types.h"

namespace app::logs {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Up to size_bytes bytes into data; 0 at the end. Throws Error{io} naming the path.
  virtual size_t read(char* data, size_t size_bytes) = 0;
  // Up to size_bytes bytes from offset, without moving; empty where the stream cannot look ahead.
  virtual std::string peek_at(uint64_t offset, size_t size_bytes);
  // What was damaged or cut while reading, a sentence each; complete once read() gave 0.
  virtual std::vector<std::string> notes() const;
  // Bytes of the outer file consumed so far (compressed bytes of a compressed file).
  virtual uint64_t position() const = 0;
};

struct LogInput {
  std::string name;          // shown: last part of the path
  std::string path;          // as given; "archive.tar!member" inside an archive; "" pasted
  std::string kind;          // file, archive_member, paste, stdin
  uint64_t size_bytes = 0;   // of the outer file, for progress; 0: not known
  Ticks modified = no_time;  // UTC; no_time: not known
  std::unique_ptr<ByteStream> stream;
};

struct InputLimits {
  // A compressed input is cut (and a note says so) beyond these, against archive bombs.
  uint64_t max_expanded_bytes = 64ull << 30;
  uint64_t free_expanded_bytes = 1ull << 30;  // up to here the ratio is not looked at
  uint64_t max_ratio = 400;
  int max_depth = 4;  // archives inside archives
  uint64_t max_inputs = 100'000;
};

// The inputs behind some paths, one after the other, in name order within a folder.
class InputList {
 public:
  // Each path is a file, a folder, or "-" for standard input. Nothing is opened yet.
  explicit InputList(std::vector<std::string> paths, InputLimits limits = {});
  ~InputList();
  InputList(InputList&&) noexcept;
  InputList& operator=(InputList&&) noexcept;

  // The next input, or none. A member of an archive must be read before the next is asked for.
  // Throws Error{not_found, io, invalid_input} naming the path: a named file that is missing,
  // unreadable, or of a known kind without text (a JPEG, an ELF program, a model file). The same
  // files inside a folder or an archive are skipped with a note; the list goes on after an error.
  std::optional<LogInput> next();

  const std::vector<std::string>& notes() const;  // what was skipped or cut, a sentence each

 private:
  struct State;
  std::unique_ptr<State> state_;
};

LogInput pasted_text(std::string text, std::string name = "pasted");

// "JPEG image" for the leading bytes of a known kind of file that holds no log text, or empty.
std::string known_binary_kind(std::string_view head);

}  // namespace app::logs
