#include "ui/widgets/height_index.h"

#include <algorithm>

namespace ui {

void HeightIndex::resize(uint64_t n_rows) {
  if (n_rows == n_rows_) return;
  if (n_rows < n_rows_) clear();
  n_rows_ = n_rows;
  tree_.assign((n_rows + block_rows - 1) / block_rows, 0);
  for (const auto& [row, extra] : extra_) add_extra(row / block_rows, int64_t(extra));
}

void HeightIndex::clear() {
  extra_.clear();
  extra_total_ = 0;
  std::fill(tree_.begin(), tree_.end(), 0);
}

void HeightIndex::set_units(uint64_t row, uint32_t units) {
  if (row >= n_rows_) return;
  const uint32_t extra = std::max<uint32_t>(units, 1) - 1;
  const auto found = extra_.find(row);
  const uint32_t old = found == extra_.end() ? 0 : found->second;
  if (extra == old) return;
  if (extra == 0) {
    extra_.erase(found);
  } else {
    extra_[row] = extra;
  }
  extra_total_ += uint64_t(int64_t(extra) - int64_t(old));
  add_extra(row / block_rows, int64_t(extra) - int64_t(old));
}

uint32_t HeightIndex::units(uint64_t row) const {
  const auto found = extra_.find(row);
  return found == extra_.end() ? 1 : found->second + 1;
}

void HeightIndex::add_extra(uint64_t block, int64_t delta) {
  for (uint64_t i = block + 1; i <= tree_.size(); i += i & (~i + 1)) tree_[i - 1] += uint64_t(delta);
}

uint64_t HeightIndex::extra_before_block(uint64_t block) const {
  uint64_t sum = 0;
  for (uint64_t i = block; i > 0; i -= i & (~i + 1)) sum += tree_[i - 1];
  return sum;
}

uint64_t HeightIndex::offset_of(uint64_t row) const {
  row = std::min(row, n_rows_);
  const uint64_t block = row / block_rows;
  uint64_t offset = row + extra_before_block(block);
  for (auto it = extra_.lower_bound(block * block_rows); it != extra_.end() && it->first < row; ++it)
    offset += it->second;
  return offset;
}

HeightIndex::Position HeightIndex::at(uint64_t unit_offset) const {
  if (n_rows_ == 0) return {};
  if (unit_offset >= total_units()) unit_offset = total_units() - 1;
  // The last block that begins at or before the offset.
  uint64_t low = 0, high = tree_.size() - 1;
  while (low < high) {
    const uint64_t middle = (low + high + 1) / 2;
    if (middle * block_rows + extra_before_block(middle) <= unit_offset) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  uint64_t row = low * block_rows;
  uint64_t offset = row + extra_before_block(low);
  auto it = extra_.lower_bound(row);
  const uint64_t block_end = std::min(n_rows_, row + block_rows);
  while (true) {
    // Rows up to the next higher one are one unit each.
    const uint64_t next = it == extra_.end() ? block_end : std::min(it->first, block_end);
    if (unit_offset < offset + (next - row)) return {row + (unit_offset - offset), 0};
    offset += next - row;
    row = next;
    if (row >= block_end) return {block_end - 1, 0};
    const uint64_t units_here = uint64_t(it->second) + 1;
    if (unit_offset < offset + units_here) return {row, unit_offset - offset};
    offset += units_here;
    ++row;
    ++it;
  }
}

}  // namespace ui
