// app/configs/hcl_lexer.h: HCL's text as tokens.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/configs/yaml_reader.h"  // ParseError

namespace app::configs::hcl {

struct Token {
  enum class Kind { end, name, number, string, heredoc, newline, op } kind = Kind::end;
  std::string text;
  bool has_template = false;  // of a string: holds ${...}
  int line = 1, column = 1;
};

// The tokens up to one of kind end; what cannot be read goes to errors.
std::vector<Token> tokens_of(std::string_view text, std::vector<ParseError>& errors);

}  // namespace app::configs::hcl
