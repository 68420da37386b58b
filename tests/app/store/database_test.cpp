#include "app/store/database.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "engine/base/error.h"
#include "tests/app/store/temp_folder.h"

using namespace app::store;
using engine::ErrorKind;

namespace {

// The error of opening the file, or none.
std::optional<engine::Error> refusal(const std::string& path, const DatabaseOptions& options = {}) {
  try {
    const Database database(path, options);
  } catch (const engine::Error& e) {
    return e;
  }
  return std::nullopt;
}

bool mentions(const engine::Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

constexpr Migration first_steps[] = {{1, "create table t (a)"}, {2, "alter table t add column b"}};
constexpr Migration more_steps[] = {{1, "create table t (a)"},
                                    {2, "alter table t add column b"},
                                    {3, "create table u (c); insert into u select a from t"}};
constexpr Migration broken_steps[] = {{1, "create table t (a)"},
                                      {2, "alter table t add column b"},
                                      {3, "create table v (d); insert into nowhere values (1)"}};

}  // namespace

TEST_CASE("store/database: a new file has the schema, links and the write-ahead log on") {
  const TempFolder folder;
  Database database(folder.file("new/deeper/sigmadesk.db"));
  CHECK(database.version() == migrations().back().version);
  Statement mode = database.prepare("pragma journal_mode");
  REQUIRE(mode.step());
  CHECK(mode.text(0) == "wal");
  Statement links = database.prepare("pragma foreign_keys");
  REQUIRE(links.step());
  CHECK(links.i64(0) == 1);
  CHECK(database.check().ok);
}

TEST_CASE("store/database: values of every kind come back exactly") {
  const auto database = Database::in_memory();
  database->execute("create table t (a, b, c, d, e, f)");
  const std::string text("nul \0 and é", 12), blob("\0\xff\0", 3);
  database->prepare("insert into t values (?, ?, ?, ?, ?, ?)")
      .with(std::numeric_limits<int64_t>::min(), UINT64_MAX, 0.1, text, std::string_view())
      .bind_blob(6, blob)
      .run();
  Statement row = database->prepare("select * from t");
  REQUIRE(row.step());
  CHECK(row.i64(0) == std::numeric_limits<int64_t>::min());
  CHECK(row.u64(1) == UINT64_MAX);
  CHECK(row.real(2) == 0.1);
  CHECK(row.text(3) == text);
  CHECK(row.text(4).empty());
  CHECK_FALSE(row.is_null(4));
  CHECK(row.blob(5) == blob);
  CHECK_FALSE(row.step());
}

TEST_CASE("store/database: a transaction that is not committed leaves nothing, nested ones join it") {
  const auto database = Database::in_memory();
  database->execute("create table t (a)");
  const auto count = [&] {
    Statement s = database->prepare("select count(*) from t");
    s.step();
    return s.i64(0);
  };
  {
    const Transaction outer(*database);
    database->execute("insert into t values (1)");
  }
  CHECK(count() == 0);
  {
    Transaction outer(*database);
    {
      Transaction inner(*database);
      database->execute("insert into t values (1)");
      inner.commit();
    }
    database->execute("insert into t values (2)");
    outer.commit();
  }
  CHECK(count() == 2);
  {
    Transaction outer(*database);
    { const Transaction inner(*database); }
    CHECK_THROWS_AS(outer.commit(), engine::Error);
  }
}

TEST_CASE("store/database: a second instance is told which process has the file") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  {
    const Database first(path);
    const auto error = refusal(path);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::busy);
    CHECK(mentions(*error, std::to_string(::getpid())));
    CHECK(mentions(*error, "close it"));
    CHECK_FALSE(refusal(path, {.read_only = true}));  // a reader may look on
  }
  CHECK_FALSE(refusal(path));
}

TEST_CASE("store/database: a killed process leaves no lock behind, and the next start knows of it") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  CHECK(Database(path).was_closed_cleanly());
  const pid_t child = ::fork();
  if (child == 0) {
    Database database(path);
    database.execute("insert into setting values ('k', 'v')");
    ::_exit(0);  // no destructor runs
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  {
    Database database(path);
    CHECK_FALSE(database.was_closed_cleanly());
    Statement s = database.prepare("select value from setting");
    REQUIRE(s.step());
    CHECK(s.text(0) == "v");
  }
  CHECK(Database(path).was_closed_cleanly());
}

TEST_CASE("store/database: an older file is copied, then upgraded, and both are said") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  {
    Database old(path, {.schema = first_steps});
    CHECK(old.version() == 2);
    CHECK(old.notes().empty());
    old.execute("insert into t values (7, 8)");
  }
  Database database(path, {.schema = more_steps});
  CHECK(database.version() == 3);
  Statement s = database.prepare("select c from u");
  REQUIRE(s.step());
  CHECK(s.i64(0) == 7);
  REQUIRE(database.notes().size() == 1);
  CHECK(database.notes()[0].find(path + ".v2.backup") != std::string::npos);
  CHECK_FALSE(refusal(path + ".v2.backup", {.schema = first_steps}));  // the copy is whole
}

TEST_CASE("store/database: an upgrade that fails leaves the file at its version") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  { const Database old(path, {.schema = first_steps}); }
  CHECK(refusal(path, {.schema = broken_steps}));
  Database same(path, {.schema = first_steps});
  CHECK(same.version() == 2);
  CHECK_THROWS_AS((void)same.prepare("select * from v"), engine::Error);
}

TEST_CASE("store/database: a file of a newer version is refused and stays as it is") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  { const Database newer(path, {.schema = more_steps}); }
  const std::string before = content(path);
  const auto error = refusal(path, {.schema = first_steps});
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::unsupported);
  CHECK(mentions(*error, "newer"));
  CHECK(mentions(*error, path));
  CHECK(content(path) == before);
}

TEST_CASE("store/database: a damaged file is named, kept, and can be set aside") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  { const Database database(path); }
  const std::string good = content(path);
  std::string scribbled = good;
  scribbled.replace(100, 4000, std::string(4000, '\x5a'));
  for (const std::string& bytes :
       {std::string("hello, this is no database; it is longer than a header of a database file would "
                    "be, though, by a few bytes"),
        good.substr(0, 60), scribbled}) {
    CAPTURE(bytes.size());
    write(path, bytes);
    const auto error = refusal(path);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::invalid_input);
    CHECK(mentions(*error, path));
    CHECK(mentions(*error, "set-aside"));
    CHECK(content(path) == bytes);
  }
  const std::string kept = set_aside_database(path);
  CHECK(content(kept) == scribbled);
  CHECK_FALSE(refusal(path));
}

TEST_CASE("store/database: a file cut in the middle fails its check or its opening") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  {
    Database database(path);
    for (int i = 0; i < 300; ++i) {
      database.prepare("insert into setting values (?, ?)")
          .with(std::to_string(i), std::string(1000, 'x'))
          .run();
    }
  }
  std::filesystem::resize_file(path, content(path).size() / 2 / 4096 * 4096);
  const auto error = refusal(path);
  if (!error) CHECK_FALSE(Database(path).check().ok);
}

TEST_CASE("store/database: check finds a row whose parent is missing") {
  const auto database = Database::in_memory();
  database->execute("pragma foreign_keys = off; insert into session_tag values (99, 'x')");
  const DatabaseCheck check = database->check();
  CHECK_FALSE(check.ok);
  REQUIRE(check.problems.size() == 1);
  CHECK(check.problems[0].find("session_tag") != std::string::npos);
}

TEST_CASE("store/database: a database of another program is refused and left alone") {
  const TempFolder folder;
  const std::string path = folder.file("sigmadesk.db");
  {
    Database database(path);
    database.execute("pragma application_id = 7");
  }
  const auto error = refusal(path);
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::invalid_input);
  CHECK(mentions(*error, "another program"));
}

TEST_CASE("store/database: reading only needs a file that is there") {
  const TempFolder folder;
  const auto error = refusal(folder.file("none.db"), {.read_only = true});
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::not_found);
}

TEST_CASE("store/database: a folder that cannot be written is said; what is there can still be read") {
  const TempFolder folder;
  const std::string path = folder.file("sub/sigmadesk.db");
  { const Database database(path); }
  std::filesystem::permissions(folder.file("sub"), std::filesystem::perms(0555));
  std::filesystem::permissions(folder.path, std::filesystem::perms(0755));
  std::filesystem::permissions(path, std::filesystem::perms(0444));
  std::filesystem::permissions(path + ".lock", std::filesystem::perms(0444));
  // The superuser may write anywhere; the child gives that up.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(9);
    const auto error = refusal(path);
    if (!error || error->kind() != ErrorKind::io || !mentions(*error, "--data-folder")) ::_exit(1);
    const auto missing = refusal(folder.file("sub/other.db"));
    if (!missing || missing->kind() != ErrorKind::io || !mentions(*missing, "--data-folder")) ::_exit(2);
    const auto deeper = refusal(folder.file("sub/deeper/other.db"));
    if (!deeper || deeper->kind() != ErrorKind::io) ::_exit(3);
    ::_exit(refusal(path, {.read_only = true}) ? 4 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::permissions(folder.file("sub"), std::filesystem::perms(0755));
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("store/database: a write to a full disk says so and loses nothing that was saved") {
  const TempFolder folder;
  Database database(folder.file("sigmadesk.db"));
  database.execute("insert into setting values ('kept', 'yes'); pragma max_page_count = 80");
  try {
    for (int i = 0; i < 1000; ++i) {
      database.prepare("insert into setting values (?, ?)")
          .with(std::to_string(i), std::string(4000, 'x'))
          .run();
    }
    FAIL("the disk never filled up");
  } catch (const engine::Error& e) {
    CHECK(e.kind() == ErrorKind::io);
    CHECK(mentions(e, "disk is full"));
  }
  Statement s = database.prepare("select value from setting where key = 'kept'");
  REQUIRE(s.step());
  CHECK(s.text(0) == "yes");
  CHECK(database.check().ok);
}
