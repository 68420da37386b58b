// app/logs/text_finder.h: finds a text in others, ASCII case ignored.
#pragma once
#include <string>
#include <string_view>

namespace app::logs {

class TextFinder {
 public:
  explicit TextFinder(const std::string& needle);
  bool in(std::string_view text) const;   // an empty needle is in every text

 private:
  bool same(const char* p) const;
  std::string lower_;
};

}  // namespace app::logs
