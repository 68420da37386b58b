// kill -9 at any moment loses at most the last second: a child appends under load and says what it
// has appended; it is killed, the file is opened again and must hold what the child said a second
// before. The first start of a child creates the file, the others go on with it.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "app/store/database.h"
#include "app/store/log_store.h"
#include "app/store/session_store.h"
#include "tests/app/store/temp_folder.h"

using namespace app;
using namespace app::store;
using std::chrono::steady_clock;

namespace {

struct Said {
  uint64_t n_rows;
  int64_t ns;  // of steady_clock, which all processes share
};

int64_t now_ns() { return steady_clock::now().time_since_epoch().count(); }

std::string text_of(uint64_t row) { return "row " + std::to_string(row) + " of a log under load"; }

// Appends until it is killed; half of the children append as fast as they can, half in drops.
[[noreturn]] void append_for_ever(const std::string& path, int64_t session, bool fast, int out) {
  try {
    Database database(path);
    SessionStore sessions(database);
    const auto store = open_log_store(database, session);
    if (store->snapshot()->sources().empty()) store->add_source({});
    uint64_t row = store->snapshot()->n_rows();
    std::vector<std::string> texts(fast ? 2000 : 20);
    std::vector<Record> records(texts.size());
    for (;;) {
      for (size_t i = 0; i < texts.size(); ++i) {
        texts[i] = text_of(row + i);
        records[i].raw = records[i].message = texts[i];
        records[i].line = row + i + 1;
      }
      row = store->append(records) + records.size();
      const Said said{row, now_ns()};
      if (::write(out, &said, sizeof said) != sizeof said) ::_exit(1);
      if (fast) continue;
      sessions.set_state(session, "draft", std::to_string(row));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child: %s\n", e.what());
    ::_exit(2);
  }
}

// Lets a child run for a while, kills it, and gives the rows that it had appended a second before.
uint64_t rows_a_second_before_the_kill(const std::string& path, int64_t session, bool fast, int run_ms) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    append_for_ever(path, session, fast, ends[1]);
  }
  ::close(ends[1]);
  std::vector<Said> said;
  std::thread reader([&] {
    for (Said one; ::read(ends[0], &one, sizeof one) == sizeof one;) said.push_back(one);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(run_ms));
  const int64_t killed_ns = now_ns();
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  reader.join();
  ::close(ends[0]);
  REQUIRE(WIFSIGNALED(status));
  uint64_t n_rows = 0;
  for (const Said& one : said) {
    if (one.ns <= killed_ns - 1'000'000'000) n_rows = one.n_rows;
  }
  return n_rows;
}

}  // namespace

TEST_CASE("store/kill: 50 times kill -9 under load lose at most the last second and never a chunk") {
  const TempFolder folder(true);
  const std::string path = folder.file("sigmadesk.db");
  int64_t session = 0;
  {
    Database database(path);
    session = SessionStore(database).create("kill");
  }
  std::mt19937 random(20260101);
  uint64_t n_checked = 0;
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    // Most are killed early, at the start, in a first write; some late enough to prove the second.
    const int run_ms = round % 5 == 0 ? 1300 + static_cast<int>(random() % 500)
                                      : static_cast<int>(random() % 400);
    const uint64_t promised = rows_a_second_before_the_kill(path, session, round % 2 == 0, run_ms);
    Database database(path);
    REQUIRE(database.check().ok);
    const auto log = open_log_store(database, session)->snapshot();
    REQUIRE(log->n_rows() >= promised);
    n_checked += promised > 0;
    for (uint64_t row = 0; row < log->n_rows(); row += log->n_rows() / 50 + 1) {
      REQUIRE(log->row(row).raw == text_of(row));
    }
    if (log->n_rows() > 0) REQUIRE(log->row(log->n_rows() - 1).raw == text_of(log->n_rows() - 1));
    if (log->n_rows() < 3'000'000) continue;
    database.prepare("delete from log_chunk where session_id = ?").with(session).run();
    database.prepare("delete from log_tail where session_id = ?").with(session).run();
  }
  CHECK(n_checked >= 8);
}
