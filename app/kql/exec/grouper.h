// app/kql/exec/grouper.h: numbers the distinct combinations of key columns, in order of appearance.
// Each column's values become small numbers first (a dictionary's codes once for each dictionary),
// then pairs of numbers are numbered: hashing is always over 64-bit integers.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "app/kql/expr.h"

namespace app::kql {

// 64-bit keys to dense numbers: open addressing, half full at most.
class IntTable {
 public:
  IntTable() : slots_(64) {}
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t find(uint64_t key) const;
  uint32_t insert(uint64_t key);    // its number, new or old
  // Asks the memory for what insert(key) or find(key) will look at.
  void prefetch(uint64_t key) const;
  uint32_t size() const { return size_; }
  template <typename Visit>
  void visit(Visit visit) const {   // visit(key, number), in no order
    for (const Slot& slot : slots_) {
      if (slot.number != none) visit(slot.key, slot.number);
    }
  }
  size_t size_bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t number = none;
  };
  void grow();
  std::vector<Slot> slots_;
  uint32_t size_ = 0;
};

// Texts to dense numbers from 0, like IntTable; keeps copies of the texts.
class TextTable {
 public:
  TextTable() : slots_(64) {}
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t find(std::string_view text) const;
  uint32_t insert(std::string_view text) { return insert(text, hash_of(text)); }
  // The same in two steps, so that a row's hash can be known and its slot be on its way before.
  static uint64_t hash_of(std::string_view text);
  void prefetch(uint64_t hash) const;
  uint32_t insert(std::string_view text, uint64_t hash);
  uint32_t size() const { return static_cast<uint32_t>(texts_.size()); }
  std::string_view text(uint32_t number) const { return texts_[number]; }
  size_t size_bytes() const { return slots_.size() * sizeof(Slot) + texts_.size() * sizeof(std::string_view) + n_bytes_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t number = none;
  };
  // Its slot, or the free one for it. The slot's own part of the hash says where it lies, so that a
  // growing table need not read its texts again.
  size_t place(std::string_view text, uint64_t hash) const;
  std::string_view keep(std::string_view text);
  void grow();
  std::vector<Slot> slots_;
  std::vector<std::string_view> texts_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t room_ = 0, n_bytes_ = 0;
  char* free_ = nullptr;
};

// Pairs of numbers to dense numbers from 0, in order of appearance. Small numbers, which those of levels,
// hosts and templates are, lead to their place directly.
class PairTable {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t find(uint32_t a, uint32_t b) const;
  uint32_t insert(uint32_t a, uint32_t b) {
    if (a < small && b < small && a < direct_.size() && direct_[a]) {
      uint32_t& number = direct_[a][b];
      if (number == none) number = size_++;
      return number;
    }
    return insert_new_place(a, b);
  }
  void prefetch(uint32_t a, uint32_t b) const {
    if (a >= small || b >= small) hashed_.prefetch(key(a, b));
  }
  uint32_t size() const { return size_; }
  size_t size_bytes() const { return hashed_.size_bytes() + number_of_hashed_.size() * 4 + n_direct_ * small * 4; }
  template <typename Visit>
  void visit(Visit visit) const {  // visit(a, b), in no order
    for (uint32_t a = 0; a < direct_.size(); ++a) {
      for (uint32_t b = 0; direct_[a] && b < small; ++b) {
        if (direct_[a][b] != none) visit(a, b);
      }
    }
    hashed_.visit([&](uint64_t key, uint32_t) { visit(static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)); });
  }

 private:
  static constexpr uint32_t small = 1024;
  static uint64_t key(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) << 32 | b; }
  uint32_t insert_new_place(uint32_t a, uint32_t b);

  std::vector<std::unique_ptr<uint32_t[]>> direct_;  // by a, then b
  size_t n_direct_ = 0;
  IntTable hashed_;                        // the others, numbered on their own
  std::vector<uint32_t> number_of_hashed_;
  uint32_t size_ = 0;
};

// Numbers of one column's values; a null has its own.
class ValueTable {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  // Gives the number of every row. With lookup_only an unknown value gives none.
  void number(const Vec& values, size_t n_rows, Rows& out, bool lookup_only = false);
  uint32_t number_text(std::string_view text, bool lookup_only);
  // Takes in the values of another table of the same type: its number n is this one's to[n].
  void merge(const ValueTable& other, Rows& to);
  size_t size_bytes() const { return integers_.size_bytes() + texts_.size_bytes(); }

 private:
  void number_integers(const Vec& values, size_t n_rows, Rows& out, bool lookup_only);
  void number_slices(const Vec& values, size_t n_rows, Rows& out, bool lookup_only);
  void number_codes(const Vec& values, size_t n_rows, Rows& out, bool lookup_only);

  IntTable integers_;
  Rows small_integers_;  // numbers of 0 .. looked at first; empty until one comes
  TextTable texts_;
  std::shared_ptr<const columns::Dictionary> dictionary_;
  bool dictionary_lookup_ = false;
  Rows dictionary_numbers_;
};

class Grouper {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  explicit Grouper(size_t n_keys) : values_(n_keys), pairs_(n_keys) {}
  // The group of every row; new groups are numbered on. new_rows gets the first row of each new one.
  void group(const std::vector<Vec>& keys, size_t n_rows, Rows& out, Rows* new_rows = nullptr);
  void find(const std::vector<Vec>& keys, size_t n_rows, Rows& out);  // none where unknown
  uint32_t n_groups() const { return n_groups_; }
  size_t size_bytes() const;

 private:
  void group_by_one(const Vec& key, size_t n_rows, Rows& out, Rows* new_rows);

  std::vector<ValueTable> values_;
  std::vector<PairTable> pairs_;     // [k]: of the number of keys before k, and of key k
  Rows group_of_number_;             // where there is one key
  uint32_t n_groups_ = 0;
};

}  // namespace app::kql
