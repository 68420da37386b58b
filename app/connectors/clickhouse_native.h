// app/connectors/clickhouse_native.h: blocks of columns as ClickHouse sends them (FORMAT Native).
//
// A block, little endian:
//   varint n_columns, varint n_rows, then for each column:
//     varint length and the name, varint length and the type, then the n_rows values:
//       UInt8 1 byte, Int32 4, Int64 and Float64 8; String: varint length and the bytes, each;
//       Nullable(T): n_rows bytes, 1 where null, then the values of T for every row
// A varint has 7 bits a byte, lowest first, the highest bit set where more follow.
//
// Only the types asked for are read (WireColumn); whatever else comes is refused.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/connectors/clickhouse_sql.h"

namespace app::connectors::clickhouse {

constexpr size_t max_block_bytes = 256u << 20;

class BlockReader {
 public:
  explicit BlockReader(std::vector<WireColumn> wire) : wire_(std::move(wire)) {}
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  std::string& buffer() { return buffer_; }     // where more bytes are appended
  // The next block's columns (one for each WireColumn) and its rows; false: more bytes are needed.
  // Throws Error{io} where the bytes are no such block.
  bool next(std::vector<columns::Column>& columns, size_t& n_rows);
  bool at_boundary() const { return at_ == buffer_.size(); }
  std::string_view rest() const { return std::string_view(buffer_).substr(at_); }

 private:
  // How far the next block has come: it is walked over as it arrives, and read once it is whole.
  struct Walk {
    size_t at = 0;            // behind what was seen, from the block's beginning
    bool head = false;
    uint64_t n_columns = 0, n_rows = 0;
    size_t column = 0;
    bool values = false;      // of the column, behind its name, type and nulls
    uint64_t row = 0;         // of a text column
  };
  bool walk();

  std::vector<WireColumn> wire_;
  std::string buffer_;
  size_t at_ = 0;             // where the next block begins
  Walk walk_;
};

}  // namespace app::connectors::clickhouse
