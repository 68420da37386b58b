#include "app/columns/column.h"

#include <utility>

#include "engine/base/error.h"

namespace app::columns {

const char* type_name(Type type) {
  constexpr const char* names[] = {"bool",   "int",      "long",     "real", "decimal",
                                   "string", "datetime", "timespan", "guid", "dynamic"};
  return names[static_cast<int>(type)];
}

void Column::note_valid(bool valid) {
  ++n_rows_;
  if (!valid && valid_.empty()) valid_.assign(n_rows_ - 1, 1);
  if (!valid || !valid_.empty()) valid_.push_back(valid ? 1 : 0);
}

void Column::reserve(size_t n_rows) {
  if (is_text(type_)) {
    begin_.reserve(n_rows);
    length_.reserve(n_rows);
  } else if (type_ == Type::real) {
    f64_.reserve(n_rows);
  } else {
    i64_.reserve(n_rows);
  }
}

void Column::push_i64(int64_t value) {
  i64_.push_back(value);
  note_valid(true);
}

void Column::push_f64(double value) {
  f64_.push_back(value);
  note_valid(true);
}

void Column::push_text(std::string_view value) {
  if (!own_bytes_) bytes_ = own_bytes_ = std::make_shared<std::string>();
  if (own_bytes_->size() + value.size() > UINT32_MAX) {
    engine::fail(engine::ErrorKind::out_of_memory,
                 "a column chunk would hold more than 4 GiB of text; filter the rows first");
  }
  begin_.push_back(static_cast<uint32_t>(own_bytes_->size()));
  length_.push_back(static_cast<uint32_t>(value.size()));
  own_bytes_->append(value);
  note_valid(true);
}

void Column::push_null() {
  if (is_text(type_)) {
    if (!own_bytes_) bytes_ = own_bytes_ = std::make_shared<std::string>();
    begin_.push_back(0);
    length_.push_back(0);
  } else if (type_ == Type::real) {
    f64_.push_back(0);
  } else {
    i64_.push_back(0);
  }
  note_valid(type_ == Type::string);
}

Column Column::from_i64(Type type, std::vector<int64_t> values, std::vector<uint8_t> valid) {
  Column column(type);
  column.n_rows_ = values.size();
  column.i64_ = std::move(values);
  column.valid_ = std::move(valid);
  return column;
}

Column Column::from_f64(std::vector<double> values, std::vector<uint8_t> valid) {
  Column column(Type::real);
  column.n_rows_ = values.size();
  column.f64_ = std::move(values);
  column.valid_ = std::move(valid);
  return column;
}

Column Column::from_slices(Type type, std::shared_ptr<const std::string> bytes,
                           std::vector<uint32_t> begin, std::vector<uint32_t> length,
                           std::vector<uint8_t> valid) {
  Column column(type);
  column.n_rows_ = begin.size();
  column.bytes_ = std::move(bytes);
  column.begin_ = std::move(begin);
  column.length_ = std::move(length);
  column.valid_ = std::move(valid);
  return column;
}

Column Column::from_dictionary(Type type, std::shared_ptr<const Dictionary> dictionary,
                               std::vector<uint32_t> codes, std::vector<uint8_t> valid) {
  Column column(type);
  column.n_rows_ = codes.size();
  column.dictionary_ = std::move(dictionary);
  column.codes_ = std::move(codes);
  column.valid_ = std::move(valid);
  return column;
}

size_t Column::size_bytes() const {
  size_t size = i64_.size() * 8 + f64_.size() * 8 + valid_.size() + codes_.size() * 4 +
                begin_.size() * 8 + (bytes_ ? bytes_->size() : 0);
  if (dictionary_) {
    for (const std::string& value : dictionary_->values) size += sizeof value + value.size();
  }
  return size;
}

Column Column::take(const std::vector<uint32_t>& rows) const {
  Column out(type_);
  out.n_rows_ = rows.size();
  const auto pick = [&](const auto& from, auto& to) {
    to.reserve(rows.size());
    for (const uint32_t row : rows) {
      to.push_back(row == UINT32_MAX ? typename std::decay_t<decltype(to)>::value_type{} : from[row]);
    }
  };
  bool any_missing = false;
  for (const uint32_t row : rows) any_missing |= row == UINT32_MAX;

  if (!is_text(type_)) {
    type_ == Type::real ? pick(f64_, out.f64_) : pick(i64_, out.i64_);
  } else if (dictionary_ && !any_missing) {
    out.dictionary_ = dictionary_;
    pick(codes_, out.codes_);
  } else if (dictionary_) {
    Column copy(type_);
    for (const uint32_t row : rows) {
      row == UINT32_MAX || is_null(row) ? copy.push_null() : copy.push_text(text(row));
    }
    return copy;
  } else {
    out.bytes_ = bytes_ ? bytes_ : std::make_shared<const std::string>();
    pick(begin_, out.begin_);
    pick(length_, out.length_);
  }
  if (type_ != Type::string && (any_missing || !valid_.empty())) {
    out.valid_.reserve(rows.size());
    for (const uint32_t row : rows) out.valid_.push_back(row != UINT32_MAX && !is_null(row));
  }
  return out;
}

}  // namespace app::columns
