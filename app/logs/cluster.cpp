#include "app/logs/cluster.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace app::logs {
namespace {

constexpr uint32_t wildcard_id = 0;
constexpr uint32_t none_id = UINT32_MAX;
constexpr size_t max_tokens = 400;

uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9E3779B97F4A7C15ull;
  h *= 0xBF58476D1CE4E5B9ull;
  return h ^ (h >> 31);
}

// "->", "--" and "***" stand for themselves like punctuation.
bool has_letter(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return unsigned((c | 32) - 'a') < 26 || unsigned(c - '0') < 10 || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Words that announce a name: what follows "user" is hardly ever part of the event.
bool announces_name(const std::string& word) {
  for (const char* known : {"user", "User", "username", "account", "host", "hostname", "interface", "named", "login"}) {
    if (word == known) return true;
  }
  return false;
}

bool is_all_caps(const std::string& word) {
  return word.size() >= 3 && std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

// Each token's share of the context hash is added up, so that a hole is a subtraction.
uint64_t share(size_t place, uint32_t id) { return mix(mix(0x51ED27, place), id); }

}  // namespace

Clusters::Tokens Clusters::intern(const std::vector<MaskedToken>& tokens) {
  Tokens out;
  out.reserve(std::min(tokens.size(), max_tokens));
  for (const MaskedToken& t : tokens) {
    if (out.size() == max_tokens) break;
    const auto [it, added] = word_ids_.try_emplace(t.text, uint32_t(words_.size()));
    if (added) {
      words_.push_back(t.text);
      const bool part = t.text.find("<*>") != std::string::npos;
      kinds_.push_back(t.kind == MaskedToken::Kind::punctuation || !has_letter(t.text) ? 2 : part ? 3 : 1);
    }
    out.push_back({it->second, t.space_before});
  }
  return out;
}

uint32_t Clusters::add_shape(const std::vector<MaskedToken>& tokens, uint64_t n_records) {
  shapes_.push_back({intern(tokens), n_records, 0, 0});
  return uint32_t(shapes_.size() - 1);
}

// How many different words must fill a place before it counts as a parameter. Words that each stand
// there hundreds of times (opened, closed) are more likely part of the event than words seen twice;
// mean_log_records is the mean of log2(records) over the fillers, so that one common value (root)
// among rare ones does not hide a parameter.
size_t Clusters::fillers_needed(const Tokens& tokens, size_t place, double mean_log_records) const {
  size_t n_words = 0;
  for (size_t i = 0; i < tokens.size(); ++i) n_words += i != place && kinds_[tokens[i].id] % 2 == 1;
  if (n_words == 0) return SIZE_MAX;    // nothing would be left to tell the event by
  const bool is_key = place + 1 < tokens.size() && !tokens[place + 1].space_before && words_[tokens[place + 1].id] == "=";
  if (is_key) return SIZE_MAX;          // environment:java.home=... is not environment:user.name=...
  if (kinds_[tokens[place].id] == 3) return 2;
  const std::string& before = place > 0 ? words_[tokens[place - 1].id] : words_[wildcard_id];
  if (n_words > 1 && announces_name(before)) return 2;
  double base = n_words == 1 ? 8 : n_words <= 3 ? 4 : 3;
  if (is_all_caps(words_[tokens[place].id])) base += 2;   // states: NEW, ASSIGNED, RUNNING
  if (before == "for" || before == "from" || before == "by" || before == "as") base -= 1;
  return size_t(std::max(2.0, base + 0.8 * mean_log_records));
}

void Clusters::unite(std::vector<Group>& groups, const std::vector<uint32_t>& members,
                     const std::vector<size_t>& places) {
  Group& first = groups[members[0]];
  for (const size_t place : places) first.tokens[place].id = wildcard_id;
  for (size_t i = 1; i < members.size(); ++i) {
    Group& g = groups[members[i]];
    g.merged_into = members[0];
    first.n_records += g.n_records;
    first.n_values += g.n_values;
    first.first_shape = std::min(first.first_shape, g.first_shape);
    if (g.template_id != none_id) first.template_id = g.template_id;
  }
}

// Groups whose tokens have become the same.
void Clusters::unite_equal(std::vector<Group>& groups) {
  std::unordered_map<uint64_t, uint32_t> seen;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    if (groups[i].merged_into != i) continue;
    uint64_t h = groups[i].tokens.size();
    for (size_t p = 0; p < groups[i].tokens.size(); ++p) h += share(p, groups[i].tokens[p].id);
    const auto [it, added] = seen.try_emplace(h, i);
    if (added) continue;
    if (groups[i].template_id != none_id && groups[it->second].template_id != none_id) continue;
    unite(groups, {it->second, i}, {});
  }
}

bool Clusters::merge_round(std::vector<Group>& groups) {
  struct Context {
    std::vector<uint32_t> members;
    size_t place;
  };
  std::unordered_map<uint64_t, Context> contexts;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i) continue;
    uint64_t whole = g.tokens.size();
    for (size_t p = 0; p < g.tokens.size(); ++p) whole += share(p, g.tokens[p].id);
    for (size_t p = 0; p < g.tokens.size(); ++p) {
      const uint32_t id = g.tokens[p].id;
      if (kinds_[id] == 2) continue;
      Context& context = contexts[mix(whole - share(p, id), p)];
      context.place = p;
      context.members.push_back(i);
    }
  }
  // The fullest contexts first: theirs is the strongest evidence.
  std::vector<const Context*> full;
  for (const auto& [hash, context] : contexts) {
    if (context.members.size() >= 2) full.push_back(&context);
  }
  std::sort(full.begin(), full.end(), [](const Context* a, const Context* b) {
    return a->members.size() != b->members.size() ? a->members.size() > b->members.size()
                                                  : std::pair(a->members[0], a->place) < std::pair(b->members[0], b->place);
  });
  bool changed = false;
  std::vector<uint8_t> touched(groups.size(), 0);
  for (const Context* context : full) {
    std::vector<uint32_t> members;
    size_t n_templates = 0;
    double log_records = 0;
    bool open = false;   // the place is a wildcard in one of them already
    for (const uint32_t m : context->members) {
      if (touched[m]) continue;
      members.push_back(m);
      n_templates += groups[m].template_id != none_id;
      log_records += std::log2(double(std::max<uint64_t>(1, groups[m].n_records)));
      open = open || groups[m].tokens[context->place].id == wildcard_id;
    }
    if (members.size() < 2 || n_templates > 1) continue;
    const size_t needed = fillers_needed(groups[members[0]].tokens, context->place,
                                         log_records / double(members.size()));
    if (members.size() < needed && !(open && needed != SIZE_MAX)) continue;
    for (const uint32_t m : members) touched[m] = 1;
    unite(groups, members, {context->place});
    changed = true;
  }
  if (changed) unite_equal(groups);
  return changed;
}

// Two places at once, for parameters that come in pairs; asks for more evidence.
bool Clusters::merge_pairs(std::vector<Group>& groups) {
  struct Context {
    std::vector<uint32_t> members;
    size_t first, second;
  };
  std::unordered_map<uint64_t, Context> contexts;
  constexpr size_t max_words = 24, max_groups = 4000;
  size_t n_alive = 0;
  for (uint32_t i = 0; i < groups.size(); ++i) n_alive += groups[i].merged_into == i;
  if (n_alive > max_groups) return false;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i || g.template_id != none_id) continue;
    std::vector<size_t> places;
    uint64_t whole = g.tokens.size();
    for (size_t p = 0; p < g.tokens.size(); ++p) {
      whole += share(p, g.tokens[p].id);
      if (kinds_[g.tokens[p].id] % 2 == 1) places.push_back(p);
    }
    if (places.size() < 4 || places.size() > max_words) continue;
    for (size_t a = 0; a < places.size(); ++a) {
      for (size_t b = a + 1; b < places.size(); ++b) {
        const uint64_t hash = whole - share(places[a], g.tokens[places[a]].id) - share(places[b], g.tokens[places[b]].id);
        Context& context = contexts[mix(mix(hash, places[a]), places[b])];
        context.first = places[a];
        context.second = places[b];
        context.members.push_back(i);
      }
    }
  }
  bool changed = false;
  std::vector<const Context*> full;
  constexpr size_t needed = 5;
  for (const auto& [hash, context] : contexts) {
    if (context.members.size() >= needed) full.push_back(&context);
  }
  std::sort(full.begin(), full.end(), [](const Context* a, const Context* b) {
    if (a->members.size() != b->members.size()) return a->members.size() > b->members.size();
    return std::tuple(a->members[0], a->first, a->second) < std::tuple(b->members[0], b->first, b->second);
  });
  std::vector<uint8_t> touched(groups.size(), 0);
  for (const Context* context : full) {
    std::vector<uint32_t> members, firsts, seconds;
    for (const uint32_t m : context->members) {
      if (touched[m]) continue;
      members.push_back(m);
      firsts.push_back(groups[m].tokens[context->first].id);
      seconds.push_back(groups[m].tokens[context->second].id);
    }
    if (members.size() < needed) continue;
    const auto n_different = [](std::vector<uint32_t>& ids) {
      std::sort(ids.begin(), ids.end());
      return size_t(std::unique(ids.begin(), ids.end()) - ids.begin());
    };
    if (n_different(firsts) < needed - 1 || n_different(seconds) < needed - 1) continue;
    for (const uint32_t m : members) touched[m] = 1;
    unite(groups, members, {context->first, context->second});
    changed = true;
  }
  if (changed) unite_equal(groups);
  return changed;
}

// Templates that are the same but for how many wildcards stand in a row: lists of any length.
void Clusters::merge_lists(std::vector<Group>& groups) {
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_key;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i) continue;
    uint64_t h = 0;
    uint32_t value = none_id;   // the value that was last: a wildcard or blk_<*>
    size_t n_words = 0;
    for (const Token& t : g.tokens) {
      n_words += kinds_[t.id] == 1;
      if (t.id == wildcard_id || kinds_[t.id] == 3) {
        if (value != t.id) h = mix(h, t.id);
        value = t.id;
        continue;
      }
      const std::string& text = words_[t.id];
      if (value != none_id && (text == "," || text == ":" || text == ";" || text == "-")) continue;
      value = none_id;
      h = mix(h, t.id);
    }
    if (n_words > 0) by_key[h].push_back(i);
  }
  for (const auto& [key, members] : by_key) {
    if (members.size() < 2) continue;
    const auto n_templates = std::count_if(members.begin(), members.end(), [&](uint32_t m) { return groups[m].template_id != none_id; });
    if (n_templates <= 1) unite(groups, members, {});
  }
}

void Clusters::settle() {
  std::vector<Group> groups;
  // Templates that exist take part as they are, so that new shapes can join them.
  for (uint32_t id = 0; id < templates_.size(); ++id) {
    groups.push_back({templates_[id], 0, 0, uint32_t(groups.size()), id});
  }
  for (size_t s = settled_shapes_; s < shapes_.size(); ++s) {
    shapes_[s].group = uint32_t(groups.size());
    groups.push_back({shapes_[s].tokens, uint32_t(s), shapes_[s].n_records, uint32_t(groups.size()), none_id});
  }
  unite_equal(groups);
  constexpr int max_rounds = 8;
  for (int round = 0; round < max_rounds; ++round) {
    bool changed = merge_round(groups);
    if (!changed) changed = merge_pairs(groups);
    if (!changed) break;
  }
  merge_lists(groups);

  const auto root = [&groups](uint32_t i) {
    while (groups[i].merged_into != i) i = groups[i].merged_into;
    return i;
  };
  for (size_t s = settled_shapes_; s < shapes_.size(); ++s) {
    Group& g = groups[root(shapes_[s].group)];
    if (g.template_id == none_id) {
      g.template_id = new_template(g.tokens);
    } else if (g.template_id < templates_.size() && g.tokens.size() == templates_[g.template_id].size()) {
      templates_[g.template_id] = g.tokens;
    }
    shapes_[s].template_id = g.template_id;
    shapes_[s].tokens = {};   // not needed any more
  }
  settled_shapes_ = shapes_.size();
  by_length_.clear();
  for (uint32_t id = 0; id < templates_.size(); ++id) index_template(id);
}

uint32_t Clusters::new_template(Tokens tokens) {
  if (templates_.size() >= max_templates_) {
    // One more at most: "<*>", for all that is left.
    if (templates_.back().size() != 1 || templates_.back()[0].id != wildcard_id) {
      templates_.push_back({{wildcard_id, false}});
    }
    return uint32_t(templates_.size() - 1);
  }
  templates_.push_back(std::move(tokens));
  return uint32_t(templates_.size() - 1);
}

void Clusters::index_template(uint32_t id) { by_length_[templates_[id].size()].push_back(id); }

bool Clusters::fits(const Tokens& pattern, const Tokens& tokens) const {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].id != wildcard_id && pattern[i].id != tokens[i].id) return false;
    if (pattern[i].id == wildcard_id && kinds_[tokens[i].id] == 2) return false;
  }
  return true;
}

uint32_t Clusters::place(const std::vector<MaskedToken>& masked) {
  const Tokens tokens = intern(masked);
  for (const uint32_t id : by_length_[tokens.size()]) {
    if (fits(templates_[id], tokens)) return id;
  }
  // A context that was filled by enough different words: its first template takes the rest too.
  uint64_t whole = tokens.size();
  for (size_t p = 0; p < tokens.size(); ++p) whole += share(p, tokens[p].id);
  constexpr size_t max_holes = 1'000'000;
  uint32_t chosen = none_id;
  std::vector<uint64_t> fresh;
  for (size_t p = 0; p < tokens.size() && chosen == none_id; ++p) {
    if (kinds_[tokens[p].id] == 2 || tokens[p].id == wildcard_id) continue;
    const uint64_t key = mix(whole - share(p, tokens[p].id), p);
    const auto found = holes_.find(key);
    if (found == holes_.end()) {
      fresh.push_back(key);
      continue;
    }
    Hole& hole = found->second;
    if (hole.last_filler != tokens[p].id) ++hole.n_fillers;
    hole.last_filler = tokens[p].id;
    if (hole.n_fillers >= fillers_needed(tokens, p, 0) && templates_[hole.template_id].size() == tokens.size()) {
      chosen = hole.template_id;
      templates_[chosen][p].id = wildcard_id;
    }
  }
  if (chosen != none_id) return chosen;
  chosen = new_template(tokens);
  if (templates_[chosen].size() == tokens.size()) index_template(chosen);
  if (holes_.size() < max_holes) {
    size_t f = 0;
    for (size_t p = 0; p < tokens.size() && f < fresh.size(); ++p) {
      if (kinds_[tokens[p].id] == 2 || tokens[p].id == wildcard_id) continue;
      const uint64_t key = mix(whole - share(p, tokens[p].id), p);
      if (key == fresh[f]) {
        holes_.emplace(key, Hole{chosen, 1, tokens[p].id});
        ++f;
      }
    }
  }
  return chosen;
}

uint32_t Clusters::restore(const std::vector<MaskedToken>& tokens) {
  templates_.push_back(intern(tokens));
  index_template(uint32_t(templates_.size() - 1));
  return uint32_t(templates_.size() - 1);
}

std::string Clusters::pattern(uint32_t template_id) const {
  std::string out;
  for (const Token& t : templates_[template_id]) {
    if (t.space_before && !out.empty()) out += ' ';
    out += words_[t.id];
  }
  return out;
}

}  // namespace app::logs
