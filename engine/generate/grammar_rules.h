// engine/generate/grammar_rules.h: a grammar over bytes, flattened.
// Every alternative is a run of items that ends with `end`; a position is an index into items.
#pragma once
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

namespace engine {

using ByteSet = std::bitset<256>;

struct GrammarItem {
  enum class Kind : uint8_t { bytes, rule, end } kind = Kind::end;
  uint32_t index = 0;  // of the byte set or the rule
};

struct GrammarRules {
  std::string name;                                  // of the source, for messages
  std::vector<GrammarItem> items;
  std::vector<ByteSet> sets;
  std::vector<std::vector<uint32_t>> alternatives;   // of each rule: positions of their first items
  std::vector<std::string> rule_names;               // empty: made for a group or repetition
  uint32_t root = 0;

  // x{0,n} as rules that allow 1, 2, .. n of it: `n` rules from `first` on. What the later ones allow
  // differs only far from here, and masks of one serve the others.
  struct Countdown {
    uint32_t first = 0, n = 0;
  };
  std::vector<Countdown> countdowns;
};

}  // namespace engine
