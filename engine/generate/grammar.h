// engine/generate/grammar.h: what an answer may look like: a GBNF grammar or a JSON Schema, compiled
// once and given to GenerateOptions::grammar. Generated text is then always a beginning of a valid
// one, and whole where generation ends by itself.
//
// GBNF, the part that is read:
//   root ::= "literal" [a-z0-9_] [^"\n] . other-rule ( a | b ) x* x+ x? x{2} x{2,} x{2,5}   # comment
//   Escapes: \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH. A rule goes on over line ends while a
//   bracket is open or behind |. Generation begins at root. Left recursion is refused.
//
// JSON Schema: type (one or a list), properties and required (in the order of the schema),
// additionalProperties as a schema where there are no properties, items, prefixItems, minItems,
// maxItems, minLength, maxLength, minimum and maximum of integers (a range of at most 1,000 values,
// or a minimum of 0 or 1), enum, const, anyOf, oneOf, $ref into the same document. Annotations are
// skipped; any other keyword is Error{unsupported} naming it, never ignored.
//
// Immutable and cheap to copy.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace engine {

struct GrammarRules;  // grammar_rules.h

class Grammar {
 public:
  // Throw Error{invalid_input} naming `name`, line and cause; Error{unsupported} as above.
  static Grammar from_gbnf(std::string_view text, const std::string& name = "grammar");
  static Grammar from_json_schema(std::string_view schema, const std::string& name = "schema");

  const std::shared_ptr<const GrammarRules>& rules() const { return rules_; }

 private:
  explicit Grammar(std::shared_ptr<const GrammarRules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const GrammarRules> rules_;
};

// The GBNF text that a schema stands for.
std::string json_schema_to_gbnf(std::string_view schema, const std::string& name = "schema");

}  // namespace engine
