#include "engine/generate/grammar.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/grammar_machine.h"
#include "engine/generate/sampler.h"
#include "engine/tokenizer/bpe.h"
#include "tests/engine/generate/vocabulary.h"

using namespace engine;
using test_support::trie;
using test_support::vocabulary;

namespace {

bool fits(const Grammar& grammar, std::string_view text) {
  GrammarMachine machine(grammar.rules(), trie());
  const int32_t state = machine.step(machine.start(), text);
  return state != GrammarMachine::dead && machine.accepts(state);
}

bool fits(const char* gbnf, std::string_view text) { return fits(Grammar::from_gbnf(gbnf), text); }

std::string problem(const char* gbnf) {
  try {
    const Grammar grammar = Grammar::from_gbnf(gbnf, "g");
    GrammarMachine machine(grammar.rules(), trie());
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

std::string schema_problem(const char* schema) {
  try {
    const Grammar grammar = Grammar::from_json_schema(schema, "s");
    GrammarMachine machine(grammar.rules(), trie());
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// Random tokens under the mask until the end token or `most` tokens. Prefers ending once it may, and
// CHECKs at every step that something is allowed.
std::string random_text(GrammarMachine& machine, uint64_t seed, int most, bool& ended) {
  Sampler sampler;
  std::string text;
  int32_t state = machine.start();
  std::vector<float> logits(static_cast<size_t>(vocabulary().n_vocab()));
  ended = false;
  for (int i = 0; i < most; ++i) {
    for (size_t t = 0; t < logits.size(); ++t) logits[t] = static_cast<float>(random_unit(seed * 1000 + static_cast<uint64_t>(i), t) * 8);
    // Closing marks lead towards an end.
    for (const char c : {'"', '}', ']'}) logits[static_cast<unsigned char>(c)] += 6;
    logits.back() += 4;
    machine.apply(state, logits);
    const int32_t token = sampler.sample(logits, {.temperature = 1, .seed = seed}, {}, static_cast<uint64_t>(i));
    REQUIRE(token >= 0);  // never a dead end
    if (vocabulary().ends_generation(token)) {
      ended = true;
      return text;
    }
    text += vocabulary().bytes(token);
    state = machine.step(state, vocabulary().bytes(token));
    REQUIRE(state != GrammarMachine::dead);
  }
  return text;
}

}  // namespace

TEST_CASE("generate/grammar: literals, classes, groups, alternatives and repetitions") {
  CHECK(fits("root ::= \"ab\" [0-9]+ (\"x\" | \"yz\")? # comment\n", "ab12yz"));
  CHECK_FALSE(fits("root ::= \"ab\" [0-9]+", "ab"));
  CHECK(fits("root ::= a{2,3}\na ::= [a-c]", "abc"));
  CHECK_FALSE(fits("root ::= [a-c]{2,3}", "abca"));
  CHECK_FALSE(fits("root ::= [a-c]{2,3}", "a"));
  CHECK(fits("root ::= [a-c]{2,}", "abcabc"));
  CHECK(fits("root ::= \"a\" |\n  \"b\"", "b"));
  CHECK(fits("root ::= (\n \"a\"\n \"b\" )", "ab"));
  CHECK(fits("root ::= [^\"\\n]*", "a\u4e16 z"));
  CHECK_FALSE(fits("root ::= [^\"\\n]*", "a\"b"));
  CHECK(fits("root ::= [\\x41-\\x43\\-\\]]+", "AB-]"));
  CHECK(fits("root ::= . .", "\u4e16x"));
  CHECK_FALSE(fits("root ::= .", "\xff"));
  CHECK(fits("root ::= [\\u0400-\\u04FF]+", "\u0416\u0436"));
  CHECK_FALSE(fits("root ::= [\\u0400-\\u04FF]+", "\u0500"));
  CHECK(fits("root ::= \"\"", ""));
  CHECK(fits("root ::= \"(\" root \")\" | \"x\"", "((x))"));
  CHECK_FALSE(fits("root ::= \"(\" root \")\" | \"x\"", "((x)"));
}

TEST_CASE("generate/grammar: every code point range is cut into exactly its encodings") {
  const Grammar grammar = Grammar::from_gbnf("root ::= [\\u07AB-\\U00012345]");
  GrammarMachine machine(grammar.rules(), trie());
  for (const char32_t c : {0x7AAu, 0x7ABu, 0x7FFu, 0x800u, 0xFFFu, 0x1000u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x12345u, 0x12346u}) {
    CAPTURE(static_cast<uint32_t>(c));
    std::string text;
    append_utf8(text, c);
    const int32_t state = machine.step(machine.start(), text);
    const bool inside = state != GrammarMachine::dead && machine.accepts(state);
    CHECK(inside == (c >= 0x7AB && c <= 0x12345));
  }
}

TEST_CASE("generate/grammar: empty loops end, left recursion and hostile sizes are refused") {
  CHECK(fits("root ::= ( [x]* )*", "xxx"));
  CHECK(fits("root ::= ( ( \"\" )* [x]* )* \"y\"", "xy"));
  CHECK(contains(problem("root ::= root \"x\" | \"y\""), "left-recursive"));
  CHECK(contains(problem("root ::= a \"x\" | \"y\"\na ::= \"\" root"), "left-recursive"));
  CHECK(contains(problem("root ::= \"a\" root"), "no finite text"));
  CHECK(contains(problem("root ::= [a]{999999999999}"), "count"));
  std::string wide = "root ::= \"a\"";
  for (int i = 0; i < 30; ++i) wide += " [a]{9999}";
  CHECK(contains(problem(wide.c_str()), "too large"));
  std::string deep = "root ::= ";
  for (int i = 0; i < 100'000; ++i) deep += '(';
  CHECK(contains(problem(deep.c_str()), "too deep"));
}

TEST_CASE("generate/grammar: what is wrong is said with its line") {
  CHECK(contains(problem("x ::= \"a\""), "root"));
  CHECK(contains(problem("root ::= \"a\nb\""), "line 1"));
  CHECK(contains(problem("root ::= a"), "rule a"));
  CHECK(contains(problem("\nroot ::= [z-a]"), "line 2: a range"));
  CHECK(contains(problem("root ::= \"\\q\""), "escape"));
  CHECK(contains(problem("root ::= \"\\uD800\""), "no Unicode"));
  CHECK(contains(problem("root ::= (\"a\""), "not closed"));
  CHECK(contains(problem("root ::= \"a\" )"), "unexpected"));
  CHECK(contains(problem("root ::= \"a\"\nroot ::= \"b\""), "twice"));
  CHECK(contains(problem("root = \"a\""), "::="));
}

TEST_CASE("generate/grammar: tokens that cut a character or a border are masked as their bytes say") {
  const Grammar grammar = Grammar::from_gbnf("root ::= \"\\\"\" [^\"]+ \"\\\"\"");
  GrammarMachine machine(grammar.rules(), trie());
  const auto allowed = [&](int32_t state, std::string_view bytes) {
    const auto mask = machine.mask(state);
    for (const auto& entry : trie().entries()) {
      if (entry.bytes == bytes) return (mask[static_cast<size_t>(entry.token) / 64] >> (entry.token % 64) & 1) != 0;
    }
    return false;
  };
  const int32_t inside = machine.step(machine.start(), "\"q");
  CHECK(allowed(inside, "\xe4\xb8"));
  CHECK(allowed(inside, "name"));
  CHECK_FALSE(allowed(inside, "\x96z"));
  CHECK_FALSE(allowed(inside, "\","));
  CHECK(allowed(machine.step(inside, "\xe4\xb8"), "\x96z"));
  CHECK_FALSE(allowed(machine.step(inside, "\xe4\xb8"), "a"));
  // A string of any length stays in few states, so masks are computed once.
  const size_t before = machine.n_states();
  machine.step(inside, std::string(10'000, 'x'));
  CHECK(machine.n_states() <= before + 4);
}

TEST_CASE("generate/grammar: mask and step agree for every token, along random texts") {
  const Grammar grammar = Grammar::from_json_schema(R"({"type":"array","items":{"type":["string","number"]}})");
  GrammarMachine machine(grammar.rules(), trie());
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    int32_t state = machine.start();
    for (int i = 0; i < 20; ++i) {
      const std::vector<uint64_t> mask = machine.mask(state);
      std::vector<int32_t> fitting;
      for (const auto& entry : trie().entries()) {
        const bool bit = (mask[static_cast<size_t>(entry.token) / 64] >> (entry.token % 64) & 1) != 0;
        CHECK(bit == (machine.step(state, entry.bytes) != GrammarMachine::dead));
        if (bit) fitting.push_back(entry.token);
      }
      if (fitting.empty()) break;
      const auto pick = static_cast<size_t>(random_unit(seed, static_cast<uint64_t>(i)) * static_cast<double>(fitting.size()));
      state = machine.step(state, vocabulary().bytes(fitting[pick]));
    }
  }
}

TEST_CASE("generate/json_schema: documents that fit and that do not") {
  const auto check = [](const char* schema, const char* text) { return fits(Grammar::from_json_schema(schema), text); };
  constexpr const char* person = R"({"type":"object","properties":{"name":{"type":"string","maxLength":5},
    "age":{"type":"integer","minimum":0},"tags":{"type":"array","items":{"enum":["a","b c",null]},"maxItems":2}},
    "required":["name"]})";
  CHECK(check(person, R"({"name": "Ann", "age": 30, "tags": ["a", null]})"));
  CHECK(check(person, R"({"name":"A\u00e9"})"));
  CHECK(check(person, R"({"name":"A","tags":[]})"));
  CHECK_FALSE(check(person, R"({"age":1})"));
  CHECK_FALSE(check(person, R"({"name":"Ann","age":-1})"));
  CHECK_FALSE(check(person, R"({"name":"Antonia"})"));
  CHECK_FALSE(check(person, R"({"name":"A","tags":["a","a","a"]})"));
  CHECK_FALSE(check(person, R"({"name":"A",})"));
  CHECK(check(R"({"const":{"a":[1,"x\""]}})", R"({"a":[1,"x\""]})"));
  CHECK(check(R"({"type":"integer","minimum":-2,"maximum":12})", "-2"));
  CHECK_FALSE(check(R"({"type":"integer","minimum":-2,"maximum":12})", "13"));
  CHECK(check(R"({"anyOf":[{"type":"null"},{"type":"boolean"}]})", "true"));
  CHECK(check("true", R"([{"a":1.5e-3},"\ud83d\ude00"])"));
  CHECK_FALSE(check("true", R"("\ud83d")"));  // half a pair
  constexpr const char* tree = R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":
    {"v":{"type":"number"},"kids":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v"]}}})";
  CHECK(check(tree, R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3}]})"));
  CHECK_FALSE(check(tree, R"({"kids":[]})"));
  CHECK(check(R"({"prefixItems":[{"const":1}],"items":{"const":2}})", "[1,2,2]"));
  CHECK(check(R"({"type":"object","additionalProperties":{"type":"boolean"}})", R"({"x":true, "y":false})"));
  CHECK(check(R"({"type":"object","properties":{},"additionalProperties":false})", "{}"));
}

TEST_CASE("generate/json_schema: what cannot be held to is refused, never ignored") {
  CHECK(contains(schema_problem(R"({"type":"string","pattern":"a+"})"), "pattern"));
  CHECK(contains(schema_problem(R"({"type":"number","minimum":0})"), "integers only"));
  CHECK(contains(schema_problem(R"({"type":"strin"})"), "no type"));
  CHECK(contains(schema_problem(R"({"$ref":"http://x/y"})"), "outside"));
  CHECK(contains(schema_problem(R"({"$ref":"#/nothing"})"), "nothing"));
  CHECK(contains(schema_problem(R"({"$ref":"#"})"), "no finite text"));
  CHECK(contains(schema_problem(R"({"type":"object","required":["x"]})"), "required"));
  CHECK(contains(schema_problem("{"), "not valid JSON"));
  CHECK(contains(schema_problem("false"), "nothing"));
}

TEST_CASE("generate/grammar: random tokens under random schemas give valid documents and no dead end") {
  const char* schemas[] = {
      R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]})",
      R"({"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"null"},"c":{"type":"number"}}})",
      R"({"type":"array","items":{"type":"object","properties":{"name":{"type":"string","maxLength":3}},"required":["name"]},"maxItems":3})",
      R"({"anyOf":[{"enum":["x","yes","no"]},{"type":"array","items":{"type":"integer","minimum":1,"maximum":40},"minItems":2}]})",
      R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"k":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["k"]}}})",
      "true"};
  int n_ended = 0;
  for (const char* schema : schemas) {
    CAPTURE(schema);
    const Grammar grammar = Grammar::from_json_schema(schema);
    GrammarMachine machine(grammar.rules(), trie());
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      bool ended = false;
      const std::string text = random_text(machine, seed, 300, ended);
      if (!ended) continue;
      ++n_ended;
      CAPTURE(text);
      CHECK(is_valid_utf8(text));
      CHECK(nlohmann::json::accept(text));
    }
  }
  CHECK(n_ended > 150);
}

TEST_CASE("generate/grammar: bytes the vocabulary lacks are taken out, so that nothing leads nowhere") {
  BpeDescription d;
  d.name = "few";
  for (const char c : {'a', 'b', '1'}) d.pieces.push_back(std::string(1, c));
  d.kinds.assign(3, TokenKind::normal);
  d.eos = 2;
  const auto few = make_bpe_tokenizer(std::move(d));
  const TokenTrie small(*few);
  const Grammar grammar = Grammar::from_gbnf("root ::= \"a\" (\"b\" | \"a\" \"x\")");
  GrammarMachine machine(grammar.rules(), small);
  const int32_t state = machine.step(machine.start(), "a");
  CHECK(machine.step(state, "b") != GrammarMachine::dead);
  CHECK(machine.step(state, "a") == GrammarMachine::dead);
  CHECK_THROWS_AS(GrammarMachine(Grammar::from_gbnf("root ::= \"x\"").rules(), small), Error);
}
