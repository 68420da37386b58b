#include "engine/generate/stop_strings.h"

#include <algorithm>

namespace engine {

StopStrings::StopStrings(std::vector<std::string> stops, std::function<void(std::string_view)> on_text)
    : stops_(std::move(stops)), on_text_(std::move(on_text)) {
  std::erase_if(stops_, [](const std::string& s) { return s.empty(); });
  for (const std::string& stop : stops_) longest_ = std::max(longest_, stop.size());
}

bool StopStrings::add(std::string_view piece) {
  // A stop string that ends in the new piece begins at most longest_ - 1 bytes before it.
  const size_t from = text_.size() - std::min(text_.size(), longest_ == 0 ? 0 : longest_ - 1);
  text_ += piece;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, text_.find(stop, from));
  if (first != std::string::npos) {
    text_.resize(first);
    emit(first);
    return true;
  }
  emit(text_.size() - n_waiting());
  return false;
}

// Bytes at the end of the text that may begin a stop string.
size_t StopStrings::n_waiting() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, text_.size()); n > longest; --n) {
      if (text_.compare(text_.size() - n, n, stop, 0, n) == 0) longest = n;
    }
  }
  // A stop string may begin inside a character that was cut by it; hold the whole character.
  while (longest > 0 && longest < text_.size() &&
         (static_cast<unsigned char>(text_[text_.size() - longest]) & 0xC0) == 0x80) {
    ++longest;
  }
  return longest;
}

void StopStrings::emit(size_t end) {
  if (end <= n_emitted_) return;
  if (on_text_) on_text_(std::string_view(text_).substr(n_emitted_, end - n_emitted_));
  n_emitted_ = end;
}

void StopStrings::finish() { emit(text_.size()); }

}  // namespace engine
