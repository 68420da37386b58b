// app/kql/explain_words.h: an operator or an expression of the tree in plain words; private to explain.
#pragma once
#include <string>

#include "app/kql/ast.h"

namespace app::kql {

class ExplainWords {
 public:
  explicit ExplainWords(const std::string& text) : text_(text) {}  // must live as long

  std::string of(const Operator& op) const;    // a sentence without its full stop
  std::string of(const Expr& e) const;         // a noun: "Level", "the number of rows"
  std::string condition(const Expr& e) const;  // a clause: "Level is ERROR"
  // The text itself on one line, cut at so many bytes.
  std::string source(Span span, size_t most = 80) const;

 private:
  std::string source(const Expr& e) const;     // without its name: "a + b" of "x = a + b"
  std::string call(const Expr& e) const;
  std::string names_of(const std::vector<ExprPtr>& list) const;      // "a, b = c (as d)"
  std::string assignments(const std::vector<ExprPtr>& list) const;   // "x as a sum"
  std::string keys(const std::vector<ExprPtr>& by) const;
  std::string join_words(const Operator& op) const;
  std::string order_words(const Operator& op) const;
  std::string summarize_words(const Operator& op) const;

  const std::string& text_;
};

}  // namespace app::kql
