// engine/generate/grammar_machine.h: which tokens may come next under a grammar.
//
// A pushdown automaton made deterministic as it is used: a state is the set of all stacks that the
// text so far leaves open, numbered once, so that transitions by byte and masks over the vocabulary
// are computed once a state and then looked up. Stacks are shared lists; a rule that ends its rule
// replaces it instead of growing the stack, so repetitions stay in few states.
//
// No dead ends: bytes that no token of their own stands for are taken out of the grammar and rules
// that then can never be completed with them, so from every state some tokens lead to an end.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/generate/grammar_rules.h"
#include "engine/generate/token_trie.h"

namespace engine {

class GrammarMachine {
 public:
  static constexpr int32_t dead = -1;

  // trie must live longer. Throws Error{invalid_input} on left recursion and where no text fits.
  GrammarMachine(std::shared_ptr<const GrammarRules> rules, const TokenTrie& trie);

  int32_t start() const { return start_; }
  bool accepts(int32_t state) const { return states_[static_cast<size_t>(state)].accepts; }
  int32_t step(int32_t state, uint8_t byte);                      // dead where it does not fit
  int32_t step(int32_t state, std::string_view bytes);
  // A bit for each token: those whose bytes fit, and where the text may end the tokens that end it.
  std::span<const uint64_t> mask(int32_t state);
  void apply(int32_t state, std::span<float> logits);             // -infinity where the bit is 0
  // One token's bit, without the others: what a greedy choice mostly needs.
  bool allows(int32_t state, const Tokenizer& tokenizer, int32_t token);
  // Leaves of the logits the k largest that fit (of equal ones the lowest ids), without the mask of
  // all. False where more than a few hundred would have to be looked at: nothing is changed then.
  bool keep_best(int32_t state, const Tokenizer& tokenizer, std::span<float> logits, size_t k);
  // The bytes that must come next whatever is chosen, at most `most` of them.
  std::string forced_bytes(int32_t state, size_t most);

  size_t n_states() const { return states_.size(); }

 private:
  static constexpr int16_t kNotLooked = -2, kSeveral = -1;
  struct Node {       // a stack: go on at position, then with the parent
    uint32_t position;
    int32_t parent;   // bottom: -1
  };
  struct State {
    std::vector<int32_t> stacks;  // nodes whose position is a byte set, ascending
    bool accepts = false;
    std::unique_ptr<int32_t[]> next;  // by byte; unknown until asked for
    int16_t only_byte = kNotLooked;   // the one that fits, where it is one
    std::vector<uint64_t> mask;
  };

  void remove_unproductive();
  void check_rules();
  int32_t node(uint32_t position, int32_t parent);
  // Stacks with a byte set on top that begin at the open ones. Throws on left recursion.
  int32_t close(std::vector<int32_t> open, bool accepts);
  int32_t intern(std::vector<int32_t> stacks, bool accepts);

  std::shared_ptr<const GrammarRules> source_;
  GrammarRules rules_;
  const TokenTrie& trie_;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, int32_t> node_ids_;
  std::map<std::pair<std::vector<int32_t>, bool>, int32_t> state_ids_;
  std::vector<State> states_;
  size_t n_masks_ = 0;
  int32_t start_ = 0;
};

}  // namespace engine
