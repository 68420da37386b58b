#include "engine/generate/grammar_machine.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

constexpr int32_t kUnknown = -2;
constexpr int32_t kBottom = -1;
// Bounds on what a hostile grammar can make us hold.
constexpr size_t kMaxClosure = 50'000, kMaxNodes = 4'000'000, kMaxStates = 200'000, kMaxMaskBytes = size_t{64} << 20;

// Tokens of so many bytes or fewer share masks over long repetitions.
constexpr uint32_t kShortToken = 16;
// Where so many tokens leave the top of a stack, more of the stack is looked at, up to kLargestTop nodes.
constexpr size_t kManyUnsure = 256;
constexpr uint8_t kLargestTop = 4;
// States of more stacks than this are walked as a whole.
constexpr size_t kManyStacks = 16;

using Kind = GrammarItem::Kind;

}  // namespace

GrammarMachine::GrammarMachine(std::shared_ptr<const GrammarRules> rules, const TokenTrie& trie)
    : source_(std::move(rules)), rules_(*source_), trie_(trie) {
  for (ByteSet& set : rules_.sets) set &= trie.single_bytes();
  find_classes();
  find_countdowns();
  remove_unproductive();
  check_rules();
  std::vector<int32_t> open;
  for (const uint32_t position : rules_.alternatives[rules_.root]) open.push_back(node(position, kBottom));
  start_ = close(std::move(open), false);
}

// Each set cuts every class into those of its bytes and the others.
void GrammarMachine::find_classes() {
  const std::unordered_set<ByteSet> sets(rules_.sets.begin(), rules_.sets.end());
  size_t n_classes = 1;
  for (const ByteSet& set : sets) {
    std::map<std::pair<uint8_t, bool>, size_t> parts;
    std::array<uint8_t, 256> cut{};
    for (size_t byte = 0; byte < 256; ++byte) {
      const auto [at, is_new] = parts.try_emplace({class_of_[byte], set.test(byte)}, parts.size());
      cut[byte] = static_cast<uint8_t>(at->second);
    }
    class_of_ = cut;
    n_classes = parts.size();
    if (n_classes == 256) break;
  }
  byte_of_class_.resize(n_classes);
  for (size_t byte = 0; byte < 256; ++byte) byte_of_class_[class_of_[byte]] = static_cast<uint8_t>(byte);
}

// A token of n bytes cannot tell whether n or more repetitions are left.
void GrammarMachine::find_countdowns() {
  const size_t n_items = rules_.items.size();
  same_as_.resize(n_items);
  for (size_t i = 0; i < n_items; ++i) same_as_[i] = static_cast<uint32_t>(i);
  is_far_.assign(n_items, false);
  top_size_.assign(n_items, 1);
  for (const GrammarRules::Countdown& one : rules_.countdowns) {
    for (uint32_t i = kShortToken; i <= one.n; ++i) {  // rule first + i - 1 allows i
      const uint32_t from = rules_.alternatives[one.first + kShortToken - 1][0], to = rules_.alternatives[one.first + i - 1][0];
      for (uint32_t k = 0; rules_.items[to + k].kind != Kind::end; ++k) {
        same_as_[to + k] = from + k;
        is_far_[to + k] = true;
      }
    }
  }
}

// An alternative is productive where all its items are; a rule where one alternative is.
void GrammarMachine::remove_unproductive() {
  std::vector<bool> productive(rules_.alternatives.size(), false);
  const auto fits = [&](uint32_t position) {
    for (; rules_.items[position].kind != Kind::end; ++position) {
      const GrammarItem item = rules_.items[position];
      if (item.kind == Kind::bytes ? rules_.sets[item.index].none() : !productive[item.index]) return false;
    }
    return true;
  };
  for (bool changed = true; changed;) {
    changed = false;
    // Repetitions refer to rules made before them, so few rounds are needed.
    for (size_t i = 0; i < productive.size(); ++i) {
      const auto& all = rules_.alternatives[i];
      if (productive[i] || !std::any_of(all.begin(), all.end(), fits)) continue;
      productive[i] = changed = true;
    }
  }
  if (!productive[rules_.root]) {
    fail(ErrorKind::invalid_input, "%s: no finite text fits the grammar (a rule that always needs itself, or "
         "characters the model cannot write)", rules_.name.c_str());
  }
  for (auto& all : rules_.alternatives) std::erase_if(all, [&](uint32_t position) { return !fits(position); });
}

// A left-recursive rule makes its closure endless; found here for every rule, not in mid-answer.
void GrammarMachine::check_rules() {
  for (const auto& alternatives : rules_.alternatives) {
    std::vector<int32_t> open;
    for (const uint32_t position : alternatives) open.push_back(node(position, kBottom));
    close(std::move(open), false);
  }
  nodes_.clear();
  node_ids_.clear();
  state_ids_.clear();
  states_.clear();
  next_.clear();
}

int32_t GrammarMachine::node(uint32_t position, int32_t parent) {
  const uint64_t key = uint64_t{position} << 32 | static_cast<uint32_t>(parent);
  const auto [at, is_new] = node_ids_.try_emplace(key, static_cast<int32_t>(nodes_.size()));
  if (is_new) {
    if (nodes_.size() >= kMaxNodes) {
      fail(ErrorKind::invalid_input, "%s: the text nests too deep for the grammar", rules_.name.c_str());
    }
    nodes_.push_back({position, parent});
  }
  return at->second;
}

int32_t GrammarMachine::close(std::vector<int32_t> open, bool accepts) {
  std::unordered_set<int32_t> seen(open.begin(), open.end());
  std::vector<int32_t> stacks;
  const auto visit = [&](int32_t id) {
    if (id == kBottom) {
      accepts = true;
    } else if (seen.insert(id).second) {
      open.push_back(id);
    }
  };
  while (!open.empty()) {
    const int32_t id = open.back();
    open.pop_back();
    const Node top = nodes_[static_cast<size_t>(id)];
    const GrammarItem item = rules_.items[top.position];
    if (item.kind == Kind::bytes) {
      stacks.push_back(id);
    } else if (item.kind == Kind::end) {
      visit(top.parent);
    } else {
      const bool last = rules_.items[top.position + 1].kind == Kind::end;
      const int32_t parent = last ? top.parent : node(top.position + 1, top.parent);
      for (const uint32_t position : rules_.alternatives[item.index]) visit(node(position, parent));
    }
    if (seen.size() > kMaxClosure) {
      const std::string& name = item.kind == Kind::rule ? rules_.rule_names[item.index] : std::string();
      fail(ErrorKind::invalid_input, "%s: the grammar is left-recursive%s%s or too ambiguous; put the repeated part last",
           rules_.name.c_str(), name.empty() ? "" : " near rule ", name.c_str());
    }
  }
  std::sort(stacks.begin(), stacks.end());
  return intern(std::move(stacks), accepts);
}

int32_t GrammarMachine::intern(std::vector<int32_t> stacks, bool accepts) {
  if (stacks.empty() && !accepts) return dead;
  const auto [at, is_new] = state_ids_.try_emplace({stacks, accepts}, static_cast<int32_t>(states_.size()));
  if (!is_new) return at->second;
  if (states_.size() >= kMaxStates) {
    fail(ErrorKind::invalid_input, "%s: the grammar needs more than %zu states; make it simpler", rules_.name.c_str(), kMaxStates);
  }
  State state;
  state.stacks = std::move(stacks);
  state.accepts = accepts;
  states_.push_back(std::move(state));
  next_.resize(states_.size() * byte_of_class_.size(), kUnknown);
  return at->second;
}

int32_t GrammarMachine::step(int32_t id, uint8_t byte) {
  if (id == dead) return dead;
  const uint8_t byte_class = class_of_[byte];
  const int32_t next = next_[static_cast<size_t>(id) * byte_of_class_.size() + byte_class];
  return next != kUnknown ? next : find_step(id, byte_class);
}

int32_t GrammarMachine::find_step(int32_t id, uint8_t byte_class) {
  const uint8_t byte = byte_of_class_[byte_class];
  std::vector<int32_t> open;
  bool accepts = false;
  const std::vector<int32_t> stacks = states_[static_cast<size_t>(id)].stacks;
  for (const int32_t stack : stacks) {
    const Node top = nodes_[static_cast<size_t>(stack)];
    if (!rules_.sets[rules_.items[top.position].index].test(byte)) continue;
    // Behind the item; a stack that is used up goes straight to its parent.
    if (rules_.items[top.position + 1].kind != Kind::end) {
      open.push_back(node(top.position + 1, top.parent));
    } else if (top.parent == kBottom) {
      accepts = true;
    } else {
      open.push_back(top.parent);
    }
  }
  std::sort(open.begin(), open.end());
  open.erase(std::unique(open.begin(), open.end()), open.end());
  const int32_t next = close(std::move(open), accepts);
  next_[static_cast<size_t>(id) * byte_of_class_.size() + byte_class] = next;
  return next;
}

int32_t GrammarMachine::step(int32_t state, std::string_view bytes) {
  for (const char c : bytes) state = step(state, static_cast<uint8_t>(c));
  return state;
}

// The entries below a node are passed over at once where its bytes do not fit. `unsure` gets those that
// fit up to where the top may end (never where it is the whole stack), or up to most_depth bytes.
void GrammarMachine::walk(Place from, bool whole, uint32_t most_depth, std::span<uint64_t> bits, std::vector<uint32_t>& unsure) {
  const auto& nodes = trie_.nodes();
  const auto& entries = trie_.entries();
  path_.resize(size_t{trie_.depth()} + 1);
  path_[0] = from;
  const auto allow = [&](const TokenTrie::Node& node) {
    for (uint32_t i = node.entry; i < node.entry + node.n_tokens; ++i) {
      const auto token = static_cast<size_t>(entries[i].token);
      bits[token / 64] |= uint64_t{1} << (token % 64);
    }
  };
  for (uint32_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    const Place above = path_[node.depth - 1];
    const int32_t next = step(above.state, node.byte);
    if (next == dead && !above.left_top) {
      i = node.end;
      continue;
    }
    if (next != dead) allow(node);
    if (next == dead || node.depth >= most_depth) {
      for (uint32_t e = node.entry + (next != dead ? node.n_tokens : 0); e < trie_.entries_end(node); ++e) unsure.push_back(e);
      i = node.end;
      continue;
    }
    path_[node.depth] = {next, above.left_top || (!whole && accepts(next))};
    ++i;
  }
}

// The upper nodes of a stack, whether that is all of it, and whether only short tokens may go by it.
GrammarMachine::Top GrammarMachine::top_of(int32_t stack, uint8_t size) const {
  Top top;
  int32_t at = stack;
  for (; at != kBottom && top.key.size() < size; at = nodes_[static_cast<size_t>(at)].parent) {
    const uint32_t position = nodes_[static_cast<size_t>(at)].position;
    top.is_far = top.is_far || is_far_[position];
    top.key.push_back(same_as_[position]);
  }
  top.is_whole = at == kBottom;
  top.key.push_back(top.is_whole);
  return top;
}

GrammarMachine::TopMask GrammarMachine::walk_top(const Top& top) {
  int32_t alone = kBottom;
  for (size_t i = top.key.size() - 1; i-- > 0;) alone = node(top.key[i], alone);
  std::vector<uint64_t> bits((static_cast<size_t>(trie_.n_vocab()) + 63) / 64);
  TopMask mask;
  walk({intern({alone}, false), false}, top.is_whole, top.is_far ? kShortToken : UINT32_MAX, bits, mask.unsure);
  mask.fits = TokenSet(bits);
  return mask;
}

const GrammarMachine::TopMask& GrammarMachine::top_mask(int32_t stack) {
  uint8_t& size = top_size_[same_as_[nodes_[static_cast<size_t>(stack)].position]];
  Top top = top_of(stack, size);
  const auto known = top_masks_.find(top.key);
  if (known != top_masks_.end()) return known->second;
  TopMask mask = walk_top(top);
  // More of the stack is taken where that decides most of what this much leaves open (inside a string:
  // all tokens of two characters or more); else it would only be one more walk for each use of a rule.
  const size_t many = kManyUnsure + trie_.entries().size() / 64;
  while (!top.is_whole && size < kLargestTop && mask.unsure.size() > many) {
    Top larger = top_of(stack, static_cast<uint8_t>(size + 1));
    TopMask better = walk_top(larger);
    if (better.unsure.size() > mask.unsure.size() / 2) break;
    ++size;
    top = std::move(larger);
    mask = std::move(better);
  }
  mask_bytes_ += mask.fits.size_bytes() + mask.unsure.size() * sizeof(uint32_t);
  return top_masks_.insert_or_assign(std::move(top.key), std::move(mask)).first->second;
}

// Sets the bits of the entries, in the trie's order, that fit behind a state.
void GrammarMachine::try_entries(int32_t state, std::span<const uint32_t> entries, std::span<uint64_t> bits) {
  path_.resize(size_t{trie_.depth()} + 1);
  path_[0].state = state;
  std::string_view before;
  size_t n_alive = 0;  // bytes of it that path_ holds
  for (const uint32_t i : entries) {
    const TokenTrie::Entry& entry = trie_.entries()[i];
    const auto token = static_cast<size_t>(entry.token);
    if ((bits[token / 64] >> (token % 64) & 1) != 0) continue;
    const size_t most = std::min(before.size(), entry.bytes.size());
    size_t n_common = 0;
    while (n_common < most && before[n_common] == entry.bytes[n_common]) ++n_common;
    if (n_common > n_alive) continue;  // the byte that did not fit is there again
    for (n_alive = n_common; n_alive < entry.bytes.size(); ++n_alive) {
      const int32_t next = step(path_[n_alive].state, static_cast<uint8_t>(entry.bytes[n_alive]));
      if (next == dead) break;
      path_[n_alive + 1].state = next;
    }
    before = entry.bytes;
    if (n_alive == entry.bytes.size()) bits[token / 64] |= uint64_t{1} << (token % 64);
  }
}

void GrammarMachine::forget_masks() {
  for (State& state : states_) state.allowed.reset();
  top_masks_.clear();
  mask_bytes_ = 0;
}

const TokenSet& GrammarMachine::allowed(int32_t id) {
  if (states_[static_cast<size_t>(id)].allowed) return *states_[static_cast<size_t>(id)].allowed;
  if (mask_bytes_ > kMaxMaskBytes) forget_masks();
  std::vector<uint64_t> bits((static_cast<size_t>(trie_.n_vocab()) + 63) / 64);
  const std::vector<int32_t> stacks = states_[static_cast<size_t>(id)].stacks;
  std::vector<uint32_t> unsure;
  if (stacks.size() > kManyStacks) {
    walk({id, false}, true, UINT32_MAX, bits, unsure);
  } else {
    for (const int32_t stack : stacks) {
      const TopMask& top = top_mask(stack);
      top.fits.add_to(bits);
      unsure.insert(unsure.end(), top.unsure.begin(), top.unsure.end());
    }
    if (stacks.size() > 1) {
      std::sort(unsure.begin(), unsure.end());
      unsure.erase(std::unique(unsure.begin(), unsure.end()), unsure.end());
    }
    try_entries(id, unsure, bits);
  }
  if (accepts(id)) {
    for (const int32_t token : trie_.ends()) bits[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
  }
  State& state = states_[static_cast<size_t>(id)];
  state.allowed = std::make_unique<TokenSet>(bits);
  mask_bytes_ += state.allowed->size_bytes();
  return *state.allowed;
}

std::vector<uint64_t> GrammarMachine::mask(int32_t state) {
  std::vector<uint64_t> bits((static_cast<size_t>(trie_.n_vocab()) + 63) / 64);
  allowed(state).add_to(bits);
  return bits;
}

bool GrammarMachine::allows(int32_t state, const Tokenizer& tokenizer, int32_t token) {
  if (tokenizer.ends_generation(token)) return accepts(state);
  const std::string_view bytes = tokenizer.bytes(token);
  return !bytes.empty() && step(state, bytes) != dead;
}

bool GrammarMachine::keep_best(int32_t state, const Tokenizer& tokenizer, std::span<float> logits, size_t k) {
  constexpr size_t most = 512;
  constexpr float never = -std::numeric_limits<float>::infinity();
  std::vector<int32_t> order;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > never) order.push_back(static_cast<int32_t>(i));
  }
  const auto logit = [&](int32_t token) { return logits[static_cast<size_t>(token)]; };
  const size_t n = std::min({order.size(), most, 4 * k + 32});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), [&](int32_t a, int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  });
  std::vector<std::pair<int32_t, float>> kept;
  for (size_t i = 0; i < n && kept.size() < k; ++i) {
    if (allows(state, tokenizer, order[i])) kept.emplace_back(order[i], logit(order[i]));
  }
  if (kept.size() < k && n < order.size()) return false;
  std::fill(logits.begin(), logits.end(), never);
  for (const auto& [token, value] : kept) logits[static_cast<size_t>(token)] = value;
  return true;
}

std::string GrammarMachine::forced_bytes(int32_t id, size_t most) {
  std::string out;
  while (out.size() < most && !accepts(id)) {
    State& state = states_[static_cast<size_t>(id)];
    if (state.only_byte == kNotLooked) {
      ByteSet fitting;
      for (const int32_t stack : state.stacks) {
        fitting |= rules_.sets[rules_.items[nodes_[static_cast<size_t>(stack)].position].index];
      }
      state.only_byte = kSeveral;
      for (size_t byte = 0; fitting.count() == 1 && byte < 256; ++byte) {
        if (fitting.test(byte)) state.only_byte = static_cast<int16_t>(byte);
      }
    }
    if (state.only_byte == kSeveral) break;
    out += static_cast<char>(state.only_byte);
    id = step(id, static_cast<uint8_t>(out.back()));
  }
  return out;
}

void GrammarMachine::apply(int32_t state, std::span<float> logits) { allowed(state).keep(logits); }

}  // namespace engine
