// Random grammars and schemas under random logits: whatever is written fits, by a judge of its own,
// and there is always a way to an end.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/generate/grammar.h"
#include "engine/generate/grammar_machine.h"
#include "engine/generate/sampler.h"
#include "tests/engine/generate/vocabulary.h"

using namespace engine;
using nlohmann::json;
using test_support::long_trie;
using test_support::long_vocabulary;
using test_support::trie;
using test_support::vocabulary;

namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int roll(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }  // 0..n-1
  bool one_in(int n) { return roll(n) == 0; }
  float number() { return static_cast<float>(random_() % 10000) / 1000.f; }

 private:
  std::mt19937_64 random_;
};

// ---- grammars as trees, written as GBNF and matched here without the machine

struct Item {
  enum Kind { literal, set, rule, group } kind = literal;
  std::string text;                      // literal; characters of a set
  int index = 0;                         // of a rule
  std::vector<std::vector<Item>> inner;  // alternatives of a group
  int low = 1, high = 1;                 // repetitions; high -1: any number
};
using Alternatives = std::vector<std::vector<Item>>;

Item random_item(Dice& dice, int n_rules, int depth) {
  Item item;
  item.kind = static_cast<Item::Kind>(dice.roll(depth > 2 ? 3 : 4));
  const std::string letters = "ab1\"{: ";
  if (item.kind == Item::literal) {
    for (int n = dice.roll(4); n >= 0; --n) item.text += letters[static_cast<size_t>(dice.roll(7))];
  } else if (item.kind == Item::set) {
    for (int n = 1 + dice.roll(3); n > 0; --n) item.text += letters[static_cast<size_t>(dice.roll(7))];
  } else if (item.kind == Item::rule) {
    item.index = dice.roll(n_rules);
  } else {
    for (int n = 1 + dice.roll(3); n > 0; --n) {
      item.inner.emplace_back();
      for (int k = dice.roll(3); k > 0; --k) item.inner.back().push_back(random_item(dice, n_rules, depth + 1));
    }
  }
  switch (dice.roll(8)) {
    case 0: item.low = 0; item.high = -1; break;
    case 1: item.low = 1; item.high = -1; break;
    case 2: item.low = 0; item.high = 1; break;
    case 3: item.low = dice.roll(3); item.high = item.low + dice.roll(3); break;
    default: break;
  }
  return item;
}

std::string quoted(const std::string& text, char quote) {
  std::string out;
  for (const char c : text) out += c == quote || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out;
}

std::string written(const Alternatives& all) {
  std::string out;
  for (const auto& sequence : all) {
    if (&sequence != &all.front()) out += " |";
    if (sequence.empty()) out += " \"\"";
    for (const Item& item : sequence) {
      switch (item.kind) {
        case Item::literal: out += " \"" + quoted(item.text, '"') + "\""; break;
        case Item::set: out += " [" + quoted(item.text, '"') + "]"; break;
        case Item::rule: out += item.index == 0 ? std::string(" root") : " r" + std::to_string(item.index); break;
        case Item::group: out += " (" + written(item.inner) + " )"; break;
      }
      if (item.low == 0 && item.high == 1) out += "?";
      else if (item.high < 0) out += item.low == 0 ? "*" : "+";
      else if (item.low != 1 || item.high != 1) out += "{" + std::to_string(item.low) + "," + std::to_string(item.high) + "}";
    }
  }
  return out;
}

// The ends of all texts from `begin` on that fit; rules are looked up until nothing new is found, so
// that recursion of any kind ends.
class Matcher {
 public:
  Matcher(const std::vector<Alternatives>& rules, const std::string& text) : rules_(rules), text_(text) {}

  bool matches() {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t rule = 0; rule < rules_.size(); ++rule) {
        for (size_t at = 0; at <= text_.size(); ++at) {
          std::set<size_t> found = alternatives(rules_[rule], at);
          auto& known = ends_[{rule, at}];
          if (found != known) {
            known = std::move(found);
            changed = true;
          }
        }
      }
    }
    return ends_[{0, 0}].count(text_.size()) > 0;
  }

 private:
  std::set<size_t> alternatives(const Alternatives& all, size_t begin) {
    std::set<size_t> out;
    for (const auto& sequence : all) {
      std::set<size_t> at = {begin};
      for (const Item& item : sequence) at = repeated(item, at);
      out.insert(at.begin(), at.end());
    }
    return out;
  }
  std::set<size_t> repeated(const Item& item, std::set<size_t> at) {
    std::set<size_t> out;
    for (int n = 0;; ++n) {
      const size_t before = out.size();
      if (n >= item.low) out.insert(at.begin(), at.end());
      if (n == item.high || at.empty()) break;
      if (item.high < 0 && n > item.low && out.size() == before) break;  // nothing new
      std::set<size_t> next;
      for (const size_t begin : at) {
        const std::set<size_t> ends = once(item, begin);
        next.insert(ends.begin(), ends.end());
      }
      at = std::move(next);
    }
    return out;
  }
  std::set<size_t> once(const Item& item, size_t begin) {
    if (item.kind == Item::literal) {
      return text_.compare(begin, item.text.size(), item.text) == 0 ? std::set<size_t>{begin + item.text.size()} : std::set<size_t>{};
    }
    if (item.kind == Item::set) {
      return begin < text_.size() && item.text.find(text_[begin]) != std::string::npos ? std::set<size_t>{begin + 1} : std::set<size_t>{};
    }
    if (item.kind == Item::rule) return ends_[{static_cast<size_t>(item.index), begin}];
    return alternatives(item.inner, begin);
  }

  const std::vector<Alternatives>& rules_;
  const std::string& text_;
  std::map<std::pair<size_t, size_t>, std::set<size_t>> ends_;
};

// ---- walks

// Is there a way from here to an end? Looks at so many states; more than that counts as yes.
bool can_end(GrammarMachine& machine, int32_t from) {
  std::vector<int32_t> open = {from};
  std::unordered_set<int32_t> seen = {from};
  for (size_t i = 0; i < open.size() && seen.size() < 400; ++i) {
    if (machine.accepts(open[i])) return true;
    for (int byte = 0; byte < 256; ++byte) {
      const int32_t next = machine.step(open[i], static_cast<uint8_t>(byte));
      if (next != GrammarMachine::dead && seen.insert(next).second) open.push_back(next);
    }
  }
  return seen.size() >= 400;
}

// Masks are put together from those of the tops of stacks; token by token they must be the same.
void check_mask(GrammarMachine& machine, int32_t state, const Tokenizer& tokens) {
  const std::vector<uint64_t> mask = machine.mask(state);
  for (int32_t token = 0; token < tokens.n_vocab(); ++token) {
    const bool bit = (mask[static_cast<size_t>(token) / 64] >> (token % 64) & 1) != 0;
    if (bit == machine.allows(state, tokens, token)) continue;
    CAPTURE(tokens.bytes(token));
    CHECK(bit == machine.allows(state, tokens, token));
  }
}

struct Walk {
  std::string text;
  bool ended = false;
};

// Draws by the mask, or, as a greedy answer is made, the likeliest token that is allowed by itself.
Walk walk(GrammarMachine& machine, Dice& dice, int most, bool greedy) {
  Sampler sampler;
  Walk out;
  int32_t state = machine.start();
  std::vector<float> logits(static_cast<size_t>(vocabulary().n_vocab()));
  for (int i = 0; i < most; ++i) {
    for (float& logit : logits) logit = dice.number();
    for (const char c : {'"', '}', ']'}) logits[static_cast<unsigned char>(c)] += 4;
    logits.back() += i > 20 ? 8.f : 0.f;
    if (i % 3 == 0) check_mask(machine, state, vocabulary());
    const std::string forced = machine.forced_bytes(state, 10);
    int32_t token = -1;
    if (greedy) {
      std::vector<float> copy = logits;
      do {
        token = sampler.sample(copy, {}, {}, 0);
        REQUIRE(token >= 0);
        copy[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
      } while (!machine.allows(state, vocabulary(), token));
      machine.apply(state, logits);
      CHECK(sampler.sample(logits, {}, {}, 0) == token);
    } else {
      std::vector<float> few = logits;
      const bool found = machine.keep_best(state, vocabulary(), few, 3);
      machine.apply(state, logits);
      if (found) {
        CHECK(std::count_if(few.begin(), few.end(), [](float x) { return std::isfinite(x); }) <= 3);
        // Top-k of both is the same, and so is what is drawn from it.
        for (uint64_t seed = 0; seed < 3; ++seed) {
          std::vector<float> a = few, b = logits;
          const SamplingOptions options{.temperature = 1, .top_k = 3, .seed = seed};
          CHECK(sampler.sample(a, options, {}, 0) == sampler.sample(b, options, {}, 0));
        }
      }
      token = sampler.sample(logits, {.temperature = 1, .seed = static_cast<uint64_t>(dice.roll(1 << 30))}, {}, 0);
      REQUIRE(token >= 0);  // never a dead end
    }
    out.ended = vocabulary().ends_generation(token);
    if (out.ended) {
      CHECK(forced.empty());
      return out;
    }
    const std::string_view bytes = vocabulary().bytes(token);
    CHECK(bytes.substr(0, forced.size()) == std::string_view(forced).substr(0, bytes.size()));
    out.text += bytes;
    state = machine.step(state, bytes);
    REQUIRE(state != GrammarMachine::dead);
    if (i % 16 == 5) CHECK(can_end(machine, state));
  }
  return out;
}

// ---- schemas and documents

json random_schema(Dice& dice, int depth) {
  switch (dice.roll(depth > 2 ? 6 : 10)) {
    case 0: return {{"type", "boolean"}};
    case 1: return {{"type", "null"}};
    case 2: return {{"type", "integer"}, {"minimum", dice.roll(5) - 3}, {"maximum", 2 + dice.roll(12)}};
    case 3: return {{"type", "number"}};
    case 4: {
      const int low = dice.roll(3);
      return {{"type", "string"}, {"minLength", low}, {"maxLength", low + dice.roll(4)}};
    }
    case 5: {
      const json choices = {"yes", "a\"b", 12, nullptr, true, {{"k", {1, "x"}}}, ""};
      json some = json::array();
      for (int n = 1 + dice.roll(4); n > 0; --n) some.push_back(choices[static_cast<size_t>(dice.roll(7))]);
      return dice.one_in(3) ? json{{"const", some[0]}} : json{{"enum", some}};
    }
    case 6: {
      json out = {{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
      const char* names[] = {"name", "a", "b c", "\"q\"", "yes"};
      for (const char* name : names) {
        if (dice.one_in(2)) continue;
        out["properties"][name] = random_schema(dice, depth + 1);
        if (dice.one_in(2)) out["required"].push_back(name);
      }
      if (out["properties"].empty()) out["additionalProperties"] = random_schema(dice, depth + 1);
      return out;
    }
    case 7: {
      const int low = dice.roll(3);
      json out = {{"type", "array"}, {"items", random_schema(dice, depth + 1)}, {"minItems", low}};
      if (dice.one_in(2)) out["maxItems"] = low + dice.roll(3);
      return out;
    }
    case 8: return {{"anyOf", {random_schema(dice, depth + 1), random_schema(dice, depth + 1)}}};
    default: return {{"type", {"string", "integer", "boolean"}}};
  }
}

size_t n_characters(const std::string& text) {
  size_t n = 0;
  for (size_t at = 0; at < text.size(); ++n) decode_utf8(text, at);
  return n;
}

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return value.is_null();
}

bool valid(const json& value, const json& schema) {
  if (schema.contains("const")) return value == schema["const"];
  if (schema.contains("enum")) return std::find(schema["enum"].begin(), schema["enum"].end(), value) != schema["enum"].end();
  if (schema.contains("anyOf")) {
    return std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(), [&](const json& one) { return valid(value, one); });
  }
  const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
  if (std::none_of(types.begin(), types.end(), [&](const json& type) { return has_type(value, type); })) return false;
  if (value.is_number_integer() && schema.contains("minimum")) return value >= schema["minimum"] && value <= schema["maximum"];
  if (value.is_string() && schema.contains("minLength")) {
    const size_t n = n_characters(value.get<std::string>());
    return n >= schema["minLength"].get<size_t>() && n <= schema["maxLength"].get<size_t>();
  }
  if (value.is_array() && schema.contains("items")) {
    if (value.size() < schema["minItems"].get<size_t>()) return false;
    if (schema.contains("maxItems") && value.size() > schema["maxItems"].get<size_t>()) return false;
    return std::all_of(value.begin(), value.end(), [&](const json& one) { return valid(one, schema["items"]); });
  }
  if (value.is_object() && schema.contains("properties")) {
    for (const json& name : schema["required"]) {
      if (!value.contains(name.get<std::string>())) return false;
    }
    for (const auto& [key, member] : value.items()) {
      const bool known = schema["properties"].contains(key);
      if (!known && !schema.contains("additionalProperties")) return false;
      if (!valid(member, known ? schema["properties"][key] : schema["additionalProperties"])) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("generate/grammar: texts under random grammars fit them and none leads nowhere") {
  int n_used = 0, n_ended = 0, n_ambiguous = 0;
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    Dice dice(seed);
    const int n_rules = 1 + dice.roll(4);
    std::vector<Alternatives> rules;
    std::string text;
    for (int i = 0; i < n_rules; ++i) {
      Alternatives all;
      for (int n = 1 + dice.roll(3); n > 0; --n) {
        all.emplace_back();
        for (int k = dice.roll(4); k > 0; --k) all.back().push_back(random_item(dice, n_rules, 0));
      }
      text += (i == 0 ? "root" : "r" + std::to_string(i)) + " ::=" + written(all) + "\n";
      rules.push_back(std::move(all));
    }
    CAPTURE(text);
    std::unique_ptr<GrammarMachine> machine;
    try {
      machine = std::make_unique<GrammarMachine>(Grammar::from_gbnf(text).rules(), trie());
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::invalid_input);  // left-recursive, or no finite text
      continue;
    }
    ++n_used;
    for (int i = 0; i < 4; ++i) {
      Walk one;
      try {
        one = walk(*machine, dice, 40, i % 2 == 0);
      } catch (const Error& e) {
        // Where a text can be read in more ways than are kept apart, it is said so and not gone on.
        CHECK(std::string(e.what()).find("too ambiguous") != std::string::npos);
        ++n_ambiguous;
        break;
      }
      if (!one.ended || one.text.size() > 80) continue;
      ++n_ended;
      CAPTURE(one.text);
      CHECK(Matcher(rules, one.text).matches());
    }
  }
  CHECK(n_used > 80);
  CHECK(n_ambiguous <= n_used / 50);
  CHECK(n_ended > 200);
}

TEST_CASE("generate/json_schema: documents under random schemas are valid by them and none leads nowhere") {
  int n_ended = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    Dice dice(seed);
    const json schema = random_schema(dice, 0);
    CAPTURE(schema.dump());
    const Grammar grammar = Grammar::from_json_schema(schema.dump());
    GrammarMachine machine(grammar.rules(), trie());
    for (int i = 0; i < 4; ++i) {
      const Walk one = walk(machine, dice, 150, i % 2 == 0);
      if (!one.ended) continue;
      ++n_ended;
      CAPTURE(one.text);
      REQUIRE(json::accept(one.text));
      CHECK(valid(json::parse(one.text), schema));
    }
  }
  CHECK(n_ended > 250);
}

namespace {

std::string case_file(const std::string& name) {
  std::ifstream in(std::string(SIGMA_TEST_CASES) + "/grammars/" + name, std::ios::binary);
  REQUIRE(in.good());
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return text;
}

std::string without_last_newline(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("generate/grammar: answers as the product asks for them fit their grammars, and random ones end") {
  struct Case {
    const char* name;
    Grammar grammar;
    std::string sample;
  };
  const Case cases[] = {
      {"dcw", Grammar::from_json_schema(case_file("dcw.schema.json")), without_last_newline(case_file("dcw.txt"))},
      {"kql", Grammar::from_gbnf(case_file("kql.gbnf")), without_last_newline(case_file("kql.txt"))},
      {"citations", Grammar::from_gbnf(case_file("citations.gbnf")), case_file("citations.txt")},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    GrammarMachine machine(one.grammar.rules(), trie()), with_long(one.grammar.rules(), long_trie());
    int32_t state = machine.start(), state_long = with_long.start();
    for (size_t i = 0; i < one.sample.size(); ++i) {
      check_mask(with_long, state_long, long_vocabulary());
      state_long = with_long.step(state_long, static_cast<uint8_t>(one.sample[i]));
      state = machine.step(state, static_cast<uint8_t>(one.sample[i]));
      CAPTURE(one.sample.substr(0, i + 1));
      REQUIRE(state != GrammarMachine::dead);
    }
    CHECK(machine.accepts(state));
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      Dice dice(seed);
      walk(machine, dice, 150, seed % 2 == 0);
    }
  }
}

TEST_CASE("generate/grammar: loops of what may be empty neither hang nor overflow") {
  for (const char* text : {"root ::= ( [x]* )*", "root ::= ( ( [x]* )* )* \"y\"?", "root ::= ( \"\" | [x]? )+ ( [y]* )*",
                           "root ::= a* \"z\"\na ::= b*\nb ::= [xy]? c?\nc ::= \"\" | ( \"x\"? )*",
                           "root ::= ( ( [x]{0,40} ){0,40} )* ( [y]? ){0,40}", "root ::= ( a | \"\" )*\na ::= ( \"x\" a )?"}) {
    CAPTURE(text);
    GrammarMachine machine(Grammar::from_gbnf(text).rules(), trie());
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      Dice dice(seed);
      walk(machine, dice, 60, seed % 2 == 0);
    }
    GrammarMachine with_long(Grammar::from_gbnf(text).rules(), long_trie());
    for (const char* begin : {"", "x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
      check_mask(with_long, with_long.step(with_long.start(), begin), long_vocabulary());
    }
    const int32_t many = machine.step(machine.start(), std::string(20'000, 'x'));
    CHECK(many != GrammarMachine::dead);
    CHECK(machine.n_states() < 20'000);
  }
}

TEST_CASE("generate/grammar: a mask over a long repetition is made once, whatever is left of it") {
  const Grammar grammar = Grammar::from_json_schema(R"({"type":"object","required":["a","b"],"properties":{
      "a":{"type":"string","maxLength":400},"b":{"type":"string","maxLength":400}}})");
  GrammarMachine machine(grammar.rules(), long_trie());
  int32_t state = machine.step(machine.start(), "{\"a\":\"");
  for (int i = 0; i < 399; ++i) {
    check_mask(machine, state, long_vocabulary());
    state = machine.step(state, static_cast<uint8_t>('a'));
  }
  CHECK(machine.step(state, "aa") == GrammarMachine::dead);
  CHECK(machine.step(state, "a\",\"b\":\"") != GrammarMachine::dead);
  CHECK(machine.n_top_masks() < 60);  // not one for each number left
}
