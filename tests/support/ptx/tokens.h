// tests/support/ptx/tokens.h: words and punctuation of PTX text, with line numbers.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

struct Token {
  std::string_view text;  // borrowed from the text given to tokenize
  int line = 0;
};

// Comments are dropped. A word is letters, digits, `_ $ % .` and `::`; a quoted string is one token with
// its quotes; anything else is a single character. Throws ParseError on an unfinished comment or string.
std::vector<Token> tokenize(std::string_view text);

}  // namespace ptx
