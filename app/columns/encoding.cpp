#include "app/columns/encoding.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "engine/base/error.h"

namespace app::columns {
namespace {

static_assert(std::endian::native == std::endian::little, "the layout is written as memory lies");

using engine::ErrorKind;

constexpr uint8_t version = 1;
constexpr size_t block_values = 1024;
enum class Coding : uint8_t { integers, reals, dictionary, slices };

[[noreturn]] void damaged(const char* what) {
  engine::fail(ErrorKind::invalid_input,
               "stored column is damaged: %s; check the file with `sigmactl db check`", what);
}

// --- bytes

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T get(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string_view take(uint64_t n, const char* what) {
    if (n > bytes_.size()) damaged(what);
    const std::string_view part = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return part;
  }
  size_t left() const { return bytes_.size(); }
  void expect_end() const {
    if (!bytes_.empty()) damaged("bytes follow its end");
  }

 private:
  std::string_view bytes_;
};

// --- packed integers

// The smallest value and how many bits the distance to the largest takes.
struct Frame {
  int64_t base = 0;
  int bits = 0;
};

Frame frame_of(const uint64_t* values, size_t n) {
  int64_t low = 0, high = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto value = static_cast<int64_t>(values[i]);
    if (i == 0 || value < low) low = value;
    if (i == 0 || value > high) high = value;
  }
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  return {low, static_cast<int>(std::bit_width(range))};
}

size_t n_words(size_t n_values, int bits) { return (n_values * static_cast<size_t>(bits) + 63) / 64; }

void pack(std::string& out, const uint64_t* values, size_t n, Frame frame) {
  if (frame.bits == 0) return;
  uint64_t words[block_values + 1] = {};
  const auto bits = static_cast<size_t>(frame.bits);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t value = values[i] - static_cast<uint64_t>(frame.base);
    const size_t at = i * bits, shift = at % 64;
    words[at / 64] |= value << shift;
    if (shift + bits > 64) words[at / 64 + 1] = value >> (64 - shift);
  }
  out.append(reinterpret_cast<const char*>(words), n_words(n, frame.bits) * 8);
}

void unpack(std::string_view bytes, uint64_t* values, size_t n, Frame frame) {
  if (frame.bits == 0) {
    std::fill_n(values, n, static_cast<uint64_t>(frame.base));
    return;
  }
  uint64_t words[block_values + 1];
  std::memcpy(words, bytes.data(), bytes.size());
  words[bytes.size() / 8] = 0;
  const auto bits = static_cast<size_t>(frame.bits);
  const uint64_t mask = ~uint64_t{0} >> (64 - bits);
  for (size_t i = 0; i < n; ++i) {
    const size_t at = i * bits, shift = at % 64;
    uint64_t value = words[at / 64] >> shift;
    if (shift + bits > 64) value |= words[at / 64 + 1] << (64 - shift);
    values[i] = (value & mask) + static_cast<uint64_t>(frame.base);
  }
}

void put_block(std::string& out, const uint64_t* values, size_t n) {
  uint64_t deltas[block_values];
  for (size_t i = 1; i < n; ++i) deltas[i - 1] = values[i] - values[i - 1];
  const Frame plain = frame_of(values, n), delta = frame_of(deltas, n - 1);
  const bool use_delta = delta.bits < plain.bits;
  const Frame frame = use_delta ? delta : plain;
  put(out, static_cast<uint8_t>(frame.bits));
  put(out, static_cast<uint8_t>(use_delta));
  put(out, frame.base);
  if (use_delta) put(out, values[0]);
  pack(out, use_delta ? deltas : values, use_delta ? n - 1 : n, frame);
}

void get_block(Reader& in, uint64_t* values, size_t n) {
  Frame frame;
  frame.bits = in.get<uint8_t>("a block of numbers is cut");
  const auto use_delta = in.get<uint8_t>("a block of numbers is cut");
  frame.base = in.get<int64_t>("a block of numbers is cut");
  if (frame.bits > 64 || use_delta > 1) damaged("a block of numbers has an impossible width");
  const size_t n_packed = use_delta ? n - 1 : n;
  if (use_delta) values[0] = in.get<uint64_t>("a block of numbers is cut");
  uint64_t* packed = use_delta ? values + 1 : values;
  unpack(in.take(n_words(n_packed, frame.bits) * 8, "a block of numbers is cut"), packed, n_packed,
         frame);
  if (use_delta) {
    for (size_t i = 1; i < n; ++i) values[i] += values[i - 1];
  }
}

template <typename T>
void put_packed(std::string& out, const T* values, size_t n) {
  uint64_t block[block_values];
  for (size_t begin = 0; begin < n; begin += block_values) {
    const size_t n_block = std::min(block_values, n - begin);
    for (size_t i = 0; i < n_block; ++i) block[i] = static_cast<uint64_t>(values[begin + i]);
    put_block(out, block, n_block);
  }
}

std::vector<int64_t> get_packed_i64(Reader& in, size_t n) {
  // The smallest block takes 10 bytes, so a count that the bytes cannot hold is refused before
  // memory is asked for.
  if ((n + block_values - 1) / block_values * 10 > in.left()) damaged("it is cut");
  std::vector<int64_t> values(n);
  for (size_t begin = 0; begin < n; begin += block_values) {
    get_block(in, reinterpret_cast<uint64_t*>(values.data()) + begin,
              std::min(block_values, n - begin));
  }
  return values;
}

std::vector<uint32_t> get_packed_u32(Reader& in, size_t n, uint64_t end, const char* what) {
  if ((n + block_values - 1) / block_values * 10 > in.left()) damaged("it is cut");
  std::vector<uint32_t> values(n);
  uint64_t block[block_values];
  for (size_t begin = 0; begin < n; begin += block_values) {
    const size_t n_block = std::min(block_values, n - begin);
    get_block(in, block, n_block);
    for (size_t i = 0; i < n_block; ++i) {
      if (block[i] >= end) damaged(what);
      values[begin + i] = static_cast<uint32_t>(block[i]);
    }
  }
  return values;
}

// --- text blocks

void put_text_block(std::string& out, std::string_view text, int zstd_level) {
  put(out, uint64_t{text.size()});
  const size_t size_at = out.size();
  put(out, uint64_t{0});
  const size_t begin = out.size();
  out.resize(begin + ZSTD_compressBound(text.size()));
  // One context a thread: making one costs more than compressing a small column.
  thread_local const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                               ZSTD_freeCCtx);
  if (!context) engine::fail(ErrorKind::out_of_memory, "no memory to compress %zu bytes", text.size());
  size_t size = ZSTD_compressCCtx(context.get(), out.data() + begin, out.size() - begin, text.data(),
                                  text.size(), zstd_level);
  if (ZSTD_isError(size)) {
    engine::fail(ErrorKind::internal, "compressing %zu bytes failed: %s", text.size(),
                 ZSTD_getErrorName(size));
  }
  if (size >= text.size()) {
    size = text.size();
    text.copy(out.data() + begin, size);
  }
  out.resize(begin + size);
  const uint64_t stored = size;
  std::memcpy(out.data() + size_at, &stored, sizeof stored);
}

std::string get_text_block(Reader& in, const DecodeLimits& limits) {
  const auto size = in.get<uint64_t>("its text is cut");
  const auto stored = in.get<uint64_t>("its text is cut");
  if (size > limits.text_bytes || stored > size) damaged("its text has an impossible size");
  const std::string_view bytes = in.take(stored, "its text is cut");
  if (stored == size) return std::string(bytes);
  // The frame says its size too; asking first keeps a lie from costing memory.
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size) {
    damaged("its compressed text does not have the size that it names");
  }
  std::string text(size, '\0');
  const size_t got = ZSTD_decompress(text.data(), text.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) || got != size) damaged("its compressed text cannot be read");
  return text;
}

// --- validity

void put_validity(std::string& out, const std::vector<uint8_t>& valid) {
  std::string bits((valid.size() + 7) / 8, '\0');
  for (size_t row = 0; row < valid.size(); ++row) {
    if (valid[row]) bits[row / 8] = static_cast<char>(bits[row / 8] | 1 << row % 8);
  }
  out += bits;
}

std::vector<uint8_t> get_validity(Reader& in, size_t n_rows) {
  const std::string_view bits = in.take((n_rows + 7) / 8, "its validity is cut");
  std::vector<uint8_t> valid(n_rows);
  for (size_t row = 0; row < n_rows; ++row) {
    valid[row] = static_cast<uint8_t>(bits[row / 8]) >> row % 8 & 1;
  }
  return valid;
}

// What a column and a part of a shared text both begin with.
struct Head {
  Type type = Type::string;
  bool has_validity = false;
  uint32_t n_rows = 0;
};

void check_head(const Head& head, uint8_t type, uint8_t has_validity, const DecodeLimits& limits) {
  if (type > static_cast<uint8_t>(Type::dynamic)) damaged("its type is unknown");
  if (has_validity > 1 || (has_validity && head.type == Type::string)) {
    damaged("its validity flag is impossible");
  }
  if (head.n_rows > limits.n_rows) damaged("it names more rows than a chunk can hold");
}

// --- the codings

// A null's value means nothing: the one before it packs best.
void put_integers(std::string& out, const Column& column) {
  if (!column.has_nulls()) return put_packed(out, column.i64s().data(), column.n_rows());
  std::vector<int64_t> values = column.i64s();
  const auto first = std::find(column.valid().begin(), column.valid().end(), 1);
  int64_t last = first == column.valid().end()
                     ? 0
                     : values[static_cast<size_t>(first - column.valid().begin())];
  for (size_t row = 0; row < values.size(); ++row) {
    if (column.is_null(row)) values[row] = last;
    last = values[row];
  }
  put_packed(out, values.data(), values.size());
}

Column get_integers(Reader& in, const Head& head, std::vector<uint8_t> valid) {
  std::vector<int64_t> values = get_packed_i64(in, head.n_rows);
  for (size_t row = 0; row < valid.size(); ++row) {
    if (!valid[row]) values[row] = 0;
  }
  return Column::from_i64(head.type, std::move(values), std::move(valid));
}

Column get_reals(Reader& in, const Head& head, std::vector<uint8_t> valid,
                 const DecodeLimits& limits) {
  const std::string bytes = get_text_block(in, limits);
  if (bytes.size() != size_t{head.n_rows} * 8) damaged("its numbers do not fill its rows");
  std::vector<double> values(head.n_rows);
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return Column::from_f64(std::move(values), std::move(valid));
}

// Only the values in use, in order of first use: a filtered column keeps the dictionary of the
// whole, and a stored one never has more values than rows.
void put_dictionary(std::string& out, const Column& column, int zstd_level) {
  const std::vector<std::string>& values = column.dictionary()->values;
  std::vector<uint32_t> new_code(values.size(), UINT32_MAX), codes, lengths;
  std::string joined;
  codes.reserve(column.n_rows());
  for (const uint32_t code : column.codes()) {
    if (new_code[code] == UINT32_MAX) {
      new_code[code] = static_cast<uint32_t>(lengths.size());
      lengths.push_back(static_cast<uint32_t>(values[code].size()));
      joined += values[code];
    }
    codes.push_back(new_code[code]);
  }
  put(out, static_cast<uint32_t>(lengths.size()));
  put_packed(out, lengths.data(), lengths.size());
  put_text_block(out, joined, zstd_level);
  put_packed(out, codes.data(), codes.size());
}

Column get_dictionary(Reader& in, const Head& head, std::vector<uint8_t> valid,
                      const DecodeLimits& limits) {
  const auto n_values = in.get<uint32_t>("its dictionary is cut");
  if (n_values > head.n_rows) damaged("its dictionary has more values than rows");
  const std::vector<uint32_t> lengths =
      get_packed_u32(in, n_values, UINT32_MAX, "its dictionary is impossible");
  const std::string joined = get_text_block(in, limits);
  auto dictionary = std::make_shared<Dictionary>();
  dictionary->values.reserve(n_values);
  size_t begin = 0;
  for (const uint32_t length : lengths) {
    if (length > joined.size() - begin) damaged("its dictionary is cut");
    dictionary->values.push_back(joined.substr(begin, length));
    begin += length;
  }
  if (begin != joined.size()) damaged("its dictionary has bytes that no value uses");
  std::vector<uint32_t> codes =
      get_packed_u32(in, head.n_rows, n_values, "a code is outside its dictionary");
  return Column::from_dictionary(head.type, std::move(dictionary), std::move(codes),
                                 std::move(valid));
}

// Rows end to end: slices of a filter may point all over bytes that are mostly someone else's.
void put_slices(std::string& out, const Column& column, int zstd_level) {
  std::string joined;
  size_t size = 0;
  for (const uint32_t length : column.lengths()) size += length;
  joined.reserve(size);
  for (size_t row = 0; row < column.n_rows(); ++row) joined += column.text(row);
  put_text_block(out, joined, zstd_level);
  put_packed(out, column.lengths().data(), column.n_rows());
}

Column get_slices(Reader& in, const Head& head, std::vector<uint8_t> valid,
                  const DecodeLimits& limits) {
  auto bytes = std::make_shared<const std::string>(get_text_block(in, limits));
  std::vector<uint32_t> lengths =
      get_packed_u32(in, head.n_rows, uint64_t{UINT32_MAX} + 1, "a text has an impossible length");
  std::vector<uint32_t> begins(lengths.size());
  uint64_t begin = 0;
  for (size_t row = 0; row < lengths.size(); ++row) {
    begins[row] = static_cast<uint32_t>(begin);
    begin += lengths[row];
    if (begin > bytes->size()) damaged("a text lies outside its bytes");
  }
  if (begin != bytes->size()) damaged("it has bytes that no row uses");
  return Column::from_slices(head.type, std::move(bytes), std::move(begins), std::move(lengths),
                             std::move(valid));
}

Coding coding_of(const Column& column) {
  if (column.type() == Type::real) return Coding::reals;
  if (!is_text(column.type())) return Coding::integers;
  return column.is_dictionary() ? Coding::dictionary : Coding::slices;
}

}  // namespace

std::string encode_column(const Column& column, int zstd_level) {
  const Coding coding = coding_of(column);
  std::string out;
  put(out, version);
  put(out, static_cast<uint8_t>(column.type()));
  put(out, static_cast<uint8_t>(coding));
  put(out, static_cast<uint8_t>(column.has_nulls()));
  put(out, static_cast<uint32_t>(column.n_rows()));
  if (column.has_nulls()) put_validity(out, column.valid());
  switch (coding) {
    case Coding::integers: put_integers(out, column); break;
    case Coding::reals:
      put_text_block(out,
                     {reinterpret_cast<const char*>(column.f64s().data()), column.n_rows() * 8},
                     zstd_level);
      break;
    case Coding::dictionary: put_dictionary(out, column, zstd_level); break;
    case Coding::slices: put_slices(out, column, zstd_level); break;
  }
  return out;
}

Column decode_column(std::string_view bytes, const DecodeLimits& limits) {
  Reader in(bytes);
  if (in.get<uint8_t>("it is empty") != version) damaged("its version is unknown");
  const auto type = in.get<uint8_t>("it is cut");
  const auto coding = static_cast<Coding>(in.get<uint8_t>("it is cut"));
  const auto has_validity = in.get<uint8_t>("it is cut");
  Head head{static_cast<Type>(type), has_validity != 0, in.get<uint32_t>("it is cut")};
  check_head(head, type, has_validity, limits);
  std::vector<uint8_t> valid;
  if (head.has_validity) valid = get_validity(in, head.n_rows);
  const bool text = is_text(head.type);

  Column column;
  if (coding == Coding::integers && !text && head.type != Type::real) {
    column = get_integers(in, head, std::move(valid));
  } else if (coding == Coding::reals && head.type == Type::real) {
    column = get_reals(in, head, std::move(valid), limits);
  } else if (coding == Coding::dictionary && text) {
    column = get_dictionary(in, head, std::move(valid), limits);
  } else if (coding == Coding::slices && text) {
    column = get_slices(in, head, std::move(valid), limits);
  } else {
    damaged("its coding does not fit its type");
  }
  in.expect_end();
  return column;
}

std::string encode_shared_text(std::span<const Column* const> columns, int zstd_level) {
  CHECK_INVARIANT(!columns.empty() && columns.size() <= 255);
  const std::shared_ptr<const std::string>& bytes = columns.front()->bytes();
  std::string out;
  put(out, version);
  put(out, static_cast<uint8_t>(columns.size()));
  put_text_block(out, bytes ? std::string_view(*bytes) : std::string_view(), zstd_level);
  for (const Column* column : columns) {
    CHECK_INVARIANT(column->bytes() == bytes && coding_of(*column) == Coding::slices);
    put(out, static_cast<uint8_t>(column->type()));
    put(out, static_cast<uint8_t>(column->has_nulls()));
    put(out, static_cast<uint32_t>(column->n_rows()));
    if (column->has_nulls()) put_validity(out, column->valid());
    put_packed(out, column->begins().data(), column->n_rows());
    put_packed(out, column->lengths().data(), column->n_rows());
  }
  return out;
}

std::vector<Column> decode_shared_text(std::string_view stored, const DecodeLimits& limits) {
  Reader in(stored);
  if (in.get<uint8_t>("it is empty") != version) damaged("its version is unknown");
  const auto n_columns = in.get<uint8_t>("it is cut");
  const auto bytes = std::make_shared<const std::string>(get_text_block(in, limits));
  std::vector<Column> columns;
  for (int i = 0; i < n_columns; ++i) {
    const auto type = in.get<uint8_t>("it is cut");
    const auto has_validity = in.get<uint8_t>("it is cut");
    Head head{static_cast<Type>(type), has_validity != 0, in.get<uint32_t>("it is cut")};
    check_head(head, type, has_validity, limits);
    if (!is_text(head.type)) damaged("its coding does not fit its type");
    std::vector<uint8_t> valid;
    if (head.has_validity) valid = get_validity(in, head.n_rows);
    const uint64_t end = bytes->size() + 1;
    std::vector<uint32_t> begins =
        get_packed_u32(in, head.n_rows, end, "a text lies outside its bytes");
    std::vector<uint32_t> lengths =
        get_packed_u32(in, head.n_rows, end, "a text lies outside its bytes");
    for (size_t row = 0; row < begins.size(); ++row) {
      if (lengths[row] > bytes->size() - begins[row]) damaged("a text lies outside its bytes");
    }
    columns.push_back(Column::from_slices(head.type, bytes, std::move(begins), std::move(lengths),
                                          std::move(valid)));
  }
  in.expect_end();
  return columns;
}

std::string encode_chunk(const Chunk& chunk, int zstd_level) {
  std::string out;
  put(out, version);
  put(out, static_cast<uint32_t>(chunk.columns.size()));
  put(out, uint64_t{chunk.n_rows});
  for (const Column& column : chunk.columns) {
    const bool stored = column.n_rows() > 0 || chunk.n_rows == 0;
    const std::string bytes = stored ? encode_column(column, zstd_level) : std::string();
    put(out, uint64_t{bytes.size()});
    out += bytes;
  }
  return out;
}

Chunk decode_chunk(std::string_view bytes, const DecodeLimits& limits) {
  Reader in(bytes);
  if (in.get<uint8_t>("it is empty") != version) damaged("its version is unknown");
  const auto n_columns = in.get<uint32_t>("it is cut");
  const auto n_rows = in.get<uint64_t>("it is cut");
  if (n_rows > limits.n_rows) damaged("it names more rows than a chunk can hold");
  Chunk chunk;
  chunk.n_rows = n_rows;
  for (uint32_t i = 0; i < n_columns; ++i) {
    const std::string_view part = in.take(in.get<uint64_t>("it is cut"), "it is cut");
    chunk.columns.push_back(part.empty() ? Column() : decode_column(part, limits));
    if (!part.empty() && chunk.columns.back().n_rows() != n_rows) {
      damaged("its columns differ in length");
    }
  }
  in.expect_end();
  return chunk;
}

}  // namespace app::columns
