// A query laid out: one operator a line, one step of indent inside brackets that hold a pipeline.
#include <algorithm>

#include "app/kql/complete.h"
#include "app/kql/lexer.h"

namespace app::kql {
namespace {

constexpr size_t longest_line = 100;

// Text between two tokens that must survive: comments.
struct Gap {
  std::vector<std::string> comments;
  bool blank_line = false;
};

Gap read_gap(std::string_view text) {
  Gap gap;
  size_t newlines = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') {
      if (++newlines == 2) gap.blank_line = true;
    } else if (text.substr(at, 2) == "//") {
      const size_t end = std::min(text.find('\n', at), text.size());
      std::string comment(text.substr(at, end - at));
      while (!comment.empty() && (comment.back() == '\r' || comment.back() == ' ')) comment.pop_back();
      gap.comments.push_back(std::move(comment));
      newlines = 0;
      at = end - 1;
    }
  }
  return gap;
}

bool opens(const Token& t) { return t.is("(") || t.is("[") || t.is("{"); }
bool closes(const Token& t) { return t.is(")") || t.is("]") || t.is("}"); }

class Layout {
 public:
  explicit Layout(const std::string& text) : text_(text), tokens_(lex(text)) { find_pipelines(); }

  std::string run() {
    size_t end_of_last = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      const size_t begin = token.kind == TokenKind::end ? text_.size() : token.span.begin;
      write_gap(read_gap(std::string_view(text_).substr(end_of_last, begin - end_of_last)), i);
      if (token.kind == TokenKind::end) break;
      write(i);
      end_of_last = token.span.end;
    }
    while (!out_.empty() && (out_.back() == ' ' || out_.back() == '\n')) out_.pop_back();
    return out_;
  }

 private:
  // Brackets that hold a pipe get their own lines.
  void find_pipelines() {
    holds_pipe_.assign(tokens_.size(), false);
    std::vector<size_t> open;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (opens(tokens_[i])) open.push_back(i);
      else if (closes(tokens_[i]) && !open.empty()) {
        holds_pipe_[i] = holds_pipe_[open.back()];
        open.pop_back();
      } else if (tokens_[i].is("|") && !open.empty()) {
        holds_pipe_[open.back()] = true;
      }
    }
  }

  void new_line() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    out_.append(size_t(indent_) * 4, ' ');
    fresh_ = true;
  }

  void write_gap(const Gap& gap, size_t next) {
    if (gap.blank_line && !out_.empty() && indent_ == 0 && (next == 0 || tokens_[next - 1].is(";") || !gap.comments.empty() || is_statement(next))) {
      new_line();
      out_ += '\n';
    }
    for (const std::string& comment : gap.comments) {
      // A comment behind code stays behind it where it stood there.
      const bool alone = out_.empty() || next == 0 || tokens_[next].line_before;
      if (alone && !out_.empty() && out_.back() != '\n' && !fresh_ && !follows_on_line(next)) new_line();
      else if (!out_.empty() && !fresh_ && out_.back() != ' ' && out_.back() != '\n') out_ += ' ';
      out_ += comment;
      new_line();
    }
  }

  // Was the first comment of the gap on the line of the token before it?
  bool follows_on_line(size_t next) const {
    if (next == 0) return false;
    const size_t from = tokens_[next - 1].span.end;
    const size_t comment = text_.find("//", from);
    return comment != std::string::npos && text_.find('\n', from) > comment;
  }

  bool is_statement(size_t i) const { return i == 0 || tokens_[i - 1].is(";"); }

  void write(size_t i) {
    const Token& token = tokens_[i];
    const std::string shown = text_.substr(token.span.begin, token.span.end - token.span.begin);
    if (token.is("|")) {
      new_line();
      out_ += "| ";
      fresh_ = false;
      spaced_ = true;
      return;
    }
    if (closes(token)) {
      if (holds_pipe_[i]) {
        indent_ = std::max(0, indent_ - 1);
        new_line();
      }
      out_ += shown;
      fresh_ = spaced_ = false;
      return;
    }
    const size_t line_start = out_.rfind('\n') == std::string::npos ? 0 : out_.rfind('\n') + 1;
    const bool too_long = out_.size() - line_start + shown.size() > longest_line && i > 0 && tokens_[i - 1].is(",");
    if (too_long && !fresh_) {
      ++indent_;
      new_line();
      --indent_;
    } else if (!fresh_ && !spaced_ && wants_space(i)) {
      out_ += ' ';
    }
    out_ += shown;
    fresh_ = spaced_ = false;
    if (token.is(";")) {
      indent_ = 0;
      new_line();
    } else if (opens(token) && holds_pipe_[i]) {
      ++indent_;
      new_line();
    }
  }

  bool wants_space(size_t i) const {
    if (i == 0) return false;
    const Token &before = tokens_[i - 1], &token = tokens_[i];
    if (token.is(",") || token.is(";") || token.is(".") || before.is(".") || opens_tight(before)) return false;
    if (before.is(",")) return true;
    if (token.is("..") || before.is("..")) return true;
    // A bracket keeps its distance: f(x) is a call, in (1, 2) and join (T) are not.
    if (token.is("(") || token.is("[") || token.is("{")) return token.space_before || token.line_before;
    if (token.is("*") || before.is("*") || token.is("-") || before.is("-") || token.is("+") || before.is("+") || token.is("/") || before.is("/") ||
        token.is("%") || before.is("%") || token.is(":") || before.is(":") || token.is("?") || before.is("?") || token.is("@") || before.is("@"))
      return token.space_before || token.line_before;
    if (token.is("=") || before.is("=")) return spaced_assignment(i);
    for (const char* sign : {"==", "!=", "<>", "=~", "!~", "<", ">", "<=", ">=", "=>"})
      if (token.is(sign) || before.is(sign)) return true;
    return token.space_before || token.line_before;
  }
  bool opens_tight(const Token& t) const { return opens(t); }

  // kind=inner stays tight; a = b gets blanks.
  bool spaced_assignment(size_t i) const {
    const size_t sign = tokens_[i].is("=") ? i : i - 1;
    const bool param = sign > 0 && tokens_[sign - 1].is_word("kind");
    if (param) return false;
    return true;
  }

  const std::string& text_;
  std::vector<Token> tokens_;
  std::vector<bool> holds_pipe_;
  std::string out_;
  int indent_ = 0;
  bool fresh_ = true;    // only the indent stands on this line
  bool spaced_ = false;  // a blank was just written
};

}  // namespace

std::string format_query(const std::string& text) { return Layout(text).run(); }

}  // namespace app::kql
