#include "app/connectors/clickhouse_native.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "app/kql/datetime.h"
#include "app/kql/json.h"
#include "app/kql/value.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace app::connectors::clickhouse {
namespace {

using columns::Column;
using columns::Type;
using engine::ErrorKind;
using engine::fail;

static_assert(std::endian::native == std::endian::little, "numbers are copied as they come");

constexpr size_t max_rows = 1u << 24;  // of a block; the server is asked for 65536

struct NeedMore {};

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  size_t at() const { return at_; }
  const char* take(size_t n) {
    if (n > bytes_.size() - at_) throw NeedMore{};
    const char* p = bytes_.data() + at_;
    at_ += n;
    return p;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(*take(1));
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail(ErrorKind::io, "a number of the block does not end");
  }
  size_t length() {
    const uint64_t n = varint();
    if (n > max_block_bytes) fail(ErrorKind::io, "a text of %llu bytes", static_cast<unsigned long long>(n));
    return static_cast<size_t>(n);
  }
  std::string_view text() {
    const size_t n = length();
    return {take(n), n};
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

template <typename T>
std::vector<int64_t> integers(Cursor& in, size_t n) {
  const char* bytes = in.take(n * sizeof(T));
  std::vector<int64_t> out(n);
  for (size_t k = 0; k < n; ++k) {
    T value;
    std::memcpy(&value, bytes + k * sizeof(T), sizeof(T));
    out[k] = static_cast<int64_t>(value);
  }
  return out;
}

// A text as the type keeps it: canonical decimals and guids, compact JSON. None: null.
std::optional<std::string> kept_text(std::string_view text, const WireColumn& wire) {
  if (wire.type == Type::decimal) {
    kql::Value v = kql::convert(kql::Value::text(std::string(text)), Type::decimal);
    return v.null ? std::nullopt : std::optional(std::move(v.s));
  }
  if (wire.type == Type::guid) return kql::parse_guid(text);
  std::optional<std::string> converted;
  if (!wire.json) converted = json_of_text(text);
  const std::optional<kql::Json> json = kql::parse_json(converted ? std::string_view(*converted) : text);
  if (!json) {
    std::string as_string;
    kql::write_json_string(text, as_string);
    return as_string;
  }
  if (json->is_null()) return std::nullopt;
  return kql::json_text(*json);
}

Column texts(Cursor& in, size_t n, const WireColumn& wire, const std::vector<uint8_t>& valid) {
  if (wire.type != Type::string) {
    Column out(wire.type);
    out.reserve(n);
    for (size_t k = 0; k < n; ++k) {
      const std::string_view text = in.text();
      const std::optional<std::string> kept = valid.empty() || valid[k] ? kept_text(text, wire) : std::nullopt;
      if (kept) out.push_text(*kept);
      else out.push_null();
    }
    return out;
  }
  auto bytes = std::make_shared<std::string>();
  std::vector<uint32_t> begin(n), length(n);
  for (size_t k = 0; k < n; ++k) {
    const std::string_view text = in.text();
    begin[k] = static_cast<uint32_t>(bytes->size());
    length[k] = static_cast<uint32_t>(text.size());
    bytes->append(text);
    if (bytes->size() > max_block_bytes) fail(ErrorKind::io, "a block of more than %zu bytes", max_block_bytes);
  }
  return Column::from_slices(Type::string, std::move(bytes), std::move(begin), std::move(length));
}

// Behind a column's name and type.
void read_column_head(Cursor& in, const WireColumn& wire) {
  in.text();  // the alias
  const std::string_view type = in.text();
  if (type != wire.server_type()) {
    fail(ErrorKind::io, "a column of type %s, where %s was asked for", engine::escape_invalid_utf8(type.substr(0, 100)).c_str(), wire.server_type().c_str());
  }
}

size_t size_of(Type type) {  // 0: texts
  if (type == Type::boolean) return 1;
  if (type == Type::int32) return 4;
  return columns::is_text(type) ? 0 : 8;
}

Column read_column(Cursor& in, size_t n, const WireColumn& wire) {
  read_column_head(in, wire);
  std::vector<uint8_t> valid;
  if (wire.nullable) {
    const char* nulls = in.take(n);
    if (std::any_of(nulls, nulls + n, [](char c) { return c != 0; })) {
      valid.resize(n);
      for (size_t k = 0; k < n; ++k) valid[k] = nulls[k] == 0;
    }
  }
  const auto whole = [&](std::vector<int64_t> values) {
    for (size_t k = 0; k < valid.size(); ++k) {
      if (!valid[k]) values[k] = 0;
    }
    return Column::from_i64(wire.type, std::move(values), valid);
  };
  switch (wire.type) {
    case Type::boolean: {
      std::vector<int64_t> values = integers<uint8_t>(in, n);
      for (int64_t& v : values) v = v != 0;
      return whole(std::move(values));
    }
    case Type::int32: return whole(integers<int32_t>(in, n));
    case Type::int64: case Type::timespan: return whole(integers<int64_t>(in, n));
    case Type::datetime: {
      std::vector<int64_t> values = integers<int64_t>(in, n);
      for (size_t k = 0; k < n; ++k) {  // outside the calendar it is no time
        if (values[k] >= 0 && values[k] <= kql::max_datetime) continue;
        valid.resize(n, 1);
        valid[k] = 0;
      }
      return whole(std::move(values));
    }
    case Type::real: {
      const char* bytes = in.take(n * sizeof(double));
      std::vector<double> values(n);
      if (n > 0) std::memcpy(values.data(), bytes, n * sizeof(double));
      for (size_t k = 0; k < valid.size(); ++k) {
        if (!valid[k]) values[k] = 0;
      }
      return Column::from_f64(std::move(values), valid);
    }
    default: return texts(in, n, wire, valid);
  }
}

}  // namespace

// True where the whole block is there. Goes on where it stopped the last time.
bool BlockReader::walk() {
  const std::string_view bytes = std::string_view(buffer_).substr(at_);
  Walk& w = walk_;
  // A step that lacks bytes leaves the walk where it was before.
  const auto step = [&](auto&& read) {
    Cursor in(bytes.substr(w.at));
    read(in);
    w.at += in.at();
  };
  try {
    if (!w.head) {
      step([&](Cursor& in) { w.n_columns = in.varint(), w.n_rows = in.varint(); });
      w.head = true;
      const bool empty = w.n_columns == 0 && w.n_rows == 0;  // as the end is marked at times
      if (!empty && w.n_columns != wire_.size()) fail(ErrorKind::io, "%llu columns, where %zu were asked for", static_cast<unsigned long long>(w.n_columns), wire_.size());
      if (w.n_rows > max_rows) fail(ErrorKind::io, "a block of %llu rows", static_cast<unsigned long long>(w.n_rows));
    }
    const auto n = static_cast<size_t>(w.n_rows);
    for (; w.column < w.n_columns; ++w.column, w.values = false, w.row = 0) {
      const WireColumn& wire = wire_[w.column];
      if (!w.values) {
        step([&](Cursor& in) {
          read_column_head(in, wire);
          if (wire.nullable) in.take(n);
        });
        w.values = true;
      }
      if (const size_t size = size_of(wire.type); size > 0) step([&](Cursor& in) { in.take(n * size); });
      else for (; w.row < n; ++w.row) step([](Cursor& in) { in.text(); });
    }
    return true;
  } catch (const NeedMore&) {
    if (bytes.size() > max_block_bytes) fail(ErrorKind::io, "a block of more than %zu bytes", max_block_bytes);
    return false;
  }
}

bool BlockReader::next(std::vector<Column>& columns, size_t& n_rows) {
  if (at_boundary() || !walk()) return false;
  columns.clear();
  n_rows = static_cast<size_t>(walk_.n_rows);
  Cursor in(std::string_view(buffer_).substr(at_));
  in.varint(), in.varint();
  for (const WireColumn& wire : wire_) columns.push_back(walk_.n_columns == 0 ? Column(wire.type) : read_column(in, n_rows, wire));
  at_ += in.at();
  walk_ = Walk();
  if (at_ == buffer_.size()) buffer_.clear(), at_ = 0;
  else if (at_ > (1u << 20)) buffer_.erase(0, at_), at_ = 0;
  return true;
}

}  // namespace app::connectors::clickhouse
