#include "app/kql/exec/grouper.h"

#include <algorithm>
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

uint64_t bits_of(const columns::Column& column, size_t row) {
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

void IntTable::prefetch(uint64_t key) const { __builtin_prefetch(&slots_[mix(key) & (slots_.size() - 1)]); }

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

// --- texts

namespace {

uint64_t load(const char* at, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, at, n);
  return word;
}

}  // namespace

uint64_t TextTable::hash_of(std::string_view text) {
  uint64_t h = text.size() * 0x9E3779B97F4A7C15ull;
  const char* at = text.data();
  size_t left = text.size();
  for (; left > 8; at += 8, left -= 8) h = mix(h ^ load(at, 8));
  return left > 0 ? mix(h ^ load(at, left)) : mix(h);
}

void TextTable::prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[(hash >> 32) & (slots_.size() - 1)]); }

size_t TextTable::place(std::string_view text, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto high = static_cast<uint32_t>(hash >> 32);
  for (size_t at = high & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.number == none || (slot.hash == high && texts_[slot.number] == text)) return at;
  }
}

uint32_t TextTable::find(std::string_view text) const { return slots_[place(text, hash_of(text))].number; }

uint32_t TextTable::insert(std::string_view text, uint64_t hash) {
  if (texts_.size() * 3 >= slots_.size() * 2) grow();  // a slot is compared by its hash first
  Slot& slot = slots_[place(text, hash)];
  if (slot.number == none) {
    slot = {static_cast<uint32_t>(hash >> 32), size()};
    texts_.push_back(keep(text));
  }
  return slot.number;
}

// Texts lie in blocks that grow with their number.
std::string_view TextTable::keep(std::string_view text) {
  if (text.size() > room_) {
    room_ = std::max(text.size(), std::clamp<size_t>(n_bytes_, 4096, 1 << 20));
    blocks_.push_back(std::make_unique<char[]>(room_));
    free_ = blocks_.back().get();
    n_bytes_ += room_;
  }
  char* const at = free_;
  text.copy(at, text.size());
  free_ += text.size();
  room_ -= text.size();
  return {at, text.size()};
}

void TextTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number == none) continue;
    size_t at = slot.hash & mask;
    while (slots_[at].number != none) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

// --- pairs

uint32_t PairTable::find(uint32_t a, uint32_t b) const {
  if (a < small && b < small) return a < direct_.size() && direct_[a] ? direct_[a][b] : none;
  const uint32_t hashed = hashed_.find(key(a, b));
  return hashed == IntTable::none ? none : number_of_hashed_[hashed];
}

uint32_t PairTable::insert_new_place(uint32_t a, uint32_t b) {
  if (a < small && b < small) {
    if (direct_.empty()) direct_.resize(small);
    if (!direct_[a]) {
      direct_[a] = std::make_unique<uint32_t[]>(small);
      std::fill_n(direct_[a].get(), small, none);
      ++n_direct_;
    }
    return insert(a, b);
  }
  const uint32_t hashed = hashed_.insert(key(a, b));
  if (hashed == number_of_hashed_.size()) number_of_hashed_.push_back(size_++);
  return number_of_hashed_[hashed];
}

// --- values

uint32_t ValueTable::number_text(std::string_view text, bool lookup_only) {
  const uint32_t number = lookup_only ? texts_.find(text) : texts_.insert(text);
  return number == none ? none : number + 1;  // 0 is null
}

void ValueTable::number(const Vec& values, size_t n_rows, Rows& out, bool lookup_only) {
  const columns::Column& column = *values.column;
  out.resize(n_rows);
  if (!columns::is_text(column.type())) return number_integers(values, n_rows, out, lookup_only);
  if (column.is_dictionary()) return number_codes(values, n_rows, out, lookup_only);
  number_slices(values, n_rows, out, lookup_only);
}

// A large table's slots are far away: they are asked for some rows ahead.
void ValueTable::number_slices(const Vec& values, size_t n_rows, Rows& out, bool lookup_only) {
  constexpr size_t step = 32;
  const columns::Column& column = *values.column;
  uint64_t hashes[step];
  for (size_t begin = 0; begin < n_rows; begin += step) {
    const size_t n = std::min(step, n_rows - begin);
    for (size_t k = 0; k < n && !lookup_only; ++k) {
      hashes[k] = TextTable::hash_of(column.text(values.at(begin + k)));
      texts_.prefetch(hashes[k]);
    }
    for (size_t k = 0; k < n; ++k) {
      const size_t at = values.at(begin + k);
      uint32_t& number = out[begin + k];
      if (column.is_null(at)) number = 0;
      else if (lookup_only) number = number_text(column.text(at), true);
      else number = texts_.insert(column.text(at), hashes[k]) + 1;  // 0 is null
    }
  }
}

void ValueTable::merge(const ValueTable& other, Rows& to) {
  to.assign(std::max(other.texts_.size(), other.integers_.size()) + 1, 0);
  for (uint32_t number = 0; number < other.texts_.size(); ++number) to[number + 1] = number_text(other.texts_.text(number), false);
  other.integers_.visit([&](uint64_t key, uint32_t number) { to[number + 1] = integers_.insert(key) + 1; });
}

void ValueTable::number_integers(const Vec& values, size_t n_rows, Rows& out, bool lookup_only) {
  const columns::Column& column = *values.column;
  const bool plain = !values.constant && !column.has_nulls() && column.type() != Type::real;
  uint64_t last_key = 0;
  uint32_t last = none;
  bool any = false;
  constexpr uint64_t n_small = 4096;  // template ids and process ids mostly are
  if (!lookup_only && small_integers_.empty()) small_integers_.assign(n_small, none);
  constexpr size_t ahead = 16;
  const bool far = integers_.size_bytes() > (1u << 18);  // a small table is at hand
  for (size_t row = 0; row < n_rows; ++row) {
    if (!plain && column.is_null(values.at(row))) {
      out[row] = 0;
      continue;
    }
    if (far && plain && row + ahead < n_rows) integers_.prefetch(static_cast<uint64_t>(column.i64s()[row + ahead]));
    const uint64_t key = plain ? static_cast<uint64_t>(column.i64s()[row]) : bits_of(column, values.at(row));
    if (!any || key != last_key) {  // equal neighbours are common: bins of time
      if (key < n_small && !lookup_only) {
        uint32_t& number = small_integers_[key];
        if (number == none) number = integers_.insert(key) + 1;  // 0 is null
        last = number;
      } else if (lookup_only) {
        last = integers_.find(key);
        if (last != none) ++last;
      } else {
        last = integers_.insert(key) + 1;
      }
      last_key = key;
      any = true;
    }
    out[row] = last;
  }
}

// Each code is looked up once.
void ValueTable::number_codes(const Vec& values, size_t n_rows, Rows& out, bool lookup_only) {
  constexpr uint32_t not_looked_up = UINT32_MAX - 1;
  const columns::Column& column = *values.column;
  if (dictionary_ != column.dictionary() || dictionary_lookup_ != lookup_only) {
    dictionary_ = column.dictionary();
    dictionary_lookup_ = lookup_only;
    dictionary_numbers_.assign(dictionary_->values.size(), not_looked_up);
  }
  const std::vector<uint32_t>& codes = column.codes();
  for (size_t row = 0; row < n_rows; ++row) {
    const size_t at = values.at(row);
    if (column.is_null(at)) {
      out[row] = 0;
      continue;
    }
    uint32_t& number = dictionary_numbers_[codes[at]];
    if (number == not_looked_up) number = number_text(dictionary_->values[codes[at]], lookup_only);
    out[row] = number;
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
  if (keys.size() == 1) return group_by_one(keys[0], n_rows, out, new_rows);
  values_[0].number(keys[0], n_rows, out);
  Rows number;
  for (size_t k = 1; k < keys.size(); ++k) {
    const bool last = k + 1 == keys.size();
    values_[k].number(keys[k], n_rows, number);
    PairTable& pairs = pairs_[k];
    constexpr size_t ahead = 16;
    const bool far = pairs.size() > (1u << 14);
    uint32_t last_a = none, last_b = none, last_id = none;  // equal neighbours are common
    for (size_t row = 0; row < n_rows; ++row) {
      if (far && row + ahead < n_rows) pairs.prefetch(out[row + ahead], number[row + ahead]);
      const uint32_t a = out[row], b = number[row];
      if (a != last_a || b != last_b || last_id == none) {
        const uint32_t before = pairs.size();
        last_id = pairs.insert(a, b);
        last_a = a;
        last_b = b;
        if (last && new_rows && last_id == before) new_rows->push_back(static_cast<uint32_t>(row));
      }
      out[row] = last_id;
    }
  }
  n_groups_ = pairs_.back().size();
}

// The values' numbers are dense already, but for that of null.
void Grouper::group_by_one(const Vec& key, size_t n_rows, Rows& out, Rows* new_rows) {
  values_[0].number(key, n_rows, out);
  for (size_t row = 0; row < n_rows; ++row) {
    const uint32_t number = out[row];
    if (number >= group_of_number_.size()) group_of_number_.resize(std::max<size_t>(number + 1, group_of_number_.size() * 2), none);
    uint32_t& group = group_of_number_[number];
    if (group == none) {
      group = n_groups_++;
      if (new_rows) new_rows->push_back(static_cast<uint32_t>(row));
    }
    out[row] = group;
  }
}

void Grouper::find(const std::vector<Vec>& keys, size_t n_rows, Rows& out) {
  if (keys.empty()) {
    out.assign(n_rows, n_groups_ > 0 ? 0 : none);
    return;
  }
  values_[0].number(keys[0], n_rows, out, true);
  if (keys.size() == 1) {
    for (uint32_t& number : out) number = number < group_of_number_.size() ? group_of_number_[number] : none;
    return;
  }
  Rows number;
  for (size_t k = 1; k < keys.size(); ++k) {
    values_[k].number(keys[k], n_rows, number, true);
    for (size_t row = 0; row < n_rows; ++row) {
      if (out[row] == none) continue;
      out[row] = number[row] == none ? none : pairs_[k].find(out[row], number[row]);
    }
  }
}

size_t Grouper::size_bytes() const {
  size_t bytes = 0;
  for (const ValueTable& v : values_) bytes += v.size_bytes();
  for (const PairTable& p : pairs_) bytes += p.size_bytes();
  bytes += group_of_number_.size() * 4;
  return bytes;
}

}  // namespace app::kql
