#include "app/kql/exec/grouper.h"

#include <cstring>

namespace app::kql {
namespace {

uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  return x ^ (x >> 32);
}

constexpr uint64_t null_key = 0x8000'0000'0000'0001ull;  // stands for null among the integers

uint64_t bits_of(const columns::Column& column, size_t row) {
  if (column.is_null(row)) return null_key;
  if (column.type() != Type::real) return static_cast<uint64_t>(column.i64(row));
  const double value = column.f64(row) == 0 ? 0 : column.f64(row);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace

uint32_t IntTable::find(uint64_t key) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = mix(key) & mask;; at = (at + 1) & mask) {
    if (slots_[at].number == none) return none;
    if (slots_[at].key == key) return slots_[at].number;
  }
}

uint32_t IntTable::insert(uint64_t key) {
  if (size_ * 2 >= slots_.size()) grow();
  const size_t mask = slots_.size() - 1;
  for (size_t at = mix(key) & mask;; at = (at + 1) & mask) {
    if (slots_[at].number == none) {
      slots_[at] = {key, size_};
      return size_++;
    }
    if (slots_[at].key == key) return slots_[at].number;
  }
}

void IntTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number == none) continue;
    size_t at = mix(slot.key) & mask;
    while (slots_[at].number != none) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

uint32_t ValueTable::number_text(std::string_view text, bool lookup_only) {
  const auto at = text_numbers_.find(text);
  if (at != text_numbers_.end()) return at->second;
  if (lookup_only) return none;
  texts_.emplace_back(text);
  text_bytes_ += text.size() + 96;
  const auto number = static_cast<uint32_t>(texts_.size());  // 0 is null
  text_numbers_.emplace(texts_.back(), number);
  return number;
}

void ValueTable::number(const Vec& values, size_t n_rows, Rows& out, bool lookup_only) {
  const columns::Column& column = *values.column;
  out.resize(n_rows);
  if (!columns::is_text(column.type())) {
    uint64_t last_key = 0;
    uint32_t last = none;
    bool any = false;
    for (size_t row = 0; row < n_rows; ++row) {
      const uint64_t key = bits_of(column, values.at(row));
      if (!any || key != last_key) {  // equal neighbours are common: bins of time
        last = lookup_only ? integers_.find(key) : integers_.insert(key);
        last_key = key;
        any = true;
      }
      out[row] = last;
    }
    return;
  }
  if (column.is_dictionary() && !lookup_only) {
    if (dictionary_ != column.dictionary()) {
      dictionary_ = column.dictionary();
      dictionary_numbers_.assign(dictionary_->values.size(), none);
    }
    for (size_t row = 0; row < n_rows; ++row) {
      const size_t at = values.at(row);
      if (column.is_null(at)) {
        out[row] = 0;
        continue;
      }
      uint32_t& number = dictionary_numbers_[column.codes()[at]];
      if (number == none) number = number_text(dictionary_->values[column.codes()[at]], false);
      out[row] = number;
    }
    return;
  }
  for (size_t row = 0; row < n_rows; ++row) {
    const size_t at = values.at(row);
    out[row] = column.is_null(at) ? 0 : number_text(column.text(at), lookup_only);
  }
}

void Grouper::group(const std::vector<Vec>& keys, size_t n_rows, Rows& out, Rows* new_rows) {
  if (keys.empty()) {
    out.assign(n_rows, 0);
    if (n_rows > 0 && n_groups_ == 0) {
      n_groups_ = 1;
      if (new_rows) new_rows->push_back(0);
    }
    return;
  }
  Rows number;
  for (size_t k = 0; k < keys.size(); ++k) {
    values_[k].number(keys[k], n_rows, number);
    const bool last = k + 1 == keys.size();
    if (k == 0) out.assign(n_rows, 0);
    for (size_t row = 0; row < n_rows; ++row) {
      const uint32_t before = pairs_[k].size();
      const uint32_t id = pairs_[k].insert((static_cast<uint64_t>(out[row]) << 32) | number[row]);
      out[row] = id;
      if (last && new_rows && id == before) new_rows->push_back(static_cast<uint32_t>(row));
    }
  }
  n_groups_ = pairs_.back().size();
}

void Grouper::find(const std::vector<Vec>& keys, size_t n_rows, Rows& out) {
  Rows number;
  out.assign(n_rows, 0);
  for (size_t k = 0; k < keys.size(); ++k) {
    values_[k].number(keys[k], n_rows, number, true);
    for (size_t row = 0; row < n_rows; ++row) {
      if (out[row] == none) continue;
      out[row] = number[row] == none ? none : pairs_[k].find((static_cast<uint64_t>(out[row]) << 32) | number[row]);
    }
  }
}

size_t Grouper::size_bytes() const {
  size_t bytes = 0;
  for (const ValueTable& v : values_) bytes += v.size_bytes();
  for (const IntTable& p : pairs_) bytes += p.size_bytes();
  return bytes;
}

}  // namespace app::kql
