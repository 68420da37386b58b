#include "app/configs/hcl_lexer.h"

#include <cctype>

#include "app/configs/text_cursor.h"
#include "engine/base/text.h"

namespace app::configs::hcl {
namespace {

struct Failed {
  ParseError error;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : at_(text) {}

  std::vector<Token> run(std::vector<ParseError>& errors) {
    std::vector<Token> tokens;
    while (true) {
      skip();
      Token token;
      token.line = at_.line();
      token.column = at_.column();
      if (at_.more()) {
        try {
          read(token);
        } catch (const Failed& failed) {
          errors.push_back(failed.error);
        }
      }
      tokens.push_back(token);
      if (token.kind == Token::Kind::end) return tokens;
    }
  }

 private:
  void skip() {
    while (at_.more()) {
      const char c = at_.now();
      if (c == '#' || at_.starts("//")) {
        while (at_.more() && at_.now() != '\n') at_.step();
      } else if (at_.starts("/*")) {
        while (at_.more() && !at_.starts("*/")) at_.step();
        at_.step(2);
      } else if (c == ' ' || c == '\t' || c == '\r') {
        at_.step();
      } else {
        return;
      }
    }
  }

  void read(Token& token) {
    const auto c = static_cast<unsigned char>(at_.now());
    if (c == '\n') {
      token.kind = Token::Kind::newline;
      at_.step();
    } else if (c == '"') {
      string(token);
    } else if (at_.starts("<<")) {
      heredoc(token);
    } else if (std::isdigit(c)) {
      token.kind = Token::Kind::number;
      while (at_.more() &&
             (std::isalnum(static_cast<unsigned char>(at_.now())) || at_.now() == '.'))
        token.text += at_.step();
    } else if (std::isalpha(c) || c == '_' || c >= 128) {
      token.kind = Token::Kind::name;
      while (at_.more() &&
             (std::isalnum(static_cast<unsigned char>(at_.now())) || at_.now() == '_' ||
              at_.now() == '-' || static_cast<unsigned char>(at_.now()) >= 128))
        token.text += at_.step();
    } else {
      token.kind = Token::Kind::op;
      for (const char* op : {"==", "!=", ">=", "<=", "&&", "||", "=>", "..."}) {
        if (!at_.starts(op)) continue;
        token.text = op;
        at_.step(std::string_view(op).size());
        return;
      }
      token.text = at_.step();
    }
  }

  // The text of a template keeps its ${...}; quotes inside do not end the string.
  void string(Token& token) {
    token.kind = Token::Kind::string;
    at_.step();
    int depth = 0;
    while (at_.more() && (at_.now() != '"' || depth > 0)) {
      if (at_.now() == '\n' && depth == 0)
        throw Failed{{token.line, token.column, "a quoted string is not closed in its line"}};
      if (at_.now() == '\\' && at_.rest().size() > 1) {
        at_.step();
        const char c = at_.step();
        token.text += c == 'n' ? '\n' : c == 't' ? '\t' : c;
        continue;
      }
      if (at_.starts("$${") || at_.starts("%%{")) {
        at_.step();
      } else if (at_.starts("${") || at_.starts("%{")) {
        ++depth;
        token.has_template = true;
        token.text += at_.step();
      } else if (depth > 0 && at_.now() == '{') {
        ++depth;
      } else if (depth > 0 && at_.now() == '}') {
        --depth;
      }
      if (at_.more()) token.text += at_.step();
    }
    if (!at_.more())
      throw Failed{
          {token.line, token.column, "a quoted string is not closed before the end of the file"}};
    at_.step();
  }

  void heredoc(Token& token) {
    token.kind = Token::Kind::heredoc;
    at_.step(2);
    if (at_.more() && at_.now() == '-') at_.step();
    std::string end;
    while (at_.more() && at_.now() != '\n') end += at_.step();
    end = engine::trim(end);
    if (at_.more()) at_.step();
    while (at_.more()) {
      const std::string_view line = at_.rest().substr(0, at_.rest().find('\n'));
      if (engine::trim(line) == end) {
        at_.step(line.size());
        token.has_template = token.text.find("${") != std::string::npos;
        return;
      }
      token.text += std::string(line) + "\n";
      at_.step(line.size());
      if (at_.more()) at_.step();
    }
    throw Failed{{token.line, token.column, "the here-document " + end + " is not closed"}};
  }

  TextCursor at_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view text, std::vector<ParseError>& errors) {
  return Lexer(text).run(errors);
}

}  // namespace app::configs::hcl
