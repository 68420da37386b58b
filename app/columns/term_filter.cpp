#include "app/columns/term_filter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "engine/base/error.h"

namespace app::columns {
namespace {

constexpr uint8_t version = 1;
// 512 KiB of bits: a log's chunk of 64 K rows has some 100,000 to 300,000 different terms.
constexpr int start_bits_log2 = 22, min_bits_log2 = 9, max_bits_log2 = 25;
// Four bits a term: half full, 6 of 100 absent terms are taken for present.
constexpr int bits_a_term = 4;

enum Kind : uint8_t { between, ascii, beyond };
constexpr std::array<Kind, 256> kinds = [] {
  std::array<Kind, 256> out{};
  for (int c = 0; c < 256; ++c) {
    out[static_cast<size_t>(c)] = !is_term_byte(static_cast<char>(c)) ? between : c < 0x80 ? ascii : beyond;
  }
  return out;
}();
Kind kind_of(char c) { return kinds[static_cast<unsigned char>(c)]; }

uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ull;
  x ^= x >> 29;
  x *= 0xD6E8FEB86659FD93ull;
  return x ^ (x >> 32);
}

// Of an ASCII term. Bit 5 makes letters lower case and is set in digits anyway.
uint64_t hash_of(std::string_view term) {
  uint64_t hash = term.size() * 0x9E3779B97F4A7C15ull;
  const char* at = term.data();
  for (size_t left = term.size();;) {
    uint64_t word = 0;
    const size_t n = std::min<size_t>(left, 8);
    std::memcpy(&word, at, n);
    word |= 0x2020202020202020ull;
    if (n < 8) word &= ~uint64_t{0} >> (64 - 8 * std::max<size_t>(n, 1));
    hash = mix(hash ^ word);
    if (left <= 8) return hash;
    at += 8;
    left -= 8;
  }
}

// Calls visit(bit) with the bits of a hash, in a filter of mask + 1 bits; ends where it gives false.
template <typename Visit>
bool all_bits(uint64_t hash, uint64_t mask, Visit visit) {
  const uint64_t step = (hash >> 32) | 1;
  for (int k = 0; k < bits_a_term; ++k, hash += step) {
    if (!visit(hash & mask)) return false;
  }
  return true;
}

[[noreturn]] void damaged(const char* what) {
  engine::fail(engine::ErrorKind::invalid_input, "a stored list of terms is damaged: %s; check the file with `sigmactl db check`", what);
}

}  // namespace

TermFilter::TermFilter() : words_((size_t{1} << start_bits_log2) / 64) {}

void TermFilter::add_term(std::string_view term) {
  all_bits(hash_of(term), mask(), [&](uint64_t bit) {
    words_[bit / 64] |= uint64_t{1} << bit % 64;
    return true;
  });
}

void TermFilter::add_text(std::string_view text) {
  const char *at = text.data(), *const end = at + text.size();
  while (at < end) {
    if (kind_of(*at) == between) {
      ++at;
      continue;
    }
    const char* const begin = at;
    int kinds_seen = 0;
    for (; at < end && kind_of(*at) != between; ++at) kinds_seen |= kind_of(*at);
    if (kinds_seen == ascii) add_term({begin, static_cast<size_t>(at - begin)});
  }
}

void TermFilter::add_column(const Column& column) {
  if (column.is_dictionary()) {
    for (const std::string& value : column.dictionary()->values) add_text(value);
    return;
  }
  for (size_t row = 0; row < column.n_rows(); ++row) add_text(column.text(row));
}

void TermFilter::add_parts(const Column& part, const Column& whole) {
  if (part.is_dictionary() || part.bytes() == nullptr || part.bytes() != whole.bytes() || part.n_rows() != whole.n_rows()) return add_column(part);
  for (size_t row = 0; row < part.n_rows(); ++row) {
    const std::string_view text = part.text(row), around = whole.text(row);
    const char *const begin = text.data(), *const end = begin + text.size();
    const char *const whole_begin = around.data(), *const whole_end = whole_begin + around.size();
    const bool inside = part.begins()[row] >= whole.begins()[row] && end <= whole_end;
    const bool whole_terms = inside && !text.empty() && (begin == whole_begin || !is_term_byte(begin[-1]) || !is_term_byte(*begin)) &&
                             (end == whole_end || !is_term_byte(*end) || !is_term_byte(end[-1]));
    if (!whole_terms) add_text(text);
  }
}

// A term's bits are its hash's lowest: those of the half filter are the same without the highest.
void TermFilter::shrink() {
  while (words_.size() > (size_t{1} << min_bits_log2) / 64) {
    const size_t half = words_.size() / 2;
    size_t n_set = 0;
    for (size_t k = 0; k < half; ++k) n_set += static_cast<size_t>(std::popcount(words_[k] | words_[k + half]));
    if (n_set * 2 > half * 64) return;
    for (size_t k = 0; k < half; ++k) words_[k] |= words_[k + half];
    words_.resize(half);
    words_.shrink_to_fit();
  }
}

bool TermFilter::may_hold(std::string_view word) const {
  if (word.empty() || !std::all_of(word.begin(), word.end(), [](char c) { return kind_of(c) == ascii; })) return true;
  return all_bits(hash_of(word), mask(), [&](uint64_t bit) { return (words_[bit / 64] >> bit % 64 & 1) != 0; });
}

std::string TermFilter::encode() const {
  std::string out;
  out.reserve(2 + size_bytes());
  out += static_cast<char>(version);
  out += static_cast<char>(std::countr_zero(words_.size() * 64));
  out.append(reinterpret_cast<const char*>(words_.data()), size_bytes());
  return out;
}

TermFilter TermFilter::decode(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != static_cast<char>(version)) damaged("its version is unknown");
  const int log2 = bytes[1];
  if (log2 < min_bits_log2 || log2 > max_bits_log2 || bytes.size() != 2 + (size_t{1} << log2) / 8) damaged("its size is impossible");
  TermFilter out;
  out.words_.resize((size_t{1} << log2) / 64);
  std::memcpy(out.words_.data(), bytes.data() + 2, out.size_bytes());
  return out;
}

}  // namespace app::columns
