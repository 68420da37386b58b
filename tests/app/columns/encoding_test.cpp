#include "app/columns/encoding.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "engine/base/error.h"

using namespace app::columns;

namespace {

constexpr int64_t least = std::numeric_limits<int64_t>::min();
constexpr int64_t most = std::numeric_limits<int64_t>::max();

bool same(const Column& a, const Column& b) {
  if (a.type() != b.type() || a.n_rows() != b.n_rows()) return false;
  for (size_t row = 0; row < a.n_rows(); ++row) {
    if (a.is_null(row) != b.is_null(row)) return false;
    if (a.is_null(row)) continue;
    if (is_text(a.type()) && a.text(row) != b.text(row)) return false;
    if (a.type() == Type::real) {
      const double x = a.f64(row), y = b.f64(row);
      if (std::memcmp(&x, &y, sizeof x) != 0) return false;  // NaN and -0 too
    } else if (!is_text(a.type()) && a.i64(row) != b.i64(row)) {
      return false;
    }
  }
  return true;
}

bool round_trips(const Column& column) {
  return same(decode_column(encode_column(column)), column);
}

bool refused(std::string_view bytes) {
  try {
    (void)decode_column(bytes);
  } catch (const engine::Error& e) {
    return e.kind() == engine::ErrorKind::invalid_input;
  }
  return false;
}

// One column of each coding, with nulls where the type has them.
std::vector<Column> one_of_each() {
  Column time(Type::datetime), real(Type::real), text(Type::string), json(Type::dynamic);
  for (int i = 0; i < 3000; ++i) {
    i % 7 == 0 ? time.push_null() : time.push_i64(638'000'000'000'000'000 + i * 10'000);
    i % 5 == 0 ? real.push_null() : real.push_f64(i * 0.25);
    text.push_text("line " + std::to_string(i));
    i % 3 == 0 ? json.push_null() : json.push_text("{\"i\":" + std::to_string(i) + "}");
  }
  auto levels = std::make_shared<Dictionary>(Dictionary{{"", "INFO", "ERROR"}});
  std::vector<uint32_t> codes;
  for (uint32_t i = 0; i < 3000; ++i) codes.push_back(i % 3);
  return {time, real, text, json, Column::from_dictionary(Type::string, levels, codes)};
}

}  // namespace

TEST_CASE("columns/encoding: integers of every size and shape come back") {
  std::mt19937_64 random(7);
  for (const size_t n : {0u, 1u, 2u, 63u, 64u, 65u, 1023u, 1024u, 1025u, 3000u}) {
    for (int bits = 0; bits <= 64; ++bits) {
      CAPTURE(n);
      CAPTURE(bits);
      std::vector<int64_t> noise, rising;
      int64_t value = least / 2;
      for (size_t i = 0; i < n; ++i) {
        const uint64_t draw = bits == 0 ? 0 : random() >> (64 - bits);
        noise.push_back(static_cast<int64_t>(draw));
        value = static_cast<int64_t>(static_cast<uint64_t>(value) + draw);
        rising.push_back(value);
      }
      REQUIRE(round_trips(Column::from_i64(Type::int64, noise)));
      REQUIRE(round_trips(Column::from_i64(Type::timespan, rising)));
    }
  }
}

TEST_CASE("columns/encoding: the extremes of int64 side by side come back") {
  CHECK(round_trips(Column::from_i64(Type::int64, {least, most, 0, -1, most, least, 1})));
  CHECK(round_trips(Column::from_i64(Type::int64, {least, least})));
}

TEST_CASE("columns/encoding: nulls stay null and cost no width") {
  std::vector<int64_t> values(1000, 638'000'000'000'000'000);
  std::vector<uint8_t> valid(1000, 1);
  for (size_t i = 0; i < 1000; i += 2) values[i] = valid[i] = 0;
  const Column column = Column::from_i64(Type::datetime, values, valid);
  const std::string bytes = encode_column(column);
  CHECK(same(decode_column(bytes), column));
  CHECK(decode_column(bytes).i64(0) == 0);
  CHECK(bytes.size() < 200);  // 125 of them are the validity
  CHECK(round_trips(Column::from_i64(Type::int64, {0, 0, 0}, {0, 0, 0})));
}

TEST_CASE("columns/encoding: reals come back bit for bit") {
  CHECK(round_trips(Column::from_f64({0.0, -0.0, std::nan("7"), INFINITY, -INFINITY, 1e-310, 0.1})));
  CHECK(round_trips(Column::from_f64({})));
}

TEST_CASE("columns/encoding: text of any bytes comes back, empty rows too") {
  Column column(Type::string);
  for (const auto& text : {std::string(), std::string("a\0b", 3), std::string("\xff\xfe"),
                           std::string(100'000, 'x'), std::string("日本")}) {
    column.push_text(text);
  }
  CHECK(round_trips(column));
}

TEST_CASE("columns/encoding: a filtered column stores only what it shows") {
  Column column(Type::string);
  for (int i = 0; i < 1000; ++i) column.push_text(std::string(100, static_cast<char>('a' + i % 26)));
  const Column two = column.take({999, 5});
  CHECK(round_trips(two));
  CHECK(encode_column(two).size() < 200);
  auto dictionary = std::make_shared<Dictionary>();
  for (int i = 0; i < 5000; ++i) dictionary->values.push_back("value " + std::to_string(i));
  CHECK(encode_column(Column::from_dictionary(Type::string, dictionary, {4999, 1, 4999})).size() < 100);
}

TEST_CASE("columns/encoding: rising times take under two bytes a row") {
  std::vector<int64_t> times;
  std::mt19937_64 random(1);
  int64_t time = 638'000'000'000'000'000;
  for (size_t i = 0; i < chunk_rows; ++i) times.push_back(time += random() % 10'000);
  CHECK(encode_column(Column::from_i64(Type::datetime, times)).size() < chunk_rows * 2);
}

TEST_CASE("columns/encoding: columns that share their text store it once") {
  const auto bytes = std::make_shared<const std::string>("<1>disk full<2>disk slow");
  const Column raw = Column::from_slices(Type::string, bytes, {0, 12}, {12, 12});
  const Column message = Column::from_slices(Type::string, bytes, {3, 15}, {9, 9});
  const Column* both[] = {&raw, &message};
  const std::vector<Column> back = decode_shared_text(encode_shared_text(both));
  REQUIRE(back.size() == 2);
  CHECK(same(back[0], raw));
  CHECK(same(back[1], message));
  CHECK(back[0].bytes() == back[1].bytes());
}

TEST_CASE("columns/encoding: a chunk comes back, columns left out stay left out") {
  Chunk chunk;
  chunk.columns = one_of_each();
  chunk.columns.emplace_back();
  chunk.n_rows = 3000;
  const Chunk back = decode_chunk(encode_chunk(chunk));
  REQUIRE(back.columns.size() == chunk.columns.size());
  CHECK(back.n_rows == 3000);
  for (size_t i = 0; i < chunk.columns.size(); ++i) CHECK(same(back.columns[i], chunk.columns[i]));
}

TEST_CASE("columns/encoding: a column cut at any byte is refused") {
  for (const Column& column : one_of_each()) {
    const std::string bytes = encode_column(column);
    for (size_t n = 0; n < bytes.size(); n += n < 200 ? 1 : 37) {
      CAPTURE(n);
      REQUIRE(refused(std::string_view(bytes).substr(0, n)));
    }
    CHECK(refused(bytes + "x"));
  }
}

TEST_CASE("columns/encoding: a column with a flipped byte is read or refused, never worse") {
  for (const Column& column : one_of_each()) {
    const std::string good = encode_column(column);
    for (size_t at = 0; at < good.size(); at += at < 200 ? 1 : 11) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x81);
      try {
        const Column back = decode_column(bad);
        for (size_t row = 0; row < back.n_rows() && is_text(back.type()); ++row) (void)back.text(row);
      } catch (const engine::Error& e) {
        REQUIRE(e.kind() == engine::ErrorKind::invalid_input);
      }
    }
  }
}

TEST_CASE("columns/encoding: more rows or text than the limits allow are refused before memory is taken") {
  Column column(Type::string);
  for (int i = 0; i < 100; ++i) column.push_text(std::string(1000, 'a'));
  const std::string bytes = encode_column(column);
  CHECK_THROWS_AS((void)decode_column(bytes, {.n_rows = 99}), engine::Error);
  CHECK_THROWS_AS((void)decode_column(bytes, {.text_bytes = 99'999}), engine::Error);
  CHECK_NOTHROW((void)decode_column(bytes, {.n_rows = 100, .text_bytes = 100'000}));
}
