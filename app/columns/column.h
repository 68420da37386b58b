// app/columns/column.h: a column of values of one KQL type, the shape of data at rest and in
// flight. A column is built once, then shared read-only between threads.
//
// Storage by type:
//   boolean, int32, int64, datetime, timespan   i64 (ticks of 100 ns for the last two)
//   real                                        f64
//   decimal, string, guid, dynamic              text: slices of shared bytes, or codes into a
//                                               dictionary. decimal is its canonical decimal text,
//                                               guid the lower-case 36 characters, dynamic compact
//                                               JSON.
// A string is never null in KQL (null is the empty string): string columns have no validity.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace app::columns {

enum class Type : uint8_t {
  boolean, int32, int64, real, decimal, string, datetime, timespan, guid, dynamic
};
// KQL's names: "bool", "int", "long", "real", "decimal", "string", "datetime", ...
const char* type_name(Type type);
constexpr bool is_text(Type t) {
  return t == Type::string || t == Type::dynamic || t == Type::guid || t == Type::decimal;
}

struct Dictionary {
  std::vector<std::string> values;
};

class Column {
 public:
  Column() = default;
  explicit Column(Type type) : type_(type) {}

  // --- building; one of these families, matching the type
  void reserve(size_t n_rows);
  void push_i64(int64_t value);
  void push_f64(double value);
  void push_text(std::string_view value);  // copies into this column's own bytes
  void push_null();                        // of a string: the empty string
  static Column from_i64(Type type, std::vector<int64_t> values, std::vector<uint8_t> valid = {});
  static Column from_f64(std::vector<double> values, std::vector<uint8_t> valid = {});
  // Slices of bytes that others share; begin and length have one entry a row.
  static Column from_slices(Type type, std::shared_ptr<const std::string> bytes,
                            std::vector<uint32_t> begin, std::vector<uint32_t> length,
                            std::vector<uint8_t> valid = {});
  static Column from_dictionary(Type type, std::shared_ptr<const Dictionary> dictionary,
                                std::vector<uint32_t> codes, std::vector<uint8_t> valid = {});

  // --- reading
  Type type() const { return type_; }
  size_t n_rows() const { return n_rows_; }
  bool has_nulls() const { return !valid_.empty(); }
  bool is_null(size_t row) const { return !valid_.empty() && valid_[row] == 0; }
  int64_t i64(size_t row) const { return i64_[row]; }  // 0 where null
  double f64(size_t row) const { return f64_[row]; }   // 0 where null
  std::string_view text(size_t row) const {            // empty where null
    if (dictionary_) return dictionary_->values[codes_[row]];
    return std::string_view(*bytes_).substr(begin_[row], length_[row]);
  }
  const std::vector<int64_t>& i64s() const { return i64_; }
  const std::vector<double>& f64s() const { return f64_; }
  const std::vector<uint8_t>& valid() const { return valid_; }  // 1 a row, or empty: no nulls
  bool is_dictionary() const { return dictionary_ != nullptr; }
  const std::shared_ptr<const Dictionary>& dictionary() const { return dictionary_; }
  const std::vector<uint32_t>& codes() const { return codes_; }
  // Slices (text without a dictionary): row i is length[i] bytes of bytes() from begin[i].
  const std::shared_ptr<const std::string>& bytes() const { return bytes_; }  // null: no rows yet
  const std::vector<uint32_t>& begins() const { return begin_; }
  const std::vector<uint32_t>& lengths() const { return length_; }
  size_t size_bytes() const;  // of what this column holds, shared parts included

  // The rows whose indices are given, in that order (an index may repeat); UINT32_MAX gives null.
  Column take(const std::vector<uint32_t>& rows) const;

 private:
  void note_valid(bool valid);

  Type type_ = Type::string;
  size_t n_rows_ = 0;
  std::vector<int64_t> i64_;
  std::vector<double> f64_;
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<std::string> own_bytes_;  // the same object as bytes_ while being built
  std::vector<uint32_t> begin_, length_;
  std::shared_ptr<const Dictionary> dictionary_;
  std::vector<uint32_t> codes_;
  std::vector<uint8_t> valid_;
};

// Columns of equal length, at most chunk_rows rows.
constexpr size_t chunk_rows = 65536;
struct Chunk {
  std::vector<Column> columns;
  size_t n_rows = 0;
};

struct ColumnInfo {
  std::string name;
  Type type = Type::string;
};
using Schema = std::vector<ColumnInfo>;

}  // namespace app::columns
