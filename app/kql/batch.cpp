#include "app/kql/batch.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"

namespace app::kql {

using columns::Column;
using columns::Type;

ColumnPtr share(Column column) { return std::make_shared<const Column>(std::move(column)); }

ColumnPtr ColumnSource::take(size_t k, const Rows& rows) const { return share(column(k)->take(rows)); }

Batch Batch::of(std::shared_ptr<const ColumnSource> source, size_t n_columns, size_t n_rows, RowId first_row) {
  Batch batch;
  batch.n_rows_ = n_rows;
  batch.first_row_ = first_row;
  batch.source_ = std::move(source);
  for (size_t k = 0; k < n_columns; ++k) batch.slots_.push_back({nullptr, false, k});
  return batch;
}

Batch Batch::of(std::shared_ptr<const columns::Chunk> chunk, RowId first_row) {
  Batch batch;
  batch.n_rows_ = chunk->n_rows;
  batch.first_row_ = first_row;
  for (const Column& column : chunk->columns) batch.slots_.push_back({ColumnPtr(chunk, &column), false, none});
  return batch;
}

Batch Batch::of(std::vector<ColumnPtr> columns, size_t n_rows) {
  Batch batch;
  batch.n_rows_ = n_rows;
  for (ColumnPtr& column : columns) batch.slots_.push_back({std::move(column), true, none});
  return batch;
}

ColumnPtr Batch::column(size_t k) const {
  Slot& slot = slots_[k];
  if (slot.dense) return slot.column;
  if (!rows_) {
    if (!slot.column) slot.column = source_->column(slot.from);
  } else {
    slot.column = slot.column ? share(slot.column->take(*rows_)) : source_->take(slot.from, *rows_);
  }
  slot.dense = true;
  return slot.column;
}

void Batch::keep(const Rows& rows) {
  if (row_ids_) {
    auto ids = std::make_shared<std::vector<RowId>>();
    ids->reserve(rows.size());
    for (const uint32_t row : rows) ids->push_back((*row_ids_)[row]);
    row_ids_ = std::move(ids);
  }
  bool any_base = first_row_ != no_row;
  for (Slot& slot : slots_) {
    if (slot.dense && rows_) slot.column = share(slot.column->take(rows));
    any_base |= !slot.dense || !rows_;
  }
  if (!rows_) {  // dense and base are the same thing until the first filter
    for (Slot& slot : slots_) {
      slot.dense = false;
      // What can be had again is let go: a few kept rows must not hold all of a chunk's text.
      if (slot.from != none) slot.column = nullptr;
    }
  }
  auto next = std::make_shared<Rows>();
  if (any_base) {
    next->reserve(rows.size());
    for (const uint32_t row : rows) next->push_back(rows_ ? (*rows_)[row] : row);
  }
  rows_ = std::move(next);
  n_rows_ = rows.size();
}

void Batch::set_columns(std::vector<ColumnPtr> columns) {
  slots_.clear();
  for (ColumnPtr& column : columns) slots_.push_back({std::move(column), true, none});
}

void Batch::choose_columns(const std::vector<size_t>& indices) {
  std::vector<Slot> slots;
  for (const size_t k : indices) slots.push_back(slots_[k]);
  slots_ = std::move(slots);
}

columns::Chunk Batch::to_chunk() const {
  columns::Chunk chunk;
  chunk.n_rows = n_rows_;
  for (size_t k = 0; k < slots_.size(); ++k) chunk.columns.push_back(*column(k));
  return chunk;
}

size_t Batch::size_bytes() const {
  size_t bytes = 64;
  for (const Slot& slot : slots_) {
    if (!slot.column) continue;
    const size_t n = slot.column->n_rows();
    // Shared text counts by the rows that are kept.
    bytes += n == 0 ? 0 : slot.column->size_bytes() / n * n_rows_;
  }
  return bytes;
}

RowId Batch::row_id(size_t row) const {
  if (row_ids_) return (*row_ids_)[row];
  if (first_row_ == no_row) return no_row;
  return first_row_ + (rows_ ? (*rows_)[row] : row);
}

void Batch::set_row_ids(std::shared_ptr<const std::vector<RowId>> ids) {
  row_ids_ = std::move(ids);
  first_row_ = no_row;
}

Column concat(const std::vector<ColumnPtr>& parts, Type type) {
  if (parts.size() == 1) return *parts[0];
  size_t n_rows = 0;
  bool nulls = false, one_dictionary = !parts.empty();
  for (const ColumnPtr& part : parts) {
    n_rows += part->n_rows();
    nulls |= part->has_nulls();
    one_dictionary &= part->is_dictionary() && part->dictionary() == parts[0]->dictionary();
  }
  std::vector<uint8_t> valid;
  if (nulls) {
    valid.reserve(n_rows);
    for (const ColumnPtr& part : parts) {
      for (size_t row = 0; row < part->n_rows(); ++row) valid.push_back(!part->is_null(row));
    }
  }
  const auto joined = [&](auto member) {
    auto out = std::decay_t<decltype(member(*parts[0]))>();
    out.reserve(n_rows);
    for (const ColumnPtr& part : parts) out.insert(out.end(), member(*part).begin(), member(*part).end());
    return out;
  };
  if (parts.empty()) return Column(type);
  if (type == Type::real) return Column::from_f64(joined([](const Column& c) -> const auto& { return c.f64s(); }), std::move(valid));
  if (!columns::is_text(type)) {
    return Column::from_i64(type, joined([](const Column& c) -> const auto& { return c.i64s(); }), std::move(valid));
  }
  if (one_dictionary) {
    return Column::from_dictionary(type, parts[0]->dictionary(), joined([](const Column& c) -> const auto& { return c.codes(); }),
                                   std::move(valid));
  }
  Column out(type);
  out.reserve(n_rows);
  for (const ColumnPtr& part : parts) {
    for (size_t row = 0; row < part->n_rows(); ++row) {
      if (part->is_null(row)) {
        out.push_null();
      } else {
        out.push_text(part->text(row));
      }
    }
  }
  return out;
}

namespace {

// The columns of several batches, one after the other.
class JoinedBatches : public ColumnSource {
 public:
  JoinedBatches(std::vector<Batch> batches, columns::Schema schema, std::function<void(size_t)> charge)
      : batches_(std::move(batches)), schema_(std::move(schema)), charge_(std::move(charge)) {
    for (const Batch& batch : batches_) begins_.push_back(begins_.back() + batch.n_rows());
  }

  ColumnPtr column(size_t k) const override {
    std::vector<ColumnPtr> parts;
    // From copies of the batches: what they decode to give their part is not held on to.
    for (const Batch& batch : batches_) {
      parts.push_back(Batch(batch).column(k));
      if (charge_) charge_(bytes_of(*parts.back()));
    }
    return share(concat(parts, schema_[k].type));
  }

  // Each batch gives its rows among the wanted; then they are put in order.
  ColumnPtr take(size_t k, const Rows& rows) const override {
    std::vector<Rows> wanted(batches_.size());
    Rows at(rows.size());
    std::vector<uint32_t> part_of(rows.size());
    for (size_t j = 0; j < rows.size(); ++j) {
      if (rows[j] == UINT32_MAX) return ColumnSource::take(k, rows);
      const size_t part = part_of_row(rows[j]);
      part_of[j] = static_cast<uint32_t>(part);
      at[j] = static_cast<uint32_t>(wanted[part].size());
      wanted[part].push_back(rows[j] - static_cast<uint32_t>(begins_[part]));
    }
    std::vector<ColumnPtr> parts;
    Rows begin_of(batches_.size());
    uint32_t begin = 0;
    for (size_t part = 0; part < batches_.size(); ++part) {
      begin_of[part] = begin;
      if (wanted[part].empty()) continue;
      begin += static_cast<uint32_t>(wanted[part].size());
      Batch some = batches_[part];
      some.keep(wanted[part]);
      parts.push_back(some.column(k));
    }
    const Column all = concat(parts, schema_[k].type);
    for (size_t j = 0; j < rows.size(); ++j) at[j] += begin_of[part_of[j]];
    return charged(all.take(at));
  }

 private:
  // What a column's rows take once they are copied into one.
  static size_t bytes_of(const Column& column) {
    if (!columns::is_text(column.type())) return column.n_rows() * 8 + column.valid().size();
    if (column.is_dictionary()) return column.n_rows() * 4;
    size_t bytes = column.n_rows() * 8;
    for (const uint32_t length : column.lengths()) bytes += length;
    return bytes;
  }
  size_t part_of_row(uint32_t row) const {
    return static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), row) - begins_.begin()) - 1;
  }
  ColumnPtr charged(Column column) const {
    if (charge_) charge_(column.size_bytes());
    return share(std::move(column));
  }

  std::vector<Batch> batches_;
  columns::Schema schema_;
  std::function<void(size_t)> charge_;
  std::vector<size_t> begins_ = {0};
};

}  // namespace

Batch concat(std::vector<Batch> batches, const columns::Schema& schema, std::function<void(size_t)> charge) {
  if (batches.size() == 1) return std::move(batches[0]);
  size_t n_rows = 0;
  bool ids = !batches.empty();
  for (const Batch& batch : batches) {
    n_rows += batch.n_rows();
    ids &= batch.has_row_ids();
  }
  if (n_rows >= UINT32_MAX) {
    engine::fail(engine::ErrorKind::out_of_memory, "the query would hold more than 4 billion rows at once; filter earlier");
  }
  auto row_ids = ids ? std::make_shared<std::vector<RowId>>() : nullptr;
  if (ids) {
    row_ids->reserve(n_rows);
    for (const Batch& batch : batches) {
      for (size_t row = 0; row < batch.n_rows(); ++row) row_ids->push_back(batch.row_id(row));
    }
    if (charge) charge(n_rows * sizeof(RowId));
  }
  Batch all = Batch::of(std::make_shared<JoinedBatches>(std::move(batches), schema, std::move(charge)), schema.size(), n_rows);
  if (ids) all.set_row_ids(std::move(row_ids));
  return all;
}

Column repeat(const Column& column, size_t row, size_t n_rows) {
  return column.take(Rows(n_rows, static_cast<uint32_t>(row)));
}

}  // namespace app::kql
