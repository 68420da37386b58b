// app/logs/cluster.h: masked messages ("shapes") to templates.
//
// Two shapes that differ in one word only leave the same context when that word is taken out. Where
// a context is filled by many different words, the place is a parameter and the shapes are one
// template; where it is filled by two or three words (opened, closed) they are different events.
// Rounds repeat while templates merge, since a wildcard found in one place lets another be seen.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/logs/mask.h"

namespace app::logs {

class Clusters {
 public:
  explicit Clusters(size_t max_templates) : max_templates_(max_templates) {}

  // A shape of the first records; gives its index. Nothing is decided before settle().
  uint32_t add_shape(const std::vector<MaskedToken>& tokens, uint64_t n_records);
  void count_shape(uint32_t shape) { ++shapes_[shape].n_records; }
  // Groups all shapes added since the last settle(), and gives each an id in order of addition.
  void settle();
  uint32_t template_of_shape(uint32_t shape) const { return shapes_[shape].template_id; }

  // The template of a shape seen after settle(); starts a new one where none is near.
  uint32_t place(const std::vector<MaskedToken>& tokens);

  // A template of an earlier run; ids count up in the order of calls.
  uint32_t restore(const std::vector<MaskedToken>& tokens);

  size_t n_templates() const { return templates_.size(); }
  std::string pattern(uint32_t template_id) const;

 private:
  struct Token {
    uint32_t id = 0;           // index in words_; wildcard_id
    bool space_before = false;
  };
  using Tokens = std::vector<Token>;
  struct Shape {
    Tokens tokens;
    uint64_t n_records = 0;
    uint32_t group = 0;        // while settling
    uint32_t template_id = 0;
  };
  struct Group {
    Tokens tokens;
    uint32_t first_shape = 0;
    uint64_t n_records = 0;
    uint32_t merged_into;      // itself while alive
    uint32_t template_id;      // none_id: not yet given
    uint32_t n_values = 1;     // shapes merged into it
  };
  struct Hole {                // a context seen while placing
    uint32_t template_id;
    uint32_t n_fillers;
    uint32_t last_filler;
  };

  Tokens intern(const std::vector<MaskedToken>& tokens);
  bool is_word(uint32_t id) const { return kinds_[id] == 1; }
  bool merge_round(std::vector<Group>& groups);
  bool merge_pairs(std::vector<Group>& groups);
  void merge_lists(std::vector<Group>& groups);
  void unite(std::vector<Group>& groups, const std::vector<uint32_t>& members, const std::vector<size_t>& places);
  void unite_equal(std::vector<Group>& groups);
  size_t fillers_needed(const Tokens& tokens, size_t place, double mean_log_records) const;
  uint32_t new_template(Tokens tokens);
  void index_template(uint32_t template_id);
  bool fits(const Tokens& pattern, const Tokens& tokens) const;

  size_t max_templates_;
  std::vector<std::string> words_ = {"<*>"};
  std::vector<uint8_t> kinds_ = {0};            // 0 wildcard, 1 word, 2 punctuation, 3 word with <*>
  std::unordered_map<std::string, uint32_t> word_ids_ = {{"<*>", 0}};
  std::vector<Shape> shapes_;
  size_t settled_shapes_ = 0;
  std::vector<Tokens> templates_;
  std::unordered_map<size_t, std::vector<uint32_t>> by_length_;   // templates with that many tokens
  std::unordered_map<uint64_t, Hole> holes_;
};

}  // namespace app::logs
