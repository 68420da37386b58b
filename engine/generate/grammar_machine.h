// engine/generate/grammar_machine.h: which tokens may come next under a grammar.
//
// A pushdown automaton made deterministic as it is used: a state is the set of all stacks that the
// text so far leaves open, numbered once, so that transitions and masks over the vocabulary are
// computed once a state and then looked up. Stacks are shared lists; a rule that ends its rule
// replaces it instead of growing the stack, so repetitions stay in few states. Bytes that no set of
// the grammar tells apart are one class, and transitions are by class.
//
// Most of a state's mask is decided by the top of its stacks alone: inside a string it does not matter
// which key the string belongs to. So a vocabulary is walked for the tops that occur, once each; a
// token that may go on below the top is noted, and only those are then tried on the whole state. The
// walk over 128 K tokens takes 1 ms, a mask from the tops' a few microseconds.
//
// No dead ends: bytes that no token of their own stands for are taken out of the grammar and rules
// that then can never be completed with them, so from every state some tokens lead to an end.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/generate/grammar_rules.h"
#include "engine/generate/token_set.h"
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
  // Tokens whose bytes fit, and where the text may end the tokens that end it. Borrowed until the next
  // call of a member.
  const TokenSet& allowed(int32_t state);
  std::vector<uint64_t> mask(int32_t state);                      // the same, a bit for each token
  void apply(int32_t state, std::span<float> logits);             // -infinity where the bit is 0
  // One token's bit, without the others: what a greedy choice mostly needs.
  bool allows(int32_t state, const Tokenizer& tokenizer, int32_t token);
  // Leaves of the logits the k largest that fit (of equal ones the lowest ids), without the mask of
  // all. False where more than a few hundred would have to be looked at: nothing is changed then.
  bool keep_best(int32_t state, const Tokenizer& tokenizer, std::span<float> logits, size_t k);
  // The bytes that must come next whatever is chosen, at most `most` of them.
  std::string forced_bytes(int32_t state, size_t most);

  size_t n_states() const { return states_.size(); }
  size_t n_top_masks() const { return top_masks_.size(); }  // walks over the vocabulary that are remembered

 private:
  static constexpr int16_t kNotLooked = -2, kSeveral = -1;
  struct Node {       // a stack: go on at position, then with the parent
    uint32_t position;
    int32_t parent;   // bottom: -1
  };
  struct State {
    std::vector<int32_t> stacks;  // nodes whose position is a byte set, ascending
    bool accepts = false;
    int16_t only_byte = kNotLooked;   // the one that fits, where it is one
    std::unique_ptr<TokenSet> allowed;
  };
  // What the top of a stack says of the vocabulary.
  struct TopMask {
    TokenSet fits;                    // whatever lies below
    std::vector<uint32_t> unsure;     // entries of the trie that leave the top
  };
  struct Top {
    std::vector<uint32_t> key;        // positions from the top down; 1 where that is the whole stack
    bool is_whole = false, is_far = false;
  };
  struct Place {                      // on a walk
    int32_t state;
    bool left_top;                    // a beginning of these bytes is all that the top asks for
  };

  void remove_unproductive();
  void check_rules();
  int32_t node(uint32_t position, int32_t parent);
  // Stacks with a byte set on top that begin at the open ones. Throws on left recursion.
  int32_t close(std::vector<int32_t> open, bool accepts);
  int32_t intern(std::vector<int32_t> stacks, bool accepts);

  void find_classes();
  void find_countdowns();
  int32_t find_step(int32_t state, uint8_t byte_class);
  Top top_of(int32_t stack, uint8_t size) const;
  TopMask walk_top(const Top& top);
  const TopMask& top_mask(int32_t stack);
  void walk(Place from, bool whole, uint32_t most_depth, std::span<uint64_t> bits, std::vector<uint32_t>& unsure);
  void try_entries(int32_t state, std::span<const uint32_t> entries, std::span<uint64_t> bits);
  void forget_masks();

  std::shared_ptr<const GrammarRules> source_;
  GrammarRules rules_;
  const TokenTrie& trie_;
  std::array<uint8_t, 256> class_of_{};
  std::vector<uint8_t> byte_of_class_;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, int32_t> node_ids_;
  std::map<std::pair<std::vector<int32_t>, bool>, int32_t> state_ids_;
  std::vector<State> states_;
  std::vector<int32_t> next_;          // [state][class]
  int32_t start_ = 0;

  std::vector<uint32_t> same_as_;      // [position] one whose top masks are the same for short tokens
  std::vector<bool> is_far_;           // [position] ... and for short ones alone
  std::vector<uint8_t> top_size_;      // [position] nodes of a stack that are looked at where it is on top
  std::map<std::vector<uint32_t>, TopMask> top_masks_;
  std::vector<Place> path_;
  size_t mask_bytes_ = 0;
};

}  // namespace engine
