// app/logs/transcode.h: logs in the encodings of old systems (KOI8-R, Shift-JIS, code page 850 ...),
// chosen by the user: guesses with a preview, and the conversion to UTF-8 by the C library's iconv.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::logs {

struct EncodingChoice {
  std::string name;                  // iconv's: "KOI8-R"
  std::string title;                 // "Cyrillic, KOI8-R"
  double score = 0;                  // how much the decoded text reads like text, best about 1
  std::vector<std::string> preview;  // up to 3 lines with characters beyond ASCII, decoded
};

// The encodings that bytes with characters beyond ASCII may be in, best first; those in which the
// bytes are no text are left out. Empty where the sample is ASCII or nothing fits.
std::vector<EncodingChoice> guess_encodings(std::string_view sample, size_t most = 3);

// Bytes of one encoding to UTF-8. Feed blocks in order; what does not end within a block waits for
// the next one. Bytes that are no character are kept as \xNN.
class Transcoder {
 public:
  // Throws Error{invalid_input} for an encoding that is not known here.
  explicit Transcoder(const std::string& encoding);
  ~Transcoder();
  Transcoder(Transcoder&&) noexcept;
  Transcoder& operator=(Transcoder&&) noexcept;

  void decode(std::string_view bytes, std::string& out);
  void finish(std::string& out);   // what still waits, as \xNN
  size_t n_bad() const;            // bytes kept as \xNN so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace app::logs
