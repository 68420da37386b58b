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
constexpr size_t kMaxClosure = 50'000, kMaxNodes = 4'000'000, kMaxStates = 200'000, kMaxMasks = 4096;

using Kind = GrammarItem::Kind;

}  // namespace

GrammarMachine::GrammarMachine(std::shared_ptr<const GrammarRules> rules, const TokenTrie& trie)
    : source_(std::move(rules)), rules_(*source_), trie_(trie) {
  for (ByteSet& set : rules_.sets) set &= trie.single_bytes();
  remove_unproductive();
  check_rules();
  std::vector<int32_t> open;
  for (const uint32_t position : rules_.alternatives[rules_.root]) open.push_back(node(position, kBottom));
  start_ = close(std::move(open), false);
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
  return at->second;
}

int32_t GrammarMachine::step(int32_t id, uint8_t byte) {
  if (id == dead) return dead;
  {
    State& state = states_[static_cast<size_t>(id)];
    if (state.next == nullptr) {
      state.next = std::make_unique<int32_t[]>(256);
      std::fill_n(state.next.get(), 256, kUnknown);
    }
    if (state.next[byte] != kUnknown) return state.next[byte];
  }
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
  states_[static_cast<size_t>(id)].next[byte] = next;
  return next;
}

int32_t GrammarMachine::step(int32_t state, std::string_view bytes) {
  for (const char c : bytes) state = step(state, static_cast<uint8_t>(c));
  return state;
}

std::span<const uint64_t> GrammarMachine::mask(int32_t id) {
  if (!states_[static_cast<size_t>(id)].mask.empty()) return states_[static_cast<size_t>(id)].mask;
  if (n_masks_ >= kMaxMasks) {
    for (State& state : states_) state.mask = {};
    n_masks_ = 0;
  }
  std::vector<uint64_t> bits((static_cast<size_t>(trie_.n_vocab()) + 63) / 64);
  const auto allow = [&](int32_t token) { bits[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64); };
  // path[i]: the state behind i bytes of the current entry. Entries that share the bytes up to a
  // dead one are passed over.
  std::vector<int32_t> path = {id};
  size_t n_alive = 0;  // bytes of the entry before that path holds
  const auto& entries = trie_.entries();
  for (const TokenTrie::Entry& entry : entries) {
    if (entry.n_common > n_alive) continue;
    path.resize(entry.n_common + 1);
    n_alive = entry.n_common;
    while (n_alive < entry.bytes.size()) {
      const int32_t next = step(path.back(), static_cast<uint8_t>(entry.bytes[n_alive]));
      if (next == dead) break;
      path.push_back(next);
      ++n_alive;
    }
    if (n_alive == entry.bytes.size()) allow(entry.token);
  }
  if (states_[static_cast<size_t>(id)].accepts) {
    for (const int32_t token : trie_.ends()) allow(token);
  }
  ++n_masks_;
  State& state = states_[static_cast<size_t>(id)];
  state.mask = std::move(bits);
  return state.mask;
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

void GrammarMachine::apply(int32_t state, std::span<float> logits) {
  const std::span<const uint64_t> bits = mask(state);
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool allowed = i / 64 < bits.size() && (bits[i / 64] >> (i % 64) & 1) != 0;
    if (!allowed) logits[i] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace engine
