#include "app/kql/parser.h"

#include <algorithm>

#include "app/kql/parser_impl.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::kql {

Script parse(const std::string& text) {
  if (text.size() > max_text_bytes) {
    Script script;
    script.errors.push_back({{0, 0}, DiagnosticSeverity::error, "the query text is longer than 4 MiB", "put long lists into a table"});
    return script;
  }
  return Parser(text).script();
}

// ---------------------------------------------------------------- tokens and errors

Parser::Parser(const std::string& text) : text_(text), tokens_(lex(text)) {}

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (parser_.depth_ >= max_nesting) {
    const Span where = parser_.peek().span;
    parser_.at_ = parser_.tokens_.size() - 1;  // nothing behind this can be understood
    parser_.error(where, "the query nests too deeply", "split it with let statements");
    throw Skip{};
  }
  ++parser_.depth_;
}

const Token& Parser::peek(size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

Token Parser::next() {
  const Token& token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::take(std::string_view punctuation) {
  if (!peek().is(punctuation)) return false;
  next();
  return true;
}

bool Parser::take_word(std::string_view keyword) {
  if (!peek().is_word(keyword)) return false;
  next();
  return true;
}

bool Parser::at_word(std::initializer_list<std::string_view> words) const {
  return peek().kind == TokenKind::name && std::find(words.begin(), words.end(), peek().text) != words.end();
}

void Parser::error(Span span, std::string message, std::string hint) {
  if (!errors_.empty() && errors_.back().span.begin == span.begin) return;  // once a place
  if (errors_.size() >= 100) return;
  errors_.push_back({span, DiagnosticSeverity::error, std::move(message), std::move(hint)});
}

// A thing missing at the end of a line is missing there, not at the start of the next.
Span Parser::here() const {
  const Token& token = peek();
  if ((token.line_before || token.kind == TokenKind::end) && at_ > 0) return {last_end(), last_end()};
  return token.span;
}

void Parser::fail_here(std::string message, std::string hint) {
  if (peek().kind == TokenKind::bad) {
    error(peek().span, peek().text);
  } else {
    error(here(), std::move(message), std::move(hint));
  }
  throw Skip{};
}

void Parser::expect(std::string_view punctuation, const char* hint) {
  if (take(punctuation)) return;
  fail_here("expected " + std::string(punctuation), hint);
}

void Parser::expect_word(std::string_view keyword) {
  if (take_word(keyword)) return;
  fail_here("expected " + std::string(keyword));
}

void Parser::skip_to_pipe() {
  int open = 0;
  for (; !at_end(); next()) {
    const Token& token = peek();
    if (token.is("(") || token.is("[") || token.is("{")) ++open;
    if (token.is(")") || token.is("]") || token.is("}")) {
      if (open == 0) return;
      --open;
    }
    if (token.is(";") || (token.is("|") && open == 0)) return;
  }
}

// ---------------------------------------------------------------- statements

Script Parser::script() {
  Script script;
  while (!at_end()) {
    const size_t start = at_;
    try {
      if (peek().is(";")) fail_here("a statement is missing before this ;");
      statement(script.statements);
      if (!at_end() && !peek().is(";")) {
        const Token& token = peek();
        std::string hint;
        if (token.is(")") || token.is("]") || token.is("}")) {
          hint = "this bracket was never opened";
        } else if (token.kind == TokenKind::name) {
          const std::string word = engine::to_lower_ascii(token.text);
          if (word == "like") hint = "use has, contains or matches regex";
          else if (word == "is") hint = "use isnotempty(x), isempty(x), isnull(x)";
          else if (word == "where" || word == "project" || word == "summarize" || word == "extend") hint = "put a | before " + word;
          else hint = "statements are separated by ;";
        }
        if (token.kind == TokenKind::bad) {
          const bool ampersand = token.text.find("character &") != std::string::npos;
          error(token.span, token.text, ampersand ? "write and" : "");
        } else {
          error(here(), token.kind == TokenKind::name || token.kind == TokenKind::string ? "expected ; or |" : "this is unexpected here", hint);
        }
        throw Skip{};
      }
    } catch (const Skip&) {
      skip_statement();
      if (at_ == start && !peek().is(";")) next();
    }
    take(";");
  }
  std::stable_sort(errors_.begin(), errors_.end(), [](const Diagnostic& a, const Diagnostic& b) { return a.span.begin < b.span.begin; });
  script.errors = std::move(errors_);
  return script;
}

void Parser::skip_statement() {
  int open = 0;
  for (; !at_end(); next()) {
    if (peek().is("{")) ++open;
    if (peek().is("}") && open > 0) --open;
    if (peek().is(";") && open == 0) return;
  }
}

void Parser::statement(std::vector<Statement>& out) {
  if (peek().is_word("let")) return out.push_back(let_statement());
  if (peek().is_word("set") && peek(1).kind == TokenKind::name) return out.push_back(set_statement());
  if (peek().is_word("declare")) return out.push_back(declare_statement());
  if (peek().is_word("alias") && peek(1).is_word("database")) {
    Statement s;
    s.kind = Statement::Kind::other;
    s.name = "alias database";
    s.span.begin = next().span.begin;
    next();
    any_name("a database name");
    expect("=");
    s.expr = expr();
    s.span.end = last_end();
    return out.push_back(std::move(s));
  }
  if (peek().is_word("restrict") && peek(1).is_word("access")) {
    Statement s;
    s.kind = Statement::Kind::other;
    s.name = "restrict access";
    s.span.begin = next().span.begin;
    next();
    expect_word("to");
    expect("(");
    do expr();
    while (take(","));
    expect(")");
    s.span.end = last_end();
    return out.push_back(std::move(s));
  }
  if (at_name_equals()) {
    const std::string name = any_name("a name");
    fail_here("a query does not begin with a name and =", "to name a value or a table, write let " + name + " = ...;");
  }
  Statement s;
  s.kind = Statement::Kind::query;
  s.span.begin = peek().span.begin;
  s.expr = query_or_expr();
  s.span.end = last_end();
  out.push_back(std::move(s));
}

Statement Parser::set_statement() {
  Statement s;
  s.kind = Statement::Kind::set;
  s.span.begin = next().span.begin;
  s.name = next().text;
  if (take("=")) s.expr = param_value();
  s.span.end = last_end();
  return s;
}

Statement Parser::declare_statement() {
  Statement s;
  s.kind = Statement::Kind::declare;
  s.span.begin = next().span.begin;
  if (take_word("pattern")) {
    s.kind = Statement::Kind::pattern;
    s.name = any_name("a pattern name", &s.name_span);
    s.pattern = pattern();
  } else {
    expect_word("query_parameters");
    s.params = function_params();
  }
  s.span.end = last_end();
  return s;
}

std::shared_ptr<PatternDecl> Parser::pattern() {
  auto out = std::make_shared<PatternDecl>();
  if (!take("=")) return out;  // only its name is declared
  out->params = function_params();
  if (take("[")) {
    function_param();
    out->has_path = true;
    expect("]");
  }
  expect("{");
  while (peek().is("(")) {
    PatternDecl::Case one;
    expect("(");
    do one.args.push_back(expr());
    while (take(","));
    expect(")");
    if (take(".")) {
      expect("[");
      one.path = expr();
      expect("]");
    }
    expect("=");
    expect("{");
    one.body = query_or_expr();
    expect("}");
    take(";");
    out->cases.push_back(std::move(one));
  }
  expect("}");
  return out;
}

Statement Parser::let_statement() {
  Statement s;
  s.span.begin = next().span.begin;
  s.name = any_name("a name", &s.name_span);
  expect("=", "a let statement reads: let name = value;");
  if (at_function()) {
    s.kind = Statement::Kind::let_function;
    s.function = function();
  } else {
    s.kind = Statement::Kind::let_value;
    s.expr = query_or_expr();
  }
  s.span.end = last_end();
  return s;
}

// ( ... ) { or view ( ... ) {: look for the brace behind the matching bracket.
bool Parser::at_function() const {
  size_t k = peek().is_word("view") ? 1 : 0;
  if (!peek(k).is("(")) return false;
  int open = 0;
  for (; peek(k).kind != TokenKind::end; ++k) {
    if (peek(k).is("(")) ++open;
    if (peek(k).is(")") && --open == 0) return peek(k + 1).is("{");
    if (peek(k).is(";") || peek(k).is("|")) return false;
  }
  return false;
}

std::shared_ptr<FunctionDecl> Parser::function() {
  const Nesting level(*this);
  auto f = std::make_shared<FunctionDecl>();
  f->span.begin = peek().span.begin;
  f->view = take_word("view");
  f->params = function_params();
  expect("{");
  while (!peek().is("}")) {
    if (take(";")) continue;
    if (at_end()) fail_here("expected }");
    const bool let = peek().is_word("let");
    if (!let && !peek().is_word("declare") && !peek().is_word("set")) {
      f->body = query_or_expr();
      take(";");
      break;
    }
    statement(f->statements);
    if (!peek().is(";")) fail_here(peek().is("}") ? "expected ;" : "expected ; or }");
  }
  expect("}");
  f->span.end = last_end();
  return f;
}

std::vector<FunctionParam> Parser::function_params() {
  std::vector<FunctionParam> params;
  expect("(");
  if (take(")")) return params;
  do params.push_back(function_param());
  while (take(","));
  expect(")");
  return params;
}

FunctionParam Parser::function_param() {
  FunctionParam p;
  p.name = any_name("a parameter name");
  expect(":", "a parameter reads name:type");
  if (take("(")) {
    p.tabular = true;
    if (take("*")) {
      p.open_schema = true;
    } else if (!peek().is(")")) {
      do p.columns.push_back(column_decl());
      while (take(","));
    }
    expect(")");
    return p;
  }
  p.type = type_word("a type name");
  if (take("=")) p.default_value = literal();
  return p;
}

std::string Parser::type_word(const char* what) {
  const Token token = peek();
  if (token.kind != TokenKind::name || (!type_from_name(token.text) && token.text != "")) {
    fail_here(std::string(what) + " is missing here", "types are bool, int, long, real, decimal, string, datetime, timespan, guid, dynamic");
  }
  next();
  return token.text;
}

ColumnDecl Parser::column_decl() {
  ColumnDecl c;
  c.name = any_name("a column name", &c.span);
  if (!peek().is(":")) fail_here("a type name is missing here", "a column reads name:type");
  next();
  c.type = type_word("a type name");
  return c;
}

std::vector<ColumnDecl> Parser::row_schema(bool allow_star, bool& star) {
  std::vector<ColumnDecl> columns;
  expect("(");
  while (!peek().is(")")) {
    if (take(",")) continue;
    if (allow_star && take("*")) {
      star = true;
    } else {
      columns.push_back(column_decl());
    }
    if (!peek().is(",") && !peek().is(")")) fail_here("expected )");
  }
  expect(")");
  return columns;
}

}  // namespace app::kql
