#include "app/configs/nginx_parser.h"

#include "app/configs/text_cursor.h"
#include "engine/base/error.h"

namespace app::configs::nginx {
namespace {

constexpr int max_depth = 100;

struct Token {
  enum class Kind { word, open, close, semicolon, end } kind = Kind::end;
  std::string text;
  bool quoted = false;
  int line = 1, column = 1;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : at_(text) {}

  Token next() {
    skip_space();
    Token token;
    token.line = at_.line();
    token.column = at_.column();
    if (!at_.more()) return token;
    const char c = at_.now();
    if (c == '{' || c == '}' || c == ';') {
      at_.step();
      token.kind = c == '{'   ? Token::Kind::open
                   : c == '}' ? Token::Kind::close
                              : Token::Kind::semicolon;
      return token;
    }
    token.kind = Token::Kind::word;
    if (c == '"' || c == '\'')
      quoted_word(token);
    else
      word(token);
    return token;
  }

  // The raw body of a block of another language, up to the brace that closes it.
  void skip_raw_block() {
    int depth = 1;
    while (at_.more() && depth > 0) {
      if (at_.now() == '{') ++depth;
      if (at_.now() == '}') --depth;
      at_.step();
    }
    if (depth > 0) error = "a block is not closed before the end of the file";
  }

  std::string error;
  int line() const { return at_.line(); }
  int column() const { return at_.column(); }

 private:
  void skip_space() {
    while (at_.more()) {
      const char c = at_.now();
      if (c == '#') {
        while (at_.more() && at_.now() != '\n') at_.step();
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        at_.step();
      } else {
        return;
      }
    }
  }

  void quoted_word(Token& token) {
    token.quoted = true;
    const char quote = at_.step();
    while (at_.more() && at_.now() != quote) {
      if (at_.now() == '\\' && at_.rest().size() > 1) {
        const char next = at_.rest()[1];
        at_.step();
        if (next != quote && next != '\\') token.text += '\\';  // "\." stays a regex escape
        if (next == '\\') token.text += '\\';
      }
      token.text += at_.step();
    }
    if (!at_.more()) {
      error = "a quoted string is not closed before the end of the file";
      return;
    }
    at_.step();
  }

  void word(Token& token) {
    while (at_.more()) {
      const char c = at_.now();
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';') return;
      if (c == '{' && (token.text.empty() || token.text.back() != '$')) return;
      if (c == '{') {  // ${name}
        while (at_.more() && at_.now() != '}' && at_.now() != '\n') token.text += at_.step();
        if (at_.more() && at_.now() == '}') token.text += at_.step();
        continue;
      }
      if (c == '\\' && at_.rest().size() > 1) token.text += at_.step();
      token.text += at_.step();
    }
  }

  TextCursor at_;
};

class Parser {
 public:
  Parser(std::string_view text, Config& config) : lexer_(text), config_(config) {}

  void run() {
    Directive* parent = &config_.root;
    parent->is_block = true;
    std::vector<Directive*> open = {parent};
    for (Token token = lexer_.next(); token.kind != Token::Kind::end; token = lexer_.next()) {
      if (token.kind == Token::Kind::close) {
        if (open.size() == 1) return fail(token, "a '}' closes nothing");
        open.pop_back();
      } else if (token.kind == Token::Kind::semicolon) {
        continue;  // an empty statement
      } else if (token.kind == Token::Kind::open) {
        return fail(token, "a '{' without a directive before it");
      } else if (Directive* block = statement(token, *open.back()); block) {
        if (static_cast<int>(open.size()) > max_depth)
          return fail(token, "blocks nest deeper than 100 levels");
        open.push_back(block);
      }
      if (config_.error) return;
    }
    if (!lexer_.error.empty())
      fail({}, lexer_.error);
    else if (open.size() > 1)
      fail_at(open.back()->line, open.back()->column,
              "the block " + open.back()->name + " is not closed");
  }

 private:
  void fail_at(int line, int column, std::string message) {
    config_.error = ParseError{line, column, std::move(message)};
  }
  void fail(const Token& token, std::string message) {
    const bool placed = token.kind != Token::Kind::end;
    fail_at(placed ? token.line : lexer_.line(), placed ? token.column : lexer_.column(),
            std::move(message));
  }

  // Reads one statement; gives the directive where it opened a block.
  Directive* statement(const Token& first, Directive& parent) {
    Directive& directive = config_.directives.emplace_back();
    directive.name = first.text;
    directive.line = first.line;
    directive.column = first.column;
    directive.parent = &parent;
    parent.children.push_back(&directive);
    while (true) {
      const Token token = lexer_.next();
      if (token.kind == Token::Kind::semicolon) return nullptr;
      if (token.kind == Token::Kind::open) {
        directive.is_block = true;
        if (!directive.name.ends_with("_by_lua_block")) return &directive;
        lexer_.skip_raw_block();
        return nullptr;
      }
      if (token.kind == Token::Kind::close || token.kind == Token::Kind::end) {
        const bool unclosed = !lexer_.error.empty();
        fail_at(
            directive.line, directive.column,
            unclosed ? lexer_.error : "the directive " + directive.name + " does not end with ';'");
        return nullptr;
      }
      directive.args.push_back(token.text);
      directive.quoted.push_back(token.quoted);
    }
  }

  Lexer lexer_;
  Config& config_;
};

}  // namespace

const std::string& Directive::arg(size_t index) const {
  static const std::string none;
  return index < args.size() ? args[index] : none;
}

const Directive* Directive::child(std::string_view child_name) const {
  for (const Directive* each : children) {
    if (each->name == child_name) return each;
  }
  return nullptr;
}

const Directive* Directive::ancestor(std::string_view ancestor_name) const {
  for (const Directive* each = this; each; each = each->parent) {
    if (each->name == ancestor_name) return each;
  }
  return nullptr;
}

const Directive* Directive::inherited(std::string_view wanted) const {
  for (const Directive* block = this; block; block = block->parent) {
    if (const Directive* found = block->child(wanted)) return found;
  }
  return nullptr;
}

void parse(std::string_view text, Config& config) { Parser(text, config).run(); }

}  // namespace app::configs::nginx
