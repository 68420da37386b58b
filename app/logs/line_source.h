// app/logs/line_source.h: a byte stream as whole lines of UTF-8 bytes, in blocks.
// The stream's encoding is found from its head, or chosen by the user; UTF-16 is converted here, single bad bytes are left
// for clean_line. A line is never copied where it can be a slice of its block.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/logs/encoding.h"
#include "app/logs/input.h"
#include "app/logs/transcode.h"

namespace app::logs {

struct LineBlock {
  std::shared_ptr<const std::string> bytes;  // owner of text
  std::string_view text;  // whole lines, each with its '\n'; the last of the input may lack it
  bool plain = false;     // is_plain_ascii(text)
  bool cut = false;       // the last line goes on in the next block: longer than the cap
};

class LineSource {
 public:
  // encoding: one of iconv's names instead of a guess; empty: guessed. Throws Error{invalid_input}
  // where it is not known.
  LineSource(ByteStream& stream, size_t max_bytes_of_line, const std::string& encoding = {});

  const EncodingGuess& encoding() const { return guess_; }
  // A sample of whole lines: the head, and parts of the middle and the end where the stream can
  // look ahead. Views last as long as this object.
  std::vector<std::string_view> sample(uint64_t size_bytes);

  bool next(LineBlock& out);  // false: the end
  uint64_t n_bytes() const { return n_bytes_; }

 private:
  void fill();  // appends what one read gives to carry_
  void sample_lines(std::string bytes, bool from_start, bool to_end);

  ByteStream& stream_;
  size_t max_bytes_of_line_;
  EncodingGuess guess_;
  Utf16Decoder decoder_;
  std::string chosen_;  // encoding chosen by the user
  std::optional<Transcoder> transcoder_;
  std::string carry_;  // read, not yet given out
  std::string raw_;    // bytes before decoding
  bool at_end_ = false;
  uint64_t n_bytes_ = 0;
  std::vector<std::unique_ptr<std::string>> sampled_;
  std::vector<std::string_view> sample_lines_;
};

// What was done to lines so that they can be shown.
struct CleanCounts {
  uint64_t n_escaped = 0;       // lines with bad bytes or control characters, kept as \xNN
  uint64_t n_windows_1252 = 0;  // lines read as Windows-1252
  bool multi_byte = false;      // valid multi-byte UTF-8 was seen
};

// A line without its line end to valid UTF-8; scratch holds the result where it is not a slice.
std::string_view clean_line(std::string_view line, CleanCounts& counts, std::string& scratch);

}  // namespace app::logs
