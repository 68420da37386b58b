// ui/widgets/height_index.h: heights of up to billions of rows, for scrolling to any of them.
// Every row is one unit (one line of text) high but for those that were measured to be higher:
// wrapped and unfolded ones. Finding the row at an offset takes a walk down a tree of block sums,
// so a scroll bar over 10 million rows costs microseconds. Offsets are 64-bit units, not float
// pixels: a float cannot tell neighbouring rows apart beyond 16 million.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

namespace ui {

class HeightIndex {
 public:
  // All rows one unit high. Growing (rows were appended) keeps what was measured.
  void resize(uint64_t n_rows);
  void clear();                                  // forgets what was measured
  void set_units(uint64_t row, uint32_t units);  // at least 1

  uint64_t n_rows() const { return n_rows_; }
  uint64_t total_units() const { return n_rows_ + extra_total_; }
  uint32_t units(uint64_t row) const;
  uint64_t offset_of(uint64_t row) const;        // units above it; of n_rows(): the total
  struct Position {
    uint64_t row = 0;
    uint64_t unit = 0;                           // within the row
  };
  Position at(uint64_t unit_offset) const;       // clamped to the last unit

 private:
  static constexpr uint64_t block_rows = 1024;
  uint64_t extra_before_block(uint64_t block) const;
  void add_extra(uint64_t block, int64_t delta);

  uint64_t n_rows_ = 0, extra_total_ = 0;
  std::vector<uint64_t> tree_;                   // Fenwick tree: extra units of blocks
  std::map<uint64_t, uint32_t> extra_;           // row -> units - 1, where not 0
};

}  // namespace ui
