// app/configs/text_cursor.h: a place in a text that knows its line and column, for the lexers.
#pragma once
#include <string_view>

namespace app::configs {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool more() const { return at_ < text_.size(); }
  char now() const { return text_[at_]; }  // only where more()
  std::string_view rest() const { return text_.substr(at_); }
  bool starts(std::string_view what) const { return rest().starts_with(what); }
  int line() const { return line_; }      // from 1
  int column() const { return column_; }  // from 1, in bytes

  char step() {
    const char c = text_[at_++];
    if (c == '\n')
      ++line_, column_ = 1;
    else
      ++column_;
    return c;
  }
  void step(size_t n) {
    while (n-- > 0 && more()) step();
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1, column_ = 1;
};

}  // namespace app::configs
