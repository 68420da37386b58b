// app/columns/encoding.h: columns as bytes, small enough to store and quick to read back.
//
// Layout, little endian, unaligned:
//   column      u8 version (1), u8 Type, u8 Coding, u8 has_validity, u32 n_rows,
//               [validity: (n_rows + 7) / 8 bytes, row 0 in the lowest bit of the first],
//               then by coding:
//     integers    packed
//     reals       text block of n_rows f64
//     dictionary  u32 n_values, packed lengths, text block of the values joined, packed codes
//     slices      text block, packed lengths of the rows; the rows lie end to end
//   packed      blocks of 1024 values, the last one shorter. Each: u8 bits (0..64), u8 delta,
//               i64 base, then the values less base, bits wide, in whole u64 words. With delta the
//               block holds differences between neighbours: i64 first, then one value less.
//               All arithmetic is modulo 2^64, so every int64 comes back.
//   text block  u64 size, u64 stored size, then a zstd frame; stored size == size: the bytes as
//               they are
//   shared text u8 version (1), u8 n_columns, text block, then for each column: u8 Type,
//               u8 has_validity, u32 n_rows, [validity], packed begins, packed lengths. The columns
//               are slices of the one text block (a message is mostly a part of its raw line).
//   chunk       u8 version (1), u32 n_columns, u64 n_rows, then for each column u64 size and the
//               column; size 0: an empty column, not stored
//
// Decoding trusts nothing: counts, sizes, codes and slices are checked against the bytes at hand
// and against the limits, and what does not hold throws Error{invalid_input} saying where.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"

namespace app::columns {

struct DecodeLimits {
  uint64_t n_rows = chunk_rows;         // of a column
  uint64_t text_bytes = 1ull << 30;     // of a text block, decompressed
};

// zstd_level: 1 fastest .. 19 smallest.
std::string encode_column(const Column& column, int zstd_level = 1);
Column decode_column(std::string_view bytes, const DecodeLimits& limits = {});

// Columns of slices that share one bytes(); throws Error{internal} where they do not.
std::string encode_shared_text(std::span<const Column* const> columns, int zstd_level = 1);
std::vector<Column> decode_shared_text(std::string_view bytes, const DecodeLimits& limits = {});

std::string encode_chunk(const Chunk& chunk, int zstd_level = 1);
Chunk decode_chunk(std::string_view bytes, const DecodeLimits& limits = {});

}  // namespace app::columns
