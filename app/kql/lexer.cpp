#include "app/kql/lexer.h"

#include <array>
#include <algorithm>
#include <cctype>

#include "engine/base/text.h"

namespace app::kql {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
bool is_name_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Keywords that contain hyphens; elsewhere a hyphen is a minus sign.
constexpr std::string_view hyphenated[] = {
    "project-away", "project-keep", "project-rename", "project-reorder", "project-smart",
    "project-by-names", "mv-expand", "mv-apply", "make-series", "make-graph", "parse-where",
    "parse-kv", "top-nested", "top-hitters", "sample-distinct", "graph-match", "graph-to-table",
    "graph-mark-components", "graph-shortest-paths", "graph-merge", "graph-where-nodes",
    "graph-where-edges", "macro-expand", "assert-schema", "granny-asc", "granny-desc",
    "materialized-view-combine", "execute-and-cache", "partitioned-by"};

constexpr std::string_view typed_words[] = {
    "bool", "boolean", "date", "datetime", "decimal", "double", "guid", "int", "int32", "int64",
    "long", "real", "time", "timespan", "typeof", "uniqueid", "uuid"};

struct Unit {
  std::string_view name;
  double ticks;
};
constexpr double tick = 1, micro = 10, milli = 1e4, second = 1e7, minute = 6e8, hour = 3.6e10, day = 8.64e11;
constexpr Unit units[] = {
    {"d", day}, {"day", day}, {"days", day},
    {"h", hour}, {"hr", hour}, {"hrs", hour}, {"hour", hour}, {"hours", hour},
    {"m", minute}, {"min", minute}, {"minute", minute}, {"minutes", minute},
    {"s", second}, {"sec", second}, {"second", second}, {"seconds", second},
    {"ms", milli}, {"milli", milli}, {"millis", milli}, {"millisec", milli},
    {"millisecond", milli}, {"milliseconds", milli},
    {"micro", micro}, {"micros", micro}, {"microsec", micro}, {"microsecond", micro}, {"microseconds", micro},
    {"nano", 0.01}, {"nanos", 0.01}, {"nanosec", 0.01}, {"nanosecond", 0.01}, {"nanoseconds", 0.01},
    {"tick", tick}, {"ticks", tick}};

// White space of Unicode that the language skips, as UTF-8; its length, or 0.
size_t unicode_space(std::string_view rest) {
  size_t length = 0;
  const char32_t c = engine::decode_utf8(rest, length);
  const bool space = c == 0xA0 || c == 0x1680 || c == 0x180E || (c >= 0x2000 && c <= 0x200B) || c == 0x202F ||
                     c == 0x205F || c == 0x3000 || c == 0xFEFF || c == 0x2028 || c == 0x2029 || c == 0x85;
  return space ? length : 0;
}

class Lexer {
 public:
  explicit Lexer(const std::string& text) : text_(text) {}

  std::vector<Token> all() {
    while (true) {
      skip_blank();
      Token token;
      token.span.begin = token.span.end = at_;
      token.line_before = line_;
      token.space_before = space_;
      line_ = space_ = false;
      if (at_ >= text_.size()) {
        tokens_.push_back(std::move(token));
        return std::move(tokens_);
      }
      read(token);
      token.span.end = at_;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view s) const { return std::string_view(text_).substr(at_, s.size()) == s; }

  void skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n' || c == '\r') {
        line_ = true;
        ++at_;
      } else if (c == ' ' || c == '\t' || c == '\f' || c == '\v') {
        ++at_;
      } else if (starts("//") || (c == '#' && tokens_.empty() && at_line_start())) {
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        const size_t n = unicode_space(std::string_view(text_).substr(at_));
        if (n == 0) return;
        at_ += n;
      } else {
        return;
      }
      space_ = true;
    }
  }

  bool at_line_start() const {
    size_t i = at_;
    while (i > 0 && (text_[i - 1] == ' ' || text_[i - 1] == '\t')) --i;
    return i == 0 || text_[i - 1] == '\n' || text_[i - 1] == '\r';
  }

  void read(Token& token) {
    const char c = peek();
    if (c == '"' || c == '\'') return read_string(token, false);
    if (c == '@' && (peek(1) == '"' || peek(1) == '\'')) return ++at_, read_string(token, true);
    if ((c == 'h' || c == 'H') && (peek(1) == '"' || peek(1) == '\'')) return ++at_, read_string(token, false);
    if ((c == 'h' || c == 'H') && peek(1) == '@' && (peek(2) == '"' || peek(2) == '\'')) {
      at_ += 2;
      return read_string(token, true);
    }
    const size_t hidden = c == 'h' || c == 'H' ? 1 : 0;
    const std::string_view rest = std::string_view(text_).substr(at_ + hidden);
    if (rest.substr(0, 3) == "```" || rest.substr(0, 3) == "~~~") {
      at_ += hidden;
      return read_block_string(token);
    }
    if (is_digit(c)) return read_number(token);
    if (is_name_start(c)) return read_name(token);
    read_punctuation(token);
  }

  void read_block_string(Token& token) {
    const std::string fence = text_.substr(at_, 3);
    const size_t end = text_.find(fence, at_ + 3);
    if (end == std::string::npos) {
      at_ = text_.size();
      return bad(token, "this text has no closing " + fence);
    }
    token.kind = TokenKind::string;
    token.text = text_.substr(at_ + 3, end - at_ - 3);
    at_ = end + 3;
  }

  void bad(Token& token, std::string message) {
    token.kind = TokenKind::bad;
    token.text = std::move(message);
  }

  void read_string(Token& token, bool verbatim) {
    const char quote = text_[at_++];
    token.kind = TokenKind::string;
    while (true) {
      if (at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r') {
        token.span.begin = at_;
        return bad(token, std::string("this text has no closing ") + quote);
      }
      const char c = text_[at_];
      if (c == quote) {
        if (!verbatim || peek(1) != quote) break;
        token.text += quote;
        at_ += 2;
      } else if (c == '\\' && !verbatim) {
        if (!read_escape(token.text)) {
          const size_t where = at_;
          skip_string_rest(quote);
          token.span.begin = where;
          return bad(token, "this escape is unknown; write \\\\ for a backslash, or put @ before the quote");
        }
      } else {
        token.text += c;
        ++at_;
      }
    }
    ++at_;
  }

  void skip_string_rest(char quote) {
    while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
  }

  // At a backslash. Appends what it stands for and passes it; false where it stands for nothing.
  bool read_escape(std::string& out) {
    const char c = peek(1);
    constexpr std::string_view letters = "'\"\\abfnrtv", values = "'\"\\\a\b\f\n\r\t\v";
    const size_t simple = letters.find(c);
    if (c != '\0' && simple != std::string_view::npos) {
      out += values[simple];
      at_ += 2;
      return true;
    }
    if (c >= '0' && c <= '7') {
      int value = 0, n = 0;
      while (n < 3 && peek(1 + n) >= '0' && peek(1 + n) <= '7' && value * 8 + (peek(1 + n) - '0') < 256) {
        value = value * 8 + (peek(1 + n++) - '0');
      }
      engine::append_utf8(out, static_cast<char32_t>(value));
      at_ += 1 + n;
      return true;
    }
    const int n_digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (n_digits == 0) return false;
    char32_t value = 0;
    for (int i = 0; i < n_digits; ++i) {
      const char d = peek(2 + i);
      if (!std::isxdigit(static_cast<unsigned char>(d))) return false;
      value = value * 16 + static_cast<char32_t>(is_digit(d) ? d - '0' : (d | 32) - 'a' + 10);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) value = engine::replacement_character;
    engine::append_utf8(out, value);
    at_ += 2 + n_digits;
    return true;
  }

  // Digits, then: a fraction, an exponent, a time unit, or letters that make it a name ("5dd").
  void read_number(Token& token) {
    const size_t begin = at_;
    if (peek() == '0' && (peek(1) | 32) == 'x' && std::isxdigit(static_cast<unsigned char>(peek(2)))) {
      size_t end = at_ + 2;
      while (end < text_.size() && std::isxdigit(static_cast<unsigned char>(text_[end]))) ++end;
      if (end >= text_.size() || !is_name_part(text_[end])) {
        at_ = end;
        return finish(token, TokenKind::number_long, begin);
      }
    }
    while (is_digit(peek())) ++at_;
    size_t word_end = at_;
    while (word_end < text_.size() && is_name_part(text_[word_end])) ++word_end;
    bool real = false;
    if (word_end == at_ && peek() == '.' && peek(1) != '.') {
      real = true;
      ++at_;
      while (is_digit(peek())) ++at_;
      word_end = at_;
      while (word_end < text_.size() && is_name_part(text_[word_end])) ++word_end;
    }
    const std::string_view suffix = std::string_view(text_).substr(at_, word_end - at_);
    if (is_exponent()) {
      at_ += peek(1) == '+' || peek(1) == '-' ? 2 : 1;
      while (is_digit(peek())) ++at_;
      return finish(token, TokenKind::number_real, begin);
    }
    if (suffix.empty()) return finish(token, real ? TokenKind::number_real : TokenKind::number_long, begin);
    if (timespan_unit_ticks(suffix) > 0 || is_compound_timespan(suffix)) {
      at_ = word_end;
      return finish(token, TokenKind::timespan, begin);
    }
    if (real) return finish(token, TokenKind::number_real, begin);
    at_ = word_end;
    finish(token, TokenKind::name, begin);
  }

  // 1h30m: the language takes it as one literal.
  static bool is_compound_timespan(std::string_view suffix) {
    size_t at = 0;
    while (at < suffix.size()) {
      size_t unit = at;
      while (unit < suffix.size() && !is_digit(suffix[unit])) ++unit;
      if (timespan_unit_ticks(suffix.substr(at, unit - at)) == 0) return false;
      at = unit;
      while (at < suffix.size() && is_digit(suffix[at])) ++at;
      if (at == suffix.size() && at != unit) return false;  // digits at the end lack a unit
    }
    return true;
  }

  bool is_exponent() const {
    if ((peek() | 32) != 'e') return false;
    const size_t digits = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
    if (!is_digit(peek(digits))) return false;
    size_t end = at_ + digits;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    return end >= text_.size() || !is_name_part(text_[end]);
  }

  void finish(Token& token, TokenKind kind, size_t begin) {
    token.kind = kind;
    token.text = text_.substr(begin, at_ - begin);
  }

  void read_name(Token& token) {
    const size_t begin = at_++;
    while (is_name_part(peek())) ++at_;
    if (peek() == '-') {
      for (const std::string_view word : hyphenated) {
        if (std::string_view(text_).substr(begin, word.size()) == word &&
            (begin + word.size() >= text_.size() || !is_name_part(text_[begin + word.size()]))) {
          at_ = begin + word.size();
          return finish(token, TokenKind::name, begin);
        }
      }
    }
    finish(token, TokenKind::name, begin);
    if (token.text == "in" && peek() == '~') {
      token.text = "in~";
      ++at_;
      return;
    }
    if (std::find(std::begin(typed_words), std::end(typed_words), token.text) == std::end(typed_words)) return;
    size_t open = at_;
    while (open < text_.size() && (text_[open] == ' ' || text_[open] == '\t')) ++open;
    if (open >= text_.size() || text_[open] != '(') return;
    const size_t close = text_.find(')', open);
    const size_t line_end = token.text == "typeof" ? close : std::min(text_.find_first_of("\r\n", open), text_.size());
    if (close > line_end) {  // such a value stands on one line
      token.span.begin = at_ = line_end;
      return bad(token, "this " + token.text + "(...) has no closing )");
    }
    if (close == std::string::npos) return;
    token.kind = TokenKind::typed;
    token.word = token.text;
    token.text = std::string(engine::trim(std::string_view(text_).substr(open + 1, close - open - 1)));
    at_ = close + 1;
  }

  void read_punctuation(Token& token) {
    const size_t begin = at_;
    if (peek() == '!' && is_name_start(peek(1))) {
      ++at_;
      while (is_name_part(peek())) ++at_;
      if (text_.substr(begin, at_ - begin) == "!in" && peek() == '~') ++at_;
      return finish(token, TokenKind::punctuation, begin);
    }
    for (const std::string_view two : {"..", "==", "=>", "=~", "!=", "!~", "<=", ">=", "<>", "--"}) {
      if (starts(two) && two != "--") {
        at_ += 2;
        return finish(token, TokenKind::punctuation, begin);
      }
    }
    if (std::string_view("|()[]{},;:.=<>+-*/%@?").find(peek()) != std::string_view::npos) {
      ++at_;
      return finish(token, TokenKind::punctuation, begin);
    }
    engine::decode_utf8(text_, at_);
    const std::string character = text_.substr(begin, at_ - begin);
    bad(token, "the character " + engine::escape_invalid_utf8(character) + " has no meaning here");
  }

  const std::string& text_;
  size_t at_ = 0;
  bool line_ = false, space_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

double timespan_unit_ticks(std::string_view unit) {
  for (const Unit& u : units) {
    if (u.name == unit) return u.ticks;
  }
  return 0;
}

std::vector<Token> lex(const std::string& text) { return Lexer(text).all(); }

}  // namespace app::kql
