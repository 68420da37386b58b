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
  uint32_t size() const { return size_; }
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
  uint32_t insert(std::string_view text);
  uint32_t size() const { return static_cast<uint32_t>(texts_.size()); }
  size_t size_bytes() const { return slots_.size() * sizeof(Slot) + texts_.size() * sizeof(std::string_view) + n_bytes_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t number = none;
  };
  size_t place(std::string_view text, uint64_t hash) const;  // its slot, or the free one for it
  std::string_view keep(std::string_view text);
  void grow();
  std::vector<Slot> slots_;
  std::vector<std::string_view> texts_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t room_ = 0, n_bytes_ = 0;
  char* free_ = nullptr;
};

// Numbers of one column's values; a null has its own.
class ValueTable {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  // Gives the number of every row. With lookup_only an unknown value gives none.
  void number(const Vec& values, size_t n_rows, Rows& out, bool lookup_only = false);
  uint32_t number_text(std::string_view text, bool lookup_only);
  size_t size_bytes() const { return integers_.size_bytes() + texts_.size_bytes(); }

 private:
  void number_integers(const Vec& values, size_t n_rows, Rows& out, bool lookup_only);
  void number_codes(const Vec& values, size_t n_rows, Rows& out, bool lookup_only);

  IntTable integers_;
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
  std::vector<ValueTable> values_;
  std::vector<IntTable> pairs_;
  uint32_t n_groups_ = 0;
};

}  // namespace app::kql
