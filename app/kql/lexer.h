// app/kql/lexer.h: query text to tokens. Never fails: a character that belongs nowhere and a string
// without its end become tokens of kind bad, with a message, and the parser reports them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/diagnostic.h"

namespace app::kql {

enum class TokenKind : uint8_t {
  end,
  name,         // identifiers and keywords alike; text as written
  number_long,  // 12, 0x1F
  number_real,  // 1.5, 1e3
  timespan,     // 5m, 1.5d
  string,       // text is the decoded value
  typed,        // datetime(...), int(...), typeof(...): word is the type, text what is inside
  punctuation,  // text: one of | ( ) [ ] { } , ; : . .. = == => =~ != !~ < > <= >= <> + - * / % @ ? !word
  bad,          // text is the message
};

struct Token {
  TokenKind kind = TokenKind::end;
  Span span;
  std::string text;
  std::string word;        // of typed: the type's name
  bool line_before = false;  // a line break stands between this token and the one before
  bool space_before = false;

  bool is(std::string_view punctuation) const {
    return kind == TokenKind::punctuation && text == punctuation;
  }
  bool is_word(std::string_view keyword) const { return kind == TokenKind::name && text == keyword; }
};

// The last token is always of kind end.
std::vector<Token> lex(const std::string& text);

// Ticks (100 ns) of one unit of a time span literal ("m", "minutes", "ms"), or 0.
double timespan_unit_ticks(std::string_view unit);

}  // namespace app::kql
