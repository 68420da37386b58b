// app/logs/cluster.h: masked messages ("shapes") to templates.
//
// Two shapes that differ in one word only leave the same context when that word is taken out. Where
// a context is filled by many different words, the place is a parameter and the shapes are one
// template; where it is filled by two or three words (opened, closed) they are different events.
// Rounds repeat while templates merge, since a wildcard found in one place lets another be seen.
// Where several parameters vary together, no context repeats: then words that are far rarer than
// the others of their message are its parameters (the idea of Brain, Yu et al. 2023).
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

  // A new shape; gives its index. It has no template before settle() or place().
  uint32_t add_shape(const std::vector<MaskedToken>& tokens, uint64_t n_records);
  void count_shape(uint32_t shape) { ++shapes_[shape].n_records; }
  size_t n_shapes() const { return shapes_.size(); }
  // Groups all shapes among themselves and with the templates there are; new ids go in the order of
  // addition. For many shapes: it costs in proportion to them and to the templates.
  void settle();
  // Finds the template of one shape, or starts one where none is near. For few shapes.
  void place(uint32_t shape);
  uint32_t template_of_shape(uint32_t shape) const { return shapes_[shape].template_id; }
  void forget_shapes() { shapes_.clear(); }

  // A template of an earlier run; ids count up in the order of calls.
  uint32_t restore(const std::vector<MaskedToken>& tokens);

  size_t n_templates() const { return templates_.size(); }
  std::string pattern(uint32_t template_id) const;

 private:
  struct Token {
    uint32_t id = 0;  // index in words_; wildcard_id
    bool space_before = false;
  };
  using Tokens = std::vector<Token>;
  struct Shape {
    Tokens tokens;
    uint64_t n_records = 0;
    uint32_t group = 0;  // while settling
    uint32_t template_id = 0;
  };
  struct Group {
    Tokens tokens;
    uint32_t first_shape = 0;
    uint64_t n_records = 0;
    uint32_t merged_into;   // itself while alive
    uint32_t template_id;   // none_id: not yet given
    uint32_t n_values = 1;  // shapes merged into it
  };
  struct Entry {  // a group without one or two of its tokens
    uint64_t key;
    uint32_t group;
    uint16_t place, second_place;
  };
  struct Context {  // entries with the same key: [begin, begin + n)
    size_t begin, n;
  };
  struct Hole {  // a context seen while placing
    uint32_t template_id;
    uint32_t n_fillers;
    uint32_t last_filler;
  };

  static uint64_t hash_of(const Tokens& tokens);
  static std::vector<Context> shared_contexts(std::vector<Entry>& entries, size_t least);
  uint32_t place(const Tokens& tokens);
  bool is_key_name(const Tokens& tokens, size_t place) const;
  bool merge_by_frequency(std::vector<Group>& groups);
  Tokens intern(const std::vector<MaskedToken>& tokens);
  bool merge_round(std::vector<Group>& groups);
  bool merge_pairs(std::vector<Group>& groups);
  void merge_covered(std::vector<Group>& groups);
  bool fits_run(const Tokens& pattern, const Tokens& tokens) const;
  void merge_runs(std::vector<Group>& groups);
  static size_t run_length(const Tokens& tokens, size_t place);
  void merge_lists(std::vector<Group>& groups, size_t list_length);
  void unite(std::vector<Group>& groups, const std::vector<uint32_t>& members,
             const std::vector<size_t>& places);
  void unite_equal(std::vector<Group>& groups);
  size_t fillers_needed(const Tokens& tokens, size_t place, double mean_log_records) const;
  uint32_t new_template(Tokens tokens);
  void index_template(uint32_t template_id);
  bool fits(const Tokens& pattern, const Tokens& tokens) const;

  size_t max_templates_;
  std::vector<std::string> words_ = {"<*>"};
  std::vector<uint8_t> kinds_ = {0};  // 0 wildcard, 1 word, 2 punctuation, 3 word with <*>
  std::unordered_map<std::string, uint32_t> word_ids_ = {{"<*>", 0}};
  std::vector<Shape> shapes_;
  std::vector<Tokens> templates_;
  std::unordered_map<size_t, std::vector<uint32_t>> by_length_;  // templates with that many tokens
  std::unordered_map<uint64_t, Hole> holes_;
};

}  // namespace app::logs
