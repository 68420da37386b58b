#include "tests/support/ptx/tokens.h"

#include "tests/support/ptx/module_text.h"

namespace ptx {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '%' || c == '.';
}

[[noreturn]] void unfinished(const char* what, int line) {
  throw ParseError("PTX line " + std::to_string(line) + ": " + what + " without an end");
}

}  // namespace

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      ++i;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\0') {
      ++i;
    } else if (text.substr(i, 2) == "//") {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (text.substr(i, 2) == "/*") {
      const int first = line;
      const size_t end = text.find("*/", i + 2);
      if (end == std::string_view::npos) unfinished("a comment", first);
      for (; i < end + 2; ++i) line += text[i] == '\n';
    } else if (c == '"') {
      const size_t end = text.find('"', i + 1);
      if (end == std::string_view::npos) unfinished("a string", line);
      tokens.push_back({text.substr(i, end + 1 - i), line});
      i = end + 1;
    } else if (is_word(c)) {
      size_t end = i;
      while (end < text.size() && (is_word(text[end]) || text.substr(end, 2) == "::"))
        end += text[end] == ':' ? 2 : 1;
      tokens.push_back({text.substr(i, end - i), line});
      i = end;
    } else {
      tokens.push_back({text.substr(i, 1), line});
      ++i;
    }
  }
  return tokens;
}

}  // namespace ptx
