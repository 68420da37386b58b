// app/kql/batch.h: the rows that flow between operators. Columns are shared, filters only keep row
// numbers, and a column is loaded and gathered when something reads it: what nobody reads is never
// decoded or copied.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "app/columns/column.h"
#include "app/types.h"

namespace app::kql {

using ColumnPtr = std::shared_ptr<const columns::Column>;
using Rows = std::vector<uint32_t>;

// Columns that are there once somebody asks for them. Any thread.
class ColumnSource {
 public:
  virtual ~ColumnSource() = default;
  virtual ColumnPtr column(size_t k) const = 0;
  // Only these rows of it.
  virtual ColumnPtr take(size_t k, const Rows& rows) const;
};

class Batch {
 public:
  Batch() = default;
  // n_rows rows of columns that are loaded on first use.
  static Batch of(std::shared_ptr<const ColumnSource> source, size_t n_columns, size_t n_rows, RowId first_row = no_row);
  // All rows of a stored chunk, without copying.
  static Batch of(std::shared_ptr<const columns::Chunk> chunk, RowId first_row = no_row);
  static Batch of(std::vector<ColumnPtr> columns, size_t n_rows);
  static Batch one_row() { return of(std::vector<ColumnPtr>(), 1); }  // without columns: print

  size_t n_rows() const { return n_rows_; }
  size_t n_columns() const { return slots_.size(); }
  ColumnPtr column(size_t k) const;      // n_rows() values, gathered on first use
  void keep(const Rows& rows);           // these rows, in this order
  void set_columns(std::vector<ColumnPtr> columns);  // of n_rows() rows; row ids stay
  void add_column(ColumnPtr column) { slots_.push_back({std::move(column), true, none}); }
  void replace_column(size_t k, ColumnPtr column) { slots_[k] = {std::move(column), true, none}; }
  void choose_columns(const std::vector<size_t>& indices);
  columns::Chunk to_chunk() const;
  size_t size_bytes() const;             // about what holding it costs now; unread columns are free

  bool has_row_ids() const { return first_row_ != no_row || row_ids_ != nullptr; }
  RowId row_id(size_t row) const;
  void set_row_ids(std::shared_ptr<const std::vector<RowId>> ids);
  void forget_row_ids() { first_row_ = no_row, row_ids_ = nullptr; }

 private:
  static constexpr size_t none = SIZE_MAX;
  struct Slot {
    ColumnPtr column;    // null: not loaded yet
    bool dense = false;  // already n_rows_ values; otherwise to be gathered through rows_
    size_t from = none;  // the source's column, where it has one
  };
  mutable std::vector<Slot> slots_;
  std::shared_ptr<const ColumnSource> source_;
  std::shared_ptr<const Rows> rows_;   // null: all rows of the base columns
  size_t n_rows_ = 0;
  RowId first_row_ = no_row;           // of base row 0
  std::shared_ptr<const std::vector<RowId>> row_ids_;  // one a row, in place of first_row_
};

// One column of all the parts' rows, in order. Parts share a type.
columns::Column concat(const std::vector<ColumnPtr>& parts, columns::Type type);
// All rows of several batches as one. Its columns are put together when they are read; charge is
// then told their size.
Batch concat(std::vector<Batch> batches, const columns::Schema& schema, std::function<void(size_t)> charge = {});
ColumnPtr share(columns::Column column);
// n_rows copies of one row of a column.
columns::Column repeat(const columns::Column& column, size_t row, size_t n_rows);

}  // namespace app::kql
