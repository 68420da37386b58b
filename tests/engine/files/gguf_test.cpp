// Each class of hostile file that GGUF loaders have fallen to: one clear error, nothing read outside.
#include "engine/files/gguf.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "engine/base/error.h"
#include "engine/files/gguf_writer.h"
#include "engine/files/model_file.h"
#include "tests/support/gguf_bytes.h"

using engine::DType;
using engine::Error;
using engine::ErrorKind;
using test_support::GgufBytes;

namespace {

// Parses an exact heap copy, so that a read past the end is seen by the sanitizers.
std::string problem(const std::string& bytes, ErrorKind kind = ErrorKind::invalid_input) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  try {
    engine::parse_gguf(std::as_bytes(std::span(copy.data(), copy.size())), "m.gguf");
  } catch (const Error& e) {
    CHECK(e.kind() == kind);
    CHECK(std::string(e.what()).find("m.gguf") == 0);
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

GgufBytes small_file() {
  GgufBytes b;
  b.header(2, 4)
      .value_string("general.architecture", "llama")
      .value_u32("llama.block_count", 7);
  b.string("ids").u32(9).u32(5).u64(3).number(int32_t{1}).number(int32_t{-2}).number(int32_t{3});
  b.string("tokens").u32(9).u32(8).u64(2).string("a").string("bc");
  b.tensor("x", {4, 2}, 0, 0).tensor("y", {32}, 8, 32).pad().data(32).data(34);
  return b;
}

GgufBytes one_tensor(std::initializer_list<uint64_t> dims, uint32_t type, uint64_t offset, size_t n_data) {
  GgufBytes b;
  b.header(1, 0).tensor("x", dims, type, offset).pad().data(n_data);
  return b;
}

}  // namespace

TEST_CASE("files/gguf: metadata and tensors are read with their types") {
  const GgufBytes b = small_file();
  const auto file = engine::parse_gguf(b.span(), "m.gguf");
  CHECK(file->architecture() == "llama");
  CHECK(file->u64(file->key("block_count")) == 7);
  CHECK(file->i64_array("ids") == std::vector<int64_t>{1, -2, 3});
  CHECK(file->string_array("tokens") == std::vector<std::string_view>{"a", "bc"});
  CHECK_FALSE(file->u64("absent").has_value());
  REQUIRE(file->find("y") != nullptr);
  CHECK(file->find("y")->dtype == DType::q8_0);
  CHECK(file->find("y")->size_bytes == 34);
  CHECK(file->find("x")->dims[0] == 4);
  CHECK(file->find("x")->dims[1] == 2);
  CHECK(file->find("z") == nullptr);
}

TEST_CASE("files/gguf: version 2 is read as version 3 is") {
  std::string bytes = small_file().bytes;
  bytes[4] = 2;
  CHECK(problem(bytes) == "no error");
}

TEST_CASE("files/gguf: a file cut at any byte gives one error") {
  const std::string whole = small_file().bytes;
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(problem(whole.substr(0, n)) != "no error");
  }
  CHECK(problem(whole) == "no error");
}

TEST_CASE("files/gguf: a getter checks the type, element type and range of each use") {
  GgufBytes b;
  b.header(0, 6).value_string("s", "text").value_u32("n", 5);
  b.string("u8s").u32(9).u32(0).u64(2).data(2, 9);
  b.string("minus").u32(5).number(int32_t{-1});
  b.string("nan").u32(6).number(std::numeric_limits<float>::quiet_NaN());
  b.string("big").u32(10).u64(UINT64_MAX);
  const auto file = engine::parse_gguf(b.span(), "m.gguf");
  CHECK_THROWS_AS(file->u64("s"), Error);
  CHECK_THROWS_AS(file->string("n"), Error);
  CHECK_THROWS_AS(file->u64("minus"), Error);
  CHECK_THROWS_AS(file->f64("nan"), Error);
  CHECK_THROWS_AS(file->i64("big"), Error);
  CHECK(file->u64("big") == UINT64_MAX);
  CHECK_THROWS_AS(file->string_array("u8s"), Error);
  CHECK_THROWS_AS(file->i64_array("n"), Error);
  CHECK_THROWS_AS(file->u64("u8s"), Error);
  CHECK(file->f64_array("u8s") == std::vector<double>{9, 9});  // decoded as what it is
  CHECK_THROWS_AS(file->boolean("n"), Error);
}

TEST_CASE("files/gguf: string lengths are held against the bytes left") {
  GgufBytes key, value;
  key.header(0, 1).u64(UINT64_MAX).data(20);
  CHECK(contains(problem(key.bytes), "metadata key"));
  value.header(0, 1).string("k").u32(8).u64(uint64_t{1} << 32).data(20);
  CHECK(contains(problem(value.bytes), "4294967296"));
}

TEST_CASE("files/gguf: counts are held against the bytes left") {
  CHECK(contains(problem(GgufBytes().header(UINT64_MAX, 0).data(40).bytes), "tensors cannot fit"));
  CHECK(contains(problem(GgufBytes().header(0, UINT64_MAX / 13 + 1).data(40).bytes), "metadata entries"));
  GgufBytes strings, numbers;
  strings.header(0, 1).string("k").u32(9).u32(8).u64(UINT64_MAX / 8 + 2).data(40);
  CHECK(contains(problem(strings.bytes), "cannot fit"));
  numbers.header(0, 1).string("k").u32(9).u32(12).u64((UINT64_MAX / 8) + 2).data(40);
  CHECK(contains(problem(numbers.bytes), "cannot fit"));
}

TEST_CASE("files/gguf: dimensions are at least 1, at most four, and their product is checked") {
  CHECK(contains(problem(one_tensor({4, 0}, 0, 0, 64).bytes), "dimension 1"));
  CHECK(contains(problem(one_tensor({}, 0, 0, 64).bytes), "0 dimensions"));
  CHECK(contains(problem(one_tensor({1, 1, 1, 1, 1}, 0, 0, 64).bytes), "5 dimensions"));
  CHECK(contains(problem(one_tensor({UINT64_MAX}, 0, 0, 64).bytes), "dimension 0"));
  // 2^62 * 4 bytes wraps to 0; 2^31 * 2^31 * 2^2 wraps in the count.
  CHECK(contains(problem(one_tensor({uint64_t{1} << 62}, 0, 0, 64).bytes), "do not fit"));
  const uint64_t k = uint64_t{1} << 31;
  CHECK(contains(problem(one_tensor({k, k, 4}, 0, 0, 64).bytes), "do not fit"));
  CHECK(contains(problem(one_tensor({33}, 8, 0, 640).bytes), "do not fit"));  // half a block
}

TEST_CASE("files/gguf: tensor data lies inside the file") {
  CHECK(problem(one_tensor({8}, 0, 0, 32).bytes) == "no error");
  CHECK(contains(problem(one_tensor({8}, 0, 0, 31).bytes), "cut off"));
  CHECK(contains(problem(one_tensor({8}, 0, 32, 32).bytes), "cut off"));
  CHECK(contains(problem(one_tensor({8}, 0, UINT64_MAX - 31, 32).bytes), "cut off"));
  CHECK(contains(problem(one_tensor({8}, 0, uint64_t{1} << 63, 32).bytes), "cut off"));
}

TEST_CASE("files/gguf: tensors neither overlap nor lie misaligned") {
  CHECK(contains(problem(one_tensor({4}, 0, 4, 64).bytes), "alignment"));
  GgufBytes overlap;
  overlap.header(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad().data(64);
  CHECK(contains(problem(overlap.bytes), "tensor b overlaps tensor a"));
  GgufBytes odd;
  odd.header(1, 1).value_u32("general.alignment", 1).tensor("ab", {4}, 0, 0).data(16);
  CHECK(odd.bytes.size() % 4 != 0);
  CHECK(contains(problem(odd.bytes), "address"));
}

TEST_CASE("files/gguf: the alignment is a u32 power of two up to 64 K") {
  for (const uint32_t alignment : {0u, 3u, 48u, 0x20000u, 0x80000000u, 0xFFFFFFFFu}) {
    CAPTURE(alignment);
    CHECK(contains(problem(GgufBytes().header(0, 1).value_u32("general.alignment", alignment).bytes),
                   "power of two"));
  }
  GgufBytes wrong_type;
  wrong_type.header(0, 1).value_string("general.alignment", "32");
  CHECK(contains(problem(wrong_type.bytes), "not a u32"));
  GgufBytes wide;
  wide.header(0, 1).string("general.alignment").u32(10).u64(32);
  CHECK(contains(problem(wide.bytes), "not a u32"));
  GgufBytes good;
  good.header(1, 1).value_u32("general.alignment", 64).tensor("x", {8}, 0, 64).pad(64).data(96);
  CHECK(problem(good.bytes) == "no error");
}

TEST_CASE("files/gguf: duplicate keys and tensor names are refused") {
  CHECK(contains(problem(GgufBytes().header(0, 2).value_u32("k", 1).value_u32("k", 1).bytes), "stands twice"));
  GgufBytes twins;
  twins.header(2, 0).tensor("x", {8}, 0, 0).tensor("x", {8}, 0, 32).pad().data(64);
  CHECK(contains(problem(twins.bytes), "tensor x stands twice"));
}

TEST_CASE("files/gguf: types outside their tables are refused, known ones by name") {
  CHECK(contains(problem(GgufBytes().header(0, 1).string("k").u32(13).u64(0).bytes), "type 13"));
  CHECK(contains(problem(GgufBytes().header(0, 1).string("k").u32(9).u32(99).u64(0).bytes), "type 99"));
  CHECK(contains(problem(GgufBytes().header(0, 1).string("k").u32(9).u32(9).u64(1).u64(0).u64(0).bytes,
                         ErrorKind::unsupported), "array of arrays"));
  CHECK(contains(problem(GgufBytes().header(0, 1).string("k").u32(7).data(1, 2).bytes), "boolean"));
  CHECK(contains(problem(one_tensor({8}, 0xFFFFFFFF, 0, 64).bytes), "does not exist"));
  CHECK(contains(problem(one_tensor({8}, 4, 0, 64).bytes), "does not exist"));  // removed from ggml
  CHECK(contains(problem(one_tensor({256}, 16, 0, 640).bytes, ErrorKind::unsupported), "IQ2_XXS"));
}

TEST_CASE("files/gguf: other files and byte orders are named") {
  CHECK(contains(problem(""), "empty"));
  CHECK(contains(problem("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"));
  CHECK(contains(problem("<!DOCTYPE html>"), "web page"));
  std::string big("GGUF\0\0\0\3", 8);
  big += std::string(16, '\0');
  CHECK(contains(problem(big, ErrorKind::unsupported), "big-endian"));
  CHECK(contains(problem(GgufBytes().header(0, 0, 1).bytes, ErrorKind::unsupported), "version 1"));
  CHECK(contains(problem(GgufBytes().header(0, 1).value_u32("split.count", 3).bytes, ErrorKind::unsupported),
                 "merge"));
}

TEST_CASE("files/gguf: a stop request ends loading") {
  std::stop_source stop;
  stop.request_stop();
  const GgufBytes b = small_file();
  try {
    engine::parse_gguf(b.span(), "m.gguf", stop.get_token());
    FAIL("loaded");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::cancelled);
  }
}

TEST_CASE("files/gguf_writer: what is written is read back") {
  const auto path = std::filesystem::temp_directory_path() / "sigma_writer_test.gguf";
  const std::vector<float> x = {1, 2, 3, 4, 5};
  const std::vector<float> y = {6, 7};
  {
    engine::GgufWriter out(path.string());
    out.set_string("general.architecture", "sigma");
    out.set_f32("pi", 3.5f);
    out.set_bool("yes", true);
    const std::vector<std::string_view> words = {"a", "", "ccc"};
    out.set_strings("words", words);
    const std::vector<int64_t> x_dims = {5}, y_dims = {1, 2};
    out.add_tensor("x", DType::f32, x_dims);
    out.add_tensor("y", DType::f32, y_dims);
    const auto bytes = std::as_bytes(std::span(x));
    out.write(bytes.subspan(0, 7));
    out.write(bytes.subspan(7));
    out.write(std::as_bytes(std::span(y)));
    CHECK_FALSE(std::filesystem::exists(path));
    out.finish();
  }
  const auto file = engine::ModelFile::open(path.string());
  CHECK(file->f64("pi") == 3.5);
  CHECK(file->boolean("yes") == true);
  CHECK(file->string_array("words")->at(2) == "ccc");
  REQUIRE(file->find("y") != nullptr);
  CHECK(std::memcmp(file->find("x")->data, x.data(), 20) == 0);
  CHECK(std::memcmp(file->find("y")->data, y.data(), 8) == 0);
  std::filesystem::remove(path);
}

TEST_CASE("files/gguf_writer: an unfinished file leaves nothing behind") {
  const auto path = std::filesystem::temp_directory_path() / "sigma_unfinished.gguf";
  { engine::GgufWriter out(path.string()); }
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
}
