// app/kql/parser.h: query text to tree. A parse never stops at the first error: it skips to the
// next pipe or semicolon and goes on. Nesting is limited, so that no text can exhaust the stack.
#pragma once
#include <string>

#include "app/kql/ast.h"

namespace app::kql {

constexpr int max_nesting = 180;         // of brackets, unary signs and queries within queries
constexpr size_t max_chain = 4000;       // operators of one a + b + c ... chain
constexpr size_t max_text_bytes = 4 << 20;

Script parse(const std::string& text);

// Every tabular operator's keyword, with its canonical name.
struct OperatorName {
  const char* keyword;
  const char* op;
};
const std::vector<OperatorName>& operator_names();

}  // namespace app::kql
