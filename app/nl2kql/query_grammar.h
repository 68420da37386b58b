// app/nl2kql/query_grammar.h: the grammar that a model's query is held to: the tables, columns and
// values at hand, and the words and times of the question.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/nl2kql/facts.h"
#include "app/nl2kql/rules.h"

namespace app::nl2kql {

// frame: assets/grammars/kql.gbnf. Words of the question come from it and from what the rules found.
// free_words: also texts that the question does not hold, up to 40 letters (for larger models).
// Throws Error{invalid_input} where there is no table, or a brace of the frame has no meaning.
std::string query_grammar(std::string_view frame, const LogFacts& facts, std::string_view question, const RuleAnswer& rules,
                          bool free_words = false);

// A KQL text literal, and that as a GBNF literal.
std::string kql_string(std::string_view text);
std::string gbnf_string(std::string_view text);

}  // namespace app::nl2kql
