// engine/generate/stop_strings.h: streams text up to the first stop string, which may lie across
// tokens: what could be the beginning of one waits.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class StopStrings {
 public:
  // on_text gets each new piece once; may be empty. Empty stop strings are left out.
  StopStrings(std::vector<std::string> stops, std::function<void(std::string_view)> on_text);

  // Adds a piece of text. True where a stop string is complete: text() then ends before it.
  bool add(std::string_view piece);
  void finish();  // gives what waited
  const std::string& text() const { return text_; }

 private:
  size_t n_waiting() const;
  void emit(size_t end);

  std::vector<std::string> stops_;
  std::function<void(std::string_view)> on_text_;
  std::string text_;
  size_t n_emitted_ = 0;
  size_t longest_ = 0;
};

}  // namespace engine
