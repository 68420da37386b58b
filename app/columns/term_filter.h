// app/columns/term_filter.h: which terms a chunk's texts hold, as a Bloom filter: small enough to lie
// beside the chunk, so that a search for a rare term leaves most chunks unread. It may say yes for a
// term that is not there, never no for one that is.
//
// A term is a maximal run of letters and digits; the bytes of a non-ASCII character count as letters.
// Only terms of ASCII alone are noted, in lower case: those are what has() can ask for by themselves.
//
// Layout: u8 version (1), u8 log2 of the number of bits (9..25), then the bits, bit 0 the lowest of
// the first byte.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"

namespace app::columns {

constexpr bool is_term_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

class TermFilter {
 public:
  TermFilter();  // empty, with room for all that a chunk may bring
  void add_text(std::string_view text);        // every term of it
  void add_column(const Column& column);       // of every row of a text column; nulls have none
  // The same for a column whose rows are mostly parts of another's, already added: only those rows
  // are read that lie elsewhere or begin or end within a term of it.
  void add_parts(const Column& part, const Column& whole);
  // Halves the bits while at most half of them would be set.
  void shrink();

  // False only where no text added has this term, in whatever case. A word that is no term (it has
  // other characters, or is empty) may always be there.
  bool may_hold(std::string_view word) const;

  size_t size_bytes() const { return words_.size() * 8; }
  std::string encode() const;
  static TermFilter decode(std::string_view bytes);  // throws Error{invalid_input}

 private:
  void add_term(std::string_view term);
  uint64_t mask() const { return words_.size() * 64 - 1; }
  std::vector<uint64_t> words_;  // a power of two of bits
};

}  // namespace app::columns
