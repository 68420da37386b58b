// app/kql/parser_impl.h: the recursive-descent parser, private to parser*.cpp. A part that cannot
// be understood throws Skip after its error is noted; the pipe or statement around it catches it
// and goes on behind the next pipe or semicolon.
#pragma once
#include <initializer_list>
#include <string_view>

#include "app/kql/lexer.h"
#include "app/kql/parser.h"

namespace app::kql {

struct Json;
struct Skip {};

class Parser {
 public:
  explicit Parser(const std::string& text);
  Script script();

 private:
  friend class Nesting;
  // Counts a level of nesting for as long as it lives; too many end the parse.
  class Nesting {
   public:
    explicit Nesting(Parser& parser);
    ~Nesting() { --parser_.depth_; }

   private:
    Parser& parser_;
  };

  // --- tokens
  const Token& peek(size_t ahead = 0) const;
  bool at_end() const { return peek().kind == TokenKind::end; }
  Token next();
  bool take(std::string_view punctuation);
  bool take_word(std::string_view keyword);
  bool at_word(std::initializer_list<std::string_view> words) const;
  void expect(std::string_view punctuation, const char* hint = "");
  void expect_word(std::string_view keyword);
  [[noreturn]] void fail_here(std::string message, std::string hint = {});
  void error(Span span, std::string message, std::string hint = {});
  Span here() const;       // where a missing thing should stand
  size_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].span.end; }
  void skip_to_pipe();     // to a pipe, semicolon or closing bracket of this level

  // --- statements
  void statement(std::vector<Statement>& out);
  Statement let_statement();
  Statement declare_statement();
  Statement set_statement();
  bool at_function() const;
  std::shared_ptr<FunctionDecl> function();
  std::shared_ptr<PatternDecl> pattern();
  std::vector<FunctionParam> function_params();
  FunctionParam function_param();
  void skip_statement();

  // --- queries
  ExprPtr query_or_expr();                   // a | b, or a plain expression
  std::unique_ptr<Query> pipeline(bool starts_with_operator);
  void piped_operators(Query& query);
  bool at_source_operator() const;
  Operator query_operator();
  Operator subquery_holder(Operator op);
  void params(Operator& op, bool named_too);
  ExprPtr param_value();
  std::unique_ptr<Query> sub_pipeline(std::string_view open, std::string_view close);
  void op_body(Operator& op);
  void op_join(Operator& op);
  void op_lookup_on(Operator& op, bool required);
  void op_union(Operator& op);
  void op_parse(Operator& op);
  void op_parse_kv(Operator& op);
  void op_mv(Operator& op);
  void op_make_series(Operator& op);
  void op_summarize(Operator& op);
  void op_top_nested(Operator& op);
  void op_scan(Operator& op);
  void op_render(Operator& op);
  void op_find(Operator& op);
  void op_search(Operator& op);
  void op_partition(Operator& op);
  void op_fork(Operator& op);
  void op_evaluate(Operator& op);
  void op_graph(Operator& op);
  void make_graph(Operator& op);
  void graph_match(Operator& op);
  std::vector<GraphPart> graph_pattern();
  GraphPart graph_node();
  GraphPart graph_edge();
  void graph_to_table(Operator& op);
  void skip_body();
  void op_reduce(Operator& op);
  void op_macro_expand(Operator& op);
  std::vector<ColumnDecl> row_schema(bool allow_star, bool& star);
  ColumnDecl column_decl();
  std::string type_word(const char* what);

  // --- expressions
  ExprPtr named_expr();
  ExprPtr ordered_expr();
  std::vector<ExprPtr> named_list();
  std::vector<ExprPtr> ordered_list();
  ExprPtr expr();
  ExprPtr and_expr();
  ExprPtr equality();
  ExprPtr relational();
  ExprPtr additive();
  ExprPtr multiplicative();
  ExprPtr string_op();
  ExprPtr unary();
  ExprPtr postfix();
  ExprPtr primary();
  ExprPtr call(const Token& name);
  ExprPtr argument(bool tabular);
  ExprPtr parenthesised();
  ExprPtr typed_literal();
  ExprPtr literal();                  // a constant only: datatable rows, defaults
  ExprPtr dynamic_literal();
  Json json_value();
  ExprPtr datatable();
  ExprPtr externaldata();
  ExprPtr inline_external();
  ExprPtr entity_group();
  ExprPtr name_or_wildcard();
  ExprPtr list_items(ExprPtr left, const Token& op);
  ExprPtr between(ExprPtr left, const Token& op);
  std::string any_name(const char* what, Span* span = nullptr, bool* escaped = nullptr);
  bool at_any_name() const;
  bool at_name_equals() const;
  bool at_names_equals() const;
  ExprPtr make(ExprKind kind, size_t begin) const;
  ExprPtr binary(ExprPtr left, std::string op, ExprPtr right) const;
  [[noreturn]] void missing_expression();

  const std::string& text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  std::vector<Diagnostic> errors_;
};

}  // namespace app::kql
