#include "app/logs/input.h"

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <zlib.h>

#include "engine/base/error.h"
#include "tests/support/temporary_folder.h"

using namespace app;
using namespace app::logs;

namespace {

std::string read_all(ByteStream& stream) {
  std::string out;
  char buffer[777];
  while (const size_t n = stream.read(buffer, sizeof buffer)) out.append(buffer, n);
  return out;
}

struct Read {
  std::string path, kind, text;
  std::vector<std::string> notes;
};

std::vector<Read> read_inputs(InputList& list) {
  std::vector<Read> out;
  while (std::optional<LogInput> input = list.next()) {
    std::string text = read_all(*input->stream);
    out.push_back({input->path, input->kind, std::move(text), input->stream->notes()});
  }
  return out;
}

std::string gzip(const std::string& text) {
  z_stream z = {};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, uLong(text.size())) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = uInt(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// A tar or zip of name -> content.
std::string pack(bool zip, const std::vector<std::pair<std::string, std::string>>& files) {
  std::string out(1 << 20, '\0');
  size_t used = 0;
  archive* a = archive_write_new();
  zip ? archive_write_set_format_zip(a) : archive_write_set_format_ustar(a);
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (const auto& [name, content] : files) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, name.c_str());
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, la_int64_t(content.size()));
    archive_entry_set_mtime(e, 1767225600, 0);
    archive_write_header(a, e);
    archive_write_data(a, content.data(), content.size());
    archive_entry_free(e);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

std::string numbered_lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "line " + std::to_string(i) + " of the log\n";
  return text;
}

}  // namespace

TEST_CASE("logs/input: a folder is read in name order, folders below included") {
  TemporaryFolder folder;
  folder.write("b.log", "two\n");
  folder.write("a/x.log", "one\n");
  folder.write("c.log", "");
  InputList list({folder.path()});
  const std::vector<Read> got = read_inputs(list);
  REQUIRE(got.size() == 3);
  CHECK(got[0].text == "one\n");
  CHECK(got[1].text == "two\n");
  CHECK(got[2].text.empty());
  CHECK(got[0].kind == "file");
}

TEST_CASE("logs/input: a missing file, a device and a picture are refused with path and cause") {
  TemporaryFolder folder;
  const std::string picture =
      folder.write("photo.log", std::string("\xFF\xD8\xFF\xE0\0\x10JFIF", 10));
  const auto error_of = [](const std::string& path) {
    InputList list({path});
    try {
      list.next();
    } catch (const engine::Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(error_of(folder.path() + "/none.log").find("none.log: cannot be opened") !=
        std::string::npos);
  CHECK(error_of("/dev/null").find("is a device") != std::string::npos);
  CHECK(error_of(picture).find("JPEG image") != std::string::npos);
  InputList list({folder.path()});
  CHECK_FALSE(list.next().has_value());
  REQUIRE(list.notes().size() == 1);
  CHECK(list.notes()[0].find("skipped") != std::string::npos);
}

TEST_CASE("logs/input: a text that begins like a binary file is a text") {
  CHECK(known_binary_kind("GGUF file loaded in 3 s\n").empty());
  CHECK(known_binary_kind(std::string_view("GGUF\3\0\0\0", 8)) == "model file (GGUF)");
  CHECK(known_binary_kind("").empty());
}

TEST_CASE("logs/input: archives inside archives give their members by name") {
  TemporaryFolder folder;
  const std::string text = numbered_lines(500);
  const std::string inner = gzip(pack(false, {{"deep/one.log", text}}));
  const std::string outer =
      pack(true, {{"inner.tgz", inner}, {"two.log", "plain\n"}, {"three.log.gz", gzip(text)}});
  InputList list({folder.write("bundle.zip", outer)});
  const std::vector<Read> got = read_inputs(list);
  REQUIRE(got.size() == 3);
  CHECK(got[0].path.ends_with("bundle.zip!inner.tgz!deep/one.log"));
  CHECK(got[0].text == text);
  CHECK(got[0].kind == "archive_member");
  CHECK(got[1].text == "plain\n");
  CHECK(got[2].text == text);
}

TEST_CASE("logs/input: gzip cut at any place gives all text before the cut, and says so") {
  TemporaryFolder folder;
  const std::string text = numbered_lines(300), whole = gzip(text);
  size_t longest = 0;
  for (size_t cut = 3; cut < whole.size(); cut += 37) {
    CAPTURE(cut);
    InputList list({folder.write("x.gz", whole.substr(0, cut))});
    const std::vector<Read> got = read_inputs(list);
    REQUIRE(got.size() == 1);
    CHECK(text.starts_with(got[0].text));
    CHECK(got[0].text.size() >= longest);
    longest = got[0].text.size();
    REQUIRE(got[0].notes.size() == 1);
    CHECK(got[0].notes[0].find("cut off after") != std::string::npos);
  }
  CHECK(longest > text.size() / 2);
}

TEST_CASE(
    "logs/input: gzip members one after the other are one text; damage in the middle is said") {
  TemporaryFolder folder;
  const std::string a = gzip("first\n"), b = gzip("second\n");
  InputList list({folder.write("two.gz", a + b)});
  CHECK(read_inputs(list).at(0).text == "first\nsecond\n");
  InputList followed({folder.write("junk.gz", a + "not gzip")});
  const std::vector<Read> got = read_inputs(followed);
  CHECK(got.at(0).text == "first\n");
  CHECK(got.at(0).notes.size() == 1);
}

TEST_CASE("logs/input: a bomb is cut where it expands beyond the limits") {
  TemporaryFolder folder;
  InputLimits limits;
  limits.free_expanded_bytes = 1 << 20;
  limits.max_ratio = 100;
  InputList list({folder.write("bomb.gz", gzip(std::string(64 << 20, 'x')))}, limits);
  const std::vector<Read> got = read_inputs(list);
  REQUIRE(got.size() == 1);
  CHECK(got[0].text.size() < (16 << 20));
  REQUIRE(got[0].notes.size() == 1);
  CHECK(got[0].notes[0].find("expands far beyond") != std::string::npos);
}

TEST_CASE("logs/input: archives nested too deep are skipped with a note") {
  TemporaryFolder folder;
  std::string text = "x\n";
  for (int i = 0; i < 10; ++i) text = gzip(text);
  InputList list({folder.write("deep.gz", text)});
  CHECK_FALSE(list.next().has_value());
  REQUIRE(list.notes().size() == 1);
  CHECK(list.notes()[0].find("nested deeper") != std::string::npos);
}

TEST_CASE("logs/input: a tar cut at any block neither hangs nor loses the members before") {
  TemporaryFolder folder;
  const std::string whole =
      pack(false, {{"a.log", numbered_lines(100)}, {"b.log", numbered_lines(200)}});
  for (size_t cut = 600; cut < whole.size(); cut += 700) {
    CAPTURE(cut);
    InputList list({folder.write("x.tar", whole.substr(0, cut))});
    const std::vector<Read> got = read_inputs(list);
    REQUIRE(got.size() >= 1);
    CHECK(numbered_lines(100).starts_with(got[0].text));
    if (cut > 4096) CHECK(got[0].text == numbered_lines(100));
  }
}

TEST_CASE("logs/input: pasted text is an input too") {
  LogInput input = pasted_text("a\nb\n", "pasted 10:42");
  CHECK(input.kind == "paste");
  CHECK(input.stream->peek_at(2, 10) == "b\n");
  CHECK(read_all(*input.stream) == "a\nb\n");
}
