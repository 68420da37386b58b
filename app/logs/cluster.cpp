#include "app/logs/cluster.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_set>

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
    return unsigned((c | 32) - 'a') < 26 || unsigned(c - '0') < 10 ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

// Words that announce a name: what follows "user" is hardly ever part of the event.
bool announces_name(const std::string& word) {
  for (const char* known :
       {"user", "User", "username", "account", "host", "hostname", "interface", "named", "login"}) {
    if (word == known) return true;
  }
  return false;
}

bool is_all_caps(const std::string& word) {
  return word.size() >= 3 && std::all_of(word.begin(), word.end(),
                                         [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

// Each token's share of the context hash is added up, so that a hole is a subtraction.
uint64_t share(size_t place, uint32_t id) { return mix(mix(0x51ED27, place), id); }

}  // namespace

uint64_t Clusters::hash_of(const Tokens& tokens) {
  uint64_t whole = tokens.size();
  for (size_t p = 0; p < tokens.size(); ++p) whole += share(p, tokens[p].id);
  return whole;
}

Clusters::Tokens Clusters::intern(const std::vector<MaskedToken>& tokens) {
  Tokens out;
  out.reserve(std::min(tokens.size(), max_tokens));
  for (const MaskedToken& t : tokens) {
    if (out.size() == max_tokens) break;
    constexpr size_t max_words = 1'000'000;
    if (words_.size() >= max_words && word_ids_.count(t.text) == 0) {
      out.push_back({wildcard_id, t.space_before});  // this many different words are not language
      continue;
    }
    const auto [it, added] = word_ids_.try_emplace(t.text, uint32_t(words_.size()));
    if (added) {
      words_.push_back(t.text);
      const bool part = t.text.find("<*>") != std::string::npos;
      kinds_.push_back(t.kind == MaskedToken::Kind::punctuation || !has_letter(t.text) ? 2
                       : part                                                          ? 3
                                                                                       : 1);
    }
    out.push_back({it->second, t.space_before});
  }
  return out;
}

uint32_t Clusters::add_shape(const std::vector<MaskedToken>& tokens, uint64_t n_records) {
  shapes_.push_back({intern(tokens), n_records, 0, 0});
  return uint32_t(shapes_.size() - 1);
}

bool Clusters::is_key_name(const Tokens& tokens, size_t place) const {
  const auto is = [&](size_t at, const char* word) { return at < tokens.size() && words_[tokens[at].id] == word; };
  if (is(place + 1, "set") && is(place + 2, "to")) return true;  // maxClientCnxns set to 60
  return place + 1 < tokens.size() && !tokens[place + 1].space_before &&
         words_[tokens[place + 1].id] == "=";
}

// How many different words must fill a place before it counts as a parameter. Words that each stand
// there hundreds of times (opened, closed) are more likely part of the event than words seen twice;
// mean_log_records is the mean of log2(records) over the fillers, so that one common value (root)
// among rare ones does not hide a parameter.
size_t Clusters::fillers_needed(const Tokens& tokens, size_t place, double mean_log_records) const {
  size_t n_words = 0;
  for (size_t i = 0; i < tokens.size(); ++i) n_words += i != place && kinds_[tokens[i].id] % 2 == 1;
  if (n_words == 0) return SIZE_MAX;                // nothing would be left to tell the event by
  if (is_key_name(tokens, place)) return SIZE_MAX;  // java.home=... is not user.name=...
  if (place == 0 && n_words <= 2) return 12;
  if (kinds_[tokens[place].id] == 3) return 2;
  const std::string& before = place > 0 ? words_[tokens[place - 1].id] : words_[wildcard_id];
  if (n_words > 1 && announces_name(before)) return 2;
  double base = n_words == 1 ? 8 : n_words <= 3 ? 4 : 3;
  if (is_all_caps(words_[tokens[place].id])) base += 2;  // states: NEW, ASSIGNED, RUNNING
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
    const auto [it, added] = seen.try_emplace(hash_of(groups[i].tokens), i);
    if (added) continue;
    if (groups[i].template_id != none_id && groups[it->second].template_id != none_id) continue;
    unite(groups, {it->second, i}, {});
  }
}

// Contexts that several groups share, fullest first: theirs is the strongest evidence.
std::vector<Clusters::Context> Clusters::shared_contexts(std::vector<Entry>& entries,
                                                         size_t least) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.key, a.group) < std::tie(b.key, b.group);
  });
  std::vector<Context> contexts;
  for (size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
    while (end < entries.size() && entries[end].key == entries[begin].key) ++end;
    if (end - begin >= least) contexts.push_back({begin, end - begin});
  }
  std::sort(contexts.begin(), contexts.end(), [&entries](const Context& a, const Context& b) {
    if (a.n != b.n) return a.n > b.n;
    const Entry &x = entries[a.begin], &y = entries[b.begin];
    return std::tie(x.group, x.place, x.second_place) < std::tie(y.group, y.place, y.second_place);
  });
  return contexts;
}

bool Clusters::merge_round(std::vector<Group>& groups) {
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i) continue;
    const uint64_t whole = hash_of(g.tokens);
    for (size_t p = 0; p < g.tokens.size(); ++p) {
      const uint32_t id = g.tokens[p].id;
      if (kinds_[id] != 2) entries.push_back({mix(whole - share(p, id), p), i, uint16_t(p), 0});
    }
  }
  bool changed = false;
  std::vector<uint8_t> touched(groups.size(), 0);
  for (const Context& context : shared_contexts(entries, 2)) {
    const size_t place = entries[context.begin].place;
    std::vector<uint32_t> members;
    size_t n_templates = 0;
    double log_records = 0;
    bool open = false;  // the place is a wildcard in one of them already
    for (size_t e = context.begin; e < context.begin + context.n; ++e) {
      const uint32_t m = entries[e].group;
      if (touched[m]) continue;
      members.push_back(m);
      n_templates += groups[m].template_id != none_id;
      log_records += std::log2(double(std::max<uint64_t>(1, groups[m].n_records)));
      open = open || groups[m].tokens[place].id == wildcard_id;
    }
    if (members.size() < 2 || n_templates > 1) continue;
    const size_t needed =
        fillers_needed(groups[members[0]].tokens, place, log_records / double(members.size()));
    if (members.size() < needed && !(open && needed != SIZE_MAX)) continue;
    for (const uint32_t m : members) touched[m] = 1;
    unite(groups, members, {place});
    changed = true;
  }
  if (changed) unite_equal(groups);
  return changed;
}

// Two places at once, for parameters that come in pairs; asks for more evidence.
bool Clusters::merge_pairs(std::vector<Group>& groups) {
  constexpr size_t max_words = 24, max_groups = 4000, needed = 5;
  size_t n_alive = 0;
  for (uint32_t i = 0; i < groups.size(); ++i) n_alive += groups[i].merged_into == i;
  if (n_alive > max_groups) return false;
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i || g.template_id != none_id) continue;
    std::vector<size_t> places;  // of words; names of states (from NEW to RUNNING) tell events apart
    for (size_t p = 0; p < g.tokens.size(); ++p) {
      const uint32_t id = g.tokens[p].id;
      if (kinds_[id] % 2 == 1 && !is_all_caps(words_[id])) places.push_back(p);
    }
    if (places.size() < 4 || places.size() > max_words) continue;
    const uint64_t whole = hash_of(g.tokens);
    for (size_t a = 0; a < places.size(); ++a) {
      for (size_t b = a + 1; b < places.size(); ++b) {
        const uint64_t rest = whole - share(places[a], g.tokens[places[a]].id) -
                              share(places[b], g.tokens[places[b]].id);
        entries.push_back(
            {mix(mix(rest, places[a]), places[b]), i, uint16_t(places[a]), uint16_t(places[b])});
      }
    }
  }
  bool changed = false;
  std::vector<uint8_t> touched(groups.size(), 0);
  for (const Context& context : shared_contexts(entries, needed)) {
    const size_t first = entries[context.begin].place, second = entries[context.begin].second_place;
    std::vector<uint32_t> members, firsts, seconds;
    for (size_t e = context.begin; e < context.begin + context.n; ++e) {
      const uint32_t m = entries[e].group;
      if (touched[m]) continue;
      members.push_back(m);
      firsts.push_back(groups[m].tokens[first].id);
      seconds.push_back(groups[m].tokens[second].id);
    }
    if (members.size() < needed) continue;
    const auto n_different = [](std::vector<uint32_t>& ids) {
      std::sort(ids.begin(), ids.end());
      return size_t(std::unique(ids.begin(), ids.end()) - ids.begin());
    };
    if (n_different(firsts) < needed - 1 || n_different(seconds) < needed - 1) continue;
    for (const uint32_t m : members) touched[m] = 1;
    unite(groups, members, {first, second});
    changed = true;
  }
  if (changed) unite_equal(groups);
  return changed;
}

// Any number of places at once, by how common each word is at its place: the words of an event
// stand there in all its messages, the values of a parameter in few. Where a message's words fall
// into two such classes, wide apart, those that share the common ones are one template.
bool Clusters::merge_by_frequency(std::vector<Group>& groups) {
  constexpr size_t needed = 8;
  constexpr double wide_apart = 6;
  const auto key_of = [](size_t length, size_t place, uint32_t id) {
    return mix(mix(length, place), id);
  };
  std::unordered_map<uint64_t, uint32_t> frequency;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Tokens& t = groups[i].tokens;
    if (groups[i].merged_into != i) continue;
    for (size_t p = 0; p < t.size(); ++p) {
      if (kinds_[t[p].id] % 2 == 1) ++frequency[key_of(t.size(), p, t[p].id)];
    }
  }
  std::vector<Entry> entries;
  std::vector<std::vector<size_t>> rare(groups.size());  // places of the values of each group
  std::vector<std::pair<uint32_t, size_t>> ranked;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Tokens& t = groups[i].tokens;
    if (groups[i].merged_into != i) continue;
    ranked.clear();
    for (size_t p = 0; p < t.size(); ++p) {
      if (kinds_[t[p].id] % 2 == 1) ranked.emplace_back(frequency[key_of(t.size(), p, t[p].id)], p);
    }
    std::sort(ranked.begin(), ranked.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    size_t cut = 0;
    double widest = wide_apart;
    for (size_t k = 2; k < ranked.size(); ++k) {  // two words at least must stay
      const double ratio = double(ranked[k - 1].first) / double(ranked[k].first);
      if (ratio > widest) widest = ratio, cut = k;
    }
    if (cut == 0 || cut * 3 < ranked.size() || ranked[cut - 1].first < needed) continue;
    uint64_t key = hash_of(t);
    bool has_key_name = false;
    for (size_t k = cut; k < ranked.size(); ++k) {
      const size_t p = ranked[k].second;
      key += mix(p, 0xABCD) - share(p, t[p].id);
      rare[i].push_back(p);
      has_key_name = has_key_name || is_key_name(t, p);
    }
    if (!has_key_name) entries.push_back({mix(key, 3), i, 0, 0});
  }
  bool changed = false;
  for (const Context& context : shared_contexts(entries, needed)) {
    std::vector<uint32_t> members;
    size_t n_templates = 0;
    for (size_t e = context.begin; e < context.begin + context.n; ++e) {
      // Two templates never become one: the later one stays as it is.
      n_templates += groups[entries[e].group].template_id != none_id;
      if (groups[entries[e].group].template_id == none_id || n_templates == 1)
        members.push_back(entries[e].group);
    }
    unite(groups, members, rare[members[0]]);
    changed = true;
  }
  if (changed) unite_equal(groups);
  return changed;
}

// A group that a well-proven template of the same length covers belongs to it.
void Clusters::merge_covered(std::vector<Group>& groups) {
  constexpr uint32_t proven_values = 8;
  constexpr size_t max_proven = 1000;
  std::unordered_map<size_t, std::vector<uint32_t>> proven;
  size_t n_proven = 0;
  for (uint32_t i = 0; i < groups.size() && n_proven < max_proven; ++i) {
    if (groups[i].merged_into != i || groups[i].n_values < proven_values) continue;
    proven[groups[i].tokens.size()].push_back(i);
    ++n_proven;
  }
  for (uint32_t i = 0; i < groups.size(); ++i) {
    if (groups[i].merged_into != i) continue;
    const auto same_length = proven.find(groups[i].tokens.size());
    if (same_length == proven.end()) continue;
    for (const uint32_t p : same_length->second) {
      const bool two_templates =
          groups[i].template_id != none_id && groups[p].template_id != none_id;
      if (p == i || groups[p].merged_into != p || two_templates ||
          !fits(groups[p].tokens, groups[i].tokens))
        continue;
      unite(groups, {p, i}, {});
      break;
    }
  }
}

// Whether the pattern covers longer tokens where one of its wildcards may take several that stand
// together without a blank: LOCAL(0) or name:80 in the place of an address.
bool Clusters::fits_run(const Tokens& pattern, const Tokens& tokens) const {
  const size_t n_more = tokens.size() - pattern.size();
  const auto same = [&](size_t i, size_t j) {
    return pattern[i].id == tokens[j].id || (pattern[i].id == wildcard_id && kinds_[tokens[j].id] != 2);
  };
  const auto rest_fits = [&](size_t i) {
    while (i < pattern.size() && same(i, i + n_more)) ++i;
    return i == pattern.size();
  };
  const auto is_run = [&](size_t begin) {
    bool has_value = kinds_[tokens[begin].id] != 2;
    for (size_t j = begin + 1; j <= begin + n_more; ++j) {
      if (tokens[j].space_before) return false;
      has_value = has_value || kinds_[tokens[j].id] != 2;
    }
    return has_value;
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].id == wildcard_id && is_run(i) && rest_fits(i + 1)) return true;
    if (!same(i, i)) return false;
  }
  return false;
}

// A rare group that a common template covers so, one value of it being written unlike the others.
void Clusters::merge_runs(std::vector<Group>& groups) {
  constexpr uint64_t common = 16, times_as_common = 16;
  constexpr size_t max_common = 500, max_groups = 20'000, min_words = 2;
  std::vector<uint32_t> common_groups;
  size_t n_alive = 0;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i) continue;
    ++n_alive;
    size_t n_words = 0, n_wildcards = 0;
    for (const Token& t : g.tokens) {
      n_words += kinds_[t.id] == 1;
      n_wildcards += t.id == wildcard_id;
    }
    if (g.n_records >= common && n_words >= min_words && n_wildcards > 0 &&
        common_groups.size() < max_common)
      common_groups.push_back(i);
  }
  if (n_alive > max_groups) return;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i || g.template_id != none_id) continue;
    for (const uint32_t c : common_groups) {
      const Group& of = groups[c];
      if (c == i || of.merged_into != c || of.tokens.size() >= g.tokens.size() ||
          of.n_records < g.n_records * times_as_common || !fits_run(of.tokens, g.tokens))
        continue;
      unite(groups, {c, i}, {});
      break;
    }
  }
}

// How many times the token at place stands there in a row.
size_t Clusters::run_length(const Tokens& tokens, size_t place) {
  size_t end = place + 1;
  while (end < tokens.size() && tokens[end].id == tokens[place].id) ++end;
  return end - place;
}

// Templates that are the same but for how many wildcards stand in a row: lists of any length.
// list_length names in a row that differ in their number only (node1 node2 node3) are like any list.
void Clusters::merge_lists(std::vector<Group>& groups, size_t list_length) {
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_key;
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const Group& g = groups[i];
    if (g.merged_into != i) continue;
    uint64_t h = 0;
    uint32_t value = none_id;  // the value that was last: a wildcard or blk_<*>
    size_t n_words = 0;
    for (size_t p = 0; p < g.tokens.size(); ++p) {
      const Token& t = g.tokens[p];
      n_words += kinds_[t.id] == 1;
      if (t.id == wildcard_id || kinds_[t.id] == 3) {
        const size_t n = run_length(g.tokens, p);
        const uint32_t id = n >= list_length ? wildcard_id : t.id;
        if (value != id) h = mix(h, id);
        value = id;
        p += n - 1;
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
    const auto n_templates = std::count_if(members.begin(), members.end(), [&](uint32_t m) {
      return groups[m].template_id != none_id;
    });
    if (n_templates <= 1) unite(groups, members, {});
  }
}

void Clusters::settle() {
  std::vector<Group> groups;
  std::unordered_set<size_t> lengths;
  for (const Shape& shape : shapes_) lengths.insert(shape.tokens.size());
  // Templates that exist take part as they are, so that new shapes can join them.
  for (uint32_t id = 0; id < templates_.size(); ++id) {
    if (lengths.count(templates_[id].size()) == 0) continue;
    groups.push_back({templates_[id], 0, 0, uint32_t(groups.size()), id});
  }
  for (size_t s = 0; s < shapes_.size(); ++s) {
    shapes_[s].group = uint32_t(groups.size());
    groups.push_back(
        {shapes_[s].tokens, uint32_t(s), shapes_[s].n_records, uint32_t(groups.size()), none_id});
  }
  unite_equal(groups);
  constexpr int max_rounds = 8;
  for (int round = 0; round < max_rounds; ++round) {
    bool changed = merge_round(groups);
    if (!changed) changed = merge_pairs(groups);
    if (!changed) changed = merge_by_frequency(groups);
    if (!changed) break;
  }
  merge_covered(groups);
  merge_runs(groups);
  merge_lists(groups, SIZE_MAX);
  merge_lists(groups, 3);

  const auto root = [&groups](uint32_t i) {
    while (groups[i].merged_into != i) i = groups[i].merged_into;
    return i;
  };
  for (Shape& shape : shapes_) {
    Group& g = groups[root(shape.group)];
    if (g.template_id == none_id) {
      g.template_id = new_template(g.tokens);
    } else if (g.template_id < templates_.size() &&
               g.tokens.size() == templates_[g.template_id].size()) {
      templates_[g.template_id] = g.tokens;
    }
    shape.template_id = g.template_id;
  }
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

void Clusters::place(uint32_t shape) { shapes_[shape].template_id = place(shapes_[shape].tokens); }

uint32_t Clusters::place(const Tokens& tokens) {
  constexpr size_t max_looked_at = 4096;
  size_t n_looked_at = 0;
  for (const uint32_t id : by_length_[tokens.size()]) {
    if (fits(templates_[id], tokens)) return id;
    if (++n_looked_at == max_looked_at) break;
  }
  // A context that was filled by enough different words: its first template takes the rest too.
  const uint64_t whole = hash_of(tokens);
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
    if (hole.n_fillers >= fillers_needed(tokens, p, 0) &&
        templates_[hole.template_id].size() == tokens.size()) {
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
